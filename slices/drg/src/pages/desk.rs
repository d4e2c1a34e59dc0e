//! The desk before discharge: who is in hospital, in which group, for how much, and what is wrong with the page.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use yiti_kernel::time;
use yiti_record::front_page::{FrontPageId, Status};
use yiti_web::{Access, Answer, App, Asked, Form, MenuItem, Pager, Problem, Slice, Ui, Visitor, page, query};

use super::shared;
use crate::actions;
use crate::assess;
use crate::settings::Definitions;
use crate::store::{self, Counts, Filter, Look, Mean, Order, StayRow};

/// Rows on one page.
const PAGE_SIZE: usize = 30;
/// The names of the filter, which travel with every link.
const FILTER: [&str; 10] = ["status", "unit", "department", "insurance", "drg", "q", "from", "until", "look", "order"];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let read = Access::Permission("drg.read");
    slice.get("/drg", read, list).get("/drg/rows", read, rows).menu(&[MenuItem {
        key: "drg",
        group: "drg",
        path: "/drg",
        permission: "drg.read",
        icon: "clipboard-list",
    }])
}

/// One stay of the list.
#[derive(Debug)]
struct Line {
    id: FrontPageId,
    name: String,
    sex: String,
    place: String,
    physician: String,
    /// From when until when.
    when: String,
    days: String,
    norm_days: String,
    is_long: bool,
    drg: String,
    group: String,
    complication: &'static str,
    weight: String,
    pay: String,
    unpriced: String,
    cost: String,
    balance: String,
    tone: &'static str,
    finding_count: u32,
    refusing_count: u32,
}

#[derive(Debug)]
struct Tab {
    href: String,
    words: String,
    count: u32,
    kind: &'static str,
    is_current: bool,
}

#[derive(Debug)]
struct Head {
    count: u32,
    cmi: String,
    weighted_count: u32,
    pay: String,
    cost: String,
    balance: String,
    tone: &'static str,
    priced_count: u32,
}

#[derive(Debug)]
struct List {
    refresh: String,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    pager: Pager,
    head: Head,
    is_filtered: bool,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "drg_desk.html")]
struct DeskPage {
    ui: Ui,
    form: Form,
    list: List,
    statuses: Vec<(String, String)>,
    units: Vec<(String, String)>,
    departments: Vec<(String, String)>,
    insurances: Vec<(String, String)>,
    orders: Vec<(String, String)>,
    may_edit: bool,
}

#[derive(Template)]
#[template(path = "drg_desk.html", block = "rows")]
struct Rows {
    ui: Ui,
    list: List,
    may_edit: bool,
}

/// The status that is asked for: those in hospital, unless the other or both are.
fn status_of(asked: &Form) -> Option<Status> {
    match asked.value("status") {
        "all" => None,
        key => Some(Status::from_key(key).unwrap_or(Status::Draft)),
    }
}

fn filter_of(asked: &Form) -> Filter {
    let text = |name: &str| asked.value(name).chars().take(64).collect::<String>();
    Filter {
        status: status_of(asked),
        institution: shared::institution(asked, "unit"),
        department: text("department"),
        insurance: text("insurance"),
        drg: text("drg").to_uppercase(),
        text: text("q"),
        from: asked.value("from").parse().ok(),
        until: asked.value("until").parse().ok(),
    }
}

async fn list_of(app: &App, visitor: &Visitor, ui: &Ui, asked: &Form) -> Result<List, Problem> {
    let definitions = app.platform().kit.get::<Definitions>();
    let (filter, look) = (filter_of(asked), Look::from_key(asked.value("look")));
    let order = Order::from_key(asked.value("order"));
    let today = time::day(app.now());
    let mut reader = app.platform().store.read().await?;
    let reach = actions::reach(&mut reader, &visitor.actor).await?;
    let counts = store::counts(&mut reader, &reach, &filter).await?;
    let total = usize::try_from(counts.of(look)).unwrap_or(usize::MAX);
    let pager = Pager::new("/drg", asked, &FILTER, PAGE_SIZE, total);
    let (limit, offset) = (PAGE_SIZE as u32, u32::try_from(pager.offset()).unwrap_or(u32::MAX));
    let found = store::list(&mut reader, &reach, &filter, look, order, (limit, offset)).await?;
    let whole = app.platform().tree().whole();
    let from = shared::months_before(today, definitions.settings.norm_months);
    let mut means: HashMap<(String, String), Mean> = HashMap::new();
    for row in &found {
        let key = (row.scheme.clone(), row.drg.clone());
        if let std::collections::hash_map::Entry::Vacant(entry) = means.entry(key) {
            entry.insert(store::mean(&mut reader, whole, (&row.scheme, &row.drg), (from, today)).await?);
        }
    }
    drop(reader);
    let href = |look: Look| {
        let kept = FILTER.iter().filter(|name| **name != "look").map(|name| (*name, asked.value(name)));
        let pairs: Vec<(&str, &str)> = kept.chain([("look", look.key())]).filter(|(_, v)| !v.is_empty()).collect();
        format!("/drg{}", query(&pairs))
    };
    let tab = |one: Look| Tab {
        href: href(one),
        words: ui.word("drg.look", one.key()),
        count: counts.of(one),
        kind: if one == Look::All { "" } else { "warn" },
        is_current: one == look,
    };
    let lines: Vec<Line> = found
        .iter()
        .map(|row| {
            let mean = means.get(&(row.scheme.clone(), row.drg.clone())).copied().unwrap_or_default();
            line(app, ui, &definitions, row, mean)
        })
        .collect();
    let page = pager.page.to_string();
    let pairs = FILTER.iter().map(|name| (*name, asked.value(name)));
    let pairs: Vec<(&str, &str)> = pairs.chain([("page", page.as_str())]).filter(|(_, v)| !v.is_empty()).collect();
    Ok(List {
        refresh: format!("/drg/rows{}", query(&pairs)),
        tabs: Look::ALL.map(tab).into(),
        lines,
        pager,
        head: head(counts),
        is_filtered: FILTER.iter().any(|name| !asked.value(name).is_empty()),
        is_open: status_of(asked) == Some(Status::Draft),
    })
}

