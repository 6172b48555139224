//! Whole exchanges, word for word.

use push_message::{MediaType, Protocol};

use super::*;

//= specs/ota-http.md#registration
//= type=test
//# The answer to a registration that shows no CPITag and is not refused MUST carry the terminal's CPI headers.
//= specs/ota-http.md#registration
//= type=test
//# The answer to a registration that shows no CPITag and is not refused MUST carry the terminal's CPITag.
//= specs/ota-http.md#registration
//= type=test
//# The answer to an OPTIONS request MUST carry X-Wap-Push-Status.
//= specs/ota-http.md#identification
//= type=test
//# The answer to a registration MUST carry X-Wap-Terminal-Id, unless the request asks the terminal to authenticate itself or the answer asks the gateway to.
//= specs/ota-http.md#bearer-indication
//= type=test
//# The answer to a registration MUST carry X-Wap-Bearer-Indication.
//= specs/ota-http.md#bearer-indication
//= type=test
//# X-Wap-Bearer-Indication MUST be the number that WDP gives the bearer, as two hexadecimal digits.
#[test]
fn registrations() {
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    let first = bench.options("host:\nx-wap-push-ota-version: 1.0\n");
    assert_eq!(
        shown(&first),
        "204\n\
         x-wap-push-ota-version: 1.0\n\
         x-wap-push-status: 501 Registered, CPITag Absent Or Stale\n\
         x-wap-cpitag: cnQbRQ==\n\
         x-wap-push-accept: application/vnd.wap.sia\n\
         x-wap-push-accept-charset: UTF-8\n\
         x-wap-push-accept-appid: x-wap-application:push.sia\n\
         x-wap-push-maxmsgsize: 2000\n\
         x-wap-push-accept-maxpushreq: 4\n\
         x-wap-terminal-id: 4447700900123\n\
         x-wap-bearer-indication: 0B"
    );
    let knows = Notice::Knows {
        ppg: PpgId(GATEWAY.into()),
        tag: bench.cpi.tag(),
    };
    assert_eq!(first.notice, Some(knows.clone()));
    assert_eq!((first.close, first.reason), (false, None));
    let again = bench.options("x-wap-cpitag: cnQbRQ==\n");
    assert_eq!(
        shown(&again),
        "204\n\
         x-wap-push-status: 500 Registered\n\
         x-wap-terminal-id: 4447700900123\n\
         x-wap-bearer-indication: 0B"
    );
    assert_eq!(again.notice, Some(knows));
}

//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a POST request MUST carry X-Wap-Push-Status.
//= specs/ota-http.md#content-push
//= type=test
//# The answer to a push MUST have an HTTP status that says what became of the request.
//= specs/ota-http.md#push-info
//= type=test
//# The answer to a push MUST NOT have a body unless X-Wap-Push-Info allows one with the token response.
//= specs/ota-http.md#push-info
//= type=test
//# A token of X-Wap-Push-Info that the terminal does not know MUST be ignored.
//= specs/ota-http.md#addressing
//= type=test
//# A push MUST go to the application that X-Wap-Application-Id names.
#[test]
fn a_push() {
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    let answer = bench.post(
        "host: 127.0.0.1\nx-wap-push-ota-version: 1.0\nx-wap-cpitag: cnQbRQ==\nx-wap-push-info: Authenticated, sometime,last\n\
         x-wap-push-info: response\n",
    );
    assert_eq!(
        shown(&answer),
        "204\nx-wap-push-ota-version: 1.0\nx-wap-push-status: 400 Accepted"
    );
    let push = bench.push.unwrap();
    assert_eq!(
        push.message.application,
        Some(PushApplicationId::from_number(4))
    );
    assert_eq!(*push.message.content, *b"hello");
    assert_eq!(
        push.message.trust,
        InitiatorTrust {
            authenticated: true,
            trusted: false,
            last: true
        }
    );
    assert_eq!(
        push.origin,
        Origin {
            protocol: Protocol::OtaHttp,
            bearer: Bearer::Ip,
            server: ServerAddress::Ip([192, 0, 2, 7].into()),
            proved_names: Box::new([]),
            destination_port: Some(4035),
            origin_port: Some(40_000),
            transaction: [7].into(),
            instance: None,
            short_message: None,
            answerable: true,
        }
    );
    assert_eq!(push.received, bench.now);
}

