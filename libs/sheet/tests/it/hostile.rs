//! Files of the wrong kind, cut off, or made to break readers.

use std::io::{Read as _, Write as _};

use encoding_rs::GB18030;
use rust_xlsxwriter::Workbook;
use sheet::{Problem, Sheet, Words};
use zip::write::SimpleFileOptions;

use crate::support::{bad_inputs, parquet, read, read_bytes, refused};

fn workbook() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet();
    for row in 0..200 {
        worksheet.write(row, 0, format!("A{row}")).unwrap();
        worksheet.write(row, 1, "I21.001").unwrap();
    }
    workbook.save_to_buffer().unwrap()
}

/// The workbook with one part replaced.
fn workbook_with(part: &str, text: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(workbook())).unwrap();
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for number in 0..archive.len() {
        let mut file = archive.by_index(number).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        out.start_file(&name, SimpleFileOptions::default()).unwrap();
        out.write_all(if name == part { text.as_bytes() } else { &bytes }).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn a_file_of_another_kind_is_named() {
    let kinds: [(&[u8], Problem); 9] = [
        (b"", Problem::Empty),
        (b"\n\n ,\n", Problem::NoHeader),
        (b"%PDF-1.7\n", Problem::NotATable { what: "PDF" }),
        (b"<html><table><tr>", Problem::NotATable { what: "HTML" }),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", Problem::OldWorkbook),
        (b"\xff\xfei\0d\0\n\0", Problem::Utf16),
        (b"i\0d\0,\0d\0x\0\n\0", Problem::Utf16),
        (b"i\0,dx\nA,I21\n", Problem::Nul { offset: 1 }),
        (b"id,dx\rA1,I21\r", Problem::BareCarriageReturn { offset: 5 }),
    ];
    for (bytes, problem) in kinds {
        assert_eq!(refused(bytes), problem);
    }
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("cases.csv", SimpleFileOptions::default()).unwrap();
    archive.write_all(b"id,dx\n").unwrap();
    assert_eq!(refused(archive.finish().unwrap().into_inner()), Problem::Archive);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_or_loses_only_its_last_row() {
    let whole = workbook();
    for length in (10..whole.len() - 1).step_by(97) {
        assert!(matches!(refused(&whole[..length]), Problem::CutOff), "{length}");
    }
    let whole = parquet();
    for length in 5..whole.len() {
        assert!(matches!(refused(&whole[..length]), Problem::CutOff | Problem::Damaged { .. }), "{length}");
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all("id,dx\nA1,I21.001\n".repeat(50).as_bytes()).unwrap();
    let whole = packed.finish().unwrap();
    for length in 2..whole.len() {
        assert!(matches!(refused(&whole[..length]), Problem::CutOff), "{length}");
    }
    let cut = read_bytes("id,dx,px\nA1,I21.001,\nA2,I2").unwrap();
    assert_eq!(cut.rows.len(), 1);
    assert_eq!((cut.faults[0].row, &cut.faults[0].problem), (Some(3), &Problem::CutOff));
    let open = Sheet::from_bytes("table", b"id,dx\nA1,I21\nA2,\"I21\nA3,I21\n".to_vec()).unwrap();
    let fault = read(open).unwrap_err();
    assert_eq!((fault.row, fault.problem), (Some(3), Problem::Unclosed));
}

#[test]
fn only_the_rows_that_break_a_rule_are_lost() {
    let read = read_bytes("id,dx\nA1,I21,extra\nA2\nA3,I21,\nA4,\0\nA5,I21\n").unwrap();
    assert_eq!(read.rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4, 6]);
    let faults: Vec<_> = read.faults.iter().map(|fault| (fault.row.unwrap(), fault.problem.clone())).collect();
    assert_eq!(
        faults,
        [
            (2, Problem::Ragged { cells: 3, columns: 2 }),
            (3, Problem::Ragged { cells: 1, columns: 2 }),
            (5, Problem::Nul { offset: 3 }),
        ]
    );
    let long = format!("id,dx\nA1,{}\nA2,I21\n", "x".repeat(200_000));
    let read = read_bytes(long).unwrap();
    assert_eq!(read.faults[0].column.as_deref(), Some("dx"));
    assert_eq!(read.rows.len(), 1);
    assert!(matches!(refused(format!("id,dx\nA1,{}\n", "x".repeat(3_000_000))), Problem::LongRow { .. }));
}

#[test]
fn two_encodings_in_one_file_never_become_wrong_characters() {
    let (row, _, _) = GB18030.encode("A1,张三\n");
    let mixed = ["id,姓名\n".as_bytes(), &row].concat();
    assert_eq!(refused(&mixed), Problem::MixedEncoding { offset: 13 });
    // Far behind the first megabyte the row alone is refused.
    let mut late = "id,姓名\n".to_owned() + &"A1,李四\n".repeat(200_000);
    late.push_str("A2,王五\n");
    let mut late = late.into_bytes();
    late.extend_from_slice(&row);
    let read = read_bytes(&late).unwrap();
    assert_eq!(read.rows.len(), 200_001);
    assert_eq!(read.faults[0].problem, Problem::MixedEncoding { offset: 3 });
    // A word of GB2312 whose bytes happen to be UTF-8.
    let (tricky, _, _) = GB18030.encode("id,科室\nA1,联通\n");
    assert_eq!(read_bytes(&tricky).unwrap().rows[0].1[1], "联通");
}

#[test]
fn a_workbook_that_lies_about_its_size_is_refused() {
    let strings =
        |body: &str| format!(r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" {body}</sst>"#);
    let counted = strings(r#"count="1" uniqueCount="99999999999"><si><t>a</t></si>"#);
    assert!(matches!(refused(workbook_with("xl/sharedStrings.xml", &counted)), Problem::Damaged { .. }));
    let long = strings(&format!("><si><t>{}</t></si>", "a".repeat(2_000_000)));
    assert!(matches!(refused(workbook_with("xl/sharedStrings.xml", &long)), Problem::TooLarge { .. }));
    let runs = strings(&format!("><si>{}</si>", "<r><t>aaaaaaaaaa</t></r>".repeat(200_000)));
    assert!(matches!(refused(workbook_with("xl/sharedStrings.xml", &runs)), Problem::TooLarge { .. }));
    let entity =
        format!("<!DOCTYPE sst [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>{}", strings("><si><t>&a;</t></si>"));
    assert!(matches!(refused(workbook_with("xl/sharedStrings.xml", &entity)), Problem::DocumentType { .. }));
}

#[test]
fn a_changed_byte_is_read_or_refused() {
    for whole in [parquet(), workbook()] {
        for at in (0..whole.len()).step_by(if whole.len() > 3_000 { 13 } else { 1 }) {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= flip;
                let _ = read_bytes(&changed);
            }
        }
    }
}

#[test]
fn the_collection_of_bad_files_is_refused_as_it_expects() {
    let Some(folder) = bad_inputs() else { return };
    let words = Words::shipped("zh-CN").unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let result = Sheet::open(&path).and_then(read);
        let says = match &result {
            Err(fault) => Some(words.fault(fault)),
            Ok(read) => read.faults.first().map(|fault| words.fault(fault)),
        };
        let must_refuse =
            ["corners", "encoding-mixed", "field-huge", "not-xlsx", "nul-cr", "out-of-grid", "ragged", "unclosed"];
        if must_refuse.iter().any(|stem| name.starts_with(stem)) {
            assert!(says.is_some(), "{name} was taken: {result:?}");
        }
        if name.starts_with("control") {
            assert_eq!(says, None, "{name}");
        }
        println!("{name}: {}", says.unwrap_or_else(|| "read".to_owned()));
        seen += 1;
    }
    assert!(seen >= 18, "{seen}");
}

#[test]
fn every_problem_has_words_and_a_remedy_in_both_languages() {
    let table = include_str!("../../words.csv");
    let source = include_str!("../../src/fault.rs");
    let keys: Vec<&str> = source.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(keys.len() > 20);
    for key in keys {
        for line in [format!("{key};"), format!("{key}.remedy;")] {
            let row = table.lines().find(|row| row.starts_with(&line)).unwrap_or_else(|| panic!("{line} is missing"));
            let cells: Vec<&str> = row.split(';').collect();
            assert_eq!((cells.len(), cells.contains(&"")), (3, false), "{row}");
        }
    }
}
