//! What a scheme says, as plain data: codes, sets, complication lists, MDCs, steps and DRGs in their order.
//!
//! `tables` and `pack` make a definition, `compile` turns it into what grouping runs on. Nothing here evaluates.
//! Source: opendrg, the tables version, mdc, adrg, drg, region, codeset, cc and cce.

use crate::error::Error;
use crate::rule::{Kind, Rule, SetIx};

/// Longest code in bytes.
pub(crate) const CODE_BYTES_MAX: usize = 20;
/// Most codes of one kind in a scheme.
pub(crate) const CODES_MAX: usize = 1 << 17;
/// Most code sets in a scheme.
pub(crate) const SETS_MAX: usize = 4_096;
/// Most MDCs in a scheme.
pub(crate) const MDCS_MAX: usize = 255;
/// Most evaluation steps in a scheme.
pub(crate) const STEPS_MAX: usize = 8_192;
/// Most DRGs in a scheme.
pub(crate) const DRGS_MAX: usize = 16_384;
/// Most numbered exclusion tables in a scheme; the numbers above stand for "not listed" and "none".
pub(crate) const EXCLUSION_MAX: u16 = 60_000;

/// Which text of the rules is used where the public reference departs from the published rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// As the rules were published: `errata.csv` is applied.
    #[default]
    Published,
    /// As the public reference grouper runs.
    Reference,
}

impl Profile {
    /// The profile's word.
    pub fn word(self) -> &'static str {
        match self {
            Profile::Published => "published",
            Profile::Reference => "reference",
        }
    }
}

/// What an evaluation step groups by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Operating-room surgery.
    Surgical,
    /// Other procedure.
    Operation,
    /// Medical treatment.
    Medical,
    /// The record stays ambiguous: its QY code is the answer.
    Ambiguous,
}

impl Class {
    pub(crate) const ALL: [(Class, &'static str); 4] = [
        (Class::Surgical, "surgical"),
        (Class::Operation, "operation"),
        (Class::Medical, "medical"),
        (Class::Ambiguous, "ambiguous"),
    ];

    /// The class's word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).map_or("", |(_, word)| word)
    }
}

/// What happens when a step matches but none of its DRGs does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// Evaluation goes on with the next step.
    Next,
    /// Evaluation stops, the ADRG is the answer.
    Adrg,
}

/// A code of a scheme's dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code as it is written in records.
    pub text: String,
    /// The code stands in the insurance edition of the classification.
    pub listed: bool,
    /// Grey code: not to be used for settlement.
    pub grey: bool,
}

/// A named list of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSet {
    /// Name, as rules write it.
    pub name: String,
    /// What it lists.
    pub kind: Kind,
    /// codes: [member], numbers in the dictionary of that kind, ascending.
    pub codes: Vec<u32>,
}

/// A diagnosis that may count as a complication or comorbidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complicating {
    /// Number in the dictionary of diagnoses.
    pub dx: u32,
    /// Major.
    pub major: bool,
    /// Number of its exclusion table, 0 for none.
    pub exclusion: u16,
}

/// A major diagnostic category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mdc {
    /// Code, as `MDCF`.
    pub code: String,
    /// Name in the scheme's language.
    pub name: String,
    /// When it is entered.
    pub when: Rule,
}

/// One evaluation step: an ADRG or one of its alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Number of its MDC; steps of one MDC stand together, in evaluation order.
    pub mdc: u8,
    /// Id, as `AH1_2`.
    pub step: String,
    /// The ADRG it answers, as `AH1`.
    pub adrg: String,
    /// What it groups by.
    pub class: Class,
    /// Name in the scheme's language.
    pub name: String,
    /// When it matches.
    pub when: Rule,
    /// What happens when none of its DRGs matches.
    pub unmatched: Unmatched,
    /// Number of its first DRG.
    pub drg_first: u16,
    /// How many DRGs it has.
    pub drg_count: u16,
}

/// A diagnosis related group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drg {
    /// Code, as `FR21`.
    pub code: String,
    /// Name in the scheme's language.
    pub name: String,
    /// When it applies within its step.
    pub when: Rule,
}

/// A body region of the trauma MDC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Name in the scheme's language.
    pub name: String,
    /// Its list of injuries.
    pub set: SetIx,
}

