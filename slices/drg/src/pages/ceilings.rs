//! Drug and consumable shares of a month against their ceilings, the cases behind them, and what departments say.

use askama::Template;
use axum::extract::State;
use yiti_kernel::{Date, time};
use yiti_web::{
    Access, Answer, App, Asked, Form, MenuItem, Problem, Slice, TEXT_LENGTH_MAX, Ui, Visitor, act_once, invalid, page,
    query, redirect,
};

use super::figure::{self, CASES, Question};
use crate::analysis_acts::{self, Error, month_text};
use crate::ceilings::{Judged, Kind, Standing, judge};
use crate::compare::{Analysis, before};
use crate::store_analysis::{self as rows, EMPTY, Justification};

const PATH: &str = "/drg/ceilings";

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice
        .get(PATH, Access::Permission("drg.analysis"), show)
        .post(PATH, Access::Permission("drg.justify"), justify)
        .menu(&[MenuItem { key: "drg_ceilings", group: "drg", path: PATH, permission: "drg.analysis", icon: "gauge" }])
}

/// A department or a group against one ceiling, as shown.
struct Line {
    name: String,
    place: String,
    kind: String,
    stays: u64,
    stays_href: String,
    over: u64,
    over_href: String,
    share: String,
    ceiling: String,
    /// Width of the bar, 0 to 100.
    width: String,
    excess: String,
    standing: &'static str,
    tag: &'static str,
    icon: &'static str,
    reason: String,
    justify_href: String,
}

/// One version of a justification.
struct Said {
    version: u32,
    reason: String,
    by: String,
    at: String,
    share: String,
    ceiling: String,
}

/// The form for one department, with what was said before.
struct Open {
    title: String,
    institution: String,
    department: String,
    month: String,
    kind: &'static str,
    said: Vec<Said>,
}

#[derive(Template)]
#[template(path = "drg_ceilings.html")]
struct CeilingsPage {
    ui: Ui,
    form: Form,
    institutions: Vec<(String, String)>,
    month: String,
    warn: String,
    stays_min: u64,
    over: usize,
    near: usize,
    departments: Vec<Line>,
    groups: Vec<Line>,
    open: Option<Open>,
    can_justify: bool,
}

async fn show(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    if !form.value("month").is_empty() && figure::month_start(form.value("month")).is_none() {
        form.errors.add("month", "figures.no_month", &[]);
        return invalid(&lay_out(&app, &visitor, form).await?);
    }
    page(&lay_out(&app, &visitor, form).await?)
}

/// The month asked for; the one before today's for none.
fn month_of(form: &Form, today: Date) -> Date {
    figure::month_start(form.value("month")).unwrap_or_else(|| before(today))
}

async fn lay_out(app: &App, visitor: &Visitor, form: Form) -> Result<CeilingsPage, Problem> {
    let month = month_of(&form, time::day(app.now()));
    let mut question = Question::of_months(month, month);
    question.slice.institution = form.value("unit").parse().ok();
    let reach = figure::reach(app, visitor).await?;
    let analysis = app.platform().kit.get::<Analysis>();
    let stays = figure::stays(app, &reach, &question).await?;
    let (institutions, _) = figure::places(app, &reach, None).await?;
    let said = {
        let mut reader = app.platform().store.read().await?;
        rows::justifications(&mut reader, &reach, &month_text(month)).await?
    };
    let names = figure::names(app, said.iter().map(|it| it.written_by).collect()).await?;
    let ui = Ui::new(app, visitor, "drg_ceilings.title").await;
    let judged = judge(&stays, &analysis.ceilings);
    let line = |it: &Judged| line(app, &ui, &question, it, &said);
    let can_justify = visitor.may("drg.justify");
    let open = open(app, &ui, &form, &question, &said, &names).filter(|_| can_justify);
    let count = |standing| judged.iter().filter(|it| it.standing == standing).count();
    Ok(CeilingsPage {
        month: month_text(month),
        warn: figure::percent(i64::from(analysis.ceilings.warn_e3) * 1000, 0),
        stays_min: analysis.ceilings.stays_min,
        over: count(Standing::Over),
        near: count(Standing::Near),
        departments: judged.iter().filter(|it| it.institution.is_some()).map(line).collect(),
        groups: judged.iter().filter(|it| it.institution.is_none()).map(line).collect(),
        institutions,
        open,
        can_justify,
        form,
        ui,
    })
}

