//! People and their posts: who may act where and from when to when, and whether their account is locked.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, State};
use serde_json::json;
use yiti_directory::people::{self, Person, Post};
use yiti_directory::{DepartmentId, InstitutionId, PersonId, PostId, Title, sign_in};
use yiti_kernel::{Date, Timestamp, time};
use yiti_web::{
    Access, Answer, App, Asked, Form, LINE_LENGTH_MAX, Pager, Problem, Slice, Ui, Visitor, act_once, invalid, page,
    redirect,
};

use super::institutions_of;
use crate::error::Error;

const PAGE_SIZE: usize = 30;
/// A post that ends within so many days is shown so.
const ENDING_DAYS: i64 = 60;
const TITLES: [&str; 5] = ["none", "resident", "attending", "associate_chief", "chief"];

pub(super) fn add(slice: Slice) -> Slice {
    slice
        .get("/people", Access::Permission("directory.read"), list)
        .get("/people/new", Access::Permission("directory.write"), blank)
        .post("/people", Access::Permission("directory.write"), add_person)
        .get("/people/{id}", Access::Permission("directory.read"), one)
        .post("/people/{id}/posts", Access::Permission("directory.write"), add_post)
        .post("/posts/{id}/end", Access::Permission("directory.write"), end_post)
}

/// A post in words.
struct Line {
    person: String,
    name: String,
    face: String,
    employee_number: String,
    title: String,
    post: String,
    role: String,
    place: String,
    term: String,
    /// `held`, `ending`, `future`, `ended`.
    state: &'static str,
    is_locked: bool,
}

fn state_of(post: &Post, today: Date) -> &'static str {
    let days_left = post.until_on.map(|until| until.duration_since(today).as_hours() / 24);
    match days_left {
        Some(days) if days < 0 => "ended",
        _ if post.from_on > today => "future",
        Some(days) if days <= ENDING_DAYS => "ending",
        _ => "held",
    }
}

fn term(ui: &Ui, post: &Post) -> String {
    let from = post.from_on.to_string();
    match post.until_on {
        Some(until) => format!("{from} \u{2014} {until}"),
        None => ui.t_with("people.term_open", &[("from", &from)]),
    }
}

/// What lines are made with.
struct Names {
    departments: HashMap<DepartmentId, String>,
    locked: HashMap<PersonId, Timestamp>,
}

async fn names(app: &App, visitor: &Visitor) -> Result<Names, Problem> {
    let mut reader = app.platform().store.read().await?;
    let departments = people::departments(&mut reader, visitor.actor.scope).await?;
    let accounts = sign_in::accounts(&mut reader).await?;
    let now = app.now();
    let locked = accounts.into_iter().filter_map(|a| Some((a.person, a.locked_until.filter(|until| *until > now)?)));
    Ok(Names {
        departments: departments.into_iter().map(|department| (department.id, department.name)).collect(),
        locked: locked.collect(),
    })
}

fn line(app: &App, ui: &Ui, names: &Names, person: &Person, post: &Post) -> Line {
    let department = post.department.and_then(|id| names.departments.get(&id));
    let institution = app.platform().tree().name(post.institution).to_owned();
    Line {
        person: person.id.to_string(),
        name: person.name.clone(),
        face: person.name.chars().take(1).collect(),
        employee_number: person.employee_number.clone(),
        title: ui.word("person_title", person.title.key()),
        post: post.id.to_string(),
        role: app.platform().roles.get(&post.role).map_or(&*post.role, |role| role.name.get(ui.lang)).to_owned(),
        place: department
            .map_or_else(|| institution.clone(), |department| format!("{institution} \u{b7} {department}")),
        term: term(ui, post),
        state: state_of(post, time::day(app.now())),
        is_locked: names.locked.contains_key(&person.id),
    }
}

fn roles(app: &App, ui: &Ui) -> Vec<(String, String)> {
    app.platform().roles.iter().map(|role| (role.id.clone(), role.name.get(ui.lang).to_owned())).collect()
}

