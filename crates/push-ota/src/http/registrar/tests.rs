mod cases;
mod model;
mod table;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use push_message::UnixMillis;

use super::{
    AnnounceTicket, DialId, PpgReport, PpgState, Registrar, RegistrarInput, RegistrarOutput,
    RegistrarSettings,
};
use crate::http::{
    AnnounceOn, Authentication, Connect, Contact, CpiTag, Host, Notice, Ppg, PpgId, PushStatus,
    Terminal, TerminalId,
};

const SECOND: Duration = Duration::from_secs(1);

fn id(number: u8) -> PpgId {
    PpgId(format!("gateway-{number}").into())
}

/// Where gateway `number` is; the port tells contact points of it apart.
fn contact(number: u8, port: u16) -> Contact {
    Contact {
        host: Host::Ip(Ipv4Addr::new(192, 0, 2, number).into()),
        port,
        secure: false,
    }
}

fn own(number: u8) -> Contact {
    contact(number, 4035)
}

/// An address that a gateway is known by beside that of its contact.
fn other_address(number: u8) -> IpAddr {
    Ipv4Addr::new(198, 51, 100, number).into()
}

fn tag(number: u8) -> CpiTag {
    CpiTag([number; 4])
}

fn terminal(gateways: &[Connect], announce_on: AnnounceOn) -> Terminal {
    let ppg = |(number, connect): (u8, &Connect)| Ppg {
        id: id(number),
        contact: Some(own(number)),
        addresses: vec![other_address(number)],
        tls_name: None,
        prov_url: None,
        terminal_id: None,
        terminal_secret: None,
        basic_in_clear: true,
        authentication: Authentication::None,
        ppg_secret: None,
        bearer: None,
        connect: *connect,
        announce_on,
    };
    Terminal {
        ppgs: (0..).zip(gateways).map(ppg).collect(),
        terminal_id: TerminalId::OfAddress,
        bearer: 0,
        versions: vec![(1, 0)],
        version_required: false,
        accept_stale_tag: false,
        accept_absent_tag: true,
        identified_only: false,
        max_message_length: 65_536,
        max_headers: 64,
        max_headers_length: 8192,
        max_authentication_failures: 3,
        nonce_lifetime: Duration::from_mins(5),
    }
}

const fn settings(confirm: bool) -> RegistrarSettings {
    RegistrarSettings {
        confirm,
        announce_patience: Duration::from_secs(10),
        backoff_base: Duration::from_secs(2),
        backoff_limit: Duration::from_mins(1),
        max_contacts: 2,
        max_announcements: 3,
    }
}

/// A registrar, and a clock that goes on when told.
struct Bench {
    registrar: Registrar,
    now: Duration,
    next_ticket: u64,
}

impl Bench {
    fn new(gateways: &[Connect], confirm: bool) -> Self {
        Self::announcing(gateways, AnnounceOn::NewConnection, confirm)
    }

    fn announcing(gateways: &[Connect], announce_on: AnnounceOn, confirm: bool) -> Self {
        Self {
            registrar: Registrar::new(&terminal(gateways, announce_on), settings(confirm), 1),
            now: Duration::from_secs(100),
            next_ticket: 0,
        }
    }

    fn outputs(&mut self) -> Vec<RegistrarOutput> {
        std::iter::from_fn(|| self.registrar.poll_output()).collect()
    }

    fn input(&mut self, input: RegistrarInput) -> Vec<RegistrarOutput> {
        self.registrar.handle_input(input, self.now);
        self.outputs()
    }

    fn announce(&mut self, number: u8, needed: bool) -> Vec<RegistrarOutput> {
        let ticket = AnnounceTicket(self.next_ticket);
        self.next_ticket += 1;
        let tag = tag(number);
        self.input(RegistrarInput::Announce {
            ticket,
            tag,
            needed,
        })
    }

    fn invited(&mut self, contact: Contact) -> Vec<RegistrarOutput> {
        let contacts = vec![(contact, Some(tag(9)))];
        self.input(RegistrarInput::Invited {
            contacts,
            prov_url: None,
        })
    }

    fn connected(&mut self, dial: u64) -> Vec<RegistrarOutput> {
        let dial = DialId(dial);
        self.input(RegistrarInput::Connected { dial })
    }

    fn failed(&mut self, dial: u64) -> Vec<RegistrarOutput> {
        let (dial, reason) = (DialId(dial), "refused".to_owned());
        self.input(RegistrarInput::DialFailed { dial, reason })
    }

    fn closed(&mut self, dial: u64) -> Vec<RegistrarOutput> {
        let dial = DialId(dial);
        self.input(RegistrarInput::Closed { dial })
    }

    fn exchanged(&mut self, number: u8, notice: Option<Notice>) -> Vec<RegistrarOutput> {
        self.input(exchange(number, notice))
    }

    fn knows(&mut self, number: u8, shown: u8) -> Vec<RegistrarOutput> {
        let (ppg, tag) = (id(number), tag(shown));
        self.exchanged(number, Some(Notice::Knows { ppg, tag }))
    }

    fn unbelieved(&mut self, number: u8, retry: bool) -> Vec<RegistrarOutput> {
        let ppg = id(number);
        self.exchanged(number, Some(Notice::Unbelieved { ppg, retry }))
    }

    /// Lets the time go on to when the registrar wants to wake; without outputs if it does not.
    fn wake(&mut self) -> Vec<RegistrarOutput> {
        if let Some(at) = self.registrar.poll_timeout() {
            assert!(at > self.now, "it wants to wake at once, again and again");
            self.now = at;
            self.registrar.handle_timeout(at);
        }
        self.outputs()
    }

    fn since(&self, begin: Duration) -> Duration {
        self.now.checked_sub(begin).unwrap()
    }

    fn state(&self, number: usize) -> PpgState {
        self.registrar.view()[number].state
    }
}

fn exchange(number: u8, notice: Option<Notice>) -> RegistrarInput {
    RegistrarInput::Exchanged {
        ppg: id(number),
        method: "OPTIONS",
        status: Some(PushStatus::Registered),
        at: UnixMillis(7),
        notice,
    }
}

fn dial(number: u64, gateway: u8) -> RegistrarOutput {
    RegistrarOutput::Dial {
        dial: DialId(number),
        ppg: Some(id(gateway)),
        contact: own(gateway),
        assumed: None,
        prov_url: None,
    }
}

fn retire(number: u64) -> RegistrarOutput {
    let dial = DialId(number);
    RegistrarOutput::Retire { dial }
}

/// The answer to an announcement: state and reason of each gateway from the first on.
fn announced(ticket: u64, states: &[(PpgState, Option<&str>)]) -> RegistrarOutput {
    let report = |(number, (state, reason)): (u8, &(PpgState, Option<&str>))| PpgReport {
        ppg: id(number),
        contact: own(number),
        state: *state,
        reason: reason.map(str::to_owned),
    };
    RegistrarOutput::Announced {
        ticket: AnnounceTicket(ticket),
        reports: (0..).zip(states).map(report).collect(),
    }
}
