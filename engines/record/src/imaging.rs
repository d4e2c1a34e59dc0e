//! Imaging studies as they arrive: study, series, instance rows, and where the bytes lie.
//!
//! Bytes are kept as received and addressed by digest; the same instance sent again changes nothing, another content
//! under the same SOP Instance UID is refused.

use serde_json::json;
use yiti_directory::{Cx, InstitutionId, Scope};
use yiti_kernel::{Date, Timestamp, id_type};
use yiti_store::{Digest, Error, Reader, Row, args, sql};

use crate::document::{self, About};
use crate::fhir;
use crate::matching::{self, Expected, Seen, Unmatched};
use crate::order::{self, Order, RequestId};
use crate::patient::{self, PatientId, Sex};

id_type!(
    /// Names a study of the record (not its Study Instance UID).
    StudyId
);
id_type!(
    /// Names a series of the record.
    SeriesId
);

/// One instance as an edge read its header.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// SOP Instance UID.
    pub sop_uid: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// Transfer syntax UID.
    pub transfer_syntax: String,
    /// Patient ID.
    pub patient_number: String,
    /// Patient Name, decoded; ends with [`matching::UNCERTAIN`] when its bytes do not fit their character set.
    pub patient_name: String,
    /// Patient Sex.
    pub sex: Sex,
    /// Patient birthday.
    pub birth_on: Option<Date>,
    /// Accession Number.
    pub accession_number: String,
    /// Study ID.
    pub study_id_text: String,
    /// Study Description.
    pub study_description: String,
    /// Referring Physician's Name.
    pub referring: String,
    /// Study Date.
    pub study_on: Option<Date>,
    /// Study Time as sent, `HHMMSS.ffffff`.
    pub study_time: String,
    /// When the picture was taken, by the modality's clock.
    pub examined_at: Option<Timestamp>,
    /// Modality.
    pub modality: String,
    /// Series Number.
    pub series_number: Option<i64>,
    /// Series Description.
    pub series_description: String,
    /// Body Part Examined.
    pub body_part: String,
    /// Instance Number.
    pub instance_number: Option<i64>,
    /// Rows.
    pub pixel_rows: Option<u32>,
    /// Columns.
    pub pixel_columns: Option<u32>,
    /// Number of Frames, 1 when not said.
    pub frame_count: u32,
    /// Bits Allocated.
    pub bits_allocated: Option<u16>,
    /// Digest of the stored file.
    pub digest: Digest,
    /// Length of the stored file.
    pub byte_count: u64,
    /// How many bytes from the start hold everything before the pixel data.
    pub header_bytes: u64,
}

/// What the arrival of an instance meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The study.
    pub study: StudyId,
    /// First instance of its study.
    pub is_new_study: bool,
    /// False when the same instance was there already.
    pub is_new_instance: bool,
}

/// Why an instance was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Another content is kept under this SOP Instance UID.
    #[error("another content is kept under SOP instance `{0}`")]
    Different(String),
    /// The study was first received by another institution.
    #[error("study `{0}` belongs to another institution")]
    Elsewhere(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A study.
#[derive(Debug, Clone)]
pub struct Study {
    /// Identifier.
    pub id: StudyId,
    /// Study Instance UID.
    pub study_uid: String,
    /// The institution that received it.
    pub institution: InstitutionId,
    /// Whose, once matched.
    pub patient: Option<PatientId>,
    /// Its order, once matched.
    pub request: Option<RequestId>,
    /// Why it has no order; `None` when it has one, or while it is still arriving.
    pub unmatched: Option<String>,
    /// Accession Number as sent.
    pub accession_number: String,
    /// Patient ID as sent.
    pub seen_patient_number: String,
    /// Patient Name as sent, decoded.
    pub seen_patient_name: String,
    /// Sex as sent.
    pub seen_sex: Sex,
    /// Birthday as sent.
    pub seen_birth_on: Option<Date>,
    /// Study ID.
    pub study_id_text: String,
    /// Study Description.
    pub description: String,
    /// Modalities, joined by `\`.
    pub modalities: String,
    /// Body part.
    pub body_part: String,
    /// Referring Physician's Name.
    pub referring: String,
    /// Study Date.
    pub study_on: Option<Date>,
    /// Study Time as sent.
    pub study_time: String,
    /// When the last picture was taken, by the modality's clock.
    pub examined_at: Option<Timestamp>,
    /// When its first instance was durable.
    pub first_arrived_at: Timestamp,
    /// When its last instance was durable.
    pub last_arrived_at: Timestamp,
    /// When it was taken as complete.
    pub completed_at: Option<Timestamp>,
    /// Series.
    pub series_count: u32,
    /// Instances.
    pub instance_count: u32,
}

/// A series.
#[derive(Debug, Clone)]
pub struct Series {
    /// Identifier.
    pub id: SeriesId,
    /// Its study.
    pub study: StudyId,
    /// Series Instance UID.
    pub series_uid: String,
    /// Modality.
    pub modality: String,
    /// Series Number.
    pub number: Option<i64>,
    /// Series Description.
    pub description: String,
    /// Body Part Examined.
    pub body_part: String,
    /// Instances.
    pub instance_count: u32,
}

/// An instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// SOP Instance UID.
    pub sop_uid: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Instance Number.
    pub number: Option<i64>,
    /// Transfer syntax UID.
    pub transfer_syntax: String,
    /// Rows.
    pub pixel_rows: Option<u32>,
    /// Columns.
    pub pixel_columns: Option<u32>,
    /// Frames.
    pub frame_count: u32,
    /// Bits Allocated.
    pub bits_allocated: Option<u16>,
    /// Digest of the stored file.
    pub digest: Digest,
    /// Its length.
    pub byte_count: u64,
    /// How many bytes from the start hold everything before the pixel data.
    pub header_bytes: u64,
}

