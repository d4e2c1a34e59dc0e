//! Obligations on both databases.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use yiti_clock::obligation::NoticeKind;
use yiti_clock::store::{self, Stored, Subject, Tick};
use yiti_clock::{Calendars, Error, MIGRATIONS, ObligationId, Refused, Rules};
use yiti_kernel::civil::DateTime;
use yiti_kernel::definition::File;
use yiti_kernel::{Timestamp, Uuid, time};
use yiti_store::journal::By;
use yiti_store::testing::on_both;
use yiti_store::{Store, Tx, statements};

const RULE: &str = r#"id = "test.read"
title = { zh-CN = "x", en = "Read" }
provenance = { source = "s", evidence = "default", review = { checked_on = 2026-01-01, next = 2027-01-01 } }
[[version]]
effective_from = 2026-01-01
calendar = "always"
limit_minutes = 30
warn_minutes = 10
escalation = [{ after_minutes = 5, to_role = "head" }, { after_minutes = 15, to_role = "director" }]
"#;

fn rules_of(text: &str) -> Rules {
    let file = File { path: "clocks/read.toml".into(), text: text.into() };
    Rules::load(&[file], &Calendars::default()).unwrap()
}

fn rules() -> Rules {
    rules_of(RULE)
}

fn at(text: &str) -> Timestamp {
    time::instant(format!("2026-11-22T{text}").parse::<DateTime>().unwrap())
}

fn doctor() -> By {
    By { kind: "person", id: Some(Uuid::from_u128(7)), name: "Doctor".into(), post: None, institution: None }
}

const INSTITUTION: Uuid = Uuid::from_u128(1);

fn subject(id: Uuid) -> Subject<'static> {
    Subject { kind: "examination", id, patient: None, institution: INSTITUTION, role: "reader", person: None }
}

/// Runs an act and unwraps it.
macro_rules! act {
    ($store:expr, |$tx:ident| $body:expr) => {
        $store.write(move |$tx: &mut Tx| Box::pin(async move { $body })).await
    };
}

async fn start(store: &Store, id: Uuid, from: &str) -> ObligationId {
    let from = at(from);
    act!(store, |tx| {
        let terms = rules().start("test.read", &[], from)?;
        store::start(tx, &terms, &subject(id), &doctor(), from).await
    })
    .unwrap()
}

async fn tick(store: &Store, now: &str) -> Tick {
    let now = at(now);
    act!(store, |tx| store::tick(tx, now).await).unwrap()
}

async fn get(store: &Store, id: ObligationId) -> Stored {
    store::get(&mut store.read().await.unwrap(), id).await.unwrap()
}

fn told(tick: &Tick) -> Vec<(NoticeKind, &str)> {
    tick.raised.iter().map(|raised| (raised.kind, raised.to_role.as_str())).collect()
}

#[tokio::test]
async fn a_tick_raises_each_notice_once() {
    on_both(&[MIGRATIONS], |store| async move {
        let id = start(&store, Uuid::from_u128(100), "10:00:00").await;
        assert!(tick(&store, "10:19:59").await.raised.is_empty());
        assert_eq!(told(&tick(&store, "10:20:00").await), [(NoticeKind::Warning, "reader")]);
        assert!(tick(&store, "10:20:00").await.raised.is_empty());
        assert!(tick(&store, "10:30:00").await.raised.is_empty(), "at the due instant the act is in time");
        let late = tick(&store, "10:36:00").await;
        assert_eq!(told(&late), [(NoticeKind::Breach, "reader"), (NoticeKind::Escalation, "head")]);
        assert!(late.done());
        assert_eq!(get(&store, id).await.course.breached_at, Some(at("10:30:00")));
        assert_eq!(told(&tick(&store, "10:45:00").await), [(NoticeKind::Escalation, "director")]);
        assert!(tick(&store, "23:00:00").await.raised.is_empty());
        let journal = store.verify_journal().await.unwrap();
        assert_eq!((journal.entry_count, journal.broken), (1, None), "the breach is in the journal");
    })
    .await;
}

