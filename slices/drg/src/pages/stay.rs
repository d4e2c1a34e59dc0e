//! One inpatient: what is wrong with the page, the group and why, what another coding would give, cost against the norm,
//! and how the price came to be.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use yiti_directory::Institution;
use yiti_kernel::{Date, Fen, time};
use yiti_record::front_page::{self, CostItem, FrontPage, FrontPageId, Status, Stored};
use yiti_web::{Access, Answer, App, Asked, Form, PatientStrip, Problem, Slice, Ui, Visitor, page};

use super::shared::{self, Found, Side, Told};
use crate::actions::{self, Error};
use crate::assess::{self, Assessed};
use crate::codes::{Codes, System};
use crate::norm::Norm;
use crate::settings::Definitions;
use crate::store::StayRow;
use crate::what_if::{self, Change};

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice.get("/drg/stays/{id}", Access::Permission("drg.read"), show)
}

/// A diagnosis or procedure of the page.
pub(super) struct Coded {
    pub(super) place: usize,
    pub(super) code: String,
    pub(super) name: String,
    pub(super) is_grey: bool,
    /// `MCC`, `CC`, or empty.
    pub(super) level: &'static str,
    /// It is on the list and the principal diagnosis excludes it.
    pub(super) is_excluded: bool,
    pub(super) note: String,
}

/// What another coding gives, beside the present one.
pub(super) struct OtherLine {
    pub(super) words: String,
    pub(super) code: String,
    pub(super) name: String,
    pub(super) side: Side,
    pub(super) change: String,
    pub(super) tone: &'static str,
    pub(super) href: String,
}

struct CostLine {
    words: String,
    amount: String,
    share: String,
    /// Of a hundred, for the meter.
    full: u32,
}

struct NormView {
    stays: String,
    cost_mean: String,
    cost_median: String,
    cost_range: String,
    days_mean: String,
    days_median: String,
    drug_share: String,
    consumable_share: String,
    /// The cost in percent of the mean.
    cost_ratio: String,
    cost_tone: &'static str,
}

struct VersionLine {
    number: u32,
    at: String,
    by: String,
    source: String,
}

#[derive(Template)]
#[template(path = "drg_stay.html")]
struct StayPage {
    ui: Ui,
    form: Form,
    id: FrontPageId,
    patient: PatientStrip,
    patient_link: String,
    is_draft: bool,
    place: String,
    side: Side,
    mdc: String,
    cost: String,
    days: String,
    norm: Option<NormView>,
    norm_least: u32,
    norm_months: u32,
    findings: Vec<Found>,
    diagnoses: Vec<Coded>,
    procedures: Vec<Coded>,
    told: Told,
    others: Vec<OtherLine>,
    tried: Option<Tried>,
    price_steps: Vec<String>,
    costs: Vec<CostLine>,
    drug_share: String,
    consumable_share: String,
    facts: Vec<(String, String)>,
    versions: Vec<VersionLine>,
    scheme: String,
    scheme_hash: String,
    pack: String,
    pack_hash: String,
    may_edit: bool,
}

/// What was asked for, beside the present coding.
pub(super) struct Tried {
    pub(super) side: Side,
    pub(super) change: String,
    pub(super) tone: &'static str,
    pub(super) weight_change: String,
    pub(super) told: Told,
    pub(super) unknown: Vec<String>,
}

/// The change that a form asks for.
pub(super) fn change_of(form: &Form) -> Change {
    let place = |name: &str| form.value(name).parse::<usize>().ok().filter(|place| *place > 0);
    let places =
        |name: &str| form.values(name).iter().filter_map(|text| text.parse().ok()).collect::<BTreeSet<usize>>();
    let codes = |name: &str| {
        let typed = form.values(name).iter().flat_map(|text| text.split([',', '|', ' ', '\u{ff0c}']));
        let codes = typed.map(|code| code.trim().chars().take(40).collect::<String>()).filter(|code| !code.is_empty());
        codes.take(what_if::ADDED_MAX).collect::<Vec<String>>()
    };
    Change {
        principal: place("first"),
        without: places("without"),
        added: codes("add"),
        procedure: place("first_px"),
        without_procedures: places("without_px"),
        added_procedures: codes("add_px"),
    }
}

