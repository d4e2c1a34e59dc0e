//! Rows of obligations: starting, changing and finding them, and the tick that raises what has come due.
//!
//! Every function takes plain arguments: the transaction, who acts, the moment of the act. Whether they may is asked
//! before, and the journal entry of the act is written by the caller; only a breach found here is journaled here, since
//! nobody acted.
//!
//! INVARIANT: the columns that are searched are made from the obligation on every save ([`save`]), never on their own.

use yiti_kernel::{Timestamp, Uuid, id_type, time};
use yiti_store::journal::{By, Entry};
use yiti_store::{Reader, Row, Tx, args, sql};

use crate::obligation::{NoticeKind, Obligation, Refused};
use crate::rule::{NoTerms, Rules, Terms};

id_type!(
    /// Names an obligation.
    ObligationId
);

/// How many obligations one [`tick`] takes; when it returns that it is not [`Tick::done`], tick again.
pub const TICK_MAX: usize = 500;

/// Why an obligation was not started or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The step is not possible.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No rule applies.
    #[error(transparent)]
    NoTerms(#[from] NoTerms),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] yiti_store::Error),
}

/// What an obligation is about and who is to meet it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The kind of thing: `examination`, `critical_result`.
    pub kind: &'a str,
    /// The thing. One rule runs at most once at a time for one subject.
    pub id: Uuid,
    /// The patient concerned.
    pub patient: Option<Uuid>,
    /// The institution that is to meet it and whose statistic counts it.
    pub institution: Uuid,
    /// The role whose list it appears in; empty when only a person is meant.
    pub role: &'a str,
    /// The person who is to meet it, when known.
    pub person: Option<Uuid>,
}

/// An obligation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: ObligationId,
    /// How often it was saved.
    pub revision: i64,
    /// The rule.
    pub rule: String,
    /// The digest of the rule's version.
    pub version: String,
    /// The variant of the rule.
    pub variant: String,
    /// The kind of thing it is about.
    pub subject_kind: String,
    /// The thing it is about.
    pub subject: Uuid,
    /// The patient concerned.
    pub patient: Option<Uuid>,
    /// The institution that is to meet it.
    pub institution: Uuid,
    /// The role whose list it appears in.
    pub role: String,
    /// The person who is to meet it.
    pub person: Option<Uuid>,
    /// True when its breach was explained.
    pub is_explained: bool,
    /// The obligation itself.
    pub course: Obligation,
}

/// One step in the life of an obligation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `started`, `paused`, `resumed`, `satisfied`, `cancelled`, `breached`, `explained`, `rescheduled`, `assigned`.
    pub kind: String,
    /// When it happened.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The person or device; `None` for the system.
    pub actor: Option<Uuid>,
    /// The actor's name at the time.
    pub actor_name: String,
    /// The reason or the explanation; empty for the others.
    pub text: String,
}

/// A notice raised by a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// The obligation.
    pub obligation: ObligationId,
    /// Its rule.
    pub rule: String,
    /// What is told.
    pub kind: NoticeKind,
    /// The step of the escalation ladder, from 0.
    pub step: u32,
    /// The moment of the schedule, which may lie before the tick.
    pub at: Timestamp,
    /// The due instant.
    pub due_at: Timestamp,
    /// The role told: that of the ladder, or the responsible one.
    pub to_role: String,
    /// The person told, `None` for steps of the ladder.
    pub to_person: Option<Uuid>,
    /// The institution concerned.
    pub institution: Uuid,
    /// The kind of thing it is about.
    pub subject_kind: String,
    /// The thing it is about.
    pub subject: Uuid,
    /// The patient concerned.
    pub patient: Option<Uuid>,
}

/// What a tick did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tick {
    /// The notices raised, in order of their moments.
    pub raised: Vec<Raised>,
    /// How many obligations were looked at; [`TICK_MAX`] means that more may wait.
    pub obligation_count: usize,
}

