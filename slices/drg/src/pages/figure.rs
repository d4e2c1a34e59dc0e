//! What the pages of figures share: the question in the address, the board that answers it, numbers as shown.
//!
//! INVARIANT: a figure and the list it opens come from the same stays: sums and lists are read under the same conditions,
//! and a stay of a list is one of a sum by [`GroupSum::of`] and [`crate::analysis::Figure::takes`], so the list is as long
//! as the figure says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use yiti_directory::{InstitutionId, Scope};
use yiti_kernel::{Date, Fen, Lang, Timestamp, time};
use yiti_measure::Measures;
use yiti_measure::definition::Measure;
use yiti_measure::evaluate::{Ask, Period, Value};
use yiti_web::words::t;
use yiti_web::{App, Form, Problem, Ui, Visitor, query};

pub(super) use super::shared::yuan;
use crate::actions;
use crate::analysis::{By, GroupSum, LineKey, Stay, Total, Yardstick, split};
use crate::analysis_acts::{Error, month_text};
use crate::compare::{Analysis, before};
use crate::facts;
use crate::measured::{Counted, Rule, line_of};
use crate::quarter::Quarter;
use crate::store::Reach;
use crate::store_analysis::{self as rows, EMPTY, Slice};

/// The list behind a figure.
pub(super) const CASES: &str = "/drg/analysis/cases";
/// The longest time figures are shown for at once.
const MONTH_COUNT_MAX: usize = 24;
/// What the measure engine gives, in the order of [`Board::cell`].
pub(super) const MEASURES: [&str; 7] = [STAYS, CMI, COST, DAYS, GROUPED, LOSS, LOW_RISK];
pub(super) const STAYS: &str = "drg.stays";
pub(super) const CMI: &str = "drg.cmi";
pub(super) const COST: &str = "drg.cost_mean";
pub(super) const DAYS: &str = "drg.stay_days_mean";
pub(super) const GROUPED: &str = "drg.grouped_ratio";
pub(super) const LOSS: &str = "drg.loss_ratio";
pub(super) const LOW_RISK: &str = "drg.low_risk_mortality";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let key = error.key();
        match error {
            Error::Forbidden(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::NotOver(quarter) | Error::AlreadyFrozen(quarter) => Self::refused(key).with("quarter", quarter),
            Error::NothingToJustify => Self::refused(key),
        }
    }
}

/// The first day of a month.
pub(super) fn month_start(text: &str) -> Option<Date> {
    (text.len() == 7).then(|| format!("{text}-01").parse().ok()).flatten()
}

fn next_month(day: Date) -> Option<Date> {
    day.last_of_month().tomorrow().ok()
}

/// With which months figures are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versus {
    /// As many months just before.
    Before,
    /// The same months a year before.
    Year,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// First days of the months.
    pub(super) months: Vec<Date>,
    pub(super) slice: Slice,
    pub(super) versus: Versus,
    pub(super) by: By,
}

impl Question {
    /// Reads the address; what is wrong with it stands in `form.errors`.
    pub(super) fn read(form: &mut Form, now: Timestamp) -> Self {
        let this_month = time::day(now).first_of_month();
        let quarter = form.value("quarter").parse::<Quarter>().map(Quarter::days);
        let mut bound = |name: &str| {
            let text = form.value(name).to_owned();
            let day = month_start(&text);
            if day.is_none() && !text.is_empty() {
                form.errors.add(name, "figures.no_month", &[]);
            }
            day
        };
        // A figure of a quarter says its quarter only.
        let (from, to) = match quarter {
            Ok((from, to)) => (Some(from), Some(to.first_of_month())),
            Err(()) => (bound("from"), bound("to")),
        };
        let last: usize = match form.value("last") {
            "1" => 1,
            "6" => 6,
            "12" => 12,
            _ => 3,
        };
        let to = to.or_else(|| from.map(|_| this_month)).unwrap_or(this_month);
        let from = from.unwrap_or_else(|| (1..last).fold(to, |day, _| before(day)));
        let months: Vec<Date> = std::iter::successors(Some(from), |day| next_month(*day))
            .take_while(|day| *day <= to)
            .take(MONTH_COUNT_MAX + 1)
            .collect();
        if months.is_empty() {
            form.errors.add("to", "figures.to_before_from", &[]);
        } else if months.len() > MONTH_COUNT_MAX {
            form.errors.add("from", "figures.too_long", &[("max", &MONTH_COUNT_MAX.to_string())]);
        }
        let text = |name: &str| form.value(name).chars().take(200).collect::<String>();
        let slice = Slice {
            institution: form.value("institution").parse().ok(),
            department: text("department"),
            insurance: text("insurance"),
            physician: text("physician"),
            scheme: text("scheme"),
            drg: text("drg"),
            mdc: text("mdc"),
        };
        let versus = if form.value("versus") == "year" { Versus::Year } else { Versus::Before };
        Self { months, slice, versus, by: By::from_key(form.value("by")) }
    }

