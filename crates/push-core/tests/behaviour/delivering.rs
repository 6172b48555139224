//! Events on their way to applications, and what applications say of them (Push-CAI 5.3).

use std::time::Duration;

use push_core::{
    Answer, Change, Occurrence, Outcome, PushRefusal, RegistrationRequest, Selector, Settings,
};
use push_message::{Headers, Reason};
use push_testkit::{PushBuilder, StoreAnswer, Terminal};

use crate::common::{Expectations, MMS, PRIVATE, SECOND, departure, named, request, wsp};

const ALL: Selector = Selector {
    push_application_id: None,
    application_id: None,
    handler_of: None,
};

/// Acknowledgements within 10 s, back-off from 2 s to 8 s, three attempts.
fn settings() -> Settings {
    Settings {
        acknowledgement_timeout: Duration::from_secs(10),
        backoff_base: Duration::from_secs(2),
        backoff_limit: Duration::from_secs(8),
        max_attempts: 3,
        ..wsp()
    }
}

/// An application of `uid:1` for the MMS id.
fn terminal() -> Terminal {
    let mut terminal = Terminal::new(settings());
    terminal.registered("uid:1", request(MMS));
    terminal
}

fn mms(transaction: u32) -> PushBuilder {
    PushBuilder::to(MMS).transaction(transaction)
}

#[test]
//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the content that the Push Server sent.
//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the MIME type of its content.
fn an_event_carries_the_push_as_it_came() {
    let mut terminal = Terminal::new(settings());
    let registration = terminal.registered("uid:1", named(MMS, "urn:a"));
    terminal.subscribe("uid:1", ALL, 8);
    terminal.push(
        mms(1)
            .content([0, 255, 7])
            .media_type("application/vnd.wap.mms-message"),
    );
    let deliveries = terminal.deliveries();
    let (_, delivery) = &deliveries[0];
    assert_eq!(*delivery.push.message.content, [0, 255, 7]);
    assert_eq!(
        delivery.push.message.content_type.to_string(),
        "application/vnd.wap.mms-message"
    );
    assert_eq!(delivery.push.message.headers, Headers::new());
    assert_eq!(delivery.registration, registration);
    assert_eq!(delivery.push_application_id.to_string(), MMS);
    assert_eq!(delivery.application_id.as_ref().unwrap().as_str(), "urn:a");
    assert_eq!(delivery.attempt, 1);
}

#[test]
fn nothing_is_delivered_or_acknowledged_before_it_is_durable() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    terminal.store.answer = StoreAnswer::Late;
    let push = terminal.push(mms(1));
    assert!(terminal.deliveries().is_empty());
    assert_eq!(terminal.verdict(push), None);
    terminal.write_all();
    let event = terminal.delivered()[0].0;
    let ticket = terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
    assert!(terminal.answer(ticket).is_none());
    terminal.write_all();
    assert!(terminal.acknowledged(ticket).is_empty());
    assert_eq!(terminal.client.poll_timeout(), None);
    assert_eq!(
        terminal.client.counts(),
        push_core::Counts {
            registrations: 1,
            remembered: 1,
            subscribers: 1,
            ..Default::default()
        }
    );
}

#[test]
fn writes_that_end_out_of_turn_are_delivered_in_turn() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    terminal.store.answer = StoreAnswer::Late;
    terminal.push(mms(1));
    terminal.push(mms(2));
    terminal.push(mms(3));
    let first = terminal.store.write_next().unwrap();
    let second = terminal.store.write_next().unwrap();
    let third = terminal.store.fail_next().unwrap();
    terminal.persisted(third);
    terminal.persisted(second);
    assert!(terminal.deliveries().is_empty());
    terminal.persisted(first);
    assert_eq!(terminal.deliveries().len(), 2);
}

