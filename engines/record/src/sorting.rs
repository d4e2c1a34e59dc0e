//! A person puts pictures in order that identifiers have mixed up: splits a study, moves series to another study of the
//! same institution, finds that two studies rightly are two; and takes each of these back.
//!
//! Nothing is lost and nothing copied: instances change their series, every step is remembered instance by instance, and
//! the last step of a study can be undone until a later one builds on it. Left out: who may do it, and what an order has
//! to do with it (the slice).

use serde_json::json;
use yiti_directory::{Cx, InstitutionId};
use yiti_kernel::{Timestamp, id_type};
use yiti_store::{Error, Reader, Row, args, sql};

use crate::imaging::{self, Series, SeriesId, Study, StudyId};
use crate::matching::Unmatched;

id_type!(
    /// Names a step of sorting.
    SortId
);

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Series became a study of their own.
    Split,
    /// Series went to another study.
    Move,
    /// Two studies are rightly two.
    Apart,
}

impl Kind {
    /// As stored and as key in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Move => "move",
            Self::Apart => "apart",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        [Self::Split, Self::Move, Self::Apart].into_iter().find(|kind| kind.key() == key)
    }
}

/// A step as it was taken.
#[derive(Debug, Clone)]
pub struct Sort {
    /// Identifier.
    pub id: SortId,
    /// What was done.
    pub kind: Kind,
    /// From where.
    pub from: StudyId,
    /// To where; `None` when nothing was moved.
    pub to: Option<StudyId>,
    /// How many instances.
    pub instance_count: u32,
    /// By whom.
    pub by_name: String,
    /// When.
    pub at: Timestamp,
    conflict: Option<String>,
    conflict_with: Option<StudyId>,
    unmatched: Option<String>,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No series was named, or one that the study does not have.
    #[error("a series of the study must be named")]
    NoSeries,
    /// A study cannot be split off from itself.
    #[error("one series at least stays")]
    NothingStays,
    /// The other study shares no identifier, or belongs to another institution.
    #[error("pictures move between studies of one institution that share identifiers")]
    Unrelated,
    /// Both studies hold an instance of the same name.
    #[error("both studies hold the same SOP Instance UIDs")]
    SameInstances,
    /// The study has an order, of which all pictures would be taken.
    #[error("the study has an order; the match must be undone first")]
    HasOrder,
    /// There is no conflict to settle.
    #[error("the study is in no conflict")]
    NoConflict,
    /// A later step builds on it, or it was undone.
    #[error("only the last step can be undone")]
    NotLast,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

fn of_row(row: &Row) -> Result<Sort, Error> {
    let kind: String = row.get("kind")?;
    Ok(Sort {
        id: row.id("id")?,
        kind: Kind::from_key(&kind).ok_or(Error::Corrupt { what: "imaging_sort", why: kind })?,
        from: row.id("from_study_id")?,
        to: row.optional_id("to_study_id")?,
        instance_count: row.get("instance_count")?,
        by_name: row.get("by_name")?,
        at: row.get("at")?,
        conflict: row.get("conflict_reason")?,
        conflict_with: row.optional_id("conflict_with")?,
        unmatched: row.get("unmatched_reason")?,
    })
}

/// The steps that were taken with a study and not undone, the last first.
///
/// # Errors
/// Whatever the store says.
pub async fn steps(reader: &mut Reader, study: StudyId) -> Result<Vec<Sort>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select * from imaging_sort where (from_study_id = $1 or to_study_id = $1) and undone_at is null
                 order by at desc, id desc"
            ),
            args![study.0],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// The studies of the same institution that a study has to do with: those under the same Study Instance UID, and those
/// it is in conflict with on either side. The first to come first.
///
/// # Errors
/// Whatever the store says.
pub async fn related(reader: &mut Reader, study: &Study) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select * from imaging_study where institution_id = $1 and id <> $2 and instance_count > 0
                     and (study_uid = $3 or id = $4 or conflict_with = $2) order by id"
            ),
            args![study.institution.0, study.id.0, &study.study_uid, study.conflict_with.map(|id| id.0)],
        )
        .await?;
    rows.iter().map(imaging::of_row).collect()
}

