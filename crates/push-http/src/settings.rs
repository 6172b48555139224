//! What may be set, with its bounds and defaults.

use std::path::PathBuf;
use std::time::Duration;

use push_identity::{Identity, Lookups};

/// Settings of a listener. Every bound counts for one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// How an owner is told on a Unix socket.
    pub identity: Identity,
    /// Where the kernel shows its processes.
    pub proc_path: PathBuf,
    /// Sandboxes that are looked into at one time, to tell whose connections are theirs.
    pub max_sandbox_lookups: usize,
    /// Of these, sandboxes of one user.
    pub max_sandbox_lookups_per_user: usize,
    /// Host names beside loopback ones that a request over TCP may be addressed to, without port; against DNS rebinding.
    pub hosts: Vec<String>,
    /// Connections at one time.
    pub max_connections: usize,
    /// Connections of one owner at one time. Over TCP a connection belongs to the token of its last request.
    pub max_connections_per_owner: usize,
    /// Connections of one user at one time, those of its sandboxed applications included. A connection has one stream or fetch that
    /// waits at most, so this bounds these as well.
    pub max_connections_per_user: usize,
    /// Streams and fetches that wait, at one time.
    pub max_waits: usize,
    /// Octets of a request line and its headers, at least 8 KiB. Also what is read ahead of a request that is being
    /// answered: requests sent without waiting (pipelining) are held in the socket beyond this.
    pub max_header_octets: usize,
    /// Octets of a request's body.
    pub max_body_octets: usize,
    /// Events that one fetch may ask for.
    pub max_fetch: u32,
    /// How long one fetch may wait.
    pub max_wait: Duration,
    /// Events that are written at once to a stream.
    pub events_per_write: usize,
    /// From the first octet of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// How long a connection may stay open between requests.
    pub idle_timeout: Duration,
    /// How long a client may leave an answer or a stream unread.
    pub write_timeout: Duration,
    /// A comment is written to a stream that had no event for this long, twice this at most; zero: never.
    pub heartbeat: Duration,
    /// How long a client is told to wait before it opens a broken stream again (`retry`).
    pub retry: Duration,
    /// How long what is under way may take after the shutdown began.
    pub shutdown_timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            identity: Identity::Unit,
            proc_path: PathBuf::from("/proc"),
            max_sandbox_lookups: Lookups::MAX,
            max_sandbox_lookups_per_user: Lookups::MAX_PER_USER,
            hosts: Vec::new(),
            max_connections: 512,
            max_connections_per_owner: 64,
            max_connections_per_user: 128,
            max_waits: 256,
            max_header_octets: 16 * 1024,
            max_body_octets: 64 * 1024,
            max_fetch: 1000,
            max_wait: Duration::from_mins(5),
            events_per_write: 64,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_mins(1),
            heartbeat: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}
