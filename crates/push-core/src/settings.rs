//! The bounds and choices of the machine; every one has a default.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use push_message::{
    Bearer, DefaultWhitelistEntry, MediaType, Owner, Protocol, PushApplicationId, ShareBounds,
};

/// The settings of a [`PushClient`](crate::PushClient).
#[derive(Debug, Clone)]
pub struct Settings {
    /// The protocols that this client runs. One that is missing is refused as `unsupportedOption`.
    pub protocols: BTreeMap<Protocol, ProtocolSettings>,
    /// The terminal's default whitelist; empty: anyone, unless an application lists somebody.
    pub default_whitelist: Vec<DefaultWhitelistEntry>,
    /// Content types that the client takes on its own account, announced beside those of the applications.
    pub own_content_types: Vec<MediaType>,
    /// Ids that the client answers itself, each with the type of its content: nobody registers for one, and the Push Servers are
    /// told of them like those of applications where [`announces_own`](ProtocolSettings::announces_own) is set. Pushes to
    /// them are the driver's; they do not come here.
    pub own_applications: BTreeMap<PushApplicationId, MediaType>,
    /// Which id a push is meant for that names none, by its content type; `x-wap-application:wml.ua` for the rest.
    pub default_applications: Vec<(MediaType, PushApplicationId)>,
    /// Schemes of `eventHandler` that are served.
    pub handler_schemes: Vec<String>,
    /// Take only Push Application IDs that the OMNA registry knows.
    pub omna_only: bool,
    /// Owners that may register; absent: everyone (Push-CAI 6).
    pub allowed_owners: Option<Vec<String>>,
    /// What owners begin with that the driver itself makes, by its administrator's order: [`allowed_owners`](Self::allowed_owners)
    /// does not concern them. No binding may give such a name to anybody else.
    pub own_owners: Vec<String>,
    /// A registration succeeds only when the servers confirmed it, rather than when they were told.
    pub confirm: bool,
    /// Registrations in all.
    pub max_registrations: usize,
    /// Registrations of one owner.
    pub max_registrations_per_owner: usize,
    /// Registrations of one user, those of its sandboxed applications included.
    pub max_registrations_per_user: usize,
    /// Addresses in the whitelist of one registration.
    pub max_whitelist: usize,
    /// Profiles in one registration.
    pub max_profiles: usize,
    /// Events that wait for one registration.
    pub max_queue_events: usize,
    /// Octets that wait for one registration: content, header text, and 256 for each event itself.
    pub max_queue_octets: usize,
    /// Octets that wait in all, those held for nobody and dead letters included; these give way to events of applications.
    pub max_total_octets: usize,
    /// Octets that wait of one user, its sandboxed applications and dead letters included, or of one service or token; its dead
    /// letters give way to its events.
    pub max_octets_per_user: usize,
    /// Events held that matched nobody; the oldest give way.
    pub max_held_events: usize,
    /// For how long an event is held that matched nobody; zero: not at all.
    pub hold_unmatched: Duration,
    /// Dead letters kept in all; the oldest give way.
    pub max_dead_letters: usize,
    /// Dead letters of one user, those of its sandboxed applications included, or of one service or token; its oldest give way.
    pub max_dead_letters_per_user: usize,
    /// For how long an event is kept for its application, dead letters included.
    pub event_lifetime: Duration,
    /// How long an application may take to acknowledge before the event counts as `later`.
    pub acknowledgement_timeout: Duration,
    /// Deliveries without an acknowledgement (or answered `later`) before an event becomes a dead letter.
    pub max_attempts: u32,
    /// The first back-off, of an event and of a host name that is not known yet; it doubles with each attempt.
    pub backoff_base: Duration,
    /// The greatest back-off.
    pub backoff_limit: Duration,
    /// For how long an event handler rests that could not be reached; doubles with each failure in a row.
    pub handler_backoff_base: Duration,
    /// The longest that an event handler rests by itself; what it asks for may be longer.
    pub handler_backoff_limit: Duration,
    /// How long it may take until somebody takes the events of a registration once its event handler was asked for, the wait for
    /// its turn included; then the handler counts as failed.
    pub activation_timeout: Duration,
    /// Unacknowledged events on one connection.
    pub max_window: u32,
    /// Connections and waiting fetches of one owner.
    pub max_subscribers_per_owner: usize,
    /// Connections and waiting fetches of one user, those of its sandboxed applications included.
    pub max_subscribers_per_user: usize,
    /// The window in which the same transmission again is a duplicate.
    pub duplicate_window: Duration,
    /// Transmissions remembered; the oldest give way.
    pub max_remembered: usize,
    /// Requests that wait for another one to be decided, in all: for the same Push Application ID, or the same transmission.
    pub max_waiting_requests: usize,
    /// Events remembered after they were acknowledged, so that the same acknowledgement again succeeds; the oldest give way.
    pub max_completed: usize,
    /// How often host names of whitelists are resolved again; zero: they are resolved only when they come.
    pub resolve_interval: Duration,
    /// How long the Push Servers may take to answer an announcement.
    pub announce_timeout: Duration,
}

