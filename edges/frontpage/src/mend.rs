//! What a cell becomes before it is read as a value. Each mend is named, so that the report can say it.
//!
//! A text that cannot be mended with certainty stays as it is; the field then refuses it, or the checks find it.

use std::borrow::Cow;

use yiti_drg::codes::{Codes, Crossed, Edition, System};
use yiti_kernel::Date;
use yiti_kernel::civil::{DateTime, date};

use crate::read::RepairKind;

/// A text and the mends it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended<'t> {
    /// The text.
    pub text: Cow<'t, str>,
    /// What was done, in this order.
    pub kinds: Vec<RepairKind>,
}

impl<'t> Mended<'t> {
    fn as_is(text: &'t str) -> Self {
        Self { text: Cow::Borrowed(text), kinds: Vec::new() }
    }

    fn with(mut self, text: String, kind: RepairKind) -> Self {
        if *self.text != *text {
            self.text = Cow::Owned(text);
            self.kinds.push(kind);
        }
        self
    }
}

/// Takes blanks and invisible marks from both ends; inside free text line ends become blanks.
pub fn trimmed(text: &str) -> Mended<'_> {
    let outer = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let mended = Mended { text: Cow::Borrowed(outer), kinds: Vec::new() };
    if outer.chars().any(|c| c.is_control() || is_invisible(c)) {
        let inner = outer.chars().filter(|c| !is_invisible(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
        return mended.with(inner, RepairKind::Spaces);
    }
    mended
}

/// The mends of everything that is no free text: width, blanks, placeholders.
pub fn value(text: &str) -> Mended<'_> {
    let mut mended = trimmed(text);
    if !mended.text.is_ascii() {
        let half: String = mended.text.chars().map(half_width).collect();
        mended = mended.with(half, RepairKind::FullWidth);
        // The mend may have brought blanks to the ends.
        let again = mended.text.trim().to_owned();
        mended = mended.with(again, RepairKind::Spaces);
    }
    if is_placeholder(&mended.text) {
        mended = mended.with(String::new(), RepairKind::Placeholder);
    }
    mended
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{00ad}')
}

/// The half-width form of a full-width character.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{00a0}' => ' ',
        '\u{3002}' => '.',
        '\u{2013}' | '\u{2014}' | '\u{2212}' | '\u{2010}' => '-',
        '\u{2020}' => '+',
        '\u{2217}' => '*',
        other => other,
    }
}

/// Marks that stand where there is nothing.
fn is_placeholder(text: &str) -> bool {
    matches!(text, "-" | "--" | "---" | "/" | "\\" | "\\N" | "NULL" | "null" | "Null" | "N/A" | "#N/A" | "nan" | "NaN")
}

/// A whole number: separators between thousands, `.0` behind it, a unit of years or days.
pub fn count(text: &str) -> Mended<'_> {
    let mended = value(text);
    let mut number = grouped(&mended.text).unwrap_or_else(|| mended.text.to_string());
    if let Some(before) = number.strip_suffix(['\u{5c81}', '\u{5929}', '\u{514b}', '\u{5468}']).map(str::trim_end) {
        // Weeks are no days: such a number is not mended.
        if !number.ends_with('\u{5468}') {
            number = before.to_owned();
        }
    }
    if let Some((whole, rest)) = number.split_once('.')
        && !whole.is_empty()
        && rest.bytes().all(|byte| byte == b'0')
    {
        number = whole.to_owned();
    }
    mended.with(number, RepairKind::NumberSpelling)
}

/// An amount: separators between thousands, a sign of the currency.
pub fn money(text: &str) -> Mended<'_> {
    let mended = value(text);
    let bare = mended.text.trim_start_matches(['\u{a5}', '\u{ffe5}']).trim_end_matches('\u{5143}').trim();
    let number = grouped(bare).unwrap_or_else(|| bare.to_owned());
    let number = match number.strip_prefix('.') {
        Some(cents) => format!("0.{cents}"),
        None => number,
    };
    mended.with(number, RepairKind::NumberSpelling)
}

/// `1,234,567.89` without its separators; `None` when they do not stand between thousands.
fn grouped(text: &str) -> Option<String> {
    let (whole, rest) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut number = first.to_owned();
    let mut count = 0;
    for group in groups {
        if group.len() != 3 || !is_digits(group) {
            return None;
        }
        number.push_str(group);
        count += 1;
    }
    if count == 0 || first.len() > 3 || !is_digits(first) {
        return None;
    }
    if let Some(rest) = rest {
        number.push('.');
        number.push_str(rest);
    }
    Some(number)
}

