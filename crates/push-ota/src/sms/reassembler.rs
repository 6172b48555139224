//! Segments in any order become whole messages, and no segment is lost on the way.
//!
//! # What is acknowledged when
//!
//! Each segment comes with a [`Ticket`], and each ticket is settled once, by [`Output::Settled`]. A segment whose message is not
//! whole yet is kept: [`Output::Keep`] goes out, and the ticket is settled as [`Settlement::Kept`] once [`Input::Persisted`] says
//! that it is durable. The segment that makes a message whole is not stored. The message goes out as [`Output::Message`] with the
//! identifiers of the segments that were, and the ticket is settled once [`Input::Judged`] says that the push was judged and, where
//! it is taken, journalled; whoever journals it removes the segments in the same transaction. A message that cannot be taken now
//! stays: its last segment is settled as [`Settlement::NotNow`], and it is offered again after a back-off, or at once when its source
//! comes again with that segment. A message in one piece is not kept at all: only its source offers it again.
//!
//! # Which segment belongs to which message
//!
//! A reference comes round again, and nothing says that a new message has it. So a segment whose time stamp is far from those that are
//! there begins a message of its own, and without time stamps one that was received longer after the others than a message waits; one whose number is there with other octets is proof that the older message will never be whole,
//! and that one is given up; one with the same octets is a repetition. A repetition of a segment of a message that was taken is kept
//! like any other, because a new message may begin with the same octets; but it joins others only where their time stamps are near, it
//! makes way for one with other octets, and if nothing else comes, it goes without a word.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::gathering::{Gathering, Key, Part, State, Stored};
use super::remembered::Remembered;
use super::{
    Concatenation, ExpiredReason, Held, Input, MessageId, Originator, Output, ReassemblerSettings,
    Segment, SegmentId, Settlement, Ticket, Verdict, WholeMessage, stored,
};

/// Names a message of several segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct GatheringId(u64);

/// What a judged message was.
#[derive(Debug)]
enum Judged {
    /// One that came in one piece.
    Single(Ticket),
    Gathering(GatheringId),
}

/// Makes whole messages of segments.
#[derive(Debug)]
pub struct Reassembler {
    settings: ReassemblerSettings,
    gatherings: BTreeMap<GatheringId, Gathering>,
    /// The messages with each key, the newest last.
    by_key: BTreeMap<Key, Vec<GatheringId>>,
    /// When something is due.
    due: BTreeSet<(Duration, GatheringId)>,
    /// Segments on their way into the store.
    storing: BTreeMap<SegmentId, (GatheringId, u8)>,
    judging: BTreeMap<MessageId, Judged>,
    remembered: Remembered,
    held: Held,
    held_of: BTreeMap<Option<Originator>, Held>,
    next_gathering: u64,
    next_segment: u64,
    next_message: u64,
    outputs: VecDeque<Output>,
}

