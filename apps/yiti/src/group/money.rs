//! Weights and rates beside a comparison: exact whole numbers, weights in billionths, money in fen.
//!
//! A record's money is its weight times the rate, rounded half up to the fen. Level coefficients, outlier tiers and base
//! groups are payment, not grouping, and are left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use sheet::Sheet;

use super::failure::Failure;

/// Which weights and rates are put beside a comparison.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A table of weights with the columns table, version, drg and rw; else weight.csv of the folder of --packs.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// The weights' table for the first scheme; needed where several belong to it.
    #[arg(long, value_name = "NAME")]
    table_a: Option<String>,
    /// The weights' table for the second scheme.
    #[arg(long, value_name = "NAME")]
    table_b: Option<String>,
    /// Yuan for a weight of 1 under the first scheme.
    #[arg(long, value_name = "YUAN")]
    rate_a: Option<String>,
    /// Yuan for a weight of 1 under the second scheme.
    #[arg(long, value_name = "YUAN")]
    rate_b: Option<String>,
}

/// Billionths of a weight in a weight of 1.
const ONE: i64 = 1_000_000_000;

/// Weights and rate of one scheme.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Name of the table of weights; empty without.
    pub(crate) table: String,
    /// drg: weight in billionths
    weights: HashMap<String, i64>,
    /// Fen for a weight of 1.
    pub(crate) rate: Option<i64>,
}

/// Both schemes' weights and rates.
pub(crate) type Prices = [Side; 2];

impl Side {
    /// Whether there is any weight.
    #[must_use]
    pub(crate) fn has_weights(&self) -> bool {
        !self.weights.is_empty()
    }

    /// The weight of a group in billionths.
    #[must_use]
    pub(crate) fn weight(&self, drg: &str) -> Option<i64> {
        self.weights.get(drg).copied()
    }

    /// Weight times rate in fen, rounded half up.
    #[must_use]
    pub(crate) fn money(&self, weight: i64) -> Option<i64> {
        let product = i128::from(weight) * i128::from(self.rate?);
        i64::try_from((product + i128::from(ONE) / 2).div_euclid(i128::from(ONE))).ok()
    }
}

/// A decimal number as a whole number of its `places`-th parts. None when it has more places, is negative or too large.
#[must_use]
pub(crate) fn fixed(text: &str, places: usize) -> Option<i64> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > places || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

