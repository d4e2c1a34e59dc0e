//! What a stay would be worth, with no patient: sex, age, codes and cost are typed, nothing is kept.

use askama::Template;
use axum::extract::State;
use yiti_directory::Institution;
use yiti_kernel::time;
use yiti_record::front_page::{Diagnosis, FrontPage, Procedure, Status, sex_of_code};
use yiti_web::{Access, Answer, App, Asked, Form, Slice, Ui, Visitor, page, query};

use super::shared::{self, Side, Told};
use super::stay::{self, Coded, OtherLine};
use crate::actions::Error;
use crate::assess;
use crate::field;
use crate::settings::Definitions;

/// Codes of each kind that a form may have.
const CODES_MAX: usize = 40;
/// Names of the form that travel with links.
const NAMES: [&str; 10] = ["unit", "insurance", "sex", "age", "age_days", "weight", "days", "cost", "dx", "px"];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice.get("/drg/what-if", Access::Permission("drg.read"), show)
}

/// What was found for the typed codes.
struct Result {
    side: Side,
    mdc: String,
    told: Told,
    diagnoses: Vec<Coded>,
    procedures: Vec<Coded>,
    others: Vec<OtherLine>,
    price_steps: Vec<String>,
    scheme: String,
    faults: Vec<String>,
}

#[derive(Template)]
#[template(path = "drg_what_if.html")]
struct WhatIfPage {
    ui: Ui,
    form: Form,
    units: Vec<(String, String)>,
    insurances: Vec<(String, String)>,
    sexes: Vec<(String, String)>,
    result: Option<Result>,
}

/// Codes of a field, with something between them.
fn codes(text: &str) -> Vec<String> {
    let split = text.split(['|', ',', ' ', '\n', '\u{ff0c}', '\u{3001}', '\t']);
    split
        .map(|code| code.trim().chars().take(40).collect::<String>())
        .filter(|code| !code.is_empty())
        .take(CODES_MAX)
        .collect()
}

/// The page that the form describes; faults are noted beside its fields.
fn page_of(form: &mut Form) -> FrontPage {
    let mut number = |name: &str| {
        let read = field::count(form.value(name));
        if read.is_err() {
            form.errors.add(name, "drg.fault.count", &[]);
        }
        read.ok().flatten()
    };
    let (age_years, age_days) = (number("age"), number("age_days"));
    let (weight, days) = (number("weight"), number("days"));
    let cost = field::money(form.value("cost"));
    if cost.is_err() {
        form.errors.add("cost", "drg.fault.money", &[]);
    }
    let dx = codes(form.value("dx")).into_iter().map(|code| Diagnosis { code, ..Diagnosis::default() });
    let px = codes(form.value("px")).into_iter().map(|code| Procedure { code, ..Procedure::default() });
    let mut page = FrontPage {
        status: Status::Draft,
        sex: sex_of_code(form.value("sex")),
        age_years,
        age_days,
        admission_weight_g: weight,
        length_of_stay_days: days,
        diagnoses: dx.collect(),
        procedures: px.collect(),
        ..FrontPage::default()
    };
    page.insurance_type = match form.value("insurance") {
        "employee" => "1",
        "resident" => "2",
        _ => "",
    }
    .into();
    page.costs.total = cost.ok().flatten();
    // With a cost it is priced as a finished stay, otherwise as one that is under way.
    page.status = if page.costs.total.is_some() { Status::Final } else { Status::Draft };
    page
}

async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let ui = Ui::new(&app, &visitor, "drg.what_if.title").await;
    let units = shared::institutions(&app, &visitor);
    let mut form = asked;
    if form.value("unit").is_empty() && form.value("dx").is_empty() {
        let unit = units.first().map_or("", |(id, _)| id.as_str());
        form = Form::filled(&[("unit", unit), ("insurance", "resident"), ("sex", "1"), ("age", "60"), ("days", "8")]);
    }
    let typed = page_of(&mut form);
    let tree = app.platform().tree();
    let chosen = shared::institution(&form, "unit").filter(|id| tree.reaches(visitor.actor.scope, *id));
    let institution = chosen.and_then(|id| tree.get(id));
    let result = match institution {
        Some(institution) if !typed.diagnoses.is_empty() && form.is_valid() => {
            Some(result(&app, &ui, &form, &typed, institution)?)
        }
        _ => None,
    };
    page(&WhatIfPage {
        insurances: shared::options(&ui, "drg.insurance", &["resident", "employee"]),
        sexes: [("1", "male"), ("2", "female")].map(|(code, key)| (code.to_owned(), ui.word("drg.sex", key))).to_vec(),
        ui,
        form,
        units,
        result,
    })
}

