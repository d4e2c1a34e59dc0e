//! Tables in .xlsx workbooks: the first visible worksheet, cell by cell.
//!
//! calamine holds shared strings in memory and trusts the counts a file declares, so every XML part is walked once
//! before: its unpacked size, the distance between marks, declared counts and document types are bounded.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetType, SheetVisible, Xlsx, XlsxCellReader, XlsxError};
use zip::ZipArchive;

use crate::batch::{Batch, CellKind, Cells, Content, Progress, Shared};
use crate::fault::{Fault, Name, Problem};
use crate::guarded::guarded;
use crate::input::{Input, Reader};
use crate::limits::Limits;

/// Rows of a batch at most, and their bytes about.
const BATCH_ROWS: usize = 2_048;
const BATCH_BYTES: usize = 256 << 10;
/// A spreadsheet's last row and column, counted from 0.
const ROW_MAX: u32 = 1_048_575;
const COLUMN_MAX: u32 = 16_383;
/// The largest whole number of which a spreadsheet keeps every digit.
const EXACT_MAX: f64 = 999_999_999_999_999.0;

/// An open workbook.
pub(crate) struct Workbook {
    name: Name,
    limits: Limits,
    xlsx: Xlsx<Reader>,
    pub(crate) worksheet: String,
    pub(crate) columns: Vec<String>,
    header_row: u32,
}

fn damaged(reason: impl ToString) -> Problem {
    Problem::Damaged { reason: reason.to_string() }
}

fn problem_of(error: XlsxError) -> Problem {
    match error {
        XlsxError::Password => Problem::OldWorkbook,
        XlsxError::ColumnNumberOverflow | XlsxError::RowNumberOverflow => Problem::OutOfGrid,
        XlsxError::XmlEof(_) => Problem::CutOff,
        XlsxError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Problem::CutOff,
        other => damaged(other),
    }
}

/// Walks every XML part of the archive. What it passes can be given to a reader that trusts it.
pub(crate) fn inspect(name: &Name, archive: &mut ZipArchive<Reader>, limits: &Limits) -> Result<(), Fault> {
    for number in 0..archive.len() {
        let file = archive.by_index(number).map_err(|error| name.fault(damaged(error)))?;
        let part = file.name().map_err(|error| name.fault(damaged(error)))?.replace('\\', "/");
        if file.is_file() && (part.ends_with(".xml") || part.ends_with(".rels")) {
            inspect_part(&part, file, limits).map_err(|problem| name.fault(problem))?;
        }
    }
    Ok(())
}

fn inspect_part(part: &str, file: impl Read, limits: &Limits) -> Result<(), Problem> {
    let is_worksheet = part.contains("/worksheets/") && part.ends_with(".xml");
    let is_strings = part.to_ascii_lowercase().ends_with("sharedstrings.xml");
    let bytes_max = if is_worksheet { limits.worksheet_bytes_max } else { limits.part_bytes_max };
    // A character takes up to ten bytes when it is written as an entity.
    let gap_max = limits.cell_bytes_max as u64 * 10;
    let mut file = BufReader::with_capacity(64 << 10, file);
    let mut mark = Vec::new();
    let (mut total, mut since_cell) = (0u64, 0u64);
    let mut declared = None;
    let mut strings = 0u64;
    let mut in_rows = false;
    loop {
        mark.clear();
        let read = (&mut file).take(gap_max + 1).read_until(b'<', &mut mark).map_err(damaged)? as u64;
        if read == 0 {
            break;
        }
        if read > gap_max && mark.last() != Some(&b'<') {
            return Err(Problem::TooLarge { part: part.to_owned(), bytes: gap_max });
        }
        total += read;
        if total > bytes_max {
            return Err(Problem::TooLarge { part: part.to_owned(), bytes: bytes_max });
        }
        if mark.starts_with(b"!DOCTYPE") || mark.starts_with(b"!ENTITY") {
            return Err(Problem::DocumentType { part: part.to_owned() });
        }
        // What one cell or one shared string is put together from is bounded too, not only each piece.
        since_cell += read;
        let local = mark.splitn(2, |byte| matches!(byte, b' ' | b'>' | b'/' | b'\t' | b'\r' | b'\n')).next();
        let local = local.unwrap_or(&[]).rsplit(|byte| *byte == b':').next().unwrap_or(&[]);
        match local {
            b"sheetData" => (in_rows, since_cell) = (is_worksheet, 0),
            b"c" | b"row" => since_cell = 0,
            b"si" => (strings, since_cell) = (strings + 1, 0),
            b"sst" => (declared, in_rows, since_cell) = (unique_count(&mark), is_strings, 0),
            _ => {}
        }
        if mark.starts_with(b"/sheetData") {
            in_rows = false;
        }
        if in_rows && since_cell > gap_max {
            return Err(Problem::TooLarge { part: part.to_owned(), bytes: gap_max });
        }
    }
    match declared {
        Some(declared) if declared > strings.saturating_mul(2) + 1_024 => {
            Err(damaged(format!("{declared} shared texts are declared, {strings} are there")))
        }
        _ => Ok(()),
    }
}

