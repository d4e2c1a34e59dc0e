//! The figures of finished stays: the main ones against the months before, a table by place, doctor or group, risk bands,
//! gain and loss. Each opens its cases.

use askama::Template;
use axum::extract::State;
use yiti_kernel::definition::Sources;
use yiti_kernel::{Fen, Lang};
use yiti_measure::Measures;
use yiti_web::words::t;
use yiti_web::{Access, Answer, App, Asked, Form, MenuItem, Pager, Slice, Ui, Visitor, invalid, page, query};

use super::figure::{self, Board, Question, Shown};
use crate::analysis::{By, Figure, LineKey, Total};
use crate::compare::Analysis;

const PATH: &str = "/drg/analysis";
/// Lines on one page of the table.
const PAGE_SIZE: usize = 25;
/// Bars of the chart.
const BAR_COUNT: usize = 12;
/// What travels with every link of the page.
const CARRIED: [&str; 12] = [
    "last",
    "from",
    "to",
    "institution",
    "department",
    "insurance",
    "physician",
    "scheme",
    "drg",
    "mdc",
    "versus",
    "by",
];

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice.get(PATH, Access::Permission("drg.analysis"), show).menu(&[MenuItem {
        key: "drg_analysis",
        group: "drg",
        path: PATH,
        permission: "drg.analysis",
        icon: "chart-bar",
    }])
}

/// By what the lines of the table are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Stays,
    Loss,
    Gain,
    Cmi,
    Cost,
}

