//! What an administrator chooses of OTA-SIP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use push_core::Ambiguous;
use push_ota::sip::{AgentSettings, Transport};
use rustls::ClientConfig;

use crate::ota_http::{TlsError, TlsFiles, client_of};

/// OTA-SIP: whom the terminal is, where its core is, where it listens.
#[derive(Debug, Clone)]
pub struct OtaSipSettings {
    /// The user agent. Where [`msrp_listen`](Self::msrp_listen) is set,
    /// [`LargePushSettings::listening`](push_ota::sip::LargePushSettings::listening) need not be.
    pub agent: AgentSettings,
    /// The UDP address that SIP is sent from and comes to, and the TCP address of the same port that the core may connect to.
    /// Absent: where the first hop is reached over UDP, every address with a port that the system chooses; else nowhere.
    pub listen: Option<SocketAddr>,
    /// The TCP address that Push Servers connect to for large pushes; absent: the terminal always connects itself.
    pub msrp_listen: Option<SocketAddr>,
    /// Certificates. `ca` is needed where the first hop is reached over TLS.
    pub tls: TlsFiles,
    /// Octets of the receive buffer asked of the kernel for the UDP socket.
    pub receive_buffer: usize,
    /// Octets of its send buffer.
    pub send_buffer: usize,
    /// What becomes of a push that several applications could be meant by.
    pub ambiguous: Ambiguous,
    /// The bounds of connections, of SIP and of MSRP.
    pub connections: SipConnectionSettings,
    /// How long the binding and sessions may take to end when the client is shut down.
    pub stop_timeout: Duration,
}

/// The bounds of connections that carry SIP or MSRP.
///
/// Where a bound on connections that others open is reached, the one gives way that has been silent for longest: of the same
/// address, where the bound is that of the address. The core's connections give way to the core's alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipConnectionSettings {
    /// Connections that others opened, at a time.
    pub max_connections: usize,
    /// Of these, how many from one address.
    pub max_connections_per_address: usize,
    /// How long a connection that somebody opened may be silent.
    pub idle_timeout: Duration,
    /// How long it may take to reach a host, all its addresses together.
    pub dial_timeout: Duration,
    /// How long TLS may take to be set up.
    pub handshake_timeout: Duration,
    /// How long a peer may leave unread what is sent to it.
    pub write_timeout: Duration,
    /// Octets that wait to be sent on a connection; one with more is ended.
    pub max_unsent: usize,
    /// After this time without a sign the system asks whether the peer is still there; zero: never.
    pub keep_alive_interval: Duration,
}

impl OtaSipSettings {
    /// [`receive_buffer`](Self::receive_buffer) unless somebody says otherwise.
    pub const RECEIVE_BUFFER: usize = 2 << 20;
    /// [`send_buffer`](Self::send_buffer) unless somebody says otherwise.
    pub const SEND_BUFFER: usize = 1 << 20;
    /// [`stop_timeout`](Self::stop_timeout) unless somebody says otherwise.
    pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);

    /// OTA-SIP for this user agent, with every bound as it is by default.
    pub fn new(agent: AgentSettings) -> Self {
        Self {
            agent,
            listen: None,
            msrp_listen: None,
            tls: TlsFiles::default(),
            receive_buffer: Self::RECEIVE_BUFFER,
            send_buffer: Self::SEND_BUFFER,
            ambiguous: Ambiguous::default(),
            connections: SipConnectionSettings::default(),
            stop_timeout: Self::STOP_TIMEOUT,
        }
    }

    /// Whether the certificates and keys that are named can be used, and are there where they are needed. Reads the files.
    pub fn check_certificates(&self) -> Result<(), TlsError> {
        self.connector().map(drop)
    }

    /// What makes connections secure; absent where nothing is reached over TLS.
    pub(crate) fn connector(&self) -> Result<Option<Arc<ClientConfig>>, TlsError> {
        let connector = client_of(&self.tls)?;
        if self.agent.account.transport == Transport::Tls && connector.is_none() {
            return Err(TlsError::Incomplete(
                "the core is reached over TLS: name ca_file, its authorities",
            ));
        }
        Ok(connector)
    }
}

impl Default for SipConnectionSettings {
    fn default() -> Self {
        Self {
            max_connections: 64,
            max_connections_per_address: 16,
            idle_timeout: Duration::from_mins(5),
            dial_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            max_unsent: 1 << 20,
            keep_alive_interval: Duration::from_mins(1),
        }
    }
}
