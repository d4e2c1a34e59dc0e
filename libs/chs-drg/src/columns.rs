//! Many records as columns, with codes already turned into the scheme's numbers.

use crate::check::Fault;
use crate::compile::UNKNOWN_DX;
use crate::error::Error;
use crate::group::{Answer, Complication, Facts, MISSING, Outcome, Ungrouped};
use crate::record::Record;
use crate::scheme::{Hash, Known, Scheme};

/// A batch of records for one scheme.
///
/// sex, age, age_days, weight, los, icu_hours, dept, discharge: [row]; dx: [diagnosis], all rows one after another;
/// dx_end: [row], where the row's diagnoses end; px and px_end alike.
#[derive(Debug)]
pub struct Columns {
    scheme: Hash,
    checked: bool,
    sex: Vec<i32>,
    age: Vec<i32>,
    age_days: Vec<i32>,
    weight: Vec<i32>,
    los: Vec<i32>,
    icu_hours: Vec<i32>,
    dept: Vec<u8>,
    discharge: Vec<u8>,
    dx: Vec<u32>,
    dx_end: Vec<usize>,
    px: Vec<u32>,
    px_end: Vec<usize>,
    refused: Vec<bool>,
    faults: Vec<(usize, Fault)>,
    /// Of the row that comes in.
    known: Known,
}

impl Columns {
    /// No rows yet. Every record is checked as it comes in; a record with a refusing fault is not grouped.
    pub fn checked(scheme: &Scheme) -> Columns {
        Columns::new(scheme, true)
    }

    /// No rows yet. Records are taken as they are; unknown codes belong to no set.
    pub fn unchecked(scheme: &Scheme) -> Columns {
        Columns::new(scheme, false)
    }

    fn new(scheme: &Scheme, checked: bool) -> Columns {
        Columns {
            scheme: scheme.hash(),
            checked,
            sex: Vec::new(),
            age: Vec::new(),
            age_days: Vec::new(),
            weight: Vec::new(),
            los: Vec::new(),
            icu_hours: Vec::new(),
            dept: Vec::new(),
            discharge: Vec::new(),
            dx: Vec::new(),
            dx_end: Vec::new(),
            px: Vec::new(),
            px_end: Vec::new(),
            refused: Vec::new(),
            faults: Vec::new(),
            known: Known::default(),
        }
    }

    /// Adds a row. `scheme` must be the one the columns were made for.
    pub fn push(&mut self, scheme: &Scheme, record: &Record<'_>) -> Result<(), Error> {
        if scheme.hash() != self.scheme {
            return Err(Error::OtherScheme);
        }
        let row = self.rows();
        let mut refused = false;
        scheme.look_up(record, &mut self.known);
        if self.checked {
            for fault in scheme.check_known(record, &self.known) {
                refused |= fault.refuses();
                self.faults.push((row, fault));
            }
        }
        self.refused.push(refused);
        self.sex.push(record.sex.unwrap_or(MISSING));
        self.age.push(record.age.unwrap_or(MISSING));
        self.age_days.push(record.age_days.unwrap_or(MISSING));
        self.weight.push(record.weight.unwrap_or(MISSING));
        self.los.push(record.los.unwrap_or(MISSING));
        self.icu_hours.push(record.icu_hours.unwrap_or(MISSING));
        self.dept.push(scheme.compiled.word(record.dept));
        self.discharge.push(scheme.compiled.word(record.discharge));
        self.dx.extend(self.known.dx.iter().map(|dx| dx.number));
        self.dx_end.push(self.dx.len());
        self.px.extend(self.known.px.iter().map(|px| px.number));
        self.px_end.push(self.px.len());
        Ok(())
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.sex.len()
    }

    /// faults: [fault], (row, fault), by row; empty for unchecked columns.
    pub fn faults(&self) -> &[(usize, Fault)] {
        &self.faults
    }

    pub(crate) fn answers(&self, scheme: &Scheme, out: &mut Vec<Answer>) -> Result<(), Error> {
        if scheme.hash() != self.scheme {
            return Err(Error::OtherScheme);
        }
        out.clear();
        out.reserve(self.rows());
        let compiled = &scheme.compiled;
        let info = |code: &u32| compiled.dx.get(*code as usize).copied().unwrap_or(UNKNOWN_DX);
        let class = |code: &u32| compiled.px.get(*code as usize).copied().unwrap_or(0);
        let (mut dx_start, mut px_start) = (0, 0);
        let get = |column: &[i32], row: usize| column.get(row).copied().unwrap_or(MISSING);
        for (row, (dx_end, px_end)) in self.dx_end.iter().zip(&self.px_end).enumerate() {
            let dx = self.dx.get(dx_start..*dx_end).unwrap_or(&[]);
            let px = self.px.get(px_start..*px_end).unwrap_or(&[]);
            (dx_start, px_start) = (*dx_end, *px_end);
            if self.refused.get(row).copied().unwrap_or(false) {
                let outcome = Outcome::Ungrouped(Ungrouped::Faulty);
                out.push(Answer { outcome, complication: Complication::None });
                continue;
            }
            let mut facts = Facts {
                sex: get(&self.sex, row),
                age: get(&self.age, row),
                age_days: get(&self.age_days, row),
                weight: get(&self.weight, row),
                los: get(&self.los, row),
                icu_hours: get(&self.icu_hours, row),
                dept: self.dept.get(row).copied().unwrap_or(u8::MAX),
                discharge: self.discharge.get(row).copied().unwrap_or(u8::MAX),
                ..Facts::EMPTY
            };
            compiled.take_dx(&mut facts, dx.iter().map(info));
            let classes = || px.iter().map(class);
            compiled.take_px(&mut facts, classes());
            out.push(compiled.answer(scheme.definition.retry, &mut facts, classes()));
        }
        Ok(())
    }
}
