//! Puts the slices together, and tells what went wrong.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use futures::FutureExt as _;
use tower_http::compression::predicate::{Predicate as _, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tracing::Instrument as _;
use yiti_kernel::{Lang, Uuid};

use crate::app::App;
use crate::assets::OfViewer;
use crate::pages::{self, ProblemPage};
use crate::problem::{Problem, Wanted};
use crate::route::{Access, Slice};
use crate::ui::Ui;
use crate::visitor::{self, Gate, Look};

/// What pages may load: this site only, nothing inline.
const PAGE_POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
/// What the viewer's page may load besides: `WebAssembly`, workers made of blobs, inline styles.
const VIEWER_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
    connect-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";
/// What the viewer's own files may do: a worker obeys the policy of its file, and the decoders of JPEG-LS and JPEG 2000
/// build functions at run time.
const VIEWER_FILE_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval'; \
    worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
    connect-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";
/// Answers smaller than this are not compressed.
const COMPRESSED_BYTES_MIN: u64 = 1024;

/// The site: every route of `slices` and of this crate behind its guard.
///
/// # Panics
/// When two routes meet at the same method and path: a fault of wiring that every start would show.
pub fn router(app: App, slices: Vec<Slice>) -> axum::Router {
    let mut slices = slices;
    slices.push(pages::slice());
    app.wire(&slices);
    let mut paths: BTreeMap<&'static str, MethodRouter<App>> = BTreeMap::new();
    for entry in slices.into_iter().flat_map(|slice| slice.entries) {
        let (access, body_bytes_max, is_page) = (entry.route.access, entry.body_bytes_max, entry.is_page);
        let gate = Arc::new(Gate { app: app.clone(), access, body_bytes_max, is_page });
        let guarded = entry.handler.route_layer(middleware::from_fn_with_state(gate, visitor::guard));
        // Begun with `any`, so that another method is told what an unknown path is told, without an `Allow` header.
        let methods = paths.remove(entry.route.path).unwrap_or_else(|| any(unknown));
        paths.insert(entry.route.path, methods.merge(guarded));
    }
    let router = paths.into_iter().fold(axum::Router::new(), |router, (path, methods)| router.route(path, methods));
    let worth = SizeAbove::new(COMPRESSED_BYTES_MIN).and(is_worth_compressing);
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth);
    router
        .fallback(unknown)
        // The guard limits every body itself, by the limit of its route.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(app.clone(), outermost))
        .layer(compression)
        .with_state(app)
}

/// Faults of wiring that a test of the tree looks for: menu entries that lead nowhere or to a page with another
/// permission or without words, and methods and paths that stand twice.
#[must_use]
pub fn faults(slices: &[Slice]) -> Vec<String> {
    let mut faults = Vec::new();
    let has_words = |key: &str| Lang::ALL.iter().all(|lang| crate::has_key(*lang, key));
    for item in slices.iter().flat_map(|slice| slice.menu_items()) {
        let (key, group) = (format!("menu.{}", item.key), format!("menu_group.{}", item.group));
        if !has_words(&key) {
            faults.push(format!("`{key}` has no words"));
        }
        if !item.group.is_empty() && !has_words(&group) {
            faults.push(format!("`{group}` has no words"));
        }
    }
    let routes: Vec<_> = slices.iter().flat_map(|slice| slice.routes()).collect();
    for item in slices.iter().flat_map(|slice| slice.menu_items()) {
        let route = routes.iter().find(|route| route.method == "GET" && route.path == item.path);
        match route.map(|route| route.access) {
            None => faults.push(format!("menu entry `{}` leads to `{}`, which is no page", item.key, item.path)),
            Some(Access::Permission(permission)) if permission != item.permission => {
                faults.push(format!(
                    "menu entry `{}` asks for `{}`, its page for `{permission}`",
                    item.key, item.permission
                ));
            }
            Some(_) => {}
        }
    }
    for (at, route) in routes.iter().enumerate() {
        if routes[..at].iter().any(|other| (other.method, other.path) == (route.method, route.path)) {
            faults.push(format!("{} {} stands twice", route.method, route.path));
        }
    }
    faults
}

fn is_worth_compressing(_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    text(header::CONTENT_TYPE).is_some_and(|kind| {
        ["text/html", "text/csv", "text/plain", "application/json", "application/fhir+json", "application/dicom+json"]
            .iter()
            .any(|known| kind.starts_with(known))
    })
}

