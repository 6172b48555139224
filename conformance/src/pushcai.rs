//! This project's own programs, run from outside: `pushcaid` on addresses of its own, `pushcai` against it.

use std::{
    env,
    fmt::Write,
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{PATIENCE, Running};

/// A running daemon with a state directory and a socket of its own.
#[derive(Debug)]
pub struct Daemon {
    running: Running,
    directory: TempDir,
}

/// What a command wrote and how it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

impl Daemon {
    /// Starts a daemon that takes connectionless pushes at `address`, with more configuration in `extra`, and waits
    /// until it says that it is ready. What stands in `extra` in front of its first section belongs to `[ota_wsp]`; a key
    /// `listen` there replaces that address.
    ///
    /// # Errors
    ///
    /// It cannot be started or does not get ready.
    pub fn start(address: Ipv4Addr, extra: &str) -> anyhow::Result<Self> {
        Self::start_in(tempfile::tempdir()?, address, extra)
    }

    /// As [`Daemon::start`], on the state that lies in `directory` already.
    ///
    /// # Errors
    ///
    /// It cannot be started or does not get ready.
    pub fn start_in(directory: TempDir, address: Ipv4Addr, extra: &str) -> anyhow::Result<Self> {
        Self::start_as(directory, address, extra, |command| command)
    }

    /// As [`Daemon::start_in`], by another command that `wrap` makes of the daemon's and that becomes the daemon.
    ///
    /// # Errors
    ///
    /// It cannot be started or does not get ready.
    pub fn start_as(
        directory: TempDir,
        address: Ipv4Addr,
        extra: &str,
        wrap: impl FnOnce(Command) -> Command,
    ) -> anyhow::Result<Self> {
        let notify = directory.path().join("notify.sock");
        drop(fs::remove_file(&notify));
        let notifications = UnixDatagram::bind(&notify)?;
        notifications.set_read_timeout(Some(PATIENCE))?;
        let mut command = wrap(daemon_command(directory.path(), address, extra)?);
        command.env("NOTIFY_SOCKET", &notify);
        let running = Running::start("pushcaid", &mut command)?;
        wait_until_ready(&notifications, &running)?;
        Ok(Self { running, directory })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// The path of its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("api.sock")
    }

    /// A `pushcai` command for this daemon.
    ///
    /// # Errors
    ///
    /// The program is not built.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program("pushcai", "PUSHCAI_BIN")?);
        command.arg("--socket").arg(self.socket()).args(arguments);
        Ok(command)
    }

    /// Runs `pushcai` with `arguments` to its end.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn pushcai(&self, arguments: &[&str]) -> anyhow::Result<Outcome> {
        run(&mut self.command(arguments)?)
    }

    /// Runs `pushcai` with `arguments`, which has to succeed, and returns the JSON values that it wrote, one a line.
    ///
    /// # Errors
    ///
    /// It fails or writes something else.
    pub fn pushcai_json(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        let outcome = self.pushcai(arguments)?;
        if outcome.code != Some(0) {
            bail!("pushcai {arguments:?} failed: {outcome:?}");
        }
        let values = outcome.output.lines().map(serde_json::from_str);
        values
            .collect::<Result<_, _>>()
            .with_context(|| format!("pushcai {arguments:?} wrote no JSON lines: {outcome:?}"))
    }

    /// Submits a push in hexadecimal digits, as a short message; it is durable when this returns.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub fn submit_push(&self, push: &str) -> anyhow::Result<()> {
        let sender = ["--sender", "+4917099999"];
        let arguments = ["submit", "--json", "--kind", "push"];
        self.pushcai_json(&[&arguments[..], &sender, &[push]].concat())?;
        Ok(())
    }

    /// Starts `pushcai` with `arguments` and leaves it running.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn follow(&self, arguments: &[&str]) -> anyhow::Result<Running> {
        Running::start("pushcai", &mut self.command(arguments)?)
    }

    /// The next `number` events that `pushcai events --follow --ack` writes, and each of them is acknowledged.
    ///
    /// # Errors
    ///
    /// It ends otherwise, or writes something else.
    pub fn events(&self, number: usize) -> anyhow::Result<Vec<Value>> {
        let count = number.to_string();
        let arguments = ["events", "--follow", "--ack", "--json", "--count", &count];
        let following = self.follow(&arguments)?;
        let lines = (0..number).map(|_| following.next_line());
        let events = lines
            .map(|line| Ok(serde_json::from_str(&line?)?))
            .collect::<anyhow::Result<Vec<Value>>>()?;
        let status = following.wait()?;
        if !status.success() {
            bail!("pushcai {arguments:?} ended with {status} after {events:?}");
        }
        Ok(events)
    }

    /// The events that wait at this moment, taken without waiting for more and acknowledged.
    ///
    /// # Errors
    ///
    /// `pushcai` fails or writes something else.
    pub fn waiting(&self) -> anyhow::Result<Vec<Value>> {
        self.pushcai_json(&["events", "--ack", "--json"])
    }

    /// How many events of all registrations are not done with: those that wait, and those that are out for an answer.
    ///
    /// # Errors
    ///
    /// `pushcai` fails or writes something else.
    pub fn events_left(&self) -> anyhow::Result<u64> {
        let apps = self.pushcai_json(&["apps", "--json"])?;
        let counts = apps
            .iter()
            .flat_map(|app| [&app["waitingEvents"], &app["unacknowledgedEvents"]]);
        counts
            .map(|count| count.as_u64().context("a registration without a count"))
            .sum()
    }

    /// Asks the daemon to end and returns how it ended, and the directory with its state.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn terminate(self) -> anyhow::Result<(ExitStatus, TempDir)> {
        Ok((self.running.terminate()?, self.directory))
    }

    /// Ends the daemon with SIGKILL and returns the directory with its state.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn kill(self) -> anyhow::Result<TempDir> {
        self.running.kill()?;
        Ok(self.directory)
    }
}

