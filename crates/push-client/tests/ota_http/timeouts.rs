//! What takes too long, and what is waited for.

use std::time::Duration;

use push_api::Reason;
use push_client::http::{AnnounceOn, Host};
use push_client::{Builder, Settings};
use push_core::ServerState;
use tokio::net::{TcpSocket, TcpStream};

use crate::bench::{Bench, Gateway, LOOPBACK, WML, listening, options, within};
use crate::dialled::{Dialled, dialling, registering};

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_hours(1);

/// Waits until the one gateway cannot be reached, for a reason with these words.
pub(crate) async fn unreachable(bench: &Bench, words: &str) {
    let says = |reason: &String| reason.contains(words);
    bench
        .servers_until(|servers| servers[0].reason.as_ref().is_some_and(says))
        .await;
}

#[tokio::test]
async fn a_gateway_that_leaves_its_answers_unread_is_let_go() {
    let mut settings = listening();
    settings.connections.write_timeout = SHORT;
    settings.connections.header_timeout = LONG;
    let bench = Bench::start(settings);
    // With little room for answers, so that few of them fill it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(bench.address()).await.unwrap();
    let mut gateway = Gateway::new(stream);
    let requests = "GET / HTTP/1.1\r\nHost:\r\n\r\n".repeat(1_000);
    while within(gateway.try_send(&requests)).await.is_ok() {}
    // Others are served.
    let mut other = bench.gateway().await;
    assert_eq!(other.ask(options("")).await.http, 204);
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_that_does_not_take_the_connection_is_given_up() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(LOOPBACK.parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // As many as wait to be accepted; what comes then is not answered.
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(10 * SHORT, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    let mut settings = dialling(&[("one", address)]);
    settings.connections.dial_timeout = SHORT;
    settings.registrar.backoff_base = SHORT;
    let bench = Bench::start(settings);
    unreachable(&bench, "no connection within 0.05 s").await;
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_is_found_by_its_name() {
    let gateway = Dialled::new().await;
    let mut settings = dialling(&[("one", gateway.address())]);
    let contact = settings.terminal.ppgs[0].contact.as_mut().unwrap();
    contact.host = Host::Name("localhost".into());
    let bench = Bench::start(settings);
    let _at_start = gateway.started().await;
    let registered = registering(&bench.client, WML);
    let mut connection = gateway.connection().await;
    within(registered).await.unwrap().unwrap();
    // Known as the gateway, as whom it was dialled.
    assert_eq!(connection.ask(options("")).await.statuses(), (204, "501"));
    let server = bench.servers().await.remove(0);
    let port = gateway.address().port();
    assert_eq!(server.uri, format!("http://localhost:{port}"));
    assert_eq!(server.state, "confirmed");
    bench.stop().await;
}

#[tokio::test]
async fn a_name_without_an_address_is_said_to_be_one() {
    let mut settings = dialling(&[("one", "192.0.2.9:4035".parse().unwrap())]);
    let contact = settings.terminal.ppgs[0].contact.as_mut().unwrap();
    // No label of a name may be so long.
    contact.host = Host::Name("a".repeat(64).into());
    let bench = Bench::start(settings);
    unreachable(&bench, "cannot be resolved").await;
    bench.stop().await;
}

/// A client that waits until gateways know what is new.
fn confirming(gateway: &Dialled, patience: Duration) -> Bench {
    let mut settings = dialling(&[("one", gateway.address())]);
    settings.registrar.confirm = true;
    settings.registrar.announce_patience = patience;
    let core = Settings {
        confirm: true,
        ..Settings::default()
    };
    Bench::start_with(Builder::new().core_settings(core), settings)
}

#[tokio::test]
async fn a_registration_that_is_to_be_confirmed_waits_until_the_gateway_knows() {
    let gateway = Dialled::new().await;
    let bench = confirming(&gateway, LONG);
    let _at_start = gateway.started().await;
    let registered = registering(&bench.client, WML);
    let mut connection = gateway.connection().await;
    // The connection is open, and known to be.
    bench
        .servers_until(|servers| servers[0].state == "announced")
        .await;
    assert!(!registered.is_finished());
    assert_eq!(connection.ask(options("")).await.statuses(), (204, "501"));
    let registered = within(registered).await.unwrap().unwrap();
    assert_eq!(registered.servers[0].state, ServerState::Confirmed);
    bench.stop().await;
}

#[tokio::test]
async fn a_registration_that_no_gateway_confirms_is_undone() {
    let gateway = Dialled::new().await;
    let bench = confirming(&gateway, SHORT);
    let _at_start = gateway.started().await;
    let registered = registering(&bench.client, WML);
    let _silent = gateway.connection().await;
    let refusal = within(registered).await.unwrap().unwrap_err();
    assert_eq!(refusal.reason, Reason::ServerUnreachable);
    assert_eq!(bench.status().await.registrations, 0);
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_may_be_told_on_the_connection_that_is_open() {
    let gateway = Dialled::new().await;
    let mut settings = dialling(&[("one", gateway.address())]);
    settings.terminal.ppgs[0].announce_on = AnnounceOn::OpenConnection;
    let bench = Bench::start(settings);
    let mut connection = gateway.started().await;
    let registered = within(registering(&bench.client, WML))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(registered.servers[0].state, ServerState::Announced);
    let told = connection.ask(options("")).await;
    assert!(told.header("x-wap-push-accept-appid").contains("wml.ua"));
    bench.stop().await;
}
