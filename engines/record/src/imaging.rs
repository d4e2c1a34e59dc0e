//! Imaging studies as they arrive: study, series, instance rows, and where the bytes lie.
//!
//! Bytes are kept as received and addressed by digest; the same instance sent again changes nothing, another content
//! under the same SOP Instance UID of the same study is refused.
//!
//! Identifiers come from outside and are not trusted to be unique. A study is one Study Instance UID of one institution
//! and one patient ([`matching::same_person`]); a series belongs to its study, an instance to its series. Each study has
//! an address of its own, under which the group finds it: its Study Instance UID as long as no other study has that, a
//! fresh one otherwise. Where identifiers of one institution name two patients, both are kept, and the later one has a
//! [`Conflict`] for a person to settle ([`crate::sorting`]).
//!
//! INVARIANT: pictures of two patients never come into one study by themselves, whatever their identifiers say.

use serde_json::json;
use yiti_directory::{Cx, InstitutionId, Scope};
use yiti_kernel::{Date, Timestamp, Uuid, id_type};
use yiti_store::{Digest, Error, Reader, Row, Tx, args, sql};

use crate::document::{self, About};
use crate::fhir;
use crate::fold::fold;
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
    /// What about it breaks the standard, as keys of `locales/` separated by spaces; empty for most.
    pub oddities: String,
}

impl Arrived {
    fn seen(&self) -> Seen<'_> {
        Seen {
            number: &self.patient_number,
            name: &self.patient_name,
            sex: self.sex,
            birth_on: self.birth_on,
            accession_number: &self.accession_number,
        }
    }
}

/// Why a person should look at a study beside another of the same institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// Another patient's study has the same Study Instance UID.
    SecondPatient,
    /// A series of another study has the same Series Instance UID.
    SeriesElsewhere,
    /// Another study holds other content under one of its SOP Instance UIDs.
    InstanceElsewhere,
}

impl Conflict {
    /// As stored and as key in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::SecondPatient => "second_patient",
            Self::SeriesElsewhere => "series_elsewhere",
            Self::InstanceElsewhere => "instance_elsewhere",
        }
    }
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
    /// The study holds another content under this SOP Instance UID.
    #[error("another content is kept under SOP instance `{sop_uid}`")]
    Different {
        /// SOP Instance UID.
        sop_uid: String,
        /// The study that holds it.
        study: StudyId,
        /// The file that is kept.
        kept: Digest,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A study.
#[derive(Debug, Clone)]
pub struct Study {
    /// Identifier.
    pub id: StudyId,
    /// Under which the group finds it; no other study has it.
    pub address: String,
    /// Study Instance UID as sent; other studies may have the same.
    pub study_uid: String,
    /// The institution that received it.
    pub institution: InstitutionId,
    /// Whose, once matched.
    pub patient: Option<PatientId>,
    /// Its order, once matched.
    pub request: Option<RequestId>,
    /// Why it has no order; `None` when it has one, or while it is still arriving.
    pub unmatched: Option<String>,
    /// Key of a [`Conflict`] that nobody has settled yet.
    pub conflict: Option<String>,
    /// The study it is in conflict with.
    pub conflict_with: Option<StudyId>,
    /// What about its instances breaks the standard, as keys of `locales/` separated by spaces.
    pub oddities: String,
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

impl Study {
    /// The patient as its pictures name them.
    #[must_use]
    pub fn seen(&self) -> Seen<'_> {
        Seen {
            number: &self.seen_patient_number,
            name: &self.seen_patient_name,
            sex: self.seen_sex,
            birth_on: self.seen_birth_on,
            accession_number: &self.accession_number,
        }
    }
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
        .rows(
            sql!(
                "select i.digest, s.study_id from imaging_instance i join imaging_series s on s.id = i.series_id
                 join imaging_study t on t.id = s.study_id where i.sop_uid = $1 and t.institution_id = $2"
            ),
            args![&new.sop_uid, institution.0],
        )
        .await?;
    let mut elsewhere: Vec<(StudyId, Digest)> = Vec::new();
    for row in &known {
        elsewhere.push((row.id("study_id")?, row.get("digest")?));
    }
    // The very same bytes are where they were filed, or where a person has put them since.
    if let Some((study, _)) = elsewhere.iter().find(|(_, digest)| *digest == new.digest) {
        return Ok(Received { study: *study, is_new_study: false, is_new_instance: false });
    }
    let namesakes = namesakes(cx.tx, institution, &new.study_uid).await?;
    let (own, others): (Vec<Study>, Vec<Study>) =
        namesakes.into_iter().partition(|study| matching::same_person(&study.seen(), &new.seen()));
    let different = elsewhere.iter().find(|(study, _)| own.iter().any(|own| own.id == *study));
    if let Some((study, kept)) = different {
        return Err(Refused::Different { sop_uid: new.sop_uid.clone(), study: *study, kept: *kept });
    }
    let (study, is_new_study) = study_for(cx, institution, new, &own).await?;
    if let Some(other) = others.iter().find(|other| other.instance_count > 0).filter(|_| is_new_study) {
        note_conflict(cx, study, Conflict::SecondPatient, other.id).await?;
    }
    let (series, is_first) = series_for(cx, institution, study, new).await?;
    if let Some((other, _)) = elsewhere.first() {
        note_conflict(cx, study, Conflict::InstanceElsewhere, *other).await?;
    }
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
                     series_count = series_count + $4, examined_at = case when examined_at is null or examined_at < $3 then coalesce($3, examined_at)
                         else examined_at end
                 where id = $1"
            ),
            args![study.0, cx.now, new.examined_at, i64::from(is_first)],
        )
        .await?;
    Ok(Received { study, is_new_study, is_new_instance: true })
}

