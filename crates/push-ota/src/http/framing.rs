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

mod known;
#[cfg(any(test, feature = "check"))]
pub(crate) mod model;
#[cfg(test)]
mod tests;

use std::fmt;

use known::KnownHead;

/// Empty lines that may stand before a request line (RFC 9112 2.2).
const EMPTY_LINES: u8 = 1;
/// Hexadecimal digits of a chunk's size: as many as 64 bits take.
const CHUNK_DIGITS: u8 = 16;
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

macro_rules! framing_faults {
    ($($(#[doc = $doc:literal])+ $variant:ident $word:literal $message:literal,)+) => {
        /// What is wrong with the octets of a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FramingFault { $($(#[doc = $doc])+ $variant,)+ }

        impl FramingFault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// A stable word for metrics and explanations.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The sentence for people.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }
        }
    };
}

framing_faults! {
    /// More empty lines before a request line than one.
    EmptyLines "emptyLines" "there is more than one empty line before a request",
    /// A request line that is not a method, a target and a version with one space between them (RFC 9112 3).
    RequestLine "requestLine" "the request line is not three parts with one space between them",
    /// A request target with an octet that no URI has, or a fragment (RFC 9112 3.2, RFC 3986 2).
    RequestTarget "requestTarget" "the request target has an octet that no URI has, or a fragment",
    /// A version other than HTTP/1.0 and HTTP/1.1.
    Version "version" "the version is neither HTTP/1.0 nor HTTP/1.1",
    /// A CR that no LF follows (RFC 9112 2.2).
    BareCr "bareCr" "a carriage return is not followed by a line feed",
    /// A LF that follows no CR.
    BareLf "bareLf" "a line feed does not follow a carriage return",
    /// A control character in a head, NUL among them.
    ControlCharacter "controlCharacter" "a control character stands in a request line or a header",
    /// White space before the first header (RFC 9112 2.2).
    LeadingSpace "leadingSpace" "white space stands before the first header",
    /// A header line that continues the one before (obs-fold, RFC 9112 5.2).
    FoldedLine "foldedLine" "a header is folded over several lines",
    /// A header without a name.
    EmptyName "emptyName" "a header has no name",
    /// A header name with a character that no name has, or a line without a colon.
    HeaderName "headerName" "a header's name is no token, or no colon follows it",
    /// White space between a name and its colon (RFC 9112 5.1).
    SpaceBeforeColon "spaceBeforeColon" "white space stands between a header's name and its colon",
    /// `Host` twice, equal or not (RFC 9112 3.2).
    RepeatedHost "repeatedHost" "Host stands there twice",
    /// More header lines than the limit.
    TooManyHeaders "tooManyHeaders" "there are too many headers",
    /// More octets of head than the limit.
    HeadTooLong "headTooLong" "the request line and its headers are too long",
    /// `Content-Length` that is no number of digits alone, or none of 64 bits (RFC 9110 8.6).
    Length "length" "Content-Length is not a number of 64 bits, in digits alone",
    /// `Content-Length` twice, equal or not.
    RepeatedLength "repeatedLength" "Content-Length stands there twice",
    /// `Content-Length` beside `Transfer-Encoding` (RFC 9112 6.3).
    LengthAndEncoding "lengthAndEncoding" "Content-Length and Transfer-Encoding stand side by side",
    /// `Transfer-Encoding` other than `chunked`, once.
    Encoding "encoding" "Transfer-Encoding is not chunked alone",
    /// `Transfer-Encoding` in a request of HTTP/1.0 (RFC 9112 6.1).
    OldEncoding "oldEncoding" "Transfer-Encoding stands in a request of HTTP/1.0",
    /// The size of a chunk is no hexadecimal number of 64 bits.
    ChunkSize "chunkSize" "the size of a chunk is not a hexadecimal number of 64 bits",
    /// A chunk has an extension (RFC 9112 7.1.1).
    ChunkExtension "chunkExtension" "a chunk has an extension",
    /// A chunk has more or fewer octets than it says.
    ChunkEnd "chunkEnd" "no line end follows the octets of a chunk",
    /// `Content-Length` or `Transfer-Encoding` among trailers (RFC 9110 6.5.1).
    TrailerFraming "trailerFraming" "Content-Length or Transfer-Encoding stands among the trailers",
}

/// The first octet of a connection that is refused. Nothing behind it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{} (octet {offset} of the connection)", .fault.message())]
pub struct FramingError {
    /// What is wrong.
    pub fault: FramingFault,
    /// The octet that shows it, counted from the first of the connection.
    pub offset: u64,
}

impl FramingError {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        self.fault.as_str()
    }
}

