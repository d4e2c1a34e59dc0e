//! Names of diagnosis and procedure codes, grey codes, and the way from the clinical to the insurance edition.
//!
//! The tables are compressed definitions and are unpacked when they are first asked for.
//!
//! Source: `icd-10-insurance-2`, `icd-9-cm-3-insurance-2`, and the crosswalks of `opendrg`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read as _;
use std::ops::Range;
use std::sync::OnceLock;

use yiti_kernel::definition::Fault;

use crate::columns::fault;

/// Unpacked bytes that a table may have.
const TABLE_BYTES_MAX: u64 = 64 << 20;

/// Diagnosis or procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum System {
    /// ICD-10.
    Diagnosis,
    /// ICD-9-CM-3.
    Procedure,
}

/// What kind of procedure a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Surgery.
    Surgery,
    /// Interventional treatment.
    Interventional,
    /// A treatment that is neither.
    Therapeutic,
    /// For diagnosis.
    Diagnostic,
}

impl Class {
    fn from_key(key: &str) -> Option<Self> {
        Some(match key {
            "surgery" => Self::Surgery,
            "interventional" => Self::Interventional,
            "therapeutic" => Self::Therapeutic,
            "diagnostic" => Self::Diagnostic,
            _ => return None,
        })
    }
}

/// A code of the insurance edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code<'c> {
    /// The code.
    pub code: &'c str,
    /// Its name.
    pub name: &'c str,
    /// Not to be used for settlement.
    pub is_grey: bool,
    /// What a procedure is, where it is known.
    pub class: Option<Class>,
}

/// What became of a code on its way to the insurance edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossed<'c> {
    /// The same code in both.
    Same,
    /// Another code.
    To(&'c str),
    /// No equivalent is known.
    None,
}

/// The edition a source writes its codes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edition {
    /// The clinical edition.
    Clinical,
    /// The insurance edition.
    Insurance,
}

#[derive(Debug)]
struct Row {
    code: Range<u32>,
    name: Range<u32>,
    is_grey: bool,
    class: Option<Class>,
}

/// The codes of one system, in their order.
#[derive(Debug, Default)]
struct Table {
    text: String,
    /// rows: [code], sorted
    rows: Vec<Row>,
    /// Where the clinical edition has another code for the same thing.
    crossed: HashMap<String, String>,
}

/// Both systems.
#[derive(Debug, Default)]
pub struct Codes {
    diagnoses: Table,
    procedures: Table,
}

/// The packed tables; unpacked once, when first asked for.
pub struct Packed {
    tables: [Cow<'static, [u8]>; 4],
    codes: OnceLock<Codes>,
}

/// The files of the tables below `definitions/`, in the order in which `Packed` takes them.
pub const FILES: [&str; 4] = [
    "frontpage/icd10.csv.gz",
    "frontpage/icd9cm3.csv.gz",
    "frontpage/crosswalk-icd10.csv.gz",
    "frontpage/crosswalk-icd9cm3.csv.gz",
];

impl Packed {
    /// Takes the bytes of `FILES`; `find` gives those of one file.
    ///
    /// # Errors
    /// Each file that is missing or does not begin as a packed table does. What is inside is seen when it is unpacked,
    /// and by the tests of the shipped ones.
    pub fn new(find: &dyn Fn(&str) -> Option<Cow<'static, [u8]>>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let tables = FILES.map(|path| {
            let bytes = find(path).unwrap_or_default();
            if !bytes.starts_with(&[0x1f, 0x8b]) {
                faults.push(fault(path, 0, "the packed table is missing or broken"));
            }
            bytes
        });
        if faults.is_empty() { Ok(Self { tables, codes: OnceLock::new() }) } else { Err(faults) }
    }

    /// The codes. A broken table is empty, so that every code of it is unknown; it is logged by whoever checks
    /// definitions with [`Packed::check`].
    #[must_use]
    pub fn get(&self) -> &Codes {
        self.codes.get_or_init(|| Codes::read(&self.tables).unwrap_or_default())
    }

    /// Unpacks every table and says what is wrong.
    ///
    /// # Errors
    /// The first fault with its line.
    pub fn check(&self) -> Result<(), Fault> {
        Codes::read(&self.tables).map(drop)
    }
}

impl Codes {
    fn read([dx, px, cross_dx, cross_px]: &[Cow<'static, [u8]>; 4]) -> Result<Self, Fault> {
        let [dx_path, px_path, cross_dx_path, cross_px_path] = FILES;
        let mut codes = Self { diagnoses: table(dx_path, dx)?, procedures: table(px_path, px)? };
        codes.diagnoses.crossed = crosswalk(cross_dx_path, cross_dx, &codes.diagnoses)?;
        codes.procedures.crossed = crosswalk(cross_px_path, cross_px, &codes.procedures)?;
        Ok(codes)
    }

    fn table(&self, system: System) -> &Table {
        match system {
            System::Diagnosis => &self.diagnoses,
            System::Procedure => &self.procedures,
        }
    }

    /// A code of the insurance edition, letters as the edition writes them.
    #[must_use]
    pub fn get(&self, system: System, code: &str) -> Option<Code<'_>> {
        let table = self.table(system);
        let at = table.rows.binary_search_by(|row| table.slice(&row.code).cmp(code)).ok()?;
        table.rows.get(at).map(|row| table.code(row))
    }

