//! The engine's part in OTA-HTTP: what connections ask, whom the registrar wants told, what the terminal says of itself.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use push_api::{Exchange, Server};
use push_core::{
    Capabilities, Now, PersistTicket, PushClient, PushRefusal, RequestTicket, ServerReport,
    ServerState, Verdict,
};
use push_message::{Protocol, PushApplicationId, ReceivedPush};
use push_ota::http::{
    AnnounceTicket, Contact, Cpi, CpiSettings, DialId, Host, PpgId, PpgReport, PpgState, PpgView,
    PushStatus, Registrar, RegistrarInput, RegistrarOutput, Terminal,
};
use push_ota::sia::Sia;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Engine, REQUEST_BATCH};
use crate::clock::Clock;
use crate::ota_http::{
    self, Event, Life, Link, LinkParts, Listener, Order, OtaHttpSettings, Question, Tally,
};
use crate::recent::Unjudged;

/// The announcement that is made at the start, which nobody waits for.
const AT_START: AnnounceTicket = AnnounceTicket(u64::MAX);

/// OTA-HTTP, as the engine has it.
#[derive(Debug)]
pub(crate) struct OtaHttp {
    link: Arc<Link>,
    cpi: CpiSettings,
    /// Listeners from which nothing is accepted yet.
    listeners: Vec<Listener>,
    services: Vec<(&'static str, SocketAddr)>,
    acceptors: JoinSet<()>,
    batch: Vec<Question>,
    /// Who waits for a judgement; the tickets of pushes fall.
    judging: VecDeque<(RequestTicket, oneshot::Sender<PushStatus>)>,
    registrar: Registrar,
    dials: BTreeMap<DialId, Dial>,
    /// How far each gateway had been told when that was logged last.
    logged: BTreeMap<PpgId, PpgState>,
    shutdown_timeout: Duration,
    /// When requests under way are waited for no longer.
    end: Option<Duration>,
}

/// A connection that the terminal opens, or has opened.
#[derive(Debug)]
struct Dial {
    life: Arc<Life>,
    contact: Contact,
}

impl OtaHttp {
    /// OTA-HTTP on these listeners; nothing is accepted before [`start`](Engine::start_http).
    pub(crate) fn new(
        settings: &OtaHttpSettings,
        listeners: Vec<Listener>,
        core: &PushClient,
        parts: impl FnOnce(Cpi) -> LinkParts,
    ) -> Self {
        let present = core
            .capabilities()
            .into_iter()
            .find(|one| one.protocol == Protocol::OtaHttp);
        let cpi = cpi_of(present.as_ref(), &settings.cpi);
        let link = Link::new(settings, parts(cpi));
        Self {
            cpi: settings.cpi.clone(),
            services: services(&listeners),
            listeners,
            acceptors: JoinSet::new(),
            batch: Vec::new(),
            judging: VecDeque::new(),
            registrar: Registrar::new(
                &settings.terminal,
                settings.registrar.clone(),
                Clock::seed(),
            ),
            dials: BTreeMap::new(),
            logged: BTreeMap::new(),
            shutdown_timeout: settings.connections.shutdown_timeout,
            link,
            end: None,
        }
    }

    /// The terminal, as it is provisioned.
    pub(crate) fn terminal(&self) -> Arc<Terminal> {
        Arc::clone(&self.link.terminal)
    }