    /// A question about whole months without any other condition.
    pub(super) fn of_months(from: Date, to: Date) -> Self {
        let months = std::iter::successors(Some(from.first_of_month()), |day| next_month(*day));
        let months = months.take_while(|day| *day <= to).take(MONTH_COUNT_MAX).collect();
        Self { months, slice: Slice::default(), versus: Versus::Before, by: By::Department }
    }

    /// The address of the cases behind a figure of a quarter; a short one, for there are many on a page.
    pub(super) fn href_in_quarter(
        &self,
        quarter: Quarter,
        (figure, part): (&str, &str),
        line: Option<&LineKey>,
    ) -> String {
        let (quarter, own) = (quarter.to_string(), self.pairs(line));
        let mut pairs = vec![("figure", figure), ("part", part), ("quarter", quarter.as_str())];
        let own = own.iter().filter(|(name, _)| !["from", "to"].contains(name));
        pairs.extend(own.map(|(name, value)| (*name, value.as_str())));
        format!("{CASES}{}", query(&pairs))
    }

    /// First and last day; `None` without months.
    pub(super) fn days(&self) -> Option<(Date, Date)> {
        Some((*self.months.first()?, self.months.last()?.last_of_month()))
    }

    /// First and last day of what it is compared with.
    fn days_before(&self) -> Option<(Date, Date)> {
        let (from, _) = self.days()?;
        let back = match self.versus {
            Versus::Before => self.months.len(),
            Versus::Year => 12,
        };
        let first = (0..back).fold(from, |day, _| before(day));
        let last = (1..self.months.len()).try_fold(first, |day, _| next_month(day))?;
        Some((first, last.last_of_month()))
    }

    /// `2026-01 – 2026-03`.
    pub(super) fn span_text(&self) -> String {
        span_text(self.days())
    }

    /// The months it is compared with.
    pub(super) fn before_text(&self) -> String {
        span_text(self.days_before())
    }

    fn ask(&self, columns: &[&str]) -> Option<Ask> {
        let (from, until) = self.days()?;
        Some(Ask {
            group_by: columns.iter().map(|name| (*name).to_owned()).collect(),
            period: Period::new(from, until.tomorrow().ok()?)?,
            scope: String::new(),
            as_of: Timestamp::UNIX_EPOCH,
        })
    }

    /// Names and values of the address; `line` narrows them to one line of the table.
    pub(super) fn pairs(&self, line: Option<&LineKey>) -> Vec<(&'static str, String)> {
        let months = |day: Option<&Date>| day.map(|day| month_text(*day)).unwrap_or_default();
        let mut slice = self.slice.clone();
        if let Some(line) = line {
            narrow(&mut slice, self.by, line);
        }
        vec![
            ("from", months(self.months.first())),
            ("to", months(self.months.last())),
            ("institution", slice.institution.map(|id| id.to_string()).unwrap_or_default()),
            ("department", slice.department),
            ("insurance", slice.insurance),
            ("physician", slice.physician),
            ("scheme", slice.scheme),
            ("drg", slice.drg),
            ("mdc", slice.mdc),
        ]
    }

    /// The address of the cases behind a figure of all stays or of a line.
    pub(super) fn href(&self, figure: &str, part: &str, line: Option<&LineKey>) -> String {
        let own = self.pairs(line);
        let mut pairs = vec![("figure", figure), ("part", part)];
        pairs.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
        format!("{CASES}{}", query(&pairs))
    }
}

