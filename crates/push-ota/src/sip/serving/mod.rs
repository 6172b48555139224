//! Requests of Push Servers, and their answers: MESSAGE, OPTIONS, and what is refused. INVITE is for `dialogs`.

mod common;
mod envelope;
mod media;
mod message;
mod origin;
mod outcome;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use push_message::UnixMillis;

use super::chance::part_of;
use super::dialogs::Dialogs;
use super::events::{FlowId, PushOutcome, SipPushTicket, StreamId};
use super::registration::Announced;
use super::settings::{AcceptFrom, AgentSettings};
use super::stack::{Method, Request};
use super::tags::contact_parameters;
use super::transactions::{Route, ServerId};

pub(crate) use common::{
    Answer, Common, Context, Refusal, SUPPORTED, ServingOutput, accept, allow, extensions,
};
pub(crate) use media::{content_type, undescribed};
pub(crate) use message::{check_encoding, described, entity_headers, opened};
pub(crate) use origin::{Addressed, origin};

/// Answers what Push Servers ask.
#[derive(Debug)]
pub(crate) struct Serving {
    common: Common,
    dialogs: Dialogs,
    /// Pushes by MESSAGE that are being judged.
    judging: BTreeMap<SipPushTicket, Box<Judging>>,
    max_judging: usize,
    stopped: bool,
}

#[derive(Debug)]
struct Judging {
    id: ServerId,
    request: Request,
    flow: FlowId,
}

impl Serving {
    /// Nobody has asked yet. `seed` is chance: for tags and names of sessions.
    pub(crate) fn new(settings: &AgentSettings, seed: u64) -> Self {
        Self {
            common: Common::new(settings, seed),
            dialogs: Dialogs::new(settings, part_of(seed, "dialogs")),
            judging: BTreeMap::new(),
            max_judging: settings.transactions.max_unanswered,
            stopped: false,
        }
    }

    /// A request came, other than ACK and CANCEL.
    pub(crate) fn request(
        &mut self,
        id: ServerId,
        request: Request,
        context: &Context<'_>,
        now: Duration,
    ) {
        // Who knows the tags of a dialog is who was given them, by whatever way the request came.
        let known = self.dialogs.knows(&request);
        if known && is_of_dialog(request.method()) {
            let common = &mut self.common;
            return self.dialogs.within(id, &request, context, common, now);
        }
        let checked = self.check(&request, known, context);
        if let Err(refusal) = checked {
            return self.common.refuse(id, &request, refusal, context);
        }
        match request.method() {
            Method::Options => self.options(id, &request, context),
            Method::Message => self.message(id, request, context),
            Method::Invite => {
                let common = &mut self.common;
                self.dialogs.invite(id, &request, context, common, now);
            }
            Method::Register
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Notify
            | Method::Other(_) => {}
        }
    }

    /// The ACK of an answer of success came.
    pub(crate) fn ack(&mut self, request: &Request, route: Route, now: Duration) {
        self.dialogs.ack(request, route, &mut self.common, now);
    }

    /// A request was cancelled before its final answer; the CANCEL has been answered.
    pub(crate) fn cancelled(&mut self, id: ServerId) {
        self.dialogs.cancelled(id, &mut self.common);
    }

    /// A push was judged.
    //= specs/ota-sip.md#push-by-message
    //# A push by MESSAGE MUST NOT be answered with success before the terminal has taken responsibility for it.
    pub(crate) fn judged(
        &mut self,
        ticket: SipPushTicket,
        outcome: PushOutcome,
        announced: &Announced,
        now: Duration,
    ) {
        let Some(judging) = self.judging.remove(&ticket) else {
            return self.dialogs.judged(ticket, outcome, &mut self.common, now);
        };
        let answer = outcome::answer(outcome, &self.common.settings, announced);
        self.common.answer(judging.id, &judging.request, answer);
    }

    /// An invitation was judged.
    pub(crate) fn foreseen(
        &mut self,
        ticket: SipPushTicket,
        outcome: PushOutcome,
        announced: &Announced,
        now: Duration,
    ) {
        let refused = outcome::foreseen(outcome, &self.common.settings, announced);
        let common = &mut self.common;
        self.dialogs
            .foreseen(ticket, refused, announced, common, now);
    }

    /// A flow has ended: what came on it cannot be answered any more.
    pub(crate) fn flow_ended(&mut self, flow: FlowId) {
        self.judging.retain(|_, judging| judging.flow != flow);
        self.dialogs.flow_ended(flow);
    }

    /// A connection for MSRP that was asked for is open.
    pub(crate) fn stream_opened(&mut self, stream: StreamId, now: Duration) {
        self.dialogs.stream_opened(stream, &mut self.common, now);
    }

    /// Somebody opened a connection to the terminal's MSRP port.
    pub(crate) fn stream_accepted(&mut self, stream: StreamId, peer: SocketAddr, now: Duration) {
        let common = &mut self.common;
        self.dialogs.stream_accepted(stream, peer, common, now);
    }

