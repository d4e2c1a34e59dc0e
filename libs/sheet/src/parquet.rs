//! Tables in Parquet files: flat columns, and lists of text, whose values are joined by `|`.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::batch::{Batch, CellKind, Cells, Content, Progress, Shared};
use crate::fault::{Fault, Name, Problem};
use crate::guarded::guarded;
use crate::input::Input;
use crate::limits::Limits;

/// Rows of a batch.
const BATCH_ROWS: usize = 2_048;

/// An open Parquet file.
pub(crate) struct Table {
    name: Name,
    file: Box<dyn FileReader>,
    pub(crate) columns: Vec<String>,
    rows: u64,
}

fn problem_of(error: ParquetError) -> Problem {
    match error {
        ParquetError::EOF(_) => Problem::CutOff,
        other => Problem::Damaged { reason: other.to_string() },
    }
}

impl Table {
    pub(crate) fn open(name: Name, input: &Input, limits: &Limits) -> Result<Table, Fault> {
        let fault = |error| name.fault(problem_of(error));
        let file: Box<dyn FileReader> = guarded(&name, || {
            let file: Box<dyn FileReader> = match input {
                Input::File(path) => {
                    let file = File::open(path)
                        .map_err(|error| name.fault(Problem::Unreadable { reason: error.to_string() }))?;
                    Box::new(SerializedFileReader::new(file).map_err(fault)?)
                }
                Input::Memory(bytes) => Box::new(SerializedFileReader::new(Bytes::clone(bytes)).map_err(fault)?),
            };
            Ok(file)
        })?;
        let metadata = file.metadata();
        let schema = metadata.file_metadata().schema_descr();
        if schema.num_columns() > limits.columns_max {
            return Err(name.fault(Problem::ManyColumns { columns: limits.columns_max }));
        }
        let mut columns = Vec::new();
        for column in schema.columns() {
            let parts = column.path().parts();
            let own = if column.max_rep_level() > 0 { parts.first().cloned() } else { Some(parts.join(".")) };
            let own = own.unwrap_or_default();
            if column.max_rep_level() > 1 {
                let problem = Problem::ColumnType { kind: "list of lists".to_owned() };
                return Err(Fault { column: Some(own), ..name.fault(problem) });
            }
            columns.push(own);
        }
        let size = input.size().unwrap_or(u64::MAX);
        for group in metadata.row_groups() {
            for (chunk, column) in group.columns().iter().zip(&columns) {
                let fault = |problem| Fault { column: Some(column.clone()), ..name.fault(problem) };
                let unpacked = u64::try_from(chunk.uncompressed_size()).unwrap_or(u64::MAX);
                if unpacked > limits.chunk_bytes_max {
                    let part = column.clone();
                    return Err(fault(Problem::TooLarge { part, bytes: limits.chunk_bytes_max }));
                }
                if u64::try_from(chunk.compressed_size()).unwrap_or(u64::MAX) > size {
                    return Err(fault(Problem::CutOff));
                }
            }
        }
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        if columns.is_empty() {
            return Err(name.fault(Problem::NoHeader));
        }
        Ok(Table { name, file, columns, rows })
    }

    pub(crate) fn blocks(&self, shared: Arc<Shared>) -> Groups<'_> {
        Groups { table: self, shared, group: 0, readers: Vec::new(), left: 0, row: 0 }
    }
}

/// A running read of a Parquet file.
pub(crate) struct Groups<'t> {
    table: &'t Table,
    shared: Arc<Shared>,
    /// Number of the next row group.
    group: usize,
    readers: Vec<Column>,
    /// Rows of the open row group that are not yet read.
    left: usize,
    row: u64,
}

