//! The pages of this slice, one file each; templates have the same names in `templates/`.

mod accounts;
mod devices;
mod first_start;
mod institutions;
mod journal;
mod people;
mod rota;
mod system;

pub use first_start::first_start;

use yiti_directory::{Scope, Tree};
use yiti_web::{MenuItem, Slice};

/// All routes and menu entries of the slice.
#[must_use]
pub fn slice() -> Slice {
    let slice = Slice::new("administration");
    let slice = rota::add(slice);
    let slice = institutions::add(slice);
    let slice = people::add(slice);
    let slice = accounts::add(slice);
    let slice = devices::add(slice);
    let slice = journal::add(slice);
    let slice = system::add(slice);
    let item = |key, path, permission, icon| MenuItem { key, group: "administration", path, permission, icon };
    slice.menu(&[
        item("rota", "/rota", "duty.read", "calendar-week"),
        item("institutions", "/institutions", "directory.read", "sitemap"),
        item("people", "/people", "directory.read", "users"),
        item("devices", "/devices", "device.read", "device-desktop"),
        item("journal", "/journal", "journal.read", "shield-check"),
        item("system", "/system", "system.read", "server"),
    ])
}

/// Institutions inside `scope` for a choice: id and name.
fn institutions_of(tree: &Tree, scope: Scope) -> Vec<(String, String)> {
    tree.within(scope).map(|node| (node.id.to_string(), node.name.clone())).collect()
}