    /// A connection for MSRP could not be opened, or has ended.
    pub(crate) fn stream_ended(&mut self, stream: StreamId, reason: &str, now: Duration) {
        let common = &mut self.common;
        self.dialogs.stream_ended(stream, reason, common, now);
    }

    /// Octets came on a connection for MSRP.
    pub(crate) fn stream_octets(
        &mut self,
        stream: StreamId,
        octets: &[u8],
        received: UnixMillis,
        now: Duration,
    ) {
        let common = &mut self.common;
        self.dialogs
            .stream_octets(stream, octets, received, common, now);
    }

    /// Nothing new is taken, and sessions end.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.dialogs.stop(&mut self.common);
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.judging.is_empty() && self.dialogs.is_idle() && self.common.outputs.is_empty()
    }

    /// Whether nothing at all is remembered.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.is_idle() && self.dialogs.is_empty()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        self.dialogs.handle_timeout(&mut self.common, now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.dialogs.poll_timeout()
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self) -> Option<ServingOutput> {
        self.common.outputs.pop_front()
    }

    /// What speaks against a request whoever it is for. `known` says whether it is within a dialog that there is.
    fn check(&self, request: &Request, known: bool, context: &Context<'_>) -> Result<(), Refusal> {
        let settings = &self.common.settings;
        if settings.accept_from == AcceptFrom::Core && !context.from_core {
            return Err(Refusal::new(403, "notFromCore", "it is not from the core"));
        }
        self.check_method(request.method())?;
        //= specs/ota-sip.md#requests
        //# A request within a dialog that does not exist MUST be refused with 481.
        if request.to_tag().is_some() && !known {
            return Err(Refusal::new(481, "dialog", "a dialog that there is not"));
        }
        extensions(request)?;
        if self.stopped {
            return Err(Refusal::new(503, "stopping", "the terminal is stopping"));
        }
        Ok(())
    }

    //= specs/ota-sip.md#requests
    //# A method that the terminal does not take MUST be refused with 405 and Allow.
    //= specs/ota-sip.md#requests
    //# A notification without subscription MUST be refused with 481.
    fn check_method(&self, method: &Method) -> Result<(), Refusal> {
        let taken = match method {
            Method::Options | Method::Message => true,
            Method::Invite => self.dialogs.is_enabled(),
            Method::Notify => {
                let detail = "a notification without subscription";
                return Err(Refusal::new(481, "subscription", detail));
            }
            Method::Bye | Method::Ack | Method::Cancel => {
                return Err(Refusal::new(481, "dialog", "a dialog that there is not"));
            }
            Method::Register | Method::Other(_) => false,
        };
        if taken {
            return Ok(());
        }
        let refusal = Refusal::new(405, "method", "a method that is not taken");
        Err(refusal.with("Allow", self.common.allow))
    }

    //= specs/ota-sip.md#capabilities
    //# An OPTIONS request of the core MUST be answered with the same set of Push Resource Identifiers, types and methods.
    fn options(&mut self, id: ServerId, request: &Request, context: &Context<'_>) {
        let announced = context.announced;
        let tags = contact_parameters(&announced.applications, &announced.instances);
        let answer = Answer::new(200)
            .with("Contact", format!("<{}>{tags}", context.contact))
            .with("Accept", accept(announced))
            .with("Accept-Encoding", "identity")
            .with("Allow", self.common.allow)
            .with("Supported", SUPPORTED);
        self.common.answer(id, request, answer);
    }

    fn message(&mut self, id: ServerId, request: Request, context: &Context<'_>) {
        let retry_after = self.common.settings.retry_after;
        let push = if self.judging.len() >= self.max_judging {
            let refusal = Refusal::new(503, "overload", "too many pushes are being judged");
            Err(refusal.with("Retry-After", retry_after.to_string()))
        } else {
            message::push(&request, context, &self.common)
        };
        let push = match push {
            Ok(push) => Arc::new(push),
            Err(refusal) => return self.common.refuse(id, &request, refusal, context),
        };
        let ticket = self.common.ticket();
        let flow = context.route.flow;
        // Boxed, since the first of them goes first, and all that stand beside it are moved then.
        let judging = Box::new(Judging { id, request, flow });
        self.judging.insert(ticket, judging);
        let push = ServingOutput::Push { ticket, push };
        self.common.outputs.push_back(push);
    }
}

/// Whether a dialog makes the difference for a method.
fn is_of_dialog(method: &Method) -> bool {
    match method {
        Method::Invite | Method::Bye | Method::Other(_) | Method::Notify => true,
        Method::Register | Method::Options | Method::Message | Method::Ack | Method::Cancel => {
            false
        }
    }
}

#[cfg(test)]
pub(crate) mod harness;
#[cfg(test)]
mod tests;
