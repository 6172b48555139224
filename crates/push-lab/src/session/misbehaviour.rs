//! What a session server can do wrong, towards a terminal with which it has a session.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

use super::events::{Outcome, reason};
use super::server::SessionServer;
use super::settings::Manner;
use super::wtp::{self, Pdu, Terms, Trailer};
use crate::{Misbehaviour, Push, Random};

/// A kind of misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionMisbehaviour {
    /// Datagrams of random octets.
    Garbage,
    /// Pushes that are cut off, each a little later.
    Cut,
    /// Pushes of which some octets are wrong.
    Mutated,
    /// Many confirmed pushes at once, and no answer is awaited.
    FloodPushes,
    /// The first packets of many messages of which the others never come.
    FloodSegments,
    /// One push that is longer than a terminal takes.
    Oversized,
    /// A push by another version of WTP.
    WrongVersion,
    /// A push by class 2, which terminals do not answer.
    ClassTwo,
    /// A push by class 3, which does not exist.
    ClassThree,
    /// A confirmed push by a PDU type that does not exist.
    UnknownPdu,
    /// An unconfirmed push by a transaction that has to be acknowledged.
    PushByClassOne,
    /// A confirmed push by a transaction that is not answered.
    ConfirmedByClassZero,
    /// Acknowledgements and aborts of nothing.
    AnswersToNothing,
    /// Results of nothing.
    ResultsOfNothing,
    /// A concatenation of PDUs that says a wrong length.
    BrokenConcatenation,
    /// The end of a session with a number that it does not have.
    WrongSession,
    /// The same push again and again, as if it were sent again.
    Repeated,
}

impl SessionMisbehaviour {
    /// Every kind with its word.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("garbage", Self::Garbage),
        ("cut", Self::Cut),
        ("mutated", Self::Mutated),
        ("flood-pushes", Self::FloodPushes),
        ("flood-segments", Self::FloodSegments),
        ("oversized", Self::Oversized),
        ("wrong-version", Self::WrongVersion),
        ("class-2", Self::ClassTwo),
        ("class-3", Self::ClassThree),
        ("unknown-pdu", Self::UnknownPdu),
        ("push-by-class-1", Self::PushByClassOne),
        ("confirmed-by-class-0", Self::ConfirmedByClassZero),
        ("answers-to-nothing", Self::AnswersToNothing),
        ("results-of-nothing", Self::ResultsOfNothing),
        ("broken-concatenation", Self::BrokenConcatenation),
        ("wrong-session", Self::WrongSession),
        ("repeated", Self::Repeated),
    ];

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }
}

/// What was sent, and what came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provocation {
    /// How many datagrams were sent.
    pub sent: usize,
    /// How many acknowledgements came back.
    pub acknowledged: usize,
    /// The reasons of the aborts that came back.
    pub aborted: Vec<String>,
    /// How many other PDUs came back.
    pub others: usize,
}

impl SessionServer {
    /// Misbehaves in a session with `count` datagrams where the kind has many, and says what came back until nothing did for
    /// `quiet`. The same `seed` sends the same octets.
    pub async fn misbehave(
        &self,
        session: u32,
        kind: SessionMisbehaviour,
        push: &Push,
        (count, seed, quiet): (usize, u64, Duration),
    ) -> Provocation {
        let peer = self
            .inner()
            .state()
            .sessions
            .get(&session)
            .map(|session| session.peer);
        let Some(peer) = peer else {
            return Provocation::default();
        };
        let mut heard = self.inner().tap();
        let encoded = push.clone().confirmed().encode().unwrap_or_default();
        let data = encoded.get(1..).unwrap_or_default();
        let mut provocation = Provocation::default();
        if kind == SessionMisbehaviour::Oversized {
            let long = [data, &vec![b'x'; count.saturating_mul(1024)]].concat();
            let outcome = self.invoke(peer, &long, &Manner::confirmed()).await;
            provocation.sent = 1;
            provocation.count(outcome);
            return provocation;
        }
        for datagram in datagrams(kind, session, data, count, seed) {
            self.inner().transmit(peer, datagram).await;
            provocation.sent += 1;
        }
        while let Ok(Some((from, datagram))) = timeout(quiet, heard.recv()).await {
            if from != peer {
                continue;
            }
            for asked in provocation.hear(&datagram) {
                // The transactions are the server's own, however odd.
                self.inner().transmit(peer, wtp::ack(asked, true)).await;
            }
        }
        provocation
    }

    /// Pushes to a terminal that has no session with this address and port.
    pub async fn push_without_session(
        &self,
        terminal: SocketAddr,
        push: &Push,
        manner: &Manner,
    ) -> Outcome {
        let encoded = push.clone().confirmed().encode().unwrap_or_default();
        self.invoke(terminal, encoded.get(1..).unwrap_or_default(), manner)
            .await
    }
}

