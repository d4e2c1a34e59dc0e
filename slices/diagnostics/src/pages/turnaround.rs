//! Volume and turn-around by branch and month, each figure open to its readings.
//!
//! Leaves out: targets, freezing of months and explanations (they follow with their own engine parts).
//!
//! INVARIANT: a figure and the list it opens come from the same evaluator over rows read the same way, up to the same
//! instant; so the list is as long as the figure says.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;
use serde_json::json;
use yiti_directory::{InstitutionId, Scope, Tree};
use yiti_kernel::definition::Sources;
use yiti_kernel::{Date, Lang, Timestamp, time};
use yiti_measure::definition::{How, Measure};
use yiti_measure::evaluate::{Ask, Cell, Part, Period, Value};
use yiti_measure::{Batch, Datum, Measures};
use yiti_web::words::t;
use yiti_web::{Access, Answer, App, Asked, Form, MenuItem, Pager, Problem, Slice, Ui, Visitor, invalid, page, query};

use crate::facts::{self, Reading};
use crate::settings::Definitions;
use crate::store::{self, ReadRow};

mod sheet;

const PATH: &str = "/figures/turnaround";
const RECORDS: &str = "/figures/turnaround/records";
/// What both addresses carry of the filter.
const FILTER: [&str; 6] = ["last", "from", "to", "modality", "priority", "by"];
/// The columns of the first table, in their order.
const TIMES: [&str; 7] = [
    VOLUME,
    REMOTE_MEDIAN,
    "diagnostics.read_remote_p90",
    REMOTE_IN_TIME,
    "diagnostics.read_whole_median",
    "diagnostics.read_whole_p90",
    WHOLE_IN_TIME,
];
/// The columns of the second table.
const QUALITY: [&str; 4] = [
    "diagnostics.image_fit_ratio",
    "diagnostics.image_grade_a_ratio",
    "diagnostics.double_signed_ratio",
    "diagnostics.positive_ratio",
];
const VOLUME: &str = "diagnostics.read_volume";
const REMOTE_MEDIAN: &str = "diagnostics.read_remote_median";
const REMOTE_IN_TIME: &str = "diagnostics.read_remote_in_time_ratio";
const WHOLE_IN_TIME: &str = "diagnostics.read_whole_in_time_ratio";
const PRIORITIES: [&str; 3] = ["stat", "urgent", "routine"];
/// The longest time figures are shown for at once.
const MONTH_COUNT_MAX: usize = 36;
const PAGE_SIZE: usize = 50;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice
        .get(PATH, Access::Permission("measure.read"), figures)
        .get("/figures/turnaround.xlsx", Access::Permission("measure.read"), export)
        .get(RECORDS, Access::Permission("measure.records"), records)
        .menu(&[MenuItem {
            key: "turnaround",
            group: "figures",
            path: PATH,
            permission: "measure.read",
            icon: "gauge",
        }])
}

/// By what the rows of the table are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Institution,
    Month,
    Both,
}

