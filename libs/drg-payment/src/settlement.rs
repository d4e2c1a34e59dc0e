//! A month's settlement: what each case is worth, what the fund pays now and what it keeps until the year is cleared.
//!
//! A run is a pure function of terms and cases, whatever their order; it can be frozen (`frozen`), compared with a
//! later run and re-run as a delta (`difference`).

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Insurance};
use crate::clearing::InstitutionYear;
use crate::day::Month;
use crate::error::{FileFault, Overflow, SettlementFault};
use crate::exact::Exact;
use crate::hash::Hash;
use crate::money::Fen;
use crate::pack::{File, toml};
use crate::price::{Basis, Priced};
use crate::rules::Sourced;

/// Characters that a case id, an institution, a group or a rule's name may have.
const TEXT_MAX: usize = 100;

/// What a settlement asks of the contract with the insurer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Share of what the fund owes that it pays at once each month, 0 to 1.
    pub prepaid_share: Sourced<Exact>,
    /// How years are cleared.
    pub clearing: Sourced<ClearingTerms>,
}

/// How years are cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearingTerms {
    /// Share of the year's budget kept back as a reserve, 0 to 1.
    pub reserve_share: Exact,
    /// Rate method: share of what an institution saved that it keeps, 0 to 1.
    pub surplus_kept_share: Exact,
    /// Rate method: share of what an institution overspent that the fund bears, 0 to 1.
    pub overspend_borne_share: Exact,
    /// Rate method: overspending beyond this share of what was owed is the institution's own, 0 to 1.
    pub overspend_borne_up_to: Exact,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsHead {
    month: MonthHead,
    clearing: ClearingHead,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MonthHead {
    prepaid_share: Exact,
    provenance: crate::rules::Provenance,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ClearingHead {
    terms: ClearingTerms,
    provenance: crate::rules::Provenance,
}

impl Terms {
    /// Reads terms from TOML.
    ///
    /// # Errors
    /// [`FileFault`] with line and place of the first fault.
    pub fn read(file: File<'_>) -> Result<Terms, FileFault> {
        let head: TermsHead = toml(file)?;
        let prepaid_share = Sourced { rule: head.month.prepaid_share, provenance: head.month.provenance };
        let clearing = Sourced { rule: head.clearing.terms, provenance: head.clearing.provenance };
        let terms = Terms { prepaid_share, clearing };
        share("month.prepaid_share", terms.prepaid_share.rule).map_err(|fault| file.fault(fault.to_string()))?;
        terms.clearing.rule.check().map_err(|fault| file.fault(fault.to_string()))?;
        Ok(terms)
    }
}

impl ClearingTerms {
    pub(crate) fn check(&self) -> Result<(), SettlementFault> {
        share("clearing.terms.reserve_share", self.reserve_share)?;
        share("clearing.terms.surplus_kept_share", self.surplus_kept_share)?;
        share("clearing.terms.overspend_borne_share", self.overspend_borne_share)?;
        share("clearing.terms.overspend_borne_up_to", self.overspend_borne_up_to)
    }
}

pub(crate) fn share(field: &'static str, share: Exact) -> Result<(), SettlementFault> {
    if share.is_negative() || share > Exact::ONE {
        return Err(SettlementFault::Share { field, share: share.to_string() });
    }
    Ok(())
}

/// A priced case of an institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledCase {
    /// The case's id, once a run.
    pub case: String,
    /// The institution's id.
    pub institution: String,
    /// The patient's insurance.
    pub insurance: Insurance,
    /// The group.
    pub drg: String,
    /// The rule that decided, as [`Basis::key`] writes it.
    pub basis: String,
    /// Points or weight in millionths, as in [`Priced::points_e6`].
    pub points_e6: i64,
    /// What the group is worth; 0 where it has no price.
    pub standard: Fen,
    /// Total cost.
    pub cost: Fen,
    /// The patient's part.
    pub patient: Fen,
    /// What the case is worth.
    pub pay: Fen,
    /// What the fund owes.
    pub fund: Fen,
    /// The pack that priced it.
    pub pack: Hash,
}

impl SettledCase {
    /// A case as it was priced.
    #[must_use]
    pub fn of(id: &str, institution: &str, case: &Case<'_>, priced: &Priced) -> SettledCase {
        SettledCase {
            case: id.to_owned(),
            institution: institution.to_owned(),
            insurance: case.insurance,
            drg: case.drg.to_owned(),
            basis: priced.basis.key(),
            points_e6: priced.points_e6,
            standard: priced.standard.as_ref().map_or(Fen(0), |standard| standard.amount),
            cost: case.cost,
            patient: case.patient,
            pay: priced.pay,
            fund: priced.fund,
            pack: priced.pack,
        }
    }

    fn check(&self) -> Result<(), SettlementFault> {
        let case = || self.case.chars().take(TEXT_MAX).collect();
        let texts =
            [("case", &self.case), ("institution", &self.institution), ("drg", &self.drg), ("basis", &self.basis)];
        for (field, text) in texts {
            if !is_text(text) {
                return Err(SettlementFault::Text { field, case: case() });
            }
        }
        let amounts = [("cost", self.cost), ("patient", self.patient), ("pay", self.pay), ("standard", self.standard)];
        for (field, amount) in amounts {
            if amount < Fen(0) {
                return Err(SettlementFault::Negative { field, of: case() });
            }
        }
        if self.points_e6 < 0 {
            return Err(SettlementFault::Negative { field: "points_e6", of: case() });
        }
        Ok(())
    }
}

pub(crate) fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control)
}

