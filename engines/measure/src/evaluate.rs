//! The evaluator: rows in, values by group out, each with its receipt; and the rows behind each part of a value.
//!
//! Every row of the batch is classified once ([`classify`]); values and lists of rows both come from that. A row is
//!
//! - outside: not in the period, or `where` is false, or (ratio) the denominator is false;
//! - excluded: a field the measure needs is missing;
//! - in the denominator: counted, and (ratio) not in the numerator;
//! - in the numerator. For counts, percentiles and means every counted row is in both.

use std::collections::HashMap;
use std::fmt;

use sha2::{Digest as _, Sha256};
use yiti_kernel::civil::{Date, date};
use yiti_kernel::{Timestamp, time};

use crate::definition::{Formula, How, Measure, Version};
use crate::expr::Tri;
use crate::fact::{Batch, Data, Datum, Kind, number_of_day};

/// The evaluator and its version, part of every receipt. It changes when the same rows could give another value.
pub const EVALUATOR: &str = "yiti-measure/1";

/// Days from `from` up to before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    from: Date,
    until: Date,
}

impl Period {
    /// The days from `from` up to before `until`; `None` when there is none.
    #[must_use]
    pub fn new(from: Date, until: Date) -> Option<Self> {
        (from < until).then_some(Self { from, until })
    }

    /// A month; `None` when there is no such month.
    #[must_use]
    pub fn month(year: i16, month: i8) -> Option<Self> {
        let from = Date::new(year, month, 1).ok()?;
        Self::new(from, from.last_of_month().tomorrow().ok()?)
    }

    /// A year.
    #[must_use]
    pub fn year(year: i16) -> Option<Self> {
        Self::new(Date::new(year, 1, 1).ok()?, Date::new(year.checked_add(1)?, 1, 1).ok()?)
    }

    /// The first day.
    #[must_use]
    pub const fn from(&self) -> Date {
        self.from
    }

    /// The day after the last.
    #[must_use]
    pub const fn until(&self) -> Date {
        self.until
    }
}

impl fmt::Display for Period {
    /// First and last day: `2026-01-01/2026-01-31`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.from, self.until.yesterday().unwrap_or(self.from))
    }
}

/// What is asked of a measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The columns to split by, in their order; none for one figure.
    pub group_by: Vec<String>,
    /// The days counted.
    pub period: Period,
    /// Whose rows these are, as text: the batch was already cut to it.
    pub scope: String,
    /// As of when the rows were read.
    pub as_of: Timestamp,
}

/// Why a measure gives no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The period begins before the measure existed.
    #[error("the measure `{measure}` is in force from {from}")]
    NotInForce {
        /// The measure.
        measure: String,
        /// The first day of its first version.
        from: Date,
    },
    /// The measure reads another fact than the batch holds.
    #[error("the measure `{measure}` reads fact `{expected}`, not `{found}`")]
    OtherFact {
        /// The measure.
        measure: String,
        /// The fact of a version in the period.
        expected: &'static str,
        /// The fact of the batch.
        found: &'static str,
    },
    /// The measure may not be split by this column.
    #[error("the measure `{measure}` is not split by `{column}`")]
    Stratum {
        /// The measure.
        measure: String,
        /// The column.
        column: String,
    },
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The group, one field for each column split by; a missing field is a group of its own.
    pub group: Vec<Datum>,
    /// The value.
    pub value: Value,
    /// Rows in the numerator.
    pub numerator_count: u64,
    /// Rows in the denominator, those of the numerator among them.
    pub denominator_count: u64,
    /// Rows left out because a field is missing.
    pub excluded_missing_count: u64,
    /// What it was computed from.
    pub receipt: Receipt,
}

/// The value of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// No row to form a value from. Never shown as zero.
    Empty,
    /// A number of rows.
    Count(u64),
    /// Kept as the two counts.
    Ratio {
        /// Rows in the numerator.
        numerator: u64,
        /// Rows in the denominator, at least one.
        denominator: u64,
    },
    /// A median or percentile.
    Rank(i64),
    /// Kept as sum and count.
    Mean {
        /// The sum.
        sum: i128,
        /// How many values, at least one.
        count: u64,
    },
}

