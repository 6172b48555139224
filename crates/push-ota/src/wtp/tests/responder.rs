//! Transactions that a peer begins.

use wap_wire::wsp::AbortReason as UserAbortReason;

use super::super::{Settings, Verification};
use super::{MILLISECOND, OTHER, SECOND, Stage};

/// An Invoke of class 1 with user acknowledgement: TID 5, "hi".
const INVOKE: &[u8] = b"\x0E\0\x05\x11hi";
const INVOKE_AGAIN: &[u8] = b"\x0F\0\x05\x11hi";
/// As Kannel sends them: TID 0, `TIDnew`.
const FIRST: &[u8] = b"\x0E\0\0\x31one";
const FIRST_AGAIN: &[u8] = b"\x0F\0\0\x31one";
const SECOND_PUSH: &[u8] = b"\x0E\0\0\x31two";
const SECOND_PUSH_AGAIN: &[u8] = b"\x0F\0\0\x31two";
const TID_OK: &[u8] = b"\x1D\0\0";

fn stage() -> Stage {
    Stage::new(Settings::default())
}

//= specs/wtp.md#class-0-transactions
//= type=test
//# The message of a transaction of class 0 MUST be indicated at once, without acknowledgement, removal of duplicates or verification.
//= specs/wtp.md#class-0-transactions
//= type=test
//# A transaction of class 0 MUST NOT change the last identifier of its initiator.
#[test]
fn class_0_is_indicated_and_that_is_all() {
    let mut stage = stage();
    assert_eq!(
        stage.receive(b"\x0E\0\x09\x30hi"),
        "invoked 1 class 0: hi\n"
    );
    assert_eq!(
        stage.receive(b"\x0E\0\x09\x30hi"),
        "invoked 2 class 0: hi\n"
    );
    assert_eq!(
        (stage.wtp.transactions(), stage.wtp.poll_timeout()),
        (0, None)
    );
    assert_eq!(stage.respond(1), "");
    // A TID below 9 is still new.
    assert_eq!(stage.receive(INVOKE), "invoked 3 class 1 user: hi\n");
}

//= specs/wtp.md#class-1-transactions
//= type=test
//# The responder MUST keep what it needs to send the last acknowledgement again until the wait interval has ended.
//= specs/wtp.md#user-acknowledgement
//= type=test
//# A responder whose peer asked for user acknowledgement MUST NOT acknowledge before its user has responded.
//= specs/wtp.md#retransmission-until-acknowledgement
//= type=test
//# An Invoke that comes again with the retransmission indicator after it was acknowledged MUST be acknowledged again, and not indicated again.
//= specs/wtp.md#retransmission-until-acknowledgement
//= type=test
//# An Invoke that comes again without the retransmission indicator while its transaction is known MUST be ignored.
//= specs/wtp.md#transaction-identifiers
//= type=test
//# The high bit of the transaction identifier MUST be clear in what the initiator sends and set in what the responder sends.
#[test]
fn class_1_is_acknowledged_by_the_user_and_again_on_demand() {
    let mut stage = stage();
    assert_eq!(stage.receive(INVOKE), "invoked 1 class 1 user: hi\n");
    assert_eq!(stage.receive(INVOKE), "");
    assert_eq!(stage.receive(INVOKE_AGAIN), "");
    assert_eq!(stage.wait(SECOND / 2), "");
    assert_eq!(stage.respond(1), "send 188005\n");
    assert_eq!(stage.respond(1), "");
    assert_eq!(stage.receive(INVOKE), "");
    assert_eq!(stage.receive(INVOKE_AGAIN), "send 198005\n");
    assert_eq!(stage.wait(SECOND * 39), "");
    assert_eq!(stage.receive(INVOKE_AGAIN), "send 198005\n");
    assert_eq!(stage.wait(SECOND * 39), "");
    assert_eq!(stage.wtp.transactions(), 1);
    assert_eq!(stage.wait(SECOND), "");
    assert_eq!(stage.wtp.transactions(), 0);
    // Forgotten, but for its TID: the peer is asked.
    assert_eq!(stage.receive(INVOKE_AGAIN), "send 1C8005\n");
    assert_eq!(stage.wtp.counters().duplicates, 5);
}

