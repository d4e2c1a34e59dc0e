//! Each page of this crate, in both languages.

use axum::http::StatusCode;
use yiti_kernel::Lang;
use yiti_web::{keys_used_in_templates, words};

use crate::site::Site;

/// No key shows where words should stand.
fn assert_in(page: &str, lang: Lang, key: &str) {
    assert!(page.contains(&format!("<html lang=\"{}\"", lang.tag())), "{page}");
    assert!(page.contains(&yiti_web::html::escape(words::t(lang, key))), "{key}: {page}");
}

#[tokio::test]
async fn every_page_stands_in_both_languages() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut nobody = site.browser();
    for lang in Lang::ALL {
        let to = nobody.get(&format!("/look?lang={}&next=%2Fsign-in", lang.tag())).await;
        assert_eq!(to.to(), "/sign-in");
        assert_in(&nobody.get("/sign-in").await.body, lang, "sign_in.account");
        assert_in(&nobody.sign_in("zhou", "no").await.body, lang, "sign_in.wrong");
    }
    let mut browser = site.signed_in("zhou").await;
    for lang in Lang::ALL {
        let answer = browser.post("/account/lang", &[("lang", lang.tag()), ("next", "/account")]).await;
        assert_eq!((answer.status, answer.to()), (StatusCode::SEE_OTHER, "/account"));
        let account = browser.get("/account").await.body;
        assert_in(&account, lang, "account.title");
        assert_in(&account, lang, "menu.home");
        assert!(account.contains(r#"<a href="/home">"#));
        assert_in(&browser.get("/account?done=password").await.body, lang, "account.password_changed");
        assert_in(&browser.get("/no-such-page").await.body, lang, "problem.not_found");
        assert_in(&browser.get("/fails").await.body, lang, "problem.failed");
        assert!(browser.get("/account/bell").await.body.contains("hx-get=\"/account/bell\""));
    }
}

#[tokio::test]
async fn the_menu_holds_what_the_post_may_see_and_marks_where_one_is() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    site.hire("ma", "it_administrator").await;
    let page = site.signed_in("zhou").await.get("/account").await.body;
    assert!(page.contains(r#"href="/requests""#) && !page.contains(r#"action="/patients""#));
    let page = site.signed_in("ma").await.get("/account").await.body;
    assert!(!page.contains(r#"href="/requests""#));
}

#[tokio::test]
async fn large_text_is_kept_for_this_browser() {
    let site = Site::open().await;
    let mut browser = site.browser();
    assert_eq!(browser.get("/look?text=large&next=/sign-in").await.to(), "/sign-in");
    assert!(browser.get("/sign-in").await.body.contains(r#"class="large""#));
    browser.get("/look?text=usual").await;
    assert!(browser.get("/sign-in").await.body.contains(r#"class="""#));
}

#[tokio::test]
async fn nothing_on_a_page_needs_a_looser_policy() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    let evil = r#""><script>alert(1)</script>"#;
    let mut pages = vec![browser.get("/account").await.body, browser.get("/no-such-page").await.body];
    pages.push(site.browser().sign_in(evil, evil).await.body);
    pages.push(
        browser.get(&format!("/account?done={}&x={}", yiti_web::encode(evil), yiti_web::encode(evil))).await.body,
    );
    for page in pages {
        for bad in [" style=", " onclick=", " onload=", "<style", "<script>", "javascript:"] {
            assert!(!page.contains(bad), "{bad}: {page}");
        }
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("<h1").count().max(page.matches("<h3").count().min(1)), 1);
    }
}

#[test]
fn every_key_asked_for_has_words_in_both_languages() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for folder in ["templates", "src", "src/pages"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() || path.ends_with("words.rs") || path.ends_with("lib.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for key in keys_used_in_templates(&text) {
                if Lang::ALL.iter().any(|lang| !words::has_key(*lang, &key)) {
                    missing.push(format!("{}: {key}", path.display()));
                }
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
