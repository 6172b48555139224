//! Ports that applications have for themselves.

use std::net::{SocketAddr, UdpSocket};

use push_api::{PushService as _, Reason};
use push_client::{Builder, DeregistrationRequest, OtaWspSettings, Selector};

use crate::bench::{Bench, administrator, next, request, request_on, unit_push};

fn listening() -> Builder {
    Builder::new().listen("127.0.0.1:0".parse().unwrap())
}

/// A port that nobody has at present.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn push_to(port: u16, transaction: u8, body: &[u8]) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    socket
        .send_to(&unit_push(transaction, body), address)
        .unwrap();
}

fn deregistration(id: &str) -> DeregistrationRequest {
    DeregistrationRequest {
        push_application_id: id.to_owned(),
        ..DeregistrationRequest::default()
    }
}

#[tokio::test]
async fn an_application_with_a_port_of_its_own_gets_its_own_pushes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || listening().store(directory.path().join("push.db"));
    let bench = Bench::start(builder());
    let port = free_port();
    let text = port.to_string();
    let other = bench.client.application("other");
    other.register(request("4")).await.unwrap();
    let owner = bench.client.application("owner");
    owner
        .register(request_on("4", None, Some(&text)))
        .await
        .unwrap();
    let status = bench.client.status(administrator()).await.unwrap();
    assert!(
        status
            .listening
            .iter()
            .any(|(_, address)| address.ends_with(&format!(":{text}")))
    );
    // The port is there again after the end of the process.
    let bench = bench.killed_and_started(builder).await;
    let (owner, other) = (
        bench.client.application("owner"),
        bench.client.application("other"),
    );
    let mut of_owner = owner.subscribe(Selector::default()).await.unwrap();
    let mut of_other = other.subscribe(Selector::default()).await.unwrap();
    push_to(port, 1, b"own");
    push_to(bench.client.listening()[0].port(), 2, b"standard");
    let event = next(&mut of_owner).await;
    assert_eq!(
        (event.content(), event.push().origin.destination_port),
        (&b"own"[..], Some(port))
    );
    assert_eq!(next(&mut of_other).await.content(), b"standard");
    // And closed with the registration: it can be had by somebody else.
    owner.deregister(deregistration("4")).await.unwrap();
    UdpSocket::bind(("127.0.0.1", port)).unwrap();
    bench.stop().await;
}

#[tokio::test]
async fn a_port_that_somebody_holds_is_refused_in_words_that_say_so() {
    let bench = Bench::start(listening());
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let application = bench.client.application("app");
    let refusal = application
        .register(request_on("4", None, Some(&port)))
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::OptionNotAvailable);
    assert!(
        refusal
            .detail
            .contains("a program of the user with the number"),
        "{}",
        refusal.detail
    );
    assert!(
        refusal.detail.contains("name another port"),
        "{}",
        refusal.detail
    );
    drop(holder);
    application
        .register(request_on("4", None, Some(&port)))
        .await
        .unwrap();
    bench.stop().await;
}

#[tokio::test]
async fn no_more_ports_are_opened_than_may_be() {
    let bench = Bench::start(Builder::new().ota_wsp(OtaWspSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        max_own_ports: 1,
        ..OtaWspSettings::default()
    }));
    let application = bench.client.application("app");
    let (one, two) = (free_port().to_string(), free_port().to_string());
    application
        .register(request_on("4", None, Some(&one)))
        .await
        .unwrap();
    let refusal = application
        .register(request_on("9", None, Some(&two)))
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::OptionNotAvailable);
    assert!(
        refusal.detail.contains("the most that is allowed"),
        "{}",
        refusal.detail
    );
    application.deregister(deregistration("4")).await.unwrap();
    application
        .register(request_on("9", None, Some(&two)))
        .await
        .unwrap();
    bench.stop().await;
}
