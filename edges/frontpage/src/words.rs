//! What came of a file, in words, and its error file. The command and the pages say the same.

use yiti_drg::check::remedy_key;
use yiti_kernel::Lang;
use yiti_web::{t, t_with};

use crate::read::{FileFault, Problem, Trouble};
use crate::report::{ImportReport, RepairSum, RuleSum, Summary};

/// Columns without a form that are named in words.
const COLUMNS_SAID_MAX: usize = 20;
/// The columns of an error file; the words of its head are `front_page.errors.<name>`.
pub const ERROR_COLUMNS: [&str; 8] = ["row", "number", "column", "title", "value", "kept", "reason", "remedy"];
/// Tells a spreadsheet that the text is UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a file was refused, with its place, and what helps.
#[must_use]
pub fn refused(fault: &FileFault, lang: Lang) -> (String, String) {
    let key = format!("front_page.file.{}", fault.key());
    let form = |form: &str| t(lang, &format!("front_page.form.{form}")).to_owned();
    let facts: Vec<(&str, String)> = match fault {
        FileFault::Sheet(fault) => return sheet_words(fault, lang),
        FileFault::Json { line, column, .. } => vec![("line", line.to_string()), ("column", column.to_string())],
        FileFault::TooLarge { bytes } => vec![("mib", (bytes >> 20).to_string())],
        FileFault::TooManyRows { rows } => vec![("rows", rows.to_string())],
        FileFault::NotAFrontPage { nearest, missing } => vec![("form", form(nearest)), ("missing", missing.clone())],
        FileFault::NotThatForm { asked } => vec![("form", form(asked))],
        FileFault::Empty => Vec::new(),
    };
    let facts: Vec<(&str, &str)> = facts.iter().map(|(name, fact)| (*name, fact.as_str())).collect();
    (t_with(lang, &format!("{key}.reason"), &facts), t(lang, &format!("{key}.remedy")).to_owned())
}

/// What is wrong with a table and where, and what helps.
fn sheet_words(fault: &sheet::Fault, lang: Lang) -> (String, String) {
    let words = sheet::Words::shipped(lang.tag());
    let reason = words.map_or_else(|_| fault.to_string(), |words| words.fault(fault));
    (reason, t(lang, "front_page.file.sheet.remedy").to_owned())
}

/// What is wrong with a row, and what helps.
#[must_use]
pub fn trouble(trouble: &Trouble, lang: Lang) -> (String, String) {
    let key = format!("front_page.trouble.{}", trouble.problem.key());
    let remedy = t(lang, &format!("{key}.remedy")).to_owned();
    match &trouble.problem {
        Problem::Row(fault) => (sheet_words(fault, lang).0, remedy),
        Problem::StayTwice { first } => (format!("{} ({})", t(lang, &format!("{key}.reason")), first.0), remedy),
        _ => (t(lang, &format!("{key}.reason")).to_owned(), remedy),
    }
}

/// What a rule finds and what helps, filled with the facts of a finding.
fn rule<'f>(lang: Lang, rule: &str, facts: impl Iterator<Item = (&'f str, &'f str)>) -> (String, String) {
    let facts: Vec<(&str, &str)> = facts.collect();
    let remedy = remedy_key(rule, facts.iter().copied());
    (t_with(lang, &format!("front_page.rule.{rule}.reason"), &facts), t_with(lang, &remedy, &facts))
}

/// What the first page that breaks a rule has wrong.
#[must_use]
pub fn broken(line: &RuleSum, lang: Lang) -> String {
    rule(lang, &line.rule, line.facts.iter().map(|(name, fact)| (name.as_str(), fact.as_str()))).0
}

/// A mend in words.
#[must_use]
pub fn mended(line: &RepairSum, lang: Lang) -> String {
    t(lang, &format!("front_page.repair.{}", line.kind)).to_owned()
}

/// The example of a mend: the column, the cell as it was and as it became; empty when it concerns no cell.
#[must_use]
pub fn example(line: &RepairSum) -> String {
    if line.before == line.after {
        return String::new();
    }
    format!("{}: {} \u{2192} {}", line.column, line.before, line.after).trim_start_matches(": ").to_owned()
}

