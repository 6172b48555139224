//! Why a session initiation request, or a contact point in it, is not followed.

use wap_wire::DecodeError;

use crate::http::PushStatus;

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// The content is of another type.
    #[error("what came is no session initiation request, whose type is application/vnd.wap.sia")]
    ContentType,
    /// It comes neither from a gateway nor from anybody listed.
    #[error(
        "it comes from nobody who may ask; provision the gateway with its addresses, or list the source"
    )]
    Source,
    /// Another one was followed, and what it asked for is not open yet; and this one's sender is told, or too many wait.
    #[error(
        "another one was followed just before, and the connections it asked for are not open; ask again once they are"
    )]
    Locked,
    /// More octets than the limit.
    #[error("it has {length} octets; at most {most} are taken")]
    TooLong {
        /// Octets that came.
        length: usize,
        /// Octets taken at most.
        most: usize,
    },
    /// The octets cannot be decoded.
    #[error("it cannot be decoded: {0}")]
    Malformed(DecodeError),
    /// There is no contact point.
    #[error("it names no contact point")]
    NoContactPoint,
    /// There are contact points for sessions of OTA-WSP alone.
    #[error("it names contact points for sessions of OTA-WSP alone, which are switched off")]
    OtaWspOnly,
    /// There are contact points for OTA-HTTP alone, which is off.
    #[error("it names contact points for OTA-HTTP alone, which is switched off")]
    OtaHttpOnly,
    /// A contact point for a session over WTLS.
    #[error(
        "a contact point is at a port of WTLS, which this terminal does not speak; the port for sessions without it is 9201"
    )]
    Secure,
    /// No gateway is in the context that the ProvURL names.
    #[error("its ProvURL is that of no gateway; give the gateway the prov_url of its context")]
    UnknownContext,
    /// A contact point is for a protocol that is not known.
    #[error("a contact point is for protocol {0}, which is not known here")]
    Protocol(u32),
    /// A contact point has no address that can be dialled.
    #[error("a contact point has no IP address and port that can be dialled")]
    Address,
    /// A contact point is no gateway's.
    #[error("a contact point is that of no gateway that is provisioned; list its address there")]
    UnknownContact,
    /// A contact point is that of a gateway that is never to be dialled.
    #[error("a contact point is that of a gateway that is never dialled")]
    NeverDialled,
    /// There are more contact points than are followed.
    #[error("there are more contact points than are followed")]
    TooMany,
}

impl Ignored {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContentType => "contentType",
            Self::Source => "source",
            Self::Locked => "locked",
            Self::TooLong { .. } => "tooLong",
            Self::Malformed(_) => "malformed",
            Self::NoContactPoint => "noContactPoint",
            Self::OtaWspOnly => "otaWspOnly",
            Self::OtaHttpOnly => "otaHttpOnly",
            Self::Secure => "secure",
            Self::UnknownContext => "unknownContext",
            Self::Protocol(_) => "protocol",
            Self::Address => "address",
            Self::UnknownContact => "unknownContact",
            Self::NeverDialled => "neverDialled",
            Self::TooMany => "tooMany",
        }
    }

    /// How a request that came by OTA-HTTP is refused for this.
    pub const fn push_status(self) -> PushStatus {
        match self {
            Self::ContentType => PushStatus::ContentType,
            Self::Locked => PushStatus::RequestRefused,
            Self::Source
            | Self::TooLong { .. }
            | Self::Malformed(_)
            | Self::NoContactPoint
            | Self::OtaWspOnly
            | Self::OtaHttpOnly
            | Self::Secure
            | Self::UnknownContext
            | Self::Protocol(_)
            | Self::Address
            | Self::UnknownContact
            | Self::NeverDialled
            | Self::TooMany => PushStatus::Refused,
        }
    }
}
