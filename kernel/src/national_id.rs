//! The citizen identity number of China: eighteen characters with region, birthday, sequence and check character.
//!
//! Source: gb-11643-1999, sections 4 and 5 (check character by ISO 7064 MOD 11-2).

use jiff::civil::Date;

/// A citizen identity number whose form, birthday and check character are right.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct NationalId(String);

/// What is wrong with an identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not eighteen characters, or a character other than a digit (and a final X).
    #[error("an identity number has 17 digits and a digit or X")]
    Form,
    /// The birthday in it is no day of the calendar.
    #[error("the birthday in the identity number is no day of the calendar")]
    Birthday,
    /// The check character does not fit the other seventeen.
    #[error("the last character should be `{expected}`")]
    Check {
        /// The character that would fit.
        expected: char,
    },
}

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];

impl NationalId {
    /// Reads an identity number; spaces around it are dropped and a small `x` is taken as `X`.
    ///
    /// # Errors
    /// [`Invalid`] names the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim().to_ascii_uppercase();
        if text.len() != 18 || !text.bytes().take(17).all(|b| b.is_ascii_digit()) {
            return Err(Invalid::Form);
        }
        let last = text.chars().next_back().ok_or(Invalid::Form)?;
        if !last.is_ascii_digit() && last != 'X' {
            return Err(Invalid::Form);
        }
        birthday(&text).ok_or(Invalid::Birthday)?;
        let expected = check_character(&text);
        if last == expected { Ok(Self(text)) } else { Err(Invalid::Check { expected }) }
    }

    /// The number with its check character, made from the first seventeen digits. For synthetic people.
    ///
    /// # Errors
    /// [`Invalid`] when the digits are no region, birthday and sequence.
    pub fn from_first_seventeen(digits: &str) -> Result<Self, Invalid> {
        if digits.len() != 17 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::Form);
        }
        Self::parse(&format!("{digits}{}", check_character(digits)))
    }

    /// All eighteen characters. Show [`NationalId::masked`] to people.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The six digits of the county in which the number was first given (GB/T 2260, possibly an abolished code).
    #[must_use]
    pub fn region(&self) -> &str {
        &self.0[..6]
    }

    /// The birthday.
    #[must_use]
    pub fn birth_on(&self) -> Option<Date> {
        birthday(&self.0)
    }

    /// True for men: the seventeenth digit is odd.
    #[must_use]
    pub fn is_male(&self) -> bool {
        self.0.as_bytes()[16] % 2 == 1
    }

    /// The number as it may be shown: `320413********1234`.
    #[must_use]
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Hides the middle of an identity number, whether it is valid or not.
#[must_use]
pub fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (head, tail) = if chars.len() >= 14 { (6, 4) } else { (1, 1) };
    chars.iter().enumerate().map(|(i, c)| if i < head || i + tail >= chars.len() { *c } else { '*' }).collect()
}

fn birthday(text: &str) -> Option<Date> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let (year, month, day) = (number(6..10)?, number(10..12)?, number(12..14)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn check_character(text: &str) -> char {
    let sum: u32 = text.bytes().zip(WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
    CHECKS[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example printed in GB 11643-1999.
    const EXAMPLE: &str = "11010519491231002X";

    #[test]
    fn the_example_of_the_standard_is_right() {
        let id = NationalId::parse(EXAMPLE).unwrap();
        assert_eq!(id.birth_on(), Some(jiff::civil::date(1949, 12, 31)));
        assert!(!id.is_male());
        assert_eq!(id.region(), "110105");
        assert_eq!(id.masked(), "110105********002X");
    }

    #[test]
    fn a_wrong_last_character_is_named_with_the_right_one() {
        assert_eq!(NationalId::parse("110105194912310021"), Err(Invalid::Check { expected: 'X' }));
    }

    #[test]
    fn a_day_that_never_was_is_refused() {
        assert_eq!(NationalId::parse("110105194902310028"), Err(Invalid::Birthday));
        assert_eq!(NationalId::parse("1101051949"), Err(Invalid::Form));
        assert_eq!(NationalId::parse("一10105194912310028"), Err(Invalid::Form));
    }

    proptest::proptest! {
        #[test]
        fn one_wrong_digit_is_always_found(place in 0usize..17, by in 1u8..10) {
            let mut digits = EXAMPLE.as_bytes().to_vec();
            digits[place] = b'0' + (digits[place] - b'0' + by) % 10;
            let text = String::from_utf8(digits).unwrap();
            proptest::prop_assert!(NationalId::parse(&text).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,24}") {
            let _ = NationalId::parse(&text);
            let _ = mask(&text);
        }
    }
}
