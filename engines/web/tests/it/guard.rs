//! What stands before every route.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};

use crate::site::{Browser, Site, body};

#[tokio::test]
async fn what_is_denied_and_what_does_not_exist_are_told_in_the_same_bytes() {
    let site = Site::open().await;
    site.hire("officer", "quality_officer").await;
    let mut browser = site.signed_in("officer").await;
    let denied = browser.get("/requests").await;
    assert_eq!(denied.status, StatusCode::NOT_FOUND);
    assert!(denied.body.contains("404"));
    for path in ["/no-such-page", "/requests/1", "/assets/none.css", "/requests/1/2"] {
        assert_eq!(browser.get(path).await, denied, "{path}");
    }
    let denied = browser.post("/requests", &[]).await;
    assert_eq!(denied.status, StatusCode::NOT_FOUND);
    for path in ["/no-such-page", "/requests/1", "/home"] {
        assert_eq!(browser.post(path, &[]).await, denied, "{path}");
    }
    for accept in ["application/json", "*/*"] {
        let mut seen = Vec::new();
        for path in ["/requests", "/no-such-page"] {
            let request = browser.request(Method::GET, path).header(header::ACCEPT, accept);
            seen.push(browser.send(request.body(Body::empty()).unwrap()).await);
        }
        assert_eq!(seen[0], seen[1]);
        assert!(!seen[0].body.contains("<html"));
    }
}

#[tokio::test]
async fn a_command_line_is_told_what_this_is_and_where_to_go() {
    let site = Site::open().await;
    let mut nobody = site.browser();
    let request = |browser: &Browser, path| browser.request(Method::GET, path).header(header::ACCEPT, "*/*");
    let root = nobody.send(request(&nobody, "/").body(Body::empty()).unwrap()).await;
    assert_eq!((root.status, root.header("content-type")), (StatusCode::OK, "text/plain; charset=utf-8"));
    assert!(root.body.contains("Yiti") && root.body.contains("https://yiti.example"), "{}", root.body);
    let closed = nobody.send(request(&nobody, "/requests").body(Body::empty()).unwrap()).await;
    let nothing = nobody.send(request(&nobody, "/no-such-page").body(Body::empty()).unwrap()).await;
    assert_eq!((closed.status, &closed.body), (StatusCode::UNAUTHORIZED, &nothing.body));
    assert!(closed.body.contains("https://yiti.example"), "{}", closed.body);
}

#[tokio::test]
async fn whoever_is_not_signed_in_learns_nothing_about_routes() {
    let site = Site::open().await;
    let mut browser = site.browser();
    for path in ["/requests", "/no-such-page"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let answer = browser.post(path, &[]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let request = browser.request(Method::GET, path).header(header::ACCEPT, "application/json");
        let answer = browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::UNAUTHORIZED, "application/json"));
        assert!(answer.body.contains("not_signed_in"));
    }
    let request = browser
        .request(Method::GET, "/requests")
        .header("hx-request", "true")
        .header("hx-current-url", "https://yiti.example/requests?page=2");
    let answer = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("hx-redirect"), "/sign-in?next=%2Frequests%3Fpage%3D2");
}

