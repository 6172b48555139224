//! docs/dbus.md, word for word: its commands and programs are run as they stand there.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use conformance::{
    buses::{Kind, Scope},
    document,
    modem::bus::wait_for,
    on_both_buses,
    process::Running,
    pushcai::run,
};

use crate::stage::{APP, MMS, Stage, WML, large};

on_both_buses!(
    gdbus_registers_lists_fetches_and_acknowledges,
    busctl_registers_lists_fetches_and_acknowledges,
    busctl_monitors_what_is_said,
    a_client_in_python_takes_what_comes,
    an_application_in_python_is_started_in_its_session,
    an_application_in_python_is_started_by_the_system,
);

const DOCUMENT: &str = include_str!("../../../docs/dbus.md");

/// The piece of code in the document that holds all of `fragments`.
fn code(language: &str, fragments: &[&str]) -> anyhow::Result<&'static str> {
    document::code(DOCUMENT, language, fragments)
}

/// Runs a piece of the document that is for the shell, which has to succeed, and gives what it wrote.
fn shell(stage: &Stage, fragments: &[&str], event: &str) -> anyhow::Result<String> {
    let script = code("sh", fragments)?;
    let mut command = Command::new("bash");
    command
        .args(["-euc", script])
        .env("EVENT", event)
        .env("PUSHCAI_SOCKET", stage.daemon()?.socket())
        .env("PATH", document::path()?);
    let outcome = run(stage.bus.offer(&mut command))?;
    anyhow::ensure!(outcome.code == Some(0), "{script}\n{outcome:?}");
    Ok(outcome.output)
}

/// The text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> anyhow::Result<&'a str> {
    let found = text.split_once(before).and_then(|(_, rest)| {
        let (found, _) = rest.split_once(after)?;
        Some(found)
    });
    found.with_context(|| format!("no {before:?} in {text}"))
}

fn nothing_is_left(stage: &Stage) -> anyhow::Result<()> {
    let apps = stage.daemon()?.pushcai_json(&["apps", "--json"])?;
    anyhow::ensure!(apps.is_empty(), "{apps:?}");
    Ok(())
}

fn gdbus_registers_lists_fetches_and_acknowledges(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::start_on(kind, Scope::System)? else {
        return Ok(());
    };
    let listed = shell(&stage, &["gdbus", "Register"], "")?;
    assert!(listed.contains("'result': <'success'>"), "{listed}");
    let application = "'pushApplicationID': <'x-wap-application:mms.ua'>";
    assert!(listed.contains(application), "{listed}");
    stage.push(MMS, &["hello".to_owned()])?;
    let fetched = shell(&stage, &["gdbus", "Fetch"], "")?;
    let hello = "[byte 0x68, 0x65, 0x6c, 0x6c, 0x6f]";
    assert!(fetched.contains(hello), "{fetched}");
    let event = between(&fetched, "'id': <'", "'")?;
    shell(&stage, &["gdbus", "Ack", "Deregister"], event)?;
    nothing_is_left(&stage)
}

