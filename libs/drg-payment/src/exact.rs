//! Exact numbers: weights, rates, coefficients and ratios as reduced fractions of 128-bit integers.
//!
//! A decimal type of 28 digits would round the product of a published weight (9 decimals), a rate (6) and a coefficient
//! (8) without saying so. Here nothing is rounded until an amount of money is asked for, and what does not fit is an
//! error.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::error::Overflow;

/// Digits before the point that a written number may have.
const DIGITS_BEFORE_MAX: usize = 15;
/// Digits after the point that a written number may have.
const DIGITS_AFTER_MAX: usize = 12;

/// A rational number, exact. Written as a decimal: `0.7107`, `11519`, `-1.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exact {
    // INVARIANT: `over` is positive and shares no factor with `above`; zero is 0/1.
    above: i128,
    over: i128,
}

/// Why a number was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no decimal number such as 0.7107 (at most 15 digits before and 12 after the point)")]
pub struct NoNumber {
    text: String,
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        // Division of 64 bits is many times quicker, and two steps bring most numbers there.
        if let (Ok(mut a), Ok(mut b)) = (u64::try_from(a), u64::try_from(b)) {
            while b != 0 {
                (a, b) = (b, a % b);
            }
            return u128::from(a);
        }
        (a, b) = (b, a % b);
    }
    a
}

impl Exact {
    /// 0.
    pub const ZERO: Exact = Exact { above: 0, over: 1 };
    /// 1.
    pub const ONE: Exact = Exact { above: 1, over: 1 };

    /// A whole number.
    #[must_use]
    pub const fn whole(number: i64) -> Exact {
        Exact { above: number as i128, over: 1 }
    }

    /// The fraction `above / over`.
    ///
    /// # Errors
    /// [`Overflow`] when `over` is 0 or the fraction does not fit.
    pub fn ratio(above: i128, over: i128) -> Result<Exact, Overflow> {
        if over == 0 {
            return Err(Overflow { of: "division by zero" });
        }
        let factor = gcd(above.unsigned_abs(), over.unsigned_abs());
        let factor = i128::try_from(factor).map_err(|_| Overflow { of: "fraction" })?;
        let sign = if over < 0 { -1 } else { 1 };
        let part = |number: i128| number.checked_div(factor)?.checked_mul(sign);
        match (part(above), part(over)) {
            (Some(above), Some(over)) => Ok(Exact { above, over }),
            _ => Err(Overflow { of: "fraction" }),
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn plus(self, other: Exact) -> Result<Exact, Overflow> {
        let sum = || {
            let left = self.above.checked_mul(other.over)?;
            let right = other.above.checked_mul(self.over)?;
            Some((left.checked_add(right)?, self.over.checked_mul(other.over)?))
        };
        let (above, over) = sum().ok_or(Overflow { of: "sum" })?;
        Exact::ratio(above, over)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn minus(self, other: Exact) -> Result<Exact, Overflow> {
        let above = other.above.checked_neg().ok_or(Overflow { of: "difference" })?;
        self.plus(Exact { above, over: other.over })
    }

    /// The product.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn times(self, other: Exact) -> Result<Exact, Overflow> {
        // Crosswise first: the product is as small as it can be, and its parts share no factor.
        let left = Exact::ratio(self.above, other.over)?;
        let right = Exact::ratio(other.above, self.over)?;
        let product = || Some((left.above.checked_mul(right.above)?, left.over.checked_mul(right.over)?));
        let (above, over) = product().ok_or(Overflow { of: "product" })?;
        Ok(Exact { above, over })
    }

    /// The quotient.
    ///
    /// # Errors
    /// [`Overflow`] when `other` is 0 or the quotient does not fit.
    pub fn divided_by(self, other: Exact) -> Result<Exact, Overflow> {
        self.times(Exact::ratio(other.over, other.above)?)
    }

    /// The number times 10 to the power of `places`, rounded half away from zero to a whole number.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn rounded(self, places: u32) -> Result<i64, Overflow> {
        let rounded = || {
            let scaled = self.above.checked_mul(10_i128.checked_pow(places)?)?;
            let twice = scaled.checked_abs()?.checked_mul(2)?.checked_add(self.over)?;
            let size = twice.checked_div(self.over.checked_mul(2)?)?;
            i64::try_from(if scaled < 0 { -size } else { size }).ok()
        };
        rounded().ok_or(Overflow { of: "rounded number" })
    }

    /// Whether the number is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.above < 0
    }

