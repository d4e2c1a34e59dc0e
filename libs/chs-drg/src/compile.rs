//! From a definition to what grouping runs on.
//!
//! Codes that no rule tells apart share a class. For every class of principal diagnosis and of principal procedure a
//! bit row names the steps that this class does not rule out, so grouping looks only at the steps in both rows. A rule
//! is a program of tests, each with the place to go on when it holds and when it does not.

use std::collections::HashMap;

use crate::definition::{Class, Definition, Unmatched};
use crate::error::Error;
use crate::rule::{Atom, Field, Kind, Relation, Role, Rule, SetIx};

/// Most sets that rules may ask of any or secondary codes of one kind: one bit each of a mask.
const MASK_SETS_MAX: usize = 64;
/// Most cells of a table by class.
const CELLS_MAX: usize = 1 << 22;

/// Where a program ends with "holds".
pub(crate) const YES: u32 = u32::MAX;
/// Where a program ends with "does not hold".
pub(crate) const NO: u32 = u32::MAX - 1;

/// Exclusion number of a diagnosis that is not on the level's list.
pub(crate) const UNLISTED: u16 = u16::MAX;
/// Exclusion number of a principal diagnosis that excludes nothing.
pub(crate) const EXCLUDES_NONE: u16 = u16::MAX - 1;

/// What a diagnosis code means to the scheme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DxInfo {
    pub class: u16,
    /// Exclusion table as an MCC, 0 for none, `UNLISTED` when it is no MCC.
    pub mcc: u16,
    /// The same as a CC.
    pub cc: u16,
    /// Exclusion table when it is principal.
    pub excludes: u16,
}

/// A diagnosis the scheme does not know.
pub(crate) const UNKNOWN_DX: DxInfo = DxInfo { class: 0, mcc: UNLISTED, cc: UNLISTED, excludes: EXCLUDES_NONE };

/// One question and where to go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    pub test: Test,
    pub yes: u32,
    pub no: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Test {
    PrincipalDx {
        word: u16,
        bit: u64,
    },
    AnyDx(u64),
    SecondaryDx(u64),
    PrincipalPx {
        word: u16,
        bit: u64,
    },
    AnyPx(u64),
    SecondaryPx(u64),
    Regions {
        mask: u64,
        least: u32,
    },
    Number {
        field: Field,
        relation: Relation,
        value: i32,
    },
    /// Bits of the words, see `Compiled::words`.
    Discharge(u64),
    Dept(u8),
    Mcc,
    Cc,
}

/// Classes of one kind of code.
#[derive(Debug)]
pub(crate) struct Classes {
    /// Class 0 is every code in no set.
    pub count: usize,
    /// Words of a set row.
    pub width: usize,
    /// rows: [class, width], which sets the class is in.
    pub rows: Vec<u64>,
    /// masks: [class], which of the sets asked of any code it is in.
    pub masks: Vec<u64>,
    /// steps: [class, step width], which steps the class as principal does not rule out.
    pub steps: Vec<u64>,
    /// Classes that are dropped (procedures) or refused as principal (diagnoses).
    pub barred: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct StepInfo {
    pub entry: u32,
    pub mdc: u8,
    pub ambiguous: bool,
    pub adrg_on_unmatched: bool,
    pub drg_first: u16,
    pub drg_end: u16,
    /// The parts that must all hold, as programs: range of `Compiled::parts`.
    pub parts: (u32, u32),
}

#[derive(Debug)]
pub(crate) struct MdcInfo {
    pub entry: u32,
    pub parts: (u32, u32),
    pub step_first: u16,
    pub step_end: u16,
}

/// A part of a rule that must hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub entry: u32,
    /// The part is a single question of a set, so that holding it says something about the record.
    pub telling: bool,
    /// The part asks procedures only.
    pub asks_px: bool,
    /// The part is `ppx in S`: S.
    pub principal_px: Option<SetIx>,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    pub dx: Vec<DxInfo>,
    /// px: [code], class.
    pub px: Vec<u16>,
    pub dx_classes: Classes,
    pub px_classes: Classes,
    /// [step width], which steps a record without procedures is not ruled out of.
    pub no_px_steps: Vec<u64>,
    pub step_width: usize,
    pub mdcs: Vec<MdcInfo>,
    pub steps: Vec<StepInfo>,
    /// drgs: [drg], entry of its program.
    pub drgs: Vec<u32>,
    pub ops: Vec<Op>,
    /// atoms: [op], the question as it stands in the rule.
    pub atoms: Vec<Atom>,
    pub parts: Vec<Part>,
    /// part_rules: [part], the part as a rule.
    pub part_rules: Vec<Rule>,
    /// Departments and ways of discharge that rules name; a record's text is its position here.
    pub words: Vec<String>,
}

