//! Settled months of this year, a correction that waits, a draft of the year's clearing, and a comparison with another
//! scheme: all made through the acts that people use.

use std::sync::Arc;

use anyhow::Context as _;
use drg_payment::{Insurance, Month};
use yiti_directory::{Actor, Platform};
use yiti_drg::regrouping;
use yiti_drg::settle::Rules;
use yiti_drg::settlement::{self, Error, Order, YearOrder};
use yiti_drg::store_regroup::RegroupRunId;
use yiti_drg::store_settlement::{self as store, ClearingId, LineFilter, SettlementRunId};
use yiti_drg::{Error as SaveError, actions};
use yiti_kernel::{Date, Fen, time};
use yiti_record::front_page::{self, Diagnosis, Source};

use super::county::County;

/// The scheme with which the past year is compared.
const OTHER_SCHEME: &str = "chs_drg_20";
/// A complication that is added to the page that is corrected.
const COMPLICATION: &str = "J96.000";

/// Settles the months of the year, the newest last.
///
/// # Errors
/// Whatever an act says, but for months without a case.
pub async fn fill(platform: &Arc<Platform>, county: &County) -> anyhow::Result<()> {
    let officers = county.staff.get(&(county.lead, "insurance".to_owned())).context("no insurance officers")?;
    let [officer, second, ..] = officers.as_slice() else { anyhow::bail!("two insurance officers are needed") };
    let last = time::day(platform.now()).first_of_month().yesterday()?;
    let months = (1..=last.month()).filter_map(|month| Date::new(last.year(), month, 1).ok());
    let mut newest = None;
    for month in months {
        for insurance in [Insurance::Employee, Insurance::Resident] {
            let Some(id) = settle(platform, officer, month, insurance).await? else { continue };
            // The last month of the residents waits for someone to freeze it.
            if month.month() < last.month() || insurance == Insurance::Employee {
                platform.act(second, move |cx| Box::pin(settlement::freeze(cx, id))).await?;
                newest = Some((id, month, insurance));
            }
        }
    }
    let Some((run, month, insurance)) = newest else { return Ok(()) };
    correct(platform, officer, run).await?;
    settle(platform, officer, month, insurance).await?;
    clear(platform, officer, u16::try_from(last.year())?).await?;
    compare(platform, officer, last).await
}

async fn settle(
    platform: &Platform,
    officer: &Arc<Actor>,
    month: Date,
    insurance: Insurance,
) -> anyhow::Result<Option<SettlementRunId>> {
    let order = Order {
        id: SettlementRunId::fresh(),
        institution: root(platform)?,
        month: Month::new(u16::try_from(month.year())?, u8::try_from(month.month())?).context("no month")?,
        insurance,
        note: String::new(),
    };
    match settlement::prepare(platform, officer, order).await {
        Ok(id) => Ok(Some(id)),
        Err(Error::Nothing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn root(platform: &Platform) -> anyhow::Result<yiti_directory::InstitutionId> {
    Ok(platform.tree().root().context("no group")?.id)
}

/// Corrects the page of one settled stay: a complication was not coded.
async fn correct(platform: &Platform, officer: &Arc<Actor>, run: SettlementRunId) -> anyhow::Result<()> {
    let filter = LineFilter { part: "settled".into(), ..LineFilter::default() };
    let mut reader = platform.store.read().await?;
    let (lines, _) = store::lines(&mut reader, run, &filter, (1, 0)).await?;
    let stay = lines.first().context("a run without cases")?.settled.stay;
    let mut stored = front_page::current(&mut reader, platform.tree().whole(), stay).await?;
    drop(reader);
    stored.page.diagnoses.push(Diagnosis { code: COMPLICATION.into(), ..Diagnosis::default() });
    let saved = platform.act(officer, move |cx| {
        Box::pin(async move {
            let saved = front_page::save(cx, stored.institution, &stored.page, Source::Table).await?;
            actions::front_page_saved(cx, saved.id()).await?;
            Ok::<_, SaveError>(())
        })
    });
    Ok(saved.await?)
}

/// Clears the year for employees with a budget a little below what the cases were owed.
async fn clear(platform: &Platform, officer: &Arc<Actor>, year: u16) -> anyhow::Result<()> {
    let insurance = Insurance::Employee;
    let institution = root(platform)?;
    let months = store::frozen_months(&mut platform.store.read().await?, (institution, year, insurance.key())).await?;
    let owed: i64 = months.iter().map(|run| run.sums.fund.0).sum();
    let order = YearOrder {
        id: ClearingId::fresh(),
        institution,
        year,
        insurance,
        // Whole thousands of yuan.
        budget: Fen(owed.max(0) / 100_000 * 100_000),
        terms: platform.kit.get::<Rules>().terms.clearing.rule,
        note: String::new(),
    };
    match settlement::work_out_year(platform, &order).await {
        Ok(prepared) => Ok(platform
            .act(officer, move |cx| Box::pin(async move { settlement::clear(cx, order, prepared).await }))
            .await?),
        Err(Error::NoMonths { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Compares the past year with another scheme.
async fn compare(platform: &Arc<Platform>, officer: &Arc<Actor>, last: Date) -> anyhow::Result<()> {
    let order = regrouping::Order {
        id: RegroupRunId::fresh(),
        institution: root(platform)?,
        from_on: Date::new(last.year() - 1, last.month(), 1)?,
        until_on: last,
        scheme: OTHER_SCHEME.into(),
        pack: String::new(),
    };
    let run = platform.act(officer, move |cx| Box::pin(regrouping::begin(cx, order))).await?;
    regrouping::work(platform.clone(), officer.clone(), run).await;
    Ok(())
}
