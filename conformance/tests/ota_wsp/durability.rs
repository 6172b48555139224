//! What was acknowledged is the application's, whatever happens to the daemon.

use std::{collections::BTreeSet, sync::mpsc};

use push_lab::session::{Manner, Outcome};

use crate::stage::{Lab, MMS, MMS_NUMBER, PPG_ID, Plan, Stage, USERDCR, aborted, text};

/// Pushes numbers until one is not acknowledged, and tells each that was.
fn pour(lab: &Lab, session: u32, numbers: impl Iterator<Item = u32>, told: &mpsc::Sender<u32>) {
    let manner = Manner {
        retries: Some(2),
        ..Manner::confirmed()
    };
    for number in numbers {
        let push = text(&number.to_be_bytes()).application(MMS_NUMBER);
        let outcome = lab.push(session, &push, &manner);
        if !outcome.is_ok_and(|outcome| outcome == Outcome::Acknowledged)
            || told.send(number).is_err()
        {
            return;
        }
    }
}

/// SIGKILL falls between the journal and the acknowledgement again and again: nothing is fetched before the restart.
#[test]
fn killed_while_pushes_pour_in_it_keeps_all_that_it_acknowledged() -> anyhow::Result<()> {
    const STEP: u32 = 100_000;
    let (lab, mut stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let mut session = lab.session()?;
    for round in 0..5_u32 {
        let (sender, receiver) = mpsc::channel();
        let (first, count) = (round * STEP, 30 + 20 * round as usize);
        let (mut accepted, restarted) = std::thread::scope(|scope| {
            let (lab, sender) = (&lab, sender);
            scope.spawn(move || pour(lab, session, first..first + STEP, &sender));
            let accepted: BTreeSet<u32> = receiver.iter().take(count).collect();
            (accepted, stage.kill_and_restart())
        });
        stage = restarted?;
        assert_eq!(accepted.len(), count, "it took no more while it ran");
        accepted.extend(receiver.iter());
        session = lab.session_for(vec![MMS_NUMBER], session)?;
        let mut arrived = BTreeSet::new();
        for content in stage.contents()? {
            let number = u32::from_be_bytes(content.as_slice().try_into()?);
            assert!(arrived.insert(number), "{number} came twice");
        }
        let lost: Vec<_> = accepted.difference(&arrived).collect();
        assert!(
            lost.is_empty(),
            "{} of {} are lost: {lost:?}",
            lost.len(),
            accepted.len()
        );
        // A push may be durable and its acknowledgement not sent.
        assert!(
            arrived.len() <= accepted.len() + 1,
            "{arrived:?}, {accepted:?}"
        );
    }
    Ok(())
}

/// The disk is full: writes beyond a limit fail, because the shell that starts the daemon sets one and ignores its signal.
#[test]
fn a_store_that_cannot_write_refuses_pushes_with_userdcr() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let lab = Lab::start(plan.gateway())?;
    let plan = plan.ppg(PPG_ID, lab.address(), "start = \"always\"");
    let stage = plan.start_as(|daemon| {
        let mut shell = std::process::Command::new("/bin/sh");
        // 4096 blocks of 512 octets.
        shell.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$@\"", "sh"]);
        shell.arg(daemon.get_program()).args(daemon.get_args());
        shell
    })?;
    stage.register(MMS)?;
    let session = lab.session()?;
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for number in 0..2000_u32 {
        let mut content = number.to_be_bytes().to_vec();
        content.resize(16 << 10, b'x');
        let push = text(&content).application(MMS_NUMBER);
        let outcome = lab.push(session, &push, &Manner::confirmed())?;
        if outcome == Outcome::Acknowledged {
            accepted.push(number);
        } else {
            // The store may find room again by tidying up.
            assert_eq!(outcome, aborted(USERDCR), "{number}");
            refused += 1;
        }
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "{} were accepted", accepted.len());
    assert!(accepted.len() > 10, "{accepted:?}");
    // With room again, all that was accepted is there and nothing that was refused.
    let stage = stage.kill_and_restart()?;
    let arrived: Vec<_> = stage
        .contents()?
        .iter()
        .map(|content| {
            Ok(u32::from_be_bytes(
                content.get(..4).unwrap_or_default().try_into()?,
            ))
        })
        .collect::<anyhow::Result<_>>()?;
    assert_eq!(arrived, accepted);
    Ok(())
}
