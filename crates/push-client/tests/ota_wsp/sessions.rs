//! Push sessions with a gateway of raw octets.

use std::time::Duration;

use push_api::{ExplainRequest, PushService as _, Reason, Server, WatchQuery};
use push_client::http::Host;
use push_client::sessions::{SessionsSettings, Start};
use push_client::{
    Application, Client, DeregistrationRequest, RegistrationRequest, Selector, StoreSettings,
};
use push_message::{Bearer, Protocol};

use crate::bench::{
    Bench, administrator, counter, next, next_change, request, request_on, unit_push,
};
use crate::gateway::{Gateway, provisioned, terminal, terminal_of};

async fn register(application: &Application, request: RegistrationRequest) {
    application.register(request).await.unwrap();
}

async fn servers(client: &Client) -> Vec<Server> {
    client.servers(administrator()).await.unwrap()
}

fn refused(request: RegistrationRequest, server: &str) -> RegistrationRequest {
    RegistrationRequest {
        whitelist: vec![server.to_owned()],
        ..request
    }
}

#[tokio::test]
async fn a_session_is_opened_for_a_registration_and_carries_its_pushes() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    let (registered, mut session) =
        tokio::join!(application.register(request("4")), gateway.grant(7));
    let registered = registered.unwrap();
    let uri = format!("wsp://{}", gateway.address());
    assert_eq!(registered.servers[0].uri, uri);
    assert_eq!(registered.servers[0].protocol, Protocol::OtaWsp);
    // Accept-Application: 4
    assert!(session.connect.windows(2).any(|pair| pair == [0xB2, 0x84]));
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    let tid = session.push(4, b"confirmed").await;
    assert_eq!(session.verdict(tid).await, None);
    let event = next(&mut events).await;
    assert_eq!(event.content(), b"confirmed");
    let origin = &event.push().origin;
    assert_eq!((origin.bearer, origin.destination_port), (Bearer::Ip, None));
    assert_eq!(origin.origin_port, Some(gateway.address().port()));
    session.push_unconfirmed(b"unconfirmed").await;
    assert_eq!(next(&mut events).await.content(), b"unconfirmed");
    let seen = &servers(&bench.client).await[0];
    assert_eq!((&*seen.uri, &*seen.state), (&*uri, "confirmed"));
    let of_session = seen.session.as_ref().unwrap();
    assert_eq!((&*of_session.state, of_session.id), ("connected", Some(7)));
    assert_eq!(of_session.pushes, 2);
    assert_eq!(seen.last_exchange.as_ref().unwrap().method, "Push");
    assert_eq!(counter(&bench.client, "sessions.connected").await, 1);
    tokio::join!(bench.stop(), gateway.disconnected(7));
}

#[tokio::test]
async fn the_same_content_on_two_roads_is_two_pushes_and_a_repeated_transaction_one() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    let ((), mut session) = tokio::join!(register(&application, request("4")), gateway.grant(7));
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    for _ in 0..2 {
        let tid = session.push(4, b"equal").await;
        assert_eq!(session.verdict(tid).await, None);
        assert_eq!(next(&mut events).await.content(), b"equal");
    }
    assert_eq!(counter(&bench.client, "pushes.accepted").await, 2);
    assert_eq!(counter(&bench.client, "pushes.duplicate").await, 0);
    tokio::join!(bench.stop(), gateway.disconnected(7));
}

#[tokio::test]
async fn a_push_that_is_refused_is_aborted_with_its_reason() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    let picky = RegistrationRequest {
        accept: Some("image/png".to_owned()),
        ..request("9")
    };
    let ((), first) = tokio::join!(register(&application, picky), gateway.grant(1));
    drop(first);
    let strict = refused(request("8"), "192.0.2.9");
    let ((), mut session) = tokio::join!(register(&application, strict), gateway.grant(2));
    // USERPND, USERDCU, USERRFS
    for (application, reason) in [(4, 0xEC), (9, 0xEE), (8, 0xEB)] {
        let tid = session.push(application, b"text").await;
        assert_eq!(session.verdict(tid).await, Some(reason), "{application}");
    }
    let request = ExplainRequest::default();
    let explained = bench
        .client
        .explain(administrator(), request)
        .await
        .unwrap();
    let verdicts: Vec<_> = explained.recent.iter().map(|one| &*one.verdict).collect();
    assert_eq!(
        verdicts,
        ["serverNotListed", "contentType", "noSuchApplication"]
    );
    tokio::join!(bench.stop(), gateway.disconnected(2));
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start().await;
    let small = StoreSettings {
        max_pages: Some(96),
        ..StoreSettings::default()
    };
    let builder = terminal_of(&gateway, Start::Always)
        .store(directory.path().join("push.db"))
        .store_settings(small);
    let bench = Bench::start(builder);
    let application = bench.client.application("app");
    let ((), mut session) = tokio::join!(register(&application, request("4")), gateway.grant(1));
    let body = vec![b'x'; 1_300];
    let mut accepted = 0;
    let reason = loop {
        let tid = session.push(4, &body).await;
        match session.verdict(tid).await {
            None => accepted += 1,
            Some(reason) => break reason,
        }
        assert!(accepted < 1_000, "the store never gets full");
    };
    // USERDCR: there may be room later.
    assert_eq!(reason, 0xED);
    let status = bench.client.status(administrator()).await.unwrap();
    assert_eq!(status.waiting_events, accepted);
    tokio::join!(bench.stop(), gateway.disconnected(1));
}

