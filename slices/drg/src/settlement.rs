//! Acts on settled months and cleared years: prepare, freeze, discard. What is heavy is worked out before the act; the one
//! writer gets lines in portions of [`LINES_PER_ACT`].
//!
//! INVARIANT: a frozen run never changes: its lines are written before it becomes a draft, no act takes it out of `frozen`,
//! and its canonical text is read from the blob of its digest.

use std::sync::Arc;

use drg_payment::{
    Clearing, ClearingTerms, Delta, Difference, Exact, Fen as PackFen, InstitutionYear, Insurance, Month, Run,
    SettlementFault, clear_points, clear_rates, year_of,
};
use serde_json::json;
use yiti_directory::{Actor, Cx, Forbidden, InstitutionId, Platform, Tree};
use yiti_kernel::{Fen, time};
use yiti_record::document::canonical;
use yiti_record::front_page::{self, Status};
use yiti_store::{Digest, Error as StoreError, NewBlob, Reader};

use crate::actions::TOPIC;
use crate::settings::Definitions;
use crate::settle::{self, FinalPage, Prepared, Rules};
use crate::store_settlement::{self as store, By, ClearingId, ClearingRow, RunRow, RunStatus, SettlementRunId};

/// Lines that one act writes.
pub const LINES_PER_ACT: usize = 500;
/// Final pages that one reading brings.
const PAGES_PER_READING: u32 = 500;
/// Characters of a note.
pub const NOTE_LENGTH_MAX: usize = 500;

/// Why a run or a clearing was not made, frozen or discarded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed, or not there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The month is not over.
    #[error("the month {month} is not over")]
    NotOver {
        /// The month or year.
        month: String,
    },
    /// No final page of the month has a price.
    #[error("no final stay of {month} is paid by this insurance")]
    Nothing {
        /// The month.
        month: String,
    },
    /// The rules refuse the sums.
    #[error(transparent)]
    Settlement(#[from] SettlementFault),
    /// It is frozen or discarded already, or its lines are not complete.
    #[error("the run is `{status}`", status = .status.key())]
    NotDraft {
        /// Where it stands.
        status: RunStatus,
    },
    /// Someone else has to freeze it.
    #[error("who prepared it does not freeze it")]
    SamePerson,
    /// Stays of the run are settled by a frozen run of another node, above or below.
    #[error("run {number} of {month} of `{institution}` holds stays of this one")]
    Held {
        /// The node's short name.
        institution: String,
        /// The month.
        month: String,
        /// The run's number in its month.
        number: u32,
    },
    /// Another run of the month was frozen since.
    #[error("another run of the month was frozen since this one was prepared")]
    Overtaken,
    /// No month of the year is frozen.
    #[error("no month of {year} is frozen")]
    NoMonths {
        /// The year.
        year: u16,
    },
    /// Months were priced by methods that are not cleared alike.
    #[error("the months were priced by `{one}` and `{other}`")]
    Methods {
        /// One method.
        one: String,
        /// Another.
        other: String,
    },
    /// The canonical text is not what the run says.
    #[error("the canonical text of run {run} is not what its row says: {why}")]
    Changed {
        /// The run.
        run: SettlementRunId,
        /// What differs.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The key of its text in `locales/`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "settlement_error.forbidden",
            Self::NotOver { .. } => "settlement_error.not_over",
            Self::Nothing { .. } => "settlement_error.nothing",
            Self::Settlement(_) => "settlement_error.settlement",
            Self::NotDraft { .. } => "settlement_error.not_draft",
            Self::SamePerson => "settlement_error.same_person",
            Self::Held { .. } => "settlement_error.held",
            Self::Overtaken => "settlement_error.overtaken",
            Self::NoMonths { .. } => "settlement_error.no_months",
            Self::Methods { .. } => "settlement_error.methods",
            Self::Changed { .. } => "settlement_error.changed",
            Self::Store(_) => "settlement_error.store",
        }
    }
}

/// What is to be settled.
#[derive(Debug, Clone)]
pub struct Order {
    /// The identifier that the run gets.
    pub id: SettlementRunId,
    /// The node.
    pub institution: InstitutionId,
    /// The month.
    pub month: Month,
    /// The insurance.
    pub insurance: Insurance,
    /// What is noted with it.
    pub note: String,
}

