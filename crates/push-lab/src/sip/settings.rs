//! What a core and a push server do and do not do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::digest::SipAlgorithm;
use super::spoil::Spoil;
use crate::ppg::TestAuthority;

/// How long what is not answered waits before it is sent again (RFC 3261 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipTimers {
    /// The first interval, which doubles.
    pub t1: Duration,
    /// The longest interval.
    pub t2: Duration,
    /// How long an answer is awaited.
    pub patience: Duration,
}

impl Default for SipTimers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            patience: Duration::from_secs(32),
        }
    }
}

/// What a core or a push server holds at most. Beyond it the oldest is forgotten, or the newest is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipBounds {
    /// Transactions of others that are remembered.
    pub transactions: usize,
    /// Connections.
    pub connections: usize,
    /// Contacts of one user.
    pub contacts: usize,
    /// Users with a contact.
    pub users: usize,
    /// Octets of a message.
    pub message: usize,
    /// Octets that come on one connection of MSRP.
    pub msrp: usize,
}

impl Default for SipBounds {
    fn default() -> Self {
        Self {
            transactions: 10_000,
            connections: 1_000,
            contacts: 64,
            users: 10_000,
            message: 256 * 1024,
            msrp: 1024 * 1024,
        }
    }
}

/// What happens to datagrams on their way. A number of 0 means that it never does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SipWay {
    /// Every so-manieth datagram that is sent is lost.
    pub lose_sent: u32,
    /// Every so-manieth datagram that comes is lost.
    pub lose_received: u32,
    /// Every so-manieth datagram that is sent arrives twice.
    pub repeat: u32,
}

/// Settings of a [`SipCore`](super::SipCore).
#[derive(Debug, Clone)]
pub struct SipCoreSettings {
    /// The domain that it serves.
    pub domain: String,
    /// Where it is reached over UDP, and over TCP at the same port; port 0 is any.
    pub listen: SocketAddr,
    /// Where it is reached over TLS.
    pub tls_listen: Option<SocketAddr>,
    /// Who signs its certificate; absent: a new authority.
    pub authority: Option<TestAuthority>,
    /// The names in its certificate; none: its domain, and those of this machine.
    pub certificate_names: Vec<String>,
    /// The passwords of users.
    pub users: BTreeMap<String, String>,
    /// The password of all others; absent: there are no others.
    pub password: Option<String>,
    /// Push servers by their SIP URIs, and where they are: requests from there are trusted.
    pub servers: BTreeMap<String, SocketAddr>,
    /// What passwords are proved by, the most wanted first.
    pub algorithms: Vec<SipAlgorithm>,
    /// How long answers are awaited.
    pub timers: SipTimers,
    /// Whether every message is told as an event.
    pub trace: bool,
    /// How it behaves at first.
    pub behaviour: SipCoreBehaviour,
    /// What it holds at most.
    pub bounds: SipBounds,
}

impl SipCoreSettings {
    /// A well-behaved core of this domain on any port of 127.0.0.1, where every user has this password.
    pub fn new(domain: &str, password: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            tls_listen: None,
            authority: None,
            certificate_names: Vec::new(),
            users: BTreeMap::new(),
            password: Some(password.to_owned()),
            servers: BTreeMap::new(),
            algorithms: vec![SipAlgorithm::Md5],
            timers: SipTimers::default(),
            trace: false,
            behaviour: SipCoreBehaviour::default(),
            bounds: SipBounds::default(),
        }
    }
}