fn result(
    app: &App,
    ui: &Ui,
    form: &Form,
    typed: &FrontPage,
    institution: &Institution,
) -> std::result::Result<Result, yiti_web::Problem> {
    let definitions = app.platform().kit.get::<Definitions>();
    let today = time::day(app.now());
    let assessed = assess::assess(typed, &definitions, institution, today).ok_or(Error::NoScheme)?;
    let table = definitions.codes.get();
    let reordered = |name: &str, place: usize| {
        let mut list = codes(form.value(name));
        if place < list.len() {
            let first = list.remove(place);
            list.insert(0, first);
        }
        list.join("|")
    };
    let href = |changed: &[(&str, &str)]| {
        let (kind, place) = changed.first().copied().unwrap_or_default();
        let place: usize = place.parse().unwrap_or_default();
        let (mut dx, mut px) = (form.value("dx").to_owned(), form.value("px").to_owned());
        match kind {
            "first" => dx = reordered("dx", place),
            "first_px" => px = reordered("px", place),
            _ => {
                let mut list = codes(&dx);
                if place < list.len() {
                    list.remove(place);
                }
                dx = list.join("|");
            }
        }
        let value = |name: &'static str| match name {
            "dx" => dx.as_str(),
            "px" => px.as_str(),
            other => form.value(other),
        };
        let pairs: Vec<(&str, &str)> = NAMES.into_iter().map(|name| (name, value(name))).collect();
        format!("/drg/what-if{}", query(&pairs))
    };
    let faults = definitions.findings(typed, yiti_record::front_page::Source::Typed, assessed.scheme);
    let scheme = assessed.scheme.definition();
    let mdc = scheme.mdcs.iter().find(|mdc| mdc.code == assessed.mdc).map_or("", |mdc| mdc.name.as_str());
    Ok(Result {
        side: shared::side(ui.lang, &assessed),
        mdc: if mdc.is_empty() { String::new() } else { format!("{} {mdc}", assessed.mdc) },
        told: shared::told(ui.lang, typed, &assessed),
        diagnoses: stay::diagnoses(ui, table, typed, &assessed),
        procedures: stay::procedures(table, typed),
        others: stay::others(ui, &definitions, typed, &assessed, (institution, today), &href),
        price_steps: shared::price_steps(ui.lang, &assessed),
        scheme: scheme.title.clone(),
        // Only what concerns codes: the rest of a page was not typed.
        faults: faults
            .iter()
            .filter(|found| found.label.starts_with("diagnoses") || found.label.starts_with("procedures"))
            .map(|found| shared::reason(ui.lang, found))
            .filter(|reason| !reason.is_empty())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_may_stand_in_any_order_of_signs() {
        assert_eq!(codes("I21.001|J96.000, E11.900\n\u{ff0c}"), ["I21.001", "J96.000", "E11.900"]);
        assert!(codes(" | ").is_empty());
        assert_eq!(codes(&"A ".repeat(100)).len(), CODES_MAX);
    }

    #[test]
    fn a_cost_makes_it_a_finished_stay() {
        let mut form = Form::parse("cost=12000&dx=I21.001&age=60");
        let page = page_of(&mut form);
        assert!(form.is_valid());
        assert_eq!((page.status, page.age_years), (Status::Final, Some(60)));
        let mut form = Form::parse("cost=12k&age=-3&dx=I21.001");
        let page = page_of(&mut form);
        assert_eq!((page.status, form.errors.len()), (Status::Draft, 2));
    }
}
