//! Kannel, a gateway that nobody here wrote, pushes in sessions with the built daemon.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
};

use conformance::{
    kannel::Kannel,
    pap::{Client, Delivery, Submission},
    pushcai::{Daemon, content},
};
use serde_json::Value;

use crate::{
    proxy::Proxy,
    stage::{DRM, MMS, PPG_ID, eventually},
};

/// The terminal's address among those of Kannel's clients, and the proxy's.
const TERMINAL: u8 = 2;
const PROXY: u8 = 5;

/// An application that Kannel knows and nobody registers.
const NOBODYS: &str = "x-wap-application:syncml.dm";

/// What Kannel's log says of the end of a push in a session.
const CONFIRMED: &str = "push confirmation from OTA";
const ABORTED: &str = "abort indication from OTA";
/// What it says where it lost the push itself: it pushed in a session that it had not opened yet.
const LOST: &str = "Can't handle event";

/// Kannel, the daemon, and perhaps a proxy between them.
struct Stage {
    kannel: Kannel,
    daemon: Daemon,
    /// Where Kannel sends to: the terminal's address or the proxy's.
    client: Ipv4Addr,
}

impl Stage {
    fn start(kannel: Kannel, proxied: bool) -> anyhow::Result<Self> {
        let terminal = kannel.client_address(TERMINAL);
        let client = kannel.client_address(if proxied { PROXY } else { TERMINAL });
        let gateway: SocketAddr = if proxied {
            (client, 9201).into()
        } else {
            kannel.session_address().into()
        };
        let extra = format!(
            "listen = [\"{terminal}:2948\", \"{terminal}:9209\"]\n\
             [[ota_wsp.ppg]]\nid = {PPG_ID:?}\naddress = \"{gateway}\"\nstart = \"request\"\n"
        );
        let daemon = Daemon::start(terminal, &extra)?;
        let stage = Self {
            kannel,
            daemon,
            client,
        };
        stage.register(MMS, &[])?;
        Ok(stage)
    }

    fn set_up() -> anyhow::Result<Option<Self>> {
        let kannel = Kannel::start_for_sessions()?;
        kannel.map(|kannel| Self::start(kannel, false)).transpose()
    }

    fn register(&self, id: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let arguments = [&["register", id, "--json"], arguments].concat();
        self.daemon.pushcai_json(&arguments)?;
        Ok(())
    }

    fn submit(&self, content: &[u8], delivery: Delivery) -> anyhow::Result<()> {
        self.submit_to(MMS, "text/plain", content, delivery)
    }

    fn submit_to(
        &self,
        application: &str,
        content_type: &str,
        content: &[u8],
        delivery: Delivery,
    ) -> anyhow::Result<()> {
        let submission = Submission {
            client: Client::Ip(self.client),
            delivery,
            content_type,
            part_headers: &[("X-Wap-Application-Id", application)],
            http_headers: &[],
            content,
        };
        self.kannel.submit(&submission)
    }

    /// Has Kannel push and waits until its log says how that ended. What Kannel itself loses is handed in again.
    fn outcome_of(&self, hand_in: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<&'static str> {
        for _ in 0..20 {
            hand_in()?;
            let outcome = self.kannel.wait_for_log(&[CONFIRMED, ABORTED, LOST])?;
            if outcome != LOST {
                return Ok(outcome);
            }
        }
        anyhow::bail!("Kannel loses every push by itself")
    }

    fn confirm(&self, content: &[u8]) -> anyhow::Result<()> {
        let outcome = self.outcome_of(|| self.submit(content, Delivery::Confirmed))?;
        anyhow::ensure!(outcome == CONFIRMED, "{content:02x?}: {outcome}");
        Ok(())
    }

    /// What `pushcai metrics` counts of this, under the label with this value.
    fn count(&self, name: &str, value: &str) -> anyhow::Result<u64> {
        let samples = self.daemon.pushcai_json(&["metrics", "--json"])?;
        let has_value = |sample: &Value| {
            let mut labels = sample["labels"].as_object().into_iter().flatten();
            labels.any(|(_, label)| *label == value)
        };
        let found = samples
            .iter()
            .find(|sample| sample["name"] == name && has_value(sample));
        Ok(found
            .and_then(|sample| sample["value"].as_u64())
            .unwrap_or_default())
    }

