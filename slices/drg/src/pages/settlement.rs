//! Settled months: the list with the form that prepares one, a run with its totals, its stays, its difference from the
//! frozen run before, its print and its workbook.
//!
//! INVARIANT: a figure and the list it opens come from the same lines with the same condition.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use drg_payment::{Fen as PackFen, Insurance, Line, Month, Sums};
use yiti_directory::{InstitutionId, Tree};
use yiti_kernel::{Fen, time};
use yiti_record::front_page::FrontPageId;
use yiti_web::{
    Access, Answer, App, Asked, Form, MenuItem, Pager, Problem, Refusal, Slice, Ui, Visitor, act_once, invalid, page,
    query, redirect,
};

use super::settlement_sheet;
use super::shared;
use crate::settle::Rules;
use crate::settlement::{self, Correction, Error, NOTE_LENGTH_MAX, Order};
use crate::store_settlement::{
    self as store, LineFilter, LineRow, RunFilter, RunRow, RunStatus, SettlementRunId, SumBy,
};

const PATH: &str = "/drg/settlement";
const PAGE_SIZE: usize = 50;
/// Groups on one page of a run.
const GROUPS_SIZE: usize = 30;
/// What the list of runs is filtered by.
const FILTER: [&str; 4] = ["unit", "year", "insurance", "discarded"];
/// The insurances, as stored.
pub(super) const INSURANCES: [&str; 2] = ["employee", "resident"];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let read = Access::Permission("drg.settlement.read");
    let settle = Access::Permission("drg.settle");
    slice
        .get(PATH, read, list)
        .post(PATH, settle, prepare)
        .get("/drg/settlement/{id}", read, show)
        .get("/drg/settlement/{id}/cases", read, cases)
        .get("/drg/settlement/{id}/changes", read, changes)
        .get("/drg/settlement/{id}/print", read, print)
        .get("/drg/settlement/{id}/export", read, export)
        .post("/drg/settlement/{id}/freeze", Access::Permission("drg.freeze"), freeze)
        .post("/drg/settlement/{id}/discard", settle, discard)
        .menu(&[MenuItem {
            key: "settlement",
            group: "drg",
            path: PATH,
            permission: "drg.settlement.read",
            icon: "calendar-week",
        }])
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let key = error.key();
        match error {
            Error::Forbidden(error) => error.into(),
            Error::Store(yiti_store::Error::Stale) => conflict("settlement_error.stale"),
            Error::Store(error) => error.into(),
            Error::Held { institution, month, number } => {
                Self::refused(key).with("institution", institution).with("month", month).with("number", number)
            }
            Error::Overtaken => conflict(key),
            Error::NotDraft { .. } => conflict(key),
            Error::NotOver { month } | Error::Nothing { month } => Self::refused(key).with("month", month),
            Error::Settlement(fault) => Self::refused(key).with("why", fault),
            Error::SamePerson => Self::refused(key),
            Error::NoMonths { year } => Self::refused(key).with("year", year),
            Error::Methods { one, other } => Self::refused(key).with("one", one).with("other", other),
            Error::Changed { run, why } => {
                tracing::error!(%run, %why, "a settled month is not what its text says");
                Self::refused(key)
            }
        }
    }
}

pub(super) fn conflict(key: &str) -> Problem {
    Problem::Refused(Box::new(Refusal { key: key.to_owned(), is_conflict: true, ..Refusal::default() }))
}

/// Nodes of the visitor's scope that can be settled: those that have an institution with a level at or below them.
pub(super) fn nodes(app: &App, visitor: &Visitor) -> Vec<(String, String)> {
    let tree = app.platform().tree();
    let definitions = app.platform().kit.get::<crate::Definitions>();
    let has_level = |node: &yiti_directory::Institution| {
        tree.within(node.scope).any(|below| definitions.settings.level(below).is_some())
    };
    tree.within(visitor.actor.scope)
        .filter(|node| has_level(node))
        .map(|node| (node.id.to_string(), node.short_name.clone()))
        .collect()
}

pub(super) fn money(amount: PackFen) -> String {
    shared::yuan(Fen(amount.0))
}

