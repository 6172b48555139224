//! What a request is answered (RFC 4975 10).

use crate::sip::PushOutcome;

/// What a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Done.
    Ok,
    /// Against the grammar, or contradictory.
    BadRequest,
    /// Not allowed.
    Forbidden,
    /// The terminal wants no more of the message.
    StopSending,
    /// Of a type that the terminal does not take.
    UnsupportedMediaType,
    /// No such session.
    NoSession,
    /// No such method.
    NotImplemented,
    /// The session is on another connection.
    WrongConnection,
}

impl Status {
    /// Its number and phrase.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad request",
            Self::Forbidden => "403 Not allowed",
            Self::StopSending => "413 Stop sending this message",
            Self::UnsupportedMediaType => "415 Media type not taken",
            Self::NoSession => "481 No such session",
            Self::NotImplemented => "501 Unknown method",
            Self::WrongConnection => "506 Session is on another connection",
        }
    }
}

impl From<PushOutcome> for Status {
    /// The last request of a message is answered with this.
    ///
    /// - What is accepted, be it for the second time: 200.
    /// - What no application takes for its type: 415.
    /// - What the terminal may not take (unlisted server) or takes for nobody (no application, or several): 403, the action is not
    ///   allowed. It makes no sense to send it again.
    /// - What there is no room for, now or for a while: 413, the terminal wants no more of it. MSRP has no word for "later"; 408 is what
    ///   relays say of time-outs, and endpoints never do.
    fn from(outcome: PushOutcome) -> Self {
        match outcome {
            PushOutcome::Delivered | PushOutcome::Stored | PushOutcome::Duplicate => Self::Ok,
            PushOutcome::ContentType => Self::UnsupportedMediaType,
            PushOutcome::NoSuchApplication
            | PushOutcome::Ambiguous
            | PushOutcome::ServerNotListed => Self::Forbidden,
            PushOutcome::NoRoom | PushOutcome::NotYet => Self::StopSending,
        }
    }
}
