//! Figures over finished stays: case mix, consumption indices, shares, gain and loss, mortality by risk. Pure.
//!
//! Missing is not zero: a stay that lacks what a figure needs is not in it and is counted beside. Money is exact fen,
//! weights are exact millionths; only the risk bands use logarithms and so f64 ([`Bands`]).
//!
//! The measure engine gives what a count, a rate or a mean of rows is (`definitions/measures/drg-*.toml`). It has no
//! sums, no quotient of two sums and no comparison with another table; those figures are here.
//!
//! Two published forms of a consumption index stand beside each other, both against the mean of each group in a
//! [`Reference`], both over the same stays:
//! - [`Total::cost_ratio_e6`]: mean over cases of own cost to the mean of the case's group, which is
//!   sum(n_g * own mean_g / reference mean_g) / sum(n_g). Source: drg-performance-usage, consumption indices. Every case
//!   counts the same.
//! - [`Total::cost_observed_e6`]: all cost to the cost expected at the reference means, which is
//!   sum(n_g * own mean_g) / sum(n_g * reference mean_g). Source: aihw-relative-stay-index, numerator and denominator.
//!   Costly groups count more.
//!
//! Rounding: a quotient of one group is rounded to 1e-9, an expected amount to a millionth of a fen, an index, share or
//! mean once at the end, all half up.

use std::collections::{BTreeMap, HashMap};

use yiti_directory::InstitutionId;
use yiti_kernel::{Date, Fen};
use yiti_record::front_page::FrontPageId;

/// One finished stay as figures see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The front page.
    pub id: FrontPageId,
    /// The institution.
    pub institution: InstitutionId,
    /// Department of discharge; may be empty.
    pub department: String,
    /// Attending physician; may be empty.
    pub physician: String,
    /// `employee`, `resident` or empty.
    pub insurance: String,
    /// The grouping scheme.
    pub scheme: String,
    /// Main category; may be empty.
    pub mdc: String,
    /// Group, QY code or 0000.
    pub drg: String,
    /// `drg`, `adrg`, `ambiguous`, `ungrouped`.
    pub outcome: String,
    /// Why there is no price; empty with one.
    pub unpriced: String,
    /// Day of discharge.
    pub discharged_on: Date,
    /// Whether the patient died.
    pub is_dead: bool,
    /// Days of the stay.
    pub stay_days: Option<u32>,
    /// Weight in millionths.
    pub weight_e6: Option<i64>,
    /// What is paid.
    pub pay: Option<Fen>,
    /// Total cost.
    pub cost: Option<Fen>,
    /// Cost of drugs.
    pub drug_cost: Option<Fen>,
    /// Cost of consumables.
    pub consumable_cost: Option<Fen>,
}

impl Stay {
    /// True with a group: a DRG, or an ADRG that has none.
    #[must_use]
    pub fn is_grouped(&self) -> bool {
        self.outcome == "drg" || self.outcome == "adrg"
    }

    /// Total, drug and consumable cost of a stay that states all three, with a total above zero.
    #[must_use]
    pub fn items(&self) -> Option<(Fen, Fen, Fen)> {
        Some((self.cost.filter(|cost| cost.0 > 0)?, self.drug_cost?, self.consumable_cost?))
    }

    /// Pay less cost; `None` when either is missing.
    #[must_use]
    pub fn balance(&self) -> Option<Fen> {
        self.pay.zip(self.cost).and_then(|(pay, cost)| pay.0.checked_sub(cost.0)).map(Fen)
    }
}