/// Files at the root (the viewer loads its own by such names), and what is no route at all. The latter passes the same
/// guard as a route, so that nobody learns from outside which routes there are.
async fn unknown(State(app): State<App>, request: Request) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && let Some(file) = app.assets().answer(request.uri().path(), request.headers())
    {
        return file;
    }
    visitor::guard_nothing(app, request).await
}

/// The outermost layer: a span and a number for each request, panics caught, problems told, headers that protect.
async fn outermost(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = yiti_kernel::fresh();
    let (wanted, look) = (Wanted::by(request.headers()), Look::of(request.headers()));
    let back = back_of(&app, request.headers());
    let method = request.method().clone();
    // The pattern, never the address: an address may hold what a patient is found by.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!("http", %method, route, %id);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.entered();
    let mut response = answered.unwrap_or_else(|_| Problem::failed("a handler panicked").into_response());
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
        let look = response.extensions().get::<Look>().copied().unwrap_or(look);
        let mut told = tell(&app, &problem, (wanted, look), id, back.as_deref());
        if let Some(to) = response.headers_mut().remove("hx-redirect") {
            told.headers_mut().insert("hx-redirect", to);
        }
        response = told;
    }
    protect(&mut response);
    tracing::info!(status = response.status().as_u16(), micros = started.elapsed().as_micros(), "answered");
    response
}

fn protect(response: &mut Response) {
    let policy = match response.extensions().get::<OfViewer>() {
        None => PAGE_POLICY,
        Some(OfViewer::Page) => VIEWER_POLICY,
        Some(OfViewer::File) => VIEWER_FILE_POLICY,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // What a page shows of a patient must not stay in a shared computer.
        (header::CACHE_CONTROL, "no-store"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// The page of this site from which the request came.
fn back_of(app: &App, headers: &HeaderMap) -> Option<String> {
    let from = headers.get(header::REFERER)?.to_str().ok()?;
    let path = from.strip_prefix(app.settings().base_url.as_str())?;
    crate::local_path(path).map(ToOwned::to_owned)
}

/// Tells a problem in the form that was asked for. A failure is logged here and nowhere else.
fn tell(app: &App, problem: &Problem, (wanted, look): (Wanted, Look), id: Uuid, back: Option<&str>) -> Response {
    let reference = match problem {
        Problem::Failed(cause) => {
            let reference = reference(id);
            tracing::error!(%reference, cause = causes(cause.as_ref()), "a request failed");
            Some(reference)
        }
        _ => None,
    };
    let fields = match problem {
        Problem::Refused(refusal) => refusal.fields.clone(),
        _ => crate::form::Errors::default(),
    };
    let heading = crate::words::t(look.lang, problem.key());
    let text = problem.text(look.lang);
    let told = match wanted {
        Wanted::Page | Wanted::Fragment => {
            let status = problem.status().as_u16();
            let (ui, icon) = (Ui::plain(app, look, problem.key()), problem.icon());
            let is_signed_out = matches!(problem, Problem::NotSignedIn);
            let back = back.filter(|_| !matches!(problem, Problem::NotFound)).map(ToOwned::to_owned);
            let page = ProblemPage { ui, icon, status, text, reference, fields, is_signed_out, back };
            let written = if wanted == Wanted::Page { page.render() } else { page.as_fragment().render() };
            written.map_or_else(|_| heading.to_owned().into_response(), |html| Html(html).into_response())
        }
        Wanted::Json => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(field, error)| serde_json::json!({ "field": field, "words": error.words(look.lang) }))
                .collect();
            let told = serde_json::json!({
                "problem": problem.key().trim_start_matches("problem."),
                "title": heading, "detail": text, "fields": fields, "reference": reference,
            });
            axum::Json(told).into_response()
        }
        Wanted::Text => {
            let reference = reference.map_or_else(String::new, |reference| format!(" ({reference})"));
            format!("{heading}: {text}{reference}\n").into_response()
        }
    };
    (problem.status(), told).into_response()
}

/// Eight signs of the request's number that can be read over the telephone.
fn reference(id: Uuid) -> String {
    let id = id.simple().to_string();
    format!("{}-{}", &id[24..28], &id[28..32])
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
