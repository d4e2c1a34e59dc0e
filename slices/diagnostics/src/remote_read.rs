//! Where a remote reading stands and how it gets on. Pure.
//!
//! A branch asks for an examination and takes the pictures; headquarters reads them: one doctor writes, a second one
//! approves, and only then the report goes out. Source: rules 4.1 of the trade (`telemedicine-2018`, recalled).
//!
//! Leaves out: assignment by rule, double reading, the critical-value loop (they follow).
//!
//! INVARIANT: the author of a version never approves it.
//! INVARIANT: nobody reads an examination that they asked for themselves.

use serde::{Deserialize, Serialize};
use yiti_directory::PersonId;
use yiti_flow::CaseKind;
use yiti_kernel::{SignedDuration, Timestamp};
use yiti_record::{ReportId, StudyId};

/// The kind of case.
#[derive(Debug, Clone, Copy)]
pub struct RemoteRead;

/// An issued version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedVersion {
    /// The report.
    pub report: ReportId,
    /// Its newest version.
    pub version: u32,
}

/// Why a draft came back to its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentBack {
    /// Who sent it back.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Key of a return reason in the settings.
    pub reason: String,
    /// In their own words.
    pub note: String,
}

/// Where a remote reading stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// Asked for; the pictures are not here.
    Requested {
        /// Who asked.
        requested_by: PersonId,
    },
    /// The pictures are here and wait for their quality grade.
    Uploaded {
        /// Who asked.
        requested_by: PersonId,
        /// The pictures.
        study: StudyId,
    },
    /// The pictures are not fit; the branch takes them again.
    RepeatAsked {
        /// Who asked for the examination.
        requested_by: PersonId,
        /// The pictures that were not fit.
        study: StudyId,
        /// Key of a repeat reason in the settings.
        reason: String,
        /// In the technician's own words.
        note: String,
        /// Since when.
        at: Timestamp,
    },
    /// Waits for a reader.
    Waiting {
        /// Who asked.
        requested_by: PersonId,
        /// The pictures.
        study: StudyId,
    },
    /// A reader holds it and writes.
    Drafting {
        /// Who asked.
        requested_by: PersonId,
        /// The pictures.
        study: StudyId,
        /// Who writes.
        reader: PersonId,
        /// Until when nobody else may take it.
        lease_until: Timestamp,
        /// Why it came back, when it did.
        sent_back: Option<SentBack>,
        /// The issued version this adds to, when it is an addendum.
        addendum_to: Option<IssuedVersion>,
    },
    /// Handed in; waits for a second doctor.
    Drafted {
        /// Who asked.
        requested_by: PersonId,
        /// The pictures.
        study: StudyId,
        /// Who wrote it.
        author: PersonId,
        /// When it was handed in.
        written_at: Timestamp,
        /// The issued version this adds to, when it is an addendum.
        addendum_to: Option<IssuedVersion>,
    },
    /// The report is out.
    Issued {
        /// Who asked.
        requested_by: PersonId,
        /// The pictures.
        study: StudyId,
        /// The newest version.
        issued: IssuedVersion,
        /// Who wrote it.
        author: PersonId,
        /// Who approved it.
        approver: PersonId,
        /// When.
        at: Timestamp,
    },
    /// Taken back before a report was issued.
    Revoked {
        /// Who took it back.
        by: PersonId,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
}

/// What can happen to a remote reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The branch doctor asks.
    Request,
    /// The pictures are complete at headquarters.
    Arrive {
        /// The pictures.
        study: StudyId,
    },
    /// The pictures are graded and fit.
    Grade {
        /// Key of the grade.
        grade: String,
        /// Out of 100.
        points: u32,
    },
    /// The pictures are not fit.
    AskRepeat {
        /// Key of a repeat reason.
        reason: String,
        /// In their own words.
        note: String,
    },
    /// A reader takes it.
    Take {
        /// Who.
        by: PersonId,
        /// For how long.
        lease_minutes: u32,
        /// Whether it may be read before the pictures are graded.
        before_grade: bool,
    },
    /// The reader gives it back to the list.
    Release {
        /// Who.
        by: PersonId,
    },
    /// The reader hands it in.
    Submit {
        /// Who.
        by: PersonId,
    },
    /// The second doctor approves it, changed or not.
    Approve {
        /// Who.
        by: PersonId,
        /// The version issued.
        issued: IssuedVersion,
        /// Sections that the second doctor changed.
        amended: Vec<String>,
    },
    /// The second doctor sends it back.
    SendBack {
        /// Who.
        by: PersonId,
        /// Key of a return reason.
        reason: String,
        /// In their own words.
        note: String,
        /// For how long the author holds it.
        lease_minutes: u32,
    },
    /// Something is to be added to an issued report.
    BeginAddendum {
        /// Who writes it.
        by: PersonId,
        /// For how long.
        lease_minutes: u32,
    },
    /// The pictures were not its own; it waits for others.
    Unmatch,
    /// Taken back.
    Revoke {
        /// Who.
        by: PersonId,
        /// Why.
        reason: String,
    },
}

