//! When sessions are opened, renewed, sent elsewhere, suspended and ended.

use push_lab::{
    ppg::ContactPoint,
    session::{Behaviour, Ending, Verification, Welcome},
};

use crate::stage::{
    DRM, DRM_NUMBER, Lab, MMS, MMS_NUMBER, PPG_ID, Plan, SESSION_PORT, Stage, WML, WML_NUMBER,
    eventually, named, request, settings,
};

#[test]
fn a_session_stands_while_an_application_is_registered_where_it_always_shall() -> anyhow::Result<()>
{
    let (lab, stage) = Stage::with_gateway("always")?;
    assert_eq!(lab.asked(), 0, "nobody needs it yet");
    let answer = stage.register(MMS)?;
    assert_eq!(answer["servers"][0]["state"], "confirmed", "{answer}");
    assert_eq!(answer["servers"][0]["protocol"], "OTA-WSP", "{answer}");
    let session = lab.session()?;
    assert_eq!(named(&lab.greeting(session)?), [MMS_NUMBER]);
    let server = &stage.servers()?[0];
    assert_eq!(server["id"], PPG_ID, "{server}");
    assert_eq!(server["state"], "confirmed", "{server}");
    assert_eq!(server["session"]["state"], "connected", "{server}");
    assert_eq!(server["session"]["id"], session, "{server}");
    assert_eq!(server["session"]["applications"][0], MMS, "{server}");
    stage.deregister(MMS)?;
    assert_eq!(lab.ended(session)?, Ending::ByTerminal);
    eventually("no session", || {
        let none = stage
            .servers()?
            .iter()
            .all(|server| server["session"]["state"] != "connected");
        Ok(none.then_some(()))
    })
}

//= specs/push-cai.md#accepted-registration
//= type=test
//# An accepted registration MUST be followed by a registration with the Push Server wherever the push protocol has one.
#[test]
fn a_session_is_renewed_when_applications_come_and_go() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let first = lab.session_for(vec![MMS_NUMBER], 0)?;
    lab.confirm(first, MMS_NUMBER, b"1")?;
    stage.register(DRM)?;
    let second = lab.session_for(vec![MMS_NUMBER, DRM_NUMBER], first)?;
    lab.ended(first)?;
    lab.confirm(second, MMS_NUMBER, b"2")?;
    lab.confirm(second, DRM_NUMBER, b"3")?;
    stage.deregister(DRM)?;
    let third = lab.session_for(vec![MMS_NUMBER], second)?;
    lab.ended(second)?;
    lab.confirm(third, MMS_NUMBER, b"4")?;
    let mut arrived = stage.contents()?;
    arrived.sort();
    // What the one who left had not fetched is nobody's.
    assert_eq!(arrived, [b"1", b"2", b"4"]);
    Ok(())
}

#[test]
fn what_a_session_asks_for_is_said_in_the_terms_of_the_specification() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    stage.register(WML)?;
    let session = lab.session_for(vec![WML_NUMBER, MMS_NUMBER], 0)?;
    let greeting = lab.greeting(session)?;
    // The default application of a session is the first that it names.
    assert_eq!(greeting.applications[0], WML_NUMBER);
    assert_eq!(greeting.version, 0x10);
    assert_eq!(greeting.encoding_version, Some(0x93));
    // Which bearer it is, is said where that is known.
    assert_eq!(greeting.bearer, None);
    assert!(greeting.accepts > 0);
    let capabilities = greeting.capabilities;
    assert_eq!(
        capabilities.options.map(|options| options & 0xc0),
        Some(0xc0)
    );
    assert!(
        capabilities.push_mor.is_some_and(|mor| mor > 0),
        "{capabilities:?}"
    );
    assert!(
        capabilities.client_sdu.is_some_and(|size| size >= 1400),
        "{capabilities:?}"
    );
    Ok(())
}

#[test]
fn a_registration_may_ask_for_a_session() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("registration")?;
    let answer = stage.register(DRM)?;
    assert_eq!(answer["servers"], serde_json::json!([]), "{answer}");
    assert_eq!(lab.asked(), 0, "nobody asked for it");
    let answer = stage.register_with(MMS, &["--profile", "OTA-WSP:9201"])?;
    assert_eq!(answer["servers"][0]["state"], "confirmed", "{answer}");
    let session = lab.session()?;
    lab.confirm(session, MMS_NUMBER, b"asked for")?;
    assert_eq!(stage.contents()?, [b"asked for"]);
    stage.deregister(MMS)?;
    assert_eq!(lab.ended(session)?, Ending::ByTerminal);
    Ok(())
}

