//! Backup and restore: every row of every table as one moment saw it, the segments up to what that moment had indexed,
//! and a manifest that names each file with its length and digest.
//!
//! A backup is a folder: `manifest.json`, `tables/<name>.rows`, and the copied files under their own names (`blobs/`,
//! `definitions/`, `journal.heads`). It is the same whichever database it comes from, and can be restored into either.
//! It is made beside a running server: both databases give a reader one moment for as long as it reads, and a segment
//! only grows. It appears under its name when it is whole, and so does what is restored from it.
//!
//! A row is its values in the order of the columns: a byte for the kind (0 nothing, 1 whole number, 2 text, 3 bytes and
//! identifiers), then eight bytes, little-endian, or a length of four bytes and as many bytes.
//!
//! Left out: encryption, and backups that hold only what changed since the last.
//!
//! The names of tables and columns come from the schema itself, which only migrations make; nothing that anyone typed
//! becomes part of a statement here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr as _;

use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use yiti_kernel::{Timestamp, Uuid};

use crate::journal::Verdict;
use crate::migrate::{Dialect, Migration, migrator};
use crate::{Error, Settings, Store, Value};

/// The form of backups that this crate writes and reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const WITNESS: &str = "journal.heads";
/// The longest value of a row that is believed.
const VALUE_BYTES_MAX: u32 = 1 << 30;
/// Values bound to one statement when rows are put back.
const VALUES_A_STATEMENT: usize = 6_000;
const COPY_BYTES: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the backup.
    pub format: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// `sqlite` or `postgresql`: where it was made from.
    pub engine: String,
    /// The versions of the migrations whose schema it has.
    pub schema: Vec<i64>,
    /// How many entries the journal has.
    pub journal_count: i64,
    /// The hash of its last entry; empty for an empty journal.
    pub journal_head: String,
    /// The tables, by name.
    pub tables: Vec<Table>,
    /// The files copied as they are, by path.
    pub files: Vec<Copied>,
}

/// A table of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of the values.
    pub columns: Vec<String>,
    /// Its rows.
    pub row_count: u64,
    /// The length of its file.
    pub byte_count: u64,
    /// The digest of its file, SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// A copied file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its path in the data folder.
    pub path: String,
    /// Its length.
    pub byte_count: u64,
    /// Its digest, SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// All rows.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.tables.iter().map(|table| table.row_count).sum()
    }

    /// All bytes, of tables and files.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        let files = self.files.iter().map(|file| file.byte_count);
        self.tables.iter().map(|table| table.byte_count).chain(files).sum()
    }
}

fn fault(file: &str, why: impl Into<String>) -> Error {
    Error::Backup { file: file.to_owned(), why: why.into() }
}

/// The file of a table in a backup.
fn table_path(name: &str) -> String {
    format!("tables/{name}.rows")
}

/// A name of the schema as a statement has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes a file, counts and digests what goes through, and flushes it at the end.
struct Digesting {
    file: BufWriter<File>,
    path: PathBuf,
    digest: Sha256,
    byte_count: u64,
}

impl Digesting {
    fn create(path: PathBuf) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
        }
        let file = File::create(&path).map_err(|e| Error::file(&path, e))?;
        Ok(Self { file: BufWriter::with_capacity(COPY_BYTES, file), path, digest: Sha256::new(), byte_count: 0 })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.byte_count += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| Error::file(&self.path, e))
    }

    /// Length and digest.
    fn finish(self) -> Result<(u64, String), Error> {
        let path = self.path;
        let file = self.file.into_inner().map_err(|e| Error::file(&path, e.into_error()))?;
        file.sync_all().map_err(|e| Error::file(&path, e))?;
        Ok((self.byte_count, hex::encode(self.digest.finalize())))
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
    let mut long = |kind: u8, bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= VALUE_BYTES_MAX);
        let length = length.ok_or_else(|| fault("tables", "a value is longer than a backup takes"))?;
        out.push(kind);
        out.extend(length.to_le_bytes());
        out.extend(bytes);
        Ok::<_, Error>(())
    };
    match value {
        Value::Text(text) => long(2, text.as_bytes()),
        Value::Bytes(bytes) => long(3, bytes),
        Value::Id(id) => long(3, id.as_bytes()),
        Value::Null | Value::NullId | Value::NullInt => {
            out.push(0);
            Ok(())
        }
        Value::Int(number) => {
            out.push(1);
            out.extend(number.to_le_bytes());
            Ok(())
        }
    }
}

