//! Messages with chance in them: never a panic, and what is taken is right.

use proptest::prelude::*;

use super::torture::cases;
use super::*;
use crate::Backoff;
use crate::check::check_sip;

const PIECES: [&[u8]; 16] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\0",
    b"\xFF",
    b";",
    b",",
    b"<",
    b">",
    b"\"",
    b":",
    b"%",
    b"\r\n ",
    b"99999999999",
];

/// Changes octets here and there.
fn mutate(octets: &mut Vec<u8>, chance: &mut Backoff) {
    let mut roll = |sides: usize| usize::try_from(chance.next() % (sides.max(1) as u64)).unwrap();
    for _ in 0..=roll(2) {
        let at = roll(octets.len());
        match roll(9) {
            0 => octets.truncate(at),
            1 => drop(octets.splice(at..at, PIECES[roll(PIECES.len())].iter().copied())),
            2 => {
                let end = (at + roll(30)).min(octets.len());
                let piece = octets[at..end].to_vec();
                let to = roll(octets.len() + 1).min(octets.len());
                octets.splice(to..to, piece);
            }
            3 => drop(octets.drain(at..(at + roll(20)).min(octets.len()))),
            _ if octets.is_empty() => {}
            _ => octets[at] = u8::try_from(roll(256)).unwrap(),
        }
    }
}

#[test]
fn twenty_thousand_mutated_datagrams() {
    let cases = cases();
    let mut chance = Backoff::new(std::time::Duration::ZERO, std::time::Duration::ZERO, 4475);
    let (mut taken, mut answered, mut dropped) = (0, 0, 0);
    for round in 0..20_000 {
        let (name, mut octets, _) = cases[round % cases.len()].clone();
        if name != "longreq" {
            mutate(&mut octets, &mut chance);
        }
        match parsed(&octets) {
            Ok(incoming) => {
                taken += 1;
                agrees_with_the_library(&octets, &incoming);
            }
            Err(broken) => {
                is_refused_for_cause(&broken);
                if broken.request.is_some() {
                    answered += 1;
                } else {
                    dropped += 1;
                }
            }
        }
        if round % 20 == 0 {
            check_sip(&octets);
        }
    }
    assert!(
        taken > 2_000 && answered > 1_000 && dropped > 1_000,
        "{taken} {answered} {dropped}"
    );
}

/// What the library takes, we take as the same; and what its own validation finds, we refuse too. Max-Forwards alone may be missing: a
/// user agent has no use for it.
fn agrees_with_the_library(octets: &[u8], taken: &Incoming) {
    let limits = LIMITS.of_library();
    let library = sipx_sip::parse_datagram(Bytes::copy_from_slice(octets), &limits);
    match (taken, library) {
        (Incoming::Request(ours), Ok(sipx_sip::Message::Request(library))) => {
            assert_eq!(ours.method().as_str().as_bytes(), library.method.as_bytes());
            assert_eq!(ours.uri().as_bytes(), library.uri.to_bytes());
            assert_eq!(lines(ours), lines_of_library(&library.headers));
            assert_eq!(ours.body(), library.body());
            let findings = sipx_sip::validate_request(&library);
            assert!(
                findings.iter().all(sipx_sip::Finding::is_repairable),
                "{findings:?}"
            );
        }
        (Incoming::Response(ours), Ok(sipx_sip::Message::Response(library))) => {
            assert_eq!(lines(ours), lines_of_library(&library.headers));
            assert_eq!(ours.body(), library.body());
        }
        (Incoming::Ping | Incoming::Pong, _) => {}
        (ours, library) => panic!("{ours:?} is {library:?} for the library"),
    }
}

/// The header lines, each name in full.
fn lines<L>(message: &message::Message<L>) -> Vec<(String, String)> {
    let lines = message.headers_where(|_| true);
    lines
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn lines_of_library(headers: &sipx_sip::Headers) -> Vec<(String, String)> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let line = |header: &sipx_sip::Header| (text(header.name().canonical()), text(&header.value()));
    headers.iter().map(line).collect()
}

/// Nothing is refused because we, and not the library, cannot tell its lines apart.
fn is_refused_for_cause(broken: &Broken) {
    assert_ne!(broken.detail, APART, "{broken:?}");
}

/// Header lines that are nearly right.
fn line() -> impl Strategy<Value = String> {
    let name = "(Via|v|From|f|To|t|Call-ID|i|CSeq|Max-Forwards|Content-Length|l|Contact|m|X) ?:";
    let value = prop_oneof![
        "SIP/2.0/(UDP|TCP|X) (192.0.2.[19]|h.example.net|\\[::1\\])(:5060)?(;rport|;branch=z9hG4bK[a-c]?|;received=1.1.1.1){0,3}",
        "(\"[a-z,<\"]{0,4}\" ?)?<?sip:[a-z%@]{1,6}>?(;tag=[ab])?",
        "[0-9]{1,3} (MESSAGE|INVITE|ACK|CANCEL)",
        "[0-9]{0,2}",
        "[ -~]{0,12}",
    ];
    (name, value).prop_map(|(name, value)| format!("{name} {value}\r\n"))
}

proptest! {
    #[test]
    fn messages_that_are_nearly_right_are_answered(
        first in "(MESSAGE|INVITE|ACK|CANCEL|X) (sip:a@b|tel:1|x:y|<a>) SIP/2.0|SIP/2.0 [0-9]{3} ok",
        lines in prop::collection::vec(line(), 0..12),
        body in "[ -~\r\n]{0,20}",
    ) {
        let text = format!("{first}\r\n{}\r\n{body}", lines.concat());
        check_sip(text.as_bytes());
        match parsed(text.as_bytes()) {
            Ok(incoming) => agrees_with_the_library(text.as_bytes(), &incoming),
            Err(broken) => is_refused_for_cause(&broken),
        }
    }

    #[test]
    fn any_octets_are_taken_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        check_sip(&octets);
    }
}
