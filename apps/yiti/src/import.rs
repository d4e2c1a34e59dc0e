//! `yiti import front-pages`: takes a file of front pages into the record and says what came of it.
//!
//! It ends with 0 when every row was taken and can be grouped, with 2 when some were refused or cannot be grouped (the
//! error file names them), with 1 when the file was refused as a whole. It opens the data folder itself, so a server on
//! the same SQLite folder is stopped first.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use yiti_directory::{Actor, Institution, Platform};
use yiti_frontpage::import::ImportFault;
use yiti_frontpage::read::Problem;
use yiti_frontpage::{FileFault, Import, ImportReport, Limits, RepairKind, Trouble};
use yiti_kernel::Lang;
use yiti_web::{t, t_with};

use crate::site::{self, Options};

/// What is taken in.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Front pages: an HQMS table, settlement lists 4101 or 4101A as JSON, or a plain table.
    FrontPages(FrontPages),
}

/// Where front pages come from and go to.
#[derive(Debug, Args)]
pub struct FrontPages {
    /// The file: CSV, XLSX or Parquet, UTF-8 or GB18030, or JSON.
    file: PathBuf,
    /// The institution of the stays: its name, its short name or its identifier.
    #[arg(long)]
    institution: String,
    /// The data folder.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// A PostgreSQL address instead of SQLite in the data folder.
    #[arg(long)]
    postgres: Option<String>,
    /// Where refused rows and rows that cannot be grouped are written; beside the file, ending in `.errors.csv`, unless
    /// named.
    #[arg(long)]
    errors: Option<PathBuf>,
    /// Language of what is said: `zh-CN` or `en`.
    #[arg(long, default_value = "zh-CN")]
    language: String,
}

/// Runs the command.
///
/// # Errors
/// When the site does not open, the institution is unknown, or the store fails.
pub async fn run(what: What) -> anyhow::Result<ExitCode> {
    let What::FrontPages(asked) = what;
    let lang = Lang::ALL.into_iter().find(|lang| lang.tag() == asked.language);
    let lang = lang.with_context(|| format!("`{}` is no language; use zh-CN or en", asked.language))?;
    let bytes = std::fs::read(&asked.file).with_context(|| format!("`{}` cannot be read", asked.file.display()))?;
    let options = Options {
        folder: asked.data.clone(),
        postgres: asked.postgres.clone(),
        http: ([127, 0, 0, 1], 0).into(),
        dicom: None,
        base_url: String::new(),
    };
    let (platform, _) = site::open(&options, site::system_clock()).await?;
    let done = take(&platform, &asked, lang, bytes).await;
    platform.store.close().await;
    done
}

async fn take(platform: &Arc<Platform>, asked: &FrontPages, lang: Lang, bytes: Vec<u8>) -> anyhow::Result<ExitCode> {
    let institution = institution(platform, &asked.institution)?;
    let actor = Actor::system("import", institution.id, institution.scope, &["front_page.import"]);
    let name = asked.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let with = Import { checks: platform.kit.get(), codes: platform.kit.get(), limits: Limits::default() };
    let done = yiti_frontpage::import(platform, &Arc::new(actor), institution.id, &name, bytes.into(), &with).await;
    match done {
        Ok(report) => {
            let path = asked.errors.clone().unwrap_or_else(|| beside(&asked.file));
            let has_errors = write_errors(&path, &report, lang)?;
            let mut text = said(&report, lang);
            if has_errors {
                text += &format!("{}\n", path.display());
            }
            // Whoever listens may have gone; the import stands all the same.
            drop(std::io::stdout().write_all(text.as_bytes()));
            Ok(ExitCode::from(if has_errors { 2 } else { 0 }))
        }
        Err(ImportFault::File(fault)) => {
            eprintln!("{}", refused(&fault, lang));
            Ok(ExitCode::FAILURE)
        }
        Err(other) => Err(other.into()),
    }
}

fn institution(platform: &Platform, asked: &str) -> anyhow::Result<Institution> {
    let tree = platform.tree();
    let found: Vec<&Institution> = tree
        .within(tree.whole())
        .filter(|one| one.name == asked || one.short_name == asked || one.id.to_string() == asked)
        .collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => anyhow::bail!("there is no institution `{asked}`"),
        several => anyhow::bail!("`{asked}` names {} institutions; use the identifier", several.len()),
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".errors.csv");
    PathBuf::from(name)
}