/// The next value of a file that was found whole before.
fn read_value(file: &mut impl Read, name: &str) -> Result<Value, Error> {
    let mut exactly = |length: usize| {
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes).map_err(|_| fault(name, "it ends within a row"))?;
        Ok::<_, Error>(bytes)
    };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let kind = exactly(1)?[0];
    Ok(match kind {
        0 => Value::Null,
        1 => Value::Int(number(&exactly(8)?).cast_signed()),
        2 | 3 => {
            let length = number(&exactly(4)?);
            if length > u64::from(VALUE_BYTES_MAX) {
                return Err(fault(name, format!("a value of {length} bytes is not believed")));
            }
            let bytes = exactly(length as usize)?;
            match kind {
                2 => Value::Text(String::from_utf8(bytes).map_err(|_| fault(name, "a text is no UTF-8"))?),
                _ => Value::Bytes(bytes),
            }
        }
        _ => return Err(fault(name, format!("no value begins with {kind}"))),
    })
}

/// Either database, outside the store: one connection that a backup or a restore has for itself.
enum Source {
    Lite(SqliteConnection),
    Pg(PgConnection),
}

impl Source {
    /// Opens what `settings` name, as it is: no schema is brought up to date, and nothing may be changed.
    async fn open(settings: &Settings) -> Result<Self, Error> {
        match &settings.postgres {
            None => {
                let path = settings.folder.join("yiti.db");
                if !path.exists() {
                    return Err(Error::file(&path, std::io::ErrorKind::NotFound.into()));
                }
                let options = SqliteConnectOptions::new().filename(path).pragma("query_only", "on");
                let mut connection = SqliteConnection::connect_with(&options).await?;
                sqlx::query("begin").execute(&mut connection).await?;
                Ok(Self::Lite(connection))
            }
            Some(address) => {
                let mut connection = PgConnection::connect_with(&PgConnectOptions::from_str(address)?).await?;
                let begin = "begin transaction isolation level repeatable read read only";
                sqlx::query(begin).execute(&mut connection).await?;
                Ok(Self::Pg(connection))
            }
        }
    }

    /// The first columns of all rows, as text.
    async fn texts(&mut self, lite: String, pg: String) -> Result<Vec<String>, Error> {
        Ok(match self {
            Self::Lite(connection) => {
                let rows = sqlx::query(AssertSqlSafe(lite)).fetch_all(connection).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
            Self::Pg(connection) => {
                let rows = sqlx::query(AssertSqlSafe(pg)).fetch_all(connection).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
        })
    }

    async fn tables(&mut self) -> Result<Vec<String>, Error> {
        let lite = "select name from sqlite_schema where type = 'table' and name not like 'sqlite@_%' escape '@'
            and name <> '_sqlx_migrations' order by name";
        let pg = "select table_name::text from information_schema.tables where table_schema = current_schema()
            and table_type = 'BASE TABLE' and table_name <> '_sqlx_migrations' order by table_name collate \"C\"";
        self.texts(lite.to_owned(), pg.to_owned()).await
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<String>, Error> {
        let name = table.replace('\'', "''");
        self.texts(
            format!("select name from pragma_table_info('{name}') order by name"),
            format!(
                "select column_name::text from information_schema.columns where table_schema = current_schema()
                 and table_name = '{name}' order by column_name collate \"C\""
            ),
        )
        .await
    }

    /// The columns that tell rows apart; none where a table has no such columns.
    async fn keys(&mut self, table: &str) -> Result<Vec<String>, Error> {
        let name = table.replace('\'', "''");
        self.texts(
            format!("select name from pragma_table_info('{name}') where pk > 0 order by pk"),
            format!(
                "select a.attname::text from pg_index i join pg_class c on c.oid = i.indrelid
                     join pg_namespace n on n.oid = c.relnamespace
                     cross join lateral unnest(i.indkey) with ordinality as k (number, place)
                     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                 where i.indisprimary and c.relname = '{name}' and n.nspname = current_schema() order by k.place"
            ),
        )
        .await
    }

    async fn schema(&mut self) -> Result<Vec<i64>, Error> {
        let sql = "select cast(version as text) from _sqlx_migrations where success order by version";
        let texts = self.texts(sql.to_owned(), sql.to_owned()).await?;
        texts.iter().map(|text| text.parse().map_err(|_| fault("schema", "a version is no number"))).collect()
    }

    /// Writes every row of a table.
    async fn write(&mut self, table: &str, columns: &[String], out: &mut Digesting) -> Result<u64, Error> {
        let keys = self.keys(table).await?;
        let order = if keys.is_empty() { columns.to_vec() } else { keys };
        let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let sql = format!("select {} from {} order by {}", list(columns), quoted(table), list(&order));
        let (mut count, mut names, mut bytes) = (0, None, Vec::new());
        let mut keep = |row: crate::Row| {
            bytes.clear();
            for (_, value) in row.columns() {
                put_value(&mut bytes, value)?;
            }
            count += 1;
            out.put(&bytes)
        };
        match self {
            Self::Lite(connection) => {
                let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    keep(crate::Row::from_lite(&row, &mut names)?)?;
                }
            }
            Self::Pg(connection) => {
                let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    keep(crate::Row::from_pg(&row, &mut names)?)?;
                }
            }
        }
        Ok(count)
    }

    async fn close(self) -> Result<(), Error> {
        match self {
            Self::Lite(connection) => connection.close().await?,
            Self::Pg(connection) => connection.close().await?,
        }
        Ok(())
    }
}

/// The folder beside `to` in which something is made before it gets its name; what an attempt left there is removed.
fn part_of(to: &Path) -> Result<PathBuf, Error> {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(|e| Error::file(&part, e))?;
    }
    std::fs::create_dir_all(&part).map_err(|e| Error::file(&part, e))?;
    Ok(part)
}

