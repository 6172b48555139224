//! The check of [`Framing`](super::Framing) once more: slow, of whole octets only, and read from top to bottom as the grammar is.

use super::{FramingError, FramingFault, FramingLimits};

/// Where the octets end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Between,
    Head,
    Body,
}

/// What octets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// Where good octets end, or what is wrong with them.
    pub(crate) result: Result<End, FramingError>,
    /// Requests that have begun.
    pub(crate) requests: u64,
    /// The `Content-Length` of the last request whose head is whole.
    pub(crate) announced: Option<u64>,
}

/// Why reading stops.
enum Stop {
    End(End),
    Fault(FramingFault),
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    limits: FramingLimits,
    /// Where the head under way began.
    head: Option<usize>,
    /// Where octets end if they end here.
    part: End,
    requests: u64,
    announced: Option<u64>,
}

/// Reads all the octets of a connection.
pub(crate) fn judge(octets: &[u8], limits: FramingLimits) -> Judgement {
    let mut reader = Reader {
        octets,
        at: 0,
        limits,
        head: None,
        part: End::Between,
        requests: 0,
        announced: None,
    };
    let stop = loop {
        if let Err(stop) = reader.request() {
            break stop;
        }
    };
    let result = match stop {
        Stop::End(part) => Ok(part),
        Stop::Fault(fault) => Err(FramingError {
            fault,
            offset: reader.at as u64,
        }),
    };
    Judgement {
        result,
        requests: reader.requests,
        announced: reader.announced,
    }
}

fn refuse<T>(fault: FramingFault) -> Result<T, Stop> {
    Err(Stop::Fault(fault))
}

fn is_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

