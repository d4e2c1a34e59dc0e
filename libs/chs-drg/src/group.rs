//! Grouping: facts of a record, then the first step and DRG that match. Nothing is allocated.
//!
//! Source: opendrg, "Evaluation".

use crate::compile::{Compiled, DxInfo, EXCLUDES_NONE, NO, Test, UNKNOWN_DX, UNLISTED, YES};
use crate::record::Record;
use crate::rule::Field;

/// A number the record lacks.
pub(crate) const MISSING: i32 = i32::MIN;

/// The highest level of the complications that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Complication {
    /// No complication or comorbidity counted.
    #[default]
    None,
    /// A complication or comorbidity counted.
    Cc,
    /// A major complication or comorbidity counted.
    Mcc,
}

/// Why a record has no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ungrouped {
    /// The scheme refuses this principal diagnosis.
    PrincipalRefused,
    /// No MDC takes the record.
    NoMdc,
    /// An MDC takes the record, but none of its steps does.
    NoStep,
    /// The record has faults and was not grouped.
    Faulty,
}

/// How a record ended, as numbers of the scheme. `Scheme::name` turns it into codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A DRG.
    Drg {
        /// Number of the step.
        step: u16,
        /// Number of the DRG.
        drg: u16,
    },
    /// The step matched, none of its DRGs did, and the scheme answers the ADRG.
    AdrgOnly {
        /// Number of the step.
        step: u16,
    },
    /// The step answers its QY code.
    Ambiguous {
        /// Number of the step.
        step: u16,
    },
    /// No group: 0000.
    Ungrouped(Ungrouped),
}

/// The answer for one record, small enough to keep by the million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    /// How the record ended.
    pub outcome: Outcome,
    /// The highest level of complication that counted.
    pub complication: Complication,
}

/// What rules can ask of one record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub principal_dx: DxInfo,
    pub any_dx: u64,
    pub secondary_dx: u64,
    pub mcc: bool,
    pub cc: bool,
    /// Number of procedures that remain.
    pub px_count: i32,
    pub principal_px: u16,
    pub any_px: u64,
    pub secondary_px: u64,
    pub sex: i32,
    pub age: i32,
    pub age_days: i32,
    pub weight: i32,
    pub los: i32,
    pub icu_hours: i32,
    pub dept: u8,
    pub discharge: u8,
}

impl Facts {
    pub(crate) const EMPTY: Facts = Facts {
        principal_dx: UNKNOWN_DX,
        any_dx: 0,
        secondary_dx: 0,
        mcc: false,
        cc: false,
        px_count: 0,
        principal_px: 0,
        any_px: 0,
        secondary_px: 0,
        sex: MISSING,
        age: MISSING,
        age_days: MISSING,
        weight: MISSING,
        los: MISSING,
        icu_hours: MISSING,
        dept: u8::MAX,
        discharge: u8::MAX,
    };

    pub(crate) fn complication(&self) -> Complication {
        match (self.mcc, self.cc) {
            (true, _) => Complication::Mcc,
            (false, true) => Complication::Cc,
            (false, false) => Complication::None,
        }
    }
}

/// Whether a diagnosis with this exclusion table counts beside this principal diagnosis.
#[inline]
pub(crate) fn counts(exclusion: u16, principal: DxInfo) -> bool {
    debug_assert!(principal.excludes != UNLISTED);
    exclusion != UNLISTED && exclusion != principal.excludes
}

/// Whether the principal diagnosis takes this listed diagnosis out of the count.
pub(crate) fn excluded(exclusion: u16, principal: DxInfo) -> bool {
    exclusion != UNLISTED && exclusion == principal.excludes && principal.excludes != EXCLUDES_NONE
}

impl Compiled {
    /// Puts the diagnoses into the facts.
    #[inline]
    pub(crate) fn take_dx(&self, facts: &mut Facts, codes: impl Iterator<Item = DxInfo>) {
        let mask = |info: DxInfo| self.dx_classes.masks.get(usize::from(info.class)).copied().unwrap_or(0);
        let mut codes = codes;
        let principal = codes.next().unwrap_or(UNKNOWN_DX);
        let mut secondary = 0;
        for own in codes {
            secondary |= mask(own);
            facts.mcc |= counts(own.mcc, principal);
            facts.cc |= counts(own.cc, principal);
        }
        facts.principal_dx = principal;
        facts.secondary_dx = secondary;
        facts.any_dx = secondary | mask(principal);
    }

    /// Whether the scheme drops procedures of this class.
    #[inline]
    pub(crate) fn px_ignored(&self, class: u16) -> bool {
        self.px_classes.barred.get(usize::from(class)).copied().unwrap_or(false)
    }

    /// Puts the procedures that remain into the facts, by their classes.
    #[inline]
    pub(crate) fn take_px(&self, facts: &mut Facts, classes: impl Iterator<Item = u16>) {
        facts.px_count = 0;
        facts.any_px = 0;
        facts.secondary_px = 0;
        for class in classes.filter(|class| !self.px_ignored(*class)) {
            let mask = self.px_classes.masks.get(usize::from(class)).copied().unwrap_or(0);
            if facts.px_count == 0 {
                facts.principal_px = class;
            } else {
                facts.secondary_px |= mask;
            }
            facts.any_px |= mask;
            facts.px_count += 1;
        }
    }

    /// Puts the numbers and texts into the facts.
    #[inline]
    pub(crate) fn take_rest(&self, facts: &mut Facts, record: &Record<'_>) {
        facts.sex = record.sex.unwrap_or(MISSING);
        facts.age = record.age.unwrap_or(MISSING);
        facts.age_days = record.age_days.unwrap_or(MISSING);
        facts.weight = record.weight.unwrap_or(MISSING);
        facts.los = record.los.unwrap_or(MISSING);
        facts.icu_hours = record.icu_hours.unwrap_or(MISSING);
        facts.dept = self.word(record.dept);
        facts.discharge = self.word(record.discharge);
    }

