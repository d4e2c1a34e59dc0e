//! The steps of one obligation, and what stays true whatever is done.

use std::sync::Arc;

use proptest::prelude::*;
use yiti_kernel::civil::{DateTime, date};
use yiti_kernel::time;

use super::*;
use crate::calendar::{Shift, Working, Year};
use crate::rule::Step;

fn at(text: &str) -> Timestamp {
    time::instant(text.parse::<DateTime>().unwrap())
}

fn office() -> Calendar {
    let day = vec![Shift { start: 480, end: 720 }, Shift { start: 840, end: 1050 }];
    let week = [day.clone(), day.clone(), day.clone(), day.clone(), day.clone(), vec![], vec![]];
    let year = Year { holidays: (1..8).map(|d| date(2026, 10, d)).collect(), workdays: [date(2026, 10, 10)].into() };
    Calendar::Working(Arc::new(Working::new(week, day, Arc::new([(2026, year)].into())).unwrap()))
}

fn plan(limit_minutes: u32) -> Plan {
    Plan {
        calendar: "any".into(),
        limit_minutes,
        warn_lead_minutes: Some(limit_minutes / 3),
        escalation: vec![
            Step { after_minutes: 0, to_role: "head".into() },
            Step { after_minutes: 30, to_role: "director".into() },
        ],
    }
}

fn started(calendar: &Calendar, start: Timestamp, limit_minutes: u32) -> Obligation {
    let plan = plan(limit_minutes);
    let schedule = plan.schedule(calendar, calendar.add(start, plan.limit()));
    Obligation {
        plan,
        started_at: start,
        schedule,
        round: 1,
        breached_at: None,
        raised_until: None,
        state: State::Running,
    }
}

fn thirty_minutes() -> Obligation {
    started(&Calendar::Always, at("2026-11-22T10:00"), 30)
}

#[test]
fn an_act_at_the_due_instant_is_in_time_and_one_second_later_is_late() {
    let due = at("2026-11-22T10:30");
    let met = thirty_minutes().satisfy(due, due).unwrap();
    assert_eq!((met.is_late(), met.breached_at), (false, None));
    let second = at("2026-11-22T10:30:01");
    let late = thirty_minutes().satisfy(second, second).unwrap();
    assert_eq!((late.is_late(), late.breached_at), (true, Some(due)));
}

#[test]
fn an_act_in_time_that_is_recorded_too_late_is_breached_and_not_late() {
    let met = thirty_minutes().satisfy(at("2026-11-22T10:29"), at("2026-11-22T10:40")).unwrap();
    assert_eq!(met.state, State::Satisfied { at: at("2026-11-22T10:29"), is_late: false });
    assert_eq!(met.breached_at, Some(at("2026-11-22T10:30")));
}

#[test]
fn a_breach_is_the_same_whether_a_tick_saw_it_or_not() {
    let (done, recorded) = (at("2026-11-22T10:29"), at("2026-11-22T10:40"));
    let seen = thirty_minutes().raised(at("2026-11-22T10:35")).satisfy(done, recorded).unwrap();
    let unseen = thirty_minutes().satisfy(done, recorded).unwrap();
    assert_eq!((seen.breached_at, seen.state), (unseen.breached_at, unseen.state));
}

#[test]
fn a_pause_moves_the_due_instant_by_working_time() {
    // Wednesday 30 September 2026, two hours of work; paused at 16:30 with one hour left.
    let office = office();
    let running = started(&office, at("2026-09-30T15:30"), 120);
    assert_eq!(running.due_at(), at("2026-09-30T17:30"));
    let paused = running.pause(&office, at("2026-09-30T16:30"), "the patient eats").unwrap();
    assert_eq!(paused.next_at(), None);
    let resumed = paused.resume(&office, at("2026-10-03T10:00")).unwrap();
    assert_eq!(resumed.due_at(), at("2026-10-08T09:00"), "the holiday does not count");
    assert_eq!(resumed.schedule.escalations[1].at, at("2026-10-08T09:30"));
}

#[test]
fn an_overdue_obligation_can_be_neither_paused_nor_moved() {
    let (due_at, now) = (at("2026-11-22T10:30"), at("2026-11-22T10:31"));
    let refused = Refused::Overdue { due_at };
    assert_eq!(thirty_minutes().pause(&Calendar::Always, now, "a reason"), Err(refused.clone()));
    assert_eq!(thirty_minutes().reschedule(&Calendar::Always, now, now, "a reason"), Err(refused.clone()));
    let breached = thirty_minutes().observe(now);
    assert_eq!(breached.pause(&Calendar::Always, at("2026-11-22T10:20"), "entered earlier"), Err(refused));
    assert_eq!(Refused::Overdue { due_at }.to_string(), "the obligation was due at 2026-11-22T02:30:00Z");
}

