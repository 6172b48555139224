//! Requests of others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use push_message::UnixMillis;

use super::keys::{ByKey, Key};
use super::server::{Event, INVITE, NON_INVITE, State};
use super::table::{Action, Timer, find};
use super::timers::{Owner, Running};
use super::{Route, ServerId, Shared, TransactionEvent, way_back};
use crate::sip::events::{FlowId, SipNote};
use crate::sip::stack::{Method, Request, Response, reply};

/// The transactions of servers.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// Boxed, since mostly the first of them goes first, and all that stand beside it are moved then.
    pub(super) all: BTreeMap<ServerId, Box<Server>>,
    pub(super) keys: ByKey<ServerId>,
    /// What would come again by another way, and the first that came.
    pub(super) merged: ByKey<ServerId>,
    pub(super) unanswered: usize,
    /// Those whose answer is kept, in the order of their answers.
    pub(super) answered: BTreeSet<(u64, ServerId)>,
    /// Octets of these answers.
    pub(super) octets: usize,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) state: State,
    pub(super) key: Key,
    pub(super) merged: Option<Key>,
    pub(super) invite: bool,
    pub(super) route: Route,
    /// What was sent last.
    pub(super) last: Option<Bytes>,
    /// 100, of an INVITE alone.
    pub(super) trying: Option<Bytes>,
    pub(super) running: Running,
    /// The last interval of G.
    pub(super) interval: Duration,
    /// Its place among those that are answered.
    pub(super) place: Option<u64>,
}

/// What an event brings with it.
enum With {
    Nothing,
    Answer(Bytes),
    Ack(Box<Request>, Route),
}

impl Servers {
    pub(super) fn request(
        &mut self,
        mut request: Request,
        route: Route,
        received: UnixMillis,
        shared: &mut Shared,
        now: Duration,
    ) {
        let method = if matches!(request.method(), Method::Ack | Method::Cancel) {
            "INVITE"
        } else {
            request.method().as_str()
        };
        // The way that a peer from before RFC 3261 is known by is the Via as it came.
        let Some(key) = shared.chance.transaction(&request, method) else {
            return;
        };
        let known = self.keys.get(&key).copied();
        request.note_source(route.peer);
        match (request.method(), known) {
            (Method::Ack, Some(id)) => {
                let with = With::Ack(Box::new(request), route);
                self.step(id, Event::Ack, with, shared, now);
            }
            (Method::Ack, None) => shared
                .events
                .push_back(TransactionEvent::Ack { request, route }),
            (Method::Cancel, known) => self.cancel(&request, known, route, shared, now),
            //= specs/ota-sip.md#requests
            //# A request that comes again MUST be answered as it was before and MUST NOT be delivered again.
            (_, Some(id)) => self.step(id, Event::Request, With::Nothing, shared, now),
            (_, None) => self.begin(request, key, route, received, shared, now),
        }
    }

    /// A CANCEL has no transaction of its own: its answer is the same each time (RFC 3261 9.2).
    fn cancel(
        &mut self,
        request: &Request,
        known: Option<ServerId>,
        route: Route,
        shared: &mut Shared,
        now: Duration,
    ) {
        let status = if known.is_some() { 200 } else { 481 };
        shared.answer_without_state(request, status, route, &[]);
        if let Some(id) = known {
            self.step(id, Event::Cancel, With::Nothing, shared, now);
        }
    }

    fn begin(
        &mut self,
        request: Request,
        key: Key,
        route: Route,
        received: UnixMillis,
        shared: &mut Shared,
        now: Duration,
    ) {
        //= specs/ota-sip.md#requests
        //# A request that reaches the terminal a second time by another path MUST be refused with 482.
        let merged = shared.chance.merged(&request);
        if merged.is_some_and(|merged| self.merged.contains_key(&merged)) {
            let detail = "the same request by another way";
            shared.refuse(&request, (482, "merged", detail), route, received);
            return;
        }
        if self.unanswered >= shared.settings.max_unanswered {
            let detail = "too many requests wait for their answer";
            shared.refuse(&request, (503, "overload", detail), route, received);
            return;
        }
        let id = ServerId(shared.name());
        let invite = *request.method() == Method::Invite;
        let server = Server {
            state: State::Begin,
            key,
            merged,
            invite,
            route: way_back(&request, route),
            last: None,
            trying: invite.then(|| reply(&request, 100, None).build().to_bytes()),
            running: Running::default(),
            interval: shared.interval(Timer::G),
            place: None,
        };
        self.all.insert(id, Box::new(server));
        self.keys.insert(key, id);
        if let Some(merged) = merged {
            self.merged.insert(merged, id);
        }
        self.unanswered += 1;
        self.step(id, Event::Request, With::Nothing, shared, now);
        shared.events.push_back(TransactionEvent::Request {
            id,
            request,
            route,
            received,
        });
    }

    pub(super) fn respond(
        &mut self,
        id: ServerId,
        response: &Response,
        shared: &mut Shared,
        now: Duration,
    ) {
        let event = match response.status() {
            ..200 => Event::Provisional,
            200..300 => Event::Success,
            300.. => Event::Failure,
        };
        if self.all.contains_key(&id) {
            let with = With::Answer(response.to_bytes());
            self.step(id, event, with, shared, now);
        }
    }