/// A whole scheme as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Id, as `chs_drg_11`.
    pub id: String,
    /// Title in the scheme's language.
    pub title: String,
    /// Where it applies.
    pub region: String,
    /// The family it descends from.
    pub base: String,
    /// Year of publication.
    pub year: u16,
    /// How its agreement was established.
    pub checked: String,
    /// Which text of the rules it follows.
    pub profile: Profile,
    /// An ungrouped record is tried again with each secondary procedure alone.
    pub retry: bool,
    /// Diagnosis codes, ascending by text.
    pub dx: Vec<Code>,
    /// Procedure codes, ascending by text.
    pub px: Vec<Code>,
    /// Code sets that the scheme refers to.
    pub sets: Vec<CodeSet>,
    /// Procedures the scheme knows.
    pub valid_px: Option<SetIx>,
    /// Procedures dropped before anything else.
    pub ignored_px: Option<SetIx>,
    /// Principal diagnoses that end in 0000.
    pub bad_pdx: Option<SetIx>,
    /// Complications and comorbidities, ascending by diagnosis, CC before MCC.
    pub complicating: Vec<Complicating>,
    /// exclusions: [row], (diagnosis, number of the exclusion table that holds when it is principal), ascending.
    pub exclusions: Vec<(u32, u16)>,
    /// In evaluation order.
    pub mdcs: Vec<Mdc>,
    /// In evaluation order.
    pub steps: Vec<Step>,
    /// In the order of their steps.
    pub drgs: Vec<Drg>,
    /// Regions of the trauma MDC.
    pub regions: Vec<Region>,
}

