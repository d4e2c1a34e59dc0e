//! The journal: who did what, for which institution, to which patient, when it happened and when it was recorded.
//!
//! Append-only. Entry `n` carries `SHA-256(hash of n-1, newline, canonical JSON of the fields of n)`, so that a changed,
//! dropped, inserted or reordered entry breaks the chain. A cut tail is found by `journal_head` and by the witness file
//! `journal.heads` beside the database, to which the writer adds a line now and then.
//!
//! Leaves out: signatures over the head and copies at a second institution (they follow with signing).

use std::fmt;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use yiti_kernel::{Timestamp, Uuid};

use crate::{Error, Reader, Row, Tx, args, sql};

/// Who acts, as the journal names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// `person`, `device`, `system`.
    pub kind: &'static str,
    /// The person or device.
    pub id: Option<Uuid>,
    /// The name at the time of the act.
    pub name: String,
    /// The post in which the person acts.
    pub post: Option<Uuid>,
    /// The institution for which they act.
    pub institution: Option<Uuid>,
}

/// One entry to be appended.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who acted.
    pub by: &'a By,
    /// What was done: `diagnostics.approve`, `patient.read`.
    pub action: &'a str,
    /// The kind of thing: `remote_read`, `patient`.
    pub subject_kind: &'a str,
    /// The thing.
    pub subject: Option<Uuid>,
    /// The patient concerned.
    pub patient: Option<Uuid>,
    /// Why a patient was read: `treatment`, `quality`, ...; empty for acts.
    pub purpose: &'a str,
    /// What changed.
    pub detail: Json,
}

/// How the journal ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: i64,
    pub(crate) hash: String,
}

impl Head {
    fn start() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

/// What is wrong with the journal, at the first place where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The first entry that does not fit.
    pub seq: i64,
    /// What does not fit.
    pub why: Break,
}

/// The ways in which a journal can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// A number is missing: an entry was dropped.
    Missing,
    /// The fields do not give the entry's hash: it was changed.
    Changed,
    /// The entry does not follow from the one before it: inserted, reordered, or the one before was replaced.
    Unlinked,
    /// The journal ends before the head that was recorded: its tail was dropped.
    Cut,
    /// Another journal stood here when the witness line was written.
    Replaced,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Break::Missing => "the entry is missing",
            Break::Changed => "the entry was changed after it was written",
            Break::Unlinked => "the entry does not follow from the one before it",
            Break::Cut => "the journal ends too early",
            Break::Replaced => "the entry is not the one that the witness file names",
        };
        write!(f, "entry {}: {why}", self.seq)
    }
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many entries were read.
    pub entry_count: i64,
    /// The last hash.
    pub head: String,
    /// The first fault, `None` when the journal is whole.
    pub broken: Option<Broken>,
}

impl Tx {
    /// Appends an entry within the act's own transaction.
    ///
    /// # Errors
    /// [`Error::Database`] when it cannot be written; the act then fails with it.
    pub async fn journal(&mut self, entry: Entry<'_>) -> Result<i64, Error> {
        let head = match self.head.take() {
            Some(head) => head,
            None => last(self).await?,
        };
        let seq = head.seq + 1;
        let hash = entry_hash(&head.hash, &canonical(seq, &entry));
        self.execute_aside(
            sql!(
                "insert into journal (seq, occurred_at, recorded_at, actor_kind, actor_id, actor_name, post_id, institution_id,
                     action, subject_kind, subject_id, patient_id, purpose, detail, previous_hash, hash)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            ),
            args![
                seq,
                entry.occurred_at,
                entry.recorded_at,
                entry.by.kind,
                entry.by.id,
                &entry.by.name,
                entry.by.post,
                entry.by.institution,
                entry.action,
                entry.subject_kind,
                entry.subject,
                entry.patient,
                entry.purpose,
                entry.detail.to_string(),
                &head.hash,
                &hash,
            ],
        )
        .await?;
        self.head = Some(Head { seq, hash });
        self.appended = true;
        Ok(seq)
    }

    /// Writes how the journal ends; called once per group before its commit.
    pub(crate) async fn seal(&mut self) -> Result<Head, Error> {
        let head = match self.head.take() {
            Some(head) => head,
            None => last(self).await?,
        };
        self.execute_aside(
            sql!(
                "insert into journal_head (id, seq, hash) values (1, $1, $2)
                 on conflict (id) do update set seq = excluded.seq, hash = excluded.hash"
            ),
            args![head.seq, &head.hash],
        )
        .await?;
        Ok(head)
    }
}

