//! The readers' one list over all branches: by urgency and time left, whoever holds what.

use askama::Template;
use axum::extract::{Path, State};
use serde_json::json;
use yiti_flow::CaseId;
use yiti_kernel::{Due, Timestamp, time};
use yiti_record::order::Priority;
use yiti_web::{
    Access, Answer, App, Asked, Form, MenuItem, Pager, Problem, Slice, Ui, Visitor, act_once, page, query, redirect,
};

use super::branch::mark_of;
use super::shared::{self, age, modality, sex, shown};
use super::{approve, breach, reading};
use crate::actions::{self, Error};
use crate::may;
use crate::settings::Definitions;
use crate::store::{self, Filter, Line};

/// Rows on one page.
const PAGE_SIZE: usize = 50;
/// The names of the filter, which travel with every link.
const FILTER: [&str; 5] = ["unit", "modality", "priority", "status", "q"];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let read = Access::Permission("diagnostics.read");
    let approve = Access::Permission("diagnostics.approve");
    slice
        .get("/readings", Access::Permission("diagnostics.worklist"), show)
        .get("/readings/rows", Access::Permission("diagnostics.worklist"), rows)
        .post("/readings/next", read, take_next)
        .get("/readings/{case}", read, reading::show)
        .post("/readings/{case}/take", read, take)
        .post("/readings/{case}/draft", read, reading::draft)
        .post("/readings/{case}/submit", read, reading::submit)
        .post("/readings/{case}/release", read, reading::release)
        .post("/readings/{case}/repeat", read, reading::repeat)
        .post("/readings/{case}/explain", Access::Permission("diagnostics.explain"), breach::explain)
        .get("/readings/{case}/approve", approve, approve::show)
        .post("/readings/{case}/approve", approve, approve::approve)
        .post("/readings/{case}/return", approve, approve::send_back)
        .menu(&[MenuItem {
            key: "readings",
            group: "diagnostics",
            path: "/readings",
            permission: "diagnostics.worklist",
            icon: "list-check",
        }])
}

/// What the button of a row does.
#[derive(Debug, PartialEq, Eq)]
enum Act {
    Take,
    Write,
    Approve,
    Look,
}

#[derive(Debug)]
struct RowView {
    id: CaseId,
    urgency: &'static str,
    due: Option<Due>,
    branch: String,
    exam: String,
    modality: String,
    patient: String,
    patient_note: String,
    instance_count: u32,
    state: String,
    /// Who holds it or wrote it.
    person: String,
    /// Until when it is held.
    until: String,
    act: Act,
}

#[derive(Debug)]
struct Tab {
    href: String,
    words: String,
    count: u32,
    kind: &'static str,
    is_current: bool,
}

#[derive(Debug)]
struct List {
    /// Where the rows are asked for again when something has happened.
    refresh: String,
    tabs: Vec<Tab>,
    rows: Vec<RowView>,
    pager: Pager,
    overdue_count: u32,
    is_filtered: bool,
    form: Form,
    /// A mark of whom the rows show.
    mark: String,
}

#[derive(Template)]
#[template(path = "readings.html")]
struct ReadingsPage {
    ui: Ui,
    list: List,
    asked: Form,
    units: Vec<(String, String)>,
    modalities: Vec<(String, String)>,
    priorities: Vec<(String, String)>,
    done: String,
}

#[derive(Template)]
#[template(path = "readings.html", block = "rows")]
struct Rows {
    ui: Ui,
    list: List,
}

fn filter_of(asked: &Form) -> Filter {
    let status = asked.value("status");
    Filter {
        institution: shared::unit(asked),
        modality: asked.value("modality").to_owned(),
        priority: asked.value("priority").to_owned(),
        status: if status == "mine" { String::new() } else { status.to_owned() },
        text: asked.value("q").chars().take(64).collect(),
    }
}

