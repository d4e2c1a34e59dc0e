//! The second doctor's page: what was handed in, what changed, and what to do with it.

use askama::Template;
use axum::extract::{Path, State as Given};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _};
use yiti_flow::CaseId;
use yiti_record::report;
use yiti_web::{
    Answer, App, Asked, Errors, Form, Moment, Problem, TEXT_LENGTH_MAX, Ui, Visitor, act_once, invalid, page, redirect,
};

use super::problem;
use super::reading::{self, Opened};
use super::shared::{self, Doctor, Examined, SectionField, SectionText, shown};
use crate::actions::{self, Error};
use crate::content;
use crate::may::Deed;
use crate::remote_read::{Refused, State};
use crate::settings::Definitions;
use crate::store;

/// Why this doctor cannot approve, or that they can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Approve,
    /// They wrote it.
    Author,
    /// They asked for it.
    Own,
    /// Their title is too low.
    Title,
    /// There is nothing to approve.
    NotNow,
}

#[derive(Template)]
#[template(path = "approve.html")]
struct ApprovePage {
    ui: Ui,
    seen: Examined,
    form: Form,
    back: Form,
    said: String,
    mode: Mode,
    state: String,
    is_editing: bool,
    is_full: bool,
    template: String,
    fields: Vec<SectionField>,
    critical: Vec<String>,
    sections: Vec<SectionText>,
    /// What the draft is compared with; empty when with nothing.
    compared: String,
    changed: Vec<String>,
    is_positive: bool,
    is_critical: bool,
    critical_note: String,
    author: Doctor,
    written_at: String,
    title_min: String,
    reasons: Vec<(String, String)>,
    report: String,
    moments: Vec<Moment>,
}

/// How the page is asked for.
#[derive(Default)]
struct Wish {
    is_editing: bool,
    is_full: bool,
    form: Option<Form>,
    back: Option<Form>,
}

async fn build(app: &App, visitor: &Visitor, id: CaseId, wish: Wish) -> Result<ApprovePage, Problem> {
    let Opened { read, case, patient } = reading::open(app, visitor, id, "diagnostics.approve").await?;
    let ui = Ui::new(app, visitor, "readings.approve_title").await;
    let (lang, definitions) = (ui.lang, app.platform().kit.get::<Definitions>());
    let person = visitor.session.person;
    let mut reader = app.platform().store.read().await?;
    let seen = shared::examined(app, &mut reader, lang, &read, &patient, visitor.may("diagnostics.match")).await?;
    let draft = store::draft(&mut reader, id).await?;
    let template = definitions.template_of(&read.exam_code).ok_or(Problem::NotFound)?;
    let content = draft.map(|draft| draft.content).unwrap_or_default();
    let mut author = Doctor::default();
    let (mut written_at, mut before, mut compared) = (String::new(), None, String::new());
    let mode = if let State::Drafted { author: wrote, written_at: at, addendum_to, .. } = &case.state {
        author = shared::doctor(&mut reader, lang, *wrote).await?;
        written_at = ui.short_time(at);
        before = store::sent_back(&mut reader, id).await?;
        if before.is_some() {
            compared = ui.t("readings.compared_returned").to_owned();
        } else if let Some(issued) = addendum_to {
            let versions = report::versions(&mut reader, issued.report).await?;
            before = versions.first().map(actions::content_of).transpose()?;
            compared = ui.t_with("readings.compared_version", &[("version", &issued.version.to_string())]);
        }
        let doctor = actions::doctor(&definitions, person, visitor.actor.title, read.priority, app.now());
        match case.state.may(Deed::Decide, &doctor) {
            Ok(()) => Mode::Approve,
            Err(Refused::SamePerson) => Mode::Author,
            Err(Refused::OwnRequest) => Mode::Own,
            Err(Refused::TitleTooLow) => Mode::Title,
            Err(_) => Mode::NotNow,
        }
    } else {
        Mode::NotNow
    };
    let shown_before = before.as_ref().filter(|_| !wish.is_full);
    let sections = match mode {
        Mode::NotNow => Vec::new(),
        _ => shared::sections(&definitions, lang, &read.exam_code, &content, shown_before),
    };
    let name = |id: String| {
        let section = template.sections.iter().find(|section| section.id == id);
        section.map_or_else(|| ui.word("readings.flag", &id), |section| section.name.get(lang).to_owned())
    };
    let changed = before.as_ref().map(|before| content::changed(before, &content)).unwrap_or_default();
    let moments = shared::moments(app, &mut reader, &ui, id).await?;
    Ok(ApprovePage {
        form: wish.form.unwrap_or_else(|| shared::form_of(&content, 0, false)),
        back: wish.back.unwrap_or_else(Form::blank),
        said: String::new(),
        mode,
        state: shown(&read.status).to_owned(),
        is_editing: wish.is_editing && mode == Mode::Approve,
        is_full: wish.is_full,
        template: template.name.get(lang).to_owned(),
        fields: shared::fields(template, lang),
        critical: template.critical.clone(),
        sections,
        compared,
        changed: changed.into_iter().map(name).collect(),
        is_positive: content.is_positive,
        is_critical: content.is_critical,
        critical_note: content.critical_note,
        author,
        written_at,
        title_min: shared::approver_title(&definitions, lang),
        reasons: shared::reasons(&definitions.settings.return_reasons, lang),
        report: read.report.map_or_else(String::new, |report| format!("/reports/{report}")),
        moments,
        ui,
        seen,
    })
}

