//! The rules around the price of a group: multiplier tiers, special groups, stays outside the groups, caps, rounding.
//! All of it is data, each section with the source that answers for it.

use crate::day::Day;
use crate::exact::Exact;

/// How well a rule is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Found in the cited text.
    Verified,
    /// Known from the named document, text not at hand; to be confirmed.
    Recalled,
    /// Said by a hospital in a published article.
    Stated,
    /// A default with no norm behind it; a screen says so.
    Default,
}

/// When a definition was checked against its source, and when it is to be checked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The day it was last checked.
    pub checked_on: Day,
    /// The day it is to be checked again.
    pub next: Day,
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Key of a source.
    pub source: String,
    /// The place in that document.
    #[serde(default)]
    pub locator: String,
    /// How well the rule is supported.
    pub evidence: Evidence,
    /// The review days.
    pub review: Review,
}

/// A rule and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The rule.
    pub rule: T,
    /// Its source.
    pub provenance: Provenance,
}

impl<T> Sourced<T> {
    /// Whether the rule is a default that someone has to decide.
    pub fn is_default(&self) -> bool {
        self.provenance.evidence == Evidence::Default
    }
}

/// The rules of a pack, section by section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Multiplier tiers by the ratio of cost to standard.
    pub bands: Sourced<Vec<Band>>,
    /// Stays outside the groups, first match wins.
    pub exclusions: Sourced<Vec<Exclusion>>,
    /// Groups by the form of their code (0000, QY), first match wins.
    pub specials: Sourced<Vec<Special>>,
    /// Base groups.
    pub base: Sourced<Base>,
    /// Unstable groups.
    pub unstable: Sourced<PayBy>,
    /// Groups that the table itself leaves to payment by item.
    pub by_item: Sourced<PayBy>,
    /// Groups that the table lists without a weight.
    pub uncovered: Sourced<PayBy>,
    /// Cases whose single review was granted.
    pub single_review: Sourced<SingleReview>,
    /// Caps on each case.
    pub cap: Sourced<Cap>,
    /// What the fund owes when the patient paid more than the case is worth.
    pub fund: Sourced<Fund>,
    /// How an amount is rounded, once a case.
    pub rounding: Sourced<Rounding>,
}

/// Tiers for the groups up to a weight.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The band holds for groups whose weight is below this; the last band is open.
    pub weight_below: Option<Exact>,
    /// The tiers from low to high.
    #[serde(rename = "tier")]
    pub tiers: Vec<Tier>,
}

/// What is paid while the ratio of cost to standard lies in a range.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name: `low`, `normal`, `high`.
    pub id: String,
    /// The tier ends before this ratio.
    pub ratio_below: Option<Exact>,
    /// The tier ends with this ratio. The last tier has neither.
    pub ratio_up_to: Option<Exact>,
    /// What is paid.
    pub pay: Formula,
}

/// `of_standard` × standard + `of_cost` × cost + `of_excess` × (cost − `excess_over` × standard).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formula {
    /// Share of the standard.
    #[serde(default = "zero")]
    pub of_standard: Exact,
    /// Share of the cost.
    #[serde(default = "zero")]
    pub of_cost: Exact,
    /// Share of what the cost is above `excess_over` times the standard.
    #[serde(default = "zero")]
    pub of_excess: Exact,
    /// Where the excess begins, in standards.
    #[serde(default = "zero")]
    pub excess_over: Exact,
}

const fn zero() -> Exact {
    Exact::ZERO
}

/// How a special case is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum PayBy {
    /// Like any group, through the tiers.
    Group,
    /// A share of the cost; 1 is payment by item.
    Cost {
        /// The share.
        share: Exact,
    },
    /// Like any group when the table gives it a weight or a price, else a share of the cost.
    GroupElseCost {
        /// The share.
        share: Exact,
    },
}

/// A stay outside the groups. Every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Its name.
    pub id: String,
    /// Stays of at most so many days, day cases aside.
    pub stay_days_at_most: Option<u32>,
    /// Stays of more than so many days.
    pub stay_days_over: Option<u32>,
    /// Stays paid by bed-day.
    #[serde(default)]
    pub per_diem: bool,
    /// How they are paid.
    pub pay: PayBy,
}

/// Groups by the form of their code.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Special {
    /// Its name.
    pub id: String,
    /// Codes; `*QY` means every code that ends in QY.
    pub codes: Vec<String>,
    /// How they are paid.
    pub pay: PayBy,
}

impl Special {
    /// Whether the rule means this group.
    #[must_use]
    pub fn takes(&self, drg: &str) -> bool {
        let takes = |code: &String| code.strip_prefix('*').map_or(code == drg, |ending| drg.ends_with(ending));
        self.codes.iter().any(takes)
    }
}

/// Base groups: one price at every level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The coefficient at every level, unless the group has coefficients of its own.
    pub coefficient: Exact,
}

/// Cases whose single review was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SingleReview {
    /// How they are paid.
    pub pay: PayBy,
    /// The largest share of an institution's cases that may be granted.
    pub cases_share_max: Exact,
}

/// Caps on each case; the smallest that is given holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// At most so many standards.
    pub of_standard: Option<Exact>,
    /// At most so many times the cost.
    pub of_cost: Option<Exact>,
    /// At most so many yuan.
    pub yuan: Option<Exact>,
}

/// What the fund owes when the patient paid more than the case is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fund {
    /// Kept below zero and netted against other cases, or taken as zero.
    pub below_zero: BelowZero,
}

/// What becomes of an amount below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BelowZero {
    /// It stays below zero and is netted against other cases.
    Keep,
    /// It is taken as zero.
    Zero,
}

/// Half away from zero to a multiple of the unit, once a case, after everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounding {
    /// 1 for the fen, 10 for the jiao, 100 for the yuan.
    pub unit_fen: u16,
}
