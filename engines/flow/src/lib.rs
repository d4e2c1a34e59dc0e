//! Cases, what waits for whom, and what someone should know.
//!
//! - [`case`]: the [`CaseKind`] trait: states as enums that carry their facts, pure transitions, named refusals; storage,
//!   history and journal are the same for all kinds.
//! - [`task`]: the list "what waits for me".
//! - [`notice`]: messages, apart from tasks: a task I must act on, a notice I should know.
//!
//! Leaves out: clocks (the slice starts and satisfies obligations), pages, and kinds that are wholly defined in TOML
//! (they follow with the second slice that needs them).
//!
//! INVARIANT: the history of a case is only added to; its last status is the status of the case.

pub mod case;
pub mod notice;
pub mod task;

pub use case::{Case, CaseId, CaseKind, StepError};

use yiti_store::Migration;

/// The tables of this crate.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 5001, name: "cases", sql: include_str!("../migrations/5001_flow.sql") },
    Migration { version: 5002, name: "task counts", sql: include_str!("../migrations/5002_task_counts.sql") },
    Migration { version: 5003, name: "task warning", sql: include_str!("../migrations/5003_task_warning.sql") },
];