/// The final pages of a month at a node and below, read in portions.
///
/// # Errors
/// Whatever the store says.
pub async fn final_pages(
    reader: &mut Reader,
    tree: &Tree,
    institution: InstitutionId,
    month: Month,
) -> Result<Vec<FinalPage>, StoreError> {
    let scope = tree.get(institution).ok_or(StoreError::NotFound)?.scope;
    let Some((from, until)) = settle::month_days(month) else { return Ok(Vec::new()) };
    let mut pages = Vec::new();
    let mut day = Some(from).filter(|from| *from <= until);
    // Day by day, so that no reading sorts more than a day.
    while let Some(on) = day {
        let filter = front_page::Filter {
            status: Some(Status::Final),
            from: Some(on),
            until: Some(on),
            ..front_page::Filter::default()
        };
        let mut after = None;
        loop {
            let read = front_page::read_many(reader, scope, &filter, after.as_ref(), PAGES_PER_READING).await?;
            let Some((last, _)) = read.last() else { break };
            after = Some(last.cursor());
            pages.extend(read.into_iter().map(|(listed, page)| FinalPage {
                id: listed.id,
                version: listed.version,
                institution: listed.institution,
                page,
            }));
        }
        day = on.tomorrow().ok().filter(|next| *next <= until);
    }
    Ok(pages)
}

/// Works a month out, away from the writer.
///
/// # Errors
/// [`Error::NotOver`], [`Error::Nothing`], [`Error::Settlement`], or whatever the store says.
pub async fn work_out(platform: &Platform, order: &Order) -> Result<Prepared, Error> {
    let last = settle::month_days(order.month).map(|(_, last)| last);
    if last.is_none_or(|last| last >= time::day(platform.now())) {
        return Err(Error::NotOver { month: order.month.to_string() });
    }
    let tree = platform.tree();
    let pages = final_pages(&mut platform.store.read().await?, &tree, order.institution, order.month).await?;
    let (definitions, rules) = (platform.kit.get::<Definitions>(), platform.kit.get::<Rules>());
    let (month, insurance) = (order.month, order.insurance);
    let worked =
        tokio::task::spawn_blocking(move || settle::prepare(month, insurance, &pages, (&definitions, &rules), &tree));
    let prepared = worked.await.map_err(|why| failed(&why))??;
    if prepared.stays.is_empty() {
        return Err(Error::Nothing { month: month.to_string() });
    }
    Ok(prepared)
}

fn failed(why: &tokio::task::JoinError) -> StoreError {
    StoreError::Corrupt { what: "settlement", why: why.to_string() }
}

/// Keeps the head of a run; its lines follow ([`keep`]).
///
/// # Errors
/// [`Error::Forbidden`], or whatever the store says.
pub async fn begin(cx: &mut Cx<'_>, order: Order, prepared: &Prepared) -> Result<(), Error> {
    cx.allow("drg.settle", order.institution)?;
    let (month, insurance) = (order.month.to_string(), order.insurance.key());
    let (number, previous) = store::before(cx.tx, (order.institution, &month, insurance)).await?;
    let row = RunRow {
        id: order.id,
        institution: order.institution,
        month,
        insurance: insurance.to_owned(),
        number,
        status: RunStatus::Preparing,
        previous,
        prepaid_share: prepared.run.prepaid_share().to_string(),
        rules: prepared.rules.clone(),
        left_count: u32::try_from(prepared.left_count()).unwrap_or(u32::MAX),
        sums: prepared.totals,
        text: Digest::of(prepared.frozen.text.as_bytes()),
        inputs_hash: prepared.frozen.inputs.to_string(),
        hash: prepared.frozen.hash.to_string(),
        note: order.note,
        prepared: acting(cx, "drg.settle")?,
        frozen: None,
    };
    store::add_run(cx.tx, &row).await?;
    let detail = json!({
        "month": row.month,
        "insurance": row.insurance,
        "number": row.number,
        "cases": row.sums.cases,
        "left_out": row.left_count,
        "hash": row.hash,
    });
    cx.journal("drg.settle", ("drg_settlement_run", Some(row.id.0)), None, detail).await?;
    cx.announce(TOPIC, row.institution);
    Ok(())
}

