//! The manager's figures: each one is as long as the list it opens.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_diagnostics::store::ReadRow;
use yiti_diagnostics::{Definitions, facts, store};
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::testing::House;
use yiti_directory::{Actor, InstitutionId, Kit, PersonId, Roles, Title};
use yiti_flow::CaseId;
use yiti_kernel::definition::{self, File, Sources};
use yiti_kernel::{Due, SignedDuration, Timestamp, Uuid, civil, time};
use yiti_measure::Measures;
use yiti_record::order::{Priority, Setting};
use yiti_record::{PatientId, RequestId};
use yiti_store::testing::{TestStore, on_both, sqlite};
use yiti_store::{Error, Store, args, sql};
use yiti_web::{App, NoCounts, Settings};

const PASSWORD: &str = "correct horse battery";

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions")
}

/// The definition files of a folder, those below it too.
fn files(folder: &str) -> Vec<File> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(files(&name));
        } else if name.ends_with(".toml") {
            found.push(File { path: name, text: std::fs::read_to_string(path).unwrap() });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn one(path: &str) -> File {
    File { path: path.into(), text: std::fs::read_to_string(root().join(path)).unwrap() }
}

/// The measures of this slice with their cases.
fn own_measures() -> Vec<File> {
    let name = |file: &File| file.path.rsplit('/').next().is_some_and(|name| name.starts_with("diagnostics-"));
    files("measures").into_iter().filter(name).collect()
}

fn measures() -> Measures {
    let (cases, files): (Vec<File>, Vec<File>) =
        own_measures().into_iter().partition(|file| file.path.contains("/cases/"));
    assert!(!cases.is_empty());
    Measures::load(&files, &[&facts::REMOTE_READ]).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn migrations() -> [&'static [yiti_store::Migration]; 5] {
    [
        yiti_directory::MIGRATIONS,
        yiti_record::MIGRATIONS,
        yiti_clock::MIGRATIONS,
        yiti_flow::MIGRATIONS,
        yiti_diagnostics::MIGRATIONS,
    ]
}

async fn house(store: Store) -> House {
    let roles = Roles::load(&one("roles.toml")).unwrap();
    let kit = Kit::default()
        .with(Definitions::load(&files("diagnostics")).unwrap())
        .with(measures())
        .with(Sources::default());
    House::build(store, roles, kit).await
}

/// Readings of three months at two branches: some late, some without their pictures' time, some not issued, some urgent.
fn readings(house: &House, count: usize) -> Vec<ReadRow> {
    let first = time::instant(civil::date(2025, 12, 20).at(8, 0, 0, 0));
    let step = SignedDuration::from_secs(80 * 24 * 3600 / i64::try_from(count).unwrap());
    let people: [PersonId; 2] = [PersonId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(2))];
    (0..count)
        .map(|n| {
            let requested_at = first + step * i32::try_from(n).unwrap();
            let minute = |by: i64| requested_at + SignedDuration::from_mins(by);
            let wait = i64::try_from(n * 37 % 190).unwrap();
            let arrived_at = (n % 11 != 0).then(|| minute(40));
            let issued_at = (n % 17 != 0).then(|| minute(41 + wait));
            ReadRow {
                id: CaseId::fresh(),
                request: RequestId::fresh(),
                study: None,
                patient: PatientId(Uuid::from_u128(7)),
                institution: if n % 3 == 0 { house.branch } else { house.other },
                accession_number: format!("T{n:06}"),
                patient_name: format!("Patient {n}"),
                exam_code: "ct_chest".into(),
                modality: if n % 2 == 0 { "CT".into() } else { "DX".into() },
                body_part: "CHEST".into(),
                setting: Setting::Outpatient,
                priority: if n % 5 == 0 { Priority::Stat } else { Priority::Routine },
                status: "issued".into(),
                requested_by: people[0],
                requested_at,
                examined_at: (n % 13 != 0).then(|| minute(30)),
                arrived_at,
                due: arrived_at.map(|at| Due { at: at + SignedDuration::from_mins(120), warn_at: None }),
                due_whole_at: Some(minute(150)),
                grade: [Some("a"), Some("b"), Some("c"), None][n % 4].map(Into::into),
                repeat_count: 0,
                reader: None,
                lease_until: None,
                author: None,
                written_at: None,
                approver: None,
                first_issued_at: issued_at,
                issued_at,
                report: None,
                report_version: None,
                is_positive: (n % 7 != 0).then_some(n % 3 == 0),
                is_critical: Some(false),
            }
        })
        .collect()
}

async fn plant(store: &Store, reads: Vec<ReadRow>, home: InstitutionId) {
    let planted = store.write(move |tx| {
        Box::pin(async move {
            let now = Timestamp::UNIX_EPOCH;
            tx.execute(
                sql!(
                    "insert into patient (id, number, name, name_initials, sex, birth_on, national_id, phone, address,
                         institution_id, is_synthetic, version, recorded_at)
                     values ($1, 'P1', 'Test', 'T', 'male', null, null, '', '', $2, 1, 1, $3)"
                ),
                args![Uuid::from_u128(7), home.0, now],
            )
            .await?;
            for read in &reads {
                tx.execute(
                    sql!(
                        "insert into flow_case (id, kind, status, state, version, institution_id, patient_id, opened_at,
                             changed_at) values ($1, 'remote_read', 'issued', '{}', 1, $2, $3, $4, $4)"
                    ),
                    args![read.id.0, read.institution.0, read.patient.0, now],
                )
                .await?;
                tx.execute(
                    sql!(
                        "insert into service_request (id, patient_id, institution_id, accession_number, exam_code, modality,
                             body_part, priority, setting, question, history, warnings, requested_by, requested_at,
                             scheduled_at, status)
                         values ($1, $2, $3, $4, $5, $6, $7, $8, 'outpatient', '', '', '[]', $9, $10, $10, 'completed')"
                    ),
                    args![
                        read.request.0,
                        read.patient.0,
                        read.institution.0,
                        &read.accession_number,
                        &read.exam_code,
                        &read.modality,
                        &read.body_part,
                        read.priority.key(),
                        read.requested_by.0,
                        read.requested_at,
                    ],
                )
                .await?;
                store::put(tx, read, "t").await?;
            }
            Ok::<_, Error>(())
        })
    });
    planted.await.unwrap();
}

