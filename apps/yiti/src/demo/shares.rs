//! What the head of a clinical department said of a share of last month, through the act that heads use.

use std::sync::Arc;

use yiti_directory::Platform;
use yiti_drg::compare::Analysis;
use yiti_drg::store_analysis::{self as rows, Slice};
use yiti_drg::{actions, analysis_acts, ceilings};
use yiti_kernel::time;

use super::Plan;
use super::county::County;

/// Justifies the worst share of the own department; without stays in last month there is nothing to say.
///
/// # Errors
/// Whatever an act says.
pub async fn fill(platform: &Arc<Platform>, plan: &Plan, county: &County) -> anyhow::Result<()> {
    let heads = county.staff.get(&(county.lead, "clinical_head".to_owned()));
    let Some(head) = heads.and_then(|heads| heads.first()) else { return Ok(()) };
    let last = time::day(platform.now()).first_of_month().yesterday()?;
    let mut reader = platform.store.read().await?;
    let reach = actions::reach(&mut reader, head).await?;
    let slice = Slice { institution: Some(county.lead), ..Slice::default() };
    let stays = rows::stays(&mut reader, &reach, &slice, (last.first_of_month(), last)).await?;
    drop(reader);
    let judged = ceilings::judge(&stays, &platform.kit.get::<Analysis>().ceilings);
    let Some(worst) = judged.into_iter().find(|it| it.institution.is_some()) else { return Ok(()) };
    let (institution, reason) = (county.lead, plan.justification.clone());
    let said = platform.act(head, move |cx| {
        Box::pin(async move { analysis_acts::justify(cx, institution, (&worst.name, last, worst.kind), reason).await })
    });
    Ok(said.await?)
}