/// Sums of the stays of one group in one place, as the store adds them up. Place and category are empty where they were
/// not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupSum {
    /// The institution.
    pub institution: Option<InstitutionId>,
    /// Department of discharge.
    pub department: String,
    /// Attending physician.
    pub physician: String,
    /// Main category.
    pub mdc: String,
    /// The grouping scheme.
    pub scheme: String,
    /// The group.
    pub drg: String,
    /// True for a DRG or an ADRG without one.
    pub is_grouped: bool,
    /// Stays.
    pub stays: u64,
    /// Deaths.
    pub deaths: u64,
    /// Stays with a weight, and the sum of their weights in millionths.
    pub weight: (u64, i64),
    /// Stays with a cost, and its sum in fen.
    pub cost: (u64, i64),
    /// Stays with known days, and their sum.
    pub days: (u64, i64),
    /// Stays with all items, their total, drug and consumable cost in fen.
    pub items: (u64, i64, i64, i64),
    /// Stays with price and cost, both sums in fen.
    pub priced: (u64, i64, i64),
    /// Stays with a loss, and its sum in fen, below zero.
    pub loss: (u64, i64),
}

impl GroupSum {
    /// A single stay as a sum.
    ///
    /// INVARIANT: the statements of `store_analysis.rs` add up to the same.
    #[must_use]
    pub fn of(stay: &Stay) -> Self {
        let known = |value: Option<i64>| (u64::from(value.is_some()), value.unwrap_or_default());
        let fen = |amount: Option<Fen>| known(amount.map(|amount| amount.0));
        let priced = stay.balance().and(stay.pay.zip(stay.cost));
        Self {
            institution: Some(stay.institution),
            department: stay.department.clone(),
            physician: stay.physician.clone(),
            mdc: stay.mdc.clone(),
            scheme: stay.scheme.clone(),
            drg: stay.drg.clone(),
            is_grouped: stay.is_grouped(),
            stays: 1,
            deaths: u64::from(stay.is_dead),
            weight: known(stay.weight_e6),
            cost: fen(stay.cost),
            days: known(stay.stay_days.map(i64::from)),
            items: stay.items().map_or((0, 0, 0, 0), |(cost, drug, consumable)| (1, cost.0, drug.0, consumable.0)),
            priced: priced.map_or((0, 0, 0), |(pay, cost)| (1, pay.0, cost.0)),
            loss: fen(stay.balance().filter(|balance| balance.0 < 0)),
        }
    }

    /// The key of the line that it belongs to.
    fn place(&self, by: By) -> Place<'_> {
        match by {
            By::Institution => (self.institution, "", ""),
            By::Department => (self.institution, "", &self.department),
            By::Physician => (self.institution, "", &self.physician),
            By::Drg => (None, &self.scheme, &self.drg),
            By::Mdc => (None, &self.scheme, &self.mdc),
        }
    }
}

/// The group of a scheme.
pub type GroupKey = (String, String);

/// Mean cost and mean stay of each group elsewhere or before, as quotients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// Sum of cost in fen and cases, by group.
    costs: HashMap<GroupKey, (i64, u64)>,
    /// Sum of days and cases, by group.
    days: HashMap<GroupKey, (i64, u64)>,
}

impl Reference {
    /// The means of the groups that have at least `stays_min` stays.
    #[must_use]
    pub fn of(sums: &[GroupSum], stays_min: u64) -> Self {
        let mut reference = Self::default();
        for sum in sums.iter().filter(|sum| sum.is_grouped) {
            let key = || (sum.scheme.clone(), sum.drg.clone());
            let (cases, cost) = sum.cost;
            if cases >= stays_min.max(1) && cost > 0 {
                reference.costs.insert(key(), (cost, cases));
            }
            let (cases, days) = sum.days;
            if cases >= stays_min.max(1) && days > 0 {
                reference.days.insert(key(), (days, cases));
            }
        }
        reference
    }

    /// Puts published means of a group in the place of computed ones: mean cost in fen, mean days in hundredths.
    pub fn publish(&mut self, scheme: &str, drg: &str, cost_mean: Fen, days_mean_e2: u32) {
        let key = (scheme.to_owned(), drg.to_owned());
        if cost_mean.0 > 0 {
            self.costs.insert(key.clone(), (cost_mean.0, 1));
        }
        if days_mean_e2 > 0 {
            self.days.insert(key, (i64::from(days_mean_e2), 100));
        }
    }

    /// Groups with a mean cost.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.costs.len()
    }
}

