//! Ports: the registered one, those beside it, and those of applications alone (Push-CAI 5.1).

use std::net::UdpSocket;

use conformance::kannel::CONNECTIONLESS_PUSH;
use push_lab::Push;

use crate::stage::{DRM, MMS, MMS_NUMBER, Plan, Stage, content, eventually, text};

/// Sends a connectionless push to this port of the terminal.
fn send(stage: &Stage, port: u16, push: &Push) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((stage.plan.gateway(), 0))?;
    socket.send_to(&push.encode()?, (stage.plan.terminal(), port))?;
    Ok(())
}

fn mms(content: &[u8], tid: u8) -> Push {
    text(content).application(MMS_NUMBER).tid(tid)
}

/// Whether somebody holds this port of the terminal's.
fn is_open(stage: &Stage, port: u16) -> bool {
    UdpSocket::bind((stage.plan.terminal(), port)).is_err()
}

//= specs/push-cai.md#uniqueness
//= type=test
//# A Push Application ID in use MUST NOT be refused for being taken when the newcomer asks for a bearer port that nobody else has.
#[test]
fn two_applications_have_one_id_where_one_has_a_port_of_its_own() -> anyhow::Result<()> {
    let stage = Plan::new()?.start()?;
    stage.register_with(MMS, &["--application-id", "x-example:first"])?;
    let taken = stage
        .daemon
        .pushcai(&["register", MMS, "--application-id", "x-example:second"])?;
    assert!(taken.errors.contains("alreadyRegistered"), "{taken:?}");
    let second = [
        "--application-id",
        "x-example:second",
        "--profile",
        "OTA-WSP:5948",
    ];
    stage.register_with(MMS, &second)?;
    assert!(is_open(&stage, 5948));
    send(&stage, CONNECTIONLESS_PUSH, &mms(b"standard", 1))?;
    send(&stage, 5948, &mms(b"own", 2))?;
    let mut arrived: Vec<_> = stage
        .events(2)?
        .iter()
        .map(|event| {
            let application = event["applicationID"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            Ok((application, content(event)?))
        })
        .collect::<anyhow::Result<_>>()?;
    arrived.sort();
    assert_eq!(
        arrived,
        [
            ("x-example:first".to_owned(), b"standard".to_vec()),
            ("x-example:second".to_owned(), b"own".to_vec())
        ]
    );
    // Once nobody has it, it is closed.
    let arguments = [
        "deregister",
        MMS,
        "--application-id",
        "x-example:second",
        "--json",
    ];
    stage.daemon.pushcai_json(&arguments)?;
    eventually("the port's end", || {
        Ok((!is_open(&stage, 5948)).then_some(()))
    })
}

#[test]
fn a_port_of_its_own_is_open_again_after_a_restart() -> anyhow::Result<()> {
    let stage = Plan::new()?.start()?;
    stage.register_with(MMS, &["--profile", "OTA-WSP:5948"])?;
    let stage = stage.kill_and_restart()?;
    eventually("the port", || Ok(is_open(&stage, 5948).then_some(())))?;
    send(&stage, 5948, &mms(b"after", 1))?;
    let event = &stage.events(1)?[0];
    assert_eq!(content(event)?, b"after");
    assert_eq!(event["ports"]["dest"], 5948, "{event}");
    Ok(())
}

#[test]
fn a_port_that_another_program_has_is_not_available() -> anyhow::Result<()> {
    let stage = Plan::new()?.start()?;
    let other = UdpSocket::bind((stage.plan.terminal(), 5948))?;
    let outcome = stage
        .daemon
        .pushcai(&["register", MMS, "--profile", "OTA-WSP:5948"])?;
    assert!(outcome.errors.contains("optionNotAvailable"), "{outcome:?}");
    assert!(outcome.errors.contains("5948"), "{outcome:?}");
    assert_eq!(stage.daemon.pushcai_json(&["apps", "--json"])?.len(), 0);
    drop(other);
    stage.register_with(MMS, &["--profile", "OTA-WSP:5948"])?;
    Ok(())
}

#[test]
fn a_port_belongs_to_one_application() -> anyhow::Result<()> {
    let stage = Plan::new()?.start()?;
    let own = [
        "--application-id",
        "x-example:a",
        "--profile",
        "OTA-WSP:5948",
    ];
    stage.register_with(MMS, &own)?;
    let same = [
        "register",
        MMS,
        "--application-id",
        "x-example:b",
        "--profile",
        "OTA-WSP:5948",
    ];
    let outcome = stage.daemon.pushcai(&same)?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    // A push to it for another id is nobody's.
    stage.register(DRM)?;
    send(
        &stage,
        5948,
        &text(b"stray").application(crate::stage::DRM_NUMBER).tid(1),
    )?;
    send(&stage, 5948, &mms(b"own", 2))?;
    assert_eq!(content(&stage.events(1)?[0])?, b"own");
    assert_eq!(stage.contents()?.len(), 0);
    Ok(())
}

#[test]
fn ports_with_wtls_are_refused_in_words_that_say_what_works() -> anyhow::Result<()> {
    let (_lab, stage) = Stage::with_gateway("request")?;
    for (port, works) in [(2949, "2948"), (9202, "2948"), (9203, "9201")] {
        let profile = format!("OTA-WSP:{port}");
        let outcome = stage
            .daemon
            .pushcai(&["register", MMS, "--profile", &profile])?;
        assert!(outcome.errors.contains("unsupportedOption"), "{outcome:?}");
        assert!(outcome.errors.contains("WTLS"), "{outcome:?}");
        assert!(outcome.errors.contains(works), "{outcome:?}");
    }
    Ok(())
}

/// Kannel sends unconfirmed pushes to port 9209 of terminals that it has a session with.
#[test]
fn what_comes_to_port_9209_is_taken_like_what_comes_to_the_registered_one() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let terminal = plan.terminal();
    let stage = plan
        .keys(&format!(
            "listen = [\"{terminal}:2948\", \"{terminal}:9209\"]"
        ))
        .start()?;
    stage.register(MMS)?;
    send(&stage, 9209, &mms(b"beside", 1))?;
    send(&stage, CONNECTIONLESS_PUSH, &mms(b"registered", 2))?;
    let mut arrived = vec![];
    for event in stage.events(2)? {
        arrived.push(content(&event)?);
    }
    arrived.sort();
    assert_eq!(arrived, [b"beside".to_vec(), b"registered".to_vec()]);
    Ok(())
}
