//! Short messages: octets that were made by hand, and what a small encoder makes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use proptest::prelude::*;
use wap_wire::sms::{
    Alphabet, Concatenation, DataCoding, Deliver, Ports, ServiceCentre, TypeOfNumber,
    UserDataHeader, Width,
};
use wap_wire::{DecodeError, DecodeErrorCode};

/// From +15551234567, 8 bit data, 2026-01-02 12:34:56 at UTC; what follows is the length of the user data.
const FRONT: [u8; 18] = [
    0x44, 0x0B, 0x91, 0x51, 0x55, 0x21, 0x43, 0x65, 0xF7, 0x00, 0x04, 0x62, 0x10, 0x20, 0x21, 0x43,
    0x65, 0x00,
];
/// An SMS centre, +4917099999, as modems put it in front.
const CENTRE: [u8; 7] = [0x06, 0x91, 0x94, 0x71, 0x90, 0x99, 0x99];
const TO_PUSH: [u8; 6] = [0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0];

fn deliver(user_data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(user_data.len()).unwrap();
    [&FRONT[..], &[length], user_data].concat()
}

/// The message with another first octet or coding.
fn with(mut octets: Vec<u8>, position: usize, octet: u8) -> Vec<u8> {
    octets[position] = octet;
    octets
}

fn error(code: DecodeErrorCode, offset: usize) -> DecodeError {
    DecodeError::new(code, offset)
}

fn header(elements: &[&[u8]]) -> Vec<u8> {
    let elements = elements.concat();
    [&[u8::try_from(elements.len()).unwrap()], &elements[..]].concat()
}

fn decoded(octets: &[u8]) -> UserDataHeader<'_> {
    let (header, consumed) = UserDataHeader::decode(octets).expect("a header");
    assert_eq!(consumed, usize::from(octets[0]) + 1);
    header
}

const PUSH_PORTS: Option<Ports> = Some(Ports {
    destination: 2948,
    originator: 9200,
});

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is compared with what decoding gives"
)]
fn segment(reference: u16, width: Width, total: u8, sequence: u8) -> Option<Concatenation> {
    Some(Concatenation {
        reference,
        width,
        total,
        sequence,
    })
}

#[test]
fn every_field_of_a_message_is_read() {
    let octets = deliver(&[&[0x06], &TO_PUSH[..], &[1, 2, 3]].concat());
    let message = Deliver::decode(&octets).unwrap();
    assert_eq!(message.service_centre, None);
    assert!(!message.more_messages && !message.loop_prevention);
    assert!(!message.status_report && !message.reply_path);
    assert_eq!(message.originating_address.to_string(), "+15551234567");
    assert_eq!(
        message.originating_address.type_of_number(),
        TypeOfNumber::International
    );
    assert_eq!(message.protocol_identifier, 0);
    assert_eq!(message.time_stamp.to_string(), "26-01-02 12:34:56 +00:00");
    let user_data = message.user_data;
    assert_eq!((user_data.length, user_data.has_header), (10, true));
    assert_eq!(user_data.data_coding, DataCoding(4));
    assert_eq!(user_data.header().unwrap().unwrap().ports(), PUSH_PORTS);
    assert_eq!(user_data.body(), [1, 2, 3]);
    assert!(user_data.septets().is_none() && user_data.characters().is_none());
}

#[test]
fn every_flag_of_the_first_octet_is_read() {
    let octets = deliver(&[0, 1]);
    let flags = |first| {
        let octets = with(octets.clone(), 0, first);
        let message = Deliver::decode_with(&octets, ServiceCentre::Absent).unwrap();
        [
            message.more_messages,
            message.loop_prevention,
            message.status_report,
            message.user_data.has_header,
            message.reply_path,
        ]
    };
    assert_eq!(flags(0x00), [true, false, false, false, false]);
    assert_eq!(flags(0x04), [false; 5]);
    assert_eq!(flags(0x0C), [false, true, false, false, false]);
    assert_eq!(flags(0x24), [false, false, true, false, false]);
    assert_eq!(flags(0x44), [false, false, false, true, false]);
    assert_eq!(flags(0x84), [false, false, false, false, true]);
    assert_eq!(flags(0xF8), [true; 5]);
}