/// Takes an instance whose bytes are part of the same act.
///
/// # Errors
/// [`Refused`].
pub async fn receive(cx: &mut Cx<'_>, institution: InstitutionId, new: &Arrived) -> Result<Received, Refused> {
    let known = cx
        .tx
        .row(
            sql!(
                "select i.digest, s.study_id from imaging_instance i join imaging_series s on s.id = i.series_id
                 where i.sop_uid = $1"
            ),
            args![&new.sop_uid],
        )
        .await?;
    if let Some(row) = known {
        return if row.get::<Digest>("digest")? == new.digest {
            Ok(Received { study: row.id("study_id")?, is_new_study: false, is_new_instance: false })
        } else {
            Err(Refused::Different(new.sop_uid.clone()))
        };
    }
    let (study, is_new_study) = study_for(cx, institution, new).await?;
    let series = series_for(cx, study, new).await?;
    cx.tx
        .execute(
            sql!(
                "insert into imaging_instance (sop_uid, series_id, sop_class, number, transfer_syntax, pixel_rows,
                     pixel_columns, frame_count, bits_allocated, digest, byte_count, header_bytes, arrived_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
            ),
            args![
                &new.sop_uid,
                series.0,
                &new.sop_class,
                new.instance_number,
                &new.transfer_syntax,
                new.pixel_rows,
                new.pixel_columns,
                new.frame_count,
                new.bits_allocated,
                new.digest,
                i64::try_from(new.byte_count).unwrap_or(i64::MAX),
                i64::try_from(new.header_bytes).unwrap_or(i64::MAX),
                cx.now,
            ],
        )
        .await?;
    cx.tx
        .execute(sql!("update imaging_series set instance_count = instance_count + 1 where id = $1"), args![series.0])
        .await?;
    cx.tx
        .execute(
            sql!(
                "update imaging_study set instance_count = instance_count + 1, last_arrived_at = $2,
                     examined_at = case when examined_at is null or examined_at < $3 then coalesce($3, examined_at)
                         else examined_at end
                 where id = $1"
            ),
            args![study.0, cx.now, new.examined_at],
        )
        .await?;
    Ok(Received { study, is_new_study, is_new_instance: true })
}

