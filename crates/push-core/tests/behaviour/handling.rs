//! Event handlers (Push-CAI 5.1): who is asked for, who goes before whom, and what becomes of one that cannot be reached.

use std::time::Duration;

use crate::common::{Expectations, MMS, PRIVATE, SECOND, named, request, wsp};
use push_core::{
    Acknowledgement, EventId, HandlerOf, HandlerStage, HandlerState, Input, Occurrence, Outcome,
    Output, RegistrationId, RegistrationRequest, RequestTicket, Selector, Settings, SubscriberId,
};
use push_message::{Owner, Reason};
use push_testkit::{PushBuilder, StoreAnswer, Terminal};

const OWNER: &str = "uid:1";
const METER: &str = "exec:meter";
const HOUR: Duration = Duration::from_hours(1);
/// For how long an event may be held ready for a handler.
const HELD: Duration = Duration::from_secs(3);

fn settings() -> Settings {
    Settings {
        handler_schemes: vec!["exec".to_owned(), "dbus".to_owned()],
        handler_backoff_base: Duration::from_secs(8),
        handler_backoff_limit: Duration::from_mins(2),
        activation_timeout: Duration::from_mins(1),
        ..wsp()
    }
}

fn handled(id: &str, handler: &str) -> RegistrationRequest {
    RegistrationRequest {
        event_handler: Some(handler.to_owned()),
        ..request(id)
    }
}

/// A Push Client with one registration that has a handler.
struct Scene {
    terminal: Terminal,
    id: RegistrationId,
    pushes: u32,
}

impl Scene {
    fn new() -> Self {
        let mut terminal = Terminal::new(settings());
        let id = terminal.registered(OWNER, handled(MMS, METER));
        Self {
            terminal,
            id,
            pushes: 0,
        }
    }

    /// A scene whose handler is wanted for one event.
    fn wanted() -> (Self, EventId) {
        let mut scene = Self::new();
        let event = scene.push();
        assert_eq!(scene.said(), [Some(false)]);
        (scene, event)
    }

    /// A scene whose handler has an event under way.
    fn attached() -> (Self, EventId, SubscriberId) {
        let (mut scene, event) = Self::wanted();
        let handler = scene.attach(4);
        assert_eq!(scene.terminal.delivered(), [(event, 1)]);
        (scene, event, handler)
    }

    /// A scene whose handler could not be reached for an event.
    fn resting() -> (Self, EventId) {
        let (mut scene, event) = Self::wanted();
        scene.fail(None);
        (scene, event)
    }

    fn push(&mut self) -> EventId {
        self.pushes += 1;
        self.terminal
            .accepted(PushBuilder::to(MMS).transaction(self.pushes))
    }

    fn attach(&mut self, window: u32) -> SubscriberId {
        self.attach_for(OWNER, METER, window)
    }

    fn attach_for(&mut self, owner: &str, handler: &str, window: u32) -> SubscriberId {
        let handler_of = HandlerOf {
            registration: self.id,
            handler: handler.into(),
            held: HELD,
        };
        let selector = Selector {
            handler_of: Some(handler_of),
            ..Selector::default()
        };
        self.terminal.subscribe(owner, selector, window)
    }

    fn own(&mut self) -> SubscriberId {
        self.terminal.subscribe(OWNER, Selector::default(), 4)
    }

    fn fail(&mut self, after: Option<Duration>) {
        self.terminal.input(Input::HandlerFailed {
            registration: self.id,
            handler: METER.into(),
            reason: "connection refused".to_owned(),
            after,
        });
    }

    /// What was said of the handler: wanted (to be probed or not), or no longer.
    fn said(&mut self) -> Vec<Option<bool>> {
        let said = std::mem::take(&mut self.terminal.out.wanted).into_iter();
        said.map(|(id, wanted)| {
            assert_eq!(id, self.id);
            wanted
        })
        .collect()
    }

    /// Whom events were handed to.
    fn takers(&mut self) -> Vec<(SubscriberId, EventId, u32)> {
        let deliveries = self.terminal.deliveries().into_iter();
        deliveries
            .map(|(taker, delivery)| (taker, delivery.event, delivery.attempt))
            .collect()
    }

    fn state(&self) -> HandlerState {
        let mut views = self.terminal.client.registrations();
        views.find_map(|view| view.handler).unwrap()
    }