#[test]
fn other_kinds_of_messages_are_refused() {
    for first in [0x01, 0x02, 0x03, 0x45] {
        let octets = with(deliver(&[]), 0, first);
        assert_eq!(
            Deliver::decode(&octets),
            Err(error(DecodeErrorCode::UnexpectedPdu, 0))
        );
    }
    let behind_a_centre = [&CENTRE[..], &with(deliver(&[]), 0, 0x01)].concat();
    assert_eq!(
        Deliver::decode(&behind_a_centre),
        Err(error(DecodeErrorCode::UnexpectedPdu, 7))
    );
}

#[test]
fn an_sms_centre_in_front_is_read_where_it_is_stated_and_where_it_is_found_out() {
    let bare = with(deliver(&[7]), 0, 0x04);
    let behind = [&CENTRE[..], &bare].concat();
    let behind_none = [&[0][..], &bare].concat();
    for told in [true, false] {
        let decode = |octets: &[u8], service_centre| {
            let told = if told {
                service_centre
            } else {
                ServiceCentre::Unknown
            };
            let message = Deliver::decode_with(octets, told).unwrap();
            assert_eq!(message.user_data.body(), [7]);
            message.service_centre.map(|address| address.to_string())
        };
        assert_eq!(decode(&bare, ServiceCentre::Absent), None);
        assert_eq!(decode(&behind_none, ServiceCentre::InFront), None);
        assert_eq!(
            decode(&behind, ServiceCentre::InFront).as_deref(),
            Some("+4917099999")
        );
    }
}

/// The first octet of a message can be that of a length, and the other way round.
#[test]
fn whether_an_sms_centre_is_in_front_is_found_out_for_every_first_octet() {
    for first in (0..=0xFF_u8).step_by(4) {
        for digits in 0..=20_u8 {
            let address = [
                &[digits, 0x91][..],
                &vec![0x11; usize::from(digits).div_ceil(2)],
            ];
            let rest = [
                0x00, 0x04, 0x62, 0x10, 0x20, 0x21, 0x43, 0x65, 0x00, 0x01, 0x00,
            ];
            let bare = [&[first], &address.concat()[..], &rest].concat();
            let message = Deliver::decode(&bare).unwrap();
            assert_eq!(message.service_centre, None, "{first:02x} {digits}");
            assert_eq!(message.originating_address.semi_octets, digits);
            for centre in [&[0][..], &[1, 0x91], &CENTRE] {
                let octets = [centre, &bare].concat();
                let message = Deliver::decode(&octets).unwrap();
                assert_eq!(message.service_centre.is_some(), centre.len() > 2);
                assert_eq!(message.originating_address.semi_octets, digits);
            }
        }
    }
}

#[test]
fn senders_have_names_numbers_or_nothing() {
    let sender = |address: &[u8]| {
        let octets = [&[0x04], address, &FRONT[9..], &[0]].concat();
        let message = Deliver::decode(&octets).unwrap();
        message.originating_address.to_string()
    };
    assert_eq!(
        sender(&[14, 0xD0, 0x4F, 0x78, 0x59, 0x1E, 0xA6, 0xBF, 0xE5]),
        "Operator"
    );
    assert_eq!(sender(&[5, 0x81, 0x01, 0x80, 0xF6]), "10086");
    assert_eq!(sender(&[4, 0xA1, 0x21, 0x43]), "1234");
    assert_eq!(sender(&[0, 0x80]), "");
    assert_eq!(sender(&[0, 0xD0]), "");
}

#[test]
fn a_message_that_ends_early_says_where() {
    let whole = [&CENTRE[..], &deliver(&[1, 2, 3])].concat();
    // The first octet of each field and of each length, and the code of what is missing there.
    let fields = [
        (0, 1, DecodeErrorCode::Truncated),
        (7, 8, DecodeErrorCode::Truncated),
        (8, 9, DecodeErrorCode::Truncated),
        (9, 10, DecodeErrorCode::Truncated),
        (16, 17, DecodeErrorCode::Truncated),
        (17, 18, DecodeErrorCode::Truncated),
        (18, 25, DecodeErrorCode::Truncated),
        (25, 26, DecodeErrorCode::Truncated),
    ];
    let decode = |length| Deliver::decode_with(&whole[..length], ServiceCentre::InFront);
    for (start, end, code) in fields {
        for length in start..end {
            assert_eq!(decode(length), Err(error(code, start)), "{length}");
        }
    }
    for length in 1..7 {
        let code = DecodeErrorCode::AddressLengthOverrun;
        assert_eq!(decode(length), Err(error(code, 0)), "{length}");
    }
    for length in 10..16 {
        let code = DecodeErrorCode::AddressLengthOverrun;
        assert_eq!(decode(length), Err(error(code, 8)), "{length}");
    }
    for length in 26..29 {
        let code = DecodeErrorCode::UserDataLengthOverrun;
        assert_eq!(decode(length), Err(error(code, 25)), "{length}");
    }
    assert!(decode(29).is_ok());
}

