//! What becomes of cells: every mend, every form, every refusal of a row.

use yiti_drg::columns::Standard;
use yiti_frontpage::{FileFault, RepairKind};
use yiti_kernel::{Fen, civil::date};
use yiti_record::front_page::{CostItem, FrontPage, Sex, Status};

use crate::support::{All, IMPORT, Row, gb18030, hqms, read, stay, table};

fn one(row: Row) -> (FrontPage, Vec<(RepairKind, String, String)>) {
    let mut all = read(hqms(&[row])).unwrap();
    assert!(all.refused.is_empty(), "{:?}", all.refused);
    let (_, page, repairs) = all.pages.remove(0);
    (page, repairs.into_iter().map(|repair| (repair.kind, repair.column, repair.after)).collect())
}

#[test]
fn a_careful_row_is_taken_as_it_is() {
    let (page, repairs) = one(stay("42"));
    assert_eq!(repairs, []);
    assert_eq!((page.medical_record_number.as_str(), page.admission_count, page.status), ("42", 1, Status::Final));
    assert_eq!((page.sex, page.birth_on, page.age_years), (Some(Sex::Male), Some(date(1960, 5, 1)), Some(65)));
    assert_eq!(page.diagnoses[0].insurance_code.as_deref(), Some("I21.001"));
    assert_eq!((page.diagnoses.len(), page.procedures.len()), (2, 1));
    assert_eq!((page.costs.total, page.costs.items[&CostItem::WesternDrugs]), (Some(Fen(1_234_567)), Fen(1_200_000)));
    assert_eq!(page.staff.coder, "赵静");
    assert_eq!(page.extra["birth_address"], "-", "the dash that the form wants stays in a text");
}

#[test]
fn every_mend_is_done_and_said() {
    use RepairKind as K;
    for (column, given, field, wanted, kind) in [
        ("C03C", "i21.001", "code", "I21.001", K::LowerCase),
        ("C03C", "I21001", "code", "I21.001", K::DotLost),
        ("C03C", "Ｉ２１．００１", "code", "I21.001", K::FullWidth),
        ("C03C", "I21. 001", "code", "I21.001", K::Spaces),
        ("C03C", "A01.000x002", "insurance", "A01.003", K::Crosswalk),
        ("C14x01C", "1.24", "procedure", "01.2400", K::CodeNumber),
        ("C14x01C", "2026-03-02", "procedure", "03.0200", K::CodeDate),
        ("A14", "65岁", "age", "65", K::NumberSpelling),
        ("A12C", "男", "sex", "1", K::SexWord),
        ("B12", "2026/2/1 10:00", "admitted", "2026-02-01", K::DateSpelling),
        ("B12", "46054.416666666664", "admitted", "2026-02-01", K::DateNumber),
        ("D01", "12,345.67", "total", "12345.67", K::NumberSpelling),
        ("D11", "-", "none", "", K::Placeholder),
        ("A18x01", "0", "none", "", K::ZeroMeansNothing),
    ] {
        let (page, repairs) = one(stay("42").set(column, given));
        let value = match field {
            "code" => page.diagnoses[0].code.clone(),
            "insurance" => page.diagnoses[0].insurance_code.clone().unwrap_or_default(),
            "procedure" => page.procedures[0].insurance_code.clone().unwrap_or_default(),
            "age" => page.age_years.unwrap_or_default().to_string(),
            "sex" => yiti_record::front_page::sex_code(page.sex.unwrap()).to_string(),
            "admitted" => page.admitted_on().unwrap().to_string(),
            "total" => page.costs.total.unwrap().to_string(),
            _ => String::new(),
        };
        assert_eq!(value, wanted, "{column} {given}");
        assert!(repairs.iter().any(|(done, at, _)| *done == kind && at == column), "{column} {given}: {repairs:?}");
    }
    let (page, _) = one(stay("42").set("C03C", "A01.000x002"));
    assert_eq!(page.diagnoses[0].code, "A01.000x002", "the original is kept");
}

