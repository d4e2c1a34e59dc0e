//! The institution tree and the scope of a query. Pure but for loading and adding.
//!
//! The tree is kept as nested sets: each node has a range, and the range of a node holds those of all nodes below it. So
//! a scope is one range, and a query is scoped by `tree_low between $1 and $2`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use yiti_kernel::id_type;
use yiti_store::{Error, Reader, Tx, args, sql};

id_type!(
    /// Names an institution of the group.
    InstitutionId
);
id_type!(
    /// Names a department of an institution.
    DepartmentId
);

/// What an institution is within the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstitutionKind {
    /// The group as a whole.
    Consortium,
    /// The hospital that leads it.
    LeadHospital,
    /// Another hospital of the county.
    MemberHospital,
    /// A township health centre.
    TownshipCenter,
    /// A community health service centre.
    CommunityCenter,
    /// A village clinic.
    VillagePost,
}

impl InstitutionKind {
    /// As stored and as key in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Consortium => "consortium",
            Self::LeadHospital => "lead_hospital",
            Self::MemberHospital => "member_hospital",
            Self::TownshipCenter => "township_center",
            Self::CommunityCenter => "community_center",
            Self::VillagePost => "village_post",
        }
    }

    /// All kinds, the group itself first.
    pub const ALL: [Self; 6] = [
        Self::Consortium,
        Self::LeadHospital,
        Self::MemberHospital,
        Self::TownshipCenter,
        Self::CommunityCenter,
        Self::VillagePost,
    ];

    /// The kind of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institution {
    /// Its identifier.
    pub id: InstitutionId,
    /// The node above; `None` for the group itself.
    pub parent: Option<InstitutionId>,
    /// Its full name.
    pub name: String,
    /// The name for narrow columns.
    pub short_name: String,
    /// What it is.
    pub kind: InstitutionKind,
    /// GB/T 2260 or statistics code of its place.
    pub division_code: String,
    /// Made up for demonstration.
    pub is_synthetic: bool,
    /// Its range.
    pub scope: Scope,
    /// How many nodes stand above it.
    pub depth: usize,
}

/// The part of the tree that an act or a query reaches: a node and all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    /// First place of the range.
    pub low: i64,
    /// Last place of the range, inclusive.
    pub high: i64,
}

impl Scope {
    /// True when `other` lies wholly inside.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.low <= other.low && other.high <= self.high
    }

    /// What both reach; empty (`low > high`) when nothing.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }
}

/// The whole tree in memory, in tree order.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Institution>,
    by_id: HashMap<InstitutionId, usize>,
}

impl Tree {
    /// A tree of nodes in any order.
    #[must_use]
    pub fn new(mut nodes: Vec<Institution>) -> Self {
        nodes.sort_by_key(|node| node.scope.low);
        let mut above: Vec<i64> = Vec::new();
        for node in &mut nodes {
            while above.last().is_some_and(|high| *high < node.scope.low) {
                above.pop();
            }
            node.depth = above.len();
            above.push(node.scope.high);
        }
        let by_id = nodes.iter().enumerate().map(|(i, node)| (node.id, i)).collect();
        Self { nodes, by_id }
    }

    /// The node of an identifier.
    #[must_use]
    pub fn get(&self, id: InstitutionId) -> Option<&Institution> {
        self.by_id.get(&id).map(|i| &self.nodes[*i])
    }

    /// The short name of a node; empty when there is none such.
    #[must_use]
    pub fn short_name(&self, id: InstitutionId) -> &str {
        self.get(id).map_or("", |node| &node.short_name)
    }

    /// The full name of a node; empty when there is none such.
    #[must_use]
    pub fn name(&self, id: InstitutionId) -> &str {
        self.get(id).map_or("", |node| &node.name)
    }

    /// The group itself.
    #[must_use]
    pub fn root(&self) -> Option<&Institution> {
        self.nodes.first()
    }

    /// The range of the whole group.
    #[must_use]
    pub fn whole(&self) -> Scope {
        self.root().map_or(Scope { low: 0, high: -1 }, |root| root.scope)
    }

    /// All nodes inside a scope, in tree order.
    pub fn within(&self, scope: Scope) -> impl Iterator<Item = &Institution> {
        self.nodes.iter().filter(move |node| scope.contains(node.scope))
    }

