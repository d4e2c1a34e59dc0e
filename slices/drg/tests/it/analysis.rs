//! The figures of finished stays: each one is as long as the list it opens, on both databases, for those who may.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_directory::institution::DepartmentId;
use yiti_directory::people::{self, Department, Person, Post};
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::testing::House;
use yiti_directory::{Actor, InstitutionId, Kit, PersonId, PostId, Roles, Title};
use yiti_drg::analysis::{Bands, By, GroupSum, Reference, Stay, Yardstick, split};
use yiti_drg::analysis_acts::{self, Error};
use yiti_drg::ceilings::Kind;
use yiti_drg::compare::Analysis;
use yiti_drg::measured::{Counted, Rule, line_of};
use yiti_drg::quarter::{Pack, Quarter, hash};
use yiti_drg::store::{self, Reach, StayRow};
use yiti_drg::store_analysis::{self as rows, Slice};
use yiti_drg::{Definitions, facts};
use yiti_kernel::definition::{self, File, Sources};
use yiti_kernel::{Date, Fen, SignedDuration, Timestamp, civil};
use yiti_measure::Measures;
use yiti_measure::evaluate::{Ask, Period};
use yiti_record::front_page::{FrontPageId, Status};
use yiti_record::patient::Sex;
use yiti_store::testing::{TestStore, on_both, sqlite};
use yiti_store::{Digest, Error as StoreError, Store, args, sql};
use yiti_web::{App, NoCounts, Settings};

const PASSWORD: &str = "correct horse battery";
const DEPARTMENTS: [&str; 3] = ["Medicine", "Surgery", ""];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions")
}

