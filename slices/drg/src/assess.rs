//! What a front page is worth: its group and its price by the rules that hold where and when the stay is. Pure.
//!
//! A stay that is not over is priced for today, as if its cost would reach the standard of its group: a cost so far below
//! the standard counts as the standard. Otherwise every stay would begin as one with a low multiple.

use chs_drg::{Complication, Explained, Outcome, Scheme, Ungrouped};
use drg_payment::{Case, Day, Fen as PackFen, Insurance, Pack, Priced, Refused, Standard};
use yiti_directory::Institution;
use yiti_kernel::{Date, Fen};
use yiti_record::front_page::{FrontPage, Status};

use crate::group;
use crate::settings::Definitions;

/// Why a stay has no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpriced {
    /// Neither basic insurance pays.
    NoInsurance,
    /// No pack covers insurance, region and day.
    NoPack,
    /// The settings give the institution no level.
    NoLevel,
    /// The page states no cost, and the group has no standard.
    NoCost,
    /// The pack refuses, for this reason.
    Refused(Refused),
}

impl Unpriced {
    /// As stored, and key of its words below `drg.unpriced`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NoInsurance => "no_insurance",
            Self::NoPack => "no_pack",
            Self::NoLevel => "no_level",
            Self::NoCost => "no_cost",
            Self::Refused(_) => "refused",
        }
    }
}

/// How grouping ended, as stored and as words.
#[must_use]
pub const fn outcome_key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Drg { .. } => "drg",
        Outcome::AdrgOnly { .. } => "adrg",
        Outcome::Ambiguous { .. } => "ambiguous",
        Outcome::Ungrouped(_) => "ungrouped",
    }
}

/// Why there is no group, as stored and as words; `None` with one.
#[must_use]
pub const fn failure_key(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Drg { .. } | Outcome::AdrgOnly { .. } => None,
        Outcome::Ambiguous { .. } => Some("ambiguous"),
        Outcome::Ungrouped(Ungrouped::PrincipalRefused) => Some("principal_refused"),
        Outcome::Ungrouped(Ungrouped::NoMdc) => Some("no_mdc"),
        Outcome::Ungrouped(Ungrouped::NoStep) => Some("no_step"),
        Outcome::Ungrouped(Ungrouped::Faulty) => Some("faulty"),
    }
}

/// The level of complications, as stored and as words.
#[must_use]
pub const fn complication_key(complication: Complication) -> &'static str {
    match complication {
        Complication::None => "none",
        Complication::Cc => "cc",
        Complication::Mcc => "mcc",
    }
}

/// A page that was grouped and priced.
pub struct Assessed<'d> {
    /// The scheme.
    pub scheme: &'d Scheme,
    /// The rules that pay; `None` when none do.
    pub pack: Option<&'d Pack>,
    /// The insurance that pays.
    pub insurance: Option<Insurance>,
    /// The level of the institution; empty when the settings give none.
    pub level: &'d str,
    /// The group and its reasons.
    pub explained: Explained,
    /// Code of the main category.
    pub mdc: &'d str,
    /// Code of the ADRG.
    pub adrg: &'d str,
    /// Code of the group.
    pub drg: &'d str,
    /// Complications that counted as CC.
    pub cc_count: u32,
    /// Complications that counted as MCC.
    pub mcc_count: u32,
    /// Complications that the principal diagnosis excludes.
    pub excluded_count: u32,
    /// What the group is worth here, before any rule about the stay.
    pub standard: Option<Standard>,
    /// The price, or why there is none.
    pub priced: Result<Priced, Unpriced>,
    /// Days of the stay: as stated, otherwise counted, up to today while it lasts.
    pub stay_days: Option<u32>,
    /// Total cost: as stated, otherwise the sum of the items.
    pub cost: Option<Fen>,
    /// Cost of drugs; `None` when no item is known.
    pub drug_cost: Option<Fen>,
    /// Cost of consumables; `None` when no item is known.
    pub consumable_cost: Option<Fen>,
}

impl Assessed<'_> {
    /// What is paid.
    #[must_use]
    pub fn pay(&self) -> Option<Fen> {
        self.priced.as_ref().ok().map(|priced| Fen(priced.pay.0))
    }

    /// What is paid less the cost: above zero is a gain of the hospital.
    #[must_use]
    pub fn balance(&self) -> Option<Fen> {
        self.pay().zip(self.cost).and_then(|(pay, cost)| pay.0.checked_sub(cost.0)).map(Fen)
    }

    /// The weight of the group in millionths; `None` when the pack gives none.
    #[must_use]
    pub fn weight_e6(&self) -> Option<i64> {
        self.pack.and_then(|pack| pack.group(self.drg)).and_then(|group| group.weight)?.rounded(6).ok()
    }

    /// The name of the group as the scheme has it; that of its ADRG when it has no own, empty without a group.
    #[must_use]
    pub fn name(&self) -> &str {
        name_of(self.scheme, self.drg)
    }
}

