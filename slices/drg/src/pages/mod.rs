//! The pages of this slice, one file each; templates have the same names in `templates/`.

mod analysis;
mod cases;
mod ceilings;
mod clearing;
mod codes;
mod desk;
mod edit;
mod failures;
mod figure;
mod problem;
mod quarter;
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
    let slice = analysis::add(slice);
    let slice = cases::add(slice);
    let slice = failures::add(slice);
    let slice = ceilings::add(slice);
    let slice = quarter::add(slice);
    let slice = settlement::add(slice);
    let slice = clearing::add(slice);
    regroup::add(slice)
}
