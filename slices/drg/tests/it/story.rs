//! One stay from its first typed draft to its discharge.

use std::sync::Arc;

use yiti_directory::{Actor, InstitutionId, Title};
use yiti_drg::store::{self, Filter, Finished, Look, Order, Reach, StayRow};
use yiti_drg::what_if::Change;
use yiti_drg::{Definitions, Error, actions, assess};
use yiti_kernel::{Fen, civil, time};
use yiti_record::front_page::{Diagnosis, FrontPage, FrontPageId, Status, Stored};
use yiti_store::testing::on_both;

use crate::support::{MIGRATIONS, house, pneumonia, ward_doctor};

type House = yiti_directory::testing::House;

async fn begin(house: &House, by: &Arc<Actor>, at: InstitutionId, page: FrontPage) -> Result<FrontPageId, Error> {
    house.platform.act(by, move |cx| Box::pin(async move { actions::begin(cx, at, &page).await })).await
}

async fn amend(house: &House, by: &Arc<Actor>, id: FrontPageId, of: u32, page: FrontPage) -> Result<(), Error> {
    let amended =
        house.platform.act(by, move |cx| Box::pin(async move { actions::amend(cx, id, of, &page).await.map(drop) }));
    amended.await
}

async fn open(house: &House, by: &Arc<Actor>, id: FrontPageId) -> Result<(Stored, StayRow), Error> {
    house.platform.act(by, move |cx| Box::pin(async move { actions::open(cx, id).await })).await
}

async fn listed(house: &House, by: &Actor, filter: &Filter, look: Look) -> Vec<StayRow> {
    let mut reader = house.platform.store.read().await.unwrap();
    let reach = actions::reach(&mut reader, by).await.unwrap();
    let counts = store::counts(&mut reader, &reach, filter).await.unwrap();
    let rows = store::list(&mut reader, &reach, filter, look, Order::Balance, (50, 0)).await.unwrap();
    assert_eq!(counts.of(look), u32::try_from(rows.len()).unwrap(), "{look:?}");
    rows
}

#[tokio::test]
async fn a_documented_complication_raises_group_and_price() {
    on_both(MIGRATIONS, |store| async move {
        let house = house(store).await;
        let coder = house.hire("coder", "coder", house.lead, Title::None).await;
        let id = begin(&house, &coder, house.lead, pneumonia("P1", "ward 1")).await.unwrap();
        let (stored, row) = open(&house, &coder, id).await.unwrap();
        assert_eq!((row.drg.as_str(), row.complication.as_str(), row.status), ("ES25", "none", Status::Draft));
        assert_eq!(
            (row.insurance.as_str(), row.level.as_str(), row.scheme.as_str()),
            ("resident", "3", "changzhou_2022")
        );
        // A base group, so the coefficient is 1: 0.7107 × 9 849 yuan = 6 999.68…; the cost so far is below it.
        assert_eq!((row.weight_e6, row.standard, row.pay), (Some(710_700), Some(Fen(699_968)), Some(Fen(699_968))));
        assert_eq!(
            (row.cost, row.drug_cost, row.balance()),
            (Some(Fen(400_000)), Some(Fen(150_000)), Some(Fen(299_968)))
        );
        assert_eq!(row.stay_days, Some(8), "2 to 10 March");

        let definitions = house.platform.kit.get::<Definitions>();
        let tree = house.platform.tree();
        let today = time::day(house.platform.now());
        let change = Change { added: vec!["J96.000".into()], ..Change::default() };
        let changed = change.apply(&stored.page);
        let what_if = assess::assess(&changed, &definitions, tree.get(house.lead).unwrap(), today).unwrap();
        assert_ne!(what_if.drg, row.drg);
        assert!(what_if.pay() > row.pay && what_if.mcc_count == 1, "{:?}", what_if.pay());
        assert_eq!(open(&house, &coder, id).await.unwrap().1, row, "asking changes nothing");

        amend(&house, &coder, id, 1, changed.clone()).await.unwrap();
        let (_, saved) = open(&house, &coder, id).await.unwrap();
        assert_eq!((saved.drg.as_str(), saved.pay, saved.version), (what_if.drg, what_if.pay(), 2));
        assert_eq!((saved.complication.as_str(), saved.mcc_count), ("mcc", 1));
        assert_eq!(listed(&house, &coder, &Filter::default(), Look::All).await, [saved]);

        let late = amend(&house, &coder, id, 1, stored.page.clone()).await;
        assert!(matches!(late, Err(Error::Moved { version: 2 })), "{late:?}");
        let again = begin(&house, &coder, house.lead, pneumonia("P1", "ward 1")).await;
        assert!(matches!(again, Err(Error::Known(known)) if known == id), "{again:?}");

        let mut done = changed;
        done.status = Status::Final;
        done.discharged_at = Some(time::instant(civil::date(2026, 3, 10).at(10, 0, 0, 0)));
        done.discharge_department = "ward 1".into();
        done.length_of_stay_days = Some(8);
        amend(&house, &coder, id, 2, done.clone()).await.unwrap();
        done.status = Status::Draft;
        let back = amend(&house, &coder, id, 3, done).await;
        assert!(matches!(back, Err(Error::AlreadyFinal)), "{back:?}");
        let verdict = house.platform.store.verify_journal().await.unwrap();
        assert_eq!(verdict.broken, None);
    })
    .await;
}

