//! One's own account: password, posts, language, size of text.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use serde_json::json;
use yiti_directory::sign_in::{self, Limits, Refused};
use yiti_directory::{PostId, session};
use yiti_kernel::{Lang, time};

use super::sign_in::end;
use crate::answer::{Answer, invalid, page, redirect};
use crate::app::App;
use crate::cookie;
use crate::form::{Asked, Form, LINE_LENGTH_MAX};
use crate::problem::Problem;
use crate::ui::{Ui, post_words};
use crate::visitor::{TextSize, Visitor};

#[derive(Debug, Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    pub(crate) ui: Ui,
    pub(crate) form: Form,
    pub(crate) done: String,
    pub(crate) posts: Vec<PostLine>,
    pub(crate) length_min: String,
    pub(crate) text_size: &'static str,
    pub(crate) must_change: bool,
}

/// A post in words.
#[derive(Debug)]
pub(crate) struct PostLine {
    pub(crate) id: PostId,
    pub(crate) words: String,
    pub(crate) term: String,
    pub(crate) is_current: bool,
}

/// The bell alone, for live updates.
#[derive(Debug, Template)]
#[template(path = "bell.html")]
pub(crate) struct Bell {
    pub(crate) ui: Ui,
}

impl AccountPage {
    pub(crate) async fn new(app: &App, visitor: &Visitor, form: Form, done: &str) -> Self {
        let ui = Ui::new(app, visitor, "account.title").await;
        let done = match done {
            "password" => ui.t("account.password_changed").to_owned(),
            _ => String::new(),
        };
        let posts = visitor.posts().iter().map(|post| {
            let from = post.from_on.to_string();
            PostLine {
                id: post.id,
                words: post_words(app.platform(), visitor.lang, post.institution, &post.role),
                term: match post.until_on {
                    Some(until) => ui.t_with("account.term", &[("from", &from), ("until", &until.to_string())]),
                    None => ui.t_with("account.term_open", &[("from", &from)]),
                },
                is_current: Some(post.id) == visitor.actor.post,
            }
        });
        let posts = posts.collect();
        let text_size = match visitor.text_size {
            TextSize::Usual => "usual",
            other => other.class(),
        };
        let length_min = app.limits().password_length_min.to_string();
        Self { ui, form, done, posts, length_min, text_size, must_change: visitor.must_change() }
    }
}

/// The page of one's account.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    page(&AccountPage::new(&app, &visitor, Form::blank(), asked.value("done")).await)
}

/// Changes the password and ends all other sessions of the person.
pub(crate) async fn change_password(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let (current, fresh, again) = (
        form.required("current", LINE_LENGTH_MAX),
        form.required("fresh", LINE_LENGTH_MAX),
        form.required("again", LINE_LENGTH_MAX),
    );
    let length_min = app.limits().password_length_min;
    if form.is_valid() && fresh.chars().count() < length_min {
        form.errors.add("fresh", "account.password_too_short", &[("length", &length_min.to_string())]);
    }
    if form.is_valid() && fresh == current {
        form.errors.add("fresh", "account.password_same", &[]);
    }
    if form.is_valid() && fresh != again {
        form.errors.add("again", "account.password_differs", &[]);
    }
    let person = visitor.session.person;
    let platform = app.platform();
    let account = sign_in::account(&mut platform.store.read().await?, person).await?;
    let Some(login) = account.map(|account| account.login) else {
        return Err(Problem::refused("account.no_password"));
    };
    let hash = if form.is_valid() {
        let _place = app.password_checks().acquire().await;
        // By way of the sign-in, so that guessing here counts and locks as it does there.
        match sign_in::check(&platform.store, &login, &current, app.now(), app.limits()).await {
            Ok(_) => Some(sign_in::hash(&fresh, length_min).await.map_err(Problem::failed)?),
            Err(Refused::Store(error)) => return Err(error.into()),
            Err(Refused::Locked { until }) => {
                form.errors.add("current", "sign_in.locked", &[("until", &time::minute_text(until))]);
                None
            }
            Err(_) => {
                form.errors.add("current", "account.password_wrong", &[]);
                None
            }
        }
    } else {
        None
    };
    let Some(hash) = hash else { return invalid(&AccountPage::new(&app, &visitor, form, "").await) };
    let keep = visitor.session.token_hash.clone();
    platform
        .act(&visitor.actor, move |cx| {
            Box::pin(async move {
                sign_in::set_account(cx.tx, person, &login, &hash, false).await?;
                session::end_others(cx.tx, person, &keep, cx.now).await?;
                cx.journal("account.password", ("person", Some(person.0)), None, json!({})).await
            })
        })
        .await?;
    app.forget(person);
    redirect(if visitor.must_change() { "/home" } else { "/account?done=password" })
}

/// Switches the post in which the person acts. What they may do changes, so the session gets a new token; its end in
/// any case stays where it was.
pub(crate) async fn switch_post(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    mut form: Form,
) -> Answer {
    let post = form.needed::<PostId>("post").filter(|post| visitor.posts().iter().any(|held| held.id == *post));
    let post = post.ok_or(Problem::NotFound)?;
    let (platform, now) = (app.platform(), app.now());
    let minutes_left = time::minutes_between(now, visitor.session.expires_at).max(0);
    let limits = Limits { session_minutes_max: u32::try_from(minutes_left).unwrap_or(0), ..app.limits().clone() };
    let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let (person, lang) = (visitor.session.person, visitor.lang);
    let token = session::open(&platform.store, (person, post, lang), user_agent, now, &limits).await;
    let token = token.map_err(Problem::failed)?;
    end(&app, &visitor).await?;
    app.forget(person);
    if let Some(known) = app.known(person, post).await? {
        platform
            .act(&known.actor, |cx| {
                Box::pin(async move { cx.journal("session.open", ("session", None), None, json!({})).await })
            })
            .await?;
    }
    let mut response = redirect("/home")?;
    let line = cookie::session(app.cookie_name(), &token, app.is_secure());
    response.headers_mut().append(SET_COOKIE, line.ok_or_else(|| Problem::failed("no cookie can hold the token"))?);
    Ok(response)
}

/// Chooses the language of this session.
pub(crate) async fn choose_lang(State(app): State<App>, visitor: Visitor, form: Form) -> Answer {
    let lang = Lang::from_tag(form.value("lang")).ok_or(Problem::Malformed)?;
    let session = visitor.session.clone();
    app.platform().store.write(move |tx| Box::pin(async move { session::set_lang(tx, &session, lang).await })).await?;
    let mut response = redirect(crate::local_path(form.value("next")).unwrap_or("/account"))?;
    // Also for the sign-in page, the next time.
    if let Some(line) = cookie::choice(crate::visitor::LANG_COOKIE, lang.tag(), app.is_secure()) {
        response.headers_mut().append(SET_COOKIE, line);
    }
    Ok(response)
}

/// The bell with its counts.
pub(crate) async fn bell(State(app): State<App>, visitor: Visitor) -> Answer {
    page(&Bell { ui: Ui::new(&app, &visitor, "account.title").await })
}
