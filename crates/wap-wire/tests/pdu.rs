//! Golden octets for every protocol data unit, both ways.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use wap_wire::wsp::{
    AbortReason, Address, Addresses, ApplicationId, Capability, EncodeOptions, Pdu, PduType,
    ProtocolOptions, Push, PushFlag, Status, UnitPush, encode_unit_push,
};
use wap_wire::{DecodeError, DecodeErrorCode, EncodeError};

const OPTIONS: EncodeOptions = EncodeOptions {
    header_form: wap_wire::wsp::HeaderForm::Compact,
    application_id_form: wap_wire::wsp::ApplicationIdForm::Number,
    encoding_version: None,
};

fn lines(headers: wap_wire::wsp::Headers<'_>) -> Vec<String> {
    headers
        .into_iter()
        .map(|header| header.unwrap().to_string())
        .collect()
}

#[test]
fn a_connectionless_push_has_a_transaction_identifier() {
    let octets = b"\x2A\x06\x0A\x03\xAE\x81\xEA\xAF\x82\xB4\x84\x8D\x83\x01\x02\x03";
    let headers = [
        ("X-Wap-Application-Id", "x-wap-application:wml.ua"),
        ("Push-Flag", "4"),
        ("Content-Length", "3"),
    ];
    let encoded = encode_unit_push(
        0x2A,
        "application/vnd.wap.sic; charset=utf-8",
        &headers,
        &[1, 2, 3],
    )
    .unwrap();
    assert_eq!(encoded, octets);

    let UnitPush { tid, push } = UnitPush::decode(&encoded).unwrap();
    assert_eq!(tid, 0x2A);
    assert!(!push.confirmed);
    assert_eq!(
        push.content_type.to_string(),
        "application/vnd.wap.sic; charset=utf-8"
    );
    assert_eq!(
        push.content_type.media_type(),
        Some("application/vnd.wap.sic")
    );
    assert_eq!(
        lines(push.headers),
        headers.map(|(name, value)| format!("{name}: {value}"))
    );
    assert_eq!(push.application_id(), Some(ApplicationId::Number(2)));
    assert_eq!(push.push_flag(), Some(PushFlag(4)));
    assert_eq!(push.body, [1, 2, 3]);
}

#[test]
fn headers_given_as_text_are_found_as_well() {
    let headers = b"\x83Push-Flag\x002\0x-wap-application-ID\0x-own:a.ua\0";
    let octets = [
        &[0x00, 0x06, u8::try_from(headers.len()).unwrap()],
        &headers[..],
    ]
    .concat();
    let UnitPush { push, .. } = UnitPush::decode(&octets).unwrap();
    assert_eq!(push.push_flag(), Some(PushFlag(2)));
    assert_eq!(
        push.application_id().and_then(ApplicationId::uri),
        Some("x-own:a.ua")
    );
    assert_eq!(push.body, b"");
}

#[test]
fn pushes_of_a_session_may_be_confirmed() {
    for (confirmed, first) in [(false, 0x06), (true, 0x07)] {
        let octets = OPTIONS
            .push(confirmed, "text/plain", &[("Push-Flag", "1")], b"hi")
            .unwrap();
        assert_eq!(
            octets,
            [&[first, 0x03, 0x83, 0xB4, 0x81], &b"hi"[..]].concat()
        );
        let push = Push::decode(&octets).unwrap();
        assert_eq!((push.confirmed, push.body), (confirmed, &b"hi"[..]));
        assert_eq!(Pdu::decode(&octets), Ok(Pdu::Push(push)));
        assert_eq!(Pdu::Push(push).pdu_type(), PduType(first));
    }
}

#[test]
fn broken_pushes_say_what_and_where() {
    let error = |octets: &[u8]| UnitPush::decode(octets).map(|_| ()).unwrap_err();
    assert_eq!(error(&[]), DecodeError::new(DecodeErrorCode::Truncated, 0));
    assert_eq!(error(&[7]), DecodeError::new(DecodeErrorCode::Truncated, 1));
    assert_eq!(
        error(&[7, 5, 1, 0x83]),
        DecodeError::new(DecodeErrorCode::UnexpectedPdu, 1)
    );
    assert_eq!(
        error(&[7, 7, 1, 0x83]),
        DecodeError::new(DecodeErrorCode::UnexpectedPdu, 1)
    );
    assert_eq!(
        error(&[7, 6]),
        DecodeError::new(DecodeErrorCode::Truncated, 2)
    );
    assert_eq!(
        error(&[7, 6, 2, 0x83]),
        DecodeError::new(DecodeErrorCode::HeadersLengthOverrun, 2)
    );
    assert_eq!(
        error(&[7, 6, 0]),
        DecodeError::new(DecodeErrorCode::Truncated, 3)
    );
    assert_eq!(
        error(&[7, 6, 2, 3, 0xAE, 0x81, 0xEA]),
        DecodeError::new(DecodeErrorCode::ValueLengthOverrun, 3)
    );
    assert_eq!(
        error(&[7, 6, 3, 3, 0xAE]).to_string(),
        "the headers length exceeds the octets that follow at octet 2"
    );
    assert_eq!(
        Push::decode(&[1]).unwrap_err().code.as_str(),
        "unexpected-pdu"
    );
}

