//! Ceilings of drug and consumable share: which holds for whom, and who is near or over it. Pure.
//!
//! Source of the shipped numbers: `yiti-defaults`; each hospital puts its own in their place.

use std::collections::BTreeMap;

use serde::Deserialize;
use yiti_directory::InstitutionId;
use yiti_kernel::Fen;
use yiti_kernel::definition::{self, Fault, File, Provenance};

use crate::analysis::{Stay, share_e6};
use crate::columns::fault;

const PATH: &str = "drg/ceilings.toml";

/// What a ceiling is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Cost of drugs to total cost.
    Drug,
    /// Cost of consumables to total cost.
    Consumable,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Drug, Self::Consumable];

    /// As stored, and key of its words below `drg_analysis_ceiling`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Drug => "drug",
            Self::Consumable => "consumable",
        }
    }

    /// The one of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// Total cost of a stay and the part that this is about; `None` when the page does not state its items.
    #[must_use]
    pub fn part(self, stay: &Stay) -> Option<(Fen, Fen)> {
        let (cost, drug, consumable) = stay.items()?;
        Some((
            cost,
            match self {
                Self::Drug => drug,
                Self::Consumable => consumable,
            },
        ))
    }
}

/// One ceiling.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// What it is about.
    pub kind: Kind,
    /// The department as front pages name it; empty for all.
    #[serde(default)]
    pub department: String,
    /// A group, an ADRG or a main category by the beginning of its code; empty for departments.
    #[serde(default)]
    pub drg: String,
    /// The highest share, in thousandths.
    pub share_e3: u32,
}

/// `drg/ceilings.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceilings {
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// From which part of the ceiling on there is a warning, in thousandths of it.
    pub warn_e3: u32,
    /// Fewer stays with items than this are shown without judgement.
    pub stays_min: u64,
    /// The ceilings.
    #[serde(rename = "ceiling")]
    pub ceilings: Vec<Ceiling>,
}

impl Ceilings {
    /// Reads the file.
    ///
    /// # Errors
    /// Every fault with its place.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        let file = files.iter().find(|file| file.path == PATH);
        let file = file.ok_or_else(|| vec![fault(PATH, 0, "the file is missing")])?;
        let read: Self = definition::read(file).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut wrong = |message: String| faults.push(fault(PATH, 0, message));
        if read.warn_e3 == 0 || read.warn_e3 > 1000 {
            wrong("`warn_e3` lies between 1 and 1000".into());
        }
        for (place, one) in read.ceilings.iter().enumerate() {
            let named = format!("ceiling {} ({} `{}{}`)", place + 1, one.kind.key(), one.department, one.drg);
            if one.share_e3 == 0 || one.share_e3 > 1000 {
                wrong(format!("{named}: `share_e3` lies between 1 and 1000"));
            }
            if !one.department.is_empty() && !one.drg.is_empty() {
                wrong(format!("{named}: names either a `department` or a `drg`"));
            }
            let same =
                |other: &&Ceiling| (other.kind, &other.department, &other.drg) == (one.kind, &one.department, &one.drg);
            if read.ceilings.iter().take(place).any(|other| same(&other)) {
                wrong(format!("{named}: stands twice"));
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    /// The share in thousandths that a department may reach: its own ceiling goes before that of all.
    #[must_use]
    pub fn of_department(&self, kind: Kind, department: &str) -> Option<u32> {
        let of = |name: &str| {
            let fits = |one: &&Ceiling| one.kind == kind && one.drg.is_empty() && one.department == name;
            self.ceilings.iter().find(fits).map(|one| one.share_e3)
        };
        of(department).or_else(|| of(""))
    }

    /// The ceiling of a group: the longest beginning of its code that fits.
    #[must_use]
    pub fn of_drg(&self, kind: Kind, drg: &str) -> Option<u32> {
        let fits = |one: &&Ceiling| one.kind == kind && !one.drg.is_empty() && drg.starts_with(&one.drg);
        self.ceilings.iter().filter(fits).max_by_key(|one| one.drg.len()).map(|one| one.share_e3)
    }

    /// How a share stands against a ceiling.
    #[must_use]
    pub fn judge(&self, stays: u64, part: i64, cost: i64, share_e3: u32) -> Standing {
        let (part, cost, ceiling) = (i128::from(part), i128::from(cost), i128::from(share_e3));
        if stays < self.stays_min.max(1) || cost <= 0 {
            Standing::TooFew
        } else if part * 1000 > cost * ceiling {
            Standing::Over
        } else if part * 1_000_000 >= cost * ceiling * i128::from(self.warn_e3) {
            Standing::Near
        } else {
            Standing::Below
        }
    }
}

/// How a share stands against its ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Above it.
    Over,
    /// From the early warning up to the ceiling itself.
    Near,
    /// Below the early warning.
    Below,
    /// Too few stays to judge.
    TooFew,
}

impl Standing {
    /// Key of its words below `drg_analysis_standing`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Near => "near",
            Self::Below => "below",
            Self::TooFew => "too_few",
        }
    }
}

