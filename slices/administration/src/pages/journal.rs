//! The journal: who did what, for whom, and whether the chain of its entries is whole.

use askama::Template;
use axum::extract::State;
use serde_json::json;
use yiti_directory::InstitutionId;
use yiti_kernel::{Date, Uuid, time};
use yiti_record::patient;
use yiti_store::journal::{self, Break, Filter, Listed};
use yiti_web::{Access, Answer, App, Asked, Form, Problem, Slice, Ui, Visitor, page, query, words};

const PAGE_SIZE: u32 = 50;
const FIELDS: [&str; 6] = ["who", "action", "patient", "subject", "from", "until"];
/// Beginnings of actions for the choice; their words are `journal_action.<key with _ for .>`.
const ACTIONS: [&str; 8] =
    ["patient.", "order.", "imaging.", "diagnostics.", "report.", "directory.", "duty.", "device."];

pub(super) fn add(slice: Slice) -> Slice {
    slice.get("/journal", Access::Permission("journal.read"), list).post(
        "/journal/verify",
        Access::Permission("journal.read"),
        verify,
    )
}

struct Line {
    seq: i64,
    time: String,
    who: String,
    kind: String,
    action: String,
    action_key: String,
    subject: String,
    subject_href: String,
    patient_href: String,
    purpose: String,
    institution: String,
    detail: String,
    hash: String,
}

/// The outcome of a verification in words.
struct Verdict {
    is_whole: bool,
    words: String,
    head: String,
    remedy: &'static str,
}

#[derive(Template)]
#[template(path = "journal.html")]
struct JournalPage {
    ui: Ui,
    form: Form,
    actions: Vec<(String, String)>,
    lines: Vec<Line>,
    older: String,
    newest: String,
    verdict: Option<Verdict>,
}

fn line(app: &App, ui: &Ui, entry: Listed) -> Line {
    let named = |area: &str, key: &str| {
        let key = format!("{area}.{}", key.replace('.', "_"));
        if words::has_key(ui.lang, &key) { ui.t(&key).to_owned() } else { String::new() }
    };
    let action = named("journal_action", &entry.action);
    let kind = named("journal_subject", &entry.subject_kind);
    let id = |id: Option<Uuid>, name: &str| {
        id.map(|id| format!("/journal{}", query(&[(name, &id.to_string())]))).unwrap_or_default()
    };
    let short = entry.subject.map(|id| id.simple().to_string().chars().skip(24).collect::<String>());
    let mut detail: String = entry.detail.chars().take(160).collect();
    if entry.detail == "{}" || entry.detail == "null" {
        detail.clear();
    }
    Line {
        seq: entry.seq,
        time: time::second_text(entry.recorded_at),
        who: entry.actor_name,
        kind: named("journal_actor", &entry.actor_kind),
        action: if action.is_empty() { entry.action.clone() } else { action },
        action_key: entry.action,
        subject: [if kind.is_empty() { entry.subject_kind } else { kind }, short.unwrap_or_default()].join(" "),
        subject_href: id(entry.subject, "subject"),
        patient_href: id(entry.patient, "patient"),
        purpose: if entry.purpose.is_empty() { String::new() } else { named("journal_purpose", &entry.purpose) },
        institution: entry
            .institution
            .map(|id| app.platform().tree().short_name(InstitutionId(id)).to_owned())
            .unwrap_or_default(),
        detail,
        hash: entry.hash.chars().take(8).collect(),
    }
}

async fn shown(app: &App, visitor: &Visitor, mut form: Form, verdict: Option<Verdict>) -> Result<JournalPage, Problem> {
    // An entry names no place in the tree, so the journal is for those who reach the whole of it.
    if !visitor.actor.scope.contains(app.platform().tree().whole()) {
        return Err(Problem::NotFound);
    }
    let mut reader = app.platform().store.read().await?;
    let patient = match form.value("patient") {
        "" => None,
        text => match Uuid::try_parse(text) {
            Ok(id) => Some(id),
            Err(_) => {
                let found = patient::by_number(&mut reader, text).await?;
                if found.is_none() {
                    form.errors.add("patient", "journal.no_patient", &[]);
                }
                found.map(|patient| patient.id.0)
            }
        },
    };
    let day = |form: &mut Form, name: &str| form.day(name);
    let (from, until) = (day(&mut form, "from"), day(&mut form, "until"));
    let after = |day: Date| day.tomorrow().unwrap_or(day);
    let filter = Filter {
        actor: form.value("who").to_owned(),
        action: form.value("action").to_owned(),
        patient,
        subject: form.optional("subject"),
        from: from.map(time::day_start),
        until: until.map(|day| time::day_start(after(day))),
    };
    let before: i64 = form.value("before").parse().unwrap_or(0);
    let entries =
        if form.is_valid() { journal::list(&mut reader, &filter, before, PAGE_SIZE).await? } else { Vec::new() };
    drop(reader);
    let ui = Ui::new(app, visitor, "journal.title").await;
    let mut pairs: Vec<(&str, &str)> = FIELDS.iter().map(|name| (*name, form.value(name))).collect();
    let newest = format!("/journal{}", query(&pairs));
    let last = entries.last().map(|entry| entry.seq.to_string()).unwrap_or_default();
    pairs.push(("before", &last));
    let is_full = u32::try_from(entries.len()) == Ok(PAGE_SIZE);
    let older = if is_full { format!("/journal{}", query(&pairs)) } else { String::new() };
    let actions = ACTIONS.map(|key| (key.to_owned(), ui.word("journal_area", key.trim_end_matches('.')))).to_vec();
    let shown_count = entries.len();
    let detail = json!({ "rows": shown_count, "filter": newest });
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move { cx.journal("journal.read", ("journal", None), patient, detail).await })
        })
        .await?;
    Ok(JournalPage {
        lines: entries.into_iter().map(|entry| line(app, &ui, entry)).collect(),
        newest: if before > 0 { newest } else { String::new() },
        actions,
        older,
        verdict,
        form,
        ui,
    })
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let shown = shown(&app, &visitor, form, None).await?;
    if shown.form.is_valid() { page(&shown) } else { yiti_web::invalid(&shown) }
}

async fn verify(State(app): State<App>, visitor: Visitor) -> Answer {
    if !visitor.actor.scope.contains(app.platform().tree().whole()) {
        return Err(Problem::NotFound);
    }
    let found = app.platform().store.verify_journal().await?;
    let count = found.entry_count.to_string();
    let lang = visitor.lang;
    let verdict = match &found.broken {
        None => Verdict {
            is_whole: true,
            words: words::t_with(lang, "journal.whole", &[("count", &count)]),
            head: found.head.clone(),
            remedy: "",
        },
        Some(broken) => {
            let why = match broken.why {
                Break::Missing => "journal.missing",
                Break::Changed => "journal.changed",
                Break::Unlinked => "journal.unlinked",
                Break::Cut => "journal.cut",
                Break::Replaced => "journal.replaced",
            };
            Verdict {
                is_whole: false,
                words: words::t_with(lang, why, &[("seq", &broken.seq.to_string()), ("count", &count)]),
                head: found.head.clone(),
                remedy: words::t(lang, "journal.remedy"),
            }
        }
    };
    let detail = json!({ "entries": found.entry_count, "broken": found.broken.as_ref().map(|broken| broken.seq) });
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move { cx.journal("journal.verify", ("journal", None), None, detail).await })
        })
        .await?;
    page(&shown(&app, &visitor, Form::blank(), Some(verdict)).await?)
}