#[test]
fn a_newborn_with_empty_cells_is_counted_from_its_days() {
    let newborn = stay("43").set("A13", "2026-01-30").set("A14", "0").set("A16", " ").set("A17", "").set("A18x01", "-");
    let (page, repairs) = one(newborn.clone());
    assert_eq!((page.age_days, page.admission_weight_g, page.birth_weights_g.len()), (Some(2), None, 0));
    assert!(repairs.iter().any(|(kind, _, after)| *kind == RepairKind::NewbornDays && after == "2"));
    let (page, _) = one(newborn.set("A18x01", "3100").set("A18x03", "2900").set("A17", "3110.0"));
    assert_eq!((page.birth_weights_g, page.admission_weight_g), (vec![3100, 0, 2900], Some(3110)));
    let (page, repairs) = one(stay("42").set("A16", "0"));
    assert_eq!((page.age_days, repairs.len()), (None, 0), "0 days at 65 years is a blank");
}

#[test]
fn entries_behind_a_gap_move_up_and_a_missing_principal_stays_missing() {
    let (page, repairs) = one(stay("42").set("C06x01C", "-").set("C07x01N", "-").set("C06x03C", "I10.x00"));
    let codes: Vec<&str> = page.diagnoses.iter().map(|dx| dx.code.as_str()).collect();
    assert_eq!(codes, ["I21.001", "I10.x00"]);
    assert!(repairs.iter().any(|(kind, ..)| *kind == RepairKind::Gap));
    let (page, _) = one(stay("42").set("C03C", "").set("C04N", "").set("C05C", ""));
    assert_eq!((page.diagnoses.len(), page.diagnoses[0].code.as_str()), (2, ""));
    assert!(page.principal().is_none());
    let (page, _) = one(stay("42").set("C14x01C", "").set("C15x01N", "").set("C16x01", "").set("C17x01", ""));
    assert!(page.procedures.is_empty());
}

#[test]
fn a_row_that_cannot_be_read_is_refused_with_its_column() {
    for (column, given, key) in [
        ("A14", "-1", "count"),
        ("A14", "sixty", "count"),
        ("A12C", "3", "sex"),
        ("A13", "1960-02-30", "day"),
        ("B12", "tomorrow", "instant"),
        ("D01", "-5.00", "money"),
        ("D13", "1.005", "money"),
        ("C29", "24", "count"),
        ("A48", "", "no_record_number"),
        ("A49", "", "no_admission_count"),
    ] {
        let all = read(hqms(&[stay("41"), stay("42").set(column, given), stay("43")])).unwrap();
        assert_eq!(all.pages.len(), 2, "{column} {given}");
        let trouble = &all.refused[0][0];
        assert_eq!((trouble.place.0, trouble.problem.key()), (3, key), "{column} {given}");
        if !key.starts_with("no_") {
            assert_eq!((trouble.column.as_str(), trouble.value.as_str()), (column, given));
            assert!(!trouble.title.is_empty());
        }
    }
}

#[test]
fn the_form_is_told_by_its_columns_and_other_columns_are_kept() {
    let all: All =
        read(table(Standard::Hqms, &[stay("42").set("C47", "96").set("XX9", "7")], &["C47", "XX9"])).unwrap();
    let page = &all.pages[0].1;
    assert_eq!((page.ventilator_minutes, page.extra["XX9"].as_str()), (Some(96 * 60), "7"));
    assert_eq!(all.unknown, ["XX9"]);

    let chinese = "BAH,ZYCS,XM,XB,RYSJ_S,RYSJ,CYSJ,CYSJ_S,ZYZD_JBBM,ZYZD,ZYZD_JBBM1,ZB,SSJCZBM1,SSJCZBM2,ZFY\r\n\
                   42,1,王小东,1,10,2026-02-01,2026-02-09,9,I21.001,x,J96.000,胸痹心痛病,36.0601,88.5500,100\r\n";
    let all = read(chinese).unwrap();
    assert_eq!(all.standard, Standard::HqmsChinese);
    let page = &all.pages[0].1;
    assert_eq!(page.admitted_at.map(yiti_kernel::time::second_text).as_deref(), Some("2026-02-01 10:00:00"));
    assert_eq!((page.diagnoses.len(), page.procedures.len(), page.chinese_diagnoses.len()), (2, 2, 1));

    let all = read("id,kind,sex,age,age_days,weight,dept,los,discharge,icu_hours,dx,px,chs_drg_11\nA1,natural,2,48,17747,0,1900,5,1,0,A36.804+N16.0*|Z85.000,39.7302,SB11\n").unwrap();
    assert_eq!(all.standard, Standard::Plain);
    let page = &all.pages[0].1;
    assert_eq!((page.medical_record_number.as_str(), page.admission_count, page.icu_hours), ("A1", 1, Some(0)));
    assert_eq!(page.diagnoses[0].insurance_code.as_deref(), Some("A36.804+N16.0*"));
    assert_eq!(page.extra["chs_drg_11"], "SB11");
    assert_eq!(page.status, Status::Final);

    let fault = read("name,phone\nx,1\n").unwrap_err();
    assert!(matches!(&fault, FileFault::NotAFrontPage { missing, .. } if !missing.is_empty()), "{fault}");
}

