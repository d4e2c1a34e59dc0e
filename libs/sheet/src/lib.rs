//! Reads tables as rows of text from CSV, XLSX and Parquet.
#![doc = include_str!("../README.md")]

mod batch;
mod fault;
mod guarded;
mod input;
mod limits;
mod parquet;
mod sheet;
mod text;
mod words;
mod workbook;

pub use batch::{Batch, CellKind, Progress, Row, Rows};
pub use fault::{Fault, Problem};
pub use limits::Limits;
pub use sheet::{Batches, Kind, Sheet};
pub use text::{Encoding, Pieces, pieces};
pub use words::{Words, WordsFault};
