//! Proof that a pack prices as its region printed: every published price is worked out again and compared to the fen.

use crate::case::Insurance;
use crate::error::Refused;
use crate::exact::Exact;
use crate::money::Fen;
use crate::pack::{Method, Pack};

/// Significant digits to which the public tables print a price.
const DIGITS_PRINTED: u32 = 10;

/// A published price, worked out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recomputed {
    /// The group.
    pub drg: String,
    /// The level.
    pub level: String,
    /// The insurance; none means both.
    pub insurance: Option<Insurance>,
    /// The price as it was printed.
    pub published: Exact,
    /// What came out, exact; none where it could not be worked out.
    pub computed: Option<Exact>,
    /// How the two compare.
    pub verdict: Verdict,
}

/// How a published price compares with what the pack computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Equal, both rounded to the fen.
    Agrees,
    /// Equal as printed, but the printed price was rounded before and rounds to another fen.
    PrintedRounded,
    /// The list itself is the tariff; there is nothing to work out.
    Listed,
    /// The table gives the group no weight or coefficient.
    NoWeight,
    /// Different.
    Differs,
}

impl Pack {
    /// Works every published price out again.
    ///
    /// # Errors
    /// [`Refused`] when a number does not fit or the pack has no rate.
    pub fn recomputed(&self) -> Result<Vec<Recomputed>, Refused> {
        let mut all = Vec::new();
        for group in self.groups() {
            for (level, insurance, published) in group.prices() {
                let asked = insurance.or(self.insurances().first().copied()).unwrap_or(Insurance::Employee);
                let computed = match self.standard(&group.drg, level, asked) {
                    Ok(standard) => Some(standard.yuan),
                    Err(Refused::NoWeight { .. } | Refused::NoCoefficient { .. }) => None,
                    Err(other) => return Err(other),
                };
                let verdict = match computed {
                    _ if self.method() == Method::Listed => Verdict::Listed,
                    None => Verdict::NoWeight,
                    Some(computed) => verdict(published, computed)?,
                };
                let (drg, level) = (group.drg.clone(), level.to_owned());
                all.push(Recomputed { drg, level, insurance, published, computed, verdict });
            }
        }
        Ok(all)
    }
}

fn verdict(published: Exact, computed: Exact) -> Result<Verdict, Refused> {
    if Fen::rounded(published)? == Fen::rounded(computed)? {
        return Ok(Verdict::Agrees);
    }
    let before = computed.rounded(0)?.unsigned_abs().checked_ilog10().map_or(1, |digits| digits + 1);
    let places = DIGITS_PRINTED.saturating_sub(before);
    let is_printed = computed.rounded(places)? == published.rounded(places)?;
    Ok(if is_printed { Verdict::PrintedRounded } else { Verdict::Differs })
}
