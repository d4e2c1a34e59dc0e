//! A pack: the payment rules of one region for some insurances and days, with its table of groups.
//!
//! Two files make a pack: a head (TOML) and its groups (CSV); what the head does not say about the rules around the
//! price comes from a file of defaults. All three are bounded and checked as a whole, and the hash of a pack covers all
//! three.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use crate::case::Insurance;
use crate::day::Day;
use crate::error::FileFault;
use crate::exact::Exact;
use crate::groups::{self, Group, Kind};
use crate::hash::Hash;
use crate::rules::{
    Band, Base, Cap, Exclusion, Formula, Fund, PayBy, Provenance, Rounding, Rules, SingleReview, Sourced, Special,
};

/// Bytes that a head or a file of defaults may have.
pub(crate) const HEAD_BYTES_MAX: usize = 1 << 18;
/// The level that means every level.
pub const ANY_LEVEL: &str = "*";

/// A text in both languages, side by side.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Chinese.
    #[serde(rename = "zh-CN")]
    pub zh: String,
    /// English.
    pub en: String,
}

/// How a region pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Weight × rate × coefficient.
    Rate,
    /// Points × point value × coefficient.
    Points,
    /// A published price for each group.
    Listed,
}

impl Method {
    /// Its name in files and word tables.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Method::Rate => "rate",
            Method::Points => "points",
            Method::Listed => "listed",
        }
    }
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Code of the administrative division (GB/T 2260), six digits.
    pub code: String,
    /// Its names.
    pub name: Names,
}

/// A level of hospitals.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its id; `*` means every level.
    pub id: String,
    /// Its names.
    pub name: Names,
    /// The coefficient of groups that have none of their own.
    pub coefficient: Option<Exact>,
}

/// A rate in yuan (in the point method: a point value). The rate that names most of a case's traits holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Only at this level.
    pub level: Option<String>,
    /// Only for this insurance.
    pub insurance: Option<Insurance>,
    /// Only for groups of this kind.
    pub kind: Option<Kind>,
    /// The rate.
    pub yuan: Exact,
    /// Not published as a number: worked out from the published prices, all of which it gives.
    #[serde(default)]
    pub derived: bool,
}

/// The payment rules of one region.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(crate) head: Head,
    pub(crate) rules: Rules,
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) hash: Hash,
}

/// A pack's head as it is written.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) title: Names,
    pub(crate) region: Region,
    pub(crate) scheme: String,
    pub(crate) method: Method,
    #[serde(default = "both")]
    pub(crate) insurance: Vec<Insurance>,
    pub(crate) valid_from: Day,
    pub(crate) valid_to: Option<Day>,
    pub(crate) provenance: Provenance,
    pub(crate) level: Vec<Level>,
    #[serde(default)]
    pub(crate) rate: Vec<Rate>,
    pub(crate) rules: Option<RulesHead>,
    pub(crate) origin: Option<Origin>,
}

fn both() -> Vec<Insurance> {
    Insurance::ALL.to_vec()
}

/// The sections of the rules that a file gives, and the source that answers for them.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesHead {
    provenance: Provenance,
    band: Option<Vec<Band>>,
    exclusion: Option<Vec<Exclusion>>,
    special: Option<Vec<Special>>,
    base: Option<Base>,
    unstable: Option<PayBy>,
    by_item: Option<PayBy>,
    uncovered: Option<PayBy>,
    single_review: Option<SingleReview>,
    cap: Option<Cap>,
    fund: Option<Fund>,
    rounding: Option<Rounding>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    rules: RulesHead,
}

/// Which published table a pack is made of, and what its columns mean.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    /// The table's name.
    pub(crate) table: String,
    /// What stands in the weight column instead of a number.
    #[serde(default)]
    pub(crate) weight: Vec<WeightWord>,
    /// What each column of the tariff means.
    #[serde(default)]
    pub(crate) item: Vec<Item>,
}

