//! The pages of this edge: sending a file with the list of what came in before ([`send`]), and what came of one
//! ([`outcome`]).

mod outcome;
mod send;

use yiti_store::Error;
use yiti_web::{Access, App, MenuItem, Problem, Slice, Ui, Visitor};

use crate::import::ImportFault;
use crate::store::{self, ImportRow, Progress};

pub use send::FILE_BYTES_MAX;

const PATH: &str = "/drg/import";
const PERMISSION: &str = "front_page.import";

/// All routes and menu entries of this edge.
#[must_use]
pub fn slice() -> Slice {
    let import = Access::Permission(PERMISSION);
    Slice::new("frontpage")
        .get(PATH, import, send::list)
        .upload(PATH, import, send::BODY_BYTES_MAX, send::send)
        .get("/drg/import/{id}", import, outcome::show)
        .get("/drg/import/{id}/progress", import, outcome::progress)
        .get("/drg/import/{id}/errors", import, outcome::errors)
        .get("/drg/import/{id}/stays", import, outcome::stays)
        .menu(&[MenuItem {
            key: "front_page_import",
            group: "drg",
            path: PATH,
            permission: PERMISSION,
            icon: "upload",
        }])
}

impl From<ImportFault> for Problem {
    fn from(fault: ImportFault) -> Self {
        match fault {
            ImportFault::Forbidden(error) => error.into(),
            ImportFault::Store(error) => error.into(),
            ImportFault::File(_) | ImportFault::Grouping(_) | ImportFault::Stopped => Self::failed(fault),
        }
    }
}

/// The import of an address, when it is one for an institution that the visitor reaches.
async fn load(app: &App, visitor: &Visitor, id: &str) -> Result<ImportRow, Problem> {
    let id = id.parse().map_err(|_| Problem::NotFound)?;
    let mut reader = app.platform().store.read().await?;
    Ok(store::get(&mut reader, visitor.actor.scope, id).await?)
}

/// Who began an import.
fn who(ui: &Ui, row: &ImportRow) -> String {
    if row.started_by.is_some() { row.started_name.clone() } else { ui.t("front_page_import.command").to_owned() }
}

/// Where an import stands, as its tag says it.
struct Tag {
    kind: &'static str,
    icon: &'static str,
    words: String,
}

fn tag(ui: &Ui, progress: Progress) -> Tag {
    let (kind, icon, key) = match progress {
        Progress::Running => ("info", "refresh", "front_page_import.status.running"),
        Progress::Done => ("ok", "circle-check", "front_page_import.status.done"),
        Progress::Interrupted => ("danger", "alert-triangle", "front_page_import.status.interrupted"),
        Progress::Failed => ("danger", "alert-triangle", "front_page_import.status.failed"),
    };
    Tag { kind, icon, words: ui.t(key).to_owned() }
}

fn portion(pager: &yiti_web::Pager) -> (u32, u32) {
    let int = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (int(pager.size), int(pager.offset()))
}

/// Writes that patients were seen in a list.
async fn journal(app: &App, visitor: &Visitor, list: &'static str, row_count: usize) -> Result<(), Error> {
    yiti_drg::actions::list_read(app.platform(), &visitor.actor, list, row_count, visitor.here.clone()).await
}
