//! The definitions of this slice: schemes, payment packs, code tables, and which of them hold where.
//!
//! Source of every value that no norm fixes: `yiti-defaults`; the screens say so.

use std::borrow::Cow;
use std::sync::Arc;

use chs_drg::Scheme;
use drg_payment::{Book, Flags, Insurance, Pack};
use serde::Deserialize;
use yiti_directory::institution::{Institution, InstitutionKind, Scope, Tree};
use yiti_kernel::definition::{self, Fault, File, Provenance};
use yiti_record::front_page::{FrontPage, Source};

use crate::check::{Checks, Finding};
use crate::codes::Packed;
use crate::columns::{Standard, fault};
use crate::schemes::Schemes;

const PATH: &str = "drg/settings.toml";
const DEFAULTS: &str = "payment/defaults.toml";

/// `drg/settings.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the values come from.
    pub provenance: Provenance,
    /// Months of finished stays that make the norm of a group.
    pub norm_months: u32,
    /// Finished stays a norm needs to be shown.
    pub norm_stays_min: u32,
    /// Regions by the beginning of the division code.
    #[serde(rename = "region")]
    pub regions: Vec<RegionRule>,
    /// Levels by kind or name.
    #[serde(rename = "level")]
    pub levels: Vec<LevelRule>,
    /// Insurances by code.
    #[serde(rename = "insurance")]
    pub insurances: Vec<InsuranceRule>,
    /// What else of a page payment rules ask for.
    #[serde(rename = "flag")]
    pub flags: Vec<FlagRule>,
}

/// What else of a stay payment rules ask for; see [`Flags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A planned day case.
    DayCase,
    /// The insurer granted a single review.
    ReviewGranted,
    /// Paid by bed-day.
    PerDiem,
}

/// Which entry of a page says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagRule {
    /// The name of an entry that has no column of its own in the national table (`FrontPage::extra`).
    pub entry: String,
    /// What stands in it.
    pub code: String,
    /// What it means.
    pub flag: Flag,
}

/// Whose payment rules hold where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionRule {
    /// Beginning of the institution's division code; empty for all.
    pub division_code: String,
    /// The region of a pack.
    pub payment_region: String,
    /// The scheme for stays that no pack pays.
    pub scheme: String,
}

/// The level at which an institution is paid.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelRule {
    /// The kind of institution.
    #[serde(default)]
    pub kind: Option<InstitutionKind>,
    /// The full name of one institution.
    #[serde(default)]
    pub institution: Option<String>,
    /// The level's id in the pack.
    pub level: String,
}

/// A field of the page that names the insurance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InsuranceField {
    /// Code list `YBQD_8`.
    InsuranceType,
    /// Code list `RC032`.
    PaymentKind,
}

/// Which insurance a code means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsuranceRule {
    /// The field.
    pub field: InsuranceField,
    /// Its code.
    pub code: String,
    /// The insurance.
    pub insurance: Insurance,
}

impl Settings {
    /// The rule of the longest division code that an institution's begins with.
    #[must_use]
    pub fn region(&self, division_code: &str) -> Option<&RegionRule> {
        let fits = |rule: &&RegionRule| division_code.starts_with(&rule.division_code);
        self.regions.iter().filter(fits).max_by_key(|rule| rule.division_code.len())
    }

    /// The level of an institution; a rule for its name goes before one for its kind.
    #[must_use]
    pub fn level(&self, institution: &Institution) -> Option<&str> {
        let by_name = self.levels.iter().find(|rule| rule.institution.as_deref() == Some(&institution.name));
        let by_kind = || self.levels.iter().find(|rule| rule.kind == Some(institution.kind));
        by_name.or_else(by_kind).map(|rule| rule.level.as_str())
    }

    /// Institutions of a scope that have inpatients or may have.
    pub fn with_inpatients<'t>(&'t self, tree: &'t Tree, scope: Scope) -> impl Iterator<Item = &'t Institution> {
        tree.within(scope).filter(|node| self.level(node).is_some())
    }

    /// What else a page says that payment rules ask for.
    #[must_use]
    pub fn flags(&self, page: &FrontPage) -> Flags {
        let says = |flag| {
            let fits = |rule: &FlagRule| page.extra.get(&rule.entry).is_some_and(|text| text.trim() == rule.code);
            self.flags.iter().any(|rule| rule.flag == flag && fits(rule))
        };
        Flags {
            day_case: says(Flag::DayCase),
            review_granted: says(Flag::ReviewGranted),
            per_diem: says(Flag::PerDiem),
        }
    }

    /// The insurance that pays a stay; `None` when neither does.
    #[must_use]
    pub fn insurance(&self, page: &FrontPage) -> Option<Insurance> {
        let of = |field: InsuranceField, code: &str| {
            let fits = |rule: &&InsuranceRule| rule.field == field && rule.code == code;
            self.insurances.iter().find(fits).map(|rule| rule.insurance)
        };
        match page.insurance_type.as_str() {
            "" => of(InsuranceField::PaymentKind, &page.payment_kind),
            code => of(InsuranceField::InsuranceType, code),
        }
    }
}

/// Gives the bytes of a file below `definitions/`.
pub type Find<'f> = &'f dyn Fn(&str) -> Option<Cow<'static, [u8]>>;

