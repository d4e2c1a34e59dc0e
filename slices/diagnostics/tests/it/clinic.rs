//! A group in which people read for one another: its members, its definitions, and one examination brought to any state.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_clock::{Calendars, Rules};
use yiti_diagnostics::actions::{self, NewRequest};
use yiti_diagnostics::content::Content;
use yiti_diagnostics::{Definitions, Error, RemoteRead, store};
use yiti_directory::sign_in::Limits;
use yiti_directory::testing::House;
use yiti_directory::{Actor, Cx, Kit, Roles, Title, session};
use yiti_flow::{CaseId, case};
use yiti_kernel::Lang;
use yiti_kernel::definition::{self, File};
use yiti_record::StudyId;
use yiti_record::imaging::{self, Arrived};
use yiti_record::order::{Order, Priority, Setting};
use yiti_record::patient::{self, NewPatient, Sex};
use yiti_record::report::Issued;
use yiti_store::testing::TestStore;
use yiti_store::{Act, Digest, Migration, Store};
use yiti_web::{App, NoCounts, Settings};

/// Every table that this slice stands on.
pub(crate) const MIGRATIONS: &[&[Migration]] = &[
    yiti_directory::MIGRATIONS,
    yiti_record::MIGRATIONS,
    yiti_clock::MIGRATIONS,
    yiti_flow::MIGRATIONS,
    yiti_diagnostics::MIGRATIONS,
];

/// The people of the group.
pub(crate) struct Clinic {
    pub(crate) house: House,
    pub(crate) doctor: Arc<Actor>,
    pub(crate) technician: Arc<Actor>,
    pub(crate) reader: Arc<Actor>,
    pub(crate) second: Arc<Actor>,
    pub(crate) resident: Arc<Actor>,
    device: Arc<Actor>,
    serial: AtomicU64,
}

