//! A daemon, pushes to it, and short words for what tests do with them.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use anyhow::{Context, bail};
use conformance::{
    http, kannel::CONNECTIONLESS_PUSH, loopback::Network, process::eventually, pushcai::Daemon,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const MMS: &str = "x-wap-application:mms.ua";

/// Back-offs that are worth no wait, and short patience with receivers.
pub(crate) const FAST: &str = "[delivery]\nbackoff_base = \"1ms\"\nbackoff_limit = \"20ms\"\n\
    [handlers]\nbackoff_base = \"1ms\"\nbackoff_limit = \"20ms\"\n";

/// Webhooks may stay on this machine.
pub(crate) const LOOPBACK: &str = "[handlers.webhooks]\nallow_networks = [\"127.0.0.0/8\"]\n";

/// A user that is neither root nor the daemon's.
pub(crate) const STRANGER: u32 = 65_534;

/// A daemon in a network of its own.
pub(crate) struct Stage {
    pub(crate) network: Network,
    pub(crate) daemon: Daemon,
    extra: String,
}

impl Stage {
    /// Starts a daemon with `extra` in its configuration, and quick back-offs.
    pub(crate) fn set_up(extra: &str) -> anyhow::Result<Self> {
        Self::patient(&format!("{FAST}{extra}"))
    }

    /// Starts a daemon with `extra` in its configuration.
    pub(crate) fn patient(extra: &str) -> anyhow::Result<Self> {
        let network = Network::claim()?;
        let extra = extra.to_owned();
        let daemon = Daemon::start(network.host(2), &extra)?;
        Ok(Self {
            network,
            daemon,
            extra,
        })
    }

    /// Where receivers listen.
    pub(crate) fn host(&self) -> Ipv4Addr {
        self.network.host(1)
    }

    /// Kills the daemon, and starts it again on the same state.
    pub(crate) fn kill_and_start(self) -> anyhow::Result<Self> {
        let extra = self.extra.clone();
        let directory = self.daemon.kill()?;
        Self::start(self.network, directory, extra)
    }

    /// Ends the daemon, and starts it again on the same state with another configuration.
    pub(crate) fn start_with(self, extra: &str) -> anyhow::Result<Self> {
        let (_, directory) = self.daemon.terminate()?;
        Self::start(self.network, directory, format!("{FAST}{extra}"))
    }

    fn start(network: Network, directory: TempDir, extra: String) -> anyhow::Result<Self> {
        let daemon = Daemon::start_in(directory, network.host(2), &extra)?;
        Ok(Self {
            network,
            daemon,
            extra,
        })
    }

    /// Registers an application of this user for `id` with a handler, which has to succeed; returns the answer.
    pub(crate) fn register(&self, id: &str, handler: &str) -> anyhow::Result<Value> {
        let body = registration(id, handler).to_string();
        let socket = self.daemon.socket();
        let answer = http::request(&socket, "POST", "/v1/registrations", body.as_bytes())?;
        if answer.status != 201 {
            bail!("{handler} is refused: {answer:?}");
        }
        answer.json()
    }

    /// The refusal of a handler that this user names.
    pub(crate) fn refusal(&self, handler: &str) -> anyhow::Result<Value> {
        let body = registration(MMS, handler).to_string();
        let socket = self.daemon.socket();
        let answer = http::request(&socket, "POST", "/v1/registrations", body.as_bytes())?;
        if answer.status == 201 {
            bail!("{handler} is taken: {answer:?}");
        }
        answer.json()
    }

    /// Lets another user reach the daemon's socket.
    pub(crate) fn open_to_strangers(&self) -> anyhow::Result<()> {
        let socket = self.daemon.socket();
        let directory = socket.parent().context("the socket has a directory")?;
        Ok(fs::set_permissions(
            directory,
            fs::Permissions::from_mode(0o755),
        )?)
    }

    /// What the daemon answers to another user that names a handler.
    pub(crate) fn register_as_stranger(&self, id: &str, handler: &str) -> anyhow::Result<Value> {
        let mut command = Command::new("curl");
        command.uid(STRANGER).gid(STRANGER).current_dir("/");
        let output = command
            .args([
                "--silent",
                "--show-error",
                "--noproxy",
                "*",
                "--unix-socket",
            ])
            .arg(self.daemon.socket())
            .args(["-H", "Content-Type: application/json", "-d"])
            .arg(registration(id, handler).to_string())
            .arg("http://localhost/v1/registrations")
            .output()?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))
    }

    /// Pushes `content` to `mms.ua`.
    pub(crate) fn push(&self, content: &[u8]) -> anyhow::Result<()> {
        self.push_from(&self.sender()?, content)
    }

    /// A socket to push from.
    pub(crate) fn sender(&self) -> anyhow::Result<UdpSocket> {
        Ok(UdpSocket::bind((self.network.host(3), 0))?)
    }

    /// As [`Stage::push`], from a socket that there is.
    pub(crate) fn push_from(&self, sender: &UdpSocket, content: &[u8]) -> anyhow::Result<()> {
        let datagram = [b"\x00\x06\x03\x83\xaf\x84", content].concat();
        sender.send_to(&datagram, (self.network.host(2), CONNECTIONLESS_PUSH))?;
        Ok(())
    }

    /// Pushes `content` to the application with this URI.
    pub(crate) fn push_to(&self, id: &str, content: &[u8]) -> anyhow::Result<()> {
        let header = [b"\xaf", id.as_bytes(), b"\0"].concat();
        let length = u8::try_from(header.len() + 1)?;
        let datagram = [b"\x00\x06", &[length, 0x83][..], &header, content].concat();
        let sender = self.sender()?;
        sender.send_to(&datagram, (self.network.host(2), CONNECTIONLESS_PUSH))?;
        Ok(())
    }

    /// Waits until the answers to all events have arrived.
    pub(crate) fn all_done(&self) -> anyhow::Result<()> {
        eventually("nothing that waits", || {
            Ok((self.daemon.events_left()? == 0).then_some(()))
        })
    }
}

fn registration(id: &str, handler: &str) -> Value {
    json!({ "pushApplicationID": id, "eventHandler": handler })
}
