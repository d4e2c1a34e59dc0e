//! Sample files for tests.
//!
//! [`dicom`] makes pictures and documents of our own in every format, so that a clone alone tests itself. [`field`]
//! finds third-party files, which do not lie in the repository. Nothing of the product depends on this crate.

pub mod dicom;
mod field;

pub use field::{FOLDER, LEFT_OUT, field};