/// The studies of an institution that came under one Study Instance UID, the first to come first.
pub(crate) async fn namesakes(
    reader: &mut Reader,
    institution: InstitutionId,
    study_uid: &str,
) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!("select * from imaging_study where institution_id = $1 and study_uid = $2 order by id"),
            args![institution.0, study_uid],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// Words that both lists hold, and those that only one does, each once.
fn joined(kept: &str, more: &str, separator: char) -> String {
    let mut all: Vec<&str> = kept.split(separator).filter(|word| !word.is_empty()).collect();
    for word in more.split(separator).filter(|word| !word.is_empty()) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all.join(&separator.to_string())
}

/// The study an instance belongs to among those of its UID, institution and patient; a new one when there is none.
async fn study_for(
    cx: &mut Cx<'_>,
    institution: InstitutionId,
    new: &Arrived,
    own: &[Study],
) -> Result<(StudyId, bool), Error> {
    let mut found = own.first();
    // A person may have split a study: what follows goes to the part that has its series.
    if own.len() > 1 {
        let has_series = cx
            .tx
            .row(
                sql!(
                    "select s.study_id from imaging_series s join imaging_study t on t.id = s.study_id
                     where s.series_uid = $1 and t.institution_id = $2 and t.study_uid = $3 and s.instance_count > 0
                     order by s.study_id limit 1"
                ),
                args![&new.series_uid, institution.0, &new.study_uid],
            )
            .await?;
        let part: Option<StudyId> = has_series.map(|row| row.id("study_id")).transpose()?;
        found = own.iter().find(|study| Some(study.id) == part).or(found);
    }
    if let Some(study) = found {
        let modalities = joined(&study.modalities, &new.modality, '\\');
        let oddities = joined(&study.oddities, &new.oddities, ' ');
        if modalities != study.modalities || oddities != study.oddities {
            cx.tx
                .execute(
                    sql!("update imaging_study set modalities = $2, oddities = $3 where id = $1"),
                    args![study.id.0, modalities, oddities],
                )
                .await?;
        }
        return Ok((study.id, study.instance_count == 0));
    }
    let id = StudyId::fresh();
    let address = free_address(cx.tx, id, &new.study_uid).await?;
    cx.tx
        .execute(
            sql!(
                "insert into imaging_study (id, address, study_uid, institution_id, accession_number,
                     seen_patient_number, seen_patient_name, seen_sex, seen_birth_on, study_id_text, description,
                     modalities, body_part, referring, study_on, study_time, examined_at, first_arrived_at,
                     last_arrived_at, series_count, instance_count, name_folded, oddities)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, 0, 0, $19,
                     $20)"
            ),
            args![
                id.0,
                address,
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
                fold(&new.patient_name),
                &new.oddities,
            ],
        )
        .await?;
    let detail = json!({ "study_uid": new.study_uid, "accession_number": new.accession_number });
    cx.journal("imaging.arrive", ("imaging_study", Some(id.0)), None, detail).await?;
    Ok((id, true))
}

/// An address that no study has: the Study Instance UID itself, where it is free.
pub(crate) async fn free_address(reader: &mut Reader, id: StudyId, study_uid: &str) -> Result<String, Error> {
    let taken = reader.row(sql!("select id from imaging_study where address = $1"), args![study_uid]).await?;
    Ok(if taken.is_none() { study_uid.to_owned() } else { format!("2.25.{}", id.0.as_u128()) })
}

