//! Golden octets for every header, value form and parameter of WSP's tables, both ways.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use wap_wire::wsp::{
    EncodeOptions, Header, HeaderForm, HeaderName, HeaderValue, Headers, ParameterValue,
    WellKnownHeader,
};
use wap_wire::{DecodeError, DecodeErrorCode};

/// Octets and the text they stand for, where encoding the text gives the same octets.
const BOTH_WAYS: &[(&[u8], &str)] = &[
    (b"\x80\x94", "Accept: application/vnd.wap.wmlc"),
    (b"\x80\x03\x83\x80\x33", "Accept: text/plain; q=0.5"),
    (
        b"\x80\x03\x02\x03\x12",
        "Accept: application/vnd.omaloc-supl-init",
    ),
    (b"\x80x/own\0", "Accept: x/own"),
    (b"\xBB\xEA", "Accept-Charset: utf-8"),
    (b"\xBB\x80", "Accept-Charset: *"),
    (b"\xBB\x03\x02\x07\xEA", "Accept-Charset: big5"),
    (
        b"\xBB\x03\x84\x83\x31",
        "Accept-Charset: iso-8859-1;q=0.333",
    ),
    (b"\xBB\x07x-own\0\x01", "Accept-Charset: x-own;q=0"),
    (b"\xBC\x80", "Accept-Encoding: gzip"),
    (b"\xBC\x83", "Accept-Encoding: *"),
    (b"\xBC\x02\x82\x64", "Accept-Encoding: deflate;q=0.99"),
    (b"\xBCown\0", "Accept-Encoding: own"),
    (b"\x83\x99", "Accept-Language: en"),
    (b"\x83\x80", "Accept-Language: *"),
    (b"\x83\x02\x01\x82", "Accept-Language: fo"),
    (b"\x83\x02\xF0\x47", "Accept-Language: sv;q=0.7"),
    (b"\x83\x07en-gb\0\x0B", "Accept-Language: en-gb;q=0.1"),
    (b"\x84\x80", "Accept-Ranges: none"),
    (b"\x84\x81", "Accept-Ranges: bytes"),
    (b"\x84own-unit\0", "Accept-Ranges: own-unit"),
    (b"\x85\x8A", "Age: 10"),
    (b"\x85\x02\x01\x2C", "Age: 300"),
    (b"\x86\xC0", "Allow: GET"),
    (b"\x86\xE0", "Allow: POST"),
    (b"\x86LOCK\0", "Allow: LOCK"),
    (
        b"\x87\x0B\x80user\0pass\0",
        "Authorization: Basic dXNlcjpwYXNz",
    ),
    (
        b"\x87\x10Digest\0nc\0\x81u\0\"v\0",
        "Authorization: Digest nc=1, u=\"v\"",
    ),
    (b"\xC7\x80", "Cache-Control: no-cache"),
    (b"\xC7\x81", "Cache-Control: no-store"),
    (b"\xC7\x04\x82\x02\x0E\x10", "Cache-Control: max-age=3600"),
    (b"\xC7\x83", "Cache-Control: max-stale"),
    (b"\xC7\x02\x83\x8A", "Cache-Control: max-stale=10"),
    (b"\xC7\x02\x84\x80", "Cache-Control: min-fresh=0"),
    (b"\xC7\x85", "Cache-Control: only-if-cached"),
    (b"\xC7\x86", "Cache-Control: public"),
    (b"\xC7\x87", "Cache-Control: private"),
    (
        b"\xC7\x08\x87\x92X-Own\0",
        "Cache-Control: private=\"Date, X-Own\"",
    ),
    (b"\xC7\x02\x80\x93", "Cache-Control: no-cache=\"Etag\""),
    (b"\xC7\x88", "Cache-Control: no-transform"),
    (b"\xC7\x89", "Cache-Control: must-revalidate"),
    (b"\xC7\x8A", "Cache-Control: proxy-revalidate"),
    (b"\xC7\x02\x8B\xBC", "Cache-Control: s-maxage=60"),
    (b"\xC7own\0", "Cache-Control: own"),
    (b"\xC7\x05own\0\x81", "Cache-Control: own=1"),
    (b"\xC7\x08own\0\"a \0", "Cache-Control: own=\"a \""),
    (b"\x89\x80", "Connection: close"),
    (b"\x89Profile\0", "Connection: Profile"),
    (b"\x8B\x80", "Content-Encoding: gzip"),
    (b"\x8B\x81", "Content-Encoding: compress"),
    (b"\x8B\x82", "Content-Encoding: deflate"),
    (b"\x8C\x96", "Content-Language: de"),
    (b"\x8C\x01\x8C", "Content-Language: rm"),
    (b"\x8Cen-gb\0", "Content-Language: en-gb"),
    (b"\x8D\xFF", "Content-Length: 127"),
    (b"\x8D\x01\x80", "Content-Length: 128"),
    (b"\x8D\x03\x01\x11\x70", "Content-Length: 70000"),
    (
        b"\x8Ehttp://a.example/b\0",
        "Content-Location: http://a.example/b",
    ),
    (
        b"\x8F\x10\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F",
        "Content-MD5: AAECAwQFBgcICQoLDA0ODw==",
    ),
    (b"\xBE\x03\x05\x88\x01", "Content-Range: bytes 5-*/1025"),
    (b"\xBE\x02\x05\x80", "Content-Range: bytes 5-*/*"),
    (
        b"\x91\x03\x83\x81\xEA",
        "Content-Type: text/plain; charset=utf-8",
    ),
    (
        b"\x92\x04\x35\x3F\x45\x11",
        "Date: Thu, 23 Apr 1998 13:41:37 GMT",
    ),
    (
        b"\x92\x05\x01\0\0\0\0",
        "Date: Sun, 07 Feb 2106 06:28:16 GMT",
    ),
    (b"\x93\"abc\"\0", "Etag: \"abc\""),
    (b"\x94\x01\0", "Expires: Thu, 01 Jan 1970 00:00:00 GMT"),
    (
        b"\x94\x08\xFF\xFF\xFF\xFF\xFC\x3C\x47\x80",
        "Expires: 18446744073646393216",
    ),
    (b"\x95a@example.net\0", "From: a@example.net"),
    (b"\x96a.example\0", "Host: a.example"),
    (
        b"\x97\x04\x35\x3F\x45\x11",
        "If-Modified-Since: Thu, 23 Apr 1998 13:41:37 GMT",
    ),
    (b"\x98\"a\"\0", "If-Match: \"a\""),
    (b"\x99*\0", "If-None-Match: *"),
    (b"\x9A\"a\"\0", "If-Range: \"a\""),
    (
        b"\x9A\x04\x35\x3F\x45\x11",
        "If-Range: Thu, 23 Apr 1998 13:41:37 GMT",
    ),
    (
        b"\x9B\x04\x35\x3F\x45\x11",
        "If-Unmodified-Since: Thu, 23 Apr 1998 13:41:37 GMT",
    ),
    (b"\x9Chttp://a.example/\0", "Location: http://a.example/"),
    (
        b"\x9D\x04\x35\x3F\x45\x11",
        "Last-Modified: Thu, 23 Apr 1998 13:41:37 GMT",
    ),
    (b"\x9E\x8A", "Max-Forwards: 10"),
    (b"\x9F\x80", "Pragma: no-cache"),
    (b"\x9F\x06own\0x\0", "Pragma: own=x"),
    (
        b"\xA0\x07\x80realm\0",
        "Proxy-Authenticate: Basic realm=\"realm\"",
    ),
    (b"\xA1\x04\x80a\0\0", "Proxy-Authorization: Basic YTo="),
    (b"\xA2\xC1", "Public: OPTIONS"),
    (b"\xA2LOCK\0", "Public: LOCK"),
    (b"\xA3\x04\x80\0\x83\x73", "Range: bytes=0-499"),
    (b"\xA3\x02\x80\x05", "Range: bytes=5-"),
    (b"\xA3\x03\x81\x83\x74", "Range: bytes=-500"),
    (b"\xA4http://a.example/\0", "Referer: http://a.example/"),
    (
        b"\xA5\x06\x80\x04\x35\x3F\x45\x11",
        "Retry-After: Thu, 23 Apr 1998 13:41:37 GMT",
    ),
    (b"\xA5\x02\x81\xF8", "Retry-After: 120"),
    (b"\xA6own/1.0\0", "Server: own/1.0"),
    (b"\xA7\x80", "Transfer-Encoding: chunked"),
    (b"\xA7own\0", "Transfer-Encoding: own"),
    (b"\xA8own/2\0", "Upgrade: own/2"),
    (b"\xA9own/1.0 (test)\0", "User-Agent: own/1.0 (test)"),
    (b"\xAA\x83", "Vary: Accept-Language"),
    (b"\xAAX-Own\0", "Vary: X-Own"),
    (b"\xAB1.1 a.example\0", "Via: 1.1 a.example"),
    (b"\xAC\x8A", "Warning: 110"),
    (
        b"\xAC\x0F\x8Ea.example\0old\0",
        "Warning: 214 a.example \"old\"",
    ),
    (b"\xAD\x03\x80r\0", "WWW-Authenticate: Basic realm=\"r\""),
    (
        b"\xAD\x0EDigest\0r\0n\0\"v\0",
        "WWW-Authenticate: Digest realm=\"r\", n=\"v\"",
    ),
    (
        b"\xAF\x84",
        "X-Wap-Application-Id: x-wap-application:mms.ua",
    ),
    (b"\xAF\x80", "X-Wap-Application-Id: x-wap-application:*"),
    (
        b"\xAF\x02\x90\x02",
        "X-Wap-Application-Id: x-oma-nokia:call.ua",
    ),
    (b"\xAF\x02\x9F\xFF", "X-Wap-Application-Id: 9FFF"),
    (b"\xAFx-own:app\0", "X-Wap-Application-Id: x-own:app"),
    (
        b"\xB0http://a.example/c\0",
        "X-Wap-Content-URI: http://a.example/c",
    ),
    (
        b"\xB1http://a.example/i\0",
        "X-Wap-Initiator-URI: http://a.example/i",
    ),
    (b"\xB2\x80", "Accept-Application: *"),
    (b"\xB2\x82", "Accept-Application: x-wap-application:wml.ua"),
    (b"\xB2x-own:app\0", "Accept-Application: x-own:app"),
    (b"\xB3\x8B", "Bearer-Indication: 0B"),
    (b"\xB4\x85", "Push-Flag: 5"),
    (b"\xB5http://a.example/p\0", "Profile: http://a.example/p"),
    (b"\xB6\x04\x01\x04\x6A\0", "Profile-Diff: 0x01046A00"),
    (b"\xB9\x81", "TE: trailers"),
    (b"\xB9\x01\x82", "TE: chunked"),
    (b"\xB9\x01\x83", "TE: identity"),
    (b"\xB9\x03\x84\x80\x33", "TE: gzip;q=0.5"),
    (b"\xB9\x01\x85", "TE: compress"),
    (b"\xB9\x01\x86", "TE: deflate"),
    (b"\xB9\x06own\0\x80\x0B", "TE: own;q=0.1"),
    (b"\xBA\x93", "Trailer: Etag"),
    (b"\xBAX-Own\0", "Trailer: X-Own"),
    (
        b"\xBF\x04\x35\x3F\x45\x11",
        "X-Wap-Tod: Thu, 23 Apr 1998 13:41:37 GMT",
    ),
    (
        b"\xC0\"<a@example.net>\0",
        "Content-ID: \"<a@example.net>\"",
    ),
    (b"\xC1\x05\x80a\0b\0", "Set-Cookie: a=b"),
    (
        b"\xC1\x12\x9Fa\0b\0\x9D\"/\0\x8E\xBC\x90\0own\0\0",
        "Set-Cookie: a=b; Version=1; path=\"/\"; max-age=60; secure; own",
    ),
    (b"\xC2\x06\x80\x04a\0b\0", "Cookie: a=b"),
    (
        b"\xC2\x12\x9F\x06a\0b\0/\0\x09c\0d\0\0x.y\0",
        "Cookie: $Version=1; a=b; $Path=/; c=d; $Domain=x.y",
    ),
    (b"\xC3\x93", "Encoding-Version: 1.3"),
    (b"\xC3\x9F", "Encoding-Version: 1"),
    (b"\xC38.0\0", "Encoding-Version: 8.0"),
    (b"\xC3\x02\x90\x93", "Encoding-Version: 10 1.3"),
    (b"\xC4\x92", "Profile-Warning: 102"),
    (
        b"\xC4\x14\xA1http://a.example/p\0",
        "Profile-Warning: 201 http://a.example/p",
    ),
    (
        b"\xC4\x0A\x90a/b\0\x04\x35\x3F\x45\x11",
        "Profile-Warning: 100 a/b \"Thu, 23 Apr 1998 13:41:37 GMT\"",
    ),
    (b"\xC5\x01\x80", "Content-Disposition: form-data"),
    (
        b"\xC5\x09\x81\x98\"a b.x\0",
        "Content-Disposition: attachment; filename=\"a b.x\"",
    ),
    (
        b"\xC5\x05\x82\x96\x02\x01\x2C",
        "Content-Disposition: inline; size=300",
    ),
    (b"\xC5\x04own\0", "Content-Disposition: own"),
    (b"\xC6\x80", "X-WAP-Security: close-subordinate"),
    (b"\xC8\x80", "Expect: 100-continue"),
    (b"\xC8\x09a\0b\0c\0\"d\0", "Expect: a=b; c=\"d\""),
    (b"\xC9\x02\x01\x02", "X-Wap-Loc-Invocation: 0x0102"),
    (b"\xCA\x02\x01\x02", "X-Wap-Loc-Delivery: 0x0102"),
    (b"X-Own\0any text\0", "X-Own: any text"),
    (b"X-Own\0\0", "X-Own: "),
    (b"X-Own\0\x7F\xC3\xA9t\xC3\xA9\0", "X-Own: \u{e9}t\u{e9}"),
];

