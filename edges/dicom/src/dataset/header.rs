//! What the platform indexes of one instance, read from the walked elements without touching pixel data.
//!
//! Left out: any judgement about the patient. Values stay as sent; dates and numbers that do not parse are absent, and
//! [`Header::identity`] says whether the instance may be filed at all.

use super::{
    DataSet, DicomDate, DicomTime, Element, File, Meta, PixelData, Tag, VR, is_uid, is_valid_uid, parse_date,
    parse_time,
};
use crate::charset::{Charset, PersonName};
use dicom_core::dictionary::UidDictionary;
use dicom_dictionary_std::StandardSopClassDictionary;

/// Bytes of one text value that are read at most; the standard allows 64 characters for nearly all of them.
const TEXT_BYTES_MAX: usize = 1024;
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
const IDENTITY: [Tag; 7] = [
    Tag(0x0008, 0x0016),
    Tag(0x0008, 0x0018),
    Tag(0x0008, 0x0050),
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x000E),
];

/// The indexed values of one instance; text that is missing is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    /// (0008,0016).
    pub sop_class_uid: String,
    /// (0008,0018).
    pub sop_instance_uid: String,
    /// (0020,000D).
    pub study_instance_uid: String,
    /// (0020,000E).
    pub series_instance_uid: String,
    /// (0002,0010), or what the association agreed on.
    pub transfer_syntax_uid: String,
    /// The character sets the instance declares.
    pub charset: Charset,
    /// (0010,0020).
    pub patient_id: String,
    /// (0010,0021).
    pub issuer_of_patient_id: String,
    /// (0010,0010), first value.
    pub patient_name: PersonName,
    /// True when the name's bytes do not fit the declared character set: never match patients by it.
    pub patient_name_uncertain: bool,
    /// (0010,0040).
    pub patient_sex: String,
    /// (0010,0030).
    pub patient_birth_on: Option<DicomDate>,
    /// (0008,0050).
    pub accession_number: String,
    /// (0020,0010).
    pub study_id: String,
    /// (0008,0060).
    pub modality: String,
    /// (0008,0020).
    pub study_date: Option<DicomDate>,
    /// (0008,0030).
    pub study_time: Option<DicomTime>,
    /// (0008,0021).
    pub series_date: Option<DicomDate>,
    /// (0008,0031).
    pub series_time: Option<DicomTime>,
    /// (0008,0022).
    pub acquisition_date: Option<DicomDate>,
    /// (0008,0032).
    pub acquisition_time: Option<DicomTime>,
    /// (0008,0023).
    pub content_date: Option<DicomDate>,
    /// (0008,0033).
    pub content_time: Option<DicomTime>,
    /// (0008,1030).
    pub study_description: String,
    /// (0008,103E).
    pub series_description: String,
    /// (0018,0015).
    pub body_part_examined: String,
    /// (0018,1030).
    pub protocol_name: String,
    /// (0008,0080).
    pub institution_name: String,
    /// (0008,1010).
    pub station_name: String,
    /// (0008,0070).
    pub manufacturer: String,
    /// (0008,0090), first value.
    pub referring_physician_name: PersonName,
    /// (0020,0011).
    pub series_number: Option<i32>,
    /// (0020,0013).
    pub instance_number: Option<i32>,
    /// (0028,0010).
    pub rows: Option<u16>,
    /// (0028,0011).
    pub columns: Option<u16>,
    /// (0028,0008) as sent, 1 where it is missing; never use it to size anything before checking the pixel data.
    pub frame_count: u32,
    /// (0028,0100).
    pub bits_allocated: Option<u16>,
    /// (0028,0101).
    pub bits_stored: Option<u16>,
    /// (0028,0102).
    pub high_bit: Option<u16>,
    /// (0028,0103).
    pub pixel_representation: Option<u16>,
    /// (0028,0002).
    pub samples_per_pixel: Option<u16>,
    /// (0028,0006).
    pub planar_configuration: Option<u16>,
    /// (0028,0004).
    pub photometric_interpretation: String,
    /// (0028,1050) and (0028,1051), first values.
    pub window: Option<(f64, f64)>,
    /// (0028,1053) and (0028,1052): slope and intercept.
    pub rescale: Option<(f64, f64)>,
    /// Where the pixels lie.
    pub pixel_data: Option<PixelData>,
    /// Where the pixel data element begins, its tag included.
    pub pixels_at: Option<usize>,
    /// An identifying element that occurs twice.
    pub duplicate: Option<Tag>,
    /// What breaks the standard and is kept all the same, as keys of `locales/`.
    pub oddities: Vec<&'static str>,
}

