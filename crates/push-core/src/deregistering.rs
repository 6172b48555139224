//! Application Deregistration as a transaction (Push-CAI 5.2).

use std::collections::BTreeSet;
use std::sync::Arc;

use push_message::{ApplicationId, Owner, Protocol, PushApplicationId, Reason, Refusal};

use crate::client::PushClient;
use crate::pending::{Announcement, Write};
use crate::registering::{Waiting, judge_servers, store_failed, too_many_waiting};
use crate::registry::Departure;
use crate::{
    Answer, Change, DeregistrationRequest, EventId, Now, Occurrence, RegistrationRecord,
    RequestTicket, ServerReport, admission, whitelist,
};

/// A deregistration request with every value parsed.
#[derive(Debug)]
pub(crate) struct Departing {
    owner: Owner,
    application_id: Option<ApplicationId>,
    push_application_id: PushApplicationId,
    revoked: bool,
    force: bool,
}

/// A deregistration on its way.
#[derive(Debug)]
pub(crate) struct Deregistering {
    ticket: RequestTicket,
    record: Arc<RegistrationRecord>,
    revoked: bool,
    force: bool,
    /// The protocols whose servers are told.
    protocols: BTreeSet<Protocol>,
    servers: Vec<ServerReport>,
    /// The events whose removal is written.
    events: Vec<EventId>,
}

impl Departing {
    fn parse(owner: Owner, request: &DeregistrationRequest) -> Result<Self, Refusal> {
        Ok(Self {
            owner,
            application_id: admission::application_id(request.application_id.as_deref())?,
            push_application_id: admission::push_application_id(&request.push_application_id)?,
            revoked: request.revoked,
            force: request.force,
        })
    }
}

impl PushClient {
    pub(crate) fn deregister(
        &mut self,
        ticket: RequestTicket,
        owner: Owner,
        request: &DeregistrationRequest,
        now: Now,
    ) {
        let departing = match Departing::parse(owner, request) {
            Ok(departing) => departing,
            Err(refusal) => return self.answer(ticket, Answer::Refused(refusal)),
        };
        if !self.busy.contains_key(&departing.push_application_id) {
            self.begin_deregistration(ticket, &departing, now);
        } else if self.has_room_to_wait() {
            let id = departing.push_application_id.clone();
            let waiting = self.busy.entry(id).or_default();
            waiting.push_back(Waiting::Deregister(ticket, departing));
        } else {
            self.answer(ticket, Answer::Refused(too_many_waiting()));
        }
    }

    /// Begins a deregistration; its Push Application ID is busy from then on.
    //= specs/push-cai.md#deregistration-request
    //# A deregistration MUST be refused when the application that asks has no registration for the Push Application ID.
    pub(crate) fn begin_deregistration(
        &mut self,
        ticket: RequestTicket,
        departing: &Departing,
        now: Now,
    ) {
        let standing = self.registry.find(
            &departing.owner,
            departing.application_id.as_ref(),
            &departing.push_application_id,
        );
        let Some(record) = standing.map(Arc::clone) else {
            self.answer(ticket, Answer::Refused(not_registered(departing)));
            return;
        };
        self.busy
            .entry(record.push_application_id.clone())
            .or_default();
        let deregistering = Box::new(Deregistering {
            ticket,
            revoked: departing.revoked,
            force: departing.force,
            protocols: self.announced_protocols(&record),
            record,
            servers: Vec::new(),
            events: Vec::new(),
        });
        if deregistering.protocols.is_empty() {
            self.write_removal(deregistering);
        } else {
            self.announce_departure(deregistering, now);
        }
    }

    //= specs/push-cai.md#deregistration-with-the-push-server
    //# An accepted deregistration MUST be followed by a deregistration with the Push Server wherever the push protocol has one.
    fn announce_departure(&mut self, deregistering: Box<Deregistering>, now: Now) {
        self.registry
            .depart(deregistering.record.id, Departure::Announced);
        let protocols = deregistering.protocols.clone();
        self.announce(&protocols, Announcement::Deregistration(deregistering), now);
    }