#[tokio::test]
async fn lists_tell_losses_findings_and_stays_without_a_group() {
    on_both(MIGRATIONS, |store| async move {
        let house = house(store).await;
        let coder = house.hire("coder", "coder", house.lead, Title::None).await;
        let sound = begin(&house, &coder, house.lead, pneumonia("P1", "ward 1")).await.unwrap();
        let mut dear = pneumonia("P2", "ward 2");
        dear.costs.items.clear();
        dear.costs.total = Some(Fen(900_000));
        let dear = begin(&house, &coder, house.branch, dear).await.unwrap();
        let mut grey = pneumonia("P3", "ward 1");
        grey.diagnoses = vec![Diagnosis { code: "J18.800".into(), ..Diagnosis::default() }];
        let grey = begin(&house, &coder, house.lead, grey).await.unwrap();
        let ids = |rows: Vec<StayRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        let all = Filter::default();
        assert_eq!(ids(listed(&house, &coder, &all, Look::All).await).len(), 3);
        assert_eq!(ids(listed(&house, &coder, &all, Look::Loss).await), [dear]);
        assert_eq!(ids(listed(&house, &coder, &all, Look::Ungrouped).await), [grey]);
        let with_findings = ids(listed(&house, &coder, &all, Look::Findings).await);
        assert!(with_findings.contains(&grey) && !with_findings.contains(&sound), "{with_findings:?}");
        let only = async |filter: Filter| ids(listed(&house, &coder, &filter, Look::All).await);
        assert_eq!(only(Filter { institution: Some(house.branch), ..Filter::default() }).await, [dear]);
        assert_eq!(only(Filter { drg: "ES".into(), text: "P1".into(), ..Filter::default() }).await, [sound]);
        assert_eq!(only(Filter { department: "ward 2".into(), ..Filter::default() }).await, [dear]);
        assert!(only(Filter { status: Some(Status::Final), ..Filter::default() }).await.is_empty());
        assert!(only(Filter { until: Some(civil::date(2026, 12, 31)), ..Filter::default() }).await.is_empty());
        let mut reader = house.platform.store.read().await.unwrap();
        let reach = Reach::all(house.platform.tree().whole());
        assert_eq!(store::departments(&mut reader, &reach).await.unwrap(), ["ward 1", "ward 2"]);
        let counts = store::counts(&mut reader, &reach, &all).await.unwrap();
        assert_eq!((counts.weighted_count, counts.priced_count), (2, 3), "who has no group is paid at cost");
    })
    .await;
}