/// How deadly a group is: 0 without deaths, 1 low to 4 high.
///
/// ln(mortality) of every group with deaths; 1 below mean - SD, 2 below the mean, 3 up to mean + SD, 4 above it. The SD
/// divides by the number of groups. Logarithms make this the one place with f64; the value decides only the band.
/// Source: tertiary-assessment-2025, indicator 14; drg-performance-usage, low-risk groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bands {
    of: HashMap<GroupKey, u8>,
    /// Groups with deaths.
    pub deadly_group_count: usize,
    /// Mean of ln(mortality) over them; `None` with fewer than two.
    pub ln_mean: Option<f64>,
    /// Standard deviation of it.
    pub ln_deviation: Option<f64>,
}

impl Bands {
    /// The bands of groups from their stays and deaths. With fewer than two groups with deaths only band 0 is known.
    #[must_use]
    pub fn of(sums: &[GroupSum]) -> Self {
        let grouped = || sums.iter().filter(|sum| sum.is_grouped && sum.stays > 0);
        let ln = |sum: &GroupSum| (sum.deaths as f64 / sum.stays as f64).ln();
        // In the order of the groups, so that the same stays always give the same sum.
        let deadly: BTreeMap<(&str, &str), f64> = grouped()
            .filter(|sum| sum.deaths > 0)
            .map(|sum| ((sum.scheme.as_str(), sum.drg.as_str()), ln(sum)))
            .collect();
        let count = deadly.len();
        let spread = (count >= 2).then(|| {
            let mean = deadly.values().sum::<f64>() / count as f64;
            let variance = deadly.values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count as f64;
            (mean, variance.sqrt())
        });
        let mut of = HashMap::new();
        for sum in grouped() {
            let band = match (deadly.get(&(sum.scheme.as_str(), sum.drg.as_str())), spread) {
                (None, _) => 0,
                (Some(_), None) => continue,
                (Some(x), Some((mean, deviation))) if *x < mean - deviation => 1,
                (Some(x), Some((mean, _))) if *x < mean => 2,
                (Some(x), Some((mean, deviation))) if *x <= mean + deviation => 3,
                (Some(_), Some(_)) => 4,
            };
            of.insert((sum.scheme.clone(), sum.drg.clone()), band);
        }
        Self { of, deadly_group_count: count, ln_mean: spread.map(|s| s.0), ln_deviation: spread.map(|s| s.1) }
    }

    /// The band of a stay; `None` without a group or for a group that the bands were not made from.
    #[must_use]
    pub fn band(&self, stay: &Stay) -> Option<u8> {
        if !stay.is_grouped() {
            return None;
        }
        self.of.get(&(stay.scheme.clone(), stay.drg.clone())).copied()
    }

    /// The band of a group.
    #[must_use]
    pub fn of_group(&self, scheme: &str, drg: &str) -> Option<u8> {
        self.of.get(&(scheme.to_owned(), drg.to_owned())).copied()
    }
}

/// What stays are compared with.
#[derive(Debug, Clone, Default)]
pub struct Yardstick {
    /// Means of groups.
    pub reference: Reference,
    /// How deadly groups are.
    pub bands: Bands,
}

/// Observed against expected, over the stays that have both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Compared {
    /// Stays compared.
    pub stays: u64,
    /// Grouped stays left out because cost or days, or the mean of their group, are not known.
    pub left_out: u64,
    /// Sum of own to reference mean, in units of 1e-9.
    ratio_e9: i128,
    /// Sum of own values: fen or days.
    own: i128,
    /// Sum of reference means, in millionths of a fen or day.
    expected_e6: i128,
}

