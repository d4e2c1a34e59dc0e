//! The app: wires kernel, engines, slices and edges into one site, and fills the demonstration county.
//!
//! - [`definitions`]: all definitions, checked as a whole before anything starts.
//! - [`site`]: store, platform, pages, DICOM, timers.
//! - [`home`]: the first page of every role, and messages.
//! - [`import`]: the command that takes in front pages.
//! - [`group`]: the command that groups tables.
//! - [`backup`]: the commands that back up, restore and rehearse a restore.
//! - [`demo`]: the synthetic county.
//!
//! Leaves out: rules. Nothing is decided here.

pub mod backup;
pub mod definitions;
pub mod demo;
pub mod group;
pub mod home;
pub mod import;
pub mod site;