/// Sums as shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) code: String,
    pub(super) cases: i64,
    pub(super) href: String,
    pub(super) points: String,
    pub(super) standard: String,
    pub(super) cost: String,
    pub(super) patient: String,
    pub(super) pay: String,
    pub(super) balance: String,
    pub(super) tone: &'static str,
    pub(super) fund: String,
    pub(super) prepaid: String,
    pub(super) retained: String,
}

pub(super) fn shown(name: &str, code: &str, sums: &Sums, href: String) -> Shown {
    let balance = Fen(sums.pay.0.saturating_sub(sums.cost.0));
    Shown {
        name: name.to_owned(),
        code: code.to_owned(),
        cases: sums.cases,
        href,
        points: shared::weight(Some(sums.points_e6)),
        standard: money(sums.standard),
        cost: money(sums.cost),
        patient: money(sums.patient),
        pay: money(sums.pay),
        balance: shared::signed(balance),
        tone: shared::tone(Some(balance)),
        fund: money(sums.fund),
        prepaid: money(sums.prepaid),
        retained: money(sums.retained),
    }
}

/// One run in a list.
struct Row {
    href: String,
    month: String,
    place: String,
    insurance: String,
    number: u32,
    is_correction: bool,
    status: &'static str,
    left_count: u32,
    sums: Shown,
    prepared: String,
    frozen: String,
}

#[derive(Template)]
#[template(path = "drg_settlement.html")]
struct ListPage {
    ui: Ui,
    form: Form,
    asked: Form,
    can_settle: bool,
    nodes: Vec<(String, String)>,
    insurances: Vec<(String, String)>,
    /// Some filter is set: an empty list then means something else.
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let month = last_month(&app);
    let root = nodes(&app, &visitor).first().map(|(id, _)| id.clone()).unwrap_or_default();
    let form = Form::filled(&[("month", &month), ("institution", &root), ("insured", "employee")]);
    page(&list_page(&app, &visitor, form, asked).await?)
}

/// The month before this one.
fn last_month(app: &App) -> String {
    let first = time::day(app.now()).first_of_month();
    first.yesterday().map_or_else(|_| String::new(), |day| format!("{:04}-{:02}", day.year(), day.month()))
}

async fn list_page(app: &App, visitor: &Visitor, form: Form, asked: Form) -> Result<ListPage, Problem> {
    let ui = Ui::new(app, visitor, "settlement.title").await;
    let tree = app.platform().tree();
    let filter = RunFilter {
        institution: asked.value("unit").parse().ok(),
        year: asked.value("year").chars().take(4).collect(),
        insurance: asked.value("insurance").to_owned(),
        with_discarded: asked.flag("discarded"),
    };
    let mut reader = app.platform().store.read().await?;
    let scope = visitor.actor.scope;
    let (_, total) = store::runs(&mut reader, scope, &filter, (0, 0)).await?;
    let pager = Pager::new(PATH, &asked, &FILTER, PAGE_SIZE, total as usize);
    let (runs, _) = store::runs(&mut reader, scope, &filter, portion(&pager)).await?;
    let rows = runs.iter().map(|run| row(&ui, &tree, run)).collect();
    Ok(ListPage {
        can_settle: visitor.may("drg.settle"),
        nodes: nodes(app, visitor),
        insurances: shared::options(&ui, "drg.insurance", &INSURANCES),
        is_filtered: FILTER.iter().any(|name| !asked.value(name).is_empty()),
        ui,
        form,
        asked,
        rows,
        pager,
    })
}

/// Limit and offset of a page of a list.
pub(super) fn portion(pager: &Pager) -> (u32, u32) {
    (u32::try_from(pager.size).unwrap_or(u32::MAX), u32::try_from(pager.offset()).unwrap_or(u32::MAX))
}

fn done(ui: &Ui, by: &store::By) -> String {
    format!("{} {}", by.name, ui.short_time(&by.at))
}

