//! Answers, one test for each of them; and what becomes of a MESSAGE.

use proptest::prelude::*;
use push_message::{Bearer, Protocol, PushApplicationId, ReceivedPush, ServerAddress};

use super::harness::{OURS, Terminal, message, parsed, request, settings, text};
use super::*;
use crate::sip::{OtherInstances, SipNote};

const PLAIN: &str = "Content-Type: text/plain\r\n";

fn terminal() -> Terminal {
    Terminal::new(&settings())
}

fn with(change: impl FnOnce(&mut AgentSettings)) -> Terminal {
    let mut settings = settings();
    change(&mut settings);
    Terminal::new(&settings)
}

fn id(text: &str) -> PushApplicationId {
    PushApplicationId::parse(text).unwrap()
}

//= specs/ota-sip.md#requests
//= type=test
//# A response MUST repeat Via, From, Call-ID and CSeq of its request, and have a To tag.
//= specs/ota-sip.md#push-by-message
//= type=test
//# A 2xx response to MESSAGE MUST NOT have a body.
//= specs/ota-sip.md#push-by-message
//= type=test
//# A 2xx response to MESSAGE MUST NOT have a Contact.
//= specs/ota-sip.md#push-by-message
//= type=test
//# A push by MESSAGE MUST NOT be answered with success before the terminal has taken responsibility for it.
#[test]
fn a_push_that_was_delivered_is_answered_with_200() {
    let mut terminal = terminal();
    let response = terminal.judged(&message(PLAIN, "hello"), PushOutcome::Delivered);
    let tag = "\u{0}";
    assert_eq!(
        text(&response).replace(response.to_tag().unwrap(), tag),
        format!(
            "SIP/2.0 200 OK\r\n\
             Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKcore\r\n\
             Via: SIP/2.0/UDP 192.0.2.9:5090;branch=z9hG4bKpsa\r\n\
             From: <sip:psa@example.net>;tag=p1\r\n\
             To: <sip:alice@example.net>;tag={tag}\r\n\
             Call-ID: c1@example.net\r\n\
             CSeq: 4 MESSAGE\r\n\
             Content-Length: 0\r\n\r\n"
        )
    );
    assert_eq!(response.to_tag().map(str::len), Some(20));
    let again = terminal.judged(&message(PLAIN, "hello"), PushOutcome::Duplicate);
    assert_eq!(again.status(), 200);
    assert_ne!(again.to_tag(), response.to_tag());
}

#[test]
fn a_push_that_was_stored_is_answered_with_202_or_as_the_settings_say() {
    let text = message(PLAIN, "hello");
    let status = |terminal: &mut Terminal| terminal.judged(&text, PushOutcome::Stored).status();
    assert_eq!(status(&mut terminal()), 202);
    let mut other = with(|settings| settings.serving.stored_status = 200);
    assert_eq!(status(&mut other), 200);
}

//= specs/ota-sip.md#requests
//= type=test
//# A request whose content type is not taken MUST be refused with 415 and Accept.
#[test]
fn content_that_nobody_takes_is_answered_with_415_and_accept() {
    let response = terminal().judged(&message(PLAIN, "hello"), PushOutcome::ContentType);
    assert_eq!(response.status(), 415);
    assert_eq!(
        response.header("Accept").as_deref(),
        Some("application/vnd.wap.mms-message, text/*")
    );
}

//= specs/ota-sip.md#requests
//= type=test
//# A request whose content encoding is not taken MUST be refused with 415 and Accept-Encoding.
#[test]
fn an_encoding_is_answered_with_415_and_accept_encoding() {
    let mut terminal = terminal();
    for line in ["Content-Encoding: gzip", "e: identity, x-own"] {
        let (response, word) = terminal.refused(&message(&format!("{PLAIN}{line}\r\n"), "hello"));
        assert_eq!((response.status(), word), (415, "encoding"));
        let taken = response.header("Accept-Encoding");
        assert_eq!(taken.as_deref(), Some("identity"));
    }
    terminal.push(&message(
        "Content-Encoding: Identity\r\nc: text/plain\r\n",
        "hello",
    ));
}

