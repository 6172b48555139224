//! What follows from what happened: rows are looked up and their actions done.

use std::time::Duration;

use wap_wire::wtp::{Abort, AbortType, Ack, Items, NegativeAck, Pdu, ProviderAbortReason};

use super::send::Outgoing;
use super::table::{Action, find};
use super::transaction::{Event, State, Timer, Transaction};
use super::{AbortReason, AbortedBy, Class, Output, TransactionHandle, Wtp, initiator, responder};

impl Wtp {
    /// Does what the state tables say. `retransmitted` is the RID of the PDU that came, if one did.
    pub(super) fn step(
        &mut self,
        handle: TransactionHandle,
        event: Event,
        retransmitted: bool,
        now: Duration,
    ) {
        let Some(mut transaction) = self.transactions.remove(&handle) else {
            return;
        };
        let facts = transaction.facts(&self.settings, retransmitted);
        let row = match (transaction.state, event) {
            (State::Initiator(state), Event::Initiator(event)) => {
                find(initiator::ROWS, &state, &event, facts)
                    .map(|row| (row.actions, State::Initiator(row.next)))
            }
            (State::Responder(state), Event::Responder(event)) => {
                find(responder::ROWS, &state, &event, facts)
                    .map(|row| (row.actions, State::Responder(row.next)))
            }
            (State::Initiator(_), Event::Responder(_))
            | (State::Responder(_), Event::Initiator(_)) => None,
        };
        if let Some((actions, next)) = row {
            transaction.state = next;
            for &action in actions {
                self.act(handle, &mut transaction, action, now);
            }
        }
        self.keep_or_forget(handle, transaction);
    }

    /// Keeps a transaction that is under way, or waits to be forgotten; forgets it otherwise.
    pub(super) fn keep_or_forget(&mut self, handle: TransactionHandle, transaction: Transaction) {
        if transaction.is_over() {
            self.forget(handle, transaction);
        } else {
            self.transactions.insert(handle, transaction);
        }
    }

    pub(super) fn forget(&mut self, handle: TransactionHandle, mut transaction: Transaction) {
        self.stop(handle, &mut transaction);
        self.names.remove(&transaction.name());
    }

    fn act(
        &mut self,
        handle: TransactionHandle,
        transaction: &mut Transaction,
        action: Action,
        now: Duration,
    ) {
        let timers = &self.settings.timers;
        match action {
            Action::StopTimer => self.stop(handle, transaction),
            Action::StartRetryTimer => {
                let segmented = transaction
                    .outgoing
                    .as_ref()
                    .is_some_and(Outgoing::is_segmented);
                let interval = if segmented {
                    timers.retry_group
                } else {
                    timers.retry(transaction.class, transaction.user_acknowledgement)
                };
                self.start(handle, transaction, Timer::Retry, now, interval);
            }
            Action::StartAcknowledgementTimer => {
                let interval =
                    timers.acknowledgement(transaction.class, transaction.user_acknowledgement);
                self.start(handle, transaction, Timer::Acknowledgement, now, interval);
            }
            Action::StartWaitTimer => {
                let interval = timers.wait_timeout;
                self.start(handle, transaction, Timer::Wait, now, interval);
            }
            Action::StartResultTimer => {
                let interval = self.settings.result_patience;
                self.start(handle, transaction, Timer::Result, now, interval);
            }
            Action::StartVerificationTimer => {
                let interval = self.settings.peer_patience;
                self.start(handle, transaction, Timer::Verification, now, interval);
            }
            Action::ResetRetries => transaction.retries = 0,
            Action::IncrementRetries => transaction.retries = transaction.retries.saturating_add(1),
            Action::IncrementExpirations => {
                transaction.expirations = transaction.expirations.saturating_add(1);
            }
            Action::SetHoldOn => transaction.hold_on = true,
            Action::SendInvoke => self.send_group(transaction),
            Action::SendInvokeAgain => self.send_trailer_again(transaction),
            Action::SendAck => {
                self.send_ack(transaction, false, false, transaction.last_packet);
            }
            Action::SendAckAgain => {
                self.send_ack(transaction, false, true, transaction.last_packet);
            }
            Action::SendTidVerify => {
                self.counters.verifications += 1;
                self.send_ack(transaction, true, false, transaction.last_packet);
            }
            Action::SendTidVerifyAgain => {
                self.send_ack(transaction, true, true, transaction.last_packet);
            }
            Action::SendTidOk => {
                let again = transaction.tid_ok_sent;
                transaction.tid_ok_sent = true;
                self.send_ack(transaction, true, again, None);
            }
            Action::SendUserAbort => {
                if let Some(reason) = transaction.user_abort {
                    self.send_abort(transaction, AbortType::User(reason));
                }
            }
            Action::SendAbort(reason) => self.send_abort(transaction, AbortType::Provider(reason)),
            Action::IndicateInvoke => self.indicate_invoke(handle, transaction),
            Action::ConfirmInvoke => {
                let confirmed = Output::InvokeConfirmed { handle };
                self.outputs.push_back(confirmed);
            }
            Action::IndicateResult => {
                transaction.outgoing = None;
                let data = transaction.message.take().unwrap_or_default();
                let indicated = Output::ResultIndicated { handle, data };
                self.outputs.push_back(indicated);
            }
            Action::IndicatePeerAbort => {
                let unknown = AbortReason::Provider(ProviderAbortReason::UNKNOWN);
                let reason = transaction.peer_abort.unwrap_or(unknown);
                self.indicate_abort(handle, reason, AbortedBy::Peer);
            }
            Action::IndicateAbort(reason) => {
                self.indicate_abort(handle, AbortReason::Provider(reason), AbortedBy::Here);
            }
        }
    }

