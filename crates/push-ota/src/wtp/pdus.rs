//! PDUs that come in: tested (WTP table 37), and dispatched to their transactions.

use std::net::SocketAddr;
use std::time::Duration;

use wap_wire::wtp::{
    Abort, AbortType, Ack, DIRECTION, Invoke, ItemValue, Items, NegativeAck, OptionItem, Pdu,
    PduType, ProviderAbortReason, ResultPdu, Segment, Trailer,
};

use super::receive::{Added, Group, Reassembly};
use super::send::Outgoing;
use super::transaction::{Event, Name, Side, State, Timer, Transaction, digest};
use super::{AbortReason, AbortedBy, Class, Output, TransactionHandle, Wtp, initiator, responder};

/// A packet of a message, be it the first one or a further one.
struct Packet<'a> {
    number: u8,
    trailer: Trailer,
    retransmitted: bool,
    data: &'a [u8],
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
    pub(super) fn handle_pdu(&mut self, peer: SocketAddr, octets: &[u8], now: Duration) {
        let Ok(pdu) = Pdu::decode(octets) else {
            self.counters.broken += 1;
            return self.error_pdu(peer, octets, now);
        };
        let side = Side::of(pdu.tid());
        let handle = self.names.get(&Name::new(peer, side, pdu.tid())).copied();
        if let Some(transaction) = handle.and_then(|handle| self.transactions.get_mut(&handle)) {
            transaction.note_items(pdu.items());
        }
        match (pdu, side, handle) {
            (Pdu::Invoke(invoke), Side::Responder, handle) => {
                self.invoke_pdu(peer, &invoke, handle, now);
            }
            (Pdu::Result(result), Side::Initiator, Some(handle)) => {
                self.result_pdu(handle, &result, now);
            }
            (Pdu::Ack(ack), Side::Initiator, Some(handle)) => {
                self.ack_of_responder(handle, &ack, now);
            }
            (Pdu::Ack(ack), Side::Initiator, None) => self.ack_of_nothing(peer, &ack),
            (Pdu::Ack(ack), Side::Responder, Some(handle)) => {
                if ack.verify {
                    self.tid_ok(handle, ack.retransmitted, now);
                }
            }
            (Pdu::Abort(abort), _, Some(handle)) => self.abort_pdu(handle, &abort, now),
            (Pdu::SegmentedInvoke(segment), Side::Responder, Some(handle))
            | (Pdu::SegmentedResult(segment), Side::Initiator, Some(handle)) => {
                self.packet(handle, &Packet::from(&segment), now);
            }
            (Pdu::NegativeAck(negative_ack), Side::Initiator, Some(handle)) => {
                self.negative_ack(handle, &negative_ack, now);
            }
            // Of no transaction that is known.
            (
                Pdu::Result(_)
                | Pdu::Ack(_)
                | Pdu::Abort(_)
                | Pdu::SegmentedInvoke(_)
                | Pdu::SegmentedResult(_)
                | Pdu::NegativeAck(_),
                _,
                None,
            ) => {}
            // From the wrong side.
            (
                Pdu::Invoke(_)
                | Pdu::Result(_)
                | Pdu::SegmentedInvoke(_)
                | Pdu::SegmentedResult(_)
                | Pdu::NegativeAck(_),
                _,
                _,
            ) => self.counters.broken += 1,
        }
    }

    /// A PDU that cannot be understood.
    //= specs/wtp.md#error-handling
    //# A PDU that is broken, or of a type that is not assigned, MUST abort its transaction with PROTOERR.
    fn error_pdu(&mut self, peer: SocketAddr, octets: &[u8], now: Duration) {
        let (Some(&first), Some(tid)) = (octets.first(), Pdu::tid_of(octets)) else {
            return;
        };
        let side = Side::of(tid);
        let event = match side {
            Side::Initiator => Event::Initiator(initiator::Event::ErrorPdu),
            Side::Responder => Event::Responder(responder::Event::ErrorPdu),
        };
        let pdu_type = PduType::of(first);
        if let Some(&handle) = self.names.get(&Name::new(peer, side, tid)) {
            // What was being put together is not waited for any more.
            if let Some(transaction) = self.transactions.get_mut(&handle) {
                transaction.incoming = None;
            }
            self.step(handle, event, false, now);
        } else if side == Side::Responder
            && (pdu_type == PduType::INVOKE || pdu_type.name().is_none())
        {
            // Whatever could be an answer to an abort is not answered by one.
            self.refuse(peer, tid, ProviderAbortReason::PROTOERR);
        }
    }

    /// Aborts a transaction that a peer wants to begin.
    fn refuse(&mut self, peer: SocketAddr, tid: u16, reason: ProviderAbortReason) {
        self.send_abort_to(peer, tid | DIRECTION, AbortType::Provider(reason));
    }

    fn invoke_pdu(
        &mut self,
        peer: SocketAddr,
        invoke: &Invoke<'_>,
        handle: Option<TransactionHandle>,
        now: Duration,
    ) {
        //= specs/wtp.md#version-handling
        //# An Invoke of another version of the protocol MUST be answered with an abort for the reason WTPVERSIONONE.
        if invoke.version != 0 {
            return self.refuse(peer, invoke.tid, ProviderAbortReason::WTPVERSIONONE);
        }
        match invoke.class {
            0 => self.unreliable(peer, invoke),
            1 => match handle {
                Some(handle) => self.known_invoke(peer, handle, invoke, now),
                None => self.new_invoke(peer, invoke, now),
            },
            //= specs/wtp.md#class-2-transactions
            //# A responder that does not support class 2 MUST answer an Invoke of that class with an abort for the reason NOTIMPLEMENTEDCL2.
            2 => self.refuse(peer, invoke.tid, ProviderAbortReason::NOTIMPLEMENTEDCL2),
            _ => self.refuse(peer, invoke.tid, ProviderAbortReason::PROTOERR),
        }
    }

    //= specs/wtp.md#class-0-transactions
    //# A transaction of class 0 MUST NOT change the last identifier of its initiator.
    fn unreliable(&mut self, peer: SocketAddr, invoke: &Invoke<'_>) {
        if !invoke.trailer.ends_message() {
            // Nothing would acknowledge its groups.
            return self.refuse(peer, invoke.tid, ProviderAbortReason::NOTIMPLEMENTEDSAR);
        }
        if invoke.data.len() > self.settings.max_received_message {
            self.counters.too_large += 1;
            return;
        }
        let handle = self.new_handle();
        self.outputs.push_back(Output::Invoked {
            handle,
            peer,
            class: Class::Unreliable,
            user_acknowledgement: false,
            data: invoke.data.into(),
        });
    }

    fn new_invoke(&mut self, peer: SocketAddr, invoke: &Invoke<'_>, now: Duration) {
        if self.is_full(peer) {
            self.counters.ignored += 1;
            return;
        }
        let total = invoke.items.into_iter().find_map(|item| {
            let ItemValue::Option(OptionItem::TotalMessageSize(total)) = item.value() else {
                return None;
            };
            usize::try_from(total).ok()
        });
        let octets = total.unwrap_or_default().max(invoke.data.len());
        if let Err(reason) = self.size_allowed(peer, octets, invoke.data.len()) {
            return self.refuse(peer, invoke.tid, reason);
        }
        let valid_tid = self.cache.admit(peer, invoke.tid, invoke.tid_new, now);
        let handle = self.new_handle();
        let state = State::Responder(responder::State::Listen);
        let mut transaction = Transaction {
            user_acknowledgement: invoke.user_acknowledgement
                || self.settings.user_acknowledges_all,
            asked_for_user: invoke.user_acknowledgement,
            tid_new: invoke.tid_new,
            valid_tid,
            digest: digest(invoke.data),
            ..Transaction::new(peer, invoke.tid, Class::ReliableInvoke, state)
        };
        transaction.note_items(invoke.items);
        let whole = invoke.trailer.ends_message();
        if whole {
            transaction.message = Some(invoke.data.into());
        } else {
            transaction.incoming = Some(Reassembly::default());
        }
        self.names.insert(transaction.name(), handle);
        self.transactions.insert(handle, transaction);
        if whole {
            let event = Event::Responder(responder::Event::Invoke);
            self.step(handle, event, invoke.retransmitted, now);
        } else {
            self.packet(handle, &first_packet(invoke), now);
        }
    }

    /// An Invoke of a transaction that there is, or that has its name.
    fn known_invoke(
        &mut self,
        peer: SocketAddr,
        handle: TransactionHandle,
        invoke: &Invoke<'_>,
        now: Duration,
    ) {
        let Some(transaction) = self.transactions.get(&handle) else {
            return;
        };
        let same = transaction.digest == digest(invoke.data);
        match transaction.state {
            //= specs/wtp.md#transaction-identifiers
            //# An Invoke that meets a transaction of the same name which has ended MUST be taken for a new transaction where its octets differ, or where it comes for the first time with the flag TIDnew.
            State::Responder(responder::State::WaitTimeout)
                if !same || (invoke.tid_new && !invoke.retransmitted) =>
            {
                if let Some(ended) = self.transactions.remove(&handle) {
                    self.forget(handle, ended);
                }
                return self.new_invoke(peer, invoke, now);
            }
            // What the peer sends again is what it will confirm.
            State::Responder(responder::State::TidokWait)
                if !same && invoke.retransmitted && transaction.incoming.is_none() =>
            {
                if let Some(replaced) = self.transactions.remove(&handle) {
                    self.counters.forgotten += 1;
                    self.forget(handle, replaced);
                }
                return self.new_invoke(peer, invoke, now);
            }
            State::Responder(_) | State::Initiator(_) => {}
        }
        self.packet(handle, &first_packet(invoke), now);
    }

    /// Whether a message of so many octets may be received, and so many of them held.
    fn size_allowed(
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

    /// A packet of a message whose transaction is known.
    fn packet(&mut self, handle: TransactionHandle, packet: &Packet<'_>, now: Duration) {
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
    fn judge_group(
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
    fn give_up(&mut self, handle: TransactionHandle, reason: ProviderAbortReason) {
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

    fn result_pdu(&mut self, handle: TransactionHandle, result: &ResultPdu<'_>, now: Duration) {
        let Some(transaction) = self.transactions.get_mut(&handle) else {
            return;
        };
        let waiting = matches!(
            transaction.state,
            State::Initiator(initiator::State::ResultWait)
        );
        if !waiting || transaction.class != Class::ReliableResult {
            // Sent again, or of a class that has no result.
            self.counters.duplicates += 1;
            let event = Event::Initiator(initiator::Event::Result);
            return self.step(handle, event, result.retransmitted, now);
        }
        if transaction.incoming.is_none() && !result.trailer.ends_message() {
            transaction.incoming = Some(Reassembly::default());
            // A packet of the result says that the invoke message has come.
            transaction.outgoing = None;
            let event = Event::Initiator(initiator::Event::Ack);
            self.step(handle, event, result.retransmitted, now);
        }
        let packet = Packet {
            number: 0,
            trailer: result.trailer,
            retransmitted: result.retransmitted,
            data: result.data,
        };
        let Some(transaction) = self.transactions.get_mut(&handle) else {
            return;
        };
        if transaction.incoming.is_some() {
            return self.packet(handle, &packet, now);
        }
        let peer = transaction.peer;
        let octets = result.data.len();
        if let Err(reason) = self.size_allowed(peer, octets, octets) {
            return self.give_up(handle, reason);
        }
        if let Some(transaction) = self.transactions.get_mut(&handle) {
            transaction.message = Some(result.data.into());
        }
        let event = Event::Initiator(initiator::Event::Result);
        self.step(handle, event, result.retransmitted, now);
    }

    /// An Ack to what this side began.
    fn ack_of_responder(&mut self, handle: TransactionHandle, ack: &Ack<'_>, now: Duration) {
        let Some(transaction) = self.transactions.get_mut(&handle) else {
            return;
        };
        let waiting = matches!(
            transaction.state,
            State::Initiator(initiator::State::ResultWait)
        );
        let mut pause = None;
        let mut more = false;
        if let Some(outgoing) = transaction.outgoing.as_mut().filter(|_| waiting) {
            //= specs/wtp.md#segmentation-and-reassembly
            //# An acknowledgement of another group than the one that is under way MUST be ignored.
            let number = ack.items.packet_sequence_number();
            let other = number.is_some_and(|number| number != u32::from(outgoing.last_number()));
            let of_no_group = number.is_none() && outgoing.has_more() && !ack.verify;
            let pausing = matches!(transaction.timer, Some((_, Timer::NextGroup)));
            if other || of_no_group || pausing {
                return;
            }
            pause = take_options(ack.items, |octets| outgoing.set_group(octets));
            pause = pause.map(|pause| pause.min(self.settings.peer_patience));
            more = outgoing.has_more() && number.is_some();
        }
        if ack.verify {
            //= specs/wtp.md#verification-of-transaction-identifiers
            //# An initiator that is asked about a transaction that it has under way MUST answer with an Ack that has the flag TIDok.
            let event = Event::Initiator(initiator::Event::AckTidVerify);
            self.step(handle, event, ack.retransmitted, now);
        }
        match (more, pause) {
            (true, None) => self.go_on(handle, now),
            (true, Some(pause)) => {
                if let Some(mut transaction) = self.transactions.remove(&handle) {
                    self.start(handle, &mut transaction, Timer::NextGroup, now, pause);
                    self.transactions.insert(handle, transaction);
                }
            }
            (false, _) if !ack.verify => {
                let event = Event::Initiator(initiator::Event::Ack);
                self.step(handle, event, ack.retransmitted, now);
            }
            (false, _) => {}
        }
    }

    /// An Ack to nothing that is known.
    //= specs/wtp.md#verification-of-transaction-identifiers
    //# An initiator that is asked about a transaction that it does not have MUST answer with an abort for the reason INVALIDTID.
    fn ack_of_nothing(&mut self, peer: SocketAddr, ack: &Ack<'_>) {
        if ack.verify {
            let invalid = AbortType::Provider(ProviderAbortReason::INVALIDTID);
            self.send_abort_to(peer, ack.tid & !DIRECTION, invalid);
        }
    }

    /// The peer confirms that it began a transaction.
    fn tid_ok(&mut self, handle: TransactionHandle, retransmitted: bool, now: Duration) {
        let Some(mut transaction) = self.transactions.remove(&handle) else {
            return;
        };
        let asked = matches!(
            transaction.state,
            State::Responder(responder::State::TidokWait)
        );
        if asked {
            let (tid, tid_new) = (transaction.tid, transaction.tid_new);
            self.cache.verified(transaction.peer, tid, tid_new, now);
            transaction.valid_tid = true;
        }
        let group = transaction.incoming.as_ref().map(Reassembly::group);
        if let Some(Group::Complete { number, whole }) = group.filter(|_| asked) {
            if whole {
                let incoming = transaction.incoming.take().unwrap_or_default();
                transaction.message = Some(incoming.into_message());
            } else {
                // The verification has acknowledged the group.
                if let Some(incoming) = transaction.incoming.as_mut() {
                    incoming.acknowledge(number);
                }
                transaction.state = State::Responder(responder::State::Listen);
                let patience = self.settings.peer_patience;
                self.start(handle, &mut transaction, Timer::Packets, now, patience);
                self.transactions.insert(handle, transaction);
                return;
            }
        }
        self.transactions.insert(handle, transaction);
        let event = Event::Responder(responder::Event::AckTidOk);
        self.step(handle, event, retransmitted, now);
    }

    //= specs/wtp.md#transaction-abort
    //# An abort of the peer MUST end its transaction, and be indicated to the user with its reason.
    fn abort_pdu(&mut self, handle: TransactionHandle, abort: &Abort<'_>, now: Duration) {
        let Some(transaction) = self.transactions.get_mut(&handle) else {
            return;
        };
        let no_segmentation =
            AbortType::Provider(ProviderAbortReason::NOTIMPLEMENTEDSAR) == abort.abort_type;
        let segmented = transaction
            .outgoing
            .as_ref()
            .is_some_and(Outgoing::is_segmented);
        if no_segmentation && segmented {
            return self.begin_unsegmented(handle, now);
        }
        transaction.peer_abort = Some(match abort.abort_type {
            AbortType::Provider(reason) => AbortReason::Provider(reason),
            AbortType::User(reason) => AbortReason::User(reason),
            AbortType::Other { .. } => AbortReason::Provider(ProviderAbortReason::UNKNOWN),
        });
        transaction.incoming = None;
        let event = match transaction.side() {
            Side::Initiator => Event::Initiator(initiator::Event::Abort),
            Side::Responder => Event::Responder(responder::Event::Abort),
        };
        self.step(handle, event, false, now);
    }

    fn negative_ack(
        &mut self,
        handle: TransactionHandle,
        negative_ack: &NegativeAck<'_>,
        now: Duration,
    ) {
        let Some(mut transaction) = self.transactions.remove(&handle) else {
            return;
        };
        let waiting = matches!(
            transaction.state,
            State::Initiator(initiator::State::ResultWait)
        );
        let retries_left = transaction.retries < self.settings.timers.max_retransmissions;
        if waiting && !transaction.hold_on && retries_left {
            transaction.retries += 1;
            self.send_again(&transaction, negative_ack.missing);
            let interval = self.settings.timers.retry_group;
            self.start(handle, &mut transaction, Timer::Retry, now, interval);
        }
        self.transactions.insert(handle, transaction);
    }
}

/// What it means for the state tables that the message of a transaction has come, or has come again.
const fn message_event(transaction: &Transaction) -> Event {
    match transaction.side() {
        Side::Initiator => Event::Initiator(initiator::Event::Result),
        Side::Responder => Event::Responder(responder::Event::Invoke),
    }
}

const fn first_packet<'a>(invoke: &Invoke<'a>) -> Packet<'a> {
    Packet {
        number: 0,
        trailer: invoke.trailer,
        retransmitted: invoke.retransmitted,
        data: invoke.data,
    }
}

/// Takes what the receiver of groups says of them; gives the pause that it wants before the next.
fn take_options(items: Items<'_>, mut group: impl FnMut(usize)) -> Option<Duration> {
    let mut pause = None;
    for item in items {
        if let ItemValue::Option(option) = item.value() {
            match option {
                OptionItem::MaximumGroup(octets) => {
                    group(usize::try_from(octets).unwrap_or(usize::MAX));
                }
                OptionItem::DelayTransmissionTimer(tenths) => {
                    pause = Some(Duration::from_millis(100).saturating_mul(tenths));
                }
                OptionItem::MaximumReceiveUnit(_)
                | OptionItem::TotalMessageSize(_)
                | OptionItem::CurrentTid(_)
                | OptionItem::NoCachedTid
                | OptionItem::NumGroups(_)
                | OptionItem::Unknown { .. } => {}
            }
        }
    }
    pause
}
