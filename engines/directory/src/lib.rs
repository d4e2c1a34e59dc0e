//! Who works where, in which post, and what they may do.
//!
//! - [`institution`]: the tree of institutions and the [`Scope`] every query takes.
//! - [`people`], [`duty`]: departments, people, posts with terms, the duty rota and leave.
//! - [`device`]: DICOM application entities, bound to institutions.
//! - [`role`]: roles as definitions: which permissions, and how far they reach.
//! - [`sign_in`], [`session`]: local accounts, lock-out, server-side sessions.
//! - [`context`]: [`Cx`], what an act gets in its hands, and [`Platform`], which runs acts.
//!
//! Leaves out: OpenID Connect, delegation and break-glass (they follow), and what the permissions protect.
//!
//! INVARIANT: a password or a session token is never stored or logged, only its hash.

pub mod context;
pub mod device;
pub mod duty;
pub mod institution;
pub mod people;
pub mod role;
mod secrets;
pub mod session;
pub mod sign_in;
pub mod testing;

pub use context::{Actor, Cx, Forbidden, Kit, Live, Platform};
pub use institution::{DepartmentId, Institution, InstitutionId, InstitutionKind, Scope, Tree};
pub use people::{Person, PersonId, Post, PostId, Title};
pub use role::{Role, Roles};
pub use secrets::{NoSecret, code};

use yiti_store::Migration;

/// The tables of this crate.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 2001, name: "directory", sql: include_str!("../migrations/2001_directory.sql") },
    Migration { version: 2002, name: "devices", sql: include_str!("../migrations/2002_device.sql") },
];