/// Narrows to the stays of a line.
pub(super) fn narrow(slice: &mut Slice, by: By, line: &LineKey) {
    let name = if line.name.is_empty() { EMPTY.to_owned() } else { line.name.clone() };
    if line.institution.is_some() {
        slice.institution = line.institution;
    }
    match by {
        By::Institution => {}
        By::Department => slice.department = name,
        By::Physician => slice.physician = name,
        By::Drg => (slice.scheme, slice.drg) = (line.scheme.clone(), line.name.clone()),
        By::Mdc => (slice.scheme, slice.mdc) = (line.scheme.clone(), name),
    }
}

fn span_text(days: Option<(Date, Date)>) -> String {
    let Some((from, to)) = days.map(|(from, to)| (month_text(from), month_text(to))) else { return String::new() };
    if from == to { from } else { format!("{from} \u{2013} {to}") }
}

/// The spans that can be chosen beside the three months shown without a choice.
pub(super) fn lasts(ui: &Ui) -> Vec<(String, String)> {
    ["1", "6", "12"].map(|n| (n.to_owned(), ui.t_with("drg_analysis.last_months", &[("n", n)]))).to_vec()
}

/// Which stays this visitor may see.
pub(super) async fn reach(app: &App, visitor: &Visitor) -> Result<Reach, Problem> {
    let mut reader = app.platform().store.read().await?;
    Ok(actions::reach(&mut reader, &visitor.actor).await?)
}

/// The finished stays that a question is about.
pub(super) async fn stays(app: &App, reach: &Reach, question: &Question) -> Result<Vec<Stay>, Problem> {
    let Some(days) = question.days() else { return Ok(Vec::new()) };
    let mut reader = app.platform().store.read_beside().await?;
    Ok(rows::stays(&mut reader, reach, &question.slice, days).await?)
}

/// Means and bands of the whole county in the months before a question's first day.
pub(super) async fn yardstick(app: &App, question: &Question) -> Result<Yardstick, Problem> {
    let analysis = app.platform().kit.get::<Analysis>();
    let Some((from, _)) = question.days() else { return Ok(Yardstick::default()) };
    let everywhere = app.platform().tree().whole();
    let mut reader = app.platform().store.read_beside().await?;
    let sums = rows::reference(&mut reader, everywhere, analysis.compare.span(from)).await?;
    Ok(analysis.compare.yardstick(&sums))
}

/// The finished stays that a question is about, summed for lines.
pub(super) async fn sums(app: &App, reach: &Reach, question: &Question, by: &[By]) -> Result<Vec<GroupSum>, Problem> {
    let Some(days) = question.days() else { return Ok(Vec::new()) };
    let mut reader = app.platform().store.read_beside().await?;
    Ok(rows::sums(&mut reader, reach, &question.slice, days, by).await?)
}

/// What a question is compared with: the yardstick and the months before.
struct Before {
    yardstick: Yardstick,
    total: Total,
}

impl Before {
    async fn of(app: &App, reach: &Reach, question: &Question) -> Result<Self, Problem> {
        let days = question.days_before();
        let earlier = async {
            let Some(days) = days else { return Ok(Vec::new()) };
            let mut reader = app.platform().store.read_beside().await?;
            Ok::<_, Problem>(rows::sums(&mut reader, reach, &question.slice, days, &[]).await?)
        };
        let analysis = app.platform().kit.get::<Analysis>();
        let span = question.days().map(|(from, _)| analysis.compare.span(from));
        let everywhere = Reach::all(app.platform().tree().whole());
        // Often both are the same stays: the whole county, as many months before.
        let (yardstick, earlier) = if days == span && question.slice == Slice::default() && *reach == everywhere {
            let earlier = earlier.await?;
            (analysis.compare.yardstick(&earlier), earlier)
        } else {
            tokio::try_join!(yardstick(app, question), earlier)?
        };
        let total = Total::of_groups(&earlier, &yardstick);
        Ok(Self { yardstick, total })
    }
}

