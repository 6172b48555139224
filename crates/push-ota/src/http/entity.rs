//! The body of a push: an HTTP response in an `application/http` entity, whose headers and content are the push message
//! (WAP-235 7.4.1, WAP-251).
//!
//! Lines end in CRLF and in nothing else, no line continues another, and names are tokens. What the message says of its own
//! length may be less than what came: the outer length counts. It may not be more.

use std::borrow::Cow;
use std::fmt;

use push_message::{
    ContentType, Headers, InitiatorTrust, MediaType, PushApplicationId, PushMessage,
};

use super::framing::{is_token, run, text};
use super::parameters;
use super::spellings::Spellings;

/// The most octets of a status line, its end included.
pub(super) const STATUS_LINE_LENGTH: usize = 256;

/// How much a push message may hold. Checked before anything is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityLimits {
    /// Octets behind the status line: headers and content.
    pub message_length: usize,
    /// Octets of the headers, the empty line included.
    pub headers_length: usize,
    /// Headers.
    pub headers: usize,
}

/// Why octets are no push message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code} at octet {offset} of the application/http entity")]
pub struct EntityError {
    /// What is wrong.
    pub code: EntityErrorCode,
    /// Where, from the beginning of the entity.
    pub offset: usize,
}

/// What can be wrong with an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityErrorCode {
    /// It begins with no status line of HTTP/1, or its code lies outside 100 to 599.
    StatusLine,
    /// No empty line ends the headers.
    Truncated,
    /// CR without LF, or LF without CR.
    LineEnd,
    /// A line continues the one before.
    Fold,
    /// The name of a header is no token, or no colon follows it.
    HeaderName,
    /// A header value has a control character.
    HeaderValue,
    /// There are more headers than the limit.
    TooManyHeaders,
    /// The headers have more octets than the limit.
    HeadersTooLong,
    /// Headers and content have more octets than the limit.
    MessageTooLong,
    /// A header that there can be one of is there twice, or two contradict each other.
    Contradiction,
    /// Content-Length is no number.
    ContentLength,
    /// Content-Length is more than there is.
    ContentLengthOverrun,
    /// A transfer coding that is not chunked.
    TransferEncoding,
    /// The chunks are broken.
    Chunk,
    /// X-Wap-Application-Id is neither a URI nor a number.
    ApplicationId,
}

impl EntityErrorCode {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatusLine => "statusLine",
            Self::Truncated => "truncated",
            Self::LineEnd => "lineEnd",
            Self::Fold => "fold",
            Self::HeaderName => "headerName",
            Self::HeaderValue => "headerValue",
            Self::TooManyHeaders => "tooManyHeaders",
            Self::HeadersTooLong => "headersTooLong",
            Self::MessageTooLong => "messageTooLong",
            Self::Contradiction => "contradiction",
            Self::ContentLength => "contentLength",
            Self::ContentLengthOverrun => "contentLengthOverrun",
            Self::TransferEncoding => "transferEncoding",
            Self::Chunk => "chunk",
            Self::ApplicationId => "applicationId",
        }
    }

    const fn at(self, offset: usize) -> EntityError {
        EntityError { code: self, offset }
    }
}

impl fmt::Display for EntityErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes a push message of an `application/http` entity.
///
/// The content is everything behind the headers, decoded where Transfer-Encoding says that it is chunked.
pub fn parse_entity(
    octets: &[u8],
    limits: &EntityLimits,
    trust: InitiatorTrust,
) -> Result<PushMessage, EntityError> {
    read_entity(octets, limits, trust, &mut Spellings::default())
}

/// As [`parse_entity`], knowing what was written before within the same limits.
pub(super) fn read_entity(
    octets: &[u8],
    limits: &EntityLimits,
    trust: InitiatorTrust,
    spellings: &mut Spellings,
) -> Result<PushMessage, EntityError> {
    let head = match spellings.head.of(octets) {
        Some(head) => head.clone(),
        None => read_head(octets, limits, spellings)?,
    };
    check_length(octets, head.start, limits)?;
    let rest = octets.get(head.end..).unwrap_or_default();
    let content: Box<[u8]> = match head.framing.check(rest.len())? {
        Coding::Identity => rest.into(),
        Coding::Chunked => dechunk(octets, head.end, limits)?.into(),
    };
    Ok(head.description.with(content, trust))
}