#[test]
fn an_event_behind_one_that_could_not_be_written_is_not_stuck() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    terminal.store.answer = StoreAnswer::Late;
    terminal.push(mms(1));
    terminal.push(mms(2));
    let first = terminal.store.fail_next().unwrap();
    let second = terminal.store.write_next().unwrap();
    terminal.persisted(second);
    terminal.persisted(first);
    assert_eq!(terminal.deliveries().len(), 1);
}

#[test]
fn an_application_that_is_away_finds_its_events_in_order() {
    let mut terminal = terminal();
    let events: Vec<_> = (0..3)
        .map(|number| terminal.accepted(mms(number)))
        .collect();
    terminal.crash();
    terminal.subscribe("uid:1", ALL, 8);
    let expected: Vec<_> = events.iter().map(|&event| (event, 1)).collect();
    assert_eq!(terminal.delivered(), expected);
}

#[test]
fn a_window_bounds_what_is_under_way() {
    let mut terminal = terminal();
    terminal.registered("uid:1", request(PRIVATE));
    terminal.subscribe("uid:1", ALL, 2);
    for number in 0..3 {
        terminal.accepted(mms(number));
        terminal.accepted(PushBuilder::to(PRIVATE).transaction(number));
    }
    let mut all = Vec::new();
    for _ in 0..6 {
        let delivered = terminal.delivered();
        all.extend(delivered);
        let under_way = terminal.client.counts().unacknowledged_events;
        assert!(under_way <= 2);
        let event = all[all.len() - under_way].0;
        terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
    }
    assert_eq!(all.len(), 6);
    assert_eq!(terminal.client.counts().waiting_events, 0);
}

#[test]
fn the_settings_bound_the_window_too() {
    let mut terminal = Terminal::new(Settings {
        max_window: 1,
        ..settings()
    });
    terminal.registered("uid:1", request(MMS));
    for number in 0..2 {
        terminal.accepted(mms(number));
    }
    terminal.subscribe("uid:1", ALL, 100);
    assert_eq!(terminal.deliveries().len(), 1);
}

#[test]
fn the_connection_attached_first_whose_selector_fits_gets_the_events() {
    let mut terminal = terminal();
    terminal.registered("uid:1", named(PRIVATE, "urn:a"));
    terminal.registered("uid:2", request("4711"));
    let selecting = |id: Option<&str>, name: Option<&str>| Selector {
        push_application_id: id.map(str::to_owned),
        application_id: name.map(str::to_owned),
        handler_of: None,
    };
    let private = terminal.subscribe("uid:1", selecting(Some(PRIVATE), None), 8);
    let by_name = terminal.subscribe("uid:1", selecting(None, Some("urn:a")), 8);
    let rest = terminal.subscribe("uid:1", ALL, 8);
    terminal.accepted(mms(1));
    terminal.accepted(PushBuilder::to(PRIVATE));
    terminal.accepted(PushBuilder::to("4711"));
    let takers = |terminal: &mut Terminal| {
        terminal
            .deliveries()
            .iter()
            .map(|(taker, _)| *taker)
            .collect::<Vec<_>>()
    };
    assert_eq!(takers(&mut terminal), [rest, private]);
    terminal.unsubscribe(private);
    let deliveries = terminal.deliveries();
    assert_eq!((deliveries[0].0, deliveries[0].1.attempt), (by_name, 2));
    assert_eq!(
        terminal
            .client
            .registrations()
            .filter(|view| view.connected)
            .count(),
        2
    );
    terminal.unsubscribe(by_name);
    assert_eq!(takers(&mut terminal), [rest]);
    terminal.unsubscribe(rest);
    assert_eq!(terminal.client.counts().waiting_events, 3);
    assert_eq!(terminal.client.counts().unacknowledged_events, 0);
}

#[test]
fn a_connection_with_a_selector_that_means_nothing_is_refused() {
    let mut terminal = terminal();
    let malformed = Selector {
        push_application_id: Some("not an id".to_owned()),
        application_id: None,
        handler_of: None,
    };
    let subscriber = terminal.subscribe("uid:1", malformed.clone(), 8);
    let (refused, refusal) = terminal.out.refused.pop().unwrap();
    assert_eq!(
        (refused, refusal.reason),
        (subscriber, Reason::InvalidRequest)
    );
    let ticket = terminal.fetch("uid:1", malformed, 1, SECOND);
    assert_eq!(terminal.refusal(ticket).reason, Reason::InvalidRequest);
    terminal.unsubscribe(subscriber);
}

