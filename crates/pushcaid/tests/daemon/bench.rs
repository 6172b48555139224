//! A daemon in a directory of its own, and the ways to talk to it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Longer than anything takes on a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program under test.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushcaid"));
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("JOURNAL_STREAM")
        .env("RUST_BACKTRACE", "0");
    command
}

/// A directory with a configuration, for one daemon after the other.
#[derive(Debug)]
pub(crate) struct Bench {
    directory: tempfile::TempDir,
    pub(crate) state: PathBuf,
}

impl Bench {
    /// `extra` stands behind the keys that every daemon under test needs.
    pub(crate) fn new(extra: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let bench = Self { directory, state };
        bench.configure(extra);
        bench
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, extra: &str) {
        let text = format!(
            "state_dir = \"{state}\"\n[api]\nsocket = \"{socket}\"\n[ota_wsp]\nlisten = [\"127.0.0.1:0\"]\n{extra}",
            state = self.state.display(),
            socket = self.socket().display(),
        );
        fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("pushcaid.toml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("run/api.sock")
    }

    /// Starts a daemon and waits until it says that it is ready.
    pub(crate) fn start(&self) -> Daemon {
        let mut command = program();
        command.arg("--config").arg(self.config());
        self.start_as(command)
    }

    /// As [`start`](Self::start), by another command.
    pub(crate) fn start_as(&self, mut command: Command) -> Daemon {
        let notify = self.path().join("notify");
        fs::remove_file(&notify).ok();
        let notifications = UnixDatagram::bind(&notify).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let child = command
            .env("NOTIFY_SOCKET", &notify)
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Daemon {
            child,
            notifications,
            socket: self.socket(),
            listening: None,
        };
        daemon.wait_for("READY=1");
        let status = daemon.status();
        daemon.listening = status["listening"][0][1]
            .as_str()
            .map(|address| address.parse().unwrap());
        daemon
    }

    /// The log of every daemon of this bench.
    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    /// Runs a daemon that is expected not to start.
    pub(crate) fn fail(&self) -> Output {
        let mut command = program();
        command
            .arg("--config")
            .arg(self.config())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.output().unwrap()
    }
}

/// A daemon that runs. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    notifications: UnixDatagram,
    socket: PathBuf,
    listening: Option<SocketAddr>,
}

impl Daemon {
    /// Waits until the service manager would be told this.
    pub(crate) fn wait_for(&self, state: &str) {
        let mut message = [0; 1024];
        loop {
            let length = self
                .notifications
                .recv(&mut message)
                .expect("a notification in time");
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            if text.lines().any(|line| line == state) {
                return;
            }
        }
    }

    /// The UDP address that it takes pushes on.
    pub(crate) fn listening(&self) -> SocketAddr {
        self.listening.unwrap()
    }

    /// Sends it a push to OMNA number 4, of type text/plain.
    pub(crate) fn push(&self, gateway: &UdpSocket, transaction: u8, body: &[u8]) {
        let octets = [&[transaction, 0x06, 0x03, 0x83, 0xAF, 0x84], body].concat();
        gateway.send_to(&octets, self.listening()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Orders it to end, and waits for that.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        // One that was killed is not waited for yet, so that its number is its own still.
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// One request on a connection of its own: status and document.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (status, text) = self.text(method, path, body);
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// The same, the answer as text.
    pub(crate) fn text(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        self.try_text(method, path, body).unwrap()
    }

    /// The same, where the daemon may be gone.
    pub(crate) fn try_text(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> std::io::Result<(u16, String)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(head(method, path, body).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        let body = if chunked {
            unchunked(body).ok_or(std::io::ErrorKind::UnexpectedEof)?
        } else {
            body.to_owned()
        };
        Ok((status.ok_or(std::io::ErrorKind::InvalidData)?, body))
    }

    pub(crate) fn status(&self) -> Value {
        let (status, document) = self.request("GET", "/v1/status", None);
        assert_eq!(status, 200, "{document}");
        document
    }

    /// Waits until the status is as wanted.
    pub(crate) fn status_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn register(&self, id: &str) -> (u16, Value) {
        self.request(
            "POST",
            "/v1/registrations",
            Some(&json!({ "pushApplicationID": id })),
        )
    }

    /// A stream of events.
    pub(crate) fn events(&self) -> Events {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        Events {
            lines: BufReader::new(stream),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn head(method: &str, path: &str, body: Option<&Value>) -> String {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    match body.map(Value::to_string) {
        None => format!("{head}\r\n"),
        Some(body) => {
            format!(
                "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        }
    }
}

/// A body that came in chunks, in one piece; nothing where the last one is missing.
fn unchunked(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..length)?);
        body = rest.get(length + 2..)?;
    }
}

/// A stream of server-sent events.
#[derive(Debug)]
pub(crate) struct Events {
    lines: BufReader<UnixStream>,
}

impl Events {
    /// The next push event; nothing when the stream has ended.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            match self.lines.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("no event in time")
                }
                Err(_) => return None,
            }
            if let Some(document) = line.strip_prefix("data: ") {
                return serde_json::from_str(document.trim_end()).ok();
            }
        }
    }
}
