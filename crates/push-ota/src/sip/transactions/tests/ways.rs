//! Where answers go, and from where requests are said to come.

use super::*;

const VIA: &str = "Via: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKa\n";

/// Where the answer to a request with this Via from 192.0.2.1:5080 goes, and the Via in it.
fn answered(via: &str, transport: Transport) -> (String, String) {
    let mut lab = Lab::new(transport);
    let text = request("MESSAGE", "z9hG4bKa").replace(VIA, &format!("Via: {via}\n"));
    let (id, first) = lab.request(&text);
    lab.respond(id, &first, 200);
    let (route, text) = lab.sent_by_way().remove(0);
    let via = text
        .lines()
        .find_map(|line| line.strip_prefix("Via: "))
        .unwrap();
    (route.peer.to_string(), via.to_owned())
}

//= specs/ota-sip.md#requests
//= type=test
//# A response over UDP MUST go to the port that the request came from where its Via has rport.
#[test]
fn answers_go_where_the_via_and_the_source_say() {
    for (via, peer, answered_via) in [
        (
            "SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKa",
            "192.0.2.1:5080",
            None,
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
            "192.0.2.1:5060",
            None,
        ),
        (
            "SIP/2.0/UDP core.example.net:5070;branch=z9hG4bKa",
            "192.0.2.1:5070",
            Some("SIP/2.0/UDP core.example.net:5070;branch=z9hG4bKa;received=192.0.2.1"),
        ),
        (
            "SIP/2.0/UDP 198.51.100.4;rport;branch=z9hG4bKa",
            "192.0.2.1:5080",
            Some("SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKa;received=192.0.2.1;rport=5080"),
        ),
        (
            "SIP/2.0/UDP 192.0.2.1:5080;rport;branch=z9hG4bKa",
            "192.0.2.1:5080",
            Some("SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKa;received=192.0.2.1;rport=5080"),
        ),
        // What only the receiver may say is not believed, and nobody is sent elsewhere.
        (
            "SIP/2.0/UDP 192.0.2.9;received=203.0.113.5;maddr=203.0.113.6;branch=z9hG4bKa",
            "192.0.2.1:5060",
            Some("SIP/2.0/UDP 192.0.2.9;maddr=203.0.113.6;branch=z9hG4bKa;received=192.0.2.1"),
        ),
        // The other values of the line stay as they are.
        (
            "SIP/2.0/UDP a.example.net;x=\"1, 2;received=3\";branch=z9hG4bKa , SIP/2.0/TCP b;branch=z9hG4bKb",
            "192.0.2.1:5060",
            Some(
                "SIP/2.0/UDP a.example.net;x=\"1, 2;received=3\";branch=z9hG4bKa;received=192.0.2.1, SIP/2.0/TCP b;branch=z9hG4bKb",
            ),
        ),
    ] {
        let wanted = (peer.to_owned(), answered_via.unwrap_or(via).to_owned());
        assert_eq!(answered(via, Transport::Udp), wanted);
    }
}

//= specs/ota-sip.md#requests
//= type=test
//# A response over a connection MUST go over the connection that the request came on.
#[test]
fn on_a_connection_answers_stay_on_it() {
    let via = "SIP/2.0/TCP core.example.net:9;branch=z9hG4bKa";
    let (peer, noted) = answered(via, Transport::Tcp);
    assert_eq!(peer, PEER);
    assert_eq!(noted, format!("{via};received=192.0.2.1"));
}

#[test]
fn a_connection_that_ends_takes_its_transactions_along() {
    let mut lab = Lab::new(Transport::Tcp);
    let (id, first) = lab.request(&request("MESSAGE", "z9hG4bKa"));
    let (invite, _) = lab.request(&request("INVITE", "z9hG4bKi"));
    let client = lab.send(Method::Options);
    lab.events();
    lab.machine.flow_ended(FlowId(2), lab.now);
    assert!(lab.events().is_empty());
    lab.machine.flow_ended(FlowId(1), lab.now);
    let events = lab.events();
    assert!(matches!(
        events[..],
        [
            TransactionEvent::Ended { id: ended, why: Unanswered::FlowEnded },
            TransactionEvent::Cancelled { id: cancelled },
        ] if ended == client && cancelled == invite
    ));
    lab.respond(id, &first, 200);
    assert!(lab.events().is_empty());
    assert_eq!(lab.machine.poll_timeout(), None);
}

#[test]
fn pings_are_answered_on_connections_alone() {
    let ping = |transport| {
        let mut lab = Lab::new(transport);
        for incoming in [Incoming::Ping, Incoming::Pong] {
            lab.machine
                .incoming(incoming, way(transport), UnixMillis(1), lab.now);
        }
        lab.sent()
    };
    assert_eq!(ping(Transport::Tcp), ["\r\n"]);
    assert!(ping(Transport::Udp).is_empty());
}

#[test]
fn broken_requests_are_answered_by_their_via() {
    let mut lab = Lab::new(Transport::Udp);
    let text = request("MESSAGE", "z9hG4bKa")
        .replace("SIP/2.0\nVia", "SIP/7.0\nVia")
        .replace('\n', "\r\n");
    let broken = parse_datagram(&text.into(), &LIMITS).unwrap_err();
    lab.machine
        .broken(broken, way(Transport::Udp), UnixMillis(1));
    let events = lab.events();
    let [
        TransactionEvent::Transmit { route, octets },
        TransactionEvent::Noted(note),
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(route.peer, address(PEER));
    assert!(octets.starts_with(b"SIP/2.0 505 Version Not Supported\r\n"));
    assert!(matches!(
        note,
        SipNote::Refused {
            status: Some(505),
            word: "version",
            ..
        }
    ));
}

#[test]
fn a_response_counts_by_the_way_of_its_request_alone() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut lab = Lab::new(transport);
        lab.send(Method::Options);
        let right = Lab::response_to(&lab.sent().remove(0), 401);
        for other in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            let flow = FlowId(2);
            let route = Route { flow, ..way(other) };
            // Of flows of datagrams, one takes over from another.
            if other == Transport::Udp && transport == Transport::Udp {
                continue;
            }
            lab.receive_by(&right, route);
            let events = lab.events();
            assert!(
                matches!(events[..], [TransactionEvent::Noted(SipNote::Stray)]),
                "{transport} {other} {events:?}"
            );
        }
        lab.receive(&right);
        let events = lab.events();
        assert!(matches!(events[..], [TransactionEvent::Response { .. }]));
    }
}