#[test]
fn without_a_gateway_for_sessions_nobody_can_ask_for_one() -> anyhow::Result<()> {
    let stage = Plan::new()?.start()?;
    let outcome = stage
        .daemon
        .pushcai(&["register", MMS, "--profile", "OTA-WSP:9201"])?;
    assert!(outcome.errors.contains("optionNotAvailable"), "{outcome:?}");
    assert!(
        outcome.errors.contains("push sessions are switched off"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_session_on_request_waits_for_the_request() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("request")?;
    let answer = stage.register(MMS)?;
    assert_eq!(answer["servers"], serde_json::json!([]), "{answer}");
    assert_eq!(lab.asked(), 0);
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    let session = lab.session()?;
    lab.confirm(session, MMS_NUMBER, b"requested")?;
    assert_eq!(stage.contents()?, [b"requested"]);
    Ok(())
}

#[test]
fn a_gateway_that_refuses_fails_the_registration_and_says_so() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    lab.behave(Behaviour {
        connect: Welcome::Reply(0x43),
        ..Behaviour::default()
    });
    let outcome = stage.daemon.pushcai(&["register", MMS])?;
    assert!(outcome.errors.contains("serverRejected"), "{outcome:?}");
    assert_eq!(stage.daemon.pushcai_json(&["apps", "--json"])?.len(), 0);
    // It thinks better of it.
    lab.behave(Behaviour::default());
    eventually("a registration", || {
        let outcome = stage.daemon.pushcai(&["register", MMS])?;
        Ok((outcome.code == Some(0)).then_some(()))
    })?;
    lab.confirm(lab.session()?, MMS_NUMBER, b"x")
}

#[test]
fn a_gateway_that_is_silent_fails_the_registration_and_says_so() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys("announce_patience = \"1s\"");
    let (lab, stage) = Stage::with_gateway_and(plan, "always")?;
    lab.behave(Behaviour {
        connect: Welcome::Silence,
        ..Behaviour::default()
    });
    let outcome = stage.daemon.pushcai(&["register", MMS])?;
    assert!(outcome.errors.contains("serverUnreachable"), "{outcome:?}");
    assert_eq!(stage.daemon.pushcai_json(&["apps", "--json"])?.len(), 0);
    Ok(())
}

#[test]
fn a_redirect_is_followed() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let elsewhere = Lab::start_with(settings((plan.network.host(3), 50_000).into()))?;
    let (lab, stage) = Stage::with_gateway_and(plan, "request")?;
    lab.behave(Behaviour {
        connect: Welcome::Redirect {
            permanent: false,
            to: vec![ContactPoint::new(elsewhere.address())],
        },
        ..Behaviour::default()
    });
    stage.register(MMS)?;
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    let session = elsewhere.session()?;
    elsewhere.confirm(session, MMS_NUMBER, b"there")?;
    assert_eq!(stage.contents()?, [b"there"]);
    assert_eq!(lab.server.sessions(), []);
    Ok(())
}

#[test]
fn redirects_do_not_go_round_in_circles() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let other = Lab::start_with(settings((plan.network.host(3), 50_000).into()))?;
    let (lab, stage) = Stage::with_gateway_and(plan, "request")?;
    let to = |place| Behaviour {
        connect: Welcome::Redirect {
            permanent: false,
            to: vec![ContactPoint::new(place)],
        },
        ..Behaviour::default()
    };
    lab.behave(to(other.address()));
    other.behave(to(lab.address()));
    stage.register(MMS)?;
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    eventually("redirects", || Ok((other.asked() >= 1).then_some(())))?;
    // It stays able to do other things, and asks a few times at most before it waits.
    stage.register(DRM)?;
    assert!(
        lab.asked() + other.asked() < 12,
        "{} and {}",
        lab.asked(),
        other.asked()
    );
    Ok(())
}

/// To suspend a session is the client's: what a server says of it is not heeded (WSP 7.1.5).
#[test]
fn a_server_cannot_suspend_a_session() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    lab.wait(lab.server.suspend(session))?;
    lab.confirm(session, MMS_NUMBER, b"after")?;
    assert_eq!(stage.contents()?, [b"after"]);
    Ok(())
}

#[test]
fn a_server_that_ends_a_session_is_asked_for_another() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys("backoff_base = \"100ms\"");
    let (lab, stage) = Stage::with_gateway_and(plan, "always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    lab.wait(lab.server.disconnect(session))?;
    let other = lab.session_for(vec![MMS_NUMBER], session)?;
    lab.confirm(other, MMS_NUMBER, b"again")
}

#[test]
fn a_server_may_ask_whether_a_connect_is_really_the_terminal_s() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    lab.behave(Behaviour {
        verify: true,
        verification: Verification::Confirmed,
        ..Behaviour::default()
    });
    stage.register(MMS)?;
    lab.confirm(lab.session()?, MMS_NUMBER, b"verified")
}

#[test]
fn after_a_restart_sessions_stand_again() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    let stage = stage.kill_and_restart()?;
    let other = lab.session_for(vec![MMS_NUMBER], session)?;
    lab.confirm(other, MMS_NUMBER, b"still there")?;
    assert_eq!(stage.contents()?, [b"still there"]);
    Ok(())
}

#[test]
fn a_daemon_that_ends_says_goodbye() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    let (status, _directory) = stage.daemon.terminate()?;
    assert!(status.success(), "{status}");
    assert_eq!(lab.ended(session)?, Ending::ByTerminal);
    Ok(())
}

#[test]
fn several_gateways_have_a_session_each() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let other = Lab::start_with(settings((plan.network.host(3), SESSION_PORT).into()))?;
    let plan = plan.ppg("other.example.net", other.address(), "start = \"always\"");
    let (lab, stage) = Stage::with_gateway_and(plan, "always")?;
    let answer = stage.register(MMS)?;
    assert_eq!(
        answer["servers"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
    for lab in [&lab, &other] {
        lab.confirm(lab.session()?, MMS_NUMBER, b"x")?;
    }
    let servers = stage.servers()?;
    let standing = servers
        .iter()
        .filter(|server| server["session"]["state"] == "connected");
    assert_eq!(standing.count(), 2, "{servers:?}");
    let pushes: Vec<_> = servers
        .iter()
        .map(|server| &server["session"]["pushes"])
        .collect();
    assert_eq!(pushes, [1, 1]);
    Ok(())
}
