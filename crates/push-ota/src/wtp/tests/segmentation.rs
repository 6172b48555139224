//! Messages in several packets, both ways.

use super::super::{Class, Settings};
use super::{MILLISECOND, SECOND, Stage};

/// TID 5, class 1, user acknowledgement.
const FIRST: &[u8] = b"\x08\0\x05\x11one ";

fn stage() -> Stage {
    Stage::new(Settings::default())
}

/// A stage that sends in packets of ten octets, three a group.
fn sender() -> Stage {
    Stage::new(Settings {
        max_datagram: 14,
        ..Settings::default()
    })
}

//= specs/wtp.md#segmentation-and-reassembly
//= type=test
//# A group whose packets have all come MUST be acknowledged with the number of its last packet in a Packet Sequence Number item.
//= specs/wtp.md#segmentation-and-reassembly
//= type=test
//# In a packet that ends its message the flag of a group's end MUST be ignored.
#[test]
fn groups_are_acknowledged_and_the_message_by_its_user() {
    for last in [0x2A, 0x2E] {
        let mut stage = stage();
        assert_eq!(stage.receive(FIRST), "");
        assert_eq!(stage.receive(b"\x2C\0\x05\x01two "), "send 9880051901\n");
        assert_eq!(stage.receive(b"\x28\0\x05\x02three "), "");
        assert_eq!(
            stage.receive(&[&[last, 0, 5, 3], &b"four"[..]].concat()),
            "invoked 1 class 1 user: one two three four\n"
        );
        assert_eq!(
            stage.receive(b"\x2B\0\x05\x03four"),
            "",
            "the user has not responded"
        );
        assert_eq!(stage.respond(1), "send 9880051903\n");
        assert_eq!(stage.receive(b"\x2B\0\x05\x03four"), "send 9980051903\n");
        assert_eq!(stage.receive(b"\x29\0\x05\x02three "), "");
        assert_eq!(stage.receive(b"\x09\0\x05\x11one "), "");
    }
}

#[test]
fn a_lost_acknowledgement_of_a_group_is_sent_again() {
    let mut stage = stage();
    stage.receive(b"\x0C\0\x05\x11one ");
    assert_eq!(stage.receive(b"\x0D\0\x05\x11one "), "send 9980051900\n");
    stage.receive(b"\x2C\0\x05\x01two ");
    assert_eq!(stage.receive(b"\x2D\0\x05\x01two "), "send 9980051901\n");
    assert_eq!(
        stage.receive(b"\x2A\0\x05\x02three"),
        "invoked 1 class 1 user: one two three\n"
    );
}

//= specs/wtp.md#segmentation-and-reassembly
//= type=test
//# Where the last packet of a group has come and others of it have not, the receiver MUST answer with a NegativeAck that names those that are missing.
#[test]
fn what_is_missing_is_asked_for_once_it_is_late() {
    let mut stage = stage();
    stage.receive(FIRST);
    assert_eq!(stage.receive(b"\x2A\0\x05\x04five"), "");
    assert_eq!(stage.wait(MILLISECOND * 150), "");
    // One that comes late after all begins the wait anew.
    assert_eq!(stage.receive(b"\x28\0\x05\x02three "), "");
    assert_eq!(stage.wait(SECOND), "200 ms: send 388005020103\n");
    assert_eq!(
        stage.wait(SECOND * 10),
        "",
        "a NegativeAck is not repeated by itself"
    );
    assert_eq!(stage.receive(b"\x2B\0\x05\x04five"), "");
    assert_eq!(stage.wait(SECOND), "200 ms: send 388005020103\n");
    stage.receive(b"\x29\0\x05\x03four ");
    assert_eq!(
        stage.receive(b"\x29\0\x05\x01two "),
        "invoked 1 class 1 user: one two three four five\n"
    );
    assert_eq!(stage.respond(1), "send 9880051904\n");
}

#[test]
fn a_message_that_stops_coming_is_forgotten() {
    let mut stage = stage();
    stage.receive(FIRST);
    assert_eq!(stage.wait(SECOND * 39), "");
    stage.receive(b"\x28\0\x05\x02three ");
    assert_eq!(stage.wait(SECOND * 39), "");
    assert_eq!(stage.wtp.transactions(), 1);
    assert_eq!(stage.wait(SECOND), "");
    assert_eq!(
        (stage.wtp.transactions(), stage.wtp.counters().forgotten),
        (0, 1)
    );
}

