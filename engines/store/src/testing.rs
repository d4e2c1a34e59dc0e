//! For tests of every crate: the same test runs on SQLite and on PostgreSQL.
//!
//! PostgreSQL is a private cluster that the test command of the README starts on loopback port 54329; a missing one
//! fails the test, it is never skipped. Each test gets a schema of its own.

use std::future::Future;

use sqlx::{Connection as _, PgConnection};

use crate::{Migration, Settings, Store};

/// The private test cluster.
const CLUSTER: &str = "postgres://yiti@127.0.0.1:54329/yiti";

/// A store in a temporary folder; both go when it is dropped.
pub struct TestStore {
    /// The open store.
    pub store: Store,
    /// How it was opened, for tests that open it again.
    pub settings: Settings,
    _folder: Temporary,
}

struct Temporary(std::path::PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Opens an empty SQLite store.
///
/// # Panics
/// When it cannot be opened.
pub async fn sqlite(migrations: &[&[Migration]]) -> TestStore {
    open(None, migrations).await
}

/// Opens an empty PostgreSQL store in a schema of its own.
///
/// # Panics
/// When the test cluster does not run.
pub async fn postgres(migrations: &[&[Migration]]) -> TestStore {
    let schema = format!("t{}", yiti_kernel::fresh().simple());
    let mut connection = PgConnection::connect(CLUSTER).await.unwrap_or_else(|e| {
        panic!("the test cluster does not answer at {CLUSTER}; start it with `./run postgres`: {e}")
    });
    let create = sqlx::AssertSqlSafe(format!("create schema {schema}"));
    sqlx::query(create).execute(&mut connection).await.unwrap_or_else(|e| panic!("no schema: {e}"));
    open(Some(format!("{CLUSTER}?options=-csearch_path%3D{schema}")), migrations).await
}

async fn open(postgres: Option<String>, migrations: &[&[Migration]]) -> TestStore {
    let folder = std::env::temp_dir().join(format!("yiti-test-{}", yiti_kernel::fresh().simple()));
    let settings = Settings { postgres, ..Settings::embedded(&folder) };
    let store = Store::open(&settings, migrations).await.unwrap_or_else(|e| panic!("the store does not open: {e:?}"));
    TestStore { store, settings, _folder: Temporary(folder) }
}

/// Runs one test on both databases, one after the other.
pub async fn on_both<F, Fut>(migrations: &[&[Migration]], test: F)
where
    F: Fn(Store) -> Fut,
    Fut: Future<Output = ()>,
{
    for opened in [sqlite(migrations).await, postgres(migrations).await] {
        test(opened.store.clone()).await;
        opened.store.close().await;
    }
}