impl Tick {
    /// True when nothing waits any more.
    #[must_use]
    pub const fn done(&self) -> bool {
        self.obligation_count < TICK_MAX
    }
}

/// How one institution met one rule in one month. The month is that of the due instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The rule.
    pub rule: String,
    /// The institution.
    pub institution: Uuid,
    /// `2026-11`.
    pub month: String,
    /// All obligations but those cancelled in time.
    pub obligation_count: u32,
    /// Those met.
    pub satisfied_count: u32,
    /// Those whose due instant passed before an act was recorded.
    pub breached_count: u32,
    /// Those met after the due instant.
    pub late_count: u32,
    /// Breached ones with an explanation.
    pub explained_count: u32,
    /// Those still waited for.
    pub open_count: u32,
}

/// Starts the obligation of rule `rule` and returns it with its terms.
///
/// # Errors
/// [`Error::NoTerms`] when no rule applies, [`Refused::Running`] when it runs already for this subject.
#[expect(clippy::too_many_arguments, reason = "plain arguments: an act's context belongs to the caller")]
pub async fn start_by(
    tx: &mut Tx,
    rules: &Rules,
    rule: &str,
    facts: &[(&str, &str)],
    started_at: Timestamp,
    subject: &Subject<'_>,
    actor: &By,
    now: Timestamp,
) -> Result<(ObligationId, Terms), Error> {
    let terms = rules.start(rule, facts, started_at)?;
    let id = start(tx, &terms, subject, actor, now).await?;
    Ok((id, terms))
}

/// Starts an obligation on `terms`.
///
/// # Errors
/// [`Refused::Running`] when the rule runs already for this subject.
pub async fn start(
    tx: &mut Tx,
    terms: &Terms,
    subject: &Subject<'_>,
    actor: &By,
    now: Timestamp,
) -> Result<ObligationId, Error> {
    if find_open(tx, &terms.rule, subject.id).await?.is_some() {
        return Err(Refused::Running.into());
    }
    let id = ObligationId::fresh();
    let stored = Stored {
        id,
        revision: 0,
        rule: terms.rule.clone(),
        version: terms.version.clone(),
        variant: terms.variant.clone(),
        subject_kind: subject.kind.to_owned(),
        subject: subject.id,
        patient: subject.patient,
        institution: subject.institution,
        role: subject.role.to_owned(),
        person: subject.person,
        is_explained: false,
        course: Obligation::start(terms),
    };
    tx.execute(
        sql!(
            "insert into obligation (id, revision, rule, version, variant, subject_kind, subject_id, patient_id,
                 institution_id, role, person_id, state, is_open, started_at, due_at, due_month, is_late, is_explained,
                 course)
             values ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 1, 0, 0, '', 0, 0, '')"
        ),
        args![
            id.0,
            &stored.rule,
            &stored.version,
            &stored.variant,
            &stored.subject_kind,
            stored.subject,
            stored.patient,
            stored.institution,
            &stored.role,
            stored.person,
        ],
    )
    .await?;
    let stored = save(tx, stored).await?;
    record(tx, &stored, "started", terms.started_at, now, actor, "").await?;
    Ok(id)
}

/// The time stands still from `now` on.
///
/// # Errors
/// As [`Obligation::pause`].
pub async fn pause(
    tx: &mut Tx,
    rules: &Rules,
    id: ObligationId,
    reason: &str,
    actor: &By,
    now: Timestamp,
) -> Result<Stored, Error> {
    let mut stored = get(tx, id).await?;
    let calendar = rules.calendar(&stored.course.plan);
    stored.course = stored.course.pause(&calendar, now, reason)?;
    step(tx, stored, "paused", now, now, actor, reason).await
}

/// The time runs again from `now` on.
///
/// # Errors
/// As [`Obligation::resume`].
pub async fn resume(tx: &mut Tx, rules: &Rules, id: ObligationId, actor: &By, now: Timestamp) -> Result<Stored, Error> {
    let mut stored = get(tx, id).await?;
    let calendar = rules.calendar(&stored.course.plan);
    stored.course = stored.course.resume(&calendar, now)?;
    step(tx, stored, "resumed", now, now, actor, "").await
}