impl Groups<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, Fault> {
        let table = self.table;
        while self.left == 0 {
            if self.group >= table.file.num_row_groups() {
                return Ok(None);
            }
            self.open_group()?;
        }
        let rows = self.left.min(BATCH_ROWS);
        self.left -= rows;
        let shared = &self.shared;
        for (column, name) in self.readers.iter_mut().zip(&shared.columns) {
            let at = |problem| Fault { column: Some(name.clone()), ..table.name.fault(problem) };
            guarded(&table.name, || column.read(rows, shared.limits.cell_bytes_max).map_err(at))?;
        }
        let mut cells = Cells::default();
        for row in 0..rows {
            self.row += 1;
            // The header of the other kinds of file is row 1.
            let number = self.row + 1;
            let bad = self.readers.iter().position(|column| column.bad.contains(&row));
            if let Some(bad) = bad {
                let column = shared.columns.get(bad).cloned();
                let fault = table.name.at(number, Problem::UnknownEncoding { offset: 0 });
                cells.fault(Fault { column, ..fault });
                continue;
            }
            for column in &self.readers {
                cells.push(column.get(row), column.kind);
            }
            cells.end_row(number);
        }
        let progress = Progress { done: self.row, total: Some(table.rows) };
        Ok(Some(Batch { shared: self.shared.clone(), content: Content::Cells(cells), progress }))
    }

    fn open_group(&mut self) -> Result<(), Fault> {
        let table = self.table;
        let number = self.group;
        self.group += 1;
        self.readers = guarded(&table.name, || {
            let fault = |error| table.name.fault(problem_of(error));
            let group = table.file.get_row_group(number).map_err(fault)?;
            let schema = table.file.metadata().file_metadata().schema_descr();
            let mut readers = Vec::new();
            for (at, (descriptor, name)) in schema.columns().iter().zip(&table.columns).enumerate() {
                let reader = group.get_column_reader(at).map_err(fault)?;
                let style =
                    Style::of(descriptor.logical_type_ref(), descriptor.converted_type(), descriptor.type_scale());
                let kind = style.kind(&reader);
                let unread = |kind: &str| Fault {
                    column: Some(name.clone()),
                    ..table.name.fault(Problem::ColumnType { kind: kind.to_owned() })
                };
                let kind = kind.map_err(unread)?;
                readers.push(Column {
                    reader,
                    style,
                    kind,
                    definition_max: descriptor.max_def_level(),
                    is_list: descriptor.max_rep_level() > 0,
                    text: String::new(),
                    ends: Vec::new(),
                    bad: Vec::new(),
                });
            }
            Ok(readers)
        })?;
        let rows = table.file.metadata().row_groups().get(number).map_or(0, |group| group.num_rows());
        self.left = usize::try_from(rows).unwrap_or(0);
        Ok(())
    }
}

/// How the values of a column are written as text.
#[derive(Debug, Clone, Copy)]
enum Style {
    Plain,
    Day,
    /// Parts of a second in one second.
    Instant(i64),
    /// Digits behind the point.
    Decimal(u32),
}

impl Style {
    fn of(logical: Option<&LogicalType>, converted: ConvertedType, scale: i32) -> Style {
        match (logical, converted) {
            (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => Style::Day,
            (Some(LogicalType::Timestamp(timestamp)), _) => Style::Instant(match timestamp.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            }),
            (None, ConvertedType::TIMESTAMP_MILLIS) => Style::Instant(1_000),
            (None, ConvertedType::TIMESTAMP_MICROS) => Style::Instant(1_000_000),
            (Some(LogicalType::Decimal { .. }), _) | (None, ConvertedType::DECIMAL) => {
                Style::Decimal(u32::try_from(scale).unwrap_or(0))
            }
            _ => Style::Plain,
        }
    }

