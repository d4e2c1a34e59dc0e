//! What branches ask for: list, form, detail; patients.

use yiti_web::Slice;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice
}
