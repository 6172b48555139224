//! Every route over a Unix socket, and every way to ask wrongly.

mod common;

use common::{Served, settings};

#[tokio::test]
async fn smoke() {
    let served = Served::unix(settings());
    let answer = served
        .ask("POST", "/v1/registrations", r#"{"pushApplicationID":"4"}"#)
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    eprintln!("{answer:?} {:?}", served.fake.state().callers);
}