/// The act was done at `at`.
///
/// # Errors
/// As [`Obligation::satisfy`].
pub async fn satisfy(
    tx: &mut Tx,
    id: ObligationId,
    at: Timestamp,
    actor: &By,
    now: Timestamp,
) -> Result<Stored, Error> {
    let mut stored = get(tx, id).await?;
    let was_breached = stored.course.breached_at.is_some();
    stored.course = stored.course.satisfy(at, now)?;
    note_breach(tx, &stored, was_breached, now).await?;
    step(tx, stored, "satisfied", at, now, actor, "").await
}

/// As [`satisfy`], for the open obligation of `rule` on `subject`; `None` when there is none.
///
/// # Errors
/// As [`Obligation::satisfy`].
pub async fn satisfy_for(
    tx: &mut Tx,
    rule: &str,
    subject: Uuid,
    at: Timestamp,
    actor: &By,
    now: Timestamp,
) -> Result<Option<Stored>, Error> {
    match find_open(tx, rule, subject).await? {
        Some(stored) => satisfy(tx, stored.id, at, actor, now).await.map(Some),
        None => Ok(None),
    }
}

/// The act is no longer needed.
///
/// # Errors
/// As [`Obligation::cancel`].
pub async fn cancel(tx: &mut Tx, id: ObligationId, reason: &str, actor: &By, now: Timestamp) -> Result<Stored, Error> {
    let mut stored = get(tx, id).await?;
    let was_breached = stored.course.breached_at.is_some();
    stored.course = stored.course.cancel(now, reason)?;
    note_breach(tx, &stored, was_breached, now).await?;
    step(tx, stored, "cancelled", now, now, actor, reason).await
}

/// Cancels whatever is open for `subject`; returns how many.
///
/// # Errors
/// As [`cancel`].
pub async fn cancel_all_for(
    tx: &mut Tx,
    subject: Uuid,
    reason: &str,
    actor: &By,
    now: Timestamp,
) -> Result<usize, Error> {
    let open = open_for_subjects(tx, &[subject]).await?;
    for stored in &open {
        cancel(tx, stored.id, reason, actor, now).await?;
    }
    Ok(open.len())
}

/// A person explains a breach; every explanation is kept.
///
/// # Errors
/// As [`Obligation::explain`].
pub async fn explain(
    tx: &mut Tx,
    id: ObligationId,
    explanation: &str,
    actor: &By,
    now: Timestamp,
) -> Result<Stored, Error> {
    let mut stored = get(tx, id).await?;
    let was_breached = stored.course.breached_at.is_some();
    stored.course = stored.course.observe(now);
    let explanation = stored.course.explain(explanation)?;
    note_breach(tx, &stored, was_breached, now).await?;
    stored.is_explained = true;
    step(tx, stored, "explained", now, now, actor, &explanation).await
}

/// The start event moved to `started_at`.
///
/// # Errors
/// As [`Obligation::reschedule`].
pub async fn reschedule(
    tx: &mut Tx,
    rules: &Rules,
    id: ObligationId,
    started_at: Timestamp,
    reason: &str,
    actor: &By,
    now: Timestamp,
) -> Result<Stored, Error> {
    let mut stored = get(tx, id).await?;
    let calendar = rules.calendar(&stored.course.plan);
    stored.course = stored.course.reschedule(&calendar, started_at, now, reason)?;
    step(tx, stored, "rescheduled", started_at, now, actor, reason).await
}

/// Someone else is to meet it. The time runs on.
///
/// # Errors
/// [`Refused::Closed`].
pub async fn assign(
    tx: &mut Tx,
    id: ObligationId,
    role: &str,
    person: Option<Uuid>,
    actor: &By,
    now: Timestamp,
) -> Result<Stored, Error> {
    let mut stored = get(tx, id).await?;
    if !stored.course.state.is_open() {
        return Err(Refused::Closed { state: stored.course.state.word() }.into());
    }
    role.clone_into(&mut stored.role);
    stored.person = person;
    step(tx, stored, "assigned", now, now, actor, "").await
}

