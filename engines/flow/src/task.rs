//! What waits for whom. A task is open until its act is done; it is for one person, or for everyone who has its
//! permission and whose scope reaches its institution.

use serde_json::Value as Json;
use yiti_directory::{Actor, Cx, InstitutionId, PersonId};
use yiti_kernel::{Due, Timestamp, Uuid};
use yiti_store::{Error, Reader, Row, args, sql};

use crate::case::CaseId;

/// What is needed to open a task.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Its case.
    pub case: CaseId,
    /// What is to be done: `grade`, `read`, `approve`. One open task of a kind for a case.
    pub kind: &'static str,
    /// Who may do it.
    pub permission: &'static str,
    /// Where.
    pub institution: InstitutionId,
    /// For one person only.
    pub person: Option<PersonId>,
    /// 0 comes first.
    pub priority_rank: u8,
    /// Until when.
    pub due: Option<Due>,
    /// What a list shows: fields for the label of the kind.
    pub title: Json,
    /// The page where it is done.
    pub link: String,
}

/// An open task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its case.
    pub case: CaseId,
    /// What is to be done.
    pub kind: String,
    /// Where.
    pub institution: InstitutionId,
    /// For one person only.
    pub person: Option<PersonId>,
    /// 0 comes first.
    pub priority_rank: u8,
    /// Until when.
    pub due: Option<Due>,
    /// Fields for the label.
    pub title: Json,
    /// The page where it is done.
    pub link: String,
    /// Since when it waits.
    pub opened_at: Timestamp,
}

/// Opens a task, or brings the open one of the same kind up to date.
///
/// # Errors
/// Whatever the store says.
pub async fn open(cx: &mut Cx<'_>, new: &NewTask) -> Result<(), Error> {
    close(cx, new.case, new.kind).await?;
    cx.tx
        .execute(
            sql!(
                "insert into task (id, case_id, kind, permission, institution_id, person_id, priority_rank, due_at, warn_at,
                     title, link, opened_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
            ),
            args![
                yiti_kernel::fresh(),
                new.case.0,
                new.kind,
                new.permission,
                new.institution.0,
                new.person.map(|p| p.0),
                new.priority_rank,
                new.due.map(|due| due.at),
                new.due.and_then(|due| due.warn_at),
                new.title.to_string(),
                &new.link,
                cx.now,
            ],
        )
        .await?;
    Ok(())
}

/// Closes the open task of a kind, if there is one.
///
/// # Errors
/// Whatever the store says.
pub async fn close(cx: &mut Cx<'_>, case: CaseId, kind: &str) -> Result<(), Error> {
    cx.tx
        .execute(
            sql!("update task set closed_at = $3 where case_id = $1 and kind = $2 and closed_at is null"),
            args![case.0, kind, cx.now],
        )
        .await?;
    Ok(())
}

/// Closes all open tasks of a case.
///
/// # Errors
/// Whatever the store says.
pub async fn close_all(cx: &mut Cx<'_>, case: CaseId) -> Result<(), Error> {
    cx.tx
        .execute(sql!("update task set closed_at = $2 where case_id = $1 and closed_at is null"), args![case.0, cx.now])
        .await?;
    Ok(())
}

fn of_row(row: &Row) -> Result<Task, Error> {
    let (title, due): (String, Option<Timestamp>) = (row.get("title")?, row.get("due_at")?);
    Ok(Task {
        case: row.id("case_id")?,
        kind: row.get("kind")?,
        institution: row.id("institution_id")?,
        person: row.optional_id("person_id")?,
        priority_rank: row.get("priority_rank")?,
        due: due.map(|at| Ok::<_, Error>(Due { at, warn_at: row.get("warn_at")? })).transpose()?,
        title: serde_json::from_str(&title).map_err(|e| Error::Corrupt { what: "task", why: e.to_string() })?,
        link: row.get("link")?,
        opened_at: row.get("opened_at")?,
    })
}

/// What waits for `actor`, the most urgent first, at most `limit`.
///
/// # Errors
/// Whatever the store says.
pub async fn waiting(reader: &mut Reader, actor: &Actor, limit: u32) -> Result<Vec<Task>, Error> {
    let person = actor.person.map_or(Uuid::nil(), |p| p.0);
    let mut tasks = Vec::new();
    // Only under which permissions something waits is asked here, not what is overdue.
    for Count { permission, .. } in counts(reader, actor, Timestamp::MIN).await? {
        let rows = reader
            .rows(
                sql!(
                    "select t.* from task t join institution i on i.id = t.institution_id
                     where t.closed_at is null and t.permission = $1 and i.tree_low between $2 and $3
                         and (t.person_id is null or t.person_id = $4)
                     order by t.priority_rank, t.due_at, t.opened_at limit $5"
                ),
                args![permission, actor.scope.low, actor.scope.high, person, limit],
            )
            .await?;
        for row in &rows {
            tasks.push(of_row(row)?);
        }
    }
    tasks.sort_by_key(|t| (t.priority_rank, t.due.map_or(Timestamp::MAX, |due| due.at), t.opened_at));
    tasks.truncate(limit as usize);
    Ok(tasks)
}

/// What waits under one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The permission.
    pub permission: String,
    /// Open tasks.
    pub open: i64,
    /// Of these, overdue.
    pub overdue: i64,
}

/// How many tasks of `actor` are open and overdue at `now`, by permission.
///
/// # Errors
/// Whatever the store says.
pub async fn counts(reader: &mut Reader, actor: &Actor, now: Timestamp) -> Result<Vec<Count>, Error> {
    let person = actor.person.map_or(Uuid::nil(), |p| p.0);
    // Counted in an index alone (`task_counted`): every page asks.
    let rows = reader
        .rows(
            sql!(
                "select t.permission, count(*) as n, count(case when t.due_at < $4 then 1 end) as overdue from task t
                 where t.closed_at is null and (t.person_id is null or t.person_id = $3)
                     and t.institution_id in (select id from institution where tree_low between $1 and $2)
                 group by t.permission order by t.permission"
            ),
            args![actor.scope.low, actor.scope.high, person, now],
        )
        .await?;
    let mut counts = Vec::with_capacity(rows.len());
    for row in &rows {
        let permission: String = row.get("permission")?;
        if actor.may(&permission) {
            counts.push(Count { permission, open: row.get("n")?, overdue: row.get("overdue")? });
        }
    }
    Ok(counts)
}
