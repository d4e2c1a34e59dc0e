//! The cases behind a figure. That they were looked at is journaled first.

use askama::Template;
use axum::extract::State;
use serde_json::json;
use yiti_kernel::Fen;
use yiti_measure::Measures;
use yiti_measure::definition::{How, Measure};
use yiti_measure::evaluate::Part;
use yiti_record::front_page::FrontPageId;
use yiti_web::{Access, Answer, App, Asked, Form, Pager, Problem, Slice, Ui, Visitor, page};

use super::figure::{self, CASES, Question};
use crate::analysis::{Figure, Stay, Yardstick, share_e6};
use crate::ceilings::{Kind, is_over};
use crate::quarter::Quarter;
use crate::store::{self, Reach, StayRow};
use crate::store_analysis as rows;

const PAGE_SIZE: usize = 50;
const CARRIED: [&str; 14] = [
    "figure",
    "part",
    "from",
    "to",
    "institution",
    "department",
    "insurance",
    "physician",
    "scheme",
    "drg",
    "mdc",
    "ceiling",
    "last",
    "quarter",
];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice.get(CASES, Access::Permission("drg.cases"), list)
}

/// The figure that a list is about.
enum Wanted {
    Measure(Box<Measure>),
    Own(Figure),
    /// Stays with known items against a ceiling in thousandths.
    Ceiling(Kind, u32),
    /// Stays without group or price: `group` or `price`, and the cause.
    Failure(String, String),
}

impl Wanted {
    fn of(form: &Form, measures: &Measures) -> Option<Self> {
        let name = match form.value("figure") {
            "" => figure::STAYS,
            name => name,
        };
        if let Some(kind) = name.strip_prefix("ceiling.") {
            let ceiling = form.value("ceiling").parse().ok().filter(|share| (1..=1000).contains(share))?;
            return Some(Self::Ceiling(Kind::from_key(kind)?, ceiling));
        }
        if let Some(failure) = name.strip_prefix("failure.") {
            let (of, cause) = failure.split_once('.').unwrap_or((failure, ""));
            return (of == "group" || of == "price").then(|| Self::Failure(of.to_owned(), cause.to_owned()));
        }
        if figure::MEASURES.contains(&name) {
            return measures.get(name).map(|measure| Self::Measure(Box::new(measure.clone())));
        }
        Figure::from_key(name).map(Self::Own)
    }

    /// The parts that a list of it may show.
    fn parts(&self) -> &'static [&'static str] {
        match self {
            Self::Measure(measure) if measure.how == How::Ratio => &["counted", "numerator", "missed", "left_out"],
            Self::Measure(measure) if measure.how == How::Count => &["counted"],
            Self::Measure(_) => &["counted", "left_out"],
            Self::Own(Figure::Weight | Figure::CostIndex | Figure::TimeIndex | Figure::Shares | Figure::Balance) => {
                &["counted", "left_out"]
            }
            Self::Own(_) | Self::Failure(..) => &["counted"],
            Self::Ceiling(..) => &["counted", "over"],
        }
    }

    fn title(&self, ui: &Ui) -> String {
        match self {
            Self::Measure(measure) => measure.title.get(ui.lang).to_owned(),
            Self::Own(figure) => ui.word("drg_analysis_figure", figure.key()),
            Self::Ceiling(kind, share) => format!(
                "{} \u{b7} {} {}",
                ui.word("drg_analysis_ceiling", kind.key()),
                ui.t("drg_ceilings.ceiling"),
                figure::percent(i64::from(*share) * 1000, 1)
            ),
            Self::Failure(of, cause) if cause.is_empty() => ui.word("drg_failures_of", of),
            Self::Failure(of, cause) => ui.word(&format!("drg_failures_{of}"), cause),
        }
    }

    /// The places of the stays of each part, in the order of [`Wanted::parts`].
    fn split(
        &self,
        stays: &[Stay],
        yardstick: &Yardstick,
        question: &Question,
    ) -> Result<Vec<(&'static str, Vec<FrontPageId>)>, Problem> {
        let ids = |places: Vec<usize>| places.into_iter().filter_map(|row| Some(stays.get(row)?.id)).collect();
        let which = |test: &dyn Fn(&Stay) -> bool| stays.iter().filter(|stay| test(stay)).map(|stay| stay.id).collect();
        let mut parts = Vec::new();
        for part in self.parts() {
            let list: Vec<FrontPageId> = match self {
                Self::Measure(measure) => {
                    let of = |part| figure::rows_of(measure, stays, yardstick, question, part);
                    ids(match *part {
                        "numerator" => of(Part::Numerator)?,
                        "left_out" => of(Part::Excluded)?,
                        "missed" => {
                            let reached: std::collections::BTreeSet<usize> = of(Part::Numerator)?.into_iter().collect();
                            of(Part::Denominator)?.into_iter().filter(|row| !reached.contains(row)).collect()
                        }
                        _ => of(Part::Denominator)?,
                    })
                }
                Self::Own(figure) => which(&|stay| figure.takes(stay, yardstick) == Some(*part == "counted")),
                Self::Ceiling(kind, share) => which(&|stay| {
                    if *part == "over" { is_over(*kind, stay, *share) } else { kind.part(stay).is_some() }
                }),
                Self::Failure(..) => Vec::new(),
            };
            parts.push((*part, list));
        }
        Ok(parts)
    }
}

