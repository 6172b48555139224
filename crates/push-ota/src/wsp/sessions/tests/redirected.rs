//! Redirects: where they are followed to, and how far.

use super::*;

/// A Redirect with these flags to these addresses.
fn redirect(flags: u8, addresses: &[&[u8]]) -> Vec<u8> {
    [&[0x03, flags], &addresses.concat()[..]].concat()
}

fn at(last: u8, port: u16) -> ContactPoint {
    ContactPoint {
        port,
        ..contact(last)
    }
}

const SAME_PORT: &[u8] = &[0x04, 192, 0, 2, 2];
const OTHER_PORT: &[u8] = &[0x44, 0xC0, 0x00, 192, 0, 2, 3];
const FORBIDDEN_PORT: &[u8] = &[0x44, 0xBF, 0xFF, 192, 0, 2, 4];
const BROADCAST: &[u8] = &[0x04, 255, 255, 255, 255];
const SMS: &[u8] = &[0x84, 0x03, 192, 0, 2, 5];

#[track_caller]
fn redirected(bench: &mut Bench, flags: u8, addresses: &[&[u8]]) {
    let (socket, tid, _) = bench.dial();
    bench.datagram(
        socket,
        &octets::result(tid, false, &redirect(flags, addresses)),
    );
    bench.expect_sent(&[(socket, Read::Ack(tid, false))]);
    assert_eq!(std::mem::take(&mut bench.closed), [socket]);
}

fn bench() -> Bench {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    bench
}

#[test]
//= specs/wsp.md#redirect
//= type=test
//# A Redirect to another port than that of the Connect MUST lead to one of the dynamic or private ports.
//= specs/wsp.md#redirect
//= type=test
//# A redirected session MUST have the same protocol layers as the one that was asked for.
//= specs/wsp.md#redirect
//= type=test
//# Flags of a Redirect that are not assigned MUST be ignored.
fn a_redirect_is_followed_to_where_it_may_lead() {
    for (addresses, to) in [
        (&[SAME_PORT][..], Some(at(2, 9201))),
        (&[OTHER_PORT], Some(at(3, 0xC000))),
        (
            &[FORBIDDEN_PORT, BROADCAST, SMS, OTHER_PORT],
            Some(at(3, 0xC000)),
        ),
        // The port of WTLS is none of those.
        (&[FORBIDDEN_PORT, &[0x44, 0x23, 0xF3, 192, 0, 2, 2]], None),
        (&[BROADCAST], None),
        // Nor this machine, nor its link: the gateway is not there.
        (&[&[0x04, 127, 0, 0, 1], &[0x04, 169, 254, 1, 1]], None),
        (&[&[0x04, 127, 0, 0, 1], OTHER_PORT], Some(at(3, 0xC000))),
        (&[], None),
    ] {
        let mut bench = bench();
        redirected(&mut bench, 0x3F, addresses);
        let opened: Vec<_> = bench
            .opened
            .iter()
            .map(|(_, contact)| contact.clone())
            .collect();
        assert_eq!(opened, Vec::from_iter(to.clone()));
        if to.is_some() {
            bench.connect(5);
            assert_eq!(bench.states(), [GatewayState::Confirmed]);
        } else {
            assert_eq!(bench.states(), [GatewayState::Rejected]);
        }
    }
}

#[test]
fn redirects_end_after_as_many_as_the_settings_allow() {
    let mut bench = bench();
    redirected(&mut bench, 0, &[SAME_PORT]);
    redirected(&mut bench, 0, &[OTHER_PORT]);
    assert!(bench.announced.is_empty());
    redirected(&mut bench, 0, &[SAME_PORT]);
    assert_eq!(bench.states(), [GatewayState::Rejected]);
    assert!(bench.opened.is_empty());
}

#[test]
fn the_other_addresses_are_tried_where_the_first_does_not_answer() {
    let mut bench = bench();
    redirected(&mut bench, 0, &[SAME_PORT, OTHER_PORT]);
    let (socket, contact) = bench.opened.remove(0);
    assert_eq!(contact, at(2, 9201));
    let result = Err("no route".to_owned());
    bench.input(SessionsInput::SocketOpened { socket, result });
    assert_eq!(bench.opened[0].1, at(3, 0xC000));
    bench.closed.clear();
    bench.notes.clear();
    bench.connect(5);
}

#[test]
//= specs/wsp.md#redirect
//= type=test
//# The addresses of a permanent Redirect SHOULD be kept and used for all sessions with the server from then on.
//= specs/wsp.md#redirect
//= type=test
//# The addresses of a Redirect that is not permanent SHOULD NOT be used beyond the session that is being opened.
fn a_permanent_redirect_is_kept_and_another_is_not() {
    for (flags, address, next) in [
        (0x80, SAME_PORT, at(2, 9201)),
        (0x00, SAME_PORT, at(1, 9201)),
        // Never to another port.
        (0x80, OTHER_PORT, at(1, 9201)),
    ] {
        let mut bench = bench();
        redirected(&mut bench, flags, &[address]);
        bench.connect(5);
        bench.announce(&[METER], false);
        let (socket, contact) = bench.opened.remove(0);
        assert_eq!(contact, next, "{flags:02X}");
        // One that leads nowhere is forgotten.
        let result = Err("no route".to_owned());
        bench.input(SessionsInput::SocketOpened { socket, result });
        bench.wait(SECOND * 3);
        assert_eq!(bench.opened[0].1, at(1, 9201));
    }
}
