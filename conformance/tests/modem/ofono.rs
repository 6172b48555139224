//! Real oFono, with a modem that hands short messages over.

use std::net::SocketAddrV4;

use anyhow::Context;
use conformance::buses::{Bus, Kind, Scope};
use conformance::modem::{
    at::Modem,
    bus::wait_for,
    ofono::{Leftovers, Ofono},
    tpdu,
};

use crate::stage::{Stage, body, push};

struct Peers {
    bus: Bus,
    ofono: Ofono,
    modem: Modem,
    address: SocketAddrV4,
    // Dropped last: oFono is gone by then.
    _leftovers: Leftovers,
}

impl Peers {
    /// Starts all; `None` if one is missing and may be skipped.
    fn start() -> anyhow::Result<Option<Self>> {
        let Some(bus) = Bus::start(Kind::DbusDaemon, Scope::Session)? else {
            return Ok(None);
        };
        let (modem, address) = Modem::on_tcp()?;
        let Some(ofono) = Ofono::start(&bus, address)? else {
            return Ok(None);
        };
        ofono.bring_up(&bus).with_context(|| modem.complaints())?;
        Ok(Some(Self {
            bus,
            ofono,
            _leftovers: Leftovers::of(&modem),
            modem,
            address,
        }))
    }

    /// Ends oFono with SIGKILL and starts it again.
    fn restart(self) -> anyhow::Result<Option<Self>> {
        self.ofono.kill()?;
        let Some(ofono) = Ofono::start(&self.bus, self.address)? else {
            return Ok(None);
        };
        ofono.bring_up(&self.bus)?;
        Ok(Some(Self { ofono, ..self }))
    }

    /// Has these short messages come, and waits until oFono has acknowledged them.
    fn deliver(&self, tpdus: &[String]) -> anyhow::Result<()> {
        for tpdu in tpdus {
            self.modem.hand_over(tpdu);
        }
        let acknowledged = || Ok((self.modem.unacknowledged() == 0).then_some(()));
        wait_for("short messages that oFono has taken", acknowledged)
            .with_context(|| self.modem.complaints())
    }
}

#[test]
fn pushes_arrive_octet_for_octet_in_any_order_of_segments() -> anyhow::Result<()> {
    let Some(peers) = Peers::start()? else {
        return Ok(());
    };
    let stage = Stage::start(&peers.bus, "ofono", "names = { phonesim = \"car\" }\n")?;
    stage.is_connected()?;
    peers.deliver(&tpdu::push(&push(&body(1, 20)), 1, 1))?;
    let event = stage.event()?;
    assert_eq!(conformance::pushcai::content(&event)?, body(1, 20));
    assert_eq!(event["bearer"], "GSM-SMS", "{event}");
    let mut long = tpdu::push(&push(&body(2, 330)), 7, 2);
    assert_eq!(long.len(), 3);
    long.reverse();
    long.insert(1, long[0].clone());
    peers.deliver(&long)?;
    assert_eq!(stage.contents(1)?, [body(2, 330)]);
    // What is no push does not cost the agent its place.
    peers.deliver(&tpdu::push(b"\x01\x40no push", 9, 3))?;
    peers.deliver(&tpdu::push(&push(b"last"), 10, 4))?;
    assert_eq!(stage.contents(1)?, [b"last"]);
    stage.nothing_waits()
}

#[test]
fn the_agent_comes_back_when_either_is_killed() -> anyhow::Result<()> {
    let Some(mut peers) = Peers::start()? else {
        return Ok(());
    };
    let mut stage = Stage::start(&peers.bus, "ofono", "")?;
    stage.is_connected()?;
    for round in 0..3_u8 {
        peers.deliver(&tpdu::push(&push(&body(round, 200)), round, round))?;
        // It is shown, and not acknowledged, when the daemon is killed.
        let seen = stage.daemon.follow(&["events", "--follow", "--json"])?;
        seen.next_line()?;
        seen.kill()?;
        stage = stage.restart()?;
        stage.is_connected()?;
        assert_eq!(stage.contents(1)?, [body(round, 200)]);
        let Some(again) = peers.restart()? else {
            return Ok(());
        };
        peers = again;
        stage.is_connected()?;
        peers.deliver(&tpdu::push(
            &push(&body(100 + round, 20)),
            100 + round,
            30 + round,
        ))?;
        assert_eq!(stage.contents(1)?, [body(100 + round, 20)]);
    }
    stage.nothing_waits()
}
