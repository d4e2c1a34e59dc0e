//! Sentences for people, made from explained answers and a table of words. The words are in `words.csv`, one column a
//! language; a caller may bring a table of its own. Nothing else in the crate speaks to people.

use std::collections::HashMap;

use crate::check::Fault;
use crate::definition::Unmatched;
use crate::explain::{Because, By, Event, Explained, NearMiss};
use crate::group::{Complication, Ungrouped};
use crate::record::Record;
use crate::rule::{Atom, Field, Rule};
use crate::scheme::Scheme;

/// Words of one language by key, with `{name}` where a fact goes in.
#[derive(Debug, Clone)]
pub struct Words {
    words: HashMap<String, String>,
}

/// Why a table of words was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the words: {what}")]
pub struct WordsFault {
    line: u64,
    what: String,
}

impl Words {
    /// The words that come with the crate; `language` is `en` or `zh-CN`.
    pub fn shipped(language: &str) -> Result<Words, WordsFault> {
        Words::read(include_str!("../words.csv"), language)
    }

    /// Reads a table of words: CSV with the column `key` and one column a language.
    pub fn read(table: &str, language: &str) -> Result<Words, WordsFault> {
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let broken = |error: csv::Error| WordsFault {
            line: error.position().map_or(0, csv::Position::line),
            what: error.to_string(),
        };
        let header = reader.headers().map_err(broken)?.clone();
        let column = |name: &str| {
            let at = header.iter().position(|column| column == name);
            at.ok_or_else(|| WordsFault { line: 1, what: format!("the column `{name}` is missing") })
        };
        let (key, word) = (column("key")?, column(language)?);
        let mut words = HashMap::new();
        for row in reader.records() {
            let row = row.map_err(broken)?;
            let line = row.position().map_or(0, csv::Position::line);
            let (key, word) = (row.get(key).unwrap_or(""), row.get(word).unwrap_or(""));
            if key.is_empty() || word.is_empty() {
                return Err(WordsFault { line, what: "a cell is empty".to_owned() });
            }
            if words.insert(key.to_owned(), word.to_owned()).is_some() {
                return Err(WordsFault { line, what: format!("`{key}` stands twice") });
            }
        }
        Ok(Words { words })
    }

    /// The sentence of a key with its facts. A key without words gives itself, so that nothing is lost.
    pub fn say(&self, key: &str, facts: &[(&str, &str)]) -> String {
        let mut text = self.words.get(key).cloned().unwrap_or_else(|| key.to_owned());
        for (name, fact) in facts {
            text = text.replace(&format!("{{{name}}}"), fact);
        }
        text
    }

    /// A fault of a record as a sentence.
    pub fn fault(&self, fault: &Fault) -> String {
        let text = |number: &dyn ToString| number.to_string();
        let facts: Vec<(&str, String)> = match fault {
            Fault::NoPrincipal
            | Fault::NoSex
            | Fault::NoAge
            | Fault::BornAfterAdmission
            | Fault::AdmittedAfterDischarge => Vec::new(),
            Fault::UnknownDiagnosis { position, code }
            | Fault::UnknownProcedure { position, code }
            | Fault::GreyDiagnosis { position, code }
            | Fault::GreyProcedure { position, code } => {
                vec![("position", text(&(position + 1))), ("code", code.clone())]
            }
            Fault::Sex { sex } => vec![("sex", text(sex))],
            Fault::Age { years } => vec![("years", text(years))],
            Fault::AgeDays { days } | Fault::Stay { days } => vec![("days", text(days))],
            Fault::AgesDisagree { years, days } => vec![("years", text(years)), ("days", text(days))],
            Fault::Weight { grams } => vec![("grams", text(grams))],
            Fault::IcuHours { hours } => vec![("hours", text(hours))],
            Fault::StayDisagrees { days, counted } => vec![("days", text(days)), ("counted", text(counted))],
            Fault::AgeDisagrees { years, counted } => vec![("years", text(years)), ("counted", text(counted))],
        };
        let facts: Vec<(&str, &str)> = facts.iter().map(|(name, fact)| (*name, fact.as_str())).collect();
        self.say(fault.key(), &facts)
    }

