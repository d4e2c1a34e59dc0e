//! DICOMweb for the viewer and for other systems: QIDO-RS, WADO-RS, STOW-RS under `/dicom-web`.
//!
//! Studies are named by their addresses, which are their Study Instance UIDs but for those that share one. Below
//! `/dicom-web/person-of/{study}` there is nothing but the studies of that study's person: the viewer looks for earlier
//! examinations there and not by Patient ID, which two hospitals give to two people.
//!
//! Left out: WADO-URI, transcoding between compressions, worklists (UPS) and deletion. Source: dicom-ps3.18.
//!
//! INVARIANT: every way to a study leads through [`Web::open`], which looks it up inside the visitor's scope and journals
//! the reading; what lies outside is told in the same bytes as what does not exist.

mod frames;
mod opened;
mod retrieve;
mod search;
mod store;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::sync::Semaphore;
use yiti_record::imaging::{self, Instance, Study};
use yiti_store::Error;
use yiti_web::{Access, Answer, App, BODY_BYTES_MAX, Problem, Slice, Visitor};

use crate::archive;
use crate::dataset::is_uid;
use crate::query::Level;
use opened::Opened;
use retrieve::Part;
use search::Asked;

/// What it takes to see pictures.
const READ: &str = "diagnostics.image.read";
/// Bytes of one request that hands in instances.
const STORE_BYTES_MAX: usize = 4 << 30;
/// Pictures drawn at the same time: each takes a processor and tens of megabytes.
const RENDER_COUNT_MAX: usize = 2;

/// What the handlers share.
struct Web {
    opened: Opened,
    renderers: Arc<Semaphore>,
}

/// A place in the tree of study, series and instance; text as it stands in the address.
#[derive(Debug, Clone, Default)]
struct Place {
    study: String,
    series: Option<String>,
    instance: Option<String>,
}

impl Place {
    fn study(study: String) -> Self {
        Self { study, ..Self::default() }
    }

    fn series((study, series): (String, String)) -> Self {
        Self { study, series: Some(series), instance: None }
    }

    fn instance((study, series, instance): (String, String, String)) -> Self {
        Self { study, series: Some(series), instance: Some(instance) }
    }

    fn is_valid(&self) -> bool {
        let rest = [&self.series, &self.instance];
        is_uid(&self.study) && rest.into_iter().flatten().all(|uid| is_uid(uid))
    }
}

impl Web {
    /// Opens what lies at `place` for a visitor: within their scope, journaled once in a while for each session.
    async fn open(&self, app: &App, visitor: &Visitor, place: &Place) -> Result<(Study, Vec<Instance>), Problem> {
        if !place.is_valid() {
            return Err(Problem::NotFound);
        }
        let mut reader = app.platform().store.read().await?;
        let study = imaging::by_address(&mut reader, visitor.actor.scope, &place.study).await?;
        let (series, instance) = (place.series.as_deref(), place.instance.as_deref());
        let instances = imaging::instances(&mut reader, study.id, series, instance).await?;
        drop(reader);
        if instances.is_empty() {
            return Err(Problem::NotFound);
        }
        self.note(app, visitor, &study).await?;
        Ok((study, instances))
    }

    /// Journals that someone opened a study, unless this session has done so a short while ago.
    async fn note(&self, app: &App, visitor: &Visitor, study: &Study) -> Result<(), Problem> {
        let now = app.now();
        if self.opened.is_known(&visitor.session.token_hash, study.id, now) {
            return Ok(());
        }
        let (id, patient) = (study.id, study.patient.map(|patient| patient.0));
        let detail = json!({ "study_uid": study.study_uid, "instances": study.instance_count });
        let journaled = app.platform().act(&visitor.actor, move |cx| {
            Box::pin(async move {
                cx.journal_read(("imaging_study", Some(id.0)), patient, "treatment", detail).await?;
                Ok::<_, Error>(())
            })
        });
        journaled.await?;
        self.opened.remember(&visitor.session.token_hash, study.id, now);
        Ok(())
    }
}

