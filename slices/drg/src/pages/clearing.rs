//! Cleared years: which months are frozen, the form with budget and shares, and a clearing with its balance.

use askama::Template;
use axum::extract::{Path, State};
use drg_payment::{ClearingTerms, Exact, Fen as PackFen, Insurance};
use rust_xlsxwriter::Workbook;
use yiti_directory::InstitutionId;
use yiti_kernel::{Fen, time};
use yiti_web::words::t;
use yiti_web::{
    Access, Answer, App, Asked, Form, MenuItem, Problem, Slice, Ui, Visitor, act_once, invalid, page, redirect,
};

use super::settlement::{INSURANCES, nodes, workbook};
use super::settlement_sheet::{Cell, table};
use super::shared;
use crate::settle::Rules;
use crate::settlement::{self, Error, NOTE_LENGTH_MAX, YearLine, YearMonth, YearOrder};
use crate::store_settlement::{self as store, ClearingId, ClearingRow, RunRow, RunStatus};

const PATH: &str = "/drg/clearing";
const SHARES: [&str; 4] = ["reserve_share", "surplus_kept_share", "overspend_borne_share", "overspend_borne_up_to"];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let read = Access::Permission("drg.settlement.read");
    slice
        .get(PATH, read, list)
        .post(PATH, Access::Permission("drg.settle"), clear)
        .get("/drg/clearing/{id}", read, show)
        .get("/drg/clearing/{id}/export", read, export)
        .post("/drg/clearing/{id}/freeze", Access::Permission("drg.freeze"), freeze)
        .menu(&[MenuItem {
            key: "clearing",
            group: "drg",
            path: PATH,
            permission: "drg.settlement.read",
            icon: "clipboard-check",
        }])
}

/// One month of the year on the form.
struct MonthShown {
    month: String,
    href: String,
    cases: i64,
    fund: String,
    prepaid: String,
    is_frozen: bool,
}

/// One clearing in the list.
struct Row {
    href: String,
    year: u16,
    place: String,
    insurance: String,
    number: u32,
    status: &'static str,
    months: u32,
    budget: String,
    fund: String,
    prepaid: String,
    due: String,
    left: String,
    prepared: String,
    frozen: String,
}

#[derive(Template)]
#[template(path = "drg_clearing.html")]
struct ListPage {
    ui: Ui,
    asked: Form,
    form: Form,
    can_settle: bool,
    nodes: Vec<(String, String)>,
    insurances: Vec<(String, String)>,
    months: Vec<MonthShown>,
    frozen_count: usize,
    method: &'static str,
    rows: Vec<Row>,
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    page(&list_page(&app, &visitor, asked, None).await?)
}

/// The form as it begins: the node, year and insurance of the filter, and the shares of the definitions.
fn blank(app: &App, asked: &Form) -> Form {
    let rules = app.platform().kit.get::<Rules>();
    let terms = rules.terms.clearing.rule;
    let shares =
        [terms.reserve_share, terms.surplus_kept_share, terms.overspend_borne_share, terms.overspend_borne_up_to]
            .map(|share| share.to_string());
    let mut values: Vec<(&str, &str)> =
        ["institution", "year", "insured"].iter().map(|name| (*name, asked.value(name))).collect();
    values.extend(SHARES.iter().zip(&shares).map(|(name, share)| (*name, share.as_str())));
    Form::filled(&values)
}

async fn list_page(app: &App, visitor: &Visitor, asked: Form, sent: Option<Form>) -> Result<ListPage, Problem> {
    let ui = Ui::new(app, visitor, "clearing.title").await;
    let tree = app.platform().tree();
    let nodes = nodes(app, visitor);
    let this_year = time::day(app.now()).year().to_string();
    let first = nodes.first().map(|(id, _)| id.as_str()).unwrap_or_default();
    let or = |name: &str, otherwise: &str| match asked.value(name) {
        "" => otherwise.to_owned(),
        value => value.to_owned(),
    };
    let (node, year, insured) = (or("institution", first), or("year", &this_year), or("insured", INSURANCES[0]));
    let asked = Form::filled(&[("institution", &node), ("year", &year), ("insured", &insured)]);
    let mut reader = app.platform().store.read().await?;
    let chosen: Option<InstitutionId> = node.parse().ok().filter(|node| tree.reaches(visitor.actor.scope, *node));
    let frozen = match (chosen, year.parse::<u16>()) {
        (Some(node), Ok(year)) => store::frozen_months(&mut reader, (node, year, &insured)).await?,
        _ => Vec::new(),
    };
    let clearings = store::clearings(&mut reader, visitor.actor.scope).await?;
    drop(reader);
    Ok(ListPage {
        form: sent.unwrap_or_else(|| blank(app, &asked)),
        can_settle: visitor.may("drg.settle"),
        insurances: shared::options(&ui, "drg.insurance", &INSURANCES),
        months: (1..=12u8).map(|month| month_shown(&format!("{year}-{month:02}"), &frozen)).collect(),
        method: settlement::method_of(&frozen).unwrap_or(""),
        frozen_count: frozen.len(),
        rows: clearings.iter().map(|clearing| row(&ui, tree.short_name(clearing.institution), clearing)).collect(),
        nodes,
        asked,
        ui,
    })
}

