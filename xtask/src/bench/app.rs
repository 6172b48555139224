//! The application at the end of the road: reads events, counts them, adds up their numbers.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

/// An event that does not come in this time never comes.
const PATIENCE: Duration = Duration::from_secs(40);

/// What was read at one waking.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Arrived {
    /// Events.
    pub(crate) events: u64,
    /// The sum of the numbers that their contents begin with.
    pub(crate) sum: u64,
}

/// A road's end.
pub(crate) trait Application {
    /// Waits for events and takes all that are there.
    fn read(&mut self) -> anyhow::Result<Arrived>;
    /// Acknowledges what was read since; `wait` for the answer.
    fn acknowledge(&mut self, wait: bool) -> anyhow::Result<()>;
}

/// Reads the relay's frames: the length in four octets, then the datagram.
#[derive(Debug)]
pub(crate) struct FrameReader {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl FrameReader {
    /// Connects to the relay.
    pub(crate) fn connect(socket: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).context("the relay cannot be reached")?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }
}

impl Application for FrameReader {
    fn read(&mut self) -> anyhow::Result<Arrived> {
        fill(&mut self.stream, &mut self.buffer)?;
        let mut arrived = Arrived::default();
        let mut at = 0;
        while let Some(prefix) = self.buffer.get(at..at + 4) {
            let length = usize::try_from(u32::from_le_bytes(prefix.try_into()?))?;
            let Some(datagram) = self.buffer.get(at + 4..at + 4 + length) else {
                break;
            };
            arrived.events += 1;
            arrived.sum += number_in_push(datagram)?;
            at += 4 + length;
        }
        self.buffer.drain(..at);
        Ok(arrived)
    }

    fn acknowledge(&mut self, _wait: bool) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The number at the head of the body of a connectionless push whose header length is one octet.
fn number_in_push(datagram: &[u8]) -> anyhow::Result<u64> {
    let headers = usize::from(*datagram.get(2).context("a datagram is cut short")?);
    let digits = datagram
        .get(3 + headers..11 + headers)
        .context("a datagram is cut short")?;
    Ok(u64::from_str_radix(std::str::from_utf8(digits)?, 16)?)
}

/// Reads server-sent events, and acknowledges them on a connection of their own.
#[derive(Debug)]
pub(crate) struct EventReader {
    events: UnixStream,
    requests: UnixStream,
    buffer: Vec<u8>,
    unacknowledged: Vec<[u8; 16]>,
}

impl EventReader {
    /// Registers the applications of the corpus and opens the stream.
    pub(crate) fn connect(socket: &Path, applications: &[&str]) -> anyhow::Result<Self> {
        Self::registered(socket, applications, "")
    }