/// The page.
pub(super) async fn show(
    Given(app): Given<App>,
    visitor: Visitor,
    Path(case): Path<String>,
    Asked(asked): Asked,
) -> Answer {
    let wish = Wish { is_editing: asked.flag("edit"), is_full: asked.flag("full"), ..Wish::default() };
    page(&build(&app, &visitor, shared::id(&case)?, wish).await?)
}

async fn refused(app: &App, visitor: &Visitor, id: CaseId, wish: Wish, error: Error) -> Answer {
    let (said, is_conflict) = problem::refusal(error.into(), visitor.lang)?;
    let page = ApprovePage { said, ..build(app, visitor, id, wish).await? };
    let status = if is_conflict { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// Issues the report as it was handed in, or as the second doctor has changed it.
pub(super) async fn approve(Given(app): Given<App>, visitor: Visitor, Path(case): Path<String>, form: Form) -> Answer {
    let id: CaseId = shared::id(&case)?;
    let (exam, template) = reading::template_of(&app, &visitor, id).await?;
    let is_editing = form.flag("edit");
    let amended = is_editing.then(|| shared::content_of(&form, &template));
    let again = amended.as_ref().map(|content| shared::form_of(content, 0, false));
    let issued = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let issued = actions::approve(cx, id, amended).await?;
            Ok::<_, Error>(format!("/reports/{}?done=issued", issued.report))
        })
    })
    .await;
    match issued {
        Ok(to) => redirect(&to),
        Err(Error::Incomplete(faults)) => {
            let mut errors = Errors::default();
            let definitions = app.platform().kit.get::<Definitions>();
            problem::note_incomplete(&mut errors, &faults, &definitions, &exam, visitor.lang);
            let again = again.map(|mut form| {
                form.errors = errors;
                form
            });
            invalid(&build(&app, &visitor, id, Wish { is_editing: true, form: again, ..Wish::default() }).await?)
        }
        Err(error) => refused(&app, &visitor, id, Wish { is_editing, form: again, ..Wish::default() }, error).await,
    }
}

/// Sends the report back to its author.
pub(super) async fn send_back(
    Given(app): Given<App>,
    visitor: Visitor,
    Path(case): Path<String>,
    mut form: Form,
) -> Answer {
    let id: CaseId = shared::id(&case)?;
    let (reason, note) = (form.value("reason").to_owned(), form.text("note", TEXT_LENGTH_MAX));
    if !form.is_valid() {
        return invalid(&build(&app, &visitor, id, Wish { back: Some(form), ..Wish::default() }).await?);
    }
    let sent = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::send_back(cx, id, &reason, &note).await?;
            Ok::<_, Error>("/readings?done=sent_back".to_owned())
        })
    })
    .await;
    match sent {
        Ok(to) => redirect(&to),
        Err(Error::Refused(Refused::NoReason) | Error::UnknownReason(_)) => {
            form.errors.add("reason", "diagnostics.refused.no_reason", &[]);
            invalid(&build(&app, &visitor, id, Wish { back: Some(form), ..Wish::default() }).await?)
        }
        Err(error) => refused(&app, &visitor, id, Wish { back: Some(form), ..Wish::default() }, error).await,
    }
}
