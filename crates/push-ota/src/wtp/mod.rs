//! The Wireless Transaction Protocol (WTP) as a push terminal needs it (WAP-224, with its correction note 002).
//!
//! A [`Wtp`] holds all transactions over one local socket: as initiator those of class 0, 1 and 2 (a session is opened by class 2, and
//! suspended or ended by class 0), as responder those of class 0 and 1 (pushes). Transactions of class 2 that a peer begins are
//! refused. Messages are reassembled, and segmented where they exceed the datagram; extended segmentation is not offered.
//!
//! # What is new and what is not
//!
//! The identifier of a transaction (TID) tells new transactions from old ones, and a TID that does not is verified. Gateways exist that
//! use TID 0 for every push, with `TIDnew` set. So where a message meets a transaction of the same peer and TID that has ended and
//! is not forgotten, its octets decide, and the retransmission indicator (RID):
//!
//! | octets | RID | it is |
//! | --- | --- | --- |
//! | others | any | a new transaction |
//! | the same | 1 | the old one again, whose acknowledgement was lost: it is acknowledged again |
//! | the same | 0, `TIDnew` set | a new one, if the peer confirms the TID: a mere duplicate of the network is denied by it |
//! | the same | 0 | a duplicate of the network: ignored |
//!
//! Against a gateway that does not count its TIDs, one case stays open: where the acknowledgement is lost and the network doubles the first
//! datagram as well, the message is indicated twice. To ignore it would lose equal pushes that follow each other.

mod actions;
mod initiator;
mod packets;
mod pdus;
mod receive;
mod responder;
mod send;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod tid;
mod transaction;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use wap_wire::wsp::AbortReason as UserAbortReason;
use wap_wire::wtp::{Pdus, ProviderAbortReason, concatenate};

pub use settings::{Settings, Timers, Verification};

use send::{Head, Outgoing};
use tid::{TidCache, TidSource};
use transaction::{Event, Name, Side, Transaction};

/// The PDUs of one datagram that are looked at; a datagram has more only if it is meant to do harm.
const MAX_PDUS: usize = 64;
/// The octets of a group of packets before the peer says what it takes (WTP 8.4.4).
const DEFAULT_GROUP: usize = 1405;

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

impl Class {
    /// The number of the class.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Unreliable => 0,
            Self::ReliableInvoke => 1,
            Self::ReliableResult => 2,
        }
    }
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
    /// Transaction identifiers would come again before old datagrams are dead (WTP 7.8.3.1).
    #[error("transactions are begun faster than their identifiers may come again")]
    TooFast,
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
    /// [`Wtp::abort`]. Where neither comes in time it ends as [`Output::Aborted`]; without user acknowledgement, and with
    /// [`Settings::user_acknowledges_all`] switched off, it acknowledges by itself.
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
    /// TR-Invoke.cnf: the peer has the invoke message. One of class 1 is over with that; the result of one of class 2 is still to come.
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
    /// TR-Abort.ind: the transaction is over. It comes also for one that had been acknowledged and was not yet forgotten.
    Aborted {
        /// The transaction.
        handle: TransactionHandle,
        /// Why.
        reason: AbortReason,
        /// By whom.
        by: AbortedBy,
    },
}

/// What happened that nobody is told of, counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// PDUs that could not be decoded, or cannot come from a peer.
    pub broken: u64,
    /// Invokes that were ignored because a bound on transactions was reached.
    pub ignored: u64,
    /// Messages that were refused because of their size, or for want of room.
    pub too_large: u64,
    /// Retransmissions and duplicates of messages that were known.
    pub duplicates: u64,
    /// Transactions that the peer was asked about.
    pub verifications: u64,
    /// Messages that were forgotten unverified or incomplete.
    pub forgotten: u64,
    /// PDUs sent again.
    pub retransmissions: u64,
}

