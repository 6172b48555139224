//! What was answered with success is the application's, whatever happens to the daemon.

use std::collections::BTreeMap;

use conformance::{pushcai::content, sipp::Sipp};

use crate::{
    scenarios,
    stage::{MMS, USER},
    terminal::Stage,
};

//= specs/ota-sip.md#push-by-message
//= type=test
//# A push by MESSAGE MUST NOT be answered with success before the terminal has taken responsibility for it.
#[test]
fn killed_while_pushes_pour_in_it_keeps_all_and_delivers_none_twice() -> anyhow::Result<()> {
    const PUSHES: u32 = 600;
    let Some(mut stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let mut arrived: BTreeMap<String, u32> = BTreeMap::new();
    // SIPp and the core repeat what is not answered, so that every push is answered in the end; a few at a time, or the core gives them up.
    let own = stage.plan().server(5096);
    let core = stage.plan().core_address();
    let arguments = ["-s", USER, "-r", "300", "-l", "20"];
    let pushing = Sipp::start(
        &scenarios::message_or("mms.ua", 202, 200),
        own,
        Some(core),
        PUSHES,
        &arguments,
    )?;
    for _ in 0..3 {
        // It has taken some since it started.
        let some = stage.daemon.events(20)?;
        count(&mut arrived, &some)?;
        stage = stage.kill_and_restart()?;
    }
    pushing.finish()?;
    loop {
        let events = stage.daemon.waiting()?;
        if events.is_empty() {
            break;
        }
        count(&mut arrived, &events)?;
    }
    assert_eq!(arrived.len(), PUSHES as usize);
    let twice: Vec<_> = arrived.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    Ok(())
}

fn count(arrived: &mut BTreeMap<String, u32>, events: &[serde_json::Value]) -> anyhow::Result<()> {
    for event in events {
        *arrived
            .entry(String::from_utf8(content(event)?)?)
            .or_default() += 1;
    }
    Ok(())
}
