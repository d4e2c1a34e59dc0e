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
use yiti_directory::{DepartmentId, InstitutionId, PersonId, Platform, PostId, people, session};
use yiti_kernel::{Lang, SignedDuration, SystemClock, time};
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
        self.session(sign_in.person, sign_in.post, lang).await
    }

    /// The cookie of someone in a post.
    pub(crate) async fn session(&self, person: PersonId, post: PostId, lang: Lang) -> String {
        let who = (person, post, lang);
        session::open(&self.platform.store, who, "test", self.platform.now(), &self.limits).await.unwrap()
    }

    /// The first department of a kind at an institution.
    pub(crate) async fn department(&self, institution: InstitutionId, kind: &str) -> Option<DepartmentId> {
        let mut reader = self.platform.store.read().await.unwrap();
        let scope = self.platform.tree().get(institution).unwrap().scope;
        let all = people::departments(&mut reader, scope).await.unwrap();
        all.into_iter().find(|one| one.institution == institution && one.kind == kind).map(|one| one.id)
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
        // As a task of its own, as requests are when they are served.
        let response = tokio::spawn(self.router.clone().oneshot(request)).await.unwrap().unwrap();
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
        let state = match path {
            _ if path.ends_with("/revoke") => "requested",
            _ if path.ends_with("/approve") => "drafted",
            _ if is_of_study(path) => "in conflict",
            _ if path.starts_with("/studies/") && !path.ends_with("/match") => "uploaded",
            _ if path.starts_with("/requests/") || path.starts_with("/readings/") => "waiting",
            // A correction, which has everything that a run may have.
            _ if path.starts_with("/drg/settlement/") => "corrects a frozen one",
            _ if path.starts_with("/drg/stays/") => "draft",
            _ => "",
        };
        let things = self.things(path).await;
        let (_, value) =
            things.iter().find(|(of, _)| of.contains(state)).unwrap_or_else(|| panic!("{path}: {things:?}"));
        let close = path.find('}').unwrap();
        format!("{}{value}{}", &path[..open], &path[close + 1..])
    }

    /// What the place of a path can be filled with: one thing of every state, with its state.
    pub(crate) async fn things(&self, path: &str) -> Vec<(String, String)> {
        let sql = if is_of_study(path) {
            // A matched study of every state, one without its order, and one that shares its UID with another patient.
            sql!(
                "select s.id, (case when s.conflict_reason is not null then 'in conflict'
                     when s.unmatched_reason is not null then 'without an order'
                     else 'matched, ' || coalesce(r.status, '') end) as state
                 from imaging_study s left join remote_read r on r.study_id = s.id
                 order by (case when s.institution_id = (select p.institution_id from post p join account a
                     on a.person_id = p.person_id where a.login = 'tech') then 0 else 1 end), s.id"
            )
        } else if path.starts_with("/studies/") && path.ends_with("/match") {
            sql!(
                "select id, unmatched_reason as state from imaging_study where unmatched_reason is not null order by id"
            )
        } else if ["/studies/", "/requests/", "/readings/"].iter().any(|start| path.starts_with(start)) {
            // Of the branch whose technician signs in, where it has one in that state, asked for by its doctor.
            sql!(
                "select r.id, r.status as state from remote_read r
                 order by (case when r.requested_by = (select person_id from account where login = 'doctor') then 0
                     when r.institution_id = (select p.institution_id from post p join account a
                         on a.person_id = p.person_id where a.login = 'tech') then 1 else 2 end), r.id"
            )
        } else if path.starts_with("/reports/") {
            sql!(
                "select distinct v.report_id as id, (case when r.requested_by = (select person_id from account
                     where login = 'doctor') then 'asked for by the doctor' else 'asked for by someone' end) as state
                 from report_version v join remote_read r on r.report_id = v.report_id order by v.report_id"
            )
        } else if path.starts_with("/drg/settlement/") {
            sql!(
                "select id, status || (case when previous_id is null then '' else ', corrects a frozen one' end) as state
                 from drg_settlement_run order by month desc, id"
            )
        } else if path.starts_with("/drg/clearing/") {
            sql!("select id, status as state from drg_clearing order by id")
        } else if path.starts_with("/drg/regroup/") {
            sql!("select id, status as state from drg_regroup_run order by id")
        } else if path.starts_with("/drg/import/") {
            sql!("select id, '' as state from front_page_import where refused_count > 0 order by id")
        } else if path.starts_with("/drg/stays/") {
            sql!("select id, status as state from drg_stay order by id")
        } else if path.starts_with("/drg/quarter/entries/") {
            sql!(
                "select id, kind || (case when done_at is null then '' else ', done' end) as state
                 from drg_quarter_entry order by id"
            )
        } else if path.starts_with("/verify/") {
            sql!("select verification_code as id, '' as state from report_version order by verification_code")
        } else if path.starts_with("/people/") {
            sql!("select person_id as id, role as state from post where until_on is null order by post.id")
        } else if path.starts_with("/posts/") {
            sql!("select id, role as state from post where until_on is null order by id")
        } else if path.starts_with("/rota/duty/") {
            // A shift of this week at the lead hospital, which the page of its head shows at once.
            sql!(
                "select d.id, '' as state from duty d join department w on w.id = d.department_id
                 join institution i on i.id = w.institution_id
                 where i.kind = 'lead_hospital' and d.starts_at between $1 and $2 order by w.name, d.starts_at, d.id"
            )
        } else if path.starts_with("/messages/") {
            sql!("select id, permission as state from notice order by created_at desc, id")
        } else if path.starts_with("/patients/") {
            sql!("select patient_id as id, '' as state from remote_read order by id")
        } else {
            panic!("say in this test what fills {path}");
        };
        let today = time::day(self.platform.now());
        let monday =
            today.saturating_sub(SignedDuration::from_hours(24 * i64::from(today.weekday().to_monday_zero_offset())));
        let week = (time::day_start(monday), time::day_start(monday.saturating_add(SignedDuration::from_hours(144))));
        let asked = if path.starts_with("/rota/duty/") { args![week.0, week.1].to_vec() } else { Vec::new() };
        let rows = self.platform.store.read().await.unwrap().rows(sql, &asked).await.unwrap();
        let mut found: Vec<(String, String)> = Vec::new();
        for row in rows {
            let state: String = row.get("state").unwrap();
            if !found.iter().any(|(known, _)| *known == state) {
                let id = row.get::<yiti_kernel::Uuid>("id").map(|id| id.simple().to_string());
                found.push((state, id.or_else(|_| row.get("id")).unwrap()));
            }
        }
        found
    }
}

/// Routes below `/studies/` whose place is a study, where that of the others is a case.
fn is_of_study(path: &str) -> bool {
    path.starts_with("/studies/") && ["/sort", "/apart", "/undo", "/unmatch"].iter().any(|end| path.ends_with(end))
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