/// A department or a group against one ceiling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it is about.
    pub kind: Kind,
    /// The institution of a department; `None` for a group.
    pub institution: Option<InstitutionId>,
    /// The department or the group.
    pub name: String,
    /// The ceiling in thousandths.
    pub ceiling_e3: u32,
    /// Stays that state their items.
    pub stays: u64,
    /// Of them those whose own share is above the ceiling.
    pub stays_over: u64,
    /// Their total cost in fen.
    pub cost: i64,
    /// The part of it in fen.
    pub part: i64,
    /// Share in millionths.
    pub share_e6: Option<i64>,
    /// What lies above the ceiling, in fen, rounded up; zero below it.
    pub excess: Fen,
    /// How it stands.
    pub standing: Standing,
}

/// True when a stay's own share is above a ceiling.
#[must_use]
pub fn is_over(kind: Kind, stay: &Stay, ceiling_e3: u32) -> bool {
    kind.part(stay).is_some_and(|(cost, part)| i128::from(part.0) * 1000 > i128::from(cost.0) * i128::from(ceiling_e3))
}

/// A department of an institution, or a group, and its ceiling in thousandths.
type Place<'s> = (Kind, Option<InstitutionId>, &'s str, u32);

/// Every department, and every group that has a ceiling of its own, against its ceilings; the worst first.
#[must_use]
pub fn judge(stays: &[Stay], ceilings: &Ceilings) -> Vec<Judged> {
    // Stays, stays over, cost, part.
    let mut sums: BTreeMap<Place<'_>, (u64, u64, i64, i64)> = BTreeMap::new();
    for stay in stays {
        for kind in Kind::ALL {
            let Some((cost, part)) = kind.part(stay) else { continue };
            let of_department = ceilings.of_department(kind, &stay.department);
            let of_drg = ceilings.of_drg(kind, &stay.drg).filter(|_| stay.is_grouped());
            let places = [
                of_department.map(|share| (kind, Some(stay.institution), stay.department.as_str(), share)),
                of_drg.map(|share| (kind, None, stay.drg.as_str(), share)),
            ];
            for place in places.into_iter().flatten() {
                let sum = sums.entry(place).or_default();
                sum.0 += 1;
                sum.1 += u64::from(is_over(kind, stay, place.3));
                sum.2 = sum.2.saturating_add(cost.0);
                sum.3 = sum.3.saturating_add(part.0);
            }
        }
    }
    let mut judged: Vec<Judged> = sums
        .into_iter()
        .map(|((kind, institution, name, ceiling_e3), (stays, stays_over, cost, part))| {
            let above = i128::from(part) * 1000 - i128::from(cost) * i128::from(ceiling_e3);
            let excess = i64::try_from((above.max(0) + 999) / 1000).unwrap_or(i64::MAX);
            let standing = ceilings.judge(stays, part, cost, ceiling_e3);
            let (name, share_e6) = (name.to_owned(), share_e6(part, cost));
            let excess = Fen(excess);
            Judged { kind, institution, name, ceiling_e3, stays, stays_over, cost, part, share_e6, excess, standing }
        })
        .collect();
    judged.sort_by(|one, other| {
        let key = |it: &Judged| (it.standing, std::cmp::Reverse(it.excess), std::cmp::Reverse(it.share_e6));
        key(one).cmp(&key(other)).then_with(|| (one.kind, &one.name).cmp(&(other.kind, &other.name)))
    });
    judged
}

#[cfg(test)]
mod tests {
    use yiti_kernel::civil::date;
    use yiti_record::front_page::FrontPageId;

    use super::*;

