//! What the daemon occupies: floods must not make it grow.

use std::fs;

use anyhow::Context;

use crate::pushcai::Daemon;

/// How much the daemon may grow under any flood here, in KiB: far less than is poured in, and what its settings allow at most
/// to 256 connections with 64 KiB of body each. On an idle machine it grows by 4 MiB.
pub const BOUND: u64 = 16 << 10;

/// What the daemon occupies, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    now: u64,
    most: u64,
}

impl Memory {
    /// What it occupies at this moment.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn of(daemon: &Daemon) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.id()))?;
        let field = |name: &str| {
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            number.with_context(|| format!("no {name} in {status}"))
        };
        Ok(Self {
            now: field("VmRSS:")?,
            most: field("VmHWM:")?,
        })
    }

    /// Compares with what it occupies later.
    ///
    /// # Panics
    ///
    /// The daemon has ever occupied more than [`BOUND`] above what it occupied then.
    #[track_caller]
    pub fn assert_bounded(self, after: Self) {
        let grown = after.most.saturating_sub(self.now);
        assert!(
            grown <= BOUND,
            "it grew by {grown} KiB: {self:?}, {after:?}"
        );
    }
}
