//! What a kind of case must say, and how every case is kept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use yiti_directory::{Cx, InstitutionId};
use yiti_kernel::{Timestamp, Uuid, id_type};
use yiti_store::{Error, Reader, args, sql};

id_type!(
    /// Names a case.
    CaseId
);

/// A kind of case: its states, what can happen, and what is refused. Implemented by slices.
pub trait CaseKind {
    /// Its key: `remote_read`.
    const KIND: &'static str;
    /// Where a case of this kind stands; a variant carries the facts that hold there.
    type State: Serialize + DeserializeOwned + Clone + Send;
    /// What can happen to it.
    type Event: Serialize + Send + Sync;
    /// Why something cannot happen.
    type Refused: std::error::Error + Send;

    /// The next state. Pure: the instant is an argument, nothing else is read.
    ///
    /// # Errors
    /// `Refused` names what stands in the way.
    fn apply(state: Self::State, event: &Self::Event, at: Timestamp) -> Result<Self::State, Self::Refused>;

    /// The word for a state, for lists and the history.
    fn status(state: &Self::State) -> &'static str;

    /// The word for an event: `approve`.
    fn event_name(event: &Self::Event) -> &'static str;
}

/// A case as it is kept.
#[derive(Debug, Clone)]
pub struct Case<S> {
    /// Identifier.
    pub id: CaseId,
    /// Where it stands.
    pub state: S,
    /// How often it was saved.
    pub version: u32,
    /// The institution it belongs to.
    pub institution: InstitutionId,
    /// The patient it is about.
    pub patient: Option<Uuid>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// A step of a case.
#[derive(Debug, Clone)]
pub struct Happened {
    /// 1, 2, 3, ...
    pub seq: u32,
    /// What happened: `approve`.
    pub name: String,
    /// Where the case stood afterwards.
    pub status: String,
    /// When.
    pub at: Timestamp,
    /// Who did it; `None` for devices and timers.
    pub person: Option<Uuid>,
    /// Their name at the time.
    pub actor_name: String,
    /// The institution they acted for.
    pub institution: Option<InstitutionId>,
    /// The event with its facts.
    pub detail: Json,
}

/// Why a case did not take a step.
#[derive(Debug, thiserror::Error)]
pub enum StepError<R: std::error::Error> {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(R),
    /// The store failed, or someone else was faster ([`Error::Stale`]).
    #[error(transparent)]
    Store(Error),
}

impl<R: std::error::Error> From<Error> for StepError<R> {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Opens a case in `state`; `event` is the first line of its history.
///
/// # Errors
/// Whatever the store says.
pub async fn open<K: CaseKind>(
    cx: &mut Cx<'_>,
    id: CaseId,
    institution: InstitutionId,
    patient: Option<Uuid>,
    state: K::State,
    event: &K::Event,
) -> Result<Case<K::State>, Error> {
    cx.tx
        .execute(
            sql!(
                "insert into flow_case (id, kind, status, state, version, institution_id, patient_id, opened_at, changed_at)
                 values ($1, $2, $3, $4, 1, $5, $6, $7, $7)"
            ),
            args![id.0, K::KIND, K::status(&state), json_text(&state)?, institution.0, patient, cx.now],
        )
        .await?;
    let case = Case { id, state, version: 1, institution, patient, opened_at: cx.now };
    happened::<K>(cx, &case, event).await?;
    Ok(case)
}

/// The case of an identifier; its scope is for the caller to check.
///
/// # Errors
/// [`Error::NotFound`] when there is no such case of this kind.
pub async fn load<K: CaseKind>(reader: &mut Reader, id: CaseId) -> Result<Case<K::State>, Error> {
    let row = reader.one(sql!("select * from flow_case where id = $1 and kind = $2"), args![id.0, K::KIND]).await?;
    let state: String = row.get("state")?;
    Ok(Case {
        id,
        state: serde_json::from_str(&state).map_err(|e| Error::Corrupt { what: "state", why: e.to_string() })?,
        version: row.get("version")?,
        institution: row.id("institution_id")?,
        patient: row.get("patient_id")?,
        opened_at: row.get("opened_at")?,
    })
}

/// Takes a step: decides, saves the state, adds to the history, writes the journal entry.
///
/// # Errors
/// [`StepError::Refused`] by the rules, [`StepError::Store`] with [`Error::Stale`] when someone else was faster.
pub async fn step<K: CaseKind>(
    cx: &mut Cx<'_>,
    case: Case<K::State>,
    event: &K::Event,
) -> Result<Case<K::State>, StepError<K::Refused>> {
    let state = K::apply(case.state, event, cx.now).map_err(StepError::Refused)?;
    let case = Case { state, version: case.version + 1, ..case };
    cx.tx
        .execute_one(
            sql!(
                "update flow_case set status = $3, state = $4, version = $5, changed_at = $6
                 where id = $1 and version = $2"
            ),
            args![case.id.0, case.version - 1, K::status(&case.state), json_text(&case.state)?, case.version, cx.now],
        )
        .await?;
    happened::<K>(cx, &case, event).await?;
    Ok(case)
}

async fn happened<K: CaseKind>(cx: &mut Cx<'_>, case: &Case<K::State>, event: &K::Event) -> Result<(), Error> {
    let detail = serde_json::to_value(event).map_err(|e| Error::Corrupt { what: "event", why: e.to_string() })?;
    let name = K::event_name(event);
    cx.tx
        .execute(
            sql!(
                "insert into flow_event (case_id, seq, name, status, at, person_id, actor_name, institution_id, detail)
                 values ($1, (select coalesce(max(seq), 0) + 1 from flow_event where case_id = $1),
                     $2, $3, $4, $5, $6, $7, $8)"
            ),
            args![
                case.id.0,
                name,
                K::status(&case.state),
                cx.now,
                cx.actor.person.map(|p| p.0),
                &cx.actor.name,
                cx.actor.institution.0,
                detail.to_string(),
            ],
        )
        .await?;
    cx.journal(&format!("{}.{name}", K::KIND), (K::KIND, Some(case.id.0)), case.patient, detail).await
}

/// The history of a case, oldest first.
///
/// # Errors
/// Whatever the store says.
pub async fn history(reader: &mut Reader, id: CaseId) -> Result<Vec<Happened>, Error> {
    let rows = reader.rows(sql!("select * from flow_event where case_id = $1 order by seq"), args![id.0]).await?;
    rows.iter()
        .map(|row| {
            let detail: String = row.get("detail")?;
            Ok(Happened {
                seq: row.get("seq")?,
                name: row.get("name")?,
                status: row.get("status")?,
                at: row.get("at")?,
                person: row.get("person_id")?,
                actor_name: row.get("actor_name")?,
                institution: row.optional_id("institution_id")?,
                detail: serde_json::from_str(&detail)
                    .map_err(|e| Error::Corrupt { what: "event", why: e.to_string() })?,
            })
        })
        .collect()
}

fn json_text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::Corrupt { what: "state", why: e.to_string() })
}