impl Sort {
    const KEYS: [(&'static str, Self); 5] =
        [("stays", Self::Stays), ("loss", Self::Loss), ("gain", Self::Gain), ("cmi", Self::Cmi), ("cost", Self::Cost)];

    fn of(text: &str) -> Self {
        Self::KEYS.iter().find(|(key, _)| *key == text).map_or(Self::Stays, |(_, sort)| *sort)
    }

    /// The greatest first; what has no value last.
    fn weight(self, total: &Total) -> i64 {
        let last = i64::MIN;
        match self {
            Self::Stays => i64::try_from(total.stays).unwrap_or(i64::MAX),
            Self::Loss => total.balance().map_or(last, |balance| balance.0.saturating_neg()),
            Self::Gain => total.balance().map_or(last, |balance| balance.0),
            Self::Cmi => total.cmi_e6().unwrap_or(last),
            Self::Cost => total.cost_ratio_e6().unwrap_or(last),
        }
    }
}

/// One of the main figures.
struct Card {
    words: &'static str,
    shown: Shown,
    /// The value of the months before, and the change.
    before: String,
    change: String,
}

/// A line of the table.
struct Line {
    name: String,
    note: String,
    href: String,
    cells: Vec<Shown>,
}

/// A risk band.
struct Band {
    words: String,
    stays: Shown,
    deaths: Shown,
    mortality: String,
}

/// A bar of the chart of gain and loss.
struct Bar {
    x: i32,
    y: String,
    height: String,
    middle: i32,
    label_y: String,
    value: String,
    name: String,
    /// Whose line it is where several have the same name.
    note: String,
    is_loss: bool,
}

/// Where a figure comes from.
struct Note {
    title: String,
    rule: String,
    source: String,
    evidence: &'static str,
}

struct Table {
    cards: Vec<Card>,
    lines: Vec<Line>,
    total: Line,
    bands: Vec<Band>,
    unbanded: Shown,
    bands_note: String,
    bars: Vec<Bar>,
    chart_width: i32,
    notes: Vec<Note>,
    pager: Pager,
}

/// A part of the address that narrows to one line, and where it is taken off.
struct Chip {
    words: String,
    href: String,
}

#[derive(Template)]
#[template(path = "drg_analysis.html")]
struct AnalysisPage {
    ui: Ui,
    form: Form,
    lasts: Vec<(String, String)>,
    institutions: Vec<(String, String)>,
    departments: Vec<(String, String)>,
    insurances: Vec<(String, String)>,
    versuses: Vec<(String, String)>,
    sorts: Vec<(String, String)>,
    bys: Vec<(String, String, bool)>,
    chips: Vec<Chip>,
    span: String,
    before: String,
    reference: String,
    by_words: String,
    table: Option<Table>,
}

async fn show(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    let question = Question::read(&mut form, app.now());
    let reach = figure::reach(&app, &visitor).await?;
    let (institutions, departments) = figure::places(&app, &reach, question.slice.institution).await?;
    let ui = Ui::new(&app, &visitor, "drg_analysis.title").await;
    let is_valid = form.is_valid();
    let table = if is_valid {
        let board = Board::of(&app, &reach, &question).await?;
        (board.total.stays > 0 || board.before.stays > 0).then(|| lay_out(&app, &ui, &question, &board, &form))
    } else {
        None
    };
    let words = |area: &str, keys: &[&str]| -> Vec<(String, String)> {
        keys.iter().map(|key| ((*key).to_owned(), ui.word(area, key))).collect()
    };
    let with = |name: &str, value: &str| {
        let pairs: Vec<(&str, &str)> =
            CARRIED.iter().map(|n| (*n, if *n == name { value } else { form.value(n) })).collect();
        format!("{PATH}{}", query(&pairs))
    };
    let analysis = app.platform().kit.get::<Analysis>();
    let (from, until) = question.days().map(|days| analysis.compare.span(days.0)).unwrap_or_default();
    let shown = AnalysisPage {
        lasts: figure::lasts(&ui),
        insurances: words("drg_analysis_insurance", &["employee", "resident", "-"]),
        versuses: words("drg_analysis_versus", &["before", "year"]),
        sorts: words("drg_analysis_sort", &Sort::KEYS.map(|(key, _)| key)),
        bys: By::ALL.map(|by| (ui.word("drg_analysis_by", by.key()), with("by", by.key()), by == question.by)).to_vec(),
        chips: ["physician", "drg", "mdc"]
            .into_iter()
            .filter(|name| !form.value(name).is_empty())
            .map(|name| Chip {
                words: format!("{} {}", ui.word("drg_analysis_by", name), form.value(name)),
                href: with(name, ""),
            })
            .collect(),
        span: question.span_text(),
        before: question.before_text(),
        reference: ui.t_with(
            "drg_analysis.reference_span",
            &[
                ("from", &from.to_string()),
                ("until", &until.to_string()),
                ("min", &analysis.compare.reference_stays_min.to_string()),
            ],
        ),
        by_words: ui.word("drg_analysis_by", question.by.key()),
        institutions,
        departments,
        table,
        form,
        ui,
    };
    if is_valid { page(&shown) } else { invalid(&shown) }
}

/// A figure of this slice as shown.
fn own(question: &Question, of: Figure, text: String, counted: (u64, u64), line: Option<&LineKey>) -> Shown {
    Shown {
        text,
        count: counted.0,
        href: question.href(of.key(), "counted", line),
        left_out: counted.1,
        left_out_href: question.href(of.key(), "left_out", line),
        ..Shown::default()
    }
}

fn text(value: Option<i64>, write: impl Fn(i64) -> String) -> String {
    value.map(write).unwrap_or_default()
}

fn index(value: i64) -> String {
    figure::decimal(value, 6, 4)
}

fn share(value: i64) -> String {
    figure::percent(value, 1)
}

/// The figures of all stays or of a line, in the order of the columns.
fn cells(lang: Lang, question: &Question, board: &Board, total: &Total, line: Option<&LineKey>) -> Vec<Shown> {
    let cell = |id| figure::shown_cell(lang, question, board, id, line);
    let out = |counted: u64| (counted, total.stays.saturating_sub(counted));
    let compared = |of: &crate::analysis::Compared| (of.stays, of.left_out);
    let weight = own(question, Figure::Weight, figure::decimal(total.weight_e6, 6, 2), out(total.weighted), line);
    let balance = total.balance();
    vec![
        cell(figure::STAYS),
        own(question, Figure::Groups, figure::grouped(&total.groups.to_string()), (total.grouped, 0), line),
        weight,
        cell(figure::CMI),
        cell(figure::COST),
        cell(figure::DAYS),
        Shown {
            other: text(total.cost_observed_e6(), index),
            ..own(question, Figure::CostIndex, text(total.cost_ratio_e6(), index), compared(&total.cost_index), line)
        },
        Shown {
            other: text(total.time_observed_e6(), index),
            ..own(question, Figure::TimeIndex, text(total.time_ratio_e6(), index), compared(&total.time_index), line)
        },
        own(question, Figure::Shares, text(total.drug_share_e6(), share), out(total.itemised), line),
        own(question, Figure::Shares, text(total.consumable_share_e6(), share), out(total.itemised), line),
        cell(figure::LOW_RISK),
        cell(figure::LOSS),
        Shown {
            tone: balance.map_or("", figure::tone),
            ..own(
                question,
                Figure::Balance,
                balance.map(figure::ten_thousands).unwrap_or_default(),
                out(total.priced),
                line,
            )
        },
    ]
}

fn cards(lang: Lang, question: &Question, board: &Board) -> Vec<Card> {
    let (now, before) = (&board.total, &board.before);
    let count = |count: u64| i64::try_from(count).ok();
    let all = cells(lang, question, board, now, None);
    let card = |words, place: usize, now: Option<i64>, before: Option<i64>, write: &dyn Fn(i64) -> String| Card {
        words,
        shown: all.get(place).cloned().unwrap_or_default(),
        before: before.map(write).unwrap_or_default(),
        change: figure::change(now, before),
    };
    let whole = |value: i64| figure::grouped(&value.to_string());
    let yuan = |value: i64| figure::yuan(Fen(value));
    let money = |value: i64| figure::ten_thousands(Fen(value));
    let days = |value: i64| figure::decimal(value, 2, 2);
    let weight = |value: i64| figure::decimal(value, 6, 2);
    let fine = |value: i64| figure::percent(value, 2);
    let some = |stays: u64, value: u64| (stays > 0).then(|| count(value)).flatten();
    let fen = |amount: Option<Fen>| amount.map(|amount| amount.0);
    vec![
        card("drg_analysis.stays", 0, count(now.stays), some(before.stays, before.stays), &whole),
        card("drg_analysis.groups", 1, count(now.groups), some(before.stays, before.groups), &whole),
        card("drg_analysis.weight", 2, Some(now.weight_e6), (before.weighted > 0).then_some(before.weight_e6), &weight),
        card("drg_analysis.cmi", 3, now.cmi_e6(), before.cmi_e6(), &index),
        card("drg_analysis.cost_mean", 4, fen(now.cost_mean()), fen(before.cost_mean()), &yuan),
        card("drg_analysis.days_mean", 5, now.days_mean_e2(), before.days_mean_e2(), &days),
        card("drg_analysis.cost_index", 6, now.cost_ratio_e6(), before.cost_ratio_e6(), &index),
        card("drg_analysis.time_index", 7, now.time_ratio_e6(), before.time_ratio_e6(), &index),
        card("drg_analysis.drug_share", 8, now.drug_share_e6(), before.drug_share_e6(), &share),
        card("drg_analysis.consumable_share", 9, now.consumable_share_e6(), before.consumable_share_e6(), &share),
        card("drg_analysis.low_risk", 10, now.low_risk_mortality_e6(), before.low_risk_mortality_e6(), &fine),
        card("drg_analysis.balance", 12, fen(now.balance()), fen(before.balance()), &money),
    ]
}

fn lay_out(app: &App, ui: &Ui, question: &Question, board: &Board, form: &Form) -> Table {
    let lang = ui.lang;
    let sort = Sort::of(form.value("sort"));
    let mut order: Vec<(&LineKey, &Total)> = board.lines.iter().collect();
    order.sort_by(|one, other| sort.weight(other.1).cmp(&sort.weight(one.1)).then_with(|| one.0.cmp(other.0)));
    let carried: Vec<&str> = CARRIED.iter().copied().chain(["sort"]).collect();
    let pager = Pager::new(PATH, form, &carried, PAGE_SIZE, order.len());
    let line = |key: &LineKey, total: &Total| {
        let (name, note) = figure::line_name(ui, app, question.by, key);
        let pairs = question.pairs(Some(key));
        let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let deeper = match question.by {
            By::Institution => "department",
            By::Department | By::Mdc => "drg",
            By::Physician => "drg",
            By::Drg => "department",
        };
        pairs.extend([("by", deeper), ("versus", form.value("versus"))]);
        let href = format!("{PATH}{}", query(&pairs));
        Line { name, note, href, cells: cells(lang, question, board, total, Some(key)) }
    };
    let lines =
        order.iter().skip(pager.offset()).take(PAGE_SIZE).map(|(key, total)| line(key, total)).collect::<Vec<_>>();
    let bands = (0u8..).zip(board.total.bands).map(|(band, count)| {
        let of = |of: Figure, count: u64| own(question, of, figure::grouped(&count.to_string()), (count, 0), None);
        let mortality = crate::analysis::share_e6(
            i64::try_from(count.deaths).unwrap_or(i64::MAX),
            i64::try_from(count.stays).unwrap_or(i64::MAX),
        );
        Band {
            words: ui.word("drg_analysis_band", &band.to_string()),
            stays: of(Figure::Band(band), count.stays),
            deaths: of(Figure::Deaths(band), count.deaths),
            mortality: mortality.map(|value| figure::percent(value, 2)).unwrap_or_default(),
        }
    });
    let spread = &board.yardstick.bands;
    let unbanded = board.total.unbanded;
    let bands_note = match (spread.ln_mean, spread.ln_deviation) {
        (Some(mean), Some(deviation)) => ui.t_with(
            "drg_analysis.bands_note",
            &[
                ("groups", &spread.deadly_group_count.to_string()),
                ("mean", &format!("{mean:.3}")),
                ("deviation", &format!("{deviation:.3}")),
            ],
        ),
        _ => ui.t("drg_analysis.bands_none").to_owned(),
    };
    let named = |key: &LineKey| figure::line_name(ui, app, question.by, key);
    let bars = bars(&board.lines, named);
    let chart_width = (40 + 76 * i32::try_from(bars.len()).unwrap_or(0)).max(800);
    Table {
        cards: cards(lang, question, board),
        lines,
        total: Line {
            name: ui.t("drg_analysis.total").to_owned(),
            note: String::new(),
            href: String::new(),
            cells: cells(lang, question, board, &board.total, None),
        },
        bands: bands.collect(),
        unbanded: own(question, Figure::Unbanded, figure::grouped(&unbanded.to_string()), (unbanded, 0), None),
        bands_note,
        bars,
        chart_width,
        notes: notes(app, ui),
        pager,
    }
}

/// The lines with the greatest gain or loss, the greatest gain first: gains up from the line at 90, losses down.
fn bars(lines: &std::collections::BTreeMap<LineKey, Total>, name: impl Fn(&LineKey) -> (String, String)) -> Vec<Bar> {
    let mut found: Vec<(&LineKey, Fen)> =
        lines.iter().filter_map(|(key, total)| Some((key, total.balance().filter(|it| it.0 != 0)?))).collect();
    found.sort_by_key(|(_, balance)| std::cmp::Reverse(balance.0.unsigned_abs()));
    found.truncate(BAR_COUNT);
    found.sort_by_key(|(_, balance)| std::cmp::Reverse(balance.0));
    let most = found.iter().map(|(_, balance)| balance.0.unsigned_abs()).max().unwrap_or(1).max(1);
    let bar = |(place, (key, balance)): (i32, (&LineKey, Fen))| {
        let (x, is_loss) = (56 + 76 * place, balance.0 < 0);
        let height = 62.0 * (balance.0.unsigned_abs() as f64 / most as f64);
        let (name, note) = name(key);
        let short = |text: String| text.chars().take(6).collect();
        Bar {
            x,
            y: format!("{:.1}", if is_loss { 90.0 } else { 90.0 - height }),
            height: format!("{height:.1}"),
            middle: x + 22,
            label_y: format!("{:.1}", if is_loss { 90.0 + height + 13.0 } else { 85.0 - height }),
            value: figure::ten_thousands(balance),
            name: short(name),
            note: short(note),
            is_loss,
        }
    };
    (0..).zip(found).map(bar).collect()
}

/// What each figure is and where it comes from.
fn notes(app: &App, ui: &Ui) -> Vec<Note> {
    let kit = &app.platform().kit;
    let (measures, sources) = (kit.get::<Measures>(), kit.get::<Sources>());
    let of_measure = |id: &&str| {
        let measure = measures.get(id)?;
        let version = measure.versions.last()?;
        let rule = version.rule(ui.lang);
        Some(Note {
            title: measure.title.get(ui.lang).to_owned(),
            rule: if rule.is_empty() { ui.t("drg_analysis.rule_count").to_owned() } else { rule },
            source: sources.cite(&measure.provenance, ui.lang),
            evidence: t(ui.lang, measure.provenance.evidence.key()),
        })
    };
    let mut notes: Vec<Note> = figure::MEASURES.iter().filter_map(of_measure).collect();
    let usage = "drg-performance-usage";
    for (key, document, evidence) in [
        ("groups", usage, "evidence.recalled"),
        ("weight", usage, "evidence.recalled"),
        ("index_ratio", usage, "evidence.recalled"),
        ("index_observed", "aihw-relative-stay-index", "evidence.verified"),
        ("shares", usage, "evidence.recalled"),
        ("balance", "yiti-defaults", "evidence.default"),
        ("bands", "tertiary-assessment-2025", "evidence.recalled"),
    ] {
        notes.push(Note {
            title: ui.word("drg_analysis_note_title", key),
            rule: ui.word("drg_analysis_note", key),
            source: sources.title(document, ui.lang).to_owned(),
            evidence: t(ui.lang, evidence),
        });
    }
    notes
}