impl Compared {
    /// All stays of a group: of `stays` there are `cases` with a value, `own` is their sum; `mean` is the reference mean as
    /// sum and count. Dividing once a group makes the index the same however its stays were added up.
    fn add(&mut self, stays: u64, (cases, own): (u64, i64), mean: Option<&(i64, u64)>) {
        let Some((sum, over)) = mean.filter(|_| cases > 0) else {
            self.left_out += stays;
            return;
        };
        self.left_out += stays.saturating_sub(cases);
        let (own, sum, over) = (i128::from(own), i128::from(*sum), i128::from(*over));
        self.stays += cases;
        self.own += own;
        self.ratio_e9 += rounded(own * over * 1_000_000_000, sum).unwrap_or_default();
        self.expected_e6 += rounded(i128::from(cases) * sum * 1_000_000, over).unwrap_or_default();
    }

    fn ratio_e6(&self) -> Option<i64> {
        whole(rounded(self.ratio_e9, i128::from(self.stays) * 1000))
    }

    fn observed_e6(&self) -> Option<i64> {
        whole(rounded(self.own * 1_000_000_000_000, self.expected_e6))
    }
}

/// Stays and deaths of one risk band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BandCount {
    /// Stays.
    pub stays: u64,
    /// Deaths among them.
    pub deaths: u64,
}

/// Everything summed over some stays; values are made from it without losing a fen.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Total {
    /// Stays.
    pub stays: u64,
    /// Stays with a group.
    pub grouped: u64,
    /// Different groups.
    pub groups: u64,
    /// Deaths.
    pub deaths: u64,
    /// Stays with a weight.
    pub weighted: u64,
    /// Sum of weights in millionths.
    pub weight_e6: i64,
    /// Stays with a cost.
    pub costed: u64,
    /// Sum of costs in fen.
    pub cost: i64,
    /// Stays with known days.
    pub timed: u64,
    /// Sum of days.
    pub days: i64,
    /// Stays that state all items.
    pub itemised: u64,
    /// Their total cost in fen.
    pub itemised_cost: i64,
    /// Their drug cost in fen.
    pub drug_cost: i64,
    /// Their consumable cost in fen.
    pub consumable_cost: i64,
    /// Stays with price and cost.
    pub priced: u64,
    /// What they are paid, in fen.
    pub pay: i64,
    /// What they cost, in fen.
    pub priced_cost: i64,
    /// Of them those with a loss.
    pub losses: u64,
    /// The sum of losses in fen, at most zero.
    pub loss: i64,
    /// Cost against the reference.
    pub cost_index: Compared,
    /// Days against the reference.
    pub time_index: Compared,
    /// Stays and deaths by band 0 to 4.
    pub bands: [BandCount; 5],
    /// Stays without a known band.
    pub unbanded: u64,
}