    fn kind(self, reader: &ColumnReader) -> Result<CellKind, &'static str> {
        Ok(match (reader, self) {
            (ColumnReader::ByteArrayColumnReader(_), Style::Plain) => CellKind::Text,
            (ColumnReader::BoolColumnReader(_), _) => CellKind::Boolean,
            (
                ColumnReader::Int32ColumnReader(_) | ColumnReader::Int64ColumnReader(_),
                Style::Day | Style::Instant(_),
            ) => CellKind::Date,
            (ColumnReader::Int32ColumnReader(_) | ColumnReader::Int64ColumnReader(_), _) => CellKind::Number,
            (ColumnReader::FloatColumnReader(_) | ColumnReader::DoubleColumnReader(_), _) => CellKind::Number,
            (ColumnReader::ByteArrayColumnReader(_), _) => return Err("binary decimal"),
            (ColumnReader::Int96ColumnReader(_), _) => return Err("INT96"),
            (ColumnReader::FixedLenByteArrayColumnReader(_), _) => return Err("FIXED_LEN_BYTE_ARRAY"),
        })
    }

    fn whole(self, number: i64) -> String {
        match self {
            Style::Plain => number.to_string(),
            Style::Day => day_text(number),
            Style::Instant(unit) => {
                let seconds = number.div_euclid(unit);
                let (day, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
                let day = day_text(day);
                if of_day == 0 {
                    day
                } else {
                    format!("{day} {:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60)
                }
            }
            Style::Decimal(0) => number.to_string(),
            Style::Decimal(scale) => {
                let digits = format!("{:0width$}", number.unsigned_abs(), width = scale as usize + 1);
                let (whole, part) = digits.split_at(digits.len() - scale as usize);
                format!("{}{whole}.{part}", if number < 0 { "-" } else { "" })
            }
        }
    }
}

/// The day of the Gregorian calendar by its number from 1970-01-01; the number itself where the year has not four digits.
fn day_text(number: i64) -> String {
    if !(-719_162..=2_932_896).contains(&number) {
        return number.to_string();
    }
    // Source: the calendar's cycle of 400 years with 146,097 days; the year begins in March.
    let shifted = number + 719_468;
    let of_cycle = shifted.rem_euclid(146_097);
    let year_of_cycle = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = shifted.div_euclid(146_097) * 400 + year_of_cycle + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A column of the open row group, with the cells of the current batch as text.
struct Column {
    reader: ColumnReader,
    style: Style,
    kind: CellKind,
    definition_max: i16,
    is_list: bool,
    text: String,
    /// ends: [row of the batch], where its cell ends in `text`.
    ends: Vec<usize>,
    /// Rows of the batch whose bytes are no text.
    bad: Vec<usize>,
}

impl Column {
    fn get(&self, row: usize) -> &str {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(row).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or("")
    }

    fn read(&mut self, rows: usize, cell_bytes_max: usize) -> Result<(), Problem> {
        self.text.clear();
        self.ends.clear();
        self.bad.clear();
        let style = self.style;
        let Column { reader, text, ends, bad, definition_max, is_list, .. } = self;
        let mut out = Out { text, ends, bad, definition_max: *definition_max, is_list: *is_list, cell_bytes_max, rows };
        match reader {
            ColumnReader::BoolColumnReader(reader) => {
                out.take(reader, |value, text| push(text, if *value { "TRUE" } else { "FALSE" }))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                out.take(reader, |value, text| push(text, &style.whole(i64::from(*value))))
            }
            ColumnReader::Int64ColumnReader(reader) => out.take(reader, |value, text| push(text, &style.whole(*value))),
            ColumnReader::FloatColumnReader(reader) => {
                out.take(reader, |value, text| push(text, &real(f64::from(*value))))
            }
            ColumnReader::DoubleColumnReader(reader) => out.take(reader, |value, text| push(text, &real(*value))),
            ColumnReader::ByteArrayColumnReader(reader) => out.take(reader, |value: &ByteArray, text| {
                std::str::from_utf8(value.data()).is_ok_and(|value| push(text, value))
            }),
            ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => Ok(()),
        }
    }
}

fn push(text: &mut String, value: &str) -> bool {
    text.push_str(value);
    true
}

/// A real number as text; pandas writes a missing whole number as NaN.
fn real(value: f64) -> String {
    if value.is_nan() { String::new() } else { value.to_string() }
}

struct Out<'c> {
    text: &'c mut String,
    ends: &'c mut Vec<usize>,
    bad: &'c mut Vec<usize>,
    definition_max: i16,
    is_list: bool,
    cell_bytes_max: usize,
    rows: usize,
}

impl Out<'_> {
    fn take<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        mut write: impl FnMut(&T::T, &mut String) -> bool,
    ) -> Result<(), Problem> {
        let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (records, _, levels) = reader
            .read_records(
                self.rows,
                (self.definition_max > 0).then_some(&mut definitions),
                self.is_list.then_some(&mut repetitions),
                &mut values,
            )
            .map_err(problem_of)?;
        if records != self.rows {
            return Err(Problem::CutOff);
        }
        let mut values = values.iter();
        let mut begun = false;
        let mut start = 0;
        for level in 0..levels {
            let continues = self.is_list && repetitions.get(level).is_some_and(|level| *level > 0);
            if begun && !continues {
                self.ends.push(self.text.len());
                start = self.text.len();
            }
            begun = true;
            if self.definition_max > 0 && definitions.get(level) != Some(&self.definition_max) {
                continue;
            }
            let value = values.next().ok_or(Problem::CutOff)?;
            if continues {
                self.text.push('|');
            }
            if !write(value, self.text) {
                self.bad.push(self.ends.len());
            }
            if self.text.len() - start > self.cell_bytes_max.saturating_mul(2) {
                return Err(Problem::LongCell { bytes: self.cell_bytes_max });
            }
        }
        if begun {
            self.ends.push(self.text.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_decimals_are_written_as_people_write_them() {
        assert_eq!(day_text(0), "1970-01-01");
        assert_eq!(day_text(-1), "1969-12-31");
        assert_eq!(day_text(20_777), "2026-11-20");
        assert_eq!(day_text(11_016), "2000-02-29");
        assert_eq!(Style::Decimal(2).whole(-5), "-0.05");
        assert_eq!(Style::Decimal(2).whole(123_456), "1234.56");
        assert_eq!(Style::Instant(1_000).whole(90_061_000), "1970-01-02 01:01:01");
        assert_eq!(Style::Instant(1_000).whole(-1_000), "1969-12-31 23:59:59");
    }
}
