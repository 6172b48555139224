//! The whole road: register, push, event, acknowledgement, deregistration.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stage::{MMS, MMS_TYPE, Stage, content};

//= specs/push-cai.md#accepted-registration
//= type=test
//# An accepted registration MUST be answered with a response that tells the application of its success.
//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the content that the Push Server sent.
//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the MIME type of its content.
//= specs/push-cai.md#answer-to-a-deregistration
//= type=test
//# A deregistration that is accepted, and carried out with the Push Server where one has to be told, MUST be answered with a response that tells the application of its success.
//= specs/push-cai.md#trust
//= type=test
//# Where no security policy is in force the Push Client MUST take an application as trusted and entitled to ask for registration.
#[test]
fn a_push_reaches_the_application_and_leaves_with_it() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    let answer = stage.register(MMS, &["--accept", MMS_TYPE])?;
    assert_eq!(answer["result"], "success");

    let following = stage
        .daemon
        .follow(&["events", "--follow", "--ack", "--json"])?;
    stage.push_with(
        MMS,
        MMS_TYPE,
        b"\x8c\x82\x00\xff",
        &[("X-Conformance", "one")],
    )?;
    let event: Value = serde_json::from_str(&following.next_line()?)?;
    assert_eq!(content(&event)?, b"\x8c\x82\x00\xff");
    assert_eq!(event["contentType"], MMS_TYPE);
    assert_eq!(event["pushApplicationID"], MMS);
    assert_eq!(event["protocol"], "OTA-WSP");
    assert_eq!(event["ports"]["dest"], 2948);
    assert_eq!(event["attempt"], 1);
    let server = event["server"].as_str().unwrap_or_default();
    assert!(
        server.contains(&stage.kannel.address().to_string()),
        "{event}"
    );
    let header = serde_json::json!(["X-Conformance", "one"]);
    assert!(
        event["headers"]
            .as_array()
            .is_some_and(|all| all.contains(&header)),
        "{event}"
    );
    following.terminate()?;

    let apps = stage.daemon.pushcai_json(&["apps", "--json"])?;
    assert_eq!(apps.len(), 1, "{apps:?}");
    assert_eq!(apps[0]["pushApplicationID"], MMS);
    assert_eq!(stage.daemon.pushcai(&["deregister", MMS])?.code, Some(0));
    assert!(stage.daemon.pushcai_json(&["apps", "--json"])?.is_empty());
    assert!(
        stage.waiting()?.is_empty(),
        "an acknowledged event came again"
    );
    Ok(())
}

#[test]
fn an_event_that_is_not_acknowledged_is_delivered_again() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    stage.register(MMS, &[])?;
    let unacknowledged = stage.daemon.follow(&["events", "--follow", "--json"])?;
    stage.push(MMS, MMS_TYPE, b"once more")?;
    let first: Value = serde_json::from_str(&unacknowledged.next_line()?)?;
    unacknowledged.kill()?;
    let again = &stage.events(1)?[0];
    assert_eq!(again["id"], first["id"]);
    assert_eq!(content(again)?, b"once more");
    assert_eq!(again["attempt"], 2);
    Ok(())
}

#[test]
fn an_application_that_is_away_finds_its_events_in_order() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    stage.register(MMS, &[])?;
    for number in 0_u8..20 {
        stage.push(MMS, MMS_TYPE, &[number])?;
    }
    let contents: BTreeSet<Vec<u8>> = stage
        .events(20)?
        .iter()
        .map(content)
        .collect::<Result<_, _>>()?;
    assert_eq!(contents, (0_u8..20).map(|number| vec![number]).collect());
    Ok(())
}

/// Kannel numbers its pushes modulo 256 for all its clients: more than that in a short time are no duplicates.
#[test]
fn three_hundred_pushes_are_three_hundred_events() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    stage.register(MMS, &[])?;
    for number in 0_u16..300 {
        stage.push(MMS, MMS_TYPE, &number.to_be_bytes())?;
    }
    let contents: BTreeSet<Vec<u8>> = stage
        .events(300)?
        .iter()
        .map(content)
        .collect::<Result<_, _>>()?;
    assert_eq!(contents.len(), 300);
    Ok(())
}

