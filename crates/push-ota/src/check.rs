//! Properties that hold for any octets: what fuzz targets and tests call. Each function panics where one does not hold.

mod sip;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use push_message::{InitiatorTrust, PushApplicationId, PushMessage, UnixMillis};

use crate::http::framing::model::{self, End};
use crate::http::framing::{Framing, FramingLimits};
use crate::http::{
    AnnounceOn, Answer, Authentication, Connect, Connection, Contact, Cpi, CpiSettings,
    EntityLimits, Host, Peer, Ppg, PpgId, PushStatus, Pushed, Secret, Step, Terminal, TerminalId,
    Way, parse_entity,
};
use crate::msrp::{
    Budget, Opening, OpeningRefusal, Receiver, ReceiverOutput, ReceiverSettings, Uri,
};
use crate::sip::PushOutcome;

pub use sip::{SipAnswers, check_sip};

/// The limits of the check of [`check_http_framing`]: small, so that octets reach them.
const LIMITS: FramingLimits = FramingLimits {
    head_length: 400,
    headers: 8,
};

/// The octets of a connection of HTTP/1.1: in one piece, octet by octet and in two pieces, they are what the model says.
pub fn check_http_framing(data: &[u8]) {
    let expected = model::judge(data, LIMITS);
    let middle = data
        .first()
        .map_or(0, |octet| usize::from(*octet) % data.len());
    let (left, right) = data.split_at(middle);
    let octets: Vec<&[u8]> = data.chunks(1).collect();
    for pieces in [&[data][..], &[left, right], &octets] {
        let mut framing = Framing::new(LIMITS);
        let result = pieces.iter().try_for_each(|piece| framing.check(piece));
        assert_eq!(
            (result, framing.requests()),
            (expected.result.map(|_| ()), expected.requests)
        );
        let parts = [
            framing.is_between_requests(),
            framing.is_within_head(),
            framing.is_within_body(),
        ];
        let end = expected.result.ok();
        assert_eq!(
            parts,
            [End::Between, End::Head, End::Body].map(|part| end == Some(part))
        );
        if end.is_some() {
            assert_eq!(framing.announced_length(), expected.announced);
        }
        assert_eq!(framing.check(&[]), result);
    }
}

/// The limits of the check of [`check_http_entity`], of which octets reach each.
const ENTITY_LIMITS: EntityLimits = EntityLimits {
    message_length: 400,
    headers_length: 200,
    headers: 8,
};

/// An application/http entity: a message within the limits that is the same when it is written and read again, or an error within
/// the octets.
pub fn check_http_entity(data: &[u8]) {
    let trust = InitiatorTrust::default();
    match parse_entity(data, &ENTITY_LIMITS, trust) {
        Ok(message) => {
            assert!(message.headers.len() <= ENTITY_LIMITS.headers);
            assert!(message.content.len() <= ENTITY_LIMITS.message_length);
            let wide = EntityLimits {
                message_length: usize::MAX,
                headers_length: usize::MAX,
                headers: usize::MAX,
            };
            assert_eq!(parse_entity(&written(&message), &wide, trust), Ok(message));
        }
        Err(error) => assert!(error.offset <= data.len(), "{error}"),
    }
}

/// The message as an entity.
fn written(message: &PushMessage) -> Vec<u8> {
    let mut text = String::from("HTTP/1.1 200 OK\r\n");
    if message.headers.get("Content-Type").is_none() {
        text.push_str("Content-Type: ");
        text.push_str(message.content_type.media_type.as_str());
        for (name, value) in message.content_type.parameters.iter() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            text.extend([";", name, "=\"", &value, "\""]);
        }
        text.push_str("\r\n");
    }
    for (name, value) in message.headers.iter() {
        text.extend([name, ": ", value, "\r\n"]);
    }
    [text.as_bytes(), b"\r\n", &message.content].concat()
}

/// Heads of requests on three connections, one of each kind of peer: every one is answered, and with what it has to be answered.
/// Empty lines part requests; one whose first line begins with `P` is a push.
pub fn check_http_request_headers(data: &[u8]) {
    let settings = CpiSettings {
        charsets: Vec::new(),
        encodings: Vec::new(),
        languages: Vec::new(),
        max_message_length: 400,
        max_push_requests: 1,
        max_value_length: 100,
    };
    let cpi = Cpi::new([], ["text/plain"], &settings);
    let terminal = Arc::new(terminal());
    for (way, remote) in [
        (Way::Accepted, [192, 0, 2, 7]),
        (Way::Accepted, [203, 0, 113, 5]),
        (
            Way::Dialled {
                ppg: Some(PpgId("a".into())),
                assumed: None,
                prov_url: None,
            },
            [192, 0, 2, 7],
        ),
    ] {
        let peer = Peer {
            remote: SocketAddr::from((remote, 40_000)),
            local: SocketAddr::from(([192, 0, 2, 100], 4035)),
            way,
            tls_name: None,
        };
        let mut connection = Connection::new(Arc::clone(&terminal), peer, [7; 16]);
        let mut lines = data.split(|&octet| octet == b'\n').peekable();
        while lines.peek().is_some() {
            let head: Vec<&[u8]> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            check_request(&mut connection, &head, &cpi);
        }
    }
}

