//! SIP messages as octets and back (RFC 3261 7), written here by hand.

use super::header;

/// The headers that have a short form (RFC 3261 20 and the documents that came later).
const COMPACT: &[(&str, &str)] = &[
    ("a", "Accept-Contact"),
    ("c", "Content-Type"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("o", "Event"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
];

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipMessage {
    /// Its first line.
    pub start: StartLine,
    /// Its headers in order, short names written out.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// The first line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartLine {
    /// Of a request.
    Request {
        /// What is asked for.
        method: String,
        /// Of whom.
        uri: String,
    },
    /// Of a response.
    Response {
        /// The status code.
        status: u16,
        /// The phrase behind it.
        reason: String,
    },
}

/// Why octets are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SipSyntax {
    /// There is no empty line.
    #[error("the headers do not end")]
    NoEnd,
    /// The head is no text.
    #[error("the head is no UTF-8")]
    NotText,
    /// The first line is that of no message.
    #[error("the first line is that of no SIP message")]
    StartLine,
    /// A header has no colon.
    #[error("a header has no colon")]
    Header,
    /// The length of the body is no number, or greater than what came.
    #[error("the length of the body is wrong")]
    Length,
    /// It is longer than allowed.
    #[error("it is too long")]
    TooLong,
}

impl SipMessage {
    /// A request without headers.
    pub fn request(method: &str, uri: &str) -> Self {
        Self::of(StartLine::Request {
            method: method.to_owned(),
            uri: uri.to_owned(),
        })
    }

    /// A response without headers.
    pub fn response(status: u16, reason: &str) -> Self {
        Self::of(StartLine::Response {
            status,
            reason: reason.to_owned(),
        })
    }

    const fn of(start: StartLine) -> Self {
        Self {
            start,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With one more header, behind the others.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with("Content-Type", content_type)
    }

    /// The answer to a request, with what every answer repeats (RFC 3261 8.2.6).
    #[must_use]
    pub fn reply(&self, status: u16, to_tag: &str) -> Self {
        let mut reply = Self::response(status, phrase(status));
        for (name, value) in &self.headers {
            let repeated = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];
            let kept = &repeated[..if (101..300).contains(&status) { 6 } else { 5 }];
            if !kept.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                continue;
            }
            let adds_tag = name.eq_ignore_ascii_case("To")
                && status != 100
                && header::Address::parse(value).param("tag").is_none();
            let value = if adds_tag {
                format!("{value};tag={to_tag}")
            } else {
                value.clone()
            };
            reply.headers.push((name.clone(), value));
        }
        reply
    }

    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The method of a request, or that of `CSeq` in a response.
    pub fn method(&self) -> &str {
        match &self.start {
            StartLine::Request { method, .. } => method,
            StartLine::Response { .. } => self.cseq().1,
        }
    }

    /// The Request-URI; empty in a response.
    pub fn uri(&self) -> &str {
        match &self.start {
            StartLine::Request { uri, .. } => uri,
            StartLine::Response { .. } => "",
        }
    }

    /// The status code; 0 in a request.
    pub const fn status(&self) -> u16 {
        match self.start {
            StartLine::Request { .. } => 0,
            StartLine::Response { status, .. } => status,
        }
    }

    /// The phrase behind it; empty in a request.
    pub fn reason(&self) -> &str {
        match &self.start {
            StartLine::Request { .. } => "",
            StartLine::Response { reason, .. } => reason,
        }
    }

    /// The first header of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header of this name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The values of all headers of this name, where each may hold several behind commas.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.all(name)
            .flat_map(|value| header::split(value, ','))
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Puts a value in the place of all headers of this name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let at = self
            .headers
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name));
        self.remove(name);
        let at = at.unwrap_or(self.headers.len()).min(self.headers.len());
        self.headers.insert(at, (name.to_owned(), value.into()));
    }

    /// Takes all headers of this name away.
    pub fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Puts a header in front of all others.
    pub fn put_first(&mut self, name: &str, value: impl Into<String>) {
        self.headers.insert(0, (name.to_owned(), value.into()));
    }

    /// The number and the method of `CSeq`; 0 and nothing where it has none.
    pub fn cseq(&self) -> (u32, &str) {
        let (number, method) = self
            .get("CSeq")
            .and_then(|value| value.split_once(char::is_whitespace))
            .unwrap_or_default();
        (number.parse().unwrap_or_default(), method.trim())
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap_or_default()
    }

    /// The address in a header such as From.
    pub fn address(&self, name: &str) -> Option<header::Address> {
        self.get(name).map(header::Address::parse)
    }

    /// The uppermost Via.
    pub fn via(&self) -> Option<header::Via> {
        let value = self.get("Via")?;
        header::Via::parse(header::split(value, ',').next()?)
    }

    /// Puts another value in the place of the uppermost Via; nothing takes it away.
    pub(super) fn change_via(&mut self, to: Option<String>) {
        let first = self
            .headers
            .iter_mut()
            .position(|(name, _)| name.eq_ignore_ascii_case("Via"));
        let Some(at) = first else { return };
        let Some((_, value)) = self.headers.get_mut(at) else {
            return;
        };
        let mut parts: Vec<_> = header::split(value, ',').map(str::to_owned).collect();
        parts.splice(..1.min(parts.len()), to);
        if parts.is_empty() {
            self.headers.remove(at);
        } else {
            *value = parts.join(", ");
        }
    }

    /// The octets. The length of the body is added where no header says one.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = match &self.start {
            StartLine::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            StartLine::Response { status, reason } => format!("SIP/2.0 {status} {reason}\r\n"),
        };
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        if self.get("Content-Length").is_none() {
            text.push_str("Content-Length: ");
            text.push_str(&self.body.len().to_string());
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        let mut octets = text.into_bytes();
        octets.extend_from_slice(&self.body);
        octets
    }

    /// Reads one datagram. What stands behind the body is left alone.
    pub fn parse(octets: &[u8]) -> Result<Self, SipSyntax> {
        let (mut message, rest) = Self::head(octets)?;
        let length = match message.get("Content-Length") {
            Some(value) => value.trim().parse().map_err(|_| SipSyntax::Length)?,
            None => rest.len(),
        };
        message.body = rest.get(..length).ok_or(SipSyntax::Length)?.to_vec();
        Ok(message)
    }

    fn head(octets: &[u8]) -> Result<(Self, &[u8]), SipSyntax> {
        let end = end_of_head(octets).ok_or(SipSyntax::NoEnd)?;
        let (head, rest) = octets.split_at(end);
        let head = std::str::from_utf8(head).map_err(|_| SipSyntax::NotText)?;
        let mut lines = head.split("\r\n");
        let start = start_line(lines.next().unwrap_or_default()).ok_or(SipSyntax::StartLine)?;
        let mut message = Self::of(start);
        for line in lines.filter(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                let (_, value) = message.headers.last_mut().ok_or(SipSyntax::Header)?;
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(SipSyntax::Header)?;
            let name = name.trim();
            let known = COMPACT
                .iter()
                .find(|(short, _)| short.eq_ignore_ascii_case(name));
            let name = known.map_or(name, |(_, long)| long);
            let header = (name.to_owned(), value.trim().to_owned());
            message.headers.push(header);
        }
        Ok((message, rest))
    }
}