    fn acknowledge(&mut self, event: EventId, outcome: Outcome) {
        let ticket = self.terminal.acknowledge(OWNER, &[event], outcome);
        assert!(self.terminal.acknowledged(ticket).is_empty());
    }

    /// The rests that were begun, in order.
    fn rests(&mut self) -> Vec<Duration> {
        let now = self.terminal.clock.now().unix.0;
        let occurrences = std::mem::take(&mut self.terminal.out.occurrences);
        let mut rests = Vec::new();
        for occurrence in occurrences {
            if let Occurrence::HandlerFailed { until, .. } = occurrence {
                rests.push(Duration::from_millis(until.0 - now));
            }
        }
        rests
    }
}

#[test]
fn a_handler_is_asked_for_once_while_events_wait() {
    let (mut scene, _) = Scene::wanted();
    scene.push();
    scene.terminal.advance(Duration::from_secs(30));
    assert_eq!(scene.said(), []);
    assert_eq!(scene.state().stage, HandlerStage::Wanted);
    let handler = scene.attach(4);
    assert_eq!(scene.takers().len(), 2);
    assert_eq!(scene.state().stage, HandlerStage::Attached);
    scene.terminal.unsubscribe(handler);
    assert_eq!(scene.said(), [Some(false)], "what it had waits again");
}

#[test]
fn a_handler_whose_work_is_done_is_wanted_with_the_next_event() {
    let (mut scene, event, handler) = Scene::attached();
    scene.acknowledge(event, Outcome::Accepted);
    scene.terminal.unsubscribe(handler);
    assert_eq!(scene.said(), []);
    assert_eq!(scene.state().stage, HandlerStage::Idle);
    scene.push();
    assert_eq!(scene.said(), [Some(false)]);
}

#[test]
fn registrations_without_a_handler_or_with_one_that_is_not_served_ask_for_none() {
    let mut scene = Scene::new();
    scene.terminal.registered("uid:2", request(PRIVATE));
    scene.terminal.accepted(PushBuilder::to(PRIVATE));
    assert_eq!(scene.said(), []);
    // The administrator has switched the scheme off since.
    scene.push();
    assert_eq!(scene.said(), [Some(false)]);
    let snapshot = scene.terminal.store.snapshot();
    let off = Settings {
        handler_schemes: vec!["dbus".to_owned()],
        ..settings()
    };
    let now = scene.terminal.clock.now();
    let mut client = push_core::PushClient::new(off, 1, snapshot, now);
    while let Some(output) = client.poll_output() {
        assert!(!matches!(output, Output::Activate { .. }));
    }
}

#[test]
fn an_application_that_connects_goes_before_its_handler_that_is_wanted() {
    let (mut scene, event) = Scene::wanted();
    let own = scene.own();
    assert_eq!(scene.said(), [None]);
    assert_eq!(scene.takers(), [(own, event, 1)]);
    assert_eq!(scene.state().stage, HandlerStage::Idle);
    // The driver may have attached the handler meanwhile.
    let handler = scene.attach(4);
    assert_eq!(scene.said(), [None]);
    let next = scene.push();
    assert_eq!(scene.takers(), [(own, next, 1)]);
    scene.terminal.unsubscribe(handler);
    scene.terminal.unsubscribe(own);
    assert_eq!(scene.said(), [Some(false)]);
}

#[test]
fn an_application_that_connects_gets_what_its_handler_does_not_have() {
    let (mut scene, event) = Scene::wanted();
    let handler = scene.attach(1);
    let next = scene.push();
    assert_eq!(scene.takers(), [(handler, event, 1)]);
    let own = scene.own();
    assert_eq!(scene.said(), [None]);
    assert_eq!(scene.takers(), [(own, next, 1)]);
    // What is under way may be finished, and nothing comes behind it, though the application goes.
    scene.terminal.unsubscribe(own);
    scene.acknowledge(event, Outcome::Accepted);
    assert_eq!(scene.takers(), []);
    assert_eq!(scene.said(), []);
    scene.terminal.unsubscribe(handler);
    assert_eq!(scene.said(), [Some(false)]);
    let handler = scene.attach(1);
    assert_eq!(scene.takers(), [(handler, next, 2)]);
}

