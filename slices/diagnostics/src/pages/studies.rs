//! Pictures that arrived: grading, repeats, studies without an order.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use yiti_clock::store as clock;
use yiti_flow::CaseId;
use yiti_flow::case;
use yiti_kernel::{Due, Timestamp, time};
use yiti_record::imaging::{self, Study};
use yiti_record::patient::{self, Patient, Sex};
use yiti_record::{RequestId, StudyId};
use yiti_web::{
    Access, Answer, App, Asked, Form, LINE_LENGTH_MAX, MenuItem, Pager, PatientStrip, Problem, Slice, Ui, Visitor,
    act_once, invalid, page, redirect,
};

use super::branch::{journal_list, mark_of, status_word, strip, viewer_path};
use crate::actions::{self, Error};
use crate::quality::Scored;
use crate::remote_read::{RemoteRead, State as Stand};
use crate::settings::Definitions;
use crate::store::{self, Filter, ReadRow};

/// Rows that each part of the technician's page shows at most.
const ROWS_MAX: u32 = 100;
/// Studies without an order on one page.
const UNMATCHED_PAGE: usize = 50;
/// Orders offered for a study at most.
const CANDIDATES_MAX: u32 = 30;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let grading = Access::Permission("diagnostics.grade");
    let matching = Access::Permission("diagnostics.match");
    slice
        .get("/studies", grading, list)
        .get("/studies/rows", grading, list_rows)
        .get("/studies/{case}/grade", grading, show_grade)
        .post("/studies/{case}/grade", grading, grade)
        .post("/studies/{case}/repeat", grading, repeat)
        .get("/unmatched", matching, unmatched)
        .get("/unmatched/rows", matching, unmatched_rows)
        // One place in a path has one name: here it is a study, above a case.
        .get("/studies/{case}/match", matching, show_match)
        .post("/studies/{case}/match", matching, confirm_match)
        .menu(&[
            MenuItem {
                key: "studies",
                group: "diagnostics",
                path: "/studies",
                permission: "diagnostics.grade",
                icon: "clipboard-check",
            },
            MenuItem {
                key: "unmatched",
                group: "diagnostics",
                path: "/unmatched",
                permission: "diagnostics.match",
                icon: "link",
            },
        ])
}

/// One examination in the technician's lists.
struct Line {
    href: String,
    request: String,
    name: String,
    accession_number: String,
    exam: String,
    priority: &'static str,
    status: &'static str,
    at: Timestamp,
    picture_count: u32,
    due: Option<Due>,
    reason: String,
    viewer: String,
}

/// What the technician's page shows.
struct Arrivals {
    live: String,
    to_grade: Vec<Line>,
    to_examine: Vec<Line>,
    unmatched_count: u32,
}

#[derive(Template)]
#[template(path = "studies.html")]
struct ListPage {
    ui: Ui,
    shown: Arrivals,
}

#[derive(Template)]
#[template(path = "studies.html", block = "rows")]
struct ListRows {
    ui: Ui,
    shown: Arrivals,
}

