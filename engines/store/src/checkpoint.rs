//! Copies what was committed from SQLite's log into its database beside the writer, so that no act waits for it.
//!
//! A commit is durable in the log; this only keeps the log short. Should it fall behind or fail, the writer's own connection
//! copies once the log has grown to [`LOG_PAGES_MAX`].

use std::convert::Infallible;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::Error;

/// How much time lies between two copies while acts come in.
const EVERY: Duration = Duration::from_secs(1);
/// From how many pages of log on the writer itself copies: 16 MB.
pub(crate) const LOG_PAGES_MAX: &str = "4096";

/// Tells the copier that something was committed. Dropped, it ends the copier.
#[derive(Debug)]
pub(crate) struct Committed {
    word: mpsc::Sender<()>,
    _open: oneshot::Sender<Infallible>,
}

impl Committed {
    pub(crate) fn tell(&self) {
        // When one word waits already, it stands for this commit too.
        let _ = self.word.try_send(());
    }
}

/// Starts the copier on a connection of its own, which it gives back before it ends.
///
/// # Errors
/// [`Error::Database`] when the database gives no connection.
pub(crate) async fn start(options: &SqliteConnectOptions) -> Result<(Committed, JoinHandle<()>), Error> {
    let mut connection = options.clone().connect().await?;
    let (word, mut words) = mpsc::channel(1);
    let (open, mut closed) = oneshot::channel();
    let copier = tokio::spawn(async move {
        while words.recv().await.is_some() {
            if let Err(error) = sqlx::query("pragma wal_checkpoint(passive)").execute(&mut connection).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the log could not be copied");
            }
            tokio::select! {
                _ = &mut closed => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        if let Err(error) = connection.close().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the log's connection could not be closed");
        }
    });
    Ok((Committed { word, _open: open }, copier))
}
