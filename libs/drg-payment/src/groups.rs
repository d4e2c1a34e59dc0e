//! The groups of a pack: weight, kind, coefficients and prices, one row of CSV a group.
//!
//! Columns: `drg`, `weight`, `kind`, `marks`, `note`, then `coefficient.<level>`,
//! `price.<level>.<employee|resident|*>`.

use std::collections::BTreeMap;

use crate::case::Insurance;
use crate::error::FileFault;
use crate::exact::Exact;
use crate::pack::{ANY_LEVEL, File, Level};

/// Bytes that a table of groups may have.
pub(crate) const GROUPS_BYTES_MAX: usize = 1 << 22;
/// Rows that a table of groups may have.
const ROWS_MAX: usize = 20_000;
/// The columns that every table of groups has.
pub(crate) const COLUMNS: [&str; 5] = ["drg", "weight", "kind", "marks", "note"];

/// What kind of group the region made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Neither of the others.
    Ordinary,
    /// One price at every level.
    Base,
    /// Too few or too different cases to trust the weight.
    Unstable,
    /// Paid by item, says the table.
    ByItem,
    /// Listed without a weight.
    Uncovered,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] = [Kind::Ordinary, Kind::Base, Kind::Unstable, Kind::ByItem, Kind::Uncovered];

    /// Its name in files and word tables.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Kind::Ordinary => "ordinary",
            Kind::Base => "base",
            Kind::Unstable => "unstable",
            Kind::ByItem => "by_item",
            Kind::Uncovered => "uncovered",
        }
    }
}

/// For which level and insurance a published price is; no insurance means both.
pub(crate) type PriceKey = (String, Option<Insurance>);

/// A group of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its code.
    pub drg: String,
    /// Weight, or points in the point method.
    pub weight: Option<Exact>,
    /// Its kind.
    pub kind: Kind,
    /// Other marks of the table, such as `tcm_advantage`.
    pub marks: Vec<String>,
    /// A remark of the table, for people.
    pub note: String,
    pub(crate) coefficients: BTreeMap<String, Exact>,
    pub(crate) prices: BTreeMap<PriceKey, Exact>,
}

impl Group {
    /// The coefficient that the table gives this group itself at a level.
    #[must_use]
    pub fn coefficient(&self, level: &str) -> Option<Exact> {
        self.coefficients.get(level).copied()
    }

    /// The published price in yuan at a level for an insurance, as it was printed.
    #[must_use]
    pub fn price(&self, level: &str, insurance: Insurance) -> Option<Exact> {
        [Some(insurance), None]
            .into_iter()
            .find_map(|insurance| self.prices.get(&(level.to_owned(), insurance)).copied())
    }

    /// The published prices: level, insurance (none means both), yuan.
    pub fn prices(&self) -> impl Iterator<Item = (&str, Option<Insurance>, Exact)> {
        self.prices.iter().map(|((level, insurance), yuan)| (level.as_str(), *insurance, *yuan))
    }
}

/// What a column of the table holds.
enum Column {
    Drg,
    Weight,
    Kind,
    Marks,
    Note,
    Coefficient(String),
    Price(PriceKey),
}

fn column(name: &str, levels: &[Level]) -> Option<Column> {
    let level = |id: &str| levels.iter().any(|level| level.id == id).then(|| id.to_owned());
    Some(match name {
        "drg" => Column::Drg,
        "weight" => Column::Weight,
        "kind" => Column::Kind,
        "marks" => Column::Marks,
        "note" => Column::Note,
        other => match other.split('.').collect::<Vec<_>>().as_slice() {
            ["coefficient", id] => Column::Coefficient(level(id)?),
            ["price", id, insurance] => {
                let insurance = if *insurance == ANY_LEVEL { None } else { Some(insurance.parse().ok()?) };
                Column::Price((level(id)?, insurance))
            }
            _ => return None,
        },
    })
}

/// Reads the table. Codes stand once; a number is not below zero; an empty cell says nothing.
pub(crate) fn read(file: File<'_>, levels: &[Level]) -> Result<BTreeMap<String, Group>, FileFault> {
    if file.text.len() > GROUPS_BYTES_MAX {
        return Err(file.fault(format!("the table has more than {GROUPS_BYTES_MAX} bytes; it is no table of groups")));
    }
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let broken = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        FileFault::new(file.name, line, "", "the row does not have the columns of the header, or its quotes are open")
    };
    let header = reader.headers().map_err(broken)?.clone();
    let mut columns = Vec::new();
    for (at, name) in header.iter().enumerate() {
        let column = column(name, levels).filter(|_| header.iter().position(|other| other == name) == Some(at));
        let what = "the column is unknown, stands twice or names a level that the head does not have";
        columns.push(column.ok_or_else(|| FileFault::new(file.name, 1, name, what))?);
    }
    for name in COLUMNS {
        if !header.iter().any(|column| column == name) {
            return Err(FileFault::new(file.name, 1, name, "the column is missing"));
        }
    }
    let mut groups = BTreeMap::new();
    for row in reader.records() {
        let row = row.map_err(broken)?;
        let line = row.position().map_or(0, csv::Position::line);
        if groups.len() == ROWS_MAX {
            return Err(FileFault::new(file.name, line, "", format!("the table has more than {ROWS_MAX} rows")));
        }
        let fault = |column: &str, what: String| FileFault::new(file.name, line, column, what);
        let group = group(&row, &columns, &header, &fault)?;
        if groups.contains_key(&group.drg) {
            return Err(fault("drg", format!("group `{}` stands twice", group.drg)));
        }
        groups.insert(group.drg.clone(), group);
    }
    if groups.is_empty() {
        return Err(file.fault("the table has no groups"));
    }
    Ok(groups)
}

fn group(
    row: &csv::StringRecord,
    columns: &[Column],
    header: &csv::StringRecord,
    fault: &dyn Fn(&str, String) -> FileFault,
) -> Result<Group, FileFault> {
    let mut group = Group {
        drg: String::new(),
        weight: None,
        kind: Kind::Ordinary,
        marks: Vec::new(),
        note: String::new(),
        coefficients: BTreeMap::new(),
        prices: BTreeMap::new(),
    };
    for ((cell, column), name) in row.iter().zip(columns).zip(header) {
        let number = || {
            let number: Exact = cell.parse().map_err(|error| fault(name, format!("{error}")))?;
            if number.is_negative() { Err(fault(name, "the number is below zero".into())) } else { Ok(number) }
        };
        match column {
            Column::Drg => {
                let is_code = (2..=10).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if !is_code {
                    return Err(fault(name, "a group's code has 2 to 10 letters and digits".into()));
                }
                cell.clone_into(&mut group.drg);
            }
            Column::Kind => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.key() == cell);
                let known = || format!("the kinds are {}", Kind::ALL.map(Kind::key).join(", "));
                group.kind = kind.ok_or_else(|| fault(name, known()))?;
            }
            Column::Marks => group.marks = cell.split_whitespace().map(str::to_owned).collect(),
            Column::Note => cell.clone_into(&mut group.note),
            Column::Weight | Column::Coefficient(_) | Column::Price(_) if cell.is_empty() => {}
            Column::Weight => group.weight = Some(number()?),
            Column::Coefficient(level) => drop(group.coefficients.insert(level.clone(), number()?)),
            Column::Price(key) => drop(group.prices.insert(key.clone(), number()?)),
        }
    }
    Ok(group)
}
