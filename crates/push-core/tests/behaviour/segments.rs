//! Pushes that were put together from stored segments: what is durable is acknowledged, and offered no more.

use push_core::{PushRefusal, RequestTicket, SegmentId, Settings, Verdict};
use push_message::ServerAddress;
use push_testkit::{PushBuilder, StoreAnswer, Terminal};

use crate::common::{Expectations, MMS, request, wsp};

const SEGMENTS: [SegmentId; 2] = [SegmentId(1), SegmentId(2)];
const OTHERS: [SegmentId; 1] = [SegmentId(3)];

fn terminal(settings: Settings) -> Terminal {
    let mut terminal = Terminal::new(settings);
    terminal.store.put_segments(&SEGMENTS);
    terminal.store.put_segments(&OTHERS);
    terminal
}

fn push() -> PushBuilder {
    let centre = ServerAddress::E164("+491710760000".into());
    PushBuilder::to(MMS).by_short_message(Some(2948), centre, Some("+4917099999"))
}

fn segments(terminal: &Terminal) -> Vec<SegmentId> {
    terminal.store.segments().collect()
}

fn judged(terminal: &mut Terminal, push: PushBuilder, segments: &[SegmentId]) -> Verdict {
    let ticket = terminal.push_in_segments(push, segments);
    terminal.verdict(ticket).unwrap()
}

fn write_next(terminal: &mut Terminal) {
    let written = terminal.store.write_next().unwrap();
    terminal.persisted(written);
}

fn fail_next(terminal: &mut Terminal) {
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
}

#[test]
fn segments_go_in_the_write_that_journals_the_push() {
    for registers in [true, false] {
        let mut terminal = terminal(wsp());
        if registers {
            terminal.registered("uid:1", request(MMS));
        }
        terminal.store.answer = StoreAnswer::Late;
        let ticket = terminal.push_in_segments(push(), &SEGMENTS);
        assert_eq!(terminal.store.waiting(), 1, "one write for both");
        assert_eq!(terminal.verdict(ticket), None);
        assert_eq!(segments(&terminal).len(), 3);
        write_next(&mut terminal);
        let verdict = terminal.verdict(ticket).unwrap();
        assert_eq!(matches!(verdict, Verdict::Accepted { .. }), registers);
        assert_eq!(matches!(verdict, Verdict::Held { .. }), !registers);
        assert_eq!(segments(&terminal), OTHERS);
        assert_eq!(terminal.store.events().count(), 1);
    }
}

