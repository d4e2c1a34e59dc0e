//! The record on both databases.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod addresses;
mod front_page;
