//! Every page of the product, as every role sees it, in both languages, on the small demonstration county.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti::demo::{self, county::SignIn, readings::Filled};
use yiti::site::{self, Options};
use yiti_directory::{Platform, session};
use yiti_kernel::{Lang, SystemClock};
use yiti_store::{args, sql};
use yiti_web::Access;

/// The small demonstration county behind the real router.
pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) platform: Arc<Platform>,
    router: Router,
    limits: yiti_directory::sign_in::Limits,
    sign_ins: Vec<SignIn>,
}

pub(crate) async fn world() -> World {
    world_of(demo::Size { residents: 60, readings: 12, stays: 120 }).await
}

/// A demonstration of that size.
pub(crate) async fn world_of(size: demo::Size) -> World {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        folder: folder.path().to_owned(),
        postgres: None,
        http: "127.0.0.1:0".parse().unwrap(),
        dicom: None,
        base_url: "http://127.0.0.1:8080".into(),
    };
    let (platform, definitions) = site::open(&options, Arc::new(SystemClock)).await.unwrap();
    let kit = platform.kit.clone().with(Filled(platform.now()));
    let platform = Platform::new(platform.store.clone(), platform.clock.clone(), definitions.roles.clone(), kit);
    let platform = Arc::new(platform.await.unwrap());
    let sign_ins = demo::fill(&platform, &definitions.limits, size).await.unwrap();
    let app = site::app(&platform, &definitions, &options.base_url, demo::cards(&sign_ins));
    let router = yiti_web::router(app, site::slices());
    World { _folder: folder, platform, router, limits: definitions.limits, sign_ins }
}

impl World {
    /// Who signs in with a login of the demonstration.
    pub(crate) fn sign_in(&self, login: &str) -> &SignIn {
        self.sign_ins.iter().find(|sign_in| sign_in.login == login).unwrap()
    }

