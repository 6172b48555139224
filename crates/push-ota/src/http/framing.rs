//! A strict reading of the octets of a connection, before any HTTP library sees them.
//!
//! Whoever can make two programs disagree about where a request ends can hide one request in another. A library is kind
//! to old and careless peers; this check is not. It follows the requests of a connection, one after another, and refuses
//! whatever RFC 9112 allows two readings of, or forbids: a CR or LF alone, folded lines, white space around names,
//! `Content-Length` twice or beside `Transfer-Encoding`, chunk extensions, and the like. It understands nothing of what the
//! requests mean, keeps no octet of them but the last head that was good, and does not look at content at all.
//!
//! A driver gives it every octet that it reads, in order and in whatever pieces they come, and passes on to the HTTP library
//! what was found good. It also learns here in which part of a request the connection is, for its time-outs.

mod faults;
mod head;
mod known;
#[cfg(any(test, feature = "check"))]
pub(crate) mod model;
mod octets;
#[cfg(test)]
mod tests;

use head::{Begun, Head, HeadState};
use known::KnownHead;

pub use faults::{FramingError, FramingFault};

pub(super) use octets::{is_token, run, text};

/// Empty lines that may stand before a request line (RFC 9112 2.2).
const EMPTY_LINES: u8 = 1;
/// Hexadecimal digits of a chunk's size: as many as 64 bits take.
const CHUNK_DIGITS: u8 = 16;

/// How much a head may hold. The trailers of a chunked body count as a head of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramingLimits {
    /// Octets from the request line to the empty line, both with their line ends.
    pub head_length: usize,
    /// Header lines.
    pub headers: usize,
}

impl Default for FramingLimits {
    fn default() -> Self {
        Self {
            head_length: 16_384,
            headers: 64,
        }
    }
}

/// The check of one connection.
#[derive(Debug)]
pub struct Framing {
    limits: FramingLimits,
    state: State,
    /// Octets found good.
    position: u64,
    requests: u64,
    head: Head,
    known: KnownHead,
}

/// What the next octet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A request that has not begun, behind so many empty lines.
    Start(u8),
    /// The LF of an empty line before a request, behind so many with it.
    EmptyLine(u8),
    /// A head, or trailers.
    Head(HeadState),
    /// Content, of which so many octets are to come.
    Content(u64),
    Chunk(ChunkState),
    Refused(FramingError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    /// The size, of which so many digits have come.
    Size(u8, u64),
    SizeFeed(u64),
    /// The octets, of which so many are to come.
    Octets(u64),
    Feed,
}

impl Framing {
    /// The check of a connection just opened, after TLS.
    pub fn new(limits: FramingLimits) -> Self {
        Self {
            limits,
            state: State::Start(0),
            position: 0,
            requests: 0,
            head: Head::default(),
            known: KnownHead::default(),
        }
    }

