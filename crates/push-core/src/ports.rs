//! Ports that applications have for themselves (Push-CAI 5.1, the second exception): one is opened before the first
//! registration that names it is answered, and closed once nobody has it any more.

use std::collections::BTreeMap;
use std::time::Duration;

use push_message::{Bearer, ConnectionProfile, Protocol, Reason, Refusal};

use crate::client::PushClient;
use crate::registering::Registering;
use crate::timers::Timer;
use crate::{
    Now, Occurrence, Output, OwnPorts, PersistTicket, RegistrationId, RegistrationRecord, Settings,
};

/// The port of push sessions at a Push Server (WAP-259 appendix B), which no application can have for itself.
pub(crate) const SESSION_PORT: u16 = 9201;

/// A port that has to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnPort {
    protocol: Protocol,
    bearer: Bearer,
    port: u16,
}

impl OwnPort {
    const fn profile(self) -> ConnectionProfile {
        ConnectionProfile {
            protocol: Some(self.protocol),
            bearer: Some(self.bearer),
            port: Some(self.port),
        }
    }
}

/// How far a port got.
#[derive(Debug)]
enum Stage {
    /// The driver opens it; these registrations wait for it.
    Opening(Vec<RegistrationId>),
    /// It is open.
    Open,
    /// It could not be opened for registrations in force, and is tried again then.
    Failed(Duration),
}

#[derive(Debug)]
struct Port {
    stage: Stage,
    /// How often in a row it could not be opened.
    failures: u32,
}

/// The ports that somebody asked for, and those on their way out.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    known: BTreeMap<OwnPort, Port>,
    tickets: BTreeMap<PersistTicket, OwnPort>,
    /// The registrations that wait for ports.
    waiting: BTreeMap<RegistrationId, Box<Registering>>,
}

impl PushClient {
    /// Opens what a registration on its way needs to be open; it goes on when everything is.
    pub(crate) fn open_ports(&mut self, registering: Box<Registering>, now: Now) {
        let candidate = registering.candidate;
        let mut waits = false;
        for port in own_ports_of(&self.settings, &registering.record) {
            waits |= self.open_port_for(port, candidate);
        }
        if waits {
            self.ports.waiting.insert(candidate, registering);
        } else {
            self.ports_are_open(registering, now);
        }
    }

    /// Opens the ports of the registrations in force.
    pub(crate) fn restore_ports(&mut self) {
        let records = self.registry.all();
        let mut ports: Vec<_> = records
            .flat_map(|record| own_ports_of(&self.settings, record))
            .collect();
        ports.sort_unstable();
        ports.dedup();
        for port in ports {
            self.ask_for_port(port, Vec::new(), 0);
        }
    }

    /// The driver said what became of a port.
    pub(crate) fn port_opened(
        &mut self,
        ticket: PersistTicket,
        result: Result<(), String>,
        now: Now,
    ) {
        let Some(port) = self.ports.tickets.remove(&ticket) else {
            return;
        };
        let Some(known) = self.ports.known.get_mut(&port) else {
            return;
        };
        let opening = std::mem::replace(&mut known.stage, Stage::Open);
        let Stage::Opening(waiting) = opening else {
            return;
        };
        match result {
            Ok(()) => {
                known.failures = 0;
                self.close_unless_needed(port);
                self.go_on(waiting, now);
            }
            Err(reason) => self.port_not_opened(port, waiting, &reason, now),
        }
    }

    /// A port of registrations in force is tried again.
    pub(crate) fn open_again(&mut self, port: OwnPort) {
        let failures = self.ports.known.get(&port).map_or(0, |port| port.failures);
        self.ask_for_port(port, Vec::new(), failures);
    }

    /// Closes the ports of a registration that is gone, but for those that somebody else needs.
    pub(crate) fn release_ports(&mut self, record: &RegistrationRecord) {
        for port in own_ports_of(&self.settings, record) {
            self.close_unless_needed(port);
        }
    }

    /// Says whether there is something to wait for.
    fn open_port_for(&mut self, port: OwnPort, candidate: RegistrationId) -> bool {
        let failures = match self.ports.known.get_mut(&port) {
            Some(known) => match &mut known.stage {
                Stage::Open => return false,
                Stage::Opening(waiting) => {
                    waiting.push(candidate);
                    return true;
                }
                Stage::Failed(again) => {
                    self.timers.stop(*again, Timer::Port(port));
                    known.failures
                }
            },
            None => 0,
        };
        self.ask_for_port(port, vec![candidate], failures);
        true
    }

