//! Cells become a page: each cell is mended by what its column holds and put into its field; in the end what the cells
//! say together is put right.

use yiti_drg::codes::{Codes, Edition, System};
use yiti_drg::columns::{Column, Kind};
use yiti_drg::field::{DxPart, Field, PathologyPart, PxPart, PxText};
use yiti_drg::group;
use yiti_record::front_page::{Diagnosis, FrontPage, Pathology, Procedure, Status};

use crate::mend::{self, Mended};
use crate::read::{Item, Place, Problem, Repair, RepairKind, Trouble, shown};

/// A page being put together.
pub struct Build<'b> {
    codes: &'b Codes,
    edition: Edition,
    place: Place,
    page: FrontPage,
    repairs: Vec<Repair>,
    troubles: Vec<Trouble>,
}

impl<'b> Build<'b> {
    /// An empty page; codes are of `edition`.
    pub fn new(codes: &'b Codes, edition: Edition, place: Place) -> Self {
        Self { codes, edition, place, page: FrontPage::default(), repairs: Vec::new(), troubles: Vec::new() }
    }

    /// The page so far, for values that no column of the table holds.
    pub fn page(&mut self) -> &mut FrontPage {
        &mut self.page
    }

    /// Notes a mend.
    pub fn mended(&mut self, kind: RepairKind, column: &str, before: &str, after: &str) {
        let (before, after) = (shown(before), shown(after));
        self.repairs.push(Repair { kind, column: column.to_owned(), before, after });
    }

    /// Notes what refuses the row.
    pub fn trouble(&mut self, column: &str, title: &str, value: &str, problem: Problem) {
        let (column, title, value) = (column.to_owned(), title.to_owned(), shown(value));
        self.troubles.push(Trouble { place: self.place, column, title, value, problem });
    }

    /// Puts a cell into the field of its column.
    pub fn put(&mut self, column: &Column, cell: &str) {
        self.put_field(column, &column.field, cell);
    }

    /// Puts a cell into a field that stands further on than the column says.
    pub fn put_field(&mut self, column: &Column, field: &Field, cell: &str) {
        if cell.is_empty() {
            return;
        }
        if let Some(system) = code_of(field) {
            return self.put_code(column, field, system, cell);
        }
        if let Some(system) = codes_of(field) {
            return self.put_codes(column, system, cell);
        }
        let mended = match field {
            Field::Sex => mend::sex(cell),
            Field::Count(_) | Field::AdmissionCount | Field::BirthWeight(_) | Field::Hour(_) => mend::count(cell),
            Field::Span(..) => mend::count(cell),
            Field::Money(_) | Field::Item(_) => mend::money(cell),
            Field::BirthOn => mend::instant(cell, false),
            Field::Instant(_) | Field::Procedure(_, PxPart::PerformedAt | PxPart::EndedAt) => mend::instant(cell, true),
            Field::Care(_, yiti_drg::field::CarePart::EnteredAt | yiti_drg::field::CarePart::LeftAt) => {
                mend::instant(cell, true)
            }
            Field::Extra(_) => mend::free(cell),
            _ if !column.codeset.is_empty() && !matches!(column.kind, Kind::List) => {
                let mended = mend::value(cell);
                // A spreadsheet writes the code 1 as 1.0.
                if mended.text.contains('.') { mend::count(cell) } else { mended }
            }
            _ => mend::free(cell),
        };
        let zero = matches!(field, Field::BirthWeight(_)) || column.label == "admission_weight_g";
        let Mended { text, kinds } = mended;
        for kind in kinds {
            self.mended(kind, &column.id, cell, &text);
        }
        let text = if zero && text.parse() == Ok(0u32) {
            self.mended(RepairKind::ZeroMeansNothing, &column.id, cell, "");
            std::borrow::Cow::Borrowed("")
        } else {
            text
        };
        if let Err(expected) = field.set(&mut self.page, &text) {
            self.trouble(&column.id, &column.title, cell, Problem::Expected(expected));
        }
    }

