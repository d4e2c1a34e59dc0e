//! Reads a table to the end, and makes files.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use sheet::{CellKind, Fault, Problem, Sheet};

/// A table to its end. rows: [row], number and cells; faults of rows apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<(u64, Vec<String>)>,
    pub(crate) kinds: Vec<Vec<CellKind>>,
    pub(crate) faults: Vec<Fault>,
}

/// Reads everything; an error that ends the file is the answer.
pub(crate) fn read(mut sheet: Sheet) -> Result<Read, Fault> {
    let columns = sheet.columns().to_vec();
    let mut out = Read { columns, rows: Vec::new(), kinds: Vec::new(), faults: Vec::new() };
    sheet.each(|row| {
        match row {
            Ok(row) => {
                assert_eq!(row.len(), out.columns.len());
                out.rows.push((row.number(), row.cells().map(str::to_owned).collect()));
                out.kinds.push((0..row.len()).map(|column| row.kind(column)).collect());
            }
            Err(fault) => out.faults.push(fault),
        }
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

pub(crate) fn read_bytes(bytes: impl AsRef<[u8]>) -> Result<Read, Fault> {
    read(Sheet::from_bytes("table", bytes.as_ref().to_vec())?)
}

/// The problem that ends the file.
pub(crate) fn refused(bytes: impl AsRef<[u8]>) -> Problem {
    match read_bytes(bytes) {
        Ok(read) => panic!("not refused: {read:?}"),
        Err(fault) => fault.problem,
    }
}

/// Third-party files made to break readers, where they are.
pub(crate) fn bad_inputs() -> Option<PathBuf> {
    samples::field("data/bad-inputs/sheet")
}

/// A Parquet file of three rows with the columns id (text), n (whole number or nothing), day, weight (real), dx (list).
pub(crate) fn parquet() -> Vec<u8> {
    let schema = "message table {
        required binary id (UTF8);
        optional int64 n;
        required int32 day (DATE);
        optional double weight;
        optional group dx (LIST) { repeated group list { optional binary element (UTF8); } }
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let text = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&text(&["A1", "甲2", "A3"]), None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[7, -9], Some(&[1, 0, 1]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&[0, 20_777, 11_016], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&[1.5, f64::NAN], Some(&[1, 1, 0]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = text(&["I21.001", "J96.000", "E11.900"]);
    column.typed::<ByteArrayType>().write_batch(&values, Some(&[3, 3, 0, 3]), Some(&[0, 1, 0, 0])).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}
