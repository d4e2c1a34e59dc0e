//! Rows of this slice; all its SQL stands here.

use serde_json::Value as Json;
use yiti_directory::{InstitutionId, PersonId, Scope};
use yiti_flow::CaseId;
use yiti_kernel::{Date, Due, Timestamp, Uuid};
use yiti_record::order::{Priority, Setting};
use yiti_record::patient::Sex;
use yiti_record::{PatientId, ReportId, RequestId, StudyId};
use yiti_store::{Error, Reader, Row, Tx, Value, args, sql};

use crate::content::Content;
use crate::facts::Reading;

/// One remote reading as lists and figures see it.
#[derive(Debug, Clone)]
pub struct ReadRow {
    /// The case.
    pub id: CaseId,
    /// Its order.
    pub request: RequestId,
    /// Its pictures.
    pub study: Option<StudyId>,
    /// Whose.
    pub patient: PatientId,
    /// The branch.
    pub institution: InstitutionId,
    /// Accession number.
    pub accession_number: String,
    /// The patient's name.
    pub patient_name: String,
    /// Key of the exam.
    pub exam_code: String,
    /// Modality.
    pub modality: String,
    /// Body part.
    pub body_part: String,
    /// In which care.
    pub setting: Setting,
    /// How soon.
    pub priority: Priority,
    /// Where it stands: key of a state.
    pub status: String,
    /// Who asked.
    pub requested_by: PersonId,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// End of the examination.
    pub examined_at: Option<Timestamp>,
    /// When the pictures were complete at headquarters.
    pub arrived_at: Option<Timestamp>,
    /// When the report is due, counted from arrival.
    pub due: Option<Due>,
    /// When the report is due, counted from the end of the examination.
    pub due_whole_at: Option<Timestamp>,
    /// Key of the pictures' grade.
    pub grade: Option<String>,
    /// How often the pictures were asked for again.
    pub repeat_count: u32,
    /// Who holds it.
    pub reader: Option<PersonId>,
    /// Until when.
    pub lease_until: Option<Timestamp>,
    /// Who wrote the report.
    pub author: Option<PersonId>,
    /// When it was handed in.
    pub written_at: Option<Timestamp>,
    /// Who approved it.
    pub approver: Option<PersonId>,
    /// When the first version was issued.
    pub first_issued_at: Option<Timestamp>,
    /// When the newest version was issued.
    pub issued_at: Option<Timestamp>,
    /// The report.
    pub report: Option<ReportId>,
    /// Its newest version.
    pub report_version: Option<u32>,
    /// Something was found.
    pub is_positive: Option<bool>,
    /// Something critical was found.
    pub is_critical: Option<bool>,
}

fn due_of_row(row: &Row) -> Result<Option<Due>, Error> {
    let (at, warn_at): (Option<Timestamp>, _) = (row.get("due_at")?, row.get("warn_at")?);
    Ok(at.map(|at| Due { at, warn_at }))
}

pub(crate) fn of_row(row: &Row) -> Result<ReadRow, Error> {
    let corrupt = |what| move |why: String| Error::Corrupt { what, why };
    let (priority, setting): (String, String) = (row.get("priority")?, row.get("setting")?);
    Ok(ReadRow {
        id: row.id("id")?,
        request: row.id("request_id")?,
        study: row.optional_id("study_id")?,
        patient: row.id("patient_id")?,
        institution: row.id("institution_id")?,
        accession_number: row.get("accession_number")?,
        patient_name: row.get("patient_name")?,
        exam_code: row.get("exam_code")?,
        modality: row.get("modality")?,
        body_part: row.get("body_part")?,
        setting: Setting::from_key(&setting).ok_or_else(|| corrupt("setting")(setting))?,
        priority: Priority::from_key(&priority).ok_or_else(|| corrupt("priority")(priority))?,
        status: row.get("status")?,
        requested_by: row.id("requested_by")?,
        requested_at: row.get("requested_at")?,
        examined_at: row.get("examined_at")?,
        arrived_at: row.get("arrived_at")?,
        due: due_of_row(row)?,
        due_whole_at: row.get("due_whole_at")?,
        grade: row.get("grade")?,
        repeat_count: row.get("repeat_count")?,
        reader: row.optional_id("reader_id")?,
        lease_until: row.get("lease_until")?,
        author: row.optional_id("author_id")?,
        written_at: row.get("written_at")?,
        approver: row.optional_id("approver_id")?,
        first_issued_at: row.get("first_issued_at")?,
        issued_at: row.get("issued_at")?,
        report: row.optional_id("report_id")?,
        report_version: row.get("report_version")?,
        is_positive: row.get("is_positive")?,
        is_critical: row.get("is_critical")?,
    })
}

