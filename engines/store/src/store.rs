//! Opening the store, and the three things one does with it: write, read, fetch bytes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::blobs::{self, Appender, Digest, NewBlob, Place, Segments};
use crate::checkpoint::{self, Committed, LOG_PAGES_MAX};
use crate::connection::{Link, Reader, Tx};
use crate::group::{Job, Typed, Writer};
use crate::held::Held;
use crate::kept::Kept;
use crate::migrate::{Dialect, Migration, migrator};
use crate::room::Gauge;
use crate::{Act, Error, args, journal, sql};

/// Acts that may wait for the writer before callers have to wait for a place.
const WAITING_ACTS_MAX: usize = 1024;

/// Where the store lies.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder: database (SQLite), segments, witness file.
    pub folder: PathBuf,
    /// A PostgreSQL address; `None` for SQLite in the data folder.
    pub postgres: Option<String>,
    /// How many readers may ask at the same time.
    pub reader_count: u32,
}

impl Settings {
    /// SQLite in `folder`.
    #[must_use]
    pub fn embedded(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), postgres: None, reader_count: 4 }
    }
}

#[derive(Debug, Clone)]
enum Readers {
    Lite(SqlitePool),
    Pg(PgPool),
}

/// The open store. Cheap to clone; closes when [`Store::close`] was called or the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    jobs: std::sync::Mutex<Option<mpsc::Sender<Job>>>,
    readers: Readers,
    segments: Arc<Segments>,
    folder: PathBuf,
    stopped: Arc<Notify>,
    kept: Arc<Kept>,
    is_short: Arc<AtomicBool>,
    writer: tokio::sync::Mutex<Option<JoinHandle<Tx>>>,
    _lock: File,
}

impl Store {
    /// Opens the store, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has the folder, [`Error::Unsafe`] when the database would not keep what it
    /// acknowledges, and whatever the database says.
    pub async fn open(settings: &Settings, migrations: &[&[Migration]]) -> Result<Self, Error> {
        let folder = &settings.folder;
        std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
        let lock = lock(folder)?;
        let mut steps = vec![crate::MIGRATIONS];
        steps.extend_from_slice(migrations);
        let Opened { tx, readers, begin, copier } = match &settings.postgres {
            None => open_lite(settings, &steps).await?,
            Some(address) => open_pg(settings, address, &steps).await?,
        };
        let mut tx = tx;
        let indexed = tx
            .row(
                sql!("select segment, start + length as finish from blob order by segment desc, start desc limit 1"),
                args![],
            )
            .await?;
        let indexed = indexed
            .map(|row| Ok::<_, Error>((row.get::<u32>("segment")?, row.get::<i64>("finish")?.unsigned_abs())))
            .transpose()?;
        let blobs = folder.join("blobs");
        let appender = Appender::open(&blobs, indexed)?;
        let (jobs, waiting) = mpsc::channel(WAITING_ACTS_MAX);
        let stopped = Arc::new(Notify::new());
        let kept = Arc::new(Kept::default());
        let (committed, copier) = copier.unzip();
        let is_short = Arc::new(AtomicBool::new(false));
        let gauge = Gauge::new(folder, is_short.clone());
        let witness = witness_path(folder);
        let writer = Writer { tx, appender, witness, begin, committed, kept: kept.clone(), gauge };
        let tell = stopped.clone();
        let writer = tokio::spawn(async move {
            let tx = writer.serve(waiting).await;
            tell.notify_waiters();
            tell.notify_one();
            if let Some(copier) = copier {
                drop(copier.await);
            }
            tx
        });
        Ok(Self {
            inner: Arc::new(Inner {
                jobs: std::sync::Mutex::new(Some(jobs)),
                readers,
                segments: Arc::new(Segments::new(&blobs)),
                folder: folder.clone(),
                stopped,
                kept,
                is_short,
                writer: tokio::sync::Mutex::new(Some(writer)),
                _lock: lock,
            }),
        })
    }

