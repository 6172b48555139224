//! Requests of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::client::{Event, ROWS, State};
use super::table::{Action, Timer, find};
use super::timers::{Owner, Running};
use super::{ClientId, Route, Shared, TransactionEvent, Unanswered};
use crate::sip::events::{FlowId, SipNote, Transport};
use crate::sip::stack::{COOKIE, Method, Request, Response};

/// The transactions of clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    pub(super) all: BTreeMap<ClientId, Client>,
    pub(super) branches: BTreeMap<u128, ClientId>,
    /// Those that take responses that come again.
    pub(super) completed: BTreeSet<ClientId>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) state: State,
    pub(super) branch: u128,
    pub(super) method: Method,
    pub(super) octets: Bytes,
    pub(super) route: Route,
    pub(super) running: Running,
    /// The last interval of E.
    pub(super) interval: Duration,
}

impl Clients {
    pub(super) fn send(
        &mut self,
        request: &Request,
        sent_by: SocketAddr,
        route: Route,
        shared: &mut Shared,
        now: Duration,
    ) -> ClientId {
        let id = ClientId(shared.name());
        if self.under_way() >= shared.settings.max_requests {
            let why = Unanswered::TooMany;
            shared.events.push_back(TransactionEvent::Ended { id, why });
            return id;
        }
        let branch = shared.chance.name(id.0);
        let via = format!(
            "SIP/2.0/{} {sent_by};branch={COOKIE}{branch:032x};rport",
            route.transport
        );
        let client = Client {
            state: State::Begin,
            branch,
            method: request.method().clone(),
            octets: request.to_bytes_with_via(Some(&via)),
            route,
            running: Running::default(),
            interval: shared.interval(Timer::E),
        };
        self.all.insert(id, client);
        self.branches.insert(branch, id);
        self.step(id, Event::Request, None, shared, now);
        id
    }

    pub(super) fn response(
        &mut self,
        response: Response,
        route: Route,
        shared: &mut Shared,
        now: Duration,
    ) {
        let Some(id) = self.answered_by(&response, route) else {
            shared
                .events
                .push_back(TransactionEvent::Noted(SipNote::Stray));
            return;
        };
        let event = if response.status() < 200 {
            Event::Provisional
        } else {
            Event::Final
        };
        self.step(id, event, Some(response), shared, now);
    }

    /// The request that a response answers (RFC 3261 17.1.3). One with more than our own Via went astray (8.1.3.3). One that
    /// comes by another way than its request went is a stranger's, however he came to know the branch; of flows of datagrams, one
    /// takes over from another.
    fn answered_by(&self, response: &Response, route: Route) -> Option<ClientId> {
        let via = response.via().filter(|via| via.is_last)?;
        let digits = via.unique_branch()?.strip_prefix(COOKIE)?;
        let branch = u128::from_str_radix(digits, 16).ok()?;
        let id = *self.branches.get(&branch)?;
        let client = self.all.get(&id)?;
        let same_way = match client.route.transport {
            Transport::Udp => route.transport == Transport::Udp,
            Transport::Tcp | Transport::Tls => route.flow == client.route.flow,
        };
        (same_way && client.method == *response.method()).then_some(id)
    }

    pub(super) fn timer(&mut self, id: ClientId, timer: Timer, shared: &mut Shared, now: Duration) {
        if let Some(client) = self.all.get_mut(&id) {
            client.running.fired(timer);
        }
        let event = match timer {
            Timer::E | Timer::LongE => Event::TimerE,
            Timer::F => Event::TimerF,
            Timer::K => Event::TimerK,
            Timer::Trying
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::J
            | Timer::L
            | Timer::Unanswered => return,
        };
        self.step(id, event, None, shared, now);
    }

    pub(super) fn flow_ended(&mut self, flow: FlowId, shared: &mut Shared, now: Duration) {
        let on_it = |(id, client): (&ClientId, &Client)| (client.route.flow == flow).then_some(*id);
        let ids: Vec<_> = self.all.iter().filter_map(on_it).collect();
        for id in ids {
            self.step(id, Event::FlowEnded, None, shared, now);
        }
    }

    /// Those without a final response.
    pub(super) fn under_way(&self) -> usize {
        self.all.len() - self.completed.len()
    }

    fn step(
        &mut self,
        id: ClientId,
        event: Event,
        mut response: Option<Response>,
        shared: &mut Shared,
        now: Duration,
    ) {
        let Some(client) = self.all.get_mut(&id) else {
            return;
        };
        let reliable = client.route.transport.is_reliable();
        let Some(row) = find(ROWS, &client.state, &event, reliable) else {
            return;
        };
        client.state = row.next;
        for action in row.actions {
            client.act(*action, id, &mut response, shared, now);
        }
        match row.next {
            State::Completed => self.complete(id, shared),
            State::Terminated => self.forget(id, shared),
            State::Begin | State::Trying | State::Proceeding => {}
        }
    }

    /// Those that only take what comes again are bounded too: the oldest give way.
    fn complete(&mut self, id: ClientId, shared: &mut Shared) {
        self.completed.insert(id);
        if self.completed.len() > shared.settings.max_requests
            && let Some(oldest) = self.completed.first().copied()
        {
            self.forget(oldest, shared);
        }
    }

    fn forget(&mut self, id: ClientId, shared: &mut Shared) {
        self.completed.remove(&id);
        if let Some(mut client) = self.all.remove(&id) {
            self.branches.remove(&client.branch);
            shared
                .timers
                .stop_all(Owner::Client(id), &mut client.running);
        }
    }
}

impl Client {
    fn act(
        &mut self,
        action: Action,
        id: ClientId,
        response: &mut Option<Response>,
        shared: &mut Shared,
        now: Duration,
    ) {
        let owner = Owner::Client(id);
        match action {
            Action::Send | Action::SendAgain => {
                shared.transmit(self.route, self.octets.clone());
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
            Action::StopTimers => {
                shared.timers.stop_all(owner, &mut self.running);
            }
            Action::IndicateResponse => {
                if let Some(response) = response.take() {
                    shared
                        .events
                        .push_back(TransactionEvent::Response { id, response });
                }
            }
            Action::IndicateTimeOut => shared.end(id, Unanswered::TimedOut),
            Action::IndicateFlowEnded => shared.end(id, Unanswered::FlowEnded),
            Action::SendTrying | Action::IndicateAck | Action::IndicateCancel => {}
        }
    }
}

impl Shared {
    fn end(&mut self, id: ClientId, why: Unanswered) {
        self.events.push_back(TransactionEvent::Ended { id, why });
    }
}