#[tokio::test]
async fn an_act_sent_by_another_site_is_refused() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    for (headers, status) in [
        (vec![], StatusCode::FORBIDDEN),
        (vec![("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (vec![("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
        (vec![("sec-fetch-site", "cross-site"), ("origin", "https://yiti.example")], StatusCode::FORBIDDEN),
        (vec![("origin", "https://evil.example")], StatusCode::FORBIDDEN),
        (vec![("origin", "null")], StatusCode::FORBIDDEN),
        (vec![("origin", "https://yiti.example")], StatusCode::SEE_OTHER),
        (vec![("sec-fetch-site", "same-origin")], StatusCode::SEE_OTHER),
        (vec![("sec-fetch-site", "none")], StatusCode::SEE_OTHER),
    ] {
        for path in ["/notes", "/sign-in"] {
            let mut request = browser.request(Method::POST, path);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let form = [("to", "/home"), ("account", "zhou"), ("password", crate::site::PASSWORD)];
            let answer = browser.send(request.body(body(&form)).unwrap()).await;
            assert_eq!(answer.status, status, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_route_of_another_system_has_its_own_limit_and_is_never_redirected() {
    let site = Site::open().await;
    site.hire("luo", "branch_technician").await;
    let mut nobody = site.browser();
    let request = nobody.request(Method::POST, "/dicom-web/studies");
    assert_eq!(nobody.send(request.body(Body::from("x")).unwrap()).await.status, StatusCode::UNAUTHORIZED);
    let mut browser = site.signed_in("luo").await;
    for (length, status) in [(64, StatusCode::OK), (65, StatusCode::PAYLOAD_TOO_LARGE)] {
        let request = browser.request(Method::POST, "/dicom-web/studies").header("sec-fetch-site", "same-origin");
        let request = request.header(header::CONTENT_LENGTH, length).body(Body::from("x".repeat(length))).unwrap();
        assert_eq!(browser.send(request).await.status, status, "{length}");
    }
    // A body that hides its length is cut off all the same.
    let stream = futures::stream::iter((0..9).map(|_| Ok::<_, std::io::Error>("12345678")));
    let request = browser.request(Method::POST, "/dicom-web/studies").header("sec-fetch-site", "same-origin");
    let answer = browser.send(request.body(Body::from_stream(stream)).unwrap()).await;
    assert!(!answer.status.is_success(), "{}", answer.status);
    let big = "x".repeat(yiti_web::BODY_BYTES_MAX);
    assert_eq!(browser.post("/notes", &[("to", &big)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    for path in ["/home", "/account", "/no-such-page", "/fails", "/healthz", "/sign-in"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self'; ") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let viewer = browser.get("/viewer/viewer?StudyInstanceUIDs=1.2.3").await;
    if viewer.status == StatusCode::OK {
        let policy = viewer.header("content-security-policy");
        assert!(policy.contains("'wasm-unsafe-eval'") && !policy.contains("'unsafe-eval'"));
        let config = browser.get("/app-config.js").await;
        assert!(config.header("content-security-policy").contains("'unsafe-eval'"));
    }
}

#[tokio::test]
async fn pages_are_compressed_when_asked_and_long_enough() {
    let site = Site::open().await;
    let mut browser = site.browser();
    let request = browser.request(Method::GET, "/sign-in").header(header::ACCEPT_ENCODING, "gzip, br");
    let page = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(page.header("content-encoding"), "gzip");
    let request = browser.request(Method::GET, "/healthz").header(header::ACCEPT_ENCODING, "gzip");
    assert_eq!(browser.send(request.body(Body::empty()).unwrap()).await.header("content-encoding"), "");
}

#[tokio::test]
async fn a_failure_is_told_with_a_number_and_without_its_cause() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let mut browser = site.signed_in("zhou").await;
    for path in ["/fails", "/panics"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body.contains(yiti_web::words::t(yiti_kernel::Lang::Zh, "problem.reference")));
        assert!(!answer.body.contains("writer") && !answer.body.contains("on purpose"));
    }
    let refused = browser.get("/refused").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("10:30"));
    let request = browser.request(Method::GET, "/refused").header(header::ACCEPT, "text/html");
    let request = request.header(header::REFERER, "https://yiti.example/requests?page=2");
    let refused = browser.send(request.body(Body::empty()).unwrap()).await;
    assert!(refused.body.contains(r#"href="/requests?page=2""#), "{}", refused.body);
    let request = browser.request(Method::GET, "/refused").header("hx-request", "true");
    let part = browser.send(request.body(Body::empty()).unwrap()).await;
    assert!(part.body.starts_with("<div class=\"notice notice-danger\"") && !part.body.contains("<html"));
}

#[test]
fn the_table_of_routes_has_no_faults() {
    assert_eq!(yiti_web::faults(&[crate::site::slice()]), Vec::<String>::new());
    let wrong = yiti_web::Slice::new("wrong").menu(&[yiti_web::MenuItem {
        key: "x",
        group: "",
        path: "/x",
        permission: "home.read",
        icon: "home",
    }]);
    assert_eq!(yiti_web::faults(&[wrong]).len(), 2);
}

#[tokio::test]
async fn assets_are_served_as_they_were_prepared() {
    let site = Site::open().await;
    let mut browser = site.browser();
    let page = browser.get("/sign-in").await.body;
    let Some((_, rest)) = page.split_once(r#"rel="stylesheet" href=""#) else { panic!("no style sheet") };
    let url = rest.split('"').next().unwrap().to_owned();
    if url == "/assets/missing" {
        return;
    }
    let request = browser.request(Method::GET, &url).header(header::ACCEPT_ENCODING, "gzip, br");
    let style = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((style.status, style.header("content-encoding")), (StatusCode::OK, "br"));
    assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    let tag = style.header("etag").to_owned();
    let request = browser.request(Method::GET, &url).header(header::ACCEPT_ENCODING, "br").header("if-none-match", tag);
    assert_eq!(browser.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
    let plain = browser.get(&url).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert!(plain.body.contains("--ink"));
    assert_eq!(browser.get("/app-config.js").await.header("cache-control"), "no-cache");
    assert_eq!(browser.get("/viewer/viewer").await.status, StatusCode::SEE_OTHER);
}
