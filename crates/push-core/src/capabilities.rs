//! What the Push Servers are told: the sum over the registrations of each protocol (Push-CAI 5.1, 5.2).

use std::collections::BTreeSet;

use push_message::Protocol;

use crate::client::PushClient;
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
            .filter(|protocol| uses(record, *protocol))
            .collect()
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
        let own = self.settings.own_content_types.iter();
        let mut capabilities = Capabilities {
            protocol,
            applications: self.settings.own_applications.clone(),
            instances: BTreeSet::new(),
            accept: own.map(|own| own.as_str().into()).collect(),
            sessions_asked_for: false,
        };
        let settings = self.settings.protocols.get(&protocol);
        let tells_apart = settings.is_some_and(|settings| settings.tells_instances_apart);
        for record in self.registry.announced() {
            if uses(record, protocol) {
                add(&mut capabilities, record, tells_apart);
                capabilities.sessions_asked_for |= names_sessions(record, settings);
            }
        }
        capabilities
    }
}

/// Whether a registration takes pushes over a protocol.
fn uses(record: &RegistrationRecord, protocol: Protocol) -> bool {
    record.profiles.is_empty()
        || record.profiles.iter().any(|profile| {
            profile
                .protocol
                .is_none_or(|candidate| candidate == protocol)
        })
}

/// Whether a registration asks for push sessions by their port.
fn names_sessions(record: &RegistrationRecord, settings: Option<&ProtocolSettings>) -> bool {
    let port = settings.and_then(|settings| settings.session_port);
    port.is_some() && record.profiles.iter().any(|profile| profile.port == port)
}

fn add(capabilities: &mut Capabilities, record: &RegistrationRecord, tells_apart: bool) {
    capabilities
        .applications
        .insert(record.push_application_id.clone());
    if tells_apart {
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
