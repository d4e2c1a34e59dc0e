//! The pages through the real router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_directory::sign_in::Limits;
use yiti_directory::testing::House;
use yiti_directory::{Actor, Title, session};
use yiti_drg::pages;
use yiti_kernel::{Lang, definition};
use yiti_store::testing::TestStore;
use yiti_store::{args, sql};
use yiti_web::{App, NoCounts, Settings};

use crate::support::{MIGRATIONS, file, house, ward_doctor};

struct Site {
    house: House,
    router: Router,
    limits: Limits,
    _store: TestStore,
}

struct Answer {
    status: StatusCode,
    to: String,
    body: String,
}

impl Site {
    async fn open() -> Self {
        let store = yiti_store::testing::sqlite(MIGRATIONS).await;
        let house = house(store.store.clone()).await;
        let limits: Limits = definition::read(&file("security.toml")).unwrap();
        let settings = Settings { base_url: "http://127.0.0.1:8080".into(), ..Settings::default() };
        let app = App::new(house.platform.clone(), limits.clone(), settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![pages::slice()]);
        Self { house, router, limits, _store: store }
    }

    async fn token(&self, who: &Actor) -> String {
        let whom = (who.person.unwrap(), who.post.unwrap(), Lang::En);
        let platform = &self.house.platform;
        session::open(&platform.store, whom, "test", platform.now(), &self.limits).await.unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let to = headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap()).to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, to, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, format!("yiti={token}")).body(Body::empty());
        self.send(request.unwrap()).await
    }

    async fn post(&self, path: &str, token: &str, fields: &[(&str, &str)]) -> Answer {
        let body = yiti_web::query(fields);
        let request = Request::post(path)
            .header(header::COOKIE, format!("yiti={token}"))
            .header(header::ORIGIN, "http://127.0.0.1:8080")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.trim_start_matches('?').to_owned()));
        self.send(request.unwrap()).await
    }

    async fn count(&self, sql: yiti_store::Sql) -> i64 {
        let mut reader = self.house.platform.store.read().await.unwrap();
        reader.one(sql, args![]).await.unwrap().get("n").unwrap()
    }
}

fn typed<'a>(unit: &'a str, ward: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("act_key", "0190aaaabbbb7cccddddeeeeffff0001"),
        ("unit", unit),
        ("number", "P1"),
        ("admission_count", "1"),
        ("patient_name", "Han Xiulan"),
        ("sex", "2"),
        ("birth_on", "1958-06-03"),
        ("age_years", "67"),
        ("insurance_type", "2"),
        ("payment_kind", "2"),
        ("department", ward),
        ("status", "draft"),
        ("admitted_at", "2026-03-02T09:30"),
        ("dx", "J18.900"),
        ("condition", "1"),
        ("dx", "I10.x00x002"),
        ("condition", ""),
        ("dx", ""),
        ("condition", ""),
        ("px", ""),
        ("px_day", ""),
        ("total", "4000"),
        ("cost_western_drugs", "1500.5"),
    ]
}

#[tokio::test]
async fn a_typed_draft_is_grouped_explained_tried_and_changed() {
    let site = Site::open().await;
    let officer = site.house.hire("officer", "insurance", site.house.lead, Title::None).await;
    let (token, unit) = (site.token(&officer).await, site.house.lead.to_string());
    assert_eq!(site.get("/drg", &token).await.status, StatusCode::OK);
    let mut fields = typed(&unit, "ward 1");
    let made = site.post("/drg/stays/new", &token, &fields).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);
    let again = site.post("/drg/stays/new", &token, &fields).await;
    assert_eq!(again.to, made.to, "the same form twice is one stay");
    fields[0].1 = "0190aaaabbbb7cccddddeeeeffff0002";
    let known = site.post("/drg/stays/new", &token, &fields).await;
    assert_eq!(known.status, StatusCode::UNPROCESSABLE_ENTITY);

    let list = site.get("/drg?q=P1", &token).await;
    assert!(list.body.contains("ES25") && list.body.contains("6,999.68"), "{}", list.body);
    let stay = site.get(&made.to, &token).await;
    assert_eq!(stay.status, StatusCode::OK);
    assert!(stay.body.contains("ES25") && stay.body.contains("0.7107") && !stay.body.contains("drg."), "{}", stay.body);
    let tried = site.get(&format!("{}?add=J96.000", made.to), &token).await;
    assert!(tried.body.contains("ES21"), "{}", tried.body);
    let unknown = site.get(&format!("{}?add=NOPE", made.to), &token).await;
    assert!(unknown.body.contains("NOPE") && unknown.body.contains("Not in the code tables"));
    let hostile = format!("{}?first=99999999999999999999&without=-1&without=7&first_px=x", made.to);
    assert_eq!(site.get(&hostile, &token).await.status, StatusCode::OK);
    assert_eq!(site.count(sql!("select count(*) as n from front_page_version")).await, 1, "trying keeps nothing");
    let read = sql!("select count(*) as n from journal where subject_kind = 'front_page' and action = 'patient.read'");
    assert!(site.count(read).await >= 3, "every reading is journaled");

    let form = site.get(&format!("{}/edit", made.to), &token).await;
    assert!(form.body.contains("value=\"J18.900\"") && form.body.contains("value=\"1500.50\""), "{}", form.body);
    fields.push(("version", "1"));
    fields.push(("dx", "J96.000"));
    fields[0].1 = "0190aaaabbbb7cccddddeeeeffff0003";
    let saved = site.post(&format!("{}/edit", made.to), &token, &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    assert!(site.get(&made.to, &token).await.body.contains("ES21"));
    fields[0].1 = "0190aaaabbbb7cccddddeeeeffff0004";
    let late = site.post(&format!("{}/edit", made.to), &token, &fields).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "version 1 is no longer the last");
}

