//! A daemon, a bus, the session helper where it is the bus of a session, and applications that are closed.

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write as _},
    net::{Ipv4Addr, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, bail};
use conformance::{
    buses::{Bus, Kind, Scope, Setup},
    loopback::Network,
    modem::bus::{Target, wait_for},
    process::{PATIENCE, Running},
    pushcai::{Daemon, Outcome, run},
};
use sha1::{Digest, Sha1};

use crate::scenarios::Victim;

/// Back-offs that no test waits long for.
const SETTINGS: &str = "[sms]\nsubmitted = true\n[delivery]\nbackoff_base = \"50ms\"\nbackoff_limit = \"200ms\"\n\
     [handlers]\nbackoff_base = \"50ms\"\nbackoff_limit = \"200ms\"\n";
const PROGRAM: &str = include_str!("application.py");
/// Where gateways push over HTTP.
const HTTP_PORT: u16 = 4035;
const POLICY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../packaging/dbus/org.pushcai.Client1.conf"
);
/// Applications' own part of the policy of a system bus: these names may be had, and stolen.
const NAMES: &str = r#"<policy context="default"><allow own_prefix="org.example"/></policy>"#;
const CLIENT: &str = "org.pushcai.Client1";
const THE_BUS: Target<'_> = Target {
    service: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

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
    scope: Scope,
    settings: String,
}

impl Stage {
    /// The bus of a session and a daemon; no helper. `None` if something is missing and may be skipped.
    pub(crate) fn start(kind: Kind) -> anyhow::Result<Option<Self>> {
        Self::start_on(kind, Scope::Session)
    }

    /// As [`Stage::start`], on either bus; on the system's, the daemon serves applications once this returns.
    pub(crate) fn start_on(kind: Kind, scope: Scope) -> anyhow::Result<Option<Self>> {
        Self::start_with(kind, scope, &setup(scope, NAMES))
    }

    /// The system bus, where applications have this policy alone.
    pub(crate) fn with_policy(kind: Kind, policy: &str) -> anyhow::Result<Option<Self>> {
        Self::start_with(kind, Scope::System, &setup(Scope::System, policy))
    }

    fn start_with(kind: Kind, scope: Scope, setup: &Setup) -> anyhow::Result<Option<Self>> {
        let Some(bus) = Bus::start_with(kind, scope, setup)? else {
            return Ok(None);
        };
        let network = Network::claim()?;
        let settings = settings(scope, &bus, network.host(2))?;
        let daemon = Daemon::start(network.host(2), &settings)?;
        let stage = Self {
            bus,
            daemon: Some(daemon),
            helper: None,
            network,
            scope,
            settings,
        };
        if scope == Scope::System {
            stage.is_owned(CLIENT, true)?;
        }
        Ok(Some(stage))
    }

    /// As [`Stage::start_on`], with whatever reaches applications there.
    pub(crate) fn reaching(kind: Kind, scope: Scope) -> anyhow::Result<Option<Self>> {
        let mut stage = Self::start_on(kind, scope)?;
        if let Some(stage) = stage.as_mut().filter(|_| scope == Scope::Session) {
            stage.start_helper()?;
        }
        Ok(stage)
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
        self.strike(Victim::Daemon, |_| Ok(()))
    }

    /// As [`Stage::restart_daemon`], with further settings.
    pub(crate) fn restart_with(&mut self, settings: &str) -> anyhow::Result<()> {
        self.settings.push_str(settings);
        self.restart_daemon()
    }

    /// Kills one with SIGKILL, does something meanwhile, and starts it again.
    pub(crate) fn strike(
        &mut self,
        victim: Victim,
        meanwhile: impl FnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match victim {
            Victim::Daemon => {
                let daemon = self.daemon.take().context("the daemon does not run")?;
                let directory = daemon.kill()?;
                meanwhile(self)?;
                let daemon = Daemon::start_in(directory, self.network.host(2), &self.settings)?;
                self.daemon = Some(daemon);
            }
            Victim::Helper => {
                self.kill_helper()?;
                meanwhile(self)?;
                self.start_helper()?;
            }
        }
        Ok(())
    }

