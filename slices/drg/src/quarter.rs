//! The pack of a quarter for the sharing meeting: figures as exact numbers, their canonical JSON and its hash. Pure.
//!
//! Leaves out: notes and actions, which are written beside a frozen pack and never change it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use yiti_kernel::Date;
use yiti_kernel::civil::date;
use yiti_store::Digest;

use crate::analysis::{By, LineKey, Total, Yardstick};

/// How many groups with the greatest gain, and with the greatest loss, stand in a pack.
pub const GROUP_COUNT: usize = 10;
/// By what the lines of a pack are split.
pub const BY: [By; 4] = [By::Institution, By::Department, By::Mdc, By::Drg];
/// The version of the format. Lines of version 1 have no key.
const FORMAT: u32 = 2;

/// A quarter of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quarter {
    year: i16,
    /// 1 to 4.
    number: i8,
}

impl Quarter {
    /// The quarter of a day.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Self { year: day.year(), number: (day.month() - 1) / 3 + 1 }
    }

    /// The one before it.
    #[must_use]
    pub const fn before(self) -> Self {
        if self.number > 1 {
            Self { year: self.year, number: self.number - 1 }
        } else {
            Self { year: self.year - 1, number: 4 }
        }
    }

    /// Its first and its last day.
    #[must_use]
    pub fn days(self) -> (Date, Date) {
        let first = date(self.year, self.number * 3 - 2, 1);
        (first, date(self.year, self.number * 3, 1).last_of_month())
    }
}

impl std::fmt::Display for Quarter {
    /// `2026-Q1`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.number)
    }
}

impl std::str::FromStr for Quarter {
    type Err = ();

    /// Reads `2026-Q1`; years from 1900 to 9000.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (year, number) = text.split_once("-Q").ok_or(())?;
        let (year, number): (i16, i8) = (year.parse().map_err(drop)?, number.parse().map_err(drop)?);
        let is_there = (1900..=9000).contains(&year) && (1..=4).contains(&number);
        is_there.then_some(Self { year, number }).ok_or(())
    }
}

/// One line of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackLine {
    /// What it is called: an institution, institution and department, a group, a main category.
    pub name: String,
    /// Whose line it is, so that it opens its stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<LineKey>,
    /// Its figures.
    pub total: Total,
}

/// The figures of a quarter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// Version of the format.
    pub format: u32,
    /// First day.
    pub from: String,
    /// Last day.
    pub until: String,
    /// First and last day of the stays that made means and bands.
    pub reference: (String, String),
    /// Groups with a mean cost in the reference.
    pub reference_groups: usize,
    /// All stays.
    pub total: Total,
    /// By institution.
    pub institutions: Vec<PackLine>,
    /// By department.
    pub departments: Vec<PackLine>,
    /// By main category.
    pub mdcs: Vec<PackLine>,
    /// The groups with the greatest gain, the greatest first.
    pub gains: Vec<PackLine>,
    /// The groups with the greatest loss, the greatest first.
    pub losses: Vec<PackLine>,
    /// Stays without group or price by cause: `group.no_mdc`.
    pub failures: BTreeMap<String, u64>,
}

impl Pack {
    /// Makes the pack of all stays and of their lines, split by [`BY`]; `name` gives the words of a line.
    #[must_use]
    pub fn of(
        (from, until): (Date, Date),
        reference: (Date, Date),
        (total, lines): (Total, Vec<BTreeMap<LineKey, Total>>),
        yardstick: &Yardstick,
        failures: BTreeMap<String, u64>,
        name: impl Fn(By, &LineKey) -> String,
    ) -> Self {
        let mut tables = BY.into_iter().zip(lines).map(|(by, lines)| {
            let line = |(key, total): (LineKey, Total)| PackLine { name: name(by, &key), key: Some(key), total };
            let mut lines: Vec<PackLine> = lines.into_iter().map(line).collect();
            lines.sort_by(|one, other| other.total.stays.cmp(&one.total.stays).then_with(|| one.name.cmp(&other.name)));
            lines
        });
        let mut next = || tables.next().unwrap_or_default();
        let (institutions, departments, mdcs, groups) = (next(), next(), next(), next());
        let balance = |line: &PackLine| line.total.balance().map_or(0, |balance| balance.0);
        let most = |sign: i64| {
            let mut found: Vec<PackLine> = groups.iter().filter(|line| balance(line) * sign > 0).cloned().collect();
            found.sort_by(|one, other| {
                (balance(other) * sign).cmp(&(balance(one) * sign)).then_with(|| one.name.cmp(&other.name))
            });
            found.truncate(GROUP_COUNT);
            found
        };
        Self {
            format: FORMAT,
            from: from.to_string(),
            until: until.to_string(),
            reference: (reference.0.to_string(), reference.1.to_string()),
            reference_groups: yardstick.reference.group_count(),
            total,
            gains: most(1),
            losses: most(-1),
            institutions,
            departments,
            mdcs,
            failures,
        }
    }