fn check_request(connection: &mut Connection, lines: &[&[u8]], cpi: &Cpi) {
    let now = UnixMillis(1_700_000_000_000);
    let push = lines.first().is_some_and(|line| line.starts_with(b"P"));
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = if push { Method::POST } else { Method::OPTIONS };
    head.uri = ::http::Uri::from_static("/wappush");
    for line in lines {
        let mut parts = line.splitn(2, |&octet| octet == b':');
        let name = parts.next().map(HeaderName::from_bytes);
        let value = parts.next().map(HeaderValue::from_bytes);
        if let (Some(Ok(name)), Some(Ok(value))) = (name, value) {
            head.headers.append(name, value);
        }
    }
    let asked = |name: &str| head.headers.contains_key(name);
    let answer = match connection.request(&head, cpi, now) {
        Step::Answer(answer) => answer,
        Step::Register(registering) => registering.answer(connection, push, cpi),
        Step::Push(push) => match push.body(connection, b"", now, [].into()) {
            Pushed::Answer(answer) => answer,
            Pushed::Judge(_, judging) => judging.answer(PushStatus::Accepted),
        },
    };
    check_answer(
        &answer,
        connection,
        asked("x-wap-authenticate"),
        asked("x-wap-push-ota-version"),
    );
}

fn check_answer(answer: &Answer, connection: &Connection, asked: bool, versioned: bool) {
    let headers = answer.response.headers();
    let value = |name: &str| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    let status = value("x-wap-push-status");
    assert_eq!(
        status.as_deref(),
        answer.push_status.map(PushStatus::as_str)
    );
    assert!(status.is_some());
    assert_eq!(value("x-wap-push-ota-version").is_some(), versioned);
    let authorization = value("x-wap-authorization");
    assert!(asked || authorization.is_none());
    let refused = authorization
        .as_deref()
        .is_some_and(|value| value.contains("x-wap-auth-status"));
    let http = answer.response.status();
    assert_eq!(http == StatusCode::PRECONDITION_FAILED, refused);
    assert_eq!(
        http == StatusCode::UNAUTHORIZED,
        value("www-authenticate").is_some()
    );
    if !refused && authorization.is_some_and(|value| value.starts_with("Basic")) {
        assert!(connection.ppg().is_some(), "a stranger has the password");
    }
}

/// A terminal with two gateways: one known by its address, and one that has to authenticate itself.
fn terminal() -> Terminal {
    let ppg = Ppg {
        id: PpgId("a".into()),
        contact: Some(Contact {
            host: Host::Ip([192, 0, 2, 7].into()),
            port: 4035,
            secure: false,
        }),
        addresses: Vec::new(),
        tls_name: None,
        prov_url: Some("".into()),
        terminal_id: None,
        terminal_secret: Some(Secret("hidden".into())),
        basic_in_clear: true,
        authentication: Authentication::None,
        ppg_secret: None,
        bearer: None,
        connect: Connect::Never,
        announce_on: AnnounceOn::NewConnection,
    };
    let other = Ppg {
        id: PpgId("b".into()),
        contact: None,
        prov_url: Some("u".into()),
        authentication: Authentication::Any,
        ppg_secret: Some(Secret("hidden".into())),
        ..ppg.clone()
    };
    Terminal {
        ppgs: vec![ppg, other],
        terminal_id: TerminalId::OfAddress,
        bearer: 0,
        versions: vec![(1, 0)],
        version_required: false,
        accept_stale_tag: false,
        accept_absent_tag: true,
        identified_only: false,
        max_message_length: 400,
        max_headers: 8,
        max_headers_length: 200,
        max_authentication_failures: 3,
        nonce_lifetime: Duration::from_mins(1),
    }
}

/// The bounds of the check of [`check_msrp`]: small, so that octets reach them.
fn receiver_settings() -> ReceiverSettings {
    ReceiverSettings {
        max_content: 300,
        max_messages: 2,
        max_remembered: 2,
        max_pieces: 4,
        max_waiting: 2,
        max_head: 400,
        idle_timeout: Duration::from_secs(30),
    }
}

/// Octets that the messages of [`check_msrp`] may have: enough for as many as there may be, because how much room is taken ahead
/// depends on how octets are split.
const BUDGET: usize = 600;

