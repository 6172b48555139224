//! PDUs that come in: tested (WTP table 37), and dispatched to their transactions.

use std::net::SocketAddr;
use std::time::Duration;

use wap_wire::wtp::{
    Abort, AbortType, Ack, DIRECTION, Invoke, ItemValue, Items, NegativeAck, OptionItem, Pdu,
    PduType, ProviderAbortReason, ResultPdu,
};

use super::packets::{Packet, first_packet};
use super::receive::{Group, Reassembly};
use super::send::Outgoing;
use super::transaction::{Event, Name, Side, State, Timer, Transaction, digest};
use super::{AbortReason, Class, Output, TransactionHandle, Wtp, initiator, responder};

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
            (Pdu::SegmentedInvoke(segment), Side::Responder, Some(handle)) => {
                self.packet(handle, &Packet::from(&segment), now);
            }
            (Pdu::SegmentedInvoke(segment), Side::Responder, None) => {
                self.headless_packet(peer, &segment, now);
            }
            (Pdu::SegmentedResult(segment), Side::Initiator, Some(handle)) => {
                self.begin_segmented_result(handle, now);
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

    pub(super) fn new_invoke(&mut self, peer: SocketAddr, invoke: &Invoke<'_>, now: Duration) {
        if self.is_full(peer) {
            self.counters.ignored += 1;
            return;
        }
        let octets = total_size(invoke.items).max(invoke.data.len());
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
        if transaction.headless {
            return self.head_of(peer, handle, invoke, now);
        }
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
        if !result.trailer.ends_message() {
            self.begin_segmented_result(handle, now);
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
            if other && ack.verify {
                // The answer to an earlier verification was lost, and other packets have gone out since.
                return self.confirm_again(handle);
            }
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

    fn confirm_again(&mut self, handle: TransactionHandle) {
        if let Some(mut transaction) = self.transactions.remove(&handle) {
            self.send_ack(&mut transaction, true, true, None);
            self.transactions.insert(handle, transaction);
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
                // Packets of the next group may have come in the meantime.
                return self.judge_group(handle, transaction, retransmitted, now);
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
        // The peer is there, so its packets begin anew; but it shall not have them for ever.
        let bound = self.settings.timers.max_retransmissions.saturating_mul(4);
        if waiting && !transaction.hold_on && transaction.asked < bound {
            transaction.asked += 1;
            transaction.retries = 0;
            self.send_again(&transaction, negative_ack.missing);
            let interval = self.settings.timers.retry_group;
            self.start(handle, &mut transaction, Timer::Retry, now, interval);
        }
        self.transactions.insert(handle, transaction);
    }
}

/// The size of the message by what its first packet says.
fn total_size(items: Items<'_>) -> usize {
    let total = items.into_iter().find_map(|item| {
        let ItemValue::Option(OptionItem::TotalMessageSize(total)) = item.value() else {
            return None;
        };
        usize::try_from(total).ok()
    });
    total.unwrap_or_default()
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
