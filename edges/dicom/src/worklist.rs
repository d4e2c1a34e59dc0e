//! What a modality is to examine next: the waiting orders of its institution as Modality Worklist items.
//!
//! Left out: performed steps (MPPS); an order leaves the list when its pictures have come. Source: dicom-ps3.4, table
//! K.6-1.

use pinyin::ToPinyin as _;
use yiti_diagnostics::settings::Definitions;
use yiti_directory::{Actor, Platform, Scope, people};
use yiti_kernel::{Lang, SignedDuration, Timestamp, time};
use yiti_record::RequestId;
use yiti_record::order::{self, Order, Priority};
use yiti_record::patient::{self, Patient, Sex};
use yiti_store::Error;

use crate::attributes::Attributes;
use crate::charset::PersonName;
use crate::dataset::Tag;
use crate::query::{Key, Matching, WorklistQuery};

/// Without a date in the query, orders from so many days back …
const DAYS_BACK: i64 = 7;
/// … to so many days ahead.
const DAYS_AHEAD: i64 = 30;
/// Characters of a long string (VR LO) and of one component group of a name.
const LONG_STRING_LENGTH_MAX: usize = 64;

/// Orders that are looked at together.
const PAGE: u32 = 500;

/// A worklist query of a modality under way, so many orders at a time.
pub struct List<'p> {
    platform: &'p Platform,
    caller: &'p Actor,
    keys: Vec<Key>,
    institution: String,
    /// The institution alone, without those below it, which have modalities of their own.
    here: Scope,
    from: Timestamp,
    until: Timestamp,
    after: Option<(Timestamp, RequestId)>,
    is_done: bool,
}

impl<'p> List<'p> {
    /// What `query` asks for.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller's institution is not there.
    pub fn new(platform: &'p Platform, caller: &'p Actor, query: WorklistQuery) -> Result<Self, Error> {
        let day = |days: i64| time::day(platform.now() + SignedDuration::from_hours(24 * days));
        let (mut from, mut until) = (day(-DAYS_BACK), day(DAYS_AHEAD));
        if let Matching::Dates { from: first, to: last } = query.step(Tag(0x0040, 0x0002)) {
            from = first.unwrap_or(from);
            until = last.unwrap_or(until);
        }
        let until = until.tomorrow().unwrap_or(until);
        let tree = platform.tree();
        let institution = tree.get(caller.institution).ok_or(Error::NotFound)?;
        Ok(Self {
            platform,
            caller,
            keys: query.keys,
            institution: institution.name.clone(),
            here: Scope { low: institution.scope.low, high: institution.scope.low },
            from: time::day_start(from),
            until: time::day_start(until),
            after: None,
            is_done: false,
        })
    }

    /// The next items, perhaps none of this page; `None` at the end.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn next(&mut self) -> Result<Option<Vec<Attributes>>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let definitions = self.platform.kit.get::<Definitions>();
        let mut reader = self.platform.store.read().await?;
        let orders = order::waiting(&mut reader, self.here, self.from, self.until, self.after, PAGE).await?;
        self.after = orders.last().map(|order| (order.scheduled_at, order.id));
        self.is_done = orders.len() < PAGE as usize;
        let mut answers = Vec::new();
        for order in orders {
            let patient = patient::get(&mut reader, order.patient).await?;
            let requester = people::person(&mut reader, order.requested_by).await?;
            let exam = definitions.exam_name(&order.exam_code, Lang::default()).to_owned();
            let about = About { order: &order, patient: &patient, requester: &requester.name, exam: &exam };
            let answer = about.item(&self.caller.name, &self.institution);
            if answer.matches(&self.keys) {
                answers.push(answer);
            }
        }
        Ok(Some(answers))
    }
}

/// The Study Instance UID under which the pictures of an order come: the order's own identifier, so nothing has to be
/// remembered. Source: dicom-ps3.5, B.2.
#[must_use]
pub fn study_uid(order: RequestId) -> String {
    format!("2.25.{}", order.0.as_u128())
}

/// A name as modalities write it: pinyin for those that know no Chinese, then the characters.
#[must_use]
pub fn person_name(name: &str) -> PersonName {
    let name: String = plain(name).chars().map(|c| if matches!(c, '^' | '=') { ' ' } else { c }).collect();
    let name = name.trim();
    let cut = |text: String| text.chars().take(LONG_STRING_LENGTH_MAX).collect::<String>();
    if name.chars().all(|c| c.to_pinyin().is_none()) {
        return PersonName { alphabetic: cut(name.replace(' ', "^")), ..PersonName::default() };
    }
    let characters: Vec<char> = name.chars().collect();
    // Names of four characters nearly always begin with a family name of two.
    let family = if characters.len() == 4 { 2 } else { 1 };
    let (family, given) = characters.split_at(family.min(characters.len()));
    let sound = |part: &[char]| -> String {
        part.iter()
            .filter_map(|c| match c.to_pinyin() {
                Some(sound) => {
                    let (first, rest) = sound.plain().split_at_checked(1)?;
                    Some(format!("{}{rest}", first.to_ascii_uppercase()))
                }
                None => c.is_ascii_alphanumeric().then(|| c.to_string()),
            })
            .collect()
    };
    let join = |family: String, given: String| if given.is_empty() { family } else { format!("{family}^{given}") };
    PersonName {
        alphabetic: cut(join(sound(family), sound(given))),
        ideographic: cut(join(family.iter().collect(), given.iter().collect())),
        phonetic: String::new(),
    }
}