    pub(crate) async fn token(&self, sign_in: &SignIn, lang: Lang) -> String {
        let who = (sign_in.person, sign_in.post, lang);
        session::open(&self.platform.store, who, "test", self.platform.now(), &self.limits).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> (StatusCode, String) {
        self.answer(Request::get(path), path, token, Body::empty()).await
    }

    /// Sends a form.
    pub(crate) async fn post(&self, path: &str, token: &str, form: String) -> (StatusCode, String) {
        let request = Request::post(path)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.answer(request, path, token, Body::from(form)).await
    }

    async fn answer(&self, request: Builder, path: &str, token: &str, body: Body) -> (StatusCode, String) {
        let request = request.header(header::COOKIE, format!("yiti={token}")).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let is_text = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/html"));
        if !is_text {
            return (status, String::new());
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.len() < 200_000, "{path} has {} bytes", body.len());
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn one(&self, sql: yiti_store::Sql) -> String {
        let row = self.platform.store.read().await.unwrap().one(sql, args![]).await.unwrap();
        row.get::<yiti_kernel::Uuid>("id").map(|id| id.simple().to_string()).or_else(|_| row.get("id")).unwrap()
    }

    /// A path with its places filled by something that is there.
    async fn filled(&self, path: &str) -> String {
        if path == "/figures/turnaround/records" {
            // A list belongs to a figure: the first link of the page of figures.
            let quality = self.sign_in("quality");
            let token = self.token(quality, Lang::En).await;
            let (_, html) = self.get("/figures/turnaround", &token).await;
            let start = html.find("/figures/turnaround/records").unwrap();
            let end = start + html[start..].find('"').unwrap();
            return html[start..end].replace("&amp;", "&").replace("&#38;", "&");
        }
        let Some(open) = path.find('{') else { return path.to_owned() };
        let branch = sql!("select id from remote_read where status = 'waiting' limit 1");
        let value = if path.ends_with("/revoke") {
            self.one(sql!("select id from remote_read where status = 'requested' limit 1")).await
        } else if path.starts_with("/studies/") && path.ends_with("/match") {
            self.one(sql!("select id from imaging_study where unmatched_reason is not null limit 1")).await
        } else if path.starts_with("/studies/") {
            // One of the branch whose technician signs in.
            self.one(sql!(
                "select r.id from remote_read r join post p on p.institution_id = r.institution_id
                 join account a on a.person_id = p.person_id
                 where r.status = 'uploaded' and a.login = 'tech' limit 1"
            ))
            .await
        } else if path.ends_with("/approve") {
            self.one(sql!("select id from remote_read where status = 'drafted' limit 1")).await
        } else if path.starts_with("/requests/") || path.starts_with("/readings/") {
            self.one(branch).await
        } else if path.starts_with("/reports/") {
            self.one(sql!("select report_id as id from report_version limit 1")).await
        } else if path.starts_with("/drg/settlement/") {
            // A correction, which has everything that a run may have.
            self.one(sql!("select id from drg_settlement_run where previous_id is not null limit 1")).await
        } else if path.starts_with("/drg/clearing/") {
            self.one(sql!("select id from drg_clearing limit 1")).await
        } else if path.starts_with("/drg/regroup/") {
            self.one(sql!("select id from drg_regroup_run limit 1")).await
        } else if path.starts_with("/drg/import/") {
            self.one(sql!("select id from front_page_import where refused_count > 0 limit 1")).await
        } else if path.starts_with("/drg/stays/") {
            self.one(sql!("select id from drg_stay where status = 'draft' limit 1")).await
        } else if path.starts_with("/verify/") {
            self.one(sql!("select verification_code as id from report_version limit 1")).await
        } else if path.starts_with("/people/") {
            self.one(sql!("select id from person order by employee_number limit 1")).await
        } else if path.starts_with("/patients/") {
            self.one(sql!("select patient_id as id from remote_read limit 1")).await
        } else {
            panic!("say in this test what fills {path}");
        };
        let close = path.find('}').unwrap();
        format!("{}{value}{}", &path[..open], &path[close + 1..])
    }
}

/// What a person reads of a page.
fn visible(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

/// Words that look like keys of `locales/`: their text is missing.
fn keys_shown(html: &str) -> Vec<String> {
    let is_key = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.len() >= 2
            && parts.iter().all(|p| p.len() > 1 && p.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            && !["toml", "csv", "com"].contains(parts.last().unwrap_or(&""))
    };
    visible(html).split_whitespace().filter(is_key).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_opens_for_whom_it_is_meant_in_both_languages_and_is_not_there_for_others() {
    let world = world().await;
    let routes: Vec<_> = site::slices().iter().flat_map(|slice| slice.routes().to_vec()).collect();
    let pages = routes.iter().filter(|r| r.method == "GET" && !r.path.starts_with("/dicom-web"));
    let mut opened = 0;
    let mut faults = Vec::new();
    for route in pages {
        let path = world.filled(route.path).await;
        let mut was_opened = false;
        for sign_in in &world.sign_ins {
            let role = world.platform.roles.get(&sign_in.role).unwrap();
            let may = match route.access {
                Access::Public | Access::SignedIn => true,
                Access::Permission(permission) => role.permissions.contains(permission),
            };
            for lang in Lang::ALL {
                let token = world.token(sign_in, lang).await;
                let (status, html) = world.get(&path, &token).await;
                if !may {
                    if status != StatusCode::NOT_FOUND {
                        faults.push(format!("{} sees {path}: {status}", sign_in.role));
                    }
                    break;
                }
                // What lies outside a branch's scope is not there for it, although the role may use the page.
                if status == StatusCode::NOT_FOUND && path != route.path {
                    continue;
                }
                if status != StatusCode::OK && !status.is_redirection() {
                    faults.push(format!("{} {path} as {}: {status}", lang.tag(), sign_in.role));
                    continue;
                }
                was_opened = true;
                opened += 1;
                // Names of definitions and of journaled acts are shown as they are.
                let is_name = |key: &str| {
                    path.starts_with("/journal") || (path.starts_with("/figures") && key.starts_with("diagnostics."))
                };
                for key in keys_shown(&html).into_iter().filter(|key| !is_name(key)) {
                    faults.push(format!("{} {path}: `{key}` has no words", lang.tag()));
                }
                if !html.is_empty() && html.contains("<html") && !html.contains(&format!("lang=\"{}\"", lang.tag())) {
                    faults.push(format!("{path} is not in {}", lang.tag()));
                }
            }
        }
        if !was_opened {
            faults.push(format!("nobody could open {path}"));
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(opened > 60, "only {opened} pages were opened");
    let verdict = world.platform.store.verify_journal().await.unwrap();
    assert_eq!(verdict.broken, None);
}