impl By {
    const KEYS: [(&'static str, Self); 3] =
        [("institution", Self::Institution), ("month", Self::Month), ("both", Self::Both)];

    fn of(text: &str) -> Self {
        Self::KEYS.iter().find(|(key, _)| *key == text).map_or(Self::Institution, |(_, by)| *by)
    }
}

/// The first day of a month.
fn month_start(text: &str) -> Option<Date> {
    (text.len() == 7).then(|| format!("{text}-01").parse().ok()).flatten()
}

fn next_month(day: Date) -> Option<Date> {
    day.last_of_month().tomorrow().ok()
}

fn month_text(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// What is asked: months, filter, and up to which instant rows are read.
#[derive(Debug, Clone)]
struct Question {
    months: Vec<Date>,
    modality: String,
    priority: String,
    at: Timestamp,
    scope: Scope,
}

impl Question {
    /// Reads the address; what is wrong with it stands in `form.errors`.
    fn read(form: &mut Form, now: Timestamp, scope: Scope, definitions: &Definitions) -> Self {
        let this_month = time::day(now).first_of_month();
        let mut bound = |name: &str| {
            let text = form.value(name).to_owned();
            let day = month_start(&text);
            if day.is_none() && !text.is_empty() {
                form.errors.add(name, "figures.no_month", &[]);
            }
            day
        };
        let (from, to) = (bound("from"), bound("to"));
        let last: usize = match form.value("last") {
            "6" => 6,
            "12" => 12,
            _ => 3,
        };
        let back = |day: Date, by: usize| (1..by).fold(day, |day, _| day.yesterday().unwrap_or(day).first_of_month());
        let (from, to) = match (from, to) {
            (Some(from), to) => (from, to.unwrap_or(this_month)),
            (None, to) => {
                let to = to.unwrap_or(this_month);
                (back(to, last), to)
            }
        };
        let months: Vec<Date> = std::iter::successors(Some(from), |day| next_month(*day))
            .take_while(|day| *day <= to)
            .take(MONTH_COUNT_MAX + 1)
            .collect();
        if months.is_empty() {
            form.errors.add("to", "figures.to_before_from", &[]);
        } else if months.len() > MONTH_COUNT_MAX {
            form.errors.add("from", "figures.too_long", &[("max", &MONTH_COUNT_MAX.to_string())]);
        }
        let known = |name: &str, is_known: bool| if is_known { form.value(name).to_owned() } else { String::new() };
        let modality = known("modality", definitions.exams.iter().any(|exam| exam.modality == form.value("modality")));
        let priority = known("priority", PRIORITIES.contains(&form.value("priority")));
        let at = form.value("at").parse().ok().map(time::from_micros).filter(|at| *at <= now).unwrap_or(now);
        Self { months, modality, priority, at, scope }
    }

    fn period(&self) -> Option<Period> {
        Period::new(*self.months.first()?, next_month(*self.months.last()?)?)
    }

    /// Up to before this instant rows are read: the end of the period or the moment of the figures.
    fn span(&self, month: Option<Date>) -> Option<(Timestamp, Timestamp)> {
        let (first, last) = (month.or(self.months.first().copied())?, month.or(self.months.last().copied())?);
        let after = time::from_micros(self.at.as_microsecond() + 1);
        Some((time::day_start(first), time::day_start(next_month(last)?).min(after)))
    }

    /// Whose rows these are, as it stands in the receipt.
    fn scope_text(&self) -> String {
        let mut text = format!("tree {}-{}", self.scope.low, self.scope.high);
        for (name, value) in [("modality", &self.modality), ("priority", &self.priority)] {
            if !value.is_empty() {
                text.push_str(&format!(" {name} {value}"));
            }
        }
        text
    }

    fn ask(&self, group_by: &[&str]) -> Option<Ask> {
        Some(Ask {
            group_by: group_by.iter().map(|name| (*name).to_owned()).collect(),
            period: self.period()?,
            scope: self.scope_text(),
            as_of: self.at,
        })
    }

    /// The readings of the whole time, or of one month of it.
    async fn readings(&self, app: &App, month: Option<Date>) -> Result<Vec<Reading>, Problem> {
        let Some(span) = self.span(month) else { return Ok(Vec::new()) };
        let mut reader = app.platform().store.read().await?;
        Ok(store::measured(&mut reader, self.scope, span, &self.modality, &self.priority).await?)
    }

    /// The address of the readings behind a figure.
    fn href(&self, measure: &str, institution: &str, month: &str, part: &str) -> String {
        let text = |day: Option<&Date>| day.map(|day| month_text(*day)).unwrap_or_default();
        let pairs = [
            ("measure", measure),
            ("institution", institution),
            ("month", month),
            ("part", part),
            ("from", &text(self.months.first())),
            ("to", &text(self.months.last())),
            ("modality", &self.modality),
            ("priority", &self.priority),
            ("at", &self.at.as_microsecond().to_string()),
        ];
        format!("{RECORDS}{}", query(&pairs))
    }
}

/// The group of one figure: institution and month, either may be all.
type Key = (Option<InstitutionId>, Option<String>);

/// All figures of the page.
struct Board {
    cells: HashMap<(String, Key), Cell>,
}

impl Board {
    fn compute(measures: &Measures, batch: &Batch, question: &Question, by: By, chosen: &str) -> Result<Self, Problem> {
        let mut cells = HashMap::new();
        let mut add = |id: &str, group_by: &[&str]| -> Result<(), Problem> {
            let (Some(measure), Some(ask)) = (measures.get(id), question.ask(group_by)) else { return Ok(()) };
            for cell in yiti_measure::evaluate(measure, batch, &ask).map_err(refused)? {
                cells.insert((id.to_owned(), key_of(&cell.group)), cell);
            }
            Ok(())
        };
        if by == By::Both {
            for group_by in [&["institution_id", "month"][..], &["institution_id"], &["month"], &[]] {
                add(chosen, group_by)?;
            }
        } else {
            let split = if by == By::Month { "month" } else { "institution_id" };
            for id in TIMES.iter().chain(&QUALITY) {
                add(id, &[split])?;
                add(id, &[])?;
            }
            // For the small lines of each branch.
            add(REMOTE_MEDIAN, &["institution_id", "month"])?;
            add(REMOTE_MEDIAN, &["month"])?;
        }
        Ok(Self { cells })
    }

    fn get(&self, id: &str, key: &Key) -> Option<&Cell> {
        self.cells.get(&(id.to_owned(), key.clone()))
    }
}

fn key_of(group: &[Datum]) -> Key {
    let mut key = (None, None);
    for field in group {
        match field {
            Datum::Id(id) => key.0 = Some(InstitutionId(*id)),
            Datum::Text(month) => key.1 = Some(month.clone()),
            _ => {}
        }
    }
    key
}

fn refused(refused: yiti_measure::evaluate::Refused) -> Problem {
    match refused {
        yiti_measure::evaluate::Refused::NotInForce { from, .. } => {
            Problem::refused("figures.not_in_force").with("from", from)
        }
        other => Problem::failed(other),
    }
}

/// One figure as shown.
#[derive(Debug, Clone, Default)]
struct Shown {
    /// The value; empty when there is no row.
    text: String,
    /// Rows behind it.
    count: u64,
    href: String,
    /// A rate: numerator and where it opens.
    numerator: Option<(u64, String)>,
    /// The width of its bar, 0 to 100.
    meter: Option<String>,
    /// Rows left out because a field is missing, and where they open.
    excluded: u64,
    excluded_href: String,
    /// The value as a number.
    number: Option<f64>,
}

fn shown(lang: Lang, question: &Question, id: &str, key: &Key, cell: Option<&Cell>) -> Shown {
    let Some(cell) = cell else { return Shown::default() };
    let institution = key.0.map(|id| id.to_string()).unwrap_or_default();
    let month = key.1.clone().unwrap_or_default();
    let href = |part: &str| question.href(id, &institution, &month, part);
    let number = cell.value.to_f64();
    let percent = |n: f64| format!("{:.1}", n * 100.0);
    Shown {
        text: value_text(lang, cell.value),
        count: cell.denominator_count,
        href: href("denominator"),
        numerator: matches!(cell.value, Value::Ratio { .. }).then(|| (cell.numerator_count, href("numerator"))),
        meter: number.filter(|_| matches!(cell.value, Value::Ratio { .. })).map(percent),
        excluded: cell.excluded_missing_count,
        excluded_href: href("excluded"),
        number,
    }
}

/// The value in words: `95.0%`, `51 min`; nothing when there is none.
fn value_text(lang: Lang, value: Value) -> String {
    match value {
        Value::Empty => String::new(),
        Value::Count(count) => grouped(count),
        Value::Ratio { .. } => value.to_f64().map(|n| format!("{:.1}%", n * 100.0)).unwrap_or_default(),
        Value::Rank(minutes) => format!("{minutes} {}", t(lang, "figures.minutes")),
        Value::Mean { .. } => value.to_f64().map(|n| format!("{n:.1}")).unwrap_or_default(),
    }
}

/// `1,045`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A line of a table.
struct Line {
    name: String,
    times: Vec<Shown>,
    quality: Vec<Shown>,
    /// Points of the small line of medians, the last point apart.
    spark: Option<(String, (String, String))>,
}

/// A bar of the chart.
struct Bar {
    x: i32,
    y: String,
    height: String,
    middle: i32,
    label_y: String,
    value: String,
    name: String,
}

/// The definition under the figures.
struct Note {
    id: String,
    title: String,
    version: String,
    from: String,
    source: String,
    evidence: &'static str,
    rule: String,
    receipt: String,
    is_proxy: bool,
}

/// What the page and the sheet are made of.
struct Table {
    lines: Vec<Line>,
    total: Line,
    bars: Vec<Bar>,
    chart_width: i32,
    notes: Vec<Note>,
}

#[derive(Template)]
#[template(path = "turnaround.html")]
struct FiguresPage {
    ui: Ui,
    form: Form,
    by: By,
    lasts: Vec<(String, String)>,
    modalities: Vec<(String, String)>,
    priorities: Vec<(String, String)>,
    bys: Vec<(String, String)>,
    measures: Vec<(String, String)>,
    /// The months of the columns when split by both.
    months: Vec<String>,
    span: String,
    as_of: String,
    export: String,
    table: Option<Table>,
}

async fn figures(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    let definitions = app.platform().kit.get::<Definitions>();
    let measures = app.platform().kit.get::<Measures>();
    let question = Question::read(&mut form, app.now(), visitor.actor.scope, &definitions);
    let by = By::of(form.value("by"));
    let chosen = chosen_measure(&measures, &form);
    let ui = Ui::new(&app, &visitor, "figures.title").await;
    let words = |area: &str, key: &str| (key.to_owned(), ui.word(area, key));
    let is_valid = form.is_valid();
    let table = if is_valid { Some(table(&app, &visitor, &question, by, &chosen).await?) } else { None };
    let modalities: BTreeSet<&str> = definitions.exams.iter().map(|exam| exam.modality.as_str()).collect();
    let title = |id: &str| measures.get(id).map_or(id, |m| m.title.get(visitor.lang)).to_owned();
    let shown = FiguresPage {
        lasts: ["3", "6", "12"].map(|n| (n.to_owned(), ui.t_with("figures.last_months", &[("n", n)]))).to_vec(),
        modalities: modalities.into_iter().map(|m| (m.to_owned(), m.to_owned())).collect(),
        priorities: PRIORITIES.map(|key| words("urgency", key)).to_vec(),
        bys: By::KEYS.map(|(key, _)| words("figures_by", key)).to_vec(),
        measures: TIMES.iter().chain(&QUALITY).map(|id| ((*id).to_owned(), title(id))).collect(),
        months: question.months.iter().map(|day| month_text(*day)).collect(),
        span: span_text(&question),
        as_of: ui.minute(&question.at),
        export: export_href(&form),
        by,
        table,
        form,
        ui,
    };
    if is_valid { page(&shown) } else { invalid(&shown) }
}

fn chosen_measure(measures: &Measures, form: &Form) -> String {
    let asked = form.value("measure");
    let is_shown = TIMES.iter().chain(&QUALITY).any(|id| *id == asked) && measures.get(asked).is_some();
    if is_shown { asked.to_owned() } else { VOLUME.to_owned() }
}

fn span_text(question: &Question) -> String {
    let text = |day: Option<&Date>| day.map(|day| month_text(*day)).unwrap_or_default();
    let (first, last) = (text(question.months.first()), text(question.months.last()));
    if first == last { first } else { format!("{first} \u{2013} {last}") }
}

fn export_href(form: &Form) -> String {
    let pairs: Vec<(&str, &str)> = FILTER.iter().chain(&["measure"]).map(|name| (*name, form.value(name))).collect();
    format!("/figures/turnaround.xlsx{}", query(&pairs))
}

/// Reads, evaluates beside the server's tasks, and lays out.
async fn table(app: &App, visitor: &Visitor, question: &Question, by: By, chosen: &str) -> Result<Table, Problem> {
    let (tree, kit) = (app.platform().tree(), &app.platform().kit);
    let (measures, sources) = (kit.get::<Measures>(), kit.get::<Sources>());
    let readings = question.readings(app, None).await?;
    let (question, chosen, lang) = (question.clone(), chosen.to_owned(), visitor.lang);
    let work = move || {
        let batch = facts::batch(&readings, &tree).map_err(Problem::failed)?;
        let board = Board::compute(&measures, &batch, &question, by, &chosen)?;
        Ok(lay_out((lang, &sources), &tree, &measures, &board, &question, by, &chosen))
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::failed)?
}

fn lay_out(
    (lang, sources): (Lang, &Sources),
    tree: &Tree,
    measures: &Measures,
    board: &Board,
    question: &Question,
    by: By,
    chosen: &str,
) -> Table {
    let months: Vec<String> = question.months.iter().map(|day| month_text(*day)).collect();
    let with_rows: BTreeSet<InstitutionId> = board.cells.keys().filter_map(|(_, key)| key.0).collect();
    let institutions: Vec<InstitutionId> =
        tree.within(question.scope).map(|node| node.id).filter(|id| with_rows.contains(id)).collect();
    let figure = |id: &str, key: &Key| shown(lang, question, id, key, board.get(id, key));
    let line = |name: String, key: Key| {
        let (times, quality) = if by == By::Both {
            let of_month = |month: &String| figure(chosen, &(key.0, Some(month.clone())));
            (months.iter().map(of_month).chain([figure(chosen, &key)]).collect(), Vec::new())
        } else {
            (TIMES.map(|id| figure(id, &key)).into(), QUALITY.map(|id| figure(id, &key)).into())
        };
        let medians: Vec<Option<f64>> = months
            .iter()
            .map(|month| board.get(REMOTE_MEDIAN, &(key.0, Some(month.clone())))?.value.to_f64())
            .collect();
        Line { name, times, quality, spark: if by == By::Institution { spark(&medians) } else { None } }
    };
    let lines: Vec<Line> = if by == By::Month {
        months.iter().map(|month| line(month.clone(), (None, Some(month.clone())))).collect()
    } else {
        institutions.iter().map(|id| line(tree.name(*id).to_owned(), (Some(*id), None))).collect()
    };
    let names: Vec<String> = if by == By::Month {
        months.clone()
    } else {
        institutions.iter().map(|id| tree.short_name(*id).to_owned()).collect()
    };
    let charted = |line: &Line| {
        if by == By::Both { line.times.last().cloned() } else { line.times.get(3).cloned() }.unwrap_or_default()
    };
    let bars = bars(&names, &lines.iter().map(charted).collect::<Vec<_>>());
    let listed: Vec<&str> = if by == By::Both { vec![chosen] } else { TIMES.iter().chain(&QUALITY).copied().collect() };
    let notes = listed
        .iter()
        .filter_map(|id| Some(note((lang, sources), measures.get(id)?, question, board.get(id, &(None, None)))))
        .collect();
    let chart_width = (40 + 76 * i32::try_from(bars.len()).unwrap_or(0)).max(800);
    Table { total: line(t(lang, "figures.total").to_owned(), (None, None)), lines, bars, chart_width, notes }
}

fn note((lang, sources): (Lang, &Sources), measure: &Measure, question: &Question, total: Option<&Cell>) -> Note {
    let until = question.period().map(|period| period.until());
    let version =
        measure.versions.iter().rev().find(|version| until.is_some_and(|until| version.effective_from < until));
    Note {
        id: measure.id.clone(),
        title: measure.title.get(lang).to_owned(),
        version: version.map(|version| version.digest.clone()).unwrap_or_default(),
        from: version.map(|version| version.effective_from.to_string()).unwrap_or_default(),
        source: sources.cite(&measure.provenance, lang),
        evidence: t(lang, measure.provenance.evidence.key()),
        rule: version.map(|version| version.rule(lang)).unwrap_or_default(),
        receipt: total.map(|cell| cell.receipt.id()).unwrap_or_default(),
        is_proxy: measure.is_proxy,
    }
}

/// The points of a small line of 100 by 26, and its last point; nothing with fewer than two values.
fn spark(values: &[Option<f64>]) -> Option<(String, (String, String))> {
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    let (low, high) = (known.iter().copied().reduce(f64::min)?, known.iter().copied().reduce(f64::max)?);
    if known.len() < 2 {
        return None;
    }
    let height = (high - low).max(1.0);
    let step = 92.0 / (values.len() - 1) as f64;
    let points: Vec<(String, String)> = values
        .iter()
        .enumerate()
        .filter_map(|(place, value)| {
            let value = (*value)?;
            Some((format!("{:.1}", 4.0 + step * place as f64), format!("{:.1}", 22.0 - 18.0 * (value - low) / height)))
        })
        .collect();
    let line: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    Some((line.join(" "), points.last()?.clone()))
}

/// Bars between the lines at 20 (the most) and 160 (zero): rates up to 100, others up to the largest.
fn bars(names: &[String], figures: &[Shown]) -> Vec<Bar> {
    let is_rate = figures.iter().any(|figure| figure.meter.is_some());
    let most = if is_rate { 1.0 } else { figures.iter().filter_map(|f| f.number).fold(1.0, f64::max) };
    let mut bars = Vec::new();
    for (name, figure) in names.iter().zip(figures) {
        let Some(number) = figure.number else { continue };
        let (x, height) = (56 + 76 * i32::try_from(bars.len()).unwrap_or(0), 140.0 * number / most);
        bars.push(Bar {
            x,
            y: format!("{:.1}", 160.0 - height),
            height: format!("{height:.1}"),
            middle: x + 22,
            label_y: format!("{:.1}", 155.0 - height),
            value: figure.text.trim_end_matches('%').to_owned(),
            name: name.chars().take(7).collect(),
        });
    }
    bars
}

/// One reading in a list.
struct Record {
    number: String,
    href: String,
    patient: String,
    exam: String,
    priority: &'static str,
    institution: String,
    examined: String,
    arrived: String,
    issued: String,
    minutes: String,
    minutes_whole: String,
    is_late: bool,
    is_late_whole: bool,
    grade: String,
    signs: String,
    is_positive: Option<bool>,
}

/// A part of a figure with its count and its address.
struct Tab {
    words: String,
    count: u64,
    href: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "turnaround_records.html")]
struct RecordsPage {
    ui: Ui,
    back: String,
    value: String,
    place: String,
    tabs: Vec<Tab>,
    part: String,
    count: usize,
    rows: Vec<Record>,
    pager: Pager,
    note: Note,
    as_of: String,
}

/// The parts a list may show: those of the evaluator, and of a rate what is in the denominator alone.
fn parts(how: How) -> &'static [(&'static str, Option<Part>)] {
    match how {
        How::Ratio => &[
            ("denominator", Some(Part::Denominator)),
            ("numerator", Some(Part::Numerator)),
            ("missed", None),
            ("excluded", Some(Part::Excluded)),
            ("all", Some(Part::All)),
        ],
        How::Count | How::Percentile(_) | How::Mean => {
            &[("denominator", Some(Part::Denominator)), ("excluded", Some(Part::Excluded)), ("all", Some(Part::All))]
        }
    }
}

