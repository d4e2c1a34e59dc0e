//! The columns of each form: what stands in them, what they must hold, and which field of the page they are.
//!
//! Source: `definitions/frontpage/columns.csv` and `codes.csv`; the columns of each form are cited in
//! `definitions/frontpage/rules.toml`.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use yiti_kernel::definition::{Fault, File};

use crate::field::Field;

/// A form whose columns are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standard {
    /// The quality monitoring system, Western medicine: 642 columns.
    Hqms,
    /// Later and provincial additions to it.
    HqmsExtension,
    /// The quality monitoring system, Chinese medicine.
    HqmsChinese,
    /// The settlement list, interface 4101.
    Settlement4101,
    /// The settlement list, interface 4101A.
    Settlement4101A,
    /// A plain table.
    Plain,
}

impl Standard {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Hqms, Self::HqmsExtension, Self::HqmsChinese, Self::Settlement4101, Self::Settlement4101A, Self::Plain];

    /// As in `columns.csv` and in addresses.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hqms => "hqms",
            Self::HqmsExtension => "hqms-ext",
            Self::HqmsChinese => "hqms-tcm",
            Self::Settlement4101 => "setl-4101",
            Self::Settlement4101A => "setl-4101A",
            Self::Plain => "plain",
        }
    }

    /// The standard of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standard| standard.key() == key)
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Count,
    /// An amount or another number with decimals.
    Decimal,
    /// A day.
    Day,
    /// An instant.
    Instant,
    /// Texts with something between them.
    List,
}

/// When a column must be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// Need not be.
    No,
    /// Always.
    Always,
    /// When this holds of the page.
    When(Condition),
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $key:literal),+ $(,)?) => {
        /// What can hold of a page and make a column required.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Condition { $($(#[$doc])* $name),+ }

        impl Condition {
            /// As in `columns.csv`, and key of its words below `front_page.when`.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key),+ }
            }

            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

conditions!(
    /// The principal diagnosis is a neoplasm that pathology confirms.
    PrincipalNeoplasm = "principal_neoplasm",
    /// The principal diagnosis is an injury or poisoning.
    PrincipalInjury = "principal_injury",
    /// A code of pathology is there.
    PathologyCoded = "pathology_coded",
    /// An allergy is stated.
    Allergy = "allergy",
    /// There is a procedure.
    HasProcedure = "has_procedure",
    /// The procedure of this column is surgery.
    ProcedureSurgical = "procedure_surgical",
    /// The procedure of this column is surgery or interventional.
    ProcedureSurgicalOrInterventional = "procedure_surgical_or_interventional",
    /// The patient is below one year.
    BelowOneYear = "below_one_year",
    /// The patient is one year old or older.
    OneYearOrMore = "one_year_or_more",
    /// The patient is a newborn.
    Newborn = "newborn",
    /// A diagnosis states the outcome of a live birth.
    NewbornOutcome = "newborn_outcome",
    /// Another stay is planned.
    ReadmissionPlanned = "readmission_planned",
    /// The patient is transferred.
    Transferred = "transferred",
    /// The patient died.
    Died = "died",
);

/// One column; a repeated one stands here once for each repetition.
#[derive(Debug, Clone)]
pub struct Column {
    /// As the form names it, `C06x03C` or `setlinfo.gend`.
    pub id: String,
    /// The title in the form.
    pub title: String,
    /// What it holds.
    pub kind: Kind,
    /// Most characters; for amounts digits before the dot. `None`: not said.
    pub length: Option<u32>,
    /// When it must be filled.
    pub required: Required,
    /// The code list it takes its values from.
    pub codeset: String,
    /// The field of the page.
    pub field: Field,
    /// Name of the field without places, for words: `diagnoses.code`.
    pub label: String,
    /// The rule as its source words it.
    pub rule: String,
    /// Found in the cited source; otherwise known and to be confirmed.
    pub is_verified: bool,
    /// Which repetition, from 0.
    pub repetition: usize,
}

/// All columns and code lists.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    columns: BTreeMap<Standard, Vec<Column>>,
    by_id: BTreeMap<Standard, HashMap<String, usize>>,
    codesets: HashMap<String, Codeset>,
}

