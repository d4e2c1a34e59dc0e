//! QIDO-RS: what there is, inside the visitor's scope.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::json;
use yiti_store::Error;
use yiti_web::{Answer, App, Problem, Visitor};

use super::{Web, not_acceptable, text, told};
use crate::archive::{self, ANSWER_COUNT_MAX};
use crate::attributes::Attributes;
use crate::dataset::{Tag, VR, is_valid_uid};
use crate::query::{Key, Level, Matching};
use crate::web::accept;
use crate::web::qido::Qido;

/// Answers a search for `level` below the study and series that the address names.
pub(super) async fn answer(
    web: &Web,
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    level: Level,
    above: &[String],
    query: Option<&str>,
) -> Answer {
    if !accept::takes_json(text(headers, &header::ACCEPT)) {
        return Ok(not_acceptable());
    }
    let mut qido = match Qido::parse(level, query.unwrap_or_default()) {
        Ok(qido) => qido,
        Err(error) => return Ok(told(StatusCode::BAD_REQUEST, error)),
    };
    if above.iter().any(|uid| !is_valid_uid(uid)) {
        return Err(Problem::NotFound);
    }
    for (uid, tag) in above.iter().zip([Tag(0x0020, 0x000D), Tag(0x0020, 0x000E)]) {
        qido.query.keys.retain(|key| key.tag != tag);
        qido.query.keys.push(Key { tag, vr: VR::UI, matching: Matching::Uids(vec![uid.clone()]), items: None });
    }
    let found = {
        let mut reader = app.platform().store.read().await?;
        archive::find(&mut reader, visitor.actor.scope, &qido.query).await?
    };
    match found.studies.as_slice() {
        [] => {}
        // One study is looked at; more are a list of patients.
        [study] => web.note(app, visitor, study).await?,
        _ => {
            let detail = json!({ "rows": found.answers.len(), "level": format!("{level:?}").to_lowercase() });
            let journaled = app.platform().act(&visitor.actor, move |cx| {
                Box::pin(async move {
                    cx.journal_read(("patient_list", None), None, "treatment", detail).await?;
                    Ok::<_, Error>(())
                })
            });
            journaled.await?;
        }
    }
    let is_cut = found.answers.len() >= ANSWER_COUNT_MAX;
    let root = format!("{}/dicom-web", app.settings().base_url);
    let mut out = String::with_capacity(found.answers.len() * 1024);
    qido.write(&mut out, found.answers.into_iter().map(|answer| with_address(answer, &root, level)));
    let mut response = ([(header::CONTENT_TYPE, "application/dicom+json")], out).into_response();
    if is_cut {
        // PS3.18 8.3.4.4: there may be more than was given.
        let warning = header::HeaderValue::from_static("299 yiti \"there are more answers than are given at once\"");
        response.headers_mut().insert(header::WARNING, warning);
    }
    Ok(response)
}

/// Adds where the answer's object can be had.
fn with_address(answer: Attributes, root: &str, level: Level) -> Attributes {
    let uid = |tag| answer.first_text(tag).unwrap_or_default().to_owned();
    let mut address = format!("{root}/studies/{}", uid(Tag(0x0020, 0x000D)));
    if level != Level::Study {
        address = format!("{address}/series/{}", uid(Tag(0x0020, 0x000E)));
    }
    if level == Level::Image {
        address = format!("{address}/instances/{}", uid(Tag(0x0008, 0x0018)));
    }
    answer.text(Tag(0x0008, 0x1190), address)
}
