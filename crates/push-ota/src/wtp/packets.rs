//! Packets of messages that come in: kept, judged by group, and put together (WTP 7.14).

use std::net::SocketAddr;
use std::time::Duration;

use wap_wire::wtp::{AbortType, Invoke, ProviderAbortReason, Segment, Trailer};

use super::receive::{Added, Group, Reassembly};
use super::transaction::{Event, Side, State, Timer, Transaction, digest};
use super::{AbortReason, AbortedBy, Class, TransactionHandle, Wtp, initiator, responder};

/// A packet of a message, be it the first one or a further one.
pub(super) struct Packet<'a> {
    pub(super) number: u8,
    pub(super) trailer: Trailer,
    pub(super) retransmitted: bool,
    pub(super) data: &'a [u8],
}

impl<'a> From<&Segment<'a>> for Packet<'a> {
    fn from(segment: &Segment<'a>) -> Self {
        Self {
            number: segment.number,
            trailer: segment.trailer,
            retransmitted: segment.retransmitted,
            data: segment.data,
        }
    }
}

impl Wtp {
    /// Whether a message of so many octets may be received, and so many of them held.
    pub(super) fn size_allowed(
        &mut self,
        peer: SocketAddr,
        octets: usize,
        more: usize,
    ) -> Result<(), ProviderAbortReason> {
        //= specs/wtp.md#error-handling
        //# A message that is larger than the terminal takes MUST be refused with an abort for the reason MESSAGETOOLARGE.
        if octets > self.settings.max_received_message {
            self.counters.too_large += 1;
            return Err(ProviderAbortReason::MESSAGETOOLARGE);
        }
        //= specs/wtp.md#error-handling
        //# A message that there is no room for at the moment MUST be refused with an abort for the reason CAPTEMPEXCEEDED.
        if !self.has_room(peer, more) {
            self.counters.too_large += 1;
            return Err(ProviderAbortReason::CAPTEMPEXCEEDED);
        }
        Ok(())
    }

    /// A packet of a message whose first packet has not come: it is kept, because a sender sends the end of a group again and no more,
    /// until it is told what is missing.
    pub(super) fn headless_packet(
        &mut self,
        peer: SocketAddr,
        segment: &Segment<'_>,
        now: Duration,
    ) {
        if self.is_full(peer) {
            self.counters.ignored += 1;
            return;
        }
        let handle = self.new_handle();
        let state = State::Responder(responder::State::Listen);
        let transaction = Transaction {
            incoming: Some(Reassembly::default()),
            headless: true,
            ..Transaction::new(peer, segment.tid, Class::ReliableInvoke, state)
        };
        self.names.insert(transaction.name(), handle);
        self.transactions.insert(handle, transaction);
        self.packet(handle, &Packet::from(segment), now);
    }

    /// The first packet of a message of which others have come before.
    pub(super) fn head_of(
        &mut self,
        peer: SocketAddr,
        handle: TransactionHandle,
        invoke: &Invoke<'_>,
        now: Duration,
    ) {
        if invoke.trailer.ends_message() {
            // A message of one packet: the others were of an older one.
            self.forget_incomplete(handle);
            return self.new_invoke(peer, invoke, now);
        }
        let valid_tid = self.cache.admit(peer, invoke.tid, invoke.tid_new, now);
        if let Some(transaction) = self.transactions.get_mut(&handle) {
            transaction.headless = false;
            transaction.user_acknowledgement =
                invoke.user_acknowledgement || self.settings.user_acknowledges_all;
            transaction.asked_for_user = invoke.user_acknowledgement;
            transaction.tid_new = invoke.tid_new;
            transaction.valid_tid = valid_tid;
            transaction.digest = digest(invoke.data);
        }
        self.packet(handle, &first_packet(invoke), now);
    }

    /// A packet of a message whose transaction is known.
    pub(super) fn packet(&mut self, handle: TransactionHandle, packet: &Packet<'_>, now: Duration) {
        let Some(transaction) = self.transactions.get(&handle) else {
            return;
        };
        let Some(incoming) = &transaction.incoming else {
            // The message is whole: only its end, sent again, asks for something.
            if packet.trailer != Trailer::None {
                self.counters.duplicates += 1;
                let event = message_event(transaction);
                self.step(handle, event, packet.retransmitted, now);
            }
            return;
        };
        if !incoming.has(packet.number) {
            let octets = incoming.octets().saturating_add(packet.data.len());
            let too_many = incoming.packets() >= self.settings.max_packets;
            let peer = transaction.peer;
            let allowed = if too_many {
                Err(ProviderAbortReason::MESSAGETOOLARGE)
            } else {
                self.size_allowed(peer, octets, packet.data.len())
            };
            if let Err(reason) = allowed {
                return self.give_up(handle, reason);
            }
        }
        let Some(mut transaction) = self.transactions.remove(&handle) else {
            return;
        };
        let added = transaction
            .incoming
            .as_mut()
            .map(|incoming| incoming.add(packet.number, packet.trailer, packet.data));
        match added {
            Some(Added::Contradiction) => {
                self.transactions.insert(handle, transaction);
                self.give_up(handle, ProviderAbortReason::PROTOERR);
            }
            Some(Added::Acknowledged(number)) => {
                self.counters.duplicates += 1;
                self.send_ack(&mut transaction, false, true, Some(number));
                self.transactions.insert(handle, transaction);
            }
            Some(Added::Taken) | None => {
                self.judge_group(handle, transaction, packet.retransmitted, now);
            }
        }
    }