/// Why something did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The reading does not stand where this is possible.
    #[error("a reading that is `{status}` cannot `{event}`")]
    NotNow {
        /// Where it stands.
        status: &'static str,
        /// What was tried.
        event: &'static str,
    },
    /// Someone else holds it.
    #[error("`{reader}` holds the study until {until}")]
    Held {
        /// Who.
        reader: PersonId,
        /// Until when.
        until: Timestamp,
    },
    /// Only the one who holds it may do this.
    #[error("only the reader who holds the study may do this")]
    NotHolder,
    /// Author and approver are one person.
    #[error("the author cannot approve the report")]
    SamePerson,
    /// The reader asked for the examination.
    #[error("the doctor who asked for the examination does not read it")]
    OwnRequest,
    /// The title is too low to decide on reports.
    #[error("the title is too low to decide on reports")]
    TitleTooLow,
    /// The pictures are not graded yet.
    #[error("the pictures are not graded yet")]
    NotGraded,
    /// A reason is needed.
    #[error("a reason is needed")]
    NoReason,
}

impl Refused {
    /// The key of its text in `locales/`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NotNow { .. } => "diagnostics.refused.not_now",
            Self::Held { .. } => "diagnostics.refused.held",
            Self::NotHolder => "diagnostics.refused.not_holder",
            Self::SamePerson => "diagnostics.refused.same_person",
            Self::OwnRequest => "diagnostics.refused.own_request",
            Self::TitleTooLow => "diagnostics.refused.title_too_low",
            Self::NotGraded => "diagnostics.refused.not_graded",
            Self::NoReason => "diagnostics.refused.no_reason",
        }
    }
}

impl State {
    /// The word for this state, as stored and as key in `locales/`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "requested",
            Self::Uploaded { .. } => "uploaded",
            Self::RepeatAsked { .. } => "repeat_asked",
            Self::Waiting { .. } => "waiting",
            Self::Drafting { sent_back: None, .. } => "drafting",
            Self::Drafting { sent_back: Some(_), .. } => "returned",
            Self::Drafted { .. } => "drafted",
            Self::Issued { .. } => "issued",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// The pictures, once they are here.
    #[must_use]
    pub const fn study(&self) -> Option<StudyId> {
        match self {
            Self::Requested { .. } | Self::Revoked { .. } => None,
            Self::Uploaded { study, .. }
            | Self::RepeatAsked { study, .. }
            | Self::Waiting { study, .. }
            | Self::Drafting { study, .. }
            | Self::Drafted { study, .. }
            | Self::Issued { study, .. } => Some(*study),
        }
    }

    /// The issued version, when there is one, also while an addendum is written.
    #[must_use]
    pub const fn issued(&self) -> Option<IssuedVersion> {
        match self {
            Self::Issued { issued, .. } => Some(*issued),
            Self::Drafting { addendum_to, .. } | Self::Drafted { addendum_to, .. } => *addendum_to,
            Self::Requested { .. }
            | Self::Uploaded { .. }
            | Self::RepeatAsked { .. }
            | Self::Waiting { .. }
            | Self::Revoked { .. } => None,
        }
    }

    /// The reader who holds it at `at`.
    #[must_use]
    pub fn holder(&self, at: Timestamp) -> Option<PersonId> {
        match self {
            Self::Drafting { reader, lease_until, .. } if at < *lease_until => Some(*reader),
            _ => None,
        }
    }
}

fn lease(at: Timestamp, minutes: u32) -> Timestamp {
    at + SignedDuration::from_mins(i64::from(minutes))
}

impl CaseKind for RemoteRead {
    const KIND: &'static str = "remote_read";
    type State = State;
    type Event = Event;
    type Refused = Refused;