    fn contents(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut contents = Vec::new();
        loop {
            let events = self.daemon.waiting()?;
            if events.is_empty() {
                return Ok(contents);
            }
            for event in &events {
                contents.push(content(event)?);
            }
        }
    }
}

/// Each push begins with a request of Kannel's own form and a session of its own; all of them have the transaction identifier 0.
#[test]
fn two_hundred_confirmed_pushes_in_a_row_are_acknowledged_and_arrive_once() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    let mut expected = Vec::new();
    for number in 0..200_u32 {
        let content = format!("push {number}").into_bytes();
        stage.confirm(&content)?;
        expected.push(content);
    }
    assert_eq!(stage.contents()?, expected);
    Ok(())
}

#[test]
fn kannel_hears_why_a_push_is_refused() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register(DRM, &["--accept", "image/*"])?;
    // A session is opened for what somebody registered; in it Kannel is told of all it pushes.
    for (application, verdict) in [(DRM, "contentType"), (NOBODYS, "noSuchApplication")] {
        let hand_in = || stage.submit_to(application, "text/plain", b"x", Delivery::Confirmed);
        assert_eq!(stage.outcome_of(hand_in)?, ABORTED, "{application}");
        assert_eq!(stage.count("pushcai_pushes_total", verdict)?, 1);
    }
    stage.confirm(b"still")?;
    assert_eq!(stage.contents()?, [b"still"]);
    Ok(())
}

#[test]
fn a_request_for_what_nobody_registered_opens_no_session() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    let requests = || stage.count("pushcai_session_initiations_total", "followed");
    stage.submit_to(NOBODYS, "text/plain", b"x", Delivery::Confirmed)?;
    eventually("the request", || Ok((requests()? >= 1).then_some(())))?;
    // Each further one, for what is registered, opens one, in which Kannel may push what it could not push before.
    loop {
        stage.submit(b"registered", Delivery::Confirmed)?;
        if stage.kannel.wait_for_log(&[CONFIRMED, LOST])? == CONFIRMED {
            break;
        }
    }
    let opened = stage.count("pushcai_push_sessions_total", "connected")?;
    assert_eq!(opened, requests()? - 1);
    assert_eq!(stage.contents()?, [b"registered"]);
    Ok(())
}

#[test]
fn a_long_push_of_kannel_s_comes_in_one_datagram() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    let long: Vec<u8> = (0..60_000_u32).map(|index| (index % 251) as u8).collect();
    stage.confirm(&long)?;
    assert_eq!(stage.contents()?, [long]);
    Ok(())
}

/// Of all that belongs to sessions, in both directions: how they are opened, how that is acknowledged, and pushes. A push that Kannel
/// itself gave up is handed in again, as another one.
#[test]
fn every_third_datagram_is_lost_and_every_push_arrives_once() -> anyhow::Result<()> {
    let Some(kannel) = Kannel::start_for_sessions()? else {
        return Ok(());
    };
    let own = kannel.client_address(PROXY);
    let terminal = kannel.client_address(TERMINAL);
    let proxy = Proxy::start(own, kannel.session_address().into(), terminal, 3, false)?;
    let stage = Stage::start(kannel, true)?;
    let mut confirmed = BTreeSet::new();
    for number in 0..9_u8 {
        let content = vec![b'a' + number];
        let hand_in = || stage.submit(&content, Delivery::Confirmed);
        if stage.outcome_of(hand_in)? == CONFIRMED {
            confirmed.insert(content);
        }
        if confirmed.len() == 3 {
            break;
        }
    }
    assert_eq!(confirmed.len(), 3, "Kannel gives up too many");
    let mut arrived = BTreeSet::new();
    for content in stage.contents()? {
        assert!(arrived.insert(content.clone()), "{content:02x?} came twice");
    }
    assert!(
        arrived.is_superset(&confirmed),
        "{arrived:?}, {confirmed:?}"
    );
    assert!(proxy.lost() >= 6, "{}", proxy.lost());
    Ok(())
}

