//! A year's clearing: the budget is distributed over the institutions, and every fen of it is accounted for.
//!
//! Source: point value = (fund budget + patients' parts) / points; an institution gets points × value − patients'
//! parts. Saving is kept and overspending shared by shares that are data.

use std::collections::BTreeSet;

use crate::error::{Overflow, SettlementFault};
use crate::exact::Exact;
use crate::money::Fen;
use crate::settlement::{ClearingTerms, Sums, is_text};

/// An institution's year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstitutionYear {
    /// The institution's id.
    pub institution: String,
    /// The sums over the year's runs and deltas.
    pub sums: Sums,
}

/// A cleared year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clearing {
    /// The fund's budget of the year.
    pub budget: Fen,
    /// What was kept back of it.
    pub reserve: Fen,
    /// Point method: yuan a point, exact.
    pub point_value: Option<Exact>,
    /// The institutions by id.
    pub rows: Vec<Cleared>,
    /// What is left of the budget. `budget` = `reserve` + the `fund` of all rows + `left`.
    pub left: Fen,
}

/// An institution's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The institution's id.
    pub institution: String,
    /// What the fund owes for the year.
    pub fund: Fen,
    /// What it has paid in the months.
    pub prepaid: Fen,
    /// What it still pays; below zero is paid back.
    pub due: Fen,
    /// Rate method: what the institution saved (above zero) or overspent (below zero) against what was owed by its
    /// cases.
    pub saved: Fen,
}

/// Distributes `total` in proportion to `weights`: each gets its exact part rounded down, and the fen that are left go
/// one each to the largest remainders, equal ones in the order of the list. The parts sum to `total` exactly.
///
/// # Errors
/// [`Overflow`] when `total` or a weight is below zero, all weights are zero, or a product does not fit.
pub fn apportioned(total: Fen, weights: &[i64]) -> Result<Vec<Fen>, Overflow> {
    let fault = Overflow { of: "distributed amount" };
    let total = u128::try_from(total.0).map_err(|_| fault)?;
    let weights: Vec<u128> =
        weights.iter().map(|weight| u128::try_from(*weight)).collect::<Result<_, _>>().map_err(|_| fault)?;
    let whole: u128 = weights.iter().sum();
    if whole == 0 {
        return Err(fault);
    }
    // Both are below 2^63, so the products are below 2^126.
    let mut parts: Vec<u128> = weights.iter().map(|weight| total * weight / whole).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(weights.get(*at).map_or(0, |weight| total * weight % whole)));
    let left = total - parts.iter().sum::<u128>();
    for at in order.into_iter().take(usize::try_from(left).map_err(|_| fault)?) {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    parts.into_iter().map(|part| i64::try_from(part).map(Fen).map_err(|_| fault)).collect()
}

fn sorted(years: &[InstitutionYear]) -> Result<Vec<&InstitutionYear>, SettlementFault> {
    let mut seen = BTreeSet::new();
    for year in years {
        let name = || year.institution.chars().take(100).collect::<String>();
        if !is_text(&year.institution) {
            return Err(SettlementFault::Text { field: "institution", case: name() });
        }
        if !seen.insert(&year.institution) {
            return Err(SettlementFault::Twice { case: name() });
        }
        let sums = &year.sums;
        let amounts = [("points_e6", sums.points_e6), ("patient", sums.patient.0), ("cost", sums.cost.0)];
        if let Some((field, _)) = amounts.into_iter().find(|(_, amount)| *amount < 0) {
            return Err(SettlementFault::Negative { field, of: name() });
        }
    }
    let mut sorted: Vec<&InstitutionYear> = years.iter().collect();
    sorted.sort_by(|one, two| one.institution.cmp(&two.institution));
    Ok(sorted)
}

fn reserved(budget: Fen, terms: &ClearingTerms) -> Result<(Fen, Fen), SettlementFault> {
    terms.check()?;
    if budget < Fen(0) {
        return Err(SettlementFault::NoBudget);
    }
    let reserve = Fen::rounded(budget.yuan().times(terms.reserve_share)?)?;
    Ok((reserve, budget.minus(reserve)?))
}