/// Where the body begins.
fn end_of_head(octets: &[u8]) -> Option<usize> {
    octets
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn start_line(line: &str) -> Option<StartLine> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = status
            .parse()
            .ok()
            .filter(|status| (100..700).contains(status))?;
        let reason = reason.to_owned();
        return Some(StartLine::Response { status, reason });
    }
    let mut words = line.split(' ');
    let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
    let is_whole = words.next().is_none() && version == "SIP/2.0" && !method.is_empty();
    is_whole.then(|| StartLine::Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
    })
}

/// The usual phrase of a status code.
pub(super) const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => "Lab",
    }
}

/// Messages out of a stream, whose bodies have the length that Content-Length says.
#[derive(Debug)]
pub(super) struct StreamReader {
    buffer: Vec<u8>,
    limit: usize,
}

impl StreamReader {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            limit,
        }
    }

    pub(super) fn feed(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next whole message, if there is one. Empty lines between messages are skipped.
    pub(super) fn next(&mut self) -> Result<Option<SipMessage>, SipSyntax> {
        let blank = self
            .buffer
            .iter()
            .take_while(|octet| matches!(octet, b'\r' | b'\n'))
            .count();
        self.buffer.drain(..blank);
        let Some(end) = end_of_head(&self.buffer) else {
            return if self.buffer.len() > self.limit {
                Err(SipSyntax::TooLong)
            } else {
                Ok(None)
            };
        };
        let (mut message, _) = SipMessage::head(&self.buffer)?;
        let length: usize = match message.get("Content-Length") {
            Some(value) => value.trim().parse().map_err(|_| SipSyntax::Length)?,
            None => 0,
        };
        if end.saturating_add(length) > self.limit {
            return Err(SipSyntax::TooLong);
        }
        let Some(body) = self.buffer.get(end..end + length) else {
            return Ok(None);
        };
        message.body = body.to_vec();
        self.buffer.drain(..end + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"MESSAGE sip:alice@127.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKa;rport\r\n\
        v: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKb\r\nf: <sip:psa@lab.test>;tag=1\r\nt: <sip:alice@lab.test>\r\ni: a@b\r\n\
        CSeq: 7 MESSAGE\r\nSubject: folded\r\n over lines\r\nl: 5\r\n\r\nhello";

    #[test]
    fn a_message_is_read_with_short_names_and_folded_lines() {
        let message = SipMessage::parse(MESSAGE).unwrap();
        assert_eq!(message.method(), "MESSAGE");
        assert_eq!(message.uri(), "sip:alice@127.0.0.1");
        assert_eq!(message.get("subject"), Some("folded over lines"));
        assert_eq!(message.cseq(), (7, "MESSAGE"));
        assert_eq!(message.body, b"hello");
        let via = message.via().unwrap();
        assert_eq!((via.host.as_str(), via.port), ("127.0.0.1", Some(5090)));
        assert_eq!(via.param("branch"), Some("z9hG4bKa"));
        let reply = message.reply(200, "x").encode();
        let expected = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKa;rport\r\n\
            Via: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKb\r\nFrom: <sip:psa@lab.test>;tag=1\r\n\
            To: <sip:alice@lab.test>;tag=x\r\nCall-ID: a@b\r\nCSeq: 7 MESSAGE\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8(reply).unwrap(), expected);
    }

    #[test]
    fn the_uppermost_via_comes_and_goes() {
        let mut message =
            SipMessage::response(200, "OK").with("Via", "SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b");
        message.change_via(Some("SIP/2.0/UDP c".to_owned()));
        assert_eq!(message.get("Via"), Some("SIP/2.0/UDP c, SIP/2.0/UDP b"));
        message.change_via(None);
        message.change_via(None);
        assert_eq!(message.get("Via"), None);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let cases: [(&[u8], SipSyntax); 6] = [
            (b"MESSAGE sip:a SIP/2.0\r\n", SipSyntax::NoEnd),
            (b"MESSAGE sip:a\r\n\r\n", SipSyntax::StartLine),
            (b"SIP/2.0 20 OK\r\n\r\n", SipSyntax::StartLine),
            (b"MESSAGE sip:a SIP/2.0\r\nx\r\n\r\n", SipSyntax::Header),
            (b"MESSAGE sip:a SIP/2.0\r\nl: 9\r\n\r\nx", SipSyntax::Length),
            (b"\xff sip:a SIP/2.0\r\n\r\n", SipSyntax::NotText),
        ];
        for (octets, expected) in cases {
            assert_eq!(SipMessage::parse(octets), Err(expected));
        }
    }

    #[test]
    fn a_stream_gives_messages_however_it_is_cut() {
        let mut stream = b"\r\n\r\n".to_vec();
        stream.extend_from_slice(MESSAGE);
        stream.extend_from_slice(b"\r\n");
        stream.extend_from_slice(MESSAGE);
        for size in [1, 7, 64, stream.len()] {
            let mut reader = StreamReader::new(4096);
            let mut found = 0;
            for piece in stream.chunks(size) {
                reader.feed(piece);
                while let Some(message) = reader.next().unwrap() {
                    assert_eq!(message.body, b"hello");
                    found += 1;
                }
            }
            assert_eq!(found, 2, "pieces of {size}");
        }
        let mut reader = StreamReader::new(100);
        reader.feed(&[b'x'; 101]);
        assert_eq!(reader.next(), Err(SipSyntax::TooLong));
    }
}