impl fmt::Display for FramingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
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

/// What is known of a head so far.
#[derive(Debug, Default, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a head"
)]
struct Head {
    /// Octets of it found good.
    length: usize,
    /// Header lines begun.
    headers: usize,
    /// It is the trailers of a chunked body.
    trailers: bool,
    old: bool,
    content_length: Option<u64>,
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
enum HeadState {
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
enum ChunkState {
    /// The size, of which so many digits have come.
    Size(u8, u64),
    SizeFeed(u64),
    /// The octets, of which so many are to come.
    Octets(u64),
    Feed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
}

/// Where in a value the next octet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// In the white space before it.
    Before,
    Within,
    /// In the white space behind it.
    Behind,
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

    /// Within a head, or trailers.
    fn step_head(
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
    const fn behind_head(&self) -> State {
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

/// What an octet is a fault for where it cannot stand: itself if it is a control character, else `otherwise`.
const fn fault(octet: u8, otherwise: FramingFault) -> FramingFault {
    match octet {
        b'\n' => FramingFault::BareLf,
        b'\t' | b'\r' | 0x20..=0x7E | 0x80..=0xFF => otherwise,
        0..=0x1F | 0x7F => FramingFault::ControlCharacter,
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

/// How many octets of `rest` belong to content of which `left` are to come.
fn within(rest: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(rest.len(), |left| rest.len().min(left))
}

/// How many octets from the start are of a kind.
pub(super) fn run(octets: &[u8], kind: impl Fn(u8) -> bool) -> usize {
    octets
        .iter()
        .position(|&octet| !kind(octet))
        .unwrap_or(octets.len())
}

/// How many octets from the start may stand in a header's value.
pub(super) fn text(octets: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = ONES * 0x80;
    let mut good = 0;
    // Eight at a time. Of the octets that the subtractions mark, the first is a control character or DEL for certain.
    while let Some(eight) = octets.get(good..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*eight);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let other = word ^ (ONES * 0x7F);
        let marked = (control | (other.wrapping_sub(ONES) & !other)) & HIGH;
        if marked == 0 {
            good += 8;
            continue;
        }
        good += (marked.trailing_zeros() / 8) as usize;
        if octets.get(good) != Some(&b'\t') {
            return good;
        }
        good += 1;
    }
    good + run(octets.get(good..).unwrap_or_default(), is_text)
}

const fn is_text(octet: u8) -> bool {
    (octet >= 0x20 && octet != 0x7F) || octet == b'\t'
}

const fn is_visible(octet: u8) -> bool {
    octet.wrapping_sub(0x21) < 0x7F - 0x21
}

/// The characters of a URI without its fragment (RFC 3986 2), which some keep and others cut off.
const fn is_target(octet: u8) -> bool {
    const TARGET: [bool; 256] = {
        let mut table = [false; 256];
        let mut octet = 0_u8;
        while octet < 0x80 {
            table[octet as usize] = octet.is_ascii_alphanumeric()
                || matches!(
                    octet,
                    b'!' | b'$'
                        ..=b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'[' | b']' | b'_' | b'~'
                );
            octet += 1;
        }
        table
    };
    TARGET[octet as usize]
}

const fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// The characters of a token (RFC 9110 5.6.2).
pub(super) const fn is_token(octet: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut octet = 0_u8;
        while octet < 0x80 {
            table[octet as usize] = octet.is_ascii_alphanumeric()
                || matches!(
                    octet,
                    b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
                );
            octet += 1;
        }
        table
    };
    TOKEN[octet as usize]
}
