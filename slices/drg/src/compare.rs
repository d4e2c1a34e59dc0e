//! What finished stays are compared with, `drg/analysis.toml`.

use serde::Deserialize;
use yiti_kernel::definition::{self, Fault, File, Provenance};
use yiti_kernel::{Date, Fen};

use crate::analysis::{Bands, GroupSum, Reference, Yardstick};
use crate::ceilings::Ceilings;
use crate::columns::fault;

const PATH: &str = "drg/analysis.toml";

/// `drg/analysis.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Months before the period whose stays make means and bands.
    pub reference_months: u32,
    /// Stays a group needs there.
    pub reference_stays_min: u64,
    /// Published means.
    #[serde(rename = "reference", default)]
    pub published: Vec<Published>,
}

/// The published means of a group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The grouping scheme.
    pub scheme: String,
    /// The group.
    pub drg: String,
    /// Mean cost in fen.
    pub cost_mean: Fen,
    /// Mean days in hundredths.
    pub days_mean_e2: u32,
    /// The document, a key of `definitions/sources/`.
    pub source: String,
}

/// The definitions of the figures: comparison and ceilings.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// What stays are compared with.
    pub compare: Compare,
    /// Ceilings of shares.
    pub ceilings: Ceilings,
}

impl Analysis {
    /// Reads both files.
    ///
    /// # Errors
    /// Every fault with its place.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let compare = match files.iter().find(|file| file.path == PATH) {
            Some(file) => definition::read::<Compare>(file).map_err(|fault| faults.push(fault)).ok(),
            None => {
                faults.push(fault(PATH, 0, "the file is missing"));
                None
            }
        };
        if compare.as_ref().is_some_and(|it| it.reference_months == 0 || it.reference_months > 120) {
            faults.push(fault(PATH, 0, "`reference_months` lies between 1 and 120"));
        }
        for one in compare.iter().flat_map(|it| &it.published) {
            if one.cost_mean.0 <= 0 || one.days_mean_e2 == 0 {
                faults.push(fault(PATH, 0, format!("reference of `{}`: both means are above zero", one.drg)));
            }
        }
        let ceilings = Ceilings::load(files).map_err(|found| faults.extend(found)).ok();
        match (compare, ceilings) {
            (Some(compare), Some(ceilings)) if faults.is_empty() => Ok(Self { compare, ceilings }),
            _ => Err(faults),
        }
    }

    /// Keys of cited documents, each with the place of the citation.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let heads = [(PATH, &self.compare.provenance), ("drg/ceilings.toml", &self.ceilings.provenance)];
        let heads = heads.map(|(path, provenance)| (path, provenance.source.as_str()));
        heads.into_iter().chain(self.compare.published.iter().map(|one| (PATH, one.source.as_str())))
    }
}

impl Compare {
    /// First and last day of the stays that make means and bands for a period that begins on `from`.
    #[must_use]
    pub fn span(&self, from: Date) -> (Date, Date) {
        let back = (0..self.reference_months).fold(from.first_of_month(), |day, _| before(day));
        (back, from.yesterday().unwrap_or(from))
    }

    /// The yardstick made of the sums of those stays.
    #[must_use]
    pub fn yardstick(&self, sums: &[GroupSum]) -> Yardstick {
        let mut reference = Reference::of(sums, self.reference_stays_min);
        for one in &self.published {
            reference.publish(&one.scheme, &one.drg, one.cost_mean, one.days_mean_e2);
        }
        Yardstick { reference, bands: Bands::of(sums) }
    }
}

/// The first day of the month before that of `day`.
#[must_use]
pub fn before(day: Date) -> Date {
    day.first_of_month().yesterday().unwrap_or(day).first_of_month()
}

#[cfg(test)]
mod tests {
    use yiti_kernel::civil::date;

    use super::*;

    #[test]
    fn the_reference_is_the_months_before_the_period() {
        let text = "reference_months = 12\nreference_stays_min = 5\n[provenance]\nsource = \"s\"\nlocator = \"l\"\n\
            evidence = \"default\"\nreview = { checked_on = 2026-11-22, next = 2027-11-22 }\n";
        let compare: Compare = definition::read(&File { path: PATH.into(), text: text.into() }).unwrap();
        assert_eq!(compare.span(date(2026, 3, 1)), (date(2025, 3, 1), date(2026, 2, 28)));
    }
}
