//! PDUs of WTP: golden octets, both ways.

use wap_wire::wsp::AbortReason;
use wap_wire::wtp::{
    Abort, AbortType, Ack, Invoke, ItemValue, Items, NegativeAck, Pdu, PduType,
    ProviderAbortReason, ResultPdu, Segment, Trailer, encode_items,
};
use wap_wire::{DecodeError, DecodeErrorCode, EncodeError};

const CONNECT: Invoke<'static> = Invoke {
    trailer: Trailer::Unsegmented,
    retransmitted: false,
    tid: 1,
    version: 0,
    tid_new: false,
    user_acknowledgement: true,
    class: 2,
    items: Items::NONE,
    data: &[1, 0x10, 0, 0],
};

const SEGMENT: Segment<'static> = Segment {
    trailer: Trailer::None,
    retransmitted: false,
    tid: 0x1234,
    number: 1,
    items: Items::NONE,
    data: b"more",
};

const ACK: Ack<'static> = Ack {
    verify: false,
    retransmitted: false,
    tid: 0x8000,
    items: Items::NONE,
};

const fn abort(abort_type: AbortType) -> Pdu<'static> {
    Pdu::Abort(Abort {
        abort_type,
        tid: 0x8000,
        items: Items::NONE,
    })
}

const fn missing(missing: &[u8]) -> Pdu<'_> {
    Pdu::NegativeAck(NegativeAck {
        retransmitted: false,
        tid: 0x9234,
        missing,
        items: Items::NONE,
    })
}

