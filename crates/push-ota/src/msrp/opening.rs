//! The first octets of a connection that a stranger opened.

use bytes::Bytes;

/// The first octets of a connection, until they name their session.
#[derive(Debug)]
pub struct Opening {
    octets: Vec<u8>,
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

impl Opening {
    /// Nothing has come.
    pub const fn new() -> Self {
        Self { octets: Vec::new() }
    }

    /// Takes octets, and gives the session id of the terminal's own URI in To-Path once that is there.
    ///
    /// # Errors
    ///
    /// Where the connection is to be closed.
    pub fn handle_octets(&mut self, octets: &[u8]) -> Result<Option<Box<str>>, OpeningError> {
        self.octets.extend_from_slice(octets);
        Ok(None)
    }

    /// The answer to the first request where its session is not to be had on this connection: `481` where there is no such session,
    /// `506` where it has another connection.
    pub fn refusal(&self, status: u16) -> Bytes {
        let _ = status;
        Bytes::new()
    }

    /// Every octet that came: the [`Receiver`](super::Receiver) reads them again.
    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }
}

impl Default for Opening {
    fn default() -> Self {
        Self::new()
    }
}
