//! The first page of every role: what waits, how long is left, what came in. And messages.

use askama::Template;
use axum::extract::{Path, State};
use serde_json::Value as Json;
use yiti_directory::{Actor, Platform};
use yiti_flow::notice::{self, Notice, NoticeId};
use yiti_flow::task::{self, Task};
use yiti_kernel::{Due, SignedDuration, Timestamp};
use yiti_store::Error;
use yiti_web::{Access, Answer, App, Form, MenuItem, Problem, Slice, Tally, Ui, Visitor, page, redirect};

/// Tasks shown on the first page.
const TASKS_SHOWN: u32 = 20;
/// Requests under way shown on the first page.
const UNDER_WAY_SHOWN: u32 = 8;
/// Messages shown in the list.
const NOTICES_SHOWN: u32 = 100;
/// How far back messages are shown.
const NOTICE_DAYS: i64 = 30;

/// The routes of this area.
#[must_use]
pub fn slice() -> Slice {
    Slice::new("home")
        .get("/home", Access::Permission("home.read"), show)
        .get("/home/waiting", Access::Permission("home.read"), waiting)
        .get("/messages", Access::Permission("notice.read"), messages)
        .post("/messages/{id}/open", Access::Permission("notice.read"), open)
        .post("/messages/read", Access::Permission("notice.read"), read_all)
        .menu(&[
            MenuItem { key: "home", group: "", path: "/home", permission: "home.read", icon: "home" },
            MenuItem { key: "messages", group: "", path: "/messages", permission: "notice.read", icon: "message" },
        ])
}

/// The big entrances, by the permission that opens them: path, icon, key of the words, permission whose tasks they count.
const ENTRIES: &[(&str, &str, &str, &str, &str)] = &[
    ("diagnostics.request", "/requests/new", "file-plus", "request", ""),
    ("diagnostics.worklist", "/readings", "list-check", "readings", "diagnostics.read"),
    ("diagnostics.approve", "/readings?status=drafted", "user-check", "approve", "diagnostics.approve"),
    ("diagnostics.grade", "/studies", "clipboard-check", "studies", "diagnostics.grade"),
    ("diagnostics.match", "/unmatched", "link", "unmatched", ""),
    ("diagnostics.follow", "/requests", "list-details", "requests", ""),
    ("diagnostics.request", "/patients", "users", "patients", ""),
    ("drg.read", "/drg", "clipboard-list", "drg", ""),
    ("drg.read", "/drg/what-if", "adjustments", "what_if", ""),
    ("measure.read", "/figures/turnaround", "chart-bar", "figures", ""),
    ("duty.read", "/rota", "calendar-week", "rota", ""),
    ("directory.read", "/institutions", "building-hospital", "institutions", ""),
    ("device.read", "/devices", "scan", "devices", ""),
    ("journal.read", "/journal", "history", "journal", ""),
    ("system.read", "/system", "server", "system", ""),
];

struct Entry {
    href: &'static str,
    icon: &'static str,
    title: String,
    note: String,
    count: u32,
    is_main: bool,
}

struct Line {
    words: String,
    note: String,
    link: String,
    urgency: String,
    due: Option<Due>,
    state: &'static str,
}

struct Message {
    id: NoticeId,
    words: String,
    note: String,
    is_new: bool,
    is_urgent: bool,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    ui: Ui,
    greeting: String,
    entries: Vec<Entry>,
    lines: Vec<Line>,
    task_count: i64,
    messages: Vec<Message>,
    under_way: Vec<UnderWay>,
}

/// A request of the branch that is under way.
struct UnderWay {
    words: String,
    note: String,
    link: String,
    status: String,
    priority: &'static str,
    due: Option<Due>,
}

#[derive(Template)]
#[template(path = "home.html", block = "waiting")]
struct WaitingPart {
    ui: Ui,
    lines: Vec<Line>,
    task_count: i64,
    messages: Vec<Message>,
    under_way: Vec<UnderWay>,
}

#[derive(Template)]
#[template(path = "messages.html")]
struct Messages {
    ui: Ui,
    messages: Vec<Message>,
    new_count: usize,
}

