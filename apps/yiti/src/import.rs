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
use yiti_drg::columns::Standard;
use yiti_frontpage::import::ImportFault;
use yiti_frontpage::{Import, ImportReport, read, words};
use yiti_kernel::Lang;

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
    /// The form of the file; told by its content unless named.
    #[arg(long, value_parser = read::FORMS.map(Standard::key))]
    form: Option<String>,
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
    let with = Import::new(&platform.kit, asked.form.as_deref().and_then(Standard::from_key));
    let done = yiti_frontpage::import(platform, &Arc::new(actor), institution.id, &name, bytes.into(), &with).await;
    match done {
        Ok(report) => {
            let path = asked.errors.clone().unwrap_or_else(|| beside(&asked.file));
            let has_errors = write_errors(&path, &report, lang)?;
            let mut text = words::said(&report, lang);
            if has_errors {
                text += &format!("{}\n", path.display());
            }
            // Whoever listens may have gone; the import stands all the same.
            drop(std::io::stdout().write_all(text.as_bytes()));
            Ok(ExitCode::from(if has_errors { 2 } else { 0 }))
        }
        Err(ImportFault::File(fault)) => {
            let (reason, remedy) = words::refused(&fault, lang);
            eprintln!("{reason}\n{remedy}");
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

/// Writes refused rows and rows that cannot be grouped; false when there are none, and then no file is left.
fn write_errors(path: &Path, report: &ImportReport, lang: Lang) -> anyhow::Result<bool> {
    let Some(file) = words::error_file(report, lang) else {
        if path.exists() {
            std::fs::remove_file(path).with_context(|| format!("`{}` cannot be removed", path.display()))?;
        }
        return Ok(false);
    };
    std::fs::write(path, file).with_context(|| format!("`{}` cannot be written", path.display()))?;
    Ok(true)
}