    /// What is listened on.
    pub(crate) fn services(&self) -> &[(&'static str, SocketAddr)] {
        &self.services
    }

    /// What the connections count, and how many there are.
    pub(super) fn tally(&self) -> (&Tally, usize) {
        (&self.link.tally, self.link.places.running())
    }

    /// Requests that were refused before anybody judged them, oldest first.
    pub(super) fn refused(&self) -> Vec<Unjudged> {
        self.link.refused()
    }

    /// Whether questions of connections wait; else `context` is woken by the next one.
    pub(super) fn poll_questions(&mut self, context: &Context<'_>) -> bool {
        let questions = &self.link.questions;
        let polled = questions.poll_take(context, &mut self.batch, REQUEST_BATCH);
        polled.is_ready()
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let end = self.end;
        self.registrar.poll_timeout().into_iter().chain(end).min()
    }

    /// Whether no connection is waited for any more.
    pub(super) fn has_ended(&self) -> bool {
        self.link.places.running() == 0
    }

    /// Who waits for the judgement on a push.
    fn take_waiting(&mut self, ticket: RequestTicket) -> Option<oneshot::Sender<PushStatus>> {
        // Mostly pushes are judged in the order in which they came.
        if let Some((_, answer)) = self.judging.pop_front_if(|(first, _)| *first == ticket) {
            return Some(answer);
        }
        let falling = |(other, _): &(RequestTicket, _)| ticket.cmp(other);
        let index = self.judging.binary_search_by(falling).ok()?;
        self.judging.remove(index).map(|(_, answer)| answer)
    }

    pub(super) fn input(&mut self, input: RegistrarInput, now: Now) {
        self.take_exchanges(now);
        self.registrar.handle_input(input, now.monotonic);
    }

    /// Tells the registrar what gateways have asked.
    fn take_exchanges(&mut self, now: Now) {
        for exchange in self.link.take_exchanges() {
            let ota_http::Exchange {
                ppg,
                method,
                status,
                at,
                notice,
            } = exchange;
            let input = RegistrarInput::Exchanged {
                ppg,
                method,
                status,
                at,
                notice,
            };
            self.registrar.handle_input(input, now.monotonic);
        }
    }

    fn publish(&mut self, capabilities: Option<&Capabilities>, ticket: AnnounceTicket, now: Now) {
        let cpi = cpi_of(capabilities, &self.cpi);
        let tag = cpi.tag();
        self.link.publish(cpi);
        let needed = capabilities.is_some_and(|one| one.applications.iter().any(is_of_somebody));
        let input = RegistrarInput::Announce {
            ticket,
            tag,
            needed,
        };
        self.input(input, now);
    }

    /// Tells the administrator how far gateways have been told, where that has changed.
    fn log(&mut self, reports: &[PpgReport]) {
        for report in reports {
            if self.logged.insert(report.ppg.clone(), report.state) != Some(report.state) {
                log(report);
            }
        }
    }

    fn dial(&mut self, order: Order) {
        let dial = Dial {
            life: Arc::clone(&order.life),
            contact: order.contact.clone(),
        };
        self.dials.insert(order.dial, dial);
        tokio::spawn(ota_http::dial(Arc::clone(&self.link), order));
    }
}

impl Drop for OtaHttp {
    fn drop(&mut self) {
        // An engine that is dropped answers nobody any more.
        self.link.questions.close();
        self.link.places.end_all(false);
        for dial in self.dials.values() {
            dial.life.end_at_once();
        }
    }
}

impl Engine {
    /// Begins to accept connections and to open those that are wanted.
    pub(super) fn start_http(&mut self, now: Now) {
        let capabilities = self.http_capabilities();
        let Some(http) = &mut self.ota_http else {
            return;
        };
        for listener in std::mem::take(&mut http.listeners) {
            http.acceptors
                .spawn(ota_http::accept(Arc::clone(&http.link), listener));
        }
        http.publish(capabilities.as_ref(), AT_START, now);
    }

    fn http_capabilities(&self) -> Option<Capabilities> {
        let all = self.core.capabilities();
        all.into_iter()
            .find(|one| one.protocol == Protocol::OtaHttp)
    }

    /// Accepts nothing more; requests under way are answered.
    pub(super) fn stop_http(&mut self, now: Now) {
        let Some(http) = &mut self.ota_http else {
            return;
        };
        http.acceptors.abort_all();
        http.link.stop();
        for dial in http.dials.values() {
            dial.life.end_gracefully();
        }
        http.end = Some(now.monotonic + http.shutdown_timeout);
    }

