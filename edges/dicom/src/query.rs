//! Query keys of C-FIND and QIDO-RS, read into typed conditions.
//!
//! Left out: combined date and time matching, and fuzzy names. Source: dicom-ps3.4, C.2.2.2.

use yiti_record::fold::fold;

use crate::{
    attributes::vr_of,
    charset::Charset,
    dataset::{DataSet, DicomDate, DicomTime, Element, Tag, VR, parse_date, parse_time, parse_time_until},
};

/// Keys of one query, nested ones counted too.
const KEY_COUNT_MAX: usize = 512;
/// Values in one list of identifiers.
const LIST_COUNT_MAX: usize = 1024;
const VALUE_BYTES_MAX: usize = 65_536;
const NAME_LENGTH_MAX: usize = 256;
const QUERY_LEVEL: Tag = Tag(0x0008, 0x0052);

/// Which attributes a service holds: those of the answer itself, and of items in it.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    own: &'static [&'static [Tag]],
    inside: &'static [(Tag, &'static [Tag])],
}

const STUDY: &[Tag] = &[
    QUERY_LEVEL,
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0056),
    Tag(0x0008, 0x0060),
    Tag(0x0008, 0x0061),
    Tag(0x0008, 0x0090),
    Tag(0x0008, 0x1030),
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x0030),
    Tag(0x0010, 0x0040),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x0010),
    Tag(0x0020, 0x1206),
    Tag(0x0020, 0x1208),
];
const SERIES: &[Tag] =
    &[Tag(0x0008, 0x103E), Tag(0x0018, 0x0015), Tag(0x0020, 0x000E), Tag(0x0020, 0x0011), Tag(0x0020, 0x1209)];
const IMAGE: &[Tag] = &[
    Tag(0x0008, 0x0016),
    Tag(0x0008, 0x0018),
    Tag(0x0008, 0x3002),
    Tag(0x0020, 0x0013),
    Tag(0x0028, 0x0008),
    Tag(0x0028, 0x0010),
    Tag(0x0028, 0x0011),
    Tag(0x0028, 0x0100),
];
const WORKLIST: &[Tag] = &[
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0080),
    Tag(0x0008, 0x0090),
    // Always empty: given when asked for, never a condition.
    Tag(0x0008, 0x1110),
    Tag(0x0008, 0x1120),
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x0030),
    Tag(0x0010, 0x0040),
    Tag(0x0010, 0x1030),
    Tag(0x0010, 0x2000),
    Tag(0x0010, 0x2110),
    Tag(0x0010, 0x21B0),
    Tag(0x0010, 0x21C0),
    Tag(0x0020, 0x000D),
    Tag(0x0032, 0x1032),
    Tag(0x0032, 0x1060),
    Tag(0x0032, 0x1064),
    Tag(0x0038, 0x0010),
    Tag(0x0038, 0x0050),
    Tag(0x0038, 0x0300),
    Tag(0x0038, 0x0500),
    Tag(0x0040, 0x0100),
    Tag(0x0040, 0x1001),
    Tag(0x0040, 0x1002),
    Tag(0x0040, 0x1003),
    Tag(0x0040, 0x1004),
    Tag(0x0040, 0x3001),
];
const STEP: &[Tag] = &[
    Tag(0x0008, 0x0060),
    Tag(0x0018, 0x0015),
    Tag(0x0032, 0x1070),
    Tag(0x0040, 0x0001),
    Tag(0x0040, 0x0002),
    Tag(0x0040, 0x0003),
    Tag(0x0040, 0x0006),
    Tag(0x0040, 0x0007),
    Tag(0x0040, 0x0008),
    Tag(0x0040, 0x0009),
    Tag(0x0040, 0x0010),
    Tag(0x0040, 0x0011),
    Tag(0x0040, 0x0012),
    Tag(0x0040, 0x0020),
];
const CODE: &[Tag] = &[Tag(0x0008, 0x0100), Tag(0x0008, 0x0102), Tag(0x0008, 0x0104)];
/// In what is always empty, of a study, series or instance that is referred to.
const REFERENCE: &[Tag] = &[Tag(0x0008, 0x1150), Tag(0x0008, 0x1155)];

