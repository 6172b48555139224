//! What the Push Servers are told: the sum over the registrations of each protocol (Push-CAI 5.1, 5.2).

use std::collections::BTreeSet;

use push_message::{Bearer, ConnectionProfile, Protocol};

use crate::client::PushClient;
use crate::ports::names_sessions;
use crate::{Capabilities, ProtocolSettings, RegistrationRecord};

impl PushClient {
    /// What holds at present for every protocol that has explicit registration: the registrations in force and those that
    /// are being announced.
    pub fn capabilities(&self) -> Vec<Capabilities> {
        let explicit = self.explicit_protocols().collect();
        self.capabilities_on(&explicit)
    }

    /// The protocols on which Push Servers are told of registrations.
    pub(crate) fn explicit_protocols(&self) -> impl Iterator<Item = Protocol> {
        let explicit = |settings: &ProtocolSettings| settings.explicit_registration;
        self.settings
            .protocols
            .iter()
            .filter(move |(_, settings)| explicit(settings))
            .map(|(protocol, _)| *protocol)
    }

    /// The protocols on which Push Servers have to be told of this registration.
    pub(crate) fn announced_protocols(&self, record: &RegistrationRecord) -> BTreeSet<Protocol> {
        self.explicit_protocols()
            .filter(|protocol| self.is_told_of(record, *protocol))
            .collect()
    }

    /// Whether the Push Servers of a protocol are told of a registration.
    fn is_told_of(&self, record: &RegistrationRecord, protocol: Protocol) -> bool {
        let settings = self.settings.protocols.get(&protocol);
        let mut profiles = record.profiles.iter();
        record.profiles.is_empty()
            || profiles.any(|profile| {
                profile.protocol.is_none_or(|own| own == protocol) && is_told(settings, *profile)
            })
    }

    pub(crate) fn capabilities_on(&self, protocols: &BTreeSet<Protocol>) -> Vec<Capabilities> {
        protocols
            .iter()
            .map(|protocol| self.capabilities_of(*protocol))
            .collect()
    }

    //= specs/push-cai.md#registration-with-the-push-server
    //# The set of Push Application IDs told to the Push Server MUST contain the newly registered one.
    //= specs/push-cai.md#registration-with-the-push-server
    //# The set of MIME types told to the Push Server MUST contain those that the registration names.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# The set of Push Application IDs told to the Push Server after a deregistration MUST lack the one that nobody holds any more.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# The set of MIME types told to the Push Server after a deregistration MUST lack those that the departed application alone had named.
    fn capabilities_of(&self, protocol: Protocol) -> Capabilities {
        let settings = self.settings.protocols.get(&protocol);
        let own = self.settings.own_content_types.iter();
        let mut capabilities = Capabilities {
            protocol,
            applications: BTreeSet::new(),
            instances: BTreeSet::new(),
            accept: own.map(|own| own.as_str().into()).collect(),
            sessions_asked_for: false,
        };
        if settings.is_some_and(|settings| settings.announces_own) {
            for (application, media_type) in &self.settings.own_applications {
                capabilities.applications.insert(application.clone());
                capabilities.accept.insert(media_type.as_str().into());
            }
        }
        let tells_apart = settings.is_some_and(|settings| settings.tells_instances_apart);
        for record in self.registry.announced() {
            if self.is_told_of(record, protocol) {
                add(&mut capabilities, record, tells_apart);
                let mut profiles = record.profiles.iter();
                capabilities.sessions_asked_for |=
                    profiles.any(|profile| names_sessions(&self.settings, *profile));
            }
        }
        capabilities
    }
}

/// Whether pushes may come this way to whatever Push Servers are told: where a protocol tells them on sessions, those over
/// short messages and to a port of one's own come without.
fn is_told(settings: Option<&ProtocolSettings>, profile: ConnectionProfile) -> bool {
    settings.is_some_and(|settings| match settings.session_port {
        None => true,
        Some(sessions) => {
            profile.bearer.is_none_or(|bearer| bearer == Bearer::Ip)
                && profile.port.is_none_or(|port| port == sessions)
        }
    })
}

fn add(capabilities: &mut Capabilities, record: &RegistrationRecord, tells_apart: bool) {
    if !record.push_application_id.is_any() {
        capabilities
            .applications
            .insert(record.push_application_id.clone());
    }
    if tells_apart && !record.observes {
        capabilities.instances.extend(record.application_id.clone());
    }
    match &record.accept {
        Some(accept) => {
            let wanted = accept.ranges().iter().filter(|range| !range.excludes());
            capabilities
                .accept
                .extend(wanted.map(|range| range.as_str().into()));
        }
        None => {
            capabilities.accept.insert("*/*".into());
        }
    }
}
