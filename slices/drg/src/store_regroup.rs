//! Rows of stays grouped and priced anew; all SQL of them.

use serde_json::json;
use yiti_directory::{InstitutionId, PersonId, Scope};
use yiti_kernel::{Date, Timestamp, Uuid, id_type};
use yiti_store::{Error, Reader, Row, Tx, args, sql};

use crate::regroup::{Changed, Kind, Totals};

id_type!(
    /// Names a comparison.
    RegroupRunId
);

/// Where a comparison stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This process works on it.
    Running,
    /// Another process worked on it and is gone.
    Interrupted,
    /// Every stay was compared.
    Done,
    /// Someone stopped it.
    Cancelled,
    /// It failed; the log says why.
    Failed,
}

impl Progress {
    /// Key of its words below `regroup_status`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its identifier.
    pub id: RegroupRunId,
    /// The node; stays of all institutions below it.
    pub institution: InstitutionId,
    /// First day of discharge.
    pub from_on: Date,
    /// Last day of discharge.
    pub until_on: Date,
    /// The scheme.
    pub scheme: String,
    /// Its hash.
    pub scheme_hash: String,
    /// The tariff; empty when only groups are compared.
    pub pack: String,
    /// Its hash.
    pub pack_hash: String,
    /// Where it stands.
    pub progress: Progress,
    /// Stays that there are.
    pub stay_count: u32,
    /// Stays that were compared.
    pub done_count: u32,
    /// Stays that change.
    pub changed_count: u32,
    /// Counts and sums.
    pub totals: Totals,
    /// Hash over the lines; empty until done.
    pub hash: String,
    /// Who started it.
    pub started_by: PersonId,
    /// Their name then.
    pub started_name: String,
    /// When.
    pub started_at: Timestamp,
    /// When it ended, however.
    pub ended_at: Option<Timestamp>,
}

fn corrupt(what: &'static str, why: impl ToString) -> Error {
    Error::Corrupt { what, why: why.to_string() }
}

fn run_of(row: &Row, process: Uuid) -> Result<RunRow, Error> {
    let (status, totals): (String, String) = (row.get("status")?, row.get("totals")?);
    let progress = match status.as_str() {
        "running" if row.id::<Uuid>("process")? == process => Progress::Running,
        "running" => Progress::Interrupted,
        "done" => Progress::Done,
        "cancelled" => Progress::Cancelled,
        "failed" => Progress::Failed,
        other => return Err(corrupt("regroup status", other)),
    };
    Ok(RunRow {
        id: row.id("id")?,
        institution: row.id("institution_id")?,
        from_on: row.get("from_on")?,
        until_on: row.get("until_on")?,
        scheme: row.get("scheme")?,
        scheme_hash: row.get("scheme_hash")?,
        pack: row.get("pack")?,
        pack_hash: row.get("pack_hash")?,
        progress,
        stay_count: row.get("stay_count")?,
        done_count: row.get("done_count")?,
        changed_count: row.get("changed_count")?,
        totals: serde_json::from_str(&totals).map_err(|why| corrupt("totals of a comparison", why))?,
        hash: row.get("hash")?,
        started_by: row.id("started_by")?,
        started_name: row.get("started_name")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
    })
}

/// How many final stays of a period there are inside `scope`.
///
/// # Errors
/// Whatever the store says.
pub async fn stay_count(reader: &mut Reader, scope: Scope, (from, until): (Date, Date)) -> Result<u32, Error> {
    let row = reader
        .one(
            sql!(
                "select count(*) as n from drg_stay s join institution i on i.id = s.institution_id
                 where i.tree_low between $1 and $2 and s.status = 'final' and s.discharged_on between $3 and $4"
            ),
            args![scope.low, scope.high, from, until],
        )
        .await?;
    row.get("n")
}