/// A code list of the forms.
#[derive(Debug, Clone, Default)]
pub struct Codeset {
    /// Its name.
    pub name: String,
    /// codes: [code], each with its meaning
    pub codes: Vec<(String, String)>,
    /// Found in a source; otherwise known and to be confirmed, so that other codes are only advised against.
    pub is_verified: bool,
}

impl Codeset {
    /// The meaning of a code.
    #[must_use]
    pub fn meaning(&self, code: &str) -> Option<&str> {
        self.codes.iter().find(|(known, _)| known == code).map(|(_, meaning)| meaning.as_str())
    }
}

#[derive(Deserialize)]
struct ColumnRow {
    standard: String,
    #[serde(rename = "seq")]
    _seq: String,
    column: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    length: String,
    required: String,
    when: String,
    repeat: String,
    codeset: String,
    field: String,
    rule: String,
    status: String,
}

#[derive(Deserialize)]
struct CodeRow {
    codeset: String,
    name: String,
    code: String,
    meaning: String,
    status: String,
}

/// Repetitions that a column may have.
const REPEAT_MAX: usize = 60;

impl Columns {
    /// Reads `frontpage/columns.csv` and `frontpage/codes.csv`.
    ///
    /// # Errors
    /// Every fault with its line.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        let mut columns = Self::default();
        let mut faults = Vec::new();
        for (line, row) in rows::<ColumnRow>(files, "frontpage/columns.csv", &mut faults) {
            if let Err(message) = columns.add(row) {
                faults.push(fault("frontpage/columns.csv", line, message));
            }
        }
        for (line, row) in rows::<CodeRow>(files, "frontpage/codes.csv", &mut faults) {
            let set = columns.codesets.entry(row.codeset).or_insert_with(|| Codeset {
                name: row.name,
                codes: Vec::new(),
                is_verified: row.status == "verified",
            });
            if set.meaning(&row.code).is_some() {
                faults.push(fault("frontpage/codes.csv", line, format!("the code `{}` stands twice", row.code)));
            }
            set.codes.push((row.code, row.meaning));
        }
        if faults.is_empty() { Ok(columns) } else { Err(faults) }
    }

    fn add(&mut self, row: ColumnRow) -> Result<(), String> {
        let unknown = |what: &str, value: &str| format!("`{value}` is no {what}");
        let standard = Standard::from_key(&row.standard).ok_or_else(|| unknown("standard", &row.standard))?;
        let kind = match (row.kind.as_str(), row.length.contains(',')) {
            ("string" | "", _) => Kind::Text,
            ("number", true) => Kind::Decimal,
            ("number", false) if row.field.starts_with("costs.") => Kind::Decimal,
            ("number", false) => Kind::Count,
            ("date", _) => Kind::Day,
            ("datetime", _) => Kind::Instant,
            ("list", _) => Kind::List,
            (other, _) => return Err(unknown("type", other)),
        };
        let required = match (row.required.as_str(), row.when.as_str()) {
            ("", _) => Required::No,
            ("Y", "") => Required::Always,
            ("C", when) => {
                let known = Condition::ALL.iter().find(|condition| condition.key() == when);
                Required::When(*known.ok_or_else(|| unknown("condition", when))?)
            }
            (other, when) => return Err(unknown("requirement", &format!("{other} {when}"))),
        };
        let field = Field::parse(&row.field).ok_or_else(|| unknown("field", &row.field))?;
        let length = row.length.split(',').next().and_then(|length| length.parse().ok());
        let repeat = if row.repeat == "n" { 1 } else { row.repeat.parse().unwrap_or(0) };
        if !(1..=REPEAT_MAX).contains(&repeat) {
            return Err(unknown("number of repetitions", &row.repeat));
        }
        let list = self.columns.entry(standard).or_default();
        for repetition in 0..repeat {
            let id = repeated(&row.column, repetition, repeat);
            let ids = self.by_id.entry(standard).or_default();
            if ids.insert(id.to_ascii_uppercase(), list.len()).is_some() {
                return Err(format!("the column `{id}` stands twice"));
            }
            list.push(Column {
                id,
                title: row.name.clone(),
                kind,
                length,
                required: if repetition == 0 { required } else { Required::No },
                codeset: row.codeset.clone(),
                field: field.further(repetition),
                label: label(&row.field),
                rule: row.rule.clone(),
                is_verified: row.status == "verified",
                repetition,
            });
        }
        Ok(())
    }

    /// The columns of a standard, in its order. columns: [column]
    #[must_use]
    pub fn of(&self, standard: Standard) -> &[Column] {
        self.columns.get(&standard).map_or(&[], Vec::as_slice)
    }

    /// The column of an id, in any case of letters.
    #[must_use]
    pub fn get(&self, standard: Standard, id: &str) -> Option<&Column> {
        let at = self.by_id.get(&standard)?.get(&id.to_ascii_uppercase())?;
        self.of(standard).get(*at)
    }

    /// A code list.
    #[must_use]
    pub fn codeset(&self, id: &str) -> Option<&Codeset> {
        self.codesets.get(id)
    }
}

