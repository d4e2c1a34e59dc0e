//! Keeping and finding front pages.

use serde_json::json;
use yiti_directory::{Cx, InstitutionId, Scope};
use yiti_kernel::{Date, Timestamp, Uuid};
use yiti_store::{Digest, Error, Reader, Row, args, sql};

use super::{FrontPage, FrontPageId, Source, Status};
use crate::document::canonical;
use crate::patient::PatientId;

/// Stands in `listed_on` for a stay without discharge.
const NOT_DISCHARGED: &str = "9999-12-31";

/// What came of saving a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The first version of this stay.
    New(FrontPageId),
    /// The last version has the very same content; nothing was written.
    Unchanged(FrontPageId),
    /// The content differs: a new version with this number.
    Version(FrontPageId, u32),
}

impl Saved {
    /// The page.
    #[must_use]
    pub const fn id(self) -> FrontPageId {
        match self {
            Self::New(id) | Self::Unchanged(id) | Self::Version(id, _) => id,
        }
    }
}

/// Why a page was not saved.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Without number of the record and count of the admission the stay has no name.
    #[error("a front page needs the number of the medical record and the count of the admission")]
    Unnamed,
    /// A final page is corrected by a final one.
    #[error("the front page is final; a draft does not follow it")]
    AlreadyFinal,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A page with its content at one version.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The page.
    pub id: FrontPageId,
    /// The institution of the stay.
    pub institution: InstitutionId,
    /// Whose, where the number of the record is known.
    pub patient: Option<PatientId>,
    /// 1, 2, 3, ...
    pub version: u32,
    /// Where this version came from.
    pub source: Source,
    /// SHA-256 of the canonical JSON.
    pub digest: Digest,
    /// When this version was written.
    pub recorded_at: Timestamp,
    /// By whom, as the journal names them.
    pub recorded_by: String,
    /// The content.
    pub page: FrontPage,
}

/// One version without its content.
#[derive(Debug, Clone)]
pub struct Version {
    /// 1, 2, 3, ...
    pub version: u32,
    /// Draft or final.
    pub status: Status,
    /// Where it came from.
    pub source: Source,
    /// SHA-256 of the canonical JSON.
    pub digest: Digest,
    /// When it was written.
    pub recorded_at: Timestamp,
    /// By whom, as the journal names them.
    pub recorded_by: String,
}

/// One row of a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The page.
    pub id: FrontPageId,
    /// The institution of the stay.
    pub institution: InstitutionId,
    /// Number of the medical record.
    pub medical_record_number: String,
    /// Which admission.
    pub admission_count: u32,
    /// Whose, where known.
    pub patient: Option<PatientId>,
    /// Name of the patient.
    pub patient_name: String,
    /// Draft or final.
    pub status: Status,
    /// The last version.
    pub version: u32,
    /// Day of admission.
    pub admitted_on: Option<Date>,
    /// Day of discharge.
    pub discharged_on: Option<Date>,
    /// Department of discharge, or of admission before it.
    pub department: String,
    /// Ward of discharge, or of admission before it.
    pub ward: String,
    /// Attending physician.
    pub physician: String,
    listed_on: String,
}

impl Listed {
    /// Where the next page of a list begins when this row was the last.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { listed_on: self.listed_on.clone(), id: self.id }
    }
}

/// The last row of the list before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    listed_on: String,
    id: FrontPageId,
}

impl std::fmt::Display for Cursor {
    /// As a link carries it, `2026-11-20.0190…`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.listed_on, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = yiti_kernel::ids::NotAnId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (day, id) = text.split_once('.').ok_or(yiti_kernel::ids::NotAnId)?;
        let day: Date = day.parse().map_err(|_| yiti_kernel::ids::NotAnId)?;
        Ok(Self { listed_on: day.to_string(), id: id.parse()? })
    }
}