/// A sex as a code: words in Chinese and English are understood.
pub fn sex(text: &str) -> Mended<'_> {
    let mended = count(text);
    let code = match &*mended.text {
        "\u{7537}" | "\u{7537}\u{6027}" | "M" | "m" | "male" => "1",
        "\u{5973}" | "\u{5973}\u{6027}" | "F" | "f" | "female" => "2",
        "\u{672a}\u{77e5}" => "0",
        _ => return mended,
    };
    mended.with(code.to_owned(), RepairKind::SexWord)
}

/// A day or an instant in one of its usual spellings, or as the number of a spreadsheet. `with_time` keeps the time.
pub fn instant(text: &str, with_time: bool) -> Mended<'_> {
    let mended = value(text);
    if mended.text.is_empty() {
        return mended;
    }
    if let Some(at) = serial(&mended.text) {
        return mended.with(written(at, with_time), RepairKind::DateNumber);
    }
    match spelled(&mended.text) {
        Some((at, had_time)) => mended.with(written(at, with_time && had_time), RepairKind::DateSpelling),
        None => mended,
    }
}

fn written(at: DateTime, with_time: bool) -> String {
    at.strftime(if with_time { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d" }).to_string()
}

/// The day number of a spreadsheet, from 1954 to 2119: five digits, perhaps with a part of a day.
fn serial(text: &str) -> Option<DateTime> {
    let (days, part) = text.split_once('.').unwrap_or((text, ""));
    if days.len() != 5 || part.len() > 17 || !days.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = days.parse().ok().filter(|number| (20_000..=80_000).contains(number))?;
    // Eight decimals are finer than a millisecond.
    let part: i64 = format!("{:0<8}", part.get(..8).unwrap_or(part)).parse().ok()?;
    let seconds = (part * 86_400 + 50_000_000) / 100_000_000;
    let start = date(1899, 12, 30).at(0, 0, 0, 0);
    let span = yiti_kernel::SignedDuration::from_secs(i64::from(number) * 86_400 + seconds);
    start.checked_add(span).ok()
}

/// A day, and a time when there is one: separators `-`, `/`, `.`, the Chinese ones, or none.
fn spelled(text: &str) -> Option<(DateTime, bool)> {
    if text.len() > 40 {
        return None;
    }
    let mut numbers: Vec<u32> = Vec::new();
    let mut digits = String::new();
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    if all && matches!(text.len(), 8 | 12 | 14) {
        numbers.push(text.get(..4)?.parse().ok()?);
        for at in (4..text.len()).step_by(2) {
            numbers.push(text.get(at..at + 2)?.parse().ok()?);
        }
    } else {
        let mut fraction = false;
        for c in text.chars().chain([' ']) {
            match c {
                '0'..='9' => digits.push(c),
                '-' | '/' | '.' | ':' | ' ' | 'T' | 'Z' | '\u{5e74}' | '\u{6708}' | '\u{65e5}' | '\u{65f6}'
                | '\u{5206}' | '\u{79d2}' => {
                    if !digits.is_empty() && !fraction {
                        numbers.push(digits.parse().ok()?);
                    }
                    digits.clear();
                    // A fraction of a second is dropped.
                    fraction |= c == '.' && numbers.len() == 6;
                }
                _ => return None,
            }
        }
    }
    let number = |at: usize| numbers.get(at).copied();
    if !(3..=6).contains(&numbers.len()) || numbers.len() == 4 && number(3)? > 23 {
        return None;
    }
    let year = i16::try_from(number(0)?).ok().filter(|year| *year >= 1000)?;
    let small = |at: usize| i8::try_from(number(at).unwrap_or(0)).ok();
    let day = Date::new(year, small(1)?, small(2)?).ok()?;
    let time = yiti_kernel::civil::Time::new(small(3)?, small(4)?, small(5)?, 0).ok()?;
    Some((day.to_datetime(time), numbers.len() > 3))
}

/// A code and what it is in the insurance edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MendedCode {
    /// The code as given, mended.
    pub code: String,
    /// The insurance code; `None` when there is none that is known.
    pub insurance: Option<String>,
    /// What was done.
    pub kinds: Vec<RepairKind>,
}

/// A code of a diagnosis or procedure: width, blanks, case, a lost dot, what a spreadsheet made of it; then the way to the
/// insurance edition. A code that is known as it stands is never changed.
pub fn code(codes: &Codes, system: System, edition: Edition, text: &str) -> MendedCode {
    let mended = value(text);
    let mut kinds = mended.kinds;
    let mut code = mended.text.into_owned();
    if code.contains(char::is_whitespace) {
        code.retain(|c| !c.is_whitespace());
        kinds.push(RepairKind::Spaces);
    }
    if code.is_empty() || code.len() > 40 {
        return MendedCode { code, insurance: None, kinds };
    }
    let insurance = |code: &str| match codes.insurance(system, edition, code) {
        Crossed::Same => Some(code.to_owned()),
        Crossed::To(other) => Some(other.to_owned()),
        Crossed::None => None,
    };
    let mut found = insurance(&code);
    if found.is_none() {
        for (candidate, kind) in candidates(system, &code) {
            found = insurance(&candidate);
            if found.is_some() {
                kinds.push(kind);
                code = candidate;
                break;
            }
        }
    }
    if found.as_ref().is_some_and(|found| *found != code) {
        kinds.push(RepairKind::Crosswalk);
    }
    MendedCode { code, insurance: found, kinds }
}

/// Other spellings of a code, the likeliest first.
fn candidates(system: System, code: &str) -> Vec<(String, RepairKind)> {
    let mut out = Vec::new();
    let upper = code.to_ascii_uppercase().replace('X', "x");
    if upper != code {
        out.push((upper.clone(), RepairKind::LowerCase));
    }
    let before = match system {
        System::Diagnosis => 3,
        System::Procedure => 2,
    };
    if !upper.contains('.')
        && let Some((category, rest)) = upper.split_at_checked(before)
        && !rest.is_empty()
    {
        out.push((format!("{category}.{rest}"), RepairKind::DotLost));
    }
    if system == System::Procedure {
        if let Some((whole, part)) = upper.split_once('.').or(Some((upper.as_str(), "")))
            && (1..=2).contains(&whole.len())
            && part.len() <= 4
            && whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit())
        {
            // A number has neither a leading zero nor zeros at its end: 1.24 is 01.2400.
            let whole = format!("{whole:0>2}");
            out.extend(
                (part.len().max(2)..=4).map(|places| (format!("{whole}.{part:0<places$}"), RepairKind::CodeNumber)),
            );
        }
        // A day of the spreadsheet: 03.02 became the second of March.
        if let Some((at, _)) = spelled(&upper).filter(|_| upper.len() >= 8 && upper.contains(['-', '/'])) {
            let start = format!("{:02}.{:02}", at.month(), at.day());
            out.extend(
                (2..=4).map(|places| (format!("{start}{:0<width$}", "", width = places - 2), RepairKind::CodeDate)),
            );
        }
    }
    out
}