#[test]
fn the_first_packet_may_be_missing_too() {
    let mut stage = stage();
    assert_eq!(stage.receive(b"\x2A\0\x05\x01two"), "");
    assert_eq!(stage.wait(SECOND), "200 ms: send 3880050100\n");
    assert_eq!(
        stage.receive(b"\x09\0\x05\x11one "),
        "invoked 1 class 1 user: one two\n"
    );
    assert_eq!(stage.respond(1), "send 9880051901\n");
    // It is verified where it has to be.
    assert_eq!(stage.receive(b"\x2A\0\x06\x01two"), "");
    assert_eq!(stage.receive(b"\x09\0\x06\x31one "), "send 9C80061901\n");
    assert_eq!(
        stage.receive(b"\x1C\0\x06"),
        "invoked 2 class 1 user: one two\n"
    );
    // Old packets are in nobody's way.
    assert_eq!(stage.receive(b"\x28\0\x08\x01old"), "");
    assert_eq!(
        stage.receive(b"\x0E\0\x08\x11new"),
        "invoked 4 class 1 user: new\n"
    );
    assert_eq!(stage.receive(b"\x28\0\x09\x01old"), "");
    stage.wait(SECOND * 40);
    assert_eq!(stage.wtp.counters().forgotten, 2);
}

#[test]
fn an_abort_or_a_broken_packet_ends_it() {
    let mut stage = stage();
    stage.receive(FIRST);
    assert_eq!(stage.receive(b"\x20\0\x05\x08"), "");
    assert_eq!(stage.wtp.transactions(), 0);
    stage.receive(b"\x08\0\x06\x11one ");
    assert_eq!(stage.receive(b"\xA8\0\x06\x01\x1B"), "send 20800601\n");
    assert_eq!(stage.wtp.transactions(), 0);
    // Packets behind the last one.
    stage.receive(b"\x08\0\x07\x11one ");
    stage.receive(b"\x2A\0\x07\x03four");
    assert_eq!(stage.receive(b"\x28\0\x07\x04five"), "send 20800701\n");
    assert_eq!(
        (stage.wtp.transactions(), stage.wtp.poll_timeout()),
        (0, None)
    );
    // Nothing would acknowledge the groups of class 0.
    assert_eq!(stage.receive(b"\x08\0\x08\x10one"), "send 20800804\n");
}

//= specs/wtp.md#segmentation-and-reassembly
//= type=test
//# A transaction that comes in packets and has to be verified MUST be verified once its first group has come, and the verification acknowledges the group.
#[test]
fn the_first_group_is_verified() {
    let mut stage = Stage::fresh(Settings::default());
    assert_eq!(stage.receive(FIRST), "");
    // While packets of it are missing, those are asked for first.
    stage.receive(b"\x2C\0\x05\x02three ");
    assert_eq!(stage.wait(SECOND), "200 ms: send 3880050101\n");
    assert_eq!(stage.receive(b"\x29\0\x05\x01two "), "send 9C80051902\n");
    assert_eq!(stage.receive(b"\x2D\0\x05\x02three "), "send 9D80051902\n");
    // The answer is lost: the next group comes, and comes again.
    assert_eq!(stage.receive(b"\x2A\0\x05\x03four"), "");
    assert_eq!(stage.receive(b"\x2B\0\x05\x03four"), "send 9D80051902\n");
    assert_eq!(
        stage.receive(b"\x1C\0\x05"),
        "invoked 1 class 1 user: one two three four\n"
    );
    assert_eq!(stage.respond(1), "send 9880051903\n");
    // And where the first group is the whole message:
    stage.receive(b"\x08\0\x06\x31one ");
    assert_eq!(stage.receive(b"\x2A\0\x06\x01two"), "send 9C80061901\n");
    assert_eq!(
        stage.receive(b"\x1C\0\x06"),
        "invoked 2 class 1 user: one two\n"
    );
}