/// All transactions over one local socket.
#[derive(Debug)]
pub struct Wtp {
    settings: Settings,
    tids: TidSource,
    cache: TidCache,
    next_handle: u64,
    transactions: BTreeMap<TransactionHandle, Transaction>,
    names: BTreeMap<Name, TransactionHandle>,
    timers: BTreeSet<(Duration, TransactionHandle)>,
    outputs: VecDeque<Output>,
    counters: Counters,
}

impl Wtp {
    /// No transactions. The first one that is begun here has the TID `first_tid`, modulo 2^15: chance, so that a terminal which
    /// starts again is not taken for its former self.
    pub fn new(settings: Settings, first_tid: u16) -> Self {
        let lifetime = settings.max_packet_lifetime;
        Self {
            tids: TidSource::new(first_tid, lifetime),
            cache: TidCache::new(settings.max_cached_tids, lifetime, settings.verification),
            settings,
            next_handle: 0,
            transactions: BTreeMap::new(),
            names: BTreeMap::new(),
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// TR-Invoke.req: begins a transaction. One of class 0 is over when its Invoke has been sent. `now` is on the monotonic clock, here and
    /// below.
    ///
    /// # Errors
    /// Where a bound of the settings is reached.
    //= specs/wtp.md#class-0-transactions
    //# The terminal MUST support transactions of class 0 as initiator and as responder.
    //= specs/wtp.md#class-1-transactions
    //# The terminal MUST support transactions of class 1 as initiator and as responder.
    //= specs/wtp.md#class-2-transactions
    //# The terminal MUST support transactions of class 2 as initiator.
    pub fn invoke(
        &mut self,
        peer: SocketAddr,
        class: Class,
        user_acknowledgement: bool,
        data: Box<[u8]>,
        now: Duration,
    ) -> Result<TransactionHandle, InvokeError> {
        let octets = data.len();
        if octets > self.settings.max_sent_message {
            return Err(InvokeError::TooLarge(octets));
        }
        if class != Class::Unreliable && self.is_full(peer) {
            return Err(InvokeError::TooManyTransactions(self.transactions.len()));
        }
        let outgoing = Outgoing::new(data, self.settings.max_datagram, DEFAULT_GROUP)
            .ok_or(InvokeError::TooLarge(octets))?;
        let outgoing = match class {
            Class::Unreliable => outgoing.into_unsegmented(),
            Class::ReliableInvoke | Class::ReliableResult => outgoing,
        };
        let tid = self.unused_tid(peer, now).ok_or(InvokeError::TooFast)?;
        let handle = self.new_handle();
        let transaction = Transaction::initiator(peer, tid, class, user_acknowledgement, outgoing);
        self.names.insert(transaction.name(), handle);
        self.transactions.insert(handle, transaction);
        self.step(
            handle,
            Event::Initiator(initiator::Event::InvokeRequest),
            false,
            now,
        );
        Ok(handle)
    }

    /// TR-Invoke.res or TR-Result.res: the user has the message that was indicated. Without effect on a transaction that is over, or waits for
    /// no response.
    pub fn respond(&mut self, handle: TransactionHandle, now: Duration) {
        let event = match self.transactions.get(&handle).map(Transaction::side) {
            Some(Side::Initiator) => Event::Initiator(initiator::Event::ResultResponse),
            Some(Side::Responder) => Event::Responder(responder::Event::InvokeResponse),
            None => return,
        };
        self.step(handle, event, false, now);
    }

    /// TR-Abort.req by the user. Without effect on a transaction that is over.
    //= specs/wtp.md#transaction-abort
    //# An abort by the user MUST be sent to the peer with the user's reason, and end the transaction.
    pub fn abort(&mut self, handle: TransactionHandle, reason: UserAbortReason, now: Duration) {
        let Some(transaction) = self.transactions.get_mut(&handle) else {
            return;
        };
        transaction.user_abort = Some(reason);
        let event = match transaction.side() {
            Side::Initiator => Event::Initiator(initiator::Event::AbortRequest),
            Side::Responder => Event::Responder(responder::Event::AbortRequest),
        };
        self.step(handle, event, false, now);
    }

    /// Takes a datagram.
    //= specs/wtp.md#concatenation-and-separation
    //# The terminal MUST separate the PDUs of a datagram that begins with a concatenation indicator, and treat each as if it had come alone.
    pub fn handle_datagram(&mut self, peer: SocketAddr, octets: &[u8], now: Duration) {
        self.cache.begin(now);
        for (count, pdu) in Pdus::new(octets).enumerate() {
            match pdu {
                Ok(pdu) if count < MAX_PDUS => self.handle_pdu(peer, pdu.octets, now),
                Ok(_) | Err(_) => {
                    self.counters.broken += 1;
                    return;
                }
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some((at, handle)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            let timer = self
                .transactions
                .get_mut(&handle)
                .and_then(|transaction| transaction.timer.take());
            if let Some((_, timer)) = timer {
                self.timer_ended(handle, timer, now);
            }
        }
    }

    /// The next thing to do, or that happened.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if let Output::Transmit { peer, octets } = &output
            && self.settings.concatenate
        {
            let (peer, octets) = (*peer, octets.clone());
            return Some(self.concatenated(peer, octets));
        }
        Some(output)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// How many transactions there are, those included that have ended and are not forgotten.
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// What happened that nobody is told of.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// As many of the datagrams to this peer as fit into one.
    //= specs/wtp.md#concatenation-and-separation
    //# PDUs MUST NOT be put into one datagram unless it goes from the same address and port to the same address and port.
    fn concatenated(&mut self, peer: SocketAddr, octets: Box<[u8]>) -> Output {
        // Each PDU costs two octets of length at most, the whole one of indication.
        let mut room = self.settings.max_datagram.saturating_sub(octets.len() + 3);
        let mut pdus = vec![octets];
        let mut rest = VecDeque::with_capacity(self.outputs.len());
        for output in std::mem::take(&mut self.outputs) {
            if let Output::Transmit { peer: to, octets } = &output
                && *to == peer
            {
                if let Some(left) = room.checked_sub(octets.len() + 2) {
                    room = left;
                    pdus.push(octets.clone());
                    continue;
                }
                // What follows to this peer must not overtake it.
                room = 0;
            }
            rest.push_back(output);
        }
        self.outputs = rest;
        let octets = concatenate(pdus.iter().map(|pdu| &**pdu)).unwrap_or_default();
        Output::Transmit {
            peer,
            octets: octets.into(),
        }
    }

    const fn new_handle(&mut self) -> TransactionHandle {
        self.next_handle += 1;
        TransactionHandle(self.next_handle)
    }

    fn unused_tid(&mut self, peer: SocketAddr, now: Duration) -> Option<u16> {
        // At most as many as there are transactions are taken.
        (0..=self.transactions.len()).find_map(|_| {
            let tid = self.tids.take(now)?;
            let name = Name::new(peer, Side::Initiator, tid);
            (!self.names.contains_key(&name)).then_some(tid)
        })
    }

    fn is_full(&self, peer: SocketAddr) -> bool {
        let of_peer = || self.names.keys().filter(|name| name.peer == peer).count();
        self.transactions.len() >= self.settings.max_transactions
            || of_peer() >= self.settings.max_transactions_of_peer
    }

    /// Whether so many more octets may be held for this peer.
    fn has_room(&self, peer: SocketAddr, octets: usize) -> bool {
        let (mut all, mut of_peer) = (octets, octets);
        for transaction in self.transactions.values() {
            let held = transaction.held();
            all = all.saturating_add(held);
            if transaction.peer == peer {
                of_peer = of_peer.saturating_add(held);
            }
        }
        all <= self.settings.max_held && of_peer <= self.settings.max_held_of_peer
    }
}
