//! A scheme ready to group: its definition, its compiled rules and its hash.

use std::fmt;

use crate::codes::{Codes, Found};
use crate::columns::Columns;
use crate::compile::{Compiled, DxInfo, UNKNOWN_DX};
use crate::definition::{Class, Definition, Profile};
use crate::error::Error;
use crate::group::{Answer, Complication, Facts, Outcome};
use crate::pack;
use crate::record::Record;
use crate::rule::{Atom, SetIx};
use crate::tables::Tables;

/// A grouping scheme, as a country or a city publishes it for a year.
#[derive(Debug)]
pub struct Scheme {
    pub(crate) definition: Definition,
    pub(crate) compiled: Compiled,
    pub(crate) dx: Codes<DxInfo>,
    pub(crate) px: Codes<u16>,
    hash: Hash,
}

/// What a scheme knows of a record's codes, so that checking, grouping and weighing look each up once. Made to be used
/// for one record after another.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// dx: [diagnosis of the record]
    pub(crate) dx: Vec<Found<DxInfo>>,
    /// px: [procedure of the record]
    pub(crate) px: Vec<Found<u16>>,
}

/// SHA-256 of a scheme's packed content: two schemes with the same hash answer alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An answer in the scheme's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouped<'s> {
    /// Code of the MDC; `0000` without a group.
    pub mdc: &'s str,
    /// Code of the ADRG; `00` without a group, the QY code for an ambiguous record.
    pub adrg: &'s str,
    /// Code of the DRG; the ADRG or QY code where the scheme answers no DRG; `0000` without a group.
    pub drg: &'s str,
    /// What the step groups by; none without a group.
    pub class: Option<Class>,
    /// The highest level of complication that counted.
    pub complication: Complication,
    /// The same as numbers of the scheme, with the reason where there is no group.
    pub outcome: Outcome,
}

impl Scheme {
    /// Compiles a definition.
    pub fn new(definition: Definition) -> Result<Scheme, Error> {
        definition.check()?;
        let hash = pack::hash(&pack::content(&definition));
        Scheme::with_hash(definition, hash)
    }

    /// Takes a definition that was checked already.
    fn with_hash(definition: Definition, hash: Hash) -> Result<Scheme, Error> {
        let compiled = Compiled::new(&definition)?;
        let dx = Codes::new(&definition.dx, &compiled.dx);
        let px = Codes::new(&definition.px, &compiled.px);
        Ok(Scheme { definition, compiled, dx, px, hash })
    }

    /// Takes the scheme `id` out of the tables.
    pub fn build(tables: &Tables, id: &str, profile: Profile) -> Result<Scheme, Error> {
        tables.scheme(id, profile)
    }

    /// Reads a pack.
    pub fn read(bytes: &[u8]) -> Result<Scheme, Error> {
        let (definition, hash) = pack::read(bytes)?;
        Scheme::with_hash(definition, hash)
    }

    /// Writes the pack that `read` takes.
    pub fn pack(&self) -> Result<Vec<u8>, Error> {
        pack::write(&self.definition)
    }

    /// SHA-256 of the packed content.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What the scheme says, as plain data.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Groups one record. It always answers; `check` tells whether the record can be trusted, and `grouped` does both.
    pub fn group(&self, record: &Record<'_>) -> Grouped<'_> {
        self.name(self.answer(record))
    }

    /// Groups one record, as numbers.
    #[inline]
    pub fn answer(&self, record: &Record<'_>) -> Answer {
        let dx = record.dx.iter().map(|code| self.find_dx(code).value);
        let px = record.px.iter().map(|code| self.find_px(code).value);
        self.answer_with(record, dx, px)
    }

    /// Looks a record's codes up, in the place of an earlier record's, for `check_known`, `answer_known` and `weigh_known`.
    #[inline]
    pub fn look_up(&self, record: &Record<'_>, known: &mut Known) {
        self.dx.look_up_all(record.dx, UNKNOWN_DX, &mut known.dx);
        self.px.look_up_all(record.px, 0, &mut known.px);
    }

    /// As `answer`, for a record whose codes this scheme looked up.
    #[inline]
    pub fn answer_known(&self, record: &Record<'_>, known: &Known) -> Answer {
        self.answer_with(record, known.dx.iter().map(|dx| dx.value), known.px.iter().map(|px| px.value))
    }

    /// What the scheme knows of a diagnosis.
    #[inline]
    pub(crate) fn find_dx(&self, code: &str) -> Found<DxInfo> {
        self.dx.look_up(code, UNKNOWN_DX)
    }

    /// What the scheme knows of a procedure; class 0 for an unknown code.
    #[inline]
    pub(crate) fn find_px(&self, code: &str) -> Found<u16> {
        self.px.look_up(code, 0)
    }

    /// dx, px: [code of the record]
    #[inline]
    fn answer_with(
        &self,
        record: &Record<'_>,
        dx: impl Iterator<Item = DxInfo>,
        px: impl Iterator<Item = u16> + Clone,
    ) -> Answer {
        let mut facts = Facts::EMPTY;
        self.compiled.take_dx(&mut facts, dx);
        self.compiled.take_px(&mut facts, px.clone());
        self.compiled.take_rest(&mut facts, record);
        self.compiled.answer(self.definition.retry, &mut facts, px)
    }

    /// Groups a batch. `out` is cleared. answers: [row of the columns]
    pub fn group_batch(&self, columns: &Columns, out: &mut Vec<Answer>) -> Result<(), Error> {
        columns.answers(self, out)
    }

    /// An answer in the scheme's codes.
    pub fn name(&self, answer: Answer) -> Grouped<'_> {
        let definition = &self.definition;
        let (step, drg) = match answer.outcome {
            Outcome::Drg { step, drg } => (Some(step), definition.drgs.get(usize::from(drg))),
            Outcome::AdrgOnly { step } | Outcome::Ambiguous { step } => (Some(step), None),
            Outcome::Ungrouped(_) => (None, None),
        };
        let step = step.and_then(|step| definition.steps.get(usize::from(step)));
        let mdc = step.and_then(|step| definition.mdcs.get(usize::from(step.mdc)));
        let adrg = step.map_or("00", |step| step.adrg.as_str());
        Grouped {
            mdc: mdc.map_or("0000", |mdc| mdc.code.as_str()),
            adrg,
            drg: match (drg, step) {
                (Some(drg), _) => drg.code.as_str(),
                (None, Some(_)) => adrg,
                (None, None) => "0000",
            },
            class: step.map(|step| step.class),
            complication: answer.complication,
            outcome: answer.outcome,
        }
    }

    /// Name of a code set.
    pub fn set_name(&self, set: SetIx) -> &str {
        self.definition.sets.get(usize::from(set)).map_or("", |set| set.name.as_str())
    }

    /// A condition of some rule as text.
    pub fn atom_text(&self, atom: &Atom) -> String {
        atom.text(&|set| self.set_name(set).to_owned())
    }
}
