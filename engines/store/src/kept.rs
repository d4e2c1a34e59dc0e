//! Answers worked out of the database that hold until something is changed in it.
//!
//! Most pages are read far more often than anything changes, and every page counts what waits. That someone reads changes
//! only the journal, which no kept answer may depend on.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use yiti_kernel::Timestamp;

use crate::Store;

/// How long an answer holds while nothing changes, since what is overdue also depends on the hour.
const SECONDS_MAX: i64 = 10;
/// How many answers are kept.
const COUNT_MAX: usize = 4096;

/// When an answer was found, and what it is.
type Answer = (Timestamp, Arc<dyn Any + Send + Sync>);

/// What was found since the change of that number.
#[derive(Default)]
struct Answers {
    since: u64,
    found: HashMap<(TypeId, String), Answer>,
}

/// The answers of one state of the database.
#[derive(Default)]
pub(crate) struct Kept {
    /// Groups of acts that have changed something beside the journal.
    changes: AtomicU64,
    answers: Mutex<Answers>,
}

impl Kept {
    /// What was found out before no longer holds. The writer says so after its commit, before it answers.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

impl Store {
    /// What `work` finds out, kept under its type and `key` and given again until something is changed in the store, for
    /// ten seconds at the most. `work` must depend on `key`, `now` and the database without its journal alone.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn kept<T, E>(
        &self,
        key: String,
        now: Timestamp,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E>
    where
        T: Send + Sync + 'static,
    {
        let kept = self.kept_answers();
        let key = (TypeId::of::<T>(), key);
        let changes = kept.changes.load(Ordering::Acquire);
        {
            let mut guard = kept.answers.lock().unwrap_or_else(PoisonError::into_inner);
            if guard.since != changes {
                *guard = Answers { since: changes, found: HashMap::new() };
            } else if let Some((at, answer)) = guard.found.get(&key)
                && (0..SECONDS_MAX).contains(&now.duration_since(*at).as_secs())
                && let Ok(answer) = answer.clone().downcast::<T>()
            {
                return Ok(answer);
            }
        }
        let answer = Arc::new(work.await?);
        let mut guard = kept.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // Another change may have come meanwhile: then it is not known which state was read.
        if guard.since == changes && kept.changes.load(Ordering::Acquire) == changes {
            if guard.found.len() >= COUNT_MAX {
                guard.found.clear();
            }
            guard.found.insert(key, (now, answer.clone()));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use yiti_kernel::{SignedDuration, Timestamp};

    use super::*;
    use crate::journal::{By, Entry};
    use crate::{Error, Settings, args, sql};

    async fn ask(store: &Store, asked: &AtomicU32, now: Timestamp) -> i64 {
        let counted = store.kept("blobs".to_owned(), now, async {
            asked.fetch_add(1, Ordering::Relaxed);
            let mut reader = store.read().await?;
            reader.one(sql!("select count(*) as n from blob"), args![]).await?.get::<i64>("n")
        });
        *counted.await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_holds_until_something_changes_and_not_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Settings::embedded(folder.path()), &[]).await.unwrap();
        let (asked, now) = (AtomicU32::new(0), Timestamp::UNIX_EPOCH);
        assert_eq!((ask(&store, &asked, now).await, ask(&store, &asked, now).await), (0, 0));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        // That something was read is no change.
        let read = store.write(move |tx| {
            Box::pin(async move {
                let by = By { kind: "system", id: None, name: "test".to_owned(), post: None, institution: None };
                let entry = Entry {
                    occurred_at: now,
                    recorded_at: now,
                    by: &by,
                    action: "patient.read",
                    subject_kind: "patient_list",
                    subject: None,
                    patient: None,
                    purpose: "treatment",
                    detail: serde_json::Value::Null,
                };
                tx.journal(entry).await
            })
        });
        let _: i64 = read.await.map_err(|e: Error| e).unwrap();
        ask(&store, &asked, now).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        // A change is seen at once by whoever made it.
        let insert = sql!("insert into blob (digest, segment, start, length) values ($1, $2, $3, $4)");
        let digest = crate::Digest::of(b"one");
        let put = store.write(move |tx| Box::pin(async move { tx.execute(insert, args![digest, 1, 0, 3]).await }));
        let _: u64 = put.await.map_err(|e: Error| e).unwrap();
        assert_eq!(ask(&store, &asked, now).await, 1);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        ask(&store, &asked, now + SignedDuration::from_secs(SECONDS_MAX)).await;
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        store.close().await;
        // Closed in order, the log has been copied and is gone.
        assert!(!folder.path().join("yiti.db-wal").exists());
    }
}