fn head(counts: Counts) -> Head {
    let balance = yiti_kernel::Fen(counts.pay.0.saturating_sub(counts.cost.0));
    let cmi = (counts.weighted_count > 0).then(|| counts.weight_e6 / i64::from(counts.weighted_count));
    Head {
        count: counts.of(Look::All),
        cmi: shared::weight(cmi),
        weighted_count: counts.weighted_count,
        pay: shared::yuan(counts.pay),
        cost: shared::yuan(counts.cost),
        balance: shared::signed(balance),
        tone: shared::tone(Some(balance)),
        priced_count: counts.priced_count,
    }
}

fn line(app: &App, ui: &Ui, definitions: &Definitions, row: &StayRow, mean: Mean) -> Line {
    let tree = app.platform().tree();
    let scheme = definitions.schemes.get(&row.scheme);
    let group = scheme.map_or("", |scheme| assess::name_of(scheme, &row.drg));
    let has_norm = mean.stay_count >= definitions.settings.norm_stays_min;
    let count = i64::from(mean.stay_count.max(1));
    let norm_e1 = u32::try_from((20 * mean.days + count) / (2 * count)).unwrap_or(u32::MAX);
    let day = |day: Option<yiti_kernel::Date>| day.map_or_else(String::new, |day| day.to_string());
    let days = match (row.status, row.admitted_on) {
        // The stay of a patient who is here grows from day to day, also without a new page.
        (Status::Draft, Some(admitted)) => {
            let so_far = time::day(app.now()).since(admitted).map_or(0, |span| span.get_days());
            u32::try_from(so_far).ok().map(|days| days.max(1))
        }
        _ => row.stay_days,
    };
    Line {
        id: row.id,
        name: row.patient_name.clone(),
        sex: ui.word("drg.sex", row.sex.key()),
        place: format!("{} \u{b7} {}", tree.short_name(row.institution), row.department),
        physician: row.physician.clone(),
        when: match row.status {
            Status::Draft => ui.t_with("drg.since", &[("day", &day(row.admitted_on))]),
            Status::Final => format!("{} \u{2013} {}", day(row.admitted_on), day(row.discharged_on)),
        },
        days: days.map_or_else(|| "\u{2014}".to_owned(), |days| days.to_string()),
        norm_days: if has_norm { shared::tenths(norm_e1) } else { String::new() },
        is_long: has_norm && days.is_some_and(|days| u64::from(days) * 10 > u64::from(norm_e1) * 3 / 2),
        drg: row.drg.clone(),
        group: if group.is_empty() { ui.t("drg.no_group").to_owned() } else { group.to_owned() },
        complication: match row.complication.as_str() {
            "cc" => "CC",
            "mcc" => "MCC",
            _ => "",
        },
        weight: shared::weight(row.weight_e6),
        pay: shared::yuan_or_dash(row.pay),
        unpriced: if row.unpriced.is_empty() { String::new() } else { ui.word("drg.unpriced_short", &row.unpriced) },
        cost: shared::yuan_or_dash(row.cost),
        balance: row.balance().map_or_else(|| "\u{2014}".to_owned(), shared::signed),
        tone: shared::tone(row.balance()),
        finding_count: row.finding_count,
        refusing_count: row.refusing_count,
    }
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let ui = Ui::new(&app, &visitor, "drg.title").await;
    let list = list_of(&app, &visitor, &ui, &form).await?;
    journal(&app, &visitor, &form, &list).await?;
    let mut reader = app.platform().store.read().await?;
    let reach = actions::reach(&mut reader, &visitor.actor).await?;
    let departments = store::departments(&mut reader, &reach).await?;
    drop(reader);
    let orders: Vec<&str> = Order::ALL.iter().map(|order| order.key()).collect();
    page(&DeskPage {
        statuses: shared::options(&ui, "drg.status", &["draft", "final", "all"]),
        units: shared::institutions(&app, &visitor),
        departments: departments.into_iter().map(|name| (name.clone(), name)).collect(),
        insurances: shared::options(&ui, "drg.insurance", &["employee", "resident"]),
        orders: shared::options(&ui, "drg.order", &orders),
        may_edit: visitor.may("drg.edit"),
        ui,
        form,
        list,
    })
}

async fn journal(app: &App, visitor: &Visitor, form: &Form, list: &List) -> Result<(), Problem> {
    let shown = FILTER.iter().map(|name| (*name, form.value(name))).filter(|(_, value)| !value.is_empty());
    let shown = query(&shown.collect::<Vec<_>>());
    shared::journal_list(app, visitor, "stays", list.lines.len(), shown).await
}

/// The rows again, after a page was saved.
async fn rows(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let ui = Ui::plain(&app, visitor.look(), "drg.title");
    let list = list_of(&app, &visitor, &ui, &form).await?;
    journal(&app, &visitor, &form, &list).await?;
    page(&Rows { may_edit: visitor.may("drg.edit"), ui, list })
}
