//! The reading page: the examination and its priors on the left, the structured report on the right.

use askama::Template;
use axum::extract::{Path, State as Given};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _};
use yiti_flow::CaseId;
use yiti_flow::case::{self, Case};
use yiti_kernel::{Timestamp, time};
use yiti_record::patient::{self, Patient};
use yiti_web::{Answer, App, Errors, Form, LINE_LENGTH_MAX, Moment, Problem, Ui, Visitor, act_once, page, redirect};

use super::breach::{self, Breach};
use super::problem;
use super::readings::{take_next_in, until};
use super::shared::{self, Examined, SectionField, SectionText, shown};
use crate::actions::{self, Error};
use crate::content::{self, Content};
use crate::may::{Deed, Doctor};
use crate::remote_read::{Refused, RemoteRead, State};
use crate::settings::{Definitions, Template as ReportTemplate};
use crate::store::{self, ReadRow};

/// What a reader can do with the case they look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Take it.
    Take,
    /// Write: they hold it.
    Write,
    /// Only look: someone else holds it.
    Held,
    /// Only look: its pictures are not graded.
    Ungraded,
    /// Only look: they asked for it themselves.
    Own,
    /// It waits for the second doctor.
    Drafted,
    /// The report is out.
    Issued,
    /// There are no pictures to read.
    NoPictures,
}

/// Why a draft came back, in words.
#[derive(Debug)]
struct Returned {
    by: String,
    at: String,
    reason: String,
    note: String,
}

#[derive(Template)]
#[template(path = "reading.html")]
struct ReadingPage {
    ui: Ui,
    seen: Examined,
    form: Form,
    said: String,
    mode: Mode,
    state: String,
    template: String,
    fields: Vec<SectionField>,
    critical: Vec<String>,
    sections: Vec<SectionText>,
    returned: Option<Returned>,
    holder: String,
    until: String,
    saved_at: String,
    repeat_reasons: Vec<(String, String)>,
    may_ask_repeat: bool,
    may_approve: bool,
    report: String,
    moments: Vec<Moment>,
    breaches: Vec<Breach>,
    may_explain: bool,
}

/// A case that was opened for reading; the opening is journaled.
pub(super) struct Opened {
    pub(super) read: ReadRow,
    pub(super) case: Case<State>,
    pub(super) patient: Patient,
}

pub(super) async fn open(app: &App, visitor: &Visitor, id: CaseId, permission: &'static str) -> Result<Opened, Error> {
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move {
                let read = store::get(cx.tx, cx.actor.scope, id).await?;
                cx.allow(permission, read.institution)?;
                let case = case::load::<RemoteRead>(cx.tx, id).await?;
                let patient = patient::open(cx, read.patient, "treatment").await?;
                Ok::<_, Error>(Opened { read, case, patient })
            })
        })
        .await
}

/// What the page is about for `doctor`.
fn mode(state: &State, doctor: &Doctor) -> Mode {
    match state {
        State::Requested { .. } | State::RepeatAsked { .. } | State::Revoked { .. } => Mode::NoPictures,
        State::Drafting { reader, .. } if *reader == doctor.person => Mode::Write,
        State::Uploaded { .. } | State::Waiting { .. } | State::Drafting { .. } => {
            match state.may(Deed::Take, doctor) {
                Err(Refused::OwnRequest) => Mode::Own,
                Err(Refused::NotGraded) => Mode::Ungraded,
                Err(_) => Mode::Held,
                Ok(()) => Mode::Take,
            }
        }
        State::Drafted { .. } => Mode::Drafted,
        State::Issued { .. } => Mode::Issued,
    }
}

