//! Volume and turn-around by branch and month, each figure open to its readings.

use yiti_web::Slice;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice
}