/// All figures of a question.
pub(super) struct Board {
    pub(super) total: Total,
    pub(super) lines: BTreeMap<LineKey, Total>,
    pub(super) before: Total,
    pub(super) yardstick: Yardstick,
    cells: HashMap<(&'static str, Option<LineKey>), Counted>,
}

impl Board {
    /// Reads beside each other, counts beside the server's tasks.
    pub(super) async fn of(app: &App, reach: &Reach, question: &Question) -> Result<Self, Problem> {
        let by = [question.by];
        let (sums, before) = tokio::try_join!(sums(app, reach, question, &by), Before::of(app, reach, question))?;
        let measures = app.platform().kit.get::<Measures>();
        let splits = [question.by.columns(), &[]];
        let from = question.days().map(|days| days.0).unwrap_or_default();
        let rule = |id: &str, columns| measures.get(id).and_then(|measure| Rule::of(measure, from, columns));
        // A measure of the hospital's own asks for the single rows.
        let is_own = |id: &&str| splits.iter().any(|columns| rule(id, columns).is_none());
        let stays = if MEASURES.iter().any(is_own) { stays(app, reach, question).await? } else { Vec::new() };
        let rules: Vec<_> = MEASURES.into_iter().filter(|id| !is_own(id)).map(|id| (id, rule(id, &[]))).collect();
        let own: Vec<_> = MEASURES.into_iter().filter(is_own).collect();
        let question = question.clone();
        let work = move || {
            let (total, mut lines) = split(&sums, &by, &before.yardstick);
            let lines = lines.pop().unwrap_or_default();
            let mut cells = HashMap::new();
            for (id, rule) in rules.into_iter().filter_map(|(id, rule)| Some((id, rule?))) {
                cells.insert((id, None), rule.answer(&total));
                cells.extend(lines.iter().map(|(key, total)| ((id, Some(key.clone())), rule.answer(total))));
            }
            if !own.is_empty() {
                evaluate(&mut cells, &measures, &own, &question, (&stays, &before.yardstick))?;
            }
            Ok::<_, Problem>(Self { total, lines, before: before.total, yardstick: before.yardstick, cells })
        };
        tokio::task::spawn_blocking(work).await.map_err(Problem::failed)?
    }

