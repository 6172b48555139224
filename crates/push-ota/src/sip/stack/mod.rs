//! SIP messages, and the one place that names the library which reads them.
//!
//! The rest of [`sip`](super) sees [`Request`], [`Response`] and strings. Limits come before the parser, and each message is judged
//! here once (RFC 3261 8.2, 16.3): what passes has all that a transaction needs, and that is kept, not parsed again.

mod build;
mod check;
mod digest;
mod message;
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
pub(crate) use stream::StreamReader;
pub(crate) use values::uri_of;
pub(crate) use via::{COOKIE, TopVia};

use check::Flaw;

/// What a single empty line answers: two of them (RFC 5626 4.4.1).
pub(crate) const PONG: &[u8] = b"\r\n";

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
        sipx_sip::parse_datagram(octets.clone(), &limits.of_library())
            .map_err(|error| Flaw::of_library(&error))
    };
    match parsed {
        Ok(sipx_sip::Message::Request(request)) => {
            let (request, flaw) = check::request(request);
            match flaw {
                None => Ok(Incoming::Request(request)),
                Some(flaw) => Err(Broken::new(flaw, length, answerable(request))),
            }
        }
        Ok(sipx_sip::Message::Response(response)) => match check::response(response) {
            Ok(response) => Ok(Incoming::Response(response)),
            Err(flaw) => Err(Broken::new(flaw, length, None)),
        },
        Err(flaw) => {
            let request = salvage::request(octets, limits).and_then(answerable);
            Err(Broken::new(flaw, length, request))
        }
    }
}

/// A request whose answer finds its way; nobody answers an ACK.
fn answerable(request: Request) -> Option<Request> {
    let complete = ["Via", "From", "To", "Call-ID", "CSeq"]
        .iter()
        .all(|name| request.header(name).is_some());
    let way = request.via().is_some();
    (complete && way && *request.method() != Method::Ack).then_some(request)
}
