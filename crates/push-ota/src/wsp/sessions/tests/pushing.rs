//! Pushes in sessions: what is given out, and what is answered.

use push_message::{Bearer, InitiatorTrust, Protocol, ServerAddress};

use super::*;

fn connected(settings: SessionsSettings) -> (Bench, SocketId) {
    let mut bench = Bench::new(SessionsSettings {
        gateways: vec![gateway(1, Start::Always)],
        ..settings
    });
    bench.announce(&[MMS, METER], false);
    let socket = bench.connect(5);
    bench.announced.clear();
    (bench, socket)
}

#[test]
//= specs/ota-wsp.md#confirmed-push
//= type=test
//# A confirmed push MUST be confirmed when, and not before, the terminal takes responsibility for it.
//= specs/ota-wsp.md#confirmed-push
//= type=test
//# A confirmed push that the terminal does not take responsibility for MUST be aborted.
//= specs/ota-wsp.md#confirmed-push
//= type=test
//# The reason to abort a confirmed push with SHOULD be USERREQ, USERRFS, USERPND, USERDCR or USERDCU.
//= specs/ota-wsp.md#push-sessions
//= type=test
//# Connection-oriented push MUST be carried by the Push and the Confirmed Push facilities of a WSP session.
//= specs/wsp.md#transactions
//= type=test
//# A client that takes unconfirmed pushes MUST take transactions of class 0, and one that takes confirmed pushes transactions of class 1.
fn ota_wsp_c_001_a_confirmed_push_is_answered_when_it_is_judged() {
    let (mut bench, socket) = connected(SessionsSettings::default());
    let outcomes = [
        (PushOutcome::Accepted, None),
        (PushOutcome::NotNow, Some(0xEA)),
        (PushOutcome::Refused, Some(0xEB)),
        (PushOutcome::NoSuchApplication, Some(0xEC)),
        (PushOutcome::NoRoom, Some(0xED)),
        (PushOutcome::ContentType, Some(0xEE)),
    ];
    for ((outcome, reason), tid) in outcomes.into_iter().zip(1..) {
        let push = bench.push(socket, tid, &[]).unwrap();
        assert!(
            !bench
                .sent
                .contains(&(socket, Read::Ack(tid | 0x8000, false)))
        );
        bench.sent.clear();
        bench.judge(push, outcome);
        let answer = match reason {
            None => Read::Ack(tid | 0x8000, false),
            Some(reason) => Read::Abort(tid | 0x8000, 1, reason),
        };
        bench.expect_sent(&[(socket, answer)]);
        // To judge it twice answers it once.
        bench.judge(push, PushOutcome::Accepted);
        bench.expect_sent(&[]);
    }
}

#[test]
//= specs/wsp.md#transactions
//= type=test
//# A client SHOULD take transactions of class 0 that the server begins.
fn ota_wsp_c_002_an_unconfirmed_push_is_given_and_not_answered() {
    let (mut bench, socket) = connected(SessionsSettings::default());
    let message = octets::push(false, &[], b"content");
    bench.datagram(socket, &octets::invoke(1, 0, 0, false, &message));
    let (ticket, push) = bench.pushes.pop().unwrap();
    assert_eq!(*push.message.content, *b"content");
    assert!(!push.origin.answerable);
    bench.judge(ticket, PushOutcome::Refused);
    bench.expect_sent(&[]);
}

