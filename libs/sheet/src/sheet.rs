//! Opens a table whatever its kind, by what it holds and not by its name.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use std::io::{Read, Seek, SeekFrom};
use zip::ZipArchive;

use crate::batch::{Batch, Row, Shared};
use crate::fault::{Fault, Name, Problem};
use crate::guarded::guarded;
use crate::input::Input;
use crate::limits::Limits;
use crate::parquet::{Groups, Table};
use crate::text::{Blocks, Encoding, Text};
use crate::workbook::{Sheets, Workbook};

/// A kind of file, as it was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text with separators.
    Text {
        /// Its encoding, as far as the first megabyte tells.
        encoding: Encoding,
        /// What stands between cells: `,`, `;` or a tab.
        separator: char,
        /// Packed by gzip.
        zipped: bool,
    },
    /// A workbook.
    Workbook {
        /// The worksheet that is read: the first that is visible.
        worksheet: String,
    },
    /// A Parquet file.
    Parquet,
}

/// An open table: its columns are known, its rows are still to be read.
pub struct Sheet {
    kind: Kind,
    shared: Arc<Shared>,
    table: AnyTable,
}

enum AnyTable {
    Text(Box<Text>),
    Workbook(Box<Workbook>),
    Parquet(Table),
}

impl Sheet {
    /// Opens a file and reads the names of its columns.
    ///
    /// # Errors
    /// What the file is instead of a table, or what breaks it.
    pub fn open(path: impl AsRef<Path>) -> Result<Sheet, Fault> {
        Sheet::open_within(path, Limits::default())
    }

