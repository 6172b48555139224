//! Pushes in sessions: taken, refused with the right reason, in one piece and in many, over good ways and bad ones.

use push_lab::{
    Push,
    session::{
        Behaviour, Capabilities, Manner, Outcome, SessionEvent, SessionSettings, Tids,
        Verification, Way, Welcome,
    },
};

use crate::stage::{
    DRM, DRM_NUMBER, Lab, MMS, MMS_NUMBER, PPG_ID, Plan, SESSION_PORT, Stage, USERDCR, USERDCU,
    USERPND, USERREQ, USERRFS, WML, aborted, content, settings, text,
};

fn standing(plan: Plan) -> anyhow::Result<(Lab, Stage, u32)> {
    let (lab, stage) = Stage::with_gateway_and(plan, "always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    Ok((lab, stage, session))
}

#[test]
fn a_push_arrives_with_all_that_is_known_of_it() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    let push = Push::new("text/plain; charset=utf-8", *b"hello")
        .application(MMS_NUMBER)
        .header("X-Example", "1")
        .header("Push-Flag", "1");
    assert_eq!(
        lab.push(session, &push, &Manner::confirmed())?,
        Outcome::Acknowledged
    );
    let event = &stage.events(1)?[0];
    assert_eq!(content(event)?, b"hello");
    assert_eq!(event["pushApplicationID"], MMS);
    assert_eq!(event["protocol"], "OTA-WSP");
    assert_eq!(event["server"], lab.address().ip().to_string());
    assert_eq!(event["ports"]["orig"], SESSION_PORT, "{event}");
    assert!(event["ports"]["dest"].is_null(), "{event}");
    assert_eq!(event["attempt"], 1);
    let headers = event["headers"].to_string();
    assert!(headers.contains("X-Example"), "{event}");
    Ok(())
}

#[test]
fn no_such_application_is_refused_with_userpnd() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    let push = text(b"x").application(DRM_NUMBER);
    assert_eq!(
        lab.push(session, &push, &Manner::confirmed())?,
        aborted(USERPND)
    );
    assert_eq!(stage.contents()?.len(), 0);
    let explained = stage.daemon.pushcai_json(&["explain", "--json"])?;
    assert!(
        explained
            .iter()
            .any(|refused| refused.to_string().contains("noSuchApplication")),
        "{explained:?}"
    );
    Ok(())
}

#[test]
fn a_content_type_that_nobody_takes_is_refused_with_userdcu() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    stage.register_with(DRM, &["--accept", "image/*"])?;
    let session = lab.session_for(vec![MMS_NUMBER, DRM_NUMBER], session)?;
    let push = text(b"x").application(DRM_NUMBER);
    assert_eq!(
        lab.push(session, &push, &Manner::confirmed())?,
        aborted(USERDCU)
    );
    assert_eq!(stage.contents()?.len(), 0);
    Ok(())
}

#[test]
fn a_server_that_is_not_listed_is_refused_with_userrfs() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    stage.register_with(DRM, &["--whitelist", "192.0.2.1"])?;
    let session = lab.session_for(vec![MMS_NUMBER, DRM_NUMBER], session)?;
    let push = text(b"x").application(DRM_NUMBER);
    assert_eq!(
        lab.push(session, &push, &Manner::confirmed())?,
        aborted(USERRFS)
    );
    assert_eq!(stage.contents()?.len(), 0);
    Ok(())
}

#[test]
fn a_full_queue_is_refused_with_userdcr_and_takes_pushes_again_later() -> anyhow::Result<()> {
    let plan = Plan::new()?.section("[queue]\nmax_queue_events = 2");
    let (lab, stage, session) = standing(plan)?;
    lab.confirm(session, MMS_NUMBER, b"1")?;
    lab.confirm(session, MMS_NUMBER, b"2")?;
    let push = text(b"3").application(MMS_NUMBER);
    assert_eq!(
        lab.push(session, &push, &Manner::confirmed())?,
        aborted(USERDCR)
    );
    assert_eq!(stage.contents()?, [b"1", b"2"]);
    lab.confirm(session, MMS_NUMBER, b"4")?;
    assert_eq!(stage.contents()?, [b"4"]);
    Ok(())
}