fn files(folder: &str) -> Vec<File> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(files(&name));
        } else if name.ends_with(".toml") || name.ends_with(".csv") {
            found.push(File { path: name, text: std::fs::read_to_string(path).unwrap() });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn one(path: &str) -> File {
    File { path: path.into(), text: std::fs::read_to_string(root().join(path)).unwrap() }
}

/// The measures of this slice, and their cases.
fn own_measures() -> (Vec<File>, Vec<File>) {
    let is_own = |file: &File| file.path.rsplit('/').next().is_some_and(|name| name.starts_with("drg-"));
    files("measures").into_iter().filter(is_own).partition(|file| !file.path.contains("/cases/"))
}

fn measures() -> Measures {
    Measures::load(&own_measures().0, &[&facts::STAY]).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn migrations() -> [&'static [yiti_store::Migration]; 3] {
    [yiti_directory::MIGRATIONS, yiti_record::MIGRATIONS, yiti_drg::MIGRATIONS]
}

async fn house(store: Store) -> House {
    house_with(store, measures()).await
}

async fn house_with(store: Store, measures: Measures) -> House {
    let roles = Roles::load(&one("roles.toml")).unwrap();
    let tables = [files("drg"), files("payment"), files("frontpage")].concat();
    let find = |path: &str| std::fs::read(root().join(path)).ok().map(Cow::Owned);
    let drg = Definitions::load(&tables, &find).unwrap_or_else(|faults| panic!("{faults:?}"));
    let analysis = Analysis::load(&tables).unwrap_or_else(|faults| panic!("{faults:?}"));
    House::build(store, roles, Kit::default().with(drg).with(analysis).with(measures).with(Sources::default())).await
}

/// Stays from January 2025 to March 2026: some not priced, some without items, some without a group, some died.
fn stays(house: &House, count: usize) -> Vec<StayRow> {
    let first = civil::date(2025, 1, 3);
    (0..count)
        .map(|n| {
            let whole = i64::try_from(n).unwrap();
            let discharged_on = first + SignedDuration::from_hours(24 * (whole * 430 / i64::try_from(count).unwrap()));
            // Deaths are spread so that groups differ in mortality by orders of magnitude.
            let group = n % 7;
            let drg = ["BR21", "BR23", "ES21", "FM19", "GB19", "IC29", "0000"][group];
            let is_grouped = drg != "0000";
            let is_dead = match group {
                0 => n % 3 == 0,
                1 => n % 5 == 0,
                2 => n % 50 == 2,
                _ => false,
            };
            let cost = (n % 17 != 0).then_some(Fen(800_000 + whole * 9_770 % 900_000));
            let pay = (n % 13 != 0 && is_grouped).then_some(Fen(1_200_000));
            StayRow {
                id: FrontPageId::fresh(),
                version: 1,
                institution: if n % 3 == 0 { house.branch } else { house.lead },
                department: DEPARTMENTS[n % 11 % 3].into(),
                physician: format!("Doctor {}", n % 9),
                medical_record_number: format!("R{n:06}"),
                patient_name: format!("Patient {n}"),
                sex: Sex::Female,
                status: if n % 29 == 0 { Status::Draft } else { Status::Final },
                admitted_on: Some(discharged_on),
                discharged_on: Some(discharged_on),
                stay_days: (n % 19 != 0).then(|| u32::try_from(2 + n % 12).unwrap()),
                disposition: String::new(),
                is_dead,
                principal: "I63.900".into(),
                insurance: ["employee", "resident", ""][n % 5 % 3].into(),
                level: "3".into(),
                scheme: "changzhou_2022".into(),
                scheme_hash: String::new(),
                pack: String::new(),
                pack_hash: String::new(),
                mdc: if is_grouped { drg[..1].into() } else { String::new() },
                adrg: String::new(),
                drg: drg.into(),
                outcome: if is_grouped { "drg".into() } else { "ungrouped".into() },
                complication: "none".into(),
                cc_count: 0,
                mcc_count: 0,
                excluded_count: 0,
                weight_e6: (is_grouped && n % 23 != 0).then_some(700_000 + whole * 31 % 900_000),
                standard: None,
                pay,
                fund: None,
                basis: String::new(),
                unpriced: if pay.is_some() { String::new() } else { "no_insurance".into() },
                cost,
                drug_cost: cost.filter(|_| n % 10 != 0).map(|cost| Fen(cost.0 * (20 + whole % 25) / 100)),
                consumable_cost: cost.filter(|_| n % 10 != 0).map(|cost| Fen(cost.0 * (10 + whole % 15) / 100)),
                self_paid: None,
                finding_count: 0,
                refusing_count: 0,
                grouped_at: Timestamp::UNIX_EPOCH,
            }
        })
        .collect()
}

async fn plant(store: &Store, stays: Vec<StayRow>) {
    for part in stays.chunks(2000).map(<[StayRow]>::to_vec) {
        let planted = store.write(move |tx| {
            Box::pin(async move {
                for stay in &part {
                    tx.execute(
                        sql!(
                            "insert into front_page (id, institution_id, medical_record_number, admission_count, status,
                                 version, digest, patient_name, listed_on, department, ward, physician, recorded_at)
                             values ($1, $2, $3, 1, $4, 1, $5, '', '2026-01-01', '', '', '', 0)"
                        ),
                        args![
                            stay.id.0,
                            stay.institution.0,
                            &stay.medical_record_number,
                            stay.status.key(),
                            Digest::of(b"")
                        ],
                    )
                    .await?;
                    store::put(tx, stay).await?;
                    let cause = (stay.outcome == "ungrouped").then_some("no_mdc");
                    rows::put_failure(tx, stay.id, cause).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        planted.await.unwrap();
    }
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

/// What the one who runs a test by hand sets.
#[expect(clippy::disallowed_methods, reason = "a test that is run by hand has no other arguments")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Hires someone into a department of an institution.
async fn hire(house: &House, name: &str, role: &str, institution: InstitutionId, department: &str) -> Arc<Actor> {
    let (person, post, department_id) = (PersonId::fresh(), PostId::fresh(), DepartmentId::fresh());
    let (name, role, department) = (name.to_owned(), role.to_owned(), department.to_owned());
    let hired = house.platform.store.write(move |tx| {
        Box::pin(async move {
            let department_id = (!department.is_empty()).then_some(department_id);
            if let Some(id) = department_id {
                let new = Department { id, institution, name: department, kind: "internal_medicine".into() };
                people::add_department(tx, &new).await?;
            }
            let employee_number = person.to_string();
            let title = Title::None;
            let new = Person { id: person, name, employee_number, title, phone: String::new(), is_synthetic: true };
            people::add_person(tx, &new).await?;
            let from_on = civil::date(2020, 1, 1);
            let post = Post { id: post, person, role, institution, department: department_id, from_on, until_on: None };
            people::add_post(tx, &post).await
        })
    });
    hired.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    let mut reader = house.platform.store.read().await.unwrap();
    Arc::new(house.platform.actor(&mut reader, person, post).await.unwrap().unwrap())
}

impl Site {
    async fn open(count: usize) -> Self {
        Self::with(count, measures()).await
    }

    async fn with(count: usize, measures: Measures) -> Self {
        let opened = sqlite(&migrations()).await;
        let house = house_with(opened.store.clone(), measures).await;
        plant(&opened.store, stays(&house, count)).await;
        let limits: Limits = definition::read(&one("security.toml")).unwrap();
        let base_url = setting("YITI_TEST_URL").unwrap_or_else(|| "https://yiti.example".into());
        let settings = Settings { base_url, ..Settings::default() };
        let app = App::new(house.platform.clone(), limits, settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![yiti_drg::pages::slice()]);
        Self { house, router, _store: opened }
    }

    async fn sign_in(&self, login: &str, role: &str, institution: InstitutionId, department: &str) -> String {
        let actor = hire(&self.house, login, role, institution, department).await;
        let (person, named) = (actor.person.unwrap(), login.to_owned());
        let hash = sign_in::hash(PASSWORD, 10).await.unwrap();
        let write = self
            .house
            .platform
            .store
            .write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &named, &hash, false).await }));
        write.await.unwrap();
        let body = format!("account={login}&password={}", PASSWORD.replace(' ', "+"));
        let answer = self.send(Method::POST, "", "/sign-in", body).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    async fn send(&self, method: Method, cookie: &str, path: &str, body: String) -> Got {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("sec-fetch-site", "same-origin")
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, cookie);
        let answer = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Got { status: parts.status, headers: parts.headers, bytes }
    }

    async fn get(&self, cookie: &str, path: &str) -> Got {
        self.send(Method::GET, cookie, path, String::new()).await
    }

    /// Opens every figure of a page; gives how many lists that were.
    async fn keeps(&self, cookie: &str, path: &str) -> usize {
        let got = self.get(cookie, path).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        let mut promised = promises(&got.text());
        assert!(promised.len() > 5, "{path}: {}", promised.len());
        assert!(got.bytes.len() < 200_000, "{path}: {} bytes", got.bytes.len());
        promised.sort();
        promised.dedup();
        for (href, count) in &promised {
            assert_eq!(self.listed(cookie, href).await, (*count, *count), "{path}: {href}");
        }
        promised.len()
    }

    /// How many stays a list shows over all its pages, and how many it says it has.
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

/// Every link that promises a number of stays.
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
    let cases = own_measures().1;
    let count = yiti_measure::case::run_cases(&cases, &measures())
        .unwrap_or_else(|faults| panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    assert!(count >= measures().iter().count() && count >= 7, "each measure has a case");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_read_sum_and_fail_alike() {
    on_both(&migrations(), |store| async move {
        let house = house(store.clone()).await;
        let all = stays(&house, 700);
        plant(&store, all.clone()).await;
        let tree = house.platform.tree();
        let days = (civil::date(2025, 6, 1), civil::date(2025, 12, 31));
        let reach = Reach::all(tree.whole());
        let mut reader = store.read().await.unwrap();
        for (slice, inside) in [
            (Slice::default(), &(|_: &StayRow| true) as &dyn Fn(&StayRow) -> bool),
            (Slice { department: "-".into(), ..Slice::default() }, &|stay| stay.department.is_empty()),
            (Slice { insurance: "resident".into(), mdc: "B".into(), ..Slice::default() }, &|stay| {
                stay.insurance == "resident" && stay.mdc == "B"
            }),
            (Slice { institution: Some(house.branch), ..Slice::default() }, &|stay| stay.institution == house.branch),
        ] {
            let expected = all.iter().filter(|stay| {
                stay.status == Status::Final
                    && stay.discharged_on.is_some_and(|day| days.0 <= day && day <= days.1)
                    && inside(stay)
            });
            let expected: Vec<&StayRow> = expected.collect();
            let read = rows::stays(&mut reader, &reach, &slice, days).await.unwrap();
            assert!(!read.is_empty());
            assert_eq!(read.len(), expected.len());
            let reference = rows::reference(&mut reader, tree.whole(), days).await.unwrap();
            let yardstick = house.platform.kit.get::<Analysis>().compare.yardstick(&reference);
            let singles: Vec<GroupSum> = read.iter().map(GroupSum::of).collect();
            for by in By::ALL.map(|by| vec![by]).into_iter().chain([vec![], By::ALL.to_vec()]) {
                let sums = rows::sums(&mut reader, &reach, &slice, days, &by).await.unwrap();
                let (one, other) = (split(&sums, &by, &yardstick), split(&singles, &by, &yardstick));
                assert_eq!(one, other, "the database sums to the same as one pass over the rows");
                assert!(one.0.cost_index.stays > 0);
                if slice == Slice::default() && by.is_empty() {
                    assert!(one.0.bands[1].stays > 0);
                    assert_eq!(Bands::of(&sums), Bands::of(&reference));
                    assert_eq!(Reference::of(&sums, 5), Reference::of(&reference, 5));
                }
            }
            sums_answer_as_the_engine_does(&read, days, &yardstick);
            let failed = rows::failures(&mut reader, &reach, &slice, days).await.unwrap();
            for it in &failed {
                let narrow = Slice { institution: Some(it.institution), ..slice.clone() };
                let list = rows::failed_stays(&mut reader, &reach, &narrow, days, (&it.of, &it.cause)).await.unwrap();
                assert_eq!(u64::try_from(list.len()).unwrap(), it.stays);
            }
            let of = |of: &str| failed.iter().filter(|it| it.of == of).map(|it| it.stays).sum::<u64>();
            let count = |test: &dyn Fn(&&StayRow) -> bool| {
                u64::try_from(expected.iter().copied().filter(|stay| test(stay)).count()).unwrap()
            };
            assert_eq!(of("group"), count(&|stay| stay.outcome == "ungrouped"));
            assert_eq!(of("price"), count(&|stay| stay.outcome == "drg" && stay.pay.is_none()));
        }
        let own = Reach { department: Some("Surgery".into()), ..reach.clone() };
        let read = rows::stays(&mut reader, &own, &Slice::default(), days).await.unwrap();
        assert!(!read.is_empty() && read.iter().all(|stay| stay.department == "Surgery"));
        let none = Reach { department: Some(String::new()), ..reach };
        assert!(rows::stays(&mut reader, &none, &Slice::default(), days).await.unwrap().is_empty());
    })
    .await;
}

/// The shipped measures, from sums and from the engine.
fn sums_answer_as_the_engine_does(stays: &[Stay], days: (Date, Date), yardstick: &Yardstick) {
    let batch = facts::batch(stays, yardstick).unwrap();
    let singles: Vec<GroupSum> = stays.iter().map(GroupSum::of).collect();
    let period = Period::new(days.0, days.1.tomorrow().unwrap()).unwrap();
    let measures = measures();
    for by in By::ALL {
        let (total, lines) = split(&singles, &[by], yardstick);
        for (columns, measure) in [by.columns(), &[]].into_iter().flat_map(|c| measures.iter().map(move |m| (c, m))) {
            let rule = Rule::of(measure, days.0, columns).unwrap_or_else(|| panic!("{} is not summed", measure.id));
            let group_by = columns.iter().map(|name| (*name).to_owned()).collect();
            let ask = Ask { group_by, period, scope: String::new(), as_of: Timestamp::UNIX_EPOCH };
            for cell in yiti_measure::evaluate(measure, &batch, &ask).unwrap() {
                let of = if columns.is_empty() { &total } else { &lines[0][&line_of(by, &cell.group)] };
                assert_eq!(rule.answer(of), Counted::from(&cell), "{} by {columns:?}", measure.id);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_keep_justifications_and_frozen_quarters() {
    on_both(&migrations(), |store| async move {
        let house = house(store.clone()).await;
        plant(&store, stays(&house, 700)).await;
        let head = hire(&house, "head", "clinical_head", house.lead, "Surgery").await;
        let month = civil::date(2025, 9, 1);
        let lead = house.lead;
        let say = |department: &'static str, month: Date, text: &'static str| {
            house.platform.act(&head, move |cx| {
                Box::pin(async move {
                    analysis_acts::justify(cx, lead, (department, month, Kind::Drug), text.to_owned()).await
                })
            })
        };
        say("Surgery", month, "first").await.unwrap();
        say("Surgery", month, "second").await.unwrap();
        assert!(matches!(say("Medicine", month, "not mine").await, Err(Error::Forbidden(_))));
        let nothing = say("Surgery", civil::date(2020, 1, 1), "no stays").await;
        assert!(matches!(nothing, Err(Error::NothingToJustify)));
        let reach = Reach::all(house.platform.tree().whole());
        let mut reader = store.read().await.unwrap();
        let said = rows::justifications(&mut reader, &reach, "2025-09").await.unwrap();
        let texts: Vec<(u32, &str)> = said.iter().map(|it| (it.version, it.reason.as_str())).collect();
        assert_eq!(texts, [(2, "second"), (1, "first")], "every version stays");
        assert!(said.iter().all(|it| it.share_e6.is_some() && it.ceiling_e3 == 300));

        let officer = hire(&house, "officer", "quality_officer", house.lead, "").await;
        let top = house.platform.tree().root().unwrap().id;
        let freeze = |quarter: &'static str, pack: &'static str| {
            house.platform.act(&officer, move |cx| {
                Box::pin(async move { analysis_acts::freeze(cx, top, quarter.parse().unwrap(), pack.to_owned()).await })
            })
        };
        let id = freeze("2025-Q4", "{}").await.unwrap();
        assert!(matches!(freeze("2025-Q4", "{}").await, Err(Error::AlreadyFrozen(_))));
        assert!(matches!(freeze("2026-Q1", "{}").await, Err(Error::NotOver(_))), "today is in it");
        let frozen = rows::frozen(&mut reader, top, "2025-Q4").await.unwrap().unwrap();
        assert_eq!((frozen.id, frozen.hash.as_str()), (id, hash("{}").as_str()));
        let write = |body: &'static str, action: Option<(String, Option<Date>)>| {
            house.platform.act(&officer, move |cx| {
                Box::pin(async move { analysis_acts::add_entry(cx, id, body.to_owned(), action).await })
            })
        };
        write("said", None).await.unwrap();
        write("do", Some(("Owner".into(), Some(civil::date(2026, 4, 1))))).await.unwrap();
        let entries = rows::entries(&mut reader, id).await.unwrap();
        assert_eq!(entries.len(), 2);
        let action = entries.iter().find(|entry| entry.is_action).unwrap().id;
        let finish = |entry| {
            house.platform.act(&officer, move |cx| Box::pin(async move { analysis_acts::finish(cx, entry).await }))
        };
        assert_eq!(finish(action).await.unwrap(), "2025-Q4");
        assert!(finish(action).await.is_err(), "it is done already");
        let journal = reader
            .rows(sql!("select action, count(*) as n from journal where action like 'drg.%' group by action"), args![])
            .await
            .unwrap();
        let journal: BTreeMap<String, i64> =
            journal.iter().map(|row| (row.get("action").unwrap(), row.get("n").unwrap())).collect();
        let expected =
            [("drg.justify", 2), ("drg.quarter.done", 1), ("drg.quarter.entry", 2), ("drg.quarter.freeze", 1)];
        assert_eq!(journal, expected.into_iter().map(|(action, n)| (action.to_owned(), n)).collect());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_as_long_as_the_list_it_opens() {
    let site = Site::open(420).await;
    let cookie = site.sign_in("officer", "quality_officer", site.house.lead, "").await;
    let mut promise_count = 0;
    for path in [
        "/drg/analysis",
        "/drg/analysis?last=12&by=drg&versus=year&sort=loss",
        "/drg/analysis?from=2025-06&to=2026-02&by=physician&insurance=resident",
        "/drg/analysis?from=2025-09&to=2026-02&by=mdc&department=Surgery",
        "/drg/analysis?from=2026-01&to=2026-02&by=institution",
        "/drg/failures?last=12",
        "/drg/ceilings?month=2025-09",
        "/drg/quarter?quarter=2025-Q4",
    ] {
        promise_count += site.keeps(&cookie, path).await;
    }
    assert!(promise_count > 300, "{promise_count}");
    let mut reader = site.house.platform.store.read().await.unwrap();
    let read = reader.rows(sql!("select purpose from journal where action = 'patient.read'"), args![]).await.unwrap();
    assert!(read.len() >= promise_count, "every list that was opened is in the journal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measure_that_the_hospital_changed_is_answered_from_its_rows() {
    let changed = own_measures().0.into_iter().map(|file| File {
        text: file.text.replace("\"cost > pay\"", "\"cost > pay + 400000\"").replace("\"is_dead\"", "\"not is_dead\""),
        ..file
    });
    let measures = Measures::load(&changed.collect::<Vec<_>>(), &[&facts::STAY]).unwrap();
    assert_eq!(Rule::of(measures.get("drg.loss_ratio").unwrap(), civil::date(2025, 1, 1), &[]), None);
    let (own, shipped) = (Site::with(420, measures).await, Site::open(420).await);
    let path = "/drg/analysis?from=2025-09&to=2026-02&by=drg";
    let mut pages = Vec::new();
    for site in [own, shipped] {
        let cookie = site.sign_in("officer", "quality_officer", site.house.lead, "").await;
        site.keeps(&cookie, path).await;
        let page = site.get(&cookie, path).await.text();
        let of = |figure: &str| promises(&page).into_iter().find(|(href, _)| href.contains(figure)).unwrap().1;
        pages.push((of("figure=drg.loss_ratio&part=numerator"), of("figure=drg.low_risk_mortality&part=numerator")));
    }
    assert!(pages[0].0 < pages[1].0 && pages[0].1 != pages[1].1, "{pages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_for_those_who_may_and_say_what_is_wrong() {
    let site = Site::open(200).await;
    let lead = site.house.lead;
    let officer = site.sign_in("officer", "quality_officer", lead, "").await;
    let doctor = site.sign_in("doctor", "ward_doctor", lead, "").await;
    let head = site.sign_in("head", "clinical_head", lead, "Surgery").await;
    for path in ["/drg/analysis", "/drg/analysis/cases", "/drg/failures", "/drg/ceilings", "/drg/quarter"] {
        assert_eq!(site.get(&doctor, path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(site.get(&officer, path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(site.get(&head, "/drg/quarter").await.status, StatusCode::NOT_FOUND);
    // A head of department sees their own department only.
    let own = site.get(&head, "/drg/analysis?last=12&by=department").await.text();
    assert!(own.contains("Surgery") && !own.contains("Medicine"));
    for wrong in ["figure=drg.none", "figure=ceiling.drug", "figure=ceiling.drug&ceiling=5000", "from=2026-13"] {
        let got = site.get(&officer, &format!("/drg/analysis/cases?{wrong}")).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    let turned = site.get(&officer, "/drg/analysis?from=2026-03&to=2026-01").await;
    assert_eq!(turned.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(turned.text().contains("id=\"to-fault\""));
    let empty = site.get(&officer, "/drg/analysis?from=2024-03&to=2024-04").await;
    assert!(empty.status == StatusCode::OK && promises(&empty.text()).is_empty());
    assert_eq!(site.get(&officer, "/drg/quarter?quarter=2026-Q9").await.status, StatusCode::NOT_FOUND);
    // A justification without words is refused and the form stays.
    let form = format!("month=2025-09&institution={lead}&department=Surgery&kind=drug&reason=");
    let refused = site.send(Method::POST, &head, "/drg/ceilings", form.clone()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("reason-fault"));
    let said = site.send(Method::POST, &head, "/drg/ceilings", format!("{form}because")).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    assert!(site.get(&officer, "/drg/ceilings?month=2025-09").await.text().contains("because"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_quarter_keeps_what_was_reported_and_shows_what_changed() {
    let site = Site::open(400).await;
    let cookie = site.sign_in("officer", "quality_officer", site.house.lead, "").await;
    let page = site.get(&cookie, "/drg/quarter?quarter=2025-Q4").await;
    assert!(page.status == StatusCode::OK && page.text().contains("/drg/quarter/freeze"));
    let frozen = site.send(Method::POST, &cookie, "/drg/quarter/freeze", "quarter=2025-Q4".into()).await;
    assert_eq!(frozen.status, StatusCode::SEE_OTHER);
    let action = "quarter=2025-Q4&kind=action&body=Fewer+repeats&owner=Surgery&due_on=2026-01-31";
    let written = site.send(Method::POST, &cookie, "/drg/quarter/entries", action.into()).await;
    assert_eq!(written.status, StatusCode::SEE_OTHER);
    let nobody = "quarter=2025-Q4&kind=action&body=Nobody&owner=";
    let refused = site.send(Method::POST, &cookie, "/drg/quarter/entries", nobody.into()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let before = site.get(&cookie, "/drg/quarter?quarter=2025-Q4").await.text();
    assert!(before.contains("notice-ok") && before.contains("Fewer repeats") && before.contains("is-over"));
    // A page of that quarter is corrected: the reported figures stay.
    let top = site.house.platform.tree().root().unwrap().id;
    let mut reader = site.house.platform.store.read().await.unwrap();
    let stored = rows::frozen(&mut reader, top, "2025-Q4").await.unwrap().unwrap();
    let pack = Pack::read(&stored.pack).unwrap();
    assert!(pack.total.stays > 50 && !pack.losses.is_empty() && !pack.failures.is_empty());
    let changed = site.house.platform.store.write(|tx| {
        Box::pin(async move {
            tx.execute(sql!("update drg_stay set cost = cost * 2 where discharged_on like '2025-11%'"), args![])
                .await?;
            tx.execute(
                sql!("update drg_stay set status = 'draft' where discharged_on like '2025-12%' and status = 'final'"),
                args![],
            )
            .await
        })
    });
    let gone = changed.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
    let after = site.get(&cookie, "/drg/quarter?quarter=2025-Q4").await.text();
    assert!(after.contains("notice-warn"));
    // Each frozen figure opens the stays of today; what they are today stands beside it.
    let (then, now) = (pack.total.stays, pack.total.stays - gone);
    assert!(gone > 0 && after.contains(&format!("data-count=\"{now}\">{then}</a><small")), "{then} {now}");
    assert!(!before.contains("</a><small"), "nothing differs before a page is corrected");
    assert!(site.keeps(&cookie, "/drg/quarter?quarter=2025-Q4").await > 80);
    let again = rows::frozen(&mut reader, top, "2025-Q4").await.unwrap().unwrap();
    assert_eq!((again.pack, again.hash), (stored.pack.clone(), hash(&stored.pack)));
    let sheet = site.get(&cookie, "/drg/quarter.xlsx?quarter=2025-Q4").await;
    assert!(sheet.status == StatusCode::OK && sheet.bytes.starts_with(b"PK") && sheet.bytes.len() > 6_000);
    let paper = site.get(&cookie, "/drg/quarter/print?quarter=2025-Q4").await.text();
    assert!(paper.contains("class=\"sheet\"") && paper.contains(&stored.hash));
    assert!("2025-Q4".parse::<Quarter>().is_ok());
}

/// For timing and for looking at pages: `YITI_TEST_COUNT=100000 cargo test --release -- --ignored --nocapture speed`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes its time"]
#[expect(clippy::print_stdout, reason = "says what was measured")]
async fn speed() {
    let count = setting("YITI_TEST_COUNT").and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let site = Site::open(count).await;
    let cookie = site.sign_in("officer", "quality_officer", site.house.lead, "").await;
    let tree = site.house.platform.tree();
    let mut reader = site.house.platform.store.read().await.unwrap();
    let days = (civil::date(2025, 1, 1), civil::date(2026, 3, 31));
    for _ in 0..2 {
        let start = std::time::Instant::now();
        let read = rows::stays(&mut reader, &Reach::all(tree.whole()), &Slice::default(), days).await.unwrap();
        let read_ms = start.elapsed().as_millis();
        println!("{} stays read in {read_ms} ms", read.len());
        for by in By::ALL {
            let start = std::time::Instant::now();
            let whole = Reach::all(tree.whole());
            let sums = rows::sums(&mut reader, &whole, &Slice::default(), days, &[by]).await.unwrap();
            let sums_ms = start.elapsed().as_millis();
            let (_, lines) = split(&sums, &[by], &Yardstick::default());
            let all_ms = start.elapsed().as_millis();
            println!("by {}: {} sums {sums_ms} ms, {} lines {all_ms} ms", by.key(), sums.len(), lines[0].len());
        }
    }
    for path in [
        "/drg/analysis?from=2025-03&to=2026-02",
        "/drg/analysis?from=2025-03&to=2026-02&by=drg",
        "/drg/analysis",
        "/drg/ceilings?month=2025-09",
        "/drg/failures?last=12",
        "/drg/quarter?quarter=2025-Q4",
    ] {
        for _ in 0..2 {
            let start = std::time::Instant::now();
            let got = site.get(&cookie, path).await;
            println!("{path}: {} ms, {} bytes, {}", start.elapsed().as_millis(), got.bytes.len(), got.status);
        }
    }
    if let Some(url) = setting("YITI_TEST_URL") {
        let listener = tokio::net::TcpListener::bind(url.trim_start_matches("http://")).await.unwrap();
        axum::serve(listener, site.router.clone()).await.unwrap();
    }
}
