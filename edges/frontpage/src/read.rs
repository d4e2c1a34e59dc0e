//! From the bytes of a file to pages. The file is known to be whole before the first page comes out.

use std::ops::ControlFlow;

use bytes::Bytes;
use yiti_drg::check::Checks;
use yiti_drg::codes::Codes;
use yiti_drg::columns::Standard;
use yiti_drg::field::Expected;
use yiti_record::front_page::{FrontPage, Source};

use crate::settlement::{self, Messages};
use crate::table::{self, Table};

macro_rules! keyed {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $key:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Key of its words.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }
        }
    };
}

keyed!(
    /// What was mended on the way in; words below `front_page.repair`.
    RepairKind {
        /// Full-width characters made half-width.
        FullWidth = "full_width",
        /// Blanks and invisible marks taken out.
        Spaces = "spaces",
        /// A mark for nothing, as `-` or `NULL`, read as nothing.
        Placeholder = "placeholder",
        /// A code in the wrong case.
        LowerCase = "lower_case",
        /// The dot of a code put back.
        DotLost = "dot_lost",
        /// Zeros that a spreadsheet took from a code put back.
        CodeNumber = "code_number",
        /// A code that a spreadsheet made a day.
        CodeDate = "code_date",
        /// The clinical code has another code in the insurance edition; the original is kept.
        Crosswalk = "crosswalk",
        /// A number in another spelling.
        NumberSpelling = "number_spelling",
        /// A day or time in another spelling.
        DateSpelling = "date_spelling",
        /// A day as the number of a spreadsheet.
        DateNumber = "date_number",
        /// A sex as a word.
        SexWord = "sex_word",
        /// A weight or age of 0 that means nothing.
        ZeroMeansNothing = "zero_means_nothing",
        /// The age in days of a patient below one year, left blank, counted from birth and admission.
        NewbornDays = "newborn_days",
        /// The age in years, left blank below one year.
        NewbornYears = "newborn_years",
        /// An empty entry between others of a list.
        Gap = "gap",
        /// The principal entry stood further down and was put first.
        PrincipalFirst = "principal_first",
        /// The text was GB18030, or GBK.
        Encoding = "encoding",
    }
);

/// Where something stands: row of a table as a spreadsheet counts, or number of a message from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub u64);

/// One mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// What was done.
    pub kind: RepairKind,
    /// The column, as the form names it.
    pub column: String,
    /// The cell as it was, at most 60 characters.
    pub before: String,
    /// What it became.
    pub after: String,
}

/// Why a row was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The row.
    pub place: Place,
    /// The column as the form names it; empty when the row as a whole is meant.
    pub column: String,
    /// Its title.
    pub title: String,
    /// The cell, at most 60 characters.
    pub value: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A value is not what the column holds.
    Expected(Expected),
    /// There is no number of the medical record.
    NoRecordNumber,
    /// There is no count of the admission.
    NoAdmissionCount,
    /// There is no day of admission, by which a form without that count names the stay.
    NoAdmissionDay,
    /// A spreadsheet has rounded a long number and lost its last digits.
    RoundedNumber,
    /// The cell holds an error of the spreadsheet.
    SpreadsheetError,
    /// The page is final, the row is a draft.
    AlreadyFinal,
    /// The same stay stands in an earlier row with another content.
    StayTwice {
        /// The earlier row.
        first: Place,
    },
    /// The row itself is broken.
    Row(sheet::Fault),
    /// A list of the message is longer than a page can be.
    LongList,
}

impl Problem {
    /// Key of its words below `front_page.trouble`; each has `.reason` and `.remedy`. A value that is not what its column
    /// holds has words for each kind.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Expected(expected) => expected.key(),
            Self::NoRecordNumber => "no_record_number",
            Self::NoAdmissionCount => "no_admission_count",
            Self::NoAdmissionDay => "no_admission_day",
            Self::RoundedNumber => "rounded_number",
            Self::SpreadsheetError => "spreadsheet_error",
            Self::AlreadyFinal => "already_final",
            Self::StayTwice { .. } => "stay_twice",
            Self::Row(_) => "row",
            Self::LongList => "long_list",
        }
    }
}

/// Why a file was refused as a whole.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The table cannot be read to its end.
    #[error(transparent)]
    Sheet(#[from] sheet::Fault),
    /// The message breaks off or is no JSON.
    #[error("the messages end or break at line {line}, column {column}: {reason}")]
    Json {
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
        /// What the reader said.
        reason: String,
        /// The file ends too early.
        is_cut_off: bool,
    },
    /// More bytes than the limit.
    #[error("the file has more than {bytes} bytes")]
    TooLarge {
        /// The limit.
        bytes: u64,
    },
    /// More rows than the limit.
    #[error("the file has more than {rows} rows")]
    TooManyRows {
        /// The limit.
        rows: u64,
    },
    /// The columns are those of no form.
    #[error("the columns are those of no front page; `{nearest}` would need {missing}")]
    NotAFrontPage {
        /// The form that fits best.
        nearest: &'static str,
        /// Columns it needs and the file lacks, with commas between.
        missing: String,
    },
    /// The file is not of the form that was asked for.
    #[error("the file is no `{asked}`")]
    NotThatForm {
        /// The form.
        asked: &'static str,
    },
    /// There is no message in the file.
    #[error("the file holds no front page")]
    Empty,
}