    fn ask_for_port(&mut self, port: OwnPort, waiting: Vec<RegistrationId>, failures: u32) {
        let ticket = self.pending.next_ticket();
        self.ports.tickets.insert(ticket, port);
        let stage = Stage::Opening(waiting);
        self.ports.known.insert(port, Port { stage, failures });
        self.outputs.push_back(Output::OpenPort {
            ticket,
            protocol: port.protocol,
            bearer: port.bearer,
            port: port.port,
        });
    }

    /// Whichever of these registrations has everything by now goes on.
    fn go_on(&mut self, waiting: Vec<RegistrationId>, now: Now) {
        for candidate in waiting {
            let Some(registering) = self.ports.waiting.remove(&candidate) else {
                continue;
            };
            let still_opening = own_ports_of(&self.settings, &registering.record)
                .into_iter()
                .any(|port| self.is_awaited_by(port, candidate));
            if still_opening {
                self.ports.waiting.insert(candidate, registering);
            } else {
                self.ports_are_open(registering, now);
            }
        }
    }

    fn is_awaited_by(&self, port: OwnPort, candidate: RegistrationId) -> bool {
        let known = self.ports.known.get(&port);
        known.is_some_and(|port| match &port.stage {
            Stage::Opening(waiting) => waiting.contains(&candidate),
            Stage::Open | Stage::Failed(_) => false,
        })
    }

    /// The registrations that waited for a port are undone. It is tried again as long as one in force needs it.
    fn port_not_opened(
        &mut self,
        port: OwnPort,
        waiting: Vec<RegistrationId>,
        reason: &str,
        now: Now,
    ) {
        let OwnPort {
            protocol,
            bearer,
            port: number,
        } = port;
        self.occurred(Occurrence::PortNotOpened {
            protocol,
            bearer,
            port: number,
            reason: reason.to_owned(),
        });
        self.try_again_later(port, now);
        for candidate in waiting {
            if let Some(registering) = self.ports.waiting.remove(&candidate) {
                let refusal = Refusal::of_option(
                    Reason::OptionNotAvailable,
                    "connectionProfile.port",
                    format!(
                        "port {number} ({protocol} over {bearer}) could not be opened: {reason}; ask for a different one, or \
                         leave it out"
                    ),
                );
                self.undo_registration(*registering, refusal, now);
            }
        }
        self.close_unless_needed(port);
    }

    fn try_again_later(&mut self, port: OwnPort, now: Now) {
        let failures = self.ports.known.get(&port).map_or(0, |port| port.failures);
        let failures = failures.saturating_add(1);
        let again = now.monotonic + self.backoff(failures);
        let stage = Stage::Failed(again);
        self.timers.start(again, Timer::Port(port));
        self.ports.known.insert(port, Port { stage, failures });
    }

    /// A port that is being opened is closed once it is open.
    fn close_unless_needed(&mut self, port: OwnPort) {
        let profile = port.profile();
        if self.registry.holders_of_port(&profile).next().is_some() {
            return;
        }
        match self.ports.known.get(&port).map(|port| &port.stage) {
            Some(Stage::Open) => {
                self.outputs.push_back(Output::ClosePort {
                    protocol: port.protocol,
                    bearer: port.bearer,
                    port: port.port,
                });
            }
            Some(&Stage::Failed(again)) => self.timers.stop(again, Timer::Port(port)),
            Some(Stage::Opening(_)) | None => return,
        }
        self.ports.known.remove(&port);
    }
}

/// Whether a profile names push sessions rather than a port of the terminal.
pub(crate) fn names_sessions(settings: &Settings, profile: ConnectionProfile) -> bool {
    let port = profile
        .protocol
        .and_then(|protocol| settings.protocols.get(&protocol))
        .and_then(|protocol| protocol.session_port);
    port.is_some() && profile.port == port
}

/// The ports that have to be opened for a registration.
fn own_ports_of(settings: &Settings, record: &RegistrationRecord) -> Vec<OwnPort> {
    let profiles = record.profiles.iter();
    profiles
        .filter_map(|profile| own_port(settings, *profile))
        .collect()
}

fn own_port(settings: &Settings, profile: ConnectionProfile) -> Option<OwnPort> {
    let port = OwnPort {
        protocol: profile.protocol?,
        bearer: profile.bearer?,
        port: profile.port?,
    };
    let bearer = settings
        .protocols
        .get(&port.protocol)?
        .bearers
        .get(&port.bearer)?;
    let is_opened = bearer.own_ports == OwnPorts::Opened
        && !bearer.ports.contains(&port.port)
        && !(port.protocol == Protocol::OtaWsp && port.port == SESSION_PORT);
    is_opened.then_some(port)
}
