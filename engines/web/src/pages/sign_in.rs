//! Signing in and out.

use askama::Template;
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _};
use serde_json::json;
use yiti_directory::people;
use yiti_directory::session::{self, Session};
use yiti_directory::sign_in::{self, Refused};
use yiti_directory::{PersonId, PostId};
use yiti_kernel::time;

use crate::address::local_path;
use crate::answer::{Answer, page, redirect};
use crate::app::App;
use crate::form::{Asked, Form, LINE_LENGTH_MAX};
use crate::problem::Problem;
use crate::ui::{Ui, post_words};
use crate::visitor::{Look, Visitor};
use crate::{address, cookie};

/// Where a site without a group leads, when some slice has the page.
const FIRST_START_PATH: &str = "/first-start";

#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignInPage {
    pub(crate) ui: Ui,
    pub(crate) form: Form,
    pub(crate) refused: String,
    pub(crate) failed_count_max: String,
    pub(crate) locked_minutes: String,
    pub(crate) demo: Vec<DemoCard>,
}

/// Someone of the demonstration, in words.
#[derive(Debug)]
pub(crate) struct DemoCard {
    pub(crate) post: String,
    pub(crate) name: String,
    pub(crate) face: String,
    pub(crate) place: String,
}

impl SignInPage {
    pub(crate) fn new(app: &App, look: Look, form: Form, refused: String) -> Self {
        let next = local_path(form.value("next")).unwrap_or_default();
        let mut ui = Ui::plain(app, look, "sign_in.title");
        ui.here = format!("/sign-in{}", address::query(&[("next", next)]));
        let demo = app.settings().demo.iter().map(|demo| DemoCard {
            post: demo.post.to_string(),
            name: demo.name.clone(),
            face: demo.name.chars().take(1).collect(),
            place: post_words(app.platform(), look.lang, demo.institution, &demo.role),
        });
        let demo = demo.collect();
        let limits = app.limits();
        let (failed_count_max, locked_minutes) =
            (limits.failed_count_max.to_string(), limits.locked_minutes.to_string());
        Self { ui, form, refused, failed_count_max, locked_minutes, demo }
    }
}

/// The sign-in page; whoever is signed in already is led on.
pub(crate) async fn show(State(app): State<App>, visitor: Option<Visitor>, look: Look, Asked(asked): Asked) -> Answer {
    if visitor.is_some() {
        return redirect(next_of(&asked));
    }
    if app.platform().tree().root().is_none() && app.routes().iter().any(|route| route.path == FIRST_START_PATH) {
        return redirect(FIRST_START_PATH);
    }
    page(&SignInPage::new(&app, look, asked, String::new()))
}

fn next_of(form: &Form) -> &str {
    // Back to the sign-in would go round in circles.
    local_path(form.value("next")).filter(|next| !next.starts_with("/sign-in")).unwrap_or("/home")
}

/// Signs in, with a password or as someone of the demonstration.
pub(crate) async fn sign_in(
    State(app): State<App>,
    visitor: Option<Visitor>,
    look: Look,
    headers: HeaderMap,
    mut form: Form,
) -> Answer {
    let demo =
        form.optional::<PostId>("demo").and_then(|post| app.settings().demo.iter().find(|demo| demo.post == post));
    let (account, password) = (form.text("account", LINE_LENGTH_MAX), form.value("password").to_owned());
    let signed_in = match demo {
        Some(demo) => Ok((demo.person, Some(demo.post))),
        None if !form.is_valid() || password.chars().count() > LINE_LENGTH_MAX => Err(Refused::Wrong),
        None => check(&app, &account, &password).await.map(|person| (person, None)),
    };
    let opened = match signed_in {
        Ok((person, post)) => open(&app, look, person, post, &headers).await,
        Err(refused) => Err(refused),
    };
    let token = match opened {
        Ok(token) => token,
        Err(refused) => {
            let words = refusal(&app, look, refused)?;
            let page = SignInPage::new(&app, look, form, words).render()?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response());
        }
    };
    // Whoever sat here before is signed out, also when it was the same person.
    if let Some(visitor) = visitor {
        end(&app, &visitor).await?;
    }
    let mut response = redirect(next_of(&form))?;
    let line = cookie::session(app.cookie_name(), &token, app.is_secure());
    response.headers_mut().append(SET_COOKIE, line.ok_or_else(|| Problem::failed("no cookie can hold the token"))?);
    Ok(response)
}

/// Few at a time: a flood of wrong passwords must not take the processor from those who work.
async fn check(app: &App, account: &str, password: &str) -> Result<PersonId, Refused> {
    let _place = app.password_checks().acquire().await;
    sign_in::check(&app.platform().store, account, password, app.now(), app.limits()).await
}

/// Opens a session in `post`, or in the newest post held today, and writes it into the journal.
async fn open(
    app: &App,
    look: Look,
    person: PersonId,
    post: Option<PostId>,
    headers: &HeaderMap,
) -> Result<String, Refused> {
    let platform = app.platform();
    let today = time::day(app.now());
    let posts = people::posts_of(&mut platform.store.read().await?, person).await?;
    let mut held = posts.iter().filter(|post| post.is_held_on(today) && platform.roles.get(&post.role).is_some());
    let held = held.find(|held| post.is_none_or(|post| held.id == post)).ok_or(Refused::NoPost)?;
    app.forget(person);
    let known = app.known(person, held.id).await?.ok_or(Refused::NoPost)?;
    let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let token =
        session::open(&platform.store, (person, held.id, look.lang), user_agent, app.now(), app.limits()).await?;
    platform
        .act(&known.actor, |cx| {
            Box::pin(async move { cx.journal("session.open", ("session", None), None, json!({})).await })
        })
        .await?;
    Ok(token)
}

fn refusal(app: &App, look: Look, refused: Refused) -> Result<String, Problem> {
    let words = |key| crate::words::t(look.lang, key).to_owned();
    Ok(match refused {
        Refused::Wrong => words("sign_in.wrong"),
        Refused::NoPost => words("sign_in.no_post"),
        Refused::Locked { until } => {
            let until = time::civil(until);
            let format = if until.date() == time::day(app.now()) { "%H:%M" } else { "%Y-%m-%d %H:%M" };
            // To the full minute after, so that the time told is never too early.
            let shown = until.strftime(format).to_string();
            crate::words::t_with(look.lang, "sign_in.locked", &[("until", &shown)])
        }
        Refused::TooShort { .. } => words("sign_in.wrong"),
        Refused::Secret(error) => return Err(Problem::failed(error)),
        Refused::Store(error) => return Err(error.into()),
    })
}

/// Ends the session of a visitor, here and in the streams that are open.
pub(crate) async fn end(app: &App, visitor: &Visitor) -> Result<(), Problem> {
    let session: Session = visitor.session.clone();
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move {
                session::end(cx.tx, &session, cx.now).await?;
                cx.journal("session.end", ("session", None), None, json!({})).await
            })
        })
        .await?;
    app.tell_ended(&visitor.session.token_hash);
    Ok(())
}

/// Signs out: the session ends in the store, whatever becomes of the cookie.
pub(crate) async fn sign_out(State(app): State<App>, visitor: Option<Visitor>) -> Answer {
    if let Some(visitor) = visitor {
        end(&app, &visitor).await?;
    }
    let mut response = redirect("/sign-in")?;
    if let Some(line) = cookie::session_end(app.cookie_name(), app.is_secure()) {
        response.headers_mut().append(SET_COOKIE, line);
    }
    Ok(response)
}
