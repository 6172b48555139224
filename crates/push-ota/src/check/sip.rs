//! SIP messages and transactions.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use push_message::UnixMillis;

use crate::sip::stack::{
    Broken, Incoming, Limits, Request, Response, StreamReader, parse_datagram, reply,
};
use crate::sip::transactions::{Route, TransactionEvent, Transactions};
use crate::sip::{FlowId, TransactionSettings, Transport};

/// Small, so that octets reach them.
const LIMITS: Limits = Limits {
    max_message: 4_000,
    max_headers: 24,
};

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5080);

/// Octets as a datagram, as a connection, and as what a user agent has to answer.
pub fn check_sip(data: &[u8]) {
    check_stream(data);
    match parse_datagram(&Bytes::copy_from_slice(data), &LIMITS) {
        Ok(Incoming::Request(request)) => check_request(&request),
        Ok(Incoming::Response(response)) => check_response(&response),
        Ok(Incoming::Ping | Incoming::Pong) => {
            assert!(data.iter().all(|octet| b"\r\n".contains(octet)));
        }
        Err(broken) => check_broken(&broken, data.len()),
    }
    check_transactions(data);
}

fn wide() -> Limits {
    Limits {
        max_message: 2 * LIMITS.max_message,
        max_headers: 2 * LIMITS.max_headers,
    }
}

/// What was understood is understood again, and so is its answer.
fn check_request(request: &Request) {
    let again = parse_datagram(&request.to_bytes(), &wide());
    let Ok(Incoming::Request(again)) = again else {
        panic!("{request:?} became {again:?}");
    };
    assert_eq!(again.method(), request.method());
    assert_eq!(again.uri(), request.uri());
    assert_eq!(again.call_id(), request.call_id());
    assert_eq!(again.cseq(), request.cseq());
    assert_eq!(again.from_tag(), request.from_tag());
    assert_eq!(again.to_tag(), request.to_tag());
    assert_eq!(again.via(), request.via());
    assert_eq!(
        again.values("Accept-Contact"),
        request.values("Accept-Contact")
    );
    let mut noted = request.clone();
    noted.note_source(PEER);
    let response = reply(&noted, 480, Some("tag")).header("Retry-After", "5\r\nX: y");
    let octets = response.build().to_bytes();
    match parse_datagram(&octets, &wide()) {
        Ok(Incoming::Response(response)) => {
            assert_eq!(response.status(), 480);
            assert_eq!(response.cseq(), request.cseq());
            assert_eq!(response.to_tag(), request.to_tag().or(Some("tag")));
            assert_eq!(response.header("Retry-After").as_deref(), Some("5  X: y"));
            assert!(response.header("X").is_none());
        }
        other => panic!("{request:?} is answered by {other:?}"),
    }
}

fn check_response(response: &Response) {
    let again = parse_datagram(&response.to_bytes(), &wide());
    let Ok(Incoming::Response(again)) = again else {
        panic!("{response:?} became {again:?}");
    };
    assert_eq!(again.status(), response.status());
    assert_eq!(again.reason(), response.reason());
    assert_eq!(again.via(), response.via());
}

fn check_broken(broken: &Broken, length: usize) {
    assert!(matches!(broken.status, 400 | 416 | 505 | 513), "{broken:?}");
    assert_eq!(broken.length, length);
    if let Some(request) = &broken.request {
        assert!(request.via().is_some());
        let answer = reply(request, broken.status, Some("tag"))
            .build()
            .to_bytes();
        assert!(answer.starts_with(b"SIP/2.0 "));
    }
}