#[tokio::test]
async fn a_tick_after_a_long_silence_raises_all_that_was_missed() {
    on_both(&[MIGRATIONS], |store| async move {
        start(&store, Uuid::from_u128(100), "10:00:00").await;
        assert_eq!(tick(&store, "20:00:00").await.raised.len(), 4);
        assert!(tick(&store, "20:00:00").await.raised.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_late_act_stays_late_and_is_explained() {
    on_both(&[MIGRATIONS], |store| async move {
        let id = start(&store, Uuid::from_u128(100), "10:00:00").await;
        let met = act!(store, |tx| {
            store::satisfy_for(tx, "test.read", Uuid::from_u128(100), at("10:40:00"), &doctor(), at("10:41:00")).await
        })
        .unwrap()
        .unwrap();
        assert!(met.course.is_late());
        let refused = act!(store, |tx| store::satisfy(tx, id, at("10:20:00"), &doctor(), at("10:42:00")).await);
        assert!(matches!(refused, Err(Error::Refused(Refused::Closed { .. }))), "{refused:?}");
        act!(store, |tx| store::explain(tx, id, " the scanner stood still ", &doctor(), at("11:00:00")).await).unwrap();
        let stored = get(&store, id).await;
        assert!(stored.is_explained && stored.course.is_late());
        assert_eq!(stored.course.breached_at, Some(at("10:30:00")));
        let history = store::history(&mut store.read().await.unwrap(), id).await.unwrap();
        let kinds: Vec<_> = history.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["started", "breached", "satisfied", "explained"]);
        assert_eq!((history[3].text.as_str(), history[3].actor), ("the scanner stood still", doctor().id));
        assert!(tick(&store, "12:00:00").await.raised.is_empty(), "nobody is told of what is done");
    })
    .await;
}

#[tokio::test]
async fn a_pause_stops_the_notices_and_a_warning_is_not_repeated() {
    on_both(&[MIGRATIONS], |store| async move {
        let id = start(&store, Uuid::from_u128(100), "10:00:00").await;
        assert_eq!(tick(&store, "10:21:00").await.raised.len(), 1);
        act!(store, |tx| store::pause(tx, &rules(), id, "a second picture is made", &doctor(), at("10:25:00")).await)
            .unwrap();
        assert!(tick(&store, "12:00:00").await.raised.is_empty());
        let resumed = act!(store, |tx| store::resume(tx, &rules(), id, &doctor(), at("12:00:00")).await).unwrap();
        assert_eq!(resumed.course.due_at(), at("12:05:00"));
        assert!(tick(&store, "12:05:00").await.raised.is_empty());
        assert_eq!(told(&tick(&store, "12:06:00").await), [(NoticeKind::Breach, "reader")]);
    })
    .await;
}

#[tokio::test]
async fn a_new_version_of_the_rule_never_touches_a_running_obligation() {
    on_both(&[MIGRATIONS], |store| async move {
        let id = start(&store, Uuid::from_u128(100), "10:00:00").await;
        let before = get(&store, id).await;
        let newer = rules_of(&RULE.replace("limit_minutes = 30", "limit_minutes = 20"));
        let held = newer.clone();
        act!(store, |tx| store::pause(tx, &held, id, "a reason", &doctor(), at("10:10:00")).await).unwrap();
        let after = act!(store, |tx| store::resume(tx, &newer, id, &doctor(), at("10:20:00")).await).unwrap();
        assert_eq!((&after.version, &after.course.plan), (&before.version, &before.course.plan));
        assert_eq!(after.course.due_at(), at("10:40:00"), "still thirty minutes, ten of them paused");
    })
    .await;
}

#[tokio::test]
async fn one_rule_runs_once_at_a_time_for_one_subject() {
    on_both(&[MIGRATIONS], |store| async move {
        let id = start(&store, Uuid::from_u128(100), "10:00:00").await;
        let again = act!(store, |tx| {
            let terms = rules().start("test.read", &[], at("10:01:00"))?;
            store::start(tx, &terms, &subject(Uuid::from_u128(100)), &doctor(), at("10:01:00")).await
        });
        assert!(matches!(again, Err(Error::Refused(Refused::Running))), "{again:?}");
        act!(store, |tx| store::cancel(tx, id, "the order was withdrawn", &doctor(), at("10:02:00")).await).unwrap();
        start(&store, Uuid::from_u128(100), "10:03:00").await;
        let mut reader = store.read().await.unwrap();
        assert_eq!(store::all_for_subject(&mut reader, Uuid::from_u128(100)).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn lists_show_what_is_open_the_most_urgent_first() {
    on_both(&[MIGRATIONS], |store| async move {
        for n in (0..12u32).rev() {
            start(&store, Uuid::from_u128(u128::from(100 + n)), &format!("10:{n:02}:00")).await;
        }
        let person = Uuid::from_u128(9);
        act!(store, |tx| {
            let found = store::find_open(tx, "test.read", Uuid::from_u128(105)).await?.map(|stored| stored.id);
            store::assign(tx, found.unwrap(), "reader", Some(person), &doctor(), at("10:12:00")).await?;
            store::satisfy_for(tx, "test.read", Uuid::from_u128(104), at("10:12:00"), &doctor(), at("10:12:00")).await
        })
        .unwrap();
        let mut reader = store.read().await.unwrap();
        let subjects: Vec<Uuid> = (100..112).map(Uuid::from_u128).collect();
        let open = store::open_for_subjects(&mut reader, &subjects).await.unwrap();
        assert_eq!(open.len(), 11);
        assert!(open.is_sorted_by_key(|stored| stored.course.due_at()));
        assert_eq!(store::open_at(&mut reader, INSTITUTION, 5).await.unwrap(), open[..5]);
        let mine = store::open_for_person(&mut reader, person, 5).await.unwrap();
        assert_eq!(mine.iter().map(|stored| stored.subject).collect::<Vec<_>>(), [Uuid::from_u128(105)]);
        let due = store::due_between(&mut reader, at("10:30:00"), at("10:32:00")).await.unwrap();
        assert_eq!(due.len(), 2, "the end of the range is not in it");
    })
    .await;
}

#[tokio::test]
async fn the_tally_counts_late_and_merely_breached_ones_apart() {
    on_both(&[MIGRATIONS], |store| async move {
        // In time; late; in time but recorded late; open and overdue; cancelled in time.
        let done: [(u128, Option<(&str, &str)>); 5] = [
            (100, Some(("10:20:00", "10:20:00"))),
            (101, Some(("10:40:00", "10:40:00"))),
            (102, Some(("10:20:00", "10:50:00"))),
            (103, None),
            (104, None),
        ];
        for (n, done) in done {
            let id = start(&store, Uuid::from_u128(n), "10:00:00").await;
            if let Some((happened, recorded)) = done {
                let (happened, recorded) = (at(happened), at(recorded));
                act!(store, |tx| store::satisfy(tx, id, happened, &doctor(), recorded).await).unwrap();
            } else if n == 104 {
                act!(store, |tx| store::cancel(tx, id, "withdrawn", &doctor(), at("10:05:00")).await).unwrap();
            }
        }
        tick(&store, "11:00:00").await;
        let mut reader = store.read().await.unwrap();
        let tallies = store::tallies(&mut reader, "2026-11", "2026-11").await.unwrap();
        assert_eq!(tallies.len(), 1);
        let tally = &tallies[0];
        assert_eq!(
            (tally.rule.as_str(), tally.institution, tally.month.as_str()),
            ("test.read", INSTITUTION, "2026-11")
        );
        assert_eq!((tally.obligation_count, tally.satisfied_count, tally.open_count), (4, 3, 1));
        assert_eq!((tally.breached_count, tally.late_count, tally.explained_count), (3, 1, 0));
        assert!(store::tallies(&mut reader, "2026-10", "2026-10").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_moved_start_moves_the_due_instant_and_warns_anew() {
    on_both(&[MIGRATIONS], |store| async move {
        let id = start(&store, Uuid::from_u128(100), "10:00:00").await;
        assert_eq!(tick(&store, "10:21:00").await.raised.len(), 1);
        let moved = act!(store, |tx| {
            store::reschedule(
                tx,
                &rules(),
                id,
                at("14:00:00"),
                "the patient comes in the afternoon",
                &doctor(),
                at("10:22:00"),
            )
            .await
        })
        .unwrap();
        assert_eq!(moved.course.due_at(), at("14:30:00"));
        assert_eq!(told(&tick(&store, "14:21:00").await), [(NoticeKind::Warning, "reader")]);
        let refused = act!(store, |tx| {
            store::reschedule(tx, &rules(), id, at("16:00:00"), "later still", &doctor(), at("14:31:00")).await
        });
        assert!(matches!(refused, Err(Error::Refused(Refused::Overdue { .. }))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn both_databases_understand_every_statement() {
    on_both(&[MIGRATIONS], |store| async move {
        let mut reader = store.read().await.unwrap();
        for statement in statements().filter(|statement| statement.file.contains("clock")) {
            reader
                .prepare(statement.sql)
                .await
                .unwrap_or_else(|e| panic!("{}:{}: {e:?}", statement.file, statement.line));
        }
    })
    .await;
}