    fn apply(state: State, event: &Event, at: Timestamp) -> Result<State, Refused> {
        let not_now = Refused::NotNow { status: state.status(), event: Self::event_name(event) };
        match (state, event) {
            (State::Requested { requested_by } | State::RepeatAsked { requested_by, .. }, Event::Arrive { study }) => {
                Ok(State::Uploaded { requested_by, study: *study })
            }

            (State::Uploaded { requested_by, study }, Event::Grade { .. }) => {
                Ok(State::Waiting { requested_by, study })
            }
            // A study that was taken before it was graded keeps its reader; the grade is noted beside.
            (state @ (State::Drafting { .. } | State::Drafted { .. }), Event::Grade { .. }) => Ok(state),

            (
                State::Uploaded { requested_by, study } | State::Waiting { requested_by, study },
                Event::AskRepeat { reason, note },
            )
            | (State::Drafting { requested_by, study, addendum_to: None, .. }, Event::AskRepeat { reason, note }) => {
                if reason.trim().is_empty() {
                    return Err(Refused::NoReason);
                }
                let (reason, note) = (reason.clone(), note.clone());
                Ok(State::RepeatAsked { requested_by, study, reason, note, at })
            }

            (State::Uploaded { .. }, Event::Take { before_grade: false, .. }) => Err(Refused::NotGraded),
            (
                State::Uploaded { requested_by, study } | State::Waiting { requested_by, study },
                Event::Take { by, lease_minutes, .. },
            ) => {
                if *by == requested_by {
                    return Err(Refused::OwnRequest);
                }
                let lease_until = lease(at, *lease_minutes);
                Ok(State::Drafting {
                    requested_by,
                    study,
                    reader: *by,
                    lease_until,
                    sent_back: None,
                    addendum_to: None,
                })
            }
            (
                State::Drafting { requested_by, study, reader, lease_until, sent_back, addendum_to },
                Event::Take { by, lease_minutes, .. },
            ) => {
                if *by == requested_by {
                    return Err(Refused::OwnRequest);
                }
                if *by != reader && at < lease_until {
                    return Err(Refused::Held { reader, until: lease_until });
                }
                let lease_until = lease(at, *lease_minutes);
                Ok(State::Drafting { requested_by, study, reader: *by, lease_until, sent_back, addendum_to })
            }

            (State::Drafting { requested_by, study, reader, addendum_to: None, .. }, Event::Release { by }) => {
                if *by == reader { Ok(State::Waiting { requested_by, study }) } else { Err(Refused::NotHolder) }
            }

            (State::Drafting { requested_by, study, reader, addendum_to, .. }, Event::Submit { by }) => {
                if *by != reader {
                    return Err(Refused::NotHolder);
                }
                Ok(State::Drafted { requested_by, study, author: reader, written_at: at, addendum_to })
            }

            (State::Drafted { requested_by, study, author, .. }, Event::Approve { by, issued, .. }) => {
                if *by == author {
                    return Err(Refused::SamePerson);
                }
                if *by == requested_by {
                    return Err(Refused::OwnRequest);
                }
                Ok(State::Issued { requested_by, study, issued: *issued, author, approver: *by, at })
            }
            (
                State::Drafted { requested_by, study, author, addendum_to, .. },
                Event::SendBack { by, reason, note, lease_minutes },
            ) => {
                if *by == author {
                    return Err(Refused::SamePerson);
                }
                if *by == requested_by {
                    return Err(Refused::OwnRequest);
                }
                if reason.trim().is_empty() {
                    return Err(Refused::NoReason);
                }
                let sent_back = SentBack { by: *by, at, reason: reason.clone(), note: note.clone() };
                Ok(State::Drafting {
                    requested_by,
                    study,
                    reader: author,
                    lease_until: lease(at, *lease_minutes),
                    sent_back: Some(sent_back),
                    addendum_to,
                })
            }

            (State::Issued { requested_by, study, issued, .. }, Event::BeginAddendum { by, lease_minutes }) => {
                if *by == requested_by {
                    return Err(Refused::OwnRequest);
                }
                Ok(State::Drafting {
                    requested_by,
                    study,
                    reader: *by,
                    lease_until: lease(at, *lease_minutes),
                    sent_back: None,
                    addendum_to: Some(issued),
                })
            }

            // Who reads it must give it back first: nobody writes about pictures that vanish under the pen.
            (
                State::Uploaded { requested_by, .. }
                | State::RepeatAsked { requested_by, .. }
                | State::Waiting { requested_by, .. },
                Event::Unmatch,
            ) => Ok(State::Requested { requested_by }),

            (
                State::Requested { .. } | State::Uploaded { .. } | State::RepeatAsked { .. } | State::Waiting { .. },
                Event::Revoke { by, reason },
            ) => {
                if reason.trim().is_empty() {
                    return Err(Refused::NoReason);
                }
                Ok(State::Revoked { by: *by, reason: reason.clone(), at })
            }

            (
                State::Requested { .. }
                | State::Uploaded { .. }
                | State::RepeatAsked { .. }
                | State::Waiting { .. }
                | State::Drafting { .. }
                | State::Drafted { .. }
                | State::Issued { .. }
                | State::Revoked { .. },
                _,
            ) => Err(not_now),
        }
    }