    /// Tells gateways what holds from now on; says whether there is anybody to tell. Registrations for OTA-HTTP are for IP, the one
    /// bearer that this protocol is provided on, and gateways are reached over TCP.
    //= specs/push-cai.md#registration-with-the-push-server
    //# The Push Client MUST register with the Push Server over the bearer that the application's registration is for.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# The Push Client MUST deregister with the Push Server over the bearer that the application's registration was for.
    pub(super) fn announce_http(
        &mut self,
        ticket: PersistTicket,
        capabilities: &Capabilities,
        now: Now,
    ) -> bool {
        let Some(http) = &mut self.ota_http else {
            return false;
        };
        http.publish(Some(capabilities), AnnounceTicket(ticket.0), now);
        true
    }

    /// Takes what connections ask.
    pub(super) fn take_questions(&mut self, now: Now) {
        let Some(http) = &mut self.ota_http else {
            return;
        };
        let mut batch = std::mem::take(&mut http.batch);
        for question in batch.drain(..) {
            self.take_question(question, now);
            // At once: what the machine makes of one push need not be held beside that of all the others.
            self.carry_out_core(now);
        }
        if let Some(http) = &mut self.ota_http {
            http.batch = batch;
        }
    }

    fn take_question(&mut self, question: Question, now: Now) {
        match question {
            Question::Judge { push, answer } => self.judge(push, answer, now),
            Question::IsListed {
                server,
                proved_names,
                answer,
            } => {
                // The connection may be gone, which makes the answer idle.
                answer
                    .send(self.core.is_listed(&server, &proved_names))
                    .ok();
            }
        }
    }

    fn judge(&mut self, push: Arc<ReceivedPush>, answer: oneshot::Sender<PushStatus>, now: Now) {
        if Sia::is_for(&push) {
            let status = self.take_session_initiation(&push, now);
            // The connection may be gone; what was asked for is done all the same.
            answer.send(status).ok();
            return;
        }
        let ticket = self.next_push();
        if let Some(http) = &mut self.ota_http {
            http.judging.push_back((ticket, answer));
        }
        self.hand_over(ticket, push, now);
    }

    /// A push has been judged; the connection that it came on is told, if it came on one.
    pub(super) fn judged(&mut self, ticket: RequestTicket, verdict: Verdict) {
        let Some(http) = &mut self.ota_http else {
            return;
        };
        if let Some(answer) = http.take_waiting(ticket) {
            // The connection may be gone: then the push is known when it comes again.
            answer.send(status_of(verdict)).ok();
        }
    }

    /// Takes what connections tell.
    pub(super) fn take_http(&mut self, event: Event, now: Now) {
        let Some(http) = &mut self.ota_http else {
            return;
        };
        self.standings.may_differ();
        match event {
            Event::Connected(dial) => {
                if let Some(dial) = http.dials.get(&dial)
                    && let Some(initiation) = &mut self.session_initiation
                {
                    initiation.sia.established(&dial.contact);
                }
                http.input(RegistrarInput::Connected { dial }, now);
            }
            Event::DialFailed(dial, reason) => {
                http.dials.remove(&dial);
                http.input(RegistrarInput::DialFailed { dial, reason }, now);
            }
            Event::Closed(dial) => {
                http.dials.remove(&dial);
                http.input(RegistrarInput::Closed { dial }, now);
            }
            Event::Exchanged => http.take_exchanges(now),
            // To have been woken is enough.
            Event::Ended => {}
        }
    }

    /// Does what is due by the clock.
    pub(super) fn http_timeout(&mut self, now: Now) {
        let Some(http) = &mut self.ota_http else {
            return;
        };
        self.standings.may_differ();
        http.take_exchanges(now);
        http.registrar.handle_timeout(now.monotonic);
        if http.end.is_some_and(|end| end <= now.monotonic) {
            tracing::warn!(left = http.link.places.running(), "connections are cut off");
            http.end = None;
            http.link.places.end_all(false);
        }
    }