fn unique_count(mark: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(mark);
    let (_, value) = text.split_once("uniqueCount")?;
    let digits: String = value.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    Some(digits.parse().unwrap_or(u64::MAX))
}

impl Workbook {
    pub(crate) fn open(name: Name, input: &Input, limits: Limits) -> Result<Workbook, Fault> {
        let unreadable = |error: std::io::Error| name.fault(Problem::Unreadable { reason: error.to_string() });
        let reader = input.reader().map_err(unreadable)?;
        let xlsx = guarded(&name, || Xlsx::new(reader).map_err(|error| name.fault(problem_of(error))))?;
        let sheets = xlsx.sheets_metadata();
        let is_table = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet;
        let worksheet = sheets.iter().filter(is_table).find(|sheet| sheet.visible == SheetVisible::Visible);
        let worksheet = worksheet.or_else(|| sheets.iter().find(is_table)).map(|sheet| sheet.name.clone());
        let worksheet = worksheet.ok_or_else(|| name.fault(Problem::NoHeader))?;
        let mut workbook = Workbook { name, limits, xlsx, worksheet, columns: Vec::new(), header_row: 0 };
        workbook.read_header()?;
        Ok(workbook)
    }

    fn read_header(&mut self) -> Result<(), Fault> {
        let (columns, header_row) = {
            let name = self.name.clone();
            let columns_max = self.limits.columns_max;
            let mut cells = self.cells()?;
            let mut columns: Vec<String> = Vec::new();
            let mut header_row = None;
            while let Some((row, column, text, _)) = cells.next()? {
                if text.trim().is_empty() {
                    continue;
                }
                if header_row.is_some_and(|header| header != row) {
                    break;
                }
                header_row = Some(row);
                if column as usize >= columns_max {
                    return Err(name.at(u64::from(row) + 1, Problem::ManyColumns { columns: columns_max }));
                }
                columns.resize(column as usize + 1, String::new());
                if let Some(cell) = columns.last_mut() {
                    text.trim().clone_into(cell);
                }
            }
            (columns, header_row.ok_or_else(|| name.fault(Problem::NoHeader))?)
        };
        self.columns = columns;
        self.header_row = header_row;
        Ok(())
    }

    fn cells(&mut self) -> Result<CellsOf<'_>, Fault> {
        let name = self.name.clone();
        let worksheet = self.worksheet.clone();
        let xlsx = &mut self.xlsx;
        let reader =
            guarded(&name, || xlsx.worksheet_cells_reader(&worksheet).map_err(|error| name.fault(problem_of(error))))?;
        Ok(CellsOf { name, reader, last: None })
    }

    pub(crate) fn blocks(&mut self, shared: Arc<Shared>) -> Result<Sheets<'_>, Fault> {
        let header_row = self.header_row;
        let cells = self.cells()?;
        let end = u64::from(cells.reader.dimensions().end.0) + 1;
        let total = (end > 1).then_some(end);
        Ok(Sheets { cells, shared, header_row, total, held: None, is_over: false })
    }
}

/// The cells of a worksheet in their order.
struct CellsOf<'w> {
    name: Name,
    reader: XlsxCellReader<'w, Reader>,
    last: Option<(u32, u32)>,
}