/// Free text without what would end a value.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\\' {
                '/'
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// Free text as one long string.
fn long_string(text: &str) -> String {
    plain(text).trim().chars().take(LONG_STRING_LENGTH_MAX).collect()
}

/// Free text as so many long strings as it takes: a warning must not be cut.
fn long_strings(text: &str) -> String {
    let characters: Vec<char> = plain(text).trim().chars().collect();
    let parts = characters.chunks(LONG_STRING_LENGTH_MAX).map(|part| part.iter().collect::<String>());
    parts.collect::<Vec<_>>().join("\\")
}

struct About<'a> {
    order: &'a Order,
    patient: &'a Patient,
    requester: &'a str,
    exam: &'a str,
}

impl About<'_> {
    fn item(&self, ae_title: &str, institution: &str) -> Attributes {
        let Self { order, patient, requester, exam } = self;
        let number = order.accession_number.as_str();
        let exam = long_string(exam);
        let scheduled = time::civil(order.scheduled_at);
        let code = Attributes::new()
            .text(Tag(0x0008, 0x0100), order.exam_code.chars().take(16).collect::<String>())
            .text(Tag(0x0008, 0x0102), "99YITI")
            .text(Tag(0x0008, 0x0104), exam.as_str());
        let step = Attributes::new()
            .text(Tag(0x0008, 0x0060), order.modality.as_str())
            .text(Tag(0x0018, 0x0015), order.body_part.as_str())
            .text(Tag(0x0032, 0x1070), "")
            .text(Tag(0x0040, 0x0001), ae_title)
            .date(Tag(0x0040, 0x0002), Some(scheduled.date()))
            .time(Tag(0x0040, 0x0003), Some(scheduled.time()))
            .text(Tag(0x0040, 0x0006), "")
            .text(Tag(0x0040, 0x0007), exam.as_str())
            .items(Tag(0x0040, 0x0008), vec![code.clone()])
            .text(Tag(0x0040, 0x0009), number)
            .text(Tag(0x0040, 0x0010), ae_title)
            .text(Tag(0x0040, 0x0011), long_string(institution).chars().take(16).collect::<String>())
            .text(Tag(0x0040, 0x0012), "")
            .text(Tag(0x0040, 0x0020), "SCHEDULED");
        let requester = person_name(requester);
        let item = Attributes::new()
            .text(Tag(0x0008, 0x0050), number)
            .text(Tag(0x0008, 0x0080), long_string(institution))
            .name(Tag(0x0008, 0x0090), &requester)
            .items(Tag(0x0008, 0x1110), Vec::new())
            .items(Tag(0x0008, 0x1120), Vec::new())
            .name(Tag(0x0010, 0x0010), &person_name(&patient.name))
            .text(Tag(0x0010, 0x0020), patient.number.as_str())
            .date(Tag(0x0010, 0x0030), patient.birth_on)
            .text(Tag(0x0010, 0x0040), patient.sex.dicom())
            .text(Tag(0x0010, 0x1030), "")
            .text(Tag(0x0010, 0x2000), long_strings(&order.warnings))
            .text(Tag(0x0010, 0x2110), "")
            .text(Tag(0x0010, 0x21B0), plain(&order.history))
            .text(Tag(0x0020, 0x000D), study_uid(order.id))
            .name(Tag(0x0032, 0x1032), &requester)
            .text(Tag(0x0032, 0x1060), exam.as_str())
            .items(Tag(0x0032, 0x1064), vec![code])
            .text(Tag(0x0038, 0x0010), "")
            .text(Tag(0x0038, 0x0050), "")
            .text(Tag(0x0038, 0x0300), long_string(institution))
            .text(Tag(0x0038, 0x0500), "")
            .items(Tag(0x0040, 0x0100), vec![step])
            .text(Tag(0x0040, 0x1001), number)
            .text(Tag(0x0040, 0x1002), long_string(&order.question))
            .text(
                Tag(0x0040, 0x1003),
                match order.priority {
                    Priority::Stat => "STAT",
                    Priority::Urgent => "HIGH",
                    Priority::Routine => "ROUTINE",
                },
            )
            .text(Tag(0x0040, 0x1004), "")
            .text(Tag(0x0040, 0x3001), "");
        // PS3.3 C.2.2: 4 is "unknown". What the doctor wrote about it stands among the alerts.
        if patient.sex == Sex::Male { item } else { item.number(Tag(0x0010, 0x21C0), 4.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_name_has_pinyin_and_characters() {
        assert_eq!(person_name("王小东").joined(), "Wang^XiaoDong=王^小东");
        assert_eq!(person_name("欧阳小东").joined(), "OuYang^XiaoDong=欧阳^小东");
        assert_eq!(person_name("王").joined(), "Wang=王");
        assert_eq!(person_name("Jane Doe").joined(), "Jane^Doe");
    }

    #[test]
    fn a_study_uid_is_valid_and_always_the_same() {
        let order = RequestId::fresh();
        assert!(crate::dataset::is_valid_uid(&study_uid(order)));
        assert_eq!(study_uid(order), study_uid(order));
    }

    #[test]
    fn a_warning_is_never_cut() {
        let text = "x".repeat(130);
        assert_eq!(long_strings(&text).replace('\\', ""), text);
        assert!(long_strings(&text).split('\\').all(|part| part.len() <= 64));
    }
}
