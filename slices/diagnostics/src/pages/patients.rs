//! Patients: finding one, and what was done for them.

use askama::Template;
use axum::extract::{Path, State};
use yiti_kernel::Timestamp;
use yiti_record::patient;
use yiti_record::{PatientId, imaging};
use yiti_web::{Access, Answer, App, Asked, Form, MenuItem, PatientStrip, Problem, Slice, Ui, Visitor, page};

use super::branch::{journal_list, sex_and_age, status_word, strip, viewer_path};
use crate::settings::Definitions;
use crate::store;

/// Patients a search shows at most.
const FOUND_MAX: u32 = 50;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let read = Access::Permission("patient.read");
    slice.get("/patients", read, list).get("/patients/rows", read, list_rows).get("/patients/{id}", read, show).menu(&[
        MenuItem {
            key: "patients",
            group: "diagnostics",
            path: "/patients",
            permission: "patient.read",
            icon: "users",
        },
    ])
}

/// One line of the list.
struct Line {
    href: String,
    name: String,
    sex_and_age: String,
    national_id: String,
    number: String,
    address: String,
    institution: String,
}

#[derive(Template)]
#[template(path = "patients.html")]
struct ListPage {
    ui: Ui,
    form: Form,
    rows: Vec<Line>,
    can_request: bool,
}

#[derive(Template)]
#[template(path = "patients.html", block = "rows")]
struct ListRows {
    ui: Ui,
    form: Form,
    rows: Vec<Line>,
    can_request: bool,
}

async fn rows_of(app: &App, visitor: &Visitor, ui: &Ui, text: &str) -> Result<Vec<Line>, Problem> {
    let mut reader = app.platform().store.read().await?;
    let found = patient::find(&mut reader, visitor.actor.scope, text, FOUND_MAX).await?;
    drop(reader);
    journal_list(app, visitor, "patients", found.len(), text.to_owned()).await?;
    let tree = app.platform().tree();
    let line = |patient: &patient::Patient| Line {
        href: format!("/patients/{}", patient.id),
        name: patient.name.clone(),
        sex_and_age: sex_and_age(ui, patient),
        national_id: patient.national_id_masked(),
        number: patient.number.clone(),
        address: patient.address.clone(),
        institution: tree.short_name(patient.institution).to_owned(),
    };
    Ok(found.iter().map(line).collect())
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let ui = Ui::new(&app, &visitor, "patients.title").await;
    let rows = rows_of(&app, &visitor, &ui, form.value("q")).await?;
    page(&ListPage { can_request: visitor.may("diagnostics.request"), ui, form, rows })
}

async fn list_rows(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "patients.title");
    let rows = rows_of(&app, &visitor, &ui, form.value("q")).await?;
    page(&ListRows { can_request: visitor.may("diagnostics.request"), ui, form, rows })
}

/// One examination of a patient.
struct Exam {
    at: Timestamp,
    words: String,
    accession_number: String,
    institution: String,
    priority: &'static str,
    status: &'static str,
    href: String,
    report: String,
    viewer: String,
    is_positive: bool,
    is_critical: bool,
}

#[derive(Template)]
#[template(path = "patient.html")]
struct ShowPage {
    ui: Ui,
    patient: PatientStrip,
    exams: Vec<Exam>,
    facts: Vec<(String, String)>,
    identifiers: Vec<(String, String)>,
    request: String,
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<PatientId>) -> Answer {
    let ui = Ui::new(&app, &visitor, "patients.title").await;
    let platform = app.platform();
    let opened =
        platform.act(&visitor.actor, move |cx| Box::pin(async move { patient::open(cx, id, "treatment").await }));
    let patient = opened.await?;
    let (tree, definitions) = (platform.tree(), platform.kit.get::<Definitions>());
    let mut reader = platform.store.read().await?;
    let studies = imaging::of_patient(&mut reader, id, None).await?;
    let readings = store::of_patient(&mut reader, id).await?;
    drop(reader);
    let (may_follow, may_read) = (visitor.may("diagnostics.follow"), visitor.may("diagnostics.worklist"));
    let (may_report, may_see) = (visitor.may("diagnostics.report.read"), visitor.may("diagnostics.image.read"));
    let exam = |row: &store::ReadRow| {
        let study = studies.iter().find(|study| Some(study.id) == row.study);
        Exam {
            at: row.requested_at,
            words: definitions.exam_name(&row.exam_code, ui.lang).to_owned(),
            accession_number: row.accession_number.clone(),
            institution: tree.short_name(row.institution).to_owned(),
            priority: row.priority.key(),
            status: status_word(&row.status, row.report_version),
            href: if may_follow {
                format!("/requests/{}", row.id)
            } else if may_read && row.study.is_some() {
                format!("/readings/{}", row.id)
            } else {
                String::new()
            },
            report: row.report.filter(|_| may_report).map_or_else(String::new, |report| format!("/reports/{report}")),
            viewer: study.filter(|_| may_see).map_or_else(String::new, |study| viewer_path(&ui, &study.address)),
            is_positive: row.is_positive == Some(true),
            is_critical: row.is_critical == Some(true),
        }
    };
    // The patient is open to whoever treats them; what others did for them stays with others until it is shared.
    let scope = visitor.actor.scope;
    let exams = readings.iter().filter(|row| tree.reaches(scope, row.institution)).map(exam).collect();
    let fact = |key: &str, value: String| (ui.t(key).to_owned(), value);
    let mut facts = vec![
        fact("patients.number", patient.number.clone()),
        fact("patients.registered", tree.name(patient.institution).to_owned()),
    ];
    if let Some(born) = patient.birth_on {
        facts.push(fact("patients.birth_on", born.to_string()));
    }
    if !patient.address.is_empty() {
        facts.push(fact("patients.address", patient.address.clone()));
    }
    let identifiers = patient.identifiers.iter().filter(|(institution, ..)| tree.reaches(scope, *institution));
    let identifiers = identifiers
        .map(|(institution, system, value)| (format!("{} {system}", tree.short_name(*institution)), value.clone()));
    page(&ShowPage {
        patient: strip(&ui, &patient),
        exams,
        facts,
        identifiers: identifiers.collect(),
        request: if visitor.may("diagnostics.request") { format!("/requests/new?patient={id}") } else { String::new() },
        ui: ui.titled(patient.name.clone()),
    })
}