/// What waits for an actor, for the head of every page.
///
/// # Errors
/// Whatever the store says.
pub async fn tally(platform: &Platform, actor: &Actor) -> Result<Tally, Error> {
    let now = platform.now();
    let mut reader = platform.store.read().await?;
    let counts = task::counts(&mut reader, actor, now).await?;
    let total: i64 = counts.iter().map(|count| count.open).sum();
    let overdue: i64 = counts.iter().map(|count| count.overdue).sum();
    let notices = notice::list(&mut reader, actor, since(now), NOTICES_SHOWN).await?;
    let unread = notices.iter().filter(|n| n.read_at.is_none()).count();
    let small = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    let unread = u32::try_from(unread).unwrap_or(u32::MAX);
    Ok(Tally {
        tasks: small(total),
        overdue: small(overdue),
        notices: unread,
        menu: vec![("home", small(total)), ("messages", unread)],
    })
}

fn since(now: Timestamp) -> Timestamp {
    now - SignedDuration::from_hours(24 * NOTICE_DAYS)
}

async fn show(State(app): State<App>, visitor: Visitor) -> Answer {
    let ui = Ui::new(&app, &visitor, "home.title").await;
    let counts = task::counts(&mut app.platform().store.read().await?, &visitor.actor, app.now()).await?;
    let (lines, messages, under_way) = waiting_parts(&app, &visitor, &ui).await?;
    let mut entries: Vec<Entry> = Vec::new();
    for (permission, href, icon, key, counted) in ENTRIES {
        if !visitor.may(permission) || entries.len() == 5 {
            continue;
        }
        let count = counts.iter().find(|count| count.permission == *counted).map_or(0, |count| count.open);
        entries.push(Entry {
            href,
            icon,
            title: ui.t_with(&format!("home.entry.{key}"), &[]),
            note: ui.t_with(&format!("home.entry_note.{key}"), &[]),
            count: u32::try_from(count).unwrap_or_default(),
            is_main: entries.is_empty(),
        });
    }
    let task_count: i64 = counts.iter().map(|count| count.open).sum();
    let name = visitor.actor.name.clone();
    let overdue = lines.iter().filter(|line| line.state == "over").count().to_string();
    let values = [("name", name.as_str()), ("count", &task_count.to_string()), ("overdue", &overdue)];
    let greeting = ui.t_with(if task_count == 0 { "home.greeting_none" } else { "home.greeting" }, &values);
    page(&Home { ui, greeting, entries, lines, task_count, messages, under_way })
}

async fn waiting(State(app): State<App>, visitor: Visitor) -> Answer {
    let ui = Ui::new(&app, &visitor, "home.title").await;
    let counts = task::counts(&mut app.platform().store.read().await?, &visitor.actor, app.now()).await?;
    let (lines, messages, under_way) = waiting_parts(&app, &visitor, &ui).await?;
    let task_count = counts.iter().map(|count| count.open).sum();
    page(&WaitingPart { ui, lines, task_count, messages, under_way })
}

type Parts = (Vec<Line>, Vec<Message>, Vec<UnderWay>);

async fn waiting_parts(app: &App, visitor: &Visitor, ui: &Ui) -> Result<Parts, Problem> {
    let now = app.now();
    let mut reader = app.platform().store.read().await?;
    let tasks = task::waiting(&mut reader, &visitor.actor, TASKS_SHOWN).await?;
    let notices = notice::list(&mut reader, &visitor.actor, since(now), 8).await?;
    let under_way = if visitor.may("diagnostics.request") {
        let all = yiti_diagnostics::store::Filter::default();
        yiti_diagnostics::store::requests(&mut reader, visitor.actor.scope, &all, true, UNDER_WAY_SHOWN, 0).await?
    } else {
        Vec::new()
    };
    drop(reader);
    let definitions = app.platform().kit.get::<yiti_diagnostics::Definitions>();
    let under_way: Vec<UnderWay> = under_way
        .into_iter()
        .map(|row| UnderWay {
            words: format!("{} \u{b7} {}", row.patient_name, definitions.exam_name(&row.exam_code, visitor.lang)),
            note: format!("{} \u{b7} {}", ui.minute(&row.requested_at), row.accession_number),
            link: format!("/requests/{}", row.id),
            priority: row.priority.key(),
            due: row.due,
            status: yiti_diagnostics::store::shown(&row.status).to_owned(),
        })
        .collect();
    if !tasks.is_empty() || !notices.is_empty() || !under_way.is_empty() {
        // The list names patients, so that someone saw it is written down.
        let (shown, actor) = (tasks.len() + notices.len() + under_way.len(), visitor.actor.clone());
        app.platform()
            .act(&actor, move |cx| {
                Box::pin(async move {
                    cx.journal_read(("task_list", None), None, "treatment", serde_json::json!({ "rows": shown })).await
                })
            })
            .await?;
    }
    let lines = tasks.iter().map(|task| line(app, visitor, ui, task, now)).collect();
    let messages = notices.iter().map(|notice| message(app, visitor, ui, notice)).collect();
    Ok((lines, messages, under_way))
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_default()
}

