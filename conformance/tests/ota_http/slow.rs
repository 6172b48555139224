//! Peers that take their time: heads, bodies, handshakes and answers that never end are ended by the terminal.

use std::net::SocketAddrV4;

use crate::{
    hostile::Memory,
    stage::{MMS, Plan, SECURE_PUSH_PORT, Stage, write},
    wire::{Wire, entity, options, post, tcp},
};

const TIMEOUTS: &str = "header_timeout = \"1s\"\nbody_timeout = \"1s\"\nhandshake_timeout = \"1s\"\nidle_timeout = \"1s\"";

fn stage() -> anyhow::Result<Stage> {
    let stage = Plan::new()?.keys(TIMEOUTS).known_gateway("").start()?;
    stage.register(MMS)?;
    Ok(stage)
}

/// Sends `octets` one at a time until the terminal ends the connection, far more slowly than its time-outs allow.
fn trickle(wire: &mut Wire, octets: impl Iterator<Item = u8>) -> anyhow::Result<Vec<u8>> {
    for octet in octets {
        if !wire.is_silent(std::time::Duration::from_millis(100))? || wire.send([octet]).is_err() {
            return wire.rest();
        }
    }
    anyhow::bail!("the terminal took it all")
}

/// Fails if what was said is anything but nothing, or a refusal.
fn assert_refused(said: &[u8]) {
    let said = String::from_utf8_lossy(said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
}

#[test]
fn a_head_that_does_not_end_is_timed_out() -> anyhow::Result<()> {
    let stage = stage()?;
    let mut wire = stage.connect()?;
    wire.send("OPTIONS /wappush HTTP/1.1\r\nHost:\r\n")?;
    assert_refused(&wire.rest()?);
    let head = b"OPTIONS /wappush HTTP/1.1\r\nX: ".iter().copied();
    let endless = head.chain(std::iter::repeat_n(b'y', 200));
    assert_refused(&trickle(&mut stage.connect()?, endless)?);
    stage.connect()?.push(MMS, b"good", &[])?.is(204, 400);
    Ok(())
}

#[test]
fn a_body_that_does_not_end_is_timed_out() -> anyhow::Result<()> {
    let stage = stage()?;
    let message = entity(&[("X-Wap-Application-Id", MMS)], &[b'x'; 400]);
    let request = post(&[], &message);
    let (sent, rest) = request.split_at(request.len() - 390);
    let mut wire = stage.connect()?;
    wire.send(sent)?;
    assert_refused(&wire.rest()?);
    let mut wire = stage.connect()?;
    wire.send(sent)?;
    let slow = rest.iter().copied();
    assert_refused(&trickle(&mut wire, slow)?);
    assert!(stage.contents()?.is_empty(), "half a push is none");
    stage.connect()?.push(MMS, b"good", &[])?.is(204, 400);
    Ok(())
}

#[test]
fn a_connection_on_which_nothing_happens_is_ended() -> anyhow::Result<()> {
    let stage = stage()?;
    stage.connect()?.ended()?;
    let mut wire = stage.connect()?;
    wire.register(&[])?.is(204, 501);
    wire.ended()?;
    Ok(())
}

#[test]
fn a_handshake_that_does_not_come_is_timed_out() -> anyhow::Result<()> {
    let authority = push_lab::ppg::TestAuthority::new("right")?;
    let plan = Plan::new()?;
    let file = write(plan.directory.path(), "ca.pem", authority.pem().as_bytes())?;
    let listen = SocketAddrV4::new(plan.terminal(), SECURE_PUSH_PORT);
    let keys = format!("{TIMEOUTS}\nca_file = \"{file}\"\ntls_listen = [\"{listen}\"]");
    let stage = plan.keys(&keys).known_gateway("").start()?;
    let mut wire = Wire::over(tcp(stage.plan.gateway(), listen)?)?;
    // Nothing but its own hello comes from it, and then the end.
    let said = wire.rest()?;
    assert_eq!(said.first(), Some(&22), "{said:02x?}");
    Ok(())
}

#[test]
fn many_slow_peers_at_once_cost_little_and_a_good_one_is_served() -> anyhow::Result<()> {
    let stage = stage()?;
    let before = Memory::of(&stage.daemon)?;
    let head = options(&[]);
    let body = post(
        &[],
        &entity(&[("X-Wap-Application-Id", MMS)], &[b'x'; 1000]),
    );
    let mut slow = Vec::new();
    for number in 0..200_usize {
        let host = 10 + u8::try_from(number % 20)?;
        // A connection too many is refused, and that is as well.
        if let Ok(mut wire) = stage.connect_from(host) {
            let octets = if number.is_multiple_of(2) {
                &head
            } else {
                &body
            };
            drop(wire.send(octets.get(..octets.len() - 1).unwrap_or_default()));
            slow.push(wire);
        }
    }
    for number in 0..20_u8 {
        stage.connect()?.push(MMS, &[number], &[])?.is(204, 400);
    }
    for wire in &mut slow {
        assert_refused(&wire.rest()?);
    }
    before.assert_bounded(Memory::of(&stage.daemon)?);
    let expected: Vec<Vec<u8>> = (0..20).map(|number| vec![number]).collect();
    assert_eq!(stage.contents()?, expected);
    Ok(())
}