fn busctl_registers_lists_fetches_and_acknowledges(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::start_on(kind, Scope::System)? else {
        return Ok(());
    };
    let listed = shell(&stage, &["busctl", "Register", "List"], "")?;
    assert!(
        listed.contains(r#""data":"x-wap-application:mms.ua""#),
        "{listed}"
    );
    stage.push(MMS, &["hello".to_owned()])?;
    let fetched = shell(&stage, &["busctl", "Fetch"], "")?;
    assert!(fetched.contains("[104,101,108,108,111]"), "{fetched}");
    let event = between(&fetched, r#""id":{"type":"s","data":""#, "\"")?;
    shell(&stage, &["busctl", "Ack", "Deregister"], event)?;
    nothing_is_left(&stage)
}

fn busctl_monitors_what_is_said(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::start_on(kind, Scope::System)? else {
        return Ok(());
    };
    let script = format!("exec {}", code("sh", &["busctl --system monitor"])?);
    let mut command = Command::new("bash");
    command.args(["-euc", &script]);
    let monitor = Running::start("busctl", stage.bus.offer(&mut command))?;
    monitor.wait_for_error_line("Monitoring bus message stream")?;
    shell(&stage, &["busctl", "Register", "List"], "")?;
    loop {
        if monitor.next_line()?.contains("Member=Register") {
            return Ok(());
        }
    }
}

fn a_client_in_python_takes_what_comes(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::start_on(kind, Scope::System)? else {
        return Ok(());
    };
    let program = code("python", &["client.Fetch"])?;
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", program]);
    let client = Running::start("client.py", stage.bus.offer(&mut command))?;
    wait_for("the client's registration", || {
        let apps = stage.daemon()?.pushcai_json(&["apps", "--json"])?;
        Ok((apps.len() == 1).then_some(()))
    })?;
    stage.push(WML, &["hello".to_owned()])?;
    let line = client.next_line()?;
    assert!(line.ends_with(" 5 b'hello'"), "{line}");
    // Above 64 KiB it reads a descriptor.
    stage.push_large(WML, &large("large", 70_000).0)?;
    let line = client.next_line()?;
    assert!(line.starts_with("text/plain 70000 b'largex"), "{line}");
    stage.all_done()
}

/// Installs the document's application by the document's file of a service; what it prints goes where this says.
fn install(stage: &Stage, program: &str, service: &str) -> anyhow::Result<std::path::PathBuf> {
    let printed = stage.bus.directory().join("printed");
    let path = stage.bus.directory().join("app.py");
    fs::write(&path, program)?;
    let interpreter = stage.bus.executable(
        "python3",
        &format!(
            "#!/bin/sh\nexec /usr/bin/python3 \"$@\" >>{}\n",
            printed.display()
        ),
    )?;
    let place = between(service, "/usr/bin/python3 ", "\n")?;
    let service = service
        .replace(place, &path.display().to_string())
        .replace("/usr/bin/python3", &interpreter);
    stage.bus.install(APP, &service)?;
    Ok(printed)
}

/// Registers it as the document says, and pushes to it while it is closed, twice.
fn is_started_twice(stage: &Stage, printed: &Path) -> anyhow::Result<()> {
    shell(stage, &["pushcai register"], "")?;
    for round in ["first", "second"] {
        let pushed = ["a", "b", "c"].map(|name| format!("{round} {name}"));
        stage.push(MMS, &pushed)?;
        stage.all_done()?;
        stage.has_ended(APP)?;
        let lines = fs::read_to_string(printed)?;
        for content in pushed {
            let line = format!("b'{content}'");
            assert_eq!(lines.matches(&line).count(), 1, "{lines}");
        }
    }
    Ok(())
}

fn an_application_in_python_is_started_in_its_session(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::reaching(kind, Scope::Session)? else {
        return Ok(());
    };
    let program = code("python", &["def PushEvent"])?;
    let service = code("ini", &["/opt/example/app.py"])?;
    let printed = install(&stage, program, service)?;
    is_started_twice(&stage, &printed)
}

fn an_application_in_python_is_started_by_the_system(kind: Kind) -> anyhow::Result<()> {
    let policy = code("xml", &["org.example.App"])?;
    let inner = between(policy, "<busconfig>", "</busconfig>")?;
    // These buses start everything as the user who runs them, so that is who the policy has to be for.
    let inner = inner.replace("user=\"daemon\"", "user=\"root\"");
    let Some(stage) = Stage::with_policy(kind, &inner)? else {
        return Ok(());
    };
    let program =
        code("python", &["def PushEvent"])?.replace("dbus.SessionBus()", "dbus.SystemBus()");
    let service = code("ini", &["User=daemon"])?;
    let printed = install(&stage, &program, service)?;
    is_started_twice(&stage, &printed)
}
