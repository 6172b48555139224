//! What has been taken survives the end of the daemon, whatever the end.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, UdpSocket},
    thread,
};

use anyhow::bail;
use conformance::{kannel::CONNECTIONLESS_PUSH, loopback::Network, pushcai::Daemon};
use serde_json::Value;

use crate::stage::{MMS, MMS_TYPE, Stage, content};

//= specs/push-cai.md#retained-details
//= type=test
//# The details of a registration MUST be kept for as long as a deregistration may need them.
#[test]
fn registrations_and_events_survive_sigkill() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    stage.register(MMS, &["--application-id", "urn:test:mms"])?;
    // Seen and not acknowledged: journalled, and still the application's.
    let seen = stage.daemon.follow(&["events", "--follow", "--json"])?;
    for number in 0_u8..10 {
        stage.push(MMS, MMS_TYPE, &[number])?;
        seen.next_line()?;
    }
    // It would connect again, and have the events that it does not acknowledge.
    drop(seen);
    let Stage { kannel, daemon } = stage;
    let directory = daemon.kill()?;
    let daemon = Daemon::start_in(directory, kannel.client_address(2), "")?;
    let stage = Stage { kannel, daemon };
    let apps = stage.daemon.pushcai_json(&["apps", "--json"])?;
    assert_eq!(apps[0]["applicationID"], "urn:test:mms", "{apps:?}");
    let contents: BTreeSet<Vec<u8>> = stage
        .events(10)?
        .iter()
        .map(content)
        .collect::<Result<_, _>>()?;
    assert_eq!(contents, (0_u8..10).map(|number| vec![number]).collect());
    Ok(())
}

#[test]
fn an_acknowledged_event_does_not_come_again_after_a_restart() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    stage.register(MMS, &[])?;
    stage.push(MMS, MMS_TYPE, b"done with")?;
    stage.push(MMS, MMS_TYPE, b"done with as well")?;
    assert_eq!(stage.events(2)?.len(), 2);
    let Stage { kannel, daemon } = stage;
    let directory = daemon.kill()?;
    let daemon = Daemon::start_in(directory, kannel.client_address(2), "")?;
    let stage = Stage { kannel, daemon };
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

#[test]
fn sigterm_ends_the_daemon_cleanly_and_it_starts_again() -> anyhow::Result<()> {
    let network = Network::claim()?;
    let daemon = Daemon::start(network.host(2), "")?;
    let (status, directory) = daemon.terminate()?;
    assert!(status.success(), "{status}");
    let daemon = Daemon::start_in(directory, network.host(2), "")?;
    assert_eq!(daemon.pushcai(&["status"])?.code, Some(0));
    Ok(())
}

/// Datagrams that a sender sends in each round.
const BURST: u32 = 120;

/// Rounds of start, load and SIGKILL; an event is delivered at most once in each, and the client allows 16 deliveries.
const ROUNDS: u32 = 10;

#[test]
fn killed_under_load_again_and_again_it_keeps_all_that_it_showed() -> anyhow::Result<()> {
    let network = Network::claim()?;
    let address = network.host(2);
    let mut daemon = Daemon::start(address, "")?;
    daemon.pushcai_json(&["register", MMS, "--json"])?;
    let (mut owed, mut done) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let sender = UdpSocket::bind((network.host(1), 0))?;
        let sending = thread::spawn(move || burst(&sender, address, round));
        // Every other round acknowledges what it shows: that may be done with, the rest is owed.
        let acknowledges = round % 2 == 1;
        let arguments: &[&str] = if acknowledges {
            &["events", "--follow", "--json", "--ack"]
        } else {
            &["events", "--follow", "--json"]
        };
        let following = daemon.follow(arguments)?;
        let mut lines = Vec::new();
        for _ in 0..20 + round {
            lines.push(following.next_line()?);
        }
        let directory = daemon.kill()?;
        lines.extend(following.kill_and_read_rest()?);
        let shown = if acknowledges { &mut done } else { &mut owed };
        for line in &lines {
            shown.insert(checked_number(&serde_json::from_str(line)?)?);
        }
        sending
            .join()
            .map_err(|_| anyhow::anyhow!("the sender failed"))?;
        daemon = Daemon::start_in(directory, address, "")?;
    }
    let mut found = BTreeSet::new();
    loop {
        let events = daemon.pushcai_json(&["events", "--ack", "--json"])?;
        if events.is_empty() {
            break;
        }
        for event in &events {
            found.insert(checked_number(event)?);
        }
    }
    let lost: Vec<_> = owed
        .difference(&done)
        .filter(|number| !found.contains(number))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} are lost: {lost:?}",
        lost.len(),
        owed.len()
    );
    Ok(())
}

/// Sends [`BURST`] pushes to `mms.ua`, each with a number that no other has, as it is and inverted.
fn burst(socket: &UdpSocket, client: Ipv4Addr, round: u32) {
    for number in round * BURST..(round + 1) * BURST {
        let mut datagram = b"\x00\x06\x03\x83\xaf\x84".to_vec();
        datagram.extend_from_slice(&number.to_be_bytes());
        datagram.extend_from_slice(&(!number).to_be_bytes());
        // While the daemon is down, the kernel says so at the next send; the push is lost, as UDP may lose it.
        drop(socket.send_to(&datagram, (client, CONNECTIONLESS_PUSH)));
    }
}

/// The number in an event of [`burst`], whose octets have to be right.
fn checked_number(event: &Value) -> anyhow::Result<u32> {
    let octets = content(event)?;
    let halves: Vec<u32> = octets
        .chunks(4)
        .map(|chunk| chunk.try_into().map(u32::from_be_bytes))
        .collect::<Result<_, _>>()?;
    match halves[..] {
        [number, inverse] if number == !inverse => Ok(number),
        _ => bail!("wrong octets: {octets:02x?}"),
    }
}
