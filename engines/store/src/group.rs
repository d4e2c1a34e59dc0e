//! The one writer: acts that have arrived together run one after the other, each in a savepoint, and share one commit.
//!
//! INVARIANT: an act is answered `Ok` only after the flush of the segment files that hold its bytes and after the commit
//! that holds its rows.
//!
//! When a flush or a commit fails the writer stops for good: after a failed flush the state of the disk is unknown, and
//! trying again could acknowledge what is lost. The process is expected to end and to be started again.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use crate::blobs::{Appender, NewBlob, append_line};
use crate::checkpoint::Committed;
use crate::journal::Head;
use crate::kept::Kept;
use crate::room::{Gauge, Room};
use crate::{Act, Error, Sql, Tx, args, sql, weak};

/// How many acts share a commit at the most.
const GROUP_ACTS_MAX: usize = 256;
/// How many bytes of blobs share a flush at the most.
const GROUP_BYTES_MAX: usize = 32 << 20;
/// How long the witness file may lag behind while acts come in.
const WITNESS_EVERY: Duration = Duration::from_secs(30);

/// An act on its way to the writer.
pub(crate) struct Job {
    pub(crate) blobs: Vec<NewBlob>,
    pub(crate) act: Box<dyn Step>,
}

/// An act whose types are hidden from the writer.
pub(crate) trait Step: Send {
    /// Runs the act; `true` when its changes are to be kept.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Act<'t, bool>;
    /// Ends the act with an error of the store instead of its own outcome.
    fn refuse(&mut self, error: Error);
    /// Tells the caller how it ended, once.
    fn settle(&mut self, saved: Result<(), Error>);
}

pub(crate) struct Typed<F, T, E> {
    pub(crate) act: Option<F>,
    pub(crate) outcome: Option<Result<T, E>>,
    pub(crate) reply: Option<oneshot::Sender<Result<T, E>>>,
}

impl<F, T, E> Step for Typed<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> Act<'t, Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Act<'t, bool> {
        Box::pin(async move {
            let Some(act) = self.act.take() else { return false };
            let outcome =
                AssertUnwindSafe(act(tx)).catch_unwind().await.unwrap_or_else(|_| Err(Error::Panicked.into()));
            let keep = outcome.is_ok();
            self.outcome = Some(outcome);
            keep
        })
    }

    fn refuse(&mut self, error: Error) {
        self.act = None;
        self.outcome = Some(Err(error.into()));
    }

    fn settle(&mut self, saved: Result<(), Error>) {
        let Some(reply) = self.reply.take() else { return };
        let answer = match (saved, self.outcome.take()) {
            (Ok(()), Some(outcome)) => outcome,
            (Err(error), Some(Ok(_)) | None) => Err(error.into()),
            (Err(_), Some(Err(refused))) => Err(refused),
            (Ok(()), None) => Err(Error::Panicked.into()),
        };
        // The caller may have gone; what was saved stays saved.
        drop(reply.send(answer));
    }
}

pub(crate) struct Writer {
    pub(crate) tx: Tx,
    pub(crate) appender: Appender,
    pub(crate) witness: PathBuf,
    pub(crate) begin: Sql,
    pub(crate) committed: Option<Committed>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) gauge: Gauge,
}

impl Writer {
    /// Serves acts until every sender is gone, and gives the connection back.
    pub(crate) async fn serve(mut self, mut jobs: mpsc::Receiver<Job>) -> Tx {
        let mut witnessed_at: Option<Instant> = None;
        let mut unwitnessed: Option<Head> = None;
        let mut held: Option<Job> = None;
        loop {
            let first = match held.take() {
                Some(job) => job,
                None => match jobs.recv().await {
                    Some(job) => job,
                    None => break,
                },
            };
            let mut group = vec![first];
            let mut bytes = group[0].byte_count();
            while group.len() < GROUP_ACTS_MAX {
                match jobs.try_recv() {
                    Ok(job) if bytes + job.byte_count() <= GROUP_BYTES_MAX => {
                        bytes += job.byte_count();
                        group.push(job);
                    }
                    Ok(job) => {
                        held = Some(job);
                        break;
                    }
                    Err(_) => break,
                }
            }
            match self
                .save(&mut group)
                .await
                .or_else(|error| if weak::is("ignore_flush") { Ok(None) } else { Err(error) })
            {
                Ok(head) => {
                    if let Some(committed) = &self.committed {
                        committed.tell();
                    }
                    for mut job in group {
                        job.act.settle(Ok(()));
                    }
                    unwitnessed = head.or(unwitnessed);
                    if witnessed_at.is_none_or(|at| at.elapsed() >= WITNESS_EVERY)
                        && let Some(head) = unwitnessed.take()
                    {
                        self.bear_witness(&head);
                        witnessed_at = Some(Instant::now());
                    }
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the writer stops");
                    let why = format!("{error}");
                    for mut job in group {
                        job.act.settle(Err(Error::Commit(why.clone())));
                    }
                    return self.tx;
                }
            }
        }
        if let Some(head) = unwitnessed {
            self.bear_witness(&head);
        }
        self.tx
    }

