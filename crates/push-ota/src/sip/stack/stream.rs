//! Messages on a connection (RFC 3261 18.3, RFC 5626 4.4.1).

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::check::Flaw;
use super::{Broken, Incoming, Limits, answerable, parse, salvage};

/// Takes the octets of a connection and gives what is whole in them. Where framing is lost, nothing more comes.
#[derive(Debug)]
pub(crate) struct StreamReader {
    limits: Limits,
    octets: BytesMut,
    /// How far no end of the headers was found.
    searched: usize,
    /// The length of the message that has begun, once its headers are there.
    length: Option<usize>,
    /// The last empty line was the first of a pair.
    half: bool,
    lost: bool,
    ready: VecDeque<Result<Incoming, Broken>>,
}

impl StreamReader {
    /// A reader at the begin of a connection.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            octets: BytesMut::new(),
            searched: 0,
            length: None,
            half: false,
            lost: false,
            ready: VecDeque::new(),
        }
    }

    /// Takes octets; [`next`](Self::next) is called until it gives nothing.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        if self.lost {
            return;
        }
        self.octets.extend_from_slice(octets);
        while !self.lost && self.step() {}
    }

    /// Octets of a message that has begun and is not whole.
    pub(crate) fn unfinished(&self) -> usize {
        self.octets.len()
    }

    /// The next message, keep-alive or breach. After one that ends the flow there is none.
    pub(crate) fn next(&mut self) -> Option<Result<Incoming, Broken>> {
        self.ready.pop_front()
    }

    //= specs/ota-sip.md#requests
    //# Empty lines before a message on a connection MUST be passed over.
    /// Takes one thing off the front; whether there was one.
    fn step(&mut self) -> bool {
        if let Some(length) = self.length {
            return self.message(length);
        }
        if self.octets.starts_with(b"\r\n") {
            self.octets.advance(2);
            let kind = if self.half {
                Incoming::Ping
            } else {
                Incoming::Pong
            };
            self.half = !self.half;
            self.ready.push_back(Ok(kind));
            return true;
        }
        let tail = self.octets.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memmem::find(tail, b"\r\n\r\n") else {
            self.searched = self.octets.len().saturating_sub(3);
            if self.octets.len() > self.limits.max_message {
                self.lose(Flaw::too_long(self.octets.len(), self.limits.max_message));
            }
            return false;
        };
        let head = self.searched + found + 4;
        match content_length(self.octets.get(..head).unwrap_or_default()) {
            Err(detail) => self.lose(Flaw::malformed(detail)),
            Ok(body) => {
                let whole = head.saturating_add(body);
                if whole > self.limits.max_message {
                    self.lose(Flaw::too_long(whole, self.limits.max_message));
                } else {
                    self.length = Some(whole);
                }
            }
        }
        true
    }

    fn message(&mut self, length: usize) -> bool {
        if self.octets.len() < length {
            return false;
        }
        let message = self.octets.split_to(length).freeze();
        self.length = None;
        self.searched = 0;
        self.half = false;
        let mut parsed = parse(&message, &self.limits);
        if let Err(broken) = &mut parsed {
            // A lone CR or LF may be the end of a line for somebody else, who then sees other messages than we.
            broken.ends_flow = has_lone_line_end(&message);
            self.lost = broken.ends_flow;
        }
        self.ready.push_back(parsed);
        true
    }

    fn lose(&mut self, flaw: Flaw) {
        let octets: Bytes = self.octets.split().freeze();
        let request = salvage::request(&octets, &self.limits).and_then(answerable);
        let mut broken = Broken::new(flaw, octets.len(), request);
        broken.ends_flow = true;
        self.lost = true;
        self.ready.push_back(Err(broken));
    }
}

fn has_lone_line_end(message: &[u8]) -> bool {
    let head = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let head = message.get(..head).unwrap_or_default();
    memchr::memchr2_iter(b'\r', b'\n', head).any(|at| {
        let before = at.checked_sub(1).and_then(|before| head.get(before));
        match head.get(at) {
            Some(b'\r') => head.get(at + 1) != Some(&b'\n'),
            _ => before != Some(&b'\r'),
        }
    })
}

/// Content-Length, which no message on a connection is without (RFC 3261 18.3).
fn content_length(head: &[u8]) -> Result<usize, &'static str> {
    let mut found = None;
    let mut begin = 0;
    for end in memchr::memmem::find_iter(head, b"\r\n") {
        if head
            .get(end + 2)
            .is_some_and(|octet| matches!(octet, b' ' | b'\t'))
        {
            continue;
        }
        let line = head.get(begin..end).unwrap_or_default();
        begin = end + 2;
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let name = name.trim_ascii();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let digits = value.get(1..).unwrap_or_default().trim_ascii();
        let number = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .ok_or("Content-Length is no number")?;
        if found.replace(number).is_some() {
            return Err("Content-Length stands more than once");
        }
    }
    found.ok_or("Content-Length is missing")
}