struct Site {
    house: House,
    router: Router,
    _store: TestStore,
}

struct Got {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    bytes: Vec<u8>,
}

impl Got {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// What the one who serves the pages to look at them sets.
#[expect(clippy::disallowed_methods, reason = "a test that is run by hand has no other arguments")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Site {
    async fn open(count: usize) -> Self {
        let opened = sqlite(&migrations()).await;
        let house = house(opened.store.clone()).await;
        let reads = readings(&house, count);
        plant(&opened.store, reads, house.branch).await;
        let limits: Limits = definition::read(&one("security.toml")).unwrap();
        let base_url = setting("YITI_TEST_URL").unwrap_or_else(|| "https://yiti.example".into());
        let settings = Settings { base_url, ..Settings::default() };
        let app = App::new(house.platform.clone(), limits, settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![yiti_diagnostics::pages::slice()]);
        Self { house, router, _store: opened }
    }

    async fn hire(&self, login: &str, role: &str, institution: InstitutionId) -> Arc<Actor> {
        let actor = self.house.hire(login, role, institution, Title::None).await;
        let (person, login) = (actor.person.unwrap(), login.to_owned());
        let hash = sign_in::hash(PASSWORD, 10).await.unwrap();
        let write = self
            .house
            .platform
            .store
            .write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &login, &hash, false).await }));
        write.await.unwrap();
        actor
    }

    async fn sign_in(&self, login: &str) -> String {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/sign-in")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("account={login}&password={}", PASSWORD.replace(' ', "+"))))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    async fn get(&self, cookie: &str, path: &str) -> Got {
        let request = Request::builder().uri(path).header(header::ACCEPT, "text/html").header(header::COOKIE, cookie);
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Got { status: parts.status, headers: parts.headers, bytes }
    }

    /// How many readings a list shows over all its pages, and how many it says it has.
    async fn listed(&self, cookie: &str, href: &str) -> (usize, usize) {
        let (mut seen, mut said) = (0, 0);
        for page in 1.. {
            let got = self.get(cookie, &format!("{href}&page={page}")).await;
            assert_eq!(got.status, StatusCode::OK, "{href}");
            let text = got.text();
            said =
                text.split_once("id=\"listed\" data-count=\"").unwrap().1.split('"').next().unwrap().parse().unwrap();
            let rows = text.matches("<tr class=\"record\">").count();
            seen += rows;
            if rows == 0 || seen >= said {
                break;
            }
        }
        (seen, said)
    }
}

/// Every link that promises a number of readings.
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