    /// Codes that begin with `start`, in their order.
    pub fn starting_with<'c>(&'c self, system: System, start: &str) -> impl Iterator<Item = Code<'c>> + use<'c> {
        let table = self.table(system);
        let from = table.rows.partition_point(|row| table.slice(&row.code) < start);
        let start = start.to_owned();
        let rows = table.rows.get(from..).unwrap_or_default();
        rows.iter().map(|row| table.code(row)).take_while(move |code| code.code.starts_with(&start))
    }

    /// Codes whose name holds `text`, in their order.
    pub fn named<'c>(&'c self, system: System, text: &str) -> impl Iterator<Item = Code<'c>> + use<'c> {
        let table = self.table(system);
        let text = text.to_owned();
        table.rows.iter().map(|row| table.code(row)).filter(move |code| code.name.contains(&text))
    }

    /// The one code that is meant by a code written otherwise: in lower case, without its dot, or without the places
    /// that a category is filled up with (`I21.9` for `I21.900`, `36.1` for `36.1000` or `36.1x00`). `None` when no code
    /// is meant, or more than one.
    #[must_use]
    pub fn mended(&self, system: System, code: &str) -> Option<String> {
        let code = code.trim();
        if code.len() > 40 || !code.is_ascii() {
            return None;
        }
        let upper = code.to_ascii_uppercase().replace('X', "x");
        let before = match system {
            System::Diagnosis => 3,
            System::Procedure => 2,
        };
        let dotted = match (upper.contains('.'), upper.split_at_checked(before)) {
            (false, Some((category, rest))) if !rest.is_empty() => format!("{category}.{rest}"),
            _ => upper.clone(),
        };
        let filled: &[&str] = match (system, dotted.split_once('.').map_or(0, |(_, rest)| rest.len())) {
            (System::Diagnosis, 0) => &[".x00", ".900"],
            (System::Diagnosis, 1) => &["00"],
            (System::Procedure, 1) => &["000", "x00"],
            (System::Procedure, 2) => &["00"],
            (System::Procedure, 3) => &["0"],
            _ => &[],
        };
        let spelled = [upper.clone(), dotted.clone()].into_iter().find(|text| self.get(system, text).is_some());
        if spelled.is_some() {
            return spelled;
        }
        let mut meant =
            filled.iter().map(|end| format!("{dotted}{end}")).filter(|text| self.get(system, text).is_some());
        match (meant.next(), meant.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    /// The code of the insurance edition for one of `edition`. A code of the other edition is recognised when `edition`
    /// does not have it.
    #[must_use]
    pub fn insurance(&self, system: System, edition: Edition, code: &str) -> Crossed<'_> {
        let crossed = self.table(system).crossed.get(code).map(String::as_str);
        let is_known = self.get(system, code).is_some();
        match (edition, crossed, is_known) {
            (Edition::Clinical, Some(other), _) | (Edition::Insurance, Some(other), false) => Crossed::To(other),
            (_, _, true) => Crossed::Same,
            (_, None, false) => Crossed::None,
        }
    }
}

impl Table {
    fn slice(&self, range: &Range<u32>) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    fn code(&self, row: &Row) -> Code<'_> {
        Code { code: self.slice(&row.code), name: self.slice(&row.name), is_grey: row.is_grey, class: row.class }
    }
}

