//! Messages of ours.

use bytes::Bytes;
use sipx_sip::Uri;

use super::Method;
use super::check;
use super::headers::{Kind, Writing};
use super::message::{Facts, NotAUri, Request, RequestLine, Response, StatusLine};

/// Octets that the headers of most answers have room in, and their lines.
const ROOM: usize = 512;
const LINES: usize = 10;

/// A request that is being made: none of ours has a body. Content-Length is written last; Via is the transaction's.
#[derive(Debug, Clone)]
pub(crate) struct RequestBuilder {
    line: RequestLine,
    headers: Writing,
}

impl RequestBuilder {
    pub(super) fn new(method: Method, uri: &str) -> Result<Self, NotAUri> {
        Uri::parse(Bytes::copy_from_slice(uri.as_bytes())).map_err(|error| NotAUri {
            uri: uri.to_owned(),
            reason: error.to_string(),
        })?;
        let line = RequestLine {
            method,
            uri: uri.into(),
        };
        Ok(Self {
            line,
            headers: Writing::default(),
        })
    }

    /// Adds a header line. What would end the line is written as a space.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        push(&mut self.headers, name, value);
        self
    }

    /// Adds CSeq, with the method of the request.
    pub(crate) fn cseq(self, number: u32) -> Self {
        let value = format!("{number} {}", self.line.method);
        self.header("CSeq", &value)
    }

    /// The request.
    pub(crate) fn build(mut self) -> Request {
        let body = Bytes::new();
        push_length(&mut self.headers, &body);
        let headers = self.headers.finish();
        let (facts, _) = check::facts(&headers);
        Request {
            line: self.line,
            headers,
            body,
            facts,
        }
    }
}

/// A response that is being made.
#[derive(Debug, Clone)]
pub(crate) struct ResponseBuilder {
    line: StatusLine,
    headers: Writing,
    body: Bytes,
    facts: Facts,
}

//= specs/ota-sip.md#requests
//# A response MUST repeat Via, From, Call-ID and CSeq of its request, and have a To tag.
/// Begins the response to a request (RFC 3261 8.2.6): Via, From, To, Call-ID and CSeq are the request's. The tag goes into To where
/// the request has none.
pub(crate) fn reply(request: &Request, status: u16, to_tag: Option<&str>) -> ResponseBuilder {
    let mut headers = Writing::with_room(ROOM, LINES);
    for header in request.headers.iter() {
        match (header.kind(), request.to_tag(), to_tag) {
            (Kind::To, None, Some(tag)) => {
                headers.push(b"To", &[&header.value(), b";tag=", tag.as_bytes()]);
            }
            (Kind::To | Kind::Via | Kind::From | Kind::CallId | Kind::CSeq, ..) => {
                headers.copy(&header);
            }
            (Kind::Timestamp, ..) if status == 100 => headers.copy(&header),
            (
                Kind::MaxForwards
                | Kind::ContentType
                | Kind::ContentLength
                | Kind::ContentEncoding
                | Kind::Timestamp
                | Kind::AcceptContact
                | Kind::AssertedIdentity
                | Kind::Require
                | Kind::ProxyRequire
                | Kind::Other,
                ..,
            ) => {}
        }
    }
    // Of a response of ours nobody asks for the rest.
    let facts = Facts {
        cseq: request.cseq(),
        to_tag: request.to_tag().or(to_tag).map(Into::into),
        ..Facts::default()
    };
    ResponseBuilder {
        line: StatusLine {
            status: status.clamp(100, 699),
            reason: Bytes::from_static(phrase(status).as_bytes()),
            method: request.method().clone(),
        },
        headers,
        body: Bytes::new(),
        facts,
    }
}

impl ResponseBuilder {
    /// Adds a header line. What would end the line is written as a space.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        push(&mut self.headers, name, value);
        self
    }

    /// Gives the response a body.
    pub(crate) fn body(mut self, content_type: &str, body: Bytes) -> Self {
        push(&mut self.headers, "Content-Type", content_type);
        self.body = body;
        self
    }

    /// The response.
    pub(crate) fn build(mut self) -> Response {
        push_length(&mut self.headers, &self.body);
        Response {
            line: self.line,
            headers: self.headers.finish(),
            body: self.body,
            facts: self.facts,
        }
    }
}

/// A name that is no token is a mistake of ours, and leaves the line out.
fn push(headers: &mut Writing, name: &str, value: &str) {
    headers.push(name.as_bytes(), &[value.as_bytes()]);
}

fn push_length(headers: &mut Writing, body: &Bytes) {
    push(headers, "Content-Length", &body.len().to_string());
}

/// The phrase of a status code.
const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 | 606 => "Not Acceptable",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        603 => "Decline",
        _ => "Unspecified",
    }
}
