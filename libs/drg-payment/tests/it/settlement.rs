//! A month settled by hand, frozen, read back, compared and re-run.

use drg_payment::{
    By, Case, Delta, Difference, Exact, Fen, File, Flags, Insurance, Key, Run, SettledCase, SettlementFault, Sums,
    year_of,
};

use crate::shipped::{case, pack};

fn share() -> Exact {
    "0.95".parse().unwrap()
}

/// Four stays of two institutions, priced by Changzhou.
pub(crate) fn cases() -> Vec<SettledCase> {
    let pack = pack("changzhou_2022");
    let stay = |id: &str, institution: &str, case: Case<'_>| {
        SettledCase::of(id, institution, &case, &pack.price(&case).unwrap())
    };
    let resident = |stay: Case<'static>| Case { insurance: Insurance::Resident, ..stay };
    let review = Flags { review_granted: true, ..Flags::default() };
    vec![
        stay("c1", "hospital-a", Case { patient: Fen(200_000), ..case("ES25", 900_000) }),
        stay("c2", "hospital-a", resident(case("ES25", 700_000))),
        stay("c3", "hospital-b", case("AE19", 20_000_000)),
        stay("c4", "hospital-b", Case { flags: review, ..case("ES25", 1_234_567) }),
    ]
}

fn run(cases: Vec<SettledCase>) -> Run {
    Run::settle("2023-03".parse().unwrap(), share(), cases).unwrap()
}

#[test]
fn a_month_is_settled_case_by_case() {
    let run = run(cases());
    let line = &run.lines()[0];
    // 8186.55 − 2000.00 = 6186.55; 95 % is 5877.2225, rounded 5877.22.
    assert_eq!((line.case.pay, line.case.fund), (Fen(818_655), Fen(618_655)));
    assert_eq!((line.prepaid, line.retained), (Fen(587_722), Fen(30_933)));
    let totals = run.totals(By { institution: true, ..By::default() }).unwrap();
    let key = |id: &str| Key { institution: Some(id.into()), ..Key::default() };
    // 0.7107 × 9849 = 6999.6843 for the resident.
    let a = totals[&key("hospital-a")];
    assert_eq!((a.cases, a.pay, a.patient, a.fund), (2, Fen(818_655 + 699_968), Fen(200_000), Fen(618_655 + 699_968)));
    assert_eq!((totals[&key("hospital-b")].reviews, totals[&key("hospital-b")].cases), (1, 2));
    let all = run.totals(By::default()).unwrap()[&Key::default()];
    assert_eq!(all.fund, all.prepaid.plus(all.retained).unwrap());
    assert_eq!(all.points_e6, 710_700 * 3 + 22_570_500);
    assert_eq!(run.totals(By { institution: true, insurance: true, drg: true }).unwrap().len(), 4);
}

#[test]
fn a_frozen_run_reads_back_and_any_change_is_noticed() {
    let settled = run(cases());
    let frozen = settled.frozen();
    let thaw = |text: &str| Run::thawed(File { name: "run", text });
    assert_eq!(thaw(&frozen.text).unwrap(), settled);
    assert_eq!(frozen, run(cases().into_iter().rev().collect()).frozen());
    assert_eq!(frozen.text.lines().count(), 3 + 1 + 4 + 1);
    for (from, to) in [
        ("587722", "587723"),
        ("818655", "818656"),
        ("period\t2023-03", "period\t2023-04"),
        ("hospital-a", "hospital-c"),
        ("\nline\tc2", "\nline\tc9"),
        ("prepaid_share\t0.95", "prepaid_share\t0.950"),
        ("end\t4", "end\t5"),
        ("drg-payment-run\t1", "drg-payment-run\t2"),
        ("\nend", "\nmore\t1\nend"),
        ("resident", "nobody"),
    ] {
        assert!(frozen.text.contains(from), "{from}");
        let fault = thaw(&frozen.text.replacen(from, to, 1)).unwrap_err();
        assert!(fault.line > 0 && !fault.what.is_empty(), "{from}: {fault}");
    }
    assert!(thaw("").is_err());
    assert!(thaw(&frozen.text.replace('\n', "\r\n")).is_err());
    assert!(thaw(frozen.text.trim_end()).is_err());
    // The inputs' hash changes with the inputs, not with what is computed from them.
    let mut others = cases();
    others[0].patient = Fen(1);
    assert_ne!(run(others).frozen().inputs, frozen.inputs);
    let half = Run::settle("2023-03".parse().unwrap(), "0.5".parse().unwrap(), cases()).unwrap();
    assert_ne!(half.frozen().inputs, frozen.inputs);
}

