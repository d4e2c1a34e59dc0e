//! Figures with a receipt: facts in, indicator values out, each with the rows behind it.
//!
//! - [`fact`]: a slice declares a fact (name, grain, columns) and hands its rows as a [`Batch`].
//! - [`expr`]: the closed expression language of definitions, over the columns of one fact.
//! - [`definition`]: measures as TOML, with dated versions.
//! - [`evaluate`]: the values by group, and the rows of each part of a value.
//! - [`case`]: the cases beside the definitions, rows in, value out.
//!
//! INVARIANT: missing is not zero. A row that lacks a field the measure needs is in neither numerator nor denominator; it
//! is counted beside the value.
//!
//! INVARIANT: values and lists of rows come from the same classification of rows, so their counts are equal.
//!
//! INVARIANT: no result depends on the order of rows; counts, sums and percentiles are exact integers.
//!
//! Leaves out: who may see a figure (the caller filters the batch by scope and names the scope), freezing and restating
//! of periods, targets, charts, columnar files.

pub mod case;
pub mod definition;
pub mod evaluate;
pub mod expr;
pub mod fact;

pub use definition::{Measure, Measures};
pub use evaluate::{Ask, Cell, Part, Period, Receipt, Value, evaluate, rows};
pub use fact::{Batch, Column, Datum, Fact, Kind};

use yiti_store::Migration;

/// The tables of this crate: none yet.
pub const MIGRATIONS: &[Migration] = &[];
