//! The first start: a site that holds no group yet is given one, with its lead hospital and its first administrator.
//!
//! Whoever fills the form must know the code that the process printed where it was started. The page is only there while
//! there is no group; nothing else of the site opens until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use askama::Template;
use axum::extract::State;
use serde_json::json;
use yiti_directory::institution::{self, NewInstitution};
use yiti_directory::people::{self, Person, Post};
use yiti_directory::{Actor, InstitutionId, InstitutionKind, PersonId, PostId, Scope, Title, sign_in};
use yiti_kernel::time;
use yiti_web::{Access, Answer, App, Form, LINE_LENGTH_MAX, Look, Problem, Slice, Ui, invalid, page, redirect};

use crate::error::Error;

/// Wrong codes before no further one is taken by this process.
const TRIES_MAX: u32 = 20;
/// What the first post must allow, so that further people can be given theirs.
const ADMINISTRATOR: &str = "directory.write";

struct Gate {
    code: String,
    tries_left: AtomicU32,
}

/// The page of the first start, to be served beside all others by a process that found no group. `code` is what its
/// console says.
#[must_use]
pub fn first_start(code: &str) -> Slice {
    let gate = Arc::new(Gate { code: plain(code), tries_left: AtomicU32::new(TRIES_MAX) });
    let found = move |State(app): State<App>, look: Look, form: Form| found(gate.clone(), app, look, form);
    Slice::new("first start").get("/first-start", Access::Public, show).post("/first-start", Access::Public, found)
}

/// A code as it was meant: without blanks and hyphens, in capitals.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

#[derive(Template)]
#[template(path = "first_start.html")]
struct FirstStartPage {
    ui: Ui,
    form: Form,
    roles: Vec<(String, String)>,
    length_min: String,
}

fn blank(app: &App, look: Look, form: Form) -> FirstStartPage {
    let mut ui = Ui::plain(app, look, "first_start.title");
    ui.here = "/first-start".to_owned();
    let fit = app.platform().roles.iter().filter(|role| role.permissions.contains(ADMINISTRATOR));
    FirstStartPage {
        roles: fit.map(|role| (role.id.clone(), role.name.get(look.lang).to_owned())).collect(),
        length_min: app.limits().password_length_min.to_string(),
        form,
        ui,
    }
}

fn is_empty(app: &App) -> bool {
    app.platform().tree().root().is_none()
}

async fn show(State(app): State<App>, look: Look) -> Answer {
    if !is_empty(&app) {
        return Err(Problem::NotFound);
    }
    page(&blank(&app, look, Form::blank()))
}

/// What the form asks to be made.
struct Founding {
    group: NewInstitution,
    lead: NewInstitution,
    person: Person,
    post: Post,
    login: String,
}

async fn found(gate: Arc<Gate>, app: App, look: Look, mut form: Form) -> Answer {
    if !is_empty(&app) {
        return Err(Problem::NotFound);
    }
    let code = plain(&form.required("code", LINE_LENGTH_MAX));
    if !code.is_empty() && gate.tries_left.load(Ordering::Relaxed) == 0 {
        return Err(Problem::refused("first_start.too_many"));
    }
    if !code.is_empty() && code != gate.code {
        // Never below zero, also when several are refused at once.
        let less = |left: u32| left.checked_sub(1);
        let _ = gate.tries_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        form.errors.add("code", "first_start.wrong_code", &[]);
    }
    let founding = founding_of(&app, &mut form);
    let (password, again) = (form.required("fresh", LINE_LENGTH_MAX), form.required("again", LINE_LENGTH_MAX));
    let length_min = app.limits().password_length_min;
    if !password.is_empty() && password.chars().count() < length_min {
        form.errors.add("fresh", "account.password_too_short", &[("length", &length_min.to_string())]);
    } else if password != again {
        form.errors.add("again", "account.password_differs", &[]);
    }
    if !form.is_valid() {
        return invalid(&blank(&app, look, form));
    }
    let hash = sign_in::hash(&password, length_min).await.map_err(Problem::failed)?;
    let Founding { group, lead, person, post, login } = founding;
    let actor = Arc::new(Actor::system("first start", group.id, Scope { low: 0, high: i64::MAX }, &[]));
    let done = app.platform().act(&actor, move |cx| {
        Box::pin(async move {
            institution::add(cx.tx, &group).await?;
            institution::add(cx.tx, &lead).await?;
            people::add_person(cx.tx, &person).await?;
            people::add_post(cx.tx, &post).await?;
            sign_in::set_account(cx.tx, person.id, &login, &hash, false).await?;
            let detail = json!({ "group": group.name, "lead": lead.name, "administrator": person.name });
            cx.journal("directory.found", ("institution", Some(group.id.0)), None, detail).await?;
            Ok::<_, Error>(())
        })
    });
    done.await?;
    app.platform().reload_tree().await?;
    redirect("/sign-in")
}

fn founding_of(app: &App, form: &mut Form) -> Founding {
    let division_code = form.text("division_code", 12);
    if !division_code.chars().all(|c| c.is_ascii_digit()) {
        form.errors.add("division_code", "institutions.bad_code", &[]);
    }
    let mut new = |field: [&str; 2], parent: Option<InstitutionId>, kind| NewInstitution {
        id: InstitutionId::fresh(),
        parent,
        name: form.required(field[0], LINE_LENGTH_MAX),
        short_name: form.required(field[1], 20),
        kind,
        division_code: division_code.clone(),
        is_synthetic: false,
    };
    let group = new(["group_name", "group_short_name"], None, InstitutionKind::Consortium);
    let lead = new(["lead_name", "lead_short_name"], Some(group.id), InstitutionKind::LeadHospital);
    let role = form.required("role", LINE_LENGTH_MAX);
    if app.platform().roles.get(&role).is_none_or(|role| !role.permissions.contains(ADMINISTRATOR)) {
        form.errors.add("role", "form.choose", &[]);
    }
    let person = Person {
        id: PersonId::fresh(),
        name: form.required("name", 50),
        employee_number: form.required("employee_number", 30),
        title: Title::None,
        phone: form.text("phone", 30),
        is_synthetic: false,
    };
    let post = Post {
        id: PostId::fresh(),
        person: person.id,
        role,
        institution: group.id,
        department: None,
        from_on: time::day(app.now()),
        until_on: None,
    };
    let login = super::accounts::login_of(form);
    Founding { group, lead, person, post, login }
}
