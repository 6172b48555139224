//! `pushcai lab push`.

use std::net::UdpSocket;
use std::time::Duration;

use insta::assert_snapshot;

use crate::run::{Run, pushcai};

fn printed(arguments: &[&str]) -> Run {
    pushcai(&[&["lab", "push", "--print"], arguments].concat())
}

#[test]
fn pushes_are_built_as_asked() {
    let mut all = Vec::new();
    for arguments in [
        &[][..],
        &["--id", "4", "--sample", "mms", "--tid", "42"],
        &["--id", "x-example.net:a", "--sample", "si"],
        &["--sample", "sl"],
        &["--sample", "provisioning", "--parameter", "SEC=1"],
        &[
            "--type",
            "application/json",
            "--body",
            "{}",
            "--header",
            "Push-Flag: 4",
            "--header",
            "X-A: b",
        ],
        &["--body-hex", "00ff"],
        &["--body", "x", "--count", "3", "--tid", "255"],
        &["--body", "x", "--count", "2", "--same-tid"],
        &["--datagram", "0a0b0c"],
        &["--body", "x", "--confirmed"],
        &["--body", "x", "--pdu-type", "1"],
        &["--body", "x", "--headers-length", "300"],
        &["--body", "x", "--raw-headers", "7f"],
        &["--body", "x", "--truncate", "3"],
        &["--body", "x", "--mutate", "2", "--seed", "7"],
        &["--body", "x", "--noise"],
        &["--sample", "varied", "--count", "2", "--seed", "3"],
    ] {
        let run = printed(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        all.push(format!("$ {}\n{}", arguments.join(" "), run.stdout));
    }
    assert_snapshot!(all.concat());
}

#[test]
fn short_messages_are_built_as_asked() {
    let mut all = Vec::new();
    for arguments in [
        &["--id", "4", "--body", "x"][..],
        &["--sample", "mms", "--segment-size", "60"],
        &[
            "--sample",
            "mms",
            "--segment-size",
            "60",
            "--wide",
            "--concatenation-first",
            "--reference",
            "1000",
        ],
        &[
            "--sample",
            "mms",
            "--segment-size",
            "60",
            "--order",
            "backward",
            "--repeat",
            "1",
            "--lose",
            "2",
        ],
        &[
            "--sample",
            "mms",
            "--segment-size",
            "40",
            "--order",
            "shuffled",
            "--seed",
            "5",
        ],
        &[
            "--body",
            "x",
            "--sender",
            "Example",
            "--smsc",
            "+4917000000",
            "--dcs",
            "0xf5",
        ],
        &["--body", "x", "--ports", "2949:1", "--tid", "9"],
        &["--body", "x", "--ports", "200:201", "--short-ports"],
        &["--datagram", "0a0b0c", "--no-ports", "--json"],
    ] {
        let run = pushcai(&[&["lab", "sms"], arguments].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        all.push(format!("$ {}\n{}", arguments.join(" "), run.stdout));
    }
    assert_snapshot!(all.concat());
}

#[test]
fn short_messages_that_cannot_be_are_refused() {
    for arguments in [
        &["--ports", "2948"][..],
        &["--segment-size", "141"],
        &["--dcs", "256"],
        &["--datagram", "0"],
        &["--datagram", "00", "--id", "4"],
    ] {
        let run = pushcai(&[&["lab", "sms"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {run}");
    }
}

#[test]
fn pushes_are_sent_from_and_to_where_they_shall() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let destination = receiver.local_addr().unwrap().to_string();
    let arguments = [
        "lab",
        "push",
        &destination,
        "--source",
        "127.0.0.9:0",
        "--body",
        "x",
        "--count",
        "2",
        "--rate",
        "1000",
        "--json",
    ];
    let run = pushcai(&arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let sent: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(sent["sent"], 2);
    for tid in 0..2 {
        let mut datagram = [0; 64];
        let (length, source) = receiver.recv_from(&mut datagram).unwrap();
        assert_eq!(source.to_string(), sent["source"].as_str().unwrap());
        assert_eq!(
            (datagram[0], datagram[1], datagram[length - 1]),
            (tid, 6, b'x')
        );
    }
}

#[test]
fn what_cannot_be_sent_is_a_failure() {
    let run = pushcai(&["lab", "push", "--source", "192.0.2.1:1"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr
            .starts_with("pushcai: cannot send from 192.0.2.1:1: "),
        "{run}"
    );
    let run = pushcai(&["lab", "push", "--header", "\u{e9}: x"]);
    assert_eq!(run.code, 2);
}