//= specs/ota-sip.md#feature-tags
//= type=test
//# A push for a Push Resource Identifier that no application holds MUST be refused even though the core let it through.
#[test]
fn a_push_for_nobody_or_for_several_is_answered_with_480() {
    for outcome in [PushOutcome::NoSuchApplication, PushOutcome::Ambiguous] {
        let extra = format!("{PLAIN}Accept-Contact: *;+g.oma.pusheventapp=\"other.ua\"\r\n");
        let response = terminal().judged(&message(&extra, "hello"), outcome);
        assert_eq!(response.status(), 480);
        assert_eq!(response.header("Retry-After"), None);
    }
}

#[test]
fn a_push_that_may_come_again_is_answered_with_480_and_retry_after() {
    let mut terminal = with(|settings| settings.serving.retry_after = 9);
    let response = terminal.judged(&message(PLAIN, "hello"), PushOutcome::NotYet);
    assert_eq!(response.status(), 480);
    assert_eq!(response.header("Retry-After").as_deref(), Some("9"));
}

#[test]
fn an_unlisted_server_is_answered_with_403_or_silently_with_200() {
    let text = message(PLAIN, "hello");
    let status = |terminal: &mut Terminal| {
        terminal
            .judged(&text, PushOutcome::ServerNotListed)
            .status()
    };
    assert_eq!(status(&mut terminal()), 403);
    let mut silent = with(|settings| settings.serving.silent_refusal = true);
    assert_eq!(status(&mut silent), 200);
}

