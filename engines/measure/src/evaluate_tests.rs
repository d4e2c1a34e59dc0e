//! Figures: their values, the rows behind them, and what holds for all rows whatever they are.

use proptest::prelude::*;
use yiti_kernel::civil::DateTime;
use yiti_kernel::definition::File;

use super::*;
use crate::case::run_cases;
use crate::definition::Measures;
use crate::fact::{Column, Fact};

static READ: Fact = Fact {
    name: "read",
    grain: "one remote read",
    columns: &[
        Column::new("asked_at", Kind::Instant, "When it was asked for"),
        Column::new("done_at", Kind::Instant, "When it was done").nullable(),
        Column::new("modality", Kind::Text, "The modality").nullable(),
        Column::new("is_stat", Kind::Flag, "Whether it is urgent").nullable(),
        Column::new("site", Kind::Integer, "The site").nullable(),
    ],
};

static OTHER: Fact = Fact { name: "other", grain: "one other thing", columns: &[] };

fn file(text: &str) -> File {
    File { path: "measures/x.toml".into(), text: text.into() }
}

fn head(id: &str, kind: &str, unit: &str) -> String {
    format!(
        "id = \"test.{id}\"\ntitle = {{ zh-CN = \"x\", en = \"x\" }}\nkind = {kind}\nunit = \"{unit}\"\nbetter = \"lower\"\n\
         provenance = {{ source = \"s\", evidence = \"default\", review = {{ checked_on = 2026-01-01, next = 2027-01-01 }} }}\n"
    )
}

const VERSION: &str = "[[version]]\neffective_from = 2026-01-01\nfact = \"read\"\nperiod = \"asked_at\"\n\
                       strata = [\"modality\", \"site\", \"is_stat\"]\n";

