//! Message buses of a test's own, of both kinds: the real dbus-daemon and the real dbus-broker, each like a system's bus or like a
//! user's.
//!
//! dbus-broker leaves policy and activation to a controller. The one that it comes with wants systemd as PID 1 and its journal; the
//! tests have a controller of their own (`broker`), which reads the same configuration and starts services itself.
//!
//! [`on_both_buses`](crate::on_both_buses) makes a test of each kind from one function.

mod broker;
mod policy;

use std::{
    fmt::Write,
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use zbus::{
    Type,
    export::serde::{Serialize, de::DeserializeOwned},
};

use crate::{
    modem::bus::{Target, call_at},
    peer,
    process::Running,
};

/// Which program carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// dbus-daemon, the reference.
    DbusDaemon,
    /// dbus-broker.
    DbusBroker,
}

/// Whose bus it is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The system's: every user may connect; nobody owns a name or calls a service unless a policy allows it.
    System,
    /// A user's: only the user may connect, and may do everything there.
    Session,
}

/// What a bus is to be like, beside its kind and scope.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// More elements of the configuration, in XML: `<policy …>`.
    pub policy: String,
    /// Files with more configuration, as packages install them.
    pub includes: Vec<PathBuf>,
    /// The user who runs it, by number; only root may name another than itself.
    pub user: Option<u32>,
}

/// A bus that ends with this value.
#[derive(Debug)]
pub struct Bus {
    kind: Kind,
    scope: Scope,
    address: String,
    _running: Running,
    _controller: Option<broker::Controller>,
    directory: TempDir,
}

impl Setup {
    /// Everybody may have every name, and call everybody.
    #[must_use]
    pub fn open() -> Self {
        Self {
            policy: OPEN_POLICY.to_owned(),
            ..Self::default()
        }
    }
}

impl Bus {
    /// Starts a bus; `None` if its program is not installed and may be skipped.
    ///
    /// # Errors
    ///
    /// It is missing though nothing may be skipped, or does not start.
    pub fn start(kind: Kind, scope: Scope) -> anyhow::Result<Option<Self>> {
        Self::start_with(kind, scope, &Setup::default())
    }

    /// As [`Bus::start`], with policies or a user of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Bus::start`]; or dbus-broker is to follow a policy that its controller does not know how to tell it.
    pub fn start_with(kind: Kind, scope: Scope, setup: &Setup) -> anyhow::Result<Option<Self>> {
        let Some([program]) = peer::find([kind.program()])? else {
            return Ok(None);
        };
        let directory = directory_of(setup.user)?;
        let configuration = directory.path().join("bus.conf");
        fs::write(
            &configuration,
            configuration_of(scope, setup, directory.path())?,
        )?;
        let address = format!("unix:path={}", socket_in(directory.path()).display());
        let mut command = Command::new(program);
        offer(scope, &address, &mut command);
        if let Some(user) = setup.user {
            command.uid(user).gid(user);
        }
        let (running, controller) = match kind {
            Kind::DbusDaemon => (start_daemon(&mut command, &configuration)?, None),
            Kind::DbusBroker => {
                let bus = broker::Plan {
                    scope,
                    address: &address,
                    directory: directory.path(),
                    configuration: &configuration,
                    user: setup.user,
                };
                let (running, controller) = broker::start(&mut command, &bus)?;
                (running, Some(controller))
            }
        };
        Ok(Some(Self {
            kind,
            scope,
            address,
            _running: running,
            _controller: controller,
            directory,
        }))
    }

    /// Which program it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A directory that ends with the bus.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Has `command` find this bus where it looks for one of its scope.
    pub fn offer<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        offer(self.scope, &self.address, command)
    }

    /// Has `command` find this bus wherever it looks for one.
    pub fn offer_everywhere<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for scope in [Scope::System, Scope::Session] {
            offer(scope, &self.address, command);
        }
        command
    }

    /// Makes a service activatable: `command`, with its environment, is started when somebody calls `name`, which nobody owns.
    ///
    /// # Errors
    ///
    /// The service's file cannot be written, or the bus does not read it.
    pub fn serve(&self, name: &str, command: &Command) -> anyhow::Result<()> {
        let exec = self.executable_of(name, command)?;
        self.install(
            name,
            &format!("[D-BUS Service]\nName={name}\nExec={exec}\nUser=root\n"),
        )
    }

    /// As [`Bus::serve`], as another user: these buses start everything as the user who runs them, so the command changes itself.
    ///
    /// # Errors
    ///
    /// As [`Bus::serve`].
    pub fn serve_as(&self, name: &str, user: &str, command: &Command) -> anyhow::Result<()> {
        let change = format!("exec setpriv --reuid={user} --regid={user} --clear-groups ");
        let script = script_of(command).replacen("exec ", &change, 1);
        let exec = self.executable(name, &script)?;
        self.install(
            name,
            &format!("[D-BUS Service]\nName={name}\nExec={exec}\nUser={user}\n"),
        )
    }

    /// Makes a service activatable by its file.
    ///
    /// # Errors
    ///
    /// The service's file cannot be written, or the bus does not read it.
    pub fn install(&self, name: &str, service: &str) -> anyhow::Result<()> {
        fs::write(self.service_file(name), service)?;
        self.reload()
    }

    /// Writes a program that is this command, with its environment, and says where it is.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn executable_of(&self, name: &str, command: &Command) -> anyhow::Result<String> {
        self.executable(name, &script_of(command))
    }

    /// Writes a program into the bus's directory, and says where it is.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn executable(&self, name: &str, script: &str) -> anyhow::Result<String> {
        let path = self.directory().join(format!("{name}.sh"));
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path.display().to_string())
    }

    /// Where the files of services are that it may start.
    #[must_use]
    pub fn services(&self) -> PathBuf {
        services_in(self.directory())
    }

    fn service_file(&self, name: &str) -> PathBuf {
        self.services().join(format!("{name}.service"))
    }

    /// Takes a service back: it is activatable no longer.
    ///
    /// # Errors
    ///
    /// The service's file cannot be removed, or the bus does not notice.
    pub fn withdraw(&self, name: &str) -> anyhow::Result<()> {
        fs::remove_file(self.service_file(name))?;
        self.reload()
    }

    fn reload(&self) -> anyhow::Result<()> {
        let bus = Target {
            service: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
        };
        self.call(bus, "ReloadConfig", &())
    }

    /// Calls a method, and gives what it returns.
    ///
    /// # Errors
    ///
    /// The call fails, or returns something else.
    pub fn call<B, R>(&self, target: Target<'_>, method: &str, body: &B) -> anyhow::Result<R>
    where
        B: Serialize + Type,
        R: DeserializeOwned + Type,
    {
        call_at(&self.address, target, method, body)
    }
}