#[test]
fn connections_and_fetches_of_one_owner_are_bounded() {
    let mut terminal = Terminal::new(Settings {
        max_subscribers_per_owner: 2,
        ..settings()
    });
    let first = terminal.subscribe("uid:1", ALL, 1);
    terminal.fetch("uid:1", ALL, 1, SECOND);
    terminal.subscribe("uid:1", ALL, 1);
    assert_eq!(
        terminal.out.refused.pop().unwrap().1.reason,
        Reason::QuotaExceeded
    );
    let ticket = terminal.fetch("uid:1", ALL, 1, SECOND);
    assert_eq!(terminal.refusal(ticket).reason, Reason::QuotaExceeded);
    terminal.subscribe("uid:2", ALL, 1);
    terminal.unsubscribe(first);
    terminal.subscribe("uid:1", ALL, 1);
    assert!(terminal.out.refused.is_empty());
}

#[test]
fn a_user_has_no_more_connections_by_having_sandboxes() {
    let mut terminal = Terminal::new(Settings {
        max_subscribers_per_owner: 2,
        max_subscribers_per_user: 2,
        ..settings()
    });
    let first = terminal.subscribe("uid:7/flatpak:a", ALL, 1);
    terminal.fetch("uid:7/snap:b", ALL, 1, SECOND);
    terminal.subscribe("uid:7/flatpak:c", ALL, 1);
    let (_, refusal) = terminal.out.refused.pop().unwrap();
    assert_eq!(refusal.reason, Reason::QuotaExceeded);
    assert!(
        refusal.detail.contains("max_subscribers_per_user"),
        "{refusal}"
    );
    terminal.subscribe("uid:8", ALL, 1);
    terminal.unsubscribe(first);
    terminal.subscribe("uid:7", ALL, 1);
    assert!(terminal.out.refused.is_empty());
}

#[test]
fn a_late_event_is_tried_again_after_a_back_off_and_the_rest_waits_behind_it() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 1);
    let events: Vec<_> = (0..2)
        .map(|number| terminal.accepted(mms(number)))
        .collect();
    assert_eq!(terminal.delivered(), [(events[0], 1)]);
    terminal.acknowledge("uid:1", &events[..1], Outcome::Later);
    assert!(terminal.delivered().is_empty());
    let (deadline, reason) = terminal.client.poll_timeout().unwrap();
    let wait = deadline.saturating_sub(terminal.clock.now().monotonic);
    assert!((1.0..=2.0).contains(&wait.as_secs_f64()), "{wait:?}");
    assert_eq!(reason, "a back-off ends");
    terminal.advance(wait.saturating_sub(Duration::from_millis(1)));
    assert!(terminal.delivered().is_empty());
    terminal.advance(Duration::from_millis(1));
    assert_eq!(terminal.delivered(), [(events[0], 2)]);
    terminal.acknowledge("uid:1", &events[..1], Outcome::Accepted);
    assert_eq!(terminal.delivered(), [(events[1], 1)]);
}

#[test]
fn silence_counts_as_later_until_the_event_is_a_dead_letter() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    let event = terminal.accepted(mms(1));
    for attempt in 1..=3 {
        assert_eq!(terminal.delivered(), [(event, attempt)]);
        assert!(terminal.client.counts().unacknowledged_events == 1);
        terminal.advance(Duration::from_secs(10));
        let state = terminal.store.events().next().unwrap().state;
        assert_eq!((state.attempts, state.dead), (attempt, attempt == 3));
        terminal.advance(Duration::from_secs(4));
    }
    assert!(terminal.deliveries().is_empty());
    assert_eq!(terminal.client.counts().dead_letters, 1);
    assert!(
        terminal
            .out
            .occurrences
            .iter()
            .any(|one| matches!(one, Occurrence::Died { event: died } if *died == event))
    );
    terminal.crash();
    terminal.subscribe("uid:1", ALL, 8);
    assert!(terminal.deliveries().is_empty());
    assert_eq!(terminal.client.counts().dead_letters, 1);
}