async fn departments(app: &App, visitor: &Visitor) -> Result<Vec<(String, String)>, Problem> {
    let tree = app.platform().tree();
    let mut reader = app.platform().store.read().await?;
    let all = people::departments(&mut reader, visitor.actor.scope).await?;
    let words =
        |d: people::Department| (d.id.to_string(), format!("{} \u{b7} {}", tree.short_name(d.institution), d.name));
    Ok(all.into_iter().map(words).collect())
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    ui: Ui,
    form: Form,
    lines: Vec<Line>,
    institutions: Vec<(String, String)>,
    roles: Vec<(String, String)>,
    states: Vec<(String, String)>,
    pager: Pager,
    may_write: bool,
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let scope = visitor.actor.scope;
    let staff = people::staff(&mut app.platform().store.read().await?, scope).await?;
    let names = names(&app, &visitor).await?;
    let ui = Ui::new(&app, &visitor, "people.title").await;
    let (q, role, state) = (form.value("q"), form.value("role"), form.value("state"));
    let institution = form.value("institution").parse::<InstitutionId>().ok();
    let today = time::day(app.now());
    let fits = |(person, post): &&(Person, Post)| {
        let is_text = q.is_empty() || person.name.contains(q) || person.employee_number.contains(q);
        let is_state = match state {
            "ended" => state_of(post, today) == "ended",
            "ending" => state_of(post, today) == "ending",
            "locked" => names.locked.contains_key(&person.id),
            _ => state_of(post, today) != "ended",
        };
        let is_place = institution.is_none_or(|id| post.institution == id);
        is_text && is_state && is_place && (role.is_empty() || post.role == role)
    };
    let fitting: Vec<&(Person, Post)> = staff.iter().filter(fits).collect();
    let pager = Pager::new("/people", &form, &["q", "institution", "role", "state"], PAGE_SIZE, fitting.len());
    let shown = fitting.iter().skip(pager.offset()).take(PAGE_SIZE);
    let lines = shown.map(|(person, post)| line(&app, &ui, &names, person, post)).collect();
    page(&PeoplePage {
        lines,
        institutions: institutions_of(&app.platform().tree(), scope),
        roles: roles(&app, &ui),
        states: ["held", "ending", "ended", "locked"].map(|key| (key.to_owned(), ui.word("post_state", key))).to_vec(),
        may_write: visitor.may("directory.write"),
        pager,
        form,
        ui,
    })
}

#[derive(Template)]
#[template(path = "person_new.html")]
struct NewPersonPage {
    ui: Ui,
    form: Form,
    institutions: Vec<(String, String)>,
    departments: Vec<(String, String)>,
    roles: Vec<(String, String)>,
    titles: Vec<(String, String)>,
}

async fn new_page(app: &App, visitor: &Visitor, form: Form) -> Result<NewPersonPage, Problem> {
    let ui = Ui::new(app, visitor, "people.add").await;
    Ok(NewPersonPage {
        institutions: institutions_of(&app.platform().tree(), visitor.actor.scope),
        departments: departments(app, visitor).await?,
        roles: roles(app, &ui),
        titles: TITLES.map(|key| (key.to_owned(), ui.word("person_title", key))).to_vec(),
        form,
        ui,
    })
}

async fn blank(State(app): State<App>, visitor: Visitor) -> Answer {
    let today = time::day(app.now()).to_string();
    page(&new_page(&app, &visitor, Form::filled(&[("from_on", &today), ("title", "none")])).await?)
}

/// The post a form asks for; what is wrong stands in the form.
async fn post_of(app: &App, form: &mut Form, person: PersonId) -> Result<Option<Post>, Problem> {
    let (institution, department) = (form.needed::<InstitutionId>("institution"), form.optional("department"));
    let role = form.required("role", LINE_LENGTH_MAX);
    let (from_on, until_on) = (form.day("from_on"), form.day("until_on"));
    if from_on.is_none() {
        form.errors.add("from_on", "form.required", &[]);
    }
    if app.platform().roles.get(&role).is_none() {
        form.errors.add("role", "form.choose", &[]);
    }
    if until_on.zip(from_on).is_some_and(|(until, from)| until < from) {
        form.errors.add("until_on", "people.until_before_from", &[]);
    }
    if let (Some(id), Some(institution)) = (department, institution) {
        let found = people::department(&mut app.platform().store.read().await?, id).await?;
        if found.institution != institution {
            form.errors.add("department", "people.other_department", &[]);
        }
    }
    let (Some(institution), Some(from_on), true) = (institution, from_on, form.is_valid()) else { return Ok(None) };
    Ok(Some(Post { id: PostId::fresh(), person, role, institution, department, from_on, until_on }))
}

async fn add_person(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let id = PersonId::fresh();
    let (name, number) = (form.required("name", 50), form.required("employee_number", 30));
    let title = form.choice("title", &TITLES).map_or(Title::None, Title::from_key);
    let phone = form.text("phone", 30);
    let Some(post) = post_of(&app, &mut form, id).await? else {
        return invalid(&new_page(&app, &visitor, form).await?);
    };
    let is_synthetic = app.platform().tree().root().is_some_and(|root| root.is_synthetic);
    let person = Person { id, name, employee_number: number, title, phone, is_synthetic };
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            cx.allow("directory.write", post.institution)?;
            let added = people::add_person(cx.tx, &person).await;
            added.map_err(|e| Error::taken(e, "employee_number", "people.number_taken"))?;
            people::add_post(cx.tx, &post).await?;
            let detail = json!({ "name": person.name, "role": post.role, "institution": post.institution });
            cx.journal("directory.add_person", ("person", Some(id.0)), None, detail).await?;
            Ok::<_, Error>(format!("/people/{id}"))
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(error) => {
            error.beside(&mut form)?;
            invalid(&new_page(&app, &visitor, form).await?)
        }
    }
}