#[test]
fn lengths_beyond_what_there_can_be_are_refused() {
    let too_long = DecodeErrorCode::AddressTooLong;
    assert_eq!(
        Deliver::decode(&with(deliver(&[]), 1, 21)),
        Err(error(too_long, 1))
    );
    let centre = [&[13, 0x91][..], &[0x11; 12], &deliver(&[])].concat();
    assert_eq!(
        Deliver::decode_with(&centre, ServiceCentre::InFront),
        Err(error(too_long, 0))
    );
    assert!(Deliver::decode(&deliver(&[0; 140])).is_ok());
    let too_long = error(DecodeErrorCode::UserDataTooLong, 18);
    assert_eq!(Deliver::decode(&deliver(&[0; 141])), Err(too_long));
    // 160 septets are 140 octets.
    let text = |length: u8| {
        let octets = with(deliver(&[0; 140]), 10, 0x00);
        with(octets, 18, length)
    };
    assert!(Deliver::decode(&text(160)).is_ok());
    assert_eq!(Deliver::decode(&text(161)), Err(too_long));
}

#[test]
fn octets_behind_the_user_data_are_left_alone() {
    let octets = [&with(deliver(&[1, 2]), 0, 0x04)[..], &[0xFF; 3]].concat();
    assert_eq!(Deliver::decode(&octets).unwrap().user_data.body(), [1, 2]);
}

//= specs/wdp.md#user-data-length
//= type=test
//# The length of user data MUST be read as a number of septets where the data is uncompressed text in the GSM default alphabet, and as a number of octets otherwise.
#[test]
fn the_length_counts_septets_or_octets_by_the_coding() {
    let octets = deliver(&[0; 20]);
    for (coding, taken) in [
        (0x00, 18),
        (0x11, 18),
        (0x80, 18),
        (0xC8, 18),
        (0xF0, 18),
        (0x04, 20),
        (0x08, 20),
        (0x20, 20),
        (0xE0, 20),
        (0xF5, 20),
    ] {
        let octets = with(octets.clone(), 10, coding);
        let user_data = Deliver::decode(&octets).unwrap().user_data;
        assert_eq!(user_data.octets.len(), taken, "{coding:02x}");
    }
}

//= specs/wdp.md#user-data-length
//= type=test
//# Text in the GSM default alphabet MUST be read from the first septet border behind the header.
#[test]
fn text_begins_at_a_septet_border() {
    let text = |first: u8, length: u8, octets: &[u8]| {
        let octets = [&FRONT[..], &[length], octets].concat();
        let octets = with(with(octets, 0, first), 10, 0x00);
        let user_data = Deliver::decode(&octets).unwrap().user_data;
        user_data.characters().unwrap().collect::<String>()
    };
    // "hello" alone; behind seven octets of header (no fill bits); behind six (one); behind one (six).
    assert_eq!(text(0x04, 5, &[0xE8, 0x32, 0x9B, 0xFD, 0x06]), "hello");
    let header = [0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0];
    let packed = [0xE8, 0x32, 0x9B, 0xFD, 0x06];
    assert_eq!(text(0x44, 13, &[&header[..], &packed].concat()), "hello");
    let header = [0x05, 0x00, 0x03, 0x01, 0x01, 0x01];
    let packed = [0xD0, 0x65, 0x36, 0xFB, 0x0D];
    assert_eq!(text(0x44, 12, &[&header[..], &packed].concat()), "hello");
    // A header without elements.
    let packed = [0x00, 0x00, 0xBA, 0xCC, 0x66, 0xBF, 0x01];
    assert_eq!(text(0x44, 7, &packed), "hello");
}

