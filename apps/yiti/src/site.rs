//! The running site: store, platform, pages, timers. One function opens it, one serves it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::watch;
use yiti_directory::{Actor, Platform};
use yiti_kernel::{Clock, SignedDuration, SystemClock, Timestamp};
use yiti_record::imaging;
use yiti_store::{Migration, Store};
use yiti_web::{App, Counts, Demo, Settings, Slice, Tally};

use crate::definitions::{self, Definitions};
use crate::home;

/// All tables of the product.
pub const MIGRATIONS: &[&[Migration]] = &[
    yiti_directory::MIGRATIONS,
    yiti_record::MIGRATIONS,
    yiti_clock::MIGRATIONS,
    yiti_flow::MIGRATIONS,
    yiti_measure::MIGRATIONS,
    yiti_diagnostics::MIGRATIONS,
    yiti_drg::MIGRATIONS,
    yiti_frontpage::MIGRATIONS,
];

/// How often the timers look for what has become due.
const TICK_EVERY: Duration = Duration::from_secs(5);
/// A clock that goes otherwise than time passes by more than this has jumped.
const JUMP_SECONDS_MAX: i64 = 30;
/// How long requests in progress may take when the process is asked to stop.
const STOP_SECONDS_MAX: u64 = 10;

/// What an operator says at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub folder: PathBuf,
    /// A PostgreSQL address instead of SQLite in the data folder.
    pub postgres: Option<String>,
    /// Where pages are served.
    pub http: SocketAddr,
    /// Where modalities connect; `None` for no DICOM.
    pub dicom: Option<SocketAddr>,
    /// The address people type.
    pub base_url: String,
}

/// Opens store and platform.
///
/// # Errors
/// Faults in definitions, each with its place, and whatever the store says.
pub async fn open(options: &Options, clock: Arc<dyn Clock>) -> anyhow::Result<(Arc<Platform>, Definitions)> {
    let overlay = options.folder.join("definitions");
    let definitions = definitions::load(Some(&overlay)).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{} faults in the definitions:\n{}", lines.len(), lines.join("\n"))
    })?;
    let settings =
        yiti_store::Settings { postgres: options.postgres.clone(), ..yiti_store::Settings::embedded(&options.folder) };
    let store = Store::open(&settings, MIGRATIONS).await.context("the store does not open")?;
    // Names that were kept before they had a searched form get it before anyone searches.
    while store.write(|tx| Box::pin(async move { imaging::fold_names(tx).await })).await? > 0 {}
    let platform = Platform::new(store, clock, definitions.roles.clone(), definitions.kit.clone()).await?;
    Ok((Arc::new(platform), definitions))
}

/// All areas of the site.
#[must_use]
pub fn slices() -> Vec<Slice> {
    vec![
        home::slice(),
        yiti_diagnostics::pages::slice(),
        yiti_drg::pages::slice(),
        yiti_frontpage::pages::slice(),
        yiti_administration::slice(),
        yiti_dicom::dicomweb::slice(),
    ]
}

/// The pages of a platform.
#[must_use]
pub fn app(platform: &Arc<Platform>, definitions: &Definitions, base_url: &str, demo: Vec<Demo>) -> App {
    let settings = Settings {
        base_url: base_url.to_owned(),
        demo,
        help_phone: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    App::new(platform.clone(), definitions.limits.clone(), settings, Arc::new(Waiting))
}

/// Counts tasks and notices for the head of every page.
struct Waiting;

impl Counts for Waiting {
    fn tally<'a>(
        &'a self,
        platform: &'a Platform,
        actor: &'a Actor,
    ) -> BoxFuture<'a, Result<Tally, yiti_store::Error>> {
        let who = (actor.person, actor.post, actor.scope, &actor.role);
        let kept = platform.store.kept(format!("{who:?}"), platform.now(), home::tally(platform, actor));
        Box::pin(async move { Ok(Tally::clone(&*kept.await?)) })
    }
}

