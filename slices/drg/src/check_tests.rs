use super::*;
use crate::codes::tests::packed;
use crate::columns::tests::files;
use crate::schemes::tests::shipped;
use yiti_kernel::{Fen, civil::date, time};
use yiti_record::front_page::{CostItem, Diagnosis, Procedure, Sex};

fn dx(code: &str) -> Diagnosis {
    Diagnosis { code: code.into(), ..Diagnosis::default() }
}

fn px(code: &str) -> Procedure {
    Procedure { code: code.into(), ..Procedure::default() }
}

/// A page with which no rule of grouping finds anything.
fn sound() -> FrontPage {
    let at = |day, hour| Some(time::instant(date(2026, 2, day).at(hour, 0, 0, 0)));
    let mut page = FrontPage {
        medical_record_number: "42".into(),
        admission_count: 1,
        patient_name: "王小东".into(),
        sex: Some(Sex::Male),
        birth_on: Some(date(1960, 5, 1)),
        age_years: Some(65),
        admitted_at: at(1, 10),
        discharged_at: at(9, 9),
        length_of_stay_days: Some(8),
        discharge_disposition: "1".into(),
        diagnoses: vec![dx("I21.001"), dx("J96.000")],
        procedures: vec![px("36.0601")],
        ..FrontPage::default()
    };
    page.procedures[0].performed_at = at(2, 8);
    page.costs.total = Some(Fen(1000));
    page.costs.items.insert(CostItem::Nursing, Fen(1000));
    page
}

struct Bench {
    checks: Checks,
    packed: crate::codes::Packed,
    schemes: crate::schemes::Schemes,
}

impl Bench {
    fn new() -> Self {
        Self { checks: Checks::load(&files()).unwrap(), packed: packed(), schemes: shipped() }
    }

    fn scheme(&self) -> &Scheme {
        self.schemes.get("chs_drg_11").unwrap()
    }

    fn found(&self, page: &FrontPage) -> Vec<Finding> {
        self.checks.check(page, Standard::Plain, self.packed.get(), Some(self.scheme()))
    }

    /// Changes the sound page; the rules that then find something must be exactly `rules`.
    fn only(&self, rules: &[&str], change: impl FnOnce(&mut FrontPage)) -> Vec<Finding> {
        let mut page = sound();
        change(&mut page);
        let found = self.found(&page);
        let mut names: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
        names.sort_unstable();
        let mut rules = rules.to_vec();
        rules.sort_unstable();
        assert_eq!(names, rules);
        found
    }
}