/// Acknowledgements that are lost one after the other do not make a message new.
#[test]
fn a_peer_may_repeat_for_longer_than_the_wait_interval() {
    let mut stage = stage();
    stage.receive(INVOKE);
    assert_eq!(stage.respond(1), "send 188005\n");
    for _ in 0..30 {
        assert_eq!(stage.wait(SECOND * 4), "");
        assert_eq!(stage.receive(INVOKE_AGAIN), "send 198005\n");
    }
    assert_eq!(stage.wait(SECOND * 40), "");
    assert_eq!(
        (stage.wtp.transactions(), stage.wtp.poll_timeout()),
        (0, None)
    );
}

//= specs/wtp.md#user-acknowledgement
//= type=test
//# A user that does not respond to an invoke message in time MUST have its transaction aborted with NORESPONSE.
//= specs/wtp.md#user-acknowledgement
//= type=test
//# An Invoke that comes again while the user has not responded MUST be dropped without an answer, and the acknowledgement interval begins anew.
#[test]
fn a_user_that_does_not_respond_is_not_waited_for() {
    let mut stage = stage();
    stage.receive(INVOKE);
    assert_eq!(stage.wait(SECOND * 6 + SECOND / 2), "");
    assert_eq!(stage.receive(INVOKE_AGAIN), "");
    assert_eq!(
        stage.wait(SECOND),
        "1000 ms: send 20800508\n1000 ms: aborted 1 by Here: Provider(ProviderAbortReason(8))\n"
    );
    assert_eq!(stage.wtp.transactions(), 0);
    assert_eq!(stage.respond(1), "");
}

#[test]
fn without_user_acknowledgement_the_user_is_waited_for_all_the_same() {
    let mut stage = stage();
    assert_eq!(
        stage.receive(b"\x0E\0\x05\x01hi"),
        "invoked 1 class 1: hi\n"
    );
    assert_eq!(stage.wait(SECOND), "");
    assert_eq!(stage.respond(1), "send 188005\n");
    let mut stage = Stage::new(Settings {
        user_acknowledges_all: false,
        ..Settings::default()
    });
    stage.receive(b"\x0E\0\x05\x01hi");
    assert_eq!(stage.wait(SECOND), "0 ms: send 188005\n");
}

//= specs/wtp.md#transaction-abort
//= type=test
//# An abort by the user MUST be sent to the peer with the user's reason, and end the transaction.
#[test]
fn the_user_aborts() {
    let mut stage = stage();
    stage.receive(INVOKE);
    assert_eq!(stage.abort(1, UserAbortReason::USERDCU), "send 218005EE\n");
    assert_eq!(stage.abort(1, UserAbortReason::USERDCU), "");
    assert_eq!(
        (stage.wtp.transactions(), stage.wtp.poll_timeout()),
        (0, None)
    );
}

//= specs/wtp.md#transaction-abort
//= type=test
//# An abort of the peer MUST end its transaction, and be indicated to the user with its reason.
#[test]
fn the_peer_aborts() {
    let mut stage = stage();
    stage.receive(INVOKE);
    assert_eq!(
        stage.receive(b"\x21\0\x05\xE8"),
        "aborted 1 by Peer: User(AbortReason(232))\n"
    );
    assert_eq!(stage.receive(b"\x21\0\x05\xE8"), "");
    stage.receive(b"\x0E\0\x06\x11hi");
    assert_eq!(
        stage.receive(b"\x20\0\x06\x07"),
        "aborted 2 by Peer: Provider(ProviderAbortReason(7))\n"
    );
    stage.receive(b"\x0E\0\x07\x11hi");
    assert_eq!(
        stage.receive(b"\x27\0\x07\x07"),
        "aborted 3 by Peer: Provider(ProviderAbortReason(0))\n"
    );
    assert_eq!(stage.wtp.transactions(), 0);
}

