//! One obligation: its states and the steps between them. Pure; instants are arguments.
//!
//! Two instants go with an act: when it was done (`at`) and when that became known (`recorded_at`).
//!
//! - *late*: the act was done after the due instant.
//! - *breached*: the due instant passed before anyone recorded the act. An act done in time but recorded afterwards is
//!   breached and not late; the statistic counts both apart. So entering an earlier time does not take a breach back.
//!
//! An act at the due instant itself is in time.

use serde::{Deserialize, Serialize};
use yiti_kernel::{SignedDuration, Timestamp};

use crate::calendar::Calendar;
use crate::rule::{Plan, Schedule, Terms};

/// An obligation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// What the rule said at the start. INVARIANT: never changes.
    pub plan: Plan,
    /// The start event.
    pub started_at: Timestamp,
    /// Due instant, warning and escalation as they stand.
    pub schedule: Schedule,
    /// Grows with every new schedule that is no mere pause, so that its notices are raised anew.
    pub round: u32,
    /// The due instant that passed unmet. INVARIANT: once set, it stays.
    pub breached_at: Option<Timestamp>,
    /// Up to which instant notices were raised.
    pub raised_until: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
}

/// Where an obligation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum State {
    /// The time runs.
    Running,
    /// The time stands still.
    Paused {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
        /// The calendar's time that is left.
        left: SignedDuration,
    },
    /// The act was done.
    Satisfied {
        /// When it was done.
        at: Timestamp,
        /// True when that was after the due instant.
        is_late: bool,
    },
    /// The act is no longer needed.
    Cancelled {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl State {
    /// `running`, `paused`, `satisfied`, `cancelled`: the word in rows and the tail of the key in `locales/`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused { .. } => "paused",
            Self::Satisfied { .. } => "satisfied",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// True while the act is still waited for.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self {
            Self::Running | Self::Paused { .. } => true,
            Self::Satisfied { .. } | Self::Cancelled { .. } => false,
        }
    }
}

/// Why a step was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The obligation was satisfied or cancelled already.
    #[error("the obligation is already {state}")]
    Closed {
        /// Its state.
        state: &'static str,
    },
    /// Only a running obligation can be paused.
    #[error("the obligation is paused already")]
    Paused,
    /// Only a paused obligation can be resumed.
    #[error("the obligation is not paused")]
    NotPaused,
    /// The due instant has passed: it no longer moves, the delay can only be explained.
    #[error("the obligation was due at {due_at}")]
    Overdue {
        /// The due instant.
        due_at: Timestamp,
    },
    /// The step lies before an earlier one.
    #[error("the step lies before {than}")]
    Earlier {
        /// The earliest instant possible.
        than: Timestamp,
    },
    /// The act lies after the moment at which it is recorded.
    #[error("the act lies after {than}, the moment of recording")]
    InFuture {
        /// The moment of recording.
        than: Timestamp,
    },
    /// There is no delay to explain.
    #[error("the obligation is not breached")]
    NotBreached,
    /// A reason or an explanation is needed.
    #[error("a reason is needed")]
    NoReason,
    /// The same rule runs for the same subject already.
    #[error("this obligation runs already for the same subject")]
    Running,
}

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// The due instant draws near.
    Warning,
    /// The due instant has passed.
    Breach,
    /// A step of the escalation ladder.
    Escalation,
}

impl NoticeKind {
    /// The word in rows and the tail of the key in `locales/`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Breach => "breach",
            Self::Escalation => "escalation",
        }
    }
}

/// A moment of the schedule at which someone is told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The first instant at which it is told.
    pub at: Timestamp,
    /// What is told.
    pub kind: NoticeKind,
    /// The step of the ladder, from 0; 0 for the others.
    pub step: u32,
    /// The role told; empty where the responsible person is told.
    pub to_role: String,
}

impl Obligation {
    /// A running obligation.
    #[must_use]
    pub fn start(terms: &Terms) -> Self {
        Self {
            plan: terms.plan.clone(),
            started_at: terms.started_at,
            schedule: terms.schedule.clone(),
            round: 1,
            breached_at: None,
            raised_until: None,
            state: State::Running,
        }
    }

