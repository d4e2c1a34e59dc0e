//! The readers' one list, the reading page, the second doctor's page.

use yiti_web::Slice;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice
}
