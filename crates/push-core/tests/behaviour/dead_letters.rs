//! Dead letters: listed, delivered again, dropped.

use std::time::Duration;

use crate::common::{Expectations, MMS, PRIVATE, SECOND, named, request, wsp};
use push_core::{
    Answer, DeadLetters, EventId, Fate, Input, Occurrence, Outcome, RegistrationRequest,
    RequestTicket, Selector, Settings, SubscriberId,
};
use push_message::{Owner, Reason};
use push_testkit::{PushBuilder, StoreAnswer, Terminal};

const OWNER: &str = "uid:1";

/// A Push Client with letters of two owners.
struct Scene {
    terminal: Terminal,
    own: SubscriberId,
    letters: [EventId; 3],
    tickets: u64,
}

impl Scene {
    fn new() -> Self {
        Self::with(wsp())
    }

    /// Two letters of an owner and one of another, the first of them in the middle of what else waits for it.
    fn with(settings: Settings) -> Self {
        let mut terminal = Terminal::new(settings);
        terminal.registered(OWNER, request(MMS));
        terminal.registered("uid:2", request(PRIVATE));
        let letters = [(1, MMS), (2, MMS), (3, PRIVATE)]
            .map(|(number, id)| terminal.accepted(PushBuilder::to(id).transaction(number)));
        terminal.acknowledge(OWNER, &letters[..2], Outcome::Rejected);
        terminal.acknowledge("uid:2", &letters[2..], Outcome::Rejected);
        assert_eq!(terminal.client.counts().dead_letters, 3);
        let own = terminal.subscribe(OWNER, Selector::default(), 9);
        Self {
            terminal,
            own,
            letters,
            tickets: 1_000,
        }
    }

    fn ask(&mut self, owner: Option<&str>, letters: DeadLetters, fate: Fate) -> RequestTicket {
        self.tickets += 1;
        let ticket = RequestTicket(self.tickets);
        self.terminal.input(Input::SettleDeadLetters {
            ticket,
            owner: owner.map(Owner::proved),
            letters,
            fate,
        });
        ticket
    }

    /// How many were settled, and which were not, with the reason.
    fn settle(
        &mut self,
        owner: Option<&str>,
        letters: DeadLetters,
        fate: Fate,
    ) -> (usize, Vec<(EventId, Reason)>) {
        let ticket = self.ask(owner, letters, fate);
        match self.terminal.answer(ticket) {
            Some(Answer::Settled { settled, refused }) => {
                let refused = refused.into_iter();
                (
                    settled,
                    refused
                        .map(|(event, refusal)| (event, refusal.reason))
                        .collect(),
                )
            }
            other => panic!("{other:?}"),
        }
    }

    fn listed(&self, owner: Option<&str>) -> Vec<EventId> {
        let owner = owner.map(Owner::proved);
        let letters = self.terminal.client.dead_letters(owner.as_ref(), None);
        letters.map(|letter| letter.event).collect()
    }

    fn occurred(&mut self, is_meant: impl Fn(&Occurrence) -> Option<EventId>) -> Vec<EventId> {
        let occurrences = std::mem::take(&mut self.terminal.out.occurrences);
        occurrences.iter().filter_map(is_meant).collect()
    }
}

fn events(events: &[EventId]) -> DeadLetters {
    DeadLetters::Events(events.to_vec())
}

fn all() -> DeadLetters {
    DeadLetters::Selected(Selector::default())
}

const fn replayed(occurrence: &Occurrence) -> Option<EventId> {
    if let Occurrence::Replayed { event } = occurrence {
        Some(*event)
    } else {
        None
    }
}

const fn dropped(occurrence: &Occurrence) -> Option<EventId> {
    if let Occurrence::Dropped { event, .. } = occurrence {
        Some(*event)
    } else {
        None
    }
}

#[test]
fn an_owner_sees_its_own_letters_and_an_administrator_all() {
    let scene = Scene::new();
    let [first, second, third] = scene.letters;
    assert_eq!(scene.listed(Some(OWNER)), [first, second]);
    assert_eq!(scene.listed(Some("uid:2")), [third]);
    assert_eq!(scene.listed(Some("uid:3")), []);
    assert_eq!(scene.listed(None), [first, second, third]);
    let letter = scene
        .terminal
        .client
        .dead_letters(None, None)
        .next()
        .unwrap();
    assert_eq!(letter.failures, 1);
    assert_eq!(letter.record.push_application_id.to_string(), MMS);
    assert_eq!(*letter.push.message.content, *b"hello");
}

#[test]
fn a_replayed_letter_is_delivered_as_if_for_the_first_time() {
    let mut scene = Scene::new();
    let [first, second, _] = scene.letters;
    let answer = scene.settle(Some(OWNER), events(&[second, first, first]), Fate::Replayed);
    assert_eq!(answer, (2, vec![]));
    assert_eq!(scene.terminal.delivered(), [(first, 1), (second, 1)]);
    assert_eq!(scene.listed(Some(OWNER)), []);
    assert_eq!(scene.occurred(replayed), [first, second]);
    scene.terminal.crash();
    assert_eq!(scene.terminal.client.counts().waiting_events, 2);
    scene.terminal.subscribe(OWNER, Selector::default(), 9);
    assert_eq!(scene.terminal.delivered(), [(first, 1), (second, 1)]);
}

