//! For tests: a small group with one post of every role, and a clock that is moved by hand.

use std::sync::Arc;

use yiti_kernel::{FixedClock, Timestamp, civil};
use yiti_store::{Error, Migration, Store};

use crate::institution::{self, InstitutionId, InstitutionKind, NewInstitution};
use crate::people::{self, Person, PersonId, Post, PostId, Title};
use crate::role::Roles;
use crate::{Actor, Kit, Platform};

/// A group: a lead hospital and two township centres.
pub struct House {
    /// The running platform.
    pub platform: Arc<Platform>,
    /// Its clock.
    pub clock: Arc<FixedClock>,
    /// The lead hospital.
    pub lead: InstitutionId,
    /// A township centre.
    pub branch: InstitutionId,
    /// Another township centre.
    pub other: InstitutionId,
}

/// The moment at which every house begins: Tuesday, 2026-03-10 09:00 in China.
#[must_use]
pub fn morning() -> Timestamp {
    yiti_kernel::time::instant(civil::date(2026, 3, 10).at(9, 0, 0, 0))
}

impl House {
    /// Builds the group in an empty store whose migrations hold those of this crate.
    ///
    /// # Panics
    /// When the store refuses.
    pub async fn build(store: Store, roles: Roles, kit: Kit) -> Self {
        let clock = Arc::new(FixedClock::new(morning()));
        let ids: [InstitutionId; 4] = std::array::from_fn(|_| InstitutionId::fresh());
        store.write(move |tx| Box::pin(async move { plant(tx, ids).await })).await.unwrap_or_else(|e| panic!("{e:?}"));
        let platform = Platform::new(store, clock.clone(), roles, kit).await.unwrap_or_else(|e| panic!("{e:?}"));
        Self { platform: Arc::new(platform), clock, lead: ids[1], branch: ids[2], other: ids[3] }
    }

    /// Hires someone into a role and lets them act.
    ///
    /// # Panics
    /// When the role is unknown.
    pub async fn hire(&self, name: &str, role: &str, institution: InstitutionId, title: Title) -> Arc<Actor> {
        let (person, post) = (PersonId::fresh(), PostId::fresh());
        let (name, role) = (name.to_owned(), role.to_owned());
        let hired = self.platform.store.write(move |tx| {
            Box::pin(async move {
                let employee_number = person.to_string();
                let new = Person { id: person, name, employee_number, title, phone: String::new(), is_synthetic: true };
                people::add_person(tx, &new).await?;
                let from_on = civil::date(2020, 1, 1);
                let post = Post { id: post, person, role, institution, department: None, from_on, until_on: None };
                people::add_post(tx, &post).await
            })
        });
        hired.await.unwrap_or_else(|e: Error| panic!("{e:?}"));
        let mut reader = self.platform.store.read().await.unwrap_or_else(|e| panic!("{e:?}"));
        let actor = self.platform.actor(&mut reader, person, post).await.unwrap_or_else(|e| panic!("{e:?}"));
        Arc::new(actor.unwrap_or_else(|| panic!("no such role")))
    }
}

async fn plant(tx: &mut yiti_store::Tx, ids: [InstitutionId; 4]) -> Result<(), Error> {
    let names = [
        ("Group", InstitutionKind::Consortium),
        ("Lead", InstitutionKind::LeadHospital),
        ("Branch", InstitutionKind::TownshipCenter),
        ("Other", InstitutionKind::TownshipCenter),
    ];
    for (i, (name, kind)) in names.into_iter().enumerate() {
        let new = NewInstitution {
            id: ids[i],
            parent: (i > 0).then_some(ids[0]),
            name: name.into(),
            short_name: name.into(),
            kind,
            division_code: String::new(),
            is_synthetic: true,
        };
        institution::add(tx, &new).await?;
    }
    Ok(())
}

/// The migrations a house needs at least.
pub const MIGRATIONS: &[&[Migration]] = &[crate::MIGRATIONS];
