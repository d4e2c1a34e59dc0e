//! Grouping with its reasons: the trail of events, what proved each, the near misses, and what became of every
//! complication. All of it is numbers of the scheme and positions in the record; `words` makes sentences.
//!
//! Near misses are kept to what a coder or a physician can look into; steps that a record merely is not about are left
//! out, and so are other choices of the principal diagnosis.

use crate::compile::{Compiled, DxInfo, NO, Part, Test, UNKNOWN_DX, UNLISTED, YES};
use crate::group::{Answer, Complication, Facts, Outcome, Ungrouped, counts, excluded, may_retry};
use crate::record::Record;
use crate::rule::{Atom, Rule};
use crate::scheme::{Known, Scheme};

/// A range of `Explained::evidence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Because {
    start: u32,
    end: u32,
}

/// Which code of the record answered a question with yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The diagnosis at this position; 0 is the principal.
    Diagnosis(u16),
    /// The procedure at this position of the record, ignored ones included.
    Procedure(u16),
    /// No single code.
    Nothing,
}

/// One question that was asked, with its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Number of the question, see `Scheme::question`.
    pub question: u32,
    /// The answer.
    pub held: bool,
    /// The first code that held.
    pub by: By,
}

/// One event on the way to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The scheme drops this procedure.
    ProcedureIgnored {
        /// Position in the record.
        position: u16,
    },
    /// The record's conditions fit the MDC.
    MdcEntered {
        /// Number of the MDC.
        mdc: u8,
        /// The questions that led there.
        because: Because,
    },
    /// No step of the MDC gave an answer; evaluation goes on with the next MDC.
    MdcLeft {
        /// Number of the MDC.
        mdc: u8,
    },
    /// The step matches.
    StepMatched {
        /// Number of the step.
        step: u16,
        /// The questions that led there.
        because: Because,
    },
    /// The DRG does not apply.
    DrgRefused {
        /// Number of the DRG.
        drg: u16,
        /// The questions that led there.
        because: Because,
    },
    /// The DRG applies and is the answer.
    DrgMatched {
        /// Number of the DRG.
        drg: u16,
        /// The questions that led there.
        because: Because,
    },
    /// No DRG of the step applies; `Step::unmatched` tells what follows.
    NoDrg {
        /// Number of the step.
        step: u16,
    },
    /// There was no group; it is tried again with this procedure alone.
    Retried {
        /// Position in the record.
        position: u16,
    },
    /// There is no group.
    Ungrouped(Ungrouped),
}

/// What nearly came before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NearMiss {
    /// One condition kept the record out of an earlier MDC.
    Mdc {
        /// Number of the MDC.
        mdc: u8,
        /// Number of the condition, see `Scheme::condition`.
        lacks: u32,
    },
    /// One condition kept the record out of an earlier step.
    Step {
        /// Number of the step.
        step: u16,
        /// Number of the condition, see `Scheme::condition`.
        lacks: u32,
    },
    /// An earlier step would match if this secondary procedure were the principal one.
    SecondaryProcedure {
        /// Number of the step.
        step: u16,
        /// Position in the record.
        position: u16,
    },
    /// An earlier DRG of the step would apply if the principal diagnosis did not exclude this diagnosis.
    ExcludedComplication {
        /// Number of the DRG.
        drg: u16,
        /// Position in the record.
        position: u16,
    },
}

/// What became of a secondary diagnosis that is on the list of complications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weighed {
    /// Position in the record.
    pub position: u16,
    /// The list it is on: `Mcc` or `Cc`.
    pub level: Complication,
    /// None when it counts; otherwise the exclusion table that the principal diagnosis shares with it.
    pub excluded_by_table: Option<u16>,
}