#[test]
fn a_workbook_and_gb18030_are_read_and_what_a_spreadsheet_did_is_seen() {
    let all = read(gb18030(&hqms(&[stay("42")]))).unwrap();
    assert_eq!(all.file_repairs, [RepairKind::Encoding]);
    assert_eq!(all.pages[0].1.patient_name, "王小东");

    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (at, name) in ["medical_record_number", "sex", "age", "dx", "px", "national_id"].iter().enumerate() {
        sheet.write_string(0, at as u16, *name).unwrap();
    }
    for row in 1..=2 {
        sheet.write_number(row, 0, 42.0 + f64::from(row)).unwrap();
        sheet.write_number(row, 1, 1.0).unwrap();
        sheet.write_number(row, 2, 65.0).unwrap();
        sheet.write_string(row, 3, "i21.001").unwrap();
        sheet.write_number(row, 4, 1.24).unwrap();
    }
    sheet.write_number(2, 5, 110_105_194_912_310_020.0).unwrap();
    let all = read(book.save_to_buffer().unwrap()).unwrap();
    let page = &all.pages[0].1;
    assert_eq!((page.medical_record_number.as_str(), page.procedures[0].code.as_str()), ("43", "01.2400"));
    assert_eq!(all.kinds(), [RepairKind::LowerCase, RepairKind::CodeNumber]);
    assert_eq!(all.refused[0][0].problem.key(), "rounded_number");
    assert!(IMPORT.codes.check().is_ok());
}

const MESSAGE: &str = r#"{"infno":"4101","input":{"setlinfo":{"mdtrt_id":"M1","medcasno":"42","psn_name":"王小东","gend":"1",
 "brdy":"1960-05-01","age":65.0,"adm_time":"2026-02-01 10:00:00","dscg_time":"2026-02-09 09:00:00","dscg_way":"1",
 "vent_used_dura":"1/2/30","act_ipt_days":8,"psn_selfpay":2345.6,"fixmedins_code":"H1","dscg_caty":"0301","new_key":null},
 "payinfo":[{"fund_pay_type":"310100","fund_payamt":10000.07}],
 "diseinfo":[{"diag_type":"1","diag_code":"J96.000","diag_name":"x","maindiag_flag":"0"},
  {"diag_type":"2","diag_code":"A04.01","diag_name":"胸痹心痛病"},
  {"diag_type":"1","diag_code":"I21.001","diag_name":"y","adm_cond_type":"1","maindiag_flag":1}],
 "iteminfo":[{"med_chrgitm":"09","amt":12000},{"med_chrgitm":"07","amt":"345.67"}],
 "oprninfo":[{"oprn_oprt_type":"2","oprn_oprt_code":"88.5500"},
  {"oprn_oprt_type":"1","oprn_oprt_code":"36.0601","oprn_oprt_date":"2026-02-02"}],
 "icuinfo":[{"scs_cutd_ward_type":"CCU","scs_cutd_inpool_time":"2026-02-02 10:00:00",
  "scs_cutd_exit_time":"2026-02-03 22:30:00","scs_cutd_sum_dura":"1/12/30"}],"bldinfo":[{"bld_cat":"1","bld_amt":200}]}}"#;

