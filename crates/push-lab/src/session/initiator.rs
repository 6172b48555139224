//! Transactions that the server begins: pushes, and the ends of sessions (WAP-224 7.1 to 7.14).

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::time::timeout;

use super::events::{Outcome, SessionEvent};
use super::server::{Inner, SessionServer};
use super::settings::{Manner, Tids, Verification};
use super::wtp::{self, Terms, Trailer};
use crate::Push;

/// How many answers of one transaction wait at most.
const MAX_ANSWERS: usize = 256;
/// How many packets a message has at most: their numbers are octets.
const MAX_PACKETS: usize = 256;
/// The reason of an abort for a transaction identifier that is not the initiator's.
const INVALID_TID: u8 = 2;
/// The types of PDU that pushes in sessions have.
const PUSH: u8 = 0x06;
const CONFIRMED_PUSH: u8 = 0x07;

/// What a terminal says to a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Ack { number: Option<u8> },
    Verify,
    Missing(Vec<u8>),
    Abort { by_user: bool, reason: u8 },
}

impl SessionServer {
    /// Pushes in a session, waits for the answer where one is due, and says how it ended.
    pub async fn push(&self, session: u32, push: &Push, manner: &Manner) -> Outcome {
        let inner = self.inner();
        let Some(peer) = inner.standing(session).await else {
            return Outcome::NoSession;
        };
        let by_class = if manner.class == 0 {
            PUSH
        } else {
            CONFIRMED_PUSH
        };
        let pdu = push.clone().pdu_type(manner.pdu_type.unwrap_or(by_class));
        let encoded = pdu.encode();
        // In a session there is no transaction identifier in front.
        let Some((_, data)) = encoded
            .as_ref()
            .ok()
            .and_then(|octets| octets.split_first())
        else {
            return Outcome::NotWritten;
        };
        let (tid, outcome) = inner.transact(peer, data, manner).await;
        inner.log.tell(SessionEvent::Pushed {
            session,
            tid,
            outcome,
        });
        outcome
    }

    /// Sends any user data by a transaction, in a session or not, and says how that ended.
    pub async fn invoke(&self, terminal: SocketAddr, data: &[u8], manner: &Manner) -> Outcome {
        self.inner().transact(terminal, data, manner).await.1
    }
}

/// A transaction that is under way; it is forgotten with this value.
struct Transaction {
    inner: Arc<Inner>,
    peer: SocketAddr,
    tid: u16,
    terms: Terms,
    answers: mpsc::Receiver<Answer>,
    /// Held where the terminal must not see two transactions with the same identifier at the same time.
    _lane: Option<OwnedMutexGuard<()>>,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.inner.state().initiated.remove(&(self.peer, self.tid));
    }
}

impl Inner {
    /// Where the terminal of a session is, once it has acknowledged that it stands.
    async fn standing(&self, session: u32) -> Option<SocketAddr> {
        let settings = &self.settings;
        let patience = settings.retry_interval * settings.retries.saturating_add(1);
        let standing = self.when(|state| match state.sessions.get(&session) {
            Some(found) if found.acknowledged => Some(Some(found.peer)),
            Some(_) => None,
            None => Some(None),
        });
        timeout(patience, standing).await.ok().flatten()
    }

    pub(super) async fn transact(
        self: &Arc<Self>,
        peer: SocketAddr,
        data: &[u8],
        manner: &Manner,
    ) -> (u16, Outcome) {
        let mut transaction = self.begin(peer, manner).await;
        let tid = transaction.tid;
        let outcome = transaction.run(data, manner).await;
        (tid, outcome)
    }

    async fn begin(self: &Arc<Self>, peer: SocketAddr, manner: &Manner) -> Transaction {
        let always_zero = self.state().behaviour.tids == Tids::AlwaysZero;
        let lane = if always_zero && manner.tid.is_none() {
            let lane = Arc::clone(self.state().lanes.entry(peer).or_default());
            Some(lane.lock_owned().await)
        } else {
            None
        };
        let (sender, answers) = mpsc::channel(MAX_ANSWERS);
        let mut state = self.state();
        let (tid, wrapped) = match manner.tid {
            Some(tid) => (tid & !wtp::RESPONDER, false),
            None if always_zero => (0, true),
            None => {
                let last = state.last_tids.entry(peer).or_default();
                *last = last.wrapping_add(1) & !wtp::RESPONDER;
                (*last, *last == 0)
            }
        };
        state.initiated.insert((peer, tid), sender);
        drop(state);
        Transaction {
            inner: Arc::clone(self),
            peer,
            tid,
            terms: Terms {
                version: manner.version,
                tid_new: manner.tid_new.unwrap_or(wrapped),
                user_acknowledgement: manner.user_acknowledgement,
                class: manner.class,
            },
            answers,
            _lane: lane,
        }
    }
}

