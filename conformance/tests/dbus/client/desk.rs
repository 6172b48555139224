//! A system's bus with the policy that is installed, the daemon on it, and users who call it.

use std::{
    collections::VecDeque,
    fs,
    io::{PipeWriter, Write as _, pipe},
    net::Ipv4Addr,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use conformance::{
    buses::{Bus, Kind, Scope, Setup},
    loopback::Network,
    modem::bus::{Target, wait_for},
    peer,
    process::Running,
    pushcai::Daemon,
};
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "org.pushcai.Client1";
pub(crate) const THE_BUS: Target<'_> = Target {
    service: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};
/// What polkit's own file says.
const POLKIT_POLICY: &str = r#"
<policy user="root"><allow own="org.freedesktop.PolicyKit1"/></policy>
<policy context="default"><allow send_destination="org.freedesktop.PolicyKit1"/></policy>
"#;
const PROGRAM: &str = include_str!("caller.py");

/// Users that every system has: `root`, `daemon` and `nobody`.
pub(crate) const ROOT: u32 = 0;
pub(crate) const DAEMON: u32 = 1;
pub(crate) const NOBODY: u32 = 65534;

/// A bus, and perhaps a daemon on it.
pub(crate) struct Desk {
    pub(crate) bus: Bus,
    pub(crate) network: Network,
    daemon: Option<Daemon>,
    program: PathBuf,
    /// More keys of `[dbus]`.
    keys: String,
}

/// A file of packaging/dbus.
pub(crate) fn packaged(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../packaging/dbus").join(name)
}

impl Desk {
    /// A bus without a daemon; `None` if something is missing and may be skipped, or this is not root, who alone can be two users.
    pub(crate) fn without_daemon(kind: Kind, setup: &Setup) -> anyhow::Result<Option<Self>> {
        if peer::find(["python3"])?.is_none() || !crate::system::is_root() {
            return Ok(None);
        }
        let Some(bus) = Bus::start_with(kind, Scope::System, setup)? else {
            return Ok(None);
        };
        let program = bus.directory().join("caller.py");
        fs::write(&program, PROGRAM)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o644))?;
        Ok(Some(Self {
            bus,
            network: Network::claim()?,
            daemon: None,
            program,
            keys: String::new(),
        }))
    }

    /// A bus with the policy that is installed, and a daemon with these settings that serves on it.
    pub(crate) fn start(
        kind: Kind,
        settings: impl FnOnce(Ipv4Addr) -> String,
    ) -> anyhow::Result<Option<Self>> {
        Self::start_with(kind, settings, |command| command)
    }

    /// As [`Desk::start`], with these keys of `[dbus]`.
    pub(crate) fn start_on(kind: Kind, keys: &str) -> anyhow::Result<Option<Self>> {
        let Some(mut desk) = Self::start(kind, |_| String::new())? else {
            return Ok(None);
        };
        keys.clone_into(&mut desk.keys);
        desk.restart("")?;
        Ok(Some(desk))
    }

    /// As [`Desk::start`], by another command that becomes the daemon.
    pub(crate) fn start_with(
        kind: Kind,
        settings: impl FnOnce(Ipv4Addr) -> String,
        wrap: impl FnOnce(Command) -> Command,
    ) -> anyhow::Result<Option<Self>> {
        let setup = Setup {
            policy: POLKIT_POLICY.to_owned(),
            includes: vec![packaged("org.pushcai.Client1.conf")],
            ..Setup::default()
        };
        let Some(mut desk) = Self::without_daemon(kind, &setup)? else {
            return Ok(None);
        };
        let settings = settings(desk.network.host(1));
        let whole = desk.settings(&settings);
        let (directory, address) = (tempfile::tempdir()?, desk.network.host(2));
        desk.daemon = Some(Daemon::start_as(directory, address, &whole, wrap)?);
        desk.is_served()?;
        Ok(Some(desk))
    }

    /// Ends the daemon and starts it again with other settings, on its state.
    pub(crate) fn restart(&mut self, settings: &str) -> anyhow::Result<()> {
        let daemon = self.daemon.take().context("the daemon does not run")?;
        let (_, directory) = daemon.terminate()?;
        let settings = self.settings(settings);
        self.daemon = Some(Daemon::start_in(
            directory,
            self.network.host(2),
            &settings,
        )?);
        self.is_served()
    }

    pub(crate) fn daemon(&self) -> anyhow::Result<&Daemon> {
        self.daemon.as_ref().context("the daemon does not run")
    }

    /// The daemon's settings on this bus.
    pub(crate) fn settings(&self, more: &str) -> String {
        let (address, keys) = (self.bus.address(), &self.keys);
        format!(
            "[sms]\nsubmitted = true\n{more}\n[dbus]\nenabled = \"always\"\naddress = \"{address}\"\n{keys}"
        )
    }

    fn is_served(&self) -> anyhow::Result<()> {
        wait_for("the name on the bus", || {
            let owned: bool = self.bus.call(THE_BUS, "NameHasOwner", &CLIENT)?;
            Ok(owned.then_some(()))
        })
    }

    /// An application of a user.
    pub(crate) fn user(&self, uid: u32) -> anyhow::Result<User> {
        let (input, sender) = pipe()?;
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(&self.program)
            .uid(uid)
            .gid(uid)
            .current_dir("/");
        let command = self.bus.offer(&mut command);
        let running = Running::start_with_input("caller.py", command, Stdio::from(input))?;
        Ok(User {
            running,
            sender,
            signals: VecDeque::new(),
        })
    }

    /// Whose an application is that has registered: what `pushcai apps` says.
    pub(crate) fn owner_of(&self, application: &str) -> anyhow::Result<String> {
        let apps = self.daemon()?.pushcai_json(&["apps", "--json"])?;
        let is_it = |app: &&Value| app["pushApplicationID"] == application;
        let owner = apps
            .iter()
            .find(is_it)
            .and_then(|app| app["owner"].as_str());
        Ok(owner.context("it has not registered")?.to_owned())
    }
}

