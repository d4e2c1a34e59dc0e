//! Calendar days and months, just enough to say when a pack is valid and which month a run settles.

use std::fmt;
use std::str::FromStr;

/// A day of the Gregorian calendar, 1900 to 2199. Written `2022-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    month: Month,
    day: u8,
}

/// A month. Written `2022-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u16,
    month: u8,
}

/// Why a day or a month was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no day such as 2022-01-31 or month such as 2022-01 between 1900 and 2199")]
pub struct NoDay {
    text: String,
}

impl Month {
    /// The month, if there is one.
    #[must_use]
    pub fn new(year: u16, month: u8) -> Option<Month> {
        ((1900..=2199).contains(&year) && (1..=12).contains(&month)).then_some(Month { year, month })
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }
}

impl Day {
    /// The day, if the calendar has it.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Day> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        };
        let month = Month::new(year, month)?;
        (1..=last).contains(&day).then_some(Day { month, day })
    }

    /// The month that the day lies in.
    #[must_use]
    pub const fn month(self) -> Month {
        self.month
    }
}

/// `digits` as a number when it has exactly `len` digits.
fn number(digits: &str, len: usize) -> Option<u16> {
    let is_digits = digits.len() == len && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| digits.parse().ok()).flatten()
}

fn parts(text: &str) -> Option<(u16, u8, Option<u8>)> {
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4)?;
    let month = u8::try_from(number(parts.next()?, 2)?).ok()?;
    let day = match parts.next() {
        Some(day) => Some(u8::try_from(number(day, 2)?).ok()?),
        None => None,
    };
    parts.next().is_none().then_some((year, month, day))
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Day, NoDay> {
        let day = parts(text).and_then(|(year, month, day)| Day::new(year, month, day?));
        day.ok_or_else(|| NoDay { text: text.chars().take(40).collect() })
    }
}

impl FromStr for Month {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Month, NoDay> {
        let month = parts(text).filter(|parts| parts.2.is_none()).and_then(|(year, month, _)| Month::new(year, month));
        month.ok_or_else(|| NoDay { text: text.chars().take(40).collect() })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.month, self.day)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl<'de> serde::Deserialize<'de> for Day {
    /// Reads a TOML date (`2022-01-31`).
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let value = toml::value::Datetime::deserialize(deserializer)?;
        value.to_string().parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_read_and_written() {
        let day: Day = "2024-02-29".parse().unwrap();
        assert_eq!((day.to_string(), day.month().to_string()), ("2024-02-29".into(), "2024-02".into()));
        for text in
            ["2023-02-29", "2023-13-01", "2023-00-01", "2023-1-01", "1899-01-01", "", "2023-01", "2023-01-01-01"]
        {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        for text in ["2023-13", "2023", "2023-01-01", "20231"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }
}
