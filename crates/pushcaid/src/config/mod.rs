//! The configuration of the daemon: a TOML document, every key of which has a default.

mod checks;
mod contact;
mod dbus;
mod document;
mod handlers;
mod ota_http;
mod ota_sip;
mod ota_wsp;
mod peers;
mod reference;
mod secret;
mod section;
mod sms;
mod tls;
mod value;
mod wiring;

use std::fmt;
use std::path::PathBuf;

use push_client::{ClientSettings, Durability, StoreSettings};
use push_core::Settings;
use push_http::HttpSettings;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use section::{Section, section};

pub use dbus::{Dbus, DbusEnabledName};
pub use document::ConfigError;
pub use handlers::{
    ExecTable, Handlers, HandlersWiring, IsolationName, PlainHttpName, SessionHelpersTable,
    SystemdTable, UnixTable, WebhooksTable,
};
pub use ota_http::{
    AnnounceOnName, AuthenticationName, BearerNumber, ConnectName, OtaHttp, Ppg, SirContactsName,
    SirPreferenceName, UnknownContextName, Version,
};
pub use ota_sip::{
    AcceptFromName, AmbiguousName, Instance, OtaSip, OtherInstancesName, SipWiring, is_instance_id,
};
pub use ota_wsp::{OtaWsp, SessionPpg, StartName, VerificationName};
pub use peers::{Imports, OfonoSideTable, PeersWiring};
pub use reference::reference;
pub use sms::{ModemManagerTable, OfonoTable, SmppLink, Sms, StorageName};
pub use value::{Octets, Span};
pub use wiring::{Wiring, Wrong};

section! {
    /// Where things are. These keys stand at the top, before any section.
    General, "" {
        /// The directory of the store. It is made, with mode 0700, if it is missing. Only one daemon at a time can use it,
        /// and no other user may own it or write to it.
        state_dir: PathBuf = "/var/lib/pushcai".into(),
    }
}

section! {
    /// The interface for applications: HTTP on a Unix socket, and on TCP if asked for.
    Api, "api" {
        /// The path of the Unix socket; empty: none. Its directory is made if it is missing. A socket that the service manager
        /// passes takes its place.
        socket: PathBuf = "/run/pushcai/api.sock".into(),
        /// The mode of the Unix socket, in octal. The default lets every user in; each sees only its own applications.
        socket_mode: String = "0666".to_owned(),
        /// What makes two connections on the Unix socket or on D-Bus the same owner: `user`, the user alone; or `unit`, the user and
        /// the systemd service, Flatpak application or confined snap that the process belongs to, where it belongs to one.
        identity: IdentityName = IdentityName::Unit,
        /// Sandboxes that are looked into at a time, to tell whose connections are theirs: on the Unix socket, and on D-Bus.
        max_sandbox_lookups: usize = HttpSettings::default().max_sandbox_lookups,
        /// Of these, sandboxes of one user.
        max_sandbox_lookups_per_user: usize = HttpSettings::default().max_sandbox_lookups_per_user,
        /// An address for HTTP over TCP, such as `127.0.0.1:8035`; absent: none. It needs `token_file`.
        tcp: Option<std::net::SocketAddr> = None,
        /// A file of tokens for TCP: `NAME TOKEN` a line, with `admin` behind it for an administrator; `#` starts a comment. The
        /// owner is `token:NAME`. The file must be closed to other users.
        token_file: Option<PathBuf> = None,
        /// Host names beside loopback ones that requests over TCP may be addressed to, without port.
        hosts: Vec<String> = Vec::new(),
    }
}

section! {
    /// The bounds of the interface for applications, for each of its two listeners.
    Http, "http" {
        /// Connections at a time. Of a user, a quarter of these may be open before it is told whose they are, beside its share.
        max_connections: usize = HttpSettings::default().max_connections,
        /// Connections of one owner at a time.
        max_connections_per_owner: usize = HttpSettings::default().max_connections_per_owner,
        /// Connections of one user at a time, those of its sandboxed applications included. Each has one stream or waiting fetch at
        /// most, so less than `max_waits` leaves some of these to others.
        max_connections_per_user: usize = HttpSettings::default().max_connections_per_user,
        /// Streams and waiting fetches at a time.
        max_waits: usize = HttpSettings::default().max_waits,
        /// Octets of a request line and its headers; 8 KiB at least.
        max_header_octets: Octets = Octets(HttpSettings::default().max_header_octets),
        /// Octets of a request's body.
        max_body_octets: Octets = Octets(HttpSettings::default().max_body_octets),
        /// Events that one fetch may ask for.
        max_fetch: u32 = HttpSettings::default().max_fetch,
        /// How long one fetch may wait.
        max_wait: Span = Span(HttpSettings::default().max_wait),
        /// Events that are written at once to a stream.
        events_per_write: usize = HttpSettings::default().events_per_write,
        /// From the first octet of a request to the end of its headers.
        header_timeout: Span = Span(HttpSettings::default().header_timeout),
        /// From the end of the headers to the end of the body.
        body_timeout: Span = Span(HttpSettings::default().body_timeout),
        /// How long a connection may stay open between requests.
        idle_timeout: Span = Span(HttpSettings::default().idle_timeout),
        /// How long a client may leave an answer or a stream unread.
        write_timeout: Span = Span(HttpSettings::default().write_timeout),
        /// A comment is written to a stream that had no event for this long; `0s`: never.
        heartbeat: Span = Span(HttpSettings::default().heartbeat),
        /// How long a client is told to wait before it opens a broken stream again.
        retry: Span = Span(HttpSettings::default().retry),
        /// How long what is under way may take when the daemon ends.
        shutdown_timeout: Span = Span(HttpSettings::default().shutdown_timeout),
    }
}

