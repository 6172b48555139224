//! `pushcai events`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout};

use insta::assert_snapshot;

use crate::daemon::{Asked, Daemon, End, Reply};
use crate::run::{against, command, finished};

fn event(id: u32, content_type: &str, content: &str) -> String {
    format!(
        r#"{{"id":"{id:016x}","registrationID":"0000000000000001","pushApplicationID":"x-wap-application:mms.ua","contentType":"{content_type}","content":"{content}","headers":[["X-Wap-Application-Id","x-wap-application:mms.ua"],["X-A","\u001b[1m"]],"protocol":"OTA-WSP","bearer":"IP","server":"192.0.2.7","ports":{{"dest":2948,"orig":9200}},"receivedAt":1700000000000,"attempt":{id},"authenticated":false,"trusted":false}}"#
    )
}

fn text(id: u32) -> String {
    event(id, "text/plain", "aGVsbG8KdGhlcmU=")
}

fn sent(id: u32) -> String {
    format!("id: {id:016x}\nevent: push\ndata: {}\n\n", text(id))
}

const ACKNOWLEDGED: &str = r#"{"acknowledged":1}"#;

fn is_acknowledgement(asked: &Asked) -> bool {
    asked.line == "POST /v1/events/ack"
}

fn acknowledged(daemon: &Daemon) -> Vec<String> {
    let asked = daemon.asked();
    asked
        .into_iter()
        .filter(is_acknowledgement)
        .map(|asked| asked.body)
        .collect()
}

#[test]
fn waiting_events_are_shown() {
    let body = format!("[{},{}]", text(1), event(2, "a/b", "/wA="));
    let daemon = Daemon::start(move |_| Reply::ok(&body));
    assert_snapshot!(against(daemon.socket(), &["events"]));
    assert_snapshot!(against(daemon.socket(), &["events", "--decode"]));
    assert_snapshot!(against(daemon.socket(), &["events", "--decode", "--json"]));
    let run = against(
        daemon.socket(),
        &[
            "events",
            "--json",
            "--fetch",
            "5",
            "--wait",
            "2",
            "--id",
            "4",
            "--application-id",
            "a b",
        ],
    );
    assert_eq!(run.stdout.lines().count(), 2);
    assert_eq!(daemon.asked()[0].line, "GET /v1/events?fetch=100&wait=0");
    assert_eq!(
        daemon.asked()[3].line,
        "GET /v1/events?pushApplicationID=4&applicationID=a%20b&fetch=5&wait=2"
    );
    assert!(acknowledged(&daemon).is_empty());
}

