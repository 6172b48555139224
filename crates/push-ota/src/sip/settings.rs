//! The choices and bounds of the user agent. What no public text of Push using SIP settles is a choice here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::events::{Host, Transport};

/// Everything that the user agent is told once.
#[derive(Clone)]
pub struct AgentSettings {
    /// Whom the terminal is, and where its core is.
    pub account: Account,
    /// The Push Sender Agents that capabilities are told to, as SIP URIs.
    pub push_sender_agents: Vec<Box<str>>,
    /// The binding at the registrar.
    pub registration: RegistrationSettings,
    /// How requests are answered.
    pub serving: ServingSettings,
    /// Transactions.
    pub transactions: TransactionSettings,
    /// Large pushes.
    pub sessions: LargePushSettings,
}

/// Whom the terminal is, and where its core is.
#[derive(Clone)]
pub struct Account {
    /// The address of record: `sip:alice@ims.example.net`.
    pub user: Box<str>,
    /// The user name for digest; often the user part of the address of record.
    pub auth_user: Box<str>,
    /// The password.
    pub password: Box<str>,
    /// The Request-URI of REGISTER: `sip:ims.example.net`.
    pub registrar: Box<str>,
    /// The outbound proxy, as it stands in Route: `sip:192.0.2.9:5060;transport=tcp;lr`. Absent: the registrar is dialled itself.
    pub outbound: Option<Box<str>>,
    /// By what the first hop is reached.
    pub transport: Transport,
    /// The first hop.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// `+sip.instance` without brackets: `urn:uuid:...` (RFC 5626 4.1). The same at each start.
    pub instance: Box<str>,
    /// The value of User-Agent.
    pub user_agent: Box<str>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of people and passwords are nobody's business.
        f.debug_struct("Account")
            .field("registrar", &self.registrar)
            .field("transport", &self.transport)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AgentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSettings")
            .field("account", &self.account)
            .field("push_sender_agents", &self.push_sender_agents)
            .field("registration", &self.registration)
            .field("serving", &self.serving)
            .field("transactions", &self.transactions)
            .field("sessions", &self.sessions)
            .finish()
    }
}

/// The binding at the registrar, and what Push Sender Agents are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationSettings {
    /// The lifetime that is asked for, in whole seconds.
    pub expires: Duration,
    /// How long the binding stays after the last application has left.
    pub grace: Duration,
    /// How long an announcement may take before it is answered without those who have not answered. Less than the core's
    /// own patience.
    pub announce_patience: Duration,
    /// The first back-off after a failure (RFC 5626 4.5); it doubles. Chance shortens each by up to a half.
    pub backoff_base: Duration,
    /// The greatest back-off.
    pub backoff_limit: Duration,
    /// Whether OPTIONS carry P-Preferred-Identity (3GPP TS 24.229).
    pub preferred_identity: bool,
    /// A Push Sender Agent serves only those ids that stand in the Contact of its answer; else a Contact without any says nothing.
    pub psa_must_echo: bool,
    /// Announcements that wait at a time.
    pub max_announcements: usize,
    /// The most octets of a request over UDP: longer ones go by TCP (RFC 3261 18.1.1).
    pub max_datagram: usize,
    /// How often a flow is kept alive by a pair of empty lines (RFC 5626 4.4.1); zero: never.
    pub keep_alive: Duration,
    /// Requests with a new challenge that are answered in a row before the password is taken to be wrong.
    pub max_challenges: u32,
}

impl Default for RegistrationSettings {
    fn default() -> Self {
        Self {
            expires: Duration::from_hours(1),
            grace: Duration::from_secs(30),
            announce_patience: Duration::from_secs(15),
            backoff_base: Duration::from_secs(30),
            backoff_limit: Duration::from_mins(30),
            preferred_identity: true,
            psa_must_echo: true,
            max_announcements: 64,
            max_datagram: 1_300,
            keep_alive: Duration::ZERO,
            max_challenges: 3,
        }
    }
}