section! {
    /// The Push Servers that may push, as far as an application does not list its own.
    Whitelist, "whitelist" {
        /// The default whitelist; empty: every server, unless an application lists some. An entry is an IP address, a network
        /// (`192.0.2.0/24`), a host name, a SIP URI or domain, or an SMS centre (`+4917099999`); or a table
        /// `{ address = "…", applications = ["…"], accept = "…" }` that counts only for these Push Application IDs and types.
        /// A host name stands for the addresses that it resolves to, and for a server that proved the name: by its certificate,
        /// or as the `id` of a gateway that authenticated itself.
        default: Vec<WhitelistEntry> = Vec::new(),
        /// How often host names are resolved again; `0s`: only at the start, and when a registration brings them.
        resolve_interval: Span = Span(Settings::default().resolve_interval),
    }
}

section! {
    /// Who may register, for what, and how many.
    Applications, "applications" {
        /// Registrations in all.
        max_registrations: usize = Settings::default().max_registrations,
        /// Registrations of one owner.
        max_registrations_per_owner: usize = Settings::default().max_registrations_per_owner,
        /// Registrations of one user, those of its sandboxed applications included. What it leaves of all is for others.
        max_registrations_per_user: usize = Settings::default().max_registrations_per_user,
        /// Addresses in the whitelist of one registration.
        max_whitelist: usize = Settings::default().max_whitelist,
        /// Connection profiles in one registration.
        max_profiles: usize = Settings::default().max_profiles,
        /// Owners that may register (`uid:1000`, `token:NAME`); absent: everyone. What `[imports]` asks for may, whatever stands here.
        allowed_owners: Option<Vec<String>> = None,
        /// Take only Push Application IDs that the OMNA registry knows.
        omna_only: bool = false,
        /// Content types that this terminal takes on its own account, announced to Push Servers beside those of applications.
        content_types: Vec<String> = Vec::new(),
        /// Which Push Application ID a push is meant for that names none, by content type: a list of
        /// `{ content_type = "…", application = "…" }`. For every other type it is `x-wap-application:wml.ua`.
        default_applications: Vec<DefaultApplication> = Vec::new(),
        /// Whether a registration succeeds only once the Push Servers have confirmed it.
        confirm: bool = Settings::default().confirm,
        /// How long the Push Servers may take to answer.
        announce_timeout: Span = Span(Settings::default().announce_timeout),
    }
}

section! {
    /// The delivery of events to applications.
    Delivery, "delivery" {
        /// How long an event is kept for its application, dead letters included.
        event_lifetime: Span = Span(Settings::default().event_lifetime),
        /// How long an application may take to acknowledge before the event counts as `later`.
        acknowledgement_timeout: Span = Span(Settings::default().acknowledgement_timeout),
        /// Deliveries without an acknowledgement before an event becomes a dead letter.
        max_attempts: u32 = Settings::default().max_attempts,
        /// The first back-off; it doubles with each attempt.
        backoff_base: Span = Span(Settings::default().backoff_base),
        /// The greatest back-off.
        backoff_limit: Span = Span(Settings::default().backoff_limit),
        /// Unacknowledged events on one connection.
        max_window: u32 = Settings::default().max_window,
        /// Events remembered after they were acknowledged, so that the same acknowledgement again succeeds; the oldest give way.
        max_completed: usize = Settings::default().max_completed,
        /// Connections and waiting fetches of one owner.
        max_subscribers_per_owner: usize = Settings::default().max_subscribers_per_owner,
        /// Connections and waiting fetches of one user, those of its sandboxed applications included.
        max_subscribers_per_user: usize = Settings::default().max_subscribers_per_user,
    }
}