impl Held {
    /// What worklist items hold.
    pub const WORKLIST: Held = Held {
        own: &[WORKLIST],
        inside: &[
            (Tag(0x0008, 0x1110), REFERENCE),
            (Tag(0x0008, 0x1120), REFERENCE),
            (Tag(0x0032, 0x1064), CODE),
            (Tag(0x0040, 0x0008), CODE),
            (Tag(0x0040, 0x0100), STEP),
        ],
    };

    /// What answers of a level hold.
    #[must_use]
    pub const fn of(level: Level) -> Held {
        match level {
            Level::Study => Held { own: &[STUDY], inside: &[] },
            Level::Series => Held { own: &[STUDY, SERIES], inside: &[] },
            Level::Image => Held { own: &[STUDY, SERIES, IMAGE], inside: &[] },
        }
    }

    /// The keys that can be conditions, and whether some were left out: those nobody holds ask for nothing, as the
    /// standard has it for optional keys that are not supported. Source: dicom-ps3.4, C.2.2.1.3 and C.4.1.1.4.
    #[must_use]
    pub fn conditions(&self, keys: &[Key]) -> (Vec<Key>, bool) {
        let mut is_cut = false;
        let own = |tag: Tag| self.own.iter().any(|tags| tags.contains(&tag));
        let kept = self.kept(keys, &own, &mut is_cut);
        (kept, is_cut)
    }

    fn kept(&self, keys: &[Key], holds: &dyn Fn(Tag) -> bool, is_cut: &mut bool) -> Vec<Key> {
        let mut kept = Vec::with_capacity(keys.len());
        for key in keys {
            if !holds(key.tag) {
                *is_cut = true;
                continue;
            }
            let Some(items) = &key.items else {
                kept.push(key.clone());
                continue;
            };
            let inside = self.inside.iter().find(|(tag, _)| *tag == key.tag).map_or(&[][..], |(_, tags)| tags);
            let items = self.kept(items, &|tag| inside.contains(&tag), is_cut);
            if inside == REFERENCE && items.iter().any(Key::is_condition) {
                *is_cut = true;
            } else if items.iter().any(Key::is_condition) {
                kept.push(Key { items: Some(items), ..key.clone() });
            }
        }
        kept
    }
}

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
    /// A person's name: one pattern that any component group fits, or a pattern for each group, where an empty one fits
    /// everything. Folded, so that case and width make no difference.
    Name(Vec<String>),
    /// A range of days, either end open.
    Dates {
        /// First day.
        from: Option<DicomDate>,
        /// Last day.
        to: Option<DicomDate>,
    },
    /// A range of times of day, either end open; over midnight where it ends before it begins.
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

impl Key {
    /// True when not every value fits.
    #[must_use]
    pub fn is_condition(&self) -> bool {
        match &self.items {
            Some(items) => items.iter().any(Key::is_condition),
            None => !self.matching.is_universal(),
        }
    }
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
            VR::DA => {
                range(text, parse_date, parse_date).map(|(from, to)| Matching::Dates { from, to }).ok_or_else(bad)
            }
            // What is said to the minute lasts until its last second.
            VR::TM => {
                range(text, parse_time, parse_time_until).map(|(from, to)| Matching::Times { from, to }).ok_or_else(bad)
            }
            VR::PN => Ok(Self::name(text)),
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

    fn name(text: &str) -> Matching {
        let text: String = fold(text).chars().take(NAME_LENGTH_MAX).collect();
        let mut groups: Vec<String> = text.split('=').take(3).map(|group| without_ends(group).to_owned()).collect();
        while groups.len() > 1 && groups.last().is_some_and(String::is_empty) {
            groups.pop();
        }
        if groups.iter().all(|group| group.bytes().all(|byte| byte == b'*')) {
            return Matching::Universal;
        }
        Matching::Name(groups)
    }

    /// True when a value fits. Names are compared without regard to case and width, group by group.
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
            Matching::Name(patterns) => {
                let value = fold(value);
                let groups: Vec<&str> = value.split('=').map(without_ends).collect();
                match patterns.as_slice() {
                    [pattern] => fits(pattern, &value) || groups.iter().any(|group| fits(pattern, group)),
                    patterns => patterns.iter().enumerate().all(|(at, pattern)| {
                        pattern.is_empty() || fits(pattern, groups.get(at).copied().unwrap_or_default())
                    }),
                }
            }
            Matching::Dates { from, to } => parse_date(value)
                .is_some_and(|date| from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to)),
            Matching::Times { from, to } => parse_time(value).is_some_and(|time| {
                let (after, before) = (from.is_none_or(|from| from <= time), to.is_none_or(|to| time <= to));
                match (from, to) {
                    (Some(from), Some(to)) if to < from => after || before,
                    _ => after && before,
                }
            }),
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

