//! What a branch asks for: the list, a new request, and how one gets on.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use yiti_clock::Rules;
use yiti_clock::store as clock;
use yiti_directory::InstitutionId;
use yiti_flow::CaseId;
use yiti_flow::case::{self, Happened};
use yiti_kernel::national_id::Invalid;
use yiti_kernel::{Due, SignedDuration, Timestamp, civil, time};
use yiti_record::order::{self, Priority, Setting};
use yiti_record::patient::{self, NewPatient, Patient, Sex};
use yiti_record::{PatientId, imaging};
use yiti_web::{
    Access, Answer, App, Asked, Form, LINE_LENGTH_MAX, MenuItem, Moment, Pager, PatientStrip, Problem, Slice, Step, Ui,
    Visitor, act_once, invalid, page, redirect,
};

use super::branch::{due_of, journal_list, mark_of, sex_and_age, sexes, status_word, strip, viewer_path};
use super::breach;
use crate::actions::{self, Error, NewRequest};
use crate::remote_read::Refused;
use crate::settings::Definitions;
use crate::store::{self, Filter, ReadRow};

/// Rows on one page of the list.
const PAGE_SIZE: usize = 30;
/// Patients a search shows at most.
const FOUND_MAX: u32 = 20;
/// Longest clinical question.
const QUESTION_LENGTH_MAX: usize = 500;
/// Longest history.
const HISTORY_LENGTH_MAX: usize = 2_000;
/// How far ahead an examination may be planned.
const PLANNED_DAYS_MAX: i64 = 90;
/// Names of the filter of the list.
const FILTER: &[&str] = &["text", "modality", "priority", "status", "open"];
/// States in the order in which a filter offers them.
const STATES: &[&str] =
    &["requested", "repeat_asked", "uploaded", "waiting", "drafting", "returned", "drafted", "issued", "revoked"];
/// What a doctor ticks instead of writing.
const WARNINGS: &[&str] = &["pregnancy", "allergy", "implant", "immobile", "infectious"];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let follow = Access::Permission("diagnostics.follow");
    let ask = Access::Permission("diagnostics.request");
    slice
        .get("/requests", follow, list)
        .get("/requests/rows", follow, list_rows)
        .get("/requests/new", ask, begin)
        .get("/requests/new/patients", ask, find)
        .post("/requests/new", ask, submit)
        .get("/requests/{case}", follow, show)
        .get("/requests/{case}/live", follow, live)
        .get("/requests/{case}/revoke", ask, ask_revoke)
        .post("/requests/{case}/revoke", ask, revoke)
        .menu(&[MenuItem {
            key: "requests",
            group: "diagnostics",
            path: "/requests",
            permission: "diagnostics.follow",
            icon: "list-details",
        }])
}

/// One line of the list.
struct Line {
    href: String,
    at: Timestamp,
    name: String,
    accession_number: String,
    exam: String,
    institution: String,
    priority: &'static str,
    status: &'static str,
    due: Option<Due>,
    is_paused: bool,
    report: String,
    is_positive: bool,
    is_critical: bool,
}

#[derive(Template)]
#[template(path = "requests.html")]
struct ListPage {
    ui: Ui,
    form: Form,
    rows: Vec<Line>,
    pager: Pager,
    live: String,
    modalities: Vec<(String, String)>,
    priorities: Vec<(String, String)>,
    states: Vec<(String, String)>,
    can_request: bool,
    is_filtered: bool,
}

#[derive(Template)]
#[template(path = "requests.html", block = "rows")]
struct ListRows {
    ui: Ui,
    rows: Vec<Line>,
    pager: Pager,
    live: String,
    can_request: bool,
    is_filtered: bool,
}

/// Rows of the list with their pager and the address that asks for them again.
struct Listed {
    rows: Vec<Line>,
    pager: Pager,
    live: String,
    is_filtered: bool,
}

