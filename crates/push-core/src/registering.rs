//! Application Registration as a transaction (Push-CAI 5.1).
//!
//! Where no Push Server has to be told, one write puts the registration in force. Otherwise it is written as pending, the
//! servers are told, and a second write puts it in force; whatever fails in between undoes the rest. A registration that
//! replaces another is pending under an id of its own, so that the former one stands until the write that swaps them.
//! A port of its own is opened before anybody is told.
//! Requests that concern the same Push Application ID are carried out one after another.

use std::collections::BTreeSet;
use std::sync::Arc;

use push_message::{Owner, Protocol, PushApplicationId, Reason, Refusal};

use crate::admission::Application;
use crate::client::PushClient;
use crate::deregistering::Departing;
use crate::pending::{Announcement, Write};
use crate::timers::Timer;
use crate::{
    Answer, Change, Now, Occurrence, Output, PersistTicket, RegistrationId, RegistrationRecord,
    RegistrationRequest, RegistrationState, RequestTicket, ServerReport, ServerState, uniqueness,
    whitelist,
};

/// A request that waits until another one for the same Push Application ID is done.
#[derive(Debug)]
pub(crate) enum Waiting {
    Register(RequestTicket, Box<Application>),
    Deregister(RequestTicket, Departing),
}

/// A registration on its way.
#[derive(Debug)]
pub(crate) struct Registering {
    pub(crate) ticket: RequestTicket,
    /// As it will be in force.
    pub(crate) record: RegistrationRecord,
    /// The id under which it is pending.
    pub(crate) candidate: RegistrationId,
    /// The protocols whose servers are told.
    protocols: BTreeSet<Protocol>,
    servers: Vec<ServerReport>,
    /// Whether it is written down as pending.
    written: bool,
    announced: bool,
}

impl PushClient {
    pub(crate) fn register(
        &mut self,
        ticket: RequestTicket,
        owner: Owner,
        request: &RegistrationRequest,
        now: Now,
    ) {
        match Application::admit(&self.settings, owner.clone(), request) {
            Ok(application) => self.register_in_turn(ticket, Box::new(application), now),
            Err(refusal) => self.refuse_registration(ticket, owner, refusal),
        }
    }

    fn register_in_turn(&mut self, ticket: RequestTicket, application: Box<Application>, now: Now) {
        let id = application.push_application_id.clone();
        if !self.busy.contains_key(&id) {
            self.begin_registration(ticket, *application, now);
        } else if self.has_room_to_wait() {
            let waiting = self.busy.entry(id).or_default();
            waiting.push_back(Waiting::Register(ticket, application));
        } else {
            self.refuse_registration(ticket, application.owner, too_many_waiting());
        }
    }

    /// Begins a registration if the rules let it; its Push Application ID is busy from then on.
    fn begin_registration(&mut self, ticket: RequestTicket, application: Application, now: Now) {
        if let Err(refusal) = self.judge_registration(&application) {
            self.refuse_registration(ticket, application.owner, refusal);
            return;
        }
        let standing = self.registry.find(
            &application.owner,
            application.application_id.as_ref(),
            &application.push_application_id,
        );
        let replaced = standing.map(|record| (record.id, self.announced_protocols(record)));
        let candidate = self.next_registration();
        let (id, mut protocols) = replaced.clone().unwrap_or((candidate, BTreeSet::new()));
        let record = self.record(id, application, now);
        protocols.extend(self.announced_protocols(&record));
        self.busy
            .entry(record.push_application_id.clone())
            .or_default();
        let pending = Arc::new(RegistrationRecord {
            id: candidate,
            state: RegistrationState::Pending,
            ..record.clone()
        });
        self.registry
            .add_candidate(Arc::clone(&pending), replaced.map(|(id, _)| id));
        let registering = Box::new(Registering {
            ticket,
            record,
            candidate,
            protocols,
            servers: Vec::new(),
            written: false,
            announced: false,
        });
        if registering.protocols.is_empty() {
            self.open_ports(registering, now);
        } else {
            let changes = vec![Change::PutRegistration(pending)];
            self.persist(changes, Write::Candidate(registering));
        }
    }

    fn judge_registration(&self, application: &Application) -> Result<(), Refusal> {
        uniqueness::judge(&self.settings, &self.registry, application)?;
        let standing = self.registry.find(
            &application.owner,
            application.application_id.as_ref(),
            &application.push_application_id,
        );
        if standing.is_some() {
            return Ok(());
        }
        let bounds = self.settings.registration_bounds();
        let claimed = self.registry.claimed();
        claimed.check(&application.owner, bounds).map_err(|taken| {
            let registrations = taken.describe("registrations", "max_registrations");
            let detail =
                format!("there are {registrations}, the most there may be; deregister one first");
            Refusal::new(Reason::QuotaExceeded, detail)
        })
    }

