//! Words every crate of Yiti shares: identifiers, time, money, national identity numbers, languages, definitions.
//!
//! Leaves out on purpose: input and output of any kind. The kernel reads no clock (it only names the [`Clock`] trait and
//! the one implementation that does), opens no file and knows no database.

pub mod definition;
pub mod ids;
pub mod lang;
pub mod money;
pub mod national_id;
pub mod time;

pub use ids::fresh;
pub use lang::Lang;
pub use money::Fen;
pub use national_id::NationalId;
pub use time::{Clock, Due, FixedClock, SystemClock};

pub use jiff::{SignedDuration, Timestamp, civil, civil::Date};
pub use uuid::Uuid;
