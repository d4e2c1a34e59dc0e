//! Signing in and out, as one story each.

use axum::http::StatusCode;
use yiti_directory::{Title, sign_in};
use yiti_kernel::SignedDuration;
use yiti_store::{args, sql};
use yiti_web::Settings;

use crate::site::{PASSWORD, Site};

const COOKIE: &str = "__Host-yiti";

#[tokio::test]
async fn whoever_signs_in_comes_to_the_page_they_asked_for() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.browser();
    let sent_away = browser.get("/requests?state=waiting&q=a%20b").await;
    assert_eq!(sent_away.status, StatusCode::SEE_OTHER);
    assert_eq!(sent_away.to(), "/sign-in?next=%2Frequests%3Fstate%3Dwaiting%26q%3Da%2520b");
    let page = browser.get(sent_away.to()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(r#"value="/requests?state=waiting&#38;q=a%20b""#), "{}", page.body);
    let form = [("account", "zhou"), ("password", PASSWORD), ("next", "/requests?state=waiting")];
    let answer = browser.post("/sign-in", &form).await;
    assert_eq!((answer.status, answer.to()), (StatusCode::SEE_OTHER, "/requests?state=waiting"));
    let line = answer.header("set-cookie");
    for wanted in ["__Host-yiti=", "; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(line.contains(wanted), "{line}");
    }
    assert_eq!(browser.get("/requests").await.body, "requests");
    assert_eq!(browser.get("/sign-in").await.to(), "/home");
}

#[tokio::test]
async fn on_loopback_without_tls_the_cookie_is_plain_and_elsewhere_never() {
    for (base_url, is_plain) in [
        ("http://127.0.0.1:8080", true),
        ("http://localhost", true),
        ("http://localhost.evil.example", false),
        ("http://10.0.0.2", false),
        ("", false),
    ] {
        let site = Site::with(|_| Settings { base_url: base_url.into(), ..Settings::default() }).await;
        site.hire("zhou", "branch_doctor").await;
        let browser = site.signed_in("zhou").await;
        assert_eq!(browser.cookies.contains_key("yiti"), is_plain, "{base_url}");
        assert_eq!(browser.cookies.contains_key(COOKIE), !is_plain, "{base_url}");
    }
}

#[tokio::test]
async fn wrong_passwords_lock_the_account_and_the_page_says_until_when() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.browser();
    for _ in 0..4 {
        let answer = browser.sign_in("zhou", "wrong").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(yiti_web::words::t(yiti_kernel::Lang::Zh, "sign_in.wrong")));
        assert!(answer.body.contains(r#"value="zhou""#) && !answer.body.contains("value=\"wrong\""));
    }
    let locked = browser.sign_in("zhou", "wrong").await;
    assert!(locked.body.contains("09:15"), "{}", locked.body);
    assert!(browser.sign_in("zhou", PASSWORD).await.body.contains("09:15"));
    site.house.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(browser.sign_in("zhou", PASSWORD).await.to(), "/home");
    let nobody = browser.sign_in("nobody", "wrong").await;
    assert!(nobody.body.contains(yiti_web::words::t(yiti_kernel::Lang::Zh, "sign_in.wrong")));
}

#[tokio::test]
async fn a_token_given_before_the_sign_in_is_never_taken_over() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.browser();
    browser.cookies.insert(COOKIE.into(), "chosen-by-an-attacker".into());
    browser.sign_in("zhou", PASSWORD).await;
    let first = browser.cookies[COOKIE].clone();
    assert_ne!(first, "chosen-by-an-attacker");
    let mut stale = browser.clone();
    browser.sign_in("zhou", PASSWORD).await;
    assert_ne!(browser.cookies[COOKIE], first);
    assert_eq!(stale.get("/home").await.to(), "/sign-in?next=%2Fhome", "the session before has ended");
    assert_eq!(browser.get("/home").await.body, "home");
}

#[tokio::test]
async fn signing_out_ends_the_session_wherever_its_token_is_kept() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    let mut copy = browser.clone();
    assert_eq!(copy.get("/home").await.body, "home");
    let answer = browser.post("/sign-out", &[]).await;
    assert_eq!(answer.to(), "/sign-in");
    assert!(!browser.cookies.contains_key(COOKIE));
    assert_eq!(copy.get("/home").await.status, StatusCode::SEE_OTHER);
    assert_eq!(copy.post("/notes", &[("to", "/home")]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_without_a_click_and_in_any_case() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut idle = site.signed_in("zhou").await;
    site.house.clock.advance(SignedDuration::from_mins(59));
    assert_eq!(idle.get("/home").await.body, "home");
    site.house.clock.advance(SignedDuration::from_mins(60));
    assert_eq!(idle.get("/home").await.status, StatusCode::SEE_OTHER);
    let mut busy = site.signed_in("zhou").await;
    for _ in 0..14 {
        site.house.clock.advance(SignedDuration::from_mins(50));
        assert_eq!(busy.get("/home").await.body, "home");
    }
    site.house.clock.advance(SignedDuration::from_mins(20));
    assert_eq!(busy.get("/home").await.status, StatusCode::SEE_OTHER, "twelve hours are over");
}

#[tokio::test]
async fn an_ended_post_ends_what_it_allowed_within_seconds() {
    let site = Site::open().await;
    let actor = site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    assert_eq!(browser.get("/home").await.body, "home");
    let (post, yesterday) = (actor.post.unwrap(), yiti_kernel::civil::date(2026, 3, 9));
    let store = &site.house.platform.store;
    store
        .write(move |tx| {
            Box::pin(async move { yiti_directory::people::end_post(tx, post, yesterday, yesterday).await })
        })
        .await
        .unwrap();
    site.house.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(browser.get("/home").await.status, StatusCode::SEE_OTHER);
    let answer = browser.sign_in("zhou", PASSWORD).await;
    assert!(answer.body.contains(yiti_web::words::t(yiti_kernel::Lang::Zh, "sign_in.no_post")));
}

#[tokio::test]
async fn next_never_leads_out_of_the_site() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    for bad in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/sign-in?next=/x"]
    {
        let mut browser = site.browser();
        let form = [("account", "zhou"), ("password", PASSWORD), ("next", bad)];
        assert_eq!(browser.post("/sign-in", &form).await.to(), "/home", "{bad}");
        assert_eq!(browser.get(&format!("/look?lang=en&next={}", yiti_web::encode(bad))).await.to().find("evil"), None);
        assert_eq!(browser.post("/notes", &[("to", bad)]).await.to().find("evil"), None);
    }
}