/// Gives what is whole its name.
fn named(part: &Path, to: &Path) -> Result<(), Error> {
    if to.exists() {
        std::fs::remove_dir(to).map_err(|e| Error::file(to, e))?;
    }
    std::fs::rename(part, to).map_err(|e| Error::file(to, e))?;
    let above = to.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(above).and_then(|folder| folder.sync_all()).map_err(|e| Error::file(above, e))
}

/// Refuses a folder that holds something.
fn must_be_free(folder: &Path) -> Result<(), Error> {
    let is_free = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Error::file(folder, error)),
    };
    if is_free { Ok(()) } else { Err(fault(&folder.to_string_lossy(), "the folder is not empty; name another")) }
}

/// Copies the first `length` bytes of a file.
fn copied(from: &Path, length: u64, to: PathBuf, path: &str) -> Result<Copied, Error> {
    let mut rest = File::open(from).map_err(|e| Error::file(from, e))?.take(length);
    let (mut out, mut buffer) = (Digesting::create(to)?, vec![0; COPY_BYTES]);
    loop {
        let count = rest.read(&mut buffer).map_err(|e| Error::file(from, e))?;
        if count == 0 {
            break;
        }
        out.put(&buffer[..count])?;
    }
    let (byte_count, sha256) = out.finish()?;
    if byte_count != length {
        return Err(fault(path, format!("it has {byte_count} bytes, {length} are indexed")));
    }
    Ok(Copied { path: path.to_owned(), byte_count, sha256 })
}

/// Files below a folder, as paths with `/` from `root`.
fn files_below(root: &Path, folder: &Path, found: &mut Vec<String>) -> Result<(), Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file(folder, error)),
    };
    for entry in entries {
        let path = entry.map_err(|e| Error::file(folder, e))?.path();
        if path.is_dir() {
            files_below(root, &path, found)?;
        } else if let Ok(inside) = path.strip_prefix(root) {
            found.push(inside.to_string_lossy().replace('\\', "/"));
        }
    }
    found.sort();
    Ok(())
}

/// Makes a backup of what `settings` name in the folder `to`, which must be free. The server may run meanwhile.
///
/// # Errors
/// [`Error::Backup`] when the folder is not free or a segment is shorter than its index says, [`Error::File`], and
/// whatever the database says.
pub async fn back_up(settings: &Settings, to: &Path, made_at: Timestamp) -> Result<Manifest, Error> {
    must_be_free(to)?;
    let part = part_of(to)?;
    let made = fill(settings, &part, made_at).await;
    match made {
        Ok(manifest) => {
            named(&part, to)?;
            Ok(manifest)
        }
        Err(error) => {
            drop(std::fs::remove_dir_all(&part));
            Err(error)
        }
    }
}

