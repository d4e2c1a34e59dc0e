//! The one binary: `yiti serve`, `yiti demo`, `yiti import`, `yiti group`, `yiti backup`, `yiti restore`,
//! `yiti journal verify`, `yiti check`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use yiti::demo::readings::Filled;
use yiti::site::{self, Options};
use yiti::{backup, definitions, demo, group, import};
use yiti_store::Store;

/// One body: the platform a hospital group runs on.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a group.
    Serve(Where),
    /// Fills a synthetic county anew and serves it.
    Demo {
        #[command(flatten)]
        at: Where,
        /// Keeps what an earlier demonstration left instead of filling it anew.
        #[arg(long)]
        keep: bool,
        /// Residents.
        #[arg(long, default_value_t = demo::Size::default().residents)]
        residents: usize,
        /// Readings of the past months.
        #[arg(long, default_value_t = demo::Size::default().readings)]
        readings: usize,
        /// Inpatient stays of the past year.
        #[arg(long, default_value_t = demo::Size::default().stays)]
        stays: usize,
        /// Fills and ends.
        #[arg(long)]
        fill_only: bool,
    },
    /// Takes in data from outside.
    Import {
        #[command(subcommand)]
        what: import::What,
    },
    /// Groups a table of inpatient stays by a DRG scheme.
    Group(Box<group::Arguments>),
    /// Copies everything into a folder, while the server runs or not.
    Backup(backup::Backup),
    /// Puts a backup back into an empty place, or tries with --drill whether it could be.
    Restore(backup::Restore),
    /// Works on the journal.
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Checks all definitions and ends.
    Check {
        /// The data folder, whose definitions overlay those of the product.
        #[arg(long)]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Checks every link of the journal; ends with 1 when one is broken.
    Verify(Data),
}

#[derive(Debug, Args)]
struct Data {
    /// The data folder.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// A PostgreSQL address instead of SQLite in the data folder.
    #[arg(long)]
    postgres: Option<String>,
}

#[derive(Debug, Args)]
struct Where {
    #[command(flatten)]
    data: Data,
    /// Where pages are served.
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where modalities connect.
    #[arg(long, default_value = "127.0.0.1:11112")]
    dicom: SocketAddr,
    /// The address people type; a plain http address only on this machine.
    #[arg(long)]
    base_url: Option<String>,
}

impl Where {
    fn options(&self) -> Options {
        let base_url = self.base_url.clone().unwrap_or_else(|| format!("http://{}", self.http));
        Options {
            folder: self.data.data.clone(),
            postgres: self.data.postgres.clone(),
            http: self.http,
            dicom: Some(self.dicom),
            base_url,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,yiti=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("yiti: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(at) => {
            let options = at.options();
            let (platform, definitions) = site::open(&options, site::system_clock()).await?;
            let app = site::app(&platform, &definitions, &options.base_url, Vec::new());
            site::serve(&options, platform, app, |address| println!("yiti: http://{address}")).await?;
        }
        Command::Demo { at, keep, residents, readings, stays, fill_only } => {
            return demonstrate(&at.options(), keep, demo::Size { residents, readings, stays }, fill_only).await;
        }
        Command::Import { what } => return import::run(what).await,
        Command::Backup(asked) => return backup::back_up(asked).await,
        Command::Restore(asked) => return backup::restore(asked).await,
        Command::Group(arguments) => return grouped(*arguments).await,
        Command::Journal { command: JournalCommand::Verify(data) } => return verify(&data).await,
        Command::Check { data } => {
            let overlay = data.map(|folder| folder.join("definitions"));
            if let Err(faults) = definitions::load(overlay.as_deref()) {
                for fault in &faults {
                    eprintln!("{fault}");
                }
                return Ok(ExitCode::FAILURE);
            }
            println!("all definitions are sound");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn demonstrate(options: &Options, keep: bool, size: demo::Size, fill_only: bool) -> anyhow::Result<ExitCode> {
    let marker = options.folder.join("demonstration");
    if !keep && options.folder.exists() {
        anyhow::ensure!(
            marker.exists() || std::fs::read_dir(&options.folder)?.next().is_none(),
            "`{}` holds no demonstration; it is left alone. Name another folder with --data",
            options.folder.display()
        );
        std::fs::remove_dir_all(&options.folder)?;
    }
    let is_new = !marker.exists();
    std::fs::create_dir_all(&options.folder)?;
    std::fs::write(&marker, "synthetic data; may be deleted\n")?;
    let (platform, mut definitions) = site::open(options, site::system_clock()).await?;
    let sign_ins = if is_new {
        eprintln!("filling a synthetic county ...");
        let filled = Filled(platform.now());
        let kit = platform.kit.clone().with(filled);
        definitions.kit = kit.clone();
        let filling = yiti_directory::Platform::new(
            platform.store.clone(),
            platform.clock.clone(),
            definitions.roles.clone(),
            kit,
        );
        let filling = Arc::new(filling.await?);
        let sign_ins = demo::fill(&filling, &definitions.limits, size).await?;
        platform.reload_tree().await?;
        sign_ins
    } else {
        demo::county::known_sign_ins(&platform).await?
    };
    if fill_only {
        platform.store.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = demo::plan()?;
    let app = site::app(&platform, &definitions, &options.base_url, demo::cards(&sign_ins));
    let base_url = options.base_url.clone();
    let dicom = options.dicom;
    let tree = platform.tree();
    site::serve(options, platform.clone(), app, move |_| {
        println!("\nyiti: {base_url}  (all people and institutions are synthetic)\n");
        println!("{:<10} {:<20} {:<22} name", "login", "password", "role");
        for sign_in in &sign_ins {
            let place = tree.short_name(sign_in.institution);
            println!("{:<10} {:<20} {:<22} {} ({place})", sign_in.login, plan.password, sign_in.role, sign_in.name);
        }
        if let Some(dicom) = dicom {
            println!("\nDICOM: {dicom}, AE titles YITI-QS (calling CT-QS, DX-QS), YITI-BH, YITI-ZYY ...");
        }
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// Groups on a thread of its own, so that an interruption can end it with nothing half-done left.
async fn grouped(arguments: group::Arguments) -> anyhow::Result<ExitCode> {
    let mut work = tokio::task::spawn_blocking(move || group::run(arguments));
    tokio::select! {
        code = &mut work => Ok(code?),
        _ = tokio::signal::ctrl_c() => {
            group::stop();
            Ok(work.await?)
        }
    }
}

async fn verify(data: &Data) -> anyhow::Result<ExitCode> {
    let settings =
        yiti_store::Settings { postgres: data.postgres.clone(), ..yiti_store::Settings::embedded(&data.data) };
    let store = Store::open(&settings, site::MIGRATIONS).await.context("the store does not open")?;
    let verdict = store.verify_journal().await?;
    store.close().await;
    println!("{} entries, head {}", verdict.entry_count, verdict.head);
    match verdict.broken {
        None => println!("the journal is whole"),
        Some(broken) => {
            println!("{broken}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