#[test]
fn a_connection_for_others_leaves_a_handler_alone() {
    let (mut scene, _) = Scene::wanted();
    let others = Selector {
        push_application_id: Some(PRIVATE.to_owned()),
        ..Selector::default()
    };
    scene.terminal.subscribe(OWNER, others, 4);
    scene.terminal.subscribe("uid:2", Selector::default(), 4);
    assert_eq!(scene.said(), []);
    assert_eq!(scene.state().stage, HandlerStage::Wanted);
}

#[test]
fn a_fetch_goes_before_a_handler() {
    let mut scene = Scene::new();
    let fetch = scene
        .terminal
        .fetch(OWNER, Selector::default(), 1, 60 * SECOND);
    let event = scene.push();
    assert_eq!(scene.terminal.fetched(fetch), [event]);
    assert_eq!(scene.said(), []);
    // One that comes while the handler is wanted takes what it was wanted for.
    let event = scene.push();
    assert_eq!(scene.said(), [Some(false)]);
    let fetch = scene
        .terminal
        .fetch(OWNER, Selector::default(), 1, Duration::ZERO);
    assert_eq!(scene.terminal.fetched(fetch), [event]);
    assert_eq!(scene.said(), [None]);
    // One that waits while the handler is attached takes the next.
    let first = scene.push();
    let handler = scene.attach(4);
    assert_eq!(scene.takers(), [(handler, first, 1)]);
    let fetch = scene
        .terminal
        .fetch(OWNER, Selector::default(), 1, 60 * SECOND);
    let second = scene.push();
    assert_eq!(scene.terminal.fetched(fetch), [second]);
    let third = scene.push();
    assert_eq!(scene.takers(), [(handler, third, 1)]);
}

#[test]
fn a_handler_that_cannot_be_reached_rests_longer_each_time() {
    let (mut scene, _) = Scene::wanted();
    let mut limit = settings().handler_backoff_base;
    for failures in 1..9 {
        scene.fail(None);
        let rests = scene.rests();
        assert_eq!(rests.len(), 1);
        assert!(limit / 2 <= rests[0] && rests[0] <= limit, "{rests:?}");
        assert_eq!(scene.state().failures, failures);
        assert!(matches!(scene.state().stage, HandlerStage::Resting { .. }));
        scene.push();
        let nearly = rests[0].saturating_sub(Duration::from_millis(1));
        scene.terminal.advance(nearly);
        assert_eq!(scene.said(), [], "it rests");
        scene.terminal.advance(Duration::from_millis(1));
        assert_eq!(scene.said(), [Some(true)], "it is probed");
        limit = (limit * 2).min(settings().handler_backoff_limit);
    }
}

#[test]
fn a_handler_may_ask_for_a_longer_rest_but_not_for_one_beyond_the_life_of_events() {
    for (asked, rest) in [
        (Duration::from_hours(3), Duration::from_hours(3)),
        (Duration::MAX, settings().event_lifetime),
    ] {
        let (mut scene, _) = Scene::wanted();
        scene.fail(Some(asked));
        assert_eq!(scene.rests(), [rest]);
    }
}

#[test]
fn what_a_failed_handler_had_counts_no_attempt() {
    let (mut scene, event, handler) = Scene::attached();
    let second = scene.push();
    assert_eq!(scene.takers(), [(handler, second, 1)]);
    scene.fail(None);
    assert_eq!(scene.said(), [], "it is not asked for while it rests");
    let refused = &scene.terminal.out.refused;
    assert_eq!(refused.last().map(|(id, _)| *id), Some(handler));
    scene.terminal.unsubscribe(handler);
    scene.terminal.advance(HOUR);
    assert_eq!(scene.said()[0], Some(true));
    let own = scene.own();
    assert_eq!(scene.takers(), [(own, event, 1), (own, second, 1)]);
    assert_eq!(scene.terminal.client.counts().dead_letters, 0);
}

#[test]
fn however_often_a_handler_fails_its_events_wait() {
    let (mut scene, event) = Scene::wanted();
    for _ in 0..2 * settings().max_attempts {
        scene.attach(1);
        scene.fail(None);
        scene.terminal.advance(Duration::from_mins(2));
    }
    let own = scene.own();
    assert_eq!(scene.takers().last(), Some(&(own, event, 1)));
}