#[tokio::test]
async fn switching_the_post_gives_a_new_token_that_ends_when_the_old_one_would_have() {
    let site = Site::open().await;
    let actor = site.hire("zhou", "branch_doctor").await;
    let (person, institution) = (actor.person.unwrap(), site.house.other);
    let second = yiti_directory::PostId::fresh();
    let store = &site.house.platform.store;
    store
        .write(move |tx| {
            Box::pin(async move {
                let post = yiti_directory::Post {
                    id: second,
                    person,
                    role: "branch_technician".into(),
                    institution,
                    department: None,
                    from_on: yiti_kernel::civil::date(2019, 1, 1),
                    until_on: None,
                };
                yiti_directory::people::add_post(tx, &post).await
            })
        })
        .await
        .unwrap();
    let mut browser = site.signed_in("zhou").await;
    assert_eq!(browser.get("/requests").await.status, StatusCode::OK);
    let mut old = browser.clone();
    site.house.clock.advance(SignedDuration::from_mins(30));
    let foreign = site.hire("other", "branch_doctor").await.post.unwrap().to_string();
    assert_eq!(browser.post("/account/post", &[("post", &foreign)]).await.status, StatusCode::NOT_FOUND);
    let answer = browser.post("/account/post", &[("post", &second.to_string())]).await;
    assert_eq!((answer.status, answer.to()), (StatusCode::SEE_OTHER, "/home"));
    assert_ne!(browser.cookies, old.cookies);
    assert_eq!(old.get("/home").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/requests").await.status, StatusCode::NOT_FOUND, "a technician does not ask for exams");
    let row = {
        let mut reader = store.read().await.unwrap();
        reader.one(sql!("select min(expires_at) = max(expires_at) as same from session"), args![]).await.unwrap()
    };
    assert!(row.get::<bool>("same").unwrap());
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let (mut here, mut there) = (site.signed_in("zhou").await, site.signed_in("zhou").await);
    let fresh = "another long password";
    let wrong = here.post("/account/password", &[("current", "no"), ("fresh", fresh), ("again", fresh)]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("current-fault") && !wrong.body.contains(fresh));
    let differs = here.post("/account/password", &[("current", PASSWORD), ("fresh", fresh), ("again", "x")]).await;
    assert!(differs.body.contains("again-fault"), "{}", differs.body);
    let short = here.post("/account/password", &[("current", PASSWORD), ("fresh", "short"), ("again", "short")]).await;
    assert!(short.body.contains("fresh-fault"));
    let done = here.post("/account/password", &[("current", PASSWORD), ("fresh", fresh), ("again", fresh)]).await;
    assert_eq!(done.to(), "/account?done=password");
    assert_eq!(here.get("/home").await.body, "home");
    assert_eq!(there.get("/home").await.status, StatusCode::SEE_OTHER);
    assert_eq!(there.sign_in("zhou", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(there.sign_in("zhou", fresh).await.to(), "/home");
}

#[tokio::test]
async fn only_the_people_of_the_demonstration_come_in_without_a_password() {
    let site = Site::open().await;
    let actor = site.hire("zhou", "branch_doctor").await;
    let post = actor.post.unwrap().to_string();
    let mut browser = site.browser();
    assert_eq!(browser.post("/sign-in", &[("demo", &post)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let demo = yiti_web::Demo {
        person: actor.person.unwrap(),
        post: actor.post.unwrap(),
        name: "zhou".into(),
        institution: actor.institution,
        role: actor.role.clone(),
    };
    let settings = Settings { base_url: "https://yiti.example".into(), demo: vec![demo], ..Settings::default() };
    let app = yiti_web::App::new(
        site.house.platform.clone(),
        crate::site::limits(),
        settings,
        std::sync::Arc::new(yiti_web::NoCounts),
    );
    let mut browser = site.browser();
    browser.router = yiti_web::router(app, vec![crate::site::slice()]);
    assert!(browser.get("/sign-in").await.body.contains("demo-card"));
    let other = site.house.hire("other", "branch_doctor", site.house.branch, Title::None).await;
    let other = other.post.unwrap().to_string();
    assert_eq!(browser.post("/sign-in", &[("demo", &other)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.post("/sign-in", &[("demo", &post)]).await.to(), "/home");
    assert_eq!(browser.get("/home").await.body, "home");
}

#[tokio::test]
async fn each_sign_in_and_sign_out_stands_in_the_journal() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    browser.post("/sign-out", &[]).await;
    let mut reader = site.house.platform.store.read().await.unwrap();
    let rows = reader.rows(sql!("select action from journal order by seq"), args![]).await.unwrap();
    let actions: Vec<String> = rows.iter().map(|row| row.get("action").unwrap()).collect();
    assert_eq!(actions, ["session.open", "session.end"]);
    let accounts = sign_in::accounts(&mut reader).await.unwrap();
    assert_eq!(accounts.len(), 1);
}