    /// Opens a file with bounds of your own.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_within(path: impl AsRef<Path>, limits: Limits) -> Result<Sheet, Fault> {
        let path = path.as_ref();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if path.is_dir() {
            return Err(Name(name).fault(Problem::NotATable { what: "a folder" }));
        }
        Sheet::of(Name(name), Input::File(path.to_owned()), limits)
    }

    /// Opens a table in memory. `name` stands in errors.
    ///
    /// # Errors
    /// As `open`.
    pub fn from_bytes(name: &str, bytes: impl Into<Bytes>) -> Result<Sheet, Fault> {
        Sheet::from_bytes_within(name, bytes, Limits::default())
    }

    /// Opens a table in memory with bounds of your own.
    ///
    /// # Errors
    /// As `open`.
    pub fn from_bytes_within(name: &str, bytes: impl Into<Bytes>, limits: Limits) -> Result<Sheet, Fault> {
        Sheet::of(Name(name.to_owned()), Input::Memory(bytes.into()), limits)
    }

    fn of(name: Name, input: Input, limits: Limits) -> Result<Sheet, Fault> {
        let (kind, columns, table) = match recognise(&name, &input, &limits)? {
            Format::Text { zipped } => {
                let text = Text::open(name.clone(), input, zipped, limits)?;
                let kind = Kind::Text { encoding: text.encoding, separator: char::from(text.delimiter), zipped };
                (kind, text.columns.clone(), AnyTable::Text(Box::new(text)))
            }
            Format::Workbook => {
                let workbook = Workbook::open(name.clone(), &input, limits)?;
                let kind = Kind::Workbook { worksheet: workbook.worksheet.clone() };
                (kind, workbook.columns.clone(), AnyTable::Workbook(Box::new(workbook)))
            }
            Format::Parquet => {
                let table = Table::open(name.clone(), &input, &limits)?;
                (Kind::Parquet, table.columns.clone(), AnyTable::Parquet(table))
            }
        };
        if columns.len() > limits.columns_max {
            return Err(name.fault(Problem::ManyColumns { columns: limits.columns_max }));
        }
        let mut known = std::collections::HashSet::new();
        for column in &columns {
            if !column.is_empty() && !known.insert(column.as_str()) {
                return Err(name.fault(Problem::DoubleColumn { name: column.clone() }));
            }
        }
        Ok(Sheet { kind, shared: Arc::new(Shared { name, columns, limits }), table })
    }

    /// What kind of file it is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The file's name, as it stands in errors.
    pub fn name(&self) -> &str {
        &self.shared.name.0
    }

    /// columns: [column], its name without blanks around it; a column may have no name
    pub fn columns(&self) -> &[String] {
        &self.shared.columns
    }

    /// Where a column of this name stands.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.shared.columns.iter().position(|column| column == name)
    }

    /// A fault of this file, for what a caller finds wrong in it.
    pub fn fault(&self, row: Option<u64>, column: Option<&str>, problem: Problem) -> Fault {
        Fault { file: self.shared.name.0.clone(), row, column: column.map(str::to_owned), problem }
    }

    /// Reads the rows from the first on, in batches that can be sent to other threads.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn batches(&mut self) -> Result<Batches<'_>, Fault> {
        let shared = self.shared.clone();
        Ok(Batches(match &mut self.table {
            AnyTable::Text(text) => AnyBatches::Text(text.blocks(shared)?),
            AnyTable::Workbook(workbook) => AnyBatches::Workbook(Box::new(workbook.blocks(shared)?)),
            AnyTable::Parquet(table) => AnyBatches::Parquet(table.blocks(shared)),
        }))
    }

    /// Hands over row after row, a refused row as its fault, until `work` breaks off.
    ///
    /// # Errors
    /// A fault that ends the file.
    pub fn each(&mut self, mut work: impl FnMut(Result<Row<'_>, Fault>) -> ControlFlow<()>) -> Result<(), Fault> {
        let mut batches = self.batches()?;
        while let Some(batch) = batches.next()? {
            let mut rows = batch.rows();
            while let Some(row) = rows.next() {
                if work(row).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet").field("name", &self.name()).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The rows of a table, batch after batch.
pub struct Batches<'s>(AnyBatches<'s>);

enum AnyBatches<'s> {
    Text(Blocks<'s>),
    Workbook(Box<Sheets<'s>>),
    Parquet(Groups<'s>),
}

impl Batches<'_> {
    /// The next batch; none at the end.
    ///
    /// # Errors
    /// A fault that ends the file. The rows before it were handed out.
    #[expect(clippy::should_implement_trait, reason = "after an error there is nothing more, which an iterator hides")]
    pub fn next(&mut self) -> Result<Option<Batch>, Fault> {
        match &mut self.0 {
            AnyBatches::Text(blocks) => blocks.next(),
            AnyBatches::Workbook(sheets) => sheets.next(),
            AnyBatches::Parquet(groups) => groups.next(),
        }
    }
}

enum Format {
    Text { zipped: bool },
    Workbook,
    Parquet,
}

/// What the first bytes of other files are, and the file's kind.
const OTHERS: &[(&[u8], &str)] = &[
    (b"%PDF", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"Rar!", "RAR"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\x7fELF", "ELF"),
    (b"MZ\x90\0", "EXE"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
];

fn recognise(name: &Name, input: &Input, limits: &Limits) -> Result<Format, Fault> {
    let unreadable = |error: std::io::Error| name.fault(Problem::Unreadable { reason: error.to_string() });
    let size = input.size().map_err(unreadable)?;
    let mut reader = input.reader().map_err(unreadable)?;
    let mut head = Vec::new();
    (&mut reader).take(1_024).read_to_end(&mut head).map_err(unreadable)?;
    if head.is_empty() {
        return Err(name.fault(Problem::Empty));
    }
    if head.starts_with(b"PAR1") {
        let mut tail = [0; 4];
        let at = size.saturating_sub(4);
        reader.seek(SeekFrom::Start(at)).and_then(|_| reader.read_exact(&mut tail)).map_err(unreadable)?;
        return if &tail == b"PAR1" && size >= 12 { Ok(Format::Parquet) } else { Err(name.fault(Problem::CutOff)) };
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Err(name.fault(Problem::OldWorkbook));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        reader.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        return guarded(name, || recognise_archive(name, reader, limits));
    }
    if head.starts_with(b"\x1f\x8b") {
        return Ok(Format::Text { zipped: true });
    }
    for (magic, what) in OTHERS {
        if head.starts_with(magic) {
            return Err(name.fault(Problem::NotATable { what }));
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let what = match text {
        text if text.starts_with("<!doctype html") || text.starts_with("<html") || text.starts_with("<table") => "HTML",
        text if text.starts_with("<?xml") => "XML",
        text if text.starts_with('{') || text.starts_with("[{") || text.starts_with("[\"") => "JSON",
        text if text.starts_with("mime-version:") => "MHTML",
        _ => return Ok(Format::Text { zipped: false }),
    };
    Err(name.fault(Problem::NotATable { what }))
}

fn recognise_archive(name: &Name, reader: crate::input::Reader, limits: &Limits) -> Result<Format, Fault> {
    // The directory of an archive stands at its end: without it the file was cut off.
    let mut archive = ZipArchive::new(reader).map_err(|_| name.fault(Problem::CutOff))?;
    let has = |part: &str| archive.file_names().flatten().any(|name| name.eq_ignore_ascii_case(part));
    if has("xl/workbook.bin") || has("content.xml") {
        return Err(name.fault(Problem::OtherWorkbook));
    }
    if !has("[Content_Types].xml") || !has("xl/workbook.xml") {
        return Err(name.fault(Problem::Archive));
    }
    crate::workbook::inspect(name, &mut archive, limits)?;
    Ok(Format::Workbook)
}
