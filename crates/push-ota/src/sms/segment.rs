//! One short message as a source hands it over.

use std::fmt;

use push_message::UnixMillis;
use wap_wire::DecodeError;
use wap_wire::sms::{Address, Alphabet, Concatenation, Deliver, Ports, UserDataHeader};

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

/// Why a short message is no segment of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASegment {
    /// The octets are no SMS-DELIVER.
    #[error("the octets are no SMS-DELIVER of 3GPP TS 23.040: {0}")]
    Malformed(DecodeError),
    /// The user data header is broken, so that nothing of it counts.
    #[error("the user data header is broken, so that there are no ports: {0}")]
    BrokenHeader(DecodeError),
    /// The user data is text.
    #[error("the message is text; a push comes as 8 bit data")]
    Text,
    /// There are no ports.
    #[error("the message names no ports; a push comes to one")]
    NoPorts,
}

impl NotASegment {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::BrokenHeader(_) => "brokenHeader",
            Self::Text => "text",
            Self::NoPorts => "noPorts",
        }
    }

    /// Whether the message is nobody's business who takes pushes: one between people, or to another program.
    pub const fn is_another_kind(self) -> bool {
        match self {
            Self::Malformed(_) | Self::BrokenHeader(_) => false,
            Self::Text | Self::NoPorts => true,
        }
    }
}

impl Segment {
    /// The segment in an SMS-DELIVER, with the SMS centre in front or without.
    //= specs/wdp.md#datagrams
    //# On a bearer that does not carry IP, datagrams MUST be taken as WDP lays down for that bearer.
    pub fn from_tpdu(
        device: &str,
        octets: &[u8],
        received: UnixMillis,
    ) -> Result<Self, NotASegment> {
        let message = Deliver::decode(octets).map_err(NotASegment::Malformed)?;
        let data = message.user_data;
        if data.data_coding.alphabet() != Alphabet::Octets || data.data_coding.is_compressed() {
            return Err(NotASegment::Text);
        }
        let header = data.header().transpose();
        let header = header.map_err(NotASegment::BrokenHeader)?;
        let ports = header.and_then(|header| header.ports());
        let seconds = message.time_stamp.unix_seconds();
        Ok(Self {
            device: device.into(),
            service_centre: message.service_centre.map(|address| shown(&address)),
            originator: originator(&message.originating_address),
            sent: seconds.map(|seconds| UnixMillis(seconds.saturating_mul(1_000))),
            ports: Some(ports.ok_or(NotASegment::NoPorts)?),
            concatenation: header.and_then(|header| header.concatenation()),
            octets: data.body().into(),
            received,
        })
    }

    /// The segment whose octets begin with a user data header: what the header says is taken from it, and it is cut off.
    pub fn take_header(mut self) -> Result<Self, NotASegment> {
        let (header, length) =
            UserDataHeader::decode(&self.octets).map_err(NotASegment::BrokenHeader)?;
        let ports = header.ports().ok_or(NotASegment::NoPorts)?;
        let concatenation = header.concatenation();
        self.octets = self.octets.get(length..).unwrap_or_default().into();
        Ok(Self {
            ports: Some(ports),
            concatenation,
            ..self
        })
    }
}

fn originator(address: &Address<'_>) -> Option<Originator> {
    if address.is_empty() {
        return None;
    }
    let text = shown(address);
    Some(if address.is_alphanumeric() {
        Originator::Name(text)
    } else {
        Originator::Number(text)
    })
}

fn shown(address: &Address<'_>) -> Box<str> {
    address.to_string().into()
}
