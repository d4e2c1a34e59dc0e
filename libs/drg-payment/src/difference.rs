//! What changed between two runs of a month, as a list to read and as a delta to pay.

use std::collections::BTreeMap;

use crate::case::Insurance;
use crate::error::{Overflow, SettlementFault};
use crate::hash::Hash;
use crate::settlement::{By, Key, Line, Run, Sums, totals};

/// The cases that two runs do not share, or do not share alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Cases that only the newer run has.
    pub added: Vec<Line>,
    /// Cases that only the older run has.
    pub removed: Vec<Line>,
    /// Cases that both have, but not alike.
    pub changed: Vec<Changed>,
}

/// A case that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As it was.
    pub before: Line,
    /// As it is.
    pub after: Line,
    /// The names of the fields that differ.
    pub fields: Vec<&'static str>,
}

/// What has to be added to the older run to get the newer one. Its amounts may be below zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Hash of the frozen older run.
    pub from: Hash,
    /// Hash of the frozen newer run.
    pub to: Hash,
    /// One line a case, institution, insurance and group: a case that moved has two.
    pub lines: Vec<DeltaLine>,
}

/// A line of a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaLine {
    /// The case's id.
    pub case: String,
    /// The institution whose account changes.
    pub institution: String,
    /// The insurance whose account changes.
    pub insurance: Insurance,
    /// The group.
    pub drg: String,
    /// New less old.
    pub sums: Sums,
}

fn fields(before: &Line, after: &Line) -> Vec<&'static str> {
    let (old, new) = (&before.case, &after.case);
    let differs = [
        ("institution", old.institution != new.institution),
        ("insurance", old.insurance != new.insurance),
        ("drg", old.drg != new.drg),
        ("basis", old.basis != new.basis),
        ("points_e6", old.points_e6 != new.points_e6),
        ("standard", old.standard != new.standard),
        ("cost", old.cost != new.cost),
        ("patient", old.patient != new.patient),
        ("pay", old.pay != new.pay),
        ("fund", old.fund != new.fund),
        ("pack", old.pack != new.pack),
        ("prepaid", before.prepaid != after.prepaid),
        ("retained", before.retained != after.retained),
    ];
    differs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

impl Difference {
    /// Compares an older run of a month with a newer one.
    ///
    /// # Errors
    /// [`SettlementFault::OtherPeriod`] when they settle different months.
    pub fn between(before: &Run, after: &Run) -> Result<Difference, SettlementFault> {
        if before.period() != after.period() {
            let (before, after) = (before.period().to_string(), after.period().to_string());
            return Err(SettlementFault::OtherPeriod { before, after });
        }
        let mut pairs: BTreeMap<&str, (Option<&Line>, Option<&Line>)> = BTreeMap::new();
        for line in before.lines() {
            pairs.entry(&line.case.case).or_default().0 = Some(line);
        }
        for line in after.lines() {
            pairs.entry(&line.case.case).or_default().1 = Some(line);
        }
        let mut difference = Difference { added: Vec::new(), removed: Vec::new(), changed: Vec::new() };
        for pair in pairs.into_values() {
            match pair {
                (Some(before), Some(after)) if before != after => {
                    let fields = fields(before, after);
                    difference.changed.push(Changed { before: before.clone(), after: after.clone(), fields });
                }
                (Some(before), None) => difference.removed.push(before.clone()),
                (None, Some(after)) => difference.added.push(after.clone()),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Ok(difference)
    }
}

impl Delta {
    /// The delta from an older run of a month to a newer one.
    ///
    /// # Errors
    /// [`SettlementFault`] when they settle different months or a difference does not fit.
    pub fn between(before: &Run, after: &Run) -> Result<Delta, SettlementFault> {
        let difference = Difference::between(before, after)?;
        let mut accounts: BTreeMap<(String, String, Insurance, String), Sums> = BTreeMap::new();
        let mut book = |line: &Line, is_new: bool| -> Result<(), Overflow> {
            let case = &line.case;
            let key = (case.case.clone(), case.institution.clone(), case.insurance, case.drg.clone());
            let account = accounts.entry(key).or_default();
            *account = if is_new { account.plus(line.sums())? } else { account.minus(line.sums())? };
            Ok(())
        };
        for line in difference.removed.iter().chain(difference.changed.iter().map(|changed| &changed.before)) {
            book(line, false)?;
        }
        for line in difference.added.iter().chain(difference.changed.iter().map(|changed| &changed.after)) {
            book(line, true)?;
        }
        let lines = accounts.into_iter().map(|((case, institution, insurance, drg), sums)| DeltaLine {
            case,
            institution,
            insurance,
            drg,
            sums,
        });
        Ok(Delta { from: before.frozen().hash, to: after.frozen().hash, lines: lines.collect() })
    }

    /// The sums of the delta, as [`Run::totals`].
    ///
    /// # Errors
    /// [`Overflow`] when a sum does not fit.
    pub fn totals(&self, by: By) -> Result<BTreeMap<Key, Sums>, Overflow> {
        let lines = self.lines.iter();
        totals(lines.map(|line| (line.institution.as_str(), line.insurance, line.drg.as_str(), line.sums)), by)
    }

    /// The sums of the older run with the delta added: those of the newer run. Accounts that come to nothing are left
    /// out.
    ///
    /// # Errors
    /// [`SettlementFault::OtherRun`] when the delta was made from another run.
    pub fn onto(&self, before: &Run, by: By) -> Result<BTreeMap<Key, Sums>, SettlementFault> {
        let run = before.frozen().hash;
        if run != self.from {
            return Err(SettlementFault::OtherRun { from: self.from.to_string(), run: run.to_string() });
        }
        let mut sums = before.totals(by)?;
        for (key, delta) in self.totals(by)? {
            let total = sums.entry(key).or_default();
            *total = total.plus(delta)?;
        }
        sums.retain(|_, total| *total != Sums::default());
        Ok(sums)
    }
}