impl Compiled {
    /// Takes a definition that `Definition::check` has passed.
    pub(crate) fn new(definition: &Definition) -> Result<Compiled, Error> {
        let (mut dx_classes, dx_class) = classes(definition, Kind::Dx, definition.bad_pdx)?;
        let (mut px_classes, px) = classes(definition, Kind::Px, definition.ignored_px)?;
        let mut dx: Vec<DxInfo> = dx_class.iter().map(|class| DxInfo { class: *class, ..UNKNOWN_DX }).collect();
        for row in &definition.complicating {
            if let Some(info) = dx.get_mut(row.dx as usize) {
                if row.major {
                    info.mcc = row.exclusion;
                } else {
                    info.cc = row.exclusion;
                }
            }
        }
        for (code, exclusion) in &definition.exclusions {
            if let Some(info) = dx.get_mut(*code as usize) {
                info.excludes = *exclusion;
            }
        }

        let mut compiler = Compiler::new(definition)?;
        compiler.masks(&mut dx_classes, Kind::Dx);
        compiler.masks(&mut px_classes, Kind::Px);
        let mut mdcs = Vec::new();
        for mdc in &definition.mdcs {
            let entry = compiler.emit(&mdc.when, YES, NO)?;
            let parts = compiler.parts(&mdc.when)?;
            mdcs.push(MdcInfo { entry, parts, step_first: u16::MAX, step_end: 0 });
        }
        let mut steps = Vec::new();
        for (step, number) in definition.steps.iter().zip(0u16..) {
            let entry = compiler.emit(&step.when, YES, NO)?;
            let parts = compiler.parts(&step.when)?;
            if let Some(mdc) = mdcs.get_mut(usize::from(step.mdc)) {
                mdc.step_first = mdc.step_first.min(number);
                mdc.step_end = number + 1;
            }
            steps.push(StepInfo {
                entry,
                mdc: step.mdc,
                ambiguous: step.class == Class::Ambiguous,
                adrg_on_unmatched: step.unmatched == Unmatched::Adrg,
                drg_first: step.drg_first,
                drg_end: step.drg_first + step.drg_count,
                parts,
            });
        }
        for mdc in &mut mdcs {
            mdc.step_first = mdc.step_first.min(mdc.step_end);
        }
        let mut drgs = Vec::new();
        for drg in &definition.drgs {
            drgs.push(compiler.emit(&drg.when, YES, NO)?);
        }

        let step_width = definition.steps.len().div_ceil(64);
        cells(dx_classes.count, step_width)?;
        cells(px_classes.count + 1, step_width)?;
        dx_classes.steps = candidates(definition, &dx_classes, Kind::Dx, step_width);
        px_classes.steps = candidates(definition, &px_classes, Kind::Px, step_width);
        let no_px_steps = px_classes.steps.split_off(px_classes.count * step_width);
        dx_classes.steps.truncate(dx_classes.count * step_width);
        Ok(Compiled {
            dx,
            px,
            dx_classes,
            px_classes,
            no_px_steps,
            step_width,
            mdcs,
            steps,
            drgs,
            ops: compiler.ops,
            atoms: compiler.atoms,
            parts: compiler.parts,
            part_rules: compiler.part_rules,
            words: compiler.words,
        })
    }
}

fn cells(classes: usize, width: usize) -> Result<(), Error> {
    if classes * width > CELLS_MAX {
        return Err(Error::scheme(format!("{classes} classes of codes by {width} words are too many")));
    }
    Ok(())
}

