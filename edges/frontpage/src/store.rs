//! Rows of imports: what came in when, from which file, and what became of it; all SQL of this edge.

use yiti_directory::{InstitutionId, PersonId, Scope};
use yiti_drg::columns::Standard;
use yiti_drg::regrouping::process;
use yiti_kernel::{Lang, Timestamp, Uuid, id_type};
use yiti_record::front_page::FrontPageId;
use yiti_store::{Digest, Error, Reader, Row, Tx, args, sql};

use crate::read::Place;
use crate::report::{Counts, Summary};

id_type!(
    /// Names an import.
    ImportId
);

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This process works on it.
    Running,
    /// Another process worked on it and is gone.
    Interrupted,
    /// Every row was read.
    Done,
    /// It failed; the log says why.
    Failed,
}

impl Progress {
    /// Key of its words below `front_page_import.status`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its identifier.
    pub id: ImportId,
    /// The institution of the stays.
    pub institution: InstitutionId,
    /// Name of the file.
    pub file_name: String,
    /// SHA-256 of the file.
    pub file_digest: Digest,
    /// Its length.
    pub file_bytes: u64,
    /// The form that was recognised.
    pub standard: Standard,
    /// Where it stands.
    pub progress: Progress,
    /// Rows of the file.
    pub total_count: u64,
    /// What became of those that were read.
    pub counts: Counts,
    /// Mends and broken rules; empty until it is done.
    pub summary: Summary,
    /// Who began it; `None`: the command.
    pub started_by: Option<PersonId>,
    /// Their name then.
    pub started_name: String,
    /// When.
    pub started_at: Timestamp,
    /// When it ended, however.
    pub ended_at: Option<Timestamp>,
}

/// A page that is new or got a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// Its row in the file.
    pub place: Place,
    /// The page.
    pub page: FrontPageId,
    /// The version it got; 1 for a new one.
    pub version: u32,
}

fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn corrupt(what: &'static str, why: impl ToString) -> Error {
    Error::Corrupt { what, why: why.to_string() }
}

fn of_row(row: &Row) -> Result<ImportRow, Error> {
    let count = |name: &str| row.get::<i64>(name).map(i64::unsigned_abs);
    let text = |name: &str| row.get::<String>(name);
    let progress = match text("status")?.as_str() {
        "running" if row.id::<Uuid>("process")? == process() => Progress::Running,
        "running" => Progress::Interrupted,
        "done" => Progress::Done,
        "failed" => Progress::Failed,
        other => return Err(corrupt("status of an import", other)),
    };
    let form = text("form")?;
    Ok(ImportRow {
        id: row.id("id")?,
        institution: row.id("institution_id")?,
        file_name: text("file_name")?,
        file_digest: row.get("file_digest")?,
        file_bytes: count("file_bytes")?,
        standard: Standard::from_key(&form).ok_or_else(|| corrupt("form of an import", &form))?,
        progress,
        total_count: count("total_count")?,
        counts: Counts {
            rows: count("row_count")?,
            new: count("new_count")?,
            unchanged: count("unchanged_count")?,
            versions: count("version_count")?,
            refused: count("refused_count")?,
            blocked: count("blocked_count")?,
        },
        summary: serde_json::from_str(&text("summary")?).map_err(|why| corrupt("summary of an import", why))?,
        started_by: row.optional_id("started_by")?,
        started_name: text("started_name")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
    })
}

fn written(summary: &Summary) -> Result<String, Error> {
    serde_json::to_string(summary).map_err(|why| corrupt("summary of an import", why))
}

/// Keeps an import that begins.
///
/// # Errors
/// Whatever the store says.
pub async fn add(tx: &mut Tx, row: &ImportRow, process: Uuid) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into front_page_import (id, institution_id, file_name, file_digest, file_bytes, form, status,
                 process, total_count, row_count, new_count, version_count, unchanged_count, refused_count,
                 blocked_count, summary, started_by, started_name, started_at, ended_at)
             values ($1, $2, $3, $4, $5, $6, 'running', $7, $8, 0, 0, 0, 0, 0, 0, $9, $10, $11, $12, null)"
        ),
        args![
            row.id.0,
            row.institution.0,
            &row.file_name,
            row.file_digest,
            int(row.file_bytes),
            row.standard.key(),
            process,
            int(row.total_count),
            written(&row.summary)?,
            row.started_by.map(|person| person.0),
            &row.started_name,
            row.started_at,
        ],
    )
    .await?;
    Ok(())
}

