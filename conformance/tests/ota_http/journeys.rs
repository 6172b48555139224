//! Applications come and go while pushes keep coming.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::{
    stage::{DRM, MMS, SIA, Stage, content, list},
    wire::{Answer, Wire},
};

const OWN_TYPE: &str = "application/vnd.oma.drm.message";

/// A gateway that pushes numbers without pause, under the tag that it knows, and takes a new tag when it is told.
struct Pusher {
    /// Numbers answered 400, in order.
    accepted: Vec<u32>,
    /// Tags told with a 256.
    told: Vec<String>,
}

impl Pusher {
    fn run(wire: &mut Wire, tag: String, stop: &AtomicBool) -> anyhow::Result<Self> {
        let mut pusher = Self {
            accepted: Vec::new(),
            told: Vec::new(),
        };
        let mut tag = tag;
        let mut number = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            let answer = wire.push(MMS, &number.to_be_bytes(), &[("X-Wap-CPITag", &tag)])?;
            match answer.push_status() {
                Some(400) => {
                    pusher.accepted.push(number);
                    number += 1;
                }
                Some(256) => {
                    tag = answer.tag()?;
                    pusher.told.push(tag.clone());
                }
                _ => anyhow::bail!("number {number}: {answer:?}"),
            }
        }
        Ok(pusher)
    }
}

fn applications(answer: &Answer) -> Vec<&str> {
    list(answer, "X-Wap-Push-Accept-AppID")
}

fn types(answer: &Answer) -> Vec<&str> {
    list(answer, "X-Wap-Push-Accept")
}

fn number(event: &Value) -> anyhow::Result<u32> {
    let octets: [u8; 4] = content(event)?.as_slice().try_into()?;
    Ok(u32::from_be_bytes(octets))
}

//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-HTTP the new Push Application ID MUST stand in the X-Wap-Push-Accept-AppID header of the terminal's CPI.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-HTTP the MIME types of a registration MUST stand in the X-Wap-Push-Accept header of the terminal's CPI.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-HTTP the Push Application ID of a deregistered application MUST be gone from the X-Wap-Push-Accept-AppID header of the terminal's CPI.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-HTTP the MIME types that a deregistered application alone had named MUST be gone from the X-Wap-Push-Accept header of the terminal's CPI.
#[test]
fn a_second_application_changes_the_tag_and_nothing_is_lost() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register_with(
        MMS,
        &["--application-id", "urn:test:one", "--accept", "text/plain"],
    )?;
    let mut wire = stage.connect()?;
    let one = wire.register(&[])?;
    assert_eq!(
        one.header("X-Wap-Push-Accept-AppID")
            .map(|_| applications(&one).contains(&MMS)),
        Some(true)
    );
    let first = one.tag()?;
    let stop = AtomicBool::new(false);
    let mut pushing = stage.connect()?;
    let pushed = std::thread::scope(|scope| {
        let tag = first.clone();
        let thread = scope.spawn(|| Pusher::run(&mut pushing, tag, &stop));
        let outcome = come_and_go(&stage, &mut wire, &first);
        stop.store(true, Ordering::Relaxed);
        let pushed = thread
            .join()
            .map_err(|_| anyhow::anyhow!("the pusher panicked"))?;
        outcome.and(pushed)
    })?;
    assert!(
        pushed.told.len() >= 2,
        "it was told of each change: {:?}",
        pushed.told
    );
    let mut arrived = Vec::new();
    while arrived.len() < pushed.accepted.len() {
        let events = stage.waiting()?;
        anyhow::ensure!(
            !events.is_empty(),
            "only {} of {}",
            arrived.len(),
            pushed.accepted.len()
        );
        arrived.extend(
            events
                .iter()
                .map(number)
                .collect::<anyhow::Result<Vec<_>>>()?,
        );
    }
    assert_eq!(arrived, pushed.accepted, "all, once, in order");
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