/// Marks a study for a person to look at. What was settled before is not asked again.
async fn note_conflict(cx: &mut Cx<'_>, study: StudyId, why: Conflict, other: StudyId) -> Result<(), Error> {
    let noted = cx
        .tx
        .execute(
            sql!(
                "update imaging_study set conflict_reason = $2, conflict_with = $3
                 where id = $1 and conflict_reason is null and not exists (select 1 from imaging_sort o
                     where o.from_study_id = $1 and o.kind = 'apart' and o.conflict_reason = $2
                         and o.undone_at is null)"
            ),
            args![study.0, why.key(), other.0],
        )
        .await?;
    if noted == 0 {
        return Ok(());
    }
    let detail = json!({ "reason": why.key(), "with": other.0.to_string() });
    cx.journal("imaging.conflict", ("imaging_study", Some(study.0)), None, detail).await
}

/// The series of an instance within its study, and whether it has no instance yet.
async fn series_for(
    cx: &mut Cx<'_>,
    institution: InstitutionId,
    study: StudyId,
    new: &Arrived,
) -> Result<(SeriesId, bool), Error> {
    let row = cx
        .tx
        .row(
            sql!("select id, instance_count from imaging_series where study_id = $1 and series_uid = $2"),
            args![study.0, &new.series_uid],
        )
        .await?;
    if let Some(row) = row {
        return Ok((row.id("id")?, row.get::<i64>("instance_count")? == 0));
    }
    let elsewhere = cx
        .tx
        .row(
            sql!(
                "select s.study_id from imaging_series s join imaging_study t on t.id = s.study_id
                 where s.series_uid = $1 and t.institution_id = $2 and t.study_uid <> $3 and s.instance_count > 0
                 order by s.study_id limit 1"
            ),
            args![&new.series_uid, institution.0, &new.study_uid],
        )
        .await?;
    if let Some(row) = elsewhere {
        note_conflict(cx, study, Conflict::SeriesElsewhere, row.id("study_id")?).await?;
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
    Ok((id, true))
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
    if study.completed_at.is_some() && (study.request.is_some() || study.unmatched.is_some()) {
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
    let decided = matching::decide(&study.seen(), expected.as_ref());
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

/// Takes a study away from its order and patient: they were not its own. It waits for a person again.
///
/// # Errors
/// Whatever the store says.
pub async fn detach(cx: &mut Cx<'_>, study: &mut Study, why: &str) -> Result<(), Error> {
    let was = study.patient.map(|patient| patient.0);
    let detail = json!({ "request": study.request.map(|id| id.0.to_string()), "reason": why });
    study.request = None;
    study.patient = None;
    study.unmatched = Some(Unmatched::Undone.key().to_owned());
    cx.tx
        .execute_one(
            sql!("update imaging_study set request_id = null, patient_id = null, unmatched_reason = $2 where id = $1"),
            args![study.id.0, Unmatched::Undone.key()],
        )
        .await?;
    keep_document(cx, study).await?;
    cx.journal("imaging.unmatch", ("imaging_study", Some(study.id.0)), was, detail).await
}

pub(crate) async fn keep_document(cx: &mut Cx<'_>, study: &Study) -> Result<(), Error> {
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
        address: row.get("address")?,
        study_uid: row.get("study_uid")?,
        institution: row.id("institution_id")?,
        patient: row.optional_id("patient_id")?,
        request: row.optional_id("request_id")?,
        unmatched: row.get("unmatched_reason")?,
        conflict: row.get("conflict_reason")?,
        conflict_with: row.optional_id("conflict_with")?,
        oddities: row.get("oddities")?,
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

/// The study at an address inside `scope`. A Study Instance UID is one as long as a single study inside `scope` has it;
/// where several have it, only addresses tell them apart.
///
/// # Errors
/// [`Error::NotFound`] when there is none or the scope does not reach it.
pub async fn by_address(reader: &mut Reader, scope: Scope, address: &str) -> Result<Study, Error> {
    let mut found = by_uid(reader, scope, address).await?;
    if let Some(at) = found.iter().position(|study| study.address == address) {
        return Ok(found.swap_remove(at));
    }
    match found.len() {
        1 => found.pop().ok_or(Error::NotFound),
        _ => Err(Error::NotFound),
    }
}

/// The studies inside `scope` that have `uid` as address or came under it as Study Instance UID, the first to come first.
///
/// # Errors
/// Whatever the store says.
pub async fn by_uid(reader: &mut Reader, scope: Scope, uid: &str) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.* from imaging_study s join institution i on i.id = s.institution_id
                 where (s.address = $1 or s.study_uid = $1) and s.instance_count > 0
                     and i.tree_low between $2 and $3 order by s.id"
            ),
            args![uid, scope.low, scope.high],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// The other studies of a patient, the newest first: the priors of `but`.
///
/// # Errors
/// Whatever the store says.
pub async fn of_patient(reader: &mut Reader, patient: PatientId, but: Option<StudyId>) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select * from imaging_study where patient_id = $1 and instance_count > 0
                 order by study_on is null, study_on desc, first_arrived_at desc"
            ),
            args![patient.0],
        )
        .await?;
    let studies: Vec<Study> = rows.iter().map(of_row).collect::<Result<_, _>>()?;
    Ok(studies.into_iter().filter(|s| Some(s.id) != but).collect())
}

