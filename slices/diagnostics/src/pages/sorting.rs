//! Pictures that identifiers have mixed up: both patients side by side, and what a person can do about it.

use askama::Template;
use axum::extract::{Path, State};
use yiti_record::imaging::{self, SeriesId, Study};
use yiti_record::sorting::{self, SortId};
use yiti_record::{StudyId, order, patient};
use yiti_web::{Access, Answer, App, Form, Problem, Slice, Ui, Visitor, act_once, invalid, page, redirect};

use super::branch::{journal_list, viewer_path};
use super::problem::refusal;
use super::studies::{pictured, plain_name};
use crate::actions::{self, Error};
use crate::settings::Definitions;
use crate::store;

/// The value of the choice that makes a study of its own.
const OWN: &str = "own";

/// Adds the routes of this page. One place in a path has one name: here it is a study, above a case.
pub(super) fn add(slice: Slice) -> Slice {
    let matching = Access::Permission("diagnostics.match");
    slice
        .get("/studies/{case}/sort", matching, show)
        .post("/studies/{case}/sort", matching, sort)
        .post("/studies/{case}/apart", matching, apart)
        .post("/studies/{case}/undo", matching, undo)
        .post("/studies/{case}/unmatch", matching, unmatch)
}

/// A study as it is compared with another.
struct Side {
    heading: String,
    name: String,
    number: String,
    facts: Vec<(String, String)>,
    viewer: String,
    /// Where it is sorted itself; empty for the study of this page.
    sort: String,
    /// Where it is matched; empty when it has an order.
    matching: String,
}

/// A series that can go elsewhere.
struct Row {
    id: String,
    words: String,
    modality: String,
    picture_count: u32,
}

/// A step that was taken.
struct Step {
    id: String,
    words: String,
    at: String,
    can_undo: bool,
}

#[derive(Template)]
#[template(path = "sorting.html")]
struct SortPage {
    ui: Ui,
    form: Form,
    apart: Form,
    undo: Form,
    unmatch: Form,
    href: String,
    conflict: String,
    sides: Vec<Side>,
    series: Vec<Row>,
    targets: Vec<(String, String)>,
    steps: Vec<Step>,
    /// The order whose pictures these are said to be; empty without one.
    order: String,
    refused: String,
}

fn side(ui: &Ui, visitor: &Visitor, study: &Study, heading: String, order: String, is_this: bool) -> Side {
    let or_empty = |text: String| if text.is_empty() { ui.t("unmatched.empty_value").to_owned() } else { text };
    let fact = |key: &str, value: String| (ui.t(key).to_owned(), or_empty(value));
    let pictures = ui.t_with("requests.picture_count", &[("count", &study.instance_count.to_string())]);
    let mut facts = vec![
        fact("patients.sex_field", ui.word("patients.sex", study.seen_sex.key())),
        fact("patients.birth_on", study.seen_birth_on.map_or_else(String::new, |born| born.to_string())),
        fact("requests.accession_number", study.accession_number.clone()),
        fact("requests.exam", format!("{} \u{b7} {pictures}", pictured(study))),
        fact("unmatched.arrived", ui.minute(&study.first_arrived_at)),
        fact("requests.order", order),
    ];
    facts.extend(study.oddities.split_whitespace().map(|key| fact("sorting.oddity_field", ui.word("oddity", key))));
    Side {
        heading,
        name: or_empty(plain_name(&study.seen_patient_name)),
        number: or_empty(study.seen_patient_number.clone()),
        facts,
        viewer: if visitor.may("diagnostics.image.read") { viewer_path(ui, &study.address) } else { String::new() },
        sort: if is_this { String::new() } else { format!("/studies/{}/sort", study.id) },
        matching: study.unmatched.as_ref().map_or_else(String::new, |_| format!("/studies/{}/match", study.id)),
    }
}

