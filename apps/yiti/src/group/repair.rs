//! Puts right what typing and spreadsheets do to codes, where only one code of the scheme can be meant.
//!
//! Nothing is guessed: as soon as two codes are possible the record is refused and both are named.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use chs_drg::{Code, Scheme};

use super::columns::half_width;

/// What had happened to a code. The words are `group.repaired.<key>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    /// Upper and lower case.
    Case,
    /// Full-width characters or blanks inside.
    Width,
    /// The dot is missing or misplaced.
    Dot,
    /// A spreadsheet made it a number and dropped zeros.
    Number,
    /// A spreadsheet made it a day.
    Date,
    /// Another separator than `|` between codes.
    Separator,
}

impl Damage {
    /// Key of its words.
    #[must_use]
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Damage::Case => "case",
            Damage::Width => "width",
            Damage::Dot => "dot",
            Damage::Number => "number",
            Damage::Date => "date",
            Damage::Separator => "separator",
        }
    }
}

/// What became of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repair<'s> {
    /// Only this code can be meant.
    One {
        /// The code of the scheme.
        code: &'s str,
        /// What had happened to it.
        damage: Damage,
    },
    /// Several codes can be meant.
    Several(Vec<&'s str>),
    /// None is near.
    None,
}

/// The codes of a scheme by what is left of them after damage. Made when the first unknown code comes.
pub(crate) struct Repairer<'s> {
    scheme: &'s Scheme,
    dx: OnceLock<Index<'s>>,
    px: OnceLock<Index<'s>>,
}

/// folded code: codes that fold to it
type Index<'s> = HashMap<String, Vec<&'s str>>;

/// A code without case, width, blanks and dot.
fn fold(code: &str) -> String {
    let kept = code.chars().map(half_width).filter(|c| !c.is_whitespace() && *c != '.' && *c != '\u{feff}');
    kept.map(|c| c.to_ascii_uppercase()).collect()
}

fn index(codes: &[Code]) -> Index<'_> {
    let mut index: Index<'_> = HashMap::new();
    for code in codes {
        index.entry(fold(&code.text)).or_default().push(&code.text);
    }
    index
}

impl<'s> Repairer<'s> {
    /// A repairer for the codes of a scheme.
    #[must_use]
    pub(crate) fn new(scheme: &'s Scheme) -> Repairer<'s> {
        Repairer { scheme, dx: OnceLock::new(), px: OnceLock::new() }
    }

    /// A diagnosis code that the scheme does not know.
    pub(crate) fn dx(&self, code: &str) -> Repair<'s> {
        let index = self.dx.get_or_init(|| index(&self.scheme.definition().dx));
        folded(index, code)
    }

    /// A procedure code that the scheme does not know.
    pub(crate) fn px(&self, code: &str) -> Repair<'s> {
        let index = self.px.get_or_init(|| index(&self.scheme.definition().px));
        let half: String = code.chars().map(half_width).collect();
        let half = half.trim();
        if let Some(candidates) = day_candidates(half) {
            return narrowed(index, &candidates, Damage::Date);
        }
        // A number may have lost zeros, so a code that it happens to spell is only one of several.
        match number_candidates(half) {
            Some(candidates) => match narrowed(index, &candidates, Damage::Number) {
                Repair::One { code, .. } if fold(code) == fold(half) => {
                    Repair::One { code, damage: damage(half, code) }
                }
                other => other,
            },
            None => folded(index, code),
        }
    }
}

fn folded<'s>(index: &Index<'s>, code: &str) -> Repair<'s> {
    match index.get(&fold(code)).map(Vec::as_slice) {
        None | Some([]) => Repair::None,
        Some([only]) => Repair::One { code: only, damage: damage(code, only) },
        // Codes that differ by their dot or case alone: the one with the dot where it was written, if there is one.
        Some(several) => {
            let as_written: String = code.chars().map(half_width).filter(|c| !c.is_whitespace()).collect();
            let mut same = several.iter().filter(|known| known.eq_ignore_ascii_case(&as_written));
            match (same.next(), same.next()) {
                (Some(only), None) => Repair::One { code: only, damage: damage(code, only) },
                _ => Repair::Several(several.to_vec()),
            }
        }
    }
}

