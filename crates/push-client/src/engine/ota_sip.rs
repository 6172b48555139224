//! The engine's part in OTA-SIP: the sockets of the user agent, what comes on them, and how its pushes are judged.

mod flows;
mod outbox;
mod report;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use push_core::{Capabilities, Now, PersistTicket, PushRefusal, RequestTicket, Verdict};
use push_message::{Protocol, ReceivedPush};
use push_ota::sip::{
    AgentInput, AgentOutput, AnnounceTicket, PushOutcome, SipPushTicket, UserAgent,
};
use rustls::ClientConfig;
use tokio::sync::mpsc;

use super::{Engine, Listener, REQUEST_BATCH};
use crate::ota_http::secret_number;
use crate::ota_sip::{Accepted, Carrier, Connections, OtaSipSettings, Report, Sockets};

use flows::{Opening, UdpFlow};
use outbox::Outbox;

/// The announcement that is made at the start, which nobody waits for.
const AT_START: AnnounceTicket = AnnounceTicket(u64::MAX);

/// The longest datagram, and one octet more that none has.
const DATAGRAM: usize = 65_536;

/// OTA-SIP, as the engine has it.
#[derive(Debug)]
pub(crate) struct OtaSip {
    agent: UserAgent,
    sockets: Sockets,
    services: Vec<(&'static str, SocketAddr)>,
    udp_flow: Option<UdpFlow>,
    outbox: Outbox,
    buffer: Box<[u8]>,
    connections: Connections,
    reports: mpsc::Receiver<Report>,
    batch: Vec<Report>,
    accepted: Vec<Accepted>,
    /// When connections are accepted again after the system could give none.
    resume: Option<Duration>,
    tls: Option<Arc<ClientConfig>>,
    /// What waits for a name to be resolved.
    resolving: BTreeMap<Box<str>, Vec<Opening>>,
    /// With which of its addresses a host begins next, so that each attempt has its turn with another one.
    turn: usize,
    /// Which pushes wait for their judgement; the tickets fall.
    judging: VecDeque<(RequestTicket, SipPushTicket)>,
    /// Addresses of the core that are set.
    core_addresses: Vec<IpAddr>,
    /// The core's addresses, as far as they are known.
    core: BTreeSet<IpAddr>,
    stop_timeout: Duration,
    /// When the ends of the binding and of connections are waited for no longer.
    end: Option<Duration>,
    has_ended: bool,
}

impl OtaSip {
    /// OTA-SIP on these sockets; nothing is sent before [`start`](Engine::start_sip).
    pub(crate) fn new(
        settings: OtaSipSettings,
        sockets: Sockets,
        tls: Option<Arc<ClientConfig>>,
    ) -> Self {
        let OtaSipSettings {
            mut agent,
            connections,
            stop_timeout,
            ..
        } = settings;
        if let Some(msrp) = &sockets.msrp {
            agent.sessions.listening = Some(msrp.address());
        }
        // A connection has one report under way at a time, so the queue bounds nothing more than they are bounded.
        let queue = connections.max_connections.clamp(1, 1 << 16);
        let (sender, reports) = mpsc::channel(queue);
        let room = if sockets.udp.is_some() { DATAGRAM } else { 0 };
        Self {
            core_addresses: agent.serving.core_addresses.clone(),
            core: agent.serving.core_addresses.iter().copied().collect(),
            agent: UserAgent::new(agent, secret_number()),
            services: sockets.services(),
            sockets,
            udp_flow: None,
            outbox: Outbox::default(),
            buffer: vec![0; room].into(),
            connections: Connections::new(Arc::new(connections), sender),
            reports,
            batch: Vec::new(),
            accepted: Vec::new(),
            resume: None,
            tls,
            resolving: BTreeMap::new(),
            turn: 0,
            judging: VecDeque::new(),
            stop_timeout,
            end: None,
            has_ended: false,
        }
    }

