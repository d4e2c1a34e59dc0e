//! Front pages from outside: the wide table of HQMS, the settlement list of the insurance, a plain table.
//!
//! - [`read`]: a file becomes pages, each with what was mended, or the row's faults. [`table`]: rows of a table.
//!   [`settlement`]: messages 4101 and 4101A, whose structs live here alone.
//! - [`mend`]: what a cell becomes before it is a value: pure. [`build`]: cells become a page.
//! - [`overlay`]: what a narrower form leaves of a page that is known already: pure.
//! - [`import`]: a file into the record, in bounded acts.
//!
//! Leaves out: writing these forms, the interface 4401, judging a page (slice `drg`).

pub mod build;
pub mod import;
pub mod mend;
pub mod overlay;
pub mod read;
pub mod settlement;
pub mod table;

pub use import::{Import, ImportReport, import};
pub use read::{FileFault, Item, Limits, Opened, Place, Repair, RepairKind, Trouble, open};
