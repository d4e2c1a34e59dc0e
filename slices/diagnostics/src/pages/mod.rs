//! The pages of this slice, one file each; templates have the same names in `templates/`.

mod approve;
mod branch;
mod breach;
mod patients;
mod problem;
mod reading;
mod readings;
mod reports;
mod requests;
mod shared;
mod sorting;
mod studies;
mod turnaround;
mod verify;

use yiti_web::Slice;

/// All routes and menu entries of the slice.
#[must_use]
pub fn slice() -> Slice {
    let slice = Slice::new("diagnostics");
    let slice = requests::add(slice);
    let slice = studies::add(slice);
    let slice = sorting::add(slice);
    let slice = patients::add(slice);
    let slice = readings::add(slice);
    let slice = reports::add(slice);
    turnaround::add(slice)
}
