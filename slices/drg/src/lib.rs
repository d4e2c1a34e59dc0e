//! Diagnosis related groups at work: a front page is checked, grouped and priced before the patient leaves.
//!
//! - [`field`], [`columns`]: what the columns of each form mean on the page. [`codes`]: names and editions of codes.
//! - [`check`]: what is wrong with a page, what mends it, and what that changes in group and money: pure.
//! - [`group`]: the page as a record to group: pure. [`schemes`]: the grouping schemes that come with the platform.

pub mod check;
pub mod codes;
pub mod columns;
pub mod field;
pub mod group;
pub mod schemes;