fn measures() -> Measures {
    let files = [
        format!("{}{VERSION}", head("count", "\"count\"", "count")),
        format!(
            "{}{VERSION}where = \"is_stat\"\ndenominator = \"modality != 'OT'\"\n\
             numerator = \"done_at is not null and done_at <= asked_at + 30\"\n\
             [[version]]\neffective_from = 2026-07-01\nfact = \"read\"\nperiod = \"asked_at\"\nwhere = \"is_stat\"\n\
             strata = [\"modality\"]\nnumerator = \"done_at is not null and done_at <= asked_at + 20\"\n",
            head("ratio", "\"ratio\"", "ratio")
        ),
        format!("{}{VERSION}value = \"minutes_between(asked_at, done_at)\"\n", head("median", "\"median\"", "minutes")),
        format!(
            "{}{VERSION}value = \"minutes_between(asked_at, done_at)\"\n",
            head("p90", "\"percentile\"\npercentile = 90", "minutes")
        ),
        format!("{}{VERSION}value = \"minutes_between(asked_at, done_at)\"\n", head("mean", "\"mean\"", "minutes")),
    ];
    Measures::load(&files.map(|text| file(&text)), &[&READ]).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn ask(group_by: &[&str]) -> Ask {
    Ask {
        group_by: group_by.iter().map(|name| (*name).to_owned()).collect(),
        period: Period::year(2026).unwrap(),
        scope: "the group".into(),
        as_of: time::from_micros(1_800_000_000_000_000),
    }
}

fn at(text: &str) -> Timestamp {
    time::instant(text.parse::<DateTime>().unwrap())
}

/// Rows of stat CT reads, asked at 10:00 and done so many minutes later.
fn done_after(minutes: &[Option<i64>]) -> Batch {
    let mut batch = Batch::new(&READ);
    let asked = at("2026-03-02T10:00");
    for minutes in minutes {
        let done = minutes.map(|m| asked.checked_add(yiti_kernel::SignedDuration::from_mins(m)).unwrap());
        batch.push(&[asked.into(), done.into(), "CT".into(), true.into(), 1i64.into()]).unwrap();
    }
    batch
}

fn one(id: &str, batch: &Batch) -> Cell {
    let measures = measures();
    let mut cells = evaluate(measures.get(&format!("test.{id}")).unwrap(), batch, &ask(&[])).unwrap();
    assert_eq!(cells.len(), 1);
    cells.remove(0)
}

#[test]
fn a_ratio_keeps_both_counts_and_missing_rows_stand_beside_it() {
    let mut batch = done_after(&[Some(30), Some(31), None]);
    let asked = at("2026-03-02T10:00");
    batch.push(&[asked.into(), Datum::Missing, "CT".into(), Datum::Missing, 1i64.into()]).unwrap();
    batch.push(&[asked.into(), Datum::Missing, Datum::Missing, true.into(), 1i64.into()]).unwrap();
    batch.push(&[asked.into(), Datum::Missing, "OT".into(), Datum::Missing, 1i64.into()]).unwrap();
    batch.push(&[asked.into(), Datum::Missing, Datum::Missing, false.into(), 1i64.into()]).unwrap();
    let cell = one("ratio", &batch);
    assert_eq!(cell.value, Value::Ratio { numerator: 1, denominator: 3 });
    assert_eq!((cell.numerator_count, cell.denominator_count, cell.excluded_missing_count), (1, 3, 2));
}

#[test]
fn nothing_to_count_is_no_zero() {
    let none = Batch::new(&READ);
    assert_eq!(one("ratio", &none).value, Value::Empty);
    assert_eq!(one("median", &none).value, Value::Empty);
    assert_eq!(one("mean", &done_after(&[None])).value, Value::Empty);
    assert_eq!(one("mean", &done_after(&[None])).excluded_missing_count, 1);
    assert_eq!(one("count", &none).value, Value::Count(0), "a count of no rows is zero");
    assert_eq!(Value::Empty.to_f64(), None);
}

#[test]
fn the_median_of_an_even_number_is_the_lower_of_the_two_in_the_middle() {
    let median = |minutes: &[i64]| {
        let minutes: Vec<_> = minutes.iter().map(|m| Some(*m)).collect();
        one("median", &done_after(&minutes)).value
    };
    assert_eq!(median(&[40, 10, 30, 20]), Value::Rank(20));
    assert_eq!(median(&[30, 10, 20]), Value::Rank(20));
    assert_eq!(median(&[7]), Value::Rank(7));
}

#[test]
fn percentiles_are_of_nearest_rank() {
    // The list of the usual textbook example.
    let list = [50, 15, 40, 20, 35];
    for (percent, expected) in [(5, 15), (20, 15), (21, 20), (30, 20), (40, 20), (50, 35), (100, 50)] {
        assert_eq!(percentile(&list, percent), Some(expected), "{percent}");
    }
    let ten: Vec<_> = (1..=10).map(Some).collect();
    assert_eq!(one("p90", &done_after(&ten)).value, Value::Rank(9));
    assert_eq!(percentile(&[], 90), None);
}

#[test]
fn a_mean_keeps_sum_and_count() {
    let cell = one("mean", &done_after(&[Some(10), Some(11), None]));
    assert_eq!(cell.value, Value::Mean { sum: 21, count: 2 });
    assert_eq!(cell.value.to_f64(), Some(10.5));
}

#[test]
fn each_row_is_judged_by_the_version_of_its_own_day() {
    let mut batch = Batch::new(&READ);
    for asked in ["2026-06-30T23:59:59", "2026-07-01T00:00"] {
        let asked = at(asked);
        let done = asked.checked_add(yiti_kernel::SignedDuration::from_mins(25)).unwrap();
        batch.push(&[asked.into(), done.into(), "CT".into(), true.into(), 1i64.into()]).unwrap();
    }
    let cell = one("ratio", &batch);
    assert_eq!(cell.value, Value::Ratio { numerator: 1, denominator: 2 });
    assert_eq!(cell.receipt.versions.len(), 2);
    let measures = measures();
    let measure = measures.get("test.ratio").unwrap();
    let june = Ask { period: Period::month(2026, 6).unwrap(), ..ask(&[]) };
    let cells = evaluate(measure, &batch, &june).unwrap();
    assert_eq!(cells[0].value, Value::Ratio { numerator: 1, denominator: 1 });
    assert_eq!(cells[0].receipt.versions, [measure.versions[0].digest.clone()]);
}

#[test]
fn what_may_not_be_asked_is_refused() {
    let measures = measures();
    let measure = measures.get("test.ratio").unwrap();
    let batch = Batch::new(&READ);
    let refused = |ask: &Ask| evaluate(measure, &batch, ask).unwrap_err().to_string();
    assert_eq!(refused(&ask(&["asked_at"])), "the measure `test.ratio` is not split by `asked_at`");
    assert_eq!(
        refused(&ask(&["site"])),
        "the measure `test.ratio` is not split by `site`",
        "not in the second version"
    );
    let before = Ask { period: Period::year(2025).unwrap(), ..ask(&[]) };
    assert_eq!(refused(&before), "the measure `test.ratio` is in force from 2026-01-01");
    let other = evaluate(measure, &Batch::new(&OTHER), &ask(&[])).unwrap_err();
    assert_eq!(other.to_string(), "the measure `test.ratio` reads fact `read`, not `other`");
}

#[test]
fn a_missing_group_is_a_group_of_its_own() {
    let mut batch = done_after(&[Some(1), Some(2)]);
    batch.push(&[at("2026-03-02T10:00").into(), Datum::Missing, Datum::Missing, true.into(), 1i64.into()]).unwrap();
    let measures = measures();
    let cells = evaluate(measures.get("test.count").unwrap(), &batch, &ask(&["modality", "is_stat"])).unwrap();
    let groups: Vec<_> = cells.iter().map(|cell| (cell.group.clone(), cell.denominator_count)).collect();
    assert_eq!(groups, [(vec![Datum::Missing, true.into()], 1), (vec!["CT".into(), true.into()], 2)],);
}

#[test]
fn the_receipt_changes_with_what_was_asked_and_with_nothing_else() {
    let batch = done_after(&[Some(1)]);
    let measures = measures();
    let receipt =
        |id: &str, ask: &Ask| evaluate(measures.get(id).unwrap(), &batch, ask).unwrap().remove(0).receipt.id();
    let base = receipt("test.count", &ask(&[]));
    assert_eq!(base.len(), 32);
    assert_eq!(base, receipt("test.count", &ask(&[])));
    for other in [
        receipt("test.median", &ask(&[])),
        receipt("test.count", &ask(&["modality"])),
        receipt("test.count", &Ask { scope: "one hospital".into(), ..ask(&[]) }),
        receipt("test.count", &Ask { as_of: time::from_micros(1), ..ask(&[]) }),
        receipt("test.count", &Ask { period: Period::month(2026, 3).unwrap(), ..ask(&[]) }),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn the_id_of_a_receipt_stays_what_it_is() {
    let receipt = Receipt {
        measure: "a.b".into(),
        versions: vec!["0123456789abcdef".into()],
        period: Period::month(2026, 11).unwrap(),
        scope: "all".into(),
        group: vec![("modality".into(), "CT".into())],
        as_of: time::from_micros(1),
        evaluator: EVALUATOR,
    };
    assert_eq!(receipt.id(), "2ac8c1c41074c7667de5850ac304800d");
}

#[test]
fn a_period_is_written_with_its_first_and_last_day() {
    assert_eq!(Period::month(2026, 2).unwrap().to_string(), "2026-02-01/2026-02-28");
    assert_eq!(Period::month(2026, 13), None);
    assert_eq!(Period::new(date(2026, 1, 1), date(2026, 1, 1)), None);
}

#[test]
fn cases_pass_and_a_wrong_one_is_named() {
    let cases = r#"measure = "test.ratio"

[[case]]
says = "at the limit is in time, one second later is not, what was never done is not"
from = 2026-03-01
until = 2026-04-01
group_by = ["modality"]
rows = [
    { asked_at = 2026-03-02T08:00:00, done_at = 2026-03-02T08:30:00, modality = "CT", is_stat = true },
    { asked_at = 2026-03-02T08:00:00, done_at = 2026-03-02T08:30:01, modality = "CT", is_stat = true },
    { asked_at = 2026-03-02T08:00:00, modality = "MR", is_stat = true },
    { asked_at = 2026-03-02T08:00:00, modality = "MR" },
    { asked_at = 2026-04-01T00:00:00, modality = "MR", is_stat = true },
]
expect = [
    { group = ["CT"], numerator = 1, denominator = 2 },
    { group = ["MR"], numerator = 0, denominator = 1, excluded = 1 },
]
"#;
    let run = |text: &str| run_cases(&[file(text)], &measures());
    assert_eq!(run(cases), Ok(1));
    let wrong = |from: &str, to: &str| run(&cases.replace(from, to)).unwrap_err()[0].to_string();
    assert!(wrong("excluded = 1", "excluded = 0").starts_with("measures/x.toml:17:5: at the limit"));
    assert!(wrong("excluded = 1", "excluded = 0").ends_with(": excluded is 1"));
    assert!(wrong("[\"CT\"]", "[\"DX\"]").ends_with("the group is [\"CT\"]"));
    assert!(wrong("done_at = 2026-03-02T08:30:01", "done_on = 1").ends_with("fact `read` has no column `done_on`"));
    assert!(wrong("is_stat = true },\n]", "is_stat = 1 },\n]").ends_with("`is_stat` holds flag"));
    assert!(wrong("test.ratio", "test.rate").ends_with("there is no measure `test.rate`"));
    assert!(wrong("from = 2026-03-01", "from = 2025-03-01").ends_with("no version is in force"));
}

type Row = (i64, Option<i64>, Option<u8>, Option<bool>, Option<i64>);

fn some_rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0i64..500_000,
        proptest::option::of(-10i64..100),
        proptest::option::of(0u8..3),
        proptest::option::of(any::<bool>()),
        proptest::option::of(0i64..3),
    );
    proptest::collection::vec(row, 0..60)
}

fn batch_of(rows: &[Row]) -> Batch {
    let mut batch = Batch::new(&READ);
    let start = at("2026-01-01T00:00");
    let plus = |at: Timestamp, minutes| at.checked_add(yiti_kernel::SignedDuration::from_mins(minutes)).unwrap();
    for (asked, done, modality, is_stat, site) in rows {
        let asked = plus(start, *asked);
        let modality = modality.and_then(|m| ["CT", "MR", "OT"].get(usize::from(m)).copied());
        let row =
            [asked.into(), done.map(|m| plus(asked, m)).into(), modality.into(), (*is_stat).into(), (*site).into()];
        batch.push(&row).unwrap();
    }
    batch
}

proptest! {
    #[test]
    fn the_rows_listed_are_as_many_as_the_figure_says(data in some_rows(), split in any::<bool>()) {
        let (measures, batch) = (measures(), batch_of(&data));
        let ask = ask(if split { &["modality"] } else { &[] });
        for measure in measures.iter() {
            for cell in evaluate(measure, &batch, &ask).unwrap() {
                let count = |part| rows(measure, &batch, &ask, &cell.group, part).map(|rows| rows.len() as u64);
                prop_assert_eq!(count(Part::Numerator), Ok(cell.numerator_count));
                prop_assert_eq!(count(Part::Denominator), Ok(cell.denominator_count));
                prop_assert_eq!(count(Part::Excluded), Ok(cell.excluded_missing_count));
                prop_assert_eq!(count(Part::All), Ok(cell.denominator_count + cell.excluded_missing_count));
                prop_assert!(cell.numerator_count <= cell.denominator_count);
                let numerator = rows(measure, &batch, &ask, &cell.group, Part::Numerator).unwrap();
                let denominator = rows(measure, &batch, &ask, &cell.group, Part::Denominator).unwrap();
                prop_assert!(numerator.iter().all(|row| denominator.contains(row)));
            }
        }
    }

    #[test]
    fn the_groups_add_up_to_the_whole(data in some_rows()) {
        let (measures, batch) = (measures(), batch_of(&data));
        for measure in measures.iter().filter(|measure| measure.id != "test.ratio") {
            let whole = &evaluate(measure, &batch, &ask(&[])).unwrap()[0];
            let parts = evaluate(measure, &batch, &ask(&["modality", "site", "is_stat"])).unwrap();
            prop_assert!(parts.is_sorted_by(|one, other| one.group < other.group), "each group once");
            prop_assert_eq!(parts.iter().map(|cell| cell.numerator_count).sum::<u64>(), whole.numerator_count);
            prop_assert_eq!(parts.iter().map(|cell| cell.denominator_count).sum::<u64>(), whole.denominator_count);
            prop_assert_eq!(
                parts.iter().map(|cell| cell.excluded_missing_count).sum::<u64>(),
                whole.excluded_missing_count
            );
        }
    }

    #[test]
    fn the_order_of_rows_never_matters(data in some_rows().prop_shuffle(), seed in any::<u64>()) {
        let mut other = data.clone();
        if !other.is_empty() {
            let turn = usize::try_from(seed % other.len() as u64).unwrap();
            other.rotate_left(turn);
            other.reverse();
        }
        let measures = measures();
        for measure in measures.iter() {
            let one = evaluate(measure, &batch_of(&data), &ask(&["modality"])).unwrap();
            prop_assert_eq!(one, evaluate(measure, &batch_of(&other), &ask(&["modality"])).unwrap());
        }
    }

    #[test]
    fn a_percentile_is_a_value_that_enough_do_not_exceed(values in proptest::collection::vec(-50i64..50, 1..40), percent in 1u8..=100) {
        let found = percentile(&values, percent).unwrap();
        let at_most = values.iter().filter(|value| **value <= found).count();
        let below = values.iter().filter(|value| **value < found).count();
        prop_assert!(values.contains(&found));
        prop_assert!(at_most * 100 >= usize::from(percent) * values.len());
        prop_assert!(below * 100 < usize::from(percent) * values.len());
    }
}
