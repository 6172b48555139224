//! The contract's documents as they are written and read.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use push_api::{
    AcknowledgeRequest, BatchAcknowledgement, Binding, ConnectionProfile, DeregistrationQuery,
    EventPorts, Exchange, ExplainRequest, Outcome, Problem, PushEvent, PushEventView, Reason,
    Refusal, Registration, RegistrationRequest, Server, Session, from_json, list_from_json,
};
use push_message::{Headers, ServerAddress};
use serde_json::json;

fn full_request() -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: "x-wap-application:mms.ua".to_owned(),
        application_id: Some("urn:example:app".to_owned()),
        event_handler: Some("unix:/run/app.sock".to_owned()),
        whitelist: vec!["192.0.2.0/24".to_owned()],
        connection_profile: vec![ConnectionProfile {
            protocol: Some("OTA-WSP".to_owned()),
            bearer_type: Some("IP".to_owned()),
            port: Some("2948".to_owned()),
        }],
        accept: Some("text/plain".to_owned()),
        suppress_equal_content: Some(60),
    }
}

#[test]
fn a_registration_has_the_names_of_the_specification() {
    let document = json!({
        "pushApplicationID": "x-wap-application:mms.ua",
        "applicationID": "urn:example:app",
        "eventHandler": "unix:/run/app.sock",
        "whitelist": ["192.0.2.0/24"],
        "connectionProfile": [{"protocol": "OTA-WSP", "bearerType": "IP", "port": "2948"}],
        "Accept": "text/plain",
        "suppressEqualContent": 60,
    });
    assert_eq!(serde_json::to_value(full_request()).unwrap(), document);
    let read: RegistrationRequest = from_json(document.to_string().as_bytes()).unwrap();
    assert_eq!(read, full_request());
}

#[test]
fn a_registration_as_it_stands_holds_its_request_flat() {
    let registration = Registration {
        registration_id: "0000000000000001".to_owned(),
        owner: "uid:1000".to_owned(),
        request: RegistrationRequest {
            push_application_id: "4".to_owned(),
            ..RegistrationRequest::default()
        },
        state: "active".to_owned(),
        registered_at: 5,
        waiting_events: 1,
        unacknowledged_events: 2,
        connected: true,
        handler_state: None,
    };
    let document = json!({
        "registrationID": "0000000000000001",
        "owner": "uid:1000",
        "pushApplicationID": "4",
        "state": "active",
        "registeredAt": 5,
        "waitingEvents": 1,
        "unacknowledgedEvents": 2,
        "connected": true,
    });
    assert_eq!(serde_json::to_value(&registration).unwrap(), document);
    let read: Registration = serde_json::from_value(document).unwrap();
    assert_eq!(read, registration);
}

#[test]
fn a_server_says_what_it_knows_and_when_it_asked() {
    let bare = Server {
        uri: "http://192.0.2.7:4035".to_owned(),
        protocol: "OTA-HTTP".to_owned(),
        state: "requested".to_owned(),
        ..Server::default()
    };
    let document = json!({
        "uri": "http://192.0.2.7:4035",
        "protocol": "OTA-HTTP",
        "state": "requested",
    });
    assert_eq!(serde_json::to_value(&bare).unwrap(), document);
    let read: Server = serde_json::from_value(document).unwrap();
    assert_eq!(read, bare);

    let full = Server {
        state: "confirmed".to_owned(),
        id: Some("ppg.example.net".to_owned()),
        secure: Some(true),
        cpi_tag: Some("AQIDBA==".to_owned()),
        connections: Some(2),
        last_exchange: Some(Exchange::at(
            "POST",
            Some("400 Accepted".to_owned()),
            1_700_000_000_123,
        )),
        session: Some(Session {
            state: "connected".to_owned(),
            id: Some(7),
            peer: None,
            applications: vec!["x-wap-application:mms.ua".to_owned()],
            pushes: 3,
        }),
        binding: Some(Binding {
            contact: "sip:alice@192.0.2.20:5060".to_owned(),
            gruu: None,
            applications: vec!["ulp.ua".to_owned()],
            instances: vec!["urn:a".to_owned()],
            expires_in: 3600,
            service_route: vec!["<sip:192.0.2.9;lr>".to_owned()],
        }),
        rejected_applications: vec!["x-wap-application:mms.ua".to_owned()],
        ..bare
    };
    let document = json!({
        "uri": "http://192.0.2.7:4035",
        "protocol": "OTA-HTTP",
        "state": "confirmed",
        "id": "ppg.example.net",
        "secure": true,
        "cpiTag": "AQIDBA==",
        "connections": 2,
        "lastExchange": {
            "method": "POST",
            "status": "400 Accepted",
            "time": "2023-11-14T22:13:20.123Z",
        },
        "session": {
            "state": "connected",
            "id": 7,
            "applications": ["x-wap-application:mms.ua"],
            "pushes": 3,
        },
        "binding": {
            "contact": "sip:alice@192.0.2.20:5060",
            "applications": ["ulp.ua"],
            "instances": ["urn:a"],
            "expiresIn": 3600,
            "serviceRoute": ["<sip:192.0.2.9;lr>"],
        },
        "rejectedApplications": ["x-wap-application:mms.ua"],
    });
    assert_eq!(serde_json::to_value(&full).unwrap(), document);
    let read: Server = serde_json::from_value(document).unwrap();
    assert_eq!(read, full);
}