#[tokio::test]
async fn a_session_is_renewed_when_the_applications_change_and_ended_when_there_are_none() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    let ((), one) = tokio::join!(register(&application, request("4")), gateway.grant(1));
    let ((), two) = tokio::join!(register(&application, request("9")), gateway.grant(2));
    let has =
        |connect: &[u8], number: u8| connect.windows(2).any(|pair| pair == [0xB2, 0x80 | number]);
    assert!(has(&one.connect, 4) && !has(&one.connect, 9));
    assert!(has(&two.connect, 4) && has(&two.connect, 9));
    assert_ne!(one.terminal, two.terminal);
    for id in ["4", "9"] {
        let deregistration = DeregistrationRequest {
            push_application_id: id.to_owned(),
            ..DeregistrationRequest::default()
        };
        if id == "4" {
            let (deregistered, three) =
                tokio::join!(application.deregister(deregistration), gateway.grant(3));
            deregistered.unwrap();
            assert!(has(&three.connect, 9) && !has(&three.connect, 4));
        } else {
            application.deregister(deregistration).await.unwrap();
        }
    }
    gateway.disconnected(3).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_registration_asks_for_a_session_by_its_port() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Registration));
    let application = bench.client.application("app");
    // Whoever does not name the port asks for none.
    register(&application, request("9")).await;
    assert_eq!(servers(&bench.client).await[0].session, None);
    let by_port = request_on("4", None, Some("9201"));
    let ((), mut session) = tokio::join!(register(&application, by_port), gateway.grant(1));
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    let tid = session.push(4, b"on a session").await;
    assert_eq!(session.verdict(tid).await, None);
    assert_eq!(next(&mut events).await.content(), b"on a session");
    tokio::join!(bench.stop(), gateway.disconnected(1));
}

#[tokio::test]
async fn a_gateway_that_refuses_undoes_a_registration() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    // Reply: Forbidden.
    let (registered, _) = tokio::join!(
        application.register(request("4")),
        gateway.answer(&[0x04, 0x43, 0x00])
    );
    assert_eq!(registered.unwrap_err().reason, Reason::ServerRejected);
    assert_eq!(counter(&bench.client, "sessions.refused").await, 1);
    let registrations = bench.client.registrations(administrator()).await.unwrap();
    assert_eq!(registrations, []);
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_not_there_undoes_a_registration() {
    let gateway = Gateway::start().await;
    let mut sessions = SessionsSettings {
        gateways: vec![provisioned(&gateway, Start::Always)],
        announce_patience: Duration::from_millis(50),
        ..SessionsSettings::default()
    };
    sessions.connect_timeout = Duration::from_millis(50);
    let bench = Bench::start(terminal(sessions));
    let application = bench.client.application("app");
    let refusal = application.register(request("4")).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::ServerUnreachable);
    drop(gateway);
    bench.stop().await;
}

#[tokio::test]
async fn a_registration_is_lost_while_its_gateway_grants_no_session_and_restored_when_it_does() {
    let gateway = Gateway::start().await;
    let sessions = SessionsSettings {
        gateways: vec![provisioned(&gateway, Start::Always)],
        backoff_base: Duration::from_millis(10),
        backoff_limit: Duration::from_millis(50),
        ..SessionsSettings::default()
    };
    let bench = Bench::start(terminal(sessions));
    let application = bench.client.application("app");
    let ((), session) = tokio::join!(register(&application, request("4")), gateway.grant(1));
    let query = WatchQuery::default();
    let watching = bench.client.watch(administrator(), query).await;
    let mut watching = watching.unwrap();
    // A Disconnect of the session; then Reply: Forbidden.
    session.send(&[0x0E, 0x00, 0x01, 0x10, 0x05, 0x01]).await;
    gateway.answer(&[0x04, 0x43, 0x00]).await;
    assert_eq!(next_change(&mut watching).await, "lost");
    gateway.grant(2).await;
    assert_eq!(next_change(&mut watching).await, "restored");
    tokio::join!(bench.stop(), gateway.disconnected(2));
}