#[test]
fn text_of_ucs_2_is_read_and_compressed_text_is_not() {
    let octets = deliver(&[0x00, 0x68, 0x20, 0xAC, 0xD8, 0x00]);
    let wide = with(with(octets.clone(), 0, 0x04), 10, 0x08);
    let user_data = Deliver::decode(&wide).unwrap().user_data;
    assert_eq!(user_data.data_coding.alphabet(), Alphabet::Ucs2);
    assert_eq!(
        user_data.characters().unwrap().collect::<String>(),
        "h\u{20AC}\u{FFFD}"
    );
    for coding in [0x20, 0x28, 0x60] {
        let octets = with(octets.clone(), 10, coding);
        let user_data = Deliver::decode(&octets).unwrap().user_data;
        assert!(user_data.characters().is_none(), "{coding:02x}");
        assert_eq!(user_data.octets.len(), 6);
    }
}

//= specs/wdp.md#ports
//= type=test
//# A terminal MUST understand the port element with 16 bit ports.
//= specs/wdp.md#ports
//= type=test
//# A terminal MUST understand the port element with 8 bit ports.
#[test]
fn ports_of_both_widths_are_read() {
    let ports = |octets: &[u8]| decoded(octets).ports();
    assert_eq!(ports(&header(&[&TO_PUSH])), PUSH_PORTS);
    assert_eq!(
        ports(&[0x04, 0x04, 0x02, 0xF0, 0xF5]),
        Some(Ports {
            destination: 240,
            originator: 245
        })
    );
    // A source port among those that are reserved.
    assert_eq!(
        ports(&[0x06, 0x05, 0x04, 0x0B, 0x84, 0xC0, 0x02]),
        Some(Ports {
            destination: 2948,
            originator: 49154
        })
    );
    assert_eq!(ports(&[0x00]), None);
}

//= specs/wdp.md#segmentation
//= type=test
//# A terminal MUST take segments with a reference of 8 bits and of 16 bits.
#[test]
fn references_of_both_widths_are_read() {
    let concatenation = |octets: &[u8]| decoded(octets).concatenation();
    assert_eq!(
        concatenation(&[0x05, 0x00, 0x03, 0x96, 0x02, 0x01]),
        segment(0x96, Width::Eight, 2, 1)
    );
    assert_eq!(
        concatenation(&[0x06, 0x08, 0x04, 0x9F, 0x8E, 0xFF, 0xFF]),
        segment(0x9F8E, Width::Sixteen, 255, 255)
    );
    assert_eq!(
        concatenation(&[0x05, 0x00, 0x03, 0x00, 0x01, 0x01]),
        segment(0, Width::Eight, 1, 1)
    );
}

//= specs/wdp.md#segmentation
//= type=test
//# A concatenation element whose total is zero MUST be ignored.
//= specs/wdp.md#segmentation
//= type=test
//# A concatenation element whose sequence number is zero or greater than the total MUST be ignored.
#[test]
fn impossible_concatenations_are_ignored() {
    for element in [
        &[0x00, 0x03, 0x07, 0x00, 0x00][..],
        &[0x00, 0x03, 0x07, 0x00, 0x01],
        &[0x00, 0x03, 0x07, 0x02, 0x00],
        &[0x00, 0x03, 0x07, 0x02, 0x03],
        &[0x08, 0x04, 0x00, 0x07, 0x00, 0x00],
        &[0x08, 0x04, 0x00, 0x07, 0x03, 0x00],
        &[0x08, 0x04, 0x00, 0x07, 0x03, 0x04],
    ] {
        let octets = header(&[&TO_PUSH, element]);
        assert_eq!(decoded(&octets).concatenation(), None, "{element:02x?}");
        assert_eq!(decoded(&octets).ports(), PUSH_PORTS);
        let possible = [0x00, 0x03, 0x09, 0x02, 0x02];
        let octets = header(&[&possible, element]);
        assert_eq!(
            decoded(&octets).concatenation(),
            segment(9, Width::Eight, 2, 2)
        );
    }
}

//= specs/wdp.md#user-data-header
//= type=test
//# Elements MUST be taken in any order.
#[test]
fn elements_come_in_any_order() {
    let concatenation = [0x08, 0x04, 0x12, 0x34, 0x03, 0x02];
    for elements in [[&TO_PUSH, &concatenation], [&concatenation, &TO_PUSH]] {
        let octets = header(&[&elements[0][..], &[0x70, 0x01, 0xAA], elements[1]]);
        let header = decoded(&octets);
        assert_eq!(header.ports(), PUSH_PORTS);
        assert_eq!(
            header.concatenation(),
            segment(0x1234, Width::Sixteen, 3, 2)
        );
        assert_eq!(header.elements().count(), 3);
    }
}

