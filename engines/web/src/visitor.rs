//! Who looks at a page, and the guard that stands before every route.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;
use yiti_directory::Actor;
use yiti_directory::people::Post;
use yiti_directory::session::{self, Session};
use yiti_kernel::Lang;

use crate::address::encode;
use crate::answer::see_other;
use crate::app::{App, Known};
use crate::cookie;
use crate::problem::{Problem, Wanted};
use crate::route::{Access, BODY_BYTES_MAX};
use crate::words::t_with;

/// The cookie that keeps the language of someone who is not signed in.
pub(crate) const LANG_COOKIE: &str = "yiti-lang";
/// The cookie that keeps the size of text.
pub(crate) const TEXT_COOKIE: &str = "yiti-text";

/// What opens to someone whose password was given out by someone else.
const OPEN_BEFORE_CHANGE: [&str; 3] = ["/account", "/account/password", "/account/lang"];

/// The size of text a person has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextSize {
    /// As designed.
    #[default]
    Usual,
    /// 18 px: the large print asked for by the norm on ageing.
    Large,
    /// 30 px.
    Largest,
}

impl TextSize {
    /// The class of the page, also the value of the cookie.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Usual => "",
            Self::Large => "large",
            Self::Largest => "largest",
        }
    }

    pub(crate) fn from_class(class: &str) -> Self {
        match class {
            "large" => Self::Large,
            "largest" => Self::Largest,
            _ => Self::Usual,
        }
    }
}

/// How a page is to look for someone, signed in or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Language.
    pub lang: Lang,
    /// Size of text.
    pub text_size: TextSize,
}

impl Look {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let lang = cookie::get(headers, LANG_COOKIE).and_then(Lang::from_tag).unwrap_or_default();
        let text_size = cookie::get(headers, TEXT_COOKIE).map(TextSize::from_class).unwrap_or_default();
        Self { lang, text_size }
    }
}

impl<S: Sync> FromRequestParts<S> for Look {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

/// Someone signed in. The guard puts it into every request of a route that is not public; a public route may ask for
/// `Option<Visitor>`.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The session.
    pub session: Session,
    /// Who acts, in which post.
    pub actor: Arc<Actor>,
    /// The language of their pages.
    pub lang: Lang,
    /// The size of text.
    pub text_size: TextSize,
    /// The path asked for, without its query.
    pub path: String,
    /// Path and query, to come back here.
    pub here: String,
    known: Arc<Known>,
}

impl Visitor {
    /// All posts they hold today, the acting one too.
    #[must_use]
    pub fn posts(&self) -> &[Post] {
        &self.known.posts
    }

    /// True when the acting post has `permission`: to show or leave out a button. The act itself asks again.
    #[must_use]
    pub fn may(&self, permission: &str) -> bool {
        self.actor.may(permission)
    }

    /// True while their password is one that someone else gave out: until they change it, only their account opens.
    #[must_use]
    pub fn must_change(&self) -> bool {
        self.known.must_change
    }

    /// How their pages look.
    #[must_use]
    pub fn look(&self) -> Look {
        Look { lang: self.lang, text_size: self.text_size }
    }

    async fn find(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<Option<Self>, Problem> {
        let Some(token) = cookie::get(headers, app.cookie_name()).filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        let platform = app.platform();
        let Some(session) = session::find(&platform.store, token, platform.now(), app.limits()).await? else {
            return Ok(None);
        };
        let Some(known) = app.known(session.person, session.post).await? else { return Ok(None) };
        let (lang, text_size) = (session.lang, Look::of(headers).text_size);
        let path = uri.path().to_owned();
        let here = uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string);
        Ok(Some(Self { session, actor: known.actor.clone(), lang, text_size, path, here, known }))
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::NotSignedIn)
    }
}

impl OptionalFromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Self::Rejection> {
        if let Some(visitor) = parts.extensions.get::<Self>() {
            return Ok(Some(visitor.clone()));
        }
        Self::find(app, &parts.headers, &parts.uri).await
    }
}

/// What the guard of one route knows.
pub(crate) struct Gate {
    pub(crate) app: App,
    pub(crate) access: Access,
    pub(crate) body_bytes_max: usize,
    pub(crate) is_page: bool,
}

/// Stands before every route: same site, size of the body, who asks, and whether they may.
pub(crate) async fn guard(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    match admit(&gate, &mut request).await {
        Err(Turned::Away(problem, look)) => with_look(problem.into_response(), look),
        Err(Turned::To(response)) => *response,
        Ok(look) => {
            let limit = gate.body_bytes_max;
            let request = request.map(|body| Body::new(Limited::new(body, limit)));
            with_look(next.run(request).await, look)
        }
    }
}