/// A figure taken apart: its cell and the places of its rows by part.
struct Opened {
    cell: Option<Cell>,
    parts: Vec<(&'static str, Vec<usize>)>,
}

fn open(measure: &Measure, batch: &Batch, ask: &Ask, group: &[Datum]) -> Result<Opened, Problem> {
    let rows = |part| yiti_measure::rows(measure, batch, ask, group, part).map_err(refused);
    let cells = yiti_measure::evaluate(measure, batch, ask).map_err(refused)?;
    let mut opened = Vec::new();
    for (name, part) in parts(measure.how) {
        let list = match part {
            Some(part) => rows(*part)?,
            None => {
                let reached: BTreeSet<usize> = rows(Part::Numerator)?.into_iter().collect();
                rows(Part::Denominator)?.into_iter().filter(|row| !reached.contains(row)).collect()
            }
        };
        opened.push((*name, list));
    }
    Ok(Opened { cell: cells.into_iter().find(|cell| cell.group == group), parts: opened })
}

async fn records(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    let kit = &app.platform().kit;
    let (definitions, measures) = (kit.get::<Definitions>(), kit.get::<Measures>());
    let measure = measures.get(&chosen_measure(&measures, &form)).filter(|m| m.id == form.value("measure"));
    let measure = measure.ok_or(Problem::NotFound)?.clone();
    let question = Question::read(&mut form, app.now(), visitor.actor.scope, &definitions);
    let tree = app.platform().tree();
    let institution: Option<InstitutionId> = form.optional("institution");
    let month = form.value("month").to_owned();
    let in_reach = institution.is_none_or(|id| tree.reaches(visitor.actor.scope, id));
    let known_month = month.is_empty() || question.months.iter().any(|day| month_text(*day) == month);
    if !form.is_valid() || !in_reach || !known_month {
        return Err(Problem::NotFound);
    }
    let readings: Arc<[Reading]> = question.readings(&app, month_start(&month)).await?.into();
    let (mut group_by, mut group) = (Vec::new(), Vec::new());
    if let Some(id) = institution {
        group_by.push("institution_id");
        group.push(Datum::Id(id.0));
    }
    if !month.is_empty() {
        group_by.push("month");
        group.push(Datum::Text(month.clone()));
    }
    let ask = question.ask(&group_by).ok_or(Problem::NotFound)?;
    let work = {
        let (readings, tree, measure) = (readings.clone(), tree.clone(), measure.clone());
        move || {
            let batch = facts::batch(&readings, &tree).map_err(Problem::failed)?;
            open(&measure, &batch, &ask, &group)
        }
    };
    let opened = tokio::task::spawn_blocking(work).await.map_err(Problem::failed)??;
    let asked_part = form.value("part").to_owned();
    let part = opened.parts.iter().find(|(name, _)| *name == asked_part).or(opened.parts.first());
    let (part, list) = part.map_or(("denominator", Vec::new()), |(name, list)| (*name, list.clone()));
    let carried = ["measure", "institution", "month", "from", "to", "modality", "priority", "at", "part"];
    let pager = Pager::new(RECORDS, &form, &carried, PAGE_SIZE, list.len());
    let ids: Vec<_> =
        list.iter().skip(pager.offset()).take(PAGE_SIZE).filter_map(|row| Some(readings.get(*row)?.id)).collect();

    let reads = journaled_reads(&app, &visitor, ids, &measure.id, (part, list.len())).await?;
    let ui = Ui::new(&app, &visitor, "figures.records").await;
    let names = people_names(&app, &reads).await?;
    let rows = reads.iter().map(|read| record(&ui, &visitor, &tree, &definitions, &names, read)).collect();
    let cell = opened.cell.as_ref();
    let institution_text = institution.map(|id| id.to_string()).unwrap_or_default();
    let tab = |(name, list): &(&'static str, Vec<usize>)| Tab {
        words: part_words(&ui, &measure, name),
        count: u64::try_from(list.len()).unwrap_or_default(),
        href: question.href(&measure.id, &institution_text, &month, name),
        is_current: *name == part,
    };
    let tabs = opened.parts.iter().map(tab).collect();
    let place = institution.map_or_else(|| ui.t("figures.total").to_owned(), |id| tree.name(id).to_owned());
    let when = if month.is_empty() { span_text(&question) } else { month.clone() };
    let (from, to) = (form.value("from").to_owned(), form.value("to").to_owned());
    let back =
        query(&[("from", &from), ("to", &to), ("modality", &question.modality), ("priority", &question.priority)]);
    let shown = RecordsPage {
        back: format!("{PATH}{back}"),
        value: cell.map(|cell| value_text(visitor.lang, cell.value)).unwrap_or_default(),
        place: format!("{place} \u{b7} {when}"),
        tabs,
        part: part_words(&ui, &measure, part),
        count: list.len(),
        rows,
        pager,
        note: note((visitor.lang, &app.platform().kit.get()), &measure, &question, cell),
        as_of: ui.minute(&question.at),
        ui: ui.titled(measure.title.get(visitor.lang)),
    };
    page(&shown)
}

/// A part in words; what is in a rate's numerator depends on the rate.
fn part_words(ui: &Ui, measure: &Measure, part: &str) -> String {
    let is_time = measure.id == REMOTE_IN_TIME || measure.id == WHOLE_IN_TIME;
    match (part, is_time) {
        ("numerator", true) => ui.t("figures_part.in_time").to_owned(),
        ("missed", true) => ui.t("figures_part.late").to_owned(),
        _ => ui.word("figures_part", part),
    }
}

/// The readings of one page of a list; that they were looked at stands in the journal first.
async fn journaled_reads(
    app: &App,
    visitor: &Visitor,
    ids: Vec<yiti_flow::CaseId>,
    measure: &str,
    (part, count): (&'static str, usize),
) -> Result<Vec<ReadRow>, Problem> {
    let (scope, here, shown) = (visitor.actor.scope, visitor.here.clone(), ids.len());
    let detail = json!({ "measure": measure, "part": part, "rows": count, "shown": shown, "filter": here });
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move { cx.journal_read(("patient_list", None), None, "quality", detail).await })
        })
        .await?;
    let mut reader = app.platform().store.read().await?;
    let mut reads = Vec::with_capacity(ids.len());
    for id in ids {
        reads.push(store::get(&mut reader, scope, id).await?);
    }
    Ok(reads)
}

