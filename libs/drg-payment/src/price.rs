//! The price of a case: pure, exact, rounded once, with every step that led to it.

use std::fmt;

use crate::case::{Case, Insurance};
use crate::day::Day;
use crate::error::{Overflow, Refused};
use crate::exact::Exact;
use crate::groups::{Group, Kind};
use crate::hash::Hash;
use crate::money::Fen;
use crate::pack::{ANY_LEVEL, Level, Method, Pack, Rate};
use crate::rules::{Band, BelowZero, Evidence, Formula, PayBy, Provenance, Tier};

/// What a group is worth at a level for an insurance, before any rule about the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standard {
    /// Weight, or points; none where the price is listed without one.
    pub weight: Option<Exact>,
    /// Rate or point value in yuan; none where the price is listed.
    pub rate: Option<Exact>,
    /// Coefficient; none where the price is listed.
    pub coefficient: Option<Exact>,
    /// The standard in yuan, exact.
    pub yuan: Exact,
    /// The standard, rounded as the pack says.
    pub amount: Fen,
}

/// Which rule decided what is paid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// A multiplier tier, by its id.
    Tier(String),
    /// A stay outside the groups, by the rule's id.
    Exclusion(String),
    /// A single review that was granted.
    SingleReview,
    /// A group by the form of its code, by the rule's id.
    Special(String),
    /// A kind of group that is not paid by its weight.
    Kind(Kind),
}

impl Basis {
    /// Its name in files: `tier:high`, `exclusion:long_stay`, `single_review`, `special:ambiguous`, `kind:unstable`.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Basis::Tier(id) => format!("tier:{id}"),
            Basis::Exclusion(id) => format!("exclusion:{id}"),
            Basis::SingleReview => "single_review".to_owned(),
            Basis::Special(id) => format!("special:{id}"),
            Basis::Kind(kind) => format!("kind:{}", kind.key()),
        }
    }
}

/// A priced case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The hash of the pack.
    pub pack: Hash,
    /// What the group is worth; none when the group has no price and another rule pays the case.
    pub standard: Option<Standard>,
    /// Cost divided by standard.
    pub ratio: Option<Exact>,
    /// The rule that decided.
    pub basis: Basis,
    /// What the case is worth: fund and patient together.
    pub pay: Fen,
    /// What the fund owes: `pay` less the patient's part.
    pub fund: Fen,
    /// `pay` less the cost: above zero is a gain of the hospital.
    pub gain: Fen,
    /// Point method: `pay` in points before rounding to money. Otherwise the group's weight, 0 where it has none.
    /// In millionths, rounded half away from zero.
    pub points_e6: i64,
    /// How the price came to be, in order.
    pub steps: Vec<Step>,
}

/// One step of a price, for people: a key in a table of words and the facts that go into its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key of its sentence.
    pub key: &'static str,
    /// The facts by name.
    pub facts: Vec<(&'static str, Fact)>,
    /// The source of the rule that was used; a step of `Evidence::Default` has to be decided by someone.
    pub provenance: Provenance,
}

impl Step {
    /// Whether the step used a default that has no norm behind it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.provenance.evidence == Evidence::Default
    }
}

/// A fact of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An amount of money.
    Money(Fen),
    /// A number: a weight, a rate in yuan, a coefficient, a ratio, a share.
    Number(Exact),
    /// A count of days.
    Days(u32),
    /// A day.
    Day(Day),
    /// A code or an id, as it is.
    Code(String),
    /// A key of a word: a kind, an insurance.
    Word(String),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Money(amount) => amount.fmt(f),
            Fact::Number(number) => number.fmt(f),
            Fact::Days(days) => days.fmt(f),
            Fact::Day(day) => day.fmt(f),
            Fact::Code(text) | Fact::Word(text) => f.write_str(text),
        }
    }
}

