//! `yiti group`: groups a table by a scheme, explains one record, compares two schemes.
//!
//! Leaves out: rules of grouping (`chs-drg`), kinds of files (`sheet`), payment beyond weight times rate.

mod columns;
mod compare;
mod explain;
mod failure;
mod money;
mod output;
mod pages;
mod pipeline;
mod progress;
mod repair;
mod schemes;
mod stay;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use chs_drg::Profile;
use clap::{Args, Subcommand, ValueEnum};
use yiti_kernel::Lang;

use crate::definitions;
pub(crate) use columns::{Names, PATH as NAMES_PATH};
use failure::Failure;
use schemes::Schemes;
use stay::Tongue;

/// What the columns of the files mean; shown behind the options.
const FILES: &str = "\
IN is CSV (UTF-8 or GB18030; comma, semicolon or tab; also .gz), XLSX (first visible sheet) or Parquet with a row of column
names: id, sex, age, age_days, weight, dept, los, discharge, icu_hours, dx, px, born_on, admitted_on, discharged_on. Only
id and dx must be there; dx and px hold codes joined by |, the principal first. Chinese names and names of your own stand in
definitions/drg/columns.toml. Other columns are left alone. IN may also be a wide HQMS table of front pages, Western or
Chinese medicine (its codes are of the clinical edition and are mapped; the id is the medical record number, `-`, the count of
the admission), or settlement lists 4101 or 4101A as JSON; those are held in memory.

OUT is CSV: id, mdc, adrg, drg, cc and mcc (the secondary diagnoses that counted, joined by |), status, in the order of IN.
Status is grouped, adrg (the scheme answers only the ADRG), ambiguous (QY), no_mdc, no_step, principal_refused (0000 and
why), or refused (nothing was answered).

OUT.errors.csv has what was refused, repaired or worth a note: row, id, severity (refused, repaired, note, failed), field,
value, reason, remedy. It is only there when there is something to say.

Ends with 0 when every row was answered, 2 when some were refused, 1 when nothing was written.";

/// Arguments of `yiti group`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = FILES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The scheme's id, as `chs_drg_11`.
    #[arg(long, required = true)]
    scheme: Option<String>,
    #[command(flatten)]
    common: Common,
    /// Groups a row in spite of its faults; they are told as notes.
    #[arg(long)]
    unchecked: bool,
    /// The table.
    #[arg(value_name = "IN", required = true)]
    input: Option<PathBuf>,
    /// Where the answers go.
    #[arg(short, long, value_name = "OUT", required = true)]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Common {
    /// Which text of the rules: as published, or as the public reference grouper runs.
    #[arg(long, value_enum, default_value_t = ProfileWord::Published)]
    profile: ProfileWord,
    /// A folder of tables or of *.pack files with further schemes.
    #[arg(long, value_name = "DIR")]
    packs: Option<PathBuf>,
    /// Language of what people read.
    #[arg(long, value_enum, default_value_t = LangWord::Zh)]
    lang: LangWord,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileWord {
    Published,
    Reference,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LangWord {
    #[value(name = "zh-CN", alias = "zh")]
    Zh,
    En,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tells how one record of a table groups, and what nearly came first.
    Explain {
        /// The scheme's id, as `chs_drg_11`.
        #[arg(long)]
        scheme: String,
        #[command(flatten)]
        common: Common,
        /// The table.
        #[arg(value_name = "IN")]
        input: PathBuf,
        /// The record's id.
        #[arg(long)]
        id: String,
    },
    /// Shows which records change between two schemes and why; without IN, between two files of answers.
    Compare {
        /// The first scheme's id, or the first file of answers.
        a: String,
        /// The second scheme's id, or the second file of answers.
        b: String,
        /// The table.
        #[arg(value_name = "IN")]
        input: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
        /// Where the records that change go, one by one, as CSV.
        #[arg(short, long, value_name = "OUT")]
        output: Option<PathBuf>,
        #[command(flatten)]
        money: money::Arguments,
    },
}

/// Runs the command. What people read goes to standard output or error.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let lang = match &arguments.command {
        Some(Command::Explain { common, .. } | Command::Compare { common, .. }) => common.lang(),
        None => arguments.common.lang(),
    };
    match answer(arguments, lang) {
        Ok(code) => code,
        Err(Ended::Failure(failure)) => {
            eprintln!("yiti: {}", failure.say(lang));
            ExitCode::from(1)
        }
        Err(Ended::Other(error)) => {
            eprintln!("yiti: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Makes a running command end soon, with nothing written.
pub fn stop() {
    pipeline::STOP.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// How the command ended without an answer.
enum Ended {
    Failure(Failure),
    Other(anyhow::Error),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failure(failure)
    }
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Ended {
        Ended::Other(error)
    }
}

impl Common {
    fn lang(&self) -> Lang {
        match self.lang {
            LangWord::Zh => Lang::Zh,
            LangWord::En => Lang::En,
        }
    }

    fn schemes(&self) -> Result<Schemes, Failure> {
        let profile = match self.profile {
            ProfileWord::Published => Profile::Published,
            ProfileWord::Reference => Profile::Reference,
        };
        Schemes::open(self.packs.as_deref(), profile)
    }
}

fn names() -> anyhow::Result<Names> {
    let file = definitions::shipped_file(NAMES_PATH)?;
    Ok(Names::load(&file)?)
}

fn answer(arguments: Arguments, lang: Lang) -> Result<ExitCode, Ended> {
    let tongue = Tongue::new(lang)?;
    let names = names()?;
    match arguments.command {
        None => {
            let (Some(id), Some(input), Some(output)) = (arguments.scheme, arguments.input, arguments.output) else {
                return Err(anyhow::anyhow!("--scheme, IN and -o are needed").into());
            };
            let scheme = arguments.common.schemes()?.load(&id)?;
            let counts = table::group(&scheme, &names, &input, &output, arguments.unchecked, &tongue)?;
            let errors = output::errors_path(&output);
            if errors.exists() || std::io::IsTerminal::is_terminal(&std::io::stderr()) {
                let facts = [
                    ("rows", counts.rows.to_string()),
                    ("grouped", counts.grouped.to_string()),
                    ("ambiguous", counts.ambiguous.to_string()),
                    ("ungrouped", counts.ungrouped.to_string()),
                    ("refused", counts.refused.to_string()),
                    ("repaired", counts.repaired.to_string()),
                ];
                let facts = facts.each_ref().map(|(name, text)| (*name, text.as_str()));
                eprintln!("yiti: {}", tongue.say("done.summary", &facts));
            }
            if errors.exists() {
                eprintln!("yiti: {}", tongue.say("done.errors", &[("file", &errors.display().to_string())]));
            }
            Ok(if counts.refused > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS })
        }
        Some(Command::Explain { scheme, common, input, id }) => {
            let scheme = common.schemes()?.load(&scheme)?;
            print!("{}", explain::explain(&scheme, &names, &input, &id, &tongue)?);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Compare { a, b, input, common, output, money }) => {
            let text = match input {
                Some(input) => {
                    let schemes = common.schemes()?;
                    let (first, second) = (schemes.load(&a)?, schemes.load(&b)?);
                    let prices = money.prices(common.packs.as_deref(), [&a, &b])?;
                    compare::schemes([&first, &second], &names, &input, output.as_deref(), &prices, &tongue)?
                }
                None => {
                    let prices = money.prices(common.packs.as_deref(), ["", ""])?;
                    compare::results([a.as_ref(), b.as_ref()], output.as_deref(), &prices, &tongue)?
                }
            };
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
    }
}
