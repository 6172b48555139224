//! What reassembly does, case by case.
#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::unchecked_time_subtraction,
    reason = "whoever looks through outputs wants one kind, and a test may panic"
)]

mod model;
mod receive;

use std::time::Duration;

use push_message::UnixMillis;

use super::*;

/// 2026-01-02 12:34:56.
const STAMP: u64 = 1_767_357_296_000;

fn segment(reference: u16, total: u8, sequence: u8, octets: &[u8]) -> Segment {
    Segment {
        device: "modem0".into(),
        service_centre: Some("+4917099999".into()),
        originator: Some(Originator::Number("+15551234567".into())),
        sent: Some(UnixMillis(STAMP)),
        ports: Some(Ports {
            destination: 2948,
            originator: 9200,
        }),
        concatenation: Some(Concatenation {
            reference,
            width: Width::Eight,
            total,
            sequence,
        }),
        octets: octets.into(),
        received: UnixMillis(STAMP + 2_000),
    }
}

/// A reassembler whose tickets count from 1, and its store.
struct Stage {
    reassembler: Reassembler,
    stored: std::collections::BTreeMap<SegmentId, Box<[u8]>>,
    now: Duration,
    tickets: u64,
}

impl Stage {
    fn new(settings: ReassemblerSettings) -> Self {
        Self {
            reassembler: Reassembler::new(settings),
            stored: std::collections::BTreeMap::new(),
            now: Duration::from_secs(1_000),
            tickets: 0,
        }
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.reassembler.handle_input(input, self.now);
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.reassembler.poll_output()).collect()
    }

    /// Hands a segment in, and says its ticket.
    fn give(&mut self, segment: Segment) -> (Ticket, Vec<Output>) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        (ticket, self.input(Input::Segment { ticket, segment }))
    }

    /// Hands in a segment that others have to follow, and stores it.
    fn kept(&mut self, segment: Segment) -> SegmentId {
        let (ticket, outputs) = self.give(segment);
        let kept = outputs.iter().find_map(|output| match output {
            Output::Keep { segment, octets } => Some((*segment, octets.clone())),
            _ => None,
        });
        let (id, octets) = kept.unwrap_or_else(|| panic!("{outputs:?}"));
        self.stored.insert(id, octets);
        let settled = self.persisted(id, Ok(()));
        assert_eq!(settled, [settlement(ticket, Settlement::Kept)]);
        id
    }

    /// Hands in the segment that makes a message whole.
    fn whole(&mut self, segment: Segment) -> (Ticket, Box<WholeMessage>) {
        let (ticket, outputs) = self.give(segment);
        (ticket, message(outputs))
    }

    fn persisted(&mut self, segment: SegmentId, result: Result<(), ()>) -> Vec<Output> {
        let result = result.map_err(|()| "the disk is full".to_owned());
        self.input(Input::Persisted { segment, result })
    }

    fn judged(&mut self, message: MessageId, verdict: Verdict) -> Vec<Output> {
        self.input(Input::Judged { message, verdict })
    }

    /// Lets time pass until the next thing is due.
    fn wait(&mut self) -> Vec<Output> {
        self.now = self.reassembler.poll_timeout().expect("something is due");
        self.reassembler.handle_timeout(self.now);
        self.outputs()
    }

    fn restart(&mut self) -> Vec<Output> {
        self.reassembler = Reassembler::new(ReassemblerSettings::default());
        self.reassembler.restore(self.stored.clone(), self.now);
        self.outputs()
    }
}

fn settlement(ticket: Ticket, settlement: Settlement) -> Output {
    Output::Settled { ticket, settlement }
}

fn message(outputs: Vec<Output>) -> Box<WholeMessage> {
    match <[Output; 1]>::try_from(outputs) {
        Ok([Output::Message(message)]) => message,
        other => panic!("{other:?}"),
    }
}

fn expired(outputs: &[Output]) -> Option<&Expired> {
    outputs.iter().find_map(|output| match output {
        Output::Expired(expired) => Some(&**expired),
        _ => None,
    })
}