/// True while something is still to be done.
#[must_use]
pub fn is_open(status: &str) -> bool {
    !matches!(status, "issued" | "revoked")
}

/// The state as lists, paper and patients know it: key of its word and its tag.
#[must_use]
pub fn shown(status: &str) -> &'static str {
    match status {
        "requested" => "requested",
        "uploaded" => "imaged",
        "repeat_asked" => "repeat_asked",
        "waiting" => "waiting",
        "drafting" => "reading",
        "returned" => "sent_back",
        "drafted" => "drafted",
        "issued" => "issued",
        "revoked" => "cancelled",
        _ => "void",
    }
}

/// 0 for the most urgent.
#[must_use]
pub const fn rank(priority: Priority) -> u8 {
    match priority {
        Priority::Stat => 0,
        Priority::Urgent => 1,
        Priority::Routine => 2,
    }
}

/// Writes the row of a reading, new or changed.
///
/// # Errors
/// Whatever the store says.
pub async fn put(tx: &mut Tx, read: &ReadRow, initials: &str) -> Result<(), Error> {
    let id = |id: Option<Uuid>| Value::from(id);
    tx.execute(
        sql!(
            "insert into remote_read (id, request_id, study_id, patient_id, institution_id, accession_number, patient_name,
                 patient_initials, exam_code, modality, body_part, setting, priority, priority_rank, status, is_open,
                 requested_by, requested_at, examined_at, arrived_at, due_at, due_whole_at, grade, repeat_count, reader_id,
                 lease_until, author_id, written_at, approver_id, first_issued_at, issued_at, report_id, report_version,
                 is_positive, is_critical, warn_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                 $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)
             on conflict (id) do update set study_id = excluded.study_id, status = excluded.status,
                 is_open = excluded.is_open, examined_at = excluded.examined_at, arrived_at = excluded.arrived_at,
                 due_at = excluded.due_at, due_whole_at = excluded.due_whole_at, grade = excluded.grade,
                 repeat_count = excluded.repeat_count, reader_id = excluded.reader_id,
                 lease_until = excluded.lease_until, author_id = excluded.author_id, written_at = excluded.written_at,
                 approver_id = excluded.approver_id, first_issued_at = excluded.first_issued_at,
                 issued_at = excluded.issued_at, report_id = excluded.report_id,
                 report_version = excluded.report_version, is_positive = excluded.is_positive,
                 is_critical = excluded.is_critical, warn_at = excluded.warn_at"
        ),
        args![
            read.id.0,
            read.request.0,
            id(read.study.map(|i| i.0)),
            read.patient.0,
            read.institution.0,
            &read.accession_number,
            &read.patient_name,
            initials,
            &read.exam_code,
            &read.modality,
            &read.body_part,
            read.setting.key(),
            read.priority.key(),
            rank(read.priority),
            &read.status,
            is_open(&read.status),
            read.requested_by.0,
            read.requested_at,
            read.examined_at,
            read.arrived_at,
            read.due.map(|due| due.at),
            read.due_whole_at,
            read.grade.clone(),
            read.repeat_count,
            id(read.reader.map(|i| i.0)),
            read.lease_until,
            id(read.author.map(|i| i.0)),
            read.written_at,
            id(read.approver.map(|i| i.0)),
            read.first_issued_at,
            read.issued_at,
            id(read.report.map(|i| i.0)),
            read.report_version,
            read.is_positive,
            read.is_critical,
            read.due.and_then(|due| due.warn_at),
        ],
    )
    .await?;
    Ok(())
}