    /// What a measure says for all stays or for a line.
    pub(super) fn cell(&self, id: &'static str, line: Option<&LineKey>) -> Option<&Counted> {
        self.cells.get(&(id, line.cloned()))
    }
}

/// What the engine says of measures, for all stays and for each line.
fn evaluate(
    cells: &mut HashMap<(&'static str, Option<LineKey>), Counted>,
    measures: &Measures,
    ids: &[&'static str],
    question: &Question,
    (stays, yardstick): (&[Stay], &Yardstick),
) -> Result<(), Problem> {
    let batch = facts::batch(stays, yardstick).map_err(Problem::failed)?;
    for columns in [question.by.columns(), &[]] {
        for id in ids {
            let (Some(measure), Some(ask)) = (measures.get(id), question.ask(columns)) else { continue };
            for cell in yiti_measure::evaluate(measure, &batch, &ask).map_err(refused)? {
                let key = (!columns.is_empty()).then(|| line_of(question.by, &cell.group));
                cells.insert((*id, key), Counted::from(&cell));
            }
        }
    }
    Ok(())
}

/// What the engine did not answer.
pub(super) fn refused(refused: yiti_measure::evaluate::Refused) -> Problem {
    match refused {
        yiti_measure::evaluate::Refused::NotInForce { from, .. } => {
            Problem::refused("figures.not_in_force").with("from", from)
        }
        other => Problem::failed(other),
    }
}

/// Places of the rows of a part of a measure, and of those missing in it, in the order of `stays`.
pub(super) fn rows_of(
    measure: &Measure,
    stays: &[Stay],
    yardstick: &Yardstick,
    question: &Question,
    part: yiti_measure::evaluate::Part,
) -> Result<Vec<usize>, Problem> {
    let batch = facts::batch(stays, yardstick).map_err(Problem::failed)?;
    let ask = question.ask(&[]).ok_or(Problem::NotFound)?;
    yiti_measure::rows(measure, &batch, &ask, &[], part).map_err(refused)
}

/// One figure as shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    /// The value; empty when there is none.
    pub(super) text: String,
    /// A second form of it; may be empty.
    pub(super) other: String,
    /// `up`, `down` or empty.
    pub(super) tone: &'static str,
    pub(super) count: u64,
    pub(super) href: String,
    /// A rate: numerator and where it opens.
    pub(super) numerator: Option<(u64, String)>,
    /// Stays left out because something is missing, and where they open.
    pub(super) left_out: u64,
    pub(super) left_out_href: String,
}

/// A measure of the engine as shown.
pub(super) fn shown_cell(
    lang: Lang,
    question: &Question,
    board: &Board,
    id: &'static str,
    line: Option<&LineKey>,
) -> Shown {
    let Some(cell) = board.cell(id, line) else { return Shown::default() };
    let is_rate = matches!(cell.value, Value::Ratio { .. });
    Shown {
        text: value_text(lang, id, cell.value),
        count: cell.denominator,
        href: question.href(id, "counted", line),
        numerator: is_rate.then(|| (cell.numerator, question.href(id, "numerator", line))),
        left_out: cell.missing,
        left_out_href: question.href(id, "left_out", line),
        ..Shown::default()
    }
}

/// The value of a measure in words; nothing when there is none.
pub(super) fn value_text(lang: Lang, id: &str, value: Value) -> String {
    let ratio = |numerator: u64, denominator: u64| {
        let (above, over) = (i128::from(numerator) * 1_000_000, i128::from(denominator));
        i64::try_from((2 * above + over) / (2 * over).max(1)).unwrap_or_default()
    };
    match value {
        Value::Empty => String::new(),
        Value::Count(count) => grouped(&count.to_string()),
        Value::Ratio { numerator, denominator } => percent(ratio(numerator, denominator), 2),
        Value::Rank(value) => value.to_string(),
        Value::Mean { sum, count } => {
            let count = i128::from(count).max(1);
            let mean = |scale: i128| i64::try_from((2 * sum * scale + count).div_euclid(2 * count)).unwrap_or_default();
            match id {
                CMI => decimal(mean(1), 6, 4),
                COST => yuan(Fen(mean(1))),
                _ => format!("{} {}", decimal(mean(100), 2, 2), t(lang, "drg_analysis.days")),
            }
        }
    }
}

/// A number with `scale` decimals, shown with `shown` of them, rounded half away from zero, in threes.
pub(super) fn decimal(value: i64, scale: u32, shown: u32) -> String {
    let shown = shown.min(scale);
    let cut = 10i128.pow(scale - shown);
    let kept = (2 * i128::from(value.unsigned_abs()) + cut) / (2 * cut);
    let one = 10i128.pow(shown);
    let sign = if value < 0 && kept > 0 { "-" } else { "" };
    let whole = grouped(&(kept / one).to_string());
    if shown == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{:0width$}", kept % one, width = usize::try_from(shown).unwrap_or_default())
}

/// `1,045`.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Millionths as percent.
pub(super) fn percent(value_e6: i64, shown: u32) -> String {
    format!("{}%", decimal(value_e6, 4, shown))
}

/// Ten thousands of yuan with two decimals.
pub(super) fn ten_thousands(amount: Fen) -> String {
    decimal(amount.0, 6, 2)
}

/// Gain or loss as class.
pub(super) const fn tone(amount: Fen) -> &'static str {
    match amount.0 {
        ..0 => "down",
        0 => "",
        _ => "up",
    }
}

/// The change from `before` to `now`, in per cent of `before`; empty when it cannot be said.
pub(super) fn change(now: Option<i64>, before: Option<i64>) -> String {
    let (Some(now), Some(before)) = (now, before.filter(|before| *before != 0)) else { return String::new() };
    let (by, over) = (i128::from(now) - i128::from(before), i128::from(before).abs());
    let e6 = (2 * by * 1_000_000 + over).div_euclid(2 * over);
    let e6 = i64::try_from(e6).unwrap_or_default();
    format!("{}{}", if e6 > 0 { "+" } else { "" }, percent(e6, 1))
}

/// What a line is called.
pub(super) fn line_name(ui: &Ui, app: &App, by: By, key: &LineKey) -> (String, String) {
    let tree = app.platform().tree();
    let place = key.institution.map(|id| tree.short_name(id).to_owned()).unwrap_or_default();
    let name = if key.name.is_empty() { ui.t("drg_analysis.unnamed").to_owned() } else { key.name.clone() };
    match by {
        By::Institution => (place, String::new()),
        By::Department | By::Physician => (name, place),
        By::Drg => (name, group_name(app, &key.scheme, &key.name)),
        By::Mdc => (name, mdc_name(app, &key.scheme, &key.name)),
    }
}

fn group_name(app: &App, scheme: &str, code: &str) -> String {
    let definitions = app.platform().kit.get::<crate::Definitions>();
    definitions.schemes.get(scheme).map(|scheme| crate::assess::name_of(scheme, code).to_owned()).unwrap_or_default()
}

fn mdc_name(app: &App, scheme: &str, code: &str) -> String {
    let definitions = app.platform().kit.get::<crate::Definitions>();
    let scheme = definitions.schemes.get(scheme);
    let found = scheme.and_then(|scheme| scheme.definition().mdcs.iter().find(|mdc| mdc.code == code));
    found.map(|mdc| mdc.name.clone()).unwrap_or_default()
}

/// The institutions of a scope that have finished stays, and the departments of the chosen one or of all.
pub(super) async fn places(
    app: &App,
    reach: &Reach,
    chosen: Option<InstitutionId>,
) -> Result<(Vec<(String, String)>, Vec<(String, String)>), Problem> {
    let tree = app.platform().tree();
    let mut reader = app.platform().store.read().await?;
    let found = rows::departments(&mut reader, reach).await?;
    let institutions = tree
        .within(reach.scope)
        .filter(|node| found.iter().any(|(id, _)| *id == node.id))
        .map(|node| (node.id.to_string(), node.short_name.clone()))
        .collect();
    let mut departments: Vec<(String, String)> = found
        .into_iter()
        .filter(|(id, name)| !name.is_empty() && chosen.is_none_or(|chosen| chosen == *id))
        .map(|(_, name)| (name.clone(), name))
        .collect();
    departments.dedup();
    Ok((institutions, departments))
}

/// The institution at the top of a scope.
pub(super) fn top(app: &App, scope: Scope) -> Option<InstitutionId> {
    app.platform().tree().within(scope).find(|node| node.scope == scope).map(|node| node.id)
}

/// Names of people; a person who is not there has none.
pub(super) async fn names(
    app: &App,
    ids: BTreeSet<yiti_directory::PersonId>,
) -> Result<HashMap<yiti_directory::PersonId, String>, Problem> {
    let mut reader = app.platform().store.read().await?;
    let mut names = HashMap::new();
    for id in ids {
        names.insert(id, yiti_directory::people::person(&mut reader, id).await?.name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use yiti_kernel::civil::date;

    use super::*;

    #[test]
    fn numbers_are_rounded_once_and_written_in_threes() {
        assert_eq!(decimal(1_234_567_850, 2, 1), "12,345,678.5");
        assert_eq!(
            (decimal(-45, 2, 1), decimal(-4, 2, 1), decimal(5, 1, 0)),
            ("-0.5".into(), "0.0".into(), "1".into())
        );
        assert_eq!((percent(123_456, 1), percent(1_000_000, 1)), ("12.3%".into(), "100.0%".into()));
        assert_eq!(ten_thousands(Fen(-123_456_789)), "-123.46");
        assert_eq!((change(Some(110), Some(100)), change(Some(90), Some(-100))), ("+10.0%".into(), "+190.0%".into()));
        assert_eq!(change(Some(1), Some(0)), "");
    }

    #[test]
    fn the_months_before_are_as_many() {
        let mut form = Form::filled(&[("from", "2026-01"), ("to", "2026-03")]);
        let mut question = Question::read(&mut form, time::day_start(date(2026, 7, 3)));
        assert_eq!(question.days(), Some((date(2026, 1, 1), date(2026, 3, 31))));
        assert_eq!(question.days_before(), Some((date(2025, 10, 1), date(2025, 12, 31))));
        question.versus = Versus::Year;
        assert_eq!(question.days_before(), Some((date(2025, 1, 1), date(2025, 3, 31))));
        let question = Question::read(&mut Form::blank(), time::day_start(date(2026, 7, 3)));
        assert_eq!(question.days(), Some((date(2026, 5, 1), date(2026, 7, 31))));
        let mut wrong = Form::filled(&[("from", "2026-03"), ("to", "2026-01")]);
        Question::read(&mut wrong, time::day_start(date(2026, 7, 3)));
        assert!(!wrong.is_valid());
    }
}
