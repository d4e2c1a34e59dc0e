//! The slice against real stores.

mod regroup;
mod settlement;
mod site;
