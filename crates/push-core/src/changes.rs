//! Registrations that are not what they were, without their applications having asked for it.
//!
//! At start, a registration whose owner may register no longer is removed; one that asks for something that is not to be had any
//! more stands, and gets what can still be delivered. While the client runs, a Push Server may lose what it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use push_message::Protocol;

use crate::client::PushClient;
use crate::handlers::handler_scheme;
use crate::{
    ChangeCause, Occurrence, RegistrationId, RegistrationRecord, ServerReport, ServerState,
};

/// What the Push Servers said last, and for which registrations one of them does not stand.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    /// By protocol and URI. There are as many as were provisioned.
    servers: BTreeMap<(Protocol, String), ServerReport>,
    lost: BTreeSet<RegistrationId>,
}

impl PushClient {
    /// Whether the owner of a registration may have one by the present settings.
    pub(crate) fn is_allowed(&self, record: &RegistrationRecord) -> bool {
        self.settings.allows(&record.owner)
    }

    /// A registration was taken away because its owner may have none any more.
    pub(crate) fn disallowed(&mut self, record: RegistrationRecord) {
        let detail = format!(
            "owner {} may not register here any more; the administrator has to list it among the allowed owners",
            record.owner
        );
        self.revoked(Arc::new(record), detail);
    }

    /// A registration was taken away.
    pub(crate) fn revoked(&mut self, record: Arc<RegistrationRecord>, detail: String) {
        self.changed(record, ChangeCause::Revoked, detail);
    }

    /// Says of every registration what it asks for that is not to be had by the present settings.
    pub(crate) fn find_invalidated(&mut self) {
        let invalidated: Vec<_> = self
            .registry
            .all()
            .filter_map(|record| Some((Arc::clone(record), self.what_is_missing(record)?)))
            .collect();
        for (record, detail) in invalidated {
            self.changed(record, ChangeCause::Invalidated, detail);
        }
    }

    fn what_is_missing(&self, record: &RegistrationRecord) -> Option<String> {
        let id = &record.push_application_id;
        let unknown = self.settings.omna_only && !id.is_registered_with_omna();
        let unknown = unknown.then(|| {
            format!("{id} is not in the OMNA registry and only registered ids are taken here now")
        });
        let handler = record.event_handler.as_deref();
        let handler = handler.filter(|handler| !self.serves_handler(handler));
        let handler = handler.map(|handler| {
            let scheme = handler_scheme(handler).unwrap_or_default();
            format!("event handlers of scheme `{scheme}` are not served here any more")
        });
        let profiles = record.profiles.iter();
        let off = profiles.filter_map(|profile| {
            let protocol = profile.protocol?;
            let Some(settings) = self.settings.protocols.get(&protocol) else {
                return Some(format!("protocol {protocol} is not run here any more"));
            };
            let absent = profile
                .bearer
                .filter(|bearer| !settings.bearers.contains_key(bearer))?;
            Some(format!("bearer {absent} of {protocol} is absent"))
        });
        let mut missing: Vec<_> = unknown.into_iter().chain(handler).chain(off).collect();
        missing.dedup();
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    /// Push Servers stand otherwise than they did.
    pub(crate) fn servers_changed(&mut self, servers: Vec<ServerReport>) {
        let protocols: BTreeSet<_> = servers.iter().map(|server| server.protocol).collect();
        for server in servers {
            let key = (server.protocol, server.uri.clone());
            let is_being_told = server.state == ServerState::Requested;
            if !is_being_told || !self.standings.servers.contains_key(&key) {
                self.standings.servers.insert(key, server);
            }
        }
        let registrations = self.registry.all();
        let told =
            registrations.map(|record| (Arc::clone(record), self.announced_protocols(record)));
        let concerned: Vec<_> = told
            .filter(|(_, told)| !told.is_disjoint(&protocols))
            .collect();
        for (record, told) in concerned {
            self.judge_standing(record, &told);
        }
    }

    /// Says of a registration, of which the servers of these protocols are told, if it is lost or stands again.
    fn judge_standing(&mut self, record: Arc<RegistrationRecord>, told: &BTreeSet<Protocol>) {
        let servers = self.standings.servers.values();
        let mut concerned = servers.filter(|server| told.contains(&server.protocol));
        match concerned.find_map(|server| why_lost(server, &record)) {
            Some(detail) => {
                if self.standings.lost.insert(record.id) {
                    self.changed(record, ChangeCause::Lost, detail);
                }
            }
            None => {
                if self.standings.lost.remove(&record.id) {
                    let detail = "every Push Server knows it again".to_owned();
                    self.changed(record, ChangeCause::Restored, detail);
                }
            }
        }
    }

    /// A registration came or went as its application asked: what was lost before does not concern it.
    pub(crate) fn forget_loss(&mut self, registration: RegistrationId) {
        self.standings.lost.remove(&registration);
    }

    fn changed(&mut self, record: Arc<RegistrationRecord>, cause: ChangeCause, detail: String) {
        self.occurred(Occurrence::RegistrationChanged {
            record,
            cause,
            detail,
        });
    }
}

/// Why a server does not stand for a registration. One that is being told is left out of account.
fn why_lost(server: &ServerReport, record: &RegistrationRecord) -> Option<String> {
    let uri = &server.uri;
    let reason = server.reason.as_deref().unwrap_or("it gave no reason");
    match server.state {
        ServerState::Rejected => Some(format!("Push Server {uri} refuses it: {reason}")),
        ServerState::Unreachable => Some(format!("Push Server {uri} cannot be reached: {reason}")),
        ServerState::Requested | ServerState::Announced | ServerState::Confirmed => {
            let id = &record.push_application_id;
            let is_rejected = server.rejected_applications.contains(id);
            is_rejected.then(|| format!("Push Server {uri} does not serve {id}"))
        }
    }
}
