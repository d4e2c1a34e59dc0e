//! Cases of the figures, each with its answer sheet worked out by hand.

use yiti_kernel::civil::date;

use super::*;

fn stay(drg: &str, cost: i64, days: u32) -> Stay {
    Stay {
        id: FrontPageId::fresh(),
        institution: InstitutionId(yiti_kernel::Uuid::from_u128(1)),
        department: "A".into(),
        physician: "P".into(),
        insurance: "employee".into(),
        scheme: "s".into(),
        mdc: drg.chars().take(1).collect(),
        drg: drg.into(),
        outcome: "drg".into(),
        unpriced: String::new(),
        discharged_on: date(2026, 3, 1),
        is_dead: false,
        stay_days: Some(days),
        weight_e6: Some(1_000_000),
        pay: Some(Fen(1000)),
        cost: Some(Fen(cost)),
        drug_cost: Some(Fen(cost / 4)),
        consumable_cost: Some(Fen(0)),
    }
}

fn sum(drg: &str, stays: u64, deaths: u64, cost: i64, days: i64) -> GroupSum {
    GroupSum {
        scheme: "s".into(),
        drg: drg.into(),
        is_grouped: true,
        stays,
        deaths,
        cost: (stays, cost),
        days: (stays, days),
        ..GroupSum::default()
    }
}

fn yardstick(sums: &[GroupSum]) -> Yardstick {
    Yardstick { reference: Reference::of(sums, 1), bands: Bands::of(sums) }
}

#[test]
fn the_two_forms_of_an_index_are_what_their_documents_say() {
    // Means before: AA1 1000 fen and 5 days, BB1 4000 fen and 10 days.
    let yardstick = yardstick(&[sum("AA1", 10, 0, 10_000, 50), sum("BB1", 5, 0, 20_000, 50)]);
    // Own: AA1 two stays of 1200 and 1400, mean 1300; BB1 one stay of 3000.
    let stays = [stay("AA1", 1200, 5), stay("AA1", 1400, 7), stay("BB1", 3000, 6)];
    let total = Total::of(stays.iter(), &yardstick);
    // (2 * 1300/1000 + 1 * 3000/4000) / 3 = (2.6 + 0.75) / 3 = 1.116666...
    assert_eq!(total.cost_ratio_e6(), Some(1_116_667));
    // (1200 + 1400 + 3000) / (2 * 1000 + 4000) = 5600 / 6000 = 0.9333...
    assert_eq!(total.cost_observed_e6(), Some(933_333));
    // (2 * 6/5 + 6/10) / 3 = (2.4 + 0.6) / 3 = 1; (5 + 7 + 6) / (5 + 5 + 10) = 0.9
    assert_eq!((total.time_ratio_e6(), total.time_observed_e6()), (Some(1_000_000), Some(900_000)));
}

#[test]
fn stays_without_cost_or_reference_are_left_out_of_the_index_and_counted() {
    let yardstick = yardstick(&[sum("AA1", 10, 0, 10_000, 50)]);
    let unknown = Stay { cost: None, ..stay("AA1", 1, 5) };
    let ungrouped = Stay { outcome: "ungrouped".into(), ..stay("0000", 900, 3) };
    let stays = [stay("AA1", 2000, 5), unknown, stay("ZZ1", 700, 4), ungrouped];
    let total = Total::of(stays.iter(), &yardstick);
    assert_eq!((total.cost_index.stays, total.cost_index.left_out), (1, 2), "0000 is not in it at all");
    assert_eq!((total.time_index.stays, total.time_index.left_out), (2, 1));
    assert_eq!((total.cost_ratio_e6(), total.cost_observed_e6()), (Some(2_000_000), Some(2_000_000)));
    assert_eq!((total.stays, total.grouped, total.groups), (4, 3, 2));
    let none = Total::of([].iter(), &yardstick);
    assert_eq!((none.cost_ratio_e6(), none.cmi_e6(), none.balance(), none.drug_share_e6()), (None, None, None, None));
}

