//! The journey of a file through the pages, on both databases: sent, told, sent again, corrected, refused.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use yiti_directory::sign_in::{self, Limits};
use yiti_directory::testing::House;
use yiti_directory::{Actor, InstitutionId, Kit, Roles, Title};
use yiti_frontpage::Import;
use yiti_frontpage::pages::FILE_BYTES_MAX;
use yiti_frontpage::store::{self, ImportRow};
use yiti_kernel::Lang;
use yiti_kernel::definition::{self, File};
use yiti_record::front_page::{self, Filter};
use yiti_store::testing::on_both;
use yiti_store::{Store, args, sql};
use yiti_web::{App, NoCounts, Settings};

use crate::imports::{MIGRATIONS, definitions};
use crate::support::{Row, gb18030, hqms, stay};

const PASSWORD: &str = "correct horse battery";
const PATH: &str = "/drg/import";

fn file(path: &str) -> File {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../definitions");
    File { path: path.into(), text: std::fs::read_to_string(format!("{folder}/{path}")).unwrap() }
}

struct Site {
    house: House,
    router: Router,
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.headers[header::LOCATION].to_str().unwrap()
    }
}

/// A form that is sent, with a file in it.
struct Sending<'s> {
    unit: InstitutionId,
    form: &'s str,
    key: &'s str,
    name: &'s str,
    bytes: &'s [u8],
    site: &'s str,
}

impl Site {
    async fn open(store: Store) -> Self {
        Self::with_roles(store, &file("roles.toml")).await
    }

    async fn with_roles(store: Store, roles: &File) -> Self {
        let definitions = definitions();
        let kit = Kit::default().share(&definitions.checks).share(&definitions.codes).with(definitions);
        let house = House::build(store, Roles::load(roles).unwrap(), kit).await;
        let limits: Limits = definition::read(&file("security.toml")).unwrap();
        let settings = Settings { base_url: "https://yiti.example".into(), ..Settings::default() };
        let app = App::new(house.platform.clone(), limits, settings, Arc::new(NoCounts));
        let router = yiti_web::router(app, vec![yiti_drg::pages::slice(), yiti_frontpage::pages::slice()]);
        Self { house, router }
    }

    /// Hires someone and signs them in: their cookie.
    async fn sign_in(&self, login: &str, role: &str, at: InstitutionId) -> String {
        let person = self.house.hire(login, role, at, Title::None).await.person.unwrap();
        let (own, hash) = (login.to_owned(), sign_in::hash(PASSWORD, 10).await.unwrap());
        let store = &self.house.platform.store;
        let set =
            store.write(move |tx| Box::pin(async move { sign_in::set_account(tx, person, &own, &hash, false).await }));
        set.await.unwrap();
        let body = format!("account={login}&password={}", PASSWORD.replace(' ', "+"));
        let kind = "application/x-www-form-urlencoded";
        let got = self.ask(Method::POST, ("", "same-origin"), "/sign-in", (kind, body.into())).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER);
        let cookie = got.headers[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    async fn ask(&self, method: Method, (cookie, site): (&str, &str), path: &str, (kind, body): (&str, Body)) -> Got {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("sec-fetch-site", site)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, kind)
            .body(body)
            .unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Got { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    async fn get(&self, cookie: &str, path: &str) -> Got {
        self.ask(Method::GET, (cookie, "same-origin"), path, ("text/plain", Body::empty())).await
    }

    fn sending<'s>(&self, bytes: &'s [u8]) -> Sending<'s> {
        let key = "";
        Sending { unit: self.house.lead, form: "", key, name: "首页.csv", bytes, site: "same-origin" }
    }