/// Groups and prices the changed page beside the present one.
pub(super) fn tried(
    ui: &Ui,
    definitions: &Definitions,
    page: &FrontPage,
    present: &Assessed<'_>,
    change: &Change,
    (institution, today): (&Institution, Date),
) -> Option<Tried> {
    if change.is_none() {
        return None;
    }
    let changed = change.apply(page);
    let assessed = assess::assess(&changed, definitions, institution, today)?;
    let codes = definitions.codes.get();
    let unknown = |system, added: &[String]| {
        let unknown = added.iter().filter(|code| codes.get(system, code).is_none());
        unknown.cloned().collect::<Vec<_>>()
    };
    let (change_words, tone) = difference(present, &assessed);
    let weight = present.weight_e6().zip(assessed.weight_e6()).map(|(before, after)| after - before);
    let weight = weight.map(|weight| format!("{}{}", if weight > 0 { "+" } else { "" }, shared::weight(Some(weight))));
    Some(Tried {
        side: shared::side(ui.lang, &assessed),
        change: change_words,
        tone,
        weight_change: weight.unwrap_or_else(|| "\u{2014}".to_owned()),
        told: shared::told(ui.lang, &changed, &assessed),
        unknown: [unknown(System::Diagnosis, &change.added), unknown(System::Procedure, &change.added_procedures)]
            .concat(),
    })
}

fn difference(before: &Assessed<'_>, after: &Assessed<'_>) -> (String, &'static str) {
    let change = after.pay().zip(before.pay()).and_then(|(after, before)| after.0.checked_sub(before.0)).map(Fen);
    (change.map_or_else(|| "\u{2014}".to_owned(), shared::signed), shared::tone(change))
}

/// The diagnoses of a page with names, grey marks and what became of them as complications.
pub(super) fn diagnoses(ui: &Ui, codes: &Codes, page: &FrontPage, assessed: &Assessed<'_>) -> Vec<Coded> {
    let mut position = 0usize;
    let each = page.diagnoses.iter().enumerate().map(|(place, diagnosis)| {
        let grouped = diagnosis.insurance_code.as_deref().unwrap_or(&diagnosis.code);
        let weighed = (place == 0 || !grouped.is_empty()).then(|| {
            let found = assessed.explained.weighed.iter().find(|weighed| usize::from(weighed.position) == position);
            position += 1;
            found
        });
        let weighed = weighed.flatten();
        let known = codes.get(System::Diagnosis, grouped);
        let name = if diagnosis.name.is_empty() { known.map_or("", |code| code.name) } else { &diagnosis.name };
        let condition = match diagnosis.admission_condition.as_str() {
            key @ ("1" | "2" | "3" | "4") => ui.word("drg.condition", key),
            _ => String::new(),
        };
        Coded {
            place,
            code: diagnosis.code.clone(),
            name: name.to_owned(),
            is_grey: known.is_some_and(|code| code.is_grey),
            level: weighed.map_or("", |weighed| match weighed.level {
                chs_drg::Complication::Mcc => "MCC",
                chs_drg::Complication::Cc => "CC",
                chs_drg::Complication::None => "",
            }),
            is_excluded: weighed.is_some_and(|weighed| weighed.excluded_by_table.is_some()),
            note: condition,
        }
    });
    each.collect()
}

/// The procedures of a page with names and grey marks.
pub(super) fn procedures(codes: &Codes, page: &FrontPage) -> Vec<Coded> {
    let each = page.procedures.iter().enumerate().map(|(place, procedure)| {
        let grouped = procedure.insurance_code.as_deref().unwrap_or(&procedure.code);
        let known = codes.get(System::Procedure, grouped);
        let name = if procedure.name.is_empty() { known.map_or("", |code| code.name) } else { &procedure.name };
        Coded {
            place,
            code: procedure.code.clone(),
            name: name.to_owned(),
            is_grey: known.is_some_and(|code| code.is_grey),
            level: "",
            is_excluded: false,
            note: procedure.performed_at.map_or_else(String::new, |at| time::day(at).to_string()),
        }
    });
    each.collect()
}

/// Makes an address of names and values.
type Address<'a> = &'a dyn Fn(&[(&str, &str)]) -> String;

