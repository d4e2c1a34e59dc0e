//! The pages of this slice, one file each; templates have the same names in `templates/`.

mod clearing;
mod codes;
mod desk;
mod edit;
mod problem;
mod regroup;
mod settlement;
mod settlement_sheet;
mod shared;
mod stay;
mod what_if;

use yiti_web::Slice;

/// All routes and menu entries of the slice.
#[must_use]
pub fn slice() -> Slice {
    let slice = Slice::new("drg");
    let slice = desk::add(slice);
    let slice = stay::add(slice);
    let slice = edit::add(slice);
    let slice = what_if::add(slice);
    let slice = codes::add(slice);
    let slice = settlement::add(slice);
    let slice = clearing::add(slice);
    regroup::add(slice)
}