/// Kannel asks whether a Connect is really the terminal's where its identifier is behind the last one of the same port.
#[test]
fn transaction_identifiers_are_verified_in_both_directions() -> anyhow::Result<()> {
    let Some(kannel) = Kannel::start_for_sessions()? else {
        return Ok(());
    };
    let own = kannel.client_address(PROXY);
    let terminal = kannel.client_address(TERMINAL);
    let proxy = Proxy::start(own, kannel.session_address().into(), terminal, 0, true)?;
    let stage = Stage::start(kannel, true)?;
    let asked = |bit: u8| {
        let seen = proxy.seen();
        // An acknowledgement that asks (Tve) from the responder, whose identifiers have the upper bit.
        seen.iter()
            .any(|datagram| datagram.len() == 3 && datagram[0] == 0x1c && datagram[1] & 0x80 == bit)
    };
    let mut expected = Vec::new();
    for number in 0..60_u8 {
        stage.confirm(&[b'A' + number % 26, number])?;
        expected.push(vec![b'A' + number % 26, number]);
        if asked(0x80) && asked(0x00) && number > 4 {
            break;
        }
    }
    assert!(asked(0x80) && asked(0x00), "nobody verified anything");
    assert_eq!(stage.contents()?, expected);
    Ok(())
}

/// Kannel pushes unconfirmed in the session with the number 0 alone, and only what waited for it: a push that is handed in for
/// later, behind a confirmed one, and flushed when the terminal opens another session.
#[test]
fn an_unconfirmed_push_of_kannel_s_comes_in_a_session() -> anyhow::Result<()> {
    let Some(kannel) = Kannel::start_fresh()? else {
        return Ok(());
    };
    let own = kannel.client_address(PROXY);
    let terminal = kannel.client_address(TERMINAL);
    let proxy = Proxy::start(own, kannel.session_address().into(), terminal, 0, false)?;
    let stage = Stage::start(kannel, true)?;
    stage.confirm(b"first")?;
    proxy.hold();
    stage.submit(b"second", Delivery::Confirmed)?;
    stage.submit(
        b"unconfirmed",
        Delivery::UnconfirmedAfter("2099-01-01T00:00:00Z"),
    )?;
    proxy.release();
    let mut arrived = Vec::new();
    for event in stage.daemon.events(3)? {
        arrived.push(content(&event)?);
    }
    arrived.sort();
    assert_eq!(arrived, [b"first".as_slice(), b"second", b"unconfirmed"]);
    // As a transaction of class 0 with a Push.
    let seen = proxy.seen();
    let of_class_0 = |datagram: &&Vec<u8>| {
        datagram.len() > 5 && datagram[0] == 0x0e && datagram[3] == 0x30 && datagram[4] == 0x06
    };
    assert_eq!(seen.iter().filter(of_class_0).count(), 1);
    Ok(())
}

/// While Kannel knows of a session it sends unconfirmed pushes as datagrams to another port.
#[test]
fn an_unconfirmed_push_beside_a_session_arrives_too() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.confirm(b"in a session")?;
    stage.submit(b"beside it", Delivery::Unconfirmed)?;
    let events = stage.daemon.events(2)?;
    assert_eq!(content(&events[1])?, b"beside it");
    assert_eq!(events[1]["ports"]["dest"], 9209, "{}", events[1]);
    Ok(())
}

#[test]
fn killed_in_the_middle_the_daemon_has_all_that_kannel_believes_it_has() -> anyhow::Result<()> {
    let Some(mut stage) = Stage::set_up()? else {
        return Ok(());
    };
    let mut expected = Vec::new();
    for round in 0..3_u8 {
        for number in 0..4_u8 {
            let content = vec![b'a' + round, b'0' + number];
            stage.confirm(&content)?;
            expected.push(content);
        }
        let Stage {
            kannel,
            daemon,
            client,
        } = stage;
        let directory = daemon.kill()?;
        let configuration = std::fs::read_to_string(directory.path().join("pushcaid.toml"))?;
        let (_, extra) = configuration.split_once("[ota_wsp]\n").unwrap_or_default();
        let daemon = Daemon::start_in(directory, kannel.client_address(TERMINAL), extra)?;
        stage = Stage {
            kannel,
            daemon,
            client,
        };
    }
    assert_eq!(stage.contents()?, expected);
    Ok(())
}
