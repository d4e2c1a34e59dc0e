//! Properties that hold for all cases, also for hostile ones.

use drg_payment::{
    By, Case, ClearingTerms, Delta, Exact, Fen, File, Flags, Hash, InstitutionYear, Insurance, Month, Pack, Run,
    SettledCase, Sums, apportioned, clear_points, clear_rates,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::shipped::{case, pack, text};

fn share_e4() -> impl Strategy<Value = Exact> {
    (0_i64..=10_000).prop_map(|share| Exact::ratio(i128::from(share), 10_000).unwrap())
}

fn month() -> Month {
    "2023-03".parse().unwrap()
}

/// Cases with ids of their own; amounts up to `limit`.
fn cases(limit: i64) -> impl Strategy<Value = Vec<SettledCase>> {
    let hash: Hash = "0123456789abcdef".repeat(4).parse().unwrap();
    let one = (0..3_u8, any::<bool>(), 0..3_u8, 0..=limit, 0..=limit, 0..=limit, 0..=limit);
    vec(prop::option::of(one), 0..12).prop_map(move |rows| {
        let cases = rows.into_iter().enumerate().filter_map(|(at, row)| Some((at, row?)));
        let case = |(at, (institution, resident, drg, points, cost, patient, pay))| SettledCase {
            case: format!("case-{at}"),
            institution: format!("institution-{institution}"),
            insurance: if resident { Insurance::Resident } else { Insurance::Employee },
            drg: format!("DR1{drg}"),
            basis: "tier:normal".into(),
            points_e6: points,
            standard: Fen(pay),
            cost: Fen(cost),
            patient: Fen(patient),
            pay: Fen(pay),
            fund: Fen(pay.saturating_sub(patient)),
            pack: hash,
        };
        cases.map(case).collect()
    })
}

const BYS: [By; 4] = [
    By { institution: false, insurance: false, drg: false },
    By { institution: true, insurance: false, drg: false },
    By { institution: true, insurance: true, drg: false },
    By { institution: true, insurance: true, drg: true },
];

/// Fractions of moderate size.
fn exact() -> impl Strategy<Value = Exact> {
    (any::<i64>(), 1_i64..1 << 31).prop_map(|(above, over)| Exact::ratio(above.into(), over.into()).unwrap())
}

proptest! {
    #[test]
    fn exact_numbers_obey_the_rules_of_fractions(a in exact(), b in exact(), places in 0_u32..4) {
        prop_assert_eq!(a.plus(b).unwrap().minus(b).unwrap(), a);
        prop_assert_eq!(a.plus(b).unwrap(), b.plus(a).unwrap());
        if let Ok(product) = a.times(b)
            && !b.is_zero()
        {
            prop_assert_eq!(product.divided_by(b).unwrap(), a);
        }
        prop_assert_eq!(a < b, a.minus(b).unwrap().is_negative());
        prop_assert_eq!(a == b, a.minus(b).unwrap().is_zero());
        if let Ok(rounded) = a.rounded(places) {
            // Twice the distance from the number is at most one unit of the last place.
            let unit = 10_i128.pow(places);
            let off = a.minus(Exact::ratio(rounded.into(), unit).unwrap()).unwrap().times(Exact::whole(2)).unwrap();
            let bound = Exact::ratio(1, unit).unwrap();
            prop_assert!(off <= bound && Exact::ZERO.minus(off).unwrap() <= bound);
        }
        prop_assert!(!a.to_string().is_empty());
    }

    #[test]
    fn delta_is_new_less_old(old in cases(1 << 40), new in cases(1 << 40), share in share_e4()) {
        let (old, new) = (Run::settle(month(), share, old).unwrap(), Run::settle(month(), share, new).unwrap());
        let delta = Delta::between(&old, &new).unwrap();
        for by in BYS {
            prop_assert_eq!(delta.onto(&old, by).unwrap(), new.totals(by).unwrap());
        }
        let back = Delta::between(&new, &old).unwrap();
        for by in BYS {
            for (key, there) in delta.totals(by).unwrap() {
                let here = back.totals(by).unwrap().get(&key).copied().unwrap_or_default();
                prop_assert_eq!(there.plus(here).unwrap(), Sums::default());
            }
        }
    }

    #[test]
    fn the_order_of_cases_never_matters(cases in cases(1 << 40), share in share_e4(), seed in any::<u64>()) {
        let run = Run::settle(month(), share, cases.clone()).unwrap();
        let mut shuffled = cases;
        shuffled.sort_by_key(|case| Hasher(seed).of(&case.case));
        let again = Run::settle(month(), share, shuffled).unwrap();
        prop_assert_eq!(&again, &run);
        prop_assert_eq!(again.frozen(), run.frozen());
    }

    #[test]
    fn what_is_paid_and_kept_is_what_is_owed(cases in cases(1 << 40), share in share_e4()) {
        let run = Run::settle(month(), share, cases).unwrap();
        for line in run.lines() {
            prop_assert_eq!(line.prepaid.plus(line.retained).unwrap(), line.case.fund);
        }
        for sums in run.totals(BYS[2]).unwrap().values() {
            prop_assert_eq!(sums.prepaid.plus(sums.retained).unwrap(), sums.fund);
        }
    }

    #[test]
    fn a_frozen_run_reads_back(cases in cases(i64::MAX / 16), share in share_e4()) {
        let run = Run::settle(month(), share, cases).unwrap();
        prop_assert_eq!(Run::thawed(File { name: "run", text: &run.frozen().text }).unwrap(), run);
    }

    #[test]
    fn a_changed_frozen_run_is_refused(
        cases in cases(1 << 40),
        at in any::<prop::sample::Index>(),
        byte in 0x20_u8..0x7f,
    ) {
        let frozen = Run::settle(month(), Exact::ONE, cases).unwrap().frozen();
        let mut bytes = frozen.text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(Run::thawed(File { name: "run", text: &text }).is_ok(), text == frozen.text);
    }

    #[test]
    fn hostile_amounts_are_settled_or_refused(cases in cases(i64::MAX), share in share_e4()) {
        if let Ok(run) = Run::settle(month(), share, cases.clone()) {
            let _ = Delta::between(&Run::settle(month(), share, Vec::new()).unwrap(), &run);
        }
    }

    #[test]
    fn parts_sum_to_the_whole(total in 0..=i64::MAX, weights in vec(0..=i64::MAX, 1..20)) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let parts = apportioned(Fen(total), &weights).unwrap();
        prop_assert_eq!(parts.iter().map(|part| i128::from(part.0)).sum::<i128>(), i128::from(total));
        let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        for (part, weight) in parts.iter().zip(&weights) {
            // Each part is its exact part, rounded down or up.
            let exact = i128::from(total) * i128::from(*weight);
            let part = i128::from(part.0);
            prop_assert!(part * whole > exact - whole && part * whole < exact + whole);
        }
    }

    #[test]
    fn a_cleared_year_balances_to_the_fen(
        budget in 0..=(1_i64 << 50),
        rows in vec((0..=(1_i64 << 40), 0..=(1_i64 << 40), 0..=(1_i64 << 40), -(1_i64 << 40)..=(1_i64 << 40)), 1..12),
        shares in [share_e4(), share_e4(), share_e4(), share_e4()],
        turned in any::<bool>(),
    ) {
        let [reserve_share, surplus_kept_share, overspend_borne_share, overspend_borne_up_to] = shares;
        let terms = ClearingTerms { reserve_share, surplus_kept_share, overspend_borne_share, overspend_borne_up_to };
        let mut years: Vec<InstitutionYear> = rows.iter().enumerate().map(|(at, (points_e6, patient, cost, fund))| {
            let (patient, cost, fund) = (Fen(*patient), Fen(*cost), Fen(*fund));
            let sums = Sums { points_e6: *points_e6, patient, cost, fund, prepaid: fund, ..Sums::default() };
            InstitutionYear { institution: format!("institution-{at}"), sums }
        }).collect();
        let points = clear_points(Fen(budget), &terms, &years);
        let rates = clear_rates(Fen(budget), &terms, &years).unwrap();
        prop_assert_eq!(points.is_err(), rows.iter().all(|row| row.0 == 0));
        if turned {
            years.reverse();
            prop_assert_eq!(&clear_points(Fen(budget), &terms, &years), &points);
            prop_assert_eq!(&clear_rates(Fen(budget), &terms, &years).unwrap(), &rates);
        }
        for cleared in points.into_iter().chain([rates]) {
            let paid = Fen::sum(cleared.rows.iter().map(|row| row.fund)).unwrap();
            prop_assert_eq!(Fen::sum([cleared.reserve, paid, cleared.left]).unwrap(), Fen(budget));
            prop_assert!(cleared.left >= Fen(0));
            for row in &cleared.rows {
                prop_assert_eq!(row.prepaid.plus(row.due).unwrap(), row.fund);
            }
        }
    }

    #[test]
    fn hostile_cases_are_priced_or_refused(
        id in prop::sample::select(vec!["changzhou_2022", "wuxi_2022", "beijing_2022", "yancheng_2023"]),
        drg in "(ES25|0000|BQY|AA19|.{0,12})",
        level in "(3|2|\\*|.{0,5})",
        amounts in (any::<i64>(), any::<i64>()),
        stay_days in any::<u32>(),
        flags in any::<[bool; 3]>(),
    ) {
        let pack = PACKS.with(|packs| packs.iter().find(|pack| pack.id() == id).unwrap().clone());
        let flags = Flags { day_case: flags[0], review_granted: flags[1], per_diem: flags[2] };
        let (cost, patient) = (Fen(amounts.0), Fen(amounts.1));
        let case = Case { level: &level, stay_days, cost, patient, flags, ..case(&drg, 0) };
        let worth = pack.worth(&case);
        prop_assert_eq!(&worth, &pack.price(&case).map(|priced| drg_payment::Priced { steps: Vec::new(), ..priced }));
        if let Ok(priced) = worth {
            prop_assert!(priced.pay >= Fen(0));
            prop_assert_eq!(priced.pay.minus(case.patient).unwrap(), priced.fund);
            prop_assert_eq!(priced.pay.minus(case.cost).unwrap(), priced.gain);
        }
    }

    /// Within a tier table that pays no less for more, a dearer stay is never worth less once it is above the low tier.
    #[test]
    fn a_dearer_stay_is_not_worth_less(costs in (30_0000_i64..100_000_000, 0_i64..100_000_000)) {
        let pack = PACKS.with(|packs| packs[0].clone());
        // AE19 is worth 262589.49: both costs lie above 0.4 of it.
        let (low, high) = (costs.0 + 10_600_000, costs.0 + 10_600_000 + costs.1);
        let pay = |cost| pack.price(&case("AE19", cost)).unwrap().pay;
        prop_assert!(pay(low) <= pay(high));
    }

    #[test]
    fn broken_files_are_refused_without_a_panic(
        which in 0..3_usize,
        at in any::<prop::sample::Index>(),
        junk in ".{0,8}",
    ) {
        let mut texts = [text("suzhou_2023.toml"), text("suzhou_2023.csv"), text("defaults.toml")];
        let mut cut = at.index(texts[which].len());
        while !texts[which].is_char_boundary(cut) {
            cut -= 1;
        }
        texts[which].insert_str(cut, &junk);
        texts[which].truncate(cut + junk.len());
        let [head, groups, defaults] = &texts;
        let file = |name, text| File { name, text };
        let _ = Pack::read(file("head", head), file("groups", groups), file("defaults", defaults));
    }
}

thread_local! {
    static PACKS: Vec<Pack> = ["changzhou_2022", "wuxi_2022", "beijing_2022", "yancheng_2023"].map(pack).to_vec();
}

/// A cheap order that depends on a seed.
struct Hasher(u64);

impl Hasher {
    fn of(&self, text: &str) -> u64 {
        text.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}