async fn list(app: &App, visitor: &Visitor, ui: &Ui, asked: &Form) -> Result<List, yiti_store::Error> {
    let (filter, status) = (filter_of(asked), asked.value("status"));
    let person = visitor.session.person;
    let (database, scope, now) = (&app.platform().store, visitor.actor.scope, app.now());
    let counts = database
        .kept(format!("{scope:?} {filter:?} {person:?}"), now, async {
            store::worklist_counts(&mut database.read().await?, scope, &filter, person, now).await
        })
        .await?;
    let mut reader = database.read().await?;
    let of = |status: &str| counts.iter().find(|count| count.status == status).map_or(0, |count| count.count);
    let all: u32 = counts.iter().map(|count| count.count).sum();
    let held: u32 = counts.iter().map(|count| count.held_count).sum();
    let href = |status: &str| {
        let kept = FILTER.iter().filter(|name| **name != "status").map(|name| (*name, asked.value(name)));
        let pairs: Vec<(&str, &str)> = kept.chain([("status", status)]).collect();
        format!("/readings{}", query(&pairs))
    };
    let tabs = [
        ("", all, ""),
        ("waiting", of("waiting"), ""),
        ("mine", held, ""),
        ("drafted", of("drafted"), "warn"),
        ("returned", of("returned"), "warn"),
        ("uploaded", of("uploaded"), ""),
    ];
    let tab = |(key, count, kind): (&'static str, u32, &'static str)| Tab {
        href: href(key),
        words: ui.word("readings.tab", if key.is_empty() { "all" } else { key }),
        count,
        kind,
        is_current: key == status,
    };
    let total = match status {
        "" => all,
        "mine" => held,
        status => of(status),
    };
    let pager = Pager::new("/readings", asked, &FILTER, PAGE_SIZE, total as usize);
    let offset = u32::try_from(pager.offset()).unwrap_or(u32::MAX);
    let held_by = (status == "mine").then_some(person);
    let limit = PAGE_SIZE as u32;
    let lines = store::worklist_lines(&mut reader, scope, &filter, held_by, limit, offset).await?;
    let mark = mark_of(&lines.iter().map(|line| line.id).collect::<Vec<_>>());
    let page = pager.page.to_string();
    let pairs = FILTER.iter().map(|name| (*name, asked.value(name)));
    let pairs: Vec<(&str, &str)> = pairs.chain([("page", page.as_str()), ("mark", mark.as_str())]).collect();
    Ok(List {
        refresh: format!("/readings/rows{}", query(&pairs)),
        tabs: tabs.into_iter().map(tab).collect(),
        rows: lines.into_iter().map(|line| row(app, visitor, ui, line)).collect(),
        overdue_count: counts.iter().map(|count| count.overdue_count).sum(),
        is_filtered: FILTER.iter().any(|name| !asked.value(name).is_empty()),
        pager,
        form: Form::blank(),
        mark,
    })
}

fn row(app: &App, visitor: &Visitor, ui: &Ui, line: Line) -> RowView {
    let definitions = app.platform().kit.get::<Definitions>();
    let (person, now) = (Some(visitor.session.person), app.now());
    let is_held = line.lease_until.is_some_and(|until| now < until);
    let doctor = actions::doctor(&definitions, visitor.session.person, visitor.actor.title, line.priority, now);
    let is_own_request = doctor.person == line.requested_by;
    let may_approve = visitor.may("diagnostics.approve")
        && line.author.is_some_and(|author| may::decide(&doctor, author, line.requested_by).is_ok());
    let act = match line.status.as_str() {
        "waiting" if !is_own_request => Act::Take,
        "uploaded" if doctor.before_grade && !is_own_request => Act::Take,
        "drafting" | "returned" if line.reader == person => Act::Write,
        "drafting" | "returned" if !is_held && !is_own_request => Act::Take,
        "drafted" if may_approve => Act::Approve,
        _ => Act::Look,
    };
    RowView {
        id: line.id,
        urgency: line.priority.key(),
        due: line.due.filter(|_| !line.is_issued),
        branch: app.platform().tree().short_name(line.institution).to_owned(),
        exam: definitions.exam_name(&line.exam_code, ui.lang).to_owned(),
        modality: modality(ui.lang, &line.modality),
        patient_note: format!("{} {}", sex(ui.lang, line.sex), age(ui.lang, line.birth_on, now)),
        patient: line.patient_name,
        instance_count: line.instance_count,
        state: shown(&line.status).to_owned(),
        person: if line.reader_name.is_empty() && line.status == "drafted" {
            line.author_name
        } else {
            line.reader_name
        },
        until: line.lease_until.filter(|_| is_held).map_or_else(String::new, |until| ui.short_time(&until)),
        act,
    }
}

