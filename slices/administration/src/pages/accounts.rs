//! Accounts of people: opened, given a new one-time password, closed and opened again.
//!
//! INVARIANT: who acts on an account must reach every post of its holder, so that nobody comes by way of a shared person
//! to rights beyond their own.

use askama::Template;
use axum::extract::{Path, State};
use serde_json::json;
use yiti_directory::{Cx, PersonId, people, session, sign_in};
use yiti_kernel::time;
use yiti_web::{Access, Answer, App, Form, Problem, Slice, Ui, Visitor, act_once, invalid, page, redirect};

use super::people::{blank_post, person_page};
use crate::error::Error;

/// Characters a login has at most.
const LOGIN_LENGTH_MAX: usize = 40;

pub(super) fn add(slice: Slice) -> Slice {
    let access = Access::Permission("directory.write");
    slice
        .post("/people/{id}/account", access, issue)
        .post("/people/{id}/account/close", access, close)
        .post("/people/{id}/account/open", access, reopen)
        .post("/people/{id}/unlock", access, unlock)
}

/// The one page that ever shows a one-time password.
#[derive(Template)]
#[template(path = "account_issued.html")]
struct IssuedPage {
    ui: Ui,
    person: PersonId,
    name: String,
    login: String,
    password: String,
}

/// A login as it is typed: no blanks, and not what only looks like another.
pub(super) fn login_of(form: &mut Form) -> String {
    let login = form.required("login", LOGIN_LENGTH_MAX);
    let is_sound = login.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'));
    if !login.is_empty() && !is_sound {
        form.errors.add("login", "people.bad_login", &[]);
    }
    login
}

/// Refuses who does not reach every post of the person.
async fn allow_all(cx: &mut Cx<'_>, person: PersonId) -> Result<(), Error> {
    for post in people::posts_of(cx.tx, person).await? {
        if post.until_on.is_none_or(|until| until >= time::day(cx.now)) {
            cx.allow("directory.write", post.institution)?;
        }
    }
    Ok(())
}

/// Opens an account, or gives the one there is a new one-time password.
async fn issue(State(app): State<App>, visitor: Visitor, Path(id): Path<PersonId>, mut form: Form) -> Answer {
    let shown = person_page(&app, &visitor, id, (Form::blank(), Form::blank())).await?;
    if id == visitor.session.person {
        return Err(Problem::refused("people.own_account"));
    }
    let is_new = shown.login.is_empty();
    let login = if is_new { login_of(&mut form) } else { shown.login.clone() };
    if !form.is_valid() {
        return invalid(&person_page(&app, &visitor, id, (blank_post(&app), form)).await?);
    }
    let length_min = app.limits().password_length_min;
    let password = sign_in::one_time_password(length_min).map_err(Problem::failed)?;
    let hash = sign_in::hash(&password, length_min).await.map_err(Problem::failed)?;
    // Sent again, the form leads to where it led the first time, which is not this page.
    let own = format!("/people/{id}?issued={}", yiti_kernel::fresh().simple());
    let (to, of_act) = (own.clone(), login.clone());
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            allow_all(cx, id).await?;
            let set = sign_in::set_account(cx.tx, id, &of_act, &hash, true).await;
            set.map_err(|e| Error::taken(e, "login", "people.login_taken"))?;
            session::end_all(cx.tx, id, cx.now).await?;
            let action = if is_new { "directory.open_account" } else { "directory.new_password" };
            cx.journal(action, ("person", Some(id.0)), None, json!({ "login": of_act })).await?;
            Ok::<_, Error>(to)
        })
    });
    match done.await {
        Ok(to) if to == own => {
            app.forget(id);
            let ui = Ui::new(&app, &visitor, "people.issued").await;
            page(&IssuedPage { ui, person: id, name: shown.person.name, login, password })
        }
        Ok(_) => redirect(&format!("/people/{id}")),
        Err(error) => {
            error.beside(&mut form)?;
            invalid(&person_page(&app, &visitor, id, (blank_post(&app), form)).await?)
        }
    }
}

async fn close(State(app): State<App>, visitor: Visitor, Path(id): Path<PersonId>, form: Form) -> Answer {
    if id == visitor.session.person {
        return Err(Problem::refused("people.own_account"));
    }
    switch(&app, &visitor, id, &form, true).await
}

async fn reopen(State(app): State<App>, visitor: Visitor, Path(id): Path<PersonId>, form: Form) -> Answer {
    switch(&app, &visitor, id, &form, false).await
}

async fn switch(app: &App, visitor: &Visitor, id: PersonId, form: &Form, is_disabled: bool) -> Answer {
    drop(person_page(app, visitor, id, (Form::blank(), Form::blank())).await?);
    let to = act_once(app, visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            allow_all(cx, id).await?;
            sign_in::set_disabled(cx.tx, id, is_disabled).await?;
            if is_disabled {
                session::end_all(cx.tx, id, cx.now).await?;
            }
            let action = if is_disabled { "directory.close_account" } else { "directory.reopen_account" };
            cx.journal(action, ("person", Some(id.0)), None, json!({})).await?;
            Ok::<_, Error>(format!("/people/{id}"))
        })
    })
    .await?;
    app.forget(id);
    redirect(&to)
}

async fn unlock(State(app): State<App>, visitor: Visitor, Path(id): Path<PersonId>, form: Form) -> Answer {
    drop(person_page(&app, &visitor, id, (Form::blank(), Form::blank())).await?);
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            allow_all(cx, id).await?;
            sign_in::unlock(cx.tx, id).await?;
            cx.journal("directory.unlock", ("person", Some(id.0)), None, json!({})).await?;
            Ok::<_, Error>(format!("/people/{id}"))
        })
    });
    redirect(&to.await?)
}