    //= specs/push-cai.md#retained-details
    //# The details of a registration MUST be kept for as long as a deregistration may need them.
    fn record(&self, id: RegistrationId, application: Application, now: Now) -> RegistrationRecord {
        RegistrationRecord {
            id,
            owner: self.registry.shared(application.owner),
            application_id: application.application_id,
            push_application_id: application.push_application_id,
            event_handler: application.event_handler,
            whitelist: application.whitelist,
            profiles: application.profiles,
            accept: application.accept,
            suppress_equal_content_millis: application.suppress_equal_content_millis,
            observes: application.observes,
            registered: now.unix,
            state: RegistrationState::Active,
        }
    }

    /// The registration is written as pending.
    pub(crate) fn candidate_written(&mut self, mut registering: Box<Registering>, now: Now) {
        registering.written = true;
        self.open_ports(registering, now);
    }

    /// Every port that the registration names is open: the Push Servers are told, where there are any to tell.
    //= specs/push-cai.md#accepted-registration
    //# An accepted registration MUST be followed by a registration with the Push Server wherever the push protocol has one.
    pub(crate) fn ports_are_open(&mut self, mut registering: Box<Registering>, now: Now) {
        if registering.protocols.is_empty() {
            self.activate(registering);
            return;
        }
        self.registry.announce_candidate(registering.candidate);
        registering.announced = true;
        let protocols = registering.protocols.clone();
        self.announce(&protocols, Announcement::Registration(registering), now);
    }

    /// Tells the Push Servers of these protocols what is to hold.
    pub(crate) fn announce(
        &mut self,
        protocols: &BTreeSet<Protocol>,
        announcement: Announcement,
        now: Now,
    ) {
        let deadline = now.monotonic + self.settings.announce_timeout;
        let ticket = self.announce_only(protocols);
        self.timers.start(deadline, Timer::Announcement(ticket));
        self.pending
            .announcements
            .insert(ticket, (deadline, announcement));
    }

    /// Tells the Push Servers without waiting for what they say.
    pub(crate) fn announce_only(&mut self, protocols: &BTreeSet<Protocol>) -> PersistTicket {
        let ticket = self.pending.next_ticket();
        let capabilities = self.capabilities_on(protocols);
        self.outputs.push_back(Output::Announce {
            ticket,
            capabilities,
        });
        ticket
    }

    pub(crate) fn announced(
        &mut self,
        ticket: PersistTicket,
        servers: Vec<ServerReport>,
        now: Now,
    ) {
        let Some((deadline, announcement)) = self.pending.announcements.remove(&ticket) else {
            return;
        };
        self.timers.stop(deadline, Timer::Announcement(ticket));
        match announcement {
            Announcement::Registration(registering) => {
                self.registration_announced(registering, servers, now);
            }
            Announcement::Deregistration(deregistering) => {
                self.deregistration_announced(deregistering, servers, now);
            }
        }
    }

    pub(crate) fn announcement_overdue(&mut self, ticket: PersistTicket, now: Now) {
        let Some((_, announcement)) = self.pending.announcements.remove(&ticket) else {
            return;
        };
        let refusal = Refusal::new(
            Reason::ServerUnreachable,
            format!(
                "the Push Servers did not answer within {} s; try again when they can be reached",
                self.settings.announce_timeout.as_secs()
            ),
        );
        match announcement {
            Announcement::Registration(registering) => {
                self.undo_registration(*registering, refusal, now);
            }
            Announcement::Deregistration(deregistering) => {
                self.deregistration_not_announced(deregistering, refusal, now);
            }
        }
    }

    fn registration_announced(
        &mut self,
        mut registering: Box<Registering>,
        servers: Vec<ServerReport>,
        now: Now,
    ) {
        let id = &registering.record.push_application_id;
        match judge_servers(&servers, Some(id), self.settings.confirm) {
            Ok(()) => {
                registering.servers = servers;
                self.activate(registering);
            }
            Err(refusal) => self.undo_registration(*registering, refusal, now),
        }
    }

    fn activate(&mut self, registering: Box<Registering>) {
        let record = Arc::new(registering.record.clone());
        let mut changes = Vec::with_capacity(2);
        if registering.written && registering.candidate != record.id {
            changes.push(Change::RemoveRegistration(registering.candidate));
        }
        changes.push(Change::PutRegistration(record));
        self.persist(changes, Write::Activation(registering));
    }

    /// The registration is in force.
    //= specs/push-cai.md#accepted-registration
    //# An accepted registration MUST be answered with a response that tells the application of its success.
    //= specs/push-cai.md#whitelist-of-a-registration
    //# The servers in the whitelist of an accepted registration MUST be added to the Push Client's whitelist.
    pub(crate) fn activated(&mut self, registering: Registering, now: Now) {
        let record = Arc::new(registering.record);
        self.registry.remove_candidate(registering.candidate);
        self.forget_loss(record.id);
        self.add_hosts(whitelist::hosts_of(&record.whitelist), now);
        let former = self.registry.remove(record.id);
        self.registry.insert(Arc::clone(&record));
        if let Some(former) = former {
            self.remove_hosts(whitelist::hosts_of(&former.whitelist));
            self.release_ports(&former);
            self.replace_handler(&former, &record, now);
        }
        self.answer(
            registering.ticket,
            Answer::Registered {
                registration: record.id,
                servers: registering.servers,
            },
        );
        self.occurred(Occurrence::Registered(Arc::clone(&record)));
        self.replay_held(now);
        self.pump(record.id, now);
        self.next_in_turn(&record.push_application_id, now);
    }

