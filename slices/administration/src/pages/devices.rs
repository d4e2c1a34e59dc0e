//! DICOM application entities: which may call, from where, and when each was last heard of.

use askama::Template;
use axum::extract::State;
use serde_json::json;
use yiti_directory::InstitutionId;
use yiti_directory::device::{self, Device, Invalid, Kind};
use yiti_web::{
    Access, Answer, App, Form, LINE_LENGTH_MAX, Problem, Slice, Ui, Visitor, act_once, invalid, page, redirect,
};

use super::institutions_of;
use crate::error::Error;

/// A device that was silent for so long is worth a look.
const SILENT_HOURS: i64 = 24;

pub(super) fn add(slice: Slice) -> Slice {
    slice
        .get("/devices", Access::Permission("device.read"), list)
        .post("/devices", Access::Permission("device.write"), register)
        .post("/devices/switch", Access::Permission("device.write"), switch)
}

struct Line {
    ae_title: String,
    name: String,
    institution: String,
    kind: &'static str,
    modality: String,
    seen: String,
    seen_from: String,
    is_silent: bool,
    is_disabled: bool,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    ui: Ui,
    form: Form,
    lines: Vec<Line>,
    institutions: Vec<(String, String)>,
    kinds: Vec<(String, String)>,
    may_write: bool,
}

async fn shown(app: &App, visitor: &Visitor, form: Form) -> Result<DevicesPage, Problem> {
    let tree = app.platform().tree();
    let devices = device::list(&mut app.platform().store.read().await?, visitor.actor.scope).await?;
    let ui = Ui::new(app, visitor, "devices.title").await;
    let line = |device: Device| Line {
        institution: tree.name(device.institution).to_owned(),
        kind: device.kind.key(),
        seen: device.seen_at.map(|at| ui.short_time(&at)).unwrap_or_default(),
        is_silent: device.seen_at.is_some_and(|at| ui.now.duration_since(at).as_hours() >= SILENT_HOURS),
        ae_title: device.ae_title,
        name: device.name,
        modality: device.modality,
        seen_from: device.seen_from,
        is_disabled: device.is_disabled,
    };
    Ok(DevicesPage {
        lines: devices.into_iter().map(line).collect(),
        institutions: institutions_of(&tree, visitor.actor.scope),
        kinds: [Kind::Modality, Kind::Archive]
            .map(|kind| (kind.key().to_owned(), ui.word("device_kind", kind.key())))
            .to_vec(),
        may_write: visitor.may("device.write"),
        form,
        ui,
    })
}

async fn list(State(app): State<App>, visitor: Visitor) -> Answer {
    page(&shown(&app, &visitor, Form::filled(&[("kind", "modality")])).await?)
}

async fn register(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let kind = form.choice("kind", &["modality", "archive"]);
    let new = Device {
        ae_title: form.required("ae_title", 16),
        institution: form.needed("institution").unwrap_or(InstitutionId(yiti_kernel::Uuid::nil())),
        kind: if kind == Some("archive") { Kind::Archive } else { Kind::Modality },
        modality: if kind == Some("archive") { String::new() } else { form.text("modality", 16).to_uppercase() },
        name: form.required("name", LINE_LENGTH_MAX),
        is_disabled: false,
        seen_at: None,
        seen_from: String::new(),
    };
    match device::check(&new) {
        Err(Invalid::Title) => form.errors.add("ae_title", "devices.bad_title", &[]),
        Err(Invalid::Modality) => form.errors.add("modality", "devices.bad_modality", &[]),
        Ok(()) => {}
    }
    if !form.is_valid() {
        return invalid(&shown(&app, &visitor, form).await?);
    }
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            cx.allow("device.write", new.institution)?;
            device::add(cx.tx, &new).await.map_err(|e| Error::taken(e, "ae_title", "devices.taken"))?;
            let detail = json!({ "ae_title": new.ae_title, "institution": new.institution, "modality": new.modality });
            cx.journal("device.add", ("device", None), None, detail).await?;
            Ok::<_, Error>("/devices".to_owned())
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(error) => {
            error.beside(&mut form)?;
            invalid(&shown(&app, &visitor, form).await?)
        }
    }
}

async fn switch(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let ae_title = form.required("ae_title", 16);
    let is_disabled = form.choice("to", &["off", "on"]) == Some("off");
    if !form.is_valid() {
        return Err(Problem::Malformed);
    }
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let device = device::find(cx.tx, &ae_title).await?.ok_or(yiti_store::Error::NotFound)?;
            cx.allow("device.write", device.institution)?;
            device::set_disabled(cx.tx, &ae_title, is_disabled).await?;
            let action = if is_disabled { "device.switch_off" } else { "device.switch_on" };
            cx.journal(action, ("device", None), None, json!({ "ae_title": ae_title })).await?;
            Ok::<_, Error>("/devices".to_owned())
        })
    });
    redirect(&to.await?)
}