    async fn send(&self, cookie: &str, sending: &Sending<'_>) -> Got {
        let Sending { unit, form, key, name, bytes, site } = sending;
        let mut body = Vec::new();
        for (field, value) in [("act_key", *key), ("unit", &unit.to_string()), ("form", form)] {
            body.extend(format!("--B\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
        }
        let about = format!("--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend(about.bytes());
        body.extend_from_slice(bytes);
        body.extend(b"\r\n--B--\r\n");
        self.ask(Method::POST, (cookie, site), PATH, ("multipart/form-data; boundary=B", body.into())).await
    }

    /// Sends a file that is taken; gives its import when it is over.
    async fn import(&self, cookie: &str, bytes: &[u8]) -> ImportRow {
        let got = self.send(cookie, &self.sending(bytes)).await;
        let id = got.location().strip_prefix("/drg/import/").unwrap().parse().unwrap();
        let scope = self.house.platform.tree().whole();
        for _ in 0..600 {
            let mut reader = self.house.platform.store.read().await.unwrap();
            let row = store::get(&mut reader, scope, id).await.unwrap();
            if row.ended_at.is_some() {
                return row;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the import does not end");
    }

    async fn kept(&self) -> usize {
        let mut reader = self.house.platform.store.read().await.unwrap();
        let scope = self.house.platform.tree().whole();
        front_page::list(&mut reader, scope, &Filter::default(), None, 1_000).await.unwrap().len()
    }

    async fn imports(&self) -> u32 {
        let mut reader = self.house.platform.store.read().await.unwrap();
        let scope = self.house.platform.tree().whole();
        store::list(&mut reader, scope, (0, 0)).await.unwrap().1
    }
}

/// A good row, one whose code and age are mended, one that is refused, one that cannot be grouped.
fn rows() -> Vec<Row> {
    vec![
        stay("N0001"),
        stay("N0002").set("C03C", "i21.001").set("A14", "６５"),
        stay("N0003").set("D01", "-1"),
        stay("N0004").set("C06x02C", "ZZZ.999"),
    ]
}

fn counts(row: &ImportRow) -> [u64; 5] {
    let counts = row.counts;
    [counts.new, counts.versions, counts.unchanged, counts.refused, counts.blocked]
}

#[tokio::test]
async fn a_coder_imports_a_file_and_sees_what_came_of_it() {
    on_both(MIGRATIONS, async |store| {
        let site = Site::open(store).await;
        let cookie = site.sign_in("coder", "coder", site.house.lead).await;
        let empty = site.get(&cookie, PATH).await;
        assert_eq!(empty.status, StatusCode::OK);
        for said in ["64 MiB", "还没有导入过", "自动识别", "yiti import front-pages"] {
            assert!(empty.text.contains(said), "{said}");
        }

        let first = gb18030(&hqms(&rows()));
        let row = site.import(&cookie, &first).await;
        assert_eq!(counts(&row), [3, 0, 0, 1, 1]);
        assert_eq!((row.file_name.as_str(), row.started_name.as_str(), row.total_count), ("首页.csv", "coder", 4));
        let path = format!("{PATH}/{}", row.id);
        let told = site.get(&cookie, &path).await.text;
        for said in [
            "编码大小写改正",
            "i21.001 → I21.001",
            "全角字符改为半角",
            "文件编码为 GB18030",
            "第 4 行",
            "D01",
            "应为 0 以上、最多两位小数的金额。",
            "按元填写，最多两位小数。",
            "第 3 个诊断编码 ZZZ.999 不在医保版诊断编码中。",
            "影响入组",
            &row.file_digest.to_string(),
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
        // Of a rule about columns each column that is missing is told, on every page once.
        let missing: Vec<&str> = told.split("没有填写。").collect();
        assert!(missing.len() > 20, "only {} columns are said to be missing", missing.len());
        assert!(missing[1].contains(">3</td>"), "{}", missing[1]);

        // The error file holds the same, and stays.
        let errors = site.get(&cookie, &format!("{path}/errors")).await;
        assert!(errors.headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains(".errors.csv"));
        let lines: Vec<&str> = errors.text.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[0], "行号,病案号,列名,字段,内容,结果,原因,处理办法");
        assert!(lines[1].starts_with("4,,D01,") && lines[1].contains(",'-1,拒收,"), "{}", lines[1]);
        assert!(lines[2].starts_with("5,N0004,C06x02C,") && lines[2].contains("ZZZ.999"), "{}", lines[2]);

        // The stays that came in lead to their pages.
        let stays = site.get(&cookie, &format!("{path}/stays")).await.text;
        let hrefs: Vec<&str> = stays.split("href=\"").filter_map(|part| part.split('"').next()).collect();
        let hrefs: Vec<&&str> = hrefs.iter().filter(|href| href.starts_with("/drg/stays/")).collect();
        assert_eq!(hrefs.len(), 3);
        assert_eq!(site.get(&cookie, hrefs[0]).await.status, StatusCode::OK);
        assert!(["N0001", "N0002", "N0004"].iter().all(|number| stays.contains(number)) && !stays.contains("N0003"));

        // The same again changes nothing.
        let again = site.import(&cookie, &first).await;
        assert_eq!((counts(&again), site.kept().await), ([0, 0, 3, 1, 1], 3));

        // A corrected row is a new version, and the refused one comes in.
        let mut corrected = rows();
        corrected[0] = stay("N0001").set("C06x02C", "I10.x00");
        corrected[2] = stay("N0003");
        let corrected = site.import(&cookie, &gb18030(&hqms(&corrected))).await;
        assert_eq!((counts(&corrected), site.kept().await), ([1, 1, 2, 0, 1], 4));
        let stays = site.get(&cookie, &format!("{PATH}/{}/stays", corrected.id)).await.text;
        assert!(stays.contains("N0001") && stays.contains("第 2 版") && stays.contains("N0003"));

        let past = site.get(&cookie, PATH).await.text;
        assert_eq!(past.matches("首页.csv").count(), 3);
        let verdict = site.house.platform.store.verify_journal().await.unwrap();
        assert_eq!(verdict.broken, None);
        let mut reader = site.house.platform.store.read().await.unwrap();
        let told = reader
            .one(
                sql!(
                    "select count(*) filter (where action = 'front_page.import') as began,
                         count(*) filter (where action = 'front_page.import.done') as done,
                         count(*) filter (where action = 'patient.read' and detail like '%front_page_import%') as seen
                     from journal"
                ),
                args![],
            )
            .await
            .unwrap();
        let told = ["began", "done", "seen"].map(|name| told.get::<i64>(name).unwrap());
        assert_eq!(told, [3, 3, 4], "imports and every list of patients are in the journal");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_half_or_of_another_kind_is_refused_with_a_sentence() {
    on_both(MIGRATIONS, async |store| {
        let site = Site::open(store).await;
        let cookie = site.sign_in("coder", "coder", site.house.lead).await;
        let whole = hqms(&rows());
        let settlement = include_bytes!("message.json");
        let sending = |form: &'static str, bytes| Sending { form, ..site.sending(bytes) };
        for (sending, said) in [
            (sending("", &whole.as_bytes()[..whole.len() - 600]), "没有导入任何内容"),
            (sending("", &settlement[..settlement.len() - 9]), "文件不完整"),
            (sending("", b"a,b\n1,2\n"), "列名不是病案首页；最接近“普通表格”，缺少列：medical_record_number/id, dx。"),
            (sending("", b"%PDF-1.7"), "不是表格"),
            (sending("plain", whole.as_bytes()), "最接近“普通表格”"),
            (sending("hqms", settlement), "文件不是所选的“HQMS 住院病案首页”。"),
            (sending("nonsense", whole.as_bytes()), "请选择一项"),
            (Sending { name: "", ..sending("", b"") }, "请选择一个文件"),
        ] {
            let got = site.send(&cookie, &sending).await;
            assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{said}: {}", got.text);
            assert!(got.text.contains(said), "{said}: {}", got.text);
            assert!(got.text.contains("id=\"faults\"") && got.text.contains("name=\"act_key\""));
        }
        let large = vec![b'x'; FILE_BYTES_MAX + 1];
        let got = site.send(&cookie, &site.sending(&large)).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(got.text.contains("文件超过 64 MiB"));
        assert_eq!((site.kept().await, site.imports().await), (0, 0), "nothing is kept of what was refused");
        // What was chosen holds, when it is right.
        let got = site.send(&cookie, &sending("hqms", whole.as_bytes())).await;
        assert_eq!((got.status, site.kept().await), (StatusCode::SEE_OTHER, 3));
    })
    .await;
}

#[tokio::test]
async fn what_the_command_imports_stands_in_the_same_list() {
    on_both(MIGRATIONS, async |store| {
        let site = Site::open(store).await;
        let (platform, lead) = (&site.house.platform, site.house.lead);
        let scope = platform.tree().get(lead).unwrap().scope;
        let system = Arc::new(Actor::system("import", lead, scope, &["front_page.import"]));
        let (bytes, import) = (hqms(&rows()).into_bytes(), Import::new(&platform.kit, None));
        let report = yiti_frontpage::import(platform, &system, lead, "month.csv", bytes.into(), &import).await.unwrap();
        let cookie = site.sign_in("officer", "insurance", lead).await;
        let list = site.get(&cookie, PATH).await.text;
        assert!(list.contains("month.csv") && list.contains("<small>命令导入</small>"));
        let href = list.split("href=\"").filter_map(|part| part.split('"').next());
        let href = href.filter(|href| href.starts_with("/drg/import/")).collect::<Vec<_>>()[0];
        let file = site.get(&cookie, &format!("{href}/errors")).await.text;
        let written = yiti_frontpage::words::error_file(&report, Lang::Zh).unwrap();
        assert_eq!(file.as_bytes(), written, "what the page gives is what the command writes");
    })
    .await;
}

#[tokio::test]
async fn one_form_is_one_import_and_only_this_site_sends_it() {
    on_both(MIGRATIONS, async |store| {
        let site = Site::open(store).await;
        let cookie = site.sign_in("coder", "coder", site.house.lead).await;
        let whole = hqms(&rows());
        let foreign = Sending { site: "cross-site", ..site.sending(whole.as_bytes()) };
        assert_eq!(site.send(&cookie, &foreign).await.status, StatusCode::FORBIDDEN);
        assert_eq!((site.kept().await, site.imports().await), (0, 0));
        let key = "0190c0de000070008000000000000001";
        let sending = Sending { key, ..site.sending(whole.as_bytes()) };
        let first = site.send(&cookie, &sending).await;
        let second = site.send(&cookie, &sending).await;
        assert_eq!(first.location(), second.location());
        assert_eq!(site.imports().await, 1);
    })
    .await;
}

#[tokio::test]
async fn nobody_imports_beyond_their_scope_or_sees_what_came_there() {
    // The shipped roles reach the whole group; this coder reaches her own branch.
    let roles = file("roles.toml").text.replace("id = \"coder\"", "id = \"group_coder\"");
    let branch_coder = "[[role]]\nid = \"coder\"\nname = { zh-CN = \"x\", en = \"x\" }\nreach = \"subtree\"\n\
         permissions = [\"home.read\", \"drg.read\", \"drg.read_all\", \"front_page.import\"]\n";
    let roles = File { path: "roles.toml".into(), text: format!("{roles}\n{branch_coder}") };
    on_both(MIGRATIONS, async |store| {
        let site = Site::with_roles(store, &roles).await;
        let group = site.sign_in("group", "group_coder", site.house.lead).await;
        let branch = site.sign_in("branch", "coder", site.house.branch).await;
        let ward = site.sign_in("ward", "ward_doctor", site.house.branch).await;
        let whole = hqms(&rows());
        let theirs = site.import(&group, whole.as_bytes()).await;

        let elsewhere = site.send(&branch, &site.sending(whole.as_bytes())).await;
        let nowhere = Sending { unit: InstitutionId::fresh(), ..site.sending(whole.as_bytes()) };
        let nowhere = site.send(&branch, &nowhere).await;
        assert_eq!((elsewhere.status, nowhere.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
        assert_eq!(elsewhere.text, nowhere.text, "denied and non-existent are told alike");
        let unasked = site.send(&ward, &site.sending(whole.as_bytes())).await;
        assert_eq!(unasked.status, StatusCode::NOT_FOUND);
        for part in ["", "/progress", "/errors", "/stays"] {
            let denied = site.get(&branch, &format!("{PATH}/{}{part}", theirs.id)).await;
            let absent = site.get(&branch, &format!("{PATH}/{}{part}", store::ImportId::fresh())).await;
            assert_eq!((denied.status, denied.text), (StatusCode::NOT_FOUND, absent.text), "{part}");
        }
        let list = site.get(&branch, PATH).await.text;
        assert!(!list.contains("首页.csv") && !list.contains(&site.house.lead.to_string()));
        assert_eq!((site.imports().await, site.kept().await), (1, 3));

        // At home she may.
        let own = Sending { unit: site.house.branch, ..site.sending(whole.as_bytes()) };
        assert_eq!(site.send(&branch, &own).await.status, StatusCode::SEE_OTHER);
        assert_eq!((site.imports().await, site.kept().await), (2, 6));
        assert!(site.get(&branch, PATH).await.text.contains("首页.csv"));
    })
    .await;
}

#[tokio::test]
async fn an_import_of_a_process_that_is_gone_is_shown_as_interrupted() {
    on_both(MIGRATIONS, async |store| {
        let site = Site::open(store).await;
        let cookie = site.sign_in("coder", "coder", site.house.lead).await;
        let row = site.import(&cookie, hqms(&rows()).as_bytes()).await;
        let (id, gone) = (row.id, yiti_kernel::fresh());
        let set = site.house.platform.store.write(move |tx| {
            Box::pin(async move {
                let text = sql!("update front_page_import set status = 'running', process = $2 where id = $1");
                tx.execute_one(text, args![id.0, gone]).await
            })
        });
        set.await.unwrap();
        let told = site.get(&cookie, &format!("{PATH}/{id}")).await.text;
        assert!(told.contains("导入中断") && told.contains("已中断"), "{told}");
        let progress = site.get(&cookie, &format!("{PATH}/{id}/progress")).await;
        assert!(progress.headers.contains_key("hx-redirect"), "nobody waits for what does not run");
    })
    .await;
}