fn dropped(outputs: &[Output]) -> Vec<SegmentId> {
    let dropped = outputs.iter().filter_map(|output| match output {
        Output::Drop { segments } => Some(segments.to_vec()),
        _ => None,
    });
    dropped.flatten().collect()
}

fn stage() -> Stage {
    Stage::new(ReassemblerSettings::default())
}

//= specs/wdp.md#segmentation
//= type=test
//# Segments MUST be put together by their sequence numbers, in whatever order they arrive.
//= specs/wdp.md#segmentation
//= type=test
//# A datagram MUST NOT be handed on before every segment of it is there.
#[test]
fn segments_in_every_order_make_the_message() {
    for order in [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ] {
        let mut stage = stage();
        let part = |sequence: u8| segment(7, 3, sequence, &[sequence; 2]);
        let stored = [order[0], order[1]].map(|sequence| stage.kept(part(sequence)));
        let (ticket, whole) = stage.whole(part(order[2]));
        assert_eq!(*whole.octets, [1, 1, 2, 2, 3, 3]);
        let mut segments = whole.segments.to_vec();
        segments.sort_unstable();
        assert_eq!(segments, stored);
        let message = whole.id;
        assert_eq!(
            stage.judged(message, Verdict::Done),
            [settlement(ticket, Settlement::Judged { message })]
        );
        assert_eq!(stage.reassembler.held(), Held::default());
        assert_eq!(stage.reassembler.poll_timeout(), None);
    }
}

#[test]
fn a_message_in_one_piece_goes_straight_through() {
    let mut stage = stage();
    let mut alone = segment(7, 1, 1, b"whole");
    for concatenation in [alone.concatenation, None] {
        alone.concatenation = concatenation;
        let (ticket, whole) = stage.whole(alone.clone());
        assert_eq!(*whole.octets, *b"whole");
        assert_eq!(whole.concatenation, concatenation);
        assert!(whole.segments.is_empty());
        let message = whole.id;
        assert_eq!(
            stage.judged(message, Verdict::Done),
            [settlement(ticket, Settlement::Judged { message })]
        );
        let (ticket, whole) = stage.whole(alone.clone());
        assert_eq!(
            stage.judged(whole.id, Verdict::NotNow),
            [settlement(ticket, Settlement::NotNow)]
        );
        assert_eq!(stage.reassembler.poll_timeout(), None);
    }
    let mut impossible = alone;
    impossible.concatenation = segment(7, 2, 3, b"").concatenation;
    let (_, whole) = stage.whole(impossible);
    assert_eq!(whole.concatenation, None);
}

//= specs/wdp.md#segmentation
//= type=test
//# A segment that is there already MUST NOT be taken a second time.
#[test]
fn a_repeated_segment_is_acknowledged_and_not_taken_again() {
    let mut stage = stage();
    let (first, outputs) = stage.give(segment(7, 2, 1, b"one"));
    let [Output::Keep { segment: id, .. }] = outputs[..] else {
        panic!("{outputs:?}");
    };
    // Before it is durable both sources wait, after that nobody has to.
    let (second, outputs) = stage.give(segment(7, 2, 1, b"one"));
    assert_eq!(outputs, []);
    assert_eq!(
        stage.persisted(id, Ok(())),
        [first, second].map(|ticket| settlement(ticket, Settlement::Kept))
    );
    let (third, outputs) = stage.give(segment(7, 2, 1, b"one"));
    assert_eq!(outputs, [settlement(third, Settlement::Kept)]);
    assert_eq!(stage.reassembler.held().segments, 1);
    assert_eq!(*stage.whole(segment(7, 2, 2, b"two")).1.octets, *b"onetwo");
}

