//! The trails of published cases replay, and the words tell it.

use chs_drg::{Complication, Event, Explained, NearMiss, Profile, Record, Scheme, Words};

use crate::cases::{Cases, built, scheme, tables};

/// Takes every `each`th case of a published file, where there is one.
fn replays_published(file: &str, versions: &[&str], profile: Profile, each: usize) {
    if let (Some(cases), Some(tables)) = (Cases::published(file), tables()) {
        replays(&cases, versions, each, |version| built(tables, version, profile));
    }
}

fn replays(cases: &Cases, versions: &[&str], each: usize, scheme: impl Fn(&str) -> Scheme) {
    for version in versions {
        let scheme = scheme(version);
        let mut explained = Explained::default();
        let mut weighed = Vec::new();
        for case in cases.cases.iter().step_by(each) {
            case.with(|record| {
                scheme.explain_into(record, &mut explained);
                assert_eq!(explained.answer, scheme.answer(record), "{version} {}", case.id);
                assert_eq!(explained.answer, scheme.answer_plainly(record), "{version} {}", case.id);
                scheme.weigh(record, &mut weighed);
                assert_eq!(explained.weighed, weighed, "{version} {}", case.id);
                assert_eq!(scheme.replay(record, &explained), Ok(explained.answer), "{version} {}", case.id);
            });
        }
    }
}

#[test]
fn cases_of_our_own_explain_themselves_in_every_shipped_scheme() {
    replays(&Cases::own(), &["chs_drg_10", "chs_drg_11", "chs_drg_20", "changzhou_2022"], 1, scheme);
}

#[test]
fn open_cases_explain_themselves_in_1_1_and_1_0() {
    replays_published("cases-open.csv.gz", &["chs_drg_11", "chs_drg_10"], Profile::Published, 3);
}

#[test]
fn every_case_of_2_0_explains_itself() {
    replays_published("cases-chs20.csv.gz", &["chs_drg_20"], Profile::Published, 1);
}

#[test]
fn regional_cases_explain_themselves_where_the_rules_are_odd() {
    replays_published(
        "cases-regional.csv.gz",
        &["zhejiang_2022", "yinchuan_2023", "changzhou_2022"],
        Profile::Reference,
        2,
    );
}

#[test]
fn a_trail_that_was_tampered_with_does_not_replay() {
    let scheme = scheme("chs_drg_11");
    let record =
        Record { sex: Some(1), age: Some(60), dx: &["I21.001", "J96.000"], px: &["36.0601"], ..Record::default() };
    let explained = scheme.explain(&record);
    assert!(scheme.replay(&record, &explained).is_ok());
    for missing in 0..explained.trail.len() {
        let mut cut = explained.clone();
        cut.trail.remove(missing);
        assert!(scheme.replay(&record, &cut).is_err(), "event {missing}");
    }
    let mut turned = explained.clone();
    turned.evidence[0].held ^= true;
    assert!(scheme.replay(&record, &turned).is_err());
}

#[test]
fn an_excluded_complication_names_the_table_and_the_group_it_cost() {
    let (own, published) = (Cases::own(), Cases::published("cases-open.csv.gz"));
    let (cases, each, least) = published.as_ref().map_or((&own, 1, (5, 1, 10)), |cases| (cases, 3, (201, 31, 31)));
    let scheme = scheme("chs_drg_11");
    let words = Words::shipped("en").unwrap();
    let (mut excluded, mut cost, mut secondary) = (0, 0, 0);
    for case in cases.cases.iter().step_by(each) {
        case.with(|record| {
            let explained = scheme.explain(record);
            excluded += usize::from(explained.weighed.iter().any(|weighed| weighed.excluded_by_table.is_some()));
            for near in &explained.near_misses {
                match near {
                    NearMiss::ExcludedComplication { .. } => cost += 1,
                    NearMiss::SecondaryProcedure { .. } => secondary += 1,
                    NearMiss::Mdc { .. } | NearMiss::Step { .. } => {}
                }
            }
            let counted = explained.weighed.iter().filter(|weighed| weighed.excluded_by_table.is_none());
            let highest = counted.map(|weighed| weighed.level).max().unwrap_or(Complication::None);
            assert_eq!(highest, explained.answer.complication, "{}", case.id);
            let sentences = words.explained(&scheme, record, &explained);
            assert!(sentences.iter().all(|sentence| !sentence.contains('{') && !sentence.contains("event.")));
        });
    }
    assert!(excluded >= least.0 && cost >= least.1 && secondary >= least.2, "{excluded} {cost} {secondary}");
}

#[test]
fn both_languages_have_words_for_every_key() {
    let scheme = scheme("changzhou_2022");
    let cases = Cases::published("cases-open.csv.gz").unwrap_or_else(Cases::own);
    for language in ["en", "zh-CN"] {
        let words = Words::shipped(language).unwrap();
        for case in cases.cases.iter().take(500) {
            case.with(|record| {
                for sentence in words.explained(&scheme, record, &scheme.explain(record)) {
                    for stem in ["event.", "near.", "evidence.", "atom.", "field.", "rule.", "ungrouped.", "weighed."] {
                        assert!(!sentence.contains(stem), "{sentence}");
                    }
                }
                for fault in scheme.check(record) {
                    assert_ne!(words.fault(&fault), fault.key());
                }
            });
        }
    }
    assert!(Words::shipped("fr").is_err());
}

#[test]
fn the_trail_ends_with_what_decided() {
    let scheme = scheme("chs_drg_11");
    let record = Record { sex: Some(1), age: Some(60), dx: &["Z99.900"], ..Record::default() };
    let explained = scheme.explain(&record);
    assert!(matches!(
        explained.trail.last(),
        Some(Event::Ungrouped(_) | Event::DrgMatched { .. } | Event::NoDrg { .. })
    ));
}

#[test]
fn a_record_of_any_length_is_explained() {
    let scheme = scheme("chs_drg_11");
    let (dx, px) = (vec!["I21.001"; 70_000], vec!["36.0601"; 70_000]);
    let record = Record { sex: Some(1), age: Some(60), dx: &dx, px: &px, ..Record::default() };
    assert_eq!(scheme.explain(&record).answer, scheme.answer(&record));
}
