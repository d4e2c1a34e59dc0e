//! From an empty site to people who can sign in.

use yiti_directory::Platform;
use yiti_kernel::FixedClock;
use yiti_store::Store;

use super::*;

const START: [(&str, &str); 11] = [
    ("code", "abcd-2345"),
    ("group_name", "Group"),
    ("group_short_name", "Group"),
    ("lead_name", "Lead"),
    ("lead_short_name", "Lead"),
    ("name", "First"),
    ("employee_number", "1"),
    ("role", "it_administrator"),
    ("login", "first"),
    ("fresh", PASSWORD),
    ("again", PASSWORD),
];

fn with(change: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let new = |name: &str| change.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
    START.iter().map(|(name, value)| (*name, new(name).unwrap_or(value))).collect()
}

async fn empty_site(store: Store) -> (Arc<Platform>, Router) {
    let clock = Arc::new(FixedClock::new(yiti_directory::testing::morning()));
    let roles = Roles::load(&one("roles.toml")).unwrap();
    let platform = Arc::new(Platform::new(store, clock, roles, Kit::default()).await.unwrap());
    let limits: Limits = definition::read(&one("security.toml")).unwrap();
    let settings = Settings { base_url: "https://yiti.example".into(), ..Settings::default() };
    let app = App::new(platform.clone(), limits, settings, Arc::new(NoCounts));
    let slices = vec![yiti_administration::slice(), yiti_administration::first_start("ABCD2345")];
    (platform, yiti_web::router(app, slices))
}