/// The text of a header.
fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A refusal that only programs read.
fn told(status: StatusCode, words: impl std::fmt::Display) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{words}\n")).into_response()
}

fn not_acceptable() -> Response {
    told(StatusCode::NOT_ACCEPTABLE, "none of the accepted media types can be given")
}

type One = (String, String, String);

/// All routes.
#[must_use]
pub fn slice() -> Slice {
    let web = Arc::new(Web { opened: Opened::default(), renderers: Arc::new(Semaphore::new(RENDER_COUNT_MAX)) });
    let slice = Slice::new("dicom-web");
    let slice = searches(slice, &web);
    let slice = stores(slice);
    let slice = retrievals(slice, &web);
    pictures(slice, &web)
}

fn get<H: axum::handler::Handler<T, App>, T: 'static>(slice: Slice, path: &'static str, handler: H) -> Slice {
    slice.raw(("GET", path), Access::Permission(READ), BODY_BYTES_MAX, handler)
}

fn searches(slice: Slice, web: &Arc<Web>) -> Slice {
    let all = |level: Level| {
        let web = web.clone();
        async move |State(app): State<App>, visitor: Visitor, headers: HeaderMap, RawQuery(query): RawQuery| -> Answer {
            search::answer(&web, &app, &visitor, &headers, Asked { level, ..Asked::default() }, query.as_deref()).await
        }
    };
    let of_study = |level: Level| {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path(study): Path<String>,
                    RawQuery(query): RawQuery|
                    -> Answer {
            let asked = Asked { level, study: Some(study), ..Asked::default() };
            search::answer(&web, &app, &visitor, &headers, asked, query.as_deref()).await
        }
    };
    let of_series = {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path((study, series)): Path<(String, String)>,
                    RawQuery(query): RawQuery|
                    -> Answer {
            let asked = Asked { level: Level::Image, study: Some(study), series: Some(series), person_of: None };
            search::answer(&web, &app, &visitor, &headers, asked, query.as_deref()).await
        }
    };
    let slice = get(slice, "/dicom-web/studies", all(Level::Study));
    let slice = get(slice, "/dicom-web/series", all(Level::Series));
    let slice = get(slice, "/dicom-web/instances", all(Level::Image));
    let slice = get(slice, "/dicom-web/studies/{study}/series", of_study(Level::Series));
    let slice = get(slice, "/dicom-web/studies/{study}/instances", of_study(Level::Image));
    let slice = get(slice, "/dicom-web/studies/{study}/series/{series}/instances", of_series);
    of_person(slice, web)
}

/// The same searches among the studies of one person.
fn of_person(slice: Slice, web: &Arc<Web>) -> Slice {
    let studies = {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path(person_of): Path<String>,
                    RawQuery(query): RawQuery|
                    -> Answer {
            let asked = Asked { person_of: Some(person_of), ..Asked::default() };
            search::answer(&web, &app, &visitor, &headers, asked, query.as_deref()).await
        }
    };
    let below = |level: Level| {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path((person_of, study)): Path<(String, String)>,
                    RawQuery(query): RawQuery|
                    -> Answer {
            let asked = Asked { level, person_of: Some(person_of), study: Some(study), series: None };
            search::answer(&web, &app, &visitor, &headers, asked, query.as_deref()).await
        }
    };
    let instances = {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path((person_of, study, series)): Path<One>,
                    RawQuery(query): RawQuery|
                    -> Answer {
            let (person_of, study, series) = (Some(person_of), Some(study), Some(series));
            let asked = Asked { level: Level::Image, person_of, study, series };
            search::answer(&web, &app, &visitor, &headers, asked, query.as_deref()).await
        }
    };
    let slice = get(slice, "/dicom-web/person-of/{study}/studies", studies);
    let slice = get(slice, "/dicom-web/person-of/{study}/studies/{other}/series", below(Level::Series));
    let slice = get(slice, "/dicom-web/person-of/{study}/studies/{other}/instances", below(Level::Image));
    get(slice, "/dicom-web/person-of/{study}/studies/{other}/series/{series}/instances", instances)
}

