//! Sending a file, and the imports before.
//!
//! The file is held in memory within a bound while its import runs; a few imports run at a time, so memory stays bounded.

use std::time::Duration;

use askama::Template;
use axum::extract::{Request, State};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use yiti_directory::InstitutionId;
use yiti_drg::columns::Standard;
use yiti_drg::settings::Definitions;
use yiti_web::{
    Answer, App, Asked, Form, Pager, Problem, Sent, Ui, Upload, Visitor, act_once, invalid, page, redirect,
};

use super::{PATH, Tag, portion, tag, who};
use crate::import::{self, Import, ImportFault, Whole};
use crate::read::FORMS;
use crate::report::Counts;
use crate::store::{self, ImportId, ImportRow};
use crate::words;

/// The largest file that the page takes; the command takes larger ones.
pub const FILE_BYTES_MAX: usize = 64 << 20;
/// What a body may have. A file between the two is told to be too large in the form; beyond, the request is refused.
pub(super) const BODY_BYTES_MAX: usize = 8 * FILE_BYTES_MAX;
/// Files that are held at a time, each until its import is over.
const AT_ONCE: usize = 2;
/// How long someone waits for a place before being told to come back.
const PLACE_SECONDS_MAX: u64 = 20;
/// How long a file may take to arrive.
const ARRIVAL_SECONDS_MAX: u64 = 900;
/// How long the answer waits for the import, so that a small one is seen as done.
const ANSWER_SECONDS_MAX: u64 = 3;
/// Imports on one page of the list.
const PAGE_SIZE: usize = 20;
/// Endings that the choice of a file offers.
const ENDINGS: &str = ".csv,.txt,.xlsx,.parquet,.gz,.json,.jsonl";

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// One import of the list.
struct Past {
    href: String,
    file: String,
    digest: String,
    place: String,
    form: String,
    status: Tag,
    who: String,
    when: String,
    counts: Counts,
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    ui: Ui,
    form: Form,
    units: Vec<(String, String)>,
    forms: Vec<(String, String)>,
    endings: &'static str,
    mib_max: usize,
    past: Vec<Past>,
    pager: Pager,
}

fn past(app: &App, ui: &Ui, row: &ImportRow) -> Past {
    Past {
        href: format!("{PATH}/{}", row.id),
        file: row.file_name.clone(),
        digest: row.file_digest.to_string().chars().take(12).collect(),
        place: app.platform().tree().short_name(row.institution).to_owned(),
        form: ui.word("front_page.form", row.standard.key()),
        status: tag(ui, row.progress),
        who: who(ui, row),
        when: ui.minute(&row.started_at),
        counts: row.counts,
    }
}

async fn import_page(app: &App, visitor: &Visitor, form: Form, asked: &Form) -> Result<ImportPage, Problem> {
    let ui = Ui::new(app, visitor, "front_page_import.title").await;
    let tree = app.platform().tree();
    let definitions = app.platform().kit.get::<Definitions>();
    let nodes = definitions.settings.with_inpatients(&tree, visitor.actor.scope);
    let mut reader = app.platform().store.read().await?;
    let (_, count) = store::list(&mut reader, visitor.actor.scope, (0, 0)).await?;
    let pager = Pager::new(PATH, asked, &[], PAGE_SIZE, count as usize);
    let (rows, _) = store::list(&mut reader, visitor.actor.scope, portion(&pager)).await?;
    drop(reader);
    Ok(ImportPage {
        form,
        units: nodes.map(|node| (node.id.to_string(), node.short_name.clone())).collect(),
        forms: FORMS.map(|form| (form.key().to_owned(), ui.word("front_page.form", form.key()))).into(),
        endings: ENDINGS,
        mib_max: FILE_BYTES_MAX >> 20,
        past: rows.iter().map(|row| past(app, &ui, row)).collect(),
        pager,
        ui,
    })
}

