//! What a session server does and does not do.

use std::net::SocketAddr;
use std::time::Duration;

use super::wsp::Capabilities;
use crate::ppg::ContactPoint;

/// Settings of a [`SessionServer`](super::SessionServer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// Where terminals open sessions: port 9201 where they are told no other; port 0 is any.
    pub listen: SocketAddr,
    /// How long it waits before it sends again what was not answered.
    pub retry_interval: Duration,
    /// How often it sends something again before it gives up.
    pub retries: u32,
    /// How many octets of a message go into one packet; a longer one is segmented.
    pub segment_size: usize,
    /// How many packets are sent before an acknowledgement is awaited.
    pub group: usize,
    /// Whether every datagram is told as an event.
    pub trace: bool,
    /// How it behaves at first.
    pub behaviour: Behaviour,
    /// What it holds at most.
    pub bounds: SessionBounds,
}

impl SessionSettings {
    /// A well-behaved server that listens there.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            retry_interval: Duration::from_secs(3),
            retries: 8,
            segment_size: 1400,
            group: 8,
            trace: false,
            behaviour: Behaviour::default(),
            bounds: SessionBounds::default(),
        }
    }
}

/// What a session server holds at most. Beyond it the oldest is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionBounds {
    /// Sessions.
    pub sessions: usize,
    /// Transactions of terminals that are remembered, so that they are answered once.
    pub transactions: usize,
    /// Octets of a message that comes in packets.
    pub message: usize,
}

impl Default for SessionBounds {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            transactions: 10_000,
            message: 256 * 1024,
        }
    }
}

/// How a session server behaves; it can be changed while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// What a terminal that opens a session is answered.
    pub connect: Welcome,
    /// What a terminal that resumes one is answered.
    pub resume: Welcome,
    /// Which transaction identifiers it takes.
    pub tids: Tids,
    /// What it says when a terminal asks whether a transaction is really its own.
    pub verification: Verification,
    /// Whether it asks terminals that as well, at each Connect.
    pub verify: bool,
    /// Whether pushes go out before the terminal has acknowledged that the session is open.
    pub early: bool,
    /// What happens to datagrams on their way.
    pub way: Way,
}

/// An answer to a Connect or a Resume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Welcome {
    /// The session stands, with what the terminal asked for.
    #[default]
    Granted,
    /// The session stands, with these capabilities and these octets of headers.
    With {
        /// What is granted.
        capabilities: Capabilities,
        /// Headers, as octets.
        headers: Vec<u8>,
    },
    /// Somebody else is to be asked.
    Redirect {
        /// Whether from now on.
        permanent: bool,
        /// Whom.
        to: Vec<ContactPoint>,
    },
    /// A Reply with this status: 0x20 is OK, 0x43 forbidden, 0x63 not available.
    Reply(u8),
    /// The transaction is aborted with this reason.
    Abort {
        /// Whether by the user of WTP, or by WTP itself.
        by_user: bool,
        /// Why.
        reason: u8,
    },
    /// These octets, as the Result.
    Octets(Vec<u8>),
    /// Nothing at all.
    Silence,
}

/// The transaction identifiers that a server takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tids {
    /// One after another for each terminal.
    #[default]
    Counting,
    /// Always 0, declared new each time: as Kannel does.
    AlwaysZero,
}

/// What a server says when it is asked to verify a transaction identifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verification {
    /// That it is its own.
    #[default]
    Confirmed,
    /// That it is not.
    Denied,
    /// Nothing.
    Silence,
}

/// What happens to datagrams on their way. A number of 0 means that it never does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Way {
    /// Every so-manieth datagram to a terminal is lost.
    pub lose_sent: u32,
    /// Every so-manieth datagram from a terminal is lost.
    pub lose_received: u32,
    /// Every so-manieth datagram to a terminal arrives twice.
    pub repeat: u32,
    /// Every so-manieth datagram to a terminal arrives behind the next one.
    pub reorder: u32,
}

/// How one push is sent; all but the defaults is for servers that do not behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// The transaction class: 1 is a confirmed push, 0 an unconfirmed one.
    pub class: u8,
    /// The type of the PDU where it is not that of the class.
    pub pdu_type: Option<u8>,
    /// Whether the application has to acknowledge, not WTP by itself.
    pub user_acknowledgement: bool,
    /// The transaction identifier, instead of the next one.
    pub tid: Option<u16>,
    /// Whether it is declared new; by default where it is.
    pub tid_new: Option<bool>,
    /// The version of WTP.
    pub version: u8,
    /// How many octets go into one packet, instead of what the settings say.
    pub segment_size: Option<usize>,
    /// Packets that are not sent before they are asked for.
    pub missing: Vec<u8>,
    /// Whether the packets of each group go out with the last one first.
    pub backwards: bool,
    /// How often it is sent again, instead of what the settings say.
    pub retries: Option<u32>,
}

impl Manner {
    /// A push that has to be acknowledged.
    pub const fn confirmed() -> Self {
        Self {
            class: 1,
            pdu_type: None,
            user_acknowledgement: true,
            tid: None,
            tid_new: None,
            version: 0,
            segment_size: None,
            missing: Vec::new(),
            backwards: false,
            retries: None,
        }
    }

    /// A push that is not answered.
    pub fn unconfirmed() -> Self {
        Self {
            class: 0,
            user_acknowledgement: false,
            ..Self::confirmed()
        }
    }
}
