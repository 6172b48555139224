//! Sessions that gateways ask for.

use super::*;

fn invite(bench: &mut Bench, last: u8, applications: &WantedApplications) {
    let known = last == 1;
    bench.input(SessionsInput::Invited {
        contacts: vec![SessionContact {
            gateway: known.then(|| PpgId("ppg1.example".into())),
            contact: contact(last),
        }],
        applications: applications.clone(),
    });
}

fn only(texts: &[&str]) -> WantedApplications {
    WantedApplications::Only(ids(texts.iter().copied()))
}

#[test]
//= specs/ota-wsp.md#sir
//= type=test
//# A session that a session initiation request asked for SHOULD be for those of the applications in it that the terminal has.
//= specs/ota-wsp.md#sir
//= type=test
//# The terminal MUST itself end push sessions that are stale.
//= specs/wsp.md#event-processing
//= type=test
//# A client SHOULD be able to end sessions whose server is believed to have forgotten them.
fn a_session_is_for_the_applications_of_the_request_and_ends_when_it_is_idle() {
    let mut bench = Bench::with(vec![gateway(1, Start::Request)]);
    bench.announce(&[WML, MMS, METER], false);
    invite(&mut bench, 1, &only(&[MMS, "x-acme:unknown"]));
    let (socket, tid, connect) = bench.dial();
    assert_eq!(listed(&connect), [MMS]);
    bench.datagram(
        socket,
        &octets::result(tid, false, &octets::connect_reply(5, 0xE0)),
    );
    bench.sent.clear();
    bench.notes.clear();
    // An announcement does not wait for it, but renews it.
    bench.announced.clear();
    bench.announce(&[WML, METER, MMS, SIA], false);
    assert_eq!(bench.states(), []);
    let (renewed, tid, connect) = bench.dial();
    assert_eq!(listed(&connect), [MMS, SIA]);
    bench.datagram(
        renewed,
        &octets::result(tid, false, &octets::connect_reply(6, 0xE0)),
    );
    assert_eq!(bench.sent.remove(0), (renewed, Read::Ack(tid, false)));
    bench.expect_end(socket, 5);
    bench.wait(SECOND * 299);
    let push = bench.push(renewed, 1, &[]).unwrap();
    bench.judge(push, PushOutcome::Accepted);
    bench.sent.clear();
    bench.wait(SECOND * 299);
    assert!(bench.closed.is_empty());
    bench.wait(SECOND);
    bench.expect_end(renewed, 6);
}

#[test]
fn nobody_is_connected_to_for_applications_that_nobody_has() {
    let mut bench = Bench::with(vec![gateway(1, Start::Request)]);
    bench.announce(&[WML, SIA], false);
    invite(&mut bench, 1, &only(&[MMS, SIA]));
    bench.expect_note(&NoteKind::NoApplication);
    assert!(bench.opened.is_empty());
    // The last one that it was for goes: so does the session.
    invite(&mut bench, 1, &only(&[WML]));
    let socket = bench.connect(5);
    bench.announce(&[MMS], false);
    bench.expect_end(socket, 5);
}

#[test]
fn a_gateway_that_asks_again_gets_a_new_session() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let first = bench.connect(5);
    invite(&mut bench, 1, &WantedApplications::Any);
    let (second, tid, _) = bench.dial();
    // While that is being opened, once more is enough.
    invite(&mut bench, 1, &WantedApplications::Any);
    assert!(bench.opened.is_empty());
    bench.datagram(
        second,
        &octets::result(tid, false, &octets::connect_reply(6, 0xE0)),
    );
    assert_eq!(bench.sent.remove(0), (second, Read::Ack(tid, false)));
    bench.expect_end(first, 5);
    assert!(bench.opened.is_empty());
}

#[test]
fn strangers_are_contacted_as_often_as_the_settings_say_and_forgotten() {
    let mut bench = Bench::with(Vec::new());
    bench.announce(&[MMS], false);
    invite(&mut bench, 9, &WantedApplications::Any);
    for _ in 0..2 {
        assert_eq!(bench.sessions.views().len(), 1);
        let (socket, _) = bench.opened.remove(0);
        let result = Err("no route".to_owned());
        bench.input(SessionsInput::SocketOpened { socket, result });
        bench.wait(SECOND * 5);
    }
    assert!(bench.opened.is_empty());
    assert_eq!(bench.sessions.views(), []);
    assert_eq!(bench.sessions.poll_timeout(), None);
}

#[test]
fn requests_are_bounded() {
    let mut bench = Bench::new(SessionsSettings {
        max_sessions: 3,
        ..SessionsSettings::default()
    });
    bench.announce(&[MMS], false);
    for last in 10..20 {
        invite(&mut bench, last, &WantedApplications::Any);
    }
    assert_eq!(bench.opened.len(), 3);
    assert_eq!(bench.sessions.views().len(), 3);
    let too_many = bench
        .notes
        .iter()
        .filter(|note| **note == NoteKind::TooMany);
    assert_eq!(too_many.count(), 7);
}
