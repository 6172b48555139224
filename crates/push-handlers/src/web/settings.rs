//! How webhooks and sockets are served.

use std::path::PathBuf;
use std::time::Duration;

use push_message::{Owner, ShareBounds};

use super::networks::Networks;
use crate::RunnerSettings;

/// How events are sent by HTTP, over whatever connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostSettings {
    /// How long it may take to connect, names resolved and TLS set up.
    pub connect_timeout: Duration,
    /// From the first octet of a request to the end of the answer's head.
    pub answer_timeout: Duration,
    /// From the end of the answer's head to the end of its body.
    pub body_timeout: Duration,
    /// How long all of it may take before the event counts as not answered
    /// ([`RunnerSettings::event_timeout`](crate::RunnerSettings::event_timeout)). The head says what an answer comes to, so its body is
    /// waited for no longer than leaves time to say that.
    pub event_timeout: Duration,
    /// How long a connection is kept open for the next event.
    pub idle_timeout: Duration,
    /// Octets of an answer's head; a longer one is no answer. 8 KiB at least.
    pub max_head_octets: usize,
    /// Header lines of an answer; one with more is no answer.
    pub max_headers: usize,
    /// Octets of an answer's body that are read and kept for explanations; the connection is closed on a longer one.
    pub max_body_octets: usize,
    /// The most that `Retry-After` may ask for.
    pub max_retry_after: Duration,
    /// How long a receiver rests that answered 410.
    pub gone_rest: Duration,
    /// What requests say who sends them.
    pub user_agent: String,
}

impl Default for PostSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(5),
            event_timeout: RunnerSettings::default().event_timeout,
            idle_timeout: Duration::from_secs(30),
            max_head_octets: 16 << 10,
            max_headers: 64,
            max_body_octets: 4 << 10,
            max_retry_after: Duration::from_hours(1),
            gone_rest: Duration::from_hours(6),
            user_agent: concat!("pushcai/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// How webhooks are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// How events are sent.
    pub post: PostSettings,
    /// Where they may go.
    pub networks: Networks,
    /// Ports that they may go to: each range from its first to its last.
    pub ports: Vec<(u16, u16)>,
    /// Who may name webhooks; absent: everyone.
    pub owners: Option<Vec<Owner>>,
    /// Certificates, in PEM, of the authorities whose word for a receiver is taken.
    pub ca_file: PathBuf,
    /// Certificates, in PEM, of further authorities.
    pub extra_ca_file: Option<PathBuf>,
    /// This client's own certificate, in PEM, and the file of its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Names resolved at a time, and those of one owner.
    pub max_lookups: usize,
    /// Of these, for one owner.
    pub max_lookups_per_owner: usize,
    /// Of these, for one user, its sandboxed applications included.
    pub max_lookups_per_user: usize,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            post: PostSettings::default(),
            networks: Networks::default(),
            ports: vec![(80, 80), (443, 443), (1024, u16::MAX)],
            owners: None,
            ca_file: "/etc/ssl/certs/ca-certificates.crt".into(),
            extra_ca_file: None,
            certificate: None,
            max_lookups: 16,
            max_lookups_per_owner: 4,
            max_lookups_per_user: 8,
        }
    }
}

/// How Unix sockets are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocketSettings {
    /// How events are sent.
    pub post: PostSettings,
    /// Directories below which sockets may lie; absent: anywhere.
    pub directories: Option<Vec<PathBuf>>,
    /// Users whose sockets everybody may name, beside their own.
    pub users: Vec<u32>,
    /// Sockets looked up at a time.
    pub max_lookups: usize,
    /// Of these, for one owner.
    pub max_lookups_per_owner: usize,
    /// Of these, for one user, its sandboxed applications included.
    pub max_lookups_per_user: usize,
}

impl Default for UnixSocketSettings {
    fn default() -> Self {
        Self {
            post: PostSettings::default(),
            directories: None,
            users: Vec::new(),
            max_lookups: 16,
            max_lookups_per_owner: 4,
            max_lookups_per_user: 8,
        }
    }
}

impl WebhookSettings {
    pub(super) const fn lookups(&self) -> ShareBounds {
        ShareBounds {
            all: self.max_lookups,
            per_owner: self.max_lookups_per_owner,
            per_user: self.max_lookups_per_user,
        }
    }
}

impl UnixSocketSettings {
    pub(super) const fn lookups(&self) -> ShareBounds {
        ShareBounds {
            all: self.max_lookups,
            per_owner: self.max_lookups_per_owner,
            per_user: self.max_lookups_per_user,
        }
    }
}