/// A session initiation request of version 0 for all applications, to this gateway.
fn session_initiation(gateway: &Gateway) -> Vec<u8> {
    session_initiation_for(gateway, &[])
}

/// The same for applications with these numbers.
fn session_initiation_for(gateway: &Gateway, applications: &[u8]) -> Vec<u8> {
    let length = u8::try_from(applications.len()).unwrap();
    let applications: Vec<u8> = applications.iter().map(|number| 0x80 | number).collect();
    let address = gateway.address();
    let std::net::IpAddr::V4(host) = address.ip() else {
        panic!("no IPv4 address");
    };
    let [high, low] = address.port().to_be_bytes();
    [
        &[0x01, 0x06, 0x03, 0xB4, 0xAF, 0x81][..], // a Push of application/vnd.wap.sia to push.sia
        &[0x00, length],
        &applications,
        &[0x07, 0x44, high, low],
        &host.octets(),
    ]
    .concat()
}

#[tokio::test]
async fn a_session_initiation_request_opens_a_session_though_push_over_http_is_off() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Request));
    let application = bench.client.application("app");
    register(&application, request("4")).await;
    assert_eq!(servers(&bench.client).await[0].session, None);
    let request = session_initiation(&gateway);
    gateway.send(bench.client.listening()[0], &request).await;
    let mut session = gateway.grant(5).await;
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    let tid = session.push(4, b"invited").await;
    assert_eq!(session.verdict(tid).await, None);
    assert_eq!(next(&mut events).await.content(), b"invited");
    assert_eq!(
        counter(&bench.client, "sessionInitiations.followed").await,
        1
    );
    tokio::join!(bench.stop(), gateway.disconnected(5));
}

/// As Kannel asks: before each push, once.
#[tokio::test]
async fn requests_that_come_before_a_session_stands_are_followed_once_it_does() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Request));
    let application = bench.client.application("app");
    register(&application, request("4")).await;
    let request = session_initiation(&gateway);
    for _ in 0..3 {
        gateway.send(bench.client.listening()[0], &request).await;
    }
    while counter(&bench.client, "sessionInitiations.locked").await < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        counter(&bench.client, "sessionInitiations.followed").await,
        1
    );
    gateway.grant(1).await;
    // The lockout is a minute long; nobody waits for it.
    let ((), mut session) = tokio::join!(gateway.disconnected(1), gateway.grant(2));
    let tid = session.push(4, b"whose request came in the lockout").await;
    assert_eq!(session.verdict(tid).await, None);
    assert_eq!(
        counter(&bench.client, "sessionInitiations.followed").await,
        2
    );
    tokio::join!(bench.stop(), gateway.disconnected(2));
}

#[tokio::test]
async fn a_request_for_nobody_does_not_hold_up_the_next_one() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Request));
    let application = bench.client.application("app");
    register(&application, request("4")).await;
    for applications in [&[8][..], &[4]] {
        let request = session_initiation_for(&gateway, applications);
        gateway.send(bench.client.listening()[0], &request).await;
    }
    let mut session = gateway.grant(3).await;
    assert_eq!(counter(&bench.client, "sessions.noApplication").await, 1);
    let tid = session.push(4, b"for somebody").await;
    assert_eq!(session.verdict(tid).await, None);
    tokio::join!(bench.stop(), gateway.disconnected(3));
}

#[tokio::test]
async fn a_session_initiation_request_from_elsewhere_is_ignored_and_explained() {
    let gateway = Gateway::start().await;
    let mut elsewhere = provisioned(&gateway, Start::Request);
    elsewhere.contact.host = Host::Ip([192, 0, 2, 1].into());
    let bench = Bench::start(terminal(SessionsSettings {
        gateways: vec![elsewhere],
        ..SessionsSettings::default()
    }));
    let request = session_initiation(&gateway);
    gateway.send(bench.client.listening()[0], &request).await;
    while counter(&bench.client, "sessionInitiations.source").await == 0 {
        tokio::task::yield_now().await;
    }
    let explained = bench
        .client
        .explain(administrator(), ExplainRequest::default())
        .await
        .unwrap();
    assert_eq!(explained.recent[0].verdict, "source");
    bench.stop().await;
}