/// Raises the warnings, breaches and escalations whose moment has come at `now`, each exactly once however often it is
/// called; the oldest first, at most [`TICK_MAX`] obligations at a time.
///
/// # Errors
/// [`Error::Store`].
pub async fn tick(tx: &mut Tx, now: Timestamp) -> Result<Tick, Error> {
    let rows = tx
        .rows(
            sql!("select * from obligation where next_at <= $1 order by next_at, id limit $2"),
            args![now, i64::try_from(TICK_MAX).unwrap_or(i64::MAX)],
        )
        .await?;
    let mut tick = Tick { raised: Vec::new(), obligation_count: rows.len() };
    for row in &rows {
        let mut stored = stored(row)?;
        for moment in stored.course.due_moments(now) {
            let is_new = tx
                .execute(
                    sql!(
                        "insert into obligation_notice (obligation_id, round, kind, step, at, raised_at, to_role)
                         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing"
                    ),
                    args![
                        stored.id.0,
                        stored.course.round,
                        moment.kind.word(),
                        moment.step,
                        moment.at,
                        now,
                        &moment.to_role
                    ],
                )
                .await?
                == 1;
            if is_new {
                let of_ladder = moment.kind == NoticeKind::Escalation;
                tick.raised.push(Raised {
                    obligation: stored.id,
                    rule: stored.rule.clone(),
                    kind: moment.kind,
                    step: moment.step,
                    at: moment.at,
                    due_at: stored.course.due_at(),
                    to_role: if of_ladder { moment.to_role } else { stored.role.clone() },
                    to_person: if of_ladder { None } else { stored.person },
                    institution: stored.institution,
                    subject_kind: stored.subject_kind.clone(),
                    subject: stored.subject,
                    patient: stored.patient,
                });
            }
        }
        let was_breached = stored.course.breached_at.is_some();
        stored.course = stored.course.raised(now);
        note_breach(tx, &stored, was_breached, now).await?;
        save(tx, stored).await?;
    }
    tick.raised.sort_by_key(|raised| raised.at);
    Ok(tick)
}

/// The obligation `id`.
///
/// # Errors
/// [`Error::Store`] with `NotFound`.
pub async fn get(reader: &mut Reader, id: ObligationId) -> Result<Stored, Error> {
    stored(&reader.one(sql!("select * from obligation where id = $1"), args![id.0]).await?)
}

/// The open obligation of `rule` on `subject`.
///
/// # Errors
/// [`Error::Store`].
pub async fn find_open(reader: &mut Reader, rule: &str, subject: Uuid) -> Result<Option<Stored>, Error> {
    let row = reader
        .row(sql!("select * from obligation where subject_id = $1 and rule = $2 and is_open = 1"), args![subject, rule])
        .await?;
    row.as_ref().map(stored).transpose()
}

/// The open obligations of the given subjects, the most urgent first.
///
/// # Errors
/// [`Error::Store`].
pub async fn open_for_subjects(reader: &mut Reader, subjects: &[Uuid]) -> Result<Vec<Stored>, Error> {
    let mut all = Vec::new();
    for chunk in subjects.chunks(8) {
        // A statement is a constant, so a short chunk asks for its last subject several times.
        let Some(last) = chunk.last() else { continue };
        let of = |i: usize| *chunk.get(i).unwrap_or(last);
        let rows = reader
            .rows(
                sql!(
                    "select * from obligation
                     where is_open = 1 and subject_id in ($1, $2, $3, $4, $5, $6, $7, $8)"
                ),
                args![of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)],
            )
            .await?;
        all.extend(list(&rows)?);
    }
    all.sort_by_key(|stored| (stored.course.due_at(), stored.id));
    Ok(all)
}

