//! Transactions: whole tables, places, bounds, and a bad network.

mod answers;
mod bounds;
mod lossy;
mod rows;
mod ways;

use super::*;
use crate::sip::stack::{Limits, Method, parse_datagram};

pub(super) const LIMITS: Limits = Limits {
    max_message: 16 << 10,
    max_headers: 64,
};

pub(super) const LOCAL: &str = "192.0.2.7:5060";
pub(super) const PEER: &str = "192.0.2.1:5080";

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn way(transport: Transport) -> Route {
    Route {
        flow: FlowId(1),
        peer: address(PEER),
        transport,
    }
}

pub(super) fn parsed(text: &str) -> Incoming {
    let octets = text.replace('\n', "\r\n");
    parse_datagram(&Bytes::from(octets), &LIMITS).unwrap()
}

/// A request as a peer sends it.
pub(super) fn request(method: &str, branch: &str) -> String {
    format!(
        "{method} sip:terminal@192.0.2.7 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5080;branch={branch}\n\
         Max-Forwards: 70\nFrom: <sip:server@example.net>;tag=f1\nTo: <sip:terminal@example.net>\n\
         Call-ID: {branch}@example.net\nCSeq: 1 {method}\nContent-Length: 0\n\n"
    )
}

/// Transactions, and what comes out of them.
pub(super) struct Lab {
    pub(super) machine: Transactions,
    pub(super) now: Duration,
    pub(super) transport: Transport,
}

impl Lab {
    pub(super) fn new(transport: Transport) -> Self {
        Self::with(TransactionSettings::default(), transport)
    }

    pub(super) fn with(settings: TransactionSettings, transport: Transport) -> Self {
        Self {
            machine: Transactions::new(settings, 7, 99),
            now: Duration::from_secs(100),
            transport,
        }
    }

    pub(super) fn receive(&mut self, text: &str) {
        self.receive_by(text, way(self.transport));
    }

    pub(super) fn receive_by(&mut self, text: &str, route: Route) {
        self.machine
            .incoming(parsed(text), route, UnixMillis(5), self.now);
    }

    pub(super) fn send(&mut self, method: Method) -> ClientId {
        let request = Request::new(method, "sip:core.example.net")
            .unwrap()
            .header("From", "<sip:terminal@example.net>;tag=f9")
            .header("To", "<sip:core@example.net>")
            .header("Call-ID", "c9@example.net")
            .cseq(9)
            .build();
        let route = way(self.transport);
        self.machine.send(&request, address(LOCAL), route, self.now)
    }

    /// Answers a request that came.
    pub(super) fn respond(&mut self, id: ServerId, request: &Request, status: u16) {
        let response = reply(request, status, Some("t7")).build();
        self.machine.respond(id, &response, self.now);
    }

    /// Receives a request and gives its name.
    pub(super) fn request(&mut self, text: &str) -> (ServerId, Request) {
        self.receive(text);
        let mut new = self.events().into_iter().filter_map(|event| match event {
            TransactionEvent::Request { id, request, .. } => Some((id, request)),
            _ => None,
        });
        new.next().expect("a new request")
    }

    pub(super) fn events(&mut self) -> Vec<TransactionEvent> {
        std::iter::from_fn(|| self.machine.poll()).collect()
    }

    /// What was sent, as text.
    pub(super) fn sent(&mut self) -> Vec<String> {
        self.sent_by_way()
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    pub(super) fn sent_by_way(&mut self) -> Vec<(Route, String)> {
        let sent = self.events().into_iter().filter_map(|event| match event {
            TransactionEvent::Transmit { route, octets } => {
                Some((route, String::from_utf8(octets.to_vec()).unwrap()))
            }
            _ => None,
        });
        sent.collect()
    }

    /// The first lines of what was sent.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let first = |text: String| text.lines().next().unwrap().to_owned();
        self.sent().into_iter().map(first).collect()
    }

    pub(super) fn wait(&mut self, by: Duration) {
        self.now += by;
        self.machine.handle_timeout(self.now);
    }

    /// A response of the core to the request that was sent.
    pub(super) fn response_to(sent: &str, status: u16) -> String {
        let Incoming::Request(request) = parsed(&sent.replace("\r\n", "\n")) else {
            panic!("{sent}")
        };
        let octets = reply(&request, status, Some("t1")).build().to_bytes();
        String::from_utf8(octets.to_vec())
            .unwrap()
            .replace("\r\n", "\n")
    }
}
