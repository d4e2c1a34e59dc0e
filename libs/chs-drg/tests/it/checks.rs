//! Bad records get their own faults.

use chs_drg::{Columns, Fault, Outcome, Record, Scheme, Ungrouped};

use crate::cases;

const SOUND: Record<'static> = Record {
    sex: Some(1),
    age: Some(60),
    age_days: Some(0),
    weight: Some(0),
    los: Some(5),
    icu_hours: Some(0),
    dept: "0301",
    discharge: "1",
    dx: &["I21.001"],
    px: &[],
    days: chs_drg::Days { born_on: None, admitted_on: None, discharged_on: None },
};

fn scheme() -> Scheme {
    cases::scheme("chs_drg_11")
}

#[test]
fn a_sound_record_is_grouped() {
    let scheme = scheme();
    assert_eq!(scheme.grouped(&SOUND).unwrap().mdc, "MDCF");
}

#[test]
fn each_fault_is_named() {
    let scheme = scheme();
    let only = |record: Record<'_>, fault: Fault| {
        assert_eq!(scheme.grouped(&record), Err(vec![fault]));
    };
    only(Record { dx: &[], ..SOUND }, Fault::NoPrincipal);
    only(Record { dx: &[""], ..SOUND }, Fault::NoPrincipal);
    let code = "I21.0".to_owned();
    only(Record { dx: &["I21.001", "I21.0"], ..SOUND }, Fault::UnknownDiagnosis { position: 1, code });
    let code = "99.9".to_owned();
    only(Record { px: &["99.9"], ..SOUND }, Fault::UnknownProcedure { position: 0, code });
    only(Record { sex: None, ..SOUND }, Fault::NoSex);
    only(Record { sex: Some(3), ..SOUND }, Fault::Sex { sex: 3 });
    only(Record { age: None, age_days: None, ..SOUND }, Fault::NoAge);
    only(Record { age: Some(-1), ..SOUND }, Fault::Age { years: -1 });
    only(Record { age: Some(131), ..SOUND }, Fault::Age { years: 131 });
    only(Record { age_days: Some(-1), ..SOUND }, Fault::AgeDays { days: -1 });
    only(Record { age: Some(0), age_days: Some(367), ..SOUND }, Fault::AgesDisagree { years: 0, days: 367 });
    only(Record { weight: Some(199), ..SOUND }, Fault::Weight { grams: 199 });
    only(Record { weight: Some(-1), ..SOUND }, Fault::Weight { grams: -1 });
    only(Record { los: Some(-1), ..SOUND }, Fault::Stay { days: -1 });
    only(Record { icu_hours: Some(-1), ..SOUND }, Fault::IcuHours { hours: -1 });
    let days = |born: &str, admitted: &str, discharged: &str| chs_drg::Days {
        born_on: born.parse().ok(),
        admitted_on: admitted.parse().ok(),
        discharged_on: discharged.parse().ok(),
    };
    let sound = days("1966-01-02", "2026-11-20", "2026-11-25");
    assert!(scheme.grouped(&Record { days: sound, ..SOUND }).is_ok());
    let record = Record { days: days("2026-11-21", "2026-11-20", "2026-11-25"), ..SOUND };
    only(record, Fault::BornAfterAdmission);
    let record = Record { days: days("1966-01-02", "2026-11-20", "2026-11-19"), ..SOUND };
    only(record, Fault::AdmittedAfterDischarge);
    let record = Record { days: days("1966-01-02", "2026-11-20", "2026-11-27"), ..SOUND };
    only(record, Fault::StayDisagrees { days: 5, counted: 7 });
    let record = Record { days: days("1967-01-02", "2026-11-20", "2026-11-25"), ..SOUND };
    only(record, Fault::AgeDisagrees { years: 60, counted: 59 });
}

#[test]
fn a_grey_code_is_told_but_groups() {
    let scheme = scheme();
    let grey = scheme.definition().dx.iter().find(|code| code.grey).unwrap().text.clone();
    let record = Record { dx: &["I21.001", &grey], ..SOUND };
    assert_eq!(scheme.check(&record), [Fault::GreyDiagnosis { position: 1, code: grey.clone() }]);
    assert!(scheme.grouped(&record).is_ok());
}

#[test]
fn a_grey_code_that_leaves_the_record_without_a_group_is_its_fault() {
    let scheme = scheme();
    let record = Record { dx: &["I21.000"], ..SOUND };
    assert_eq!(scheme.group(&record).drg, "0000");
    let code = "I21.000".to_owned();
    assert_eq!(scheme.grouped(&record), Err(vec![Fault::GreyDiagnosis { position: 0, code }]));
}

#[test]
fn a_faulty_row_of_a_batch_keeps_its_place_and_its_fault() {
    let scheme = scheme();
    let mut columns = Columns::checked(&scheme);
    columns.push(&scheme, &SOUND).unwrap();
    columns.push(&scheme, &Record { sex: Some(7), ..SOUND }).unwrap();
    columns.push(&scheme, &SOUND).unwrap();
    let mut out = Vec::new();
    scheme.group_batch(&columns, &mut out).unwrap();
    assert_eq!(out.len(), 3);
    assert_eq!(out[1].outcome, Outcome::Ungrouped(Ungrouped::Faulty));
    assert_eq!(out[0], out[2]);
    assert_eq!(columns.faults(), [(1, Fault::Sex { sex: 7 })]);
    let other = cases::scheme("chs_drg_20");
    assert!(other.group_batch(&columns, &mut out).is_err());
}
