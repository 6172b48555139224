//! Short messages that become segments, and whole messages that become pushes.

use push_message::{Bearer, Protocol, ServerAddress};

use super::*;
use crate::wsp::connectionless::{Limits, Refusal};

/// A whole message with a Push PDU.
fn push() -> WholeMessage {
    let pdu = [&[0x2A, 0x06, 0x03, 0xBE, 0xAF, 0x84][..], b"content"].concat();
    let mut stage = stage();
    *stage.whole(segment(0x99, 1, 1, &pdu)).1
}

//= specs/wdp.md#datagrams
//= type=test
//# A datagram MUST be handed on with the port that it is for.
//= specs/wdp.md#datagrams
//= type=test
//# A datagram MUST be handed on with the port that it came from.
#[test]
fn a_whole_message_is_a_push() {
    let received = receive(&push(), &Limits::default()).expect("a push");
    assert_eq!(*received.message.content, *b"content");
    assert_eq!(received.received, UnixMillis(STAMP + 2_000));
    let origin = received.origin;
    assert_eq!(
        (origin.protocol, origin.bearer),
        (Protocol::OtaWsp, Bearer::GsmSms)
    );
    assert_eq!(
        (origin.destination_port, origin.origin_port),
        (Some(2948), Some(9200))
    );
    assert_eq!(origin.server, ServerAddress::E164("+4917099999".into()));
    assert!(!origin.answerable);
    assert_eq!(sent(&origin), Some(UnixMillis(STAMP)));
    let shown = origin.short_message.expect("what the bearer shows");
    assert_eq!(shown.originator.as_deref(), Some("+15551234567"));
    assert_eq!(&*shown.device, "modem0");
}

#[test]
fn the_time_stamp_is_known_of_whole_messages_and_of_segmented_ones_and_of_no_other_push() {
    let concatenation = Some(Concatenation {
        reference: 7,
        width: Width::Sixteen,
        total: 2,
        sequence: 1,
    });
    for concatenation in [None, concatenation] {
        for stamp in [None, Some(UnixMillis(STAMP))] {
            let message = WholeMessage {
                sent: stamp,
                concatenation,
                ..push()
            };
            let origin = receive(&message, &Limits::default())
                .expect("a push")
                .origin;
            assert_eq!(sent(&origin), stamp);
            let elsewhere = push_message::Origin {
                short_message: None,
                ..origin
            };
            assert_eq!(sent(&elsewhere), None);
        }
    }
}

#[test]
fn the_server_is_the_sms_centre_else_the_originator() {
    use Originator::{Name, Number};
    let cases = [
        (
            Some("+49170"),
            Some(Number("+1555".into())),
            ServerAddress::E164("+49170".into()),
        ),
        (
            None,
            Some(Number("+1555".into())),
            ServerAddress::E164("+1555".into()),
        ),
        (
            None,
            Some(Number("1555".into())),
            ServerAddress::Alphanumeric("1555".into()),
        ),
        (
            None,
            Some(Name("+1555".into())),
            ServerAddress::Alphanumeric("+1555".into()),
        ),
        (
            Some("0170"),
            None,
            ServerAddress::Alphanumeric("0170".into()),
        ),
        (None, None, ServerAddress::Unknown),
    ];
    for (centre, originator, server) in cases {
        let message = WholeMessage {
            service_centre: centre.map(Into::into),
            originator,
            ..push()
        };
        let received = receive(&message, &Limits::default()).expect("a push");
        assert_eq!(received.origin.server, server);
    }
}

#[test]
fn a_name_that_looks_like_a_number_is_not_shown_as_one() {
    let shown = |originator: Originator| originator.shown();
    assert_eq!(
        &*shown(Originator::Name("+15551234567".into())),
        "\"+15551234567\""
    );
    assert_eq!(&*shown(Originator::Name(" 1234".into())), "\" 1234\"");
    assert_eq!(&*shown(Originator::Name("Operator".into())), "Operator");
    assert_eq!(&*shown(Originator::Number("1234".into())), "1234");
    for (text, number) in [
        ("+1555", true),
        ("*100#", true),
        ("1+", false),
        ("+", false),
        ("", false),
        ("Info", false),
    ] {
        let originator = Originator::from_text(text);
        assert_eq!(
            matches!(originator, Originator::Number(_)),
            number,
            "{text}"
        );
    }
}

