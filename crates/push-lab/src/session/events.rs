//! What happens in a session server.

use std::net::SocketAddr;

use super::wsp::Greeting;
use crate::events;

/// Something that happened in a session server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A session initiation request was sent.
    Invited {
        /// Where to.
        terminal: SocketAddr,
        /// How long the datagram was.
        octets: usize,
    },
    /// A terminal wants a session.
    Asked {
        /// Who.
        peer: SocketAddr,
        /// What it says of itself.
        greeting: Greeting,
    },
    /// It got another answer than a session.
    Refused {
        /// Who.
        peer: SocketAddr,
        /// Which answer.
        answer: &'static str,
    },
    /// The terminal has acknowledged that its session stands.
    Connected {
        /// The session.
        session: u32,
        /// Whose it is.
        peer: SocketAddr,
    },
    /// The session is suspended.
    Suspended {
        /// The session.
        session: u32,
    },
    /// The terminal has resumed it.
    Resumed {
        /// The session.
        session: u32,
        /// From where.
        peer: SocketAddr,
        /// What it says of itself.
        greeting: Greeting,
    },
    /// The session has ended.
    Ended {
        /// The session.
        session: u32,
        /// Why.
        reason: Ending,
    },
    /// A push has reached its end, whatever that is.
    Pushed {
        /// The session.
        session: u32,
        /// The transaction identifier.
        tid: u16,
        /// How it ended.
        outcome: Outcome,
    },
    /// Something was sent again for want of an answer.
    Again {
        /// To whom.
        peer: SocketAddr,
        /// The transaction identifier.
        tid: u16,
    },
    /// The terminal asked whether a transaction is the server's own.
    Verified {
        /// Who.
        peer: SocketAddr,
        /// The transaction identifier.
        tid: u16,
    },
    /// What a terminal sent makes no sense here.
    Ignored {
        /// Who.
        peer: SocketAddr,
        /// What it is.
        what: &'static str,
    },
    /// A datagram was sent (told with `trace`).
    Sent {
        /// To whom.
        peer: SocketAddr,
        /// Its octets.
        octets: Vec<u8>,
        /// Whether it was lost on purpose.
        lost: bool,
    },
    /// A datagram has arrived (told with `trace`).
    Received {
        /// From whom.
        peer: SocketAddr,
        /// Its octets.
        octets: Vec<u8>,
        /// Whether it was lost on purpose.
        lost: bool,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The terminal ended it.
    ByTerminal,
    /// The server ended it.
    ByServer,
    /// The terminal opened another one from the same address and port.
    Replaced,
    /// The terminal never acknowledged that it stands.
    NotAcknowledged,
    /// The terminal aborted the transaction that opened it.
    Aborted,
    /// Too many others were opened after it.
    Forgotten,
}

/// How a push in a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The terminal has acknowledged it.
    Acknowledged,
    /// It was sent, and needs no answer.
    Sent,
    /// The terminal refuses it.
    Aborted {
        /// Whether the user of WTP did so, or WTP itself.
        by_user: bool,
        /// Why: see [`reason`].
        reason: u8,
    },
    /// It was sent again and again, and never answered.
    NoAnswer,
    /// It was not sent: there is no such session, or the terminal has not acknowledged it in time.
    NoSession,
    /// It was not sent: it has a text that cannot be written, or too many packets.
    NotWritten,
}

/// The word for a reason of an abort (WSP table 35, WTP table 19); its number where it has none.
pub fn reason(by_user: bool, code: u8) -> String {
    let user = [
        "PROTOERR",
        "DISCONNECT",
        "SUSPEND",
        "RESUME",
        "CONGESTION",
        "CONNECTERR",
        "MRUEXCEEDED",
        "MOREXCEEDED",
        "PEERREQ",
        "NETERR",
        "USERREQ",
        "USERRFS",
        "USERPND",
        "USERDCR",
        "USERDCU",
    ];
    let provider = [
        "UNKNOWN",
        "PROTOERR",
        "INVALIDTID",
        "NOTIMPLEMENTEDCL2",
        "NOTIMPLEMENTEDSAR",
        "NOTIMPLEMENTEDUACK",
        "WTPVERSIONONE",
        "CAPTEMPEXCEEDED",
        "NORESPONSE",
        "MESSAGETOOLARGE",
        "NOTIMPLEMENTEDESAR",
    ];
    let known = if by_user {
        code.checked_sub(0xe0)
            .and_then(|index| user.get(usize::from(index)))
    } else {
        provider.get(usize::from(code))
    };
    known.map_or_else(|| format!("{code:#04x}"), |word| (*word).to_owned())
}

/// A reader of a session server's events, which begins with the first one.
pub type SessionEvents = events::Events<SessionEvent>;
/// Where they are written.
pub(super) type SessionLog = events::Log<SessionEvent>;

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn reasons_have_words() {
        assert_eq!(reason(true, 0xec), "USERPND");
        assert_eq!(reason(true, 0xe0), "PROTOERR");
        assert_eq!(reason(false, 2), "INVALIDTID");
        assert_eq!(reason(true, 0x10), "0x10");
        assert_eq!(reason(false, 0x0b), "0x0b");
    }
}