fn acting(cx: &Cx<'_>, permission: &'static str) -> Result<By, Forbidden> {
    Ok(By { person: cx.person(permission)?, name: cx.actor.name.clone(), at: cx.now })
}

/// Writes the lines of a run that was begun, in portions, and makes it a draft together with its canonical text.
///
/// # Errors
/// [`Error::NotDraft`] when someone discarded it meanwhile, or whatever the store says.
pub async fn keep(
    platform: &Platform,
    actor: &Arc<Actor>,
    id: SettlementRunId,
    prepared: Prepared,
) -> Result<(), Error> {
    let text = NewBlob::new(prepared.frozen.text.into_bytes().into());
    for portion in prepared.stays.chunks(LINES_PER_ACT) {
        let portion = portion.to_vec();
        platform
            .act(actor, move |cx| {
                Box::pin(async move {
                    let kept = store::add_lines(cx.tx, id, &portion).await?;
                    let is_whole = u64::try_from(portion.len()).is_ok_and(|count| count == kept);
                    if is_whole { Ok(()) } else { Err(Error::NotDraft { status: RunStatus::Discarded }) }
                })
            })
            .await?;
    }
    platform
        .act_at(platform.now(), actor, vec![text], move |cx| {
            Box::pin(async move {
                let row = store::run(cx.tx, cx.actor.scope, id).await?;
                cx.allow("drg.settle", row.institution)?;
                store::complete(cx.tx, id).await?;
                cx.announce(TOPIC, row.institution);
                Ok::<_, Error>(())
            })
        })
        .await
}

/// Prepares a month from beginning to end: for timers, tests and the demonstration. Pages use [`work_out`], [`begin`] and
/// [`keep`], so that a form that is sent again does nothing twice.
///
/// # Errors
/// As those.
pub async fn prepare(platform: &Platform, actor: &Arc<Actor>, order: Order) -> Result<SettlementRunId, Error> {
    let prepared = work_out(platform, &order).await?;
    let (id, head) = (order.id, prepared.clone());
    platform.act(actor, move |cx| Box::pin(async move { begin(cx, order, &head).await })).await?;
    keep(platform, actor, id, prepared).await?;
    Ok(id)
}

/// Reads a run's canonical text, settles it again from its inputs and compares it with the row.
///
/// # Errors
/// [`Error::Changed`] when anything differs.
pub async fn thawed(platform: &Platform, row: &RunRow) -> Result<Run, Error> {
    let bytes = platform.store.blob(row.text).await?;
    let (id, hash, sums) = (row.id, row.hash.clone(), row.sums);
    let changed = move |why: String| Error::Changed { run: id, why };
    let work = move || -> Result<Run, String> {
        let text = std::str::from_utf8(&bytes).map_err(|why| why.to_string())?;
        let file = drg_payment::File { name: "run", text };
        let run = Run::thawed(file).map_err(|why| why.to_string())?;
        if run.frozen().hash.to_string() != hash {
            return Err("another hash".into());
        }
        let totals = run.totals(drg_payment::By::default()).map_err(|why| why.to_string())?;
        let total = totals.into_values().next().unwrap_or_default();
        if (drg_payment::Sums { reviews: 0, ..total }) != sums {
            return Err("other sums".into());
        }
        Ok(run)
    };
    let thawed = tokio::task::spawn_blocking(work).await.map_err(|why| failed(&why))?;
    thawed.map_err(changed)
}

/// What changed from the run before, as a list and as amounts.
#[derive(Debug, Clone)]
pub struct Correction {
    /// The run before.
    pub previous: RunRow,
    /// Cases added, removed and changed.
    pub difference: Difference,
    /// What has to be added to the run before.
    pub delta: Delta,
    /// The sums of the delta.
    pub sums: drg_payment::Sums,
    /// Whether the run before and the delta give this run, institution by institution and group by group.
    pub adds_up: bool,
}