#[test]
fn times_of_exchanges_are_of_utc_whatever_the_clock_says() {
    assert_eq!(
        Exchange::at("POST", None, 0).time,
        "1970-01-01T00:00:00.000Z"
    );
    assert!(
        Exchange::at("POST", None, u64::MAX)
            .time
            .starts_with("9999-12-")
    );
}

#[test]
fn a_port_may_be_a_string_or_a_number() {
    for port in [json!("2948"), json!(2948)] {
        let profile: ConnectionProfile =
            from_json(json!({ "port": port }).to_string().as_bytes()).unwrap();
        assert_eq!(profile.port.as_deref(), Some("2948"));
    }
    let negative = from_json::<ConnectionProfile>(br#"{"port":-1}"#).unwrap_err();
    assert_eq!(negative.option.as_deref(), Some("port"));
}

#[test]
fn what_is_left_out_takes_its_default() {
    let query: DeregistrationQuery = from_json(br#"{"pushApplicationID":"4"}"#).unwrap();
    assert_eq!((query.application_id, query.force), (None, false));
    let request: ExplainRequest = from_json(b"{}").unwrap();
    assert_eq!(request, ExplainRequest::default());
}

#[test]
fn outcomes_are_words() {
    for (word, outcome) in [
        ("accepted", Outcome::Accepted),
        ("later", Outcome::Later),
        ("rejected", Outcome::Rejected),
    ] {
        let document = json!({ "outcome": word }).to_string();
        let request: AcknowledgeRequest = from_json(document.as_bytes()).unwrap();
        assert_eq!(request.outcome, outcome);
    }
    let wrong = list_from_json::<BatchAcknowledgement>(br#"[{"id":"1","outcome":"yes"}]"#);
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.option.as_deref(), Some("[0].outcome"));
    assert!(
        wrong.detail.contains("`accepted`, `later`, `rejected`"),
        "{}",
        wrong.detail
    );
}

#[track_caller]
fn refused(body: &str, option: Option<&str>, detail: &str) {
    let problem = from_json::<RegistrationRequest>(body.as_bytes()).unwrap_err();
    assert_eq!(problem.status, 400);
    assert_eq!(problem.reason, "invalidRequest");
    assert_eq!(problem.option.as_deref(), option, "{}", problem.detail);
    assert_eq!(problem.detail, detail);
}

#[test]
fn an_unknown_field_names_the_nearest_known_one_and_its_place() {
    refused(
        r#"{"pushApplicationID":"4","aplicationID":"a"}"#,
        Some("aplicationID"),
        "unknown field `aplicationID` at line 1 column 39; did you mean `applicationID`?",
    );
    refused(
        r#"{"pushApplicationID":"4","colour":1}"#,
        Some("colour"),
        "unknown field `colour` at line 1 column 33; known are `pushApplicationID`, `applicationID`, `eventHandler`, \
         `whitelist`, `connectionProfile`, `Accept`, `suppressEqualContent`",
    );
    refused(
        "{\"pushApplicationID\":\"4\",\n \"connectionProfile\":[{},{\"prot\":1}]}",
        Some("connectionProfile[1].prot"),
        "unknown field `prot` at line 2 column 32; did you mean `port`?",
    );
}

//= specs/push-cai.md#registration-request
//= type=test
//# A registration that names no pushApplicationID MUST be refused as an invalid request.
#[test]
fn a_registration_without_its_id_is_refused() {
    refused(
        r#"{"applicationID":"a"}"#,
        Some("pushApplicationID"),
        "missing field `pushApplicationID` at line 1 column 21",
    );
}

#[test]
fn a_value_of_another_kind_is_named_by_its_path() {
    refused(
        r#"{"pushApplicationID":"4","whitelist":"a"}"#,
        Some("whitelist"),
        "invalid type: string \"a\", expected a sequence at line 1 column 40",
    );
    refused(
        r#"{"pushApplicationID":4}"#,
        Some("pushApplicationID"),
        "invalid type: integer `4`, expected a string at line 1 column 22",
    );
    refused(
        r#"{"pushApplicationID":"4","pushApplicationID":"5"}"#,
        Some("pushApplicationID"),
        "duplicate field `pushApplicationID` at line 1 column 44",
    );
    refused(
        "[]",
        None,
        "the body is a list; one JSON object is expected",
    );
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    refused(
        "{\"pushApplicationID\":\n  nope}",
        None,
        "the body is no JSON document: expected ident at line 2 column 4",
    );
    refused(
        "{\"pushApplicationID\":",
        None,
        "the body is no JSON document: EOF while parsing a value at line 1 column 21",
    );
    refused(
        " \n",
        None,
        "the body is empty; a JSON document is expected",
    );
    refused(
        "{\"pushApplicationID\":\"4\"} x",
        None,
        "the body is no JSON document: trailing characters at line 1 column 27",
    );
}

#[test]
fn every_reason_has_its_document() {
    let documents: Vec<_> = Reason::ALL
        .into_iter()
        .map(|reason| {
            let problem = Problem::of(&Refusal::of_option(reason, "connectionProfile.port", "why"));
            format!(
                "{} {} {} | {}",
                problem.status, problem.reason, problem.kind, problem.title
            )
        })
        .collect();
    insta::assert_snapshot!(documents.join("\n"), @r"
    400 invalidRequest urn:pushcai:reason:invalidRequest | The request cannot be understood
    409 alreadyRegistered urn:pushcai:reason:alreadyRegistered | Another application holds this Push Application ID
    404 notRegistered urn:pushcai:reason:notRegistered | Not registered
    422 unsupportedOption urn:pushcai:reason:unsupportedOption | An option is not supported
    409 optionNotAvailable urn:pushcai:reason:optionNotAvailable | An option is not available at present
    403 notAuthorized urn:pushcai:reason:notAuthorized | Not authorized
    429 quotaExceeded urn:pushcai:reason:quotaExceeded | A bound is reached
    502 serverRejected urn:pushcai:reason:serverRejected | A Push Server refused
    504 serverUnreachable urn:pushcai:reason:serverUnreachable | A Push Server could not be reached
    507 storeFailed urn:pushcai:reason:storeFailed | The store could not write
    ");
}

#[test]
fn a_problem_has_the_members_of_both_its_standards() {
    let refusal = Refusal::of_option(
        Reason::OptionNotAvailable,
        "connectionProfile.port",
        "taken",
    );
    let document = json!({
        "type": "urn:pushcai:reason:optionNotAvailable",
        "title": "An option is not available at present",
        "status": 409,
        "result": "failure",
        "reason": "optionNotAvailable",
        "option": "connectionProfile.port",
        "detail": "taken",
    });
    assert_eq!(
        serde_json::to_value(Problem::of(&refusal)).unwrap(),
        document
    );
}

static SERVER: ServerAddress = ServerAddress::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));

/// A view, and the event that it has to be read back as.
fn view<'a>(content: &'a [u8], parameters: &'a Headers, headers: &'a Headers) -> PushEventView<'a> {
    PushEventView {
        id: 0x0123_4567_89ab_cdef,
        registration_id: 7,
        push_application_id: Cow::Borrowed("x-wap-application:mms.ua"),
        application_id: Some("a \"quoted\" name"),
        content_type: "text/plain",
        parameters,
        content,
        headers,
        protocol: "OTA-WSP",
        bearer: "IP",
        server: &SERVER,
        server_names: &[],
        originator: None,
        device: None,
        ports: EventPorts {
            dest: Some(2948),
            orig: None,
        },
        received_at: 1_700_000_000_123,
        attempt: 2,
        authenticated: true,
        trusted: false,
    }
}