/// What must have happened to `known` to look like `code`.
fn damage(code: &str, known: &str) -> Damage {
    let half: String = code.chars().map(half_width).filter(|c| !c.is_whitespace()).collect();
    if !half.eq_ignore_ascii_case(known) {
        Damage::Dot
    } else if half != code {
        Damage::Width
    } else {
        Damage::Case
    }
}

/// The one code of the scheme among the candidates.
fn narrowed<'s>(index: &Index<'s>, candidates: &BTreeSet<String>, damage: Damage) -> Repair<'s> {
    let known = |candidate: &String| {
        let found = index.get(&fold(candidate)).map_or(&[][..], Vec::as_slice);
        // A candidate with a dot is meant with its dot.
        let fits = |code: &&&str| !candidate.contains('.') || **code == candidate;
        found.iter().filter(fits).copied().collect::<Vec<&'s str>>()
    };
    let known: BTreeSet<&'s str> = candidates.iter().flat_map(known).collect();
    let known: Vec<&'s str> = known.into_iter().collect();
    match known.as_slice() {
        [] => Repair::None,
        [only] => Repair::One { code: only, damage },
        _ => Repair::Several(known),
    }
}

/// Most digits of a procedure code: two before the dot, four behind it.
const DIGITS_BEFORE: usize = 2;
const DIGITS_BEHIND: usize = 4;

/// What a number may have been: zeros are lost at both ends. None when the text is no number.
fn number_candidates(text: &str) -> Option<BTreeSet<String>> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if text.is_empty() || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let mut candidates = BTreeSet::new();
    if whole.len() <= DIGITS_BEFORE {
        for behind in part.len().max(1)..=DIGITS_BEHIND {
            candidates.insert(format!("{whole:0>2}.{part:0<behind$}"));
        }
    }
    if part.is_empty() {
        // Neither dot nor zeros are left.
        for before in 0..=DIGITS_BEFORE {
            let padded = format!("{}{whole}", "0".repeat(before));
            for total in padded.len().max(3)..=DIGITS_BEFORE + DIGITS_BEHIND {
                let digits = format!("{padded:0<total$}");
                let (whole, part) = digits.split_at(DIGITS_BEFORE);
                candidates.insert(format!("{whole}.{part}"));
            }
        }
    }
    Some(candidates)
}

/// The English months, as spreadsheets shorten them.
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What a day may have been: month and day, day and month, or month and year. None when the text is no day.
fn day_candidates(text: &str) -> Option<BTreeSet<String>> {
    let day = text.split([' ', 'T']).next().unwrap_or(text);
    // Digits stand between marks; the marks of Chinese days are left out as marks too.
    let parts: Vec<&str> = day.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let has_marks = day.contains(['-', '/', '\u{5e74}', '\u{6708}']);
    if !has_marks || !(2..=3).contains(&parts.len()) {
        return None;
    }
    let month = |part: &str| MONTHS.iter().position(|month| part.eq_ignore_ascii_case(month)).map(|at| at as u32 + 1);
    let number = |part: &str| part.parse::<u32>().ok();
    let mut candidates = BTreeSet::new();
    let mut pair = |first: u32, second: u32| {
        if first < 100 && second < 100 {
            for part in [format!("{second}"), format!("{second:02}")] {
                for behind in part.len()..=DIGITS_BEHIND {
                    candidates.insert(format!("{first:02}.{part:0<behind$}"));
                }
            }
        }
    };
    match parts.as_slice() {
        [first, second] => match (number(first), number(second), month(first), month(second)) {
            (Some(first), Some(second), _, _) => {
                pair(first, second);
                pair(second, first);
            }
            (Some(day), _, _, Some(month)) | (_, Some(day), Some(month), _) => {
                pair(month, day);
                pair(day, month);
            }
            _ => return None,
        },
        [first, second, third] => {
            let (first, third) = (number(first)?, number(third)?);
            let second = number(second).or_else(|| month(second))?;
            // Year first, as in 2026-10-12, or last, as in 10/12/2026.
            let (year, month, day) = if first > 31 { (first, second, third) } else { (third, first, second) };
            pair(month, day);
            pair(day, month);
            if month == 1 || day == 1 {
                pair(month, year % 100);
                pair(day, year % 100);
            }
        }
        _ => return None,
    }
    Some(candidates)
}