fn row(ui: &Ui, tree: &Tree, run: &RunRow) -> Row {
    Row {
        href: format!("{PATH}/{}", run.id),
        month: run.month.clone(),
        place: tree.short_name(run.institution).to_owned(),
        insurance: ui.word("drg.insurance", &run.insurance),
        number: run.number,
        is_correction: run.previous.is_some(),
        status: run.status.key(),
        left_count: run.left_count,
        sums: shown("", "", &run.sums, String::new()),
        prepared: done(ui, &run.prepared),
        frozen: run.frozen.as_ref().map_or_else(String::new, |by| done(ui, by)),
    }
}

async fn prepare(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let institution: Option<InstitutionId> = form.needed("institution");
    let month: Option<Month> = form.needed("month");
    let insurance = form.choice("insured", &INSURANCES).and_then(|key| key.parse::<Insurance>().ok());
    let note = form.text("note", NOTE_LENGTH_MAX);
    let order = match (institution, month, insurance, form.is_valid()) {
        (Some(institution), Some(month), Some(insurance), true) => {
            Order { id: SettlementRunId::fresh(), institution, month, insurance, note }
        }
        _ => return invalid(&list_page(&app, &visitor, form, Form::default()).await?),
    };
    if !app.platform().tree().reaches(visitor.actor.scope, order.institution) {
        return Err(Problem::NotFound);
    }
    match settled(&app, &visitor, form.act_key(), order).await {
        Ok(to) => redirect(&to),
        Err(Error::Forbidden(error)) => Err(error.into()),
        Err(Error::Store(error)) => Err(error.into()),
        Err(error) => {
            let month = form.value("month").to_owned();
            let why = if let Error::Settlement(fault) = &error { fault.to_string() } else { String::new() };
            form.errors.add("month", error.key(), &[("month", &month), ("why", &why)]);
            invalid(&list_page(&app, &visitor, form, Form::default()).await?)
        }
    }
}

async fn settled(app: &App, visitor: &Visitor, key: &str, order: Order) -> Result<String, Error> {
    let prepared = settlement::work_out(app.platform(), &order).await?;
    let (id, head) = (order.id, prepared.clone());
    let to = act_once(app, visitor, key, move |cx| {
        Box::pin(async move {
            settlement::begin(cx, order, &head).await?;
            Ok::<_, Error>(format!("{PATH}/{id}"))
        })
    })
    .await?;
    // The same form sent again leads to the run that it made the first time.
    if to == format!("{PATH}/{id}") {
        settlement::keep(app.platform(), &visitor.actor, id, prepared).await?;
    }
    Ok(to)
}

/// The difference from the run before, as shown.
struct ChangedShown {
    previous: String,
    number: u32,
    added: usize,
    removed: usize,
    changed: usize,
    sums: Shown,
    adds_up: bool,
}

#[derive(Template)]
#[template(path = "drg_settlement_run.html")]
struct RunPage {
    ui: Ui,
    form: Form,
    id: SettlementRunId,
    place: String,
    insurance: String,
    run: RunRow,
    status: &'static str,
    can_freeze: bool,
    can_discard: bool,
    needs_other: bool,
    sums: Shown,
    left_href: String,
    all_href: String,
    by_institution: Vec<Shown>,
    by_group: Vec<Shown>,
    groups: Pager,
    correction: Option<ChangedShown>,
    fault: String,
    prepared: String,
    frozen: String,
    is_verified: bool,
}

fn href(id: SettlementRunId, pairs: &[(&str, &str)]) -> String {
    format!("{PATH}/{id}/cases{}", query(pairs))
}

async fn load(app: &App, visitor: &Visitor, id: &str) -> Result<RunRow, Problem> {
    let id = shared::id(id)?;
    Ok(store::run(&mut app.platform().store.read().await?, visitor.actor.scope, id).await?)
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Asked(asked): Asked) -> Answer {
    let run = load(&app, &visitor, &id).await?;
    page(&run_page(&app, &visitor, run, &asked, String::new()).await?)
}

fn title(ui: &Ui, run: &RunRow) -> String {
    ui.t_with("settlement.run_title", &[("month", &run.month), ("number", &run.number.to_string())])
}

