//! The head of a request, and the trailers of a chunked body.

use super::faults::{FramingFault, fault};
use super::octets::{is_space, is_target, is_token, is_visible, run, text};
use super::{ChunkState, Framing, State};

/// Octets of the longest header name that means something here.
const NAME_LENGTH: usize = TRANSFER_ENCODING.len();
const CONTENT_LENGTH: &[u8] = b"content-length";
const HOST: &[u8] = b"host";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const CHUNKED: &[u8] = b"chunked";
/// What a request line ends with, before the minor version.
const VERSION: &[u8] = b"HTTP/1.";
/// What nearly every request line ends with.
const USUAL_VERSION: &[u8] = b"HTTP/1.1\r\n";

/// What is known of a head so far.
#[derive(Debug, Default, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a head"
)]
pub(super) struct Head {
    /// Octets of it found good.
    pub(super) length: usize,
    /// Header lines begun.
    pub(super) headers: usize,
    /// It is the trailers of a chunked body.
    pub(super) trailers: bool,
    old: bool,
    pub(super) content_length: Option<u64>,
    chunked: bool,
    /// `Host` has come.
    host: bool,
    name: Name,
}

/// The start of a header's name.
#[derive(Debug, Default, Clone)]
struct Name {
    octets: [u8; NAME_LENGTH],
    /// Octets of the name; more than fit is any greater number.
    length: usize,
}

/// Where in a head the next octet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadState {
    Method(Begun),
    Target(Begun),
    /// The version, of which so many octets have come.
    Version(u8),
    RequestLineEnd,
    HeaderStart,
    Name,
    Value,
    /// The value of `Content-Length`.
    Length(Value),
    /// The value of `Transfer-Encoding`, of which so many octets have come.
    Encoding(Value, u8),
    /// The LF of a line.
    LineFeed,
    /// The LF of the empty line behind the headers.
    LastFeed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    No,
    Yes,
}

/// Where in a value the next octet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// In the white space before it.
    Before,
    Within,
    /// In the white space behind it.
    Behind,
}

impl Framing {
    /// Within a head, or trailers.
    pub(super) fn step_head(
        &mut self,
        state: HeadState,
        octet: u8,
        window: &[u8],
    ) -> Result<usize, FramingFault> {
        let mut taken = 1;
        let next = match state {
            HeadState::Method(Begun::No) if let Some(length) = usual_request_line(window) => {
                taken = length;
                HeadState::HeaderStart
            }
            HeadState::Method(begun) => match run(window, is_token) {
                0 if begun == Begun::Yes && octet == b' ' => HeadState::Target(Begun::No),
                0 => return Err(fault(octet, FramingFault::RequestLine)),
                length => {
                    taken = length;
                    HeadState::Method(Begun::Yes)
                }
            },
            HeadState::Target(begun) => match run(window, is_target) {
                0 if begun == Begun::Yes && octet == b' ' => HeadState::Version(0),
                0 if is_visible(octet) => return Err(FramingFault::RequestTarget),
                0 => return Err(fault(octet, FramingFault::RequestLine)),
                length => {
                    taken = length;
                    HeadState::Target(Begun::Yes)
                }
            },
            HeadState::Version(0) if window.starts_with(USUAL_VERSION) => {
                taken = USUAL_VERSION.len();
                HeadState::HeaderStart
            }
            HeadState::Version(come) => self.version(come, octet)?,
            HeadState::RequestLineEnd | HeadState::Value if octet == b'\r' => HeadState::LineFeed,
            HeadState::RequestLineEnd => return Err(fault(octet, FramingFault::RequestLine)),
            HeadState::HeaderStart if window.starts_with(b"\r\n") => {
                self.state = self.behind_head();
                return Ok(2);
            }
            HeadState::HeaderStart if octet == b'\r' => HeadState::LastFeed,
            HeadState::HeaderStart => {
                taken = self.whole_lines(window);
                if taken == 0 {
                    self.header(octet)?
                } else {
                    HeadState::HeaderStart
                }
            }
            HeadState::Name => match run(window, is_token) {
                0 if octet == b':' => self.named()?,
                0 if is_space(octet) => return Err(FramingFault::SpaceBeforeColon),
                0 => return Err(fault(octet, FramingFault::HeaderName)),
                length => {
                    taken = length;
                    self.head.name.extend(window, length);
                    HeadState::Name
                }
            },
            HeadState::Value => match text(window) {
                0 => return Err(fault(octet, FramingFault::ControlCharacter)),
                length => {
                    taken = length;
                    HeadState::Value
                }
            },
            HeadState::Length(value) => self.length(value, octet)?,
            HeadState::Encoding(value, come) => encoding(value, come, octet)?,
            HeadState::LineFeed if octet == b'\n' => HeadState::HeaderStart,
            HeadState::LastFeed if octet == b'\n' => {
                self.state = self.behind_head();
                return Ok(taken);
            }
            HeadState::LineFeed | HeadState::LastFeed => return Err(FramingFault::BareCr),
        };
        self.state = State::Head(next);
        Ok(taken)
    }