/// An application that runs, and does what it is told.
pub(crate) struct User {
    running: Running,
    sender: PipeWriter,
    signals: VecDeque<Value>,
}

impl User {
    /// Calls a method of the Push Client; the error's name and message, where it is one.
    pub(crate) fn call(
        &mut self,
        method: &str,
        arguments: &[Value],
    ) -> anyhow::Result<Result<Value, (String, String)>> {
        self.call_on(CLIENT, method, arguments)
    }

    /// As [`User::call`], on another interface of the same object, or on the bus.
    pub(crate) fn call_on(
        &mut self,
        interface: &str,
        method: &str,
        arguments: &[Value],
    ) -> anyhow::Result<Result<Value, (String, String)>> {
        let mut line = vec![json!(interface), json!(method)];
        line.extend_from_slice(arguments);
        writeln!(self.sender, "{}", Value::Array(line))?;
        loop {
            let heard = self.next()?;
            if let Some(answer) = heard.get("answer") {
                return Ok(Ok(answer.get(0).cloned().unwrap_or_default()));
            }
            if heard.get("error").is_some() {
                let text = |key: &str| heard[key].as_str().unwrap_or_default().to_owned();
                return Ok(Err((text("error"), text("message"))));
            }
            self.signals.push_back(heard);
        }
    }

    /// What a method answers, which has to.
    pub(crate) fn answer(&mut self, method: &str, arguments: &[Value]) -> anyhow::Result<Value> {
        match self.call(method, arguments)? {
            Ok(answer) => Ok(answer),
            Err(error) => bail!("{method} is refused: {error:?}"),
        }
    }

    /// The word of the error that a method is refused by, behind `org.pushcai.Error.`, and its message.
    pub(crate) fn refusal(
        &mut self,
        method: &str,
        arguments: &[Value],
    ) -> anyhow::Result<(String, String)> {
        match self.call(method, arguments)? {
            Ok(answer) => bail!("{method} is answered: {answer}"),
            Err((name, message)) => {
                let word = name.strip_prefix("org.pushcai.Error.");
                let word = word.with_context(|| format!("{name}: {message}"))?;
                Ok((word.to_owned(), message))
            }
        }
    }

    /// Registers an application with nothing but its id; gives the registration's.
    pub(crate) fn register(&mut self, application: &str) -> anyhow::Result<String> {
        let request = json!({"pushApplicationID": application});
        let answer = self.answer("Register", &[request, json!({})])?;
        let id = answer["registrationID"].as_str().context("no id")?;
        Ok(id.to_owned())
    }

    /// The name of its connection.
    pub(crate) fn name(&mut self) -> anyhow::Result<String> {
        writeln!(self.sender, "[\"name\"]")?;
        let name = self.next()?;
        Ok(name["name"].as_str().context("no name")?.to_owned())
    }

    /// A property of the Push Client.
    pub(crate) fn property(&mut self, name: &str) -> anyhow::Result<Value> {
        let properties = "org.freedesktop.DBus.Properties";
        let answer = self.call_on(properties, "Get", &[json!(CLIENT), json!(name)])?;
        answer.map_err(|error| anyhow::anyhow!("{name} is refused: {error:?}"))
    }

    /// The next signal of this name: its arguments. Others that come before it are left out.
    pub(crate) fn signal(&mut self, name: &str) -> anyhow::Result<Value> {
        loop {
            let heard = match self.signals.pop_front() {
                Some(heard) => heard,
                None => self.next()?,
            };
            if heard["signal"] == name {
                return Ok(heard["arguments"].clone());
            }
        }
    }

    /// Names and arguments of the signals so far: a call is answered after what was said before it.
    pub(crate) fn signals(&mut self, name: &str) -> anyhow::Result<Vec<Value>> {
        self.answer("List", &[json!({})])?;
        let heard = std::mem::take(&mut self.signals);
        let fitting = heard.into_iter().filter(|heard| heard["signal"] == name);
        Ok(fitting.map(|heard| heard["arguments"].clone()).collect())
    }

    fn next(&mut self) -> anyhow::Result<Value> {
        let line = self.running.next_line()?;
        serde_json::from_str(&line).with_context(|| line)
    }
}