fn month_shown(month: &str, frozen: &[RunRow]) -> MonthShown {
    let run = frozen.iter().find(|run| run.month == month);
    let money = |of: &dyn Fn(&RunRow) -> PackFen| run.map_or_else(String::new, |run| shared::yuan(Fen(of(run).0)));
    MonthShown {
        month: month.to_owned(),
        href: run.map_or_else(String::new, |run| format!("/drg/settlement/{}", run.id)),
        cases: run.map_or(0, |run| run.sums.cases),
        fund: money(&|run| run.sums.fund),
        prepaid: money(&|run| run.sums.prepaid),
        is_frozen: run.is_some(),
    }
}

fn done(ui: &Ui, by: &store::By) -> String {
    format!("{} {}", by.name, ui.short_time(&by.at))
}

fn due(clearing: &ClearingRow) -> Fen {
    Fen(clearing.fund.0.saturating_sub(clearing.prepaid.0))
}

fn row(ui: &Ui, place: &str, clearing: &ClearingRow) -> Row {
    Row {
        href: format!("{PATH}/{}", clearing.id),
        year: clearing.year,
        place: place.to_owned(),
        insurance: ui.word("drg.insurance", &clearing.insurance),
        number: clearing.number,
        status: clearing.status.key(),
        months: clearing.month_count,
        budget: shared::yuan(clearing.budget),
        fund: shared::yuan(clearing.fund),
        prepaid: shared::yuan(clearing.prepaid),
        due: shared::signed(due(clearing)),
        left: shared::yuan(clearing.left),
        prepared: done(ui, &clearing.prepared),
        frozen: clearing.frozen.as_ref().map_or_else(String::new, |by| done(ui, by)),
    }
}

/// A share between 0 and 1 with at most six decimals.
fn share(form: &mut Form, name: &str) -> Option<Exact> {
    let share: Option<Exact> = form.needed(name);
    let is_share = |share: &Exact| {
        !share.is_negative() && share.rounded(6).is_ok_and(|e6| (0..=1_000_000).contains(&e6)) && *share <= Exact::ONE
    };
    let is_good = share.as_ref().is_none_or(is_share);
    if !is_good {
        form.errors.add(name, "clearing.no_share", &[]);
    }
    share.filter(|_| is_good)
}

/// What a form orders; what is wrong with it stands in its errors.
fn order(form: &mut Form) -> Option<YearOrder> {
    let institution: Option<InstitutionId> = form.needed("institution");
    let year: Option<u16> = form.needed("year");
    if year.is_some_and(|year| !(2000..=2199).contains(&year)) {
        form.errors.add("year", "clearing.no_year", &[]);
    }
    let insurance = form.choice("insured", &INSURANCES).and_then(|key| key.parse::<Insurance>().ok());
    let budget: Option<PackFen> = match form.value("budget").replace([',', '\u{ff0c}'], "").as_str() {
        "" => {
            form.errors.add("budget", "form.required", &[]);
            None
        }
        text => {
            let budget = text.parse::<PackFen>().ok().filter(|budget| *budget >= PackFen(0));
            if budget.is_none() {
                form.errors.add("budget", "clearing.no_budget", &[]);
            }
            budget
        }
    };
    let shares = SHARES.map(|name| share(form, name));
    let note = form.text("note", NOTE_LENGTH_MAX);
    let [Some(reserve_share), Some(surplus_kept_share), Some(overspend_borne_share), Some(overspend_borne_up_to)] =
        shares
    else {
        return None;
    };
    if !form.is_valid() {
        return None;
    }
    Some(YearOrder {
        id: ClearingId::fresh(),
        institution: institution?,
        year: year?,
        insurance: insurance?,
        budget: Fen(budget?.0),
        terms: ClearingTerms { reserve_share, surplus_kept_share, overspend_borne_share, overspend_borne_up_to },
        note,
    })
}

