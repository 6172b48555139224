//! Transactions (RFC 3261 17, RFC 6026): what makes one exchange out of messages that are lost, repeated and out of order.
//!
//! Requests of ours are in `requests`, those of others in `serving`; both run from the tables in `client` and `server`.

mod client;
mod keys;
mod requests;
mod server;
mod serving;
mod table;
#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test is about some of the events"
)]
mod tests;
mod timers;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use push_message::UnixMillis;

use super::events::{FlowId, SipNote, Transport};
use super::settings::TransactionSettings;
use super::stack::{Broken, Incoming, PONG, Request, Response, reply};
use keys::Chance;
use requests::Clients;
use serving::Servers;
use table::Timer;
use timers::{Owner, Timers};

/// How long the user may take before an INVITE is answered with 100 (RFC 3261 17.2.1).
const TRYING: Duration = Duration::from_millis(200);

/// The way of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// The flow.
    pub(crate) flow: FlowId,
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// What carries it.
    pub(crate) transport: Transport,
}

/// Names a request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientId(pub(crate) u64);

/// Names a request of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServerId(pub(crate) u64);

/// Why a request of ours ended without a final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Nobody answered in time.
    TimedOut,
    /// Its flow ended.
    FlowEnded,
    /// More are under way than may be.
    TooMany,
}

/// What to do, or what came.
#[derive(Debug)]
pub(crate) enum TransactionEvent {
    /// Send a message.
    Transmit {
        /// The way.
        route: Route,
        /// The message.
        octets: Bytes,
    },
    /// A new request, to be answered by [`Transactions::respond`].
    Request {
        /// Names it.
        id: ServerId,
        /// The request.
        request: Request,
        /// From where it came.
        route: Route,
        /// When.
        received: UnixMillis,
    },
    /// An ACK that belongs to a 2xx, or to nothing.
    Ack {
        /// The request.
        request: Request,
        /// From where it came.
        route: Route,
    },
    /// An INVITE that is not answered yet is wanted no more: a CANCEL came, which is answered, or its flow ended. The INVITE
    /// itself is not answered.
    Cancelled {
        /// The INVITE.
        id: ServerId,
    },
    /// A response to a request of ours, provisional ones too.
    Response {
        /// The request.
        id: ClientId,
        /// The response.
        response: Response,
    },
    /// A request of ours ended without a final response.
    Ended {
        /// The request.
        id: ClientId,
        /// Why.
        why: Unanswered,
    },
    /// Something to count and to explain.
    Noted(SipNote),
}

/// All transactions of the user agent.
#[derive(Debug)]
pub(crate) struct Transactions {
    shared: Shared,
    clients: Clients,
    servers: Servers,
}

/// What both sides need.
#[derive(Debug)]
struct Shared {
    settings: TransactionSettings,
    retry_after: u32,
    chance: Chance,
    names: u64,
    timers: Timers,
    events: VecDeque<TransactionEvent>,
}

impl Transactions {
    /// No transactions. `retry_after`, in seconds, goes to whom there is no room for; `seed` is chance that nobody can guess.
    pub(crate) fn new(settings: TransactionSettings, retry_after: u32, seed: u64) -> Self {
        Self {
            shared: Shared {
                settings,
                retry_after,
                chance: Chance::new(seed),
                names: 0,
                timers: Timers::default(),
                events: VecDeque::new(),
            },
            clients: Clients::default(),
            servers: Servers::default(),
        }
    }

    /// Sends a request, which has no Via and is no INVITE. `sent_by` is where its sender is reached.
    pub(crate) fn send(
        &mut self,
        request: &Request,
        sent_by: SocketAddr,
        route: Route,
        now: Duration,
    ) -> ClientId {
        self.clients
            .send(request, sent_by, route, &mut self.shared, now)
    }

    /// Takes what came.
    pub(crate) fn incoming(
        &mut self,
        incoming: Incoming,
        route: Route,
        received: UnixMillis,
        now: Duration,
    ) {
        match incoming {
            Incoming::Request(request) => {
                self.servers
                    .request(request, route, received, &mut self.shared, now);
            }
            Incoming::Response(response) => {
                self.clients
                    .response(response, route, &mut self.shared, now);
            }
            Incoming::Ping if route.transport.is_reliable() => {
                self.shared.transmit(route, Bytes::from_static(PONG));
            }
            Incoming::Ping | Incoming::Pong => {}
        }
    }

