//! Prices against cases worked out by hand, one just inside and one just outside each edge.

use drg_payment::{Basis, Case, Evidence, Fen, Flags, Insurance, Kind, Pack, Rate, Refused, Words};

use crate::shipped::{case, changed, pack};

/// Rates of 11519 and 9849 yuan, coefficients 1.01 and 0.91, 20 base groups.
fn changzhou() -> Pack {
    pack("changzhou_2022")
}

fn with_rules(rules: &str) -> Pack {
    let provenance = "[rules.provenance]\nsource = \"contract\"\nevidence = \"stated\"\n\
                      review = { checked_on = 2026-11-22, next = 2027-11-22 }\n";
    let head = |head: String| head.replace("[origin]", &format!("{provenance}{rules}\n[origin]"));
    changed("changzhou_2022", head, |groups| groups, |defaults| defaults).unwrap()
}

#[test]
fn a_group_is_worth_weight_times_rate_times_coefficient() {
    let standard = |drg, level, insurance| changzhou().standard(drg, level, insurance).unwrap().amount;
    // 22.5705 × 11519 × 1.01 = 262589.4853..., 22.5705 × 9849 × 0.91 = 202290.1394...
    assert_eq!(standard("AE19", "3", Insurance::Employee), Fen(26_258_949));
    assert_eq!(standard("AE19", "2", Insurance::Resident), Fen(20_229_014));
    // A base group is worth the same at every level: 0.7107 × 11519.
    assert_eq!(standard("ES25", "3", Insurance::Employee), Fen(818_655));
    assert_eq!(standard("ES25", "2", Insurance::Employee), Fen(818_655));
}

#[test]
fn the_tier_follows_the_ratio_at_its_edges() {
    // Wuhan would do as well; Linyi 0000 at 0.2 × 9865 = 1973 yuan makes the edges whole: 789.20 and 3946.
    let pack = pack("linyi_2022");
    let price = |cost| pack.price(&case("0000", cost)).unwrap();
    for (cost, tier, pay) in [
        (78_919, "low", 78_919),
        (78_920, "normal", 197_300),
        (394_600, "normal", 197_300),
        (394_601, "high", 197_301),
        (500_000, "high", 302_700),
    ] {
        let priced = price(cost);
        assert_eq!((priced.basis, priced.pay), (Basis::Tier(tier.into()), Fen(pay)), "{cost}");
        assert_eq!(priced.gain, Fen(pay - cost));
    }
}

#[test]
fn a_case_is_rounded_once() {
    // 1/3 of the excess: standard 1973, cost 4000.01, excess over 2 standards 54.01, a third is 18.00333.
    let tier = |defaults: String| defaults.replace("of_excess = \"1\"", "of_excess = \"0.333333333333\"");
    let pack = changed("linyi_2022", |t| t, |t| t, tier).unwrap();
    assert_eq!(pack.price(&case("0000", 400_001)).unwrap().pay, Fen(199_100));
    let yuan = |defaults: String| defaults.replace("unit_fen = 1", "unit_fen = 100");
    let pack = changed("changzhou_2022", |t| t, |t| t, yuan).unwrap();
    assert_eq!(pack.standard("AE19", "3", Insurance::Employee).unwrap().amount, Fen(26_258_900));
}

#[test]
fn stays_outside_the_groups_are_paid_by_cost() {
    let pack = changzhou();
    let with = |stay_days, flags| Case { stay_days, flags, ..case("AE19", 1_234_567) };
    let none = Flags::default();
    let basis = |case: Case<'_>| pack.price(&case).unwrap().basis;
    assert_eq!(basis(with(1, none)), Basis::Exclusion("single_day".into()));
    assert_eq!(basis(with(2, none)), Basis::Tier("low".into()));
    assert_eq!(basis(with(60, none)), Basis::Tier("low".into()));
    assert_eq!(basis(with(61, none)), Basis::Exclusion("long_stay".into()));
    assert_eq!(basis(with(1, Flags { day_case: true, ..none })), Basis::Tier("low".into()));
    assert_eq!(basis(with(8, Flags { per_diem: true, ..none })), Basis::Exclusion("per_diem".into()));
    assert_eq!(basis(with(8, Flags { review_granted: true, ..none })), Basis::SingleReview);
    let priced = pack.price(&with(61, none)).unwrap();
    assert_eq!((priced.pay, priced.gain), (Fen(1_234_567), Fen(0)));
    // What the group would be worth is still told.
    assert_eq!(priced.standard.unwrap().amount, Fen(26_258_949));
}