#[test]
//= specs/ota-wsp.md#application-addressing
//= type=test
//# A push in a session MUST be handed on to the application that it names.
//= specs/wsp.md#event-processing
//= type=test
//# A transaction MUST be taken for that of the session with the same addresses and ports of client and server.
fn ota_wsp_c_006_ota_wsp_c_007_a_push_is_for_whom_it_names_else_for_the_default_application() {
    let (mut bench, socket) = connected(SessionsSettings::default());
    // By number, by URI, by none.
    let cases = [
        (&b"\xAF\x84"[..], MMS),
        (b"\xAFx-acme:meter\0", METER),
        (b"\xAF\x02\x90\x00", "0x9000"),
        (b"", MMS),
    ];
    let mut transactions = BTreeSet::new();
    for ((headers, application), tid) in cases.into_iter().zip(1..) {
        let message = octets::push(true, headers, b"x");
        bench.datagram(socket, &octets::invoke(tid, 1, 0, false, &message));
        bench.datagram(socket, &octets::tid_ok(tid));
        let (_, push) = bench.pushes.pop().unwrap();
        let expected = PushApplicationId::parse(application).unwrap();
        assert_eq!(push.message.application, Some(expected));
        let origin = push.origin;
        assert_eq!(
            (origin.protocol, origin.bearer),
            (Protocol::OtaWsp, Bearer::Ip)
        );
        assert_eq!(origin.server, ServerAddress::Ip([192, 0, 2, 1].into()));
        assert_eq!(
            (origin.destination_port, origin.origin_port),
            (None, Some(9201))
        );
        assert!(origin.answerable && origin.proved_names.is_empty());
        assert_eq!(push.received, UnixMillis(1000));
        assert!(transactions.insert(origin.transaction), "{tid}");
    }
    // Nothing of another socket is for this session.
    let message = octets::push(true, b"", b"x");
    bench.datagram(SocketId(999), &octets::invoke(9, 1, 0, false, &message));
    assert!(bench.pushes.is_empty());
}

#[test]
fn ota_wsp_c_008_what_the_gateway_says_of_the_initiator_goes_with_the_push() {
    let (mut bench, socket) = connected(SessionsSettings::default());
    for (flag, tid) in (0..8_u8).zip(1..) {
        let message = octets::push(false, &[0xB4, 0x80 | flag], b"x");
        bench.datagram(socket, &octets::invoke(tid, 0, 0, false, &message));
        let (_, push) = bench.pushes.pop().unwrap();
        let expected = InitiatorTrust {
            authenticated: flag & 1 != 0,
            trusted: flag & 2 != 0,
            last: flag & 4 != 0,
        };
        assert_eq!(push.message.trust, expected);
    }
}

#[test]
//= specs/ota-wsp.md#empty-pushes
//= type=test
//# The headers of a push without content MUST be looked at, and used, before it is ignored.
//= specs/ota-wsp.md#bearer
//= type=test
//# A session that its gateway has no further push for SHOULD be given up where nothing else needs it.
fn ota_wsp_c_010_the_last_push_ends_a_session_that_only_its_gateway_asked_for() {
    let last = [0xB4, 0x84];
    let (mut bench, socket) = connected(SessionsSettings::default());
    let push = bench.push(socket, 1, &last).unwrap();
    bench.judge(push, PushOutcome::Accepted);
    bench.wait(SECOND * 600);
    assert!(bench.closed.is_empty());
    for (end_on_last, lasts) in [(true, 40), (false, 300)] {
        let mut bench = Bench::new(SessionsSettings {
            gateways: vec![gateway(1, Start::Request)],
            end_on_last,
            ..SessionsSettings::default()
        });
        bench.announce(&[MMS], false);
        bench.input(SessionsInput::Invited {
            contacts: vec![SessionContact {
                gateway: Some(PpgId("ppg1.example".into())),
                contact: contact(1),
            }],
            applications: WantedApplications::Any,
        });
        let socket = bench.connect(5);
        // Without content.
        let message = octets::push(true, &last, b"");
        bench.datagram(socket, &octets::invoke(1, 1, 0, false, &message));
        bench.datagram(socket, &octets::tid_ok(1));
        let (push, _) = bench.pushes.pop().unwrap();
        bench.judge(push, PushOutcome::Accepted);
        bench.sent.clear();
        bench.wait((SECOND * lasts).checked_sub(SECOND / 1000).unwrap());
        assert!(bench.closed.is_empty());
        bench.wait(SECOND * 41);
        bench.expect_end(socket, 5);
        assert_eq!(bench.sessions.views()[0].state, SessionViewState::Idle);
    }
}

