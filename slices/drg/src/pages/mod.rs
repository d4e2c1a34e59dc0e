//! The pages of this slice, one file each; templates have the same names in `templates/`.

mod analysis;
mod cases;
mod ceilings;
mod failures;
mod figure;
mod quarter;

use yiti_web::Slice;

/// All routes and menu entries of the slice.
#[must_use]
pub fn slice() -> Slice {
    let slice = Slice::new("drg");
    let slice = analysis::add(slice);
    let slice = cases::add(slice);
    let slice = failures::add(slice);
    let slice = ceilings::add(slice);
    quarter::add(slice)
}