#[derive(Template)]
#[template(path = "person.html")]
pub(super) struct PersonPage {
    ui: Ui,
    /// Of a further post.
    form: Form,
    /// Of the account.
    account: Form,
    pub(super) person: Person,
    lines: Vec<Line>,
    pub(super) login: String,
    locked_until: String,
    is_disabled: bool,
    must_change: bool,
    is_self: bool,
    institutions: Vec<(String, String)>,
    departments: Vec<(String, String)>,
    roles: Vec<(String, String)>,
    may_write: bool,
    today: String,
}

/// The person, when a post of theirs lies inside the scope of who asks.
pub(super) async fn person_page(
    app: &App,
    visitor: &Visitor,
    id: PersonId,
    (form, account_form): (Form, Form),
) -> Result<PersonPage, Problem> {
    let tree = app.platform().tree();
    let mut reader = app.platform().store.read().await?;
    let mut posts = people::posts_of(&mut reader, id).await?;
    posts.retain(|post| tree.reaches(visitor.actor.scope, post.institution));
    if posts.is_empty() {
        return Err(Problem::NotFound);
    }
    let person = people::person(&mut reader, id).await?;
    let account = sign_in::account(&mut reader, id).await?;
    drop(reader);
    let names = names(app, visitor).await?;
    let ui = Ui::new(app, visitor, "people.title").await.titled(person.name.clone());
    Ok(PersonPage {
        lines: posts.iter().map(|post| line(app, &ui, &names, &person, post)).collect(),
        locked_until: names.locked.get(&id).map(|until| ui.minute(until)).unwrap_or_default(),
        institutions: institutions_of(&tree, visitor.actor.scope),
        departments: departments(app, visitor).await?,
        roles: roles(app, &ui),
        may_write: visitor.may("directory.write"),
        today: time::day(app.now()).to_string(),
        is_disabled: account.as_ref().is_some_and(|account| account.is_disabled),
        must_change: account.as_ref().is_some_and(|account| account.must_change),
        login: account.map(|account| account.login).unwrap_or_default(),
        is_self: id == visitor.session.person,
        person,
        form,
        account: account_form,
        ui,
    })
}

/// The form of a further post that begins today.
pub(super) fn blank_post(app: &App) -> Form {
    Form::filled(&[("from_on", &time::day(app.now()).to_string())])
}

async fn one(State(app): State<App>, visitor: Visitor, Path(id): Path<PersonId>) -> Answer {
    page(&person_page(&app, &visitor, id, (blank_post(&app), Form::blank())).await?)
}

async fn add_post(State(app): State<App>, visitor: Visitor, Path(id): Path<PersonId>, mut form: Form) -> Answer {
    let Some(post) = post_of(&app, &mut form, id).await? else {
        return invalid(&person_page(&app, &visitor, id, (form, Form::blank())).await?);
    };
    drop(person_page(&app, &visitor, id, (Form::blank(), Form::blank())).await?);
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            cx.allow("directory.write", post.institution)?;
            people::add_post(cx.tx, &post).await?;
            let detail = json!({ "person": id, "role": post.role, "institution": post.institution });
            cx.journal("directory.add_post", ("post", Some(post.id.0)), None, detail).await?;
            Ok::<_, Error>(format!("/people/{id}"))
        })
    })
    .await?;
    app.forget(id);
    redirect(&to)
}

async fn end_post(State(app): State<App>, visitor: Visitor, Path(id): Path<PostId>, mut form: Form) -> Answer {
    let until_on = form.day("until_on").unwrap_or_else(|| time::day(app.now()));
    let post = people::post(&mut app.platform().store.read().await?, id).await?;
    let person = post.person;
    if until_on < post.from_on || !form.is_valid() {
        return Err(Problem::refused("people.until_before_from"));
    }
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            cx.allow("directory.write", post.institution)?;
            people::end_post(cx.tx, id, until_on, time::day(cx.now)).await?;
            let detail = json!({ "person": person, "until_on": until_on.to_string() });
            cx.journal("directory.end_post", ("post", Some(id.0)), None, detail).await?;
            Ok::<_, Error>(format!("/people/{person}"))
        })
    })
    .await?;
    app.forget(person);
    redirect(&to)
}