/// Under which identifiers an instance is filed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What kind of object it is.
    pub sop_class_uid: String,
    /// The instance.
    pub sop_instance_uid: String,
    /// Its study.
    pub study_instance_uid: String,
    /// Its series.
    pub series_instance_uid: String,
}

/// Why an instance cannot be filed. Identifiers are never mended: one with a leading zero is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The identifier is missing.
    #[error("{tag} is missing")]
    Missing {
        /// The element.
        tag: Tag,
    },
    /// Not an identifier by the standard's rules.
    #[error("{tag} is no valid identifier")]
    Invalid {
        /// The element.
        tag: Tag,
    },
    /// Two values for what can only have one.
    #[error("{tag} occurs twice")]
    Duplicate {
        /// The element.
        tag: Tag,
    },
    /// The file meta group and the data set name different objects.
    #[error("{tag} differs between the file meta group and the data set")]
    MetaDiffers {
        /// The element of the data set.
        tag: Tag,
    },
}

impl Header {
    /// Reads the header of a walked file.
    pub fn of_file(file: &File<'_>) -> Header {
        Header::of_data_set(&file.data, file.meta.transfer_syntax_uid.as_deref().unwrap_or_default())
    }

    /// Reads the header of a walked data set.
    pub fn of_data_set(data: &DataSet<'_>, transfer_syntax: &str) -> Header {
        let mut header =
            Header { transfer_syntax_uid: transfer_syntax.to_owned(), frame_count: 1, ..Header::default() };
        let mut center = None;
        let mut width = None;
        let mut slope = None;
        let mut intercept = None;
        let mut before = Tag(0, 0);
        let mut in_order = true;
        for element in data.top() {
            in_order &= element.tag > before;
            before = element.tag;
            if element.tag >= PIXEL_DATA {
                // INVARIANT: nothing after the pixel data changes what the instance is.
                break;
            }
            if element.vr == VR::SQ {
                continue;
            }
            match element.tag {
                Tag(0x0008, 0x0005) => header.charset = Charset::from_value(data.trimmed(element)),
                Tag(0x0028, _) => header.image(data, element, [&mut center, &mut width, &mut slope, &mut intercept]),
                Tag(0x0008 | 0x0010 | 0x0018 | 0x0020, _) => header.text(data, element),
                _ => {}
            }
        }
        header.window = center.zip(width).filter(|(_, width)| *width > 0.0);
        header.rescale = slope.zip(intercept);
        header.pixel_data = PixelData::find(data);
        header.pixels_at = PixelData::start(data);
        in_order &= data.top().map(|element| element.tag).is_sorted_by(|a, b| a < b);
        if !in_order {
            header.duplicate =
                IDENTITY.into_iter().find(|tag| data.top().filter(|element| element.tag == *tag).count() > 1);
        }
        header.oddities = header.odd(data);
        header
    }

