//! Cases beside the definitions: facts and start in, variant and due instant out. Run by one test, so that a case needs no
//! Rust.
//!
//! ```toml
//! clock = "diagnostics.report"
//! [[case]]
//! says = "a stat CT is due after half an hour, on a Sunday too"
//! facts = { modality = "CT", priority = "stat" }
//! start = 2026-11-22T23:50:00          # wall time of the group
//! variant = "stat_ct"
//! due = 2026-11-23T00:20:00
//! warn = 2026-11-23T00:11:00           # optional
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use yiti_kernel::civil::DateTime;
use yiti_kernel::definition::{Fault, File, read};
use yiti_kernel::{Timestamp, time};

use crate::fault;
use crate::rule::Rules;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    clock: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    says: Spanned<String>,
    #[serde(default)]
    facts: BTreeMap<String, String>,
    start: Spanned<toml::value::Datetime>,
    variant: Option<Spanned<String>>,
    due: Spanned<toml::value::Datetime>,
    warn: Option<Spanned<toml::value::Datetime>>,
}

/// Runs the cases in `files`; returns how many there were.
///
/// # Errors
/// Every case that does not come out as it says, with its place.
pub fn run_cases(files: &[File], rules: &Rules) -> Result<usize, Vec<Fault>> {
    let (mut count, mut faults) = (0, Vec::new());
    for file in files {
        match read::<CaseFile>(file) {
            Ok(read) => {
                count += read.case.len();
                for case in &read.case {
                    if let Err(fault) = run(file, &read.clock, case, rules) {
                        faults.push(fault);
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(count) } else { Err(faults) }
}

fn run(file: &File, rule: &str, case: &Case, rules: &Rules) -> Result<(), Fault> {
    let start = instant(file, &case.start)?;
    let facts: Vec<(&str, &str)> = case.facts.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    let terms = rules.start(rule, &facts, start).map_err(|why| fault::at(file, case.says.span(), why.to_string()))?;
    let says = case.says.get_ref();
    if let Some(variant) = case.variant.as_ref().filter(|variant| *variant.get_ref() != terms.variant) {
        return Err(fault::at(file, variant.span(), format!("{says}: the variant is `{}`", terms.variant)));
    }
    let due_at = instant(file, &case.due)?;
    if due_at != terms.schedule.due_at {
        let due = time::second_text(terms.schedule.due_at);
        return Err(fault::at(file, case.due.span(), format!("{says}: due at {due}")));
    }
    if let Some(warn) = &case.warn
        && Some(instant(file, warn)?) != terms.schedule.warn_at
    {
        let found = terms.schedule.warn_at.map_or_else(|| "never".to_owned(), time::second_text);
        return Err(fault::at(file, warn.span(), format!("{says}: warned {found}")));
    }
    Ok(())
}

fn instant(file: &File, text: &Spanned<toml::value::Datetime>) -> Result<Timestamp, Fault> {
    let written = text.get_ref().to_string();
    let parsed: Option<DateTime> = written.parse().ok().filter(|_| text.get_ref().offset.is_none());
    parsed
        .map(time::instant)
        .ok_or_else(|| fault::at(file, text.span(), "a wall time is expected, such as 2026-11-22T08:00:00"))
}