#[test]
fn a_push_on_a_connection_that_was_dialled_comes_to_no_port() {
    let mut bench = Bench::new(terminal([ppg()]), dialled(Some(GATEWAY), None));
    bench.post("");
    assert_eq!(bench.push.unwrap().origin.destination_port, None);
}

//= specs/ota-http.md#http-server
//= type=test
//# The terminal's HTTP server MUST know the methods GET, HEAD, POST and OPTIONS, and answer each as HTTP lays down.
#[test]
fn what_is_no_request_of_push_is_answered_by_http() {
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    for (line, expected) in [
        ("OPTIONS /", "404"),
        ("POST /", "404"),
        ("POST /wappush/", "404"),
        ("POST /WAPPUSH", "404"),
        ("POST /wappush?x", "404"),
        ("GET /index.html", "404"),
        ("GET *", "404"),
        ("POST *", "404"),
        ("GET /wappush", "405"),
        ("HEAD /wappush", "405"),
        ("PUT /wappush", "405"),
        ("TRACE /wappush", "405"),
        ("options /wappush", "405"),
        ("OPTIONS *", "204 501"),
        ("OPTIONS http://terminal.example/wappush", "204 501"),
        ("POST http://192.0.2.100:4035/wappush", "204 400"),
    ] {
        let answer = bench.send(&format!("{line}\nx-wap-push-ota-version: 1.0"), b"hello");
        assert_eq!(outcome(&answer), expected, "{line}");
        let allow = header(&answer, "allow");
        let allowed = (expected == "405").then_some("OPTIONS, POST");
        assert_eq!(allow.as_deref(), allowed, "{line}");
        assert!(has(&answer, "x-wap-push-ota-version"), "{line}");
        assert!(!answer.close, "{line}");
    }
}

//= specs/ota-http.md#version-control
//= type=test
//# A request that offers no version that the terminal speaks MUST be answered with X-Wap-Push-Status 600 and a phrase.
//= specs/ota-http.md#version-control
//= type=test
//# An answer MUST carry X-Wap-Push-OTA-Version if the request did.
#[test]
fn versions() {
    for (required, requests) in [
        (
            false,
            &[("", "501"), ("1.0", "501"), ("2.0", "600"), ("", "501")][..],
        ),
        (
            true,
            &[("", "600"), ("", "600"), ("2.0", "600"), ("", "600")][..],
        ),
        (
            true,
            &[("1.0", "501"), ("", "501"), ("2.*", "600"), ("", "501")][..],
        ),
        (
            true,
            &[("3.4,2.*,1.*", "501"), ("1.1", "600"), ("x", "600")][..],
        ),
    ] {
        let terminal = Terminal {
            version_required: required,
            ..terminal([ppg()])
        };
        let mut bench = Bench::new(terminal, accepted());
        for (version, code) in requests {
            let named = !version.is_empty();
            let header = if named {
                format!("x-wap-push-ota-version: {version}\n")
            } else {
                String::new()
            };
            let answer = bench.options(&header);
            assert_eq!(outcome(&answer), format!("204 {code}"), "{version}");
            assert_eq!(has(&answer, "x-wap-push-ota-version"), named, "{version}");
        }
    }
    let spoken = Terminal {
        versions: vec![(2, 0)],
        ..terminal([ppg()])
    };
    let mut bench = Bench::new(spoken, accepted());
    assert_eq!(outcome(&bench.post("")), "204 600");
    let answer = bench.post("x-wap-push-ota-version: 1.0\nx-wap-push-ota-version: 2.0\n");
    assert_eq!(outcome(&answer), "204 400");
}

#[test]
fn what_there_can_be_one_of_may_not_come_twice() {
    for name in [
        "x-wap-cpitag",
        "authorization",
        "x-wap-push-provurl",
        "content-type",
    ] {
        let headers = format!("{name}: a\n{name}: a\n");
        let mut bench = Bench::new(terminal([ppg()]), accepted());
        assert_eq!(outcome(&bench.options(&headers)), "400 301", "{name}");
        assert_eq!(outcome(&bench.post(&headers)), "400 235", "{name}");
        assert!(bench.push.is_none());
    }
}

