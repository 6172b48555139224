//! docs/webhooks.md, word for word: its programs are run as they stand there.

use std::{
    fs,
    net::TcpStream,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use anyhow::Context;
use conformance::{
    document, loopback, peer,
    process::{Running, eventually},
    pushcai::run,
};

use crate::stage::{LOOPBACK, MMS, STRANGER, Stage};

const DOCUMENT: &str = include_str!("../../../docs/webhooks.md");

/// The piece of code in the document that holds `fragment`.
fn code(language: &str, fragment: &str) -> anyhow::Result<&'static str> {
    document::code(DOCUMENT, language, &[fragment])
}

/// Runs the document's receiver, and waits until it listens.
fn receiver(secret: &str, port: u16) -> anyhow::Result<Running> {
    let program = code("python", "hmac.new")?;
    let mut command = Command::new("/usr/bin/python3");
    command
        .args(["-c", program, &port.to_string()])
        .env("SECRET", secret);
    let running = Running::start("receiver.py", &mut command)?;
    eventually("a listening receiver", || {
        Ok(TcpStream::connect(("127.0.0.1", port)).ok())
    })?;
    Ok(running)
}

fn has_peers() -> anyhow::Result<bool> {
    let found = peer::find(["python3", "curl", "openssl"])?;
    Ok(found.is_some())
}

#[test]
fn curl_registers_and_python_verifies_what_comes() -> anyhow::Result<()> {
    if !has_peers()? {
        return Ok(());
    }
    let stage = Stage::set_up(code("toml", "allow_networks")?)?;
    let port = loopback::free_tcp_port()?;
    let command = code("sh", "--unix-socket")?
        .replace(
            "/run/pushcai/api.sock",
            &stage.daemon.socket().display().to_string(),
        )
        .replace(":8000/", &format!(":{port}/"));
    let outcome = run(Command::new("sh").args(["-c", &command]))?;
    let answer: serde_json::Value = serde_json::from_str(&outcome.output)?;
    let secret = answer["handlerSecret"].as_str().context("no secret")?;
    assert!(secret.starts_with("whsec_"), "{answer}");
    // The receiver comes late; what was pushed waits for it.
    stage.push(b"first")?;
    let running = receiver(secret, port)?;
    let line = running.next_line()?;
    assert!(line.contains("text/plain b'first'"), "{line}");
    stage.push(b"second")?;
    assert!(running.next_line()?.contains("b'second'"));
    stage.all_done()?;
    // A secret survives the end of the daemon, and is not shown again.
    let stage = stage.kill_and_start()?;
    stage.push(b"third")?;
    assert!(running.next_line()?.contains("b'third'"));
    let apps = stage.daemon.pushcai(&["apps", "--json"])?;
    assert!(!apps.output.contains("whsec"), "{apps:?}");
    Ok(())
}

#[test]
fn the_receiver_takes_what_is_signed_and_nothing_else() -> anyhow::Result<()> {
    if !has_peers()? {
        return Ok(());
    }
    let port = loopback::free_tcp_port()?;
    let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let running = receiver(secret, port)?;
    let script = code("sh", "openssl dgst")?.replace(":8000/", &format!(":{port}/"));
    let posted = |script: &str, secret: &str| {
        run(Command::new("sh")
            .args(["-c", script])
            .env("SECRET", secret))
    };
    let outcome = posted(&script, secret)?;
    assert!(outcome.output.contains("204"), "{outcome:?}");
    assert!(running.next_line()?.contains("b'hello'"));
    let other = "whsec_BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let outcome = posted(&script, other)?;
    assert!(outcome.output.contains("401"), "{outcome:?}");
    let old = script.replace("$(date +%s)", "$(($(date +%s) - 301))");
    let outcome = posted(&old, secret)?;
    assert!(outcome.output.contains("401"), "{outcome:?}");
    Ok(())
}

