//! Real ModemManager, with a modem that stores short messages.

use anyhow::Context;
use conformance::buses::{Bus, Kind, Scope};
use conformance::modem::{at::Modem, bus::wait_for, modem_manager::ModemManager, tpdu};

use crate::stage::{Stage, body, push};

/// A bus, ModemManager and its modem; the name of the modem's socket.
struct Peers {
    bus: Bus,
    manager: ModemManager,
    modem: Modem,
    name: String,
}

impl Peers {
    /// Starts all; `None` if one is missing and may be skipped.
    fn start(test: &str) -> anyhow::Result<Option<Self>> {
        let Some(bus) = Bus::start(Kind::DbusDaemon, Scope::Session)? else {
            return Ok(None);
        };
        let name = format!("pushcai{}{test}", std::process::id());
        // ModemManager keeps the prefix in the socket's name.
        let modem = Modem::on_abstract_socket(&format!("abstract:{name}"))?;
        let Some(manager) = ModemManager::start(&bus)? else {
            return Ok(None);
        };
        manager.add_modem(&bus, &name)?;
        Ok(Some(Self {
            bus,
            manager,
            modem,
            name,
        }))
    }

    /// Waits until the modem holds so many short messages.
    fn holds(&self, number: usize) -> anyhow::Result<()> {
        let stored = || Ok((self.modem.stored() == number).then_some(()));
        wait_for("an emptied storage", stored)
    }

    fn store(&self, tpdus: &[String]) {
        for tpdu in tpdus {
            self.modem.store(tpdu);
        }
    }
}

#[test]
fn pushes_arrive_octet_for_octet_and_texts_stay() -> anyhow::Result<()> {
    let Some(peers) = Peers::start("octets")? else {
        return Ok(());
    };
    let stage = Stage::start(&peers.bus, "modem_manager", "")?;
    stage.is_connected()?;
    peers.store(&[tpdu::text("are you there?", 1)]);
    let short = tpdu::push(&push(&body(1, 20)), 1, 2);
    peers.store(&short);
    let event = stage.event().with_context(|| peers.modem.complaints())?;
    assert_eq!(conformance::pushcai::content(&event)?, body(1, 20));
    assert_eq!(event["bearer"], "GSM-SMS", "{event}");
    // In three segments, the last one first, one of them twice.
    let mut long = tpdu::push(&push(&body(2, 330)), 7, 3);
    assert_eq!(long.len(), 3);
    long.reverse();
    long.insert(1, long[0].clone());
    peers.store(&long);
    assert_eq!(stage.contents(1)?, [body(2, 330)]);
    // Not a push by its content, though it came to the port.
    peers.store(&tpdu::push(b"\x01\x40no push", 9, 4));
    peers.store(&tpdu::push(&push(b"last"), 10, 5));
    assert_eq!(stage.contents(1)?, [b"last"]);
    stage.nothing_waits()
}

#[test]
fn pushes_that_were_taken_leave_the_modem_and_others_do_not() -> anyhow::Result<()> {
    let Some(peers) = Peers::start("storage")? else {
        return Ok(());
    };
    peers.store(&[tpdu::text("before", 1)]);
    peers.store(&tpdu::push(&push(b"before the daemon"), 1, 2));
    let stage = Stage::start(&peers.bus, "modem_manager", "")?;
    assert_eq!(stage.contents(1)?, [b"before the daemon"]);
    peers.store(&tpdu::push(&push(&body(3, 300)), 2, 3));
    assert_eq!(stage.contents(1)?, [body(3, 300)]);
    peers.holds(1)
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice_when_either_is_killed() -> anyhow::Result<()> {
    let Some(mut peers) = Peers::start("kill")? else {
        return Ok(());
    };
    let mut stage = Stage::start(&peers.bus, "modem_manager", "")?;
    stage.is_connected()?;
    for round in 0..3_u8 {
        // One is under way while the daemon is killed, one comes while it is down.
        peers.store(&tpdu::push(&push(&body(round, 200)), round, round));
        stage = stage.restart()?;
        peers.store(&tpdu::push(
            &push(&body(100 + round, 50)),
            100 + round,
            30 + round,
        ));
        let mut contents = stage.contents(2)?;
        contents.sort();
        assert_eq!(contents, [body(round, 200), body(100 + round, 50)]);
        peers.holds(0)?;
        stage.nothing_waits()?;
        // The next comes while ModemManager is down.
        let Peers {
            bus,
            manager,
            modem,
            name,
        } = peers;
        manager.kill()?;
        modem.store(&tpdu::push(&push(&body(200 + round, 10)), 200 + round, 50 + round).concat());
        let Some(manager) = ModemManager::start(&bus)? else {
            return Ok(());
        };
        manager.add_modem(&bus, &name)?;
        peers = Peers {
            bus,
            manager,
            modem,
            name,
        };
        assert_eq!(stage.contents(1)?, [body(200 + round, 10)]);
        peers.holds(0)?;
    }
    stage.nothing_waits()
}

#[test]
fn a_push_that_is_kept_is_not_taken_again() -> anyhow::Result<()> {
    let Some(peers) = Peers::start("keep")? else {
        return Ok(());
    };
    let more = "storage = \"keep\"\n[duplicates]\nwindow = \"0s\"\n";
    let mut stage = Stage::start(&peers.bus, "modem_manager", more)?;
    for round in 0..3_u8 {
        peers.store(&tpdu::push(&push(&body(round, 20)), round, round));
        assert_eq!(stage.contents(1)?, [body(round, 20)]);
        stage = stage.restart()?;
        stage.is_connected()?;
    }
    // Whatever was there has been looked at once this one arrives.
    peers.store(&tpdu::push(&push(b"last"), 9, 9));
    assert_eq!(stage.contents(1)?, [b"last"]);
    stage.nothing_waits()?;
    peers.holds(4)
}