#[test]
fn groups_with_too_few_stays_are_no_reference_and_published_means_go_before() {
    let sums = [sum("AA1", 4, 0, 4000, 20), sum("BB1", 5, 0, 20_000, 50)];
    let mut reference = Reference::of(&sums, 5);
    assert_eq!(reference.group_count(), 1);
    reference.publish("s", "BB1", Fen(8000), 1250);
    let yardstick = Yardstick { reference, bands: Bands::default() };
    let total = Total::of([stay("BB1", 4000, 25)].iter(), &yardstick);
    assert_eq!((total.cost_ratio_e6(), total.time_ratio_e6()), (Some(500_000), Some(2_000_000)));
}

#[test]
fn case_mix_means_and_shares_are_exact_and_rounded_once() {
    let yardstick = Yardstick::default();
    let light = Stay { weight_e6: Some(512_345), ..stay("AA1", 1001, 4) };
    let heavy = Stay { weight_e6: Some(2_000_000), ..stay("BB1", 1002, 5) };
    let unweighted = Stay { weight_e6: None, drug_cost: None, stay_days: None, ..stay("CC1", 1000, 1) };
    let total = Total::of([light, heavy, unweighted].iter(), &yardstick);
    assert_eq!((total.weighted, total.weight_e6), (2, 2_512_345));
    assert_eq!(total.cmi_e6(), Some(1_256_173), "1256172.5 rounds up");
    assert_eq!(total.cost_mean(), Some(Fen(1001)));
    assert_eq!(total.days_mean_e2(), Some(450));
    // Drugs 250 + 250 of 2003.
    assert_eq!((total.itemised, total.drug_share_e6()), (2, Some(249_626)));
    assert_eq!(total.consumable_share_e6(), Some(0), "zero is known to be zero");
}

#[test]
fn gain_and_loss_are_summed_apart() {
    let priced = |pay: Option<i64>, cost: i64| Stay { pay: pay.map(Fen), ..stay("AA1", cost, 3) };
    let stays = [priced(Some(1000), 700), priced(Some(1000), 1600), priced(Some(1000), 1000), priced(None, 9999)];
    let total = Total::of(stays.iter(), &Yardstick::default());
    assert_eq!((total.priced, total.losses, total.gains()), (3, 1, 2));
    assert_eq!((total.balance(), total.gain(), total.loss), (Some(Fen(-300)), Some(Fen(300)), -600));
}

#[test]
fn risk_bands_follow_the_logarithm_of_mortality() {
    // Mortalities 0.001, 0.01, 0.01, 0.1: ln is -6.908, -4.605, -4.605, -2.303; mean -4.605, SD 1.628.
    let sums = [
        sum("AA1", 1000, 1, 1, 1),
        sum("BB1", 100, 1, 1, 1),
        sum("CC1", 200, 2, 1, 1),
        sum("DD1", 10, 1, 1, 1),
        sum("EE1", 50, 0, 1, 1),
    ];
    let bands = Bands::of(&sums);
    assert_eq!(bands.deadly_group_count, 4);
    let near = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 0.001;
    assert!(near(bands.ln_mean, -4.605) && near(bands.ln_deviation, 1.628));
    let of = |drg: &str| bands.of_group("s", drg);
    assert_eq!((of("AA1"), of("DD1"), of("EE1"), of("ZZ1")), (Some(1), Some(4), Some(0), None));
    assert!(matches!(of("BB1"), Some(2 | 3)) && of("BB1") == of("CC1"), "at the mean");
    let dead = Stay { is_dead: true, ..stay("AA1", 1, 1) };
    let stays = [stay("AA1", 1, 1), dead, stay("DD1", 1, 1), stay("ZZ1", 1, 1)];
    let total = Total::of(stays.iter(), &Yardstick { reference: Reference::default(), bands });
    assert_eq!(total.bands[1], BandCount { stays: 2, deaths: 1 });
    assert_eq!((total.bands[4].stays, total.unbanded, total.deaths), (1, 1, 1));
    assert_eq!(total.low_risk_mortality_e6(), Some(500_000));
}

#[test]
fn with_one_deadly_group_only_groups_without_deaths_have_a_band() {
    let bands = Bands::of(&[sum("AA1", 10, 1, 1, 1), sum("BB1", 10, 0, 1, 1)]);
    assert_eq!((bands.of_group("s", "AA1"), bands.of_group("s", "BB1")), (None, Some(0)));
    assert_eq!(bands.ln_mean, None);
}

