//! The pages of a branch: asking, examining, grading, matching.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_clock::{Calendars, Rules};
use yiti_diagnostics::{Definitions, Error, actions, pages};
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::testing::House;
use yiti_directory::{Actor, InstitutionId, Kit, Roles, Title};
use yiti_kernel::definition::{self, File};
use yiti_kernel::{Date, NationalId, SignedDuration, Timestamp};
use yiti_record::StudyId;
use yiti_record::imaging::{self, Arrived};
use yiti_record::patient::Sex;
use yiti_store::testing::TestStore;
use yiti_store::{Digest, args, sql};
use yiti_web::{App, NoCounts, Settings};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The files below a folder of `definitions/`.
fn files(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Cases prove the definitions and are none.
            if path.file_name().is_some_and(|name| name == "cases") {
                continue;
            }
            if path.is_dir() {
                // Examples beside the definitions are no definitions.
                if !path.ends_with("cases") {
                    folders.push(path);
                }
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(File { path: path.strip_prefix(&root).unwrap().display().to_string(), text });
            }
        }
    }
    found
}

pub(crate) fn file(path: &str) -> File {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions").join(path);
    File { path: path.into(), text: std::fs::read_to_string(full).unwrap() }
}

pub(crate) struct Site {
    pub(crate) house: House,
    pub(crate) router: Router,
    _store: TestStore,
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::with(|_| Settings { base_url: "https://yiti.example".into(), ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: impl FnOnce(&House) -> Settings) -> Self {
        let store = yiti_store::testing::sqlite(&[
            yiti_directory::MIGRATIONS,
            yiti_record::MIGRATIONS,
            yiti_clock::MIGRATIONS,
            yiti_flow::MIGRATIONS,
            yiti_diagnostics::MIGRATIONS,
        ])
        .await;
        let roles = Roles::load(&file("roles.toml")).unwrap();
        let calendars = Calendars::load(&files("calendars")).unwrap();
        let rules = Rules::load(&files("clocks"), &calendars).unwrap();
        let definitions = Definitions::load(&files("diagnostics")).unwrap();
        let house = House::build(store.store.clone(), roles, Kit::default().with(rules).with(definitions)).await;
        let limits: Limits = definition::read(&file("security.toml")).unwrap();
        let app = App::new(house.platform.clone(), limits, settings(&house), Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![pages::slice()]);
        Self { house, router, _store: store }
    }

    /// Hires someone who can sign in as `login`.
    pub(crate) async fn hire(&self, login: &str, role: &str, at: InstitutionId) -> Arc<Actor> {
        let actor = self.house.hire(login, role, at, Title::None).await;
        let (person, login) = (actor.person.unwrap(), login.to_owned());
        let hash = sign_in::hash(PASSWORD, 10).await.unwrap();
        let store = &self.house.platform.store;
        store
            .write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &login, &hash, false).await }))
            .await
            .unwrap();
        actor
    }

    pub(crate) async fn browser(&self, login: &str, role: &str, at: InstitutionId) -> Browser {
        self.hire(login, role, at).await;
        let mut browser = Browser { router: self.router.clone(), cookies: BTreeMap::new() };
        let answer = browser.post("/sign-in", &[("account", login), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }

    /// A modality sends a study and closes its association.
    pub(crate) async fn send(&self, at: InstitutionId, picture: Picture<'_>) -> StudyId {
        self.send_all(at, vec![picture.arrived(self.house.platform.now())]).await
    }

    /// A modality sends instances of one study and closes its association.
    pub(crate) async fn send_all(&self, at: InstitutionId, instances: Vec<Arrived>) -> StudyId {
        let scope = self.house.platform.tree().get(at).unwrap().scope;
        let modality = Arc::new(Actor::device("CT-01", at, scope, &["diagnostics.image.send"]));
        let act = self.house.platform.act(&modality, move |cx| {
            Box::pin(async move {
                let mut study = None;
                for arrived in &instances {
                    let received = imaging::receive(cx, at, arrived).await.map_err(|refused| match refused {
                        imaging::Refused::Store(error) => error,
                        other => panic!("{other}"),
                    })?;
                    study = Some(received.study);
                }
                let study = study.unwrap();
                actions::study_complete(cx, study).await?;
                Ok::<_, Error>(study)
            })
        });
        act.await.unwrap()
    }

    async fn count(&self, sql: yiti_store::Sql) -> i64 {
        let mut reader = self.house.platform.store.read().await.unwrap();
        reader.one(sql, args![]).await.unwrap().get("n").unwrap()
    }

    /// Whose request a page showed, by its accession number.
    async fn order(&self) -> (String, String) {
        let mut reader = self.house.platform.store.read().await.unwrap();
        let newest = sql!(
            "select r.accession_number, p.number from service_request r join patient p on p.id = r.patient_id
             order by r.id desc limit 1"
        );
        let row = reader.one(newest, args![]).await.unwrap();
        (row.get("accession_number").unwrap(), row.get("number").unwrap())
    }
}

/// What the header of a picture says.
#[derive(Clone, Copy)]
pub(crate) struct Picture<'a> {
    pub(crate) uid: &'a str,
    pub(crate) number: &'a str,
    pub(crate) name: &'a str,
    pub(crate) accession: &'a str,
    pub(crate) sex: Sex,
    pub(crate) birth_on: Option<Date>,
    pub(crate) modality: &'a str,
}