/// A second application registers and leaves; at each change the tag that was right a moment ago is refused.
fn come_and_go(stage: &Stage, wire: &mut Wire, first: &str) -> anyhow::Result<()> {
    let types_of_two = format!("text/plain, {OWN_TYPE}");
    let other = [
        "--application-id",
        "urn:test:two",
        "--accept",
        &types_of_two,
    ];
    stage.register_with(DRM, &other)?;
    let refused = wire.push(DRM, b"", &[("X-Wap-CPITag", first)])?;
    refused.is(204, 256);
    let second = refused.tag()?;
    assert_ne!(second, first);
    let both = wire.register(&[])?;
    assert_eq!(both.tag()?, second);
    for id in [MMS, DRM, SIA] {
        assert!(applications(&both).contains(&id), "{id}: {both:?}");
    }
    for of in ["text/plain", OWN_TYPE] {
        assert!(types(&both).contains(&of), "{of}: {both:?}");
    }
    // The gateway goes on for a while under the new tag.
    for _ in 0..20 {
        let number = u32::MAX.to_be_bytes();
        let answer = wire.push(DRM, &number, &[("X-Wap-CPITag", &second)])?;
        answer.is(204, 400);
    }
    let events = ["events", "--ack", "--json", "--id", DRM];
    assert_eq!(stage.daemon.pushcai_json(&events)?.len(), 20);
    let leave = [
        "deregister",
        DRM,
        "--application-id",
        "urn:test:two",
        "--json",
    ];
    stage.daemon.pushcai_json(&leave)?;
    wire.push(DRM, b"", &[("X-Wap-CPITag", &second)])?
        .is(204, 256);
    let one = wire.register(&[])?;
    assert!(
        applications(&one).contains(&MMS) && !applications(&one).contains(&DRM),
        "{one:?}"
    );
    assert!(
        types(&one).contains(&"text/plain") && !types(&one).contains(&OWN_TYPE),
        "{one:?}"
    );
    assert_eq!(
        one.tag()?,
        first,
        "what was said before has the tag that it had before"
    );
    wire.push(DRM, b"", &[("X-Wap-CPITag", first)])?
        .is(204, 236);
    for _ in 0..20 {
        wire.register(&[("X-Wap-CPITag", first)])?.is(204, 500);
    }
    Ok(())
}

#[test]
fn the_session_initiation_application_is_the_terminals_own() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let outcome = stage
        .daemon
        .pushcai(&["register", SIA, "--profile", "OTA-HTTP"])?;
    assert_eq!(outcome.code, Some(11), "{outcome:?}");
    assert!(outcome.errors.contains("alreadyRegistered"), "{outcome:?}");
    let cpi = stage.cpi()?;
    assert!(
        applications(&cpi).contains(&SIA) && types(&cpi).contains(&"application/vnd.wap.sia"),
        "{cpi:?}"
    );
    Ok(())
}

#[test]
fn an_application_on_another_protocol_is_not_announced_and_gets_no_push_from_here()
-> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let before = stage.cpi()?.tag()?;
    stage
        .daemon
        .pushcai_json(&["register", MMS, "--profile", "OTA-WSP", "--json"])?;
    assert_eq!(stage.cpi()?.tag()?, before);
    stage.connect()?.push(MMS, b"", &[])?.is(204, 236);
    Ok(())
}

//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# The Push Client MUST register with the Push Server over the bearer that the application's registration is for.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# The Push Client MUST deregister with the Push Server over the bearer that the application's registration was for.
#[test]
fn registrations_are_for_ip_and_go_over_ip() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let before = stage.cpi()?.tag()?;
    for bearer in ["GSM-SMS", "GSM-USSD"] {
        let profile = format!("OTA-HTTP/{bearer}");
        let arguments = ["register", MMS, "--profile", &profile];
        let outcome = stage.daemon.pushcai(&arguments)?;
        assert!(matches!(outcome.code, Some(13 | 14)), "{outcome:?}");
        assert_eq!(stage.cpi()?.tag()?, before);
    }
    let arguments = ["register", MMS, "--profile", "OTA-HTTP/IP", "--json"];
    stage.daemon.pushcai_json(&arguments)?;
    assert!(applications(&stage.cpi()?).contains(&MMS));
    stage.daemon.pushcai_json(&["deregister", MMS, "--json"])?;
    assert_eq!(stage.cpi()?.tag()?, before);
    Ok(())
}

#[test]
fn announced_pushes_at_a_time_are_the_most_that_are_taken() -> anyhow::Result<()> {
    let stage = crate::stage::Plan::new()?
        .keys("max_push_requests = 1")
        .known_gateway("")
        .start()?;
    stage.register(MMS)?;
    let mut wires: Vec<Wire> = (0..8)
        .map(|_| stage.connect())
        .collect::<anyhow::Result<_>>()?;
    for round in 0..20_u8 {
        for (index, wire) in (0_u8..).zip(&mut wires) {
            let message = crate::wire::entity(&[("X-Wap-Application-Id", MMS)], &[round, index]);
            wire.send(crate::wire::post(&[], &message))?;
        }
        let mut accepted = Vec::new();
        for (index, wire) in (0_u8..).zip(&mut wires) {
            let answer = wire.answer()?;
            assert_eq!(answer.status, 204, "{answer:?}");
            match answer.push_status() {
                Some(400) => accepted.push(vec![round, index]),
                Some(237) => {}
                _ => anyhow::bail!("{answer:?}"),
            }
        }
        assert!(!accepted.is_empty());
        let mut arrived = stage.contents()?;
        arrived.sort();
        assert_eq!(
            arrived, accepted,
            "what was refused did not arrive, what was accepted did"
        );
    }
    Ok(())
}
