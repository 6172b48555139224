//! What the properties show.

use std::collections::BTreeSet;

use push_api::{Caller, Owner, PushService, Server};

/// What the properties show, as of the last time that somebody looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) protocols: Vec<String>,
    pub(crate) bearers: Vec<String>,
    pub(crate) sources: Vec<Server>,
}

impl State {
    /// Asks the Push Client; what it does not say is left empty.
    pub(crate) async fn read<S: PushService>(service: &S) -> Self {
        // Nobody's registrations are asked for, so it does not matter who asks.
        let caller = || Caller {
            owner: Owner::proved("pushcai:dbus".to_owned()),
            administrator: false,
        };
        let listening = service.status(caller()).await;
        let listening = listening.map(|status| status.listening).unwrap_or_default();
        let servers = service.servers(caller()).await.unwrap_or_default();
        let listened = listening.into_iter().map(|(protocol, _)| protocol);
        let spoken = servers.iter().map(|server| server.protocol.clone());
        let (protocols, others): (BTreeSet<_>, BTreeSet<_>) = listened
            .chain(spoken)
            .partition(|name| name.starts_with("OTA-"));
        let over_ip = (!protocols.is_empty()).then(|| "IP".to_owned());
        let over_sms = (!others.is_empty()).then(|| "GSM-SMS".to_owned());
        let sources = servers.into_iter().map(shown);
        Self {
            protocols: protocols.into_iter().collect(),
            bearers: over_ip.into_iter().chain(over_sms).collect(),
            sources: sources.collect(),
        }
    }
}

/// What is shown of a server: not what changes with every push.
fn shown(server: Server) -> Server {
    let Server {
        uri,
        protocol,
        state,
        reason,
        ..
    } = server;
    Server {
        uri,
        protocol,
        state,
        reason,
        ..Server::default()
    }
}
