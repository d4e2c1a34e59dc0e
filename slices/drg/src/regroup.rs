//! Stays under another scheme or tariff: what comes out otherwise, and what decided it. Pure.
//!
//! *Before* is the stay as it is kept: its group, weight and pay by the rules of its last save. *After* is the front page
//! grouped by the scheme in question and, when a pack is asked for, priced by it; a stay outside the days of the pack is
//! priced as if it ended on the nearest day that the pack covers, and an institution whose level the pack does not know
//! is priced at its level only if it has just one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chs_drg::{Columns, Complication, Event, Explained, Outcome, Scheme, Weighed, Words};
use drg_payment::{Case, Day, Fen as PackFen, Pack};
use serde::{Deserialize, Serialize};
use yiti_directory::{Institution, InstitutionId, Tree};
use yiti_kernel::{Date, Lang};
use yiti_record::front_page::{FrontPage, FrontPageId};
use yiti_store::Digest;

use crate::assess::{complication_key, outcome_key, payment_day};
use crate::group;
use crate::settings::Definitions;
use crate::store::StayRow;

static WORDS: LazyLock<[Option<Words>; 2]> = LazyLock::new(|| Lang::ALL.map(|lang| Words::shipped(lang.tag()).ok()));

/// By what stays are grouped and priced anew.
#[derive(Clone, Copy)]
pub struct Target<'d> {
    /// The scheme.
    pub scheme: &'d Scheme,
    /// The tariff; `None` compares groups only. It groups by `scheme`.
    pub pack: Option<&'d Pack>,
}

/// Where two answers part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One has a group, the other none.
    Group,
    /// Another main category.
    Mdc,
    /// Another ADRG of the same category.
    Adrg,
    /// Another group of the same ADRG.
    Drg,
    /// The same group with another weight or pay.
    Price,
}

impl Kind {
    /// All of them, the widest first.
    pub const ALL: [Self; 5] = [Self::Group, Self::Mdc, Self::Adrg, Self::Drg, Self::Price];

    /// As stored and as key of its words below `regroup_kind`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Mdc => "mdc",
            Self::Adrg => "adrg",
            Self::Drg => "drg",
            Self::Price => "price",
        }
    }

    /// The one of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// Counts and sums of one side. Weights in millionths, money in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Side {
    /// Stays with a group.
    pub grouped: u32,
    /// Stays with a weight.
    pub weighed: u32,
    /// The sum of the weights.
    pub weight_e6: i64,
    /// Stays with a price.
    pub priced: u32,
    /// The sum of what is paid.
    pub pay: i64,
}

/// Counts and sums of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Stays that were compared.
    pub stays: u32,
    /// As they are kept.
    pub before: Side,
    /// As they would be.
    pub after: Side,
    /// Over the stays that have a weight on both sides: their weights. `before` and `after` hold what both sides have.
    pub both_before: Side,
    /// As `both_before`, of the other side.
    pub both_after: Side,
    /// Stays that change, by [`Kind::key`].
    pub kinds: BTreeMap<String, u32>,
}

impl Side {
    fn take(&mut self, answer: &Answer) {
        self.grouped += u32::from(answer.is_grouped);
        self.weigh(answer.weight_e6);
        self.price(answer.pay);
    }

    fn weigh(&mut self, weight_e6: Option<i64>) {
        self.weighed += u32::from(weight_e6.is_some());
        self.weight_e6 = self.weight_e6.saturating_add(weight_e6.unwrap_or(0));
    }

    fn price(&mut self, pay: Option<i64>) {
        self.priced += u32::from(pay.is_some());
        self.pay = self.pay.saturating_add(pay.unwrap_or(0));
    }

    fn plus(&mut self, other: &Self) {
        self.grouped += other.grouped;
        self.weighed += other.weighed;
        self.weight_e6 = self.weight_e6.saturating_add(other.weight_e6);
        self.priced += other.priced;
        self.pay = self.pay.saturating_add(other.pay);
    }