/// How requests of Push Servers are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingSettings {
    /// Whose requests are taken.
    pub accept_from: AcceptFrom,
    /// Hosts of the core beside the first hop: P-Asserted-Identity is believed from them as well.
    pub core_addresses: Vec<IpAddr>,
    /// Where the core asserts nobody: its own URI counts as the server, rather than its IP address.
    pub trust_core: bool,
    /// The answer to a push that is stored for an application that is away: 200 or 202 (RFC 3428 7).
    pub stored_status: u16,
    /// A push from an unlisted server is dropped after an answer of 200, so that the server learns nothing.
    pub silent_refusal: bool,
    /// What becomes of a push that names an application instance, but none that is registered.
    pub other_instances: OtherInstances,
    /// Content in `application/vnd.oma.push` is taken out of its envelope, rather than delivered as it came.
    pub unpack_envelope: bool,
    /// The most octets of content in a MESSAGE.
    pub max_content: usize,
    /// The most headers of a message.
    pub max_headers: usize,
    /// Seconds in Retry-After, where a push may be sent again.
    pub retry_after: u32,
}

impl Default for ServingSettings {
    fn default() -> Self {
        Self {
            accept_from: AcceptFrom::Core,
            core_addresses: Vec::new(),
            trust_core: false,
            stored_status: 202,
            silent_refusal: false,
            other_instances: OtherInstances::Refuse,
            unpack_envelope: false,
            max_content: 64 << 10,
            max_headers: 128,
            retry_after: 5,
        }
    }
}

/// Whose requests are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptFrom {
    /// The core's alone: what comes over a connection that the terminal made to the first hop, or in datagrams from its address and
    /// port, and what comes from `core_addresses`. Others are refused with 403.
    Core,
    /// Anybody's; P-Asserted-Identity is believed from the core alone.
    Anyone,
}

/// What becomes of a push that names application instances of which none is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherInstances {
    /// It is for somebody else, and refused.
    Refuse,
    /// It goes by its Push Application ID, as if it named none.
    Ignore,
}

/// Transactions (RFC 3261 17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionSettings {
    /// T1, the estimate of a round trip.
    pub t1: Duration,
    /// T2, the longest interval of repetition.
    pub t2: Duration,
    /// T4, how long a message may stay in the network.
    pub t4: Duration,
    /// Requests of others that wait for their answer at a time; more are answered with 503.
    pub max_unanswered: usize,
    /// Answers that are remembered for repetitions; the oldest give way.
    pub max_answered: usize,
    /// Octets of such answers, in all.
    pub max_answered_octets: usize,
    /// Requests of the terminal under way at a time.
    pub max_requests: usize,
    /// The longest message taken.
    pub max_message: usize,
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            max_unanswered: 1_024,
            max_answered: 4_096,
            max_answered_octets: 4 << 20,
            max_requests: 256,
            max_message: 128 << 10,
        }
    }
}

/// Large pushes: INVITE with MSRP (RFC 4975, RFC 6135).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargePushSettings {
    /// Large pushes are taken at all; else INVITE is answered with 405, and missing in Allow.
    pub enabled: bool,
    /// Where Push Servers reach the terminal's MSRP port; absent: the terminal always connects itself, and an offer that
    /// would have it wait is refused with 488.
    pub listening: Option<SocketAddr>,
    /// The most octets of one push.
    pub max_content: usize,
    /// Octets of all pushes that are arriving.
    pub max_octets: usize,
    /// Sessions at a time.
    pub max_sessions: usize,
    /// How long a session may take to have its connection, and between two chunks.
    pub idle_timeout: Duration,
    /// How long one may take in all.
    pub timeout: Duration,
    /// Connections of strangers that have not named their session yet.
    pub max_unbound: usize,
    /// The terminal connects wherever an offer says, also into networks that are nearer to it than the peer is; see
    /// [`Reach`](super::Reach).
    pub connect_anywhere: bool,
}

impl Default for LargePushSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            listening: None,
            max_content: 1 << 20,
            max_octets: 8 << 20,
            max_sessions: 16,
            idle_timeout: Duration::from_secs(30),
            timeout: Duration::from_mins(5),
            max_unbound: 16,
            connect_anywhere: false,
        }
    }
}