async fn build(app: &App, visitor: &Visitor, id: CaseId, form: Option<Form>) -> Result<ReadingPage, Problem> {
    let Opened { read, case, patient } = open(app, visitor, id, "diagnostics.read").await?;
    let ui = Ui::new(app, visitor, "readings.reading").await;
    let (lang, definitions) = (ui.lang, app.platform().kit.get::<Definitions>());
    let mut reader = app.platform().store.read().await?;
    let seen = shared::examined(app, &mut reader, lang, &read, &patient, visitor.may("diagnostics.match")).await?;
    let draft = store::draft(&mut reader, id).await?;
    let template = definitions.template_of(&read.exam_code).ok_or(Problem::NotFound)?;
    let case = actions::with_row_lease(case, &read);
    let doctor = actions::doctor(&definitions, visitor.session.person, visitor.actor.title, read.priority, app.now());
    let mode = mode(&case.state, &doctor);
    let (revision, is_new) = (draft.as_ref().map_or(0, |draft| draft.revision), draft.is_none());
    let content = draft.as_ref().map(|draft| draft.content.clone()).unwrap_or_default();
    let sections = match mode {
        Mode::Write => Vec::new(),
        _ => shared::sections(&definitions, lang, &read.exam_code, &content, None),
    };
    let returned = match &case.state {
        State::Drafting { sent_back: Some(back), .. } => Some(Returned {
            by: shared::doctor(&mut reader, lang, back.by).await?.name,
            at: ui.short_time(&back.at),
            reason: shared::reason(&definitions.settings.return_reasons, &back.reason, lang),
            note: back.note.clone(),
        }),
        _ => None,
    };
    let holder = match (&case.state, mode) {
        (State::Drafting { reader: holder, .. }, _) => shared::doctor(&mut reader, lang, *holder).await?.name,
        (State::Drafted { author, .. }, _) => shared::doctor(&mut reader, lang, *author).await?.name,
        _ => String::new(),
    };
    let moments = shared::moments(app, &mut reader, &ui, id).await?;
    let breaches = breach::of(app, &mut reader, &ui, id).await?;
    Ok(ReadingPage {
        breaches,
        may_explain: visitor.may("diagnostics.explain"),
        form: form.unwrap_or_else(|| shared::form_of(&content, revision, is_new)),
        said: String::new(),
        state: shown(&read.status).to_owned(),
        template: template.name.get(lang).to_owned(),
        fields: shared::fields(template, lang),
        critical: template.critical.clone(),
        until: until(read.lease_until),
        saved_at: draft.map_or_else(String::new, |draft| clock(draft.saved_at)),
        repeat_reasons: shared::reasons(&definitions.settings.repeat_reasons, lang),
        may_ask_repeat: case.state.may(Deed::AskRepeat, &doctor).is_ok(),
        may_approve: visitor.may("diagnostics.approve") && case.state.may(Deed::Decide, &doctor).is_ok(),
        report: read.report.map_or_else(String::new, |report| format!("/reports/{report}")),
        ui,
        seen,
        mode,
        sections,
        returned,
        holder,
        moments,
    })
}

fn clock(at: Timestamp) -> String {
    time::civil(at).strftime("%H:%M:%S").to_string()
}

/// The page of a case.
pub(super) async fn show(Given(app): Given<App>, visitor: Visitor, Path(case): Path<String>) -> Answer {
    page(&build(&app, &visitor, shared::id(&case)?, None).await?)
}

