//! What push proxy gateways in the field really send, beyond the letter of WSP.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use wap_wire::wsp::{ApplicationId, HeaderValue, Multipart, Pdu, UnitPush};

/// A connectionless push with these octets for content type and headers.
fn push(headers: &[u8], body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x00, 0x06];
    wap_wire::uintvar::encode(u32::try_from(headers.len()).unwrap(), &mut octets);
    octets.extend(headers);
    octets.extend(body);
    octets
}

/// The content type, the headers and the body as text; no value is malformed.
fn shown(octets: &[u8]) -> (String, Vec<String>, Vec<u8>) {
    let push = UnitPush::decode(octets).unwrap().push;
    let headers = push.headers.into_iter().map(|header| {
        let header = header.unwrap();
        assert!(
            !matches!(header.value, HeaderValue::Malformed(_)),
            "{header:?}"
        );
        header.to_string()
    });
    (
        push.content_type.to_string(),
        headers.collect(),
        push.body.to_vec(),
    )
}

fn headers(octets: &[u8]) -> Vec<String> {
    shown(&push(&[b"\x83", octets].concat(), b"")).1
}

#[test]
fn a_multipart_type_comes_without_its_boundary() {
    let (content_type, ..) = shown(&push(b"\x8C\x8D\x82", b"--"));
    assert_eq!(content_type, "multipart/mixed");
}

#[test]
fn a_directive_of_caches_comes_with_another_type() {
    let (content_type, lines, _) = shown(&push(b"\xDA\xBD\x88", b"<si/>"));
    assert_eq!(
        (content_type.as_str(), lines),
        (
            "application/octet-stream",
            vec!["Cache-Control: no-transform".to_owned()]
        )
    );
}

#[test]
fn any_header_of_http_comes_along() {
    let lines = headers(b"\xA9own/1.0\0\x80\x80\x87\x05\x80u\0p\0");
    assert_eq!(
        lines,
        [
            "User-Agent: own/1.0",
            "Accept: */*",
            "Authorization: Basic dTpw"
        ]
    );
}

#[test]
fn many_and_long_headers_come() {
    let name = "n".repeat(300);
    let value = "v".repeat(3000);
    let mut octets = Vec::new();
    for _ in 0..60 {
        octets.extend(format!("{name}\0{value}\0").into_bytes());
    }
    let lines = headers(&octets);
    assert_eq!(lines.len(), 60);
    assert!(lines.iter().all(|line| *line == format!("{name}: {value}")));
}

#[test]
fn application_ids_come_as_numbers_or_not_at_all() {
    assert_eq!(
        headers(b"\xAF\x80"),
        ["X-Wap-Application-Id: x-wap-application:*"]
    );
    let octets = push(b"\x83\xAF\x02\x90\x00", b"");
    let id = UnitPush::decode(&octets).unwrap().push.application_id();
    assert_eq!(id, Some(ApplicationId::Number(0x9000)));
    let octets = push(b"\x83\x8D\x81", b"x");
    assert_eq!(
        UnitPush::decode(&octets).unwrap().push.application_id(),
        None
    );
}

#[test]
fn media_types_come_as_text_and_the_encoding_version_last() {
    let (content_type, lines, _) = shown(&push(
        b"application/vnd.wap.mms-message\0\xAF\x84\xC3\x93",
        b"",
    ));
    assert_eq!(content_type, "application/vnd.wap.mms-message");
    assert_eq!(
        lines,
        [
            "X-Wap-Application-Id: x-wap-application:mms.ua",
            "Encoding-Version: 1.3"
        ]
    );
}

#[test]
fn transaction_identifiers_take_every_value() {
    for tid in 0..=u8::MAX {
        let mut octets = push(b"\x83", b"x");
        octets[0] = tid;
        assert_eq!(UnitPush::decode(&octets).unwrap().tid, tid);
    }
}

