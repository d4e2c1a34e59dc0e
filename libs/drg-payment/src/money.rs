//! Amounts of money in fen, 1/100 yuan, with arithmetic that never wraps.

use std::fmt;
use std::str::FromStr;

use crate::error::Overflow;
use crate::exact::Exact;

/// An amount in fen (1/100 yuan). Written in yuan with two decimals: `1234.50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fen(pub i64);

/// Why an amount was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no amount in yuan such as 1234.50 (at most two decimals)")]
pub struct NoAmount {
    text: String,
}

impl Fen {
    /// The sum.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn plus(self, other: Fen) -> Result<Fen, Overflow> {
        self.0.checked_add(other.0).map(Fen).ok_or(Overflow { of: "sum of amounts" })
    }

    /// The difference.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn minus(self, other: Fen) -> Result<Fen, Overflow> {
        self.0.checked_sub(other.0).map(Fen).ok_or(Overflow { of: "difference of amounts" })
    }

    /// The sum of many.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn sum(amounts: impl IntoIterator<Item = Fen>) -> Result<Fen, Overflow> {
        amounts.into_iter().try_fold(Fen(0), Fen::plus)
    }

    /// The amount in yuan, exact.
    #[must_use]
    pub fn yuan(self) -> Exact {
        // A hundredth of a 64-bit number always fits.
        Exact::ratio(i128::from(self.0), 100).unwrap_or(Exact::ZERO)
    }

    /// An amount from yuan, rounded half away from zero to the fen.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn rounded(yuan: Exact) -> Result<Fen, Overflow> {
        yuan.rounded(2).map(Fen)
    }
}

impl FromStr for Fen {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Fen, NoAmount> {
        let refused = || NoAmount { text: text.chars().take(40).collect() };
        if text.split_once('.').is_some_and(|(_, decimals)| decimals.len() > 2) {
            return Err(refused());
        }
        let yuan: Exact = text.parse().map_err(|_| refused())?;
        Fen::rounded(yuan).map_err(|_| refused())
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", size / 100, size % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_in_yuan() {
        for (text, fen) in [("1234.50", 123_450), ("0.01", 1), ("-0.05", -5), ("0.00", 0)] {
            assert_eq!(text.parse::<Fen>().unwrap(), Fen(fen));
            assert_eq!(Fen(fen).to_string(), text);
        }
        assert_eq!("12".parse::<Fen>().unwrap(), Fen(1200));
        assert_eq!(Fen(i64::MIN).to_string(), "-92233720368547758.08");
        for text in ["", "1.234", "1e2", "12,00", "¥5"] {
            assert!(text.parse::<Fen>().is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_never_wrap() {
        assert!(Fen(i64::MAX).plus(Fen(1)).is_err());
        assert!(Fen(i64::MIN).minus(Fen(1)).is_err());
    }
}
