//! The slice against a real store and through the real router.

mod branch;
mod clinic;
mod figures;
mod hq;
