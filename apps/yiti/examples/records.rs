//! Reads a plain table of stays into records whose codes are looked up, and groups none: what `yiti group` must do before
//! it can begin. For `bench/run drg`.

use chs_drg::{Days, Known, Record, Scheme};
use sheet::{Row, Sheet, pieces};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pack), Some(path)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("PACK and TABLE are needed")
    };
    let scheme = Scheme::read(&std::fs::read(pack)?)?;
    let mut sheet = Sheet::open(path.as_ref() as &std::path::Path)?;
    let place = |name: &str| sheet.columns().iter().position(|column| column == name).unwrap_or(usize::MAX);
    let columns = ["sex", "age", "age_days", "weight", "los", "icu_hours", "dept", "discharge", "dx", "px"].map(place);
    let mut batches = sheet.batches()?;
    let (mut known, mut records, mut faults) = (Known::default(), 0_u64, 0_u64);
    while let Some(batch) = batches.next()? {
        let mut rows = batch.rows();
        while let Some(row) = rows.next() {
            faults += read(&scheme, &row?, columns, &mut known);
            records += 1;
        }
    }
    println!("{records} records, {faults} faults");
    Ok(())
}

/// How many faults the row's record has.
fn read(scheme: &Scheme, row: &Row<'_>, columns: [usize; 10], known: &mut Known) -> u64 {
    let [sex, age, age_days, weight, los, icu_hours, dept, discharge, dx, px] = columns.map(|column| row.get(column));
    let codes = |cell| pieces(cell, b'|').filter(|code| !code.is_empty()).collect::<Vec<&str>>();
    let number = |cell: &str| cell.parse().ok();
    let record = Record {
        sex: number(sex),
        age: number(age),
        age_days: number(age_days),
        weight: number(weight),
        los: number(los),
        icu_hours: number(icu_hours),
        dept,
        discharge,
        dx: &codes(dx),
        px: &codes(px),
        days: Days::default(),
    };
    scheme.look_up(&record, known);
    scheme.check_known(&record, known).len() as u64
}
