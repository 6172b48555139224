//! Observers: registrations that take copies of pushes beside the application that each is for.

use std::time::Duration;

use crate::common::{
    Expectations, MMS, PRIVATE, cause, named, request, with_profile, wsp, wsp_and_sip,
};
use push_core::{
    EventId, ExplainedVerdict, Occurrence, Outcome, PushRefusal, RegistrationId,
    RegistrationRequest, Selector, ServerState, Settings, Verdict,
};
use push_message::{Protocol, PushApplicationId, Reason, UnixMillis};
use push_testkit::{PushBuilder, ServersAnswer, StoreAnswer, Terminal};

fn observer(id: &str, application_id: &str) -> RegistrationRequest {
    RegistrationRequest {
        observes: true,
        ..named(id, application_id)
    }
}

#[test]
fn any_id_is_for_observers_alone() {
    let mut terminal = Terminal::new(wsp());
    for any in ["*", "x-wap-application:*", "0"] {
        let refusal = terminal.refused("uid:1", request(any));
        assert_eq!(
            cause(&refusal),
            (Reason::UnsupportedOption, Some("pushApplicationID")),
            "{any}"
        );
    }
    let nameless = RegistrationRequest {
        observes: true,
        ..request("*")
    };
    let id = terminal.registered("uid:1", nameless);
    let views: Vec<_> = terminal.client.registrations().collect();
    assert_eq!(views[0].record.id, id);
    assert!(views[0].record.observes);
    assert_eq!(views[0].record.push_application_id, PushApplicationId::ANY);
    terminal.crash();
    assert!(
        terminal
            .client
            .registrations()
            .next()
            .unwrap()
            .record
            .observes
    );
    terminal.deregistered("uid:1", "*");
    assert_eq!(terminal.client.counts().registrations, 0);
}

#[test]
fn observers_stand_in_nobodys_way() {
    let own_port = |request| with_profile(request, Some("OTA-WSP"), Some("IP"), Some("3000"));
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:1", own_port(observer(MMS, "a")));
    terminal.registered("uid:2", own_port(observer(MMS, "b")));
    terminal.registered("uid:3", own_port(request(MMS)));
    terminal.registered("uid:4", request(PRIVATE));
    terminal.registered("uid:5", own_port(observer(PRIVATE, "c")));
    terminal.registered("uid:5", observer(PRIVATE, "d"));
    assert_eq!(terminal.client.counts().registrations, 6);
    let refusal = terminal.refused("uid:6", request(PRIVATE));
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
}

#[test]
fn ids_and_types_of_observers_are_announced_but_not_any() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let typed = |request, accept: &str| RegistrationRequest {
        accept: Some(accept.to_owned()),
        ..request
    };
    terminal.registered("uid:1", typed(observer("*", "a"), "text/plain"));
    terminal.registered("uid:1", typed(observer(MMS, "b"), "text/html"));
    let told = terminal.servers.told.last().unwrap();
    let ids: Vec<_> = told[0]
        .applications
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids, [MMS]);
    let types: Vec<_> = told[0].accept.iter().map(|range| &**range).collect();
    assert_eq!(
        types,
        ["application/vnd.wap.sic", "text/html", "text/plain"]
    );
}

#[test]
fn a_push_to_any_application_is_for_nobody() {
    let mut terminal = Terminal::new(wsp());
    let refusal = terminal.push_refused(PushBuilder::to("x-wap-application:*").answerable(true));
    assert_eq!(refusal, PushRefusal::NoSuchApplication);
}

/// An application for MMS, an observer of that, one of any, and one of another id.
fn watched() -> (Terminal, [RegistrationId; 4]) {
    let mut terminal = Terminal::new(wsp());
    let ids = [
        terminal.registered("uid:1", request(MMS)),
        terminal.registered("uid:2", observer(MMS, "a")),
        terminal.registered("uid:3", observer("*", "b")),
        terminal.registered("uid:4", observer(PRIVATE, "c")),
    ];
    (terminal, ids)
}

/// Whose events are written down, in order.
fn written(terminal: &Terminal) -> Vec<RegistrationId> {
    let events = terminal.store.events();
    events.filter_map(|event| event.registration).collect()
}

