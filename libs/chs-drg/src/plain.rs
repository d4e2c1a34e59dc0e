//! The rules walked as they are written, slowly: what a trail is replayed with and what the compiled rules are tested
//! against. It shares nothing with `compile` but the definition.

use crate::definition::{Class, Definition, Unmatched};
use crate::explain::{Because, Event, Explained};
use crate::group::{Answer, Complication, Outcome, Ungrouped};
use crate::record::Record;
use crate::rule::{Atom, Field, Role, Rule, SetIx};
use crate::scheme::Scheme;

/// Where a trail does not follow from the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event {event} of the trail does not follow from the rules")]
pub struct Broken {
    /// Position in the trail; its length when the end is missing.
    pub event: usize,
}

/// A record as the rules see it: codes as numbers, ignored procedures gone.
struct View<'r> {
    definition: &'r Definition,
    record: &'r Record<'r>,
    dx: Vec<Option<u32>>,
    px: Vec<Option<u32>>,
}

impl<'r> View<'r> {
    fn new(definition: &'r Definition, record: &'r Record<'r>) -> View<'r> {
        let dx = record.dx.iter().map(|code| definition.dx.binary_search_by(|known| known.text.as_str().cmp(code)));
        let px = record.px.iter().map(|code| definition.px.binary_search_by(|known| known.text.as_str().cmp(code)));
        let number = |found: Result<usize, usize>| found.ok().map(|number| number as u32);
        let mut view = View { definition, record, dx: dx.map(number).collect(), px: Vec::new() };
        let px: Vec<Option<u32>> = px.map(number).collect();
        view.px = match definition.ignored_px {
            Some(ignored) => px.into_iter().filter(|code| !view.in_set(*code, ignored)).collect(),
            None => px,
        };
        view
    }

    fn in_set(&self, code: Option<u32>, set: SetIx) -> bool {
        let members = self.definition.sets.get(usize::from(set)).map_or(&[][..], |set| set.codes.as_slice());
        code.is_some_and(|code| members.binary_search(&code).is_ok())
    }

    fn complicates(&self, major: bool) -> bool {
        let definition = self.definition;
        let principal = self.dx.first().copied().flatten();
        let own = principal.and_then(|dx| definition.exclusions.iter().find(|row| row.0 == dx)).map(|row| row.1);
        self.dx.iter().skip(1).flatten().any(|dx| {
            let row = definition.complicating.binary_search_by_key(&(*dx, major), |row| (row.dx, row.major));
            let row = row.ok().and_then(|at| definition.complicating.get(at));
            row.is_some_and(|row| row.exclusion == 0 || own != Some(row.exclusion))
        })
    }

    fn holds(&self, rule: &Rule) -> bool {
        match rule {
            Rule::All(parts) => parts.iter().all(|part| self.holds(part)),
            Rule::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Rule::Not(part) => !self.holds(part),
            Rule::Is(atom) => self.is(atom),
            Rule::Always => true,
            Rule::Never => false,
        }
    }

    fn is(&self, atom: &Atom) -> bool {
        let some = |codes: &[Option<u32>], set: SetIx| codes.iter().any(|code| self.in_set(*code, set));
        match atom {
            Atom::In { role, set } => match role {
                Role::PrincipalDx => some(self.dx.get(..1).unwrap_or(&[]), *set),
                Role::AnyDx => some(&self.dx, *set),
                Role::SecondaryDx => some(self.dx.get(1..).unwrap_or(&[]), *set),
                Role::PrincipalPx => some(self.px.get(..1).unwrap_or(&[]), *set),
                Role::AnyPx => some(&self.px, *set),
                Role::SecondaryPx => some(self.px.get(1..).unwrap_or(&[]), *set),
            },
            Atom::Regions { sets, least } => sets.iter().filter(|set| some(&self.dx, **set)).count() >= *least as usize,
            Atom::Compare { field, relation, value } => {
                let own = match field {
                    Field::Age => self.record.age,
                    Field::AgeDays => self.record.age_days,
                    Field::Weight => self.record.weight,
                    Field::Los => self.record.los,
                    Field::IcuHours => self.record.icu_hours,
                    Field::Sex => self.record.sex,
                    Field::PxCount => i32::try_from(self.px.len()).ok(),
                };
                own.is_some_and(|own| relation.holds(own, *value))
            }
            Atom::Discharge(codes) => codes.iter().any(|code| code == self.record.discharge),
            Atom::Dept(code) => code == self.record.dept,
            Atom::Mcc => self.complicates(true),
            Atom::Cc => self.complicates(false),
        }
    }

    fn complication(&self) -> Complication {
        match (self.complicates(true), self.complicates(false)) {
            (true, _) => Complication::Mcc,
            (false, true) => Complication::Cc,
            (false, false) => Complication::None,
        }
    }

    fn refused(&self) -> bool {
        self.definition.bad_pdx.is_some_and(|set| self.in_set(self.dx.first().copied().flatten(), set))
    }

    fn once(&self) -> Outcome {
        if self.refused() {
            return Outcome::Ungrouped(Ungrouped::PrincipalRefused);
        }
        let mut some = false;
        for (mdc, number) in self.definition.mdcs.iter().zip(0u8..) {
            if !self.holds(&mdc.when) {
                continue;
            }
            some = true;
            let steps = self.definition.steps.iter().zip(0u16..).filter(|(step, _)| step.mdc == number);
            for (step, number) in steps.filter(|(step, _)| self.holds(&step.when)) {
                if step.class == Class::Ambiguous {
                    return Outcome::Ambiguous { step: number };
                }
                let drgs = self.definition.drgs.iter().zip(0u16..).skip(step.drg_first.into());
                let found = drgs.take(step.drg_count.into()).find(|(drg, _)| self.holds(&drg.when));
                if let Some((_, drg)) = found {
                    return Outcome::Drg { step: number, drg };
                }
                if step.unmatched == Unmatched::Adrg {
                    return Outcome::AdrgOnly { step: number };
                }
            }
        }
        Outcome::Ungrouped(if some { Ungrouped::NoStep } else { Ungrouped::NoMdc })
    }
}

impl Scheme {
    /// Groups one record straight from the rules as written: slow, for checking.
    pub fn answer_plainly(&self, record: &Record<'_>) -> Answer {
        let mut view = View::new(&self.definition, record);
        let complication = view.complication();
        let mut outcome = view.once();
        if self.definition.retry
            && matches!(outcome, Outcome::Ungrouped(Ungrouped::NoMdc | Ungrouped::NoStep))
            && view.px.len() > 1
        {
            for code in std::mem::take(&mut view.px).into_iter().skip(1) {
                view.px = vec![code];
                let again = view.once();
                if !matches!(again, Outcome::Ungrouped(_)) {
                    outcome = again;
                    break;
                }
            }
        }
        Answer { outcome, complication }
    }

