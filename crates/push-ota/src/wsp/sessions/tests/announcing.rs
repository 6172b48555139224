//! Announcements: which sessions there are for them, and how they are answered.

use super::*;

#[test]
//= specs/wsp.md#transactions
//= type=test
//# A client MUST be able to begin transactions of class 0 and of class 2.
fn a_gateway_with_which_there_is_always_a_session_is_told_by_it() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    // Nobody but the Session Initiation Application takes pushes.
    bench.announce(&[SIA], false);
    assert_eq!(bench.states(), []);
    assert!(bench.opened.is_empty());
    bench.announce(&[MMS, SIA, METER, WML], false);
    assert!(bench.announced.is_empty());
    let (socket, tid, connect) = bench.dial();
    assert_eq!(listed(&connect), [WML, MMS, METER, SIA]);
    bench.datagram(
        socket,
        &octets::result(tid, false, &octets::connect_reply(5, 0xE0)),
    );
    assert_eq!(bench.states(), [GatewayState::Confirmed]);
    // What holds already is answered at once.
    bench.announce(&[MMS, SIA, METER, WML], true);
    assert_eq!(bench.states(), [GatewayState::Confirmed]);
    bench.sent.clear();
    bench.notes.clear();
    bench.announce(&[SIA], false);
    assert_eq!(bench.states(), []);
    bench.expect_end(socket, 5);
    assert!(bench.sessions.is_idle());
    assert_eq!(bench.sessions.poll_timeout(), None);
}

#[test]
fn a_session_is_renewed_on_another_socket_and_the_old_one_given_up_after_the_new_one_stands() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let old = bench.connect(5);
    bench.states();
    let push = bench.push(old, 1, &[]).unwrap();
    bench.announce(&[MMS, METER], false);
    let (new, tid, connect) = bench.dial();
    assert_ne!(old, new);
    assert_eq!(listed(&connect), [MMS, METER]);
    // The old one goes on in the meantime.
    let other = bench.push(old, 2, &[]).unwrap();
    bench.datagram(
        new,
        &octets::result(tid, false, &octets::connect_reply(6, 0xE0)),
    );
    assert_eq!(bench.states(), [GatewayState::Confirmed]);
    bench.expect_sent(&[(new, Read::Ack(tid, false))]);
    assert!(bench.closed.is_empty());
    bench.judge(push, PushOutcome::Accepted);
    bench.judge(other, PushOutcome::NoRoom);
    bench.expect_sent(&[
        (old, Read::Ack(0x8001, false)),
        (old, Read::Abort(0x8002, 1, 0xED)),
    ]);
    // An answer that was lost is given again.
    bench.wait(SECOND * 30);
    let message = octets::push(true, &[], b"x");
    bench.datagram(old, &octets::invoke(1, 1, 0, true, &message));
    bench.expect_sent(&[(old, Read::Ack(0x8001, false))]);
    assert!(bench.pushes.is_empty());
    bench.notes.clear();
    bench.wait(SECOND * 11);
    bench.expect_end(old, 5);
    let views = bench.sessions.views();
    assert_eq!(views[0].session_id, Some(6));
    assert_eq!(views[0].state, SessionViewState::Connected);
}

#[test]
fn a_set_that_comes_back_before_the_new_session_stands_keeps_the_old_one() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let old = bench.connect(5);
    bench.states();
    bench.announce(&[MMS, METER], false);
    let (new, tid, _) = bench.dial();
    bench.announce(&[MMS], false);
    // The Connect is aborted.
    bench.expect_sent(&[(new, Read::Abort(tid, 1, 0xE1))]);
    assert_eq!(std::mem::take(&mut bench.closed), [new]);
    assert_eq!(bench.announced.len(), 2);
    bench.wait(SECOND * 100);
    assert_eq!(bench.sessions.views()[0].session_id, Some(5));
    assert!(bench.push(old, 1, &[]).is_some());
}

#[test]
fn a_session_for_registrations_is_there_while_one_asks_for_it() {
    let mut bench = Bench::with(vec![
        gateway(1, Start::Registration),
        gateway(2, Start::Request),
    ]);
    bench.announce(&[MMS], false);
    assert_eq!(bench.states(), []);
    assert!(bench.opened.is_empty());
    bench.announce(&[MMS], true);
    let socket = bench.connect(5);
    assert_eq!(bench.states(), [GatewayState::Confirmed]);
    bench.announce(&[MMS], false);
    assert_eq!(bench.states(), []);
    bench.expect_end(socket, 5);
}

