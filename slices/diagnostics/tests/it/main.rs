//! The slice against a real store and through the real router.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod branch;
mod clinic;
mod figures;
mod hq;
mod sorting;