    /// The case mix index in millionths, half up; `None` without a weight.
    #[must_use]
    pub fn case_mix_e6(&self) -> Option<i64> {
        let count = i64::from(self.weighed);
        (count > 0).then(|| (2 * self.weight_e6 + count).div_euclid(2 * count))
    }
}

impl Totals {
    /// Adds those of another portion.
    pub fn plus(&mut self, other: &Self) {
        self.stays += other.stays;
        self.before.plus(&other.before);
        self.after.plus(&other.after);
        self.both_before.plus(&other.both_before);
        self.both_after.plus(&other.both_after);
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind.clone()).or_default() += count;
        }
    }

    /// How many stays change.
    #[must_use]
    pub fn changed(&self) -> u32 {
        self.kinds.values().sum()
    }
}

/// What decided differently, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Why {
    /// Diagnoses that count otherwise as complication: code, before, after (`none`, `cc`, `mcc`, `excluded`).
    pub complications: Vec<(String, String, String)>,
    /// The deciding sentence before, by language; empty when the scheme of then is no longer there.
    pub before: BTreeMap<String, String>,
    /// The deciding sentence after, by language.
    pub after: BTreeMap<String, String>,
}

/// A stay that comes out otherwise. Weights in millionths, money in fen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The front page.
    pub stay: FrontPageId,
    /// Its version.
    pub version: u32,
    /// The institution.
    pub institution: InstitutionId,
    /// Department of discharge.
    pub department: String,
    /// Number of the medical record.
    pub medical_record_number: String,
    /// Day of discharge.
    pub discharged_on: Date,
    /// Where the answers part.
    pub kind: Kind,
    /// The scheme of the answer before.
    pub scheme_before: String,
    /// The group before.
    pub drg_before: String,
    /// The group after.
    pub drg_after: String,
    /// The weight before.
    pub weight_before: Option<i64>,
    /// The weight after.
    pub weight_after: Option<i64>,
    /// What is paid before.
    pub pay_before: Option<i64>,
    /// What is paid after.
    pub pay_after: Option<i64>,
    /// What decided.
    pub why: Why,
}

impl Changed {
    /// The hash of a result so far with this line added: SHA-256 over the hash before and the line's fields.
    #[must_use]
    pub fn chained(&self, hash: &str) -> String {
        let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
        let line = [
            hash.to_owned(),
            self.stay.to_string(),
            self.version.to_string(),
            self.kind.key().to_owned(),
            self.drg_before.clone(),
            self.drg_after.clone(),
            number(self.weight_before),
            number(self.weight_after),
            number(self.pay_before),
            number(self.pay_after),
        ];
        Digest::of(line.join("\t").as_bytes()).to_string()
    }
}

/// A group with its worth.
struct Answer {
    mdc: String,
    adrg: String,
    drg: String,
    is_grouped: bool,
    weight_e6: Option<i64>,
    pay: Option<i64>,
}

impl Answer {
    fn of(row: &StayRow) -> Self {
        Self {
            mdc: row.mdc.clone(),
            adrg: row.adrg.clone(),
            drg: row.drg.clone(),
            is_grouped: row.outcome != outcome_key(Outcome::Ungrouped(chs_drg::Ungrouped::NoMdc)),
            weight_e6: row.weight_e6,
            pay: row.pay.map(|pay| pay.0),
        }
    }

    fn kind(&self, after: &Self, is_priced: bool) -> Option<Kind> {
        if self.is_grouped != after.is_grouped {
            Some(Kind::Group)
        } else if self.mdc != after.mdc {
            Some(Kind::Mdc)
        } else if self.adrg != after.adrg {
            Some(Kind::Adrg)
        } else if self.drg != after.drg {
            Some(Kind::Drg)
        } else if is_priced && (self.weight_e6, self.pay) != (after.weight_e6, after.pay) {
            Some(Kind::Price)
        } else {
            None
        }
    }
}

