//! A push as it reached the terminal: the message, and where it came from.

use std::fmt;
use std::net::IpAddr;

use crate::{Bearer, ContentType, Headers, Protocol, PushApplicationId, TransactionId};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(pub u64);

/// A push message (WAP-251): entity headers and content, whatever protocol carried it.
#[derive(Clone, PartialEq, Eq)]
pub struct PushMessage {
    /// The addressed application; absent where the message names none.
    pub application: Option<PushApplicationId>,
    /// The media type of the content and its parameters (Push-CAI 5.3 `content-type`).
    pub content_type: ContentType,
    /// Every other header as text, in order, X-Wap-Application-Id included.
    pub headers: Headers,
    /// The content, octet for octet (Push-CAI 5.3 `content`).
    pub content: Box<[u8]>,
    /// What the Push Proxy Gateway says of the initiator.
    pub trust: InitiatorTrust,
}

impl fmt::Debug for PushMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Content and header values are personal data: their sizes are enough for a log.
        f.debug_struct("PushMessage")
            .field("application", &self.application)
            .field("content_type", &self.content_type)
            .field("headers", &self.headers.len())
            .field("content_length", &self.content.len())
            .field("trust", &self.trust)
            .finish()
    }
}

/// The gateway's statements on the initiator (Push-Flag on WSP, X-Wap-Push-Info on OTA-HTTP; WAP-235 6.2.4, 6.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InitiatorTrust {
    /// The initiator's URI was authenticated by the gateway.
    pub authenticated: bool,
    /// The content comes from a trusted source.
    pub trusted: bool,
    /// The gateway has no further push waiting.
    pub last: bool,
}

/// The Push Server as the bearer shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerAddress {
    /// An address on an IP bearer.
    Ip(IpAddr),
    /// An SMS centre in E.164, with its `+`; the originator of the short message where the bearer does not show the centre.
    E164(Box<str>),
    /// An originator of short messages that has a name instead of a number (3GPP TS 23.040 9.1.2.5). No whitelist names one.
    Alphanumeric(Box<str>),
    /// A SIP or SIPS URI that our own core asserted.
    Sip(Box<str>),
    /// The bearer shows nobody. No whitelist names it.
    Unknown,
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::E164(text) | Self::Alphanumeric(text) | Self::Sip(text) => f.write_str(text),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Where a push came from and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The Push OTA protocol.
    pub protocol: Protocol,
    /// The bearer below it.
    pub bearer: Bearer,
    /// The sender.
    pub server: ServerAddress,
    /// Names that the sender proved to be its own: the identity of a Push Proxy Gateway that authenticated itself, the name
    /// that its certificate was verified for. Empty where the protocol proves none.
    pub proved_names: Box<[Box<str>]>,
    /// The terminal's port that it came to.
    pub destination_port: Option<u16>,
    /// The sender's port.
    pub origin_port: Option<u16>,
    /// What the protocol uses to tell transmissions apart (TID, SIP Call-ID and `CSeq`, SMS reference and time stamp).
    pub transaction: TransactionId,
    /// The instance that the push addresses, where the protocol has one (OTA-SIP: the IARI).
    pub instance: Option<Box<str>>,
    /// What a short message bearer shows beside the server; absent on other bearers.
    pub short_message: Option<Box<ShortMessageOrigin>>,
    /// Whether the protocol carries an answer back to the server.
    pub answerable: bool,
}

impl Origin {
    /// The originating address of a short message, where the bearer shows one.
    pub fn originator(&self) -> Option<&str> {
        self.short_message.as_ref()?.originator.as_deref()
    }
}

/// What a short message bearer shows beside the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortMessageOrigin {
    /// The originating address: a number in E.164 with its `+`, other digits, or a name; absent where the bearer shows none.
    pub originator: Option<Box<str>>,
    /// The modem or link that it came by, as the configuration or its service names it.
    pub device: Box<str>,
}

/// A push message, its origin, and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedPush {
    /// The message.
    pub message: PushMessage,
    /// Its origin.
    pub origin: Origin,
    /// When the terminal received it.
    pub received: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MediaType;

    #[test]
    fn neither_content_nor_header_values_are_in_what_is_logged() {
        let message = PushMessage {
            application: None,
            content_type: ContentType {
                media_type: MediaType::octet_stream(),
                parameters: Headers::new(),
            },
            headers: [("X-Secret", "number")].into_iter().collect(),
            content: Box::from(*b"private"),
            trust: InitiatorTrust::default(),
        };
        let logged = format!("{message:?}");
        assert!(
            !logged.contains("private") && !logged.contains("number"),
            "{logged}"
        );
        assert!(logged.contains("content_length: 7"), "{logged}");
    }

    #[test]
    fn servers_are_written_as_the_bearer_shows_them() {
        for (server, text) in [
            (ServerAddress::Ip(IpAddr::from([192, 0, 2, 1])), "192.0.2.1"),
            (ServerAddress::E164("+4917099999".into()), "+4917099999"),
            (ServerAddress::Alphanumeric("Operator".into()), "Operator"),
            (ServerAddress::Unknown, "unknown"),
            (
                ServerAddress::Sip("sip:psa@example.net".into()),
                "sip:psa@example.net",
            ),
        ] {
            assert_eq!(server.to_string(), text);
        }
    }
}
