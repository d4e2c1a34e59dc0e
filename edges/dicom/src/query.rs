//! Query keys of C-FIND and QIDO-RS, read into typed conditions.
//!
//! Left out: combined date and time matching, and fuzzy names. Source: dicom-ps3.4, C.2.2.2.

use crate::{
    attributes::vr_of,
    charset::Charset,
    dataset::{DataSet, DicomDate, DicomTime, Element, Tag, VR, parse_date, parse_time},
};

/// Keys of one query, nested ones counted too.
const KEY_COUNT_MAX: usize = 512;
/// Values in one list of identifiers.
const LIST_COUNT_MAX: usize = 1024;
const VALUE_BYTES_MAX: usize = 65_536;
const QUERY_LEVEL: Tag = Tag(0x0008, 0x0052);

/// What a key asks of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Matching {
    /// Everything; the attribute is only to be returned.
    Universal,
    /// One of these texts exactly.
    OneOf(Vec<String>),
    /// One of these identifiers.
    Uids(Vec<String>),
    /// `*` any run of characters, `?` any one; everything else, `%` and `_` too, stands for itself.
    Wildcard(String),
    /// A range of days, either end open.
    Dates {
        /// First day.
        from: Option<DicomDate>,
        /// Last day.
        to: Option<DicomDate>,
    },
    /// A range of times of day, either end open.
    Times {
        /// First instant.
        from: Option<DicomTime>,
        /// Last instant.
        to: Option<DicomTime>,
    },
}

/// One requested attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The attribute.
    pub tag: Tag,
    /// Its value representation.
    pub vr: VR,
    /// The condition.
    pub matching: Matching,
    /// For sequences: the keys of the item, empty for all.
    pub items: Option<Vec<Key>>,
}

/// Why a query cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No key at all.
    #[error("the query has no keys")]
    Empty,
    /// A date, time or number that is none.
    #[error("{tag}: the value cannot be read")]
    BadValue {
        /// The key.
        tag: Tag,
    },
    /// More than any honest query has.
    #[error("{tag}: the query is too large")]
    TooLarge {
        /// The key where the bound was passed.
        tag: Tag,
    },
    /// The query level is missing or not one of study, series and image.
    #[error("the query level is not supported")]
    BadLevel,
}

/// What a Study Root query looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Image,
}

/// A Study Root query, from C-FIND or QIDO-RS.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyRootQuery {
    /// What is looked for.
    pub level: Level,
    /// The keys.
    pub keys: Vec<Key>,
    /// Answers wanted at most.
    pub limit: Option<usize>,
    /// Answers to skip.
    pub offset: usize,
}

/// A Modality Worklist query.
#[derive(Debug, Clone, PartialEq)]
pub struct WorklistQuery {
    /// The keys; those of the scheduled step lie in the items of (0040,0100).
    pub keys: Vec<Key>,
}

impl WorklistQuery {
    /// What the query asks of an attribute of the scheduled procedure step.
    pub fn step(&self, tag: Tag) -> &Matching {
        let step = self.keys.iter().find(|key| key.tag == Tag(0x0040, 0x0100));
        condition(step.and_then(|step| step.items.as_deref()).unwrap_or_default(), tag)
    }

    /// What the query asks of an attribute outside the step.
    pub fn condition(&self, tag: Tag) -> &Matching {
        condition(&self.keys, tag)
    }
}

impl StudyRootQuery {
    /// What the query asks of an attribute.
    pub fn condition(&self, tag: Tag) -> &Matching {
        condition(&self.keys, tag)
    }
}

/// What keys ask of an attribute; universal when it is not among them.
pub fn condition(keys: &[Key], tag: Tag) -> &Matching {
    keys.iter().find(|key| key.tag == tag).map_or(&Matching::Universal, |key| &key.matching)
}

impl Matching {
    /// True when every value fits.
    pub fn is_universal(&self) -> bool {
        matches!(self, Matching::Universal)
    }

