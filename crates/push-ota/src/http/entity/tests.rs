use proptest::prelude::*;

use super::*;

const LIMITS: EntityLimits = EntityLimits {
    message_length: 1 << 21,
    headers_length: 4096,
    headers: 32,
};

fn parse(octets: &[u8]) -> Result<PushMessage, EntityError> {
    parse_entity(octets, &LIMITS, InitiatorTrust::default())
}

/// An entity with these header lines, each with its CRLF, and this content.
fn entity(headers: &str, content: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", headers.as_bytes(), b"\r\n", content].concat()
}

fn error(octets: &[u8]) -> (EntityErrorCode, usize) {
    let error = parse(octets).unwrap_err();
    (error.code, error.offset)
}

#[test]
fn an_entity_gives_a_message() {
    let octets = entity(
        "Content-Type: Text/Plain; charset=\"utf-8\"; name=a.txt\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\
         Content-Length: 4\r\nX-A:one\r\nx-b: \t two \t\r\nX-A: \r\n",
        b"\x00\r\n\r",
    );
    let trust = InitiatorTrust {
        trusted: true,
        ..InitiatorTrust::default()
    };
    let message = parse_entity(&octets, &LIMITS, trust).unwrap();
    assert_eq!(message.application, Some(PushApplicationId::from_number(4)));
    assert_eq!(
        message.content_type.to_string(),
        "text/plain; charset=utf-8; name=a.txt"
    );
    let headers: Vec<_> = message.headers.iter().collect();
    assert_eq!(
        headers,
        [
            ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
            ("Content-Length", "4"),
            ("X-A", "one"),
            ("x-b", "two"),
            ("X-A", ""),
        ]
    );
    assert_eq!(*message.content, *b"\x00\r\n\r");
    assert_eq!(message.trust, trust);
}

#[test]
fn any_legal_status_line_will_do() {
    for line in [
        "HTTP/1.0 100 Continue",
        "HTTP/1.1 204 ",
        "HTTP/1.1 204",
        "HTTP/1.9 599 \u{e9} ?",
        "HTTP/1.1 404 Not Found",
    ] {
        assert!(
            parse(format!("{line}\r\n\r\n").as_bytes()).is_ok(),
            "{line}"
        );
    }
    for line in [
        "HTTP/1.1 099 x",
        "HTTP/1.1 600 x",
        "HTTP/1.1 20 x",
        "HTTP/1.1 2000 x",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/2.0 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/1.x 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1 200 a\u{1}b",
        " HTTP/1.1 200 OK",
        "POST /wappush HTTP/1.1",
        "",
    ] {
        let text = format!("{line}\r\n\r\n");
        assert_eq!(
            error(text.as_bytes()),
            (EntityErrorCode::StatusLine, 0),
            "{line}"
        );
    }
    let long = format!("HTTP/1.1 200 {}\r\n\r\n", "a".repeat(STATUS_LINE_LENGTH));
    assert_eq!(
        error(long.as_bytes()),
        (EntityErrorCode::StatusLine, STATUS_LINE_LENGTH)
    );
}

#[test]
fn what_breaks_the_grammar_is_refused_at_its_octet() {
    use EntityErrorCode as Code;
    // The status line has 17 octets.
    let cases: [(&str, Code, usize); 17] = [
        ("", Code::Truncated, 0),
        ("HTTP/1.1 200 OK", Code::Truncated, 15),
        ("HTTP/1.1 200 OK\r\n", Code::Truncated, 17),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", Code::Truncated, 23),
        ("HTTP/1.1 200 OK\n\r\n", Code::LineEnd, 15),
        ("HTTP/1.1 200\rOK\r\n\r\n", Code::LineEnd, 12),
        ("HTTP/1.1 200 OK\r\nA: b\n\r\n", Code::LineEnd, 21),
        ("HTTP/1.1 200 OK\r\nA: b\r\n\n", Code::LineEnd, 23),
        ("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", Code::LineEnd, 21),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Code::Fold, 23),
        ("HTTP/1.1 200 OK\r\n\tA: b\r\n\r\n", Code::Fold, 17),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Code::HeaderName, 18),
        ("HTTP/1.1 200 OK\r\nA\r\n\r\n", Code::HeaderName, 18),
        ("HTTP/1.1 200 OK\r\n: b\r\n\r\n", Code::HeaderName, 17),
        ("HTTP/1.1 200 OK\r\n\u{e9}: b\r\n\r\n", Code::HeaderName, 17),
        ("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", Code::HeaderValue, 20),
        (
            "HTTP/1.1 200 OK\r\nA: \u{7f}\r\n\r\n",
            Code::HeaderValue,
            20,
        ),
    ];
    for (text, code, offset) in cases {
        assert_eq!(error(text.as_bytes()), (code, offset), "{text:?}");
    }
}

