//! A bus of a test's own: the real dbus-daemon.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use push_client::modem::{BusAddress, BusSettings};
use tempfile::TempDir;
use zbus::Connection;

/// Everybody may do everything.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"#;

/// A bus that ends with this value, or by [`Bus::end`].
pub(crate) struct Bus {
    directory: TempDir,
    daemon: Option<Child>,
}

impl Bus {
    /// A bus that runs; `None` if there is no dbus-daemon on this machine and it may be done without.
    pub(crate) fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut bus = Self {
            directory,
            daemon: None,
        };
        let socket = bus.socket().display().to_string();
        let configuration = CONFIGURATION.replace("SOCKET", &socket);
        std::fs::write(bus.configuration(), configuration).unwrap();
        bus.run_daemon().then_some(bus)
    }

    /// Starts the daemon, if it has been ended.
    pub(crate) fn run_daemon(&mut self) -> bool {
        let mut command = Command::new("dbus-daemon");
        command
            .arg(format!("--config-file={}", self.configuration().display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut daemon = match command.spawn() {
            Ok(daemon) => daemon,
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "dbus-daemon is missing, and CI skips nothing: {error}"
                );
                return false;
            }
        };
        let mut line = String::new();
        let output = daemon.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert!(line.starts_with("unix:path="), "{line:?}");
        self.daemon = Some(daemon);
        true
    }

    /// Ends the daemon; every connection breaks.
    pub(crate) fn end(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
        std::fs::remove_file(self.socket()).ok();
    }

    /// How a source reaches it, without long pauses.
    pub(crate) fn settings(&self) -> BusSettings {
        let second = std::time::Duration::from_secs(1);
        BusSettings {
            address: BusAddress::At(self.address()),
            backoff_base: second / 50,
            backoff_limit: second / 10,
            ..BusSettings::default()
        }
    }

    /// A connection of a service or a program.
    pub(crate) async fn connect(&self) -> Connection {
        let address = self.address();
        zbus::connection::Builder::address(address.as_str())
            .build()
            .await
            .unwrap()
    }

    /// Where a test may keep files.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("bus")
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("bus.conf")
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.end();
    }
}