async fn arrivals(app: &App, visitor: &Visitor, ui: &Ui, seen: &str) -> Result<Option<Arrivals>, Problem> {
    let (platform, scope) = (app.platform(), visitor.actor.scope);
    let definitions = platform.kit.get::<Definitions>();
    let mut reader = platform.store.read().await?;
    let to_grade = store::to_grade(&mut reader, scope, ROWS_MAX).await?;
    let to_examine = store::to_examine(&mut reader, scope, ROWS_MAX).await?;
    let pictures: HashMap<StudyId, (String, u32)> =
        store::ungraded_pictures(&mut reader, scope).await?.into_iter().map(|(id, uid, n)| (id, (uid, n))).collect();
    let unmatched_count =
        if visitor.may("diagnostics.match") { store::unmatched_count(&mut reader, scope).await? } else { 0 };
    let mark = mark_of(&(&to_grade, &to_examine, pictures.len(), unmatched_count));
    if mark == seen {
        return Ok(None);
    }
    let subjects: Vec<_> = to_grade.iter().map(|row| row.id.0).collect();
    let open = clock::open_for_subjects(&mut reader, &subjects).await.map_err(Error::Clock)?;
    let mut reasons: HashMap<CaseId, String> = HashMap::new();
    for row in to_examine.iter().filter(|row| row.status == "repeat_asked") {
        if let Stand::RepeatAsked { reason, note, .. } = case::load::<RemoteRead>(&mut reader, row.id).await?.state {
            let words = reason_words(ui, &definitions, &reason);
            let parts = [words.as_str(), note.as_str()];
            let parts: Vec<_> = parts.into_iter().filter(|text| !text.is_empty()).collect();
            reasons.insert(row.id, parts.join(" \u{b7} "));
        }
    }
    drop(reader);
    journal_list(app, visitor, "arrivals", to_grade.len() + to_examine.len(), String::new()).await?;
    let may_see = visitor.may("diagnostics.image.read");
    let line = |row: &ReadRow| {
        let found = row.study.and_then(|study| pictures.get(&study));
        Line {
            href: format!("/studies/{}/grade", row.id),
            request: format!("/requests/{}", row.id),
            name: row.patient_name.clone(),
            accession_number: row.accession_number.clone(),
            exam: definitions.exam_name(&row.exam_code, ui.lang).to_owned(),
            priority: row.priority.key(),
            status: status_word(&row.status, None),
            at: row.arrived_at.unwrap_or(row.requested_at),
            picture_count: found.map_or(0, |(_, count)| *count),
            due: open
                .iter()
                .find(|it| it.subject == row.id.0 && it.rule == actions::RULE_GRADE)
                .map(|it| it.course.schedule.due()),
            reason: reasons.get(&row.id).cloned().unwrap_or_default(),
            viewer: found.filter(|_| may_see).map_or_else(String::new, |(uid, _)| viewer_path(ui, uid)),
        }
    };
    Ok(Some(Arrivals {
        live: format!("/studies/rows{}", yiti_web::query(&[("seen", &mark)])),
        to_grade: to_grade.iter().map(line).collect(),
        to_examine: to_examine.iter().map(line).collect(),
        unmatched_count,
    }))
}

fn reason_words(ui: &Ui, definitions: &Definitions, reason: &str) -> String {
    let known = definitions.settings.repeat_reasons.iter().find(|it| it.id == reason);
    known.map_or(reason, |it| it.name.get(ui.lang)).to_owned()
}

async fn list(State(app): State<App>, visitor: Visitor) -> Answer {
    let ui = Ui::new(&app, &visitor, "studies.title").await;
    let shown = arrivals(&app, &visitor, &ui, "").await?.ok_or(Problem::NotFound)?;
    page(&ListPage { ui, shown })
}