#[test]
fn bodies_that_are_no_push_message_are_refused() {
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    let mut send = |headers: &str, body: &[u8]| {
        let answer = bench.send(&format!("POST /wappush\n{headers}"), body);
        (outcome(&answer), answer.reason, answer.close)
    };
    let entity = "content-type: Application/HTTP; msgtype=response\n";
    assert_eq!(send(entity, ENTITY), ("204 400".into(), None, false));
    assert_eq!(
        send(entity, b"HTTP/1.1 200 OK\n\n"),
        ("400 235".into(), Some("lineEnd"), false)
    );
    assert_eq!(
        send(entity, b""),
        ("400 235".into(), Some("truncated"), false)
    );
    let long = [ENTITY, &[b'x'; 1950][..]].concat();
    assert_eq!(
        send(entity, &long),
        ("413 235".into(), Some("messageTooLong"), false)
    );
    assert_eq!(
        send(entity, &[b'x'; 3000]),
        ("413 235".into(), Some("messageTooLong"), true)
    );
    assert_eq!(
        send("content-type: application/http; msgtype=request\n", ENTITY),
        ("400 235".into(), Some("contentType"), false)
    );
    let packed = "content-type: application/http\ncontent-encoding: gzip\n";
    assert_eq!(
        send(packed, ENTITY),
        ("400 235".into(), Some("contentType"), false)
    );
    let plain = "content-type: application/http\ncontent-encoding: identity\n";
    assert_eq!(send(plain, ENTITY).0, "204 400");
}

#[test]
fn a_push_outside_an_entity_has_the_end_to_end_headers_of_its_request() {
    let mut bench = Bench::new(terminal([]), accepted());
    let answer = bench.send(
        "POST /wappush\nhost:\nuser-agent: x\nconnection: keep-alive\ncontent-type: text/vnd.wap.si; charset=utf-8\n\
         content-language: en\nx-wap-application-id: 2\nx-wap-cpitag: cnQbRQ==\nx-wap-push-info: trusted\n\
         x-wap-push-ota-version: 1.0\nx-wap-initiator-uri: http://news.example.net/\nx-acme: a\nauthorization: Basic YTpi\n\
         expires: never\nx-forwarded-for: 10.0.0.1\n",
        b"<si/>",
    );
    assert_eq!(outcome(&answer), "204 400");
    let message = bench.push.as_ref().unwrap().message.clone();
    assert_eq!(
        message.content_type.to_string(),
        "text/vnd.wap.si; charset=utf-8"
    );
    let headers: Vec<_> = message.headers.iter().collect();
    assert_eq!(
        headers,
        [
            ("content-language", "en"),
            ("x-wap-application-id", "2"),
            ("x-wap-initiator-uri", "http://news.example.net/"),
            ("x-acme", "a"),
            ("expires", "never"),
        ]
    );
    assert!(message.trust.trusted);
    assert_eq!(*message.content, *b"<si/>");

    assert_eq!(outcome(&bench.send("POST /wappush", b"x")), "204 400");
    let message = bench.push.as_ref().unwrap().message.clone();
    assert_eq!(message.content_type.media_type, MediaType::octet_stream());
    let answer = bench.send("POST /wappush\nx-wap-application-id: ?", b"x");
    assert_eq!(outcome(&answer), "400 235");
    assert_eq!(
        outcome(&bench.send("POST /wappush", &[b'x'; 2001])),
        "413 235"
    );
}

#[test]
fn nothing_of_a_push_and_no_secret_is_in_what_is_logged() {
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    let head = parts("POST /wappush\nx-private: number");
    let Step::Push(push) = bench.connection.request(&head, &bench.cpi, bench.now) else {
        panic!("a push");
    };
    let answer = bench.options("x-wap-authenticate: Basic realm=\"ppg.example.net\"\n");
    assert!(has(&answer, "x-wap-authorization"));
    let logged = format!("{push:?} {:?} {answer:?}", bench.connection);
    for secret in [
        "number",
        "terminal-secret",
        "ppg-secret",
        "dGVybWluYWwtc2VjcmV0",
        "48, 49, 50, 51",
    ] {
        assert!(!logged.contains(secret), "{secret}: {logged}");
    }
}