/// Octets and the text they stand for, where another encoding is the one to send.
const ONLY_DECODED: &[(&[u8], &str)] = &[
    (b"\x81\xEA", "Accept-Charset: utf-8"),
    (b"\x82\x80", "Accept-Encoding: gzip"),
    (b"\x88\x80", "Cache-Control: no-cache"),
    (b"\xBD\x02\x82\x80", "Cache-Control: max-age=0"),
    (b"\xBD\x0A\x7F\0own\0val\0", "Cache-Control: own=val"),
    (
        b"\x8Ahttp://a.example/\0",
        "Content-Base: http://a.example/",
    ),
    (b"\x90\x03\0\x88\x01", "Content-Range: bytes 0-*/1025"),
    (
        b"\xAE\x09\x81\x86\"x.txt\0",
        "Content-Disposition: attachment; filename=\"x.txt\"",
    ),
    (
        b"\xAE\x08\x81\x86\"x.t\"\0",
        "Content-Disposition: attachment; filename=\"x.t\"",
    ),
    (b"\xC5\x81", "Content-Disposition: attachment"),
    (b"\xB7\x90", "Profile-Warning: 100"),
    (b"\xB8\x80", "Expect: 100-continue"),
    (b"\xB9\x84", "TE: gzip"),
    (b"\xC3\x01\x90", "Encoding-Version: 10"),
    (b"\xAC\xE3", "Warning: 199"),
    (b"\xACx\0", "Warning: x"),
    (b"\xD0\x81", "X-Oma-GwMO: 1"),
    (b"\xD0x\0", "X-Oma-GwMO: x"),
    (b"\x86\xD0", "Allow: 0x50"),
    (
        b"\xAF\x1F\x02\x90\x02",
        "X-Wap-Application-Id: x-oma-nokia:call.ua",
    ),
    (
        b"\xAF\x04\0\0\0\x04",
        "X-Wap-Application-Id: x-wap-application:mms.ua",
    ),
    (
        b"\xAFx-wap-application:mms.ua\0",
        "X-Wap-Application-Id: x-wap-application:mms.ua",
    ),
    (b"\xB4\x01\x05", "Push-Flag: 5"),
    (b"\x93\0", "Etag: "),
    (b"\x93\x7F\0", "Etag: "),
    (b"\x95caf\xE9\0", "From: caf\u{e9}"),
    (b"Push-Flag\x004\0", "Push-Flag: 4"),
    (b"X-Own\0\x85", "X-Own: 5"),
    (b"X-Own\0\x02\x01\x02", "X-Own: 0x0102"),
    (b"\xCBtext\0", "X-Unknown-01-4B: text"),
    (b"\xFF\x02\x01\x02", "X-Unknown-01-7F: 0x0102"),
];

