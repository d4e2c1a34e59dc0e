//! QIDO-RS: the query string as typed keys. Source: dicom-ps3.18, 8.3.4 and 10.6.
//!
//! Left out: fuzzy matching, which is accepted and ignored as the standard allows.

use crate::{
    attributes::{Attributes, vr_of},
    dataset::{Tag, VR},
    query::{Key, Level, Matching, QueryError, StudyRootQuery},
};
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;

const PARAMETER_COUNT_MAX: usize = 128;
const QUERY_BYTES_MAX: usize = 64 * 1024;

/// Why a query string is refused; each names the parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QidoError {
    /// No attribute has this keyword or tag.
    #[error("parameter `{name}` is not known")]
    UnknownParameter {
        /// The parameter.
        name: String,
    },
    /// The value does not fit the parameter.
    #[error("parameter `{name}`: the value cannot be read")]
    BadValue {
        /// The parameter.
        name: String,
    },
    /// More than any honest query has.
    #[error("the query is too large")]
    TooLarge,
}

/// A query as asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Qido {
    /// Conditions, limit and offset.
    pub query: StudyRootQuery,
    /// `includefield=all`.
    pub include_all: bool,
    /// Further attributes to return.
    pub include: Vec<Tag>,
}

const STUDY: [Tag; 16] = [
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0056),
    Tag(0x0008, 0x0061),
    Tag(0x0008, 0x0090),
    Tag(0x0008, 0x0201),
    Tag(0x0008, 0x1190),
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x0030),
    Tag(0x0010, 0x0040),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x0010),
    Tag(0x0020, 0x1206),
    Tag(0x0020, 0x1208),
];
const SERIES: [Tag; 11] = [
    Tag(0x0008, 0x0060),
    Tag(0x0008, 0x0201),
    Tag(0x0008, 0x103E),
    Tag(0x0008, 0x1190),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x000E),
    Tag(0x0020, 0x0011),
    Tag(0x0020, 0x1209),
    Tag(0x0040, 0x0244),
    Tag(0x0040, 0x0245),
    Tag(0x0040, 0x0275),
];
const IMAGE: [Tag; 12] = [
    Tag(0x0008, 0x0016),
    Tag(0x0008, 0x0018),
    Tag(0x0008, 0x0056),
    Tag(0x0008, 0x0201),
    Tag(0x0008, 0x1190),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x000E),
    Tag(0x0020, 0x0013),
    Tag(0x0028, 0x0008),
    Tag(0x0028, 0x0010),
    Tag(0x0028, 0x0011),
    Tag(0x0028, 0x0100),
];

impl Qido {
    /// Reads the query string of a search for `level`.
    pub fn parse(level: Level, query: &str) -> Result<Qido, QidoError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(QidoError::TooLarge);
        }
        let query_keys = StudyRootQuery { level, keys: Vec::new(), limit: None, offset: 0 };
        let mut qido = Qido { query: query_keys, include_all: false, include: Vec::new() };
        for (count, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if count >= PARAMETER_COUNT_MAX {
                return Err(QidoError::TooLarge);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let raw_name = || name.chars().take(64).collect::<String>();
            let bad = || QidoError::BadValue { name: raw_name() };
            let name = percent_decode(name).ok_or_else(bad)?;
            let value = percent_decode(value).ok_or_else(bad)?;
            match name.as_str() {
                "limit" => qido.query.limit = Some(value.parse().map_err(|_| bad())?),
                "offset" => qido.query.offset = value.parse().map_err(|_| bad())?,
                "fuzzymatching" if matches!(value.as_str(), "true" | "false") => {}
                "fuzzymatching" => return Err(bad()),
                // PS3.18 8.3.3: these stand for headers.
                "accept" | "charset" => {}
                "includefield" => {
                    for field in value.split(',').map(str::trim).filter(|field| !field.is_empty()) {
                        match field {
                            "all" => qido.include_all = true,
                            field => {
                                let tag = path(field).and_then(|path| path.first().copied());
                                qido.include.push(tag.ok_or_else(bad)?);
                            }
                        }
                    }
                }
                name => {
                    let path = path(name).ok_or_else(|| QidoError::UnknownParameter { name: raw_name() })?;
                    insert(&mut qido.query.keys, &path, &value).map_err(|error| match error {
                        QueryError::TooLarge { .. } => QidoError::TooLarge,
                        _ => bad(),
                    })?;
                }
            }
        }
        Ok(qido)
    }

    /// True when an answer holds this attribute: by default, by condition or by request.
    pub fn keeps(&self, tag: Tag) -> bool {
        let default = match self.query.level {
            Level::Study => STUDY.contains(&tag),
            Level::Series => SERIES.contains(&tag),
            Level::Image => IMAGE.contains(&tag),
        };
        default || self.include_all || self.include.contains(&tag) || self.query.keys.iter().any(|key| key.tag == tag)
    }

    /// Appends the answers as a JSON array.
    pub fn write(&self, out: &mut String, answers: impl IntoIterator<Item = Attributes>) {
        out.push('[');
        for (at, mut answer) in answers.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            answer.retain(|tag| self.keeps(tag));
            crate::json::write_attributes(out, &answer);
        }
        out.push(']');
    }
}

/// Reads `PatientID`, `00100020` or a dotted path of them.
fn path(text: &str) -> Option<Vec<Tag>> {
    let tags: Option<Vec<Tag>> = text.split('.').map(tag).collect();
    tags.filter(|tags| (1..=4).contains(&tags.len()))
}

fn tag(text: &str) -> Option<Tag> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let number = u32::from_str_radix(text, 16).ok()?;
        return Some(Tag((number >> 16) as u16, number as u16));
    }
    StandardDataDictionary.by_name(text).map(|entry| entry.tag())
}

fn insert(keys: &mut Vec<Key>, path: &[Tag], value: &str) -> Result<(), QueryError> {
    let Some((&tag, rest)) = path.split_first() else { return Ok(()) };
    let vr = vr_of(tag);
    if rest.is_empty() {
        // Lists of identifiers are separated by commas here, by backslashes on the wire.
        let list = matches!(vr, VR::UI) || tag == Tag(0x0008, 0x0061);
        let matching =
            if list { Matching::parse(tag, vr, &value.replace(',', "\\"))? } else { Matching::parse(tag, vr, value)? };
        keys.retain(|key| key.tag != tag);
        keys.push(Key { tag, vr, matching, items: None });
        return Ok(());
    }
    if vr != VR::SQ {
        return Err(QueryError::BadValue { tag });
    }
    if let Some(Key { items: Some(items), .. }) = keys.iter_mut().find(|key| key.tag == tag) {
        return insert(items, rest, value);
    }
    let mut items = Vec::new();
    insert(&mut items, rest, value)?;
    keys.push(Key { tag, vr, matching: Matching::Universal, items: Some(items) });
    Ok(())
}

/// Decodes a form value; `None` when it is not UTF-8 or an escape is cut off.
fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                out.push((digit(bytes.next())? * 16 + digit(bytes.next())?) as u8);
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}