#[test]
fn what_the_message_says_of_its_length_may_be_less_than_there_is_and_not_more() {
    for length in ["0", "3", "4", "0004"] {
        let message = parse(&entity(&format!("Content-Length: {length}\r\n"), b"four")).unwrap();
        assert_eq!(*message.content, *b"four", "{length}");
    }
    for (headers, code) in [
        (
            "Content-Length: 5\r\n",
            EntityErrorCode::ContentLengthOverrun,
        ),
        (
            "Content-Length: 18446744073709551615\r\n",
            EntityErrorCode::ContentLengthOverrun,
        ),
        (
            "Content-Length: 18446744073709551616\r\n",
            EntityErrorCode::ContentLength,
        ),
        ("Content-Length: -1\r\n", EntityErrorCode::ContentLength),
        ("Content-Length: +4\r\n", EntityErrorCode::ContentLength),
        ("Content-Length: 4, 4\r\n", EntityErrorCode::ContentLength),
        ("Content-Length: 0x4\r\n", EntityErrorCode::ContentLength),
        ("Content-Length:\r\n", EntityErrorCode::ContentLength),
        (
            "Content-Length: 4\r\nContent-Length: 4\r\n",
            EntityErrorCode::Contradiction,
        ),
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            EntityErrorCode::Contradiction,
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            EntityErrorCode::Contradiction,
        ),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            EntityErrorCode::TransferEncoding,
        ),
        ("Transfer-Encoding: \r\n", EntityErrorCode::TransferEncoding),
    ] {
        let error = parse(&entity(headers, b"four")).unwrap_err();
        assert_eq!(error.code, code, "{headers}");
    }
}

#[test]
fn chunks_are_joined_and_broken_ones_refused() {
    let chunked = |body: &[u8]| parse(&entity("Transfer-Encoding: Chunked\r\n", body));
    let message = chunked(b"3\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Trailer: a\r\n\r\n").unwrap();
    assert_eq!(*message.content, *b"abc0123456789");
    assert!(message.headers.is_empty());
    assert_eq!(*chunked(b"0\r\n\r\n").unwrap().content, *b"");
    let start = entity("Transfer-Encoding: Chunked\r\n", b"").len();
    for (body, code, offset) in [
        (&b""[..], EntityErrorCode::Chunk, 0),
        (b"3", EntityErrorCode::Chunk, 0),
        (b"\r\n", EntityErrorCode::Chunk, 0),
        (b"g\r\n", EntityErrorCode::Chunk, 0),
        (b"-3\r\nabc\r\n0\r\n\r\n", EntityErrorCode::Chunk, 0),
        (b"3;a=b\r\nabc\r\n0\r\n\r\n", EntityErrorCode::Chunk, 0),
        (b"3 \r\nabc\r\n0\r\n\r\n", EntityErrorCode::Chunk, 0),
        (b"3\nabc\r\n0\r\n\r\n", EntityErrorCode::Chunk, 0),
        (b"000000003\r\nabc\r\n0\r\n\r\n", EntityErrorCode::Chunk, 0),
        (b"ffffffff\r\nabc\r\n0\r\n\r\n", EntityErrorCode::Chunk, 0),
        (b"2\r\nabc\r\n0\r\n\r\n", EntityErrorCode::Chunk, 5),
        (b"3\r\nabc", EntityErrorCode::Chunk, 6),
        (b"3\r\nabc\n\n0\r\n\r\n", EntityErrorCode::Chunk, 6),
        (b"0\r\n", EntityErrorCode::Truncated, 3),
        (b"0\r\n\r\nx", EntityErrorCode::Chunk, 5),
        (b"0\r\nA b\r\n\r\n", EntityErrorCode::HeaderName, 4),
    ] {
        let error = chunked(body).unwrap_err();
        assert_eq!(
            (error.code, error.offset),
            (code, start + offset),
            "{}",
            body.escape_ascii()
        );
    }
}