    /// Sees whether the group is complete, after a packet has come.
    pub(super) fn judge_group(
        &mut self,
        handle: TransactionHandle,
        mut transaction: Transaction,
        retransmitted: bool,
        now: Duration,
    ) {
        let group = transaction.incoming.as_ref().map(Reassembly::group);
        let asked = matches!(
            transaction.state,
            State::Responder(responder::State::TidokWait)
        );
        match group {
            Some(Group::Complete { number, whole }) if transaction.valid_tid => {
                self.group_complete(handle, transaction, number, whole, now);
            }
            Some(Group::Complete { number, .. }) => {
                //= specs/wtp.md#segmentation-and-reassembly
                //# A transaction that comes in packets and has to be verified MUST be verified once its first group has come, and the verification acknowledges the group.
                transaction.last_packet = Some(number);
                self.transactions.insert(handle, transaction);
                let event = Event::Responder(responder::Event::Invoke);
                self.step(handle, event, retransmitted, now);
            }
            // Its timer runs.
            Some(Group::Open | Group::Missing(_)) if asked => {
                self.transactions.insert(handle, transaction);
            }
            Some(Group::Missing(_)) => {
                let delay = self.settings.timers.negative_acknowledgement_delay;
                self.start(handle, &mut transaction, Timer::Missing, now, delay);
                self.transactions.insert(handle, transaction);
            }
            Some(Group::Open) | None => {
                let patience = self.settings.peer_patience;
                self.start(handle, &mut transaction, Timer::Packets, now, patience);
                self.transactions.insert(handle, transaction);
            }
        }
    }

    /// Acknowledges a group, and hands on the message that it ends.
    fn group_complete(
        &mut self,
        handle: TransactionHandle,
        mut transaction: Transaction,
        number: u8,
        whole: bool,
        now: Duration,
    ) {
        transaction.last_packet = Some(number);
        let event = message_event(&transaction);
        if whole {
            let incoming = transaction.incoming.take().unwrap_or_default();
            transaction.message = Some(incoming.into_message());
            self.stop(handle, &mut transaction);
            self.transactions.insert(handle, transaction);
            self.step(handle, event, false, now);
        } else {
            if let Some(incoming) = transaction.incoming.as_mut() {
                incoming.acknowledge(number);
            }
            self.send_ack(&mut transaction, false, false, Some(number));
            let patience = self.settings.peer_patience;
            self.start(handle, &mut transaction, Timer::Packets, now, patience);
            self.transactions.insert(handle, transaction);
        }
    }

    /// Asks for packets that have not come.
    pub(super) fn ask_for_missing(&mut self, handle: TransactionHandle, now: Duration) {
        let Some(mut transaction) = self.transactions.remove(&handle) else {
            return;
        };
        let group = transaction.incoming.as_ref().map(Reassembly::group);
        if let Some(Group::Missing(missing)) = group {
            self.send_negative_ack(&mut transaction, &missing);
        }
        let patience = self.settings.peer_patience;
        self.start(handle, &mut transaction, Timer::Packets, now, patience);
        self.transactions.insert(handle, transaction);
    }

    /// Aborts a transaction whose message cannot be received.
    pub(super) fn give_up(&mut self, handle: TransactionHandle, reason: ProviderAbortReason) {
        let Some(transaction) = self.transactions.remove(&handle) else {
            return;
        };
        self.send_abort(&transaction, AbortType::Provider(reason));
        // Of a transaction that a peer begins the user does not know yet.
        if transaction.side() == Side::Initiator {
            let reason = AbortReason::Provider(reason);
            self.indicate_abort(handle, reason, AbortedBy::Here);
        }
        self.forget(handle, transaction);
    }

    /// A packet of a result that comes in several.
    pub(super) fn begin_segmented_result(&mut self, handle: TransactionHandle, now: Duration) {
        let Some(transaction) = self.transactions.get_mut(&handle) else {
            return;
        };
        let waiting = matches!(
            transaction.state,
            State::Initiator(initiator::State::ResultWait)
        );
        let of_class = transaction.class == Class::ReliableResult;
        if waiting && of_class && transaction.incoming.is_none() {
            transaction.incoming = Some(Reassembly::default());
            // A packet of the result says that the invoke message has come.
            transaction.outgoing = None;
            let event = Event::Initiator(initiator::Event::Ack);
            self.step(handle, event, false, now);
        }
    }
}

/// What it means for the state tables that the message of a transaction has come, or has come again.
const fn message_event(transaction: &Transaction) -> Event {
    match transaction.side() {
        Side::Initiator => Event::Initiator(initiator::Event::Result),
        Side::Responder => Event::Responder(responder::Event::Invoke),
    }
}

pub(super) const fn first_packet<'a>(invoke: &Invoke<'a>) -> Packet<'a> {
    Packet {
        number: 0,
        trailer: invoke.trailer,
        retransmitted: invoke.retransmitted,
        data: invoke.data,
    }
}
