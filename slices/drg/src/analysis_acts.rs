//! What people do with the figures: justify a share above its ceiling, freeze a quarter, write what was agreed.

use std::sync::Arc;

use serde_json::json;
use yiti_directory::{Cx, Forbidden, InstitutionId};
use yiti_kernel::{Date, Uuid, time};
use yiti_store::Error as StoreError;

use crate::actions;
use crate::ceilings::{Kind, judge};
use crate::compare::Analysis;
use crate::quarter::{self, Quarter};
use crate::store_analysis::{self as rows, Frozen, Justification, QuarterEntry, Slice};

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed, or not there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The department has no finished stays with items in that month, or no ceiling holds.
    #[error("the department has nothing to justify in this month")]
    NothingToJustify,
    /// The last day of the quarter has not passed.
    #[error("the quarter `{0}` is not over")]
    NotOver(Quarter),
    /// It is frozen already; what changes later is shown beside it.
    #[error("the quarter `{0}` is frozen already")]
    AlreadyFrozen(Quarter),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The key of its text in `locales/`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "drg_analysis_error.forbidden",
            Self::NothingToJustify => "drg_analysis_error.nothing_to_justify",
            Self::NotOver(_) => "drg_analysis_error.not_over",
            Self::AlreadyFrozen(_) => "drg_analysis_error.already_frozen",
            Self::Store(_) => "drg_analysis_error.store",
        }
    }
}

/// Says why a department's share of a month is what it is. Each time is a new version; the share and the ceiling of the
/// moment are kept with it.
///
/// # Errors
/// [`Error::NothingToJustify`], [`Error::Forbidden`], or whatever the store says.
pub async fn justify(
    cx: &mut Cx<'_>,
    institution: InstitutionId,
    (department, month, kind): (&str, Date, Kind),
    reason: String,
) -> Result<(), Error> {
    cx.allow("drg.justify", institution)?;
    let by = cx.person("drg.justify")?;
    let reach = actions::reach(cx.tx, &cx.actor).await?;
    if reach.department.as_ref().is_some_and(|own| own != department) {
        return Err(Forbidden { permission: "drg.justify" }.into());
    }
    let analysis: Arc<Analysis> = cx.kit.get();
    let slice = Slice { institution: Some(institution), department: department.to_owned(), ..Slice::default() };
    let first = month.first_of_month();
    let stays = rows::stays(cx.tx, &reach, &slice, (first, first.last_of_month())).await?;
    let judged = judge(&stays, &analysis.ceilings);
    let own = judged.iter().find(|it| it.kind == kind && it.institution == Some(institution));
    let own = own.ok_or(Error::NothingToJustify)?;
    let month = month_text(first);
    let before = rows::justifications(cx.tx, &reach, &month).await?;
    let same =
        |it: &&Justification| (it.institution, it.department.as_str(), it.kind) == (institution, department, kind);
    let version = before.iter().find(same).map_or(1, |newest| newest.version + 1);
    let new = Justification {
        institution,
        department: department.to_owned(),
        month,
        kind,
        version,
        reason,
        share_e6: own.share_e6,
        ceiling_e3: own.ceiling_e3,
        written_by: by,
        written_at: cx.now,
    };
    rows::add_justification(cx.tx, &new).await?;
    let detail = json!({
        "department": new.department, "month": new.month, "kind": kind.key(), "version": version,
        "share_e6": new.share_e6, "ceiling_e3": new.ceiling_e3,
    });
    cx.journal("drg.justify", ("institution", Some(institution.0)), None, detail).await?;
    cx.announce(actions::TOPIC, institution);
    Ok(())
}

/// Keeps the figures of a quarter for good. `pack` is their canonical text.
///
/// # Errors
/// [`Error::NotOver`], [`Error::AlreadyFrozen`], [`Error::Forbidden`], or whatever the store says.
pub async fn freeze(cx: &mut Cx<'_>, institution: InstitutionId, of: Quarter, pack: String) -> Result<Uuid, Error> {
    cx.allow("drg.quarter.write", institution)?;
    let by = cx.person("drg.quarter.write")?;
    if time::day(cx.now) <= of.days().1 {
        return Err(Error::NotOver(of));
    }
    if rows::frozen(cx.tx, institution, &of.to_string()).await?.is_some() {
        return Err(Error::AlreadyFrozen(of));
    }
    let hash = quarter::hash(&pack);
    let id = yiti_kernel::fresh();
    let new = Frozen { id, institution, quarter: of.to_string(), pack, hash, by, at: cx.now };
    rows::add_frozen(cx.tx, &new).await?;
    let detail = json!({ "institution": institution.to_string(), "quarter": new.quarter, "hash": new.hash });
    cx.journal("drg.quarter.freeze", ("drg_quarter", Some(id)), None, detail).await?;
    cx.announce(actions::TOPIC, institution);
    Ok(id)
}

/// Writes a note, or with an owner what was agreed to be done.
///
/// # Errors
/// [`Error::Forbidden`], or whatever the store says.
pub async fn add_entry(
    cx: &mut Cx<'_>,
    quarter: Uuid,
    body: String,
    action: Option<(String, Option<Date>)>,
) -> Result<(), Error> {
    let frozen = rows::frozen_by_id(cx.tx, cx.actor.scope, quarter).await?;
    cx.allow("drg.quarter.write", frozen.institution)?;
    let by = cx.person("drg.quarter.write")?;
    let is_action = action.is_some();
    let (owner, due_on) = action.unwrap_or_default();
    let id = yiti_kernel::fresh();
    let detail = json!({
        "quarter": frozen.quarter, "kind": if is_action { "action" } else { "note" }, "body": body, "owner": owner,
        "due_on": due_on.map(|day| day.to_string()),
    });
    let new =
        QuarterEntry { id, quarter, is_action, body, owner, due_on, done_at: None, written_by: by, written_at: cx.now };
    rows::add_entry(cx.tx, &new).await?;
    cx.journal("drg.quarter.entry", ("drg_quarter", Some(quarter)), None, detail).await?;
    Ok(())
}

/// Says that an action is done. Gives the quarter it belongs to.
///
/// # Errors
/// A store error when there is no such open action, [`Error::Forbidden`].
pub async fn finish(cx: &mut Cx<'_>, entry: Uuid) -> Result<String, Error> {
    let quarter = rows::quarter_of_entry(cx.tx, entry).await?;
    let frozen = rows::frozen_by_id(cx.tx, cx.actor.scope, quarter).await?;
    cx.allow("drg.quarter.write", frozen.institution)?;
    let by = cx.person("drg.quarter.write")?;
    rows::finish(cx.tx, entry, by, cx.now).await?;
    let detail = json!({ "quarter": frozen.quarter, "entry": entry.to_string() });
    cx.journal("drg.quarter.done", ("drg_quarter", Some(quarter)), None, detail).await?;
    Ok(frozen.quarter)
}

/// The month of a day as figures name it: `2026-03`.
#[must_use]
pub fn month_text(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}
