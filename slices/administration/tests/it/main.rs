//! What an administrator does, through the real router.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod accounts;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_directory::people::{self, Department, Post};
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::testing::House;
use yiti_directory::{Actor, DepartmentId, InstitutionId, Kit, PostId, Roles, Title};
use yiti_kernel::civil::date;
use yiti_kernel::definition::{self, File};
use yiti_store::testing::{TestStore, on_both, sqlite};
use yiti_store::{Error, args, journal, sql};
use yiti_web::{App, NoCounts, Settings};

const PASSWORD: &str = "correct horse battery";

fn one(path: &str) -> File {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    File { path: path.into(), text: std::fs::read_to_string(root.join(path)).unwrap() }
}

fn migrations() -> [&'static [yiti_store::Migration]; 2] {
    [yiti_directory::MIGRATIONS, yiti_record::MIGRATIONS]
}

struct Site {
    house: House,
    router: Router,
    _store: TestStore,
}

struct Got {
    status: StatusCode,
    to: String,
    body: String,
}

struct Browser<'s> {
    router: &'s Router,
    cookie: String,
}

/// What the one who serves the pages to look at them sets.
#[expect(clippy::disallowed_methods, reason = "a test that is run by hand has no other arguments")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Site {
    async fn open() -> Self {
        Self::open_with(&one("roles.toml")).await
    }

    async fn open_with(roles: &File) -> Self {
        let opened = sqlite(&migrations()).await;
        let roles = Roles::load(roles).unwrap();
        let house = House::build(opened.store.clone(), roles, Kit::default()).await;
        let limits: Limits = definition::read(&one("security.toml")).unwrap();
        let base_url = setting("YITI_TEST_URL").unwrap_or_else(|| "https://yiti.example".into());
        let settings = Settings { base_url, ..Settings::default() };
        let app = App::new(house.platform.clone(), limits, settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![yiti_administration::slice()]);
        Self { house, router, _store: opened }
    }

    async fn hire(&self, login: &str, role: &str, institution: InstitutionId) -> Arc<Actor> {
        let actor = self.house.hire(login, role, institution, Title::Attending).await;
        let (person, login) = (actor.person.unwrap(), login.to_owned());
        let hash = sign_in::hash(PASSWORD, 10).await.unwrap();
        let store = &self.house.platform.store;
        store
            .write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &login, &hash, false).await }))
            .await
            .unwrap();
        actor
    }

    /// A department of the lead hospital in which `actor` holds a post.
    async fn department(&self, actor: &Actor, role: &str) -> DepartmentId {
        let id = DepartmentId::fresh();
        let new = Department { id, institution: self.house.lead, name: "Imaging".into(), kind: "imaging".into() };
        let post = Post {
            id: PostId::fresh(),
            person: actor.person.unwrap(),
            role: role.into(),
            institution: self.house.lead,
            department: Some(id),
            from_on: date(2024, 1, 1),
            until_on: None,
        };
        let write = self.house.platform.store.write(move |tx| {
            Box::pin(async move {
                people::add_department(tx, &new).await?;
                people::add_post(tx, &post).await
            })
        });
        write.await.unwrap_or_else(|e: Error| panic!("{e:?}"));
        id
    }

    async fn signed_in(&self, login: &str) -> Browser<'_> {
        let mut browser = Browser::new(&self.router);
        assert!(browser.sign_in(login, PASSWORD).await);
        browser
    }

    async fn actions(&self) -> Vec<String> {
        let mut reader = self.house.platform.store.read().await.unwrap();
        let rows = reader.rows(sql!("select action from journal order by seq"), args![]).await.unwrap();
        rows.iter().map(|row| row.get("action").unwrap()).collect()
    }
}

