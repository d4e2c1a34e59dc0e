//! DICOM at the platform's edge: the only home of its structs.
//!
//! [`dataset`] walks outside bytes within bounds, [`charset`] reads and writes their text, [`json`] gives the DICOM JSON
//! model, [`render`] a picture, [`dimse`] is the network server and [`web`] the parsing half of DICOMweb. [`query`] and
//! [`attributes`] are what queries ask and answer on both. Storage, people and permissions come in through traits; this
//! crate knows no engine.

pub mod attributes;
pub mod charset;
pub mod dataset;
pub mod dimse;
pub mod json;
pub mod query;
pub mod render;
pub mod web;

/// Names this software in file meta groups and associations.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.218931404637920341790162734508962127943";
/// The software's version as DICOM shows it, at most 16 characters.
pub const IMPLEMENTATION_VERSION: &str = "YITI_0_1";
