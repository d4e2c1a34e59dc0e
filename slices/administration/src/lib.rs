//! What those who run the group's IT see: the first start, institutions, people with posts and accounts, duty rota,
//! devices, journal, system state.
//!
//! Acts and rows are those of the directory and the store; here stand only what a form may say and how it is shown.
//!
//! Leaves out: requests for leave and their approval, import from Excel, roles (they are definitions).

mod error;
mod pages;

pub use error::Error;
pub use pages::{first_start, slice};
