//! A file into the record, on both databases.

use std::sync::Arc;

use yiti_directory::testing::House;
use yiti_directory::{Actor, Kit, Roles};
use yiti_frontpage::import::ImportFault;
use yiti_frontpage::{ImportReport, RepairKind};
use yiti_record::front_page::{self, Filter};
use yiti_store::testing::on_both;
use yiti_store::{Migration, Store};

use crate::support::{IMPORT, gb18030, hqms, stay};

pub(crate) const MIGRATIONS: &[&[Migration]] =
    &[yiti_directory::MIGRATIONS, yiti_record::MIGRATIONS, yiti_drg::MIGRATIONS, yiti_frontpage::MIGRATIONS];

/// The shipped definitions by which pages are grouped and priced.
pub(crate) fn definitions() -> yiti_drg::Definitions {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    let mut files = Vec::new();
    for below in ["drg", "payment", "frontpage"] {
        for entry in std::fs::read_dir(folder.join(below)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml" || ending == "csv") {
                let name = format!("{below}/{}", path.file_name().unwrap().to_string_lossy());
                let text = std::fs::read_to_string(path).unwrap();
                files.push(yiti_kernel::definition::File { path: name, text });
            }
        }
    }
    let find = |path: &str| std::fs::read(folder.join(path)).ok().map(std::borrow::Cow::Owned);
    yiti_drg::Definitions::load(&files, &find).unwrap_or_else(|faults| panic!("{faults:?}"))
}

struct Office {
    house: House,
    clerk: Arc<Actor>,
}

impl Office {
    async fn open(store: Store) -> Self {
        let house = House::build(store, Roles::default(), Kit::default().with(definitions())).await;
        let scope = house.platform.tree().get(house.lead).unwrap().scope;
        let clerk = Arc::new(Actor::system("clerk", house.lead, scope, &["front_page.import"]));
        Self { house, clerk }
    }

    async fn import(&self, bytes: impl Into<Vec<u8>>) -> Result<ImportReport, ImportFault> {
        let bytes: Vec<u8> = bytes.into();
        let (platform, lead) = (&self.house.platform, self.house.lead);
        yiti_frontpage::import(platform, &self.clerk, lead, "pages.csv", bytes.into(), &IMPORT).await
    }

    /// Stays that were grouped.
    async fn grouped(&self) -> usize {
        use yiti_drg::store::{Filter, Reach, counts};
        let mut reader = self.house.platform.store.read().await.unwrap();
        let counts = counts(&mut reader, &Reach::all(self.clerk.scope), &Filter::default()).await.unwrap();
        usize::try_from(counts.looks[0]).unwrap()
    }

    async fn kept(&self) -> usize {
        let mut reader = self.house.platform.store.read().await.unwrap();
        front_page::list(&mut reader, self.clerk.scope, &Filter::default(), None, 1_000).await.unwrap().len()
    }
}

fn counts(report: &ImportReport) -> [u64; 5] {
    let counts = report.counts;
    [counts.new, counts.unchanged, counts.versions, counts.refused, counts.blocked]
}

