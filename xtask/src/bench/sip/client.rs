//! The push server of the benchmark: MESSAGEs over UDP, some under way at a time.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::registrar;
use crate::bench::clock::now;

/// Whom the pushes are for.
pub(crate) const APPLICATION: &str = "x-wap-application:bench.ua";

/// The same as a feature tag has it.
const TAG: &str = "bench.ua";

/// Octets of the content of a push.
const CONTENT_LENGTH: usize = 200;

/// What stands before the number of a push in its branch, which is the first header.
const BRANCH: &[u8] = b"branch=z9hG4bK-";

/// Digits of a number.
const DIGITS: usize = 8;

/// What is not answered in this time is sent again: T1 of RFC 3261.
const PATIENCE: Duration = Duration::from_millis(500);

/// Repetitions in a row until nobody is believed to be there.
const REPETITIONS: u32 = 20;

/// A socket that sends pushes to one terminal.
pub(crate) struct Client {
    socket: UdpSocket,
    target: SocketAddr,
    request: Vec<u8>,
    /// Where the number stands in the request.
    numbers: Vec<usize>,
    next: u32,
    repeated: u64,
}

impl Client {
    /// Sends to `target` from `socket`.
    pub(crate) fn new(socket: UdpSocket, target: SocketAddr) -> anyhow::Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        let request = request(socket.local_addr()?, target);
        let numbers = memchr::memmem::find_iter(&request, "########").collect();
        Ok(Self {
            socket,
            target,
            request,
            numbers,
            next: 0,
            repeated: 0,
        })
    }

    /// Requests that were sent again.
    pub(crate) const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// One push at a time: the times until the final answers, sorted.
    pub(crate) fn latencies(&mut self, count: u32) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..count {
            let sent = now();
            let number = self.begin()?;
            let mut silent = 0;
            loop {
                match self.receive()? {
                    Some(answered) if answered == number => break,
                    Some(_) => {}
                    None => {
                        silent += 1;
                        anyhow::ensure!(silent <= REPETITIONS, "nobody answers at {}", self.target);
                        self.send(number)?;
                        self.repeated += 1;
                    }
                }
            }
            times.push(sent.elapsed());
        }
        times.sort_unstable();
        Ok(times)
    }

    /// So many pushes under way until `count` are answered: final answers per second.
    pub(crate) fn rate(&mut self, window: usize, count: u32) -> anyhow::Result<f64> {
        let start = now();
        let (mut sent, mut answered, mut silent) = (0, 0, 0);
        let mut waiting: Vec<u32> = Vec::with_capacity(window);
        while answered < count {
            while waiting.len() < window && sent < count {
                waiting.push(self.begin()?);
                sent += 1;
            }
            let Some(number) = self.receive()? else {
                silent += 1;
                anyhow::ensure!(silent <= REPETITIONS, "nobody answers at {}", self.target);
                waiting.iter().try_for_each(|number| self.send(*number))?;
                self.repeated += u64::try_from(waiting.len())?;
                continue;
            };
            silent = 0;
            // Answers to what was sent again may come twice.
            if let Some(place) = waiting.iter().position(|waiting| *waiting == number) {
                waiting.swap_remove(place);
                answered += 1;
            }
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }

    fn begin(&mut self) -> anyhow::Result<u32> {
        let number = self.next;
        self.next += 1;
        let digits = format!("{number:08x}");
        for place in &self.numbers {
            let there = self.request.get_mut(*place..*place + DIGITS);
            there
                .context("a request is cut short")?
                .copy_from_slice(digits.as_bytes());
        }
        self.socket.send_to(&self.request, self.target)?;
        Ok(number)
    }

    /// Sends a request once more.
    fn send(&self, number: u32) -> anyhow::Result<()> {
        let digits = format!("{number:08x}");
        let mut request = self.request.clone();
        for place in &self.numbers {
            request[*place..*place + DIGITS].copy_from_slice(digits.as_bytes());
        }
        self.socket.send_to(&request, self.target)?;
        Ok(())
    }

    /// Waits for a final answer, and gives the number of its push; none where nothing comes for a while. Requests of the terminal
    /// are answered meanwhile.
    fn receive(&self) -> anyhow::Result<Option<u32>> {
        let mut octets = [0; 4_096];
        loop {
            let (length, source) = match self.socket.recv_from(&mut octets) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let message = &octets[..length];
            if !message.starts_with(b"SIP/2.0 ") {
                registrar::answer(&self.socket, source, message)?;
                continue;
            }
            if message.starts_with(b"SIP/2.0 1") {
                continue;
            }
            if !message.starts_with(b"SIP/2.0 200") && !message.starts_with(b"SIP/2.0 202") {
                bail!("refused: {}", String::from_utf8_lossy(message));
            }
            let branch =
                memchr::memmem::find(message, BRANCH).context("an answer has no branch")?;
            let digits = message.get(branch + BRANCH.len()..branch + BRANCH.len() + DIGITS);
            let digits = std::str::from_utf8(digits.context("an answer is cut short")?)?;
            return Ok(Some(u32::from_str_radix(digits, 16)?));
        }
    }
}

fn request(own: SocketAddr, target: SocketAddr) -> Vec<u8> {
    let content = "0123456789abcdef".repeat(CONTENT_LENGTH.div_ceil(16));
    let content = content.get(..CONTENT_LENGTH).unwrap_or_default();
    format!(
        "MESSAGE sip:terminal@{target} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {own};branch=z9hG4bK-########\r\n\
         From: <sip:psa@ims.example.net>;tag=########\r\n\
         To: <sip:terminal@ims.example.net>\r\n\
         Call-ID: ########@bench.example.net\r\n\
         CSeq: 1 MESSAGE\r\n\
         Max-Forwards: 70\r\n\
         P-Asserted-Identity: <sip:psa@ims.example.net>\r\n\
         Accept-Contact: *;+g.oma.pusheventapp=\"{TAG}\";require;explicit\r\n\
         User-Agent: push-server/OMA1.0\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: {CONTENT_LENGTH}\r\n\r\n{content}"
    )
    .into_bytes()
}
