//! The real router on a small group: what a browser sends, and what comes back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forms;
mod guard;
mod live;
mod pages;
mod parts;
mod sessions;
mod site;