#[test]
fn a_back_off_outlives_a_restart() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    let event = terminal.accepted(mms(1));
    terminal.acknowledge("uid:1", &[event], Outcome::Later);
    terminal.crash();
    terminal.subscribe("uid:1", ALL, 8);
    assert!(terminal.deliveries().is_empty());
    terminal.advance(Duration::from_secs(2));
    assert_eq!(terminal.delivered(), [(event, 2)]);
}

#[test]
fn a_rejected_event_is_a_dead_letter_until_it_expires() {
    let mut terminal = terminal();
    let event = terminal.accepted(mms(1));
    let ticket = terminal.acknowledge("uid:1", &[event], Outcome::Rejected);
    assert!(terminal.acknowledged(ticket).is_empty());
    assert_eq!(terminal.client.counts().dead_letters, 1);
    let ticket = terminal.acknowledge("uid:1", &[event], Outcome::Later);
    assert_eq!(terminal.acknowledged(ticket), [event]);
    let ticket = terminal.acknowledge("uid:1", &[event], Outcome::Rejected);
    assert!(terminal.acknowledged(ticket).is_empty());
    terminal.advance(Duration::from_hours(7 * 24));
    assert_eq!(terminal.client.counts().dead_letters, 0);
    assert_eq!(terminal.store.events().count(), 0);
}

#[test]
fn dead_letters_are_bounded_and_the_oldest_give_way() {
    let mut terminal = Terminal::new(Settings {
        max_dead_letters: 2,
        ..settings()
    });
    terminal.registered("uid:1", request(MMS));
    let events: Vec<_> = (0..3)
        .map(|number| terminal.accepted(mms(number)))
        .collect();
    terminal.acknowledge("uid:1", &events, Outcome::Rejected);
    let kept: Vec<_> = terminal.store.events().map(|event| event.id).collect();
    assert_eq!(kept, events[1..]);
}

#[test]
fn nobody_acknowledges_or_learns_of_events_of_others() {
    let mut terminal = terminal();
    let event = terminal.accepted(mms(1));
    let unknown = push_core::EventId(event.0 + 1);
    let details = |terminal: &mut Terminal, event| {
        let ticket = terminal.acknowledge("uid:2", &[event], Outcome::Accepted);
        match terminal.answer(ticket) {
            Some(Answer::Acknowledged { refused }) => refused[0].1.clone(),
            other => panic!("{other:?}"),
        }
    };
    let foreign = details(&mut terminal, event);
    let missing = details(&mut terminal, unknown);
    assert_eq!(foreign.reason, Reason::NotRegistered);
    assert_eq!(
        foreign.detail.replace(&event.to_string(), ""),
        missing.detail.replace(&unknown.to_string(), "")
    );
    assert_eq!(terminal.client.counts().waiting_events, 1);
    terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
    assert_eq!(details(&mut terminal, event), foreign);
}

#[test]
fn several_acknowledgements_are_one_write_and_only_the_unknown_are_refused() {
    let mut terminal = terminal();
    let events: Vec<_> = (0..3)
        .map(|number| terminal.accepted(mms(number)))
        .collect();
    let before = terminal.store.written();
    let unknown = push_core::EventId(1);
    let ticket = terminal.acknowledge("uid:1", &[events[0], unknown, events[2]], Outcome::Accepted);
    assert_eq!(terminal.acknowledged(ticket), [unknown]);
    assert_eq!(terminal.store.written(), before + 1);
    assert_eq!(terminal.client.counts().waiting_events, 1);
}

