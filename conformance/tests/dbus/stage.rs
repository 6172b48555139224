//! A daemon, the bus of a session, a session helper, and applications that are closed.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, bail};
use conformance::{
    buses::{Bus, Kind, Scope},
    loopback::Network,
    modem::bus::{Target, wait_for},
    process::Running,
    pushcai::{Daemon, Outcome},
};

/// Back-offs that no test waits long for.
const SETTINGS: &str = "[sms]\nsubmitted = true\n[delivery]\nbackoff_base = \"50ms\"\nbackoff_limit = \"200ms\"\n\
     [handlers]\nbackoff_base = \"50ms\"\nbackoff_limit = \"200ms\"\n";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dbus/application.py");

pub(crate) const APP: &str = "org.example.App";
/// OMNA's mms.ua, and how a connectionless push names it.
pub(crate) const MMS: Application = Application {
    id: "4",
    octet: 0x84,
};
/// OMNA's wml.ua.
pub(crate) const WML: Application = Application {
    id: "2",
    octet: 0x82,
};

/// An application by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Application {
    pub(crate) id: &'static str,
    octet: u8,
}

pub(crate) struct Stage {
    pub(crate) bus: Bus,
    daemon: Option<Daemon>,
    helper: Option<Running>,
    network: Network,
}

impl Stage {
    /// A bus of this kind and a daemon; no helper. `None` if something is missing and may be skipped.
    pub(crate) fn start(kind: Kind) -> anyhow::Result<Option<Self>> {
        let Some(bus) = Bus::start(kind, Scope::Session)? else {
            return Ok(None);
        };
        let network = Network::claim()?;
        let daemon = Daemon::start(network.host(2), SETTINGS)?;
        Ok(Some(Self {
            bus,
            daemon: Some(daemon),
            helper: None,
            network,
        }))
    }

    pub(crate) fn daemon(&self) -> anyhow::Result<&Daemon> {
        self.daemon.as_ref().context("the daemon does not run")
    }

    /// Starts the session helper, and waits until it helps.
    pub(crate) fn start_helper(&mut self) -> anyhow::Result<()> {
        let mut command = self.daemon()?.command(&["session-helper"])?;
        let helper = Running::start("session-helper", self.bus.offer(&mut command))?;
        helper.wait_for_error_line("helping")?;
        self.helper = Some(helper);
        Ok(())
    }

    /// The helper, which this stage then knows nothing of.
    pub(crate) fn take_helper(&mut self) -> anyhow::Result<Running> {
        self.helper.take().context("no helper runs")
    }

    /// Ends the session helper with SIGKILL.
    pub(crate) fn kill_helper(&mut self) -> anyhow::Result<()> {
        self.helper.take().map_or(Ok(()), Running::kill)
    }

    /// Ends the daemon with SIGKILL, and starts it again; the helper comes back by itself.
    pub(crate) fn restart_daemon(&mut self) -> anyhow::Result<()> {
        let daemon = self.daemon.take().context("the daemon does not run")?;
        let directory = daemon.kill()?;
        let daemon = Daemon::start_in(directory, self.network.host(2), SETTINGS)?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Makes an application activatable, which does this with odd contents.
    pub(crate) fn install(&self, name: &str, mischief: &str) -> anyhow::Result<()> {
        let mut command = Command::new("/usr/bin/python3");
        command.args([PROGRAM, "session", name]);
        command.arg(self.log_of(name)).arg(mischief);
        self.bus.serve(name, &command)
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.bus.directory().join(format!("{name}.log"))
    }

    pub(crate) fn register(&self, target: Application, handler: &str) -> anyhow::Result<Outcome> {
        let arguments = ["register", target.id, "--handler", handler, "--json"];
        self.daemon()?.pushcai(&arguments)
    }

    /// Registers an application, which has to succeed.
    pub(crate) fn registered(&self, target: Application, name: &str) -> anyhow::Result<()> {
        let outcome = self.register(target, &format!("dbus:{name}"))?;
        if outcome.code != Some(0) {
            bail!("{name} is not registered: {outcome:?}");
        }
        Ok(())
    }

    /// Pushes contents; each is durable when this returns.
    pub(crate) fn push(&self, target: Application, contents: &[String]) -> anyhow::Result<()> {
        for content in contents {
            let mut push = format!("010603beaf{:02x}", target.octet);
            push.extend(content.bytes().map(|octet| format!("{octet:02x}")));
            let arguments = [
                "submit",
                "--json",
                "--kind",
                "push",
                "--sender",
                "+4917099999",
                &push,
            ];
            self.daemon()?.pushcai_json(&arguments)?;
        }
        Ok(())
    }

    /// What an application wrote: a word, its process and the content, in order.
    pub(crate) fn written(&self, name: &str) -> anyhow::Result<Vec<[String; 3]>> {
        let Ok(text) = fs::read_to_string(self.log_of(name)) else {
            return Ok(Vec::new());
        };
        let lines = text.lines().map(|line| {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            let mut word = || words.next().with_context(|| format!("{line:?}"));
            Ok([word()?, word()?, word()?])
        });
        lines.collect()
    }

    /// Waits until the daemon has nothing left for these registrations.
    pub(crate) fn all_done(&self) -> anyhow::Result<()> {
        wait_for("the end of all events", || {
            let apps = self.daemon()?.pushcai_json(&["apps", "--json"])?;
            let left = |app: &serde_json::Value| {
                app["waitingEvents"].as_u64().unwrap_or(1)
                    + app["unacknowledgedEvents"].as_u64().unwrap_or(1)
            };
            Ok((apps.iter().map(left).sum::<u64>() == 0).then_some(()))
        })
    }

    /// Waits until nobody owns a name.
    pub(crate) fn has_ended(&self, name: &str) -> anyhow::Result<()> {
        let bus = Target {
            service: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
        };
        wait_for("the end of the application", || {
            let owned: bool = self.bus.call(bus, "NameHasOwner", &name)?;
            Ok((!owned).then_some(()))
        })
    }

    /// The contents that an application accepted, each once, in order of the first time.
    pub(crate) fn accepted(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let mut contents = Vec::new();
        for [word, _, content] in self.written(name)? {
            if word == "accepted" && !contents.contains(&content) {
                contents.push(content);
            }
        }
        Ok(contents)
    }
}

/// Contents that nobody else has.
pub(crate) fn contents(prefix: &str, number: usize) -> Vec<String> {
    (0..number)
        .map(|index| format!("{prefix}{index}"))
        .collect()
}