/// The octets of an event's content.
///
/// # Errors
///
/// There is none, or it is no base64.
pub fn content(event: &Value) -> anyhow::Result<Vec<u8>> {
    let text = event["content"]
        .as_str()
        .context("the event has no content")?;
    Ok(STANDARD.decode(text)?)
}

/// A `pushcaid` command with its configuration and state in `directory`.
///
/// # Errors
///
/// The program is not built, or the configuration cannot be written.
pub fn daemon_command(directory: &Path, address: Ipv4Addr, extra: &str) -> anyhow::Result<Command> {
    let file = directory.join("pushcaid.toml");
    fs::write(&file, configuration(directory, address, extra)?)?;
    let mut command = Command::new(program("pushcaid", "PUSHCAID_BIN")?);
    command.arg("--config").arg(file);
    Ok(command)
}

/// Runs `command` to its end.
///
/// # Errors
///
/// It cannot be started.
pub fn run(command: &mut Command) -> anyhow::Result<Outcome> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    Ok(Outcome {
        code: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Where the program `name` is: where the environment's `variable` says, or where cargo built it.
///
/// # Errors
///
/// It is not built.
pub fn program(name: &str, variable: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Ok(PathBuf::from(path));
    }
    let test = env::current_exe()?;
    let built = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name));
    built
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "{name} is not built: `cargo xtask test` builds it, or {variable} says where it is"
            )
        })
}

fn configuration(directory: &Path, address: Ipv4Addr, extra: &str) -> anyhow::Result<String> {
    let listen = SocketAddrV4::new(address, crate::kannel::CONNECTIONLESS_PUSH);
    let (state, socket) = (directory.join("state"), directory.join("api.sock"));
    let mut text = String::new();
    writeln!(text, "state_dir = {:?}", state.display().to_string())?;
    writeln!(text, "[api]\nsocket = {:?}", socket.display().to_string())?;
    let mut first_keys = extra.lines().take_while(|line| !line.starts_with('['));
    let listens = first_keys.any(|line| line.starts_with("listen ="));
    writeln!(text, "[ota_wsp]")?;
    if !listens {
        writeln!(text, "listen = [\"{listen}\"]")?;
    }
    writeln!(text, "{extra}")?;
    Ok(text)
}

fn wait_until_ready(notifications: &UnixDatagram, running: &Running) -> anyhow::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let length = notifications
            .recv(&mut buffer)
            .with_context(|| format!("pushcaid did not say READY=1; {}", running.complaints()))?;
        let said = buffer.get(..length).unwrap_or_default();
        if said
            .split(|octet| *octet == b'\n')
            .any(|line| line == b"READY=1")
        {
            return Ok(());
        }
    }
}
