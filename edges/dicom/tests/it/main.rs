//! The DICOM edge on a real store: modalities through dcmtk, browsers through the site's router.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod house;
mod identity;
mod modalities;
mod queries;
mod site;
