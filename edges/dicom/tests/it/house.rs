//! A group for tests: two branches with a modality each, a request, the network server and the site.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use yiti_clock::{Calendars, Rules};
use yiti_diagnostics::actions::{self, NewRequest};
use yiti_diagnostics::settings::Definitions;
use yiti_diagnostics::store::ReadRow;
use yiti_dicom::dimse::{Config, serve};
use yiti_dicom::service::Edge;
use yiti_directory::device::{self, Device, Kind};
use yiti_directory::sign_in;
use yiti_directory::testing::House;
use yiti_directory::{Actor, InstitutionId, Kit, Roles, Title};
use yiti_flow::CaseId;
use yiti_kernel::civil::date;
use yiti_kernel::definition::{self, File};
use yiti_record::imaging::{self, Study};
use yiti_record::order::{Order, Priority, Setting};
use yiti_record::patient::{self, NewPatient, Patient, Sex};
use yiti_store::{Error, Migration, Store};
use yiti_web::{App, NoCounts, Settings};

pub(crate) const MIGRATIONS: &[&[Migration]] = &[
    yiti_directory::MIGRATIONS,
    yiti_record::MIGRATIONS,
    yiti_clock::MIGRATIONS,
    yiti_flow::MIGRATIONS,
    yiti_diagnostics::MIGRATIONS,
];
const PASSWORD: &str = "correct horse battery";

/// A group with its network server and its site.
pub(crate) struct Group {
    pub(crate) house: House,
    pub(crate) doctor: Arc<Actor>,
    pub(crate) address: SocketAddr,
    pub(crate) router: Router,
}

/// All definitions below `definitions/`.
fn definitions() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "toml") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                files.push(File { text: std::fs::read_to_string(&path).unwrap(), path: name });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn below(files: &[File], start: &str) -> Vec<File> {
    let is_wanted = |file: &&File| file.path.starts_with(start) && !file.path.contains("/cases/");
    files.iter().filter(is_wanted).cloned().collect()
}

impl Group {
    pub(crate) async fn open(store: Store) -> Self {
        let (dimse, base_url) = (SocketAddr::from(([127, 0, 0, 1], 0)), "http://localhost".to_owned());
        Self::with(store, dimse, base_url).await
    }

    /// A group whose site will be served at `address`; the network server listens one port above.
    pub(crate) async fn open_at(store: Store, address: SocketAddr) -> Self {
        let dimse = SocketAddr::new(address.ip(), address.port() + 1);
        Self::with(store, dimse, format!("http://{address}")).await
    }

    async fn with(store: Store, dimse: SocketAddr, base_url: String) -> Self {
        let files = definitions();
        let named = |name: &str| files.iter().find(|file| file.path == name).unwrap();
        let calendars = Calendars::load(&below(&files, "calendars/")).unwrap();
        let rules = Rules::load(&below(&files, "clocks/"), &calendars).unwrap();
        let kit = Kit::default().with(Definitions::load(&below(&files, "diagnostics/")).unwrap()).with(rules);
        let house = House::build(store, Roles::load(named("roles.toml")).unwrap(), kit).await;
        let doctor = house.hire("李医生", "branch_doctor", house.branch, Title::Attending).await;
        for (institution, archive, modality) in [(house.branch, "YITI-A", "CT-A"), (house.other, "YITI-B", "CT-B")] {
            for (title, kind) in [(archive, Kind::Archive), (modality, Kind::Modality)] {
                add_device(&house.platform.store, institution, title, kind).await;
            }
        }
        let listener = TcpListener::bind(dimse).await.unwrap();
        let address = listener.local_addr().unwrap();
        let edge = Arc::new(Edge::new(house.platform.clone()));
        tokio::spawn(serve(listener, edge, Config::default(), std::future::pending()));
        let settings = Settings { base_url, ..Settings::default() };
        let limits = definition::read(named("security.toml")).unwrap();
        let app = App::new(house.platform.clone(), limits, settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![yiti_dicom::dicomweb::slice()]);
        Self { house, doctor, address, router }
    }

    /// A patient for whom the branch asks for an examination.
    pub(crate) async fn request(&self, name: &str) -> (Patient, CaseId, Order) {
        let new = NewPatient {
            name: name.into(),
            sex: Sex::Male,
            birth_on: Some(date(1960, 2, 29)),
            national_id: String::new(),
            phone: String::new(),
            address: String::new(),
            is_synthetic: true,
        };
        let institution = self.house.branch;
        let scheduled_at = self.house.platform.now();
        let asked = self.house.platform.act(&self.doctor, move |cx| {
            Box::pin(async move {
                let patient = patient::register(cx, institution, &new).await?;
                let new = NewRequest {
                    patient: patient.id,
                    exam_code: "ct_chest_plain".into(),
                    priority: Priority::Urgent,
                    setting: Setting::Outpatient,
                    question: "咳嗽待查".into(),
                    history: "咳嗽两周".into(),
                    warnings: "青霉素过敏".into(),
                    scheduled_at,
                };
                let (case, order) = actions::request(cx, new).await?;
                Ok::<_, actions::Error>((patient, case, order))
            })
        });
        asked.await.unwrap()
    }

