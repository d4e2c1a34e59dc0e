//! Rules: versions, variants, faults with their places, cases.

use yiti_kernel::civil::{DateTime, date};

use super::*;

const REPORT: &str = r#"id = "diagnostics.report"
title = { zh-CN = "x", en = "Report of an examination" }
facts = ["modality", "priority"]
provenance = { source = "yiti-defaults", evidence = "default", review = { checked_on = 2026-11-22, next = 2027-11-22 } }

[[version]]
effective_from = 2026-01-01
calendar = "office"
limit_minutes = 240
warn_ratio = 0.7
escalation = [{ after_minutes = 60, to_role = "department_head" }, { after_minutes = -30, to_role = "reading_room" }]

[[version.variant]]
id = "stat_head"
when = { modality = ["CT", "MR"], priority = ["stat"] }
calendar = "always"
limit_minutes = 30
warn_minutes = 10
escalation = [{ after_minutes = 0, to_role = "department_head" }]

[[version.variant]]
id = "stat"
when = { priority = ["stat"] }
calendar = "always"
limit_minutes = 60

[[version]]
effective_from = 2026-07-01
calendar = "office"
limit_minutes = 120
"#;

fn file(text: &str) -> File {
    File { path: "clocks/report.toml".into(), text: text.into() }
}

fn calendars() -> Calendars {
    let cn = include_str!("../../../definitions/calendars/cn.toml");
    let office = include_str!("../../../definitions/calendars/office.toml");
    Calendars::load(&[file(cn), file(office)]).unwrap()
}