impl Value {
    /// The value as a number to draw or to print; `None` when empty. The only float.
    #[must_use]
    pub fn to_f64(self) -> Option<f64> {
        match self {
            Self::Empty => None,
            Self::Count(count) => Some(count as f64),
            Self::Ratio { numerator, denominator } => Some(numerator as f64 / denominator as f64),
            Self::Rank(value) => Some(value as f64),
            Self::Mean { sum, count } => Some(sum as f64 / count as f64),
        }
    }
}

/// What a figure was computed from. Two figures with the same receipt are computed by the same rule over the same ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The measure.
    pub measure: String,
    /// Digests of the versions in force in the period, the oldest first.
    pub versions: Vec<String>,
    /// The days counted.
    pub period: Period,
    /// Whose rows.
    pub scope: String,
    /// The group: column and field.
    pub group: Vec<(String, Datum)>,
    /// As of when the rows were read.
    pub as_of: Timestamp,
    /// The evaluator and its version.
    pub evaluator: &'static str,
}

impl Receipt {
    /// A stable id: the same receipt has the same id everywhere and always.
    #[must_use]
    pub fn id(&self) -> String {
        let group: Vec<(&str, String)> =
            self.group.iter().map(|(column, field)| (column.as_str(), field.tagged())).collect();
        let text = serde_json::json!([
            self.measure,
            self.versions,
            self.period.to_string(),
            self.scope,
            group,
            self.as_of.as_microsecond(),
            self.evaluator,
        ]);
        let mut id = hex::encode(Sha256::digest(text.to_string().as_bytes()));
        id.truncate(32);
        id
    }
}

/// A part of a figure whose rows can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The numerator.
    Numerator,
    /// The denominator, the numerator in it.
    Denominator,
    /// Rows left out because a field is missing.
    Excluded,
    /// Denominator and excluded rows.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Outside,
    Excluded,
    Denominator,
    Numerator,
}

impl Class {
    const fn is_in(self, part: Part) -> bool {
        match part {
            Part::Numerator => matches!(self, Self::Numerator),
            Part::Denominator => matches!(self, Self::Numerator | Self::Denominator),
            Part::Excluded => matches!(self, Self::Excluded),
            Part::All => !matches!(self, Self::Outside),
        }
    }
}

/// The figures of a measure over `batch`, by group in ascending order. Without a split there is exactly one figure, also
/// when there is no row.
///
/// # Errors
/// [`Refused`].
pub fn evaluate(measure: &Measure, batch: &Batch, ask: &Ask) -> Result<Vec<Cell>, Refused> {
    let columns = strata(measure, batch, ask)?;
    let (classes, values) = classify(measure, batch, ask)?;
    let groups = Groups::of(batch, &columns, &classes);
    let mut sums: Vec<Sum> = groups.fields.iter().map(|_| Sum::default()).collect();
    for (row, class) in classes.iter().enumerate() {
        let Some(sum) = groups.of_row[row].and_then(|group| sums.get_mut(group)) else { continue };
        match class {
            Class::Outside => {}
            Class::Excluded => sum.excluded += 1,
            Class::Denominator => sum.denominator += 1,
            Class::Numerator => {
                sum.denominator += 1;
                sum.numerator += 1;
                sum.values.extend(values.get(row).copied().flatten());
            }
        }
    }
    let versions: Vec<String> =
        in_force(measure, ask.period).iter().map(|(version, _, _)| version.digest.clone()).collect();
    let mut cells: Vec<Cell> = groups
        .fields
        .into_iter()
        .zip(sums)
        .map(|(group, sum)| Cell {
            value: sum.value(measure.how),
            numerator_count: sum.numerator,
            denominator_count: sum.denominator,
            excluded_missing_count: sum.excluded,
            receipt: Receipt {
                measure: measure.id.clone(),
                versions: versions.clone(),
                period: ask.period,
                scope: ask.scope.clone(),
                group: ask.group_by.iter().cloned().zip(group.iter().cloned()).collect(),
                as_of: ask.as_of,
                evaluator: EVALUATOR,
            },
            group,
        })
        .collect();
    cells.sort_by(|one, other| one.group.cmp(&other.group));
    Ok(cells)
}

