//! A command in a transient unit of systemd: it has no rights but those that its table gives it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use push_dbus::{next_message, sealed_file};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;
use tokio::time::{Instant, sleep_until};
use zbus::{Fd, MessageStream, OwnedVariant, Variant};

use super::command::ExecCommand;
use super::environment::Variables;
use super::output::Output;
use super::own::{End, Ended, KILL_GRACE};
use crate::Unreachable;
use crate::systemd::{DONE, Manager, SERVICE, Session, UNIT, unit_path};

/// How long the manager may take to end a unit that has had its time, before it is killed by its name.
const MANAGER_GRACE: Duration = Duration::from_secs(1);

/// Why no unit was started.
pub(super) enum Refused {
    /// This process may not, or there is no manager.
    NotHere(String),
    Failed(Unreachable),
}

type Properties = Vec<(&'static str, Variant<'static>)>;

/// Runs a command to its end in a unit of its own. Dropped before, it has the unit killed.
pub(super) async fn run(
    manager: &Arc<Manager>,
    command: &ExecCommand,
    environment: &Variables,
    content: &[u8],
) -> Result<Ended, Refused> {
    let session = manager
        .session()
        .await
        .map_err(|error| Refused::NotHere(error.to_string()))?;
    let name = unit_name(&command.name);
    let broken = |error: io::Error| Refused::Failed(Unreachable::new(error.to_string()));
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| broken(error.into()))?;
    let mut output = Output::of(reader, command.max_output).map_err(broken)?;
    let input = sealed_file(content).map_err(broken)?;
    let copy = writer.try_clone().map_err(broken)?;
    let mut properties = properties(command, environment);
    properties.push(("StandardInputFileDescriptor", Fd::from(input).into()));
    properties.push(("StandardOutputFileDescriptor", Fd::from(writer).into()));
    properties.push(("StandardErrorFileDescriptor", Fd::from(copy).into()));
    let mut unit = Unit::start(session, name, properties).await?;
    let in_time = unit.watch(command.timeout, &mut output).await;
    let end = unit.end().await.map_err(Refused::Failed)?;
    let output = output.finish().await.into_text();
    let end = if in_time { end } else { End::OutOfTime };
    Ok(Ended { end, output })
}