/// The reading of a case, when `scope` reaches it.
///
/// # Errors
/// [`Error::NotFound`] when there is none or the scope does not reach it.
pub async fn get(reader: &mut Reader, scope: Scope, id: CaseId) -> Result<ReadRow, Error> {
    let row = reader
        .one(
            sql!(
                "select r.* from remote_read r join institution i on i.id = r.institution_id
                 where r.id = $1 and i.tree_low between $2 and $3"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    of_row(&row)
}

/// The reading of an order, if there is one.
///
/// # Errors
/// Whatever the store says.
pub async fn of_request(reader: &mut Reader, request: RequestId) -> Result<Option<ReadRow>, Error> {
    let row = reader.row(sql!("select * from remote_read where request_id = $1"), args![request.0]).await?;
    row.as_ref().map(of_row).transpose()
}

/// All readings of a patient, the newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn of_patient(reader: &mut Reader, patient: PatientId) -> Result<Vec<ReadRow>, Error> {
    let rows = reader
        .rows(sql!("select * from remote_read where patient_id = $1 order by requested_at desc, id"), args![patient.0])
        .await?;
    rows.iter().map(of_row).collect()
}

/// What a list is narrowed to; empty fields narrow nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// One branch.
    pub institution: Option<InstitutionId>,
    /// Modality.
    pub modality: String,
    /// Key of a priority.
    pub priority: String,
    /// Key of a state.
    pub status: String,
    /// Beginning of the patient's name, its initials, or the accession number.
    pub text: String,
}

impl Filter {
    fn values(&self, scope: Scope) -> Vec<Value> {
        let text = self.text.trim();
        // No initials begin with a tilde: a text that is not Latin finds none.
        let (low, initials) =
            (text.to_owned(), if text.is_ascii() { text.to_ascii_lowercase() } else { "~".to_owned() });
        args![
            scope.low,
            scope.high,
            self.institution.map(|i| i.0),
            &self.modality,
            &self.priority,
            &self.status,
            low.clone(),
            format!("{low}\u{10ffff}"),
            initials.clone(),
            format!("{initials}\u{7f}"),
        ]
        .to_vec()
    }
}

/// What narrows a list: scope and [`Filter::values`], `$1` to `$10`, over `remote_read r` and its `institution i`.
macro_rules! narrowed {
    () => {
        "i.tree_low between $1 and $2
            and (r.institution_id = $3 or $3 is null) and ($4 = '' or r.modality = $4)
            and ($5 = '' or r.priority = $5) and ($6 = '' or r.status = $6)
            and ($7 = '' or (r.patient_name >= $7 and r.patient_name < $8) or r.accession_number = $7
                or (r.patient_initials >= $9 and r.patient_initials < $10))"
    };
}

/// What stands in the readers' list, of what is open: it has its pictures.
macro_rules! readable {
    () => {
        "r.status in ('uploaded', 'waiting', 'drafting', 'returned', 'drafted')"
    };
}

/// What is counted of each state, for a person at an instant.
macro_rules! counted {
    ($person:literal, $now:literal) => {
        concat!(
            "select r.status, count(*) as n, count(case when r.reader_id = ",
            $person,
            " then 1 end) as held, count(case when r.due_at < ",
            $now,
            " and r.report_id is null then 1 end) as overdue from remote_read r "
        )
    };
}

/// One line of the readers' list: of the reading what the list shows, with patient and people.
#[derive(Debug, Clone)]
pub struct Line {
    /// The reading.
    pub id: CaseId,
    /// Branch.
    pub institution: InstitutionId,
    /// Key of the exam.
    pub exam_code: String,
    /// DICOM modality.
    pub modality: String,
    /// How soon.
    pub priority: Priority,
    /// Key of the state.
    pub status: String,
    /// When the report is due.
    pub due: Option<Due>,
    /// True once a report was issued, which an addendum follows.
    pub is_issued: bool,
    /// Who asked.
    pub requested_by: PersonId,
    /// Who holds it.
    pub reader: Option<PersonId>,
    /// Until when.
    pub lease_until: Option<Timestamp>,
    /// Who wrote it.
    pub author: Option<PersonId>,
    /// The patient's name.
    pub patient_name: String,
    /// The patient's sex.
    pub sex: Sex,
    /// The patient's birthday.
    pub birth_on: Option<Date>,
    /// Name of the one who holds it; empty when nobody does.
    pub reader_name: String,
    /// Name of the one who wrote it; empty when nobody has.
    pub author_name: String,
    /// Pictures.
    pub instance_count: u32,
}