/// Keeps what a portion gave: the counts so far, and pages that are new or changed.
///
/// # Errors
/// [`Error::Stale`] when the import does not run, or whatever the store says.
pub async fn advance(
    tx: &mut Tx,
    (id, process): (ImportId, Uuid),
    counts: Counts,
    arrived: &[Arrived],
) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "update front_page_import set row_count = $3, new_count = $4, version_count = $5, unchanged_count = $6,
                 refused_count = $7, blocked_count = $8
             where id = $1 and process = $2 and status = 'running'"
        ),
        args![
            id.0,
            process,
            int(counts.rows),
            int(counts.new),
            int(counts.versions),
            int(counts.unchanged),
            int(counts.refused),
            int(counts.blocked),
        ],
    )
    .await?;
    for one in arrived {
        tx.execute(
            sql!(
                "insert into front_page_import_stay (import_id, place, front_page_id, version)
                 values ($1, $2, $3, $4)"
            ),
            args![id.0, int(one.place.0), one.page.0, one.version],
        )
        .await?;
    }
    Ok(())
}

/// Ends an import that is done, with its error files.
///
/// # Errors
/// [`Error::Stale`] when it does not run, or whatever the store says.
pub async fn finish(
    tx: &mut Tx,
    id: ImportId,
    summary: &Summary,
    files: &[(Lang, Digest)],
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "update front_page_import set status = 'done', summary = $2, ended_at = $3
             where id = $1 and status = 'running'"
        ),
        args![id.0, written(summary)?, at],
    )
    .await?;
    for (lang, digest) in files {
        tx.execute(
            sql!("insert into front_page_import_errors (import_id, language, digest) values ($1, $2, $3)"),
            args![id.0, lang.tag(), *digest],
        )
        .await?;
    }
    Ok(())
}

/// Ends an import that failed. One that is over stays as it is.
///
/// # Errors
/// Whatever the store says.
pub async fn fail(tx: &mut Tx, id: ImportId, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        sql!("update front_page_import set status = 'failed', ended_at = $2 where id = $1 and status = 'running'"),
        args![id.0, at],
    )
    .await?;
    Ok(())
}

/// An import for an institution inside `scope`.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn get(reader: &mut Reader, scope: Scope, id: ImportId) -> Result<ImportRow, Error> {
    let row = reader
        .one(
            sql!(
                "select f.* from front_page_import f join institution i on i.id = f.institution_id
                 where f.id = $1 and i.tree_low between $2 and $3"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    of_row(&row)
}

/// Imports for institutions inside `scope`, the newest first, and how many there are.
///
/// # Errors
/// Whatever the store says.
pub async fn list(
    reader: &mut Reader,
    scope: Scope,
    (limit, offset): (u32, u32),
) -> Result<(Vec<ImportRow>, u32), Error> {
    let rows = reader
        .rows(
            sql!(
                "select f.* from front_page_import f join institution i on i.id = f.institution_id
                 where i.tree_low between $1 and $2 order by f.started_at desc, f.id desc limit $3 offset $4"
            ),
            args![scope.low, scope.high, limit, offset],
        )
        .await?;
    let count = reader
        .one(
            sql!(
                "select count(*) as n from front_page_import f join institution i on i.id = f.institution_id
                 where i.tree_low between $1 and $2"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    Ok((rows.iter().map(of_row).collect::<Result<_, _>>()?, count.get("n")?))
}

/// Pages that were new or got a version by an import, in the order of the file.
///
/// # Errors
/// Whatever the store says.
pub async fn arrived(reader: &mut Reader, id: ImportId, (limit, offset): (u32, u32)) -> Result<Vec<Arrived>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select place, front_page_id, version from front_page_import_stay
                 where import_id = $1 order by place limit $2 offset $3"
            ),
            args![id.0, limit, offset],
        )
        .await?;
    let of = |row: &Row| {
        let place = Place(row.get::<i64>("place")?.unsigned_abs());
        Ok(Arrived { place, page: row.id("front_page_id")?, version: row.get("version")? })
    };
    rows.iter().map(of).collect()
}

/// The error file of an import in a language; `None` when it has none.
///
/// # Errors
/// Whatever the store says.
pub async fn error_file(reader: &mut Reader, id: ImportId, lang: Lang) -> Result<Option<Digest>, Error> {
    let row = reader
        .row(
            sql!("select digest from front_page_import_errors where import_id = $1 and language = $2"),
            args![id.0, lang.tag()],
        )
        .await?;
    row.map(|row| row.get("digest")).transpose()
}