//= specs/wtp.md#class-2-transactions
//= type=test
//# A responder that does not support class 2 MUST answer an Invoke of that class with an abort for the reason NOTIMPLEMENTEDCL2.
//= specs/wtp.md#version-handling
//= type=test
//# An Invoke of another version of the protocol MUST be answered with an abort for the reason WTPVERSIONONE.
#[test]
fn what_is_not_supported_is_refused_by_its_reason() {
    let mut stage = stage();
    assert_eq!(stage.receive(b"\x0E\0\x05\x12hi"), "send 20800503\n");
    assert_eq!(stage.receive(b"\x0E\0\x05\x13hi"), "send 20800501\n");
    for version in [0x51, 0x91, 0xD2, 0x40] {
        assert_eq!(
            stage.receive(&[0x0E, 0, 5, version, b'h']),
            "send 20800506\n"
        );
    }
    assert_eq!(stage.wtp.transactions(), 0);
}

//= specs/wtp.md#error-handling
//= type=test
//# A PDU that is broken, or of a type that is not assigned, MUST abort its transaction with PROTOERR.
//= specs/wtp.md#error-handling
//= type=test
//# An error that the provider cannot mend MUST end its transaction, with an abort to the peer and an indication to the user.
#[test]
fn broken_pdus_abort_their_transaction() {
    let aborted = "send 20800501\naborted 1 by Here: Provider(ProviderAbortReason(1))\n";
    for broken in [
        &b"\x8E\0\x05\x11\x1B\x01"[..],
        b"\x40\0\x05",
        b"\x78\0\x05\x01",
    ] {
        let mut waiting = stage();
        waiting.receive(INVOKE);
        assert_eq!(waiting.receive(broken), aborted);
        let mut ended = stage();
        ended.receive(INVOKE);
        ended.respond(1);
        assert_eq!(ended.receive(broken), aborted);
        let mut nothing = stage();
        assert_eq!(nothing.receive(broken), "send 20800501\n");
        assert_eq!(nothing.wtp.counters().broken, 1);
    }
    // What may be an answer is not answered, nor what has no TID.
    let mut stage = stage();
    for broken in [
        &b"\x20\0\x05"[..],
        b"\x98\0\x05\x1B",
        b"\xA1\0\x05\x01\x1B",
        b"\x0E\0",
        b"\x41",
    ] {
        assert_eq!(stage.receive(broken), "", "{broken:02X?}");
    }
    // Nor an Invoke of the wrong direction, nor a result of nothing.
    for wrong in [
        &b"\x0E\x80\x05\x11hi"[..],
        b"\x12\0\x05hi",
        b"\x38\0\x05\0",
        b"\x16\x80\x05hi",
    ] {
        assert_eq!(stage.receive(wrong), "", "{wrong:02X?}");
    }
}

//= specs/wtp.md#verification-of-transaction-identifiers
//= type=test
//# A message whose transaction identifier is being verified MUST NOT be indicated before the initiator has confirmed it.
//= specs/wtp.md#verification-of-transaction-identifiers
//= type=test
//# A transaction that the initiator denies MUST be forgotten without an indication.
#[test]
fn strangers_are_verified_at_first() {
    let mut stage = Stage::fresh(Settings::default());
    assert_eq!(stage.receive(INVOKE), "send 1C8005\n");
    assert_eq!(stage.receive(INVOKE), "");
    assert_eq!(
        stage.receive(b"\x18\0\x05"),
        "",
        "an Ack without TIDok says nothing"
    );
    assert_eq!(stage.respond(1), "");
    assert_eq!(stage.receive(INVOKE_AGAIN), "send 1D8005\n");
    assert_eq!(stage.receive(b"\x1C\0\x05"), "invoked 1 class 1 user: hi\n");
    assert_eq!(stage.receive(b"\x1C\0\x05"), "");
    assert_eq!(stage.respond(1), "send 188005\n");
    // The answer to a verification that was doubled is no news; one that is sent again asks for the acknowledgement.
    assert_eq!(stage.receive(b"\x1C\0\x05"), "");
    assert_eq!(stage.receive(b"\x1D\0\x05"), "send 198005\n");
    // The next one is new.
    assert_eq!(
        stage.receive(b"\x0E\0\x06\x11ho"),
        "invoked 2 class 1 user: ho\n"
    );

    assert_eq!(
        stage.receive_from(OTHER, INVOKE),
        "send 1C8005 to 192.0.2.2:9201\n"
    );
    assert_eq!(stage.receive_from(OTHER, b"\x20\0\x05\x02"), "");
    assert_eq!(stage.wtp.transactions(), 2);
    assert_eq!(stage.wtp.counters().verifications, 2);
}

