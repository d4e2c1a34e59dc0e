//! DICOM at the platform's edge: the only home of its structs.
//!
//! [`dataset`] walks outside bytes within bounds, [`charset`] reads and writes their text, [`json`] gives the DICOM JSON
//! model, [`render`] a picture, [`dimse`] is the network server and [`web`] the parsing half of DICOMweb. [`query`] and
//! [`attributes`] are what queries ask and answer on both. All these know no engine, but for how the record compares text.
//!
//! [`service`] puts the network server on the platform, [`dicomweb`] has the routes; both keep and find instances through
//! [`archive`], and [`worklist`] answers modalities what is to be examined.

pub mod archive;
pub mod attributes;
pub mod charset;
pub mod dataset;
pub mod dicomweb;
pub mod dimse;
pub mod json;
pub mod query;
pub mod render;
pub mod service;
pub mod web;
pub mod worklist;

/// Names this software in file meta groups and associations.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.218931404637920341790162734508962127943";
/// The software's version as DICOM shows it, at most 16 characters.
pub const IMPLEMENTATION_VERSION: &str = "YITI_0_1";
