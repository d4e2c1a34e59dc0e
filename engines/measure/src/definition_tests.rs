//! Measures as files: what they say, and every fault with its place.

use super::*;
use crate::fact::Column;

static READ: Fact = Fact {
    name: "read",
    grain: "one remote read",
    columns: &[
        Column::new("asked_at", Kind::Instant, "When it was asked for"),
        Column::new("done_at", Kind::Instant, "When it was done").nullable(),
        Column::new("modality", Kind::Text, "The modality"),
        Column::new("cost", Kind::Integer, "What it cost").unit("fen"),
    ],
};

const IN_TIME: &str = r#"id = "test.in_time_ratio"
title = { zh-CN = "x", en = "In time" }
kind = "ratio"
unit = "ratio"
better = "higher"
provenance = { source = "s", evidence = "default", review = { checked_on = 2026-01-01, next = 2027-01-01 } }

[[version]]
effective_from = 2026-01-01
fact = "read"
period = "asked_at"
where = "modality != 'OT'"
numerator = "done_at is not null and done_at <= asked_at + 30"
strata = ["modality"]

[[version]]
effective_from = 2026-07-01
fact = "read"
period = "asked_at"
numerator = "done_at is not null and done_at <= asked_at + 20"
says = { zh-CN = "x", en = "done within 20 minutes" }
"#;

fn file(text: &str) -> File {
    File { path: "measures/x.toml".into(), text: text.into() }
}

fn faults(text: &str) -> Vec<String> {
    let Err(faults) = Measures::load(&[file(text)], &[&READ]) else { return Vec::new() };
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_measure_is_read_with_its_versions() {
    let measures = Measures::load(&[file(IN_TIME)], &[&READ]).unwrap();
    let measure = measures.get("test.in_time_ratio").unwrap();
    assert_eq!((measure.how, measure.unit, measure.better), (How::Ratio, Unit::Ratio, Better::Higher));
    assert_eq!(measure.versions.len(), 2);
    assert_ne!(measure.versions[0].digest, measure.versions[1].digest);
    assert_eq!(measure.versions[0].texts[0], ("where", "modality != 'OT'".to_owned()));
    assert!(measure.versions[0].rule(Lang::En).starts_with("where: modality != 'OT'; numerator: done_at"));
    assert_eq!(measure.versions[1].rule(Lang::En), "done within 20 minutes");
    assert_eq!(measures.sources().collect::<Vec<_>>(), [("measures/x.toml", "s")]);
}

#[test]
fn a_newer_version_leaves_the_digest_of_the_older_one() {
    let older = IN_TIME.rsplit_once("[[version]]").unwrap().0;
    let digest = |text: &str| {
        Measures::load(&[file(text)], &[&READ]).unwrap().get("test.in_time_ratio").unwrap().versions[0].digest.clone()
    };
    assert_eq!(digest(older), digest(IN_TIME));
    assert_ne!(digest(&older.replace("+ 30", "+ 31")), digest(IN_TIME));
    assert_eq!(digest(&older.replace("[\"modality\"]", "[]")), digest(IN_TIME), "what may be split changes no value");
}

#[test]
fn a_mistake_inside_an_expression_is_named_with_its_column_in_the_file() {
    let text = IN_TIME.replace("done_at <= asked_at + 30", "dome_at <= asked_at + 30");
    assert_eq!(
        faults(&text),
        ["measures/x.toml:13:38: fact `read` has no column `dome_at`, only asked_at, done_at, modality, cost"]
    );
}

#[test]
fn a_place_inside_an_escaped_expression_is_counted_from_its_begin() {
    let text = IN_TIME.replace("\"modality != 'OT'\"", "\"modality \\u0021= 1\"");
    assert_eq!(
        faults(&text),
        ["measures/x.toml:12:9: text cannot be compared with integer (character 10 of the expression)"
            .replace("integer", "number")]
    );
}

#[test]
fn all_faults_are_named_at_once() {
    let text = IN_TIME
        .replace("unit = \"ratio\"", "unit = \"minutes\"")
        .replace("period = \"asked_at\"\nwhere", "period = \"modality\"\nwhere")
        .replace("strata = [\"modality\"]", "strata = [\"asked_at\", \"colour\"]")
        .replace("effective_from = 2026-07-01\nfact = \"read\"", "effective_from = 2026-01-01\nfact = \"write\"");
    assert_eq!(
        faults(&text),
        [
            "measures/x.toml:4:8: the unit does not fit the kind",
            "measures/x.toml:11:10: the period column is an instant or a day",
            "measures/x.toml:14:11: a measure is not split by instants or minutes",
            "measures/x.toml:14:23: fact `read` has no column `colour`",
            "measures/x.toml:17:18: the versions are to stand in order of time",
            "measures/x.toml:18:8: no fact has the name `write`, only read",
        ]
    );
}

#[test]
fn what_a_kind_needs_and_what_it_does_not_have_is_checked() {
    let percentile = IN_TIME.replace("kind = \"ratio\"\nunit = \"ratio\"", "kind = \"percentile\"\nunit = \"minutes\"");
    let found = faults(&percentile);
    assert!(found[0].contains("`percentile = 90` or another is expected"), "{found:?}");
    assert!(found[1].contains("a measure of this kind has no `numerator`"), "{found:?}");
    assert!(found[2].contains("a measure of this kind has a `value`"), "{found:?}");
    let value = |unit: &str, value: &str| {
        let head = IN_TIME.split("[[version]]").next().unwrap();
        let head = head.replace("kind = \"ratio\"\nunit = \"ratio\"", &format!("kind = \"median\"\nunit = \"{unit}\""));
        faults(&format!(
            "{head}[[version]]\neffective_from = 2026-01-01\nfact = \"read\"\nperiod = \"asked_at\"\nvalue = \"{value}\"\n"
        ))
    };
    assert_eq!(value("minutes", "minutes_between(asked_at, done_at)"), Vec::<String>::new());
    assert_eq!(value("fen", "cost"), Vec::<String>::new());
    assert!(value("minutes", "cost")[0].contains("the value is in integer, the unit says otherwise"));
    assert!(value("fen", "minutes_between(asked_at, done_at)")[0].contains("the value is in minutes"));
    assert!(
        faults(&IN_TIME.replace("better = \"higher\"", "better = \"faster\""))[0].contains("unknown variant `faster`")
    );
    assert!(faults(&IN_TIME.replace("strata", "stratum"))[0].contains("unknown field `stratum`"));
}