async fn list_of(app: &App, visitor: &Visitor, ui: &Ui, asked: &Form) -> Result<Option<Listed>, Problem> {
    let filter = Filter {
        institution: None,
        modality: asked.value("modality").to_owned(),
        priority: asked.value("priority").to_owned(),
        status: asked.value("status").to_owned(),
        text: asked.value("text").to_owned(),
    };
    let (open_only, scope) = (asked.flag("open"), visitor.actor.scope);
    let mut reader = app.platform().store.read().await?;
    let total = store::request_count(&mut reader, scope, &filter, open_only).await?;
    let pager = Pager::new("/requests", asked, FILTER, PAGE_SIZE, usize::try_from(total).unwrap_or(0));
    let (limit, offset) = (small(PAGE_SIZE), small(pager.offset()));
    let found = store::requests(&mut reader, scope, &filter, open_only, limit, offset).await?;
    drop(reader);
    let mark = mark_of(&(total, &found));
    if asked.value("seen") == mark {
        return Ok(None);
    }
    let page = pager.page.to_string();
    let mut pairs: Vec<(&str, &str)> = FILTER.iter().map(|name| (*name, asked.value(name))).collect();
    let is_filtered = pairs.iter().any(|(_, value)| !value.is_empty());
    let shown = yiti_web::query(&pairs);
    pairs.extend([("page", page.as_str()), ("seen", mark.as_str())]);
    let live = format!("/requests/rows{}", yiti_web::query(&pairs));
    journal_list(app, visitor, "requests", found.len(), shown).await?;
    let definitions = app.platform().kit.get::<Definitions>();
    let tree = app.platform().tree();
    let has_many = tree.within(scope).nth(1).is_some();
    let may_report = visitor.may("diagnostics.report.read");
    let rows = found
        .iter()
        .map(|row| Line {
            href: format!("/requests/{}", row.id),
            at: row.requested_at,
            name: row.patient_name.clone(),
            accession_number: row.accession_number.clone(),
            exam: definitions.exam_name(&row.exam_code, ui.lang).to_owned(),
            institution: if has_many { tree.short_name(row.institution).to_owned() } else { String::new() },
            priority: row.priority.key(),
            status: status_word(&row.status, row.report_version),
            due: due_of(row),
            is_paused: row.status == "repeat_asked",
            report: row.report.filter(|_| may_report).map_or_else(String::new, |report| format!("/reports/{report}")),
            is_positive: row.is_positive == Some(true),
            is_critical: row.is_critical == Some(true),
        })
        .collect();
    Ok(Some(Listed { rows, pager, live, is_filtered }))
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    if !form.value("seen").is_empty() {
        form = Form::default();
    }
    let ui = Ui::new(&app, &visitor, "requests.title").await;
    let listed = list_of(&app, &visitor, &ui, &form).await?.ok_or(Problem::NotFound)?;
    let definitions = app.platform().kit.get::<Definitions>();
    let word = |key: &str| (key.to_owned(), ui.word("status", status_word(key, None)));
    page(&ListPage {
        modalities: modalities(&ui, &definitions),
        priorities: priorities(&ui),
        states: STATES.iter().map(|key| word(key)).collect(),
        can_request: visitor.may("diagnostics.request"),
        rows: listed.rows,
        pager: listed.pager,
        live: listed.live,
        is_filtered: listed.is_filtered,
        form,
        ui,
    })
}

async fn list_rows(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "requests.title");
    let Some(listed) = list_of(&app, &visitor, &ui, &form).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    page(&ListRows {
        can_request: visitor.may("diagnostics.request"),
        rows: listed.rows,
        pager: listed.pager,
        live: listed.live,
        is_filtered: listed.is_filtered,
        ui,
    })
}

fn modalities(ui: &Ui, definitions: &Definitions) -> Vec<(String, String)> {
    let mut keys: Vec<&str> = definitions.exams.iter().map(|exam| exam.modality.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().map(|key| (key.to_owned(), ui.word("requests.modality", key))).collect()
}

fn priorities(ui: &Ui) -> Vec<(String, String)> {
    // The most usual first.
    Priority::ALL.iter().rev().map(|it| (it.key().to_owned(), ui.word("urgency", it.key()))).collect()
}

fn settings(ui: &Ui) -> Vec<(String, String)> {
    Setting::ALL.iter().rev().map(|it| (it.key().to_owned(), ui.word("exam_setting", it.key()))).collect()
}

/// A patient that a search found.
struct Found {
    id: String,
    name: String,
    sex_and_age: String,
    national_id: String,
    number: String,
    address: String,
}

fn found_of(ui: &Ui, patient: &Patient) -> Found {
    Found {
        id: patient.id.to_string(),
        name: patient.name.clone(),
        sex_and_age: sex_and_age(ui, patient),
        national_id: patient.national_id_masked(),
        number: patient.number.clone(),
        address: patient.address.clone(),
    }
}

/// The exams of one modality.
struct ExamGroup {
    words: String,
    exams: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "request_new.html")]