impl Total {
    /// The sum of stays.
    #[must_use]
    pub fn of<'s>(stays: impl Iterator<Item = &'s Stay>, yardstick: &Yardstick) -> Self {
        Self::of_groups(&stays.map(GroupSum::of).collect::<Vec<_>>(), yardstick)
    }

    /// The sum of sums.
    #[must_use]
    pub fn of_groups(sums: &[GroupSum], yardstick: &Yardstick) -> Self {
        split(sums, &[], yardstick).0
    }

    /// Case mix index in millionths: sum of weights over the stays that have one.
    #[must_use]
    pub fn cmi_e6(&self) -> Option<i64> {
        whole(rounded(self.weight_e6.into(), self.weighted.into()))
    }

    /// Mean cost in fen.
    #[must_use]
    pub fn cost_mean(&self) -> Option<Fen> {
        whole(rounded(self.cost.into(), self.costed.into())).map(Fen)
    }

    /// Mean stay in hundredths of a day.
    #[must_use]
    pub fn days_mean_e2(&self) -> Option<i64> {
        whole(rounded(i128::from(self.days) * 100, self.timed.into()))
    }

    /// Cost of drugs to total cost, in millionths, over the stays that state their items.
    #[must_use]
    pub fn drug_share_e6(&self) -> Option<i64> {
        share_e6(self.drug_cost, self.itemised_cost)
    }

    /// Cost of consumables to total cost, in millionths.
    #[must_use]
    pub fn consumable_share_e6(&self) -> Option<i64> {
        share_e6(self.consumable_cost, self.itemised_cost)
    }

    /// Cost consumption index in millionths, mean over cases of own cost to the mean of the group.
    #[must_use]
    pub fn cost_ratio_e6(&self) -> Option<i64> {
        self.cost_index.ratio_e6()
    }

    /// Cost consumption index in millionths, observed to expected cost.
    #[must_use]
    pub fn cost_observed_e6(&self) -> Option<i64> {
        self.cost_index.observed_e6()
    }

    /// Time consumption index in millionths, mean over cases of own days to the mean of the group.
    #[must_use]
    pub fn time_ratio_e6(&self) -> Option<i64> {
        self.time_index.ratio_e6()
    }

    /// Time consumption index in millionths, observed to expected days.
    #[must_use]
    pub fn time_observed_e6(&self) -> Option<i64> {
        self.time_index.observed_e6()
    }

    /// Pay less cost over the stays that have both; above zero is a gain.
    #[must_use]
    pub fn balance(&self) -> Option<Fen> {
        (self.priced > 0).then(|| Fen(self.pay.saturating_sub(self.priced_cost)))
    }

    /// The sum of gains, at least zero.
    #[must_use]
    pub fn gain(&self) -> Option<Fen> {
        self.balance().map(|balance| Fen(balance.0.saturating_sub(self.loss)))
    }

    /// Stays with price and cost and no loss.
    #[must_use]
    pub fn gains(&self) -> u64 {
        self.priced.saturating_sub(self.losses)
    }

    /// Deaths in low-risk groups to their stays, in millionths.
    #[must_use]
    pub fn low_risk_mortality_e6(&self) -> Option<i64> {
        let low = self.bands[1];
        whole(rounded(i128::from(low.deaths) * 1_000_000, low.stays.into()))
    }
}

/// What the yardstick says of a group, looked up once.
#[derive(Debug, Clone, Copy, Default)]
struct Known<'y> {
    cost: Option<&'y (i64, u64)>,
    days: Option<&'y (i64, u64)>,
    band: Option<u8>,
}

impl<'y> Known<'y> {
    /// Of a group by scheme, code, and whether it is one.
    fn of((scheme, drg, is_grouped): (&str, &str, bool), yardstick: &'y Yardstick) -> Self {
        let key = (scheme.to_owned(), drg.to_owned());
        Self {
            band: yardstick.bands.of_group(scheme, drg).filter(|_| is_grouped),
            cost: yardstick.reference.costs.get(&key),
            days: yardstick.reference.days.get(&key),
        }
    }
}

/// What a total needs of each of its groups before it can be held against the yardstick.
#[derive(Debug, Clone, Copy, Default)]
struct Own {
    stays: u64,
    deaths: u64,
    cost: (u64, i64),
    days: (u64, i64),
}

#[derive(Default)]
struct Adding<'s> {
    total: Total,
    /// By scheme, group, and whether it is one.
    groups: HashMap<(&'s str, &'s str, bool), Own>,
}

impl<'s> Adding<'s> {
    fn add(&mut self, sum: &'s GroupSum) {
        let add = |to: &mut (u64, i64), (count, amount): (u64, i64)| {
            *to = (to.0 + count, to.1.saturating_add(amount));
        };
        let total = &mut self.total;
        total.stays += sum.stays;
        total.deaths += sum.deaths;
        total.weighted += sum.weight.0;
        total.weight_e6 = total.weight_e6.saturating_add(sum.weight.1);
        total.costed += sum.cost.0;
        total.cost = total.cost.saturating_add(sum.cost.1);
        total.timed += sum.days.0;
        total.days = total.days.saturating_add(sum.days.1);
        total.itemised += sum.items.0;
        total.itemised_cost = total.itemised_cost.saturating_add(sum.items.1);
        total.drug_cost = total.drug_cost.saturating_add(sum.items.2);
        total.consumable_cost = total.consumable_cost.saturating_add(sum.items.3);
        total.priced += sum.priced.0;
        total.pay = total.pay.saturating_add(sum.priced.1);
        total.priced_cost = total.priced_cost.saturating_add(sum.priced.2);
        total.losses += sum.loss.0;
        total.loss = total.loss.saturating_add(sum.loss.1);
        let own = self.groups.entry((&sum.scheme, &sum.drg, sum.is_grouped)).or_default();
        own.stays += sum.stays;
        own.deaths += sum.deaths;
        add(&mut own.cost, sum.cost);
        add(&mut own.days, sum.days);
    }