#[test]
fn every_rule_finds_its_fault_and_nothing_else() {
    let bench = Bench::new();
    bench.only(&[], |_| ());
    bench.only(&["principal_missing"], |page| page.diagnoses[0].code.clear());
    bench.only(&["principal_missing"], |page| page.diagnoses.clear());
    let found = bench.only(&["principal_external"], |page| page.diagnoses.insert(0, dx("W19.x00")));
    assert_eq!(found[0].mended.as_ref().unwrap().diagnoses, sound().diagnoses);
    bench.only(&["diagnosis_external"], |page| page.diagnoses.push(dx("W19.x00")));
    bench.only(&["principal_symptom"], |page| page.diagnoses[0] = dx("R10.402"));
    let found = bench.only(&["diagnosis_unknown"], |page| page.diagnoses.push(dx("ZZZ")));
    // Where no code may have been meant, none is offered.
    assert_eq!(found[0].remedy_key(), "front_page.rule.diagnosis_unknown.remedy_alone");
    let found = bench.only(&["diagnosis_unknown"], |page| page.diagnoses[0] = dx("i21.001"));
    assert_eq!(found[0].mended.as_ref().unwrap().diagnoses[0].insurance_code.as_deref(), Some("I21.001"));
    let found = bench.only(&["diagnosis_grey"], |page| page.diagnoses.push(dx("A00.000")));
    assert!(found[0].facts.iter().any(|(name, text)| *name == "candidates" && text.contains("A00.000x001")));
    bench.only(&["principal_grey"], |page| page.diagnoses[0] = dx("A00.000"));
    let found = bench.only(&["diagnosis_twice"], |page| page.diagnoses.push(dx("J96.000")));
    assert_eq!((found[0].place, found[0].column.as_str()), (Some(2), "dx"));
    bench.only(&["procedure_unknown"], |page| page.procedures.push(px("99.999x999")));
    bench.only(&["procedure_outside_stay"], |page| {
        page.procedures[0].performed_at = Some(time::day_start(date(2026, 1, 31)))
    });
    bench.only(&[], |page| page.procedures[0].performed_at = Some(time::day_start(date(2026, 2, 9))));
    bench.only(&["procedure_outside_stay"], |page| {
        page.procedures[0].performed_at = Some(time::day_start(date(2026, 2, 10)))
    });
    bench.only(&["sex_missing"], |page| page.sex = None);
    bench.only(&["sex_differs"], |page| {
        page.national_id = "110105194912310023".into();
        page.national_id = NATIONAL_ID_FEMALE.into();
        page.birth_on = Some(date(1949, 12, 31));
        page.age_years = Some(76);
    });
    bench.only(&["national_id_wrong"], |page| page.national_id = "110105194912310020".into());
    bench.only(&["birth_differs"], |page| {
        page.national_id = NATIONAL_ID_FEMALE.into();
        page.sex = Some(Sex::Female);
    });
    bench.only(&["age_missing"], |page| page.age_years = None);
    bench.only(&["age_impossible"], |page| page.age_years = Some(131));
    bench.only(&["age_differs"], |page| page.age_years = Some(66));
    bench.only(&["birth_after_admission"], |page| page.birth_on = Some(date(2026, 2, 2)));
    bench.only(&["admission_after_discharge", "procedure_outside_stay"], |page| {
        page.discharged_at = Some(time::day_start(date(2026, 1, 20)))
    });
    bench.only(&["stay_missing"], |page| page.length_of_stay_days = None);
    bench.only(&["stay_differs"], |page| page.length_of_stay_days = Some(9));
    bench.only(&["stay_impossible"], |page| page.length_of_stay_days = Some(18_264));
    bench.only(&["died_but_plans"], |page| {
        page.discharge_disposition = "5".into();
        page.readmission_plan = "2".into();
    });
    bench.only(&["death_not_stated"], |page| page.diagnoses.push(dx("I46.100x001")));
    bench.only(&["total_cost_below_items"], |page| page.costs.total = Some(Fen(999)));
    bench.only(&["total_cost_above_items"], |page| page.costs.total = Some(Fen(1001)));
    bench.only(&["total_cost_zero"], |page| {
        page.costs.total = Some(Fen(0));
        page.costs.items.clear();
    });
    bench.only(&["self_paid_above_total"], |page| page.costs.self_paid = Some(Fen(1001)));
    bench.only(&["cost_part_above_whole"], |page| {
        page.costs.items.insert(CostItem::Anesthesia, Fen(1));
    });
    bench.only(&["column_code_unknown"], |page| page.discharge_disposition = "7".into());
}

const NATIONAL_ID_FEMALE: &str = "11010519491231002X";

#[test]
fn a_newborn_has_days_and_weights() {
    let bench = Bench::new();
    let newborn = |page: &mut FrontPage| {
        page.birth_on = Some(date(2026, 1, 30));
        page.age_years = Some(0);
        page.age_days = Some(2);
        page.birth_weights_g = vec![1400];
        page.admission_weight_g = Some(1410);
        page.diagnoses = vec![dx("P07.100")];
        page.procedures.clear();
    };
    let with = |rules: &[&str], change: fn(&mut FrontPage)| {
        let mut page = sound();
        newborn(&mut page);
        change(&mut page);
        let found = bench.found(&page);
        let names: Vec<&str> = found.iter().map(|f| f.rule).filter(|rule| !rule.ends_with("_grey")).collect();
        assert_eq!(names, rules);
        (page, found)
    };
    with(&[], |_| ());
    let (page, found) = with(&["age_days_missing"], |page| page.age_days = None);
    let mended = found.iter().find(|f| f.rule == "age_days_missing").unwrap().mended.clone().unwrap();
    assert_eq!((mended.age_days, page.age_days), (Some(2), None));
    with(&["age_days_differs"], |page| page.age_days = Some(20));
    with(&["age_days_impossible"], |page| page.age_days = Some(400));
    with(&[], |page| page.admission_weight_g = None);
    with(&[], |page| page.birth_weights_g.clear());
    let (page, _) = with(&["newborn_weight_missing"], |page| {
        page.admission_weight_g = None;
        page.birth_weights_g.clear();
    });
    let form = bench.checks.check(&page, Standard::Hqms, bench.packed.get(), None);
    assert!(form.iter().any(|f| f.rule == "column_missing" && f.column == "A17"));
    with(&["newborn_weight_impossible"], |page| page.birth_weights_g = vec![99]);
    with(&[], |page| page.birth_weights_g = vec![100]);
    with(&["newborn_weight_impossible"], |page| page.admission_weight_g = Some(10_000));
    with(&["newborn_weight_step"], |page| page.admission_weight_g = Some(1415));
}

