//! `pushcai submit`.

use std::io::Write;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::run::{Run, against, command, finished, pushcai};

const ACCEPTED: &str =
    r#"{"result":"success","results":[{"verdict":"accepted","eventID":"0000000000000001"}]}"#;
const MIXED: &str = r#"{"result":"success","results":[{"verdict":"kept","detail":"a segment; others of its message are missing"},
    {"verdict":"duplicate"},{"verdict":"contentType","detail":"nobody accepts it\u001b[31m"}]}"#;
const STORE_FAILED: &str = r#"{"type":"urn:pushcai:reason:storeFailed","title":"T","status":507,"result":"failure",
    "reason":"storeFailed","detail":"there is no room; submit the whole of it again later"}"#;

fn body(daemon: &Daemon) -> Value {
    let asked = daemon.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /v1/submit");
    serde_json::from_str(&asked[0].body).unwrap()
}

fn with_input(daemon: &Daemon, arguments: &[&str], input: &str) -> Run {
    let mut command = command(arguments);
    command.env("PUSHCAI_SOCKET", daemon.socket());
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    finished(child.wait_with_output().unwrap())
}

#[test]
fn words_are_submitted_with_what_is_known_of_them() {
    let daemon = Daemon::always(200, ACCEPTED);
    let run = against(daemon.socket(), &["submit", "07 91", "0x0a0b"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "accepted: event 0000000000000001\n")
    );
    assert_eq!(
        body(&daemon),
        json!({"kind": "tpdu", "content": ["B5E=", "Cgs="]})
    );

    let daemon = Daemon::always(200, ACCEPTED);
    let arguments = [
        "submit",
        "--kind",
        "push",
        "--sender",
        "+4917099999",
        "--smsc",
        "+491710760000",
        "--sent",
        "1780000000",
        "--bearer",
        "GSM-SMS",
        "--ports",
        "2948:9200",
        "--device",
        "gammu",
        "0006",
        "--json",
    ];
    let run = against(daemon.socket(), &arguments);
    assert_eq!((run.code, run.stdout.trim_end()), (0, ACCEPTED));
    let expected = json!({
        "kind": "push", "content": ["AAY="], "sender": "+4917099999", "smsc": "+491710760000",
        "sentAt": 1_780_000_000_000_u64, "bearer": "GSM-SMS", "ports": {"dest": 2948, "orig": 9200},
        "device": "gammu",
    });
    assert_eq!(body(&daemon), expected);
}

#[test]
fn lines_and_files_are_submitted_as_they_come() {
    let daemon = Daemon::always(200, ACCEPTED);
    let run = with_input(&daemon, &["submit", "--kind", "user-data"], "0102\n\n03\n");
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(
        body(&daemon),
        json!({"kind": "userData", "content": ["AQI=", "Aw=="]})
    );

    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a.bin"), [1, 2]).unwrap();
    std::fs::write(path("b.bin"), [0xff]).unwrap();
    let daemon = Daemon::always(200, ACCEPTED);
    let (a, b) = (path("a.bin"), path("b.bin"));
    let arguments = [
        "submit", "--kind", "push", "--ports", "2948", "--file", &a, "--file", &b,
    ];
    assert_eq!(against(daemon.socket(), &arguments).code, 0);
    let expected =
        json!({"kind": "push", "content": ["AQI=", "/w=="], "ports": {"dest": 2948, "orig": 0}});
    assert_eq!(body(&daemon), expected);
}

#[test]
fn a_session_initiation_request_that_is_followed_was_taken() {
    let answer = r#"{"result":"success","results":[{"verdict":"followed","detail":"a session initiation request"}]}"#;
    let daemon = Daemon::always(200, answer);
    let run = against(daemon.socket(), &["submit", "01"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "followed: a session initiation request\n")
    );
}

#[test]
fn what_is_not_taken_fails_the_run_and_what_is_put_off_has_its_own_code() {
    let run = against(
        Daemon::always(200, MIXED).socket(),
        &["submit", "01", "02", "03"],
    );
    assert_snapshot!(run);
    let run = against(
        Daemon::always(507, STORE_FAILED).socket(),
        &["submit", "01"],
    );
    assert_snapshot!(run);
}

#[test]
fn what_cannot_be_read_is_not_submitted() {
    let daemon = Daemon::always(200, ACCEPTED);
    for (arguments, said) in [
        (&["submit", "012"][..], "pairs"),
        (&["submit", "xyz"], "no hexadecimal digit"),
        (&["submit"], "nothing to submit"),
        (&["submit", "--ports", "x", "01"], "is no port"),
        (&["submit", "--file", "/nonexistent"], "/nonexistent"),
        (&["submit", "--file", "/dev/zero"], "octets"),
        (&["submit", "--file", "a", "01"], "cannot be used with"),
    ] {
        let run = against(daemon.socket(), arguments);
        assert!(run.code == 1 || run.code == 2, "{run}");
        assert!(run.stderr.contains(said), "{run}");
    }
    let many: Vec<&str> = ["submit"].into_iter().chain(["01"; 256]).collect();
    let run = against(daemon.socket(), &many);
    assert!(run.code == 2 && run.stderr.contains("255"), "{run}");
    assert!(daemon.asked().is_empty());
}

/// The script of the help is run by a shell as gammu-smsd runs it: with closed streams, and the files as arguments.
#[test]
fn the_script_for_gammu_in_the_help_works() {
    let help = pushcai(&["submit", "--help"]).stdout;
    let start = help.find("#!/bin/sh").unwrap();
    let end = help[start..].find("\n\n").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let inbox = directory.path().to_str().unwrap();
    let script = help[start..start + end]
        .replace("/var/spool/gammu/inbox", inbox)
        .replace(
            "pushcai submit",
            &format!("{} submit", env!("CARGO_BIN_EXE_pushcai")),
        );
    let names = [
        "IN20260101_120000_00_+4917099999_00.bin",
        "IN20260101_120000_00_+4917099999_01.bin",
    ];
    for (name, octet) in names.iter().zip([1, 2]) {
        std::fs::write(directory.path().join(name), [octet]).unwrap();
    }
    let daemon = Daemon::always(200, ACCEPTED);
    let status = std::process::Command::new("sh")
        .args(["-c", &script, "run-on-receive"])
        .args(names)
        .env("PUSHCAI_SOCKET", daemon.socket())
        .env("SMS_1_NUMBER", "+4917099999")
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(
        body(&daemon),
        json!({"kind": "push", "content": ["AQ==", "Ag=="], "sender": "+4917099999", "device": "gammu"})
    );
}
