//! Stays without group or without price, by cause and institution.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use yiti_directory::InstitutionId;
use yiti_kernel::Fen;
use yiti_web::{Access, Answer, App, Asked, Form, MenuItem, Slice, Ui, Visitor, invalid, page};

use super::figure::{self, Question};
use crate::analysis::{By, LineKey};
use crate::store_analysis as rows;

const PATH: &str = "/drg/failures";

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice.get(PATH, Access::Permission("drg.analysis"), show).menu(&[MenuItem {
        key: "drg_failures",
        group: "drg",
        path: PATH,
        permission: "drg.analysis",
        icon: "alert-triangle",
    }])
}

/// A number of stays and where it opens.
#[derive(Default)]
struct Count {
    count: u64,
    href: String,
}

struct Line {
    cause: String,
    /// What to do about it.
    remedy: String,
    total: Count,
    cost: String,
    /// By institution, in the order of the columns; none where there is no stay.
    places: Vec<Option<Count>>,
}

struct Part {
    title: String,
    total: Count,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "drg_failures.html")]
struct FailuresPage {
    ui: Ui,
    form: Form,
    lasts: Vec<(String, String)>,
    institutions: Vec<(String, String)>,
    span: String,
    columns: Vec<String>,
    parts: Vec<Part>,
}

async fn show(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    let mut question = Question::read(&mut form, app.now());
    question.by = By::Institution;
    let reach = figure::reach(&app, &visitor).await?;
    let (institutions, _) = figure::places(&app, &reach, None).await?;
    let ui = Ui::new(&app, &visitor, "drg_failures.title").await;
    let is_valid = form.is_valid();
    let found = match question.days().filter(|_| is_valid) {
        Some(days) => {
            let mut reader = app.platform().store.read().await?;
            rows::failures(&mut reader, &reach, &question.slice, days).await?
        }
        None => Vec::new(),
    };
    let tree = app.platform().tree();
    let with_rows: Vec<InstitutionId> = tree
        .within(reach.scope)
        .map(|node| node.id)
        .filter(|id| found.iter().any(|it| it.institution == *id))
        .collect();
    let count = |figure: &str, place: Option<InstitutionId>, count: u64| {
        let line = place.map(|id| LineKey { institution: Some(id), scheme: String::new(), name: String::new() });
        Count { count, href: question.href(figure, "counted", line.as_ref()) }
    };
    let part = |of: &str| {
        // Stays by institution, and cost, of each cause.
        let mut causes: BTreeMap<&str, (BTreeMap<InstitutionId, u64>, i64)> = BTreeMap::new();
        for failed in found.iter().filter(|it| it.of == of) {
            let entry = causes.entry(&failed.cause).or_default();
            *entry.0.entry(failed.institution).or_default() += failed.stays;
            entry.1 = entry.1.saturating_add(failed.cost.0);
        }
        let mut lines: Vec<Line> = causes
            .into_iter()
            .map(|(cause, (places, cost))| {
                let figure = format!("failure.{of}.{cause}");
                Line {
                    cause: ui.word(&format!("drg_failures_{of}"), cause),
                    remedy: ui.word(&format!("drg_failures_{of}_remedy"), cause),
                    total: count(&figure, None, places.values().sum()),
                    cost: figure::yuan(Fen(cost)),
                    places: with_rows.iter().map(|id| Some(count(&figure, Some(*id), *places.get(id)?))).collect(),
                }
            })
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.total.count));
        let total = lines.iter().map(|line| line.total.count).sum();
        Part { title: ui.word("drg_failures_of", of), total: count(&format!("failure.{of}"), None, total), lines }
    };
    let shown = FailuresPage {
        lasts: figure::lasts(&ui),
        span: question.span_text(),
        columns: with_rows.iter().map(|id| tree.short_name(*id).to_owned()).collect(),
        // Of a period that cannot be, there is nothing to say, not even none.
        parts: if is_valid { ["group", "price"].map(part).into() } else { Vec::new() },
        institutions,
        form,
        ui,
    };
    if is_valid { page(&shown) } else { invalid(&shown) }
}
