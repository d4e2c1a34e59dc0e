//! The slice against a real store and through the real router.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod analysis;
mod pages;
mod story;
mod support;
