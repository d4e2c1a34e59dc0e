//! Which order a study belongs to. Pure.
//!
//! A study meets its order by accession number within the institution that received it. The patient in the pictures must
//! be the patient of the order; otherwise the study is kept and listed as unmatched, for a person to decide.

use serde::{Deserialize, Serialize};
use yiti_kernel::Date;

use crate::fold::fold;
use crate::patient::Sex;

/// The patient as the pictures name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Patient ID.
    pub number: &'a str,
    /// Patient Name, decoded, component groups joined by `=`; with [`UNCERTAIN`] in it no name is compared.
    pub name: &'a str,
    /// Sex.
    pub sex: Sex,
    /// Birthday.
    pub birth_on: Option<Date>,
    /// Accession Number.
    pub accession_number: &'a str,
}

/// The patient of the order that has the accession number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The group's number.
    pub number: &'a str,
    /// Name.
    pub name: &'a str,
    /// Sex.
    pub sex: Sex,
    /// Birthday.
    pub birth_on: Option<Date>,
}

/// Stands in a name whose bytes do not fit the character set they declare.
pub const UNCERTAIN: char = '\u{fffd}';

/// Why a study has no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// No accession number, or none that the institution ordered.
    NoOrder,
    /// The pictures name another patient than the order.
    WrongPatient,
    /// The pictures name no patient.
    EmptyName,
    /// A person took the study away from an order that was not its own.
    Undone,
    /// A person split it off from another study.
    Split,
}

impl Unmatched {
    /// As stored and as key in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NoOrder => "no_order",
            Self::WrongPatient => "wrong_patient",
            Self::EmptyName => "empty_name",
            Self::Undone => "undone",
            Self::Split => "split",
        }
    }
}

/// Decides whether the pictures belong to the order.
///
/// # Errors
/// [`Unmatched`] says why not.
pub fn decide(seen: &Seen<'_>, expected: Option<&Expected<'_>>) -> Result<(), Unmatched> {
    if plain(seen.name).is_empty() {
        return Err(Unmatched::EmptyName);
    }
    let Some(expected) = expected.filter(|_| !seen.accession_number.trim().is_empty()) else {
        return Err(Unmatched::NoOrder);
    };
    let same_number = seen.number.trim().eq_ignore_ascii_case(expected.number);
    let is_certain = !seen.name.contains(UNCERTAIN);
    let same_name = is_certain && seen.name.split('=').any(|group| plain(group) == plain(expected.name));
    let sex_differs = seen.sex != Sex::Unknown && expected.sex != Sex::Unknown && seen.sex != expected.sex;
    let birth_differs = matches!((seen.birth_on, expected.birth_on), (Some(a), Some(b)) if a != b);
    // The number is the group's own, so it decides; without it the name must fit and nothing else may differ.
    let fits = if seen.number.trim().is_empty() { same_name } else { same_number };
    if fits && !sex_differs && !birth_differs { Ok(()) } else { Err(Unmatched::WrongPatient) }
}

/// Whether two sets of pictures of one institution name the same person. Where they say different things they are two;
/// where one is silent the rest decides. In doubt they are two: two studies of one person are put together by a person
/// in a moment, two persons in one study are found when it is too late.
#[must_use]
pub fn same_person(a: &Seen<'_>, b: &Seen<'_>) -> bool {
    if a.sex != Sex::Unknown && b.sex != Sex::Unknown && a.sex != b.sex {
        return false;
    }
    if matches!((a.birth_on, b.birth_on), (Some(a), Some(b)) if a != b) {
        return false;
    }
    let (first, second) = (a.number.trim(), b.number.trim());
    let names = compare_names(a.name, b.name);
    match (first.is_empty(), second.is_empty()) {
        (false, false) => first.eq_ignore_ascii_case(second) && names != Names::Differ,
        (true, true) => names == Names::Same || (plain(a.name).is_empty() && plain(b.name).is_empty()),
        _ => names == Names::Same || names == Names::Silent,
    }
}

/// How two names stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Same,
    Differ,
    /// One of them is empty.
    Silent,
    /// In different scripts, or in bytes that do not fit their character set.
    Incomparable,
}