/// The difference of a run from the frozen one that it corrects; `None` for a first run.
///
/// # Errors
/// [`Error::Changed`], [`Error::Settlement`], or whatever the store says.
pub async fn correction(platform: &Platform, actor: &Actor, row: &RunRow) -> Result<Option<Correction>, Error> {
    let Some(previous) = row.previous else { return Ok(None) };
    let previous = store::run(&mut platform.store.read().await?, actor.scope, previous).await?;
    let (before, after) = (thawed(platform, &previous).await?, thawed(platform, row).await?);
    let work = move || -> Result<Correction, SettlementFault> {
        let difference = Difference::between(&before, &after)?;
        let delta = Delta::between(&before, &after)?;
        let by = drg_payment::By { institution: true, insurance: true, drg: true };
        let adds_up = delta.onto(&before, by)? == after.totals(by)?;
        let sums = delta.totals(drg_payment::By::default())?.into_values().next().unwrap_or_default();
        Ok(Correction { previous, difference, delta, sums, adds_up })
    };
    Ok(Some(tokio::task::spawn_blocking(work).await.map_err(|why| failed(&why))??))
}

/// Freezes a draft. The canonical text was checked before ([`thawed`]).
///
/// # Errors
/// [`Error::Forbidden`], [`Error::NotDraft`], [`Error::SamePerson`], [`Error::Overtaken`], [`Error::Held`].
pub async fn freeze(cx: &mut Cx<'_>, id: SettlementRunId) -> Result<(), Error> {
    let row = store::run(cx.tx, cx.actor.scope, id).await?;
    cx.allow("drg.freeze", row.institution)?;
    if row.status != RunStatus::Draft {
        return Err(Error::NotDraft { status: row.status });
    }
    let by = acting(cx, "drg.freeze")?;
    if cx.kit.get::<Rules>().freeze_by_other && by.person == row.prepared.person {
        return Err(Error::SamePerson);
    }
    let (_, newest) = store::before(cx.tx, (row.institution, &row.month, &row.insurance)).await?;
    if newest != row.previous {
        return Err(Error::Overtaken);
    }
    // A stay is paid once: the group's run and a member's run of one month have the same stays.
    if let Some((institution, number)) = store::holder(cx.tx, &row).await? {
        return Err(Error::Held { institution, month: row.month, number });
    }
    store::freeze(cx.tx, id, &by).await?;
    let detail = json!({ "month": row.month, "insurance": row.insurance, "number": row.number, "hash": row.hash });
    cx.journal("drg.freeze", ("drg_settlement_run", Some(id.0)), None, detail).await?;
    cx.announce(TOPIC, row.institution);
    Ok(())
}

/// Gives a run up that is not frozen.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::NotDraft`].
pub async fn discard(cx: &mut Cx<'_>, id: SettlementRunId) -> Result<(), Error> {
    let row = store::run(cx.tx, cx.actor.scope, id).await?;
    cx.allow("drg.settle", row.institution)?;
    if !matches!(row.status, RunStatus::Preparing | RunStatus::Draft) {
        return Err(Error::NotDraft { status: row.status });
    }
    store::discard(cx.tx, id).await?;
    let detail = json!({ "month": row.month, "insurance": row.insurance, "number": row.number });
    cx.journal("drg.settle.discard", ("drg_settlement_run", Some(id.0)), None, detail).await?;
    cx.announce(TOPIC, row.institution);
    Ok(())
}

/// What a year is cleared with.
#[derive(Debug, Clone)]
pub struct YearOrder {
    /// The identifier that the clearing gets.
    pub id: ClearingId,
    /// The node.
    pub institution: InstitutionId,
    /// The year.
    pub year: u16,
    /// The insurance.
    pub insurance: Insurance,
    /// The fund's budget.
    pub budget: Fen,
    /// The shares.
    pub terms: ClearingTerms,
    /// What is noted with it.
    pub note: String,
}

/// A year that was worked out and not yet kept.
#[derive(Debug, Clone)]
pub struct YearPrepared {
    /// `points` or `rates`.
    pub method: &'static str,
    /// The institutions' sums over the months.
    pub years: Vec<InstitutionYear>,
    /// The result.
    pub clearing: Clearing,
    /// The frozen months.
    pub months: Vec<RunRow>,
}