    /// Makes an application activatable, which does this once.
    pub(crate) fn install(&self, name: &str, mischief: &str) -> anyhow::Result<()> {
        let command = self.application(name, name, mischief)?;
        self.bus.serve(name, &command)
    }

    /// As [`Stage::install`], as another user.
    pub(crate) fn install_as(&self, user: &str, name: &str) -> anyhow::Result<()> {
        let command = self.application(name, name, "accept")?;
        self.bus.serve_as(name, user, &command)
    }

    /// The application as a program, which writes to the log of `log`.
    pub(crate) fn application(
        &self,
        name: &str,
        log: &str,
        mischief: &str,
    ) -> anyhow::Result<Command> {
        let program = self.bus.directory().join("application.py");
        fs::write(&program, PROGRAM)?;
        let log = self.log_of(log);
        // Whoever it runs as writes there.
        fs::File::options().create(true).append(true).open(&log)?;
        fs::set_permissions(&log, fs::Permissions::from_mode(0o666))?;
        let mut command = Command::new("/usr/bin/python3");
        command.arg(program).arg(self.scope_word()).arg(name);
        command.arg(log).arg(mischief);
        Ok(command)
    }

    const fn scope_word(&self) -> &'static str {
        match self.scope {
            Scope::System => "system",
            Scope::Session => "session",
        }
    }

    /// Lets an application go on that holds back.
    pub(crate) fn release(&self, name: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.log_of(name).with_extension("log.go"), "")?)
    }

    /// Keeps an application from ending, however long nothing comes.
    pub(crate) fn keep(&self, name: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.log_of(name).with_extension("log.kept"), "")?)
    }

    /// Lets an application end that was kept from it.
    pub(crate) fn let_end(&self, name: &str) -> anyhow::Result<()> {
        Ok(fs::remove_file(
            self.log_of(name).with_extension("log.kept"),
        )?)
    }

    /// What gdbus says to another user who registers over D-Bus.
    pub(crate) fn register_as(
        &self,
        uid: u32,
        target: Application,
        name: &str,
    ) -> anyhow::Result<Outcome> {
        let request = format!(
            "{{'pushApplicationID': <'{}'>, 'eventHandler': <'dbus:{name}'>}}",
            target.id
        );
        let mut command = Command::new("gdbus");
        command
            .args(["call", "--system", "--dest", CLIENT])
            .args(["--object-path", "/org/pushcai/Client"])
            .args(["--method", "org.pushcai.Client1.Register", &request, "{}"])
            .uid(uid)
            .gid(uid)
            .current_dir("/");
        run(self.bus.offer(&mut command))
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.bus.directory().join(format!("{name}.log"))
    }

    pub(crate) fn register(&self, target: Application, handler: &str) -> anyhow::Result<Outcome> {
        let arguments = ["register", target.id, "--handler", handler, "--json"];
        self.daemon()?.pushcai(&arguments)
    }

    /// Registers an application, which has to succeed; gives the registration.
    pub(crate) fn registered(&self, target: Application, name: &str) -> anyhow::Result<String> {
        let outcome = self.register(target, &format!("dbus:{name}"))?;
        if outcome.code != Some(0) {
            bail!("{name} is not registered: {outcome:?}");
        }
        let answer: serde_json::Value = serde_json::from_str(&outcome.output)?;
        let registration = answer["registrationID"].as_str();
        Ok(registration.context("a registration")?.to_owned())
    }

    /// Pushes contents; each is durable when this returns.
    pub(crate) fn push(&self, target: Application, contents: &[String]) -> anyhow::Result<()> {
        for content in contents {
            let mut push = format!("010603beaf{:02x}", target.octet);
            push.extend(content.bytes().map(|octet| format!("{octet:02x}")));
            self.daemon()?.submit_push(&push)?;
        }
        Ok(())
    }

    /// Pushes content of any size, from a gateway, over HTTP; it is durable when this returns.
    pub(crate) fn push_large(&self, target: Application, content: &str) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect((self.network.host(2), HTTP_PORT))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "POST /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\nContent-Type: text/plain\r\n\
             X-Wap-Application-Id: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{content}",
            target.id,
            content.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let is_taken = answer
            .to_ascii_lowercase()
            .contains("x-wap-push-status: 400 accepted");
        anyhow::ensure!(is_taken, "{answer}");
        Ok(())
    }

    /// Waits until an application has written this word about some content.
    pub(crate) fn has_written(&self, name: &str, word: &str, content: &str) -> anyhow::Result<()> {
        wait_for("a line of the application's", || {
            let written = self.written(name)?;
            let found = written
                .iter()
                .any(|[found, _, about]| found == word && about == content);
            Ok(found.then_some(()))
        })
    }

    /// How often an application wrote one of these words about some content.
    pub(crate) fn times(&self, name: &str, words: &[&str], content: &str) -> anyhow::Result<usize> {
        let written = self.written(name)?;
        let fitting = written
            .iter()
            .filter(|[word, _, about]| words.contains(&word.as_str()) && about == content);
        Ok(fitting.count())
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
            Ok((self.daemon()?.events_left()? == 0).then_some(()))
        })
    }

    /// Has the bus start a service.
    pub(crate) fn start_by_bus(&self, name: &str) -> anyhow::Result<()> {
        let started: u32 = self
            .bus
            .call(THE_BUS, "StartServiceByName", &(name, 0_u32))?;
        anyhow::ensure!(started == 1, "{name} ran before");
        Ok(())
    }

    /// Waits until nobody owns a name.
    pub(crate) fn has_ended(&self, name: &str) -> anyhow::Result<()> {
        self.is_owned(name, false)
    }

    /// Waits until somebody owns a name, or nobody.
    pub(crate) fn is_owned(&self, name: &str, wanted: bool) -> anyhow::Result<()> {
        wait_for("a name that comes or goes", || {
            let owned: bool = self.bus.call(THE_BUS, "NameHasOwner", &name)?;
            Ok((owned == wanted).then_some(()))
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

fn setup(scope: Scope, policy: &str) -> Setup {
    match scope {
        Scope::Session => Setup::default(),
        Scope::System => Setup {
            policy: policy.to_owned(),
            includes: vec![PathBuf::from(POLICY)],
            user: None,
        },
    }
}

fn settings(scope: Scope, bus: &Bus, address: Ipv4Addr) -> anyhow::Result<String> {
    let mut text = format!(
        "{SETTINGS}[ota_http]\nlisten = [\"{address}:{HTTP_PORT}\"]\nmax_message_length = \"1 MiB\"\n\
         [[ota_http.ppg]]\nid = \"lab.example\"\naddresses = [\"127.0.0.1\"]\nconnect = \"never\"\n[dbus]\n"
    );
    match scope {
        // The machine's own bus is no part of the test.
        Scope::Session => text.push_str("enabled = \"never\"\n"),
        Scope::System => writeln!(
            text,
            "enabled = \"always\"\naddress = {:?}\nservice_directories = [{:?}]\nreload_interval = \"0s\"",
            bus.address(),
            bus.services().display().to_string()
        )?,
    }
    Ok(text)
}

/// A content of this length with such a beginning, and how applications write of it.
pub(crate) fn large(beginning: &str, length: usize) -> (String, String) {
    let rest = "x".repeat(length - beginning.len());
    let content = format!("{beginning}{rest}");
    let hash = Sha1::digest(content.as_bytes());
    let mut shown = format!("{}:{length}:", &content[..8]);
    shown.extend(hash.iter().map(|octet| format!("{octet:02x}")));
    (content, shown)
}

/// Contents that nobody else has.
pub(crate) fn contents(prefix: &str, number: usize) -> Vec<String> {
    (0..number)
        .map(|index| format!("{prefix}{index}"))
        .collect()
}
