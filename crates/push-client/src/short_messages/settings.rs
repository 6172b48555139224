//! What an administrator chooses of short messages.

use std::time::Duration;

/// The bounds of short messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortMessageSettings {
    /// Offer the bearer GSM-SMS to applications even where no source is there: short messages are submitted. What is
    /// submitted shows its ports.
    pub submitted: bool,
    /// Owners that may submit short messages, beside administrators.
    pub submitters: Vec<String>,
    /// Short messages that wait for the engine, of all sources; when it is full, sources wait.
    pub queue: usize,
    /// How long sources may take to end when the client is shut down.
    pub stop_timeout: Duration,
}

impl Default for ShortMessageSettings {
    fn default() -> Self {
        Self {
            submitted: false,
            submitters: Vec::new(),
            queue: 16,
            stop_timeout: Duration::from_secs(5),
        }
    }
}
