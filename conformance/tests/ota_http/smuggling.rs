//! Requests that two programs could read in two ways: each is refused, and what hides behind it is not carried out.

use crate::{
    stage::{MMS, Stage},
    wire::{entity, post},
};

/// A good push behind a bad request; if it were carried out, its content would arrive.
fn hidden() -> Vec<u8> {
    post(&[], &entity(&[("X-Wap-Application-Id", MMS)], b"smuggled"))
}

/// The start of a POST, up to the headers that are in question.
fn start(headers: &str) -> String {
    format!("POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\n{headers}\r\n")
}

/// `message` in one chunk, and the end of chunks.
fn chunked(message: &[u8]) -> Vec<u8> {
    let mut octets = format!("{:x}\r\n", message.len()).into_bytes();
    octets.extend_from_slice(message);
    octets.extend_from_slice(b"\r\n0\r\n\r\n");
    octets
}

/// Sends each request with a hidden one behind it and expects nothing but one refusal and the end of the connection,
/// while a good connection is served between any two.
fn refuse_all(forms: Vec<(&str, Vec<u8>)>) -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut good = stage.connect()?;
    let mut expected = Vec::new();
    for (name, mut octets) in forms {
        octets.extend(hidden());
        let mut wire = stage.connect()?;
        // The end of it may hit a closed door.
        drop(wire.send(&octets));
        drop(wire.finish());
        let said = String::from_utf8_lossy(&wire.rest()?).into_owned();
        let answers = said.matches("HTTP/1.1 ").count();
        let refusal =
            said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 5");
        assert!(refusal && answers <= 1, "{name}: {said}");
        good.push(MMS, name.as_bytes(), &[])?.is(204, 400);
        expected.push(name.as_bytes().to_vec());
    }
    assert_eq!(
        stage.contents()?,
        expected,
        "nothing was smuggled and nothing lost"
    );
    Ok(())
}

#[test]
fn two_ways_to_say_how_long_a_body_is() -> anyhow::Result<()> {
    let message = entity(&[("X-Wap-Application-Id", MMS)], b"smuggled");
    let length = message.len();
    let plain = |headers: String| [start(&headers).into_bytes(), message.clone()].concat();
    let in_chunks = |headers: String| [start(&headers).into_bytes(), chunked(&message)].concat();
    let chunks = chunked(&message).len();
    refuse_all(vec![
        (
            "CL and TE",
            in_chunks(format!(
                "Content-Length: {chunks}\r\nTransfer-Encoding: chunked\r\n"
            )),
        ),
        (
            "TE and CL",
            in_chunks(format!(
                "Transfer-Encoding: chunked\r\nContent-Length: {chunks}\r\n"
            )),
        ),
        (
            "CL of 0 and TE",
            in_chunks("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n".to_owned()),
        ),
        (
            "two lengths",
            plain(format!("Content-Length: {length}\r\nContent-Length: 0\r\n")),
        ),
        (
            "two lengths, turned round",
            plain(format!("Content-Length: 0\r\nContent-Length: {length}\r\n")),
        ),
        (
            "one length twice",
            plain(format!(
                "Content-Length: {length}\r\nContent-Length: {length}\r\n"
            )),
        ),
        (
            "a list of lengths",
            plain(format!("Content-Length: {length}, {length}\r\n")),
        ),
    ])
}

#[test]
fn lengths_that_are_none() -> anyhow::Result<()> {
    let message = entity(&[("X-Wap-Application-Id", MMS)], b"smuggled");
    let length = message.len();
    let plain = |value: String| {
        let head = start(&format!("Content-Length: {value}\r\n"));
        [head.into_bytes(), message.clone()].concat()
    };
    refuse_all(vec![
        ("with a plus", plain(format!("+{length}"))),
        ("negative", plain(format!("-{length}"))),
        ("hexadecimal", plain(format!("{length:#x}"))),
        ("with a fraction", plain(format!("{length}.0"))),
        ("with an underscore", plain("1_0".to_owned())),
        (
            "too great for 64 bits",
            plain(format!("18446744073709551616{length}")),
        ),
        ("empty", plain(String::new())),
        ("a word", plain("many".to_owned())),
        ("two words", plain(format!("{length} {length}"))),
    ])
}

#[test]
fn encodings_that_are_not_chunked_alone() -> anyhow::Result<()> {
    let message = entity(&[("X-Wap-Application-Id", MMS)], b"smuggled");
    let with = |header: &str| {
        let head = start(&format!("{header}\r\n"));
        [head.into_bytes(), chunked(&message)].concat()
    };
    let old = "POST /wappush HTTP/1.0\r\nContent-Type: application/http\r\nTransfer-Encoding: chunked\r\n\r\n";
    refuse_all(vec![
        ("identity", with("Transfer-Encoding: identity")),
        ("unknown", with("Transfer-Encoding: xchunked")),
        ("two", with("Transfer-Encoding: chunked, identity")),
        (
            "twice",
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ),
        (
            "one and another",
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
        ),
        ("in quotes", with("Transfer-Encoding: \"chunked\"")),
        (
            "a tab of another kind",
            with("Transfer-Encoding:\x0Bchunked"),
        ),
        ("a parameter", with("Transfer-Encoding: chunked;x=y")),
        ("empty", with("Transfer-Encoding:")),
        (
            "in HTTP/1.0",
            [old.as_bytes().to_vec(), chunked(&message)].concat(),
        ),
    ])
}

