//! The files of packaging/dbus, as they are installed.

use std::fs;

use conformance::{
    buses::{Kind, Setup},
    on_both_buses,
    pushcai::daemon_command,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::desk::{CLIENT, DAEMON, Desk, NOBODY, THE_BUS, packaged};

on_both_buses!(
    the_policy_lets_everybody_call_and_nobody_else_serve,
    the_bus_starts_the_daemon_by_the_file_of_its_service,
);

const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
const BUS: &str = "org.freedesktop.DBus";

/// The policy for a user that this system has.
fn policy(user: &str, desk: &std::path::Path) -> anyhow::Result<std::path::PathBuf> {
    let text = fs::read_to_string(packaged("org.pushcai.Client1.conf"))?;
    assert!(text.contains(r#"user="pushcai""#));
    let path = desk.join("org.pushcai.Client1.conf");
    fs::write(
        &path,
        text.replace(r#"user="pushcai""#, &format!("user=\"{user}\"")),
    )?;
    Ok(path)
}

fn the_policy_lets_everybody_call_and_nobody_else_serve(kind: Kind) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let setup = Setup {
        includes: vec![policy("daemon", directory.path())?],
        ..Setup::default()
    };
    let Some(desk) = Desk::without_daemon(kind, &setup)? else {
        return Ok(());
    };
    let own = [json!(CLIENT), json!(4)];
    // Another user gets no name, and calls no handlers.
    let mut other = desk.user(NOBODY)?;
    let refused = other.call_on(BUS, "RequestName", &own)?;
    assert_eq!(refused.map_err(|error| error.0), Err(ACCESS_DENIED.into()));
    let mut own_user = desk.user(DAEMON)?;
    assert_eq!(own_user.call_on(BUS, "RequestName", &own)?, Ok(json!(1)));
    // The bus lets these through; nobody answers, as nothing serves there.
    for (interface, method) in [
        (CLIENT, "List"),
        ("org.freedesktop.DBus.Introspectable", "Introspect"),
        ("org.freedesktop.DBus.Peer", "Ping"),
        ("org.freedesktop.DBus.Properties", "GetAll"),
    ] {
        let answer = other.call_on(interface, method, &[])?;
        let denied = matches!(&answer, Err((name, _)) if name == ACCESS_DENIED);
        assert!(!denied, "{interface} {answer:?}");
    }
    for (interface, method) in [
        ("org.pushcai.Handler1", "PushEvent"),
        ("org.example.Other", "Anything"),
    ] {
        let answer = other.call_on(interface, method, &[])?;
        let denied = matches!(&answer, Err((name, _)) if name == ACCESS_DENIED);
        assert!(denied, "{interface} {answer:?}");
    }
    // The daemon's user may call handlers.
    let answer = own_user.call_on("org.pushcai.Handler1", "PushEvent", &[])?;
    let denied = matches!(&answer, Err((name, _)) if name == ACCESS_DENIED);
    assert!(!denied, "{answer:?}");
    Ok(())
}

/// A process that the bus started, which outlives it.
struct Started(i32);

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(process) = Pid::from_raw(self.0) {
            kill_process(process, Signal::KILL).ok();
        }
    }
}

/// These buses have no systemd and start everything themselves: by the `Exec` of the same file, where a bus with systemd has it
/// start the unit of `SystemdService`.
fn the_bus_starts_the_daemon_by_the_file_of_its_service(kind: Kind) -> anyhow::Result<()> {
    let setup = Setup {
        includes: vec![packaged("org.pushcai.Client1.conf")],
        ..Setup::default()
    };
    let Some(desk) = Desk::without_daemon(kind, &setup)? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let settings = desk.settings("");
    let command = daemon_command(directory.path(), desk.network.host(2), &settings)?;
    let started = desk.bus.executable_of("pushcaid", &command)?;
    let service = fs::read_to_string(packaged("org.pushcai.Client1.service"))?;
    let installed = "/usr/bin/pushcaid --config /etc/pushcai/pushcaid.toml";
    assert!(service.contains(&format!("Exec={installed}\n")));
    assert!(service.contains("\nSystemdService=pushcaid.service\n"));
    desk.bus
        .install(CLIENT, &service.replace(installed, &started))?;
    let mut user = desk.user(NOBODY)?;
    let id = user.register("x-wap-application:wml.ua")?;
    let process: u32 = desk
        .bus
        .call(THE_BUS, "GetConnectionUnixProcessID", &CLIENT)?;
    let _started = Started(i32::try_from(process)?);
    let listed = user.answer("List", &[json!({})])?;
    assert_eq!(listed[0]["registrationID"], id);
    Ok(())
}
