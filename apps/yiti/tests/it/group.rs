//! `yiti group` from outside: kinds of files, agreement, refusals, the trail, the comparison.

use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use flate2::{Compression, write::GzEncoder};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use sheet::Sheet;
use tempfile::TempDir;

/// The published tables and cases, where they are.
fn tables() -> Option<PathBuf> {
    samples::field("drg")
}

/// Cases of our own making.
fn own_cases() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../libs/chs-drg/tests/cases.csv"))
}

/// What a run of the command left.
struct Ran {
    code: i32,
    said: String,
    complained: String,
}

fn yiti(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_yiti")).arg("group").args(arguments).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        said: String::from_utf8(output.stdout).unwrap(),
        complained: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with one table in it.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Groups by 1.1 and gives the code, the answers and the errors; files that are not there are empty.
    fn group(&self, input: &str, more: &[&str]) -> (i32, String, String) {
        let out = self.path("out.csv");
        let ran = yiti(&[&["--scheme", "chs_drg_11", input, "-o", &out], more].concat());
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        (ran.code, read(&out), read(&format!("{out}.errors.csv")))
    }

    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".part")).collect()
    }
}

/// A case file. columns: [column], rows: [row][column]
fn cases(file: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut sheet = Sheet::open(file).unwrap();
    let mut rows = Vec::new();
    sheet
        .each(|row| {
            rows.push(row.unwrap().cells().map(str::to_owned).collect());
            ControlFlow::Continue(())
        })
        .unwrap();
    (sheet.columns().to_vec(), rows)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn csv(columns: &[&str], rows: &[Vec<String>], separator: &str) -> String {
    let mut out = columns.join(separator) + "\n";
    for row in rows {
        out += &(row[..columns.len()].join(separator) + "\n");
    }
    out
}

fn parquet(columns: &[&str], rows: &[Vec<String>]) -> Vec<u8> {
    let fields: String = columns.iter().map(|name| format!("required binary {name} (UTF8);")).collect();
    let schema = Arc::new(parse_message_type(&format!("message table {{ {fields} }}")).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for at in 0..columns.len() {
        let values: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(row[at].as_str())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

/// Numbers as numbers, codes and ids as text.
fn workbook(columns: &[&str], rows: &[Vec<String>]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet();
    for (name, column) in columns.iter().zip(0u16..) {
        worksheet.write(0, column, *name).unwrap();
    }
    for (row, number) in rows.iter().zip(1u32..) {
        for (cell, column) in row.iter().zip(0u16..).take(columns.len()) {
            let is_number = (2..6).contains(&column) || column == 7 || column == 9;
            match cell.parse::<f64>() {
                Ok(value) if is_number => worksheet.write(number, column, value).unwrap(),
                _ => worksheet.write(number, column, cell.as_str()).unwrap(),
            };
        }
    }
    workbook.save_to_buffer().unwrap()
}

const COLUMNS: [&str; 12] =
    ["id", "kind", "sex", "age", "age_days", "weight", "dept", "los", "discharge", "icu_hours", "dx", "px"];
const CHINESE: [&str; 12] = [
    "病案号",
    "类别",
    "性别",
    "年龄（岁）",
    "日龄",
    "体重(克)",
    "科室代码",
    "住院天数",
    "离院方式",
    "重症监护小时数",
    "诊断编码",
    "手术操作编码",
];

#[test]
fn every_kind_of_file_and_encoding_gives_the_same_answers() {
    let (_, rows) = cases(&own_cases());
    let desk = Desk::new();
    let plain = desk.put("cases.csv", csv(&COLUMNS, &rows, ","));
    let (code, answers, errors) = desk.group(&plain, &[]);
    assert_eq!(code, 2, "some of the cases have unknown codes on purpose");
    assert_eq!(answers.lines().count(), rows.len() + 1);
    let mut rows_in_chinese = rows.clone();
    for row in &mut rows_in_chinese {
        row[2] = match row[2].as_str() {
            "1" => "男".to_owned(),
            "2" => "女".to_owned(),
            other => other.to_owned(),
        };
    }
    let chinese = csv(&CHINESE, &rows_in_chinese, ";");
    let (gb18030, _, _) = encoding_rs::GB18030.encode(&chinese);
    let others = [
        desk.put("cases.xlsx", workbook(&COLUMNS, &rows)),
        desk.put("cases.parquet", parquet(&COLUMNS, &rows)),
        desk.put("chinese.csv", &chinese),
        desk.put("gb18030.csv", &gb18030),
        desk.put("marked.txt", format!("\u{feff}{}", csv(&COLUMNS, &rows, "\t").replace('\n', "\r\n"))),
    ];
    for other in others {
        let (code, other_answers, other_errors) = desk.group(&other, &[]);
        assert_eq!(code, 2, "{other}");
        assert!(other_answers == answers, "{other}: the answers differ");
        assert!(other_errors == errors, "{other}: the errors differ");
    }
    assert_eq!(desk.leftovers(), Vec::<String>::new());
}

/// Groups a case file as it is and compares the DRG of every row.
fn agree(file: &Path, scheme: &str, more: &[&str]) -> usize {
    let (columns, rows) = cases(file);
    let expected = columns.iter().position(|column| column == scheme).unwrap();
    let desk = Desk::new();
    let out = desk.path("out.csv");
    let input = file.to_string_lossy().into_owned();
    let ran = yiti(&[&["--scheme", scheme, &input, "-o", &out, "--unchecked"], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.complained);
    let answers = fs::read_to_string(&out).unwrap();
    let mut lines = answers.lines();
    assert_eq!(lines.next(), Some("id,mdc,adrg,drg,cc,mcc,status"));
    let mut agreed = 0;
    for row in &rows {
        let answer: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert_eq!(answer[0], row[0]);
        assert_eq!(answer[3], row[expected], "{scheme} {}", row[0]);
        agreed += 1;
    }
    assert_eq!(lines.next(), None);
    agreed
}

#[test]
fn the_answers_are_those_of_the_cases() {
    for scheme in ["chs_drg_10", "chs_drg_11", "chs_drg_20", "changzhou_2022"] {
        assert_eq!(agree(&own_cases(), scheme, &[]), 240);
    }
    let Some(folder) = tables() else { return };
    let packs = ["--packs", folder.to_str().unwrap(), "--profile", "reference"];
    let open = folder.join("cases-open.csv.gz");
    assert_eq!(agree(&open, "chs_drg_11", &packs), 15_000);
    assert_eq!(agree(&open, "foshan_2022", &packs), 15_000);
    // Inside the binary, as published: 2.0 has no errata, so both profiles answer alike.
    assert_eq!(agree(&folder.join("cases-chs20.csv.gz"), "chs_drg_20", &[]), 5_000);
}

const SOUND: &str = "I21.001|J96.000,36.0601";

/// Rows that break a rule each; snapshot of the answers and of the error file.
#[test]
fn every_bad_row_is_told_and_the_others_are_answered() {
    let desk = Desk::new();
    let rows = [
        format!("sound,1,60,,,5,{SOUND}"),
        format!("no sex,,60,,,5,{SOUND}"),
        format!("sex 3,3,60,,,5,{SOUND}"),
        format!("sex x,x,60,,,5,{SOUND}"),
        format!("no age,1,,,,5,{SOUND}"),
        format!("age 200,1,200,,,5,{SOUND}"),
        format!("age -1,1,-1,,,5,{SOUND}"),
        format!("age 1e3,1,1e3,,,5,{SOUND}"),
        format!("ages,1,0,800,,5,{SOUND}"),
        format!("weight,1,60,,-3,5,{SOUND}"),
        format!("stay,1,60,,,-5,{SOUND}"),
        format!("huge,1,60,,,99999999999999999999,{SOUND}"),
        "no principal,1,60,,,5,,36.0601".to_owned(),
        "empty principal,1,60,,,5,|J96.000,".to_owned(),
        "empty procedure,1,60,,,5,I21.001,|36.0601".to_owned(),
        "unknown,1,60,,,5,I21.001|Q99.999x,36.0601".to_owned(),
        "unknown px,1,60,,,5,I21.001,99.9999".to_owned(),
        "no mdc,1,56,,,4,V97.100|G47.900,".to_owned(),
        "no step,2,0,29,0,4,P07.300x021|I25.103,51.9806".to_owned(),
        format!(",1,60,,,5,{SOUND}"),
        format!("=1+1,1,60,,,5,{SOUND}"),
        format!("3.20102E+17,1,60,,,5,{SOUND}"),
        "short,1,60".to_owned(),
        format!("long,1,60,,,5,{SOUND},more"),
        format!("pandas,1.0,60.0,,,5.0,{SOUND}"),
        format!("words,男,６０,-,无,5,{SOUND}"),
        "\"quoted, with a comma\",1,60,,,5,\"I21.001\",".to_owned(),
    ];
    let table = format!("id,sex,age,age_days,weight,los,dx,px\n{}\n", rows.join("\n"));
    let (code, answers, errors) = desk.group(&desk.put("bad.csv", table), &[]);
    assert_eq!(code, 2);
    assert_eq!(answers.lines().count(), rows.len() + 1);
    insta::assert_snapshot!("bad_rows", format!("{answers}\n{}", errors.trim_start_matches('\u{feff}')));
}

#[test]
fn days_out_of_order_are_refused() {
    let desk = Desk::new();
    let table = "id,sex,age,dx,born_on,admitted_on,discharged_on\n\
        sound,1,60,I21.001,1966-01-02,2026-11-20,20261125\n\
        slashes,1,60,I21.001,1966/1/2,2026/11/20 08:30:00,2026年11月25日\n\
        born,1,60,I21.001,2026-11-21,2026-11-20,2026-11-25\n\
        left,1,60,I21.001,1966-01-02,2026-11-20,2026-11-19\n\
        age,1,50,I21.001,1966-01-02,2026-11-20,2026-11-25\n\
        none,1,60,I21.001,1966-02-30,2026-11-20,2026-11-25\n";
    let (code, answers, errors) = desk.group(&desk.put("days.csv", table), &["--lang", "en"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!("days", format!("{answers}\n{}", errors.trim_start_matches('\u{feff}')));
}

#[test]
fn what_spreadsheets_do_to_codes_is_put_right_only_where_one_code_can_be_meant() {
    let desk = Desk::new();
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet();
    for (name, column) in ["id", "sex", "age", "dx", "px"].into_iter().zip(0u16..) {
        worksheet.write(0, column, name).unwrap();
    }
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let rows = [
        ("case", "i21.001|d37.500X002", "36.0601"),
        ("width", "Ｉ２１．００１｜J96.000", "36.0601"),
        ("dot", "I21001", "360601"),
        ("separator", "I21.001，J96.000;E11.900", "36.0601"),
        ("nothing", "I21.001|-", "-"),
    ];
    let mut number = 1;
    for (id, dx, px) in rows {
        for (cell, column) in [id, "1", "60", dx, px].into_iter().zip(0u16..) {
            worksheet.write(number, column, cell).unwrap();
        }
        number += 1;
    }
    for (id, px) in [("number", 1.02), ("several", 12.0), ("unknown number", 77_777.0)] {
        for (cell, column) in [id, "1", "60", "I21.001"].into_iter().zip(0u16..) {
            worksheet.write(number, column, cell).unwrap();
        }
        worksheet.write(number, 4, px).unwrap();
        number += 1;
    }
    for (cell, column) in ["day", "1", "60", "I21.001"].into_iter().zip(0u16..) {
        worksheet.write(number, column, cell).unwrap();
    }
    let date = ExcelDateTime::from_ymd(2026, 10, 31).unwrap();
    worksheet.write_with_format(number, 4, date, &day).unwrap();
    worksheet.write(number + 1, 0, 320_102_198_001_011_234_f64).unwrap();
    worksheet.write(number + 1, 3, "I21.001").unwrap();
    let input = desk.put("codes.xlsx", workbook.save_to_buffer().unwrap());
    let (code, answers, errors) = desk.group(&input, &[]);
    assert_eq!(code, 2);
    insta::assert_snapshot!("repairs", format!("{answers}\n{}", errors.trim_start_matches('\u{feff}')));
}

#[test]
fn a_table_without_sex_and_age_is_grouped_and_never_ends_in_a_silent_0000() {
    let desk = Desk::new();
    let table = "id,dx\nheart,I21.001\nprostate,N40.x00\n";
    let (code, answers, errors) = desk.group(&desk.put("few.csv", table), &["--lang", "en"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!("few_columns", format!("{answers}\n{}", errors.trim_start_matches('\u{feff}')));
}

#[test]
fn a_file_that_is_no_whole_table_leaves_a_reason_and_no_answers() {
    let (_, rows) = cases(&own_cases());
    let rows = &rows[..];
    let desk = Desk::new();
    let (workbook, parquet) = (workbook(&COLUMNS, rows), parquet(&COLUMNS, rows));
    let packed = gzip(&fs::read(own_cases()).unwrap());
    let files: [(&str, Vec<u8>, &str); 9] = [
        ("half.xlsx", workbook[..workbook.len() / 2].to_vec(), "文件不完整"),
        ("half.parquet", parquet[..parquet.len() / 2].to_vec(), "文件不完整"),
        ("half.csv.gz", packed[..packed.len() / 2].to_vec(), "文件不完整"),
        ("unclosed.csv", b"id,dx\nA,I21.001\nB,\"I21.001\nC,I21.001\n".to_vec(), "引号"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), ".xlsx"),
        ("page.xls", b"<html><body><table>".to_vec(), "HTML"),
        ("page.pdf", b"%PDF-1.7".to_vec(), "PDF"),
        ("unicode.txt", "id\tdx\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-16"),
        ("empty.csv", Vec::new(), "文件为空"),
    ];
    for (name, bytes, word) in files {
        let input = desk.put(name, bytes);
        let (code, answers, errors) = desk.group(&input, &[]);
        assert_eq!((code, answers.as_str()), (1, ""), "{name}");
        let last = errors.lines().last().unwrap_or_default();
        assert!(last.contains(",failed,") && last.contains(word), "{name}: {last}");
        assert_eq!(desk.leftovers(), Vec::<String>::new());
    }
    let Some(folder) = samples::field("data/bad-inputs/sheet") else { return };
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let out = desk.path("bad.csv");
        let ran = yiti(&["--scheme", "chs_drg_11", path.to_str().unwrap(), "-o", &out]);
        // None of them has the columns id and dx.
        assert_eq!(ran.code, 1, "{}", path.display());
        assert!(ran.complained.starts_with("yiti: ") && !ran.complained.contains("panicked"), "{}", ran.complained);
        assert!(!Path::new(&out).exists());
        seen += 1;
    }
    assert!(seen >= 18);
}

#[test]
fn an_earlier_error_file_does_not_stay_behind() {
    let desk = Desk::new();
    let bad = desk.put("bad.csv", "id,sex,age,dx\nA,1,60,Q99.999x\n");
    assert_eq!(desk.group(&bad, &[]).0, 2);
    let good = desk.put("good.csv", "id,sex,age,dx\nA,1,60,I21.001\n");
    let (code, answers, errors) = desk.group(&good, &[]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(answers, "id,mdc,adrg,drg,cc,mcc,status\nA,MDCF,FR1,FR19,,,grouped\n");
    let ran = yiti(&["--scheme", "chs_drg_11", &good, "-o", &desk.path("out.csv")]);
    assert_eq!((ran.said.as_str(), ran.complained.as_str()), ("", ""), "quiet when nobody looks on");
    let header = desk.put("header.csv", "id,sex,age,dx\n");
    assert_eq!(desk.group(&header, &[]), (0, "id,mdc,adrg,drg,cc,mcc,status\n".to_owned(), String::new()));
    let ran = yiti(&["--scheme", "chs_drg_11", &good, "-o", &good]);
    assert_eq!(ran.code, 1);
    assert!(fs::read_to_string(&good).unwrap().starts_with("id,sex"));
}

#[test]
fn what_is_missing_is_named_with_what_there_is() {
    let desk = Desk::new();
    let input = desk.put("cases.csv", "id,sex,age,dx\nA,1,60,I21.001\n");
    let out = desk.path("out.csv");
    let ran = yiti(&["--scheme", "chs_drg_99", &input, "-o", &out, "--lang", "en"]);
    assert_eq!(ran.code, 1);
    assert!(ran.complained.contains("changzhou_2022, chs_drg_10, chs_drg_11, chs_drg_20"), "{}", ran.complained);
    if let Some(folder) = tables() {
        let ran = yiti(&["--scheme", "nowhere", "--packs", folder.to_str().unwrap(), &input, "-o", &out]);
        assert!(ran.complained.contains("zhejiang_2022"), "{}", ran.complained);
        assert!(ran.complained.contains("没有分组方案"), "{}", ran.complained);
    }
    let ran = yiti(&["--scheme", "chs_drg_11", "--profile", "reference", &input, "-o", &out, "--lang", "en"]);
    assert!(ran.complained.contains("published only"), "{}", ran.complained);
    let ran = yiti(&["--scheme", "chs_drg_11", "--packs", desk.folder.path().to_str().unwrap(), &input, "-o", &out]);
    assert!(ran.complained.contains("version.csv"), "{}", ran.complained);
    let columns = desk.put("columns.csv", "id,diagnosis\nA,I21.001\n");
    let ran = yiti(&["--scheme", "chs_drg_11", &columns, "-o", &out, "--lang", "en"]);
    assert!(ran.complained.contains("no column `dx`") && ran.complained.contains("id, diagnosis"));
    let ran = yiti(&["--scheme", "chs_drg_11", &desk.path("nothing.csv"), "-o", &out]);
    assert_eq!(ran.code, 1);
    let ran = yiti(&["--scheme", "chs_drg_11", &input, "-o", &desk.path("no/such/folder.csv")]);
    assert!(ran.code == 1 && ran.complained.contains("无法写入"), "{}", ran.complained);
}

#[test]
fn a_folder_of_packs_is_a_folder_of_schemes() {
    let desk = Desk::new();
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/../../definitions/drg/chs_drg_10.pack");
    let packs = desk.path("packs");
    fs::create_dir(&packs).unwrap();
    fs::copy(pack, format!("{packs}/ours.pack")).unwrap();
    let input = desk.put("cases.csv", "id,sex,age,dx\nA,1,60,I21.001\n");
    let out = desk.path("out.csv");
    assert_eq!(yiti(&["--scheme", "ours", "--packs", &packs, &input, "-o", &out]).code, 0);
    fs::write(format!("{packs}/broken.pack"), b"CHSDRG").unwrap();
    let ran = yiti(&["--scheme", "broken", "--packs", &packs, &input, "-o", &out]);
    assert!(ran.code == 1 && ran.complained.contains("broken.pack"), "{}", ran.complained);
}

const STAYS: &str = "id,sex,age,los,dx,px\n\
    A1,1,60,5,I21.001|J96.000|E11.900,36.0601\n\
    A2,2,48,5,A36.804+N16.0*|Z85.000|A41.805,39.7302\n\
    A3,1,70,9,I21.001|i50.900,\n\
    A4,1,39,3,V97.100|G47.900,\n";

#[test]
fn a_record_is_explained_as_a_person_would_say_it() {
    let desk = Desk::new();
    let input = desk.put("stays.csv", STAYS);
    let mut told = String::new();
    for (id, scheme, lang) in [("A1", "chs_drg_11", "zh-CN"), ("A1", "chs_drg_20", "en"), ("A4", "chs_drg_11", "zh")] {
        let ran = yiti(&["explain", "--scheme", scheme, &input, "--id", id, "--lang", lang]);
        assert_eq!(ran.code, 0, "{}", ran.complained);
        told += &ran.said;
        told += "\n";
    }
    insta::assert_snapshot!("explained", told);
    let ran = yiti(&["explain", "--scheme", "chs_drg_11", &input, "--id", "A9", "--lang", "en"]);
    assert_eq!((ran.code, ran.complained.as_str()), (1, "yiti: stays.csv has no row with the id A9.\n"));
}

#[test]
fn a_comparison_of_our_own_cases_counts_and_prices_what_changes() {
    let (_, rows) = cases(&own_cases());
    let desk = Desk::new();
    let input = desk.put("cases.csv", csv(&COLUMNS, &rows, ","));
    // What each scheme answers by itself; rows that it refuses are not compared.
    let answers = ["chs_drg_10", "changzhou_2022"].map(|scheme| {
        let out = desk.path(scheme);
        assert_eq!(yiti(&["--scheme", scheme, &input, "-o", &out]).code, 2);
        let text = fs::read_to_string(&out).unwrap();
        let drg = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[6] != "refused").then(|| cells[3].to_owned())
        };
        text.lines().skip(1).map(drg).collect::<Vec<_>>()
    });
    let [ours, other] = answers;
    let pairs: Vec<_> = ours.into_iter().zip(other).filter_map(|(one, two)| Some((one?, two?))).collect();
    assert!(pairs.len() > 150 && pairs.len() < rows.len(), "{}", pairs.len());
    let prices =
        |(one, two): &(String, String)| [format!("a,chs_drg_10,{one},1.5"), format!("b,changzhou_2022,{two},2")];
    let mut weights: Vec<String> = pairs.iter().flat_map(prices).collect();
    weights.sort();
    weights.dedup();
    let weights = desk.put("weights.csv", format!("table,version,drg,rw\n{}\n", weights.join("\n")));
    let list = desk.path("changes.csv");
    let rates = ["--rate-a", "10000", "--rate-b", "10000", "--lang", "en", "-o", &list];
    let ran = yiti(&[&["compare", "chs_drg_10", "changzhou_2022", &input, "--weights", &weights][..], &rates].concat());
    assert_eq!(ran.code, 0, "{}", ran.complained);
    let changed = pairs.iter().filter(|(one, two)| one != two).count();
    assert!(changed > 20 && changed < pairs.len(), "{changed}");
    assert!(ran.said.contains(&format!("; {changed} change (")), "{changed}: {}", ran.said);
    let total = |rate: usize| format!("rate 10000.00 yuan, in all {}.00 yuan", pairs.len() * rate);
    assert!(ran.said.contains(&total(15_000)) && ran.said.contains(&total(20_000)), "{}", ran.said);
    assert_eq!(fs::read_to_string(&list).unwrap().lines().count(), changed + 1);
}

#[test]
fn two_schemes_are_compared_with_reasons_weights_and_money() {
    let Some(folder) = tables() else { return };
    let (_, rows) = cases(&folder.join("cases-open.csv.gz"));
    let rows: Vec<Vec<String>> = rows.into_iter().step_by(300).collect();
    let desk = Desk::new();
    let input = desk.put("cases.csv", csv(&COLUMNS, &rows, ","));
    let list = desk.path("changes.csv");
    let weights = folder.join("weight.csv").to_string_lossy().into_owned();
    let ran = yiti(&[
        "compare",
        "chs_drg_10",
        "changzhou_2022",
        &input,
        "--weights",
        &weights,
        "--rate-a",
        "10000",
        "--rate-b",
        "11519",
        "--lang",
        "en",
        "-o",
        &list,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.complained);
    let told = ran.said.replace(&list, "changes.csv");
    let changes = fs::read_to_string(&list).unwrap();
    let first: Vec<&str> = changes.lines().take(12).collect();
    insta::assert_snapshot!("compared", format!("{told}\n{}", first.join("\n")));
    let same = yiti(&["compare", "chs_drg_11", "chs_drg_11", &input, "--lang", "en"]);
    assert!(same.said.contains("Nothing changes."), "{}", same.said);
    // The same by files of answers.
    let (a, b) = (desk.path("a.csv"), desk.path("b.csv"));
    for (scheme, out) in [("chs_drg_10", &a), ("changzhou_2022", &b)] {
        assert_eq!(yiti(&["--scheme", scheme, &input, "-o", out]).code, 2);
    }
    let files = yiti(&["compare", &a, &b, "--lang", "en"]);
    assert_eq!(files.code, 0, "{}", files.complained);
    let counts = |text: &str| text.lines().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(counts(&files.said), counts(&ran.said));
    let other = desk.put("c.csv", "id,mdc,adrg,drg,cc,mcc,status\nX,MDCF,FR1,FR19,,,grouped\n");
    assert_eq!(yiti(&["compare", &a, &other]).code, 1);
}

#[test]
fn everything_the_command_says_has_words_in_both_languages() {
    let is_missing = |key: &str| yiti_kernel::Lang::ALL.iter().any(|lang| !yiti_web::has_key(*lang, key));
    let mut keys: Vec<String> = Vec::new();
    let faults = include_str!("../../../../libs/chs-drg/words.csv").lines().filter_map(|line| line.split(',').next());
    keys.extend(faults.filter_map(|key| key.strip_prefix("fault.")).map(|key| format!("group.remedy.{key}")));
    for reason in ["id_missing", "id_formula", "id_rounded", "number", "day", "cell_error", "no_principal_px"] {
        keys.extend([format!("group.refused.{reason}"), format!("group.remedy.{reason}")]);
    }
    for (place, call) in [("fatal", "Failure::new(\""), ("", ".say(\"")] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/group");
        for entry in fs::read_dir(folder).unwrap() {
            let source = fs::read_to_string(entry.unwrap().path()).unwrap();
            let found = source.split(call).skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned));
            keys.extend(
                found.map(|key| if place.is_empty() { format!("group.{key}") } else { format!("group.{place}.{key}") }),
            );
        }
    }
    assert!(keys.len() > 60, "{}", keys.len());
    let missing: Vec<&String> = keys.iter().filter(|key| is_missing(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_wide_hqms_table_is_grouped_explained_and_compared_like_a_plain_one() {
    let desk = Desk::new();
    let table = "A01,A02,A48,A49,A12C,A13,A14,A16,B12,B15,B16C,B20,B34C,C03C,C06x01C,C06x02C,C14x01C\r\n\
        455,示范医院,sound,1,1,1960-05-01,65,,2026-02-01 10:00:00,2026-02-09 09:00:00,0301,8,1,I21.001,J96.000,-,36.0601\r\n\
        455,示范医院,case,2,1,1960-05-01,65,,2026-02-01 10:00:00,2026-02-09 09:00:00,0301,8,1,i21.001,j96.000,,36.0601\r\n\
        455,示范医院,newborn,1,2,2026-02-01,0,,2026-02-08 10:00:00,2026-02-09 09:00:00,0301,1,1,P23.900,,,\r\n\
        455,示范医院,unknown,1,1,1960-05-01,65,,2026-02-01 10:00:00,2026-02-09 09:00:00,0301,8,1,Q99.999x,,,\r\n\
        455,示范医院,uncounted,,1,1960-05-01,65,,2026-02-01 10:00:00,2026-02-09 09:00:00,0301,8,1,I21.001,,,\r\n";
    let (gb18030, _, _) = encoding_rs::GB18030.encode(table);
    let input = desk.put("hqms.csv", &gb18030);
    let (code, answers, errors) = desk.group(&input, &[]);
    assert_eq!(code, 2);
    let ran = yiti(&["explain", "--scheme", "chs_drg_11", &input, "--id", "newborn-1"]);
    assert_eq!(ran.code, 0, "{}", ran.complained);
    let compared = yiti(&["compare", "chs_drg_11", "chs_drg_20", &input]);
    assert_eq!(compared.code, 0, "{}", compared.complained);
    let errors = errors.trim_start_matches('\u{feff}');
    insta::assert_snapshot!("hqms", format!("{answers}\n{errors}\n{}\n{}", ran.said, compared.said));
    // The same as UTF-8; a half-written one leaves nothing.
    assert_eq!(desk.group(&desk.put("utf8.csv", table), &[]).1, answers);
    let half = table.find("0301,1,1,P23").unwrap();
    let (code, _, errors) = desk.group(&desk.put("half.csv", &table.as_bytes()[..half]), &[]);
    assert_eq!(code, 1);
    assert!(errors.contains(",failed,") && errors.contains("文件不完整"), "{errors}");
}
