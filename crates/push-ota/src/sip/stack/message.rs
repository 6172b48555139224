//! Messages as the user agent sees them.

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;

use super::headers::Headers;
use super::via::TopVia;
use super::{Method, RequestBuilder};
use super::{values, via};

/// A request.
pub(crate) type Request = Message<RequestLine>;

/// A response.
pub(crate) type Response = Message<StatusLine>;

/// A message: its first line, its headers in order, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Message<L> {
    pub(super) line: L,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
    pub(super) facts: Facts,
}

/// The first line of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestLine {
    pub(super) method: Method,
    pub(super) uri: Box<str>,
}

/// The first line of a response.
#[derive(Debug, Clone)]
pub(crate) struct StatusLine {
    pub(super) status: u16,
    pub(super) reason: Bytes,
    /// The method in CSeq.
    pub(super) method: Method,
}

/// What was read of the headers when the message was judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) call_id: Box<str>,
    pub(super) cseq: u32,
    pub(super) from_tag: Option<Box<str>>,
    pub(super) to_tag: Option<Box<str>>,
    pub(super) via: Option<TopVia>,
}

impl<L> Message<L> {
    /// The value of the first header line of this name, unfolded. The name is the long one; compact forms count.
    pub(crate) fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.named(name).next().map(|header| header.text())
    }

    /// The value of each header line of this name, unfolded, in order.
    pub(crate) fn headers<'m>(&'m self, name: &'m str) -> impl Iterator<Item = Cow<'m, str>> {
        self.headers.named(name).map(|header| header.text())
    }

    /// Each value of the headers of this name: lines are taken apart at commas that stand in no quotes, brackets or comments.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        for line in self.headers(name) {
            all.extend(values::split(&line).map(str::to_owned));
        }
        all
    }

    /// How many header lines there are.
    pub(crate) fn header_count(&self) -> usize {
        self.headers.len()
    }

    /// The header lines whose name, as it is written in full, is one of those wanted, in order: name and value.
    pub(crate) fn headers_where(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (Cow<'static, str>, Cow<'_, str>)> {
        self.headers.iter().filter_map(move |header| {
            let name = header.full_name_where(&wanted)?;
            Some((name, header.text()))
        })
    }

    /// The body.
    pub(crate) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Call-ID.
    pub(crate) const fn call_id(&self) -> &str {
        &self.facts.call_id
    }

    /// The number in CSeq.
    pub(crate) const fn cseq(&self) -> u32 {
        self.facts.cseq
    }

    /// The tag in From.
    #[expect(
        clippy::wrong_self_convention,
        reason = "From is the name of the header"
    )]
    pub(crate) fn from_tag(&self) -> Option<&str> {
        self.facts.from_tag.as_deref()
    }

    /// The tag in To.
    pub(crate) fn to_tag(&self) -> Option<&str> {
        self.facts.to_tag.as_deref()
    }

    /// The topmost Via.
    pub(crate) const fn via(&self) -> Option<&TopVia> {
        self.facts.via.as_ref()
    }

    pub(super) fn write_rest(&self, out: &mut Vec<u8>) {
        self.headers.write_to(out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
    }

    /// Room for the octets of all but the first line, so that they are written without moving them.
    fn room(&self) -> usize {
        self.headers.room() + self.body.len() + 2
    }
}

impl Request {
    /// Begins a request to this URI; absent where it is none.
    #[expect(
        clippy::new_ret_no_self,
        reason = "what it gives becomes a request once its headers are there"
    )]
    pub(crate) fn new(method: Method, uri: &str) -> Result<RequestBuilder, NotAUri> {
        RequestBuilder::new(method, uri)
    }

    /// The method.
    pub(crate) const fn method(&self) -> &Method {
        &self.line.method
    }

    /// The Request-URI.
    pub(crate) const fn uri(&self) -> &str {
        &self.line.uri
    }

    /// Writes into the topmost Via from where the request came, where it does not say so itself (RFC 3261 18.2.1, RFC 3581 4).
    pub(crate) fn note_source(&mut self, source: SocketAddr) {
        if let Some(top) = &self.facts.via {
            via::note_source(&mut self.headers, top, source);
        }
    }

    /// The octets of the message.
    pub(crate) fn to_bytes(&self) -> Bytes {
        self.to_bytes_with_via(None)
    }

    /// The octets of the message, with a Via on top of the others.
    pub(crate) fn to_bytes_with_via(&self, via: Option<&str>) -> Bytes {
        let method = self.line.method.as_str();
        let line = [method, " ", &self.line.uri, " SIP/2.0\r\n"];
        let via = via.map(|via| ["Via: ", via, "\r\n"]);
        let first = || line.iter().chain(via.iter().flatten());
        let octets: usize = first().map(|part| part.len()).sum();
        let mut out = Vec::with_capacity(octets + self.room());
        for part in first() {
            out.extend_from_slice(part.as_bytes());
        }
        self.write_rest(&mut out);
        out.into()
    }
}

/// A string that should be a URI, and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{uri:?} is no URI: {reason}")]
pub(crate) struct NotAUri {
    /// The string.
    pub(crate) uri: String,
    /// Why.
    pub(crate) reason: String,
}

impl Response {
    /// The status code, from 100 to 699.
    pub(crate) const fn status(&self) -> u16 {
        self.line.status
    }

    /// The phrase.
    pub(crate) fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.line.reason)
    }

    /// The method of the request that it answers.
    pub(crate) const fn method(&self) -> &Method {
        &self.line.method
    }

    /// The octets of the message.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let status = self.line.status.to_string();
        let line = [
            b"SIP/2.0 ",
            status.as_bytes(),
            b" ",
            &self.line.reason,
            b"\r\n",
        ];
        let octets: usize = line.iter().map(|part| part.len()).sum();
        let mut out = Vec::with_capacity(octets + self.room());
        for part in line {
            out.extend_from_slice(part);
        }
        self.write_rest(&mut out);
        out.into()
    }
}