//= specs/wdp.md#segmentation
//= type=test
//# Segments MUST be joined only where originator, reference, width of the reference and total are the same.
#[test]
fn messages_that_differ_in_anything_do_not_mix() {
    let changes: [fn(&mut Segment); 9] = [
        |segment| segment.device = "modem1".into(),
        |segment| segment.service_centre = None,
        |segment| segment.originator = Some(Originator::Number("+15551234568".into())),
        |segment| segment.originator = Some(Originator::Name("+15551234567".into())),
        |segment| segment.ports.as_mut().unwrap().destination = 9209,
        |segment| segment.ports.as_mut().unwrap().originator = 9201,
        |segment| segment.concatenation.as_mut().unwrap().reference = 8,
        |segment| segment.concatenation.as_mut().unwrap().width = Width::Sixteen,
        |segment| segment.concatenation.as_mut().unwrap().total = 3,
    ];
    for change in changes {
        let mut stage = stage();
        stage.kept(segment(7, 2, 1, b"one"));
        let mut other = segment(7, 2, 2, b"other");
        change(&mut other);
        stage.kept(other);
        assert_eq!(stage.reassembler.held().messages, 2);
        assert_eq!(*stage.whole(segment(7, 2, 2, b"two")).1.octets, *b"onetwo");
    }
}

#[test]
fn a_segment_that_cannot_be_stored_is_left_to_its_source() {
    let mut stage = stage();
    let (ticket, outputs) = stage.give(segment(7, 2, 1, b"one"));
    let [Output::Keep { segment: id, .. }] = outputs[..] else {
        panic!("{outputs:?}");
    };
    let outputs = stage.persisted(id, Err(()));
    assert!(outputs.contains(&settlement(ticket, Settlement::NotNow)));
    assert_eq!(stage.reassembler.held(), Held::default());
    stage.kept(segment(7, 2, 1, b"one"));
    stage.whole(segment(7, 2, 2, b"two"));
}

#[test]
fn a_message_that_is_whole_before_its_segments_are_stored_answers_for_them() {
    for (result, verdict) in [
        (Ok(()), Verdict::Done),
        (Err(()), Verdict::Done),
        (Ok(()), Verdict::NotNow),
        (Err(()), Verdict::NotNow),
    ] {
        let mut stage = stage();
        let (first, outputs) = stage.give(segment(7, 2, 1, b"one"));
        let [Output::Keep { segment: id, .. }] = outputs[..] else {
            panic!("{outputs:?}");
        };
        let (last, whole) = stage.whole(segment(7, 2, 2, b"two"));
        let mut settled = stage.persisted(id, result);
        settled.extend(stage.judged(whole.id, verdict));
        let judged = match verdict {
            Verdict::NotNow => Settlement::NotNow,
            Verdict::Done | Verdict::Unreadable => Settlement::Judged { message: whole.id },
        };
        let first_settled = if result.is_ok() {
            Settlement::Kept
        } else {
            judged
        };
        assert_eq!(
            settled,
            [settlement(first, first_settled), settlement(last, judged)],
            "{result:?} {verdict:?}"
        );
    }
}