impl Pack {
    /// What a group is worth at a level for an insurance.
    ///
    /// # Errors
    /// [`Refused`] when the pack does not know group, level or insurance, or the table gives no price for them.
    pub fn standard(&self, drg: &str, level: &str, insurance: Insurance) -> Result<Standard, Refused> {
        if !self.insurances().contains(&insurance) {
            return Err(Refused::OtherInsurance { pack: self.id().to_owned(), insurance });
        }
        let level = self.level(level)?;
        let group = self.known_group(drg)?;
        let (weight, rate, coefficient, yuan) = if self.method() == Method::Listed {
            let none = || Refused::NoPrice { drg: drg.to_owned(), level: level.id.clone(), insurance };
            let price = group.price(&level.id, insurance).or_else(|| group.price(ANY_LEVEL, insurance));
            (group.weight, None, None, price.ok_or_else(none)?)
        } else {
            let weight = group.weight.ok_or_else(|| Refused::NoWeight { drg: drg.to_owned() })?;
            let rate = self.rate(level, insurance, group.kind)?.yuan;
            let coefficient = self.coefficient(group, level)?;
            (Some(weight), Some(rate), Some(coefficient), weight.times(rate)?.times(coefficient)?)
        };
        Ok(Standard { weight, rate, coefficient, yuan, amount: self.rounded(yuan)? })
    }

    /// The price of a case.
    ///
    /// # Errors
    /// [`Refused`] with the field that is wrong and what to do.
    pub fn price(&self, case: &Case<'_>) -> Result<Priced, Refused> {
        self.priced(case, Trail { pack: self, steps: Some(Vec::new()) })
    }

    /// The same price without its steps, for many cases at once.
    ///
    /// # Errors
    /// As [`Pack::price`].
    pub fn worth(&self, case: &Case<'_>) -> Result<Priced, Refused> {
        self.priced(case, Trail { pack: self, steps: None })
    }

    fn priced(&self, case: &Case<'_>, mut trail: Trail<'_>) -> Result<Priced, Refused> {
        self.check(case)?;
        let standard = self.standard(case.drg, case.level, case.insurance);
        let (basis, by, source) = self.basis(case, standard.is_ok());
        trail.group(case);
        let (basis, exact, standard) = match by {
            PayBy::Cost { share } => {
                let exact = case.cost.yuan().times(share)?;
                let standard = standard.ok();
                if let Some(standard) = &standard {
                    trail.standard(case, standard);
                }
                trail.cost(case, &basis, share, source);
                (basis, exact, standard)
            }
            PayBy::Group | PayBy::GroupElseCost { .. } => {
                let standard = standard?;
                trail.standard(case, &standard);
                let (tier, exact) = self.tiered(case, &standard, &mut trail)?;
                let basis = if let Basis::Tier(_) = basis { Basis::Tier(tier) } else { basis };
                (basis, exact, Some(standard))
            }
        };
        let exact = self.capped(case, exact, standard.as_ref(), &mut trail)?;
        let pay = self.rounded(exact)?;
        let net = pay.minus(case.patient)?;
        let fund = if self.rules.fund.rule.below_zero == BelowZero::Zero { net.max(Fen(0)) } else { net };
        let gain = pay.minus(case.cost)?;
        let points = match (self.method(), standard.as_ref().and_then(|standard| standard.rate)) {
            (Method::Points, Some(value)) => exact.divided_by(value)?,
            (Method::Points, None) => self.points_without_group(case, exact)?,
            (Method::Rate | Method::Listed, _) => {
                self.group(case.drg).and_then(|group| group.weight).unwrap_or(Exact::ZERO)
            }
        };
        trail.result(case, pay, fund, gain);
        let ratio = match &standard {
            Some(standard) if !standard.yuan.is_zero() => Some(case.cost.yuan().divided_by(standard.yuan)?),
            _ => None,
        };
        let points_e6 = points.rounded(6)?;
        Ok(Priced {
            pack: self.hash(),
            standard,
            ratio,
            basis,
            pay,
            fund,
            gain,
            points_e6,
            steps: trail.steps.unwrap_or_default(),
        })
    }

    /// Points of a case that is paid by cost and whose group has no standard: the amount divided by the point value.
    fn points_without_group(&self, case: &Case<'_>, exact: Exact) -> Result<Exact, Refused> {
        let level = self.level(case.level)?;
        Ok(exact.divided_by(self.rate(level, case.insurance, Kind::Ordinary)?.yuan)?)
    }

    fn check(&self, case: &Case<'_>) -> Result<(), Refused> {
        if !self.covers(case.discharged_on) {
            let (pack, from, to) = (self.id().to_owned(), self.valid_from(), self.valid_to());
            return Err(Refused::NotValid { pack, day: case.discharged_on, from, to });
        }
        if !self.insurances().contains(&case.insurance) {
            return Err(Refused::OtherInsurance { pack: self.id().to_owned(), insurance: case.insurance });
        }
        for (field, amount) in [("cost", case.cost), ("patient", case.patient)] {
            if amount < Fen(0) {
                return Err(Refused::Negative { field, amount });
            }
        }
        if case.patient > case.cost {
            return Err(Refused::PatientAboveCost { patient: case.patient, cost: case.cost });
        }
        self.level(case.level).map(|_| ())
    }