    /// What is listened on.
    pub(crate) fn services(&self) -> &[(&'static str, SocketAddr)] {
        &self.services
    }

    /// The UDP socket, where there is one.
    pub(super) const fn udp(&self) -> Option<&Listener> {
        self.sockets.udp.as_ref()
    }

    /// Connections that are open or being opened, and those of them that carry MSRP.
    pub(super) fn connections(&self) -> (usize, usize) {
        (self.connections.len(), self.connections.streams())
    }

    /// Whether something can be read or accepted, or a connection has something to report; else `context` is woken.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> bool {
        let mut ready = false;
        if let Some(udp) = &mut self.sockets.udp {
            ready |= udp.poll_readable(context);
        }
        for acceptor in [&mut self.sockets.tcp, &mut self.sockets.msrp]
            .into_iter()
            .flatten()
        {
            let before = acceptor.failed;
            acceptor.poll(context, &mut self.accepted);
            // The time at which to try again has to be set.
            ready |= acceptor.failed != before;
        }
        let polled = self
            .reports
            .poll_recv_many(context, &mut self.batch, REQUEST_BATCH);
        ready | polled.is_ready() | !self.accepted.is_empty()
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let due = [self.agent.poll_timeout(), self.end, self.resume];
        due.into_iter().flatten().min()
    }

    /// Whether nothing is waited for any more.
    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn input(&mut self, input: AgentInput, now: Now) {
        self.agent.handle_input(input, now.monotonic);
    }

    fn announce(&mut self, capabilities: Option<Capabilities>, ticket: AnnounceTicket, now: Now) {
        let (applications, instances, accept) = match capabilities {
            Some(one) => (one.applications, one.instances, one.accept),
            None => Default::default(),
        };
        let input = AgentInput::Announce {
            ticket,
            applications,
            instances,
            accept,
        };
        self.input(input, now);
    }

    /// Which push a judgement is on, if it is on one of these.
    fn take_waiting(&mut self, ticket: RequestTicket) -> Option<SipPushTicket> {
        // Mostly pushes are judged in the order in which they came.
        if let Some((_, push)) = self.judging.pop_front_if(|(first, _)| *first == ticket) {
            return Some(push);
        }
        let falling = |(other, _): &(RequestTicket, _)| ticket.cmp(other);
        let index = self.judging.binary_search_by(falling).ok()?;
        self.judging.remove(index).map(|(_, push)| push)
    }
}

impl Engine {
    /// Says what is registered, so that the core and Push Sender Agents are told.
    pub(super) fn start_sip(&mut self, now: Now) {
        let capabilities = self.core.capabilities().into_iter();
        let mut capabilities = capabilities.filter(|one| one.protocol == Protocol::OtaSip);
        if let Some(sip) = &mut self.ota_sip {
            sip.announce(capabilities.next(), AT_START, now);
        }
    }

    /// Tells the core and Push Sender Agents what holds from now on; says whether OTA-SIP is spoken at all.
    //= specs/push-cai.md#registration-with-the-push-server
    //# The Push Client MUST register with the Push Server over the bearer that the application's registration is for.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# The Push Client MUST deregister with the Push Server over the bearer that the application's registration was for.
    pub(super) fn announce_sip(
        &mut self,
        ticket: PersistTicket,
        capabilities: Capabilities,
        now: Now,
    ) -> bool {
        let Some(sip) = &mut self.ota_sip else {
            return false;
        };
        sip.announce(Some(capabilities), AnnounceTicket(ticket.0), now);
        true
    }

    /// Has the binding renewed over a flow of its own.
    pub(super) fn network_changed(&mut self, now: Now) {
        if let Some(sip) = &mut self.ota_sip {
            sip.input(AgentInput::NetworkChanged, now);
        }
    }

    /// Ends the binding.
    pub(super) fn stop_sip(&mut self, now: Now) {
        if let Some(sip) = &mut self.ota_sip {
            sip.end = Some(now.monotonic + sip.stop_timeout);
            sip.input(AgentInput::Stop, now);
        }
    }

    /// Does what is due by the clock.
    pub(super) fn sip_timeout(&mut self, now: Now) {
        let Some(sip) = &mut self.ota_sip else {
            return;
        };
        sip.agent.handle_timeout(now.monotonic);
        if sip.resume.is_some_and(|resume| resume <= now.monotonic) {
            sip.resume_accepting();
        }
        if sip.end.is_some_and(|end| end <= now.monotonic) {
            let left = sip.connections.len();
            tracing::warn!(left, "OTA-SIP is cut off");
            sip.end = None;
            sip.connections.cut_off_all();
            sip.has_ended = true;
        }
    }

