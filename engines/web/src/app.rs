//! What every page stands on: the platform, the settings of the site, the counts of the head, the people known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::{Semaphore, broadcast};
use yiti_directory::institution::Tree;
use yiti_directory::people::{self, Post};
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::{Actor, InstitutionId, PersonId, Platform, PostId};
use yiti_kernel::{SignedDuration, Timestamp};
use yiti_store::Error;

use crate::assets::Assets;
use crate::route::{MenuItem, Route, Slice};

/// How long an actor may be taken from memory. What a post may do is therefore at most this late; an ended session is
/// not late at all, because sessions are never taken from memory.
const ACTOR_SECONDS_MAX: i64 = 5;
/// People kept in memory before the old ones are thrown out.
const ACTOR_COUNT_MAX: usize = 2048;
/// Passwords checked at the same time: each takes 19 MiB and a processor.
const PASSWORD_CHECK_MAX: usize = 4;

/// How the site is reached and what its sign-in page offers.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The address that people type, without a slash at the end: `https://yiti.example`. Only a loopback address may
    /// be plain `http`: browsers keep the session cookie over a secure connection alone.
    pub base_url: String,
    /// People whom anyone may become with one click; empty outside a demonstration.
    pub demo: Vec<Demo>,
    /// Whom to call when something does not work: `0871-0000 0120`; may be empty.
    pub help_phone: String,
    /// The version shown in the foot.
    pub version: String,
}

/// One person of the demonstration.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The person.
    pub person: PersonId,
    /// The post in which they act.
    pub post: PostId,
    /// The name shown.
    pub name: String,
    /// Where the post is held.
    pub institution: InstitutionId,
    /// The role's key.
    pub role: String,
}

/// What waits for someone, for the head and the menu.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Things they must do.
    pub tasks: u32,
    /// Of these, how many are overdue.
    pub overdue: u32,
    /// Things they should know and have not opened.
    pub notices: u32,
    /// Counts beside menu entries, by [`MenuItem::key`].
    pub menu: Vec<(&'static str, u32)>,
}

/// Counts what waits for someone. The app wires it to the engine that knows.
pub trait Counts: Send + Sync + 'static {
    /// What waits for `actor`.
    ///
    /// # Errors
    /// Whatever the store says; the page then shows no number rather than zero.
    fn tally<'a>(&'a self, platform: &'a Platform, actor: &'a Actor) -> BoxFuture<'a, Result<Tally, Error>>;
}

/// Counts nothing: for tests and until something can wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCounts;

impl Counts for NoCounts {
    fn tally<'a>(&'a self, _: &'a Platform, _: &'a Actor) -> BoxFuture<'a, Result<Tally, Error>> {
        Box::pin(async { Ok(Tally::default()) })
    }
}

/// An actor and what the head says of them.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) actor: Arc<Actor>,
    /// All posts they hold today, the acting one too.
    pub(crate) posts: Vec<Post>,
    /// Their password was given out by someone else and is still to be changed.
    pub(crate) must_change: bool,
    tree: Arc<Tree>,
    at: Timestamp,
}

/// The state of all handlers. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    platform: Arc<Platform>,
    limits: Limits,
    settings: Settings,
    counts: Arc<dyn Counts>,
    assets: Assets,
    wired: OnceLock<(Vec<MenuItem>, Vec<Route>)>,
    known: Mutex<HashMap<(PersonId, PostId), Arc<Known>>>,
    ended: broadcast::Sender<Vec<u8>>,
    password_checks: Semaphore,
}

impl App {
    /// The state of a site; [`router`](crate::router) adds menu and routes.
    #[must_use]
    pub fn new(platform: Arc<Platform>, limits: Limits, settings: Settings, counts: Arc<dyn Counts>) -> Self {
        let (ended, _) = broadcast::channel(256);
        Self(Arc::new(Inner {
            platform,
            limits,
            settings,
            counts,
            assets: Assets::load(),
            wired: OnceLock::new(),
            known: Mutex::default(),
            ended,
            password_checks: Semaphore::new(PASSWORD_CHECK_MAX),
        }))
    }