#[test]
fn a_gateway_that_refuses_is_rejected_at_once_and_tried_again_later() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let (socket, tid, _) = bench.dial();
    // Reply: 503.
    bench.datagram(socket, &octets::result(tid, false, &[0x04, 0x63, 0x00]));
    let reports = bench.announced.pop().unwrap().1;
    assert_eq!(reports[0].state, GatewayState::Rejected);
    assert!(
        reports[0].reason.as_ref().unwrap().contains("503"),
        "{reports:?}"
    );
    assert_eq!(std::mem::take(&mut bench.closed), [socket]);
    bench.expect_sent(&[(socket, Read::Ack(tid, false))]);
    assert!(matches!(bench.notes[..], [NoteKind::Refused { .. }]));
    assert_eq!(bench.sessions.views()[0].state, SessionViewState::Waiting);
    bench.wait(SECOND * 2);
    assert_eq!(bench.opened.len(), 1);
    // An announcement is answered by the attempt that it starts, not by those before it.
    bench.announce(&[MMS, METER], false);
    assert!(bench.announced.is_empty());
    assert_eq!(bench.closed.len(), 1);
    bench.opened.remove(0);
    let (socket, tid, connect) = bench.dial();
    assert_eq!(listed(&connect), [MMS, METER]);
    bench.datagram(
        socket,
        &octets::result(tid, false, &octets::connect_reply(5, 0xE0)),
    );
    assert_eq!(bench.states(), [GatewayState::Confirmed]);
}

#[test]
fn a_gateway_that_does_not_answer_is_unreachable_when_patience_ends() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    bench.dial();
    bench.wait(SECOND * 14);
    assert!(bench.announced.is_empty());
    bench.wait(SECOND);
    assert_eq!(bench.states(), [GatewayState::Unreachable]);
    // The attempt goes on until its own time has passed.
    assert!(bench.closed.is_empty());
    bench.wait(SECOND * 30);
    assert_eq!(bench.closed.len(), 1);
    assert!(
        matches!(bench.notes[..], [NoteKind::Failed { .. }]),
        "{:?}",
        bench.notes
    );
}

#[test]
fn a_host_that_cannot_be_reached_is_tried_after_waits_that_grow() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let (socket, _) = bench.opened.remove(0);
        let result = Err("no route".to_owned());
        bench.input(SessionsInput::SocketOpened { socket, result });
        let at = bench.sessions.poll_timeout().unwrap();
        waits.push(at.checked_sub(bench.now).unwrap().as_millis());
        bench.wait(at.checked_sub(bench.now).unwrap());
    }
    let within = |(wait, most): (&u128, u128)| (most * 3 / 4..=most).contains(wait);
    let mosts = [2000, 4000, 8000, 16_000, 32_000, 64_000];
    assert!(waits.iter().zip(mosts).all(within), "{waits:?}");
    let reports = bench.announced.pop().unwrap().1;
    assert_eq!(reports[0].state, GatewayState::Unreachable);
    assert_eq!(reports[0].reason.as_deref(), Some("no route"));
}

#[test]
fn a_session_that_breaks_or_that_the_server_ends_is_opened_again() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let socket = bench.connect(5);
    bench.states();
    bench.input(SessionsInput::SocketFailed {
        socket,
        reason: "connection refused".to_owned(),
    });
    assert_eq!(std::mem::take(&mut bench.closed), [socket]);
    assert!(bench.opened.is_empty());
    bench.wait(SECOND * 2);
    bench.notes.clear();
    let socket = bench.connect(6);
    // Of another session, then of this one.
    bench.datagram(socket, &octets::invoke(1, 0, 0, false, &[0x05, 0x05]));
    assert!(bench.closed.is_empty());
    bench.datagram(socket, &octets::invoke(2, 0, 0, false, &[0x05, 0x06]));
    bench.expect_note(&NoteKind::Disconnected { by_server: true });
    assert_eq!(std::mem::take(&mut bench.closed), [socket]);
    bench.wait(SECOND * 4);
    bench.connect(7);
}

