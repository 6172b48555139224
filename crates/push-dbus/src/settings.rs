//! What may be set, with its bounds and defaults.

use std::path::PathBuf;
use std::time::Duration;

use push_identity::{Identity, Lookups};

use crate::BusAddress;

/// Settings of the interface on one bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbusSettings {
    /// The bus.
    pub address: BusAddress,
    /// Whether it is tried again where the bus is not there, or does not give the name, at the first time. Once it was served, it
    /// is always tried again.
    pub insist: bool,
    /// How the owner of an application is told.
    pub identity: Identity,
    /// Where the kernel shows its processes.
    pub proc_path: PathBuf,
    /// Sandboxes that are looked into at one time, to tell whose connections are theirs.
    pub max_sandbox_lookups: usize,
    /// Of these, sandboxes of one user.
    pub max_sandbox_lookups_per_user: usize,
    /// Octets of one message from the bus; a call that is larger is refused unread.
    pub max_message: usize,
    /// Calls under way at one time.
    pub max_calls: usize,
    /// Calls of one connection under way at one time; a quarter of these before it is told whose it is.
    pub max_calls_per_connection: usize,
    /// Calls of one owner's connections under way at one time.
    pub max_calls_per_owner: usize,
    /// Calls of one user's connections under way at one time, those of its sandboxed applications included.
    pub max_calls_per_user: usize,
    /// Connections that are known at one time, a quarter of these before it is told whose they are; an idle one is forgotten
    /// for a new one, of whoever has the most. Each takes a match rule at the bus.
    pub max_connections: usize,
    /// Connections of one owner that are known at one time.
    pub max_connections_per_owner: usize,
    /// Connections of one user that are known at one time, those of its sandboxed applications included.
    pub max_connections_per_user: usize,
    /// Registrations of which it is remembered what one connection has heard of them.
    pub max_heard: usize,
    /// Events that one fetch may ask for.
    pub max_fetch: u32,
    /// How long one fetch may wait.
    pub max_wait: Duration,
    /// Octets in one answer to a fetch, beside descriptors: content, headers, and what the content says. One event goes through
    /// whatever its size.
    pub max_answer_octets: usize,
    /// Octets of content up to which it stands in the event itself; more goes by descriptor.
    pub inline_content: usize,
    /// How long polkit may take to say whether somebody may do what is an administrator's, its user's password included; zero: it
    /// is not asked, and administrators alone may.
    pub authorization_timeout: Duration,
    /// How long the bus may take to answer.
    pub call_timeout: Duration,
    /// The first pause before the bus is connected to again; it doubles.
    pub backoff_base: Duration,
    /// The greatest pause.
    pub backoff_limit: Duration,
    /// How long what is under way may take after the shutdown began.
    pub shutdown_timeout: Duration,
}

impl Default for DbusSettings {
    fn default() -> Self {
        Self {
            address: BusAddress::System,
            insist: true,
            identity: Identity::Unit,
            proc_path: PathBuf::from("/proc"),
            max_sandbox_lookups: Lookups::MAX,
            max_sandbox_lookups_per_user: Lookups::MAX_PER_USER,
            max_message: 128 * 1024,
            max_calls: 512,
            max_calls_per_connection: 32,
            max_calls_per_owner: 128,
            max_calls_per_user: 256,
            max_connections: 256,
            max_connections_per_owner: 32,
            max_connections_per_user: 128,
            max_heard: 256,
            max_fetch: 1000,
            max_wait: Duration::from_mins(5),
            max_answer_octets: 4 * 1024 * 1024,
            inline_content: 64 * 1024,
            authorization_timeout: Duration::from_mins(2),
            call_timeout: Duration::from_secs(30),
            backoff_base: Duration::from_secs(1),
            backoff_limit: Duration::from_mins(1),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}
