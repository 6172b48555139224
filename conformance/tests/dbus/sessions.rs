//! Applications on the bus of a session, reached by `pushcai session-helper`.

use std::collections::BTreeSet;

use conformance::{
    buses::{Kind, Scope},
    modem::bus::wait_for,
    on_both_buses,
};

use crate::{
    scenarios::{self, Victim},
    stage::{APP, MMS, Stage, contents},
};

on_both_buses!(
    a_closed_application_is_started_once_for_all_that_waits,
    a_registration_says_what_is_missing,
    nothing_is_lost_when_the_application_is_killed,
    large_content_comes_by_descriptor,
    nothing_is_lost_when_the_helper_is_killed,
    nothing_is_lost_when_the_helper_is_killed_at_a_chosen_moment,
    nothing_is_lost_when_the_daemon_is_killed,
    nothing_is_lost_when_the_daemon_is_killed_at_a_chosen_moment,
    an_application_that_fails_leaves_others_alone,
    an_application_hears_that_its_registration_is_lost,
    a_later_helper_takes_over,
    the_bus_starts_the_helper,
);

fn a_closed_application_is_started_once_for_all_that_waits(kind: Kind) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::start(kind)? else {
        return Ok(());
    };
    stage.install(APP, "accept")?;
    stage.start_helper()?;
    stage.registered(MMS, APP)?;
    stage.kill_helper()?;
    let pushed = contents("n", 8);
    stage.push(MMS, &pushed)?;
    assert_eq!(stage.written(APP)?.len(), 0);
    stage.keep(APP)?;
    stage.start_helper()?;
    stage.all_done()?;
    stage.let_end(APP)?;
    stage.has_ended(APP)?;
    assert_eq!(stage.accepted(APP)?, pushed);
    let written = stage.written(APP)?;
    let processes: BTreeSet<_> = written.iter().map(|[_, id, _]| id).collect();
    assert_eq!(processes.len(), 1, "one start for all of them");
    // It is closed again, and started again.
    stage.push(MMS, &["later".to_owned()])?;
    stage.all_done()?;
    assert_eq!(stage.accepted(APP)?.len(), 9);
    Ok(())
}

fn a_registration_says_what_is_missing(kind: Kind) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::start(kind)? else {
        return Ok(());
    };
    let handler = format!("dbus:{APP}");
    let refused = stage.register(MMS, &handler)?;
    assert_ne!(refused.code, Some(0));
    let said = format!("{}{}", refused.output, refused.errors);
    assert!(said.contains("pushcai session-helper"), "{said}");
    stage.start_helper()?;
    let refused = stage.register(MMS, &handler)?;
    let said = format!("{}{}", refused.output, refused.errors);
    assert!(said.contains(&format!("{APP}.service")), "{said}");
    stage.install(APP, "accept")?;
    stage.registered(MMS, APP)?;
    Ok(())
}

fn large_content_comes_by_descriptor(kind: Kind) -> anyhow::Result<()> {
    scenarios::large_content_comes_by_descriptor(kind, Scope::Session)
}

fn nothing_is_lost_when_the_application_is_killed(kind: Kind) -> anyhow::Result<()> {
    scenarios::nothing_is_lost_when_the_application_is_killed(kind, Scope::Session)
}

fn nothing_is_lost_when_the_helper_is_killed_at_a_chosen_moment(kind: Kind) -> anyhow::Result<()> {
    scenarios::nothing_is_lost_at_chosen_moments(kind, Scope::Session, Victim::Helper)
}

fn nothing_is_lost_when_the_daemon_is_killed_at_a_chosen_moment(kind: Kind) -> anyhow::Result<()> {
    scenarios::nothing_is_lost_at_chosen_moments(kind, Scope::Session, Victim::Daemon)
}

