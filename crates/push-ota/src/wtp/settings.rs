//! Timers, counters and bounds.

use std::time::Duration;

use super::Class;

/// The timer intervals and counters of a bearer (WTP appendix A).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timers {
    /// How long a result waits for its user before its acknowledgement interval has ended once.
    pub acknowledgement_long: Duration,
    /// How long an invoke message of class 1 waits for its user before its acknowledgement interval has ended once, where
    /// the peer did not ask for the user's acknowledgement.
    pub acknowledgement_short: Duration,
    /// The same, where the peer asked for it.
    pub acknowledgement_short_user: Duration,
    /// After how long an Invoke of class 2 is sent again.
    pub retry_base: Duration,
    /// After how long an Invoke of class 1 is sent again.
    pub retry_short: Duration,
    /// The same, with user acknowledgement.
    pub retry_short_user: Duration,
    /// After how long the last packet of a group is sent again.
    pub retry_group: Duration,
    /// How long the state of a transaction that ended is kept, to know what belongs to it.
    pub wait_timeout: Duration,
    /// How long packets that are missing are waited for before they are asked for: half a round trip.
    pub negative_acknowledgement_delay: Duration,
    /// How often a PDU is sent again at most: `RCR_MAX`.
    pub max_retransmissions: u8,
    /// How often the acknowledgement interval begins anew, before the transaction is aborted: `AEC_MAX`.
    pub max_acknowledgement_expirations: u8,
}

//= specs/wtp.md#timers-and-counters
//# The intervals and counters SHOULD be those that the specification suggests for the bearer.
impl Timers {
    /// For IP bearers.
    pub const IP: Self = Self {
        acknowledgement_long: Duration::from_secs(4),
        acknowledgement_short: Duration::ZERO,
        acknowledgement_short_user: Duration::from_secs(1),
        retry_base: Duration::from_secs(5),
        retry_short: Duration::from_secs(3),
        retry_short_user: Duration::from_secs(4),
        retry_group: Duration::from_secs(3),
        wait_timeout: Duration::from_secs(40),
        negative_acknowledgement_delay: Duration::from_millis(200),
        max_retransmissions: 8,
        max_acknowledgement_expirations: 6,
    };
    /// For short messages of GSM.
    pub const SMS: Self = Self {
        acknowledgement_long: Duration::from_secs(20),
        acknowledgement_short: Duration::ZERO,
        acknowledgement_short_user: Duration::from_secs(5),
        retry_base: Duration::from_mins(1),
        retry_short: Duration::from_secs(35),
        retry_short_user: Duration::from_secs(40),
        retry_group: Duration::from_secs(45),
        wait_timeout: Duration::from_mins(5),
        negative_acknowledgement_delay: Duration::from_secs(5),
        max_retransmissions: 4,
        max_acknowledgement_expirations: 4,
    };
    /// For USSD of GSM.
    pub const USSD: Self = Self {
        acknowledgement_long: Duration::from_secs(10),
        acknowledgement_short: Duration::ZERO,
        acknowledgement_short_user: Duration::from_secs(5),
        retry_base: Duration::from_secs(20),
        retry_short: Duration::from_secs(14),
        retry_short_user: Duration::from_secs(14),
        retry_group: Duration::from_secs(10),
        wait_timeout: Duration::from_mins(1),
        negative_acknowledgement_delay: Duration::from_secs(3),
        max_retransmissions: 4,
        max_acknowledgement_expirations: 4,
    };

    /// The acknowledgement interval (A).
    pub(super) const fn acknowledgement(&self, class: Class, user: bool) -> Duration {
        match (class, user) {
            (Class::ReliableResult, _) => self.acknowledgement_long,
            (Class::Unreliable | Class::ReliableInvoke, false) => self.acknowledgement_short,
            (Class::Unreliable | Class::ReliableInvoke, true) => self.acknowledgement_short_user,
        }
    }

    /// The retry interval (R) of an Invoke.
    pub(super) const fn retry(&self, class: Class, user: bool) -> Duration {
        match (class, user) {
            (Class::ReliableResult, _) => self.retry_base,
            (Class::Unreliable | Class::ReliableInvoke, false) => self.retry_short,
            (Class::Unreliable | Class::ReliableInvoke, true) => self.retry_short_user,
        }
    }
}

/// The timers, bounds and choices of a [`Wtp`](super::Wtp).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The intervals and counters of the bearer.
    pub timers: Timers,
    /// The most octets of a datagram that is sent; an invoke message that needs more is segmented. At least 64.
    pub max_datagram: usize,
    /// The most octets of a message that is sent.
    pub max_sent_message: usize,
    /// The most octets of a message that is received, put together.
    pub max_received_message: usize,
    /// The most packets of a message that is received: 1 to 256.
    pub max_packets: usize,
    /// The most octets of all messages that are held: being put together, or waiting for a verification.
    pub max_held: usize,
    /// The most octets of those of one peer.
    pub max_held_of_peer: usize,
    /// The most transactions at a time, those included that have ended and wait for their state to be forgotten.
    pub max_transactions: usize,
    /// The most of them with one peer.
    pub max_transactions_of_peer: usize,
    /// The most peers whose last TID is remembered.
    pub max_cached_tids: usize,
    /// How long a datagram can live in the network.
    pub max_packet_lifetime: Duration,
    /// When the peer is asked whether it began a transaction of class 1.
    pub verification: Verification,
    /// How long a peer may take to answer that, and to send the next packet of a message.
    pub peer_patience: Duration,
    /// How long a result may take once the peer has confirmed the invoke message.
    pub result_patience: Duration,
    /// Invoke messages wait for the user also where the peer does not ask for its acknowledgement, so that nothing is acknowledged that is
    /// not stored.
    pub user_acknowledges_all: bool,
    /// Peers are told that results may be segmented. Those that do not do segmentation need not understand that.
    pub segmented_results: bool,
    /// PDUs to one peer that are ready at the same time go into one datagram.
    pub concatenate: bool,
}

/// When a peer is asked whether it began a transaction (WTP 7.8.2.2).
///
/// Kannel 1.4.5 sets `TIDnew` in every push of a session and answers the question at once, so each push costs one round trip more by
/// the rules, and an old datagram of a push whose transaction has ended is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verification {
    /// By the rules: where `TIDnew` is set, where the TID is not new, and where nothing is known of the peer and old datagrams may
    /// be under way.
    Rules,
    /// Each transaction.
    Always,
    /// Never: the layer below gives no datagram twice.
    Never,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timers: Timers::IP,
            max_datagram: 1400,
            max_sent_message: 16 * 1024,
            max_received_message: 128 * 1024,
            max_packets: 256,
            max_held: 1024 * 1024,
            max_held_of_peer: 256 * 1024,
            max_transactions: 256,
            max_transactions_of_peer: 64,
            max_cached_tids: 64,
            max_packet_lifetime: Duration::from_mins(1),
            verification: Verification::Rules,
            peer_patience: Duration::from_secs(40),
            result_patience: Duration::from_mins(1),
            user_acknowledges_all: true,
            segmented_results: false,
            concatenate: false,
        }
    }
}
