//! The Wireless Transaction Protocol (WTP) as a push terminal needs it (WAP-224).

mod settings;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use wap_wire::wsp::AbortReason as UserAbortReason;
use wap_wire::wtp::ProviderAbortReason;

pub use settings::{Settings, Timers, Verification};

/// Names a transaction, from the request or the indication that began it until it ended. Never used twice by one [`Wtp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionHandle(pub u64);

/// What a transaction consists of (WTP 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Class 0: an invoke message that nobody acknowledges.
    Unreliable,
    /// Class 1: an invoke message that is acknowledged.
    ReliableInvoke,
    /// Class 2: an invoke message that is answered by a result.
    ReliableResult,
}

/// Why a transaction was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AbortReason {
    /// By the WTP provider of one of the sides.
    Provider(ProviderAbortReason),
    /// By the user of one of the sides: WSP's reasons.
    User(UserAbortReason),
}

/// Who aborted a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AbortedBy {
    /// The peer sent an abort.
    Peer,
    /// This side's provider gave up.
    Here,
}

/// Why a transaction could not be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// As many transactions are under way as the settings allow.
    #[error("{0} transactions are under way, which is as many as the settings allow")]
    TooManyTransactions(usize),
    /// The message has more octets than the settings allow to send.
    #[error("the message has {0} octets, which is more than the settings allow")]
    TooLarge(usize),
    /// A push terminal begins no transactions of class 1.
    #[error("a push terminal begins transactions of class 0 and 2 alone")]
    Class,
}

/// What to do, and what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this datagram.
    Transmit {
        /// To whom.
        peer: SocketAddr,
        /// What.
        octets: Box<[u8]>,
    },
    /// TR-Invoke.ind: a peer began a transaction. One of class 0 is over; one of class 1 waits for [`Wtp::respond`] or
    /// [`Wtp::abort`] where its peer asked for the user's acknowledgement. Without that the transaction acknowledges
    /// at the latest when its interval for acknowledgements ends, unless one of the two came before.
    Invoked {
        /// The transaction.
        handle: TransactionHandle,
        /// Who began it.
        peer: SocketAddr,
        /// [`Class::Unreliable`] or [`Class::ReliableInvoke`].
        class: Class,
        /// The peer wants the user to acknowledge.
        user_acknowledgement: bool,
        /// The message.
        data: Box<[u8]>,
    },
    /// TR-Invoke.cnf: the peer has the message of a transaction of class 2; its result is still to come.
    InvokeConfirmed {
        /// The transaction.
        handle: TransactionHandle,
    },
    /// TR-Result.ind: the result. Where the transaction was begun with user acknowledgement it waits for
    /// [`Wtp::respond`] or [`Wtp::abort`]; without, it acknowledges by itself.
    ResultIndicated {
        /// The transaction.
        handle: TransactionHandle,
        /// The message.
        data: Box<[u8]>,
    },
    /// TR-Abort.ind: the transaction is over.
    Aborted {
        /// The transaction.
        handle: TransactionHandle,
        /// Why.
        reason: AbortReason,
        /// By whom.
        by: AbortedBy,
    },
}

/// All transactions over one local socket.
#[derive(Debug)]
pub struct Wtp {
    settings: Settings,
    next_tid: u16,
    outputs: VecDeque<Output>,
}

impl Wtp {
    /// No transactions. The first one that is begun here has the TID `first_tid`, modulo 2^15: chance, so that a terminal which
    /// starts again is not taken for its former self.
    pub fn new(settings: Settings, first_tid: u16) -> Self {
        Self {
            settings,
            next_tid: first_tid & 0x7FFF,
            outputs: VecDeque::new(),
        }
    }

    /// TR-Invoke.req: begins a transaction of class 0 or 2.
    ///
    /// # Errors
    /// Where a bound of the settings is reached, or the class is [`Class::ReliableInvoke`].
    pub fn invoke(
        &mut self,
        peer: SocketAddr,
        class: Class,
        user_acknowledgement: bool,
        data: Box<[u8]>,
        now: Duration,
    ) -> Result<TransactionHandle, InvokeError> {
        let _ = (
            peer,
            user_acknowledgement,
            now,
            &self.settings,
            self.next_tid,
        );
        match class {
            Class::ReliableInvoke => Err(InvokeError::Class),
            Class::Unreliable | Class::ReliableResult => Err(InvokeError::TooLarge(data.len())),
        }
    }

    /// TR-Invoke.res or TR-Result.res: the user has the message that was indicated. Without effect on a transaction that is over, or waits for
    /// no response.
    pub fn respond(&mut self, handle: TransactionHandle, now: Duration) {
        let _ = (handle, now);
    }

    /// TR-Abort.req by the user. Without effect on a transaction that is over.
    pub fn abort(&mut self, handle: TransactionHandle, reason: UserAbortReason, now: Duration) {
        let _ = (handle, reason, now);
    }

    /// Takes a datagram.
    pub fn handle_datagram(&mut self, peer: SocketAddr, octets: &[u8], now: Duration) {
        let _ = (peer, octets, now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        let _ = now;
    }

    /// The next thing to do, or that happened.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }
}