#[test]
fn a_step_needs_a_reason_and_an_order_in_time() {
    let (always, start) = (Calendar::Always, at("2026-11-22T10:00"));
    assert_eq!(thirty_minutes().pause(&always, start, "  "), Err(Refused::NoReason));
    assert_eq!(thirty_minutes().cancel(start, ""), Err(Refused::NoReason));
    let early = at("2026-11-22T09:59");
    assert_eq!(thirty_minutes().satisfy(early, start), Err(Refused::Earlier { than: start }));
    assert_eq!(thirty_minutes().satisfy(at("2026-11-22T10:01"), start), Err(Refused::InFuture { than: start }));
    let paused = thirty_minutes().pause(&always, start, "a reason").unwrap();
    assert_eq!(paused.clone().resume(&always, early), Err(Refused::Earlier { than: start }));
    assert_eq!(paused.pause(&always, start, "again"), Err(Refused::Paused));
    assert_eq!(thirty_minutes().resume(&always, start), Err(Refused::NotPaused));
}

#[test]
fn a_closed_obligation_takes_no_step() {
    let (always, now) = (Calendar::Always, at("2026-11-22T10:05"));
    let met = thirty_minutes().satisfy(now, now).unwrap();
    let closed = Refused::Closed { state: "satisfied" };
    assert_eq!(met.clone().satisfy(now, now), Err(closed.clone()));
    assert_eq!(met.clone().pause(&always, now, "x"), Err(closed.clone()));
    assert_eq!(met.clone().resume(&always, now), Err(closed.clone()));
    assert_eq!(met.clone().cancel(now, "x"), Err(closed.clone()));
    assert_eq!(met.clone().reschedule(&always, now, now, "x"), Err(closed));
    assert_eq!((met.next_at(), met.left(&always, now)), (None, None));
}

#[test]
fn only_a_breach_is_explained_and_the_explanation_says_something() {
    assert_eq!(thirty_minutes().explain("the lift stood still"), Err(Refused::NotBreached));
    let late = at("2026-11-22T11:00");
    let breached = thirty_minutes().satisfy(late, late).unwrap();
    assert_eq!(breached.explain(" \n"), Err(Refused::NoReason));
    assert_eq!(breached.explain(" the lift stood still "), Ok("the lift stood still".into()));
}

#[test]
fn a_breach_outlives_a_cancellation() {
    let cancelled = thirty_minutes().cancel(at("2026-11-22T10:31"), "the order was wrong").unwrap();
    assert_eq!(cancelled.breached_at, Some(at("2026-11-22T10:30")));
}

#[test]
fn moments_come_in_order_and_each_once() {
    let words = |obligation: &Obligation, now: &str| {
        obligation.due_moments(at(now)).iter().map(|m| (m.kind.word(), m.step)).collect::<Vec<_>>()
    };
    let running = thirty_minutes();
    assert_eq!(running.next_at(), Some(at("2026-11-22T10:20")));
    assert_eq!(words(&running, "2026-11-22T10:19:59"), []);
    assert_eq!(words(&running, "2026-11-22T10:20"), [("warning", 0)]);
    assert_eq!(words(&running, "2026-11-22T10:30"), [("warning", 0), ("escalation", 0)], "in time at the due instant");
    let raised = running.raised(at("2026-11-22T10:30"));
    assert_eq!(raised.breached_at, None);
    assert_eq!(words(&raised, "2026-11-22T11:00"), [("breach", 0), ("escalation", 1)]);
    let raised = raised.raised(at("2026-11-22T11:00"));
    assert_eq!((raised.next_at(), raised.breached_at), (None, Some(at("2026-11-22T10:30"))));
}

#[test]
fn a_new_schedule_warns_anew() {
    let now = at("2026-11-22T10:25");
    let moved =
        thirty_minutes().raised(now).reschedule(&Calendar::Always, at("2026-11-23T08:00"), now, "put off").unwrap();
    assert_eq!((moved.round, moved.due_at()), (2, at("2026-11-23T08:30")));
    assert_eq!(moved.next_at(), Some(at("2026-11-23T08:20")));
}