fn dropped(terminal: &Terminal) -> Vec<RegistrationId> {
    let mut dropped = Vec::new();
    for occurrence in &terminal.out.occurrences {
        if let Occurrence::CopyDropped { registration } = occurrence {
            dropped.push(*registration);
        }
    }
    dropped
}

#[test]
fn a_push_goes_to_its_application_and_a_copy_to_each_observer() {
    let (mut terminal, [application, of_id, of_any, _]) = watched();
    let writes = terminal.store.written();
    let event = terminal.accepted(PushBuilder::to(MMS));
    assert_eq!(terminal.store.written(), writes + 1, "all in one write");
    assert_eq!(written(&terminal), [application, of_id, of_any]);
    assert_eq!(terminal.store.events().next().unwrap().id, event);
    for owner in ["uid:1", "uid:2", "uid:3"] {
        terminal.subscribe(owner, Selector::default(), 9);
        let delivered = terminal.delivered();
        assert_eq!(delivered.len(), 1);
        let ticket = terminal.acknowledge(owner, &[delivered[0].0], Outcome::Accepted);
        assert!(terminal.acknowledged(ticket).is_empty());
    }
    assert_eq!(written(&terminal), []);
    terminal.subscribe("uid:4", Selector::default(), 9);
    assert_eq!(terminal.delivered(), []);
}

#[test]
fn observers_that_are_there_get_their_copy_at_once() {
    let (mut terminal, _) = watched();
    terminal.subscribe("uid:3", Selector::default(), 9);
    let push = terminal.push(PushBuilder::to(MMS));
    let waits = matches!(
        terminal.verdict(push),
        Some(Verdict::Accepted { waits: true, .. })
    );
    assert!(waits, "the application is not there");
    assert_eq!(terminal.delivered().len(), 1);
}

#[test]
fn what_only_observers_take_is_accepted_for_the_first() {
    let (mut terminal, [.., of_any, of_private]) = watched();
    let event = terminal.accepted(PushBuilder::to(PRIVATE).answerable(true));
    assert_eq!(written(&terminal), [of_any, of_private]);
    assert_eq!(terminal.store.events().next().unwrap().id, event);
    terminal.accepted(PushBuilder::to("x-example:unknown").transaction(1));
    assert_eq!(written(&terminal), [of_any, of_private, of_any]);
    assert_eq!(terminal.client.counts().held_events, 0);
}

#[test]
fn observers_have_types_ports_and_whitelists_of_their_own() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let typed = terminal.registered(
        "uid:1",
        RegistrationRequest {
            accept: Some("text/*".to_owned()),
            ..observer("*", "typed")
        },
    );
    let listing = terminal.registered(
        "uid:1",
        RegistrationRequest {
            whitelist: vec!["192.0.2.9".to_owned()],
            ..observer("*", "listing")
        },
    );
    let at_port = terminal.registered(
        "uid:1",
        with_profile(
            observer("*", "port"),
            Some("OTA-WSP"),
            Some("IP"),
            Some("3000"),
        ),
    );
    let over_sip = terminal.registered(
        "uid:1",
        with_profile(observer("*", "sip"), Some("OTA-SIP"), None, None),
    );
    let image = || {
        PushBuilder::to(PRIVATE)
            .media_type("image/png")
            .answerable(true)
    };
    for (number, (push, takers)) in (1..).zip([
        (PushBuilder::to(PRIVATE), &[typed][..]),
        (
            PushBuilder::to(PRIVATE).from_ip([192, 0, 2, 9]),
            &[typed, listing],
        ),
        (image().port(3000), &[at_port]),
        (image().over(Protocol::OtaSip, None), &[over_sip]),
        (image(), &[]),
    ]) {
        let verdict = terminal.judged(push.transaction(number));
        let refused = verdict == Verdict::Refused(PushRefusal::NoSuchApplication);
        assert_eq!(refused, takers.is_empty());
        assert_eq!(written(&terminal), takers, "{number}");
        for event in terminal
            .store
            .events()
            .map(|event| event.id)
            .collect::<Vec<_>>()
        {
            terminal.acknowledge("uid:1", &[event], Outcome::Accepted);
        }
    }
}