async fn study_for(cx: &mut Cx<'_>, institution: InstitutionId, new: &Arrived) -> Result<(StudyId, bool), Refused> {
    let row = cx
        .tx
        .row(
            sql!("select id, institution_id, modalities from imaging_study where study_uid = $1"),
            args![&new.study_uid],
        )
        .await?;
    if let Some(row) = row {
        if row.id::<InstitutionId>("institution_id")? != institution {
            return Err(Refused::Elsewhere(new.study_uid.clone()));
        }
        let (id, modalities): (StudyId, String) = (row.id("id")?, row.get("modalities")?);
        if !modalities.split('\\').any(|m| m == new.modality) {
            cx.tx
                .execute(
                    sql!("update imaging_study set modalities = $2 where id = $1"),
                    args![id.0, format!("{modalities}\\{}", new.modality)],
                )
                .await?;
        }
        return Ok((id, false));
    }
    let id = StudyId::fresh();
    cx.tx
        .execute(
            sql!(
                "insert into imaging_study (id, study_uid, institution_id, accession_number, seen_patient_number,
                     seen_patient_name, seen_sex, seen_birth_on, study_id_text, description, modalities, body_part,
                     referring, study_on, study_time, examined_at, first_arrived_at, last_arrived_at, series_count,
                     instance_count)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, 0, 0)"
            ),
            args![
                id.0,
                &new.study_uid,
                institution.0,
                &new.accession_number,
                &new.patient_number,
                &new.patient_name,
                new.sex.key(),
                new.birth_on,
                &new.study_id_text,
                &new.study_description,
                &new.modality,
                &new.body_part,
                &new.referring,
                new.study_on,
                &new.study_time,
                new.examined_at,
                cx.now,
            ],
        )
        .await?;
    let detail = json!({ "study_uid": new.study_uid, "accession_number": new.accession_number });
    cx.journal("imaging.arrive", ("imaging_study", Some(id.0)), None, detail).await?;
    Ok((id, true))
}

async fn series_for(cx: &mut Cx<'_>, study: StudyId, new: &Arrived) -> Result<SeriesId, Error> {
    let row = cx.tx.row(sql!("select id from imaging_series where series_uid = $1"), args![&new.series_uid]).await?;
    if let Some(row) = row {
        return row.id("id");
    }
    let id = SeriesId::fresh();
    cx.tx
        .execute(
            sql!(
                "insert into imaging_series (id, study_id, series_uid, modality, number, description, body_part,
                     instance_count) values ($1, $2, $3, $4, $5, $6, $7, 0)"
            ),
            args![
                id.0,
                study.0,
                &new.series_uid,
                &new.modality,
                new.series_number,
                &new.series_description,
                &new.body_part,
            ],
        )
        .await?;
    cx.tx
        .execute(sql!("update imaging_study set series_count = series_count + 1 where id = $1"), args![study.0])
        .await?;
    Ok(id)
}

/// What became of a study when it was taken as complete.
#[derive(Debug, Clone)]
pub enum Completed {
    /// It has met its order.
    Matched(Study, Box<Order>),
    /// It waits for a person to find its order.
    Unmatched(Study, Unmatched),
    /// It was complete before; more pictures have come.
    Again(Study),
}

/// Takes a study as complete: the sender has closed its association, or nothing came for a while. Looks for its order.
///
/// # Errors
/// Whatever the store says.
pub async fn complete(cx: &mut Cx<'_>, id: StudyId) -> Result<Completed, Error> {
    let mut study = get(cx.tx, id).await?;
    if study.completed_at.is_some() {
        keep_document(cx, &study).await?;
        return Ok(Completed::Again(study));
    }
    let scope = cx.tree.get(study.institution).map(|node| node.scope).ok_or(Error::NotFound)?;
    let order = match study.accession_number.trim() {
        "" => None,
        number => order::by_accession(cx.tx, scope, number).await?,
    };
    let patient = match &order {
        Some(order) => Some(patient::get(cx.tx, order.patient).await?),
        None => None,
    };
    let expected =
        patient.as_ref().map(|p| Expected { number: &p.number, name: &p.name, sex: p.sex, birth_on: p.birth_on });
    let seen = Seen {
        number: &study.seen_patient_number,
        name: &study.seen_patient_name,
        sex: study.seen_sex,
        birth_on: study.seen_birth_on,
        accession_number: &study.accession_number,
    };
    let decided = matching::decide(&seen, expected.as_ref());
    study.completed_at = Some(cx.now);
    cx.tx.execute(sql!("update imaging_study set completed_at = $2 where id = $1"), args![id.0, cx.now]).await?;
    match (decided, order) {
        (Ok(()), Some(order)) => {
            attach(cx, &mut study, &order).await?;
            Ok(Completed::Matched(study, Box::new(order)))
        }
        (Err(reason), _) => {
            set_unmatched(cx, &mut study, reason).await?;
            Ok(Completed::Unmatched(study, reason))
        }
        (Ok(()), None) => {
            set_unmatched(cx, &mut study, Unmatched::NoOrder).await?;
            Ok(Completed::Unmatched(study, Unmatched::NoOrder))
        }
    }
}

