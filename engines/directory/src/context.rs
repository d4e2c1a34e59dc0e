//! [`Cx`] is what an act gets in its hands; [`Platform`] runs acts and holds what they need.

use std::any::{Any, TypeId};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value as Json;
use tokio::sync::broadcast;
use yiti_kernel::{Clock, Timestamp, Uuid};
use yiti_store::journal::{By, Entry};
use yiti_store::{Act, Error, NewBlob, Reader, Store, Tx, args, sql};

use crate::institution::{self, InstitutionId, Scope, Tree};
use crate::people::{self, PersonId, PostId, Title};
use crate::role::Roles;

/// Who acts, in which post, and what that post may do.
#[derive(Debug, Clone)]
pub struct Actor {
    /// As the journal names them.
    pub by: By,
    /// The person; `None` for devices and the system itself.
    pub person: Option<PersonId>,
    /// The post in which a person acts.
    pub post: Option<PostId>,
    /// The name shown.
    pub name: String,
    /// Professional title of a person.
    pub title: Title,
    /// The role's key: `radiologist`, or `device`, `system`.
    pub role: String,
    /// The institution for which they act.
    pub institution: InstitutionId,
    /// The department of the post.
    pub department: Option<institution::DepartmentId>,
    /// How far their permissions reach.
    pub scope: Scope,
    /// What they may do.
    pub permissions: Arc<BTreeSet<String>>,
}

impl Actor {
    /// True when the post has `permission`, wherever.
    #[must_use]
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    /// A modality or another system that acts for one institution.
    #[must_use]
    pub fn device(name: &str, institution: InstitutionId, scope: Scope, permissions: &[&str]) -> Self {
        Self::other("device", name, institution, scope, permissions)
    }

    /// The platform itself: timers and set-up.
    #[must_use]
    pub fn system(name: &str, institution: InstitutionId, scope: Scope, permissions: &[&str]) -> Self {
        Self::other("system", name, institution, scope, permissions)
    }

    fn other(kind: &'static str, name: &str, institution: InstitutionId, scope: Scope, permissions: &[&str]) -> Self {
        Self {
            by: By { kind, id: None, name: name.to_owned(), post: None, institution: Some(institution.0) },
            person: None,
            post: None,
            name: name.to_owned(),
            title: Title::None,
            role: kind.to_owned(),
            institution,
            department: None,
            scope,
            permissions: Arc::new(permissions.iter().map(|p| (*p).to_owned()).collect()),
        }
    }
}

/// The actor may not do this, or not there. Pages answer as if the thing did not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{permission}` is not allowed here")]
pub struct Forbidden {
    /// What would have been needed.
    pub permission: &'static str,
}

/// Tells open pages that something changed; sent after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// What changed: `diagnostics`, `notice`.
    pub topic: &'static str,
    /// Where; pages of people whose scope does not reach it hear nothing.
    pub institution: InstitutionId,
}

/// What slices and engines need in their acts besides rows: definitions, forms. One value a type.
#[derive(Clone, Default)]
pub struct Kit(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Kit {
    /// Adds a value; it replaces an earlier one of the same type.
    #[must_use]
    pub fn with<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
        self
    }

    /// Adds a value that is also held elsewhere; it replaces an earlier one of the same type.
    #[must_use]
    pub fn share<T: Any + Send + Sync>(mut self, value: &Arc<T>) -> Self {
        self.0.insert(TypeId::of::<T>(), value.clone());
        self
    }

    /// The value of type `T`.
    ///
    /// # Panics
    /// When the app has not put it in: a fault of wiring that every start would show.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Arc<T> {
        let value = self.0.get(&TypeId::of::<T>()).cloned();
        value
            .and_then(|value| value.downcast().ok())
            .unwrap_or_else(|| panic!("the app has not wired `{}`", std::any::type_name::<T>()))
    }
}

/// An act in progress: its transaction, who acts, and the moment the request came in.
pub struct Cx<'t> {
    /// The transaction.
    pub tx: &'t mut Tx,
    /// Who acts.
    pub actor: Arc<Actor>,
    /// The moment of the act.
    pub now: Timestamp,
    /// The institution tree.
    pub tree: Arc<Tree>,
    /// Definitions.
    pub kit: Kit,
    announced: Vec<Live>,
}

impl Cx<'_> {
    /// Allows the act or refuses it: the post must have `permission` and reach `institution`.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn allow(&self, permission: &'static str, institution: InstitutionId) -> Result<(), Forbidden> {
        if self.actor.may(permission) && self.tree.reaches(self.actor.scope, institution) {
            Ok(())
        } else {
            Err(Forbidden { permission })
        }
    }

    /// The person who acts.
    ///
    /// # Errors
    /// [`Forbidden`] when a device or the system acts.
    pub fn person(&self, permission: &'static str) -> Result<PersonId, Forbidden> {
        self.actor.person.ok_or(Forbidden { permission })
    }

    /// Writes the journal entry of this act.
    ///
    /// # Errors
    /// Whatever the store says; the act then fails with it.
    pub async fn journal(
        &mut self,
        action: &str,
        (subject_kind, subject): (&str, Option<Uuid>),
        patient: Option<Uuid>,
        detail: Json,
    ) -> Result<(), Error> {
        let entry = Entry {
            occurred_at: self.now,
            recorded_at: self.now,
            by: &self.actor.by,
            action,
            subject_kind,
            subject,
            patient,
            purpose: "",
            detail,
        };
        self.tx.journal(entry).await.map(drop)
    }

    /// Writes that a patient's record, or a list of patients (`patient` is `None`), was read, and why.
    ///
    /// # Errors
    /// Whatever the store says; the reader then sees nothing.
    pub async fn journal_read(
        &mut self,
        (subject_kind, subject): (&str, Option<Uuid>),
        patient: Option<Uuid>,
        purpose: &str,
        detail: Json,
    ) -> Result<(), Error> {
        let entry = Entry {
            occurred_at: self.now,
            recorded_at: self.now,
            by: &self.actor.by,
            action: "patient.read",
            subject_kind,
            subject,
            patient,
            purpose,
            detail,
        };
        self.tx.journal(entry).await.map(drop)
    }

    /// Has open pages refreshed once the act is durable.
    pub fn announce(&mut self, topic: &'static str, institution: InstitutionId) {
        let live = Live { topic, institution };
        if !self.announced.contains(&live) {
            self.announced.push(live);
        }
    }
}