async fn fill(settings: &Settings, part: &Path, made_at: Timestamp) -> Result<Manifest, Error> {
    let mut source = Source::open(settings).await?;
    // The first question fixes the moment that all others see.
    let schema = source.schema().await?;
    let mut tables = Vec::new();
    for name in source.tables().await? {
        let columns = source.columns(&name).await?;
        let mut out = Digesting::create(part.join(table_path(&name)))?;
        let row_count = source.write(&name, &columns, &mut out).await?;
        let (byte_count, sha256) = out.finish()?;
        tables.push(Table { name, columns, row_count, byte_count, sha256 });
    }
    let one = |texts: Vec<String>| texts.into_iter().next().unwrap_or_default();
    let head = "select cast(seq as text) from journal_head where id = 1";
    let journal_count = one(source.texts(head.to_owned(), head.to_owned()).await?).parse().unwrap_or(0);
    let head = "select hash from journal_head where id = 1";
    let journal_head = one(source.texts(head.to_owned(), head.to_owned()).await?);
    let ends = "select segment || ' ' || max(start + length) from blob group by segment order by segment";
    let ends = source.texts(ends.to_owned(), ends.to_owned()).await?;
    source.close().await?;

    let mut files = Vec::new();
    for line in ends {
        let numbers = line.split_once(' ').and_then(|(segment, end)| Some((segment.parse().ok()?, end.parse().ok()?)));
        let (segment, end): (u32, u64) = numbers.ok_or_else(|| fault("blobs", "the index cannot be read"))?;
        let path = format!("blobs/{segment:06}.seg");
        files.push(copied(&settings.folder.join(&path), end, part.join(&path), &path)?);
    }
    let mut definitions = Vec::new();
    files_below(&settings.folder, &settings.folder.join("definitions"), &mut definitions)?;
    for path in definitions {
        let from = settings.folder.join(&path);
        let length = from.metadata().map_err(|e| Error::file(&from, e))?.len();
        files.push(copied(&from, length, part.join(&path), &path)?);
    }
    // Lines of the witness that lie behind the moment of the rows would accuse the journal of having been cut.
    let witness = std::fs::read_to_string(settings.folder.join(WITNESS)).unwrap_or_default();
    let is_before = |line: &&str| {
        let number = line.split_once(' ').and_then(|(number, _)| number.parse::<i64>().ok());
        number.is_some_and(|number| number <= journal_count)
    };
    let mut out = Digesting::create(part.join(WITNESS))?;
    for line in witness.lines().filter(is_before) {
        out.put(line.as_bytes())?;
        out.put(b"\n")?;
    }
    let (byte_count, sha256) = out.finish()?;
    files.push(Copied { path: WITNESS.to_owned(), byte_count, sha256 });

    let engine = if settings.postgres.is_some() { "postgresql" } else { "sqlite" };
    let manifest = Manifest {
        format: FORMAT,
        made_at,
        engine: engine.to_owned(),
        schema,
        journal_count,
        journal_head,
        tables,
        files,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|e| fault(MANIFEST, e.to_string()))?;
    let mut out = Digesting::create(part.join(MANIFEST))?;
    out.put(&text)?;
    out.finish()?;
    Ok(manifest)
}

/// Reads a backup to its end and compares every file with the manifest.
///
/// # Errors
/// [`Error::Backup`] names the first file that is missing, of another length or of another digest.
pub fn check(from: &Path) -> Result<Manifest, Error> {
    let path = from.join(MANIFEST);
    let text = std::fs::read(&path).map_err(|e| Error::file(&path, e))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| fault(MANIFEST, e.to_string()))?;
    if manifest.format != FORMAT {
        return Err(fault(MANIFEST, format!("its form is {}, this program reads {FORMAT}", manifest.format)));
    }
    let tables = manifest.tables.iter().map(|table| (table_path(&table.name), table.byte_count, &table.sha256));
    let files = manifest.files.iter().map(|file| (file.path.clone(), file.byte_count, &file.sha256));
    for (path, byte_count, sha256) in tables.chain(files) {
        let is_inside = Path::new(&path).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside {
            return Err(fault(&path, "the path leads out of the backup"));
        }
        let file = File::open(from.join(&path)).map_err(|_| fault(&path, "it is missing"))?;
        let (mut file, mut digest, mut length) = (BufReader::with_capacity(COPY_BYTES, file), Sha256::new(), 0_u64);
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let count = file.read(&mut buffer).map_err(|e| Error::file(&from.join(&path), e))?;
            if count == 0 {
                break;
            }
            length += count as u64;
            digest.update(&buffer[..count]);
        }
        if length != byte_count {
            return Err(fault(&path, format!("it has {length} bytes, the manifest says {byte_count}")));
        }
        if hex::encode(digest.finalize()) != *sha256 {
            return Err(fault(&path, "its content is not what was backed up"));
        }
    }
    Ok(manifest)
}

