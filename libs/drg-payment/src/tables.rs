//! The public tables of weights and tariffs: reads them, checks them against a pack's head, and makes its groups.
//!
//! `weight.csv` has `table, version, drg, rw`; `tariff.csv` has `table, drg, item, value`, where drg `*` is a constant
//! of the whole table. What each column of a tariff means is said in the head's `[origin]`; a cell that it does not
//! explain is a fault, so that nothing of a table is lost unnoticed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::FileFault;
use crate::exact::Exact;
use crate::groups::{COLUMNS, Kind};
use crate::pack::{ANY_LEVEL, File, Head, Item, Origin, Pack, check_head, toml};

/// Bytes that one of the tables may have.
const BYTES_MAX: usize = 1 << 26;
/// The mark of a group to which a table gives two weights.
const TWO_WEIGHTS: &str = "two_weights";

/// Both tables.
#[derive(Debug)]
pub struct Tables {
    weight_file: String,
    tariff_file: String,
    weights: BTreeMap<String, Vec<WeightRow>>,
    tariffs: BTreeMap<String, Vec<TariffRow>>,
}

#[derive(Debug)]
struct WeightRow {
    line: u64,
    version: String,
    drg: String,
    weight: String,
}

#[derive(Debug)]
struct TariffRow {
    line: u64,
    drg: String,
    item: String,
    value: String,
}

/// The cells of one group on their way into the table of groups.
#[derive(Default)]
struct Row {
    weight: String,
    kind: Option<Kind>,
    marks: Vec<String>,
    note: String,
    cells: BTreeMap<String, String>,
}

type Rows = Vec<(u64, Vec<String>)>;

fn rows(file: File<'_>, columns: [&str; 4]) -> Result<Rows, FileFault> {
    if file.text.len() > BYTES_MAX {
        return Err(file.fault(format!("the table has more than {BYTES_MAX} bytes; it is none of the public tables")));
    }
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let broken = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        FileFault::new(file.name, line, "", "the row does not have the columns of the header, or its quotes are open")
    };
    if reader.headers().map_err(broken)?.iter().ne(columns) {
        return Err(FileFault::new(file.name, 1, "", format!("the columns are {}", columns.join(", "))));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(broken)?;
        let line = row.position().map_or(0, csv::Position::line);
        rows.push((line, row.iter().map(str::to_owned).collect()));
    }
    Ok(rows)
}

impl Tables {
    /// Reads `weight.csv` and `tariff.csv` in a folder.
    ///
    /// # Errors
    /// [`FileFault`] with file and line.
    pub fn open(folder: &Path) -> Result<Tables, FileFault> {
        let text = |name: &str| {
            let read = std::fs::read_to_string(folder.join(name));
            read.map_err(|error| FileFault::new(name, 0, "", error.to_string()))
        };
        let (weights, tariffs) = (text("weight.csv")?, text("tariff.csv")?);
        let (weights, tariffs) =
            (File { name: "weight.csv", text: &weights }, File { name: "tariff.csv", text: &tariffs });
        Tables::read(weights, tariffs)
    }

    /// Reads both tables.
    ///
    /// # Errors
    /// [`FileFault`] with file and line.
    pub fn read(weights: File<'_>, tariffs: File<'_>) -> Result<Tables, FileFault> {
        let mut tables = Tables {
            weight_file: weights.name.to_owned(),
            tariff_file: tariffs.name.to_owned(),
            weights: BTreeMap::new(),
            tariffs: BTreeMap::new(),
        };
        for (line, row) in rows(weights, ["table", "version", "drg", "rw"])? {
            if let Ok([table, version, drg, weight]) = <[String; 4]>::try_from(row) {
                tables.weights.entry(table).or_default().push(WeightRow { line, version, drg, weight });
            }
        }
        for (line, row) in rows(tariffs, ["table", "drg", "item", "value"])? {
            if let Ok([table, drg, item, value]) = <[String; 4]>::try_from(row) {
                tables.tariffs.entry(table).or_default().push(TariffRow { line, drg, item, value });
            }
        }
        Ok(tables)
    }

