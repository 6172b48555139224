//! The habits of gateways in use, and of nobody at all.

use proptest::prelude::*;

use super::*;

/// A `ConnectReply` as Kannel sends it: no protocol option enabled, a header as text.
fn reluctant_reply(session_id: u8) -> Vec<u8> {
    let header = b"Encoding-Version\x001.2\0";
    let length = u8::try_from(header.len()).unwrap();
    let capabilities = [0x02, 0x82, 0x00];
    [&[0x02, session_id, 0x03, length][..], &capabilities, header].concat()
}

/// An Invoke as Kannel begins all its pushes: TID 0, which is new.
fn invoke(repeated: bool, message: &[u8]) -> Vec<u8> {
    octets::invoke(0, 1, 0x20, repeated, message)
}

#[test]
fn pushes_that_were_not_agreed_on_and_all_have_one_transaction_identifier_are_taken_each_once() {
    let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
    bench.announce(&[MMS], false);
    let (socket, tid, _) = bench.dial();
    let first = octets::push(true, b"\xAF\x84\x8D\x81", b"1");
    // The first one overtakes the answer to the Connect.
    bench.datagram(socket, &invoke(false, &first));
    bench.datagram(socket, &octets::tid_ok(0));
    assert!(bench.pushes.is_empty());
    bench.datagram(socket, &octets::result(tid, false, &reluctant_reply(9)));
    assert_eq!(bench.states(), [GatewayState::Confirmed]);
    let mut transactions = BTreeSet::new();
    for content in *b"123" {
        if content != b'1' {
            let message = octets::push(true, b"\xAF\x84\x8D\x81", &[content]);
            bench.datagram(socket, &invoke(false, &message));
            bench.datagram(socket, &octets::tid_ok(0));
        }
        let (ticket, push) = bench.pushes.pop().unwrap();
        assert_eq!(*push.message.content, [content]);
        assert!(bench.pushes.is_empty());
        assert!(transactions.insert(push.origin.transaction));
        bench.sent.clear();
        bench.judge(ticket, PushOutcome::Accepted);
        bench.expect_sent(&[(socket, Read::Ack(0x8000, false))]);
        // The acknowledgement was lost.
        bench.datagram(
            socket,
            &invoke(true, &octets::push(true, b"\xAF\x84\x8D\x81", &[content])),
        );
        bench.expect_sent(&[(socket, Read::Ack(0x8000, false))]);
        bench.wait(SECOND);
    }
    // An unconfirmed one is taken as well.
    let message = octets::push(false, &[], b"x");
    bench.datagram(socket, &octets::invoke(0, 0, 0x20, false, &message));
    assert_eq!(bench.pushes.len(), 1);
}

/// What may come: octets of no meaning, or transactions with any message.
/// Kannel pushes right behind its answer to the Connect, repeats the push every 4 s and the answer every 7 s. Whatever of them is lost, the push
/// waits for the session, is given once and acknowledged.
#[test]
fn a_push_that_comes_before_the_answer_to_the_connect_outlives_the_loss_of_that_answer() {
    // Which copies of the push, of the terminal's questions and of the answer to the Connect get lost.
    for lost in 0..1_u32 << 9 {
        let is_lost = |kind: u32, copy: u32| copy < 3 && lost >> (3 * kind + copy) & 1 == 1;
        let mut bench = Bench::with(vec![gateway(1, Start::Always)]);
        bench.announce(&[MMS], false);
        let (socket, tid, _) = bench.dial();
        let message = octets::push(true, b"\xAF\x84", b"early");
        let mut copies = [0_u32; 3];
        let (mut given, mut acknowledged) = (0, false);
        for second in 0..36 {
            // Each kind is a road of its own, with losses of its own.
            let mut arrives = |kind: u32| {
                let copy = &mut copies[kind as usize];
                *copy += 1;
                !is_lost(kind, *copy - 1)
            };
            if second % 7 == 0 && arrives(2) {
                let result = octets::result(tid, second > 0, &reluctant_reply(9));
                bench.datagram(socket, &result);
            }
            if second % 4 == 0 && !acknowledged && arrives(0) {
                bench.datagram(socket, &invoke(second > 0, &message));
            }
            if bench.sent.contains(&(socket, Read::Ack(0x8000, true))) && arrives(1) {
                bench.datagram(socket, &octets::tid_ok(0));
            }
            for (ticket, _) in std::mem::take(&mut bench.pushes) {
                given += 1;
                bench.judge(ticket, PushOutcome::Accepted);
            }
            acknowledged |= bench.sent.contains(&(socket, Read::Ack(0x8000, false)));
            assert!(
                !bench
                    .sent
                    .iter()
                    .any(|(_, read)| matches!(read, Read::Abort(..)))
            );
            bench.sent.clear();
            bench.wait(SECOND);
        }
        assert_eq!((given, acknowledged), (1, true), "{lost:09b}");
    }
}

