//! Rows in batches: a batch owns its bytes and can be sent to another thread; its rows lend their cells.

use std::borrow::Cow;
use std::sync::Arc;

use crate::fault::{Fault, Name, Problem};
use crate::limits::Limits;
use crate::text::{self, Encoding};

/// What a file says of a cell. Text files know only text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// Text, or nothing.
    Text,
    /// A number; its text is the shortest that gives the number back.
    Number,
    /// A number of 16 digits or more, of which a spreadsheet keeps only the first 15.
    RoundedNumber,
    /// A day or an instant, as `2026-11-20` or `2026-11-20 08:30:00`.
    Date,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// An error of the spreadsheet, as `#N/A`.
    Error,
}

/// How far reading has come. The unit differs with the kind of file: bytes, or rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Read so far.
    pub done: u64,
    /// All, where it is known.
    pub total: Option<u64>,
}

/// What every batch of a file shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub name: Name,
    pub columns: Vec<String>,
    pub limits: Limits,
}

impl Shared {
    fn cell(&self, row: u64, column: usize, problem: Problem) -> Fault {
        let name = self.columns.get(column).filter(|name| !name.is_empty()).cloned();
        Fault { column: Some(name.unwrap_or_else(|| (column + 1).to_string())), ..self.name.at(row, problem) }
    }
}

/// Some consecutive rows of a file.
#[derive(Debug)]
pub struct Batch {
    pub(crate) shared: Arc<Shared>,
    pub(crate) content: Content,
    /// How far reading had come with this batch.
    pub progress: Progress,
}

#[derive(Debug)]
pub(crate) enum Content {
    Text {
        bytes: Vec<u8>,
        encoding: Encoding,
        delimiter: u8,
        /// Number of the first row.
        row: u64,
        /// The last row has no line end.
        is_open: bool,
        /// There is no quote, no carriage return and no NUL in any row.
        is_plain: bool,
    },
    Cells(Cells),
}

/// Rows whose cells were taken out already.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    text: String,
    /// spans: [cell of every row], where it lies in `text`.
    spans: Vec<(u32, u32)>,
    kinds: Vec<CellKind>,
    /// rows: [row], its number and the end of its cells.
    rows: Vec<(u64, usize)>,
    faults: Vec<Fault>,
}

impl Cells {
    pub(crate) fn push(&mut self, text: &str, kind: CellKind) {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.spans.push((start, self.text.len() as u32));
        self.kinds.push(kind);
    }

    pub(crate) fn end_row(&mut self, number: u64) {
        self.rows.push((number, self.spans.len()));
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.faults.is_empty()
    }
}

impl Batch {
    /// The rows of the batch.
    pub fn rows(&self) -> Rows<'_> {
        let (row, whole) = match &self.content {
            Content::Text { row, bytes, encoding, .. } => {
                (*row, if *encoding == Encoding::Gb18030 { None } else { std::str::from_utf8(bytes).ok() })
            }
            Content::Cells(_) => (0, None),
        };
        Rows { batch: self, whole, at: 0, row, cell: 0, fault: 0, scratch: String::new(), spans: Vec::new() }
    }

    /// About how many bytes the batch holds.
    pub fn bytes(&self) -> usize {
        match &self.content {
            Content::Text { bytes, .. } => bytes.len(),
            Content::Cells(cells) => cells.bytes() + cells.spans.len() * 9,
        }
    }
}

/// The rows of a batch, one after another.
#[derive(Debug)]
pub struct Rows<'b> {
    batch: &'b Batch,
    /// The batch as text where all of it is UTF-8.
    whole: Option<&'b str>,
    at: usize,
    row: u64,
    cell: usize,
    fault: usize,
    scratch: String,
    spans: Vec<(u32, u32)>,
}

/// One row. It has as many cells as the header has columns.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    number: u64,
    text: &'r str,
    spans: &'r [(u32, u32)],
    kinds: &'r [CellKind],
    columns: usize,
}