async fn list_rows(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "studies.title");
    match arrivals(&app, &visitor, &ui, asked.value("seen")).await? {
        Some(shown) => page(&ListRows { ui, shown }),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// One item of the score sheet on the form.
struct Item {
    field: String,
    words: String,
    points: u32,
    is_veto: bool,
    steps: Vec<String>,
}

#[derive(Template)]
#[template(path = "grade.html")]
struct GradePage {
    ui: Ui,
    form: Form,
    /// The second form of the page; it has an act key of its own.
    repeat: Form,
    patient: PatientStrip,
    exam: String,
    accession_number: String,
    href: String,
    request: String,
    viewer: String,
    /// Where wrong pictures are put right; empty for those who may not.
    sort: String,
    picture_count: u32,
    items: Vec<Item>,
    /// Points at which the grades begin, for the preview: `90 75 60`.
    edges: String,
    grades: Vec<String>,
    reasons: Vec<(String, String)>,
    /// The sheet came to pictures that cannot be read: points, and the item that decided it.
    unfit: Option<(u32, String)>,
    /// Why there is nothing to grade; empty when there is.
    done: String,
    can_repeat: bool,
}

fn field_of(item: &str) -> String {
    format!("points_{item}")
}

async fn grade_page(app: &App, visitor: &Visitor, id: CaseId, form: Form, repeat: Form) -> Result<GradePage, Problem> {
    let ui = Ui::new(app, visitor, "studies.grade").await;
    let platform = app.platform();
    let mut reader = platform.store.read().await?;
    let row = store::get(&mut reader, visitor.actor.scope, id).await?;
    let study = match row.study {
        Some(study) => Some(imaging::get(&mut reader, study).await?),
        None => None,
    };
    let graded = store::grade(&mut reader, id).await?.filter(|_| row.grade.is_some());
    drop(reader);
    let whose = row.patient;
    let opened =
        platform.act(&visitor.actor, move |cx| Box::pin(async move { patient::open(cx, whose, "treatment").await }));
    let patient = strip(&ui, &opened.await?);
    let definitions = platform.kit.get::<Definitions>();
    let sheet = &definitions.score_sheet;
    let done = match (&graded, row.status.as_str()) {
        (Some(graded), _) => ui.t_with(
            "studies.graded_already",
            &[
                ("grade", sheet.grade_name(&graded.grade, ui.lang)),
                ("points", &graded.points.to_string()),
                ("at", &ui.short_time(&graded.at)),
            ],
        ),
        (None, "requested") => ui.t("studies.no_pictures").to_owned(),
        (None, "repeat_asked") => ui.t("studies.repeat_waits").to_owned(),
        (None, "revoked") => ui.t("studies.revoked").to_owned(),
        (None, _) => String::new(),
    };
    let name = |item: &crate::quality::Item| item.name.get(ui.lang).to_owned();
    let items = sheet.items.iter().map(|item| Item {
        field: field_of(&item.id),
        words: name(item),
        points: item.points,
        is_veto: item.veto,
        // What decides alone is there or not; nothing lies between.
        steps: if item.veto {
            vec![item.points.to_string(), "0".to_owned()]
        } else {
            (0..=item.points).rev().map(|points| points.to_string()).collect()
        },
    });
    let items = items.collect();
    let edges: Vec<String> =
        sheet.grades.iter().filter(|it| it.points_min > 0).map(|it| it.points_min.to_string()).collect();
    let reasons = definitions.settings.repeat_reasons.iter();
    let may_see = visitor.may("diagnostics.image.read");
    Ok(GradePage {
        exam: definitions.exam_name(&row.exam_code, ui.lang).to_owned(),
        accession_number: row.accession_number.clone(),
        href: format!("/studies/{id}"),
        request: format!("/requests/{id}"),
        viewer: study.as_ref().filter(|_| may_see).map_or_else(String::new, |study| viewer_path(&ui, &study.address)),
        sort: match &study {
            Some(study) if visitor.may("diagnostics.match") => format!("/studies/{}/sort", study.id),
            _ => String::new(),
        },
        picture_count: study.as_ref().map_or(0, |study| study.instance_count),
        items,
        edges: edges.join(" "),
        grades: sheet.grades.iter().map(|it| it.name.get(ui.lang).to_owned()).collect(),
        reasons: reasons.map(|it| (it.id.clone(), it.name.get(ui.lang).to_owned())).collect(),
        unfit: None,
        done,
        can_repeat: matches!(row.status.as_str(), "uploaded" | "waiting"),
        patient,
        form,
        repeat,
        ui,
    })
}

async fn show_grade(State(app): State<App>, visitor: Visitor, Path(id): Path<CaseId>) -> Answer {
    page(&grade_page(&app, &visitor, id, Form::blank(), Form::blank()).await?)
}

async fn grade(State(app): State<App>, visitor: Visitor, Path(id): Path<CaseId>, mut form: Form) -> Answer {
    let definitions = app.platform().kit.get::<Definitions>();
    let sheet = &definitions.score_sheet;
    let mut given: BTreeMap<String, u32> = BTreeMap::new();
    for item in &sheet.items {
        let field = field_of(&item.id);
        match form.needed::<u32>(&field) {
            Some(points) if points <= item.points => drop(given.insert(item.id.clone(), points)),
            Some(_) => form.errors.add(&field, "studies.fault.points", &[("max", &item.points.to_string())]),
            None => {}
        }
    }
    if !form.is_valid() {
        return invalid(&grade_page(&app, &visitor, id, form, Form::blank()).await?);
    }
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::grade(cx, id, &given).await?;
            Ok::<_, Error>("/studies".to_owned())
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(Error::Unfit(scored)) => {
            let repeat = Form::filled(&[("reason", if scored.veto.is_some() { "identity" } else { "" })]);
            let mut shown = grade_page(&app, &visitor, id, form, repeat).await?;
            shown.unfit = Some((scored.points, veto_words(&shown.ui, &definitions, &scored)));
            invalid(&shown)
        }
        Err(other) => Err(other.into()),
    }
}

