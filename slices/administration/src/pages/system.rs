//! How the installation is: database, files, writer, sessions, pictures without an order, silent devices.
//!
//! Leaves out: response times and backups (they follow), and what the DICOM edge has open, which only it knows.

use askama::Template;
use axum::extract::State;
use yiti_directory::{device, session};
use yiti_record::imaging;
use yiti_web::{Access, Answer, App, Slice, Ui, Visitor, page};

pub(super) fn add(slice: Slice) -> Slice {
    slice.get("/system", Access::Permission("system.read"), state)
}

struct Line {
    title: String,
    note: String,
    href: &'static str,
    is_well: bool,
    words: String,
}

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    ui: Ui,
    folder_bytes: String,
    blob_bytes: String,
    blob_count: String,
    session_count: String,
    unmatched_count: String,
    lines: Vec<Line>,
}

/// `1.84 TB`, in steps of 1024.
fn bytes_text(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "KB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value >= 1024.0 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.2} {unit}") }
}

async fn state(State(app): State<App>, visitor: Visitor) -> Answer {
    let (store, scope) = (&app.platform().store, visitor.actor.scope);
    let (blob_count, blob_bytes) = store.blob_usage().await?;
    let folder_bytes = store.folder_bytes().await?;
    let mut reader = store.read().await?;
    let session_count = session::open_count(&mut reader, app.now()).await?;
    let unmatched_count = imaging::unmatched_count(&mut reader, scope).await?;
    let devices = device::list(&mut reader, scope).await?;
    drop(reader);
    let ui = Ui::new(&app, &visitor, "system.title").await;
    let modalities = || devices.iter().filter(|d| d.kind == device::Kind::Modality && !d.is_disabled);
    let silent_count =
        modalities().filter(|d| d.seen_at.is_none_or(|at| ui.now.duration_since(at).as_hours() >= 24)).count();
    let is_writing = store.is_writing();
    let verdict = |is_well: bool, otherwise: &str| ui.t(if is_well { "system.well" } else { otherwise }).to_owned();
    let folder = store.folder().display().to_string();
    let lines = vec![
        Line {
            title: ui.t("system.database").to_owned(),
            note: ui.t_with(
                "system.database_note",
                &[("engine", &ui.word("system_engine", store.engine())), ("folder", &folder)],
            ),
            href: "",
            is_well: true,
            words: verdict(true, ""),
        },
        Line {
            title: ui.t("system.writer").to_owned(),
            note: ui.t(if is_writing { "system.writer_note" } else { "system.writer_remedy" }).to_owned(),
            href: "",
            is_well: is_writing,
            words: verdict(is_writing, "system.stopped"),
        },
        Line {
            title: ui.t("system.pictures").to_owned(),
            note: ui.t_with(
                if unmatched_count == 0 { "system.pictures_note" } else { "system.pictures_remedy" },
                &[("count", &unmatched_count.to_string())],
            ),
            href: if unmatched_count > 0 && visitor.may("diagnostics.match") { "/studies" } else { "" },
            is_well: unmatched_count == 0,
            words: verdict(unmatched_count == 0, "system.look"),
        },
        Line {
            title: ui.t("system.devices").to_owned(),
            note: ui.t_with(
                if silent_count == 0 { "system.devices_note" } else { "system.devices_remedy" },
                &[("count", &modalities().count().to_string()), ("silent", &silent_count.to_string())],
            ),
            href: if visitor.may("device.read") { "/devices" } else { "" },
            is_well: silent_count == 0,
            words: verdict(silent_count == 0, "system.look"),
        },
        Line {
            title: ui.t("system.journal").to_owned(),
            note: ui.t("system.journal_note").to_owned(),
            href: if visitor.may("journal.read") { "/journal" } else { "" },
            is_well: true,
            words: ui.t("system.verify_there").to_owned(),
        },
    ];
    page(&SystemPage {
        folder_bytes: bytes_text(folder_bytes),
        blob_bytes: bytes_text(blob_bytes.unsigned_abs()),
        blob_count: blob_count.to_string(),
        session_count: session_count.to_string(),
        unmatched_count: unmatched_count.to_string(),
        lines,
        ui,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_largest_unit_they_fill() {
        assert_eq!(bytes_text(1023), "1023 B");
        assert_eq!(bytes_text(1024), "1.00 KB");
        assert_eq!(bytes_text(1024 * 1024 * 1536), "1.50 GB");
    }
}