#[test]
fn a_message_that_nobody_can_take_now_is_offered_again() {
    let mut stage = stage();
    let id = stage.kept(segment(7, 2, 1, b"one"));
    let (ticket, whole) = stage.whole(segment(7, 2, 2, b"two"));
    let start = stage.now;
    assert_eq!(
        stage.judged(whole.id, Verdict::NotNow),
        [settlement(ticket, Settlement::NotNow)]
    );
    let mut waits = Vec::new();
    for _ in 0..9 {
        let before = stage.now;
        let again = message(stage.wait());
        assert_eq!(
            (&*again.octets, &*again.segments),
            (&b"onetwo"[..], &[id][..])
        );
        assert_eq!(stage.judged(again.id, Verdict::NotNow), []);
        waits.push((stage.now - before).as_secs());
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    assert!(stage.now - start > ReassemblerSettings::default().timeout);
    // Its source comes again with what it was not allowed to acknowledge.
    let (ticket, again) = stage.whole(segment(7, 2, 2, b"two"));
    let done = Settlement::Judged { message: again.id };
    assert_eq!(
        stage.judged(again.id, Verdict::Done),
        [settlement(ticket, done)]
    );
    assert_eq!(stage.reassembler.poll_timeout(), None);
}

#[test]
fn what_is_no_push_is_dropped_from_the_store() {
    let mut stage = stage();
    let id = stage.kept(segment(7, 2, 1, b"one"));
    let (ticket, whole) = stage.whole(segment(7, 2, 2, b"two"));
    let outputs = stage.judged(whole.id, Verdict::Unreadable);
    assert_eq!(dropped(&outputs), [id]);
    let judged = Settlement::Judged { message: whole.id };
    assert!(outputs.contains(&settlement(ticket, judged)));
    assert_eq!(stage.reassembler.held(), Held::default());
}

#[test]
fn what_is_missing_too_long_is_recorded_and_dropped() {
    let mut stage = stage();
    let start = stage.now;
    let first = stage.kept(segment(7, 4, 2, b"two"));
    stage.now += Duration::from_mins(9);
    let second = stage.kept(segment(7, 4, 4, b"four"));
    let outputs = stage.wait();
    assert_eq!(stage.now - start, Duration::from_mins(19));
    assert_eq!(dropped(&outputs), [first, second]);
    let expired = expired(&outputs).expect("a record");
    assert_eq!(expired.reason, ExpiredReason::TimedOut);
    assert_eq!(*expired.missing, [1, 3]);
    assert_eq!(expired.concatenation.reference, 7);
    assert_eq!(stage.reassembler.held(), Held::default());
}

#[test]
fn a_reference_that_comes_round_again_gives_the_older_message_up() {
    let mut stage = stage();
    let old = stage.kept(segment(7, 3, 1, b"old"));
    let (_, outputs) = stage.give(segment(7, 3, 1, b"new"));
    assert_eq!(dropped(&outputs), [old]);
    let expired = expired(&outputs).expect("a record");
    assert_eq!(
        (expired.reason, &*expired.missing),
        (ExpiredReason::Replaced, &[2, 3][..])
    );
    stage.give(segment(7, 3, 2, b"2"));
    assert_eq!(*stage.whole(segment(7, 3, 3, b"3")).1.octets, *b"new23");
}

#[test]
fn segments_with_time_stamps_far_apart_are_of_two_messages() {
    let mut stage = stage();
    let later = |mut segment: Segment| {
        segment.sent = Some(UnixMillis(STAMP + 301_000));
        segment
    };
    stage.kept(segment(7, 2, 1, b"old1"));
    stage.kept(later(segment(7, 2, 2, b"new2")));
    assert_eq!(
        *stage.whole(segment(7, 2, 2, b"old2")).1.octets,
        *b"old1old2"
    );
    let (_, whole) = stage.whole(later(segment(7, 2, 1, b"new1")));
    assert_eq!(*whole.octets, *b"new1new2");
    assert_eq!(whole.sent, Some(UnixMillis(STAMP + 301_000)));
}

#[test]
fn segments_without_time_stamps_are_joined_by_when_they_were_received() {
    let received = |seconds: u64, mut segment: Segment| {
        segment.sent = None;
        segment.received = UnixMillis(STAMP + seconds * 1_000);
        segment
    };
    // The system slept, or was restarted, for longer than a message waits: the clock of the timers knows nothing of it.
    for restarts in [false, true] {
        let mut stage = stage();
        let old = stage.kept(received(0, segment(7, 3, 1, b"old1")));
        if restarts {
            assert_eq!(stage.restart(), []);
        }
        stage.kept(received(601, segment(7, 3, 2, b"new2")));
        stage.kept(received(1_201, segment(7, 3, 3, b"new3")));
        let (_, whole) = stage.whole(received(1_202, segment(7, 3, 1, b"new1")));
        assert_eq!(*whole.octets, *b"new1new2new3");
        stage.judged(whole.id, Verdict::Done);
        assert_eq!(dropped(&stage.wait()), [old]);
    }
}

#[test]
fn a_late_repetition_of_a_message_that_was_taken_goes_without_a_word() {
    let mut stage = stage();
    stage.kept(segment(7, 2, 1, b"one"));
    let (_, whole) = stage.whole(segment(7, 2, 2, b"two"));
    stage.judged(whole.id, Verdict::Done);
    let late = stage.kept(segment(7, 2, 2, b"two"));
    // A new message with that reference is not put together with it.
    let newer = |sequence, octets: &[u8]| {
        let mut segment = segment(7, 2, sequence, octets);
        segment.sent = Some(UnixMillis(STAMP + 60_000));
        segment
    };
    stage.kept(newer(1, b"1"));
    assert_eq!(*stage.whole(newer(2, b"2")).1.octets, *b"12");
    let outputs = stage.wait();
    assert_eq!(dropped(&outputs), [late]);
    assert_eq!(expired(&outputs), None);
}

#[test]
fn a_new_message_may_begin_as_one_that_was_just_taken() {
    let mut stage = stage();
    stage.kept(segment(7, 2, 1, b"head"));
    let (_, whole) = stage.whole(segment(7, 2, 2, b"one"));
    // While the first is judged, and after.
    stage.kept(segment(7, 2, 1, b"head"));
    stage.judged(whole.id, Verdict::Done);
    let (_, whole) = stage.whole(segment(7, 2, 2, b"two"));
    assert_eq!(*whole.octets, *b"headtwo");
    stage.judged(whole.id, Verdict::Done);
    stage.kept(segment(7, 2, 1, b"head"));
    let late = stage.give(segment(7, 2, 1, b"neck")).1;
    assert!(expired(&late).is_none(), "{late:?}");
    let (_, whole) = stage.whole(segment(7, 2, 2, b"three"));
    assert_eq!(*whole.octets, *b"neckthree");
}

#[test]
fn a_restart_takes_up_what_is_stored() {
    let mut stage = stage();
    let ids = [
        stage.kept(segment(7, 3, 1, b"one")),
        stage.kept(segment(7, 3, 3, b"three")),
    ];
    stage.now += Duration::from_mins(9);
    assert_eq!(stage.restart(), []);
    let held = stage.reassembler.held();
    assert_eq!((held.messages, held.segments, held.octets), (1, 2, 8));
    let (_, whole) = stage.whole(segment(7, 3, 2, b"two"));
    assert_eq!(*whole.octets, *b"onetwothree");
    assert_eq!(*whole.segments, ids);
    // Names go on behind those in the store.
    assert!(stage.kept(segment(8, 3, 1, b"one")) > ids[1]);
    // A restart begins the wait anew.
    stage.stored.retain(|id, _| *id == ids[0]);
    stage.restart();
    let begun = stage.now;
    let outputs = stage.wait();
    assert_eq!(stage.now - begun, Duration::from_mins(10));
    assert_eq!(
        expired(&outputs).map(|expired| &*expired.missing),
        Some(&[2, 3][..])
    );
}

#[test]
fn what_is_whole_in_the_store_is_offered_and_what_is_no_segment_is_dropped() {
    let mut stage = stage();
    stage.kept(segment(7, 3, 1, b"one"));
    stage.kept(segment(7, 3, 3, b"three"));
    let last = stage.stored[&SegmentId(0)].clone();
    let (tail, two) = (last.len() - 3, b"two");
    let mut middle = last[..tail].to_vec();
    middle.extend(two);
    // The sequence number stands before the time of arrival and the data.
    middle[tail - 9] = 2;
    stage.stored.insert(SegmentId(9), middle.into());
    stage.stored.insert(SegmentId(10), Box::from(*b"gibberish"));
    stage.stored.insert(SegmentId(11), last);
    let outputs = stage.restart();
    assert_eq!(dropped(&outputs), [SegmentId(10), SegmentId(11)]);
    let Some(Output::Message(whole)) = outputs.last() else {
        panic!("{outputs:?}");
    };
    assert_eq!(*whole.octets, *b"onetwothree");
    assert_eq!(*whole.segments, [SegmentId(0), SegmentId(9), SegmentId(1)]);
    assert_eq!(stage.judged(whole.id, Verdict::NotNow), []);
    message(stage.wait());
}

fn from(originator: &str, mut segment: Segment) -> Segment {
    segment.originator = Some(Originator::from_text(originator));
    segment
}

#[test]
fn the_bounds_of_one_originator_cost_nobody_else() {
    let bounds: [(ReassemblerSettings, usize); 3] = [
        (
            ReassemblerSettings {
                max_messages_per_originator: 2,
                ..ReassemblerSettings::default()
            },
            2,
        ),
        (
            ReassemblerSettings {
                max_segments_per_originator: 2,
                ..ReassemblerSettings::default()
            },
            2,
        ),
        (
            ReassemblerSettings {
                max_octets_per_originator: 20,
                ..ReassemblerSettings::default()
            },
            2,
        ),
    ];
    for (settings, most) in bounds {
        let mut stage = Stage::new(settings);
        stage.kept(from("Other", segment(1, 2, 1, &[0; 10])));
        for reference in 0..5 {
            stage.now += Duration::from_secs(1);
            let (_, outputs) = stage.give(from("Many", segment(reference, 2, 1, &[0; 10])));
            let expired = expired(&outputs).map(|expired| {
                assert_eq!(expired.reason, ExpiredReason::NoRoom);
                expired.concatenation.reference
            });
            assert_eq!(expired, reference.checked_sub(2));
        }
        assert_eq!(stage.reassembler.held().messages, most + 1);
        stage.whole(from("Other", segment(1, 2, 2, &[0; 10])));
    }
}

#[test]
fn the_bounds_of_all_are_at_the_cost_of_whoever_has_most() {
    for settings in [
        ReassemblerSettings {
            max_messages: 4,
            ..ReassemblerSettings::default()
        },
        ReassemblerSettings {
            max_segments: 4,
            ..ReassemblerSettings::default()
        },
        ReassemblerSettings {
            max_octets: 40,
            ..ReassemblerSettings::default()
        },
    ] {
        let mut stage = Stage::new(settings);
        stage.kept(from("First", segment(1, 2, 1, &[0; 10])));
        for reference in 0..3 {
            stage.now += Duration::from_secs(1);
            stage.kept(from("Many", segment(reference, 2, 1, &[0; 10])));
        }
        let (_, outputs) = stage.give(from("Last", segment(1, 2, 1, &[0; 10])));
        let expired = expired(&outputs).expect("a record");
        assert_eq!(expired.originator, Some(Originator::Name("Many".into())));
        assert_eq!(expired.concatenation.reference, 0);
    }
}

#[test]
fn where_nothing_can_make_room_the_source_keeps_its_segment() {
    let mut stage = Stage::new(ReassemblerSettings {
        max_messages: 1,
        ..ReassemblerSettings::default()
    });
    stage.kept(segment(7, 2, 1, b"one"));
    let (_, whole) = stage.whole(segment(7, 2, 2, b"two"));
    stage.judged(whole.id, Verdict::NotNow);
    // A message that was put off is never given up.
    let (ticket, outputs) = stage.give(segment(8, 2, 1, b"one"));
    assert_eq!(outputs, [settlement(ticket, Settlement::NotNow)]);
    assert_eq!(stage.reassembler.held().messages, 1);
    assert!(stage.reassembler.poll_timeout().is_some());
}

#[test]
fn what_is_not_durable_yet_stays_with_its_source_when_it_has_to_make_room() {
    let mut stage = Stage::new(ReassemblerSettings {
        max_messages: 1,
        ..ReassemblerSettings::default()
    });
    let (first, _) = stage.give(segment(7, 2, 1, b"one"));
    let (_, outputs) = stage.give(segment(8, 2, 1, b"one"));
    assert!(outputs.contains(&settlement(first, Settlement::NotNow)));
    // The answer to what is gone comes late.
    assert_eq!(stage.persisted(SegmentId(0), Ok(())), []);
    assert_eq!(dropped(&outputs), [SegmentId(0)]);
}