#[test]
fn another_registration_has_another_secret() -> anyhow::Result<()> {
    let stage = Stage::set_up(LOOPBACK)?;
    let handler = "http://127.0.0.1:2999/";
    let secret = |stage: &Stage| -> anyhow::Result<String> {
        let answer = stage.register(MMS, handler)?;
        let secret = answer["handlerSecret"].as_str().context("no secret")?;
        Ok(secret.to_owned())
    };
    let first = secret(&stage)?;
    assert_eq!(stage.daemon.pushcai(&["deregister", MMS])?.code, Some(0));
    let second = secret(&stage)?;
    assert_ne!(first, second);
    let shown = stage
        .daemon
        .pushcai(&["register", MMS, "--handler", handler])?;
    assert!(
        shown.output.contains("shown this once: whsec_"),
        "{shown:?}"
    );
    Ok(())
}

/// A directory that `STRANGER` owns, with the document's receiver on a socket in it, run by that user.
fn socket_receiver(directory: &Path) -> anyhow::Result<Running> {
    chown(directory, Some(STRANGER), Some(STRANGER))?;
    let socket = directory.join("push.sock");
    let mut command = Command::new("/usr/bin/python3");
    command
        .args(["-c", code("python", "ThreadingUnixStreamServer")?])
        .arg(&socket)
        .uid(STRANGER)
        .gid(STRANGER)
        .current_dir("/");
    let running = Running::start("socket_receiver.py", &mut command)?;
    eventually("a listening receiver", || {
        Ok(UnixStream::connect(&socket).ok())
    })?;
    Ok(running)
}

#[test]
fn a_socket_is_taken_where_the_user_who_registers_listens() -> anyhow::Result<()> {
    if !has_peers()? {
        return Ok(());
    }
    let stage = Stage::set_up("")?;
    stage.open_to_strangers()?;
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let handler = format!("unix:{}", directory.path().join("push.sock").display());
    let early = stage.register_as_stranger(MMS, &handler)?;
    assert_eq!(early["reason"], "optionNotAvailable", "{early}");
    assert_eq!(early["option"], "eventHandler", "{early}");
    let running = socket_receiver(directory.path())?;
    let answer = stage.register_as_stranger(MMS, &handler)?;
    assert_eq!(answer["result"], "success", "{answer}");
    stage.push(b"by socket")?;
    assert!(running.next_line()?.contains("b'by socket'"));
    stage.all_done()?;
    // It goes, and what is pushed meanwhile waits for the next.
    running.kill()?;
    stage.push(b"while away")?;
    let running = socket_receiver(directory.path())?;
    assert!(running.next_line()?.contains("b'while away'"));
    Ok(())
}

#[test]
fn another_users_socket_gains_nothing() -> anyhow::Result<()> {
    if !has_peers()? {
        return Ok(());
    }
    let stage = Stage::set_up("")?;
    stage.open_to_strangers()?;
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))?;
    let path = directory.path().join("root.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    listener.set_nonblocking(true)?;
    let link = directory.path().join("link.sock");
    std::os::unix::fs::symlink(&path, &link)?;
    let absent = directory.path().join("none.sock");
    let said = |path: &Path| -> anyhow::Result<String> {
        let answer = stage.register_as_stranger(MMS, &format!("unix:{}", path.display()))?;
        assert_eq!(answer["reason"], "optionNotAvailable", "{answer}");
        let detail = answer["detail"].as_str().unwrap_or_default();
        Ok(detail.replace(&path.display().to_string(), "PATH"))
    };
    // Root's socket, a link to it and nothing at all look the same to a stranger; and root's program hears nothing.
    assert_eq!(said(&path)?, said(&absent)?);
    assert_eq!(said(&link)?, said(&absent)?);
    assert!(listener.accept().is_err());
    // The daemon's own user may.
    stage.register(MMS, &format!("unix:{}", path.display()))?;
    assert!(listener.accept().is_ok());
    Ok(())
}
