//! All push sessions of a terminal: with whom there is one, and why (WAP-235 6.2.2, 8.2).

mod events;
mod settings;

use std::collections::VecDeque;
use std::time::Duration;

pub use crate::http::{AnnounceTicket, Host, PpgId};
pub use events::{
    GatewayReport, GatewayState, Note, NoteKind, PushOutcome, SessionContact, SessionPushTicket,
    SessionView, SessionViewState, SessionsInput, SessionsOutput, SocketId, WantedApplications,
};
pub use settings::{ContactPoint, SessionGateway, SessionsSettings, Start};

/// All push sessions of a terminal.
#[derive(Debug)]
pub struct Sessions {
    settings: SessionsSettings,
    seed: u64,
    outputs: VecDeque<SessionsOutput>,
}

impl Sessions {
    /// No session. `seed` is chance: for the jitter of back-offs, for the first transaction of each session, and to tell the
    /// transactions of this run of the terminal from those of others.
    pub fn new(settings: SessionsSettings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened. `now` is on the monotonic clock.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "inputs are owned; the parts that take them follow"
    )]
    pub fn handle_input(&mut self, input: SessionsInput, now: Duration) {
        let _ = (now, &self.settings, self.seed);
        if let SessionsInput::Announce { ticket, .. } = input {
            self.outputs.push_back(SessionsOutput::Announced {
                ticket,
                reports: Vec::new(),
            });
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        let _ = now;
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<SessionsOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// Whether no socket is open, or being opened.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// The gateways, and the contact points of session initiation requests.
    pub fn views(&self) -> Vec<SessionView> {
        Vec::new()
    }
}
