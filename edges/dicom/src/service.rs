//! The network server on the platform: who may call, what they hand in, what they may ask.
//!
//! Left out: the listener. `dimse::serve(listener, Arc::new(Edge::new(platform)), config, stop)` runs it.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use yiti_directory::device::{self, Device, Kind};
use yiti_directory::{Actor, InstitutionId, Platform};
use yiti_kernel::{SignedDuration, Timestamp};
use yiti_record::StudyId;
use yiti_store::Error;

use crate::archive::{self, Among, Incoming, Search};
use crate::dimse::{Answers, FindRefused, ReceivedInstance, Reject, Service, StoreRefused};
use crate::query::{StudyRootQuery, WorklistQuery};
use crate::worklist;

/// How often it is written down that a device was heard of.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The platform as modalities see it.
pub struct Edge {
    platform: Arc<Platform>,
    seen: Mutex<HashMap<String, Timestamp>>,
    /// How many open associations have brought something new to a study.
    touching: Mutex<HashMap<StudyId, usize>>,
}

/// A modality during one association.
pub struct Caller {
    actor: Arc<Actor>,
    institution: InstitutionId,
    touched: Mutex<BTreeSet<StudyId>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Edge {
    /// The edge of a running platform.
    #[must_use]
    pub fn new(platform: Arc<Platform>) -> Self {
        Self { platform, seen: Mutex::default(), touching: Mutex::default() }
    }

    async fn admit(&self, calling: &str, called: &str) -> Result<Result<Device, Reject>, Error> {
        let mut reader = self.platform.store.read().await?;
        let is = |device: &Device, kind| device.kind == kind && !device.is_disabled;
        let archive = device::find(&mut reader, called).await?.filter(|device| is(device, Kind::Archive));
        let Some(archive) = archive else { return Ok(Err(Reject::CalledTitle)) };
        let modality = device::find(&mut reader, calling).await?;
        let modality = modality.filter(|d| is(d, Kind::Modality) && d.institution == archive.institution);
        Ok(modality.ok_or(Reject::CallingTitle))
    }

    /// Writes that a device was heard of, at most once a minute. Failing to do so refuses nobody.
    async fn note_seen(&self, actor: &Arc<Actor>, peer: SocketAddr) {
        let now = self.platform.now();
        let is_due = {
            let mut seen = locked(&self.seen);
            let is_due = seen.get(&actor.name).is_none_or(|at| now.duration_since(*at) >= SEEN_EVERY);
            if is_due {
                seen.insert(actor.name.clone(), now);
            }
            is_due
        };
        if !is_due {
            return;
        }
        let (title, from) = (actor.name.clone(), peer.ip().to_string());
        let noted = self
            .platform
            .act(actor, move |cx| Box::pin(async move { device::note_seen(cx.tx, &title, &from, cx.now).await }));
        if let Err(error) = noted.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a device could not be noted as seen");
        }
    }

    /// Writes that a modality got a list of patients.
    async fn journal_list(&self, caller: &Caller, subject: &'static str, rows: usize) -> Result<(), FindRefused> {
        if rows == 0 {
            return Ok(());
        }
        let detail = json!({ "rows": rows, "device": caller.actor.name });
        let journaled = self.platform.act(&caller.actor, move |cx| {
            Box::pin(async move { cx.journal_read((subject, None), None, "treatment", detail).await })
        });
        journaled.await.map_err(failed)
    }
}

fn failed(error: Error) -> FindRefused {
    tracing::error!(error = &error as &dyn std::error::Error, "a query could not be answered");
    FindRefused::Failed
}

impl Service for Edge {
    type Caller = Caller;

    async fn accept(&self, calling: &str, called: &str, peer: SocketAddr) -> Result<Caller, Reject> {
        let device = self.admit(calling, called).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a device could not be looked up");
            Reject::Congestion
        })??;
        let tree = self.platform.tree();
        let scope = tree.get(device.institution).ok_or(Reject::CallingTitle)?.scope;
        let actor = Arc::new(Actor::device(&device.ae_title, device.institution, scope, &[archive::SEND]));
        self.note_seen(&actor, peer).await;
        Ok(Caller { actor, institution: device.institution, touched: Mutex::default() })
    }

    async fn store(&self, caller: &Caller, instance: ReceivedInstance) -> Result<(), StoreRefused> {
        let incoming = Incoming::new(instance.file, instance.header, instance.data_offset);
        let received = archive::keep(&self.platform, &caller.actor, caller.institution, incoming).await?;
        if received.is_new_instance && locked(&caller.touched).insert(received.study) {
            *locked(&self.touching).entry(received.study).or_default() += 1;
        }
        Ok(())
    }

    async fn find_worklist(&self, caller: &Caller, query: WorklistQuery, answers: Answers) -> Result<(), FindRefused> {
        let mut list = worklist::List::new(&self.platform, &caller.actor, query).map_err(failed)?;
        while let Some(found) = list.next().await.map_err(failed)? {
            self.journal_list(caller, "worklist", found.len()).await?;
            if !answers.give(found).await {
                break;
            }
        }
        Ok(())
    }

    async fn find(&self, caller: &Caller, mut query: StudyRootQuery, answers: Answers) -> Result<(), FindRefused> {
        let scope = caller.actor.scope;
        let reader = async || self.platform.store.read().await.map_err(failed);
        let among = archive::named(&mut reader().await?, scope, &mut query, false).await.map_err(failed)?;
        let mut search = Search::new(among.map_or(Among::All(scope), Among::These), &query);
        loop {
            // The reader goes back before the peer takes its time.
            let found = search.next(&mut reader().await?).await.map_err(failed)?;
            let Some(found) = found else { return Ok(()) };
            self.journal_list(caller, "imaging_study", found.len()).await?;
            if !answers.give(found.into_iter().map(|answer| answer.attributes).collect()).await {
                return Ok(());
            }
        }
    }

    /// An orderly end means that all was sent. After a broken one the sender comes again; what it does not finish is
    /// taken as complete when nothing came for a while.
    async fn closed(&self, caller: Caller, is_released: bool) {
        let touched = caller.touched.into_inner().unwrap_or_else(PoisonError::into_inner);
        let finished: Vec<StudyId> = {
            let mut touching = locked(&self.touching);
            let mut is_last = |study: &StudyId| match touching.get_mut(study) {
                Some(count) if *count > 1 => {
                    *count -= 1;
                    false
                }
                _ => {
                    touching.remove(study);
                    true
                }
            };
            touched.into_iter().filter(|study| is_last(study)).collect()
        };
        if is_released {
            archive::complete(&self.platform, &caller.actor, finished).await;
        }
    }
}
