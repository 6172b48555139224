//! Each push status of WAP-235 7.4.2.1 and how it comes about.

use anyhow::Context;

use crate::{
    stage::{MMS, PPG_ID, Plan, Stage, list},
    wire::{Gateway, eventually},
};

/// An application whose registration is under way: not yet, but soon.
#[test]
fn status_234_try_again() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .section("[applications]\nconfirm = true")
        .start()?;
    let registering = stage.registering(MMS)?;
    // One that was opened before is retired, and says so by ending; and the registration may still be on its way.
    let mut open = None;
    let answer = eventually("a registration under way", || {
        let wire = match &mut open {
            Some(wire) => wire,
            None => open.insert(gateway.accept()?),
        };
        match wire.push(MMS, b"too early", &[]) {
            Ok(answer) if answer.push_status() == Some(236) => Ok(None),
            Ok(answer) => Ok(Some(answer)),
            Err(_) => {
                open = None;
                Ok(None)
            }
        }
    })?;
    answer.is(204, 234);
    let mut wire = open.context("it is open")?;
    // It asks until it is told of the application, on the next connection if need be, and with that it has confirmed.
    let tag = loop {
        match wire.register(&[]) {
            Ok(answer) if list(&answer, "X-Wap-Push-Accept-AppID").contains(&MMS) => {
                break answer.tag()?;
            }
            Ok(_) | Err(_) => wire = gateway.accept()?,
        }
    };
    let said: serde_json::Value = serde_json::from_str(&registering.next_line()?)?;
    assert_eq!(said["servers"][0]["state"], "confirmed", "{said}");
    wire.push(MMS, b"in time", &[("X-Wap-CPITag", &tag)])?
        .is(204, 400);
    assert_eq!(stage.contents()?, [b"in time"]);
    Ok(())
}

/// A gateway that no whitelist names.
#[test]
fn status_235_refused() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .section("[whitelist]\ndefault = [\"192.0.2.1\"]")
        .start()?;
    stage.register(MMS)?;
    stage.connect()?.push(MMS, b"unwanted", &[])?.is(204, 235);
    assert!(stage.contents()?.is_empty());
    Ok(())
}

#[test]
fn status_236_no_such_application() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.connect()?.push(MMS, b"to nobody", &[])?.is(204, 236);
    stage.register(MMS)?;
    assert!(stage.contents()?.is_empty(), "what was refused is not kept");
    Ok(())
}

#[test]
fn status_237_no_room() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .known_gateway("")
        .section("[queue]\nmax_queue_events = 2")
        .start()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    wire.push(MMS, b"1", &[])?.is(204, 400);
    wire.push(MMS, b"2", &[])?.is(204, 400);
    wire.push(MMS, b"3", &[])?.is(204, 237);
    assert_eq!(stage.contents()?, [b"1", b"2"]);
    wire.push(MMS, b"3", &[])?.is(204, 400);
    assert_eq!(stage.contents()?, [b"3"]);
    Ok(())
}

#[test]
fn status_238_content_type_not_accepted() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register_with(MMS, &["--accept", "application/vnd.wap.mms-message"])?;
    stage.connect()?.push(MMS, b"text", &[])?.is(204, 238);
    assert!(stage.contents()?.is_empty());
    Ok(())
}

#[test]
fn status_256_tag_mismatch() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let tag = stage.cpi()?.tag()?;
    let answer = stage
        .connect()?
        .push(MMS, b"stale", &[("X-Wap-CPITag", "AAAAAA==")])?;
    answer.is(204, 256);
    assert_eq!(answer.tag()?, tag);
    Ok(())
}

#[test]
fn status_257_no_context_for_a_push() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let answer = stage.connect()?.push(
        MMS,
        b"for another terminal",
        &[("X-Wap-Push-ProvURL", "http://prov.example.net/none")],
    )?;
    answer.is(204, 257);
    Ok(())
}

/// A registration that may be tried again, with credentials.
#[test]
fn status_300_registration_refused_for_now() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let password = plan.secret("ppg", "secret")?;
    let stage = plan
        .known_gateway(&format!(
            "authentication = \"basic\"\nppg_password_file = \"{password}\""
        ))
        .start()?;
    stage.connect()?.register(&[])?.is(401, 300);
    Ok(())
}

#[test]
fn status_301_registration_refused() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .section("[whitelist]\ndefault = [\"192.0.2.1\"]")
        .start()?;
    stage.connect()?.register(&[])?.is(204, 301);
    Ok(())
}

#[test]
fn status_302_no_context_for_a_registration() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let header = [("X-Wap-Push-ProvURL", "http://prov.example.net/none")];
    stage.connect()?.register(&header)?.is(204, 302);
    Ok(())
}

//= specs/ota-http.md#push-status
//= type=test
//# Every answer to a registration or a push MUST carry X-Wap-Push-Status.
//= specs/ota-http.md#push-status
//= type=test
//# X-Wap-Push-Status MUST be one of the codes defined for the method, which may be followed by a space and a phrase.
#[test]
fn status_400_accepted() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let tag = wire.register(&[])?.tag()?;
    wire.push(MMS, b"without", &[])?.is(204, 400);
    wire.push(MMS, b"with", &[("X-Wap-CPITag", &tag)])?
        .is(204, 400);
    assert_eq!(stage.contents()?, [b"without".as_slice(), b"with"]);
    Ok(())
}

#[test]
fn status_401_accepted_in_spite_of_its_tag() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .known_gateway("")
        .keys("accept_stale_tag = true")
        .start()?;
    stage.register(MMS)?;
    let answer = stage
        .connect()?
        .push(MMS, b"stale", &[("X-Wap-CPITag", "AAAAAA==")])?;
    answer.is(204, 401);
    assert_eq!(answer.tag()?, stage.cpi()?.tag()?);
    assert_eq!(stage.contents()?, [b"stale"]);
    Ok(())
}

#[test]
fn status_500_registered() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let tag = stage.cpi()?.tag()?;
    stage
        .connect()?
        .register(&[("X-Wap-CPITag", &tag)])?
        .is(204, 500);
    Ok(())
}

#[test]
fn status_501_registered_and_told() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let mut wire = stage.connect()?;
    wire.register(&[])?.is(204, 501);
    wire.register(&[("X-Wap-CPITag", "AAAAAA==")])?.is(204, 501);
    Ok(())
}

//= specs/ota-http.md#version-control
//= type=test
//# A request that offers no version that the terminal speaks MUST be answered with X-Wap-Push-Status 600 and a phrase.
#[test]
fn status_600_version_not_supported() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let header = [("X-Wap-Push-OTA-Version", "2.0")];
    for answer in [wire.register(&header)?, wire.push(MMS, b"x", &header)?] {
        answer.is(204, 600);
        let value = answer.header("X-Wap-Push-Status").unwrap_or_default();
        assert!(value.len() > 4, "a phrase as well: {answer:?}");
    }
    assert!(stage.contents()?.is_empty());
    Ok(())
}