/// The series of `study` that are named.
async fn chosen(reader: &mut Reader, study: &Study, wanted: &[SeriesId]) -> Result<(Vec<Series>, bool), Refused> {
    let all = imaging::series(reader, study.id).await?;
    let count = all.len();
    let chosen: Vec<Series> = all.into_iter().filter(|series| wanted.contains(&series.id)).collect();
    if chosen.is_empty() || wanted.iter().any(|id| !chosen.iter().any(|series| series.id == *id)) {
        return Err(Refused::NoSeries);
    }
    let is_all = chosen.len() == count;
    Ok((chosen, is_all))
}

/// Makes series of `study` a study of their own, which waits for its order.
///
/// # Errors
/// [`Refused`].
pub async fn split(cx: &mut Cx<'_>, study: &Study, series: &[SeriesId]) -> Result<StudyId, Refused> {
    let (series, is_all) = chosen(cx.tx, study, series).await?;
    if is_all {
        return Err(Refused::NothingStays);
    }
    let id = StudyId::fresh();
    let address = imaging::free_address(cx.tx, id, &study.study_uid).await?;
    cx.tx
        .execute_one(
            sql!(
                "insert into imaging_study (id, address, study_uid, institution_id, unmatched_reason, accession_number,
                     seen_patient_number, seen_patient_name, seen_sex, seen_birth_on, study_id_text, description,
                     modalities, body_part, referring, study_on, study_time, examined_at, first_arrived_at,
                     last_arrived_at, completed_at, series_count, instance_count, name_folded, oddities)
                 select $2, $3, study_uid, institution_id, $4, accession_number, seen_patient_number, seen_patient_name,
                     seen_sex, seen_birth_on, study_id_text, description, modalities, body_part, referring, study_on,
                     study_time, examined_at, first_arrived_at, last_arrived_at, $5, 0, 0, name_folded, oddities
                 from imaging_study where id = $1"
            ),
            args![study.id.0, id.0, address, Unmatched::Split.key(), cx.now],
        )
        .await?;
    let to = imaging::get(cx.tx, id).await?;
    carry(cx, Kind::Split, study, &series, &to).await?;
    Ok(id)
}

/// Moves series of `from` to a study that it is [`related`] to.
///
/// # Errors
/// [`Refused`].
pub async fn move_to(cx: &mut Cx<'_>, from: &Study, series: &[SeriesId], to: &Study) -> Result<(), Refused> {
    // Any other study is reached through its order: split, then match.
    if !related(cx.tx, from).await?.iter().any(|study| study.id == to.id) {
        return Err(Refused::Unrelated);
    }
    let (series, is_all) = chosen(cx.tx, from, series).await?;
    if is_all && from.request.is_some() {
        return Err(Refused::HasOrder);
    }
    carry(cx, Kind::Move, from, &series, to).await?;
    if is_all {
        // Nothing of it is left to look for an order, or to be in conflict.
        clear(cx, from).await?;
    }
    Ok(())
}

/// A person has looked: the two studies are rightly two.
///
/// # Errors
/// [`Refused::NoConflict`].
pub async fn keep_apart(cx: &mut Cx<'_>, study: &Study) -> Result<(), Refused> {
    if study.conflict.is_none() {
        return Err(Refused::NoConflict);
    }
    remember(cx, Kind::Apart, study, None, 0).await?;
    cx.tx
        .execute_one(
            sql!("update imaging_study set conflict_reason = null, conflict_with = null where id = $1"),
            args![study.id.0],
        )
        .await?;
    Ok(())
}

