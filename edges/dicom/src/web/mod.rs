//! DICOMweb without storage: what requests say and how answers look.
//!
//! Left out: routes, permissions and the index, which the platform brings. Source: dicom-ps3.18.

pub mod accept;
pub mod multipart;
pub mod qido;
pub mod stow;
