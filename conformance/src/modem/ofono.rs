//! oFono, driving a modem over TCP by its phonesim plugin.

use std::{collections::HashMap, fs, net::SocketAddrV4, process::Command};

use anyhow::Context;
use zbus::{OwnedVariant, Variant};

use super::{
    at::Modem,
    bus::{Target, wait_for},
};
use crate::{buses::Bus, peer, process::Running};

/// The path that oFono gives the modem.
pub const MODEM: &str = "/phonesim";

/// Where oFono of Debian keeps what it knows of subscribers, the segments of their short messages among it.
const STORAGE: &str = "/var/lib/ofono";

/// What oFono keeps of a subscriber; it is removed when this is dropped.
#[derive(Debug)]
pub struct Leftovers {
    subscriber: String,
}

impl Leftovers {
    /// Of the subscriber in `modem`.
    #[must_use]
    pub fn of(modem: &Modem) -> Self {
        Self {
            subscriber: modem.subscriber(),
        }
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        // Where oFono may not write there, nothing is there.
        for end in ["", "-3"] {
            drop(fs::remove_dir_all(format!(
                "{STORAGE}/{}{end}",
                self.subscriber
            )));
        }
    }
}

/// A running oFono.
#[derive(Debug)]
pub struct Ofono(Running);

impl Ofono {
    /// Starts oFono on `bus` with the modem at `address`; `None` if it is not installed and may be skipped.
    ///
    /// # Errors
    ///
    /// It is missing though nothing may be skipped, or does not start.
    pub fn start(bus: &Bus, address: SocketAddrV4) -> anyhow::Result<Option<Self>> {
        let Some([program]) = peer::find(["ofonod"])? else {
            return Ok(None);
        };
        let configuration = bus.directory().join("phonesim.conf");
        let (ip, port) = (address.ip(), address.port());
        let text = format!("[phonesim]\nDriver=phonesim\nAddress={ip}\nPort={port}\n");
        fs::write(&configuration, text)?;
        let mut command = Command::new(program);
        command
            .args(["-n", "-d"])
            .env("OFONO_PHONESIM_CONFIG", configuration);
        let running = Running::start("ofonod", bus.offer_everywhere(&mut command))?;
        Ok(Some(Self(running)))
    }

    /// Waits until the modem is online and hands pushes to an agent, and has it do so.
    ///
    /// # Errors
    ///
    /// It does not get that far; what oFono says stands in the error.
    pub fn bring_up(&self, bus: &Bus) -> anyhow::Result<()> {
        let modem = Target {
            service: "org.ofono",
            path: MODEM,
            interface: "org.ofono.Modem",
        };
        let step = || {
            let properties: HashMap<String, OwnedVariant> =
                bus.call(modem, "GetProperties", &())?;
            for wanted in ["Powered", "Online"] {
                let is_on = properties
                    .get(wanted)
                    .map(|value| bool::try_from(value.clone()));
                if !matches!(is_on, Some(Ok(true))) {
                    let () = bus.call(modem, "SetProperty", &(wanted, Variant::from(true)))?;
                    return Ok(None);
                }
            }
            let interfaces = properties.get("Interfaces").cloned();
            let interfaces = interfaces.map(Vec::<String>::try_from).transpose()?;
            let pushes = |name: &String| name == "org.ofono.PushNotification";
            Ok(interfaces
                .is_some_and(|names| names.iter().any(pushes))
                .then_some(()))
        };
        wait_for("a modem that hands pushes over", step).with_context(|| self.0.complaints())
    }

    /// Ends it with SIGKILL.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn kill(self) -> anyhow::Result<()> {
        self.0.kill()
    }
}