    fn ceilings(text: &str) -> Result<Ceilings, Vec<Fault>> {
        let head = "warn_e3 = 900\nstays_min = 1\n[provenance]\nsource = \"yiti-defaults\"\nlocator = \"t\"\n\
            evidence = \"default\"\nreview = { checked_on = 2026-11-22, next = 2027-11-22 }\n";
        Ceilings::load(&[File { path: PATH.into(), text: format!("{head}{text}") }])
    }

    fn stay(department: &str, drg: &str, cost: i64, drug: i64) -> Stay {
        Stay {
            id: FrontPageId::fresh(),
            institution: InstitutionId(yiti_kernel::Uuid::from_u128(1)),
            department: department.into(),
            physician: String::new(),
            insurance: String::new(),
            scheme: "s".into(),
            mdc: String::new(),
            drg: drg.into(),
            outcome: "drg".into(),
            unpriced: String::new(),
            discharged_on: date(2026, 3, 1),
            is_dead: false,
            stay_days: None,
            weight_e6: None,
            pay: None,
            cost: Some(Fen(cost)),
            drug_cost: Some(Fen(drug)),
            consumable_cost: Some(Fen(0)),
        }
    }

    const RULES: &str = "[[ceiling]]\nkind = \"drug\"\nshare_e3 = 300\n\
        [[ceiling]]\nkind = \"drug\"\ndepartment = \"onco\"\nshare_e3 = 500\n\
        [[ceiling]]\nkind = \"drug\"\ndrg = \"RE\"\nshare_e3 = 600\n\
        [[ceiling]]\nkind = \"drug\"\ndrg = \"RE1\"\nshare_e3 = 400\n";

    #[test]
    fn the_nearest_ceiling_holds() {
        let ceilings = ceilings(RULES).unwrap();
        assert_eq!(ceilings.of_department(Kind::Drug, "onco"), Some(500));
        assert_eq!(ceilings.of_department(Kind::Drug, "any"), Some(300));
        assert_eq!(ceilings.of_department(Kind::Consumable, "any"), None);
        assert_eq!((ceilings.of_drg(Kind::Drug, "RE19"), ceilings.of_drg(Kind::Drug, "RE29")), (Some(400), Some(600)));
        assert_eq!(ceilings.of_drg(Kind::Drug, "BR21"), None);
    }

    #[test]
    fn at_the_ceiling_is_not_over_and_the_warning_begins_at_its_part() {
        let ceilings = ceilings(RULES).unwrap();
        let standing = |part| ceilings.judge(1, part, 10_000, 300);
        assert_eq!((standing(3000), standing(3001)), (Standing::Near, Standing::Over));
        assert_eq!((standing(2700), standing(2699)), (Standing::Near, Standing::Below));
        assert_eq!(ceilings.judge(0, 0, 0, 300), Standing::TooFew);
    }

    #[test]
    fn departments_and_groups_are_judged_with_their_cases() {
        let ceilings = ceilings(RULES).unwrap();
        let bare = Stay { drug_cost: None, ..stay("any", "BR21", 100, 100) };
        let stays =
            [stay("any", "BR21", 1000, 400), stay("any", "BR21", 1001, 300), stay("onco", "RE19", 1000, 450), bare];
        let judged = judge(&stays, &ceilings);
        let of = |name: &str| judged.iter().find(|it| it.name == name).unwrap();
        let any = of("any");
        // 700 of 2001 is above 30 %: 600.3 would be the ceiling, 99.7 above it, rounded up.
        assert_eq!((any.stays, any.stays_over, any.standing, any.excess), (2, 1, Standing::Over, Fen(100)));
        assert_eq!(any.share_e6, Some(349_825));
        assert_eq!((of("onco").standing, of("onco").excess), (Standing::Near, Fen(0)));
        assert_eq!((of("RE19").standing, of("RE19").ceiling_e3), (Standing::Over, 400));
        assert_eq!(judged.len(), 3);
    }

    #[test]
    fn a_file_with_faults_names_them() {
        let twice = "[[ceiling]]\nkind = \"drug\"\nshare_e3 = 300\n[[ceiling]]\nkind = \"drug\"\nshare_e3 = 0\n";
        let faults = ceilings(twice).unwrap_err();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(ceilings("[[ceiling]]\nkind = \"drug\"\nshare = 3\n").is_err());
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions").join(PATH);
        let text = std::fs::read_to_string(shipped).unwrap();
        Ceilings::load(&[File { path: PATH.into(), text }]).unwrap();
    }

    use std::path::Path;
}