impl Reassembler {
    /// One that holds nothing.
    pub fn new(settings: ReassemblerSettings) -> Self {
        Self {
            settings,
            gatherings: BTreeMap::new(),
            by_key: BTreeMap::new(),
            due: BTreeSet::new(),
            storing: BTreeMap::new(),
            judging: BTreeMap::new(),
            remembered: Remembered::default(),
            held: Held::default(),
            held_of: BTreeMap::new(),
            next_gathering: 0,
            next_segment: 0,
            next_message: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes up what the store holds, before any input. Messages that are whole are offered again; what is no segment is dropped.
    pub fn restore(
        &mut self,
        stored: impl IntoIterator<Item = (SegmentId, Box<[u8]>)>,
        now: Duration,
    ) {
        let stored: BTreeMap<_, _> = stored.into_iter().collect();
        if let Some((last, _)) = stored.last_key_value() {
            self.next_segment = last.0.saturating_add(1);
        }
        for (id, octets) in stored {
            match stored::decode(&octets) {
                Some((segment, concatenation)) => {
                    self.restore_segment(id, segment, concatenation, now);
                }
                None => self.drop_stored([id]),
            }
        }
        let whole = self.gatherings.iter();
        let whole: Vec<_> = whole
            .filter(|(_, gathering)| gathering.is_whole())
            .map(|(id, _)| *id)
            .collect();
        for id in whole {
            self.offer(id);
        }
    }

    fn restore_segment(
        &mut self,
        id: SegmentId,
        segment: Segment,
        concatenation: Concatenation,
        now: Duration,
    ) {
        let key = Key::new(&segment, concatenation);
        let sequence = concatenation.sequence;
        if self.repeated(&key, sequence, &segment).is_some() {
            self.drop_stored([id]);
            return;
        }
        let gathering = self.place(key, sequence, &segment, now);
        let part = Part {
            octets: segment.octets,
            sent: segment.sent,
            received: segment.received,
            stored: Stored::Yes(id),
            tickets: Vec::new(),
            repeated: false,
        };
        self.insert(gathering, sequence, part);
    }

    /// Takes one input at the time `now`, which never goes back.
    pub fn handle_input(&mut self, input: Input, now: Duration) {
        match input {
            Input::Segment { ticket, segment } => self.take(ticket, segment, now),
            Input::Persisted { segment, result } => self.persisted(segment, result.is_ok()),
            Input::Judged { message, verdict } => self.judged(message, verdict, now),
        }
    }

    /// Does what is due at the time `now`.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some(&(due, id)) = self.due.first().filter(|(due, _)| *due <= now) {
            let gathering = self.gatherings.get(&id);
            if gathering.is_some_and(Gathering::is_gathering) {
                self.give_up(id, ExpiredReason::TimedOut);
            } else {
                self.offer(id);
            }
            self.due.remove(&(due, id));
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// How much is held of messages of several segments.
    pub const fn held(&self) -> Held {
        self.held
    }

    fn take(&mut self, ticket: Ticket, segment: Segment, now: Duration) {
        let several =
            |concatenation: &Concatenation| concatenation.is_possible() && concatenation.total > 1;
        let Some(concatenation) = segment.concatenation.filter(several) else {
            self.take_whole(ticket, segment);
            return;
        };
        let key = Key::new(&segment, concatenation);
        let sequence = concatenation.sequence;
        if let Some(id) = self.repeated(&key, sequence, &segment) {
            self.take_repeated(id, sequence, ticket);
            return;
        }
        let repeated = self.was_taken(&key, sequence, &segment, now);
        let id = self.place(key, sequence, &segment, now);
        let gathering = self.gatherings.get(&id);
        let completes = gathering
            .is_some_and(|gathering| gathering.parts.len() + 1 == usize::from(gathering.key.total));
        let stored = if completes {
            Stored::No
        } else if self.make_room(id, &segment) {
            self.keep(id, &segment, concatenation)
        } else {
            self.forget_empty(id);
            self.settle(ticket, Settlement::NotNow);
            return;
        };
        let part = Part {
            octets: segment.octets,
            sent: segment.sent,
            received: segment.received,
            stored,
            tickets: vec![ticket],
            repeated,
        };
        self.insert(id, sequence, part);
        if completes {
            self.offer(id);
        } else {
            self.wait_anew(id, now);
        }
    }

    /// A message in one piece.
    fn take_whole(&mut self, ticket: Ticket, segment: Segment) {
        let id = self.message_id();
        self.judging.insert(id, Judged::Single(ticket));
        self.outputs
            .push_back(Output::Message(Box::new(WholeMessage {
                id,
                device: segment.device,
                service_centre: segment.service_centre,
                originator: segment.originator,
                sent: segment.sent,
                ports: segment.ports,
                concatenation: segment.concatenation.filter(Concatenation::is_possible),
                octets: segment.octets,
                received: segment.received,
                segments: Box::default(),
            })));
    }

    /// Whether the segment is like one of a message that was taken, or is being judged.
    fn was_taken(&self, key: &Key, sequence: u8, segment: &Segment, now: Duration) -> bool {
        let mut near = self.near(key, segment);
        near.any(|(_, gathering)| gathering.has(sequence, &segment.octets))
            || self
                .remembered
                .knows(key, sequence, &segment.octets, segment.sent, now)
    }

    /// The message that waits and has this segment already. Of one that was put off only what its source has to offer again is waited for.
    //= specs/wdp.md#segmentation
    //# A segment that is there already MUST NOT be taken a second time.
    fn repeated(&self, key: &Key, sequence: u8, segment: &Segment) -> Option<GatheringId> {
        let has_it = |(_, gathering): &(_, &Gathering)| {
            let part = gathering.parts.get(&sequence);
            let awaited = match gathering.state {
                State::Gathering { .. } => true,
                State::PutOff { .. } => part.is_some_and(|part| part.stored == Stored::No),
                State::Judging { .. } => false,
            };
            awaited && gathering.has(sequence, &segment.octets)
        };
        self.near(key, segment).find(has_it).map(|(id, _)| id)
    }

    /// Messages that the segment may belong to by its key and time stamp, the newest first.
    fn near<'a>(
        &'a self,
        key: &Key,
        segment: &'a Segment,
    ) -> impl Iterator<Item = (GatheringId, &'a Gathering)> + use<'a> {
        let ids = self.by_key.get(key).map_or(&[][..], Vec::as_slice);
        ids.iter().rev().filter_map(move |id| {
            let gathering = self.gatherings.get(id)?;
            let is_near = gathering.is_near(segment, &self.settings);
            is_near.then_some((*id, gathering))
        })
    }

    fn take_repeated(&mut self, id: GatheringId, sequence: u8, ticket: Ticket) {
        let Some(gathering) = self.gatherings.get_mut(&id) else {
            return;
        };
        let put_off = matches!(gathering.state, State::PutOff { .. });
        let Some(part) = gathering.parts.get_mut(&sequence) else {
            return;
        };
        if matches!(part.stored, Stored::Yes(_)) {
            self.settle(ticket, Settlement::Kept);
            return;
        }
        part.tickets.push(ticket);
        if put_off {
            self.offer(id);
        }
    }

    /// The message that a segment belongs to which is not there yet; a new one where there is none.
    fn place(&mut self, key: Key, sequence: u8, segment: &Segment, now: Duration) -> GatheringId {
        let lacking = self
            .near(&key, segment)
            .find(|(_, gathering)| {
                gathering.is_gathering() && !gathering.parts.contains_key(&sequence)
            })
            .map(|(id, _)| id);
        if let Some(id) = lacking {
            return id;
        }
        let contradicted: Vec<_> = self
            .near(&key, segment)
            .filter(|(_, gathering)| gathering.is_gathering())
            .map(|(id, gathering)| {
                let repeated = gathering
                    .parts
                    .get(&sequence)
                    .is_some_and(|part| part.repeated);
                (id, repeated)
            })
            .collect();
        for (id, repeated) in contradicted {
            if repeated {
                self.remove_part(id, sequence, Settlement::Kept);
                return id;
            }
            self.give_up(id, ExpiredReason::Replaced);
        }
        self.begin(key, now)
    }

    fn begin(&mut self, key: Key, now: Duration) -> GatheringId {
        let id = GatheringId(self.next_gathering);
        self.next_gathering += 1;
        let until = now.saturating_add(self.settings.timeout);
        self.by_key.entry(key.clone()).or_default().push(id);
        self.due.insert((until, id));
        let gathering = Gathering {
            key,
            parts: BTreeMap::new(),
            state: State::Gathering { until },
        };
        self.count(&gathering, true);
        self.gatherings.insert(id, gathering);
        id
    }

    fn insert(&mut self, id: GatheringId, sequence: u8, part: Part) {
        let Some(gathering) = self.gatherings.get_mut(&id) else {
            return;
        };
        let octets = part.octets.len();
        let of = self.held_of.entry(gathering.key.originator.clone());
        for held in [&mut self.held, of.or_default()] {
            held.segments += 1;
            held.octets += octets;
        }
        gathering.parts.insert(sequence, part);
    }

    /// Takes a segment out of its message; those who wait for it learn `settlement`.
    fn remove_part(&mut self, id: GatheringId, sequence: u8, settlement: Settlement) {
        let Some(gathering) = self.gatherings.get_mut(&id) else {
            return;
        };
        let Some(part) = gathering.parts.remove(&sequence) else {
            return;
        };
        let of = self.held_of.entry(gathering.key.originator.clone());
        for held in [&mut self.held, of.or_default()] {
            held.segments -= 1;
            held.octets -= part.octets.len();
        }
        self.drop_stored(part.stored.id());
        for ticket in part.tickets {
            self.settle(ticket, settlement);
        }
        self.forget_storing(part.stored);
    }

    /// Has a segment stored.
    fn keep(&mut self, id: GatheringId, segment: &Segment, concatenation: Concatenation) -> Stored {
        let name = SegmentId(self.next_segment);
        self.next_segment += 1;
        self.storing.insert(name, (id, concatenation.sequence));
        self.outputs.push_back(Output::Keep {
            segment: name,
            octets: stored::encode(segment, concatenation),
        });
        Stored::UnderWay(name)
    }

    fn persisted(&mut self, segment: SegmentId, durable: bool) {
        let Some((id, sequence)) = self.storing.remove(&segment) else {
            return;
        };
        let Some(gathering) = self.gatherings.get_mut(&id) else {
            return;
        };
        let (state, count) = (gathering.state, gathering.parts.len());
        let Some(part) = gathering.parts.get_mut(&sequence) else {
            return;
        };
        let settlement = if durable {
            part.stored = Stored::Yes(segment);
            Settlement::Kept
        } else {
            part.stored = Stored::No;
            Settlement::NotNow
        };
        match state {
            State::Gathering { .. } if !durable => {
                self.remove_part(id, sequence, settlement);
                if count == 1 {
                    self.forget(id);
                }
            }
            // Whoever judges the message has the last word on what is not durable by itself.
            State::Judging { .. } if !durable => {}
            State::Gathering { .. } | State::Judging { .. } | State::PutOff { .. } => {
                for ticket in std::mem::take(&mut part.tickets) {
                    self.settle(ticket, settlement);
                }
            }
        }
    }

    /// Hands a whole message out.
    //= specs/wdp.md#segmentation
    //# A datagram MUST NOT be handed on before every segment of it is there.
    fn offer(&mut self, id: GatheringId) {
        let message = self.message_id();
        let Some(gathering) = self.gatherings.get_mut(&id) else {
            return;
        };
        if let Some(due) = gathering.due() {
            self.due.remove(&(due, id));
        }
        let put_off = match gathering.state {
            State::PutOff { put_off, .. } => put_off,
            State::Gathering { .. } => 0,
            State::Judging { .. } => return,
        };
        gathering.state = State::Judging { message, put_off };
        let whole = gathering.whole(message);
        self.judging.insert(message, Judged::Gathering(id));
        self.outputs.push_back(Output::Message(Box::new(whole)));
    }

    fn judged(&mut self, message: MessageId, verdict: Verdict, now: Duration) {
        let done = Settlement::Judged { message };
        match self.judging.remove(&message) {
            None => {}
            Some(Judged::Single(ticket)) => {
                let settlement = match verdict {
                    Verdict::Done | Verdict::Unreadable => done,
                    Verdict::NotNow => Settlement::NotNow,
                };
                self.settle(ticket, settlement);
            }
            Some(Judged::Gathering(id)) if verdict == Verdict::NotNow => self.put_off(id, now),
            Some(Judged::Gathering(id)) => {
                let Some(mut gathering) = self.forget(id) else {
                    return;
                };
                if verdict == Verdict::Unreadable {
                    self.drop_stored(gathering.stored());
                }
                self.settle_all(&mut gathering, done);
                let until = now.saturating_add(self.settings.timeout);
                let most = self.settings.max_remembered;
                self.remembered.insert(gathering, until, most);
            }
        }
    }

    /// Nobody can take a message now. What is not in the store is not acknowledged.
    fn put_off(&mut self, id: GatheringId, now: Duration) {
        let Some(gathering) = self.gatherings.get_mut(&id) else {
            return;
        };
        let State::Judging { put_off, .. } = gathering.state else {
            return;
        };
        let factor = 1_u32.checked_shl(put_off).unwrap_or(u32::MAX);
        let wait = self.settings.backoff_base.saturating_mul(factor);
        let again = now.saturating_add(wait.min(self.settings.backoff_limit));
        gathering.state = State::PutOff {
            again,
            put_off: put_off.saturating_add(1),
        };
        self.due.insert((again, id));
        let unstored = gathering.parts.values_mut();
        let unstored = unstored.filter(|part| part.stored == Stored::No);
        let tickets: Vec<_> = unstored.flat_map(|part| part.tickets.drain(..)).collect();
        for ticket in tickets {
            self.settle(ticket, Settlement::NotNow);
        }
    }

    /// Gives a message up that is not whole. Repetitions of a message that was taken go without a word.
    fn give_up(&mut self, id: GatheringId, reason: ExpiredReason) {
        let Some(mut gathering) = self.forget(id) else {
            return;
        };
        self.drop_stored(gathering.stored());
        let settlement = match reason {
            ExpiredReason::TimedOut | ExpiredReason::Replaced => Settlement::Kept,
            // What is not durable yet is better kept by its source.
            ExpiredReason::NoRoom => Settlement::NotNow,
        };
        self.settle_all(&mut gathering, settlement);
        if gathering.parts.values().any(|part| !part.repeated) {
            let expired = gathering.expired(reason);
            self.outputs.push_back(Output::Expired(Box::new(expired)));
        }
    }

    fn settle_all(&mut self, gathering: &mut Gathering, settlement: Settlement) {
        let parts = gathering.parts.values_mut();
        let tickets: Vec<_> = parts.flat_map(|part| part.tickets.drain(..)).collect();
        for ticket in tickets {
            self.settle(ticket, settlement);
        }
    }

    /// Begins the wait for the next segment anew.
    fn wait_anew(&mut self, id: GatheringId, now: Duration) {
        let Some(gathering) = self.gatherings.get_mut(&id) else {
            return;
        };
        if let State::Gathering { until } = &mut gathering.state {
            self.due.remove(&(*until, id));
            *until = now.saturating_add(self.settings.timeout);
            self.due.insert((*until, id));
        }
    }

    /// Whether there is room for one more segment of this message, if need be in place of a message that waits: one of the same
    /// originator where its own bounds are reached, else one of the originator with the most segments; of these, the one whose wait
    /// ends first.
    fn make_room(&mut self, id: GatheringId, segment: &Segment) -> bool {
        let settings = &self.settings;
        let of_one = Held {
            messages: settings.max_messages_per_originator,
            segments: settings.max_segments_per_originator,
            octets: settings.max_octets_per_originator,
        };
        let of_all = Held {
            messages: settings.max_messages,
            segments: settings.max_segments,
            octets: settings.max_octets,
        };
        let fits = |held: Held, most: Held| {
            held.messages <= most.messages
                && held.segments < most.segments
                && held.octets.saturating_add(segment.octets.len()) <= most.octets
        };
        loop {
            let own = self.held_of.get(&segment.originator).copied();
            let victim = if !fits(own.unwrap_or_default(), of_one) {
                self.least_waiting(id, |originator| *originator == segment.originator)
            } else if !fits(self.held, of_all) {
                self.least_waiting(id, |_| true)
            } else {
                return true;
            };
            let Some(victim) = victim else {
                return false;
            };
            self.give_up(victim, ExpiredReason::NoRoom);
        }
    }

    fn least_waiting(
        &self,
        except: GatheringId,
        is_meant: impl Fn(&Option<Originator>) -> bool,
    ) -> Option<GatheringId> {
        let waiting = self.gatherings.iter().filter(|(id, gathering)| {
            **id != except && gathering.is_gathering() && is_meant(&gathering.key.originator)
        });
        let victim = waiting.min_by_key(|(id, gathering)| {
            let held = self.held_of.get(&gathering.key.originator);
            let segments = held.map_or(0, |held| held.segments);
            (Reverse(segments), gathering.due(), **id)
        });
        victim.map(|(id, _)| *id)
    }

    /// Forgets a message that was begun for a segment that is not taken.
    fn forget_empty(&mut self, id: GatheringId) {
        let gathering = self.gatherings.get(&id);
        if gathering.is_some_and(|gathering| gathering.parts.is_empty()) {
            self.forget(id);
        }
    }

    /// Takes a message out of every table.
    fn forget(&mut self, id: GatheringId) -> Option<Gathering> {
        let gathering = self.gatherings.remove(&id)?;
        if let Some(due) = gathering.due() {
            self.due.remove(&(due, id));
        }
        if let Some(ids) = self.by_key.get_mut(&gathering.key) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_key.remove(&gathering.key);
            }
        }
        for part in gathering.parts.values() {
            self.forget_storing(part.stored);
        }
        self.count(&gathering, false);
        Some(gathering)
    }