impl FileFault {
    /// Key of its words below `front_page.file`; each has `.reason` and `.remedy`. What a table's reader refuses has its
    /// own words.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Sheet(_) => "sheet",
            Self::Json { is_cut_off: true, .. } => "cut_off",
            Self::Json { is_cut_off: false, .. } => "json",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::NotAFrontPage { .. } => "not_a_front_page",
            Self::NotThatForm { .. } => "not_that_form",
            Self::Empty => "empty",
        }
    }
}

/// The forms a file can be said to have; otherwise it is told by its content.
pub const FORMS: [Standard; 5] =
    [Standard::Hqms, Standard::HqmsChinese, Standard::Settlement4101, Standard::Settlement4101A, Standard::Plain];

/// How much is believed of a file.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a table.
    pub table_bytes_max: u64,
    /// Bytes of a file of messages; it is held in memory.
    pub message_bytes_max: u64,
    /// Rows or messages.
    pub rows_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { table_bytes_max: 4 << 30, message_bytes_max: 64 << 20, rows_max: 2_000_000 }
    }
}

/// One row or message.
#[derive(Debug)]
pub enum Item {
    /// A page.
    Page {
        /// Where it stood.
        place: Place,
        /// The page.
        page: Box<FrontPage>,
        /// What was mended.
        repairs: Vec<Repair>,
    },
    /// The row's faults, at least one.
    Refused(Vec<Trouble>),
}

/// A file whose kind is known and that is whole.
pub struct Opened(Kind);

enum Kind {
    Table(Table),
    Messages(Messages),
}

/// Opens a file: finds out what it is, or whether it is what `form` says, and reads it to its end once, so that a
/// half-written one is refused before anything comes of it.
///
/// # Errors
/// Why the file is refused as a whole, with the place.
pub fn open(
    name: &str,
    bytes: Bytes,
    form: Option<Standard>,
    checks: &Checks,
    limits: Limits,
) -> Result<Opened, FileFault> {
    let is_message = settlement::looks_like(&bytes);
    if let Some(asked) = form
        && is_message != matches!(asked, Standard::Settlement4101 | Standard::Settlement4101A)
    {
        return Err(FileFault::NotThatForm { asked: asked.key() });
    }
    if is_message {
        let mut messages = settlement::open(&bytes, limits)?;
        messages.standard = form.unwrap_or(messages.standard);
        return Ok(Opened(Kind::Messages(messages)));
    }
    if bytes.len() as u64 > limits.table_bytes_max {
        return Err(FileFault::TooLarge { bytes: limits.table_bytes_max });
    }
    Ok(Opened(Kind::Table(table::open(name, bytes, form, checks, limits)?)))
}

impl Opened {
    /// The form the file has.
    #[must_use]
    pub fn standard(&self) -> Standard {
        match &self.0 {
            Kind::Table(table) => table.standard,
            Kind::Messages(messages) => messages.standard,
        }
    }

    /// How many rows or messages it has, those that will be refused too.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        match &self.0 {
            Kind::Table(table) => table.row_count,
            Kind::Messages(messages) => messages.row_count(),
        }
    }

    /// Where its pages come from, for their versions.
    #[must_use]
    pub fn source(&self) -> Source {
        match self.standard() {
            Standard::Hqms | Standard::HqmsExtension | Standard::HqmsChinese => Source::Hqms,
            Standard::Settlement4101 | Standard::Settlement4101A => Source::SettlementList,
            Standard::Plain => Source::Table,
        }
    }

    /// Mends that concern the file as a whole.
    #[must_use]
    pub fn repairs(&self) -> Vec<RepairKind> {
        let is_gb = match &self.0 {
            Kind::Table(table) => table.is_gb18030,
            Kind::Messages(messages) => messages.is_gb18030,
        };
        if is_gb { vec![RepairKind::Encoding] } else { Vec::new() }
    }

    /// Columns that no form names; their cells are kept with the page and not interpreted.
    #[must_use]
    pub fn unknown_columns(&self) -> &[String] {
        match &self.0 {
            Kind::Table(table) => &table.unknown,
            Kind::Messages(_) => &[],
        }
    }

    /// Hands over every row until `work` breaks off.
    ///
    /// # Errors
    /// As [`open`], should the file have changed since.
    pub fn each(
        &mut self,
        checks: &Checks,
        codes: &Codes,
        work: impl FnMut(Item) -> ControlFlow<()>,
    ) -> Result<(), FileFault> {
        match &mut self.0 {
            Kind::Table(table) => table.each(checks, codes, work),
            Kind::Messages(messages) => {
                messages.each(checks, codes, work);
                Ok(())
            }
        }
    }
}

/// A cell for people, not longer than they can read.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}