#[test]
fn acknowledging_twice_succeeds_while_it_is_known() {
    let mut terminal = Terminal::new(Settings {
        max_completed: 1,
        ..settings()
    });
    terminal.registered("uid:1", request(MMS));
    let events: Vec<_> = (0..2)
        .map(|number| terminal.accepted(mms(number)))
        .collect();
    for &event in &events {
        terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
        let ticket = terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
        assert!(terminal.acknowledged(ticket).is_empty());
    }
    let ticket = terminal.acknowledge("uid:1", &[events[0]], Outcome::Accepted);
    assert_eq!(terminal.acknowledged(ticket), [events[0]]);
}

#[test]
fn of_two_acknowledgements_at_once_the_first_word_counts_and_both_wait() {
    let mut terminal = terminal();
    let event = terminal.accepted(mms(1));
    terminal.store.answer = StoreAnswer::Late;
    let first = terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
    let second = terminal.acknowledge("uid:1", &[event], Outcome::Rejected);
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    assert_eq!(terminal.refusal(first).reason, Reason::StoreFailed);
    assert!(terminal.answer(second).is_none());
    terminal.write_all();
    assert!(terminal.acknowledged(second).is_empty());
    assert_eq!(terminal.client.counts().dead_letters, 0);
    assert_eq!(terminal.store.events().count(), 0);
}

#[test]
fn an_acknowledgement_that_cannot_be_written_leaves_the_event_to_be_delivered_again() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    let event = terminal.accepted(mms(1));
    terminal.store.answer = StoreAnswer::Failing;
    for outcome in [Outcome::Accepted, Outcome::Later, Outcome::Rejected] {
        let ticket = terminal.acknowledge("uid:1", &[event], outcome);
        assert_eq!(terminal.refusal(ticket).reason, Reason::StoreFailed);
        assert_eq!(terminal.client.counts().unacknowledged_events, 1);
    }
    assert_eq!(terminal.delivered(), [(event, 1)]);
    terminal.advance(Duration::from_secs(12));
    assert_eq!(terminal.delivered(), [(event, 2)]);
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
    assert_eq!(terminal.store.events().count(), 0);
}

#[test]
fn what_the_store_could_not_write_is_written_when_it_can() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    let event = terminal.accepted(mms(1));
    terminal.store.answer = StoreAnswer::Failing;
    terminal.advance(Duration::from_secs(10));
    assert_eq!(terminal.store.events().next().unwrap().state.attempts, 0);
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.accepted(mms(2));
    let state = terminal
        .store
        .events()
        .find(|one| one.id == event)
        .unwrap()
        .state;
    assert_eq!(state.attempts, 1);
}

#[test]
fn a_state_that_could_not_be_written_twice_is_written_once() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    let event = terminal.accepted(mms(1));
    terminal.store.answer = StoreAnswer::Failing;
    terminal.advance(Duration::from_secs(10));
    terminal.advance(Duration::from_secs(20));
    assert_eq!(terminal.delivered().last(), Some(&(event, 3)));
    terminal.store.answer = StoreAnswer::Late;
    terminal.push(mms(2));
    let written = terminal.store.write_next().unwrap();
    terminal.persisted(written);
    let state = |change: &Change| {
        if let Change::SetEventState { event, state } = change {
            Some((*event, state.attempts))
        } else {
            None
        }
    };
    let again = terminal.store.next_changes().iter().map(state);
    assert_eq!(again.collect::<Vec<_>>(), [Some((event, 2))]);
}

#[test]
fn an_application_that_received_events_is_not_sent_them_again_at_once() {
    let mut terminal = terminal();
    let first = terminal.subscribe("uid:1", ALL, 8);
    let events: Vec<_> = (0..3)
        .map(|number| terminal.accepted(mms(number)))
        .collect();
    terminal.deliveries();
    terminal.unsubscribe(first);
    terminal.subscribe_after("uid:1", ALL, 8, Some(events[1]));
    assert_eq!(terminal.delivered(), [(events[2], 2)]);
    assert_eq!(terminal.client.counts().unacknowledged_events, 3);
    terminal.acknowledge("uid:1", &events[..1], Outcome::Accepted);
    terminal.advance(Duration::from_secs(10));
    assert!(terminal.delivered().is_empty());
    terminal.advance(Duration::from_secs(2));
    assert_eq!(terminal.delivered(), [(events[1], 2), (events[2], 3)]);
}

