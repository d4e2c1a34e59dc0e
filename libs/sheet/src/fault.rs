//! Why a file or a row was refused, with the row, the column and what helps.

use std::fmt;

/// A problem with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file's name, without its folder.
    pub file: String,
    /// Row as a spreadsheet counts: the first row of the file is 1, blank rows count.
    pub row: Option<u64>,
    /// The column's name, or its place where it has no name.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a file or a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The system could not read the file.
    #[error("the file cannot be read: {reason}")]
    Unreadable {
        /// What the system said.
        reason: String,
    },
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// There is no row of column names.
    #[error("there is no row of column names")]
    NoHeader,
    /// Two columns have the same name.
    #[error("the column `{name}` stands twice")]
    DoubleColumn {
        /// The name.
        name: String,
    },
    /// An old or a password-protected workbook.
    #[error("the file is an old workbook (.xls) or has a password")]
    OldWorkbook,
    /// A workbook of another kind than .xlsx.
    #[error("the file is a workbook of another kind (.xlsb or .ods)")]
    OtherWorkbook,
    /// A zip archive without a workbook.
    #[error("the file is a zip archive and holds no workbook")]
    Archive,
    /// The file is something else.
    #[error("the file is {what}, not a table")]
    NotATable {
        /// Name of the kind, as `PDF`.
        what: &'static str,
    },
    /// Text in UTF-16.
    #[error("the text is UTF-16")]
    Utf16,
    /// A NUL byte.
    #[error("there is a NUL byte at byte {offset}")]
    Nul {
        /// Offset from the file's start, or from the row's where the row is known.
        offset: u64,
    },
    /// Rows end in a single carriage return.
    #[error("a carriage return stands without a line feed at byte {offset}")]
    BareCarriageReturn {
        /// Offset from the file's start, or from the row's where the row is known.
        offset: u64,
    },
    /// Neither UTF-8 nor GB18030.
    #[error("the text is neither UTF-8 nor GB18030, first at byte {offset}")]
    UnknownEncoding {
        /// Offset from the file's start, or from the row's where the row is known.
        offset: u64,
    },
    /// Some rows are UTF-8, others GB18030.
    #[error("the text mixes UTF-8 and GB18030, first at byte {offset}")]
    MixedEncoding {
        /// Offset from the file's start, or from the row's where the row is known.
        offset: u64,
    },
    /// The file ends before it is complete.
    #[error("the file ends too early; it is half-written or was cut off")]
    CutOff,
    /// A quote that is opened and not closed.
    #[error("a quote is opened and not closed")]
    Unclosed,
    /// A row with another number of cells than the header.
    #[error("the row has {cells} cells, the header has {columns}")]
    Ragged {
        /// Cells of the row.
        cells: usize,
        /// Columns of the header.
        columns: usize,
    },
    /// A row above the limit.
    #[error("the row is longer than {bytes} bytes")]
    LongRow {
        /// The limit.
        bytes: usize,
    },
    /// A cell above the limit.
    #[error("the cell is longer than {bytes} bytes")]
    LongCell {
        /// The limit.
        bytes: usize,
    },
    /// More columns than the limit.
    #[error("there are more than {columns} columns")]
    ManyColumns {
        /// The limit.
        columns: usize,
    },
    /// Unpacked, the file would be larger than the limit.
    #[error("`{part}` unpacks to more than {bytes} bytes")]
    TooLarge {
        /// Which part.
        part: String,
        /// The limit.
        bytes: u64,
    },
    /// A cell beyond the last row or column of a spreadsheet, or cells out of their order.
    #[error("a cell stands outside the grid or out of order")]
    OutOfGrid,
    /// A part of the file declares a document type or entities.
    #[error("`{part}` declares a document type")]
    DocumentType {
        /// Which part.
        part: String,
    },
    /// The file breaks its own format.
    #[error("the file is damaged: {reason}")]
    Damaged {
        /// What the format's reader said.
        reason: String,
    },
    /// A column of a type that is not read.
    #[error("a column of the type {kind} is not read")]
    ColumnType {
        /// The type.
        kind: String,
    },
}

