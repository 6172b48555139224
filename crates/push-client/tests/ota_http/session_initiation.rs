//! Requests to dial a gateway (SIR).

use std::net::SocketAddr;
use std::time::Duration;

use push_client::http::Connect;
use push_client::sia::{SiaSettings, SirContacts};
use push_client::{Builder, OtaHttpSettings};
use push_message::Address;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::bench::{Bench, Gateway, LOOPBACK, listening, options, post_head, ppg, within};

/// A request to connect to these by OTA-HTTP.
fn request(contacts: &[SocketAddr]) -> Vec<u8> {
    let mut points = Vec::new();
    for contact in contacts {
        let SocketAddr::V4(contact) = contact else {
            panic!("{contact} is no IPv4 address")
        };
        // A port and an address of four octets.
        points.push(0x44);
        points.extend(contact.port().to_be_bytes());
        points.extend(contact.ip().octets());
    }
    // Version 1, no applications, no WSP contact points, these of others, one protocol without a tag.
    let mut octets = vec![1, 0, 0, u8::try_from(points.len()).unwrap()];
    octets.extend(points);
    octets.extend([1, 0]);
    octets
}

/// The same over HTTP.
fn posted(contact: SocketAddr) -> Vec<u8> {
    let octets = request(&[contact]);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.wap.sia\r\n\
         X-Wap-Application-Id: x-wap-application:push.sia\r\nContent-Length: {}\r\n\r\n",
        octets.len()
    );
    let body = [head.as_bytes(), &octets].concat();
    let outer = post_head(&format!("Content-Length: {}\r\n", body.len()));
    [outer.as_bytes(), &body].concat()
}

/// A terminal that dials these gateways when it is asked to.
fn waiting_for(addresses: &[SocketAddr]) -> OtaHttpSettings {
    let mut settings = listening();
    for address in addresses {
        let mut gateway = ppg(&address.to_string(), *address, false);
        gateway.connect = Connect::WhenNeeded;
        settings.terminal.ppgs.push(gateway);
    }
    settings
}

/// Where a gateway waits to be dialled.
async fn gateway() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

async fn dialled(listener: &TcpListener) -> Gateway<TcpStream> {
    Gateway::new(within(listener.accept()).await.unwrap().0)
}

//= specs/ota-http.md#sir
//= type=test
//# A terminal that follows a session initiation request MUST open TCP connections as it does of its own accord.
//= specs/ota-http.md#sir
//= type=test
//# Of several contact points in a session initiation request each SHOULD be connected to.
#[tokio::test]
async fn a_request_over_udp_is_followed() {
    let (address, listener) = gateway().await;
    let also = gateway().await;
    let udp: SocketAddr = LOOPBACK.parse().unwrap();
    let settings = waiting_for(&[address, also.0]);
    let bench = Bench::start_with(Builder::new().listen(udp), settings);
    // What the start brings about.
    drop((dialled(&listener).await, dialled(&also.1).await));
    let sender = UdpSocket::bind(LOOPBACK).await.unwrap();
    // A transaction, a push, headers: the content type and the application id.
    let head = [0x01, 0x06, 0x03, 0xB4, 0xAF, 0x81];
    let datagram = [&head[..], &request(&[address, also.0])].concat();
    sender
        .send_to(&datagram, bench.client.listening()[0])
        .await
        .unwrap();
    for listener in [&listener, &also.1] {
        let mut gateway = dialled(listener).await;
        assert_eq!(gateway.ask(options("")).await.statuses(), (204, "501"));
    }
    let counters = bench.status().await.counters;
    assert_eq!(counters.get("sessionInitiations.followed"), Some(&1));
    assert_eq!(counters.get("pushes.held"), None);
    bench.stop().await;
}

#[tokio::test]
async fn a_request_over_http_is_answered() {
    let (address, listener) = gateway().await;
    let bench = Bench::start(waiting_for(&[address]));
    drop(dialled(&listener).await);
    let mut gateway = bench.gateway().await;
    let followed = gateway.ask(posted(address)).await;
    assert_eq!(followed.statuses(), (204, "400"));
    dialled(&listener).await;
    let unknown = "192.0.2.9:4035".parse().unwrap();
    let ignored = gateway.ask(posted(unknown)).await;
    assert_ne!(ignored.push_status(), "400");
    assert_eq!(bench.refusals().await.len(), 1);
    bench.stop().await;
}

#[tokio::test]
async fn a_request_from_anybody_is_ignored() {
    let mut settings = listening();
    let mut elsewhere = ppg("one", "192.0.2.9:4035".parse().unwrap(), false);
    elsewhere.connect = Connect::WhenNeeded;
    settings.terminal.ppgs = vec![elsewhere];
    let bench = Bench::start(settings);
    let mut gateway = bench.gateway().await;
    let ignored = gateway.ask(posted("192.0.2.9:4035".parse().unwrap())).await;
    assert_eq!(ignored.statuses(), (204, "235"));
    assert_eq!(bench.refusals().await, ["source"]);
    let counters = bench.status().await.counters;
    assert_eq!(counters.get("sessionInitiations.source"), Some(&1));
    bench.stop().await;
}

#[tokio::test]
async fn no_more_contact_points_are_followed_at_a_time_than_may_be() {
    let (one, two) = (gateway().await, gateway().await);
    let mut settings = listening();
    settings.registrar.max_contacts = 1;
    let session_initiation = SiaSettings {
        contacts: SirContacts::Any,
        lockout: Duration::ZERO,
        sources: vec![Address::parse("127.0.0.1").unwrap()],
        ..SiaSettings::default()
    };
    let builder = Builder::new().session_initiation(session_initiation);
    let bench = Bench::start_with(builder, settings);
    let mut asking = bench.gateway().await;
    // One of them is followed while the other one's place is taken.
    for contact in [one.0, two.0] {
        assert_eq!(asking.ask(posted(contact)).await.statuses(), (204, "400"));
    }
    let mut first = dialled(&one.1).await;
    assert_eq!(first.ask(options("")).await.statuses(), (204, "501"));
    let dialled_too = tokio::time::timeout(Duration::ZERO, two.1.accept()).await;
    assert!(dialled_too.is_err());
    // Once it has ended there is room again. How soon that is known nobody says, and so it is asked for until then.
    drop(first);
    let mut second = std::pin::pin!(dialled(&two.1));
    let mut gateway = within(Box::pin(async {
        loop {
            tokio::select! {
                biased;
                gateway = &mut second => return gateway,
                asked = asking.ask(posted(two.0)) => assert_eq!(asked.http, 204),
            }
        }
    }))
    .await;
    assert_eq!(gateway.ask(options("")).await.statuses(), (204, "501"));
    bench.stop().await;
}