/// What one protocol offers here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of the protocol for itself"
)]
pub struct ProtocolSettings {
    /// Registrations are told to Push Servers on this protocol.
    pub explicit_registration: bool,
    /// Push Servers on this protocol are told as well of the [applications](Settings::own_applications) that the client answers
    /// itself.
    pub announces_own: bool,
    /// Applications that share an id are told apart by their own name (OTA-SIP: the IARI).
    pub tells_instances_apart: bool,
    /// How a push finds its application that does not name one, or not one alone.
    pub addressing: Addressing,
    /// The bearers present.
    pub bearers: BTreeMap<Bearer, BearerSettings>,
    /// Every port listened on is a standard port: a registration that names no port takes pushes that came to any of them,
    /// or to none, on a connection that the terminal opened.
    pub any_port_is_standard: bool,
    /// The port whose name in a profile means push sessions (OTA-WSP: 9201, WAP-259 appendix B): pushes that come on
    /// them, and that one is asked for where a server is to be asked only then. Absent: there are no sessions.
    pub session_port: Option<u16>,
}

/// How a push finds its application that does not name one, or not one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressing {
    /// A push without an id is for the id of its content type ([`Settings::default_applications`]).
    #[default]
    ByContentType,
    /// A push without an id is for the application whose instance it names, or else for the only one that accepts its
    /// content type; one with an id that several applications have, for the one whose instance it names (OTA-SIP).
    OnlyFitting {
        /// What becomes of a push that could be for several all the same.
        ambiguous: Ambiguous,
    },
}

/// What becomes of a push that could be for several applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ambiguous {
    /// It is refused ([`PushRefusal::Ambiguous`](crate::PushRefusal::Ambiguous)).
    #[default]
    Refuse,
    /// The one that registered first gets it.
    First,
}

/// What one bearer of a protocol offers here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BearerSettings {
    /// The ports that are listened on whoever is registered; the first is the standard port. None: the terminal opens its
    /// connections itself.
    pub ports: Vec<u16>,
    /// Those of [`ports`](Self::ports) whose pushes are taken like those of the standard port. Others mean nothing.
    pub also_standard: BTreeSet<u16>,
    /// Whether an application may ask for a further port, for itself alone.
    pub own_ports: OwnPorts,
}

impl BearerSettings {
    /// A bearer that listens on these ports and offers no others.
    pub fn listening(ports: impl Into<Vec<u16>>) -> Self {
        Self {
            ports: ports.into(),
            ..Self::default()
        }
    }

    /// The same bearer, on which applications may have ports of their own in this way.
    #[must_use]
    pub fn with_own_ports(self, own_ports: OwnPorts) -> Self {
        Self { own_ports, ..self }
    }

    /// Whether pushes to this port are for applications that named none.
    pub fn is_standard(&self, port: u16) -> bool {
        self.ports.first() == Some(&port)
            || (self.also_standard.contains(&port) && self.ports.contains(&port))
    }
}

/// Whether an application may have a port for itself (Push-CAI 5.1, the second exception).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnPorts {
    /// None: asked for, it is refused as `optionNotAvailable`.
    #[default]
    No,
    /// One that is opened for it ([`Output::OpenPort`](crate::Output::OpenPort)) and closed when nobody has it any more.
    Opened,
    /// Any: every port reaches the terminal, and shows (short messages from a source that does not hide them).
    Shown,
}

impl Settings {
    /// Whether an owner may have registrations.
    pub(crate) fn allows(&self, owner: &Owner) -> bool {
        let owner = owner.as_str();
        let is_own = self.own_owners.iter().any(|own| owner.starts_with(own));
        let allowed = self.allowed_owners.as_ref();
        is_own || allowed.is_none_or(|allowed| allowed.iter().any(|one| one == owner))
    }

    pub(crate) const fn registration_bounds(&self) -> ShareBounds {
        ShareBounds {
            all: self.max_registrations,
            per_owner: self.max_registrations_per_owner,
            per_user: self.max_registrations_per_user,
        }
    }

    /// All together are bounded by the connections that bindings let in.
    pub(crate) const fn subscriber_bounds(&self) -> ShareBounds {
        ShareBounds {
            all: usize::MAX,
            per_owner: self.max_subscribers_per_owner,
            per_user: self.max_subscribers_per_user,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            protocols: BTreeMap::new(),
            default_whitelist: Vec::new(),
            own_content_types: Vec::new(),
            own_applications: BTreeMap::new(),
            default_applications: Vec::new(),
            handler_schemes: Vec::new(),
            omna_only: false,
            allowed_owners: None,
            own_owners: Vec::new(),
            confirm: false,
            max_registrations: 16_384,
            max_registrations_per_owner: 12_288,
            max_registrations_per_user: 12_288,
            max_whitelist: 64,
            max_profiles: 16,
            max_queue_events: 4_096,
            max_queue_octets: 8 << 20,
            max_total_octets: 64 << 20,
            max_octets_per_user: 48 << 20,
            max_held_events: 256,
            hold_unmatched: Duration::from_hours(1),
            max_dead_letters: 1_024,
            max_dead_letters_per_user: 768,
            event_lifetime: Duration::from_hours(7 * 24),
            acknowledgement_timeout: Duration::from_secs(30),
            max_attempts: 16,
            backoff_base: Duration::from_secs(1),
            backoff_limit: Duration::from_hours(1),
            handler_backoff_base: Duration::from_secs(5),
            handler_backoff_limit: Duration::from_mins(15),
            activation_timeout: Duration::from_mins(10),
            max_window: 256,
            max_subscribers_per_owner: 64,
            max_subscribers_per_user: 256,
            duplicate_window: Duration::from_mins(5),
            max_remembered: 65_536,
            max_waiting_requests: 1_024,
            max_completed: 4_096,
            resolve_interval: Duration::from_mins(5),
            announce_timeout: Duration::from_secs(20),
        }
    }
}