async fn set_unmatched(cx: &mut Cx<'_>, study: &mut Study, reason: Unmatched) -> Result<(), Error> {
    study.unmatched = Some(reason.key().to_owned());
    cx.tx
        .execute(sql!("update imaging_study set unmatched_reason = $2 where id = $1"), args![study.id.0, reason.key()])
        .await?;
    keep_document(cx, study).await?;
    let detail = json!({ "reason": reason.key(), "instances": study.instance_count });
    cx.journal("imaging.unmatched", ("imaging_study", Some(study.id.0)), None, detail).await
}

/// Gives a study its order and patient.
///
/// # Errors
/// Whatever the store says.
pub async fn attach(cx: &mut Cx<'_>, study: &mut Study, order: &Order) -> Result<(), Error> {
    cx.tx
        .execute_one(
            sql!("update imaging_study set request_id = $2, patient_id = $3, unmatched_reason = null where id = $1"),
            args![study.id.0, order.id.0, order.patient.0],
        )
        .await?;
    study.request = Some(order.id);
    study.patient = Some(order.patient);
    study.unmatched = None;
    order::set_status(cx, order.id, order::Status::Completed).await?;
    keep_document(cx, study).await?;
    let detail = json!({
        "accession_number": order.accession_number, "instances": study.instance_count, "series": study.series_count,
    });
    cx.journal("imaging.match", ("imaging_study", Some(study.id.0)), Some(order.patient.0), detail).await
}

async fn keep_document(cx: &mut Cx<'_>, study: &Study) -> Result<(), Error> {
    let about = About {
        kind: "ImagingStudy",
        id: study.id.0,
        patient: study.patient.map(|p| p.0),
        institution: study.institution.0,
        recorded_by: &cx.actor.name,
    };
    document::append(cx.tx, about, &fhir::imaging_study(study), cx.now).await.map(drop)
}

/// A study from a row that holds all columns of `imaging_study`.
///
/// # Errors
/// [`Error::Column`] when one is missing.
pub fn of_row(row: &Row) -> Result<Study, Error> {
    Ok(Study {
        id: row.id("id")?,
        study_uid: row.get("study_uid")?,
        institution: row.id("institution_id")?,
        patient: row.optional_id("patient_id")?,
        request: row.optional_id("request_id")?,
        unmatched: row.get("unmatched_reason")?,
        accession_number: row.get("accession_number")?,
        seen_patient_number: row.get("seen_patient_number")?,
        seen_patient_name: row.get("seen_patient_name")?,
        seen_sex: Sex::from_key(&row.get::<String>("seen_sex")?),
        seen_birth_on: row.get("seen_birth_on")?,
        study_id_text: row.get("study_id_text")?,
        description: row.get("description")?,
        modalities: row.get("modalities")?,
        body_part: row.get("body_part")?,
        referring: row.get("referring")?,
        study_on: row.get("study_on")?,
        study_time: row.get("study_time")?,
        examined_at: row.get("examined_at")?,
        first_arrived_at: row.get("first_arrived_at")?,
        last_arrived_at: row.get("last_arrived_at")?,
        completed_at: row.get("completed_at")?,
        series_count: row.get("series_count")?,
        instance_count: row.get("instance_count")?,
    })
}

/// The study of an identifier; its scope is for the caller to check.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(reader: &mut Reader, id: StudyId) -> Result<Study, Error> {
    of_row(&reader.one(sql!("select * from imaging_study where id = $1"), args![id.0]).await?)
}

/// The study of a Study Instance UID inside `scope`.
///
/// # Errors
/// [`Error::NotFound`] when there is none or the scope does not reach it.
pub async fn by_uid(reader: &mut Reader, scope: Scope, study_uid: &str) -> Result<Study, Error> {
    let row = reader
        .one(
            sql!(
                "select s.* from imaging_study s join institution i on i.id = s.institution_id
                 where s.study_uid = $1 and i.tree_low between $2 and $3"
            ),
            args![study_uid, scope.low, scope.high],
        )
        .await?;
    of_row(&row)
}

