//! A receiver made of octets: it reads requests and answers each as a test says.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver as Requests},
    thread,
    time::Instant,
};

use anyhow::Context;
use conformance::process::PATIENCE;
use serde_json::Value;

/// What a receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Writes these octets, and takes the next request on the same connection.
    Answer(Vec<u8>),
    /// Writes these octets, then closes.
    Close(Vec<u8>),
    /// Writes these octets again and again until the other end has had enough.
    Flood(Vec<u8>, Vec<u8>),
    /// Writes these octets and then nothing, until the other end has had enough.
    Stall(Vec<u8>),
    /// Says nothing, until the other end has had enough.
    Hang,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// How many connections there were before.
    pub(crate) connection: usize,
    /// When all of it was there, before anything was answered.
    pub(crate) came: Instant,
}

impl Request {
    /// The value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The event in it.
    pub(crate) fn event(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The content of the event in it.
    pub(crate) fn content(&self) -> anyhow::Result<Vec<u8>> {
        conformance::pushcai::content(&self.event()?)
    }
}

/// A listener that answers requests in the order in which they come.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    requests: Requests<Request>,
}

impl Receiver {
    /// Listens on `address`, and answers the first requests by `acts`, the others by 204.
    pub(crate) fn listen(address: Ipv4Addr, acts: Vec<Act>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            let mut acts = acts.into_iter();
            for (connection, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { break };
                // One after the other: the daemon has one connection to a receiver.
                attend(&stream, connection, &mut acts, &sender).ok();
            }
        });
        Ok(Self { address, requests })
    }

    /// Where it listens, as a URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next request.
    pub(crate) fn request(&self) -> anyhow::Result<Request> {
        self.requests
            .recv_timeout(PATIENCE)
            .context("no request came")
    }

    /// Whether a request has come by now.
    pub(crate) fn has_request(&self) -> bool {
        self.requests.try_recv().is_ok()
    }
}

/// An answer without a body.
pub(crate) fn status(line: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n{headers}\r\n").into_bytes()
}

fn attend(
    stream: &TcpStream,
    connection: usize,
    acts: &mut impl Iterator<Item = Act>,
    requests: &mpsc::Sender<Request>,
) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = read(&mut reader, connection)? {
        requests.send(request)?;
        match acts
            .next()
            .unwrap_or_else(|| Act::Answer(status("204 No Content", "")))
        {
            Act::Answer(octets) => writer.write_all(&octets)?,
            Act::Close(octets) => {
                writer.write_all(&octets)?;
                return Ok(());
            }
            Act::Flood(first, again) => {
                writer.write_all(&first)?;
                while writer.write_all(&again).is_ok() {}
                return Ok(());
            }
            Act::Stall(octets) => {
                writer.write_all(&octets)?;
                reader.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            Act::Hang => {
                // Nothing more comes but the end.
                reader.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads a request; `None` at the end of the connection.
#[expect(
    clippy::disallowed_methods,
    reason = "the least time between two requests is what is tested; more is no fault"
)]
pub(crate) fn read(
    reader: &mut impl BufRead,
    connection: usize,
) -> anyhow::Result<Option<Request>> {
    let mut head = String::new();
    loop {
        let length = reader.read_line(&mut head)?;
        if length == 0 {
            return Ok(None);
        }
        if head.ends_with("\r\n\r\n") {
            break;
        }
    }
    let mut request = Request {
        head,
        body: Vec::new(),
        connection,
        came: Instant::now(),
    };
    let length: usize = request
        .header("content-length")
        .context("no Content-Length")?
        .parse()?;
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    request.came = Instant::now();
    Ok(Some(request))
}