    fn done(mut self, known: &HashMap<(&'s str, &'s str, bool), Known<'_>>) -> Total {
        let total = &mut self.total;
        for (key, own) in &self.groups {
            let known = known.get(key).copied().unwrap_or_default();
            match known.band.and_then(|band| total.bands.get_mut(usize::from(band))) {
                Some(count) => {
                    count.stays += own.stays;
                    count.deaths += own.deaths;
                }
                None => total.unbanded += own.stays,
            }
            if key.2 {
                total.grouped += own.stays;
                total.groups += 1;
                total.cost_index.add(own.stays, own.cost, known.cost);
                total.time_index.add(own.stays, own.days, known.days);
            }
        }
        self.total
    }
}

/// By what stays are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// Institution.
    Institution,
    /// Department of an institution.
    Department,
    /// Attending physician of an institution.
    Physician,
    /// Group of a scheme.
    Drg,
    /// Main category of a scheme.
    Mdc,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Institution, Self::Department, Self::Physician, Self::Drg, Self::Mdc];

    /// As in addresses, and key of its words below `drg_analysis_by`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Institution => "institution",
            Self::Department => "department",
            Self::Physician => "physician",
            Self::Drg => "drg",
            Self::Mdc => "mdc",
        }
    }

    /// The one of a key; by department for an unknown one.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|by| by.key() == key).unwrap_or(Self::Department)
    }

    /// The columns of the fact that make the same split.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Institution => &["institution_id"],
            Self::Department => &["institution_id", "department"],
            Self::Physician => &["institution_id", "physician"],
            Self::Drg => &["scheme", "drg"],
            Self::Mdc => &["scheme", "mdc"],
        }
    }
}

/// One line of a table: an institution or none, a scheme or none, and a name below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct LineKey {
    /// The institution, for lines of institutions, departments and physicians.
    pub institution: Option<InstitutionId>,
    /// The scheme, for lines of groups and main categories.
    pub scheme: String,
    /// Department, physician, group or main category; may be empty when the pages do not say.
    pub name: String,
}

/// A [`LineKey`] that borrows from its sum.
type Place<'s> = (Option<InstitutionId>, &'s str, &'s str);

/// The sum over all sums and those of each line, in one pass.
#[must_use]
pub fn split(sums: &[GroupSum], by: &[By], yardstick: &Yardstick) -> (Total, Vec<BTreeMap<LineKey, Total>>) {
    // Sums share few groups and lines: each is looked up by reference, and a key is made once.
    let mut known: HashMap<(&str, &str, bool), Known<'_>> = HashMap::new();
    let mut all = Adding::default();
    let mut lines: Vec<HashMap<Place<'_>, Adding<'_>>> = by.iter().map(|_| HashMap::new()).collect();
    for sum in sums {
        known
            .entry((&sum.scheme, &sum.drg, sum.is_grouped))
            .or_insert_with(|| Known::of((&sum.scheme, &sum.drg, sum.is_grouped), yardstick));
        all.add(sum);
        for (by, lines) in by.iter().zip(&mut lines) {
            lines.entry(sum.place(*by)).or_default().add(sum);
        }
    }
    let owned = |((institution, scheme, name), adding): (Place<'_>, Adding<'_>)| {
        (LineKey { institution, scheme: scheme.to_owned(), name: name.to_owned() }, adding.done(&known))
    };
    (all.done(&known), lines.into_iter().map(|lines| lines.into_iter().map(owned).collect()).collect())
}