#[test]
fn events_never_delivered_are_sent_whatever_the_application_says_it_has() {
    let mut terminal = terminal();
    let event = terminal.accepted(mms(1));
    terminal.subscribe_after("uid:1", ALL, 8, Some(push_core::EventId(u64::MAX)));
    assert_eq!(terminal.delivered(), [(event, 1)]);
}

#[test]
fn a_fetch_takes_what_waits_in_order_of_arrival_up_to_its_limit() {
    let mut terminal = terminal();
    terminal.registered("uid:1", request(PRIVATE));
    let mut events = Vec::new();
    for number in 0..2 {
        events.push(terminal.accepted(PushBuilder::to(PRIVATE).transaction(number)));
        events.push(terminal.accepted(mms(number)));
    }
    let ticket = terminal.fetch("uid:1", ALL, 3, Duration::ZERO);
    assert_eq!(terminal.fetched(ticket), events[..3]);
    let ticket = terminal.fetch("uid:2", ALL, 3, Duration::ZERO);
    assert!(terminal.fetched(ticket).is_empty());
    let ticket = terminal.fetch("uid:1", ALL, 0, SECOND);
    assert!(terminal.fetched(ticket).is_empty());
    let ticket = terminal.fetch("uid:1", ALL, 3, Duration::ZERO);
    assert_eq!(terminal.fetched(ticket), events[3..]);
    terminal.acknowledge("uid:1", &events, Outcome::Accepted);
    assert_eq!(terminal.client.poll_timeout(), None);
}

#[test]
fn events_fetched_and_not_acknowledged_come_again() {
    let mut terminal = terminal();
    let event = terminal.accepted(mms(1));
    let ticket = terminal.fetch("uid:1", ALL, 1, Duration::ZERO);
    assert_eq!(terminal.fetched(ticket), [event]);
    let ticket = terminal.fetch("uid:1", ALL, 1, Duration::from_mins(1));
    terminal.advance(Duration::from_secs(12));
    assert_eq!(terminal.fetched(ticket), [event]);
}

#[test]
fn a_fetch_waits_for_the_first_event_and_no_longer_than_it_said() {
    let mut terminal = terminal();
    let ticket = terminal.fetch("uid:1", ALL, 8, Duration::from_secs(5));
    assert_eq!(
        terminal.client.poll_timeout().unwrap().1,
        "a fetch has waited long enough"
    );
    terminal.advance(Duration::from_secs(4));
    assert!(terminal.answer(ticket).is_none());
    let event = terminal.accepted(mms(1));
    assert_eq!(terminal.fetched(ticket), [event]);
    let ticket = terminal.fetch("uid:1", ALL, 8, Duration::from_secs(5));
    terminal.advance(Duration::from_secs(5));
    assert!(terminal.fetched(ticket).is_empty());
}

#[test]
fn a_cancelled_fetch_takes_nothing() {
    let mut terminal = terminal();
    let ticket = terminal.fetch("uid:1", ALL, 8, Duration::from_secs(5));
    terminal.input(push_core::Input::CancelFetch { ticket });
    assert_eq!(terminal.client.poll_timeout(), None);
    terminal.accepted(mms(1));
    assert!(terminal.answer(ticket).is_none());
    assert_eq!(terminal.client.counts().waiting_events, 1);
}

#[test]
fn a_fetch_takes_what_a_full_connection_cannot() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 1);
    let events: Vec<_> = (0..2)
        .map(|number| terminal.accepted(mms(number)))
        .collect();
    let ticket = terminal.fetch("uid:1", ALL, 8, Duration::ZERO);
    assert_eq!(terminal.fetched(ticket), events[1..]);
    let ticket = terminal.fetch("uid:1", ALL, 8, SECOND);
    let third = terminal.accepted(mms(2));
    assert_eq!(terminal.fetched(ticket), [third]);
}