    pub(crate) async fn row(&self, case: CaseId) -> ReadRow {
        let scope = self.house.platform.tree().whole();
        let mut reader = self.house.platform.store.read().await.unwrap();
        yiti_diagnostics::store::get(&mut reader, scope, case).await.unwrap()
    }

    pub(crate) async fn study(&self, uid: &str) -> Option<Study> {
        let scope = self.house.platform.tree().whole();
        let mut reader = self.house.platform.store.read().await.unwrap();
        imaging::by_address(&mut reader, scope, uid).await.ok()
    }

    /// Waits until a study was taken as complete, which happens just after the sender has gone.
    pub(crate) async fn completed(&self, uid: &str) -> Study {
        for _ in 0..200 {
            if let Some(study) = self.study(uid).await.filter(|study| study.completed_at.is_some()) {
                return study;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("study {uid} was not completed");
    }

    pub(crate) async fn signed_in(&self, login: &str, role: &str, institution: InstitutionId) -> Browser {
        let actor = self.house.hire(login, role, institution, Title::Attending).await;
        let (person, account) = (actor.person.unwrap(), login.to_owned());
        let hash = sign_in::hash(PASSWORD, 10).await.unwrap();
        let store = &self.house.platform.store;
        let added = store
            .write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &account, &hash, false).await }));
        added.await.unwrap();
        let mut browser = Browser { router: self.router.clone(), cookies: BTreeMap::new() };
        let form = Body::from(format!("account={login}&password={}", PASSWORD.replace(' ', "+")));
        let request = browser
            .request(Method::POST, "/sign-in")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "text/html");
        let got = browser.send(request.body(form).unwrap()).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.text());
        browser
    }

    /// Runs dcmtk's `program` against the server.
    pub(crate) async fn dcmtk(&self, program: &str, (calling, called): (&str, &str), more: &[&str]) -> (bool, String) {
        let port = self.address.port().to_string();
        let mut arguments = vec!["-aet", calling, "-aec", called];
        let flags: Vec<&str> = more.iter().copied().filter(|one| !one.starts_with('/')).collect();
        let files: Vec<&str> = more.iter().copied().filter(|one| one.starts_with('/')).collect();
        arguments.extend(flags);
        arguments.extend(["127.0.0.1", &port]);
        arguments.extend(files);
        run(program, &arguments).await
    }
}

async fn add_device(store: &Store, institution: InstitutionId, title: &str, kind: Kind) {
    let device = Device {
        ae_title: title.into(),
        institution,
        kind,
        modality: if kind == Kind::Modality { "CT".into() } else { String::new() },
        name: title.into(),
        is_disabled: false,
        seen_at: None,
        seen_from: String::new(),
    };
    device::check(&device).unwrap();
    let added = store.write(move |tx| Box::pin(async move { device::add(tx, &device).await }));
    added.await.unwrap_or_else(|error: Error| panic!("{error:?}"));
}

pub(crate) async fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let path = Path::new("/usr/bin").join(program);
    assert!(path.exists(), "dcmtk's {program} is missing: apt-get install dcmtk");
    let mut command = Command::new(path);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

/// A copy of a series of the demonstration's pictures, whose files begin with `series`, in a folder of its own, changed
/// by dcmodify.
pub(crate) async fn copy_of(series: &str, changes: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let to = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../apps/yiti/demo/pictures");
    for entry in std::fs::read_dir(pictures).unwrap() {
        let from = entry.unwrap().path();
        if !from.file_name().unwrap().to_string_lossy().starts_with(series) {
            continue;
        }
        let copy = to.path().join(from.file_name().unwrap());
        std::fs::copy(from, &copy).unwrap();
        files.push(copy.to_string_lossy().into_owned());
    }
    files.sort();
    if !changes.is_empty() {
        let mut arguments = vec!["-nb"];
        arguments.extend(changes);
        arguments.extend(files.iter().map(String::as_str));
        let (ok, text) = run("dcmodify", &arguments).await;
        assert!(ok, "{text}");
    }
    (to, files)
}

/// What came back.
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A browser that keeps its cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    router: Router,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, cookies.join("; "))
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> Got {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            let (pair, _) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&mut self, path: &str, accept: &str) -> Got {
        let request = self.request(Method::GET, path).header(header::ACCEPT, accept);
        self.send(request.body(Body::empty()).unwrap()).await
    }
}