#[test]
fn what_a_handler_did_not_get_to_counts_no_attempt() {
    let (mut scene, event, handler) = Scene::attached();
    let second = scene.push();
    scene.acknowledge(event, Outcome::Accepted);
    scene.terminal.unsubscribe(handler);
    let handler = scene.attach(4);
    assert_eq!(scene.takers().last(), Some(&(handler, second, 1)));
    // An application's own connection may have been at work on it.
    scene.terminal.unsubscribe(handler);
    let own = scene.own();
    scene.terminal.unsubscribe(own);
    let own = scene.own();
    assert_eq!(scene.takers().last(), Some(&(own, second, 2)));
}

#[test]
fn a_failure_of_the_former_handler_says_nothing_of_the_next() {
    let (mut scene, _) = Scene::wanted();
    let other = handled(MMS, "exec:other");
    assert_eq!(scene.terminal.registered(OWNER, other), scene.id);
    assert_eq!(scene.said(), [None, Some(false)]);
    scene.fail(None);
    assert_eq!((scene.state().failures, scene.rests().len()), (0, 0));
    assert_eq!(scene.state().stage, HandlerStage::Wanted);
}

#[test]
fn a_failure_of_a_handler_that_nobody_asked_for_says_nothing() {
    let mut scene = Scene::new();
    scene.fail(None);
    assert_eq!((scene.state().failures, scene.rests().len()), (0, 0));
    scene.terminal.input(Input::HandlerFailed {
        registration: RegistrationId(99),
        handler: METER.into(),
        reason: String::new(),
        after: None,
    });
    let (mut scene, _) = Scene::resting();
    scene.fail(None);
    assert_eq!((scene.state().failures, scene.rests().len()), (1, 1));
}

#[test]
fn a_handler_that_returned_is_tried_at_once_and_rests_longer_if_it_fails_again() {
    let (mut scene, event) = Scene::resting();
    let first = scene.rests();
    assert_eq!(scene.said(), []);
    let registration = scene.id;
    let returned = || Input::HandlerReturned { registration };
    scene.terminal.input(returned());
    assert_eq!(scene.said(), [Some(true)]);
    scene.fail(None);
    assert!(scene.rests()[0] > first[0]);
    scene.terminal.input(returned());
    let handler = scene.attach(1);
    assert_eq!(scene.takers(), [(handler, event, 1)]);
    scene.terminal.input(returned());
    scene.terminal.advance(Duration::from_mins(2));
    assert_eq!(scene.state().stage, HandlerStage::Attached);
}

#[test]
fn any_answer_makes_failures_forgotten() {
    for outcome in [Outcome::Accepted, Outcome::Later, Outcome::Rejected] {
        let (mut scene, event) = Scene::resting();
        scene.terminal.advance(Duration::from_secs(8));
        assert_eq!(scene.said(), [Some(true)]);
        let handler = scene.attach(1);
        assert_eq!(scene.state().failures, 1);
        scene.terminal.store.answer = StoreAnswer::Late;
        scene.terminal.acknowledge(OWNER, &[event], outcome);
        assert_eq!(scene.state().failures, 1, "it is not durable");
        scene.terminal.write_all();
        assert_eq!(scene.state().failures, 0, "{outcome:?}");
        scene.terminal.store.answer = StoreAnswer::AtOnce;
        scene.terminal.unsubscribe(handler);
        scene.terminal.advance(SECOND);
        scene.said();
        scene.push();
        let said = scene.said();
        assert!(said.is_empty() || said == [Some(false)], "{said:?}");
    }
}

#[test]
fn a_handler_that_does_not_come_in_time_has_failed() {
    let (mut scene, event) = Scene::wanted();
    scene
        .terminal
        .advance(settings().activation_timeout.saturating_sub(SECOND));
    assert_eq!(scene.rests().len(), 0);
    scene.terminal.advance(SECOND);
    assert_eq!(scene.said(), [None]);
    assert_eq!((scene.rests().len(), scene.state().failures), (1, 1));
    // What comes too late is told so.
    let late = scene.attach(1);
    assert_eq!(scene.takers(), []);
    let (refused, refusal) = scene.terminal.out.refused.pop().unwrap();
    assert_eq!(
        (refused, refusal.reason),
        (late, Reason::OptionNotAvailable)
    );
    scene.terminal.advance(Duration::from_secs(8));
    assert_eq!(scene.said(), [Some(true)]);
    // An application that was started connects by itself.
    let own = scene.own();
    assert_eq!(scene.takers(), [(own, event, 1)]);
    scene.acknowledge(event, Outcome::Accepted);
    scene.terminal.advance(2 * settings().activation_timeout);
    assert_eq!((scene.rests().len(), scene.state().failures), (0, 0));
}