fn check_length(octets: &[u8], start: usize, limits: &EntityLimits) -> Result<(), EntityError> {
    if octets.len().saturating_sub(start) > limits.message_length {
        let offset = start.saturating_add(limits.message_length);
        return Err(EntityErrorCode::MessageTooLong.at(offset));
    }
    Ok(())
}

/// Everything before the content.
#[derive(Clone)]
pub(super) struct Head {
    /// Where the headers begin.
    start: usize,
    /// Where the content begins.
    end: usize,
    framing: Framing,
    description: Description,
}

fn read_head(
    octets: &[u8],
    limits: &EntityLimits,
    spellings: &mut Spellings,
) -> Result<Head, EntityError> {
    let start = status_line(octets)?;
    check_length(octets, start, limits)?;
    let end = end_of_headers(octets, start, limits)?;
    let mut message = Builder::new(end - start, spellings);
    let mut framing = Framing::default();
    let block = octets.get(..end).unwrap_or_default();
    let mut lines = Lines {
        octets: block,
        text: str::from_utf8(block).ok(),
        position: start,
    };
    while let Some((name, value, offset)) = lines.next_header()? {
        framing.take(name, &value, offset)?;
        if !name.eq_ignore_ascii_case("Transfer-Encoding") {
            message.take(name, &value, offset)?;
        }
    }
    let head = Head {
        start,
        end,
        framing,
        description: message.description,
    };
    spellings.head.note(block, &head);
    Ok(head)
}

/// Makes a push message of headers and content that stand in no entity. Offsets of errors count headers.
pub(super) fn read_bare<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    content: &[u8],
    limits: &EntityLimits,
    trust: InitiatorTrust,
    spellings: &mut Spellings,
) -> Result<PushMessage, EntityError> {
    let mut message = Builder::new(0, spellings);
    let mut length = 0;
    for (index, (name, value)) in headers.into_iter().enumerate() {
        length += name.len() + value.len() + 4;
        if index >= limits.headers {
            return Err(EntityErrorCode::TooManyHeaders.at(index));
        }
        if length > limits.headers_length {
            return Err(EntityErrorCode::HeadersTooLong.at(index));
        }
        message.take(name, &decoded(value), index)?;
    }
    if length.saturating_add(content.len()) > limits.message_length {
        return Err(EntityErrorCode::MessageTooLong.at(0));
    }
    Ok(message.description.with(content.into(), trust))
}

/// Where the status line ends.
fn status_line(octets: &[u8]) -> Result<usize, EntityError> {
    let wrong = EntityErrorCode::StatusLine;
    let window = octets
        .get(..STATUS_LINE_LENGTH.min(octets.len()))
        .unwrap_or_default();
    let Some(feed) = memchr::memchr(b'\n', window) else {
        let whole = octets.len() <= STATUS_LINE_LENGTH
            && b"HTTP/1.".iter().zip(octets).all(|(a, b)| a == b);
        let code = if whole {
            EntityErrorCode::Truncated
        } else {
            wrong
        };
        return Err(code.at(window.len()));
    };
    let line = window.get(..feed).unwrap_or_default();
    let Some((b'\r', line)) = line.split_last() else {
        return Err(EntityErrorCode::LineEnd.at(feed));
    };
    if let Some(bare) = memchr::memchr(b'\r', line) {
        return Err(EntityErrorCode::LineEnd.at(bare));
    }
    let Some([minor, b' ', class, tens, ones, reason @ ..]) = line.strip_prefix(b"HTTP/1.") else {
        return Err(wrong.at(0));
    };
    let digits = [minor, tens, ones].into_iter().all(u8::is_ascii_digit);
    let phrase = match reason {
        [] => true,
        [b' ', phrase @ ..] => text(phrase) == phrase.len(),
        [..] => false,
    };
    if digits && matches!(class, b'1'..=b'5') && phrase {
        Ok(feed + 1)
    } else {
        Err(wrong.at(0))
    }
}