/// Columns that no form names; empty when there are none.
#[must_use]
pub fn unknown_columns(summary: &Summary) -> String {
    let named: Vec<&str> = summary.unknown_columns.iter().take(COLUMNS_SAID_MAX).map(String::as_str).collect();
    let more = if summary.unknown_column_count > named.len() { " \u{2026}" } else { "" };
    named.join(", ") + more
}

/// The report as lines.
#[must_use]
pub fn said(report: &ImportReport, lang: Lang) -> String {
    let (counts, summary) = (report.counts, Summary::of(report));
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        out += &t_with(lang, &format!("front_page.import.{key}"), &[("value", value)]);
        out.push('\n');
    };
    line("form", t(lang, &format!("front_page.form.{}", report.standard.key())));
    for (key, count) in [
        ("rows", counts.rows),
        ("new", counts.new),
        ("unchanged", counts.unchanged),
        ("versions", counts.versions),
        ("refused", counts.refused),
        ("blocked", counts.blocked),
    ] {
        line(key, &count.to_string());
    }
    if summary.unknown_column_count > 0 {
        line("unknown_columns", &unknown_columns(&summary));
    }
    let at = |row: u64, example: &str| if example.is_empty() { String::new() } else { format!(" ({row} {example})") };
    for one in &summary.repairs {
        line("repair", &format!("{} \u{d7} {}{}", mended(one, lang), one.count, at(one.row, &example(one))));
    }
    for one in &summary.rules {
        let severity = t(lang, &format!("front_page.severity.{}", one.severity)).to_owned();
        line("rule", &format!("{severity} \u{d7} {}{}", one.page_count, at(one.row, &broken(one, lang))));
    }
    out
}

/// Refused rows and rows that cannot be grouped, as a table that spreadsheets open; `None` when there are none.
#[must_use]
pub fn error_file(report: &ImportReport, lang: Lang) -> Option<Vec<u8>> {
    if report.troubles.is_empty() && report.blocked.is_empty() {
        return None;
    }
    let head = ERROR_COLUMNS.map(|name| t(lang, &format!("front_page.errors.{name}")).to_owned());
    let is_kept = |kept: bool| t(lang, if kept { "front_page.errors.is_kept" } else { "front_page.errors.is_refused" });
    let refused = report.troubles.iter().map(|one| {
        let (reason, remedy) = trouble(one, lang);
        let row = one.place.0.to_string();
        [&row, "", &one.column, &one.title, &one.value, is_kept(false), &reason, &remedy].map(inert)
    });
    let blocked = report.blocked.iter().map(|one| {
        let facts = one.facts.iter().map(|(name, fact)| (*name, fact.as_str()));
        let (reason, remedy) = rule(lang, one.rule, facts);
        let (row, number) = (one.place.0.to_string(), &one.medical_record_number);
        [&row, number, &one.column, &one.title, "", is_kept(true), &reason, &remedy].map(inert)
    });
    let mut writer = csv::Writer::from_writer(MARK.to_vec());
    for cells in std::iter::once(head).chain(refused).chain(blocked) {
        // Writing into memory does not fail, and all rows have the same cells.
        writer.write_record(cells).ok()?;
    }
    writer.into_inner().ok()
}

/// The rows of an error file as they are shown, at most `row_count`, and how many it has.
#[must_use]
pub fn error_rows(file: &[u8], row_count: usize) -> (Vec<[String; 8]>, usize) {
    let mut reader = csv::Reader::from_reader(file.strip_prefix(MARK).unwrap_or(file));
    let (mut rows, mut total) = (Vec::new(), 0);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).unwrap_or(false) {
        total += 1;
        if rows.len() < row_count {
            let cell = |at: usize| active(record.get(at).unwrap_or_default()).to_owned();
            rows.push(std::array::from_fn(cell));
        }
    }
    (rows, total)
}

const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell that a spreadsheet takes as text: what begins like a formula gets a quote before it.
fn inert(cell: &str) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

/// The cell before [`inert`].
fn active(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(cell)
}