impl Kind {
    const fn program(self) -> &'static str {
        match self {
            Self::DbusDaemon => "dbus-daemon",
            Self::DbusBroker => "dbus-broker",
        }
    }
}

impl Scope {
    /// The word for it in the configuration, and in the environment of what is activated.
    const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Session => "session",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::System => "DBUS_SYSTEM_BUS_ADDRESS",
            Self::Session => "DBUS_SESSION_BUS_ADDRESS",
        }
    }

    const fn policy(self) -> &'static str {
        match self {
            Self::System => SYSTEM_POLICY,
            Self::Session => SESSION_POLICY,
        }
    }
}

/// Nothing is allowed but to talk to the bus itself, to signal and to answer.
const SYSTEM_POLICY: &str = r#"
<policy context="default">
  <allow user="*"/>
  <deny own="*"/>
  <deny send_type="method_call"/>
  <allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/>
  <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/>
  <allow receive_type="method_return"/>
  <allow receive_type="error"/>
  <allow receive_type="signal"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Properties"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Peer"/>
</policy>
<policy user="root">
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
</policy>
"#;

const SESSION_POLICY: &str = r#"
<policy context="default">
  <allow send_destination="*"/>
  <allow receive_sender="*"/>
  <allow own="*"/>
</policy>
"#;

const OPEN_POLICY: &str =
    r#"<policy context="default"><allow own="*"/><allow send_destination="*"/></policy>"#;

const DOCUMENT_TYPE: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
     \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n";

fn configuration_of(scope: Scope, setup: &Setup, directory: &Path) -> anyhow::Result<String> {
    let mut text = format!(
        "{DOCUMENT_TYPE}<busconfig><type>{}</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\n\
         <servicedir>{}</servicedir>\n{}{}\n",
        scope.word(),
        socket_in(directory).display(),
        services_in(directory).display(),
        scope.policy(),
        setup.policy,
    );
    for file in &setup.includes {
        writeln!(text, "<include>{}</include>", file.display())?;
    }
    text.push_str("</busconfig>\n");
    Ok(text)
}

/// A directory with one for services in it, both of the user.
fn directory_of(user: Option<u32>) -> anyhow::Result<TempDir> {
    let directory = tempfile::tempdir()?;
    // Who runs the bus is for the bus to tell apart; its clients come from everywhere.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let services = services_in(directory.path());
    fs::create_dir(&services)?;
    if user.is_some() {
        chown(directory.path(), user, user)?;
        chown(&services, user, user)?;
    }
    Ok(directory)
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("bus")
}

fn services_in(directory: &Path) -> PathBuf {
    directory.join("services")
}

fn start_daemon(command: &mut Command, configuration: &Path) -> anyhow::Result<Running> {
    command
        .arg(format!("--config-file={}", configuration.display()))
        .args(["--nofork", "--nopidfile", "--print-address=1"]);
    let daemon = Running::start("dbus-daemon", command)?;
    // The address stands there once the socket is open.
    daemon.next_line()?;
    Ok(daemon)
}

fn offer<'a>(scope: Scope, address: &str, command: &'a mut Command) -> &'a mut Command {
    command.env(scope.variable(), address)
}

/// Buses differ in the environment that they give and in how they read words; a script gives each service the same.
fn script_of(command: &Command) -> String {
    let mut script = "#!/bin/sh\n".to_owned();
    for (name, value) in command.get_envs() {
        let name = name.to_string_lossy();
        let line = value.map_or_else(
            || format!("unset {name}\n"),
            |value| format!("export {name}={}\n", quoted(&value.to_string_lossy())),
        );
        script.push_str(&line);
    }
    script.push_str("exec");
    for word in std::iter::once(command.get_program()).chain(command.get_args()) {
        script.push(' ');
        script.push_str(&quoted(&word.to_string_lossy()));
    }
    script.push('\n');
    script
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A test of each kind of bus from a function that takes the [`Kind`] and gives an `anyhow::Result<()>`.
///
/// ```text
/// on_both_buses!(a_closed_application_is_started);
///
/// fn a_closed_application_is_started(kind: Kind) -> anyhow::Result<()> { … }
/// ```
#[macro_export]
macro_rules! on_both_buses {
    ($($name:ident),+ $(,)?) => {
        mod dbus_daemon {
            $(#[test] fn $name() -> anyhow::Result<()> { super::$name($crate::buses::Kind::DbusDaemon) })+
        }
        mod dbus_broker {
            $(#[test] fn $name() -> anyhow::Result<()> { super::$name($crate::buses::Kind::DbusBroker) })+
        }
    };
}
