//! Front pages: saved, corrected, found, and not seen from elsewhere.

use std::sync::Arc;

use yiti_directory::testing::House;
use yiti_directory::{Actor, InstitutionId, Kit, Roles};
use yiti_kernel::{Fen, Timestamp, civil, time};
use yiti_record::front_page::{
    self, CostItem, Cursor, Diagnosis, Filter, FrontPage, Procedure, Refused, Saved, Sex, Source, Status,
};
use yiti_store::testing::on_both;
use yiti_store::{Error, Migration, Store, args, journal, sql};

const MIGRATIONS: &[&[Migration]] = &[yiti_directory::MIGRATIONS, yiti_record::MIGRATIONS];

fn at(day: i8, hour: i8) -> Timestamp {
    time::instant(civil::date(2026, 2, day).at(hour, 0, 0, 0))
}

fn page(number: &str, discharged: i8) -> FrontPage {
    let mut page = FrontPage {
        status: Status::Final,
        medical_record_number: number.into(),
        admission_count: 1,
        patient_name: format!("王{number}"),
        sex: Some(Sex::Female),
        age_years: Some(61),
        admitted_at: Some(at(1, 10)),
        discharged_at: Some(at(discharged, 9)),
        discharge_department: "0301".into(),
        diagnoses: vec![Diagnosis { code: "I21.001".into(), ..Diagnosis::default() }],
        procedures: vec![Procedure { code: "36.0601".into(), ..Procedure::default() }],
        ..FrontPage::default()
    };
    page.costs.total = Some(Fen(1_234_567));
    page.costs.items.insert(CostItem::Nursing, Fen(4_500));
    page
}

struct Ward {
    house: House,
    coder: Arc<Actor>,
}

impl Ward {
    async fn open(store: Store) -> Self {
        let house = House::build(store, Roles::default(), Kit::default()).await;
        let scope = house.platform.tree().get(house.branch).unwrap().scope;
        let coder = Arc::new(Actor::system("coder", house.branch, scope, &[]));
        Self { house, coder }
    }

    async fn save(&self, institution: InstitutionId, page: FrontPage) -> Result<Saved, Refused> {
        let act = self.house.platform.act(&self.coder, move |cx| {
            Box::pin(async move { front_page::save(cx, institution, &page, Source::Hqms).await })
        });
        act.await
    }
}

#[tokio::test]
async fn the_same_page_again_changes_nothing_and_a_corrected_one_is_the_next_version() {
    on_both(MIGRATIONS, async |store| {
        let ward = Ward::open(store).await;
        let at_branch = ward.house.branch;
        let first = ward.save(at_branch, page("42", 8)).await.unwrap();
        let Saved::New(id) = first else { panic!("{first:?}") };
        let mut reader = ward.house.platform.store.read().await.unwrap();
        let entries = journal::verify(&mut reader, "").await.unwrap().entry_count;
        assert_eq!(ward.save(at_branch, page("42", 8)).await.unwrap(), Saved::Unchanged(id));
        assert_eq!(journal::verify(&mut reader, "").await.unwrap().entry_count, entries);

        let mut corrected = page("42", 8);
        corrected.diagnoses.push(Diagnosis { code: "J96.000".into(), ..Diagnosis::default() });
        assert_eq!(ward.save(at_branch, corrected.clone()).await.unwrap(), Saved::Version(id, 2));
        let scope = ward.coder.scope;
        let current = front_page::current(&mut reader, scope, id).await.unwrap();
        assert_eq!((current.version, &current.page), (2, &corrected));
        assert_eq!(front_page::version(&mut reader, scope, id, 1).await.unwrap().page, page("42", 8));
        let versions = front_page::versions(&mut reader, scope, id).await.unwrap();
        assert_eq!(versions.iter().map(|v| v.version).collect::<Vec<_>>(), [2, 1]);
        assert_ne!(versions[0].digest, versions[1].digest);
        assert_eq!(journal::verify(&mut reader, "").await.unwrap().entry_count, entries + 1);

        // Going back to the first content is a third version, not the first one again.
        assert_eq!(ward.save(at_branch, page("42", 8)).await.unwrap(), Saved::Version(id, 3));
        let mut again = page("42", 8);
        again.admission_count = 2;
        assert!(matches!(ward.save(at_branch, again).await.unwrap(), Saved::New(other) if other != id));
    })
    .await;
}

#[tokio::test]
async fn a_page_without_its_number_and_a_draft_behind_a_final_page_are_refused() {
    on_both(MIGRATIONS, async |store| {
        let ward = Ward::open(store).await;
        let unnamed = ward.save(ward.house.branch, page(" ", 8)).await;
        assert!(matches!(unnamed, Err(Refused::Unnamed)), "{unnamed:?}");
        let mut draft = page("7", 8);
        draft.status = Status::Draft;
        draft.discharged_at = None;
        let Saved::New(id) = ward.save(ward.house.branch, draft.clone()).await.unwrap() else { panic!("not new") };
        assert_eq!(ward.save(ward.house.branch, page("7", 8)).await.unwrap(), Saved::Version(id, 2));
        let late = ward.save(ward.house.branch, draft).await;
        assert!(matches!(late, Err(Refused::AlreadyFinal)), "{late:?}");
    })
    .await;
}