/// Clears a year by the point method.
///
/// # Errors
/// [`SettlementFault`] when there are no points, or an institution or the budget is not sound.
pub fn clear_points(
    budget: Fen,
    terms: &ClearingTerms,
    years: &[InstitutionYear],
) -> Result<Clearing, SettlementFault> {
    let (reserve, to_pay) = reserved(budget, terms)?;
    let years = sorted(years)?;
    let patients = Fen::sum(years.iter().map(|year| year.sums.patient))?;
    let worth = to_pay.plus(patients)?;
    let weights: Vec<i64> = years.iter().map(|year| year.sums.points_e6).collect();
    let points = weights.iter().map(|weight| i128::from(*weight)).sum::<i128>();
    if points == 0 {
        return Err(SettlementFault::NoPoints);
    }
    let point_value = worth.yuan().times(Exact::ratio(1_000_000, points)?)?;
    let parts = apportioned(worth, &weights)?;
    let mut rows = Vec::new();
    for (year, part) in years.iter().zip(parts) {
        let fund = part.minus(year.sums.patient)?;
        let (prepaid, due) = (year.sums.prepaid, fund.minus(year.sums.prepaid)?);
        rows.push(Cleared { institution: year.institution.clone(), fund, prepaid, due, saved: Fen(0) });
    }
    Ok(Clearing { budget, reserve, point_value: Some(point_value), rows, left: Fen(0) })
}

/// Clears a year by the rate method: what was owed by the cases, saving kept and overspending borne by the terms, and
/// all of it within the budget. When the budget does not suffice, what is owed is reduced in proportion.
///
/// # Errors
/// [`SettlementFault`] when an institution or the budget is not sound.
pub fn clear_rates(budget: Fen, terms: &ClearingTerms, years: &[InstitutionYear]) -> Result<Clearing, SettlementFault> {
    let (reserve, to_pay) = reserved(budget, terms)?;
    let years = sorted(years)?;
    let mut owed = Vec::new();
    for year in &years {
        let by_cases = year.sums.fund;
        let by_cost = year.sums.cost.minus(year.sums.patient)?;
        let saved = by_cases.minus(by_cost)?;
        let of = |amount: Fen, share: Exact| -> Result<Fen, Overflow> { Fen::rounded(amount.yuan().times(share)?) };
        let fund = if saved >= Fen(0) {
            by_cost.plus(of(saved, terms.surplus_kept_share)?)?
        } else {
            let limit = of(by_cases.max(Fen(0)), terms.overspend_borne_up_to)?;
            let over = Fen(0).minus(saved)?.min(limit);
            by_cases.plus(of(over, terms.overspend_borne_share)?)?
        };
        owed.push((fund, saved));
    }
    let total = Fen::sum(owed.iter().map(|(fund, _)| *fund))?;
    let mut funds: Vec<Fen> = owed.iter().map(|(fund, _)| *fund).collect();
    if total > to_pay {
        // Institutions that owe the fund do not gain by the reduction; the others share what there is.
        let below = Fen::sum(funds.iter().copied().filter(|fund| *fund < Fen(0)))?;
        let weights: Vec<i64> = funds.iter().map(|fund| fund.0.max(0)).collect();
        let parts = apportioned(to_pay.minus(below)?, &weights)?;
        for (fund, part) in funds.iter_mut().zip(parts) {
            if *fund >= Fen(0) {
                *fund = part;
            }
        }
    }
    let left = to_pay.minus(Fen::sum(funds.iter().copied())?)?;
    let mut rows = Vec::new();
    for ((year, fund), (_, saved)) in years.iter().zip(funds).zip(owed) {
        let (prepaid, due) = (year.sums.prepaid, fund.minus(year.sums.prepaid)?);
        rows.push(Cleared { institution: year.institution.clone(), fund, prepaid, due, saved });
    }
    Ok(Clearing { budget, reserve, point_value: None, rows, left })
}