#[test]
fn what_there_is_no_room_for_is_aborted_so_that_it_comes_again() {
    for settings in [
        SessionsSettings {
            max_pushes: 1,
            ..SessionsSettings::default()
        },
        SessionsSettings {
            max_push_octets: 5,
            ..SessionsSettings::default()
        },
    ] {
        let (mut bench, socket) = connected(settings);
        let first = bench.push(socket, 1, &[]).unwrap();
        bench.sent.clear();
        assert_eq!(bench.push(socket, 2, &[]), None);
        bench.expect_sent(&[(socket, Read::Abort(0x8002, 1, 0xED))]);
        bench.judge(first, PushOutcome::Accepted);
        bench.sent.clear();
        assert!(bench.push(socket, 3, &[]).is_some());
    }
}

#[test]
fn more_confirmed_pushes_than_agreed_and_messages_too_large_are_aborted() {
    let mut settings = SessionsSettings::default();
    settings.session.push_mor = 2;
    settings.session.client_sdu_size = 100;
    let (mut bench, socket) = connected(settings);
    for tid in 1..=2 {
        assert!(bench.push(socket, tid, &[]).is_some());
    }
    bench.sent.clear();
    assert_eq!(bench.push(socket, 3, &[]), None);
    bench.expect_sent(&[(socket, Read::Abort(0x8003, 1, 0xE7))]);
    let message = octets::push(true, &[], &[0; 100]);
    bench.datagram(socket, &octets::invoke(4, 1, 0, false, &message));
    bench.expect_sent(&[(socket, Read::Abort(0x8004, 1, 0xE6))]);
    let reasons = bench.notes.iter().map(NoteKind::as_str);
    assert!(reasons.eq(["aborted", "aborted"]), "{:?}", bench.notes);
}

#[test]
fn a_push_that_cannot_be_read_is_refused_for_good() {
    let (mut bench, socket) = connected(SessionsSettings::default());
    bench.push(socket, 1, &[]).unwrap();
    bench.sent.clear();
    // An application id that is none.
    assert_eq!(bench.push(socket, 2, b"\xAFnot an id\0"), None);
    bench.expect_sent(&[(socket, Read::Abort(0x8002, 1, 0xEB))]);
    assert!(
        matches!(bench.notes[..], [NoteKind::Malformed { length: 15, .. }]),
        "{:?}",
        bench.notes
    );
    // No PDU at all, and one that is no push.
    for (tid, message) in [(3, &b"\x07\x7F\x83"[..]), (4, b"\x40\x00")] {
        bench.datagram(socket, &octets::invoke(tid, 1, 0, false, message));
        bench.expect_sent(&[(socket, Read::Abort(tid | 0x8000, 1, 0xE0))]);
    }
    assert!(bench.pushes.is_empty());
}

#[test]
fn a_push_whose_gateway_gives_up_is_not_answered_and_counts_until_it_is_judged() {
    let (mut bench, socket) = connected(SessionsSettings {
        max_pushes: 1,
        ..SessionsSettings::default()
    });
    let push = bench.push(socket, 1, &[]).unwrap();
    bench.datagram(socket, &octets::abort(1, 0xE4));
    bench.expect_note(&NoteKind::Unanswered);
    bench.sent.clear();
    assert_eq!(bench.push(socket, 2, &[0xAF, 0x84]), None);
    bench.sent.clear();
    bench.judge(push, PushOutcome::Accepted);
    bench.expect_sent(&[]);
    assert!(bench.push(socket, 3, &[0xAF, 0x84]).is_some());
}

