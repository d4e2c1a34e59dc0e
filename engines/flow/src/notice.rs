//! Messages: what someone should know. For one person, or for everyone who has a permission where it happened.

use serde_json::Value as Json;
use yiti_directory::{Actor, Cx, InstitutionId, PersonId};
use yiti_kernel::{Timestamp, Uuid, id_type};
use yiti_store::{Error, Reader, args, sql};

id_type!(
    /// Names a notice.
    NoticeId
);

/// What is needed to tell something.
#[derive(Debug, Clone)]
pub struct NewNotice {
    /// For one person; then `permission` is empty.
    pub person: Option<PersonId>,
    /// For everyone who has it at `institution`; empty when one person is meant.
    pub permission: &'static str,
    /// Where it happened.
    pub institution: InstitutionId,
    /// Which text: `locales` key `notice.<topic>`.
    pub topic: &'static str,
    /// Fields for the text.
    pub params: Json,
    /// The page that shows more.
    pub link: String,
    /// To be shown first.
    pub is_urgent: bool,
}

/// A notice as one person sees it.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Identifier.
    pub id: NoticeId,
    /// Which text.
    pub topic: String,
    /// Fields for the text.
    pub params: Json,
    /// The page that shows more.
    pub link: String,
    /// To be shown first.
    pub is_urgent: bool,
    /// Where it happened.
    pub institution: InstitutionId,
    /// When it was told.
    pub created_at: Timestamp,
    /// When this person read it.
    pub read_at: Option<Timestamp>,
}

/// Tells something.
///
/// # Errors
/// Whatever the store says.
pub async fn tell(cx: &mut Cx<'_>, new: &NewNotice) -> Result<(), Error> {
    cx.tx
        .execute(
            sql!(
                "insert into notice (id, person_id, permission, institution_id, topic, params, link, is_urgent, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            ),
            args![
                NoticeId::fresh().0,
                new.person.map(|p| p.0),
                new.permission,
                new.institution.0,
                new.topic,
                new.params.to_string(),
                &new.link,
                new.is_urgent,
                cx.now,
            ],
        )
        .await?;
    cx.announce("notice", new.institution);
    Ok(())
}

/// The newest notices for `actor`, told since `since`, at most `limit`.
///
/// # Errors
/// Whatever the store says.
pub async fn list(reader: &mut Reader, actor: &Actor, since: Timestamp, limit: u32) -> Result<Vec<Notice>, Error> {
    let person = actor.person.map_or(Uuid::nil(), |p| p.0);
    let rows = reader
        .rows(
            sql!(
                "select n.*, r.read_at from notice n join institution i on i.id = n.institution_id
                 left join notice_read r on r.notice_id = n.id and r.person_id = $1
                 where n.created_at >= $2 and (n.person_id = $1
                     or (n.person_id is null and i.tree_low between $3 and $4))
                 order by n.created_at desc, n.id desc limit $5"
            ),
            args![person, since, actor.scope.low, actor.scope.high, limit.saturating_mul(4)],
        )
        .await?;
    let mut notices = Vec::new();
    for row in &rows {
        let permission: String = row.get("permission")?;
        if !permission.is_empty() && !actor.may(&permission) {
            continue;
        }
        let params: String = row.get("params")?;
        notices.push(Notice {
            id: row.id("id")?,
            topic: row.get("topic")?,
            params: serde_json::from_str(&params).map_err(|e| Error::Corrupt { what: "notice", why: e.to_string() })?,
            link: row.get("link")?,
            is_urgent: row.get("is_urgent")?,
            institution: row.id("institution_id")?,
            created_at: row.get("created_at")?,
            read_at: row.get("read_at")?,
        });
    }
    notices.truncate(limit as usize);
    Ok(notices)
}

/// Writes that the actor has read a notice.
///
/// # Errors
/// Whatever the store says.
pub async fn mark_read(cx: &mut Cx<'_>, id: NoticeId) -> Result<(), Error> {
    let Some(person) = cx.actor.person else { return Ok(()) };
    cx.tx
        .execute(
            sql!("insert into notice_read (notice_id, person_id, read_at) values ($1, $2, $3) on conflict do nothing"),
            args![id.0, person.0, cx.now],
        )
        .await?;
    Ok(())
}