#[test]
fn lines_that_end_in_two_ways() -> anyhow::Result<()> {
    let options = |line: &str| format!("OPTIONS /wappush HTTP/1.1\r\n{line}\r\n").into_bytes();
    refuse_all(vec![
        ("bare LF", b"OPTIONS /wappush HTTP/1.1\nHost:\n\n".to_vec()),
        ("bare LF in one line", options("Host:\nX: y\r\n")),
        ("bare CR in a value", options("Host:\r\nX: a\rb\r\n")),
        ("bare CR for a line end", options("Host:\rX: y\r\n")),
        ("CR CR LF", options("Host:\r\r\nX: y\r\n")),
        ("folded with a space", options("Host:\r\nX: a\r\n b\r\n")),
        (
            "folded with a tab",
            options("Host:\r\nX: a\r\n\tContent-Length: 5\r\n"),
        ),
        ("folded at the start", options(" Host: x\r\nX: y\r\n")),
        ("NUL in a value", options("Host:\r\nX: a\0b\r\n")),
        (
            "LF LF behind the head",
            b"OPTIONS /wappush HTTP/1.1\r\nHost:\r\n\n".to_vec(),
        ),
    ])
}

#[test]
fn names_and_request_lines_that_are_none() -> anyhow::Result<()> {
    let options =
        |line: &str| format!("OPTIONS /wappush HTTP/1.1\r\nHost:\r\n{line}\r\n\r\n").into_bytes();
    let line = |line: &str| format!("{line}\r\nHost:\r\n\r\n").into_bytes();
    refuse_all(vec![
        ("space before the colon", options("Content-Length : 5")),
        ("tab before the colon", options("Content-Length\t: 5")),
        ("space in a name", options("Content Length: 5")),
        ("no name", options(": 5")),
        ("no colon", options("Content-Length 5")),
        ("a name in brackets", options("(Content-Length): 5")),
        ("an octet beyond ASCII in a name", options("Cöntent: 5")),
        ("two spaces", line("OPTIONS  /wappush HTTP/1.1")),
        ("a tab", line("OPTIONS\t/wappush HTTP/1.1")),
        ("a space at the end", line("OPTIONS /wappush HTTP/1.1 ")),
        ("a space in the target", line("OPTIONS /wap push HTTP/1.1")),
        ("no version", line("OPTIONS /wappush")),
        ("version 0.9", line("OPTIONS /wappush HTTP/0.9")),
        ("version 2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("version 1.10", line("OPTIONS /wappush HTTP/1.10")),
        ("another protocol", line("OPTIONS /wappush RTSP/1.1")),
        ("a word alone", line("OPTIONS")),
        ("a method in brackets", line("(OPTIONS) /wappush HTTP/1.1")),
    ])
}

#[test]
fn chunks_that_are_none() -> anyhow::Result<()> {
    let message = entity(&[("X-Wap-Application-Id", MMS)], b"smuggled");
    let size = message.len();
    let with = |first: String, end: &str| {
        let mut octets = start("Transfer-Encoding: chunked\r\n").into_bytes();
        octets.extend(first.into_bytes());
        octets.extend_from_slice(&message);
        octets.extend(end.bytes());
        octets
    };
    let end = "\r\n0\r\n\r\n";
    refuse_all(vec![
        ("an extension", with(format!("{size:x};x=y\r\n"), end)),
        ("an empty extension", with(format!("{size:x};\r\n"), end)),
        (
            "an extension in the last one",
            with(format!("{size:x}\r\n"), "\r\n0;x\r\n\r\n"),
        ),
        ("0x before the size", with(format!("0x{size:x}\r\n"), end)),
        (
            "a plus before the size",
            with(format!("+{size:x}\r\n"), end),
        ),
        ("a negative size", with(format!("-{size:x}\r\n"), end)),
        (
            "a space behind the size",
            with(format!("{size:x} \r\n"), end),
        ),
        (
            "a size of 65 bits",
            with(format!("1000000000000000{size:x}\r\n"), end),
        ),
        ("no size", with("\r\n".to_owned(), end)),
        ("bare LF behind the size", with(format!("{size:x}\n"), end)),
        (
            "bare LF behind the chunk",
            with(format!("{size:x}\r\n"), "\n0\r\n\r\n"),
        ),
        (
            "nothing behind the chunk",
            with(format!("{size:x}\r\n"), "0\r\n\r\n"),
        ),
        (
            "more than the size",
            with(format!("{:x}\r\n", size - 1), end),
        ),
        (
            "a length among the trailers",
            with(
                format!("{size:x}\r\n"),
                "\r\n0\r\nContent-Length: 5\r\n\r\n",
            ),
        ),
        (
            "an encoding among the trailers",
            with(
                format!("{size:x}\r\n"),
                "\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
        ),
    ])
}
