//! Sessions that are suspended and resumed, by either side.

use super::*;

fn bench() -> (Bench, SocketId) {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let socket = bench.connect(5);
    bench.announced.clear();
    (bench, socket)
}

/// Opens the socket on which a session is resumed; gives it with the Resume's transaction.
#[track_caller]
fn resumed_on(bench: &mut Bench) -> (SocketId, u16) {
    let (socket, contact) = bench.opened.remove(0);
    let result = Ok(peer_of(&contact));
    bench.input(SessionsInput::SocketOpened { socket, result });
    let at = bench.sent.iter().position(|(to, _)| *to == socket).unwrap();
    let (_, Read::Invoke(tid, 2, message)) = bench.sent.remove(at) else {
        panic!("{:?}", bench.sent);
    };
    // Resume, session, no capabilities; any bearer is not told.
    assert_eq!(message, [0x09, 0x05, 0x00]);
    (socket, tid)
}

#[test]
fn a_session_is_suspended_and_resumed_from_another_socket() {
    let (mut bench, first) = bench();
    bench.input(SessionsInput::Suspend);
    let (_, message) = bench.invoked(first, 0);
    assert_eq!(message, [0x08, 0x05]);
    bench.expect_note(&NoteKind::Suspended);
    assert_eq!(bench.sessions.views()[0].state, SessionViewState::Suspended);
    // What comes now is told so, and nothing is opened.
    let message = octets::push(true, &[], b"x");
    bench.datagram(first, &octets::invoke(1, 1, 0, false, &message));
    bench.datagram(first, &octets::tid_ok(1));
    bench
        .sent
        .retain(|(_, read)| matches!(read, Read::Abort(..)));
    bench.expect_sent(&[(first, Read::Abort(0x8001, 1, 0xE2))]);
    bench.announce(&[MMS, METER], false);
    bench.wait(SECOND * 100);
    assert!(bench.opened.is_empty());
    bench.announce(&[MMS], false);
    bench.notes.clear();
    bench.input(SessionsInput::Resume);
    let (second, tid) = resumed_on(&mut bench);
    assert_eq!(std::mem::take(&mut bench.closed), [first]);
    bench.datagram(second, &octets::result(tid, false, &[0x04, 0x20, 0x00]));
    bench.expect_note(&NoteKind::Resumed);
    bench.expect_sent(&[(second, Read::Ack(tid, false))]);
    assert!(bench.push(second, 2, &[]).is_some());
    assert!(bench.opened.is_empty());
}

#[test]
fn a_session_that_was_not_suspended_goes_on_at_the_new_address() {
    let (mut bench, first) = bench();
    let push = bench.push(first, 1, &[]).unwrap();
    bench.sent.clear();
    bench.input(SessionsInput::Resume);
    let (second, _) = resumed_on(&mut bench);
    // What was under way ends, over the old socket.
    bench.expect_sent(&[(first, Read::Abort(0x8001, 1, 0xEA))]);
    assert_eq!(std::mem::take(&mut bench.closed), [first]);
    bench.judge(push, PushOutcome::Accepted);
    bench.expect_sent(&[]);
    assert_ne!(first, second);
}

#[test]
fn a_resume_that_is_not_answered_or_refused_gives_way_to_a_new_session() {
    let refused: fn(&mut Bench, SocketId, u16) = |bench, socket, tid| {
        bench.datagram(socket, &octets::result(tid, false, &[0x04, 0x44, 0x00]));
    };
    let unanswered: fn(&mut Bench, SocketId, u16) = |bench, _, _| bench.wait(SECOND * 20);
    let aborted: fn(&mut Bench, SocketId, u16) = |bench, socket, tid| {
        bench.datagram(socket, &octets::abort(tid | 0x8000, 0xE1));
    };
    for end in [refused, unanswered, aborted] {
        let (mut bench, _) = bench();
        bench.input(SessionsInput::Suspend);
        bench.input(SessionsInput::Resume);
        bench.sent.clear();
        let (socket, tid) = resumed_on(&mut bench);
        assert!(bench.opened.is_empty());
        end(&mut bench, socket, tid);
        bench.sent.clear();
        bench.closed.clear();
        bench.connect(6);
        assert_eq!(bench.sessions.views()[0].session_id, Some(6));
    }
}

#[test]
fn a_session_that_the_server_suspends_is_resumed_after_a_while() {
    let (mut bench, socket) = bench();
    bench.push(socket, 1, &[]).unwrap();
    bench.sent.clear();
    // The transaction of a push is aborted with SUSPEND.
    bench.datagram(socket, &octets::abort(1, 0xE2));
    assert_eq!(bench.sessions.views()[0].state, SessionViewState::Suspended);
    bench.sent.clear();
    bench.wait(SECOND * 2);
    let (tid, message) = bench.invoked(socket, 2);
    assert_eq!(message[0], 0x09);
    bench.datagram(socket, &octets::result(tid, false, &[0x04, 0x20, 0x00]));
    assert_eq!(bench.sessions.views()[0].state, SessionViewState::Connected);
}

#[test]
fn sessions_without_the_facility_end_and_are_opened_anew() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let (socket, tid, _) = bench.dial();
    bench.datagram(
        socket,
        &octets::result(tid, false, &octets::connect_reply(5, 0xC0)),
    );
    bench.sent.clear();
    bench.input(SessionsInput::Suspend);
    bench.expect_end(socket, 5);
    bench.wait(SECOND * 100);
    assert!(bench.opened.is_empty());
    bench.input(SessionsInput::Resume);
    bench.connect(6);
}
