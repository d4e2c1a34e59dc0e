//! The figures of a pack as shown: which there are, how each is written, and which stays each opens.

use std::collections::BTreeMap;

use yiti_kernel::Fen;

use crate::analysis::{Figure, LineKey, Total};
use crate::pages::figure::{self, Question};
use crate::quarter::Quarter;

/// A figure of a pack: its words, how it is written, and the list it opens.
pub(in crate::pages) struct Kind {
    /// Key of its words.
    pub(in crate::pages) words: &'static str,
    write: fn(&Total) -> Option<String>,
    /// The stays that made it.
    count: fn(&Total) -> u64,
    /// What the list is asked for.
    list: List,
}

enum List {
    /// A measure of the engine and a part of it.
    Measure(&'static str, &'static str),
    Own(Figure),
}

const fn measure(
    words: &'static str,
    list: (&'static str, &'static str),
    count: fn(&Total) -> u64,
    write: fn(&Total) -> Option<String>,
) -> Kind {
    Kind { words, write, count, list: List::Measure(list.0, list.1) }
}

const fn own(
    words: &'static str,
    figure: Figure,
    count: fn(&Total) -> u64,
    write: fn(&Total) -> Option<String>,
) -> Kind {
    Kind { words, write, count, list: List::Own(figure) }
}

fn whole(count: u64) -> Option<String> {
    Some(figure::grouped(&count.to_string()))
}

fn index(value: Option<i64>) -> Option<String> {
    value.map(|value| figure::decimal(value, 6, 4))
}

fn share(value: Option<i64>) -> Option<String> {
    value.map(|value| figure::percent(value, 1))
}

const STAYS: Kind =
    measure("drg_analysis.stays", (figure::STAYS, "counted"), |total| total.stays, |total| whole(total.stays));
const GROUPED: Kind = measure(
    "drg_analysis.grouped",
    (figure::GROUPED, "numerator"),
    |total| total.grouped,
    |total| whole(total.grouped),
);
const GROUPS: Kind = own("drg_analysis.groups", Figure::Groups, |total| total.grouped, |total| whole(total.groups));
const WEIGHT: Kind = own(
    "drg_analysis.weight",
    Figure::Weight,
    |total| total.weighted,
    |total| Some(figure::decimal(total.weight_e6, 6, 2)),
);
const CMI: Kind =
    measure("drg_analysis.cmi", (figure::CMI, "counted"), |total| total.weighted, |total| index(total.cmi_e6()));
const COST_MEAN: Kind = measure(
    "drg_analysis.cost_mean",
    (figure::COST, "counted"),
    |total| total.costed,
    |total| total.cost_mean().map(figure::yuan),
);
const DAYS_MEAN: Kind = measure(
    "drg_analysis.days_mean",
    (figure::DAYS, "counted"),
    |total| total.timed,
    |total| total.days_mean_e2().map(|days| figure::decimal(days, 2, 2)),
);
const COST_RATIO: Kind = own(
    "drg_analysis.cost_index_ratio",
    Figure::CostIndex,
    |total| total.cost_index.stays,
    |total| index(total.cost_ratio_e6()),
);
const COST_OBSERVED: Kind = own(
    "drg_analysis.cost_index_observed",
    Figure::CostIndex,
    |total| total.cost_index.stays,
    |total| index(total.cost_observed_e6()),
);
const TIME_RATIO: Kind = own(
    "drg_analysis.time_index_ratio",
    Figure::TimeIndex,
    |total| total.time_index.stays,
    |total| index(total.time_ratio_e6()),
);
const TIME_OBSERVED: Kind = own(
    "drg_analysis.time_index_observed",
    Figure::TimeIndex,
    |total| total.time_index.stays,
    |total| index(total.time_observed_e6()),
);
const DRUGS: Kind =
    own("drg_analysis.drug_share", Figure::Shares, |total| total.itemised, |total| share(total.drug_share_e6()));
const CONSUMABLES: Kind = own(
    "drg_analysis.consumable_share",
    Figure::Shares,
    |total| total.itemised,
    |total| share(total.consumable_share_e6()),
);
const LOW_RISK: Kind = measure(
    "drg_analysis.low_risk",
    (figure::LOW_RISK, "counted"),
    |total| total.bands[1].stays,
    |total| total.low_risk_mortality_e6().map(|value| figure::percent(value, 2)),
);
const PAY: Kind =
    own("drg_analysis.pay", Figure::Balance, |total| total.priced, |total| Some(figure::ten_thousands(Fen(total.pay))));