    /// Reads a condition from a key's text.
    pub fn parse(tag: Tag, vr: VR, text: &str) -> Result<Matching, QueryError> {
        let text = text.trim_matches([' ', '\0']);
        if text.is_empty() || text.bytes().all(|byte| byte == b'*') {
            return Ok(Matching::Universal);
        }
        if text.len() > VALUE_BYTES_MAX {
            return Err(QueryError::TooLarge { tag });
        }
        let bad = || QueryError::BadValue { tag };
        match vr {
            VR::DA => range(text, parse_date).map(|(from, to)| Matching::Dates { from, to }).ok_or_else(bad),
            VR::TM => range(text, parse_time).map(|(from, to)| Matching::Times { from, to }).ok_or_else(bad),
            VR::UI => list(tag, text, '\\').map(Matching::Uids),
            _ if text.contains(['*', '?']) => {
                let mut pattern = String::with_capacity(text.len());
                for c in text.chars().take(256) {
                    if c != '*' || !pattern.ends_with('*') {
                        pattern.push(c);
                    }
                }
                Ok(Matching::Wildcard(pattern))
            }
            _ => list(tag, text, '\\').map(Matching::OneOf),
        }
    }

    /// True when a value fits. Names are compared without regard to case, group by group.
    pub fn matches(&self, value: &str) -> bool {
        let same = |a: &str, b: &str| a == b || a.to_lowercase() == b.to_lowercase();
        match self {
            Matching::Universal => true,
            Matching::OneOf(texts) => {
                texts.iter().any(|text| same(text, value) || value.split('=').any(|group| same(text, group)))
            }
            Matching::Uids(uids) => uids.iter().any(|uid| uid == value),
            Matching::Wildcard(pattern) => {
                let pattern = pattern.to_lowercase();
                let value = value.to_lowercase();
                fits(&pattern, &value) || value.split('=').any(|group| fits(&pattern, group))
            }
            Matching::Dates { from, to } => parse_date(value)
                .is_some_and(|date| from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to)),
            Matching::Times { from, to } => parse_time(value)
                .is_some_and(|time| from.is_none_or(|from| from <= time) && to.is_none_or(|to| time <= to)),
        }
    }
}

fn list(tag: Tag, text: &str, separator: char) -> Result<Vec<String>, QueryError> {
    let values: Vec<String> = text
        .split(separator)
        .map(|value| value.trim_matches([' ', '\0']).to_owned())
        .filter(|value| !value.is_empty())
        .take(LIST_COUNT_MAX + 1)
        .collect();
    if values.len() > LIST_COUNT_MAX { Err(QueryError::TooLarge { tag }) } else { Ok(values) }
}

fn range<T: Copy>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<(Option<T>, Option<T>)> {
    match text.split_once('-') {
        None => parse(text).map(|value| (Some(value), Some(value))),
        Some((from, to)) => {
            let end = |text: &str| match text.trim() {
                "" => Some(None),
                text => parse(text).map(Some),
            };
            Some((end(from)?, end(to)?)).filter(|(from, to)| from.is_some() || to.is_some())
        }
    }
}

