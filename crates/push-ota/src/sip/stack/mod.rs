//! SIP messages, and the one place that names the library which reads them.
//!
//! The rest of [`sip`](super) sees [`Request`], [`Response`] and strings. Limits come before the parser, and each message is judged
//! here once (RFC 3261 8.2, 16.3): what passes has all that a transaction needs, and that is kept, not parsed again.

mod build;
mod check;
mod digest;
mod headers;
mod message;
mod plain;
mod salvage;
mod stream;
#[cfg(test)]
mod tests;
mod values;
mod via;

use std::fmt;

use bytes::Bytes;

pub(crate) use build::{RequestBuilder, reply};
pub(crate) use digest::{Challenge, Credentials, challenges};
pub(crate) use message::{Request, Response};
pub(crate) use plain::is_token;
pub(crate) use stream::StreamReader;
pub(crate) use values::uri_of;
pub(crate) use via::{COOKIE, TopVia};

use check::Flaw;
use headers::{Headers, Kind};
use message::RequestLine;

/// What a single empty line answers: two of them (RFC 5626 4.4.1).
pub(crate) const PONG: &[u8] = b"\r\n";

/// What is wrong where header lines cannot be told apart.
const APART: &str = "header lines that cannot be told apart";

/// The bounds that a message has to keep before it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Octets of a message.
    pub(crate) max_message: usize,
    /// Header lines of a message.
    pub(crate) max_headers: usize,
}

impl Limits {
    const fn of_library(self) -> sipx_sip::Limits {
        sipx_sip::Limits {
            max_message_bytes: self.max_message,
            max_body_bytes: self.max_message,
            max_headers: self.max_headers,
            max_header_bytes: self.max_message,
            max_folding_lines: self.max_headers,
        }
    }
}

/// A method (RFC 3261 7.1). Compared with case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Method {
    /// REGISTER.
    Register,
    /// OPTIONS.
    Options,
    /// MESSAGE (RFC 3428).
    Message,
    /// INVITE.
    Invite,
    /// ACK.
    Ack,
    /// BYE.
    Bye,
    /// CANCEL.
    Cancel,
    /// NOTIFY (RFC 6665).
    Notify,
    /// Any other.
    Other(Box<str>),
}