fn decoded(octets: &[u8]) -> Vec<String> {
    Headers::new(octets)
        .into_iter()
        .map(|header| header.unwrap().to_string())
        .collect()
}

fn encoded(options: EncodeOptions, text: &str) -> Vec<u8> {
    let (name, value) = text.split_once(": ").unwrap();
    options.headers(&[(name, value)]).unwrap()
}

fn only(octets: &[u8]) -> Header<'_> {
    let mut headers = Headers::new(octets).into_iter();
    let header = headers.next().unwrap().unwrap();
    assert_eq!(headers.next(), None);
    header
}

#[test]
fn octets_are_decoded_to_text() {
    for (octets, text) in BOTH_WAYS.iter().chain(ONLY_DECODED) {
        assert_eq!(decoded(octets), [*text], "{octets:02X?}");
    }
}

#[test]
fn text_is_encoded_to_octets() {
    for (octets, text) in BOTH_WAYS {
        assert_eq!(encoded(EncodeOptions::default(), text), *octets, "{text}");
    }
}

#[test]
fn every_header_of_the_table_has_golden_octets() {
    for &header in WellKnownHeader::ALL {
        let tested = BOTH_WAYS
            .iter()
            .chain(ONLY_DECODED)
            .any(|(octets, _)| octets.first() == Some(&(header.number() | 0x80)));
        assert!(tested, "{header:?} has no golden octets");
    }
}

