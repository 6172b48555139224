//! Random histories: a network that shuffles, repeats and loses segments, a store that fails, restarts at any point.
//!
//! The model knows what was sent and what the network lost, and nothing else. Whatever happens in between, in the end a message
//! of which nothing was lost is in the journal once, one of which something was lost is recorded with just that, and nothing is
//! left behind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

/// A message as it was sent.
#[derive(Debug, Clone)]
struct Sent {
    reference: u16,
    width: Width,
    device: u8,
    originator: u8,
    parts: Vec<Vec<u8>>,
    /// How often the network brings each segment; what it brings never is lost.
    copies: Vec<u8>,
    index: u64,
}

impl Sent {
    /// The segments that the source hands over.
    fn segment(&self, sequence: usize) -> Segment {
        let total = u8::try_from(self.parts.len()).unwrap();
        Segment {
            device: format!("modem{}", self.device).into(),
            originator: Some(Originator::Number(
                format!("+1555{}", self.originator).into(),
            )),
            sent: Some(UnixMillis(
                STAMP + self.index * 20_000 + sequence as u64 * 500,
            )),
            concatenation: Some(Concatenation {
                reference: self.reference,
                width: self.width,
                total,
                sequence: u8::try_from(sequence + 1).unwrap(),
            }),
            ..segment(0, 1, 1, &self.parts[sequence])
        }
    }

    fn lost(&self) -> Vec<u8> {
        let lost = (1_u8..)
            .zip(&self.copies)
            .filter(|(_, copies)| **copies == 0);
        lost.map(|(sequence, _)| sequence).collect()
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let part = prop_oneof![3 => Just(0_u8), 1 => 1..4_u8];
    let copies = prop_oneof![1 => Just(0_u8), 12 => Just(1), 3 => Just(2)];
    let parts = prop::collection::vec((part, copies), 1..5);
    (0..3_u16, any::<bool>(), 0..2_u8, 0..2_u8, parts).prop_map(
        |(reference, wide, device, originator, parts)| Sent {
            reference,
            width: if wide { Width::Sixteen } else { Width::Eight },
            device,
            originator,
            copies: parts.iter().map(|(_, copies)| *copies).collect(),
            // Segments of different messages are often equal, as the heads of pushes are.
            parts: parts.iter().map(|(octet, _)| vec![*octet; 3]).collect(),
            index: 0,
        },
    )
}

/// What a test does next.
#[derive(Debug, Clone)]
enum Act {
    Deliver(usize),
    Store(bool),
    Judge(usize, bool),
    Pass,
    Crash(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => any::<usize>().prop_map(Act::Deliver),
        5 => prop::bool::weighted(0.85).prop_map(Act::Store),
        4 => (any::<usize>(), prop::bool::weighted(0.7)).prop_map(|(which, take)| Act::Judge(which, take)),
        2 => Just(Act::Pass),
        1 => (0..4_usize).prop_map(Act::Crash),
    ]
}

/// What the store has been asked to do.
#[derive(Debug)]
enum Write {
    Keep(SegmentId, Box<[u8]>),
    Drop(Box<[SegmentId]>),
    /// Journal this message and remove its segments, in one transaction.
    Journal(Box<WholeMessage>),
}

struct World {
    sent: Vec<Sent>,
    reassembler: Reassembler,
    now: Duration,
    /// What the network or a source will bring.
    pending: Vec<(usize, usize)>,
    /// What a source waits for.
    outstanding: BTreeMap<Ticket, (usize, usize)>,
    next_ticket: u64,
    writes: VecDeque<Write>,
    judging: Vec<WholeMessage>,
    stored: BTreeMap<SegmentId, Box<[u8]>>,
    journal: Vec<usize>,
    expired: Vec<Expired>,
}

impl World {
    fn new(mut sent: Vec<Sent>) -> Self {
        for (index, sent) in sent.iter_mut().enumerate() {
            sent.index = index as u64;
            // The last segment tells messages apart.
            let last = sent.parts.last_mut().unwrap();
            last.push(0x80 + u8::try_from(index).unwrap());
        }
        let copies = sent.iter().enumerate().flat_map(|(message, sent)| {
            let each = sent.copies.iter().enumerate();
            each.flat_map(move |(part, copies)| vec![(message, part); usize::from(*copies)])
        });
        Self {
            pending: copies.collect(),
            sent,
            reassembler: Reassembler::new(Self::settings()),
            now: Duration::ZERO,
            outstanding: BTreeMap::new(),
            next_ticket: 0,
            writes: VecDeque::new(),
            judging: Vec::new(),
            stored: BTreeMap::new(),
            journal: Vec::new(),
            expired: Vec::new(),
        }
    }

    /// Messages are farther apart than that, and time does not pass as long as that.
    fn settings() -> ReassemblerSettings {
        ReassemblerSettings {
            spread: Duration::from_secs(5),
            backoff_base: Duration::from_millis(10),
            backoff_limit: Duration::from_millis(500),
            ..ReassemblerSettings::default()
        }
    }

    fn input(&mut self, input: Input) {
        self.reassembler.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.reassembler.poll_output() {
            match output {
                Output::Keep { segment, octets } => {
                    self.writes.push_back(Write::Keep(segment, octets));
                }
                Output::Drop { segments } => self.writes.push_back(Write::Drop(segments)),
                Output::Message(message) => {
                    self.which(&message);
                    self.judging.push(*message);
                }
                Output::Settled { ticket, settlement } => {
                    let segment = self
                        .outstanding
                        .remove(&ticket)
                        .expect("a ticket is settled once");
                    if settlement == Settlement::NotNow {
                        self.pending.push(segment);
                    }
                }
                Output::Expired(expired) => self.expired.push(*expired),
            }
        }
    }