/// Names of those who signed.
async fn people_names(app: &App, reads: &[ReadRow]) -> Result<HashMap<yiti_directory::PersonId, String>, Problem> {
    let mut reader = app.platform().store.read().await?;
    let ids: BTreeSet<_> = reads.iter().flat_map(|read| [read.author, read.approver]).flatten().collect();
    let mut names = HashMap::new();
    for id in ids {
        names.insert(id, yiti_directory::people::person(&mut reader, id).await?.name);
    }
    Ok(names)
}

fn record(
    ui: &Ui,
    visitor: &Visitor,
    tree: &Tree,
    definitions: &Definitions,
    names: &HashMap<yiti_directory::PersonId, String>,
    read: &ReadRow,
) -> Record {
    let short = |at: Option<Timestamp>| at.map(|at| ui.short_time(&at)).unwrap_or_default();
    let minutes = |from: Option<Timestamp>| {
        let (from, to) = from.zip(read.first_issued_at)?;
        Some(time::minutes_between(from, to).to_string())
    };
    let late = |due: Option<Timestamp>| due.zip(read.first_issued_at).is_some_and(|(due, at)| at > due);
    let grade = read.grade.as_ref().map(|key| {
        let grades = &definitions.score_sheet.grades;
        grades.iter().find(|grade| grade.id == *key).map_or(key.as_str(), |grade| grade.name.get(ui.lang)).to_owned()
    });
    let name = |id: Option<yiti_directory::PersonId>| id.and_then(|id| names.get(&id)).cloned();
    let signs: Vec<String> = [name(read.author), name(read.approver)].into_iter().flatten().collect();
    let report = read.report.filter(|_| visitor.may("diagnostics.report.read"));
    Record {
        number: read.accession_number.clone(),
        href: report.map(|id| format!("/reports/{id}")).unwrap_or_default(),
        patient: read.patient_name.clone(),
        exam: definitions.exam_name(&read.exam_code, ui.lang).to_owned(),
        priority: read.priority.key(),
        institution: tree.short_name(read.institution).to_owned(),
        examined: short(read.examined_at),
        arrived: short(read.arrived_at),
        issued: short(read.first_issued_at),
        minutes: minutes(read.arrived_at).unwrap_or_default(),
        minutes_whole: minutes(read.examined_at).unwrap_or_default(),
        is_late: late(read.due.map(|due| due.at)),
        is_late_whole: late(read.due_whole_at),
        grade: grade.unwrap_or_default(),
        signs: signs.join(" / "),
        is_positive: read.is_positive,
    }
}

/// What is filtered, as a workbook.
async fn export(State(app): State<App>, visitor: Visitor, Asked(mut form): Asked) -> Answer {
    let definitions = app.platform().kit.get::<Definitions>();
    let measures = app.platform().kit.get::<Measures>();
    let question = Question::read(&mut form, app.now(), visitor.actor.scope, &definitions);
    if !form.is_valid() {
        return Err(Problem::Malformed);
    }
    let (by, chosen) = (By::of(form.value("by")), chosen_measure(&measures, &form));
    let table = table(&app, &visitor, &question, by, &chosen).await?;
    let titles: Vec<String> = if by == By::Both {
        question
            .months
            .iter()
            .map(|day| month_text(*day))
            .chain([t(visitor.lang, "figures.total").to_owned()])
            .collect()
    } else {
        let title = |id: &&str| measures.get(id).map_or(*id, |m| m.title.get(visitor.lang)).to_owned();
        TIMES.iter().chain(&QUALITY).map(title).collect()
    };
    let bytes = sheet::write(visitor.lang, &titles, &table, &question).map_err(Problem::failed)?;
    let name = format!("attachment; filename=\"turnaround-{}.xlsx\"", month_text(time::day(question.at)));
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}
