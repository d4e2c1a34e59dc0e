//! Cases beside the definitions: rows in, values out. Run by one test, so that a case needs no Rust. A file of
//! `definitions/**/cases/`:
//! ```toml
//! measure = "diagnostics.stat_in_time_ratio"
//!
//! [[case]]
//! says = "issued at the due instant is in time, one second later is not"
//! from = 2026-01-01               # the days counted, `until` not included
//! until = 2026-02-01
//! group_by = ["modality"]         # left out: one figure
//! rows = [                        # a field left out is missing; instants are wall time of the group
//!     { requested_at = 2026-01-05T08:00:00, due_at = 2026-01-05T08:30:00, issued_at = 2026-01-05T08:30:00, modality = "CT" },
//!     { requested_at = 2026-01-05T08:00:00, due_at = 2026-01-05T08:30:00, issued_at = 2026-01-05T08:30:01, modality = "CT" },
//! ]
//! expect = [                      # every figure, in the order of its group; a missing group is ""
//!     { group = ["CT"], numerator = 1, denominator = 2, excluded = 0 },
//! ]
//! ```
//! A figure of kind `median` or `percentile` also has `value`, one of kind `mean` has `sum`. What a figure does not say
//! (`numerator`, `value`, ...) is not compared, save `excluded`, which is 0 when it is left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use yiti_kernel::civil::DateTime;
use yiti_kernel::definition::{Day, Fault, File, place, read};
use yiti_kernel::{Timestamp, Uuid, time};

use crate::definition::{Measure, Measures};
use crate::evaluate::{Ask, Cell, Part, Period, Value, evaluate, rows};
use crate::fact::{Batch, Column, Datum, Fact, Kind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    measure: Spanned<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    says: Spanned<String>,
    from: Day,
    until: Spanned<Day>,
    #[serde(default)]
    group_by: Vec<String>,
    rows: Vec<BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
    expect: Vec<Spanned<Expected>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    group: Vec<String>,
    numerator: Option<u64>,
    denominator: Option<u64>,
    #[serde(default)]
    excluded: u64,
    value: Option<i64>,
    sum: Option<i64>,
}

