//! Working time: shifts, holidays, make-up workdays, and the laws of adding and measuring.

use proptest::prelude::*;
use yiti_kernel::civil::{DateTime, date};
use yiti_kernel::time::instant;

use super::*;

fn files() -> Vec<File> {
    let cn = include_str!("../../../definitions/calendars/cn.toml");
    let office = include_str!("../../../definitions/calendars/office.toml");
    vec![
        File { path: "calendars/office.toml".into(), text: office.into() },
        File { path: "calendars/cn.toml".into(), text: cn.into() },
    ]
}

fn office() -> Calendar {
    Calendars::load(&files()).unwrap().get("office").unwrap()
}

fn at(text: &str) -> Timestamp {
    instant(text.parse::<DateTime>().unwrap())
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[test]
fn the_shipped_calendars_are_whole() {
    let calendars = Calendars::load(&files()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(calendars.named().map(|(id, _)| id).collect::<Vec<_>>(), ["office"]);
    let office = office();
    assert!((2020..=2026).all(|year| office.is_known(year)));
    assert!(calendars.sources().all(|(_, key)| !key.is_empty()));
}

#[test]
fn days_off_are_as_many_as_the_notices_say() {
    let Calendar::Working(working) = office() else { panic!("office hours are working time") };
    let count = |year: i16| {
        let year = &working.years[&year];
        (year.holidays.len(), year.workdays.len())
    };
    // 2025: 1 + 8 + 3 + 5 + 3 + 8. 2026: 3 + 9 + 3 + 5 + 3 + 3 + 7.
    assert_eq!(count(2025), (28, 5));
    assert_eq!(count(2026), (33, 6));
    assert_eq!(count(2020).0, 30);
    assert_eq!(count(2024), (28, 8));
}

#[test]
fn four_hours_from_eight_end_at_noon_and_not_at_two() {
    assert_eq!(office().add(at("2026-11-23T08:00"), hours(4)), at("2026-11-23T12:00"));
    let one_minute_more = hours(4) + SignedDuration::from_mins(1);
    assert_eq!(office().add(at("2026-11-23T08:00"), one_minute_more), at("2026-11-23T14:01"));
}

#[test]
fn time_begins_to_run_with_the_next_shift() {
    assert_eq!(office().add(at("2026-11-20T23:59"), hours(1)), at("2026-11-23T09:00"));
    assert_eq!(office().add(at("2026-11-23T12:30"), hours(1)), at("2026-11-23T15:00"));
}

#[test]
fn the_national_day_week_does_not_count_and_its_make_up_saturday_does() {
    // 30 September 2026 is a Wednesday; 1 to 7 October are off; 10 October, a Saturday, is worked.
    assert_eq!(office().add(at("2026-09-30T17:00"), hours(1)), at("2026-10-08T08:30"));
    assert_eq!(office().add(at("2026-10-09T17:00"), hours(1)), at("2026-10-10T08:30"));
    assert!(office().is_working(at("2026-09-20T09:00")), "a make-up Sunday");
    assert!(!office().is_working(at("2026-09-27T09:00")), "a Sunday");
}

#[test]
fn the_end_of_a_shift_is_no_longer_working_time() {
    assert!(office().is_working(at("2026-11-23T11:59:59")));
    assert!(!office().is_working(at("2026-11-23T12:00")));
    assert!(office().is_working(at("2026-11-23T14:00")));
}

#[test]
fn a_year_without_an_entry_is_counted_as_plain_weekdays_and_says_so() {
    let office = office();
    assert!(!office.is_known(2031));
    assert!(office.is_working(instant(date(2031, 1, 1).at(9, 0, 0, 0))), "a Wednesday");
    assert!(!office.is_known_between(at("2026-12-31T09:00"), at("2027-01-01T09:00")));
    assert!(office.is_known_between(at("2026-12-30T09:00"), at("2026-12-31T09:00")));
    assert!(Calendar::Always.is_known(2031));
}

#[test]
fn around_the_clock_midnight_is_nothing_special() {
    assert_eq!(Calendar::Always.add(at("2026-12-31T23:50"), hours(1)), at("2027-01-01T00:50"));
}

#[test]
fn the_far_end_of_time_is_clamped() {
    assert_eq!(Calendar::Always.add(Timestamp::MAX, hours(1)), Timestamp::MAX);
    assert_eq!(office().add(at("9999-12-30T09:00"), hours(100)), Timestamp::MAX);
    assert_eq!(office().between(Timestamp::MAX, Timestamp::MAX), SignedDuration::ZERO);
}

fn faults(text: &str) -> Vec<String> {
    let mut files = files();
    files.push(File { path: "calendars/x.toml".into(), text: text.into() });
    Calendars::load(&files).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn all_faults_of_a_calendar_are_named_with_their_places() {
    let text = "kind = \"holidays\"\nid = \"xx\"\ntitle = { zh-CN = \"x\", en = \"x\" }\n[[year]]\nyear = 2030\n\
                provenance = { source = \"s\", evidence = \"default\", review = { checked_on = 2026-01-01, next = 2027-01-01 } }\n\
                workdays = [2030-01-02]\n\
                holidays = [{ from = 2030-02-05, to = 2030-02-04, name = { zh-CN = \"x\", en = \"x\" } }]\n";
    assert_eq!(
        faults(text),
        [
            "calendars/x.toml:8:39: the holiday ends before it begins",
            "calendars/x.toml:7:13: a make-up workday falls on a weekend",
        ]
    );
    assert_eq!(
        faults("kind = \"moon\"\n"),
        ["calendars/x.toml:1:8: unknown kind `moon`, expected `holidays` or `hours`"]
    );
}

#[test]
fn a_shift_that_is_none_and_a_list_that_is_missing_are_named() {
    let text = |list: &str, monday: &str| {
        format!(
            "kind = \"hours\"\nid = \"night\"\ntitle = {{ zh-CN = \"x\", en = \"x\" }}\n\
             provenance = {{ source = \"s\", evidence = \"default\", review = {{ checked_on = 2026-01-01, next = 2027-01-01 }} }}\n\
             holidays = \"{list}\"\nmakeup_as = \"monday\"\n[week]\nmonday = [{monday}]\n"
        )
    };
    assert_eq!(faults(&text("mars", "")), ["calendars/x.toml:5:12: no list of holidays has the id `mars`"]);
    let bad = faults(&text("cn", "\"8-12\", \"20:00-24:01\""));
    assert!(bad[0].starts_with("calendars/x.toml:8:11: `8-12` is no shift"), "{bad:?}");
    assert!(bad[1].starts_with("calendars/x.toml:8:19: `20:00-24:01` is no shift"), "{bad:?}");
    assert_eq!(bad.len(), 3, "and no day has a shift: {bad:?}");
    assert!(faults(&text("cn", "\"08:00-12:00\", \"11:00-13:00\""))[0].contains("follow one another"));
}

/// Instants of 2019 to 2028, to the microsecond.
fn some_instant() -> impl Strategy<Value = Timestamp> {
    (1_546_300_800_000_000i64..1_861_920_000_000_000).prop_map(yiti_kernel::time::from_micros)
}

fn some_duration() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![0i64..100_000_000, 0i64..3_000_000_000_000].prop_map(SignedDuration::from_micros)
}

fn both() -> impl Strategy<Value = Calendar> {
    prop_oneof![Just(Calendar::Always), Just(office())]
}

proptest! {
    #[test]
    fn what_was_added_lies_between(calendar in both(), start in some_instant(), by in some_duration()) {
        let end = calendar.add(start, by);
        prop_assert_eq!(calendar.between(start, end), by);
        prop_assert_eq!(calendar.between(end, start), -by);
        let begin = calendar.add(start, -by);
        prop_assert_eq!(calendar.between(begin, start), by);
    }

    #[test]
    fn adding_in_two_steps_is_adding_at_once(calendar in both(), start in some_instant(), a in some_duration(), b in some_duration()) {
        prop_assert_eq!(calendar.add(calendar.add(start, a), b), calendar.add(start, a + b));
    }

    #[test]
    fn a_later_start_is_never_due_earlier(calendar in both(), one in some_instant(), other in some_instant(), by in some_duration()) {
        let (early, late) = (one.min(other), one.max(other));
        prop_assert!(calendar.add(early, by) <= calendar.add(late, by));
    }

    #[test]
    fn more_time_is_never_due_earlier(calendar in both(), start in some_instant(), a in some_duration(), b in some_duration()) {
        prop_assert!(calendar.add(start, a.min(b)) <= calendar.add(start, a.max(b)));
        prop_assert!(calendar.add(start, a) >= start);
    }

    #[test]
    fn elapsed_time_adds_up(calendar in both(), a in some_instant(), b in some_instant(), c in some_instant()) {
        prop_assert_eq!(calendar.between(a, b) + calendar.between(b, c), calendar.between(a, c));
    }

    #[test]
    fn no_day_has_more_than_its_shifts(start in some_instant()) {
        let office = office();
        let midnight = day_start(day(start));
        let next = midnight.checked_add(hours(24)).unwrap();
        let worked = office.between(midnight, next);
        prop_assert!(worked.is_zero() || worked == SignedDuration::from_mins(450), "{worked}");
    }

    #[test]
    fn an_instant_counts_exactly_when_time_passes_at_it(start in some_instant()) {
        let office = office();
        let a_moment = SignedDuration::from_micros(1);
        let next = start.checked_add(a_moment).unwrap();
        prop_assert_eq!(office.is_working(start), office.between(start, next) == a_moment);
    }
}