#[test]
fn segments_of_a_push_that_could_not_be_written_stay() {
    for registers in [true, false] {
        let mut terminal = terminal(wsp());
        if registers {
            terminal.registered("uid:1", request(MMS));
        }
        terminal.store.answer = StoreAnswer::Failing;
        let refused = Verdict::Refused(PushRefusal::NoRoom);
        assert_eq!(judged(&mut terminal, push(), &SEGMENTS), refused);
        terminal.store.answer = StoreAnswer::AtOnce;
        assert_eq!(segments(&terminal).len(), 3);
        let verdict = judged(&mut terminal, push(), &SEGMENTS);
        assert!(!matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
        assert_eq!(segments(&terminal), OTHERS);
        assert_eq!(terminal.store.events().count(), 1);
    }
}

#[test]
fn segments_of_a_push_that_finds_no_room_stay() {
    for (settings, registers) in [
        (
            Settings {
                max_queue_octets: 1,
                ..wsp()
            },
            true,
        ),
        (
            Settings {
                max_total_octets: 1,
                ..wsp()
            },
            false,
        ),
    ] {
        let mut terminal = terminal(settings);
        if registers {
            terminal.registered("uid:1", request(MMS));
        }
        let written = terminal.store.written();
        let refused = Verdict::Refused(PushRefusal::NoRoom);
        assert_eq!(judged(&mut terminal, push(), &SEGMENTS), refused);
        assert_eq!(segments(&terminal).len(), 3);
        assert_eq!(terminal.store.written(), written, "nothing was written");
    }
}

#[test]
fn segments_of_a_push_that_is_refused_go_before_the_verdict() {
    let unwanted = |id: &str| push_core::RegistrationRequest {
        accept: Some("text/html".to_owned()),
        ..request(id)
    };
    let unlisted = |id: &str| push_core::RegistrationRequest {
        whitelist: vec!["192.0.2.1".to_owned()],
        ..request(id)
    };
    let nobody_held = Settings {
        hold_unmatched: std::time::Duration::ZERO,
        ..wsp()
    };
    for (settings, registration, refusal) in [
        (wsp(), Some(unwanted(MMS)), PushRefusal::ContentType),
        (wsp(), Some(unlisted(MMS)), PushRefusal::ServerNotListed),
        (nobody_held, None, PushRefusal::NoSuchApplication),
    ] {
        let mut terminal = terminal(settings);
        if let Some(registration) = registration {
            terminal.registered("uid:1", registration);
        }
        terminal.store.answer = StoreAnswer::Late;
        let ticket = terminal.push_in_segments(push(), &SEGMENTS);
        assert_eq!(
            terminal.verdict(ticket),
            None,
            "their removal is not durable"
        );
        fail_next(&mut terminal);
        let again = Verdict::Refused(PushRefusal::NoRoom);
        assert_eq!(
            terminal.verdict(ticket),
            Some(again),
            "it is to be offered again"
        );
        let ticket = terminal.push_in_segments(push(), &SEGMENTS);
        write_next(&mut terminal);
        assert_eq!(terminal.verdict(ticket), Some(Verdict::Refused(refusal)));
        assert_eq!(segments(&terminal), OTHERS);
        // One that came in one piece needs no write.
        assert_eq!(terminal.judged(push()), Verdict::Refused(refusal));
        assert_eq!(terminal.store.waiting(), 0);
    }
}

#[test]
fn segments_of_a_duplicate_go_before_the_verdict() {
    let mut terminal = terminal(wsp());
    terminal.registered("uid:1", request(MMS));
    terminal.accepted(push());
    terminal.store.answer = StoreAnswer::Late;
    let ticket = terminal.push_in_segments(push(), &SEGMENTS);
    assert_eq!(terminal.verdict(ticket), None);
    fail_next(&mut terminal);
    let again = Verdict::Refused(PushRefusal::NoRoom);
    assert_eq!(terminal.verdict(ticket), Some(again));
    let ticket = terminal.push_in_segments(push(), &SEGMENTS);
    write_next(&mut terminal);
    assert_eq!(terminal.verdict(ticket), Some(Verdict::Duplicate));
    assert_eq!(segments(&terminal), OTHERS);
    assert_eq!(terminal.store.events().count(), 1);
}

/// A first transmission on its way, and one again that waits for it.
fn waiting(terminal: &mut Terminal) -> [RequestTicket; 2] {
    terminal.registered("uid:1", request(MMS));
    terminal.store.answer = StoreAnswer::Late;
    let first = terminal.push_in_segments(push(), &SEGMENTS);
    let again = terminal.push_in_segments(push(), &OTHERS);
    assert_eq!(terminal.store.waiting(), 1);
    [first, again]
}

#[test]
fn a_duplicate_that_waits_for_its_first_transmission_keeps_its_segments_until_then() {
    let mut terminal = terminal(wsp());
    let [first, again] = waiting(&mut terminal);
    write_next(&mut terminal);
    let verdict = terminal.verdict(first).unwrap();
    assert!(matches!(verdict, Verdict::Accepted { .. }), "{verdict:?}");
    assert_eq!(
        terminal.verdict(again),
        None,
        "its segments are still there"
    );
    assert_eq!(segments(&terminal), OTHERS);
    write_next(&mut terminal);
    assert_eq!(terminal.verdict(again), Some(Verdict::Duplicate));
    assert_eq!(segments(&terminal), []);
}

#[test]
fn a_duplicate_whose_first_transmission_could_not_be_written_keeps_its_segments() {
    let mut terminal = terminal(wsp());
    let [first, again] = waiting(&mut terminal);
    fail_next(&mut terminal);
    let refused = Some(Verdict::Refused(PushRefusal::NoRoom));
    assert_eq!(
        (terminal.verdict(first), terminal.verdict(again)),
        (refused, refused)
    );
    assert_eq!(segments(&terminal).len(), 3);
    assert_eq!(terminal.store.waiting(), 0);
}

#[test]
fn a_crash_before_the_verdict_leaves_the_event_or_the_segments() {
    for written in [false, true] {
        let mut terminal = terminal(wsp());
        let [_, _] = waiting(&mut terminal);
        if written {
            write_next(&mut terminal);
        }
        let snapshot = terminal.store.crash();
        assert_eq!(snapshot.events.len(), usize::from(written));
        assert_eq!(snapshot.segments.len(), if written { 1 } else { 3 });
    }
}
