//! Tables of columns and codes, and a generator of HQMS files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use yiti_drg::check::Checks;
use yiti_drg::codes::Packed;
use yiti_drg::columns::Standard;
use yiti_frontpage::{FileFault, Import, Item, Limits, Repair, RepairKind, Trouble};
use yiti_kernel::definition::File;
use yiti_record::front_page::FrontPage;

fn definitions() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../definitions"))
}

/// The shipped tables, read once.
pub(crate) static IMPORT: LazyLock<Import> = LazyLock::new(|| {
    let files: Vec<File> = ["frontpage/columns.csv", "frontpage/codes.csv", "frontpage/rules.toml"]
        .into_iter()
        .map(|path| File { path: path.into(), text: std::fs::read_to_string(definitions().join(path)).unwrap() })
        .collect();
    let packed = Packed::new(&|path| std::fs::read(definitions().join(path)).ok().map(Cow::Owned)).unwrap();
    Import {
        checks: Arc::new(Checks::load(&files).unwrap()),
        codes: Arc::new(packed),
        limits: Limits { rows_max: 10_000, ..Limits::default() },
        form: None,
    }
});

/// One stay of the wide form; every column that is not set is empty.
#[derive(Clone, Default)]
pub(crate) struct Row(BTreeMap<String, String>);

impl Row {
    pub(crate) fn set(mut self, column: &str, text: &str) -> Self {
        self.0.insert(column.to_owned(), text.to_owned());
        self
    }
}

/// A stay as a careful hospital writes it.
pub(crate) fn stay(number: &str) -> Row {
    let mut row = Row::default();
    for (column, text) in [
        ("A01", "455000000"),
        ("A02", "示范县人民医院"),
        ("A48", number),
        ("A49", "1"),
        ("B12", "2026-02-01 10:00:00"),
        ("B15", "2026-02-09 09:00:00"),
        ("A46C", "1"),
        ("A11", "王小东"),
        ("A12C", "1"),
        ("A13", "1960-05-01"),
        ("A14", "65"),
        ("A22", "-"),
        ("B16C", "0301"),
        ("B20", "8"),
        ("C03C", "I21.001"),
        ("C04N", "急性广泛前壁心肌梗死"),
        ("C05C", "1"),
        ("C06x01C", "J96.000"),
        ("C07x01N", "急性呼吸衰竭"),
        ("C14x01C", "36.0601"),
        ("C15x01N", "冠状动脉药物涂层支架置入术"),
        ("C16x01", "2026-02-02 08:00:00"),
        ("C17x01", "3"),
        ("B24", "李明"),
        ("B29", "赵静"),
        ("B34C", "1"),
        ("D01", "12345.67"),
        ("D09", "2345.60"),
        ("D13", "345.67"),
        ("D23", "12000.00"),
    ] {
        row = row.set(column, text);
    }
    row
}

/// The wide table with all its 642 columns.
pub(crate) fn hqms(rows: &[Row]) -> String {
    table(Standard::Hqms, rows, &[])
}

pub(crate) fn table(standard: Standard, rows: &[Row], more: &[&str]) -> String {
    let mut names: Vec<&str> = IMPORT.checks.columns.of(standard).iter().map(|column| column.id.as_str()).collect();
    names.extend(more);
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    };
    let mut out = names.join(",") + "\r\n";
    for row in rows {
        let cells: Vec<String> =
            names.iter().map(|name| row.0.get(*name).map(|text| quoted(text)).unwrap_or_default()).collect();
        out += &(cells.join(",") + "\r\n");
    }
    out
}

pub(crate) fn gb18030(text: &str) -> Vec<u8> {
    let (bytes, _, lost) = encoding_rs::GB18030.encode(text);
    assert!(!lost);
    bytes.into_owned()
}

/// Everything that comes out of a file.
#[derive(Debug)]
pub(crate) struct All {
    pub(crate) standard: Standard,
    pub(crate) pages: Vec<(u64, FrontPage, Vec<Repair>)>,
    pub(crate) refused: Vec<Vec<Trouble>>,
    pub(crate) file_repairs: Vec<RepairKind>,
    pub(crate) unknown: Vec<String>,
}

impl All {
    pub(crate) fn kinds(&self) -> Vec<RepairKind> {
        let mut kinds: Vec<RepairKind> =
            self.pages.iter().flat_map(|(_, _, repairs)| repairs.iter().map(|repair| repair.kind)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

pub(crate) fn read(bytes: impl Into<Vec<u8>>) -> Result<All, FileFault> {
    let import = &*IMPORT;
    let bytes: Vec<u8> = bytes.into();
    let mut opened = yiti_frontpage::open("pages.csv", bytes.into(), None, &import.checks, import.limits)?;
    let mut all = All {
        standard: opened.standard(),
        pages: Vec::new(),
        refused: Vec::new(),
        file_repairs: opened.repairs(),
        unknown: opened.unknown_columns().to_vec(),
    };
    opened.each(&import.checks, import.codes.get(), |item| {
        match item {
            Item::Page { place, page, repairs } => all.pages.push((place.0, *page, repairs)),
            Item::Refused(troubles) => all.refused.push(troubles),
        }
        ControlFlow::Continue(())
    })?;
    Ok(all)
}