#[test]
fn the_application_is_a_uri_or_a_hexadecimal_number() {
    let id = |value: &str| {
        let headers = format!("x-wap-application-id: {value}\r\n");
        parse(&entity(&headers, b"")).map(|message| message.application.unwrap())
    };
    let mms = PushApplicationId::from_number(4);
    for value in [
        "4",
        "04",
        "00000004",
        "x-wap-application:mms.ua",
        "urn:x-wap-application:mms.ua",
        "X-WAP-Application:MMS.UA;app-encoding=4",
        "x-wap-application:mms.ua ; App-Encoding = 99",
    ] {
        assert_eq!(id(value), Ok(mms.clone()), "{value}");
    }
    assert_eq!(id("10"), Ok(PushApplicationId::from_number(0x10)));
    assert_eq!(id("BEEF"), Ok(PushApplicationId::from_number(0xBEEF)));
    assert_eq!(id("ffffffff"), Ok(PushApplicationId::from_number(u32::MAX)));
    assert_eq!(
        id("x-acme:a;b"),
        Ok(PushApplicationId::parse("x-acme:a;b").unwrap())
    );
    for value in [
        "",
        "123456789",
        "0x4",
        "mms.ua",
        "x-a: b",
        ";app-encoding=4",
        "4;app-encoding=4",
    ] {
        let error = id(value).unwrap_err();
        assert_eq!(error.code, EntityErrorCode::ApplicationId, "{value}");
    }
    assert_eq!(
        error(&entity(
            "X-Wap-Application-Id: 4\r\nX-Wap-Application-Id: 4\r\n",
            b""
        )),
        (EntityErrorCode::Contradiction, 42)
    );
    assert_eq!(parse(&entity("", b"")).unwrap().application, None);
}

#[test]
fn content_that_nobody_described_is_octets() {
    for (headers, kept) in [
        ("", None),
        ("Content-Type: gibberish\r\n", Some("gibberish")),
        ("Content-Type:\r\n", Some("")),
        (
            "Content-Type: text/pl ain; a=b\r\n",
            Some("text/pl ain; a=b"),
        ),
    ] {
        let message = parse(&entity(headers, b"x")).unwrap();
        assert_eq!(message.content_type.media_type, MediaType::octet_stream());
        assert_eq!(message.headers.get("content-type"), kept, "{headers}");
    }
    let message = parse(&entity("Content-Type: text/plain; a=1; b\r\n", b"x")).unwrap();
    assert_eq!(message.content_type.to_string(), "text/plain; a=1");
    assert_eq!(
        message.headers.get("content-type"),
        Some("text/plain; a=1; b")
    );
    assert_eq!(
        error(&entity(
            "Content-Type: text/plain\r\nContent-Type: text/html\r\n",
            b""
        )),
        (EntityErrorCode::Contradiction, 43)
    );
}

#[test]
fn values_that_are_no_utf8_are_latin1() {
    let octets = [
        b"HTTP/1.1 200 OK\r\nX-A: \xE9t\xE9\r\nX-B: ".as_slice(),
        "\u{e9}".as_bytes(),
        b"\r\n\r\n",
    ]
    .concat();
    let message = parse(&octets).unwrap();
    assert_eq!(message.headers.get("X-A"), Some("\u{e9}t\u{e9}"));
    assert_eq!(message.headers.get("X-B"), Some("\u{e9}"));
}

#[test]
fn limits_hold_before_anything_is_made() {
    let octets = entity("X-A: a\r\nX-B: b\r\n", b"body");
    let with = |limits: EntityLimits| parse_entity(&octets, &limits, InitiatorTrust::default());
    let limits = EntityLimits {
        message_length: octets.len() - 17,
        headers_length: 18,
        headers: 2,
    };
    assert!(with(limits).is_ok());
    for (limits, code, offset) in [
        (
            EntityLimits {
                message_length: limits.message_length - 1,
                ..limits
            },
            EntityErrorCode::MessageTooLong,
            octets.len() - 1,
        ),
        (
            EntityLimits {
                headers_length: 17,
                ..limits
            },
            EntityErrorCode::HeadersTooLong,
            34,
        ),
        (
            EntityLimits {
                headers: 1,
                ..limits
            },
            EntityErrorCode::TooManyHeaders,
            25,
        ),
    ] {
        assert_eq!(with(limits), Err(EntityError { code, offset }));
    }
}

#[test]
fn headers_outside_an_entity_make_a_message_within_the_same_limits() {
    let headers: [(&str, &[u8]); 3] = [
        ("content-type", b"text/plain;charset=utf-8"),
        ("x-wap-application-id", b"2"),
        ("x-a", b"b"),
    ];
    let parse = |limits: &EntityLimits| {
        read_bare(
            headers,
            b"body",
            limits,
            InitiatorTrust::default(),
            &mut Spellings::default(),
        )
    };
    let message = parse(&LIMITS).unwrap();
    assert_eq!(message.application, Some(PushApplicationId::WML_UA));
    assert_eq!(
        message.content_type.to_string(),
        "text/plain; charset=utf-8"
    );
    assert_eq!(message.headers.len(), 2);
    assert_eq!(*message.content, *b"body");
    for (limits, code) in [
        (
            EntityLimits {
                headers: 2,
                ..LIMITS
            },
            EntityErrorCode::TooManyHeaders,
        ),
        (
            EntityLimits {
                headers_length: 40,
                ..LIMITS
            },
            EntityErrorCode::HeadersTooLong,
        ),
        (
            EntityLimits {
                message_length: 40,
                ..LIMITS
            },
            EntityErrorCode::MessageTooLong,
        ),
    ] {
        assert_eq!(parse(&limits).unwrap_err().code, code);
    }
}

