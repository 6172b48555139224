//! Another user of a daemon, without any rights.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::Command,
};

use anyhow::Context;

use crate::pushcai::{Daemon, Outcome, program, run};

/// Runs `pushcai` as a user who is neither the daemon's nor an administrator.
#[derive(Debug)]
pub struct Stranger<'a> {
    daemon: &'a Daemon,
    program: PathBuf,
}

impl<'a> Stranger<'a> {
    /// The user and the group: nobody.
    pub const USER: u32 = 65_534;

    /// Lets another user reach the daemon's socket and a copy of the command line; `None` without the right to become
    /// another user (continuous integration runs as root).
    ///
    /// # Errors
    ///
    /// There is no `pushcai`, or it cannot be copied.
    pub fn of(daemon: &'a Daemon) -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let socket = daemon.socket();
        let directory = socket.parent().context("the socket has a directory")?;
        let own = directory.join("pushcai");
        fs::copy(program("pushcai", "PUSHCAI_BIN")?, &own)?;
        for path in [directory, &own] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Some(Self {
            daemon,
            program: own,
        }))
    }

    /// A command of `pushcai` by that user, for this daemon.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.uid(Self::USER).gid(Self::USER).current_dir("/");
        command.arg("--socket").arg(self.daemon.socket());
        command.args(arguments);
        command
    }

    /// Runs `pushcai` as that user and waits for its end.
    ///
    /// # Errors
    ///
    /// As [`run`].
    pub fn pushcai(&self, arguments: &[&str]) -> anyhow::Result<Outcome> {
        run(&mut self.command(arguments))
    }
}
