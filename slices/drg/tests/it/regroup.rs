//! A period under another scheme or tariff.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use yiti_directory::Title;
use yiti_drg::regrouping::{self, Error, Order};
use yiti_drg::store_regroup::{self as store, LineFilter, Progress, RegroupRunId};
use yiti_drg::{Definitions, group};
use yiti_kernel::Uuid;
use yiti_kernel::civil::date;
use yiti_record::front_page::{self, Status};
use yiti_store::testing::{on_both, sqlite};
use yiti_store::{args, sql};

use crate::site::{Site, february, house, save, stay};
use crate::support::MIGRATIONS;

fn order(institution: yiti_directory::InstitutionId, scheme: &str, pack: &str) -> Order {
    Order {
        id: RegroupRunId::fresh(),
        institution,
        from_on: date(2025, 6, 1),
        until_on: date(2026, 2, 28),
        scheme: scheme.into(),
        pack: pack.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_comparison_says_what_grouping_each_page_alone_says() {
    on_both(MIGRATIONS, |opened| async move {
        let house = house(opened).await;
        let platform = &house.platform;
        let officer = house.hire("officer", "insurance", house.lead, Title::None).await;
        february(&house, &officer).await;
        // More than one portion.
        for n in 100..700u32 {
            let on = date(2025, 7, i8::try_from(1 + n % 30).unwrap());
            save(&house, &officer, if n % 4 == 0 { house.branch } else { house.lead }, stay(n, on, 9_000)).await;
        }
        let node = platform.tree().root().unwrap().id;
        let scope = platform.tree().whole();
        let asked = order(node, "chs_drg_20", "");
        let id = asked.id;
        let run = platform.act(&officer, move |cx| Box::pin(regrouping::begin(cx, asked))).await.unwrap();
        assert_eq!(run.stay_count, 623, "23 final stays of February and 600 of July");
        let second = order(node, "chs_drg_11", "");
        let busy = platform.act(&officer, move |cx| Box::pin(regrouping::begin(cx, second))).await;
        assert!(matches!(busy, Err(Error::Busy(_))), "{busy:?}");
        regrouping::work(platform.clone(), officer.clone(), run).await;

        let mut reader = platform.store.read().await.unwrap();
        let done = store::run(&mut reader, scope, regrouping::process(), id).await.unwrap();
        assert_eq!((done.progress, done.done_count, done.totals.stays), (Progress::Done, 623, 623));
        assert_eq!(done.hash.len(), 64);
        let (lines, count) = store::lines(&mut reader, id, &LineFilter::default(), (10_000, 0)).await.unwrap();
        assert_eq!((lines.len(), count), (count as usize, done.changed_count));
        // Each page alone, grouped by the same scheme.
        let definitions = platform.kit.get::<Definitions>();
        let scheme = definitions.schemes.get("chs_drg_20").unwrap();
        let filter = front_page::Filter { status: Some(Status::Final), ..front_page::Filter::default() };
        let pages = front_page::read_many(&mut reader, scope, &filter, None, 10_000).await.unwrap();
        let mut changed = 0;
        for (listed, page) in &pages {
            let reach = yiti_drg::store::Reach::all(scope);
            let row = yiti_drg::store::get(&mut reader, &reach, listed.id).await.unwrap();
            let explained = group::explain(scheme, page);
            let named = scheme.name(explained.answer);
            let line = lines.iter().find(|line| line.changed.stay == listed.id);
            assert_eq!(line.is_some(), named.drg != row.drg, "{} {}", named.drg, row.drg);
            let Some(line) = line else { continue };
            changed += 1;
            assert_eq!((line.changed.drg_before.as_str(), line.changed.drg_after.as_str()), (&*row.drg, named.drg));
            for side in [&line.changed.why.before, &line.changed.why.after] {
                assert!(side["zh-CN"] != side["en"] && !side["en"].is_empty(), "{side:?}");
            }
        }
        assert!(changed > 100, "two schemes with different groups: {changed}");
        assert_eq!(changed, done.changed_count);
        let (moves, _) = store::moves(&mut reader, id, 1_000).await.unwrap();
        assert_eq!(moves.iter().map(|one| one.count).sum::<u32>(), done.changed_count);
        let sites = store::sites(&mut reader, id).await.unwrap();
        assert_eq!(sites.iter().map(|site| site.count).sum::<u32>(), done.changed_count);
        drop(reader);

        // The scheme and the tariff that hold now change nothing, in group, weight and money.
        let own = order(node, "changzhou_2022", "changzhou_2022");
        let own_id = own.id;
        let run = platform.act(&officer, move |cx| Box::pin(regrouping::begin(cx, own))).await.unwrap();
        regrouping::work(platform.clone(), officer.clone(), run).await;
        let mut reader = platform.store.read().await.unwrap();
        let same = store::run(&mut reader, scope, regrouping::process(), own_id).await.unwrap();
        assert_eq!((same.progress, same.changed_count), (Progress::Done, 0), "{:?}", same.totals);
        assert_eq!(same.totals.before, same.totals.after);
        assert!(same.totals.both_before.priced > 600);
        drop(reader);

        // Stopped: nothing more is written, and another one can begin.
        let third = order(node, "chs_drg_11", "");
        let third_id = third.id;
        let run = platform.act(&officer, move |cx| Box::pin(regrouping::begin(cx, third))).await.unwrap();
        platform.act(&officer, move |cx| Box::pin(regrouping::cancel(cx, third_id))).await.unwrap();
        regrouping::work(platform.clone(), officer.clone(), run).await;
        let mut reader = platform.store.read().await.unwrap();
        let stopped = store::run(&mut reader, scope, regrouping::process(), third_id).await.unwrap();
        assert_eq!((stopped.progress, stopped.done_count), (Progress::Cancelled, 0));
        assert_eq!(store::lines(&mut reader, third_id, &LineFilter::default(), (10, 0)).await.unwrap().1, 0);
        // What another process worked on was interrupted.
        let seen = store::run(&mut reader, scope, Uuid::nil(), third_id).await.unwrap();
        assert_eq!(seen.progress, Progress::Cancelled);
        drop(reader);
        let fourth = order(node, "chs_drg_11", "");
        let fourth_id = fourth.id;
        platform.act(&officer, move |cx| Box::pin(regrouping::begin(cx, fourth))).await.unwrap();
        let gone = platform.store.write(move |tx| {
            Box::pin(async move {
                let sql = sql!("update drg_regroup_run set process = $1 where id = $2");
                tx.execute(sql, args![Uuid::from_u128(9), fourth_id.0]).await
            })
        });
        gone.await.unwrap();
        let mut reader = platform.store.read().await.unwrap();
        let seen = store::run(&mut reader, scope, regrouping::process(), fourth_id).await.unwrap();
        assert_eq!(seen.progress, Progress::Interrupted);
        drop(reader);
        let fifth = order(node, "chs_drg_11", "changzhou_2022");
        let other = platform.act(&officer, move |cx| Box::pin(regrouping::begin(cx, fifth))).await;
        assert!(matches!(other, Err(Error::NoPack { .. })), "the tariff groups by another scheme: {other:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_progress_and_each_figure_opens_its_cases() {
    let opened = sqlite(MIGRATIONS).await;
    let site = Site::open(opened.store.clone()).await;
    let (officer, cookie) = site.sign_in("officer", "insurance").await;
    february(&site.house, &officer).await;
    let group = site.house.platform.tree().root().unwrap().id.to_string();
    let form = [
        ("institution", group.as_str()),
        ("from", "2026-02-01"),
        ("until", "2026-02-28"),
        ("scheme", ""),
        ("pack", "linyi_2022"),
        ("act_key", "018f0000000070008000000000000009"),
    ];
    let to = site.post(&cookie, "/drg/regroup", &form).await.location();
    assert_eq!(site.post(&cookie, "/drg/regroup", &form).await.location(), to, "sent again");
    let begun = Instant::now();
    loop {
        let bar = site.get(&cookie, &format!("{to}/progress")).await;
        assert_eq!(bar.status, StatusCode::OK);
        if bar.headers.contains_key("hx-redirect") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", bar.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(site.figures_open(&cookie, &to).await >= 8);
    assert_eq!(site.get(&cookie, "/drg/regroup").await.status, StatusCode::OK);
    assert!(site.get(&cookie, &format!("{to}/export")).await.bytes.starts_with(b"PK"));
    let wrong =
        [("institution", group.as_str()), ("from", "2026-03-01"), ("until", "2026-02-01"), ("scheme", "chs_drg_11")];
    let wrong = site.post(&cookie, "/drg/regroup", &wrong).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("id=\"from-fault\""));
    assert_eq!(site.post(&cookie, &format!("{to}/cancel"), &[]).await.status, StatusCode::CONFLICT);
}

/// What the one who measures sets.
#[expect(clippy::disallowed_methods, reason = "a test that is run by hand has no other arguments")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// For timing: `YITI_TEST_COUNT=100000 cargo test -p yiti-drg --test it -- --ignored --nocapture rate`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn rate() {
    let count: u32 = setting("YITI_TEST_COUNT").and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let opened = sqlite(MIGRATIONS).await;
    let house = house(opened.store.clone()).await;
    let platform = &house.platform;
    let officer = house.hire("officer", "insurance", house.lead, Title::None).await;
    let begun = Instant::now();
    for from in (0..count).step_by(500) {
        let (lead, branch) = (house.lead, house.branch);
        let saved = platform.act(&officer, move |cx| {
            Box::pin(async move {
                for n in from..(from + 500).min(count) {
                    let page = stay(n, date(2025, i8::try_from(1 + n % 12).unwrap(), 20), 6_000 + i64::from(n % 9_000));
                    let at = if n % 4 == 0 { branch } else { lead };
                    let id = front_page::save(cx, at, &page, front_page::Source::Table).await?.id();
                    yiti_drg::actions::front_page_saved(cx, id).await?;
                }
                Ok::<_, yiti_drg::Error>(())
            })
        });
        saved.await.unwrap();
    }
    println!("saved {count} pages in {:.1} s", begun.elapsed().as_secs_f64());
    let node = platform.tree().root().unwrap().id;
    for (scheme, pack) in [("chs_drg_20", ""), ("chs_drg_11", "linyi_2022")] {
        let asked = Order { from_on: date(2025, 1, 1), until_on: date(2025, 12, 31), ..order(node, scheme, pack) };
        let id = asked.id;
        let run = platform.act(&officer, move |cx| Box::pin(regrouping::begin(cx, asked))).await.unwrap();
        let begun = Instant::now();
        let working = tokio::spawn(regrouping::work(platform.clone(), officer.clone(), run));
        // How long others wait for the writer meanwhile.
        let mut waits = Vec::new();
        while !working.is_finished() {
            let asked = Instant::now();
            let nothing = platform.act(&officer, |_| Box::pin(async { Ok::<_, yiti_store::Error>(()) }));
            nothing.await.unwrap();
            waits.push(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let mut reader = platform.store.read().await.unwrap();
        let scope = platform.tree().whole();
        let done = store::run(&mut reader, scope, regrouping::process(), id).await.unwrap();
        assert_eq!((done.progress, done.done_count), (Progress::Done, count));
        waits.sort_unstable();
        println!(
            "{scope:?} {scheme} {pack}: {count} stays in {seconds:.1} s, {:.0} a second, {} changed; acts of others waited {:?} at most, {:?} in the middle",
            f64::from(count) / seconds,
            done.changed_count,
            waits.last(),
            waits.get(waits.len() / 2),
        );
    }
    let month = yiti_drg::settlement::Order {
        id: yiti_drg::store_settlement::SettlementRunId::fresh(),
        institution: node,
        month: "2025-06".parse().unwrap(),
        insurance: drg_payment::Insurance::Employee,
        note: String::new(),
    };
    let begun = Instant::now();
    yiti_drg::settlement::prepare(platform, &officer, month).await.unwrap();
    println!("a month of {} stays settled in {:.1} s", count / 12, begun.elapsed().as_secs_f64());
}
