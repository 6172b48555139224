//! What an administrator chooses of ModemManager.

use std::collections::BTreeMap;
use std::path::PathBuf;

use push_message::MediaType;

use crate::modem::bus::BusSettings;

/// What becomes of a push in the modem's storage once it is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoragePolicy {
    /// It is deleted.
    #[default]
    Delete,
    /// It is deleted once the storage is nearly full, the oldest first.
    WhenFull,
    /// It stays.
    Keep,
}

/// How short messages are taken from ModemManager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModemManagerSettings {
    /// The way to it.
    pub bus: BusSettings,
    /// What becomes of a push in the modem's storage.
    pub storage: StoragePolicy,
    /// From how many stored messages on, of all kinds, a modem counts as nearly full; for [`StoragePolicy::WhenFull`].
    /// ModemManager does not tell how many fit.
    pub full_at: usize,
    /// Content types that are left alone, because another program reads them from ModemManager.
    pub leave: Vec<MediaType>,
    /// What modems are called, by ModemManager's name of their device; one that is not listed is called by that name.
    pub names: BTreeMap<String, String>,
    /// The file in which messages that were taken and may still lie in a modem are remembered; without it that is
    /// forgotten with the process.
    pub memory: Option<PathBuf>,
    /// Messages remembered; the oldest give way.
    pub max_remembered: usize,
    /// Messages that wait to be looked at, of all modems; the others are looked for when these are done.
    pub max_waiting: usize,
    /// Show numbers in log lines.
    pub show_personal_data: bool,
}

impl Default for ModemManagerSettings {
    fn default() -> Self {
        Self {
            bus: BusSettings::default(),
            storage: StoragePolicy::default(),
            full_at: 10,
            leave: Vec::new(),
            names: BTreeMap::new(),
            memory: None,
            max_remembered: 1000,
            max_waiting: 256,
            show_personal_data: false,
        }
    }
}
