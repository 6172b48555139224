//! The binding against a registrar and Push Sender Agents that the tests play.

mod challenges;
mod flows;
mod messages;
mod model;
mod table;

use std::time::Duration;

use push_message::UnixMillis;

use super::super::events::Host;
use super::super::settings::{
    LargePushSettings, RegistrationSettings, ServingSettings, TransactionSettings,
};
use super::super::stack::{Response, reply};
use super::super::transactions::Unanswered;
use super::*;

const INSTANCE: &str = "urn:uuid:5f0d1a2e-0000-4000-8000-000000000001";

fn settings() -> AgentSettings {
    AgentSettings {
        account: Account {
            user: "sip:carol@ims.example.net".into(),
            auth_user: "carol".into(),
            password: "secret".into(),
            registrar: "sip:ims.example.net".into(),
            outbound: Some("sip:192.0.2.9:5060;lr".into()),
            transport: Transport::Udp,
            host: Host::Ip("192.0.2.9".parse().unwrap()),
            port: 5060,
            instance: INSTANCE.into(),
            user_agent: "push-client/OMA1.0 test/one-1".into(),
        },
        push_sender_agents: vec!["sip:psa@ims.example.net".into()],
        registration: RegistrationSettings::default(),
        serving: ServingSettings::default(),
        transactions: TransactionSettings::default(),
        sessions: LargePushSettings::default(),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn set(applications: &[&str], accept: &[&str]) -> Announced {
    let id = |text: &&str| PushApplicationId::parse(&format!("x-wap-application:{text}")).unwrap();
    Announced {
        applications: applications.iter().map(id).collect(),
        instances: BTreeSet::new(),
        accept: accept.iter().map(|range| (*range).into()).collect(),
    }
}

/// A request that went out.
#[derive(Debug)]
struct Sent {
    exchange: ExchangeId,
    request: Request,
    route: Route,
}

impl Sent {
    fn header(&self, name: &str) -> String {
        self.request.header(name).unwrap_or_default().into_owned()
    }

    fn is(&self, method: &str) -> bool {
        self.request.method().as_str() == method
    }
}

/// The machine with all around it.
struct Rig {
    machine: Registration,
    now: Duration,
    sent: Vec<Sent>,
    asked: Vec<(FlowId, Transport)>,
    closed: Vec<FlowId>,
    answers: Vec<(u64, Vec<SipReport>)>,
    notes: Vec<SipNote>,
    kept_alive: usize,
    tickets: u64,
}

impl Rig {
    fn with(settings: &AgentSettings) -> Self {
        Self {
            machine: Registration::new(settings, 7),
            now: seconds(1000),
            sent: Vec::new(),
            asked: Vec::new(),
            closed: Vec::new(),
            answers: Vec::new(),
            notes: Vec::new(),
            kept_alive: 0,
            tickets: 0,
        }
    }

    fn new() -> Self {
        Self::with(&settings())
    }

    /// One that is registered for these, and whose Push Sender Agent knows.
    fn registered(applications: &[&str]) -> Self {
        let mut rig = Self::new();
        rig.announce(applications);
        rig.open();
        rig.grant(600);
        rig.echo();
        assert_eq!(rig.states(1), ["Confirmed", "Confirmed"]);
        rig
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                RegistrationOutput::OpenFlow { flow, transport } => {
                    self.asked.push((flow, transport));
                }
                RegistrationOutput::CloseFlow { flow } => self.closed.push(flow),
                RegistrationOutput::Send {
                    exchange,
                    request,
                    route,
                    ..
                } => self.sent.push(Sent {
                    exchange,
                    request: *request,
                    route,
                }),
                RegistrationOutput::KeepAlive { .. } => self.kept_alive += 1,
                RegistrationOutput::Announced { ticket, reports } => {
                    let before = self.answers.iter().any(|(other, _)| *other == ticket.0);
                    assert!(!before, "answered twice: {ticket:?}");
                    self.answers.push((ticket.0, reports));
                }
                RegistrationOutput::Noted(note) => self.notes.push(note),
            }
        }
        // No timer does nothing: what is due has been done.
        let due = self.machine.poll_timeout();
        assert!(
            due.is_none_or(|due| due > self.now),
            "{due:?} is not after {:?}",
            self.now
        );
    }

    fn announce(&mut self, applications: &[&str]) -> u64 {
        self.announce_set(set(applications, &["text/plain"]))
    }

    fn announce_set(&mut self, set: Announced) -> u64 {
        self.tickets += 1;
        let ticket = AnnounceTicket(self.tickets);
        self.machine.announce(ticket, set, self.now);
        self.drain();
        self.tickets
    }

    /// The flow that was asked for last is open.
    fn open(&mut self) {
        let flow = self.asked.last().unwrap().0;
        self.open_at(flow, "198.51.100.4:5070");
    }

    fn open_at(&mut self, flow: FlowId, local: &str) {
        let peer = "192.0.2.9:5060".parse().unwrap();
        self.machine
            .flow_opened(flow, local.parse().unwrap(), peer, self.now);
        self.drain();
    }

    fn lose(&mut self, flow: FlowId) {
        self.machine.flow_ended(flow, "reset by peer", self.now);
        self.drain();
    }

    fn last(&self) -> &Sent {
        self.sent.last().unwrap()
    }

    fn count(&self, method: &str) -> usize {
        self.sent.iter().filter(|sent| sent.is(method)).count()
    }

    /// Answers the request that was sent last.
    fn answer(&mut self, status: u16, headers: &[(&str, &str)]) {
        let sent = self.last();
        let mut response = reply(&sent.request, status, Some("r"));
        for (name, value) in headers {
            response = response.header(name, value);
        }
        let (exchange, response) = (sent.exchange, response.build());
        self.response(exchange, &response);
    }

    fn response(&mut self, exchange: ExchangeId, response: &Response) {
        self.machine
            .response(exchange, response, UnixMillis(5), self.now);
        self.drain();
    }

    /// The registrar keeps what was asked of it.
    fn grant(&mut self, expires: u64) {
        assert!(self.last().is("REGISTER"), "{:?}", self.last());
        let contact = self.last().header("Contact");
        let uri = contact.split(['<', '>']).nth(1).unwrap().to_owned();
        let contact = format!("<{uri}>;expires={expires}");
        self.answer(200, &[("Contact", &contact)]);
    }

    /// The Push Sender Agent serves what it was told.
    fn echo(&mut self) {
        assert!(self.last().is("OPTIONS"), "{:?}", self.last());
        let contact = self.last().header("Contact");
        let tags = contact.split_once('>').unwrap().1.to_owned();
        let contact = format!(
            "<sip:psa@192.0.2.30>{}",
            tags.replace("+sip.instance", "+x")
        );
        self.answer(200, &[("Contact", &contact)]);
    }

    fn time_out(&mut self) {
        let exchange = self.last().exchange;
        self.machine.ended(exchange, Unanswered::TimedOut, self.now);
        self.drain();
    }

    /// Lets time pass, with every timer at its time.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.machine.handle_timeout(due);
            self.drain();
        }
        self.now = end;
    }

    /// Lets time pass until something is due; a flow that is asked for is open.
    fn pass_until_due(&mut self) {
        let before = self.asked.len();
        self.pass(self.wait());
        if self.asked.len() > before {
            self.open();
        }
    }

    /// How long it is until something is due.
    fn wait(&self) -> Duration {
        let due = self.machine.poll_timeout().unwrap();
        due.checked_sub(self.now).unwrap()
    }

    /// How far the announcement of this number got, with each server.
    fn states(&self, ticket: u64) -> Vec<String> {
        let answer = self.answers.iter().find(|(other, _)| *other == ticket);
        let reports = answer.map(|(_, reports)| reports.as_slice());
        let states = reports.unwrap_or_default().iter();
        states.map(|report| format!("{:?}", report.state)).collect()
    }

    fn reason(&self, ticket: u64, server: usize) -> String {
        let answer = self.answers.iter().find(|(other, _)| *other == ticket);
        answer.unwrap().1[server].reason.clone().unwrap_or_default()
    }

    fn views(&self) -> Vec<String> {
        let views = self.machine.views().into_iter();
        views.map(|view| format!("{:?}", view.state)).collect()
    }
}
