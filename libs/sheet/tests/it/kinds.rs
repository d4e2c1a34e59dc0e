//! What is in a file comes out of it, whatever its kind and encoding.

use std::io::Write as _;

use encoding_rs::GB18030;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use sheet::{CellKind, Encoding, Kind, Sheet};

use crate::support::{parquet, read, read_bytes};

const TABLE: &str =
    "id,诊断,px\nA1,急性心肌梗死,36.0601\r\n\n甲2,\"带,号和\"\"引号\"\"\",\nA3,\"两\n行\",𠮷\n,,\nA4,末,x";

fn expected() -> Vec<(u64, Vec<String>)> {
    let row = |number, cells: [&str; 3]| (number, cells.map(str::to_owned).to_vec());
    vec![
        row(2, ["A1", "急性心肌梗死", "36.0601"]),
        row(4, ["甲2", "带,号和\"引号\"", ""]),
        row(5, ["A3", "两\n行", "𠮷"]),
        row(7, ["A4", "末", "x"]),
    ]
}

#[test]
fn utf8_with_and_without_mark_and_gb18030_give_the_same_rows() {
    let marked = format!("\u{feff}{TABLE}");
    let (gb18030, _, lossy) = GB18030.encode(TABLE);
    assert!(!lossy);
    for (bytes, encoding) in
        [(TABLE.as_bytes(), Encoding::Utf8), (marked.as_bytes(), Encoding::Utf8), (&gb18030, Encoding::Gb18030)]
    {
        let sheet = Sheet::from_bytes("table", bytes.to_vec()).unwrap();
        assert_eq!(sheet.kind(), &Kind::Text { encoding, separator: ',', zipped: false });
        let read = read(sheet).unwrap();
        assert_eq!(read.columns, ["id", "诊断", "px"]);
        assert_eq!(read.rows, expected());
        assert_eq!(read.faults, []);
    }
}

#[test]
fn semicolons_and_tabs_are_found_by_the_header() {
    for separator in [';', '\t'] {
        let table = format!("id{separator}dx{separator}px\nA1{separator}I21,0{separator}\n");
        let read = read_bytes(table).unwrap();
        assert_eq!(read.columns, ["id", "dx", "px"]);
        assert_eq!(read.rows, [(2, vec!["A1".to_owned(), "I21,0".to_owned(), String::new()])]);
    }
}

#[test]
fn a_file_packed_by_gzip_reads_like_the_file() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(TABLE.as_bytes()).unwrap();
    assert_eq!(read_bytes(packed.finish().unwrap()).unwrap().rows, expected());
}

#[test]
fn rows_keep_their_number_across_blocks() {
    let mut table = String::from("id,dx\n");
    for n in 0..60_000 {
        table += &if n % 1_000 == 7 { format!("A{n},\"two\nlines {n}\"\n") } else { format!("A{n},I21.00{n}\n") };
    }
    let read = read_bytes(&table).unwrap();
    assert_eq!(read.rows.len(), 60_000);
    for (n, (number, cells)) in read.rows.iter().enumerate() {
        assert_eq!((*number, cells[0].clone()), (n as u64 + 2, format!("A{n}")));
    }
    // The same when Chinese text begins late: until then nothing tells the encoding.
    table += "甲,乙\n";
    let (gb18030, _, _) = GB18030.encode(&table);
    assert!(table.len() > 1 << 20);
    for bytes in [table.as_bytes(), &gb18030] {
        assert_eq!(read_bytes(bytes).unwrap().rows[60_000], (60_002, vec!["甲".to_owned(), "乙".to_owned()]));
    }
}

#[test]
fn a_workbook_tells_numbers_and_days_from_text() {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet();
    for (column, name) in (0..).zip(["id", "dx", "n", "px", "day", "flag"]) {
        worksheet.write(1, column, name).unwrap();
    }
    let day = Format::new().set_num_format("yyyy-mm-dd");
    worksheet.write(3, 0, 320_102_198_001_011_234_f64).unwrap();
    worksheet.write(3, 1, "I21.001|J96.000").unwrap();
    worksheet.write(3, 2, -3).unwrap();
    worksheet.write(3, 3, 36.0601).unwrap();
    worksheet.write_with_format(3, 4, &ExcelDateTime::from_ymd(2026, 12, 10).unwrap(), &day).unwrap();
    worksheet.write(3, 5, true).unwrap();
    worksheet.write(4, 1, "急性 <&> 心肌梗死").unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    let read = read_bytes(bytes).unwrap();
    assert_eq!(read.columns, ["id", "dx", "n", "px", "day", "flag"]);
    assert_eq!(read.rows[0].0, 4);
    assert_eq!(read.rows[0].1[1..], ["I21.001|J96.000", "-3", "36.0601", "2026-12-10", "TRUE"]);
    use CellKind::{Boolean, Date, Number, RoundedNumber, Text};
    assert_eq!(read.kinds[0], [RoundedNumber, Text, Number, Number, Date, Boolean]);
    assert_eq!(read.rows[1], (5, ["", "急性 <&> 心肌梗死", "", "", "", ""].map(str::to_owned).to_vec()));
}

#[test]
fn a_parquet_file_gives_text_numbers_days_and_joined_lists() {
    let read = read_bytes(parquet()).unwrap();
    assert_eq!(read.columns, ["id", "n", "day", "weight", "dx"]);
    let row = |number, cells: [&str; 5]| (number, cells.map(str::to_owned).to_vec());
    assert_eq!(
        read.rows,
        [
            row(2, ["A1", "7", "1970-01-01", "1.5", "I21.001|J96.000"]),
            row(3, ["甲2", "", "2026-11-20", "", ""]),
            row(4, ["A3", "-9", "2000-02-29", "", "E11.900"]),
        ]
    );
}
