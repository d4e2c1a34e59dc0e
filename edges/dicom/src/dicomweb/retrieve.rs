//! WADO-RS: whole instances, their metadata, and single values.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use yiti_kernel::fresh;
use yiti_record::imaging::{Instance, Study};
use yiti_store::{Digest, Error, Store};
use yiti_web::{Answer, App, Problem, Visitor};

use super::{Place, Web, not_acceptable, text};
use crate::dataset::{DataSet, Element, File, Limits, Tag, VR};
use crate::json;
use crate::web::accept::{self, InstanceForm};
use crate::web::multipart;

/// Headers read at the same time for one answer.
const READ_AHEAD: usize = 4;
/// Instances of one metadata answer at most.
const METADATA_COUNT_MAX: usize = 20_000;

/// What of an instance is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Files,
    /// All but the bulk.
    Metadata,
}

pub(super) async fn answer(
    web: &Web,
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    place: &Place,
    part: Part,
) -> Answer {
    let (study, instances) = web.open(app, visitor, place).await?;
    match part {
        Part::Files => files(app, headers, instances).await,
        Part::Metadata => metadata(app, headers, &study, instances).await,
    }
}

/// An entity tag for bytes that never change: what was asked and the digests of what it is made from.
pub(super) fn tag(what: &str, digests: impl IntoIterator<Item = Digest>) -> String {
    let mut text = what.to_owned();
    for digest in digests {
        let _ = write!(text, "{digest}");
    }
    let digest = Digest::of(text.as_bytes()).to_string();
    format!("\"{}\"", &digest[..32])
}

/// Answers `304` when the browser has the bytes already.
pub(super) fn unless_known(headers: &HeaderMap, tag: &str) -> ControlFlow<Response> {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
    if is_known {
        ControlFlow::Break(with_tag(StatusCode::NOT_MODIFIED.into_response(), tag))
    } else {
        ControlFlow::Continue(())
    }
}

