//! Programs under measurement: started on a core of their own, ended by their own id.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use super::Programs;

/// The core of the daemon or relay.
pub(crate) const SERVER_CORE: &str = "0";
/// The core of the sender and the application.
pub(crate) const CLIENT_CORE: usize = 1;

/// A started program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `program` on the server's core.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", SERVER_CORE])
            .arg(program)
            .args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child })
    }

    /// Takes over a program that was started otherwise.
    pub(crate) const fn of(child: Child) -> Self {
        Self { child }
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by SIGTERM, so that it closes what it has open.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "it did not end cleanly: {status}");
        Ok(())
    }

    /// Waits for a line of its standard output that contains `word`.
    pub(crate) fn wait_for_output(&mut self, word: &str) -> anyhow::Result<()> {
        let output = self
            .child
            .stdout
            .take()
            .context("its output was taken already")?;
        wait_for(output, word)
    }
}

fn wait_for(stream: impl std::io::Read, word: &str) -> anyhow::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let mut said = String::new();
    loop {
        let line = lines
            .next()
            .with_context(|| format!("it ended without {word:?}; it said:\n{said}"))??;
        if line.contains(word) {
            return Ok(());
        }
        said.push_str(&line);
        said.push('\n');
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = killed {
            println!("cannot end the process {}: {error}", self.child.id());
        }
    }
}

/// A daemon with a configuration of its own in a directory of its own.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The running program.
    pub(crate) process: Process,
    /// From starting it to its word that it is ready.
    pub(crate) ready: std::time::Duration,
    /// Its API.
    pub(crate) socket: PathBuf,
    /// Where it listens for pushes.
    pub(crate) listen: String,
}

impl Daemon {
    /// Starts pushcaid in `directory` and waits until it says by `sd_notify` that it is ready.
    pub(crate) fn start(
        programs: &Programs,
        directory: &Path,
        durability: &str,
    ) -> anyhow::Result<Self> {
        Self::start_with(programs, directory, durability, "")
    }

    /// As [`start`](Self::start), with more sections of the configuration.
    pub(crate) fn start_with(
        programs: &Programs,
        directory: &Path,
        durability: &str,
        sections: &str,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let socket = directory.join("api.sock");
        let listen = free_address()?;
        let config = directory.join("pushcaid.toml");
        let text = format!(
            "state_dir = \"{}\"\n[api]\nsocket = \"{}\"\n[ota_wsp]\nlisten = [\"{listen}\"]\n\
             [store]\ndurability = \"{durability}\"\n{sections}",
            directory.join("state").display(),
            socket.display()
        );
        fs::write(&config, text)?;
        let notify_path = directory.join("notify.sock");
        if notify_path.exists() {
            fs::remove_file(&notify_path)?;
        }
        let notify = std::os::unix::net::UnixDatagram::bind(&notify_path)?;
        notify.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", SERVER_CORE])
            .arg(&programs.pushcaid)
            .arg("--config")
            .arg(&config);
        command
            .env("NOTIFY_SOCKET", &notify_path)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.stderr(fs::File::create(directory.join("log"))?);
        let start = super::clock::now();
        let process = Process {
            child: command.spawn().context("cannot start pushcaid")?,
        };
        wait_until_ready(&notify).with_context(|| {
            format!(
                "pushcaid is not ready; its log is in {}",
                directory.display()
            )
        })?;
        Ok(Self {
            process,
            ready: start.elapsed(),
            socket,
            listen,
        })
    }
}

fn wait_until_ready(notify: &std::os::unix::net::UnixDatagram) -> anyhow::Result<()> {
    let mut message = [0; 1_024];
    loop {
        let length = notify.recv(&mut message)?;
        if message[..length]
            .windows(7)
            .any(|window| window == b"READY=1")
        {
            return Ok(());
        }
    }
}

/// A loopback address with a UDP port that nobody has at present.
pub(crate) fn free_address() -> anyhow::Result<String> {
    Ok(std::net::UdpSocket::bind("127.0.0.1:0")?
        .local_addr()?
        .to_string())
}

/// A loopback address with a TCP port that nobody has at present.
pub(crate) fn free_tcp_address() -> anyhow::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .to_string())
}

/// Keeps this process on the client's core.
pub(crate) fn pin_to_client_core() -> anyhow::Result<()> {
    pin_to(CLIENT_CORE)
}

/// Has what `start` starts run on the server's core.
pub(crate) fn on_server_core<T>(start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    pin_to(SERVER_CORE.parse()?)?;
    let started = start();
    pin_to_client_core()?;
    started
}

fn pin_to(core: usize) -> anyhow::Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).context("two cores are needed")
}