/// An answer with its reasons. It can be reused from record to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The answer; the same as without reasons.
    pub answer: Answer,
    /// The way to the answer.
    pub trail: Vec<Event>,
    /// What proved the events, see `because`.
    pub evidence: Vec<Evidence>,
    /// What nearly came first.
    pub near_misses: Vec<NearMiss>,
    /// Every secondary diagnosis on the list of complications.
    pub weighed: Vec<Weighed>,
    dx: Vec<DxInfoAt>,
    px: Vec<PxAt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DxInfoAt {
    mask: u64,
    mcc: u16,
    cc: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PxAt {
    position: u16,
    class: u16,
    mask: u64,
}

impl Default for Explained {
    fn default() -> Self {
        Explained {
            answer: Answer { outcome: Outcome::Ungrouped(Ungrouped::NoMdc), complication: Complication::None },
            trail: Vec::new(),
            evidence: Vec::new(),
            near_misses: Vec::new(),
            weighed: Vec::new(),
            dx: Vec::new(),
            px: Vec::new(),
        }
    }
}

impl Explained {
    /// The questions behind an event, in the order they were asked.
    pub fn because(&self, because: Because) -> &[Evidence] {
        self.evidence.get(because.start as usize..because.end as usize).unwrap_or(&[])
    }

    fn clear(&mut self) {
        self.trail.clear();
        self.evidence.clear();
        self.near_misses.clear();
        self.weighed.clear();
        self.dx.clear();
        self.px.clear();
    }
}

impl Scheme {
    /// Groups one record and says why.
    pub fn explain(&self, record: &Record<'_>) -> Explained {
        let mut out = Explained::default();
        self.explain_into(record, &mut out);
        out
    }

    /// Groups one record and says why, in the place of an earlier record.
    pub fn explain_into(&self, record: &Record<'_>, out: &mut Explained) {
        let compiled = &self.compiled;
        out.clear();
        let mut facts = Facts::EMPTY;
        compiled.take_rest(&mut facts, record);
        let mut principal = UNKNOWN_DX;
        for (position, code) in record.dx.iter().enumerate() {
            let position = narrow(position);
            let own = self.find_dx(code).value;
            let mask = compiled.dx_classes.masks.get(usize::from(own.class)).copied().unwrap_or(0);
            facts.any_dx |= mask;
            if position == 0 {
                principal = own;
                out.dx.push(DxInfoAt { mask, mcc: UNLISTED, cc: UNLISTED });
                continue;
            }
            facts.secondary_dx |= mask;
            facts.mcc |= counts(own.mcc, principal);
            facts.cc |= counts(own.cc, principal);
            weigh(&mut out.weighed, position, own, principal);
            out.dx.push(DxInfoAt { mask, mcc: own.mcc, cc: own.cc });
        }
        facts.principal_dx = principal;
        for (position, code) in record.px.iter().enumerate() {
            let position = narrow(position);
            let class = self.find_px(code).value;
            if compiled.px_ignored(class) {
                out.trail.push(Event::ProcedureIgnored { position });
                continue;
            }
            let mask = compiled.px_classes.masks.get(usize::from(class)).copied().unwrap_or(0);
            out.px.push(PxAt { position, class, mask });
        }
        compiled.take_px(&mut facts, out.px.iter().map(|px| px.class));
        let mut outcome = compiled.explain_once(&facts, out);
        if self.definition.retry && out.px.len() > 1 && may_retry(outcome) {
            let all = std::mem::take(&mut out.px);
            for px in all.iter().skip(1) {
                out.trail.push(Event::Retried { position: px.position });
                out.px.clear();
                out.px.push(*px);
                compiled.take_px(&mut facts, std::iter::once(px.class));
                let again = compiled.explain_once(&facts, out);
                if !matches!(again, Outcome::Ungrouped(_)) {
                    outcome = again;
                    break;
                }
            }
            out.px = all;
        }
        if let Outcome::Ungrouped(reason) = outcome {
            out.trail.push(Event::Ungrouped(reason));
        }
        out.answer = Answer { outcome, complication: facts.complication() };
    }

    /// Every secondary diagnosis on the list of complications, as `explain` has it, without the rest. `out` is cleared.
    pub fn weigh(&self, record: &Record<'_>, out: &mut Vec<Weighed>) {
        weigh_all(record.dx.iter().map(|code| self.find_dx(code).value), out);
    }

    /// As `weigh`, for a record whose codes this scheme looked up.
    pub fn weigh_known(&self, known: &Known, out: &mut Vec<Weighed>) {
        weigh_all(known.dx.iter().map(|dx| dx.value), out);
    }

    /// A question of some rule, by its number in `Evidence`.
    pub fn question(&self, question: u32) -> Option<&Atom> {
        self.compiled.atoms.get(question as usize)
    }

    /// A condition that had to hold, by its number in `NearMiss`.
    pub fn condition(&self, condition: u32) -> Option<&Rule> {
        self.compiled.part_rules.get(condition as usize)
    }
}

/// A position in a record. No stay has 65,535 codes; one that does gets its last positions wrong, not its answer.
fn narrow(position: usize) -> u16 {
    u16::try_from(position).unwrap_or(u16::MAX)
}

/// dx: [diagnosis], the principal first.
#[inline]
fn weigh_all(mut dx: impl Iterator<Item = DxInfo>, out: &mut Vec<Weighed>) {
    out.clear();
    let principal = dx.next().unwrap_or(UNKNOWN_DX);
    for (own, position) in dx.zip(1..) {
        weigh(out, narrow(position), own, principal);
    }
}

fn weigh(weighed: &mut Vec<Weighed>, position: u16, own: DxInfo, principal: DxInfo) {
    for (exclusion, level) in [(own.mcc, Complication::Mcc), (own.cc, Complication::Cc)] {
        if exclusion != UNLISTED {
            let excluded_by_table = excluded(exclusion, principal).then_some(exclusion);
            weighed.push(Weighed { position, level, excluded_by_table });
        }
    }
}

impl Compiled {
    fn explain_once(&self, facts: &Facts, out: &mut Explained) -> Outcome {
        let class = usize::from(facts.principal_dx.class);
        if self.dx_classes.barred.get(class).copied().unwrap_or(false) {
            return Outcome::Ungrouped(Ungrouped::PrincipalRefused);
        }
        let mut some = false;
        for (mdc, number) in self.mdcs.iter().zip(0u8..) {
            let start = out.evidence.len();
            if !self.prove(mdc.entry, facts, out) {
                out.evidence.truncate(start);
                if let Some(lacks) = self.lacks(mdc.parts, facts).filter(|lacks| lacks.telling) {
                    out.near_misses.push(NearMiss::Mdc { mdc: number, lacks: lacks.part });
                }
                continue;
            }
            some = true;
            out.trail.push(Event::MdcEntered { mdc: number, because: since(start, out) });
            for step in mdc.step_first..mdc.step_end {
                if let Some(outcome) = self.explain_step(step, facts, out) {
                    return outcome;
                }
            }
            out.trail.push(Event::MdcLeft { mdc: number });
        }
        Outcome::Ungrouped(if some { Ungrouped::NoStep } else { Ungrouped::NoMdc })
    }

    fn explain_step(&self, number: u16, facts: &Facts, out: &mut Explained) -> Option<Outcome> {
        let step = self.steps.get(usize::from(number))?;
        let start = out.evidence.len();
        if !self.prove(step.entry, facts, out) {
            out.evidence.truncate(start);
            self.near_step(number, step.parts, facts, out);
            return None;
        }
        out.trail.push(Event::StepMatched { step: number, because: since(start, out) });
        if step.ambiguous {
            return Some(Outcome::Ambiguous { step: number });
        }
        for drg in step.drg_first..step.drg_end {
            let entry = *self.drgs.get(usize::from(drg))?;
            let start = out.evidence.len();
            if self.prove(entry, facts, out) {
                out.trail.push(Event::DrgMatched { drg, because: since(start, out) });
                return Some(Outcome::Drg { step: number, drg });
            }
            out.trail.push(Event::DrgRefused { drg, because: since(start, out) });
            self.near_drg(drg, entry, facts, out);
        }
        out.trail.push(Event::NoDrg { step: number });
        step.adrg_on_unmatched.then_some(Outcome::AdrgOnly { step: number })
    }

    /// Runs a program and notes every question with its answer.
    fn prove(&self, entry: u32, facts: &Facts, out: &mut Explained) -> bool {
        let mut at = entry;
        while let Some(op) = self.ops.get(at as usize) {
            let held = self.test(&op.test, facts);
            let by = if held { self.by(&op.test, facts, out) } else { By::Nothing };
            out.evidence.push(Evidence { question: at, held, by });
            at = if held { op.yes } else { op.no };
        }
        debug_assert!(at == YES || at == NO);
        at == YES
    }

    fn by(&self, test: &Test, facts: &Facts, out: &Explained) -> By {
        let dx = |from: usize, fits: &dyn Fn(&DxInfoAt) -> bool| {
            let found = out.dx.iter().enumerate().skip(from).find(|(_, dx)| fits(dx));
            found.map_or(By::Nothing, |(position, _)| By::Diagnosis(narrow(position)))
        };
        let px = |from: usize, bit: u64| {
            let found = out.px.iter().skip(from).find(|px| px.mask & bit != 0);
            found.map_or(By::Nothing, |px| By::Procedure(px.position))
        };
        match *test {
            Test::PrincipalDx { .. } => By::Diagnosis(0),
            Test::AnyDx(bit) => dx(0, &|dx| dx.mask & bit != 0),
            Test::SecondaryDx(bit) => dx(1, &|dx| dx.mask & bit != 0),
            Test::PrincipalPx { .. } => out.px.first().map_or(By::Nothing, |px| By::Procedure(px.position)),
            Test::AnyPx(bit) => px(0, bit),
            Test::SecondaryPx(bit) => px(1, bit),
            Test::Mcc => dx(1, &|dx| counts(dx.mcc, facts.principal_dx)),
            Test::Cc => dx(1, &|dx| counts(dx.cc, facts.principal_dx)),
            Test::Regions { .. } | Test::Number { .. } | Test::Discharge(_) | Test::Dept(_) => By::Nothing,
        }
    }

    /// The one part of a rule that fails; none when more fail.
    fn lacks(&self, parts: (u32, u32), facts: &Facts) -> Option<Lacks> {
        let mut lacks = None;
        let mut telling = false;
        let own = self.parts.get(parts.0 as usize..parts.1 as usize).unwrap_or(&[]);
        for (part, number) in own.iter().zip(parts.0..) {
            if self.run(part.entry, facts) {
                telling |= part.telling;
            } else if lacks.replace((number, *part)).is_some() {
                return None;
            }
        }
        lacks.map(|(part, lacked)| Lacks { part, lacked, telling })
    }

    fn near_step(&self, step: u16, parts: (u32, u32), facts: &Facts, out: &mut Explained) {
        let Some(lacks) = self.lacks(parts, facts) else { return };
        if let Some(set) = lacks.lacked.principal_px
            && let Some(px) = out.px.iter().skip(1).find(|px| self.px_classes.has(px.class, set))
        {
            let position = px.position;
            out.near_misses.push(NearMiss::SecondaryProcedure { step, position });
            return;
        }
        if lacks.telling && (facts.px_count > 0 || !lacks.lacked.asks_px) {
            out.near_misses.push(NearMiss::Step { step, lacks: lacks.part });
        }
    }

    fn near_drg(&self, drg: u16, entry: u32, facts: &Facts, out: &mut Explained) {
        let Some(excluded) = out.weighed.iter().find(|weighed| weighed.excluded_by_table.is_some()).copied() else {
            return;
        };
        // The highest level among the excluded ones is what the record would have had.
        let mcc = out.weighed.iter().find(|w| w.excluded_by_table.is_some() && w.level == Complication::Mcc);
        let would = mcc.copied().unwrap_or(excluded);
        let relaxed = Facts { mcc: facts.mcc || mcc.is_some(), cc: facts.cc || mcc.is_none(), ..*facts };
        if self.run(entry, &relaxed) {
            out.near_misses.push(NearMiss::ExcludedComplication { drg, position: would.position });
        }
    }
}

/// The single part that a rule lacks.
struct Lacks {
    part: u32,
    lacked: Part,
    /// Some other part, which tells something about the record, holds.
    telling: bool,
}

fn since(start: usize, out: &Explained) -> Because {
    Because { start: start as u32, end: out.evidence.len() as u32 }
}