#[test]
fn a_denied_message_is_forgotten_with_its_packets() {
    let mut stage = Stage::fresh(Settings::default());
    stage.receive(FIRST);
    stage.receive(b"\x2C\0\x05\x01two ");
    assert_eq!(stage.receive(b"\x20\0\x05\x02"), "");
    assert_eq!(stage.wtp.transactions(), 0);
    stage.receive(FIRST);
    stage.receive(b"\x2C\0\x05\x01two ");
    assert_eq!(stage.wait(SECOND * 40), "");
    assert_eq!(stage.wtp.transactions(), 0);
}

#[test]
fn a_result_comes_in_packets() {
    let mut stage = stage();
    stage.invoke(Class::ReliableResult, true, b"?");
    assert_eq!(stage.receive(b"\x10\x80\x01one "), "confirmed 1\n");
    assert_eq!(stage.receive(b"\x34\x80\x01\x02three "), "");
    assert_eq!(stage.wait(SECOND * 6), "200 ms: send 3800010101\n");
    assert_eq!(stage.receive(b"\x31\x80\x01\x01two "), "send 9800011902\n");
    assert_eq!(
        stage.receive(b"\x32\x80\x01\x03four"),
        "result 1: one two three four\n"
    );
    assert_eq!(stage.receive(b"\x33\x80\x01\x03four"), "");
    assert_eq!(stage.respond(1), "send 9800011903\n");
    assert_eq!(stage.receive(b"\x33\x80\x01\x03four"), "send 9900011903\n");
    let mut stopped = self::stage();
    stopped.invoke(Class::ReliableResult, true, b"?");
    assert_eq!(stopped.receive(b"\x32\x80\x01\x01two "), "confirmed 1\n");
    assert_eq!(stopped.wait(SECOND), "200 ms: send 3800010100\n");
    assert_eq!(stopped.receive(b"\x11\x80\x01one "), "result 1: one two \n");
    let mut stopped = self::stage();
    stopped.invoke(Class::ReliableResult, true, b"?");
    stopped.receive(b"\x10\x80\x01one ");
    assert_eq!(
        stopped.wait(SECOND * 50),
        "40000 ms: send 20000108\n40000 ms: aborted 1 by Here: Provider(ProviderAbortReason(8))\n"
    );
}

#[test]
fn results_may_be_segmented_where_that_is_said() {
    let mut stage = Stage::new(Settings {
        segmented_results: true,
        ..Settings::default()
    });
    let (_, sent) = stage.invoke(Class::ReliableResult, true, b"?");
    assert_eq!(sent, "send 0A0001123F\n");
}

/// Three packets a group is what 1405 octets allow of packets of 468; here the peer says so.
#[test]
fn a_large_message_goes_out_group_by_group() {
    let mut stage = sender();
    let (_, sent) = stage.invoke(
        Class::ReliableResult,
        true,
        b"0123456789abcdefghijABCDEFGHIJ????",
    );
    assert_eq!(
        sent,
        "send 0800011230313233343536373839\nsend 280001016162636465666768696A\n\
         send 280001024142434445464748494A\nsend 2A0001033F3F3F3F\n"
    );
    // The end of the group alone is sent again.
    assert_eq!(stage.wait(SECOND * 3), "3000 ms: send 2B0001033F3F3F3F\n");
    assert_eq!(
        stage.receive(b"\x38\x80\x01\x01\x01"),
        "send 290001016162636465666768696A\n"
    );
    assert_eq!(stage.receive(b"\x38\x80\x01\0").lines().count(), 4);
    assert_eq!(stage.receive(b"\x98\x80\x01\x19\x03"), "confirmed 1\n");
    assert_eq!(stage.wait(SECOND * 10), "");
    assert_eq!(
        stage.receive(b"\x38\x80\x01\0"),
        "",
        "nothing is missing any more"
    );
    assert_eq!(stage.receive(b"\x16\x80\x01yes"), "result 1: yes\n");
}