/// The readers' list over all branches in `scope`, by urgency and time left, with patients and people in the same query;
/// `held_by` leaves only what that person holds.
///
/// # Errors
/// Whatever the store says.
pub async fn worklist_lines(
    reader: &mut Reader,
    scope: Scope,
    filter: &Filter,
    held_by: Option<PersonId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Line>, Error> {
    let rows = reader
        .rows(
            sql!(concat!(
                "select r.id, r.institution_id, r.exam_code, r.modality, r.priority, r.status, r.due_at, r.warn_at, r.report_id,
                     r.requested_by, r.reader_id, r.lease_until, r.author_id, r.patient_name, p.sex, p.birth_on,
                     h.name as reader_name, a.name as author_name, s.instance_count
                 from remote_read r join institution i on i.id = r.institution_id
                 join patient p on p.id = r.patient_id
                 left join person h on h.id = r.reader_id
                 left join person a on a.id = r.author_id
                 left join imaging_study s on s.id = r.study_id
                 where r.is_open = 1 and ",
                readable!(),
                " and ",
                narrowed!(),
                " and (r.reader_id = $11 or $11 is null)
                 order by r.priority_rank, r.due_at, r.id limit $12 offset $13"
            )),
            &[filter.values(scope), args![held_by.map(|i| i.0), limit, offset].to_vec()].concat(),
        )
        .await?;
    rows.iter()
        .map(|row| {
            let priority: String = row.get("priority")?;
            let corrupt = |why| Error::Corrupt { what: "priority", why };
            Ok(Line {
                id: row.id("id")?,
                institution: row.id("institution_id")?,
                exam_code: row.get("exam_code")?,
                modality: row.get("modality")?,
                priority: Priority::from_key(&priority).ok_or_else(|| corrupt(priority))?,
                status: row.get("status")?,
                due: due_of_row(row)?,
                is_issued: row.optional_id::<ReportId>("report_id")?.is_some(),
                requested_by: row.id("requested_by")?,
                reader: row.optional_id("reader_id")?,
                lease_until: row.get("lease_until")?,
                author: row.optional_id("author_id")?,
                patient_name: row.get("patient_name")?,
                sex: Sex::from_key(&row.get::<String>("sex")?),
                birth_on: row.get("birth_on")?,
                reader_name: row.get::<Option<String>>("reader_name")?.unwrap_or_default(),
                author_name: row.get::<Option<String>>("author_name")?.unwrap_or_default(),
                instance_count: row.get::<Option<u32>>("instance_count")?.unwrap_or_default(),
            })
        })
        .collect()
}

/// How many of a state stand in the readers' list.
#[derive(Debug, Clone)]
pub struct StateCount {
    /// Key of the state.
    pub status: String,
    /// How many.
    pub count: u32,
    /// Of these, how many the person holds.
    pub held_count: u32,
    /// Of these, how many first reports are overdue.
    pub overdue_count: u32,
}

/// Counts the readers' list by state; the filter's own state narrows nothing.
///
/// # Errors
/// Whatever the store says.
pub async fn worklist_counts(
    reader: &mut Reader,
    scope: Scope,
    filter: &Filter,
    person: PersonId,
    now: Timestamp,
) -> Result<Vec<StateCount>, Error> {
    let filter = Filter { status: String::new(), ..filter.clone() };
    // The list as it is mostly looked at, whole, is counted in an index alone (`remote_read_counted`).
    let whole = sql!(concat!(
        counted!("$3", "$4"),
        "where r.is_open > 0 and ",
        readable!(),
        " and r.institution_id in (select id from institution where tree_low between $1 and $2)
         group by r.status"
    ));
    let narrowed = sql!(concat!(
        counted!("$11", "$12"),
        "join institution i on i.id = r.institution_id where r.is_open > 0 and ",
        readable!(),
        " and ",
        narrowed!(),
        " group by r.status"
    ));
    let rows = if filter == Filter::default() {
        reader.rows(whole, args![scope.low, scope.high, person.0, now]).await?
    } else {
        reader.rows(narrowed, &[filter.values(scope), args![person.0, now].to_vec()].concat()).await?
    };
    rows.iter()
        .map(|row| {
            Ok(StateCount {
                status: row.get("status")?,
                count: row.get("n")?,
                held_count: row.get("held")?,
                overdue_count: row.get("overdue")?,
            })
        })
        .collect()
}

/// The most urgent reading that waits and that `person` may read.
///
/// # Errors
/// Whatever the store says.
pub async fn next_waiting(reader: &mut Reader, scope: Scope, person: PersonId) -> Result<Option<CaseId>, Error> {
    let row = reader
        .row(
            sql!(
                "select r.id from remote_read r join institution i on i.id = r.institution_id
                 where r.is_open = 1 and r.status = 'waiting' and r.requested_by <> $3 and i.tree_low between $1 and $2
                 order by r.priority_rank, r.due_at, r.id limit 1"
            ),
            args![scope.low, scope.high, person.0],
        )
        .await?;
    row.map(|row| row.id("id")).transpose()
}

/// The reading of a report, if there is one.
///
/// # Errors
/// Whatever the store says.
pub async fn of_report(reader: &mut Reader, report: ReportId) -> Result<Option<ReadRow>, Error> {
    let row = reader.row(sql!("select * from remote_read where report_id = $1"), args![report.0]).await?;
    row.as_ref().map(of_row).transpose()
}

/// All readings of `scope`, the newest order first; `open_only` leaves out what is done.
///
/// # Errors
/// Whatever the store says.
pub async fn requests(
    reader: &mut Reader,
    scope: Scope,
    filter: &Filter,
    open_only: bool,
    limit: u32,
    offset: u32,
) -> Result<Vec<ReadRow>, Error> {
    let rows = reader
        .rows(
            sql!(concat!(
                "select r.* from remote_read r join institution i on i.id = r.institution_id where ",
                narrowed!(),
                " and r.is_open >= $11 order by r.requested_at desc, r.id desc limit $12 offset $13"
            )),
            &[filter.values(scope), args![open_only, limit, offset].to_vec()].concat(),
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// How many readings [`requests`] finds in all.
///
/// # Errors
/// Whatever the store says.
pub async fn request_count(reader: &mut Reader, scope: Scope, filter: &Filter, open_only: bool) -> Result<i64, Error> {
    let row = reader
        .one(
            sql!(concat!(
                "select count(*) as n from remote_read r join institution i on i.id = r.institution_id where ",
                narrowed!(),
                " and r.is_open >= $11"
            )),
            &[filter.values(scope), args![open_only].to_vec()].concat(),
        )
        .await?;
    row.get("n")
}

/// Readings whose pictures arrived and wait for their grade, the most urgent first.
///
/// # Errors
/// Whatever the store says.
pub async fn to_grade(reader: &mut Reader, scope: Scope, limit: u32) -> Result<Vec<ReadRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select r.* from remote_read r join institution i on i.id = r.institution_id
                 where r.is_open = 1 and r.grade is null and r.study_id is not null and r.status <> 'repeat_asked'
                     and i.tree_low between $1 and $2
                 order by r.priority_rank, r.arrived_at, r.id limit $3"
            ),
            args![scope.low, scope.high, limit],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// The pictures that wait for their grade: study, its address, how many.
///
/// # Errors
/// Whatever the store says.
pub async fn ungraded_pictures(reader: &mut Reader, scope: Scope) -> Result<Vec<(StudyId, String, u32)>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.id, s.address, s.instance_count from remote_read r
                 join institution i on i.id = r.institution_id join imaging_study s on s.id = r.study_id
                 where r.is_open = 1 and r.grade is null and r.status <> 'repeat_asked'
                     and i.tree_low between $1 and $2"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    rows.iter().map(|row| Ok((row.id("id")?, row.get("address")?, row.get("instance_count")?))).collect()
}

/// How many studies of `scope` have no order, or are in conflict with another.
///
/// # Errors
/// Whatever the store says.
pub async fn unmatched_count(reader: &mut Reader, scope: Scope) -> Result<u32, Error> {
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

/// Readings of `scope` with an order but no pictures yet, or whose pictures were asked for again, the oldest first.
///
/// # Errors
/// Whatever the store says.
pub async fn to_examine(reader: &mut Reader, scope: Scope, limit: u32) -> Result<Vec<ReadRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select r.* from remote_read r join institution i on i.id = r.institution_id
                 where r.is_open = 1 and r.status in ('requested', 'repeat_asked') and i.tree_low between $1 and $2
                 order by r.priority_rank, r.requested_at, r.id limit $3"
            ),
            args![scope.low, scope.high, limit],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// Rows whose first report was issued from `from` to `until` (not included), for figures.
///
/// # Errors
/// Whatever the store says.
pub async fn issued_between(
    reader: &mut Reader,
    scope: Scope,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<ReadRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select r.* from remote_read r join institution i on i.id = r.institution_id
                 where r.first_issued_at >= $3 and r.first_issued_at < $4 and i.tree_low between $1 and $2
                 order by r.first_issued_at, r.id"
            ),
            args![scope.low, scope.high, from, until],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// What measures see of readings whose first report was issued from `from` to `until` (not included); an empty
/// `modality` or `priority` takes all.
///
/// # Errors
/// Whatever the store says.
pub async fn measured(
    reader: &mut Reader,
    scope: Scope,
    (from, until): (Timestamp, Timestamp),
    modality: &str,
    priority: &str,
) -> Result<Vec<Reading>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select r.id, r.institution_id, r.modality, r.body_part, r.priority, r.setting, r.requested_at,
                     r.examined_at, r.arrived_at, r.first_issued_at, r.due_at, r.due_whole_at, r.grade, r.repeat_count,
                     r.is_positive, r.is_critical, r.author_id, r.approver_id
                 from remote_read r join institution i on i.id = r.institution_id
                 where r.first_issued_at >= $3 and r.first_issued_at < $4 and i.tree_low between $1 and $2
                     and ($5 = '' or r.modality = $5) and ($6 = '' or r.priority = $6)
                 order by r.first_issued_at, r.id"
            ),
            args![scope.low, scope.high, from, until, modality, priority],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let (author, approver) = (row.optional_id("author_id")?, row.optional_id("approver_id")?);
            Ok(Reading {
                id: row.id("id")?,
                institution: row.id("institution_id")?,
                modality: row.get("modality")?,
                body_part: row.get("body_part")?,
                priority: row.get("priority")?,
                setting: row.get("setting")?,
                requested_at: row.get("requested_at")?,
                examined_at: row.get("examined_at")?,
                arrived_at: row.get("arrived_at")?,
                issued_at: row.get("first_issued_at")?,
                due_at: row.get("due_at")?,
                due_whole_at: row.get("due_whole_at")?,
                grade: row.get("grade")?,
                repeat_count: row.get("repeat_count")?,
                is_positive: row.get("is_positive")?,
                is_critical: row.get("is_critical")?,
                is_double_signed: author.zip(approver).map(|(one, other): (PersonId, PersonId)| one != other),
            })
        })
        .collect()
}