/// What is asked of the journal; what is empty or `None` asks for nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A part of the actor's name.
    pub actor: String,
    /// The beginning of the action: `report.` or `report.issue`.
    pub action: String,
    /// The patient concerned.
    pub patient: Option<Uuid>,
    /// The thing.
    pub subject: Option<Uuid>,
    /// From this instant on, as recorded.
    pub from: Option<Timestamp>,
    /// Up to before this instant, as recorded.
    pub until: Option<Timestamp>,
}

/// An entry as it was written.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its number.
    pub seq: i64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// `person`, `device`, `system`.
    pub actor_kind: String,
    /// The name at the time of the act.
    pub actor_name: String,
    /// The institution for which they acted.
    pub institution: Option<Uuid>,
    /// What was done.
    pub action: String,
    /// The kind of thing.
    pub subject_kind: String,
    /// The thing.
    pub subject: Option<Uuid>,
    /// The patient concerned.
    pub patient: Option<Uuid>,
    /// Why a patient was read.
    pub purpose: String,
    /// What changed, JSON.
    pub detail: String,
    /// The hash of the entry.
    pub hash: String,
}

/// Entries that fit `filter`, the newest first, from before entry `before` on (0: from the newest).
///
/// # Errors
/// [`Error::Database`] when it cannot be read.
pub async fn list(reader: &mut Reader, filter: &Filter, before: i64, limit: u32) -> Result<Vec<Listed>, Error> {
    let contains = format!("%{}%", escaped(&filter.actor));
    let begins = format!("{}%", escaped(&filter.action));
    let rows = reader
        .rows(
            sql!(
                "select * from journal where ($1 = 0 or seq < $1) and actor_name like $2 escape '\\'
                     and action like $3 escape '\\' and (patient_id = $4 or $4 is null) and (subject_id = $5 or $5 is null)
                     and recorded_at >= $6 and recorded_at < $7 order by seq desc limit $8"
            ),
            args![
                before,
                contains,
                begins,
                filter.patient,
                filter.subject,
                filter.from.map_or(i64::MIN, Timestamp::as_microsecond),
                filter.until.map_or(i64::MAX, Timestamp::as_microsecond),
                limit,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                seq: row.get("seq")?,
                occurred_at: row.get("occurred_at")?,
                recorded_at: row.get("recorded_at")?,
                actor_kind: row.get("actor_kind")?,
                actor_name: row.get("actor_name")?,
                institution: row.get("institution_id")?,
                action: row.get("action")?,
                subject_kind: row.get("subject_kind")?,
                subject: row.get("subject_id")?,
                patient: row.get("patient_id")?,
                purpose: row.get("purpose")?,
                detail: row.get("detail")?,
                hash: row.get("hash")?,
            })
        })
        .collect()
}

/// `text` with the signs that mean something to `like` taken literally.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

async fn last(reader: &mut Reader) -> Result<Head, Error> {
    match reader.row(sql!("select seq, hash from journal order by seq desc limit 1"), args![]).await? {
        Some(row) => Ok(Head { seq: row.get("seq")?, hash: row.get("hash")? }),
        None => Ok(Head::start()),
    }
}