/// A word in the weight column.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightWord {
    pub(crate) is: String,
    pub(crate) kind: Kind,
}

/// A column of the tariff. Exactly one meaning is given.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// The meaning holds for cells with this text; without it, for every cell.
    pub(crate) is: Option<String>,
    pub(crate) kind: Option<Kind>,
    pub(crate) mark: Option<String>,
    /// The level whose coefficient the cell gives.
    pub(crate) coefficient: Option<String>,
    pub(crate) price: Option<PriceOf>,
    /// The insurance whose rate the cell gives.
    pub(crate) rate: Option<RateOf>,
    /// The cell is shown to people as a note.
    #[serde(default)]
    pub(crate) note: bool,
    /// The cell says nothing that the pack needs.
    #[serde(default)]
    pub(crate) nothing: bool,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceOf {
    pub(crate) level: String,
    pub(crate) insurance: Option<Insurance>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateOf {
    pub(crate) insurance: Option<Insurance>,
}

/// A file: the name for messages, and its text.
#[derive(Debug, Clone, Copy)]
pub struct File<'f> {
    /// The name that messages show.
    pub name: &'f str,
    /// The whole text.
    pub text: &'f str,
}

impl File<'_> {
    pub(crate) fn fault(&self, what: impl Into<String>) -> FileFault {
        FileFault::new(self.name, 0, "", what)
    }
}

/// Reads TOML; a fault names line and place in the line.
pub(crate) fn toml<T: DeserializeOwned>(file: File<'_>) -> Result<T, FileFault> {
    if file.text.len() > HEAD_BYTES_MAX {
        return Err(file.fault(format!("the file has more than {HEAD_BYTES_MAX} bytes; it is no head or terms")));
    }
    toml::from_str(file.text).map_err(|error| {
        let before = error.span().and_then(|span| file.text.get(..span.start)).unwrap_or("");
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        FileFault::new(file.name, u64::try_from(line).unwrap_or(0), column, error.message())
    })
}

impl Pack {
    /// Reads a pack from its head, its groups and the defaults.
    ///
    /// # Errors
    /// [`FileFault`] with file, line and column of the first fault.
    pub fn read(head: File<'_>, groups: File<'_>, defaults: File<'_>) -> Result<Pack, FileFault> {
        let read: Head = toml(head)?;
        let fallback: Defaults = toml(defaults)?;
        check_head(&read, head)?;
        let rules = rules(read.rules.as_ref(), fallback.rules, defaults)?;
        check_rules(&rules, head)?;
        let table = groups::read(groups, &read.level)?;
        let hash = Hash::of(&["drg-payment-pack 1", head.text, groups.text, defaults.text]);
        Ok(Pack { head: read, rules, groups: table, hash })
    }

    /// The same pack with this rate in place of the one for the same level, insurance and kind: what if the rate were
    /// so, or the point value of a month. The pack has another hash.
    ///
    /// # Errors
    /// [`FileFault`] when the rate is not above zero or names a level that the pack does not have.
    pub fn with_rate(&self, rate: Rate) -> Result<Pack, FileFault> {
        let traits = |rate: &Rate| (rate.level.clone(), rate.insurance, rate.kind);
        let mut pack = self.clone();
        let (level, insurance, kind) = traits(&rate);
        let (insurance, kind) = (insurance.map_or("", Insurance::key), kind.map_or("", Kind::key));
        let parts = [self.hash.to_string(), level.unwrap_or_default(), rate.yuan.to_string()];
        let [before, level, yuan] = parts.each_ref().map(String::as_str);
        pack.hash = Hash::of(&["drg-payment-rate 1", before, level, insurance, kind, yuan]);
        pack.head.rate.retain(|other| traits(other) != traits(&rate));
        pack.head.rate.push(rate);
        check_head(&pack.head, File { name: "rate", text: "" })?;
        Ok(pack)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.head.id
    }