/// Takes a step back, when nothing was built on it.
///
/// # Errors
/// [`Refused`].
pub async fn undo(cx: &mut Cx<'_>, institution: InstitutionId, id: SortId) -> Result<Sort, Refused> {
    let row = cx
        .tx
        .row(
            sql!("select * from imaging_sort where id = $1 and institution_id = $2 and undone_at is null"),
            args![id.0, institution.0],
        )
        .await?;
    let sort = of_row(&row.ok_or(Refused::NotLast)?)?;
    for study in [Some(sort.from), sort.to].into_iter().flatten() {
        if steps(cx.tx, study).await?.first().is_none_or(|last| last.id != id) {
            return Err(Refused::NotLast);
        }
    }
    if let Some(to) = sort.to {
        if sort.kind == Kind::Split && imaging::get(cx.tx, to).await?.request.is_some() {
            return Err(Refused::HasOrder);
        }
        bring_back(cx, id).await?;
        recount(cx, to).await?;
    }
    recount(cx, sort.from).await?;
    cx.tx
        .execute_one(
            sql!(
                "update imaging_study set conflict_reason = $2, conflict_with = $3,
                     unmatched_reason = case when request_id is null then $4 else unmatched_reason end
                 where id = $1"
            ),
            args![sort.from.0, sort.conflict.clone(), sort.conflict_with.map(|id| id.0), sort.unmatched.clone()],
        )
        .await?;
    for study in [Some(sort.from), sort.to].into_iter().flatten() {
        let study = imaging::get(cx.tx, study).await?;
        imaging::keep_document(cx, &study).await?;
    }
    cx.tx.execute_one(sql!("update imaging_sort set undone_at = $2 where id = $1"), args![id.0, cx.now]).await?;
    let detail = json!({ "step": id.0.to_string(), "kind": sort.kind.key() });
    cx.journal("imaging.sort_undo", ("imaging_study", Some(sort.from.0)), None, detail).await?;
    Ok(sort)
}

/// Brings the instances of a step back to the series they came from.
async fn bring_back(cx: &mut Cx<'_>, id: SortId) -> Result<(), Refused> {
    let pairs = cx
        .tx
        .rows(sql!("select distinct from_series_id, to_series_id from imaging_sorted where sort_id = $1"), args![id.0])
        .await?;
    for pair in pairs {
        let (from, to): (SeriesId, SeriesId) = (pair.id("from_series_id")?, pair.id("to_series_id")?);
        let both = cx
            .tx
            .row(
                sql!(
                    "select i.sop_uid from imaging_instance i join imaging_sorted d on d.sop_uid = i.sop_uid
                     where d.sort_id = $1 and d.from_series_id = $2 and d.to_series_id = $3 and i.series_id = $2 limit 1"
                ),
                args![id.0, from.0, to.0],
            )
            .await?;
        if both.is_some() {
            return Err(Refused::SameInstances);
        }
        cx.tx
            .execute(
                sql!(
                    "update imaging_instance set series_id = $2 where series_id = $3 and sop_uid in (select sop_uid
                         from imaging_sorted where sort_id = $1 and from_series_id = $2 and to_series_id = $3)"
                ),
                args![id.0, from.0, to.0],
            )
            .await?;
    }
    Ok(())
}

/// Carries series from one study to another and remembers each instance.
async fn carry(cx: &mut Cx<'_>, kind: Kind, from: &Study, series: &[Series], to: &Study) -> Result<(), Refused> {
    let count = series.iter().map(|series| series.instance_count).sum();
    let id = remember(cx, kind, from, Some(to.id), count).await?;
    for series in series {
        let target = series_in(cx, to.id, series).await?;
        let both = cx
            .tx
            .row(
                sql!(
                    "select a.sop_uid from imaging_instance a join imaging_instance b on b.sop_uid = a.sop_uid
                     join imaging_series s on s.id = b.series_id
                     where a.series_id = $1 and s.study_id = $2 limit 1"
                ),
                args![series.id.0, to.id.0],
            )
            .await?;
        if both.is_some() {
            return Err(Refused::SameInstances);
        }
        cx.tx
            .execute(
                sql!(
                    "insert into imaging_sorted (sort_id, from_series_id, sop_uid, to_series_id)
                     select $1, series_id, sop_uid, $3 from imaging_instance where series_id = $2"
                ),
                args![id.0, series.id.0, target.0],
            )
            .await?;
        cx.tx
            .execute(
                sql!("update imaging_instance set series_id = $2 where series_id = $1"),
                args![series.id.0, target.0],
            )
            .await?;
    }
    for study in [from.id, to.id] {
        recount(cx, study).await?;
        let study = imaging::get(cx.tx, study).await?;
        imaging::keep_document(cx, &study).await?;
    }
    Ok(())
}