#[test]
fn a_replayed_letter_is_back_in_its_place_in_order_of_arrival() {
    let mut scene = Scene::new();
    let [first, second, _] = scene.letters;
    scene.terminal.unsubscribe(scene.own);
    let third = scene.terminal.accepted(PushBuilder::to(MMS).transaction(9));
    scene.settle(Some(OWNER), events(&[second]), Fate::Replayed);
    scene.settle(Some(OWNER), events(&[first]), Fate::Replayed);
    scene.terminal.subscribe(OWNER, Selector::default(), 9);
    assert_eq!(
        scene.terminal.delivered(),
        [(first, 1), (second, 1), (third, 1)]
    );
}

#[test]
fn a_replayed_letter_lives_as_long_as_a_new_event() {
    let lifetime = Duration::from_mins(100);
    let settings = || Settings {
        event_lifetime: lifetime,
        ..wsp()
    };
    for (crashes, puts_off) in [(false, false), (true, false), (true, true)] {
        let mut scene = Scene::with(settings());
        let [first, ..] = scene.letters;
        scene.terminal.advance(99 * SECOND * 60);
        scene.settle(Some(OWNER), events(&[first]), Fate::Replayed);
        if puts_off {
            scene.terminal.acknowledge(OWNER, &[first], Outcome::Later);
        }
        if crashes {
            scene.terminal.crash();
        }
        scene.terminal.advance(99 * SECOND * 60);
        let counts = scene.terminal.client.counts();
        let left = counts.waiting_events + counts.unacknowledged_events + counts.dead_letters;
        assert_eq!(left, 1, "{crashes} {puts_off}");
        scene.terminal.advance(60 * SECOND);
        assert_eq!(scene.terminal.store.events().count(), 0);
    }
}

#[test]
fn dropped_letters_are_gone_for_good() {
    let mut scene = Scene::new();
    let [first, second, third] = scene.letters;
    assert_eq!(scene.settle(None, all(), Fate::Dropped), (3, vec![]));
    assert_eq!(scene.occurred(dropped), [first, second, third]);
    assert_eq!(scene.listed(None), []);
    assert_eq!(scene.terminal.client.counts().octets, 0);
    assert_eq!(scene.terminal.store.events().count(), 0);
    assert_eq!(scene.settle(None, all(), Fate::Dropped), (0, vec![]));
}

#[test]
fn an_owner_settles_its_own_letters_alone() {
    let mut scene = Scene::new();
    let [first, second, third] = scene.letters;
    let alive = scene.terminal.accepted(PushBuilder::to(MMS).transaction(9));
    for fate in [Fate::Replayed, Fate::Dropped] {
        let asked = events(&[third, alive, EventId(7)]);
        let unknown = |event| (event, Reason::NotRegistered);
        let refused = vec![unknown(EventId(7)), unknown(third), unknown(alive)];
        assert_eq!(scene.settle(Some(OWNER), asked, fate), (0, refused));
    }
    assert_eq!(
        scene.settle(Some("uid:3"), all(), Fate::Dropped),
        (0, vec![])
    );
    assert_eq!(scene.listed(None), [first, second, third]);
    assert_eq!(scene.settle(Some(OWNER), all(), Fate::Dropped), (2, vec![]));
    assert_eq!(scene.listed(None), [third]);
}

#[test]
fn letters_are_selected_by_application() {
    let mut scene = Scene::new();
    let of = |id: Option<&str>, name: Option<&str>| {
        DeadLetters::Selected(Selector {
            push_application_id: id.map(str::to_owned),
            application_id: name.map(str::to_owned),
            handler_of: None,
        })
    };
    let settled = scene.settle(None, of(None, Some("nobody")), Fate::Dropped);
    assert_eq!(settled.0, 0);
    assert_eq!(scene.settle(None, of(Some("4"), None), Fate::Dropped).0, 2);
    assert_eq!(scene.listed(None), scene.letters[2..]);
    let ticket = scene.ask(None, of(Some(""), None), Fate::Dropped);
    assert_eq!(
        scene.terminal.refusal(ticket).reason,
        Reason::InvalidRequest
    );
}

#[test]
fn letters_are_replayed_as_far_as_there_is_room() {
    let mut scene = Scene::with(Settings {
        max_queue_events: 2,
        ..wsp()
    });
    let [first, second, third] = scene.letters;
    scene.terminal.unsubscribe(scene.own);
    let waiting = scene.terminal.accepted(PushBuilder::to(MMS).transaction(9));
    let full = vec![(second, Reason::QuotaExceeded)];
    assert_eq!(scene.settle(None, all(), Fate::Replayed), (2, full));
    assert_eq!(scene.listed(None), [second]);
    scene.terminal.subscribe(OWNER, Selector::default(), 9);
    assert_eq!(scene.terminal.delivered(), [(first, 1), (waiting, 1)]);
    assert_eq!(scene.occurred(replayed), [first, third]);
}

