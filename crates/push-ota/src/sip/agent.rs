//! The user agent: flows, transactions, the binding and the pushes, put together.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use push_message::UnixMillis;

use super::chance::part_of;
use super::events::{AgentInput, AgentOutput, FlowId, SipNote, SipServerView, Transport};
use super::registration::{Announced, ExchangeId, Registration, RegistrationOutput, contact_uri};
use super::serving::{Context, Serving, ServingOutput};
use super::settings::AgentSettings;
use super::stack::{Broken, Incoming, Limits, PONG, Request, StreamReader, parse_datagram};
use super::transactions::{ClientId, Route, ServerId, TransactionEvent, Transactions};

/// What keeps a flow alive, and asks a connection whether it is (RFC 5626 4.4.1).
const PING: &[u8] = b"\r\n\r\n";

/// The terminal's SIP user agent.
#[derive(Debug)]
pub struct UserAgent {
    settings: AgentSettings,
    limits: Limits,
    transactions: Transactions,
    registration: Registration,
    serving: Serving,
    /// The flows that are open.
    flows: BTreeMap<FlowId, Flow>,
    /// The requests of the registration that are under way.
    exchanges: BTreeMap<ClientId, ExchangeId>,
    /// When the last octets came.
    received: UnixMillis,
    stopping: bool,
    outputs: VecDeque<AgentOutput>,
}

/// A flow that is open.
#[derive(Debug)]
struct Flow {
    local: SocketAddr,
    peer: SocketAddr,
    transport: Transport,
    /// Where the terminal is reached over it, as it stands in Contact.
    contact: Box<str>,
    /// Of a connection: takes its octets apart.
    reader: Option<StreamReader>,
    /// When a message has to be whole of which a part has come.
    whole_by: Option<Duration>,
}

impl UserAgent {
    /// A user agent that knows nobody. `seed` is chance: for tags, branches, Call-IDs and the jitter of back-offs.
    pub fn new(settings: AgentSettings, seed: u64) -> Self {
        let transactions = settings.transactions.clone();
        Self {
            limits: Limits {
                max_message: transactions.max_message,
                max_headers: settings.serving.max_headers,
            },
            transactions: Transactions::new(
                transactions,
                settings.serving.retry_after,
                part_of(seed, "transactions"),
            ),
            registration: Registration::new(&settings, part_of(seed, "registration")),
            serving: Serving::new(&settings, part_of(seed, "serving")),
            flows: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            received: UnixMillis(0),
            stopping: false,
            outputs: VecDeque::new(),
            settings,
        }
    }