#[test]
fn events_are_acknowledged_only_once_they_are_written() {
    let output = tempfile::NamedTempFile::new().unwrap();
    let path = output.path().to_owned();
    let daemon = Daemon::start(move |asked| {
        if is_acknowledgement(asked) {
            let written = std::fs::read_to_string(&path).unwrap();
            assert!(written.ends_with('\n'));
            let ids: Vec<serde_json::Value> = serde_json::from_str(&asked.body).unwrap();
            assert!(
                ids.iter()
                    .all(|id| written.contains(id["id"].as_str().unwrap()))
            );
            return Reply::ok(ACKNOWLEDGED);
        }
        let chunk = format!("{}{}", sent(1), sent(2));
        let (head, tail) = chunk.split_at(50);
        Reply::stream(200, [head, tail, &sent(3), &sent(4)], End::Silence)
    });
    let mut command = command(&["events", "--follow", "--ack", "--json", "--count", "3"]);
    command
        .env("PUSHCAI_SOCKET", daemon.socket())
        .stdout(File::create(output.path()).unwrap());
    let run = finished(command.output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let written = std::fs::read_to_string(output.path()).unwrap();
    assert_eq!(written, format!("{}\n{}\n{}\n", text(1), text(2), text(3)));
    let acknowledged = acknowledged(&daemon).concat();
    assert_eq!(acknowledged.matches("\"accepted\"").count(), 3);
    assert!(!acknowledged.contains("0000000000000004"));
}

#[test]
fn fetched_events_are_acknowledged_as_well() {
    let body = format!("[{}]", text(1));
    let daemon = Daemon::start(move |asked| {
        Reply::ok(if is_acknowledgement(asked) {
            ACKNOWLEDGED
        } else {
            &body
        })
    });
    assert_eq!(against(daemon.socket(), &["events", "--ack"]).code, 0);
    assert_eq!(
        acknowledged(&daemon),
        [r#"[{"id":"0000000000000001","outcome":"accepted"}]"#]
    );
}

#[test]
fn an_acknowledgement_that_is_refused_is_told() {
    let body = format!("[{}]", text(1));
    let daemon = Daemon::start(move |asked| {
        if is_acknowledgement(asked) {
            Reply::ok(
                r#"{"acknowledged":0,"refused":[["0000000000000001","notRegistered","it is gone"]]}"#,
            )
        } else {
            Reply::ok(&body)
        }
    });
    let run = against(daemon.socket(), &["events", "--ack"]);
    assert_eq!(
        run.stderr,
        "pushcai: event 0000000000000001 is not acknowledged: notRegistered: it is gone\n"
    );
}

/// A run that follows, with its output to be read line by line.
struct Following {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Following {
    fn start(daemon: &Daemon, arguments: &[&str]) -> Self {
        let arguments = [&["events", "--follow", "--json"], arguments].concat();
        let mut child = command(&arguments)
            .env("PUSHCAI_SOCKET", daemon.socket())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    fn talk(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    fn code(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn a_stream_that_breaks_off_is_opened_again_behind_the_last_event() {
    let daemon = Daemon::start(|asked| {
        let last = asked
            .last_event_id
            .as_deref()
            .map(|id| id.trim_start_matches('0'));
        match last {
            None => Reply::stream(200, [sent(1).as_str()], End::Whole),
            Some("1") => Reply::stream(200, [sent(2).as_str()], End::Break),
            Some(_) => Reply::stream(200, [sent(3).as_str()], End::Silence),
        }
    });
    let run = against(
        daemon.socket(),
        &["events", "--follow", "--json", "--count", "3"],
    );
    assert_eq!(
        run.stdout,
        format!("{}\n{}\n{}\n", text(1), text(2), text(3))
    );
    assert_eq!(run.code, 0);
    let talk: Vec<_> = run.stderr.lines().collect();
    assert_eq!(
        talk[0],
        "pushcai: the daemon ended the stream; connecting again in 0.1 s"
    );
    assert_eq!(talk[1], "connected again");
    assert!(
        talk[2].starts_with("pushcai: the stream broke off: "),
        "{run}"
    );
}

#[test]
fn a_daemon_that_starts_again_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let first = Daemon::start_at(&socket, |_| {
        Reply::stream(200, [sent(1).as_str()], End::Silence)
    });
    let mut following = Following::start(&first, &["--count", "2"]);
    assert_eq!(following.line(), format!("{}\n", text(1)));
    drop(first);
    assert!(following.talk().contains("connecting again in 0.1 s"));
    assert!(following.talk().contains("cannot reach the daemon"));
    let second = Daemon::start_at(&socket, |_| {
        Reply::stream(200, [sent(2).as_str()], End::Silence)
    });
    assert_eq!(following.line(), format!("{}\n", text(2)));
    assert_eq!(following.code(), 0);
    assert_eq!(
        second.asked()[0].last_event_id.as_deref(),
        Some("0000000000000001")
    );
}

#[test]
fn what_was_shown_is_acknowledged_when_the_daemon_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let first = Daemon::start_at(&socket, |asked| {
        if is_acknowledgement(asked) {
            Reply::stream(200, [], End::Silence)
        } else {
            Reply::stream(200, [sent(1).as_str()], End::Silence)
        }
    });
    let mut following = Following::start(&first, &["--ack", "--count", "2"]);
    assert_eq!(following.line(), format!("{}\n", text(1)));
    while acknowledged(&first).is_empty() {
        std::thread::yield_now();
    }
    drop(first);
    assert!(following.talk().contains("connecting again"));
    let second = Daemon::start_at(&socket, |asked| {
        if is_acknowledgement(asked) {
            Reply::ok(ACKNOWLEDGED)
        } else {
            Reply::stream(200, [sent(2).as_str()], End::Silence)
        }
    });
    assert_eq!(following.line(), format!("{}\n", text(2)));
    assert_eq!(following.code(), 0);
    let acknowledged = acknowledged(&second);
    assert_eq!(acknowledged.len(), 2);
    assert!(acknowledged[0].contains("0000000000000001"));
    assert!(acknowledged[1].contains("0000000000000002"));
}

#[test]
fn a_refusal_ends_the_following() {
    let refusal = r#"{"type":"urn:pushcai:reason:quotaExceeded","title":"T","status":429,"result":"failure","reason":"quotaExceeded","detail":"too many"}"#;
    let daemon = Daemon::always(429, refusal);
    let run = against(daemon.socket(), &["events", "--follow"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (16, "pushcai: quotaExceeded: too many\n")
    );
}

#[test]
fn a_signal_ends_the_following_cleanly() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::INT, Signal::TERM] {
        let daemon = Daemon::start(|_| Reply::stream(200, [": hello\n", &sent(1)], End::Silence));
        let mut following = Following::start(&daemon, &[]);
        assert_eq!(following.line(), format!("{}\n", text(1)));
        kill_process(Pid::from_child(&following.child), signal).unwrap();
        assert_eq!(following.line(), "");
        assert_eq!(following.talk(), "");
        assert_eq!(following.code(), 0);
    }
}

#[test]
fn many_acknowledgements_are_sent_in_several_requests() {
    let events: Vec<_> = (1..=1000).map(text).collect();
    let body = format!("[{}]", events.join(","));
    let daemon = Daemon::start(move |asked| {
        Reply::ok(if is_acknowledgement(asked) {
            ACKNOWLEDGED
        } else {
            &body
        })
    });
    let run = against(
        daemon.socket(),
        &["events", "--fetch", "1000", "--ack", "--json"],
    );
    assert_eq!((run.code, run.stdout.lines().count()), (0, 1000));
    let counts: Vec<_> = acknowledged(&daemon)
        .iter()
        .map(|body| body.matches("outcome").count())
        .collect();
    assert_eq!(counts, [256, 256, 256, 232]);
}
