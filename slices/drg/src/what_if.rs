//! What another coding of the same stay would give: a changed copy of the page, grouped and priced like the page itself.
//! Pure; nothing is saved.
//!
//! It answers a question and proposes nothing: only what the record supports may be coded, which the pages say beside
//! every answer.

use std::collections::BTreeSet;

use yiti_directory::Institution;
use yiti_kernel::Date;
use yiti_record::front_page::{Diagnosis, FrontPage, Procedure};

use crate::assess::{self, Assessed};
use crate::settings::Definitions;

/// Codes that a change may add of each kind.
pub const ADDED_MAX: usize = 10;
/// Diagnoses and procedures that are tried as principal ones.
const TRIED_MAX: usize = 20;

/// How another coding differs from the page. Places are those of the page, from 0. The default changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// This diagnosis becomes the principal one.
    pub principal: Option<usize>,
    /// These diagnoses are left out.
    pub without: BTreeSet<usize>,
    /// These diagnoses are added behind the others.
    pub added: Vec<String>,
    /// This procedure becomes the principal one.
    pub procedure: Option<usize>,
    /// These procedures are left out.
    pub without_procedures: BTreeSet<usize>,
    /// These procedures are added; behind the others, before them when there are none.
    pub added_procedures: Vec<String>,
}

impl Change {
    /// Whether anything is changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The page as it would be. A principal that is left out is left out.
    #[must_use]
    pub fn apply(&self, page: &FrontPage) -> FrontPage {
        let mut changed = page.clone();
        changed.diagnoses = reordered(&page.diagnoses, self.principal, &self.without);
        let added = self.added.iter().take(ADDED_MAX);
        changed.diagnoses.extend(added.map(|code| Diagnosis { code: code.clone(), ..Diagnosis::default() }));
        changed.procedures = reordered(&page.procedures, self.procedure, &self.without_procedures);
        let added = self.added_procedures.iter().take(ADDED_MAX);
        changed.procedures.extend(added.map(|code| Procedure { code: code.clone(), ..Procedure::default() }));
        changed
    }
}

fn reordered<T: Clone>(list: &[T], first: Option<usize>, without: &BTreeSet<usize>) -> Vec<T> {
    let first = first.filter(|at| *at < list.len() && !without.contains(at));
    let rest = (0..list.len()).filter(|at| Some(*at) != first && !without.contains(at));
    first.into_iter().chain(rest).filter_map(|at| list.get(at).cloned()).collect()
}

/// What kind of other coding is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Another diagnosis first.
    Diagnosis,
    /// Another procedure first.
    Procedure,
    /// Without a complication that counts.
    Without,
}

impl Kind {
    /// Key of its words, below `drg.other`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Procedure => "procedure",
            Self::Without => "without",
        }
    }
}

/// Another coding of the page with the codes that stand on it.
pub struct Other<'d> {
    /// What is different.
    pub kind: Kind,
    /// Place of the code on the page.
    pub place: usize,
    /// The change itself.
    pub change: Change,
    /// What it would give.
    pub assessed: Assessed<'d>,
}

/// Every other order of the codes that stand on the page, and the page without each complication that counts; only those
/// that end in another group.
#[must_use]
pub fn others<'d>(
    page: &FrontPage,
    present: &Assessed<'_>,
    definitions: &'d Definitions,
    (institution, today): (&Institution, Date),
) -> Vec<Other<'d>> {
    let first = (1..page.diagnoses.len().min(TRIED_MAX))
        .map(|place| (Kind::Diagnosis, place, Change { principal: Some(place), ..Change::default() }));
    let procedure = (1..page.procedures.len().min(TRIED_MAX))
        .map(|place| (Kind::Procedure, place, Change { procedure: Some(place), ..Change::default() }));
    let counted = present.explained.weighed.iter().filter(|weighed| weighed.excluded_by_table.is_none());
    let without = counted.map(|weighed| {
        let place = place_of(page, usize::from(weighed.position));
        (Kind::Without, place, Change { without: BTreeSet::from([place]), ..Change::default() })
    });
    let all: Vec<(Kind, usize, Change)> = first.chain(procedure).chain(without).collect();
    let tried = all.into_iter().filter_map(|(kind, place, change)| {
        let assessed = assess::assess(&change.apply(page), definitions, institution, today)?;
        (assessed.drg != present.drg).then_some(Other { kind, place, change, assessed })
    });
    tried.collect()
}

/// The place on the page of a diagnosis of the record, which leaves out empty ones behind the principal.
fn place_of(page: &FrontPage, position: usize) -> usize {
    let grouped = page.diagnoses.iter().enumerate().filter(|(at, diagnosis)| {
        *at == 0 || !diagnosis.insurance_code.as_deref().unwrap_or(&diagnosis.code).is_empty()
    });
    grouped.map(|(at, _)| at).nth(position).unwrap_or(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> FrontPage {
        let diagnosis = |code: &str| Diagnosis { code: code.into(), ..Diagnosis::default() };
        let procedure = |code: &str| Procedure { code: code.into(), ..Procedure::default() };
        FrontPage {
            diagnoses: vec![diagnosis("A"), diagnosis("B"), diagnosis(""), diagnosis("C")],
            procedures: vec![procedure("P"), procedure("Q")],
            ..FrontPage::default()
        }
    }

    fn codes(page: &FrontPage) -> (Vec<&str>, Vec<&str>) {
        (
            page.diagnoses.iter().map(|it| it.code.as_str()).collect(),
            page.procedures.iter().map(|it| it.code.as_str()).collect(),
        )
    }

    #[test]
    fn a_change_moves_adds_and_leaves_out() {
        let page = page();
        assert_eq!(Change::default().apply(&page), page);
        let change = Change {
            principal: Some(3),
            without: BTreeSet::from([1]),
            added: vec!["N".into()],
            procedure: Some(1),
            added_procedures: vec!["R".into()],
            ..Change::default()
        };
        assert_eq!(codes(&change.apply(&page)), (vec!["C", "A", "", "N"], vec!["Q", "P", "R"]));
    }

    #[test]
    fn places_that_are_not_there_change_nothing() {
        let page = page();
        let change =
            Change { principal: Some(9), without: BTreeSet::from([17]), procedure: Some(5), ..Change::default() };
        assert_eq!(change.apply(&page), page);
        let gone = Change { principal: Some(0), without: BTreeSet::from([0]), ..Change::default() };
        assert_eq!(codes(&gone.apply(&page)).0, ["B", "", "C"], "the next one is principal");
    }

    #[test]
    fn no_more_is_added_than_allowed() {
        let many = vec!["X".to_owned(); 50];
        let change = Change { added: many.clone(), added_procedures: many, ..Change::default() };
        let changed = change.apply(&FrontPage::default());
        assert_eq!((changed.diagnoses.len(), changed.procedures.len()), (ADDED_MAX, ADDED_MAX));
    }

    #[test]
    fn positions_of_the_record_leave_out_empty_entries() {
        assert_eq!([0, 1, 2].map(|position| place_of(&page(), position)), [0, 1, 3]);
    }
}