/// Where the content begins. Nothing is made of the headers before their limits have been seen to hold.
fn end_of_headers(octets: &[u8], head: usize, limits: &EntityLimits) -> Result<usize, EntityError> {
    let rest = octets.get(head..).unwrap_or_default();
    let window = rest
        .get(..limits.headers_length.min(rest.len()))
        .unwrap_or_default();
    let (mut line, mut lines) = (0, 0);
    for position in memchr::memchr_iter(b'\n', window) {
        // A line that holds nothing but its end; one that ends wrongly is found when it is read.
        let text = window.get(line..position).unwrap_or_default();
        if matches!(text, [] | [b'\r']) {
            return Ok(head + position + 1);
        }
        lines += 1;
        if lines > limits.headers {
            return Err(EntityErrorCode::TooManyHeaders.at(head + line));
        }
        line = position + 1;
    }
    let code = if window.len() < rest.len() {
        EntityErrorCode::HeadersTooLong
    } else {
        EntityErrorCode::Truncated
    };
    Err(code.at(head + window.len()))
}

/// Name and value of a header, and where its line begins.
type HeaderLine<'a> = (&'a str, Cow<'a, str>, usize);

/// Lines of headers up to the empty one.
struct Lines<'a> {
    octets: &'a [u8],
    /// All of the octets as text, if that is what they are: to find that out once costs less than for each piece.
    text: Option<&'a str>,
    position: usize,
}

impl<'a> Lines<'a> {
    /// A line without its end, and where it begins.
    fn next_line(&mut self) -> Result<(&'a [u8], usize), EntityError> {
        let start = self.position;
        let rest = self.octets.get(start..).unwrap_or_default();
        let feed = memchr::memchr(b'\n', rest)
            .ok_or_else(|| EntityErrorCode::Truncated.at(self.octets.len()))?;
        self.position = start + feed + 1;
        let line = rest.get(..feed).unwrap_or_default();
        match line.split_last() {
            Some((b'\r', line)) => Ok((line, start)),
            Some(_) | None => Err(EntityErrorCode::LineEnd.at(start + feed)),
        }
    }

    /// The next header.
    fn next_header(&mut self) -> Result<Option<HeaderLine<'a>>, EntityError> {
        let (line, start) = self.next_line()?;
        match line.first() {
            None => return Ok(None),
            Some(b' ' | b'\t') => return Err(EntityErrorCode::Fold.at(start)),
            Some(_) => {}
        }
        let length = run(line, is_token);
        let (Some(name), Some(b':')) = (line.get(..length), line.get(length)) else {
            return Err(EntityErrorCode::HeaderName.at(start + length));
        };
        let name = self
            .piece(start, name)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| EntityErrorCode::HeaderName.at(start))?;
        let value = line.get(length + 1..).unwrap_or_default();
        let wrong = text(value);
        if wrong < value.len() {
            let code = if value.get(wrong) == Some(&b'\r') {
                EntityErrorCode::LineEnd
            } else {
                EntityErrorCode::HeaderValue
            };
            return Err(code.at(start + length + 1 + wrong));
        }
        let behind = value.trim_ascii_start();
        let begin = start + length + 1 + (value.len() - behind.len());
        let value = behind.trim_ascii_end();
        let value = self
            .piece(begin, value)
            .map_or_else(|| decoded(value), Cow::Borrowed);
        Ok(Some((name, value, start)))
    }

    /// The text of octets that begin here, if they are text.
    fn piece(&self, begin: usize, octets: &'a [u8]) -> Option<&'a str> {
        match self.text {
            Some(text) => text.get(begin..begin + octets.len()),
            None => str::from_utf8(octets).ok(),
        }
    }
}