/// Splits the codes of a kind into classes by the sets they are in: one pass over all members.
fn classes(definition: &Definition, kind: Kind, barred: Option<SetIx>) -> Result<(Classes, Vec<u16>), Error> {
    let codes = match kind {
        Kind::Dx => definition.dx.len(),
        Kind::Px => definition.px.len(),
    };
    let mut class = vec![0u32; codes];
    let mut next = 1u32;
    // split: [class], the set that split it last and the class its members went to.
    let mut split: Vec<(usize, u32)> = vec![(usize::MAX, 0)];
    for (number, set) in definition.sets.iter().enumerate().filter(|(_, set)| set.kind == kind) {
        for code in &set.codes {
            let Some(own) = class.get_mut(*code as usize) else { continue };
            let Some(entry) = split.get_mut(*own as usize) else { continue };
            if entry.0 != number {
                *entry = (number, next);
                next += 1;
            }
            *own = entry.1;
            if split.len() < next as usize {
                split.push((usize::MAX, 0));
            }
        }
    }
    // Classes that lost all their members vanish; class 0 stays.
    let mut renumbered = vec![u32::MAX; split.len()];
    let mut count = 1u32;
    if let Some(first) = renumbered.first_mut() {
        *first = 0;
    }
    let mut narrow = Vec::with_capacity(codes);
    for own in &class {
        let Some(to) = renumbered.get_mut(*own as usize) else { continue };
        if *to == u32::MAX {
            *to = count;
            count += 1;
        }
        narrow.push(u16::try_from(*to).map_err(|_| Error::scheme(format!("too many classes of {kind}")))?);
    }
    let count = count as usize;
    let width = definition.sets.len().div_ceil(64);
    cells(count, width)?;
    let mut rows = vec![0u64; count * width];
    for (number, set) in definition.sets.iter().enumerate().filter(|(_, set)| set.kind == kind) {
        for code in &set.codes {
            let own = narrow.get(*code as usize).map_or(0, |class| usize::from(*class));
            if let Some(word) = rows.get_mut(own * width + number / 64) {
                *word |= 1 << (number % 64);
            }
        }
    }
    let barred = (0..count).map(|class| barred.is_some_and(|set| has(&rows, width, class, set))).collect();
    Ok((Classes { count, width, rows, masks: vec![0; count], steps: Vec::new(), barred }, narrow))
}

fn has(rows: &[u64], width: usize, class: usize, set: SetIx) -> bool {
    let (word, bit) = (usize::from(set) / 64, 1u64 << (set % 64));
    rows.get(class * width + word).is_some_and(|row| row & bit != 0)
}

impl Classes {
    /// Whether the class is in the set.
    #[inline]
    pub(crate) fn has(&self, class: u16, set: SetIx) -> bool {
        has(&self.rows, self.width, usize::from(class), set)
    }
}

struct Compiler {
    /// Bit of every set that is asked of any or secondary codes.
    dx_bits: HashMap<SetIx, u64>,
    px_bits: HashMap<SetIx, u64>,
    ops: Vec<Op>,
    atoms: Vec<Atom>,
    parts: Vec<Part>,
    part_rules: Vec<Rule>,
    words: Vec<String>,
}

impl Compiler {
    fn new(definition: &Definition) -> Result<Self, Error> {
        let mut compiler = Compiler {
            dx_bits: HashMap::new(),
            px_bits: HashMap::new(),
            ops: Vec::new(),
            atoms: Vec::new(),
            parts: Vec::new(),
            part_rules: Vec::new(),
            words: Vec::new(),
        };
        let (dx_bits, px_bits, words) = (&mut compiler.dx_bits, &mut compiler.px_bits, &mut compiler.words);
        let rules = (definition.mdcs.iter().map(|mdc| &mdc.when))
            .chain(definition.steps.iter().map(|step| &step.when))
            .chain(definition.drgs.iter().map(|drg| &drg.when));
        let mut many = false;
        for rule in rules {
            rule.atoms(&mut |atom| match atom {
                Atom::In { role: Role::PrincipalDx | Role::PrincipalPx, .. }
                | Atom::Compare { .. }
                | Atom::Mcc
                | Atom::Cc => {}
                Atom::In { role: Role::AnyDx | Role::SecondaryDx, .. } | Atom::Regions { .. } => {
                    atom.sets().iter().for_each(|set| many |= !number_bit(dx_bits, *set));
                }
                Atom::In { role: Role::AnyPx | Role::SecondaryPx, set } => many |= !number_bit(px_bits, *set),
                Atom::Discharge(codes) => codes.iter().for_each(|code| add_word(words, code)),
                Atom::Dept(code) => add_word(words, code),
            });
        }
        if many || words.len() > MASK_SETS_MAX {
            return Err(Error::scheme(format!(
                "rules ask more than {MASK_SETS_MAX} sets of any or secondary codes, or name more departments"
            )));
        }
        Ok(compiler)
    }

    fn masks(&self, classes: &mut Classes, kind: Kind) {
        let bits = if kind == Kind::Dx { &self.dx_bits } else { &self.px_bits };
        let masks: Vec<u64> = (0..classes.count)
            .map(|class| {
                let own = bits.iter().filter(|(set, _)| has(&classes.rows, classes.width, class, **set));
                own.fold(0, |mask, (_, bit)| mask | bit)
            })
            .collect();
        classes.masks = masks;
    }

