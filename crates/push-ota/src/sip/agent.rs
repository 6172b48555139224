//! The user agent: flows, transactions, the binding and the pushes, put together.

use std::collections::VecDeque;
use std::time::Duration;

use super::events::{AgentInput, AgentOutput, SipServerView};
use super::settings::AgentSettings;

/// The terminal's SIP user agent.
#[derive(Debug)]
pub struct UserAgent {
    settings: AgentSettings,
    /// Chance: for tags, branches, Call-IDs and the jitter of back-offs.
    seed: u64,
    outputs: VecDeque<AgentOutput>,
}

impl UserAgent {
    /// A user agent that knows nobody. `seed` is chance: for tags, branches, Call-IDs and the jitter of back-offs.
    pub const fn new(settings: AgentSettings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened. `now` is on the monotonic clock.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "inputs are the machine's to keep"
    )]
    pub fn handle_input(&mut self, input: AgentInput, now: Duration) {
        let _ = (&self.settings, self.seed, now);
        if let AgentInput::Announce { ticket, .. } = input {
            let reports = Vec::new();
            self.outputs
                .push_back(AgentOutput::Announced { ticket, reports });
        }
    }

    /// Does what is due.
    pub const fn handle_timeout(&mut self, now: Duration) {
        let _ = now;
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<AgentOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub const fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// Whether nothing is under way that has to come to its end after [`AgentInput::Stop`].
    pub const fn is_idle(&self) -> bool {
        true
    }

    /// The core and each Push Sender Agent, as an operator sees them.
    pub const fn views(&self) -> Vec<SipServerView> {
        Vec::new()
    }
}