/// Groups and prices stays anew and gives what changes, in the order of the stays.
///
/// # Errors
/// Whatever the grouper says of a record that it cannot take.
pub fn compare(
    stays: &[(StayRow, FrontPage)],
    target: Target<'_>,
    definitions: &Definitions,
    tree: &Tree,
) -> Result<(Totals, Vec<Changed>), chs_drg::Error> {
    let mut columns = Columns::unchecked(target.scheme);
    for (_, page) in stays {
        group::with_record(page, |record| columns.push(target.scheme, record))?;
    }
    let mut answers = Vec::with_capacity(stays.len());
    target.scheme.group_batch(&columns, &mut answers)?;
    let (mut totals, mut changed) = (Totals::default(), Vec::new());
    for ((row, page), answer) in stays.iter().zip(answers) {
        let named = target.scheme.name(answer);
        let (weight_e6, pay) =
            target.pack.map_or((None, None), |pack| worth(pack, named.drg, (row, page), definitions, tree));
        let before = Answer::of(row);
        let after = Answer {
            mdc: named.mdc.to_owned(),
            adrg: named.adrg.to_owned(),
            drg: named.drg.to_owned(),
            is_grouped: !matches!(answer.outcome, Outcome::Ungrouped(_)),
            weight_e6,
            pay,
        };
        totals.stays += 1;
        totals.before.take(&before);
        totals.after.take(&after);
        if let (Some(old), Some(new)) = (before.weight_e6, after.weight_e6) {
            totals.both_before.weigh(Some(old));
            totals.both_after.weigh(Some(new));
        }
        if let (Some(old), Some(new)) = (before.pay, after.pay) {
            totals.both_before.price(Some(old));
            totals.both_after.price(Some(new));
        }
        let Some(kind) = before.kind(&after, target.pack.is_some()) else { continue };
        *totals.kinds.entry(kind.key().to_owned()).or_default() += 1;
        let Some(discharged_on) = row.discharged_on else { continue };
        changed.push(Changed {
            stay: row.id,
            version: row.version,
            institution: row.institution,
            department: row.department.clone(),
            medical_record_number: row.medical_record_number.clone(),
            discharged_on,
            kind,
            scheme_before: row.scheme.clone(),
            drg_before: before.drg,
            drg_after: after.drg,
            weight_before: before.weight_e6,
            weight_after: after.weight_e6,
            pay_before: before.pay,
            pay_after: after.pay,
            why: if kind == Kind::Price { Why::default() } else { why(row, page, target.scheme, kind, definitions) },
        });
    }
    Ok((totals, changed))
}

/// The day on which a pack prices a stay: that of discharge, or the nearest one that the pack covers.
fn day_in(pack: &Pack, day: Day) -> Day {
    if day < pack.valid_from() { pack.valid_from() } else { pack.valid_to().map_or(day, |last| day.min(last)) }
}

/// The level of an institution in a pack.
fn level_in<'p>(pack: &'p Pack, definitions: &'p Definitions, institution: &Institution) -> Option<&'p str> {
    let own = definitions.settings.level(institution).filter(|own| pack.levels().iter().any(|level| level.id == *own));
    own.or_else(|| match pack.levels() {
        [only] => Some(only.id.as_str()),
        _ => None,
    })
}