/// Wildcard matching in time at most pattern times value; no backtracking beyond the last star.
fn fits(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    let (mut p, mut v, mut star) = (0, 0, None);
    while v < value.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, v));
                p += 1;
            }
            Some(c) if *c == '?' || *c == value[v] => {
                p += 1;
                v += 1;
            }
            _ => match star {
                Some((star_p, star_v)) => {
                    star = Some((star_p, star_v + 1));
                    p = star_p + 1;
                    v = star_v + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Reads the identifier of a C-FIND. Returns the keys and the character set the sender reads.
pub fn read_identifier(data: &DataSet<'_>) -> Result<(Vec<Key>, Charset), QueryError> {
    let charset = match data.get(Tag(0x0008, 0x0005)).map(|element| data.trimmed(element)) {
        Some(value) if !value.is_empty() => Charset::from_value(value),
        _ => Charset::utf8(),
    };
    let mut count = 0;
    let keys = read_keys(data, data.top(), &charset, &mut count)?;
    if keys.is_empty() { Err(QueryError::Empty) } else { Ok((keys, charset)) }
}

fn read_keys<'s>(
    data: &'s DataSet<'_>,
    elements: impl Iterator<Item = &'s Element>,
    charset: &Charset,
    count: &mut usize,
) -> Result<Vec<Key>, QueryError> {
    let mut keys: Vec<Key> = Vec::new();
    for element in elements {
        let tag = element.tag;
        *count += 1;
        if *count > KEY_COUNT_MAX {
            return Err(QueryError::TooLarge { tag });
        }
        // Group lengths and the character set are no keys, and a repeated key must not be answered twice.
        if tag.1 == 0 || tag == Tag(0x0008, 0x0005) || keys.iter().any(|key| key.tag == tag) {
            continue;
        }
        let vr = match element.vr {
            VR::UN => vr_of(tag),
            vr => vr,
        };
        let (matching, items) = if element.vr == VR::SQ {
            let inner = match data.children(element).next() {
                Some(item) => read_keys(data, data.children(item), charset, count)?,
                None => Vec::new(),
            };
            (Matching::Universal, Some(inner))
        } else {
            let value = data.trimmed(element);
            if value.len() > VALUE_BYTES_MAX {
                return Err(QueryError::TooLarge { tag });
            }
            let matching = match vr {
                _ if tag == QUERY_LEVEL => Matching::Universal,
                VR::US | VR::UL | VR::SS | VR::SL | VR::FD | VR::FL | VR::OB | VR::OW | VR::UN => Matching::Universal,
                _ => Matching::parse(tag, vr, &charset.decode(value).text)?,
            };
            (matching, None)
        };
        keys.push(Key { tag, vr, matching, items });
    }
    keys.sort_by_key(|key| key.tag);
    Ok(keys)
}

/// Reads the query level (0008,0052).
pub fn read_level(data: &DataSet<'_>) -> Result<Level, QueryError> {
    match data.get(QUERY_LEVEL).map(|element| data.trimmed(element)) {
        Some(b"STUDY") => Ok(Level::Study),
        Some(b"SERIES") => Ok(Level::Series),
        Some(b"IMAGE") => Ok(Level::Image),
        _ => Err(QueryError::BadLevel),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_fits_only_what_it_says() {
        let name = Matching::parse(Tag(0x10, 0x10), VR::PN, "WANG*").unwrap();
        assert!(name.matches("Wang^XiaoDong=王^小东"));
        assert!(Matching::parse(Tag(0x10, 0x10), VR::PN, "王*").unwrap().matches("Wang^XiaoDong=王^小东"));
        assert!(!name.matches("Zhang^San"));
        assert!(!Matching::parse(Tag(0x10, 0x10), VR::PN, "%?").unwrap().matches("ab"));
        assert!(!fits(&"*a".repeat(60), &"a".repeat(59)));
        assert!(fits("a?c*", "abc"));
    }

    #[test]
    fn a_date_range_may_be_open() {
        let tag = Tag(0x08, 0x20);
        let until = Matching::parse(tag, VR::DA, "-20230131").unwrap();
        assert!(until.matches("20230131") && !until.matches("20230201"));
        assert!(Matching::parse(tag, VR::DA, "20230101-").unwrap().matches("20230201"));
        assert_eq!(Matching::parse(tag, VR::DA, "-"), Err(QueryError::BadValue { tag }));
        assert_eq!(Matching::parse(tag, VR::DA, "2023*"), Err(QueryError::BadValue { tag }));
        assert_eq!(Matching::parse(tag, VR::DA, "*"), Ok(Matching::Universal));
    }
}
