//! Calendar days, just enough to compare birth, admission and discharge and to count between them.
//!
//! It leaves out everything else of a calendar: no time of day, no time zone, no arithmetic on months.

use std::fmt;
use std::str::FromStr;

/// A day of the Gregorian calendar, 1850 to 2150.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: i16,
    month: u8,
    day: u8,
}

/// Why a day was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no day between 1850-01-01 and 2150-12-31")]
pub struct NoDay {
    text: String,
}

/// The days of a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days {
    /// Day of birth.
    pub born_on: Option<Day>,
    /// Day of admission.
    pub admitted_on: Option<Day>,
    /// Day of discharge.
    pub discharged_on: Option<Day>,
}

impl Day {
    /// The day, if the calendar has it.
    pub fn new(year: i16, month: u8, day: u8) -> Option<Day> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1850..=2150).contains(&year) && (1..=last).contains(&day)).then_some(Day { year, month, day })
    }

    /// Days since 1970-01-01.
    pub fn number(self) -> i32 {
        // The year begins in March, so that the leap day is its last.
        let month = i32::from(self.month);
        let year = i32::from(self.year) - i32::from(month <= 2);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i32::from(self.day) - 1;
        year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
    }

    /// Days from this day to a later one; negative when it is earlier.
    pub fn days_to(self, later: Day) -> i32 {
        later.number() - self.number()
    }

    /// Full years from this day to a later one; negative when it is earlier.
    pub fn years_to(self, later: Day) -> i32 {
        let years = i32::from(later.year) - i32::from(self.year);
        years - i32::from((later.month, later.day) < (self.month, self.day))
    }
}

impl FromStr for Day {
    type Err = NoDay;

    /// Reads `2026-11-20` or `20261120`.
    fn from_str(text: &str) -> Result<Day, NoDay> {
        let refused = || NoDay { text: text.to_owned() };
        let digits: String = match text.len() {
            8 => text.to_owned(),
            10 if text.get(4..5) == Some("-") && text.get(7..8) == Some("-") => text.replace('-', ""),
            _ => return Err(refused()),
        };
        if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u16>().ok());
        let (Some(year), Some(month), Some(day)) = (part(0, 4), part(4, 6), part(6, 8)) else { return Err(refused()) };
        let (Ok(year), Ok(month), Ok(day)) = (i16::try_from(year), u8::try_from(month), u8::try_from(day)) else {
            return Err(refused());
        };
        Day::new(year, month, day).ok_or_else(refused)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        let number = |text: &str| text.parse::<Day>().unwrap().number();
        assert_eq!(number("1970-01-01"), 0);
        assert_eq!(number("1969-12-31"), -1);
        assert_eq!(number("20000301"), 11_017);
        assert_eq!(number("2026-11-20"), 20_777);
    }

    #[test]
    fn a_day_the_calendar_lacks_is_refused() {
        for text in
            ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "1849-12-31", "x", "2026/01/01", "2026-1-001"]
        {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert!("2000-02-29".parse::<Day>().is_ok());
    }

    #[test]
    fn a_year_is_full_on_the_birthday() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(day("2020-05-20").years_to(day("2026-05-19")), 5);
        assert_eq!(day("2020-05-20").years_to(day("2026-05-20")), 6);
    }
}