/// The rows of one part of a figure, in the order of the batch. `group` is that of the cell; without fields it means all
/// groups.
///
/// # Errors
/// [`Refused`].
pub fn rows(measure: &Measure, batch: &Batch, ask: &Ask, group: &[Datum], part: Part) -> Result<Vec<usize>, Refused> {
    let columns = strata(measure, batch, ask)?;
    let (classes, _) = classify(measure, batch, ask)?;
    let is_wanted = |row: &usize| {
        classes[*row].is_in(part)
            && columns.iter().zip(group).all(|(column, field)| batch.datum(*row, *column) == *field)
    };
    Ok((0..batch.row_count()).filter(is_wanted).collect())
}

/// The versions in force on a day of the period, each with its first day in it and the day after its last.
fn in_force(measure: &Measure, period: Period) -> Vec<(&Version, Date, Date)> {
    let ends = measure.versions.iter().skip(1).map(|next| next.effective_from).chain([Date::MAX]);
    measure
        .versions
        .iter()
        .zip(ends)
        .map(|(version, end)| (version, version.effective_from.max(period.from), end.min(period.until)))
        .filter(|(_, from, until)| from < until)
        .collect()
}

fn strata(measure: &Measure, batch: &Batch, ask: &Ask) -> Result<Vec<usize>, Refused> {
    let mut columns = Vec::new();
    for name in &ask.group_by {
        let is_allowed =
            in_force(measure, ask.period).iter().all(|(version, _, _)| version.strata.iter().any(|one| one == name));
        let column = batch.fact().position(name).filter(|_| is_allowed);
        let refused = || Refused::Stratum { measure: measure.id.clone(), column: name.clone() };
        columns.push(column.ok_or_else(refused)?);
    }
    Ok(columns)
}

type Classified = (Vec<Class>, Vec<Option<i64>>);

/// The class of every row, and its value where the measure has one.
fn classify(measure: &Measure, batch: &Batch, ask: &Ask) -> Result<Classified, Refused> {
    let first = measure.versions.first().map_or(date(9999, 12, 31), |version| version.effective_from);
    if ask.period.from < first {
        return Err(Refused::NotInForce { measure: measure.id.clone(), from: first });
    }
    let mut classes = vec![Class::Outside; batch.row_count()];
    let mut all_values = Vec::new();
    for (version, from, until) in in_force(measure, ask.period) {
        if *version.fact != *batch.fact() {
            return Err(Refused::OtherFact {
                measure: measure.id.clone(),
                expected: version.fact.name,
                found: batch.fact().name,
            });
        }
        let Data::Whole { values: periods, present } = batch.data(version.period) else { continue };
        let (from, until) = match version.fact.columns[version.period].kind {
            Kind::Day => (number_of_day(from), number_of_day(until)),
            _ => (time::day_start(from).as_microsecond(), time::day_start(until).as_microsecond()),
        };
        let filter = version.filter.as_ref().map(|filter| filter.evaluate(batch));
        let (numerator, denominator, values) = match &version.formula {
            Formula::Count => (None, None, None),
            Formula::Ratio { numerator, denominator } => {
                (Some(numerator.evaluate(batch)), denominator.as_ref().map(|d| d.evaluate(batch)), None)
            }
            Formula::Value(number) => (None, None, Some(number.evaluate(batch))),
        };
        if values.is_some() && all_values.is_empty() {
            all_values = vec![None; batch.row_count()];
        }
        for row in 0..batch.row_count() {
            if !present[row] || periods[row] < from || periods[row] >= until {
                continue;
            }
            let at = |tri: &Option<Vec<Tri>>| tri.as_ref().map_or(Tri::True, |all| all[row]);
            // A row that `where` leaves out is not asked for its other fields.
            let about = at(&filter).and(at(&denominator));
            let value = values.as_ref().map(|values| values[row]);
            classes[row] = match (about, at(&numerator), value) {
                (Tri::False, _, _) => Class::Outside,
                (Tri::Unknown, _, _) | (Tri::True, Tri::Unknown, _) | (Tri::True, _, Some(None)) => Class::Excluded,
                (Tri::True, Tri::False, _) => Class::Denominator,
                (Tri::True, Tri::True, _) => Class::Numerator,
            };
            if let Some(value) = value {
                all_values[row] = value;
            }
        }
    }
    Ok((classes, all_values))
}

