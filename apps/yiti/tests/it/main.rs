//! The tree and the whole.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod access;
mod acts;
mod ceilings;
mod definitions;
mod group;
mod layers;
mod pages;
mod statements;
mod stays;
mod tidy;
mod words;