    /// Number of a department or a way of discharge that some rule names.
    #[inline]
    pub(crate) fn word(&self, text: &str) -> u8 {
        self.words.iter().zip(0u8..).find(|(word, _)| *word == text).map_or(u8::MAX, |(_, number)| number)
    }

    /// Answers one test.
    #[inline]
    pub(crate) fn test(&self, test: &Test, facts: &Facts) -> bool {
        match *test {
            Test::PrincipalDx { word, bit } => {
                let at = usize::from(facts.principal_dx.class) * self.dx_classes.width + usize::from(word);
                self.dx_classes.rows.get(at).is_some_and(|row| row & bit != 0)
            }
            Test::AnyDx(bit) => facts.any_dx & bit != 0,
            Test::SecondaryDx(bit) => facts.secondary_dx & bit != 0,
            Test::PrincipalPx { word, bit } => {
                let at = usize::from(facts.principal_px) * self.px_classes.width + usize::from(word);
                facts.px_count > 0 && self.px_classes.rows.get(at).is_some_and(|row| row & bit != 0)
            }
            Test::AnyPx(bit) => facts.any_px & bit != 0,
            Test::SecondaryPx(bit) => facts.secondary_px & bit != 0,
            Test::Regions { mask, least } => (facts.any_dx & mask).count_ones() >= least,
            Test::Number { field, relation, value } => {
                let own = match field {
                    Field::Age => facts.age,
                    Field::AgeDays => facts.age_days,
                    Field::Weight => facts.weight,
                    Field::Los => facts.los,
                    Field::IcuHours => facts.icu_hours,
                    Field::Sex => facts.sex,
                    Field::PxCount => facts.px_count,
                };
                own != MISSING && relation.holds(own, value)
            }
            Test::Discharge(mask) => facts.discharge < 64 && mask & (1u64 << facts.discharge) != 0,
            Test::Dept(word) => facts.dept == word && word != u8::MAX,
            Test::Mcc => facts.mcc,
            Test::Cc => facts.cc,
        }
    }

    /// Runs a program.
    #[inline]
    pub(crate) fn run(&self, entry: u32, facts: &Facts) -> bool {
        let mut at = entry;
        // INVARIANT: `emit` writes a test after all it leads to, so every jump goes down and the loop ends.
        while let Some(op) = self.ops.get(at as usize) {
            at = if self.test(&op.test, facts) { op.yes } else { op.no };
        }
        debug_assert!(at == YES || at == NO);
        at == YES
    }

    /// The first DRG of the step that matches.
    #[inline]
    pub(crate) fn drg(&self, first: u16, end: u16, facts: &Facts) -> Option<u16> {
        (first..end).find(|drg| self.drgs.get(usize::from(*drg)).is_some_and(|entry| self.run(*entry, facts)))
    }

    /// Groups by the facts, without the second try.
    #[inline]
    pub(crate) fn once(&self, facts: &Facts) -> Outcome {
        let class = usize::from(facts.principal_dx.class);
        if self.dx_classes.barred.get(class).copied().unwrap_or(false) {
            return Outcome::Ungrouped(Ungrouped::PrincipalRefused);
        }
        let width = self.step_width;
        let by_dx = self.dx_classes.steps.get(class * width..).unwrap_or(&[]);
        let by_px = if facts.px_count == 0 {
            &self.no_px_steps
        } else {
            self.px_classes.steps.get(usize::from(facts.principal_px) * width..).unwrap_or(&[])
        };
        let mut mdc = usize::MAX;
        let mut entered = false;
        let pairs = by_dx.iter().zip(by_px).take(width);
        for (at, (dx, px)) in pairs.enumerate() {
            let mut left = dx & px;
            while left != 0 {
                let number = at * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let Some(step) = self.steps.get(number) else { continue };
                if usize::from(step.mdc) != mdc {
                    mdc = usize::from(step.mdc);
                    entered = self.mdcs.get(mdc).is_some_and(|mdc| self.run(mdc.entry, facts));
                }
                if !entered || !self.run(step.entry, facts) {
                    continue;
                }
                let number = number as u16;
                if step.ambiguous {
                    return Outcome::Ambiguous { step: number };
                }
                if let Some(drg) = self.drg(step.drg_first, step.drg_end, facts) {
                    return Outcome::Drg { step: number, drg };
                }
                if step.adrg_on_unmatched {
                    return Outcome::AdrgOnly { step: number };
                }
            }
        }
        let some = self.mdcs.iter().any(|mdc| self.run(mdc.entry, facts));
        Outcome::Ungrouped(if some { Ungrouped::NoStep } else { Ungrouped::NoMdc })
    }

    /// Groups by the facts; a scheme that retries tries each secondary procedure alone, in order.
    /// `classes` are the record's procedures.
    #[inline]
    pub(crate) fn answer(&self, retry: bool, facts: &mut Facts, classes: impl Iterator<Item = u16>) -> Answer {
        let complication = facts.complication();
        let mut outcome = self.once(facts);
        if retry && facts.px_count > 1 && may_retry(outcome) {
            for class in classes.filter(|class| !self.px_ignored(*class)).skip(1) {
                self.take_px(facts, std::iter::once(class));
                let again = self.once(facts);
                if !matches!(again, Outcome::Ungrouped(_)) {
                    outcome = again;
                    break;
                }
            }
        }
        Answer { outcome, complication }
    }
}

/// Whether an answer leads to a second try with the secondary procedures.
pub(crate) fn may_retry(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Ungrouped(Ungrouped::NoMdc | Ungrouped::NoStep))
}