//= specs/wdp.md#user-data-header
//= type=test
//# Of several elements that say the same or exclude each other, the last one MUST count.
#[test]
fn the_last_of_repeated_elements_counts() {
    let octets = header(&[
        &[0x05, 0x04, 0x00, 0x01, 0x00, 0x02],
        &[0x04, 0x02, 0xF0, 0xF1],
        &[0x00, 0x03, 0x01, 0x02, 0x01],
        &TO_PUSH,
        &[0x08, 0x04, 0x00, 0x01, 0x03, 0x03],
    ]);
    assert_eq!(decoded(&octets).ports(), PUSH_PORTS);
    assert_eq!(
        decoded(&octets).concatenation(),
        segment(1, Width::Sixteen, 3, 3)
    );
    let octets = header(&[&TO_PUSH, &[0x04, 0x02, 0xF0, 0xF1]]);
    assert_eq!(decoded(&octets).ports().unwrap().destination, 0xF0);
}

//= specs/wdp.md#user-data-header
//= type=test
//# An element that is unknown, or has another length than its kind has, MUST be passed over.
#[test]
fn unknown_and_misshapen_elements_are_passed_over() {
    for element in [
        &[0x24, 0x01, 0x01][..],
        &[0xFF, 0x00],
        &[0x05, 0x03, 0x00, 0x01, 0x02],
        &[0x05, 0x05, 0, 1, 2, 3, 4],
        &[0x05, 0x00],
        &[0x04, 0x04, 0x0B, 0x84, 0x23, 0xF0],
        &[0x00, 0x02, 0x01, 0x01],
        &[0x00, 0x04, 0x01, 0x02, 0x01, 0x00],
        &[0x08, 0x03, 0x01, 0x02, 0x01],
    ] {
        let octets = header(&[element, &TO_PUSH, element]);
        assert_eq!(decoded(&octets).ports(), PUSH_PORTS, "{element:02x?}");
        assert_eq!(decoded(&octets).concatenation(), None, "{element:02x?}");
    }
}

//= specs/wdp.md#user-data-header
//= type=test
//# A user data header whose last element has too few or too many octets MUST be ignored as a whole.
#[test]
fn a_broken_header_has_nothing_that_counts() {
    let overrun = DecodeErrorCode::ElementLengthOverrun;
    for (octets, expected) in [
        // An element that is longer than the header, an identifier alone, a header that is longer than all.
        (
            &[0x06, 0x05, 0x05, 0x0B, 0x84, 0x23, 0xF0, 9][..],
            error(overrun, 1),
        ),
        (
            &[0x07, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0, 9],
            error(overrun, 7),
        ),
        (
            &[0x05, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0],
            error(overrun, 1),
        ),
        (
            &[0x08, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0, 0x00, 0x03],
            error(overrun, 7),
        ),
        (
            &[0x07, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0],
            error(DecodeErrorCode::UserDataHeaderOverrun, 0),
        ),
        (&[], error(DecodeErrorCode::Truncated, 0)),
    ] {
        assert_eq!(
            UserDataHeader::decode(octets),
            Err(expected),
            "{octets:02x?}"
        );
        let message = deliver(octets);
        let user_data = Deliver::decode(&message).unwrap().user_data;
        let within = DecodeError::new(expected.code, expected.offset + 19);
        assert_eq!(user_data.header(), Some(Err(within)));
    }
    let broken = deliver(&[0x02, 0x05, 0x04, 7, 8]);
    assert_eq!(Deliver::decode(&broken).unwrap().user_data.body(), [7, 8]);
    let longer = deliver(&[0x09, 0x05, 0x04]);
    assert!(
        Deliver::decode(&longer)
            .unwrap()
            .user_data
            .body()
            .is_empty()
    );
}

#[test]
fn without_the_flag_there_is_no_header() {
    let octets = with(deliver(&[0x06, 0x05, 0x04]), 0, 0x04);
    let user_data = Deliver::decode(&octets).unwrap().user_data;
    assert_eq!(user_data.header(), None);
    assert_eq!(user_data.body(), [0x06, 0x05, 0x04]);
}

/// What a message is made of, for [`encode`].
#[derive(Debug, Clone)]
struct Fields {
    centre: Option<String>,
    flags: u8,
    sender: String,
    protocol_identifier: u8,
    coding: u8,
    stamp: [u8; 7],
    elements: Vec<(u8, Vec<u8>)>,
    body: Vec<u8>,
}

