//! A borrowed connection: [`Reader`] asks, [`Tx`] also changes. Both take [`Sql`] constants only.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures::TryStreamExt as _;
use sqlx::{Postgres, Sqlite, pool::PoolConnection, postgres::PgArguments, query::Query, sqlite::SqliteArguments};

use crate::held::Held;
use crate::journal::Head;
use crate::{Error, Row, Sql, Value};

pub(crate) enum Link {
    Lite(PoolConnection<Sqlite>),
    Pg(PoolConnection<Postgres>),
}

/// Asks the database. Borrowed from [`Store::read`](crate::Store::read), given back when dropped.
pub struct Reader {
    pub(crate) link: Link,
    /// `None` for the writer's own.
    pub(crate) _held: Option<Held>,
}

/// The writer's transaction as one act sees it.
pub struct Tx {
    reader: Reader,
    pub(crate) head: Option<Head>,
    pub(crate) appended: bool,
    /// Whether something beside the journal may have changed.
    pub(crate) changed: bool,
}

impl Deref for Tx {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

impl Reader {
    /// All rows of a query.
    ///
    /// # Errors
    /// [`Error::Database`] when the database refuses.
    pub async fn rows(&mut self, sql: Sql, args: &[Value]) -> Result<Vec<Row>, Error> {
        let mut names: Option<Arc<[String]>> = None;
        let mut rows = Vec::new();
        match &mut self.link {
            Link::Lite(connection) => {
                let mut stream = bind_lite(sqlx::query(sql.lite), args).fetch(&mut **connection);
                while let Some(row) = stream.try_next().await? {
                    rows.push(Row::from_lite(&row, &mut names)?);
                }
            }
            Link::Pg(connection) => {
                let mut stream = bind_pg(sqlx::query(sql.pg), args).fetch(&mut **connection);
                while let Some(row) = stream.try_next().await? {
                    rows.push(Row::from_pg(&row, &mut names)?);
                }
            }
        }
        Ok(rows)
    }

    /// The first row, if any.
    ///
    /// # Errors
    /// As [`Reader::rows`].
    pub async fn row(&mut self, sql: Sql, args: &[Value]) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn one(&mut self, sql: Sql, args: &[Value]) -> Result<Row, Error> {
        self.row(sql, args).await?.ok_or(Error::NotFound)
    }

    /// Has the database parse and plan a statement without running it.
    ///
    /// # Errors
    /// [`Error::Database`] says what the database does not understand.
    pub async fn prepare(&mut self, sql: Sql) -> Result<(), Error> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        match &mut self.link {
            Link::Lite(connection) => {
                connection.prepare(sql.lite.into_sql_str()).await?;
            }
            Link::Pg(connection) => {
                connection.prepare(sql.pg.into_sql_str()).await?;
            }
        }
        Ok(())
    }

    async fn run(&mut self, sql: Sql, args: &[Value]) -> Result<u64, Error> {
        Ok(match &mut self.link {
            Link::Lite(connection) => {
                bind_lite(sqlx::query(sql.lite), args).execute(&mut **connection).await?.rows_affected()
            }
            Link::Pg(connection) => {
                bind_pg(sqlx::query(sql.pg), args).execute(&mut **connection).await?.rows_affected()
            }
        })
    }
}

impl Tx {
    pub(crate) fn new(link: Link) -> Self {
        Self { reader: Reader { link, _held: None }, head: None, appended: false, changed: false }
    }

    /// Gives the connection up for good.
    pub(crate) async fn close(self) {
        let closed = match self.reader.link {
            Link::Lite(connection) => connection.close().await,
            Link::Pg(connection) => connection.close().await,
        };
        if let Err(error) = closed {
            tracing::warn!(error = &error as &dyn std::error::Error, "the writer's connection could not be closed");
        }
    }

    /// Runs a statement that changes rows; returns how many.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a unique key clashes, [`Error::Database`] when the database refuses.
    pub async fn execute(&mut self, sql: Sql, args: &[Value]) -> Result<u64, Error> {
        self.changed = true;
        self.reader.run(sql, args).await
    }

    /// As [`Tx::execute`], for the journal and for the bounds of transactions: no kept answer depends on these.
    pub(crate) async fn execute_aside(&mut self, sql: Sql, args: &[Value]) -> Result<u64, Error> {
        self.reader.run(sql, args).await
    }

    /// Runs a statement that must change exactly one row, such as an update guarded by a version.
    ///
    /// # Errors
    /// [`Error::Stale`] when no row was changed.
    pub async fn execute_one(&mut self, sql: Sql, args: &[Value]) -> Result<(), Error> {
        if self.execute(sql, args).await? == 1 { Ok(()) } else { Err(Error::Stale) }
    }
}

type LiteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;
type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

fn bind_lite<'q>(mut query: LiteQuery<'q>, args: &[Value]) -> LiteQuery<'q> {
    for value in args {
        query = match value {
            Value::Null | Value::NullId | Value::NullInt => query.bind(None::<String>),
            Value::Int(v) => query.bind(*v),
            Value::Text(v) => query.bind(v.clone()),
            Value::Bytes(v) => query.bind(v.clone()),
            Value::Id(v) => query.bind(v.as_bytes().to_vec()),
        };
    }
    query
}

fn bind_pg<'q>(mut query: PgQuery<'q>, args: &[Value]) -> PgQuery<'q> {
    for value in args {
        query = match value {
            Value::Null => query.bind(None::<String>),
            Value::NullId => query.bind(None::<yiti_kernel::Uuid>),
            Value::NullInt => query.bind(None::<i64>),
            Value::Int(v) => query.bind(*v),
            Value::Text(v) => query.bind(v.clone()),
            Value::Bytes(v) => query.bind(v.clone()),
            Value::Id(v) => query.bind(*v),
        };
    }
    query
}