/// Puts a backup back into an empty place, and opens it: the folder must be free, the PostgreSQL database without rows.
/// Gives the manifest and what a reading of the whole journal says.
///
/// # Errors
/// [`Error::Backup`] when the backup is damaged, made by a newer version, or the place is not free.
pub async fn restore(from: &Path, into: &Settings, migrations: &[&[Migration]]) -> Result<(Manifest, Verdict), Error> {
    let manifest = check(from)?;
    must_be_free(&into.folder)?;
    let mut steps = vec![crate::MIGRATIONS];
    steps.extend_from_slice(migrations);
    // The schema of that day first; what came since is brought up to date when the store opens.
    let then: BTreeSet<i64> = manifest.schema.iter().copied().collect();
    let all: Vec<Migration> = steps.iter().flat_map(|steps| steps.iter().copied()).collect();
    let known: BTreeSet<i64> = all.iter().map(|step| step.version).collect();
    if let Some(newer) = then.difference(&known).next() {
        return Err(fault(MANIFEST, format!("it was made by a newer version: migration {newer} is not known here")));
    }
    let steps: Vec<Migration> = all.into_iter().filter(|step| then.contains(&step.version)).collect();

    let part = part_of(&into.folder)?;
    let settings = Settings { folder: part.clone(), ..into.clone() };
    let put_back = async {
        for file in &manifest.files {
            let again = copied(&from.join(&file.path), file.byte_count, part.join(&file.path), &file.path)?;
            if again != *file {
                return Err(fault(&file.path, "its content changed while it was restored"));
            }
        }
        match &into.postgres {
            None => rows_into_lite(from, &manifest, &part, &steps).await,
            Some(address) => rows_into_pg(from, &manifest, address, &steps).await,
        }
    };
    if let Err(error) = put_back.await {
        drop(std::fs::remove_dir_all(&settings.folder));
        return Err(error);
    }
    named(&part, &into.folder)?;
    let store = Store::open(into, migrations).await?;
    let verdict = store.verify_journal().await;
    store.close().await;
    Ok((manifest, verdict?))
}

/// The values of a table's rows, batch after batch.
struct Rows {
    file: BufReader<File>,
    name: String,
    width: usize,
    left: u64,
}

impl Rows {
    fn open(from: &Path, table: &Table) -> Result<Self, Error> {
        let (name, path) = (table_path(&table.name), from.join(table_path(&table.name)));
        let file = BufReader::with_capacity(COPY_BYTES, File::open(&path).map_err(|e| Error::file(&path, e))?);
        Ok(Self { file, name, width: table.columns.len(), left: table.row_count })
    }

    /// As many rows as one statement takes; none at the end. values: [row x column]
    fn next(&mut self) -> Result<Vec<Value>, Error> {
        let count =
            (VALUES_A_STATEMENT / self.width.max(1)).max(1).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= count as u64;
        (0..count * self.width).map(|_| read_value(&mut self.file, &self.name)).collect()
    }
}

/// `insert into t (a, b) values ($1, $2), ($3, $4)`.
fn insert(table: &Table, row_count: usize) -> String {
    let columns: Vec<String> = table.columns.iter().map(|name| quoted(name)).collect();
    let rows = (0..row_count).map(|row| {
        let values = (1..=columns.len()).map(|column| format!("${}", row * columns.len() + column));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    });
    let rows: Vec<String> = rows.collect();
    format!("insert into {} ({}) values {}", quoted(&table.name), columns.join(", "), rows.join(", "))
}

/// Refuses tables that are not those of the manifest.
fn must_fit(manifest: &Manifest, found: &BTreeMap<String, Vec<String>>) -> Result<(), Error> {
    for table in &manifest.tables {
        if found.get(&table.name) != Some(&table.columns) {
            return Err(fault(&table_path(&table.name), "its columns are not those of the schema"));
        }
    }
    Ok(())
}

