//! A month is settled, frozen and corrected; a year is cleared.

use axum::http::StatusCode;
use drg_payment::{ClearingTerms, Exact, Insurance};
use yiti_directory::Title;
use yiti_drg::settlement::{self, Error, Order, YearOrder};
use yiti_drg::store_settlement::{self as store, ClearingId, LineFilter, RunStatus, SettlementRunId, SumBy};
use yiti_kernel::Fen;
use yiti_kernel::civil::date;
use yiti_record::front_page::Diagnosis;
use yiti_store::testing::{on_both, sqlite};
use yiti_store::{args, sql};

use crate::site::{Site, february, house, save, stay};
use crate::support::MIGRATIONS;

fn order(institution: yiti_directory::InstitutionId) -> Order {
    Order {
        id: SettlementRunId::fresh(),
        institution,
        month: "2026-02".parse().unwrap(),
        insurance: Insurance::Employee,
        note: "first".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_is_settled_once_by_the_group_or_by_the_member() {
    on_both(MIGRATIONS, |store| async move {
        let house = house(store).await;
        let platform = &house.platform;
        let officer = house.hire("officer", "insurance", house.lead, Title::None).await;
        let other = house.hire("other", "insurance", house.lead, Title::None).await;
        february(&house, &officer).await;
        let group = platform.tree().root().unwrap().clone();
        let freeze = |id| platform.act(&other, move |cx| Box::pin(settlement::freeze(cx, id)));

        let whole = settlement::prepare(platform, &officer, order(group.id)).await.unwrap();
        let part = settlement::prepare(platform, &officer, order(house.lead)).await.unwrap();
        freeze(whole).await.unwrap();
        let refused = freeze(part).await;
        let Err(Error::Held { institution, month, number }) = refused else { panic!("{refused:?}") };
        assert_eq!((institution, month.as_str(), number), (group.short_name.clone(), "2026-02", 1));

        // The node that holds them corrects them as before; the other insurance of the month is another matter.
        let next = settlement::prepare(platform, &officer, order(group.id)).await.unwrap();
        freeze(next).await.unwrap();
        let residents = Order { insurance: Insurance::Resident, ..order(house.lead) };
        let residents = settlement::prepare(platform, &officer, residents).await.unwrap();
        freeze(residents).await.unwrap();
        // And the other way round: the member has settled, the group would settle again.
        let residents = Order { insurance: Insurance::Resident, ..order(group.id) };
        let residents = settlement::prepare(platform, &officer, residents).await.unwrap();
        assert!(matches!(freeze(residents).await, Err(Error::Held { number: 1, .. })));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_page_shows_in_the_next_run_and_the_delta_adds_up() {
    on_both(MIGRATIONS, |store| async move {
        let house = house(store).await;
        let platform = &house.platform;
        let officer = house.hire("officer", "insurance", house.lead, Title::None).await;
        let other = house.hire("other", "insurance", house.lead, Title::None).await;
        let ids = february(&house, &officer).await;
        let group = platform.tree().root().unwrap().id;
        let scope = platform.tree().whole();

        let first = settlement::prepare(platform, &officer, order(group)).await.unwrap();
        let mut reader = platform.store.read().await.unwrap();
        let run = store::run(&mut reader, scope, first).await.unwrap();
        // Of 24: three of the other insurance, one insured by nobody, one draft, one without cost.
        assert_eq!((run.status, run.number, run.sums.cases, run.left_count), (RunStatus::Draft, 1, 18, 1));
        let (lines, count) = store::lines(&mut reader, first, &LineFilter::default(), (100, 0)).await.unwrap();
        assert_eq!((lines.len(), count), (19, 19));
        let left: Vec<_> = lines.iter().filter(|line| !line.settled.unpriced.is_empty()).collect();
        assert_eq!((left.len(), left[0].settled.stay, left[0].settled.unpriced.as_str()), (1, ids[9], "no_cost"));
        // What the run says is what the stays say, and what it sums.
        let mut fund = 0;
        for line in lines.iter().filter(|line| line.settled.unpriced.is_empty()) {
            let reach = yiti_drg::store::Reach::all(scope);
            let stay = yiti_drg::store::get(&mut reader, &reach, line.settled.stay).await.unwrap();
            assert_eq!((stay.fund.unwrap().0, &stay.drg), (line.settled.sums.fund.0, &line.settled.drg));
            assert_eq!(line.settled.sums.prepaid.0 + line.settled.sums.retained.0, line.settled.sums.fund.0);
            fund += line.settled.sums.fund.0;
        }
        assert_eq!(run.sums.fund.0, fund);
        for by in [SumBy::Institution, SumBy::Drg] {
            let sums = store::sums(&mut reader, first, by).await.unwrap();
            assert_eq!(sums.iter().map(|(_, sums)| sums.cases).sum::<i64>(), 18);
            assert_eq!(sums.iter().map(|(_, sums)| sums.fund.0).sum::<i64>(), fund);
        }
        drop(reader);
        settlement::thawed(platform, &run).await.unwrap();

        // Who prepared it does not freeze it; someone else does, once.
        let refused = platform.act(&officer, move |cx| Box::pin(settlement::freeze(cx, first))).await;
        assert!(matches!(refused, Err(Error::SamePerson)), "{refused:?}");
        platform.act(&other, move |cx| Box::pin(settlement::freeze(cx, first))).await.unwrap();
        let again = platform.act(&other, move |cx| Box::pin(settlement::freeze(cx, first))).await;
        assert!(matches!(again, Err(Error::NotDraft { status: RunStatus::Frozen })), "{again:?}");

        // Nothing takes a frozen run back or changes it.
        let discarded = platform.act(&officer, move |cx| Box::pin(settlement::discard(cx, first))).await;
        assert!(matches!(discarded, Err(Error::NotDraft { .. })), "{discarded:?}");
        let one = lines[0].settled.clone();
        let written = platform.act(&officer, move |cx| {
            Box::pin(async move {
                assert_eq!(store::add_lines(cx.tx, first, &[one]).await?, 0);
                assert!(matches!(store::discard(cx.tx, first).await, Err(yiti_store::Error::Stale)));
                assert!(matches!(store::complete(cx.tx, first).await, Err(yiti_store::Error::Stale)));
                Ok::<_, yiti_store::Error>(())
            })
        });
        written.await.unwrap();

        // A corrected page and a late one arrive.
        let mut corrected = stay(4, date(2026, 2, 5), 8_000 + 4 * 1_317);
        corrected.diagnoses.push(Diagnosis { code: "J96.000".into(), ..Diagnosis::default() });
        corrected.costs.total = Some(Fen(2_000_000));
        assert_eq!(save(&house, &officer, house.lead, corrected).await, ids[4]);
        let late = save(&house, &officer, house.branch, stay(31, date(2026, 2, 27), 30_000)).await;
        let second = settlement::prepare(platform, &officer, order(group)).await.unwrap();
        let mut reader = platform.store.read().await.unwrap();
        let next = store::run(&mut reader, scope, second).await.unwrap();
        let frozen = store::run(&mut reader, scope, first).await.unwrap();
        drop(reader);
        assert_eq!((frozen.status, &frozen.hash, frozen.sums), (RunStatus::Frozen, &run.hash, run.sums));
        settlement::thawed(platform, &frozen).await.unwrap();
        assert_eq!((next.number, next.previous, next.sums.cases), (2, Some(first), 19));
        let correction = settlement::correction(platform, &officer, &next).await.unwrap().unwrap();
        let difference = &correction.difference;
        assert_eq!((difference.added.len(), difference.removed.len(), difference.changed.len()), (1, 0, 1));
        assert_eq!(difference.added[0].case.case, late.to_string());
        let changed = &difference.changed[0];
        assert_eq!(changed.before.case.case, ids[4].to_string());
        assert!(changed.fields.contains(&"cost") && changed.fields.contains(&"fund"), "{:?}", changed.fields);
        assert!(correction.adds_up);
        assert_eq!(correction.sums.fund.0, next.sums.fund.0 - frozen.sums.fund.0);
        assert_eq!(correction.sums.prepaid.0 + correction.sums.retained.0, correction.sums.fund.0);
        let by_hand = difference.added[0].case.fund.0 + changed.after.case.fund.0 - changed.before.case.fund.0;
        assert_eq!(correction.sums.fund.0, by_hand);

        // Without a change the next run has no difference, and takes the place of the draft.
        let third = settlement::prepare(platform, &officer, order(group)).await.unwrap();
        let mut reader = platform.store.read().await.unwrap();
        assert_eq!(store::run(&mut reader, scope, second).await.unwrap().status, RunStatus::Discarded);
        let third_row = store::run(&mut reader, scope, third).await.unwrap();
        assert_eq!((&third_row.hash, third_row.number), (&next.hash, 3), "the same pages give the same text");
        drop(reader);

        // A row that was changed is noticed.
        let tampered = platform.store.write(move |tx| {
            Box::pin(async move {
                let sql = sql!("update drg_settlement_run set fund = fund + 1 where id = $1");
                tx.execute(sql, args![third.0]).await
            })
        });
        tampered.await.unwrap();
        let row = store::run(&mut platform.store.read().await.unwrap(), scope, third).await.unwrap();
        assert!(matches!(settlement::thawed(platform, &row).await, Err(Error::Changed { .. })));
        assert_eq!(platform.store.verify_journal().await.unwrap().broken, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_balances_to_the_fen_and_a_later_correction_overtakes_it() {
    on_both(MIGRATIONS, |store| async move {
        let house = house(store).await;
        let platform = &house.platform;
        let officer = house.hire("officer", "insurance", house.lead, Title::None).await;
        let other = house.hire("other", "president", house.lead, Title::None).await;
        february(&house, &officer).await;
        for n in 40..46u32 {
            save(&house, &officer, house.lead, stay(n, date(2026, 1, 3), 9_001)).await;
        }
        let group = platform.tree().root().unwrap().id;
        let scope = platform.tree().whole();
        let share = |text: &str| text.parse::<Exact>().unwrap();
        let year = |budget: i64| YearOrder {
            id: ClearingId::fresh(),
            institution: group,
            year: 2026,
            insurance: Insurance::Employee,
            budget: Fen(budget),
            terms: ClearingTerms {
                reserve_share: share("0.05"),
                surplus_kept_share: share("0.7"),
                overspend_borne_share: share("0.5"),
                overspend_borne_up_to: share("0.1"),
            },
            note: String::new(),
        };
        let none = settlement::work_out_year(platform, &year(1)).await;
        assert!(matches!(none, Err(Error::NoMonths { year: 2026 })), "drafts do not count: {none:?}");
        for month in ["2026-01", "2026-02"] {
            let order = Order { month: month.parse().unwrap(), ..order(group) };
            let id = settlement::prepare(platform, &officer, order).await.unwrap();
            platform.act(&other, move |cx| Box::pin(settlement::freeze(cx, id))).await.unwrap();
        }
        for budget in [12_345_678, 99_999_999, 0] {
            let order = year(budget);
            let id = order.id;
            let prepared = settlement::work_out_year(platform, &order).await.unwrap();
            platform
                .act(&officer, move |cx| Box::pin(async move { settlement::clear(cx, order, prepared).await }))
                .await
                .unwrap();
            let row = store::clearing(&mut platform.store.read().await.unwrap(), scope, id).await.unwrap();
            let content = settlement::year_content(&row).unwrap();
            let sum = |of: &dyn Fn(&settlement::YearLine) -> i64| content.rows.iter().map(of).sum::<i64>();
            assert_eq!(row.month_count, 2);
            assert_eq!(content.rows.len(), 2);
            assert_eq!(row.reserve.0 + sum(&|line| line.fund) + row.left.0, budget);
            assert_eq!(sum(&|line| line.due), sum(&|line| line.fund) - sum(&|line| line.prepaid));
            assert_eq!((sum(&|line| line.fund), sum(&|line| line.prepaid)), (row.fund.0, row.prepaid.0));
            let refused = platform.act(&officer, move |cx| Box::pin(settlement::freeze_year(cx, id))).await;
            assert!(matches!(refused, Err(Error::SamePerson)), "{refused:?}");
        }
        let mut reader = platform.store.read().await.unwrap();
        let clearings = store::clearings(&mut reader, scope).await.unwrap();
        drop(reader);
        assert_eq!(clearings.len(), 1, "a newer draft takes the place of the older");
        let draft = clearings[0].id;
        // A month is corrected and frozen before the year is.
        save(&house, &officer, house.lead, stay(77, date(2026, 1, 20), 7_000)).await;
        let again = Order { month: "2026-01".parse().unwrap(), ..order(group) };
        let again = settlement::prepare(platform, &officer, again).await.unwrap();
        platform.act(&other, move |cx| Box::pin(settlement::freeze(cx, again))).await.unwrap();
        let overtaken = platform.act(&other, move |cx| Box::pin(settlement::freeze_year(cx, draft))).await;
        assert!(matches!(overtaken, Err(Error::Overtaken)), "{overtaken:?}");
        let order = year(5_000_000);
        let id = order.id;
        let prepared = settlement::work_out_year(platform, &order).await.unwrap();
        platform
            .act(&officer, move |cx| Box::pin(async move { settlement::clear(cx, order, prepared).await }))
            .await
            .unwrap();
        platform.act(&other, move |cx| Box::pin(settlement::freeze_year(cx, id))).await.unwrap();
        let row = store::clearing(&mut platform.store.read().await.unwrap(), scope, id).await.unwrap();
        assert_eq!(row.status, RunStatus::Frozen);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_settle_once_and_each_figure_opens_its_cases() {
    let opened = sqlite(MIGRATIONS).await;
    let site = Site::open(opened.store.clone()).await;
    let (officer, cookie) = site.sign_in("officer", "insurance").await;
    let (_, other) = site.sign_in("other", "president").await;
    let ids = february(&site.house, &officer).await;
    let group = site.house.platform.tree().root().unwrap().id.to_string();
    assert_eq!(site.get(&cookie, "/drg/settlement").await.status, StatusCode::OK);
    let wrong = site.post(&cookie, "/drg/settlement", &[("institution", &group), ("month", "2026-03")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("id=\"insured-fault\""));
    let form = |month: &'static str, key: &'static str| {
        [
            ("institution", group.clone()),
            ("month", month.into()),
            ("insured", "employee".into()),
            ("act_key", key.into()),
        ]
    };
    let send = async |form: [(&str, String); 4]| {
        let pairs = form.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
        site.post(&cookie, "/drg/settlement", &pairs).await
    };
    let running = send(form("2026-03", "018f0000000070008000000000000001")).await;
    assert!(running.text().contains("id=\"month-fault\""), "March is not over on the tenth");
    let first = send(form("2026-02", "018f0000000070008000000000000002")).await.location();
    assert_eq!(send(form("2026-02", "018f0000000070008000000000000002")).await.location(), first, "sent again");
    assert!(site.figures_open(&cookie, &first).await >= 7);
    let own = site.post(&cookie, &format!("{first}/freeze"), &[]).await;
    assert_eq!(own.status, StatusCode::UNPROCESSABLE_ENTITY, "who prepared it does not freeze it");
    assert_eq!(site.post(&other, &format!("{first}/freeze"), &[]).await.location(), first);
    let mut page = stay(11, date(2026, 2, 12), 1_000);
    page.diagnoses.push(Diagnosis { code: "J96.000".into(), ..Diagnosis::default() });
    assert_eq!(save(&site.house, &officer, site.house.lead, page).await, ids[11]);
    let second = send(form("2026-02", "018f0000000070008000000000000003")).await.location();
    assert_ne!(second, first);
    assert!(site.figures_open(&cookie, &second).await >= 10, "with those of the difference");
    assert!(site.get(&cookie, &first).await.text().contains("/cases?part=settled"));
    for path in ["print", "export", "changes", "cases"] {
        let got = site.get(&cookie, &format!("{second}/{path}")).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        assert_eq!(got.bytes.starts_with(b"PK"), path == "export");
    }
    let none = [("institution", group.as_str()), ("year", "2026"), ("insured", "employee"), ("budget", "x")];
    let wrong = site.post(&cookie, "/drg/clearing", &none).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("id=\"budget-fault\"") && wrong.text().contains("id=\"reserve_share-fault\""));
    let whole = [
        ("institution", group.as_str()),
        ("year", "2026"),
        ("insured", "employee"),
        ("budget", "123,456.78"),
        ("reserve_share", "0.05"),
        ("surplus_kept_share", "1"),
        ("overspend_borne_share", "0"),
        ("overspend_borne_up_to", "0"),
    ];
    let year = site.post(&cookie, "/drg/clearing", &whole).await.location();
    let shown = site.get(&cookie, &year).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text().contains("123,456.78"));
    assert!(site.get(&cookie, &format!("{year}/export")).await.bytes.starts_with(b"PK"));
    assert_eq!(site.post(&other, &format!("{year}/freeze"), &[]).await.location(), year);
    // Who may not, sees nothing.
    let (_, ward) = site.sign_in("ward", "ward_doctor").await;
    for path in ["/drg/settlement", first.as_str(), "/drg/clearing", year.as_str(), "/drg/regroup"] {
        assert_eq!(site.get(&ward, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let frozen = site.post(&ward, &format!("{second}/freeze"), &[]).await;
    assert_eq!(frozen.status, StatusCode::NOT_FOUND);
}