/// One stay in a list.
struct Record {
    href: String,
    number: String,
    patient: String,
    place: String,
    physician: String,
    discharged: String,
    days: String,
    drg: String,
    outcome: String,
    weight: String,
    cost: String,
    pay: String,
    balance: String,
    tone: &'static str,
    shares: String,
    is_dead: bool,
}

/// A part of a figure with its count and its address.
struct Tab {
    words: String,
    count: usize,
    href: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "drg_analysis_cases.html")]
struct CasesPage {
    ui: Ui,
    back: String,
    /// Key of the words of the page it leads back to.
    back_words: &'static str,
    place: String,
    tabs: Vec<Tab>,
    part: String,
    count: usize,
    rows: Vec<Record>,
    pager: Pager,
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    let measures = app.platform().kit.get::<Measures>();
    let wanted = Wanted::of(&form, &measures).ok_or(Problem::NotFound)?;
    let question = Question::read(&mut form, app.now());
    let tree = app.platform().tree();
    let in_reach = question.slice.institution.is_none_or(|id| tree.reaches(visitor.actor.scope, id));
    if !form.is_valid() || !in_reach {
        return Err(Problem::NotFound);
    }
    let reach = figure::reach(&app, &visitor).await?;
    let parts = match &wanted {
        Wanted::Failure(of, cause) => {
            let days = question.days().ok_or(Problem::NotFound)?;
            let mut reader = app.platform().store.read().await?;
            vec![("counted", rows::failed_stays(&mut reader, &reach, &question.slice, days, (of, cause)).await?)]
        }
        _ => {
            let (stays, yardstick) =
                tokio::try_join!(figure::stays(&app, &reach, &question), figure::yardstick(&app, &question))?;
            wanted.split(&stays, &yardstick, &question)?
        }
    };
    let asked = form.value("part").to_owned();
    let (part, ids) = parts.iter().find(|(name, _)| *name == asked).or(parts.first()).ok_or(Problem::NotFound)?;
    let pager = Pager::new(CASES, &form, &CARRIED, PAGE_SIZE, ids.len());
    let shown: Vec<FrontPageId> = ids.iter().skip(pager.offset()).take(PAGE_SIZE).copied().collect();
    let stays = journaled(&app, &visitor, &reach, shown, (form.value("figure"), part, ids.len())).await?;
    let ui = Ui::new(&app, &visitor, "drg_analysis.cases").await;
    let own = question.pairs(None);
    let tab = |(name, list): &(&'static str, Vec<FrontPageId>)| {
        let carried = |name| (name, form.value(name));
        let mut pairs = vec![carried("figure"), ("part", *name), carried("ceiling"), carried("quarter")];
        pairs.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
        Tab {
            words: ui.word("drg_analysis_part", name),
            count: list.len(),
            href: format!("{CASES}{}", yiti_web::query(&pairs)),
            is_current: name == part,
        }
    };
    let tabs = parts.iter().map(tab).collect();
    let mut place = vec![
        question.slice.institution.map_or_else(String::new, |id| tree.short_name(id).to_owned()),
        question.slice.department.clone(),
        question.slice.physician.clone(),
        question.slice.mdc.clone(),
        question.slice.drg.clone(),
        question.span_text(),
    ];
    place.retain(|part| !part.is_empty());
    let (back, back_words) = back(&form, &wanted, &own);
    let shown = CasesPage {
        back,
        back_words,
        place: place.join(" \u{b7} "),
        tabs,
        part: ui.word("drg_analysis_part", part),
        count: ids.len(),
        rows: stays.iter().map(|stay| record(&ui, &visitor, &tree, stay)).collect(),
        pager,
        ui: {
            let title = wanted.title(&ui);
            ui.titled(title)
        },
    };
    page(&shown)
}