async fn clear(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let asked = ["institution", "year", "insured"].map(|name| (name, form.value(name).to_owned()));
    let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let asked = Form::filled(&asked);
    let Some(order) = order(&mut form) else {
        return invalid(&list_page(&app, &visitor, asked, Some(form)).await?);
    };
    if !app.platform().tree().reaches(visitor.actor.scope, order.institution) {
        return Err(Problem::NotFound);
    }
    let made = async {
        let prepared = settlement::work_out_year(app.platform(), &order).await?;
        let id = order.id;
        act_once(&app, &visitor, form.act_key(), move |cx| {
            Box::pin(async move {
                settlement::clear(cx, order, prepared).await?;
                Ok::<_, Error>(format!("{PATH}/{id}"))
            })
        })
        .await
    };
    match made.await {
        Ok(to) => redirect(&to),
        Err(error @ (Error::NoMonths { .. } | Error::Settlement(_) | Error::Methods { .. })) => {
            let year = form.value("year").to_owned();
            let why = if let Error::Settlement(fault) = &error { fault.to_string() } else { String::new() };
            let (one, other) = match &error {
                Error::Methods { one, other } => (one.clone(), other.clone()),
                _ => Default::default(),
            };
            let values = [("year", year.as_str()), ("why", &why), ("one", &one), ("other", &other)];
            form.errors.add("budget", error.key(), &values);
            invalid(&list_page(&app, &visitor, asked, Some(form)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// One institution of a cleared year.
struct LineShown {
    name: String,
    cases: i64,
    points: String,
    cost: String,
    by_cases: String,
    fund: String,
    prepaid: String,
    due: String,
    tone: &'static str,
    saved: String,
    saved_tone: &'static str,
}

#[derive(Template)]
#[template(path = "drg_clearing_year.html")]
struct YearPage {
    ui: Ui,
    form: Form,
    id: ClearingId,
    row: Row,
    clearing: ClearingRow,
    reserve: String,
    is_points: bool,
    lines: Vec<LineShown>,
    total: LineShown,
    months: Vec<YearMonth>,
    balances: bool,
    shares: Vec<(String, String)>,
    can_freeze: bool,
    needs_other: bool,
    fault: String,
}

fn line_shown(name: &str, line: &YearLine) -> LineShown {
    LineShown {
        name: name.to_owned(),
        cases: line.cases,
        points: shared::weight(Some(line.points_e6)),
        cost: shared::yuan(Fen(line.cost)),
        by_cases: shared::yuan(Fen(line.fund_by_cases)),
        fund: shared::yuan(Fen(line.fund)),
        prepaid: shared::yuan(Fen(line.prepaid)),
        due: shared::signed(Fen(line.due)),
        tone: shared::tone(Some(Fen(line.due))),
        saved: shared::signed(Fen(line.saved)),
        saved_tone: shared::tone(Some(Fen(line.saved))),
    }
}

/// The sum of all institutions; `None` when a number does not fit.
fn sum(lines: &[YearLine]) -> Option<YearLine> {
    let add = |of: &dyn Fn(&YearLine) -> i64| lines.iter().try_fold(0i64, |sum, line| sum.checked_add(of(line)));
    Some(YearLine {
        institution: lines.first()?.institution,
        cases: add(&|line| line.cases)?,
        points_e6: add(&|line| line.points_e6)?,
        cost: add(&|line| line.cost)?,
        patient: add(&|line| line.patient)?,
        pay: add(&|line| line.pay)?,
        fund_by_cases: add(&|line| line.fund_by_cases)?,
        fund: add(&|line| line.fund)?,
        prepaid: add(&|line| line.prepaid)?,
        due: add(&|line| line.due)?,
        saved: add(&|line| line.saved)?,
    })
}

async fn load(app: &App, visitor: &Visitor, id: &str) -> Result<ClearingRow, Problem> {
    let id = shared::id(id)?;
    Ok(store::clearing(&mut app.platform().store.read().await?, visitor.actor.scope, id).await?)
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let clearing = load(&app, &visitor, &id).await?;
    page(&year_page(&app, &visitor, clearing, String::new()).await?)
}

async fn year_page(app: &App, visitor: &Visitor, clearing: ClearingRow, fault: String) -> Result<YearPage, Problem> {
    let tree = app.platform().tree();
    let ui = Ui::new(app, visitor, "clearing.title").await;
    let content = settlement::year_content(&clearing)?;
    let total = sum(&content.rows).ok_or_else(|| Problem::failed("the sums of a clearing do not fit"))?;
    // What is owed, kept back and left makes the budget; what is due is what is owed less what was paid.
    let whole = clearing.reserve.0.checked_add(total.fund).and_then(|sum| sum.checked_add(clearing.left.0));
    let balances = whole == Some(clearing.budget.0)
        && total.fund.checked_sub(total.prepaid) == Some(total.due)
        && total.fund == clearing.fund.0
        && total.prepaid == clearing.prepaid.0;
    let other =
        app.platform().kit.get::<Rules>().freeze_by_other && visitor.actor.person == Some(clearing.prepared.person);
    let is_draft = clearing.status == RunStatus::Draft;
    let shares = SHARES.iter().zip(&clearing.shares);
    let number = clearing.number.to_string();
    let title = ui.t_with("clearing.year_title", &[("year", &clearing.year.to_string()), ("number", &number)]);
    Ok(YearPage {
        form: Form::blank(),
        id: clearing.id,
        row: row(&ui, tree.name(clearing.institution), &clearing),
        reserve: shared::yuan(clearing.reserve),
        is_points: clearing.method == "points",
        lines: content.rows.iter().map(|line| line_shown(tree.short_name(line.institution), line)).collect(),
        total: line_shown(ui.t("settlement.total"), &total),
        months: content.months,
        balances,
        shares: shares.map(|(name, share)| (ui.word("clearing", name), share.clone())).collect(),
        can_freeze: is_draft && balances && visitor.may("drg.freeze") && !other,
        needs_other: is_draft && other,
        fault,
        ui: ui.titled(title),
        clearing,
    })
}

async fn freeze(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    let clearing = load(&app, &visitor, &id).await?;
    let of = clearing.id;
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            settlement::freeze_year(cx, of).await?;
            Ok::<_, Error>(format!("{PATH}/{of}"))
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(Error::SamePerson) => {
            let fault = t(visitor.lang, Error::SamePerson.key()).to_owned();
            invalid(&year_page(&app, &visitor, clearing, fault).await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn export(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let clearing = load(&app, &visitor, &id).await?;
    let tree = app.platform().tree();
    let content = settlement::year_content(&clearing)?;
    let total = sum(&content.rows).map(|total| (t(visitor.lang, "settlement.total").to_owned(), total));
    let lines = content.rows.iter().map(|line| (tree.short_name(line.institution).to_owned(), line.clone()));
    let rows = lines.chain(total).map(|(name, line)| {
        let money =
            [line.cost, line.patient, line.pay, line.fund_by_cases, line.fund, line.prepaid, line.due, line.saved];
        let lead = [Cell::Words(name), Cell::Count(line.cases), Cell::Millionths(line.points_e6)];
        lead.into_iter().chain(money.map(Cell::Fen)).collect()
    });
    let columns = [
        "settlement.institution",
        "settlement.cases_count",
        "settlement.points",
        "settlement.cost",
        "settlement.patient",
        "settlement.pay",
        "clearing.by_cases",
        "clearing.fund",
        "clearing.prepaid",
        "clearing.due",
        "clearing.saved",
    ];
    let mut book = Workbook::new();
    table(&mut book, visitor.lang, "settlement.by_institution", &columns, rows).map_err(Problem::failed)?;
    let inputs = [
        ("clearing.budget", clearing.budget),
        ("clearing.reserve", clearing.reserve),
        ("clearing.fund", clearing.fund),
        ("clearing.left", clearing.left),
    ];
    let inputs = inputs.map(|(key, amount)| vec![Cell::Words(t(visitor.lang, key).to_owned()), Cell::Fen(amount.0)]);
    table(&mut book, visitor.lang, "clearing.balance", &["clearing.what", "clearing.amount"], inputs)
        .map_err(Problem::failed)?;
    let bytes = book.save_to_buffer().map_err(Problem::failed)?;
    Ok(workbook(&format!("clearing-{}", clearing.year), bytes))
}
