//! What is provisioned: the gateways, and what the terminal is to each of them (WAP-183, WAP-235 7.2.5.4, 7.2.6).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The identity of a gateway (provisioning's PROXY-ID): the realm of its challenges, the user name of its credentials.
/// Compared octet for octet. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PpgId(pub Arc<str>);

impl fmt::Display for PpgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Box<str>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where a gateway is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name, which the driver resolves.
    Name(Box<str>),
}

/// Where to dial (WAP-235 7.2.4.1.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contact {
    /// The host.
    pub host: Host,
    /// The port. 4035, or 4036 where secure, if none is named anywhere.
    pub port: u16,
    /// TLS comes before anything else.
    pub secure: bool,
}

/// The Terminal-ID (WAP-235 7.2.6): PXAUTH-ID of the context, else a ClientID (WAP-196).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalId {
    /// As provisioned.
    Given(Box<str>),
    /// The ClientID made of the terminal's own address on the connection (types 6 and 7).
    OfAddress,
}

/// How a gateway has to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authentication {
    /// Not at all: its address, or its certificate, says enough.
    #[default]
    None,
    /// Basic, which goes over TLS or a network that is trusted.
    Basic,
    /// Digest with SHA-1 (WAP-235 7.2.6.2.1); Basic is refused.
    Digest,
    /// Digest, or Basic.
    Any,
}

/// When the terminal opens a connection to a gateway of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connect {
    /// It keeps one open while an application is registered on OTA-HTTP.
    #[default]
    Always,
    /// When the CPI changes, and on a session initiation request.
    WhenNeeded,
    /// Never: the gateway comes to the terminal.
    Never,
}

/// A gateway, with the provisioning context that it belongs to.
#[derive(Debug, Clone)]
pub struct Ppg {
    /// Its PROXY-ID.
    pub id: PpgId,
    /// Where to dial it; absent: it only ever comes to the terminal.
    pub contact: Option<Contact>,
    /// Addresses it is known by, beside that of its contact.
    pub addresses: Vec<IpAddr>,
    /// The name its certificate has to carry; absent: its host name, else its id.
    pub tls_name: Option<Box<str>>,
    /// The ProvURL of its context; `Some("")` is a context with an empty one, absent is a gateway of no context.
    pub prov_url: Option<Box<str>>,
    /// What the terminal is called there; absent: what it is called elsewhere.
    pub terminal_id: Option<TerminalId>,
    /// With what the terminal proves that it is the one; absent: a challenge is refused for good.
    pub terminal_secret: Option<Secret>,
    /// Whether the terminal proves itself by Basic where the connection has no TLS: whoever listens then has the password.
    /// True unless there is reason: Basic is the one scheme that both sides have to support (WAP-235 7.2.6.2.2). Even then only
    /// a peer that is known to be the gateway otherwise than by its own word (dialled, its address, authenticated) gets it.
    pub basic_in_clear: bool,
    /// How the gateway has to prove who it is.
    pub authentication: Authentication,
    /// What it proves it with.
    pub ppg_secret: Option<Secret>,
    /// The bearer to this gateway, as WDP numbers it; absent: that of the terminal.
    pub bearer: Option<u8>,
    /// When it is dialled.
    pub connect: Connect,
    /// What a change of the CPI is announced by.
    pub announce_on: AnnounceOn,
}

/// What a change of the CPI is announced to a gateway by (WAP-235 7.2.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnnounceOn {
    /// A connection that is opened for it, which makes most gateways ask.
    #[default]
    NewConnection,
    /// A connection that is open, if there is one: the gateway asks there when it likes. For one that serves one at a time.
    OpenConnection,
}

impl Ppg {
    /// The name that its certificate has to carry.
    pub fn certified_name(&self) -> &str {
        let host = match self.contact.as_ref().map(|contact| &contact.host) {
            Some(Host::Name(name)) => Some(&**name),
            Some(Host::Ip(_)) | None => None,
        };
        self.tls_name.as_deref().or(host).unwrap_or(&self.id.0)
    }
}

/// The terminal, as every connection sees it. Its CPI is apart, because it changes.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that an administrator makes"
)]
pub struct Terminal {
    /// The gateways, in order of preference.
    pub ppgs: Vec<Ppg>,
    /// What the terminal is called where a context says nothing else.
    pub terminal_id: TerminalId,
    /// The bearer (X-Wap-Bearer-Indication), as WDP numbers it; 0 is any.
    pub bearer: u8,
    /// The versions spoken, most wanted first (WAP-235 7.5).
    pub versions: Vec<(u32, u32)>,
    /// A request without X-Wap-Push-OTA-Version as the first of its connection is refused with 600 rather than taken for 1.0.
    pub version_required: bool,
    /// A push under a stale CPITag is taken (401) rather than dropped (256).
    pub accept_stale_tag: bool,
    /// A push without a CPITag, and none known from an SIR, is taken (400) rather than dropped (256).
    pub accept_absent_tag: bool,
    /// Only a gateway that authenticated itself, or that TLS proved, gets further than the challenge.
    pub identified_only: bool,
    /// Octets of a push message with its headers: X-Wap-Push-MaxMsgSize.
    pub max_message_length: usize,
    /// Headers of a push message.
    pub max_headers: usize,
    /// Octets of the headers of a push message.
    pub max_headers_length: usize,
    /// Failed proofs of a gateway on one connection before it is closed.
    pub max_authentication_failures: u32,
    /// For how long a nonce of ours is good.
    pub nonce_lifetime: Duration,
}
