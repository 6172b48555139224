//! What happens in a centre.

use std::net::SocketAddr;

/// A reader of a centre's events.
pub type SmscEvents = crate::Events<SmscEvent>;

/// What a peer is bound as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It takes short messages (`bind_receiver`).
    Receiver,
    /// It submits short messages (`bind_transmitter`).
    Transmitter,
    /// Both (`bind_transceiver`).
    Transceiver,
}

impl Mode {
    /// Whether short messages are delivered to it.
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receiver | Self::Transceiver)
    }

    /// Whether short messages are taken from it.
    pub const fn transmits(self) -> bool {
        matches!(self, Self::Transmitter | Self::Transceiver)
    }
}

/// Something that happened in a centre. `link` numbers its connections from 1, `message` its short messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmscEvent {
    /// A peer connected; where TLS is on, it is established.
    Connected {
        /// Which connection.
        link: u64,
        /// The peer.
        peer: SocketAddr,
    },
    /// A peer connected, but TLS was not established.
    TlsFailed {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A peer is bound.
    Bound {
        /// Which connection.
        link: u64,
        /// As what.
        mode: Mode,
        /// The name that it gave.
        system_id: String,
    },
    /// A peer was not bound.
    BindRefused {
        /// Which connection.
        link: u64,
        /// The `command_status` that it was told.
        status: u32,
    },
    /// A short message is kept for delivery.
    Submitted {
        /// Which one.
        message: u64,
    },
    /// A short message was sent to a receiver.
    Sent {
        /// Which one.
        message: u64,
        /// Where.
        link: u64,
    },
    /// A receiver answered a short message.
    Answered {
        /// Which one.
        message: u64,
        /// Where.
        link: u64,
        /// The `command_status` of the answer; 0 and 0x65 end the message, any other one has it sent again.
        status: u32,
    },
    /// A peer asked whether the link is alive.
    Enquired {
        /// Which connection.
        link: u64,
    },
    /// A peer answered that the link is alive.
    Alive {
        /// Which connection.
        link: u64,
    },
    /// A peer took its leave.
    Unbound {
        /// Which connection.
        link: u64,
    },
    /// A peer rejected a PDU (`generic_nack`).
    Rejected {
        /// Which connection.
        link: u64,
        /// Its `command_status`.
        status: u32,
    },
    /// A connection has ended.
    Ended {
        /// Which connection.
        link: u64,
        /// Why.
        reason: String,
    },
}
