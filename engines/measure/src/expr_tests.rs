//! Expressions: what they mean, what is refused and where, and that no text does harm.

use proptest::prelude::*;
use yiti_kernel::civil::date;

use super::*;
use crate::fact::{Column, Datum};

static READ: Fact = Fact {
    name: "read",
    grain: "one remote read",
    columns: &[
        Column::new("asked_at", Kind::Instant, "When it was asked for"),
        Column::new("done_at", Kind::Instant, "When it was done").nullable(),
        Column::new("on", Kind::Day, "The day").nullable(),
        Column::new("wait", Kind::Minutes, "The waiting time").nullable(),
        Column::new("pictures", Kind::Integer, "How many pictures").nullable(),
        Column::new("modality", Kind::Text, "The modality").nullable(),
        Column::new("group", Kind::Text, "The group").nullable(),
        Column::new("is_stat", Kind::Flag, "Whether it is urgent").nullable(),
        Column::new("reader", Kind::Id, "Who read it").nullable(),
        Column::new("approver", Kind::Id, "Who approved it").nullable(),
    ],
};

fn at(text: &str) -> Datum {
    time::instant(text.parse::<DateTime>().unwrap()).into()
}

/// Two rows: one with everything, one with nothing but the first column.
fn batch() -> Batch {
    let mut batch = Batch::new(&READ);
    let reader = yiti_kernel::Uuid::from_u128(1);
    batch
        .push(&[
            at("2026-11-22T10:00"),
            at("2026-11-22T10:10:59"),
            date(2026, 11, 22).into(),
            10i64.into(),
            3i64.into(),
            "CT".into(),
            "head's".into(),
            true.into(),
            reader.into(),
            reader.into(),
        ])
        .unwrap();
    let mut row = vec![Datum::Missing; READ.columns.len()];
    row[0] = at("2026-11-22T10:00");
    batch.push(&row).unwrap();
    batch
}

fn holds(text: &str) -> [Tri; 2] {
    let condition = Condition::parse(text, &READ).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"));
    condition.evaluate(&batch()).try_into().unwrap()
}

fn mistake(text: &str) -> String {
    match Condition::parse(text, &READ) {
        Ok(_) => "none".into(),
        Err(mistake) => format!("{}: {}", mistake.column, mistake.message),
    }
}

const YES: Tri = Tri::True;
const NO: Tri = Tri::False;
const DUNNO: Tri = Tri::Unknown;

#[test]
fn conditions_mean_what_they_say() {
    for (text, expected) in [
        ("done_at <= asked_at + 10", [NO, DUNNO]),
        ("minutes_between(asked_at, done_at) <= 10", [YES, DUNNO]),
        ("done_at <= asked_at + 11", [YES, DUNNO]),
        ("minutes_between(done_at, asked_at) = -10", [YES, DUNNO]),
        ("done_at is not null and done_at <= asked_at + 10", [NO, NO]),
        ("done_at is null or wait > 5", [YES, YES]),
        ("modality = 'CT'", [YES, DUNNO]),
        ("modality != 'CT'", [NO, DUNNO]),
        ("modality in ('MR', 'CT')", [YES, DUNNO]),
        ("modality not in ('MR')", [YES, DUNNO]),
        ("modality is null", [NO, YES]),
        ("group = 'head''s'", [YES, DUNNO]),
        ("modality = group", [NO, DUNNO]),
        ("'CT' = modality", [YES, DUNNO]),
        ("wait between 10 and 20", [YES, DUNNO]),
        ("wait not between 10 and 20", [NO, DUNNO]),
        ("wait between 11 and 20", [NO, DUNNO]),
        ("wait in (9, 10)", [YES, DUNNO]),
        ("pictures * 2 + 1 = 7", [YES, DUNNO]),
        ("1 + 2 * 3 = 7", [YES, YES]),
        ("(1 + 2) * 3 = 9", [YES, YES]),
        ("pictures * wait = 30", [YES, DUNNO]),
        ("-pictures < -2", [YES, DUNNO]),
        ("1 - 2 - 3 = -4", [YES, YES]),
        ("is_stat", [YES, DUNNO]),
        ("not is_stat", [NO, DUNNO]),
        ("is_stat = true", [YES, DUNNO]),
        ("is_stat is null", [NO, YES]),
        ("reader = approver", [YES, DUNNO]),
        ("reader != approver", [NO, DUNNO]),
        ("reader is not null", [YES, NO]),
        ("on = day '2026-11-22'", [YES, DUNNO]),
        ("on + 1 > day '2026-11-22'", [YES, DUNNO]),
        ("day_of(asked_at) = day '2026-11-22'", [YES, YES]),
        ("asked_at >= instant '2026-11-22 10:00'", [YES, YES]),
        ("true and not false", [YES, YES]),
        ("wait = 10 or wait = 11 and false", [YES, DUNNO]),
        ("not wait = 10 and true", [NO, DUNNO]),
        ("9223372036854775807 + pictures > 0", [DUNNO, DUNNO]),
    ] {
        assert_eq!(holds(text), expected, "{text}");
    }
}

#[test]
fn unknown_joins_by_the_three_valued_tables() {
    let all = [(NO, "false"), (YES, "true"), (DUNNO, "is_stat")];
    let and = [[NO, NO, NO], [NO, YES, DUNNO], [NO, DUNNO, DUNNO]];
    let or = [[NO, YES, DUNNO], [YES, YES, YES], [DUNNO, YES, DUNNO]];
    for (i, (left, l)) in all.into_iter().enumerate() {
        for (j, (right, r)) in all.into_iter().enumerate() {
            assert_eq!(left.and(right), and[i][j]);
            assert_eq!(left.or(right), or[i][j]);
            assert_eq!(holds(&format!("{l} and {r}"))[1], and[i][j]);
            assert_eq!(holds(&format!("{l} or {r}"))[1], or[i][j]);
        }
    }
    assert_eq!([NO.not(), YES.not(), DUNNO.not()], [YES, NO, DUNNO]);
}

