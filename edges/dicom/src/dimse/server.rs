//! The accept loop: limits, one task per association, graceful stop.
//!
//! Left out: binding the socket and TLS, which the caller does.

use super::{
    associate,
    association::{self, Shared},
    pdu::{self, PduReader},
    service::{Reject, Service},
};
use crate::dataset::Limits;
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

/// Bounds of the network server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Associations at the same time.
    pub association_count_max: usize,
    /// Bytes of one protocol data unit.
    pub pdu_bytes_max: u32,
    /// Bytes of one data set.
    pub data_set_bytes_max: usize,
    /// From connection to association request, and for each unit inside a message.
    pub artim: Duration,
    /// Silence between messages.
    pub idle: Duration,
    /// For running messages after a stop was asked for.
    pub stop_grace: Duration,
    /// Bounds of the walk over received data sets.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            association_count_max: 64,
            pdu_bytes_max: 256 * 1024,
            data_set_bytes_max: 512 << 20,
            artim: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            stop_grace: Duration::from_secs(10),
            limits: Limits::default(),
        }
    }
}

/// Serves associations until `stop` resolves; then takes no new ones, lets running messages finish and returns.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    config: Config,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let grace = config.stop_grace;
    let room = Arc::new(Semaphore::new(config.association_count_max));
    let turned_away = Arc::new(Semaphore::new(config.association_count_max.max(16)));
    let (stopping, stopped) = watch::channel(false);
    let shared = Arc::new(Shared { service, config, stopped });
    let mut tasks = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Usually out of descriptors: wait, do not spin.
                    tracing::warn!(%error, "could not accept a DICOM connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        // Without this every response waits for the peer's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %peer, "could not set TCP_NODELAY");
        }
        if let Ok(permit) = room.clone().try_acquire_owned() {
            let shared = shared.clone();
            tasks.spawn(async move {
                if let Err(error) = association::run(&shared, stream, peer).await {
                    tracing::info!(%peer, %error, "DICOM association ended");
                }
                drop(permit);
            });
        } else if let Ok(permit) = turned_away.clone().try_acquire_owned() {
            let length_max = shared.config.pdu_bytes_max;
            tasks.spawn(async move {
                turn_away(stream, length_max).await;
                drop(permit);
            });
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let finish = async { while tasks.join_next().await.is_some() {} };
    if timeout(grace, finish).await.is_err() {
        tasks.shutdown().await;
    }
    Ok(())
}

/// Reads the request, so that the answer is not lost in a reset, and says that there is no room.
async fn turn_away(stream: TcpStream, length_max: u32) {
    let (read, mut write) = stream.into_split();
    let mut reader = PduReader::new(read, length_max);
    if let Ok(request) = reader.next(Duration::from_secs(2)).await
        && request.kind == pdu::ASSOCIATE_RQ
    {
        let answer = associate::rejection(Reject::LimitReached);
        if let Err(error) = write.write_all(&answer).await {
            tracing::debug!(%error, "could not turn an association away");
        }
    }
}