    /// Runs an act in a transaction and returns when it is durable. An `Err` of the act rolls its changes back.
    ///
    /// # Errors
    /// The act's own error, or a store error when it could not be saved.
    pub async fn write<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Act<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_with(Vec::new(), act).await
    }

    /// As [`Store::write`], keeping `blobs` in the same flush. They are known under their digests when the act runs.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_with<T, E, F>(&self, blobs: Vec<NewBlob>, act: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Act<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let jobs = self.inner.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let jobs = jobs.ok_or(Error::Stopped)?;
        let (reply, answer) = oneshot::channel();
        let act = Box::new(Typed { act: Some(act), outcome: None, reply: Some(reply) });
        jobs.send(Job { blobs, act }).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)?
    }

    pub(crate) fn kept_answers(&self) -> &Kept {
        &self.inner.kept
    }

    /// Borrows a reader. A task holds one at most: give it back before something is called that borrows its own.
    ///
    /// # Errors
    /// [`Error::Database`] when none becomes free in time.
    ///
    /// # Panics
    /// With debug assertions, when the task holds one already.
    pub async fn read(&self) -> Result<Reader, Error> {
        self.reader(Held::begin()).await
    }

    /// Borrows a reader for one of several questions that a task asks beside each other (`try_join`). None of them may
    /// ask for another reader before it has given back its own.
    ///
    /// # Errors
    /// As [`Store::read`].
    ///
    /// # Panics
    /// With debug assertions, when the task holds one from [`Store::read`].
    pub async fn read_beside(&self) -> Result<Reader, Error> {
        self.reader(Held::beside()).await
    }

    async fn reader(&self, held: Held) -> Result<Reader, Error> {
        let link = match &self.inner.readers {
            Readers::Lite(pool) => Link::Lite(pool.acquire().await?),
            Readers::Pg(pool) => Link::Pg(pool.acquire().await?),
        };
        Ok(Reader { link, _held: Some(held) })
    }

    /// All bytes of a digest, checked against it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the digest is unknown, [`Error::Corrupt`] when the bytes are not those that were kept.
    pub async fn blob(&self, digest: Digest) -> Result<Bytes, Error> {
        let place = self.place(digest).await?;
        let segments = self.inner.segments.clone();
        blocking(move || segments.read_checked(place, digest)).await
    }

    /// `length` bytes of a digest from `start` on, not checked.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the digest is unknown, [`Error::Corrupt`] when the range is not inside it.
    pub async fn blob_range(&self, digest: Digest, start: u64, length: u64) -> Result<Bytes, Error> {
        let place = self.place(digest).await?;
        let segments = self.inner.segments.clone();
        blocking(move || segments.read(place, start, length)).await
    }

    /// All bytes of a digest in pieces of at most 256 KiB, checked against it before the first is given, with their
    /// number: whoever passes them on slowly holds one piece and not the whole.
    ///
    /// # Errors
    /// As [`Store::blob`]; each piece can also fail to be read.
    pub async fn blob_pieces(
        &self,
        digest: Digest,
    ) -> Result<(u64, impl Stream<Item = Result<Bytes, Error>> + Send + use<>), Error> {
        let place = self.place(digest).await?;
        let segments = self.inner.segments.clone();
        if place.length <= blobs::PIECE_BYTES {
            let whole = blocking(move || segments.read_checked(place, digest)).await?;
            return Ok((place.length, stream::once(async { Ok(whole) }).left_stream()));
        }
        blocking(move || segments.check(place, digest)).await?;
        let segments = self.inner.segments.clone();
        let pieces = stream::iter(blobs::pieces(place.length)).then(move |(start, length)| {
            let segments = segments.clone();
            blocking(move || segments.read(place, start, length))
        });
        Ok((place.length, pieces.right_stream()))
    }

    /// Looks in a task of its own: whoever passes bytes on may be a stream that nobody asks for more, and would hold its
    /// reader meanwhile.
    async fn place(&self, digest: Digest) -> Result<Place, Error> {
        drop(Held::beside());
        let store = self.clone();
        let looked = tokio::spawn(async move {
            let mut reader = store.read().await?;
            let sql = sql!("select segment, start, length from blob where digest = $1");
            let row = reader.one(sql, args![digest]).await?;
            Ok(Place {
                segment: row.get("segment")?,
                start: row.get::<i64>("start")?.unsigned_abs(),
                length: row.get::<i64>("length")?.unsigned_abs(),
            })
        });
        looked.await.map_err(|_| Error::Panicked)?
    }

    /// Checks the whole journal.
    ///
    /// # Errors
    /// [`Error::Database`] when it cannot be read.
    pub async fn verify_journal(&self) -> Result<journal::Verdict, Error> {
        let witness = std::fs::read_to_string(witness_path(&self.inner.folder)).unwrap_or_default();
        journal::verify(&mut self.read().await?, &witness).await
    }

    /// True while the writer takes acts; false after a failed flush or commit, and once closed.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        let jobs = self.inner.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        jobs.as_ref().is_some_and(|jobs| !jobs.is_closed())
    }

    /// How many blobs are kept, and their bytes.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn blob_usage(&self) -> Result<(i64, i64), Error> {
        let mut reader = self.read().await?;
        let row = reader
            .one(sql!("select count(*) as n, cast(coalesce(sum(length), 0) as bigint) as bytes from blob"), args![])
            .await?;
        Ok((row.get("n")?, row.get("bytes")?))
    }

    /// The bytes of all files in the data folder.
    ///
    /// # Errors
    /// [`Error::File`] when a folder cannot be read.
    pub async fn folder_bytes(&self) -> Result<u64, Error> {
        let folder = self.inner.folder.clone();
        blocking(move || bytes_below(&folder)).await
    }

    /// True while the disk is nearly full and acts are refused ([`Error::Full`]), as the writer last saw it.
    #[must_use]
    pub fn is_short_of_room(&self) -> bool {
        self.inner.is_short.load(Ordering::Relaxed)
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// `sqlite` or `postgresql`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.inner.readers {
            Readers::Lite(_) => "sqlite",
            Readers::Pg(_) => "postgresql",
        }
    }

    /// Waits until the writer has stopped, which before [`Store::close`] only happens after a failed flush or commit.
    pub async fn stopped(&self) {
        self.inner.stopped.notified().await;
    }

    /// Saves what has been handed in, then closes.
    pub async fn close(&self) {
        let jobs = self.inner.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        drop(jobs);
        let writer = self.inner.writer.lock().await.take();
        let tx = match writer {
            Some(writer) => writer.await.ok(),
            None => None,
        };
        match &self.inner.readers {
            Readers::Lite(pool) => pool.close().await,
            Readers::Pg(pool) => pool.close().await,
        }
        // Last, since whoever only reads leaves SQLite's log behind.
        if let Some(tx) = tx {
            tx.close().await;
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Panicked)?
}