/// A whole number of `places`-th parts as text.
#[must_use]
pub(crate) fn text(number: i128, places: usize) -> String {
    let digits = format!("{:0width$}", number.unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let sign = if number < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// A weight without zeros at its end.
#[must_use]
pub(crate) fn weight_text(weight: i128) -> String {
    text(weight, 9).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Total weight over records, as text with four decimals, rounded half up.
#[must_use]
pub(crate) fn cmi_text(total: i128, records: u64) -> String {
    let Some(records) = Some(i128::from(records)).filter(|records| *records > 0) else { return "-".to_owned() };
    let step = i128::from(ONE) / 10_000 * records;
    text((total + step / 2).div_euclid(step), 4)
}

impl Arguments {
    /// Reads weights and rates. `schemes` are the ids whose tables are looked for where none is named.
    ///
    /// # Errors
    /// The file, a table or a rate cannot be used.
    pub(crate) fn prices(&self, packs: Option<&Path>, schemes: [&str; 2]) -> Result<Prices, Failure> {
        let rate = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => fixed(text, 2).map(Some).ok_or_else(|| Failure::new("rate", [("rate", text.clone())])),
        };
        let rates = [rate(&self.rate_a)?, rate(&self.rate_b)?];
        let beside = packs.map(|folder| folder.join("weight.csv")).filter(|path| path.is_file());
        let Some(path) = self.weights.clone().or(beside) else { return Ok(Prices::default()) };
        let tables = Tables::read(&path)?;
        let options = ["--table-a", "--table-b"];
        let asked = [&self.table_a, &self.table_b];
        let mut prices = Prices::default();
        for (at, side) in prices.iter_mut().enumerate() {
            let (scheme, option) = (schemes[at], options[at]);
            let table = match asked[at] {
                Some(table) if tables.0.contains_key(table) => Some(table.clone()),
                Some(table) => {
                    let facts = [("file", path.display().to_string()), ("table", table.clone())];
                    return Err(Failure::new("weights_missing", facts));
                }
                None => tables.only(scheme, self.weights.is_some(), option)?,
            };
            let own = table.as_ref().and_then(|table| tables.0.get(table));
            *side = Side {
                table: table.clone().unwrap_or_default(),
                weights: own.map(|table| table.weights.clone()).unwrap_or_default(),
                rate: rates[at],
            };
        }
        Ok(prices)
    }
}

/// Tables of weights by name.
struct Tables(BTreeMap<String, Table>);

#[derive(Default)]
struct Table {
    schemes: BTreeSet<String>,
    weights: HashMap<String, i64>,
}

impl Tables {
    fn read(path: &Path) -> Result<Tables, Failure> {
        let refused =
            |reason: String| Failure::new("weights_file", [("file", path.display().to_string()), ("reason", reason)]);
        let mut file = Sheet::open(path)?;
        let column = |name: &str| file.column(name).ok_or_else(|| refused(format!("`{name}`")));
        let (table, version, drg, rw) = (column("table")?, column("version")?, column("drg")?, column("rw")?);
        let mut tables: BTreeMap<String, Table> = BTreeMap::new();
        let mut fault = None;
        file.each(|row| {
            let row = match row {
                Ok(row) => row,
                Err(broken) => {
                    fault = Some(broken.to_string());
                    return ControlFlow::Break(());
                }
            };
            let own = tables.entry(row.get(table).to_owned()).or_default();
            own.schemes.insert(row.get(version).to_owned());
            // Some groups are paid by item and have words instead of a weight; they count as without.
            if let Some(weight) = fixed(row.get(rw), 9) {
                own.weights.insert(row.get(drg).to_owned(), weight);
            }
            ControlFlow::Continue(())
        })?;
        match fault {
            Some(fault) => Err(refused(fault)),
            None => Ok(Tables(tables)),
        }
    }

    /// The one table of a scheme; several are an error only where weights were asked for.
    fn only(&self, scheme: &str, is_asked: bool, option: &str) -> Result<Option<String>, Failure> {
        let own = self.0.iter().filter(|(_, table)| table.schemes.contains(scheme));
        let own: Vec<&String> = own.map(|(name, _)| name).collect();
        match own.as_slice() {
            [only] => Ok(Some((*only).clone())),
            [] => Ok(None),
            several if is_asked => {
                let tables = several.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
                let facts = [("scheme", scheme.to_owned()), ("tables", tables), ("option", option.to_owned())];
                Err(Failure::new("weights_table", facts))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_rounded_half_up_to_the_fen() {
        let side = Side { rate: Some(1_151_900), ..Side::default() };
        assert_eq!(side.money(fixed("0.7107", 9).unwrap()), Some(818_655));
        // 0.000005 of 10,000.00 yuan is 5 fen; half a fen more goes up.
        let side = Side { rate: Some(1_000_000), ..Side::default() };
        assert_eq!(side.money(fixed("0.0000055", 9).unwrap()), Some(6));
        assert_eq!(side.money(fixed("0.0000054", 9).unwrap()), Some(5));
        assert_eq!(Side::default().money(ONE), None);
    }

    #[test]
    fn decimals_are_read_and_written_without_loss() {
        assert_eq!(fixed("11519", 2), Some(1_151_900));
        assert_eq!(fixed("0.123456789", 9), Some(123_456_789));
        assert_eq!(fixed("1.234", 2), None);
        assert_eq!(fixed("-1", 2), None);
        assert_eq!(fixed("", 2), None);
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(weight_text(710_700_000), "0.7107");
        assert_eq!(weight_text(0), "0");
        assert_eq!(cmi_text(3_000_000_000, 2), "1.5000");
        assert_eq!(cmi_text(0, 0), "-");
    }
}
