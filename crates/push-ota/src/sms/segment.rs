//! One short message as a source hands it over.

use std::fmt;

use push_message::UnixMillis;
use wap_wire::sms::{Concatenation, Ports};

/// Who sent a short message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Originator {
    /// A number: in E.164 with its `+`, or other digits.
    Number(Box<str>),
    /// A name.
    Name(Box<str>),
}

impl fmt::Debug for Originator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Numbers and names of people stay out of logs.
        f.write_str(match self {
            Self::Number(_) => "Number",
            Self::Name(_) => "Name",
        })
    }
}

/// A short message, or a segment of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment {
    /// The modem or link that it came by.
    pub device: Box<str>,
    /// The SMS centre, in E.164 with its `+` where it is known to be so.
    pub service_centre: Option<Box<str>>,
    /// Who sent it.
    pub originator: Option<Originator>,
    /// When the SMS centre took it.
    pub sent: Option<UnixMillis>,
    /// The ports; absent where the source hides them.
    pub ports: Option<Ports>,
    /// Which part of which message it is; absent where it is a whole one.
    pub concatenation: Option<Concatenation>,
    /// The user data behind its header.
    pub octets: Box<[u8]>,
    /// When the terminal received it.
    pub received: UnixMillis,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("device", &self.device)
            .field("originator", &self.originator)
            .field("sent", &self.sent)
            .field("ports", &self.ports)
            .field("concatenation", &self.concatenation)
            .field("length", &self.octets.len())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl Originator {
    /// What a source gives as text alone: a number if there is nothing but digits, `*` and `#`, which a `+` may precede.
    pub fn from_text(text: &str) -> Self {
        if is_number(text) {
            Self::Number(text.into())
        } else {
            Self::Name(text.into())
        }
    }

    /// As a person or a whitelist reads it. A name that looks like a number stands in quotes, so that it is not taken for one.
    pub fn shown(&self) -> Box<str> {
        match self {
            Self::Number(digits) => digits.clone(),
            Self::Name(name) if is_number(name.trim()) => format!("\"{name}\"").into(),
            Self::Name(name) => name.clone(),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty()
        && digits
            .bytes()
            .all(|octet| matches!(octet, b'0'..=b'9' | b'*' | b'#'))
}