#[test]
fn a_push_without_room_is_answered_with_486() {
    let response = terminal().judged(&message(PLAIN, "hello"), PushOutcome::NoRoom);
    assert_eq!(response.status(), 486);
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that is malformed MUST NOT be delivered.
#[test]
fn what_is_malformed_is_answered_with_400() {
    let mut terminal = with(|settings| settings.serving.unpack_envelope = true);
    let envelope = "Content-Type: application/vnd.oma.push\r\n";
    for (extra, body, expected) in [
        ("", "hello", "contentType"),
        ("Content-Type: none\r\n", "hello", "contentType"),
        (envelope, "no header\r\n\r\n", "envelope"),
        (envelope, "A: b\r\n", "envelope"),
    ] {
        let (response, word) = terminal.refused(&message(extra, body));
        assert_eq!((response.status(), word), (400, expected), "{extra}{body}");
    }
    let many = PLAIN.to_owned() + &"X-A: b\r\n".repeat(128);
    let (response, word) = terminal.refused(&message(&many, "hello"));
    assert_eq!((response.status(), word), (400, "size"));
    assert!(terminal.serving.is_idle());
}

#[test]
fn content_beyond_the_limit_is_answered_with_413() {
    let mut terminal = with(|settings| settings.serving.max_content = 5);
    terminal.push(&message(PLAIN, "hello"));
    let (response, word) = terminal.refused(&message(PLAIN, "hello!"));
    assert_eq!((response.status(), word), (413, "size"));
}

//= specs/ota-sip.md#requests
//= type=test
//# A method that the terminal does not take MUST be refused with 405 and Allow.
#[test]
fn other_methods_are_answered_with_405_and_allow() {
    let mut whole = terminal();
    let mut small = with(|settings| settings.sessions.enabled = false);
    for method in [
        "SUBSCRIBE",
        "REFER",
        "REGISTER",
        "PUBLISH",
        "INFO",
        "UPDATE",
        "message",
    ] {
        let (response, word) = whole.refused(&request(method, "", ""));
        assert_eq!((response.status(), word), (405, "method"), "{method}");
        assert_eq!(
            response.header("Allow").as_deref(),
            Some("INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE")
        );
        let (response, _) = small.refused(&request(method, "", ""));
        let allow = response.header("Allow");
        assert_eq!(allow.as_deref(), Some("OPTIONS, MESSAGE"));
    }
    let (response, _) = small.refused(&request("INVITE", "", ""));
    assert_eq!(response.status(), 405);
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that requires an extension which the terminal does not have MUST be refused with 420 and Unsupported.
#[test]
fn an_unknown_extension_is_answered_with_420_and_unsupported() {
    let mut terminal = terminal();
    for (lines, unsupported) in [
        ("Require: timer\r\n", "timer"),
        (
            "Require: pref, x\r\nRequire: GRUU\r\nProxy-Require: 100rel, path\r\n",
            "x, 100rel",
        ),
    ] {
        for method in ["MESSAGE", "OPTIONS", "INVITE"] {
            let (response, word) = terminal.refused(&request(method, lines, ""));
            assert_eq!((response.status(), word), (420, "extension"));
            let named = response.header("Unsupported");
            assert_eq!(named.as_deref(), Some(unsupported));
        }
    }
    let known = format!("{PLAIN}Require: pref\r\nSupported: timer\r\n");
    terminal.push(&message(&known, "hello"));
}

//= specs/ota-sip.md#requests
//= type=test
//# A notification without subscription MUST be refused with 481.
//= specs/ota-sip.md#requests
//= type=test
//# A request within a dialog that does not exist MUST be refused with 481.
#[test]
fn notifications_and_requests_of_no_dialog_are_answered_with_481() {
    let mut terminal = terminal();
    for (method, tag) in [
        ("NOTIFY", ""),
        ("NOTIFY", ";tag=t"),
        ("BYE", ""),
        ("BYE", ";tag=t"),
        ("MESSAGE", ";tag=t"),
        ("OPTIONS", ";tag=t"),
        ("INVITE", ";tag=t"),
    ] {
        let text = request(method, "Event: presence\r\n", "");
        let text = text.replace(
            "To: <sip:alice@example.net>",
            &format!("To: <sip:alice@example.net>{tag}"),
        );
        let (response, _) = terminal.refused(&text);
        assert_eq!(response.status(), 481, "{method} {tag}");
    }
    // An ACK of nothing is dropped.
    let ack = parsed(&request("ACK", "", ""));
    terminal.serving.ack(&ack, harness::route(), terminal.now);
    assert!(terminal.take().is_empty());
}

#[test]
fn whoever_is_not_the_core_is_answered_with_403_unless_anybody_is_taken() {
    let mut strict = terminal();
    strict.from_core = false;
    for method in ["MESSAGE", "OPTIONS", "INVITE", "NOTIFY", "BYE"] {
        let (response, word) = strict.refused(&request(method, "", ""));
        assert_eq!((response.status(), word), (403, "notFromCore"), "{method}");
    }
    let mut open = with(|settings| settings.serving.accept_from = AcceptFrom::Anyone);
    open.from_core = false;
    open.push(&message(PLAIN, "hello"));
}

#[test]
fn what_comes_when_too_much_is_judged_or_at_the_end_is_answered_with_503() {
    let mut terminal = with(|settings| settings.transactions.max_unanswered = 2);
    let (_, ticket, _) = terminal.push(&message(PLAIN, "1"));
    terminal.push(&message(PLAIN, "2"));
    let (response, word) = terminal.refused(&message(PLAIN, "3"));
    assert_eq!((response.status(), word), (503, "overload"));
    assert_eq!(response.header("Retry-After").as_deref(), Some("5"));
    terminal.serving.judged(
        ticket,
        PushOutcome::Delivered,
        &terminal.announced,
        terminal.now,
    );
    assert_eq!(terminal.take().len(), 1);
    terminal.push(&message(PLAIN, "3"));
    terminal.serving.stop();
    let (response, word) = terminal.refused(&message(PLAIN, "4"));
    assert_eq!((response.status(), word), (503, "stopping"));
    assert!(!terminal.serving.is_idle());
}

#[test]
fn a_push_whose_flow_has_ended_is_forgotten() {
    let mut terminal = terminal();
    let (_, ticket, _) = terminal.push(&message(PLAIN, "1"));
    terminal.serving.flow_ended(FlowId(3));
    assert!(!terminal.serving.is_idle());
    terminal.serving.flow_ended(FlowId(1));
    assert!(terminal.serving.is_idle());
    terminal.serving.judged(
        ticket,
        PushOutcome::Delivered,
        &terminal.announced,
        terminal.now,
    );
    assert!(terminal.take().is_empty());
}

//= specs/ota-sip.md#capabilities
//= type=test
//# An OPTIONS request of the core MUST be answered with the same set of Push Resource Identifiers, types and methods.
#[test]
fn options_are_answered_with_what_the_terminal_takes() {
    let mut terminal = terminal();
    let (id, mut outputs) =
        terminal.request(&request("OPTIONS", "Accept: application/sdp\r\n", ""));
    let response = harness::responded(outputs.pop(), id);
    let whole = text(&response);
    let behind = whole.split("CSeq: 4 OPTIONS\r\n").nth(1);
    assert_eq!(
        behind,
        Some(
            "Contact: <sip:alice@192.0.2.7:5070>;+g.oma.pusheventapp=\"mms.ua,ulp.ua\";\
             +g.3gpp.iari-ref=\"urn%3Aurn-7%3A3gpp-application.ims.iari.example.one\"\r\n\
             Accept: application/vnd.wap.mms-message, text/*\r\n\
             Accept-Encoding: identity\r\n\
             Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE\r\n\
             Supported: path, gruu\r\n\
             Content-Length: 0\r\n\r\n"
        )
    );
    assert!(whole.starts_with("SIP/2.0 200 OK\r\n"));
    terminal.announced = Announced::default();
    let (id, mut outputs) = terminal.request(&request("OPTIONS", "", ""));
    let response = harness::responded(outputs.pop(), id);
    let contact = response.header("Contact");
    assert_eq!(contact.as_deref(), Some("<sip:alice@192.0.2.7:5070>"));
    assert_eq!(response.header("Accept").as_deref(), Some(""));
}

#[test]
fn a_push_has_everything_that_its_application_is_shown() {
    let mut terminal = terminal();
    let (_, _, push) = terminal.push(&message(
        "P-Asserted-Identity: <tel:+4917099999>, \"A, B\" <sips:psa@example.net;user=phone>\r\n\
         P-Asserted-Identity: <sip:other@example.net>\r\n\
         Accept-Contact: *;+g.oma.pusheventapp=\"ulp.ua\";require;explicit\r\n\
         User-Agent: push-server/OMA1.0\r\n\
         X-First: one\r\n\
         s: A subject\r\n\
         Route: <sip:192.0.2.7;lr>\r\n\
         c: Text/Plain;charset=\"utf-8\";x=y\r\n\
         Content-Language: en\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 GMT\r\n\
         Expires: 60\r\n",
        "hello",
    ));
    let ReceivedPush {
        message,
        origin,
        received,
    } = &*push;
    assert_eq!(message.application, Some(id("x-oma-application:ulp.ua")));
    assert_eq!(
        message.content_type.to_string(),
        "text/plain; charset=utf-8; x=y"
    );
    assert_eq!(&*message.content, b"hello");
    assert_eq!(
        message.headers.iter().collect::<Vec<_>>(),
        [
            ("X-First", "one"),
            ("Subject", "A subject"),
            ("Content-Language", "en"),
            ("Date", "Sat, 21 Nov 2026 10:00:00 GMT"),
            ("Expires", "60"),
            ("Content-Length", "5"),
        ]
    );
    assert_eq!(received.0, 1_700_000_000_000);
    assert_eq!(
        (origin.protocol, origin.bearer),
        (Protocol::OtaSip, Bearer::Ip)
    );
    assert_eq!(
        origin.server,
        ServerAddress::Sip("sips:psa@example.net;user=phone".into())
    );
    assert_eq!(origin.destination_port, Some(5070));
    assert_eq!(origin.origin_port, Some(5060));
    assert_eq!(&*origin.transaction, b"c1@example.net\0\0\0\0\x04\0p1");
    assert_eq!(origin.instance, None);
    assert!(origin.answerable && origin.proved_names.is_empty());
}

#[test]
fn a_push_without_content_may_be_without_its_type() {
    let (_, _, push) = terminal().push(&message("", ""));
    assert_eq!(
        push.message.content_type.to_string(),
        "application/octet-stream"
    );
    assert!(push.message.content.is_empty());
    // What is broken behind the type is kept as it came.
    let (_, _, push) = terminal().push(&message("Content-Type: text/plain; a\r\n", "hello"));
    assert_eq!(push.message.content_type.to_string(), "text/plain");
    assert_eq!(
        push.message.headers.get("Content-Type"),
        Some("text/plain; a")
    );
}

//= specs/ota-sip.md#identity-of-the-server
//= type=test
//# An asserted identity MUST be believed only where the terminal's own core sent the request.
//= specs/ota-sip.md#identity-of-the-server
//= type=test
//# The identity in From MUST NOT count as that of the Push Server.
#[test]
fn the_server_is_whom_the_core_asserts() {
    let address = ServerAddress::Ip("192.0.2.1".parse().unwrap());
    let sip = |uri: &str| ServerAddress::Sip(uri.into());
    let asserted = format!("{PLAIN}P-Asserted-Identity: sip:psa@example.net\r\n");
    let telephone = format!("{PLAIN}P-Asserted-Identity: <tel:+4917099999>\r\n");
    for (trust_core, from_core, extra, server) in [
        (false, true, &*asserted, sip("sip:psa@example.net")),
        (true, true, &asserted, sip("sip:psa@example.net")),
        (false, true, PLAIN, address.clone()),
        (false, true, &telephone, address.clone()),
        (true, true, PLAIN, sip("sip:example.net")),
        (true, true, &telephone, sip("sip:example.net")),
        (true, false, &asserted, address.clone()),
        (false, false, &asserted, address),
    ] {
        let mut terminal = with(|settings| {
            settings.serving.trust_core = trust_core;
            settings.serving.accept_from = AcceptFrom::Anyone;
        });
        terminal.from_core = from_core;
        let (_, _, push) = terminal.push(&message(extra, "hello"));
        assert_eq!(
            push.origin.server, server,
            "{trust_core} {from_core} {extra}"
        );
    }
}

#[test]
fn a_user_part_passes_for_no_host() {
    let address = ServerAddress::Ip("192.0.2.1".parse().unwrap());
    let whole = "sip:example.net;x@evil.test";
    for (value, server) in [
        (whole.to_owned(), address.clone()),
        ("sip:example.net,x@evil.test".to_owned(), address.clone()),
        ("\"<a>\" sip:example.net;x@evil.test".to_owned(), address),
        (format!("<{whole}>"), ServerAddress::Sip(whole.into())),
    ] {
        let mut terminal = terminal();
        let asserted = format!("{PLAIN}P-Asserted-Identity: {value}\r\n");
        let (_, _, push) = terminal.push(&message(&asserted, "hello"));
        assert_eq!(push.origin.server, server, "{value}");
    }
}

#[test]
fn a_push_is_addressed_by_instance_then_id_then_envelope() {
    let tag = "Accept-Contact: *;+g.oma.pusheventapp=";
    let instance = "Accept-Contact: *;+g.3gpp.iari-ref=";
    let ours = OURS.replace(':', "%3a").to_ascii_uppercase();
    let envelope = "c: application/vnd.oma.push\r\n";
    let mms = Some(id("4"));
    let ulp = Some(id("x-oma-application:ulp.ua"));
    let other = Some(id("x-wap-application:other.ua"));
    for (extra, application, named) in [
        (String::new(), None, None),
        (envelope.to_owned(), mms, None),
        (format!("{tag}\"ulp.ua\"\r\n{envelope}"), ulp.clone(), None),
        (
            format!("{tag}\"other.ua,ulp.ua,mms.ua\"\r\n"),
            ulp.clone(),
            None,
        ),
        (
            format!("{tag}\"other.ua\"\r\n{tag}\"another.ua\"\r\n"),
            other,
            None,
        ),
        (
            format!("{tag}\"!other.ua,ULP.UA\";require\r\n"),
            ulp.clone(),
            None,
        ),
        (format!("{instance}\"{ours}\"\r\n"), None, Some(OURS)),
        (
            format!("{instance}\"urn%3ax,{ours}\"\r\n{tag}\"ulp.ua\"\r\n"),
            ulp.clone(),
            Some(OURS),
        ),
        (
            format!("{instance}\"urn%3ax\"\r\n{tag}\"ulp.ua\"\r\n"),
            ulp,
            Some("urn:x"),
        ),
    ] {
        let described = if extra.contains("c: ") { "" } else { PLAIN };
        let body = "X-Wap-Application-Id: x-wap-application:mms.ua\r\n\r\nhello";
        let text = message(&format!("{described}{extra}"), body);
        let (_, _, push) = terminal().push(&text);
        assert_eq!(push.message.application, application, "{extra}");
        assert_eq!(push.origin.instance.as_deref(), named, "{extra}");
        let mut lenient =
            with(|settings| settings.serving.other_instances = OtherInstances::Ignore);
        let (_, _, push) = lenient.push(&text);
        let named = named.filter(|named| *named == OURS);
        assert_eq!(push.origin.instance.as_deref(), named, "{extra}");
    }
}

#[test]
fn an_envelope_is_opened_where_the_settings_say_so() {
    let body = "Content-Type: text/vnd.wap.si;charset=utf-8\r\nX-Wap-Application-Id: 4\r\nX-B: two\r\n\r\nhello";
    let text = message(
        "X-A: one\r\nContent-Language: en\r\nContent-Type: application/vnd.oma.push\r\n",
        body,
    );
    let (_, _, push) = terminal().push(&text);
    assert_eq!(
        push.message.content_type.to_string(),
        "application/vnd.oma.push"
    );
    assert_eq!(&*push.message.content, body.as_bytes());
    assert_eq!(push.message.application, Some(id("4")));
    let mut opening = with(|settings| settings.serving.unpack_envelope = true);
    let (_, _, push) = opening.push(&text);
    assert_eq!(
        push.message.content_type.to_string(),
        "text/vnd.wap.si; charset=utf-8"
    );
    assert_eq!(&*push.message.content, b"hello");
    assert_eq!(push.message.application, Some(id("4")));
    assert_eq!(
        push.message.headers.iter().collect::<Vec<_>>(),
        [
            ("X-A", "one"),
            ("X-Wap-Application-Id", "4"),
            ("X-B", "two")
        ]
    );
    // What is no envelope is delivered as it came where it is not to be opened.
    let broken = message("Content-Type: application/vnd.oma.push\r\n", "<xml/>");
    let (_, _, push) = terminal().push(&broken);
    assert_eq!(
        (&*push.message.content, &push.message.application),
        (&b"<xml/>"[..], &None)
    );
}

#[test]
fn several_pushes_are_under_way_and_each_has_its_answer() {
    let mut terminal = terminal();
    let pushes: Vec<_> = (0..5)
        .map(|n| terminal.push(&message(PLAIN, &n.to_string())))
        .collect();
    for (id, ticket, _) in pushes.iter().rev() {
        terminal.serving.judged(
            *ticket,
            PushOutcome::Stored,
            &terminal.announced,
            terminal.now,
        );
        let mut outputs = terminal.take();
        assert_eq!(harness::responded(outputs.pop(), *id).status(), 202);
        assert!(outputs.is_empty());
    }
    assert!(terminal.serving.is_idle());
    assert_eq!(terminal.serving.poll_timeout(), None);
}

#[test]
fn what_is_refused_is_noted_with_its_source_and_length() {
    let (_, outputs) = terminal().request(&message("", "hello"));
    let Some(ServingOutput::Noted(SipNote::Refused {
        source,
        status,
        length,
        ..
    })) = outputs.first()
    else {
        panic!("{outputs:?}");
    };
    assert_eq!((source.port(), *status, *length), (5060, Some(400), 5));
}

proptest! {
    #[test]
    fn any_request_keeps_the_bounds_and_has_one_answer(
        lines in prop::collection::vec(
            ("(Content-Type|Accept-Contact|P-Asserted-Identity|Require|Content-Encoding|X-A|Expires|Contact|Record-Route)", "[ -~]{0,40}"),
            0..12,
        ),
        method in "(MESSAGE|OPTIONS|INVITE|BYE|NOTIFY|FOO)",
        body in "[ -~\r\n]{0,80}",
        outcome in prop::sample::select(vec![PushOutcome::Delivered, PushOutcome::Stored, PushOutcome::ContentType, PushOutcome::NotYet]),
        unpack in any::<bool>(),
    ) {
        let mut terminal = with(|settings| {
            settings.serving.max_content = 60;
            settings.serving.max_headers = 16;
            settings.serving.unpack_envelope = unpack;
        });
        let lines = lines.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
        let text = request(&method, &lines, &body);
        let limits = crate::sip::stack::Limits { max_message: 1 << 16, max_headers: 64 };
        let whole = crate::sip::stack::parse_datagram(&bytes::Bytes::from(text.clone()), &limits);
        prop_assume!(matches!(whole, Ok(crate::sip::stack::Incoming::Request(_))));
        let (_, outputs) = terminal.request(&text);
        let mut answers = 0;
        for output in outputs {
            match output {
                ServingOutput::Respond { .. } => answers += 1,
                ServingOutput::Push { ticket, push } => {
                    prop_assert!(push.message.content.len() <= 60);
                    prop_assert!(push.message.headers.len() <= 32);
                    terminal.serving.judged(ticket, outcome, &terminal.announced, terminal.now);
                }
                ServingOutput::Foresee { ticket, .. } => {
                    let refused = PushOutcome::NoRoom;
                    terminal.serving.foreseen(ticket, refused, &terminal.announced, terminal.now);
                }
                ServingOutput::Send { .. }
                | ServingOutput::OpenStream { .. }
                | ServingOutput::StreamTransmit { .. }
                | ServingOutput::CloseStream { .. }
                | ServingOutput::Noted(_) => {}
            }
        }
        for output in terminal.take() {
            answers += usize::from(matches!(output, ServingOutput::Respond { .. }));
        }
        prop_assert_eq!(answers, 1);
        prop_assert!(terminal.serving.is_idle());
    }
}
