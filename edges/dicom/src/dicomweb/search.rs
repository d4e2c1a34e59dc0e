//! QIDO-RS: what there is, inside the visitor's scope.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::json;
use yiti_record::imaging::{self, Study};
use yiti_store::Error;
use yiti_web::{Answer, App, Problem, Visitor};

use super::{Web, not_acceptable, text, told};
use crate::archive::{self, ANSWER_COUNT_MAX, Among, Search};
use crate::attributes::Attributes;
use crate::dataset::{Tag, VR, is_uid};
use crate::query::{Held, Key, Level, Matching, StudyRootQuery};
use crate::web::accept;
use crate::web::qido::Qido;

/// What is searched: a level, below a study and a series where the address names them, among the studies of one person
/// where it names one of them.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) level: Level,
    pub(super) person_of: Option<String>,
    pub(super) study: Option<String>,
    pub(super) series: Option<String>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { level: Level::Study, person_of: None, study: None, series: None }
    }
}

/// Answers a search.
pub(super) async fn answer(
    web: &Web,
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    asked: Asked,
    query: Option<&str>,
) -> Answer {
    if !accept::takes_json(text(headers, &header::ACCEPT)) {
        return Ok(not_acceptable());
    }
    let mut qido = match Qido::parse(asked.level, query.unwrap_or_default()) {
        Ok(qido) => qido,
        Err(error) => return Ok(told(StatusCode::BAD_REQUEST, error)),
    };
    let uids = [&asked.person_of, &asked.study, &asked.series];
    if uids.into_iter().flatten().any(|uid| !is_uid(uid)) {
        return Err(Problem::NotFound);
    }
    let asked_keys = qido.query.keys.clone();
    let is_cut = {
        let (conditions, is_cut) = Held::of(asked.level).conditions(&qido.query.keys);
        qido.query.keys = conditions;
        is_cut
    };
    for (uid, tag) in [(&asked.study, Tag(0x0020, 0x000D)), (&asked.series, Tag(0x0020, 0x000E))] {
        if let Some(uid) = uid {
            qido.query.keys.retain(|key| key.tag != tag);
            qido.query.keys.push(Key { tag, vr: VR::UI, matching: Matching::Uids(vec![uid.clone()]), items: None });
        }
    }
    let wanted = qido.query.limit.unwrap_or(ANSWER_COUNT_MAX).min(ANSWER_COUNT_MAX);
    qido.query.limit = Some(wanted);
    let found = find(app, visitor, asked.person_of.as_deref(), &mut qido.query).await?;
    let mut studies: Vec<&Study> = found.iter().map(|answer| &*answer.study).collect();
    studies.dedup_by_key(|study| study.id);
    match studies.as_slice() {
        [] => {}
        // One study is looked at; more are a list of patients.
        [study] => web.note(app, visitor, study).await?,
        _ => {
            let detail = json!({ "rows": found.len(), "level": format!("{:?}", asked.level).to_lowercase() });
            let journaled = app.platform().act(&visitor.actor, move |cx| {
                Box::pin(async move {
                    cx.journal_read(("patient_list", None), None, "treatment", detail).await?;
                    Ok::<_, Error>(())
                })
            });
            journaled.await?;
        }
    }
    let is_full = found.len() >= ANSWER_COUNT_MAX;
    let root = format!("{}/dicom-web", app.settings().base_url);
    let mut out = String::with_capacity(found.len() * 1024);
    // What was asked for is answered, though it may be no condition.
    qido.query.keys = asked_keys;
    qido.write(&mut out, found.into_iter().map(|answer| with_address(answer, &root, asked.level)));
    let mut response = ([(header::CONTENT_TYPE, "application/dicom+json")], out).into_response();
    // PS3.18 8.3.4.4: there may be more than was given, or less was compared than was asked.
    let warnings = [
        (is_full, "299 yiti \"there are more answers than are given at once\""),
        (is_cut, "299 yiti \"some of the keys are not supported and were ignored\""),
    ];
    for (_, warning) in warnings.into_iter().filter(|(is_so, _)| *is_so) {
        response.headers_mut().append(header::WARNING, HeaderValue::from_static(warning));
    }
    Ok(response)
}

async fn find(
    app: &App,
    visitor: &Visitor,
    person_of: Option<&str>,
    query: &mut StudyRootQuery,
) -> Result<Vec<archive::Answer>, Problem> {
    let scope = visitor.actor.scope;
    let mut reader = app.platform().store.read().await?;
    let mut named = archive::named(&mut reader, scope, query, true).await?;
    if let Some(one) = person_of {
        let one = imaging::by_address(&mut reader, scope, one).await?;
        let theirs = imaging::of_person(&mut reader, scope, &one).await?;
        named = Some(match named {
            Some(named) => named.into_iter().filter(|study| theirs.iter().any(|other| other.id == study.id)).collect(),
            None => theirs,
        });
        // Whose studies these are is said already; a number may have been corrected between two of them.
        query.keys.retain(|key| key.tag != Tag(0x0010, 0x0020));
    }
    let mut search = Search::new(named.map_or(Among::All(scope), Among::These), query);
    let mut found = Vec::new();
    while let Some(mut more) = search.next(&mut reader).await? {
        found.append(&mut more);
    }
    Ok(found)
}

/// Names the answer's study by its address, and adds where the answer's object can be had.
fn with_address(answer: archive::Answer, root: &str, level: Level) -> Attributes {
    let study = answer.study.address.as_str();
    let answer = answer.attributes.text(Tag(0x0020, 0x000D), study);
    let uid = |tag| answer.first_text(tag).unwrap_or_default().to_owned();
    let mut address = format!("{root}/studies/{study}");
    if level != Level::Study {
        address = format!("{address}/series/{}", uid(Tag(0x0020, 0x000E)));
    }
    if level == Level::Image {
        address = format!("{address}/instances/{}", uid(Tag(0x0008, 0x0018)));
    }
    answer.text(Tag(0x0008, 0x1190), address)
}
