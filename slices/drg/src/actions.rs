//! One function for each thing a person, a file or a timer can do: load, allow, decide, save.

use std::sync::Arc;

use serde_json::json;
use yiti_directory::{Actor, Cx, Forbidden, InstitutionId, Platform, people};
use yiti_kernel::time;
use yiti_record::front_page::{self, FrontPage, FrontPageId, Saved, Source, Stored};
use yiti_store::Error as StoreError;

use crate::assess;
use crate::settings::Definitions;
use crate::store::{self, Reach, StayRow};
use crate::store_analysis;

/// What live pages of this slice listen to.
pub const TOPIC: &str = "drg";

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed, or not there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Without number of the record and count of the admission the stay has no name.
    #[error("a front page needs the number of the medical record and the count of the admission")]
    Unnamed,
    /// A final page is corrected by a final one.
    #[error("the front page is final; a draft does not follow it")]
    AlreadyFinal,
    /// The page was saved elsewhere since this form was opened.
    #[error("the front page was saved elsewhere, version {version}")]
    Moved {
        /// The version now.
        version: u32,
    },
    /// A stay with this number and count is there already.
    #[error("there is a front page with this number and count of the admission")]
    Known(FrontPageId),
    /// The settings name no scheme for the institution.
    #[error("the settings name no grouping scheme for the institution")]
    NoScheme,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The key of its text in `locales/`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "drg.error.forbidden",
            Self::Unnamed => "drg.error.unnamed",
            Self::AlreadyFinal => "drg.error.already_final",
            Self::Moved { .. } => "drg.error.moved",
            Self::Known(_) => "drg.error.known",
            Self::NoScheme => "drg.error.no_scheme",
            Self::Store(_) => "drg.error.store",
        }
    }
}

impl From<front_page::Refused> for Error {
    fn from(refused: front_page::Refused) -> Self {
        match refused {
            front_page::Refused::Unnamed => Self::Unnamed,
            front_page::Refused::AlreadyFinal => Self::AlreadyFinal,
            front_page::Refused::Store(error) => Self::Store(error),
        }
    }
}

/// Groups and prices the current version of a page and keeps its row. Part of every act that saves a page, whoever saves
/// it; the right to save was asked for there.
///
/// # Errors
/// [`Error::NoScheme`], or whatever the store says.
pub async fn front_page_saved(cx: &mut Cx<'_>, id: FrontPageId) -> Result<StayRow, Error> {
    let stored = front_page::current(cx.tx, cx.tree.whole(), id).await?;
    saved(cx, &stored).await
}

async fn saved(cx: &mut Cx<'_>, stored: &Stored) -> Result<StayRow, Error> {
    let definitions: Arc<Definitions> = cx.kit.get();
    let institution = cx.tree.get(stored.institution).ok_or(StoreError::NotFound)?;
    let assessed = assess::assess(&stored.page, &definitions, institution, time::day(cx.now)).ok_or(Error::NoScheme)?;
    let findings = definitions.findings(&stored.page, stored.source, assessed.scheme);
    let row = StayRow::of(stored, &assessed, &findings, cx.now);
    store::put(cx.tx, &row).await?;
    store_analysis::put_failure(cx.tx, stored.id, assess::failure_key(assessed.explained.answer.outcome)).await?;
    cx.announce(TOPIC, stored.institution);
    Ok(row)
}

/// What of the institution's stays the actor sees: all with `drg.read_all`, otherwise those of their own department.
///
/// # Errors
/// Whatever the store says.
pub async fn reach(reader: &mut yiti_store::Reader, actor: &yiti_directory::Actor) -> Result<Reach, StoreError> {
    let department = match (actor.may("drg.read_all"), actor.department) {
        (true, _) => None,
        (false, None) => Some(String::new()),
        (false, Some(id)) => Some(people::department(reader, id).await?.name),
    };
    Ok(Reach { scope: actor.scope, department })
}

/// Opens a stay: its front page and its row. Journaled as a reading of the patient.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none, or none that the actor may see.
pub async fn open(cx: &mut Cx<'_>, id: FrontPageId) -> Result<(Stored, StayRow), Error> {
    let reach = reach(cx.tx, &cx.actor).await?;
    let row = store::get(cx.tx, &reach, id).await?;
    cx.allow("drg.read", row.institution)?;
    let stored = front_page::open(cx, id, "drg").await?;
    Ok((stored, row))
}

/// Writes that a list of patients was read.
///
/// # Errors
/// Whatever the store says; the reader then sees nothing.
pub async fn list_read(
    platform: &Platform,
    actor: &Arc<Actor>,
    list: &'static str,
    row_count: usize,
    filter: String,
) -> Result<(), StoreError> {
    let journaled = platform.act(actor, move |cx| {
        Box::pin(async move {
            let detail = json!({ "list": list, "rows": row_count, "filter": filter });
            cx.journal_read(("patient_list", None), None, "drg", detail).await
        })
    });
    journaled.await
}

/// Types the first version of a stay's page.
///
/// # Errors
/// [`Error::Known`] when the stay has a page already.
pub async fn begin(cx: &mut Cx<'_>, institution: InstitutionId, page: &FrontPage) -> Result<FrontPageId, Error> {
    cx.allow("drg.edit", institution)?;
    let reach = reach(cx.tx, &cx.actor).await?;
    if reach.department.as_ref().is_some_and(|own| *own != store::department_of(page)) {
        return Err(Forbidden { permission: "drg.edit" }.into());
    }
    let number = page.medical_record_number.as_str();
    let scope = cx.tree.whole();
    if let Some(known) = front_page::by_number(cx.tx, scope, institution, number, page.admission_count).await? {
        return Err(Error::Known(known));
    }
    keep(cx, institution, page).await
}

/// Types the next version of a stay's page; `version` is the one the form was opened with.
///
/// # Errors
/// [`Error::Moved`] when there is a newer one, [`Error::AlreadyFinal`], [`Error::Forbidden`].
pub async fn amend(cx: &mut Cx<'_>, id: FrontPageId, version: u32, page: &FrontPage) -> Result<FrontPageId, Error> {
    let reach = reach(cx.tx, &cx.actor).await?;
    let row = store::get(cx.tx, &reach, id).await?;
    cx.allow("drg.edit", row.institution)?;
    if row.version != version {
        return Err(Error::Moved { version: row.version });
    }
    let stored = front_page::current(cx.tx, cx.actor.scope, id).await?;
    let is_same_stay = stored.page.medical_record_number == page.medical_record_number
        && stored.page.admission_count == page.admission_count;
    if !is_same_stay {
        return Err(Error::Unnamed);
    }
    keep(cx, row.institution, page).await
}

async fn keep(cx: &mut Cx<'_>, institution: InstitutionId, page: &FrontPage) -> Result<FrontPageId, Error> {
    let saved = front_page::save(cx, institution, page, Source::Typed).await?;
    match saved {
        Saved::Unchanged(_) => {}
        Saved::New(id) | Saved::Version(id, _) => {
            front_page_saved(cx, id).await?;
        }
    }
    Ok(saved.id())
}
