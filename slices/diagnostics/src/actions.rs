//! One function for each thing a person, a modality or a timer can do: load, allow, decide, save.

use std::collections::BTreeMap;

use serde_json::json;
use yiti_clock::store as clock;
use yiti_clock::{Rules, Terms};
use yiti_directory::{Cx, Forbidden, InstitutionId, PersonId, Title};
use yiti_flow::case::{self, Case};
use yiti_flow::notice::{self, NewNotice};
use yiti_flow::task::{self, NewTask};
use yiti_flow::{CaseId, StepError};
use yiti_kernel::{Due, SignedDuration, Timestamp};
use yiti_record::imaging::SeriesId;
use yiti_record::imaging::{self, Completed, Study};
use yiti_record::order::{self, NewOrder, Order};
use yiti_record::report::{self, Issued, NewVersion};
use yiti_record::sorting::{self, SortId};
use yiti_record::{PatientId, ReportId, RequestId, StudyId, document, patient};

use crate::content::{self, Content, Incomplete};
use crate::may::{Deed, Doctor};
use crate::quality::{Invalid, Scored};
use crate::remote_read::{Event, IssuedVersion, Refused, RemoteRead, State};
use crate::settings::Definitions;
use crate::store::{self, Graded, ReadRow};

/// The rule from arrival to issue.
pub const RULE_REMOTE: &str = "diagnostics.read_remote";
/// The rule from the end of the examination to issue.
pub const RULE_WHOLE: &str = "diagnostics.read_whole";
/// The rule from arrival to the grade of the pictures.
pub const RULE_GRADE: &str = "diagnostics.grade";
/// How long before its request an examination may have ended: emergencies are written down afterwards.
const EXAMINED_BEFORE_REQUEST_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What live pages of this slice listen to.
pub const TOPIC: &str = "diagnostics";

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed, or not there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The rules of the case refuse it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The report is not complete.
    #[error("the report is not complete")]
    Incomplete(Vec<Incomplete>),
    /// The score sheet is not filled.
    #[error(transparent)]
    ScoreSheet(#[from] Invalid),
    /// The pictures score as unfit: a repeat is asked for instead of a grade.
    #[error("the pictures are not fit")]
    Unfit(Scored),
    /// No such exam in the list.
    #[error("there is no exam `{0}`")]
    UnknownExam(String),
    /// The clinical question is empty or longer than 500 characters.
    #[error("the clinical question has 1 to 500 characters")]
    Question,
    /// The reason is none of the list.
    #[error("`{0}` is none of the reasons")]
    UnknownReason(String),
    /// The order has its pictures already.
    #[error("the order has its pictures already")]
    HasPictures,
    /// The identity number is registered under another name.
    #[error("the identity number is registered under another name")]
    OtherName,
    /// The draft was saved elsewhere since this page was opened.
    #[error("the draft was saved elsewhere, revision {revision}")]
    DraftMoved {
        /// The revision now.
        revision: u32,
    },
    /// A patient could not be registered.
    #[error(transparent)]
    Patient(#[from] patient::Refused),
    /// An obligation could not be started or ended.
    #[error(transparent)]
    Clock(#[from] clock::Error),
    /// Pictures could not be sorted.
    #[error(transparent)]
    Sort(#[from] sorting::Refused),
    /// A version could not be issued.
    #[error(transparent)]
    Report(#[from] report::Refused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] yiti_store::Error),
}

impl Error {
    /// The key of its text in `locales/`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "diagnostics.error.forbidden",
            Self::Refused(refused) => refused.key(),
            Self::Incomplete(_) => "diagnostics.error.incomplete",
            Self::ScoreSheet(_) => "diagnostics.error.score_sheet",
            Self::Unfit(_) => "diagnostics.error.unfit",
            Self::UnknownExam(_) => "diagnostics.error.unknown_exam",
            Self::Question => "diagnostics.error.question",
            Self::UnknownReason(_) => "diagnostics.error.unknown_reason",
            Self::HasPictures => "diagnostics.error.has_pictures",
            Self::OtherName => "requests.fault.other_name",
            Self::DraftMoved { .. } => "diagnostics.error.draft_moved",
            Self::Patient(_) => "diagnostics.error.patient",
            Self::Clock(_) => "diagnostics.error.clock",
            Self::Sort(refused) => match refused {
                sorting::Refused::NoSeries => "diagnostics.error.no_series",
                sorting::Refused::NothingStays => "diagnostics.error.nothing_stays",
                sorting::Refused::Unrelated => "diagnostics.error.unrelated",
                sorting::Refused::SameInstances => "diagnostics.error.same_instances",
                sorting::Refused::HasOrder => "diagnostics.error.has_order",
                sorting::Refused::NoConflict => "diagnostics.error.no_conflict",
                sorting::Refused::NotLast => "diagnostics.error.not_last",
                sorting::Refused::Store(_) => "diagnostics.error.store",
            },
            Self::Report(_) => "diagnostics.error.report",
            Self::Store(_) => "diagnostics.error.store",
        }
    }
}

impl From<StepError<Refused>> for Error {
    fn from(error: StepError<Refused>) -> Self {
        match error {
            StepError::Refused(refused) => Self::Refused(refused),
            StepError::Store(error) => Self::Store(error),
        }
    }
}

/// What a branch doctor fills in.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// Whose.
    pub patient: PatientId,
    /// Key of the exam.
    pub exam_code: String,
    /// How soon.
    pub priority: order::Priority,
    /// In which care.
    pub setting: order::Setting,
    /// The clinical question.
    pub question: String,
    /// History and findings.
    pub history: String,
    /// Pregnancy, allergy, implants.
    pub warnings: String,
    /// When the examination is planned.
    pub scheduled_at: Timestamp,
}

/// A branch doctor asks for an examination that headquarters reads.
///
/// # Errors
/// [`Error`] names the field.
pub async fn request(cx: &mut Cx<'_>, new: NewRequest) -> Result<(CaseId, Order), Error> {
    cx.allow("diagnostics.request", cx.actor.institution)?;
    let whose = patient::open(cx, new.patient, "treatment").await?;
    place(cx, whose, new).await
}

/// As [`request`] for someone who is not in the doctor's list: they are registered, or, when the group knows the
/// identity number, taken over. Whoever shows the card with name and number may be opened here without having been
/// treated here before.
///
/// # Errors
/// [`Error`] names the field; [`Error::OtherName`] when the number is registered under another name.
pub async fn request_newcomer(
    cx: &mut Cx<'_>,
    person: &patient::NewPatient,
    new: NewRequest,
) -> Result<(CaseId, Order), Error> {
    let institution = cx.actor.institution;
    cx.allow("diagnostics.request", institution)?;
    cx.allow("patient.register", institution)?;
    let whose = match patient::register(cx, institution, person).await {
        Ok(whose) => whose,
        Err(patient::Refused::Known { patient: known, .. }) => {
            let whose = patient::get(cx.tx, known).await?;
            if whose.name != person.name.trim() {
                return Err(Error::OtherName);
            }
            let detail = json!({ "presented": "national_id" });
            cx.journal_read(("patient", Some(known.0)), Some(known.0), "treatment", detail).await?;
            whose
        }
        Err(refused) => return Err(refused.into()),
    };
    place(cx, whose, new).await
}

/// Opens the case of an order for `whose`.
async fn place(cx: &mut Cx<'_>, whose: patient::Patient, new: NewRequest) -> Result<(CaseId, Order), Error> {
    let institution = cx.actor.institution;
    let by = cx.person("diagnostics.request")?;
    let definitions = cx.kit.get::<Definitions>();
    let exam = definitions.exam(&new.exam_code).ok_or_else(|| Error::UnknownExam(new.exam_code.clone()))?;
    let question = new.question.trim().to_owned();
    if question.is_empty() || question.chars().count() > 500 {
        return Err(Error::Question);
    }
    let new = NewOrder {
        patient: whose.id,
        institution,
        exam_code: exam.id.clone(),
        modality: exam.modality.clone(),
        body_part: exam.body_part.clone(),
        priority: new.priority,
        setting: new.setting,
        question,
        history: new.history.trim().to_owned(),
        warnings: new.warnings.trim().to_owned(),
        scheduled_at: new.scheduled_at,
    };
    let order = order::place(cx, by, new).await?;
    let state = State::Requested { requested_by: by };
    let id = CaseId::fresh();
    let opened = case::open::<RemoteRead>(cx, id, institution, Some(whose.id.0), state, &Event::Request).await?;
    let row = ReadRow {
        id,
        request: order.id,
        study: None,
        patient: whose.id,
        institution,
        accession_number: order.accession_number.clone(),
        patient_name: whose.name.clone(),
        exam_code: order.exam_code.clone(),
        modality: order.modality.clone(),
        body_part: order.body_part.clone(),
        setting: order.setting,
        priority: order.priority,
        status: opened.state.status().to_owned(),
        requested_by: by,
        requested_at: cx.now,
        examined_at: None,
        arrived_at: None,
        due: None,
        due_whole_at: None,
        grade: None,
        repeat_count: 0,
        reader: None,
        lease_until: None,
        author: None,
        written_at: None,
        approver: None,
        first_issued_at: None,
        issued_at: None,
        report: None,
        report_version: None,
        is_positive: None,
        is_critical: None,
    };
    store::put(cx.tx, &row, &patient::initials(&whose.name)).await?;
    cx.announce(TOPIC, institution);
    Ok((id, order))
}

/// Loads the case and its row; the actor's scope must reach it.
async fn load(cx: &mut Cx<'_>, permission: &'static str, id: CaseId) -> Result<(Case<State>, ReadRow), Error> {
    let row = store::get(cx.tx, cx.actor.scope, id).await?;
    cx.allow(permission, row.institution)?;
    Ok((case::load::<RemoteRead>(cx.tx, id).await?, row))
}

/// Takes the step and brings row and open pages up to date.
async fn step(cx: &mut Cx<'_>, case: Case<State>, row: &mut ReadRow, event: &Event) -> Result<State, Error> {
    let stepped = case::step::<RemoteRead>(cx, case, event).await?;
    row.status = stepped.state.status().to_owned();
    row.study = stepped.state.study().or(row.study);
    match &stepped.state {
        State::Drafting { reader, lease_until, .. } => {
            row.reader = Some(*reader);
            row.lease_until = Some(*lease_until);
        }
        State::Drafted { author, written_at, .. } => {
            row.author = Some(*author);
            row.written_at = Some(*written_at);
            row.reader = None;
            row.lease_until = None;
        }
        State::Requested { .. }
        | State::Uploaded { .. }
        | State::RepeatAsked { .. }
        | State::Waiting { .. }
        | State::Issued { .. }
        | State::Revoked { .. } => {
            row.reader = None;
            row.lease_until = None;
        }
    }
    save(cx, row).await?;
    Ok(stepped.state)
}

async fn save(cx: &mut Cx<'_>, row: &ReadRow) -> Result<(), Error> {
    store::put(cx.tx, row, &patient::initials(&row.patient_name)).await?;
    cx.announce(TOPIC, row.institution);
    Ok(())
}

async fn open_task(
    cx: &mut Cx<'_>,
    row: &ReadRow,
    (kind, permission): (&'static str, &'static str),
    person: Option<PersonId>,
    link: String,
    due: Option<Due>,
) -> Result<(), Error> {
    let new = NewTask {
        case: row.id,
        kind,
        permission,
        institution: row.institution,
        person,
        priority_rank: store::rank(row.priority),
        due,
        title: json!({
            "patient": row.patient_name, "exam": row.exam_code, "priority": row.priority.key(),
            "accession_number": row.accession_number,
        }),
        link,
    };
    Ok(task::open(cx, &new).await?)
}

/// A study is complete at headquarters: it meets its order, or is listed as unmatched.
///
/// # Errors
/// [`Error`].
pub async fn study_complete(cx: &mut Cx<'_>, id: StudyId) -> Result<(), Error> {
    match imaging::complete(cx, id).await? {
        Completed::Matched(study, order) => {
            if study.conflict.is_some() {
                tell_conflict(cx, &study).await?;
            }
            arrived(cx, &study, &order).await
        }
        Completed::Unmatched(study, _) if study.conflict.is_some() => {
            tell_conflict(cx, &study).await?;
            cx.announce(TOPIC, study.institution);
            Ok(())
        }
        Completed::Unmatched(study, reason) => {
            let new = NewNotice {
                person: None,
                permission: "diagnostics.match",
                institution: study.institution,
                topic: "study_unmatched",
                params: json!({ "reason": reason.key(), "name": study.seen_patient_name }),
                link: format!("/studies/{}/match", study.id),
                is_urgent: false,
            };
            notice::tell(cx, &new).await?;
            cx.announce(TOPIC, study.institution);
            Ok(())
        }
        Completed::Again(study) => {
            // A repeated examination may come under the Study Instance UID of the first.
            let order = match study.request {
                Some(request) => Some(order::get(cx.tx, request).await?),
                None => None,
            };
            if let Some(order) = order.filter(|order| order.status == order::Status::Active) {
                order::set_status(cx, order.id, order::Status::Completed).await?;
                return arrived(cx, &study, &order).await;
            }
            cx.announce(TOPIC, study.institution);
            Ok(())
        }
    }
}

/// A technician gives an unmatched study its order.
///
/// # Errors
/// [`Error::HasPictures`] when the order has its study already.
pub async fn match_study(cx: &mut Cx<'_>, study: StudyId, request: RequestId) -> Result<CaseId, Error> {
    let mut study = imaging::get(cx.tx, study).await?;
    cx.allow("diagnostics.match", study.institution)?;
    let order = order::get(cx.tx, request).await?;
    if order.institution != study.institution || study.unmatched.is_none() {
        return Err(yiti_store::Error::NotFound.into());
    }
    let row = store::of_request(cx.tx, request).await?.ok_or(yiti_store::Error::NotFound)?;
    if !matches!(row.status.as_str(), "requested" | "repeat_asked") {
        return Err(Error::HasPictures);
    }
    imaging::attach(cx, &mut study, &order).await?;
    arrived(cx, &study, &order).await?;
    Ok(row.id)
}

/// Tells those who sort pictures that identifiers name two patients.
async fn tell_conflict(cx: &mut Cx<'_>, study: &Study) -> Result<(), Error> {
    let other = match study.conflict_with {
        Some(other) => imaging::get(cx.tx, other).await?.seen_patient_name,
        None => String::new(),
    };
    let new = NewNotice {
        person: None,
        permission: "diagnostics.match",
        institution: study.institution,
        topic: "study_conflict",
        params: json!({ "name": study.seen_patient_name, "other": other }),
        link: format!("/studies/{}/sort", study.id),
        is_urgent: true,
    };
    Ok(notice::tell(cx, &new).await?)
}

/// A person finds that a study was given to an order that is not its own: it waits for its order again, and the order for
/// its pictures, as if they had not come.
///
/// # Errors
/// [`Refused::NotNow`] once a reader has taken it.
pub async fn unmatch_study(cx: &mut Cx<'_>, study: StudyId) -> Result<(), Error> {
    let mut study = imaging::get(cx.tx, study).await?;
    cx.allow("diagnostics.match", study.institution)?;
    let request = study.request.ok_or(yiti_store::Error::NotFound)?;
    // Of several studies of one order only the last is what the reading is about.
    if let Some(mut row) = store::of_request(cx.tx, request).await?.filter(|row| row.study == Some(study.id)) {
        let case = case::load::<RemoteRead>(cx.tx, row.id).await?;
        row = ReadRow {
            study: None,
            examined_at: None,
            arrived_at: None,
            due: None,
            due_whole_at: None,
            grade: None,
            ..row
        };
        step(cx, case, &mut row, &Event::Unmatch).await?;
        let by = cx.actor.by.clone();
        clock::cancel_all_for(cx.tx, row.id.0, "unmatched", &by, cx.now).await?;
        task::close_all(cx, row.id).await?;
        store::drop_draft(cx.tx, row.id).await?;
        order::set_status(cx, request, order::Status::Active).await?;
    }
    imaging::detach(cx, &mut study, "undone by a person").await?;
    cx.announce(TOPIC, study.institution);
    Ok(())
}

/// Loads a study that the actor may sort.
async fn sortable(cx: &mut Cx<'_>, id: StudyId) -> Result<Study, Error> {
    let study = imaging::get(cx.tx, id).await?;
    cx.allow("diagnostics.match", study.institution)?;
    cx.announce(TOPIC, study.institution);
    Ok(study)
}

/// A person makes series a study of their own, which waits for its order.
///
/// # Errors
/// [`Error::Sort`].
pub async fn split_study(cx: &mut Cx<'_>, study: StudyId, series: &[SeriesId]) -> Result<StudyId, Error> {
    let study = sortable(cx, study).await?;
    Ok(sorting::split(cx, &study, series).await?)
}

/// A person moves series to another study of the same institution.
///
/// # Errors
/// [`Error::Sort`].
pub async fn move_series(cx: &mut Cx<'_>, from: StudyId, series: &[SeriesId], to: StudyId) -> Result<(), Error> {
    let from = sortable(cx, from).await?;
    let to = sortable(cx, to).await?;
    Ok(sorting::move_to(cx, &from, series, &to).await?)
}

/// A person has looked: the two studies are rightly two.
///
/// # Errors
/// [`Error::Sort`].
pub async fn keep_apart(cx: &mut Cx<'_>, study: StudyId) -> Result<(), Error> {
    let study = sortable(cx, study).await?;
    Ok(sorting::keep_apart(cx, &study).await?)
}

/// A person takes the last step of sorting back.
///
/// # Errors
/// [`Error::Sort`].
pub async fn undo_sort(cx: &mut Cx<'_>, study: StudyId, step: SortId) -> Result<StudyId, Error> {
    let study = sortable(cx, study).await?;
    Ok(sorting::undo(cx, study.institution, step).await?.from)
}

/// The pictures of an order are here: clocks start, the grade is asked for.
async fn arrived(cx: &mut Cx<'_>, study: &Study, order: &Order) -> Result<(), Error> {
    let Some(mut row) = store::of_request(cx.tx, order.id).await? else { return Ok(()) };
    if !matches!(row.status.as_str(), "requested" | "repeat_asked") {
        // More pictures for an examination that is already being read: they are seen with the order's studies.
        cx.announce(TOPIC, row.institution);
        return Ok(());
    }
    let is_repeat = row.status == "repeat_asked";
    let case = case::load::<RemoteRead>(cx.tx, row.id).await?;
    let rules = cx.kit.get::<Rules>();
    // The clock of the modality may be wrong by years; then the examination ended when its pictures came.
    let earliest = row.requested_at - EXAMINED_BEFORE_REQUEST_MAX;
    row.examined_at = study.examined_at.filter(|at| (earliest..=cx.now).contains(at));
    row.study = Some(study.id);
    row.grade = None;
    if is_repeat {
        row.due = resume(cx, &rules, RULE_REMOTE, row.id).await?.or(row.due);
        row.due_whole_at = resume(cx, &rules, RULE_WHOLE, row.id).await?.map(|due| due.at).or(row.due_whole_at);
    } else {
        row.arrived_at = Some(cx.now);
        row.due = Some(start(cx, &rules, RULE_REMOTE, &row, cx.now, "radiologist").await?.schedule.due());
        let examined_at = row.examined_at.unwrap_or(cx.now);
        row.due_whole_at = Some(start(cx, &rules, RULE_WHOLE, &row, examined_at, "").await?.schedule.due_at);
    }
    let grade_by = start(cx, &rules, RULE_GRADE, &row, cx.now, "branch_technician").await?.schedule.due();
    step(cx, case, &mut row, &Event::Arrive { study: study.id }).await?;
    let link = format!("/studies/{}/grade", row.id);
    open_task(cx, &row, ("grade", "diagnostics.grade"), None, link, Some(grade_by)).await?;
    if cx.kit.get::<Definitions>().settings.read_before_grade.contains(row.priority.key()) {
        open_reading_task(cx, &row, None).await?;
    }
    Ok(())
}

/// A doctor before a reading of that urgency.
#[must_use]
pub fn doctor(
    definitions: &Definitions,
    person: PersonId,
    title: Title,
    priority: order::Priority,
    at: Timestamp,
) -> Doctor {
    let settings = &definitions.settings;
    let before_grade = settings.read_before_grade.contains(priority.key());
    Doctor { person, title, title_min: settings.approver_title_min, before_grade, at }
}

/// Whoever acts, when they may do `deed`.
fn allowed(cx: &Cx<'_>, by: PersonId, deed: Deed, state: &State, row: &ReadRow) -> Result<Doctor, Refused> {
    let doctor = doctor(&cx.kit.get::<Definitions>(), by, cx.actor.title, row.priority, cx.now);
    state.may(deed, &doctor)?;
    Ok(doctor)
}

async fn open_reading_task(cx: &mut Cx<'_>, row: &ReadRow, person: Option<PersonId>) -> Result<(), Error> {
    open_task(cx, row, ("read", "diagnostics.read"), person, format!("/readings/{}", row.id), row.due).await
}

async fn start(
    cx: &mut Cx<'_>,
    rules: &Rules,
    rule: &str,
    row: &ReadRow,
    at: Timestamp,
    role: &str,
) -> Result<Terms, Error> {
    let facts = [
        ("modality", row.modality.as_str()),
        ("priority", row.priority.key()),
        ("setting", row.setting.key()),
        ("body_part", row.body_part.as_str()),
    ];
    let known = rules.get(rule).map(|rule| rule.facts.clone()).unwrap_or_default();
    let facts: Vec<_> = facts.into_iter().filter(|(name, _)| known.iter().any(|fact| fact == name)).collect();
    let subject = clock::Subject {
        kind: "remote_read",
        id: row.id.0,
        patient: Some(row.patient.0),
        institution: row.institution.0,
        role,
        person: None,
    };
    let by = cx.actor.by.clone();
    let (_, terms) = clock::start_by(cx.tx, rules, rule, &facts, at, &subject, &by, cx.now).await?;
    Ok(terms)
}

async fn resume(cx: &mut Cx<'_>, rules: &Rules, rule: &str, id: CaseId) -> Result<Option<Due>, Error> {
    let Some(open) = clock::find_open(cx.tx, rule, id.0).await? else { return Ok(None) };
    if !matches!(open.course.state, yiti_clock::State::Paused { .. }) {
        return Ok(Some(open.course.schedule.due()));
    }
    let by = cx.actor.by.clone();
    Ok(Some(clock::resume(cx.tx, rules, open.id, &by, cx.now).await?.course.schedule.due()))
}

async fn pause(cx: &mut Cx<'_>, rule: &str, id: CaseId, reason: &str) -> Result<(), Error> {
    let rules = cx.kit.get::<Rules>();
    // What is overdue already stays so: only a running clock can stand still.
    if let Some(open) = clock::find_open(cx.tx, rule, id.0).await?
        && !matches!(open.course.state, yiti_clock::State::Paused { .. })
        && open.course.breached_at.is_none()
        && cx.now <= open.course.due_at()
    {
        let by = cx.actor.by.clone();
        clock::pause(cx.tx, &rules, open.id, reason, &by, cx.now).await?;
    }
    Ok(())
}

async fn satisfy(cx: &mut Cx<'_>, rule: &str, id: CaseId) -> Result<(), Error> {
    let by = cx.actor.by.clone();
    clock::satisfy_for(cx.tx, rule, id.0, cx.now, &by, cx.now).await?;
    Ok(())
}

/// A technician grades the pictures.
///
/// # Errors
/// [`Error::Unfit`] when the sheet comes to an unfit grade: then a repeat must be asked for.
pub async fn grade(cx: &mut Cx<'_>, id: CaseId, sheet: &BTreeMap<String, u32>) -> Result<Scored, Error> {
    let (case, mut row) = load(cx, "diagnostics.grade", id).await?;
    let by = cx.person("diagnostics.grade")?;
    let scored = cx.kit.get::<Definitions>().score_sheet.score(sheet)?;
    if !scored.is_fit {
        return Err(Error::Unfit(scored));
    }
    let study = row.study.ok_or(yiti_store::Error::NotFound)?;
    let event = Event::Grade { grade: scored.grade.clone(), points: scored.points };
    row.grade = Some(scored.grade.clone());
    let state = step(cx, case, &mut row, &event).await?;
    let graded =
        Graded { person: by, at: cx.now, points: scored.points, grade: scored.grade.clone(), sheet: json!(sheet) };
    store::put_grade(cx.tx, id, study, &graded).await?;
    satisfy(cx, RULE_GRADE, id).await?;
    task::close(cx, id, "grade").await?;
    if matches!(state, State::Waiting { .. }) {
        open_reading_task(cx, &row, None).await?;
    }
    Ok(scored)
}

/// A technician or the reader asks the branch to take the pictures again; the clocks stand still until they come.
///
/// # Errors
/// [`Error::UnknownReason`].
pub async fn ask_repeat(cx: &mut Cx<'_>, id: CaseId, reason: &str, note: &str) -> Result<(), Error> {
    let permission = if cx.actor.may("diagnostics.grade") { "diagnostics.grade" } else { "diagnostics.read" };
    let (case, mut row) = load(cx, permission, id).await?;
    let by = cx.person(permission)?;
    // A technician asks while the pictures wait; a reader by the rules of readers.
    if permission == "diagnostics.read" || !matches!(case.state, State::Uploaded { .. } | State::Waiting { .. }) {
        allowed(cx, by, Deed::AskRepeat, &case.state, &row)?;
    }
    let definitions = cx.kit.get::<Definitions>();
    if !definitions.settings.repeat_reasons.iter().any(|r| r.id == reason) {
        return Err(Error::UnknownReason(reason.to_owned()));
    }
    row.repeat_count += 1;
    row.grade = None;
    let event = Event::AskRepeat { reason: reason.to_owned(), note: note.trim().to_owned() };
    step(cx, case, &mut row, &event).await?;
    order::set_status(cx, row.request, order::Status::Active).await?;
    for rule in [RULE_REMOTE, RULE_WHOLE] {
        pause(cx, rule, id, reason).await?;
    }
    satisfy(cx, RULE_GRADE, id).await?;
    task::close_all(cx, id).await?;
    let new = NewNotice {
        person: None,
        permission: "diagnostics.follow",
        institution: row.institution,
        topic: "repeat_asked",
        params: json!({ "patient": row.patient_name, "reason": reason, "note": note.trim() }),
        link: format!("/requests/{id}"),
        is_urgent: row.priority == order::Priority::Stat,
    };
    Ok(notice::tell(cx, &new).await?)
}

/// A reader takes a study.
///
/// # Errors
/// [`Refused::Held`] when someone else holds it.
pub async fn take(cx: &mut Cx<'_>, id: CaseId) -> Result<(), Error> {
    let (case, mut row) = load(cx, "diagnostics.read", id).await?;
    let by = cx.person("diagnostics.read")?;
    // The row knows of later saves than the state does.
    let case = with_row_lease(case, &row);
    let lease_minutes = cx.kit.get::<Definitions>().settings.lease_minutes;
    let doctor = allowed(cx, by, Deed::Take, &case.state, &row)?;
    let event = Event::Take { by, lease_minutes, before_grade: doctor.before_grade };
    step(cx, case, &mut row, &event).await?;
    open_reading_task(cx, &row, Some(by)).await
}

/// The case with the lease that saves of the draft have prolonged, which the row alone knows.
#[must_use]
pub fn with_row_lease(mut case: Case<State>, row: &ReadRow) -> Case<State> {
    if let (State::Drafting { lease_until, .. }, Some(later)) = (&mut case.state, row.lease_until) {
        *lease_until = later.max(*lease_until);
    }
    case
}

/// The reader gives the study back to the list; the draft stays for whoever takes it next.
///
/// # Errors
/// [`Refused::NotHolder`].
pub async fn release(cx: &mut Cx<'_>, id: CaseId) -> Result<(), Error> {
    let (case, mut row) = load(cx, "diagnostics.read", id).await?;
    let by = cx.person("diagnostics.read")?;
    step(cx, case, &mut row, &Event::Release { by }).await?;
    open_reading_task(cx, &row, None).await
}

/// Saves the draft of the reader who holds the study and renews their hold. `based_on` is the revision the page was
/// opened with, 0 for none.
///
/// # Errors
/// [`Error::DraftMoved`] when the draft was saved elsewhere since.
pub async fn save_draft(cx: &mut Cx<'_>, id: CaseId, based_on: u32, content: &Content) -> Result<u32, Error> {
    let (case, row) = load(cx, "diagnostics.read", id).await?;
    let by = cx.person("diagnostics.read")?;
    allowed(cx, by, Deed::Write, &case.state, &row)?;
    let longest = content.sections.values().map(|text| text.chars().count()).max().unwrap_or_default();
    if longest > content::SECTION_LENGTH_MAX || content.critical_note.chars().count() > 500 {
        return Err(Error::Incomplete(vec![Incomplete::TooLong { section: "findings".into() }]));
    }
    let last = store::draft(cx.tx, id).await?;
    if let Some(last) = &last
        && last.revision != based_on
        && last.content != *content
    {
        return Err(Error::DraftMoved { revision: last.revision });
    }
    let minutes = i64::from(cx.kit.get::<Definitions>().settings.lease_minutes);
    store::extend_lease(cx.tx, id, cx.now + yiti_kernel::SignedDuration::from_mins(minutes)).await?;
    match last {
        Some(last) if last.content == *content => Ok(last.revision),
        _ => Ok(store::put_draft(cx.tx, id, by, content, cx.now).await?),
    }
}

/// The reader hands the report in.
///
/// # Errors
/// [`Error::Incomplete`] with every fault.
pub async fn submit(cx: &mut Cx<'_>, id: CaseId, content: &Content) -> Result<(), Error> {
    let (case, mut row) = load(cx, "diagnostics.read", id).await?;
    let by = cx.person("diagnostics.read")?;
    complete(cx, &row, content)?;
    step(cx, case, &mut row, &Event::Submit { by }).await?;
    store::put_draft(cx.tx, id, by, content, cx.now).await?;
    task::close(cx, id, "read").await?;
    let link = format!("/readings/{id}/approve");
    open_task(cx, &row, ("approve", "diagnostics.approve"), None, link, row.due).await
}

fn complete(cx: &Cx<'_>, row: &ReadRow, content: &Content) -> Result<(), Error> {
    let definitions = cx.kit.get::<Definitions>();
    let template = definitions.template_of(&row.exam_code).ok_or_else(|| Error::UnknownExam(row.exam_code.clone()))?;
    let faults = content::check(content, template);
    if faults.is_empty() { Ok(()) } else { Err(Error::Incomplete(faults)) }
}

/// A second doctor approves the report, as it is or with `amended` in its place; the version is issued.
///
/// # Errors
/// [`Refused::SamePerson`], [`Refused::OwnRequest`], [`Refused::TitleTooLow`], [`Error::Incomplete`].
pub async fn approve(cx: &mut Cx<'_>, id: CaseId, amended: Option<Content>) -> Result<Issued, Error> {
    let (case, mut row) = load(cx, "diagnostics.approve", id).await?;
    let by = cx.person("diagnostics.approve")?;
    allowed(cx, by, Deed::Decide, &case.state, &row)?;
    let State::Drafted { author, written_at, addendum_to, study, .. } = case.state else {
        return Err(Refused::NotNow { status: case.state.status(), event: "approve" }.into());
    };
    let draft = store::draft(cx.tx, id).await?.ok_or(yiti_store::Error::NotFound)?.content;
    let content = amended.unwrap_or_else(|| draft.clone());
    complete(cx, &row, &content)?;
    let report = addendum_to.map_or_else(ReportId::fresh, |issued| issued.report);
    let json = serde_json::to_value(&content)
        .map_err(|e| yiti_store::Error::Corrupt { what: "report", why: e.to_string() })?;
    let version = NewVersion {
        report,
        study,
        patient: row.patient,
        institution: row.institution,
        exam_code: row.exam_code.clone(),
        author,
        approver: by,
        written_at,
        is_positive: content.is_positive,
        is_critical: content.is_critical,
        conclusion: content.sections.get("impression").cloned().unwrap_or_default(),
        content: document::canonical(&json),
    };
    let issued = report::issue(cx, version).await?;
    row.approver = Some(by);
    row.report = Some(report);
    row.report_version = Some(issued.version);
    row.issued_at = Some(cx.now);
    row.first_issued_at = row.first_issued_at.or(Some(cx.now));
    row.is_positive = Some(content.is_positive);
    row.is_critical = Some(content.is_critical);
    let event = Event::Approve {
        by,
        issued: IssuedVersion { report, version: issued.version },
        amended: content::changed(&draft, &content),
    };
    step(cx, case, &mut row, &event).await?;
    store::drop_draft(cx.tx, id).await?;
    task::close_all(cx, id).await?;
    for rule in [RULE_REMOTE, RULE_WHOLE, RULE_GRADE] {
        satisfy(cx, rule, id).await?;
    }
    tell_issued(cx, &row, &issued).await?;
    Ok(issued)
}

/// Tells the doctor who asked, and everyone who has read an earlier version.
async fn tell_issued(cx: &mut Cx<'_>, row: &ReadRow, issued: &Issued) -> Result<(), Error> {
    let mut people = report::readers_before(cx.tx, issued.report, issued.version).await?;
    people.push(row.requested_by);
    people.sort();
    people.dedup();
    people.retain(|person| Some(*person) != cx.actor.person);
    for person in people {
        let new = NewNotice {
            person: Some(person),
            permission: "",
            institution: row.institution,
            topic: if issued.version == 1 { "report_issued" } else { "report_changed" },
            params: json!({
                "patient": row.patient_name, "exam": row.exam_code, "version": issued.version,
                "critical": issued.is_critical,
            }),
            link: format!("/reports/{}", issued.report),
            is_urgent: issued.is_critical,
        };
        notice::tell(cx, &new).await?;
    }
    Ok(())
}

/// A second doctor sends the report back to its author.
///
/// # Errors
/// As [`approve`], and [`Error::UnknownReason`].
pub async fn send_back(cx: &mut Cx<'_>, id: CaseId, reason: &str, note: &str) -> Result<(), Error> {
    let (case, mut row) = load(cx, "diagnostics.approve", id).await?;
    let by = cx.person("diagnostics.approve")?;
    allowed(cx, by, Deed::Decide, &case.state, &row)?;
    let definitions = cx.kit.get::<Definitions>();
    if reason.is_empty() {
        return Err(Refused::NoReason.into());
    }
    if !definitions.settings.return_reasons.iter().any(|r| r.id == reason) {
        return Err(Error::UnknownReason(reason.to_owned()));
    }
    let event = Event::SendBack {
        by,
        reason: reason.to_owned(),
        note: note.trim().to_owned(),
        lease_minutes: definitions.settings.lease_minutes,
    };
    let author = row.author;
    step(cx, case, &mut row, &event).await?;
    store::keep_sent_back(cx.tx, id).await?;
    task::close(cx, id, "approve").await?;
    open_reading_task(cx, &row, author).await?;
    let new = NewNotice {
        person: author,
        permission: "",
        institution: row.institution,
        topic: "report_sent_back",
        params: json!({ "patient": row.patient_name, "reason": reason, "note": note.trim() }),
        link: format!("/readings/{id}"),
        is_urgent: true,
    };
    Ok(notice::tell(cx, &new).await?)
}

/// A reader begins an addendum to an issued report; its draft starts from the issued content.
///
/// # Errors
/// [`Refused::NotNow`] unless the report is issued.
pub async fn begin_addendum(cx: &mut Cx<'_>, id: CaseId) -> Result<(), Error> {
    let (case, mut row) = load(cx, "diagnostics.amend", id).await?;
    let by = cx.person("diagnostics.amend")?;
    allowed(cx, by, Deed::AddTo, &case.state, &row)?;
    let lease_minutes = cx.kit.get::<Definitions>().settings.lease_minutes;
    step(cx, case, &mut row, &Event::BeginAddendum { by, lease_minutes }).await?;
    let report = row.report.ok_or(yiti_store::Error::NotFound)?;
    let issued = report::versions(cx.tx, report).await?;
    let newest = issued.first().ok_or(yiti_store::Error::NotFound)?;
    store::put_draft(cx.tx, id, by, &content_of(newest)?, cx.now).await?;
    open_reading_task(cx, &row, Some(by)).await
}

/// The content of an issued version.
///
/// # Errors
/// [`yiti_store::Error::Corrupt`] when it cannot be understood.
pub fn content_of(issued: &Issued) -> Result<Content, yiti_store::Error> {
    serde_json::from_str(&issued.content).map_err(|e| yiti_store::Error::Corrupt { what: "report", why: e.to_string() })
}

/// The branch doctor takes the request back.
///
/// # Errors
/// [`Refused::NotNow`] once a reader has taken it.
pub async fn revoke(cx: &mut Cx<'_>, id: CaseId, reason: &str) -> Result<(), Error> {
    let (case, mut row) = load(cx, "diagnostics.request", id).await?;
    let by = cx.person("diagnostics.request")?;
    step(cx, case, &mut row, &Event::Revoke { by, reason: reason.trim().to_owned() }).await?;
    order::set_status(cx, row.request, order::Status::Revoked).await?;
    let actor = cx.actor.by.clone();
    clock::cancel_all_for(cx.tx, id.0, "revoked", &actor, cx.now).await?;
    Ok(task::close_all(cx, id).await?)
}

/// Opens an issued report: the reading is journaled and remembered, so that a later version can be told. With `is_print`
/// it also counts as a print. The version is the newest unless one is named.
///
/// # Errors
/// [`yiti_store::Error::NotFound`] when there is none or the scope does not reach it.
pub async fn open_report(
    cx: &mut Cx<'_>,
    report: ReportId,
    version: Option<u32>,
    is_print: bool,
    purpose: &str,
) -> Result<(Vec<Issued>, Issued, u32), Error> {
    let versions = report::versions(cx.tx, report).await?;
    let wanted = versions.iter().find(|v| version.is_none_or(|version| v.version == version));
    let wanted = wanted.cloned().ok_or(yiti_store::Error::NotFound)?;
    cx.allow("diagnostics.report.read", wanted.institution)?;
    report::note_reading(cx, &wanted, is_print).await?;
    let prints = report::print_count(cx.tx, report, wanted.version).await?;
    let detail = json!({ "version": wanted.version, "print": is_print });
    cx.journal_read(("report", Some(report.0)), Some(wanted.patient.0), purpose, detail).await?;
    Ok((versions, wanted, prints))
}

/// Someone explains why a report was late; the breach stays.
///
/// # Errors
/// Whatever the clock says.
pub async fn explain(cx: &mut Cx<'_>, id: CaseId, rule: &str, text: &str) -> Result<(), Error> {
    let row = store::get(cx.tx, cx.actor.scope, id).await?;
    cx.allow("diagnostics.explain", row.institution)?;
    let all = clock::all_for_subject(cx.tx, id.0).await?;
    let found = all.into_iter().find(|o| o.rule == rule).ok_or(yiti_store::Error::NotFound)?;
    let by = cx.actor.by.clone();
    clock::explain(cx.tx, found.id, text, &by, cx.now).await?;
    cx.journal(
        "diagnostics.explain",
        ("remote_read", Some(id.0)),
        Some(row.patient.0),
        json!({ "rule": rule, "text": text }),
    )
    .await?;
    Ok(())
}

/// Tells those concerned what a tick of the clock has raised for this slice.
///
/// # Errors
/// Whatever the store says.
pub async fn raised(cx: &mut Cx<'_>, raised: &clock::Raised) -> Result<(), Error> {
    if raised.subject_kind != "remote_read" || raised.rule == RULE_WHOLE {
        return Ok(());
    }
    let row = store::get(cx.tx, cx.tree.whole(), CaseId(raised.subject)).await?;
    let permission = match raised.to_role.as_str() {
        "department_head" => "diagnostics.explain",
        "branch_technician" => "diagnostics.grade",
        _ => "diagnostics.read",
    };
    let link = if permission == "diagnostics.grade" { "/studies" } else { "/readings" };
    let new = NewNotice {
        person: None,
        permission,
        institution: InstitutionId(raised.institution),
        topic: match raised.kind {
            yiti_clock::obligation::NoticeKind::Warning => "clock_warning",
            yiti_clock::obligation::NoticeKind::Breach => "clock_breach",
            yiti_clock::obligation::NoticeKind::Escalation => "clock_escalation",
        },
        params: json!({ "patient": row.patient_name, "exam": row.exam_code, "rule": raised.rule, "due_at": raised.due_at.to_string() }),
        link: format!("{link}/{}{}", row.id, if permission == "diagnostics.grade" { "/grade" } else { "" }),
        is_urgent: raised.kind != yiti_clock::obligation::NoticeKind::Warning,
    };
    notice::tell(cx, &new).await?;
    cx.announce(TOPIC, row.institution);
    Ok(())
}