/// What the headers say of where the content ends.
#[derive(Clone, Copy, Default)]
struct Framing {
    length: Option<(u64, usize)>,
    coding: Option<(Coding, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Chunked,
}

impl Framing {
    fn take(&mut self, name: &str, value: &str, offset: usize) -> Result<(), EntityError> {
        if name.eq_ignore_ascii_case("Content-Length") {
            let length = decimal(value).ok_or_else(|| EntityErrorCode::ContentLength.at(offset))?;
            if self.length.is_some() {
                return Err(EntityErrorCode::Contradiction.at(offset));
            }
            self.length = Some((length, offset));
        } else if name.eq_ignore_ascii_case("Transfer-Encoding") {
            if self.coding.is_some() {
                return Err(EntityErrorCode::Contradiction.at(offset));
            }
            let coding = if value.eq_ignore_ascii_case("chunked") {
                Coding::Chunked
            } else if value.eq_ignore_ascii_case("identity") {
                Coding::Identity
            } else {
                return Err(EntityErrorCode::TransferEncoding.at(offset));
            };
            self.coding = Some((coding, offset));
        }
        Ok(())
    }

    fn check(self, there: usize) -> Result<Coding, EntityError> {
        match (self.coding, self.length) {
            (Some((Coding::Chunked, offset)), Some((_, other))) => {
                Err(EntityErrorCode::Contradiction.at(offset.max(other)))
            }
            (_, Some((length, offset)))
                if u64::try_from(there).is_ok_and(|there| length > there) =>
            {
                Err(EntityErrorCode::ContentLengthOverrun.at(offset))
            }
            (coding, _) => Ok(coding.map_or(Coding::Identity, |(coding, _)| coding)),
        }
    }
}

fn decimal(value: &str) -> Option<u64> {
    let digits = value.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

/// The content behind its chunked coding, which has to end where the entity does. Extensions of chunks are refused; trailers
/// are read as strictly as headers, and dropped.
fn dechunk(octets: &[u8], start: usize, limits: &EntityLimits) -> Result<Vec<u8>, EntityError> {
    let mut content = Vec::with_capacity(octets.len().saturating_sub(start));
    let mut lines = Lines {
        octets,
        text: None,
        position: start,
    };
    loop {
        let (digits, at) = chunk_size_line(&mut lines)?;
        let broken = EntityErrorCode::Chunk.at(at);
        let size = std::str::from_utf8(digits)
            .ok()
            .filter(|text| {
                (1..=8).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_hexdigit())
            })
            .and_then(|text| usize::from_str_radix(text, 16).ok())
            .ok_or(broken)?;
        if size == 0 {
            break;
        }
        let begin = lines.position;
        let end = begin.checked_add(size).ok_or(broken)?;
        content.extend_from_slice(octets.get(begin..end).ok_or(broken)?);
        let crlf = end.checked_add(2).and_then(|next| octets.get(end..next));
        if crlf != Some(b"\r\n") {
            return Err(EntityErrorCode::Chunk.at(end));
        }
        lines.position = end + 2;
    }
    let mut trailers = 0;
    while let Some((_, _, offset)) = lines.next_header()? {
        trailers += 1;
        if trailers > limits.headers {
            return Err(EntityErrorCode::TooManyHeaders.at(offset));
        }
    }
    if lines.position == octets.len() {
        Ok(content)
    } else {
        Err(EntityErrorCode::Chunk.at(lines.position))
    }
}

/// A line of at most eight digits, so that a long one is not searched for its end.
fn chunk_size_line<'a>(lines: &mut Lines<'a>) -> Result<(&'a [u8], usize), EntityError> {
    let start = lines.position;
    let window = start
        .checked_add(10)
        .map_or(lines.octets.len(), |end| end.min(lines.octets.len()));
    let mut line = Lines {
        octets: lines.octets.get(..window).unwrap_or_default(),
        text: None,
        position: start,
    };
    let read = line
        .next_line()
        .map_err(|_| EntityErrorCode::Chunk.at(start))?;
    lines.position = line.position;
    Ok(read)
}