    /// The due instant; while the obligation is paused, the one it had before.
    #[must_use]
    pub const fn due_at(&self) -> Timestamp {
        self.schedule.due_at
    }

    /// True when the act was done after the due instant.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        matches!(self.state, State::Satisfied { is_late: true, .. })
    }

    /// The calendar's time that is left at `now`; negative when the due instant has passed, `None` when it is closed.
    #[must_use]
    pub fn left(&self, calendar: &Calendar, now: Timestamp) -> Option<SignedDuration> {
        match &self.state {
            State::Running => Some(calendar.between(now, self.due_at())),
            State::Paused { left, .. } => Some(*left),
            State::Satisfied { .. } | State::Cancelled { .. } => None,
        }
    }

    /// Notes the breach when the due instant has passed at `now`.
    #[must_use]
    pub fn observe(mut self, now: Timestamp) -> Self {
        if self.state == State::Running && self.breached_at.is_none() && now > self.due_at() {
            self.breached_at = Some(self.due_at());
        }
        self
    }

    /// The time stands still from `at` on.
    ///
    /// # Errors
    /// [`Refused::Overdue`] when the due instant has passed, [`Refused::Paused`], [`Refused::Closed`],
    /// [`Refused::Earlier`], [`Refused::NoReason`].
    pub fn pause(self, calendar: &Calendar, at: Timestamp, reason: &str) -> Result<Self, Refused> {
        let reason = text(reason)?;
        self.running()?;
        self.not_before_start(at)?;
        self.not_overdue(at)?;
        let left = calendar.between(at, self.due_at());
        Ok(Self { state: State::Paused { since: at, reason, left }, ..self })
    }

    /// The time runs again from `at` on: what was left when it was paused is left now.
    ///
    /// # Errors
    /// [`Refused::NotPaused`], [`Refused::Closed`], [`Refused::Earlier`].
    pub fn resume(self, calendar: &Calendar, at: Timestamp) -> Result<Self, Refused> {
        match &self.state {
            State::Paused { since, left, .. } => {
                if at < *since {
                    return Err(Refused::Earlier { than: *since });
                }
                let schedule = self.plan.schedule(calendar, calendar.add(at, *left));
                Ok(Self { schedule, state: State::Running, ..self })
            }
            State::Running => Err(Refused::NotPaused),
            State::Satisfied { .. } | State::Cancelled { .. } => Err(self.closed()),
        }
    }

    /// The act was done at `at`, which became known at `recorded_at`. A paused obligation can be satisfied too.
    ///
    /// # Errors
    /// [`Refused::Closed`]; [`Refused::Earlier`] when the act lies before the start; [`Refused::InFuture`].
    pub fn satisfy(self, at: Timestamp, recorded_at: Timestamp) -> Result<Self, Refused> {
        self.open()?;
        self.not_before_start(at)?;
        if at > recorded_at {
            return Err(Refused::InFuture { than: recorded_at });
        }
        let this = self.observe(recorded_at);
        let is_late = this.state == State::Running && at > this.due_at();
        Ok(Self { state: State::Satisfied { at, is_late }, ..this })
    }

    /// The act is no longer needed. A breach stays.
    ///
    /// # Errors
    /// [`Refused::Closed`], [`Refused::Earlier`], [`Refused::NoReason`].
    pub fn cancel(self, at: Timestamp, reason: &str) -> Result<Self, Refused> {
        let reason = text(reason)?;
        self.open()?;
        self.not_before_start(at)?;
        let this = self.observe(at);
        Ok(Self { state: State::Cancelled { at, reason }, ..this })
    }

    /// The start event moved to `started_at`, such as an appointment put off. Limit and calendar stay those of the first
    /// start; a paused obligation runs again.
    ///
    /// # Errors
    /// [`Refused::Overdue`] when the due instant has passed at `now`, [`Refused::Closed`], [`Refused::NoReason`].
    pub fn reschedule(
        self,
        calendar: &Calendar,
        started_at: Timestamp,
        now: Timestamp,
        reason: &str,
    ) -> Result<Self, Refused> {
        text(reason)?;
        self.open()?;
        self.not_overdue(now)?;
        let schedule = self.plan.schedule(calendar, calendar.add(started_at, self.plan.limit()));
        Ok(Self {
            started_at,
            schedule,
            round: self.round + 1,
            raised_until: None,
            state: State::Running,
            plan: self.plan,
            breached_at: self.breached_at,
        })
    }

    /// Checks that a delay may be explained with `text`.
    ///
    /// # Errors
    /// [`Refused::NotBreached`], [`Refused::NoReason`].
    pub fn explain(&self, explanation: &str) -> Result<String, Refused> {
        if self.breached_at.is_none() { Err(Refused::NotBreached) } else { text(explanation) }
    }

    /// The moments of the schedule in order of time.
    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        let schedule = &self.schedule;
        let warning =
            schedule.warn_at.map(|at| Moment { at, kind: NoticeKind::Warning, step: 0, to_role: String::new() });
        let breach =
            Moment { at: just_after(schedule.due_at), kind: NoticeKind::Breach, step: 0, to_role: String::new() };
        let ladder = (0..).zip(&schedule.escalations).map(|(step, escalation)| Moment {
            at: escalation.at,
            kind: NoticeKind::Escalation,
            step,
            to_role: escalation.to_role.clone(),
        });
        let mut all: Vec<Moment> = warning.into_iter().chain([breach]).chain(ladder).collect();
        all.sort_by_key(|moment| (moment.at, moment.kind, moment.step));
        all
    }

    /// The moments that have come at `now` and were not raised before.
    #[must_use]
    pub fn due_moments(&self, now: Timestamp) -> Vec<Moment> {
        let mut moments = self.pending();
        moments.retain(|moment| moment.at <= now);
        moments
    }

    /// When the next moment comes; `None` while nothing runs.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.pending().first().map(|moment| moment.at)
    }

    /// Notes that everything up to `now` was raised.
    #[must_use]
    pub fn raised(self, now: Timestamp) -> Self {
        let this = self.observe(now);
        let until = this.raised_until.map_or(now, |until| until.max(now));
        Self { raised_until: Some(until), ..this }
    }

    fn pending(&self) -> Vec<Moment> {
        if self.state != State::Running {
            return Vec::new();
        }
        let mut moments = self.moments();
        moments.retain(|moment| self.raised_until.is_none_or(|until| moment.at > until));
        moments
    }

    const fn closed(&self) -> Refused {
        Refused::Closed { state: self.state.word() }
    }

    const fn open(&self) -> Result<(), Refused> {
        if self.state.is_open() { Ok(()) } else { Err(self.closed()) }
    }

    const fn running(&self) -> Result<(), Refused> {
        match self.state {
            State::Running => Ok(()),
            State::Paused { .. } => Err(Refused::Paused),
            State::Satisfied { .. } | State::Cancelled { .. } => Err(self.closed()),
        }
    }

    fn not_before_start(&self, at: Timestamp) -> Result<(), Refused> {
        if at < self.started_at { Err(Refused::Earlier { than: self.started_at }) } else { Ok(()) }
    }

    fn not_overdue(&self, at: Timestamp) -> Result<(), Refused> {
        let overdue = self.state == State::Running && at > self.due_at();
        if overdue || self.breached_at.is_some() { Err(Refused::Overdue { due_at: self.due_at() }) } else { Ok(()) }
    }
}

/// The first stored instant after `at`: an act at the due instant is in time, one microsecond later it is not.
fn just_after(at: Timestamp) -> Timestamp {
    at.checked_add(SignedDuration::from_micros(1)).unwrap_or(at)
}

fn text(given: &str) -> Result<String, Refused> {
    let given = given.trim();
    if given.is_empty() { Err(Refused::NoReason) } else { Ok(given.to_owned()) }
}

#[cfg(test)]
#[path = "obligation_tests.rs"]
mod tests;