/// All definitions of the slice.
pub struct Definitions {
    /// Which scheme and rules hold where.
    pub settings: Settings,
    /// The grouping schemes.
    pub schemes: Arc<Schemes>,
    /// The payment packs.
    pub book: Book,
    /// Names of codes.
    pub codes: Arc<Packed>,
    /// The rules pages are held against.
    pub checks: Arc<Checks>,
    /// Keys of cited documents, each with the place of the citation.
    pub sources: Vec<(String, String)>,
}

impl Definitions {
    /// Reads the files of `definitions/drg/`, `definitions/payment/` and `definitions/frontpage/`.
    ///
    /// # Errors
    /// Every fault with its place.
    pub fn load(files: &[File], find: Find<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let settings = match files.iter().find(|file| file.path == PATH) {
            Some(file) => definition::read::<Settings>(file).map_err(|fault| faults.push(fault)).ok(),
            None => {
                faults.push(fault(PATH, 0, "the file is missing"));
                None
            }
        };
        let schemes = Schemes::load(files, find).map_err(|found| faults.extend(found)).ok();
        let codes = Packed::new(find).map_err(|found| faults.extend(found)).ok();
        let checks = Checks::load(files).map_err(|found| faults.extend(found)).ok();
        let book = book(files, &mut faults);
        let (Some(settings), Some(schemes), Some(codes), Some(checks)) = (settings, schemes, codes, checks) else {
            return Err(faults);
        };
        check(&settings, &schemes, &book, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut sources = vec![(PATH.to_owned(), settings.provenance.source.clone())];
        sources.extend(schemes.sources().map(|(at, source)| (at.to_owned(), source.to_owned())));
        sources.extend(checks.sources().map(|(at, source)| (at.to_owned(), source.to_owned())));
        for pack in book.packs() {
            sources.extend(pack.sources().map(|source| (format!("payment/{}.toml", pack.id()), source.to_owned())));
        }
        sources.sort();
        sources.dedup();
        let (schemes, codes, checks) = (Arc::new(schemes), Arc::new(codes), Arc::new(checks));
        Ok(Self { settings, schemes, book, codes, checks, sources })
    }

    /// Everything wrong with a page, the most severe first. A page is held against the form it came on.
    #[must_use]
    pub fn findings(&self, page: &FrontPage, source: Source, scheme: &Scheme) -> Vec<Finding> {
        let standard = match source {
            Source::Hqms => Standard::Hqms,
            Source::SettlementList => Standard::Settlement4101,
            Source::Table | Source::Typed => Standard::Plain,
        };
        self.checks.check(page, standard, self.codes.get(), Some(scheme))
    }

    /// The pack of an id.
    #[must_use]
    pub fn pack(&self, id: &str) -> Option<&Pack> {
        self.book.packs().iter().find(|pack| pack.id() == id)
    }
}

/// Every pack of `payment/`: a table of groups and its head.
fn book(files: &[File], faults: &mut Vec<Fault>) -> Book {
    let mut book = Book::default();
    let Some(defaults) = files.iter().find(|file| file.path == DEFAULTS) else {
        faults.push(fault(DEFAULTS, 0, "the file is missing"));
        return book;
    };
    for groups in files.iter().filter(|file| file.path.starts_with("payment/") && file.path.ends_with(".csv")) {
        let path = groups.path.replace(".csv", ".toml");
        let Some(head) = files.iter().find(|file| file.path == path) else {
            faults.push(fault(&path, 0, "the head of this table of groups is missing"));
            continue;
        };
        let given = [head, groups, defaults].map(|file| drg_payment::File { name: &file.path, text: &file.text });
        match Pack::read(given[0], given[1], given[2]) {
            Ok(pack) => {
                if let Err(overlap) = book.add(pack) {
                    faults.push(fault(&head.path, 0, overlap.to_string()));
                }
            }
            Err(error) => {
                let line = usize::try_from(error.line).unwrap_or_default();
                faults.push(fault(&error.file, line, format!("{} {}", error.column, error.what).trim().to_owned()));
            }
        }
    }
    book
}

/// What the settings name must be there.
fn check(settings: &Settings, schemes: &Schemes, book: &Book, faults: &mut Vec<Fault>) {
    let mut wrong = |message: String| faults.push(fault(PATH, 0, message));
    if !settings.regions.iter().any(|rule| rule.division_code.is_empty()) {
        wrong("a `region` with an empty `division_code` is needed for all other places".into());
    }
    for rule in &settings.regions {
        if !book.packs().iter().any(|pack| pack.region().code == rule.payment_region) {
            wrong(format!("there is no payment pack of region `{}`", rule.payment_region));
        }
        let schemes_needed = book.packs().iter().filter(|pack| pack.region().code == rule.payment_region);
        for scheme in schemes_needed.map(Pack::scheme).chain([rule.scheme.as_str()]) {
            if !schemes.entries().any(|entry| entry.id == scheme) {
                wrong(format!("there is no scheme `{scheme}`"));
            }
        }
    }
    if settings.levels.iter().any(|rule| rule.kind.is_some() == rule.institution.is_some()) {
        wrong("a `level` names either a `kind` or an `institution`".into());
    }
    if settings.norm_months == 0 || settings.norm_months > 120 {
        wrong("`norm_months` lies between 1 and 120".into());
    }
}