/// Digits, two an octet, the first in the lower half.
fn packed(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    let pair = |pair: &[u8]| pair[0] | pair.get(1).copied().unwrap_or(0x0F) << 4;
    digits.chunks(2).map(pair).collect()
}

fn encode(fields: &Fields) -> Vec<u8> {
    let byte = |length: usize| u8::try_from(length).unwrap();
    let mut octets = Vec::new();
    match &fields.centre {
        None => {}
        Some(centre) => {
            octets.extend([byte(packed(centre).len() + 1), 0x91]);
            octets.extend(packed(centre));
        }
    }
    let elements = fields.elements.iter();
    let elements: Vec<u8> = elements
        .flat_map(|(identifier, data)| [&[*identifier, byte(data.len())], &data[..]].concat())
        .collect();
    let has_header = if fields.elements.is_empty() { 0 } else { 0x40 };
    octets.push(fields.flags & !0x43 | has_header);
    octets.extend([byte(fields.sender.len()), 0x91]);
    octets.extend(packed(&fields.sender));
    octets.extend([fields.protocol_identifier, fields.coding]);
    octets.extend(fields.stamp);
    let mut user_data = Vec::new();
    if has_header != 0 {
        user_data.push(byte(elements.len()));
        user_data.extend(elements);
    }
    user_data.extend(&fields.body);
    octets.push(byte(user_data.len()));
    octets.extend(user_data);
    octets
}

fn fields() -> impl Strategy<Value = Fields> {
    let element = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..6));
    (
        prop::option::of("[0-9]{3,15}"),
        any::<u8>(),
        "[0-9]{1,20}",
        any::<u8>(),
        prop::sample::select(&[0x04_u8, 0x05, 0x14, 0x44, 0xF4, 0xF5, 0xF7, 0x08, 0x24]),
        any::<[u8; 7]>(),
        prop::collection::vec(element, 0..6),
        prop::collection::vec(any::<u8>(), 0..80),
    )
        .prop_map(
            |(centre, flags, sender, protocol_identifier, coding, stamp, elements, body)| Fields {
                centre,
                flags,
                sender,
                protocol_identifier,
                coding,
                stamp,
                elements,
                body,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(fields in fields()) {
        let octets = encode(&fields);
        let message = Deliver::decode(&octets).unwrap();
        let centre = message.service_centre.map(|address| address.to_string());
        prop_assert_eq!(centre, fields.centre.map(|centre| format!("+{centre}")));
        prop_assert_eq!(message.originating_address.to_string(), format!("+{}", fields.sender));
        prop_assert_eq!(message.protocol_identifier, fields.protocol_identifier);
        prop_assert_eq!(message.time_stamp.0, fields.stamp);
        prop_assert_eq!(message.reply_path, fields.flags & 0x80 != 0);
        prop_assert_eq!(message.user_data.data_coding, DataCoding(fields.coding));
        prop_assert_eq!(message.user_data.body(), &fields.body[..]);
        let header = message.user_data.header().transpose().unwrap();
        let elements: Vec<_> = header.iter().flat_map(UserDataHeader::elements)
            .map(|element| (element.identifier, element.data.to_vec())).collect();
        prop_assert_eq!(elements, fields.elements);
    }

    #[test]
    fn packed_text_is_text_again(text in "[ -?A-Za-z]{0,140}", elements in prop::option::of(0..7_u8)) {
        let header: Vec<u8> = elements.map_or_else(Vec::new, |elements| {
            [&[elements * 2][..], &[0x70, 0].repeat(usize::from(elements))].concat()
        });
        let septets: Vec<u8> = text.bytes().filter(|octet| *octet != b'$').collect();
        let before = (header.len() * 8).div_ceil(7);
        let mut octets = vec![0; ((before + septets.len()) * 7).div_ceil(8)];
        octets[..header.len()].copy_from_slice(&header);
        for (index, septet) in septets.iter().enumerate() {
            for bit in 0..7 {
                let place = (before + index) * 7 + bit;
                octets[place / 8] |= (septet >> bit & 1) << (place % 8);
            }
        }
        let length = u8::try_from(before + septets.len()).unwrap();
        let message = [&FRONT[..], &[length], &octets].concat();
        let first = if header.is_empty() { 0x04 } else { 0x44 };
        let message = with(with(message, 0, first), 10, 0x00);
        let user_data = Deliver::decode(&message).unwrap().user_data;
        let shown: String = user_data.characters().unwrap().collect();
        prop_assert_eq!(shown.as_bytes(), septets);
    }
}
