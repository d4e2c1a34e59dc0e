//! Migrations: one text for both databases, in which types are written as `{id}`, `{int}`, `{text}`, `{bytes}` and a
//! table ends with `{strict}`. So the two schemas cannot drift apart. Engine: `sqlx::migrate`.

use std::borrow::Cow;

use sqlx::migrate::{Migration as SqlxMigration, MigrationType, Migrator};

use crate::Error;

/// One step of the schema. Versions are unique over all crates: store 1000, directory 2000, record 3000, clock 4000,
/// flow 5000, measure 6000, web 7000, edges 8000, slices 10000 and up.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The place in the order.
    pub version: i64,
    /// What it brings.
    pub name: &'static str,
    /// The text with type words.
    pub sql: &'static str,
}

/// Which text the type words become.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    Lite,
    Pg,
}

pub(crate) fn text(migration: &Migration, dialect: Dialect) -> String {
    let words: [(&str, &str, &str); 5] = [
        ("{id}", "blob", "uuid"),
        ("{int}", "integer", "bigint"),
        ("{text}", "text", "text"),
        ("{bytes}", "blob", "bytea"),
        (" {strict}", " strict", ""),
    ];
    words.iter().fold(migration.sql.to_owned(), |sql, (word, lite, pg)| {
        sql.replace(
            word,
            match dialect {
                Dialect::Lite => lite,
                Dialect::Pg => pg,
            },
        )
    })
}

/// The migrator of all `migrations`, in order of version.
pub(crate) fn migrator(migrations: &[&[Migration]], dialect: Dialect) -> Result<Migrator, Error> {
    let mut all: Vec<&Migration> = migrations.iter().flat_map(|m| m.iter()).collect();
    all.sort_by_key(|m| m.version);
    if let Some(pair) = all.windows(2).find(|pair| pair[0].version == pair[1].version) {
        return Err(Error::Corrupt { what: "migration", why: format!("version {} stands twice", pair[0].version) });
    }
    let steps = all
        .into_iter()
        .map(|m| {
            SqlxMigration::new(
                m.version,
                Cow::Borrowed(m.name),
                MigrationType::Simple,
                sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(text(m, dialect))),
                false,
            )
        })
        .collect();
    Ok(Migrator::with_migrations(steps))
}
