//! What is usual for a group: cost and length of stay of the finished stays, exact and rounded once. Pure.

use yiti_kernel::Fen;

use crate::store::Finished;

/// What is usual for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Norm {
    /// Finished stays that were counted.
    pub stay_count: u32,
    /// Mean cost, to the fen, half up.
    pub cost_mean: Fen,
    /// A quarter of the stays cost at most this.
    pub cost_p25: Fen,
    /// Half of the stays cost at most this.
    pub cost_median: Fen,
    /// Three quarters of the stays cost at most this.
    pub cost_p75: Fen,
    /// Mean length of stay in tenths of a day, half up.
    pub days_mean_e1: u32,
    /// Half of the stays last at most so many days.
    pub days_median: u32,
    /// Drugs of all cost, in thousandths, half up; `None` when no stay states its items.
    pub drug_share_e3: Option<u32>,
    /// Consumables of all cost, in thousandths, half up.
    pub consumable_share_e3: Option<u32>,
}

impl Norm {
    /// The norm of finished stays that state cost and days; `None` when fewer than `least` do.
    #[must_use]
    pub fn of(stays: &[Finished], least: u32) -> Option<Self> {
        let mut costs: Vec<i64> = Vec::new();
        let mut days: Vec<u32> = Vec::new();
        let (mut itemised, mut drugs, mut consumables) = (0i128, 0i128, 0i128);
        for stay in stays {
            let (Some(cost), Some(stay_days)) = (stay.cost, stay.stay_days) else { continue };
            costs.push(cost.0);
            days.push(stay_days);
            if let (Some(drug), Some(consumable)) = (stay.drug_cost, stay.consumable_cost) {
                itemised += i128::from(cost.0);
                drugs += i128::from(drug.0);
                consumables += i128::from(consumable.0);
            }
        }
        let stay_count = u32::try_from(costs.len()).ok().filter(|count| *count >= least.max(1))?;
        costs.sort_unstable();
        days.sort_unstable();
        let sum: i128 = costs.iter().map(|cost| i128::from(*cost)).sum();
        let day_sum: i128 = days.iter().map(|days| i128::from(*days)).sum();
        let share = |part: i128| u32::try_from(divided(part * 1000, itemised)?).ok();
        Some(Self {
            stay_count,
            cost_mean: Fen(i64::try_from(divided(sum, i128::from(stay_count))?).ok()?),
            cost_p25: Fen(at(&costs, 1)?),
            cost_median: Fen(at(&costs, 2)?),
            cost_p75: Fen(at(&costs, 3)?),
            days_mean_e1: u32::try_from(divided(day_sum * 10, i128::from(stay_count))?).ok()?,
            days_median: at(&days, 2)?,
            drug_share_e3: share(drugs),
            consumable_share_e3: share(consumables),
        })
    }
}

/// The value below or at which so many quarters of the sorted values lie (nearest rank).
fn at<T: Copy>(sorted: &[T], quarters: usize) -> Option<T> {
    let rank = (sorted.len() * quarters).div_ceil(4).max(1);
    sorted.get(rank - 1).copied()
}

/// Divides and rounds half up; `None` by zero or less.
fn divided(above: i128, over: i128) -> Option<i128> {
    (over > 0).then(|| (2 * above + over).div_euclid(2 * over))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(cost: i64, days: u32) -> Finished {
        Finished {
            cost: Some(Fen(cost)),
            drug_cost: Some(Fen(cost / 4)),
            consumable_cost: Some(Fen(0)),
            stay_days: Some(days),
        }
    }

    #[test]
    fn a_norm_is_exact_and_rounded_once() {
        let stays = [stay(100, 3), stay(200, 4), stay(401, 9), stay(1000, 20)];
        let norm = Norm::of(&stays, 4).unwrap();
        assert_eq!((norm.stay_count, norm.cost_mean), (4, Fen(425)), "1701 / 4 = 425.25");
        assert_eq!((norm.cost_p25, norm.cost_median, norm.cost_p75), (Fen(100), Fen(200), Fen(401)));
        assert_eq!((norm.days_mean_e1, norm.days_median), (90, 4));
        assert_eq!((norm.drug_share_e3, norm.consumable_share_e3), (Some(250), Some(0)));
    }

    #[test]
    fn too_few_stays_make_no_norm_and_those_without_cost_do_not_count() {
        assert_eq!(Norm::of(&[stay(100, 3)], 2), None);
        assert_eq!(Norm::of(&[], 0), None);
        let unknown = Finished { cost: None, drug_cost: None, consumable_cost: None, stay_days: Some(1) };
        assert_eq!(Norm::of(&[stay(100, 3), unknown], 2), None);
        let bare = Finished { drug_cost: None, ..stay(100, 3) };
        assert_eq!(Norm::of(&[bare], 1).unwrap().drug_share_e3, None);
    }
}