/// A draft as it was last saved.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who writes it.
    pub person: PersonId,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// How often it was saved; a save names the revision it is based on.
    pub revision: u32,
    /// What it says.
    pub content: Content,
}

/// The draft of a case.
///
/// # Errors
/// Whatever the store says.
pub async fn draft(reader: &mut Reader, id: CaseId) -> Result<Option<Draft>, Error> {
    let row = reader.row(sql!("select * from report_draft where case_id = $1"), args![id.0]).await?;
    row.map(|row| {
        let content: String = row.get("content")?;
        Ok(Draft {
            person: row.id("person_id")?,
            saved_at: row.get("saved_at")?,
            revision: row.get("revision")?,
            content: serde_json::from_str(&content)
                .map_err(|e| Error::Corrupt { what: "draft", why: e.to_string() })?,
        })
    })
    .transpose()
}

/// Saves the draft of a case and returns its revision.
///
/// # Errors
/// Whatever the store says.
pub async fn put_draft(
    tx: &mut Tx,
    id: CaseId,
    person: PersonId,
    content: &Content,
    at: Timestamp,
) -> Result<u32, Error> {
    let text = serde_json::to_string(content).map_err(|e| Error::Corrupt { what: "draft", why: e.to_string() })?;
    let row = tx
        .one(
            sql!(
                "insert into report_draft (case_id, person_id, saved_at, revision, content) values ($1, $2, $3, 1, $4)
                 on conflict (case_id) do update set person_id = excluded.person_id, saved_at = excluded.saved_at,
                     revision = report_draft.revision + 1, content = excluded.content returning revision"
            ),
            args![id.0, person.0, at, text],
        )
        .await?;
    row.get("revision")
}