/// The page of a case with what was refused on top; `form` keeps what was typed.
pub(super) async fn refused(app: &App, visitor: &Visitor, id: CaseId, form: Option<Form>, error: Error) -> Answer {
    let (said, is_conflict) = problem::refusal(error.into(), visitor.lang)?;
    let page = ReadingPage { said, ..build(app, visitor, id, form).await? };
    let status = if is_conflict { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// The exam of a case and its template; nothing of the patient is read.
pub(super) async fn template_of(app: &App, visitor: &Visitor, id: CaseId) -> Result<(String, ReportTemplate), Problem> {
    let mut reader = app.platform().store.read().await?;
    let read = store::get(&mut reader, visitor.actor.scope, id).await?;
    let definitions = app.platform().kit.get::<Definitions>();
    let template = definitions.template_of(&read.exam_code).cloned().ok_or(Problem::NotFound)?;
    Ok((read.exam_code, template))
}

async fn save(app: &App, visitor: &Visitor, id: CaseId, based_on: u32, content: &Content) -> Result<u32, Error> {
    let content = content.clone();
    app.platform()
        .act(&visitor.actor, move |cx| Box::pin(async move { actions::save_draft(cx, id, based_on, &content).await }))
        .await
}

/// What was typed, as a form again with the revision it now stands on.
fn typed(form: &Form, content: &Content, revision: u32, errors: Errors) -> Form {
    let mut again = shared::form_of(content, revision, form.value("is_positive").is_empty());
    again.errors = errors;
    again
}

fn based_on(form: &Form) -> u32 {
    form.value("version").parse().unwrap_or_default()
}

/// Saves the draft: for the module an empty answer with the new revision, without scripts the page again.
pub(super) async fn draft(
    Given(app): Given<App>,
    visitor: Visitor,
    Path(case): Path<String>,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    let id: CaseId = shared::id(&case)?;
    let (_, template) = template_of(&app, &visitor, id).await?;
    let content = shared::content_of(&form, &template);
    let saved = save(&app, &visitor, id, based_on(&form), &content).await;
    if headers.contains_key("x-autosave") {
        let revision = saved.map_err(Problem::from)?;
        return Ok((StatusCode::NO_CONTENT, [("x-version", HeaderValue::from(revision))]).into_response());
    }
    match saved {
        Ok(_) => redirect(&format!("/readings/{id}")),
        Err(error) => not_saved(&app, &visitor, id, &form, &content, error).await,
    }
}

/// A refusal that keeps what was typed. After a conflict the form stands on the newer revision, so that sending it again
/// means it.
async fn not_saved(app: &App, visitor: &Visitor, id: CaseId, form: &Form, content: &Content, error: Error) -> Answer {
    let revision = match &error {
        Error::DraftMoved { revision } => *revision,
        _ => based_on(form),
    };
    let again = typed(form, content, revision, Errors::default());
    refused(app, visitor, id, Some(again), error).await
}

/// Hands the report in; with `next` the next one that waits is taken and opened.
pub(super) async fn submit(Given(app): Given<App>, visitor: Visitor, Path(case): Path<String>, form: Form) -> Answer {
    let id: CaseId = shared::id(&case)?;
    let (exam, template) = template_of(&app, &visitor, id).await?;
    let content = shared::content_of(&form, &template);
    let revision = based_on(&form);
    let faults = content::check(&content, &template);
    let mut errors = Errors::default();
    let definitions = app.platform().kit.get::<Definitions>();
    problem::note_incomplete(&mut errors, &faults, &definitions, &exam, visitor.lang);
    if form.value("is_positive").is_empty() {
        errors.add("is_positive", "readings.choose_result", &[]);
    }
    if !errors.is_empty() {
        // What was written is kept all the same.
        return match save(&app, &visitor, id, revision, &content).await {
            Ok(revision) => {
                let again = typed(&form, &content, revision, errors);
                yiti_web::invalid(&build(&app, &visitor, id, Some(again)).await?)
            }
            Err(Error::Incomplete(_)) => {
                let again = typed(&form, &content, revision, errors);
                yiti_web::invalid(&build(&app, &visitor, id, Some(again)).await?)
            }
            Err(error) => not_saved(&app, &visitor, id, &form, &content, error).await,
        };
    }
    let (person, wants_next, handed_in) = (visitor.session.person, form.flag("next"), content.clone());
    let submitted = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let last = store::draft(cx.tx, id).await?;
            if let Some(last) = last
                && last.revision != revision
                && last.content != handed_in
            {
                return Err(Error::DraftMoved { revision: last.revision });
            }
            actions::submit(cx, id, &handed_in).await?;
            if wants_next { take_next_in(cx, person).await } else { Ok("/readings?done=submitted".to_owned()) }
        })
    })
    .await;
    match submitted {
        Ok(to) => redirect(&to),
        Err(error) => not_saved(&app, &visitor, id, &form, &content, error).await,
    }
}

/// Gives the study back to the list; what was written stays for whoever takes it next.
pub(super) async fn release(Given(app): Given<App>, visitor: Visitor, Path(case): Path<String>, form: Form) -> Answer {
    let id: CaseId = shared::id(&case)?;
    let (_, template) = template_of(&app, &visitor, id).await?;
    let content = shared::content_of(&form, &template);
    let (revision, kept) = (based_on(&form), content.clone());
    let released = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            if kept.sections.values().any(|text| !text.is_empty()) {
                actions::save_draft(cx, id, revision, &kept).await?;
            }
            actions::release(cx, id).await?;
            Ok::<_, Error>("/readings?done=released".to_owned())
        })
    })
    .await;
    match released {
        Ok(to) => redirect(&to),
        Err(error) => not_saved(&app, &visitor, id, &form, &content, error).await,
    }
}

/// Asks the branch to take the pictures again.
pub(super) async fn repeat(
    Given(app): Given<App>,
    visitor: Visitor,
    Path(case): Path<String>,
    mut form: Form,
) -> Answer {
    let id: CaseId = shared::id(&case)?;
    let definitions = app.platform().kit.get::<Definitions>();
    let known: Vec<&str> = definitions.settings.repeat_reasons.iter().map(|reason| reason.id.as_str()).collect();
    let reason = form.choice("repeat_reason", &known).unwrap_or_default().to_owned();
    let note = form.text("repeat_note", LINE_LENGTH_MAX);
    if !form.is_valid() {
        let mut page = build(&app, &visitor, id, None).await?;
        page.form.errors = form.errors;
        return yiti_web::invalid(&page);
    }
    let asked = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            actions::ask_repeat(cx, id, &reason, &note).await?;
            Ok::<_, Error>("/readings?done=repeat_asked".to_owned())
        })
    })
    .await;
    match asked {
        Ok(to) => redirect(&to),
        Err(error) => refused(&app, &visitor, id, None, error).await,
    }
}