fn veto_words(ui: &Ui, definitions: &Definitions, scored: &Scored) -> String {
    let items = &definitions.score_sheet.items;
    let item = scored.veto.as_ref().and_then(|id| items.iter().find(|item| item.id == *id));
    item.map_or_else(String::new, |item| item.name.get(ui.lang).to_owned())
}

async fn repeat(State(app): State<App>, visitor: Visitor, Path(id): Path<CaseId>, mut form: Form) -> Answer {
    let definitions = app.platform().kit.get::<Definitions>();
    let reasons: Vec<&str> = definitions.settings.repeat_reasons.iter().map(|it| it.id.as_str()).collect();
    if form.value("reason").is_empty() {
        form.errors.add("reason", "studies.fault.reason", &[]);
    }
    let reason = form.choice("reason", &reasons).map(str::to_owned);
    let note = form.text("note", LINE_LENGTH_MAX);
    if reason.as_deref() == Some("other") && note.is_empty() {
        form.errors.add("note", "studies.fault.note", &[]);
    }
    let (true, Some(reason)) = (form.is_valid(), reason) else {
        return invalid(&grade_page(&app, &visitor, id, Form::blank(), form).await?);
    };
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::ask_repeat(cx, id, &reason, &note).await?;
            Ok::<_, Error>("/studies".to_owned())
        })
    })
    .await?;
    redirect(&to)
}

/// A study without an order.
struct Lost {
    href: String,
    at: Timestamp,
    institution: String,
    name: String,
    number: String,
    exam: String,
    picture_count: u32,
    /// Why there is no order; empty when there is one.
    reason: String,
    waits: String,
    /// Why a person should look, and who the other patient is; empty without a conflict.
    conflict: String,
    other: String,
    sort: String,
}

#[derive(Template)]
#[template(path = "unmatched.html")]
struct UnmatchedPage {
    ui: Ui,
    rows: Vec<Lost>,
    pager: Pager,
    live: String,
}

#[derive(Template)]
#[template(path = "unmatched.html", block = "rows")]
struct UnmatchedRows {
    ui: Ui,
    rows: Vec<Lost>,
    pager: Pager,
    live: String,
}

async fn lost(app: &App, visitor: &Visitor, ui: &Ui, asked: &Form) -> Result<Option<Listed>, Problem> {
    let scope = visitor.actor.scope;
    let mut reader = app.platform().store.read().await?;
    let total = imaging::unmatched_count(&mut reader, scope).await?;
    let pager = Pager::new("/unmatched", asked, &[], UNMATCHED_PAGE, usize::try_from(total).unwrap_or(0));
    let (limit, offset) = (UNMATCHED_PAGE as u32, u32::try_from(pager.offset()).unwrap_or(u32::MAX));
    let studies = imaging::unmatched(&mut reader, scope, limit, offset).await?;
    let mark = mark_of(&(total, &studies));
    if mark == asked.value("seen") {
        return Ok(None);
    }
    let mut others: HashMap<StudyId, Study> = HashMap::new();
    for id in studies.iter().filter_map(|study| study.conflict_with) {
        others.insert(id, imaging::get(&mut reader, id).await?);
    }
    drop(reader);
    journal_list(app, visitor, "unmatched", studies.len(), String::new()).await?;
    let tree = app.platform().tree();
    let rows = studies.iter().map(|study| {
        let other = study.conflict_with.and_then(|id| others.get(&id));
        let sort = format!("/studies/{}/sort", study.id);
        Lost {
            href: if study.unmatched.is_some() { format!("/studies/{}/match", study.id) } else { sort.clone() },
            at: study.last_arrived_at,
            institution: tree.short_name(study.institution).to_owned(),
            name: plain_name(&study.seen_patient_name),
            number: study.seen_patient_number.clone(),
            exam: pictured(study),
            picture_count: study.instance_count,
            reason: study.unmatched.as_deref().map_or_else(String::new, |key| ui.word("unmatched.reason", key)),
            waits: waits(ui, study.last_arrived_at),
            conflict: study.conflict.as_deref().map_or_else(String::new, |key| ui.word("sorting.conflict", key)),
            other: other.map_or_else(String::new, |other| {
                format!("{} {}", plain_name(&other.seen_patient_name), other.seen_patient_number).trim().to_owned()
            }),
            sort,
        }
    });
    let page = pager.page.to_string();
    let live = format!("/unmatched/rows{}", yiti_web::query(&[("page", &page), ("seen", &mark)]));
    Ok(Some(Listed { rows: rows.collect(), pager, live }))
}