    fn word(&self, text: &str) -> u8 {
        self.words.iter().zip(0u8..).find(|(word, _)| *word == text).map_or(u8::MAX, |(_, number)| number)
    }

    /// Writes the program of a rule and gives its entry.
    fn emit(&mut self, rule: &Rule, yes: u32, no: u32) -> Result<u32, Error> {
        Ok(match rule {
            Rule::Always => yes,
            Rule::Never => no,
            Rule::Not(part) => self.emit(part, no, yes)?,
            Rule::All(parts) => {
                let mut next = yes;
                for part in parts.iter().rev() {
                    next = self.emit(part, next, no)?;
                }
                next
            }
            Rule::Any(parts) => {
                let mut next = no;
                for part in parts.iter().rev() {
                    next = self.emit(part, yes, next)?;
                }
                next
            }
            Rule::Is(atom) => {
                let at = u32::try_from(self.ops.len()).ok().filter(|at| *at < NO);
                let at = at.ok_or_else(|| Error::scheme("the rules are too long"))?;
                self.ops.push(Op { test: self.test(atom), yes, no });
                self.atoms.push(atom.clone());
                at
            }
        })
    }

    fn test(&self, atom: &Atom) -> Test {
        let dx_bit = |set: &SetIx| self.dx_bits.get(set).copied().unwrap_or(0);
        let px_bit = |set: &SetIx| self.px_bits.get(set).copied().unwrap_or(0);
        match atom {
            Atom::In { role, set } => {
                let (word, bit) = (set / 64, 1u64 << (set % 64));
                match role {
                    Role::PrincipalDx => Test::PrincipalDx { word, bit },
                    Role::AnyDx => Test::AnyDx(dx_bit(set)),
                    Role::SecondaryDx => Test::SecondaryDx(dx_bit(set)),
                    Role::PrincipalPx => Test::PrincipalPx { word, bit },
                    Role::AnyPx => Test::AnyPx(px_bit(set)),
                    Role::SecondaryPx => Test::SecondaryPx(px_bit(set)),
                }
            }
            Atom::Regions { sets, least } => {
                Test::Regions { mask: sets.iter().fold(0, |mask, set| mask | dx_bit(set)), least: *least }
            }
            Atom::Compare { field, relation, value } => {
                Test::Number { field: *field, relation: *relation, value: *value }
            }
            Atom::Discharge(codes) => {
                Test::Discharge(codes.iter().fold(0, |mask, code| mask | 1u64 << (self.word(code) % 64)))
            }
            Atom::Dept(code) => Test::Dept(self.word(code)),
            Atom::Mcc => Test::Mcc,
            Atom::Cc => Test::Cc,
        }
    }