    /// Its names.
    #[must_use]
    pub fn title(&self) -> &Names {
        &self.head.title
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.head.region
    }

    /// The id of the grouping scheme whose groups it prices.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.head.scheme
    }

    /// How the region pays.
    #[must_use]
    pub fn method(&self) -> Method {
        self.head.method
    }

    /// The insurances it covers.
    #[must_use]
    pub fn insurances(&self) -> &[Insurance] {
        &self.head.insurance
    }

    /// First day of discharge that it covers.
    #[must_use]
    pub fn valid_from(&self) -> Day {
        self.head.valid_from
    }

    /// Last day of discharge that it covers; open when there is none.
    #[must_use]
    pub fn valid_to(&self) -> Option<Day> {
        self.head.valid_to
    }

    /// Whether it covers a discharge of this day.
    #[must_use]
    pub fn covers(&self, day: Day) -> bool {
        self.head.valid_from <= day && self.head.valid_to.is_none_or(|to| day <= to)
    }

    /// The levels of hospitals it knows.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.head.level
    }

    /// The rates; none when the region published weights only.
    #[must_use]
    pub fn rates(&self) -> &[Rate] {
        &self.head.rate
    }

    /// The rules around the price.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The source of weights, rates and coefficients.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.head.provenance
    }

    /// The keys of every source that answers for a part of the pack.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let rules = &self.rules;
        let all = [
            &self.head.provenance,
            &rules.bands.provenance,
            &rules.exclusions.provenance,
            &rules.specials.provenance,
            &rules.base.provenance,
            &rules.unstable.provenance,
            &rules.by_item.provenance,
            &rules.uncovered.provenance,
            &rules.single_review.provenance,
            &rules.cap.provenance,
            &rules.fund.provenance,
            &rules.rounding.provenance,
        ];
        all.into_iter().map(|provenance| provenance.source.as_str())
    }

    /// The groups by code.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// A group by its code.
    #[must_use]
    pub fn group(&self, drg: &str) -> Option<&Group> {
        self.groups.get(drg)
    }

    /// SHA-256 over head, groups and defaults; keep it with every price.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

pub(crate) fn check_head(head: &Head, file: File<'_>) -> Result<(), FileFault> {
    let is_id = |text: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        !text.is_empty() && text.len() <= 60 && text.bytes().all(is_plain)
    };
    if !is_id(&head.id) || !is_id(&head.scheme) {
        return Err(file.fault("`id` and `scheme` are made of a-z, 0-9, _ and -, at most 60"));
    }
    if head.region.code.len() != 6 || !head.region.code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(file.fault("`region.code` has six digits (GB/T 2260)"));
    }
    if head.valid_to.is_some_and(|to| to < head.valid_from) {
        return Err(file.fault("`valid_to` lies before `valid_from`"));
    }
    let insurances: BTreeSet<Insurance> = head.insurance.iter().copied().collect();
    if insurances.is_empty() || insurances.len() != head.insurance.len() {
        return Err(file.fault("`insurance` names each insurance once, and at least one"));
    }
    let levels: BTreeSet<&str> = head.level.iter().map(|level| level.id.as_str()).collect();
    let is_level = |id: &str| id == ANY_LEVEL || is_id(id);
    if levels.is_empty() || levels.len() != head.level.len() || !levels.iter().all(|id| is_level(id)) {
        return Err(file.fault("`level` has at least one entry, each with an id of its own (a-z, 0-9, _, - or *)"));
    }
    if head.level.iter().any(|level| level.coefficient.is_some_and(Exact::is_negative)) {
        return Err(file.fault("`level.coefficient` is not below zero"));
    }
    let mut seen = BTreeSet::new();
    for rate in &head.rate {
        if rate.level.as_ref().is_some_and(|level| !levels.contains(level.as_str())) {
            return Err(file.fault("`rate.level` is the id of a level above"));
        }
        if rate.yuan <= Exact::ZERO {
            return Err(file.fault("`rate.yuan` is above zero"));
        }
        if !seen.insert((rate.level.clone(), rate.insurance, rate.kind)) {
            return Err(file.fault("two entries of `rate` are for the same level, insurance and kind"));
        }
    }
    Ok(())
}