struct NewPage {
    ui: Ui,
    form: Form,
    found: Vec<Found>,
    has_searched: bool,
    is_new_open: bool,
    exams: Vec<ExamGroup>,
    priorities: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    sexes: Vec<(String, String)>,
    warnings: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "request_new.html", block = "found")]
struct FoundPart {
    ui: Ui,
    form: Form,
    found: Vec<Found>,
    has_searched: bool,
}

impl NewPage {
    async fn new(app: &App, visitor: &Visitor, form: Form) -> Result<Self, Problem> {
        let ui = Ui::new(app, visitor, "requests.new").await;
        let definitions = app.platform().kit.get::<Definitions>();
        let mut patients = search(app, visitor, form.value("q")).await?;
        let chosen = form.value("patient").parse::<PatientId>().ok();
        if let Some(chosen) = chosen.filter(|id| patients.iter().all(|patient| patient.id != *id)) {
            // Someone chosen earlier stays in sight, if the scope reaches them.
            let opened = app
                .platform()
                .act(&visitor.actor, move |cx| Box::pin(async move { patient::open(cx, chosen, "treatment").await }));
            match opened.await {
                Ok(patient) => patients.insert(0, patient),
                Err(yiti_store::Error::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut exams: Vec<ExamGroup> = Vec::new();
        for (modality, words) in modalities(&ui, &definitions) {
            let of_modality = definitions.exams.iter().filter(|exam| exam.modality == modality);
            let exams_here = of_modality.map(|exam| (exam.id.clone(), exam.name.get(ui.lang).to_owned())).collect();
            exams.push(ExamGroup { words, exams: exams_here });
        }
        let has_searched = !form.value("q").is_empty();
        let typed = ["name", "national_id", "birth_on"].iter().any(|name| !form.value(name).is_empty());
        Ok(Self {
            is_new_open: typed || form.has("patient", "new") || (has_searched && patients.is_empty()),
            found: patients.iter().map(|patient| found_of(&ui, patient)).collect(),
            has_searched,
            exams,
            priorities: priorities(&ui),
            settings: settings(&ui),
            sexes: sexes(&ui),
            warnings: WARNINGS.iter().map(|key| ((*key).to_owned(), ui.word("requests.warning", key))).collect(),
            form,
            ui,
        })
    }
}

async fn search(app: &App, visitor: &Visitor, text: &str) -> Result<Vec<Patient>, Problem> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = app.platform().store.read().await?;
    let found = patient::find(&mut reader, visitor.actor.scope, text, FOUND_MAX).await?;
    drop(reader);
    journal_list(app, visitor, "patients", found.len(), text.to_owned()).await?;
    Ok(found)
}

async fn begin(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let now = time::civil(app.now()).strftime("%Y-%m-%dT%H:%M").to_string();
    let mut values = vec![("priority", "routine"), ("setting", "outpatient"), ("scheduled_at", now.as_str())];
    values.extend(["q", "patient"].map(|name| (name, asked.value(name))).into_iter().filter(|(_, v)| !v.is_empty()));
    page(&NewPage::new(&app, &visitor, Form::filled(&values)).await?)
}

async fn find(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "requests.new");
    let found = search(&app, &visitor, form.value("q")).await?;
    let found = found.iter().map(|patient| found_of(&ui, patient)).collect();
    page(&FoundPart { has_searched: !form.value("q").is_empty(), found, form, ui })
}

/// Whose examination it is.
#[derive(Clone)]
enum Whose {
    Known(PatientId),
    New(NewPatient),
}

async fn submit(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    if form.value("step") == "find" {
        return page(&NewPage::new(&app, &visitor, form).await?);
    }
    let definitions = app.platform().kit.get::<Definitions>();
    let whose = read_whose(&app, &visitor, &mut form);
    let new = read_request(&app, &visitor, &mut form, &definitions);
    let (true, Some(whose), Some(new)) = (form.is_valid(), whose, new) else {
        return invalid(&NewPage::new(&app, &visitor, form).await?);
    };
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let id = match whose {
                Whose::Known(patient) => actions::request(cx, NewRequest { patient, ..new }).await?.0,
                Whose::New(person) => actions::request_newcomer(cx, &person, new).await?.0,
            };
            Ok::<_, Error>(format!("/requests/{id}"))
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(Error::Patient(refused)) => {
            note_refusal(&mut form, refused)?;
            invalid(&NewPage::new(&app, &visitor, form).await?)
        }
        Err(Error::OtherName) => {
            form.errors.add("national_id", "requests.fault.other_name", &[]);
            invalid(&NewPage::new(&app, &visitor, form).await?)
        }
        Err(Error::Forbidden(_)) | Err(Error::Store(yiti_store::Error::NotFound)) => {
            form.errors.add("patient", "requests.fault.no_patient", &[]);
            invalid(&NewPage::new(&app, &visitor, form).await?)
        }
        Err(other) => Err(other.into()),
    }
}

