//! A small group with final front pages, its people, and its pages over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::testing::House;
use yiti_directory::{Actor, InstitutionId, Kit, Roles, Title};
use yiti_drg::settle::Rules;
use yiti_drg::{Error, actions};
use yiti_kernel::civil::date;
use yiti_kernel::definition;
use yiti_kernel::{Date, Fen, SignedDuration, time};
use yiti_record::front_page::{self, Diagnosis, FrontPage, FrontPageId, Procedure, Sex, Source, Status};
use yiti_store::Store;
use yiti_web::{App, NoCounts, Settings};

use crate::support::{definitions, file};

const PASSWORD: &str = "correct horse battery";

/// The files of settlement.
fn rules() -> Rules {
    let files = ["payment/settlement.toml", "drg/settlement.toml"].map(file);
    Rules::load(&files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// A small group in an empty store.
pub(crate) async fn house(store: Store) -> House {
    let roles = Roles::load(&file("roles.toml")).unwrap();
    House::build(store, roles, Kit::default().with(definitions()).with(rules())).await
}

/// A final page of a stay that ended on `on`; odd ones are acute myocardial infarctions with a stent.
pub(crate) fn stay(n: u32, on: Date, yuan: i64) -> FrontPage {
    let is_heart = n % 2 == 1;
    let code = |code: &str| Diagnosis { code: code.into(), ..Diagnosis::default() };
    let mut page = FrontPage {
        status: Status::Final,
        medical_record_number: format!("Z{n:05}"),
        admission_count: 1,
        patient_name: format!("Patient {n}"),
        sex: Some(Sex::Male),
        age_years: Some(62),
        insurance_type: "1".into(),
        admitted_at: Some(time::instant(on.at(8, 0, 0, 0)) - SignedDuration::from_hours(168)),
        discharged_at: Some(time::instant(on.at(10, 0, 0, 0))),
        discharge_department: if is_heart { "Cardiology" } else { "Medicine" }.into(),
        discharge_disposition: "1".into(),
        length_of_stay_days: Some(7),
        diagnoses: if is_heart { vec![code("I21.001")] } else { vec![code("J15.900"), code("E11.900")] },
        procedures: if is_heart {
            vec![Procedure { code: "36.0601".into(), ..Procedure::default() }]
        } else {
            Vec::new()
        },
        ..FrontPage::default()
    };
    page.costs.total = Some(Fen(yuan * 100));
    page.costs.self_paid = Some(Fen(yuan * 30));
    page
}

/// Saves a page as an import does.
pub(crate) async fn save(house: &House, by: &Arc<Actor>, at: InstitutionId, page: FrontPage) -> FrontPageId {
    let saved = house.platform.act(by, move |cx| {
        Box::pin(async move {
            let id = front_page::save(cx, at, &page, Source::Table).await?.id();
            actions::front_page_saved(cx, id).await?;
            Ok::<_, Error>(id)
        })
    });
    saved.await.unwrap()
}

/// Twenty-four final stays of February at two institutions, among them some of the other insurance, one that nobody
/// insures and one without cost; and one draft.
pub(crate) async fn february(house: &House, by: &Arc<Actor>) -> Vec<FrontPageId> {
    let mut ids = Vec::new();
    for n in 0..24u32 {
        let on = date(2026, 2, i8::try_from(1 + n).unwrap());
        let mut page = stay(n, on, 8_000 + i64::from(n) * 1_317);
        match n {
            5..=7 => page.insurance_type = "2".into(),
            8 => page.insurance_type = "9".into(),
            9 => page.costs = front_page::Costs::default(),
            10 => {
                page.status = Status::Draft;
                page.discharged_at = None;
            }
            _ => {}
        }
        let at = if n % 3 == 0 { house.branch } else { house.lead };
        ids.push(save(house, by, at, page).await);
    }
    ids
}

/// Pages over HTTP.
pub(crate) struct Site {
    pub(crate) house: House,
    router: Router,
}

pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Got {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Where it leads.
    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text());
        self.headers[header::LOCATION].to_str().unwrap().to_owned()
    }
}

impl Site {
    pub(crate) async fn open(store: Store) -> Self {
        let house = house(store).await;
        let limits: Limits = definition::read(&file("security.toml")).unwrap();
        let settings = Settings { base_url: "https://yiti.example".into(), ..Settings::default() };
        let app = App::new(house.platform.clone(), limits, settings, Arc::new(NoCounts));
        Self { router: yiti_web::router(app, vec![yiti_drg::pages::slice()]), house }
    }

    /// Hires someone and signs them in: who acts, and their cookie.
    pub(crate) async fn sign_in(&self, login: &str, role: &str) -> (Arc<Actor>, String) {
        let actor = self.house.hire(login, role, self.house.lead, Title::None).await;
        let (person, own) = (actor.person.unwrap(), login.to_owned());
        let hash = sign_in::hash(PASSWORD, 10).await.unwrap();
        let set = self
            .house
            .platform
            .store
            .write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &own, &hash, false).await }));
        set.await.unwrap();
        let body = format!("account={login}&password={}", PASSWORD.replace(' ', "+"));
        let got = self.send(Method::POST, "", "/sign-in", body).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER);
        let cookie = got.headers[header::SET_COOKIE].to_str().unwrap();
        (actor, cookie.split(';').next().unwrap().to_owned())
    }

    async fn send(&self, method: Method, cookie: &str, path: &str, body: String) -> Got {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("sec-fetch-site", "same-origin")
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Got { status: parts.status, headers: parts.headers, bytes }
    }

    pub(crate) async fn get(&self, cookie: &str, path: &str) -> Got {
        self.send(Method::GET, cookie, path, String::new()).await
    }

    pub(crate) async fn post(&self, cookie: &str, path: &str, pairs: &[(&str, &str)]) -> Got {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.send(Method::POST, cookie, path, pairs.join("&")).await
    }

    /// How many rows a list shows over all its pages, and how many it says it has.
    pub(crate) async fn listed(&self, cookie: &str, href: &str) -> (usize, usize) {
        let (mut seen, mut said) = (0, 0);
        for page in 1.. {
            let join = if href.contains('?') { '&' } else { '?' };
            let got = self.get(cookie, &format!("{href}{join}page={page}")).await;
            assert_eq!(got.status, StatusCode::OK, "{href}");
            let text = got.text();
            let after = text.split_once("id=\"listed\" data-count=\"").unwrap().1;
            said = after.split('"').next().unwrap().parse().unwrap();
            let rows = text.matches("<tr class=\"record\">").count();
            seen += rows;
            if rows == 0 || seen >= said {
                break;
            }
        }
        (seen, said)
    }

    /// Opens every figure of a page and compares it with its list; gives how many there were.
    pub(crate) async fn figures_open(&self, cookie: &str, path: &str) -> usize {
        let got = self.get(cookie, path).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        let promised = promises(&got.text());
        for (href, count) in &promised {
            assert_eq!(self.listed(cookie, href).await, (*count, *count), "{path}: {href}");
        }
        promised.len()
    }
}

/// Every link that promises a number of rows.
fn promises(html: &str) -> Vec<(String, usize)> {
    html.split("<a ")
        .filter_map(|part| {
            let tag = part.split('>').next()?;
            let of = |name: &str| {
                Some(tag.split_once(name)?.1.split('"').next()?.replace("&#38;", "&").replace("&amp;", "&"))
            };
            Some((of("href=\"")?, of("data-count=\"")?.parse().ok()?))
        })
        .collect()
}
