//! What this slice tells those who measure: one row for each finished stay. Measures read nothing else of it.
//!
//! Leaves out: which rows are asked for and by whom; the caller reads them inside its reach.

use yiti_measure::fact::BadRow;
use yiti_measure::{Batch, Column, Datum, Fact, Kind};

use crate::analysis::{Stay, Yardstick};

/// One finished stay.
pub static STAY: Fact = Fact {
    name: "drg_stay",
    grain: "one finished inpatient stay, grouped and priced from its final front page",
    columns: &[
        Column::new("stay_id", Kind::Id, "The front page"),
        Column::new("institution_id", Kind::Id, "The institution of the stay"),
        Column::new("department", Kind::Text, "Department of discharge"),
        Column::new("physician", Kind::Text, "Attending physician"),
        Column::new("insurance", Kind::Text, "employee, resident, or empty when neither pays"),
        Column::new("scheme", Kind::Text, "The grouping scheme"),
        Column::new("mdc", Kind::Text, "Main category; empty without one"),
        Column::new("drg", Kind::Text, "Group, QY code or 0000"),
        Column::new("outcome", Kind::Text, "How grouping ended: drg, adrg, ambiguous, ungrouped"),
        Column::new("discharged_on", Kind::Day, "Day of discharge"),
        Column::new("is_dead", Kind::Flag, "The patient died"),
        Column::new("risk_band", Kind::Integer, "How deadly the group is: 0 without deaths, 1 low to 4 high")
            .nullable(),
        Column::new("stay_days", Kind::Integer, "Days of the stay").unit("days").nullable(),
        Column::new("weight_e6", Kind::Integer, "Weight of the group").unit("millionths").nullable(),
        Column::new("pay", Kind::Integer, "What is paid").unit("fen").nullable(),
        Column::new("cost", Kind::Integer, "Total cost").unit("fen").nullable(),
    ],
};

/// The rows of [`STAY`], in the order of `stays`.
///
/// # Errors
/// [`BadRow`] when a row does not fit the fact, which is a fault of this module.
pub fn batch(stays: &[Stay], yardstick: &Yardstick) -> Result<Batch, BadRow> {
    let mut batch = Batch::new(&STAY);
    let mut bands = std::collections::HashMap::new();
    for stay in stays {
        let key = (stay.scheme.as_str(), stay.drg.as_str(), stay.is_grouped());
        let band = *bands.entry(key).or_insert_with(|| yardstick.bands.band(stay));
        let whole = |number: Option<i64>| number.map_or(Datum::Missing, Datum::Whole);
        batch.push(&[
            stay.id.0.into(),
            stay.institution.0.into(),
            stay.department.as_str().into(),
            stay.physician.as_str().into(),
            stay.insurance.as_str().into(),
            stay.scheme.as_str().into(),
            stay.mdc.as_str().into(),
            stay.drg.as_str().into(),
            stay.outcome.as_str().into(),
            Datum::Day(stay.discharged_on),
            stay.is_dead.into(),
            whole(band.map(i64::from)),
            whole(stay.stay_days.map(i64::from)),
            whole(stay.weight_e6),
            whole(stay.pay.map(|pay| pay.0)),
            whole(stay.cost.map(|cost| cost.0)),
        ])?;
    }
    Ok(batch)
}