    fn put_code(&mut self, column: &Column, field: &Field, system: System, cell: &str) {
        let mended = mend::code(self.codes, system, self.edition, cell);
        self.code_mended(&column.id, cell, &mended);
        if let Err(expected) = field.set(&mut self.page, &mended.code) {
            return self.trouble(&column.id, &column.title, cell, Problem::Expected(expected));
        }
        let page = &mut self.page;
        match field {
            Field::Diagnosis(at, _) => {
                if let Some(dx) = page.diagnoses.get_mut(*at) {
                    dx.insurance_code = mended.insurance;
                }
            }
            Field::Procedure(at, _) => {
                if let Some(px) = page.procedures.get_mut(*at) {
                    px.insurance_code = mended.insurance;
                }
            }
            Field::Outpatient(_) => {
                if let Some(dx) = &mut page.outpatient_diagnosis {
                    dx.insurance_code = mended.insurance;
                }
            }
            Field::ExternalCause(_) => {
                if let Some(dx) = &mut page.external_cause {
                    dx.insurance_code = mended.insurance;
                }
            }
            _ => {}
        }
    }

    fn put_codes(&mut self, column: &Column, system: System, cell: &str) {
        let field = match system {
            System::Diagnosis => Field::DiagnosisCodes,
            System::Procedure => Field::ProcedureCodes,
        };
        let cell = mend::value(cell).text;
        if let Err(expected) = field.set(&mut self.page, &cell) {
            return self.trouble(&column.id, &column.title, &cell, Problem::Expected(expected));
        }
        let list: Vec<String> = match system {
            System::Diagnosis => self.page.diagnoses.iter().map(|dx| dx.code.clone()).collect(),
            System::Procedure => self.page.procedures.iter().map(|px| px.code.clone()).collect(),
        };
        for (at, given) in list.iter().enumerate() {
            let mended = mend::code(self.codes, system, self.edition, given);
            self.code_mended(&column.id, given, &mended);
            match system {
                System::Diagnosis => {
                    if let Some(dx) = self.page.diagnoses.get_mut(at) {
                        (dx.code, dx.insurance_code) = (mended.code, mended.insurance);
                    }
                }
                System::Procedure => {
                    if let Some(px) = self.page.procedures.get_mut(at) {
                        (px.code, px.insurance_code) = (mended.code, mended.insurance);
                    }
                }
            }
        }
    }

    fn code_mended(&mut self, column: &str, before: &str, mended: &mend::MendedCode) {
        for kind in &mended.kinds {
            let after = match kind {
                RepairKind::Crosswalk => mended.insurance.as_deref().unwrap_or_default(),
                _ => &mended.code,
            };
            let before = if *kind == RepairKind::Crosswalk { &mended.code } else { before };
            self.mended(*kind, column, before, after);
        }
    }

    /// Puts right what the cells say together and gives the page, or the row's faults.
    pub fn finish(mut self) -> Item {
        self.close_gaps();
        let page = &mut self.page;
        page.national_id.make_ascii_uppercase();
        if page.age_years.is_some_and(|years| years > 0) && page.age_days == Some(0) {
            page.age_days = None;
        }
        if page.age_years.is_none() && page.age_days.is_some_and(|days| days < 365) {
            page.age_years = Some(0);
            self.mended(RepairKind::NewbornYears, "", "", "0");
        }
        let page = &mut self.page;
        if page.age_years == Some(0)
            && page.age_days.is_none()
            && let Some(days) = group::counted_days(page)
        {
            page.age_days = Some(days);
            self.mended(RepairKind::NewbornDays, "", "", &days.to_string());
        }
        let page = &mut self.page;
        while page.birth_weights_g.last() == Some(&0) {
            page.birth_weights_g.pop();
        }
        let is_over = page.discharged_at.is_some()
            || page.admitted_at.is_none() && !matches!(page.discharge_disposition.as_str(), "" | "-");
        page.status = if is_over { Status::Final } else { Status::Draft };
        if page.medical_record_number.is_empty() || page.medical_record_number == "-" {
            self.trouble("", "", "", Problem::NoRecordNumber);
        }
        if self.troubles.is_empty() {
            Item::Page { place: self.place, page: Box::new(self.page), repairs: self.repairs }
        } else {
            Item::Refused(self.troubles)
        }
    }