fn canonical(seq: i64, entry: &Entry<'_>) -> String {
    fields(
        seq,
        [entry.occurred_at, entry.recorded_at],
        [
            entry.by.kind,
            &id_text(entry.by.id),
            &entry.by.name,
            &id_text(entry.by.post),
            &id_text(entry.by.institution),
            entry.action,
            entry.subject_kind,
            &id_text(entry.subject),
            &id_text(entry.patient),
            entry.purpose,
            &entry.detail.to_string(),
        ],
    )
}

fn canonical_of_row(row: &Row) -> Result<String, Error> {
    Ok(fields(
        row.get("seq")?,
        [row.get("occurred_at")?, row.get("recorded_at")?],
        [
            &row.get::<String>("actor_kind")?,
            &id_text(row.get("actor_id")?),
            &row.get::<String>("actor_name")?,
            &id_text(row.get("post_id")?),
            &id_text(row.get("institution_id")?),
            &row.get::<String>("action")?,
            &row.get::<String>("subject_kind")?,
            &id_text(row.get("subject_id")?),
            &id_text(row.get("patient_id")?),
            &row.get::<String>("purpose")?,
            &row.get::<String>("detail")?,
        ],
    ))
}

fn fields(seq: i64, times: [Timestamp; 2], texts: [&str; 11]) -> String {
    serde_json::json!([seq, times.map(Timestamp::as_microsecond), texts]).to_string()
}

fn id_text(id: Option<Uuid>) -> String {
    id.map(|id| id.simple().to_string()).unwrap_or_default()
}

fn entry_hash(previous: &str, canonical: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(b"\n");
    hasher.update(canonical.as_bytes());
    hex::encode(hasher.finalize())
}

/// Reads the whole journal and checks every link. `witness` is the text of the witness file, one `seq hash` a line.
///
/// # Errors
/// [`Error::Database`] when it cannot be read; a broken chain is no error but a [`Verdict`].
pub async fn verify(reader: &mut Reader, witness: &str) -> Result<Verdict, Error> {
    const PAGE: i64 = 5_000;
    let mut witnessed = witness.lines().filter_map(|line| {
        let (seq, hash) = line.split_once(' ')?;
        Some((seq.parse::<i64>().ok()?, hash.to_owned()))
    });
    let mut next_witness = witnessed.next();
    let mut head = Head::start();
    let broken = |seq, why, head: &Head| Verdict {
        entry_count: head.seq,
        head: head.hash.clone(),
        broken: Some(Broken { seq, why }),
    };
    loop {
        let rows = reader
            .rows(sql!("select * from journal where seq > $1 order by seq limit $2"), args![head.seq, PAGE])
            .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let seq: i64 = row.get("seq")?;
            if seq != head.seq + 1 {
                return Ok(broken(head.seq + 1, Break::Missing, &head));
            }
            let (previous, hash): (String, String) = (row.get("previous_hash")?, row.get("hash")?);
            if entry_hash(&previous, &canonical_of_row(&row)?) != hash {
                return Ok(broken(seq, Break::Changed, &head));
            }
            if previous != head.hash {
                return Ok(broken(seq, Break::Unlinked, &head));
            }
            while let Some((at, expected)) = next_witness.take_if(|(at, _)| *at <= seq) {
                if at == seq && expected != hash {
                    return Ok(broken(seq, Break::Replaced, &head));
                }
                next_witness = witnessed.next();
            }
            head = Head { seq, hash };
        }
    }
    if let Some((at, _)) = next_witness {
        return Ok(broken(at, Break::Cut, &head));
    }
    let recorded = reader.row(sql!("select seq, hash from journal_head where id = 1"), args![]).await?;
    let recorded = match recorded {
        Some(row) => Head { seq: row.get("seq")?, hash: row.get("hash")? },
        None => Head::start(),
    };
    if recorded.seq > head.seq {
        return Ok(broken(head.seq + 1, Break::Cut, &head));
    }
    if recorded != head {
        return Ok(broken(recorded.seq + 1, Break::Unlinked, &head));
    }
    Ok(Verdict { entry_count: head.seq, head: head.hash, broken: None })
}