#[tokio::test]
async fn what_cannot_be_is_told_beside_its_field() {
    let site = Site::open().await;
    let officer = site.house.hire("officer", "insurance", site.house.lead, Title::None).await;
    let (token, unit) = (site.token(&officer).await, site.house.lead.to_string());
    for (name, value, words) in [
        ("total", "4000.123", "at most two decimals"),
        ("age_years", "-1", "whole number"),
        ("admitted_at", "yesterday", "Write day and time"),
        ("birth_on", "1958-02-30", "birth_on-fault"),
        ("patient_name", "", "patient_name-fault"),
        ("number", "", "number-fault"),
        ("admission_count", "0", "admission_count-fault"),
        ("status", "final", "time of discharge"),
    ] {
        let mut fields = typed(&unit, "ward 1");
        fields.iter_mut().filter(|(field, _)| *field == name).for_each(|field| field.1 = value);
        let refused = site.post("/drg/stays/new", &token, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(refused.body.contains(words), "{name}: {}", refused.body);
    }
    let long = "J".repeat(60);
    let mut fields = typed(&unit, "ward 1");
    fields.push(("dx", &long));
    assert_eq!(site.post("/drg/stays/new", &token, &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.count(sql!("select count(*) as n from front_page")).await, 0);
}

#[tokio::test]
async fn without_a_patient_codes_are_looked_up_and_tried() {
    let site = Site::open().await;
    let president = site.house.hire("president", "president", site.house.lead, Title::None).await;
    let (token, unit) = (site.token(&president).await, site.house.lead.to_string());
    let path = format!(
        "/drg/what-if{}",
        yiti_web::query(&[
            ("unit", &unit),
            ("insurance", "employee"),
            ("sex", "1"),
            ("age", "62"),
            ("days", "7"),
            ("cost", "24000"),
            ("dx", "I21.001 J96.000"),
            ("px", "36.0700")
        ])
    );
    let tried = site.get(&path, &token).await;
    assert!(tried.body.contains("FM19") && tried.body.contains("2.0692"), "{}", tried.body);
    assert_eq!(site.get("/drg/what-if?age=many&dx=I21.001", &token).await.status, StatusCode::OK);
    let found = site.get("/drg/codes?q=I21.0&system=diagnoses", &token).await;
    assert!(found.body.contains("I21.001") && found.body.contains("Grey code"), "{}", found.body);
    let options = site.get("/drg/codes/procedures?px=36.07", &token).await;
    assert!(options.body.contains("36.0700"));
    assert_eq!(site.get("/drg/stays/new", &token).await.status, StatusCode::NOT_FOUND, "a president types nothing");
}

#[tokio::test]
async fn a_stay_of_another_ward_is_not_there() {
    let site = Site::open().await;
    let first = ward_doctor(&site.house, site.house.lead, "ward 1").await;
    let second = ward_doctor(&site.house, site.house.lead, "ward 2").await;
    let (own, other) = (site.token(&first).await, site.token(&second).await);
    let unit = site.house.lead.to_string();
    let made = site.post("/drg/stays/new", &own, &typed(&unit, "ward 1")).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);
    assert_eq!(site.get(&made.to, &own).await.status, StatusCode::OK);
    for path in [made.to.clone(), format!("{}/edit", made.to)] {
        assert_eq!(site.get(&path, &other).await.status, StatusCode::NOT_FOUND);
    }
    assert!(!site.get("/drg", &other).await.body.contains("Han Xiulan"));
    let mut fields = typed(&unit, "ward 1");
    fields[0].1 = "0190aaaabbbb7cccddddeeeeffff0009";
    let foreign = site.post("/drg/stays/new", &other, &fields).await;
    assert_eq!(foreign.status, StatusCode::UNPROCESSABLE_ENTITY, "a ward types its own pages");
    assert_eq!(site.get("/drg/stays/nothing", &own).await.status, StatusCode::NOT_FOUND);
}