/// The other studies of a patient, the newest first: the priors of `but`.
///
/// # Errors
/// Whatever the store says.
pub async fn of_patient(reader: &mut Reader, patient: PatientId, but: Option<StudyId>) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!("select * from imaging_study where patient_id = $1 order by study_on desc, first_arrived_at desc"),
            args![patient.0],
        )
        .await?;
    let studies: Vec<Study> = rows.iter().map(of_row).collect::<Result<_, _>>()?;
    Ok(studies.into_iter().filter(|s| Some(s.id) != but).collect())
}

/// How many studies of `scope` are without their order.
///
/// # Errors
/// Whatever the store says.
pub async fn unmatched_count(reader: &mut Reader, scope: Scope) -> Result<i64, Error> {
    let row = reader
        .one(
            sql!(
                "select count(*) as n from imaging_study s join institution i on i.id = s.institution_id
                 where s.unmatched_reason is not null and i.tree_low between $1 and $2"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    row.get("n")
}

/// Studies without an order inside `scope`, the newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn unmatched(reader: &mut Reader, scope: Scope, limit: u32) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.* from imaging_study s join institution i on i.id = s.institution_id
                 where s.unmatched_reason is not null and i.tree_low between $1 and $2
                 order by s.first_arrived_at desc limit $3"
            ),
            args![scope.low, scope.high, limit],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// Studies that are not yet complete and whose last instance came before `before`.
///
/// # Errors
/// Whatever the store says.
pub async fn quiet(reader: &mut Reader, before: Timestamp) -> Result<Vec<StudyId>, Error> {
    let rows = reader
        .rows(sql!("select id from imaging_study where completed_at is null and last_arrived_at < $1"), args![before])
        .await?;
    rows.iter().map(|row| row.id("id")).collect()
}

/// The series of a study by their numbers.
///
/// # Errors
/// Whatever the store says.
pub async fn series(reader: &mut Reader, study: StudyId) -> Result<Vec<Series>, Error> {
    let rows = reader
        .rows(sql!("select * from imaging_series where study_id = $1 order by number, series_uid"), args![study.0])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Series {
                id: row.id("id")?,
                study: row.id("study_id")?,
                series_uid: row.get("series_uid")?,
                modality: row.get("modality")?,
                number: row.get("number")?,
                description: row.get("description")?,
                body_part: row.get("body_part")?,
                instance_count: row.get("instance_count")?,
            })
        })
        .collect()
}

/// The instances of a study, of one series when it is named, of one instance when that is named, in the order of their
/// numbers.
///
/// # Errors
/// Whatever the store says.
pub async fn instances(
    reader: &mut Reader,
    study: StudyId,
    series_uid: Option<&str>,
    sop_uid: Option<&str>,
) -> Result<Vec<Instance>, Error> {
    let rows = match (series_uid, sop_uid) {
        (Some(series_uid), Some(sop_uid)) => {
            let one = sql!(
                "select i.*, s.series_uid from imaging_instance i join imaging_series s on s.id = i.series_id
                 where s.study_id = $1 and s.series_uid = $2 and i.sop_uid = $3"
            );
            reader.rows(one, args![study.0, series_uid, sop_uid]).await?
        }
        (Some(series_uid), None) => {
            let of_series = sql!(
                "select i.*, s.series_uid from imaging_instance i join imaging_series s on s.id = i.series_id
                 where s.study_id = $1 and s.series_uid = $2 order by i.number, i.sop_uid"
            );
            reader.rows(of_series, args![study.0, series_uid]).await?
        }
        (None, _) => {
            let of_study = sql!(
                "select i.*, s.series_uid from imaging_instance i join imaging_series s on s.id = i.series_id
                 where s.study_id = $1 order by s.number, s.series_uid, i.number, i.sop_uid"
            );
            reader.rows(of_study, args![study.0]).await?
        }
    };
    rows.iter()
        .map(|row| {
            Ok(Instance {
                sop_uid: row.get("sop_uid")?,
                sop_class: row.get("sop_class")?,
                series_uid: row.get("series_uid")?,
                number: row.get("number")?,
                transfer_syntax: row.get("transfer_syntax")?,
                pixel_rows: row.get("pixel_rows")?,
                pixel_columns: row.get("pixel_columns")?,
                frame_count: row.get("frame_count")?,
                bits_allocated: row.get("bits_allocated")?,
                digest: row.get("digest")?,
                byte_count: row.get::<i64>("byte_count")?.unsigned_abs(),
                header_bytes: row.get::<i64>("header_bytes")?.unsigned_abs(),
            })
        })
        .collect()
}