impl Provocation {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Acknowledged => self.acknowledged += 1,
            Outcome::Aborted {
                by_user,
                reason: code,
            } => self.aborted.push(reason(by_user, code)),
            Outcome::Sent | Outcome::NoAnswer | Outcome::NoSession | Outcome::NotWritten => {}
        }
    }

    /// Counts what came back, and gives the transactions that the terminal wants to be verified.
    fn hear(&mut self, datagram: &[u8]) -> Vec<u16> {
        let mut asked = Vec::new();
        for pdu in wtp::read(datagram).unwrap_or_default() {
            match pdu {
                Pdu::Ack {
                    verification: false,
                    ..
                } => self.acknowledged += 1,
                Pdu::Abort {
                    by_user,
                    reason: code,
                    ..
                } => self.aborted.push(reason(by_user, code)),
                Pdu::Ack { tid, .. } => asked.push(tid & !wtp::RESPONDER),
                Pdu::Invoke { .. } | Pdu::SegmentedInvoke { .. } | Pdu::NegativeAck { .. } => {
                    self.others += 1;
                }
            }
        }
        asked
    }
}

/// Transaction identifiers of misbehaviour begin here, far from those of pushes that are meant.
const FIRST_TID: u16 = 0x1000;

fn datagrams(
    kind: SessionMisbehaviour,
    session: u32,
    data: &[u8],
    count: usize,
    seed: u64,
) -> Vec<Vec<u8>> {
    let terms = |class: u8, version: u8| Terms {
        version,
        tid_new: false,
        user_acknowledgement: true,
        class,
    };
    let tid =
        |index: usize| FIRST_TID.wrapping_add(u16::try_from(index & 0x3fff).unwrap_or_default());
    let push = |index: usize| wtp::invoke(tid(index), terms(1, 0), Trailer::Whole, false, data);
    let typed = |pdu_type: u8| {
        let rest = data.get(1..).unwrap_or_default();
        [&[pdu_type], rest].concat()
    };
    let one = |class: u8, version: u8, data: &[u8]| {
        vec![wtp::invoke(
            FIRST_TID,
            terms(class, version),
            Trailer::Whole,
            false,
            data,
        )]
    };
    let many = |make: &dyn Fn(usize) -> Vec<u8>| (0..count).map(make).collect();
    let seeded = |index: usize| seed.wrapping_add(u64::try_from(index).unwrap_or_default());
    match kind {
        SessionMisbehaviour::Garbage => many(&|index| {
            let mut random = Random::new(seeded(index));
            let length = random.below(1400);
            random.octets(length)
        }),
        SessionMisbehaviour::Cut => {
            let whole = push(0);
            (0..whole.len().min(count))
                .map(|length| whole.get(..length).unwrap_or_default().to_vec())
                .collect()
        }
        SessionMisbehaviour::Mutated => many(&|index| {
            let mut datagram = push(index);
            let seed = seeded(index);
            Misbehaviour::Mutate { octets: 2, seed }.apply(&mut datagram);
            datagram
        }),
        SessionMisbehaviour::FloodPushes => many(&push),
        SessionMisbehaviour::FloodSegments => {
            many(&|index| wtp::invoke(tid(index), terms(1, 0), Trailer::None, false, data))
        }
        // It is sent by a transaction that is awaited.
        SessionMisbehaviour::Oversized => Vec::new(),
        SessionMisbehaviour::WrongVersion => one(1, 1, data),
        SessionMisbehaviour::ClassTwo => one(2, 0, data),
        SessionMisbehaviour::ClassThree => one(3, 0, data),
        SessionMisbehaviour::UnknownPdu => one(1, 0, &typed(0x7e)),
        SessionMisbehaviour::PushByClassOne => one(1, 0, &typed(0x06)),
        SessionMisbehaviour::ConfirmedByClassZero => one(0, 0, data),
        SessionMisbehaviour::AnswersToNothing => many(&|index| {
            let tid = tid(index) | wtp::RESPONDER;
            match index % 3 {
                0 => wtp::ack(tid, false),
                1 => wtp::ack(tid, true),
                _ => wtp::abort(tid, true, 0xe0),
            }
        }),
        SessionMisbehaviour::ResultsOfNothing => {
            many(&|index| wtp::result(tid(index) | wtp::RESPONDER, false, data))
        }
        SessionMisbehaviour::BrokenConcatenation => {
            let mut datagram = wtp::concatenated(&[push(0), push(1)]);
            datagram.pop();
            vec![datagram]
        }
        SessionMisbehaviour::WrongSession => {
            one(0, 0, &super::wsp::disconnect(session.wrapping_add(77)))
        }
        SessionMisbehaviour::Repeated => (0..count)
            .map(|index| wtp::invoke(FIRST_TID, terms(1, 0), Trailer::Whole, index > 0, data))
            .collect(),
    }
}