fn files(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name == "cases") {
                // Proofs of the definitions, not definitions.
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                files.push(File { path: name, text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    files
}

fn file(path: &str) -> File {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    File { path: path.into(), text: std::fs::read_to_string(root.join(path)).unwrap() }
}

pub(crate) fn limits() -> Limits {
    definition::read(&file("security.toml")).unwrap()
}

impl Clinic {
    /// Opens the group in an empty store.
    pub(crate) async fn open(store: Store) -> Self {
        let calendars = Calendars::load(&files("calendars")).unwrap();
        let rules = Rules::load(&files("clocks"), &calendars).unwrap();
        let definitions = Definitions::load(&files("diagnostics")).unwrap();
        let roles = Roles::load(&file("roles.toml")).unwrap();
        let house = House::build(store, roles, Kit::default().with(rules).with(definitions)).await;
        let scope = house.platform.tree().get(house.branch).unwrap().scope;
        let device = Actor::device("CT 1", house.branch, scope, &["diagnostics.image.send"]);
        Self {
            doctor: house.hire("周敏", "branch_doctor", house.branch, Title::Attending).await,
            technician: house.hire("刘强", "branch_technician", house.branch, Title::None).await,
            reader: house.hire("陈立群", "radiologist", house.lead, Title::Attending).await,
            second: house.hire("孙国良", "department_head", house.lead, Title::AssociateChief).await,
            resident: house.hire("林雪梅", "radiologist", house.lead, Title::Resident).await,
            device: Arc::new(device),
            serial: AtomicU64::new(1),
            house,
        }
    }

    /// Runs an act.
    pub(crate) async fn act<T, F>(&self, actor: &Arc<Actor>, act: F) -> Result<T, Error>
    where
        F: for<'c, 't> FnOnce(&'c mut Cx<'t>) -> Act<'c, Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        self.house.platform.act(actor, act).await
    }

    /// A new patient and an order for them.
    pub(crate) async fn requested(&self, name: &str, exam: &str, priority: Priority) -> (CaseId, Order) {
        let (branch, now) = (self.house.branch, self.house.platform.now());
        let (name, exam_code) = (name.to_owned(), exam.to_owned());
        let requested = self.act(&self.doctor, move |cx| {
            Box::pin(async move {
                let new = NewPatient {
                    name,
                    sex: Sex::Female,
                    birth_on: patient::parse_day("19580512"),
                    national_id: String::new(),
                    phone: String::new(),
                    address: String::new(),
                    is_synthetic: true,
                };
                let whose = patient::register(cx, branch, &new).await?;
                let new = NewRequest {
                    patient: whose.id,
                    exam_code,
                    priority,
                    setting: Setting::Outpatient,
                    question: "右肺结节较前有无增大？".into(),
                    history: "咳嗽 2 周，无发热。体检发现右肺上叶结节。".into(),
                    warnings: String::new(),
                    scheduled_at: now,
                };
                actions::request(cx, new).await
            })
        });
        requested.await.unwrap()
    }

    /// The pictures of an order come from the modality.
    pub(crate) async fn arrive(&self, order: &Order) -> StudyId {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let whose = patient::get(&mut self.house.platform.store.read().await.unwrap(), order.patient).await.unwrap();
        let now = self.house.platform.now();
        let new = Arrived {
            study_uid: format!("2.25.{serial}"),
            series_uid: format!("2.25.{serial}.1"),
            sop_uid: format!("2.25.{serial}.1.1"),
            sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            patient_number: whose.number,
            patient_name: whose.name,
            sex: whose.sex,
            birth_on: whose.birth_on,
            accession_number: order.accession_number.clone(),
            study_id_text: "1".into(),
            study_description: "Chest".into(),
            referring: String::new(),
            study_on: Some(yiti_kernel::time::day(now)),
            study_time: "085500".into(),
            examined_at: Some(now),
            modality: order.modality.clone(),
            series_number: Some(1),
            series_description: String::new(),
            body_part: order.body_part.clone(),
            instance_number: Some(1),
            pixel_rows: Some(512),
            pixel_columns: Some(512),
            frame_count: 1,
            bits_allocated: Some(16),
            digest: Digest::of(&serial.to_le_bytes()),
            byte_count: 524_288,
            header_bytes: 1_024,
            oddities: String::new(),
        };
        let branch = self.house.branch;
        self.act(&self.device, move |cx| {
            Box::pin(async move {
                let received = imaging::receive(cx, branch, &new).await.unwrap();
                actions::study_complete(cx, received.study).await?;
                Ok(received.study)
            })
        })
        .await
        .unwrap()
    }

    /// An instance of nobody in particular.
    pub(crate) fn instance(&self) -> Arrived {
        Arrived {
            study_uid: String::new(),
            series_uid: String::new(),
            sop_uid: String::new(),
            sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            patient_number: String::new(),
            patient_name: String::new(),
            sex: Sex::Unknown,
            birth_on: None,
            accession_number: String::new(),
            study_id_text: String::new(),
            study_description: String::new(),
            referring: String::new(),
            study_on: None,
            study_time: String::new(),
            examined_at: None,
            modality: String::new(),
            series_number: None,
            series_description: String::new(),
            body_part: String::new(),
            instance_number: None,
            pixel_rows: None,
            pixel_columns: None,
            frame_count: 1,
            bits_allocated: None,
            digest: Digest::of(b"nobody"),
            byte_count: 1,
            header_bytes: 1,
            oddities: String::new(),
        }
    }

    /// The technician finds nothing wrong with the pictures.
    pub(crate) async fn grade(&self, id: CaseId) {
        let sheet = &self.house.platform.kit.get::<Definitions>().score_sheet;
        let sheet: BTreeMap<String, u32> = sheet.items.iter().map(|item| (item.id.clone(), item.points)).collect();
        self.act(&self.technician, move |cx| Box::pin(async move { actions::grade(cx, id, &sheet).await }))
            .await
            .unwrap();
    }

    /// An examination that waits for a reader.
    pub(crate) async fn waiting(&self, name: &str) -> CaseId {
        let (id, order) = self.requested(name, "ct_chest_plain", Priority::Routine).await;
        self.arrive(&order).await;
        self.grade(id).await;
        id
    }

    /// A reader takes it.
    pub(crate) async fn take(&self, who: &Arc<Actor>, id: CaseId) -> Result<(), Error> {
        self.act(who, move |cx| Box::pin(async move { actions::take(cx, id).await })).await
    }

    /// An examination whose report waits for the second doctor.
    pub(crate) async fn drafted(&self, name: &str) -> CaseId {
        let id = self.waiting(name).await;
        self.take(&self.reader, id).await.unwrap();
        self.submit(id, normal()).await;
        id
    }

    /// The reader hands in.
    pub(crate) async fn submit(&self, id: CaseId, content: Content) {
        self.act(&self.reader, move |cx| Box::pin(async move { actions::submit(cx, id, &content).await }))
            .await
            .unwrap();
    }

    /// The second doctor approves.
    pub(crate) async fn approve(&self, id: CaseId, amended: Option<Content>) -> Issued {
        self.act(&self.second, move |cx| Box::pin(async move { actions::approve(cx, id, amended).await }))
            .await
            .unwrap()
    }

    /// The report of an examination.
    pub(crate) async fn issued(&self, name: &str) -> (CaseId, Issued) {
        let id = self.drafted(name).await;
        let issued = self.approve(id, None).await;
        (id, issued)
    }

    /// Where a case stands.
    pub(crate) async fn status(&self, id: CaseId) -> String {
        let mut reader = self.house.platform.store.read().await.unwrap();
        let row = store::get(&mut reader, self.house.platform.tree().whole(), id).await.unwrap();
        let kept = case::load::<RemoteRead>(&mut reader, id).await.unwrap();
        assert_eq!(row.status, kept.state.status(), "row and case agree");
        row.status
    }
}

/// A complete report of a normal chest.
pub(crate) fn normal() -> Content {
    let sections = [
        ("technique", "胸部平扫，层厚5 mm，肺窗、纵隔窗观察。"),
        ("findings", "胸廓对称，双肺纹理清晰。纵隔未见肿大淋巴结。"),
        ("impression", "胸部CT平扫未见明显异常。"),
    ];
    Content {
        template: "ct_chest".into(),
        sections: sections.into_iter().map(|(id, text)| (id.to_owned(), text.to_owned())).collect(),
        ..Content::default()
    }
}

/// The clinic behind the real router.
pub(crate) struct Site {
    pub(crate) clinic: Clinic,
    pub(crate) router: Router,
    pub(crate) _store: TestStore,
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::at("http://127.0.0.1:8790").await
    }

    pub(crate) async fn at(base_url: &str) -> Self {
        let opened = yiti_store::testing::sqlite(MIGRATIONS).await;
        let clinic = Clinic::open(opened.store.clone()).await;
        let settings = Settings { base_url: base_url.into(), ..Settings::default() };
        let app = App::new(clinic.house.platform.clone(), limits(), settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![yiti_diagnostics::pages::slice()]);
        Self { clinic, router, _store: opened }
    }

    /// A browser in which `who` is signed in.
    pub(crate) async fn browser(&self, who: &Arc<Actor>) -> Browser {
        let platform = &self.clinic.house.platform;
        let whom = (who.person.unwrap(), who.post.unwrap(), Lang::Zh);
        let token = session::open(&platform.store, whom, "test", platform.now(), &limits()).await.unwrap();
        Browser { router: self.router.clone(), cookie: format!("yiti={token}") }
    }

    /// A browser in which nobody is signed in.
    pub(crate) fn anyone(&self) -> Browser {
        Browser { router: self.router.clone(), cookie: String::new() }
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
    pub(crate) fn to(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn holds(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "no `{text}` in {} {}", self.status, self.body);
        self
    }

    #[track_caller]
    pub(crate) fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "`{text}` in {} {}", self.status, self.body);
        self
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
}

pub(crate) struct Browser {
    router: Router,
    pub(crate) cookie: String,
}

impl Browser {
    async fn send(&self, request: Request<Body>) -> Got {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:8790");
        let request = request.header(header::ACCEPT, "text/html");
        if self.cookie.is_empty() { request } else { request.header(header::COOKIE, &self.cookie) }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Got {
        self.post_with(path, form, &[]).await
    }

    /// As the autosave module posts.
    pub(crate) async fn autosave(&self, path: &str, form: &[(&str, &str)]) -> Got {
        self.post_with(path, form, &[("x-autosave", "1")]).await
    }

    async fn post_with(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Got {
        let mut request = self
            .request(Method::POST, path)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = yiti_web::query(form).trim_start_matches('?').to_owned();
        self.send(request.body(Body::from(body)).unwrap()).await
    }
}
