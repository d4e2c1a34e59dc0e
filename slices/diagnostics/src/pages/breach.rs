//! Deadlines of a case that were missed, what was said about them, and the form for whoever answers for it. The breach
//! itself stays whatever is said.

use axum::extract::{Path, State as Given};
use yiti_clock::{Rules, State, store as clock};
use yiti_flow::CaseId;
use yiti_kernel::time;
use yiti_store::Reader;
use yiti_web::{Answer, App, Form, Problem, TEXT_LENGTH_MAX, Ui, Visitor, act_once, redirect};

use super::shared;
use crate::actions::{self, Error};

/// A missed deadline in words.
#[derive(Debug)]
pub(super) struct Breach {
    pub(super) rule: String,
    pub(super) title: String,
    pub(super) due: String,
    pub(super) minutes: i64,
    /// Who and when, and what they said.
    pub(super) explanations: Vec<(String, String)>,
}

/// The missed deadlines of a case, in the order of their start.
pub(super) async fn of(app: &App, reader: &mut Reader, ui: &Ui, id: CaseId) -> Result<Vec<Breach>, Error> {
    let rules = app.platform().kit.get::<Rules>();
    let mut found = Vec::new();
    for stored in clock::all_for_subject(reader, id.0).await? {
        // Also what became late since the timers last looked.
        let due_at = stored.course.due_at();
        let course = stored.course.observe(ui.now);
        if course.breached_at.is_none() && !course.is_late() {
            continue;
        }
        let until = match course.state {
            State::Satisfied { at, .. } | State::Cancelled { at, .. } => at,
            State::Running | State::Paused { .. } => ui.now,
        };
        let told = clock::history(reader, stored.id).await?;
        found.push(Breach {
            title: title(ui, &rules, &stored.rule),
            due: ui.short_time(&due_at),
            minutes: time::minutes_between(due_at, until).max(0),
            explanations: explanations(ui, &told),
            rule: stored.rule,
        });
    }
    Ok(found)
}

/// The name of a clock's rule; its id when there is no such rule any more.
pub(super) fn title(ui: &Ui, rules: &Rules, rule: &str) -> String {
    rules.get(rule).map_or(rule, |rule| rule.title.get(ui.lang)).to_owned()
}

/// Who explained and when, and what they said.
pub(super) fn explanations(ui: &Ui, told: &[clock::Event]) -> Vec<(String, String)> {
    let explained = told.iter().filter(|event| event.kind == "explained");
    explained
        .map(|event| (format!("{} {}", event.actor_name, ui.short_time(&event.recorded_at)), event.text.clone()))
        .collect()
}

/// Keeps an explanation.
pub(super) async fn explain(
    Given(app): Given<App>,
    visitor: Visitor,
    Path(case): Path<String>,
    mut form: Form,
) -> Answer {
    let id = shared::id(&case)?;
    let (rule, text) = (form.value("rule").to_owned(), form.required("text", TEXT_LENGTH_MAX));
    if !form.is_valid() {
        return Err(Problem::refused("readings.explain_empty"));
    }
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::explain(cx, id, &rule, &text).await?;
            Ok::<_, Error>(format!("/readings/{id}"))
        })
    });
    redirect(&to.await?)
}