    /// Which rule pays the case, how, and where the rule comes from. Tiers get their id later.
    fn basis(&self, case: &Case<'_>, has_standard: bool) -> (Basis, PayBy, &Provenance) {
        let rules = &self.rules;
        let settled = |by: PayBy| match by {
            PayBy::GroupElseCost { share } if !has_standard => PayBy::Cost { share },
            other => other,
        };
        let is_excluded = |rule: &&crate::rules::Exclusion| {
            let is_short = rule.stay_days_at_most.is_none_or(|days| case.stay_days <= days && !case.flags.day_case);
            let is_long = rule.stay_days_over.is_none_or(|days| case.stay_days > days);
            is_short && is_long && (!rule.per_diem || case.flags.per_diem)
        };
        if let Some(rule) = rules.exclusions.rule.iter().find(is_excluded) {
            return (Basis::Exclusion(rule.id.clone()), settled(rule.pay), &rules.exclusions.provenance);
        }
        if case.flags.review_granted {
            return (Basis::SingleReview, settled(rules.single_review.rule.pay), &rules.single_review.provenance);
        }
        let tier = Basis::Tier(String::new());
        if let Some(rule) = rules.specials.rule.iter().find(|rule| rule.takes(case.drg)) {
            return match settled(rule.pay) {
                PayBy::Cost { share } => {
                    (Basis::Special(rule.id.clone()), PayBy::Cost { share }, &rules.specials.provenance)
                }
                by => (tier, by, &rules.specials.provenance),
            };
        }
        let kind = self.group(case.drg).map_or(Kind::Ordinary, |group| group.kind);
        let section = match kind {
            Kind::Ordinary | Kind::Base => return (tier, PayBy::Group, &rules.bands.provenance),
            Kind::Unstable => &rules.unstable,
            Kind::ByItem => &rules.by_item,
            Kind::Uncovered => &rules.uncovered,
        };
        match settled(section.rule) {
            PayBy::Cost { share } => (Basis::Kind(kind), PayBy::Cost { share }, &section.provenance),
            by => (tier, by, &section.provenance),
        }
    }

    fn tiered(&self, case: &Case<'_>, standard: &Standard, trail: &mut Trail<'_>) -> Result<(String, Exact), Refused> {
        if standard.yuan.is_zero() {
            return Err(Refused::ZeroStandard { drg: case.drg.to_owned() });
        }
        let cost = case.cost.yuan();
        let ratio = cost.divided_by(standard.yuan)?;
        let bands = &self.rules.bands.rule;
        let takes =
            |band: &&Band| band.weight_below.is_none_or(|below| standard.weight.is_some_and(|weight| weight < below));
        let holds = |tier: &&Tier| {
            tier.ratio_below.is_none_or(|edge| ratio < edge) && tier.ratio_up_to.is_none_or(|edge| ratio <= edge)
        };
        let tier = bands.iter().find(takes).and_then(|band| band.tiers.iter().find(holds));
        let tier = tier.ok_or_else(|| Refused::NoTier { ratio: ratio.to_string() })?;
        let Formula { of_standard, of_cost, of_excess, excess_over } = tier.pay;
        let excess = cost.minus(standard.yuan.times(excess_over)?)?;
        let exact = standard.yuan.times(of_standard)?.plus(cost.times(of_cost)?)?.plus(excess.times(of_excess)?)?;
        trail.tier(case, standard, ratio, tier, exact)?;
        Ok((tier.id.clone(), exact))
    }

    fn capped(
        &self,
        case: &Case<'_>,
        exact: Exact,
        standard: Option<&Standard>,
        trail: &mut Trail<'_>,
    ) -> Result<Exact, Refused> {
        let cap = self.rules.cap.rule;
        let mut caps = Vec::new();
        if let (Some(share), Some(standard)) = (cap.of_standard, standard) {
            caps.push(standard.yuan.times(share)?);
        }
        if let Some(share) = cap.of_cost {
            caps.push(case.cost.yuan().times(share)?);
        }
        caps.extend(cap.yuan);
        match caps.into_iter().min() {
            Some(cap) if cap < exact => {
                trail.capped(exact, cap)?;
                Ok(cap)
            }
            _ => Ok(exact),
        }
    }

