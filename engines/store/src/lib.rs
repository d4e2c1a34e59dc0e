//! The only crate of Yiti that talks to a database or writes files.
//!
//! One code path runs on SQLite and on PostgreSQL:
//!
//! - [`Sql`] constants made by [`sql!`]; every statement registers itself, and one test of the app prepares them all on
//!   both databases.
//! - [`Store::write`] hands an act to the one writer. The writer runs what has arrived together in one transaction, each
//!   act in a savepoint of its own, and answers only after the commit: one flush serves many acts (group commit).
//! - [`Store::read`] borrows one of several parallel readers.
//! - [`Tx::journal`] appends to the journal inside the act's own transaction; entries are chained by hash and
//!   [`journal::verify`] finds any changed, dropped, inserted or reordered one.
//! - [`blobs`]: bytes addressed by SHA-256 digest in append-only segment files. Their flush runs while the acts of the
//!   same group run, and the commit waits for it: nothing is acknowledged before bytes and index row are on disk.
//!
//! Leaves out: what the rows mean. No other crate names `sqlx`.
//!
//! INVARIANT: on SQLite `journal_mode=WAL` and `synchronous=FULL` are asserted when the writer opens.

pub mod backup;
mod blobs;
mod checkpoint;
mod connection;
mod error;
mod group;
mod held;
pub mod journal;
mod kept;
mod migrate;
mod room;
mod row;
mod statement;
mod store;
pub mod testing;
mod value;
mod weak;

pub use blobs::{Digest, NewBlob};
pub use connection::{Reader, Tx};
pub use error::Error;
pub use inventory;
pub use migrate::Migration;
pub use row::{FromValue, Row};
pub use statement::{Sql, Statement, statements};
pub use store::{Settings, Store};
pub use value::Value;

/// A boxed future, the return type of an act.
pub type Act<'t, T> = futures::future::BoxFuture<'t, T>;

/// The tables of this crate itself.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1001,
    name: "journal and blobs",
    sql: include_str!("../migrations/1001_journal_and_blobs.sql"),
}];