/// Keeps a comparison that begins.
///
/// # Errors
/// Whatever the store says.
pub async fn add_run(tx: &mut Tx, run: &RunRow, process: Uuid) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into drg_regroup_run (id, institution_id, from_on, until_on, scheme, scheme_hash, pack, pack_hash,
                 status, process, stay_count, done_count, changed_count, totals, hash, started_by, started_name,
                 started_at, ended_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, 'running', $9, $10, 0, 0, $11, '', $12, $13, $14, null)"
        ),
        args![
            run.id.0,
            run.institution.0,
            run.from_on,
            run.until_on,
            &run.scheme,
            &run.scheme_hash,
            &run.pack,
            &run.pack_hash,
            process,
            run.stay_count,
            json!(run.totals).to_string(),
            run.started_by.0,
            &run.started_name,
            run.started_at,
        ],
    )
    .await?;
    Ok(())
}

/// The comparison that `process` works on, if any.
///
/// # Errors
/// Whatever the store says.
pub async fn running(reader: &mut Reader, process: Uuid) -> Result<Option<RegroupRunId>, Error> {
    let row = reader
        .row(sql!("select id from drg_regroup_run where status = 'running' and process = $1"), args![process])
        .await?;
    row.map(|row| row.id("id")).transpose()
}

/// Keeps what a portion gave: lines from `place` on, and the sums so far. Gives false, and keeps nothing, when the
/// comparison no longer runs.
///
/// # Errors
/// Whatever the store says.
pub async fn advance(
    tx: &mut Tx,
    (id, process): (RegroupRunId, Uuid),
    totals: &Totals,
    (place, lines): (u32, &[Changed]),
) -> Result<bool, Error> {
    let updated = tx
        .execute(
            sql!(
                "update drg_regroup_run set done_count = $3, changed_count = $4, totals = $5
                 where id = $1 and process = $2 and status = 'running'"
            ),
            args![id.0, process, totals.stays, totals.changed(), json!(totals).to_string()],
        )
        .await?;
    if updated == 0 {
        return Ok(false);
    }
    if lines.is_empty() {
        return Ok(true);
    }
    let rows: Vec<_> = (i64::from(place)..)
        .zip(lines)
        .map(|(place, line)| {
            json!([
                place,
                line.stay.0.simple().to_string(),
                line.version,
                line.institution.0.simple().to_string(),
                line.department,
                line.medical_record_number,
                line.discharged_on.to_string(),
                line.kind.key(),
                line.scheme_before,
                line.drg_before,
                line.drg_after,
                line.weight_before,
                line.weight_after,
                line.pay_before,
                line.pay_after,
                json!(line.why).to_string(),
            ])
        })
        .collect();
    tx.execute(
        sql!(
            lite: "insert into drg_regroup_line
                 select $1, l.value ->> 0, unhex(l.value ->> 1), l.value ->> 2, unhex(l.value ->> 3), l.value ->> 4,
                     l.value ->> 5, l.value ->> 6, l.value ->> 7, l.value ->> 8, l.value ->> 9, l.value ->> 10,
                     l.value ->> 11, l.value ->> 12, l.value ->> 13, l.value ->> 14, l.value ->> 15
                 from json_each($2) l",
            pg: "insert into drg_regroup_line
                 select cast($1 as uuid), cast(l.value ->> 0 as bigint), cast(l.value ->> 1 as uuid),
                     cast(l.value ->> 2 as bigint), cast(l.value ->> 3 as uuid), l.value ->> 4, l.value ->> 5,
                     l.value ->> 6, l.value ->> 7, l.value ->> 8, l.value ->> 9, l.value ->> 10,
                     cast(l.value ->> 11 as bigint), cast(l.value ->> 12 as bigint), cast(l.value ->> 13 as bigint),
                     cast(l.value ->> 14 as bigint), l.value ->> 15
                 from jsonb_array_elements(cast(cast($2 as text) as jsonb)) l (value)"
        ),
        args![id.0, serde_json::Value::from(rows).to_string()],
    )
    .await?;
    Ok(true)
}

/// Ends a comparison that runs: `done`, `cancelled` or `failed`.
///
/// # Errors
/// [`Error::Stale`] when it does not run.
pub async fn end(tx: &mut Tx, id: RegroupRunId, progress: Progress, hash: &str, at: Timestamp) -> Result<(), Error> {
    tx.execute_one(
        sql!("update drg_regroup_run set status = $2, hash = $3, ended_at = $4 where id = $1 and status = 'running'"),
        args![id.0, progress.key(), hash, at],
    )
    .await
}

