//! The controller of a dbus-broker: it tells the broker its policy and its activatable names, and starts what is activated.
//!
//! The two talk D-Bus over a socket of their own: `AddListener` and `AddName` go to the broker, which says `Activate` of a name
//! that somebody wants, and hears `Reset` where that came to nothing.

use std::{
    collections::BTreeMap,
    fs,
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use zbus::{
    Connection, Fd, MessageStream, ObjectPath, connection, export::futures_core::Stream,
    message::Type as MessageType, zvariant::SerializeValue,
};

use super::{Scope, policy, services_in, socket_in};
use crate::{background::Background, process::Running};

const BROKER_PATH: &str = "/org/bus1/DBus/Broker";
const BROKER_INTERFACE: &str = "org.bus1.DBus.Broker";
const NAME_INTERFACE: &str = "org.bus1.DBus.Name";
const STARTUP_FAILED: &str = "org.bus1.DBus.Name.Error.StartupFailure";
/// An identifier of a machine that tests run on.
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

/// What the controller has to know of its bus.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) scope: Scope,
    pub(super) address: &'a str,
    pub(super) directory: &'a Path,
    pub(super) configuration: &'a Path,
    pub(super) user: Option<u32>,
}

/// A controller at work; the services that it started end with it.
#[derive(Debug)]
pub(super) struct Controller {
    _background: Background,
}

/// Starts the broker that `command` names, and its controller.
pub(super) fn start(
    command: &mut Command,
    plan: &Plan<'_>,
) -> anyhow::Result<(Running, Controller)> {
    let (ours, theirs) = UnixStream::pair()?;
    command.args(["--controller", "0", "--machine-id", MACHINE]);
    command.args(["--max-bytes", "100000000", "--max-fds", "1000"]);
    command.args(["--max-matches", "1000", "--max-objects", "10000"]);
    let input = Stdio::from(OwnedFd::from(theirs));
    let running = Running::start_with_input("dbus-broker", command, input)?;
    let background = Background::start()?;
    background.wait(control(ours, plan))??;
    let controller = Controller {
        _background: background,
    };
    Ok((running, controller))
}

async fn control(socket: UnixStream, plan: &Plan<'_>) -> anyhow::Result<()> {
    let connection = connection::Builder::unix_stream(socket)
        .p2p()
        .build()
        .await
        .context("dbus-broker does not speak to its controller")?;
    let told = MessageStream::from(&connection);
    let names = Arc::new(Names::new(connection, plan));
    tokio::spawn(obey(Arc::clone(&names), told));
    names.read().await?;
    names.listen(plan).await
}

/// The activatable names, as the broker knows them.
#[derive(Debug)]
struct Names {
    connection: Connection,
    services: PathBuf,
    environment: [(&'static str, String); 3],
    user: Option<u32>,
    /// The commands by their names; the place of a name is the number that the broker knows it by.
    known: Mutex<BTreeMap<String, (usize, Vec<String>)>>,
    numbers: Mutex<usize>,
}

impl Names {
    fn new(connection: Connection, plan: &Plan<'_>) -> Self {
        Self {
            connection,
            services: services_in(plan.directory),
            environment: [
                ("DBUS_STARTER_ADDRESS", plan.address.to_owned()),
                ("DBUS_STARTER_BUS_TYPE", plan.scope.word().to_owned()),
                (plan.scope.variable(), plan.address.to_owned()),
            ],
            user: plan.user,
            known: Mutex::default(),
            numbers: Mutex::default(),
        }
    }

    /// Opens the socket, with the policy of the configuration.
    async fn listen(&self, plan: &Plan<'_>) -> anyhow::Result<()> {
        let path = socket_in(plan.directory);
        let listener = UnixListener::bind(&path)?;
        // dbus-broker accepts until nobody is left.
        listener.set_nonblocking(true)?;
        // Every user comes in; the broker judges who may stay.
        rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o777))?;
        let owner = plan
            .user
            .unwrap_or_else(|| rustix::process::geteuid().as_raw());
        let policy = policy::read(plan.configuration, plan.scope, owner)?;
        let arguments = (
            ObjectPath::try_from("/org/bus1/DBus/Listener/0")?,
            Fd::from(OwnedFd::from(listener)),
            SerializeValue(&policy),
        );
        self.tell(BROKER_PATH, BROKER_INTERFACE, "AddListener", &arguments)
            .await
    }