    /// Follows a trail with the rules as written: every event must follow, every question must have its answer, and
    /// what lies between the events must not apply. Gives the answer at its end.
    pub fn replay(&self, record: &Record<'_>, explained: &Explained) -> Result<Answer, Broken> {
        let view = View::new(&self.definition, record);
        let complication = view.complication();
        let mut replay = Replay { scheme: self, explained, view, mdc: 0, step: 0, drg: None, entered: false };
        for (event, number) in explained.trail.iter().zip(0..) {
            match replay.follow(event) {
                Some(Some(outcome)) if number + 1 == explained.trail.len() => {
                    return Ok(Answer { outcome, complication });
                }
                Some(None) => {}
                Some(Some(_)) | None => return Err(Broken { event: number }),
            }
        }
        Err(Broken { event: explained.trail.len() })
    }
}

struct Replay<'r> {
    scheme: &'r Scheme,
    explained: &'r Explained,
    view: View<'r>,
    /// The next MDC, or the one entered.
    mdc: usize,
    /// The next step.
    step: usize,
    /// The next DRG of the step that matched.
    drg: Option<u16>,
    entered: bool,
}

impl Replay<'_> {
    /// None when the event does not follow; some outcome when it ends the trail.
    fn follow(&mut self, event: &Event) -> Option<Option<Outcome>> {
        let definition = self.view.definition;
        match *event {
            Event::ProcedureIgnored { position } => {
                let code = self.view.record.px.get(usize::from(position))?;
                let number = definition.px.binary_search_by(|known| known.text.as_str().cmp(code)).ok();
                self.view.in_set(number.map(|number| number as u32), definition.ignored_px?).then_some(None)
            }
            Event::MdcEntered { mdc, because } => {
                let own = definition.mdcs.get(usize::from(mdc))?;
                let fits = !self.entered
                    && self.none_until(usize::from(mdc))
                    && self.view.holds(&own.when)
                    && self.proven(because);
                self.mdc = usize::from(mdc);
                self.step = definition.steps.iter().position(|step| step.mdc == mdc).unwrap_or(definition.steps.len());
                self.entered = true;
                fits.then_some(None)
            }
            Event::StepMatched { step, because } => {
                let own = definition.steps.get(usize::from(step))?;
                let fits = self.entered
                    && self.drg.is_none()
                    && usize::from(own.mdc) == self.mdc
                    && self.no_step_until(usize::from(step))
                    && self.view.holds(&own.when)
                    && self.proven(because);
                self.step = usize::from(step) + 1;
                self.drg = Some(own.drg_first);
                let ambiguous = own.class == Class::Ambiguous;
                fits.then_some(ambiguous.then_some(Outcome::Ambiguous { step }))
            }
            Event::DrgRefused { drg, because } => {
                let own = definition.drgs.get(usize::from(drg))?;
                let fits = self.drg == Some(drg) && !self.view.holds(&own.when) && self.proven(because);
                self.drg = Some(drg + 1);
                fits.then_some(None)
            }
            Event::DrgMatched { drg, because } => {
                let own = definition.drgs.get(usize::from(drg))?;
                let fits = self.drg == Some(drg) && self.view.holds(&own.when) && self.proven(because);
                let step = u16::try_from(self.step.checked_sub(1)?).ok()?;
                fits.then_some(Some(Outcome::Drg { step, drg }))
            }
            Event::NoDrg { step } => {
                let own = definition.steps.get(usize::from(step))?;
                let fits = usize::from(step) + 1 == self.step && self.drg == Some(own.drg_first + own.drg_count);
                self.drg = None;
                fits.then_some((own.unmatched == Unmatched::Adrg).then_some(Outcome::AdrgOnly { step }))
            }
            Event::MdcLeft { mdc } => {
                let end = self.step + definition.steps.iter().skip(self.step).filter(|step| step.mdc == mdc).count();
                let fits = self.entered && usize::from(mdc) == self.mdc && self.no_step_until(end);
                self.entered = false;
                self.mdc += 1;
                fits.then_some(None)
            }
            Event::Retried { position } => {
                let fits = definition.retry && !self.entered && self.none_until(definition.mdcs.len());
                let code = self.view.record.px.get(usize::from(position))?;
                let number = definition.px.binary_search_by(|known| known.text.as_str().cmp(code)).ok();
                self.view.px = vec![number.map(|number| number as u32)];
                self.mdc = 0;
                self.step = 0;
                fits.then_some(None)
            }
            Event::Ungrouped(reason) => {
                let fits = match reason {
                    Ungrouped::PrincipalRefused => self.view.refused(),
                    Ungrouped::NoMdc | Ungrouped::NoStep => !self.entered && self.none_until(definition.mdcs.len()),
                    Ungrouped::Faulty => false,
                };
                fits.then_some(Some(Outcome::Ungrouped(reason)))
            }
        }
    }

    fn none_until(&self, end: usize) -> bool {
        let mdcs = self.view.definition.mdcs.get(self.mdc..end);
        mdcs.is_some_and(|mdcs| mdcs.iter().all(|mdc| !self.view.holds(&mdc.when)))
    }

    fn no_step_until(&self, end: usize) -> bool {
        let steps = self.view.definition.steps.get(self.step..end);
        steps.is_some_and(|steps| steps.iter().all(|step| !self.view.holds(&step.when)))
    }

    fn proven(&self, because: Because) -> bool {
        self.explained.because(because).iter().all(|evidence| {
            self.scheme.question(evidence.question).is_some_and(|atom| self.view.is(atom) == evidence.held)
        })
    }
}
