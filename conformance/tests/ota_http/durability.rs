//! What was answered as accepted is the application's, whatever happens to the daemon or its disk.

use std::{
    collections::BTreeSet,
    process::Command,
    sync::mpsc::{self, Sender},
};

use conformance::pushcai::Daemon;

use crate::{
    stage::{MMS, Plan, Stage, content},
    wire::Wire,
};

/// Pushes numbers until the connection breaks, and tells each that was accepted.
fn pour(mut wire: Wire, numbers: impl Iterator<Item = u32>, accepted: &Sender<u32>) {
    for number in numbers {
        let content = [number.to_be_bytes(), (!number).to_be_bytes()].concat();
        let Ok(answer) = wire.push(MMS, &content, &[]) else {
            return;
        };
        answer.is(204, 400);
        if accepted.send(number).is_err() {
            return;
        }
    }
}

fn number(octets: &[u8]) -> anyhow::Result<u32> {
    let [number, inverse] = octets.as_chunks().0 else {
        anyhow::bail!("wrong octets: {octets:02x?}");
    };
    let (number, inverse) = (u32::from_be_bytes(*number), u32::from_be_bytes(*inverse));
    anyhow::ensure!(number == !inverse, "wrong octets: {octets:02x?}");
    Ok(number)
}

/// SIGKILL falls between the journal and the application again and again: nothing is fetched before the restart.
#[test]
fn killed_while_pushes_pour_in_it_keeps_all_that_it_accepted() -> anyhow::Result<()> {
    const LANES: u32 = 3;
    const STEP: u32 = 100_000;
    let mut stage = Stage::set_up()?;
    stage.register(MMS)?;
    for round in 0..5_u32 {
        let (sender, receiver) = mpsc::channel();
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let (wire, sender) = (stage.connect()?, sender.clone());
                let first = (round * LANES + lane) * STEP;
                let numbers = first..first + STEP;
                Ok(std::thread::spawn(move || pour(wire, numbers, &sender)))
            })
            .collect::<anyhow::Result<_>>()?;
        drop(sender);
        let mut accepted: BTreeSet<u32> = receiver.iter().take(100 + 37 * round as usize).collect();
        stage = stage.kill_and_restart()?;
        for lane in lanes {
            lane.join()
                .map_err(|_| anyhow::anyhow!("an answer was wrong"))?;
        }
        accepted.extend(receiver.iter());
        let mut arrived = BTreeSet::new();
        loop {
            let events = stage.waiting()?;
            if events.is_empty() {
                break;
            }
            for event in &events {
                let number = number(&content(event)?)?;
                assert!(arrived.insert(number), "{number} came twice");
            }
        }
        let lost: Vec<_> = accepted.difference(&arrived).collect();
        assert!(
            lost.is_empty(),
            "{} of {} are lost: {lost:?}",
            lost.len(),
            accepted.len()
        );
        // A push may be durable and its answer not sent; at most one for each lane.
        assert!(
            arrived.len() <= accepted.len() + LANES as usize,
            "{} of {}",
            arrived.len(),
            accepted.len()
        );
    }
    Ok(())
}

/// The disk is full: writes beyond a limit fail, because the shell that starts the daemon sets one and ignores its signal.
#[test]
fn a_store_that_cannot_write_refuses_pushes_and_keeps_what_it_has() -> anyhow::Result<()> {
    let plan = Plan::new()?.known_gateway("");
    let extra = plan.configuration()?;
    let state = tempfile::tempdir()?;
    let daemon = Daemon::start_as(state, plan.terminal(), &extra, |daemon| {
        let mut shell = Command::new("/bin/sh");
        // 4096 blocks of 512 octets.
        shell.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$@\"", "sh"]);
        shell.arg(daemon.get_program()).args(daemon.get_args());
        shell
    })?;
    let stage = Stage { plan, daemon };
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let mut accepted = Vec::new();
    let mut refused = 0;
    for number in 0..2000_u32 {
        let mut content = number.to_be_bytes().to_vec();
        content.resize(16 << 10, b'x');
        let answer = wire.push(MMS, &content, &[])?;
        match answer.push_status() {
            // The store may find room again by tidying up.
            Some(400) => accepted.push(number),
            Some(237) => refused += 1,
            _ => anyhow::bail!("{number}: {answer:?}"),
        }
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "{} were accepted", accepted.len());
    assert!(accepted.len() > 10, "{accepted:?}");
    // With room again, all that was accepted is there and nothing that was refused.
    let stage = stage.kill_and_restart()?;
    let mut arrived = Vec::new();
    loop {
        let contents = stage.contents()?;
        if contents.is_empty() {
            break;
        }
        for content in contents {
            let head: [u8; 4] = content.get(..4).unwrap_or_default().try_into()?;
            arrived.push(u32::from_be_bytes(head));
        }
    }
    assert_eq!(arrived, accepted);
    Ok(())
}