#[test]
fn events_expire_after_their_lifetime_and_not_before_over_restarts_too() {
    let mut terminal = Terminal::new(Settings {
        event_lifetime: Duration::from_secs(100),
        ..settings()
    });
    terminal.registered("uid:1", request(MMS));
    terminal.accepted(mms(1));
    terminal.advance(Duration::from_mins(1));
    terminal.accepted(mms(2));
    terminal.crash();
    assert_eq!(
        terminal.client.poll_timeout().unwrap().1,
        "an event expires"
    );
    terminal.advance(Duration::from_millis(39_999));
    assert_eq!(terminal.client.counts().waiting_events, 2);
    terminal.advance(Duration::from_millis(1));
    assert_eq!(terminal.client.counts().waiting_events, 1);
    terminal.advance(Duration::from_mins(1));
    assert_eq!(terminal.store.events().count(), 0);
    assert_eq!(terminal.client.counts().octets, 0);
    assert_eq!(terminal.client.poll_timeout(), None);
}

#[test]
fn an_event_that_expires_under_way_makes_room_for_the_next() {
    let mut terminal = Terminal::new(Settings {
        event_lifetime: Duration::from_secs(5),
        ..settings()
    });
    terminal.registered("uid:1", request(MMS));
    terminal.subscribe("uid:1", ALL, 1);
    let first = terminal.accepted(mms(1));
    terminal.advance(SECOND);
    let second = terminal.accepted(mms(2));
    assert_eq!(terminal.delivered(), [(first, 1)]);
    terminal.advance(Duration::from_secs(4));
    assert_eq!(terminal.delivered(), [(second, 1)]);
}

#[test]
fn queues_are_bounded_by_events_and_by_octets() {
    let mut terminal = Terminal::new(Settings {
        max_queue_events: 2,
        max_queue_octets: 2000,
        ..settings()
    });
    terminal.registered("uid:1", request(MMS));
    terminal.registered("uid:1", request(PRIVATE));
    let first = terminal.accepted(mms(1));
    terminal.subscribe("uid:1", ALL, 1);
    terminal.accepted(mms(2));
    assert_eq!(terminal.push_refused(mms(3)), PushRefusal::NoRoom);
    terminal.acknowledge("uid:1", &[first], Outcome::Accepted);
    terminal.accepted(mms(3));
    let large = |number| {
        PushBuilder::to(PRIVATE)
            .content(vec![0; 1000])
            .transaction(number)
    };
    terminal.accepted(large(1));
    assert_eq!(terminal.push_refused(large(2)), PushRefusal::NoRoom);
}

#[test]
fn event_ids_grow_across_restarts_even_where_every_row_is_gone() {
    let mut terminal = terminal();
    let mut last = terminal.accepted(mms(1));
    for number in 2..5 {
        terminal.acknowledge("uid:1", &[last], Outcome::Accepted);
        terminal.store = push_testkit::Store::default();
        terminal.crash();
        terminal.registered("uid:1", request(MMS));
        terminal.advance(Duration::from_millis(1));
        let next = terminal.accepted(mms(number));
        assert!(next > last);
        last = next;
    }
    let back = push_message::UnixMillis(terminal.clock.now().unix.0 - 1_000_000);
    terminal.clock.set_wall_clock(back);
    assert!(terminal.accepted(mms(9)) > last);
}

#[test]
fn nothing_wakes_up_while_there_is_nothing_to_wait_for() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    assert_eq!(terminal.client.poll_timeout(), None);
    let event = terminal.accepted(mms(1));
    assert_eq!(
        terminal.client.poll_timeout().unwrap().1,
        "an acknowledgement is overdue"
    );
    terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
    assert_eq!(terminal.client.poll_timeout(), None);
    let event = terminal.accepted(mms(2));
    terminal.acknowledge("uid:1", &[event], Outcome::Later);
    terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
    assert_eq!(terminal.client.poll_timeout(), None);
    assert!(terminal.client.poll_output().is_none());
}

