//! What is backed up comes back, on either database, and a damaged backup is refused by the name of what is damaged.

use std::path::Path;

use bytes::Bytes;
use yiti_kernel::{Timestamp, Uuid};
use yiti_store::backup::{self, Manifest};
use yiti_store::testing::{TestStore, postgres, sqlite};
use yiti_store::{Error, Migration, NewBlob, Settings, Store, args, sql};

use crate::journal::record;

const TREE: &[Migration] = &[Migration {
    version: 90_002,
    name: "tree",
    sql: "create table leaf (id {id} primary key, above_id {id} references leaf (id), word {text}, sum {bytes}, n {int}) {strict};
        create table pair (a {int} not null, b {text} not null, primary key (b, a)) {strict};",
}];
/// A later version of the product.
const LATER: &[Migration] =
    &[Migration { version: 90_003, name: "later", sql: "create table later (id {id} primary key) {strict};" }];

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

/// Rows of every type, children before their parents, pictures, a journal.
async fn fill(store: &Store) {
    let blobs = (0..3_u8).map(|n| NewBlob::new(Bytes::from(vec![n; 10_000]))).collect();
    store
        .write_with(blobs, |tx| {
            Box::pin(async move {
                let mut above = None;
                for n in 0_i64..2_000 {
                    let id = Uuid::from_u128(u128::MAX - n as u128);
                    let word = (n % 3 > 0).then(|| format!("双肺\n\"{n}\""));
                    let sum = vec![n as u8; (n % 5) as usize];
                    tx.execute(
                        sql!("insert into leaf (id, above_id, word, sum, n) values ($1, $2, $3, $4, $5)"),
                        args![id, above, word, sum, (n % 2 == 0).then_some(i64::MIN + n)],
                    )
                    .await?;
                    above = Some(id);
                }
                for n in 0..5_i64 {
                    tx.execute(sql!("insert into pair (a, b) values ($1, $2)"), args![n, "b"]).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    for n in 0..5 {
        record(store, n).await;
    }
}

async fn backed_up(from: &TestStore, folder: &Path, name: &str) -> Manifest {
    let manifest = backup::back_up(&from.settings, &folder.join(name), now()).await.unwrap();
    assert_eq!(backup::check(&folder.join(name)).unwrap(), manifest);
    manifest
}

/// An empty place on the database that `like` is on.
async fn place(like: &TestStore, folder: &Path) -> (Settings, Option<TestStore>) {
    if like.settings.postgres.is_none() {
        return (Settings::embedded(folder), None);
    }
    let empty = postgres(&[]).await;
    empty.store.close().await;
    (Settings { postgres: empty.settings.postgres.clone(), ..Settings::embedded(folder) }, Some(empty))
}

#[tokio::test]
async fn what_is_backed_up_comes_back_on_either_database() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [sqlite(&[TREE]).await, postgres(&[TREE]).await];
    for (number, from) in stores.iter().enumerate() {
        fill(&from.store).await;
        let manifest = backed_up(from, folder.path(), &format!("backup-{number}")).await;
        assert!(manifest.row_count() >= 2_000 + 5 + 5 + 3 && manifest.journal_count == 5, "{manifest:?}");
        for (into, like) in stores.iter().enumerate() {
            let to = folder.path().join(format!("restored-{number}-{into}"));
            let (settings, _kept) = place(like, &to).await;
            let from = folder.path().join(format!("backup-{number}"));
            // Brought up to date by a version that knows more tables.
            let (restored, verdict) = backup::restore(&from, &settings, &[TREE, LATER]).await.unwrap();
            assert_eq!((restored, verdict.broken, verdict.entry_count), (manifest.clone(), None, 5));
            let store = Store::open(&settings, &[TREE, LATER]).await.unwrap();
            for n in 0..3_u8 {
                let bytes = vec![n; 10_000];
                assert_eq!(store.blob(yiti_store::Digest::of(&bytes)).await.unwrap(), bytes);
            }
            // The journal goes on where it ended.
            record(&store, 6).await;
            assert_eq!(store.verify_journal().await.unwrap().broken, None);
            store.close().await;
            let again = backup::back_up(&settings, &to.with_extension("again"), now()).await.unwrap();
            let same = |name: &str| {
                let of = |manifest: &Manifest| manifest.tables.iter().find(|table| table.name == name).cloned();
                assert_eq!(of(&again), of(&manifest), "{name} from {number} into {into}");
            };
            for name in ["leaf", "pair", "blob"] {
                same(name);
            }
        }
    }
}

#[tokio::test]
async fn a_backup_made_while_acts_are_saved_is_of_one_moment() {
    for from in [sqlite(&[TREE]).await, postgres(&[TREE]).await] {
        let folder = tempfile::tempdir().unwrap();
        let writing = {
            let store = from.store.clone();
            tokio::spawn(async move {
                for n in 0..200 {
                    let blob = NewBlob::new(Bytes::from(format!("picture {n}")));
                    let kept = store.write_with(vec![blob], move |tx| {
                        Box::pin(async move {
                            tx.execute(sql!("insert into pair (a, b) values ($1, $2)"), args![n, "x"]).await?;
                            tx.execute(sql!("insert into pair (a, b) values ($1, $2)"), args![n, "y"]).await?;
                            Ok::<_, Error>(())
                        })
                    });
                    kept.await.unwrap();
                }
            })
        };
        for round in 0..5 {
            let manifest = backed_up(&from, folder.path(), &format!("{round}")).await;
            let rows = |name: &str| manifest.tables.iter().find(|table| table.name == name).unwrap().row_count;
            assert_eq!(rows("pair"), 2 * rows("blob"), "an act is in the backup whole or not at all");
        }
        writing.await.unwrap();
        let (settings, _kept) = place(&from, &folder.path().join("restored")).await;
        let (_, verdict) = backup::restore(&folder.path().join("4"), &settings, &[TREE]).await.unwrap();
        assert_eq!(verdict.broken, None);
    }
}

#[tokio::test]
async fn a_damaged_backup_is_refused_by_the_name_of_what_is_damaged() {
    let from = sqlite(&[TREE]).await;
    fill(&from.store).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    backed_up(&from, folder.path(), "backup").await;
    let files = ["tables/leaf.rows", "tables/journal.rows", "blobs/000001.seg", "journal.heads"];
    for file in files {
        let path = backup.join(file);
        let sound = std::fs::read(&path).unwrap();
        let refused = |damaged: Option<Vec<u8>>| {
            match damaged {
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            match backup::check(&backup).unwrap_err() {
                Error::Backup { file: named, why } => {
                    assert_eq!(named, file);
                    why
                }
                other => panic!("{other:?}"),
            }
        };
        if !sound.is_empty() {
            let mut changed = sound.clone();
            changed[sound.len() / 2] ^= 1;
            assert_eq!(refused(Some(changed)), "its content is not what was backed up");
        }
        assert!(refused(Some([&sound[..], b"x"].concat())).contains("the manifest says"));
        assert_eq!(refused(None), "it is missing");
        let to = Settings::embedded(folder.path().join("restored"));
        assert!(matches!(backup::restore(&backup, &to, &[TREE]).await, Err(Error::Backup { .. })));
        assert!(!to.folder.exists(), "nothing half restored is left");
        std::fs::write(&path, sound).unwrap();
    }
    // A place that holds something, and a backup of a newer version.
    let taken = Settings::embedded(folder.path());
    assert!(backup::restore(&backup, &taken, &[TREE]).await.unwrap_err().to_string().contains("not empty"));
    let to = Settings::embedded(folder.path().join("restored"));
    let older = backup::restore(&backup, &to, &[]).await.unwrap_err().to_string();
    assert!(older.contains("newer version: migration 90002"), "{older}");
    assert!(backup::restore(&backup, &to, &[TREE]).await.is_ok());
    assert!(backup::back_up(&from.settings, &backup, now()).await.unwrap_err().to_string().contains("not empty"));
}