impl Problem {
    /// Whether nothing of the file can be read after it; otherwise only the row is lost.
    pub fn ends_the_file(&self) -> bool {
        !matches!(
            self,
            Problem::Ragged { .. }
                | Problem::LongCell { .. }
                | Problem::Nul { .. }
                | Problem::BareCarriageReturn { .. }
                | Problem::UnknownEncoding { .. }
                | Problem::MixedEncoding { .. }
        )
    }

    /// Key of the problem for words, as `ragged`; the remedy's key is `ragged.remedy`.
    pub fn key(&self) -> &'static str {
        match self {
            Problem::Unreadable { .. } => "unreadable",
            Problem::Empty => "empty",
            Problem::NoHeader => "no_header",
            Problem::DoubleColumn { .. } => "double_column",
            Problem::OldWorkbook => "old_workbook",
            Problem::OtherWorkbook => "other_workbook",
            Problem::Archive => "archive",
            Problem::NotATable { .. } => "not_a_table",
            Problem::Utf16 => "utf16",
            Problem::Nul { .. } => "nul",
            Problem::BareCarriageReturn { .. } => "bare_carriage_return",
            Problem::UnknownEncoding { .. } => "unknown_encoding",
            Problem::MixedEncoding { .. } => "mixed_encoding",
            Problem::CutOff => "cut_off",
            Problem::Unclosed => "unclosed",
            Problem::Ragged { .. } => "ragged",
            Problem::LongRow { .. } => "long_row",
            Problem::LongCell { .. } => "long_cell",
            Problem::ManyColumns { .. } => "many_columns",
            Problem::TooLarge { .. } => "too_large",
            Problem::OutOfGrid => "out_of_grid",
            Problem::DocumentType { .. } => "document_type",
            Problem::Damaged { .. } => "damaged",
            Problem::ColumnType { .. } => "column_type",
        }
    }

    /// facts: [fact], its name in the words and its text
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Problem::Empty
            | Problem::NoHeader
            | Problem::OldWorkbook
            | Problem::OtherWorkbook
            | Problem::Archive
            | Problem::Utf16
            | Problem::CutOff
            | Problem::Unclosed
            | Problem::OutOfGrid => Vec::new(),
            Problem::Unreadable { reason } | Problem::Damaged { reason } => vec![("reason", reason.clone())],
            Problem::DoubleColumn { name } => vec![("name", name.clone())],
            Problem::NotATable { what } => vec![("what", (*what).to_owned())],
            Problem::Nul { offset }
            | Problem::BareCarriageReturn { offset }
            | Problem::UnknownEncoding { offset }
            | Problem::MixedEncoding { offset } => vec![("offset", offset.to_string())],
            Problem::Ragged { cells, columns } => {
                vec![("cells", cells.to_string()), ("columns", columns.to_string())]
            }
            Problem::LongRow { bytes } | Problem::LongCell { bytes } => vec![("bytes", bytes.to_string())],
            Problem::ManyColumns { columns } => vec![("columns", columns.to_string())],
            Problem::TooLarge { part, bytes } => vec![("part", part.clone()), ("bytes", bytes.to_string())],
            Problem::DocumentType { part } => vec![("part", part.clone())],
            Problem::ColumnType { kind } => vec![("kind", kind.clone())],
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for Fault {}

/// The name of a file and the way to a fault in it.
#[derive(Debug, Clone)]
pub(crate) struct Name(pub(crate) String);

impl Name {
    pub(crate) fn fault(&self, problem: Problem) -> Fault {
        Fault { file: self.0.clone(), row: None, column: None, problem }
    }

    pub(crate) fn at(&self, row: u64, problem: Problem) -> Fault {
        Fault { row: Some(row), ..self.fault(problem) }
    }
}