async fn rows_into_lite(from: &Path, manifest: &Manifest, part: &Path, steps: &[Migration]) -> Result<(), Error> {
    let options = SqliteConnectOptions::new()
        .filename(part.join("yiti.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
        .foreign_keys(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    migrator(&[steps], Dialect::Lite)?.run(&pool).await.map_err(|e| fault("schema", e.to_string()))?;
    let mut found = BTreeMap::new();
    {
        let mut source = Source::Lite(pool.acquire().await?.detach());
        for table in source.tables().await? {
            let columns = source.columns(&table).await?;
            found.insert(table, columns);
        }
        source.close().await?;
    }
    must_fit(manifest, &found)?;
    let mut tx = pool.begin().await?;
    sqlx::query("pragma defer_foreign_keys = on").execute(&mut *tx).await?;
    for table in &manifest.tables {
        let mut rows = Rows::open(from, table)?;
        loop {
            let values = rows.next()?;
            if values.is_empty() {
                break;
            }
            let mut query = sqlx::query(AssertSqlSafe(insert(table, values.len() / table.columns.len())));
            for value in values {
                query = match value {
                    Value::Int(number) => query.bind(number),
                    Value::Text(text) => query.bind(text),
                    Value::Bytes(bytes) => query.bind(bytes),
                    Value::Id(id) => query.bind(id.as_bytes().to_vec()),
                    Value::Null | Value::NullId | Value::NullInt => query.bind(None::<String>),
                };
            }
            query.execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    // The log is copied into the database and goes, so that the folder can be renamed.
    pool.close().await;
    Ok(())
}

async fn rows_into_pg(from: &Path, manifest: &Manifest, address: &str, steps: &[Migration]) -> Result<(), Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(PgConnectOptions::from_str(address)?).await?;
    let mut source = Source::Pg(pool.acquire().await?.detach());
    for table in source.tables().await? {
        let count = format!("select cast(count(*) as text) from {}", quoted(&table));
        if source.texts(count.clone(), count).await? != ["0"] {
            return Err(fault(&table, "the PostgreSQL database has rows; name an empty one"));
        }
    }
    migrator(&[steps], Dialect::Pg)?.run(&pool).await.map_err(|e| fault("schema", e.to_string()))?;
    let (mut found, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    for table in source.tables().await? {
        let name = table.replace('\'', "''");
        let of_kind = format!(
            "select data_type::text from information_schema.columns where table_schema = current_schema()
             and table_name = '{name}' order by column_name collate \"C\""
        );
        kinds.insert(table.clone(), source.texts(of_kind.clone(), of_kind).await?);
        let columns = source.columns(&table).await?;
        found.insert(table, columns);
    }
    must_fit(manifest, &found)?;
    let keys = "select format('%I %I', c.relname, k.conname) from pg_constraint k join pg_class c on c.oid = k.conrelid
        join pg_namespace n on n.oid = c.relnamespace where k.contype = 'f' and n.nspname = current_schema()";
    let keys = source.texts(keys.to_owned(), keys.to_owned()).await?;
    source.close().await?;
    let mut tx = pool.begin().await?;
    // References are looked at when all rows are there.
    for key in &keys {
        let (table, name) = key.split_once(' ').unwrap_or_default();
        let sql = format!("alter table {table} alter constraint {name} deferrable initially deferred");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    }
    for table in &manifest.tables {
        let kinds = kinds.get(&table.name).map(Vec::as_slice).unwrap_or_default();
        let mut rows = Rows::open(from, table)?;
        loop {
            let values = rows.next()?;
            if values.is_empty() {
                break;
            }
            let mut query = sqlx::query(AssertSqlSafe(insert(table, values.len() / table.columns.len())));
            for (value, kind) in values.into_iter().zip(kinds.iter().cycle()) {
                query = match (value, kind.as_str()) {
                    (Value::Int(number), _) => query.bind(number),
                    (Value::Text(text), _) => query.bind(text),
                    (Value::Bytes(bytes), "uuid") => {
                        let id = Uuid::from_slice(&bytes);
                        query.bind(id.map_err(|_| fault(&table_path(&table.name), "an identifier is none"))?)
                    }
                    (Value::Bytes(bytes), _) => query.bind(bytes),
                    (Value::Id(id), _) => query.bind(id),
                    (Value::Null | Value::NullId | Value::NullInt, kind) => match kind {
                        "uuid" => query.bind(None::<Uuid>),
                        "bigint" => query.bind(None::<i64>),
                        "bytea" => query.bind(None::<Vec<u8>>),
                        _ => query.bind(None::<String>),
                    },
                };
            }
            query.execute(&mut *tx).await?;
        }
    }
    sqlx::query("set constraints all immediate").execute(&mut *tx).await?;
    for key in &keys {
        let (table, name) = key.split_once(' ').unwrap_or_default();
        let sql = format!("alter table {table} alter constraint {name} not deferrable");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    pool.close().await;
    Ok(())
}