/// How many studies of `scope` are without their order, or in conflict with another.
///
/// # Errors
/// Whatever the store says.
pub async fn unmatched_count(reader: &mut Reader, scope: Scope) -> Result<i64, Error> {
    let row = reader
        .one(
            sql!(
                "select count(*) as n from imaging_study s join institution i on i.id = s.institution_id
                 where (s.unmatched_reason is not null or s.conflict_reason is not null) and s.instance_count > 0
                     and i.tree_low between $1 and $2"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    row.get("n")
}

/// Studies inside `scope` that wait for a person: without an order, or in conflict with another. The newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn unmatched(reader: &mut Reader, scope: Scope, limit: u32, offset: u32) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.* from imaging_study s join institution i on i.id = s.institution_id
                 where (s.unmatched_reason is not null or s.conflict_reason is not null) and s.instance_count > 0
                     and i.tree_low between $1 and $2
                 order by s.first_arrived_at desc, s.id desc limit $3 offset $4"
            ),
            args![scope.low, scope.high, limit, offset],
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
        .rows(
            sql!("select * from imaging_series where study_id = $1 and instance_count > 0 order by number is null, number, series_uid"),
            args![study.0],
        )
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
                 where s.study_id = $1 and s.series_uid = $2 order by i.number is null, i.number, i.sop_uid"
            );
            reader.rows(of_series, args![study.0, series_uid]).await?
        }
        (None, _) => {
            let of_study = sql!(
                "select i.*, s.series_uid from imaging_instance i join imaging_series s on s.id = i.series_id
                 where s.study_id = $1 order by s.number is null, s.number, s.series_uid, i.number is null, i.number, i.sop_uid"
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

/// Where a list of studies goes on: behind this day and this study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    day: String,
    id: StudyId,
}

impl After {
    /// Behind a study.
    #[must_use]
    pub fn study(study: &Study) -> Self {
        Self { day: study.study_on.map_or_else(|| NO_DAY.to_owned(), |day| day.to_string()), id: study.id }
    }
}

/// A study without a Study Date comes last.
const NO_DAY: &str = "0000-00-00";

/// What a query for studies asks for; empty fields ask for nothing.
#[derive(Debug, Clone, Default)]
pub struct StudyQuery {
    /// Patient ID, exact.
    pub patient_number: String,
    /// Patient Name pattern with `*` and `?`, compared as [`fold`] does.
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
    /// Behind this one.
    pub after: Option<After>,
    /// After so many.
    pub offset: u32,
}

/// Finds studies inside `scope`, the newest Study Date first.
///
/// # Errors
/// Whatever the store says.
pub async fn find(reader: &mut Reader, scope: Scope, query: &StudyQuery) -> Result<Vec<Study>, Error> {
    let (from, until) = (
        query.from_on.map_or_else(|| NO_DAY.to_owned(), |d| d.to_string()),
        query.until_on.map_or_else(|| "9999-99-99".to_owned(), |d| d.to_string()),
    );
    // What is behind a study is not of a later day; said twice, since an index follows only one of the two.
    let until = match &query.after {
        Some(after) => until.min(after.day.clone()),
        None => until,
    };
    let name = like_pattern(&query.patient_name);
    let modality = if query.modality.is_empty() { "%".to_owned() } else { format!("%{}%", query.modality) };
    let last = After { day: "9999-99-99".to_owned(), id: StudyId(Uuid::max()) };
    let after = query.after.as_ref().unwrap_or(&last);
    let limits = args![i64::from(query.limit), i64::from(query.offset)];
    let scoped = args![scope.low, scope.high, from, until, name, modality, &after.day, after.id.0];
    let rows = if !query.accession_number.is_empty() {
        let sql = sql!(
            "select s.* from imaging_study s
             where s.institution_id in (select id from institution where tree_low between $1 and $2)
                 and coalesce(s.study_on, '0000-00-00') between $3 and $4
                 and coalesce(s.name_folded, s.seen_patient_name) like $5 escape '!' and s.modalities like $6
                 and (coalesce(s.study_on, '0000-00-00'), s.id) < ($7, $8) and s.instance_count > 0
                 and s.accession_number = $9
             order by coalesce(s.study_on, '0000-00-00') desc, s.id desc limit $10 offset $11"
        );
        reader.rows(sql, &[scoped, args![&query.accession_number], limits].concat()).await?
    } else if !query.patient_number.is_empty() {
        let sql = sql!(
            "select s.* from imaging_study s
             where s.institution_id in (select id from institution where tree_low between $1 and $2)
                 and coalesce(s.study_on, '0000-00-00') between $3 and $4
                 and coalesce(s.name_folded, s.seen_patient_name) like $5 escape '!' and s.modalities like $6
                 and (coalesce(s.study_on, '0000-00-00'), s.id) < ($7, $8) and s.instance_count > 0
                 and s.seen_patient_number = $9
             order by coalesce(s.study_on, '0000-00-00') desc, s.id desc limit $10 offset $11"
        );
        reader.rows(sql, &[scoped, args![&query.patient_number], limits].concat()).await?
    } else {
        let sql = sql!(
            "select s.* from imaging_study s
             where s.institution_id in (select id from institution where tree_low between $1 and $2)
                 and coalesce(s.study_on, '0000-00-00') between $3 and $4
                 and coalesce(s.name_folded, s.seen_patient_name) like $5 escape '!' and s.modalities like $6
                 and (coalesce(s.study_on, '0000-00-00'), s.id) < ($7, $8) and s.instance_count > 0
             order by coalesce(s.study_on, '0000-00-00') desc, s.id desc limit $9 offset $10"
        );
        reader.rows(sql, &[scoped, limits].concat()).await?
    };
    rows.iter().map(of_row).collect()
}

/// The studies inside `scope` of the person whose study `one` is, the newest Study Date first, itself among them: all of
/// the patient once it has met its order, and what the same institution received under the same Patient ID. A number
/// that another institution has given is another number.
///
/// # Errors
/// Whatever the store says.
pub async fn of_person(reader: &mut Reader, scope: Scope, one: &Study) -> Result<Vec<Study>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.* from imaging_study s join institution i on i.id = s.institution_id
                 where i.tree_low between $1 and $2 and s.instance_count > 0
                     and s.id in (select id from imaging_study where patient_id = $3
                         union select id from imaging_study where id = $4
                         union select id from imaging_study where institution_id = $5 and seen_patient_number = $6
                             and $6 <> '' and (patient_id is null or $3 is null))
                 order by coalesce(s.study_on, '0000-00-00') desc, s.id desc"
            ),
            args![
                scope.low,
                scope.high,
                one.patient.map(|patient| patient.0),
                one.id.0,
                one.institution.0,
                &one.seen_patient_number,
            ],
        )
        .await?;
    let studies: Vec<Study> = rows.iter().map(of_row).collect::<Result<_, _>>()?;
    let is_theirs = |study: &Study| {
        study.id == one.id
            || (study.patient.is_some() && study.patient == one.patient)
            || matching::same_person(&study.seen(), &one.seen())
    };
    Ok(studies.into_iter().filter(is_theirs).collect())
}