/// The sections of the pack, each from its own head when the head has it, else from the defaults.
fn rules(own: Option<&RulesHead>, fallback: RulesHead, defaults: File<'_>) -> Result<Rules, FileFault> {
    let own = own.cloned().unwrap_or_else(|| RulesHead::none(&fallback.provenance));
    let (own_source, their_source) = (own.provenance, fallback.provenance);
    let missing = |name: &str| defaults.fault(format!("`rules.{name}` is missing; the defaults give every section"));
    macro_rules! section {
        ($name:ident) => {
            match (own.$name, fallback.$name) {
                (Some(rule), _) => Sourced { rule, provenance: own_source.clone() },
                (None, Some(rule)) => Sourced { rule, provenance: their_source.clone() },
                (None, None) => return Err(missing(stringify!($name))),
            }
        };
    }
    Ok(Rules {
        bands: section!(band),
        exclusions: section!(exclusion),
        specials: section!(special),
        base: section!(base),
        unstable: section!(unstable),
        by_item: section!(by_item),
        uncovered: section!(uncovered),
        single_review: section!(single_review),
        cap: section!(cap),
        fund: section!(fund),
        rounding: section!(rounding),
    })
}

impl RulesHead {
    fn none(provenance: &Provenance) -> RulesHead {
        RulesHead {
            provenance: provenance.clone(),
            band: None,
            exclusion: None,
            special: None,
            base: None,
            unstable: None,
            by_item: None,
            uncovered: None,
            single_review: None,
            cap: None,
            fund: None,
            rounding: None,
        }
    }
}

fn check_rules(rules: &Rules, file: File<'_>) -> Result<(), FileFault> {
    let fault = |what: &str| Err(file.fault(what));
    let bands = &rules.bands.rule;
    if bands.len() > 20 || bands.last().is_none_or(|band| band.weight_below.is_some()) {
        return fault("`rules.band` has at least one and at most 20 entries, the last one without `weight_below`");
    }
    let mut weight = Exact::ZERO;
    for (at, band) in bands.iter().enumerate() {
        match band.weight_below {
            Some(below) if below > weight => weight = below,
            None if at + 1 == bands.len() => {}
            _ => return fault("`rules.band.weight_below` rises from entry to entry; only the last has none"),
        }
        let mut edge = Exact::ZERO;
        for (at, tier) in band.tiers.iter().enumerate() {
            let is_last = at + 1 == band.tiers.len();
            match (tier.ratio_below, tier.ratio_up_to) {
                (None, None) if is_last => {}
                (Some(next), None) | (None, Some(next)) if !is_last && next > edge => edge = next,
                _ => {
                    return fault(
                        "`rules.band.tier` rises by `ratio_below` or `ratio_up_to`; only the last has neither",
                    );
                }
            }
            let Formula { of_standard, of_cost, of_excess, excess_over } = tier.pay;
            if [of_standard, of_cost, of_excess, excess_over].into_iter().any(Exact::is_negative) {
                return fault("`rules.band.tier.pay` holds no number below zero");
            }
        }
        if band.tiers.is_empty() || band.tiers.len() > 20 {
            return fault("`rules.band.tier` has at least one and at most 20 entries");
        }
    }
    let pays = rules.exclusions.rule.iter().map(|rule| rule.pay);
    let pays = pays.chain(rules.specials.rule.iter().map(|rule| rule.pay));
    let pays =
        pays.chain([rules.unstable.rule, rules.by_item.rule, rules.uncovered.rule, rules.single_review.rule.pay]);
    for pay in pays {
        match pay {
            PayBy::Cost { share } | PayBy::GroupElseCost { share }
                if share.is_negative() || share > Exact::whole(10) =>
            {
                return fault("a `share` of the cost lies between 0 and 10");
            }
            PayBy::Cost { .. } | PayBy::GroupElseCost { .. } | PayBy::Group => {}
        }
    }
    let is_empty =
        |rule: &Exclusion| rule.stay_days_at_most.is_none() && rule.stay_days_over.is_none() && !rule.per_diem;
    if rules.exclusions.rule.iter().any(is_empty) {
        return fault("`rules.exclusion` has a condition: `stay_days_at_most`, `stay_days_over` or `per_diem`");
    }
    let is_bare = |rule: &Special| rule.codes.is_empty() || rule.codes.iter().any(|code| code.len() < 3);
    if rules.specials.rule.iter().any(is_bare) {
        return fault("`rules.special.codes` has codes of at least three characters, `*QY` for an ending");
    }
    let share = rules.single_review.rule.cases_share_max;
    if share.is_negative() || share > Exact::ONE {
        return fault("`rules.single_review.cases_share_max` lies between 0 and 1");
    }
    let cap = rules.cap.rule;
    if [cap.of_standard, cap.of_cost, cap.yuan].into_iter().flatten().any(Exact::is_negative) {
        return fault("`rules.cap` holds no number below zero");
    }
    if rules.base.rule.coefficient.is_negative() {
        return fault("`rules.base.coefficient` is not below zero");
    }
    if ![1, 10, 100].contains(&rules.rounding.rule.unit_fen) {
        return fault("`rules.rounding.unit_fen` is 1, 10 or 100");
    }
    Ok(())
}

