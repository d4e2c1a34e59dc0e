//! Finding a code by its beginning or a part of its name: as a page, and as suggestions of the fields that take codes.

use askama::Template;
use axum::extract::State;
use yiti_web::{Access, Answer, App, Asked, Form, Slice, Ui, Visitor, page};

use crate::codes::{Class, Code, Codes, System};
use crate::settings::Definitions;

/// Codes a search shows.
const FOUND_MAX: usize = 100;
/// Codes a field suggests.
const SUGGESTED_MAX: usize = 20;
/// Characters of a search.
const TEXT_MAX: usize = 40;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let read = Access::Permission("drg.read");
    slice.get("/drg/codes", read, list).get("/drg/codes/diagnoses", read, diagnoses).get(
        "/drg/codes/procedures",
        read,
        procedures,
    )
}

/// One code of the list.
struct Line {
    code: String,
    name: String,
    is_grey: bool,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "drg_codes.html")]
struct CodesPage {
    ui: Ui,
    form: Form,
    systems: Vec<(String, String)>,
    rows: Vec<Line>,
    has_more: bool,
}

#[derive(Template)]
#[template(path = "drg_code_options.html")]
struct Options {
    rows: Vec<Line>,
}

const fn class_key(class: Class) -> &'static str {
    match class {
        Class::Surgery => "surgery",
        Class::Interventional => "interventional",
        Class::Therapeutic => "therapeutic",
        Class::Diagnostic => "diagnostic",
    }
}

/// Codes that begin with the text, then those whose name holds it.
fn find(codes: &Codes, system: System, text: &str, count: usize) -> Vec<Line> {
    let text: String = text.trim().chars().take(TEXT_MAX).collect();
    if text.is_empty() {
        return Vec::new();
    }
    let line = |code: Code<'_>| Line {
        code: code.code.to_owned(),
        name: code.name.to_owned(),
        is_grey: code.is_grey,
        class: code.class.map_or("", class_key),
    };
    let upper = text.to_uppercase();
    let start = if system == System::Diagnosis { upper.replace('X', "x") } else { text.clone() };
    let mut found: Vec<Line> = codes.starting_with(system, &start).take(count).map(line).collect();
    let named = codes.named(system, &text).filter(|code| !code.code.starts_with(&start));
    let room = count - found.len();
    found.extend(named.take(room).map(line));
    found
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let ui = Ui::new(&app, &visitor, "drg.codes.title").await;
    let definitions = app.platform().kit.get::<Definitions>();
    let system = if form.value("system") == "procedures" { System::Procedure } else { System::Diagnosis };
    let mut rows = find(definitions.codes.get(), system, form.value("q"), FOUND_MAX + 1);
    let has_more = rows.len() > FOUND_MAX;
    rows.truncate(FOUND_MAX);
    let systems = super::shared::options(&ui, "drg.codes", &["diagnoses", "procedures"]);
    page(&CodesPage { ui, form, systems, rows, has_more })
}

/// What the field asked for; whichever of its names it has.
fn asked(form: &Form) -> &str {
    ["q", "dx", "px", "add", "add_px"]
        .into_iter()
        .map(|name| form.value(name))
        .find(|text| !text.is_empty())
        .unwrap_or("")
}

async fn diagnoses(State(app): State<App>, _: Visitor, Asked(form): Asked) -> Answer {
    let definitions = app.platform().kit.get::<Definitions>();
    page(&Options { rows: find(definitions.codes.get(), System::Diagnosis, asked(&form), SUGGESTED_MAX) })
}

async fn procedures(State(app): State<App>, _: Visitor, Asked(form): Asked) -> Answer {
    let definitions = app.platform().kit.get::<Definitions>();
    page(&Options { rows: find(definitions.codes.get(), System::Procedure, asked(&form), SUGGESTED_MAX) })
}