    /// Takes what came and is no good: it is answered where an answer finds its way, and noted.
    pub(crate) fn broken(&mut self, broken: Broken, route: Route, received: UnixMillis) {
        let status = broken.request.as_ref().map(|_| broken.status);
        if let Some(mut request) = broken.request {
            request.note_source(route.peer);
            self.shared
                .answer_without_state(&request, broken.status, route, &[]);
        }
        let note = SipNote::Refused {
            source: route.peer,
            word: broken.word,
            status,
            length: broken.length,
            detail: broken.detail,
            received,
        };
        self.shared.events.push_back(TransactionEvent::Noted(note));
    }

    /// Answers a request. A 2xx to an INVITE may be sent again; a transaction that is gone is answered no more.
    pub(crate) fn respond(&mut self, id: ServerId, response: &Response, now: Duration) {
        self.servers.respond(id, response, &mut self.shared, now);
    }

    /// A flow is no more: so are its transactions.
    pub(crate) fn flow_ended(&mut self, flow: FlowId, now: Duration) {
        self.clients.flow_ended(flow, &mut self.shared, now);
        self.servers.flow_ended(flow, &mut self.shared, now);
    }

    /// A flow of datagrams gives way to another: requests of ours on it are over, those of others are answered over the next.
    pub(crate) fn requests_ended(&mut self, flow: FlowId, now: Duration) {
        self.clients.flow_ended(flow, &mut self.shared, now);
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        while let Some((owner, timer)) = self.shared.timers.due(now) {
            match owner {
                Owner::Client(id) => self.clients.timer(id, timer, &mut self.shared, now),
                Owner::Server(id) => self.servers.timer(id, timer, &mut self.shared, now),
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.shared.timers.next()
    }

    /// The next event.
    pub(crate) fn poll(&mut self) -> Option<TransactionEvent> {
        self.shared.events.pop_front()
    }
}

impl Shared {
    const fn name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    fn transmit(&mut self, route: Route, octets: Bytes) {
        self.events
            .push_back(TransactionEvent::Transmit { route, octets });
    }

    /// Answers a request whose Via says from where it came, and forgets it.
    fn answer_without_state(
        &mut self,
        request: &Request,
        status: u16,
        route: Route,
        headers: &[(&str, &str)],
    ) {
        let tag = self.chance.tag(request);
        let mut response = reply(request, status, Some(&tag));
        for (name, value) in headers {
            response = response.header(name, value);
        }
        let octets = response.build().to_bytes();
        self.transmit(way_back(request, route), octets);
    }

    /// How long a timer runs that is not doubled.
    fn interval(&self, timer: Timer) -> Duration {
        let TransactionSettings { t1, t2, t4, .. } = self.settings;
        let interval = match timer {
            Timer::Trying => TRYING,
            Timer::E | Timer::G => t1,
            Timer::LongE => t2,
            Timer::F | Timer::H | Timer::J | Timer::L | Timer::Unanswered => t1.saturating_mul(64),
            Timer::I | Timer::K => t4,
        };
        at_least(interval)
    }

    fn doubled(&self, interval: Duration) -> Duration {
        at_least(interval.saturating_mul(2).min(self.settings.t2))
    }
}

/// A timer of no time would never end.
fn at_least(interval: Duration) -> Duration {
    interval.max(Duration::from_millis(1))
}

//= specs/ota-sip.md#requests
//# A response over a connection MUST go over the connection that the request came on.
/// The way of the response to a request that came by this one (RFC 3261 18.2.2, RFC 3581 4).
fn way_back(request: &Request, route: Route) -> Route {
    let destination = |via: &super::stack::TopVia| via.destination(route.peer);
    let peer = match route.transport {
        Transport::Udp => request.via().map_or(route.peer, destination),
        Transport::Tcp | Transport::Tls => route.peer,
    };
    Route { peer, ..route }
}