/// Whether two codes stand in one piece, so that another separator was used.
#[must_use]
pub(crate) fn is_separator(c: char) -> bool {
    matches!(c, '|' | ',' | ';' | '\u{3001}' | '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(codes: &[&str]) -> Vec<Code> {
        codes.iter().map(|text| Code { text: (*text).to_owned(), listed: true, grey: false }).collect()
    }

    #[test]
    fn a_number_may_have_lost_zeros_at_both_ends() {
        let codes = some(&["01.0200", "45.1000", "36.0601", "45.1001"]);
        let index = index(&codes);
        let narrow = |text: &str| narrowed(&index, &number_candidates(text).unwrap(), Damage::Number);
        assert_eq!(narrow("1.02"), Repair::One { code: "01.0200", damage: Damage::Number });
        assert_eq!(narrow("45.1"), Repair::One { code: "45.1000", damage: Damage::Number });
        assert_eq!(narrow("10200"), Repair::One { code: "01.0200", damage: Damage::Number });
        assert_eq!(narrow("451"), Repair::One { code: "45.1000", damage: Damage::Number });
        assert_eq!(narrow("7"), Repair::None);
        assert_eq!(number_candidates("36.06x001"), None);
    }

    #[test]
    fn two_codes_that_a_number_may_have_been_are_both_named() {
        let codes = some(&["04.5100", "45.1000"]);
        let index = index(&codes);
        let found = narrowed(&index, &number_candidates("451").unwrap(), Damage::Number);
        assert_eq!(found, Repair::Several(vec!["04.5100", "45.1000"]));
    }

    #[test]
    fn a_day_may_have_been_a_code() {
        let codes = some(&["10.1200", "12.4500"]);
        let index = index(&codes);
        for text in ["2026-10-12", "2026-10-12 00:00:00", "2026/10/12", "10/12/2026", "12-Oct", "Oct-12"] {
            let found = narrowed(&index, &day_candidates(text).unwrap(), Damage::Date);
            assert_eq!(found, Repair::One { code: "10.1200", damage: Damage::Date }, "{text}");
        }
        let found = narrowed(&index, &day_candidates("1945-12-01").unwrap(), Damage::Date);
        assert_eq!(found, Repair::One { code: "12.4500", damage: Damage::Date });
        assert_eq!(day_candidates("36.0601"), None);
        assert_eq!(day_candidates("A-B"), None);
    }

    #[test]
    fn case_width_and_dot_are_put_right_when_one_code_is_left() {
        let codes = some(&["D37.500x002", "I21.001", "A1.1", "A11"]);
        let index = index(&codes);
        assert_eq!(folded(&index, "d37.500X002"), Repair::One { code: "D37.500x002", damage: Damage::Case });
        assert_eq!(folded(&index, "I21001"), Repair::One { code: "I21.001", damage: Damage::Dot });
        assert_eq!(folded(&index, "\u{ff29}21.001"), Repair::One { code: "I21.001", damage: Damage::Width });
        assert_eq!(folded(&index, "a1.1"), Repair::One { code: "A1.1", damage: Damage::Case });
        assert_eq!(folded(&index, "A.11"), Repair::Several(vec!["A1.1", "A11"]));
        assert_eq!(folded(&index, "Z99"), Repair::None);
    }
}
