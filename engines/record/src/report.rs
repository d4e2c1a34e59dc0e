//! Issued reports. A version is never changed; an addendum is a new version, and whoever read the old one is told.

use serde_json::json;
use yiti_directory::{Cx, InstitutionId, PersonId};
use yiti_kernel::{Timestamp, id_type};
use yiti_store::{Digest, Error, Reader, Row, args, sql};

use crate::document::{self, About};
use crate::fhir;
use crate::imaging::StudyId;
use crate::patient::PatientId;

id_type!(
    /// Names a report; its versions share the name.
    ReportId
);

/// An issued version.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The report.
    pub report: ReportId,
    /// 1, 2, 3, ...
    pub version: u32,
    /// The study it is about.
    pub study: StudyId,
    /// Whose.
    pub patient: PatientId,
    /// The institution that asked.
    pub institution: InstitutionId,
    /// Key of the exam.
    pub exam_code: String,
    /// Who wrote it.
    pub author: PersonId,
    /// Who approved it; never the author.
    pub approver: PersonId,
    /// When the author handed it in.
    pub written_at: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Twelve characters by which anyone can check a print.
    pub verification_code: String,
    /// Something was found.
    pub is_positive: bool,
    /// Something critical was found.
    pub is_critical: bool,
    /// The diagnosis.
    pub conclusion: String,
    /// The content as the slice keeps it, canonical JSON.
    pub content: String,
    /// Digest of the FHIR document.
    pub digest: Option<Digest>,
}

/// What is needed to issue a version.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// The report; the same for all its versions.
    pub report: ReportId,
    /// The study.
    pub study: StudyId,
    /// Whose.
    pub patient: PatientId,
    /// The institution that asked.
    pub institution: InstitutionId,
    /// Key of the exam.
    pub exam_code: String,
    /// Who wrote it.
    pub author: PersonId,
    /// Who approved it.
    pub approver: PersonId,
    /// When the author handed it in.
    pub written_at: Timestamp,
    /// Something was found.
    pub is_positive: bool,
    /// Something critical was found.
    pub is_critical: bool,
    /// The diagnosis.
    pub conclusion: String,
    /// The content, canonical JSON.
    pub content: String,
}

/// Why a version was not issued.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Author and approver are one person.
    #[error("author and approver must be two people")]
    SamePerson,
    /// No verification code could be made.
    #[error(transparent)]
    Secret(#[from] yiti_directory::NoSecret),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Issues the next version of a report.
///
/// # Errors
/// [`Refused::SamePerson`].
pub async fn issue(cx: &mut Cx<'_>, new: NewVersion) -> Result<Issued, Refused> {
    if new.author == new.approver {
        return Err(Refused::SamePerson);
    }
    let row = cx
        .tx
        .one(
            sql!("select coalesce(max(version), 0) as last from report_version where report_id = $1"),
            args![new.report.0],
        )
        .await?;
    let version = row.get::<u32>("last")? + 1;
    let mut issued = Issued {
        report: new.report,
        version,
        study: new.study,
        patient: new.patient,
        institution: new.institution,
        exam_code: new.exam_code,
        author: new.author,
        approver: new.approver,
        written_at: new.written_at,
        issued_at: cx.now,
        verification_code: yiti_directory::code::<12>()?,
        is_positive: new.is_positive,
        is_critical: new.is_critical,
        conclusion: new.conclusion,
        content: new.content,
        digest: None,
    };
    let about = About {
        kind: "DiagnosticReport",
        id: issued.report.0,
        patient: Some(issued.patient.0),
        institution: issued.institution.0,
        recorded_by: &cx.actor.name,
    };
    let (_, digest) = document::append(cx.tx, about, &fhir::diagnostic_report(&issued), cx.now).await?;
    issued.digest = Some(digest);
    cx.tx
        .execute(
            sql!(
                "insert into report_version (report_id, version, kind, study_id, patient_id, institution_id, author_id,
                     approver_id, written_at, issued_at, verification_code, digest, is_positive, is_critical, body)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
            ),
            args![
                issued.report.0,
                version,
                if version == 1 { "final" } else { "addendum" },
                issued.study.0,
                issued.patient.0,
                issued.institution.0,
                issued.author.0,
                issued.approver.0,
                issued.written_at,
                issued.issued_at,
                &issued.verification_code,
                digest,
                issued.is_positive,
                issued.is_critical,
                json!({ "exam_code": issued.exam_code, "conclusion": issued.conclusion, "content": issued.content })
                    .to_string(),
            ],
        )
        .await?;
    let detail = json!({ "version": version, "digest": digest.to_string() });
    cx.journal("report.issue", ("report", Some(issued.report.0)), Some(issued.patient.0), detail).await?;
    Ok(issued)
}