    fn indicate_invoke(&mut self, handle: TransactionHandle, transaction: &mut Transaction) {
        let data = transaction.message.take().unwrap_or_default();
        self.outputs.push_back(Output::Invoked {
            handle,
            peer: transaction.peer,
            class: transaction.class,
            user_acknowledgement: transaction.asked_for_user,
            data,
        });
    }

    pub(super) fn indicate_abort(
        &mut self,
        handle: TransactionHandle,
        reason: AbortReason,
        by: AbortedBy,
    ) {
        let aborted = Output::Aborted { handle, reason, by };
        self.outputs.push_back(aborted);
    }

    /// Starts the transaction's timer, in the place of the one that ran.
    pub(super) fn start(
        &mut self,
        handle: TransactionHandle,
        transaction: &mut Transaction,
        timer: Timer,
        now: Duration,
        interval: Duration,
    ) {
        self.stop(handle, transaction);
        let at = now.saturating_add(interval);
        transaction.timer = Some((at, timer));
        self.timers.insert((at, handle));
    }

    pub(super) fn stop(&mut self, handle: TransactionHandle, transaction: &mut Transaction) {
        if let Some((at, _)) = transaction.timer.take() {
            self.timers.remove(&(at, handle));
        }
    }

    /// Sends the packets of the group that is due.
    pub(super) fn send_group(&mut self, transaction: &mut Transaction) {
        let items = transaction.items(None);
        let items = Items::decode(&items).unwrap_or_default();
        let head = transaction.head(&self.settings);
        let outgoing = transaction.outgoing.as_ref();
        let packets = outgoing.map(|outgoing| outgoing.group(head, items));
        for packet in packets.unwrap_or_default() {
            self.transmit(transaction, packet);
        }
    }

    //= specs/wtp.md#retransmission-until-acknowledgement
    //# A PDU that is sent again MUST have the retransmission indicator set, and be unchanged otherwise.
    fn send_trailer_again(&mut self, transaction: &Transaction) {
        let head = transaction.head(&self.settings);
        let outgoing = transaction.outgoing.as_ref();
        let packet = outgoing.and_then(|outgoing| outgoing.trailer_again(head, Items::NONE));
        self.counters.retransmissions += 1;
        if let Some(packet) = packet {
            self.transmit(transaction, packet);
        }
    }

    pub(super) fn send_again(&mut self, transaction: &Transaction, missing: &[u8]) {
        let head = transaction.head(&self.settings);
        let outgoing = transaction.outgoing.as_ref();
        let packets = outgoing.map(|outgoing| outgoing.again(missing, head, Items::NONE));
        for packet in packets.unwrap_or_default() {
            self.counters.retransmissions += 1;
            self.transmit(transaction, packet);
        }
    }

    //= specs/wtp.md#segmentation-and-reassembly
    //# A group whose packets have all come MUST be acknowledged with the number of its last packet in a Packet Sequence Number item.
    pub(super) fn send_ack(
        &mut self,
        transaction: &mut Transaction,
        verify: bool,
        retransmitted: bool,
        packet: Option<u8>,
    ) {
        let items = transaction.items(packet);
        let ack = Pdu::Ack(Ack {
            verify,
            retransmitted,
            tid: transaction.send_tid(),
            items: Items::decode(&items).unwrap_or_default(),
        });
        self.transmit_pdu(transaction, &ack);
    }

    //= specs/wtp.md#segmentation-and-reassembly
    //# Where the last packet of a group has come and others of it have not, the receiver MUST answer with a NegativeAck that names those that are missing.
    pub(super) fn send_negative_ack(&mut self, transaction: &mut Transaction, missing: &[u8]) {
        let items = transaction.items(None);
        let negative_ack = Pdu::NegativeAck(NegativeAck {
            retransmitted: false,
            tid: transaction.send_tid(),
            missing,
            items: Items::decode(&items).unwrap_or_default(),
        });
        self.transmit_pdu(transaction, &negative_ack);
    }