section! {
    /// The events that wait. Each bound that is reached refuses further pushes, which is counted and can be explained.
    Queue, "queue" {
        /// Events that wait for one registration.
        max_queue_events: usize = Settings::default().max_queue_events,
        /// Octets that wait for one registration.
        max_queue_octets: Octets = Octets(Settings::default().max_queue_octets),
        /// Octets that wait in all.
        max_total_octets: Octets = Octets(Settings::default().max_total_octets),
        /// Of these, octets of one user, its sandboxed applications and dead letters included, or of one service or token. Its dead
        /// letters give way to its events.
        max_octets_per_user: Octets = Octets(Settings::default().max_octets_per_user),
        /// How long a push is held that matched no registration, for an application that registers late; `0s`: not at all.
        hold_unmatched: Span = Span(Settings::default().hold_unmatched),
        /// Pushes held that matched no registration.
        max_held_events: usize = Settings::default().max_held_events,
        /// Dead letters kept in all; the oldest give way.
        max_dead_letters: usize = Settings::default().max_dead_letters,
        /// Of these, dead letters of one user, those of its sandboxed applications included, or of one service or token; its oldest
        /// give way.
        max_dead_letters_per_user: usize = Settings::default().max_dead_letters_per_user,
    }
}

section! {
    /// The same transmission again.
    Duplicates, "duplicates" {
        /// For how long a transmission is remembered.
        window: Span = Span(Settings::default().duplicate_window),
        /// Transmissions remembered; the oldest give way.
        max_remembered: usize = Settings::default().max_remembered,
    }
}

section! {
    /// What is written down, and how firmly.
    Store, "store" {
        /// What an accepted push survives: `power-loss` (each group of pushes is synced to the disk before it is acknowledged),
        /// `process` (written, not synced: survives the end of the daemon, not that of the system) or `none` (memory alone).
        durability: DurabilityName = DurabilityName::PowerLoss,
        /// Changes under way to the disk; while so many wait, sockets and requests wait as well.
        max_unwritten: usize = ClientSettings::default().max_unwritten,
        /// Changes written with one sync at most; those of one push or request stay together even where they are more.
        group_changes: usize = ClientSettings::default().group_changes,
        /// New events in one group from which on they share rows, up to 64 to a row, which many at once are written faster for;
        /// `0`: each has a row of its own always, as a person reads it best.
        shared_rows_from: u32 = StoreSettings::default().shared_rows_from,
        /// Octets of database pages held in memory; 64 KiB at least.
        page_cache: Octets = Octets(StoreSettings::default().page_cache_octets.try_into().unwrap_or(usize::MAX)),
        /// Pages of the write-ahead log from which on they are moved into the database.
        checkpoint_pages: u32 = StoreSettings::default().checkpoint_frames,
        /// Pages of 4 KiB that the database may have; absent: as many as the file system takes. To note what is gone it may take a few more.
        max_pages: Option<u32> = StoreSettings::default().max_pages,
    }
}

section! {
    /// The queues and memories of the daemon itself.
    Engine, "engine" {
        /// Requests of applications that wait for the engine; when it is full, the next ones wait at their connections.
        request_queue: usize = ClientSettings::default().request_queue,
        /// Requests that wait for another one to be decided, for the same Push Application ID or the same transmission.
        max_waiting_requests: usize = Settings::default().max_waiting_requests,
        /// Datagrams taken from one socket before others get their turn.
        datagram_batch: usize = ClientSettings::default().datagram_batch,
        /// Host names resolved at a time.
        max_resolving: usize = ClientSettings::default().max_resolving,
        /// Pushes that reached nobody, kept for `explain`; the oldest give way.
        recent_refusals: usize = ClientSettings::default().recent_refusals,
        /// What event handlers made of events, kept for `explain --event`; the registration with the most loses its oldest.
        handler_reports: usize = ClientSettings::default().handler_reports,
        /// Octets that are kept of what a handler said of one event.
        handler_report_octets: Octets = Octets(ClientSettings::default().handler_report_octets),
        /// Watches of what goes on (`pushcai watch`), at one time.
        max_watchers: usize = ClientSettings::default().max_watchers,
        /// Watches of one owner, at one time.
        max_watchers_per_owner: usize = ClientSettings::default().max_watchers_per_owner,
        /// Watches of one user, at one time, those of its sandboxed applications included.
        max_watchers_per_user: usize = ClientSettings::default().max_watchers_per_user,
        /// What goes on that one watcher has not taken yet; what is more is missed, and the watcher is told how much.
        watch_queue: usize = ClientSettings::default().watch_queue,
        /// Octets of this, content included.
        watch_octets: Octets = Octets(ClientSettings::default().watch_octets),
        /// Registrations that are not what they were (lost, invalidated, revoked) of which applications that were away are told when
        /// they return; the oldest gives way.
        registration_changes: usize = ClientSettings::default().registration_changes,
    }
}

