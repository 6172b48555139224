//! What an administrator chooses of OTA-WSP.

use std::collections::BTreeSet;
use std::net::SocketAddr;

/// OTA-WSP: where the terminal listens.
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
}

impl Default for OtaWspSettings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            also_standard: BTreeSet::from([9209]),
            max_own_ports: 64,
        }
    }
}
