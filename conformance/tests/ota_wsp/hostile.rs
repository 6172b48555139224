//! Servers that mean harm: whatever they pour into a session, memory stays bounded, and good pushes arrive once.

use std::{net::UdpSocket, time::Duration};

use conformance::memory::Memory;
use push_lab::{
    Random,
    session::{Manner, Outcome, Provocation, SessionMisbehaviour},
};

use crate::stage::{Lab, MMS, MMS_NUMBER, Stage, text};

/// How long it is quiet before a server has heard everything.
const QUIET: Duration = Duration::from_millis(200);

fn standing() -> anyhow::Result<(Lab, Stage, u32)> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    Ok((lab, stage, session))
}

fn misbehave(
    lab: &Lab,
    session: u32,
    kind: SessionMisbehaviour,
    count: usize,
) -> anyhow::Result<Provocation> {
    let push = text(b"evil").application(MMS_NUMBER);
    lab.wait(
        lab.server
            .misbehave(session, kind, &push, (count, 7, QUIET)),
    )
}

#[test]
fn every_misbehaviour_is_survived_and_good_pushes_arrive() -> anyhow::Result<()> {
    let (lab, stage, mut session) = standing()?;
    let before = Memory::of(&stage.daemon)?;
    let mut good = 0;
    for (_, kind) in SessionMisbehaviour::ALL {
        misbehave(&lab, session, *kind, 300)?;
        // A server that sends such may lose its session; there will be another one.
        session = lab.session()?;
        good += 1;
        lab.confirm(session, MMS_NUMBER, b"good")?;
    }
    let arrived = stage.contents()?;
    let of_good = arrived.iter().filter(|content| *content == b"good").count();
    assert_eq!(of_good, good);
    before.assert_bounded(Memory::of(&stage.daemon)?);
    Ok(())
}

#[test]
fn what_no_terminal_can_do_is_aborted_with_the_reason_of_wtp() -> anyhow::Result<()> {
    let (lab, stage, session) = standing()?;
    for (kind, reason) in [
        (SessionMisbehaviour::WrongVersion, "WTPVERSIONONE"),
        (SessionMisbehaviour::ClassTwo, "NOTIMPLEMENTEDCL2"),
    ] {
        let provocation = misbehave(&lab, session, kind, 1)?;
        assert_eq!(provocation.aborted, [reason], "{kind:?}");
    }
    let provocation = misbehave(&lab, session, SessionMisbehaviour::UnknownPdu, 1)?;
    assert_eq!(provocation.acknowledged, 0, "{provocation:?}");
    assert_eq!(provocation.aborted.len(), 1, "{provocation:?}");
    assert_eq!(stage.contents()?.len(), 0);
    Ok(())
}

#[test]
fn floods_are_refused_and_leave_nothing_behind() -> anyhow::Result<()> {
    let (lab, stage, session) = standing()?;
    let before = Memory::of(&stage.daemon)?;
    for kind in [
        SessionMisbehaviour::FloodPushes,
        SessionMisbehaviour::FloodSegments,
        SessionMisbehaviour::AnswersToNothing,
        SessionMisbehaviour::Garbage,
        SessionMisbehaviour::Repeated,
    ] {
        misbehave(&lab, session, kind, 5000)?;
    }
    let session = lab.session()?;
    lab.confirm(session, MMS_NUMBER, b"good")?;
    before.assert_bounded(Memory::of(&stage.daemon)?);
    let arrived = stage.contents()?;
    assert_eq!(arrived.last().map(Vec::as_slice), Some(b"good".as_slice()));
    Ok(())
}

/// A retransmission is the same push, however often it comes.
#[test]
fn what_is_repeated_arrives_once() -> anyhow::Result<()> {
    let (lab, stage, session) = standing()?;
    let provocation = misbehave(&lab, session, SessionMisbehaviour::Repeated, 500)?;
    assert!(provocation.acknowledged > 0, "{provocation:?}");
    assert_eq!(stage.contents()?, [b"evil"]);
    Ok(())
}

/// A session's port belongs to its server: what others send there is not heard.
#[test]
fn strangers_cannot_speak_in_a_session() -> anyhow::Result<()> {
    let (lab, stage, session) = standing()?;
    let mut sessions = lab.server.sessions().into_iter();
    let terminal = sessions
        .find(|known| known.id == session)
        .map(|known| known.peer);
    let terminal = terminal.ok_or_else(|| anyhow::anyhow!("the session has ended"))?;
    let stranger = UdpSocket::bind((stage.plan.network.host(9), 9201))?;
    let other_port = UdpSocket::bind((stage.plan.gateway(), 0))?;
    let push = text(b"stranger")
        .application(MMS_NUMBER)
        .confirmed()
        .encode()?;
    let mut invoke = vec![0x0e, 0x00, 0x50, 0x11];
    invoke.extend_from_slice(push.get(1..).unwrap_or_default());
    let disconnect = [0x0e, 0x00, 0x51, 0x00, 0x05, u8::try_from(session)?];
    for socket in [&stranger, &other_port] {
        for _ in 0..50 {
            // Nobody may be there for it.
            drop(socket.send_to(&invoke, terminal));
            drop(socket.send_to(&disconnect, terminal));
        }
    }
    lab.confirm(session, MMS_NUMBER, b"server")?;
    assert_eq!(stage.contents()?, [b"server"]);
    Ok(())
}

#[test]
fn noise_on_the_registered_port_does_not_disturb_sessions() -> anyhow::Result<()> {
    let (lab, stage, session) = standing()?;
    let noise = UdpSocket::bind((stage.plan.network.host(9), 0))?;
    let mut random = Random::new(3);
    for number in 0..40_u8 {
        for _ in 0..50 {
            let length = random.below(600);
            noise.send_to(&random.octets(length), stage.address())?;
        }
        let push = text(&[number]).application(MMS_NUMBER);
        let outcome = lab.push(session, &push, &Manner::confirmed())?;
        assert_eq!(outcome, Outcome::Acknowledged);
    }
    let expected: Vec<_> = (0..40_u8).map(|number| [number]).collect();
    assert_eq!(stage.contents()?, expected);
    Ok(())
}
