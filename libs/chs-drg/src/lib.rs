//! Groups inpatient stays by the Chinese diagnosis related groups (CHS-DRG) and says why.
#![doc = include_str!("../README.md")]

mod check;
mod codes;
mod columns;
mod compile;
mod days;
mod definition;
mod error;
mod explain;
mod group;
mod pack;
mod plain;
mod record;
mod rule;
mod scheme;
mod tables;
mod words;

pub use check::{AGE_YEARS_MAX, Fault, STAY_DAYS_MAX, WEIGHT_GRAMS};
pub use columns::Columns;
pub use days::{Day, Days, NoDay};
pub use definition::{Class, Code, CodeSet, Complicating, Definition, Drg, Mdc, Profile, Region, Step, Unmatched};
pub use error::Error;
pub use explain::{Because, By, Event, Evidence, Explained, NearMiss, Weighed};
pub use group::{Answer, Complication, Outcome, Ungrouped};
pub use pack::FORMAT;
pub use plain::Broken;
pub use record::Record;
pub use rule::{Atom, Field, Kind, Relation, Role, Rule, RuleFault, SetIx};
pub use scheme::{Grouped, Hash, Known, Scheme};
pub use tables::Tables;
pub use words::{Words, WordsFault};