#[test]
fn an_application_that_is_being_registered_is_asked_for_again_with_userreq() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let slow = Lab::start_with(settings((plan.network.host(3), SESSION_PORT).into()))?;
    let plan = plan.ppg("slow.example.net", slow.address(), "start = \"always\"");
    let (lab, stage, _) = standing(plan)?;
    slow.session()?;
    slow.behave(Behaviour {
        connect: Welcome::Silence,
        ..Behaviour::default()
    });
    let registering = stage.registering(DRM)?;
    // One gateway knows of it already, the other is silent: it is not registered yet.
    let session = lab.session_for(vec![MMS_NUMBER, DRM_NUMBER], 0)?;
    let push = text(b"too early").application(DRM_NUMBER);
    assert_eq!(
        lab.push(session, &push, &Manner::confirmed())?,
        aborted(USERREQ)
    );
    drop(registering);
    Ok(())
}

#[test]
fn a_push_that_names_nobody_is_for_the_first_application_of_the_session() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    let unnamed = |session: u32, content: &[u8]| -> anyhow::Result<()> {
        let outcome = lab.push(session, &text(content), &Manner::confirmed())?;
        anyhow::ensure!(outcome == Outcome::Acknowledged, "{outcome:?}");
        Ok(())
    };
    unnamed(session, b"one")?;
    assert_eq!(stage.events(1)?[0]["pushApplicationID"], MMS);
    stage.register(WML)?;
    let session = lab.session_for(vec![crate::stage::WML_NUMBER, MMS_NUMBER], session)?;
    unnamed(session, b"two")?;
    assert_eq!(stage.events(1)?[0]["pushApplicationID"], WML);
    Ok(())
}

#[test]
fn an_unconfirmed_push_arrives_and_is_not_answered() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    for number in 0..5_u8 {
        let push = text(&[number]).application(MMS_NUMBER);
        assert_eq!(
            lab.push(session, &push, &Manner::unconfirmed())?,
            Outcome::Sent
        );
    }
    let arrived = stage.events(5)?;
    let arrived: Vec<_> = arrived.iter().map(content).collect::<Result<_, _>>()?;
    assert_eq!(arrived, [[0], [1], [2], [3], [4]]);
    Ok(())
}

#[test]
fn a_push_that_is_sent_again_arrives_once() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    lab.behave(Behaviour {
        way: Way {
            repeat: 1,
            ..Way::default()
        },
        ..Behaviour::default()
    });
    for number in 0..20_u8 {
        lab.confirm(session, MMS_NUMBER, &[number])?;
    }
    let expected: Vec<_> = (0..20_u8).map(|number| [number]).collect();
    assert_eq!(stage.contents()?, expected);
    Ok(())
}

/// Equal content is another push, where it comes by a transaction of its own.
#[test]
fn the_same_content_in_another_transaction_is_another_push() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    for _ in 0..3 {
        lab.confirm(session, MMS_NUMBER, b"same")?;
    }
    assert_eq!(stage.contents()?, [b"same", b"same", b"same"]);
    Ok(())
}

#[test]
fn over_a_way_that_loses_and_repeats_and_reorders_all_arrives_once() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    lab.behave(Behaviour {
        way: Way {
            lose_sent: 3,
            lose_received: 4,
            repeat: 5,
            reorder: 7,
        },
        ..Behaviour::default()
    });
    for number in 0..40_u8 {
        lab.confirm(session, MMS_NUMBER, &[number])?;
    }
    let mut arrived = stage.contents()?;
    arrived.sort();
    let expected: Vec<_> = (0..40_u8).map(|number| [number]).collect();
    assert_eq!(arrived, expected);
    Ok(())
}

#[test]
fn a_long_push_comes_in_packets_whatever_happens_to_some_of_them() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    let long: Vec<u8> = (0..60_000_u32).map(|index| (index % 251) as u8).collect();
    let push = text(&long).application(MMS_NUMBER);
    let manners = [
        Manner::confirmed(),
        Manner {
            missing: vec![0, 1, 9, 20],
            ..Manner::confirmed()
        },
        Manner {
            backwards: true,
            ..Manner::confirmed()
        },
        Manner {
            segment_size: Some(300),
            ..Manner::confirmed()
        },
    ];
    for manner in &manners {
        assert_eq!(
            lab.push(session, &push, manner)?,
            Outcome::Acknowledged,
            "{manner:?}"
        );
    }
    lab.behave(Behaviour {
        way: Way {
            lose_sent: 7,
            lose_received: 5,
            repeat: 11,
            ..Way::default()
        },
        ..Behaviour::default()
    });
    assert_eq!(
        lab.push(session, &push, &Manner::confirmed())?,
        Outcome::Acknowledged
    );
    let arrived = stage.contents()?;
    assert_eq!(arrived.len(), manners.len() + 1);
    assert!(
        arrived.iter().all(|content| *content == long),
        "octets differ"
    );
    Ok(())
}

