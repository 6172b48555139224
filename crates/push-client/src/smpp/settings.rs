//! What an administrator chooses of a message centre.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use push_ota::http::{Host, Secret};

/// How a message centre is reached, and the bounds of the connection to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmppSettings {
    /// The name of the link; events carry it as their device.
    pub id: Arc<str>,
    /// The centre's host.
    pub host: Host,
    /// Its port; 2775 is the registered one.
    pub port: u16,
    /// TLS before anything else; absent: none.
    pub tls: Option<SmppTls>,
    /// The name to bind with, at most 15 octets.
    pub system_id: Box<str>,
    /// The password to bind with, at most 8 octets.
    pub password: Secret,
    /// The kind of system, at most 12 octets; most centres want none.
    pub system_type: Box<str>,
    /// The addresses whose short messages are wanted, as the centre writes patterns, at most 40 octets; most centres want none.
    pub address_range: Box<str>,
    /// The centre's own number, in E.164 with its `+`. SMPP does not show it, and whitelists name centres by it.
    pub smsc: Option<Box<str>>,
    /// How long the link may be silent before the centre is asked whether it is alive.
    pub enquire_interval: Duration,
    /// How long opening the connection, with TLS, may take.
    pub connect_timeout: Duration,
    /// How long the centre may take to answer, and to take what is written.
    pub response_timeout: Duration,
    /// The first pause before the centre is connected to again; it doubles.
    pub backoff_base: Duration,
    /// The greatest pause.
    pub backoff_limit: Duration,
    /// Short messages that wait to be written down at a time; more wait in the socket.
    pub window: usize,
    /// Octets of one PDU at most; the link ends at a longer one.
    pub max_pdu: usize,
}

/// How a message centre is reached over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmppTls {
    /// A PEM file with the authorities that the centre's certificate has to lead to.
    pub ca: PathBuf,
    /// The name in its certificate; absent: its host.
    pub name: Option<Box<str>>,
}

impl SmppSettings {
    /// The registered port of SMPP.
    pub const PORT: u16 = 2775;

    /// A centre that is reached without TLS.
    pub fn new(id: impl Into<Arc<str>>, host: Host, port: u16) -> Self {
        Self {
            id: id.into(),
            host,
            port,
            tls: None,
            system_id: Box::default(),
            password: Secret(Box::default()),
            system_type: Box::default(),
            address_range: Box::default(),
            smsc: None,
            enquire_interval: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(10),
            backoff_base: Duration::from_secs(1),
            backoff_limit: Duration::from_mins(1),
            window: 16,
            max_pdu: 70_000,
        }
    }
}
