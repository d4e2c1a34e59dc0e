//! Pictures that arrived: grading, repeats, studies without an order.

use yiti_web::Slice;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    slice
}