/// Writes that the list was read, with its filter.
async fn journal(app: &App, visitor: &Visitor, asked: &Form, list: &List) -> Result<(), Problem> {
    let filter = FILTER.iter().filter(|name| !asked.value(name).is_empty()).map(|name| (*name, asked.value(name)));
    let filter: std::collections::BTreeMap<&str, &str> = filter.collect();
    let detail = json!({ "list": "readings", "rows": list.rows.len(), "page": list.pager.page, "filter": filter });
    let journaled = app.platform().act(&visitor.actor, move |cx| {
        Box::pin(async move { cx.journal_read(("patient_list", None), None, "treatment", detail).await })
    });
    Ok(journaled.await?)
}

async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let ui = Ui::new(&app, &visitor, "readings.title").await;
    let list = list(&app, &visitor, &ui, &asked).await?;
    journal(&app, &visitor, &asked, &list).await?;
    let definitions = app.platform().kit.get::<Definitions>();
    let mut modalities: Vec<_> = definitions.exams.iter().map(|exam| exam.modality.clone()).collect();
    modalities.sort();
    modalities.dedup();
    let modalities = modalities.into_iter().map(|code| (code.clone(), modality(ui.lang, &code))).collect();
    let priorities = Priority::ALL.iter().map(|p| (p.key().to_owned(), ui.word("urgency", p.key()))).collect();
    let done = match asked.value("done") {
        known @ ("submitted" | "released" | "repeat_asked" | "sent_back" | "approved" | "none") => {
            ui.word("readings.done", known)
        }
        _ => String::new(),
    };
    let units = shared::units(&app, visitor.actor.scope);
    page(&ReadingsPage { ui, list, asked, units, modalities, priorities, done })
}

/// The rows again, after something has happened. While they show the same patients it is the same view; when others have
/// come it is journaled.
async fn rows(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "readings.title");
    let list = list(&app, &visitor, &ui, &asked).await?;
    if list.mark != asked.value("mark") {
        journal(&app, &visitor, &asked, &list).await?;
    }
    page(&Rows { ui, list })
}

async fn take(State(app): State<App>, visitor: Visitor, Path(case): Path<String>, form: Form) -> Answer {
    let id: CaseId = shared::id(&case)?;
    // One key serves all rows of a list.
    let key = format!("{}:{id}", form.act_key());
    let taken = act_once(&app, &visitor, &key, move |cx| {
        Box::pin(async move {
            actions::take(cx, id).await?;
            Ok::<_, Error>(format!("/readings/{id}"))
        })
    })
    .await;
    match taken {
        Ok(to) => redirect(&to),
        Err(error) => reading::refused(&app, &visitor, id, None, error).await,
    }
}

async fn take_next(State(app): State<App>, visitor: Visitor, form: Form) -> Answer {
    let person = visitor.session.person;
    let to =
        act_once(&app, &visitor, form.act_key(), move |cx| Box::pin(async move { take_next_in(cx, person).await }))
            .await
            .map_err(Problem::from)?;
    redirect(&to)
}

/// Takes the most urgent reading that waits, and says where it is written; the list when none waits.
pub(super) async fn take_next_in(
    cx: &mut yiti_directory::Cx<'_>,
    person: yiti_directory::PersonId,
) -> Result<String, Error> {
    let Some(id) = store::next_waiting(cx.tx, cx.actor.scope, person).await? else {
        return Ok("/readings?done=none".to_owned());
    };
    actions::take(cx, id).await?;
    Ok(format!("/readings/{id}"))
}

/// The instant as it stands in a sentence.
pub(super) fn until(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, time::minute_text)
}