/// Were any of these read more than a few times over, this would not end while somebody waits.
#[test]
fn large_hostile_entities_are_read_once() {
    let limits = EntityLimits {
        message_length: 1 << 25,
        headers_length: 1 << 25,
        headers: 1 << 22,
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let mut chunks = b"1\r\na\r\n".repeat(1 << 18);
    chunks.extend_from_slice(b"0\r\n\r\n");
    let shapes = [
        (entity(&"a:\r\n".repeat(1 << 18), b""), true),
        (
            entity(&format!("a: {}\r\n", "b".repeat(1 << 20)), b""),
            true,
        ),
        (entity(&"a".repeat(1 << 20), b""), false),
        (entity(&"\r".repeat(1 << 20), b""), false),
        (entity(chunked, &chunks), true),
        (entity(chunked, &b"1".repeat(1 << 20)), false),
        (entity(chunked, &b"1\r\na\r\n".repeat(1 << 18)), false),
        (
            entity(
                &format!("Content-Type: a/b{}\r\n", ";a=b".repeat(1 << 18)),
                b"",
            ),
            true,
        ),
        (
            entity(
                &format!("X-Wap-Application-Id: {}\r\n", "a:;".repeat(1 << 18)),
                b"",
            ),
            false,
        ),
    ];
    for (index, (octets, taken)) in shapes.iter().enumerate() {
        let message = parse_entity(octets, &limits, InitiatorTrust::default());
        assert_eq!(message.is_ok(), *taken, "{index}");
    }
}

fn header_name() -> impl Strategy<Value = String> {
    "X-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}"
}

fn header_value() -> impl Strategy<Value = String> {
    "([!-~\u{a0}-\u{2000}]([ -~\t]{0,20}[!-~])?)?"
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        headers in prop::collection::vec((header_name(), header_value()), 0..12),
        content in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(1..60_usize, 0..8),
        chunked in any::<bool>(),
    ) {
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let mut body = content.clone();
        if chunked {
            lines.push("Transfer-Encoding: chunked\r\n".to_owned());
            body.clear();
            let mut rest = content.as_slice();
            for cut in cuts.into_iter().chain([content.len()]) {
                let (chunk, next) = rest.split_at(cut.min(rest.len()));
                rest = next;
                if !chunk.is_empty() {
                    body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    body.extend_from_slice(chunk);
                    body.extend_from_slice(b"\r\n");
                }
            }
            body.extend_from_slice(b"0\r\n\r\n");
        }
        let message = parse(&entity(&lines.concat(), &body)).unwrap();
        let read: Vec<_> = message
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        prop_assert_eq!(read, headers);
        prop_assert_eq!(&*message.content, content.as_slice());
    }

    #[test]
    fn any_octets_give_a_message_or_a_place(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = parse(&octets) {
            prop_assert!(error.offset <= octets.len(), "{}", error);
        }
    }

    #[test]
    fn nearly_right_octets_give_a_message_or_a_place(
        lines in prop::collection::vec("[A-Ca-c:; \t\r\n0-9=/\"]{0,12}\r?\n?|Content-Length: [0-9]{1,3}\r\n|Transfer-Encoding: chunked\r\n|Content-Type: a/b[;=\"a ]{0,8}\r\n", 0..8),
        content in "[0-9a-f\r\n]{0,30}",
    ) {
        let octets = entity(&lines.concat(), content.as_bytes());
        if let Err(error) = parse(&octets) {
            prop_assert!(error.offset <= octets.len(), "{}", error);
        }
    }

    /// Few different lines, so that heads come again, as a whole and in their beginnings.
    #[test]
    fn what_was_written_before_changes_nothing(
        entities in prop::collection::vec(
            (
                prop::collection::vec(
                    prop::sample::select(vec![
                        "Content-Type: text/plain;a=b\r\n",
                        "Content-Length: 3\r\n",
                        "Transfer-Encoding: chunked\r\n",
                        "X-Wap-Application-Id: 4\r\n",
                        "X-A: b\r\n",
                        "X-A\r\n",
                    ]),
                    0..3,
                ),
                prop::sample::select(vec!["", "abc", "X-A: b\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "0123456789abcdefghijklmnopqrstuvwxyz"]),
            ),
            1..12,
        ),
    ) {
        let limits = EntityLimits { message_length: 60, headers_length: 50, headers: 2 };
        let trust = InitiatorTrust::default();
        let mut spellings = Spellings::default();
        for (lines, content) in entities {
            let octets = entity(&lines.concat(), content.as_bytes());
            let read = read_entity(&octets, &limits, trust, &mut spellings);
            prop_assert_eq!(read, parse_entity(&octets, &limits, trust));
        }
    }
}