/// One page of studies without an order, and the address that asks for it again.
struct Listed {
    rows: Vec<Lost>,
    pager: Pager,
    live: String,
}

/// How long something has waited, in words.
fn waits(ui: &Ui, since: Timestamp) -> String {
    let minutes = time::minutes_between(since, ui.now).max(0);
    match minutes {
        0..60 => ui.t_with("unmatched.minutes", &[("n", &minutes.to_string())]),
        60..2880 => ui.t_with("unmatched.hours", &[("n", &(minutes / 60).to_string())]),
        _ => ui.t_with("unmatched.days", &[("n", &(minutes / 1440).to_string())]),
    }
}

/// A DICOM name as people write it.
pub(super) fn plain_name(name: &str) -> String {
    let groups = name.split('=').map(|group| group.replace('^', " ").trim().to_owned());
    groups.filter(|group| !group.is_empty()).collect::<Vec<_>>().join(" / ")
}

/// What the pictures say they show.
pub(super) fn pictured(study: &Study) -> String {
    let words = if study.description.is_empty() { &study.body_part } else { &study.description };
    format!("{} {words}", study.modalities.replace('\\', "/")).trim().to_owned()
}

async fn unmatched(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let ui = Ui::new(&app, &visitor, "unmatched.title").await;
    let asked = Form::filled(&[("page", asked.value("page"))]);
    let Listed { rows, pager, live } = lost(&app, &visitor, &ui, &asked).await?.ok_or(Problem::NotFound)?;
    page(&UnmatchedPage { ui, rows, pager, live })
}

async fn unmatched_rows(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "unmatched.title");
    match lost(&app, &visitor, &ui, &asked).await? {
        Some(Listed { rows, pager, live }) => page(&UnmatchedRows { ui, rows, pager, live }),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// How a value of the pictures stands to that of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    Differs,
    /// The pictures say nothing.
    Silent,
    /// A name in Latin letters, which a person must compare.
    Latin,
}

impl Likeness {
    /// Key of its words and of its look.
    const fn key(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Silent => "silent",
            Self::Latin => "latin",
        }
    }

    const fn look(self) -> (&'static str, &'static str) {
        match self {
            Self::Same => ("ok", "check"),
            Self::Differs => ("warn", "alert-triangle"),
            Self::Silent => ("off", "minus"),
            Self::Latin => ("info", "info-circle"),
        }
    }
}

/// One value of an order beside that of the pictures.
struct Compared {
    words: String,
    label: String,
    kind: &'static str,
    icon: &'static str,
    said: String,
}

/// An order that may belong to a study.
struct Candidate {
    id: String,
    exam: String,
    asked: String,
    status: &'static str,
    cells: Vec<Compared>,
    alike: usize,
    is_same_modality: bool,
}

#[derive(Template)]
#[template(path = "match.html")]
struct MatchPage {
    ui: Ui,
    form: Form,
    asked: Form,
    href: String,
    candidates: Vec<Candidate>,
    seen: Vec<(String, String)>,
    facts: Vec<(String, String)>,
    reason: String,
    viewer: String,
    sort: String,
}

fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn compare_name(seen: &str, expected: &str) -> Likeness {
    let expected = letters(expected);
    let mut groups = seen.split('=').map(letters).filter(|group| !group.is_empty()).peekable();
    if groups.peek().is_none() {
        return Likeness::Silent;
    }
    let groups: Vec<String> = groups.collect();
    if groups.contains(&expected) {
        Likeness::Same
    } else if groups.iter().all(|group| group.is_ascii()) && !expected.is_ascii() {
        Likeness::Latin
    } else {
        Likeness::Differs
    }
}