impl Definition {
    /// Refuses what would make evaluation meaningless.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bound = |what: &str, count: usize, most: usize| {
            if count > most {
                return Err(Error::scheme(format!("{count} {what}, but {most} is the most")));
            }
            Ok(())
        };
        bound("diagnosis codes", self.dx.len(), CODES_MAX)?;
        bound("procedure codes", self.px.len(), CODES_MAX)?;
        bound("code sets", self.sets.len(), SETS_MAX)?;
        bound("MDCs", self.mdcs.len(), MDCS_MAX)?;
        bound("steps", self.steps.len(), STEPS_MAX)?;
        bound("DRGs", self.drgs.len(), DRGS_MAX)?;
        if self.mdcs.is_empty() {
            return Err(Error::scheme("no MDC"));
        }
        if self.id.is_empty() {
            return Err(Error::scheme("no id"));
        }
        codes_ascend("diagnosis", &self.dx)?;
        codes_ascend("procedure", &self.px)?;
        self.check_sets()?;
        self.check_complications()?;
        self.check_order()
    }

    fn check_sets(&self) -> Result<(), Error> {
        for set in &self.sets {
            if set.name.is_empty() || !set.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(Error::scheme(format!("`{}` is no name of a code set", set.name)));
            }
            let codes = match set.kind {
                Kind::Dx => self.dx.len(),
                Kind::Px => self.px.len(),
            };
            let mut before: Option<u32> = None;
            for code in &set.codes {
                if *code as usize >= codes {
                    return Err(Error::scheme(format!("code set `{}` names code {code} of {codes}", set.name)));
                }
                if before.is_some_and(|before| before >= *code) {
                    return Err(Error::scheme(format!("code set `{}` is not in ascending order", set.name)));
                }
                before = Some(*code);
            }
        }
        let kind = |what: &str, set: SetIx, wanted: Kind| match self.sets.get(usize::from(set)) {
            None => Err(Error::scheme(format!("{what} names code set {set} of {}", self.sets.len()))),
            Some(set) if set.kind != wanted => {
                Err(Error::scheme(format!("{what} names `{}`, which does not list {wanted}", set.name)))
            }
            Some(_) => Ok(()),
        };
        for (what, set, wanted) in [
            ("valid_px", self.valid_px, Kind::Px),
            ("ignored_px", self.ignored_px, Kind::Px),
            ("bad_pdx", self.bad_pdx, Kind::Dx),
        ] {
            if let Some(set) = set {
                kind(what, set, wanted)?;
            }
        }
        for region in &self.regions {
            kind(&format!("region `{}`", region.name), region.set, Kind::Dx)?;
        }
        Ok(())
    }

    fn check_complications(&self) -> Result<(), Error> {
        let mut seen = vec![[false; 2]; self.dx.len()];
        for row in &self.complicating {
            let Some(seen) = seen.get_mut(row.dx as usize) else {
                return Err(Error::scheme(format!("the complication list names diagnosis {}", row.dx)));
            };
            if std::mem::replace(&mut seen[usize::from(row.major)], true) {
                return Err(Error::scheme(format!("the complication list names diagnosis {} twice", row.dx)));
            }
            if row.exclusion > EXCLUSION_MAX {
                return Err(Error::scheme(format!("exclusion table {} is above {EXCLUSION_MAX}", row.exclusion)));
            }
        }
        if !self.complicating.is_sorted_by_key(|row| (row.dx, row.major)) {
            return Err(Error::scheme("the complication list is not in ascending order"));
        }
        let mut seen = vec![false; self.dx.len()];
        for (dx, exclusion) in &self.exclusions {
            let Some(seen) = seen.get_mut(*dx as usize) else {
                return Err(Error::scheme(format!("the exclusion list names diagnosis {dx}")));
            };
            if std::mem::replace(seen, true) {
                return Err(Error::scheme(format!("the exclusion list names diagnosis {dx} twice")));
            }
            if *exclusion == 0 || *exclusion > EXCLUSION_MAX {
                return Err(Error::scheme(format!("exclusion table {exclusion} is not in 1 to {EXCLUSION_MAX}")));
            }
        }
        if !self.exclusions.is_sorted() {
            return Err(Error::scheme("the exclusion list is not in ascending order"));
        }
        Ok(())
    }

    fn check_order(&self) -> Result<(), Error> {
        let mut drg_next = 0usize;
        let mut mdc_before = 0u8;
        for step in &self.steps {
            if usize::from(step.mdc) >= self.mdcs.len() {
                return Err(Error::scheme(format!("step `{}` names MDC {}", step.step, step.mdc)));
            }
            if step.mdc < mdc_before {
                return Err(Error::scheme(format!("step `{}` is not in the order of the MDCs", step.step)));
            }
            mdc_before = step.mdc;
            if usize::from(step.drg_first) != drg_next {
                return Err(Error::scheme(format!("the DRGs of step `{}` do not follow those before", step.step)));
            }
            drg_next += usize::from(step.drg_count);
            if step.class == Class::Ambiguous && step.drg_count > 0 {
                return Err(Error::scheme(format!("the ambiguous step `{}` has DRGs", step.step)));
            }
            if step.adrg.is_empty() {
                return Err(Error::scheme(format!("step `{}` has no ADRG", step.step)));
            }
        }
        if drg_next != self.drgs.len() {
            return Err(Error::scheme(format!("{} DRGs belong to steps, but there are {}", drg_next, self.drgs.len())));
        }
        let rules = (self.mdcs.iter().map(|mdc| (&mdc.code, &mdc.when)))
            .chain(self.steps.iter().map(|step| (&step.step, &step.when)))
            .chain(self.drgs.iter().map(|drg| (&drg.code, &drg.when)));
        for (owner, rule) in rules {
            let mut fault = None;
            rule.atoms(&mut |atom| {
                let sets = atom.sets();
                if let Some(set) = sets.iter().find(|set| usize::from(**set) >= self.sets.len()) {
                    fault = Some(format!("the rule of `{owner}` names code set {set}"));
                }
                if sets.iter().enumerate().any(|(i, set)| sets[..i].contains(set)) {
                    fault = Some(format!("the rule of `{owner}` names one region twice"));
                }
            });
            if let Some(fault) = fault {
                return Err(Error::scheme(fault));
            }
        }
        for drg in &self.drgs {
            if drg.code.is_empty() {
                return Err(Error::scheme("a DRG has no code"));
            }
        }
        Ok(())
    }
}

fn codes_ascend(what: &str, codes: &[Code]) -> Result<(), Error> {
    let mut before = "";
    for code in codes {
        let text = code.text.as_str();
        if text.is_empty() || text.len() > CODE_BYTES_MAX || text.contains('\0') {
            return Err(Error::scheme(format!("the {what} code `{text}` is empty or longer than {CODE_BYTES_MAX}")));
        }
        if text <= before {
            return Err(Error::scheme(format!("the {what} code `{text}` is not in ascending order")));
        }
        before = text;
    }
    Ok(())
}