    fn status(state: &State) -> &'static str {
        state.status()
    }

    fn event_name(event: &Event) -> &'static str {
        match event {
            Event::Request => "request",
            Event::Arrive { .. } => "arrive",
            Event::Grade { .. } => "grade",
            Event::AskRepeat { .. } => "ask_repeat",
            Event::Take { .. } => "take",
            Event::Release { .. } => "release",
            Event::Submit { .. } => "submit",
            Event::Approve { .. } => "approve",
            Event::SendBack { .. } => "send_back",
            Event::BeginAddendum { .. } => "begin_addendum",
            Event::Unmatch => "unmatch",
            Event::Revoke { .. } => "revoke",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + minute * 60).unwrap()
    }

    struct People {
        doctor: PersonId,
        reader: PersonId,
        second: PersonId,
        study: StudyId,
    }

    fn people() -> People {
        People {
            doctor: PersonId::fresh(),
            reader: PersonId::fresh(),
            second: PersonId::fresh(),
            study: StudyId::fresh(),
        }
    }

    fn take(by: PersonId) -> Event {
        Event::Take { by, lease_minutes: 15, before_grade: false }
    }

    fn waiting(p: &People) -> State {
        State::Waiting { requested_by: p.doctor, study: p.study }
    }

    fn drafted(p: &People) -> State {
        let state = RemoteRead::apply(waiting(p), &take(p.reader), at(0)).unwrap();
        RemoteRead::apply(state, &Event::Submit { by: p.reader }, at(5)).unwrap()
    }

    fn approve(by: PersonId) -> Event {
        let issued = IssuedVersion { report: ReportId(yiti_kernel::Uuid::nil()), version: 1 };
        Event::Approve { by, issued, amended: vec![] }
    }

    #[test]
    fn a_report_goes_from_request_to_issue_through_two_doctors() {
        let p = people();
        let mut state = State::Requested { requested_by: p.doctor };
        let grade = Event::Grade { grade: "a".into(), points: 95 };
        for (event, status) in [
            (Event::Arrive { study: p.study }, "uploaded"),
            (grade, "waiting"),
            (take(p.reader), "drafting"),
            (Event::Submit { by: p.reader }, "drafted"),
            (approve(p.second), "issued"),
        ] {
            state = RemoteRead::apply(state, &event, at(0)).unwrap();
            assert_eq!(state.status(), status);
        }
    }

    #[test]
    fn the_author_cannot_approve_nor_send_back() {
        let p = people();
        assert_eq!(RemoteRead::apply(drafted(&p), &approve(p.reader), at(6)), Err(Refused::SamePerson));
        let back = Event::SendBack { by: p.reader, reason: "wording".into(), note: String::new(), lease_minutes: 15 };
        assert_eq!(RemoteRead::apply(drafted(&p), &back, at(6)), Err(Refused::SamePerson));
    }

    #[test]
    fn the_doctor_who_asked_neither_reads_nor_approves() {
        let p = people();
        assert_eq!(RemoteRead::apply(waiting(&p), &take(p.doctor), at(0)), Err(Refused::OwnRequest));
        assert_eq!(RemoteRead::apply(drafted(&p), &approve(p.doctor), at(6)), Err(Refused::OwnRequest));
        let back = Event::SendBack { by: p.doctor, reason: "wording".into(), note: String::new(), lease_minutes: 15 };
        assert_eq!(RemoteRead::apply(drafted(&p), &back, at(6)), Err(Refused::OwnRequest));
    }

    #[test]
    fn a_held_study_is_refused_until_the_last_second_of_the_lease() {
        let p = people();
        let state = RemoteRead::apply(waiting(&p), &take(p.reader), at(0)).unwrap();
        let one_second = SignedDuration::from_secs(1);
        let early = RemoteRead::apply(state.clone(), &take(p.second), at(15) - one_second);
        assert_eq!(early, Err(Refused::Held { reader: p.reader, until: at(15) }));
        assert!(RemoteRead::apply(state, &take(p.second), at(15)).is_ok());
    }

    #[test]
    fn pictures_are_read_before_their_grade_only_where_the_settings_say_so() {
        let p = people();
        let uploaded = State::Uploaded { requested_by: p.doctor, study: p.study };
        assert_eq!(RemoteRead::apply(uploaded.clone(), &take(p.reader), at(0)), Err(Refused::NotGraded));
        let stat = Event::Take { by: p.reader, lease_minutes: 15, before_grade: true };
        let drafting = RemoteRead::apply(uploaded, &stat, at(0)).unwrap();
        let graded = RemoteRead::apply(drafting, &Event::Grade { grade: "b".into(), points: 80 }, at(1)).unwrap();
        assert_eq!(graded.status(), "drafting");
    }

    #[test]
    fn a_report_sent_back_returns_to_its_author_with_the_reason() {
        let p = people();
        let back = |reason: &str| Event::SendBack {
            by: p.second,
            reason: reason.into(),
            note: "left, not right".into(),
            lease_minutes: 15,
        };
        assert_eq!(RemoteRead::apply(drafted(&p), &back(" "), at(6)), Err(Refused::NoReason));
        let state = RemoteRead::apply(drafted(&p), &back("side_or_site"), at(6)).unwrap();
        assert_eq!(state.status(), "returned");
        assert_eq!(state.holder(at(7)), Some(p.reader));
        let again = RemoteRead::apply(state, &Event::Submit { by: p.reader }, at(8)).unwrap();
        assert!(RemoteRead::apply(again, &approve(p.second), at(9)).is_ok());
    }

    #[test]
    fn an_addendum_keeps_the_issued_version_until_it_is_approved() {
        let p = people();
        let issued = RemoteRead::apply(drafted(&p), &approve(p.second), at(6)).unwrap();
        let version = issued.issued().unwrap();
        let begun =
            RemoteRead::apply(issued, &Event::BeginAddendum { by: p.reader, lease_minutes: 15 }, at(60)).unwrap();
        assert_eq!(begun.issued(), Some(version));
        let release = RemoteRead::apply(begun.clone(), &Event::Release { by: p.reader }, at(61));
        assert!(matches!(release, Err(Refused::NotNow { .. })));
        let handed_in = RemoteRead::apply(begun, &Event::Submit { by: p.reader }, at(62)).unwrap();
        assert_eq!(handed_in.issued(), Some(version));
        assert_eq!(RemoteRead::apply(handed_in, &approve(p.reader), at(63)), Err(Refused::SamePerson));
    }

    #[test]
    fn an_issued_report_cannot_be_taken_back() {
        let p = people();
        let issued = RemoteRead::apply(drafted(&p), &approve(p.second), at(6)).unwrap();
        let revoke = Event::Revoke { by: p.doctor, reason: "mistake".into() };
        let refused = RemoteRead::apply(issued, &revoke, at(7)).unwrap_err();
        assert_eq!(refused.to_string(), "a reading that is `issued` cannot `revoke`");
    }

    #[test]
    fn a_repeat_leads_back_to_new_pictures() {
        let p = people();
        let ask = Event::AskRepeat { reason: "motion".into(), note: String::new() };
        let asked = RemoteRead::apply(waiting(&p), &ask, at(0)).unwrap();
        let again = StudyId::fresh();
        let state = RemoteRead::apply(asked, &Event::Arrive { study: again }, at(20)).unwrap();
        assert_eq!(state.study(), Some(again));
        assert_eq!(state.status(), "uploaded");
    }

    #[test]
    fn pictures_that_were_not_its_own_leave_a_reading_until_someone_reads_them() {
        let p = people();
        let asked = State::Requested { requested_by: p.doctor };
        for state in [State::Uploaded { requested_by: p.doctor, study: p.study }, waiting(&p)] {
            assert_eq!(RemoteRead::apply(state, &Event::Unmatch, at(0)), Ok(asked.clone()));
        }
        let taken = RemoteRead::apply(waiting(&p), &take(p.reader), at(0)).unwrap();
        for state in [asked, taken, drafted(&p), RemoteRead::apply(drafted(&p), &approve(p.second), at(6)).unwrap()] {
            assert!(matches!(RemoteRead::apply(state, &Event::Unmatch, at(7)), Err(Refused::NotNow { .. })));
        }
    }

    #[test]
    fn a_state_reads_back_from_its_own_json() {
        let state = drafted(&people());
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}