fn with_room_for(events: usize) -> Settings {
    Settings {
        max_queue_events: events,
        ..wsp()
    }
}

#[test]
fn an_observer_without_room_goes_without_its_copy() {
    let mut terminal = Terminal::new(with_room_for(1));
    let application = terminal.registered("uid:1", request(MMS));
    let observing = terminal.registered("uid:2", observer(MMS, "a"));
    let first = terminal.accepted(PushBuilder::to(MMS).transaction(1));
    assert_eq!(dropped(&terminal), []);
    let refusal = terminal.push_refused(PushBuilder::to(MMS).transaction(2));
    assert_eq!(refusal, PushRefusal::NoRoom, "the application has none");
    assert_eq!(dropped(&terminal), [], "it is sent again");
    terminal.acknowledge("uid:1", &[first], Outcome::Accepted);
    terminal.accepted(PushBuilder::to(MMS).transaction(3));
    assert_eq!(dropped(&terminal), [observing]);
    assert_eq!(written(&terminal), [observing, application]);
}

#[test]
fn observers_alone_without_room_refuse_a_push() {
    let mut terminal = Terminal::new(with_room_for(1));
    let full = terminal.registered("uid:2", observer(MMS, "a"));
    terminal.accepted(PushBuilder::to(MMS).transaction(1));
    let refusal = terminal.push_refused(PushBuilder::to(MMS).transaction(2));
    assert_eq!(refusal, PushRefusal::NoRoom);
    let other = terminal.registered("uid:3", observer(MMS, "b"));
    terminal.accepted(PushBuilder::to(MMS).transaction(2));
    assert_eq!(dropped(&terminal), [full]);
    assert_eq!(written(&terminal), [full, other]);
}

#[test]
fn a_repetition_is_one_for_observers_too() {
    let (mut terminal, _) = watched();
    for push in [
        PushBuilder::to(MMS),
        PushBuilder::to(PRIVATE).transaction(7),
    ] {
        terminal.accepted(push.clone());
        let before = written(&terminal);
        assert_eq!(terminal.judged(push), Verdict::Duplicate);
        assert_eq!(written(&terminal), before);
    }
    terminal.crash();
    assert_eq!(terminal.judged(PushBuilder::to(MMS)), Verdict::Duplicate);
}

#[test]
fn a_repetition_waits_for_the_first_with_its_copies() {
    let (mut terminal, _) = watched();
    terminal.store.answer = StoreAnswer::Late;
    let tickets = [
        terminal.push(PushBuilder::to(MMS)),
        terminal.push(PushBuilder::to(MMS)),
    ];
    assert_eq!(terminal.verdict(tickets[1]), None);
    terminal.write_all();
    assert!(matches!(
        terminal.verdict(tickets[0]),
        Some(Verdict::Accepted { .. })
    ));
    assert_eq!(terminal.verdict(tickets[1]), Some(Verdict::Duplicate));
    assert_eq!(terminal.store.events().count(), 3);
}

#[test]
fn equal_content_is_suppressed_for_whom_it_was_asked_alone() {
    let suppressing = |request| RegistrationRequest {
        suppress_equal_content: Some(Duration::from_mins(1)),
        ..request
    };
    let mut terminal = Terminal::new(wsp());
    let application = terminal.registered("uid:1", suppressing(request(MMS)));
    let all = terminal.registered("uid:2", observer(MMS, "a"));
    let once = terminal.registered("uid:3", suppressing(observer(MMS, "b")));
    terminal.accepted(PushBuilder::to(MMS).transaction(1));
    assert_eq!(written(&terminal), [application, all, once]);
    let again = terminal.judged(PushBuilder::to(MMS).transaction(2));
    assert_eq!(again, Verdict::Duplicate);
    assert_eq!(written(&terminal), [application, all, once, all]);
    let repeated = terminal.judged(PushBuilder::to(MMS).transaction(2));
    assert_eq!(repeated, Verdict::Duplicate);
    assert_eq!(written(&terminal), [application, all, once, all]);
    // While the first is not durable, nothing may be said of what equals it.
    terminal.store.answer = StoreAnswer::Late;
    let first = terminal.push(PushBuilder::to(MMS).content("new").transaction(3));
    let second = terminal.push(PushBuilder::to(MMS).content("new").transaction(4));
    let refused = Verdict::Refused(PushRefusal::NoRoom);
    assert_eq!(terminal.verdict(second), Some(refused));
    terminal.write_all();
    assert!(matches!(
        terminal.verdict(first),
        Some(Verdict::Accepted { .. })
    ));
}