impl CellsOf<'_> {
    /// Row and column from 0, text, kind.
    fn next(&mut self) -> Result<Option<(u32, u32, String, CellKind)>, Fault> {
        let name = &self.name;
        let at = |last: Option<(u32, u32)>, problem| match last {
            Some((row, _)) => name.at(u64::from(row) + 1, problem),
            None => name.fault(problem),
        };
        let (reader, last) = (&mut self.reader, self.last);
        let cell = guarded(name, || reader.next_cell().map_err(|error| at(last, problem_of(error))))?;
        let Some(cell) = cell else { return Ok(None) };
        let (row, column) = cell.get_position();
        if row > ROW_MAX || column > COLUMN_MAX || last.is_some_and(|last| last >= (row, column)) {
            return Err(name.at(u64::from(row).saturating_add(1), Problem::OutOfGrid));
        }
        self.last = Some((row, column));
        let (text, kind) = text_of(cell.get_value());
        Ok(Some((row, column, text, kind)))
    }
}

fn text_of(value: &DataRef<'_>) -> (String, CellKind) {
    match value {
        DataRef::Int(number) => (number.to_string(), CellKind::Number),
        DataRef::Float(number) if number.abs() > EXACT_MAX => (number.to_string(), CellKind::RoundedNumber),
        DataRef::Float(number) => (number.to_string(), CellKind::Number),
        DataRef::String(text) => (text.clone(), CellKind::Text),
        DataRef::SharedString(text) => ((*text).to_owned(), CellKind::Text),
        DataRef::Bool(true) => ("TRUE".to_owned(), CellKind::Boolean),
        DataRef::Bool(false) => ("FALSE".to_owned(), CellKind::Boolean),
        DataRef::DateTime(instant) => instant_text(instant),
        DataRef::DateTimeIso(text) => (text.replace('T', " "), CellKind::Date),
        DataRef::DurationIso(text) => (text.clone(), CellKind::Text),
        DataRef::Error(error) => (error.to_string(), CellKind::Error),
        DataRef::Empty => (String::new(), CellKind::Text),
    }
}

fn instant_text(instant: &ExcelDateTime) -> (String, CellKind) {
    // Below 0 and above 9999-12-31 there is no day.
    if instant.is_duration() || !(0.0..2_958_466.0).contains(&instant.as_f64()) {
        return (instant.as_f64().to_string(), CellKind::Number);
    }
    let (year, month, day, hour, minute, second, _) = instant.to_ymd_hms_milli();
    let text = if (hour, minute, second) == (0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    };
    (text, CellKind::Date)
}

/// A running read of a worksheet.
pub(crate) struct Sheets<'w> {
    cells: CellsOf<'w>,
    shared: Arc<Shared>,
    header_row: u32,
    total: Option<u64>,
    /// The first cell of the next row.
    held: Option<(u32, u32, String, CellKind)>,
    is_over: bool,
}

impl Sheets<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, Fault> {
        let mut out = Cells::default();
        let mut done = 0;
        while !self.is_over && out.rows() < BATCH_ROWS && out.bytes() < BATCH_BYTES {
            done = self.row(&mut out)?;
        }
        if out.is_empty() {
            return Ok(None);
        }
        let progress = Progress { done, total: self.total };
        Ok(Some(Batch { shared: self.shared.clone(), content: Content::Cells(out), progress }))
    }

    /// Takes one row. Gives its number.
    fn row(&mut self, out: &mut Cells) -> Result<u64, Fault> {
        let mut number = None;
        let mut width = 0;
        let mut bytes = 0;
        loop {
            let next = match self.held.take() {
                Some(held) => Some(held),
                None => self.cells.next()?,
            };
            let Some((row, column, text, kind)) = next else {
                self.is_over = true;
                break;
            };
            if row <= self.header_row || text.is_empty() {
                continue;
            }
            if number.is_some_and(|number| number != row) {
                self.held = Some((row, column, text, kind));
                break;
            }
            number = Some(row);
            bytes += text.len();
            let longest = self.shared.limits.row_bytes_max;
            if bytes > longest {
                return Err(self.cells.name.at(u64::from(row) + 1, Problem::LongRow { bytes: longest }));
            }
            while width < column {
                out.push("", CellKind::Text);
                width += 1;
            }
            out.push(&text, kind);
            width += 1;
        }
        let number = number.map_or(0, |row| u64::from(row) + 1);
        if number > 0 {
            out.end_row(number);
        }
        Ok(number)
    }
}