/// Drops the draft of a case once its report is issued.
///
/// # Errors
/// Whatever the store says.
pub async fn drop_draft(tx: &mut Tx, id: CaseId) -> Result<(), Error> {
    tx.execute(sql!("delete from report_draft where case_id = $1"), args![id.0]).await?;
    Ok(())
}

/// Keeps the draft as it is sent back.
///
/// # Errors
/// Whatever the store says.
pub async fn keep_sent_back(tx: &mut Tx, id: CaseId) -> Result<(), Error> {
    tx.execute(sql!("update report_draft set sent_back = content where case_id = $1"), args![id.0]).await?;
    Ok(())
}

/// What was sent back last, when it was.
///
/// # Errors
/// Whatever the store says.
pub async fn sent_back(reader: &mut Reader, id: CaseId) -> Result<Option<Content>, Error> {
    let row = reader.row(sql!("select sent_back from report_draft where case_id = $1"), args![id.0]).await?;
    let text: Option<String> = row.map(|row| row.get("sent_back")).transpose()?.flatten();
    text.map(|text| serde_json::from_str(&text).map_err(|e| Error::Corrupt { what: "draft", why: e.to_string() }))
        .transpose()
}

/// Moves the end of a reader's hold without a step of the case.
///
/// # Errors
/// Whatever the store says.
pub async fn extend_lease(tx: &mut Tx, id: CaseId, until: Timestamp) -> Result<(), Error> {
    tx.execute(sql!("update remote_read set lease_until = $2 where id = $1"), args![id.0, until]).await?;
    Ok(())
}