/// A comparison inside `scope`, seen from `process`.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn run(reader: &mut Reader, scope: Scope, process: Uuid, id: RegroupRunId) -> Result<RunRow, Error> {
    let row = reader
        .one(
            sql!(
                "select r.* from drg_regroup_run r join institution i on i.id = r.institution_id
                 where r.id = $1 and i.tree_low >= $2 and i.tree_high <= $3"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    run_of(&row, process)
}

/// Comparisons inside `scope`, the latest first; at most 100.
///
/// # Errors
/// Whatever the store says.
pub async fn runs(reader: &mut Reader, scope: Scope, process: Uuid) -> Result<Vec<RunRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select r.* from drg_regroup_run r join institution i on i.id = r.institution_id
                 where i.tree_low >= $1 and i.tree_high <= $2 order by r.started_at desc, r.id desc limit 100"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    rows.iter().map(|row| run_of(row, process)).collect()
}

/// Which lines of a comparison a list shows; empty means all.
#[derive(Debug, Clone, Default)]
pub struct LineFilter {
    /// Where the answers part; `moved` for every stay whose group changes.
    pub kind: String,
    /// The group before, or the letter of its category.
    pub before: String,
    /// The group after, or the letter of its category.
    pub after: String,
    /// Only of this institution.
    pub institution: Option<InstitutionId>,
}

/// A line with the name of the patient.
#[derive(Debug, Clone)]
pub struct LineRow {
    /// The line.
    pub changed: Changed,
    /// Name of the patient, as the stay has it now.
    pub patient_name: String,
}

/// Lines of a comparison, and how many there are.
///
/// # Errors
/// Whatever the store says.
pub async fn lines(
    reader: &mut Reader,
    run: RegroupRunId,
    filter: &LineFilter,
    (limit, offset): (u32, u32),
) -> Result<(Vec<LineRow>, u32), Error> {
    let conditions = args![run.0, &filter.kind, &filter.before, &filter.after, filter.institution.map(Uuid::from)];
    let count = reader
        .one(
            sql!(
                "select count(*) as n from drg_regroup_line l
                 where l.run_id = $1
                     and ($2 = '' or l.kind = $2 or ($2 = 'moved' and l.drg_before <> l.drg_after))
                     and ($3 = '' or l.drg_before = $3 or substr(l.drg_before, 1, 1) = $3)
                     and ($4 = '' or l.drg_after = $4 or substr(l.drg_after, 1, 1) = $4)
                     and (l.institution_id = $5 or $5 is null)"
            ),
            conditions,
        )
        .await?;
    let rows = reader
        .rows(
            sql!(
                "select l.*, s.patient_name from drg_regroup_line l join drg_stay s on s.id = l.stay_id
                 where l.run_id = $1
                     and ($2 = '' or l.kind = $2 or ($2 = 'moved' and l.drg_before <> l.drg_after))
                     and ($3 = '' or l.drg_before = $3 or substr(l.drg_before, 1, 1) = $3)
                     and ($4 = '' or l.drg_after = $4 or substr(l.drg_after, 1, 1) = $4)
                     and (l.institution_id = $5 or $5 is null)
                 order by l.place limit $6 offset $7"
            ),
            &[conditions, args![limit, offset]].concat(),
        )
        .await?;
    Ok((rows.iter().map(line_of).collect::<Result<_, _>>()?, count.get("n")?))
}