/// The two ends of a range; a single value is a range of one.
fn range<T: Copy>(
    text: &str,
    first: impl Fn(&str) -> Option<T>,
    last: impl Fn(&str) -> Option<T>,
) -> Option<(Option<T>, Option<T>)> {
    let Some((from, to)) = text.split_once('-') else { return Some((Some(first(text)?), Some(last(text)?))) };
    let from = Some(from.trim()).filter(|text| !text.is_empty());
    let to = Some(to.trim()).filter(|text| !text.is_empty());
    if from.is_none() && to.is_none() {
        return None;
    }
    let from = match from {
        Some(text) => Some(first(text)?),
        None => None,
    };
    let to = match to {
        Some(text) => Some(last(text)?),
        None => None,
    };
    Some((from, to))
}

/// A component group without the separators that end it.
fn without_ends(group: &str) -> &str {
    group.trim_end_matches(['^', ' ']).trim_start()
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

    #[test]
    fn a_night_goes_over_midnight_and_a_minute_lasts_until_its_last_second() {
        let times = |text| Matching::parse(Tag(0x08, 0x30), VR::TM, text).unwrap();
        let night = times("2200-0600");
        assert!(night.matches("233000") && night.matches("030000.5") && night.matches("060059"));
        assert!(!night.matches("120000") && !night.matches("215959") && !night.matches("060100"));
        assert!(times("0830").matches("083059") && !times("0830").matches("083100"));
        assert!(times("0800-0830").matches("083059.9") && times("-08").matches("085959"));
        assert!(times("083000").matches("083000.75") && !times("083000").matches("083001"));
    }

    #[test]
    fn a_name_is_found_in_any_case_width_and_by_its_group() {
        let name = |text| Matching::parse(Tag(0x10, 0x10), VR::PN, text).unwrap();
        for (asked, value) in [
            ("ИВАНОВ*", "Иванов^Иван"),
            ("иванов^иван", "Иванов^Иван^^"),
            ("MÜLLER^*", "Mu\u{308}ller^Hans"),
            ("ＷＡＮＧ*", "Wang^XiaoDong=王^小东"),
            ("=张*", "Zhang^San=张^三"),
            ("Zhang*=张*", "Zhang^San=张^三"),
            ("张*", "Zhang^San=张^三"),
            ("==zhang*", "Zhang^San=张^三=zhang^san"),
        ] {
            assert!(name(asked).matches(value), "{asked} {value}");
        }
        for (asked, value) in [
            ("=Zhang*", "Zhang^San=张^三"),
            ("Li*=张*", "Zhang^San=张^三"),
            ("=张*", "Zhang^San"),
            ("MULLER*", "Müller^Hans"),
        ] {
            assert!(!name(asked).matches(value), "{asked} {value}");
        }
        assert!(name("=").is_universal() && name("*=*").is_universal());
    }

    #[test]
    fn keys_that_nobody_holds_ask_for_nothing_and_are_told() {
        let key = |tag, matching| Key { tag, vr: vr_of(tag), matching, items: None };
        let text = |text: &str| Matching::OneOf(vec![text.to_owned()]);
        let number = key(Tag(0x0010, 0x0020), text("P1"));
        let zone = key(Tag(0x0008, 0x0201), text("+0800"));
        let (kept, is_cut) = Held::of(Level::Study).conditions(&[number.clone(), zone.clone()]);
        assert_eq!((kept, is_cut), (vec![number.clone()], true));
        assert!(!Held::of(Level::Study).conditions(std::slice::from_ref(&number)).1);
        let inner = key(Tag(0x0008, 0x1155), text("2.25.1"));
        let refers =
            Key { tag: Tag(0x0008, 0x1110), vr: VR::SQ, matching: Matching::Universal, items: Some(vec![inner]) };
        let (kept, is_cut) = Held::WORKLIST.conditions(&[number.clone(), refers]);
        assert_eq!((kept, is_cut), (vec![number], true));
    }
}
