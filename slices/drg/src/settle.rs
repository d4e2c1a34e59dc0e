//! A month's settlement from its final front pages: which stays are in, which are left out and why, the run and its
//! canonical text. Pure. Also the rules of settlement, read from `payment/settlement.toml` and `drg/settlement.toml`.
//!
//! Each page is grouped and priced anew by the rules that hold now, so that a run never mixes rules of two times; what the
//! rules of the run were stands in it.

use std::collections::{BTreeMap, HashMap};

use drg_payment::{
    By, Fen as PackFen, Frozen, Insurance, Method, Month, Run, SettledCase, SettlementFault, Sums, Terms,
};
use serde::{Deserialize, Serialize};
use yiti_directory::{Institution, InstitutionId, Tree};
use yiti_kernel::definition::{self, Fault, File, Provenance};
use yiti_kernel::{Date, Fen};
use yiti_record::front_page::{FrontPage, FrontPageId};

use crate::assess::{self, Assessed, Unpriced};
use crate::columns::fault;
use crate::settings::Definitions;
use crate::store::department_of;

const TERMS: &str = "payment/settlement.toml";
const PATH: &str = "drg/settlement.toml";

/// How months are settled, years cleared, and both frozen.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The shares of month and year.
    pub terms: Terms,
    /// A run is frozen by someone else than who prepared it.
    pub freeze_by_other: bool,
    /// Keys of cited documents, each with the place of the citation.
    pub sources: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    freeze_by_other: bool,
    provenance: Provenance,
}

impl Rules {
    /// Reads `payment/settlement.toml` and `drg/settlement.toml`.
    ///
    /// # Errors
    /// Every fault with its place.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut one = |path: &str| {
            let file = files.iter().find(|file| file.path == path);
            if file.is_none() {
                faults.push(fault(path, 0, "the file is missing"));
            }
            file
        };
        let (terms, own) = (one(TERMS), one(PATH));
        let terms = terms.and_then(|file| {
            let read = Terms::read(drg_payment::File { name: TERMS, text: &file.text });
            let wrong = |error: drg_payment::FileFault| {
                let line = usize::try_from(error.line).unwrap_or_default();
                fault(TERMS, line, format!("{} {}", error.column, error.what).trim().to_owned())
            };
            read.map_err(|error| faults.push(wrong(error))).ok()
        });
        let own = own.and_then(|file| definition::read::<Document>(file).map_err(|fault| faults.push(fault)).ok());
        let (Some(terms), Some(own)) = (terms, own) else { return Err(faults) };
        let cited = [
            (TERMS, terms.prepaid_share.provenance.source.clone()),
            (TERMS, terms.clearing.provenance.source.clone()),
            (PATH, own.provenance.source),
        ];
        let sources = cited.into_iter().map(|(at, source)| (at.to_owned(), source)).collect();
        Ok(Self { terms, freeze_by_other: own.freeze_by_other, sources })
    }
}

/// A pack and the scheme that it groups by, as they priced cases of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleUsed {
    /// Id of the payment pack.
    pub pack: String,
    /// Its SHA-256.
    pub pack_hash: String,
    /// Id of the grouping scheme.
    pub scheme: String,
    /// Its SHA-256.
    pub scheme_hash: String,
    /// `rate`, `points` or `listed`.
    pub method: String,
    /// How many cases it priced.
    pub case_count: u32,
}

/// One stay of a run, settled or left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledStay {
    /// The front page.
    pub stay: FrontPageId,
    /// The version that was settled.
    pub version: u32,
    /// The institution of the stay.
    pub institution: InstitutionId,
    /// Department of discharge.
    pub department: String,
    /// Number of the medical record.
    pub medical_record_number: String,
    /// Day of discharge.
    pub discharged_on: Date,
    /// The group; empty when there is none.
    pub drg: String,
    /// The rule that decided, empty for a stay that is left out.
    pub basis: String,
    /// Why the stay is left out, a key below `drg.unpriced`; empty for a settled one.
    pub unpriced: String,
    /// What is settled; all zero for a stay that is left out.
    pub sums: Sums,
}

/// A final page of the month.
#[derive(Debug, Clone)]
pub struct FinalPage {
    /// The front page.
    pub id: FrontPageId,
    /// Its version.
    pub version: u32,
    /// The institution of the stay.
    pub institution: InstitutionId,
    /// The content.
    pub page: FrontPage,
}

/// A month that was worked out and not yet kept.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The run.
    pub run: Run,
    /// Its canonical text and hashes.
    pub frozen: Frozen,
    /// All stays, those left out included, by id.
    pub stays: Vec<SettledStay>,
    /// Packs and schemes, by pack.
    pub rules: Vec<RuleUsed>,
    /// Sums over the settled stays.
    pub totals: Sums,
}

