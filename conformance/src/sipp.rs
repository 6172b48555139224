//! SIPp, which follows a scenario that a test wrote.

use std::{
    fs,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::{
    peer,
    process::{Running, eventually},
};

/// SIPp at work.
#[derive(Debug)]
pub struct Sipp {
    running: Running,
    complaints: PathBuf,
    directory: TempDir,
}

impl Sipp {
    /// Starts SIPp at `own` on `scenario` (XML), towards `target` if it begins; `calls` is how often it does all of it, 0 for without end.
    ///
    /// # Errors
    ///
    /// It is not there, or cannot be started, or does not listen.
    pub fn start(
        scenario: &str,
        own: SocketAddrV4,
        target: Option<SocketAddrV4>,
        calls: u32,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let Some([program]) = peer::find(["sipp"])? else {
            bail!("SIPp has gone");
        };
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("scenario.xml");
        fs::write(&file, scenario)?;
        let complaints = directory.path().join("errors.log");
        let mut command = Command::new(program);
        command.current_dir(directory.path());
        command.arg("-sf").arg(&file);
        command.args(["-i", &own.ip().to_string(), "-p", &own.port().to_string()]);
        command.args([
            "-ci",
            &own.ip().to_string(),
            "-nostdin",
            "-trace_err",
            "-error_file",
        ]);
        command.arg(&complaints);
        if calls > 0 {
            command.args(["-m", &calls.to_string()]);
        }
        match target {
            Some(target) => {
                command.args(["-timeout", "20", "-timeout_error", "-recv_timeout", "12000"]);
                command.args(arguments).arg(target.to_string());
            }
            None => {
                command.args(arguments);
            }
        }
        let running = Running::start("sipp", &mut command)?;
        let sipp = Self {
            running,
            complaints,
            directory,
        };
        if target.is_none() {
            let listens = || Ok(is_bound(own)?.then_some(()));
            eventually("SIPp's socket", listens).with_context(|| sipp.complaints())?;
        }
        Ok(sipp)
    }

    /// Waits until it has ended, every call as the scenario says.
    ///
    /// # Errors
    ///
    /// A call went otherwise.
    pub fn finish(self) -> anyhow::Result<()> {
        let Self {
            running,
            complaints,
            directory,
        } = self;
        let status = running.wait()?;
        let said = fs::read_to_string(complaints).unwrap_or_default();
        drop(directory);
        if !status.success() {
            bail!("SIPp ended with {status}: {said}");
        }
        Ok(())
    }

    /// Ends it by its id.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn end(self) -> anyhow::Result<()> {
        self.running.kill()
    }

    /// What it wrote into a file of its directory.
    ///
    /// # Errors
    ///
    /// There is no such file.
    pub fn file(&self, name: &str) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.directory.path().join(name))?)
    }

    /// What went wrong so far.
    #[must_use]
    pub fn complaints(&self) -> String {
        let said = fs::read_to_string(&self.complaints).unwrap_or_default();
        format!("SIPp says: {said}\n{}", self.running.complaints())
    }
}

/// Whether somebody has bound this address for UDP.
///
/// # Errors
///
/// The system does not tell.
pub fn is_bound(address: SocketAddrV4) -> anyhow::Result<bool> {
    let own = u32::from_ne_bytes(address.ip().octets());
    let wanted = format!("{own:08X}:{:04X}", address.port());
    let table = fs::read_to_string(Path::new("/proc/net/udp"))?;
    Ok(table
        .lines()
        .any(|line| line.split_whitespace().nth(1) == Some(&wanted)))
}
