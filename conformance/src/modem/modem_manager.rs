//! ModemManager, driving a modem on an abstract Unix socket by its own test interface.

use std::process::Command;

use anyhow::Context;

use super::bus::{Target, wait_for};
use crate::{buses::Bus, peer, process::Running};

const SERVICE: &str = "org.freedesktop.ModemManager1";
const ROOT: &str = "/org/freedesktop/ModemManager1";

/// A running ModemManager.
#[derive(Debug)]
pub struct ModemManager(Running);

impl ModemManager {
    /// Starts ModemManager on `bus`; `None` if it is not installed and may be skipped. It has no modem until it is given one.
    ///
    /// # Errors
    ///
    /// It is missing though nothing may be skipped, or does not start.
    pub fn start(bus: &Bus) -> anyhow::Result<Option<Self>> {
        let Some([program]) = peer::find(["ModemManager"])? else {
            return Ok(None);
        };
        let mut command = Command::new(program);
        command.args([
            "--test-session",
            "--no-auto-scan",
            "--test-enable",
            "--test-no-udev",
            "--test-no-qrtr",
            "--test-no-suspend-resume",
            "--debug",
        ]);
        let running = Running::start("ModemManager", bus.offer_everywhere(&mut command))?;
        Ok(Some(Self(running)))
    }

    /// Gives it the modem on the abstract socket `abstract:NAME`, and waits until that is enabled.
    ///
    /// # Errors
    ///
    /// It does not get that far; what ModemManager says stands in the error.
    pub fn add_modem(&self, bus: &Bus, name: &str) -> anyhow::Result<()> {
        let service = |path, interface| Target {
            service: SERVICE,
            path,
            interface,
        };
        let test = service(ROOT, "org.freedesktop.ModemManager1.Test");
        let ports = vec![format!("abstract:{name}")];
        wait_for("ModemManager", || {
            let () = bus.call(test, "SetProfile", &(name, "generic", &ports))?;
            Ok(Some(()))
        })
        .with_context(|| self.0.complaints())?;
        let objects = service(ROOT, "org.freedesktop.DBus.ObjectManager");
        let path = wait_for("a modem of ModemManager", || {
            let all: zbus::fdo::ManagedObjects = bus.call(objects, "GetManagedObjects", &())?;
            let messaging = "org.freedesktop.ModemManager1.Modem.Messaging";
            let mut modems = all.into_iter();
            let modem = modems.find(|(_, all)| all.keys().any(|name| name.as_str() == messaging));
            Ok(modem.map(|(path, _)| path))
        })
        .with_context(|| self.0.complaints())?;
        let modem = service(path.as_str(), "org.freedesktop.ModemManager1.Modem");
        wait_for("a modem that is enabled", || {
            let () = bus.call(modem, "Enable", &true)?;
            Ok(Some(()))
        })
        .with_context(|| self.0.complaints())
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