/// Clears a year over the newest frozen run of each of its months, away from the writer.
///
/// # Errors
/// [`Error::NoMonths`], [`Error::Methods`], [`Error::Settlement`], [`Error::Changed`], or whatever the store says.
pub async fn work_out_year(platform: &Platform, order: &YearOrder) -> Result<YearPrepared, Error> {
    let key = (order.institution, order.year, order.insurance.key());
    let months = store::frozen_months(&mut platform.store.read().await?, key).await?;
    if months.is_empty() {
        return Err(Error::NoMonths { year: order.year });
    }
    let method = method_of(&months)?;
    let mut runs = Vec::new();
    for month in &months {
        runs.push(thawed(platform, month).await?);
    }
    let years = year_of(&runs, order.insurance)?;
    let budget = PackFen(order.budget.0);
    let clearing = match method {
        "points" => clear_points(budget, &order.terms, &years)?,
        _ => clear_rates(budget, &order.terms, &years)?,
    };
    Ok(YearPrepared { method, years, clearing, months })
}

/// How months are cleared: by points when every case was priced by points, by rates when none was.
///
/// # Errors
/// [`Error::Methods`] for months of both.
pub fn method_of(months: &[RunRow]) -> Result<&'static str, Error> {
    let mut methods: Vec<&str> =
        months.iter().flat_map(|month| &month.rules).map(|rule| rule.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    match (methods.contains(&"points"), methods.iter().find(|method| **method != "points")) {
        (true, Some(other)) => Err(Error::Methods { one: "points".into(), other: (*other).to_owned() }),
        (true, None) => Ok("points"),
        (false, _) => Ok("rates"),
    }
}

/// Keeps a cleared year as a draft.
///
/// # Errors
/// [`Error::Forbidden`], or whatever the store says.
pub async fn clear(cx: &mut Cx<'_>, order: YearOrder, prepared: YearPrepared) -> Result<(), Error> {
    cx.allow("drg.settle", order.institution)?;
    let overflow = |_| Error::Settlement(drg_payment::Overflow { of: "sum of the year" }.into());
    let cleared = &prepared.clearing;
    let sum = |of: &dyn Fn(&drg_payment::Cleared) -> PackFen| {
        PackFen::sum(cleared.rows.iter().map(of)).map(|sum| Fen(sum.0)).map_err(overflow)
    };
    let (fund, prepaid) = (sum(&|row| row.fund)?, sum(&|row| row.prepaid)?);
    let terms = order.terms;
    let shares =
        [terms.reserve_share, terms.surplus_kept_share, terms.overspend_borne_share, terms.overspend_borne_up_to]
            .map(|share: Exact| share.to_string());
    let point_value = cleared
        .point_value
        .map(|value| value.rounded(6))
        .transpose()
        .map_err(overflow)?
        .map_or_else(String::new, |e6| format!("{}.{:06}", e6 / 1_000_000, e6 % 1_000_000));
    let content = canonical(&content(&order, &prepared, &shares, &point_value));
    let row = ClearingRow {
        id: order.id,
        institution: order.institution,
        year: order.year,
        insurance: order.insurance.key().to_owned(),
        number: 0,
        status: RunStatus::Draft,
        method: prepared.method.to_owned(),
        budget: order.budget,
        shares,
        reserve: Fen(cleared.reserve.0),
        fund,
        prepaid,
        left: Fen(cleared.left.0),
        point_value,
        month_count: u32::try_from(prepared.months.len()).unwrap_or(u32::MAX),
        hash: Digest::of(content.as_bytes()).to_string(),
        content,
        note: order.note,
        prepared: acting(cx, "drg.settle")?,
        frozen: None,
    };
    let number = store::add_clearing(cx.tx, &row).await?;
    let detail = json!({
        "year": row.year,
        "insurance": row.insurance,
        "number": number,
        "budget": row.budget.0,
        "months": row.month_count,
        "hash": row.hash,
    });
    cx.journal("drg.clear", ("drg_clearing", Some(row.id.0)), None, detail).await?;
    cx.announce(TOPIC, row.institution);
    Ok(())
}