async fn run_page(app: &App, visitor: &Visitor, run: RunRow, asked: &Form, fault: String) -> Result<RunPage, Problem> {
    let tree = app.platform().tree();
    let id = run.id;
    let ui = Ui::new(app, visitor, "settlement.title").await;
    let (by_institution, by_group) = {
        let mut reader = app.platform().store.read().await?;
        let institutions = store::sums(&mut reader, id, SumBy::Institution).await?;
        (institutions, store::sums(&mut reader, id, SumBy::Drg).await?)
    };
    let is_whole = run.status != RunStatus::Preparing;
    let is_verified = is_whole && verified(app, &run).await?;
    let correction = if is_verified { correction(app, visitor, &run).await? } else { None };
    let groups = Pager::new(&format!("{PATH}/{id}"), asked, &[], GROUPS_SIZE, by_group.len());
    let names = GroupNames::of(app, &run);
    let by_group = by_group.iter().skip(groups.offset()).take(GROUPS_SIZE);
    let by_group =
        by_group.map(|(drg, sums)| shown(&names.name(drg), drg, sums, href(id, &[("part", "settled"), ("drg", drg)])));
    let by_institution = by_institution.iter().map(|(node, sums)| {
        let name = node.parse().map_or("", |node: InstitutionId| tree.short_name(node));
        shown(name, "", sums, href(id, &[("part", "settled"), ("unit", node)]))
    });
    let other = app.platform().kit.get::<Rules>().freeze_by_other && visitor.actor.person == Some(run.prepared.person);
    let is_draft = run.status == RunStatus::Draft;
    Ok(RunPage {
        form: Form::blank(),
        id,
        place: tree.name(run.institution).to_owned(),
        insurance: ui.word("drg.insurance", &run.insurance),
        status: run.status.key(),
        can_freeze: is_draft && is_verified && visitor.may("drg.freeze") && !other,
        can_discard: visitor.may("drg.settle") && (is_draft || !is_whole),
        needs_other: is_draft && other,
        sums: shown("", "", &run.sums, String::new()),
        left_href: href(id, &[("part", "left")]),
        all_href: href(id, &[("part", "settled")]),
        by_institution: by_institution.collect(),
        by_group: by_group.collect(),
        groups,
        correction: correction.map(|correction| changed_shown(&correction)),
        fault,
        prepared: done(&ui, &run.prepared),
        frozen: run.frozen.as_ref().map_or_else(String::new, |by| done(&ui, by)),
        is_verified,
        ui: ui.titled(String::new()),
        run,
    }
    .with_title())
}

impl RunPage {
    fn with_title(mut self) -> Self {
        let title = title(&self.ui, &self.run);
        self.ui = self.ui.titled(title);
        self
    }
}

