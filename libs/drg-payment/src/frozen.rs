//! A frozen run: one canonical text with the hash of its inputs, so that a settled month cannot change unnoticed.
//!
//! The text is UTF-8, one line an entry, tab between fields: a head (`format`, `period`, `prepaid_share`), one `pack`
//! line a pack, one `line` line a case by id, and `end` with the number of cases and the hash of the inputs. The same
//! run always gives the same text; a text that differs from what its own inputs give is refused.

use std::fmt::Write;
use std::str::FromStr;

use crate::error::FileFault;
use crate::hash::Hash;
use crate::money::Fen;
use crate::pack::File;
use crate::settlement::{Line, Run, SettledCase};

/// Bytes that a frozen run may have; about 2 million cases.
const BYTES_MAX: usize = 1 << 29;
/// Fields of a case's line, the word `line` included.
const FIELDS: usize = 15;
const FORMAT: &str = "drg-payment-run\t1";

/// A frozen run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// The canonical text.
    pub text: String,
    /// SHA-256 over the inputs: month, share, packs, and what came in for each case.
    pub inputs: Hash,
    /// SHA-256 over the whole text.
    pub hash: Hash,
}

fn head(run: &Run) -> String {
    let mut text = format!("{FORMAT}\nperiod\t{}\nprepaid_share\t{}\n", run.period, run.prepaid_share);
    for pack in run.packs() {
        let _ = writeln!(text, "pack\t{pack}");
    }
    text
}

fn input(case: &SettledCase) -> String {
    let SettledCase { case, institution, insurance, drg, basis, points_e6, standard, cost, patient, pay, fund, pack } =
        case;
    format!(
        "{case}\t{institution}\t{}\t{drg}\t{basis}\t{points_e6}\t{}\t{}\t{}\t{}\t{}\t{pack}",
        insurance.key(),
        standard.0,
        cost.0,
        patient.0,
        pay.0,
        fund.0,
    )
}

impl Run {
    /// The run as a canonical text with its hashes.
    #[must_use]
    pub fn frozen(&self) -> Frozen {
        let head = head(self);
        let mut inputs = head.clone();
        let mut text = head;
        for Line { case, prepaid, retained } in &self.lines {
            let input = input(case);
            let _ = writeln!(inputs, "{input}");
            let _ = writeln!(text, "line\t{input}\t{}\t{}", prepaid.0, retained.0);
        }
        let inputs = Hash::of(&[&inputs]);
        let _ = writeln!(text, "end\t{}\t{inputs}", self.lines.len());
        let hash = Hash::of(&[&text]);
        Frozen { text, inputs, hash }
    }

    /// Reads a frozen run and settles it again from its inputs.
    ///
    /// # Errors
    /// [`FileFault`] when the text is no frozen run, or is not exactly what its inputs give.
    pub fn thawed(file: File<'_>) -> Result<Run, FileFault> {
        if file.text.len() > BYTES_MAX {
            return Err(file.fault(format!("the text has more than {BYTES_MAX} bytes; it is no frozen run")));
        }
        let mut run: (Option<crate::day::Month>, Option<crate::exact::Exact>) = (None, None);
        let mut cases = Vec::new();
        for (at, text) in file.text.lines().enumerate() {
            let at = u64::try_from(at).map_or(0, |at| at + 1);
            let fault = |column: &str, what: String| FileFault::new(file.name, at, column, what);
            match text.split_once('\t') {
                Some(_) if text == FORMAT && at == 1 => {}
                Some(("period", month)) => run.0 = Some(parsed(month, "period", &fault)?),
                Some(("prepaid_share", share)) => run.1 = Some(parsed(share, "prepaid_share", &fault)?),
                Some(("line", _)) => cases.push(case(text, &fault)?),
                Some(("pack" | "end", _)) => {}
                _ => return Err(fault("", "the line is none of a frozen run".into())),
            }
        }
        let (Some(period), Some(share)) = run else {
            return Err(file.fault("`period` or `prepaid_share` is missing; the text is no frozen run"));
        };
        let run = Run::settle(period, share, cases).map_err(|fault| file.fault(fault.to_string()))?;
        let again = run.frozen().text;
        if again != file.text {
            let differing = again.lines().zip(file.text.lines()).take_while(|(one, two)| one == two).count();
            let line = u64::try_from(differing).map_or(0, |line| line + 1);
            let what = "the text is not what its inputs give; it was changed after it was frozen";
            return Err(FileFault::new(file.name, line, "", what));
        }
        Ok(run)
    }
}

fn parsed<T>(text: &str, column: &str, fault: &dyn Fn(&str, String) -> FileFault) -> Result<T, FileFault>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| fault(column, error.to_string()))
}

fn case(text: &str, fault: &dyn Fn(&str, String) -> FileFault) -> Result<SettledCase, FileFault> {
    let fields: Vec<&str> = text.split('\t').collect();
    let wide = |_| fault("", format!("the line has {} fields; a case has {FIELDS}", fields.len()));
    let [_, case, institution, insurance, drg, basis, points, standard, cost, patient, pay, fund, pack, _, _] =
        <[&str; FIELDS]>::try_from(fields.clone()).map_err(wide)?;
    Ok(SettledCase {
        case: case.to_owned(),
        institution: institution.to_owned(),
        insurance: parsed(insurance, "insurance", fault)?,
        drg: drg.to_owned(),
        basis: basis.to_owned(),
        points_e6: parsed(points, "points_e6", fault)?,
        standard: Fen(parsed(standard, "standard", fault)?),
        cost: Fen(parsed(cost, "cost", fault)?),
        patient: Fen(parsed(patient, "patient", fault)?),
        pay: Fen(parsed(pay, "pay", fault)?),
        fund: Fen(parsed(fund, "fund", fault)?),
        pack: parsed(pack, "pack", fault)?,
    })
}