fn rules() -> Rules {
    Rules::load(&[file(REPORT)], &calendars()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn at(text: &str) -> Timestamp {
    time::instant(text.parse::<DateTime>().unwrap())
}

fn faults(text: &str) -> Vec<String> {
    let Err(faults) = Rules::load(&[file(text)], &calendars()) else { return Vec::new() };
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_first_variant_whose_facts_hold_wins() {
    let variant = |facts: &[(&str, &str)]| {
        let terms = rules().start("diagnostics.report", facts, at("2026-03-02T08:00")).unwrap();
        (terms.variant, terms.plan.limit_minutes)
    };
    assert_eq!(variant(&[("modality", "CT"), ("priority", "stat")]), ("stat_head".into(), 30));
    assert_eq!(variant(&[("modality", "DX"), ("priority", "stat")]), ("stat".into(), 60));
    assert_eq!(variant(&[("modality", "CT"), ("priority", "routine")]), (BASE.into(), 240));
    assert_eq!(variant(&[]), (BASE.into(), 240));
}

#[test]
fn a_variant_takes_what_it_leaves_out_from_its_version() {
    let terms = rules().start("diagnostics.report", &[("priority", "stat")], at("2026-03-02T08:00")).unwrap();
    assert_eq!(terms.plan.warn_lead_minutes, Some(18), "seventy per cent of sixty minutes have passed");
    assert_eq!(terms.plan.escalation.len(), 2);
    assert_eq!(terms.schedule.warn_at, Some(at("2026-03-02T08:42")));
    assert_eq!(terms.schedule.escalations[0].at, at("2026-03-02T08:30"), "the ladder is in order of time");
}

#[test]
fn an_escalation_waits_for_working_time() {
    let terms = rules().start("diagnostics.report", &[], at("2026-03-06T14:00")).unwrap();
    assert_eq!(terms.schedule.due_at, at("2026-03-09T08:30"), "3.5 hours on Friday, half an hour on Monday");
    assert_eq!(terms.schedule.escalations[1].at, at("2026-03-09T09:30"));
    assert_eq!(terms.schedule.escalations[0].at, at("2026-03-09T08:00"), "and one before the due instant too");
}

#[test]
fn the_version_is_the_one_of_the_day_of_the_start_event() {
    let version = |start: &str| rules().start("diagnostics.report", &[], at(start)).unwrap();
    assert_eq!(version("2026-06-30T23:59:59").plan.limit_minutes, 240);
    assert_eq!(version("2026-07-01T00:00").plan.limit_minutes, 120);
    assert_ne!(version("2026-06-30T08:00").version, version("2026-07-01T08:00").version);
    assert_eq!(version("2026-07-01T08:00").version.len(), 16);
}

#[test]
fn a_day_before_the_first_version_has_no_rule() {
    let refused = rules().start("diagnostics.report", &[], at("2025-12-31T23:59")).unwrap_err();
    assert_eq!(refused, NoTerms::NotInForce { rule: "diagnostics.report".into(), from: date(2026, 1, 1) });
    assert_eq!(refused.to_string(), "the clock rule `diagnostics.report` is in force from 2026-01-01");
}

#[test]
fn facts_that_fit_no_variant_are_refused_when_there_is_no_base() {
    let text = REPORT.replace("limit_minutes = 240\n", "");
    let rules = Rules::load(&[file(&text)], &calendars()).unwrap();
    let refused = rules.start("diagnostics.report", &[("priority", "routine")], at("2026-03-02T08:00"));
    assert!(matches!(refused, Err(NoTerms::NoVariant { .. })), "{refused:?}");
}

#[test]
fn a_newer_version_leaves_the_digest_of_the_older_one() {
    let older = REPORT.split("[[version]]\neffective_from = 2026-07-01").next().unwrap();
    let before = Rules::load(&[file(older)], &calendars()).unwrap();
    let digest = |rules: &Rules| rules.get("diagnostics.report").unwrap().versions[0].digest.clone();
    assert_eq!(digest(&before), digest(&rules()));
    let changed = Rules::load(&[file(&REPORT.replace("= 240", "= 241"))], &calendars()).unwrap();
    assert_ne!(digest(&changed), digest(&rules()));
}

#[test]
fn a_due_instant_in_a_year_without_holidays_says_so() {
    let start = |text: &str| rules().start("diagnostics.report", &[], at(text)).unwrap().is_calendar_known;
    assert!(start("2026-12-30T08:00"));
    assert!(!start("2026-12-31T17:00"));
}

#[test]
fn all_faults_of_a_rule_are_named_with_their_places() {
    let text = REPORT
        .replace("calendar = \"office\"\nlimit_minutes = 240", "calendar = \"moon\"\nlimit_minutes = 0")
        .replace("modality = [\"CT\", \"MR\"]", "modalty = [\"CT\"]")
        .replace("warn_minutes = 10", "warn_minutes = 30")
        .replace("effective_from = 2026-07-01", "effective_from = 2026-01-01");
    assert_eq!(
        faults(&text),
        [
            "clocks/report.toml:15:10: `modalty` is none of the rule's facts [\"modality\", \"priority\"]",
            "clocks/report.toml:18:16: the warning comes before the due instant, after the start",
            "clocks/report.toml:9:17: a limit lies between one minute and ten years",
            "clocks/report.toml:8:12: no calendar has the id `moon`",
            "clocks/report.toml:11:86: the step comes before the start",
            "clocks/report.toml:28:18: the versions are to stand in order of time",
        ]
        .map(str::to_owned)
        .into_iter()
        .collect::<Vec<_>>()
    );
}

#[test]
fn an_unknown_key_is_refused() {
    let found = faults(&REPORT.replace("warn_ratio = 0.7", "warn_ration = 0.7"));
    assert!(found[0].starts_with("clocks/report.toml:10:1: unknown field `warn_ration`"), "{found:?}");
}

#[test]
fn a_rule_without_any_limit_is_refused() {
    let text = "id = \"a.b\"\ntitle = { zh-CN = \"x\", en = \"x\" }\n\
                provenance = { source = \"s\", evidence = \"default\", review = { checked_on = 2026-01-01, next = 2027-01-01 } }\n\
                [[version]]\neffective_from = 2026-01-01\ncalendar = \"always\"\n";
    assert_eq!(
        faults(text),
        ["clocks/report.toml:5:18: a version has `limit_minutes` or at least one `[[version.variant]]`"]
    );
}

#[test]
fn cases_pass_and_a_wrong_one_is_named() {
    let cases = r#"clock = "diagnostics.report"
[[case]]
says = "a stat CT is due after half an hour, across midnight"
facts = { modality = "CT", priority = "stat" }
start = 2026-03-08T23:50:00
variant = "stat_head"
due = 2026-03-09T00:20:00
warn = 2026-03-09T00:10:00

[[case]]
says = "routine on a Friday afternoon"
start = 2026-03-06T14:00:00
due = 2026-03-09T08:31:00
"#;
    let run = |text: &str| crate::case::run_cases(&[file(text)], &rules());
    let faults = run(cases).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!(
        faults[0].to_string(),
        "clocks/report.toml:13:7: routine on a Friday afternoon: due at 2026-03-09 08:30:00"
    );
    assert_eq!(run(&cases.replace("08:31:00", "08:30:00")), Ok(2));
}