    fn rounded(&self, yuan: Exact) -> Result<Fen, Overflow> {
        let unit = i64::from(self.rules.rounding.rule.unit_fen);
        let in_units = yuan.times(Exact::whole(100))?.divided_by(Exact::whole(unit))?.rounded(0)?;
        in_units.checked_mul(unit).map(Fen).ok_or(Overflow { of: "rounded amount" })
    }

    fn level(&self, id: &str) -> Result<&Level, Refused> {
        let find = |id: &str| self.levels().iter().find(|level| level.id == id);
        let known = || self.levels().iter().map(|level| level.id.clone()).collect();
        let unknown = || Refused::UnknownLevel { level: id.chars().take(40).collect(), known: known() };
        find(id).or_else(|| find(ANY_LEVEL)).ok_or_else(unknown)
    }

    fn known_group(&self, drg: &str) -> Result<&Group, Refused> {
        self.group(drg).ok_or_else(|| Refused::UnknownGroup {
            pack: self.id().to_owned(),
            scheme: self.scheme().to_owned(),
            drg: drg.chars().take(20).collect(),
        })
    }

    fn rate(&self, level: &Level, insurance: Insurance, kind: Kind) -> Result<&Rate, Refused> {
        let fits = |rate: &&Rate| {
            rate.level.as_ref().is_none_or(|id| *id == level.id)
                && rate.insurance.is_none_or(|other| other == insurance)
                && rate.kind.is_none_or(|other| other == kind)
        };
        // The kind weighs most: a rate for base groups holds at every level.
        let traits = |rate: &&Rate| (rate.kind.is_some(), rate.level.is_some(), rate.insurance.is_some());
        let none = || Refused::NoRate { pack: self.id().to_owned(), level: level.id.clone(), insurance };
        self.rates().iter().filter(fits).max_by_key(traits).ok_or_else(none)
    }

    fn coefficient(&self, group: &Group, level: &Level) -> Result<Exact, Refused> {
        if let Some(own) = group.coefficient(&level.id) {
            return Ok(own);
        }
        if group.kind == Kind::Base {
            return Ok(self.rules.base.rule.coefficient);
        }
        let none = || Refused::NoCoefficient { drg: group.drg.clone(), level: level.id.clone() };
        level.coefficient.ok_or_else(none)
    }
}

/// Collects the steps.
struct Trail<'p> {
    pack: &'p Pack,
    /// None when nobody asks how the price came to be.
    steps: Option<Vec<Step>>,
}