fn line(app: &App, ui: &Ui, question: &Question, it: &Judged, said: &[Justification]) -> Line {
    let tree = app.platform().tree();
    let month = question.days().map(|days| month_text(days.0)).unwrap_or_default();
    let name = if it.name.is_empty() { EMPTY } else { it.name.as_str() };
    let institution = it.institution.or(question.slice.institution).map(|id| id.to_string()).unwrap_or_default();
    let (department, drg) = if it.institution.is_some() { (name, "") } else { ("", name) };
    let figure_name = format!("ceiling.{}", it.kind.key());
    let ceiling = it.ceiling_e3.to_string();
    let href = |part: &str| {
        let pairs = [
            ("figure", figure_name.as_str()),
            ("part", part),
            ("ceiling", &ceiling),
            ("from", &month),
            ("to", &month),
            ("institution", &institution),
            ("department", department),
            ("drg", drg),
        ];
        format!("{CASES}{}", query(&pairs))
    };
    let (tag, icon) = match it.standing {
        Standing::Over => ("danger", "alert-circle"),
        Standing::Near => ("warn", "alert-triangle"),
        Standing::Below => ("ok", "circle-check"),
        Standing::TooFew => ("off", "info-circle"),
    };
    let newest = said
        .iter()
        .find(|one| Some(one.institution) == it.institution && one.department == it.name && one.kind == it.kind);
    let justify = [
        ("month", month.as_str()),
        ("unit", &question.slice.institution.map(|id| id.to_string()).unwrap_or_default()),
        ("institution", &institution),
        ("department", department),
        ("kind", it.kind.key()),
    ];
    let width = |e6: i64| figure::decimal(e6.clamp(0, 1_000_000), 4, 1);
    Line {
        name: if it.name.is_empty() { ui.t("drg_analysis.unnamed").to_owned() } else { it.name.clone() },
        place: it.institution.map(|id| tree.short_name(id).to_owned()).unwrap_or_default(),
        kind: ui.word("drg_analysis_ceiling", it.kind.key()),
        stays: it.stays,
        stays_href: href("counted"),
        over: it.stays_over,
        over_href: href("over"),
        share: it.share_e6.map(|share| figure::percent(share, 1)).unwrap_or_default(),
        ceiling: figure::percent(i64::from(it.ceiling_e3) * 1000, 1),
        width: width(it.share_e6.unwrap_or_default()),
        excess: if it.excess.0 > 0 { figure::yuan(it.excess) } else { String::new() },
        standing: it.standing.key(),
        tag,
        icon,
        reason: newest.map(|one| one.reason.clone()).unwrap_or_default(),
        justify_href: it.institution.map(|_| format!("{PATH}{}#reason", query(&justify))).unwrap_or_default(),
    }
}

/// What the form names; `None` when it names no department.
fn target(form: &Form) -> Option<(yiti_directory::InstitutionId, String, Kind)> {
    let department = match form.value("department") {
        "" => return None,
        EMPTY => String::new(),
        name => name.to_owned(),
    };
    Some((form.value("institution").parse().ok()?, department, Kind::from_key(form.value("kind"))?))
}

fn open(
    app: &App,
    ui: &Ui,
    form: &Form,
    question: &Question,
    said: &[Justification],
    names: &std::collections::HashMap<yiti_directory::PersonId, String>,
) -> Option<Open> {
    let (institution, department, kind) = target(form)?;
    let tree = app.platform().tree();
    let said = said
        .iter()
        .filter(|it| it.institution == institution && it.department == department && it.kind == kind)
        .map(|it| Said {
            version: it.version,
            reason: it.reason.clone(),
            by: names.get(&it.written_by).cloned().unwrap_or_default(),
            at: ui.minute(&it.written_at),
            share: it.share_e6.map(|share| figure::percent(share, 1)).unwrap_or_default(),
            ceiling: figure::percent(i64::from(it.ceiling_e3) * 1000, 1),
        })
        .collect();
    Some(Open {
        title: format!(
            "{} {} \u{b7} {}",
            tree.short_name(institution),
            department,
            ui.word("drg_analysis_ceiling", kind.key())
        ),
        institution: institution.to_string(),
        department: form.value("department").to_owned(),
        month: question.days().map(|days| month_text(days.0)).unwrap_or_default(),
        kind: kind.key(),
        said,
    })
}

async fn justify(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let reason = form.required("reason", TEXT_LENGTH_MAX);
    let month = figure::month_start(form.value("month")).ok_or(Problem::Malformed)?;
    let (institution, department, kind) = target(&form).ok_or(Problem::Malformed)?;
    if !form.is_valid() {
        return invalid(&lay_out(&app, &visitor, form).await?);
    }
    let unit = form.value("unit").to_owned();
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            analysis_acts::justify(cx, institution, (&department, month, kind), reason).await?;
            Ok::<_, Error>(format!("{PATH}{}", query(&[("month", &month_text(month)), ("unit", &unit)])))
        })
    })
    .await?;
    redirect(&to)
}
