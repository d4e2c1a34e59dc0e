//! A site that stays, for other programs: the viewer in a browser, client libraries.

use std::net::SocketAddr;

use yiti_kernel::SystemClock;
use yiti_store::testing;

use crate::house::{Group, MIGRATIONS};

/// What the one who runs the site sets.
#[expect(clippy::disallowed_methods, reason = "a test that is run by hand has no other arguments")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Serves until it is stopped. `YITI_TEST_SITE` is the address, such as `127.0.0.1:8099`; modalities send as `CT-A` to
/// `YITI-A` at the port above it. `reader` and `technician` sign in with the password of the tests.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until it is stopped"]
async fn serve() {
    let address: SocketAddr = setting("YITI_TEST_SITE").unwrap().parse().unwrap();
    let store = testing::sqlite(MIGRATIONS).await;
    let group = Group::open_at(store.store.clone(), address).await;
    group.house.clock.set(yiti_kernel::Clock::now(&SystemClock));
    group.signed_in("reader", "radiologist", group.house.lead).await;
    group.signed_in("technician", "branch_technician", group.house.branch).await;
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    axum::serve(listener, group.router.clone()).await.unwrap();
}
