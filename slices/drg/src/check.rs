//! Holds a front page against the rules of its form and of grouping, and says what a mend would change.
//!
//! Pure: page, code tables and scheme come in, findings come out. A finding names its rule, the column of the form, the
//! facts its words need, and, where the page itself says what is right, the mended page. [`effects`] groups and prices
//! both. A mend is a proposal: a person who can see the record decides, because only what the record supports may be
//! coded.
//!
//! Which rules hold, how severe they are and their lists stand in `definitions/frontpage/rules.toml`; what a rule
//! computes is in [`rules`].

mod rules;

use std::collections::{BTreeMap, BTreeSet};

use chs_drg::{Fault as RecordFault, Grouped, Scheme};
use serde::Deserialize;
use yiti_kernel::definition::{self, Fault, File, Provenance};
use yiti_record::front_page::FrontPage;

use crate::codes::Codes;
use crate::columns::{Column, Columns, Standard, fault};
use crate::group;

pub use rules::RULES;

const PATH: &str = "frontpage/rules.toml";

/// What a finding keeps from happening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The stay gets no group, or a wrong one.
    BlocksGrouping,
    /// The receiver's own rules refuse the page.
    BlocksUpload,
    /// Worth a look.
    Advice,
}

impl Severity {
    /// Key of its words, below `front_page.severity`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::BlocksGrouping => "blocks_grouping",
            Self::BlocksUpload => "blocks_upload",
            Self::Advice => "advice",
        }
    }
}

/// Something wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule; its words are `front_page.rule.<rule>.reason` and `….remedy`, filled with `facts`.
    pub rule: &'static str,
    /// What it keeps from happening.
    pub severity: Severity,
    /// The column as the form names it, `C06x03C`; empty where the form has none for it.
    pub column: String,
    /// The title of the column in the form; empty as above.
    pub title: String,
    /// The field, `diagnoses.code`; its words are `front_page.field.<label>`.
    pub label: String,
    /// Place in its list, 0 is the principal.
    pub place: Option<usize>,
    /// facts: [fact], its name in the words and its text
    pub facts: Vec<(&'static str, String)>,
    /// The page as it would be.
    pub mended: Option<Box<FrontPage>>,
}

impl Finding {
    /// Key of the sentence that says what is wrong.
    #[must_use]
    pub fn reason_key(&self) -> String {
        format!("front_page.rule.{}.reason", self.rule)
    }

    /// Key of the sentence that says what to do.
    #[must_use]
    pub fn remedy_key(&self) -> String {
        remedy_key(self.rule, self.facts.iter().map(|(name, text)| (*name, text.as_str())))
    }
}

/// Key of the sentence that says what to do about a finding of `rule`. One that offers candidates says something else when
/// there are none.
#[must_use]
pub fn remedy_key<'f>(rule: &str, mut facts: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let offers_none = facts.any(|(name, text)| name == "candidates" && text.is_empty());
    format!("front_page.rule.{rule}.{}", if offers_none { "remedy_alone" } else { "remedy" })
}

/// One side of an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<P> {
    /// Code of the MDC; `0000` without a group.
    pub mdc: String,
    /// Code of the ADRG.
    pub adrg: String,
    /// Code of the DRG.
    pub drg: String,
    /// Why there is no group, or why it is not to be trusted; empty when it stands.
    pub faults: Vec<RecordFault>,
    /// What the caller's price says of it.
    pub price: Option<P>,
}

/// What a mend changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect<P> {
    /// The page as it is.
    pub before: Outcome<P>,
    /// The page as it would be.
    pub after: Outcome<P>,
}

impl<P: PartialEq> Effect<P> {
    /// Whether anything differs.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.before != self.after
    }
}

