//! What an administrator chooses of short messages.

use std::time::Duration;

use push_ota::sms::ReassemblerSettings;

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
    /// How segments become messages.
    pub reassembly: ReassemblerSettings,
    /// How long sources may take to end when the client is shut down.
    pub stop_timeout: Duration,
}

impl Default for ShortMessageSettings {
    fn default() -> Self {
        Self {
            submitted: false,
            submitters: Vec::new(),
            queue: 16,
            reassembly: ReassemblerSettings::default(),
            stop_timeout: Duration::from_secs(5),
        }
    }
}