impl Reader<'_> {
    /// The next octet, which stays where it is.
    fn peek(&self) -> Result<u8, Stop> {
        let Some(&octet) = self.octets.get(self.at) else {
            return Err(Stop::End(self.part));
        };
        match self.head {
            Some(begin) if self.at - begin >= self.limits.head_length => {
                refuse(FramingFault::HeadTooLong)
            }
            _ => Ok(octet),
        }
    }

    /// Takes the next octet, which has to be this one.
    fn take(&mut self, octet: u8, otherwise: FramingFault) -> Result<(), Stop> {
        if self.peek()? != octet {
            return self.wrong(otherwise);
        }
        self.at += 1;
        Ok(())
    }

    /// The next octet cannot stand where it is, within a head.
    fn wrong<T>(&self, otherwise: FramingFault) -> Result<T, Stop> {
        match self.peek()? {
            b'\n' => refuse(FramingFault::BareLf),
            octet if octet.is_ascii_control() && octet != b'\r' && octet != b'\t' => {
                refuse(FramingFault::ControlCharacter)
            }
            _ => refuse(otherwise),
        }
    }

    fn feed(&mut self) -> Result<(), Stop> {
        if self.peek()? != b'\n' {
            return refuse(FramingFault::BareCr);
        }
        self.at += 1;
        Ok(())
    }

    fn spaces(&mut self) -> Result<(), Stop> {
        while matches!(self.peek()?, b' ' | b'\t') {
            self.at += 1;
        }
        Ok(())
    }

    fn request(&mut self) -> Result<(), Stop> {
        self.part = End::Between;
        self.head = None;
        if self.peek()? == b'\r' {
            self.at += 1;
            self.part = End::Head;
            self.feed()?;
            self.part = End::Between;
            if self.peek()? == b'\r' {
                return refuse(FramingFault::EmptyLines);
            }
        }
        self.part = End::Head;
        self.head = Some(self.at);
        self.requests += 1;
        self.announced = None;
        let old = self.request_line()?;
        let (length, chunked) = self.headers(old, false)?;
        self.head = None;
        self.part = End::Body;
        self.announced = length;
        if chunked {
            return self.chunks();
        }
        for _ in 0..length.unwrap_or(0) {
            self.peek()?;
            self.at += 1;
        }
        Ok(())
    }

    /// Whether it is one of HTTP/1.0.
    fn request_line(&mut self) -> Result<bool, Stop> {
        let begin = self.at;
        while is_name(self.peek()?) {
            self.at += 1;
        }
        if self.at == begin {
            return self.wrong(FramingFault::RequestLine);
        }
        self.take(b' ', FramingFault::RequestLine)?;
        let begin = self.at;
        while self.peek()?.is_ascii_graphic() {
            if b"\"#<>\\^`{|}".contains(&self.peek()?) {
                return refuse(FramingFault::RequestTarget);
            }
            self.at += 1;
        }
        if self.at == begin {
            return self.wrong(FramingFault::RequestLine);
        }
        self.take(b' ', FramingFault::RequestLine)?;
        if matches!(self.peek()?, b' ' | b'\r') {
            return refuse(FramingFault::RequestLine);
        }
        for octet in *b"HTTP/1." {
            self.take(octet, FramingFault::Version)?;
        }
        let old = match self.peek()? {
            b'0' => true,
            b'1' => false,
            _ => return self.wrong(FramingFault::Version),
        };
        self.at += 1;
        self.take(b'\r', FramingFault::RequestLine)?;
        self.feed()?;
        Ok(old)
    }

    /// Header lines and the empty line behind them: `Content-Length`, and whether `Transfer-Encoding` stands there.
    fn headers(&mut self, old: bool, trailers: bool) -> Result<(Option<u64>, bool), Stop> {
        let (mut lines, mut length, mut chunked, mut host) = (0, None, false, false);
        loop {
            match self.peek()? {
                b'\r' => {
                    self.at += 1;
                    self.feed()?;
                    return Ok((length, chunked));
                }
                b' ' | b'\t' if lines == 0 => return refuse(FramingFault::LeadingSpace),
                b' ' | b'\t' => return refuse(FramingFault::FoldedLine),
                b':' => return refuse(FramingFault::EmptyName),
                octet if !is_name(octet) => return self.wrong(FramingFault::HeaderName),
                _ if lines == self.limits.headers => return refuse(FramingFault::TooManyHeaders),
                _ => lines += 1,
            }
            let mut name = String::new();
            while is_name(self.peek()?) {
                name.push(char::from(self.peek()?).to_ascii_lowercase());
                self.at += 1;
            }
            match self.peek()? {
                b':' => {}
                b' ' | b'\t' => return refuse(FramingFault::SpaceBeforeColon),
                _ => return self.wrong(FramingFault::HeaderName),
            }
            match name.as_str() {
                "content-length" | "transfer-encoding" if trailers => {
                    return refuse(FramingFault::TrailerFraming);
                }
                "content-length" if chunked => return refuse(FramingFault::LengthAndEncoding),
                "content-length" if length.is_some() => {
                    return refuse(FramingFault::RepeatedLength);
                }
                "content-length" => {
                    self.at += 1;
                    length = Some(self.length()?);
                }
                "transfer-encoding" if length.is_some() => {
                    return refuse(FramingFault::LengthAndEncoding);
                }
                "transfer-encoding" if chunked => return refuse(FramingFault::Encoding),
                "transfer-encoding" if old => return refuse(FramingFault::OldEncoding),
                "transfer-encoding" => {
                    self.at += 1;
                    chunked = true;
                    self.spaces()?;
                    for octet in *b"chunked" {
                        if !self.peek()?.eq_ignore_ascii_case(&octet) {
                            return self.wrong(FramingFault::Encoding);
                        }
                        self.at += 1;
                    }
                    self.spaces()?;
                    self.take(b'\r', FramingFault::Encoding)?;
                }
                "host" if host => return refuse(FramingFault::RepeatedHost),
                _ => {
                    host |= name == "host" && !trailers;
                    self.at += 1;
                    while self.peek()? != b'\r' {
                        if self.peek()?.is_ascii_control() && self.peek()? != b'\t' {
                            return self.wrong(FramingFault::ControlCharacter);
                        }
                        self.at += 1;
                    }
                    self.at += 1;
                }
            }
            self.feed()?;
        }
    }

    fn length(&mut self) -> Result<u64, Stop> {
        self.spaces()?;
        let mut digits = String::new();
        while self.peek()?.is_ascii_digit() {
            digits.push(char::from(self.peek()?));
            if digits.parse::<u64>().is_err() {
                return refuse(FramingFault::Length);
            }
            self.at += 1;
        }
        let Ok(length) = digits.parse() else {
            return self.wrong(FramingFault::Length);
        };
        self.spaces()?;
        self.take(b'\r', FramingFault::Length)?;
        Ok(length)
    }

    fn chunks(&mut self) -> Result<(), Stop> {
        loop {
            let mut digits = String::new();
            while self.peek()?.is_ascii_hexdigit() {
                if digits.len() == 16 {
                    return refuse(FramingFault::ChunkSize);
                }
                digits.push(char::from(self.peek()?));
                self.at += 1;
            }
            match (self.peek()?, u64::from_str_radix(&digits, 16)) {
                (b'\n', _) => return refuse(FramingFault::BareLf),
                (b';', Ok(_)) => return refuse(FramingFault::ChunkExtension),
                (b'\r', Ok(0)) => {
                    self.at += 1;
                    self.feed()?;
                    self.head = Some(self.at);
                    return self.headers(false, true).map(|_| ());
                }
                (b'\r', Ok(size)) => {
                    self.at += 1;
                    self.feed()?;
                    for _ in 0..size {
                        self.peek()?;
                        self.at += 1;
                    }
                    if self.peek()? != b'\r' {
                        return refuse(FramingFault::ChunkEnd);
                    }
                    self.at += 1;
                    self.feed()?;
                }
                (_, _) => return refuse(FramingFault::ChunkSize),
            }
        }
    }
}
