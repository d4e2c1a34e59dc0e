//! Rows of a table: the wide form of HQMS, Western and Chinese medicine, and the plain table. The form is told by its
//! columns, whatever their order.

use std::ops::ControlFlow;

use bytes::Bytes;
use sheet::{CellKind, Encoding, Sheet};
use yiti_drg::check::Checks;
use yiti_drg::codes::{Codes, Edition};
use yiti_drg::columns::{Column, Standard};

use crate::build::Build;
use crate::read::{FileFault, Item, Limits, Place, Problem, Trouble};

/// What a form needs to be one, and its edition of codes: of each entry one column at least.
const NEEDED: &[(Standard, Edition, &[&[&str]])] = &[
    (Standard::Hqms, Edition::Clinical, &[&["A48"], &["A49"], &["C03C"]]),
    (Standard::HqmsChinese, Edition::Clinical, &[&["BAH"], &["ZYCS"], &["ZYZD_JBBM", "ZYZD"]]),
    (Standard::Plain, Edition::Insurance, &[&["medical_record_number", "id"], &["dx"]]),
];

/// An open table.
pub struct Table {
    sheet: Sheet,
    /// The form.
    pub standard: Standard,
    edition: Edition,
    /// The text was GB18030.
    pub is_gb18030: bool,
    /// Rows below the names of the columns, blank ones left out.
    pub row_count: u64,
    /// Columns no form names.
    pub unknown: Vec<String>,
    /// columns: [column of the file], the form's column by its number
    columns: Vec<Target>,
}

enum Target {
    Column(Standard, String),
    Unknown(String),
    Nothing,
}

/// Opens a table, of the form that is asked for when one is, and reads it to its end.
///
/// # Errors
/// What is wrong with the file as a whole.
pub fn open(
    name: &str,
    bytes: Bytes,
    form: Option<Standard>,
    checks: &Checks,
    limits: Limits,
) -> Result<Table, FileFault> {
    let mut sheet = Sheet::from_bytes(name, bytes)?;
    let names: Vec<String> = sheet.columns().iter().map(|name| plain_name(name)).collect();
    let (standard, edition) = recognise(&names, form)?;
    let extension = (standard == Standard::Hqms).then_some(Standard::HqmsExtension);
    let has_own_number = names.iter().any(|name| name == "MEDICAL_RECORD_NUMBER");
    let mut unknown = Vec::new();
    let columns = sheet
        .columns()
        .iter()
        .zip(&names)
        .map(|(title, name)| {
            let known = [Some(standard), extension]
                .into_iter()
                .flatten()
                .find_map(|standard| checks.columns.get(standard, name).map(|column| (standard, column)));
            match known {
                // The id of a case is its number only where there is no other.
                Some((Standard::Plain, column)) if column.id == "id" && has_own_number => Target::Nothing,
                Some((standard, column)) => Target::Column(standard, column.id.clone()),
                None if name.is_empty() => Target::Nothing,
                None => {
                    unknown.push(title.clone());
                    Target::Unknown(title.chars().take(60).collect())
                }
            }
        })
        .collect();
    let is_gb18030 = matches!(sheet.kind(), sheet::Kind::Text { encoding: Encoding::Gb18030, .. });
    let mut rows = 0u64;
    let mut broken = None;
    sheet.each(|row| {
        rows += 1;
        match row {
            Err(fault) if fault.problem.ends_the_file() => {
                broken = Some(fault);
                ControlFlow::Break(())
            }
            _ if rows > limits.rows_max => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })?;
    match broken {
        Some(fault) => Err(fault.into()),
        None if rows > limits.rows_max => Err(FileFault::TooManyRows { rows: limits.rows_max }),
        None if rows == 0 => Err(FileFault::Empty),
        None => Ok(Table { sheet, standard, edition, is_gb18030, row_count: rows, unknown, columns }),
    }
}

/// A column's name for comparing: without blanks and marks, letters large.
fn plain_name(name: &str) -> String {
    crate::mend::value(name).text.to_ascii_uppercase()
}

fn recognise(names: &[String], form: Option<Standard>) -> Result<(Standard, Edition), FileFault> {
    let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let missing = |needed: &[&[&str]]| -> Vec<String> {
        needed.iter().filter(|any| !any.iter().any(|name| has(name))).map(|any| any.join("/")).collect()
    };
    let mut nearest: Option<(Standard, Vec<String>)> = None;
    for (standard, edition, needed) in NEEDED.iter().filter(|(one, ..)| form.is_none_or(|form| form == *one)) {
        let missing = missing(needed);
        if missing.is_empty() {
            return Ok((*standard, *edition));
        }
        if nearest.as_ref().is_none_or(|(_, least)| missing.len() < least.len()) {
            nearest = Some((*standard, missing));
        }
    }
    let (standard, missing) = nearest.unwrap_or((Standard::Plain, Vec::new()));
    Err(FileFault::NotAFrontPage { nearest: standard.key(), missing: missing.join(", ") })
}

impl Table {
    /// Hands over every row.
    ///
    /// # Errors
    /// A fault that ends the file.
    pub fn each(
        &mut self,
        checks: &Checks,
        codes: &Codes,
        mut work: impl FnMut(Item) -> ControlFlow<()>,
    ) -> Result<(), FileFault> {
        enum Cell<'c> {
            Column(&'c Column),
            Unknown(&'c str),
            Nothing,
        }
        let targets: Vec<Cell<'_>> = self
            .columns
            .iter()
            .map(|target| match target {
                Target::Column(standard, id) => checks.columns.get(*standard, id).map_or(Cell::Nothing, Cell::Column),
                Target::Unknown(name) => Cell::Unknown(name),
                Target::Nothing => Cell::Nothing,
            })
            .collect();
        // The hour of an instant comes after its day.
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by_key(|at| {
            matches!(targets.get(*at), Some(Cell::Column(column)) if matches!(column.field, yiti_drg::field::Field::Hour(_)))
        });
        let (edition, standard) = (self.edition, self.standard);
        let needs_count = standard != Standard::Plain;
        self.sheet.each(|row| {
            let row = match row {
                Ok(row) => row,
                Err(fault) => {
                    let place = Place(fault.row.unwrap_or_default());
                    let column = fault.column.clone().unwrap_or_default();
                    let (title, value) = (String::new(), String::new());
                    let trouble = Trouble { place, column, title, value, problem: Problem::Row(fault) };
                    return work(Item::Refused(vec![trouble]));
                }
            };
            let mut build = Build::new(codes, edition, Place(row.number()));
            for at in &order {
                let cell = row.get(*at);
                match targets.get(*at) {
                    Some(Cell::Column(column)) => match row.kind(*at) {
                        CellKind::RoundedNumber => {
                            build.trouble(&column.id, &column.title, cell, Problem::RoundedNumber);
                        }
                        CellKind::Error => build.trouble(&column.id, &column.title, cell, Problem::SpreadsheetError),
                        CellKind::Text | CellKind::Number | CellKind::Date | CellKind::Boolean => {
                            build.put(column, cell);
                        }
                    },
                    Some(Cell::Unknown(name)) => {
                        let text = crate::mend::free(cell).text;
                        if !text.is_empty() {
                            build.page().extra.insert((*name).to_owned(), text.into_owned());
                        }
                    }
                    Some(Cell::Nothing) | None => {}
                }
            }
            if build.page().admission_count == 0 {
                if needs_count {
                    build.trouble("", "", "", Problem::NoAdmissionCount);
                } else {
                    build.page().admission_count = 1;
                }
            }
            work(build.finish())
        })?;
        Ok(())
    }
}
