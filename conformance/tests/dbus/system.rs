//! Applications on the system bus, reached by the daemon itself.

use std::{
    collections::BTreeSet,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use anyhow::Context;
use conformance::{
    buses::{Kind, Scope},
    on_both_buses,
    process::Running,
};

use crate::{
    scenarios::{self, Victim},
    stage::{APP, Application, MMS, Stage, WML, contents},
};

on_both_buses!(
    a_closed_application_is_started_once_for_all_that_waits,
    large_content_comes_by_descriptor,
    nothing_is_lost_when_the_application_is_killed,
    nothing_is_lost_when_the_daemon_is_killed,
    another_users_name_cannot_be_named,
    a_name_that_was_stolen_gets_nothing,
    an_application_that_fails_leaves_others_alone,
);

/// The users `daemon` and `nobody`, whom every system has.
const DAEMON: u32 = 1;
const NOBODY: u32 = 65534;

/// A test that becomes other users has to be root; whether it is, and why it is skipped otherwise.
pub(crate) fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        Command::new("echo")
            .arg("SKIPPED: only root can be two users")
            .stdout(Stdio::inherit())
            .status()
            .ok();
    }
    root
}

fn a_closed_application_is_started_once_for_all_that_waits(kind: Kind) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::start_on(kind, Scope::System)? else {
        return Ok(());
    };
    // It does not start while it holds back, so all of them wait for it.
    stage.install(APP, "hold-start")?;
    stage.registered(MMS, APP)?;
    let pushed = contents("n", 8);
    stage.push(MMS, &pushed)?;
    assert_eq!(stage.accepted(APP)?.len(), 0);
    stage.keep(APP)?;
    stage.release(APP)?;
    stage.all_done()?;
    stage.let_end(APP)?;
    stage.has_ended(APP)?;
    assert_eq!(stage.accepted(APP)?, pushed);
    let written = stage.written(APP)?;
    let processes: BTreeSet<_> = written.iter().map(|[_, id, _]| id).collect();
    assert_eq!(processes.len(), 1, "one start for all of them");
    // It is closed again, and started again, whatever became of the daemon.
    stage.restart_daemon()?;
    stage.push(MMS, &["later".to_owned()])?;
    stage.all_done()?;
    assert_eq!(stage.accepted(APP)?.len(), 9);
    Ok(())
}

fn large_content_comes_by_descriptor(kind: Kind) -> anyhow::Result<()> {
    scenarios::large_content_comes_by_descriptor(kind, Scope::System)
}

fn nothing_is_lost_when_the_application_is_killed(kind: Kind) -> anyhow::Result<()> {
    scenarios::nothing_is_lost_when_the_application_is_killed(kind, Scope::System)
}

fn nothing_is_lost_when_the_daemon_is_killed(kind: Kind) -> anyhow::Result<()> {
    scenarios::nothing_is_lost_at_chosen_moments(kind, Scope::System, Victim::Daemon)
}

fn an_application_that_fails_leaves_others_alone(kind: Kind) -> anyhow::Result<()> {
    scenarios::an_application_that_fails_leaves_others_alone(kind, Scope::System)
}

/// Starts the application as a user, without the bus, and waits until it has its name.
fn run_as(stage: &Stage, uid: u32, name: &str, log: &str) -> anyhow::Result<Running> {
    let mut command = stage.application(name, log, "stay")?;
    command.uid(uid).gid(uid).current_dir("/");
    let running = Running::start(log, stage.bus.offer(&mut command))?;
    stage.is_owned(name, true)?;
    Ok(running)
}

fn another_users_name_cannot_be_named(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::start_on(kind, Scope::System)?.filter(|_| is_root()) else {
        return Ok(());
    };
    let (activatable, running) = ("org.example.Activatable", "org.example.Running");
    stage.install_as("daemon", activatable)?;
    let _process = run_as(&stage, DAEMON, running, running)?;
    for name in [activatable, running] {
        refused(&stage, NOBODY, WML, name)?;
    }
    // Their own user may name both.
    for (target, name) in [(MMS, activatable), (WML, running)] {
        let outcome = stage.register_as(DAEMON, target, name)?;
        assert_eq!(outcome.code, Some(0), "{name}: {outcome:?}");
    }
    // Nothing came of what was refused.
    let apps = stage.daemon()?.pushcai_json(&["apps", "--json"])?;
    let owners: BTreeSet<_> = apps.iter().map(|app| app["owner"].as_str()).collect();
    assert_eq!(owners.len(), 1, "{apps:?}");
    stage.push(MMS, &["x".to_owned()])?;
    stage.push(WML, &["y".to_owned()])?;
    stage.all_done()?;
    assert_eq!(stage.accepted(activatable)?, ["x"]);
    assert_eq!(stage.accepted(running)?, ["y"]);
    Ok(())
}

fn refused(stage: &Stage, uid: u32, target: Application, name: &str) -> anyhow::Result<()> {
    let outcome = stage.register_as(uid, target, name)?;
    assert_ne!(outcome.code, Some(0), "{name}: {outcome:?}");
    let said = "org.pushcai.Error.NotAuthorized";
    assert!(outcome.errors.contains(said), "{name}: {outcome:?}");
    assert!(outcome.errors.contains("another user's"), "{outcome:?}");
    Ok(())
}

fn a_name_that_was_stolen_gets_nothing(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::start_on(kind, Scope::System)?.filter(|_| is_root()) else {
        return Ok(());
    };
    stage.install_as("daemon", APP)?;
    let outcome = stage.register_as(DAEMON, MMS, APP)?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let thief = run_as(&stage, NOBODY, APP, "thief")?;
    let watching = stage.daemon()?.follow(&["watch", "--json"])?;
    stage.push(MMS, &["secret".to_owned()])?;
    loop {
        let line = watching.next_line().context("nothing was said of it")?;
        if line.contains("it belongs to user 65534") {
            break;
        }
    }
    thief.kill()?;
    stage.all_done()?;
    assert_eq!(stage.accepted(APP)?, ["secret"]);
    let stolen = stage.written("thief")?;
    assert!(
        stolen.iter().all(|[word, _, _]| word == "born"),
        "{stolen:?}"
    );
    Ok(())
}