fn nothing_is_lost_when_the_helper_is_killed(kind: Kind) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::start(kind)? else {
        return Ok(());
    };
    stage.install(APP, "accept")?;
    stage.start_helper()?;
    stage.registered(MMS, APP)?;
    let mut pushed = Vec::new();
    // Each round kills it somewhere else on the way of the events.
    for round in 0..6 {
        let more = contents(&format!("r{round}-"), 4);
        let (first, rest) = more.split_at(round % 4);
        stage.push(MMS, first)?;
        stage.kill_helper()?;
        stage.push(MMS, rest)?;
        stage.start_helper()?;
        pushed.extend(more);
    }
    stage.all_done()?;
    let accepted: BTreeSet<_> = stage.accepted(APP)?.into_iter().collect();
    assert_eq!(accepted, pushed.into_iter().collect());
    Ok(())
}

fn nothing_is_lost_when_the_daemon_is_killed(kind: Kind) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::start(kind)? else {
        return Ok(());
    };
    stage.install(APP, "accept")?;
    stage.start_helper()?;
    stage.registered(MMS, APP)?;
    let mut pushed = Vec::new();
    for round in 0..4 {
        let more = contents(&format!("r{round}-"), 1 + round);
        stage.push(MMS, &more)?;
        stage.restart_daemon()?;
        pushed.extend(more);
    }
    stage.all_done()?;
    let accepted: BTreeSet<_> = stage.accepted(APP)?.into_iter().collect();
    assert_eq!(accepted, pushed.into_iter().collect());
    Ok(())
}

fn an_application_that_fails_leaves_others_alone(kind: Kind) -> anyhow::Result<()> {
    scenarios::an_application_that_fails_leaves_others_alone(kind, Scope::Session)
}

/// It is closed, and is started to hear it; a daemon that has just started has to wait for the helper.
fn an_application_hears_that_its_registration_is_lost(kind: Kind) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::reaching(kind, Scope::Session)? else {
        return Ok(());
    };
    stage.install(APP, "accept")?;
    let registration = stage.registered(MMS, APP)?;
    stage.restart_with("[applications]\nallowed_owners = [\"uid:4242\"]\n")?;
    stage.has_written(APP, "revoked", &registration)
}

fn a_later_helper_takes_over(kind: Kind) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::start(kind)? else {
        return Ok(());
    };
    stage.install(APP, "accept")?;
    stage.start_helper()?;
    stage.registered(MMS, APP)?;
    let former = stage.take_helper()?;
    stage.start_helper()?;
    former.wait_for_error_line("has taken over")?;
    assert!(former.wait()?.success());
    stage.push(MMS, &["x".to_owned()])?;
    stage.all_done()?;
    assert_eq!(stage.accepted(APP)?, ["x"]);
    Ok(())
}

fn the_bus_starts_the_helper(kind: Kind) -> anyhow::Result<()> {
    let Some(stage) = Stage::start(kind)? else {
        return Ok(());
    };
    stage.install(APP, "accept")?;
    let packaged = include_str!("../../../packaging/dbus/org.pushcai.SessionHelper1.service");
    let name = "org.pushcai.SessionHelper1";
    // These buses know no systemd; the line for it is for those that do.
    let lines = packaged.lines().filter(|line| !line.starts_with("Systemd"));
    let command = stage.daemon()?.command(&["session-helper"])?;
    let helper = stage.bus.executable_of(name, &command)?;
    let service = lines.collect::<Vec<_>>().join("\n") + "\n";
    stage.bus.install(
        name,
        &service.replace("/usr/bin/pushcai session-helper", &helper),
    )?;
    stage.start_by_bus(name)?;
    wait_for("a helper that helps", || {
        let outcome = stage.register(MMS, &format!("dbus:{APP}"))?;
        Ok((outcome.code == Some(0)).then_some(()))
    })?;
    stage.push(MMS, &["x".to_owned()])?;
    stage.all_done()?;
    assert_eq!(stage.accepted(APP)?, ["x"]);
    Ok(())
}
