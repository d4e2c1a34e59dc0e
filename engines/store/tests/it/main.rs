//! The store on both databases.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod acts;
mod backup;
mod blobs;
mod journal;