#[test]
fn every_figure_counts_the_stays_that_its_list_takes() {
    let yardstick = yardstick(&[sum("AA1", 1000, 1, 1000, 5), sum("BB1", 10, 1, 4000, 50), sum("EE1", 5, 0, 5, 5)]);
    let mut stays = Vec::new();
    for n in 0..240 {
        let drg = ["AA1", "BB1", "EE1", "ZZ1", "0000"][n % 5];
        let outcome = if drg == "0000" { "ungrouped" } else { "drg" };
        stays.push(Stay {
            outcome: outcome.into(),
            is_dead: n % 11 == 0,
            cost: (n % 7 != 0).then_some(Fen(900 + i64::try_from(n).unwrap())),
            pay: (n % 13 != 0).then_some(Fen(1000)),
            drug_cost: (n % 3 != 0).then_some(Fen(10)),
            stay_days: (n % 17 != 0).then_some(4),
            weight_e6: (n % 19 != 0).then_some(700_000),
            ..stay(drg, 0, 1)
        });
    }
    let sums: Vec<GroupSum> = stays.iter().map(GroupSum::of).collect();
    let (total, lines) = split(&sums, &[By::Drg, By::Department], &yardstick);
    assert_eq!(total, Total::of(stays.iter(), &yardstick));
    assert_eq!((lines[0].len(), lines[1].len()), (5, 1));
    assert_eq!(lines[0].values().map(|line| line.stays).sum::<u64>(), 240);
    let taken = |figure: Figure| {
        let count =
            |wanted: bool| stays.iter().filter(|stay| figure.takes(stay, &yardstick) == Some(wanted)).count() as u64;
        (count(true), count(false))
    };
    let out = |counted: u64| (counted, 240 - counted);
    assert_eq!(taken(Figure::Groups), out(total.grouped));
    assert_eq!(taken(Figure::Weight), out(total.weighted));
    assert_eq!(taken(Figure::CostIndex), (total.cost_index.stays, total.cost_index.left_out));
    assert_eq!(taken(Figure::TimeIndex), (total.time_index.stays, total.time_index.left_out));
    assert_eq!(taken(Figure::Shares), out(total.itemised));
    assert_eq!(taken(Figure::Balance), out(total.priced));
    assert_eq!((taken(Figure::Loss).0, taken(Figure::Gain).0), (total.losses, total.gains()));
    for (band, count) in (0u8..).zip(total.bands) {
        assert_eq!((taken(Figure::Band(band)).0, taken(Figure::Deaths(band)).0), (count.stays, count.deaths));
    }
    assert_eq!(taken(Figure::Unbanded).0, total.unbanded);
    for figure in Figure::ALL {
        assert_eq!(Figure::from_key(figure.key()), Some(figure));
    }
}

#[test]
fn sums_by_group_come_to_the_same_as_single_stays() {
    let yardstick = yardstick(&[sum("AA1", 10, 1, 10_000, 50), sum("BB1", 5, 0, 20_000, 50)]);
    let stays =
        [stay("AA1", 1200, 5), stay("AA1", 1400, 7), stay("BB1", 3000, 6), Stay { cost: None, ..stay("BB1", 0, 2) }];
    let full = |drg: &str, weights: (u64, i64), cost, days, items, priced, loss, stays| GroupSum {
        weight: weights,
        cost,
        days,
        items,
        priced,
        loss,
        ..sum(drg, stays, 0, 0, 0)
    };
    let sums = [
        full("AA1", (2, 2_000_000), (2, 2600), (2, 12), (2, 2600, 650, 0), (2, 2000, 2600), (2, -600), 2),
        full("BB1", (2, 2_000_000), (1, 3000), (2, 8), (1, 3000, 750, 0), (1, 1000, 3000), (1, -2000), 2),
    ];
    let (one, other) = (Total::of(stays.iter(), &yardstick), Total::of_groups(&sums, &yardstick));
    assert_eq!(one, other);
}
