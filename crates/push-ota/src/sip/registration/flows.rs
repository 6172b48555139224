//! The ways to the first hop: the flow that the terminal is registered over, and one for what is too long for datagrams.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::events::{FlowId, Transport};
use super::super::stack::Request;
use super::super::transactions::Route;
use super::{ExchangeId, Registration, RegistrationOutput};

/// Octets that the Via header adds to a request, at most.
const VIA: usize = 160;

/// A flow that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) id: FlowId,
    pub(super) transport: Transport,
    /// The terminal's end and the peer's, once it is open.
    pub(super) ends: Option<(SocketAddr, SocketAddr)>,
}

impl Flow {
    fn route(&self) -> Option<Route> {
        let (_, peer) = self.ends?;
        Some(Route {
            flow: self.id,
            peer,
            transport: self.transport,
        })
    }
}

/// The flows to the first hop.
#[derive(Debug)]
pub(super) struct Flows {
    next: u64,
    pub(super) main: Option<Flow>,
    /// Beside a flow of datagrams: a connection for long requests.
    large: Option<Flow>,
    /// The first hop takes no such connection.
    large_refused: bool,
    /// Nobody answered over the main flow: it may lead nowhere, and the next attempt takes another, maybe to another address.
    pub(super) silent: bool,
    /// Long requests that wait for it.
    waiting: Vec<(ExchangeId, Request)>,
}

impl Flows {
    /// No flows.
    pub(super) const fn new() -> Self {
        Self {
            next: 1,
            main: None,
            large: None,
            large_refused: false,
            silent: false,
            waiting: Vec::new(),
        }
    }

    const fn name(&mut self) -> FlowId {
        let id = FlowId(self.next);
        self.next += 2;
        id
    }

    /// The ends of the main flow, where it is open.
    pub(super) fn open(&self) -> Option<(Flow, SocketAddr)> {
        let main = self.main?;
        let (local, _) = main.ends?;
        Some((main, local))
    }

    fn is_large(&self, id: FlowId) -> bool {
        self.large.is_some_and(|large| large.id == id)
    }

    /// The transport of a flow to the first hop.
    pub(super) fn transport_of(&self, id: FlowId) -> Option<Transport> {
        let flows = [self.main, self.large].into_iter().flatten();
        let mut flows = flows.filter(|flow| flow.id == id);
        flows.next().map(|flow| flow.transport)
    }

    /// Whether this is a flow to the first hop.
    pub(super) fn holds(&self, id: FlowId) -> bool {
        self.main.is_some_and(|main| main.id == id) || self.is_large(id)
    }
}

impl Registration {
    /// Asks for the flow that the terminal registers over.
    pub(super) fn open_main(&mut self) {
        let flow = Flow {
            id: self.flows.name(),
            transport: self.account.transport,
            ends: None,
        };
        self.flows.main = Some(flow);
        self.open(flow);
    }

    fn open(&mut self, flow: Flow) {
        self.outputs.push_back(RegistrationOutput::OpenFlow {
            flow: flow.id,
            transport: flow.transport,
        });
    }

    /// Gives up all flows. What is under way on them has no answer any more.
    pub(in super::super) fn close_flows(&mut self) {
        let flows = [self.flows.main.take(), self.flows.large.take()];
        for flow in flows.into_iter().flatten() {
            self.outputs
                .push_back(RegistrationOutput::CloseFlow { flow: flow.id });
        }
        self.flows.large_refused = false;
        self.flows.silent = false;
        self.flows.waiting.clear();
        self.keep_alive_at = None;
    }

    /// Takes another way in place of one that may lead nowhere.
    pub(super) fn replace_main(&mut self) {
        self.close_flows();
        self.forget_exchanges();
        self.open_main();
    }

    //= specs/ota-sip.md#outbound
    //# A request of more than 1,300 octets MUST be sent over a transport with congestion control where the next hop takes it.
    /// Sends a request to the first hop, by whichever flow its length calls for.
    pub(super) fn dispatch(&mut self, exchange: ExchangeId, request: Request) {
        let Some((main, _)) = self.flows.open() else {
            return;
        };
        let long = || request.to_bytes().len() + VIA > self.settings.max_datagram;
        let datagrams = main.transport == Transport::Udp;
        if !datagrams || self.flows.large_refused || !long() {
            return self.send(exchange, request, main);
        }
        match self.flows.large {
            Some(large) if large.ends.is_some() => self.send(exchange, request, large),
            Some(_) => self.flows.waiting.push((exchange, request)),
            None => {
                let flow = Flow {
                    id: self.flows.name(),
                    transport: Transport::Tcp,
                    ends: None,
                };
                self.flows.large = Some(flow);
                self.flows.waiting.push((exchange, request));
                self.open(flow);
            }
        }
    }

    fn send(&mut self, exchange: ExchangeId, request: Request, flow: Flow) {
        let sent_by = self.flows.open().map(|(_, local)| local);
        if let Some((route, sent_by)) = flow.route().zip(sent_by) {
            self.outputs.push_back(RegistrationOutput::Send {
                exchange,
                request: Box::new(request),
                sent_by,
                route,
            });
        }
    }

    /// Sends what waited for the connection for long requests, over it or over datagrams after all.
    fn send_waiting(&mut self) {
        let flow = self.flows.large.or(self.flows.main);
        for (exchange, request) in std::mem::take(&mut self.flows.waiting) {
            let wanted = self.targets().any(|target| target.is_asked(exchange));
            if let Some(flow) = flow.filter(|_| wanted) {
                self.send(exchange, request, flow);
            }
        }
    }

    /// A flow that was asked for is open.
    pub(in super::super) fn flow_opened(
        &mut self,
        id: FlowId,
        local: SocketAddr,
        peer: SocketAddr,
        now: Duration,
    ) {
        let flows = [&mut self.flows.main, &mut self.flows.large];
        for flow in flows.into_iter().flatten() {
            if flow.id == id {
                flow.ends = Some((local, peer));
            }
        }
        if self.flows.is_large(id) {
            self.send_waiting();
        } else if self.flows.holds(id) {
            // The way is there: what failed before was the way, unless the core asked for time.
            self.core.retry_at = now;
            self.keep_alive_later(now);
        }
        self.settle(now);
    }

    /// A flow could not be opened, or has ended.
    pub(in super::super) fn flow_ended(&mut self, id: FlowId, reason: &str, now: Duration) {
        if self.flows.is_large(id) {
            let never_open = self.flows.large.take().is_some_and(|it| it.ends.is_none());
            self.flows.large_refused |= never_open;
            self.send_waiting();
        } else if self.flows.holds(id) {
            self.flows.main = None;
            self.close_flows();
            self.lost(reason, now);
        }
        self.settle(now);
    }

    pub(super) fn keep_alive_later(&mut self, now: Duration) {
        let interval = self.settings.keep_alive;
        self.keep_alive_at = (!interval.is_zero()).then(|| now.saturating_add(interval));
    }

    /// Keeps the flow alive, if that is due.
    pub(super) fn keep_alive(&mut self, now: Duration) {
        if self.keep_alive_at.is_some_and(|at| now >= at) {
            let route = self.flows.open().and_then(|(main, _)| main.route());
            self.outputs
                .extend(route.map(|route| RegistrationOutput::KeepAlive { route }));
            self.keep_alive_later(now);
        }
    }
}