    /// An explained answer as sentences: the complications, the trail, then the near misses.
    pub fn explained(&self, scheme: &Scheme, record: &Record<'_>, explained: &Explained) -> Vec<String> {
        let teller = Teller { words: self, scheme, record, explained };
        let weighed = explained.weighed.iter().map(|weighed| {
            let level = if weighed.level == Complication::Mcc { "MCC" } else { "CC" };
            let code = code(record.dx, weighed.position);
            match weighed.excluded_by_table {
                None => self.say("weighed.counted", &[("code", code), ("level", level)]),
                Some(table) => {
                    let facts = [("code", code), ("level", level), ("table", &table.to_string())];
                    self.say("weighed.excluded", &[&facts[..], &[("principal", self::code(record.dx, 0))]].concat())
                }
            }
        });
        let trail = explained.trail.iter().map(|event| teller.event(event));
        let near = explained.near_misses.iter().map(|near| teller.near_miss(near));
        weighed.chain(trail).chain(near).collect()
    }
}

fn code<'r>(codes: &[&'r str], position: u16) -> &'r str {
    codes.get(usize::from(position)).copied().unwrap_or("")
}

struct Teller<'t> {
    words: &'t Words,
    scheme: &'t Scheme,
    record: &'t Record<'t>,
    explained: &'t Explained,
}