fn compare<T: PartialEq>(seen: Option<T>, expected: Option<T>) -> Likeness {
    match (seen, expected) {
        (None, _) => Likeness::Silent,
        (Some(seen), Some(expected)) if seen == expected => Likeness::Same,
        _ => Likeness::Differs,
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_ascii_uppercase()).filter(|text| !text.is_empty())
}

fn candidate(ui: &Ui, definitions: &Definitions, study: &Study, row: &ReadRow, patient: &Patient) -> Candidate {
    let known = |sex: Sex| Some(sex).filter(|sex| *sex != Sex::Unknown);
    let sex = |sex: Sex| ui.word("patients.sex", sex.key());
    let is_same_modality = study.modalities.split('\\').any(|modality| modality == row.modality);
    let values = [
        ("patients.name", patient.name.clone(), compare_name(&study.seen_patient_name, &patient.name)),
        ("patients.number", patient.number.clone(), compare(some(&study.seen_patient_number), some(&patient.number))),
        ("patients.sex_field", sex(patient.sex), compare(known(study.seen_sex), known(patient.sex))),
        (
            "patients.birth_on",
            patient.birth_on.map_or_else(String::new, |born| born.to_string()),
            compare(study.seen_birth_on, patient.birth_on),
        ),
        (
            "requests.accession_number",
            row.accession_number.clone(),
            compare(some(&study.accession_number), some(&row.accession_number)),
        ),
        (
            "requests.modality_field",
            row.modality.clone(),
            if is_same_modality { Likeness::Same } else { Likeness::Differs },
        ),
    ];
    let cells: Vec<Compared> = values
        .into_iter()
        .map(|(key, words, likeness)| {
            let (kind, icon) = likeness.look();
            let said = ui.word("unmatched.likeness", likeness.key());
            Compared { words, label: ui.t(key).to_owned(), kind, icon, said }
        })
        .collect();
    Candidate {
        id: row.request.to_string(),
        exam: definitions.exam_name(&row.exam_code, ui.lang).to_owned(),
        asked: ui.short_time(&row.requested_at),
        status: status_word(&row.status, None),
        alike: cells.iter().filter(|cell| cell.kind == "ok").count(),
        is_same_modality,
        cells,
    }
}

async fn match_page(app: &App, visitor: &Visitor, id: StudyId, form: Form, asked: Form) -> Result<MatchPage, Problem> {
    let ui = Ui::new(app, visitor, "unmatched.match").await;
    let (platform, scope) = (app.platform(), visitor.actor.scope);
    let definitions = platform.kit.get::<Definitions>();
    let mut reader = platform.store.read().await?;
    let study = imaging::get(&mut reader, id).await?;
    let tree = platform.tree();
    if study.unmatched.is_none() || !tree.reaches(scope, study.institution) {
        return Err(Problem::NotFound);
    }
    let mut rows = Vec::new();
    for status in ["requested", "repeat_asked"] {
        let filter = Filter {
            institution: Some(study.institution),
            status: status.to_owned(),
            text: asked.value("text").to_owned(),
            ..Filter::default()
        };
        rows.extend(store::requests(&mut reader, scope, &filter, true, CANDIDATES_MAX, 0).await?);
    }
    let mut candidates = Vec::new();
    for row in &rows {
        let patient = patient::get(&mut reader, row.patient).await?;
        candidates.push(candidate(&ui, &definitions, &study, row, &patient));
    }
    drop(reader);
    // The same modality first, then what agrees in most values; among equals the newest stays in front.
    candidates.sort_by_key(|it| (!it.is_same_modality, std::cmp::Reverse(it.alike)));
    journal_list(app, visitor, "match", candidates.len(), study.id.to_string()).await?;
    let fact = |key: &str, value: String| {
        let value = if value.is_empty() { ui.t("unmatched.empty_value").to_owned() } else { value };
        (ui.t(key).to_owned(), value)
    };
    let seen = vec![
        fact("patients.name", plain_name(&study.seen_patient_name)),
        fact("patients.number", study.seen_patient_number.clone()),
        fact("patients.sex_field", ui.word("patients.sex", study.seen_sex.key())),
        fact("patients.birth_on", study.seen_birth_on.map_or_else(String::new, |born| born.to_string())),
        fact("requests.accession_number", study.accession_number.clone()),
        fact("requests.modality_field", pictured(&study)),
    ];
    let pictures = ui.t_with("requests.picture_count", &[("count", &study.instance_count.to_string())]);
    let facts = vec![
        fact("unmatched.arrived", format!("{} \u{b7} {pictures}", ui.minute(&study.last_arrived_at))),
        fact("unmatched.examined", study.examined_at.map_or_else(String::new, |at| ui.minute(&at))),
        fact("requests.institution", tree.name(study.institution).to_owned()),
        fact("unmatched.study_uid", study.study_uid.clone()),
    ];
    let odd =
        study.oddities.split_whitespace().map(|key| (ui.t("sorting.oddity_field").to_owned(), ui.word("oddity", key)));
    let facts: Vec<_> = facts.into_iter().chain(odd).collect();
    Ok(MatchPage {
        sort: format!("/studies/{id}/sort"),
        href: format!("/studies/{id}/match"),
        candidates,
        seen,
        facts,
        reason: ui.word("unmatched.reason", study.unmatched.as_deref().unwrap_or_default()),
        viewer: if visitor.may("diagnostics.image.read") { viewer_path(&ui, &study.address) } else { String::new() },
        form,
        asked,
        ui,
    })
}