    /// The message that this is; one that nobody sent is a mixture.
    fn which(&self, message: &WholeMessage) -> usize {
        let found = self.sent.iter().position(|sent| {
            let first = sent.segment(0);
            sent.parts.concat() == *message.octets
                && (&first.device, &first.originator) == (&message.device, &message.originator)
                && (first.sent, first.concatenation) == (message.sent, message.concatenation)
        });
        found.unwrap_or_else(|| panic!("nobody sent {message:?}: {:?}", message.octets))
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Deliver(which) => self.deliver(*which),
            Act::Store(works) => self.store(*works),
            Act::Judge(which, take) => self.judge(*which, *take),
            Act::Pass => {
                self.now += Duration::from_millis(400);
                self.reassembler.handle_timeout(self.now);
                self.drain();
            }
            Act::Crash(applied) => self.crash(*applied),
        }
    }

    fn deliver(&mut self, which: usize) {
        if self.pending.is_empty() {
            return;
        }
        let (message, part) = self.pending.swap_remove(which % self.pending.len());
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.outstanding.insert(ticket, (message, part));
        let segment = self.sent[message].segment(part);
        self.input(Input::Segment { ticket, segment });
    }

    fn judge(&mut self, which: usize, take: bool) {
        if self.judging.is_empty() {
            return;
        }
        let message = self.judging.swap_remove(which % self.judging.len());
        if take {
            self.writes.push_back(Write::Journal(Box::new(message)));
        } else {
            self.verdict(message.id, Verdict::NotNow);
        }
    }

    fn verdict(&mut self, message: MessageId, verdict: Verdict) {
        self.input(Input::Judged { message, verdict });
    }

    /// Does one write, in order, and answers it.
    fn store(&mut self, works: bool) {
        let Some(write) = self.writes.pop_front() else {
            return;
        };
        if works {
            self.apply(&write);
        }
        match write {
            Write::Keep(segment, _) => {
                let result = if works {
                    Ok(())
                } else {
                    Err("full".to_owned())
                };
                self.input(Input::Persisted { segment, result });
            }
            Write::Journal(message) if works => self.verdict(message.id, Verdict::Done),
            Write::Journal(message) => self.verdict(message.id, Verdict::NotNow),
            // What could not be removed is found at the next start.
            Write::Drop(_) => {}
        }
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::Keep(id, octets) => {
                self.stored.insert(*id, octets.clone());
            }
            Write::Drop(ids) => ids.iter().for_each(|id| drop(self.stored.remove(id))),
            Write::Journal(message) => {
                message
                    .segments
                    .iter()
                    .for_each(|id| drop(self.stored.remove(id)));
                // The core knows the same transmission when it comes again.
                let which = self.which(message);
                if !self.journal.contains(&which) {
                    self.journal.push(which);
                }
            }
        }
    }

    /// Ends the process after some of its writes, none of which it hears of, and starts it again.
    fn crash(&mut self, applied: usize) {
        for write in std::mem::take(&mut self.writes).into_iter().take(applied) {
            self.apply(&write);
        }
        self.judging.clear();
        self.pending
            .extend(std::mem::take(&mut self.outstanding).into_values());
        self.reassembler = Reassembler::new(Self::settings());
        self.reassembler.restore(self.stored.clone(), self.now);
        self.drain();
    }

    /// Brings everything to its end: nothing fails any more.
    fn finish(&mut self) {
        for _ in 0..10_000 {
            if !self.writes.is_empty() {
                self.store(true);
            } else if !self.judging.is_empty() {
                self.judge(0, true);
            } else if !self.pending.is_empty() {
                self.deliver(0);
            } else if let Some(due) = self.reassembler.poll_timeout() {
                self.now = self.now.max(due);
                self.reassembler.handle_timeout(self.now);
                self.drain();
            } else {
                return;
            }
        }
        panic!("it does not come to an end");
    }

    fn check(&self) {
        assert!(
            self.outstanding.is_empty(),
            "{:?} are never settled",
            self.outstanding
        );
        assert_eq!(self.reassembler.held(), Held::default());
        let whole: BTreeSet<_> = (0..self.sent.len())
            .filter(|index| self.sent[*index].lost().is_empty())
            .collect();
        let journal: BTreeSet<_> = self.journal.iter().copied().collect();
        assert_eq!(journal, whole);
        for sent in &self.sent {
            let lost = sent.lost();
            if lost.is_empty() || lost.len() == sent.parts.len() {
                continue;
            }
            let recorded = self
                .expired
                .iter()
                .any(|expired| *expired.missing == lost[..]);
            assert!(recorded, "{sent:?} is not in {:?}", self.expired);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_mixed_or_left_behind(
        sent in prop::collection::vec(sent(), 1..7),
        acts in prop::collection::vec(act(), 0..150),
    ) {
        let mut world = World::new(sent);
        for act in &acts {
            world.act(act);
        }
        world.finish();
        world.check();
        // What could not be removed from the store while it failed is found at the next start, and goes.
        world.crash(0);
        world.finish();
        world.check();
        prop_assert!(world.stored.is_empty(), "{:?}", world.stored.keys());
    }
}