fn of_row(row: &Row) -> Result<Issued, Error> {
    let body: String = row.get("body")?;
    let corrupt = |why: String| Error::Corrupt { what: "report", why };
    let body: serde_json::Value = serde_json::from_str(&body).map_err(|e| corrupt(e.to_string()))?;
    let text = |key: &str| body[key].as_str().map(str::to_owned).ok_or_else(|| corrupt(format!("no `{key}`")));
    Ok(Issued {
        report: row.id("report_id")?,
        version: row.get("version")?,
        study: row.id("study_id")?,
        patient: row.id("patient_id")?,
        institution: row.id("institution_id")?,
        exam_code: text("exam_code")?,
        author: row.id("author_id")?,
        approver: row.id("approver_id")?,
        written_at: row.get("written_at")?,
        issued_at: row.get("issued_at")?,
        verification_code: row.get("verification_code")?,
        is_positive: row.get("is_positive")?,
        is_critical: row.get("is_critical")?,
        conclusion: text("conclusion")?,
        content: text("content")?,
        digest: Some(row.get("digest")?),
    })
}

/// All versions of a report, the newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn versions(reader: &mut Reader, report: ReportId) -> Result<Vec<Issued>, Error> {
    let rows = reader
        .rows(sql!("select * from report_version where report_id = $1 order by version desc"), args![report.0])
        .await?;
    rows.iter().map(of_row).collect()
}

/// The newest version of each report of a patient, the newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn of_patient(reader: &mut Reader, patient: PatientId) -> Result<Vec<Issued>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select v.* from report_version v where v.patient_id = $1 and not exists (
                     select 1 from report_version n where n.report_id = v.report_id and n.version > v.version)
                 order by v.issued_at desc"
            ),
            args![patient.0],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// The version of a verification code, written with or without dashes and in any case.
///
/// # Errors
/// Whatever the store says.
pub async fn by_code(reader: &mut Reader, code: &str) -> Result<Option<Issued>, Error> {
    let code: String =
        code.chars().filter(char::is_ascii_alphanumeric).take(32).collect::<String>().to_ascii_uppercase();
    reader
        .row(sql!("select * from report_version where verification_code = $1"), args![code])
        .await?
        .as_ref()
        .map(of_row)
        .transpose()
}

/// Writes that the actor has read a version, and how often they have printed it.
///
/// # Errors
/// Whatever the store says.
pub async fn note_reading(cx: &mut Cx<'_>, issued: &Issued, is_print: bool) -> Result<u32, Error> {
    let Some(person) = cx.actor.person else { return Ok(0) };
    let row = cx
        .tx
        .one(
            sql!(
                "insert into report_reading (report_id, version, person_id, first_read_at, print_count)
                 values ($1, $2, $3, $4, $5) on conflict (report_id, version, person_id)
                 do update set print_count = report_reading.print_count + excluded.print_count returning print_count"
            ),
            args![issued.report.0, issued.version, person.0, cx.now, i64::from(is_print)],
        )
        .await?;
    row.get("print_count")
}

/// How often a version was printed, by anyone.
///
/// # Errors
/// Whatever the store says.
pub async fn print_count(reader: &mut Reader, report: ReportId, version: u32) -> Result<u32, Error> {
    let row = reader
        .one(
            sql!(
                "select cast(coalesce(sum(print_count), 0) as bigint) as n from report_reading
                 where report_id = $1 and version = $2"
            ),
            args![report.0, version],
        )
        .await?;
    row.get("n")
}

/// Everyone who has read a version before `version`.
///
/// # Errors
/// Whatever the store says.
pub async fn readers_before(reader: &mut Reader, report: ReportId, version: u32) -> Result<Vec<PersonId>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select distinct person_id from report_reading where report_id = $1 and version < $2 order by person_id"
            ),
            args![report.0, version],
        )
        .await?;
    rows.iter().map(|row| row.id("person_id")).collect()
}