fn json_of(view: &PushEventView<'_>) -> String {
    let mut text = Vec::new();
    view.write_json(&mut text);
    String::from_utf8(text).unwrap()
}

//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the content that the Push Server sent.
//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the MIME type of its content.
#[test]
fn a_view_is_read_back_as_the_event() {
    use base64::Engine as _;
    let parameters: Headers = [("charset", "utf-8")].into_iter().collect();
    let headers: Headers = [("A", "1\n2"), ("B", ""), ("A", "3")].into_iter().collect();
    for length in [0, 1, 2, 3, 100, 767, 768, 769, 770, 771, 5000] {
        let content: Vec<u8> = (0..=250).cycle().take(length).collect();
        let text = json_of(&view(&content, &parameters, &headers));
        assert!(!text.contains('\n'), "an event is one line");
        let event: PushEvent = serde_json::from_str(&text).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = PushEvent {
            id: "0123456789abcdef".to_owned(),
            registration_id: "0000000000000007".to_owned(),
            push_application_id: "x-wap-application:mms.ua".to_owned(),
            application_id: Some("a \"quoted\" name".to_owned()),
            content_type: "text/plain".to_owned(),
            parameters: vec![pair("charset", "utf-8")],
            content: base64::engine::general_purpose::STANDARD.encode(&content),
            headers: vec![pair("A", "1\n2"), pair("B", ""), pair("A", "3")],
            protocol: "OTA-WSP".to_owned(),
            bearer: "IP".to_owned(),
            server: "192.0.2.1".to_owned(),
            server_names: Vec::new(),
            originator: None,
            device: None,
            ports: EventPorts {
                dest: Some(2948),
                orig: None,
            },
            received_at: 1_700_000_000_123,
            attempt: 2,
            authenticated: true,
            trusted: false,
        };
        assert_eq!(event, expected);
        assert_eq!(
            serde_json::to_string(&expected).unwrap(),
            text,
            "the same document both ways"
        );
    }
}