    /// The names of the tables that have weights.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.weights.keys().map(String::as_str)
    }

    /// The cells of a tariff as they stand: group (`*` for a constant), item, value.
    pub fn tariff(&self, table: &str) -> impl Iterator<Item = (&str, &str, &str)> {
        let rows = self.tariffs.get(table).map_or(&[][..], Vec::as_slice);
        rows.iter().map(|row| (row.drg.as_str(), row.item.as_str(), row.value.as_str()))
    }

    /// The pack that a head and the tables make.
    ///
    /// # Errors
    /// As [`Tables::groups`] and [`Pack::read`].
    pub fn pack(&self, head: File<'_>, defaults: File<'_>) -> Result<Pack, FileFault> {
        let groups = self.groups(head)?;
        Pack::read(head, File { name: "groups", text: &groups }, defaults)
    }

    /// The table of groups (CSV) that a head's `[origin]` asks for.
    ///
    /// # Errors
    /// [`FileFault`] when the head has no origin, the tables have no such table, a constant differs from the head, or a
    /// cell is not explained.
    pub fn groups(&self, head: File<'_>) -> Result<String, FileFault> {
        let read: Head = toml(head)?;
        check_head(&read, head)?;
        let origin =
            read.origin.as_ref().ok_or_else(|| head.fault("`origin` is missing; it names the public table"))?;
        let missing = || head.fault(format!("`origin.table`: the tables have no weights of `{}`", origin.table));
        let mut rows = BTreeMap::new();
        for row in self.weights.get(&origin.table).ok_or_else(missing)? {
            let fault = |column: &str, what: String| FileFault::new(&self.weight_file, row.line, column, what);
            if row.version != read.scheme {
                let what = format!("the table is for `{}`, but the head's `scheme` is `{}`", row.version, read.scheme);
                return Err(fault("version", what));
            }
            weigh(&mut rows, row, origin, &fault)?;
        }
        for row in self.tariffs.get(&origin.table).map_or(&[][..], Vec::as_slice) {
            let fault = |column: &str, what: String| FileFault::new(&self.tariff_file, row.line, column, what);
            let explains = |item: &&Item| item.name == row.item && item.is.as_ref().is_none_or(|is| *is == row.value);
            let unexplained = || fault("item", format!("no `origin.item` of the head explains `{}` here", row.item));
            let item = origin.item.iter().find(explains).ok_or_else(unexplained)?;
            if row.drg == ANY_LEVEL {
                constant(&read, item, &row.value).map_err(|what| fault("value", what))?;
            } else if let Some(group) = rows.get_mut(&row.drg) {
                explained(group, item, &row.value).map_err(|what| fault("value", what))?;
            } else {
                return Err(fault("drg", "the table of weights has no such group".into()));
            }
        }
        written(&rows).ok_or_else(|| head.fault("the table of groups could not be written"))
    }
}

fn weigh(
    rows: &mut BTreeMap<String, Row>,
    row: &WeightRow,
    origin: &Origin,
    fault: &dyn Fn(&str, String) -> FileFault,
) -> Result<(), FileFault> {
    let word = origin.weight.iter().find(|word| word.is == row.weight);
    let is_number = row.weight.parse::<Exact>().is_ok();
    if word.is_none() && !is_number {
        return Err(fault(
            "rw",
            format!("`{}` is no weight, and no `origin.weight` of the head explains it", row.weight),
        ));
    }
    let is_new = !rows.contains_key(&row.drg);
    let group = rows.entry(row.drg.clone()).or_default();
    if !is_new {
        // Neither weight can be trusted.
        group.weight.clear();
        group.kind = Some(Kind::Uncovered);
        group.marks = vec![TWO_WEIGHTS.to_owned()];
    } else if let Some(word) = word {
        group.kind = Some(word.kind);
    } else {
        group.weight.clone_from(&row.weight);
    }
    Ok(())
}

/// A constant of a table stands in the head with the same number.
fn constant(head: &Head, item: &Item, value: &str) -> Result<(), String> {
    let value: Exact = value.parse().map_err(|error: crate::exact::NoNumber| error.to_string())?;
    let in_head = if let Some(id) = &item.coefficient {
        head.level.iter().find(|level| level.id == *id).and_then(|level| level.coefficient)
    } else if let Some(of) = &item.rate {
        let fits = |rate: &&crate::pack::Rate| rate.insurance == of.insurance && !rate.derived;
        head.rate.iter().find(fits).map(|rate| rate.yuan)
    } else {
        return Err(format!("a constant of the table is a coefficient or a rate; `{}` is neither", item.name));
    };
    if in_head == Some(value) { Ok(()) } else { Err(format!("the head has another number than {value} here")) }
}

fn explained(group: &mut Row, item: &Item, value: &str) -> Result<(), String> {
    if let Some(kind) = item.kind {
        match group.kind {
            None => group.kind = Some(kind),
            Some(other) if other == kind => {}
            // A group without a weight may be more than that, but it is not ordinary.
            Some(Kind::Uncovered) if kind == Kind::Ordinary => {}
            Some(Kind::Uncovered) => group.kind = Some(kind),
            Some(other) => return Err(format!("the group is `{}` and `{}` at once", other.key(), kind.key())),
        }
    } else if let Some(mark) = &item.mark {
        group.marks.push(mark.clone());
    } else if let Some(level) = &item.coefficient {
        group.cells.insert(format!("coefficient.{level}"), value.to_owned());
    } else if let Some(of) = &item.price {
        let insurance = of.insurance.map_or(ANY_LEVEL, crate::case::Insurance::key);
        group.cells.insert(format!("price.{}.{insurance}", of.level), value.to_owned());
    } else if item.note {
        value.clone_into(&mut group.note);
    } else if !item.nothing {
        return Err(format!("`origin.item` `{}` says of no cell what it means", item.name));
    }
    Ok(())
}

fn written(rows: &BTreeMap<String, Row>) -> Option<String> {
    let cells: std::collections::BTreeSet<&String> = rows.values().flat_map(|row| row.cells.keys()).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.into_iter().chain(cells.iter().map(|cell| cell.as_str()))).ok()?;
    for (drg, row) in rows {
        let kind = row.kind.unwrap_or(Kind::Ordinary).key();
        let marks = row.marks.join(" ");
        let fixed = [drg.as_str(), &row.weight, kind, &marks, &row.note];
        let own = cells.iter().map(|cell| row.cells.get(*cell).map_or("", String::as_str));
        writer.write_record(fixed.into_iter().chain(own)).ok()?;
    }
    String::from_utf8(writer.into_inner().ok()?).ok()
}