#[test]
fn known_values_are_never_malformed() {
    let plain = [b"\xACx\0".as_slice()];
    for (octets, text) in BOTH_WAYS
        .iter()
        .chain(ONLY_DECODED)
        .filter(|(octets, _)| !plain.contains(octets))
    {
        let header = only(octets);
        assert!(
            !matches!(header.value, HeaderValue::Malformed(_)),
            "{text}: {header:?}"
        );
    }
}

#[test]
fn the_text_form_is_decoded_to_the_same_text() {
    let options = EncodeOptions {
        header_form: HeaderForm::Text,
        ..EncodeOptions::default()
    };
    for (_, text) in BOTH_WAYS {
        let octets = encoded(options, text);
        assert_eq!(decoded(&octets), [*text]);
        assert!(octets[0].is_ascii_alphabetic());
        let name = only(&octets).name;
        assert!(
            name.well_known().is_some_and(|header| name.is(header)) || text.starts_with("X-Own")
        );
    }
}

#[test]
fn a_list_becomes_as_many_headers() {
    let octets = encoded(
        EncodeOptions::default(),
        "Accept-Language: en, sv;q=0.7,, de",
    );
    assert_eq!(octets, b"\x83\x99\x83\x02\xF0\x47\x83\x96");
    let octets = encoded(
        EncodeOptions::default(),
        "Cache-Control: private=\"Date, Etag\", no-store",
    );
    assert_eq!(octets, b"\xC7\x03\x87\x92\x93\xC7\x81");
}

