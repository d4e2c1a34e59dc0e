//! `yiti backup` and `yiti restore`, and the drill: a restore into a place of its own that reads everything, and leaves a
//! record beside the backup.
//!
//! The format stands in `engines/store/src/backup.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use yiti_kernel::{Clock as _, SystemClock, time};
use yiti_store::backup::{self, Manifest};
use yiti_store::{Digest, Settings, Store, args, sql};

use crate::definitions;
use crate::site::MIGRATIONS;

/// Where a backup comes from and goes to.
#[derive(Debug, Args)]
pub struct Backup {
    /// The data folder; its server may run meanwhile.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// The PostgreSQL address, when rows are not in the data folder.
    #[arg(long)]
    postgres: Option<String>,
    /// The folder to be made; it appears when the backup is whole.
    #[arg(long)]
    to: PathBuf,
}

/// Which backup is put back, and where.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup.
    #[arg(long)]
    from: PathBuf,
    /// The data folder to be made.
    #[arg(long, required_unless_present = "drill")]
    data: Option<PathBuf>,
    /// An empty PostgreSQL database that takes the rows.
    #[arg(long, conflicts_with = "drill")]
    postgres: Option<String>,
    /// Restores into a place of its own, reads everything, removes it and leaves a record beside the backup.
    #[arg(long, conflicts_with = "data")]
    drill: bool,
}

fn told(manifest: &Manifest) -> String {
    format!(
        "{} tables with {} rows, {} files, {} MB; journal of {} entries",
        manifest.tables.len(),
        manifest.row_count(),
        manifest.files.len(),
        manifest.byte_count().div_ceil(1_000_000),
        manifest.journal_count,
    )
}

/// The digest that stands for the whole backup, since the manifest names the digest of every file.
fn seal(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("manifest.json");
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(Digest::of(&bytes).to_string())
}

/// Makes a backup.
///
/// # Errors
/// What the store says, with the file it concerns.
pub async fn back_up(asked: Backup) -> anyhow::Result<ExitCode> {
    let settings = Settings { postgres: asked.postgres, ..Settings::embedded(asked.data) };
    let manifest = backup::back_up(&settings, &asked.to, SystemClock.now()).await?;
    println!("{}: {}", asked.to.display(), told(&manifest));
    println!("manifest {}", seal(&asked.to)?);
    Ok(ExitCode::SUCCESS)
}

/// Puts a backup back, or tries whether it could be.
///
/// # Errors
/// What the store says, with the file it concerns.
pub async fn restore(asked: Restore) -> anyhow::Result<ExitCode> {
    if asked.drill {
        return drill(&asked.from).await;
    }
    let folder = asked.data.context("name the data folder with --data")?;
    let settings = Settings { postgres: asked.postgres, ..Settings::embedded(&folder) };
    let (manifest, verdict) = backup::restore(&asked.from, &settings, MIGRATIONS).await?;
    println!("{}: {}", folder.display(), told(&manifest));
    match verdict.broken {
        None => println!("the journal is whole; its head is {}", verdict.head),
        Some(broken) => {
            println!("{broken}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn drill(from: &Path) -> anyhow::Result<ExitCode> {
    let (began, started) = (SystemClock.now(), Instant::now());
    let mut place = from.as_os_str().to_owned();
    place.push(".drill");
    let place = PathBuf::from(place);
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
    }
    let done = read_all(from, &place).await;
    drop(std::fs::remove_dir_all(&place));
    let (manifest, blob_count, verdict) = done?;
    let is_whole = verdict.broken.is_none();
    let record = json!({
        "backup": from.display().to_string(),
        "manifest": seal(from)?,
        "made_at": manifest.made_at,
        "began_at": began,
        "seconds": started.elapsed().as_secs(),
        "rows": manifest.row_count(),
        "pictures_and_texts_read": blob_count,
        "journal_entries": verdict.entry_count,
        "journal": verdict.broken.map_or_else(|| "whole".to_owned(), |broken| broken.to_string()),
        "program": env!("CARGO_PKG_VERSION"),
    });
    let stamp = time::civil(began).strftime("%Y%m%d-%H%M%S").to_string();
    let mut path = from.as_os_str().to_owned();
    path.push(format!(".drill-{stamp}.json"));
    std::fs::write(&path, format!("{record:#}\n")).with_context(|| path.to_string_lossy().into_owned())?;
    println!("{record:#}");
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Restores into `place` and reads what nothing else reads: every blob with its digest, and the definitions.
async fn read_all(from: &Path, place: &Path) -> anyhow::Result<(Manifest, usize, yiti_store::journal::Verdict)> {
    let settings = Settings::embedded(place);
    let (manifest, verdict) = backup::restore(from, &settings, MIGRATIONS).await?;
    if let Err(faults) = definitions::load(Some(&place.join("definitions"))) {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::bail!("the restored definitions have faults:\n{}", faults.join("\n"));
    }
    let store = Store::open(&settings, MIGRATIONS).await?;
    let digests = store.read().await?.rows(sql!("select digest from blob order by segment, start"), args![]).await?;
    for row in &digests {
        let digest: Digest = row.get("digest")?;
        store.blob(digest).await.with_context(|| format!("blob {digest}"))?;
    }
    store.close().await;
    Ok((manifest, digests.len(), verdict))
}
