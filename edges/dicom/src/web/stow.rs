//! What a store request is answered with. Source: dicom-ps3.18, 10.5.3 and annex I.
//!
//! Left out: storing.

use crate::{
    attributes::Attributes,
    dataset::{File, Header, IdentityError, Limits, ReadError, Tag},
    dimse::StoreRefused,
    json,
};

/// Outcome of each part.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    stored: Vec<Attributes>,
    failed: Vec<Attributes>,
}

/// Why a part cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartRefused {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its identifiers are missing or contradict each other.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It belongs to another study than the address says.
    #[error("the instance belongs to another study")]
    OtherStudy,
}

impl PartRefused {
    /// The failure reason (0008,1197).
    pub fn reason(&self) -> u16 {
        match self {
            PartRefused::Read(_) => 0xC000,
            PartRefused::Identity(_) | PartRefused::OtherStudy => 0xA900,
        }
    }
}

/// Walks and checks one part. `study` is the study in the address, when it names one.
pub fn read_part(bytes: &[u8], study: Option<&str>, limits: &Limits) -> Result<Header, PartRefused> {
    let file = File::read(bytes, limits)?;
    let header = Header::of_file(&file);
    header.identity(Some(&file.meta))?;
    if study.is_some_and(|study| study != header.study_instance_uid) {
        return Err(PartRefused::OtherStudy);
    }
    Ok(header)
}

impl Outcome {
    /// An instance was stored and can be had at the address.
    pub fn stored(&mut self, sop_class: &str, sop_instance: &str, url: &str) {
        self.stored.push(reference(sop_class, sop_instance).text(Tag(0x0008, 0x1190), url));
    }

    /// An instance was not stored; identifiers are empty when they could not be read.
    pub fn failed(&mut self, sop_class: &str, sop_instance: &str, reason: u16) {
        self.failed.push(reference(sop_class, sop_instance).number(Tag(0x0008, 0x1197), f64::from(reason)));
    }

    /// An instance was refused by the store.
    pub fn refused(&mut self, sop_class: &str, sop_instance: &str, refused: &StoreRefused) {
        self.failed(sop_class, sop_instance, refused.status());
    }

    /// The HTTP status: 200 all stored, 202 some, 409 none.
    pub fn status(&self) -> u16 {
        match (self.stored.is_empty(), self.failed.is_empty()) {
            (_, true) => 200,
            (false, false) => 202,
            (true, false) => 409,
        }
    }

    /// The answer's body.
    pub fn to_json(&self, study_url: Option<&str>) -> String {
        let mut answer = Attributes::new();
        if let Some(url) = study_url {
            answer = answer.text(Tag(0x0008, 0x1190), url);
        }
        if !self.failed.is_empty() {
            answer = answer.items(Tag(0x0008, 0x1198), self.failed.clone());
        }
        if !self.stored.is_empty() {
            answer = answer.items(Tag(0x0008, 0x1199), self.stored.clone());
        }
        let mut out = String::new();
        json::write_attributes(&mut out, &answer);
        out
    }
}

fn reference(sop_class: &str, sop_instance: &str) -> Attributes {
    Attributes::new().text(Tag(0x0008, 0x1150), sop_class).text(Tag(0x0008, 0x1155), sop_instance)
}