const BALANCE: Kind = own(
    "drg_analysis.balance",
    Figure::Balance,
    |total| total.priced,
    |total| total.balance().map(figure::ten_thousands),
);
const LOSSES: Kind = own("drg_analysis.losses", Figure::Loss, |total| total.losses, |total| whole(total.losses));

/// The main figures in their order.
pub(super) static MAIN: [Kind; 17] = [
    STAYS,
    GROUPED,
    GROUPS,
    WEIGHT,
    CMI,
    COST_MEAN,
    DAYS_MEAN,
    COST_RATIO,
    COST_OBSERVED,
    TIME_RATIO,
    TIME_OBSERVED,
    DRUGS,
    CONSUMABLES,
    LOW_RISK,
    PAY,
    BALANCE,
    LOSSES,
];
/// The columns of the tables.
pub(super) static COLUMNS: [Kind; 10] = [
    STAYS,
    GROUPS,
    CMI,
    COST_MEAN,
    DAYS_MEAN,
    Kind { words: "drg_analysis.cost_index", ..COST_RATIO },
    Kind { words: "drg_analysis.time_index", ..TIME_RATIO },
    DRUGS,
    CONSUMABLES,
    BALANCE,
];

/// One figure as shown, and the stays it opens, which are those of today.
#[derive(Debug, Clone, Default)]
pub(in crate::pages) struct Cell {
    /// The value; empty when there is none.
    pub(in crate::pages) text: String,
    /// Where its stays are listed, and how many they are today.
    pub(in crate::pages) href: String,
    pub(in crate::pages) count: u64,
    /// What differs today from what was reported, in words; empty when nothing does.
    pub(in crate::pages) today: String,
}

/// What was reported, and today's rows behind it.
pub(super) struct Source<'a> {
    pub(super) quarter: Quarter,
    pub(super) question: &'a Question,
    /// Says in words what a figure is today: its value, and the number of its stays.
    pub(super) differs: &'a dyn Fn(&str, u64) -> String,
}

impl Source<'_> {
    /// A figure of all stays, or of a line, as it was reported and as it is today.
    pub(super) fn cell(&self, kind: &Kind, reported: &Total, now: &Total, line: Option<&LineKey>) -> Cell {
        let text = |total: &Total| (kind.write)(total).unwrap_or_default();
        let (figure, part) = match kind.list {
            List::Measure(id, part) => (id, part),
            List::Own(figure) => (figure.key(), "counted"),
        };
        self.opened(text(reported), (kind.count)(reported), (&text(now), (kind.count)(now)), (figure, part, line))
    }

    /// A number of stays.
    pub(super) fn count(&self, figure: &str, reported: u64, now: u64) -> Cell {
        let text = |count: u64| figure::grouped(&count.to_string());
        self.opened(text(reported), reported, (&text(now), now), (figure, "counted", None))
    }

    fn opened(
        &self,
        text: String,
        reported: u64,
        (now, count): (&str, u64),
        (figure, part, line): (&str, &str, Option<&LineKey>),
    ) -> Cell {
        let is_same = text == now && reported == count;
        let today = if is_same { String::new() } else { (self.differs)(now, count) };
        // What is counted is the first part of every list.
        let part = if part == "counted" { "" } else { part };
        let href = self.question.href_in_quarter(self.quarter, (figure, part), line);
        Cell { text, href, count, today }
    }

    /// Stays and deaths of the risk bands.
    pub(super) fn bands(&self, reported: &Total, now: &Total) -> Vec<(u8, Cell, Cell)> {
        let of = |(band, (reported, now)): (u8, (&crate::analysis::BandCount, &crate::analysis::BandCount))| {
            let stays = self.count(Figure::Band(band).key(), reported.stays, now.stays);
            (band, stays, self.count(Figure::Deaths(band).key(), reported.deaths, now.deaths))
        };
        (0u8..).zip(reported.bands.iter().zip(&now.bands)).map(of).collect()
    }

    /// Stays without group or price, by cause, those among them that have come since.
    pub(super) fn failures(
        &self,
        reported: &BTreeMap<String, u64>,
        now: &BTreeMap<String, u64>,
    ) -> Vec<(String, Cell)> {
        let keys: std::collections::BTreeSet<&String> = reported.keys().chain(now.keys()).collect();
        let of = |counts: &BTreeMap<String, u64>, key: &String| counts.get(key).copied().unwrap_or_default();
        keys.into_iter()
            .map(|key| (key.clone(), self.count(&format!("failure.{key}"), of(reported, key), of(now, key))))
            .collect()
    }
}