impl Picture<'_> {
    pub(crate) fn arrived(self, now: Timestamp) -> Arrived {
        Arrived {
            study_uid: self.uid.into(),
            series_uid: format!("{}.1", self.uid),
            sop_uid: format!("{}.1.1", self.uid),
            sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            patient_number: self.number.into(),
            patient_name: self.name.into(),
            sex: self.sex,
            birth_on: self.birth_on,
            accession_number: self.accession.into(),
            study_id_text: String::new(),
            study_description: "CHEST".into(),
            referring: String::new(),
            study_on: None,
            study_time: String::new(),
            examined_at: Some(now - SignedDuration::from_mins(4)),
            modality: self.modality.into(),
            series_number: Some(1),
            series_description: "1.25 mm".into(),
            body_part: "CHEST".into(),
            instance_number: Some(1),
            pixel_rows: Some(512),
            pixel_columns: Some(512),
            frame_count: 1,
            bits_allocated: Some(16),
            digest: Digest::of(self.uid.as_bytes()),
            byte_count: 1,
            header_bytes: 1,
            oddities: String::new(),
        }
    }
}

pub(crate) struct Got {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn to(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the first field of a name.
    fn value(&self, name: &str) -> String {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

pub(crate) struct Browser {
    router: Router,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn send(&mut self, method: Method, path: &str, body: String) -> Got {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "yiti.example")
            .header(header::COOKIE, cookies.join("; "))
            .header(header::ACCEPT, "text/html")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Got {
        self.send(Method::GET, path, String::new()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Got {
        let body = yiti_web::query(form).trim_start_matches('?').to_owned();
        self.send(Method::POST, path, body).await
    }
}

pub(crate) fn words(key: &str) -> &str {
    yiti_web::words::t(yiti_kernel::Lang::Zh, key)
}

const NAME: &str = "韩秀兰";

fn national_id() -> String {
    NationalId::from_first_seventeen("53252519580603142").unwrap().as_str().to_owned()
}

/// A request for a CT of the chest for a newcomer.
fn new_request<'a>(act_key: &'a str, national_id: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("act_key", act_key),
        ("patient", "new"),
        ("name", NAME),
        ("national_id", national_id),
        ("exam", "ct_chest_plain"),
        ("priority", "routine"),
        ("setting", "outpatient"),
        ("history", "咳嗽两周，无发热"),
        ("question", "右肺结节较前有无增大？"),
        ("warning", "allergy"),
    ]
}

const KEY: &str = "0198f2c4b1d27c3e9d5f1a2b3c4d5e6f";

#[tokio::test]
async fn a_wrong_identity_card_is_told_with_the_character_that_would_fit_and_nothing_is_kept() {
    let site = Site::open().await;
    let mut doctor = site.browser("zhou", "branch_doctor", site.house.branch).await;
    let right = national_id();
    let last = right.chars().last().unwrap();
    let wrong = format!("{}{}", &right[..17], if last == '0' { '1' } else { '0' });
    let answer = doctor.post("/requests/new", &new_request(KEY, &wrong)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fault = words("requests.fault.id_check").replace("%{expected}", &last.to_string());
    assert!(answer.body.contains(&fault) && answer.body.contains("id=\"national_id-fault\""), "{}", answer.body);
    assert!(answer.body.contains(&wrong), "what was typed stays");
    assert_eq!(site.count(sql!("select count(*) as n from patient")).await, 0);
    let empty = doctor.post("/requests/new", &[("act_key", KEY)]).await;
    for field in ["patient", "exam", "priority", "setting", "question", "history"] {
        assert!(empty.body.contains(&format!("href=\"#{field}\"")), "{field}");
        assert!(empty.body.contains(&format!("id=\"{field}\"")), "{field}");
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_happens_once_and_only_its_branch_sees_it() {
    let site = Site::open().await;
    let mut doctor = site.browser("zhou", "branch_doctor", site.house.branch).await;
    let mut stranger = site.browser("wu", "branch_doctor", site.house.other).await;
    let card = national_id();
    let first = doctor.post("/requests/new", &new_request(KEY, &card)).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.body);
    let again = doctor.post("/requests/new", &new_request(KEY, &card)).await;
    assert_eq!((again.to(), site.count(sql!("select count(*) as n from service_request")).await), (first.to(), 1));

    let page = doctor.get(first.to()).await;
    assert_eq!(page.status, StatusCode::OK);
    let (accession, number) = site.order().await;
    for text in [NAME, &accession, &number, words("requests.warning.allergy"), "zhou"] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(!page.body.contains(&card) && page.body.contains("532525********"), "the card is masked");
    assert!(doctor.get("/requests").await.body.contains(&accession));

    let nothing = stranger.get("/requests/0198f2c4-b1d2-7c3e-9d5f-1a2b3c4d5e6f").await;
    let denied = stranger.get(first.to()).await;
    assert_eq!((nothing.status, denied.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    assert_eq!(denied.body, nothing.body);
    for path in ["live", "revoke"] {
        let denied = stranger.get(&format!("{}/{path}", first.to())).await;
        assert_eq!((denied.status, denied.body), (StatusCode::NOT_FOUND, nothing.body.clone()), "{path}");
    }
    assert!(!stranger.get("/requests").await.body.contains(&accession));
    assert!(!stranger.get("/patients?q=hxl").await.body.contains(NAME));

    // Whoever shows the card is opened elsewhere too; under another name they are not.
    let mut other_name = new_request("0198f2c4b1d27c3e9d5f1a2b3c4d5e70", &card);
    other_name[2].1 = "李四";
    let refused = stranger.post("/requests/new", &other_name).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains(words("requests.fault.other_name")) && !refused.body.contains(NAME));
    let taken = stranger.post("/requests/new", &new_request("0198f2c4b1d27c3e9d5f1a2b3c4d5e71", &card)).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.body);
    assert_eq!(site.count(sql!("select count(*) as n from patient")).await, 1);
    let seen = stranger.get("/requests").await;
    assert!(seen.body.contains(NAME) && !seen.body.contains(&accession));
}

#[tokio::test]
async fn a_patient_is_found_by_initials_and_chosen_without_scripts() {
    let site = Site::open().await;
    let mut doctor = site.browser("zhou", "branch_doctor", site.house.branch).await;
    let card = national_id();
    let first = doctor.post("/requests/new", &new_request(KEY, &card)).await;
    for text in ["hxl", NAME, &card] {
        let found = doctor.post("/requests/new", &[("act_key", KEY), ("step", "find"), ("q", text)]).await;
        assert_eq!(found.status, StatusCode::OK);
        assert!(found.body.contains("532525********"), "{text}");
    }
    let part = doctor.get("/requests/new/patients?q=hxl").await;
    assert!(part.body.contains(NAME) && !part.body.contains("<html"));
    let patient = part.value("patient");
    let begun = doctor.get(&format!("/requests/new?patient={patient}")).await;
    assert!(begun.body.contains(&format!("value=\"{patient}\" checked")));
    let key = begun.value("act_key");
    let mut form = new_request(&key, "");
    form[1].1 = &patient;
    form.retain(|(name, _)| *name != "name");
    let second = doctor.post("/requests/new", &form).await;
    assert_eq!(second.status, StatusCode::SEE_OTHER, "{}", second.body);
    assert_ne!(second.to(), first.to());
    let record = doctor.get(&format!("/patients/{patient}")).await;
    assert!(record.body.contains(first.to()) && record.body.contains(second.to()));
    // Each look stands in the journal: lists without a patient, records with one.
    let lists =
        sql!("select count(*) as n from journal where action = 'patient.read' and subject_kind = 'patient_list'");
    assert_eq!(site.count(lists).await, 4);
    let opened = sql!(
        "select count(*) as n from journal where action = 'patient.read' and subject_kind = 'patient'
             and purpose = 'treatment'"
    );
    assert_eq!(site.count(opened).await, 3);
}

/// The full score sheet, with `lost` points taken from the positioning.
fn sheet(key: &str, lost: u32, identity: &str) -> Vec<(String, String)> {
    let items = [
        ("act_key", key.to_owned()),
        ("points_identity", identity.to_owned()),
        ("points_positioning", (25 - lost).to_string()),
        ("points_exposure", "20".to_owned()),
        ("points_artefact", "15".to_owned()),
        ("points_coverage", "10".to_owned()),
        ("points_annotation", "10".to_owned()),
    ];
    items.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

async fn post(browser: &mut Browser, path: &str, form: &[(String, String)]) -> Got {
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(path, &form).await
}

#[tokio::test]
async fn a_technician_grades_or_asks_for_a_repeat_and_the_doctor_sees_why() {
    let site = Site::open().await;
    let branch = site.house.branch;
    let mut doctor = site.browser("zhou", "branch_doctor", branch).await;
    let mut technician = site.browser("luo", "branch_technician", branch).await;
    let card = national_id();
    let asked = doctor.post("/requests/new", &new_request(KEY, &card)).await;
    let (accession, number) = site.order().await;
    let picture = Picture {
        uid: "1.2.3",
        number: &number,
        name: NAME,
        accession: &accession,
        sex: Sex::Unknown,
        birth_on: None,
        modality: "CT",
    };
    let waiting = technician.get("/studies").await;
    assert!(waiting.body.contains(words("studies.to_grade_none")) && waiting.body.contains(&accession));
    site.house.clock.advance(SignedDuration::from_mins(10));
    site.send(branch, picture).await;
    let page = technician.get("/studies").await;
    let case = asked.to().trim_start_matches("/requests/").to_owned();
    let (grade, repeat) = (format!("/studies/{case}/grade"), format!("/studies/{case}/repeat"));
    assert!(page.body.contains(&grade) && page.body.contains("data-due"), "{}", page.body);

    let missing = technician.post(&grade, &[("act_key", KEY)]).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(missing.body.contains("href=\"#points_coverage\""));
    let unfit = post(&mut technician, &grade, &sheet(KEY, 0, "0")).await;
    assert_eq!(unfit.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unfit.body.contains(&words("studies.unfit").replace("%{points}", "80")));
    assert!(unfit.body.contains("value=\"identity\" checked"), "the reason is proposed");

    let no_reason = technician.post(&repeat, &[("act_key", KEY)]).await;
    assert_eq!(no_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = [("act_key", KEY), ("reason", "motion"), ("note", "呼吸伪影")];
    assert_eq!(technician.post(&repeat, &form).await.to(), "/studies");
    let page = doctor.get(asked.to()).await;
    for text in ["运动伪影", "呼吸伪影", words("requests.notice.ask_repeat"), words("status.paused"), "luo"] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(technician.get("/studies").await.body.contains("呼吸伪影"));

    site.house.clock.advance(SignedDuration::from_mins(20));
    site.send(branch, Picture { uid: "1.2.4", ..picture }).await;
    let key = technician.get(&grade).await.value("act_key");
    let graded = post(&mut technician, &grade, &sheet(&key, 11, "20")).await;
    assert_eq!(graded.to(), "/studies", "{}", graded.body);
    let again = post(&mut technician, &grade, &sheet(&key, 11, "20")).await;
    assert_eq!(again.to(), "/studies");
    assert_eq!(site.count(sql!("select count(*) as n from image_grade")).await, 1);
    let page = doctor.get(asked.to()).await;
    assert!(page.body.contains("grade grade-2") && page.body.contains("89"), "{}", page.body);
    assert!(page.body.contains("StudyInstanceUIDs=1.2.4"));
    assert!(technician.get(&grade).await.body.contains(words("studies.nothing")));
}

#[tokio::test]
async fn a_live_part_is_told_once_and_then_only_when_something_differs() {
    let site = Site::open().await;
    let mut doctor = site.browser("zhou", "branch_doctor", site.house.branch).await;
    let card = national_id();
    let asked = doctor.post("/requests/new", &new_request(KEY, &card)).await;
    let live = |page: &Got| {
        let (_, rest) = page.body.split_once("hx-get=\"/requests/").unwrap();
        format!("/requests/{}", rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
    };
    let reads = sql!("select count(*) as n from journal where action = 'patient.read'");
    for path in ["/requests", asked.to()] {
        let shown = live(&doctor.get(path).await);
        let before = site.count(reads).await;
        let quiet = doctor.get(&shown).await;
        assert_eq!((quiet.status, site.count(reads).await), (StatusCode::NO_CONTENT, before), "{shown}");
    }
    let (list, one) = (live(&doctor.get("/requests").await), live(&doctor.get(asked.to()).await));
    let revoke = format!("{}/revoke", asked.to());
    let empty = doctor.post(&revoke, &[("act_key", KEY)]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = [("act_key", "0198f2c4b1d27c3e9d5f1a2b3c4d5e72"), ("reason", "患者转院")];
    assert_eq!(doctor.post(&revoke, &form).await.to(), asked.to());
    for path in [list, one] {
        let part = doctor.get(&path).await;
        assert_eq!(part.status, StatusCode::OK, "{path}");
        assert!(part.body.contains(words("status.cancelled")) && !part.body.contains("<html"), "{}", part.body);
    }
    assert!(doctor.get(asked.to()).await.body.contains("患者转院"));
}

#[tokio::test]
async fn a_study_without_an_order_is_matched_by_a_person() {
    let site = Site::open().await;
    let branch = site.house.branch;
    let mut doctor = site.browser("zhou", "branch_doctor", branch).await;
    let mut technician = site.browser("luo", "branch_technician", branch).await;
    let mut stranger = site.browser("wu", "branch_technician", site.house.other).await;
    let card = national_id();
    let asked = doctor.post("/requests/new", &new_request(KEY, &card)).await;
    let picture = Picture {
        uid: "1.2.9",
        number: "20260318-07",
        name: "HAN^XIULAN",
        accession: "",
        sex: Sex::Female,
        birth_on: Some("1958-06-03".parse().unwrap()),
        modality: "CT",
    };
    let study = site.send(branch, picture).await;
    let list = technician.get("/unmatched").await;
    assert!(list.body.contains("HAN XIULAN") && list.body.contains(words("unmatched.reason.no_order")));
    assert!(!stranger.get("/unmatched").await.body.contains("HAN XIULAN"));
    let path = format!("/studies/{study}/match");
    assert_eq!(stranger.get(&path).await.status, StatusCode::NOT_FOUND);
    let page = technician.get(&path).await;
    for text in [NAME, words("unmatched.likeness.latin"), words("unmatched.likeness.differs"), "1958-06-03"] {
        assert!(page.body.contains(text), "{text}");
    }
    let request = page.value("request");
    let unchecked = technician.post(&path, &[("act_key", KEY), ("request", &request)]).await;
    assert_eq!(unchecked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unchecked.body.contains(words("unmatched.fault.checked")));
    let form = [("act_key", KEY), ("request", request.as_str()), ("checked", "1")];
    assert_eq!(stranger.post(&path, &form).await.status, StatusCode::NOT_FOUND);
    let matched = technician.post(&path, &form).await;
    let case = asked.to().trim_start_matches("/requests/");
    assert_eq!(matched.to(), format!("/studies/{case}/grade"), "{}", matched.body);
    assert_eq!(technician.post(&path, &form).await.to(), matched.to());
    assert!(technician.get("/unmatched").await.body.contains(words("unmatched.none")));
    assert!(doctor.get(asked.to()).await.body.contains("StudyInstanceUIDs=1.2.9"));
}

#[test]
fn every_word_of_the_templates_is_there_in_both_languages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for name in [
        "requests",
        "request_new",
        "request",
        "request_revoke",
        "studies",
        "grade",
        "unmatched",
        "match",
        "sorting",
        "patients",
        "patient",
    ] {
        let text = std::fs::read_to_string(root.join(format!("templates/{name}.html"))).unwrap();
        missing.extend(yiti_web::keys_used_in_templates(&text));
    }
    for name in ["branch", "requests", "studies", "sorting", "patients"] {
        let text = std::fs::read_to_string(root.join(format!("src/pages/{name}.rs"))).unwrap();
        missing.extend(yiti_web::keys_used_in_templates(&text));
    }
    missing.retain(|key| !yiti_kernel::Lang::ALL.iter().all(|lang| yiti_web::has_key(*lang, key)));
    assert_eq!(missing, Vec::<String>::new());
}
