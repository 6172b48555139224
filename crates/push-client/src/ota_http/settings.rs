//! What an administrator chooses of OTA-HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use push_ota::http::{CpiSettings, RegistrarSettings, Terminal, TerminalId};

use super::tls::{Tls, TlsError};

/// OTA-HTTP: where the terminal listens, whom it dials, what it says of itself.
#[derive(Debug, Clone)]
pub struct OtaHttpSettings {
    /// The terminal and its gateways.
    pub terminal: Terminal,
    /// What the terminal says of itself beside what applications ask for.
    pub cpi: CpiSettings,
    /// When which gateway is dialled.
    pub registrar: RegistrarSettings,
    /// TCP addresses that gateways come to (WAP-235 7.2.4.2; the registered port is 4035).
    pub listen: Vec<SocketAddr>,
    /// TCP addresses that they come to with TLS (the registered port is 4036). They need [`TlsFiles::ca`].
    pub tls_listen: Vec<SocketAddr>,
    /// Certificates.
    pub tls: TlsFiles,
    /// The bounds of connections.
    pub connections: ConnectionSettings,
}

/// Where certificates and keys are, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that gateways' certificates have to lead to; absent: there is no TLS.
    pub ca: Option<PathBuf>,
    /// The terminal's own certificate with its chain, for gateways that ask for one.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// The bounds of OTA-HTTP's connections.
///
/// Where a bound on connections is reached, the one gives way on which nothing has been asked for longest: of the same
/// address, where the bound is that of the address. A connection whose request is being read or answered never gives way,
/// and those from addresses of provisioned gateways only to such. Where none can, the new one is closed without a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// Connections in all that gateways opened.
    pub max_connections: usize,
    /// Of these, how many from one address.
    pub max_connections_per_address: usize,
    /// How long the head of a request may take, from its first octet; of the first request of a connection that was
    /// accepted, from there.
    pub header_timeout: Duration,
    /// How long the body of a request may take, from its first octet.
    pub body_timeout: Duration,
    /// How long a connection that a gateway opened may be without a request.
    pub idle_timeout: Duration,
    /// The same for a connection that the terminal opened; zero: for as long as it lasts.
    pub dialled_idle_timeout: Duration,
    /// How long a peer may leave an answer unread.
    pub write_timeout: Duration,
    /// How long it may take to resolve a gateway's name and to reach it. Together with `handshake_timeout` it should be less than
    /// [`RegistrarSettings::announce_patience`], so that an announcement hears of a dial that fails.
    pub dial_timeout: Duration,
    /// How long TLS may take to be set up.
    pub handshake_timeout: Duration,
    /// After this time without a sign the system asks whether the peer is still there; zero: never.
    pub keep_alive_interval: Duration,
    /// Octets of the head of a request.
    pub max_head_octets: usize,
    /// Headers of a request, 100 at most.
    pub max_headers: usize,
    /// Send answers at once rather than to wait for more to send (`TCP_NODELAY`).
    pub nodelay: bool,
    /// How long requests under way may take to end when the client is shut down.
    pub shutdown_timeout: Duration,
    /// Pushes remembered whose answer could not be given, so that they are known when they come again; the oldest give way.
    pub max_unanswered: usize,
}

impl OtaHttpSettings {
    /// Whether there is anything to do: a port to listen on, or a gateway.
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty() || !self.tls_listen.is_empty() || !self.terminal.ppgs.is_empty()
    }

    /// Whether the certificates and keys that are named can be used. Reads the files.
    pub fn check_certificates(&self) -> Result<(), TlsError> {
        Tls::load(&self.tls, &self.terminal).map(drop)
    }
}

impl Default for OtaHttpSettings {
    fn default() -> Self {
        Self {
            terminal: Terminal {
                ppgs: Vec::new(),
                terminal_id: TerminalId::OfAddress,
                bearer: 0,
                versions: vec![(1, 0)],
                version_required: false,
                accept_stale_tag: false,
                accept_absent_tag: true,
                identified_only: false,
                max_message_length: 64 << 10,
                max_headers: 64,
                max_headers_length: 8 << 10,
                max_authentication_failures: 4,
                nonce_lifetime: Duration::from_mins(5),
            },
            cpi: CpiSettings {
                charsets: vec!["UTF-8".to_owned()],
                encodings: Vec::new(),
                languages: Vec::new(),
                max_message_length: 64 << 10,
                max_push_requests: 8,
                max_value_length: 4 << 10,
            },
            registrar: RegistrarSettings::default(),
            listen: Vec::new(),
            tls_listen: Vec::new(),
            tls: TlsFiles::default(),
            connections: ConnectionSettings::default(),
        }
    }
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_connections_per_address: 32,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(5),
            dialled_idle_timeout: Duration::ZERO,
            write_timeout: Duration::from_secs(30),
            dial_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(5),
            keep_alive_interval: Duration::from_mins(1),
            max_head_octets: 16 << 10,
            max_headers: 64,
            nodelay: true,
            shutdown_timeout: Duration::from_secs(5),
            max_unanswered: 1_024,
        }
    }
}