/// Which pages a list shows. The default shows all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only drafts, or only final pages.
    pub status: Option<Status>,
    /// Only this institution of the scope.
    pub institution: Option<InstitutionId>,
    /// Only this department, as the page has it; empty for all.
    pub department: String,
    /// Discharged on this day or later. A stay without discharge counts as later than all.
    pub from: Option<Date>,
    /// Discharged on this day or earlier; leaves out stays without discharge.
    pub until: Option<Date>,
    /// Number of the medical record, or the beginning of the patient's name; empty for all.
    pub text: String,
}

/// Saves a page: the first version of the stay, or the next one when the content differs from the last. The same content
/// again changes nothing, so an import can be repeated. Journaled when something was written.
///
/// # Errors
/// [`Refused::Unnamed`], [`Refused::AlreadyFinal`], or whatever the store says.
pub async fn save(
    cx: &mut Cx<'_>,
    institution: InstitutionId,
    page: &FrontPage,
    source: Source,
) -> Result<Saved, Refused> {
    let number = page.medical_record_number.trim();
    if number.is_empty() || page.admission_count == 0 {
        return Err(Refused::Unnamed);
    }
    let corrupt = |why: serde_json::Error| Error::Corrupt { what: "front page", why: why.to_string() };
    let body = canonical(&serde_json::to_value(page).map_err(corrupt)?);
    let digest = Digest::of(body.as_bytes());
    let known = cx
        .tx
        .row(
            sql!(
                "select id, version, status, digest, patient_id from front_page
                 where institution_id = $1 and medical_record_number = $2 and admission_count = $3"
            ),
            args![institution.0, number, page.admission_count],
        )
        .await?;
    let listed = Columns::of(page);
    let (saved, patient) = match known {
        None => {
            let id = FrontPageId::fresh();
            let patient = patient_of(cx.tx, institution, number).await?;
            cx.tx
                .execute(
                    sql!(
                        "insert into front_page (id, institution_id, medical_record_number, admission_count, patient_id,
                             status, version, digest, patient_name, admitted_on, discharged_on, listed_on, department,
                             ward, physician, recorded_at)
                         values ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
                    ),
                    args![
                        id.0,
                        institution.0,
                        number,
                        page.admission_count,
                        patient,
                        page.status.key(),
                        digest,
                        &page.patient_name,
                        page.admitted_on(),
                        page.discharged_on(),
                        listed.listed_on,
                        listed.department,
                        listed.ward,
                        listed.physician,
                        cx.now,
                    ],
                )
                .await?;
            (Saved::New(id), patient)
        }
        Some(row) => {
            let id: FrontPageId = row.id("id")?;
            if row.get::<Digest>("digest")? == digest {
                return Ok(Saved::Unchanged(id));
            }
            if row.get::<String>("status")? == Status::Final.key() && page.status == Status::Draft {
                return Err(Refused::AlreadyFinal);
            }
            let before: u32 = row.get("version")?;
            let patient = match row.get::<Option<Uuid>>("patient_id")? {
                None => patient_of(cx.tx, institution, number).await?,
                known => known,
            };
            cx.tx
                .execute_one(
                    sql!(
                        "update front_page set patient_id = $3, status = $4, version = $2 + 1, digest = $5,
                             patient_name = $6, admitted_on = $7, discharged_on = $8, listed_on = $9, department = $10,
                             ward = $11, physician = $12, recorded_at = $13
                         where id = $1 and version = $2"
                    ),
                    args![
                        id.0,
                        before,
                        patient,
                        page.status.key(),
                        digest,
                        &page.patient_name,
                        page.admitted_on(),
                        page.discharged_on(),
                        listed.listed_on,
                        listed.department,
                        listed.ward,
                        listed.physician,
                        cx.now,
                    ],
                )
                .await?;
            (Saved::Version(id, before + 1), patient)
        }
    };
    let number_of_version = match saved {
        Saved::Version(_, version) => version,
        Saved::New(_) | Saved::Unchanged(_) => 1,
    };
    cx.tx
        .execute(
            sql!(
                "insert into front_page_version (front_page_id, version, status, source, digest, recorded_at,
                     recorded_by, body)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)"
            ),
            args![
                saved.id().0,
                number_of_version,
                page.status.key(),
                source.key(),
                digest,
                cx.now,
                &cx.actor.name,
                body,
            ],
        )
        .await?;
    let detail = json!({
        "version": number_of_version,
        "status": page.status.key(),
        "source": source.key(),
        "digest": digest.to_string(),
    });
    cx.journal("front_page.save", ("front_page", Some(saved.id().0)), patient, detail).await?;
    Ok(saved)
}