#[test]
fn what_cannot_be_written_leaves_no_copy() {
    let (mut terminal, _) = watched();
    terminal.store.answer = StoreAnswer::Failing;
    let refusal = terminal.push_refused(PushBuilder::to(MMS));
    assert_eq!(refusal, PushRefusal::NoRoom);
    let counts = terminal.client.counts();
    assert_eq!(
        (counts.waiting_events, counts.octets, counts.remembered),
        (0, 0, 0)
    );
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.accepted(PushBuilder::to(MMS));
    assert_eq!(terminal.client.counts().waiting_events, 3);
}

#[test]
fn copies_outlive_a_crash_and_end_with_their_observer() {
    let (mut terminal, [application, of_id, _, _]) = watched();
    terminal.accepted(PushBuilder::to(MMS));
    terminal.crash();
    assert_eq!(terminal.client.counts().waiting_events, 3);
    let ticket = terminal.deregister(
        "uid:3",
        push_core::DeregistrationRequest {
            push_application_id: "*".to_owned(),
            application_id: Some("b".to_owned()),
            revoked: false,
            force: false,
        },
    );
    assert!(terminal.answer(ticket).is_some());
    assert_eq!(written(&terminal), [application, of_id]);
}

#[test]
fn a_push_for_an_application_on_its_way_is_not_taken_by_observers() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let observing = terminal.registered("uid:2", observer("*", "a"));
    terminal.servers.answer = ServersAnswer::Silent;
    let ticket = terminal.register("uid:1", request(MMS));
    let refusal = terminal.push_refused(PushBuilder::to(MMS).answerable(true));
    assert_eq!(refusal, PushRefusal::NotYet);
    terminal.servers_say(ServerState::Confirmed);
    let application = terminal.registration(ticket);
    terminal.accepted(PushBuilder::to(MMS).answerable(true));
    assert_eq!(written(&terminal), [application, observing]);
}

#[test]
fn observers_are_foreseen_and_explained() {
    let (terminal, [application, _, of_any, _]) = watched();
    let push = |id| PushBuilder::to(id).answerable(true).received(UnixMillis(0));
    let taken = terminal.client.explain(&push(MMS));
    assert_eq!(taken.verdict, ExplainedVerdict::Accepted(application));
    let copies = taken
        .steps
        .iter()
        .filter(|step| step.contains("gets a copy"));
    assert_eq!(copies.count(), 2);
    let observed = terminal.client.explain(&push("x-example:unknown"));
    assert_eq!(observed.verdict, ExplainedVerdict::Accepted(of_any));
    assert_eq!(terminal.client.foresee(&push("x-example:unknown")), Ok(()));
}

#[test]
fn where_applications_cannot_be_told_apart_observers_have_the_push_all_the_same() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    for name in ["urn:a", "urn:b"] {
        let over_sip = with_profile(named(MMS, name), Some("OTA-SIP"), None, None);
        terminal.registered("uid:1", over_sip);
    }
    let push = || {
        PushBuilder::to(MMS)
            .over(Protocol::OtaSip, None)
            .answerable(true)
    };
    assert_eq!(terminal.push_refused(push()), PushRefusal::Ambiguous);
    let observing = terminal.registered("uid:2", observer("*", "c"));
    assert_eq!(
        terminal.client.foresee(&push().received(UnixMillis(0))),
        Ok(())
    );
    let event: EventId = terminal.accepted(push());
    assert_eq!(written(&terminal), [observing]);
    assert_eq!(terminal.store.events().next().unwrap().id, event);
    let told = terminal.servers.told.last().unwrap();
    let sip = told
        .iter()
        .find(|one| one.protocol == Protocol::OtaSip)
        .unwrap();
    assert_eq!(sip.instances.len(), 2, "an observer's name is no instance");
}