/// How a core behaves; it can be changed while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct SipCoreBehaviour {
    /// Whether REGISTER needs a password (401).
    pub challenge_register: bool,
    /// Whether other requests of terminals need one (407).
    pub challenge_requests: bool,
    /// How many requests a nonce is good for; those beyond are told that it is stale. Absent: any number.
    pub nonce_uses: Option<u32>,
    /// Whether every proof is answered with another challenge.
    pub never_satisfied: bool,
    /// The shortest lifetime that is granted to a binding: less is answered with 423.
    pub shortest: u32,
    /// The longest one: more is cut to it.
    pub longest: u32,
    /// What REGISTER is answered with instead of all that, with these headers.
    pub refuse: Option<(u16, Vec<(String, String)>)>,
    /// Whether bindings come with a Service-Route (RFC 3608).
    pub service_route: bool,
    /// Whether they come with a GRUU (RFC 5627).
    pub gruu: bool,
    /// Whether answers to REGISTER repeat the feature tags of contacts.
    pub tags_in_answer: bool,
    /// Whether each row of Accept-Contact is taken strictly, as if it said `require;explicit`.
    pub strict: bool,
    /// Whether the core says who sent a request (P-Asserted-Identity).
    pub asserts: bool,
    /// Whether it believes that header from anybody.
    pub believes: bool,
    /// Whether it stays on the way of a dialog.
    pub record_route: bool,
    /// Messages longer than this go to terminals over TCP; absent: they do not.
    pub tcp_above: Option<usize>,
    /// The answers to requests with these methods that are spoilt, and how.
    pub spoilt: Vec<(String, Spoil)>,
    /// What happens to datagrams on their way.
    pub way: SipWay,
}

impl Default for SipCoreBehaviour {
    fn default() -> Self {
        Self {
            challenge_register: true,
            challenge_requests: false,
            nonce_uses: None,
            never_satisfied: false,
            shortest: 1,
            longest: 3_600,
            refuse: None,
            service_route: true,
            gruu: true,
            tags_in_answer: false,
            strict: false,
            asserts: true,
            believes: false,
            record_route: true,
            tcp_above: None,
            spoilt: Vec::new(),
            way: SipWay::default(),
        }
    }
}

/// Settings of a [`SipPushServer`](super::SipPushServer).
#[derive(Debug, Clone)]
pub struct SipPushServerSettings {
    /// Its SIP URI.
    pub uri: String,
    /// Where it is reached over UDP, and over TCP at the same port; port 0 is any.
    pub listen: SocketAddr,
    /// The core; absent: it sends straight to whom it pushes to.
    pub core: Option<SocketAddr>,
    /// Whether it reaches the core over TCP.
    pub tcp: bool,
    /// How long answers are awaited.
    pub timers: SipTimers,
    /// Whether every message is told as an event.
    pub trace: bool,
    /// How it behaves at first.
    pub behaviour: SipPushServerBehaviour,
    /// What it holds at most.
    pub bounds: SipBounds,
}

impl SipPushServerSettings {
    /// A well-behaved push server with this SIP URI on any port of 127.0.0.1, behind this core.
    pub fn new(uri: &str, core: Option<SocketAddr>) -> Self {
        Self {
            uri: uri.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            core,
            tcp: false,
            timers: SipTimers::default(),
            trace: false,
            behaviour: SipPushServerBehaviour::default(),
            bounds: SipBounds::default(),
        }
    }
}

/// Which of the applications that a terminal has are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Serves {
    /// Every one.
    #[default]
    All,
    /// These alone (Push Resource Identifiers).
    Only(Vec<String>),
    /// Every one but these.
    AllBut(Vec<String>),
}

impl Serves {
    /// Whether this one is served.
    pub fn takes(&self, application: &str) -> bool {
        let in_list = |list: &[String]| {
            list.iter()
                .any(|known| known.eq_ignore_ascii_case(application))
        };
        match self {
            Self::All => true,
            Self::Only(list) => in_list(list),
            Self::AllBut(list) => !in_list(list),
        }
    }
}

/// How a push server behaves; it can be changed while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipPushServerBehaviour {
    /// Which applications it serves, as its answer to OPTIONS says.
    pub serves: Serves,
    /// Whether that answer has a Contact at all.
    pub echoes: bool,
    /// The status of that answer.
    pub status: u16,
    /// Headers to add to it.
    pub headers: Vec<(String, String)>,
    /// The answers to requests with these methods that are spoilt, and how.
    pub spoilt: Vec<(String, Spoil)>,
    /// What happens to datagrams on their way.
    pub way: SipWay,
}

impl Default for SipPushServerBehaviour {
    fn default() -> Self {
        Self {
            serves: Serves::All,
            echoes: true,
            status: 200,
            headers: Vec::new(),
            spoilt: Vec::new(),
            way: SipWay::default(),
        }
    }
}