/// What lists search, taken from a page.
struct Columns<'p> {
    listed_on: String,
    department: &'p str,
    ward: &'p str,
    physician: &'p str,
}

impl<'p> Columns<'p> {
    fn of(page: &'p FrontPage) -> Self {
        let first = |a: &'p str, b: &'p str| if a.is_empty() { b } else { a };
        Self {
            listed_on: page.discharged_on().map_or_else(|| NOT_DISCHARGED.to_owned(), |day| day.to_string()),
            department: first(&page.discharge_department, &page.admission_department),
            ward: first(&page.discharge_ward, &page.admission_ward),
            physician: first(&page.staff.attending_physician, &page.staff.resident_physician),
        }
    }
}

/// The patient whom the institution knows by a record number, when exactly one is.
async fn patient_of(reader: &mut Reader, institution: InstitutionId, number: &str) -> Result<Option<Uuid>, Error> {
    let rows = reader
        .rows(
            sql!("select distinct patient_id from patient_identifier where institution_id = $1 and value = $2"),
            args![institution.0, number],
        )
        .await?;
    match rows.as_slice() {
        [row] => row.get("patient_id").map(Some),
        _ => Ok(None),
    }
}

/// Says whose the stay was. Journaled.
///
/// # Errors
/// [`Error::Stale`] when there is no such page in the actor's scope.
pub async fn set_patient(cx: &mut Cx<'_>, id: FrontPageId, patient: PatientId) -> Result<(), Error> {
    let scope = cx.actor.scope;
    cx.tx
        .execute_one(
            sql!(
                "update front_page set patient_id = $2 where id = $1 and institution_id in
                     (select i.id from institution i where i.tree_low between $3 and $4)"
            ),
            args![id.0, patient.0, scope.low, scope.high],
        )
        .await?;
    cx.journal("front_page.set_patient", ("front_page", Some(id.0)), Some(patient.0), json!({})).await
}

fn source_of(row: &Row) -> Result<Source, Error> {
    let source: String = row.get("source")?;
    Source::from_key(&source).ok_or_else(|| Error::Corrupt { what: "front page source", why: source })
}

fn status_of(row: &Row) -> Result<Status, Error> {
    let status: String = row.get("status")?;
    Status::from_key(&status).ok_or_else(|| Error::Corrupt { what: "front page status", why: status })
}

fn stored_of(row: &Row) -> Result<Stored, Error> {
    let body: String = row.get("body")?;
    Ok(Stored {
        id: row.id("id")?,
        institution: row.id("institution_id")?,
        patient: row.optional_id("patient_id")?,
        version: row.get("version")?,
        source: source_of(row)?,
        digest: row.get("digest")?,
        recorded_at: row.get("recorded_at")?,
        recorded_by: row.get("recorded_by")?,
        page: serde_json::from_str(&body).map_err(|why| Error::Corrupt { what: "front page", why: why.to_string() })?,
    })
}

fn listed_of(row: &Row) -> Result<Listed, Error> {
    Ok(Listed {
        id: row.id("id")?,
        institution: row.id("institution_id")?,
        medical_record_number: row.get("medical_record_number")?,
        admission_count: row.get("admission_count")?,
        patient: row.optional_id("patient_id")?,
        patient_name: row.get("patient_name")?,
        status: status_of(row)?,
        version: row.get("version")?,
        admitted_on: row.get("admitted_on")?,
        discharged_on: row.get("discharged_on")?,
        department: row.get("department")?,
        ward: row.get("ward")?,
        physician: row.get("physician")?,
        listed_on: row.get("listed_on")?,
    })
}