    fn version(&mut self, come: u8, octet: u8) -> Result<HeadState, FramingFault> {
        match VERSION.get(usize::from(come)) {
            Some(&expected) if octet == expected => Ok(HeadState::Version(come + 1)),
            None if matches!(octet, b'0' | b'1') => {
                self.head.old = octet == b'0';
                Ok(HeadState::RequestLineEnd)
            }
            _ if come == 0 && matches!(octet, b' ' | b'\r') => Err(FramingFault::RequestLine),
            _ => Err(fault(octet, FramingFault::Version)),
        }
    }

    /// Takes header lines that are whole and good, as far as they go: nearly all are. Whatever else there is, is left to be
    /// read octet by octet, which finds what is wrong, and where.
    fn whole_lines(&mut self, window: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = window.get(taken..)
            && self.head.headers < self.limits.headers
            && let Some((name, value)) = whole_line(rest)
            && self.head.takes_line(name, value)
        {
            taken += name.len() + 1 + value.len() + 2;
            self.head.headers += 1;
        }
        taken
    }

    /// The first octet of a header line.
    fn header(&mut self, octet: u8) -> Result<HeadState, FramingFault> {
        if is_space(octet) {
            return Err(if self.head.headers == 0 {
                FramingFault::LeadingSpace
            } else {
                FramingFault::FoldedLine
            });
        }
        if octet == b':' {
            return Err(FramingFault::EmptyName);
        }
        if !is_token(octet) {
            return Err(fault(octet, FramingFault::HeaderName));
        }
        if self.head.headers >= self.limits.headers {
            return Err(FramingFault::TooManyHeaders);
        }
        self.head.headers += 1;
        self.head.name.length = 0;
        Ok(HeadState::Name)
    }

    /// The colon behind a name.
    fn named(&mut self) -> Result<HeadState, FramingFault> {
        let head = &mut self.head;
        if head.name.is(CONTENT_LENGTH) {
            if head.trailers {
                return Err(FramingFault::TrailerFraming);
            }
            if head.chunked {
                return Err(FramingFault::LengthAndEncoding);
            }
            if head.content_length.is_some() {
                return Err(FramingFault::RepeatedLength);
            }
            head.content_length = Some(0);
            return Ok(HeadState::Length(Value::Before));
        }
        if head.name.is(TRANSFER_ENCODING) {
            if head.trailers {
                return Err(FramingFault::TrailerFraming);
            }
            if head.content_length.is_some() {
                return Err(FramingFault::LengthAndEncoding);
            }
            if head.chunked {
                return Err(FramingFault::Encoding);
            }
            if head.old {
                return Err(FramingFault::OldEncoding);
            }
            head.chunked = true;
            return Ok(HeadState::Encoding(Value::Before, 0));
        }
        // Among trailers it means nothing.
        if head.name.is(HOST) && !head.trailers && std::mem::replace(&mut head.host, true) {
            return Err(FramingFault::RepeatedHost);
        }
        Ok(HeadState::Value)
    }

