//! Which session has opened which study lately, so that one look is one entry of the journal and not one for each slice.
//!
//! Left out: the entry itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use yiti_kernel::{SignedDuration, Timestamp};
use yiti_record::StudyId;

/// How long an opening counts as the same look.
const SAME_LOOK: SignedDuration = SignedDuration::from_mins(30);
/// Openings kept in memory. When there are more, the eldest are forgotten and journaled again.
const COUNT_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<HashMap<(Vec<u8>, StudyId), Timestamp>>);

impl Opened {
    pub(super) fn is_known(&self, session: &[u8], study: StudyId, now: Timestamp) -> bool {
        let opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get(&(session.to_vec(), study)).is_some_and(|at| now.duration_since(*at) < SAME_LOOK)
    }

    pub(super) fn remember(&self, session: &[u8], study: StudyId, now: Timestamp) {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() >= COUNT_MAX {
            opened.retain(|_, at| now.duration_since(*at) < SAME_LOOK);
        }
        if opened.len() >= COUNT_MAX {
            let mut times: Vec<_> = opened.values().copied().collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            opened.retain(|_, at| *at > middle);
        }
        opened.insert((session.to_vec(), study), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_lasts_half_an_hour_and_belongs_to_one_session() {
        let (opened, study, now) = (Opened::default(), StudyId::fresh(), Timestamp::UNIX_EPOCH);
        opened.remember(b"a", study, now);
        let minutes = |minutes| now + SignedDuration::from_mins(minutes);
        assert!(opened.is_known(b"a", study, minutes(29)));
        assert!(!opened.is_known(b"a", study, minutes(30)));
        assert!(!opened.is_known(b"b", study, now));
        assert!(!opened.is_known(b"a", StudyId::fresh(), now));
    }
}