/// Runs the cases in `files`; returns how many there were.
///
/// # Errors
/// Every case that does not come out as it says, with its place.
pub fn run_cases(files: &[File], measures: &Measures) -> Result<usize, Vec<Fault>> {
    let (mut count, mut faults) = (0, Vec::new());
    for file in files {
        let read = match read::<CaseFile>(file) {
            Ok(read) => read,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let Some(measure) = measures.get(read.measure.get_ref()) else {
            faults.push(fault(file, &read.measure, format!("there is no measure `{}`", read.measure.get_ref())));
            continue;
        };
        count += read.case.len();
        for case in &read.case {
            if let Err(found) = run(file, measure, case) {
                faults.push(found);
            }
        }
    }
    if faults.is_empty() { Ok(count) } else { Err(faults) }
}

fn run(file: &File, measure: &Measure, case: &Case) -> Result<(), Fault> {
    let says = case.says.get_ref();
    let Some(period) = Period::new(case.from.0, case.until.get_ref().0) else {
        return Err(fault(file, &case.until, "the period ends before it begins"));
    };
    let version = measure.versions.iter().rev().find(|version| version.effective_from <= case.from.0);
    let Some(fact) = version.map(|version| version.fact) else {
        return Err(fault(file, &case.says, format!("{says}: no version is in force")));
    };
    let mut batch = Batch::new(fact);
    for row in &case.rows {
        push(file, case, fact, row, &mut batch)?;
    }
    let ask = Ask {
        group_by: case.group_by.clone(),
        period,
        scope: "case".into(),
        as_of: time::day_start(case.until.get_ref().0),
    };
    let refused = |why: crate::evaluate::Refused| fault(file, &case.says, format!("{says}: {why}"));
    let cells = evaluate(measure, &batch, &ask).map_err(refused)?;
    if cells.len() != case.expect.len() {
        let message = format!("{says}: {} figures, {} were expected", cells.len(), case.expect.len());
        return Err(fault(file, &case.says, message));
    }
    for (cell, expected) in cells.iter().zip(&case.expect) {
        if let Some(difference) = difference(cell, expected.get_ref()) {
            return Err(fault(file, expected, format!("{says}: {difference}")));
        }
        for (part, count) in [
            (Part::Numerator, cell.numerator_count),
            (Part::Denominator, cell.denominator_count),
            (Part::Excluded, cell.excluded_missing_count),
        ] {
            let listed = rows(measure, &batch, &ask, &cell.group, part).map_err(refused)?;
            if u64::try_from(listed.len()) != Ok(count) {
                return Err(fault(file, expected, format!("{says}: {} rows are listed for {count}", listed.len())));
            }
        }
    }
    Ok(())
}

fn difference(cell: &Cell, expected: &Expected) -> Option<String> {
    let group: Vec<String> = cell.group.iter().map(ToString::to_string).collect();
    if group != expected.group {
        return Some(format!("the group is {group:?}"));
    }
    let counts = [
        ("numerator", cell.numerator_count, expected.numerator),
        ("denominator", cell.denominator_count, expected.denominator),
        ("excluded", cell.excluded_missing_count, Some(expected.excluded)),
    ];
    for (name, found, wanted) in counts {
        if wanted.is_some_and(|wanted| wanted != found) {
            return Some(format!("{name} is {found}"));
        }
    }
    let (value, sum) = match cell.value {
        Value::Empty | Value::Ratio { .. } => (None, None),
        Value::Count(count) => (i64::try_from(count).ok(), None),
        Value::Rank(value) => (Some(value), None),
        Value::Mean { sum, .. } => (None, i64::try_from(sum).ok()),
    };
    if expected.value.is_some() && expected.value != value || expected.sum.is_some() && expected.sum != sum {
        return Some(format!("the value is {:?}", cell.value));
    }
    None
}

fn push(
    file: &File,
    case: &Case,
    fact: &'static Fact,
    row: &BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    batch: &mut Batch,
) -> Result<(), Fault> {
    for name in row.keys() {
        if fact.position(name.get_ref()).is_none() {
            return Err(fault(file, name, format!("fact `{}` has no column `{}`", fact.name, name.get_ref())));
        }
    }
    let mut fields = Vec::new();
    for column in fact.columns {
        let given = row.iter().find(|(name, _)| name.get_ref() == column.name).map(|(_, value)| value);
        fields.push(match given {
            None => Datum::Missing,
            Some(value) => field(column, value.get_ref())
                .ok_or_else(|| fault(file, value, format!("`{}` holds {}", column.name, column.kind.word())))?,
        });
    }
    batch.push(&fields).map_err(|why| fault(file, &case.says, format!("{}: {why}", case.says.get_ref())))
}

fn field(column: &Column, value: &toml::Value) -> Option<Datum> {
    match (column.kind, value) {
        (Kind::Instant, toml::Value::Datetime(at)) => instant(at).map(Datum::Instant),
        (Kind::Day, toml::Value::Datetime(day)) if day.time.is_none() => day.to_string().parse().ok().map(Datum::Day),
        (Kind::Minutes | Kind::Integer, toml::Value::Integer(number)) => Some(Datum::Whole(*number)),
        (Kind::Flag, toml::Value::Boolean(flag)) => Some(Datum::Flag(*flag)),
        (Kind::Text, toml::Value::String(text)) => Some(Datum::Text(text.clone())),
        (Kind::Id, toml::Value::String(text)) => Uuid::try_parse(text).ok().map(Datum::Id),
        _ => None,
    }
}

fn instant(at: &toml::value::Datetime) -> Option<Timestamp> {
    let wall = at.offset.is_none() && at.time.is_some();
    wall.then(|| at.to_string().parse::<DateTime>().ok().map(time::instant)).flatten()
}

fn fault<T>(file: &File, at: &Spanned<T>, message: impl Into<String>) -> Fault {
    let (line, column) = place(&file.text, at.span().start);
    Fault { path: file.path.clone(), line, column, message: message.into() }
}