#[test]
fn dates_have_three_to_eight_octets() {
    assert_eq!(
        headers(b"\x94\x03\x01\x86\xA0\x94\x05\x01\x07\xA8\xB4\x80\x92\x08\xFF\xFF\xFF\xFF\xFC\x3C\x47\x80"),
        [
            "Expires: Fri, 02 Jan 1970 03:46:40 GMT",
            "Expires: Wed, 05 Mar 2110 12:01:04 GMT",
            "Date: 18446744073646393216"
        ]
    );
}

#[test]
fn texts_are_empty_or_quoted_or_latin() {
    assert_eq!(
        headers(b"X-A\0\x7F\0X-B\0\x7F\xE9t\xE9\0X-C\0caf\xC3\xA9\0\x8Ehttp://a.example/\xE9\0\xBD\x08\x7F\0own\0v\0"),
        ["X-A: ", "X-B: \u{e9}t\u{e9}", "X-C: caf\u{e9}", "Content-Location: http://a.example/\u{e9}", "Cache-Control: own=v"]
    );
    assert_eq!(
        headers(b"\xAE\x09\x81\x86\"x.txt\0"),
        ["Content-Disposition: attachment; filename=\"x.txt\""]
    );
}

#[test]
fn the_body_may_begin_with_headers_of_mime() {
    let (.., body) = shown(&push(b"\x83", b"X-Own: v\r\n\r\nbody"));
    assert_eq!(body, b"X-Own: v\r\n\r\nbody");
}

#[test]
fn the_transfer_encoding_of_mime_comes_as_text() {
    assert_eq!(
        headers(b"Content-Transfer-Encoding\0binary\0"),
        ["Content-Transfer-Encoding: binary"]
    );
}

#[test]
fn bodies_fill_a_datagram() {
    let octets = push(b"\xDA\x8D\x02\xFF\xD9", &vec![7; 65_497]);
    let (_, lines, body) = shown(&octets);
    assert_eq!(
        (lines, body.len()),
        (vec!["Content-Length: 65497".to_owned()], 65_497)
    );
}

#[test]
fn a_session_initiation_may_tell_the_length_of_another_content() {
    let (content_type, lines, body) =
        shown(&push(b"\xB4\x8D\x81\xAF\x84\xC3\x93", b"\x00\x01\x34\x0F"));
    assert_eq!(
        (content_type.as_str(), lines.len(), body.len()),
        ("application/vnd.wap.sia", 3, 4)
    );
}

#[test]
fn a_reply_to_connect_has_the_encoding_version_as_text() {
    let Ok(Pdu::ConnectReply(reply)) =
        Pdu::decode(b"\x02\x05\x03\x15\x02\x82\x00Encoding-Version\x001.2\0")
    else {
        panic!("no ConnectReply")
    };
    let header = reply.headers.into_iter().next().unwrap().unwrap();
    assert_eq!(header.to_string(), "Encoding-Version: 1.2");
    assert_eq!(
        header.name.well_known(),
        Some(wap_wire::wsp::WellKnownHeader::EncodingVersion)
    );
}

#[test]
fn a_body_may_be_shorter_than_its_content_length() {
    let (_, lines, body) = shown(&push(b"\x83\x8D\x02\x10\x00", b"cut"));
    assert_eq!(
        (lines, body),
        (vec!["Content-Length: 4096".to_owned()], b"cut".to_vec())
    );
}

#[test]
fn a_length_quote_may_stand_for_a_short_length() {
    let (content_type, ..) = shown(&push(b"\x1F\x07\xB6\x91\x80\x920A\0", b""));
    assert_eq!(
        content_type,
        "application/vnd.wap.connectivity-wbxml; SEC=0; MAC=0A"
    );
}

#[test]
fn a_language_with_quality_is_the_general_form() {
    assert_eq!(
        headers(b"\x83\x07en-us\0\x1F"),
        ["Accept-Language: en-us;q=0.3"]
    );
}

#[test]
fn parts_are_read_to_the_end_whatever_their_number() {
    let multipart = Multipart::decode(b"\x00\x01\x01\x83a\x01\x01\x83b").unwrap();
    let bodies: Vec<_> = multipart.parts().map(|part| part.unwrap().body).collect();
    assert_eq!((multipart.entries, bodies), (0, vec![&b"a"[..], b"b"]));
}