fn compare_names(a: &str, b: &str) -> Names {
    if a.contains(UNCERTAIN) || b.contains(UNCERTAIN) {
        return if a == b { Names::Same } else { Names::Incomparable };
    }
    let groups = |name: &str| -> Vec<String> { name.split('=').map(plain).filter(|group| !group.is_empty()).collect() };
    let (a, b) = (groups(a), groups(b));
    if a.is_empty() || b.is_empty() {
        return Names::Silent;
    }
    if a.iter().any(|group| b.contains(group)) {
        return Names::Same;
    }
    let is_comparable = a.iter().any(|a| b.iter().any(|b| a.is_ascii() == b.is_ascii()));
    if is_comparable { Names::Differ } else { Names::Incomparable }
}

/// A name without separators, white space, case and width.
fn plain(name: &str) -> String {
    fold(name).chars().filter(|c| !c.is_whitespace() && !matches!(c, '^' | '=' | '·' | '.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use yiti_kernel::civil::date;

    const EXPECTED: Expected<'_> =
        Expected { number: "P0000042", name: "王小东", sex: Sex::Male, birth_on: Some(date(1960, 2, 29)) };

    fn seen<'a>(number: &'a str, name: &'a str) -> Seen<'a> {
        Seen { number, name, sex: Sex::Male, birth_on: Some(date(1960, 2, 29)), accession_number: "2026031000001" }
    }

    #[test]
    fn the_same_number_is_the_same_patient_however_the_name_is_written() {
        assert_eq!(decide(&seen("P0000042", "Wang^XiaoDong=王^小东"), Some(&EXPECTED)), Ok(()));
        assert_eq!(decide(&seen("p0000042 ", "WANG XIAODONG"), Some(&EXPECTED)), Ok(()));
    }

    #[test]
    fn without_a_number_the_name_must_fit() {
        assert_eq!(decide(&seen("", "Wang^XiaoDong=王^小东"), Some(&EXPECTED)), Ok(()));
        assert_eq!(decide(&seen("", "李四"), Some(&EXPECTED)), Err(Unmatched::WrongPatient));
    }

    #[test]
    fn an_uncertain_name_never_decides() {
        assert_eq!(decide(&seen("", "Wang^XiaoDong=王^小东\u{fffd}"), Some(&EXPECTED)), Err(Unmatched::WrongPatient));
        assert_eq!(decide(&seen("P0000042", "Wang^XiaoDong=王^小东\u{fffd}"), Some(&EXPECTED)), Ok(()));
    }

    #[test]
    fn another_number_sex_or_birthday_is_another_patient() {
        assert_eq!(decide(&seen("P0000043", "王小东"), Some(&EXPECTED)), Err(Unmatched::WrongPatient));
        let woman = Seen { sex: Sex::Female, ..seen("P0000042", "王小东") };
        assert_eq!(decide(&woman, Some(&EXPECTED)), Err(Unmatched::WrongPatient));
        let younger = Seen { birth_on: Some(date(1961, 2, 28)), ..seen("P0000042", "王小东") };
        assert_eq!(decide(&younger, Some(&EXPECTED)), Err(Unmatched::WrongPatient));
    }

    #[test]
    fn two_studies_are_of_one_person_unless_they_say_otherwise() {
        let first = seen("P0000042", "Wang^XiaoDong=王^小东");
        for (same, number, name) in [
            (true, "p0000042 ", "WANG XIAODONG"),
            (true, "P0000042", "王小东"),
            (true, "P0000042", ""),
            (true, "", "王^小东"),
            (true, "", ""),
            (false, "P0000043", "Wang^XiaoDong=王^小东"),
            (false, "P0000042", "Li^Si=李^四"),
            (false, "P0000042", "李四"),
            (false, "", "李四"),
        ] {
            assert_eq!(same_person(&first, &seen(number, name)), same, "{number} {name}");
            assert_eq!(same_person(&seen(number, name), &first), same, "{number} {name}");
        }
        assert!(!same_person(&first, &Seen { sex: Sex::Female, ..first.clone() }));
        assert!(!same_person(&first, &Seen { birth_on: Some(date(1961, 2, 28)), ..first.clone() }));
        assert!(same_person(&first, &Seen { birth_on: None, sex: Sex::Unknown, ..first.clone() }));
        // Two who are named by nothing cannot be told apart; one in Latin letters may be anyone.
        assert!(same_person(&seen("", "^^^^"), &seen("", "")));
        assert!(!same_person(&seen("", "WANG XIAODONG"), &seen("", "王小东")));
    }

    #[test]
    fn no_order_and_no_name_are_told_apart() {
        assert_eq!(decide(&seen("P0000042", "王小东"), None), Err(Unmatched::NoOrder));
        assert_eq!(decide(&seen("P0000042", "^^^^"), Some(&EXPECTED)), Err(Unmatched::EmptyName));
    }
}