/// The running product: store, clock, tree, roles, definitions, and who listens.
pub struct Platform {
    /// The store.
    pub store: Store,
    /// Who tells the time.
    pub clock: Arc<dyn Clock>,
    /// The roles.
    pub roles: Roles,
    /// Definitions of engines and slices.
    pub kit: Kit,
    tree: RwLock<Arc<Tree>>,
    live: broadcast::Sender<Live>,
}

impl Platform {
    /// Loads the tree and is ready.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn new(store: Store, clock: Arc<dyn Clock>, roles: Roles, kit: Kit) -> Result<Self, Error> {
        let tree = institution::load(&mut store.read().await?).await?;
        let (live, _) = broadcast::channel(1024);
        Ok(Self { store, clock, roles, kit, tree: RwLock::new(Arc::new(tree)), live })
    }

    /// The present tree.
    #[must_use]
    pub fn tree(&self) -> Arc<Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads the tree again after institutions changed.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn reload_tree(&self) -> Result<(), Error> {
        let tree = institution::load(&mut self.store.read().await?).await?;
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tree);
        Ok(())
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Hears of changes.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Live> {
        self.live.subscribe()
    }

    /// The actor of a person in one of their posts; `None` when the post is not theirs or its term is over.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn actor(&self, reader: &mut Reader, person: PersonId, post: PostId) -> Result<Option<Actor>, Error> {
        let today = yiti_kernel::time::day(self.now());
        let posts = people::posts_of(reader, person).await?;
        let Some(post) = posts.into_iter().find(|p| p.id == post && p.is_held_on(today)) else { return Ok(None) };
        let Some(role) = self.roles.get(&post.role) else { return Ok(None) };
        let person = people::person(reader, person).await?;
        Ok(Some(Actor {
            by: By {
                kind: "person",
                id: Some(person.id.0),
                name: person.name.clone(),
                post: Some(post.id.0),
                institution: Some(post.institution.0),
            },
            person: Some(person.id),
            post: Some(post.id),
            name: person.name,
            title: person.title,
            role: post.role,
            institution: post.institution,
            department: post.department,
            scope: role.scope(&self.tree(), post.institution),
            permissions: Arc::new(role.permissions.clone()),
        }))
    }

    /// Runs an act: one transaction, durable when this returns `Ok`, then open pages hear of it.
    ///
    /// # Errors
    /// The act's own error, or a store error.
    pub async fn act<T, E, F>(&self, actor: &Arc<Actor>, act: F) -> Result<T, E>
    where
        F: for<'c, 't> FnOnce(&'c mut Cx<'t>) -> Act<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.act_at(self.now(), actor, Vec::new(), act).await
    }

    /// As [`Platform::act`], at a given moment and keeping `blobs` in the same flush.
    ///
    /// # Errors
    /// As [`Platform::act`].
    pub async fn act_at<T, E, F>(&self, now: Timestamp, actor: &Arc<Actor>, blobs: Vec<NewBlob>, act: F) -> Result<T, E>
    where
        F: for<'c, 't> FnOnce(&'c mut Cx<'t>) -> Act<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (actor, tree, kit) = (actor.clone(), self.tree(), self.kit.clone());
        let (value, announced) = self
            .store
            .write_with(blobs, move |tx| {
                Box::pin(async move {
                    let mut cx = Cx { tx, actor, now, tree, kit, announced: Vec::new() };
                    let value = act(&mut cx).await?;
                    Ok::<_, E>((value, cx.announced))
                })
            })
            .await?;
        for live in announced {
            // Nobody listening is no fault.
            drop(self.live.send(live));
        }
        Ok(value)
    }
}

/// What a retried act answered the first time, if it was done.
///
/// # Errors
/// Whatever the store says.
pub async fn done_before(cx: &mut Cx<'_>, key: &str) -> Result<Option<String>, Error> {
    let row = cx.tx.row(sql!("select outcome from act_done where key = $1"), args![key]).await?;
    row.map(|row| row.get("outcome")).transpose()
}

/// Remembers the outcome of an act under its key.
///
/// # Errors
/// [`Error::Conflict`] when the key was used already.
pub async fn remember(cx: &mut Cx<'_>, key: &str, outcome: &str) -> Result<(), Error> {
    let (person, now) = (cx.actor.person.map_or(Uuid::nil(), |p| p.0), cx.now);
    cx.tx
        .execute(
            sql!("insert into act_done (key, person_id, done_at, outcome) values ($1, $2, $3, $4)"),
            args![key, person, now, outcome],
        )
        .await?;
    Ok(())
}
