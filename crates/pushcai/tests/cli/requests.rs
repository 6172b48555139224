//! Commands that ask the daemon once.

use insta::assert_snapshot;

use crate::daemon::{Daemon, Reply};
use crate::run::{Run, against, command, finished, pushcai};

const REGISTRATIONS: &str = r#"[{"registrationID":"0000000000000001","owner":"uid:1000",
    "pushApplicationID":"x-wap-application:mms.ua","Accept":"application/vnd.wap.mms-message","state":"active",
    "registeredAt":1700000000000,"waitingEvents":2,"unacknowledgedEvents":1,"connected":true},
    {"registrationID":"0000000000000002","owner":"uid:1000","pushApplicationID":"x-example.net:meter",
    "applicationID":"https://example.net/\u001b[31mmeter","state":"active","registeredAt":1700000000000,
    "waitingEvents":0,"unacknowledgedEvents":0,"connected":false}]"#;

const STATUS: &str = r#"{"version":"0.1.0","uptimeSeconds":12,"registrations":2,"waitingEvents":3,
    "unacknowledgedEvents":1,"heldEvents":0,"deadLetters":0,"octets":512,"listening":[["OTA-WSP","0.0.0.0:2948"]],
    "storeFailure":null,"counters":{"pushes_accepted":7}}"#;

const EXPLANATION: &str = r#"{"explanation":{"verdict":"contentType","steps":["one registration has this id",
    "none of them accepts text/html"]},"recent":[]}"#;

const RECENT: &str = r#"{"recent":[{"receivedAt":1700000000000,"verdict":"noSuchApplication",
    "pushApplicationID":"x-wap-application:emn.ua","contentType":"text/plain","protocol":"OTA-WSP",
    "server":"192.0.2.7","length":12,"detail":"no application is registered for it"},
    {"receivedAt":1700000000500,"verdict":"malformed","protocol":"OTA-WSP","server":"192.0.2.8","length":3,
    "detail":"the octets end before the field does at octet 3"}]}"#;

fn problem(reason: &str) -> String {
    format!(
        r#"{{"type":"urn:pushcai:reason:{reason}","title":"T","status":400,"result":"failure","reason":"{reason}","option":"Accept","detail":"what is wrong, and what would work"}}"#
    )
}

const SERVERS: &str = r#"[
    {"uri":"http://192.0.2.7:4035","protocol":"OTA-HTTP","state":"confirmed","id":"ppg.example.net","secure":false,"cpiTag":"AQIDBA==","connections":2,
     "lastExchange":{"method":"OPTIONS","status":"500 Registered","time":"2023-11-14T22:13:20.123Z"}},
    {"uri":"https://b.example.net:4036","protocol":"OTA-HTTP","state":"unreachable","reason":"connection refused\u001b[31m","id":"b","secure":true,"connections":0},
    {"uri":"sip:ims.example.net","protocol":"OTA-SIP","state":"confirmed","secure":true,"lastExchange":{"method":"REGISTER","status":"200 OK","time":"2023-11-14T22:13:21.000Z"},
     "binding":{"contact":"sip:alice@192.0.2.20:5060","gruu":"sip:alice@ims.example.net;gr=urn:uuid:1","applications":["mms.ua","ulp.ua\u001b[31m"],"instances":[],"expiresIn":3540,"serviceRoute":["<sip:192.0.2.9;lr>"]}},
    {"uri":"sip:psa@ims.example.net","protocol":"OTA-SIP","state":"confirmed","lastExchange":{"method":"OPTIONS","status":"200 OK","time":"2023-11-14T22:13:21.000Z"},
     "rejectedApplications":["x-wap-application:mms.ua"]}
]"#;

fn answered(body: &'static str, arguments: &[&str]) -> Run {
    let daemon = Daemon::always(200, body);
    against(daemon.socket(), arguments)
}

#[test]
fn a_registration_is_sent_as_it_was_written() {
    let daemon = Daemon::always(
        201,
        r#"{"result":"success","registrationID":"0000000000000001","servers":[{"uri":"ppg.example.net","protocol":"OTA-HTTP","state":"announced"}]}"#,
    );
    let run = against(
        daemon.socket(),
        &[
            "register",
            "4",
            "--application-id",
            "https://example.net/a",
            "--accept",
            "text/*, a/b;q=0.5",
            "--whitelist",
            "192.0.2.7,ppg.example.net",
            "--profile",
            "OTA-WSP/IP:2948",
            "--profile",
            "OTA-HTTP",
            "--handler",
            "exec:show",
            "--suppress-equal-content",
            "60",
        ],
    );
    assert_snapshot!(run);
    let asked = daemon.asked();
    assert_eq!(asked[0].line, "POST /v1/registrations");
    assert_snapshot!(asked[0].body);
}

