//! What an administrator chooses of OTA-WSP.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use push_ota::wsp::sessions::{SessionGateway, SessionsSettings};

/// OTA-WSP: where the terminal listens, and with whom it has sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct OtaWspSettings {
    /// UDP addresses that pushes without a session come to (the registered port is 2948); the first one's port is the standard
    /// port. Ports that applications ask for are opened on the same hosts.
    pub listen: Vec<SocketAddr>,
    /// Ports whose pushes are taken like those of the standard port, where they are listened on: there are gateways that send
    /// to 9209.
    pub also_standard: BTreeSet<u16>,
    /// Ports of applications that are open at a time, beside those that are listened on anyway.
    pub max_own_ports: usize,
    /// Push sessions, over UDP; absent: there are none.
    pub sessions: Option<SessionsSettings>,
    /// How long sessions may take to end when the client is shut down.
    pub stop_timeout: Duration,
}

impl OtaWspSettings {
    /// The gateways with which there are sessions; absent where there are no sessions.
    pub(crate) fn gateways(&self) -> Option<Arc<[SessionGateway]>> {
        let sessions = self.sessions.as_ref();
        sessions.map(|sessions| sessions.gateways.as_slice().into())
    }
}

impl Default for OtaWspSettings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            also_standard: BTreeSet::from([9209]),
            max_own_ports: 64,
            sessions: None,
            stop_timeout: Duration::from_secs(2),
        }
    }
}
