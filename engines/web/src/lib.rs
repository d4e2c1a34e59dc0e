//! Pages: the frame, forms, sessions, languages, live updates, and the contract by which a slice adds its own.
//!
//! # How to write a page
//!
//! 1. `Cargo.toml` of the slice: `yiti-web`, `askama`, `axum`. Beside it `askama.toml`:
//!    `[general]` / `dirs = ["templates", "../../engines/web/templates"]` (from an edge or app the same).
//! 2. The template `templates/requests.html` begins with
//!    `{% extends "frame.html" %}{% import "components.html" as c %}` and fills `{% block content %}`; further blocks of
//!    the frame are `crumbs` (`<li>`s), `lead`, `page_actions` and `topics` (live topics, each after a blank).
//!    Small parts are methods of `ui`: `{{ ui.icon("plus") }}`, `{{ ui.status("issued") }}`, `{{ ui.urgency("stat") }}`,
//!    `{{ ui.due(due_at, 30) }}`, `{{ ui.t("requests.new") }}`. Larger ones are macros, called with their end:
//!    `{% call c::input("name", ui.t("people.name"), form) %}{% endcall %}`.
//! 3. The page is a struct with a field `ui`, and `form` when it holds a form:
//!
//! ```ignore
//! #[derive(askama::Template)]
//! #[template(path = "requests.html")]
//! struct Requests { ui: Ui, form: Form, rows: Vec<Row> }
//!
//! async fn list(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
//!     let rows = store::list(&app, &visitor.actor, asked.value("state")).await?;
//!     page(&Requests { ui: Ui::new(&app, &visitor, "requests.title").await, form: asked, rows })
//! }
//!
//! async fn accept(State(app): State<App>, visitor: Visitor, Path(id): Path<ReferralId>, mut form: Form) -> Answer {
//!     let reason = form.required("reason", LINE_LENGTH_MAX);
//!     if !form.is_valid() {
//!         return invalid(&AcceptPage { ui: Ui::new(&app, &visitor, "referral.accept").await, form });
//!     }
//!     let to = act_once(&app, &visitor, form.act_key(), move |cx| {
//!         Box::pin(async move {
//!             actions::accept(cx, id, reason).await?;
//!             Ok::<_, Error>(format!("/referrals/{id}"))
//!         })
//!     })
//!     .await?;
//!     redirect(&to)
//! }
//!
//! pub fn slice() -> Slice {
//!     Slice::new("referral")
//!         .get("/referrals", Access::Permission("referral.read"), list)
//!         .post("/referrals/{id}/accept", Access::Permission("referral.answer"), accept)
//!         .menu(&[MenuItem { key: "referrals", group: "referral", path: "/referrals",
//!             permission: "referral.read", icon: "arrows-exchange" }])
//! }
//! ```
//!
//! 4. A form carries `{% call c::act_key(form) %}{% endcall %}`; it begins as [`Form::blank`].
//! 5. The slice's error has `impl From<Error> for Problem`: its `Refused` becomes
//!    `Problem::refused("referral.refused.late").with("due", …)`, the rest goes through the conversions that are here
//!    (`Forbidden` and `NotFound` become the same 404).
//! 6. Words stand in `locales/<area>.toml`: `requests.title = { zh-CN = "…", en = "…" }`, first line `_version = 2`.
//! 7. A list that follows changes: `<tbody hx-get="/referrals/rows" hx-trigger="live:referral from:body"
//!    hx-swap="innerMorph">`, the act calls `cx.announce("referral", institution)`, and the fragment is a struct with
//!    `#[template(path = "referrals.html", block = "rows")]`. Such a block stands at the top level of its template:
//!    one inside an `if` or a `for` comes out empty.
//! 8. A form with a file: `Slice::upload` with the limit of its body, `{% call c::file("file", …) %}` in a form with
//!    `enctype="multipart/form-data"`, and [`Upload::read`] in the handler.
//!
//! Leaves out: what is shown. This crate knows no patient, no case and no figure.
//!
//! INVARIANT: every route stands in the table of a [`Slice`] with its [`Access`]; denied and non-existent look the same.

mod address;
mod answer;
mod app;
mod assets;
mod cookie;
mod form;
pub mod html;
mod live;
mod pages;
mod parts;
mod problem;
mod route;
mod router;
pub mod serve;
mod ui;
mod upload;
mod visitor;
pub mod words;

pub use address::{encode, local_path, query};
pub use answer::{Answer, invalid, page, redirect};
pub use app::{App, Counts, Demo, NoCounts, Settings, Tally};
pub use assets::{Assets, Urls};
pub use form::{Asked, Errors, FieldError, Form, LINE_LENGTH_MAX, TEXT_LENGTH_MAX, act_once};
pub use parts::{Moment, Pager, PatientStrip, Step};
pub use problem::{Problem, Refusal, Wanted};
pub use route::{Access, BODY_BYTES_MAX, MenuItem, Route, Slice};
pub use router::{faults, router};
pub use ui::{MenuGroup, MenuLink, PostChoice, Ui, Who};
pub use upload::{Sent, Upload};
pub use visitor::{Look, TextSize, Visitor};
pub use words::{has_key, keys_used_in_templates, t, t_with};
