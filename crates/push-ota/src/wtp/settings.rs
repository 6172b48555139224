//! Timers, counters and bounds.

use std::time::Duration;

/// The timer intervals and counters of a bearer (WTP appendix A); where two intervals stand in a pair, the second one holds for
/// transactions with user acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timers {
    /// How long an acknowledgement waits for the user before the provider sends a hold-on acknowledgement or one of its own.
    pub acknowledgement_base: Duration,
    /// How long the acknowledgement of a transaction of class 1 waits.
    pub acknowledgement_short: (Duration, Duration),
    /// How long the last acknowledgement of a transaction of class 2 waits.
    pub acknowledgement_long: Duration,
    /// After how long an Invoke of class 2 is sent again.
    pub retry_base: Duration,
    /// After how long an Invoke of class 1 is sent again, and an Ack with which a TID is verified.
    pub retry_short: (Duration, Duration),
    /// After how long a Result is sent again.
    pub retry_long: Duration,
    /// After how long the last packet of a group is sent again.
    pub retry_group: Duration,
    /// How long the state of a transaction that ended is kept, to know what belongs to it.
    pub wait_timeout: Duration,
    /// How often a PDU is sent again at most: `RCR_MAX`.
    pub max_retransmissions: u8,
    /// How often the interval for acknowledgements may run out before the transaction is aborted: `AEC_MAX`.
    pub max_acknowledgement_expirations: u8,
}

impl Timers {
    /// For IP bearers.
    pub const IP: Self = Self {
        acknowledgement_base: Duration::from_secs(2),
        acknowledgement_short: (Duration::ZERO, Duration::from_secs(1)),
        acknowledgement_long: Duration::from_secs(4),
        retry_base: Duration::from_secs(5),
        retry_short: (Duration::from_secs(3), Duration::from_secs(4)),
        retry_long: Duration::from_secs(7),
        retry_group: Duration::from_secs(3),
        wait_timeout: Duration::from_secs(40),
        max_retransmissions: 8,
        max_acknowledgement_expirations: 6,
    };
    /// For short messages of GSM.
    pub const SMS: Self = Self {
        acknowledgement_base: Duration::from_secs(10),
        acknowledgement_short: (Duration::ZERO, Duration::from_secs(5)),
        acknowledgement_long: Duration::from_secs(20),
        retry_base: Duration::from_secs(60),
        retry_short: (Duration::from_secs(35), Duration::from_secs(40)),
        retry_long: Duration::from_secs(70),
        retry_group: Duration::from_secs(45),
        wait_timeout: Duration::from_secs(300),
        max_retransmissions: 4,
        max_acknowledgement_expirations: 4,
    };
    /// For USSD of GSM.
    pub const USSD: Self = Self {
        acknowledgement_base: Duration::from_secs(10),
        acknowledgement_short: (Duration::ZERO, Duration::from_secs(5)),
        acknowledgement_long: Duration::from_secs(10),
        retry_base: Duration::from_secs(20),
        retry_short: (Duration::from_secs(14), Duration::from_secs(14)),
        retry_long: Duration::from_secs(20),
        retry_group: Duration::from_secs(10),
        wait_timeout: Duration::from_secs(60),
        max_retransmissions: 4,
        max_acknowledgement_expirations: 4,
    };
}

/// The timers, bounds and choices of a [`Wtp`](super::Wtp).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The intervals and counters of the bearer.
    pub timers: Timers,
    /// The most octets of a datagram that is sent; a message that needs more is segmented. At least 64.
    pub max_datagram: usize,
    /// The most octets of a message that is sent.
    pub max_sent_message: usize,
    /// The most octets of a message that is received, put together.
    pub max_received_message: usize,
    /// The most octets of a group of packets that is received: what the peer is told.
    pub max_received_group: usize,
    /// The most packets of a message that is received: 1 to 256.
    pub max_packets: usize,
    /// The most octets of all messages that are being put together.
    pub max_reassembly: usize,
    /// The most octets of the messages of one peer that are being put together.
    pub max_reassembly_of_peer: usize,
    /// The most transactions at a time, those that wait for their state to be forgotten included.
    pub max_transactions: usize,
    /// The most of them with one peer.
    pub max_transactions_of_peer: usize,
    /// The most peers whose last TID is known.
    pub max_cached_tids: usize,
    /// Whether a transaction of class 1 whose TID is new (TIDnew set, or out of the window, or of a peer that is not known)
    /// is verified before it is indicated.
    pub verification: Verification,
}

/// When a peer is asked whether it began a transaction (WTP 7.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verification {
    /// By the rules: where TIDnew is set, or the TID is out of the window of the peer's last one.
    Rules,
    /// Never: the layer below gives no datagram twice nor late.
    Never,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timers: Timers::IP,
            max_datagram: 1400,
            max_sent_message: 16 * 1024,
            max_received_message: 128 * 1024,
            max_received_group: 1405,
            max_packets: 256,
            max_reassembly: 1024 * 1024,
            max_reassembly_of_peer: 256 * 1024,
            max_transactions: 256,
            max_transactions_of_peer: 64,
            max_cached_tids: 64,
            verification: Verification::Rules,
        }
    }
}