/// The series of the same identifier in `study`; a new one when it has none.
async fn series_in(cx: &mut Cx<'_>, study: StudyId, like: &Series) -> Result<SeriesId, Error> {
    let known = cx
        .tx
        .row(
            sql!("select id from imaging_series where study_id = $1 and series_uid = $2"),
            args![study.0, &like.series_uid],
        )
        .await?;
    if let Some(row) = known {
        return row.id("id");
    }
    let id = SeriesId::fresh();
    cx.tx
        .execute_one(
            sql!(
                "insert into imaging_series (id, study_id, series_uid, modality, number, description, body_part,
                     instance_count)
                 select $1, $2, series_uid, modality, number, description, body_part, 0 from imaging_series where id = $3"
            ),
            args![id.0, study.0, like.id.0],
        )
        .await?;
    Ok(id)
}

async fn remember(
    cx: &mut Cx<'_>,
    kind: Kind,
    from: &Study,
    to: Option<StudyId>,
    instance_count: u32,
) -> Result<SortId, Error> {
    let id = SortId::fresh();
    cx.tx
        .execute_one(
            sql!(
                "insert into imaging_sort (id, kind, institution_id, from_study_id, to_study_id, conflict_reason,
                     conflict_with, unmatched_reason, instance_count, by_name, at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            ),
            args![
                id.0,
                kind.key(),
                from.institution.0,
                from.id.0,
                to.map(|id| id.0),
                from.conflict.clone(),
                from.conflict_with.map(|id| id.0),
                from.unmatched.clone(),
                instance_count,
                &cx.actor.name,
                cx.now,
            ],
        )
        .await?;
    let detail = json!({
        "step": id.0.to_string(), "kind": kind.key(), "to": to.map(|id| id.0.to_string()), "instances": instance_count,
    });
    let patient = from.patient.map(|patient| patient.0);
    cx.journal("imaging.sort", ("imaging_study", Some(from.id.0)), patient, detail).await?;
    Ok(id)
}

/// A study of which nothing is left waits for nothing.
async fn clear(cx: &mut Cx<'_>, study: &Study) -> Result<(), Error> {
    cx.tx
        .execute_one(
            sql!(
                "update imaging_study set conflict_reason = null, conflict_with = null, unmatched_reason = null
                 where id = $1"
            ),
            args![study.id.0],
        )
        .await
}

/// Counts again what a study holds.
async fn recount(cx: &mut Cx<'_>, study: StudyId) -> Result<(), Error> {
    cx.tx
        .execute(
            sql!(
                "update imaging_series set instance_count = (select count(*) from imaging_instance i
                     where i.series_id = imaging_series.id) where study_id = $1"
            ),
            args![study.0],
        )
        .await?;
    let series = imaging::series(cx.tx, study).await?;
    let mut modalities: Vec<&str> = Vec::new();
    for one in &series {
        if !modalities.contains(&one.modality.as_str()) {
            modalities.push(&one.modality);
        }
    }
    let instances: i64 = series.iter().map(|series| i64::from(series.instance_count)).sum();
    cx.tx
        .execute_one(
            sql!(
                "update imaging_study set series_count = $2, instance_count = $3,
                     modalities = case when $4 = '' then modalities else $4 end where id = $1"
            ),
            args![study.0, series.len() as i64, instances, modalities.join("\\")],
        )
        .await
}
