//! What was kept before studies had addresses is all there afterwards, on both databases.

use yiti_directory::Scope;
use yiti_kernel::Uuid;
use yiti_record::imaging::{self, StudyId};
use yiti_store::testing::{self, TestStore};
use yiti_store::{Migration, Store, args, sql};

/// The tables as they were before.
const BEFORE: &[&[Migration]] = &[yiti_directory::MIGRATIONS, yiti_record::MIGRATIONS.first_chunk::<2>().unwrap()];
const NOW: &[&[Migration]] = &[yiti_directory::MIGRATIONS, yiti_record::MIGRATIONS];

async fn upgraded(opened: TestStore) {
    let (study, series) = (Uuid::from_u128(7), Uuid::from_u128(8));
    // The folder stays until the end; the store lets go of it in between.
    let TestStore { store, settings, .. } = opened;
    let filled = store.write(move |tx| {
        Box::pin(async move {
            tx.execute(
                sql!(
                    "insert into imaging_study (id, study_uid, institution_id, accession_number, seen_patient_number,
                         seen_patient_name, seen_sex, study_id_text, description, modalities, body_part, referring,
                         study_time, first_arrived_at, last_arrived_at, series_count, instance_count)
                     values ($1, '2.25.7', $1, '', 'P1', 'Иванов^Иван', 'male', '', '', 'CT', '', '', '', 1, 1, 1, 2)"
                ),
                args![study],
            )
            .await?;
            tx.execute(
                sql!(
                    "insert into imaging_series (id, study_id, series_uid, modality, number, description, body_part,
                         instance_count) values ($1, $2, '2.25.8', 'CT', 1, '', '', 2)"
                ),
                args![series, study],
            )
            .await?;
            for sop_uid in ["2.25.9", "2.25.10"] {
                tx.execute(
                    sql!(
                        "insert into imaging_instance (sop_uid, series_id, sop_class, transfer_syntax, frame_count, digest,
                             byte_count, header_bytes, arrived_at) values ($1, $2, '1.2', '1.2', 1, $3, 1, 1, 1)"
                    ),
                    args![sop_uid, series, vec![7_u8; 32]],
                )
                .await?;
            }
            Ok::<_, yiti_store::Error>(())
        })
    });
    filled.await.unwrap();
    store.close().await;
    drop(store);
    let store = Store::open(&settings, NOW).await.unwrap();
    let folded = store.write(|tx| Box::pin(async move { imaging::fold_names(tx).await })).await.unwrap();
    assert_eq!(folded, 1);
    let mut reader = store.read().await.unwrap();
    let kept = imaging::get(&mut reader, StudyId(study)).await.unwrap();
    assert_eq!((kept.address.as_str(), kept.study_uid.as_str(), kept.conflict), ("2.25.7", "2.25.7", None));
    assert_eq!(imaging::series(&mut reader, kept.id).await.unwrap()[0].series_uid, "2.25.8");
    let instances = imaging::instances(&mut reader, kept.id, Some("2.25.8"), None).await.unwrap();
    assert_eq!(instances.iter().map(|one| one.sop_uid.as_str()).collect::<Vec<_>>(), ["2.25.10", "2.25.9"]);
    let row = reader.one(sql!("select name_folded from imaging_study"), args![]).await.unwrap();
    assert_eq!(row.get::<String>("name_folded").unwrap(), "ИВАНОВ^ИВАН");
    // Rows still belong to one another.
    drop(reader);
    let orphan = store.write(|tx| {
        Box::pin(async move {
            tx.execute(
                sql!(
                    "insert into imaging_instance (sop_uid, series_id, sop_class, transfer_syntax, frame_count, digest,
                         byte_count, header_bytes, arrived_at) values ('2.25.11', $1, '1.2', '1.2', 1, $2, 1, 1, 1)"
                ),
                args![Uuid::from_u128(99), vec![7_u8; 32]],
            )
            .await
        })
    });
    assert!(orphan.await.is_err(), "an instance without its series is refused");
    let mut reader = store.read().await.unwrap();
    let nowhere = Scope { low: 1, high: 2 };
    assert!(
        imaging::find(&mut reader, nowhere, &imaging::StudyQuery { limit: 5, ..Default::default() })
            .await
            .unwrap()
            .is_empty()
    );
    drop(reader);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn studies_of_an_older_version_have_their_uid_as_address_and_lose_nothing() {
    upgraded(testing::sqlite(BEFORE).await).await;
    upgraded(testing::postgres(BEFORE).await).await;
}