fn read_whose(app: &App, visitor: &Visitor, form: &mut Form) -> Option<Whose> {
    let chosen = form.value("patient").to_owned();
    let is_new = chosen == "new" || (chosen.is_empty() && !form.value("name").is_empty());
    if !is_new {
        let id = chosen.parse::<PatientId>().ok();
        if id.is_none() {
            form.errors.add("patient", "requests.fault.whose", &[]);
        }
        return id.map(Whose::Known);
    }
    if !visitor.may("patient.register") {
        form.errors.add("patient", "requests.fault.whose", &[]);
        return None;
    }
    if form.value("name").is_empty() {
        form.errors.add("name", "requests.fault.name", &[]);
    }
    let new = NewPatient {
        name: form.required("name", 64),
        national_id: form.text("national_id", LINE_LENGTH_MAX),
        sex: Sex::from_key(form.value("sex")),
        birth_on: patient::parse_day(form.value("birth_on")),
        phone: form.text("phone", 30),
        address: form.text("address", LINE_LENGTH_MAX),
        is_synthetic: app.platform().tree().root().is_some_and(|root| root.is_synthetic),
    };
    if new.national_id.is_empty() {
        if new.birth_on.is_none() {
            let key = if form.value("birth_on").is_empty() { "requests.fault.birth_needed" } else { "form.no_day" };
            form.errors.add("birth_on", key, &[]);
        }
        if new.sex == Sex::Unknown {
            form.errors.add("sex", "requests.fault.sex", &[]);
        }
    }
    if form.is_valid()
        && let Err(refused) = patient::check(&new, time::day(app.now()))
    {
        // The store cannot be the reason: nothing was asked of it.
        drop(note_refusal(form, refused));
    }
    Some(Whose::New(new))
}

/// Puts what is wrong with a patient beside its field.
fn note_refusal(form: &mut Form, refused: patient::Refused) -> Result<(), Problem> {
    use patient::Refused;
    match refused {
        Refused::Name => form.errors.add("name", "requests.fault.name", &[]),
        Refused::NationalId(Invalid::Form) => form.errors.add("national_id", "requests.fault.id_form", &[]),
        Refused::NationalId(Invalid::Birthday) => form.errors.add("national_id", "requests.fault.id_birthday", &[]),
        Refused::NationalId(Invalid::Check { expected }) => {
            form.errors.add("national_id", "requests.fault.id_check", &[("expected", &expected.to_string())]);
        }
        Refused::Birthday => form.errors.add("birth_on", "requests.fault.birth_needed", &[]),
        Refused::BirthdayRange(_) if form.value("national_id").is_empty() => {
            form.errors.add("birth_on", "requests.fault.birth_range", &[]);
        }
        Refused::BirthdayRange(_) => form.errors.add("national_id", "requests.fault.id_birthday", &[]),
        Refused::Known { .. } => form.errors.add("national_id", "requests.fault.other_name", &[]),
        Refused::Store(error) => return Err(error.into()),
    }
    Ok(())
}

