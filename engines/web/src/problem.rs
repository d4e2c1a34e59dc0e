//! What a handler answers when it cannot answer as asked. How it is told (page, fragment, JSON, line of text) depends on
//! the request, so a handler only names the [`Problem`] and the outermost layer tells it.
//!
//! INVARIANT: what does not exist and what is not allowed are told in the very same bytes.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use yiti_directory::Forbidden;
use yiti_kernel::Lang;

use crate::form::Errors;
use crate::words::t_with;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such thing, or none that this person may know of.
    #[error("no such page, or not for this person")]
    NotFound,
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The request was sent by another site.
    #[error("the request does not come from this site")]
    CrossSite,
    /// The body is too large.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge {
        /// What the route takes.
        bytes_max: usize,
    },
    /// The request could not be read.
    #[error("the request could not be read")]
    Malformed,
    /// A rule refused it; nothing was changed.
    #[error("refused: {}", .0.key)]
    Refused(Box<Refusal>),
    /// The disk is nearly full; nothing was changed.
    #[error("the disk is nearly full")]
    NoRoom,
    /// The system failed; nothing was changed.
    #[error("failed")]
    Failed(#[source] Cause),
}

/// What a rule says to the person it refused.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// Key of the words in `locales/`.
    pub key: String,
    /// Values for `%{name}` in them.
    pub values: Vec<(String, String)>,
    /// Which fields of the form are at fault.
    pub fields: Errors,
    /// True when someone else was faster (409) rather than the input wrong (422).
    pub is_conflict: bool,
}

impl Refusal {
    /// What it says.
    #[must_use]
    pub fn words(&self, lang: Lang) -> String {
        let values: Vec<(&str, &str)> = self.values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        t_with(lang, &self.key, &values)
    }
}

impl Problem {
    /// A rule's refusal with the words of `key`.
    #[must_use]
    pub fn refused(key: impl Into<String>) -> Self {
        Self::Refused(Box::new(Refusal { key: key.into(), ..Refusal::default() }))
    }

    /// Adds a value for `%{name}` in the words of a refusal.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.values.push((name.to_owned(), value.to_string()));
        }
        self
    }

    /// A failure that nobody caused.
    #[must_use]
    pub fn failed(cause: impl Into<Cause>) -> Self {
        Self::Failed(cause.into())
    }

    fn conflict(key: &str) -> Self {
        Self::Refused(Box::new(Refusal { key: key.to_owned(), is_conflict: true, ..Refusal::default() }))
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Refused(refusal) if refusal.is_conflict => StatusCode::CONFLICT,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The key of its heading; its text is `<key>_text`.
    pub(crate) const fn key(&self) -> &'static str {
        match self {
            Self::NotFound => "problem.not_found",
            Self::NotSignedIn => "problem.not_signed_in",
            Self::CrossSite => "problem.cross_site",
            Self::TooLarge { .. } => "problem.too_large",
            Self::Malformed => "problem.malformed",
            Self::Refused(_) => "problem.refused",
            Self::NoRoom => "problem.no_room",
            Self::Failed(_) => "problem.failed",
        }
    }

    pub(crate) const fn icon(&self) -> &'static str {
        match self {
            Self::NotFound => "search",
            Self::NotSignedIn | Self::CrossSite => "lock",
            Self::TooLarge { .. } | Self::Malformed | Self::Refused(_) | Self::NoRoom | Self::Failed(_) => {
                "alert-triangle"
            }
        }
    }

    /// What is told besides the heading.
    pub(crate) fn text(&self, lang: Lang) -> String {
        match self {
            Self::Refused(refusal) => refusal.words(lang),
            Self::TooLarge { bytes_max } => {
                let kib = (bytes_max / 1024).to_string();
                t_with(lang, "problem.too_large_text", &[("kib", &kib)])
            }
            other => t_with(lang, &format!("{}_text", other.key()), &[]),
        }
    }
}

impl From<yiti_store::Error> for Problem {
    fn from(error: yiti_store::Error) -> Self {
        use yiti_store::Error;
        match error {
            Error::NotFound => Self::NotFound,
            Error::Stale => Self::conflict("problem.stale"),
            Error::Conflict { .. } => Self::conflict("problem.conflict"),
            Error::Full => Self::NoRoom,
            other => Self::failed(other),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(_: Forbidden) -> Self {
        Self::NotFound
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::failed(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// In which form an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A whole page.
    Page,
    /// A part of a page that htmx puts in its place.
    Fragment,
    /// JSON.
    Json,
    /// A line of text.
    Text,
}

impl Wanted {
    /// What the headers of a request ask for.
    #[must_use]
    pub fn by(headers: &HeaderMap) -> Self {
        if headers.contains_key("hx-request") {
            return Self::Fragment;
        }
        match headers.get(header::ACCEPT).map(HeaderValue::to_str) {
            Some(Ok(accept)) if accept.contains("text/html") => Self::Page,
            Some(Ok(accept)) if accept.contains("json") => Self::Json,
            _ => Self::Text,
        }
    }
}