/// Why a file was refused, with its place and what helps.
#[must_use]
pub fn refused(fault: &FileFault, lang: Lang) -> String {
    let key = format!("front_page.file.{}", fault.key());
    let reason = match fault {
        FileFault::Sheet(fault) => sheet_words(fault, lang),
        other => format!("{} ({other})", t(lang, &format!("{key}.reason"))),
    };
    format!("{reason}\n{}", t(lang, &format!("{key}.remedy")))
}

fn sheet_words(fault: &sheet::Fault, lang: Lang) -> String {
    sheet::Words::shipped(lang.tag()).map_or_else(|_| fault.to_string(), |words| words.fault(fault))
}

/// The report as lines.
#[must_use]
pub fn said(report: &ImportReport, lang: Lang) -> String {
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        out += &t_with(lang, &format!("front_page.import.{key}"), &[("value", value)]);
        out.push('\n');
    };
    line("form", t(lang, &format!("front_page.form.{}", report.standard.key())));
    for (key, count) in [
        ("rows", report.row_count),
        ("new", report.new_count),
        ("unchanged", report.unchanged_count),
        ("versions", report.version_count),
        ("refused", report.refused_count),
        ("blocked", report.blocked_count),
    ] {
        line(key, &count.to_string());
    }
    if !report.unknown_columns.is_empty() {
        let names: Vec<&str> = report.unknown_columns.iter().take(20).map(String::as_str).collect();
        line("unknown_columns", &names.join(", "));
    }
    for kind in RepairKind::ALL {
        let mut lines = report.repairs.iter().filter(|line| line.kind == *kind).peekable();
        let Some(first) = lines.peek().copied() else { continue };
        let count: u64 = lines.map(|line| line.count).sum();
        let key = format!("front_page.repair.{}", kind.key());
        let example = if first.before == first.after {
            String::new()
        } else {
            format!(" ({} {}: `{}` -> `{}`)", first.place.0, first.column, first.before, first.after)
        };
        line("repair", &format!("{} × {count}{example}", t(lang, &key)));
    }
    out
}

/// Writes refused rows and rows that cannot be grouped; false when there are none, and then no file is left.
fn write_errors(path: &Path, report: &ImportReport, lang: Lang) -> anyhow::Result<bool> {
    if report.troubles.is_empty() && report.blocked.is_empty() {
        if path.exists() {
            std::fs::remove_file(path).with_context(|| format!("`{}` cannot be removed", path.display()))?;
        }
        return Ok(false);
    }
    let mut writer = csv::Writer::from_path(path).with_context(|| format!("`{}` cannot be written", path.display()))?;
    writer.write_record(["row", "number", "column", "title", "value", "kept", "reason", "remedy"])?;
    for trouble in &report.troubles {
        let (reason, remedy) = trouble_words(trouble, lang);
        let row = trouble.place.0.to_string();
        let cells = [&row, "", &trouble.column, &trouble.title, &trouble.value, "0", &reason, &remedy];
        writer.write_record(cells.map(inert))?;
    }
    for blocked in &report.blocked {
        let facts: Vec<(&str, &str)> = blocked.facts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let key = format!("front_page.rule.{}", blocked.rule);
        let reason = t_with(lang, &format!("{key}.reason"), &facts);
        let remedy = t_with(lang, &format!("{key}.remedy"), &facts);
        let row = blocked.place.0.to_string();
        let number = &blocked.medical_record_number;
        let cells = [&row, number, &blocked.column, &blocked.title, "", "1", &reason, &remedy];
        writer.write_record(cells.map(inert))?;
    }
    writer.flush()?;
    Ok(true)
}

/// What is wrong with a row, and what helps.
#[must_use]
pub fn trouble_words(trouble: &Trouble, lang: Lang) -> (String, String) {
    let key = format!("front_page.trouble.{}", trouble.problem.key());
    let remedy = t(lang, &format!("{key}.remedy")).to_owned();
    match &trouble.problem {
        Problem::Row(fault) => (sheet_words(fault, lang), remedy),
        Problem::StayTwice { first } => (format!("{} ({})", t(lang, &format!("{key}.reason")), first.0), remedy),
        _ => (t(lang, &format!("{key}.reason")).to_owned(), remedy),
    }
}

/// A cell that a spreadsheet takes as text: what begins like a formula gets a quote before it.
fn inert(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}