#[test]
fn both_settlement_lists_are_read() {
    let all = read(MESSAGE).unwrap();
    assert_eq!(all.standard, Standard::Settlement4101);
    let page = &all.pages[0].1;
    let codes: Vec<&str> = page.diagnoses.iter().map(|dx| dx.code.as_str()).collect();
    assert_eq!(codes, ["I21.001", "J96.000"]);
    assert_eq!(page.procedures[0].code, "36.0601");
    assert_eq!(page.chinese_diagnoses[0].name, "胸痹心痛病");
    assert_eq!(
        (page.costs.total, page.costs.charges.len(), page.costs.funds[0].amount),
        (Some(Fen(1_234_567)), 2, Fen(1_000_007))
    );
    assert_eq!((page.ventilator_minutes, page.intensive_care_hours()), (Some(1590), Some(36)));
    assert_eq!(
        (page.age_years, page.length_of_stay_days, page.extra["psn_selfpay"].as_str()),
        (Some(65), Some(8), "2345.6")
    );
    assert_eq!(page.extra["bldinfo.bld_amt.1"], "200");
    assert!(all.kinds().contains(&RepairKind::PrincipalFirst));

    let a = MESSAGE.replace("\"4101\"", "\"4101A\"").replace(
        "\"oprn_oprt_date\":\"2026-02-02\"",
        "\"oprn_oprt_begntime\":\"2026-02-02 08:15:00\",\"oprn_oprt_endtime\":\"2026-02-02 09:00:00\"",
    );
    let many = format!("[{a},{a}]");
    let lines = format!("{0}\n{0}\n", a.replace('\n', ""));
    for text in [many.into_bytes(), gb18030(&lines)] {
        let all = read(text).unwrap();
        assert_eq!((all.standard, all.pages.len()), (Standard::Settlement4101A, 2));
        assert!(all.pages[0].1.procedures[0].ended_at.is_some());
    }
    let bare: serde_json::Value = serde_json::from_str(MESSAGE).unwrap();
    assert_eq!(read(bare["input"].to_string()).unwrap().pages.len(), 1);
    let newborn = MESSAGE.replace("\"age\":65.0", "\"age\":\"\",\"nwb_age\":\"2\"").replace("1960-05-01", "2026-01-30");
    let all = read(newborn).unwrap();
    assert_eq!((all.pages[0].1.age_years, all.pages[0].1.age_days), (Some(0), Some(2)));
    assert!(all.kinds().contains(&RepairKind::NewbornYears));
}

#[test]
fn a_message_that_is_none_is_refused_with_its_place() {
    let cut = read(&MESSAGE.as_bytes()[..MESSAGE.len() / 2]).unwrap_err();
    assert!(matches!(&cut, FileFault::Json { is_cut_off: true, line, .. } if *line > 3), "{cut}");
    assert!(matches!(read("{\"input\": 5}").unwrap_err(), FileFault::Json { is_cut_off: false, line: 1, .. }));
    assert!(matches!(read("{}").unwrap_err(), FileFault::Empty));
    assert!(matches!(read("[]").unwrap_err(), FileFault::Empty));
    let nested = MESSAGE.replace("\"42\"", "[\"42\"]");
    assert!(matches!(read(nested).unwrap_err(), FileFault::Json { .. }));
    for (from, to, key) in [
        ("\"amt\":12000", "\"amt\":-1", "money"),
        ("\"adm_time\":\"2026-02-01 10:00:00\",", "", "no_admission_day"),
        ("\"medcasno\":\"42\",", "", "no_record_number"),
        ("1/2/30", "1/25/30", "duration"),
    ] {
        let all = read(MESSAGE.replace(from, to)).unwrap();
        assert_eq!(all.refused[0][0].problem.key(), key, "{to}");
    }
}