#[test]
fn each_application_gets_what_it_asked_for_and_nothing_else() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    stage.register(MMS, &["--accept", MMS_TYPE])?;
    stage.register(
        "0x08",
        &["--application-id", "urn:test:drm", "--accept", "text/*"],
    )?;
    stage.push(MMS, "text/plain", b"a type that it did not ask for")?;
    stage.push("x-wap-application:drm.ua", "text/plain", b"to the second")?;
    stage.push("x-wap-application:emn.ua", "text/plain", b"to nobody")?;
    stage.push(MMS, MMS_TYPE, b"to the first")?;
    let events = stage.events(2)?;
    let seen: BTreeSet<(String, Vec<u8>)> = events
        .iter()
        .map(|event| {
            let id = event["pushApplicationID"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            Ok((id, content(event)?))
        })
        .collect::<anyhow::Result<_>>()?;
    let meant = [
        (
            "x-wap-application:drm.ua".to_owned(),
            b"to the second".to_vec(),
        ),
        (MMS.to_owned(), b"to the first".to_vec()),
    ];
    assert_eq!(seen, BTreeSet::from(meant));
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

#[test]
fn a_push_that_came_too_early_is_there_when_the_application_registers() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    // The second application shows when the first push, which it does not get, has been taken.
    stage.register(
        "x-wap-application:drm.ua",
        &["--application-id", "urn:test:drm"],
    )?;
    stage.push(MMS, MMS_TYPE, b"early")?;
    stage.push("x-wap-application:drm.ua", "text/plain", b"marker")?;
    assert_eq!(content(&stage.events(1)?[0])?, b"marker");
    stage.register(MMS, &[])?;
    assert_eq!(content(&stage.events(1)?[0])?, b"early");
    Ok(())
}

#[test]
fn a_push_from_a_listed_server_is_delivered() -> anyhow::Result<()> {
    let Some(stage) = Stage::with_default_whitelist(true)? else {
        return Ok(());
    };
    stage.register(MMS, &[])?;
    stage.push(MMS, MMS_TYPE, b"from a listed server")?;
    assert_eq!(content(&stage.events(1)?[0])?, b"from a listed server");
    Ok(())
}

//= specs/push-cai.md#whitelist-of-a-registration
//= type=test
//# The servers in the whitelist of an accepted registration MUST be added to the Push Client's whitelist.
//= specs/push-cai.md#whitelist-of-a-registration
//= type=test
//# A whitelist entry that came with a registration MUST count for the application that gave it and for no other.
#[test]
fn a_whitelist_of_one_application_counts_for_it_alone() -> anyhow::Result<()> {
    let Some(stage) = Stage::with_default_whitelist(false)? else {
        return Ok(());
    };
    let gateway = stage.kannel.address().to_string();
    stage.register(MMS, &["--whitelist", &gateway])?;
    stage.register(
        "x-wap-application:drm.ua",
        &["--application-id", "urn:test:drm"],
    )?;
    stage.push(
        "x-wap-application:drm.ua",
        "text/plain",
        b"not from the default list",
    )?;
    stage.push(MMS, MMS_TYPE, b"from its own list")?;
    let events = stage.events(1)?;
    assert_eq!(events[0]["pushApplicationID"], MMS);
    assert_eq!(content(&events[0])?, b"from its own list");
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

#[test]
fn contents_up_to_the_longest_datagram_arrive_whole() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up("")? else {
        return Ok(());
    };
    stage.register(MMS, &[])?;
    for size in [0, 1, 1_400, 60_000] {
        let sent: Vec<u8> = (0..=255).cycle().take(size).collect();
        stage.push(MMS, MMS_TYPE, &sent)?;
        assert_eq!(content(&stage.events(1)?[0])?, sent, "{size} octets");
    }
    Ok(())
}

#[test]
fn the_demo_ends_by_itself_and_says_what_arrived() -> anyhow::Result<()> {
    let program = conformance::pushcai::program("pushcai", "PUSHCAI_BIN")?;
    let mut command = std::process::Command::new(program);
    let outcome = conformance::pushcai::run(command.args(["demo", "--json"]))?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let lines = outcome.output.lines();
    let steps: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    let count = |step: &str| steps.iter().filter(|line| line["step"] == step).count();
    assert_eq!(
        (count("registered"), count("event"), count("deregistered")),
        (4, 7, 4),
        "{outcome:?}"
    );
    // The roads by short messages and in a session.
    let of_wsp = [
        "shortMessages",
        "sessionAsked",
        "sessionOpened",
        "confirmed",
    ];
    assert_eq!(of_wsp.map(count), [1, 1, 1, 1], "{outcome:?}");
    // The road over HTTP: the gateway knows, pushes over a connection of its own, invites, is called and pushes again.
    let is_http =
        |line: &&Value| line["step"] == "event" && line["event"]["protocol"] == "OTA-HTTP";
    assert_eq!(steps.iter().filter(is_http).count(), 1, "{outcome:?}");
    let of_http = ["known", "posted", "invited", "called"];
    assert_eq!(of_http.map(count), [1, 2, 1, 1], "{outcome:?}");
    // The road by SIP: a binding, a MESSAGE and a session of MSRP, and the application leaves the binding.
    assert_eq!(
        ["bound", "sent", "unbound"].map(count),
        [1, 2, 1],
        "{outcome:?}"
    );
    assert!(count("refused") >= 1, "{outcome:?}");
    Ok(())
}
