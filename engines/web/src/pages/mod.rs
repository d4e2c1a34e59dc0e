//! The pages of this crate itself: signing in and out, one's own account, problems.

mod account;
mod sign_in;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use yiti_kernel::Lang;

use crate::answer::{Answer, redirect};
use crate::app::App;
use crate::form::{Asked, Errors};
use crate::problem::Problem;
use crate::route::{Access, Slice};
use crate::ui::Ui;
use crate::visitor::{LANG_COOKIE, TEXT_COOKIE, TextSize};
use crate::{cookie, live};

/// What it takes to look at pictures, and so to open the viewer.
const IMAGE_PERMISSION: &str = "diagnostics.image.read";

/// The routes of this crate.
pub(crate) fn slice() -> Slice {
    let viewer = Access::Permission(IMAGE_PERMISSION);
    Slice::new("web")
        .get("/", Access::SignedIn, root)
        .get("/sign-in", Access::Public, sign_in::show)
        .post("/sign-in", Access::Public, sign_in::sign_in)
        .post("/sign-out", Access::Public, sign_in::sign_out)
        .get("/look", Access::Public, look)
        .get("/account", Access::SignedIn, account::show)
        .post("/account/password", Access::SignedIn, account::change_password)
        .post("/account/post", Access::SignedIn, account::switch_post)
        .post("/account/lang", Access::SignedIn, account::choose_lang)
        .get("/account/bell", Access::SignedIn, account::bell)
        .get("/live", Access::SignedIn, live::live)
        .get("/healthz", Access::Public, healthz)
        .get("/assets/{*path}", Access::Public, asset)
        .get("/app-config.js", Access::Public, asset)
        .get("/viewer", viewer, viewer_page)
        .get("/viewer/{*path}", viewer, viewer_page)
        // The slash at the end is a path of its own.
        .get("/viewer/", viewer, viewer_page)
}

/// A problem told as a page.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub(crate) struct ProblemPage {
    pub(crate) ui: Ui,
    pub(crate) icon: &'static str,
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) reference: Option<String>,
    pub(crate) fields: Errors,
    pub(crate) is_signed_out: bool,
    pub(crate) back: Option<String>,
}

/// A problem told inside a page that lies open.
#[derive(Debug, Template)]
#[template(path = "problem_part.html")]
pub(crate) struct ProblemPart<'p> {
    ui: &'p Ui,
    text: &'p str,
    reference: &'p Option<String>,
    fields: &'p Errors,
}

impl ProblemPage {
    pub(crate) fn as_fragment(&self) -> ProblemPart<'_> {
        ProblemPart { ui: &self.ui, text: &self.text, reference: &self.reference, fields: &self.fields }
    }
}

async fn root() -> Answer {
    redirect("/home")
}

/// Keeps how pages look for someone in this browser: `?lang=en`, `?text=large`. It changes nothing else, so a link does.
async fn look(State(app): State<App>, Asked(asked): Asked) -> Answer {
    let mut response = redirect(crate::local_path(asked.value("next")).unwrap_or("/"))?;
    let lang = Lang::from_tag(asked.value("lang")).map(|lang| (LANG_COOKIE, lang.tag()));
    let text = asked.value("text");
    let text = (!text.is_empty()).then(|| (TEXT_COOKIE, TextSize::from_class(text).class()));
    for (name, value) in lang.into_iter().chain(text) {
        if let Some(line) = cookie::choice(name, value, app.is_secure()) {
            response.headers_mut().append(SET_COOKIE, line);
        }
    }
    Ok(response)
}

/// Answers as long as the process serves; whether it is well is on the page of the system.
async fn healthz() -> &'static str {
    "ok\n"
}

async fn asset(State(app): State<App>, uri: axum::http::Uri, headers: HeaderMap) -> Answer {
    app.assets().answer(uri.path(), &headers).ok_or(Problem::NotFound)
}

async fn viewer_page(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    app.assets().viewer(&headers).ok_or(Problem::NotFound)
}