/// A figure of this module; those of the measure engine have their own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Different groups.
    Groups,
    /// Sum of weights.
    Weight,
    /// Cost consumption index, both forms.
    CostIndex,
    /// Time consumption index, both forms.
    TimeIndex,
    /// Drugs of all cost, and consumables of all cost.
    Shares,
    /// Pay less cost.
    Balance,
    /// Stays with a loss.
    Loss,
    /// Stays without a loss.
    Gain,
    /// Stays of a risk band.
    Band(u8),
    /// Deaths of a risk band.
    Deaths(u8),
    /// Stays whose risk is not known.
    Unbanded,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Groups,
        Self::Weight,
        Self::CostIndex,
        Self::TimeIndex,
        Self::Shares,
        Self::Balance,
        Self::Loss,
        Self::Gain,
        Self::Band(0),
        Self::Band(1),
        Self::Band(2),
        Self::Band(3),
        Self::Band(4),
        Self::Deaths(0),
        Self::Deaths(1),
        Self::Deaths(2),
        Self::Deaths(3),
        Self::Deaths(4),
        Self::Unbanded,
    ];

    /// As in addresses, and key of its words below `drg_analysis_figure`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Weight => "weight",
            Self::CostIndex => "cost_index",
            Self::TimeIndex => "time_index",
            Self::Shares => "shares",
            Self::Balance => "balance",
            Self::Loss => "loss",
            Self::Gain => "gain",
            Self::Band(0) => "band_0",
            Self::Band(1) => "band_1",
            Self::Band(2) => "band_2",
            Self::Band(3) => "band_3",
            Self::Band(_) => "band_4",
            Self::Deaths(0) => "deaths_0",
            Self::Deaths(1) => "deaths_1",
            Self::Deaths(2) => "deaths_2",
            Self::Deaths(3) => "deaths_3",
            Self::Deaths(_) => "deaths_4",
            Self::Unbanded => "unbanded",
        }
    }

    /// The one of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.key() == key)
    }

    /// Whether a stay makes the figure: `Some(true)` counted, `Some(false)` left out because something is missing, `None`
    /// when the figure is not about it.
    ///
    /// INVARIANT: counts the same stays as [`Total`].
    #[must_use]
    pub fn takes(self, stay: &Stay, yardstick: &Yardstick) -> Option<bool> {
        let known = || Known::of((&stay.scheme, &stay.drg, stay.is_grouped()), yardstick);
        match self {
            Self::Groups => Some(stay.is_grouped()),
            Self::Weight => Some(stay.weight_e6.is_some()),
            Self::CostIndex => stay.is_grouped().then(|| stay.cost.is_some() && known().cost.is_some()),
            Self::TimeIndex => stay.is_grouped().then(|| stay.stay_days.is_some() && known().days.is_some()),
            Self::Shares => Some(stay.items().is_some()),
            Self::Balance => Some(stay.balance().is_some()),
            Self::Loss => stay.balance().and_then(|balance| (balance.0 < 0).then_some(true)),
            Self::Gain => stay.balance().and_then(|balance| (balance.0 >= 0).then_some(true)),
            Self::Band(band) => known().band.and_then(|known| (known == band).then_some(true)),
            Self::Deaths(band) => known().band.and_then(|known| (known == band && stay.is_dead).then_some(true)),
            Self::Unbanded => known().band.is_none().then_some(true),
        }
    }
}

/// A part of a whole in millionths, half up; `None` of nothing.
#[must_use]
pub fn share_e6(part: i64, whole_amount: i64) -> Option<i64> {
    whole(rounded(i128::from(part) * 1_000_000, whole_amount.into()))
}

/// Divides and rounds half up; `None` by zero or less.
fn rounded(above: i128, over: i128) -> Option<i128> {
    (over > 0).then(|| (2 * above + over).div_euclid(2 * over))
}

fn whole(value: Option<i128>) -> Option<i64> {
    value.and_then(|value| i64::try_from(value).ok())
}

#[cfg(test)]
#[path = "analysis_tests.rs"]
mod tests;
