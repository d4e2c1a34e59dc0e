//! Money as exact integers.

use std::fmt;

/// An amount in fen, 1/100 yuan. Never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Fen(pub i64);

impl fmt::Display for Fen {
    /// Yuan with two decimals, `-12.05`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::Fen;

    #[test]
    fn an_amount_below_one_yuan_keeps_its_sign() {
        assert_eq!(Fen(-5).to_string(), "-0.05");
        assert_eq!(Fen(120_050).to_string(), "1200.50");
    }
}
