//! What came of a file: counts, mends, broken rules, refused rows. [`Summary`] is the part that is kept with an import; the
//! rows themselves are in its error file.

use serde::{Deserialize, Serialize};
use yiti_drg::check::{Finding, Severity};
use yiti_drg::columns::Standard;
use yiti_record::front_page::FrontPageId;

use crate::read::{Opened, Place, RepairKind, Trouble};

/// Troubles and blocked pages that a report names one by one; the others are counted.
pub const NAMED_MAX: usize = 10_000;
/// Rules with their fields that a summary names.
const RULES_NAMED_MAX: usize = 100;
/// Columns without a form that a summary names.
const COLUMNS_NAMED_MAX: usize = 50;

/// How many rows, and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Rows read.
    pub rows: u64,
    /// Stays not known before.
    pub new: u64,
    /// Pages that were there with the same content.
    pub unchanged: u64,
    /// Pages that got a new version.
    pub versions: u64,
    /// Rows refused.
    pub refused: u64,
    /// Pages kept that cannot be grouped as they are.
    pub blocked: u64,
}

/// A mend that was done, how often, and one example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairLine {
    /// What was done.
    pub kind: RepairKind,
    /// The column; empty for the page as a whole.
    pub column: String,
    /// How often.
    pub count: u64,
    /// The first row.
    pub place: Place,
    /// The cell there.
    pub before: String,
    /// What it became.
    pub after: String,
}

impl RepairLine {
    /// A mend of the file as a whole.
    pub(crate) fn of_file(kind: RepairKind) -> Self {
        let (column, before, after) = (String::new(), String::new(), String::new());
        Self { kind, column, count: 1, place: Place(1), before, after }
    }
}

/// A rule that pages break in a field, and its first finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLine {
    /// The rule; its words are `front_page.rule.<rule>.reason` and `….remedy`.
    pub rule: &'static str,
    /// What it keeps from happening.
    pub severity: Severity,
    /// How many pages break it.
    pub page_count: u64,
    /// The first row.
    pub place: Place,
    /// The column there.
    pub column: String,
    /// Its title.
    pub title: String,
    /// facts: [fact] of that row.
    pub facts: Vec<(&'static str, String)>,
    /// The last row that was counted.
    last: Option<Place>,
}

impl RuleLine {
    /// Counts the page of a row, once.
    pub(crate) fn count(&mut self, place: Place) {
        if self.last.replace(place) != Some(place) {
            self.page_count += 1;
        }
    }

    /// A rule with its first finding; pages are counted afterwards.
    pub(crate) fn first(found: &Finding, place: Place) -> Self {
        Self {
            rule: found.rule,
            severity: found.severity,
            page_count: 0,
            place,
            column: found.column.clone(),
            title: found.title.clone(),
            facts: found.facts.clone(),
            last: None,
        }
    }
}

/// A page that was kept although it cannot be grouped as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The row.
    pub place: Place,
    /// Number of the medical record.
    pub medical_record_number: String,
    /// The rule; its words are `front_page.rule.<rule>.reason` and `….remedy`.
    pub rule: &'static str,
    /// The column.
    pub column: String,
    /// Its title.
    pub title: String,
    /// facts: [fact]
    pub facts: Vec<(&'static str, String)>,
}

/// What came of a file.
#[derive(Debug, Clone)]
pub struct ImportReport {
    /// The form that was recognised.
    pub standard: Standard,
    /// What became of its rows.
    pub counts: Counts,
    /// Why rows were refused, the first ones.
    pub troubles: Vec<Trouble>,
    /// What blocks the grouping of kept pages, the first ones.
    pub blocked: Vec<Blocked>,
    /// What was mended, by kind and column.
    pub repairs: Vec<RepairLine>,
    /// The rules that pages break, by field.
    pub rules: Vec<RuleLine>,
    /// Columns that no form names.
    pub unknown_columns: Vec<String>,
    /// Pages that were new or got a version, in the order of the file, as far as they are named.
    pub saved: Vec<FrontPageId>,
}

impl ImportReport {
    /// Of a file none of whose rows was taken yet.
    pub(crate) fn new(opened: &Opened) -> Self {
        Self {
            standard: opened.standard(),
            counts: Counts::default(),
            troubles: Vec::new(),
            blocked: Vec::new(),
            repairs: opened.repairs().into_iter().map(RepairLine::of_file).collect(),
            rules: Vec::new(),
            unknown_columns: opened.unknown_columns().iter().take(NAMED_MAX).cloned().collect(),
            saved: Vec::new(),
        }
    }
}

/// A kind of mend over all columns, with its first example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairSum {
    /// Key of [`RepairKind`].
    pub kind: String,
    /// How often.
    pub count: u64,
    /// The row of the example.
    pub row: u64,
    /// Its column; empty for the page or the file as a whole.
    pub column: String,
    /// The cell there.
    pub before: String,
    /// What it became.
    pub after: String,
}

/// A rule that pages break in a field, with its first example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSum {
    /// The rule.
    pub rule: String,
    /// Key of [`Severity`].
    pub severity: String,
    /// How many pages break it.
    pub page_count: u64,
    /// The row of the example.
    pub row: u64,
    /// Its column, by title where the form gives one.
    pub column: String,
    /// facts: [fact] of the example.
    pub facts: Vec<(String, String)>,
}

/// What is kept of a report besides counts and refused rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// What was mended, by kind.
    pub repairs: Vec<RepairSum>,
    /// The rules that pages break, by field: what blocks first, then what most pages break.
    pub rules: Vec<RuleSum>,
    /// Columns that no form names, the first ones.
    pub unknown_columns: Vec<String>,
    /// How many there are.
    pub unknown_column_count: usize,
}

impl Summary {
    /// The summary of a report.
    #[must_use]
    pub fn of(report: &ImportReport) -> Self {
        let repairs = RepairKind::ALL.iter().filter_map(|kind| {
            let lines = || report.repairs.iter().filter(|line| line.kind == *kind);
            let first = lines().min_by_key(|line| line.place)?;
            Some(RepairSum {
                kind: kind.key().to_owned(),
                count: lines().map(|line| line.count).sum(),
                row: first.place.0,
                column: first.column.clone(),
                before: first.before.clone(),
                after: first.after.clone(),
            })
        });
        let mut lines: Vec<&RuleLine> = report.rules.iter().collect();
        lines.sort_by_key(|line| (line.severity, std::cmp::Reverse(line.page_count)));
        let rules = lines.into_iter().take(RULES_NAMED_MAX).map(|line| RuleSum {
            rule: line.rule.to_owned(),
            severity: line.severity.key().to_owned(),
            page_count: line.page_count,
            row: line.place.0,
            column: if line.title.is_empty() { line.column.clone() } else { line.title.clone() },
            facts: line.facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())).collect(),
        });
        Self {
            repairs: repairs.collect(),
            rules: rules.collect(),
            unknown_columns: report.unknown_columns.iter().take(COLUMNS_NAMED_MAX).cloned().collect(),
            unknown_column_count: report.unknown_columns.len(),
        }
    }
}