/// Serves until `stop` becomes true or the process is asked to end.
///
/// # Errors
/// When an address cannot be bound, or when the writer stopped after a failed flush.
pub async fn serve(
    options: &Options,
    platform: Arc<Platform>,
    app: App,
    ready: impl FnOnce(SocketAddr) + Send,
) -> anyhow::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let http = TcpListener::bind(options.http).await.with_context(|| format!("address {} is taken", options.http))?;
    let address = http.local_addr()?;
    let mut slices = slices();
    if platform.tree().root().is_none() {
        let code = yiti_directory::code::<8>()?;
        println!("yiti: there is no group yet. Open {}/first-start; the start code is {code}", options.base_url);
        slices.push(yiti_administration::first_start(&code));
    }
    let router = yiti_web::router(app, slices);
    let mut running = tokio::task::JoinSet::new();
    running.spawn(timers(platform.clone(), stopping.clone()));
    if let Some(at) = options.dicom {
        let listener = TcpListener::bind(at).await.with_context(|| format!("address {at} is taken"))?;
        let edge = Arc::new(yiti_dicom::service::Edge::new(platform.clone()));
        let mut until = stopping.clone();
        running.spawn(async move {
            let stopped = async move { drop(until.wait_for(|stop| *stop).await) };
            let config = yiti_dicom::dimse::Config::default();
            if let Err(error) = yiti_dicom::dimse::serve(listener, edge, config, stopped).await {
                tracing::error!(%error, "the dicom server ended");
            }
        });
    }
    let mut until = stopping.clone();
    running.spawn(async move {
        let stopped = async move { drop(until.wait_for(|stop| *stop).await) };
        yiti_web::serve::serve(http, router, yiti_web::serve::Bounds::default(), stopped).await;
    });
    ready(address);
    let failed = tokio::select! {
        () = asked_to_end() => false,
        () = platform.store.stopped() => true,
    };
    stop.send_replace(true);
    let finish = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), finish).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
    platform.store.close().await;
    anyhow::ensure!(!failed, "the writer has stopped; start again after looking at disk and log");
    Ok(())
}

async fn asked_to_end() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(interrupt.await),
    }
}

/// Raises what has become due, and takes quiet studies as complete.
async fn timers(platform: Arc<Platform>, mut stopping: watch::Receiver<bool>) {
    let mut last = (platform.now(), Instant::now());
    loop {
        let here = (platform.now(), Instant::now());
        if let Err(error) = note_jump(&platform, last, here).await {
            tracing::error!(%error, "a jump of the clock could not be written down");
        }
        last = here;
        if let Err(error) = tick(&platform).await {
            tracing::error!(%error, "the timers could not run");
        }
        if let Err(error) = yiti_dicom::archive::sweep(&platform).await {
            tracing::error!(%error, "quiet studies could not be completed");
        }
        tokio::select! {
            () = tokio::time::sleep(TICK_EVERY) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Writes into the journal that the clock of the machine has jumped, when it went otherwise than time passed: what was
/// stamped before and after cannot be compared, and deadlines may have been missed or raised by the jump alone.
async fn note_jump(
    platform: &Platform,
    before: (Timestamp, Instant),
    now: (Timestamp, Instant),
) -> Result<(), yiti_store::Error> {
    let jump = jump_seconds(now.0.duration_since(before.0), now.1.duration_since(before.1));
    let tree = platform.tree();
    let (Some(root), true) = (tree.root(), jump.abs() > JUMP_SECONDS_MAX) else { return Ok(()) };
    tracing::error!(seconds = jump, "the clock of this machine has jumped");
    let system = Arc::new(Actor::system("timer", root.id, root.scope, &[]));
    let act = platform.act(&system, move |cx| {
        Box::pin(async move {
            cx.journal("system.clock_jump", ("system", None), None, serde_json::json!({ "seconds": jump })).await
        })
    });
    act.await
}

/// By how many seconds the clock went on (or back) otherwise than time passed.
fn jump_seconds(clock: SignedDuration, passed: Duration) -> i64 {
    clock.as_secs() - i64::try_from(passed.as_secs()).unwrap_or(i64::MAX)
}

/// One round of the timers.
///
/// # Errors
/// Whatever the store says.
pub async fn tick(platform: &Arc<Platform>) -> Result<(), yiti_diagnostics::Error> {
    let tree = platform.tree();
    let Some(root) = tree.root() else { return Ok(()) };
    let system = Arc::new(Actor::system("timer", root.id, root.scope, &[]));
    loop {
        let tick = platform
            .act(&system, |cx| {
                Box::pin(async move {
                    let tick = yiti_clock::store::tick(cx.tx, cx.now).await?;
                    for raised in &tick.raised {
                        yiti_diagnostics::actions::raised(cx, raised).await?;
                    }
                    Ok::<_, yiti_diagnostics::Error>(tick)
                })
            })
            .await?;
        if tick.done() {
            break;
        }
    }
    Ok(())
}

/// The clock of the machine, for the binary.
#[must_use]
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_as_time_passes_has_not_jumped() {
        let (second, hour) = (Duration::from_secs(5), SignedDuration::from_hours(1));
        assert_eq!(jump_seconds(SignedDuration::from_secs(5), second), 0);
        assert_eq!(jump_seconds(SignedDuration::from_secs(5) + hour, second), 3_600);
        assert_eq!(jump_seconds(SignedDuration::from_secs(5) - hour, second), -3_600);
    }
}