    /// Takes the next octets of the connection, however many. The same octets give the same result in whatever pieces they
    /// come. What has been refused stays refused, with the same error.
    pub fn check(&mut self, octets: &[u8]) -> Result<(), FramingError> {
        if let State::Refused(error) = self.state {
            return Err(error);
        }
        let mut rest = octets;
        while let Some(&octet) = rest.first() {
            let within_head = matches!(self.state, State::Head(_));
            match self.step(octet, rest) {
                Ok(taken) => {
                    self.position = self.position.saturating_add(taken as u64);
                    rest = rest.get(taken..).unwrap_or_default();
                    if within_head {
                        self.note_head(octets, rest.len());
                    }
                }
                Err(fault) => {
                    let offset = self.position;
                    let error = FramingError { fault, offset };
                    self.state = State::Refused(error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Remembers a head that has ended before the last `left` of these octets, if all of it is among them.
    fn note_head(&mut self, octets: &[u8], left: usize) {
        if matches!(self.state, State::Head(_)) || self.head.trailers {
            return;
        }
        let head = octets.get(..octets.len() - left).and_then(|before| {
            let start = before.len().checked_sub(self.head.length)?;
            before.get(start..)
        });
        if let Some(octets) = head {
            self.known.note(octets, &self.head);
        }
    }

    /// Part of a head has come, and not all of it.
    pub const fn is_within_head(&self) -> bool {
        match self.state {
            State::EmptyLine(_) => true,
            State::Head(_) => !self.head.trailers,
            State::Start(_) | State::Content(_) | State::Chunk(_) | State::Refused(_) => false,
        }
    }

    /// A head has come, and not all of the content that it announces; trailers belong to the content.
    pub const fn is_within_body(&self) -> bool {
        match self.state {
            State::Head(_) => self.head.trailers,
            State::Content(_) | State::Chunk(_) => true,
            State::Start(_) | State::EmptyLine(_) | State::Refused(_) => false,
        }
    }

    /// Every request that has begun has come whole.
    pub const fn is_between_requests(&self) -> bool {
        matches!(self.state, State::Start(_))
    }

    /// Requests that have begun: while this is the same, the octets belong to the same request.
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// The `Content-Length` of the last request that began, once its head has come.
    pub const fn announced_length(&self) -> Option<u64> {
        if self.is_within_head() {
            return None;
        }
        self.head.content_length
    }

    /// Takes one octet, or several of the same kind, from the start of `rest`, which begins with `octet`.
    fn step(&mut self, octet: u8, rest: &[u8]) -> Result<usize, FramingFault> {
        let mut taken = 1;
        self.state = match self.state {
            State::Head(state) => {
                let room = self.limits.head_length.saturating_sub(self.head.length);
                let window = rest.get(..room).unwrap_or(rest);
                if window.is_empty() {
                    return Err(FramingFault::HeadTooLong);
                }
                taken = self.step_head(state, octet, window)?;
                self.head.length += taken;
                return Ok(taken);
            }
            State::Content(left) => {
                taken = within(rest, left);
                match left.saturating_sub(taken as u64) {
                    0 => State::Start(0),
                    left => State::Content(left),
                }
            }
            State::Chunk(ChunkState::Octets(left)) if left > 0 => {
                taken = within(rest, left);
                State::Chunk(ChunkState::Octets(left.saturating_sub(taken as u64)))
            }
            State::Chunk(state) => self.step_chunk(state, octet)?,
            State::Start(lines) if octet == b'\r' => {
                if lines >= EMPTY_LINES {
                    return Err(FramingFault::EmptyLines);
                }
                State::EmptyLine(lines + 1)
            }
            State::Start(_) => {
                self.requests = self.requests.saturating_add(1);
                if let Some(head) = self.known.of(rest) {
                    self.head.clone_from(head);
                    taken = head.length;
                    self.behind_head()
                } else {
                    taken = 0;
                    self.head = Head::default();
                    State::Head(HeadState::Method(Begun::No))
                }
            }
            State::EmptyLine(lines) if octet == b'\n' => State::Start(lines),
            State::EmptyLine(_) => return Err(FramingFault::BareCr),
            State::Refused(error) => return Err(error.fault),
        };
        Ok(taken)
    }

    /// Around the octets of a chunk.
    fn step_chunk(&mut self, state: ChunkState, octet: u8) -> Result<State, FramingFault> {
        let next = match state {
            ChunkState::Size(1.., size) if octet == b'\r' => ChunkState::SizeFeed(size),
            ChunkState::Size(1.., _) if octet == b';' => return Err(FramingFault::ChunkExtension),
            ChunkState::Size(..) if octet == b'\n' => return Err(FramingFault::BareLf),
            ChunkState::Size(digits, size) => match char::from(octet).to_digit(16) {
                Some(digit) if digits < CHUNK_DIGITS => {
                    ChunkState::Size(digits + 1, (size << 4) | u64::from(digit))
                }
                Some(_) | None => return Err(FramingFault::ChunkSize),
            },
            ChunkState::SizeFeed(0) if octet == b'\n' => {
                self.head.trailers = true;
                self.head.length = 0;
                self.head.headers = 0;
                return Ok(State::Head(HeadState::HeaderStart));
            }
            ChunkState::SizeFeed(size) if octet == b'\n' => ChunkState::Octets(size),
            ChunkState::Octets(_) if octet == b'\r' => ChunkState::Feed,
            ChunkState::Octets(_) => return Err(FramingFault::ChunkEnd),
            ChunkState::Feed if octet == b'\n' => ChunkState::Size(0, 0),
            ChunkState::SizeFeed(_) | ChunkState::Feed => return Err(FramingFault::BareCr),
        };
        Ok(State::Chunk(next))
    }
}

/// How many octets of `rest` belong to content of which `left` are to come.
fn within(rest: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(rest.len(), |left| rest.len().min(left))
}
