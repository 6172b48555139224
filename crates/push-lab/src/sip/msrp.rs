//! MSRP (RFC 4975), the side that sends.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::push::{ChunkOrder, MsrpManner, MsrpOutcome, SipPush};
use crate::Random;

/// What stands before the end of a message.
const DASHES: &[u8] = b"-------";

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) transaction: String,
    /// The method, or the status code.
    pub(super) what: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// `$`, `+` or `#`.
    pub(super) flag: u8,
}

impl Frame {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.what.get(..3)?.parse().ok()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut octets = format!("MSRP {} {}\r\n", self.transaction, self.what).into_bytes();
        for (name, value) in &self.headers {
            octets.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !self.body.is_empty() {
            octets.extend_from_slice(b"\r\n");
            octets.extend_from_slice(&self.body);
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(DASHES);
        octets.extend_from_slice(self.transaction.as_bytes());
        octets.push(self.flag);
        octets.extend_from_slice(b"\r\n");
        octets
    }

    /// The first frame of `octets` and how long it is; nothing where it is not whole.
    pub(super) fn parse(octets: &[u8]) -> Result<Option<(Self, usize)>, &'static str> {
        let Some(line_end) = find(octets, b"\r\n") else {
            return Ok(None);
        };
        let line = octets.get(..line_end).unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| "the first line is no text")?;
        let mut words = line.splitn(3, ' ');
        let (Some("MSRP"), Some(transaction), Some(what)) =
            (words.next(), words.next(), words.next())
        else {
            return Err("the first line is that of no MSRP");
        };
        let end = [b"\r\n", DASHES, transaction.as_bytes()].concat();
        let Some(at) = find(octets, &end) else {
            return Ok(None);
        };
        let flag_at = at + end.len();
        let (Some(flag), Some(b"\r\n")) =
            (octets.get(flag_at), octets.get(flag_at + 1..flag_at + 3))
        else {
            return if octets.len() < flag_at + 3 {
                Ok(None)
            } else {
                Err("the end line is broken")
            };
        };
        // The line break before the end line ends the last header where there is no body.
        let inside = octets.get(line_end + 2..at + 2).unwrap_or_default();
        let (head, body) = match find(inside, b"\r\n\r\n") {
            Some(gap) => (
                inside.get(..gap).unwrap_or_default(),
                inside
                    .get(gap + 4..inside.len().saturating_sub(2))
                    .unwrap_or_default(),
            ),
            None => (inside, [].as_slice()),
        };
        let head = std::str::from_utf8(head).map_err(|_| "the headers are no text")?;
        let headers = head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        let frame = Self {
            transaction: transaction.to_owned(),
            what: what.to_owned(),
            headers,
            body: body.to_vec(),
            flag: *flag,
        };
        Ok(Some((frame, flag_at + 3)))
    }
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// The ends of a session.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) to: String,
    pub(super) from: String,
}

/// A session on its connection.
#[derive(Debug)]
pub(super) struct Session<'a> {
    write: OwnedWriteHalf,
    frames: mpsc::Receiver<Frame>,
    paths: Paths,
    manner: &'a MsrpManner,
    outcome: MsrpOutcome,
    random: Random,
    /// Answers and reports that are due.
    due: usize,
    /// Whether the message under way was refused.
    refused: bool,
}

/// What is to happen once the pushes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The session ends.
    Bye,
    /// The connection was closed, or nothing more is to come: the terminal may end the session.
    Wait,
}

