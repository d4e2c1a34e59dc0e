//! Front pages from outside: files made here, with everything that hospitals' files have.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod hostile;
mod imports;
mod pages;
mod support;
mod tables;