/// The last version of a page inside `scope`.
///
/// # Errors
/// [`Error::NotFound`] when there is none or the scope does not reach it.
pub async fn current(reader: &mut Reader, scope: Scope, id: FrontPageId) -> Result<Stored, Error> {
    let row = reader
        .one(
            sql!(
                "select f.id, f.institution_id, f.patient_id, v.version, v.source, v.digest, v.recorded_at,
                     v.recorded_by, v.body
                 from front_page f
                 join front_page_version v on v.front_page_id = f.id and v.version = f.version
                 join institution i on i.id = f.institution_id
                 where f.id = $1 and i.tree_low between $2 and $3"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    stored_of(&row)
}

/// Opens a page: its last version inside the actor's scope; journals the reading with its purpose.
///
/// # Errors
/// As [`current`].
pub async fn open(cx: &mut Cx<'_>, id: FrontPageId, purpose: &str) -> Result<Stored, Error> {
    let scope = cx.actor.scope;
    let stored = current(cx.tx, scope, id).await?;
    let detail = json!({ "version": stored.version });
    cx.journal_read(("front_page", Some(id.0)), stored.patient.map(Uuid::from), purpose, detail).await?;
    Ok(stored)
}

/// One version of a page inside `scope`.
///
/// # Errors
/// As [`current`].
pub async fn version(reader: &mut Reader, scope: Scope, id: FrontPageId, version: u32) -> Result<Stored, Error> {
    let row = reader
        .one(
            sql!(
                "select f.id, f.institution_id, f.patient_id, v.version, v.source, v.digest, v.recorded_at,
                     v.recorded_by, v.body
                 from front_page f
                 join front_page_version v on v.front_page_id = f.id
                 join institution i on i.id = f.institution_id
                 where f.id = $1 and v.version = $2 and i.tree_low between $3 and $4"
            ),
            args![id.0, version, scope.low, scope.high],
        )
        .await?;
    stored_of(&row)
}

/// All versions of a page inside `scope`, the newest first, without their content.
///
/// # Errors
/// Whatever the store says.
pub async fn versions(reader: &mut Reader, scope: Scope, id: FrontPageId) -> Result<Vec<Version>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select v.version, v.status, v.source, v.digest, v.recorded_at, v.recorded_by
                 from front_page_version v
                 join front_page f on f.id = v.front_page_id
                 join institution i on i.id = f.institution_id
                 where f.id = $1 and i.tree_low between $2 and $3 order by v.version desc"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Version {
                version: row.get("version")?,
                status: status_of(row)?,
                source: source_of(row)?,
                digest: row.get("digest")?,
                recorded_at: row.get("recorded_at")?,
                recorded_by: row.get("recorded_by")?,
            })
        })
        .collect()
}

/// The page of a stay, by the number of the record and the count of the admission.
///
/// # Errors
/// Whatever the store says.
pub async fn by_number(
    reader: &mut Reader,
    scope: Scope,
    institution: InstitutionId,
    number: &str,
    admission_count: u32,
) -> Result<Option<FrontPageId>, Error> {
    let row = reader
        .row(
            sql!(
                "select f.id from front_page f join institution i on i.id = f.institution_id
                 where f.institution_id = $1 and f.medical_record_number = $2 and f.admission_count = $3
                     and i.tree_low between $4 and $5"
            ),
            args![institution.0, number.trim(), admission_count, scope.low, scope.high],
        )
        .await?;
    row.map(|row| row.id("id")).transpose()
}

/// The count of the admission of a stay whose source does not say it: that of the stay already known with this record
/// number and this day of admission, otherwise the next one.
///
/// # Errors
/// Whatever the store says.
pub async fn count_of_stay(
    reader: &mut Reader,
    institution: InstitutionId,
    number: &str,
    admitted_on: Option<Date>,
) -> Result<u32, Error> {
    let row = reader
        .one(
            sql!(
                "select coalesce(max(f.admission_count), 0) as last,
                     coalesce(max(case when f.admitted_on = $3 then f.admission_count end), 0) as known
                 from front_page f where f.institution_id = $1 and f.medical_record_number = $2"
            ),
            args![institution.0, number.trim(), admitted_on.map(|day| day.to_string()).unwrap_or_default()],
        )
        .await?;
    let known: u32 = row.get("known")?;
    Ok(if known > 0 { known } else { row.get::<u32>("last")? + 1 })
}