#[test]
fn there_are_no_more_sessions_than_the_settings_allow() {
    let gateways = (1..=4).map(|last| gateway(last, Start::Always)).collect();
    let mut bench = Bench::new(SessionsSettings {
        gateways,
        max_sessions: 3,
        ..SessionsSettings::default()
    });
    bench.announce(&[MMS], false);
    assert_eq!(bench.opened.len(), 3);
    assert_eq!(bench.notes, [NoteKind::TooMany]);
    let mut bench = Bench::new(SessionsSettings {
        gateways: vec![gateway(1, Start::Always)],
        max_announcements: 2,
        ..SessionsSettings::default()
    });
    for _ in 0..3 {
        bench.announce(&[MMS], false);
    }
    // The oldest is answered as things stand.
    assert_eq!(bench.states(), [GatewayState::Unreachable]);
}

#[test]
fn at_the_end_every_session_is_ended() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always), gateway(2, Start::Always)]);
    bench.announce(&[MMS], false);
    let second = bench.opened.pop().unwrap();
    let socket = bench.connect(5);
    let push = bench.push(socket, 1, &[]).unwrap();
    bench.opened.push(second);
    let (connecting, tid, _) = bench.dial();
    bench.input(SessionsInput::Stop);
    assert_eq!(bench.announced.len(), 1);
    bench.expect_sent(&[(connecting, Read::Abort(tid, 1, 0xE1))]);
    assert_eq!(std::mem::take(&mut bench.closed), [connecting]);
    // A push under way is answered first.
    assert!(!bench.sessions.is_idle());
    bench.notes.clear();
    bench.judge(push, PushOutcome::Accepted);
    assert_eq!(bench.sent.remove(0), (socket, Read::Ack(0x8001, false)));
    bench.expect_end(socket, 5);
    assert!(bench.sessions.is_idle());
    bench.wait(SECOND * 1000);
    assert!(bench.opened.is_empty());
}

#[test]
fn old_sessions_make_room_for_new_ones() {
    let mut bench = Bench::new(SessionsSettings {
        gateways: vec![gateway(1, Start::Always)],
        max_sessions_per_gateway: 2,
        ..SessionsSettings::default()
    });
    bench.announce(&[MMS], false);
    let mut former = bench.connect(1);
    for (id, set) in (2..6).zip([[METER], [MMS], [METER], [MMS]]) {
        let push = bench.push(former, 1, &[]).unwrap();
        bench.judge(push, PushOutcome::Accepted);
        bench.sent.clear();
        bench.announce(&set, false);
        // The one before the former was still lingering.
        assert_eq!(std::mem::take(&mut bench.closed).len(), usize::from(id > 2));
        bench.sent.clear();
        former = bench.connect(id);
        assert!(bench.closed.is_empty());
    }
    assert_eq!(bench.announced.len(), 5);
}

/// Nothing is left of sessions that were replaced, and a session that stands does not want to wake.
#[test]
fn a_thousand_renewals_leave_one_session_and_no_timer() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let mut socket = bench.connect(5);
    let (mut opened, mut closed) = (1, 0);
    for number in 0..1000 {
        let sets: [&[&str]; 2] = [&[MMS, METER], &[MMS]];
        bench.announce(sets[number % 2], false);
        let (next, tid, _) = bench.dial();
        opened += 1;
        // Each session carries a push, and each third one has one that is never judged.
        let push = bench.push(socket, 1, &[0xAF, 0x84]);
        if let Some(push) = push.filter(|_| number % 3 != 0) {
            bench.judge(push, PushOutcome::Accepted);
        }
        let reply = octets::connect_reply(6, 0xE0);
        bench.datagram(next, &octets::result(tid, false, &reply));
        bench.wait(SECOND * 100);
        for (push, _) in std::mem::take(&mut bench.pushes) {
            bench.judge(push, PushOutcome::NotNow);
        }
        closed += bench.closed.drain(..).count();
        assert_eq!(opened - closed, 1, "{number}");
        bench.sent.clear();
        bench.notes.clear();
        bench.announced.clear();
        socket = next;
    }
    assert_eq!(
        (bench.sessions.links.len(), bench.sessions.sockets.len()),
        (1, 1)
    );
    assert!(bench.sessions.waiting.is_empty());
    assert!(bench.sessions.push_octets <= 333 * 16);
    bench.wait(SECOND * 200);
    assert_eq!(bench.sessions.poll_timeout(), None);
}
