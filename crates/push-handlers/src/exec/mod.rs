//! `exec:NAME`: a command that the administrator defines. It finds the content on its standard input and the rest in its environment.

mod command;
mod confine;
mod environment;
mod output;
mod own;
mod rest;
mod transient;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use push_api::Caller;
use push_client::{Boxed, Event, Outcome, RegistrationRecord};
use push_message::Refusal;
use tokio::time::Instant;

pub(crate) use command::is_open_to;
pub use command::{Account, ExecCommand};
pub use confine::{RUN_HANDLER, run_handler};
use own::{End, Ended, KILL_GRACE};
use rest::Rest;
use transient::Refused;

use environment::Variables;

use crate::host::{not_available, not_nameable};
use crate::systemd::Manager;
use crate::{Answering, Handed, Handler, Opened, Scheme, Unreachable};

/// By this status a command says that the event is to come again (`EX_TEMPFAIL`).
const LATER: i32 = 75;
/// How long systemd is left alone that started no unit, at first and at most, unless it is said.
const REST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(10));
/// How long the end of a command and its pipes may take beyond its own time.
const MARGIN: Duration = Duration::from_secs(3);

/// What keeps a command from the rest of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// A transient unit where systemd runs the system and lets this process start units, else limits of our own; systemd is asked
    /// again then, after a rest that doubles.
    #[default]
    Auto,
    /// A transient unit; where there can be none, nothing is run.
    Systemd,
    /// Limits of our own.
    Own,
}

/// The scheme `exec`.
#[derive(Debug)]
pub struct Exec {
    commands: BTreeMap<Box<str>, Arc<ExecCommand>>,
    runs: Arc<Runs>,
}

/// How commands are run.
#[derive(Debug)]
struct Runs {
    isolation: Isolation,
    manager: Arc<Manager>,
    /// Whether systemd runs the system.
    has_systemd: bool,
    /// How long the manager is left alone that let this process start no unit.
    rest: Rest,
    /// The program that becomes the command: one that calls [`run_handler`] on [`RUN_HANDLER`].
    program: PathBuf,
}

impl Runs {
    fn in_units(&self) -> bool {
        match self.isolation {
            Isolation::Auto => self.has_systemd && self.rest.is_over(Instant::now()),
            Isolation::Systemd => true,
            Isolation::Own => false,
        }
    }

    async fn run(
        &self,
        command: &ExecCommand,
        environment: &Variables,
        content: &[u8],
    ) -> Result<Ended, Unreachable> {
        if self.in_units() {
            match transient::run(&self.manager, command, environment, content).await {
                Ok(ended) => {
                    if self.rest.end() {
                        tracing::info!("systemd starts units again; commands run in them");
                    }
                    return Ok(ended);
                }
                Err(Refused::Failed(unreachable)) => return Err(unreachable),
                Err(Refused::NotHere(reason)) if self.isolation == Isolation::Systemd => {
                    return Err(Unreachable::new(format!(
                        "systemd starts no unit: {reason}"
                    )));
                }
                Err(Refused::NotHere(reason)) => {
                    if self.rest.begin(Instant::now()) {
                        tracing::warn!(%reason, "systemd starts no units; commands run with limits of our own for now");
                    }
                }
            }
        }
        own::run(&self.program, command, environment, content).await
    }
}

impl Exec {
    /// These commands, kept from the rest in this way, in units of this manager or started by this very program.
    pub fn new(
        commands: impl IntoIterator<Item = ExecCommand>,
        isolation: Isolation,
        manager: Arc<Manager>,
    ) -> Self {
        // Whatever has become of the file by now, this names the program that runs.
        Self::run_by(commands, isolation, manager, "/proc/self/exe")
    }

    /// As [`new`](Self::new), but started by another program that calls [`run_handler`].
    pub fn run_by(
        commands: impl IntoIterator<Item = ExecCommand>,
        isolation: Isolation,
        manager: Arc<Manager>,
        program: impl Into<PathBuf>,
    ) -> Self {
        let commands = commands.into_iter();
        Self {
            commands: commands
                .map(|command| (command.name.clone(), Arc::new(command)))
                .collect(),
            runs: Arc::new(Runs {
                isolation,
                manager,
                has_systemd: Manager::is_here(),
                rest: Rest::new(REST.0, REST.1),
                program: program.into(),
            }),
        }
    }