#[tokio::test]
async fn lists_go_from_stays_not_yet_ended_to_older_ones_page_by_page() {
    on_both(MIGRATIONS, async |store| {
        let ward = Ward::open(store).await;
        let mut draft = page("0", 8);
        (draft.status, draft.discharged_at) = (Status::Draft, None);
        ward.save(ward.house.branch, draft).await.unwrap();
        for day in 5..12 {
            ward.save(ward.house.branch, page(&day.to_string(), day)).await.unwrap();
            ward.save(ward.house.branch, page(&format!("b{day}"), day)).await.unwrap();
        }
        let mut reader = ward.house.platform.store.read().await.unwrap();
        let scope = ward.coder.scope;
        let mut seen = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let rows = front_page::list(&mut reader, scope, &Filter::default(), after.as_ref(), 4).await.unwrap();
            let Some(last) = rows.last() else { break };
            after = Some(last.cursor().to_string().parse().unwrap());
            seen.extend(rows.into_iter().map(|row| row.medical_record_number));
        }
        assert_eq!(seen.len(), 15);
        assert_eq!((seen[0].as_str(), seen[14].trim_start_matches('b')), ("0", "5"));

        let some = async |reader: &mut _, filter: Filter| {
            front_page::list(reader, scope, &filter, None, 100).await.unwrap().len()
        };
        let of = |day| Some(civil::date(2026, 2, day));
        assert_eq!(some(&mut reader, Filter { status: Some(Status::Draft), ..Filter::default() }).await, 1);
        assert_eq!(some(&mut reader, Filter { from: of(6), until: of(7), ..Filter::default() }).await, 4);
        assert_eq!(some(&mut reader, Filter { until: of(4), ..Filter::default() }).await, 0);
        assert_eq!(some(&mut reader, Filter { text: "b6".into(), ..Filter::default() }).await, 1);
        assert_eq!(some(&mut reader, Filter { text: "王b".into(), ..Filter::default() }).await, 7);
        assert_eq!(some(&mut reader, Filter { department: "0301".into(), ..Filter::default() }).await, 15);
        assert_eq!(some(&mut reader, Filter { department: "0302".into(), ..Filter::default() }).await, 0);
        let here = Filter { institution: Some(ward.house.branch), ..Filter::default() };
        assert_eq!(some(&mut reader, here).await, 15);
        let elsewhere = Filter { institution: Some(ward.house.other), ..Filter::default() };
        assert_eq!(some(&mut reader, elsewhere).await, 0);

        let read = front_page::read_many(&mut reader, scope, &Filter::default(), None, 100).await.unwrap();
        assert_eq!(read.len(), 15);
        assert_eq!(read[14].1, page(&read[14].0.medical_record_number, 5));
    })
    .await;
}

#[tokio::test]
async fn a_page_is_seen_only_inside_the_scope_and_opening_it_is_journaled() {
    on_both(MIGRATIONS, async |store| {
        let ward = Ward::open(store).await;
        let id = ward.save(ward.house.branch, page("42", 8)).await.unwrap().id();
        let elsewhere = ward.house.platform.tree().get(ward.house.other).unwrap().scope;
        let mut reader = ward.house.platform.store.read().await.unwrap();
        assert!(matches!(front_page::current(&mut reader, elsewhere, id).await, Err(Error::NotFound)));
        assert!(matches!(front_page::version(&mut reader, elsewhere, id, 1).await, Err(Error::NotFound)));
        assert!(front_page::versions(&mut reader, elsewhere, id).await.unwrap().is_empty());
        let found = front_page::by_number(&mut reader, ward.coder.scope, ward.house.branch, "42", 1).await.unwrap();
        assert_eq!(found, Some(id));
        let found = front_page::by_number(&mut reader, elsewhere, ward.house.branch, "42", 1).await.unwrap();
        assert_eq!(found, None);
        let all = Filter::default();
        assert!(front_page::list(&mut reader, elsewhere, &all, None, 10).await.unwrap().is_empty());
        let opened = ward
            .house
            .platform
            .act(&ward.coder, move |cx| Box::pin(async move { front_page::open(cx, id, "coding").await }));
        assert_eq!(opened.await.unwrap().page.medical_record_number, "42");
        let row = reader
            .one(
                sql!("select count(*) as n from journal where action = 'patient.read' and subject_id = $1"),
                args![id.0],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<i64>("n").unwrap(), 1);
    })
    .await;
}
