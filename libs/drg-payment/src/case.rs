//! What the rules ask of a stay.

use std::str::FromStr;

use crate::day::Day;
use crate::money::Fen;

/// The two basic medical insurances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Insurance {
    /// Of employees.
    Employee,
    /// Of urban and rural residents.
    Resident,
}

/// Why an insurance was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no insurance; write employee or resident")]
pub struct NoInsurance {
    text: String,
}

impl Insurance {
    /// Both, in order.
    pub const ALL: [Insurance; 2] = [Insurance::Employee, Insurance::Resident];

    /// Its name in files and word tables.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Insurance::Employee => "employee",
            Insurance::Resident => "resident",
        }
    }
}

impl FromStr for Insurance {
    type Err = NoInsurance;

    fn from_str(text: &str) -> Result<Insurance, NoInsurance> {
        let found = Insurance::ALL.into_iter().find(|insurance| insurance.key() == text);
        found.ok_or_else(|| NoInsurance { text: text.chars().take(40).collect() })
    }
}

/// What else is known of a stay that some rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// A planned day case (day surgery): a rule against very short stays does not mean it.
    pub day_case: bool,
    /// The insurer granted a single review of the case.
    pub review_granted: bool,
    /// The stay is paid by bed-day, not by group.
    pub per_diem: bool,
}

/// One stay to be priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case<'c> {
    /// The group, as the grouper answered: `ES25`, `BQY`, `0000`.
    pub drg: &'c str,
    /// The id of the hospital's level in the pack.
    pub level: &'c str,
    /// The patient's insurance.
    pub insurance: Insurance,
    /// The day of discharge; it decides which pack is valid.
    pub discharged_on: Day,
    /// Length of stay in days.
    pub stay_days: u32,
    /// Total cost of the stay.
    pub cost: Fen,
    /// What the patient pays by the rules of insurance (deductible, share, own expense).
    pub patient: Fen,
    /// What else is known.
    pub flags: Flags,
}