/// A case in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The case.
    pub case: SettledCase,
    /// What the fund pays now: its share of `fund`, rounded half away from zero to the fen.
    pub prepaid: Fen,
    /// What it keeps until the year is cleared: `fund` less `prepaid`.
    pub retained: Fen,
}

/// Sums over cases. A delta has sums below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Cases.
    pub cases: i64,
    /// Cases whose single review was granted.
    pub reviews: i64,
    /// Points or weight in millionths.
    pub points_e6: i64,
    /// Standards.
    pub standard: Fen,
    /// Costs.
    pub cost: Fen,
    /// Patients' parts.
    pub patient: Fen,
    /// What the cases are worth.
    pub pay: Fen,
    /// What the fund owes.
    pub fund: Fen,
    /// What the fund pays now.
    pub prepaid: Fen,
    /// What it keeps until the year is cleared.
    pub retained: Fen,
}

impl Sums {
    /// The sum of two.
    ///
    /// # Errors
    /// [`Overflow`] when a number does not fit.
    pub fn plus(self, other: Sums) -> Result<Sums, Overflow> {
        let count = |one: i64, two: i64| one.checked_add(two).ok_or(Overflow { of: "sum of cases or points" });
        Ok(Sums {
            cases: count(self.cases, other.cases)?,
            reviews: count(self.reviews, other.reviews)?,
            points_e6: count(self.points_e6, other.points_e6)?,
            standard: self.standard.plus(other.standard)?,
            cost: self.cost.plus(other.cost)?,
            patient: self.patient.plus(other.patient)?,
            pay: self.pay.plus(other.pay)?,
            fund: self.fund.plus(other.fund)?,
            prepaid: self.prepaid.plus(other.prepaid)?,
            retained: self.retained.plus(other.retained)?,
        })
    }

    /// The difference of two.
    ///
    /// # Errors
    /// [`Overflow`] when a number does not fit.
    pub fn minus(self, other: Sums) -> Result<Sums, Overflow> {
        let count = |one: i64, two: i64| one.checked_sub(two).ok_or(Overflow { of: "difference of cases or points" });
        Ok(Sums {
            cases: count(self.cases, other.cases)?,
            reviews: count(self.reviews, other.reviews)?,
            points_e6: count(self.points_e6, other.points_e6)?,
            standard: self.standard.minus(other.standard)?,
            cost: self.cost.minus(other.cost)?,
            patient: self.patient.minus(other.patient)?,
            pay: self.pay.minus(other.pay)?,
            fund: self.fund.minus(other.fund)?,
            prepaid: self.prepaid.minus(other.prepaid)?,
            retained: self.retained.minus(other.retained)?,
        })
    }
}

impl Line {
    /// The line's own sums.
    #[must_use]
    pub fn sums(&self) -> Sums {
        Sums {
            cases: 1,
            reviews: i64::from(self.case.basis == Basis::SingleReview.key()),
            points_e6: self.case.points_e6,
            standard: self.case.standard,
            cost: self.case.cost,
            patient: self.case.patient,
            pay: self.case.pay,
            fund: self.case.fund,
            prepaid: self.prepaid,
            retained: self.retained,
        }
    }
}

/// By what cases are summed: every part that is asked for is in the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct By {
    /// One total for each institution.
    pub institution: bool,
    /// One total for each insurance.
    pub insurance: bool,
    /// One total for each group.
    pub drg: bool,
}

/// The key of a total.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key {
    /// The institution, when it was asked for.
    pub institution: Option<String>,
    /// The insurance, when it was asked for.
    pub insurance: Option<Insurance>,
    /// The group, when it was asked for.
    pub drg: Option<String>,
}

