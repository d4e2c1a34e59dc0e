//! What the asset step has prepared in `web/dist`: our styles, modules and icons, and the image viewer.
//!
//! A release holds the files inside the binary; a development build reads them from the folder at each request.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::RustEmbed;
use serde::Deserialize;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The page that the viewer answers under every address of its own.
const VIEWER_PAGE: &str = "ohif/index.html";

/// One file, as `manifest.json` describes it.
#[derive(Debug, Clone, Deserialize)]
struct File {
    path: String,
    url: String,
    #[serde(rename = "type")]
    kind: String,
    sha256: String,
    immutable: bool,
    br: Option<u64>,
    gz: Option<u64>,
}

/// Where pages find their styles, modules and icons.
#[derive(Debug, Default)]
pub struct Urls(HashMap<String, String>);

impl Urls {
    /// The address of a logical name; a name without a file leads to nothing, which the page survives.
    #[must_use]
    pub fn of<'u>(&'u self, name: &str) -> &'u str {
        self.0.get(name).map_or("/assets/missing", String::as_str)
    }

    pub(crate) fn sprite(&self) -> &str {
        self.of("icons.svg")
    }
}

/// All files that are served.
#[derive(Debug)]
pub struct Assets {
    by_url: HashMap<String, File>,
    viewer_page: Option<File>,
    urls: Arc<Urls>,
}

impl Assets {
    pub(crate) fn load() -> Self {
        let manifest = Dist::get("manifest.json");
        let manifest = manifest.map(|file| serde_json::from_slice::<HashMap<String, File>>(&file.data));
        let mut files = match manifest {
            Some(Ok(files)) => files,
            Some(Err(error)) => {
                tracing::error!(%error, "the list of assets cannot be read");
                HashMap::new()
            }
            None => {
                tracing::warn!("no assets are prepared: run the asset step in `web/`");
                HashMap::new()
            }
        };
        let viewer_page = files.remove(VIEWER_PAGE);
        let urls = files.iter().filter(|(name, _)| !name.starts_with("ohif/"));
        let urls = Urls(urls.map(|(name, file)| (name.clone(), file.url.clone())).collect());
        let by_url = files.into_values().map(|file| (file.url.clone(), file)).collect();
        Self { by_url, viewer_page, urls: Arc::new(urls) }
    }

    pub(crate) fn urls(&self) -> Arc<Urls> {
        self.urls.clone()
    }

    /// The file served at `url`, if there is one.
    pub(crate) fn answer(&self, url: &str, headers: &HeaderMap) -> Option<Response> {
        let file = self.by_url.get(url)?;
        let mut response = answer(file, headers)?;
        if !url.starts_with("/assets/") || file.path.starts_with("ohif/") {
            response.extensions_mut().insert(OfViewer::File);
        }
        Some(response)
    }

    /// The viewer's page.
    pub(crate) fn viewer(&self, headers: &HeaderMap) -> Option<Response> {
        let mut response = answer(self.viewer_page.as_ref()?, headers)?;
        response.extensions_mut().insert(OfViewer::Page);
        Some(response)
    }
}

/// Marks an answer that belongs to the viewer, which has a policy of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OfViewer {
    /// Its page.
    Page,
    /// A script, style or picture it loads.
    File,
}

fn answer(file: &File, headers: &HeaderMap) -> Option<Response> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts =
        |encoding: &str| accepted.split(',').any(|one| one.split(';').next().map(str::trim) == Some(encoding));
    let (encoding, end) = if file.br.is_some() && accepts("br") {
        ("br", ".br")
    } else if file.gz.is_some() && accepts("gzip") {
        ("gzip", ".gz")
    } else {
        ("", "")
    };
    let tag = format!("\"{}{end}\"", file.sha256.get(..32).unwrap_or(&file.sha256));
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = Dist::get(&format!("{}{end}", file.path))?.data;
        let body = match bytes {
            std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
            std::borrow::Cow::Owned(bytes) => Body::from(bytes),
        };
        Response::new(body)
    };
    let cache = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let set = response.headers_mut();
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    set.insert(header::CONTENT_TYPE, HeaderValue::from_str(&file.kind).ok()?);
    set.insert(header::ETAG, HeaderValue::from_str(&tag).ok()?);
    if file.br.is_some() || file.gz.is_some() {
        set.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if !encoding.is_empty() {
        set.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}
