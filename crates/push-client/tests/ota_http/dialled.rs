//! Connections that the terminal opens (TO-TCP), and what its gateways are told.

use std::net::SocketAddr;

use push_api::Reason;
use push_api::Refusal;
use push_api::{PushService as _, WatchQuery};
use push_client::http::Connect;
use push_client::{Client, DeregistrationRequest, OtaHttpSettings, Registered};
use push_core::ServerState;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::bench::{
    Bench, Gateway, LOOPBACK, WML, administrator, listening, next, next_change, options, post,
    post_with, ppg, request, stream, within,
};

/// A gateway that is dialled.
pub(crate) struct Dialled(TcpListener);

impl Gateway<TcpStream> {
    /// The port at the other end.
    fn port(&self) -> u16 {
        self.inner().peer_addr().unwrap().port()
    }
}

impl Dialled {
    pub(crate) async fn new() -> Self {
        Self(TcpListener::bind(LOOPBACK).await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The connection that the start of the terminal brings about.
    pub(crate) async fn started(&self) -> Gateway<TcpStream> {
        let mut gateway = self.connection().await;
        assert_eq!(gateway.ask(options("")).await.statuses(), (204, "501"));
        gateway
    }

    /// The next connection of the terminal.
    pub(crate) async fn connection(&self) -> Gateway<TcpStream> {
        Gateway::new(within(self.0.accept()).await.unwrap().0)
    }
}

/// A terminal that listens nowhere.
pub(crate) fn dialling(gateways: &[(&str, SocketAddr)]) -> OtaHttpSettings {
    let mut settings = OtaHttpSettings::default();
    let gateways = gateways.iter();
    settings.terminal.ppgs = gateways
        .map(|(id, address)| ppg(id, *address, false))
        .collect();
    settings
}

pub(crate) type Registering = JoinHandle<Result<Registered, Refusal>>;

pub(crate) fn registering(client: &Client, id: &str) -> Registering {
    let application = client.application(format!("owner of {id}"));
    let request = request(id);
    tokio::spawn(async move { application.register(request).await })
}

fn tag_of(answer: &crate::bench::Answer) -> String {
    format!("X-Wap-CPITag: {}\r\n", answer.header("x-wap-cpitag"))
}

//= specs/ota-http.md#tcp-connections
//= type=test
//# The terminal MUST be able to open connections without TLS to a gateway of its own accord.
//= specs/ota-http.md#tcp-connections
//= type=test
//# The terminal MUST serve HTTP requests on a connection that it opened as it does on one that it accepted.
//= specs/ota-http.md#tcp-connections
//= type=test
//# The source port of a connection that the terminal opens SHOULD be one that is assigned dynamically.
#[tokio::test]
async fn a_registration_opens_a_connection_to_each_gateway_and_waits_for_it() {
    let (one, two) = (Dialled::new().await, Dialled::new().await);
    let bench = Bench::start(dialling(&[("one", one.address()), ("two", two.address())]));
    let mut at_start = [one.started().await, two.started().await];
    let registered = registering(&bench.client, WML);
    let mut first = one.connection().await;
    let mut second = two.connection().await;
    let registered = within(registered).await.unwrap().unwrap();
    assert_ne!(first.port(), second.port());
    for former in &mut at_start {
        former.ended().await;
    }
    let states: Vec<_> = registered
        .servers
        .iter()
        .map(|server| (server.uri.clone(), server.state))
        .collect();
    let uri = |dialled: &Dialled| format!("http://{}", dialled.address());
    assert_eq!(
        states,
        [
            (uri(&one), ServerState::Announced),
            (uri(&two), ServerState::Announced)
        ]
    );
    for gateway in [&mut first, &mut second] {
        assert_eq!(gateway.ask(options("")).await.statuses(), (204, "501"));
    }
    let application = bench.client.application(format!("owner of {WML}"));
    let mut events = stream(&application).await;
    assert_eq!(first.ask(post("one")).await.statuses(), (204, "400"));
    assert_eq!(second.ask(post("two")).await.statuses(), (204, "400"));
    let event = next(&mut events).await;
    assert_eq!(event.content(), b"one");
    assert_eq!(event.push().origin.destination_port, None);
    assert_eq!(next(&mut events).await.content(), b"two");
    let servers = bench.servers().await;
    let view: Vec<_> = servers
        .iter()
        .map(|server| {
            let exchange = server.last_exchange.as_ref().unwrap();
            let status = exchange.status.as_deref().unwrap();
            (
                server.id.as_deref().unwrap(),
                &*server.state,
                server.connections,
                &*exchange.method,
                &status[..3],
            )
        })
        .collect();
    assert_eq!(
        view,
        [
            ("one", "confirmed", Some(1), "POST", "400"),
            ("two", "confirmed", Some(1), "POST", "400")
        ]
    );
    bench.stop().await;
    first.ended().await;
    second.ended().await;
}

#[tokio::test]
async fn a_second_application_is_announced_on_a_fresh_connection_and_nothing_is_lost() {
    let gateway = Dialled::new().await;
    let bench = Bench::start(dialling(&[("one", gateway.address())]));
    let _at_start = gateway.started().await;
    let registered = registering(&bench.client, WML);
    let mut former = gateway.connection().await;
    within(registered).await.unwrap().unwrap();
    let former_tag = tag_of(&former.ask(options("")).await);
    let mms = "x-wap-application:mms.ua";
    let registered = registering(&bench.client, mms);
    let mut present = gateway.connection().await;
    within(registered).await.unwrap().unwrap();
    former.ended().await;
    let stale = present.ask(post_with(&former_tag, "late")).await;
    assert_eq!(stale.statuses(), (204, "256"));
    let told = present.ask(options(&former_tag)).await;
    assert_eq!(told.statuses(), (204, "501"));
    assert_eq!(tag_of(&told), tag_of(&stale));
    let pushed = present.ask(post_with(&tag_of(&told), "late")).await;
    assert_eq!(pushed.statuses(), (204, "400"));
    // Deregistering one takes along what it alone had.
    let application = bench.client.application(format!("owner of {mms}"));
    let deregistration = DeregistrationRequest {
        push_application_id: mms.to_owned(),
        ..DeregistrationRequest::default()
    };
    let gone = tokio::spawn(async move { application.deregister(deregistration).await });
    let mut last = gateway.connection().await;
    assert_eq!(within(gone).await.unwrap().unwrap().len(), 1);
    let told = last.ask(options("")).await;
    let applications = told.header("x-wap-push-accept-appid");
    assert!(
        applications.contains("wml.ua") && !applications.contains("mms.ua"),
        "{applications}"
    );
    assert_eq!(tag_of(&told), former_tag);
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_that_cannot_be_reached_undoes_the_registration() {
    let gone = Dialled::new().await;
    let address = gone.address();
    drop(gone);
    let mut settings = dialling(&[("one", address)]);
    settings.registrar.announce_patience = std::time::Duration::from_millis(50);
    let bench = Bench::start(settings);
    let refused = within(registering(&bench.client, WML)).await.unwrap();
    let refusal = refused.unwrap_err();
    assert_eq!(refusal.reason, Reason::ServerUnreachable);
    assert_eq!(bench.status().await.registrations, 0);
    let server = bench.servers().await.remove(0);
    assert!(server.reason.unwrap().contains("refused"));
    let failed = |status: &push_api::Status| {
        status.counters.get("httpDialsFailed").copied().unwrap_or(0) > 0
    };
    bench.status_until(failed).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_connection_that_ends_is_opened_again_while_somebody_is_registered() {
    let gateway = Dialled::new().await;
    let mut settings = dialling(&[("one", gateway.address())]);
    settings.registrar.backoff_base = std::time::Duration::from_millis(10);
    let bench = Bench::start(settings);
    let _at_start = gateway.started().await;
    let registered = registering(&bench.client, WML);
    let first = gateway.connection().await;
    within(registered).await.unwrap().unwrap();
    drop(first);
    let mut second = gateway.connection().await;
    assert_eq!(second.ask(options("")).await.statuses(), (204, "501"));
    drop(second);
    let mut third = gateway.connection().await;
    assert_eq!(third.ask(post("again")).await.statuses(), (204, "400"));
    bench.stop().await;
}

#[tokio::test]
async fn a_registration_is_lost_while_its_gateway_is_gone_and_restored_when_it_is_back() {
    let gateway = Dialled::new().await;
    let address = gateway.address();
    let mut settings = dialling(&[("one", address)]);
    settings.registrar.backoff_base = std::time::Duration::from_millis(10);
    settings.registrar.backoff_limit = std::time::Duration::from_millis(50);
    let bench = Bench::start(settings);
    let mut watching = bench
        .client
        .watch(administrator(), WatchQuery::default())
        .await
        .unwrap();
    let at_start = gateway.started().await;
    let registered = registering(&bench.client, WML);
    let first = gateway.connection().await;
    within(registered).await.unwrap().unwrap();
    drop((gateway, at_start, first));
    assert_eq!(next_change(&mut watching).await, "lost");
    let again = within(async {
        loop {
            // The port may still be somebody's for a moment.
            match TcpListener::bind(address).await {
                Ok(listener) => return Dialled(listener),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let _back = again.connection().await;
    assert_eq!(next_change(&mut watching).await, "restored");
    bench.stop().await;
}

#[tokio::test]
async fn registrations_outlive_a_restart_and_so_do_connections() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || push_client::Builder::new().store(directory.path().join("push.db"));
    let gateway = Dialled::new().await;
    let settings = dialling(&[("one", gateway.address())]);
    let bench = Bench::start_with(builder(), settings.clone());
    let _at_start = gateway.started().await;
    let registered = registering(&bench.client, WML);
    let mut first = gateway.connection().await;
    within(registered).await.unwrap().unwrap();
    let tag = tag_of(&first.ask(options("")).await);
    bench.stop().await;
    let bench = Bench::start_with(builder(), settings);
    let mut second = gateway.connection().await;
    assert_eq!(second.ask(options(&tag)).await.statuses(), (204, "500"));
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_that_comes_of_its_own_accord_is_not_dialled() {
    let silent = Dialled::new().await;
    let mut settings = listening();
    let mut one = ppg("one", silent.address(), false);
    one.connect = Connect::Never;
    settings.terminal.ppgs = vec![one];
    let bench = Bench::start(settings);
    bench.register(WML).await;
    // Its address tells who it is.
    let mut gateway = bench.gateway().await;
    assert_eq!(gateway.ask(options("")).await.statuses(), (204, "501"));
    let server = bench.servers().await.remove(0);
    assert_eq!(server.state, "confirmed");
    bench.stop().await;
}