#[test]
fn a_peer_that_does_not_confirm_is_forgotten() {
    let mut stage = Stage::fresh(Settings::default());
    stage.receive(INVOKE);
    assert_eq!(stage.wait(SECOND * 40), "");
    assert_eq!(stage.wtp.transactions(), 0);
    assert_eq!(stage.wtp.counters().forgotten, 1);
    assert_eq!(stage.receive(b"\x1C\0\x05"), "");
}

//= specs/wtp.md#transaction-identifiers
//= type=test
//# An Invoke that meets a transaction of the same name which has ended MUST be taken for a new transaction where its octets differ, or where it comes for the first time with the flag TIDnew.
#[test]
fn pushes_that_share_a_tid_all_get_through_once() {
    let mut stage = stage();
    assert_eq!(stage.receive(FIRST), "send 1C8000\n");
    assert_eq!(stage.receive(TID_OK), "invoked 1 class 1 user: one\n");
    assert_eq!(stage.respond(1), "send 188000\n");
    // The acknowledgement was lost.
    assert_eq!(stage.receive(FIRST_AGAIN), "send 198000\n");
    // Another push, while the first one waits to be forgotten.
    assert_eq!(stage.receive(SECOND_PUSH), "send 1C8000\n");
    assert_eq!(stage.receive(TID_OK), "invoked 2 class 1 user: two\n");
    assert_eq!(stage.respond(2), "send 188000\n");
    // A third one, equal to the second: new if the peer says so,
    assert_eq!(stage.receive(SECOND_PUSH), "send 1C8000\n");
    assert_eq!(stage.receive(TID_OK), "invoked 3 class 1 user: two\n");
    assert_eq!(stage.respond(3), "send 188000\n");
    // and a duplicate of the network if it does not.
    assert_eq!(stage.receive(SECOND_PUSH), "send 1C8000\n");
    assert_eq!(stage.receive(b"\x20\0\0\x02"), "");
    assert_eq!(stage.wtp.transactions(), 0);
}

#[test]
fn a_push_whose_first_copy_was_lost_is_new_by_its_octets() {
    let mut stage = stage();
    stage.receive(FIRST);
    stage.receive(TID_OK);
    stage.respond(1);
    assert_eq!(stage.receive(SECOND_PUSH_AGAIN), "send 1C8000\n");
    assert_eq!(stage.receive(TID_OK), "invoked 2 class 1 user: two\n");
    assert_eq!(stage.receive(SECOND_PUSH_AGAIN), "");
    assert_eq!(stage.respond(2), "send 188000\n");
    assert_eq!(stage.receive(SECOND_PUSH_AGAIN), "send 198000\n");
    // One that comes while another has not ended waits until it is sent again.
    stage.receive(FIRST);
    stage.receive(TID_OK);
    assert_eq!(stage.receive(SECOND_PUSH), "");
    assert_eq!(stage.respond(3), "send 188000\n");
    assert_eq!(stage.receive(SECOND_PUSH_AGAIN), "send 1C8000\n");
}

#[test]
fn what_the_peer_sends_again_is_what_it_confirms() {
    let mut stage = stage();
    // An old datagram of the first push, and then the second, whose first copy was lost.
    assert_eq!(stage.receive(FIRST), "send 1C8000\n");
    assert_eq!(stage.receive(SECOND_PUSH_AGAIN), "send 1C8000\n");
    assert_eq!(stage.receive(TID_OK), "invoked 2 class 1 user: two\n");
}

#[test]
fn verification_can_be_left_to_the_layer_below() {
    let mut stage = Stage::fresh(Settings {
        verification: Verification::Never,
        ..Settings::default()
    });
    assert_eq!(stage.receive(FIRST), "invoked 1 class 1 user: one\n");
    assert_eq!(stage.respond(1), "send 188000\n");
    assert_eq!(stage.receive(SECOND_PUSH), "invoked 2 class 1 user: two\n");
}

