//! Acts that happen once.

use axum::http::StatusCode;
use yiti_store::{args, sql};

use crate::site::Site;

async fn added(site: &Site) -> i64 {
    let mut reader = site.house.platform.store.read().await.unwrap();
    let count = sql!("select count(*) as n from journal where action = 'sample.add'");
    reader.one(count, args![]).await.unwrap().get("n").unwrap()
}

#[tokio::test]
async fn a_form_that_is_sent_again_happens_once_and_leads_to_the_same_place() {
    let site = Site::open().await;
    site.hire("zhou", "branch_doctor").await;
    site.hire("wu", "branch_doctor").await;
    let (mut zhou, mut wu) = (site.signed_in("zhou").await, site.signed_in("wu").await);
    let key = "0198f2c4b1d27c3e9d5f1a2b3c4d5e6f";
    let first = zhou.post("/requests", &[("act_key", key)]).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    let again = zhou.post("/requests", &[("act_key", key)]).await;
    assert_eq!((again.to(), added(&site).await), (first.to(), 1));
    let (mut one, mut two) = (zhou.clone(), zhou.clone());
    let other = "0198f2c4b1d27c3e9d5f1a2b3c4d5e70";
    let form = [("act_key", other)];
    let (one, two) = tokio::join!(one.post("/requests", &form), two.post("/requests", &form));
    assert_eq!((one.to(), added(&site).await), (two.to(), 2));
    let foreign = wu.post("/requests", &[("act_key", key)]).await;
    assert_ne!(foreign.to(), first.to(), "someone else's key is someone else's act");
    assert_eq!(added(&site).await, 3);
}