/// The octets of a connection of MSRP: in one piece, in small ones and in two pieces they lead to the same, within the bounds.
pub fn check_msrp(data: &[u8]) {
    let middle = data
        .first()
        .map_or(0, |octet| usize::from(*octet) % data.len());
    let (left, right) = data.split_at(middle);
    let small: Vec<&[u8]> = data.chunks(7).collect();
    let expected = msrp_session(&[data]);
    assert_eq!(msrp_session(&[left, right]), expected);
    assert_eq!(msrp_session(&small), expected);
    let mut opening = Opening::new(400);
    let named = opening.handle_octets(data);
    let mut other = Opening::new(400);
    let mut steps = small.iter().map(|piece| other.handle_octets(piece));
    let found = steps.find(|step| !matches!(step, Ok(None)));
    assert_eq!(found.unwrap_or(Ok(None)), named);
    opening.refusal(OpeningRefusal::NoSession);
    assert_eq!(opening.into_octets(), data);
}

/// What the octets lead to, before and after everything that came has been judged.
fn msrp_session(pieces: &[&[u8]]) -> Vec<ReceiverOutput> {
    let uris = ["msrp://h.test/s;tcp", "msrp://p.test/s;tcp"].map(Uri::parse);
    let [Ok(own), Ok(peer)] = uris else {
        return Vec::new();
    };
    let (budget, now) = (Budget::new(BUDGET), Duration::ZERO);
    let settings = receiver_settings();
    let mut receiver = Receiver::new(settings, own, &[peer], true, &budget, 7, now);
    let mut outputs = Vec::new();
    for piece in pieces {
        receiver.handle_octets(piece, now);
        assert!(budget.used() <= BUDGET);
        assert!(receiver.unfinished() <= budget.used());
        outputs.extend(std::iter::from_fn(|| receiver.poll_output()));
    }
    let ended = |output: &ReceiverOutput| matches!(output, ReceiverOutput::Ended { .. });
    let end = outputs.iter().position(ended);
    assert!(end.is_none_or(|end| end + 1 == outputs.len()));
    let tickets = outputs.iter().filter_map(|output| match output {
        ReceiverOutput::Message {
            ticket, content, ..
        } => {
            assert!(content.len() <= 300);
            Some(*ticket)
        }
        ReceiverOutput::Transmit(_)
        | ReceiverOutput::Failed { .. }
        | ReceiverOutput::Ended { .. } => None,
    });
    for ticket in tickets.collect::<Vec<_>>() {
        receiver.judged(ticket, PushOutcome::Delivered, now);
    }
    outputs.extend(std::iter::from_fn(|| receiver.poll_output()));
    drop(receiver);
    assert_eq!(budget.used(), 0);
    // So does how much had come of what failed.
    for output in &mut outputs {
        if let ReceiverOutput::Failed { length, .. } | ReceiverOutput::Ended { length, .. } = output
        {
            *length = 0;
        }
    }
    outputs
}

/// A session description: refused with a status, or answered with as many media as were offered.
pub fn check_sdp(data: &[u8]) {
    if let Ok(own) = Uri::parse("msrp://192.0.2.7:9/q;tcp") {
        crate::sip::check_offer(data, &own);
    }
}