#[test]
fn special_groups_are_paid_by_weight_where_the_table_has_one() {
    let wuxi = pack("wuxi_2022");
    let priced = wuxi.price(&case("BQY", 2_000_000)).unwrap();
    // 2.257 × 13060
    assert_eq!((priced.basis, priced.pay), (Basis::Tier("normal".into()), Fen(2_947_642)));
    for (drg, rule) in [("BQY", "ambiguous"), ("0000", "ungrouped")] {
        let priced = changzhou().price(&case(drg, 2_000_000)).unwrap();
        assert_eq!((priced.basis, priced.pay), (Basis::Special(rule.into()), Fen(2_000_000)));
        assert_eq!(priced.points_e6, 0);
    }
    let half = with_rules(
        "[[rules.special]]\nid = \"ungrouped\"\ncodes = [\"0000\"]\npay = { by = \"cost\", share = \"0.5\" }",
    );
    assert_eq!(half.price(&case("0000", 2_000_001)).unwrap().pay, Fen(1_000_001));
    assert!(matches!(half.price(&case("BQY", 1)), Err(Refused::UnknownGroup { .. })));
}

#[test]
fn unstable_uncovered_and_by_item_groups_are_paid_by_cost() {
    for (id, drg, level, kind) in [
        ("lanzhou_2023", "AB19", "3a", Kind::Unstable),
        ("lanzhou_2023", "AA19", "3a", Kind::Uncovered),
        ("yancheng_2023", "AA19", "3", Kind::ByItem),
        ("wulumuqi_2022", "DR13", "3", Kind::Uncovered),
    ] {
        let priced = pack(id).price(&Case { level, ..case(drg, 5_000_000) }).unwrap();
        assert_eq!((priced.basis, priced.pay), (Basis::Kind(kind), Fen(5_000_000)), "{id} {drg}");
    }
    assert_eq!(pack("wulumuqi_2022").group("DR13").unwrap().marks, ["two_weights"]);
}

#[test]
fn caps_bind_after_the_tier() {
    let pack = with_rules("[rules.cap]\nof_standard = \"1.5\"");
    // Three standards: 2 × standard by the tier, 1.5 × 262589.4853... by the cap.
    assert_eq!(pack.price(&case("AE19", 78_776_848)).unwrap().pay, Fen(39_388_423));
    let pack = with_rules("[rules.cap]\nof_cost = \"1\"");
    assert_eq!(pack.price(&case("AE19", 20_000_000)).unwrap().pay, Fen(20_000_000));
    let pack = with_rules("[rules.cap]\nyuan = \"100000\"");
    let priced = pack.price(&case("AE19", 20_000_000)).unwrap();
    assert_eq!(priced.pay, Fen(10_000_000));
    let cap = priced.steps.iter().find(|step| step.key == "step.cap").unwrap();
    assert_eq!((cap.provenance.source.as_str(), cap.is_default()), ("contract", false));
}

#[test]
fn tiers_may_depend_on_the_weight() {
    let pack = with_rules(
        "[[rules.band]]\nweight_below = \"1\"\ntier = [{ id = \"all\", pay = { of_standard = \"1\" } }]\n\
         [[rules.band]]\ntier = [{ id = \"half\", pay = { of_standard = \"0.5\", of_cost = \"0.5\" } }]",
    );
    assert_eq!(pack.price(&case("ES25", 1)).unwrap().basis, Basis::Tier("all".into()));
    let priced = pack.price(&case("AE19", 10_000_000)).unwrap();
    assert_eq!((priced.basis, priced.pay), (Basis::Tier("half".into()), Fen(18_129_474)));
}

#[test]
fn points_need_a_point_value() {
    let pack = pack("yinchuan_2023");
    let mut stay = Case { level: "3b", ..case("AH11", 7_000_000) };
    assert!(matches!(pack.price(&stay), Err(Refused::NoRate { .. })));
    let rate =
        |yuan: &str| Rate { level: None, insurance: None, kind: None, yuan: yuan.parse().unwrap(), derived: false };
    let valued = pack.with_rate(rate("0.9")).unwrap();
    assert_ne!(valued.hash(), pack.hash());
    assert_ne!(valued.hash(), pack.with_rate(rate("0.8")).unwrap().hash());
    assert!(pack.with_rate(rate("0")).is_err());
    stay.cost = Fen(7_000_000);
    let priced = valued.price(&stay).unwrap();
    // 77361.96 × 0.90752 = 70207.5259392 points, × 0.9 = 63186.77334528 yuan
    assert_eq!((priced.pay, priced.points_e6), (Fen(6_318_677), 70_207_525_939));
    stay.cost = Fen(100_000);
    let low = valued.price(&stay).unwrap();
    assert_eq!((low.pay, low.points_e6), (Fen(100_000), 1_111_111_111));
}