fn read_request(app: &App, visitor: &Visitor, form: &mut Form, definitions: &Definitions) -> Option<NewRequest> {
    let exam_code = form.value("exam").to_owned();
    if definitions.exam(&exam_code).is_none() {
        form.errors.add("exam", "requests.fault.exam", &[]);
    }
    // Named here, so that the list above the form says which field it means.
    let named = [("priority", "requests.fault.priority"), ("setting", "requests.fault.setting")];
    let texts = [("history", "requests.fault.history"), ("question", "requests.fault.question")];
    for (name, key) in named.into_iter().chain(texts) {
        if form.value(name).is_empty() {
            form.errors.add(name, key, &[]);
        }
    }
    let priorities: Vec<&str> = Priority::ALL.iter().map(|it| it.key()).collect();
    let settings: Vec<&str> = Setting::ALL.iter().map(|it| it.key()).collect();
    let priority = form.choice("priority", &priorities).and_then(Priority::from_key);
    let setting = form.choice("setting", &settings).and_then(Setting::from_key);
    let question = form.required("question", QUESTION_LENGTH_MAX);
    let history = form.required("history", HISTORY_LENGTH_MAX);
    let other = form.text("warnings", LINE_LENGTH_MAX);
    let word = |key: &str| yiti_web::words::t(visitor.lang, &format!("requests.warning.{key}")).to_owned();
    let mut warnings: Vec<String> =
        WARNINGS.iter().filter(|key| form.has("warning", key)).map(|key| word(key)).collect();
    warnings.extend(Some(other).filter(|text| !text.is_empty()));
    let now = app.now();
    let scheduled_at = match form.value("scheduled_at") {
        "" => Some(now),
        text => text.parse::<civil::DateTime>().ok().map(time::instant),
    };
    let earliest = time::day_start(time::day(now));
    let latest = now + SignedDuration::from_hours(24 * PLANNED_DAYS_MAX);
    if scheduled_at.is_none_or(|at| at < earliest || at > latest) {
        form.errors.add("scheduled_at", "requests.fault.planned", &[("days", &PLANNED_DAYS_MAX.to_string())]);
    }
    Some(NewRequest {
        patient: PatientId::fresh(),
        exam_code,
        priority: priority?,
        setting: setting?,
        question,
        history,
        warnings: warnings.join("; "),
        scheduled_at: scheduled_at?,
    })
}

/// One obligation as the branch sees it.
struct Clock {
    title: String,
    started: String,
    due: String,
    /// `running`, `paused`, `met`, `late` or `cancelled`.
    state: &'static str,
    left: Due,
    done: String,
    late_minutes: i64,
    explanations: Vec<(String, String)>,
}

/// How a request gets on: all that changes while the page is open.
struct Progress {
    live: String,
    status: &'static str,
    priority: &'static str,
    due: Option<Due>,
    is_paused: bool,
    steps: Vec<Step>,
    notice: Option<(String, String)>,
    report: String,
    issued: String,
    is_positive: bool,
    is_critical: bool,
    facts: Vec<(String, String)>,
    question: String,
    history: String,
    warnings: String,
    viewer: String,
    series: Vec<(String, u32)>,
    grade: Option<(usize, String)>,
    clocks: Vec<Clock>,
    events: Vec<Moment>,
    can_revoke: bool,
    revoke: String,
}

impl Progress {
    /// The kind of notice that tells of the report.
    fn report_kind(&self) -> &'static str {
        if self.is_critical { "danger" } else { "ok" }
    }
}

#[derive(Template)]
#[template(path = "request.html")]
struct ShowPage {
    ui: Ui,
    patient: PatientStrip,
    patient_href: String,
    accession_number: String,
    case: Progress,
}

#[derive(Template)]
#[template(path = "request.html", block = "progress")]
struct ShowPart {
    ui: Ui,
    case: Progress,
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<CaseId>) -> Answer {
    let ui = Ui::new(&app, &visitor, "requests.one").await;
    let (patient, row, case) = progress(&app, &visitor, &ui, id, "").await?.ok_or(Problem::NotFound)?;
    let definitions = app.platform().kit.get::<Definitions>();
    let exam = definitions.exam_name(&row.exam_code, ui.lang).to_owned();
    page(&ShowPage {
        patient: strip(&ui, &patient),
        patient_href: if visitor.may("patient.read") { format!("/patients/{}", patient.id) } else { String::new() },
        accession_number: row.accession_number.clone(),
        case,
        ui: ui.titled(exam),
    })
}

