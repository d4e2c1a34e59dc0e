//! Measures answered from sums. The shipped measures of this slice count and add up what the store has added up already, so
//! their values need no single rows. A measure that the hospital has changed is not one of these: the engine reads rows.

use yiti_directory::InstitutionId;
use yiti_kernel::Date;
use yiti_measure::Datum;
use yiti_measure::definition::{How, Measure};
use yiti_measure::evaluate::{Cell, Value};

use crate::analysis::{By, LineKey, Total};
use crate::facts::STAY;

/// A value with its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The value.
    pub value: Value,
    /// Stays in the numerator.
    pub numerator: u64,
    /// Stays in the denominator, those of the numerator among them.
    pub denominator: u64,
    /// Stays left out because a field is missing.
    pub missing: u64,
}

impl From<&Cell> for Counted {
    fn from(cell: &Cell) -> Self {
        Self {
            value: cell.value,
            numerator: cell.numerator_count,
            denominator: cell.denominator_count,
            missing: cell.excluded_missing_count,
        }
    }
}

/// What a measure counts, when the sums have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Stays.
    Stays,
    /// Mean weight.
    Weight,
    /// Mean cost.
    Cost,
    /// Mean days.
    Days,
    /// Stays with a group.
    Grouped,
    /// Stays with a loss among those with price and cost.
    Losses,
    /// Deaths in low-risk groups.
    LowRisk,
}

impl Rule {
    /// The rule of a measure from a day on, split by some columns; `None` when the engine must read rows to answer.
    #[must_use]
    pub fn of(measure: &Measure, from: Date, columns: &[&str]) -> Option<Self> {
        let [version] = measure.versions.as_slice() else { return None };
        let is_split = columns.iter().all(|column| version.strata.iter().any(|one| one == column));
        let is_about = version.fact.name == STAY.name && version.period_column() == "discharged_on";
        if !is_split || !is_about || from < version.effective_from {
            return None;
        }
        let texts: Vec<(&str, &str)> = version.texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        match (measure.how, texts.as_slice()) {
            (How::Count, []) => Some(Self::Stays),
            (How::Mean, [("value", "weight_e6")]) => Some(Self::Weight),
            (How::Mean, [("value", "cost")]) => Some(Self::Cost),
            (How::Mean, [("value", "stay_days")]) => Some(Self::Days),
            (How::Ratio, [("numerator", "outcome in ('drg', 'adrg')")]) => Some(Self::Grouped),
            (How::Ratio, [("numerator", "cost > pay")]) => Some(Self::Losses),
            (How::Ratio, [("where", "risk_band = 1"), ("numerator", "is_dead")]) => Some(Self::LowRisk),
            _ => None,
        }
    }

    /// What the engine would say over the stays of a total.
    #[must_use]
    pub fn answer(self, total: &Total) -> Counted {
        let mean = |count: u64, sum: i64| Counted {
            value: if count == 0 { Value::Empty } else { Value::Mean { sum: sum.into(), count } },
            numerator: count,
            denominator: count,
            missing: total.stays.saturating_sub(count),
        };
        let ratio = |numerator: u64, denominator: u64, missing: u64| Counted {
            value: if denominator == 0 { Value::Empty } else { Value::Ratio { numerator, denominator } },
            numerator,
            denominator,
            missing,
        };
        match self {
            Self::Stays => Counted {
                value: Value::Count(total.stays),
                numerator: total.stays,
                denominator: total.stays,
                missing: 0,
            },
            Self::Weight => mean(total.weighted, total.weight_e6),
            Self::Cost => mean(total.costed, total.cost),
            Self::Days => mean(total.timed, total.days),
            Self::Grouped => ratio(total.grouped, total.stays, 0),
            Self::Losses => ratio(total.losses, total.priced, total.stays.saturating_sub(total.priced)),
            Self::LowRisk => ratio(total.bands[1].deaths, total.bands[1].stays, total.unbanded),
        }
    }
}

/// The line of a group of the engine, split by the columns of `by`.
#[must_use]
pub fn line_of(by: By, group: &[Datum]) -> LineKey {
    let mut key = LineKey { institution: None, scheme: String::new(), name: String::new() };
    let mut texts = Vec::new();
    for field in group {
        match field {
            Datum::Id(id) => key.institution = Some(InstitutionId(*id)),
            Datum::Text(text) => texts.push(text.clone()),
            _ => {}
        }
    }
    let mut texts = texts.into_iter();
    if matches!(by, By::Drg | By::Mdc) {
        key.scheme = texts.next().unwrap_or_default();
    }
    key.name = texts.next().unwrap_or_default();
    key
}
