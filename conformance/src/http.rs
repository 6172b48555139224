//! HTTP by hand over the daemon's Unix socket, so that nothing of this project stands between a test and the octets.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use anyhow::Context;
use serde_json::Value;

use crate::process::PATIENCE;

/// What the daemon answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The body, as it came.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {self:?}"))
    }
}

/// Sends one request with a JSON body (empty: none) and reads the answer to its end.
///
/// By HTTP/1.0 the answer comes in one piece and ends with the connection.
///
/// # Errors
///
/// The socket cannot be reached, or the answer is not HTTP.
pub fn request(socket: &Path, method: &str, target: &str, body: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("cannot reach {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {target} HTTP/1.0\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    // Who refuses a body over the limit may hang up before all of it is sent.
    drop(stream.write_all(body));
    let mut text = Vec::new();
    // A reset after the answer takes nothing away from it.
    drop(stream.read_to_end(&mut text));
    answer(&String::from_utf8_lossy(&text))
}

fn answer(text: &str) -> anyhow::Result<Answer> {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .with_context(|| format!("no HTTP answer: {text:?}"))?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok(Answer {
        status: status.with_context(|| format!("no HTTP status: {head:?}"))?,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}