#[tokio::test]
async fn a_file_is_imported_once_and_a_corrected_row_is_a_new_version() {
    on_both(MIGRATIONS, async |store| {
        let office = Office::open(store).await;
        let mut rows: Vec<_> = (0..250).map(|n| stay(&format!("N{n:04}"))).collect();
        rows[3] = stay("N0003").set("C03C", "i21.001").set("A14", "６５");
        rows[4] = stay("N0004").set("D01", "-1");
        rows[5] = stay("N0005").set("C06x02C", "ZZZ.999");
        rows[6] = stay("N0007");
        rows[7] = stay("N0007").set("B20", "7");
        let file = gb18030(&hqms(&rows));
        let report = office.import(file.clone()).await.unwrap();
        assert_eq!((report.counts.rows, counts(&report)), (250, [248, 0, 0, 2, 1]));
        assert_eq!(report.troubles.len(), 2);
        assert_eq!((report.troubles[0].place.0, report.troubles[0].column.as_str()), (6, "D01"));
        assert_eq!((report.troubles[1].place.0, report.troubles[1].problem.key()), (9, "stay_twice"));
        let blocked = &report.blocked[0];
        assert_eq!((blocked.place.0, blocked.rule, blocked.column.as_str()), (7, "diagnosis_unknown", "C06x02C"));
        let mut kinds: Vec<RepairKind> = report.repairs.iter().map(|line| line.kind).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, [RepairKind::FullWidth, RepairKind::LowerCase, RepairKind::Encoding]);
        assert_eq!((office.kept().await, office.grouped().await), (248, 248), "what is kept is grouped");

        let again = office.import(file).await.unwrap();
        assert_eq!(counts(&again), [0, 248, 0, 2, 1]);
        assert!(again.saved.is_empty());

        rows[0] = stay("N0000").set("C06x02C", "I10.x00");
        rows[7] = stay("N0008");
        let corrected = office.import(hqms(&rows)).await.unwrap();
        assert_eq!(counts(&corrected), [0, 248, 1, 1, 1]);
        let mut reader = office.house.platform.store.read().await.unwrap();
        let (scope, id) = (office.clerk.scope, corrected.saved[0]);
        let versions = front_page::versions(&mut reader, scope, id).await.unwrap();
        assert_eq!(versions.len(), 2);
        assert_eq!(front_page::current(&mut reader, scope, id).await.unwrap().page.diagnoses.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_settlement_list_adds_to_the_page_and_takes_nothing_away() {
    on_both(MIGRATIONS, async |store| {
        let office = Office::open(store).await;
        let row = stay("42").set("C03C", "A01.000x002").set("C16x01", "2026-02-02 08:00:00");
        let first = office.import(hqms(&[row])).await.unwrap();
        let message = include_str!("message.json").replace("I21.001", "A01.003");
        let report = office.import(message.clone()).await.unwrap();
        assert_eq!(counts(&report), [0, 0, 1, 0, 0], "{report:?}");
        let mut reader = office.house.platform.store.read().await.unwrap();
        let scope = office.clerk.scope;
        let page = front_page::current(&mut reader, scope, first.saved[0]).await.unwrap().page;
        assert_eq!((page.diagnoses[0].code.as_str(), page.staff.coder.as_str()), ("A01.000x002", "赵静"));
        assert_eq!((page.costs.items.len(), page.costs.funds.len(), page.ventilator_minutes), (2, 1, Some(1590)));
        assert_eq!(page.procedures[0].level, "3");
        assert_eq!(counts(&office.import(message.clone()).await.unwrap()), [0, 1, 0, 0, 0]);

        // The next stay of the same patient is the next admission, and stays it.
        let later = message.replace("2026-02-0", "2026-04-0");
        assert_eq!(counts(&office.import(later.clone()).await.unwrap()), [1, 0, 0, 0, 0]);
        assert_eq!(counts(&office.import(later).await.unwrap()), [0, 1, 0, 0, 0]);
        let found = front_page::by_number(&mut reader, scope, office.house.lead, "42", 2).await.unwrap();
        assert!(found.is_some());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_kept_of_a_half_written_file_or_without_permission() {
    on_both(MIGRATIONS, async |store| {
        let office = Office::open(store).await;
        let whole = hqms(&(0..150).map(|n| stay(&n.to_string())).collect::<Vec<_>>());
        let fault = office.import(&whole.as_bytes()[..whole.len() - 600]).await.unwrap_err();
        assert!(matches!(fault, ImportFault::File(_)), "{fault}");
        assert_eq!(office.kept().await, 0);
        let elsewhere = office.house.platform.tree().get(office.house.branch).unwrap().scope;
        for actor in [
            Actor::system("other", office.house.branch, elsewhere, &["front_page.import"]),
            Actor::system("reader", office.house.lead, office.clerk.scope, &[]),
        ] {
            let (platform, lead) = (&office.house.platform, office.house.lead);
            let bytes = whole.clone().into_bytes().into();
            let refused = yiti_frontpage::import(platform, &Arc::new(actor), lead, "x.csv", bytes, &IMPORT).await;
            assert!(matches!(refused, Err(ImportFault::Forbidden(_))));
        }
        assert_eq!(office.kept().await, 0);
    })
    .await;
}
