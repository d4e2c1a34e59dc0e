//! Years cleared by hand, by points and by rates.

use drg_payment::{ClearingTerms, Fen, InstitutionYear, SettlementFault, Sums, apportioned, clear_points, clear_rates};

fn terms(reserve: &str, kept: &str, borne: &str, up_to: &str) -> ClearingTerms {
    let number = |text: &str| text.parse().unwrap();
    ClearingTerms {
        reserve_share: number(reserve),
        surplus_kept_share: number(kept),
        overspend_borne_share: number(borne),
        overspend_borne_up_to: number(up_to),
    }
}

fn year(institution: &str, sums: Sums) -> InstitutionYear {
    InstitutionYear { institution: institution.into(), sums }
}

#[test]
fn a_sum_is_distributed_to_the_last_fen_by_largest_remainder() {
    let parts = |total, weights: &[i64]| apportioned(Fen(total), weights).unwrap().iter().map(|fen| fen.0).collect();
    let [one, two, three]: [Vec<i64>; 3] = [parts(100, &[1, 1, 1]), parts(10, &[5, 3, 1]), parts(7, &[0, 2, 0])];
    assert_eq!((one, two, three), (vec![34, 33, 33], vec![6, 3, 1], vec![0, 7, 0]));
    assert!(apportioned(Fen(-1), &[1]).is_err());
    assert!(apportioned(Fen(1), &[0, 0]).is_err());
    assert!(apportioned(Fen(1), &[]).is_err());
    assert_eq!(apportioned(Fen(i64::MAX), &[i64::MAX, i64::MAX]).unwrap(), [Fen(i64::MAX / 2 + 1), Fen(i64::MAX / 2)]);
}

/// Three hospitals, budget 1000.00, patients 200.00, 300 points: a point is worth 4.00 yuan.
#[test]
fn points_share_the_budget_and_the_patients_parts() {
    let sums = |points: i64, patient, prepaid| Sums {
        points_e6: points * 1_000_000,
        patient: Fen(patient),
        prepaid: Fen(prepaid),
        ..Sums::default()
    };
    let years =
        [year("c", sums(50, 5_000, 14_000)), year("a", sums(150, 10_000, 50_000)), year("b", sums(100, 5_000, 36_000))];
    let cleared = clear_points(Fen(100_000), &terms("0", "1", "0", "0"), &years).unwrap();
    assert_eq!(cleared.point_value.unwrap().to_string(), "4");
    let rows: Vec<_> = cleared.rows.iter().map(|row| (row.institution.as_str(), row.fund.0, row.due.0)).collect();
    assert_eq!(rows, [("a", 50_000, 0), ("b", 35_000, -1_000), ("c", 15_000, 1_000)]);
    let reserved = clear_points(Fen(100_000), &terms("0.05", "1", "0", "0"), &years).unwrap();
    assert_eq!((reserved.reserve, reserved.left), (Fen(5_000), Fen(0)));
    assert_eq!(Fen::sum(reserved.rows.iter().map(|row| row.fund)).unwrap(), Fen(95_000));
    let empty = [year("a", Sums::default())];
    assert_eq!(clear_points(Fen(1), &terms("0", "1", "0", "0"), &empty), Err(SettlementFault::NoPoints));
}

/// One hospital saved 200.00 of 1000.00 owed, another overspent 300.00 of 1000.00.
#[test]
fn saving_is_kept_and_overspending_borne_by_the_terms() {
    let sums = |fund, cost| Sums { fund: Fen(fund), cost: Fen(cost), ..Sums::default() };
    let years = [year("saver", sums(100_000, 80_000)), year("spender", sums(100_000, 130_000))];
    let funds = |budget, terms: &ClearingTerms| {
        let cleared = clear_rates(Fen(budget), terms, &years).unwrap();
        (cleared.rows[0].fund.0, cleared.rows[1].fund.0, cleared.left.0)
    };
    assert_eq!(funds(300_000, &terms("0", "1", "0", "0")), (100_000, 100_000, 100_000));
    assert_eq!(funds(300_000, &terms("0", "0.5", "0", "0")), (90_000, 100_000, 110_000));
    // Half of the overspending is borne, up to a tenth of what was owed: half of 100.00.
    assert_eq!(funds(300_000, &terms("0", "1", "0.5", "0.1")), (100_000, 105_000, 95_000));
    // The budget does not suffice: in proportion, nothing left.
    assert_eq!(funds(150_001, &terms("0", "1", "0", "0")), (75_001, 75_000, 0));
    let cleared = clear_rates(Fen(300_000), &terms("0", "1", "0", "0"), &years).unwrap();
    assert_eq!((cleared.rows[0].saved, cleared.rows[1].saved), (Fen(20_000), Fen(-30_000)));
}

/// One institution owes the fund 100.00: what it pays back is there for the others, and nothing is left.
#[test]
fn what_an_institution_owes_the_fund_goes_to_the_others() {
    let sums = |fund| Sums { fund: Fen(fund), ..Sums::default() };
    let years = [year("a", sums(-10_000)), year("b", sums(60_000)), year("c", sums(20_000))];
    let cleared = clear_rates(Fen(50_000), &terms("0", "1", "0", "0"), &years).unwrap();
    let funds: Vec<i64> = cleared.rows.iter().map(|row| row.fund.0).collect();
    assert_eq!((funds, cleared.left), (vec![-10_000, 45_000, 15_000], Fen(0)));
}

#[test]
fn what_cannot_be_cleared_is_refused() {
    let good = terms("0", "1", "0", "0");
    let points = |points| Sums { points_e6: points, ..Sums::default() };
    let clear = |years: &[InstitutionYear]| clear_points(Fen(100), &good, years).unwrap_err();
    assert!(matches!(clear(&[year("a", points(1)), year("a", points(1))]), SettlementFault::Twice { .. }));
    assert!(matches!(clear(&[year("a", points(-1))]), SettlementFault::Negative { field: "points_e6", .. }));
    assert!(matches!(clear(&[year("", points(1))]), SettlementFault::Text { .. }));
    assert_eq!(clear_rates(Fen(-1), &good, &[]), Err(SettlementFault::NoBudget));
    assert!(matches!(clear_rates(Fen(1), &terms("2", "1", "0", "0"), &[]), Err(SettlementFault::Share { .. })));
}
