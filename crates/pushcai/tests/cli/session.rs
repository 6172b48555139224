//! `pushcai lab session`, against a terminal that says what a test tells it to say.

use std::net::UdpSocket;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::run::{Run, pushcai};

/// A terminal at a port of its own that opens a session where the request it gets says so, and answers the push with these
/// octets behind its transaction identifier.
fn terminal(kind: u8, rest: &'static [u8]) -> (String, JoinHandle<Vec<u8>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        let (length, server) = socket.recv_from(&mut buffer).unwrap();
        let request = buffer[..length].to_vec();
        socket
            .send_to(
                b"\x0e\x00\x01\x12\x01\x10\x03\x02\x02\x82\xc0\xb2\x84",
                server,
            )
            .unwrap();
        loop {
            let (length, server) = socket.recv_from(&mut buffer).unwrap();
            match buffer[..length] {
                // ConnectReply.
                [0x16 | 0x17, ..] => {
                    socket.send_to(&[0x18, 0, 1], server).unwrap();
                }
                // ConfirmedPush.
                [0x0e | 0x0f, high, low, _, 7, ..] => {
                    let answer = [&[kind, high | 0x80, low], rest].concat();
                    socket.send_to(&answer, server).unwrap();
                }
                // Disconnect.
                _ => return request,
            }
        }
    });
    (address, serving)
}

fn session(arguments: &[&str]) -> Run {
    pushcai(&[&["lab", "session", "--listen", "127.0.0.1:0"], arguments].concat())
}

#[test]
fn every_step_of_a_session_is_a_line() {
    let (address, serving) = terminal(0x18, &[]);
    let run = session(&[
        "--sia",
        &address,
        "--application",
        "4",
        "--body",
        "hello",
        "--json",
    ]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    let request = serving.join().unwrap();
    assert_eq!(
        request[..9],
        *b"\x00\x06\x03\xb4\xaf\x81\x00\x02\xb2",
        "{request:02x?}"
    );
    let lines = run.stdout.lines();
    let events: Vec<Value> = lines
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
            "invited",
            "asked",
            "connected",
            "pushed",
            "ended"
        ]
    );
    assert_eq!(events[2]["greeting"]["applications"][0], "0x4");
    assert_eq!(events[4]["acknowledged"], true);
    assert_eq!(events[5]["reason"], "byServer");
}

#[test]
fn a_push_that_is_refused_is_a_failure_with_its_reason() {
    let (address, serving) = terminal(0x21, &[0xec]);
    let run = session(&[
        "--sia",
        &address,
        "--kannel",
        "--application",
        "4",
        "--body",
        "x",
        "--tid-zero",
        "--trace",
    ]);
    assert_eq!(run.code, 1, "{run}");
    assert!(
        run.stderr.contains("the push was aborted with USERPND"),
        "{run}"
    );
    assert!(
        run.stdout.contains("1 push 0x0000: aborted with USERPND"),
        "{run}"
    );
    let request = serving.join().unwrap();
    // The application's number and the contact point are text.
    assert!(
        request.windows(3).any(|octets| octets == b"\x00\x014"),
        "{request:02x?}"
    );
    // The push with its answer, octet by octet.
    assert!(run.stdout.contains(" 0e00003107"), "{run}");
    assert!(run.stdout.contains(" 218000ec"), "{run}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    for arguments in [
        &["--misbehave", "dance"][..],
        &["--kannel"],
        &["--segment", "0"],
        &["--grant", "0xc0", "--refuse", "0x43"],
    ] {
        assert_eq!(session(arguments).code, 2, "{arguments:?}");
    }
    let run = session(&["--misbehave", "list"]);
    assert!(run.stdout.contains("flood-pushes\n"), "{run}");
    let run = session(&["--body", "x", "--patience", "0"]);
    assert!(
        run.stderr
            .contains("no terminal opened a session within 0ns"),
        "{run}"
    );
}