/// Inputs and result of a cleared year: money in fen, points in millionths.
fn content(order: &YearOrder, prepared: &YearPrepared, shares: &[String; 4], point_value: &str) -> serde_json::Value {
    let months: Vec<_> =
        prepared.months.iter().map(|run| json!({ "month": run.month, "run": run.id, "hash": run.hash })).collect();
    let years = prepared.years.iter().map(|year| (year.institution.as_str(), year.sums));
    let years: std::collections::HashMap<&str, drg_payment::Sums> = years.collect();
    let rows: Vec<_> = prepared
        .clearing
        .rows
        .iter()
        .map(|row| {
            let sums = years.get(row.institution.as_str()).copied().unwrap_or_default();
            json!({
                "institution": row.institution,
                "cases": sums.cases,
                "points_e6": sums.points_e6,
                "cost": sums.cost.0,
                "patient": sums.patient.0,
                "pay": sums.pay.0,
                "fund_by_cases": sums.fund.0,
                "fund": row.fund.0,
                "prepaid": row.prepaid.0,
                "due": row.due.0,
                "saved": row.saved.0,
            })
        })
        .collect();
    let [reserve, surplus, overspend, up_to] = shares;
    json!({
        "institution": order.institution,
        "year": order.year,
        "insurance": order.insurance.key(),
        "method": prepared.method,
        "budget": order.budget.0,
        "reserve_share": reserve,
        "surplus_kept_share": surplus,
        "overspend_borne_share": overspend,
        "overspend_borne_up_to": up_to,
        "reserve": prepared.clearing.reserve.0,
        "left": prepared.clearing.left.0,
        "point_value": point_value,
        "months": months,
        "rows": rows,
    })
}

/// One institution of a cleared year, as its content has it. Money in fen.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct YearLine {
    /// The institution.
    pub institution: InstitutionId,
    /// Cases of the year.
    pub cases: i64,
    /// Points or weight in millionths.
    pub points_e6: i64,
    /// Total cost.
    pub cost: i64,
    /// Patients' parts.
    pub patient: i64,
    /// What the cases are worth.
    pub pay: i64,
    /// What the fund owed by the cases.
    pub fund_by_cases: i64,
    /// What the fund owes for the year.
    pub fund: i64,
    /// What it paid in the months.
    pub prepaid: i64,
    /// What it still pays; below zero is paid back.
    pub due: i64,
    /// By rates: saved (above zero) or overspent.
    pub saved: i64,
}

/// A month of a cleared year, as its content has it.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct YearMonth {
    /// `2026-03`.
    pub month: String,
    /// Its run.
    pub run: SettlementRunId,
    /// The run's hash.
    pub hash: String,
}

/// The content of a cleared year.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct YearContent {
    /// The months.
    pub months: Vec<YearMonth>,
    /// The institutions.
    pub rows: Vec<YearLine>,
}

/// Reads the content of a cleared year and compares it with its hash.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is not what the hash says.
pub fn year_content(row: &ClearingRow) -> Result<YearContent, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt { what: "clearing", why };
    if Digest::of(row.content.as_bytes()).to_string() != row.hash {
        return Err(corrupt(format!("the content of {} has another hash", row.id)));
    }
    serde_json::from_str(&row.content).map_err(|why| corrupt(why.to_string()))
}

/// Freezes a cleared year.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::NotDraft`], [`Error::SamePerson`], and [`Error::Overtaken`] when a month was frozen
/// anew since.
pub async fn freeze_year(cx: &mut Cx<'_>, id: ClearingId) -> Result<(), Error> {
    let row = store::clearing(cx.tx, cx.actor.scope, id).await?;
    cx.allow("drg.freeze", row.institution)?;
    if row.status != RunStatus::Draft {
        return Err(Error::NotDraft { status: row.status });
    }
    let by = acting(cx, "drg.freeze")?;
    if cx.kit.get::<Rules>().freeze_by_other && by.person == row.prepared.person {
        return Err(Error::SamePerson);
    }
    let months = store::frozen_months(cx.tx, (row.institution, row.year, &row.insurance)).await?;
    let cleared = year_content(&row)?.months;
    if !months.iter().map(|run| run.id).eq(cleared.iter().map(|month| month.run)) {
        return Err(Error::Overtaken);
    }
    store::freeze_clearing(cx.tx, id, &by).await?;
    let detail = json!({ "year": row.year, "insurance": row.insurance, "number": row.number, "hash": row.hash });
    cx.journal("drg.freeze", ("drg_clearing", Some(id.0)), None, detail).await?;
    cx.announce(TOPIC, row.institution);
    Ok(())
}