/// A disk that takes its time: the gateway repeats the push meanwhile, and hears of it in the end.
#[test]
fn a_verdict_may_take_as_long_as_gateways_repeat() {
    let (mut bench, socket) = connected(SessionsSettings::default());
    let push = bench.push(socket, 1, &[]).unwrap();
    bench.sent.clear();
    let message = octets::push(true, &[], b"x");
    for _ in 0..8 {
        bench.wait(SECOND * 4);
        bench.datagram(socket, &octets::invoke(1, 1, 0, true, &message));
    }
    bench.wait(SECOND * 4);
    bench.expect_sent(&[]);
    bench.judge(push, PushOutcome::Accepted);
    bench.expect_sent(&[(socket, Read::Ack(0x8001, false))]);
    assert!(bench.pushes.is_empty());
}

#[test]
fn a_push_that_comes_again_because_its_gateway_was_not_told_is_not_given_again() {
    let (mut bench, socket) = connected(SessionsSettings::default());
    let push = bench.push(socket, 1, &[]).unwrap();
    // Before it is judged: the judgement is the answer.
    bench.wait(SECOND * 41);
    bench.expect_note(&NoteKind::Unanswered);
    assert_eq!(bench.push(socket, 2, &[]), None);
    bench.sent.clear();
    bench.expect_note(&NoteKind::Repeated);
    bench.judge(push, PushOutcome::Accepted);
    bench.expect_sent(&[(socket, Read::Ack(0x8002, false))]);
    // Its gateway knows: an equal one is another one.
    let push = bench.push(socket, 3, &[]).unwrap();
    // After it was judged.
    bench.wait(SECOND * 41);
    bench.judge(push, PushOutcome::Accepted);
    bench.sent.clear();
    let other = bench.push(socket, 4, &[0xAF, 0x84]).unwrap();
    bench.judge(other, PushOutcome::Accepted);
    bench.sent.clear();
    bench.notes.clear();
    assert_eq!(bench.push(socket, 5, &[]), None);
    assert_eq!(bench.sent.pop(), Some((socket, Read::Ack(0x8005, false))));
    bench.expect_note(&NoteKind::Repeated);
    assert!(bench.push(socket, 6, &[]).is_some());
}

#[test]
fn a_push_that_comes_again_in_another_session_is_known_for_a_while() {
    for (waits, is_known) in [(SECOND, true), (SECOND * 700, false)] {
        let (mut bench, socket) = connected(SessionsSettings::default());
        let push = bench.push(socket, 1, &[]).unwrap();
        bench.input(SessionsInput::SocketFailed {
            socket,
            reason: "gone".to_owned(),
        });
        bench.sent.clear();
        bench.judge(push, PushOutcome::Accepted);
        bench.wait(SECOND * 3);
        let second = bench.connect(6);
        bench.wait(waits);
        bench.sent.clear();
        assert_eq!(bench.push(second, 1, &[]).is_none(), is_known);
        let answer = (second, Read::Ack(0x8001, false));
        assert_eq!(bench.sent.contains(&answer), is_known, "{:?}", bench.sent);
    }
}

#[test]
fn what_was_not_taken_is_judged_anew_and_memory_is_bounded() {
    let (mut bench, socket) = connected(SessionsSettings {
        max_unanswered: 1,
        ..SessionsSettings::default()
    });
    let refused = bench.push(socket, 1, &[]).unwrap();
    let one = bench.push(socket, 2, &[0xAF, 0x84]).unwrap();
    let two = bench.push(socket, 3, &[0x8C, 0x99]).unwrap();
    bench.wait(SECOND * 41);
    bench.judge(refused, PushOutcome::NoRoom);
    bench.judge(one, PushOutcome::Accepted);
    bench.judge(two, PushOutcome::Accepted);
    bench.pushes.clear();
    assert!(bench.push(socket, 4, &[]).is_some());
    assert!(bench.push(socket, 5, &[0xAF, 0x84]).is_some());
    assert!(bench.push(socket, 6, &[0x8C, 0x99]).is_none());
}