impl<'r> Row<'r> {
    /// Row as a spreadsheet counts: the first row of the file is 1, blank rows count.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many cells there are: as many as columns.
    pub fn len(&self) -> usize {
        self.columns
    }

    /// Whether the table has no column.
    pub fn is_empty(&self) -> bool {
        self.columns == 0
    }

    /// The cell of a column as it stands in the file; empty beyond the last one.
    #[inline]
    pub fn get(&self, column: usize) -> &'r str {
        let span = self.spans.get(column).filter(|_| column < self.columns);
        span.and_then(|(start, end)| self.text.get(*start as usize..*end as usize)).unwrap_or("")
    }

    /// What the file says of the cell.
    #[inline]
    pub fn kind(&self, column: usize) -> CellKind {
        self.kinds.get(column).copied().unwrap_or(CellKind::Text)
    }

    /// The cells in the order of the columns.
    pub fn cells(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let row = *self;
        (0..row.columns).map(move |column| row.get(column))
    }
}

/// How a line was cut into cells.
enum Cut {
    /// The cells are parts of the line.
    Plain,
    /// The cells stand in the scratch text, without their quotes.
    Unquoted,
}

impl<'b> Rows<'b> {
    /// The next row that is not blank; an error is that row's, and the following rows can still be read. None at the end.
    #[expect(clippy::should_implement_trait, reason = "a row is lent until the next one, which an iterator cannot do")]
    #[inline]
    pub fn next(&mut self) -> Option<Result<Row<'_>, Fault>> {
        match &self.batch.content {
            Content::Cells(cells) => self.next_cells(cells),
            Content::Text { bytes, delimiter, is_open, is_plain: true, .. } if self.whole.is_some() => {
                self.next_plain(bytes, *delimiter, *is_open)
            }
            Content::Text { bytes, encoding, delimiter, is_open, .. } => {
                self.next_text(bytes, *encoding, *delimiter, *is_open)
            }
        }
    }

    fn next_cells(&mut self, cells: &'b Cells) -> Option<Result<Row<'_>, Fault>> {
        let Some((number, end)) = cells.rows.get(self.at) else {
            self.fault += 1;
            return cells.faults.get(self.fault - 1).map(|fault| Err(fault.clone()));
        };
        let start = self.cell;
        self.at += 1;
        self.cell = *end;
        let shared = &self.batch.shared;
        let spans = cells.spans.get(start..*end).unwrap_or(&[]);
        let kinds = cells.kinds.get(start..*end).unwrap_or(&[]);
        let columns = shared.columns.len();
        if let Some(column) = spans.iter().skip(columns).position(|(start, end)| end > start) {
            return Some(Err(shared.name.at(*number, Problem::Ragged { cells: columns + column + 1, columns })));
        }
        if let Some(column) =
            spans.iter().position(|(start, end)| (end - start) as usize > shared.limits.cell_bytes_max)
        {
            let problem = Problem::LongCell { bytes: shared.limits.cell_bytes_max };
            return Some(Err(shared.cell(*number, column, problem)));
        }
        Some(Ok(Row { number: *number, text: &cells.text, spans, kinds, columns }))
    }

    /// As `next_text`, where a row is a piece of the batch as it stands.
    #[inline]
    fn next_plain(&mut self, bytes: &'b [u8], delimiter: u8, is_open: bool) -> Option<Result<Row<'_>, Fault>> {
        loop {
            let rest = bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let (start, number) = (self.at, self.row);
            let end = text::cut_plain(rest, delimiter, &mut self.spans);
            self.at += end + 1;
            self.row += 1;
            if self.spans.iter().all(|(start, end)| start == end) {
                continue;
            }
            // INVARIANT: rows begin and end beside an ASCII byte, so both are ends of characters.
            let text = self.whole.and_then(|whole| whole.get(start..start + end)).unwrap_or("");
            if let Some(problem) = self.unfit(text, is_open && start + end >= bytes.len()) {
                return Some(Err(self.fault(number, problem)));
            }
            let columns = self.batch.shared.columns.len();
            return Some(Ok(Row { number, text, spans: &self.spans, kinds: &[], columns }));
        }
    }

    fn next_text(
        &mut self,
        bytes: &'b [u8],
        encoding: Encoding,
        delimiter: u8,
        is_open: bool,
    ) -> Option<Result<Row<'_>, Fault>> {
        let columns = self.batch.shared.columns.len();
        loop {
            let rest = bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let end = match text::row_end(rest, delimiter) {
                text::End::At(end) => end,
                text::End::Missing | text::End::Quoted => rest.len(),
            };
            let (start, number) = (self.at, self.row);
            let is_last = is_open && start + end >= bytes.len();
            self.at += end + 1;
            self.row += 1;
            let mut line = rest.get(..end).unwrap_or(rest);
            if let [before @ .., b'\r'] = line {
                line = before;
            }
            if line.is_empty() {
                continue;
            }
            let text: Cow<'b, str> = match self.whole.and_then(|whole| whole.get(start..start + line.len())) {
                Some(text) => Cow::Borrowed(text),
                None => match text::decode(line, encoding) {
                    Ok(text) => text,
                    Err(problem) => return Some(Err(self.batch.shared.name.at(number, problem))),
                },
            };
            let cut = text::cut(&text, delimiter, &mut self.spans, &mut self.scratch);
            if self.spans.iter().all(|(start, end)| start == end) {
                continue;
            }
            if let Some(problem) = self.unfit(&text, is_last).or_else(|| stray(line)) {
                return Some(Err(self.fault(number, problem)));
            }
            let cut = if cut { Cut::Unquoted } else { Cut::Plain };
            let text = match (cut, text) {
                (Cut::Plain, Cow::Borrowed(text)) => text,
                (Cut::Plain, Cow::Owned(text)) => {
                    self.scratch = text;
                    &self.scratch
                }
                (Cut::Unquoted, _) => &self.scratch,
            };
            return Some(Ok(Row { number, text, spans: &self.spans, kinds: &[], columns }));
        }
    }

    fn fault(&self, number: u64, (column, problem): (Option<usize>, Problem)) -> Fault {
        let shared = &self.batch.shared;
        match column {
            Some(column) => shared.cell(number, column, problem),
            None => shared.name.at(number, problem),
        }
    }

    /// What keeps the row that was just cut from being taken.
    #[inline]
    fn unfit(&self, text: &str, is_last: bool) -> Option<(Option<usize>, Problem)> {
        let shared = &self.batch.shared;
        let columns = shared.columns.len();
        let cells = self.spans.len();
        // A separator at the end of each row is common; it opens no column.
        let beyond = self.spans.get(columns..).unwrap_or(&[]).iter().any(|(start, end)| end > start);
        if cells < columns || beyond {
            let problem = if is_last { Problem::CutOff } else { Problem::Ragged { cells, columns } };
            return Some((None, problem));
        }
        if text.len() > shared.limits.cell_bytes_max {
            let long = |(start, end): &(u32, u32)| (end - start) as usize > shared.limits.cell_bytes_max;
            if let Some(column) = self.spans.iter().position(long) {
                return Some((Some(column), Problem::LongCell { bytes: shared.limits.cell_bytes_max }));
            }
        }
        None
    }
}

/// A byte that no row may have: NUL, or a carriage return outside quotes.
fn stray(line: &[u8]) -> Option<(Option<usize>, Problem)> {
    let offset = memchr::memchr2(0, b'\r', line)?;
    let (byte, offset) = (line.get(offset), offset as u64);
    match byte {
        Some(0) => Some((None, Problem::Nul { offset })),
        _ if line.contains(&b'"') => None,
        _ => Some((None, Problem::BareCarriageReturn { offset })),
    }
}