impl<'a> Session<'a> {
    /// Begins to read from a connection, at most so many octets.
    pub(super) fn begin(
        stream: TcpStream,
        paths: Paths,
        manner: &'a MsrpManner,
        (limit, seed): (usize, u64),
        spawn: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> Self {
        let (mut read, write) = stream.into_split();
        let (sender, frames) = mpsc::channel(256);
        spawn(Box::pin(async move {
            let mut buffer = Vec::new();
            let mut total: usize = 0;
            let mut piece = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = read.read(&mut piece).await {
                total = total.saturating_add(count);
                buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
                while let Ok(Some((frame, length))) = Frame::parse(&buffer) {
                    buffer.drain(..length);
                    if sender.send(frame).await.is_err() {
                        return;
                    }
                }
                if total > limit {
                    return;
                }
            }
        }));
        let outcome = MsrpOutcome {
            opened: true,
            wanted: manner.messages,
            ..MsrpOutcome::default()
        };
        Self {
            write,
            frames,
            paths,
            manner,
            outcome,
            random: Random::new(seed),
            due: 0,
            refused: false,
        }
    }

    fn token(&mut self) -> String {
        format!("{:012x}", self.random.next() & 0xffff_ffff_ffff)
    }

    /// Waits for the request that says which session the connection is for, and answers it.
    pub(super) async fn greeted(&mut self) -> bool {
        let first = timeout(self.manner.patience, self.frames.recv()).await;
        let Ok(Some(first)) = first else {
            self.outcome.fault = Some("the terminal said nothing".to_owned());
            return false;
        };
        self.heard(first).await;
        true
    }

    /// Gives up before anything is sent.
    pub(super) fn send_nothing(self) -> MsrpOutcome {
        self.outcome
    }

    /// Sends every push, and says what is to happen then.
    pub(super) async fn send(mut self, push: &SipPush) -> (MsrpOutcome, Then) {
        for _ in 0..self.manner.messages {
            match self.message(push).await {
                Ok(None) => {}
                Ok(Some(then)) => return (self.outcome, then),
                Err(error) => {
                    self.outcome.fault = Some(error.to_string());
                    return (self.outcome, Then::Bye);
                }
            }
        }
        (self.outcome, Then::Bye)
    }

    /// Sends one push; gives what is to happen where it does not go on.
    async fn message(&mut self, push: &SipPush) -> io::Result<Option<Then>> {
        let message = self.token();
        self.refused = false;
        self.due = 0;
        let faults = self.outcome.statuses.len();
        for (index, range) in self.order(push.body().len()).into_iter().enumerate() {
            let number = index + 1;
            let sent = |after: Option<usize>| after.is_some_and(|after| index >= after);
            if sent(self.manner.bye_after) {
                return Ok(Some(Then::Bye));
            }
            if sent(self.manner.hang_up_after) {
                self.write.shutdown().await?;
                return Ok(Some(Then::Wait));
            }
            if sent(self.manner.silent_after) {
                return Ok(Some(Then::Wait));
            }
            if self.manner.missing.contains(&number) {
                continue;
            }
            let gives_up = self
                .manner
                .interrupt_after
                .is_some_and(|after| number > after);
            let copies = 1 + usize::from(self.manner.twice.contains(&number));
            for _ in 0..copies {
                let chunk = self.chunk(push, &message, range, gives_up);
                self.write(&chunk.encode()).await?;
                self.outcome.chunks += 1;
                self.due += 1;
            }
            if gives_up {
                break;
            }
            while let Ok(frame) = self.frames.try_recv() {
                self.heard(frame).await;
            }
            if self.refused {
                break;
            }
        }
        let reported = self.outcome.reports.len();
        self.await_answers().await;
        let wants_report = self.manner.success_report && !self.refused;
        let is_given_up = self.manner.interrupt_after.is_some();
        while wants_report && !is_given_up && self.outcome.reports.len() == reported {
            let next = timeout(self.manner.patience, self.frames.recv()).await;
            let Ok(Some(frame)) = next else {
                self.outcome.fault = Some("no report came".to_owned());
                return Ok(None);
            };
            self.heard(frame).await;
        }
        let answers = self.outcome.statuses.get(faults..).unwrap_or_default();
        let is_good = !answers.is_empty() && answers.iter().all(|status| *status == 200);
        if is_good && self.due == 0 && !is_given_up {
            self.outcome.whole += 1;
        }
        Ok(None)
    }

    async fn await_answers(&mut self) {
        while self.due > 0 {
            match timeout(self.manner.patience, self.frames.recv()).await {
                Ok(Some(frame)) => self.heard(frame).await,
                Ok(None) => {
                    self.outcome.fault = Some("the terminal closed the connection".to_owned());
                    return;
                }
                Err(_) => {
                    self.outcome.fault = Some("chunks were not answered".to_owned());
                    return;
                }
            }
        }
    }

    /// The first and the last octet of each chunk, counted from 1, in the order in which they go.
    fn order(&self, length: usize) -> Vec<(usize, usize)> {
        let size = self.manner.chunk.max(1);
        let mut ranges: Vec<_> = (0..length.max(1))
            .step_by(size)
            .map(|start| (start + 1, (start + size).min(length)))
            .collect();
        match self.manner.order {
            ChunkOrder::Forward => {}
            ChunkOrder::Backward => ranges.reverse(),
            ChunkOrder::Shuffled(seed) => {
                let mut random = Random::new(seed);
                for index in (1..ranges.len()).rev() {
                    ranges.swap(index, random.below(index + 1));
                }
            }
        }
        ranges
    }

    fn chunk(
        &mut self,
        push: &SipPush,
        message: &str,
        (first, last): (usize, usize),
        gives_up: bool,
    ) -> Frame {
        let length = push.body().len();
        let total = self.manner.total.clone();
        let total = total.unwrap_or_else(|| length.to_string());
        let flag = match (gives_up, last >= length) {
            (true, _) => b'#',
            (false, true) => b'$',
            (false, false) => b'+',
        };
        let to = if self.manner.wrong_path {
            format!("{}x", self.paths.to.trim_end_matches(";tcp")) + ";tcp"
        } else {
            self.paths.to.clone()
        };
        let mut headers = vec![
            ("To-Path".to_owned(), to),
            ("From-Path".to_owned(), self.paths.from.clone()),
            ("Message-ID".to_owned(), message.to_owned()),
            ("Byte-Range".to_owned(), format!("{first}-{last}/{total}")),
        ];
        if self.manner.success_report {
            headers.push(("Success-Report".to_owned(), "yes".to_owned()));
        }
        let of_content = push.headers().iter().filter(|(name, _)| {
            let start = name.get(..8).unwrap_or_default();
            start.eq_ignore_ascii_case("content-")
        });
        headers.extend(of_content.cloned());
        let content_type = push.content_type().to_owned();
        headers.push(("Content-Type".to_owned(), content_type));
        Frame {
            transaction: self.token(),
            what: "SEND".to_owned(),
            headers,
            body: push
                .body()
                .get(first.saturating_sub(1)..last)
                .unwrap_or_default()
                .to_vec(),
            flag,
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let size = self.manner.pieces.unwrap_or(octets.len()).max(1);
        for piece in octets.chunks(size) {
            self.write.write_all(piece).await?;
            if self.manner.pieces.is_some() {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Takes in what the terminal says, and answers its requests.
    async fn heard(&mut self, frame: Frame) {
        if let Some(status) = frame.status() {
            self.outcome.statuses.push(status);
            self.due = self.due.saturating_sub(1);
            self.refused |= status != 200;
            return;
        }
        if frame.what == "REPORT" {
            let status = frame.get("Status").and_then(|value| {
                let mut words = value.split_whitespace();
                words.nth(1)?.parse().ok()
            });
            self.outcome.reports.push(status.unwrap_or_default());
            return;
        }
        let answer = Frame {
            transaction: frame.transaction.clone(),
            what: "200 OK".to_owned(),
            headers: vec![
                (
                    "To-Path".to_owned(),
                    frame.get("From-Path").unwrap_or_default().to_owned(),
                ),
                ("From-Path".to_owned(), self.paths.from.clone()),
            ],
            body: Vec::new(),
            flag: b'$',
        };
        if let Err(error) = self.write(&answer.encode()).await {
            self.outcome.fault = Some(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: &[u8] = b"MSRP a1 SEND\r\nTo-Path: msrp://127.0.0.1:1/s;tcp\r\nFrom-Path: msrp://127.0.0.1:2/t;tcp\r\n\
        Message-ID: m\r\nByte-Range: 1-5/9\r\nContent-Type: text/plain\r\n\r\nab\r\nc\r\n-------a1+\r\n";

    #[test]
    fn frames_are_read_and_written_alike() {
        let (frame, length) = Frame::parse(SEND).unwrap().unwrap();
        assert_eq!(length, SEND.len());
        assert_eq!(frame.body, b"ab\r\nc");
        assert_eq!((frame.what.as_str(), frame.flag), ("SEND", b'+'));
        assert_eq!(frame.get("byte-range"), Some("1-5/9"));
        assert_eq!(frame.encode(), SEND);
        for length in 0..SEND.len() {
            assert_eq!(Frame::parse(&SEND[..length]), Ok(None), "{length}");
        }
    }

    #[test]
    fn answers_have_no_body() {
        let octets = b"MSRP a1 200 OK\r\nTo-Path: a\r\nFrom-Path: b\r\n-------a1$\r\nMSRP";
        let (frame, length) = Frame::parse(octets).unwrap().unwrap();
        assert_eq!((frame.status(), length), (Some(200), octets.len() - 4));
        assert_eq!(frame.get("From-Path"), Some("b"));
        assert!(Frame::parse(b"SIP a b\r\n").is_err());
    }
}
