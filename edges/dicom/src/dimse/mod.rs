//! The DICOM network server: C-ECHO, C-STORE, C-FIND for worklists and studies.
//!
//! Left out: retrieval over DIMSE (C-MOVE, C-GET), storage commitment, MPPS and TLS; what storing and finding mean is
//! the [`Service`]'s business. Source: dicom-ps3.4, dicom-ps3.7, dicom-ps3.8.

mod associate;
mod association;
mod command;
mod find;
mod pdu;
mod server;
mod service;

pub use server::{Config, serve};
pub use service::{Answers, FindRefused, ReceivedInstance, Reject, Service, StoreRefused};