    /// Takes what happened. `now` is on the monotonic clock.
    pub fn handle_input(&mut self, input: AgentInput, now: Duration) {
        match input {
            AgentInput::Announce {
                ticket,
                applications,
                instances,
                accept,
            } => {
                let announced = Announced {
                    applications,
                    instances,
                    accept,
                };
                self.registration.announce(ticket, announced, now);
            }
            AgentInput::FlowOpened { flow, local, peer } => {
                if let Some(transport) = self.registration.transport_of(flow) {
                    self.flow(flow, local, peer, transport);
                    self.registration.flow_opened(flow, local, peer, now);
                } else {
                    // It is wanted no more.
                    self.outputs.push_back(AgentOutput::CloseFlow { flow });
                }
            }
            AgentInput::FlowAccepted {
                flow,
                local,
                peer,
                transport,
            } => self.flow(flow, local, peer, transport),
            AgentInput::FlowEnded { flow, reason } => self.flow_ended(flow, &reason, now),
            AgentInput::Datagram {
                flow,
                source,
                octets,
                received,
            } => self.datagram(flow, source, &octets, received, now),
            AgentInput::Octets {
                flow,
                octets,
                received,
            } => self.octets(flow, &octets, received, now),
            AgentInput::Foreseen { push, outcome } => {
                let announced = self.registration.announced();
                self.serving.foreseen(push, outcome, announced, now);
            }
            AgentInput::Judged { push, outcome } => {
                let announced = self.registration.announced();
                self.serving.judged(push, outcome, announced, now);
            }
            AgentInput::NetworkChanged => self.registration.network_changed(now),
            AgentInput::Stop => {
                self.stopping = true;
                self.serving.stop();
                self.registration.stop(now);
            }
            AgentInput::StreamOpened { .. }
            | AgentInput::StreamAccepted { .. }
            | AgentInput::StreamEnded { .. }
            | AgentInput::StreamOctets { .. } => self.stream(input, now),
        }
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.end_slow_flows(now);
        self.transactions.handle_timeout(now);
        self.registration.handle_timeout(now);
        self.serving.handle_timeout(now);
        self.settle(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<AgentOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let times = [
            self.transactions.poll_timeout(),
            self.registration.poll_timeout(),
            self.serving.poll_timeout(),
        ];
        let slow = self.flows.values().filter_map(|flow| flow.whole_by);
        times.into_iter().flatten().chain(slow).min()
    }

    /// Whether nothing is under way that has to come to its end after [`AgentInput::Stop`].
    pub fn is_idle(&self) -> bool {
        self.registration.is_idle() && self.serving.is_idle()
    }

    /// The core and each Push Sender Agent, as an operator sees them.
    pub fn views(&self) -> Vec<SipServerView> {
        self.registration.views()
    }

    /// A flow is open.
    fn flow(&mut self, id: FlowId, local: SocketAddr, peer: SocketAddr, transport: Transport) {
        let reader = (transport != Transport::Udp).then(|| StreamReader::new(self.limits));
        let flow = Flow {
            local,
            peer,
            transport,
            contact: contact_uri(&self.settings.account, local, transport),
            reader,
            whole_by: None,
        };
        self.flows.insert(id, flow);
    }

    fn flow_ended(&mut self, id: FlowId, reason: &str, now: Duration) {
        self.registration.flow_ended(id, reason, now);
        self.flow_gone(id, now);
    }

    /// What came over a connection cannot be answered without it; what came in datagrams is answered over the next flow of them.
    fn flow_gone(&mut self, id: FlowId, now: Duration) {
        match self.flows.remove(&id).map(|flow| flow.transport) {
            Some(Transport::Udp) => self.transactions.requests_ended(id, now),
            Some(Transport::Tcp | Transport::Tls) => {
                self.serving.flow_ended(id);
                self.transactions.flow_ended(id, now);
            }
            None => {}
        }
    }

    fn datagram(
        &mut self,
        flow: FlowId,
        source: SocketAddr,
        octets: &Bytes,
        received: UnixMillis,
        now: Duration,
    ) {
        self.received = received;
        if self.flows.contains_key(&flow) {
            let route = Route {
                flow,
                peer: source,
                transport: Transport::Udp,
            };
            let incoming = parse_datagram(octets, &self.limits);
            self.incoming(incoming, route, now);
        }
    }

    fn octets(&mut self, id: FlowId, octets: &[u8], received: UnixMillis, now: Duration) {
        self.received = received;
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        let route = Route {
            flow: id,
            peer: flow.peer,
            transport: flow.transport,
        };
        let Some(reader) = &mut flow.reader else {
            return;
        };
        reader.push(octets);
        let mut whole = Vec::new();
        while let Some(incoming) = reader.next() {
            whole.push(incoming);
        }
        if reader.unfinished() == 0 {
            flow.whole_by = None;
        } else if flow.whole_by.is_none() || !whole.is_empty() {
            // Whoever sends it has given up by then (RFC 3261 17.1.2.2).
            let patience = self.settings.transactions.t1.saturating_mul(64);
            flow.whole_by = Some(now.saturating_add(patience));
        }
        for incoming in whole {
            self.incoming(incoming, route, now);
        }
    }

    fn incoming(&mut self, incoming: Result<Incoming, Broken>, route: Route, now: Duration) {
        match incoming {
            Ok(Incoming::Ping) if route.transport != Transport::Udp => {
                self.transmit(route, Bytes::from_static(PONG));
            }
            Ok(Incoming::Ping | Incoming::Pong) => {}
            Ok(incoming) => self
                .transactions
                .incoming(incoming, route, self.received, now),
            Err(broken) => {
                let ends_flow = broken.ends_flow;
                self.transactions.broken(broken, route, self.received);
                if ends_flow && route.transport != Transport::Udp {
                    self.end_flow(route.flow, "what came on it was no SIP", now);
                }
            }
        }
    }

    /// Ends a connection for what came on it; what that is answered goes out first.
    fn end_flow(&mut self, flow: FlowId, reason: &str, now: Duration) {
        self.pump(now);
        self.outputs.push_back(AgentOutput::CloseFlow { flow });
        self.flow_ended(flow, reason, now);
    }

    /// Ends the connections on which a message comes so slowly that nobody waits for its answer any more.
    fn end_slow_flows(&mut self, now: Duration) {
        let slow = |flow: &Flow| flow.whole_by.is_some_and(|by| by <= now);
        let ids = self.flows.iter().filter(|(_, flow)| slow(flow));
        let ids: Vec<_> = ids.map(|(id, flow)| (*id, flow.peer)).collect();
        for (id, source) in ids {
            let length = self.flows.get(&id).and_then(|flow| flow.reader.as_ref());
            let note = SipNote::Refused {
                source,
                word: "unfinished",
                status: None,
                length: length.map_or(0, StreamReader::unfinished),
                detail: "a message that was not whole in time".to_owned(),
                received: self.received,
            };
            self.outputs.push_back(AgentOutput::Noted(note));
            self.end_flow(id, "a message on it was not whole in time", now);
        }
    }

    fn stream(&mut self, input: AgentInput, now: Duration) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "streams alone come here, by the one who calls it"
        )]
        match input {
            AgentInput::StreamOpened { stream } => self.serving.stream_opened(stream, now),
            AgentInput::StreamAccepted { stream, peer } => {
                self.serving.stream_accepted(stream, peer, now);
            }
            AgentInput::StreamEnded { stream, reason } => {
                self.serving.stream_ended(stream, &reason, now);
            }
            AgentInput::StreamOctets {
                stream,
                octets,
                received,
            } => self.serving.stream_octets(stream, &octets, received, now),
            _ => {}
        }
    }

    /// Lets each part have what the others made for it, and lets go of the flows at the end.
    fn settle(&mut self, now: Duration) {
        self.pump(now);
        if self.stopping && self.serving.is_idle() && self.registration.is_over() {
            self.registration.close_flows();
            self.pump(now);
        }
    }

    fn pump(&mut self, now: Duration) {
        loop {
            if let Some(output) = self.registration.poll() {
                self.of_registration(output, now);
            } else if let Some(output) = self.serving.poll() {
                self.of_serving(output, now);
            } else if let Some(event) = self.transactions.poll() {
                self.of_transactions(event, now);
            } else {
                return;
            }
        }
    }

    fn of_registration(&mut self, output: RegistrationOutput, now: Duration) {
        match output {
            RegistrationOutput::OpenFlow { flow, transport } => {
                let host = self.settings.account.host.clone();
                let port = self.settings.account.port;
                self.outputs.push_back(AgentOutput::OpenFlow {
                    flow,
                    transport,
                    host,
                    port,
                });
            }
            RegistrationOutput::CloseFlow { flow } => {
                self.outputs.push_back(AgentOutput::CloseFlow { flow });
                self.flow_gone(flow, now);
            }
            RegistrationOutput::Send {
                exchange,
                request,
                sent_by,
                route,
            } => {
                let id = self.transactions.send(&request, sent_by, route, now);
                self.exchanges.insert(id, exchange);
            }
            RegistrationOutput::KeepAlive { route } => {
                self.transmit(route, Bytes::from_static(PING));
            }
            RegistrationOutput::Announced { ticket, reports } => self
                .outputs
                .push_back(AgentOutput::Announced { ticket, reports }),
            RegistrationOutput::Noted(note) => self.outputs.push_back(AgentOutput::Noted(note)),
        }
    }

    fn of_serving(&mut self, output: ServingOutput, now: Duration) {
        let output = match output {
            ServingOutput::Respond { id, response } => {
                return self.transactions.respond(id, &response, now);
            }
            ServingOutput::Send {
                request,
                local,
                route,
            } => {
                self.transactions.send(&request, local, route, now);
                return;
            }
            ServingOutput::Push { ticket, push } => AgentOutput::Push { ticket, push },
            ServingOutput::Foresee { ticket, announced } => AgentOutput::Foresee {
                push: ticket,
                announced,
            },
            ServingOutput::OpenStream {
                stream,
                host,
                port,
                reach,
            } => AgentOutput::OpenStream {
                stream,
                host,
                port,
                reach,
            },
            ServingOutput::StreamTransmit { stream, octets } => {
                AgentOutput::StreamTransmit { stream, octets }
            }
            ServingOutput::CloseStream { stream } => AgentOutput::CloseStream { stream },
            ServingOutput::Noted(note) => AgentOutput::Noted(note),
        };
        self.outputs.push_back(output);
    }

    fn of_transactions(&mut self, event: TransactionEvent, now: Duration) {
        match event {
            TransactionEvent::Transmit { route, octets } => self.transmit(route, octets),
            TransactionEvent::Request {
                id,
                request,
                route,
                received,
            } => self.request(id, request, route, received, now),
            TransactionEvent::Ack { request, route } => self.serving.ack(&request, route, now),
            TransactionEvent::Cancelled { id } => self.serving.cancelled(id),
            TransactionEvent::Response { id, response } => {
                let exchange = self.exchanges.get(&id).copied();
                if response.status() >= 200 {
                    self.exchanges.remove(&id);
                }
                if let Some(exchange) = exchange {
                    let at = self.received;
                    self.registration.response(exchange, &response, at, now);
                }
            }
            TransactionEvent::Ended { id, why } => {
                if let Some(exchange) = self.exchanges.remove(&id) {
                    self.registration.ended(exchange, why, now);
                }
            }
            TransactionEvent::Noted(note) => self.outputs.push_back(AgentOutput::Noted(note)),
        }
    }

    fn request(
        &mut self,
        id: ServerId,
        request: Request,
        route: Route,
        received: UnixMillis,
        now: Duration,
    ) {
        let Some(flow) = self.flows.get(&route.flow) else {
            return;
        };
        let context = Context {
            route,
            local: flow.local,
            contact: &flow.contact,
            from_core: self.is_from_core(route),
            announced: self.registration.announced(),
            received,
        };
        self.serving.request(id, request, &context, now);
    }

    /// Whether the terminal's own core sends by this way: over a connection that the terminal has made to it, from its address and port,
    /// or from one of the addresses that the configuration knows.
    fn is_from_core(&self, route: Route) -> bool {
        let known = &self.settings.serving.core_addresses;
        let ours = self.registration.is_to_core(route.flow);
        let peer = self.flows.get(&route.flow).map(|flow| flow.peer);
        ours && peer == Some(route.peer) || known.contains(&route.peer.ip().to_canonical())
    }

    /// Sends octets, if their way is there still. There is one flow of datagrams at a time, which takes over from the one before.
    fn transmit(&mut self, route: Route, octets: Bytes) {
        let datagrams =
            |(id, flow): (&FlowId, &Flow)| (flow.transport == Transport::Udp).then_some(*id);
        let flow = if self.flows.contains_key(&route.flow) {
            Some(route.flow)
        } else if route.transport == Transport::Udp {
            self.flows.iter().find_map(datagrams)
        } else {
            None
        };
        if let Some(flow) = flow {
            self.outputs.push_back(AgentOutput::Transmit {
                flow,
                destination: route.peer,
                octets,
            });
        }
    }
}

#[cfg(test)]
mod tests;
