//! A site for tests: a small group, a slice with a few pages, and a browser that keeps its cookies.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::testing::House;
use yiti_directory::{Actor, Kit, Roles, Title};
use yiti_kernel::definition::{self, File};
use yiti_store::testing::TestStore;
use yiti_web::{Access, Answer, App, Form, MenuItem, NoCounts, Problem, Settings, Slice, Visitor, act_once, redirect};

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Site {
    pub(crate) house: House,
    pub(crate) router: Router,
    _store: TestStore,
}

fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}

pub(crate) fn limits() -> Limits {
    definition::read(&file("security.toml", include_str!("../../../../definitions/security.toml"))).unwrap()
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::with(|_| Settings { base_url: "https://yiti.example".into(), ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: impl FnOnce(&House) -> Settings) -> Self {
        let store = yiti_store::testing::sqlite(yiti_directory::testing::MIGRATIONS).await;
        let roles = Roles::load(&file("roles.toml", include_str!("../../../../definitions/roles.toml"))).unwrap();
        let house = House::build(store.store.clone(), roles, Kit::default()).await;
        let settings = settings(&house);
        let app = App::new(house.platform.clone(), limits(), settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![slice(), crate::parts::slice()]);
        Self { house, router, _store: store }
    }

    /// Hires someone who can sign in as `login`.
    pub(crate) async fn hire(&self, login: &str, role: &str) -> Arc<Actor> {
        let actor = self.house.hire(login, role, self.house.branch, Title::None).await;
        let (person, login) = (actor.person.unwrap(), login.to_owned());
        let hash = sign_in::hash(PASSWORD, 10).await.unwrap();
        let store = &self.house.platform.store;
        store
            .write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &login, &hash, false).await }))
            .await
            .unwrap();
        actor
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookies: BTreeMap::new() }
    }

    pub(crate) async fn signed_in(&self, login: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in(login, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn to(&self) -> &str {
        self.header("location")
    }
}

#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) router: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method.clone()).uri(path).header(header::HOST, "yiti.example");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        request
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> Got {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            let (pair, rest) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Got {
        let request = self.request(Method::GET, path).header(header::ACCEPT, "text/html");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Got {
        let request = self
            .request(Method::POST, path)
            .header(header::ACCEPT, "text/html")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(body(form)).unwrap()).await
    }

    pub(crate) async fn sign_in(&mut self, login: &str, password: &str) -> Got {
        self.post("/sign-in", &[("account", login), ("password", password)]).await
    }
}

pub(crate) fn body(form: &[(&str, &str)]) -> Body {
    Body::from(yiti_web::query(form).trim_start_matches('?').to_owned())
}

/// A slice as others write them.
pub(crate) fn slice() -> Slice {
    Slice::new("sample")
        .get("/home", Access::Permission("home.read"), async || "home")
        .get("/requests", Access::Permission("diagnostics.request"), async || "requests")
        .get("/requests/{id}", Access::Permission("diagnostics.request"), request)
        .post("/requests", Access::Permission("diagnostics.request"), add)
        .post("/notes", Access::SignedIn, async |form: Form| -> Answer { redirect(form.value("to")) })
        .get("/panics", Access::SignedIn, panics)
        .get("/fails", Access::SignedIn, fails)
        .get("/refused", Access::SignedIn, refused)
        .raw(("POST", "/dicom-web/studies"), Access::Permission("diagnostics.image.send"), 64, async |body: String| {
            body
        })
        .menu(&[
            MenuItem { key: "home", group: "", path: "/home", permission: "home.read", icon: "home" },
            MenuItem {
                key: "messages",
                group: "other",
                path: "/requests",
                permission: "diagnostics.request",
                icon: "list-details",
            },
        ])
}

async fn request() -> Answer {
    Err(Problem::NotFound)
}

async fn panics() -> Answer {
    panic!("on purpose")
}

async fn fails() -> Answer {
    Err(yiti_store::Error::Stopped.into())
}

async fn refused() -> Answer {
    Err(Problem::refused("sign_in.locked").with("until", "10:30"))
}

/// Writes one journal entry and answers with an address that differs each time.
async fn add(State(app): State<App>, visitor: Visitor, form: Form) -> Answer {
    let to = act_once(&app, &visitor, form.act_key(), |cx| {
        Box::pin(async move {
            cx.journal("sample.add", ("sample", None), None, json!({})).await?;
            cx.announce("sample", cx.actor.institution);
            Ok::<_, yiti_store::Error>(format!("/requests/{}", yiti_kernel::fresh().simple()))
        })
    })
    .await?;
    redirect(&to)
}