#[test]
fn a_mend_shows_what_it_changes_in_group_and_money() {
    let bench = Bench::new();
    let mut page = sound();
    page.diagnoses.insert(0, dx("W19.x00"));
    page.age_years = Some(66);
    let found = bench.found(&page);
    let price = |grouped: &Grouped<'_>, _: &FrontPage| (grouped.drg != "0000").then_some(Fen(5000));
    let effects = effects(bench.scheme(), &page, &found, &price);
    let of = |rule: &str| effects[found.iter().position(|finding| finding.rule == rule).unwrap()].as_ref().unwrap();
    let external = of("principal_external");
    assert!(external.changes());
    assert_eq!((external.before.drg.as_str(), external.before.price), ("0000", None));
    assert_eq!((external.after.mdc.as_str(), external.after.price), ("MDCF", Some(Fen(5000))));
    // The age is still wrong, and the answer says that it does not stand yet.
    assert!(external.after.faults.iter().any(|fault| fault.key() == "fault.age_disagrees"), "{external:?}");
    assert!(of("age_differs").after.faults.is_empty(), "{:?}", of("age_differs"));
}

#[test]
fn a_diagnosis_of_the_other_sex_is_seen_by_the_scheme_itself() {
    let bench = Bench::new();
    let page = FrontPage { sex: Some(Sex::Female), diagnoses: vec![dx("N40.x00")], procedures: vec![], ..sound() };
    let found = bench.found(&page);
    let conflict = found.iter().find(|finding| finding.rule == "sex_conflict").unwrap();
    assert!(conflict.facts.contains(&("mdc", "MDCM".to_owned())), "{:?}", conflict.facts);
    assert_eq!(conflict.mended.as_ref().unwrap().sex, Some(Sex::Male));
    let page = FrontPage { sex: Some(Sex::Male), ..page };
    assert!(!bench.found(&page).iter().any(|finding| finding.rule == "sex_conflict"));
}

#[test]
fn a_surgery_behind_an_examination_is_put_first() {
    let bench = Bench::new();
    let codes = bench.packed.get();
    let diagnostic = codes
        .starting_with(crate::codes::System::Procedure, "8")
        .find(|code| code.class == Some(crate::codes::Class::Diagnostic) && !code.is_grey)
        .unwrap();
    let mut page = sound();
    page.procedures.insert(0, px(diagnostic.code));
    let found = bench.found(&page);
    let order = found.iter().find(|finding| finding.rule == "procedure_order").unwrap();
    assert_eq!(order.mended.as_ref().unwrap().procedures[0].code, "36.0601");
    assert_eq!(order.severity, Severity::Advice);
}

#[test]
fn a_form_asks_for_its_columns() {
    let bench = Bench::new();
    let check = |page: &FrontPage, standard| bench.checks.check(page, standard, bench.packed.get(), None);
    let mut page = sound();
    let missing = |page: &FrontPage, column: &str| {
        check(page, Standard::Hqms).iter().any(|f| f.rule == "column_missing" && f.column == column)
    };
    assert!(missing(&page, "B29") && missing(&page, "A22") && !missing(&page, "A11"));
    assert!(!missing(&page, "C12C"));
    page.diagnoses[0] = dx("S72.000");
    assert!(missing(&page, "C12C"));
    // The dash that the form wants where there is nothing fills a column.
    page.extra.insert("birth_address".into(), "-".into());
    assert!(!missing(&page, "A22"));
    // The operator is asked for at the surgery, not at the examination.
    page.procedures = vec![px("36.0601"), px("88.5500")];
    assert!(missing(&page, "C18x01") && !missing(&page, "C39x01"));
    page.staff.coder = "王".repeat(41);
    page.extra.insert("postcode".into(), "12345".into());
    let found = check(&page, Standard::Hqms);
    let rule = |rule: &str| found.iter().find(|f| f.rule == rule).map(|f| f.column.as_str());
    assert_eq!((rule("column_long"), rule("postcode_wrong")), (Some("B29"), Some("A28C")));
    let fees =
        |page: &FrontPage, standard| check(page, standard).iter().filter(|f| f.rule == "service_fee_missing").count();
    assert_eq!((fees(&page, Standard::HqmsChinese), fees(&page, Standard::Hqms)), (1, 0));
    let settlement = check(&page, Standard::Settlement4101);
    assert!(settlement.iter().any(|f| f.column == "setlinfo.insuplc" && f.rule == "column_missing"));
    assert!(settlement.windows(2).all(|pair| pair[0].severity <= pair[1].severity));
}

#[test]
fn a_rule_without_an_entry_and_an_entry_without_a_rule_are_named() {
    let mut files = files();
    files[2].text = files[2].text.replacen("id = \"sex_missing\"", "id = \"sex_lost\"", 1);
    let faults = Checks::load(&files).err().unwrap();
    let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(
        text.contains("there is no rule `sex_lost`") && text.contains("the rule `sex_missing` is missing"),
        "{text}"
    );
    assert!(Checks::load(&files[..2]).is_err());
}
