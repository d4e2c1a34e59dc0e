//! Rows as they come from either database.

use std::sync::Arc;

use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _, postgres::PgRow, sqlite::SqliteRow};
use yiti_kernel::{Date, Timestamp, Uuid, time::from_micros};

use crate::{Digest, Error, Value};

/// One row. Columns are read by name.
#[derive(Debug, Clone)]
pub struct Row {
    names: Arc<[String]>,
    values: Vec<Value>,
}

/// A Rust type that a column can be read as.
pub trait FromValue: Sized {
    /// The name of the type in messages.
    const WANTED: &'static str;
    /// Takes the value, `None` when it has another type.
    fn from_value(value: &Value) -> Option<Self>;
}

impl Row {
    /// The column `name` as `T`.
    ///
    /// # Errors
    /// [`Error::Column`] when there is no such column or it has another type.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<T, Error> {
        let value = self.names.iter().position(|n| n == name).and_then(|i| self.values.get(i));
        value.and_then(T::from_value).ok_or_else(|| Error::Column {
            column: name.to_owned(),
            wanted: T::WANTED,
            found: value.map_or_else(|| "no such column".to_owned(), |v| format!("{v:?}").chars().take(80).collect()),
        })
    }

    /// The column `name` as an identifier of kind `T`.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn id<T: From<Uuid>>(&self, name: &str) -> Result<T, Error> {
        self.get::<Uuid>(name).map(T::from)
    }

    /// The column `name` as an identifier of kind `T` that may be missing.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn optional_id<T: From<Uuid>>(&self, name: &str) -> Result<Option<T>, Error> {
        Ok(self.get::<Option<Uuid>>(name)?.map(T::from))
    }

    /// The columns in their order, with their names.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.names.iter().map(String::as_str).zip(&self.values)
    }

    pub(crate) fn from_lite(row: &SqliteRow, names: &mut Option<Arc<[String]>>) -> Result<Self, Error> {
        let names = names.get_or_insert_with(|| row.columns().iter().map(|c| c.name().to_owned()).collect()).clone();
        let mut values = Vec::with_capacity(names.len());
        for i in 0..names.len() {
            let raw = row.try_get_raw(i)?;
            let kind = raw.type_info();
            values.push(if raw.is_null() {
                Value::Null
            } else {
                match kind.name() {
                    "INTEGER" | "BOOLEAN" => Value::Int(row.try_get(i)?),
                    "BLOB" => Value::Bytes(row.try_get(i)?),
                    _ => Value::Text(row.try_get(i)?),
                }
            });
        }
        Ok(Self { names, values })
    }

    pub(crate) fn from_pg(row: &PgRow, names: &mut Option<Arc<[String]>>) -> Result<Self, Error> {
        let names = names.get_or_insert_with(|| row.columns().iter().map(|c| c.name().to_owned()).collect()).clone();
        let mut values = Vec::with_capacity(names.len());
        for i in 0..names.len() {
            let raw = row.try_get_raw(i)?;
            let kind = raw.type_info();
            values.push(if raw.is_null() {
                Value::Null
            } else {
                match kind.name() {
                    "INT8" => Value::Int(row.try_get(i)?),
                    "INT4" => Value::Int(i64::from(row.try_get::<i32, _>(i)?)),
                    "UUID" => Value::Id(row.try_get(i)?),
                    "BYTEA" => Value::Bytes(row.try_get(i)?),
                    "BOOL" => Value::Int(i64::from(row.try_get::<bool, _>(i)?)),
                    _ => Value::Text(row.try_get(i)?),
                }
            });
        }
        Ok(Self { names, values })
    }
}

macro_rules! from_value {
    ($($kind:ty, $wanted:literal, $pattern:pat => $make:expr;)+) => {
        $(impl FromValue for $kind {
            const WANTED: &'static str = $wanted;
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $pattern => $make,
                    _ => None,
                }
            }
        })+
    };
}

from_value! {
    i64, "whole number", Value::Int(v) => Some(*v);
    u32, "whole number", Value::Int(v) => u32::try_from(*v).ok();
    u16, "whole number", Value::Int(v) => u16::try_from(*v).ok();
    u8, "whole number", Value::Int(v) => u8::try_from(*v).ok();
    i32, "whole number", Value::Int(v) => i32::try_from(*v).ok();
    bool, "flag", Value::Int(v) => Some(*v != 0);
    Timestamp, "instant", Value::Int(v) => Some(from_micros(*v));
    String, "text", Value::Text(v) => Some(v.clone());
    Date, "day", Value::Text(v) => v.parse().ok();
    Vec<u8>, "bytes", Value::Bytes(v) => Some(v.clone());
    Digest, "digest", Value::Bytes(v) => v.as_slice().try_into().ok().map(Digest);
}

impl FromValue for Uuid {
    const WANTED: &'static str = "identifier";
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Id(id) => Some(*id),
            Value::Bytes(bytes) => Self::from_slice(bytes).ok(),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const WANTED: &'static str = T::WANTED;
    fn from_value(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}