#[test]
fn a_push_that_is_too_long_is_refused_and_the_session_goes_on() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    let push = text(&vec![b'x'; 300_000]).application(MMS_NUMBER);
    let outcome = lab.push(session, &push, &Manner::confirmed())?;
    assert!(matches!(outcome, Outcome::Aborted { .. }), "{outcome:?}");
    lab.confirm(session, MMS_NUMBER, b"short")?;
    assert_eq!(stage.contents()?, [b"short"]);
    Ok(())
}

/// All of Kannel's habits at once.
#[test]
fn a_server_that_counts_and_grants_nothing_is_understood() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let settings = SessionSettings {
        behaviour: Behaviour {
            connect: Welcome::With {
                capabilities: Capabilities {
                    options: Some(0),
                    ..Capabilities::default()
                },
                headers: b"Encoding-Version\x001.2\x00".to_vec(),
            },
            tids: Tids::AlwaysZero,
            early: true,
            ..Behaviour::default()
        },
        ..settings((plan.gateway(), SESSION_PORT).into())
    };
    let lab = Lab::start_with(settings)?;
    let stage = plan
        .ppg(PPG_ID, lab.address(), "start = \"always\"")
        .start()?;
    stage.register(MMS)?;
    let session = lab.session()?;
    for number in 0..30_u8 {
        lab.confirm(session, MMS_NUMBER, &[number])?;
    }
    let expected: Vec<_> = (0..30_u8).map(|number| [number]).collect();
    assert_eq!(stage.contents()?, expected);
    Ok(())
}

#[test]
fn a_transaction_whose_identifier_is_doubtful_is_verified_first() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    let verified = |tid: u16| {
        let events = lab.server.events().drain();
        events.iter().any(
            |event| matches!(event, SessionEvent::Verified { tid: asked, .. } if *asked == tid),
        )
    };
    let numbered = |tid: u16| Manner {
        tid: Some(tid),
        ..Manner::confirmed()
    };
    lab.push(
        session,
        &text(b"ahead").application(MMS_NUMBER),
        &numbered(0x3000),
    )?;
    // Behind the last one: it could be an old datagram.
    let behind = text(b"behind").application(MMS_NUMBER);
    let outcome = lab.push(session, &behind, &numbered(0x2000))?;
    assert_eq!(outcome, Outcome::Acknowledged);
    assert!(verified(0x2000));
    lab.behave(Behaviour {
        verification: Verification::Denied,
        ..Behaviour::default()
    });
    let denied = text(b"denied").application(MMS_NUMBER);
    assert_eq!(
        lab.push(session, &denied, &numbered(0x1000))?,
        Outcome::NoAnswer
    );
    assert!(verified(0x1000));
    assert_eq!(stage.contents()?, [b"ahead".as_slice(), b"behind"]);
    Ok(())
}

#[test]
fn a_push_without_a_session_is_told_that_there_is_none() -> anyhow::Result<()> {
    let (lab, stage, session) = standing(Plan::new()?)?;
    let mut sessions = lab.server.sessions().into_iter();
    let terminal = sessions
        .find(|known| known.id == session)
        .map(|known| known.peer);
    let terminal = terminal.ok_or_else(|| anyhow::anyhow!("the session has ended"))?;
    stage.deregister(MMS)?;
    lab.ended(session)?;
    let push = text(b"late").application(MMS_NUMBER);
    let manner = Manner {
        retries: Some(2),
        ..Manner::confirmed()
    };
    let outcome = lab.wait(lab.server.push_without_session(terminal, &push, &manner))?;
    // Its port may be gone with it, and then nobody answers.
    let disconnected = aborted(0xe1);
    assert!(
        [disconnected, Outcome::NoAnswer].contains(&outcome),
        "{outcome:?}"
    );
    assert_eq!(stage.contents()?.len(), 0);
    Ok(())
}
