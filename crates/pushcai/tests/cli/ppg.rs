//! `pushcai lab ppg`, against a terminal that says what a test tells it to say.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::run::pushcai;

const REGISTERED: &str = "HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 501\r\nX-Wap-CPITag: AAECAw==\r\n\
    X-Wap-Push-Accept: text/*\r\nX-Wap-Terminal-Id: 4100\r\nX-Wap-Bearer-Indication: 0B\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 400\r\n\r\n";

/// A terminal that answers one request after another so, and gives what it was asked.
fn terminal(answers: &'static [&'static str]) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        for answer in answers {
            asked.push_str(&request(&mut stream));
            stream.write_all(answer.as_bytes()).unwrap();
        }
        asked
    });
    (address, serving)
}

/// The head of a request with its body.
fn request(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    while !octets.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        octets.extend(octet);
    }
    let head = String::from_utf8(octets).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[test]
fn every_exchange_is_a_line() {
    let (address, serving) = terminal(&[REGISTERED, ACCEPTED]);
    let arguments = [
        "lab",
        "ppg",
        "--connect",
        &address,
        "--application",
        "x-example:app",
        "--body",
        "hello",
        "--type",
        "text/plain",
        "--info",
        "last",
        "--json",
    ];
    let run = pushcai(&arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    let asked = serving.join().unwrap();
    assert!(asked.contains("X-Wap-Push-Info: last\r\n"), "{asked}");
    assert!(
        asked.ends_with("X-Wap-Application-Id: x-example:app\r\n\r\nhello"),
        "{asked}"
    );
    // The terminal's end of the connection may come before all is told, or after.
    let events: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"] != "closed")
        .collect();
    let names: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    let expected = [
        "opened",
        "asked",
        "answered",
        "registered",
        "asked",
        "answered",
        "pushed",
    ];
    assert_eq!(names, expected);
    assert_eq!(events[3]["terminal"], "4100");
    assert_eq!(events[3]["maxMsgSize"], 1400);
    assert_eq!(events[4]["tag"], "AAECAw==");
    assert_eq!(events[5]["pushStatus"], 400);
    assert_eq!(events[6]["accepted"], true);
}

#[test]
fn a_push_that_is_not_taken_is_a_failure() {
    let refused = "HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 236 No such application\r\n\r\n";
    let answers: &'static [&'static str] = vec![REGISTERED, refused].leak();
    let (address, serving) = terminal(answers);
    let run = pushcai(&[
        "lab",
        "ppg",
        "--connect",
        &address,
        "--type",
        "text/plain",
        "--body",
        "x",
    ]);
    serving.join().unwrap();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("refused with push status 236"), "{run}");
    assert!(
        run.stdout.contains("< 204, push status 236, tag none"),
        "{run}"
    );
}

#[test]
fn misbehaviour_is_done_as_asked_and_told() {
    let bad = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nX-Wap-Push-Status: 235\r\n\r\n";
    let answers: &'static [&'static str] = vec![bad].leak();
    let (address, serving) = terminal(answers);
    let run = pushcai(&[
        "lab",
        "ppg",
        "--connect",
        &address,
        "--no-register",
        "--misbehave",
        "cut-entity",
    ]);
    assert!(serving.join().unwrap().ends_with("Content-Type: text/pl"));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    assert!(
        run.stdout
            .contains("cut-entity: 1 answers, the last: HTTP 400, 235"),
        "{run}"
    );
    let list = pushcai(&["lab", "ppg", "--misbehave", "list"]);
    assert!(list.stdout.contains("two-lengths\n"), "{list}");
}

#[test]
fn passwords_come_from_files_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "p\n").unwrap();
    let (address, serving) = terminal(&[REGISTERED]);
    let run = pushcai(&[
        "lab",
        "ppg",
        "--connect",
        &address,
        "--id",
        "gw",
        "--unasked",
        "--password-file",
        file.to_str().unwrap(),
    ]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    // gw:p
    assert!(
        serving
            .join()
            .unwrap()
            .contains("Authorization: Basic Z3c6cA==\r\n")
    );
    std::fs::write(&file, "\n").unwrap();
    let path = file.to_str().unwrap();
    let run = pushcai(&["lab", "ppg", "--connect", &address, "--password-file", path]);
    assert!(run.stderr.contains("the first line is empty"), "{run}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    for arguments in [
        &["lab", "ppg"][..],
        &[
            "lab",
            "ppg",
            "--connect",
            "127.0.0.1:1",
            "--misbehave",
            "dance",
        ],
        &["lab", "ppg", "--tls"],
        &[
            "lab",
            "ppg",
            "--connect",
            "127.0.0.1:1",
            "--authenticate",
            "digest",
        ],
    ] {
        assert_eq!(pushcai(arguments).code, 2, "{arguments:?}");
    }
}
