//! Why files, cases and settlements were refused. Each message names the field and what to do.

use crate::case::Insurance;
use crate::day::Day;
use crate::money::Fen;

/// A result does not fit into its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {of} does not fit; check the amounts for a misplaced point")]
pub struct Overflow {
    /// What was computed.
    pub of: &'static str,
}

/// A file was refused: a pack's head, its groups, the defaults, the terms, the tables or a frozen run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct FileFault {
    /// The file's name as it was given.
    pub file: String,
    /// Line, counted from 1; 0 when the whole file is meant.
    pub line: u64,
    /// The column's name, or the place in the line counted from 1; empty when the whole line is meant.
    pub column: String,
    /// What is wrong there and what is expected.
    pub what: String,
}

impl FileFault {
    pub(crate) fn new(file: &str, line: u64, column: impl ToString, what: impl Into<String>) -> FileFault {
        FileFault { file: file.to_owned(), line, column: column.to_string(), what: what.into() }
    }
}

/// Why a case was not priced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The case was discharged outside the days of the pack.
    #[error("`discharged_on` {day}: pack `{pack}` is valid from {from}{}; choose the pack of that day", until(.to))]
    NotValid {
        /// The pack's id.
        pack: String,
        /// The day of discharge.
        day: Day,
        /// First day of the pack.
        from: Day,
        /// Last day of the pack.
        to: Option<Day>,
    },
    /// The pack is not for this insurance.
    #[error("`insurance` `{}`: pack `{pack}` does not cover it; choose the pack of that insurance", .insurance.key())]
    OtherInsurance {
        /// The pack's id.
        pack: String,
        /// The insurance of the case.
        insurance: Insurance,
    },
    /// The pack has no such group.
    #[error("`drg` `{drg}`: pack `{pack}` has no such group; group the case by the scheme `{scheme}`")]
    UnknownGroup {
        /// The pack's id.
        pack: String,
        /// The scheme whose groups the pack prices.
        scheme: String,
        /// The group of the case.
        drg: String,
    },
    /// The pack has no such hospital level.
    #[error("`level` `{level}`: the pack knows {}; take one of them", .known.join(", "))]
    UnknownLevel {
        /// The level of the case.
        level: String,
        /// The ids of the levels that the pack has.
        known: Vec<String>,
    },
    /// The published table gives the group no weight.
    #[error("`drg` `{drg}`: the table gives it no weight; ask the insurer, then add the weight to the pack")]
    NoWeight {
        /// The group.
        drg: String,
    },
    /// The published table gives no rate (in the point method: no point value).
    #[error("`rate`: pack `{pack}` has none for level `{level}`, `{}`; add one or use `with_rate`", .insurance.key())]
    NoRate {
        /// The pack's id.
        pack: String,
        /// The level of the case.
        level: String,
        /// The insurance of the case.
        insurance: Insurance,
    },
    /// The published table gives the group no coefficient at this level.
    #[error(
        "`level` `{level}`: the table gives group `{drg}` no coefficient there; it is not paid by group at this level"
    )]
    NoCoefficient {
        /// The group.
        drg: String,
        /// The level of the case.
        level: String,
    },
    /// The published list gives the group no price at this level and insurance.
    #[error("`drg` `{drg}`: the list has no price for level `{level}`, `{}`", .insurance.key())]
    NoPrice {
        /// The group.
        drg: String,
        /// The level of the case.
        level: String,
        /// The insurance of the case.
        insurance: Insurance,
    },
    /// The price of the group came out as nothing, so that no ratio can be told.
    #[error("`drg` `{drg}`: its standard is 0; correct the weight or the rate in the pack")]
    ZeroStandard {
        /// The group.
        drg: String,
    },
    /// An amount is below zero.
    #[error("`{field}` is {amount}: an amount below zero; correct it")]
    Negative {
        /// The field.
        field: &'static str,
        /// The amount.
        amount: Fen,
    },
    /// The patient paid more than the stay cost.
    #[error("`patient` {patient} is more than `cost` {cost}; correct one of them")]
    PatientAboveCost {
        /// The patient's part.
        patient: Fen,
        /// The cost of the stay.
        cost: Fen,
    },
    /// The rules have no tier for this ratio.
    #[error("`rules.band`: no tier takes the ratio {ratio}; the last tier must be open")]
    NoTier {
        /// The ratio of cost to standard.
        ratio: String,
    },
    /// A number does not fit.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

fn until(to: &Option<Day>) -> String {
    to.map_or_else(String::new, |day| format!(" to {day}"))
}

impl Refused {
    /// The key of its sentence in a table of words.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Refused::NotValid { .. } => "refused.not_valid",
            Refused::OtherInsurance { .. } => "refused.other_insurance",
            Refused::UnknownGroup { .. } => "refused.unknown_group",
            Refused::UnknownLevel { .. } => "refused.unknown_level",
            Refused::NoWeight { .. } => "refused.no_weight",
            Refused::NoRate { .. } => "refused.no_rate",
            Refused::NoCoefficient { .. } => "refused.no_coefficient",
            Refused::NoPrice { .. } => "refused.no_price",
            Refused::ZeroStandard { .. } => "refused.zero_standard",
            Refused::Negative { .. } => "refused.negative",
            Refused::PatientAboveCost { .. } => "refused.patient_above_cost",
            Refused::NoTier { .. } => "refused.no_tier",
            Refused::Overflow(_) => "refused.overflow",
        }
    }
}

/// Why a month was not settled or a year not cleared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettlementFault {
    /// Two lines have one case id.
    #[error("`case` `{case}` stands twice; settle each case once")]
    Twice {
        /// The case id.
        case: String,
    },
    /// A text is empty, too long, or holds a tab, a line end or another control character.
    #[error("`{field}` of case `{case}` is empty, over 100 characters or holds a control character; correct it")]
    Text {
        /// The field.
        field: &'static str,
        /// The case id, shortened; for an institution in a clearing, its id.
        case: String,
    },
    /// An amount that cannot be below zero is.
    #[error("`{field}` of `{of}` is below zero; correct it")]
    Negative {
        /// The field.
        field: &'static str,
        /// The case or the institution.
        of: String,
    },
    /// A share is not between 0 and 1.
    #[error("`{field}` is {share}; a share lies between 0 and 1")]
    Share {
        /// The field.
        field: &'static str,
        /// The share.
        share: String,
    },
    /// There is money to distribute but nothing to distribute it by.
    #[error("`points`: no institution has points, so there is no point value; check the year's runs")]
    NoPoints,
    /// The points are worth less than the patients have paid.
    #[error("`budget` is below zero; give the fund's budget of the year")]
    NoBudget,
    /// Two frozen runs of different months were compared.
    #[error("`period`: the runs settle {before} and {after}; compare runs of one month")]
    OtherPeriod {
        /// The month of the older run.
        before: String,
        /// The month of the newer run.
        after: String,
    },
    /// Runs of two years were cleared together.
    #[error("`period`: {before} and {after} lie in different years; clear one year at a time")]
    OtherYear {
        /// A month of one year.
        before: String,
        /// A month of another.
        after: String,
    },
    /// Two runs of one month were cleared together.
    #[error("`period`: {month} stands twice; give the newest run of each month")]
    MonthTwice {
        /// The month.
        month: String,
    },
    /// A delta was added to another run than the one it was made from.
    #[error("`from`: the delta belongs to run {from}, not to {run}")]
    OtherRun {
        /// The run that the delta was made from.
        from: String,
        /// The run that was given.
        run: String,
    },
    /// A number does not fit.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}