#[test]
fn what_the_compact_form_cannot_say_is_text() {
    for text in [
        "Content-Length: many",
        "Date: tomorrow",
        "Push-Flag: 128",
        "Accept: text",
        "Accept-Charset: utf-8;q=2",
        "Content-MD5: AAEC",
        "Range: lines=1-2",
        "Content-Range: bytes */1025",
        "Retry-After: later",
        "Warning: 110 a.example unquoted",
        "Authorization: Basic !",
        "WWW-Authenticate: Digest nonce=\"n\"",
        "X-Wap-Loc-Invocation: <xml/>",
        "Cache-Control: max-age=old",
        "Set-Cookie: no-value",
    ] {
        let octets = encoded(EncodeOptions::default(), text);
        assert_eq!(decoded(&octets), [text]);
        assert!(matches!(only(&octets).name, HeaderName::Text(_)), "{text}");
    }
}

#[test]
fn numbers_of_later_encoding_versions_are_not_sent() {
    let options = EncodeOptions {
        encoding_version: Some((1, 2)),
        ..EncodeOptions::default()
    };
    assert_eq!(encoded(options, "Push-Flag: 4"), b"\xB4\x84");
    assert_eq!(
        encoded(options, "Encoding-Version: 1.2"),
        b"Encoding-Version\x001.2\0"
    );
    assert_eq!(
        encoded(options, "Accept: application/vnd.wap.mms-message"),
        b"\x80application/vnd.wap.mms-message\0"
    );
    assert_eq!(
        encoded(options, "Content-Type: text/plain; path=x"),
        b"\x91\x08\x83path\0x\0"
    );
    assert_eq!(
        encoded(options, "Accept: text/vnd.wap.emn+xml"),
        b"\x80text/vnd.wap.emn+xml\0"
    );
}

