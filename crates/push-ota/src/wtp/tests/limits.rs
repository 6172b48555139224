//! Bounds, and any octets at all.

use proptest::prelude::*;

use super::super::Settings;
use super::super::transaction::Transaction;
use super::{OTHER, PEER, SECOND, Stage};

//= specs/wtp.md#error-handling
//= type=test
//# A message that is larger than the terminal takes MUST be refused with an abort for the reason MESSAGETOOLARGE.
#[test]
fn messages_that_are_too_large_are_refused() {
    let settings = Settings {
        max_received_message: 8,
        max_packets: 3,
        ..Settings::default()
    };
    let mut stage = Stage::new(settings);
    assert_eq!(stage.receive(b"\x0E\0\x05\x11123456789"), "send 20800509\n");
    assert_eq!(stage.receive(b"\x0E\0\x05\x10123456789"), "", "class 0");
    // By what the first packet says of all of them.
    assert_eq!(
        stage.receive(b"\x88\0\x05\x11\x12\x02\x091"),
        "send 20800509\n"
    );
    stage.receive(b"\x08\0\x06\x1112345");
    assert_eq!(stage.receive(b"\x28\0\x06\x016789"), "send 20800609\n");
    stage.receive(b"\x08\0\x07\x111");
    stage.receive(b"\x28\0\x07\x012");
    stage.receive(b"\x28\0\x07\x023");
    assert_eq!(stage.receive(b"\x28\0\x07\x034"), "send 20800709\n");
    assert_eq!(
        (stage.wtp.transactions(), stage.wtp.poll_timeout()),
        (0, None)
    );
    assert_eq!(stage.wtp.counters().too_large, 4);
    stage.invoke(super::Class::ReliableResult, true, b"?");
    assert_eq!(
        stage.receive(b"\x16\x80\x01123456789"),
        "send 20000109\naborted 3 by Here: Provider(ProviderAbortReason(9))\n"
    );
}

//= specs/wtp.md#error-handling
//= type=test
//# A message that there is no room for at the moment MUST be refused with an abort for the reason CAPTEMPEXCEEDED.
#[test]
fn what_is_held_is_bounded_for_each_peer_and_in_all() {
    let mut stage = Stage::fresh(Settings {
        max_held: 15,
        max_held_of_peer: 10,
        ..Settings::default()
    });
    // Unverified and incomplete messages are held.
    assert_eq!(stage.receive(b"\x0E\0\x05\x1112345"), "send 1C8005\n");
    assert_eq!(stage.receive(b"\x08\0\x06\x11123"), "");
    assert_eq!(stage.receive(b"\x28\0\x06\x01456"), "send 20800607\n");
    assert_eq!(stage.receive(b"\x0E\0\x07\x11123456"), "send 20800707\n");
    assert_eq!(stage.receive(b"\x0E\0\x07\x1112345"), "send 1C8007\n");
    let refused = "send 20800807 to 192.0.2.2:9201\n";
    assert_eq!(stage.receive_from(OTHER, b"\x0E\0\x08\x11123456"), refused);
    // What is indicated is the user's.
    assert_eq!(
        stage.receive(b"\x1C\0\x05"),
        "invoked 1 class 1 user: 12345\n"
    );
    let asked = "send 1C8008 to 192.0.2.2:9201\n";
    assert_eq!(stage.receive_from(OTHER, b"\x0E\0\x08\x11123456"), asked);
}

#[test]
fn transactions_are_bounded_for_each_peer_and_in_all() {
    let mut stage = Stage::new(Settings {
        max_transactions: 3,
        max_transactions_of_peer: 2,
        ..Settings::default()
    });
    let invoke = |tid: u8| [0x0E, 0, tid, 0x11, b'!'];
    assert_ne!(stage.receive(&invoke(1)), "");
    assert_ne!(stage.receive(&invoke(2)), "");
    assert_eq!(stage.receive(&invoke(3)), "");
    assert_ne!(stage.receive_from(OTHER, &invoke(1)), "");
    assert_eq!(stage.receive_from(OTHER, &invoke(2)), "");
    assert_eq!(stage.wtp.counters().ignored, 2);
    // Those that have ended are counted until they are forgotten.
    stage.respond(1);
    assert_eq!(stage.receive(&invoke(3)), "");
    stage.wait(SECOND * 41);
    assert_ne!(stage.receive(&invoke(3)), "");
}

/// Octets that look like PDUs of few transactions.
fn likely_pdu() -> impl Strategy<Value = Vec<u8>> {
    let first = (0_u8..10, any::<u8>()).prop_map(|(kind, flags)| kind << 3 | flags & 0x87);
    let first = prop_oneof![4 => first.clone().prop_map(|octet| octet & 0x7F), 1 => first];
    let tid = prop_oneof![Just([0, 1]), Just([0, 2]), Just([0x80, 1]), Just([0x80, 2])];
    let rest = prop_oneof![
        Just(vec![0x11, b'a']),
        Just(vec![0x31, b'b']),
        Just(vec![0x19, 0]),
        prop::collection::vec(0_u8..4, 0..6),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    (first, tid, rest)
        .prop_map(|(first, [high, low], rest)| [vec![first, high, low], rest].concat())
}

proptest! {
    /// Whatever comes, bounds hold, every timer belongs to a transaction, and in the end nothing is left.
    #[test]
    fn any_datagrams_leave_nothing_behind(
        steps in prop::collection::vec((likely_pdu(), 0_u64..6, 0_u8..6), 0..60),
    ) {
        let settings = Settings {
            max_transactions: 4,
            max_held: 40,
            max_cached_tids: 2,
            ..Settings::default()
        };
        let (bound, held) = (settings.max_transactions, settings.max_held);
        let mut stage = Stage::fresh(settings);
        let class = super::Class::ReliableResult;
        for (pdu, seconds, what) in steps {
            match what {
                0 => {
                    let begun = stage.wtp.invoke(PEER, class, true, pdu[..].into(), stage.now);
                    prop_assert!(begun.is_ok() || stage.wtp.transactions() > 0);
                }
                1 => (0..20).for_each(|handle| drop(stage.respond(handle))),
                _ => drop(stage.receive_from(if what == 2 { OTHER } else { PEER }, &pdu)),
            }
            stage.outputs();
            stage.wait(SECOND / 2 * u32::try_from(seconds).unwrap());
            prop_assert!(stage.wtp.transactions() <= bound);
            prop_assert_eq!(stage.wtp.transactions.len(), stage.wtp.names.len());
            let octets: usize = stage.wtp.transactions.values().map(Transaction::held).sum();
            prop_assert!(octets <= held);
            let timers = stage.wtp.transactions.iter().filter_map(|(handle, one)| one.timer.map(|(at, _)| (at, *handle)));
            prop_assert!(timers.eq(stage.wtp.transactions.keys().flat_map(|handle| stage.wtp.timers.iter().filter(move |(_, of)| of == handle).copied())));
            for transaction in stage.wtp.transactions.values() {
                prop_assert!(transaction.timer.is_some(), "{:?} would stay for ever", transaction);
            }
        }
        stage.wait(SECOND * 1000);
        prop_assert_eq!(stage.wtp.transactions(), 0);
        prop_assert!(stage.wtp.timers.is_empty() && stage.wtp.names.is_empty());
    }
}