#[test]
fn nothing_is_settled_before_it_is_durable() {
    for fate in [Fate::Replayed, Fate::Dropped] {
        let mut scene = Scene::new();
        let [first, ..] = scene.letters;
        scene.terminal.store.answer = StoreAnswer::Late;
        let ticket = scene.ask(None, events(&[first]), fate);
        assert!(scene.terminal.answer(ticket).is_none());
        assert_eq!(scene.terminal.delivered(), []);
        // Nobody else settles it meanwhile.
        let second = scene.settle(None, events(&[first]), fate);
        assert_eq!(second, (0, vec![(first, Reason::NotRegistered)]));
        let acknowledged = scene
            .terminal
            .acknowledge(OWNER, &[first], Outcome::Accepted);
        assert_eq!(scene.terminal.acknowledged(acknowledged), [first]);
        scene.terminal.write_all();
        assert!(scene.terminal.answer(ticket).is_some());
        let delivered = scene.terminal.delivered();
        assert_eq!(delivered.len(), usize::from(fate == Fate::Replayed));
    }
}

#[test]
fn a_store_that_fails_leaves_letters_as_they_were() {
    for fate in [Fate::Replayed, Fate::Dropped] {
        let mut scene = Scene::new();
        let before = scene.terminal.client.counts();
        scene.terminal.store.answer = StoreAnswer::Failing;
        let ticket = scene.ask(None, all(), fate);
        assert_eq!(scene.terminal.refusal(ticket).reason, Reason::StoreFailed);
        assert_eq!(scene.terminal.client.counts(), before);
        assert_eq!(scene.listed(None), scene.letters);
        assert_eq!(scene.terminal.delivered(), []);
        scene.terminal.store.answer = StoreAnswer::AtOnce;
        let next = scene.terminal.accepted(PushBuilder::to(MMS).transaction(9));
        assert_eq!(
            scene.terminal.delivered(),
            [(next, 1)],
            "nothing is in its way"
        );
        assert_eq!(scene.settle(None, all(), fate), (3, vec![]));
    }
}

#[test]
fn letters_end_with_their_registration_whatever_is_being_written() {
    for fate in [Fate::Replayed, Fate::Dropped] {
        let mut scene = Scene::new();
        scene.terminal.store.answer = StoreAnswer::Late;
        let ticket = scene.ask(None, all(), fate);
        scene
            .terminal
            .deregister(OWNER, crate::common::departure(MMS));
        let late = scene.settle(Some(OWNER), all(), fate);
        assert_eq!(late.0, 0);
        scene.terminal.write_all();
        assert!(scene.terminal.answer(ticket).is_some());
        let left = usize::from(fate == Fate::Replayed);
        assert_eq!(scene.terminal.client.counts().waiting_events, left);
        assert_eq!(scene.terminal.store.events().count(), left);
        scene.terminal.store.answer = StoreAnswer::AtOnce;
        scene.terminal.crash();
        assert_eq!(scene.terminal.client.counts().waiting_events, left);
    }
}

#[test]
fn a_replayed_letter_asks_for_its_handler() {
    let mut terminal = Terminal::new(Settings {
        handler_schemes: vec!["exec".to_owned()],
        ..wsp()
    });
    let handled = RegistrationRequest {
        event_handler: Some("exec:meter".to_owned()),
        ..named(MMS, "meter")
    };
    let id = terminal.registered(OWNER, handled);
    let letter = terminal.accepted(PushBuilder::to(MMS));
    terminal.acknowledge(OWNER, &[letter], Outcome::Rejected);
    terminal.out.wanted.clear();
    terminal.input(Input::SettleDeadLetters {
        ticket: RequestTicket(1_000),
        owner: None,
        letters: events(&[letter]),
        fate: Fate::Replayed,
    });
    assert_eq!(terminal.out.wanted, [(id, Some(false))]);
}

#[test]
fn dead_letters_of_a_user_push_out_none_of_others() {
    let mut scene = Scene::with(Settings {
        max_dead_letters: 5,
        max_dead_letters_per_user: 2,
        ..wsp()
    });
    let terminal = &mut scene.terminal;
    let mut sandboxes = Vec::new();
    for (number, sandbox) in (10..).zip(["a", "b", "c", "d"]) {
        let (owner, id) = (
            format!("uid:9/flatpak:{sandbox}"),
            format!("x-example:{sandbox}"),
        );
        terminal.registered(&owner, request(&id));
        let letter = terminal.accepted(PushBuilder::to(&id).transaction(number));
        terminal.acknowledge(&owner, &[letter], Outcome::Rejected);
        sandboxes.push(letter);
    }
    let left = |terminal: &Terminal| -> Vec<_> {
        let letters = terminal.client.dead_letters(None, None);
        letters.map(|letter| letter.event).collect()
    };
    let expected = [&scene.letters[..], &sandboxes[2..]].concat();
    assert_eq!(left(terminal), expected);
    terminal.crash();
    assert_eq!(left(terminal), expected);
}
