//! Messages on connections.

use super::*;

fn message(number: usize, body: &str) -> Vec<u8> {
    let head = format!(
        "MESSAGE sip:a@192.0.2.7 SIP/2.0\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK{number}\n\
         From: <sip:b@example.net>;tag=1\nTo: <sip:a@example.net>\nCall-ID: c{number}\nCSeq: 4 MESSAGE\n\
         Content-Length : {}\n\n",
        body.len()
    );
    [&wire(&head), body.as_bytes()].concat()
}

/// What comes out, in short.
fn read(pieces: &[&[u8]]) -> Vec<String> {
    let mut reader = StreamReader::new(LIMITS);
    let mut all = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(next) = reader.next() {
            all.push(match next {
                Ok(Incoming::Request(request)) => {
                    format!(
                        "{} {}",
                        request.call_id(),
                        String::from_utf8_lossy(request.body())
                    )
                }
                Ok(Incoming::Response(response)) => response.status().to_string(),
                Ok(Incoming::Ping) => "ping".to_owned(),
                Ok(Incoming::Pong) => "pong".to_owned(),
                Err(broken) => format!(
                    "{} {}",
                    broken.status,
                    if broken.ends_flow { "end" } else { "on" }
                ),
            });
        }
    }
    all
}

//= specs/ota-sip.md#requests
//= type=test
//# Empty lines before a message on a connection MUST be passed over.
#[test]
fn wherever_a_connection_is_cut_it_carries_the_same() {
    let bad = String::from_utf8(message(3, ""))
        .unwrap()
        .replace("CSeq: 4", "CSeq: x")
        .into_bytes();
    let all = [
        &message(1, "one\n\n")[..],
        b"\r\n\r\n",
        &message(2, ""),
        b"\r\n",
        &bad,
        &message(4, "MESSAGE sip:x SIP/2.0\r\n\r\n"),
        b"\r\n\r\n\r\n",
    ]
    .concat();
    let whole = read(&[&all]);
    assert_eq!(
        whole,
        [
            "c1 one\n\n",
            "pong",
            "ping",
            "c2 ",
            "pong",
            "400 on",
            "c4 MESSAGE sip:x SIP/2.0\r\n\r\n",
            "pong",
            "ping",
            "pong"
        ]
    );
    for at in 0..=all.len() {
        let (left, right) = all.split_at(at);
        assert_eq!(read(&[left, right]), whole, "cut at {at}");
    }
    let octets: Vec<_> = all.chunks(1).collect();
    assert_eq!(read(&octets), whole);
}

#[test]
fn what_says_not_where_it_ends_ends_the_connection() {
    let good = String::from_utf8(message(1, "")).unwrap();
    for wrong in [
        good.replace("Content-Length : 0\r\n", ""),
        good.replace("Content-Length : 0", "Content-Length: -1"),
        good.replace("Content-Length : 0", "Content-Length: 0\r\nl: 0"),
        good.replace("Content-Length : 0", "Content-Length:"),
        good.replace(
            "Content-Length : 0",
            "Content-Length: 99999999999999999999999",
        ),
        good.replace("Call-ID: c1\r\n", "Call-ID: c1\nX: y\r\n"),
    ] {
        assert_ne!(wrong, good);
        let octets = [wrong.as_bytes(), &message(2, "")].concat();
        assert_eq!(read(&[&octets]), ["400 end"], "{wrong}");
    }
    for long in [
        good.replace("Content-Length : 0", "Content-Length: 16400"),
        good.replace("Call-ID: c1", &format!("Call-ID: {}", "c".repeat(17_000))),
    ] {
        assert_eq!(read(&[long.as_bytes()]), ["513 end"]);
    }
    assert_eq!(read(&["x".repeat(20_000).as_bytes()]), ["513 end"]);
}

#[test]
fn a_folded_length_counts() {
    let folded = String::from_utf8(message(1, "xyz"))
        .unwrap()
        .replace("Content-Length : 3", "Content-Length:\r\n 3");
    assert_eq!(
        read(&[folded.as_bytes(), &message(2, "")]),
        ["c1 xyz", "c2 "]
    );
}

#[test]
fn what_is_kept_of_a_connection_is_bounded() {
    let mut reader = StreamReader::new(LIMITS);
    for _ in 0..10_000 {
        reader.push(&[b'x'; 100]);
    }
    assert!(reader.next().is_some_and(|next| next.is_err()));
    assert!(reader.next().is_none());
}