/// A free text: blanks at its ends, nothing else. The dash that forms want stays.
pub fn free(text: &str) -> Mended<'_> {
    let mended = trimmed(text);
    if matches!(&*mended.text, "NULL" | "null" | "\\N") {
        return mended.with(String::new(), RepairKind::Placeholder);
    }
    if *mended.text == *text { Mended::as_is(text) } else { mended }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mended: Mended<'_>) -> String {
        mended.text.into_owned()
    }

    #[test]
    fn numbers_are_read_in_their_usual_spellings() {
        for (given, wanted) in [
            ("６１", "61"),
            (" 61.0 ", "61"),
            ("1,234", "1234"),
            ("61岁", "61"),
            ("-", ""),
            ("0.5", "0.5"),
            ("3周", "3周"),
            ("1,23", "1,23"),
        ] {
            assert_eq!(text(count(given)), wanted, "{given}");
        }
        for (given, wanted) in [("¥1,234.50", "1234.50"), ("12元", "12"), (".5", "0.5"), ("-5", "-5"), ("--", "")] {
            assert_eq!(text(money(given)), wanted, "{given}");
        }
        assert_eq!(text(sex("女")), "2");
        assert_eq!(text(sex("1.0")), "1");
        assert_eq!(text(sex("3")), "3");
    }

    #[test]
    fn days_are_read_in_their_usual_spellings() {
        for (given, wanted) in [
            ("2026/1/2", "2026-01-02"),
            ("2026.01.02", "2026-01-02"),
            ("20260102", "2026-01-02"),
            ("2026年1月2日", "2026-01-02"),
            ("2026-01-02T08:30:00Z", "2026-01-02 08:30:00"),
            ("2026-01-02 08:30:00.123", "2026-01-02 08:30:00"),
            ("20260102083005", "2026-01-02 08:30:05"),
            ("2026/1/2 8:30", "2026-01-02 08:30:00"),
            ("46024", "2026-01-02"),
            ("46024.354166666664", "2026-01-02 08:30:00"),
            ("2026-02-30", "2026-02-30"),
            ("1/2/2026", "1/2/2026"),
            ("2026-1", "2026-1"),
            ("yesterday", "yesterday"),
            ("99999", "99999"),
        ] {
            let with_time = wanted.len() > 10;
            assert_eq!(text(instant(given, with_time)), wanted, "{given}");
        }
        assert_eq!(instant("46024", false).kinds, [RepairKind::DateNumber]);
        assert_eq!(instant("2026-01-02", true).kinds, []);
    }

    #[test]
    fn free_text_keeps_its_dash_and_its_width() {
        assert_eq!(text(free(" １２号　楼 ")), "１２号　楼");
        assert_eq!(text(free("-")), "-");
        assert_eq!(text(free("a\nb")), "a b");
        assert_eq!(text(free("\u{feff}x")), "x");
    }
}