#[test]
fn an_event_leaves_out_what_it_has_not() {
    let none = Headers::new();
    let mut view = view(b"", &none, &none);
    view.application_id = None;
    view.ports = EventPorts::default();
    let text = json_of(&view);
    insta::assert_snapshot!(text, @r#"{"id":"0123456789abcdef","registrationID":"0000000000000007","pushApplicationID":"x-wap-application:mms.ua","contentType":"text/plain","content":"","headers":[],"protocol":"OTA-WSP","bearer":"IP","server":"192.0.2.1","ports":{},"receivedAt":1700000000123,"attempt":2,"authenticated":true,"trusted":false}"#);
}

#[test]
fn names_that_the_server_proved_stand_behind_its_address() {
    let none = Headers::new();
    let names: [Box<str>; 2] = ["ppg.example.net".into(), "a \"quoted\" name".into()];
    for length in 1..=names.len() {
        let mut view = view(b"", &none, &none);
        view.server_names = &names[..length];
        let written = json_of(&view);
        let shown = r#""server":"192.0.2.1","serverNames":["ppg.example.net""#;
        assert!(written.contains(shown), "{written}");
        let event: PushEvent = serde_json::from_str(&written).unwrap();
        let expected = names[..length].iter().map(ToString::to_string);
        assert_eq!(event.server_names, expected.collect::<Vec<_>>());
        assert_eq!(serde_json::to_string(&event).unwrap(), written);
    }
}

#[test]
fn an_event_is_written_as_serde_writes_it() {
    let none = Headers::new();
    let odd: String = ('\0'..='\u{ff}')
        .chain(['\u{2028}', '\u{ffff}', '😀'])
        .collect();
    for text in odd
        .char_indices()
        .map(|(start, _)| &odd[start..])
        .chain([""])
    {
        let headers: Headers = [(text, ""), ("", text)].into_iter().collect();
        let mut view = view(b"", &none, &headers);
        view.application_id = Some(text);
        let written = json_of(&view);
        let event: PushEvent = serde_json::from_str(&written).unwrap();
        assert_eq!(event.application_id.as_deref(), Some(text));
        assert_eq!(serde_json::to_string(&event).unwrap(), written);
    }
}

#[test]
fn numbers_of_every_length_are_written_as_serde_writes_them() {
    let none = Headers::new();
    for number in (0..64).map(|shift| u64::MAX >> shift).chain([0]) {
        let mut view = view(b"", &none, &none);
        (view.id, view.registration_id, view.received_at) = (number, !number, number);
        let low = number.to_le_bytes();
        view.attempt = u32::from_le_bytes([low[0], low[1], low[2], low[3]]);
        view.ports = EventPorts {
            dest: None,
            orig: Some(u16::from_le_bytes([low[0], low[1]])),
        };
        let written = json_of(&view);
        let event: PushEvent = serde_json::from_str(&written).unwrap();
        assert_eq!(event.id, format!("{number:016x}"));
        assert_eq!(event.received_at, number);
        assert_eq!(serde_json::to_string(&event).unwrap(), written);
    }
}

#[test]
fn a_server_is_written_as_it_is_shown() {
    let none = Headers::new();
    let addresses = [
        "0.0.0.0",
        "192.0.2.10",
        "255.255.255.255",
        "::1",
        "2001:db8::7",
    ];
    let addresses = addresses.map(|text| ServerAddress::Ip(text.parse().unwrap()));
    let others = [
        ServerAddress::E164("+4917099999".into()),
        ServerAddress::Sip("sip:\"ppg\"@example.net".into()),
    ];
    for server in addresses.into_iter().chain(others) {
        let mut view = view(b"", &none, &none);
        view.server = &server;
        let event: PushEvent = serde_json::from_str(&json_of(&view)).unwrap();
        assert_eq!(event.server, server.to_string());
    }
}

#[test]
fn a_short_message_shows_who_sent_it_and_what_it_came_by() {
    let none = Headers::new();
    for (originator, device) in [
        (Some("+4917099999"), Some("modem0")),
        (Some("\"odd\" name"), None),
        (None, Some("smsc.example.net")),
    ] {
        let mut view = view(b"", &none, &none);
        (view.originator, view.device) = (originator, device);
        let written = json_of(&view);
        let event: PushEvent = serde_json::from_str(&written).unwrap();
        assert_eq!(event.originator.as_deref(), originator);
        assert_eq!(event.device.as_deref(), device);
        assert_eq!(written.contains("originator"), originator.is_some());
        assert_eq!(written.contains("device"), device.is_some());
        assert_eq!(serde_json::to_string(&event).unwrap(), written);
    }
}

#[test]
fn what_is_submitted_is_base64_in_bounded_number() {
    let request = |content: &[&str]| push_api::SubmitRequest {
        kind: push_api::SubmitKind::Tpdu,
        content: content.iter().map(|&text| text.to_owned()).collect(),
        sender: None,
        smsc: None,
        sent_at: None,
        bearer: None,
        ports: None,
        device: None,
    };
    let octets = request(&["AQI=", "Aw=="]).octets().unwrap();
    assert_eq!(octets, [vec![1, 2], vec![3]]);
    for (content, said) in [
        (&[][..], "1 to 255"),
        (&["AQI=", "AQ"], "content 1"),
        (&["0102x"], "base64"),
        (&[""], "no octets"),
        (&["AQI="; 256], "256"),
    ] {
        let refusal = request(content).octets().unwrap_err();
        assert_eq!(refusal.option, Some("content"));
        assert!(refusal.detail.contains(said), "{refusal}");
    }
    let text = r#"{"kind":"userData","content":["AQI="],"sentAt":5,"device":"modem"}"#;
    let parsed: push_api::SubmitRequest = from_json(text.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
}