#[test]
fn malformed_values_do_not_end_the_set() {
    let cases: &[(&[u8], DecodeErrorCode, usize)] = &[
        (b"\x92text\0", DecodeErrorCode::WrongForm, 1),
        (b"\x92\0", DecodeErrorCode::EmptyValue, 1),
        (
            b"\x8D\x09\x01\0\0\0\0\0\0\0\0",
            DecodeErrorCode::IntegerTooLarge,
            1,
        ),
        (b"\xAF\x05\x01\0\0\0\0", DecodeErrorCode::IntegerTooLarge, 1),
        (b"\x84\x85", DecodeErrorCode::UnassignedToken, 1),
        (b"\x8F\x02\x01\x02", DecodeErrorCode::InvalidDigest, 1),
        (b"\xBB\x02\xEA\0", DecodeErrorCode::InvalidQuality, 3),
        (b"\x80\x02\x05\x01", DecodeErrorCode::ValueLengthOverrun, 2),
        (b"\xA5\x02\x85\x80", DecodeErrorCode::UnassignedToken, 2),
        (b"\xA3\x01\x80", DecodeErrorCode::Truncated, 3),
        (b"\xC1\x03\x80ab", DecodeErrorCode::UnterminatedText, 3),
        (b"\xB4\x02\x01\x02", DecodeErrorCode::WrongForm, 1),
        (b"\xC0\x81", DecodeErrorCode::WrongForm, 1),
    ];
    for (octets, code, offset) in cases {
        let mut both = octets.to_vec();
        both.extend(b"\xB4\x84");
        let mut headers = Headers::new(&both).into_iter();
        let HeaderValue::Malformed(malformed) = headers.next().unwrap().unwrap().value else {
            panic!("{octets:02X?}")
        };
        assert_eq!(
            malformed.error,
            DecodeError::new(*code, *offset),
            "{octets:02X?}"
        );
        assert_eq!(
            headers.next().unwrap().unwrap().to_string(),
            "Push-Flag: 4",
            "{octets:02X?}"
        );
        assert_eq!(headers.next(), None);
    }
}