impl Transaction {
    async fn run(&mut self, data: &[u8], manner: &Manner) -> Outcome {
        let settings = &self.inner.settings;
        let size = manner.segment_size.unwrap_or(settings.segment_size).max(1);
        let (group, retries) = (
            settings.group.max(1),
            manner.retries.unwrap_or(settings.retries),
        );
        if manner.class == 0 {
            let whole = wtp::invoke(self.tid, self.terms, Trailer::Whole, false, data);
            self.inner.transmit(self.peer, whole).await;
            return Outcome::Sent;
        }
        let packets: Vec<_> = packets(data, size, group).collect();
        if packets.len() > MAX_PACKETS {
            return Outcome::NotWritten;
        }
        for packets in packets.chunks(group) {
            if let Some(outcome) = self.group(packets, manner, retries).await {
                return outcome;
            }
        }
        Outcome::Acknowledged
    }

    /// Sends packets until the last of them is acknowledged; another outcome ends the transaction.
    async fn group(
        &mut self,
        packets: &[Packet<'_>],
        manner: &Manner,
        retries: u32,
    ) -> Option<Outcome> {
        let mut first: Vec<_> = packets
            .iter()
            .filter(|packet| !manner.missing.contains(&packet.number))
            .collect();
        if manner.backwards {
            first.reverse();
        }
        for packet in first {
            self.send(packet, false).await;
        }
        let last = packets.last()?;
        let mut again = 0;
        loop {
            let interval = self.inner.settings.retry_interval;
            match timeout(interval, self.answers.recv()).await {
                Ok(Some(Answer::Ack { number })) => {
                    if number.is_none_or(|number| number == last.number) {
                        return None;
                    }
                }
                Ok(Some(Answer::Verify)) => {
                    if let Some(outcome) = self.verify().await {
                        return Some(outcome);
                    }
                }
                Ok(Some(Answer::Missing(numbers))) => {
                    let asked = |packet: &&Packet<'_>| {
                        numbers.is_empty() || numbers.contains(&packet.number)
                    };
                    for packet in packets.iter().filter(asked) {
                        self.send(packet, true).await;
                    }
                }
                Ok(Some(Answer::Abort { by_user, reason })) => {
                    return Some(Outcome::Aborted { by_user, reason });
                }
                Ok(None) => return Some(Outcome::NoAnswer),
                Err(_) if again >= retries => return Some(Outcome::NoAnswer),
                Err(_) => {
                    again += 1;
                    let (peer, tid) = (self.peer, self.tid);
                    self.inner.log.tell(SessionEvent::Again { peer, tid });
                    self.send(last, true).await;
                }
            }
        }
    }

    async fn send(&self, packet: &Packet<'_>, again: bool) {
        let Packet {
            number,
            trailer,
            data,
        } = *packet;
        let octets = if number == 0 {
            wtp::invoke(self.tid, self.terms, trailer, again, data)
        } else {
            wtp::segmented_invoke(self.tid, number, trailer, again, data)
        };
        self.inner.transmit(self.peer, octets).await;
    }

    /// Answers the question whether this transaction is the server's own.
    async fn verify(&self) -> Option<Outcome> {
        let (peer, tid) = (self.peer, self.tid);
        self.inner.log.tell(SessionEvent::Verified { peer, tid });
        let verification = self.inner.state().behaviour.verification;
        match verification {
            Verification::Confirmed => {
                self.inner.transmit(peer, wtp::ack(tid, true)).await;
                None
            }
            Verification::Denied => {
                self.inner
                    .transmit(peer, wtp::abort(tid, false, INVALID_TID))
                    .await;
                Some(Outcome::NoAnswer)
            }
            Verification::Silence => None,
        }
    }
}

/// A part of a message.
#[derive(Debug, Clone, Copy)]
struct Packet<'a> {
    number: u8,
    trailer: Trailer,
    data: &'a [u8],
}

/// Cuts a message into packets; numbers of more than 256 begin again.
fn packets(data: &[u8], size: usize, group: usize) -> impl Iterator<Item = Packet<'_>> {
    let count = data.len().div_ceil(size).max(1);
    (0..count).map(move |index| {
        let rest = data.get(index * size..).unwrap_or_default();
        let trailer = match index + 1 {
            1 if count == 1 => Trailer::Whole,
            end if end == count => Trailer::Message,
            end if end % group == 0 => Trailer::Group,
            _ => Trailer::None,
        };
        let [number, ..] = index.to_le_bytes();
        Packet {
            number,
            trailer,
            data: rest.get(..size).unwrap_or(rest),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_into_packets_and_groups() {
        let trailers = |data: &[u8]| {
            let packets = packets(data, 2, 2);
            packets
                .map(|packet| (packet.number, packet.trailer, packet.data.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(trailers(b""), [(0, Trailer::Whole, 0)]);
        assert_eq!(trailers(b"ab"), [(0, Trailer::Whole, 2)]);
        assert_eq!(
            trailers(b"abcdefghi"),
            [
                (0, Trailer::None, 2),
                (1, Trailer::Group, 2),
                (2, Trailer::None, 2),
                (3, Trailer::Group, 2),
                (4, Trailer::Message, 1)
            ]
        );
    }
}
