//! Transactions that begin here.

use std::fmt::Write as _;

use wap_wire::wsp::AbortReason as UserAbortReason;

use super::super::{Class, InvokeError, Settings, Timers};
use super::{OTHER, PEER, SECOND, Stage};

const RESULT: &[u8] = b"\x16\x80\x01yes";
const RESULT_AGAIN: &[u8] = b"\x17\x80\x01yes";

/// A stage with a transaction of class 2 and user acknowledgement under way: TID 1.
fn begun() -> Stage {
    let mut stage = Stage::new(Settings::default());
    let (_, sent) = stage.invoke(Class::ReliableResult, true, b"?");
    assert_eq!(sent, "send 0E0001123F\n");
    stage
}

//= specs/wtp.md#class-0-transactions
//= type=test
//# The terminal MUST support transactions of class 0 as initiator and as responder.
//= specs/wtp.md#transaction-identifiers
//= type=test
//# The initiator MUST increment the transaction identifier by one for each transaction, whatever its class.
#[test]
fn class_0_is_sent_and_that_is_all() {
    let mut stage = Stage::new(Settings::default());
    let (handle, sent) = stage.invoke(Class::Unreliable, false, b"?");
    assert_eq!((handle.0, &*sent), (1, "send 0E0001003F\n"));
    assert_eq!(stage.wtp.transactions(), 0);
    let (_, sent) = stage.invoke(Class::Unreliable, false, b"?");
    assert_eq!(sent, "send 0E0002003F\n");
    assert_eq!(stage.wait(SECOND * 100), "");
    let (_, sent) = stage.invoke(Class::ReliableInvoke, true, b"?");
    assert_eq!(sent, "send 0E0003113F\n");
}

//= specs/wtp.md#class-1-transactions
//= type=test
//# The terminal MUST support transactions of class 1 as initiator and as responder.
#[test]
fn class_1_is_over_when_it_is_acknowledged() {
    let mut stage = Stage::new(Settings::default());
    stage.invoke(Class::ReliableInvoke, true, b"?");
    assert_eq!(stage.wait(SECOND * 4), "4000 ms: send 0F0001113F\n");
    assert_eq!(stage.receive(b"\x16\x80\x01no"), "", "a result of class 1");
    assert_eq!(stage.receive(b"\x18\x80\x01"), "confirmed 1\n");
    assert_eq!(stage.wtp.transactions(), 0);
}

//= specs/wtp.md#class-2-transactions
//= type=test
//# The terminal MUST support transactions of class 2 as initiator.
//= specs/wtp.md#class-2-transactions
//= type=test
//# The initiator MUST keep what it needs to send the last acknowledgement again until the wait interval has ended.
//= specs/wtp.md#user-acknowledgement
//= type=test
//# An initiator that asked for user acknowledgement MUST NOT acknowledge the result before its own user has responded.
#[test]
fn class_2_has_a_result_that_the_user_acknowledges() {
    let mut stage = begun();
    assert_eq!(stage.receive(RESULT), "confirmed 1\nresult 1: yes\n");
    assert_eq!(stage.receive(RESULT_AGAIN), "");
    assert_eq!(stage.wait(SECOND * 5), "");
    assert_eq!(stage.respond(1), "send 180001\n");
    assert_eq!(stage.receive(RESULT), "");
    assert_eq!(stage.receive(RESULT_AGAIN), "send 190001\n");
    assert_eq!(stage.wait(SECOND * 39), "");
    assert_eq!(stage.receive(RESULT_AGAIN), "send 190001\n");
    assert_eq!(stage.wait(SECOND * 39), "");
    assert_eq!(stage.wtp.transactions(), 1);
    assert_eq!(stage.wait(SECOND), "");
    assert_eq!(stage.wtp.transactions(), 0);
    assert_eq!(stage.receive(RESULT_AGAIN), "");
}

#[test]
fn without_user_acknowledgement_the_provider_acknowledges() {
    let mut stage = Stage::new(Settings::default());
    stage.invoke(Class::ReliableResult, false, b"?");
    assert_eq!(stage.receive(RESULT), "confirmed 1\nresult 1: yes\n");
    assert_eq!(stage.wait(SECOND * 5), "4000 ms: send 180001\n");
}