async fn sort_page(
    app: &App,
    visitor: &Visitor,
    id: StudyId,
    form: Form,
    refused: String,
) -> Result<SortPage, Problem> {
    let ui = Ui::new(app, visitor, "sorting.title").await;
    let platform = app.platform();
    let definitions = platform.kit.get::<Definitions>();
    let mut reader = platform.store.read().await?;
    let study = imaging::get(&mut reader, id).await?;
    if study.instance_count == 0 || !platform.tree().reaches(visitor.actor.scope, study.institution) {
        return Err(Problem::NotFound);
    }
    let related = sorting::related(&mut reader, &study).await?;
    let mut sides = Vec::new();
    let mut whose = String::new();
    for (at, one) in std::iter::once(&study).chain(&related).enumerate() {
        let mut order_words = String::new();
        if let Some(request) = one.request {
            let order = order::get(&mut reader, request).await?;
            let patient = patient::get(&mut reader, order.patient).await?;
            let exam = definitions.exam_name(&order.exam_code, ui.lang);
            order_words = format!("{} \u{b7} {exam} \u{b7} {}", patient.name, order.accession_number);
        }
        let heading = match at {
            0 => ui.t("sorting.this").to_owned(),
            at => ui.t_with("sorting.other", &[("n", &at.to_string())]),
        };
        if at == 0 {
            whose.clone_from(&order_words);
        }
        sides.push(side(&ui, visitor, one, heading, order_words, at == 0));
    }
    // Once a doctor has it, the pictures stay until it is given back; then nothing is offered here.
    if let Some(request) = study.request
        && let Some(row) = store::of_request(&mut reader, request).await?
        && row.study == Some(id)
        && !matches!(row.status.as_str(), "uploaded" | "waiting" | "repeat_asked")
    {
        whose.clear();
    }
    let series = imaging::series(&mut reader, id).await?;
    let taken = sorting::steps(&mut reader, id).await?;
    let mut steps = Vec::new();
    for (at, step) in taken.iter().enumerate() {
        // What a later step of the other study builds on stays.
        let other = if step.from == id { step.to } else { Some(step.from) };
        let is_last = match other {
            Some(other) => sorting::steps(&mut reader, other).await?.first().is_some_and(|last| last.id == step.id),
            None => true,
        };
        let values = [("name", step.by_name.as_str()), ("count", &step.instance_count.to_string())];
        steps.push(Step {
            id: step.id.to_string(),
            words: ui.t_with(
                match step.kind {
                    sorting::Kind::Split => "sorting.step.split",
                    sorting::Kind::Move => "sorting.step.move",
                    sorting::Kind::Apart => "sorting.step.apart",
                },
                &values,
            ),
            at: ui.minute(&step.at),
            can_undo: at == 0 && is_last,
        });
    }
    drop(reader);
    journal_list(app, visitor, "sort", sides.len(), id.to_string()).await?;
    let named = related.iter().enumerate().map(|(at, one)| {
        let name = format!("{} {}", plain_name(&one.seen_patient_name), one.seen_patient_number);
        let words = ui.t_with("sorting.to_other", &[("n", &(at + 1).to_string()), ("name", name.trim())]);
        (one.id.to_string(), words)
    });
    let own = (series.len() > 1).then(|| (OWN.to_owned(), ui.t("sorting.to_own").to_owned()));
    Ok(SortPage {
        href: format!("/studies/{id}"),
        conflict: study.conflict.as_deref().map_or_else(String::new, |key| ui.word("sorting.conflict", key)),
        sides,
        targets: own.into_iter().chain(named).collect(),
        series: series
            .into_iter()
            .map(|one| Row {
                id: one.id.to_string(),
                words: if one.description.is_empty() { one.series_uid } else { one.description },
                modality: one.modality,
                picture_count: one.instance_count,
            })
            .collect(),
        steps,
        order: whose,
        refused,
        form,
        apart: Form::blank(),
        undo: Form::blank(),
        unmatch: Form::blank(),
        ui,
    })
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<StudyId>) -> Answer {
    page(&sort_page(&app, &visitor, id, Form::blank(), String::new()).await?)
}

/// Leads on, or shows the page again with what stood in the way.
async fn told(app: &App, visitor: &Visitor, id: StudyId, done: Result<String, Error>, form: Form) -> Answer {
    match done {
        Ok(to) => redirect(&to),
        Err(error) => {
            let (words, _) = refusal(error.into(), visitor.look().lang)?;
            invalid(&sort_page(app, visitor, id, form, words).await?)
        }
    }
}

async fn sort(State(app): State<App>, visitor: Visitor, Path(id): Path<StudyId>, mut form: Form) -> Answer {
    let series: Vec<SeriesId> = form.values("series").iter().filter_map(|id| id.parse().ok()).collect();
    if series.is_empty() {
        form.errors.add("series", "sorting.fault.series", &[]);
    }
    let to = match form.value("to") {
        OWN => Some(None),
        other => other.parse::<StudyId>().ok().map(Some),
    };
    if to.is_none() {
        form.errors.add("to", "sorting.fault.to", &[]);
    }
    let (true, Some(to)) = (form.is_valid(), to) else {
        return invalid(&sort_page(&app, &visitor, id, form, String::new()).await?);
    };
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            Ok::<_, Error>(match to {
                None => format!("/studies/{}/match", actions::split_study(cx, id, &series).await?),
                Some(to) => {
                    actions::move_series(cx, id, &series, to).await?;
                    format!("/studies/{to}/sort")
                }
            })
        })
    });
    let done = done.await;
    told(&app, &visitor, id, done, form).await
}

async fn apart(State(app): State<App>, visitor: Visitor, Path(id): Path<StudyId>, form: Form) -> Answer {
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::keep_apart(cx, id).await?;
            Ok::<_, Error>(format!("/studies/{id}/sort"))
        })
    });
    let done = done.await;
    told(&app, &visitor, id, done, Form::blank()).await
}

async fn undo(State(app): State<App>, visitor: Visitor, Path(id): Path<StudyId>, mut form: Form) -> Answer {
    let Some(step) = form.needed::<SortId>("step") else {
        return invalid(&sort_page(&app, &visitor, id, Form::blank(), String::new()).await?);
    };
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let from = actions::undo_sort(cx, id, step).await?;
            Ok::<_, Error>(format!("/studies/{from}/sort"))
        })
    });
    let done = done.await;
    told(&app, &visitor, id, done, Form::blank()).await
}

async fn unmatch(State(app): State<App>, visitor: Visitor, Path(id): Path<StudyId>, form: Form) -> Answer {
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::unmatch_study(cx, id).await?;
            Ok::<_, Error>(format!("/studies/{id}/match"))
        })
    });
    let done = done.await;
    told(&app, &visitor, id, done, Form::blank()).await
}