fn datagrams() -> impl Strategy<Value = Vec<u8>> {
    let message = || prop::collection::vec(prop_oneof![0..16_u8, any::<u8>()], 0..24);
    let of_gateway = (0..4_u16, 0..3_u8, any::<bool>(), message());
    let push = (0..4_u16, any::<bool>());
    let result = (any::<u16>(), message());
    prop_oneof![
        message(),
        of_gateway.prop_map(|(tid, class, repeated, message)| {
            octets::invoke(tid, class, 0, repeated, &message)
        }),
        push.prop_map(|(tid, confirmed)| {
            let message = octets::push(confirmed, &[], b"x");
            octets::invoke(tid, u8::from(confirmed), 0, false, &message)
        }),
        (0..4_u16).prop_map(octets::tid_ok),
        (0..4_u16, 0xE0..0xEF_u8).prop_map(|(tid, reason)| octets::abort(tid, reason)),
        result.prop_map(|(tid, message)| octets::result(tid, false, &message)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_gateway_sends_the_bounds_hold_and_time_goes_on(
        datagrams in prop::collection::vec((datagrams(), 0..40_u64, any::<bool>()), 0..60),
        outcome in prop::sample::select(vec![PushOutcome::Accepted, PushOutcome::NoRoom]),
    ) {
        let mut bench = Bench::new(SessionsSettings {
            gateways: vec![gateway(1, Start::Always)],
            max_pushes: 3,
            ..SessionsSettings::default()
        });
        bench.announce(&[MMS], false);
        let mut socket = bench.connect(5);
        for (datagram, seconds, judges) in datagrams {
            bench.datagram(socket, &datagram);
            prop_assert!(bench.pushes.len() <= 3);
            if judges && let Some((push, _)) = bench.pushes.pop() {
                bench.judge(push, outcome);
            }
            bench.wait(SECOND * u32::try_from(seconds).unwrap());
            // Ended, it is opened again in time.
            if let Some((opened, contact)) = bench.opened.pop() {
                prop_assert!(bench.opened.is_empty());
                let result = Ok(peer_of(&contact));
                bench.input(SessionsInput::SocketOpened { socket: opened, result });
                let invoked = bench.sent.iter().rev().find_map(|(to, read)| match read {
                    Read::Invoke(tid, 2, _) if *to == opened => Some(*tid),
                    Read::Invoke(..) | Read::Ack(..) | Read::Abort(..) | Read::NegativeAck(_) => None,
                });
                let reply = octets::connect_reply(6, 0xE0);
                bench.datagram(opened, &octets::result(invoked.unwrap(), false, &reply));
                socket = opened;
            }
            let after = bench.sessions.poll_timeout();
            prop_assert!(after.is_none_or(|at| at > bench.now));
        }
        bench.input(SessionsInput::Stop);
        bench.wait(SECOND * 200);
        prop_assert!(bench.sessions.is_idle());
        prop_assert_eq!(bench.sessions.poll_timeout(), None);
    }
}