/// Groups and prices a page. It always answers, so that one fault does not hide what mending another would change; the
/// faults say whether the answer stands. `price` gives what the caller wants beside the group: an amount, or weight and
/// amount.
pub fn outcome<P>(
    scheme: &Scheme,
    page: &FrontPage,
    price: &dyn Fn(&Grouped<'_>, &FrontPage) -> Option<P>,
) -> Outcome<P> {
    group::with_record(page, |record| {
        let grouped = scheme.group(record);
        Outcome {
            mdc: grouped.mdc.to_owned(),
            adrg: grouped.adrg.to_owned(),
            drg: grouped.drg.to_owned(),
            faults: scheme.grouped(record).err().unwrap_or_default(),
            price: price(&grouped, page),
        }
    })
}

/// What each finding's mend changes in group and money; `None` where the finding has no mend. effects: [finding]
pub fn effects<P: Clone>(
    scheme: &Scheme,
    page: &FrontPage,
    findings: &[Finding],
    price: &dyn Fn(&Grouped<'_>, &FrontPage) -> Option<P>,
) -> Vec<Option<Effect<P>>> {
    let before = outcome(scheme, page, price);
    let effect = |mended: &FrontPage| Effect { before: before.clone(), after: outcome(scheme, mended, price) };
    findings.iter().map(|finding| finding.mended.as_deref().map(effect)).collect()
}

/// The rules, ready to be asked.
pub struct Checks {
    rules: BTreeMap<&'static str, Terms>,
    lists: Lists,
    limits: Limits,
    form_codes: FormCodes,
    forms: BTreeMap<Standard, String>,
    /// The columns of the forms.
    pub columns: Columns,
}

/// How one rule is held.
struct Terms {
    severity: Severity,
    standards: Vec<Standard>,
    provenance: Provenance,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    form: Vec<FormRow>,
    lists: Lists,
    limits: Limits,
    codes: FormCodes,
    rule: Vec<RuleRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormRow {
    standard: String,
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    id: String,
    severity: Severity,
    #[serde(default)]
    standards: Vec<String>,
    provenance: Provenance,
}

/// Lists of codes; an entry is a range of categories or the beginning of a code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    external_causes: Vec<String>,
    neoplasms: Vec<String>,
    injuries: Vec<String>,
    born_alive: Vec<String>,
    symptoms: Vec<String>,
    deaths: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    newborn_days_max: u32,
    newborn_grams_min: u32,
    newborn_grams_max: u32,
    newborn_admission_grams_step: u32,
    age_years_max: u32,
    stay_days_max: u32,
}

/// Codes of the forms that rules ask for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormCodes {
    died: Vec<String>,
    transferred: Vec<String>,
    allergy: Vec<String>,
    readmission_planned: Vec<String>,
    blood_rh_unknown: Vec<String>,
}

impl Checks {
    /// Reads the tables of columns and the rules.
    ///
    /// # Errors
    /// Every fault with its file and line; a rule without an entry, an entry without a rule.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        let columns = Columns::load(files)?;
        let file = files.iter().find(|file| file.path == PATH);
        let file = file.ok_or_else(|| vec![fault(PATH, 0, "the file is missing")])?;
        let document: Document = definition::read(file).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut standard_of = |key: &str| {
            let standard = Standard::from_key(key);
            if standard.is_none() {
                faults.push(fault(PATH, 0, format!("`{key}` is no form")));
            }
            standard
        };
        let forms = document
            .form
            .into_iter()
            .filter_map(|row| standard_of(&row.standard).map(|standard| (standard, row.source)))
            .collect();
        let mut terms = BTreeMap::new();
        let mut unknown: Vec<String> = Vec::new();
        for row in document.rule {
            let standards = row.standards.iter().filter_map(|key| standard_of(key)).collect();
            let known = RULES.iter().find(|id| **id == row.id);
            let entry = Terms { severity: row.severity, standards, provenance: row.provenance };
            match known {
                Some(id) if !terms.contains_key(id) => drop(terms.insert(*id, entry)),
                Some(_) => unknown.push(format!("the rule `{}` stands twice", row.id)),
                None => unknown.push(format!("there is no rule `{}`", row.id)),
            }
        }
        faults.extend(unknown.into_iter().map(|message| fault(PATH, 0, message)));
        for id in RULES.iter().filter(|id| !terms.contains_key(*id)) {
            faults.push(fault(PATH, 0, format!("the rule `{id}` is missing")));
        }
        let Document { lists, limits, codes, .. } = Document {
            form: Vec::new(),
            rule: Vec::new(),
            lists: document.lists,
            limits: document.limits,
            codes: document.codes,
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { rules: terms, lists, limits, form_codes: codes, forms, columns })
    }

    /// Keys of the documents cited, each with the place of the citation.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let rules = self.rules.values().map(|terms| terms.provenance.source.as_str());
        let keys: BTreeSet<&str> = rules.chain(self.forms.values().map(String::as_str)).collect();
        keys.into_iter().map(|key| (PATH, key))
    }

    /// Who says so, for the page that shows a finding.
    #[must_use]
    pub fn provenance(&self, rule: &str) -> Option<&Provenance> {
        self.rules.get(rule).map(|terms| &terms.provenance)
    }

    /// Everything wrong with a page, the most severe first, then in the order of the rules. `standard` is the form the
    /// page is held against; with a scheme, what depends on it is looked at too.
    #[must_use]
    pub fn check(&self, page: &FrontPage, standard: Standard, codes: &Codes, scheme: Option<&Scheme>) -> Vec<Finding> {
        let mut look = Look { checks: self, page, standard, codes, scheme, found: Vec::new() };
        look.all();
        let mut found = look.found;
        found.sort_by_key(|finding| finding.severity);
        found
    }
}