pub(crate) fn totals<'l>(
    lines: impl Iterator<Item = (&'l str, Insurance, &'l str, Sums)>,
    by: By,
) -> Result<BTreeMap<Key, Sums>, Overflow> {
    let mut totals = BTreeMap::new();
    for (institution, insurance, drg, sums) in lines {
        let key = Key {
            institution: by.institution.then(|| institution.to_owned()),
            insurance: by.insurance.then_some(insurance),
            drg: by.drg.then(|| drg.to_owned()),
        };
        let total: &mut Sums = totals.entry(key).or_default();
        *total = total.plus(sums)?;
    }
    Ok(totals)
}

/// A month that was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub(crate) period: Month,
    pub(crate) prepaid_share: Exact,
    pub(crate) lines: Vec<Line>,
}

impl Run {
    /// Settles a month. The order of the cases does not matter.
    ///
    /// # Errors
    /// [`SettlementFault`] with the case and the field.
    pub fn settle(
        period: Month,
        prepaid_share: Exact,
        cases: impl IntoIterator<Item = SettledCase>,
    ) -> Result<Run, SettlementFault> {
        share("prepaid_share", prepaid_share)?;
        let mut lines = BTreeMap::new();
        for case in cases {
            case.check()?;
            let prepaid = Fen::rounded(case.fund.yuan().times(prepaid_share)?)?;
            let retained = case.fund.minus(prepaid)?;
            let id = case.case.clone();
            if lines.insert(id.clone(), Line { case, prepaid, retained }).is_some() {
                return Err(SettlementFault::Twice { case: id });
            }
        }
        let run = Run { period, prepaid_share, lines: lines.into_values().collect() };
        // What cannot be summed cannot be settled.
        run.totals(By::default())?;
        Ok(run)
    }

    /// The month.
    #[must_use]
    pub fn period(&self) -> Month {
        self.period
    }

    /// The share that the fund pays at once.
    #[must_use]
    pub fn prepaid_share(&self) -> Exact {
        self.prepaid_share
    }

    /// The cases by id.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The packs that priced the cases.
    #[must_use]
    pub fn packs(&self) -> BTreeSet<Hash> {
        self.lines.iter().map(|line| line.case.pack).collect()
    }

    /// The sums by institution, insurance and group, as asked; all cases when nothing is asked.
    ///
    /// # Errors
    /// [`Overflow`] when a sum does not fit.
    pub fn totals(&self, by: By) -> Result<BTreeMap<Key, Sums>, Overflow> {
        let lines = self.lines.iter().map(|line| {
            let case = &line.case;
            (case.institution.as_str(), case.insurance, case.drg.as_str(), line.sums())
        });
        totals(lines, by)
    }

    /// The institutions with more single reviews than their share of cases allows.
    ///
    /// # Errors
    /// [`Overflow`] when a sum does not fit.
    pub fn reviews_over(&self, cases_share_max: Exact) -> Result<Vec<(String, Sums)>, Overflow> {
        let mut over = Vec::new();
        for (key, sums) in self.totals(By { institution: true, ..By::default() })? {
            let share = Exact::ratio(i128::from(sums.reviews), i128::from(sums.cases))?;
            if share > cases_share_max {
                over.push((key.institution.unwrap_or_default(), sums));
            }
        }
        Ok(over)
    }
}

/// The institutions' sums over the newest run of each month of a year, for the clearing. A re-run month stands once, as
/// it is now: what its delta paid is in it.
///
/// # Errors
/// [`SettlementFault`] when a month stands twice, the months are not of one year, or a sum does not fit.
pub fn year_of<'r>(
    runs: impl IntoIterator<Item = &'r Run>,
    insurance: Insurance,
) -> Result<Vec<InstitutionYear>, SettlementFault> {
    let mut months: BTreeSet<Month> = BTreeSet::new();
    let mut years: BTreeMap<String, Sums> = BTreeMap::new();
    for run in runs {
        if let Some(first) = months.first().filter(|first| first.year() != run.period.year()) {
            let (before, after) = (first.to_string(), run.period.to_string());
            return Err(SettlementFault::OtherYear { before, after });
        }
        if !months.insert(run.period) {
            return Err(SettlementFault::MonthTwice { month: run.period.to_string() });
        }
        for (key, sums) in run.totals(By { institution: true, insurance: true, drg: false })? {
            if key.insurance == Some(insurance) {
                let year = years.entry(key.institution.unwrap_or_default()).or_default();
                *year = year.plus(sums)?;
            }
        }
    }
    Ok(years.into_iter().map(|(institution, sums)| InstitutionYear { institution, sums }).collect())
}