impl Method {
    /// The token.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
            Self::Message => "MESSAGE",
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Notify => "NOTIFY",
            Self::Other(token) => token,
        }
    }

    fn of_token(token: &[u8]) -> Self {
        match token {
            b"REGISTER" => Self::Register,
            b"OPTIONS" => Self::Options,
            b"MESSAGE" => Self::Message,
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"NOTIFY" => Self::Notify,
            other => Self::Other(String::from_utf8_lossy(other).into()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something whole that came.
#[derive(Debug, Clone)]
pub(crate) enum Incoming {
    /// A request that is good SIP.
    Request(Request),
    /// A response that is good SIP.
    Response(Response),
    /// The second of two empty lines: a keep-alive that a [`PONG`] answers, on a connection.
    Ping,
    /// One empty line: the answer to a keep-alive, or the first half of one.
    Pong,
}

/// A message that is no good SIP.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    /// What a request like this is answered (400, 416, 505, 513).
    pub(crate) status: u16,
    /// A stable word, as in [`SipNote::Refused`](super::SipNote::Refused).
    pub(crate) word: &'static str,
    /// What is wrong, in words for people; without content.
    pub(crate) detail: String,
    /// Octets.
    pub(crate) length: usize,
    /// What can be answered: what of the request could be read.
    pub(crate) request: Option<Box<Request>>,
    /// Nobody can say where the next message begins: the connection is at its end.
    pub(crate) ends_flow: bool,
}

impl Broken {
    fn new(flaw: Flaw, length: usize, request: Option<Request>) -> Self {
        Self {
            status: flaw.status,
            word: flaw.word,
            detail: flaw.detail,
            length,
            request: request.map(Box::new),
            ends_flow: false,
        }
    }
}

//= specs/ota-sip.md#requests
//# Octets beyond Content-Length in a datagram MUST be left out, and a request whose body is shorter than that refused with 400.
/// The message in one datagram (RFC 3261 18.3); octets behind it count for nothing.
pub(crate) fn parse_datagram(octets: &Bytes, limits: &Limits) -> Result<Incoming, Broken> {
    if octets.iter().all(|octet| matches!(octet, b'\r' | b'\n')) {
        return Ok(if octets.len() < 4 {
            Incoming::Pong
        } else {
            Incoming::Ping
        });
    }
    parse(octets, limits)
}

fn parse(octets: &Bytes, limits: &Limits) -> Result<Incoming, Broken> {
    let length = octets.len();
    let parsed = if length > limits.max_message {
        Err(Flaw::too_long(length, limits.max_message))
    } else {
        message(octets, limits)
    };
    match parsed {
        Ok(Parsed::Request(request, None)) => Ok(Incoming::Request(request)),
        Ok(Parsed::Request(request, Some(flaw))) => {
            Err(Broken::new(flaw, length, answerable(request)))
        }
        Ok(Parsed::Response(Ok(response))) => Ok(Incoming::Response(response)),
        Ok(Parsed::Response(Err(flaw))) => Err(Broken::new(flaw, length, None)),
        Err(flaw) => {
            let request = salvage::request(octets, limits).and_then(answerable);
            Err(Broken::new(flaw, length, request))
        }
    }
}

/// A message that keeps the grammar of lines, judged.
enum Parsed {
    Request(Request, Option<Flaw>),
    Response(Result<Response, Flaw>),
}

/// Reads a message: one that is plain at a glance, any other by the library.
fn message(octets: &Bytes, limits: &Limits) -> Result<Parsed, Flaw> {
    let end = memchr::memmem::find(octets, b"\r\n\r\n");
    let head = octets.slice(..end.unwrap_or_default());
    let read = Headers::read(&head, limits.max_headers);
    if let Some((line, headers)) = &read
        && let Some((method, uri)) = head.get(..*line).and_then(plain::request_line)
        && let Some(body) = plain_body(headers, octets, head.len() + 4)
    {
        let line = RequestLine {
            method: Method::of_token(method),
            uri: headers::text(uri).into(),
        };
        let headers = read.map(|(_, headers)| headers).unwrap_or_default();
        let (request, flaw) = check::request(line, headers, body, None);
        return Ok(Parsed::Request(request, flaw));
    }
    let message = sipx_sip::parse_datagram(octets.clone(), &limits.of_library())
        .map_err(|error| Flaw::of_library(&error))?;
    let (_, headers) = read.ok_or_else(|| Flaw::malformed(APART))?;
    Ok(match message {
        sipx_sip::Message::Request(request) => {
            let line = RequestLine {
                method: Method::of_token(request.method.as_bytes()),
                uri: String::from_utf8_lossy(&request.uri.to_bytes()).into(),
            };
            let flaw = check::line_flaw(&request);
            let body = request.body().clone();
            let (request, flaw) = check::request(line, headers, body, flaw);
            Parsed::Request(request, flaw)
        }
        sipx_sip::Message::Response(response) => {
            Parsed::Response(check::response(response, headers))
        }
    })
}

/// The body, by one plain Content-Length at most.
fn plain_body(headers: &Headers, octets: &Bytes, begin: usize) -> Option<Bytes> {
    let is_length = |header: &headers::Header<'_>| header.kind() == Kind::ContentLength;
    let mut lengths = headers.iter().filter(is_length);
    let end = match lengths.next() {
        Some(header) => begin.checked_add(plain::length(&header.value())?)?,
        None => octets.len(),
    };
    let is_there = lengths.next().is_none() && end <= octets.len();
    is_there.then(|| octets.slice(begin..end))
}

/// A request whose answer finds its way; nobody answers an ACK.
fn answerable(request: Request) -> Option<Request> {
    let complete = ["Via", "From", "To", "Call-ID", "CSeq"]
        .iter()
        .all(|name| request.header(name).is_some());
    let way = request.via().is_some();
    (complete && way && *request.method() != Method::Ack).then_some(request)
}
