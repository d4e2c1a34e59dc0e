//! Every shared part of a page, written once in each language.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use yiti_kernel::{Due, Lang, SignedDuration, Timestamp};
use yiti_web::{
    Access, Answer, App, Asked, Form, Moment, Pager, PatientStrip, Slice, Step, Ui, Visitor, invalid, words,
};

use crate::site::Site;

#[derive(Template)]
#[template(path = "sample.html")]
pub(crate) struct Sample {
    ui: Ui,
    form: Form,
    patient: PatientStrip,
    states: Vec<(&'static str, String)>,
    columns: Vec<String>,
    rows: Vec<(&'static str, Timestamp, u32, Due)>,
    pager: Pager,
    steps: Vec<Step>,
    events: Vec<Moment>,
}

impl Sample {
    pub(crate) async fn new(app: &App, visitor: &Visitor, asked: &Form) -> Self {
        let mut form =
            Form::parse("act_key=0198f2c4b1d27c3e9d5f1a2b3c4d5e6f&state=issued&history=&risk=metal&name=%22%3E");
        form.required("history", 10);
        form.choice("urgency", &["stat"]);
        let ui = Ui::new(app, visitor, "list.none").await;
        let now = app.now();
        Self {
            patient: PatientStrip {
                name: "<Han>".into(),
                sex: "F".into(),
                age: "67".into(),
                more: vec![("ID".into(), "5325**********1427".into())],
            },
            states: vec![("issued", ui.word("status", "issued")), ("draft", ui.word("status", "draft"))],
            columns: vec!["A".into(), "B".into(), "num:C".into(), "act:D".into()],
            rows: (0..50)
                .map(|n| {
                    let at = now + SignedDuration::from_mins(n * 10 - 10);
                    ("stat", at, 1, Due { at, warn_at: Some(at - SignedDuration::from_mins(30)) })
                })
                .collect(),
            pager: Pager::new("/sample", asked, &["state"], 20, 148),
            steps: vec![
                Step { state: "done", words: "one".into(), note: "08:47".into() },
                Step { state: "now", words: "two".into(), note: String::new() },
                Step::default(),
            ],
            events: vec![Moment { state: "warn", time: "10:01".into(), words: "back".into(), note: "why".into() }],
            ui,
            form,
        }
    }
}

pub(crate) async fn sample(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    invalid(&Sample::new(&app, &visitor, &asked).await)
}

pub(crate) fn slice() -> Slice {
    Slice::new("parts").get("/sample", Access::SignedIn, sample)
}

#[tokio::test]
async fn every_part_is_written_in_both_languages_and_escapes_what_people_type() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    for lang in Lang::ALL {
        browser.post("/account/lang", &[("lang", lang.tag())]).await;
        let page = browser.get("/sample?page=3&state=a%26b").await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        let has = |part: &str| assert!(page.body.contains(part), "{part}: {}", page.body);
        has(&yiti_web::html::escape(words::t(lang, "form.required")));
        has(words::t(lang, "form.choose"));
        has(words::t(lang, "status.issued"));
        has(r##"<a href="#history">"##);
        has(r#"aria-describedby="history-fault""#);
        has(r#"<option value="issued" selected>"#);
        has(r#"value="metal" checked"#);
        has(r#"href="/sample?state=a%26b&#38;page=4""#);
        has(r#"aria-current="page">3<"#);
        has(r#"class="due due-over""#);
        has(r#"class="due due-warn""#);
        has(r#"class="due due-ok""#);
        has("&#60;Han&#62;");
        has(r#"<li class="is-now" aria-current="step">"#);
        has(r#"data-live-topics="notice task diagnostics""#);
        has(r#"<th class="num">C</th>"#);
        assert!(!page.body.contains("%{") && !page.body.contains("<Han>"), "{}", page.body);
    }
}