    fn length(&mut self, value: Value, octet: u8) -> Result<HeadState, FramingFault> {
        match (value, octet) {
            (Value::Within | Value::Behind, b'\r') => Ok(HeadState::LineFeed),
            (Value::Before | Value::Within, b'0'..=b'9') => {
                let digit = u64::from(octet - b'0');
                let length = self.head.content_length.unwrap_or(0).checked_mul(10);
                let length = length.and_then(|length| length.checked_add(digit));
                self.head.content_length = Some(length.ok_or(FramingFault::Length)?);
                Ok(HeadState::Length(Value::Within))
            }
            (Value::Before, b' ' | b'\t') => Ok(HeadState::Length(Value::Before)),
            (Value::Within | Value::Behind, b' ' | b'\t') => Ok(HeadState::Length(Value::Behind)),
            _ => Err(fault(octet, FramingFault::Length)),
        }
    }

    /// The empty line behind headers or trailers has come.
    pub(super) const fn behind_head(&self) -> State {
        if self.head.trailers {
            return State::Start(0);
        }
        match self.head.content_length {
            _ if self.head.chunked => State::Chunk(ChunkState::Size(0, 0)),
            None | Some(0) => State::Start(0),
            Some(length) => State::Content(length),
        }
    }
}

impl Head {
    /// Heeds a header line that is whole; says whether there is nothing wrong with it, and nothing out of the ordinary.
    fn takes_line(&mut self, name: &[u8], value: &[u8]) -> bool {
        if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
            let awaited = !self.trailers && !self.chunked && self.content_length.is_none();
            let length = decimal(value).filter(|_| awaited);
            self.content_length = length.or(self.content_length);
            length.is_some()
        } else if name.eq_ignore_ascii_case(HOST) {
            self.trailers || !std::mem::replace(&mut self.host, true)
        } else {
            !name.eq_ignore_ascii_case(TRANSFER_ENCODING)
        }
    }
}

impl Name {
    /// Takes the first `length` octets of `window`.
    fn extend(&mut self, window: &[u8], length: usize) {
        let end = self.length.saturating_add(length);
        if let Some(room) = self.octets.get_mut(self.length..end)
            && let Some(octets) = window.get(..length)
        {
            room.copy_from_slice(octets);
            self.length = end;
        } else {
            self.length = NAME_LENGTH + 1;
        }
    }

    fn is(&self, name: &[u8]) -> bool {
        self.octets
            .get(..self.length)
            .is_some_and(|octets| octets.eq_ignore_ascii_case(name))
    }
}

/// The length of the request line, if it is whole, good, and of HTTP/1.1.
fn usual_request_line(octets: &[u8]) -> Option<usize> {
    let method = run(octets, is_token);
    let rest = octets.get(method..)?.strip_prefix(b" ")?;
    let target = run(rest, is_target);
    let rest = rest.get(target..)?.strip_prefix(b" ")?;
    let good = method > 0 && target > 0 && rest.starts_with(USUAL_VERSION);
    good.then_some(method + 1 + target + 1 + USUAL_VERSION.len())
}

/// Name and value of the first line, if it is a whole header without an octet that may not stand there.
fn whole_line(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = octets.split_at_checked(run(octets, is_token))?;
    let value = rest.strip_prefix(b":").filter(|_| !name.is_empty())?;
    let (value, rest) = value.split_at_checked(text(value))?;
    rest.starts_with(b"\r\n").then_some((name, value))
}

/// The number that a value is, in digits alone and of so few that it surely has no more than 64 bits.
fn decimal(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if !(1..=19).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |number: u64, &octet| {
        let digit = octet.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

/// A step within the value of `Transfer-Encoding`.
fn encoding(value: Value, come: u8, octet: u8) -> Result<HeadState, FramingFault> {
    let next = CHUNKED.get(usize::from(come));
    match (value, octet) {
        (Value::Within | Value::Behind, b'\r') if next.is_none() => Ok(HeadState::LineFeed),
        (Value::Before, b' ' | b'\t') => Ok(HeadState::Encoding(Value::Before, 0)),
        (Value::Within | Value::Behind, b' ' | b'\t') if next.is_none() => {
            Ok(HeadState::Encoding(Value::Behind, come))
        }
        (Value::Before | Value::Within, _) if next == Some(&octet.to_ascii_lowercase()) => {
            Ok(HeadState::Encoding(Value::Within, come + 1))
        }
        _ => Err(fault(octet, FramingFault::Encoding)),
    }
}