#[test]
fn each_thing_that_tells_transmissions_apart_counts() {
    let transaction = |message: &WholeMessage| {
        receive(message, &Limits::default())
            .unwrap()
            .origin
            .transaction
    };
    let changes: [fn(&mut WholeMessage); 6] = [
        |_| (),
        |message| message.octets[0] = 0x2B,
        |message| message.sent = None,
        |message| message.sent = Some(UnixMillis(STAMP + 1_000)),
        |message| message.concatenation = None,
        |message| message.concatenation.as_mut().unwrap().width = Width::Sixteen,
    ];
    let all = changes.map(|change| {
        let mut message = push();
        change(&mut message);
        transaction(&message)
    });
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), changes.len());
    assert_eq!(transaction(&push()), all[0]);
}

#[test]
fn what_is_no_push_is_refused_as_a_datagram_is() {
    let mut message = push();
    message.octets[1] = 0x07;
    assert_eq!(
        receive(&message, &Limits::default()),
        Err(Refusal::ConfirmedPush)
    );
    let limits = Limits {
        datagram_length: 5,
        ..Limits::default()
    };
    assert!(matches!(
        receive(&push(), &limits),
        Err(Refusal::DatagramTooLong { .. })
    ));
}

const TPDU: [u8; 18] = [
    0x44, 0x0B, 0x91, 0x51, 0x55, 0x21, 0x43, 0x65, 0xF7, 0x00, 0x04, 0x62, 0x10, 0x20, 0x21, 0x43,
    0x65, 0x00,
];

//= specs/wdp.md#datagrams
//= type=test
//# On a bearer that does not carry IP, datagrams MUST be taken as WDP lays down for that bearer.
#[test]
fn a_short_message_is_a_segment() {
    let user_data = [
        0x0E, 0x0B, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0, 0x00, 0x03, 7, 3, 2, 0xAA, 0xBB,
    ];
    let centre = [0x06, 0x91, 0x94, 0x71, 0x90, 0x99, 0x99];
    let octets = [&centre[..], &TPDU, &user_data].concat();
    let received = UnixMillis(STAMP + 2_000);
    let expected = Segment {
        service_centre: Some("+4917099999".into()),
        ..segment(7, 3, 2, &[0xAA, 0xBB])
    };
    assert_eq!(
        Segment::from_tpdu("modem0", &octets, received),
        Ok(expected.clone())
    );
    let raw = Segment {
        ports: None,
        concatenation: None,
        octets: user_data[1..].into(),
        ..expected.clone()
    };
    assert_eq!(raw.take_header(), Ok(expected));
}

#[test]
fn a_short_message_that_is_no_segment_says_why() {
    let tpdu = |changes: &[(usize, u8)], user_data: &[u8]| {
        let mut octets = [&TPDU[..], user_data].concat();
        for (position, octet) in changes {
            octets[*position] = *octet;
        }
        Segment::from_tpdu("modem0", &octets, UnixMillis(0)).expect_err("no segment")
    };
    let ported = [0x07, 0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0];
    for (changes, user_data, word, another) in [
        (&[(10, 0x00)][..], &ported[..], "text", true),
        (&[(10, 0x08)], &ported, "text", true),
        (&[(10, 0x24)], &ported, "text", true),
        (&[(0, 0x04)], &ported, "noPorts", true),
        (&[], &[0x03, 0x02, 0x70, 0x00], "noPorts", true),
        (&[], &[0x03, 0x02, 0x05, 0x04], "brokenHeader", false),
        (&[(0, 0x01)], &ported, "malformed", false),
    ] {
        let error = tpdu(changes, user_data);
        assert_eq!((error.as_str(), error.is_another_kind()), (word, another));
        assert!(error.to_string().len() > 20, "{error}");
    }
    // A sender without digits is none.
    let octets = [&[0x44, 0x00, 0x80, 0x00][..], &TPDU[10..], &ported].concat();
    let segment = Segment::from_tpdu("modem0", &octets, UnixMillis(0)).expect("a segment");
    assert_eq!(segment.originator, None);
}

#[test]
fn numbers_and_content_are_not_in_what_is_logged() {
    let mut stage = stage();
    stage.kept(segment(7, 2, 1, b"private"));
    let shown = [
        format!("{:?}", segment(7, 2, 1, b"private")),
        format!("{:?}", push()),
        format!("{:?}", stage.wait()),
    ];
    for text in shown {
        let secrets = ["1555", "4917", "private", "112, 114"];
        assert!(
            !secrets.iter().any(|secret| text.contains(secret)),
            "{text}"
        );
    }
}