#[test]
fn the_cases_beside_the_measures_come_out() {
    let cases: Vec<File> = own_measures().into_iter().filter(|file| file.path.contains("/cases/")).collect();
    let count = yiti_measure::case::run_cases(&cases, &measures())
        .unwrap_or_else(|faults| panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    assert!(count >= measures().iter().count(), "each measure has a case");
    for (file, source) in measures().sources() {
        assert!(root().join(format!("sources/{source}.toml")).is_file(), "{file} cites {source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_give_measures_the_same_rows_inside_the_scope() {
    on_both(&migrations(), |store| async move {
        let house = house(store.clone()).await;
        let reads = readings(&house, 120);
        plant(&store, reads.clone(), house.branch).await;
        let from = time::day_start(civil::date(2026, 1, 1));
        let until = time::day_start(civil::date(2026, 2, 1));
        let tree = house.platform.tree();
        let expected = |inside: &dyn Fn(&&ReadRow) -> bool| {
            reads
                .iter()
                .filter(|read| read.first_issued_at.is_some_and(|at| from <= at && at < until))
                .filter(inside)
                .count()
        };
        let mut reader = store.read().await.unwrap();
        let whole = store::measured(&mut reader, tree.whole(), (from, until), "", "").await.unwrap();
        assert_eq!(whole.len(), expected(&|_| true));
        let branch = tree.get(house.branch).unwrap().scope;
        let own = store::measured(&mut reader, branch, (from, until), "CT", "routine").await.unwrap();
        let is_own = |read: &&ReadRow| {
            read.institution == house.branch && read.modality == "CT" && read.priority == Priority::Routine
        };
        assert_eq!(own.len(), expected(&is_own));
        assert!(!own.is_empty() && own.iter().all(|reading| reading.institution == house.branch));
        let (narrow, wide) = (facts::batch(&whole, &tree).unwrap(), facts::rows(&reads, &tree).unwrap());
        assert_eq!((narrow.row_count(), wide.row_count()), (whole.len(), reads.len()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_as_long_as_the_list_it_opens() {
    let site = Site::open(300).await;
    site.hire("head", "department_head", site.house.lead).await;
    let cookie = site.sign_in("head").await;
    let mut promise_count = 0;
    for path in [
        "/figures/turnaround",
        "/figures/turnaround?by=month&from=2025-12&to=2026-02",
        "/figures/turnaround?last=6&modality=CT&priority=stat",
        "/figures/turnaround?by=both&measure=diagnostics.read_remote_in_time_ratio",
    ] {
        let got = site.get(&cookie, path).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        let promised = promises(&got.text());
        assert!(promised.len() > 10, "{path}");
        promise_count += promised.len();
        for (href, count) in promised {
            assert_eq!(site.listed(&cookie, &href).await, (count, count), "{path}: {href}");
        }
    }
    assert!(promise_count > 150, "{promise_count}");
    // What was looked at stands in the journal.
    let mut reader = site.house.platform.store.read().await.unwrap();
    let rows = reader.rows(sql!("select detail, purpose from journal where action = 'patient.read'"), args![]).await;
    let rows = rows.unwrap();
    assert!(rows.len() >= promise_count);
    assert!(rows.iter().all(|row| row.get::<String>("purpose").unwrap() == "quality"));
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_for_those_who_may_and_leave_as_a_workbook() {
    let site = Site::open(60).await;
    site.hire("head", "department_head", site.house.lead).await;
    site.hire("doctor", "branch_doctor", site.house.branch).await;
    let (head, doctor) = (site.sign_in("head").await, site.sign_in("doctor").await);
    for path in ["/figures/turnaround", "/figures/turnaround.xlsx", "/figures/turnaround/records"] {
        assert_eq!(site.get(&doctor, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let unknown = "/figures/turnaround/records?measure=diagnostics.none";
    assert_eq!(site.get(&head, unknown).await.status, StatusCode::NOT_FOUND);
    let wrong = site.get(&head, "/figures/turnaround?from=2026-03&to=2026-01").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("id=\"to-fault\""));
    let empty = site.get(&head, "/figures/turnaround?from=2024-03&to=2024-04").await;
    assert!(empty.status == StatusCode::OK && promises(&empty.text()).is_empty());
    for path in ["/figures/turnaround.xlsx?last=6&modality=CT", "/figures/turnaround.xlsx?by=both"] {
        let sheet = site.get(&head, path).await;
        assert_eq!(sheet.status, StatusCode::OK);
        assert!(sheet.bytes.starts_with(b"PK") && sheet.bytes.len() > 4_000);
        assert!(sheet.headers[header::CONTENT_TYPE].to_str().unwrap().contains("spreadsheetml"));
    }
}

/// For looking at the pages and for timing: `YITI_TEST_URL=http://127.0.0.1:18123 cargo test -- --ignored serve`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until it is stopped"]
async fn serve() {
    let count = setting("YITI_TEST_COUNT").and_then(|n| n.parse().ok()).unwrap_or(400);
    let site = Site::open(count).await;
    site.hire("head", "department_head", site.house.lead).await;
    let url = setting("YITI_TEST_URL").unwrap();
    let listener = tokio::net::TcpListener::bind(url.trim_start_matches("http://")).await.unwrap();
    axum::serve(listener, site.router.clone()).await.unwrap();
}