fn unpacked(path: &str, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .take(TABLE_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(|error| fault(path, 0, error.to_string()))?;
    Ok(text)
}

fn table(path: &str, bytes: &[u8]) -> Result<Table, Fault> {
    let bytes = unpacked(path, bytes)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let mut table = Table::default();
    let mut row = csv::StringRecord::new();
    let mut line = 1;
    while reader.read_record(&mut row).map_err(|error| fault(path, line + 1, error.to_string()))? {
        line += 1;
        let [Some(code), Some(name), Some(grey)] = [0, 1, 2].map(|at| row.get(at)) else {
            return Err(fault(path, line, "code, name and grey are expected"));
        };
        if table.rows.last().is_some_and(|last| table.slice(&last.code) >= code) {
            return Err(fault(path, line, format!("`{code}` is not in order")));
        }
        let mut put = |text: &str| {
            let start = u32::try_from(table.text.len()).unwrap_or(u32::MAX);
            table.text.push_str(text);
            start..u32::try_from(table.text.len()).unwrap_or(u32::MAX)
        };
        let (code, name) = (put(code), put(name));
        table.rows.push(Row { code, name, is_grey: grey == "1", class: row.get(3).and_then(Class::from_key) });
    }
    Ok(table)
}

fn crosswalk(path: &str, bytes: &[u8], table: &Table) -> Result<HashMap<String, String>, Fault> {
    let bytes = unpacked(path, bytes)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let mut crossed = HashMap::new();
    let mut row = csv::StringRecord::new();
    let mut line = 1;
    while reader.read_record(&mut row).map_err(|error| fault(path, line + 1, error.to_string()))? {
        line += 1;
        let (Some(clinical), Some(insurance)) = (row.get(0), row.get(1)) else {
            return Err(fault(path, line, "clinical and insurance are expected"));
        };
        if table.rows.binary_search_by(|row| table.slice(&row.code).cmp(insurance)).is_err() {
            return Err(fault(path, line, format!("`{insurance}` is no code of the insurance edition")));
        }
        // Without a clinical code the row only says that the clinical edition lacks this one.
        if !clinical.is_empty() && crossed.insert(clinical.to_owned(), insurance.to_owned()).is_some() {
            return Err(fault(path, line, format!("`{clinical}` stands twice")));
        }
    }
    Ok(crossed)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn packed() -> Packed {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
        Packed::new(&|path| std::fs::read(folder.join(path)).ok().map(Cow::Owned)).unwrap()
    }

    #[test]
    fn the_shipped_tables_are_sound_and_codes_are_found() {
        let packed = packed();
        packed.check().unwrap();
        let codes = packed.get();
        assert_eq!((codes.diagnoses.rows.len(), codes.procedures.rows.len()), (33_308, 13_686));
        let cholera = codes.get(System::Diagnosis, "A00.000").unwrap();
        assert!(cholera.is_grey && cholera.name.contains("霍乱"));
        assert_eq!(codes.get(System::Procedure, "36.0601").unwrap().class, Some(Class::Interventional));
        assert_eq!(codes.get(System::Diagnosis, "a00.000"), None);
        let below: Vec<&str> = codes.starting_with(System::Diagnosis, "I21.0").map(|code| code.code).collect();
        assert!(below.len() > 3 && below.iter().all(|code| code.starts_with("I21.0")), "{below:?}");
        assert!(codes.named(System::Procedure, "阑尾").count() > 3);
    }

    #[test]
    fn a_clinical_code_goes_to_the_insurance_edition() {
        let packed = packed();
        let codes = packed.get();
        let go = |edition, code| codes.insurance(System::Diagnosis, edition, code);
        assert_eq!(go(Edition::Clinical, "A01.000x002"), Crossed::To("A01.003"));
        assert_eq!(go(Edition::Clinical, "A00.000"), Crossed::Same);
        assert_eq!(go(Edition::Clinical, "ZZZ"), Crossed::None);
        // The same text means two things: the edition decides.
        assert_eq!(go(Edition::Clinical, "A49.100"), Crossed::To("A49.103"));
        assert_eq!(go(Edition::Insurance, "A49.100"), Crossed::Same);
        // A clinical code in a list of the insurance edition is recognised.
        assert_eq!(go(Edition::Insurance, "A01.000x002"), Crossed::To("A01.003"));
    }

    #[test]
    fn a_code_written_otherwise_is_recognised_when_only_one_is_meant() {
        let packed = packed();
        let codes = packed.get();
        let dx = |code| codes.mended(System::Diagnosis, code);
        let px = |code| codes.mended(System::Procedure, code);
        assert_eq!(dx("i21.001").as_deref(), Some("I21.001"));
        assert_eq!(dx("I21001").as_deref(), Some("I21.001"));
        assert_eq!(dx("a00.000X001").as_deref(), Some("A00.000x001"));
        assert_eq!(dx("I21.9").as_deref(), Some("I21.900"));
        assert_eq!(px("360601").as_deref(), Some("36.0601"));
        assert_eq!(dx("I"), None);
        assert_eq!(dx("ZZZ.999"), None);
        assert_eq!(dx("霍乱"), None);
    }

    #[test]
    fn a_broken_table_is_named() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
        let find = |path: &str| {
            let mut bytes = std::fs::read(folder.join(path)).ok()?;
            if path == FILES[0] {
                bytes.truncate(1000);
            }
            Some(Cow::Owned(bytes))
        };
        let packed = Packed::new(&find).unwrap();
        assert_eq!(packed.check().unwrap_err().path, FILES[0]);
        assert_eq!(packed.get().get(System::Diagnosis, "A00.000"), None);
        let missing = Packed::new(&|_| None).err().unwrap();
        assert_eq!(missing.len(), 4);
    }
}