#[test]
fn a_delayed_event_asks_for_a_handler_when_its_time_has_come() {
    let (mut scene, event, handler) = Scene::attached();
    let after = Some(60 * SECOND);
    scene.terminal.input(Input::Acknowledge {
        ticket: RequestTicket(1_000),
        owner: Owner::proved(OWNER),
        acknowledgements: vec![Acknowledgement {
            after,
            ..Acknowledgement::new(event, Outcome::Later)
        }],
    });
    scene.terminal.unsubscribe(handler);
    scene.push();
    scene.terminal.advance(59 * SECOND);
    assert_eq!(scene.said(), []);
    scene.terminal.advance(SECOND);
    assert_eq!(scene.said(), [Some(false)]);
}

#[test]
fn a_handler_is_wanted_no_longer_once_nothing_waits() {
    for end in ["expiry", "acknowledgement", "back-off"] {
        let settings = Settings {
            event_lifetime: 30 * SECOND,
            ..settings()
        };
        let mut terminal = Terminal::new(settings);
        terminal.registered(OWNER, handled(MMS, METER));
        let event = terminal.accepted(PushBuilder::to(MMS));
        assert_eq!(terminal.out.wanted.len(), 1);
        match end {
            "expiry" => terminal.advance(30 * SECOND),
            "acknowledgement" => {
                terminal.acknowledge(OWNER, &[event], Outcome::Accepted);
            }
            _ => {
                terminal.acknowledge(OWNER, &[event], Outcome::Later);
            }
        }
        assert_eq!(terminal.out.wanted.pop().unwrap().1, None, "{end}");
        let timeout = terminal.client.poll_timeout();
        assert!(
            !timeout.is_some_and(|(_, why)| why.contains("handler")),
            "{end}: {timeout:?}"
        );
    }
}

#[test]
fn a_deregistration_ends_its_handler_wherever_it_stands() {
    type Begin = fn() -> Scene;
    let stages: [(Begin, &[Option<bool>], bool); 5] = [
        (Scene::new, &[], false),
        (|| Scene::wanted().0, &[None], false),
        (|| Scene::attached().0, &[None], true),
        (|| Scene::resting().0, &[], false),
        (
            || {
                let (mut scene, ..) = Scene::attached();
                let own = scene.own();
                scene.said();
                scene.terminal.unsubscribe(own);
                scene
            },
            &[],
            true,
        ),
    ];
    for (place, (begin, said, is_ended)) in stages.into_iter().enumerate() {
        let mut scene = begin();
        scene.terminal.deregistered(OWNER, MMS);
        assert_eq!(scene.said(), said, "{place}");
        assert_eq!(!scene.terminal.out.refused.is_empty(), is_ended, "{place}");
        assert_eq!(scene.terminal.client.counts().subscribers, 0);
        let timeout = scene.terminal.client.poll_timeout();
        assert_eq!(timeout, None, "{place}");
        let late = scene.attach(1);
        let (refused, refusal) = scene.terminal.out.refused.pop().unwrap();
        assert_eq!((refused, refusal.reason), (late, Reason::NotRegistered));
        scene.id = scene.terminal.registered(OWNER, handled(MMS, METER));
        assert_eq!(scene.state().failures, 0, "{place}");
    }
}

#[test]
fn another_handler_comes_in_the_place_of_the_former() {
    for handler in [Some("exec:other"), None] {
        for begin in [
            || Scene::wanted().0,
            || Scene::attached().0,
            || Scene::resting().0,
        ] {
            let mut scene = begin();
            let was_resting = scene.state().failures > 0;
            let again = RegistrationRequest {
                event_handler: handler.map(str::to_owned),
                ..request(MMS)
            };
            assert_eq!(scene.terminal.registered(OWNER, again), scene.id);
            let mut said = scene.said();
            if !was_resting {
                assert_eq!(said.remove(0), None);
            }
            let expected: &[_] = if handler.is_some() {
                &[Some(false)]
            } else {
                &[]
            };
            assert_eq!(said, expected);
            let own = scene.own();
            let takers = scene.takers();
            assert!(matches!(takers[..], [(taker, _, 1 | 2)] if taker == own));
        }
    }
}

