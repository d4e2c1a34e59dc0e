//! The tree and the whole.

mod access;
mod definitions;
mod layers;
mod pages;
mod statements;
mod tidy;
mod words;