    /// Carries out what the user agent asks for; says whether there was anything.
    pub(super) fn carry_out_sip(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(sip) = &mut self.ota_sip
            && let Some(output) = sip.agent.poll_output()
        {
            any = true;
            self.carry_out_sip_one(output, now);
        }
        self.send_datagrams(now);
        self.end_sip();
        any
    }

    fn carry_out_sip_one(&mut self, output: AgentOutput, now: Now) {
        match output {
            AgentOutput::OpenFlow {
                flow,
                transport,
                host,
                port,
            } => self.open(Opening::flow(flow, transport, &host, port), host, now),
            AgentOutput::OpenStream {
                stream,
                host,
                port,
                reach,
            } => self.open(Opening::stream(stream, port, reach), host, now),
            AgentOutput::CloseFlow { flow } => self.close_carrier(Carrier::Sip(flow)),
            AgentOutput::CloseStream { stream } => self.close_carrier(Carrier::Msrp(stream)),
            AgentOutput::Transmit {
                flow,
                destination,
                octets,
            } => self.transmit_sip(flow, destination, octets, now),
            AgentOutput::StreamTransmit { stream, octets } => {
                self.transmit_on(Carrier::Msrp(stream), octets, now);
            }
            AgentOutput::Foresee { push, announced } => self.foresee_sip(push, &announced, now),
            AgentOutput::Push { ticket, push } => self.take_sip_push(ticket, push, now),
            AgentOutput::Announced { ticket, .. } if ticket == AT_START => {
                self.standings.may_differ();
            }
            AgentOutput::Announced { ticket, reports } => {
                self.standings.may_differ();
                let servers = reports.into_iter().map(report::server_report).collect();
                self.announced(PersistTicket(ticket.0), Protocol::OtaSip, servers, now);
            }
            AgentOutput::Noted(note) => self.note_of_sip(note),
        }
    }

    /// Closes what is open once the user agent has come to its end, and sees whether all of it has ended.
    fn end_sip(&mut self) {
        let Some(sip) = &mut self.ota_sip else {
            return;
        };
        if self.stopping && !sip.has_ended && sip.agent.is_idle() {
            sip.connections.close_all();
            sip.has_ended = sip.connections.len() == 0;
        }
    }

    fn take_sip_push(&mut self, id: SipPushTicket, push: Arc<ReceivedPush>, now: Now) {
        let ticket = self.next_push();
        if let Some(sip) = &mut self.ota_sip {
            sip.judging.push_back((ticket, id));
        }
        self.hand_over(ticket, push, now);
    }

    fn foresee_sip(&mut self, push: SipPushTicket, announced: &ReceivedPush, now: Now) {
        let outcome = match self.core.foresee(announced) {
            Ok(()) => PushOutcome::Delivered,
            Err(refusal) => refused(refusal),
        };
        if let Some(sip) = &mut self.ota_sip {
            sip.input(AgentInput::Foreseen { push, outcome }, now);
        }
    }

    /// A push has been judged; the user agent is told, if it came by it. An accepted one is durable by now.
    pub(super) fn judged_on_sip(&mut self, ticket: RequestTicket, verdict: &Verdict, now: Now) {
        if let Some(sip) = &mut self.ota_sip
            && let Some(push) = sip.take_waiting(ticket)
        {
            let outcome = outcome_of(verdict);
            sip.input(AgentInput::Judged { push, outcome }, now);
        }
    }
}

/// What a server is told of a judgement.
const fn outcome_of(verdict: &Verdict) -> PushOutcome {
    match verdict {
        Verdict::Accepted { waits: false, .. } => PushOutcome::Delivered,
        Verdict::Accepted { waits: true, .. } | Verdict::Held { .. } => PushOutcome::Stored,
        Verdict::Duplicate => PushOutcome::Duplicate,
        Verdict::Refused(refusal) => refused(*refusal),
    }
}

const fn refused(refusal: PushRefusal) -> PushOutcome {
    match refusal {
        PushRefusal::NoSuchApplication => PushOutcome::NoSuchApplication,
        PushRefusal::Ambiguous => PushOutcome::Ambiguous,
        PushRefusal::ContentType => PushOutcome::ContentType,
        PushRefusal::ServerNotListed => PushOutcome::ServerNotListed,
        PushRefusal::NoRoom => PushOutcome::NoRoom,
        PushRefusal::NotYet => PushOutcome::NotYet,
    }
}