    fn forget_storing(&mut self, stored: Stored) {
        if let Stored::UnderWay(segment) = stored {
            self.storing.remove(&segment);
        }
    }

    /// Counts a message as held, or as gone.
    fn count(&mut self, gathering: &Gathering, is_there: bool) {
        let this = gathering.held();
        let originator = &gathering.key.originator;
        let of = self.held_of.entry(originator.clone()).or_default();
        for held in [&mut self.held, &mut *of] {
            for (sum, number) in [
                (&mut held.messages, this.messages),
                (&mut held.segments, this.segments),
                (&mut held.octets, this.octets),
            ] {
                *sum = if is_there {
                    sum.saturating_add(number)
                } else {
                    sum.saturating_sub(number)
                };
            }
        }
        if *of == Held::default() {
            self.held_of.remove(originator);
        }
    }

    fn message_id(&mut self) -> MessageId {
        let id = MessageId(self.next_message);
        self.next_message += 1;
        id
    }

    fn drop_stored(&mut self, segments: impl IntoIterator<Item = SegmentId>) {
        let segments: Box<[_]> = segments.into_iter().collect();
        if !segments.is_empty() {
            self.outputs.push_back(Output::Drop { segments });
        }
    }

    fn settle(&mut self, ticket: Ticket, settlement: Settlement) {
        self.outputs
            .push_back(Output::Settled { ticket, settlement });
    }
}