fn bytes_below(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(|e| Error::file(folder, e))? {
        let entry = entry.map_err(|e| Error::file(folder, e))?;
        // A file that went away meanwhile counts nothing.
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { bytes_below(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

fn witness_path(folder: &Path) -> PathBuf {
    folder.join("journal.heads")
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|e| Error::file(&path, e))?;
    if !crate::weak::is("no_lock") {
        file.try_lock().map_err(|_| Error::InUse(folder.display().to_string()))?;
    }
    Ok(file)
}

const BEGIN: crate::Sql = sql! { lite: "begin immediate", pg: "begin" };

struct Opened {
    tx: Tx,
    readers: Readers,
    begin: crate::Sql,
    /// What is told of commits and what it does; `None` where the database needs no such help.
    copier: Option<(Committed, JoinHandle<()>)>,
}

async fn open_lite(settings: &Settings, steps: &[&[Migration]]) -> Result<Opened, Error> {
    let options = SqliteConnectOptions::new()
        .filename(settings.folder.join("yiti.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-32768")
        .statement_cache_capacity(512);
    let writing = options.clone().pragma("wal_autocheckpoint", LOG_PAGES_MAX);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(writing).await?;
    migrator(steps, Dialect::Lite)?.run(&pool).await.map_err(migration_error)?;
    let mut tx = Tx::new(Link::Lite(pool.acquire().await?));
    for (setting, wanted) in [("journal_mode", "wal"), ("synchronous", "2")] {
        let sql = if setting == "journal_mode" {
            sql! { lite: "pragma journal_mode", pg: "select 'wal' as journal_mode" }
        } else {
            sql! { lite: "pragma synchronous", pg: "select 2 as synchronous" }
        };
        let row = tx.one(sql, args![]).await?;
        let found = row.get::<String>(setting).or_else(|_| row.get::<i64>(setting).map(|v| v.to_string()))?;
        if found != wanted {
            return Err(Error::Unsafe { setting, found, wanted });
        }
    }
    let copier = Some(checkpoint::start(&options).await?);
    let readers = SqlitePoolOptions::new()
        .max_connections(settings.reader_count)
        .acquire_timeout(Duration::from_secs(10))
        // A file does not hang up as a server may.
        .test_before_acquire(false)
        .connect_with(options.read_only(true))
        .await?;
    Ok(Opened { tx, readers: Readers::Lite(readers), begin: BEGIN, copier })
}

async fn open_pg(settings: &Settings, address: &str, steps: &[&[Migration]]) -> Result<Opened, Error> {
    let options = PgConnectOptions::from_str(address)?.statement_cache_capacity(512);
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    migrator(steps, Dialect::Pg)?.run(&pool).await.map_err(migration_error)?;
    let mut tx = Tx::new(Link::Pg(pool.acquire().await?));
    let row = tx
        .one(sql! { lite: "select 'on' as mode", pg: "select current_setting('synchronous_commit') as mode" }, args![])
        .await?;
    let found: String = row.get("mode")?;
    if found == "off" {
        return Err(Error::Unsafe { setting: "synchronous_commit", found, wanted: "on" });
    }
    let readers = PgPoolOptions::new()
        .max_connections(settings.reader_count)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await?;
    Ok(Opened { tx, readers: Readers::Pg(readers), begin: BEGIN, copier: None })
}

fn migration_error(error: sqlx::migrate::MigrateError) -> Error {
    match error {
        sqlx::migrate::MigrateError::Execute(inner) => Error::Database(inner),
        other => Error::Corrupt { what: "schema", why: other.to_string() },
    }
}