    /// The running product.
    #[must_use]
    pub fn platform(&self) -> &Arc<Platform> {
        &self.0.platform
    }

    /// Limits of accounts and sessions.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Settings of the site.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Styles, modules and icons.
    #[must_use]
    pub fn assets(&self) -> &Assets {
        &self.0.assets
    }

    /// Who counts what waits.
    #[must_use]
    pub fn counts(&self) -> &dyn Counts {
        &*self.0.counts
    }

    /// Every route of the site; empty before [`router`](crate::router) was called.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        self.0.wired.get().map_or(&[], |(_, routes)| routes)
    }

    /// Every menu entry, whoever may see it.
    #[must_use]
    pub fn menu(&self) -> &[MenuItem] {
        self.0.wired.get().map_or(&[], |(menu, _)| menu)
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.platform.now()
    }

    /// Forgets what is known of a person, so that a new post or an ended one shows at once.
    pub fn forget(&self, person: PersonId) {
        self.known_people().retain(|(known, _), _| *known != person);
    }

    /// True when cookies are only kept over a secure connection, which is so everywhere but on loopback.
    pub(crate) fn is_secure(&self) -> bool {
        let loopback = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
        !loopback.iter().any(|start| {
            let rest = self.0.settings.base_url.strip_prefix(start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        })
    }

    /// The name of the session cookie.
    pub(crate) fn cookie_name(&self) -> &'static str {
        if self.is_secure() { "__Host-yiti" } else { "yiti" }
    }

    pub(crate) fn wire(&self, slices: &[Slice]) {
        let menu = slices.iter().flat_map(|slice| slice.menu.iter().copied()).collect();
        let routes = slices.iter().flat_map(|slice| slice.routes.iter().copied()).collect();
        // A second router over the same state keeps the first menu; only tests do that.
        drop(self.0.wired.set((menu, routes)));
    }

    pub(crate) fn password_checks(&self) -> &Semaphore {
        &self.0.password_checks
    }

    /// Tells open streams of a session that it has ended.
    pub(crate) fn tell_ended(&self, token_hash: &[u8]) {
        drop(self.0.ended.send(token_hash.to_vec()));
    }

    pub(crate) fn hear_ended(&self) -> broadcast::Receiver<Vec<u8>> {
        self.0.ended.subscribe()
    }

    fn known_people(&self) -> std::sync::MutexGuard<'_, HashMap<(PersonId, PostId), Arc<Known>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The actor of a post, from memory when it was read in the last seconds and the tree is still the same.
    pub(crate) async fn known(&self, person: PersonId, post: PostId) -> Result<Option<Arc<Known>>, Error> {
        let (now, tree) = (self.now(), self.0.platform.tree());
        if let Some(known) = self.known_people().get(&(person, post)) {
            let age = now.duration_since(known.at);
            let is_young = age >= SignedDuration::ZERO && age < SignedDuration::from_secs(ACTOR_SECONDS_MAX);
            if is_young && Arc::ptr_eq(&known.tree, &tree) {
                return Ok(Some(known.clone()));
            }
        }
        let mut reader = self.0.platform.store.read().await?;
        let Some(actor) = self.0.platform.actor(&mut reader, person, post).await? else {
            self.known_people().remove(&(person, post));
            return Ok(None);
        };
        let today = yiti_kernel::time::day(now);
        let mut posts = people::posts_of(&mut reader, person).await?;
        posts.retain(|post| post.is_held_on(today) && self.0.platform.roles.get(&post.role).is_some());
        let account = sign_in::account(&mut reader, person).await?;
        let must_change = account.is_some_and(|account| account.must_change);
        let known = Arc::new(Known { actor: Arc::new(actor), posts, must_change, tree, at: now });
        let mut people = self.known_people();
        if people.len() >= ACTOR_COUNT_MAX {
            people.clear();
        }
        people.insert((person, post), known.clone());
        Ok(Some(known))
    }
}
