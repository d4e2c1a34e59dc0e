//! Prices inpatient stays by the payment rules of Chinese regions (DRG), settles months and clears years, exactly.
#![doc = include_str!("../README.md")]

mod case;
mod clearing;
mod day;
mod difference;
mod error;
mod exact;
mod frozen;
mod groups;
mod hash;
mod money;
mod pack;
mod price;
mod recompute;
mod rules;
mod settlement;
mod tables;
mod words;

pub use case::{Case, Flags, Insurance, NoInsurance};
pub use clearing::{Cleared, Clearing, InstitutionYear, apportioned, clear_points, clear_rates};
pub use day::{Day, Month, NoDay};
pub use difference::{Changed, Delta, DeltaLine, Difference};
pub use error::{FileFault, Overflow, Refused, SettlementFault};
pub use exact::{Exact, NoNumber};
pub use frozen::Frozen;
pub use groups::{Group, Kind};
pub use hash::{Hash, NoHash};
pub use money::{Fen, NoAmount};
pub use pack::{ANY_LEVEL, Book, BookFault, File, Level, Method, Names, Pack, Rate, Region};
pub use price::{Basis, Fact, Priced, Standard, Step};
pub use recompute::{Recomputed, Verdict};
pub use rules::{
    Band, Base, BelowZero, Cap, Evidence, Exclusion, Formula, Fund, PayBy, Provenance, Review, Rounding, Rules,
    SingleReview, Sourced, Special, Tier,
};
pub use settlement::{By, ClearingTerms, Key, Line, Run, SettledCase, Sums, Terms, year_of};
pub use tables::Tables;
pub use words::Words;