/// A connectionless Push PDU: what it says is written as one again that says the same.
pub fn check_rewritten(data: &[u8]) {
    let limits = crate::wsp::connectionless::Limits::default();
    let Ok((transaction, message)) = crate::wsp::connectionless::unit_push(data, &limits) else {
        return;
    };
    let written = crate::wsp::rewritten::unit_push(&message, transaction)
        .unwrap_or_else(|error| panic!("{message:?} cannot be written: {error}"));
    // A number of more than 32 bits has no text that is an id.
    let named = message.headers.get("X-Wap-Application-Id");
    if named.is_some_and(|name| {
        PushApplicationId::parse(name)
            .ok()
            .is_none_or(|id| Some(id) != message.application)
    }) {
        return;
    }
    let limits = crate::wsp::connectionless::Limits {
        datagram_length: usize::MAX,
        headers_length: usize::MAX,
        ..limits
    };
    let again = crate::wsp::connectionless::unit_push(written.octets(), &limits)
        .unwrap_or_else(|error| panic!("{written:?}: {error}"));
    let shown =
        |message: &PushMessage| format!("{:?}; {:?}", message.headers, message.content_type);
    assert_eq!(
        shown(&again.1),
        shown(&message),
        "{:02x?} became {:02x?}",
        data,
        written.octets()
    );
    assert_eq!(again, (transaction, message));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    type Check = fn(&[u8]);

    const CHECKS: [(&str, Check); 6] = [
        ("http_framing", check_http_framing),
        ("http_entity", check_http_entity),
        ("http_request_headers", check_http_request_headers),
        ("msrp", check_msrp),
        ("sdp", check_sdp),
        ("sip", check_sip),
    ];

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/corpus")
            .join(target);
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let read = |path| fs::read(path).unwrap();
        files.into_iter().map(read).collect()
    }

    #[test]
    fn the_corpus_of_every_fuzz_target_passes() {
        for (target, check) in CHECKS {
            let files = corpus(target);
            assert!(!files.is_empty(), "{target} has no corpus");
            for octets in files {
                check(&octets);
            }
        }
    }

    /// Each octet of the corpus is changed to two or three of eleven others, which take turns from octet to octet and from file to file.
    fn corrupt(target: &str, check: Check) {
        const OTHERS: &[u8] = b"\0\t\r\n :;0A\x7F\xFF";
        const TURNS: usize = 5;
        for (number, octets) in corpus(target).into_iter().enumerate() {
            (0..octets.len()).for_each(|length| check(&octets[..length]));
            for position in 0..octets.len() {
                let turn = (number + position) % TURNS;
                for other in OTHERS.iter().skip(turn).step_by(TURNS) {
                    let mut changed = octets.clone();
                    changed[position] = *other;
                    check(&changed);
                }
            }
        }
    }

    #[test]
    fn every_truncation_and_changed_octet_of_the_corpus_of_http_passes() {
        for (target, check) in CHECKS {
            if target.starts_with("http") {
                corrupt(target, check);
            }
        }
    }

    #[test]
    fn every_truncation_and_changed_octet_of_the_corpus_of_sip_passes() {
        corrupt("sdp", check_sdp);
        corrupt("sip", check_sip);
    }

    #[test]
    fn every_truncation_and_changed_octet_of_the_corpus_of_msrp_passes() {
        corrupt("msrp", check_msrp);
    }

    /// Lines of headers that a gateway sends, with values that are nearly right.
    fn likely_line() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            Just("x-wap-authenticate"),
            Just("authorization"),
            Just("x-wap-push-ota-version"),
            Just("x-wap-push-provurl"),
            Just("x-wap-cpitag"),
            Just("x-wap-push-info"),
            Just("content-type"),
            Just("P"),
        ];
        let words = prop_oneof![
            "(Digest|Basic) ",
            "(realm|nonce|username|uri|response|qop|opaque|algorithm|x-wap-auth-status)=",
            "\"(a|b|6192000002100|/wappush|SHA-1|MD5|failed_retry)\"",
            "[ ,;=\"\\\\]{1,3}",
            "[a-z0-9./*]{1,6}",
            "YjpoaWRkZW4=|application/http|trusted|2\\.\\*|1\\.0",
        ];
        (name, prop::collection::vec(words, 0..8))
            .prop_map(|(name, words)| format!("{name}:{}\n", words.concat()))
    }

    proptest! {
        #[test]
        fn requests_that_are_nearly_right_are_answered(
            lines in prop::collection::vec(prop_oneof![8 => likely_line(), 1 => Just("\n".to_owned())], 0..12),
        ) {
            check_http_request_headers(lines.concat().as_bytes());
        }

        #[test]
        fn entities_that_are_nearly_right_are_read_or_refused(
            lines in prop::collection::vec("(X-A|Content-Type|Content-Length|X-Wap-Application-Id): ?[a-f0-9:/;=\" ]{0,12}\r\n", 0..9),
            content in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let text = format!("HTTP/1.1 200 OK\r\n{}\r\n", lines.concat());
            check_http_entity(&[text.as_bytes(), &content].concat());
        }
    }

    #[test]
    fn pushes_of_the_corpus_are_rewritten_whole_cut_and_changed() {
        for octets in corpus("unit_push") {
            check_rewritten(&octets);
            (0..octets.len()).for_each(|length| check_rewritten(&octets[..length]));
            for position in 0..octets.len().min(64) {
                for octet in [
                    0x00, 0x01, 0x1E, 0x1F, 0x20, 0x22, 0x2C, 0x7F, 0x80, 0x81, 0xFF,
                ] {
                    let mut changed = octets.clone();
                    changed[position] = octet;
                    check_rewritten(&changed);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_push_that_is_understood_is_rewritten(content_type in prop_oneof![Just(0x83_u8), Just(0xAE), Just(0xBE)], headers in prop::collection::vec(prop_oneof![
            4 => 0x80..=0xD0_u8,
            3 => 0x00..=0x08_u8,
            2 => 0x61..=0x66_u8,
            1 => prop_oneof![Just(0x1F), Just(0x22), Just(0x7F), Just(0x20), Just(b'='), Just(b',')],
            1 => any::<u8>(),
        ], 0..60)) {
            let length = u8::try_from(headers.len() + 1).unwrap();
            check_rewritten(&[&[7, 6, length, content_type], &headers[..], b"body"].concat());
        }
    }
}