/// The page that showed the figure, and the key of its words.
fn back(form: &Form, wanted: &Wanted, own: &[(&'static str, String)]) -> (String, &'static str) {
    if let Ok(quarter) = form.value("quarter").parse::<Quarter>() {
        return (super::quarter::address(&quarter.to_string()), "drg_quarter.title");
    }
    let (path, words) = match wanted {
        Wanted::Ceiling(..) => {
            let month = own.iter().find(|(name, _)| *name == "from").map_or("", |(_, value)| value);
            return (format!("/drg/ceilings{}", yiti_web::query(&[("month", month)])), "drg_ceilings.title");
        }
        Wanted::Failure(..) => ("/drg/failures", "drg_failures.title"),
        Wanted::Measure(_) | Wanted::Own(_) => ("/drg/analysis", "drg_analysis.title"),
    };
    let kept = ["from", "to", "institution", "insurance"];
    let kept: Vec<(&str, &str)> =
        own.iter().filter(|(name, _)| kept.contains(name)).map(|(name, value)| (*name, value.as_str())).collect();
    (format!("{path}{}", yiti_web::query(&kept)), words)
}

/// The rows of one page of a list; that they were looked at stands in the journal first.
async fn journaled(
    app: &App,
    visitor: &Visitor,
    reach: &Reach,
    ids: Vec<FrontPageId>,
    (figure, part, count): (&str, &str, usize),
) -> Result<Vec<StayRow>, Problem> {
    let detail = json!({
        "figure": figure, "part": part, "rows": count, "shown": ids.len(), "filter": visitor.here.clone(),
    });
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move { cx.journal_read(("patient_list", None), None, "quality", detail).await })
        })
        .await?;
    let mut reader = app.platform().store.read().await?;
    let mut stays = Vec::with_capacity(ids.len());
    for id in ids {
        stays.push(store::get(&mut reader, reach, id).await?);
    }
    Ok(stays)
}

fn record(ui: &Ui, visitor: &Visitor, tree: &yiti_directory::Tree, stay: &StayRow) -> Record {
    let share = |part: Option<Fen>| {
        let (part, cost) = part.zip(stay.cost)?;
        share_e6(part.0, cost.0).map(|share| figure::percent(share, 1))
    };
    let shares = match (share(stay.drug_cost), share(stay.consumable_cost)) {
        (Some(drug), Some(consumable)) => format!("{drug} / {consumable}"),
        _ => String::new(),
    };
    let money = |amount: Option<Fen>| amount.map(figure::yuan).unwrap_or_default();
    Record {
        href: if visitor.may("drg.read") { format!("/drg/stays/{}", stay.id) } else { String::new() },
        number: stay.medical_record_number.clone(),
        patient: stay.patient_name.clone(),
        place: format!("{} {}", tree.short_name(stay.institution), stay.department),
        physician: stay.physician.clone(),
        discharged: stay.discharged_on.map(|day| day.to_string()).unwrap_or_default(),
        days: stay.stay_days.map(|days| days.to_string()).unwrap_or_default(),
        drg: stay.drg.clone(),
        outcome: if stay.outcome == "drg" { String::new() } else { ui.word("drg_analysis_outcome", &stay.outcome) },
        weight: stay.weight_e6.map(|weight| figure::decimal(weight, 6, 4)).unwrap_or_default(),
        cost: money(stay.cost),
        pay: money(stay.pay),
        balance: money(stay.balance()),
        tone: stay.balance().map_or("", figure::tone),
        shares,
        is_dead: stay.is_dead,
    }
}
