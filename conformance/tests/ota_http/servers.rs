//! The gateways that the terminal dials: several, none that answers, one that comes back.

use serde_json::Value;

use crate::{
    stage::{DRM, MMS, PPG_ID, Plan, Stage, list},
    wire::{Gateway, eventually},
};

const FAST: &str = "announce_patience = \"2s\"\ndial_timeout = \"900ms\"\nhandshake_timeout = \"1s\"\nbackoff_base = \"20ms\"\nbackoff_limit = \"200ms\"";

fn state_of(stage: &Stage, id: &str) -> anyhow::Result<Value> {
    let servers = stage.servers()?;
    let found = servers.into_iter().find(|server| server["id"] == id);
    Ok(found.unwrap_or_default())
}

#[test]
fn every_gateway_is_dialled_and_asks_for_itself() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys(FAST).without_listening();
    let one = Gateway::open(plan.network.host(3))?;
    let two = Gateway::open(plan.network.host(4))?;
    let addresses = [one.address()?, two.address()?];
    let stage = plan
        .ppg(
            "one.example.net",
            &format!("address = \"{}\"", addresses[0]),
        )
        .ppg(
            "two.example.net",
            &format!("address = \"{}\"", addresses[1]),
        )
        .start()?;
    let said = stage.register(MMS)?;
    let servers = said["servers"].as_array().map(Vec::len);
    assert_eq!(servers, Some(2), "{said}");
    let (mut first, mut second) = (one.accept()?, two.accept()?);
    let tag = first.register(&[])?.tag()?;
    assert_eq!(second.register(&[])?.tag()?, tag);
    first
        .push(MMS, b"one", &[("X-Wap-CPITag", &tag)])?
        .is(204, 400);
    second
        .push(MMS, b"two", &[("X-Wap-CPITag", &tag)])?
        .is(204, 400);
    assert_eq!(stage.contents()?, [b"one", b"two"]);
    for id in ["one.example.net", "two.example.net"] {
        let server = eventually("confirmation", || {
            let server = state_of(&stage, id)?;
            Ok((server["state"] == "confirmed").then_some(server))
        })?;
        assert_eq!(server["cpiTag"], tag, "{server}");
        assert_eq!(server["protocol"], "OTA-HTTP", "{server}");
        assert_eq!(server["lastExchange"]["method"], "POST", "{server}");
        assert!(
            server["lastExchange"]["status"]
                .as_str()
                .is_some_and(|s| s.starts_with("400")),
            "{server}"
        );
        assert_eq!(server["connections"], 1, "{server}");
    }
    Ok(())
}

//= specs/push-cai.md#accepted-registration
//= type=test
//# An accepted registration MUST be followed by a registration with the Push Server wherever the push protocol has one.
#[test]
fn each_change_reaches_the_gateway_over_a_connection_of_its_own() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys(FAST).without_listening();
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    let mut former = gateway.accept()?;
    let tag = former.register(&[])?.tag()?;
    stage.register(DRM)?;
    let mut wire = gateway.accept()?;
    let told = wire.register(&[("X-Wap-CPITag", &tag)])?;
    told.is(204, 501);
    assert!(list(&told, "X-Wap-Push-Accept-AppID").contains(&DRM));
    former.ended()?;
    Ok(())
}

//= specs/push-cai.md#failed-registration
//= type=test
//# A registration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
#[test]
fn a_gateway_that_cannot_be_reached_fails_the_registration_and_the_former_cpi_stands()
-> anyhow::Result<()> {
    let plan = Plan::new()?.keys(FAST);
    let gateway = Gateway::open(plan.network.host(3))?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    let mut wire = gateway.accept()?;
    let tag = wire.register(&[])?.tag()?;
    drop((gateway, wire));
    let outcome = stage
        .daemon
        .pushcai(&["register", DRM, "--profile", "OTA-HTTP"])?;
    assert_eq!(outcome.code, Some(18), "{outcome:?}");
    assert!(outcome.errors.contains("serverUnreachable"), "{outcome:?}");
    let cpi = stage.cpi()?;
    assert_eq!(cpi.tag()?, tag);
    assert!(!list(&cpi, "X-Wap-Push-Accept-AppID").contains(&DRM));
    stage
        .connect()?
        .push(MMS, b"still", &[("X-Wap-CPITag", &tag)])?
        .is(204, 400);
    let apps = stage.daemon.pushcai_json(&["apps", "--json"])?;
    assert_eq!(apps.len(), 1, "{apps:?}");
    assert!(outcome.errors.contains(&address.to_string()), "{outcome:?}");
    // What cannot be told leaves the registration as it was, unless it is forced.
    let outcome = stage.daemon.pushcai(&["deregister", MMS])?;
    assert_eq!(outcome.code, Some(18), "{outcome:?}");
    stage
        .daemon
        .pushcai_json(&["deregister", MMS, "--force", "--json"])?;
    assert!(!list(&stage.cpi()?, "X-Wap-Push-Accept-AppID").contains(&MMS));
    Ok(())
}

#[test]
fn a_gateway_that_comes_back_is_dialled_again() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys(FAST).without_listening();
    let mut gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    let mut wire = gateway.accept()?;
    let tag = wire.register(&[])?.tag()?;
    // It ends connections, one after another.
    for _ in 0..3 {
        drop(wire);
        wire = gateway.accept()?;
        wire.register(&[("X-Wap-CPITag", &tag)])?.is(204, 500);
    }
    // It goes away altogether, and the terminal finds that out.
    for _ in 0..2 {
        drop((wire, gateway));
        eventually("the state", || {
            let server = state_of(&stage, PPG_ID)?;
            Ok((server["connections"] == 0).then_some(()))
        })?;
        gateway = Gateway::open_at(address)?;
        wire = gateway.accept()?;
        wire.register(&[("X-Wap-CPITag", &tag)])?.is(204, 500);
        wire.push(MMS, b"again", &[("X-Wap-CPITag", &tag)])?
            .is(204, 400);
    }
    assert_eq!(stage.contents()?.len(), 2);
    Ok(())
}

#[test]
fn a_gateway_that_is_never_dialled_need_not_be_there() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let gateway = Gateway::open(plan.network.host(3))?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(
            PPG_ID,
            &format!("address = \"{address}\"\nconnect = \"never\""),
        )
        .start()?;
    stage.register(MMS)?;
    stage.connect()?.push(MMS, b"x", &[])?.is(204, 400);
    assert!(gateway.is_left_alone(std::time::Duration::from_millis(100))?);
    Ok(())
}

#[test]
fn after_a_restart_gateways_are_dialled_for_what_was_registered_before() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys(FAST).without_listening();
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    let tag = gateway.accept()?.register(&[])?.tag()?;
    let stage = stage.kill_and_restart()?;
    // Connections of before may stand in the queue; the last is the new daemon's.
    let mut wire = eventually("a connection that is answered", || {
        let mut wire = gateway.accept()?;
        let answer = wire.register(&[("X-Wap-CPITag", &tag)]);
        Ok(answer.ok().map(|answer| (answer.push_status(), wire)))
    })?;
    assert_eq!(
        wire.0,
        Some(500),
        "the same registrations have the same tag"
    );
    wire.1
        .push(MMS, b"after", &[("X-Wap-CPITag", &tag)])?
        .is(204, 400);
    assert_eq!(stage.contents()?, [b"after"]);
    Ok(())
}
