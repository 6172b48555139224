//! The gateway of the benchmark: keep-alive connections, each with one push under way.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::event::{PollFd, PollFlags, poll};

use crate::bench::clock::now;

/// Whom the pushes are for.
pub(crate) const APPLICATION: &str = "x-bench:meter.reading";

/// Octets of the content of a push.
const CONTENT_LENGTH: usize = 200;

/// Some connections to a terminal, or to the floor.
pub(crate) struct Client {
    connections: Vec<Connection>,
    request: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// What has come of an answer.
    answer: Vec<u8>,
    busy: bool,
}

impl Client {
    /// Opens so many connections.
    pub(crate) fn connect(target: &str, count: usize) -> anyhow::Result<Self> {
        let connect = |_| {
            let stream = TcpStream::connect(target)
                .with_context(|| format!("cannot connect to {target}"))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(Connection {
                stream,
                answer: Vec::new(),
                busy: false,
            })
        };
        Ok(Self {
            connections: (0..count).map(connect).collect::<anyhow::Result<_>>()?,
            request: request(),
        })
    }

    /// One push at a time on the first connection: the times until the answers, sorted.
    pub(crate) fn latencies(&mut self, count: u32) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        let connection = self.connections.first_mut().context("no connection")?;
        for _ in 0..count {
            let sent = now();
            connection.send(&self.request)?;
            while !connection.receive()? {
                poll(&mut [PollFd::new(&connection.stream, PollFlags::IN)], None)?;
            }
            times.push(sent.elapsed());
        }
        times.sort_unstable();
        Ok(times)
    }

    /// One push under way on each connection until `count` are answered: answers per second.
    pub(crate) fn rate(&mut self, count: u32) -> anyhow::Result<f64> {
        let start = now();
        let (mut sent, mut answered) = (0, 0);
        while answered < count {
            for connection in &mut self.connections {
                if connection.busy && connection.receive()? {
                    answered += 1;
                }
                if !connection.busy && sent < count {
                    connection.send(&self.request)?;
                    sent += 1;
                }
            }
            if answered < sent {
                self.wait()?;
            }
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }

    /// Waits until an answer comes.
    fn wait(&self) -> anyhow::Result<()> {
        let busy = self.connections.iter().filter(|connection| connection.busy);
        let mut watched: Vec<_> = busy
            .map(|connection| PollFd::new(&connection.stream, PollFlags::IN))
            .collect();
        poll(&mut watched, None)?;
        Ok(())
    }
}

impl Connection {
    fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        // A request is far shorter than the kernel's buffer, and there is one at a time.
        self.stream.write_all(request)?;
        self.busy = true;
        Ok(())
    }

    /// Takes what has come; true once the answer is whole.
    fn receive(&mut self) -> anyhow::Result<bool> {
        let mut octets = [0; 2_048];
        match self.stream.read(&mut octets) {
            Ok(0) => bail!("the connection ended"),
            Ok(length) => self.answer.extend_from_slice(&octets[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if !self.answer.ends_with(b"\r\n\r\n") {
            return Ok(false);
        }
        if !self.answer.starts_with(b"HTTP/1.1 204") {
            bail!("refused: {}", String::from_utf8_lossy(&self.answer));
        }
        let status = memchr::memmem::find(&self.answer, b"-status: ");
        let accepted = status.is_none_or(|at| self.answer[at + 9..].starts_with(b"400"));
        if !accepted {
            bail!("refused: {}", String::from_utf8_lossy(&self.answer));
        }
        self.answer.clear();
        self.busy = false;
        Ok(true)
    }
}

fn request() -> Vec<u8> {
    let content = "0123456789abcdef".repeat(CONTENT_LENGTH.div_ceil(16));
    let content = content.get(..CONTENT_LENGTH).unwrap_or_default();
    let message = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {CONTENT_LENGTH}\r\n\
         X-Wap-Application-Id: {APPLICATION}\r\n\r\n{content}"
    );
    format!(
        "POST /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\nContent-Type: application/http\r\n\
         Content-Length: {}\r\n\r\n{message}",
        message.len()
    )
    .into_bytes()
}
