//! The act of grouping and pricing a period anew: begun by a person, worked on beside the pages, seen while it runs,
//! stopped when asked. The one writer gets less than twice [`STAYS_PER_PORTION`] lines at a time.
//!
//! A stay that is corrected while the comparison runs is compared as it was read; its version stands in its line.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::json;
use yiti_directory::{Actor, Cx, Forbidden, InstitutionId, Platform, Scope};
use yiti_kernel::{Date, Uuid};
use yiti_record::front_page::{self, Cursor, FrontPage, FrontPageId, Status};
use yiti_store::{Digest, Error as StoreError, Reader};

use crate::regroup::{self, Target, Totals};
use crate::settings::Definitions;
use crate::store::{self as stays, StayRow};
use crate::store_regroup::{self as store, Progress, RegroupRunId, RunRow};

/// Stays that are read, compared and kept at a time.
pub const STAYS_PER_PORTION: u32 = 500;
/// The longest period, in days.
pub const DAYS_MAX: i32 = 1_830;

/// This process. A comparison that runs for another one was interrupted.
static PROCESS: LazyLock<Uuid> = LazyLock::new(yiti_kernel::fresh);

/// The identifier under which this process works.
#[must_use]
pub fn process() -> Uuid {
    *PROCESS
}

/// Why a comparison was not begun or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed, or not there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Another comparison runs.
    #[error("comparison {0} runs")]
    Busy(RegroupRunId),
    /// There is no such scheme.
    #[error("there is no scheme `{0}`")]
    NoScheme(String),
    /// There is no such tariff, or it groups by another scheme.
    #[error("there is no tariff `{pack}` of the scheme `{scheme}`")]
    NoPack {
        /// The tariff.
        pack: String,
        /// The scheme.
        scheme: String,
    },
    /// The days are none, or too many.
    #[error("the period is empty or longer than {DAYS_MAX} days")]
    Period,
    /// There is no final stay in the period.
    #[error("no final stay lies in the period")]
    Nothing,
    /// It does not run.
    #[error("the comparison does not run")]
    NotRunning,
    /// The grouper could not take a record.
    #[error("grouping: {0}")]
    Grouping(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The key of its text in `locales/`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "regroup_error.forbidden",
            Self::Busy(_) => "regroup_error.busy",
            Self::NoScheme(_) => "regroup_error.no_scheme",
            Self::NoPack { .. } => "regroup_error.no_pack",
            Self::Period => "regroup_error.period",
            Self::Nothing => "regroup_error.nothing",
            Self::NotRunning => "regroup_error.not_running",
            Self::Grouping(_) => "regroup_error.grouping",
            Self::Store(_) => "regroup_error.store",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Order {
    /// The identifier that the comparison gets.
    pub id: RegroupRunId,
    /// The node.
    pub institution: InstitutionId,
    /// First day of discharge.
    pub from_on: Date,
    /// Last day of discharge.
    pub until_on: Date,
    /// The scheme.
    pub scheme: String,
    /// The tariff; empty to compare groups only.
    pub pack: String,
}

/// What an order or a run names, found among the definitions.
fn target<'d>(definitions: &'d Definitions, scheme: &str, pack: &str) -> Result<Target<'d>, Error> {
    let found = definitions.schemes.get(scheme).ok_or_else(|| Error::NoScheme(scheme.to_owned()))?;
    let none = || Error::NoPack { pack: pack.to_owned(), scheme: scheme.to_owned() };
    let pack = match pack {
        "" => None,
        id => Some(definitions.pack(id).filter(|pack| pack.scheme() == scheme).ok_or_else(none)?),
    };
    Ok(Target { scheme: found, pack })
}

/// Begins a comparison; [`work`] does it.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::Busy`], [`Error::NoScheme`], [`Error::NoPack`], [`Error::Period`], [`Error::Nothing`].
pub async fn begin(cx: &mut Cx<'_>, order: Order) -> Result<RunRow, Error> {
    cx.allow("drg.regroup", order.institution)?;
    if let Some(id) = store::running(cx.tx, process()).await? {
        return Err(Error::Busy(id));
    }
    let days = order.until_on.since(order.from_on).map(|span| span.get_days());
    if days.is_err() || days.is_ok_and(|days| !(0..DAYS_MAX).contains(&days)) {
        return Err(Error::Period);
    }
    let definitions: Arc<Definitions> = cx.kit.get();
    let target = target(&definitions, &order.scheme, &order.pack)?;
    let scope = cx.tree.get(order.institution).ok_or(StoreError::NotFound)?.scope;
    let stay_count = store::stay_count(cx.tx, scope, (order.from_on, order.until_on)).await?;
    if stay_count == 0 {
        return Err(Error::Nothing);
    }
    let run = RunRow {
        id: order.id,
        institution: order.institution,
        from_on: order.from_on,
        until_on: order.until_on,
        scheme_hash: target.scheme.hash().to_string(),
        pack_hash: target.pack.map_or_else(String::new, |pack| pack.hash().to_string()),
        scheme: order.scheme,
        pack: order.pack,
        progress: Progress::Running,
        stay_count,
        done_count: 0,
        changed_count: 0,
        totals: Totals::default(),
        hash: String::new(),
        started_by: cx.person("drg.regroup")?,
        started_name: cx.actor.name.clone(),
        started_at: cx.now,
        ended_at: None,
    };
    store::add_run(cx.tx, &run, process()).await?;
    let detail = json!({
        "from": run.from_on.to_string(),
        "until": run.until_on.to_string(),
        "scheme": run.scheme,
        "pack": run.pack,
        "stays": run.stay_count,
    });
    cx.journal("drg.regroup", ("drg_regroup_run", Some(run.id.0)), None, detail).await?;
    Ok(run)
}