#[test]
fn an_obligation_reads_back_from_its_document() {
    let now = at("2026-11-22T10:07:03.000001");
    for obligation in [
        thirty_minutes(),
        thirty_minutes().pause(&Calendar::Always, now, "a reason").unwrap(),
        thirty_minutes().satisfy(now, now).unwrap(),
        thirty_minutes().cancel(at("2026-11-22T10:31"), "a reason").unwrap(),
    ] {
        let document = serde_json::to_string(&obligation).unwrap();
        assert_eq!(serde_json::from_str::<Obligation>(&document).unwrap(), obligation);
    }
}

/// Instants of 2025 to 2027.
fn some_instant() -> impl Strategy<Value = Timestamp> {
    (1_735_689_600_000_000i64..1_830_000_000_000_000).prop_map(time::from_micros)
}

fn both() -> impl Strategy<Value = Calendar> {
    prop_oneof![Just(Calendar::Always), Just(office())]
}

#[derive(Debug, Clone)]
enum Act {
    Pause,
    Resume,
    Satisfy { minutes_ago: i64 },
    Cancel,
    Reschedule,
    Tick,
}

fn some_acts() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let act = prop_oneof![
        Just(Act::Pause),
        Just(Act::Resume),
        (0i64..200).prop_map(|minutes_ago| Act::Satisfy { minutes_ago }),
        Just(Act::Cancel),
        Just(Act::Reschedule),
        Just(Act::Tick),
    ];
    proptest::collection::vec((0i64..400, act), 0..12)
}

proptest! {
    #[test]
    fn pausing_and_resuming_at_once_changes_nothing(
        calendar in both(), start in some_instant(), limit in 1u32..5_000, share in 0.0f64..1.0,
    ) {
        let running = started(&calendar, start, limit);
        let span = running.due_at().duration_since(start);
        let at = start.checked_add(SignedDuration::from_micros((span.as_micros() as f64 * share) as i64)).unwrap();
        let again = running.clone().pause(&calendar, at, "x").unwrap().resume(&calendar, at).unwrap();
        prop_assert_eq!(again, running);
    }

    #[test]
    fn a_pause_never_gives_more_working_time(
        calendar in both(), start in some_instant(), limit in 1u32..2_000, first in 0i64..10_000, length in 0i64..50_000,
    ) {
        let plus = |at: Timestamp, minutes: i64| at.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        let running = started(&calendar, start, limit);
        let (since, until) = (plus(start, first), plus(plus(start, first), length));
        let Ok(paused) = running.pause(&calendar, since, "x") else { return Ok(()) };
        let resumed = paused.resume(&calendar, until).unwrap();
        let worked = calendar.between(start, since) + calendar.between(until, resumed.due_at());
        prop_assert_eq!(worked, resumed.plan.limit());
    }

    #[test]
    fn whatever_is_done_a_breach_stays_and_the_plan_too(
        calendar in both(), start in some_instant(), limit in 1u32..500, acts in some_acts(),
    ) {
        let mut now = start;
        let mut obligation = started(&calendar, start, limit);
        let plan = obligation.plan.clone();
        for (minutes, act) in acts {
            now = now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
            let before = obligation.clone();
            let after = match act {
                Act::Pause => before.clone().pause(&calendar, now, "x"),
                Act::Resume => before.clone().resume(&calendar, now),
                Act::Satisfy { minutes_ago } => {
                    let at = now.checked_sub(SignedDuration::from_mins(minutes_ago)).unwrap();
                    before.clone().satisfy(at, now)
                }
                Act::Cancel => before.clone().cancel(now, "x"),
                Act::Reschedule => before.clone().reschedule(&calendar, now, now, "x"),
                Act::Tick => Ok(before.clone().raised(now)),
            };
            let Ok(after) = after else { continue };
            prop_assert_eq!(&after.plan, &plan);
            if before.breached_at.is_some() {
                prop_assert_eq!(after.breached_at, before.breached_at);
                prop_assert_eq!(after.due_at(), before.due_at());
            }
            if after.is_late() {
                prop_assert_eq!(after.breached_at, Some(after.due_at()));
            }
            if !before.state.is_open() {
                prop_assert_eq!(&after.state, &before.state);
            }
            prop_assert!(after.due_moments(now).len() <= after.moments().len());
            obligation = after;
        }
    }
}
