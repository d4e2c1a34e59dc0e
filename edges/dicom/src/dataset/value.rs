//! Small values: padding, identifiers, dates and times.
//!
//! Left out: character sets, see [`crate::charset`].

use yiti_kernel::civil;

/// A calendar day as DICOM writes it.
pub type DicomDate = civil::Date;
/// A time of day as DICOM writes it; a leap second is read as the second before.
pub type DicomTime = civil::Time;

/// Cuts trailing spaces and NULs.
pub(crate) fn trim_padding(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// True for 1 to 64 characters of digits and dots without an empty component: what can name something here.
pub fn is_uid(uid: &str) -> bool {
    (1..=64).contains(&uid.len())
        && uid.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// As [`is_uid`], and no component has a leading zero, which the standard forbids and devices write all the same.
/// Source: dicom-ps3.5, 9.1.
pub fn is_valid_uid(uid: &str) -> bool {
    is_uid(uid) && uid.split('.').all(|part| part == "0" || !part.starts_with('0'))
}

fn number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// Reads `YYYYMMDD`, and the retired `YYYY.MM.DD`.
pub fn parse_date(text: &str) -> Option<DicomDate> {
    let text = text.trim();
    let (year, month, day) = match text.len() {
        8 => (text.get(..4)?, text.get(4..6)?, text.get(6..)?),
        10 if text.get(4..5)? == "." && text.get(7..8)? == "." => (text.get(..4)?, text.get(5..7)?, text.get(8..)?),
        _ => return None,
    };
    civil::Date::new(number(year)? as i16, number(month)? as i8, number(day)? as i8).ok()
}

/// Reads `HH`, `HHMM`, `HHMMSS` and `HHMMSS.FFFFFF`, and the retired form with colons.
pub fn parse_time(text: &str) -> Option<DicomTime> {
    let text: String = text.trim().chars().filter(|c| *c != ':').take(16).collect();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let part = |range: std::ops::Range<usize>| match whole.get(range) {
        Some(text) if !text.is_empty() => number(text),
        _ => None,
    };
    if !matches!(whole.len(), 2 | 4 | 6) || (!fraction.is_empty() && (whole.len() != 6 || fraction.len() > 6)) {
        return None;
    }
    let nanoseconds = match fraction {
        "" => 0,
        digits => number(digits)? * 10_i64.pow(9 - digits.len() as u32),
    };
    let minutes = if whole.len() >= 4 { part(2..4)? } else { 0 };
    let seconds = if whole.len() >= 6 { part(4..6)?.min(60) } else { 0 };
    let seconds = if seconds == 60 { 59 } else { seconds };
    civil::Time::new(part(0..2)? as i8, minutes as i8, seconds as i8, nanoseconds as i32).ok()
}

/// The last instant of what is said: `0830` lasts until half past eight and 59 seconds.
pub fn parse_time_until(text: &str) -> Option<DicomTime> {
    let first = parse_time(text)?;
    let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
    if digits.contains('.') {
        return Some(first);
    }
    let (minute, second) = match digits.len() {
        2 => (59, 59),
        4 => (first.minute(), 59),
        _ => (first.minute(), first.second()),
    };
    civil::Time::new(first.hour(), minute, second, 999_999_999).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_follow_the_standard() {
        for good in ["1.2.840.10008.1.2", "2.25.0", "1"] {
            assert!(is_valid_uid(good), "{good}");
        }
        for bad in ["", "1..2", "1.02", "1.2.", "a.b", "../x", "1 .2", &"1.".repeat(40)] {
            assert!(!is_valid_uid(bad), "{bad}");
            assert_eq!(is_uid(bad), bad == "1.02", "{bad}");
        }
    }

    #[test]
    fn dates_and_times_are_read() {
        assert_eq!(parse_date("20230131"), Some(civil::date(2023, 1, 31)));
        assert_eq!(parse_date("2023.01.31"), Some(civil::date(2023, 1, 31)));
        assert_eq!(parse_date("20230231"), None);
        assert_eq!(parse_date("+0230131"), None);
        assert_eq!(parse_time("12"), Some(civil::time(12, 0, 0, 0)));
        assert_eq!(parse_time("123456.5"), Some(civil::time(12, 34, 56, 500_000_000)));
        assert_eq!(parse_time("23:59:60"), Some(civil::time(23, 59, 59, 0)));
        assert_eq!(parse_time("9"), None);
        assert_eq!(parse_time("1234567"), None);
    }
}
