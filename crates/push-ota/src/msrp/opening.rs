//! The first octets of a connection that a stranger opened.

use bytes::Bytes;

use super::fields::read_to_path;
use super::reader::{Head, Kind, Piece, Reader};
use super::statuses::Status;
use super::writing;

/// The first octets of a connection, until they name their session.
#[derive(Debug)]
pub struct Opening {
    octets: Vec<u8>,
    max_length: usize,
    reader: Reader,
    head: Option<Head>,
}

/// Why a connection cannot carry a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// No MSRP.
    #[error("its first octets are no request of MSRP")]
    NoRequest,
    /// Its first request is longer than it may be before it names its session.
    #[error("its first request does not name a session in time")]
    TooLong,
    /// Its first request names no MSRP URI in To-Path.
    #[error("To-Path of its first request has what is no MSRP URI over TCP")]
    ToPath,
}

/// Why a connection is refused to its first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpeningRefusal {
    /// There is no such session.
    NoSession,
    /// The session has another connection.
    WrongConnection,
}

impl OpeningRefusal {
    /// Its number.
    pub const fn status(self) -> u16 {
        match self {
            Self::NoSession => 481,
            Self::WrongConnection => 506,
        }
    }
}

impl Opening {
    /// Nothing has come. The head of the first request may have `max_head` octets.
    pub const fn new(max_head: usize) -> Self {
        Self {
            octets: Vec::new(),
            max_length: max_head,
            reader: Reader::new(max_head),
            head: None,
        }
    }

    /// Takes octets, and gives the session id of the terminal's own URI in To-Path once the first head is there.
    ///
    /// # Errors
    ///
    /// Where the connection is to be closed.
    pub fn handle_octets(&mut self, octets: &[u8]) -> Result<Option<Box<str>>, OpeningError> {
        // What lies behind the head is for the receiver, and so is all that comes once the session is named.
        self.octets.extend_from_slice(octets);
        if self.head.is_none() {
            self.reader.push(octets);
            match self.reader.next() {
                Ok(Some(Piece::Head(head))) => self.head = Some(head),
                Ok(None) if self.octets.len() <= self.max_length => return Ok(None),
                Ok(None) => return Err(OpeningError::TooLong),
                Ok(Some(Piece::Data(_) | Piece::End(_))) | Err(_) => {
                    return Err(OpeningError::NoRequest);
                }
            }
        }
        let head = self.head.as_ref().ok_or(OpeningError::NoRequest)?;
        if matches!(head.kind, Kind::Response(_)) {
            return Err(OpeningError::NoRequest);
        }
        let own = read_to_path(head).ok_or(OpeningError::ToPath)?;
        Ok(Some(own.session().into()))
    }

    /// The answer to the first request where its session is not to be had on this connection; none where it wants no answer, or has not
    /// come.
    pub fn refusal(&self, why: OpeningRefusal) -> Option<Bytes> {
        let status = match why {
            OpeningRefusal::NoSession => Status::NoSession,
            OpeningRefusal::WrongConnection => Status::WrongConnection,
        };
        writing::Answering::of(self.head.as_ref()?).answer(status)
    }

    /// Every octet that came: the [`Receiver`](super::Receiver) reads them again.
    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = b"MSRP a1 SEND\r\nTo-Path: msrp://192.0.2.7:9/q7;tcp\r\n\
        From-Path: msrp://192.0.2.9:2856/p;tcp msrp://192.0.2.8:2856/s;tcp\r\n\r\nabc";

    #[test]
    fn the_first_request_names_the_session_wherever_it_is_split() {
        let head = FIRST.len() - 3;
        for size in 1..FIRST.len() {
            let mut opening = Opening::new(300);
            let mut named = Vec::new();
            for (index, piece) in FIRST.chunks(size).enumerate() {
                let session = opening.handle_octets(piece).unwrap();
                let whole = ((index + 1) * size).min(FIRST.len()) >= head;
                assert_eq!(session.as_deref(), whole.then_some("q7"));
                named.extend(session);
            }
            assert!(!named.is_empty());
            let refusal = opening.refusal(OpeningRefusal::NoSession).unwrap();
            assert_eq!(
                refusal,
                "MSRP a1 481 No such session\r\nTo-Path: msrp://192.0.2.9:2856/p;tcp\r\n\
                 From-Path: msrp://192.0.2.7:9/q7;tcp\r\n-------a1$\r\n"
            );
            assert_eq!(opening.into_octets(), FIRST);
        }
    }

    #[test]
    fn what_names_no_session_is_refused() {
        let long = format!("MSRP a SEND\r\nTo-Path: {}", "x".repeat(300));
        for (text, error) in [
            ("GET / HTTP/1.1\r\n", OpeningError::NoRequest),
            ("MSRP a 200 OK\r\n-------a$\r\n", OpeningError::NoRequest),
            ("MSRP a SEND\r\n-------a$\r\n", OpeningError::ToPath),
            (
                "MSRP a SEND\r\nTo-Path: sip:a@b.test\r\n-------a$\r\n",
                OpeningError::ToPath,
            ),
            (&long, OpeningError::NoRequest),
        ] {
            let mut opening = Opening::new(300);
            assert_eq!(opening.handle_octets(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn a_request_that_wants_no_answer_gets_none() {
        let mut opening = Opening::new(300);
        assert_eq!(opening.refusal(OpeningRefusal::WrongConnection), None);
        let silent = b"MSRP a SEND\r\nTo-Path: msrp://192.0.2.7:9/q7;tcp\r\nFrom-Path: msrp://192.0.2.9/p;tcp\r\nFailure-Report: no\r\n-------a$\r\n";
        assert_eq!(opening.handle_octets(silent), Ok(Some("q7".into())));
        assert_eq!(opening.refusal(OpeningRefusal::WrongConnection), None);
    }
}