#[test]
fn the_fund_owes_what_the_patient_does_not_pay() {
    let stay = Case { patient: Fen(900_000), ..case("ES25", 1_000_000) };
    assert_eq!(changzhou().price(&stay).unwrap().fund, Fen(818_655 - 900_000));
    let zero = with_rules("[rules.fund]\nbelow_zero = \"zero\"");
    assert_eq!(zero.price(&stay).unwrap().fund, Fen(0));
}

#[test]
fn what_cannot_be_priced_is_refused_with_the_field() {
    let pack = changzhou();
    let good = case("ES25", 1_000_000);
    let day = |text: &str| text.parse().unwrap();
    let refused = |case: Case<'_>| pack.price(&case).unwrap_err();
    let message = |case: Case<'_>| refused(case).to_string();
    assert!(
        message(Case { discharged_on: day("2021-12-31"), ..good.clone() }).starts_with("`discharged_on` 2021-12-31")
    );
    assert!(message(Case { level: "9", ..good.clone() }).contains("the pack knows 3, 2"));
    assert!(message(Case { drg: "XX99", ..good.clone() }).contains("changzhou_2022"));
    assert!(message(Case { cost: Fen(-1), ..good.clone() }).starts_with("`cost` is -0.01"));
    assert!(message(Case { patient: Fen(-1), ..good.clone() }).starts_with("`patient` is -0.01"));
    assert!(matches!(refused(Case { patient: Fen(1_000_001), ..good.clone() }), Refused::PatientAboveCost { .. }));
    let lanzhou = Case { insurance: Insurance::Resident, level: "3a", ..good.clone() };
    assert!(matches!(crate::shipped::pack("lanzhou_2023").price(&lanzhou), Err(Refused::OtherInsurance { .. })));
    let taizhou = crate::shipped::pack("taizhou_2022");
    let without =
        taizhou.groups().find(|group| group.kind == Kind::Ordinary && group.coefficient("2").is_none()).unwrap();
    let stay = Case { level: "2", drg: &without.drg, ..good.clone() };
    assert!(matches!(taizhou.price(&stay), Err(Refused::NoCoefficient { .. })));
    assert!(matches!(pack.price(&Case { cost: Fen(i64::MAX), ..good }), Ok(_) | Err(Refused::Overflow(_))));
}

#[test]
fn every_step_has_words_in_both_languages_and_says_when_it_is_a_default() {
    let (english, chinese) = (Words::shipped("en").unwrap(), Words::shipped("zh-CN").unwrap());
    let mut keys = std::collections::BTreeSet::new();
    let capped = with_rules("[rules.cap]\nyuan = \"1\"");
    let mixed = with_rules("[[rules.band]]\ntier = [{ id = \"x\", pay = { of_standard = \"1\", of_cost = \"1\" } }]");
    let flags = Flags { review_granted: true, ..Flags::default() };
    let points = pack("yinchuan_2023");
    let value = Rate { level: None, insurance: None, kind: None, yuan: "1".parse().unwrap(), derived: false };
    let points = points.with_rate(value).unwrap();
    for (pack, case) in [
        (&changzhou(), case("AE19", 1_000)),
        (&changzhou(), case("AE19", 20_000_000)),
        (&changzhou(), case("AE19", 90_000_000)),
        (&changzhou(), case("ES25", 1_000_000)),
        (&changzhou(), case("0000", 1_000_000)),
        (&changzhou(), Case { stay_days: 61, ..case("ES25", 1_000_000) }),
        (&changzhou(), Case { flags, ..case("ES25", 1_000_000) }),
        (&pack("lanzhou_2023"), Case { level: "3a", ..case("AB19", 1_000_000) }),
        (&pack("beijing_2022"), case("AE19", 10_000_000)),
        (&points, Case { level: "3a", ..case("AH11", 7_000_000) }),
        (&capped, case("AE19", 20_000_000)),
        (&mixed, case("AE19", 20_000_000)),
    ] {
        let priced = pack.price(&case).unwrap();
        for (step, (en, zh)) in priced.steps.iter().zip(english.steps(&priced).iter().zip(chinese.steps(&priced))) {
            keys.insert(step.key);
            assert!(!en.contains('{') && !zh.contains('{'), "{en} {zh}");
            assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{zh}");
            assert_eq!(step.provenance.evidence == Evidence::Default, zh.contains("默认规则"));
        }
    }
    assert_eq!(keys.len(), 19, "{keys:?}");
}

#[test]
fn every_refusal_has_words() {
    let words = include_str!("../../words.csv");
    let errors = include_str!("../../src/error.rs");
    let keys: Vec<&str> = errors.split('"').filter(|text| text.starts_with("refused.")).collect();
    assert_eq!(keys.len(), 13);
    for key in keys {
        assert!(words.lines().any(|line| line.starts_with(&format!("{key},"))), "{key}");
    }
}