    pub(crate) fn deregistration_announced(
        &mut self,
        mut deregistering: Box<Deregistering>,
        servers: Vec<ServerReport>,
        now: Now,
    ) {
        match judge_servers(&servers, None, self.settings.confirm) {
            Ok(()) => {
                deregistering.servers = servers;
                self.write_removal(deregistering);
            }
            Err(refusal) => {
                deregistering.servers = servers;
                self.deregistration_not_announced(deregistering, refusal, now);
            }
        }
    }

    /// A server could not be told: the registration stands, unless it is to go all the same. What was announced last
    /// stays what is to hold, so that such a server is told when it can be.
    pub(crate) fn deregistration_not_announced(
        &mut self,
        deregistering: Box<Deregistering>,
        refusal: Refusal,
        now: Now,
    ) {
        if deregistering.force {
            self.write_removal(deregistering);
        } else {
            self.undo_deregistration(&deregistering, refusal, now);
        }
    }

    /// Writes the end of a registration and of its events; it takes no more pushes meanwhile.
    fn write_removal(&mut self, mut deregistering: Box<Deregistering>) {
        let id = deregistering.record.id;
        self.registry.depart(id, Departure::Removing);
        deregistering.events = self.journal.of_registration(id);
        let events = deregistering.events.iter().copied();
        let mut changes: Vec<_> = events.map(Change::RemoveEvent).collect();
        changes.push(Change::RemoveRegistration(id));
        self.persist(changes, Write::Removal(deregistering));
    }

    /// The registration is gone.
    //= specs/push-cai.md#answer-to-a-deregistration
    //# A deregistration that is accepted, and carried out with the Push Server where one has to be told, MUST be answered with a response that tells the application of its success.
    //= specs/push-cai.md#whitelist-after-deregistration
    //# Deregistration MUST take out of the whitelist every server that the departing application alone had named.
    pub(crate) fn removed(&mut self, deregistering: Deregistering, now: Now) {
        let Deregistering {
            ticket,
            record,
            revoked,
            servers,
            events,
            ..
        } = deregistering;
        self.registry.remove(record.id);
        self.forget_loss(record.id);
        self.remove_hosts(whitelist::hosts_of(&record.whitelist));
        self.release_ports(&record);
        let takers: BTreeSet<_> = events
            .into_iter()
            .filter_map(|event| self.forget_event(event))
            .collect();
        self.end_handler(record.id, now);
        self.pump(record.id, now);
        for taker in takers {
            self.unblock(Some(taker), now);
        }
        self.answer(ticket, Answer::Deregistered { servers });
        self.next_in_turn(&record.push_application_id, now);
        self.occurred(Occurrence::Deregistered(Arc::clone(&record)));
        if revoked {
            self.revoked(record, "an administrator took it away".to_owned());
        }
    }

    pub(crate) fn removal_not_written(
        &mut self,
        deregistering: &Deregistering,
        reason: &str,
        now: Now,
    ) {
        self.undo_deregistration(deregistering, store_failed(reason), now);
    }

    /// The registration stands, and the Push Servers are told so.
    //= specs/push-cai.md#answer-to-a-deregistration
    //# A deregistration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
    fn undo_deregistration(&mut self, deregistering: &Deregistering, refusal: Refusal, now: Now) {
        let Deregistering { ticket, record, .. } = deregistering;
        self.registry.stay(record.id);
        if !deregistering.protocols.is_empty() {
            self.announce_only(&deregistering.protocols);
        }
        self.answer(*ticket, Answer::Refused(refusal));
        self.replay_held(now);
        self.pump(record.id, now);
        self.next_in_turn(&record.push_application_id, now);
    }
}

fn not_registered(departing: &Departing) -> Refusal {
    let name = departing.application_id.as_ref().map_or_else(
        || "without an applicationID".to_owned(),
        |name| format!("with applicationID {name}"),
    );
    Refusal::of_option(
        Reason::NotRegistered,
        "pushApplicationID",
        format!(
            "this owner holds no registration of {} {name}; give both as they were registered",
            departing.push_application_id
        ),
    )
}