/// Whether the canonical text still gives what the run says.
async fn verified(app: &App, run: &RunRow) -> Result<bool, Problem> {
    match settlement::thawed(app.platform(), run).await {
        Ok(_) => Ok(true),
        Err(Error::Changed { run, why }) => {
            tracing::error!(%run, %why, "a settled month is not what its text says");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

async fn correction(app: &App, visitor: &Visitor, run: &RunRow) -> Result<Option<Correction>, Problem> {
    Ok(settlement::correction(app.platform(), &visitor.actor, run).await?)
}

fn changed_shown(correction: &Correction) -> ChangedShown {
    ChangedShown {
        previous: format!("{PATH}/{}", correction.previous.id),
        number: correction.previous.number,
        added: correction.difference.added.len(),
        removed: correction.difference.removed.len(),
        changed: correction.difference.changed.len(),
        sums: shown("", "", &correction.sums, String::new()),
        adds_up: correction.adds_up,
    }
}

/// Names of groups in the schemes of a run.
pub(super) struct GroupNames {
    definitions: Arc<crate::Definitions>,
    schemes: Vec<String>,
}

impl GroupNames {
    pub(super) fn of(app: &App, run: &RunRow) -> Self {
        let schemes = run.rules.iter().map(|rule| rule.scheme.clone()).collect();
        Self { definitions: app.platform().kit.get(), schemes }
    }

    pub(super) fn name(&self, drg: &str) -> String {
        let schemes = self.schemes.iter().filter_map(|id| self.definitions.schemes.get(id));
        let mut names = schemes.map(|scheme| crate::assess::name_of(scheme, drg)).filter(|name| !name.is_empty());
        names.next().unwrap_or_default().to_owned()
    }
}

/// One stay of a run as shown.
struct CaseRow {
    href: String,
    number: String,
    patient: String,
    place: String,
    department: String,
    discharged: String,
    drg: String,
    name: String,
    basis: String,
    unpriced: String,
    is_newer: bool,
    sums: Shown,
}

#[derive(Template)]
#[template(path = "drg_settlement_cases.html")]
struct CasesPage {
    ui: Ui,
    back: String,
    what: String,
    part: String,
    count: u32,
    rows: Vec<CaseRow>,
    pager: Pager,
}

/// The rule that decided, in words.
pub(super) fn basis(ui: &Ui, basis: &str) -> String {
    let key = format!("settlement_basis.{}", basis.replace(':', "_"));
    if yiti_web::has_key(ui.lang, &key) { ui.t(&key).to_owned() } else { basis.to_owned() }
}

fn case_row(ui: &Ui, tree: &Tree, names: &GroupNames, line: &LineRow) -> CaseRow {
    let stay = &line.settled;
    CaseRow {
        href: format!("/drg/stays/{}", stay.stay),
        number: stay.medical_record_number.clone(),
        patient: line.patient_name.clone(),
        place: tree.short_name(stay.institution).to_owned(),
        department: stay.department.clone(),
        discharged: stay.discharged_on.to_string(),
        name: names.name(&stay.drg),
        drg: stay.drg.clone(),
        basis: basis(ui, &stay.basis),
        unpriced: if stay.unpriced.is_empty() { String::new() } else { ui.word("settlement_left", &stay.unpriced) },
        is_newer: line.version_now != stay.version,
        sums: shown("", "", &stay.sums, String::new()),
    }
}

async fn cases(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Asked(asked): Asked) -> Answer {
    let run = load(&app, &visitor, &id).await?;
    if !["", "settled", "left"].contains(&asked.value("part")) {
        return Err(Problem::NotFound);
    }
    let tree = app.platform().tree();
    let filter = LineFilter {
        institution: asked.value("unit").parse().ok(),
        drg: asked.value("drg").to_owned(),
        stay: None,
        part: asked.value("part").to_owned(),
    };
    let (lines, count, pager) = {
        let mut reader = app.platform().store.read().await?;
        let (_, count) = store::lines(&mut reader, run.id, &filter, (0, 0)).await?;
        let path = format!("{PATH}/{}/cases", run.id);
        let pager = Pager::new(&path, &asked, &["part", "unit", "drg"], PAGE_SIZE, count as usize);
        (store::lines(&mut reader, run.id, &filter, portion(&pager)).await?.0, count, pager)
    };
    shared::journal_list(&app, &visitor, "settlement", lines.len(), visitor.here.clone()).await?;
    let ui = Ui::new(&app, &visitor, "settlement.cases").await;
    let names = GroupNames::of(&app, &run);
    let rows = lines.iter().map(|line| case_row(&ui, &tree, &names, line)).collect();
    let mut what = vec![title(&ui, &run)];
    what.extend(filter.institution.map(|node| tree.short_name(node).to_owned()));
    if !filter.drg.is_empty() {
        what.push(format!("{} {}", filter.drg, names.name(&filter.drg)));
    }
    page(&CasesPage {
        back: format!("{PATH}/{}", run.id),
        what: what.join(" \u{b7} "),
        part: filter.part,
        count,
        rows,
        pager,
        ui,
    })
}

/// A case of the difference as shown.
struct ChangeRow {
    href: String,
    number: String,
    patient: String,
    place: String,
    before: Option<Shown>,
    after: Option<Shown>,
    fields: Vec<String>,
    delta: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "drg_settlement_changes.html")]
struct ChangesPage {
    ui: Ui,
    back: String,
    what: String,
    tabs: Vec<(String, usize, String, bool)>,
    count: usize,
    rows: Vec<ChangeRow>,
    pager: Pager,
}

const CHANGES: [&str; 3] = ["added", "removed", "changed"];

async fn changes(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Asked(asked): Asked) -> Answer {
    let run = load(&app, &visitor, &id).await?;
    let correction = correction(&app, &visitor, &run).await?.ok_or(Problem::NotFound)?;
    let tree = app.platform().tree();
    let ui = Ui::new(&app, &visitor, "settlement.changes").await;
    let difference = &correction.difference;
    let pairs = |what: &str| -> Vec<(Option<&Line>, Option<&Line>, &[&'static str])> {
        match what {
            "added" => difference.added.iter().map(|line| (None, Some(line), &[][..])).collect(),
            "removed" => difference.removed.iter().map(|line| (Some(line), None, &[][..])).collect(),
            _ => {
                let changed = difference.changed.iter();
                changed.map(|one| (Some(&one.before), Some(&one.after), one.fields.as_slice())).collect()
            }
        }
    };
    let asked_for = CHANGES.into_iter().find(|what| *what == asked.value("what"));
    let what = asked_for.or_else(|| CHANGES.into_iter().find(|what| !pairs(what).is_empty())).unwrap_or("changed");
    let list = pairs(what);
    let path = format!("{PATH}/{}/changes", run.id);
    let pager = Pager::new(&path, &asked, &["what"], PAGE_SIZE, list.len());
    let mut rows = Vec::new();
    {
        let mut reader = app.platform().store.read().await?;
        for (before, after, fields) in list.iter().skip(pager.offset()).take(PAGE_SIZE) {
            let Some(line) = after.or(*before) else { continue };
            let stay: FrontPageId = shared::id(&line.case.case)?;
            let of = if after.is_some() { run.id } else { correction.previous.id };
            let filter = LineFilter { stay: Some(stay), ..LineFilter::default() };
            let (known, _) = store::lines(&mut reader, of, &filter, (1, 0)).await?;
            rows.push(change_row(&ui, &tree, (stay, known.first()), (*before, *after), fields));
        }
    }
    shared::journal_list(&app, &visitor, "settlement", rows.len(), visitor.here.clone()).await?;
    let tabs = CHANGES.iter().map(|one| {
        let href = format!("{path}{}", query(&[("what", one)]));
        (ui.word("settlement_change", one), pairs(one).len(), href, *one == what)
    });
    let tabs = tabs.collect();
    page(&ChangesPage {
        back: format!("{PATH}/{}", run.id),
        what: title(&ui, &run),
        tabs,
        count: list.len(),
        rows,
        pager,
        ui,
    })
}

fn change_row(
    ui: &Ui,
    tree: &Tree,
    (stay, known): (FrontPageId, Option<&LineRow>),
    (before, after): (Option<&Line>, Option<&Line>),
    fields: &[&'static str],
) -> ChangeRow {
    let side = |line: Option<&Line>| line.map(|line| shown("", &line.case.drg, &line.sums(), String::new()));
    let fund = |line: Option<&Line>| line.map_or(0, |line| line.case.fund.0);
    let delta = Fen(fund(after).saturating_sub(fund(before)));
    ChangeRow {
        href: format!("/drg/stays/{stay}"),
        number: known.map_or_else(String::new, |line| line.settled.medical_record_number.clone()),
        patient: known.map_or_else(String::new, |line| line.patient_name.clone()),
        place: known.map_or_else(String::new, |line| tree.short_name(line.settled.institution).to_owned()),
        before: side(before),
        after: side(after),
        fields: fields.iter().map(|field| ui.word("settlement_field", field)).collect(),
        delta: shared::signed(delta),
        tone: shared::tone(Some(delta)),
    }
}

#[derive(Template)]
#[template(path = "drg_settlement_print.html")]
struct PrintPage {
    ui: Ui,
    back: String,
    lead: String,
    place: String,
    insurance: String,
    run: RunRow,
    status: String,
    sums: Shown,
    by_institution: Vec<Shown>,
    correction: Option<ChangedShown>,
    prepared: String,
    frozen: String,
    person: String,
}

async fn print(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let run = load(&app, &visitor, &id).await?;
    if run.status == RunStatus::Preparing {
        return Err(conflict("settlement_error.not_draft"));
    }
    let tree = app.platform().tree();
    let correction = correction(&app, &visitor, &run).await?;
    let sums = store::sums(&mut app.platform().store.read().await?, run.id, SumBy::Institution).await?;
    let ui = Ui::new(&app, &visitor, "settlement.print_title").await;
    let by_institution = sums.iter().map(|(node, sums)| {
        let name = node.parse().map_or("", |node: InstitutionId| tree.short_name(node));
        shown(name, "", sums, String::new())
    });
    page(&PrintPage {
        back: format!("{PATH}/{}", run.id),
        lead: tree.root().map_or_else(String::new, |root| root.name.clone()),
        place: tree.name(run.institution).to_owned(),
        insurance: ui.word("drg.insurance", &run.insurance),
        status: ui.word("settlement_status", run.status.key()),
        sums: shown("", "", &run.sums, String::new()),
        by_institution: by_institution.collect(),
        correction: correction.map(|correction| changed_shown(&correction)),
        prepared: done(&ui, &run.prepared),
        frozen: run.frozen.as_ref().map_or_else(String::new, |by| done(&ui, by)),
        person: visitor.actor.name.clone(),
        run,
        ui,
    })
}

/// The workbook of a run: totals, stays, difference.
async fn export(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let run = load(&app, &visitor, &id).await?;
    let tree = app.platform().tree();
    let correction = correction(&app, &visitor, &run).await?;
    let (institutions, groups, lines) = {
        let mut reader = app.platform().store.read().await?;
        let institutions = store::sums(&mut reader, run.id, SumBy::Institution).await?;
        let groups = store::sums(&mut reader, run.id, SumBy::Drg).await?;
        let (lines, _) = store::lines(&mut reader, run.id, &LineFilter::default(), (u32::MAX, 0)).await?;
        (institutions, groups, lines)
    };
    shared::journal_list(&app, &visitor, "settlement", lines.len(), visitor.here.clone()).await?;
    let names = GroupNames::of(&app, &run);
    let (lang, month) = (visitor.lang, run.month.clone());
    let work = move || {
        let book = settlement_sheet::Book { run: &run, tree: &tree, names: &names };
        settlement_sheet::write(lang, &book, &institutions, &groups, &lines, correction.as_ref())
    };
    let bytes = tokio::task::spawn_blocking(work).await.map_err(Problem::failed)?.map_err(Problem::failed)?;
    Ok(workbook(&format!("settlement-{month}"), bytes))
}

/// A workbook to keep under a name.
pub(super) fn workbook(name: &str, bytes: Vec<u8>) -> axum::response::Response {
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned();
    let name = format!("attachment; filename=\"{name}.xlsx\"");
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], bytes).into_response()
}

async fn freeze(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    let run = load(&app, &visitor, &id).await?;
    if run.status == RunStatus::Draft {
        settlement::thawed(app.platform(), &run).await?;
    }
    let run_id = run.id;
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            settlement::freeze(cx, run_id).await?;
            Ok::<_, Error>(format!("{PATH}/{run_id}"))
        })
    });
    after_act(&app, &visitor, run, done.await).await
}

async fn discard(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    let run = load(&app, &visitor, &id).await?;
    let run_id = run.id;
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            settlement::discard(cx, run_id).await?;
            Ok::<_, Error>(format!("{PATH}/{run_id}"))
        })
    });
    after_act(&app, &visitor, run, done.await).await
}

/// Leads on, or shows the run again with what was refused.
async fn after_act(app: &App, visitor: &Visitor, run: RunRow, done: Result<String, Error>) -> Answer {
    match done {
        Ok(to) => redirect(&to),
        Err(Error::SamePerson) => {
            let fault = yiti_web::words::t(visitor.lang, Error::SamePerson.key()).to_owned();
            invalid(&run_page(app, visitor, run, &Form::default(), fault).await?)
        }
        Err(error) => Err(error.into()),
    }
}