/// The pages of a patient inside `scope`, the latest stay first.
///
/// # Errors
/// Whatever the store says.
pub async fn of_patient(reader: &mut Reader, scope: Scope, patient: PatientId) -> Result<Vec<Listed>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select f.* from front_page f join institution i on i.id = f.institution_id
                 where f.patient_id = $1 and i.tree_low between $2 and $3 order by f.listed_on desc, f.id desc"
            ),
            args![patient.0, scope.low, scope.high],
        )
        .await?;
    rows.iter().map(listed_of).collect()
}

/// At most `limit` pages inside `scope` that pass `filter`, stays without discharge first, then the latest discharge,
/// behind `after`. The list names patients: whoever shows it journals that it was read.
///
/// # Errors
/// Whatever the store says.
pub async fn list(
    reader: &mut Reader,
    scope: Scope,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Vec<Listed>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select f.* from front_page f join institution i on i.id = f.institution_id
                 where i.tree_low between $1 and $2 and ($3 = '' or f.status = $3)
                     and ($4 = 0 or f.institution_id = $5) and ($6 = '' or f.department = $6)
                     and f.listed_on >= $7 and f.listed_on <= $8
                     and ($9 = '' or f.medical_record_number = $9 or (f.patient_name >= $9 and f.patient_name < $10))
                     and (f.listed_on < $11 or (f.listed_on = $11 and f.id < $12))
                 order by f.listed_on desc, f.id desc limit $13"
            ),
            &conditions(scope, filter, after, limit),
        )
        .await?;
    rows.iter().map(listed_of).collect()
}

/// As [`list`], with the content of the last version: for figures over many stays.
///
/// # Errors
/// Whatever the store says.
pub async fn read_many(
    reader: &mut Reader,
    scope: Scope,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Vec<(Listed, FrontPage)>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select f.*, v.body from front_page f join institution i on i.id = f.institution_id
                 join front_page_version v on v.front_page_id = f.id and v.version = f.version
                 where i.tree_low between $1 and $2 and ($3 = '' or f.status = $3)
                     and ($4 = 0 or f.institution_id = $5) and ($6 = '' or f.department = $6)
                     and f.listed_on >= $7 and f.listed_on <= $8
                     and ($9 = '' or f.medical_record_number = $9 or (f.patient_name >= $9 and f.patient_name < $10))
                     and (f.listed_on < $11 or (f.listed_on = $11 and f.id < $12))
                 order by f.listed_on desc, f.id desc limit $13"
            ),
            &conditions(scope, filter, after, limit),
        )
        .await?;
    rows.iter()
        .map(|row| {
            let body: String = row.get("body")?;
            let page = serde_json::from_str(&body)
                .map_err(|why| Error::Corrupt { what: "front page", why: why.to_string() })?;
            Ok((listed_of(row)?, page))
        })
        .collect()
}

fn conditions(scope: Scope, filter: &Filter, after: Option<&Cursor>, limit: u32) -> Vec<yiti_store::Value> {
    let text = filter.text.trim();
    let day = |day: Option<Date>, otherwise: &str| day.map_or_else(|| otherwise.to_owned(), |day| day.to_string());
    args![
        scope.low,
        scope.high,
        filter.status.map_or("", Status::key),
        filter.institution.is_some(),
        filter.institution.map_or_else(Uuid::nil, Uuid::from),
        &filter.department,
        day(filter.from, ""),
        day(filter.until, NOT_DISCHARGED),
        text,
        format!("{text}\u{10ffff}"),
        after.map_or("99999", |cursor| cursor.listed_on.as_str()),
        after.map_or_else(Uuid::nil, |cursor| cursor.id.0),
        limit,
    ]
    .to_vec()
}