    pub(crate) fn registration_not_written(
        &mut self,
        registering: Registering,
        reason: &str,
        now: Now,
    ) {
        self.undo_registration(registering, store_failed(reason), now);
    }

    /// Takes everything back that was written and told, and answers.
    //= specs/push-cai.md#failed-registration
    //# A registration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
    pub(crate) fn undo_registration(
        &mut self,
        registering: Registering,
        refusal: Refusal,
        now: Now,
    ) {
        let Registering {
            ticket,
            record,
            candidate,
            protocols,
            written,
            announced,
            ..
        } = registering;
        self.registry.remove_candidate(candidate);
        self.release_ports(&record);
        if written {
            self.keep_house(vec![Change::RemoveRegistration(candidate)]);
        }
        if announced {
            self.announce_only(&protocols);
        }
        self.refuse_registration(ticket, record.owner, refusal);
        self.next_in_turn(&record.push_application_id, now);
    }

    fn refuse_registration(&mut self, ticket: RequestTicket, owner: Owner, refusal: Refusal) {
        self.answer(ticket, Answer::Refused(refusal.clone()));
        self.occurred(Occurrence::RegistrationRefused { owner, refusal });
    }

    pub(crate) fn answer(&mut self, ticket: RequestTicket, answer: Answer) {
        self.outputs.push_back(Output::Answer { ticket, answer });
    }

    pub(crate) fn has_room_to_wait(&self) -> bool {
        let waiting: usize = self
            .busy
            .values()
            .map(std::collections::VecDeque::len)
            .sum();
        waiting < self.settings.max_waiting_requests
    }

    /// Carries out the requests that waited for this id, until one of them keeps it busy again.
    pub(crate) fn next_in_turn(&mut self, id: &PushApplicationId, now: Now) {
        let mut waiting = self.busy.remove(id).unwrap_or_default();
        while let Some(request) = waiting.pop_front() {
            match request {
                Waiting::Register(ticket, application) => {
                    self.begin_registration(ticket, *application, now);
                }
                Waiting::Deregister(ticket, departing) => {
                    self.begin_deregistration(ticket, &departing, now);
                }
            }
            if let Some(busy) = self.busy.get_mut(id) {
                *busy = waiting;
                return;
            }
        }
    }
}

/// Whether every server knows by now. A server that took the rest but refused this id has refused.
pub(crate) fn judge_servers(
    servers: &[ServerReport],
    id: Option<&PushApplicationId>,
    confirm: bool,
) -> Result<(), Refusal> {
    let refused = servers.iter().find_map(|server| {
        let unserved = id.filter(|id| server.rejected_applications.contains(id));
        let cause = match unserved {
            Some(id) => format!("it does not serve {id}"),
            None => cause(server),
        };
        let rejected = server.state == ServerState::Rejected || unserved.is_some();
        rejected.then(|| server_refusal(Reason::ServerRejected, server, "refused", &cause))
    });
    if let Some(refusal) = refused {
        return Err(refusal);
    }
    let told = |state| match state {
        ServerState::Confirmed => true,
        ServerState::Announced => !confirm,
        ServerState::Requested | ServerState::Rejected | ServerState::Unreachable => false,
    };
    match servers.iter().find(|server| !told(server.state)) {
        Some(server) => Err(server_refusal(
            Reason::ServerUnreachable,
            server,
            if server.state == ServerState::Unreachable {
                "could not be reached"
            } else {
                "has not said in time that it knows"
            },
            &cause(server),
        )),
        None => Ok(()),
    }
}

fn cause(server: &ServerReport) -> String {
    let reason = server.reason.as_deref();
    reason.unwrap_or("it gave no reason").to_owned()
}

fn server_refusal(reason: Reason, server: &ServerReport, what: &str, cause: &str) -> Refusal {
    Refusal::new(
        reason,
        format!(
            "Push Server {} ({}) {what}: {cause}; nothing was changed, try again when it agrees",
            server.uri, server.protocol
        ),
    )
}

pub(crate) fn store_failed(reason: &str) -> Refusal {
    Refusal::new(
        Reason::StoreFailed,
        format!(
            "it could not be written down ({reason}); nothing was changed, try again when the store can write"
        ),
    )
}

pub(crate) fn too_many_waiting() -> Refusal {
    Refusal::new(
        Reason::QuotaExceeded,
        "too many requests wait for others on the same Push Application ID; try again in a moment",
    )
}