#[test]
fn connect_has_capabilities_and_headers() {
    let capabilities = [
        Capability::ClientSduSize(1400),
        Capability::ProtocolOptions(ProtocolOptions::PUSH.union(ProtocolOptions::CONFIRMED_PUSH)),
        Capability::PushMor(4),
    ];
    let octets = OPTIONS
        .connect(&capabilities, &[("Accept-Application", "*")])
        .unwrap();
    assert_eq!(
        octets,
        b"\x01\x10\x0A\x02\x03\x80\x8A\x78\x02\x82\xC0\x02\x84\x04\xB2\x80"
    );
    let Ok(Pdu::Connect(connect)) = Pdu::decode(&octets) else {
        panic!("{octets:02X?}")
    };
    assert_eq!(connect.version, 0x10);
    assert_eq!(
        connect
            .capabilities
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .unwrap(),
        capabilities
    );
    assert_eq!(lines(connect.headers), ["Accept-Application: *"]);
}

#[test]
fn connect_reply_has_a_session_identifier() {
    let octets = OPTIONS
        .connect_reply(
            300,
            &[Capability::MethodMor(1)],
            &[("Encoding-Version", "1.3")],
        )
        .unwrap();
    assert_eq!(octets, b"\x02\x82\x2C\x03\x02\x02\x83\x01\xC3\x93");
    let Ok(Pdu::ConnectReply(reply)) = Pdu::decode(&octets) else {
        panic!("{octets:02X?}")
    };
    assert_eq!(reply.session_id, 300);
    assert_eq!(
        reply.capabilities.into_iter().next(),
        Some(Ok(Capability::MethodMor(1)))
    );
    assert_eq!(lines(reply.headers), ["Encoding-Version: 1.3"]);
}

#[test]
fn redirect_has_flags_and_addresses() {
    let address = Address {
        bearer_type: Some(0x0B),
        port: Some(49_152),
        address: &[192, 0, 2, 1],
    };
    let octets = OPTIONS.redirect(0x40, &[address]).unwrap();
    assert_eq!(octets, [0x03, 0x40, 0xC4, 0x0B, 0xC0, 0x00, 192, 0, 2, 1]);
    let Ok(Pdu::Redirect(redirect)) = Pdu::decode(&octets) else {
        panic!("{octets:02X?}")
    };
    assert!(!redirect.is_permanent() && redirect.may_reuse_security_session());
    assert_eq!(
        redirect.addresses.into_iter().collect::<Vec<_>>(),
        [Ok(address)]
    );
    let long = Address {
        bearer_type: None,
        port: None,
        address: &[0; 64],
    };
    assert_eq!(OPTIONS.redirect(0, &[long]), Err(EncodeError::TooLong(64)));
}

#[test]
fn reply_has_a_status() {
    let octets = OPTIONS
        .reply(
            Status::from_http(403).unwrap(),
            "text/plain",
            &[("Server", "own")],
            b"no",
        )
        .unwrap();
    assert_eq!(octets, b"\x04\x43\x06\x83\xA6own\0no");
    let Ok(Pdu::Reply(reply)) = Pdu::decode(&octets) else {
        panic!("{octets:02X?}")
    };
    assert_eq!((reply.status.http(), reply.body), (Some(403), &b"no"[..]));
    assert_eq!(reply.content_type.unwrap().to_string(), "text/plain");
    assert_eq!(lines(reply.headers), ["Server: own"]);
    let Ok(Pdu::Reply(empty)) = Pdu::decode(b"\x04\x20\x00") else {
        panic!("an empty reply")
    };
    assert_eq!((empty.status, empty.content_type), (Status::OK, None));
}

