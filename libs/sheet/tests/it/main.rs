//! The crate from outside: kinds of files, encodings, hostile files.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod hostile;
mod kinds;
mod oracle;
mod support;
