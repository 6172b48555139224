use proptest::prelude::*;

use super::FramingFault as F;
use super::model::{End, judge};
use super::{Framing, FramingError, FramingLimits};
use crate::check::check_http_framing;

const POST: &str = "POST /wappush HTTP/1.1\r\n";
const OPTIONS: &str = "OPTIONS /wappush HTTP/1.1\r\n";

/// The part in which the octets of `framing` end.
fn part(framing: &Framing) -> Option<End> {
    let parts = [
        (framing.is_between_requests(), End::Between),
        (framing.is_within_head(), End::Head),
        (framing.is_within_body(), End::Body),
    ];
    let mut found = parts.into_iter().filter(|(is, _)| *is);
    let part = found.next().map(|(_, part)| part);
    assert!(found.next().is_none(), "{framing:?}");
    part
}

/// What `pieces` come to, given one after another.
fn checked(pieces: &[&[u8]], limits: FramingLimits) -> Result<(End, u64), FramingError> {
    let mut framing = Framing::new(limits);
    for piece in pieces {
        framing.check(piece)?;
    }
    Ok((part(&framing).unwrap(), framing.requests()))
}

/// What `octets` come to, in one piece and cut at every position, and by the model.
fn judged(octets: &[u8], limits: FramingLimits) -> Result<(End, u64), FramingError> {
    let whole = checked(&[octets], limits);
    for position in 0..=octets.len() {
        let (left, right) = octets.split_at(position);
        assert_eq!(checked(&[left, right], limits), whole, "cut at {position}");
    }
    let model = judge(octets, limits);
    assert_eq!(model.result.map(|end| (end, model.requests)), whole);
    whole
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn good_connections_pass_wherever_they_are_cut() {
    let many = format!("{OPTIONS}Host:\r\n\r\n").repeat(40);
    let good: &[(&str, String, End, u64)] = &[
        ("nothing", String::new(), End::Between, 0),
        ("an empty line", "\r\n".into(), End::Between, 0),
        ("half an empty line", "\r".into(), End::Head, 0),
        ("part of a method", "OPT".into(), End::Head, 1),
        ("no header", format!("{OPTIONS}\r\n"), End::Between, 1),
        (
            "an empty line before a request",
            format!("\r\n{OPTIONS}\r\n"),
            End::Between,
            1,
        ),
        (
            "an empty Host",
            format!("{OPTIONS}Host:\r\n\r\n"),
            End::Between,
            1,
        ),
        (
            "HTTP/1.0",
            "OPTIONS * HTTP/1.0\r\nHost: \r\n\r\n".into(),
            End::Between,
            1,
        ),
        ("pipelined", many, End::Between, 40),
        (
            "a value of any text",
            format!("{OPTIONS}x-own:  a\tb \u{e9}:;\"\\\" \r\n\r\n"),
            End::Between,
            1,
        ),
        (
            "a name of every token character",
            format!("{OPTIONS}!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n"),
            End::Between,
            1,
        ),
        (
            "a target of every character that a URI has",
            "OPTIONS http://[::1]:4035/-._~%20!$&'()*+,;=:@az09?a=b HTTP/1.1\r\n\r\n".into(),
            End::Between,
            1,
        ),
        (
            "Host once a request, and what is no Host",
            format!("{OPTIONS}Host: a\r\nHosts: a\r\nHose: a\r\n\r\n{OPTIONS}Host: a\r\n\r\n"),
            End::Between,
            2,
        ),
        (
            "Host among trailers, where it means nothing",
            format!(
                "{POST}Host: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: a\r\nHost: b\r\n\r\n"
            ),
            End::Between,
            1,
        ),
        (
            "names that begin like those that mean something",
            format!(
                "{OPTIONS}content-lengths: a\r\nContent-Type: b\r\ntransfer-encodings: c\r\n\r\n"
            ),
            End::Between,
            1,
        ),
        (
            "a length of nothing",
            format!("{POST}Content-Length: 0\r\n\r\n{OPTIONS}\r\n"),
            End::Between,
            2,
        ),
        (
            "content is not looked at",
            format!("{POST}cONTENT-lENGTH:\t 007 \t\r\n\r\n\0\r\n\n\r \x7f{OPTIONS}\r\n"),
            End::Between,
            2,
        ),
        (
            "part of the content",
            format!("{POST}Content-Length:5\r\n\r\n1234"),
            End::Body,
            1,
        ),
        (
            "the greatest length",
            format!("{POST}Content-Length: {}\r\n\r\n", u64::MAX),
            End::Body,
            1,
        ),
        (
            "chunks",
            format!(
                "{POST}Transfer-Encoding: Chunked \r\n\r\n3\r\n\r\n\0\r\n0A\r\n0123456789\r\n0\r\n\r\n"
            ),
            End::Between,
            1,
        ),
        (
            "trailers",
            format!("{POST}transfer-encoding:chunked\r\n\r\n00\r\nX-Own: 1\r\n\r\n{OPTIONS}\r\n"),
            End::Between,
            2,
        ),
        (
            "part of the trailers",
            format!("{POST}Transfer-Encoding: chunked\r\n\r\n0\r\nX-Ow"),
            End::Body,
            1,
        ),
        (
            "the greatest chunk",
            format!("{POST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
            End::Body,
            1,
        ),
    ];
    for (name, octets, end, requests) in good {
        let result = judged(octets.as_bytes(), FramingLimits::default());
        assert_eq!(result, Ok((*end, *requests)), "{name}");
    }
}

/// Octets that are refused, with the fault; a caret stands before the octet that shows it.
type Refused = [(F, &'static str)];

const REQUEST_LINES: &Refused = &[
    (F::EmptyLines, "\r\n^\r\nOPTIONS / HTTP/1.1\r\n\r\n"),
    (F::BareCr, "\r^a"),
    (F::BareLf, "^\nOPTIONS / HTTP/1.1\r\n\r\n"),
    (F::RequestLine, "^ OPTIONS / HTTP/1.1\r\n"),
    (F::RequestLine, "OPTIONS^\t/ HTTP/1.1\r\n"),
    (F::RequestLine, "OPTIONS ^ / HTTP/1.1\r\n"),
    (F::RequestLine, "OPTIONS / ^ HTTP/1.1\r\n"),
    (F::RequestLine, "OPTIONS /^\r\n"),
    (F::RequestLine, "OPTIONS / ^\r\n"),
    (F::RequestLine, "OPTIONS^\r\n"),
    (F::RequestLine, "OPTIONS / HTTP/1.1^ \r\n"),
    (F::RequestLine, "OPTIONS / HTTP/1.1^1\r\n"),
    (F::RequestLine, "OPT^:ONS / HTTP/1.1\r\n"),
    (F::RequestLine, "OPTIONS /^\u{e9} HTTP/1.1\r\n"),
    (F::RequestTarget, "OPTIONS ^<> HTTP/1.1\r\n"),
    (F::RequestTarget, "OPTIONS /a^#b HTTP/1.1\r\n"),
    (F::RequestTarget, "OPTIONS /^\"a\" HTTP/1.1\r\n"),
    (F::RequestTarget, "OPTIONS /^{a}|b HTTP/1.1\r\n"),
    (F::RequestTarget, "OPTIONS /a^\\b HTTP/1.1\r\n"),
    (F::RequestTarget, "OPTIONS /a^`b HTTP/1.1\r\n"),
    // What a handshake of TLS begins with.
    (F::ControlCharacter, "^\u{16}\u{3}\u{1}"),
    (F::ControlCharacter, "OPTIONS /^\0 HTTP/1.1\r\n"),
    (F::BareLf, "OPTIONS / HTTP/1.1^\n"),
    (F::BareLf, "OPTIONS /^\n"),
    (F::BareCr, "OPTIONS / HTTP/1.1\r^\r\n"),
    (F::Version, "OPTIONS / ^http/1.1\r\n"),
    (F::Version, "OPTIONS / HTTP/^2.0\r\n"),
    (F::Version, "OPTIONS / HTTP/1.^2\r\n"),
    (F::Version, "OPTIONS / HTTP/1^\r\n"),
    (F::Version, "PRI * HTTP/^2.0\r\n\r\nSM\r\n\r\n"),
    (F::Version, "OPTIONS / ^a HTTP/1.1\r\n"),
    (
        F::OldEncoding,
        "POST / HTTP/1.0\r\nTransfer-Encoding^: chunked\r\n",
    ),
];

/// Behind a request line.
const HEADERS: &Refused = &[
    (F::LeadingSpace, "^ Host: a\r\n"),
    (F::LeadingSpace, "^\tHost: a\r\n"),
    (F::FoldedLine, "X-Own: a\r\n^ b\r\n"),
    (F::FoldedLine, "X-Own: a\r\n^\tb\r\n"),
    (F::EmptyName, "^: a\r\n"),
    (F::SpaceBeforeColon, "Host^ : a\r\n"),
    (F::SpaceBeforeColon, "Content-Length^\t: 1\r\n"),
    (F::RepeatedHost, "Host: a\r\nHost^: a\r\n"),
    (F::RepeatedHost, "host:\r\nX-Own: a\r\nHOST^: b\r\n"),
    (F::HeaderName, "X-O^(wn: a\r\n"),
    (F::HeaderName, "X-Own^\r\n"),
    (F::HeaderName, "X-O^\"wn: a\r\n"),
    (F::HeaderName, "^\u{e9}: a\r\n"),
    (F::HeaderName, "^@: a\r\n"),
    (F::BareLf, "X-Own: a^\n"),
    (F::BareLf, "X-Own^\n"),
    (F::BareLf, "^\n"),
    (F::BareCr, "X-Own: a\r^b\r\n"),
    (F::BareCr, "X-Own: a\r^\r\n"),
    (F::BareCr, "\r^a"),
    (F::ControlCharacter, "X-Own: a^\0b\r\n"),
    (
        F::ControlCharacter,
        "X-Own: 0123456789abcdef0123456789abcdef^\u{b}b\r\n",
    ),
    (F::ControlCharacter, "X-Own: ^\u{7f}\r\n"),
    (F::ControlCharacter, "X-Own: \u{e9}^\u{1}\r\n"),
    (F::ControlCharacter, "X-O^\0wn: a\r\n"),
    (F::ControlCharacter, "^\u{7f}: a\r\n"),
    (F::Length, "Content-Length:^\r\n"),
    (F::Length, "Content-Length: ^\r\n"),
    (F::Length, "Content-Length: ^+1\r\n"),
    (F::Length, "Content-Length: ^-1\r\n"),
    (F::Length, "Content-Length: 1^,1\r\n"),
    (F::Length, "Content-Length: 1 ^1\r\n"),
    (F::Length, "Content-Length: 0^x1\r\n"),
    (F::Length, "Content-Length: 1844674407370955161^6\r\n"),
    (F::ControlCharacter, "Content-Length: 1^\0\r\n"),
    (F::BareLf, "Content-Length: 1^\n"),
    (F::BareCr, "Content-Length: 1\r^a"),
    (
        F::RepeatedLength,
        "Content-Length: 1\r\nContent-Length^: 1\r\n",
    ),
    (
        F::RepeatedLength,
        "Content-Length: 1\r\nX-Own: a\r\ncontent-length^: 2\r\n",
    ),
    (
        F::LengthAndEncoding,
        "Content-Length: 1\r\nTransfer-Encoding^: chunked\r\n",
    ),
    (
        F::LengthAndEncoding,
        "Transfer-Encoding: chunked\r\nContent-Length^: 1\r\n",
    ),
    (
        F::Encoding,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding^: chunked\r\n",
    ),
    (F::Encoding, "Transfer-Encoding: ^gzip\r\n"),
    (F::Encoding, "Transfer-Encoding: ^gzip, chunked\r\n"),
    (F::Encoding, "Transfer-Encoding: chunked^, chunked\r\n"),
    (F::Encoding, "Transfer-Encoding: chunked^;a=b\r\n"),
    (F::Encoding, "Transfer-Encoding: chunked ^a\r\n"),
    (F::Encoding, "Transfer-Encoding: ^xchunked\r\n"),
    (F::Encoding, "Transfer-Encoding: chunke^ d\r\n"),
    (F::Encoding, "Transfer-Encoding: chunke^\r\n"),
    (F::Encoding, "Transfer-Encoding: ^\r\n"),
    (F::ControlCharacter, "Transfer-Encoding: ^\u{b}chunked\r\n"),
    (F::BareLf, "Transfer-Encoding: chunked^\n"),
];

/// Behind the head of a chunked body.
const CHUNKS: &Refused = &[
    (F::ChunkSize, "^\r\n"),
    (F::ChunkSize, "^x\r\n"),
    (F::ChunkSize, "0^x1\r\n"),
    (F::ChunkSize, "^-1\r\n"),
    (F::ChunkSize, "^ 1\r\n"),
    (F::ChunkSize, "1^ \r\n"),
    (F::ChunkSize, "0000000000000001^0\r\n"),
    (F::ChunkSize, "^;a\r\n"),
    (F::ChunkExtension, "1^;a=b\r\n"),
    (F::ChunkExtension, "0^;\r\n"),
    (F::BareLf, "1^\n"),
    (F::BareCr, "1\r^a"),
    (F::ChunkEnd, "1\r\na^b\r\n"),
    (F::ChunkEnd, "1\r\na^\n"),
    (F::ChunkEnd, "2\r\na\r^\nb"),
    (F::BareCr, "1\r\na\r^a"),
    (F::TrailerFraming, "0\r\nContent-Length^: 1\r\n"),
    (
        F::TrailerFraming,
        "0\r\nX-Own: a\r\ntransfer-encoding^: chunked\r\n",
    ),
    (F::LeadingSpace, "0\r\n^ a\r\n"),
    (F::FoldedLine, "0\r\nX-Own: a\r\n^ a\r\n"),
    (F::BareLf, "0\r\n^\n"),
    (F::BareCr, "0\r\n\r^a"),
];

fn refused() -> impl Iterator<Item = (F, String)> {
    let chunked = format!("{POST}Transfer-Encoding: chunked\r\n\r\n");
    let tables = [
        (REQUEST_LINES, String::new()),
        (HEADERS, POST.to_owned()),
        (CHUNKS, chunked),
    ];
    tables.into_iter().flat_map(|(table, before)| {
        let row = move |(fault, text): &(F, &str)| (*fault, format!("{before}{text}"));
        table.iter().map(row)
    })
}

#[test]
fn what_can_be_read_two_ways_is_refused_wherever_it_is_cut() {
    for (fault, text) in refused() {
        let offset = text.find('^').unwrap();
        let octets = text.replacen('^', "", 1).into_bytes();
        let error = |offset: usize| FramingError {
            fault,
            offset: offset as u64,
        };
        let limits = FramingLimits::default();
        assert_eq!(judged(&octets, limits), Err(error(offset)), "{text:?}");
        // And so behind a request that is good.
        let good = format!("{POST}Content-Length: 2\r\n\r\n\r\n");
        let octets = [good.as_bytes(), &octets].concat();
        let offset = good.len() + offset;
        assert_eq!(judged(&octets, limits), Err(error(offset)), "{text:?}");
    }
}

#[test]
fn every_fault_but_those_of_limits_is_in_the_table_and_has_a_word_of_its_own() {
    let table: Vec<_> = refused().map(|(fault, _)| fault).collect();
    let mut words = Vec::new();
    for fault in F::ALL {
        let limit = matches!(fault, F::TooManyHeaders | F::HeadTooLong);
        assert_eq!(table.contains(fault), !limit, "{fault}");
        assert!(!words.contains(&fault.as_str()), "{fault}");
        words.push(fault.as_str());
    }
}

#[test]
fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
    let head = format!("{OPTIONS}Host: a\r\n\r\n");
    for length in 0..head.len() + 3 {
        let limits = FramingLimits {
            head_length: length,
            ..FramingLimits::default()
        };
        let expected = if length < head.len() {
            Err(FramingError {
                fault: F::HeadTooLong,
                offset: length as u64,
            })
        } else {
            Ok((End::Between, 1))
        };
        assert_eq!(judged(head.as_bytes(), limits), expected);
    }
}

#[test]
fn there_may_be_as_many_headers_as_the_limit_and_no_more() {
    for trailers in [false, true] {
        let start = if trailers {
            format!("{POST}Transfer-Encoding: chunked\r\n\r\n0\r\n")
        } else {
            POST.to_owned()
        };
        for headers in 1..6 {
            let head = format!("{start}{}", "a:\r\n".repeat(headers));
            let limits = FramingLimits {
                headers: 3,
                ..FramingLimits::default()
            };
            let result = judged(head.as_bytes(), limits);
            match headers {
                ..=3 => assert!(result.is_ok()),
                _ => assert_eq!(result.unwrap_err().fault, F::TooManyHeaders),
            }
        }
    }
}

#[test]
fn the_announced_length_is_that_of_the_last_request() {
    let mut framing = Framing::new(FramingLimits::default());
    framing.check(POST.as_bytes()).unwrap();
    framing.check(b"Content-Length: 1073741824\r\n").unwrap();
    assert_eq!(framing.announced_length(), None);
    framing.check(b"\r\n").unwrap();
    assert_eq!(framing.announced_length(), Some(1 << 30));
    assert!(framing.is_within_body());
    let mut framing = Framing::new(FramingLimits::default());
    framing
        .check(format!("{POST}Content-Length: 1\r\n\r\n1").as_bytes())
        .unwrap();
    assert_eq!(framing.announced_length(), Some(1));
    framing.check(format!("{OPTIONS}\r\n").as_bytes()).unwrap();
    assert_eq!(framing.announced_length(), None);
}

#[test]
fn a_head_that_nearly_comes_again_is_read_as_if_it_came_first() {
    let limits = FramingLimits {
        head_length: 70,
        headers: 3,
    };
    for head in [
        format!("{POST}Host:\r\nContent-Length: 4\r\nx: y\r\n\r\n"),
        format!("{POST}Host:\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        let body = if head.contains("chunked") {
            "4\r\nbody\r\n0\r\nx: y\r\n\r\n"
        } else {
            "body"
        };
        let again = format!("{head}{body}").repeat(3);
        assert_eq!(judged(again.as_bytes(), limits), Ok((End::Between, 3)));
        for at in 0..head.len() {
            for other in [b'\r', b'5', 0] {
                let mut octets = again.clone().into_bytes();
                octets[head.len() + body.len() + at] = other;
                // A result that differs from the model's is found by it.
                judged(&octets, limits).ok();
            }
        }
    }
}

#[test]
fn the_last_head_is_known_that_came_in_one_piece_and_is_not_long() {
    let mut framing = Framing::new(FramingLimits::default());
    assert!(framing.known.of(b"").is_none());
    let head = format!("{POST}Transfer-Encoding: chunked\r\n\r\n");
    let request = format!("\r\n{head}4\r\nbody\r\n0\r\nx: y\r\n\r\n");
    framing.check(request.as_bytes()).unwrap();
    let in_pieces = format!("{OPTIONS}\r\n");
    for octet in in_pieces.bytes() {
        framing.check(&[octet]).unwrap();
    }
    let long = format!("{OPTIONS}x: {}\r\n\r\n", "y".repeat(1_024));
    framing.check(long.as_bytes()).unwrap();
    let is_known = |framing: &Framing, head: &str| framing.known.of(head.as_bytes()).is_some();
    let known = [&head, &in_pieces, &long].map(|head| is_known(&framing, head));
    assert_eq!(known, [true, false, false]);
    framing.check(in_pieces.as_bytes()).unwrap();
    let known = [&head, &in_pieces].map(|head| is_known(&framing, head));
    assert_eq!(known, [false, true]);
}

#[test]
fn what_was_refused_stays_refused() {
    let mut framing = Framing::new(FramingLimits::default());
    let error = framing.check(b"\n").unwrap_err();
    assert_eq!(
        framing.check(format!("{OPTIONS}\r\n").as_bytes()),
        Err(error)
    );
    assert_eq!(part(&framing), None);
    assert_eq!(error.as_str(), "bareLf");
    assert_eq!(
        error.to_string(),
        "a line feed does not follow a carriage return (octet 0 of the connection)"
    );
}

/// Requests made of pieces of which most are good.
fn likely_octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => Just("POST /wappush HTTP/1.1\r\n".to_owned()),
        2 => Just("OPTIONS * HTTP/1.0\r\n".to_owned()),
        6 => Just("\r\n".to_owned()),
        3 => Just("Content-Length: 3\r\n\r\nabc".to_owned()),
        3 => Just("Transfer-Encoding: chunked\r\n\r\n".to_owned()),
        3 => "[0-9a-fA-F]{1,3}\r\n",
        2 => Just("3\r\nabc\r\n".to_owned()),
        3 => Just("0\r\n".to_owned()),
        4 => "[A-Za-z-]{1,20}:[ \t]?[ -~]{0,40}\r\n",
        2 => "(Content-Length|transfer-encoding): ?(chunked|[0-9]{1,21})\r\n",
        1 => "[ \t:;,\r\n\\x00\\x7f\u{e9}a0]{1,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_pieces_give_what_the_model_gives(
        octets in likely_octets(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        head_length in 20_usize..200,
        headers in 0_usize..5,
    ) {
        let mut octets = octets;
        for (at, octet) in changes {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
        }
        let limits = FramingLimits { head_length, headers };
        let model = judge(&octets, limits);
        let expected = model.result.map(|end| (end, model.requests));
        prop_assert_eq!(checked(&[&octets], limits), expected);
        cuts.sort_by_key(|cut| cut.index(octets.len() + 1));
        let mut pieces = Vec::new();
        let mut rest = &octets[..];
        for cut in cuts.iter().rev() {
            let at = cut.index(octets.len() + 1);
            let (left, right) = rest.split_at(at);
            pieces.insert(0, right);
            rest = left;
        }
        pieces.insert(0, rest);
        prop_assert_eq!(checked(&pieces, limits), expected);
    }

    #[test]
    fn any_octets_are_judged(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        check_http_framing(&octets);
    }
}
