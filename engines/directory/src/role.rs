//! Roles are definitions: `definitions/roles.toml` says which permissions a role has and how far they reach.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use yiti_kernel::definition::{self, Fault, File, Words};

use crate::institution::{InstitutionId, Scope, Tree};

/// How far the permissions of a role reach from the node where it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The institution and all below it.
    Subtree,
    /// The whole group.
    Group,
}

/// What a role may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its key: `radiologist`.
    pub id: String,
    /// Its name.
    pub name: Words,
    /// How far it reaches.
    pub reach: Reach,
    /// What it may do.
    pub permissions: BTreeSet<String>,
}

impl Role {
    /// The scope of this role held at `institution`.
    #[must_use]
    pub fn scope(&self, tree: &Tree, institution: InstitutionId) -> Scope {
        match self.reach {
            Reach::Group => tree.whole(),
            Reach::Subtree => tree.get(institution).map_or(Scope { low: 0, high: -1 }, |node| node.scope),
        }
    }
}

/// All roles.
#[derive(Debug, Clone, Default)]
pub struct Roles(BTreeMap<String, Role>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleFile {
    role: Vec<Role>,
}

impl Roles {
    /// Reads `roles.toml`.
    ///
    /// # Errors
    /// [`Fault`] with its place.
    pub fn load(file: &File) -> Result<Self, Fault> {
        let read: RoleFile = definition::read(file)?;
        let mut roles = BTreeMap::new();
        for role in read.role {
            let id = role.id.clone();
            if roles.insert(id.clone(), role).is_some() {
                let message = format!("role `{id}` stands twice");
                return Err(Fault { path: file.path.clone(), line: 0, column: 0, message });
            }
        }
        Ok(Self(roles))
    }

    /// The role of a key.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Role> {
        self.0.get(id)
    }

    /// All roles by key.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.0.values()
    }
}