//= specs/wtp.md#retransmission-until-acknowledgement
//= type=test
//# A PDU that waits for an answer MUST be sent again each time its retry interval ends, until the answer comes or it was sent again as often as the counter allows.
//= specs/wtp.md#retransmission-until-acknowledgement
//= type=test
//# A transaction whose retransmissions are used up MUST be given up, and its user told.
//= specs/wtp.md#retransmission-until-acknowledgement
//= type=test
//# A PDU that is sent again MUST have the retransmission indicator set, and be unchanged otherwise.
#[test]
fn what_is_not_answered_is_sent_again_and_then_given_up() {
    let mut stage = begun();
    let mut expected = String::new();
    for times in 1..=8 {
        writeln!(expected, "{} ms: send 0F0001123F", times * 5000).unwrap();
    }
    expected += "45000 ms: aborted 1 by Here: Provider(ProviderAbortReason(8))\n";
    assert_eq!(stage.wait(SECOND * 100), expected);
    assert_eq!(stage.wtp.transactions(), 0);
    assert_eq!(stage.wtp.counters().retransmissions, 8);
}

#[test]
fn a_hold_on_acknowledgement_stops_the_retransmission_and_not_the_patience() {
    let mut stage = begun();
    assert_eq!(stage.receive(b"\x18\x80\x01"), "confirmed 1\n");
    assert_eq!(stage.receive(b"\x18\x80\x01"), "");
    assert_eq!(stage.wait(SECOND * 50), "");
    assert_eq!(stage.receive(RESULT), "result 1: yes\n");
    let mut stage = begun();
    stage.receive(b"\x18\x80\x01");
    assert_eq!(
        stage.wait(SECOND * 60),
        "60000 ms: send 20000108\n60000 ms: aborted 1 by Here: Provider(ProviderAbortReason(8))\n"
    );
}

//= specs/wtp.md#user-acknowledgement
//= type=test
//# A user that does not respond to a result in time MUST have its transaction aborted with NORESPONSE.
#[test]
fn a_user_that_does_not_respond_to_a_result_is_not_waited_for() {
    let mut stage = begun();
    stage.receive(RESULT);
    assert_eq!(
        stage.wait(SECOND * 28),
        "28000 ms: send 20000108\n28000 ms: aborted 1 by Here: Provider(ProviderAbortReason(8))\n"
    );
}

//= specs/wtp.md#verification-of-transaction-identifiers
//= type=test
//# An initiator that is asked about a transaction that it has under way MUST answer with an Ack that has the flag TIDok.
#[test]
fn what_is_under_way_is_confirmed() {
    let mut stage = begun();
    assert_eq!(stage.receive(b"\x1C\x80\x01"), "send 1C0001\n");
    // Now the confirmation is what is sent again.
    assert_eq!(stage.wait(SECOND * 5), "5000 ms: send 1D0001\n");
    assert_eq!(stage.receive(b"\x1D\x80\x01"), "send 1D0001\n");
    assert_eq!(stage.receive(RESULT), "confirmed 1\nresult 1: yes\n");
    assert_eq!(
        stage.receive(b"\x1D\x80\x01"),
        "",
        "a verification that is late"
    );
    let mut patient = begun();
    patient.receive(b"\x18\x80\x01");
    assert_eq!(patient.receive(b"\x1C\x80\x01"), "send 1C0001\n");
}

#[test]
fn confirmations_are_counted_as_retransmissions_are() {
    let mut stage = begun();
    for _ in 0..8 {
        assert_eq!(stage.receive(b"\x1C\x80\x01").lines().count(), 1);
    }
    assert_eq!(stage.receive(b"\x1C\x80\x01"), "");
    assert_eq!(
        stage.wait(SECOND * 5),
        "5000 ms: aborted 1 by Here: Provider(ProviderAbortReason(8))\n"
    );
}