    fn bear_witness(&self, head: &Head) {
        if let Err(error) = append_line(&self.witness, &format!("{} {}", head.seq, head.hash)) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the witness file could not be written");
        }
    }

    /// Runs and commits one group. An error means that nothing of the group is certain.
    async fn save(&mut self, group: &mut [Job]) -> Result<Option<Head>, Error> {
        let room = self.gauge.look(group.iter().map(Job::byte_count).sum::<usize>() as u64);
        let tx = &mut self.tx;
        tx.head = None;
        tx.appended = false;
        tx.changed = false;
        if room != Room::Enough {
            // What brings bytes is refused before they are written; what only asks to be run is looked at afterwards.
            for job in group.iter_mut().filter(|job| room == Room::None || !job.blobs.is_empty()) {
                job.blobs.clear();
                job.act.refuse(Error::Full);
            }
            if room == Room::None {
                return Ok(None);
            }
        }
        tx.execute_aside(self.begin, args![]).await?;
        if matches!(tx.link, crate::connection::Link::Pg(_)) {
            // One writer per schema, also when a second process is started by mistake.
            let lock = sql! { lite: "select 1", pg: "select 1 from (select pg_advisory_xact_lock(hashtext(current_schema()))) l" };
            tx.rows(lock, args![]).await?;
        }
        let mut flushing: Option<tokio::task::JoinHandle<std::io::Result<()>>> = None;
        let mut files: Vec<Arc<File>> = Vec::new();
        for job in &mut *group {
            if job.blobs.is_empty() {
                continue;
            }
            for blob in std::mem::take(&mut job.blobs) {
                keep(tx, &mut self.appender, &blob, &mut files).await?;
            }
        }
        if !files.is_empty() {
            flushing = Some(tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| file.sync_data())));
        }
        for job in &mut *group {
            tx.execute_aside(sql!("savepoint act"), args![]).await?;
            let before = (tx.head.clone(), tx.appended);
            let changed = std::mem::take(&mut tx.changed);
            let mut keep = job.act.run(tx).await;
            if keep && tx.changed && room != Room::Enough {
                job.act.refuse(Error::Full);
                keep = false;
            }
            if !keep {
                tx.execute_aside(sql!("rollback to savepoint act"), args![]).await?;
                (tx.head, tx.appended) = before;
            }
            tx.changed |= changed;
            tx.execute_aside(sql!("release savepoint act"), args![]).await?;
        }
        let head = if tx.appended { Some(tx.seal().await?) } else { None };
        if weak::is("ack_early") {
            for job in &mut *group {
                job.act.settle(Ok(()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Some(flushing) = flushing {
            let flushed = flushing.await.map_err(|e| Error::Commit(e.to_string()))?;
            flushed.map_err(|e| Error::Commit(format!("flush of a segment: {e}")))?;
        }
        tx.execute_aside(sql!("commit"), args![]).await?;
        if tx.changed {
            self.kept.changed();
        }
        Ok(head)
    }
}

impl Job {
    fn byte_count(&self) -> usize {
        self.blobs.iter().map(|b| b.bytes.len()).sum()
    }
}

/// Appends a blob unless its digest is known. The row belongs to the group, not to the act: bytes that a refused act
/// brought stay known and are found again when they come once more.
async fn keep(tx: &mut Tx, appender: &mut Appender, blob: &NewBlob, files: &mut Vec<Arc<File>>) -> Result<(), Error> {
    let known = tx.row(sql!("select length from blob where digest = $1"), args![blob.digest]).await?;
    if known.is_some() {
        return Ok(());
    }
    let (place, file) = appender.append(blob)?;
    if !files.iter().any(|f| Arc::ptr_eq(f, &file)) {
        files.push(file);
    }
    tx.execute(
        sql!("insert into blob (digest, segment, start, length) values ($1, $2, $3, $4)"),
        args![blob.digest, place.segment, to_i64(place.start)?, to_i64(place.length)?],
    )
    .await?;
    Ok(())
}

fn to_i64(count: u64) -> Result<i64, Error> {
    i64::try_from(count).map_err(|_| Error::Corrupt { what: "length", why: count.to_string() })
}