section! {
    /// What is logged, and where: to the journal if standard error is connected to it, else to standard error.
    Log, "log" {
        /// `error`, `warn`, `info`, `debug` or `trace`; or a list with targets, such as `info,push_client=trace`.
        level: String = "info".to_owned(),
        /// `text`, or `json`: one document a line on standard error.
        format: LogFormat = LogFormat::Text,
        /// Show addresses, numbers and URLs in full. Content is never logged.
        personal_data: bool = false,
    }
}

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The keys at the top.
    #[serde(flatten)]
    pub general: General,
    /// `[api]`
    pub api: Api,
    /// `[http]`
    pub http: Http,
    /// `[whitelist]`
    pub whitelist: Whitelist,
    /// `[ota_wsp]`
    pub ota_wsp: OtaWsp,
    /// `[ota_http]`
    pub ota_http: OtaHttp,
    /// `[ota_sip]`
    pub ota_sip: OtaSip,
    /// `[sms]`
    pub sms: Sms,
    /// `[applications]`
    pub applications: Applications,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[handlers]`
    pub handlers: Handlers,
    /// `[dbus]`
    pub dbus: Dbus,
    /// `[queue]`
    pub queue: Queue,
    /// `[duplicates]`
    pub duplicates: Duplicates,
    /// `[store]`
    pub store: Store,
    /// `[engine]`
    pub engine: Engine,
    /// `[imports]`
    pub imports: Imports,
    /// `[ofono_side]`
    pub ofono_side: OfonoSideTable,
    /// `[log]`
    pub log: Log,
}

/// Every section, in the order in which they are documented.
pub(crate) const SECTIONS: [Section; 29] = [
    General::SECTION,
    Api::SECTION,
    Http::SECTION,
    Whitelist::SECTION,
    OtaWsp::SECTION,
    SessionPpg::SECTION,
    OtaHttp::SECTION,
    Ppg::SECTION,
    OtaSip::SECTION,
    Sms::SECTION,
    SmppLink::SECTION,
    ModemManagerTable::SECTION,
    OfonoTable::SECTION,
    Applications::SECTION,
    Delivery::SECTION,
    Handlers::SECTION,
    ExecTable::SECTION,
    SystemdTable::SECTION,
    WebhooksTable::SECTION,
    UnixTable::SECTION,
    SessionHelpersTable::SECTION,
    Imports::SECTION,
    OfonoSideTable::SECTION,
    Dbus::SECTION,
    Queue::SECTION,
    Duplicates::SECTION,
    Store::SECTION,
    Engine::SECTION,
    Log::SECTION,
];

/// An entry of the default whitelist: an address alone, or one that counts only for some ids and types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum WhitelistEntry {
    /// An address that counts for every push.
    Address(String),
    /// An address with limits.
    Limited(LimitedEntry),
}

impl<'de> Deserialize<'de> for WhitelistEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

/// Takes either form, so that a mistake within the table is named as such.
struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = WhitelistEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or a table with address, applications and accept")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WhitelistEntry, E> {
        Ok(WhitelistEntry::Address(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<WhitelistEntry, A::Error> {
        LimitedEntry::deserialize(MapAccessDeserializer::new(table)).map(WhitelistEntry::Limited)
    }
}

/// An address that counts only for some ids and types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitedEntry {
    /// The address.
    pub address: String,
    /// Push Application IDs; empty: every one.
    #[serde(default)]
    pub applications: Vec<String>,
    /// Media ranges; absent: every type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
}

/// The Push Application ID meant by a push that names none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultApplication {
    /// The content type.
    pub content_type: String,
    /// The Push Application ID.
    pub application: String,
}

/// The name of an [`Identity`](push_http::Identity).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityName {
    /// The user.
    User,
    /// The user, and the service or Flatpak application.
    Unit,
}

impl From<IdentityName> for push_http::Identity {
    fn from(name: IdentityName) -> Self {
        match name {
            IdentityName::User => Self::User,
            IdentityName::Unit => Self::Unit,
        }
    }
}

/// The name of a [`Durability`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DurabilityName {
    /// Survives the loss of power.
    PowerLoss,
    /// Survives the end of the process.
    Process,
    /// Survives nothing.
    None,
}

impl From<DurabilityName> for Durability {
    fn from(name: DurabilityName) -> Self {
        match name {
            DurabilityName::PowerLoss => Self::PowerLoss,
            DurabilityName::Process => Self::Process,
            DurabilityName::None => Self::None,
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON document a line.
    Json,
}