    /// Carries out what the registrar asks for; says whether there was anything.
    pub(super) fn carry_out_http(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(http) = &mut self.ota_http
            && let Some(output) = http.registrar.poll_output()
        {
            any = true;
            match output {
                // Whoever stops opens nothing.
                RegistrarOutput::Dial { .. } if self.stopping => {}
                RegistrarOutput::Dial {
                    dial,
                    ppg,
                    contact,
                    assumed,
                    prov_url,
                } => http.dial(Order {
                    dial,
                    ppg,
                    contact,
                    assumed,
                    prov_url,
                    life: Life::new(false, now.monotonic),
                }),
                RegistrarOutput::Retire { dial } => {
                    if let Some(dial) = http.dials.get(&dial) {
                        dial.life.end_gracefully();
                    }
                }
                RegistrarOutput::Announced { ticket, reports } => {
                    http.log(&reports);
                    if ticket == AT_START {
                        continue;
                    }
                    let servers = reports.into_iter().map(server_report).collect();
                    self.announced(PersistTicket(ticket.0), Protocol::OtaHttp, servers, now);
                }
            }
        }
        if any {
            self.standings.may_differ();
        }
        any
    }

    /// How the gateways stand that are dialled.
    pub(super) fn http_reports(&self) -> Vec<ServerReport> {
        let http = self.ota_http.iter();
        let views = http.flat_map(|http| http.registrar.view());
        let reports = views.filter_map(|view| {
            Some(PpgReport {
                ppg: view.ppg,
                contact: view.contact?,
                state: view.state,
                reason: view.reason,
            })
        });
        reports.map(server_report).collect()
    }