    /// True when `id` lies inside `scope`.
    #[must_use]
    pub fn reaches(&self, scope: Scope, id: InstitutionId) -> bool {
        self.get(id).is_some_and(|node| scope.contains(node.scope))
    }
}

/// Reads the whole tree.
///
/// # Errors
/// [`Error::Corrupt`] when a kind is unknown.
pub async fn load(reader: &mut Reader) -> Result<Tree, Error> {
    let rows = reader.rows(sql!("select * from institution order by tree_low"), args![]).await?;
    let nodes = rows
        .iter()
        .map(|row| {
            let kind: String = row.get("kind")?;
            Ok(Institution {
                id: row.id("id")?,
                parent: row.optional_id("parent_id")?,
                name: row.get("name")?,
                short_name: row.get("short_name")?,
                kind: InstitutionKind::from_key(&kind).ok_or(Error::Corrupt { what: "institution kind", why: kind })?,
                division_code: row.get("division_code")?,
                is_synthetic: row.get("is_synthetic")?,
                scope: Scope { low: row.get("tree_low")?, high: row.get("tree_high")? },
                depth: 0,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Tree::new(nodes))
}

/// What is needed to add an institution.
#[derive(Debug, Clone)]
pub struct NewInstitution {
    /// The identifier it gets.
    pub id: InstitutionId,
    /// The node above; `None` only for the first.
    pub parent: Option<InstitutionId>,
    /// Its full name.
    pub name: String,
    /// The name for narrow columns.
    pub short_name: String,
    /// What it is.
    pub kind: InstitutionKind,
    /// The code of its place.
    pub division_code: String,
    /// Made up for demonstration.
    pub is_synthetic: bool,
}

/// Adds an institution as the last child of its parent.
///
/// # Errors
/// [`Error::NotFound`] when the parent is unknown; [`Error::Conflict`] when there is a group already.
pub async fn add(tx: &mut Tx, new: &NewInstitution) -> Result<(), Error> {
    let low = match new.parent {
        None => {
            if tx.row(sql!("select id from institution limit 1"), args![]).await?.is_some() {
                return Err(Error::Conflict { constraint: "one group".into() });
            }
            1
        }
        Some(parent) => {
            let row = tx.one(sql!("select tree_high from institution where id = $1"), args![parent.0]).await?;
            let at: i64 = row.get("tree_high")?;
            // Make room for two places; in two steps through negative numbers so that no two rows ever share a place.
            tx.execute(sql!("update institution set tree_high = tree_high + 2 where tree_high >= $1"), args![at])
                .await?;
            tx.execute(sql!("update institution set tree_low = -(tree_low + 2) where tree_low > $1"), args![at])
                .await?;
            tx.execute(sql!("update institution set tree_low = -tree_low where tree_low < 0"), args![]).await?;
            at
        }
    };
    tx.execute(
        sql!(
            "insert into institution (id, parent_id, name, short_name, kind, division_code, tree_low, tree_high, is_synthetic)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        ),
        args![
            new.id.0,
            new.parent.map(|p| p.0),
            &new.name,
            &new.short_name,
            new.kind.key(),
            &new.division_code,
            low,
            low + 1,
            new.is_synthetic,
        ],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(low: i64, high: i64) -> Institution {
        Institution {
            id: InstitutionId::fresh(),
            parent: None,
            name: format!("{low}"),
            short_name: format!("{low}"),
            kind: InstitutionKind::TownshipCenter,
            division_code: String::new(),
            is_synthetic: true,
            scope: Scope { low, high },
            depth: 0,
        }
    }

    #[test]
    fn a_scope_reaches_its_node_and_all_below_and_nothing_beside() {
        let tree = Tree::new(vec![node(6, 7), node(1, 10), node(2, 5), node(3, 4), node(8, 9)]);
        let names: Vec<_> = tree.within(Scope { low: 2, high: 5 }).map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["2", "3"]);
        assert_eq!(tree.nodes.iter().map(|n| n.depth).collect::<Vec<_>>(), [0, 1, 2, 1, 1]);
        assert_eq!(tree.within(tree.whole()).count(), 5);
        let beside = Scope { low: 2, high: 5 }.and(Scope { low: 6, high: 7 });
        assert_eq!(tree.within(beside).count(), 0);
    }
}
