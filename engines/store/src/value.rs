//! The few types that travel between Rust and both databases.

use yiti_kernel::{Date, Fen, Timestamp, Uuid};

/// One bound argument or one column of a row.
///
/// Identifiers are `uuid` on PostgreSQL and 16 bytes on SQLite; instants are microseconds since 1970; days are ISO
/// texts; flags are 0 or 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Whole numbers, instants, money, flags.
    Int(i64),
    /// Text and JSON documents.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// An identifier.
    Id(Uuid),
    /// No value where an identifier is expected: PostgreSQL wants the type of a null.
    NullId,
    /// No value where a whole number is expected.
    NullInt,
}

/// Makes the argument list of a statement: `args![id, name, at]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*] as &[$crate::Value] };
}

macro_rules! into_value {
    ($($kind:ty => |$it:ident| $make:expr),+ $(,)?) => {
        $(impl From<$kind> for Value {
            fn from($it: $kind) -> Self { $make }
        })+
    };
}

into_value! {
    i64 => |v| Value::Int(v),
    i32 => |v| Value::Int(i64::from(v)),
    i16 => |v| Value::Int(i64::from(v)),
    i8 => |v| Value::Int(i64::from(v)),
    u32 => |v| Value::Int(i64::from(v)),
    u16 => |v| Value::Int(i64::from(v)),
    u8 => |v| Value::Int(i64::from(v)),
    bool => |v| Value::Int(i64::from(v)),
    Timestamp => |v| Value::Int(v.as_microsecond()),
    Fen => |v| Value::Int(v.0),
    Option<i64> => |v| v.map_or(Value::NullInt, Value::Int),
    Option<u32> => |v| v.map_or(Value::NullInt, |v| Value::Int(i64::from(v))),
    Option<u16> => |v| v.map_or(Value::NullInt, |v| Value::Int(i64::from(v))),
    Option<bool> => |v| v.map_or(Value::NullInt, |v| Value::Int(i64::from(v))),
    Option<Timestamp> => |v| v.map_or(Value::NullInt, |v| Value::Int(v.as_microsecond())),
    String => |v| Value::Text(v),
    &String => |v| Value::Text(v.clone()),
    &str => |v| Value::Text(v.to_owned()),
    Date => |v| Value::Text(v.to_string()),
    Option<Date> => |v| v.map_or(Value::Null, |v| Value::Text(v.to_string())),
    Option<String> => |v| v.map_or(Value::Null, Value::Text),
    Option<&str> => |v| v.map_or(Value::Null, |v| Value::Text(v.to_owned())),
    Vec<u8> => |v| Value::Bytes(v),
    &[u8] => |v| Value::Bytes(v.to_vec()),
    crate::Digest => |v| Value::Bytes(v.0.to_vec()),
    Uuid => |v| Value::Id(v),
    Option<Uuid> => |v| v.map_or(Value::NullId, Value::Id),
}
