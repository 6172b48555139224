//! What a gateway does and does not do.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::tls::TestAuthority;

/// A password. It does not show where settings are printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The password itself.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// How a terminal is asked who it is (WAP-235 7.2.6.2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TerminalAuthentication {
    /// It is believed.
    #[default]
    None,
    /// By its password, in the clear.
    Basic,
    /// By a digest made with SHA-1.
    Digest,
}

/// Where a terminal is, before it has said anything itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Where it listens, and whether it wants TLS there (PO-TCP).
    pub listens: Option<(SocketAddr, bool)>,
    /// Where it takes connectionless pushes, and the datagram with the session initiation request that makes it call.
    pub initiation: Option<(SocketAddr, Vec<u8>)>,
}

/// What a gateway does when a push does not get through at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How often a push is tried again after 234 and 237.
    pub retries: u32,
    /// How long it waits before the first of them; twice as long before each next one.
    pub retry_delay: Duration,
    /// How often it sends a push again when the connection broke before the answer.
    pub retries_after_loss: u32,
    /// How long a push waits for its terminal to connect.
    pub patience: Duration,
    /// Whether the terminal's content types, applications and MaxMsgSize are respected.
    pub honour_capabilities: bool,
    /// Whether no more pushes are under way to a terminal than its MaxPushReq.
    pub honour_max_push_req: bool,
    /// Whether pushes carry the tag that is assumed to be valid.
    pub send_tag: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 5,
            retry_delay: Duration::from_millis(200),
            retries_after_loss: 1,
            patience: Duration::from_secs(30),
            honour_capabilities: true,
            honour_max_push_req: true,
            send_tag: true,
        }
    }
}

/// What a gateway holds at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at the same time.
    pub connections: usize,
    /// Registration contexts.
    pub contexts: usize,
    /// CPIs of one context.
    pub tags: usize,
    /// Pushes that wait or are under way, of all terminals together.
    pub pushes: usize,
    /// Pushes of the Push Access Protocol whose outcome can be asked for.
    pub submissions: usize,
    /// Octets of an answer's head.
    pub answer_head: usize,
    /// Octets of an answer's body, and of a message of the Push Access Protocol.
    pub body: usize,
    /// How long an answer may take; opening a connection, too.
    pub answer_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 1_000,
            contexts: 10_000,
            tags: 8,
            pushes: 10_000,
            submissions: 10_000,
            answer_head: 64 * 1024,
            body: 4 * 1024 * 1024,
            answer_time: Duration::from_secs(30),
        }
    }
}

/// Settings of a [`Ppg`](super::Ppg).
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, and read by its name"
)]
pub struct PpgSettings {
    /// The gateway's identity (PROXY-ID): realm of its challenges, user name of its credentials.
    pub id: String,
    /// Where terminals connect to (TO-TCP); port 0 is any.
    pub listen: Vec<SocketAddr>,
    /// Where terminals connect to with TLS.
    pub tls_listen: Vec<SocketAddr>,
    /// Where push initiators connect to (PAP over HTTP).
    pub pap: Option<SocketAddr>,
    /// The address that it dials terminals from; any where none is given.
    pub source: Option<IpAddr>,
    /// Who signs its certificate; one is made at need.
    pub authority: Option<TestAuthority>,
    /// The names in its certificate; its id and the loopback addresses where none is given.
    pub certificate_names: Vec<String>,
    /// Whether terminals must show a certificate of the same authority.
    pub ask_for_certificate: bool,
    /// Its password towards terminals.
    pub password: Option<Secret>,
    /// Whether it shows that (by the basic scheme) without being asked.
    pub unasked: bool,
    /// Whether it answers a digest challenge rather than a basic one where a terminal offers both.
    pub prefer_digest: bool,
    /// Whether requests go on carrying credentials once a terminal has asked for them on a connection.
    pub authorize_always: bool,
    /// How terminals are asked who they are.
    pub authenticate: TerminalAuthentication,
    /// Whether pushes carry the challenge as well, not registrations alone.
    pub authenticate_pushes: bool,
    /// How often a terminal may try again with other credentials.
    pub authentication_retries: u32,
    /// The passwords that terminals must know, by Terminal-ID.
    pub terminal_passwords: BTreeMap<String, Secret>,
    /// The one for all other terminals; none: they are refused.
    pub terminal_password: Option<Secret>,
    /// Whether it asks for registration on each new connection.
    pub register: bool,
    /// The value of X-Wap-Push-OTA-Version; none: the header is left out.
    pub versions: Option<String>,
    /// Whether that stands in every request, or in a connection's first only.
    pub versions_always: bool,
    /// The value of Host; none: the header is left out.
    pub host: Option<String>,
    /// The value of X-Wap-Push-ProvURL in the first request of a PO-TCP connection; none: the header is left out.
    pub prov_url: Option<String>,
    /// Terminals that are known beforehand, by Terminal-ID.
    pub routes: BTreeMap<String, Route>,
    /// What it does when a push does not get through at once.
    pub policy: Policy,
    /// What it holds at most.
    pub bounds: Bounds,
}

impl PpgSettings {
    /// A gateway with this identity that listens nowhere, asks for registration and authenticates nobody.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            listen: Vec::new(),
            tls_listen: Vec::new(),
            pap: None,
            source: None,
            authority: None,
            certificate_names: Vec::new(),
            ask_for_certificate: false,
            password: None,
            unasked: false,
            prefer_digest: true,
            authorize_always: false,
            authenticate: TerminalAuthentication::None,
            authenticate_pushes: false,
            authentication_retries: 1,
            terminal_passwords: BTreeMap::new(),
            terminal_password: None,
            register: true,
            versions: Some("1.0".to_owned()),
            versions_always: true,
            host: Some(String::new()),
            prov_url: None,
            routes: BTreeMap::new(),
            policy: Policy::default(),
            bounds: Bounds::default(),
        }
    }

    /// The password that a terminal must know.
    pub(super) fn password_of(&self, terminal: &str) -> Option<&str> {
        self.terminal_passwords
            .get(terminal)
            .or(self.terminal_password.as_ref())
            .map(Secret::reveal)
    }
}
