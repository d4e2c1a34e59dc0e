//! Who may do what with a reading at headquarters. Pure: pages, lists and acts ask here and nowhere else, so that what a
//! page does not offer, the act refuses.
//!
//! Left out: permissions and scope, which come before, and the branch's own acts (`actions::revoke`, `grade`), which
//! anyone of the branch with the permission may do.

use yiti_directory::{PersonId, Title};
use yiti_kernel::Timestamp;

use crate::remote_read::{Refused, State};

/// A doctor before a reading, as far as the rules ask.
#[derive(Debug, Clone, Copy)]
pub struct Doctor {
    /// Who.
    pub person: PersonId,
    /// Their title.
    pub title: Title,
    /// The lowest title that decides on reports (`approver_title_min` of the settings).
    pub title_min: Title,
    /// Whether examinations of this urgency are read before they are graded (`read_before_grade`).
    pub before_grade: bool,
    /// Now.
    pub at: Timestamp,
}

/// What a doctor does with a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Takes it to write.
    Take,
    /// Writes: saves, submits, gives back.
    Write,
    /// Asks the branch to take the pictures again.
    AskRepeat,
    /// Approves, or sends back.
    Decide,
    /// Adds to an issued report.
    AddTo,
}

impl Deed {
    const fn name(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Write => "write",
            Self::AskRepeat => "ask_repeat",
            Self::Decide => "decide",
            Self::AddTo => "begin_addendum",
        }
    }
}

/// Whether `doctor` may decide on what `author` wrote for `requested_by`.
///
/// # Errors
/// [`Refused::SamePerson`], [`Refused::OwnRequest`], [`Refused::TitleTooLow`].
pub fn decide(doctor: &Doctor, author: PersonId, requested_by: PersonId) -> Result<(), Refused> {
    if doctor.person == author {
        Err(Refused::SamePerson)
    } else if doctor.person == requested_by {
        Err(Refused::OwnRequest)
    } else if doctor.title < doctor.title_min {
        Err(Refused::TitleTooLow)
    } else {
        Ok(())
    }
}

fn read(doctor: &Doctor, requested_by: PersonId) -> Result<(), Refused> {
    if doctor.person == requested_by { Err(Refused::OwnRequest) } else { Ok(()) }
}

impl State {
    /// Whether `doctor` may do `deed` with a reading that stands here.
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, deed: Deed, doctor: &Doctor) -> Result<(), Refused> {
        let not_now = Err(Refused::NotNow { status: self.status(), event: deed.name() });
        match (self, deed) {
            (Self::Uploaded { requested_by, .. }, Deed::Take) => {
                read(doctor, *requested_by)?;
                if doctor.before_grade { Ok(()) } else { Err(Refused::NotGraded) }
            }
            (Self::Waiting { requested_by, .. }, Deed::Take)
            | (Self::Uploaded { requested_by, .. } | Self::Waiting { requested_by, .. }, Deed::AskRepeat)
            | (Self::Issued { requested_by, .. }, Deed::AddTo) => read(doctor, *requested_by),
            (Self::Drafting { requested_by, reader, lease_until, .. }, Deed::Take) => {
                read(doctor, *requested_by)?;
                match *reader {
                    // Whoever holds it writes on; there is nothing to take.
                    reader if reader == doctor.person => not_now,
                    reader if doctor.at < *lease_until => Err(Refused::Held { reader, until: *lease_until }),
                    _ => Ok(()),
                }
            }
            (Self::Drafting { reader, .. }, Deed::Write) => {
                if *reader == doctor.person {
                    Ok(())
                } else {
                    Err(Refused::NotHolder)
                }
            }
            // Once a second doctor has seen the pictures, or a report is out, they are not asked for again from here.
            (Self::Drafting { reader, sent_back: None, addendum_to: None, .. }, Deed::AskRepeat) => {
                if *reader == doctor.person { Ok(()) } else { Err(Refused::NotHolder) }
            }
            (Self::Drafted { author, requested_by, .. }, Deed::Decide) => decide(doctor, *author, *requested_by),
            (
                Self::Requested { .. }
                | Self::Uploaded { .. }
                | Self::RepeatAsked { .. }
                | Self::Waiting { .. }
                | Self::Drafting { .. }
                | Self::Drafted { .. }
                | Self::Issued { .. }
                | Self::Revoked { .. },
                _,
            ) => not_now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yiti_kernel::SignedDuration;
    use yiti_record::StudyId;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn doctor(person: PersonId) -> Doctor {
        let (title, title_min) = (Title::AssociateChief, Title::Attending);
        Doctor { person, title, title_min, before_grade: false, at: now() }
    }

    fn drafted(requested_by: PersonId, author: PersonId) -> State {
        State::Drafted { requested_by, study: StudyId::fresh(), author, written_at: now(), addendum_to: None }
    }

    fn drafting(requested_by: PersonId, reader: PersonId, lease_until: Timestamp) -> State {
        let study = StudyId::fresh();
        State::Drafting { requested_by, study, reader, lease_until, sent_back: None, addendum_to: None }
    }

    #[test]
    fn a_second_doctor_of_sufficient_title_decides_and_nobody_else() {
        let (asked, author, second) = (PersonId::fresh(), PersonId::fresh(), PersonId::fresh());
        let state = drafted(asked, author);
        assert_eq!(state.may(Deed::Decide, &doctor(second)), Ok(()));
        assert_eq!(state.may(Deed::Decide, &doctor(author)), Err(Refused::SamePerson));
        assert_eq!(state.may(Deed::Decide, &doctor(asked)), Err(Refused::OwnRequest));
        let exactly = Doctor { title: Title::Attending, ..doctor(second) };
        assert_eq!(state.may(Deed::Decide, &exactly), Ok(()));
        let below = Doctor { title: Title::Resident, ..doctor(second) };
        assert_eq!(state.may(Deed::Decide, &below), Err(Refused::TitleTooLow));
    }

    #[test]
    fn a_repeat_is_asked_by_who_holds_the_study_or_anyone_while_nobody_does() {
        let (asked, reader, other) = (PersonId::fresh(), PersonId::fresh(), PersonId::fresh());
        let waiting = State::Waiting { requested_by: asked, study: StudyId::fresh() };
        assert_eq!(waiting.may(Deed::AskRepeat, &doctor(other)), Ok(()));
        assert_eq!(waiting.may(Deed::AskRepeat, &doctor(asked)), Err(Refused::OwnRequest));
        let held = drafting(asked, reader, now());
        assert_eq!(held.may(Deed::AskRepeat, &doctor(reader)), Ok(()));
        assert_eq!(held.may(Deed::AskRepeat, &doctor(other)), Err(Refused::NotHolder));
        assert!(matches!(drafted(asked, reader).may(Deed::AskRepeat, &doctor(other)), Err(Refused::NotNow { .. })));
    }

    #[test]
    fn a_study_is_free_at_the_second_its_lease_ends() {
        let (asked, reader, other) = (PersonId::fresh(), PersonId::fresh(), PersonId::fresh());
        let until = now() + SignedDuration::from_secs(1);
        assert_eq!(
            drafting(asked, reader, until).may(Deed::Take, &doctor(other)),
            Err(Refused::Held { reader, until })
        );
        assert_eq!(drafting(asked, reader, now()).may(Deed::Take, &doctor(other)), Ok(()));
        assert_eq!(drafting(asked, reader, now()).may(Deed::Write, &doctor(other)), Err(Refused::NotHolder));
    }
}
