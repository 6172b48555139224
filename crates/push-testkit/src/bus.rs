//! A bus of a test's own: the real dbus-daemon.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test is to fail"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Uid;
use tempfile::TempDir;
use zbus::{Connection, connection};

/// Everybody may do everything.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <servicedir>SERVICES</servicedir>
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
#[derive(Debug)]
pub struct Bus {
    directory: TempDir,
    daemon: Option<Child>,
}

impl Bus {
    /// A bus that runs; `None` if there is no dbus-daemon on this machine and it may be done without.
    pub fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        // Other users are to come in.
        let everybody = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), everybody).unwrap();
        let mut bus = Self {
            directory,
            daemon: None,
        };
        let socket = bus.socket().display().to_string();
        fs::create_dir(bus.services()).unwrap();
        let services = bus.services().display().to_string();
        let configuration = CONFIGURATION.replace("SOCKET", &socket);
        let configuration = configuration.replace("SERVICES", &services);
        fs::write(bus.configuration(), configuration).unwrap();
        bus.run_daemon().then_some(bus)
    }

    /// Starts the daemon, if it has been ended.
    pub fn run_daemon(&mut self) -> bool {
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
    pub fn end(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
        fs::remove_file(self.socket()).ok();
    }

    /// A connection of an application of this user.
    pub async fn connect(&self) -> Connection {
        connection::Builder::address(self.address().as_str())
            .build()
            .await
            .unwrap()
    }

    /// A connection of an application of another user: a thread with that user's number makes it.
    pub async fn connect_as(&self, uid: u32) -> Connection {
        let socket = self.socket();
        let stream = std::thread::spawn(move || {
            let uid = Uid::from_raw(uid);
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            UnixStream::connect(socket).unwrap()
        });
        connection::Builder::unix_stream(stream.join().unwrap())
            .user_id(uid)
            .build()
            .await
            .unwrap()
    }

    /// Where it is reached, as D-Bus writes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    /// Where the files of services are that it may start.
    #[must_use]
    pub fn services(&self) -> PathBuf {
        self.directory.path().join("services")
    }

    /// Where a test may keep files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
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