/// What a query for studies asks for; empty fields ask for nothing.
#[derive(Debug, Clone, Default)]
pub struct StudyQuery {
    /// Study Instance UIDs.
    pub study_uids: Vec<String>,
    /// Patient ID, exact.
    pub patient_number: String,
    /// Patient Name pattern with `*` and `?`, compared without case.
    pub patient_name: String,
    /// Accession Number, exact.
    pub accession_number: String,
    /// One of the study's modalities.
    pub modality: String,
    /// First Study Date.
    pub from_on: Option<Date>,
    /// Last Study Date.
    pub until_on: Option<Date>,
    /// At most so many.
    pub limit: u32,
    /// After so many.
    pub offset: u32,
}

/// Finds studies inside `scope`, the newest Study Date first.
///
/// # Errors
/// Whatever the store says.
pub async fn find(reader: &mut Reader, scope: Scope, query: &StudyQuery) -> Result<Vec<Study>, Error> {
    if !query.study_uids.is_empty() {
        let mut found = Vec::new();
        for uid in query.study_uids.iter().skip(query.offset as usize).take(query.limit as usize) {
            match by_uid(reader, scope, uid).await {
                Ok(study) => found.push(study),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        found.retain(|s| query.patient_number.is_empty() || s.seen_patient_number == query.patient_number);
        return Ok(found);
    }
    let (from, until) = (
        query.from_on.map_or_else(|| "0000-00-00".to_owned(), |d| d.to_string()),
        query.until_on.map_or_else(|| "9999-99-99".to_owned(), |d| d.to_string()),
    );
    let name = like_pattern(&query.patient_name);
    let modality = if query.modality.is_empty() { "%".to_owned() } else { format!("%{}%", query.modality) };
    let limits = args![i64::from(query.limit), i64::from(query.offset)];
    let scoped = args![scope.low, scope.high, from, until, name, modality];
    let rows = if !query.accession_number.is_empty() {
        let sql = sql!(
            "select s.* from imaging_study s join institution i on i.id = s.institution_id
             where i.tree_low between $1 and $2 and coalesce(s.study_on, '0000-00-00') between $3 and $4
                 and lower(s.seen_patient_name) like $5 escape '!' and s.modalities like $6
                 and s.accession_number = $7 order by s.study_on desc, s.id desc limit $8 offset $9"
        );
        reader.rows(sql, &[scoped, args![&query.accession_number], limits].concat()).await?
    } else if !query.patient_number.is_empty() {
        let sql = sql!(
            "select s.* from imaging_study s join institution i on i.id = s.institution_id
             where i.tree_low between $1 and $2 and coalesce(s.study_on, '0000-00-00') between $3 and $4
                 and lower(s.seen_patient_name) like $5 escape '!' and s.modalities like $6
                 and s.seen_patient_number = $7 order by s.study_on desc, s.id desc limit $8 offset $9"
        );
        reader.rows(sql, &[scoped, args![&query.patient_number], limits].concat()).await?
    } else {
        let sql = sql!(
            "select s.* from imaging_study s join institution i on i.id = s.institution_id
             where i.tree_low between $1 and $2 and coalesce(s.study_on, '0000-00-00') between $3 and $4
                 and lower(s.seen_patient_name) like $5 escape '!' and s.modalities like $6
             order by s.study_on desc, s.id desc limit $7 offset $8"
        );
        reader.rows(sql, &[scoped, limits].concat()).await?
    };
    rows.iter().map(of_row).collect()
}

/// A DICOM wildcard pattern as a LIKE pattern with `!` as escape; empty asks for everything.
fn like_pattern(wildcards: &str) -> String {
    if wildcards.trim().is_empty() {
        return "%".to_owned();
    }
    let mut pattern = String::with_capacity(wildcards.len() + 2);
    for c in wildcards.to_lowercase().chars() {
        match c {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '!' => {
                pattern.push('!');
                pattern.push(c);
            }
            other => pattern.push(other),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::like_pattern;

    #[test]
    fn a_pattern_cannot_smuggle_wildcards_of_the_database() {
        assert_eq!(like_pattern("Wang*"), "wang%");
        assert_eq!(like_pattern("100%_!?"), "100!%!_!!_");
        assert_eq!(like_pattern(" "), "%");
    }
}