/// Packs of many regions and years, found by region, insurance and day.
#[derive(Debug, Clone, Default)]
pub struct Book {
    packs: Vec<Pack>,
}

/// Why a pack was not taken into a book, or not found there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// Two packs would answer for one case.
    #[error(
        "packs `{one}` and `{other}` of region {region} cover the same insurance on the same day; end one by `valid_to`"
    )]
    Overlap {
        /// The pack that is there.
        one: String,
        /// The pack to be added.
        other: String,
        /// The region's code.
        region: String,
    },
    /// No pack answers for the case.
    #[error("no pack of region {region} covers insurance `{}` on {day}; add one, or correct the day", .insurance.key())]
    None {
        /// The region's code.
        region: String,
        /// The insurance.
        insurance: Insurance,
        /// The day of discharge.
        day: Day,
    },
}

impl Book {
    /// Adds a pack.
    ///
    /// # Errors
    /// [`BookFault::Overlap`] when another pack covers the same region and insurance on a day of this one.
    pub fn add(&mut self, pack: Pack) -> Result<(), BookFault> {
        let meets = |other: &&Pack| {
            let same = other.head.region.code == pack.head.region.code
                && other.head.insurance.iter().any(|insurance| pack.head.insurance.contains(insurance));
            let ends_before = |one: &Pack, two: &Pack| one.head.valid_to.is_some_and(|to| to < two.head.valid_from);
            same && !ends_before(other, &pack) && !ends_before(&pack, other)
        };
        if let Some(other) = self.packs.iter().find(meets) {
            let (one, other, region) = (other.id().into(), pack.id().into(), pack.region().code.clone());
            return Err(BookFault::Overlap { one, other, region });
        }
        self.packs.push(pack);
        Ok(())
    }

    /// The pack of a region for an insurance on a day of discharge.
    ///
    /// # Errors
    /// [`BookFault::None`] when there is none.
    pub fn find(&self, region: &str, insurance: Insurance, day: Day) -> Result<&Pack, BookFault> {
        let fits = |pack: &&Pack| {
            pack.head.region.code == region && pack.head.insurance.contains(&insurance) && pack.covers(day)
        };
        let none = || BookFault::None { region: region.to_owned(), insurance, day };
        self.packs.iter().find(fits).ok_or_else(none)
    }

    /// All packs.
    #[must_use]
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }
}
