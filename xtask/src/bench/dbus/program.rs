//! The C program that is the application and the floor: compiled when it is needed, and what it says.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use crate::bench::process::{CLIENT_CORE, Process, SERVER_CORE};
use crate::command;

const SOURCE: &str = include_str!("bus.c");

/// The compiled program.
#[derive(Debug)]
pub(crate) struct Program(PathBuf);

impl Program {
    /// Compiles it in `directory`; `None` if this machine has no compiler or no sd-bus.
    pub(crate) fn compile(directory: &Path) -> anyhow::Result<Option<Self>> {
        let flags = Command::new("pkg-config")
            .args(["--cflags", "--libs", "libsystemd"])
            .output();
        let Some(flags) = flags.ok().filter(|flags| flags.status.success()) else {
            println!(
                "D-Bus is not measured: the Debian packages libsystemd-dev and pkg-config are missing"
            );
            return Ok(None);
        };
        let source = directory.join("bus.c");
        std::fs::write(&source, SOURCE)?;
        let program = directory.join("bus");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-Wall", "-Werror", "-o"]);
        compiler.arg(&program).arg(&source);
        compiler.args(String::from_utf8(flags.stdout)?.split_whitespace());
        command::step("the floor on D-Bus", &mut compiler)?;
        Ok(Some(Self(program)))
    }

    /// Calls the receiver on the bus at `address` from the server's core, and waits until all is answered.
    pub(crate) fn call(&self, address: &str, count: u32, window: u32) -> anyhow::Result<Child> {
        let (count, window) = (count.to_string(), window.to_string());
        let words = ["call", address, &count, &window];
        let mut caller = self.pinned(SERVER_CORE, &words);
        caller.spawn().context("cannot start the caller")
    }

    /// Starts the application; `role` is `receive` or `agent`. It tells of every `stride`-th call.
    pub(crate) fn receive(
        &self,
        role: &str,
        address: &str,
        stride: u32,
    ) -> anyhow::Result<Receiver> {
        let words = [role, address, &stride.to_string()];
        let mut receiver = self.pinned(&CLIENT_CORE.to_string(), &words);
        let mut child = receiver.stdout(Stdio::piped()).spawn()?;
        let told = child.stdout.take().context("its output is piped")?;
        let process = Process::of(child);
        let mut receiver = Receiver {
            told,
            _process: process,
        };
        receiver
            .next()
            .context("the application cannot be called")?;
        Ok(receiver)
    }

    fn pinned(&self, core: &str, words: &[&str]) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", core]).arg(&self.0).args(words);
        command.stdin(Stdio::null());
        command
    }
}

/// A running application; ended when dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    told: ChildStdout,
    _process: Process,
}

impl Receiver {
    /// Waits until it has answered the next call that it tells of; gives when it was called, on the clock of [`moment`].
    pub(crate) fn next(&mut self) -> anyhow::Result<Duration> {
        let mut octets = [0; 8];
        self.told
            .read_exact(&mut octets)
            .context("the application ended")?;
        Ok(Duration::from_nanos(u64::from_ne_bytes(octets)))
    }
}

/// The present moment on the clock that the application reads too.
pub(crate) fn moment() -> anyhow::Result<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Ok(Duration::new(
        time.tv_sec.try_into()?,
        time.tv_nsec.try_into()?,
    ))
}