    pub(super) fn timer(&mut self, id: ServerId, timer: Timer, shared: &mut Shared, now: Duration) {
        if let Some(server) = self.all.get_mut(&id) {
            server.running.fired(timer);
        }
        let event = match timer {
            Timer::Trying => Event::TimerTrying,
            Timer::G => Event::TimerG,
            Timer::H => Event::TimerH,
            Timer::I => Event::TimerI,
            Timer::J => Event::TimerJ,
            Timer::L => Event::TimerL,
            Timer::Unanswered => Event::TimerUnanswered,
            Timer::E | Timer::LongE | Timer::F | Timer::K => return,
        };
        self.step(id, event, With::Nothing, shared, now);
    }

    pub(super) fn flow_ended(&mut self, flow: FlowId, shared: &mut Shared, now: Duration) {
        let all = self.all.iter();
        let on_it = all.filter(|(_, server)| server.route.flow == flow);
        let ids: Vec<_> = on_it.map(|(id, _)| *id).collect();
        for id in ids {
            self.step(id, Event::FlowEnded, With::Nothing, shared, now);
        }
    }

    fn step(&mut self, id: ServerId, event: Event, with: With, shared: &mut Shared, now: Duration) {
        let Some(server) = self.all.get_mut(&id) else {
            return;
        };
        let rows = if server.invite { INVITE } else { NON_INVITE };
        let reliable = server.route.transport.is_reliable();
        let Some(row) = find(rows, &server.state, &event, reliable) else {
            return;
        };
        let before = server.state;
        server.state = row.next;
        let mut with = Some(with);
        for action in row.actions {
            server.act(*action, id, &mut with, shared, now);
        }
        if before.is_unanswered() && !row.next.is_unanswered() {
            self.answered(id, shared);
        }
        if row.next == State::Terminated {
            self.forget(id, shared);
        }
    }

    /// An answer is kept for what comes again, and the oldest give way to it.
    fn answered(&mut self, id: ServerId, shared: &mut Shared) {
        self.unanswered = self.unanswered.saturating_sub(1);
        let place = shared.name();
        if let Some(server) = self.all.get_mut(&id) {
            server.trying = None;
            server.place = Some(place);
            self.octets += server.kept();
            self.answered.insert((place, id));
        }
        while (self.answered.len() > shared.settings.max_answered
            || self.octets > shared.settings.max_answered_octets)
            && let Some((_, oldest)) = self.answered.first().copied()
        {
            self.forget(oldest, shared);
        }
    }

    fn forget(&mut self, id: ServerId, shared: &mut Shared) {
        let Some(mut server) = self.all.remove(&id) else {
            return;
        };
        shared
            .timers
            .stop_all(Owner::Server(id), &mut server.running);
        self.keys.remove(&server.key);
        if let Some(merged) = server.merged {
            self.merged.remove(&merged);
        }
        match server.place {
            Some(place) => {
                self.answered.remove(&(place, id));
                self.octets = self.octets.saturating_sub(server.kept());
            }
            None => self.unanswered = self.unanswered.saturating_sub(1),
        }
        if self.all.is_empty() {
            // Tables of hashes keep the room that they once needed.
            (self.keys, self.merged) = Default::default();
        }
    }
}

impl Server {
    fn act(
        &mut self,
        action: Action,
        id: ServerId,
        with: &mut Option<With>,
        shared: &mut Shared,
        now: Duration,
    ) {
        let owner = Owner::Server(id);
        match action {
            Action::Send => {
                if let Some(With::Answer(octets)) = with.take() {
                    // A 2xx to an INVITE is the user's to send again (RFC 6026 7.1).
                    self.last = (self.state != State::Accepted).then(|| octets.clone());
                    shared.transmit(self.route, octets);
                }
            }
            Action::SendAgain => {
                if let Some(octets) = self.last.clone() {
                    shared.transmit(self.route, octets);
                }
            }
            Action::SendTrying => {
                if let Some(octets) = self.trying.take() {
                    self.last = Some(octets.clone());
                    shared.transmit(self.route, octets);
                }
            }
            Action::Start(timer) => {
                let at = now.saturating_add(shared.interval(timer));
                shared.timers.start(owner, &mut self.running, timer, at);
            }
            Action::Double(timer) => {
                self.interval = shared.doubled(self.interval);
                let at = now.saturating_add(self.interval);
                shared.timers.start(owner, &mut self.running, timer, at);
            }
            Action::StopTimers => shared.timers.stop_all(owner, &mut self.running),
            Action::IndicateAck => {
                if let Some(With::Ack(request, route)) = with.take() {
                    let request = *request;
                    shared
                        .events
                        .push_back(TransactionEvent::Ack { request, route });
                }
            }
            Action::IndicateCancel => {
                shared.events.push_back(TransactionEvent::Cancelled { id });
            }
            Action::IndicateResponse | Action::IndicateTimeOut | Action::IndicateFlowEnded => {}
        }
    }

    /// Octets of the answer that is kept.
    fn kept(&self) -> usize {
        self.last.as_ref().map_or(0, Bytes::len)
    }
}

impl Shared {
    /// Refuses a request without a transaction, and says so.
    fn refuse(
        &mut self,
        request: &Request,
        (status, word, detail): (u16, &'static str, &str),
        route: Route,
        received: UnixMillis,
    ) {
        let wait = self.retry_after.to_string();
        let headers: &[_] = match status {
            503 => &[("Retry-After", wait.as_str())],
            _ => &[],
        };
        self.answer_without_state(request, status, route, headers);
        let note = SipNote::Refused {
            source: route.peer,
            word,
            status: Some(status),
            length: request.body().len(),
            detail: detail.to_owned(),
            received,
        };
        self.events.push_back(TransactionEvent::Noted(note));
    }
}