    /// As [`connect`](Self::connect), with this protocol alone.
    pub(crate) fn connect_on(
        socket: &Path,
        applications: &[&str],
        protocol: &str,
    ) -> anyhow::Result<Self> {
        let profile = format!(r#","connectionProfile":[{{"protocol":"{protocol}"}}]"#);
        Self::registered(socket, applications, &profile)
    }

    fn registered(socket: &Path, applications: &[&str], options: &str) -> anyhow::Result<Self> {
        let mut requests = UnixStream::connect(socket).context("the daemon cannot be reached")?;
        for application in applications {
            let body = format!(r#"{{"pushApplicationID":"{application}"{options}}}"#);
            let answer = post(&mut requests, "/v1/registrations", body.as_bytes())?;
            if !answer.starts_with("HTTP/1.1 201") {
                bail!("a registration was refused: {answer}");
            }
        }
        let mut events = UnixStream::connect(socket)?;
        events.set_read_timeout(Some(PATIENCE))?;
        events.write_all(b"GET /v1/events?window=256 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")?;
        let mut buffer = Vec::new();
        while !buffer.windows(4).any(|window| window == b"\r\n\r\n") {
            fill(&mut events, &mut buffer)?;
        }
        if !buffer.starts_with(b"HTTP/1.1 200") {
            bail!("no stream of events: {}", String::from_utf8_lossy(&buffer));
        }
        buffer.clear();
        Ok(Self {
            events,
            requests,
            buffer,
            unacknowledged: Vec::new(),
        })
    }

    fn take(&mut self, event: &[u8]) -> anyhow::Result<u64> {
        let id = value_after(event, b"id: ")
            .and_then(|rest| rest.get(..16))
            .context("an event has no id")?;
        self.unacknowledged.push(id.try_into()?);
        let content = value_after(event, br#""content":""#).context("an event has no content")?;
        number_in_base64(content)
    }
}

impl Application for EventReader {
    fn read(&mut self) -> anyhow::Result<Arrived> {
        fill(&mut self.events, &mut self.buffer)?;
        let buffer = std::mem::take(&mut self.buffer);
        let mut arrived = Arrived::default();
        let mut at = 0;
        while let Some(length) = find(&buffer[at..], b"\n\n") {
            let block = &buffer[at..at + length];
            if find(block, b"event: push").is_some() {
                arrived.sum += self.take(block)?;
                arrived.events += 1;
            }
            at += length + 2;
        }
        self.buffer = buffer;
        self.buffer.drain(..at);
        Ok(arrived)
    }

    fn acknowledge(&mut self, wait: bool) -> anyhow::Result<()> {
        if self.unacknowledged.is_empty() {
            return Ok(());
        }
        let mut body = vec![b'['];
        for (index, id) in self.unacknowledged.drain(..).enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(br#"{"id":""#);
            body.extend_from_slice(&id);
            body.extend_from_slice(br#"","outcome":"accepted"}"#);
        }
        body.push(b']');
        if wait {
            let answer = post(&mut self.requests, "/v1/events/ack", &body)?;
            if !answer.starts_with("HTTP/1.1 200") {
                bail!("an acknowledgement was refused: {answer}");
            }
            return Ok(());
        }
        send(&mut self.requests, "/v1/events/ack", &body)?;
        drain(&mut self.requests)
    }
}

/// The content's number, from the base64 of its first nine octets.
fn number_in_base64(content: &[u8]) -> anyhow::Result<u64> {
    let mut octets = Vec::with_capacity(9);
    for group in content.get(..12).context("content is cut short")?.chunks(4) {
        let bits = group.iter().fold(0_u32, |bits, digit| {
            bits << 6 | u32::from(base64_value(*digit))
        });
        octets.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    Ok(u64::from_str_radix(std::str::from_utf8(&octets[..8])?, 16)?)
}

const fn base64_value(digit: u8) -> u8 {
    match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

/// Adds what can be read at once behind `buffer`, waiting for at least one octet.
fn fill(stream: &mut UnixStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut octets = [0; 16 << 10];
    let length = stream.read(&mut octets)?;
    buffer.extend_from_slice(&octets[..length]);
    if length == 0 {
        bail!("the connection ended");
    }
    Ok(())
}

/// Sends a request and reads its whole answer.
pub(crate) fn post(stream: &mut UnixStream, path: &str, body: &[u8]) -> anyhow::Result<String> {
    send(stream, path, body)?;
    let mut answer = Vec::new();
    loop {
        fill(stream, &mut answer)?;
        let Some(head) = find(&answer, b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
        let length: usize = length.context("an answer has no length")?.trim().parse()?;
        if answer.len() >= head + 4 + length {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

fn send(stream: &mut UnixStream, path: &str, body: &[u8]) -> anyhow::Result<()> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    Ok(stream.write_all(&request)?)
}

/// Throws away the answers that have come.
fn drain(stream: &mut UnixStream) -> anyhow::Result<()> {
    stream.set_nonblocking(true)?;
    let mut answers = [0; 16 << 10];
    let result = loop {
        match stream.read(&mut answers) {
            Ok(0) => bail!("the connection ended"),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    stream.set_nonblocking(false)?;
    result
}

fn value_after<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    find(text, name).and_then(|at| text.get(at + name.len()..))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}