/// Weight in millionths and pay in fen of a group by a pack.
fn worth(
    pack: &Pack,
    drg: &str,
    (row, page): (&StayRow, &FrontPage),
    definitions: &Definitions,
    tree: &Tree,
) -> (Option<i64>, Option<i64>) {
    // A tariff that does not pay the stay has no weight for it, as with the tariff that holds.
    let insurance = definitions.settings.insurance(page).filter(|own| pack.insurances().contains(own));
    let Some(insurance) = insurance else { return (None, None) };
    let weight = pack.group(drg).and_then(|group| group.weight).and_then(|weight| weight.rounded(6).ok());
    let pay = || {
        let case = Case {
            drg,
            level: level_in(pack, definitions, tree.get(row.institution)?)?,
            insurance,
            discharged_on: day_in(pack, payment_day(page.discharged_on()?)?),
            stay_days: page.length_of_stay_days.or_else(|| group::counted_stay(page)).unwrap_or_default(),
            cost: PackFen(page.costs.total.or_else(|| page.costs.sum_of_items())?.0),
            patient: PackFen(page.costs.self_paid.unwrap_or_default().0),
            flags: definitions.settings.flags(page),
        };
        pack.worth(&case).ok().map(|priced| priced.pay.0)
    };
    (weight, pay())
}

/// What decided differently.
fn why(row: &StayRow, page: &FrontPage, after: &Scheme, kind: Kind, definitions: &Definitions) -> Why {
    let before = definitions.schemes.get(&row.scheme).filter(|scheme| scheme.hash().to_string() == row.scheme_hash);
    let explained = [before.map(|scheme| group::explain(scheme, page)), Some(group::explain(after, page))];
    let mut why = Why::default();
    if let [Some(old), Some(new)] = &explained {
        why.complications = differing(page, [old, new]);
    }
    let sides = [(before, &explained[0], &mut why.before), (Some(after), &explained[1], &mut why.after)];
    for (scheme, explained, sentences) in sides {
        let (Some(scheme), Some(explained)) = (scheme, explained) else { continue };
        for (lang, words) in Lang::ALL.iter().zip(&*WORDS) {
            let sentence = words.as_ref().and_then(|words| decision(words, scheme, page, explained, kind));
            sentences.extend(sentence.map(|sentence| (lang.tag().to_owned(), sentence)));
        }
    }
    why
}

/// The event that decided at the level where the answers part.
fn decision(words: &Words, scheme: &Scheme, page: &FrontPage, explained: &Explained, kind: Kind) -> Option<String> {
    let is_it = |event: &Event| match kind {
        Kind::Mdc => matches!(event, Event::MdcEntered { .. } | Event::Ungrouped(_)),
        Kind::Adrg => matches!(event, Event::StepMatched { .. } | Event::Ungrouped(_)),
        Kind::Drg | Kind::Price => {
            matches!(event, Event::DrgMatched { .. } | Event::NoDrg { .. } | Event::Ungrouped(_))
        }
        Kind::Group => match explained.answer.outcome {
            Outcome::Ungrouped(_) => matches!(event, Event::Ungrouped(_)),
            Outcome::Drg { .. } | Outcome::AdrgOnly { .. } | Outcome::Ambiguous { .. } => {
                matches!(event, Event::StepMatched { .. })
            }
        },
    };
    let at = explained.trail.iter().rposition(is_it)?;
    let sentences = group::with_record(page, |record| words.explained(scheme, record, explained));
    sentences.into_iter().nth(explained.weighed.len() + at)
}

/// Secondary diagnoses that count otherwise as complication.
fn differing(page: &FrontPage, explained: [&Explained; 2]) -> Vec<(String, String, String)> {
    let count = |explained: &Explained, position: u16| -> &'static str {
        let own = explained.weighed.iter().filter(|own| own.position == position);
        // A code on both lists counts by the higher one.
        let rank = |own: &&Weighed| (own.excluded_by_table.is_none(), own.level);
        match own.max_by_key(rank) {
            None => complication_key(Complication::None),
            Some(own) if own.excluded_by_table.is_some() => "excluded",
            Some(own) => complication_key(own.level),
        }
    };
    let codes = group::diagnosis_codes(page).zip(0u16..).skip(1);
    let differs = codes.filter_map(|(code, position)| {
        let [old, new] = explained.map(|explained| count(explained, position));
        (old != new).then(|| (code.to_owned(), old.to_owned(), new.to_owned()))
    });
    differs.collect()
}