impl Teller<'_> {
    fn event(&self, event: &Event) -> String {
        let words = self.words;
        match *event {
            Event::ProcedureIgnored { position } => {
                words.say("event.procedure_ignored", &[("code", code(self.record.px, position))])
            }
            Event::MdcEntered { mdc, because } => {
                let (code, name) = self.mdc(mdc);
                words.say("event.mdc_entered", &[("code", code), ("name", name), ("because", &self.because(because))])
            }
            Event::MdcLeft { mdc } => words.say("event.mdc_left", &[("code", self.mdc(mdc).0)]),
            Event::StepMatched { step, because } => {
                let (code, name) = self.step(step);
                words.say("event.step_matched", &[("code", code), ("name", name), ("because", &self.because(because))])
            }
            Event::DrgRefused { drg, because } => {
                let (code, name) = self.drg(drg);
                words.say("event.drg_refused", &[("code", code), ("name", name), ("because", &self.because(because))])
            }
            Event::DrgMatched { drg, because } => {
                let (code, name) = self.drg(drg);
                words.say("event.drg_matched", &[("code", code), ("name", name), ("because", &self.because(because))])
            }
            Event::NoDrg { step } => {
                let own = self.scheme.definition().steps.get(usize::from(step));
                let key = match own.map(|own| own.unmatched) {
                    Some(Unmatched::Adrg) => "event.no_drg_adrg",
                    Some(Unmatched::Next) | None => "event.no_drg_next",
                };
                words.say(key, &[("code", self.step(step).0)])
            }
            Event::Retried { position } => words.say("event.retried", &[("code", code(self.record.px, position))]),
            Event::Ungrouped(reason) => {
                let key = match reason {
                    Ungrouped::PrincipalRefused => "ungrouped.principal_refused",
                    Ungrouped::NoMdc => "ungrouped.no_mdc",
                    Ungrouped::NoStep => "ungrouped.no_step",
                    Ungrouped::Faulty => "ungrouped.faulty",
                };
                words.say(key, &[("code", code(self.record.dx, 0))])
            }
        }
    }

    fn near_miss(&self, near: &NearMiss) -> String {
        let words = self.words;
        match *near {
            NearMiss::Mdc { mdc, lacks } => {
                let (code, name) = self.mdc(mdc);
                words.say("near.lacks", &[("code", code), ("name", name), ("lacks", &self.condition(lacks))])
            }
            NearMiss::Step { step, lacks } => {
                let (code, name) = self.step(step);
                words.say("near.lacks", &[("code", code), ("name", name), ("lacks", &self.condition(lacks))])
            }
            NearMiss::SecondaryProcedure { step, position } => {
                let (group, name) = self.step(step);
                let facts = [("code", group), ("name", name), ("procedure", code(self.record.px, position))];
                words.say("near.secondary_procedure", &facts)
            }
            NearMiss::ExcludedComplication { drg, position } => {
                let (group, name) = self.drg(drg);
                let facts = [("code", group), ("name", name), ("diagnosis", code(self.record.dx, position))];
                words.say("near.excluded_complication", &facts)
            }
        }
    }

    fn because(&self, because: Because) -> String {
        let parts: Vec<String> = (self.explained.because(because).iter())
            .map(|evidence| {
                let question = self.scheme.question(evidence.question).map_or_else(String::new, |atom| self.atom(atom));
                let by = match evidence.by {
                    By::Diagnosis(position) => code(self.record.dx, position),
                    By::Procedure(position) => code(self.record.px, position),
                    By::Nothing => "",
                };
                let key = match (evidence.held, by.is_empty()) {
                    (true, false) => "evidence.held_by",
                    (true, true) => "evidence.held",
                    (false, _) => "evidence.failed",
                };
                self.words.say(key, &[("question", &question), ("code", by)])
            })
            .collect();
        if parts.is_empty() { self.words.say("evidence.none", &[]) } else { parts.join(&self.words.say("join", &[])) }
    }

    fn condition(&self, condition: u32) -> String {
        self.scheme.condition(condition).map_or_else(String::new, |rule| self.rule(rule))
    }

    fn rule(&self, rule: &Rule) -> String {
        let join = |parts: &[Rule], key: &str| {
            let parts: Vec<String> = parts.iter().map(|part| self.rule(part)).collect();
            parts.join(&self.words.say(key, &[]))
        };
        match rule {
            Rule::All(parts) => join(parts, "rule.and"),
            Rule::Any(parts) => join(parts, "rule.or"),
            Rule::Not(part) => self.words.say("rule.not", &[("rule", &self.rule(part))]),
            Rule::Is(atom) => self.atom(atom),
            Rule::Always => self.words.say("rule.always", &[]),
            Rule::Never => self.words.say("rule.never", &[]),
        }
    }

    fn atom(&self, atom: &Atom) -> String {
        let words = self.words;
        match atom {
            Atom::In { role, set } => {
                words.say(&format!("atom.{}", role.word()), &[("set", self.scheme.set_name(*set))])
            }
            Atom::Regions { sets, least } => {
                words.say("atom.regions", &[("least", &least.to_string()), ("all", &sets.len().to_string())])
            }
            Atom::Compare { field: Field::Sex, value, .. } => {
                words.say(if *value == 1 { "atom.male" } else { "atom.female" }, &[])
            }
            Atom::Compare { field, relation, value } => {
                let field = words.say(&format!("field.{}", field.word()), &[]);
                let facts = [("field", field.as_str()), ("relation", relation.sign()), ("value", &value.to_string())];
                words.say("atom.compare", &facts)
            }
            Atom::Discharge(codes) => words.say("atom.discharge", &[("codes", &codes.join(", "))]),
            Atom::Dept(code) => words.say("atom.dept", &[("code", code)]),
            Atom::Mcc => words.say("atom.mcc", &[]),
            Atom::Cc => words.say("atom.cc", &[]),
        }
    }

    fn mdc(&self, mdc: u8) -> (&str, &str) {
        let own = self.scheme.definition().mdcs.get(usize::from(mdc));
        own.map_or(("", ""), |own| (own.code.as_str(), own.name.as_str()))
    }

    fn step(&self, step: u16) -> (&str, &str) {
        let own = self.scheme.definition().steps.get(usize::from(step));
        own.map_or(("", ""), |own| (own.step.as_str(), own.name.as_str()))
    }

    fn drg(&self, drg: u16) -> (&str, &str) {
        let own = self.scheme.definition().drgs.get(usize::from(drg));
        own.map_or(("", ""), |own| (own.code.as_str(), own.name.as_str()))
    }
}