    fn odd(&self, data: &DataSet<'_>) -> Vec<&'static str> {
        let uids = [&self.sop_instance_uid, &self.study_instance_uid, &self.series_instance_uid, &self.sop_class_uid];
        let is_private = !self.sop_class_uid.starts_with("1.2.840.10008.");
        let is_known = StandardSopClassDictionary.by_uid(&self.sop_class_uid).is_some();
        [
            ("uid", uids.into_iter().any(|uid| is_uid(uid) && !is_valid_uid(uid))),
            ("blank_vr", data.has_blank_vr()),
            ("private_class", is_private && !is_known),
            ("unknown_class", !is_private && !is_known),
        ]
        .into_iter()
        .filter_map(|(key, is_so)| is_so.then_some(key))
        .collect()
    }

    fn text(&mut self, data: &DataSet<'_>, element: &Element) {
        let read = |header: &Header| header.charset.decode(bounded(data, element)).text.trim().to_owned();
        let ascii = || String::from_utf8_lossy(bounded(data, element)).trim().to_owned();
        let date = || parse_date(&ascii());
        let time = || parse_time(&ascii());
        match element.tag {
            Tag(0x0008, 0x0016) => self.sop_class_uid = uid(data, element),
            Tag(0x0008, 0x0018) => self.sop_instance_uid = uid(data, element),
            Tag(0x0020, 0x000D) => self.study_instance_uid = uid(data, element),
            Tag(0x0020, 0x000E) => self.series_instance_uid = uid(data, element),
            Tag(0x0008, 0x0020) => self.study_date = date(),
            Tag(0x0008, 0x0021) => self.series_date = date(),
            Tag(0x0008, 0x0022) => self.acquisition_date = date(),
            Tag(0x0008, 0x0023) => self.content_date = date(),
            Tag(0x0008, 0x0030) => self.study_time = time(),
            Tag(0x0008, 0x0031) => self.series_time = time(),
            Tag(0x0008, 0x0032) => self.acquisition_time = time(),
            Tag(0x0008, 0x0033) => self.content_time = time(),
            Tag(0x0008, 0x0050) => self.accession_number = read(self),
            Tag(0x0008, 0x0060) => self.modality = ascii(),
            Tag(0x0008, 0x0070) => self.manufacturer = read(self),
            Tag(0x0008, 0x0080) => self.institution_name = read(self),
            Tag(0x0008, 0x0090) => self.referring_physician_name = self.name(data, element).0,
            Tag(0x0008, 0x1010) => self.station_name = read(self),
            Tag(0x0008, 0x1030) => self.study_description = read(self),
            Tag(0x0008, 0x103E) => self.series_description = read(self),
            Tag(0x0010, 0x0010) => (self.patient_name, self.patient_name_uncertain) = self.name(data, element),
            Tag(0x0010, 0x0020) => self.patient_id = read(self),
            Tag(0x0010, 0x0021) => self.issuer_of_patient_id = read(self),
            Tag(0x0010, 0x0030) => self.patient_birth_on = date(),
            Tag(0x0010, 0x0040) => self.patient_sex = ascii(),
            Tag(0x0018, 0x0015) => self.body_part_examined = ascii(),
            Tag(0x0018, 0x1030) => self.protocol_name = read(self),
            Tag(0x0020, 0x0010) => self.study_id = read(self),
            Tag(0x0020, 0x0011) => self.series_number = first_number(data, element),
            Tag(0x0020, 0x0013) => self.instance_number = first_number(data, element),
            _ => {}
        }
    }

    fn image(&mut self, data: &DataSet<'_>, element: &Element, lut: [&mut Option<f64>; 4]) {
        let [center, width, slope, intercept] = lut;
        let short = || match (element.vr, data.value(element)) {
            (VR::US | VR::UN, &[a, b]) if data.is_big_endian() => Some(u16::from_be_bytes([a, b])),
            (VR::US | VR::UN, &[a, b]) => Some(u16::from_le_bytes([a, b])),
            _ => None,
        };
        match element.tag.1 {
            0x0002 => self.samples_per_pixel = short(),
            0x0004 => {
                self.photometric_interpretation = String::from_utf8_lossy(bounded(data, element)).trim().to_owned();
            }
            0x0006 => self.planar_configuration = short(),
            0x0008 => self.frame_count = first_number::<u32>(data, element).unwrap_or(1),
            0x0010 => self.rows = short(),
            0x0011 => self.columns = short(),
            0x0100 => self.bits_allocated = short(),
            0x0101 => self.bits_stored = short(),
            0x0102 => self.high_bit = short(),
            0x0103 => self.pixel_representation = short(),
            0x1050 => *center = first_number::<f64>(data, element).filter(|value| value.is_finite()),
            0x1051 => *width = first_number::<f64>(data, element).filter(|value| value.is_finite()),
            0x1052 => *intercept = first_number::<f64>(data, element).filter(|value| value.is_finite()),
            0x1053 => *slope = first_number::<f64>(data, element).filter(|value| value.is_finite()),
            _ => {}
        }
    }

    fn name(&self, data: &DataSet<'_>, element: &Element) -> (PersonName, bool) {
        let decoded = self.charset.decode(bounded(data, element));
        let first = decoded.text.split('\\').next().unwrap_or_default();
        (PersonName::parse(first), decoded.uncertain)
    }

    /// Under which identifiers the instance is filed, or why it cannot be. `meta` is given for files.
    pub fn identity(&self, meta: Option<&Meta>) -> Result<Identity, IdentityError> {
        if let Some(tag) = self.duplicate {
            return Err(IdentityError::Duplicate { tag });
        }
        let checks = [
            (Tag(0x0008, 0x0016), &self.sop_class_uid),
            (Tag(0x0008, 0x0018), &self.sop_instance_uid),
            (Tag(0x0020, 0x000D), &self.study_instance_uid),
            (Tag(0x0020, 0x000E), &self.series_instance_uid),
        ];
        for (tag, uid) in checks {
            if uid.is_empty() {
                return Err(IdentityError::Missing { tag });
            }
            if !is_uid(uid) {
                return Err(IdentityError::Invalid { tag });
            }
        }
        for (tag, text) in [(Tag(0x0010, 0x0020), &self.patient_id), (Tag(0x0008, 0x0050), &self.accession_number)] {
            if text.chars().count() > 64 || text.contains(['\\', '\0', '\n', '\r']) || text.contains("../") {
                return Err(IdentityError::Invalid { tag });
            }
        }
        if let Some(meta) = meta {
            let differs = |meta: &Option<String>, own: &str| meta.as_deref().is_some_and(|meta| meta != own);
            if differs(&meta.sop_instance_uid, &self.sop_instance_uid) {
                return Err(IdentityError::MetaDiffers { tag: Tag(0x0008, 0x0018) });
            }
            if differs(&meta.sop_class_uid, &self.sop_class_uid) {
                return Err(IdentityError::MetaDiffers { tag: Tag(0x0008, 0x0016) });
            }
        }
        Ok(Identity {
            sop_class_uid: self.sop_class_uid.clone(),
            sop_instance_uid: self.sop_instance_uid.clone(),
            study_instance_uid: self.study_instance_uid.clone(),
            series_instance_uid: self.series_instance_uid.clone(),
        })
    }
}

fn bounded<'d>(data: &'d DataSet<'_>, element: &Element) -> &'d [u8] {
    let value = data.trimmed(element);
    &value[..value.len().min(TEXT_BYTES_MAX)]
}

/// An identifier as sent, only the padding byte cut: two objects must not become one by trimming.
fn uid(data: &DataSet<'_>, element: &Element) -> String {
    let value = data.value(element);
    let value = value.strip_suffix(&[0]).or_else(|| value.strip_suffix(b" ")).unwrap_or(value);
    String::from_utf8_lossy(&value[..value.len().min(TEXT_BYTES_MAX)]).into_owned()
}

fn first_number<N: std::str::FromStr>(data: &DataSet<'_>, element: &Element) -> Option<N> {
    let value = data.trimmed(element);
    let first = value.split(|byte| *byte == b'\\').next()?;
    std::str::from_utf8(first.get(..first.len().min(32))?).ok()?.trim().parse().ok()
}