#[test]
fn what_attaches_for_the_former_handler_gets_nothing() {
    let (mut scene, event) = Scene::wanted();
    let other = "exec:other";
    scene.terminal.registered(OWNER, handled(MMS, other));
    let former = scene.attach(1);
    let (refused, refusal) = scene.terminal.out.refused.pop().unwrap();
    assert_eq!((refused, refusal.reason), (former, Reason::NotRegistered));
    assert_eq!(scene.takers(), []);
    let next = scene.attach_for(OWNER, other, 1);
    assert_eq!(scene.takers(), [(next, event, 1)]);
}

#[test]
fn an_event_that_may_be_held_for_a_handler_may_be_acknowledged_so_much_later() {
    let (mut scene, event, handler) = Scene::attached();
    let was_delayed = |scene: &Scene| {
        let mut occurrences = scene.terminal.out.occurrences.iter();
        occurrences.any(|occurrence| matches!(occurrence, Occurrence::Delayed { .. }))
    };
    let limit = settings().acknowledgement_timeout;
    scene.terminal.advance(limit + HELD / 2);
    assert!(!was_delayed(&scene));
    scene.terminal.advance(HELD / 2);
    assert!(was_delayed(&scene));
    scene.terminal.advance(HOUR);
    assert_eq!(scene.takers().first(), Some(&(handler, event, 2)));
}

#[test]
fn the_same_handler_registered_again_goes_on_and_rests_no_more() {
    let (mut scene, event, handler) = Scene::attached();
    scene.terminal.registered(OWNER, handled(MMS, METER));
    assert_eq!(scene.said(), []);
    let next = scene.push();
    assert_eq!(scene.takers(), [(handler, next, 1)]);
    scene.acknowledge(event, Outcome::Accepted);
    let (mut scene, _) = Scene::resting();
    scene.terminal.registered(OWNER, handled(MMS, METER));
    assert_eq!(scene.said(), [Some(true)]);
    assert_eq!(scene.state().failures, 1);
}

#[test]
fn what_waits_at_start_asks_for_its_handler() {
    let (mut scene, event, _) = Scene::attached();
    scene
        .terminal
        .registered("uid:2", handled(PRIVATE, "dbus:a.b"));
    scene.terminal.crash();
    assert_eq!(scene.said(), [Some(false)]);
    let handler = scene.attach(1);
    assert_eq!(scene.takers(), [(handler, event, 1)]);
    scene.acknowledge(event, Outcome::Later);
    scene.terminal.crash();
    assert_eq!(scene.said(), [], "its back-off is not over");
    scene.terminal.advance(SECOND);
    assert_eq!(scene.said(), [Some(false)]);
}

#[test]
fn handlers_are_attached_for_whom_they_are_and_one_at_a_time() {
    let (mut scene, event) = Scene::wanted();
    let stranger = scene.attach_for("uid:2", METER, 1);
    let (refused, refusal) = scene.terminal.out.refused.pop().unwrap();
    assert_eq!((refused, refusal.reason), (stranger, Reason::NotRegistered));
    let first = scene.attach(1);
    assert_eq!(scene.takers(), [(first, event, 1)]);
    let second = scene.attach(1);
    assert_eq!(scene.takers(), [(second, event, 2)]);
    assert_eq!(scene.terminal.out.refused.pop().unwrap().0, first);
    assert_eq!(scene.said(), []);
    assert_eq!(scene.terminal.client.counts().subscribers, 1);
}

#[test]
fn one_failing_handler_harms_no_other() {
    let (mut scene, _) = Scene::resting();
    let other = RegistrationRequest {
        event_handler: Some("dbus:a.b".to_owned()),
        ..named(PRIVATE, "other")
    };
    let other = scene.terminal.registered(OWNER, other);
    scene.terminal.accepted(PushBuilder::to(PRIVATE));
    assert_eq!(scene.terminal.out.wanted, [(other, Some(false))]);
}