impl<'s> Browser<'s> {
    fn new(router: &'s Router) -> Browser<'s> {
        Browser { router, cookie: String::new() }
    }

    /// Whether the password was taken.
    async fn sign_in(&mut self, login: &str, password: &str) -> bool {
        let request = self.request(Method::POST, "/sign-in", &[("account", login), ("password", password)]);
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let Some(cookie) = answer.headers().get(header::SET_COOKIE) else { return false };
        self.cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        answer.status() == StatusCode::SEE_OTHER
    }

    fn request(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(yiti_web::query(form).trim_start_matches('?').to_owned()))
            .unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let to = parts.headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap()).to_owned();
        let body = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        Got { status: parts.status, to, body }
    }

    async fn get(&self, path: &str) -> Got {
        self.send(self.request(Method::GET, path, &[])).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Got {
        self.send(self.request(Method::POST, path, form)).await
    }
}

const PAGES: [&str; 7] = ["/institutions", "/people", "/people/new", "/rota", "/devices", "/journal", "/system"];

#[tokio::test(flavor = "multi_thread")]
async fn pages_open_for_the_administrator_and_not_for_a_doctor() {
    let site = Site::open().await;
    site.hire("admin", "it_administrator", site.house.lead).await;
    site.hire("doctor", "branch_doctor", site.house.branch).await;
    let (admin, doctor) = (site.signed_in("admin").await, site.signed_in("doctor").await);
    for path in PAGES {
        let got = admin.get(path).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.body);
        assert_eq!(doctor.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/devices", "/people", "/institutions", "/journal/verify", "/rota/duty"] {
        assert_eq!(doctor.post(path, &[("ae_title", "X")]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_is_registered_once_in_the_group_and_switched_off() {
    let site = Site::open().await;
    site.hire("admin", "it_administrator", site.house.lead).await;
    let admin = site.signed_in("admin").await;
    let (branch, other) = (site.house.branch.to_string(), site.house.other.to_string());
    let form = |institution: &str| {
        [
            ("institution", institution),
            ("kind", "modality"),
            ("modality", "ct"),
            ("ae_title", "QSCT01"),
            ("name", "CT 1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = async |institution: &str| {
        let form = form(institution);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        admin.post("/devices", &form).await
    };
    assert_eq!(send(&branch).await.to, "/devices");
    let again = send(&other).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("id=\"ae_title-fault\"") && again.body.contains("href=\"#ae_title\""));
    let wrong = admin.post("/devices", &[("kind", "modality"), ("ae_title", "A\\B"), ("name", "x")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for field in ["institution-fault", "ae_title-fault"] {
        assert!(wrong.body.contains(field), "{field}");
    }
    assert_eq!(admin.post("/devices/switch", &[("ae_title", "QSCT01"), ("to", "off")]).await.to, "/devices");
    assert!(admin.get("/devices").await.body.contains("value=\"on\""));
    let actions = site.actions().await;
    assert!(actions.contains(&"device.add".into()) && actions.contains(&"device.switch_off".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_comes_gets_a_second_post_is_unlocked_and_leaves() {
    let site = Site::open().await;
    site.hire("admin", "it_administrator", site.house.lead).await;
    let locked = site.hire("locked", "radiologist", site.house.lead).await;
    let admin = site.signed_in("admin").await;
    let branch = site.house.branch.to_string();
    let form = [
        ("name", "Zhou"),
        ("employee_number", "1001"),
        ("title", "attending"),
        ("institution", branch.as_str()),
        ("role", "branch_doctor"),
        ("from_on", "2026-03-10"),
    ];
    let added = admin.post("/people", &form).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.body);
    let again = admin.post("/people", &form).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.body.contains("employee_number-fault"));
    let short = [("institution", branch.as_str()), ("role", "branch_doctor"), ("from_on", "2026-03-10")];
    let wrong = [&short[..], &[("until_on", "2026-03-01")]].concat();
    let wrong = admin.post(&format!("{}/posts", added.to), &wrong).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains("until_on-fault"));
    assert_eq!(admin.post(&format!("{}/posts", added.to), &short).await.to, added.to);
    let shown = admin.get(&added.to).await.body;
    let post = shown.split_once("action=\"/posts/").unwrap().1.split('/').next().unwrap().to_owned();
    assert_eq!(admin.post(&format!("/posts/{post}/end"), &[("until_on", "2026-03-31")]).await.to, added.to);
    assert!(admin.get(&added.to).await.body.contains("2026-03-31"));
    assert!(admin.get("/people?q=1001").await.body.contains("Zhou"));

    let limits: Limits = definition::read(&one("security.toml")).unwrap();
    let (store, now) = (&site.house.platform.store, site.house.platform.now());
    for _ in 0..limits.failed_count_max {
        assert!(sign_in::check(store, "locked", "wrong password", now, &limits).await.is_err());
    }
    let page = format!("/people/{}", locked.person.unwrap());
    assert!(admin.get(&page).await.body.contains("/unlock"));
    assert_eq!(admin.post(&format!("{page}/unlock"), &[]).await.to, page);
    assert!(sign_in::check(store, "locked", PASSWORD, now, &limits).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_grows_by_institutions_and_departments() {
    let site = Site::open().await;
    site.hire("admin", "it_administrator", site.house.lead).await;
    let admin = site.signed_in("admin").await;
    let branch = site.house.branch.to_string();
    let village =
        [("parent", branch.as_str()), ("name", "Willow clinic"), ("short_name", "Willow"), ("kind", "village_post")];
    assert_eq!(admin.post("/institutions", &village).await.to, "/institutions");
    let department =
        [("department_institution", branch.as_str()), ("department_name", "Radiology"), ("department_kind", "imaging")];
    assert_eq!(admin.post("/institutions/departments", &department).await.to, "/institutions");
    let again = admin.post("/institutions/departments", &department).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.body.contains("department_name-fault"));
    let page = admin.get("/institutions").await.body;
    assert!(page.contains("Willow clinic") && page.contains("Radiology"));
    assert_eq!(site.house.platform.tree().within(site.house.platform.tree().whole()).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_during_leave_is_named_as_a_clash() {
    let site = Site::open().await;
    let head = site.hire("head", "department_head", site.house.lead).await;
    let id = site.department(&head, "department_head").await.to_string();
    let browser = site.signed_in("head").await;
    let person = head.person.unwrap().to_string();
    let week = format!("/rota?department={id}&week=2026-03-09");
    let shift = [
        ("department", id.as_str()),
        ("person", person.as_str()),
        ("kind", "night"),
        ("day", "2026-03-12"),
        ("from", "18:00"),
        ("to", "08:00"),
    ];
    let added = browser.post("/rota/duty", &shift).await;
    assert_eq!(added.to, week, "{}", added.body);
    let again = browser.post("/rota/duty", &shift).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.body.contains("person-fault"));
    assert!(!browser.get(&week).await.body.contains("shift-gap"));
    // The night ends on the 13th at 08:00, so leave that begins on that day touches it.
    let leave = [
        ("department", id.as_str()),
        ("leave_person", person.as_str()),
        ("reason", "annual"),
        ("leave_from", "2026-03-13"),
        ("leave_until", "2026-03-14"),
    ];
    assert_eq!(browser.post("/rota/leave", &leave).await.to, week);
    let page = browser.get(&week).await.body;
    assert!(page.contains("shift-gap") && page.contains("shift-leave") && page.contains("notice-danger"));
    let duty = page.split_once("/rota/duty/").unwrap().1.split("/remove").next().unwrap().to_owned();
    assert!(duty.len() >= 32, "{duty}");
    assert_eq!(browser.post(&format!("/rota/duty/{duty}/remove"), &[]).await.to, week);
    assert!(!browser.get(&week).await.body.contains("shift-gap"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_is_found_and_named() {
    let site = Site::open().await;
    site.hire("admin", "it_administrator", site.house.lead).await;
    let admin = site.signed_in("admin").await;
    for _ in 0..3 {
        admin.get("/journal").await;
    }
    let whole = admin.post("/journal/verify", &[]).await.body;
    assert!(whole.contains("id=\"verdict\"") && whole.contains("notice-ok"));
    let write = site.house.platform.store.write(|tx| {
        Box::pin(async move {
            tx.execute(sql!("update journal set actor_name = 'someone else' where seq = 2"), args![]).await?;
            Ok::<_, Error>(())
        })
    });
    write.await.unwrap();
    let broken = admin.post("/journal/verify", &[]).await.body;
    let expected = yiti_web::words::t_with(yiti_kernel::Lang::Zh, "journal.changed", &[("seq", "2"), ("count", "1")]);
    assert!(broken.contains("notice-danger") && broken.contains(&expected), "{expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_list_the_journal_by_filter_and_page() {
    on_both(&migrations(), |store| async move {
        let roles = Roles::load(&one("roles.toml")).unwrap();
        let house = House::build(store.clone(), roles, Kit::default()).await;
        let actor = house.hire("50%_off", "it_administrator", house.lead, Title::None).await;
        for n in 0..5 {
            let action = if n == 2 { "device.add" } else { "duty.add" };
            let write = house.platform.act(&actor, move |cx| {
                Box::pin(async move { cx.journal(action, ("x", None), None, serde_json::json!({ "n": n })).await })
            });
            write.await.unwrap_or_else(|e: Error| panic!("{e:?}"));
        }
        let mut reader = store.read().await.unwrap();
        let list = async |reader: &mut yiti_store::Reader, actor: &str, action: &str, before, limit| {
            let filter = journal::Filter { actor: actor.into(), action: action.into(), ..journal::Filter::default() };
            let rows = journal::list(reader, &filter, before, limit).await.unwrap();
            rows.into_iter().map(|entry| entry.seq).collect::<Vec<i64>>()
        };
        assert_eq!(list(&mut reader, "", "", 0, 3).await, [5, 4, 3]);
        assert_eq!(list(&mut reader, "", "", 3, 3).await, [2, 1]);
        assert_eq!(list(&mut reader, "0%_o", "duty.", 0, 9).await, [5, 4, 2, 1]);
        assert_eq!(list(&mut reader, "0%o", "", 0, 9).await, [0i64; 0]);
        assert_eq!(list(&mut reader, "", "device.add", 0, 9).await, [3]);
        drop(reader);
        assert!(store.is_writing());
        assert_eq!(store.blob_usage().await.unwrap(), (0, 0));
    })
    .await;
}

/// For looking at the pages: `YITI_TEST_URL=http://127.0.0.1:18124 cargo test -- --ignored serve`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until it is stopped"]
async fn serve() {
    let site = Site::open().await;
    site.hire("admin", "it_administrator", site.house.lead).await;
    let head = site.hire("head", "department_head", site.house.lead).await;
    let id = site.department(&head, "department_head").await.to_string();
    let (admin, browser) = (site.signed_in("admin").await, site.signed_in("head").await);
    let person = head.person.unwrap().to_string();
    let branch = site.house.branch.to_string();
    for (title, kind, modality) in
        [("YITI-QINGSHI", "archive", ""), ("QSCT01", "modality", "CT"), ("QSDR01", "modality", "DX")]
    {
        let form =
            [("institution", &*branch), ("kind", kind), ("modality", modality), ("ae_title", title), ("name", title)];
        admin.post("/devices", &form).await;
    }
    for (day, kind, from, to) in [("2026-03-10", "day", "08:00", "18:00"), ("2026-03-12", "night", "18:00", "08:00")] {
        let form =
            [("department", &*id), ("person", &*person), ("kind", kind), ("day", day), ("from", from), ("to", to)];
        browser.post("/rota/duty", &form).await;
    }
    let leave = [
        ("department", &*id),
        ("leave_person", &*person),
        ("reason", "annual"),
        ("leave_from", "2026-03-13"),
        ("leave_until", "2026-03-14"),
    ];
    browser.post("/rota/leave", &leave).await;
    let url = setting("YITI_TEST_URL").unwrap();
    let listener = tokio::net::TcpListener::bind(url.trim_start_matches("http://")).await.unwrap();
    axum::serve(listener, site.router.clone()).await.unwrap();
}