/// A filled score sheet.
#[derive(Debug, Clone)]
pub struct Graded {
    /// Who filled it.
    pub person: PersonId,
    /// When.
    pub at: Timestamp,
    /// Sum of points.
    pub points: u32,
    /// Key of the grade.
    pub grade: String,
    /// Points by item.
    pub sheet: Json,
}

/// Keeps a filled score sheet.
///
/// # Errors
/// Whatever the store says.
pub async fn put_grade(tx: &mut Tx, id: CaseId, study: StudyId, graded: &Graded) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into image_grade (id, case_id, study_id, person_id, at, points, grade, sheet)
             values ($1, $2, $3, $4, $5, $6, $7, $8)"
        ),
        args![
            yiti_kernel::fresh(),
            id.0,
            study.0,
            graded.person.0,
            graded.at,
            graded.points,
            &graded.grade,
            graded.sheet.to_string(),
        ],
    )
    .await?;
    tx.execute(
        sql!("update remote_read set grade = $2, graded_at = $3, graded_by = $4 where id = $1"),
        args![id.0, &graded.grade, graded.at, graded.person.0],
    )
    .await?;
    Ok(())
}

/// The newest score sheet of a case.
///
/// # Errors
/// Whatever the store says.
pub async fn grade(reader: &mut Reader, id: CaseId) -> Result<Option<Graded>, Error> {
    let row =
        reader.row(sql!("select * from image_grade where case_id = $1 order by at desc limit 1"), args![id.0]).await?;
    row.map(|row| {
        let sheet: String = row.get("sheet")?;
        Ok(Graded {
            person: row.id("person_id")?,
            at: row.get("at")?,
            points: row.get("points")?,
            grade: row.get("grade")?,
            sheet: serde_json::from_str(&sheet).map_err(|e| Error::Corrupt { what: "sheet", why: e.to_string() })?,
        })
    })
    .transpose()
}