    /// Empty entries of lists fall away; one between others is said.
    fn close_gaps(&mut self) {
        let page = &mut self.page;
        for dx in page.diagnoses.iter_mut().chain(&mut page.chinese_diagnoses) {
            blank_dash(&mut dx.name);
        }
        for px in &mut page.procedures {
            let texts = [
                &mut px.name,
                &mut px.operator,
                &mut px.first_assistant,
                &mut px.second_assistant,
                &mut px.anesthetist,
            ];
            if px.code.is_empty() {
                texts.into_iter().for_each(blank_dash);
            }
        }
        for found in &mut page.pathologies {
            [&mut found.code, &mut found.name, &mut found.number].into_iter().for_each(blank_dash);
        }
        let mut gaps = Vec::new();
        let first_is_empty = page.diagnoses.first().is_some_and(|dx| dx.code.is_empty());
        // A principal diagnosis that is missing is a fault of the page and stays one.
        let keep = page.diagnoses.len().min(usize::from(first_is_empty));
        let rest = page.diagnoses.split_off(keep);
        gaps.push(("diagnoses", compact(rest, |dx| *dx == Diagnosis::default(), &mut page.diagnoses)));
        let procedures = std::mem::take(&mut page.procedures);
        gaps.push(("procedures", compact(procedures, |px| *px == Procedure::default(), &mut page.procedures)));
        let pathologies = std::mem::take(&mut page.pathologies);
        compact(pathologies, |found| *found == Pathology::default(), &mut page.pathologies);
        let chinese = std::mem::take(&mut page.chinese_diagnoses);
        compact(chinese, |dx| *dx == Diagnosis::default(), &mut page.chinese_diagnoses);
        let care = std::mem::take(&mut page.intensive_care);
        compact(care, |care| *care == Default::default(), &mut page.intensive_care);
        if page.diagnoses.iter().all(|dx| *dx == Diagnosis::default()) {
            page.diagnoses.clear();
        }
        for (list, _) in gaps.into_iter().filter(|(_, had_gap)| *had_gap) {
            self.mended(RepairKind::Gap, list, "", "");
        }
    }
}

/// Moves what is not empty; true when an empty one stood between others.
fn compact<T>(from: Vec<T>, is_empty: impl Fn(&T) -> bool, to: &mut Vec<T>) -> bool {
    let last = from.iter().rposition(|entry| !is_empty(entry));
    let had_gap = last.is_some_and(|last| from.iter().take(last).any(&is_empty));
    to.extend(from.into_iter().filter(|entry| !is_empty(entry)));
    had_gap
}

fn blank_dash(text: &mut String) {
    if text == "-" {
        text.clear();
    }
}

fn code_of(field: &Field) -> Option<System> {
    match field {
        Field::Diagnosis(_, DxPart::Code) | Field::Outpatient(DxPart::Code) | Field::ExternalCause(DxPart::Code) => {
            Some(System::Diagnosis)
        }
        Field::Procedure(_, PxPart::Text(PxText::Code)) => Some(System::Procedure),
        // Codes of morphology and of Chinese medicine have their own systems.
        Field::Pathology(_, PathologyPart::Code) | Field::ChineseDiagnosis(_, DxPart::Code) => None,
        _ => None,
    }
}

fn codes_of(field: &Field) -> Option<System> {
    match field {
        Field::DiagnosisCodes => Some(System::Diagnosis),
        Field::ProcedureCodes => Some(System::Procedure),
        _ => None,
    }
}