fn line(app: &App, visitor: &Visitor, ui: &Ui, task: &Task, now: Timestamp) -> Line {
    let definitions = app.platform().kit.get::<yiti_diagnostics::Definitions>();
    let exam = definitions.exam_name(text(&task.title, "exam"), visitor.lang).to_owned();
    let tree = app.platform().tree();
    let values = [("patient", text(&task.title, "patient")), ("exam", exam.as_str())];
    Line {
        words: ui.t_with(&format!("task.{}", task.kind), &values),
        note: format!("{} · {}", tree.short_name(task.institution), text(&task.title, "accession_number")),
        link: task.link.clone(),
        urgency: text(&task.title, "priority").to_owned(),
        due: task.due,
        state: task.due.map(|due| due.state(now)).filter(|state| *state != "ok").unwrap_or_default(),
    }
}

fn message(app: &App, visitor: &Visitor, ui: &Ui, notice: &Notice) -> Message {
    let definitions = app.platform().kit.get::<yiti_diagnostics::Definitions>();
    let lang = visitor.lang;
    let tree = app.platform().tree();
    let exam = definitions.exam_name(text(&notice.params, "exam"), lang).to_owned();
    let reasons = definitions.settings.repeat_reasons.iter().chain(&definitions.settings.return_reasons);
    let reason_id = text(&notice.params, "reason");
    let reason = reasons.into_iter().find(|r| r.id == reason_id).map(|r| r.name.get(lang).to_owned());
    let reason = reason.unwrap_or_else(|| ui.word("unmatched_reason", reason_id));
    let version = notice.params["version"].to_string();
    let rules = app.platform().kit.get::<yiti_clock::Rules>();
    let rule = rules.get(text(&notice.params, "rule")).map(|r| r.title.get(lang).to_owned()).unwrap_or_default();
    let values = [
        ("patient", text(&notice.params, "patient")),
        ("name", text(&notice.params, "name")),
        ("note", text(&notice.params, "note")),
        ("exam", exam.as_str()),
        ("reason", reason.as_str()),
        ("version", version.as_str()),
        ("rule", rule.as_str()),
    ];
    Message {
        id: notice.id,
        words: ui.t_with(&format!("notice.{}", notice.topic), &values),
        note: format!("{} · {}", ui.minute(&notice.created_at), tree.short_name(notice.institution)),
        is_new: notice.read_at.is_none(),
        is_urgent: notice.is_urgent,
    }
}

async fn messages(State(app): State<App>, visitor: Visitor) -> Answer {
    let ui = Ui::new(&app, &visitor, "menu.messages").await;
    let mut reader = app.platform().store.read().await?;
    let notices = notice::list(&mut reader, &visitor.actor, since(app.now()), NOTICES_SHOWN).await?;
    drop(reader);
    let messages: Vec<Message> = notices.iter().map(|notice| message(&app, &visitor, &ui, notice)).collect();
    let new_count = messages.iter().filter(|m| m.is_new).count();
    page(&Messages { ui, messages, new_count })
}

/// Marks a message as read and goes where it leads.
async fn open(State(app): State<App>, visitor: Visitor, Path(id): Path<NoticeId>) -> Answer {
    let mut reader = app.platform().store.read().await?;
    let notices = notice::list(&mut reader, &visitor.actor, since(app.now()), NOTICES_SHOWN).await?;
    drop(reader);
    let link = notices.into_iter().find(|n| n.id == id).map(|n| n.link).ok_or(Error::NotFound)?;
    app.platform().act(&visitor.actor, move |cx| Box::pin(notice::mark_read(cx, id))).await?;
    redirect(&link)
}

async fn read_all(State(app): State<App>, visitor: Visitor, _: Form) -> Answer {
    let mut reader = app.platform().store.read().await?;
    let notices = notice::list(&mut reader, &visitor.actor, since(app.now()), NOTICES_SHOWN).await?;
    drop(reader);
    let unread: Vec<NoticeId> = notices.into_iter().filter(|n| n.read_at.is_none()).map(|n| n.id).collect();
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move {
                for id in unread {
                    notice::mark_read(cx, id).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    redirect("/messages")
}