    /// True when another pack has the same figures for the same lines, whatever the format of either.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let bare = |pack: &Self| {
            let mut pack = Self { format: FORMAT, ..pack.clone() };
            let tables =
                [&mut pack.institutions, &mut pack.departments, &mut pack.mdcs, &mut pack.gains, &mut pack.losses];
            for line in tables.into_iter().flatten() {
                line.key = None;
            }
            pack
        };
        bare(self) == bare(other)
    }

    /// Its one text: fields in their order, whole numbers only, no blanks.
    ///
    /// # Errors
    /// None in practice; whatever the writer says.
    pub fn canonical(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a text that [`Pack::canonical`] wrote.
    ///
    /// # Errors
    /// Another format, or a broken text.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// SHA-256 of a text, hexadecimal.
#[must_use]
pub fn hash(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{GroupSum, Stay, split};

    #[test]
    fn quarters_have_names_and_days() {
        let quarter: Quarter = "2026-Q1".parse().unwrap();
        assert_eq!(quarter.days(), (date(2026, 1, 1), date(2026, 3, 31)));
        assert_eq!(quarter.before().to_string(), "2025-Q4");
        assert_eq!(quarter.before().days().1, date(2025, 12, 31));
        assert_eq!(Quarter::of(date(2026, 6, 30)).to_string(), "2026-Q2");
        for wrong in ["2026-Q5", "2026-Q0", "26", "x-Q1", "99999-Q1", "-5-Q1"] {
            assert!(wrong.parse::<Quarter>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pack_is_read_as_it_was_written_and_has_one_hash() {
        let days = "2026-Q1".parse::<Quarter>().unwrap().days();
        let stay = |drg: &str, pay: i64| Stay {
            id: yiti_record::front_page::FrontPageId::fresh(),
            institution: yiti_directory::InstitutionId(yiti_kernel::Uuid::from_u128(1)),
            department: "A".into(),
            physician: String::new(),
            insurance: String::new(),
            scheme: "s".into(),
            mdc: "A".into(),
            drg: drg.into(),
            outcome: "drg".into(),
            unpriced: String::new(),
            discharged_on: days.0,
            is_dead: false,
            stay_days: Some(3),
            weight_e6: Some(1_000_000),
            pay: Some(yiti_kernel::Fen(pay)),
            cost: Some(yiti_kernel::Fen(500)),
            drug_cost: None,
            consumable_cost: None,
        };
        let stays = [stay("AA1", 900), stay("BB1", 100), stay("CC1", 800), stay("DD1", 500)];
        let name = |_: By, key: &LineKey| key.name.clone();
        let yardstick = Yardstick::default();
        let pack = |stays: &[Stay]| {
            let sums: Vec<GroupSum> = stays.iter().map(GroupSum::of).collect();
            Pack::of(days, days, split(&sums, &BY, &yardstick), &yardstick, BTreeMap::new(), name)
        };
        let turned = {
            let mut turned = stays.clone();
            turned.reverse();
            pack(&turned)
        };
        let pack = pack(&stays);
        let names = |lines: &[PackLine]| lines.iter().map(|line| line.name.clone()).collect::<Vec<_>>();
        assert_eq!((names(&pack.gains), names(&pack.losses)), (vec!["AA1".into(), "CC1".into()], vec!["BB1".into()]));
        let text = pack.canonical().unwrap();
        assert_eq!(Pack::read(&text).unwrap(), pack);
        assert_eq!(Pack::read(&text).unwrap().canonical().unwrap(), text);
        assert_eq!(hash(&text).len(), 64);
        assert_eq!(turned.canonical().unwrap(), text, "the order of rows does not matter");
        // A pack as it was written before lines had keys is read and says the same.
        let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
        old["format"] = 1.into();
        for table in ["institutions", "departments", "mdcs", "gains", "losses"] {
            for line in old[table].as_array_mut().unwrap() {
                line.as_object_mut().unwrap().remove("key").unwrap();
            }
        }
        let old = Pack::read(&old.to_string()).unwrap();
        assert!(old != pack && old.says_the_same(&pack));
        assert!(!old.says_the_same(&Pack { reference_groups: 7, ..pack }));
    }
}