    pub(super) fn send_abort(&mut self, transaction: &Transaction, abort_type: AbortType) {
        let tid = transaction.send_tid();
        self.send_abort_to(transaction.peer, tid, abort_type);
    }

    /// Sends an abort of a transaction that need not exist.
    pub(super) fn send_abort_to(
        &mut self,
        peer: std::net::SocketAddr,
        tid: u16,
        abort_type: AbortType,
    ) {
        let abort = Pdu::Abort(Abort {
            abort_type,
            tid,
            items: Items::NONE,
        });
        if let Ok(octets) = abort.encode() {
            let octets = octets.into();
            self.outputs.push_back(Output::Transmit { peer, octets });
        }
    }

    fn transmit_pdu(&mut self, transaction: &Transaction, pdu: &Pdu<'_>) {
        if let Ok(octets) = pdu.encode() {
            self.transmit(transaction, octets);
        }
    }

    fn transmit(&mut self, transaction: &Transaction, octets: Vec<u8>) {
        self.outputs.push_back(Output::Transmit {
            peer: transaction.peer,
            octets: octets.into(),
        });
    }

    /// Does what is due at the end of a timer.
    pub(super) fn timer_ended(&mut self, handle: TransactionHandle, timer: Timer, now: Duration) {
        let Some(transaction) = self.transactions.get(&handle) else {
            return;
        };
        let event = match (timer, transaction.state) {
            (Timer::Retry, _) => Event::Initiator(initiator::Event::RetryTimer),
            (Timer::Acknowledgement, State::Initiator(_)) => {
                Event::Initiator(initiator::Event::AcknowledgementTimer)
            }
            (Timer::Acknowledgement, State::Responder(_)) => {
                Event::Responder(responder::Event::AcknowledgementTimer)
            }
            (Timer::Wait, State::Initiator(_)) => Event::Initiator(initiator::Event::WaitTimer),
            (Timer::Wait, State::Responder(_)) => Event::Responder(responder::Event::WaitTimer),
            (Timer::Result, _) | (Timer::Packets, State::Initiator(_)) => {
                Event::Initiator(initiator::Event::ResultTimer)
            }
            (Timer::Verification | Timer::Packets, _) => return self.forget_incomplete(handle),
            (Timer::Missing, _) => return self.ask_for_missing(handle, now),
            (Timer::NextGroup, _) => return self.go_on(handle, now),
        };
        if matches!(event, Event::Initiator(initiator::Event::RetryTimer))
            && transaction.tid_ok_sent
        {
            self.counters.retransmissions += 1;
        }
        self.step(handle, event, false, now);
    }

    /// Forgets a transaction of which the user does not know.
    pub(super) fn forget_incomplete(&mut self, handle: TransactionHandle) {
        if let Some(transaction) = self.transactions.remove(&handle) {
            self.counters.forgotten += 1;
            self.forget(handle, transaction);
        }
    }

    /// Sends the next group of packets.
    pub(super) fn go_on(&mut self, handle: TransactionHandle, now: Duration) {
        let Some(mut transaction) = self.transactions.remove(&handle) else {
            return;
        };
        if let Some(outgoing) = transaction.outgoing.as_mut() {
            outgoing.next_group();
        }
        transaction.retries = 0;
        transaction.asked = 0;
        transaction.tid_ok_sent = false;
        self.send_group(&mut transaction);
        self.act(handle, &mut transaction, Action::StartRetryTimer, now);
        self.transactions.insert(handle, transaction);
    }

    /// Begins a transaction anew without segmentation.
    //= specs/wtp.md#segmentation-and-reassembly
    //# An initiator whose peer does not do segmentation MUST send the message again without it.
    pub(super) fn begin_unsegmented(&mut self, handle: TransactionHandle, now: Duration) {
        let Some(mut transaction) = self.transactions.remove(&handle) else {
            return;
        };
        self.names.remove(&transaction.name());
        self.stop(handle, &mut transaction);
        let Some(tid) = self.unused_tid(transaction.peer, now) else {
            let reason = AbortReason::Provider(ProviderAbortReason::NOTIMPLEMENTEDSAR);
            return self.indicate_abort(handle, reason, AbortedBy::Peer);
        };
        let outgoing = transaction.outgoing.take();
        let begun = Transaction {
            outgoing: outgoing.map(Outgoing::into_unsegmented),
            tid,
            state: State::Initiator(initiator::State::Null),
            tid_ok_sent: false,
            ..transaction
        };
        debug_assert_ne!(begun.class, Class::Unreliable);
        self.names.insert(begun.name(), handle);
        self.transactions.insert(handle, begun);
        let event = Event::Initiator(initiator::Event::InvokeRequest);
        self.step(handle, event, false, now);
    }
}