/// Stops a comparison. What it found so far stays.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::NotRunning`].
pub async fn cancel(cx: &mut Cx<'_>, id: RegroupRunId) -> Result<(), Error> {
    let run = store::run(cx.tx, cx.actor.scope, process(), id).await?;
    cx.allow("drg.regroup", run.institution)?;
    if !matches!(run.progress, Progress::Running | Progress::Interrupted) {
        return Err(Error::NotRunning);
    }
    store::end(cx.tx, id, Progress::Cancelled, "", cx.now).await?;
    let detail = json!({ "done": run.done_count });
    cx.journal("drg.regroup.cancel", ("drg_regroup_run", Some(id.0)), None, detail).await?;
    Ok(())
}

/// Works on a comparison until it is done, stopped or fails, which its row then says.
pub async fn work(platform: Arc<Platform>, actor: Arc<Actor>, run: RunRow) {
    let id = run.id;
    let failed = match portions(&platform, &actor, &run).await {
        Ok(()) => return,
        Err(error) => error,
    };
    tracing::error!(error = %failed, comparison = %id, "a comparison failed");
    let ended = platform
        .act(&actor, move |cx| Box::pin(async move { store::end(cx.tx, id, Progress::Failed, "", cx.now).await }));
    if let Err(error) = ended.await {
        tracing::error!(%error, comparison = %id, "that a comparison failed could not be kept");
    }
}

async fn portions(platform: &Platform, actor: &Arc<Actor>, run: &RunRow) -> Result<(), Error> {
    let tree = platform.tree();
    let scope = tree.get(run.institution).ok_or(StoreError::NotFound)?.scope;
    let definitions = platform.kit.get::<Definitions>();
    let about = [run.scheme_hash.clone(), run.pack_hash.clone(), run.from_on.to_string(), run.until_on.to_string()];
    let mut hash = Digest::of(about.join("\t").as_bytes()).to_string();
    let mut totals = Totals::default();
    let mut walk = Walk { day: run.from_on, until: run.until_on, after: None };
    loop {
        let portion = walk.next(&mut platform.store.read().await?, scope).await?;
        if portion.is_empty() {
            break;
        }
        let work = {
            let (definitions, tree) = (definitions.clone(), tree.clone());
            let (scheme, pack) = (run.scheme.clone(), run.pack.clone());
            move || {
                let target = target(&definitions, &scheme, &pack)?;
                regroup::compare(&portion, target, &definitions, &tree).map_err(|why| Error::Grouping(why.to_string()))
            }
        };
        let compared = tokio::task::spawn_blocking(work).await.map_err(|why| Error::Grouping(why.to_string()))?;
        let (part, lines) = compared?;
        let place = totals.changed();
        totals.plus(&part);
        hash = lines.iter().fold(hash, |hash, line| line.chained(&hash));
        let (id, so_far) = (run.id, totals.clone());
        let goes_on = platform.act(actor, move |cx| {
            Box::pin(async move { store::advance(cx.tx, (id, process()), &so_far, (place, &lines)).await })
        });
        if !goes_on.await? {
            return Ok(());
        }
    }
    let id = run.id;
    let ended = platform
        .act(actor, move |cx| Box::pin(async move { store::end(cx.tx, id, Progress::Done, &hash, cx.now).await }));
    match ended.await {
        // Stopped at the very end.
        Err(StoreError::Stale) => Ok(()),
        other => Ok(other?),
    }
}

/// Where reading stands: day by day, so that no reading sorts more than a day.
struct Walk {
    day: Date,
    until: Date,
    after: Option<Cursor>,
}

impl Walk {
    /// The next stays with their pages: [`STAYS_PER_PORTION`] or a few more, none at the end.
    async fn next(&mut self, reader: &mut Reader, scope: Scope) -> Result<Vec<(StayRow, FrontPage)>, StoreError> {
        let enough = STAYS_PER_PORTION as usize;
        let mut portion = Vec::new();
        while portion.len() < enough && self.day <= self.until {
            let filter = front_page::Filter {
                status: Some(Status::Final),
                from: Some(self.day),
                until: Some(self.day),
                ..front_page::Filter::default()
            };
            let pages = front_page::read_many(reader, scope, &filter, self.after.as_ref(), STAYS_PER_PORTION).await?;
            // Within a day the last identifier comes first.
            let ids = pages.first().zip(pages.last()).map(|((first, _), (last, _))| (last.id, first.id));
            self.after = pages.last().map(|(last, _)| last.cursor()).filter(|_| pages.len() >= enough);
            if let Some(ids) = ids {
                with_rows(reader, scope, (self.day, ids), pages, &mut portion).await?;
            }
            if self.after.is_none() {
                let Ok(next) = self.day.tomorrow() else { break };
                self.day = next;
            }
        }
        Ok(portion)
    }
}

/// Puts pages of a day together with their rows.
async fn with_rows(
    reader: &mut Reader,
    scope: Scope,
    (day, ids): (Date, (FrontPageId, FrontPageId)),
    pages: Vec<(front_page::Listed, FrontPage)>,
    portion: &mut Vec<(StayRow, FrontPage)>,
) -> Result<(), StoreError> {
    let rows = stays::finals_of_day(reader, scope, day, ids).await?;
    let mut rows: HashMap<FrontPageId, StayRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    for (listed, mut page) in pages {
        // A page without a row of its own was saved before grouping came.
        let Some(row) = rows.remove(&listed.id) else { continue };
        if row.version != listed.version {
            page = front_page::version(reader, scope, listed.id, row.version).await?.page;
        }
        portion.push((row, page));
    }
    Ok(())
}