/// As [`guard`], before a path that is no route: whoever passes is told that there is nothing.
pub(crate) async fn guard_nothing(app: App, mut request: Request) -> Response {
    let gate = Gate { app, access: Access::SignedIn, body_bytes_max: BODY_BYTES_MAX, is_page: true };
    match admit(&gate, &mut request).await {
        Err(Turned::Away(problem, look)) => with_look(problem.into_response(), look),
        Err(Turned::To(response)) => *response,
        Ok(look) => with_look(Problem::NotFound.into_response(), look),
    }
}

/// The language in which a problem is told later is that of the session, not of the browser.
fn with_look(mut response: Response, look: Option<Look>) -> Response {
    if let Some(look) = look {
        response.extensions_mut().insert(look);
    }
    response
}

enum Turned {
    Away(Problem, Option<Look>),
    To(Box<Response>),
}

async fn admit(gate: &Gate, request: &mut Request) -> Result<Option<Look>, Turned> {
    let away = |problem| Turned::Away(problem, None);
    let headers = request.headers();
    // A request without a cookie from another system carries nothing that another site could misuse.
    let carries_session = cookie::get(headers, gate.app.cookie_name()).is_some();
    if !request.method().is_safe() && (gate.is_page || carries_session) && !is_same_site(&gate.app, headers) {
        return Err(away(Problem::CrossSite));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > gate.body_bytes_max) {
        return Err(away(Problem::TooLarge { bytes_max: gate.body_bytes_max }));
    }
    if gate.access == Access::Public {
        return Ok(None);
    }
    let visitor = Visitor::find(&gate.app, headers, request.uri()).await.map_err(away)?;
    let Some(visitor) = visitor else {
        return Err(match sign_in_first(gate, request) {
            Some(response) => Turned::To(Box::new(response)),
            None => away(Problem::NotSignedIn),
        });
    };
    let look = Some(visitor.look());
    if visitor.must_change() && !OPEN_BEFORE_CHANGE.contains(&request.uri().path()) {
        return Err(match Wanted::by(request.headers()) {
            Wanted::Page if gate.is_page => Turned::To(Box::new(see_other("/account"))),
            _ => Turned::Away(Problem::refused("account.must_change"), look),
        });
    }
    if let Access::Permission(permission) = gate.access
        && !visitor.may(permission)
    {
        return Err(Turned::Away(Problem::NotFound, look));
    }
    request.extensions_mut().insert(visitor);
    Ok(look)
}

/// Leads someone who asks for a page to the sign-in and back here; `None` when it is no page they ask for.
fn sign_in_first(gate: &Gate, request: &Request) -> Option<Response> {
    if !gate.is_page || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let here = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match Wanted::by(request.headers()) {
        Wanted::Page => {
            let to = if here == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", encode(here)) };
            Some(see_other(&to))
        }
        Wanted::Fragment => {
            // The fragment belongs to a page that lies open: that page is where they want to be again.
            let page = request.headers().get("hx-current-url").and_then(|url| url.to_str().ok());
            let page = page.and_then(|url| url.strip_prefix(gate.app.settings().base_url.as_str())).unwrap_or("/");
            let to = HeaderValue::from_str(&format!("/sign-in?next={}", encode(page))).ok()?;
            let mut response = Problem::NotSignedIn.into_response();
            response.headers_mut().insert("hx-redirect", to);
            Some(response)
        }
        Wanted::Text => Some(welcome(&gate.app, request, here)),
        Wanted::Json => None,
    }
}

/// What a command line or a program is told that asks without a session and takes anything: what this is, and the
/// address a browser opens. Only the root is an answer; the rest stays closed.
fn welcome(app: &App, request: &Request, here: &str) -> Response {
    let (settings, lang) = (app.settings(), Look::of(request.headers()).lang);
    let (status, key) = match here {
        "/" => (StatusCode::OK, "welcome.root"),
        _ => (StatusCode::UNAUTHORIZED, "welcome.closed"),
    };
    let values = [("version", settings.version.as_str()), ("address", settings.base_url.as_str())];
    (status, format!("{}\n", t_with(lang, key, &values))).into_response()
}

/// True when the browser says that the request comes from this site itself, or from no site at all (typed, bookmarked).
/// Browsers say so by `Sec-Fetch-Site`; over plain http in a local network they say only `Origin`.
fn is_same_site(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == app.settings().base_url || (host.is_some() && host == text("host"))
}