#[test]
fn a_deregistration_names_the_application() {
    let daemon = Daemon::always(200, r#"{"result":"success","servers":[]}"#);
    let arguments = [
        "deregister",
        "x-example.net:m +é",
        "--application-id",
        "a",
        "--owner",
        "uid:7/flatpak:a",
        "--force",
    ];
    assert_snapshot!(against(daemon.socket(), &arguments));
    assert_eq!(
        daemon.asked()[0].line,
        "DELETE /v1/registrations?pushApplicationID=x-example.net%3Am%20%2B%C3%A9&applicationID=a&owner=uid%3A7%2Fflatpak%3Aa&force=true"
    );
    let run = against(daemon.socket(), &["deregister", "4", "--json"]);
    assert_eq!(run.stdout, "{\"result\":\"success\",\"servers\":[]}\n");
}

#[test]
fn tables_are_aligned_and_do_not_steer_the_terminal() {
    assert_snapshot!(answered(REGISTRATIONS, &["apps"]));
    assert_snapshot!(answered(STATUS, &["status"]));
    assert_snapshot!(answered(EXPLANATION, &["explain", "--id", "4"]));
    assert_snapshot!(answered(RECENT, &["explain"]));
    assert_snapshot!(answered(SERVERS, &["servers"]));
}

#[test]
fn a_registration_shows_what_each_server_said() {
    const ANSWER: &str = r#"{"result":"success","registrationID":"0000000000000001","servers":[{"uri":"http://192.0.2.7:4035","protocol":"OTA-HTTP","state":"confirmed"},{"uri":"https://ppg.example.net:4036","protocol":"OTA-HTTP","state":"unreachable","reason":"connection\nrefused"}]}"#;
    assert_snapshot!(answered(ANSWER, &["register", "4"]));
    let json = answered(ANSWER, &["register", "4", "--json"]);
    assert_eq!(json.stdout, format!("{ANSWER}\n"));
}

#[test]
fn an_empty_list_is_said_in_words_and_is_no_data() {
    for (arguments, words) in [
        ("apps", "no application is registered\n"),
        ("servers", "the daemon registers with no Push Server\n"),
        ("events", "no event waits\n"),
    ] {
        let run = answered("[]", &[arguments]);
        assert_eq!(
            (run.code, run.stdout.as_str(), run.stderr.as_str()),
            (0, "", words)
        );
        let run = answered("[]", &[arguments, "--json"]);
        assert_eq!(
            (run.code, run.stdout.as_str(), run.stderr.as_str()),
            (0, "", "")
        );
    }
}

#[test]
fn json_has_one_value_a_line() {
    for (body, arguments, lines) in [
        (REGISTRATIONS, &["apps", "--json"][..], 2),
        (STATUS, &["status", "--json"], 1),
        (RECENT, &["explain", "--json"], 1),
        (
            r#"[{"uri":"u","protocol":"p","state":"s"}]"#,
            &["servers", "--json"],
            1,
        ),
        (SERVERS, &["servers", "--json"], 4),
        (
            "# TYPE a counter\na{b=\"c\"} 1\nd 2.5\n",
            &["--json", "metrics"],
            2,
        ),
        ("{\"acknowledged\":1}", &["ack", "1", "--json"], 1),
    ] {
        let run = answered(body, arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        assert_eq!(run.stdout.lines().count(), lines, "{arguments:?}");
        for line in run.stdout.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

#[test]
fn metrics_are_shown_as_they_are() {
    assert_eq!(
        answered("# HELP a b\na 1\n", &["metrics"]).stdout,
        "# HELP a b\na 1\n"
    );
}

#[test]
fn an_explanation_is_asked_for_by_its_description() {
    let daemon = Daemon::always(200, EXPLANATION);
    let arguments = [
        "explain",
        "--id",
        "4",
        "--content-type",
        "a/b",
        "--server",
        "192.0.2.7",
        "--port",
        "2948",
    ];
    assert_eq!(against(daemon.socket(), &arguments).code, 0);
    let over_sip = [
        "explain",
        "--protocol",
        "OTA-SIP",
        "--instance",
        "urn:a",
        "--server",
        "sip:psa@ims.example.net",
    ];
    assert_eq!(against(daemon.socket(), &over_sip).code, 0);
    let asked = daemon.asked();
    assert_snapshot!(asked[0].body);
    assert_snapshot!(asked[1].body);
}

#[test]
fn an_event_is_acknowledged_by_its_id() {
    let daemon = Daemon::always(200, r#"{"result":"success"}"#);
    assert_eq!(
        against(daemon.socket(), &["ack", "0a/b"]).stdout,
        "acknowledged 0a/b: accepted\n"
    );
    assert_eq!(
        against(daemon.socket(), &["ack", "0a", "later"]).stdout,
        "acknowledged 0a: later\n"
    );
    let asked = daemon.asked();
    assert_eq!(asked[0].line, "POST /v1/events/0a%2Fb/ack");
    assert_eq!(asked[0].body, r#"{"outcome":"accepted"}"#);
    assert_eq!(asked[1].body, r#"{"outcome":"later"}"#);
}

#[test]
fn each_reason_has_its_line_and_its_exit_code() {
    let reasons = [
        "invalidRequest",
        "alreadyRegistered",
        "notRegistered",
        "unsupportedOption",
        "optionNotAvailable",
        "notAuthorized",
        "quotaExceeded",
        "serverRejected",
        "serverUnreachable",
        "storeFailed",
    ];
    for (reason, code) in reasons.into_iter().zip(10..) {
        let daemon = Daemon::start(move |_| Reply::new(400, &problem(reason)));
        let run = against(daemon.socket(), &["register", "4"]);
        assert_eq!((run.code, run.stdout.as_str()), (code, ""));
        let line = format!("pushcai: {reason} (Accept): what is wrong, and what would work\n");
        assert_eq!(run.stderr, line);
        let json = against(daemon.socket(), &["register", "4", "--json"]);
        assert_eq!((json.code, json.stderr), (code, line));
        assert_eq!(json.stdout, format!("{}\n", problem(reason)));
    }
}

#[test]
fn answers_that_make_no_sense_are_failures() {
    for (status, body) in [
        (200, "no JSON"),
        (500, "no problem document"),
        (200, "{}"),
        (404, r#"{"a":1}"#),
    ] {
        let daemon = Daemon::always(status, body);
        let run = against(daemon.socket(), &["apps"]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{body}");
        assert!(
            run.stderr
                .starts_with("pushcai: the daemon's answer cannot be understood: "),
            "{run}"
        );
        assert_eq!(run.stderr.lines().count(), 1, "{run}");
    }
}

#[test]
fn a_daemon_that_is_not_there_is_named_with_what_would_work() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let cut = |run: Run| run.stderr.replace(socket.to_str().unwrap(), "SOCKET");
    let run = pushcai(&["--socket", socket.to_str().unwrap(), "status"]);
    assert_eq!(run.code, 3);
    assert_snapshot!(cut(run));
    std::fs::write(&socket, "").unwrap();
    let run = pushcai(&["status", "--socket", socket.to_str().unwrap()]);
    assert_eq!(run.code, 3);
    assert_snapshot!(cut(run));
}

#[test]
fn wrong_use_is_one_line_and_hints() {
    let mut all = Vec::new();
    for arguments in [
        &["regster"][..],
        &["register"],
        &["register", "4", "--acept", "text/*"],
        &["register", "4", "--profile", "/IP"],
        &["ack", "1", "maybe"],
        &["events", "--follow", "--fetch", "3"],
        &["events", "--count", "3"],
        &["events", "--fetch", "0"],
        &["decode"],
        &["decode", "--kind", "pap", "00"],
        &["status", "--tcp", "127.0.0.1:1"],
        &["status", "--token-file", "f"],
        &[
            "--socket",
            "s",
            "status",
            "--tcp",
            "127.0.0.1:1",
            "--token-file",
            "f",
        ],
        &["lab", "push", "nowhere"],
        &["lab", "push", "--body", "x", "--sample", "si"],
        &["lab", "push", "--header", "no colon"],
        &["lab", "push", "--body-hex", "0"],
    ] {
        let run = pushcai(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}");
        all.push(format!(
            "$ pushcai {}\n{}\n",
            arguments.join(" "),
            run.stderr
        ));
    }
    assert_snapshot!(all.concat());
}

#[test]
fn a_token_is_sent_over_tcp_and_a_missing_one_is_a_failure() {
    let run = pushcai(&[
        "status",
        "--tcp",
        "127.0.0.1:1",
        "--token-file",
        "/nonexistent/token",
    ]);
    assert_eq!(run.code, 1);
    assert_eq!(
        run.stderr,
        "pushcai: /nonexistent/token: No such file or directory (os error 2)\n"
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "secret\n").unwrap();
    let arguments = [
        "status",
        "--json",
        "--tcp",
        &address,
        "--token-file",
        token.path().to_str().unwrap(),
    ];
    let child = command(&arguments).spawn().unwrap();
    let head = one_request(&listener, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let run = finished(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (0, "{}\n"));
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("\r\nauthorization: bearer secret\r\n"),
        "{head}"
    );
    assert!(head.contains(&format!("\r\nhost: {address}\r\n")), "{head}");
}

/// Answers one request, and gives its head.
fn one_request(listener: &std::net::TcpListener, answer: &str) -> String {
    use std::io::{BufRead, BufReader, Write};
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0);
    }
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    head
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let daemon = Daemon::always(200, REGISTRATIONS);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for arguments in [
        &["apps"][..],
        &["apps", "--json"],
        &["completions", "bash"],
        &["--help"],
        &["man"],
    ] {
        let mut command = command(arguments);
        command
            .env("PUSHCAI_SOCKET", daemon.socket())
            .stdout(writer.try_clone().unwrap());
        let run = finished(command.output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_told() {
    let daemon = Daemon::always(200, REGISTRATIONS);
    for arguments in [&["apps"][..], &["decode", "--kind", "content-type", "83"]] {
        let mut command = command(arguments);
        command
            .env("PUSHCAI_SOCKET", daemon.socket())
            .stdout(std::fs::File::create("/dev/full").unwrap());
        let run = finished(command.output().unwrap());
        assert_eq!(run.code, 1, "{arguments:?}");
        assert!(
            run.stderr
                .starts_with("pushcai: the output cannot be written: "),
            "{arguments:?}: {}",
            run.stderr
        );
    }
}