async fn live(State(app): State<App>, visitor: Visitor, Path(id): Path<CaseId>, Asked(asked): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "requests.one");
    match progress(&app, &visitor, &ui, id, asked.value("seen")).await? {
        Some((_, _, case)) => page(&ShowPart { ui, case }),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Reads a case with what belongs to it; `None` when it still looks as `seen`.
async fn progress(
    app: &App,
    visitor: &Visitor,
    ui: &Ui,
    id: CaseId,
    seen: &str,
) -> Result<Option<(Patient, ReadRow, Progress)>, Problem> {
    let platform = app.platform();
    let mut reader = platform.store.read().await?;
    let row = store::get(&mut reader, visitor.actor.scope, id).await?;
    let history = case::history(&mut reader, id).await?;
    let obligations = clock::all_for_subject(&mut reader, id.0).await.map_err(of_clock)?;
    let mark = mark_of(&(&row, history.len(), &obligations));
    if mark == seen {
        return Ok(None);
    }
    let order = order::get(&mut reader, row.request).await?;
    let (mut viewer, mut series) = (String::new(), Vec::new());
    if let Some(study) = row.study {
        let study = imaging::get(&mut reader, study).await?;
        let found = imaging::series(&mut reader, study.id).await?;
        series = found
            .into_iter()
            .map(|it| {
                let words = if it.description.is_empty() { it.modality } else { it.description };
                (words, it.instance_count)
            })
            .collect();
        if visitor.may("diagnostics.image.read") {
            viewer = viewer_path(ui, &study.address);
        }
    }
    let graded = store::grade(&mut reader, id).await?;
    let mut clocks = Vec::new();
    let rules = platform.kit.get::<Rules>();
    for stored in &obligations {
        let told = clock::history(&mut reader, stored.id).await.map_err(of_clock)?;
        clocks.push(clock_of(ui, &rules, stored, &told));
    }
    drop(reader);
    let whose = row.patient;
    let opened =
        platform.act(&visitor.actor, move |cx| Box::pin(async move { patient::open(cx, whose, "treatment").await }));
    let patient = opened.await?;
    let definitions = platform.kit.get::<Definitions>();
    let grade = graded.filter(|_| row.grade.is_some()).map(|graded| {
        let sheet = &definitions.score_sheet;
        let place = sheet.grades.iter().position(|grade| grade.id == graded.grade).unwrap_or_default();
        (place + 1, format!("{} {}", sheet.grade_name(&graded.grade, ui.lang), graded.points))
    });
    let may_report = visitor.may("diagnostics.report.read");
    let asked_by = history.first().map_or("", |first| first.actor_name.as_str());
    let fact = |key: &str, value: String| (ui.t(key).to_owned(), value);
    let facts = vec![
        fact("requests.exam", definitions.exam_name(&row.exam_code, ui.lang).to_owned()),
        fact("requests.accession_number", row.accession_number.clone()),
        fact("requests.institution", platform.tree().name(row.institution).to_owned()),
        fact("requests.setting", ui.word("exam_setting", row.setting.key())),
        fact("requests.asked", format!("{asked_by} {}", ui.minute(&row.requested_at))),
        fact("requests.planned", ui.minute(&order.scheduled_at)),
    ];
    let progress = Progress {
        live: format!("/requests/{id}/live{}", yiti_web::query(&[("seen", &mark)])),
        status: status_word(&row.status, row.report_version),
        priority: row.priority.key(),
        due: due_of(&row),
        is_paused: row.status == "repeat_asked",
        steps: steps(ui, &row, &history),
        notice: notice(ui, &definitions, &row, &history),
        report: row.report.filter(|_| may_report).map_or_else(String::new, |report| format!("/reports/{report}")),
        issued: row.issued_at.map_or_else(String::new, |at| ui.short_time(&at)),
        is_positive: row.is_positive == Some(true),
        is_critical: row.is_critical == Some(true),
        facts,
        question: order.question,
        history: order.history,
        warnings: order.warnings,
        viewer,
        series,
        grade,
        clocks,
        events: events(ui, &definitions, platform, &history),
        can_revoke: visitor.may("diagnostics.request") && can_be_revoked(&row),
        revoke: format!("/requests/{id}/revoke"),
    };
    Ok(Some((patient, row, progress)))
}

fn of_clock(error: clock::Error) -> Problem {
    Error::Clock(error).into()
}

fn clock_of(ui: &Ui, rules: &Rules, stored: &clock::Stored, told: &[clock::Event]) -> Clock {
    use yiti_clock::State;
    let (course, due_at) = (&stored.course, stored.course.due_at());
    let is_breached = course.breached_at.is_some() || course.is_late();
    let (state, done_at) = match &course.state {
        State::Running => ("running", None),
        State::Paused { .. } => ("paused", None),
        State::Satisfied { at, .. } if is_breached => ("late", Some(*at)),
        State::Satisfied { at, .. } => ("met", Some(*at)),
        State::Cancelled { at, .. } => ("cancelled", Some(*at)),
    };
    Clock {
        title: breach::title(ui, rules, &stored.rule),
        started: ui.short_time(&course.started_at),
        due: ui.short_time(&due_at),
        state,
        left: course.schedule.due(),
        done: done_at.map_or_else(String::new, |at| ui.short_time(&at)),
        late_minutes: done_at.map_or(0, |at| time::minutes_between(due_at, at)).max(0),
        explanations: breach::explanations(ui, told),
    }
}

/// The steps from request to report.
fn steps(ui: &Ui, row: &ReadRow, history: &[Happened]) -> Vec<Step> {
    let note = |at: Option<Timestamp>, name: &str| {
        let who = history.iter().rev().find(|event| event.name == name).map_or("", |event| event.actor_name.as_str());
        at.map_or_else(String::new, |at| format!("{} {who}", ui.short_time(&at)))
    };
    let asked = history.iter().rev();
    let graded_at = asked.clone().find(|event| event.name == "grade").map(|event| event.at);
    let taken_at = asked.clone().find(|event| event.name == "take").map(|event| event.at);
    let (now, is_stopped) = match row.status.as_str() {
        "requested" => (1, false),
        "repeat_asked" => (1, true),
        "uploaded" => (3, false),
        "waiting" | "drafting" | "returned" => (4, false),
        "drafted" => (5, false),
        "revoked" if row.arrived_at.is_some() => (3, true),
        "revoked" => (1, true),
        _ => (7, false),
    };
    let repeat = ui.word("status", "repeat_asked");
    let examined = if row.status == "repeat_asked" {
        repeat
    } else {
        row.examined_at.map_or_else(String::new, |at| ui.short_time(&at))
    };
    let due =
        due_of(row).map_or_else(String::new, |due| ui.t_with("requests.step_due", &[("due", &ui.short_time(&due.at))]));
    let is_graded = row.grade.is_some();
    let notes = [
        ("asked", note(Some(row.requested_at), "request")),
        ("examined", examined),
        ("arrived", row.arrived_at.filter(|_| now > 2).map_or_else(String::new, |at| ui.short_time(&at))),
        ("graded", if is_graded { note(graded_at, "grade") } else { String::new() }),
        ("read", if now >= 4 { note(taken_at, "take") } else { String::new() }),
        ("approved", if row.first_issued_at.is_some() { note(row.issued_at, "approve") } else { String::new() }),
        ("issued", row.issued_at.map_or(due, |at| ui.short_time(&at))),
    ];
    notes
        .into_iter()
        .enumerate()
        .map(|(at, (key, note))| {
            let state = match at {
                _ if at == now && is_stopped => "stopped",
                _ if at == now => "now",
                // A study that was read at once may still wait for its grade.
                3 if !is_graded => "",
                _ if at < now => "done",
                _ => "",
            };
            Step { state, words: ui.word("requests.step", key), note }
        })
        .collect()
}

/// What the branch must know before all else.
fn notice(ui: &Ui, definitions: &Definitions, row: &ReadRow, history: &[Happened]) -> Option<(String, String)> {
    let name = match row.status.as_str() {
        "repeat_asked" => "ask_repeat",
        "revoked" => "revoke",
        _ => return None,
    };
    let event = history.iter().rev().find(|event| event.name == name)?;
    Some((ui.word("requests.notice", name), reason_of(ui, definitions, event)))
}

/// The reason of an event in words, with what was added.
fn reason_of(ui: &Ui, definitions: &Definitions, event: &Happened) -> String {
    let text = |key: &str| event.detail[key].as_str().unwrap_or_default();
    let settings = &definitions.settings;
    let named = settings.repeat_reasons.iter().chain(&settings.return_reasons).find(|it| it.id == text("reason"));
    let reason = named.map_or(text("reason"), |it| it.name.get(ui.lang));
    [reason, text("note")].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" \u{b7} ")
}