    /// Writes the parts of a rule that must all hold, each as its own program.
    fn parts(&mut self, rule: &Rule) -> Result<(u32, u32), Error> {
        let parts = match rule {
            Rule::All(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let first = self.parts.len() as u32;
        for part in parts {
            let entry = self.emit(part, YES, NO)?;
            let principal_px = match part {
                Rule::Is(Atom::In { role: Role::PrincipalPx, set }) => Some(*set),
                _ => None,
            };
            let telling = match part {
                Rule::Is(Atom::In { .. } | Atom::Regions { .. }) | Rule::Any(_) => true,
                Rule::Is(_) | Rule::Not(_) | Rule::All(_) | Rule::Always | Rule::Never => false,
            };
            let mut asks_px = !matches!(part, Rule::Always | Rule::Never);
            part.atoms(&mut |atom| asks_px &= matches!(atom, Atom::In { role, .. } if role.kind() == Kind::Px));
            self.parts.push(Part { entry, telling, asks_px, principal_px });
            self.part_rules.push(part.clone());
        }
        Ok((first, self.parts.len() as u32))
    }
}

/// Gives the set a bit of its own; false when there is none left.
fn number_bit(bits: &mut HashMap<SetIx, u64>, set: SetIx) -> bool {
    let next = bits.len();
    if bits.contains_key(&set) {
        return true;
    }
    if next >= MASK_SETS_MAX {
        return false;
    }
    bits.insert(set, 1 << next);
    true
}

fn add_word(words: &mut Vec<String>, word: &str) {
    if !words.iter().any(|known| known == word) {
        words.push(word.to_owned());
    }
}

/// What a rule may come to, for each class at once. One bit a class; the last bit stands for "no procedures".
#[derive(Clone)]
struct May {
    hold: Vec<u64>,
    fail: Vec<u64>,
}

/// For every class as principal, the steps that it does not rule out; one row more for "no procedures".
fn candidates(definition: &Definition, classes: &Classes, kind: Kind, step_width: usize) -> Vec<u64> {
    let bits = classes.count + 1;
    let words = bits.div_ceil(64);
    // members: by set, the classes in it.
    let mut members: HashMap<SetIx, Vec<u64>> = HashMap::new();
    for (set, number) in definition.sets.iter().zip(0u16..) {
        if set.kind == kind {
            let mut row = vec![0u64; words];
            for class in (0..classes.count).filter(|class| has(&classes.rows, classes.width, *class, number)) {
                if let Some(word) = row.get_mut(class / 64) {
                    *word |= 1 << (class % 64);
                }
            }
            members.insert(number, row);
        }
    }
    let mut none = vec![0u64; words];
    if let Some(word) = none.get_mut(classes.count / 64) {
        *word |= 1 << (classes.count % 64);
    }
    let axis = Axis { kind, members, words, none };
    let mdcs: Vec<Vec<u64>> = definition.mdcs.iter().map(|mdc| axis.may(&mdc.when).hold).collect();
    let mut rows = vec![0u64; bits * step_width];
    for (number, step) in definition.steps.iter().enumerate() {
        let may = axis.may(&step.when);
        let Some(mdc) = mdcs.get(usize::from(step.mdc)) else { continue };
        for (at, (own, mdc)) in may.hold.iter().zip(mdc).enumerate() {
            let mut left = own & mdc;
            while left != 0 {
                let class = at * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                if let Some(word) = rows.get_mut(class * step_width + number / 64).filter(|_| class < bits) {
                    *word |= 1 << (number % 64);
                }
            }
        }
    }
    rows
}

struct Axis {
    kind: Kind,
    members: HashMap<SetIx, Vec<u64>>,
    words: usize,
    none: Vec<u64>,
}

impl Axis {
    fn may(&self, rule: &Rule) -> May {
        let all = || vec![u64::MAX; self.words];
        let nothing = || vec![0u64; self.words];
        match rule {
            Rule::Always => May { hold: all(), fail: nothing() },
            Rule::Never => May { hold: nothing(), fail: all() },
            Rule::Not(part) => {
                let may = self.may(part);
                May { hold: may.fail, fail: may.hold }
            }
            Rule::All(parts) => {
                parts.iter().map(|part| self.may(part)).fold(May { hold: all(), fail: nothing() }, |left, right| May {
                    hold: and(left.hold, &right.hold),
                    fail: or(left.fail, &right.fail),
                })
            }
            Rule::Any(parts) => {
                parts.iter().map(|part| self.may(part)).fold(May { hold: nothing(), fail: all() }, |left, right| May {
                    hold: or(left.hold, &right.hold),
                    fail: and(left.fail, &right.fail),
                })
            }
            Rule::Is(atom) => self.may_atom(atom),
        }
    }

    fn may_atom(&self, atom: &Atom) -> May {
        let all = || vec![u64::MAX; self.words];
        let members = |set: &SetIx| self.members.get(set).cloned().unwrap_or_else(|| vec![0; self.words]);
        let some = || not(&self.none);
        match (self.kind, atom) {
            (Kind::Dx, Atom::In { role: Role::PrincipalDx, set })
            | (Kind::Px, Atom::In { role: Role::PrincipalPx, set }) => {
                May { hold: members(set), fail: not(&members(set)) }
            }
            (Kind::Dx, Atom::In { role: Role::AnyDx, set }) => May { hold: all(), fail: not(&members(set)) },
            (Kind::Px, Atom::In { role: Role::AnyPx, set }) => May { hold: some(), fail: not(&members(set)) },
            (Kind::Px, Atom::In { role: Role::SecondaryPx, .. }) => May { hold: some(), fail: all() },
            (_, _) => May { hold: all(), fail: all() },
        }
    }
}

fn and(mut left: Vec<u64>, right: &[u64]) -> Vec<u64> {
    left.iter_mut().zip(right).for_each(|(left, right)| *left &= right);
    left
}

fn or(mut left: Vec<u64>, right: &[u64]) -> Vec<u64> {
    left.iter_mut().zip(right).for_each(|(left, right)| *left |= right);
    left
}

fn not(row: &[u64]) -> Vec<u64> {
    row.iter().map(|word| !word).collect()
}