async fn show_match(State(app): State<App>, visitor: Visitor, Path(id): Path<StudyId>, Asked(asked): Asked) -> Answer {
    page(&match_page(&app, &visitor, id, Form::blank(), asked).await?)
}

async fn confirm_match(State(app): State<App>, visitor: Visitor, Path(id): Path<StudyId>, mut form: Form) -> Answer {
    let request = form.value("request").parse::<RequestId>().ok();
    if request.is_none() {
        form.errors.add("request", "unmatched.fault.request", &[]);
    }
    if !form.flag("checked") {
        form.errors.add("checked", "unmatched.fault.checked", &[]);
    }
    let (true, Some(request)) = (form.is_valid(), request) else {
        return invalid(&match_page(&app, &visitor, id, form, Form::default()).await?);
    };
    let may_grade = visitor.may("diagnostics.grade");
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let case = actions::match_study(cx, id, request).await?;
            Ok::<_, Error>(if may_grade { format!("/studies/{case}/grade") } else { "/unmatched".to_owned() })
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(Error::HasPictures) => {
            form.errors.add("request", "unmatched.fault.has_pictures", &[]);
            invalid(&match_page(&app, &visitor, id, form, Form::default()).await?)
        }
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_latin_letters_is_left_to_a_person() {
        assert_eq!(compare_name("Wang^XiaoDong=\u{738b}^\u{5c0f}\u{4e1c}", "\u{738b}\u{5c0f}\u{4e1c}"), Likeness::Same);
        assert_eq!(compare_name("WANG XIAODONG", "\u{738b}\u{5c0f}\u{4e1c}"), Likeness::Latin);
        assert_eq!(compare_name("\u{674e}\u{56db}", "\u{738b}\u{5c0f}\u{4e1c}"), Likeness::Differs);
        assert_eq!(compare_name("^^^^", "\u{738b}\u{5c0f}\u{4e1c}"), Likeness::Silent);
        assert_eq!(plain_name("Wang^XiaoDong=\u{738b}^\u{5c0f}\u{4e1c}="), "Wang XiaoDong / \u{738b} \u{5c0f}\u{4e1c}");
    }

    #[test]
    fn what_the_pictures_leave_out_is_no_difference() {
        assert_eq!(compare(None, Some(1)), Likeness::Silent);
        assert_eq!(compare(Some(1), Some(1)), Likeness::Same);
        assert_eq!(compare(Some(1), None), Likeness::Differs);
        assert_eq!(some(" p0000042 "), Some("P0000042".to_owned()));
    }
}