/// One page being looked at.
struct Look<'l> {
    checks: &'l Checks,
    page: &'l FrontPage,
    standard: Standard,
    codes: &'l Codes,
    scheme: Option<&'l Scheme>,
    found: Vec<Finding>,
}

impl Look<'_> {
    /// Notes a finding about a field.
    fn note(
        &mut self,
        rule: &'static str,
        label: &str,
        place: Option<usize>,
        facts: Vec<(&'static str, String)>,
        mended: Option<FrontPage>,
    ) {
        let column = self.column(label, place).map(|column| (column.id.clone(), column.title.clone()));
        let (id, title) = column.unwrap_or_default();
        self.note_at(rule, (id, title, label.to_owned()), place, facts, mended);
    }

    /// Notes a finding about a column.
    fn note_at(
        &mut self,
        rule: &'static str,
        (column, title, label): (String, String, String),
        place: Option<usize>,
        facts: Vec<(&'static str, String)>,
        mended: Option<FrontPage>,
    ) {
        let Some(terms) = self.checks.rules.get(rule) else { return };
        if !terms.standards.is_empty() && !terms.standards.contains(&self.standard) {
            return;
        }
        let (severity, mended) = (terms.severity, mended.map(Box::new));
        self.found.push(Finding { rule, severity, column, title, label, place, facts, mended });
    }

    /// The column of the form that holds a field at a place.
    fn column(&self, label: &str, place: Option<usize>) -> Option<&Column> {
        let at = |standard| {
            let columns = self.checks.columns.of(standard).iter();
            columns.into_iter().find(|column| {
                column.label == label && place.is_none_or(|place| column.field.place().is_none_or(|at| at == place))
            })
        };
        let extension = (self.standard == Standard::Hqms).then_some(Standard::HqmsExtension);
        let codes = match label {
            "diagnoses.code" => "diagnoses.codes",
            "procedures.code" => "procedures.codes",
            other => other,
        };
        let whole = || self.checks.columns.of(self.standard).iter().find(|column| column.label == codes);
        at(self.standard).or_else(|| extension.and_then(at)).or_else(whole)
    }

    /// The page with a change.
    fn with(&self, change: impl FnOnce(&mut FrontPage)) -> Option<FrontPage> {
        let mut mended = self.page.clone();
        change(&mut mended);
        Some(mended)
    }
}

/// Whether a code is in a list: a range of categories `V01-Y98`, or the beginning of a code.
fn is_in(list: &[String], code: &str) -> bool {
    list.iter().any(|entry| match entry.split_once('-') {
        Some((low, high)) => code.get(..3).is_some_and(|category| (low..=high).contains(&category)),
        None => code.starts_with(entry.as_str()),
    })
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