/// Lets a browser keep the bytes and makes it ask each time whether it may still show them: the workstation is shared.
pub(super) fn with_tag(mut response: Response, tag: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

pub(super) fn boundary() -> String {
    format!("yiti-{}{}", fresh().simple(), fresh().simple())
}

async fn files(app: &App, headers: &HeaderMap, instances: Vec<Instance>) -> Answer {
    let accepted = text(headers, &header::ACCEPT);
    let mut form = InstanceForm::Multipart;
    for instance in &instances {
        match accept::instances(accepted, &instance.transfer_syntax) {
            Some(fits) => form = fits,
            None => return Ok(not_acceptable()),
        }
    }
    let tag = tag(if form == InstanceForm::Single { "file" } else { "files" }, instances.iter().map(|i| i.digest));
    if let ControlFlow::Break(known) = unless_known(headers, &tag) {
        return Ok(known);
    }
    let store = app.platform().store.clone();
    let kind = |instance: &Instance| format!("application/dicom; transfer-syntax={}", instance.transfer_syntax);
    if form == InstanceForm::Single {
        let [instance] = instances.as_slice() else { return Ok(not_acceptable()) };
        let (length, pieces) = store.blob_pieces(instance.digest).await?;
        let headers = [(header::CONTENT_TYPE, kind(instance)), (header::CONTENT_LENGTH, length.to_string())];
        let body = Body::from_stream(pieces.inspect_err(failed_midway));
        return Ok(with_tag((headers, body).into_response(), &tag));
    }
    let parts = stream::iter(instances).then(move |instance| {
        let store = store.clone();
        async move {
            let (_, pieces) = store.blob_pieces(instance.digest).await?;
            Ok::<_, Error>((kind(&instance), pieces))
        }
    });
    let boundary = boundary();
    let body = multipart::write(parts, &boundary).inspect_err(failed_midway);
    let kind = multipart::related("application/dicom", &boundary);
    Ok(with_tag(([(header::CONTENT_TYPE, kind)], Body::from_stream(body)).into_response(), &tag))
}

/// The status has gone out already; the body ends short, which the client sees.
fn failed_midway(error: &Error) {
    tracing::error!(error = error as &dyn std::error::Error, "an instance could not be read");
}

/// The bytes of an instance before its pixel data, and some of what follows.
pub(super) async fn header_of(store: &Store, instance: &Instance, and_more: u64) -> Result<Bytes, Error> {
    let length = instance.header_bytes.saturating_add(and_more).min(instance.byte_count);
    store.blob_range(instance.digest, 0, length).await
}

async fn metadata(app: &App, headers: &HeaderMap, study: &Study, instances: Vec<Instance>) -> Answer {
    if !accept::takes_json(text(headers, &header::ACCEPT)) {
        return Ok(not_acceptable());
    }
    if instances.len() > METADATA_COUNT_MAX {
        return Err(Problem::TooLarge { bytes_max: METADATA_COUNT_MAX });
    }
    let tag = tag(&format!("metadata {}", study.address), instances.iter().map(|instance| instance.digest));
    if let ControlFlow::Break(known) = unless_known(headers, &tag) {
        return Ok(known);
    }
    let (store, address) = (app.platform().store.clone(), study.address.clone());
    let objects = stream::iter(instances).map(move |instance| {
        let (store, address) = (store.clone(), address.clone());
        async move {
            let bytes = header_of(&store, &instance, 0).await?;
            Ok::<_, Error>(object(&address, &instance, &bytes))
        }
    });
    let mut objects = Box::pin(objects.buffered(READ_AHEAD));
    // The first is read before the status goes out, so that what cannot be given is told properly; the others are made as
    // they are read.
    let first = objects.next().await.transpose()?.unwrap_or_default();
    let others = objects.map_ok(|object| Bytes::from(format!(",{object}"))).inspect_err(failed_midway);
    let end = stream::iter([Ok(Bytes::from_static(b"]"))]);
    let body = stream::iter([Ok(Bytes::from(format!("[{first}")))]).chain(others).chain(end);
    let response = ([(header::CONTENT_TYPE, "application/dicom+json")], Body::from_stream(body)).into_response();
    Ok(with_tag(response, &tag))
}

/// The metadata of one instance, from the bytes before its pixel data. It names the study by its address, as everything
/// on the web does.
fn object(address: &str, instance: &Instance, bytes: &[u8]) -> String {
    let root =
        format!("/dicom-web/studies/{address}/series/{}/instances/{}/bulkdata", instance.series_uid, instance.sop_uid);
    let mut out = String::with_capacity(8192);
    match File::read(bytes, &Limits::default()) {
        Ok(file) => json::write_instance(&mut out, &file.data, &root, Some(address)),
        Err(error) => {
            // It was read when it came; only a change of the reader can have made it unreadable.
            tracing::error!(instance = instance.sop_uid, %error, "an instance cannot be read");
            out.push_str("{}");
        }
    }
    let has_pixels = instance.header_bytes < instance.byte_count;
    if has_pixels && out.ends_with('}') {
        out.pop();
        let comma = if out.len() > 1 { "," } else { "" };
        let _ = write!(out, r#"{comma}"7FE00010":{{"vr":"OW","BulkDataURI":"{root}/7FE00010"}}}}"#);
    }
    out
}

/// Gives one value that the metadata only points at. `path` is the element's tag, inside sequences after tag and number
/// of each item.
pub(super) async fn bulk(
    web: &Web,
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    place: &Place,
    path: &str,
) -> Answer {
    let (_, instances) = web.open(app, visitor, place).await?;
    let [instance] = instances.as_slice() else { return Err(Problem::NotFound) };
    let tag = tag(&format!("bulk {path}"), [instance.digest]);
    if let ControlFlow::Break(known) = unless_known(headers, &tag) {
        return Ok(known);
    }
    let bytes = app.platform().store.blob(instance.digest).await?;
    let value = {
        let file = File::read(&bytes, &Limits::default()).map_err(Problem::failed)?;
        let element = element_at(&file.data, path).ok_or(Problem::NotFound)?;
        if element.undefined && element.vr != VR::SQ {
            // Compressed pixels: their fragments one after the other, the offset table left out.
            let mut joined = Vec::new();
            for fragment in file.data.children(&element).skip(1) {
                joined.extend_from_slice(file.data.value(fragment));
            }
            Bytes::from(joined)
        } else {
            Bytes::copy_from_slice(file.data.value(&element))
        }
    };
    let accepted = text(headers, &header::ACCEPT).unwrap_or("*/*");
    let octets = "application/octet-stream";
    let is_single = !accepted.contains("multipart/") && (accepted.contains("octet-stream") || accepted.contains("*/*"));
    let response = if is_single {
        ([(header::CONTENT_TYPE, octets)], value).into_response()
    } else {
        let boundary = boundary();
        let part = (octets.to_owned(), stream::iter([Ok::<_, Error>(value)]));
        let body = multipart::write(stream::iter([Ok(part)]), &boundary);
        ([(header::CONTENT_TYPE, multipart::related(octets, &boundary))], Body::from_stream(body)).into_response()
    };
    Ok(with_tag(response, &tag))
}

fn element_at(data: &DataSet<'_>, path: &str) -> Option<Element> {
    let parse = |text: &str| {
        let number = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 8)?;
        Some(Tag((number >> 16) as u16, number as u16))
    };
    let mut pieces = path.split('/');
    let mut element = *data.get(parse(pieces.next()?)?)?;
    while let Some(number) = pieces.next() {
        let at = number.parse::<usize>().ok()?.checked_sub(1)?;
        if element.vr != VR::SQ {
            return None;
        }
        let item = *data.children(&element).nth(at)?;
        element = *data.get_in(&item, parse(pieces.next()?)?)?;
    }
    (element.vr != VR::SQ).then_some(element)
}
