//! A bus of a test's own: the real dbus-daemon.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use anyhow::bail;
use tempfile::TempDir;
use zbus::{
    Type, connection,
    export::serde::{Serialize, de::DeserializeOwned},
};

use crate::{
    peer,
    process::{PATIENCE, Running},
};

/// How often a condition is looked at, and the pause in between.
const ATTEMPTS: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(20);

/// An interface of an object of a service.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The service.
    pub service: &'a str,
    /// The object.
    pub path: &'a str,
    /// The interface.
    pub interface: &'a str,
}

/// Waits until `condition` gives something.
///
/// # Errors
///
/// It gave nothing for a minute, and failed in this way last.
pub fn wait_for<T>(
    what: &str,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        match condition() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
        thread::sleep(PAUSE);
    }
    bail!("{what} did not come about: {failed:?}")
}

/// A bus on which everybody may do everything.
#[derive(Debug)]
pub struct Bus {
    address: String,
    _daemon: Running,
    directory: TempDir,
}

impl Bus {
    /// Starts a bus; `None` if dbus-daemon is not installed and may be skipped.
    ///
    /// # Errors
    ///
    /// It is missing though nothing may be skipped, or does not start.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let Some([program]) = peer::find(["dbus-daemon"])? else {
            return Ok(None);
        };
        let directory = tempfile::tempdir()?;
        let configuration = directory.path().join("bus.conf");
        let socket = directory.path().join("bus");
        fs::write(&configuration, configuration_of(&socket))?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"]);
        let daemon = Running::start("dbus-daemon", &mut command)?;
        // The address stands there once the socket is open.
        daemon.next_line()?;
        Ok(Some(Self {
            address: format!("unix:path={}", socket.display()),
            _daemon: daemon,
            directory,
        }))
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Calls a method, and gives what it returns.
    ///
    /// # Errors
    ///
    /// The call fails, or returns something else.
    pub fn call<B, R>(&self, target: Target<'_>, method: &str, body: &B) -> anyhow::Result<R>
    where
        B: Serialize + Type,
        R: DeserializeOwned + Type,
    {
        call_at(&self.address, target, method, body)
    }

    /// A directory that ends with the bus.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Has `command` find this bus wherever it looks for one.
    pub fn offer<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }
}

/// Calls a method on the bus at `address`, and gives what it returns.
///
/// # Errors
///
/// The call fails, or returns something else.
pub fn call_at<B, R>(address: &str, target: Target<'_>, method: &str, body: &B) -> anyhow::Result<R>
where
    B: Serialize + Type,
    R: DeserializeOwned + Type,
{
    let Target {
        service,
        path,
        interface,
    } = target;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connection = connection::Builder::address(address)
            .method_timeout(PATIENCE)
            .build();
        let connection = tokio::time::timeout(PATIENCE, connection).await??;
        let answer = connection
            .call_method(Some(service), path, Some(interface), method, body)
            .await?;
        Ok(answer.body().deserialize()?)
    })
}

fn configuration_of(socket: &Path) -> String {
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
         <busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\n\
         <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
         <allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>\n",
        socket.display()
    )
}