#[test]
fn an_act_that_has_not_happened_is_false_when_the_definition_says_so() {
    assert_eq!(holds("done_at <= asked_at + 30"), [YES, DUNNO]);
    assert_eq!(holds("done_at is not null and done_at <= asked_at + 30"), [YES, NO]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in [
        (
            "colour = 'red'",
            "1: fact `read` has no column `colour`, only asked_at, done_at, on, wait, pictures, modality, group, is_stat, reader, approver",
        ),
        ("wait = 'CT'", "6: minutes cannot be compared with text"),
        ("wait = pictures", "6: minutes cannot be compared with integer"),
        ("asked_at = on", "10: instant cannot be compared with day"),
        ("modality < 'CT'", "10: text has no order, only `=` and `!=`"),
        ("done_at - asked_at < 10", "9: the time from one instant to another is `minutes_between(from, to)`"),
        ("wait * wait = 4", "6: minutes and minutes cannot be multiplied"),
        ("asked_at + pictures = asked_at", "10: instant and integer do not add up"),
        ("wait", "1: a condition is expected, not minutes"),
        ("is_stat and wait", "13: a condition is expected, not minutes"),
        ("is_stat is true", "12: `null` is expected"),
        ("wait in (1, 'a')", "13: a literal minutes is expected"),
        ("wait in (pictures)", "10: a literal minutes is expected"),
        ("reader in ('a')", "12: a literal id is expected"),
        ("wait = 1 2", "10: the expression was expected to end here"),
        ("wait = ", "8: a value is expected"),
        ("wait = 10x", "8: no whole number"),
        ("wait = 1.5", "8: no whole number"),
        ("wait ? 1", "6: `?` has no meaning here"),
        ("modality = 'CT", "12: the text is not closed"),
        ("(is_stat", "9: `)` is expected"),
        ("day 'x' = on", "1: a day is written day '2026-01-31'"),
        ("wait not 5", "10: `in` or `between` is expected"),
        ("minutes_between(asked_at, on) = 1", "27: an instant is expected, not day"),
        ("and", "1: a value is expected, not `and`"),
        ("", "1: a value is expected"),
    ] {
        assert_eq!(mistake(text), expected, "{text}");
    }
}

#[test]
fn depth_and_length_are_bounded() {
    assert!(mistake(&"(".repeat(3_000)).contains("too"));
    assert!(mistake(&format!("{}is_stat", "not ".repeat(100))).contains("too"));
    assert!(mistake(&format!("{}is_stat{}", "(".repeat(39), ")".repeat(39))).contains("none"));
    assert!(mistake(&format!("{}is_stat{}", "(".repeat(40), ")".repeat(40))).contains("nested too deeply"));
    assert!(mistake(&format!("{}1 = 1", "- ".repeat(50))).contains("nested too deeply"));
    assert!(mistake(&format!("{}1 = 1", "1 + ".repeat(290))).contains("none"), "a long sum is not deep");
    assert!(mistake(&"is_stat and ".repeat(1_000)).contains("too long"));
}

#[test]
fn a_number_knows_its_kind() {
    let kind = |text: &str| Number::parse(text, &READ).map(|number| number.kind()).map_err(|m| m.message);
    assert_eq!(kind("minutes_between(asked_at, done_at)"), Ok(Kind::Minutes));
    assert_eq!(kind("wait + 5"), Ok(Kind::Minutes));
    assert_eq!(kind("pictures * 2"), Ok(Kind::Integer));
    assert_eq!(kind("asked_at"), Err("minutes or an integer are expected, not instant".into()));
    assert_eq!(kind("is_stat"), Err("minutes or an integer are expected, not flag".into()));
    let number = Number::parse("wait + pictures * 0", &READ);
    assert!(number.is_err(), "minutes and a plain integer column do not add up");
    assert_eq!(Number::parse("wait + 5", &READ).unwrap().evaluate(&batch()), [Some(15), None]);
}

/// Text that looks like an expression more often than chance would have it.
fn some_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("and"),
        Just("or"),
        Just("not"),
        Just("in"),
        Just("between"),
        Just("is"),
        Just("null"),
        Just("("),
        Just(")"),
        Just(","),
        Just("="),
        Just("!="),
        Just("<="),
        Just("+"),
        Just("-"),
        Just("*"),
        Just("1"),
        Just("'CT'"),
        Just("'"),
        Just("wait"),
        Just("asked_at"),
        Just("done_at"),
        Just("modality"),
        Just("is_stat"),
        Just("reader"),
        Just("true"),
        Just("day"),
        Just("'2026-01-01'"),
        Just("minutes_between("),
        Just("day_of("),
        Just("9223372036854775807"),
    ];
    prop_oneof!["\\PC{0,60}", proptest::collection::vec(word, 0..40).prop_map(|words| words.join(" ")),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_the_parser_or_the_evaluator_panic(text in some_text()) {
        let batch = batch();
        match Condition::parse(&text, &READ) {
            Ok(condition) => prop_assert_eq!(condition.evaluate(&batch).len(), 2),
            Err(mistake) => prop_assert!(mistake.column >= 1 && mistake.column <= text.chars().count() + 1),
        }
        if let Ok(number) = Number::parse(&text, &READ) {
            prop_assert_eq!(number.evaluate(&batch).len(), 2);
        }
    }
}