#[test]
fn lengths_past_the_end_end_the_set() {
    let cases: &[(&[u8], DecodeErrorCode, usize)] = &[
        (b"\xB4", DecodeErrorCode::Truncated, 1),
        (
            b"\xB4\x84\x92\x04\x01",
            DecodeErrorCode::ValueLengthOverrun,
            3,
        ),
        (b"\x92\x1F", DecodeErrorCode::Truncated, 2),
        (
            b"\x92\x1F\xFF\xFF\xFF\xFF\xFF",
            DecodeErrorCode::UintvarTooLong,
            2,
        ),
        (b"\x93abc", DecodeErrorCode::UnterminatedText, 1),
        (b"X-Own", DecodeErrorCode::UnterminatedText, 0),
        (b"X-Own\0", DecodeErrorCode::Truncated, 6),
        (b"\x7F", DecodeErrorCode::Truncated, 1),
    ];
    for (octets, code, offset) in cases {
        let mut headers = Headers::new(octets).into_iter().skip_while(Result::is_ok);
        assert_eq!(
            headers.next(),
            Some(Err(DecodeError::new(*code, *offset))),
            "{octets:02X?}"
        );
        assert_eq!(headers.next(), None);
    }
}

#[test]
fn a_shift_of_the_code_page_lasts_to_the_next() {
    let octets = b"\xB4\x81\x7F\x40\xB4\x82\x10\x8Fabc\0\x01\xB4\x83\x00\xB4\x84";
    assert_eq!(
        decoded(octets),
        [
            "Push-Flag: 1",
            "X-Unknown-40-34: 2",
            "X-Unknown-10-0F: abc",
            "Push-Flag: 3",
            "Push-Flag: 4"
        ]
    );
    assert_eq!(
        Headers::new(octets).iter().nth(1).unwrap().unwrap().name,
        HeaderName::Unknown {
            page: 0x40,
            number: 0x34
        }
    );
}

#[test]
fn every_parameter_has_its_form() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x80\x0B", "q=0.1"),
        (b"\x81\xEA", "charset=utf-8"),
        (b"\x81\x80", "charset=*"),
        (b"\x81x-own\0", "charset=x-own"),
        (b"\x82\xC1", "level=4.1"),
        (b"\x82x\0", "level=x"),
        (b"\x83\x02\x01\x2C", "type=300"),
        (b"\x85a.txt\0", "name=a.txt"),
        (b"\x86a b\0", "filename=\"a b\""),
        (b"\x87\x93", "differences=Etag"),
        (b"\x88\x87", "padding=7"),
        (b"\x89\x82", "type=\"text/html\""),
        (b"\x89x/y\0", "type=\"x/y\""),
        (b"\x8A<a>\0", "start=\"<a>\""),
        (b"\x8Bx\0", "start-info=x"),
        (b"\x8Cx\0", "comment=x"),
        (b"\x8Dx.y\0", "domain=x.y"),
        (b"\x8E\xBC", "max-age=60"),
        (b"\x8F/\0", "path=\"/\""),
        (b"\x90\0", "secure"),
        (b"\x91\x83", "SEC=3"),
        (b"\x920A1B\0", "MAC=0A1B"),
        (
            b"\x93\x04\x35\x3F\x45\x11",
            "creation-date=\"Thu, 23 Apr 1998 13:41:37 GMT\"",
        ),
        (
            b"\x94\x01\x01",
            "modification-date=\"Thu, 01 Jan 1970 00:00:01 GMT\"",
        ),
        (
            b"\x95\x01\x02",
            "read-date=\"Thu, 01 Jan 1970 00:00:02 GMT\"",
        ),
        (b"\x96\xFF", "size=127"),
        (b"\x97\"a b\0", "name=\"a b\""),
        (b"\x98\"a\0", "filename=\"a\""),
        (b"\x99\"<a>\0", "start=\"<a>\""),
        (b"\x9Ax\0", "start-info=x"),
        (b"\x9Bx\0", "comment=x"),
        (b"\x9Cx\0", "domain=x"),
        (b"\x9D\"/a\0", "path=\"/a\""),
        (b"\x84\x81", "0x04=1"),
        (b"\x02\x01\x00x\0", "0x100=x"),
        (b"own\0\x81", "own=1"),
        (b"own\0x\0", "own=x"),
        (b"own\0\"x y\0", "own=\"x y\""),
        (b"own\0\0", "own"),
        (b"own\0\x09\x01\0\0\0\0\0\0\0\0", "own=0x010000000000000000"),
    ];
    for (parameter, text) in cases {
        let mut octets = vec![u8::try_from(parameter.len()).unwrap() + 1, 0x83];
        octets.extend(*parameter);
        let (content_type, consumed) = wap_wire::wsp::ContentType::decode(&octets).unwrap();
        assert_eq!(consumed, octets.len());
        assert_eq!(
            content_type.to_string(),
            format!("text/plain; {text}"),
            "{parameter:02X?}"
        );
        assert_eq!(content_type.parameters().count(), 1);
    }
    for &parameter in wap_wire::wsp::WellKnownParameter::ALL {
        assert!(
            cases
                .iter()
                .any(|(octets, _)| octets[0] == parameter.number() | 0x80),
            "{parameter:?}"
        );
    }
}

