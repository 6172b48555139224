//! A daemon on a bus, and short words for what tests do with it.

use anyhow::bail;
use conformance::{
    buses::Bus,
    loopback::Network,
    modem::bus::wait_for,
    pushcai::{Daemon, content},
};
use serde_json::Value;

/// A connectionless push to mms.ua with this body.
pub(crate) fn push(body: &[u8]) -> Vec<u8> {
    [&b"\x01\x06\x03\xBE\xAF\x84"[..], body].concat()
}

/// A body of so many octets that no other number has.
pub(crate) fn body(number: u8, length: usize) -> Vec<u8> {
    let counted = (0..251)
        .cycle()
        .take(length)
        .map(|place: u8| place ^ number);
    [number].into_iter().chain(counted).collect()
}

/// A daemon that takes short messages from `section` on the bus, and its network.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    network: Network,
    extra: String,
}

impl Stage {
    /// Starts the daemon, and registers for mms.ua.
    pub(crate) fn start(bus: &Bus, section: &str, more: &str) -> anyhow::Result<Self> {
        let address = bus.address();
        let extra = format!(
            "[sms.{section}]\nenabled = true\nbus = \"{address}\"\nbackoff_base = \"50ms\"\nbackoff_limit = \"1s\"\n{more}"
        );
        let network = Network::claim()?;
        let daemon = Daemon::start(network.host(2), &extra)?;
        daemon.pushcai_json(&["register", "4", "--json"])?;
        Ok(Self {
            daemon,
            network,
            extra,
        })
    }

    /// Ends the daemon with SIGKILL and starts it again.
    pub(crate) fn restart(self) -> anyhow::Result<Self> {
        let directory = self.daemon.kill()?;
        let daemon = Daemon::start_in(directory, self.network.host(2), &self.extra)?;
        Ok(Self { daemon, ..self })
    }

    /// Waits until the source can deliver.
    pub(crate) fn is_connected(&self) -> anyhow::Result<()> {
        wait_for("a source that is connected", || {
            let sources = self.daemon.pushcai_json(&["servers", "--json"])?;
            let connected = sources.iter().any(|source| source["state"] == "connected");
            Ok(connected.then_some(()))
        })
    }

    /// The contents of the next `number` events, in order; whether there are more is for the caller to ask.
    pub(crate) fn contents(&self, number: usize) -> anyhow::Result<Vec<Vec<u8>>> {
        self.daemon.events(number)?.iter().map(content).collect()
    }

    /// Refuses events that nobody expects.
    pub(crate) fn nothing_waits(&self) -> anyhow::Result<()> {
        match self.daemon.waiting()?.as_slice() {
            [] => Ok(()),
            events => bail!("these are too many: {events:?}"),
        }
    }

    /// The next event.
    pub(crate) fn event(&self) -> anyhow::Result<Value> {
        Ok(self.daemon.events(1)?.remove(0))
    }
}
