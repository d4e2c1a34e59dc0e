//! What those who run the group's IT see: institutions, people and posts, duty rota, devices, journal, system state.

use yiti_web::Slice;

/// All routes and menu entries of the slice.
#[must_use]
pub fn slice() -> Slice {
    Slice::new("administration")
}