impl Prepared {
    /// How many stays are left out.
    #[must_use]
    pub fn left_count(&self) -> usize {
        self.stays.iter().filter(|stay| !stay.unpriced.is_empty()).count()
    }
}

/// How a pack pays, as stored.
#[must_use]
pub const fn method_key(method: Method) -> &'static str {
    match method {
        Method::Rate => "rate",
        Method::Points => "points",
        Method::Listed => "listed",
    }
}

/// The case id of a stay in a run's text.
#[must_use]
pub fn case_id(stay: FrontPageId) -> String {
    stay.to_string()
}

/// Settles the final pages of a month that `insurance` pays. Pages of the other insurance, and of none, are passed over;
/// pages without a price are left out and listed.
///
/// # Errors
/// [`SettlementFault`] with the case and the field.
pub fn prepare(
    month: Month,
    insurance: Insurance,
    pages: &[FinalPage],
    (definitions, rules): (&Definitions, &Rules),
    tree: &Tree,
) -> Result<Prepared, SettlementFault> {
    let mut stays: Vec<SettledStay> = Vec::new();
    let mut cases: Vec<SettledCase> = Vec::new();
    let mut used: BTreeMap<(String, String), RuleUsed> = BTreeMap::new();
    for page in pages {
        let (Some(institution), Some(discharged_on)) = (tree.get(page.institution), page.page.discharged_on()) else {
            continue;
        };
        let assessed = assess::assess(&page.page, definitions, institution, discharged_on);
        let Some(assessed) = assessed.filter(|assessed| assessed.insurance == Some(insurance)) else { continue };
        let mut stay = stay_of(page, &assessed, discharged_on);
        match case_of(page, institution, insurance, &assessed) {
            Ok(case) => {
                note_rule(&mut used, &assessed);
                stay.basis.clone_from(&case.basis);
                cases.push(case);
            }
            Err(why) => why.clone_into(&mut stay.unpriced),
        }
        stays.push(stay);
    }
    let run = Run::settle(month, rules.terms.prepaid_share.rule, cases)?;
    let sums: HashMap<&str, Sums> = run.lines().iter().map(|line| (line.case.case.as_str(), line.sums())).collect();
    for stay in &mut stays {
        stay.sums = sums.get(case_id(stay.stay).as_str()).copied().unwrap_or_default();
    }
    stays.sort_by_key(|stay| stay.stay);
    let totals = run.totals(By::default())?.into_values().next().unwrap_or_default();
    Ok(Prepared { frozen: run.frozen(), run, stays, rules: used.into_values().collect(), totals })
}

fn stay_of(page: &FinalPage, assessed: &Assessed<'_>, discharged_on: Date) -> SettledStay {
    SettledStay {
        stay: page.id,
        version: page.version,
        institution: page.institution,
        department: department_of(&page.page).to_owned(),
        medical_record_number: page.page.medical_record_number.clone(),
        discharged_on,
        drg: assessed.drg.to_owned(),
        basis: String::new(),
        unpriced: String::new(),
        sums: Sums::default(),
    }
}

/// The stay as a case of the run, or the key of the reason why it is none.
fn case_of(
    page: &FinalPage,
    institution: &Institution,
    insurance: Insurance,
    assessed: &Assessed<'_>,
) -> Result<SettledCase, &'static str> {
    let priced = assessed.priced.as_ref().map_err(Unpriced::key)?;
    let cost = assessed.cost.ok_or_else(|| Unpriced::NoCost.key())?;
    let money = |amount: Fen| PackFen(amount.0);
    Ok(SettledCase {
        case: case_id(page.id),
        institution: institution.id.to_string(),
        insurance,
        drg: assessed.drg.to_owned(),
        basis: priced.basis.key(),
        points_e6: priced.points_e6,
        standard: priced.standard.as_ref().map_or(PackFen(0), |standard| standard.amount),
        cost: money(cost),
        patient: money(page.page.costs.self_paid.unwrap_or_default()),
        pay: priced.pay,
        fund: priced.fund,
        pack: priced.pack,
    })
}

fn note_rule(used: &mut BTreeMap<(String, String), RuleUsed>, assessed: &Assessed<'_>) {
    let Some(pack) = assessed.pack else { return };
    let rule = RuleUsed {
        pack: pack.id().to_owned(),
        pack_hash: pack.hash().to_string(),
        scheme: assessed.scheme.definition().id.clone(),
        scheme_hash: assessed.scheme.hash().to_string(),
        method: method_key(pack.method()).to_owned(),
        case_count: 0,
    };
    used.entry((rule.pack.clone(), rule.scheme.clone())).or_insert(rule).case_count += 1;
}

/// First and last day of a month written `2026-03`.
#[must_use]
pub fn month_days(month: Month) -> Option<(Date, Date)> {
    let first: Date = format!("{month}-01").parse().ok()?;
    Some((first, first.last_of_month()))
}