/// What happened, the newest first.
fn events(
    ui: &Ui,
    definitions: &Definitions,
    platform: &Arc<yiti_directory::Platform>,
    history: &[Happened],
) -> Vec<Moment> {
    let tree = platform.tree();
    let place = |institution: Option<InstitutionId>| institution.map_or("", |id| tree.short_name(id));
    let line = |event: &Happened| {
        let note = match event.name.as_str() {
            "ask_repeat" | "send_back" | "revoke" => reason_of(ui, definitions, event),
            "grade" => {
                let grade =
                    definitions.score_sheet.grade_name(event.detail["grade"].as_str().unwrap_or_default(), ui.lang);
                let points = event.detail["points"].as_u64().unwrap_or_default();
                ui.t_with("requests.graded", &[("grade", grade), ("points", &points.to_string())])
            }
            "approve" if event.detail["amended"].as_array().is_some_and(|it| !it.is_empty()) => {
                ui.t("requests.approved_changed").to_owned()
            }
            _ => String::new(),
        };
        let who = [event.actor_name.as_str(), place(event.institution)].join(" ");
        Moment {
            state: if matches!(event.name.as_str(), "ask_repeat" | "send_back" | "revoke") { "warn" } else { "" },
            time: ui.short_time(&event.at),
            words: ui.word("requests.event", &event.name),
            note: [who.trim(), &note].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" \u{b7} "),
        }
    };
    history.iter().rev().map(line).collect()
}