#[derive(Default)]
struct Sum {
    numerator: u64,
    denominator: u64,
    excluded: u64,
    values: Vec<i64>,
}

impl Sum {
    fn value(&self, how: How) -> Value {
        match how {
            How::Count => Value::Count(self.denominator),
            How::Ratio if self.denominator == 0 => Value::Empty,
            How::Ratio => Value::Ratio { numerator: self.numerator, denominator: self.denominator },
            How::Percentile(rank) => percentile(&self.values, rank).map_or(Value::Empty, Value::Rank),
            How::Mean if self.values.is_empty() => Value::Empty,
            How::Mean => {
                Value::Mean { sum: self.values.iter().map(|value| i128::from(*value)).sum(), count: self.denominator }
            }
        }
    }
}

/// The nearest-rank percentile: the value of rank ceil(`percent` * n / 100), from 1; `None` without values.
#[must_use]
pub fn percentile(values: &[i64], percent: u8) -> Option<i64> {
    let rank = (values.len() * usize::from(percent)).div_ceil(100).max(1);
    let mut values = values.to_vec();
    (rank <= values.len()).then(|| *values.select_nth_unstable(rank - 1).1)
}

/// The groups that appear among rows inside, and the group of every row.
struct Groups {
    fields: Vec<Vec<Datum>>,
    of_row: Vec<Option<usize>>,
}

impl Groups {
    fn of(batch: &Batch, columns: &[usize], classes: &[Class]) -> Self {
        if columns.is_empty() {
            return Self { fields: vec![Vec::new()], of_row: vec![Some(0); batch.row_count()] };
        }
        let mut fields: Vec<Vec<Datum>> = Vec::new();
        // From the group so far and the field of the next column to the group with it: one column after the other.
        let mut of_row: Vec<Option<usize>> =
            classes.iter().map(|class| (*class != Class::Outside).then_some(0)).collect();
        let mut so_far: Vec<Vec<Datum>> = vec![Vec::new()];
        for column in columns {
            let mut places: HashMap<(usize, Key), usize> = HashMap::new();
            fields.clear();
            for (row, group) in of_row.iter_mut().enumerate() {
                let Some(before) = *group else { continue };
                let place = *places.entry((before, Key::of(batch, row, *column))).or_insert_with(|| {
                    let mut longer = so_far[before].clone();
                    longer.push(batch.datum(row, *column));
                    fields.push(longer);
                    fields.len() - 1
                });
                *group = Some(place);
            }
            so_far.clone_from(&fields);
        }
        Self { fields, of_row }
    }
}

/// A field as a key that costs nothing to make.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Whole(Option<i64>),
    Text(u32),
    Id(Option<yiti_kernel::Uuid>),
}

impl Key {
    fn of(batch: &Batch, row: usize, column: usize) -> Self {
        match batch.data(column) {
            Data::Whole { values, present } => Self::Whole(present[row].then(|| values[row])),
            Data::Text { codes, .. } => Self::Text(codes[row]),
            Data::Id(ids) => Self::Id(ids[row]),
        }
    }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