#[tokio::test]
async fn a_flood_of_what_is_nothing_leaves_the_session_standing() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    let ((), mut session) = tokio::join!(register(&application, request("4")), gateway.grant(1));
    for number in 0..5_000_u16 {
        let [high, low] = number.to_be_bytes();
        // No PDU, a PDU cut short, an Ack of nothing, and a push of class 0 that holds none.
        for octets in [
            &[0xFF; 64][..],
            &[0x0E],
            &[0x18, high, low],
            &[0x0E, high, low, 0x10, 0x06, 0xFF],
        ] {
            session.send(octets).await;
        }
        tokio::task::yield_now().await;
    }
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    // Where the flood filled the kernel's buffer, a push is sent again as by any gateway.
    let tid = session.push(4, b"still there").await;
    let verdict = loop {
        let wait = Duration::from_millis(300);
        match tokio::time::timeout(wait, session.verdict(tid)).await {
            Ok(verdict) => break verdict,
            Err(_) => session.push_again(tid, 4, b"still there").await,
        }
    };
    assert_eq!(verdict, None);
    assert_eq!(next(&mut events).await.content(), b"still there");
    tokio::join!(bench.stop(), gateway.disconnected(1));
}

#[tokio::test]
async fn strangers_do_not_reach_the_socket_of_a_session() {
    let (gateway, stranger) = (Gateway::start().await, Gateway::start().await);
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    let ((), mut session) = tokio::join!(register(&application, request("4")), gateway.grant(1));
    stranger
        .send(
            session.terminal,
            &[0x0E, 0x00, 0x01, 0x10, 0x06, 0x03, 0x83, 0xAF, 0x84],
        )
        .await;
    let tid = session.push(4, b"of the gateway").await;
    assert_eq!(session.verdict(tid).await, None);
    assert_eq!(counter(&bench.client, "pushes.accepted").await, 1);
    tokio::join!(bench.stop(), gateway.disconnected(1));
}

#[tokio::test]
async fn a_push_without_a_session_goes_on_beside_sessions() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Always));
    let application = bench.client.application("app");
    let ((), _session) = tokio::join!(register(&application, request("4")), gateway.grant(1));
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    gateway
        .send(
            bench.client.listening()[0],
            &unit_push(1, b"connectionless"),
        )
        .await;
    assert_eq!(next(&mut events).await.content(), b"connectionless");
    tokio::join!(bench.stop(), gateway.disconnected(1));
}

#[tokio::test]
async fn ports_of_wtls_are_refused_in_words_that_say_what_works() {
    let gateway = Gateway::start().await;
    let bench = Bench::start(terminal_of(&gateway, Start::Request));
    let application = bench.client.application("app");
    let standard = bench.client.listening()[0].port().to_string();
    for (port, works) in [("2949", &*standard), ("9202", &standard), ("9203", "9201")] {
        let refusal = application
            .register(request_on("4", None, Some(port)))
            .await
            .unwrap_err();
        assert_eq!(refusal.reason, Reason::UnsupportedOption, "{port}");
        assert!(refusal.detail.contains(works), "{port}: {}", refusal.detail);
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_is_found_by_its_name_at_whichever_of_its_addresses_it_answers() {
    let gateway = Gateway::start().await;
    let mut named = provisioned(&gateway, Start::Always);
    named.contact.host = Host::Name("localhost".into());
    let bench = Bench::start(terminal(SessionsSettings {
        gateways: vec![named],
        backoff_base: Duration::from_millis(1),
        ..SessionsSettings::default()
    }));
    let application = bench.client.application("app");
    // Where the name has an address at which nobody answers, that one may come first.
    let registered = async { while application.register(request("4")).await.is_err() {} };
    let ((), mut session) = tokio::join!(registered, gateway.grant(1));
    let tid = session.push(4, b"by name").await;
    assert_eq!(session.verdict(tid).await, None);
    let uri = format!("wsp://localhost:{}", gateway.address().port());
    assert_eq!(servers(&bench.client).await[0].uri, uri);
    tokio::join!(bench.stop(), gateway.disconnected(1));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_undoes_a_registration() {
    let gateway = Gateway::start().await;
    let mut named = provisioned(&gateway, Start::Always);
    named.contact.host = Host::Name("gateway.invalid".into());
    let bench = Bench::start(terminal(SessionsSettings {
        gateways: vec![named],
        ..SessionsSettings::default()
    }));
    let application = bench.client.application("app");
    let refusal = application.register(request("4")).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::ServerUnreachable);
    assert!(
        refusal.detail.contains("its name could not be resolved"),
        "{}",
        refusal.detail
    );
    bench.stop().await;
}
