//! A branch examines, headquarters diagnoses.
//!
//! One examination through the files: a doctor asks ([`actions::request`]), the pictures come and meet their order
//! ([`actions::study_complete`]), a technician grades them ([`quality`]), a reader takes them from the one list over all
//! branches ([`store::worklist_lines`]) and writes a structured report ([`content`]), a second doctor approves it
//! ([`actions::approve`]), the branch reads and prints it ([`actions::open_report`]), and a manager opens every figure
//! down to the readings that made it ([`facts`]). What may follow what is [`remote_read`], pure.
//!
//! Leaves out: assignment by rule, double reading, the critical-value loop (they follow), and DICOM (the edge).

pub mod actions;
pub mod content;
pub mod facts;
pub mod may;
pub mod pages;
pub mod quality;
pub mod remote_read;
pub mod settings;
pub mod store;

pub use actions::Error;
pub use remote_read::RemoteRead;
pub use settings::Definitions;

use yiti_store::Migration;

/// The tables of this slice.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 10001, name: "remote reading", sql: include_str!("../migrations/10001_diagnostics.sql") },
    Migration { version: 10002, name: "sent back", sql: include_str!("../migrations/10002_sent_back.sql") },
    Migration { version: 10003, name: "counts", sql: include_str!("../migrations/10003_counts.sql") },
    Migration { version: 10004, name: "counted alone", sql: include_str!("../migrations/10004_counted_alone.sql") },
    Migration { version: 10005, name: "warning", sql: include_str!("../migrations/10005_warning.sql") },
];