    /// Leaves systemd alone that starts no unit for so long at first, and at most.
    #[must_use]
    pub fn with_backoff(mut self, base: Duration, limit: Duration) -> Self {
        if let Some(runs) = Arc::get_mut(&mut self.runs) {
            runs.rest = Rest::new(base, limit);
        }
        self
    }

    fn command(&self, handler: &str) -> Option<&Arc<ExecCommand>> {
        self.commands.get(name_of(handler)?)
    }

    /// How long one event may take with such a time-out of its command: with its killing, and the rest of its output.
    pub fn longest(timeout: Duration) -> Duration {
        timeout.saturating_add(KILL_GRACE + MARGIN)
    }

    /// What an owner may name, or why it may not.
    fn judge(&self, owner: &str, handler: &str) -> Result<(), Refusal> {
        let command = self.command(handler);
        let Some(command) = command.filter(|command| command.is_open_to(owner)) else {
            return Err(self.unknown(owner, handler));
        };
        let may_become = || {
            let account = own::account(command).err();
            account.filter(|_| !self.runs.in_units())
        };
        let fault = fault_of(&command.program).or_else(may_become);
        match fault {
            None => Ok(()),
            Some(fault) => Err(not_available(format!(
                "the command of exec:{} cannot be run: {fault}",
                command.name
            ))),
        }
    }

    fn unknown(&self, owner: &str, handler: &str) -> Refusal {
        let open = self
            .commands
            .values()
            .filter(|command| command.is_open_to(owner));
        let names: Vec<String> = open
            .map(|command| format!("exec:{}", command.name))
            .collect();
        let listed = "the administrator defines them in [[handlers.exec]]";
        not_nameable(handler, owner, "command", &names, listed)
    }
}

/// What stands behind the scheme.
fn name_of(handler: &str) -> Option<&str> {
    handler.split_once(':').map(|(_, name)| name)
}

fn fault_of(program: &Path) -> Option<String> {
    let shown = program.display();
    match std::fs::metadata(program) {
        Err(error) => Some(format!("{shown}: {error}")),
        Ok(found) if !found.is_file() => Some(format!("{shown} is no file")),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            Some(format!("{shown} is not executable"))
        }
        Ok(_) => None,
    }
}

impl Scheme for Exec {
    fn names(&self) -> &'static [&'static str] {
        &["exec"]
    }

    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(async move { self.judge(caller.owner.as_str(), handler) })
    }

    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>> {
        Box::pin(async move {
            let handler = record.event_handler.as_deref().unwrap_or_default();
            // The configuration may have changed since the registration.
            self.judge(record.owner.as_str(), handler)
                .map_err(|refusal| Unreachable::new(refusal.detail))?;
            let command = self.command(handler).map(Arc::clone);
            let command = command.ok_or_else(|| Unreachable::new("there is no such command"))?;
            Ok(Opened::Handler(Box::new(Running {
                command,
                runs: Arc::clone(&self.runs),
                record: Arc::clone(record),
            })))
        })
    }
}

/// A command for the events of one registration, one after the other.
#[derive(Debug)]
struct Running {
    command: Arc<ExecCommand>,
    runs: Arc<Runs>,
    record: Arc<RegistrationRecord>,
}

impl Handler for Running {
    fn timeout(&self) -> Option<Duration> {
        Some(Exec::longest(self.command.timeout))
    }

    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let owner = self.record.owner.as_str();
            let environment = environment::environment(&self.command, owner, &event);
            let run = self.runs.run(&self.command, &environment, event.content());
            let ended = run.await?;
            answering.give(Ok(handed(ended, self.command.timeout)));
            Ok(())
        })
    }
}

/// What the end of a command says of its event.
fn handed(ended: Ended, timeout: Duration) -> Handed {
    let (outcome, said) = match ended.end {
        End::Exited(0) => (Outcome::Accepted, "exit status 0".to_owned()),
        End::Exited(LATER) => (Outcome::Later, format!("exit status {LATER}")),
        End::Exited(code) => (Outcome::Rejected, format!("exit status {code}")),
        End::Killed(signal) => (Outcome::Later, format!("killed by signal {signal}")),
        End::OutOfTime => (
            Outcome::Later,
            format!("killed: it had not ended after {timeout:?}"),
        ),
    };
    Handed {
        output: ended.output,
        ..Handed::new(outcome, said)
    }
}

#[cfg(test)]
mod tests;