/// The id of a repetition: `C06x01C` becomes `C06x02C`, `QTZD1` becomes `QTZD2`.
fn repeated(id: &str, repetition: usize, repeat: usize) -> String {
    if repeat == 1 {
        return id.to_owned();
    }
    if let Some((before, after)) = id.split_once("x01") {
        return format!("{before}x{:02}{after}", repetition + 1);
    }
    match id.strip_suffix('1') {
        Some(before) => format!("{before}{}", repetition + 1),
        None if repetition == 0 => id.to_owned(),
        None => format!("{id}x{:02}", repetition + 1),
    }
}

/// The name of a field without its places: `diagnoses.0.code` becomes `diagnoses.code`.
fn label(field: &str) -> String {
    // The hour of an instant is said as the instant.
    let is_place =
        |part: &&str| !matches!(*part, "n" | "all" | "hour") && !part.bytes().all(|byte| byte.is_ascii_digit());
    field.split('.').filter(is_place).collect::<Vec<_>>().join(".")
}

pub(crate) fn fault(path: &str, line: usize, message: impl Into<String>) -> Fault {
    Fault { path: path.to_owned(), line, column: 0, message: message.into() }
}

/// The rows of a definition table with their lines.
fn rows<T: serde::de::DeserializeOwned>(files: &[File], path: &str, faults: &mut Vec<Fault>) -> Vec<(usize, T)> {
    let Some(file) = files.iter().find(|file| file.path == path) else {
        faults.push(fault(path, 0, "the file is missing"));
        return Vec::new();
    };
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let mut rows = Vec::new();
    for row in reader.deserialize::<T>() {
        match row {
            Ok(row) => rows.push((rows.len() + 2, row)),
            Err(error) => {
                let line = error.position().and_then(|at| usize::try_from(at.line()).ok()).unwrap_or(0);
                faults.push(fault(path, line, error.to_string()));
            }
        }
    }
    rows
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn files() -> Vec<File> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions/frontpage");
        ["columns.csv", "codes.csv", "rules.toml"]
            .into_iter()
            .map(|name| File {
                path: format!("frontpage/{name}"),
                text: std::fs::read_to_string(folder.join(name)).unwrap(),
            })
            .collect()
    }

    #[test]
    fn the_wide_form_has_its_642_columns() {
        let columns = Columns::load(&files()).unwrap();
        assert_eq!(columns.of(Standard::Hqms).len(), 642);
        let last = columns.get(Standard::Hqms, "c06X40c").unwrap();
        assert!(matches!(last.field, Field::Diagnosis(40, _)), "{:?}", last.field);
        assert_eq!((last.label.as_str(), last.repetition), ("diagnoses.code", 39));
        let first = columns.get(Standard::HqmsChinese, "SSJCZBM1").unwrap();
        assert!(matches!(first.field, Field::Procedure(0, _)), "{:?}", first.field);
        assert!(columns.get(Standard::HqmsChinese, "ZYZD_JBBM40").is_some());
        assert_eq!(columns.codeset("RC019").unwrap().codes.len(), 6);
    }

    #[test]
    fn a_fault_in_a_table_is_named_with_its_line() {
        let mut files = files();
        files[0].text = files[0].text.replacen("hqms,2,A02,", "hqms,2,A01,", 1);
        files[1].text = files[1].text.replacen("RC001,", "RC001,x,", 1);
        let faults = Columns::load(&files).unwrap_err();
        assert_eq!((faults[0].path.as_str(), faults[0].line), ("frontpage/columns.csv", 3));
        assert_eq!((faults[1].path.as_str(), faults[1].line), ("frontpage/codes.csv", 2));
    }
}
