//! Consumers that other push daemons are configured with, taken over from their files: the drop-ins of Sailfish's push forwarder and
//! push agent, and of mmsd.
//!
//! Each group of a file becomes a registration that observes, with an owner of its own. Files are read at the start and when they
//! change; what they say is compared with what is registered, so that nothing is done twice.

mod directory;
mod group;
mod key_file;
mod run;
mod watch;

use std::path::PathBuf;

pub use group::{Kind, Wanted};
pub use key_file::{Group, InvalidValue, KeyFile, KeyFileError};
pub use run::{Imports, OWNER};

/// Settings of [`Imports`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSettings {
    /// Directories of Sailfish's push forwarder, usually `/etc/ofono/push_forwarder.d`.
    pub sailfish: Vec<PathBuf>,
    /// Directories of Sailfish's push agent, usually `/etc/push-agent`.
    pub push_agent: Vec<PathBuf>,
    /// Directories of mmsd, usually `/usr/lib/mms/push.d`.
    pub mmsd: Vec<PathBuf>,
    /// Whether consumers on the bus of a user can be reached.
    pub session_bus: bool,
    /// Files in one directory.
    pub max_files: usize,
    /// Octets of one file.
    pub max_file_octets: usize,
    /// Groups in all.
    pub max_groups: usize,
}

impl Default for ImportSettings {
    fn default() -> Self {
        Self {
            sailfish: Vec::new(),
            push_agent: Vec::new(),
            mmsd: Vec::new(),
            session_bus: false,
            max_files: 64,
            max_file_octets: 64 << 10,
            max_groups: 256,
        }
    }
}

impl ImportSettings {
    /// The directories, each with what its files say.
    fn directories(&self) -> impl Iterator<Item = (Kind, &PathBuf)> {
        let kinds = [
            (Kind::Sailfish, &self.sailfish),
            (Kind::PushAgent, &self.push_agent),
            (Kind::Mmsd, &self.mmsd),
        ];
        kinds
            .into_iter()
            .flat_map(|(kind, directories)| directories.iter().map(move |path| (kind, path)))
    }
}