#[test]
fn what_changed_is_listed_and_its_delta_leads_from_the_old_to_the_new() {
    let before = run(cases());
    let mut changed = cases();
    changed.remove(1);
    changed[0].institution = "hospital-b".into();
    changed[1].pay = Fen(10_000_000);
    changed[1].fund = Fen(10_000_000);
    changed.push(SettledCase { case: "c5".into(), ..changed[2].clone() });
    let after = run(changed);
    let difference = Difference::between(&before, &after).unwrap();
    let ids = |lines: &[drg_payment::Line]| lines.iter().map(|line| line.case.case.clone()).collect::<Vec<_>>();
    assert_eq!((ids(&difference.added), ids(&difference.removed)), (vec!["c5".to_owned()], vec!["c2".to_owned()]));
    let fields: Vec<_> = difference.changed.iter().map(|changed| changed.fields.clone()).collect();
    assert_eq!(fields, [vec!["institution"], vec!["pay", "fund", "prepaid", "retained"]]);

    let delta = Delta::between(&before, &after).unwrap();
    // c1 leaves one institution and comes to the other; c2, c3 and c5 have a line each.
    assert_eq!(delta.lines.len(), 5);
    for by in [By::default(), By { institution: true, insurance: true, drg: true }] {
        assert_eq!(delta.onto(&before, by).unwrap(), after.totals(by).unwrap());
    }
    assert_eq!((delta.from, delta.to), (before.frozen().hash, after.frozen().hash));
    assert!(matches!(delta.onto(&after, By::default()), Err(SettlementFault::OtherRun { .. })));
    let mut repriced = cases();
    repriced[3].pack = "0".repeat(64).parse().unwrap();
    let repriced = Difference::between(&before, &run(repriced)).unwrap();
    assert_eq!(repriced.changed[0].fields, ["pack"]);
    let none = Delta::between(&before, &before).unwrap();
    assert!(none.lines.is_empty());
    let other = Run::settle("2023-04".parse().unwrap(), share(), cases()).unwrap();
    assert!(matches!(Delta::between(&before, &other), Err(SettlementFault::OtherPeriod { .. })));
}

#[test]
fn what_cannot_be_settled_is_refused_with_the_case() {
    let settle = |change: &dyn Fn(&mut Vec<SettledCase>)| {
        let mut cases = cases();
        change(&mut cases);
        Run::settle("2023-03".parse().unwrap(), share(), cases).unwrap_err()
    };
    assert_eq!(settle(&|cases| cases[1].case = "c1".into()), SettlementFault::Twice { case: "c1".into() });
    for text in ["", "a\tb", "a\nb", &"x".repeat(101)] {
        let fault = settle(&|cases| cases[0].institution = text.into());
        assert!(matches!(fault, SettlementFault::Text { field: "institution", .. }), "{text:?}");
    }
    assert!(matches!(settle(&|cases| cases[0].cost = Fen(-1)), SettlementFault::Negative { field: "cost", .. }));
    let overflow = settle(&|cases| cases.iter_mut().for_each(|case| case.cost = Fen(i64::MAX)));
    assert!(matches!(overflow, SettlementFault::Overflow(_)), "{overflow}");
    let share = Run::settle("2023-03".parse().unwrap(), "1.01".parse().unwrap(), cases());
    assert!(matches!(share, Err(SettlementFault::Share { field: "prepaid_share", .. })));
    assert_eq!(run(Vec::new()).totals(By::default()).unwrap().get(&Key::default()), None::<&Sums>);
}

#[test]
fn a_year_is_the_newest_run_of_each_month() {
    let (march, april) = (run(cases()), Run::settle("2023-04".parse().unwrap(), share(), cases()).unwrap());
    let years = year_of([&march, &april], Insurance::Employee).unwrap();
    let sums: Vec<_> =
        years.iter().map(|year| (year.institution.as_str(), year.sums.cases, year.sums.fund.0)).collect();
    // AE19 at 200,000 yuan is worth its standard; the review is worth its cost.
    assert_eq!(sums, [("hospital-a", 2, 2 * 618_655), ("hospital-b", 4, 2 * (26_258_949 + 1_234_567))]);
    assert!(matches!(year_of([&march, &march], Insurance::Employee), Err(SettlementFault::MonthTwice { .. })));
    let other = Run::settle("2024-03".parse().unwrap(), share(), cases()).unwrap();
    assert!(matches!(year_of([&march, &other], Insurance::Employee), Err(SettlementFault::OtherYear { .. })));
}

#[test]
fn too_many_single_reviews_are_told_by_institution() {
    let over = |share: &str| {
        let over = run(cases()).reviews_over(share.parse().unwrap()).unwrap();
        over.into_iter().map(|(institution, _)| institution).collect::<Vec<_>>()
    };
    assert_eq!(over("0.05"), ["hospital-b"]);
    assert_eq!(over("0.5"), Vec::<String>::new());
}
