//! The bounds and choices of the driver; those of the machine are [`push_core::Settings`].

use push_ota::wsp::connectionless::Limits;

/// What an accepted push survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The loss of power: synced to the disk before anybody hears of it.
    #[default]
    PowerLoss,
    /// The end of this process, not that of the system: written, not synced.
    Process,
    /// Nothing: held in memory alone, and no file is written.
    None,
}

/// The settings of a [`Client`](crate::Client) that its machine does not know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Octets of the receive buffer asked of the kernel for each UDP address.
    pub receive_buffer: usize,
    /// How much one datagram may hold.
    pub datagram_limits: Limits,
    /// Datagrams taken from one socket before others get their turn.
    pub datagram_batch: usize,
    /// Changes under way to the disk; while so many wait, sockets and requests wait as well.
    pub max_unwritten: usize,
    /// Changes written with one sync; what one push or request asks for stays together even where it has more.
    pub group_changes: usize,
    /// Requests that wait for the engine; when it is full, the next ones wait.
    pub request_queue: usize,
    /// Host names resolved at a time.
    pub max_resolving: usize,
    /// Pushes that reached nobody, kept for explanations; the oldest give way.
    pub recent_refusals: usize,
    /// What event handlers made of events, kept for explanations; the registration with the most loses its oldest.
    pub handler_reports: usize,
    /// Octets that are kept of what a handler said of one event.
    pub handler_report_octets: usize,
    /// Watches of what goes on, at one time.
    pub max_watchers: usize,
    /// Watches of one owner, at one time.
    pub max_watchers_per_owner: usize,
    /// Watches of one user, at one time, those of its sandboxed applications included.
    pub max_watchers_per_user: usize,
    /// What goes on that one watcher has not taken yet; what is more is missed, and counted.
    pub watch_queue: usize,
    /// Octets of this, content included.
    pub watch_octets: usize,
    /// Registrations that are not what they were of which applications that were away are told when they return; the oldest gives way.
    pub registration_changes: usize,
    /// Show addresses, numbers and URLs in log lines. Content is never logged.
    pub show_personal_data: bool,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            receive_buffer: 2 << 20,
            datagram_limits: Limits::default(),
            datagram_batch: 64,
            max_unwritten: 4_096,
            group_changes: 2_048,
            request_queue: 256,
            max_resolving: 4,
            recent_refusals: 64,
            handler_reports: 256,
            handler_report_octets: 4096,
            max_watchers: 32,
            max_watchers_per_owner: 8,
            max_watchers_per_user: 16,
            watch_queue: 1024,
            watch_octets: 2 << 20,
            registration_changes: 1024,
            show_personal_data: false,
        }
    }
}
