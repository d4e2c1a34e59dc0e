//! What must hold for every record, published or not.

use std::sync::LazyLock;

use chs_drg::{Columns, Kind, Outcome, Profile, Record, Scheme};
use proptest::prelude::*;

use crate::cases::{built, scheme, tables};

/// What is shipped, and two more of the published tables where they are.
static SCHEMES: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    let shipped = ["chs_drg_11", "chs_drg_20", "chs_drg_10", "changzhou_2022"].map(scheme).into_iter();
    let odd = tables()
        .into_iter()
        .flat_map(|tables| ["zhejiang_2022", "foshan_2022"].map(|id| built(tables, id, Profile::Published)));
    shipped.chain(odd).collect()
});

#[derive(Debug, Clone)]
struct Stay {
    scheme: usize,
    numbers: [Option<i32>; 6],
    dept: &'static str,
    discharge: &'static str,
    dx: Vec<String>,
    px: Vec<String>,
}

impl Stay {
    fn with<T>(&self, work: impl FnOnce(&Scheme, &Record<'_>) -> T) -> T {
        let dx: Vec<&str> = self.dx.iter().map(String::as_str).collect();
        let px: Vec<&str> = self.px.iter().map(String::as_str).collect();
        let [sex, age, age_days, weight, los, icu_hours] = self.numbers;
        let record = Record {
            sex,
            age,
            age_days,
            weight,
            los,
            icu_hours,
            dept: self.dept,
            discharge: self.discharge,
            dx: &dx,
            px: &px,
            days: chs_drg::Days::default(),
        };
        work(&SCHEMES[self.scheme], &record)
    }
}

/// A code of the scheme: mostly from one of the sets that rules ask for, sometimes any, sometimes unknown.
fn code(scheme: usize, kind: Kind) -> impl Strategy<Value = String> {
    (0..20u8, any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(move |(how, first, second)| {
        let definition = SCHEMES[scheme].definition();
        let codes = if kind == Kind::Dx { &definition.dx } else { &definition.px };
        match how {
            0 => "unknown".to_owned(),
            1..=5 => codes[first.index(codes.len())].text.clone(),
            6..=9 if kind == Kind::Dx => {
                let row = definition.complicating[first.index(definition.complicating.len())];
                codes[row.dx as usize].text.clone()
            }
            _ => {
                let sets: Vec<_> = definition.sets.iter().filter(|set| set.kind == kind).collect();
                let set = sets[first.index(sets.len())];
                set.codes
                    .get(second.index(set.codes.len().max(1)))
                    .map_or(String::new(), |code| codes[*code as usize].text.clone())
            }
        }
    })
}

fn stay() -> impl Strategy<Value = Stay> {
    (0..SCHEMES.len()).prop_flat_map(|scheme| {
        let number = |values: Vec<i32>| prop::option::weighted(0.95, prop::sample::select(values));
        let numbers = (
            number(vec![0, 1, 2, 9]),
            number(vec![0, 0, 1, 6, 13, 14, 16, 17, 18, 60, 95]),
            number(vec![0, 5, 28, 29, 30, 300, 20_000]),
            number(vec![0, 0, 900, 1_499, 1_500, 1_999, 2_000, 2_499, 2_500, 4_000]),
            number(vec![0, 1, 2, 4, 5, 7, 12, 13, 30, 31, 60, 61]),
            number(vec![0, 0, 1, 96, 120, 121]),
        );
        (
            numbers,
            prop::sample::select(vec!["", "ICU", "0301"]),
            prop::sample::select(vec!["", "1", "2", "4", "5"]),
            prop::collection::vec(code(scheme, Kind::Dx), 0..7),
            prop::collection::vec(code(scheme, Kind::Px), 0..5),
        )
            .prop_map(move |(numbers, dept, discharge, dx, px)| Stay {
                scheme,
                numbers: [numbers.0, numbers.1, numbers.2, numbers.3, numbers.4, numbers.5],
                dept,
                discharge,
                dx,
                px,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_ends_in_exactly_one_answer_and_grouping_again_gives_it_again(stay in stay()) {
        stay.with(|scheme, record| {
            let answer = scheme.answer(record);
            let grouped = scheme.group(record);
            prop_assert_eq!(scheme.answer(record), answer);
            prop_assert!(!grouped.drg.is_empty() && !grouped.adrg.is_empty() && !grouped.mdc.is_empty());
            prop_assert_eq!(grouped.drg == "0000", matches!(answer.outcome, Outcome::Ungrouped(_)));
            prop_assert_eq!(grouped.class.is_none(), matches!(answer.outcome, Outcome::Ungrouped(_)));
            Ok(())
        })?;
    }

    #[test]
    fn compiled_rules_written_rules_columns_and_trail_agree(stay in stay()) {
        stay.with(|scheme, record| {
            let answer = scheme.answer(record);
            prop_assert_eq!(scheme.answer_plainly(record), answer);
            let explained = scheme.explain(record);
            prop_assert_eq!(explained.answer, answer);
            prop_assert_eq!(scheme.replay(record, &explained), Ok(answer));
            let mut columns = Columns::unchecked(scheme);
            columns.push(scheme, record).unwrap();
            let mut out = Vec::new();
            scheme.group_batch(&columns, &mut out).unwrap();
            prop_assert_eq!(out, vec![answer]);
            Ok(())
        })?;
    }

    #[test]
    fn the_order_of_secondary_diagnoses_never_matters(stay in stay(), turn in 0..6usize, mirror: bool) {
        let answer = stay.with(|scheme, record| scheme.answer(record));
        let mut other = stay.clone();
        if let Some((_, secondary)) = other.dx.split_first_mut() {
            if !secondary.is_empty() {
                secondary.rotate_left(turn % secondary.len());
            }
            if mirror {
                secondary.reverse();
            }
        }
        prop_assert_eq!(other.with(|scheme, record| scheme.answer(record)), answer);
    }

    #[test]
    fn within_one_step_another_complication_never_lowers_the_split(stay in stay(), at: prop::sample::Index) {
        prop_assume!(!stay.dx.is_empty());
        let before = stay.with(|scheme, record| scheme.answer(record));
        let mut more = stay.clone();
        let definition = SCHEMES[stay.scheme].definition();
        let row = definition.complicating[at.index(definition.complicating.len())];
        more.dx.push(definition.dx[row.dx as usize].text.clone());
        let after = more.with(|scheme, record| scheme.answer(record));
        prop_assert!(after.complication >= before.complication);
        if let (Outcome::Drg { step: one, drg: before }, Outcome::Drg { step: two, drg: after }) =
            (before.outcome, after.outcome)
        {
            // DRGs of a step stand from the heaviest to the lightest.
            prop_assert!(one != two || after <= before);
        }
    }
}
