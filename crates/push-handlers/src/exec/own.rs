//! A command with limits of our own making.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use push_dbus::sealed_file;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process, kill_process_group, waitid,
};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::command::{Account, ExecCommand};
use super::confine::{CANNOT_RUN, arguments};
use super::environment::Variables;
use super::output::Output;
use crate::Unreachable;

/// How long a command has between SIGTERM and SIGKILL.
pub(super) const KILL_GRACE: Duration = Duration::from_secs(2);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It had no more time.
    OutOfTime,
}

/// A command that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    pub(super) output: String,
}

/// Whom a command runs as; `None`: as this process.
///
/// # Errors
/// This process may not become that user.
pub(super) fn account(command: &ExecCommand) -> Result<Option<Account>, String> {
    let own = geteuid();
    match &command.account {
        _ if own.is_root() => Ok(Some(
            command.account.clone().unwrap_or_else(Account::nobody),
        )),
        None => Ok(None),
        Some(account) if account.uid == own.as_raw() => Ok(None),
        Some(account) => Err(format!(
            "it runs as user {}, which user {} may not become",
            account.user,
            own.as_raw()
        )),
    }
}

/// Runs a command to its end. Dropped before, it kills the command with all that it started.
///
/// # Errors
/// The command cannot be run.
pub(super) async fn run(
    program: &PathBuf,
    command: &ExecCommand,
    environment: &Variables,
    content: &[u8],
) -> Result<Ended, Unreachable> {
    let cannot = |error: io::Error| {
        let name = command.program.display();
        Unreachable::new(format!("{name} cannot be run: {error}"))
    };
    let account = account(command).map_err(Unreachable::new)?;
    let mark = format!("pushcai-{:016x}", chance());
    let (mut running, mut output) = start(
        program,
        command,
        account.as_ref(),
        environment,
        content,
        &mark,
    )
    .map_err(cannot)?;
    let in_time = running.watch(command.timeout, &mut output).await;
    let status = running.reap().await.map_err(cannot)?;
    let written = output.finish().await;
    if status.code() == Some(i32::from(CANNOT_RUN))
        && let Some(reason) = written.behind(&mark)
    {
        let reason = reason.trim_start_matches(": ").trim_end();
        return Err(Unreachable::new(format!("cannot be run: {reason}")));
    }
    let end = if in_time {
        end_of(status)
    } else {
        End::OutOfTime
    };
    let output = written.into_text();
    Ok(Ended { end, output })
}

fn end_of(status: ExitStatus) -> End {
    match status.code() {
        Some(code) => End::Exited(code),
        None => End::Killed(status.signal().unwrap_or_default()),
    }
}

fn start(
    program: &PathBuf,
    command: &ExecCommand,
    account: Option<&Account>,
    environment: &Variables,
    content: &[u8],
    mark: &str,
) -> io::Result<(Running, Output)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let output = Output::of(reader, command.max_output)?;
    // Before there is a child, so that nothing of it is missed.
    let news = signal(SignalKind::child())?;
    let child = Command::new(program)
        .arg0("pushcaid")
        .args(arguments(command, account, mark))
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(sealed_file(content)?))
        .stdout(Stdio::from(writer.try_clone()?))
        .stderr(Stdio::from(writer))
        .kill_on_drop(true)
        .spawn()?;
    Ok((Running::of(child, news)?, output))
}

/// A command that runs, with all that it started in its group.
struct Running {
    child: Child,
    pid: Pid,
    /// Something has become of a child of this process.
    news: SignalStream,
    reaped: bool,
}

impl Running {
    fn of(child: Child, news: SignalStream) -> io::Result<Self> {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let pid = id.and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self {
            child,
            pid,
            news,
            reaped: false,
        })
    }

    /// Waits for the end, and brings it about where the time is over; says whether it came by itself.
    async fn watch(&mut self, limit: Duration, output: &mut Output) -> bool {
        let end = Instant::now() + limit;
        if self.until(end, output).await {
            return true;
        }
        self.kill(Signal::TERM);
        let last = Instant::now() + KILL_GRACE;
        if !self.until(last, output).await {
            self.kill(Signal::KILL);
        }
        false
    }

    /// Waits for the end until then, and reads meanwhile; says whether it has come.
    async fn until(&mut self, end: Instant, output: &mut Output) -> bool {
        tokio::select! {
            biased;
            () = self.ended() => true,
            () = sleep_until(end) => false,
            () = output.read() => true,
        }
    }

    /// Waits for the end of the command, which keeps its number all the same. Safe to cancel.
    async fn ended(&mut self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // A process that cannot be asked after is not there.
        while matches!(waitid(WaitId::Pid(self.pid), options), Ok(None)) {
            self.news.recv().await;
        }
    }

    /// Takes down what the command left behind in its group, and gives its status. Its number is its own until here.
    async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.ended().await;
        self.kill(Signal::KILL);
        self.reaped = true;
        self.child.wait().await
    }

    fn kill(&self, signal: Signal) {
        // Before it has a group of its own, it has nothing in it either.
        if kill_process_group(self.pid, signal).is_err() {
            kill_process(self.pid, signal).ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill(Signal::KILL);
        }
    }
}

/// A number that the command cannot know beforehand.
fn chance() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_cannot_be_run_is_known_though_none_of_its_output_is_wanted() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        // Written by another process: a program that this one has open for writing cannot be run.
        let write =
            "printf '#!/bin/sh\\necho \"$2: no rights\"\\nexit 203\\n' >\"$0\"; chmod 700 \"$0\"";
        let mut written = Command::new("/bin/sh");
        let written = written.args(["-c", write]).arg(&program).status().await;
        assert!(written.unwrap().success());
        let command = ExecCommand {
            max_output: 0,
            ..ExecCommand::new("meter", "/bin/true")
        };
        let refused = run(&program, &command, &Variables::new(), b"").await;
        let reason = refused.unwrap_err().reason;
        assert_eq!(reason, "cannot be run: no rights");
    }
}