/// The name of a group or ADRG as the scheme has it; empty when it has none.
#[must_use]
pub fn name_of<'s>(scheme: &'s Scheme, code: &str) -> &'s str {
    let definition = scheme.definition();
    let drg = definition.drgs.iter().find(|drg| drg.code == code).map(|drg| drg.name.as_str());
    drg.or_else(|| definition.steps.iter().find(|step| step.adrg == code).map(|step| step.name.as_str())).unwrap_or("")
}

/// Groups and prices a page of `institution`, `today` being the day for a stay that is not over. `None` when the settings
/// name no scheme, which the start of the platform rules out.
#[must_use]
pub fn assess<'d>(
    page: &FrontPage,
    definitions: &'d Definitions,
    institution: &Institution,
    today: Date,
) -> Option<Assessed<'d>> {
    let settings = &definitions.settings;
    let region = settings.region(&institution.division_code)?;
    let insurance = settings.insurance(page);
    let on = page.discharged_on().unwrap_or(today);
    let day = payment_day(on);
    let pack = insurance
        .zip(day)
        .and_then(|(insurance, day)| definitions.book.find(&region.payment_region, insurance, day).ok());
    let scheme = definitions.schemes.get(pack.map_or(&region.scheme, Pack::scheme))?;
    let explained = group::explain(scheme, page);
    let named = scheme.name(explained.answer);
    let counted = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let level = settings.level(institution).unwrap_or_default();
    let count = |level: Complication| {
        let at_level = explained.weighed.iter().filter(|it| it.level == level && it.excluded_by_table.is_none());
        counted(at_level.count())
    };
    let excluded = explained.weighed.iter().filter(|it| it.excluded_by_table.is_some()).count();
    let stay_days = page.length_of_stay_days.or_else(|| group::counted_stay(page)).or_else(|| days_so_far(page, today));
    let cost = page.costs.total.or_else(|| page.costs.sum_of_items());
    let standard = match (pack, insurance) {
        (Some(pack), Some(insurance)) if !level.is_empty() => pack.standard(named.drg, level, insurance).ok(),
        _ => None,
    };
    let priced = match (insurance, day, pack) {
        (None, ..) => Err(Unpriced::NoInsurance),
        (Some(_), _, None) | (Some(_), None, _) => Err(Unpriced::NoPack),
        (Some(_), Some(_), Some(_)) if level.is_empty() => Err(Unpriced::NoLevel),
        (Some(insurance), Some(discharged_on), Some(pack)) => {
            let is_open = page.status == Status::Draft;
            let reached = standard.as_ref().filter(|_| is_open).map(|standard| Fen(standard.amount.0));
            match cost.max(reached) {
                None => Err(Unpriced::NoCost),
                Some(counted) => {
                    let patient = page.costs.self_paid.filter(|_| !is_open).unwrap_or_default();
                    let case = Case {
                        drg: named.drg,
                        level,
                        insurance,
                        discharged_on,
                        stay_days: stay_days.unwrap_or_default(),
                        cost: PackFen(counted.0),
                        patient: PackFen(patient.0),
                        flags: definitions.settings.flags(page),
                    };
                    pack.price(&case).map_err(Unpriced::Refused)
                }
            }
        }
    };
    Some(Assessed {
        scheme,
        pack,
        insurance,
        level,
        mdc: named.mdc,
        adrg: named.adrg,
        drg: named.drg,
        cc_count: count(Complication::Cc),
        mcc_count: count(Complication::Mcc),
        excluded_count: counted(excluded),
        explained,
        standard,
        priced,
        stay_days,
        cost,
        drug_cost: part_of(page, |item| item.is_drug()),
        consumable_cost: part_of(page, |item| item.is_consumable()),
    })
}

/// The sum of some items; `None` when the page has no items at all, or the sum is beyond all measure.
fn part_of(page: &FrontPage, takes: impl Fn(yiti_record::front_page::CostItem) -> bool) -> Option<Fen> {
    if page.costs.items.is_empty() {
        return None;
    }
    let mut taken = page.costs.items.iter().filter(|(item, _)| takes(**item));
    taken.try_fold(0i64, |sum, (_, amount)| sum.checked_add(amount.0)).map(Fen)
}

/// Days from admission to today, at least 1.
fn days_so_far(page: &FrontPage, today: Date) -> Option<u32> {
    let days = today.since(page.admitted_on()?).ok()?.get_days();
    u32::try_from(days).ok().map(|days| days.max(1))
}

/// The day as payment rules count it.
#[must_use]
pub fn payment_day(day: Date) -> Option<Day> {
    Day::new(u16::try_from(day.year()).ok()?, u8::try_from(day.month()).ok()?, u8::try_from(day.day()).ok()?)
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
