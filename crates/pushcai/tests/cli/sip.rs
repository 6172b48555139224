//! `pushcai lab sip`, against a terminal that says what a test tells it to say.

use std::fmt::Write;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::run::{Run, command, finished, pushcai};

/// What the terminal answers every request with.
fn answer(request: &str, status: &str) -> String {
    let mut answer = format!("SIP/2.0 {status}\r\n");
    for line in request.lines() {
        let repeated = ["Via:", "From:", "Call-ID:", "CSeq:"];
        if repeated.iter().any(|name| line.starts_with(name)) {
            write!(answer, "{line}\r\n").unwrap();
        }
        if line.starts_with("To:") {
            write!(answer, "{line};tag=own\r\n").unwrap();
        }
    }
    answer + "Content-Length: 0\r\n\r\n"
}

/// Runs the lab without asking for passwords, and a terminal that registers and answers pushes so, one after the other.
fn lab(arguments: &[&str], statuses: &'static [&'static str]) -> Run {
    let all = [
        &["lab", "sip", "--listen", "127.0.0.1:0", "--json"],
        arguments,
    ]
    .concat();
    let mut child = command(&all).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    stdout.read_line(&mut told).unwrap();
    let listening: Value = serde_json::from_str(&told).unwrap();
    let core = listening["address"].as_str().unwrap().to_owned();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Some(Duration::from_secs(30));
    socket.set_read_timeout(patience).unwrap();
    let own = socket.local_addr().unwrap();
    let register = format!(
        "REGISTER sip:lab.example SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@lab.example>;tag=1\r\nTo: <sip:alice@lab.example>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:alice@{own}>;+g.oma.pusheventapp=\"news.ua\"\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(register.as_bytes(), &core).unwrap();
    let serving = std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        let mut last = String::new();
        for status in statuses {
            let (text, source) = loop {
                let (length, source) = socket.recv_from(&mut buffer).unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.starts_with("MESSAGE") && text != last {
                    break (text, source);
                }
            };
            let answer = answer(&text, status);
            socket.send_to(answer.as_bytes(), source).unwrap();
            last = text;
        }
        last
    });
    stdout.read_to_string(&mut told).unwrap();
    let message = serving.join().unwrap();
    assert!(message.contains("+g.oma.pusheventapp=\"news.ua\""));
    let run = finished(child.wait_with_output().unwrap());
    Run {
        stdout: told,
        ..run
    }
}

#[test]
fn a_push_by_sip_is_told_step_by_step() {
    let arguments = ["--application", "news.ua", "--body", "hello"];
    let run = lab(&[&arguments[..], &["--open"]].concat(), &["200 OK"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    let events: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "listening",
            "listening",
            "registered",
            "forwarded",
            "pushed"
        ]
    );
    assert_eq!(events[2]["capabilities"]["applications"][0], "news.ua");
    assert_eq!(events[4]["accepted"], true);
    let run = lab(
        &[&arguments[..], &["--open"]].concat(),
        &["415 Unsupported Media Type"],
    );
    assert_eq!(run.code, 1, "{run}");
    let why = "the push was not taken: 415 Unsupported Media Type";
    assert!(run.stderr.contains(why), "{run}");
}

#[test]
fn a_push_that_comes_too_early_is_sent_again() {
    const EARLY: &str = "480 Temporarily Unavailable\r\nRetry-After: 1 (soon);duration=9";
    const LATE: &str = "480 Temporarily Unavailable\r\nRetry-After: 31";
    let arguments = ["--application", "news.ua", "--body", "hello", "--open"];
    let run = lab(&arguments, &[EARLY, "200 OK"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    let pushed = run.stdout.matches(r#""event":"pushed""#).count();
    assert_eq!(pushed, 2, "{run}");
    // Nobody waits longer than for answers at all.
    let run = lab(&arguments, &[LATE]);
    assert_eq!(run.code, 1, "{run}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_opened() {
    for arguments in [
        &["--misbehave", "dance"][..],
        &["--spoil", "REGISTER"],
        &["--spoil", "REGISTER=dance"],
        &["--core", "127.0.0.1:5060"],
        &["--refuse", "200"],
        &["--session", "--message"],
    ] {
        let all = [&["lab", "sip", "--listen", "127.0.0.1:0"], arguments].concat();
        assert_eq!(pushcai(&all).code, 2, "{arguments:?}");
    }
    for list in ["--misbehave", "--spoil"] {
        let run = pushcai(&["lab", "sip", list, "list"]);
        assert_eq!(run.code, 0, "{run}");
        assert!(run.stdout.lines().count() > 10, "{run}");
    }
}

#[test]
fn nobody_to_push_to_is_said_after_a_while() {
    let run = pushcai(&[
        "lab",
        "sip",
        "--listen",
        "127.0.0.1:0",
        "--patience",
        "0",
        "--application",
        "x-wap-application:news.ua",
        "--body",
        "x",
    ]);
    assert_eq!(run.code, 1, "{run}");
    assert!(
        run.stderr.contains("no terminal registered news.ua"),
        "{run}"
    );
}
