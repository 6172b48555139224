//! One session: the dialog, what was agreed, and its connection.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use push_message::{Headers, Origin, PushApplicationId, UnixMillis};

use super::super::events::StreamId;
use super::super::sdp::{Offer, Role};
use super::super::serving::Common;
use super::super::stack::{Method, Request, Response, reply, uri_of};
use super::super::transactions::{Route, ServerId};
use super::ids::DialogIds;
use crate::msrp::{Receiver, Uri};

/// How often an answer is repeated before it is given up, in times of T1 (RFC 3261 13.3.1.4).
const PATIENCE: u32 = 64;

/// How answers of success are repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) t1: Duration,
    pub(super) t2: Duration,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) ids: DialogIds,
    pub(super) invite: ServerId,
    /// The INVITE.
    pub(super) request: Request,
    pub(super) stage: Stage,
    /// The last CSeq of the sender.
    pub(super) cseq: u32,
    /// The sender, as requests reach it.
    pub(super) target: Box<str>,
    /// The way of requests to the sender.
    pub(super) route: Route,
    pub(super) local: SocketAddr,
    /// The terminal's Contact URI.
    pub(super) contact: Box<str>,
    pub(super) received: UnixMillis,
    /// Of each push in it, but for its transaction, which goes on with the Message-ID.
    pub(super) origin: Origin,
    pub(super) application: Option<PushApplicationId>,
    /// Headers of the INVITE that are of what it announces.
    pub(super) headers: Headers,
    pub(super) offer: Offer,
    pub(super) role: Role,
    /// The terminal's end.
    pub(super) own: Uri,
    /// The terminal's session description.
    pub(super) answer: Bytes,
    /// The answer that no ACK has come for.
    pub(super) repetition: Option<Repetition>,
    pub(super) link: Link,
    /// When its connection has to be there.
    pub(super) linked_by: Option<Duration>,
    /// When it ends, whatever it does.
    pub(super) until: Duration,
    /// Messages that were whole, or were noted not to be.
    pub(super) messages: u64,
    /// It ends as soon as the ACK allows it.
    pub(super) leaving: bool,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Whether it may be is being judged.
    Asked,
    /// It has been answered with success.
    Answered,
}

/// The connection of a session.
#[derive(Debug)]
pub(super) enum Link {
    /// There is none.
    Absent,
    /// The terminal is opening it.
    Opening(StreamId),
    /// It is open.
    Open(StreamId, Box<Receiver>),
}

/// An answer of success to INVITE that is repeated.
#[derive(Debug)]
pub(super) struct Repetition {
    id: ServerId,
    response: Response,
    cseq: u32,
    interval: Duration,
    next: Duration,
    until: Duration,
}

/// Whether an answer is to be repeated.
#[derive(Debug)]
pub(super) enum Repeated {
    NotYet,
    Again(ServerId, Box<Response>),
    GivenUp,
}

impl Session {
    /// The answer of success to this INVITE, which is repeated from now on.
    //= specs/ota-sip.md#large-push
    //# A 2xx response to INVITE MUST have a Contact and the Record-Route of the request.
    pub(super) fn accept(
        &mut self,
        id: ServerId,
        request: &Request,
        common: &Common,
        times: Times,
        now: Duration,
    ) -> Response {
        let mut builder = reply(request, 200, Some(&self.ids.local));
        for route in request.headers("Record-Route") {
            builder = builder.header("Record-Route", &route);
        }
        let response = builder
            .header("Contact", &format!("<{}>", self.contact))
            .header("Allow", common.allow)
            .body("application/sdp", self.answer.clone())
            .build();
        self.stage = Stage::Answered;
        self.repetition = Some(Repetition {
            id,
            response: response.clone(),
            cseq: request.cseq(),
            interval: times.t1,
            next: now + times.t1,
            until: now + times.t1 * PATIENCE,
        });
        response
    }

    /// An ACK came: whether it is the one that is awaited. Later requests take the way that it came.
    pub(super) fn acknowledged(&mut self, cseq: u32, route: Route) -> bool {
        let awaited = self.repetition.as_ref();
        let is_it = awaited.is_some_and(|repetition| repetition.cseq == cseq);
        if is_it {
            self.repetition = None;
            self.route = route;
        }
        is_it
    }

    pub(super) const fn awaits_ack(&self) -> bool {
        self.repetition.is_some()
    }

    /// What the answer that no ACK came for calls for.
    //= specs/ota-sip.md#large-push
    //# A 2xx response to INVITE MUST be sent again, at growing intervals, until its ACK comes.
    pub(super) fn repetition(&mut self, times: Times, now: Duration) -> Repeated {
        let Some(repetition) = &mut self.repetition else {
            return Repeated::NotYet;
        };
        if repetition.until <= now {
            self.repetition = None;
            return Repeated::GivenUp;
        }
        if repetition.next > now {
            return Repeated::NotYet;
        }
        repetition.interval = (repetition.interval * 2).min(times.t2);
        repetition.next = now + repetition.interval;
        Repeated::Again(repetition.id, Box::new(repetition.response.clone()))
    }

    /// When something is to be done.
    pub(super) fn due(&self) -> Duration {
        let repetition = self.repetition.as_ref();
        let repeated = repetition.map(|repetition| repetition.next.min(repetition.until));
        if self.leaving {
            return repeated.unwrap_or_default();
        }
        let receiver = match &self.link {
            Link::Open(_, receiver) => receiver.poll_timeout(),
            Link::Absent | Link::Opening(_) => None,
        };
        let all = [repeated, self.linked_by, receiver];
        all.into_iter().flatten().fold(self.until, Duration::min)
    }

    /// Octets that have come of messages that are not whole.
    pub(super) fn unfinished(&self) -> usize {
        match &self.link {
            Link::Open(_, receiver) => receiver.unfinished(),
            Link::Absent | Link::Opening(_) => 0,
        }
    }

    /// The end of the session as a request, over the routes that its INVITE recorded (RFC 3261 12.2.1.1).
    pub(super) fn bye(&self, user_agent: &str) -> Option<Request> {
        let mut routes = self.request.values("Record-Route");
        let strict = routes.first().is_some_and(|route| !is_loose(route));
        let mut uri = self.target.to_string();
        if strict {
            let first = uri_of(&routes.remove(0)).to_owned();
            routes.push(format!("<{uri}>"));
            uri = first;
        }
        let mut builder = Request::new(Method::Bye, &uri).ok()?;
        for route in routes {
            builder = builder.header("Route", &route);
        }
        let from = self.request.header("To").unwrap_or_default();
        let to = self.request.header("From").unwrap_or_default();
        let builder = builder
            .header("Max-Forwards", "70")
            .header("From", &format!("{from};tag={}", self.ids.local))
            .header("To", &to)
            .header("Call-ID", &self.ids.call_id)
            .cseq(1)
            .header("User-Agent", user_agent);
        Some(builder.build())
    }
}

/// Whether a proxy leaves the Request-URI alone (RFC 3261 19.1.1 `lr`).
fn is_loose(route: &str) -> bool {
    let mut parameters = uri_of(route).split(';').skip(1);
    parameters.any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("lr")
    })
}