/// Everything that ever ran for `subject`, the oldest first.
///
/// # Errors
/// [`Error::Store`].
pub async fn all_for_subject(reader: &mut Reader, subject: Uuid) -> Result<Vec<Stored>, Error> {
    list(&reader.rows(sql!("select * from obligation where subject_id = $1 order by id"), args![subject]).await?)
}

/// The open obligations of an institution, the most urgent first.
///
/// # Errors
/// [`Error::Store`].
pub async fn open_at(reader: &mut Reader, institution: Uuid, limit: u32) -> Result<Vec<Stored>, Error> {
    let rows = reader
        .rows(
            sql!("select * from obligation where is_open = 1 and institution_id = $1 order by due_at, id limit $2"),
            args![institution, limit],
        )
        .await?;
    list(&rows)
}

/// What waits for a person, the most urgent first.
///
/// # Errors
/// [`Error::Store`].
pub async fn open_for_person(reader: &mut Reader, person: Uuid, limit: u32) -> Result<Vec<Stored>, Error> {
    let rows = reader
        .rows(
            sql!("select * from obligation where is_open = 1 and person_id = $1 order by due_at, id limit $2"),
            args![person, limit],
        )
        .await?;
    list(&rows)
}

/// The open obligations due from `from` up to before `until`, the most urgent first; paused ones stand at the due
/// instant they had.
///
/// # Errors
/// [`Error::Store`].
pub async fn due_between(reader: &mut Reader, from: Timestamp, until: Timestamp) -> Result<Vec<Stored>, Error> {
    let rows = reader
        .rows(
            sql!("select * from obligation where is_open = 1 and due_at >= $1 and due_at < $2 order by due_at, id"),
            args![from, until],
        )
        .await?;
    list(&rows)
}

/// The life of an obligation, step by step.
///
/// # Errors
/// [`Error::Store`].
pub async fn history(reader: &mut Reader, id: ObligationId) -> Result<Vec<Event>, Error> {
    let rows =
        reader.rows(sql!("select * from obligation_event where obligation_id = $1 order by seq"), args![id.0]).await?;
    rows.iter()
        .map(|row| {
            Ok(Event {
                kind: row.get("kind")?,
                happened_at: row.get("happened_at")?,
                recorded_at: row.get("recorded_at")?,
                actor: row.get("actor_id")?,
                actor_name: row.get("actor_name")?,
                text: row.get("detail")?,
            })
        })
        .collect()
}

/// How rules were met, by rule, institution and month from `from_month` (`2026-01`) to `to_month`, both included.
/// A breach whose moment no tick has noted yet is not in it.
///
/// # Errors
/// [`Error::Store`].
pub async fn tallies(reader: &mut Reader, from_month: &str, to_month: &str) -> Result<Vec<Tally>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select rule, institution_id, due_month,
                     count(*) as obligation_count,
                     count(case when state = 'satisfied' then 1 end) as satisfied_count,
                     count(breached_at) as breached_count,
                     count(case when is_late = 1 then 1 end) as late_count,
                     count(case when is_explained = 1 then 1 end) as explained_count,
                     count(case when is_open = 1 then 1 end) as open_count
                 from obligation
                 where due_month >= $1 and due_month <= $2 and (state <> 'cancelled' or breached_at is not null)
                 group by rule, institution_id, due_month
                 order by rule, due_month, institution_id"
            ),
            args![from_month, to_month],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Tally {
                rule: row.get("rule")?,
                institution: row.get("institution_id")?,
                month: row.get("due_month")?,
                obligation_count: row.get("obligation_count")?,
                satisfied_count: row.get("satisfied_count")?,
                breached_count: row.get("breached_count")?,
                late_count: row.get("late_count")?,
                explained_count: row.get("explained_count")?,
                open_count: row.get("open_count")?,
            })
        })
        .collect()
}

/// The system as the one that notes a breach.
fn system() -> By {
    By { kind: "system", id: None, name: "clock".into(), post: None, institution: None }
}