/// The text of the element with this id.
fn text_of<'b>(body: &'b str, id: &str) -> &'b str {
    let (_, rest) = body.split_once(&format!("id=\"{id}\">")).unwrap_or_else(|| panic!("no `{id}` in {body}"));
    rest.split_once('<').unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_site_is_begun_once_by_whoever_knows_its_code() {
    on_both(&migrations(), |store| async move {
        let (platform, router) = empty_site(store).await;
        let mut browser = Browser::new(&router);
        assert_eq!(browser.get("/sign-in").await.to, "/first-start");
        assert_eq!(browser.get("/first-start").await.status, StatusCode::OK);
        let wrong: [(&[(&str, &str)], &str); 6] = [
            (&[("code", "ABCD-2346")], "code"),
            (&[("lead_name", "")], "lead_name"),
            (&[("role", "branch_doctor")], "role"),
            (&[("login", "two words")], "login"),
            (&[("fresh", "short"), ("again", "short")], "fresh"),
            (&[("again", "another password")], "again"),
        ];
        for (change, field) in wrong {
            let got = browser.post("/first-start", &with(change)).await;
            assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
            assert!(got.body.contains(&format!("href=\"#{field}\"")), "{field}");
            assert!(platform.tree().root().is_none(), "{field}");
        }
        assert_eq!(browser.post("/first-start", &START).await.to, "/sign-in");
        assert_eq!(platform.tree().within(platform.tree().whole()).count(), 2);
        assert_eq!(browser.get("/first-start").await.status, StatusCode::NOT_FOUND);
        assert_eq!(browser.post("/first-start", &with(&[("login", "second")])).await.status, StatusCode::NOT_FOUND);
        assert!(browser.sign_in("first", PASSWORD).await);
        assert_eq!(browser.get("/people").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_code_cannot_be_guessed_by_trying() {
    let opened = sqlite(&migrations()).await;
    let (platform, router) = empty_site(opened.store.clone()).await;
    let browser = Browser::new(&router);
    for _ in 0..20 {
        let got = browser.post("/first-start", &with(&[("code", "WRONG")])).await;
        assert!(got.body.contains("id=\"code-fault\""));
    }
    assert!(!browser.post("/first-start", &START).await.status.is_success());
    assert!(platform.tree().root().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_opens_nothing_but_its_own_change() {
    on_both(&migrations(), |store| async move {
        let (platform, router) = empty_site(store).await;
        let mut admin = Browser::new(&router);
        admin.post("/first-start", &START).await;
        assert!(admin.sign_in("first", PASSWORD).await);
        let lead = platform.tree().within(platform.tree().whole()).nth(1).unwrap().id.to_string();
        let hired = [
            ("name", "Second"),
            ("employee_number", "2"),
            ("title", "none"),
            ("institution", &*lead),
            ("role", "it_administrator"),
            ("from_on", "2026-03-01"),
        ];
        let person = admin.post("/people", &hired).await.to;
        let account = format!("{person}/account");
        for (login, fault) in [("", "login-fault"), ("two words", "login-fault"), ("first", "login-fault")] {
            let got = admin.post(&account, &[("login", login)]).await;
            assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{login}");
            assert!(got.body.contains(fault), "{login}");
            // The form of a further post beside it keeps its day.
            assert!(
                got.body.contains("name=\"from_on\" type=\"date\" autocomplete=\"off\" value=\"2026-03-10\""),
                "{login}"
            );
        }
        let form = [("login", "second"), ("act_key", "0193a000000070008000000000000001")];
        let got = admin.post(&account, &form).await;
        let one_time = text_of(&got.body, "issued-password").to_owned();
        assert_eq!((got.status, text_of(&got.body, "issued-login")), (StatusCode::OK, "second"));
        // The same form again shows and changes nothing.
        assert_eq!(admin.post(&account, &form).await.to, person);

        let mut second = Browser::new(&router);
        assert!(second.sign_in("second", &one_time).await);
        for path in ["/people", "/system", "/devices", &person] {
            assert_eq!(second.get(path).await.to, "/account", "{path}");
        }
        let refused = second.post("/people", &hired).await;
        assert!(refused.to == "/account" || !refused.status.is_success(), "{}", refused.status);
        assert_eq!(second.get("/account").await.status, StatusCode::OK);
        let change =
            |fresh: &'static str| [("current", one_time.clone()), ("fresh", fresh.into()), ("again", fresh.into())];
        let send = async |form: &[(&str, String); 3]| {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            second.post("/account/password", &form).await
        };
        let same = [("current", one_time.clone()), ("fresh", one_time.clone()), ("again", one_time.clone())];
        assert_eq!(send(&same).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(send(&change("a password of my own")).await.to, "/home");
        assert_eq!(second.get("/people").await.status, StatusCode::OK);

        // A new one-time password ends what is open, and the old one is worth nothing.
        let renewed = admin.post(&account, &[]).await;
        let renewed = text_of(&renewed.body, "issued-password").to_owned();
        assert_eq!(second.get("/people").await.to, "/sign-in?next=%2Fpeople");
        let mut again = Browser::new(&router);
        assert!(!again.sign_in("second", "a password of my own").await);
        assert!(again.sign_in("second", &renewed).await);

        // A closed account has no session and opens none.
        assert_eq!(admin.post(&format!("{account}/close"), &[]).await.to, person);
        assert!(again.get("/account").await.to.starts_with("/sign-in"));
        assert!(!Browser::new(&router).sign_in("second", &renewed).await);
        assert_eq!(admin.post(&format!("{account}/open"), &[]).await.to, person);
        assert!(Browser::new(&router).sign_in("second", &renewed).await);

        let mut reader = platform.store.read().await.unwrap();
        let rows = reader.rows(sql!("select action, detail from journal order by seq"), args![]).await.unwrap();
        let told: Vec<String> = rows.iter().map(|row| row.get("action").unwrap()).collect();
        for action in ["found", "open_account", "new_password", "close_account", "reopen_account"] {
            assert!(told.contains(&format!("directory.{action}")), "{action}: {told:?}");
        }
        let all: String = rows.iter().map(|row| row.get::<String>("detail").unwrap()).collect();
        assert!(![PASSWORD, &one_time, &renewed].iter().any(|secret| all.contains(*secret)));
    })
    .await;
}

const LOCAL: &str = r#"
[[role]]
id = "local_administrator"
name = { zh-CN = "x", en = "Local administrator" }
reach = "subtree"
permissions = ["home.read", "directory.read", "directory.write"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_over_an_account_that_reaches_further() {
    let mut roles = one("roles.toml");
    roles.text.push_str(LOCAL);
    let site = Site::open_with(&roles).await;
    let local = site.hire("local", "local_administrator", site.house.branch).await;
    // Who runs the whole group also helps out at the branch.
    let head = site.hire("head", "it_administrator", site.house.lead).await;
    let doctor = site.hire("doctor", "branch_doctor", site.house.branch).await;
    let browser = site.signed_in("local").await;
    let of = |actor: &Actor| format!("/people/{}", actor.person.unwrap());
    let at_branch = [("institution", site.house.branch.to_string()), ("role", "branch_doctor".into())];
    let form: Vec<(&str, &str)> = at_branch.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let form = [form, vec![("from_on", "2026-03-01")]].concat();
    let group = site.signed_in("head").await;
    let posted = group.post(&format!("{}/posts", of(&head)), &form).await;
    assert_eq!(posted.to, of(&head));

    assert_eq!(browser.get(&of(&head)).await.status, StatusCode::OK);
    for act in ["account", "account/close", "account/open", "unlock"] {
        let got = browser.post(&format!("{}/{act}", of(&head)), &[]).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{act}");
        let own = browser.post(&format!("{}/{act}", of(&local)), &[]).await;
        assert!(!own.body.contains("issued-password"), "{act}");
    }
    assert!(Browser::new(&site.router).sign_in("head", PASSWORD).await);
    assert!(Browser::new(&site.router).sign_in("local", PASSWORD).await);
    let issued = browser.post(&format!("{}/account", of(&doctor)), &[]).await;
    assert!(issued.body.contains("issued-password"));
    assert!(!Browser::new(&site.router).sign_in("doctor", PASSWORD).await);
}