#[tokio::test]
async fn finished_stays_of_the_county_make_the_norm() {
    on_both(MIGRATIONS, |store| async move {
        let house = house(store).await;
        let coder = house.hire("coder", "coder", house.lead, Title::None).await;
        for (n, at) in [house.lead, house.branch, house.other].into_iter().enumerate() {
            let mut page = pneumonia(&format!("P{n}"), "ward 1");
            page.status = Status::Final;
            page.discharged_at = Some(time::instant(civil::date(2026, 3, 9).at(10, 0, 0, 0)));
            page.discharge_department = "ward 1".into();
            page.costs.items.clear();
            page.costs.total = Some(Fen(500_000 + 100_000 * i64::try_from(n).unwrap()));
            begin(&house, &coder, at, page).await.unwrap();
        }
        begin(&house, &coder, house.lead, pneumonia("P9", "ward 1")).await.unwrap();
        let mut reader = house.platform.store.read().await.unwrap();
        let whole = house.platform.tree().whole();
        let year = (civil::date(2025, 3, 10), civil::date(2026, 3, 10));
        let group = ("changzhou_2022", "ES25");
        let stays = store::finished(&mut reader, whole, group, year, 10).await.unwrap();
        assert_eq!(stays.len(), 3, "drafts make no norm");
        assert!(stays.contains(&Finished {
            cost: Some(Fen(700_000)),
            drug_cost: None,
            consumable_cost: None,
            stay_days: Some(7)
        }));
        let mean = store::mean(&mut reader, whole, group, year).await.unwrap();
        assert_eq!((mean.stay_count, mean.days, mean.cost), (3, 21, Fen(1_800_000)));
        let before = (civil::date(2024, 1, 1), civil::date(2024, 12, 31));
        assert_eq!(store::mean(&mut reader, whole, group, before).await.unwrap().stay_count, 0);
        assert_eq!(store::finished(&mut reader, whole, group, year, 2).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_ward_sees_and_types_its_own_stays_only() {
    on_both(MIGRATIONS, |store| async move {
        let house = house(store).await;
        let coder = house.hire("coder", "coder", house.lead, Title::None).await;
        let first = ward_doctor(&house, house.lead, "ward 1").await;
        let second = ward_doctor(&house, house.lead, "ward 2").await;
        let elsewhere = ward_doctor(&house, house.branch, "ward 1").await;
        let unplaced = house.hire("doctor", "ward_doctor", house.lead, Title::None).await;
        let president = house.hire("president", "president", house.lead, Title::None).await;
        let administrator = house.hire("it", "it_administrator", house.lead, Title::None).await;
        let id = begin(&house, &first, house.lead, pneumonia("P1", "ward 1")).await.unwrap();
        for (who, sees) in [
            (&coder, true),
            (&president, true),
            (&first, true),
            (&second, false),
            (&elsewhere, false),
            (&unplaced, false),
            (&administrator, false),
        ] {
            assert_eq!(open(&house, who, id).await.is_ok(), sees, "{}", who.role);
            let rows = listed(&house, who, &Filter::default(), Look::All).await;
            assert_eq!(rows.len(), usize::from(sees && who.may("drg.read")), "{}", who.role);
        }
        let foreign = begin(&house, &first, house.lead, pneumonia("P2", "ward 2")).await;
        assert!(matches!(foreign, Err(Error::Forbidden(_))), "{foreign:?}");
        let foreign = begin(&house, &first, house.branch, pneumonia("P3", "ward 1")).await;
        assert!(matches!(foreign, Err(Error::Forbidden(_))), "{foreign:?}");
        let read_only = amend(&house, &president, id, 1, pneumonia("P1", "ward 1")).await;
        assert!(matches!(read_only, Err(Error::Forbidden(_))), "{read_only:?}");
        let stolen = amend(&house, &second, id, 1, pneumonia("P1", "ward 2")).await;
        assert!(stolen.is_err());
        let other_stay = amend(&house, &coder, id, 1, pneumonia("P7", "ward 1")).await;
        assert!(matches!(other_stay, Err(Error::Unnamed)), "{other_stay:?}");
    })
    .await;
}