    /// The gateways of OTA-HTTP, as an operator sees them.
    pub(super) fn http_servers(&mut self, now: Now) -> Vec<Server> {
        let Some(http) = &mut self.ota_http else {
            return Vec::new();
        };
        http.take_exchanges(now);
        http.registrar.view().into_iter().map(server).collect()
    }
}

fn services(listeners: &[Listener]) -> Vec<(&'static str, SocketAddr)> {
    listeners
        .iter()
        .map(|listener| (listener.service(), listener.address()))
        .collect()
}

/// What gateways are told while these sets hold.
//= specs/push-cai.md#registration-with-the-push-server
//# Over OTA-HTTP the new Push Application ID MUST stand in the X-Wap-Push-Accept-AppID header of the terminal's CPI.
//= specs/push-cai.md#registration-with-the-push-server
//# Over OTA-HTTP the MIME types of a registration MUST stand in the X-Wap-Push-Accept header of the terminal's CPI.
//= specs/push-cai.md#deregistration-with-the-push-server
//# Over OTA-HTTP the Push Application ID of a deregistered application MUST be gone from the X-Wap-Push-Accept-AppID header of the terminal's CPI.
//= specs/push-cai.md#deregistration-with-the-push-server
//# Over OTA-HTTP the MIME types that a deregistered application alone had named MUST be gone from the X-Wap-Push-Accept header of the terminal's CPI.
fn cpi_of(capabilities: Option<&Capabilities>, settings: &CpiSettings) -> Cpi {
    match capabilities {
        Some(one) => Cpi::new(
            &one.applications,
            one.accept.iter().map(|range| &**range),
            settings,
        ),
        None => Cpi::new([], [], settings),
    }
}

/// Whether an id is not the client's own.
fn is_of_somebody(application: &PushApplicationId) -> bool {
    *application != PushApplicationId::PUSH_SIA
}

/// What a gateway is told of a judgement (WAP-235 7.4.2.1).
const fn status_of(verdict: Verdict) -> PushStatus {
    match verdict {
        Verdict::Accepted { .. } | Verdict::Duplicate | Verdict::Held { .. } => {
            PushStatus::Accepted
        }
        // Only a protocol that tells instances apart has pushes that could be for several.
        Verdict::Refused(PushRefusal::NoSuchApplication | PushRefusal::Ambiguous) => {
            PushStatus::NoSuchApplication
        }
        Verdict::Refused(PushRefusal::ContentType) => PushStatus::ContentType,
        Verdict::Refused(PushRefusal::ServerNotListed) => PushStatus::Refused,
        Verdict::Refused(PushRefusal::NoRoom) => PushStatus::NoRoom,
        Verdict::Refused(PushRefusal::NotYet) => PushStatus::RequestRefused,
    }
}

fn log(report: &PpgReport) {
    let PpgReport {
        ppg, state, reason, ..
    } = report;
    let reason = reason.as_ref().map(tracing::field::display);
    match state {
        PpgState::Requested => tracing::info!(%ppg, reason, "a gateway is being dialled"),
        PpgState::Announced => tracing::info!(%ppg, "a gateway can ask"),
        PpgState::Confirmed => tracing::info!(%ppg, "a gateway knows what is registered"),
        PpgState::Rejected => {
            tracing::warn!(%ppg, reason, "a gateway does not believe the terminal");
        }
        PpgState::Unreachable => tracing::warn!(%ppg, reason, "a gateway cannot be reached"),
    }
}

fn server_report(report: PpgReport) -> ServerReport {
    let state = match report.state {
        PpgState::Requested => ServerState::Requested,
        PpgState::Announced => ServerState::Announced,
        PpgState::Confirmed => ServerState::Confirmed,
        PpgState::Rejected => ServerState::Rejected,
        PpgState::Unreachable => ServerState::Unreachable,
    };
    ServerReport {
        uri: uri(&report.contact),
        protocol: Protocol::OtaHttp,
        state,
        reason: report.reason,
        rejected_applications: Vec::new(),
    }
}

fn server(view: PpgView) -> Server {
    let PpgView {
        ppg,
        contact,
        state,
        reason,
        known_tag,
        connections,
        last_exchange,
    } = view;
    let state = match state {
        PpgState::Requested => "requested",
        PpgState::Announced => "announced",
        PpgState::Confirmed => "confirmed",
        PpgState::Rejected => "rejected",
        PpgState::Unreachable => "unreachable",
    };
    Server {
        uri: contact.as_ref().map_or_else(|| format!("ppg:{ppg}"), uri),
        protocol: Protocol::OtaHttp.to_string(),
        state: state.to_owned(),
        reason,
        id: Some(ppg.to_string()),
        secure: contact.map(|contact| contact.secure),
        cpi_tag: known_tag.map(|tag| tag.to_string()),
        connections: Some(connections),
        last_exchange: last_exchange.map(|(method, status, at)| {
            Exchange::at(method, status.map(|status| status.to_string()), at.0)
        }),
        ..Server::default()
    }
}

fn uri(contact: &Contact) -> String {
    let scheme = if contact.secure { "https" } else { "http" };
    let port = contact.port;
    match &contact.host {
        Host::Ip(address) => {
            let address = SocketAddr::new(*address, port);
            format!("{scheme}://{address}")
        }
        Host::Name(name) => format!("{scheme}://{name}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_named_by_where_it_is_dialled() {
        let contact = |host, secure| Contact {
            host,
            port: 4035,
            secure,
        };
        let host = Host::Ip("192.0.2.7".parse().unwrap());
        assert_eq!(uri(&contact(host, false)), "http://192.0.2.7:4035");
        let host = Host::Ip("2001:db8::7".parse().unwrap());
        assert_eq!(uri(&contact(host, true)), "https://[2001:db8::7]:4035");
        let host = Host::Name("ppg.example.net".into());
        assert_eq!(uri(&contact(host, true)), "https://ppg.example.net:4035");
    }

    #[test]
    fn each_judgement_has_its_push_status() {
        let table = [
            (PushRefusal::NoSuchApplication, "236"),
            (PushRefusal::Ambiguous, "236"),
            (PushRefusal::ContentType, "238"),
            (PushRefusal::ServerNotListed, "235"),
            (PushRefusal::NoRoom, "237"),
            (PushRefusal::NotYet, "234"),
        ];
        for (refusal, code) in table {
            assert_eq!(status_of(Verdict::Refused(refusal)).code(), code);
        }
        assert_eq!(status_of(Verdict::Duplicate), PushStatus::Accepted);
    }
}