/// Names that one act folds at most.
const FOLDED_AT_ONCE: u32 = 2_000;

/// Makes the searched form of names that were kept before there was one; returns how many there were. To be called until
/// it returns 0.
///
/// # Errors
/// Whatever the store says.
pub async fn fold_names(tx: &mut Tx) -> Result<usize, Error> {
    let rows = tx
        .rows(
            sql!("select id, seen_patient_name from imaging_study where name_folded is null order by id limit $1"),
            args![FOLDED_AT_ONCE],
        )
        .await?;
    for row in &rows {
        let (id, name): (StudyId, String) = (row.id("id")?, row.get("seen_patient_name")?);
        tx.execute_one(sql!("update imaging_study set name_folded = $2 where id = $1"), args![id.0, fold(&name)])
            .await?;
    }
    Ok(rows.len())
}

/// A DICOM wildcard pattern as a LIKE pattern with `!` as escape; empty asks for everything.
fn like_pattern(wildcards: &str) -> String {
    if wildcards.trim().is_empty() {
        return "%".to_owned();
    }
    let mut pattern = String::with_capacity(wildcards.len() + 2);
    for c in fold(wildcards).chars() {
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
        assert_eq!(like_pattern("Wang*"), "WANG%");
        assert_eq!(like_pattern("100%_!?"), "100!%!_!!_");
        assert_eq!(like_pattern(" "), "%");
    }
}
