//! Cases of group and price.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use yiti_directory::{InstitutionId, InstitutionKind, Scope};
use yiti_kernel::civil::date;
use yiti_kernel::definition::File;
use yiti_kernel::time;
use yiti_record::front_page::{CostItem, Diagnosis, Procedure, Sex};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions")
}

/// The shipped files below `drg/`, `payment/` and `frontpage/`.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    for below in ["drg", "payment", "frontpage"] {
        for entry in std::fs::read_dir(folder().join(below)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml" || ending == "csv") {
                let name = format!("{below}/{}", path.file_name().unwrap().to_string_lossy());
                files.push(File { path: name, text: std::fs::read_to_string(path).unwrap() });
            }
        }
    }
    files
}

fn find(path: &str) -> Option<Cow<'static, [u8]>> {
    std::fs::read(folder().join(path)).ok().map(Cow::Owned)
}

fn definitions() -> Definitions {
    Definitions::load(&files(), &find).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn hospital(kind: InstitutionKind) -> Institution {
    Institution {
        id: InstitutionId::fresh(),
        parent: None,
        name: "Lead".into(),
        short_name: "Lead".into(),
        kind,
        division_code: "990001".into(),
        is_synthetic: true,
        scope: Scope { low: 1, high: 2 },
        depth: 0,
    }
}

/// Acute myocardial infarction with a stent; the cost in yuan.
fn infarction(status: Status, yuan: i64) -> FrontPage {
    let mut page = FrontPage {
        status,
        sex: Some(Sex::Male),
        age_years: Some(62),
        insurance_type: "1".into(),
        admitted_at: Some(time::instant(date(2026, 3, 1).at(8, 0, 0, 0))),
        diagnoses: vec![Diagnosis { code: "I21.001".into(), ..Diagnosis::default() }],
        procedures: vec![Procedure { code: "36.0601".into(), ..Procedure::default() }],
        ..FrontPage::default()
    };
    page.costs.total = Some(Fen(yuan * 100));
    if status == Status::Final {
        page.discharged_at = Some(time::instant(date(2026, 3, 8).at(8, 0, 0, 0)));
    }
    page
}

const TODAY: Date = date(2026, 3, 10);

#[test]
fn a_planned_day_case_is_paid_by_its_group_and_no_very_short_stay() {
    let definitions = definitions();
    let paid = |entry: &str, code: &str| {
        let mut page = infarction(Status::Final, 30_000);
        page.discharged_at = Some(time::instant(date(2026, 3, 1).at(20, 0, 0, 0)));
        page.extra.insert(entry.into(), code.into());
        let assessed = assess(&page, &definitions, &hospital(InstitutionKind::LeadHospital), TODAY).unwrap();
        assert_eq!(assessed.stay_days, Some(1));
        (assessed.pay().unwrap(), Fen(assessed.standard.unwrap().amount.0))
    };
    // The national table says it in B38, the settlement list in its kind of inpatient care.
    for (entry, code) in [("day_surgery", "1"), ("ipt_med_type", "2")] {
        let (pay, standard) = paid(entry, code);
        assert_eq!(pay, standard, "{entry} {code}");
    }
    for (entry, code) in [("day_surgery", "2"), ("ipt_med_type", "1"), ("other", "1")] {
        assert_eq!(paid(entry, code).0, Fen(3_000_000), "{entry} {code}: at cost, as a stay of a single day");
    }
}

#[test]
fn a_finished_stay_has_group_weight_and_the_price_of_its_tier() {
    let definitions = definitions();
    let page = infarction(Status::Final, 30_000);
    let assessed = assess(&page, &definitions, &hospital(InstitutionKind::LeadHospital), TODAY).unwrap();
    assert!(assessed.drg.starts_with('F'), "{}", assessed.drg);
    let weight = assessed.weight_e6().unwrap();
    let standard = assessed.standard.as_ref().unwrap();
    // weight × 11 519 yuan × 1.01, half away from zero
    let exact = i128::from(weight) * 1_151_900 * 101;
    assert_eq!(i128::from(standard.amount.0), (exact + 50_000_000) / 100_000_000);
    let ratio = 3_000_000.0 / standard.amount.0 as f64;
    assert!((0.4..=2.0).contains(&ratio), "the case is meant for the normal tier, not {ratio}");
    assert_eq!(assessed.pay(), Some(Fen(standard.amount.0)));
    assert_eq!(assessed.balance(), Some(Fen(standard.amount.0 - 3_000_000)));
    assert_eq!((assessed.stay_days, assessed.level), (Some(7), "3"));
}

#[test]
fn a_stay_that_is_not_over_is_not_paid_as_a_cheap_one() {
    let definitions = definitions();
    let hospital = hospital(InstitutionKind::LeadHospital);
    let page = infarction(Status::Draft, 1_000);
    let open = assess(&page, &definitions, &hospital, TODAY).unwrap();
    assert_eq!(open.pay(), open.standard.as_ref().map(|standard| Fen(standard.amount.0)));
    assert_eq!(open.stay_days, Some(9), "from 1 to 10 March");
    let closed = infarction(Status::Final, 1_000);
    let closed = assess(&closed, &definitions, &hospital, TODAY).unwrap();
    assert_eq!(closed.pay(), Some(Fen(100_000)), "a low multiple is paid at cost");
}

#[test]
fn the_same_stay_is_worth_less_at_a_lower_level_and_by_the_other_insurance() {
    let definitions = definitions();
    let mut page = infarction(Status::Final, 30_000);
    let lead = assess(&page, &definitions, &hospital(InstitutionKind::LeadHospital), TODAY).unwrap().pay();
    let member = assess(&page, &definitions, &hospital(InstitutionKind::MemberHospital), TODAY).unwrap().pay();
    assert!(member < lead);
    page.insurance_type = "2".into();
    let resident = assess(&page, &definitions, &hospital(InstitutionKind::LeadHospital), TODAY).unwrap().pay();
    assert!(resident < lead);
}

#[test]
fn why_there_is_no_price_is_named() {
    let definitions = definitions();
    let of = |page: &FrontPage, kind| {
        let assessed = assess(page, &definitions, &hospital(kind), TODAY).unwrap();
        (assessed.drg.to_owned(), assessed.priced.err().map(|unpriced| unpriced.key()))
    };
    let mut page = infarction(Status::Final, 30_000);
    let (drg, none) = of(&page, InstitutionKind::LeadHospital);
    assert_eq!(none, None);
    assert_eq!(of(&page, InstitutionKind::VillagePost), (drg.clone(), Some("no_level")));
    page.costs.self_paid = Some(Fen(4_000_000));
    assert_eq!(of(&page, InstitutionKind::LeadHospital).1, Some("refused"), "more was paid than it cost");
    page.costs.self_paid = None;
    page.costs.total = None;
    assert_eq!(of(&page, InstitutionKind::LeadHospital).1, Some("no_cost"));
    page.costs.items.insert(CostItem::Nursing, Fen(2_500_000));
    assert_eq!(of(&page, InstitutionKind::LeadHospital).1, None, "the items are the cost");
    page.insurance_type = "9".into();
    assert_eq!(of(&page, InstitutionKind::LeadHospital), (drg, Some("no_insurance")), "it groups all the same");
    page.insurance_type = "1".into();
    page.discharged_at = Some(time::instant(date(2020, 1, 8).at(8, 0, 0, 0)));
    assert_eq!(of(&page, InstitutionKind::LeadHospital).1, Some("no_pack"));
}

#[test]
fn parts_of_the_cost_are_known_only_with_items() {
    let definitions = definitions();
    let hospital = hospital(InstitutionKind::LeadHospital);
    let mut page = infarction(Status::Final, 30_000);
    let bare = assess(&page, &definitions, &hospital, TODAY).unwrap();
    assert_eq!((bare.drug_cost, bare.consumable_cost), (None, None));
    page.costs.items.insert(CostItem::WesternDrugs, Fen(500));
    page.costs.items.insert(CostItem::Antibacterials, Fen(200));
    page.costs.items.insert(CostItem::SurgicalConsumables, Fen(900));
    let full = assess(&page, &definitions, &hospital, TODAY).unwrap();
    assert_eq!((full.drug_cost, full.consumable_cost), (Some(Fen(500)), Some(Fen(900))), "a part is not added twice");
}

#[test]
fn settings_that_name_what_is_not_there_are_refused() {
    for (from, to, word) in [
        ("payment_region = \"320400\"", "payment_region = \"999999\"", "999999"),
        ("scheme = \"changzhou_2022\"", "scheme = \"nowhere\"", "nowhere"),
        ("division_code = \"\"", "division_code = \"99\"", "division_code"),
        ("kind = \"lead_hospital\"\n", "", "level"),
        ("norm_months = 12", "norm_months = 0", "norm_months"),
        ("norm_months = 12", "norm_mouths = 12", "norm_mouths"),
    ] {
        let mut files = files();
        let settings = files.iter_mut().find(|file| file.path == "drg/settings.toml").unwrap();
        assert!(settings.text.contains(from), "{from}");
        settings.text = settings.text.replacen(from, to, 1);
        let faults = Definitions::load(&files, &find).err().unwrap_or_default();
        assert!(faults.iter().any(|fault| fault.message.contains(word)), "{to}: {faults:?}");
    }
    assert!(Definitions::load(&[], &find).is_err());
}