pub(super) async fn list(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let own = visitor.actor.institution.to_string();
    let unit = if asked.value("unit").is_empty() { &own } else { asked.value("unit") };
    let form = Form::filled(&[("unit", unit), ("form", asked.value("form"))]);
    page(&import_page(&app, &visitor, form, &asked).await?)
}

/// The form again, with what is wrong with it. Its key is fresh: what was refused was not done under the old one.
async fn again(app: &App, visitor: &Visitor, mut sent: Form, fault: Option<(&str, &[(&str, &str)])>) -> Answer {
    let mut form = Form::filled(&[("unit", sent.value("unit")), ("form", sent.value("form"))]);
    if let Some((key, values)) = fault {
        sent.errors.add("file", key, values);
    }
    form.errors = sent.errors;
    invalid(&import_page(app, visitor, form, &Form::blank()).await?)
}

pub(super) async fn send(State(app): State<App>, visitor: Visitor, request: Request) -> Answer {
    let place = timeout(Duration::from_secs(PLACE_SECONDS_MAX), PLACES.acquire()).await;
    let place = place.ok().and_then(Result::ok);
    // Without a place nothing of the file is kept, only told.
    let bytes_max = if place.is_some() { FILE_BYTES_MAX } else { 0 };
    let arrival = Duration::from_secs(ARRIVAL_SECONDS_MAX);
    let upload = timeout(arrival, Upload::read(request, "file", bytes_max)).await.map_err(|_| Problem::Malformed)?;
    let Upload { mut form, file } = upload?;
    let Some(place) = place else {
        form.errors = yiti_web::Errors::default();
        return again(&app, &visitor, form, Some(("front_page_import.busy", &[]))).await;
    };
    let unit: Option<InstitutionId> = form.needed("unit");
    let chosen = form.value("form").to_owned();
    let standard = Standard::from_key(&chosen).filter(|standard| FORMS.contains(standard));
    if standard.is_none() && !chosen.is_empty() {
        form.errors.add("form", "form.choose", &[]);
    }
    if let Some(unit) = unit {
        // What lies elsewhere is told like what is not there, whatever else is wrong.
        let (tree, definitions) = (app.platform().tree(), app.platform().kit.get::<Definitions>());
        let mut own = definitions.settings.with_inpatients(&tree, visitor.actor.scope);
        own.find(|node| node.id == unit).ok_or(Problem::NotFound)?;
    }
    let (Some(unit), Some(file), true) = (unit, file, form.is_valid()) else {
        return again(&app, &visitor, form, None).await;
    };
    let import = Import::new(&app.platform().kit, standard);
    let Sent { name, bytes } = file;
    let whole = match Whole::open(&name, bytes, &import).await {
        Ok(whole) => whole,
        Err(ImportFault::File(fault)) => {
            let (reason, remedy) = words::refused(&fault, visitor.lang);
            let values = [("reason", reason.as_str()), ("remedy", remedy.as_str())];
            return again(&app, &visitor, form, Some(("front_page_import.file_refused", &values))).await;
        }
        Err(fault) => return Err(fault.into()),
    };
    let order = whole.order(unit);
    let id = order.id;
    let begun = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            import::begin(cx, order).await?;
            Ok::<_, ImportFault>(format!("{PATH}/{id}"))
        })
    });
    let to = begun.await?;
    // The same form sent again leads to the import that it began the first time.
    if to == format!("{PATH}/{id}") {
        let work = tokio::spawn(work(app, visitor, (id, unit), whole, import, place));
        drop(timeout(Duration::from_secs(ANSWER_SECONDS_MAX), work).await);
    }
    redirect(&to)
}

/// Works on an import beside the pages; its place is free afterwards.
async fn work(
    app: App,
    visitor: Visitor,
    of: (ImportId, InstitutionId),
    whole: Whole,
    import: Import,
    place: SemaphorePermit<'static>,
) {
    if let Err(error) = import::work(app.platform(), &visitor.actor, of, whole, &import).await {
        tracing::error!(%error, import = %of.0, "an import failed");
    }
    drop(place);
}