/// Other codings of the same codes, with what they would change. `href` makes the address of one.
pub(super) fn others(
    ui: &Ui,
    definitions: &Definitions,
    page: &FrontPage,
    present: &Assessed<'_>,
    (institution, today): (&Institution, Date),
    href: Address<'_>,
) -> Vec<OtherLine> {
    let codes = definitions.codes.get();
    let others = what_if::others(page, present, definitions, (institution, today));
    let line = |other: &what_if::Other<'_>| {
        let (code, name, system) = match other.kind {
            what_if::Kind::Diagnosis | what_if::Kind::Without => {
                let it = page.diagnoses.get(other.place);
                (it.map_or("", |it| &it.code), it.map_or("", |it| &it.name), System::Diagnosis)
            }
            what_if::Kind::Procedure => {
                let it = page.procedures.get(other.place);
                (it.map_or("", |it| &it.code), it.map_or("", |it| &it.name), System::Procedure)
            }
        };
        let name = if name.is_empty() { codes.get(system, code).map_or("", |code| code.name) } else { name };
        let place = other.place.to_string();
        let asked = match other.kind {
            what_if::Kind::Diagnosis => ("first", place.as_str()),
            what_if::Kind::Procedure => ("first_px", place.as_str()),
            what_if::Kind::Without => ("without", place.as_str()),
        };
        let (change, tone) = difference(present, &other.assessed);
        OtherLine {
            words: ui.word("drg.other", other.kind.key()),
            code: code.to_owned(),
            name: name.to_owned(),
            side: shared::side(ui.lang, &other.assessed),
            change,
            tone,
            href: href(&[asked]),
        }
    };
    others.iter().map(line).collect()
}

fn strip(ui: &Ui, stored: &Stored) -> PatientStrip {
    let page = &stored.page;
    let age = match (page.age_years, page.age_days) {
        (None | Some(0), Some(days)) => ui.t_with("drg.age_days", &[("days", &days.to_string())]),
        (Some(years), _) => ui.t_with("drg.age", &[("years", &years.to_string())]),
        (None, None) => ui.t("drg.age_unknown").to_owned(),
    };
    let insurance = match page.insurance_type.as_str() {
        key @ ("1" | "2" | "9") => ui.word("drg.insurance_type", key),
        _ => ui.t("drg.insurance_none").to_owned(),
    };
    PatientStrip {
        name: page.patient_name.clone(),
        sex: ui.word("drg.sex", page.sex.map_or("unknown", |sex| sex.key())),
        age,
        more: vec![
            (ui.t("drg.number").to_owned(), format!("{} / {}", page.medical_record_number, page.admission_count)),
            (ui.t("drg.insurance_field").to_owned(), insurance),
        ],
    }
}

fn costs(ui: &Ui, page: &FrontPage) -> Vec<CostLine> {
    let whole: i64 = page.costs.items.iter().filter(|(item, _)| item.parent().is_none()).map(|(_, fen)| fen.0).sum();
    let most = page.costs.items.values().map(|fen| fen.0).max().unwrap_or_default().max(1);
    let mut items: Vec<(CostItem, Fen)> = page
        .costs
        .items
        .iter()
        .filter(|(item, fen)| item.parent().is_none() && fen.0 > 0)
        .map(|(i, f)| (*i, *f))
        .collect();
    items.sort_by_key(|(item, fen)| (-fen.0, *item));
    let line = |(item, fen): (CostItem, Fen)| CostLine {
        words: ui.word("drg.cost_item", item.key()),
        amount: shared::yuan(fen),
        share: shared::share_e3(fen, Fen(whole)).map_or_else(String::new, shared::percent),
        full: u32::try_from(fen.0 * 100 / most).unwrap_or(0).min(100),
    };
    items.into_iter().map(line).collect()
}

