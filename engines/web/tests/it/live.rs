//! The stream of live updates.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::site::{Browser, Site};

/// What the stream says until it is quiet for half a second or ends; `true` when it ended.
async fn heard(body: &mut Body) -> (String, bool) {
    let mut text = String::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(700), body.frame()).await {
            Err(_) => return (text, false),
            Ok(None) => return (text, true),
            Ok(Some(frame)) => text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap()),
        }
    }
}

async fn stream(browser: &Browser) -> Body {
    let request = browser.request(Method::GET, "/live").header(header::ACCEPT, "text/event-stream");
    let answer = browser.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert!(!answer.headers().contains_key("content-encoding"));
    let mut body = answer.into_body();
    assert_eq!(heard(&mut body).await, (": open\n\n".to_owned(), false));
    body
}

#[tokio::test]
async fn a_page_hears_of_its_own_scope_only_and_of_many_changes_once() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let beside = site.house.hire("far", "branch_doctor", site.house.other, yiti_directory::Title::None).await;
    let browser = site.signed_in("zhou").await;
    let mut body = stream(&browser).await;
    let announce = |institution, topic| {
        let (platform, actor) = (site.house.platform.clone(), beside.clone());
        async move {
            let act = platform.act(&actor, move |cx| {
                Box::pin(async move {
                    cx.announce(topic, institution);
                    Ok::<_, yiti_store::Error>(())
                })
            });
            act.await.unwrap();
        }
    };
    announce(site.house.other, "notice").await;
    announce(site.house.lead, "notice").await;
    assert_eq!(heard(&mut body).await.0, "");
    for _ in 0..5 {
        announce(site.house.branch, "diagnostics").await;
    }
    announce(site.house.branch, "notice").await;
    assert_eq!(heard(&mut body).await.0, "event: diagnostics\ndata: 1\n\nevent: notice\ndata: 1\n\n");
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_with_no_other() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    let (mut one, mut two) = (site.signed_in("zhou").await, site.signed_in("zhou").await);
    let mut body = stream(&one).await;
    two.post("/sign-out", &[]).await;
    assert!(!heard(&mut body).await.1);
    one.post("/sign-out", &[]).await;
    assert!(heard(&mut body).await.1);
}
