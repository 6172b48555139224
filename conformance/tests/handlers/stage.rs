//! A daemon with commands for event handlers, a push server in front of it, and a place where commands leave their traces.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::PathBuf,
};

use anyhow::bail;
use conformance::{
    loopback::Network,
    process::eventually,
    pushcai::{Daemon, Outcome},
};
use serde_json::Value;
use tempfile::TempDir;

const PUSH_PORT: u16 = 2948;
/// Back-offs that a test can wait for.
const SWIFT: &str =
    "[delivery]\nbackoff_base = \"10ms\"\nbackoff_limit = \"50ms\"\nmax_attempts = 3\n";

pub(crate) struct Stage {
    network: Network,
    traces: TempDir,
    configuration: String,
    pub(crate) daemon: Daemon,
}

/// A command for the configuration: a script of the shell, with more keys.
pub(crate) fn command(name: &str, script: &str, keys: &str) -> String {
    let own = rustix::process::geteuid().as_raw();
    format!(
        "[[handlers.exec]]\nname = {name:?}\ncommand = [\"/bin/sh\", \"-c\", {script:?}]\nuser = \"{own}\"\n{keys}\n"
    )
}

impl Stage {
    /// Starts a daemon with these commands, in whose environment `TRACES` names the place for traces.
    pub(crate) fn start(configuration: &str) -> anyhow::Result<Self> {
        let network = Network::claim()?;
        let traces = tempfile::tempdir()?;
        let place = traces.path().display().to_string();
        let configuration = format!("{SWIFT}{configuration}").replace("@TRACES@", &place);
        let daemon = Daemon::start(network.host(1), &configuration)?;
        Ok(Self {
            network,
            traces,
            configuration,
            daemon,
        })
    }

    /// Kills the daemon, and starts it again on what it left behind.
    pub(crate) fn killed_and_started_again(self, between: impl FnOnce()) -> anyhow::Result<Self> {
        let Self {
            network,
            traces,
            configuration,
            daemon,
        } = self;
        let directory = daemon.kill()?;
        between();
        let daemon = Daemon::start_in(directory, network.host(1), &configuration)?;
        Ok(Self {
            network,
            traces,
            configuration,
            daemon,
        })
    }

    pub(crate) fn register(&self, id: &str, handler: &str) -> anyhow::Result<Outcome> {
        self.daemon.pushcai(&["register", id, "--handler", handler])
    }

    pub(crate) fn registered(&self, id: &str, handler: &str) -> anyhow::Result<()> {
        let outcome = self.register(id, handler)?;
        if outcome.code != Some(0) {
            bail!("{handler} was refused: {outcome:?}");
        }
        Ok(())
    }

    /// Pushes a text to the application `id`.
    pub(crate) fn push(&self, id: &str, body: &str) -> anyhow::Result<()> {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let headers = [&[0x83, 0xAF], id.as_bytes(), &[0]].concat();
        let length = u8::try_from(headers.len())?;
        let octets = [&[1, 0x06, length], &*headers, body.as_bytes()].concat();
        server.send_to(&octets, (self.network.host(1), PUSH_PORT))?;
        Ok(())
    }

    pub(crate) fn trace(&self, name: &str) -> PathBuf {
        self.traces.path().join(name)
    }

    /// The lines of a trace so far.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.trace(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until a trace has so many lines.
    pub(crate) fn traced(&self, name: &str, count: usize) -> anyhow::Result<Vec<String>> {
        eventually(&format!("{count} lines in {name}"), || {
            let lines = self.lines(name);
            Ok((lines.len() >= count).then_some(lines))
        })
    }

    /// Waits until no event is left but so many dead letters.
    pub(crate) fn settled(&self, dead: u64) -> anyhow::Result<()> {
        eventually(&format!("{dead} dead letters and nothing else"), || {
            let status = self.daemon.pushcai_json(&["status", "--json"])?;
            let number = |key: &str| status.first().and_then(|status| status[key].as_u64());
            let left = number("waitingEvents").zip(number("unacknowledgedEvents"));
            let settled = left == Some((0, 0)) && number("deadLetters") == Some(dead);
            Ok(settled.then_some(()))
        })
    }

    /// A counter of the daemon.
    pub(crate) fn status(&self) -> anyhow::Result<Value> {
        let status = self.daemon.pushcai_json(&["status", "--json"])?;
        Ok(status.into_iter().next().unwrap_or_default())
    }
}