#[derive(Template)]
#[template(path = "request_revoke.html")]
struct RevokePage {
    ui: Ui,
    form: Form,
    patient: PatientStrip,
    exam: String,
    href: String,
}

/// Until a reader takes the study, its request can be taken back.
fn can_be_revoked(row: &ReadRow) -> bool {
    matches!(row.status.as_str(), "requested" | "uploaded" | "repeat_asked" | "waiting")
}

async fn revoke_page(app: &App, visitor: &Visitor, id: CaseId, form: Form) -> Result<RevokePage, Problem> {
    let ui = Ui::new(app, visitor, "requests.revoke").await;
    let row = store::get(&mut app.platform().store.read().await?, visitor.actor.scope, id).await?;
    if !can_be_revoked(&row) {
        return Err(Error::from(Refused::NotNow { status: "taken", event: "revoke" }).into());
    }
    let whose = row.patient;
    let opened = app
        .platform()
        .act(&visitor.actor, move |cx| Box::pin(async move { patient::open(cx, whose, "treatment").await }));
    let patient = strip(&ui, &opened.await?);
    let definitions = app.platform().kit.get::<Definitions>();
    let exam = definitions.exam_name(&row.exam_code, ui.lang).to_owned();
    Ok(RevokePage { patient, exam, href: format!("/requests/{id}"), form, ui })
}

async fn ask_revoke(State(app): State<App>, visitor: Visitor, Path(id): Path<CaseId>) -> Answer {
    page(&revoke_page(&app, &visitor, id, Form::blank()).await?)
}

async fn revoke(State(app): State<App>, visitor: Visitor, Path(id): Path<CaseId>, mut form: Form) -> Answer {
    let reason = form.required("reason", LINE_LENGTH_MAX);
    if !form.is_valid() {
        return invalid(&revoke_page(&app, &visitor, id, form).await?);
    }
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::revoke(cx, id, &reason).await?;
            Ok::<_, Error>(format!("/requests/{id}"))
        })
    })
    .await?;
    redirect(&to)
}