fn stores(slice: Slice) -> Slice {
    let send = Access::Permission(archive::SEND);
    let any = async |State(app): State<App>, visitor: Visitor, request: Request| -> Answer {
        store::answer(&app, &visitor, None, request).await
    };
    let one = async |State(app): State<App>, visitor: Visitor, Path(study): Path<String>, request: Request| -> Answer {
        store::answer(&app, &visitor, Some(study), request).await
    };
    slice.raw(("POST", "/dicom-web/studies"), send, STORE_BYTES_MAX, any).raw(
        ("POST", "/dicom-web/studies/{study}"),
        send,
        STORE_BYTES_MAX,
        one,
    )
}

fn retrievals(slice: Slice, web: &Arc<Web>) -> Slice {
    let study = |part: Part| {
        let web = web.clone();
        async move |State(app): State<App>, visitor: Visitor, headers: HeaderMap, Path(study): Path<String>| -> Answer {
            retrieve::answer(&web, &app, &visitor, &headers, &Place::study(study), part).await
        }
    };
    let series = |part: Part| {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path(series): Path<(String, String)>|
                    -> Answer {
            retrieve::answer(&web, &app, &visitor, &headers, &Place::series(series), part).await
        }
    };
    let instance = |part: Part| {
        let web = web.clone();
        async move |State(app): State<App>, visitor: Visitor, headers: HeaderMap, Path(one): Path<One>| -> Answer {
            retrieve::answer(&web, &app, &visitor, &headers, &Place::instance(one), part).await
        }
    };
    let slice = get(slice, "/dicom-web/studies/{study}", study(Part::Files));
    let slice = get(slice, "/dicom-web/studies/{study}/metadata", study(Part::Metadata));
    let slice = get(slice, "/dicom-web/studies/{study}/series/{series}", series(Part::Files));
    let slice = get(slice, "/dicom-web/studies/{study}/series/{series}/metadata", series(Part::Metadata));
    let slice = get(slice, "/dicom-web/studies/{study}/series/{series}/instances/{instance}", instance(Part::Files));
    get(slice, "/dicom-web/studies/{study}/series/{series}/instances/{instance}/metadata", instance(Part::Metadata))
}

fn pictures(slice: Slice, web: &Arc<Web>) -> Slice {
    type More = (String, String, String, String);
    let frames = {
        let web = web.clone();
        async move |State(app): State<App>, visitor: Visitor, headers: HeaderMap, Path(path): Path<More>| -> Answer {
            let (study, series, one, list) = path;
            frames::answer(&web, &app, &visitor, &headers, &Place::instance((study, series, one)), &list).await
        }
    };
    let bulk = {
        let web = web.clone();
        async move |State(app): State<App>, visitor: Visitor, headers: HeaderMap, Path(path): Path<More>| -> Answer {
            let (study, series, one, element) = path;
            retrieve::bulk(&web, &app, &visitor, &headers, &Place::instance((study, series, one)), &element).await
        }
    };
    let rendered = {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path(one): Path<One>,
                    RawQuery(query): RawQuery|
                    -> Answer {
            frames::render(&web, &app, &visitor, &headers, &Place::instance(one), "1", query.as_deref()).await
        }
    };
    let rendered_frame = {
        let web = web.clone();
        async move |State(app): State<App>,
                    visitor: Visitor,
                    headers: HeaderMap,
                    Path(path): Path<More>,
                    RawQuery(query): RawQuery|
                    -> Answer {
            let (study, series, one, frame) = path;
            let place = Place::instance((study, series, one));
            frames::render(&web, &app, &visitor, &headers, &place, &frame, query.as_deref()).await
        }
    };
    let slice = get(slice, "/dicom-web/studies/{study}/series/{series}/instances/{instance}/rendered", rendered);
    let slice = get(slice, "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}", frames);
    let slice = get(
        slice,
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/rendered",
        rendered_frame,
    );
    get(slice, "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulkdata/{*element}", bulk)
}