/// However a connection is cut into pieces, it carries the same.
fn check_stream(data: &[u8]) {
    let middle = data
        .first()
        .map_or(0, |octet| usize::from(*octet) % data.len());
    let (left, right) = data.split_at(middle);
    let octets: Vec<&[u8]> = data.chunks(1).collect();
    let mut all = [&[data][..], &[left, right], &octets].map(|pieces| {
        let mut reader = StreamReader::new(LIMITS);
        let mut found = Vec::new();
        let mut ended = false;
        for piece in pieces {
            reader.push(piece);
            while let Some(next) = reader.next() {
                assert!(!ended, "something came behind the end of the flow");
                // How much had come when a flow is given up depends on the pieces.
                found.push(match next {
                    Ok(incoming) => in_short(&incoming),
                    Err(broken) => {
                        ended = broken.ends_flow;
                        format!("{} {}", broken.status, broken.word)
                    }
                });
            }
        }
        found
    });
    let [whole, rest @ ..] = &mut all;
    for other in rest {
        assert_eq!(whole, other);
    }
}

fn in_short(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Request(request) => {
            let (id, body) = (request.call_id(), request.body());
            format!("{} {id} {body:?}", request.uri())
        }
        Incoming::Response(response) => {
            format!("{} {:?}", response.status(), response.body())
        }
        Incoming::Ping => "ping".to_owned(),
        Incoming::Pong => "pong".to_owned(),
    }
}

/// Transactions stay in their bounds, whatever comes.
fn check_transactions(data: &[u8]) {
    let settings = TransactionSettings {
        max_unanswered: 2,
        max_answered: 2,
        max_requests: 2,
        ..TransactionSettings::default()
    };
    let mut transactions = Transactions::new(settings, 5, 1);
    let mut now = Duration::ZERO;
    for (number, transport) in [Transport::Udp, Transport::Tcp, Transport::Udp]
        .into_iter()
        .enumerate()
    {
        let route = Route {
            flow: FlowId(number as u64),
            peer: PEER,
            transport,
        };
        match parse_datagram(&Bytes::copy_from_slice(data), &LIMITS) {
            Ok(incoming) => transactions.incoming(incoming, route, UnixMillis(1), now),
            Err(broken) => transactions.broken(broken, route, UnixMillis(1)),
        }
        let mut outputs = 0;
        while let Some(event) = transactions.poll() {
            outputs += 1;
            assert!(outputs < 8, "few things come of one message");
            if let TransactionEvent::Request { id, request, .. } = event {
                let response = reply(&request, 200, Some("tag")).build();
                transactions.respond(id, &response, now);
            }
        }
        now += Duration::from_secs(1);
        transactions.handle_timeout(now);
    }
}

/// Requests answered with 200 as soon as they came: what the layer of messages and transactions costs.
#[derive(Debug)]
pub struct SipAnswers {
    transactions: Transactions,
    limits: Limits,
}

impl SipAnswers {
    /// With the settings that a user agent has by default.
    pub fn new() -> Self {
        let settings = TransactionSettings::default();
        Self {
            limits: Limits {
                max_message: settings.max_message,
                max_headers: 128,
            },
            transactions: Transactions::new(settings, 5, 1),
        }
    }

    /// Takes a datagram and gives how many octets its answer has.
    pub fn answer(&mut self, octets: &Bytes, now: Duration) -> usize {
        let route = Route {
            flow: FlowId(1),
            peer: PEER,
            transport: Transport::Udp,
        };
        if let Ok(incoming) = parse_datagram(octets, &self.limits) {
            self.transactions
                .incoming(incoming, route, UnixMillis(1), now);
        }
        let mut length = 0;
        while let Some(event) = self.transactions.poll() {
            match event {
                TransactionEvent::Request { id, request, .. } => {
                    let response = reply(&request, 200, Some("3f8a77bc")).build();
                    self.transactions.respond(id, &response, now);
                }
                TransactionEvent::Transmit { octets, .. } => length += octets.len(),
                TransactionEvent::Ack { .. }
                | TransactionEvent::Cancelled { .. }
                | TransactionEvent::Response { .. }
                | TransactionEvent::Ended { .. }
                | TransactionEvent::Noted(_) => {}
            }
        }
        self.transactions.handle_timeout(now);
        length
    }
}

impl Default for SipAnswers {
    fn default() -> Self {
        Self::new()
    }
}