    /// Reads the files of services, and tells the broker what is new and what is gone.
    async fn read(&self) -> anyhow::Result<()> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.services)? {
            let text = fs::read_to_string(entry?.path())?;
            if let Some((name, command)) = service_of(&text) {
                found.insert(name, command);
            }
        }
        let known = locked(&self.known).clone();
        for (name, (number, _)) in &known {
            if !found.contains_key(name) {
                self.tell(&path_of(*number), NAME_INTERFACE, "Release", &())
                    .await?;
                locked(&self.known).remove(name);
            }
        }
        for (name, command) in found {
            self.add(name, command).await?;
        }
        Ok(())
    }

    async fn add(&self, name: String, command: Vec<String>) -> anyhow::Result<()> {
        if let Some(known) = locked(&self.known).get_mut(&name) {
            known.1 = command;
            return Ok(());
        }
        let number = self.next_number();
        let path = path_of(number);
        let uid = self
            .user
            .unwrap_or_else(|| rustix::process::geteuid().as_raw());
        let arguments = (ObjectPath::try_from(path)?, name.as_str(), uid);
        self.tell(BROKER_PATH, BROKER_INTERFACE, "AddName", &arguments)
            .await?;
        locked(&self.known).insert(name, (number, command));
        Ok(())
    }

    fn next_number(&self) -> usize {
        let mut numbers = locked(&self.numbers);
        *numbers += 1;
        *numbers
    }

    /// Starts a service, and says so where it fails.
    async fn activate(self: Arc<Self>, path: String, serial: u64) {
        let started = self.run(&path).await;
        if !matches!(started, Ok(true)) {
            // A broker that has ended waits for nothing.
            self.tell(&path, NAME_INTERFACE, "Reset", &(serial, STARTUP_FAILED))
                .await
                .ok();
        }
    }

    /// Whether the service ended well, at its end.
    async fn run(&self, path: &str) -> anyhow::Result<bool> {
        let words = locked(&self.known)
            .values()
            .find(|(number, _)| path_of(*number) == path)
            .map(|(_, words)| words.clone());
        let words = words.context("a name that nobody added")?;
        let (program, arguments) = words.split_first().context("a service without a command")?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .envs(self.environment.clone())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        Ok(command.spawn()?.wait().await?.success())
    }

    async fn tell<B>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> anyhow::Result<()>
    where
        B: zbus::export::serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.connection
            .call_method(None::<&str>, path, Some(interface), method, body)
            .await
            .with_context(|| format!("dbus-broker refuses {method}"))?;
        Ok(())
    }
}

/// Does what the broker says, until it ends.
async fn obey(names: Arc<Names>, mut told: MessageStream) {
    while let Some(Ok(message)) = next(&mut told).await {
        let header = message.header();
        let member = header.member().map(zbus::names::MemberName::as_str);
        match (header.message_type(), member) {
            (MessageType::Signal, Some("Activate")) => {
                let path = header.path().map(ToString::to_string).unwrap_or_default();
                let serial = message.body().deserialize::<u64>().unwrap_or_default();
                tokio::spawn(Arc::clone(&names).activate(path, serial));
            }
            (MessageType::MethodCall, Some("ReloadConfig")) => {
                let names = Arc::clone(&names);
                let message = message.clone();
                tokio::spawn(async move { reload(&names, &message).await });
            }
            _ => {}
        }
    }
}

async fn next(stream: &mut MessageStream) -> Option<zbus::Result<zbus::Message>> {
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *stream).poll_next(context)).await
}

async fn reload(names: &Names, request: &zbus::Message) {
    let header = request.header();
    let connection = &names.connection;
    // A broker that has ended waits for nothing.
    match names.read().await {
        Ok(()) => drop(connection.reply(&header, &()).await),
        Err(error) => {
            let name = "org.bus1.DBus.Controller.Error.InvalidConfig";
            drop(
                connection
                    .reply_error(&header, name, &error.to_string())
                    .await,
            );
        }
    }
}

fn path_of(number: usize) -> String {
    format!("/org/bus1/DBus/Name/{number}")
}

/// Name and command of a service's file.
fn service_of(text: &str) -> Option<(String, Vec<String>)> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    };
    let words = value("Exec")?.split_whitespace().map(str::to_owned);
    Some((value("Name")?.to_owned(), words.collect()))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
