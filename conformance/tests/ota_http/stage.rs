//! A daemon with OTA-HTTP on loopback addresses of its own, and short words for what tests do with it.

use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
};

use anyhow::Context;
pub(crate) use conformance::pushcai::content;
use conformance::{loopback::Network, process::Running, pushcai::Daemon};
use serde_json::Value;
use tempfile::TempDir;

use crate::wire::{Answer, Wire};

pub(crate) const MMS: &str = "x-wap-application:mms.ua";
pub(crate) const WML: &str = "x-wap-application:wml.ua";
pub(crate) const DRM: &str = "x-wap-application:drm.ua";
pub(crate) const SIA: &str = "x-wap-application:push.sia";

/// The registered ports (WDP appendix B).
pub(crate) const PUSH_PORT: u16 = 4035;
pub(crate) const SECURE_PUSH_PORT: u16 = 4036;

/// The Terminal-ID of every daemon here, unless its test says otherwise.
pub(crate) const TERMINAL_ID: &str = "4447700900123";
/// The PROXY-ID of the first gateway.
pub(crate) const PPG_ID: &str = "ppg.example.net";

/// Addresses of a test, a directory for its files, and what stands in the daemon's configuration.
pub(crate) struct Plan {
    pub(crate) network: Network,
    pub(crate) directory: TempDir,
    /// Keys of `[ota_http]`.
    keys: String,
    /// Whole sections.
    sections: String,
    listens: bool,
}

impl Plan {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            network: Network::claim()?,
            directory: tempfile::tempdir()?,
            keys: String::new(),
            sections: String::new(),
            listens: true,
        })
    }

    /// The gateway's address. Others of the network are strangers to the daemon.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        self.network.host(1)
    }

    /// The daemon's address.
    pub(crate) fn terminal(&self) -> Ipv4Addr {
        self.network.host(2)
    }

    /// Sets keys of `[ota_http]`.
    pub(crate) fn keys(mut self, keys: &str) -> Self {
        self.keys.push_str(keys);
        self.keys.push('\n');
        self
    }

    /// Adds whole sections.
    pub(crate) fn section(mut self, section: &str) -> Self {
        self.sections.push_str(section);
        self.sections.push('\n');
        self
    }

    /// Provisions a gateway with these keys beside its id.
    pub(crate) fn ppg(self, id: &str, keys: &str) -> Self {
        self.section(&format!("[[ota_http.ppg]]\nid = {id:?}\n{keys}"))
    }

    /// Provisions the first gateway as one that comes to the terminal from the gateway's address.
    pub(crate) fn known_gateway(self, keys: &str) -> Self {
        let address = self.gateway();
        self.ppg(
            PPG_ID,
            &format!("addresses = [\"{address}\"]\nconnect = \"never\"\n{keys}"),
        )
    }

    /// The daemon listens on no TCP port.
    pub(crate) fn without_listening(mut self) -> Self {
        self.listens = false;
        self
    }

    /// Writes a file that only its owner may read, and says where it is.
    pub(crate) fn secret(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode)?;
        Ok(path.display().to_string())
    }

    pub(crate) fn configuration(&self) -> anyhow::Result<String> {
        let mut text = "[ota_http]\n".to_owned();
        if self.listens {
            let listen = SocketAddrV4::new(self.terminal(), PUSH_PORT);
            writeln!(text, "listen = [\"{listen}\"]")?;
        }
        if !self.keys.contains("terminal_id") {
            writeln!(text, "terminal_id = {TERMINAL_ID:?}")?;
        }
        write!(text, "{}\n{}", self.keys, self.sections)?;
        Ok(text)
    }

    pub(crate) fn start(self) -> anyhow::Result<Stage> {
        let extra = self.configuration()?;
        let state = tempfile::tempdir()?;
        let daemon = Daemon::start_in(state, self.terminal(), &extra)?;
        Ok(Stage { plan: self, daemon })
    }
}

/// A running daemon.
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) daemon: Daemon,
}

impl Stage {
    /// A daemon that knows the gateway by its address and takes its connections.
    pub(crate) fn set_up() -> anyhow::Result<Self> {
        Plan::new()?.known_gateway("").start()
    }

    /// Where it takes connections.
    pub(crate) fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.plan.terminal(), PUSH_PORT)
    }

    /// A connection from the gateway.
    pub(crate) fn connect(&self) -> anyhow::Result<Wire> {
        Wire::dial(self.plan.gateway(), self.address())
    }

    /// A connection from another address.
    pub(crate) fn connect_from(&self, host: u8) -> anyhow::Result<Wire> {
        Wire::dial(self.plan.network.host(host), self.address())
    }

    /// Registers for `id` over OTA-HTTP, which has to succeed.
    pub(crate) fn register(&self, id: &str) -> anyhow::Result<Value> {
        self.register_with(id, &[])
    }

    /// As [`Stage::register`], with more arguments.
    pub(crate) fn register_with(&self, id: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [&register_arguments(id)[..], arguments].concat();
        let answers = self.daemon.pushcai_json(&arguments)?;
        answers.into_iter().next().context("register wrote nothing")
    }

    /// Starts a registration and leaves it running.
    pub(crate) fn registering(&self, id: &str) -> anyhow::Result<Running> {
        self.daemon.follow(&register_arguments(id))
    }

    /// The next `number` events, each acknowledged.
    pub(crate) fn events(&self, number: usize) -> anyhow::Result<Vec<Value>> {
        self.daemon.events(number)
    }

    /// The events that wait at this moment, acknowledged.
    pub(crate) fn waiting(&self) -> anyhow::Result<Vec<Value>> {
        self.daemon.waiting()
    }

    /// The contents of the events that wait at this moment, acknowledged.
    pub(crate) fn contents(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        self.waiting()?.iter().map(content).collect()
    }

    /// What `pushcai servers` says.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<Value>> {
        self.daemon.pushcai_json(&["servers", "--json"])
    }

    /// What the terminal says of itself to a gateway that asks for the first time.
    pub(crate) fn cpi(&self) -> anyhow::Result<Answer> {
        let answer = self.connect()?.register(&[])?;
        answer.is(204, 501);
        Ok(answer)
    }

    /// Ends the daemon with SIGKILL and starts it again on what it left.
    pub(crate) fn kill_and_restart(self) -> anyhow::Result<Self> {
        let Self { plan, daemon } = self;
        let state = daemon.kill()?;
        let extra = plan.configuration()?;
        let daemon = Daemon::start_in(state, plan.terminal(), &extra)?;
        Ok(Self { plan, daemon })
    }
}

fn register_arguments(id: &str) -> [&str; 5] {
    ["register", id, "--profile", "OTA-HTTP", "--json"]
}

/// The items of a header that is a list.
pub(crate) fn list<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let value = answer.header(name).unwrap_or_default();
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

/// Writes a file.
pub(crate) fn write(directory: &Path, name: &str, octets: &[u8]) -> anyhow::Result<String> {
    let path = directory.join(name);
    std::fs::write(&path, octets)?;
    Ok(path.display().to_string())
}
