//! Copies what was committed from SQLite's log into its database beside the writer, so that no act waits for it.
//!
//! A commit is durable in the log; this only keeps the log short. Should it fall behind or fail, the writer's own connection
//! copies once the log has grown to [`LOG_PAGES_MAX`].

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::mpsc;

use crate::Error;

/// How much time lies between two copies while acts come in.
const EVERY: Duration = Duration::from_secs(1);
/// From how many pages of log on the writer itself copies: 16 MB.
pub(crate) const LOG_PAGES_MAX: &str = "4096";

/// Tells the copier that something was committed.
#[derive(Debug, Clone)]
pub(crate) struct Committed(mpsc::Sender<()>);

impl Committed {
    pub(crate) fn tell(&self) {
        // When one word waits already, it stands for this commit too.
        let _ = self.0.try_send(());
    }
}

/// Starts the copier on a connection of its own. It ends with the last [`Committed`].
///
/// # Errors
/// [`Error::Database`] when the database gives no connection.
pub(crate) async fn start(options: &SqliteConnectOptions) -> Result<Committed, Error> {
    let mut connection = options.clone().connect().await?;
    let (committed, mut commits) = mpsc::channel(1);
    tokio::spawn(async move {
        while commits.recv().await.is_some() {
            if let Err(error) = sqlx::query("pragma wal_checkpoint(passive)").execute(&mut connection).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the log could not be copied");
            }
            tokio::time::sleep(EVERY).await;
        }
        if let Err(error) = connection.close().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the log's connection could not be closed");
        }
    });
    Ok(Committed(committed))
}