#[test]
fn sessions_are_ended_and_suspended_and_resumed_by_their_identifier() {
    assert_eq!(OPTIONS.disconnect(300), b"\x05\x82\x2C");
    assert_eq!(Pdu::decode(b"\x05\x82\x2C"), Ok(Pdu::Disconnect(300)));
    assert_eq!(OPTIONS.suspend(1), b"\x08\x01");
    assert_eq!(Pdu::decode(b"\x08\x01"), Ok(Pdu::Suspend(1)));
    let octets = OPTIONS.resume(1, &[("Bearer-Indication", "0B")]).unwrap();
    assert_eq!(octets, b"\x09\x01\x00\xB3\x8B");
    let Ok(Pdu::Resume(resume)) = Pdu::decode(&octets) else {
        panic!("{octets:02X?}")
    };
    assert_eq!(resume.session_id, 1);
    assert_eq!(resume.capabilities.as_bytes(), b"");
    assert_eq!(lines(resume.headers), ["Bearer-Indication: 0B"]);
}

#[test]
fn lengths_of_sessions_are_checked() {
    let error = |octets: &[u8]| Pdu::decode(octets).map(|_| ()).unwrap_err();
    assert_eq!(
        error(b"\x01\x10\x01\x00"),
        DecodeError::new(DecodeErrorCode::CapabilitiesLengthOverrun, 2)
    );
    assert_eq!(
        error(b"\x01\x10\x00\x01"),
        DecodeError::new(DecodeErrorCode::HeadersLengthOverrun, 3)
    );
    assert_eq!(
        error(b"\x02\x01\x00"),
        DecodeError::new(DecodeErrorCode::Truncated, 3)
    );
    assert_eq!(
        error(b"\x09\x01\x05"),
        DecodeError::new(DecodeErrorCode::CapabilitiesLengthOverrun, 2)
    );
    assert_eq!(
        error(b"\x04\x20\x02\x83"),
        DecodeError::new(DecodeErrorCode::HeadersLengthOverrun, 2)
    );
    assert_eq!(
        error(b"\x05"),
        DecodeError::new(DecodeErrorCode::Truncated, 1)
    );
}

#[test]
fn other_pdus_keep_their_contents() {
    let pdu = Pdu::decode(b"\x40\x01/").unwrap();
    assert_eq!(
        pdu,
        Pdu::Other {
            pdu_type: PduType::GET,
            contents: b"\x01/"
        }
    );
    assert_eq!(pdu.pdu_type().to_string(), "Get");
    let names: Vec<_> = (0..=u8::MAX)
        .filter_map(|number| PduType(number).name())
        .collect();
    assert_eq!(names.len(), 17 + 32);
    assert_eq!(PduType(0x51).name(), Some("ExtendedGet"));
    assert_eq!(PduType(0x0A).to_string(), "0x0A");
    assert_eq!(AbortReason::USERDCU.0, 0xEE);
}

#[test]
fn aliases_are_addresses() {
    let mut encoder = wap_wire::wsp::Encoder::default();
    encoder
        .capability(&Capability::Aliases(Addresses::new(&[4, 192, 0, 2, 9])))
        .unwrap();
    assert_eq!(encoder.into_octets(), [0x06, 0x87, 0x04, 192, 0, 2, 9]);
}

#[test]
fn what_cannot_be_encoded_is_refused() {
    assert_eq!(
        encode_unit_push(0, "nonsense", &[], &[]),
        Err(EncodeError::InvalidContentType("nonsense".to_owned()))
    );
    assert_eq!(
        encode_unit_push(0, "text/plain", &[("no token", "x")], &[]),
        Err(EncodeError::InvalidName("no token".to_owned()))
    );
    assert_eq!(
        encode_unit_push(0, "text/plain", &[("X-Own", "a\0b")], &[]),
        Err(EncodeError::ZeroInText("a\0b".to_owned()))
    );
    assert!(EncodeError::TooLong(64).to_string().contains("64 octets"));
}

#[test]
fn long_headers_take_a_longer_length() {
    let value = "v".repeat(300);
    let octets = encode_unit_push(0, "text/plain", &[("X-Own", &value)], b"body").unwrap();
    assert_eq!(&octets[..4], [0x00, 0x06, 0x82, 0x34]);
    let push = UnitPush::decode(&octets).unwrap().push;
    assert_eq!(lines(push.headers), [format!("X-Own: {value}")]);
    assert_eq!(push.body, b"body");
}
