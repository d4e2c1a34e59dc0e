//! STOW-RS: instances from another system or an upload, for the institution of whoever sends them.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use yiti_record::{StudyId, imaging};
use yiti_web::{Answer, App, Problem, Visitor};

use super::{not_acceptable, text, told};
use crate::archive::{self, Incoming};
use crate::dataset::{File, Header, Limits, Syntax, file_meta, is_uid};
use crate::dimse::StoreRefused;
use crate::web::accept;
use crate::web::multipart::{MultipartError, MultipartLimits, Part, Parts};
use crate::web::stow::{Outcome, PartRefused};

/// Instances on their way to the store at the same time: they share its flushes.
const AHEAD_MAX: usize = 8;

/// What became of one part.
struct Done {
    class: String,
    instance: String,
    series: String,
    result: Result<StudyId, u16>,
}

/// Takes the parts of a request one after the other and says of each what became of it.
pub(super) async fn answer(app: &App, visitor: &Visitor, study: Option<String>, request: Request) -> Answer {
    if study.as_deref().is_some_and(|study| !is_uid(study)) {
        return Err(Problem::NotFound);
    }
    let (parts, body) = request.into_parts();
    if !accept::takes_json(text(&parts.headers, &header::ACCEPT)) {
        return Ok(not_acceptable());
    }
    let kind = text(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default();
    let body = match Parts::new(body.into_data_stream(), kind, MultipartLimits::default()) {
        Ok(body) => body,
        Err(error) => return Ok(told(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)),
    };
    let incoming = stream::unfold(Some(body), async |body| {
        let mut body = body?;
        match body.next().await {
            Ok(Some(part)) => Some((Ok(part), Some(body))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    let (study, root) = (study.as_deref(), format!("{}/dicom-web/studies", app.settings().base_url));
    let done: Vec<Result<Done, MultipartError>> = incoming
        .map(|part| async move {
            match part {
                Ok(part) => Ok(take(app, visitor, study, part).await),
                Err(error) => Err(error),
            }
        })
        .buffered(AHEAD_MAX)
        .collect()
        .await;
    let (mut outcome, mut touched) = (Outcome::default(), BTreeMap::new());
    for done in done {
        match done {
            // What came before is kept; the sender does not know how far we got and sends all of it again.
            Err(error) => return Ok(told(StatusCode::BAD_REQUEST, error)),
            Ok(Done { class, instance, series, result: Ok(id) }) => {
                // A study has an address of its own when others have its Study Instance UID.
                let address = match touched.get(&id) {
                    Some(address) => String::clone(address),
                    None => imaging::get(&mut app.platform().store.read().await?, id).await?.address,
                };
                outcome.stored(&class, &instance, &format!("{root}/{address}/series/{series}/instances/{instance}"));
                touched.insert(id, address);
            }
            Ok(Done { class, instance, result: Err(reason), .. }) => outcome.failed(&class, &instance, reason),
        }
    }
    archive::complete(app.platform(), &visitor.actor, touched.into_keys()).await;
    let status = StatusCode::from_u16(outcome.status()).unwrap_or(StatusCode::CONFLICT);
    let address = study.map(|study| format!("{root}/{study}"));
    let json = outcome.to_json(address.as_deref());
    Ok((status, [(header::CONTENT_TYPE, "application/dicom+json")], json).into_response())
}

async fn take(app: &App, visitor: &Visitor, study: Option<&str>, part: Part) -> Done {
    let failed = |header: Option<&Header>, reason| {
        let uid = |uid: &str| if is_uid(uid) { uid.to_owned() } else { String::new() };
        let (class, instance) = header.map(|h| (uid(&h.sop_class_uid), uid(&h.sop_instance_uid))).unwrap_or_default();
        Done { class, instance, series: String::new(), result: Err(reason) }
    };
    let is_dicom = part.content_type.is_empty() || part.content_type.starts_with("application/dicom");
    if !is_dicom || part.content_type.starts_with("application/dicom+") {
        return failed(None, StoreRefused::Unreadable { comment: String::new() }.status());
    }
    let incoming = match read(&part.bytes, study) {
        Ok(incoming) => incoming,
        Err((refused, header)) => return failed(header.as_deref(), refused.reason()),
    };
    let header = incoming.header.clone();
    match archive::keep(app.platform(), &visitor.actor, visitor.actor.institution, incoming).await {
        Ok(received) => Done {
            series: header.series_instance_uid,
            class: header.sop_class_uid,
            instance: header.sop_instance_uid,
            result: Ok(received.study),
        },
        Err(refused) => failed(Some(&header), refused.status()),
    }
}

/// Walks and checks one part and gives its data set our file meta group, as if it had come over an association.
fn read(bytes: &Bytes, study: Option<&str>) -> Result<Incoming, (PartRefused, Option<Box<Header>>)> {
    let file = File::read(bytes, &Limits::default()).map_err(|error| (error.into(), None))?;
    let mut header = Header::of_file(&file);
    if header.transfer_syntax_uid.is_empty() {
        let uid = match file.data.syntax() {
            Syntax::ImplicitLittle => "1.2.840.10008.1.2",
            Syntax::ExplicitLittle => "1.2.840.10008.1.2.1",
            Syntax::ExplicitBig => "1.2.840.10008.1.2.2",
        };
        uid.clone_into(&mut header.transfer_syntax_uid);
    }
    let at_fault = |header: &Header| Some(Box::new(header.clone()));
    if let Err(error) = header.identity(Some(&file.meta)) {
        return Err((error.into(), at_fault(&header)));
    }
    if study.is_some_and(|study| study != header.study_instance_uid) {
        return Err((PartRefused::OtherStudy, at_fault(&header)));
    }
    let offset = file.data_offset;
    drop(file);
    let meta = file_meta(&header.sop_class_uid, &header.sop_instance_uid, &header.transfer_syntax_uid);
    let mut whole = BytesMut::with_capacity(meta.len() + bytes.len() - offset);
    whole.extend_from_slice(&meta);
    whole.extend_from_slice(&bytes[offset..]);
    // Positions counted from the start of the part; they move with the length of the meta group.
    header.pixels_at = header.pixels_at.and_then(|at| at.checked_sub(offset));
    Ok(Incoming::new(whole.freeze(), header, meta.len()))
}