#[test]
fn answers_that_nobody_waits_for_are_ignored() {
    let mut terminal = terminal();
    let ticket = push_core::PersistTicket(999);
    terminal.input(push_core::Input::Persisted {
        ticket,
        result: Err("late".to_owned()),
    });
    terminal.input(push_core::Input::Announced {
        ticket,
        servers: Vec::new(),
    });
    terminal.input(push_core::Input::Resolved {
        host: "unknown.example.net".into(),
        addresses: Vec::new(),
    });
    terminal.input(push_core::Input::Unsubscribe {
        subscriber: push_core::SubscriberId(999),
    });
    terminal.input(push_core::Input::CancelFetch {
        ticket: push_core::RequestTicket(999),
    });
    terminal.accepted(mms(1));
    assert!(terminal.client.store_failure().is_none());
}

#[test]
fn registering_again_with_a_connection_attached_goes_on_delivering() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    terminal.registered(
        "uid:1",
        RegistrationRequest {
            accept: Some("text/plain".to_owned()),
            ..request(MMS)
        },
    );
    terminal.accepted(mms(1));
    assert_eq!(terminal.deliveries().len(), 1);
}

#[test]
fn the_end_of_an_application_makes_room_for_others_on_its_connection() {
    let mut terminal = terminal();
    terminal.registered("uid:1", request(PRIVATE));
    terminal.subscribe("uid:1", ALL, 1);
    terminal.accepted(mms(1));
    let blocked = terminal.accepted(PushBuilder::to(PRIVATE));
    terminal.delivered();
    terminal.deregistered("uid:1", MMS);
    assert_eq!(terminal.delivered(), [(blocked, 1)]);
}

#[test]
fn an_event_that_was_put_off_is_not_taken_for_received() {
    let mut terminal = terminal();
    let stream = terminal.subscribe("uid:1", ALL, 8);
    let event = terminal.accepted(mms(1));
    terminal.acknowledge("uid:1", &[event], Outcome::Later);
    terminal.unsubscribe(stream);
    terminal.advance(2 * SECOND);
    terminal.delivered();
    terminal.subscribe_after("uid:1", ALL, 8, Some(event));
    assert_eq!(terminal.delivered(), [(event, 2)]);
}

#[test]
fn nothing_is_delivered_while_the_end_of_the_application_is_being_written() {
    let mut terminal = terminal();
    let event = terminal.accepted(mms(1));
    terminal.store.answer = StoreAnswer::Late;
    terminal.deregister("uid:1", departure(MMS));
    terminal.subscribe("uid:1", ALL, 8);
    let fetch = terminal.fetch("uid:1", ALL, 8, Duration::ZERO);
    assert!(terminal.fetched(fetch).is_empty());
    assert!(terminal.delivered().is_empty());
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    assert_eq!(terminal.delivered(), [(event, 1)]);
}

#[test]
fn nothing_more_is_written_of_an_event_whose_end_is_being_written() {
    let mut terminal = terminal();
    terminal.subscribe("uid:1", ALL, 8);
    let [late, silent] = [1, 2].map(|number| terminal.accepted(mms(number)));
    terminal.store.answer = StoreAnswer::Late;
    let leaving = terminal.deregister("uid:1", departure(MMS));
    let ticket = terminal.acknowledge("uid:1", &[late], Outcome::Later);
    assert!(terminal.acknowledged(ticket).is_empty());
    terminal.advance(Duration::from_secs(10));
    assert_eq!(terminal.store.waiting(), 1);
    terminal.write_all();
    assert!(matches!(
        terminal.answer(leaving),
        Some(Answer::Deregistered { .. })
    ));
    let ticket = terminal.acknowledge("uid:1", &[silent], Outcome::Accepted);
    assert_eq!(terminal.acknowledged(ticket), [silent]);
}
