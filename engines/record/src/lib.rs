//! The one health record of the group: patients, orders, imaging studies, report versions.
//!
//! Each of them is kept twice: as rows that queries need, and as a FHIR R4 document in canonical JSON, every version of
//! it ([`document`]). Rows are found by a [`Scope`](yiti_directory::Scope); reading a patient is journaled with its
//! purpose by [`patient::open`].
//!
//! - [`patient`]: who; identifiers per institution; finding by number, identity card, name or initials.
//! - [`order`]: examinations asked for, with their accession numbers.
//! - [`imaging`]: studies, series, instances as they arrive; [`matching`]: which order a study belongs to, and whether two
//!   are of one person (pure); [`sorting`]: a person splits, moves and undoes.
//! - [`report`]: issued versions, immutable, with verification codes and who has read them.
//! - [`front_page`]: inpatient stays as coding, grouping and payment read them, every version of each.
//!
//! A front page has no FHIR document of its own: its versions are canonical JSON already.
//!
//! Leaves out: merging patients, observations, medication (they follow), the wire formats (edges), the work on a report
//! before it is issued (the slice `diagnostics`).
//!
//! INVARIANT: a row of `document`, `report_version` or `front_page_version` is never updated or deleted.

pub mod document;
mod fhir;
pub mod fold;
pub mod front_page;
pub mod imaging;
pub mod matching;
pub mod order;
pub mod patient;
pub mod report;
pub mod sorting;

pub use front_page::{FrontPage, FrontPageId};
pub use imaging::StudyId;
pub use order::RequestId;
pub use patient::PatientId;
pub use report::ReportId;

use yiti_store::Migration;

/// The tables of this crate.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 3001, name: "record", sql: include_str!("../migrations/3001_record.sql") },
    Migration { version: 3002, name: "front pages", sql: include_str!("../migrations/3002_front_page.sql") },
    Migration { version: 3003, name: "addresses", sql: include_str!("../migrations/3003_addresses.sql") },
];
