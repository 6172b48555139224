//! From Kannel over the message centre to an application.

use std::collections::BTreeSet;

use conformance::pushcai::content;
use push_lab::smsc::{ShortMessage, SmscFault};
use serde_json::json;

use crate::stage::{CENTRE, GATEWAY, MMS_TYPE, Stage};

/// Contents that Kannel writes as one short message and as several.
fn contents() -> Vec<Vec<u8>> {
    let of = |length: usize, seed: u8| {
        let octets = (0..=250_u8).map(|octet| octet.wrapping_mul(7).wrapping_add(seed));
        octets.cycle().take(length).collect()
    };
    vec![of(20, 1), of(300, 2), of(1, 3), of(900, 4), of(128, 5)]
}

#[test]
fn pushes_of_kannel_arrive_octet_for_octet() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up(Vec::new(), "")? else {
        return Ok(());
    };
    stage.register(&["--accept", MMS_TYPE])?;
    for pushed in contents() {
        stage.push(&pushed)?;
        let event = stage.daemon()?.events(1)?.remove(0);
        assert_eq!(content(&event)?, pushed);
        assert_eq!(event["protocol"], "OTA-WSP");
        assert_eq!(event["bearer"], "GSM-SMS");
        assert_eq!(event["server"], CENTRE);
        assert_eq!(event["originator"], GATEWAY);
        assert_eq!(event["device"], "centre-1");
        assert_eq!(event["ports"]["dest"], json!(2948));
    }
    Ok(())
}

#[test]
fn segments_in_the_wrong_order_and_twice_make_each_push_once() -> anyhow::Result<()> {
    let faults = vec![SmscFault::Backwards, SmscFault::Repeat];
    let Some(stage) = Stage::set_up(faults, "")? else {
        return Ok(());
    };
    stage.register(&[])?;
    for pushed in contents() {
        stage.push(&pushed)?;
    }
    let events = stage.daemon()?.events(contents().len())?;
    let arrived: BTreeSet<_> = events.iter().map(content).collect::<Result<_, _>>()?;
    assert_eq!(arrived, contents().into_iter().collect());
    // What comes behind them shows that nothing came twice.
    stage.push(b"last")?;
    assert_eq!(content(&stage.daemon()?.events(1)?[0])?, b"last");
    assert_eq!(stage.daemon()?.waiting()?, Vec::<serde_json::Value>::new());
    Ok(())
}

#[test]
fn connections_that_break_and_daemons_that_are_killed_lose_nothing() -> anyhow::Result<()> {
    let faults = vec![SmscFault::EndAfter {
        connections: 4,
        messages: 3,
    }];
    let Some(mut stage) = Stage::set_up(faults, "")? else {
        return Ok(());
    };
    stage.register(&[])?;
    for pushed in contents() {
        stage.push(&pushed)?;
    }
    stage.centre.wait_for_answers(4)?;
    stage.kill_and_restart()?;
    let events = stage.daemon()?.events(contents().len())?;
    let arrived: BTreeSet<_> = events.iter().map(content).collect::<Result<_, _>>()?;
    assert_eq!(arrived, contents().into_iter().collect());
    assert_eq!(events.len(), arrived.len());
    Ok(())
}

#[test]
fn a_whitelist_names_message_centres_and_originators() -> anyhow::Result<()> {
    for (listed, arrives) in [(CENTRE, true), (GATEWAY, true), ("+4917099998", false)] {
        let whitelist = format!("[whitelist]\ndefault = [\"{listed}\"]\n");
        let Some(stage) = Stage::set_up(Vec::new(), &whitelist)? else {
            return Ok(());
        };
        stage.register(&[])?;
        stage.push(b"one")?;
        stage.centre.wait_for_answers(1)?;
        let waiting = stage.daemon()?.waiting()?;
        assert_eq!(!waiting.is_empty(), arrives, "{listed}");
    }
    Ok(())
}

#[test]
fn an_application_has_a_port_of_short_messages_to_itself() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up(Vec::new(), "")? else {
        return Ok(());
    };
    stage.register(&["--application-id", "urn:first"])?;
    stage.register(&[
        "--application-id",
        "urn:second",
        "--profile",
        "OTA-WSP/GSM-SMS:16999",
    ])?;
    for (port, content) in [(2948_u16, b"first "), (16_999, b"second")] {
        let [high, low] = port.to_be_bytes();
        let header = [6, 5, 4, high, low, 0x23, 0xF0];
        // TID, Push, and a content type of one octet with the application's number behind it.
        let push = [1, 6, 3, 0xBE, 0xAF, 0x84];
        let octets = [&header[..], &push, content].concat();
        let message = ShortMessage::binary("4917000001", "15551234567", octets);
        stage.centre.smsc.submit(message.with_header());
    }
    let events = stage.daemon()?.events(2)?;
    for (name, expected) in [("urn:first", b"first "), ("urn:second", b"second")] {
        let of_it = events.iter().find(|event| event["applicationID"] == name);
        let event = of_it.unwrap_or_else(|| panic!("{name} got nothing: {events:?}"));
        assert_eq!(content(event)?, expected);
    }
    Ok(())
}