    /// Whether the number is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.above == 0
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    /// Compares by continued fractions, so that nothing can overflow.
    fn cmp(&self, other: &Exact) -> Ordering {
        let (mut a, mut b) = ((self.above, self.over), (other.above, other.over));
        let mut turned = false;
        loop {
            let whole = a.0.div_euclid(a.1).cmp(&b.0.div_euclid(b.1));
            let (rest_a, rest_b) = (a.0.rem_euclid(a.1), b.0.rem_euclid(b.1));
            let found = match (whole, rest_a, rest_b) {
                (Ordering::Equal, 0, 0) => Ordering::Equal,
                (Ordering::Equal, 0, _) => Ordering::Less,
                (Ordering::Equal, _, 0) => Ordering::Greater,
                (Ordering::Equal, _, _) => {
                    // Both are whole + rest / over; the greater rest has the smaller over / rest.
                    (a, b) = ((a.1, rest_a), (b.1, rest_b));
                    turned = !turned;
                    continue;
                }
                (unequal, _, _) => unequal,
            };
            return if turned { found.reverse() } else { found };
        }
    }
}

impl FromStr for Exact {
    type Err = NoNumber;

    fn from_str(text: &str) -> Result<Exact, NoNumber> {
        let refused = || NoNumber { text: text.chars().take(40).collect() };
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (before, after) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_short = before.len() <= DIGITS_BEFORE_MAX && after.len() <= DIGITS_AFTER_MAX;
        if !is_short || !is_digits(before) || !is_digits(after) {
            return Err(refused());
        }
        let whole: i128 = format!("{before}{after}").parse().map_err(|_| refused())?;
        let places = u32::try_from(after.len()).map_err(|_| refused())?;
        Exact::ratio(sign * whole, 10_i128.pow(places)).map_err(|_| refused())
    }
}

impl fmt::Display for Exact {
    /// A decimal of at most 12 places, without zeros at the end; a number that has more is rounded half away from zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, over) = (self.above.unsigned_abs(), self.over.unsigned_abs());
        let mut whole = size / over;
        let mut rest = size % over;
        let mut digits = Vec::new();
        for _ in 0..DIGITS_AFTER_MAX {
            // A fraction whose parts fill 128 bits is shown with fewer places rather than wrongly.
            let Some(next) = rest.checked_mul(10) else { break };
            digits.push(next / over);
            rest = next % over;
        }
        if rest >= over - rest {
            let mut carry = true;
            for digit in digits.iter_mut().rev() {
                *digit += 1;
                carry = *digit == 10;
                if !carry {
                    break;
                }
                *digit = 0;
            }
            whole += u128::from(carry);
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        if self.above < 0 && (whole > 0 || !digits.is_empty()) {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if !digits.is_empty() {
            f.write_str(".")?;
        }
        digits.iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl<'de> serde::Deserialize<'de> for Exact {
    /// Reads a decimal written as text, so that no floating point number comes between.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Exact, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        text.parse().unwrap()
    }

    #[test]
    fn decimals_are_read_and_written_as_they_are() {
        for text in ["0", "1", "0.7107", "11519", "-1.5", "0.000000000001", "999999999999999.999999999999"] {
            assert_eq!(exact(text).to_string(), text);
        }
        assert_eq!(exact("1.50").to_string(), "1.5");
        assert_eq!(Exact::ratio(2, 3).unwrap().to_string(), "0.666666666667");
        assert_eq!(Exact::ratio(-2, 3).unwrap().to_string(), "-0.666666666667");
        assert_eq!(Exact::ratio(99_999_999_999_999, 100_000_000_000_000).unwrap().to_string(), "1");
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", "-", ".5", "5.", "1e3", "1,5", " 1", "NaN", "1234567890123456", "0.1234567890123", "+1", "--1"]
        {
            assert!(text.parse::<Exact>().is_err(), "{text}");
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (text, places, rounded) in
            [("0.005", 2, 1), ("0.0049", 2, 0), ("-0.005", 2, -1), ("14414.315", 2, 1_441_432)]
        {
            assert_eq!(exact(text).rounded(places).unwrap(), rounded, "{text}");
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let sorted = ["-2", "-1.5", "-0.1", "0", "0.333333333333", "0.4", "0.41", "1", "1.01", "2"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(exact(a).cmp(&exact(b)), i.cmp(&j), "{a} {b}");
            }
        }
        let third = Exact::ratio(1, 3).unwrap();
        assert!(exact("0.333333333333") < third && third < exact("0.333333333334"));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let large = Exact::ratio(i128::MAX, 1).unwrap();
        assert!(large.plus(Exact::ONE).is_err());
        assert!(large.times(large).is_err());
        assert!(large.rounded(2).is_err());
        assert!(Exact::ONE.divided_by(Exact::ZERO).is_err());
        assert!(Exact::ratio(i128::MIN, -1).is_err());
        assert!(Exact::ratio(i128::MIN, 3).unwrap().rounded(2).is_err());
    }
}