fn norm_view(ui: &Ui, norm: &Norm, assessed: &Assessed<'_>) -> NormView {
    let share = |share: Option<u32>| share.map_or_else(|| "\u{2014}".to_owned(), shared::percent);
    let ratio = assessed.cost.and_then(|cost| shared::share_e3(cost, norm.cost_mean));
    NormView {
        stays: ui.t_with("drg.norm_stays", &[("count", &norm.stay_count.to_string())]),
        cost_mean: shared::yuan(norm.cost_mean),
        cost_median: shared::yuan(norm.cost_median),
        cost_range: format!("{} \u{2013} {}", shared::yuan(norm.cost_p25), shared::yuan(norm.cost_p75)),
        days_mean: shared::tenths(norm.days_mean_e1),
        days_median: norm.days_median.to_string(),
        drug_share: share(norm.drug_share_e3),
        consumable_share: share(norm.consumable_share_e3),
        cost_ratio: ratio.map_or_else(|| "\u{2014}".to_owned(), shared::percent),
        cost_tone: if ratio.is_some_and(|ratio| ratio > 1000) { "down" } else { "" },
    }
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Asked(form): Asked) -> Answer {
    let id: FrontPageId = shared::id(&id)?;
    let ui = Ui::new(&app, &visitor, "drg.stay").await;
    let opened = app.platform().act(&visitor.actor, move |cx| Box::pin(async move { actions::open(cx, id).await }));
    let (stored, row): (Stored, StayRow) = opened.await.map_err(|error: Error| Problem::from(error))?;
    let definitions: Arc<Definitions> = app.platform().kit.get();
    let tree = app.platform().tree();
    let institution = tree.get(stored.institution).ok_or(Problem::NotFound)?;
    let today = time::day(app.now());
    let assessed = assess::assess(&stored.page, &definitions, institution, today).ok_or(Error::NoScheme)?;
    let scheme = assessed.scheme.definition();
    let norm = shared::norm(&app, (&scheme.id, assessed.drg), today).await?;
    let mut reader = app.platform().store.read().await?;
    let versions = front_page::versions(&mut reader, visitor.actor.scope, id).await?;
    drop(reader);
    let (stay, codes) = (&stored.page, definitions.codes.get());
    let here = |pairs: &[(&str, &str)]| format!("/drg/stays/{id}{}#what-if", yiti_web::query(pairs));
    let share = |part: Option<Fen>| {
        let share = part.zip(assessed.cost).and_then(|(part, cost)| shared::share_e3(part, cost));
        share.map_or_else(|| "\u{2014}".to_owned(), shared::percent)
    };
    let fact = |key: &str, value: String| (ui.t(key).to_owned(), value);
    let day = |day: Option<Date>| day.map_or_else(|| "\u{2014}".to_owned(), |day| day.to_string());
    let mut facts = vec![
        fact("drg.institution", institution.name.clone()),
        fact("drg.department", row.department.clone()),
        fact("drg.physician", row.physician.clone()),
        fact("drg.admitted", day(stay.admitted_on())),
    ];
    if stay.status == Status::Final {
        facts.push(fact("drg.discharged", day(stay.discharged_on())));
        let way = stay.discharge_disposition.as_str();
        if matches!(way, "1" | "2" | "3" | "4" | "5" | "9") {
            facts.push(fact("drg.disposition_field", ui.word("drg.disposition", way)));
        }
    }
    let mdc = scheme.mdcs.iter().find(|mdc| mdc.code == assessed.mdc).map_or("", |mdc| mdc.name.as_str());
    page(&StayPage {
        id,
        patient: strip(&ui, &stored),
        patient_link: stored
            .patient
            .filter(|_| visitor.may("patient.read"))
            .map_or_else(String::new, |patient| format!("/patients/{patient}")),
        is_draft: stay.status == Status::Draft,
        place: format!("{} \u{b7} {}", institution.short_name, row.department),
        side: shared::side(ui.lang, &assessed),
        mdc: if mdc.is_empty() { String::new() } else { format!("{} {mdc}", assessed.mdc) },
        cost: shared::yuan_or_dash(assessed.cost),
        days: assessed.stay_days.map_or_else(|| "\u{2014}".to_owned(), |days| days.to_string()),
        norm: norm.as_ref().map(|norm| norm_view(&ui, norm, &assessed)),
        norm_least: definitions.settings.norm_stays_min,
        norm_months: definitions.settings.norm_months,
        findings: shared::findings(ui.lang, &definitions, (stay, stored.source), &assessed, (institution, today)),
        diagnoses: diagnoses(&ui, codes, stay, &assessed),
        procedures: procedures(codes, stay),
        told: shared::told(ui.lang, stay, &assessed),
        others: others(&ui, &definitions, stay, &assessed, (institution, today), &here),
        tried: tried(&ui, &definitions, stay, &assessed, &change_of(&form), (institution, today)),
        price_steps: shared::price_steps(ui.lang, &assessed),
        costs: costs(&ui, stay),
        drug_share: share(assessed.drug_cost),
        consumable_share: share(assessed.consumable_cost),
        facts,
        versions: versions
            .iter()
            .map(|version| VersionLine {
                number: version.version,
                at: time::minute_text(version.recorded_at),
                by: version.recorded_by.clone(),
                source: ui.word("drg.source", version.source.key()),
            })
            .collect(),
        scheme: scheme.title.clone(),
        scheme_hash: assessed.scheme.hash().to_string().chars().take(12).collect(),
        pack: assessed.pack.map_or_else(String::new, |pack| match ui.lang {
            yiti_kernel::Lang::Zh => pack.title().zh.clone(),
            yiti_kernel::Lang::En => pack.title().en.clone(),
        }),
        pack_hash: assessed.pack.map_or_else(String::new, |pack| pack.hash().to_string().chars().take(12).collect()),
        may_edit: visitor.may("drg.edit"),
        ui: ui.titled(stay.patient_name.clone()),
        form,
    })
}