/// What the headers of a push message say.
#[derive(Clone, Default)]
struct Description {
    application: Option<PushApplicationId>,
    content_type: Option<ContentType>,
    headers: Headers,
}

impl Description {
    /// The message with this content.
    fn with(self, content: Box<[u8]>, trust: InitiatorTrust) -> PushMessage {
        PushMessage {
            application: self.application,
            // Content that nobody described is octets (RFC 2046 4.5.1).
            content_type: self.content_type.unwrap_or_else(|| ContentType {
                media_type: MediaType::octet_stream(),
                parameters: Headers::new(),
            }),
            headers: self.headers,
            content,
            trust,
        }
    }
}

/// The headers of a push message, being read.
struct Builder<'a> {
    spellings: &'a mut Spellings,
    typed: bool,
    description: Description,
}

impl<'a> Builder<'a> {
    fn new(length: usize, spellings: &'a mut Spellings) -> Self {
        Self {
            spellings,
            typed: false,
            description: Description {
                headers: Headers::with_capacity(length),
                ..Description::default()
            },
        }
    }

    fn take(&mut self, name: &str, value: &str, offset: usize) -> Result<(), EntityError> {
        if name.eq_ignore_ascii_case("Content-Type") {
            if std::mem::replace(&mut self.typed, true) {
                return Err(EntityErrorCode::Contradiction.at(offset));
            }
            let (content_type, whole) = content_type(value, self.spellings);
            self.description.content_type = content_type;
            // One that is no media type, or that is broken further on, is kept as it came.
            if whole {
                return Ok(());
            }
        } else if name.eq_ignore_ascii_case("X-Wap-Application-Id") {
            if self.description.application.is_some() {
                return Err(EntityErrorCode::Contradiction.at(offset));
            }
            let application = self.spellings.application.read(value, application_id);
            let wrong = EntityErrorCode::ApplicationId.at(offset);
            self.description.application = Some(application.ok_or(wrong)?);
        }
        self.description.headers.push_text(name, value);
        Ok(())
    }
}

/// UTF-8, or else Latin-1, which is what HTTP once meant.
fn decoded(value: &[u8]) -> Cow<'_, str> {
    str::from_utf8(value).map_or_else(
        |_| Cow::Owned(value.iter().copied().map(char::from).collect()),
        Cow::Borrowed,
    )
}

/// The type with its parameters, as far as it is one, and whether it is one as a whole.
fn content_type(value: &str, spellings: &mut Spellings) -> (Option<ContentType>, bool) {
    let (media, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    let parse = |media: &str| MediaType::parse(media.trim()).ok();
    let Some(media_type) = spellings.media_type.read(media, parse) else {
        return (None, false);
    };
    let (content_type, whole) = parameters::content_type(media_type, rest);
    (Some(content_type), whole)
}

/// An absolute URI, which `;app-encoding=` and its number may follow, or that number alone: up to eight hexadecimal digits.
//= specs/ota-http.md#addressing
//# A push MUST go to the application that X-Wap-Application-Id names.
pub(crate) fn application_id(value: &str) -> Option<PushApplicationId> {
    let digits =
        (1..=8).contains(&value.len()) && value.bytes().all(|octet| octet.is_ascii_hexdigit());
    if digits {
        let number = u32::from_str_radix(value, 16).ok()?;
        return Some(PushApplicationId::from_number(number));
    }
    let uri = match value.rsplit_once(';') {
        Some((uri, encoding)) if is_app_encoding(encoding) => uri,
        Some(_) | None => value,
    };
    // Nothing but a URI has a colon; a number in another spelling is none.
    if !uri.contains(':') {
        return None;
    }
    PushApplicationId::parse(uri).ok()
}

fn is_app_encoding(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case("app-encoding")
}

#[cfg(test)]
mod tests;