#[test]
fn parameters_are_encoded_with_their_numbers() {
    let cases: &[(&str, &[u8])] = &[
        ("text/plain; q=0.5", b"\x03\x83\x80\x33"),
        ("text/plain; q=1", b"\x83"),
        ("text/plain; CHARSET=\"UTF-8\"", b"\x03\x83\x81\xEA"),
        ("text/html; level=4.1", b"\x03\x82\x82\xC1"),
        ("text/plain; name=\"a b\"", b"\x07\x83\x97\"a b\0"),
        (
            "application/vnd.wap.multipart.related; type=text/html; start=<a>",
            b"\x08\xB3\x89\x82\x99<a>\0",
        ),
        (
            "multipart/own; type=text/html",
            b"\x19multipart/own\0\x83text/html\0",
        ),
        (
            "application/vnd.wap.connectivity-wbxml; SEC=USERPIN; MAC=0A",
            b"\x07\xB6\x91\x81\x920A\0",
        ),
        (
            "text/plain; own=1; own2=01; own3",
            b"\x14\x83own\0\x81own2\x0001\0own3\0\0",
        ),
        ("text/directory;profile=vCard", b"\x03\x02\x03\x09"),
        (
            "text/plain; size=300; secure",
            b"\x07\x83\x96\x02\x01\x2C\x90\0",
        ),
    ];
    for (text, octets) in cases {
        let mut encoder = wap_wire::wsp::Encoder::default();
        encoder.content_type(text).unwrap();
        assert!(
            encoder.as_bytes().starts_with(octets),
            "{text}: {:02X?}",
            encoder.as_bytes()
        );
    }
}

#[test]
fn a_malformed_parameter_does_not_hide_those_after_it() {
    let octets = b"\x0A\x83\x92\x81\x80\0\x96\x81own";
    let (content_type, _) = wap_wire::wsp::ContentType::decode(octets).unwrap();
    let values: Vec<_> = content_type
        .parameters()
        .map(|parameter| parameter.value)
        .collect();
    let malformed = |code, offset| ParameterValue::Malformed(DecodeError::new(code, offset));
    assert_eq!(values[0], malformed(DecodeErrorCode::WrongForm, 3));
    assert_eq!(values[1], malformed(DecodeErrorCode::InvalidQuality, 5));
    assert_eq!(values[2], ParameterValue::Integer(1));
    assert_eq!(values[3], malformed(DecodeErrorCode::UnterminatedText, 8));
    assert_eq!(values.len(), 4);
}