//= specs/wtp.md#verification-of-transaction-identifiers
//= type=test
//# An initiator that is asked about a transaction that it does not have MUST answer with an abort for the reason INVALIDTID.
#[test]
fn what_is_not_known_is_denied() {
    let mut stage = begun();
    assert_eq!(stage.receive(b"\x1C\x80\x02"), "send 20000202\n");
    assert_eq!(
        stage.receive_from(OTHER, b"\x1C\x80\x01"),
        "send 20000102 to 192.0.2.2:9201\n"
    );
    for nothing in [
        &b"\x18\x80\x02"[..],
        b"\x16\x80\x02no",
        b"\x20\x80\x02\x01",
        b"\x38\x80\x02\0",
    ] {
        assert_eq!(stage.receive(nothing), "");
    }
}

#[test]
fn aborts_end_a_transaction_in_every_state() {
    let peer = "aborted 1 by Peer: User(AbortReason(231))\n";
    let here = "send 20000101\naborted 1 by Here: Provider(ProviderAbortReason(1))\n";
    for state in 0..3 {
        let reached = || {
            let mut stage = begun();
            if state > 0 {
                stage.receive(RESULT);
            }
            if state > 1 {
                stage.respond(1);
            }
            stage
        };
        assert_eq!(reached().receive(b"\x21\x80\x01\xE7"), peer);
        assert_eq!(reached().receive(b"\x96\x80\x01\x1B"), here);
        assert_eq!(
            reached().abort(1, UserAbortReason::DISCONNECT),
            "send 210001E1\n"
        );
    }
}

#[test]
fn bounds_are_kept_and_said() {
    let settings = Settings {
        max_transactions: 3,
        max_transactions_of_peer: 2,
        max_sent_message: 4,
        ..Settings::default()
    };
    let mut stage = Stage::new(settings);
    let class = Class::ReliableResult;
    let now = stage.now;
    let mut invoke = |peer, data: &[u8]| stage.wtp.invoke(peer, class, true, data.into(), now);
    assert_eq!(invoke(PEER, b"12345"), Err(InvokeError::TooLarge(5)));
    assert!(invoke(PEER, b"1").is_ok());
    assert!(invoke(PEER, b"2").is_ok());
    assert_eq!(invoke(PEER, b"3"), Err(InvokeError::TooManyTransactions(2)));
    assert!(invoke(OTHER, b"3").is_ok());
    assert_eq!(
        invoke(OTHER, b"4"),
        Err(InvokeError::TooManyTransactions(3))
    );
    let message = InvokeError::TooLarge(5).to_string();
    assert!(message.contains("5 octets"), "{message}");
}

#[test]
fn identifiers_that_are_in_use_are_passed_over() {
    let mut stage = Stage::new(Settings {
        max_packet_lifetime: SECOND / 10,
        ..Settings::default()
    });
    // TID 1 stays under way while all the others are used.
    stage.invoke(Class::ReliableResult, true, b"?");
    stage.receive(b"\x18\x80\x01");
    for _ in 0..0x7FFF {
        stage.invoke(Class::Unreliable, false, b"?");
        stage.now += SECOND / 1000;
    }
    let (_, sent) = stage.invoke(Class::Unreliable, false, b"?");
    assert_eq!(sent, "send 0E0002003F\n");
}

//= specs/wtp.md#timers-and-counters
//= type=test
//# The intervals and counters SHOULD be those that the specification suggests for the bearer.
#[test]
fn each_bearer_has_its_timers() {
    let seconds = |timers: &Timers| {
        [
            timers.acknowledgement_short,
            timers.acknowledgement_short_user,
            timers.acknowledgement_long,
            timers.retry_base,
            timers.retry_short,
            timers.retry_short_user,
            timers.retry_group,
            timers.wait_timeout,
        ]
        .map(|interval| interval.as_secs())
    };
    assert_eq!(seconds(&Timers::IP), [0, 1, 4, 5, 3, 4, 3, 40]);
    assert_eq!(seconds(&Timers::SMS), [0, 5, 20, 60, 35, 40, 45, 300]);
    assert_eq!(seconds(&Timers::USSD), [0, 5, 10, 20, 14, 14, 10, 60]);
    let counters = |timers: &Timers| {
        (
            timers.max_retransmissions,
            timers.max_acknowledgement_expirations,
        )
    };
    assert_eq!(counters(&Timers::IP), (8, 6));
    assert_eq!(counters(&Timers::SMS), (4, 4));
    assert_eq!(counters(&Timers::USSD), (4, 4));
}