//= specs/wtp.md#segmentation-and-reassembly
//= type=test
//# A group MUST NOT be sent before the one before it was acknowledged.
//= specs/wtp.md#segmentation-and-reassembly
//= type=test
//# An acknowledgement of another group than the one that is under way MUST be ignored.
#[test]
fn groups_wait_for_each_other() {
    let mut stage = Stage::new(Settings {
        max_datagram: 704,
        ..Settings::default()
    });
    let firsts = |sent: &str| -> Vec<String> {
        let sent = sent.lines().filter_map(|line| line.split_once("send "));
        sent.map(|(_, octets)| octets[..8].to_owned()).collect()
    };
    // Packets of 700 octets: two make a group of at most 1405.
    let (_, sent) = stage.invoke(Class::ReliableResult, true, &[b'x'; 7 * 700]);
    assert_eq!(firsts(&sent), ["08000112", "2C000101"]);
    assert_eq!(stage.receive(b"\x98\x80\x01\x19\x00"), "");
    assert_eq!(
        stage.receive(b"\x18\x80\x01"),
        "",
        "it does not say of which group"
    );
    // The peer takes less, and wants a pause of half a second.
    let ack = b"\x98\x80\x01\x99\x01\x93\x04\x02\xBC\x12\x03\x05";
    assert_eq!(stage.receive(ack), "");
    assert_eq!(stage.receive(ack), "");
    let sent = stage.wait(SECOND / 2);
    assert_eq!(firsts(&sent), ["2C000102"]);
    assert_eq!(
        stage.receive(b"\x98\x80\x01\x19\x01"),
        "",
        "the acknowledgement before"
    );
    // With a verification, which acknowledges the group as well.
    let sent = stage.receive(b"\x9C\x80\x01\x19\x02");
    assert_eq!(firsts(&sent.replace("send 1C0001\n", "")), ["2C000103"]);
    assert!(sent.starts_with("send 1C0001\n"));
    assert_eq!(
        stage.receive(b"\x9D\x80\x01\x19\x02"),
        "send 1D0001\n",
        "it was lost"
    );
    // The group goes out again, not the answer to the verification.
    assert_eq!(firsts(&stage.wait(SECOND * 3)), ["2D000103"]);
    let sent = stage.receive(b"\x98\x80\x01\x99\x03\x13\x04\x20\x00");
    assert_eq!(firsts(&sent), ["28000104", "28000105", "2A000106"]);
    assert_eq!(
        stage.receive(b"\x16\x80\x01yes"),
        "confirmed 1\nresult 1: yes\n"
    );
}

#[test]
fn retransmissions_are_bounded_with_negative_acknowledgements_too() {
    let mut stage = sender();
    stage.invoke(Class::ReliableResult, true, b"0123456789abcdef");
    for _ in 0..32 {
        assert_eq!(stage.receive(b"\x38\x80\x01\x01\x01").lines().count(), 1);
    }
    assert_eq!(stage.receive(b"\x38\x80\x01\x01\x01"), "");
    let given_up = "27000 ms: aborted 1 by Here: Provider(ProviderAbortReason(8))\n";
    let all = stage.wait(SECOND * 27);
    assert_eq!(all.lines().count(), 9);
    assert!(all.ends_with(given_up), "{all}");
}

//= specs/wtp.md#segmentation-and-reassembly
//= type=test
//# An initiator whose peer does not do segmentation MUST send the message again without it.
#[test]
fn a_peer_without_segmentation_gets_the_message_in_one_datagram() {
    let mut stage = sender();
    stage.invoke(Class::ReliableResult, true, b"0123456789abcdef");
    assert_eq!(
        stage.receive(b"\x20\x80\x01\x04"),
        "send 0E00021230313233343536373839616263646566\n"
    );
    assert_eq!(
        stage.receive(b"\x16\x80\x01no"),
        "",
        "the former TID is over"
    );
    assert_eq!(
        stage.receive(b"\x16\x80\x02yes"),
        "confirmed 1\nresult 1: yes\n"
    );
    // Where it was in one datagram there is nothing else to try.
    let mut whole = stage;
    whole.invoke(Class::ReliableResult, true, b"?");
    assert_eq!(
        whole.receive(b"\x20\x80\x03\x04"),
        "aborted 2 by Peer: Provider(ProviderAbortReason(4))\n"
    );
}