/// A name that no other unit has.
fn unit_name(command: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("pushcai-{command}-{}-{number}.service", std::process::id())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What a unit is, as `systemd.exec` and `systemd.resource-control` call it.
pub(super) fn properties(command: &ExecCommand, environment: &Variables) -> Properties {
    let program = command.program.display().to_string();
    let mut words = vec![program.clone()];
    words.extend(command.arguments.iter().cloned());
    // Without the flag, `$` in an argument would be filled in from what a Push Server wrote.
    let start = vec![(program, words, vec!["no-env-expand".to_owned()])];
    let variables: Vec<String> = environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut properties: Properties = vec![
        (
            "Description",
            Variant::from(format!("Event handler exec:{} of Pushcai", command.name)),
        ),
        ("Type", "exec".into()),
        ("ExecStartEx", start.into()),
        ("Environment", variables.into()),
        ("AddRef", true.into()),
        ("CollectMode", "inactive-or-failed".into()),
        ("RuntimeMaxUSec", micros(command.timeout).into()),
        ("TimeoutStopUSec", micros(KILL_GRACE).into()),
        ("WorkingDirectory", "/".into()),
        ("UMask", 0o077_u32.into()),
        ("NoNewPrivileges", true.into()),
        ("ProtectSystem", "strict".into()),
        ("ProtectHome", "yes".into()),
        ("PrivateTmp", true.into()),
        ("PrivateDevices", true.into()),
        ("ProtectKernelTunables", true.into()),
        ("ProtectKernelModules", true.into()),
        ("ProtectControlGroups", true.into()),
        ("RestrictSUIDSGID", true.into()),
        ("LockPersonality", true.into()),
        ("RestrictRealtime", true.into()),
        ("CapabilityBoundingSet", 0_u64.into()),
        ("LimitCORE", 0_u64.into()),
        ("Nice", command.nice.into()),
    ];
    match &command.account {
        Some(account) => {
            properties.push(("User", account.user.clone().into()));
            properties.push(("Group", account.group.clone().into()));
        }
        None => properties.push(("DynamicUser", true.into())),
    }
    if !command.writable.is_empty() {
        properties.push(("ReadWritePaths", command.writable.clone().into()));
    }
    let limits = [
        ("MemoryMax", command.max_memory),
        ("TasksMax", command.max_processes),
        (
            "LimitCPU",
            command.max_cpu.map(|time| time.as_secs().max(1)),
        ),
    ];
    let set = limits.into_iter();
    properties.extend(set.filter_map(|(name, limit)| Some((name, limit?.into()))));
    properties
}

/// A transient unit that runs.
struct Unit {
    session: Session,
    name: String,
    path: String,
    changes: MessageStream,
    over: bool,
}

impl Unit {
    async fn start(
        session: Session,
        name: String,
        properties: Properties,
    ) -> Result<Self, Refused> {
        let path = unit_path(&name);
        let changes = session
            .changes(&path)
            .await
            .map_err(|error| refused(&error))?;
        let mut unit = Self {
            session,
            name,
            path,
            changes,
            // From here on there may be a unit, whether its manager gets to say so in time or not.
            over: false,
        };
        let none: Vec<(&str, Properties)> = Vec::new();
        let body = (unit.name.as_str(), "fail", properties, none);
        let result = unit.session.job("StartTransientUnit", &body).await;
        let result = match result {
            Ok(result) => result,
            Err(error) => {
                unit.over = matches!(error, zbus::Error::MethodError(..));
                return Err(refused(&error));
            }
        };
        if result == DONE {
            return Ok(unit);
        }
        let why: zbus::Result<String> = unit.service("Result").await;
        let status: zbus::Result<i32> = unit.service("ExecMainStatus").await;
        let reason = format!(
            "{} did not start: the job is {result}, the result {}, the status {}",
            unit.name,
            why.unwrap_or_default(),
            status.unwrap_or_default()
        );
        Err(Refused::Failed(Unreachable::new(reason)))
    }

    async fn service<T>(&self, name: &str) -> zbus::Result<T>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        self.session.property(&self.path, SERVICE, name).await
    }

    /// Waits for the end, and kills what the manager lets run too long; says whether the end came by itself.
    async fn watch(&mut self, limit: Duration, output: &mut Output) -> bool {
        let end = Instant::now() + limit + KILL_GRACE + MANAGER_GRACE;
        let in_time = tokio::select! {
            biased;
            () = self.ended() => true,
            () = sleep_until(end) => false,
            () = output.read() => true,
        };
        if !in_time {
            kill(&self.session, &self.name).await;
        }
        in_time
    }

    async fn ended(&mut self) {
        loop {
            let state: zbus::Result<String> =
                self.session.property(&self.path, UNIT, "ActiveState").await;
            // A unit that cannot be asked after is not there.
            if state.map_or(true, |state| state == "inactive" || state == "failed") {
                return;
            }
            if next_message(&mut self.changes).await.is_none() {
                return;
            }
        }
    }

    /// How it ended.
    async fn end(&mut self) -> Result<End, Unreachable> {
        let lost = |error| Unreachable::new(format!("systemd does not say how it ended: {error}"));
        let result: String = self.service("Result").await.map_err(lost)?;
        let code: i32 = self.service("ExecMainCode").await.map_err(lost)?;
        let status: i32 = self.service("ExecMainStatus").await.map_err(lost)?;
        self.over = true;
        self.session
            .ask("UnrefUnit", &(self.name.as_str(),))
            .await
            .ok();
        Ok(end_of(&result, code, status))
    }
}

/// `CLD_EXITED` of waitid.
const EXITED: i32 = 1;

fn end_of(result: &str, code: i32, status: i32) -> End {
    match (result, code) {
        ("timeout", _) => End::OutOfTime,
        (_, EXITED) => End::Exited(status),
        _ => End::Killed(status),
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (session, name) = (self.session.clone(), self.name.clone());
        // Where the runtime ends, the manager ends the unit when its time is over.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                kill(&session, &name).await;
                session.ask("UnrefUnit", &(name.as_str(),)).await.ok();
            });
        }
    }
}

async fn kill(session: &Session, name: &str) {
    let body = (name, "all", Signal::KILL.as_raw());
    if let Err(error) = session.ask("KillUnit", &body).await {
        tracing::debug!(%error, unit = name, "a unit cannot be killed");
    }
}

fn refused(error: &zbus::Error) -> Refused {
    if refusal_of(error) {
        Refused::NotHere(error.to_string())
    } else {
        Refused::Failed(Unreachable::new(format!("systemd: {error}")))
    }
}

/// Whether the manager says that this process may not, or is not there.
fn refusal_of(error: &zbus::Error) -> bool {
    let zbus::Error::MethodError(name, ..) = error else {
        return false;
    };
    let last = name.as_str().rsplit('.').next().unwrap_or_default();
    matches!(
        last,
        "AccessDenied"
            | "InteractiveAuthorizationRequired"
            | "AuthFailed"
            | "ServiceUnknown"
            | "NameHasNoOwner"
            | "UnknownMethod"
    )
}
