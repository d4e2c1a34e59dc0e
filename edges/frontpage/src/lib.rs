//! Front pages from outside: the wide table of HQMS, the settlement list of the insurance, a plain table.
//!
//! - [`read`]: a file becomes pages, each with what was mended, or the row's faults. [`table`]: rows of a table.
//!   [`settlement`]: messages 4101 and 4101A, whose structs live here alone.
//! - [`mend`]: what a cell becomes before it is a value: pure. [`build`]: cells become a page.
//! - [`overlay`]: what a narrower form leaves of a page that is known already: pure.
//! - [`import`]: a file into the record, in bounded acts. [`report`]: what came of it. [`store`]: rows of that.
//! - [`words`]: all of it in words, and the error file; the command and the pages say the same.
//! - [`pages`]: sending a file, past imports, what came of each.
//!
//! Leaves out: writing these forms, the interface 4401, judging a page (slice `drg`).

pub mod build;
pub mod import;
pub mod mend;
pub mod overlay;
pub mod pages;
pub mod read;
pub mod report;
pub mod settlement;
pub mod store;
pub mod table;
pub mod words;

pub use import::{Import, import};
pub use read::{FileFault, Item, Limits, Opened, Place, Repair, RepairKind, Trouble, open};
pub use report::ImportReport;

use yiti_store::Migration;

/// The tables of this edge.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 8001,
    name: "imports of front pages",
    sql: include_str!("../migrations/8001_front_page_import.sql"),
}];