#[test]
fn every_pdu_has_its_octets() {
    let result = ResultPdu {
        trailer: Trailer::Transmission,
        retransmitted: true,
        tid: 0x8001,
        items: Items::NONE,
        data: &[2, 1, 0, 0],
    };
    let number = encode_items([ItemValue::PacketSequenceNumber(2)]).unwrap();
    let items = Items::decode(&number).unwrap();
    let cases: &[(&[u8], Pdu<'_>)] = &[
        (b"\x0E\x00\x01\x12\x01\x10\x00\x00", Pdu::Invoke(CONNECT)),
        (
            b"\x0F\x00\x00\x31\x07\x01\x83!",
            Pdu::Invoke(Invoke {
                retransmitted: true,
                tid: 0,
                tid_new: true,
                class: 1,
                data: b"\x07\x01\x83!",
                ..CONNECT
            }),
        ),
        (
            b"\x8C\x12\x34\x40\x19\x02",
            Pdu::Invoke(Invoke {
                trailer: Trailer::Group,
                tid: 0x1234,
                version: 1,
                user_acknowledgement: false,
                class: 0,
                items,
                data: b"",
                ..CONNECT
            }),
        ),
        (b"\x13\x80\x01\x02\x01\x00\x00", Pdu::Result(result)),
        (b"\x18\x80\x00", Pdu::Ack(ACK)),
        (
            b"\x1D\x80\x00",
            Pdu::Ack(Ack {
                verify: true,
                retransmitted: true,
                ..ACK
            }),
        ),
        (b"\x98\x80\x00\x19\x02", Pdu::Ack(Ack { items, ..ACK })),
        (
            b"\x20\x80\x00\x03",
            abort(AbortType::Provider(ProviderAbortReason::NOTIMPLEMENTEDCL2)),
        ),
        (
            b"\x21\x80\x00\xEE",
            abort(AbortType::User(AbortReason::USERDCU)),
        ),
        (
            b"\x27\x80\x00\x05",
            abort(AbortType::Other {
                abort_type: 7,
                reason: 5,
            }),
        ),
        (b"\x28\x12\x34\x01more", Pdu::SegmentedInvoke(SEGMENT)),
        (
            b"\x35\x12\x34\xFFmore",
            Pdu::SegmentedResult(Segment {
                trailer: Trailer::Group,
                retransmitted: true,
                number: 255,
                ..SEGMENT
            }),
        ),
        (b"\x38\x92\x34\x02\x01\x03", missing(&[1, 3])),
        (b"\x38\x92\x34\x00", missing(&[])),
    ];
    for (octets, pdu) in cases {
        assert_eq!(Pdu::decode(octets).as_ref(), Ok(pdu));
        assert_eq!(pdu.encode().as_deref(), Ok(*octets));
        assert_eq!(Pdu::tid_of(octets), Some(pdu.tid()));
        assert_eq!(PduType::of(octets[0]), pdu.pdu_type());
    }
}

//= specs/wtp.md#structure-of-pdus
//= type=test
//# The class of a transaction MUST be read and written as the number itself: 0, 1 or 2.
#[test]
fn classes_are_their_numbers() {
    for class in 0..3 {
        let octets = Pdu::Invoke(Invoke { class, ..CONNECT }).encode().unwrap();
        assert_eq!(octets[3] & 0x03, class);
        assert!(matches!(Pdu::decode(&octets), Ok(Pdu::Invoke(invoke)) if invoke.class == class));
    }
}

//= specs/wtp.md#structure-of-pdus
//= type=test
//# Reserved bits MUST be written as zero.
#[test]
fn reserved_bits_are_zero() {
    let invoke = Pdu::Invoke(Invoke {
        class: 0xFF,
        version: 0xF0,
        ..CONNECT
    });
    assert_eq!(invoke.encode().unwrap()[3] & 0x0C, 0);
    // And what a peer puts there changes nothing.
    let same = Pdu::decode(b"\x0E\x00\x01\x1E\x01\x10\x00\x00").unwrap();
    assert_eq!(same, Pdu::Invoke(CONNECT));
    assert_eq!(Pdu::decode(b"\x1A\x80\x00"), Ok(Pdu::Ack(ACK)));
    assert_eq!(Pdu::decode(b"\x3E\x92\x34\x00"), Ok(missing(&[])));
}

//= specs/wtp.md#transport-information-items
//= type=test
//# The variable part of a header MUST end with the first item whose continue flag is clear, and user data begins behind it.
#[test]
fn data_begins_behind_the_last_item() {
    let Ok(Pdu::Invoke(invoke)) = Pdu::decode(b"\x8E\0\x01\x11\xFC\x01!\x0Aab\x07\x01\x83") else {
        panic!("the PDU is whole");
    };
    assert_eq!(invoke.data, b"\x07\x01\x83");
    assert_eq!(invoke.items.into_iter().count(), 2);
    assert_eq!(invoke.items.packet_sequence_number(), None);
}

#[test]
fn broken_pdus_are_errors_with_their_place() {
    let error = |octets: &[u8]| Pdu::decode(octets).unwrap_err();
    let at = DecodeError::new;
    assert_eq!(error(b""), at(DecodeErrorCode::Truncated, 0));
    for first in [0x00, 0x40, 0x78, 0x80] {
        let unexpected = at(DecodeErrorCode::UnexpectedPdu, 0);
        assert_eq!(error(&[first, 0, 1, 2]), unexpected);
    }
    assert_eq!(error(b"\x0E\x00"), at(DecodeErrorCode::Truncated, 1));
    assert_eq!(error(b"\x0E\x00\x01"), at(DecodeErrorCode::Truncated, 3));
    assert_eq!(error(b"\x20\x00\x01"), at(DecodeErrorCode::Truncated, 3));
    assert_eq!(error(b"\x28\x00\x01"), at(DecodeErrorCode::Truncated, 3));
    assert_eq!(error(b"\x98\x00\x01"), at(DecodeErrorCode::Truncated, 3));
    assert_eq!(
        error(b"\x98\x00\x01\x1B\x01"),
        at(DecodeErrorCode::ValueLengthOverrun, 4)
    );
    assert_eq!(
        error(b"\x38\x00\x01\x02\x01"),
        at(DecodeErrorCode::ListLengthOverrun, 4)
    );
    let many = [0; 256];
    assert_eq!(missing(&many).encode(), Err(EncodeError::TooLong(256)));
}