fn line_of(row: &Row) -> Result<LineRow, Error> {
    let (kind, why): (String, String) = (row.get("kind")?, row.get("why")?);
    Ok(LineRow {
        changed: Changed {
            stay: row.id("stay_id")?,
            version: row.get("version")?,
            institution: row.id("institution_id")?,
            department: row.get("department")?,
            medical_record_number: row.get("medical_record_number")?,
            discharged_on: row.get("discharged_on")?,
            kind: Kind::from_key(&kind).ok_or_else(|| corrupt("kind of change", kind))?,
            scheme_before: row.get("scheme_before")?,
            drg_before: row.get("drg_before")?,
            drg_after: row.get("drg_after")?,
            weight_before: row.get("weight_before")?,
            weight_after: row.get("weight_after")?,
            pay_before: row.get("pay_before")?,
            pay_after: row.get("pay_after")?,
            why: serde_json::from_str(&why).map_err(|why| corrupt("reason of a change", why))?,
        },
        patient_name: row.get("patient_name")?,
    })
}

/// Stays that share a way from one group to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The group before.
    pub before: String,
    /// The group after.
    pub after: String,
    /// How many stays.
    pub count: u32,
    /// Pay after less pay before, in fen, over the stays that have both; `None` when none has.
    pub pay: Option<i64>,
}

/// The ways of a comparison, the most frequent first, and how many there are. Those that keep their group are left out.
///
/// # Errors
/// Whatever the store says.
pub async fn moves(reader: &mut Reader, run: RegroupRunId, limit: u32) -> Result<(Vec<Move>, u32), Error> {
    let count = reader
        .one(
            sql!(
                "select count(*) as n from (select distinct l.drg_before, l.drg_after from drg_regroup_line l
                     where l.run_id = $1 and l.drg_before <> l.drg_after) m"
            ),
            args![run.0],
        )
        .await?;
    let rows = reader
        .rows(
            sql!(
                "select l.drg_before, l.drg_after, count(*) as n,
                     cast(sum(l.pay_after - l.pay_before) as bigint) as pay
                 from drg_regroup_line l where l.run_id = $1 and l.drg_before <> l.drg_after
                 group by l.drg_before, l.drg_after order by count(*) desc, l.drg_before, l.drg_after limit $2"
            ),
            args![run.0, limit],
        )
        .await?;
    let moves = rows.iter().map(|row| {
        Ok(Move {
            before: row.get("drg_before")?,
            after: row.get("drg_after")?,
            count: row.get("n")?,
            pay: row.get("pay")?,
        })
    });
    Ok((moves.collect::<Result<_, Error>>()?, count.get("n")?))
}

/// Stays that change from one main category to another: the first letter of the group before and after, and how many.
///
/// # Errors
/// Whatever the store says.
pub async fn categories(reader: &mut Reader, run: RegroupRunId) -> Result<Vec<(String, String, u32)>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select substr(l.drg_before, 1, 1) as a, substr(l.drg_after, 1, 1) as b, count(*) as n
                 from drg_regroup_line l where l.run_id = $1 and l.drg_before <> l.drg_after
                 group by substr(l.drg_before, 1, 1), substr(l.drg_after, 1, 1) order by 1, 2"
            ),
            args![run.0],
        )
        .await?;
    rows.iter().map(|row| Ok((row.get("a")?, row.get("b")?, row.get("n")?))).collect()
}

/// What changes at one institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The institution.
    pub institution: InstitutionId,
    /// Stays that change.
    pub count: u32,
    /// Stays whose group changes.
    pub moved: u32,
    /// Pay after less pay before, in fen, over the stays that have both; `None` when none has.
    pub pay: Option<i64>,
}

/// What changes at each institution, in the order of the tree.
///
/// # Errors
/// Whatever the store says.
pub async fn sites(reader: &mut Reader, run: RegroupRunId) -> Result<Vec<Site>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select l.institution_id, count(*) as n, count(*) filter (where l.drg_before <> l.drg_after) as moved,
                     cast(sum(l.pay_after - l.pay_before) as bigint) as pay
                 from drg_regroup_line l join institution i on i.id = l.institution_id
                 where l.run_id = $1 group by l.institution_id, i.tree_low order by i.tree_low"
            ),
            args![run.0],
        )
        .await?;
    let sites = rows.iter().map(|row| {
        Ok(Site {
            institution: row.id("institution_id")?,
            count: row.get("n")?,
            moved: row.get("moved")?,
            pay: row.get("pay")?,
        })
    });
    sites.collect()
}
