//! Issued reports: on screen, on A4, and the public check of a print.

use yiti_web::Slice;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice
}
