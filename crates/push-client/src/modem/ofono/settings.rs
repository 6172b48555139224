//! What an administrator chooses of oFono.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::modem::bus::BusSettings;

/// How pushes are taken from oFono.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfonoSettings {
    /// The way to it.
    pub bus: BusSettings,
    /// What modems are called, by oFono's name of them, which is the end of their path: `ril_0`; one that is not listed is
    /// called by that name.
    pub names: BTreeMap<String, String>,
    /// How long a push may take into the journal before oFono is answered nevertheless, and it is tried on. oFono itself
    /// waits for 25 seconds, and offers no push twice.
    pub answer_timeout: Duration,
    /// Pushes held that are on their way into the journal; what oFono hands over beyond that is lost.
    pub max_waiting: usize,
    /// Show numbers in log lines.
    pub show_personal_data: bool,
}

impl Default for OfonoSettings {
    fn default() -> Self {
        Self {
            bus: BusSettings::default(),
            names: BTreeMap::new(),
            answer_timeout: Duration::from_secs(20),
            max_waiting: 64,
            show_personal_data: false,
        }
    }
}