async fn note_breach(tx: &mut Tx, stored: &Stored, was_breached: bool, now: Timestamp) -> Result<(), Error> {
    let Some(due_at) = stored.course.breached_at.filter(|_| !was_breached) else { return Ok(()) };
    record(tx, stored, "breached", due_at, now, &system(), "").await?;
    tx.journal(Entry {
        occurred_at: due_at,
        recorded_at: now,
        by: &By { institution: Some(stored.institution), ..system() },
        action: "clock.breach",
        subject_kind: &stored.subject_kind,
        subject: Some(stored.subject),
        patient: stored.patient,
        purpose: "",
        detail: serde_json::json!({
            "obligation": stored.id,
            "rule": stored.rule,
            "version": stored.version,
            "due_at": due_at,
        }),
    })
    .await?;
    Ok(())
}

async fn step(
    tx: &mut Tx,
    stored: Stored,
    kind: &str,
    happened_at: Timestamp,
    now: Timestamp,
    actor: &By,
    text: &str,
) -> Result<Stored, Error> {
    let stored = save(tx, stored).await?;
    record(tx, &stored, kind, happened_at, now, actor, text).await?;
    Ok(stored)
}

async fn record(
    tx: &mut Tx,
    stored: &Stored,
    kind: &str,
    happened_at: Timestamp,
    now: Timestamp,
    actor: &By,
    text: &str,
) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into obligation_event
                 (obligation_id, seq, kind, happened_at, recorded_at, actor_kind, actor_id, actor_name, detail)
             select $1, count(*) + 1, $2, $3, $4, $5, $6, $7, $8 from obligation_event where obligation_id = $1"
        ),
        args![stored.id.0, kind, happened_at, now, actor.kind, actor.id, &actor.name, text.trim()],
    )
    .await?;
    Ok(())
}

/// Writes the obligation and all columns that follow from it.
async fn save(tx: &mut Tx, stored: Stored) -> Result<Stored, Error> {
    use crate::obligation::State;
    let course = &stored.course;
    let closed_at = match &course.state {
        State::Running | State::Paused { .. } => None,
        State::Satisfied { at, .. } | State::Cancelled { at, .. } => Some(*at),
    };
    let document = serde_json::to_string(course)
        .map_err(|error| yiti_store::Error::Corrupt { what: "obligation", why: error.to_string() })?;
    tx.execute_one(
        sql!(
            "update obligation
             set revision = revision + 1, role = $3, person_id = $4, state = $5, is_open = $6, started_at = $7, due_at = $8,
                 due_month = $9, breached_at = $10, is_late = $11, is_explained = $12, closed_at = $13, next_at = $14,
                 course = $15
             where id = $1 and revision = $2"
        ),
        args![
            stored.id.0,
            stored.revision,
            &stored.role,
            stored.person,
            course.state.word(),
            course.state.is_open(),
            course.started_at,
            course.due_at(),
            time::civil(course.due_at()).strftime("%Y-%m").to_string(),
            course.breached_at,
            course.is_late(),
            stored.is_explained,
            closed_at,
            course.next_at(),
            document,
        ],
    )
    .await?;
    Ok(Stored { revision: stored.revision + 1, ..stored })
}

fn list(rows: &[Row]) -> Result<Vec<Stored>, Error> {
    rows.iter().map(stored).collect()
}

fn stored(row: &Row) -> Result<Stored, Error> {
    let course = serde_json::from_str(&row.get::<String>("course")?)
        .map_err(|error| yiti_store::Error::Corrupt { what: "obligation", why: error.to_string() })?;
    Ok(Stored {
        id: row.id("id")?,
        revision: row.get("revision")?,
        rule: row.get("rule")?,
        version: row.get("version")?,
        variant: row.get("variant")?,
        subject_kind: row.get("subject_kind")?,
        subject: row.get("subject_id")?,
        patient: row.get("patient_id")?,
        institution: row.get("institution_id")?,
        role: row.get("role")?,
        person: row.get("person_id")?,
        is_explained: row.get("is_explained")?,
        course,
    })
}