#[test]
fn tids_wrap_around() {
    let mut stage = stage();
    for (tid, handle) in [(0x7FFE_u16, 1), (0x7FFF, 2), (0, 3), (1, 4)] {
        let mut invoke = INVOKE.to_vec();
        invoke[1..3].copy_from_slice(&tid.to_be_bytes());
        let indicated = format!("invoked {handle} class 1 user: hi\n");
        assert_eq!(stage.receive(&invoke), indicated);
        stage.respond(handle);
        stage.wait(SECOND * 41);
    }
    // One that was overtaken by far is asked about, and the window stays where it is.
    assert_eq!(stage.receive(b"\x0E\x7F\xFD\x11hi"), "send 1CFFFD\n");
    assert_eq!(
        stage.receive(b"\x1C\x7F\xFD"),
        "invoked 5 class 1 user: hi\n"
    );
    assert_eq!(stage.receive(b"\x0E\0\x01\x11hi"), "send 1C8001\n");
    assert_eq!(
        stage.receive(b"\x0E\0\x02\x11hi"),
        "invoked 7 class 1 user: hi\n"
    );
}

//= specs/wtp.md#transport-information-items
//= type=test
//# An item that the terminal does not know, or whose content it does not understand, MUST be ignored without an error in the transaction.
//= specs/wtp.md#transport-information-items
//= type=test
//# The sender of such an item SHOULD be told so with an Error item in the next PDU that goes to it.
#[test]
fn items_that_are_not_known_are_reported() {
    let mut stage = stage();
    // Identity 9, an option 9, an error of no known form, the end of a frame; then information, which is known.
    let invoke = b"\x8E\0\x05\x11\xC9!\x91\x09\x81\xFF\xA8\x0A..hi";
    assert_eq!(stage.receive(invoke), "invoked 1 class 1 user: hi\n");
    // 01: error, one octet, 19: unknown 9; 02: 22 09: content of 2; 20 FF: content of 0; 15: unknown 5.
    assert_eq!(stage.respond(1), "send 98800581198222098220FF0115\n");
    assert_eq!(stage.receive(INVOKE), "");
}

//= specs/wtp.md#concatenation-and-separation
//= type=test
//# The terminal MUST separate the PDUs of a datagram that begins with a concatenation indicator, and treat each as if it had come alone.
#[test]
fn concatenated_pdus_are_treated_each_for_itself() {
    let mut stage = stage();
    let datagram =
        b"\0\x06\x0E\0\x05\x11hi\x06\x0E\0\x06\x11ho\x02\x0E\0\x80\x06\x0E\0\x07\x10hu\x09\x0E";
    assert_eq!(
        stage.receive(datagram),
        "invoked 1 class 1 user: hi\ninvoked 2 class 1 user: ho\ninvoked 3 class 0: hu\n"
    );
    // A PDU that is cut off, and a length that overruns.
    assert_eq!(stage.wtp.counters().broken, 2);
    let many: Vec<u8> = std::iter::once(0)
        .chain([3, 0x40, 0, 9].repeat(100))
        .collect();
    assert_eq!(stage.receive(&many).lines().count(), 64);
    assert_eq!(stage.receive(&[]), "");
    assert_eq!(stage.receive(&[0]), "");
}

//= specs/wtp.md#concatenation-and-separation
//= type=test
//# PDUs MUST NOT be put into one datagram unless it goes from the same address and port to the same address and port.
#[test]
fn pdus_to_one_peer_can_go_into_one_datagram() {
    let mut stage = Stage::new(Settings {
        concatenate: true,
        ..Settings::default()
    });
    let ack = |stage: &mut Stage, handle| {
        stage
            .wtp
            .respond(super::TransactionHandle(handle), stage.now);
    };
    stage.receive(b"\x0E\0\x05\x11hi");
    stage.receive(b"\x0E\0\x06\x11ho");
    stage.receive_from(OTHER, b"\x0E\0\x07\x11hu");
    for handle in 1..=3 {
        ack(&mut stage, handle);
    }
    assert_eq!(
        stage.outputs(),
        "send 000318800503188006\nsend 188007 to 192.0.2.2:9201\n"
    );
    assert_eq!(stage.wait(MILLISECOND), "");
}