impl Trail<'_> {
    fn push(&mut self, key: &'static str, source: &Provenance, facts: Vec<(&'static str, Fact)>) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step { key, facts, provenance: source.clone() });
        }
    }

    fn group(&mut self, case: &Case<'_>) {
        if self.steps.is_none() {
            return;
        }
        let pack = self.pack;
        let kind = pack.group(case.drg).map_or(Kind::Ordinary, |group| group.kind);
        let facts = vec![
            ("pack", Fact::Code(pack.id().to_owned())),
            ("from", Fact::Day(pack.valid_from())),
            ("drg", Fact::Code(case.drg.chars().take(20).collect())),
            ("kind", Fact::Word(format!("kind.{}", kind.key()))),
            ("insurance", Fact::Word(format!("insurance.{}", case.insurance.key()))),
            ("level", Fact::Code(case.level.to_owned())),
        ];
        self.push("step.group", pack.provenance(), facts);
    }

    fn standard(&mut self, case: &Case<'_>, standard: &Standard) {
        if self.steps.is_none() {
            return;
        }
        let pack = self.pack;
        let mut facts = vec![("standard", Fact::Money(standard.amount))];
        if let (Some(weight), Some(rate), Some(coefficient)) = (standard.weight, standard.rate, standard.coefficient) {
            facts.push(("weight", Fact::Number(weight)));
            facts.push(("rate", Fact::Number(rate)));
            facts.push(("coefficient", Fact::Number(coefficient)));
        }
        let group = pack.group(case.drg);
        let is_base = group.is_some_and(|group| group.kind == Kind::Base);
        let has_own =
            group.is_some_and(|group| pack.level(case.level).is_ok_and(|l| group.coefficient(&l.id).is_some()));
        let source = pack.provenance();
        match pack.method() {
            Method::Rate => self.push("step.standard.rate", source, facts),
            Method::Points => self.push("step.standard.points", source, facts),
            Method::Listed => self.push("step.standard.listed", source, facts),
        }
        if is_base && !has_own && pack.method() != Method::Listed {
            let base = &pack.rules().base;
            let facts = vec![("coefficient", Fact::Number(base.rule.coefficient))];
            self.push("step.base", &base.provenance, facts);
        }
    }

    fn cost(&mut self, case: &Case<'_>, basis: &Basis, share: Exact, source: &Provenance) {
        if self.steps.is_none() {
            return;
        }
        let key = match basis {
            Basis::Exclusion(_) => "step.exclusion",
            Basis::SingleReview => "step.single_review",
            Basis::Special(_) => "step.special",
            Basis::Kind(_) | Basis::Tier(_) => "step.kind",
        };
        let facts = vec![
            ("rule", Fact::Word(basis.key())),
            ("days", Fact::Days(case.stay_days)),
            ("drg", Fact::Code(case.drg.chars().take(20).collect())),
            ("cost", Fact::Money(case.cost)),
            ("share", Fact::Number(share)),
        ];
        self.push(key, source, facts);
    }

    fn tier(
        &mut self,
        case: &Case<'_>,
        standard: &Standard,
        ratio: Exact,
        tier: &Tier,
        exact: Exact,
    ) -> Result<(), Overflow> {
        if self.steps.is_none() {
            return Ok(());
        }
        let source = &self.pack.rules().bands.provenance;
        let facts = vec![
            ("cost", Fact::Money(case.cost)),
            ("standard", Fact::Money(standard.amount)),
            ("ratio", Fact::Number(Exact::ratio(i128::from(ratio.rounded(4)?), 10_000)?)),
            ("tier", Fact::Word(format!("tier.{}", tier.id))),
        ];
        self.push("step.ratio", source, facts);
        let pay = tier.pay;
        let facts = vec![
            ("of_standard", Fact::Number(pay.of_standard)),
            ("of_cost", Fact::Number(pay.of_cost)),
            ("of_excess", Fact::Number(pay.of_excess)),
            ("excess_over", Fact::Number(pay.excess_over)),
            ("standard", Fact::Money(standard.amount)),
            ("cost", Fact::Money(case.cost)),
            ("amount", Fact::Money(self.pack.rounded(exact)?)),
        ];
        let shape = (!pay.of_standard.is_zero(), !pay.of_cost.is_zero(), !pay.of_excess.is_zero());
        let key = match shape {
            (true, false, false) => "step.pay.standard",
            (false, true, false) => "step.pay.cost",
            (true, false, true) => "step.pay.excess",
            _ => "step.pay.mixed",
        };
        self.push(key, source, facts);
        Ok(())
    }

    fn capped(&mut self, exact: Exact, cap: Exact) -> Result<(), Overflow> {
        if self.steps.is_none() {
            return Ok(());
        }
        let facts =
            vec![("amount", Fact::Money(self.pack.rounded(exact)?)), ("cap", Fact::Money(self.pack.rounded(cap)?))];
        self.push("step.cap", &self.pack.rules().cap.provenance, facts);
        Ok(())
    }

    fn result(&mut self, case: &Case<'_>, pay: Fen, fund: Fen, gain: Fen) {
        if self.steps.is_none() {
            return;
        }
        let rules = self.pack.rules();
        let rounding = vec![("pay", Fact::Money(pay)), ("unit", Fact::Money(Fen(rules.rounding.rule.unit_fen.into())))];
        self.push("step.rounding", &rules.rounding.provenance, rounding);
        let facts =
            vec![("pay", Fact::Money(pay)), ("patient", Fact::Money(case.patient)), ("fund", Fact::Money(fund))];
        self.push("step.fund", &rules.fund.provenance, facts);
        let key = if gain < Fen(0) { "step.loss" } else { "step.gain" };
        // The smallest amount has no counterpart above zero; it is shown as it is.
        let size = Fen(gain.0.checked_abs().unwrap_or(gain.0));
        let facts = vec![("pay", Fact::Money(pay)), ("cost", Fact::Money(case.cost)), ("amount", Fact::Money(size))];
        self.push(key, self.pack.provenance(), facts);
    }
}
