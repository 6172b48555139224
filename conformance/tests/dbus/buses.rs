//! What the tests' own buses are like: both kinds alike.

use std::process::Command;

use anyhow::{Context, bail};
use conformance::{
    buses::{Bus, Kind, Scope, Setup},
    modem::bus::Target,
    on_both_buses,
};

on_both_buses!(
    a_service_is_started_when_it_is_called,
    a_service_that_does_not_start_is_an_error,
    a_system_bus_wants_a_policy,
);

const PROGRAM: &str = r#"
import sys, dbus, dbus.service, dbus.mainloop.glib
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus() if sys.argv[1] == "session" else dbus.SystemBus()
class Echo(dbus.service.Object):
    @dbus.service.method("org.example.Echo", in_signature="s", out_signature="s")
    def Echo(self, text):
        if text == "the last":
            GLib.idle_add(loop.quit)
        return text
loop = GLib.MainLoop()
name = dbus.service.BusName("org.example.Echo", bus)
Echo(bus, "/")
loop.run()
bus.flush()
"#;

const ECHO: Target<'_> = Target {
    service: "org.example.Echo",
    path: "/",
    interface: "org.example.Echo",
};

const ALLOWED: &str = r#"<policy context="default">
<allow own="org.example.Echo"/><allow send_destination="org.example.Echo"/></policy>"#;

fn system_bus(kind: Kind, policy: &str) -> anyhow::Result<Option<Bus>> {
    let setup = Setup {
        policy: policy.to_owned(),
        ..Setup::default()
    };
    Bus::start_with(kind, Scope::System, &setup)
}

fn echo(scope: &str) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", PROGRAM, scope]);
    command
}

fn a_service_is_started_when_it_is_called(kind: Kind) -> anyhow::Result<()> {
    let Some(session) = Bus::start(kind, Scope::Session)? else {
        return Ok(());
    };
    let system = system_bus(kind, ALLOWED)?.context("the first was there")?;
    for (bus, scope) in [(&session, "session"), (&system, "system")] {
        bus.serve(ECHO.service, &echo(scope))?;
        for text in ["one", "the last"] {
            let answer: String = bus.call(ECHO, "Echo", &text)?;
            assert_eq!(answer, text);
        }
    }
    Ok(())
}

fn a_service_that_does_not_start_is_an_error(kind: Kind) -> anyhow::Result<()> {
    let Some(bus) = Bus::start(kind, Scope::Session)? else {
        return Ok(());
    };
    bus.serve(ECHO.service, &Command::new("/bin/false"))?;
    expect_error(&bus, "")?;
    bus.withdraw(ECHO.service)?;
    expect_error(&bus, "ServiceUnknown")
}

fn a_system_bus_wants_a_policy(kind: Kind) -> anyhow::Result<()> {
    let allowed = r#"<policy context="default"><allow own="org.example.Echo"/></policy>"#;
    let Some(bus) = system_bus(kind, allowed)? else {
        return Ok(());
    };
    bus.serve(ECHO.service, &echo("system"))?;
    expect_error(&bus, "AccessDenied")
}

fn expect_error(bus: &Bus, name: &str) -> anyhow::Result<()> {
    match bus.call::<_, String>(ECHO, "Echo", &"text") {
        Ok(answer) => bail!("nobody should have answered {answer:?}"),
        Err(error) if format!("{error:#}").contains(name) => Ok(()),
        Err(error) => Err(error.context(format!("{name} was expected"))),
    }
}
