//! Which pushes are taken, refused, held or known already.

use std::net::IpAddr;
use std::time::Duration;

use push_core::{
    ExplainedVerdict, Input, Outcome, PushRefusal, RegistrationRequest, Selector, Settings, Verdict,
};
use push_message::{
    Accept, Address, Bearer, DefaultWhitelistEntry, MediaType, Protocol, PushApplicationId,
    ServerAddress,
};
use push_testkit::{PushBuilder, StoreAnswer, Terminal};

use crate::common::{
    Expectations, MMS, PRIVATE, SECOND, departure, request, with_profile, wsp, wsp_and_sip,
};

fn default_entry(address: &str) -> DefaultWhitelistEntry {
    DefaultWhitelistEntry::unlimited(Address::parse(address).unwrap())
}

fn listing(id: &str, addresses: &[&str]) -> RegistrationRequest {
    let whitelist = addresses
        .iter()
        .map(|&address| address.to_owned())
        .collect();
    RegistrationRequest {
        whitelist,
        ..request(id)
    }
}

fn accepting(id: &str, accept: &str) -> RegistrationRequest {
    RegistrationRequest {
        accept: Some(accept.to_owned()),
        ..request(id)
    }
}

fn answerable(id: &str) -> PushBuilder {
    PushBuilder::to(id).answerable(true)
}

#[test]
//= specs/push-cai.md#whitelist-of-a-registration
//= type=test
//# A whitelist entry that came with a registration MUST count for the application that gave it and for no other.
fn an_application_whitelist_counts_for_that_application_alone() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", listing(MMS, &["192.0.2.1"]));
    terminal.registered("uid:2", listing(PRIVATE, &["192.0.2.2"]));
    terminal.registered("uid:3", request("x-example:open"));
    for (id, address, listed) in [
        (MMS, 1, true),
        (MMS, 2, false),
        (PRIVATE, 1, false),
        (PRIVATE, 2, true),
        ("x-example:open", 3, true),
    ] {
        let push = answerable(id).from_ip([192, 0, 2, address]);
        if listed {
            terminal.accepted(push);
        } else {
            assert_eq!(terminal.push_refused(push), PushRefusal::ServerNotListed);
        }
    }
}

#[test]
//= specs/push-cai.md#whitelist-of-a-registration
//= type=test
//# The servers in the whitelist of an accepted registration MUST be added to the Push Client's whitelist.
//= specs/push-cai.md#whitelist-after-deregistration
//= type=test
//# Deregistration MUST take out of the whitelist every server that the departing application alone had named.
fn whitelist_entries_come_and_go_with_their_application() {
    let settings = Settings {
        default_whitelist: vec![default_entry("198.51.100.1")],
        ..wsp()
    };
    let mut terminal = Terminal::new(settings);
    let from = |address| answerable(MMS).from_ip(address);
    terminal.registered("uid:1", request(MMS));
    assert_eq!(
        terminal.push_refused(from([192, 0, 2, 1])),
        PushRefusal::ServerNotListed
    );
    terminal.registered("uid:1", listing(MMS, &["192.0.2.0/24"]));
    terminal.accepted(from([192, 0, 2, 1]));
    terminal.accepted(from([198, 51, 100, 1]));
    terminal.deregistered("uid:1", MMS);
    terminal.registered("uid:2", request(MMS));
    assert_eq!(
        terminal.push_refused(from([192, 0, 2, 1])),
        PushRefusal::ServerNotListed
    );
    terminal.accepted(from([198, 51, 100, 1]).transaction(1));
}

#[test]
fn default_entries_may_be_limited_to_ids_and_types() {
    let entry = DefaultWhitelistEntry {
        applications: vec![PushApplicationId::parse(MMS).unwrap()],
        content_types: Some(Accept::parse("text/*").unwrap()),
        ..default_entry("192.0.2.1")
    };
    let mut terminal = Terminal::new(Settings {
        default_whitelist: vec![entry],
        ..wsp()
    });
    terminal.registered("uid:1", request(MMS));
    terminal.registered("uid:1", request(PRIVATE));
    terminal.accepted(answerable(MMS));
    let other_type = answerable(MMS).media_type("image/png");
    assert_eq!(
        terminal.push_refused(other_type),
        PushRefusal::ServerNotListed
    );
    assert_eq!(
        terminal.push_refused(answerable(PRIVATE)),
        PushRefusal::ServerNotListed
    );
}

#[test]
fn other_addresses_are_compared_in_their_own_way() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered(
        "uid:1",
        listing(
            MMS,
            &["+49 170 99999", "sip:example.net", "sip:psa@example.org"],
        ),
    );
    for (server, listed) in [
        (ServerAddress::E164("+4917099999".into()), true),
        (ServerAddress::E164("+4917099998".into()), false),
        (ServerAddress::Sip("sip:anyone@example.net".into()), true),
        (ServerAddress::Sip("sip:psa@example.org".into()), true),
        (ServerAddress::Sip("sip:other@example.org".into()), false),
    ] {
        let verdict = terminal.judged(answerable(MMS).from_server(server.clone()));
        assert_eq!(
            matches!(verdict, Verdict::Accepted { .. }),
            listed,
            "{server}"
        );
    }
}

#[test]
fn host_names_are_resolved_while_somebody_lists_them() {
    let mut terminal = Terminal::new(wsp());
    let resolve = |terminal: &mut Terminal, addresses: &[[u8; 4]]| {
        let hosts = std::mem::take(&mut terminal.out.hosts);
        assert_eq!(hosts, [Box::from("ppg.example.net")]);
        let addresses = addresses
            .iter()
            .map(|&octets| IpAddr::from(octets))
            .collect();
        terminal.input(Input::Resolved {
            host: "ppg.example.net".into(),
            addresses,
        });
    };
    assert_eq!(terminal.client.poll_timeout(), None);
    terminal.registered("uid:1", listing(MMS, &["PPG.example.net"]));
    terminal.registered("uid:2", listing(PRIVATE, &["ppg.example.net"]));
    assert_eq!(
        terminal.push_refused(answerable(MMS)),
        PushRefusal::ServerNotListed
    );
    resolve(&mut terminal, &[[192, 0, 2, 1]]);
    terminal.accepted(answerable(MMS));
    terminal.advance(Duration::from_mins(5));
    resolve(&mut terminal, &[]);
    terminal.accepted(answerable(MMS).transaction(1));
    terminal.advance(Duration::from_mins(5));
    resolve(&mut terminal, &[[192, 0, 2, 2]]);
    assert_eq!(
        terminal.push_refused(answerable(MMS).transaction(2)),
        PushRefusal::ServerNotListed
    );
    terminal.deregistered("uid:1", MMS);
    terminal.accepted(answerable(PRIVATE).from_ip([192, 0, 2, 2]));
    terminal.deregistered("uid:2", PRIVATE);
    assert_eq!(terminal.client.poll_timeout(), None);
}

#[test]
fn a_host_name_that_is_not_known_yet_is_asked_for_again_soon() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", listing(MMS, &["ppg.example.net"]));
    let answer = |terminal: &mut Terminal, addresses: &[IpAddr]| {
        assert_eq!(terminal.out.hosts.len(), 1);
        terminal.out.hosts.clear();
        terminal.input(Input::Resolved {
            host: "ppg.example.net".into(),
            addresses: addresses.to_vec(),
        });
    };
    // The name service comes up after the terminal does.
    for seconds in [1, 2, 4] {
        answer(&mut terminal, &[]);
        terminal.advance(seconds * SECOND);
    }
    answer(&mut terminal, &[[192, 0, 2, 1].into()]);
    terminal.accepted(PushBuilder::to(MMS));
    terminal.advance(Settings::default().resolve_interval.saturating_sub(SECOND));
    assert!(terminal.out.hosts.is_empty());
    terminal.advance(SECOND);
    answer(&mut terminal, &[]);
    terminal.advance(4 * SECOND);
    assert!(terminal.out.hosts.is_empty());
}

#[test]
fn host_names_are_resolved_once_where_no_interval_is_set() {
    let mut terminal = Terminal::new(Settings {
        resolve_interval: Duration::ZERO,
        ..wsp()
    });
    terminal.registered("uid:1", listing(MMS, &["ppg.example.net"]));
    assert_eq!(terminal.client.poll_timeout(), None);
    terminal.client.handle_timeout(terminal.clock.now());
    assert_eq!(terminal.out.hosts, ["ppg.example.net".into()]);
}

#[test]
fn host_names_of_the_default_whitelist_are_resolved_at_start() {
    let settings = Settings {
        default_whitelist: vec![default_entry("ppg.example.net")],
        ..wsp()
    };
    let mut terminal = Terminal::new(settings);
    assert_eq!(terminal.out.hosts.len(), 1);
    terminal.advance(Duration::from_mins(5));
    assert_eq!(terminal.out.hosts.len(), 2);
    terminal.crash();
    assert_eq!(terminal.out.hosts.len(), 1);
}

//= specs/ota-http.md#addressing
//= type=test
//# A push without X-Wap-Application-Id MUST go to the WML user agent.
#[test]
fn a_push_that_names_nobody_goes_by_its_type_and_else_to_the_browser() {
    let mms = PushApplicationId::parse(MMS).unwrap();
    let by_type = (
        MediaType::parse("application/vnd.wap.mms-message").unwrap(),
        mms,
    );
    let mut terminal = Terminal::new(Settings {
        default_applications: vec![by_type],
        ..wsp()
    });
    let browser = terminal.registered("uid:1", request("x-wap-application:wml.ua"));
    let mms = terminal.registered("uid:2", request(MMS));
    terminal.accepted(PushBuilder::default());
    terminal.accepted(PushBuilder::default().media_type("application/vnd.wap.mms-message"));
    let mut events: Vec<_> = terminal
        .store
        .events()
        .map(|event| event.registration)
        .collect();
    events.sort_unstable();
    assert_eq!(events, [Some(browser), Some(mms)]);
}

#[test]
fn each_refusal_has_its_cause_in_the_documented_order() {
    let settings = Settings {
        default_whitelist: vec![default_entry("192.0.2.1")],
        max_queue_events: 1,
        ..wsp()
    };
    let mut terminal = Terminal::new(settings);
    terminal.registered("uid:1", accepting(MMS, "text/plain"));
    let stranger = [192, 0, 2, 9];
    let cases = [
        (
            answerable(PRIVATE).from_ip(stranger),
            PushRefusal::ServerNotListed,
        ),
        (
            answerable(MMS).from_ip(stranger).media_type("image/png"),
            PushRefusal::ServerNotListed,
        ),
        (answerable(PRIVATE), PushRefusal::NoSuchApplication),
        (
            answerable(MMS).media_type("image/png"),
            PushRefusal::ContentType,
        ),
    ];
    for (push, refusal) in cases {
        let before = terminal.store.written();
        assert_eq!(terminal.push_refused(push), refusal);
        assert_eq!(
            terminal.store.written(),
            before,
            "refused pushes are not written"
        );
    }
    terminal.accepted(answerable(MMS));
    assert_eq!(terminal.judged(answerable(MMS)), Verdict::Duplicate);
    assert_eq!(
        terminal.push_refused(answerable(MMS).transaction(1)),
        PushRefusal::NoRoom
    );
}

#[test]
fn the_same_transmission_again_is_a_duplicate_within_the_window() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", request(MMS));
    terminal.accepted(PushBuilder::to(MMS));
    assert_eq!(terminal.judged(PushBuilder::to(MMS)), Verdict::Duplicate);
    terminal.accepted(PushBuilder::to(MMS).transaction(1));
    terminal.accepted(PushBuilder::to(MMS).from_ip([192, 0, 2, 9]));
    terminal.accepted(PushBuilder::to(MMS).content("other"));
    terminal.advance(Duration::from_secs(299));
    assert_eq!(terminal.judged(PushBuilder::to(MMS)), Verdict::Duplicate);
    terminal.crash();
    assert_eq!(terminal.judged(PushBuilder::to(MMS)), Verdict::Duplicate);
    terminal.advance(SECOND);
    terminal.accepted(PushBuilder::to(MMS));
}

#[test]
fn a_duplicate_is_acknowledged_only_once_the_first_is_durable() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", request(MMS));
    terminal.store.answer = StoreAnswer::Late;
    for fails in [true, false] {
        let first = terminal.push(PushBuilder::to(MMS));
        let second = terminal.push(PushBuilder::to(MMS));
        assert_eq!(terminal.store.waiting(), 1);
        assert_eq!(terminal.verdict(second), None);
        let result = if fails {
            terminal.store.fail_next()
        } else {
            terminal.store.write_next()
        };
        terminal.persisted(result.unwrap());
        let verdicts = (
            terminal.verdict(first).unwrap(),
            terminal.verdict(second).unwrap(),
        );
        if fails {
            let refused = Verdict::Refused(PushRefusal::NoRoom);
            assert_eq!(verdicts, (refused, refused));
        } else {
            assert!(matches!(
                verdicts,
                (Verdict::Accepted { .. }, Verdict::Duplicate)
            ));
        }
    }
    assert_eq!(terminal.store.events().count(), 1);
}

#[test]
fn repeats_wait_in_bounded_number() {
    let mut terminal = Terminal::new(Settings {
        max_waiting_requests: 1,
        ..wsp()
    });
    terminal.registered("uid:1", request(MMS));
    terminal.store.answer = StoreAnswer::Late;
    let tickets: Vec<_> = (0..3)
        .map(|_| terminal.push(PushBuilder::to(MMS)))
        .collect();
    assert_eq!(
        terminal.verdict(tickets[2]),
        Some(Verdict::Refused(PushRefusal::NoRoom))
    );
    terminal.write_all();
    assert_eq!(terminal.verdict(tickets[1]), Some(Verdict::Duplicate));
    let tickets: Vec<_> = (0..2)
        .map(|_| terminal.push(PushBuilder::to(MMS).transaction(1)))
        .collect();
    terminal.write_all();
    assert_eq!(terminal.verdict(tickets[1]), Some(Verdict::Duplicate));
}

#[test]
fn what_is_remembered_is_bounded_and_the_oldest_gives_way() {
    let mut terminal = Terminal::new(Settings {
        max_remembered: 2,
        ..wsp()
    });
    terminal.registered("uid:1", request(MMS));
    for transaction in 0..3 {
        terminal.accepted(PushBuilder::to(MMS).transaction(transaction));
        terminal.advance(SECOND);
    }
    assert_eq!(terminal.client.counts().remembered, 2);
    assert_eq!(
        terminal.judged(PushBuilder::to(MMS).transaction(2)),
        Verdict::Duplicate
    );
    terminal.accepted(PushBuilder::to(MMS).transaction(0));
}

#[test]
fn equal_content_is_suppressed_only_where_asked_for_and_across_servers() {
    let mut terminal = Terminal::new(wsp());
    let asked = RegistrationRequest {
        suppress_equal_content: Some(Duration::from_secs(10)),
        ..request(MMS)
    };
    terminal.registered("uid:1", asked);
    terminal.registered("uid:2", request(PRIVATE));
    let again = |id: &str, transaction| {
        PushBuilder::to(id).transaction(transaction).from_ip([
            192,
            0,
            2,
            u8::try_from(transaction).unwrap(),
        ])
    };
    terminal.accepted(again(MMS, 1));
    terminal.accepted(again(PRIVATE, 1));
    assert_eq!(terminal.judged(again(MMS, 2)), Verdict::Duplicate);
    terminal.accepted(again(PRIVATE, 2));
    terminal.accepted(again(MMS, 3).media_type("text/html"));
    terminal.advance(Duration::from_secs(9));
    terminal.crash();
    assert_eq!(terminal.judged(again(MMS, 4)), Verdict::Duplicate);
    terminal.advance(SECOND);
    terminal.accepted(again(MMS, 5));
}

#[test]
fn a_push_that_matched_nobody_waits_for_a_late_registrant_that_takes_it() {
    let mut terminal = Terminal::new(wsp());
    let held = [
        PushBuilder::to(MMS),
        PushBuilder::to(MMS).media_type("image/png"),
        PushBuilder::to(MMS).from_ip([192, 0, 2, 9]),
        PushBuilder::to(MMS).port(5000),
        PushBuilder::to(PRIVATE),
    ];
    let events: Vec<_> = held
        .into_iter()
        .map(|push| match terminal.judged(push) {
            Verdict::Held { event } => event,
            other @ (Verdict::Accepted { .. } | Verdict::Duplicate | Verdict::Refused(_)) => {
                panic!("{other:?}")
            }
        })
        .collect();
    assert_eq!(terminal.judged(PushBuilder::to(MMS)), Verdict::Duplicate);
    let asked = RegistrationRequest {
        whitelist: vec!["192.0.2.1".to_owned()],
        ..accepting(MMS, "text/*")
    };
    let registration = terminal.registered("uid:1", asked);
    let ticket = terminal.fetch("uid:1", Selector::default(), 10, Duration::ZERO);
    assert_eq!(terminal.fetched(ticket), events[..1]);
    let assigned = terminal
        .store
        .events()
        .find(|event| event.id == events[0])
        .unwrap();
    assert_eq!(assigned.registration, Some(registration));
    assert_eq!(terminal.client.counts().held_events, 4);
    terminal.registered("uid:1", request(MMS));
    let ticket = terminal.fetch("uid:1", Selector::default(), 10, Duration::ZERO);
    assert_eq!(terminal.fetched(ticket), events[1..3]);
}

#[test]
fn a_held_push_is_given_only_once_that_is_durable() {
    let mut terminal = Terminal::new(wsp());
    terminal.judged(PushBuilder::to(MMS));
    terminal.subscribe("uid:1", Selector::default(), 8);
    terminal.store.answer = StoreAnswer::Late;
    terminal.register("uid:1", request(MMS));
    let written = terminal.store.write_next().unwrap();
    terminal.persisted(written);
    assert!(terminal.deliveries().is_empty());
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    assert!(terminal.deliveries().is_empty());
    assert_eq!(terminal.client.counts().held_events, 1);
    terminal.register("uid:1", request(MMS));
    terminal.write_all();
    assert_eq!(terminal.deliveries().len(), 1);
    assert_eq!(terminal.client.counts().held_events, 0);
}

#[test]
fn somebody_who_registers_while_a_push_is_being_held_gets_it() {
    let mut terminal = Terminal::new(wsp());
    terminal.subscribe("uid:1", Selector::default(), 8);
    terminal.store.answer = StoreAnswer::Late;
    let registering = terminal.register("uid:1", request(MMS));
    let push = terminal.push(PushBuilder::to(MMS));
    terminal.write_all();
    terminal.registration(registering);
    assert!(matches!(terminal.verdict(push), Some(Verdict::Held { .. })));
    assert_eq!(terminal.deliveries().len(), 1);
}

#[test]
fn held_pushes_expire_and_are_bounded() {
    let settings = Settings {
        max_held_events: 2,
        hold_unmatched: Duration::from_mins(1),
        ..wsp()
    };
    let mut terminal = Terminal::new(settings);
    for transaction in 0..3 {
        terminal.judged(PushBuilder::to(MMS).transaction(transaction));
    }
    assert_eq!(terminal.store.events().count(), 2);
    terminal.advance(Duration::from_secs(59));
    assert_eq!(terminal.client.counts().held_events, 2);
    terminal.crash();
    assert_eq!(terminal.client.counts().held_events, 2);
    terminal.advance(SECOND);
    assert_eq!(terminal.store.events().count(), 0);
    assert_eq!(terminal.client.poll_timeout(), None);
    let mut terminal = Terminal::new(Settings {
        hold_unmatched: Duration::ZERO,
        ..wsp()
    });
    assert_eq!(
        terminal.push_refused(PushBuilder::to(MMS)),
        PushRefusal::NoSuchApplication
    );
}

#[test]
fn a_push_is_refused_while_the_store_cannot_write_and_taken_again_afterwards() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", request(MMS));
    terminal.store.answer = StoreAnswer::Failing;
    for id in [MMS, PRIVATE] {
        assert_eq!(
            terminal.push_refused(PushBuilder::to(id)),
            PushRefusal::NoRoom
        );
    }
    assert_eq!(terminal.client.counts().octets, 0);
    assert_eq!(terminal.client.store_failure(), Some("the disk is full"));
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.accepted(PushBuilder::to(MMS));
    assert_eq!(terminal.client.store_failure(), None);
}

#[test]
fn octets_are_bounded_over_everything_and_live_events_come_first() {
    let settings = Settings {
        max_total_octets: 4096,
        max_queue_octets: 3500,
        ..wsp()
    };
    let mut terminal = Terminal::new(settings);
    terminal.registered("uid:1", request(MMS));
    terminal.registered("uid:2", request("4711"));
    let large = |id: &str, transaction| {
        PushBuilder::to(id)
            .content(vec![0; 1000])
            .transaction(transaction)
    };
    assert!(matches!(
        terminal.judged(large(PRIVATE, 0)),
        Verdict::Held { .. }
    ));
    terminal.accepted(large(MMS, 1));
    terminal.accepted(large(MMS, 2));
    assert_eq!(terminal.client.counts().held_events, 1);
    assert_eq!(terminal.push_refused(large(MMS, 3)), PushRefusal::NoRoom);
    terminal.accepted(large("4711", 3));
    assert_eq!(terminal.client.counts().held_events, 0);
    assert_eq!(terminal.push_refused(large("4711", 4)), PushRefusal::NoRoom);
    assert!(terminal.client.counts().octets <= 4096);
    let huge = PushBuilder::to("4711").content(vec![0; 5000]);
    assert_eq!(terminal.push_refused(huge), PushRefusal::NoRoom);
}

#[test]
fn what_waits_for_the_sandboxes_of_a_user_leaves_room_to_others() {
    let mut terminal = Terminal::new(Settings {
        max_total_octets: 8_000,
        max_octets_per_user: 4_500,
        ..wsp()
    });
    let ids = ["x-example:a", "x-example:b", "x-example:c", "x-example:d"];
    for id in ids {
        terminal.registered(&format!("uid:7/snap:{id}"), request(id));
    }
    terminal.registered("uid:8", request(MMS));
    let large = |id: &str, transaction| {
        let push = PushBuilder::to(id).transaction(transaction);
        push.content(vec![0; 1_000])
    };
    let dead = terminal.accepted(large(ids[0], 1));
    terminal.acknowledge("uid:7/snap:x-example:a", &[dead], Outcome::Rejected);
    terminal.accepted(large(ids[1], 2));
    terminal.accepted(large(ids[2], 3));
    assert_eq!(terminal.client.counts().dead_letters, 1);
    // Its own dead letter gives way, and nothing else does.
    terminal.accepted(large(ids[3], 4));
    assert_eq!(terminal.client.counts().dead_letters, 0);
    assert_eq!(terminal.push_refused(large(ids[0], 5)), PushRefusal::NoRoom);
    let push = large(ids[0], 5).received(terminal.clock.now().unix);
    let explained = terminal.client.explain(&push);
    assert_eq!(
        explained.verdict,
        ExplainedVerdict::Refused(PushRefusal::NoRoom)
    );
    let says = |step: &String| step.contains("max_octets_per_user");
    assert!(explained.steps.iter().any(says), "{explained:?}");
    terminal.accepted(large(MMS, 6));
    terminal.accepted(large(MMS, 7));
    // What is taken makes room again, after a restart as well.
    terminal.crash();
    assert_eq!(terminal.push_refused(large(ids[0], 8)), PushRefusal::NoRoom);
    terminal.deregistered("uid:7/snap:x-example:b", ids[1]);
    terminal.accepted(large(ids[0], 9));
}

#[test]
fn what_gives_way_among_all_does_so_for_a_user_with_too_much_as_well() {
    let mut terminal = Terminal::new(Settings {
        max_total_octets: 5_200,
        max_octets_per_user: 4_500,
        ..wsp()
    });
    terminal.registered("uid:7", request(MMS));
    let of = |id: &str, transaction, octets| {
        let push = PushBuilder::to(id).transaction(transaction);
        push.content(vec![0; octets])
    };
    terminal.judged(of(PRIVATE, 1, 1_000));
    let dead = terminal.accepted(of(MMS, 2, 100));
    terminal.acknowledge("uid:7", &[dead], Outcome::Rejected);
    terminal.accepted(of(MMS, 3, 1_000));
    terminal.accepted(of(MMS, 4, 1_000));
    let counts = terminal.client.counts();
    assert_eq!((counts.held_events, counts.dead_letters), (1, 1));
    // The letter makes room for it among what the user has, and not among all.
    terminal.accepted(of(MMS, 5, 1_500));
    let counts = terminal.client.counts();
    assert_eq!((counts.held_events, counts.dead_letters), (0, 0));
}

#[test]
fn dead_letters_give_way_to_what_was_held_for_their_user() {
    let mut terminal = Terminal::new(Settings {
        max_octets_per_user: 4_500,
        ..wsp()
    });
    terminal.registered("uid:7", request(MMS));
    let large = |id: &str, transaction| {
        let push = PushBuilder::to(id).transaction(transaction);
        push.content(vec![0; 1_000])
    };
    for transaction in 1..=3 {
        let dead = terminal.accepted(large(MMS, transaction));
        terminal.acknowledge("uid:7", &[dead], Outcome::Rejected);
    }
    terminal.judged(large(PRIVATE, 4));
    terminal.registered("uid:7/snap:late", request(PRIVATE));
    let counts = terminal.client.counts();
    assert_eq!((counts.held_events, counts.dead_letters), (0, 2));
    assert_eq!(counts.waiting_events, 1);
}

#[test]
fn an_explanation_says_what_a_push_would_meet() {
    let mut terminal = Terminal::new(Settings {
        max_queue_events: 1,
        ..wsp()
    });
    let now = terminal.clock.now().unix;
    let explain =
        |terminal: &Terminal, push: PushBuilder| terminal.client.explain(&push.received(now));
    let held = explain(&terminal, PushBuilder::default());
    assert_eq!(held.verdict, ExplainedVerdict::Held);
    assert!(
        held.steps.iter().any(|step| step.contains("wml.ua")),
        "{held:?}"
    );
    let id = terminal.registered(
        "uid:1",
        RegistrationRequest {
            whitelist: vec!["192.0.2.1".to_owned()],
            ..accepting(MMS, "text/plain")
        },
    );
    for (push, verdict, word) in [
        (
            answerable(PRIVATE),
            ExplainedVerdict::Refused(PushRefusal::NoSuchApplication),
            "no application is registered",
        ),
        (
            answerable(MMS).port(5000),
            ExplainedVerdict::Refused(PushRefusal::NoSuchApplication),
            "port 5000",
        ),
        (
            answerable(MMS).from_ip([192, 0, 2, 9]),
            ExplainedVerdict::Refused(PushRefusal::ServerNotListed),
            "no whitelist that counts",
        ),
        (
            answerable(MMS).media_type("image/png"),
            ExplainedVerdict::Refused(PushRefusal::ContentType),
            "image/png",
        ),
        (
            answerable(MMS),
            ExplainedVerdict::Accepted(id),
            "journalled",
        ),
    ] {
        let explanation = explain(&terminal, push);
        assert_eq!(explanation.verdict, verdict);
        assert!(
            explanation.steps.iter().any(|step| step.contains(word)),
            "{explanation:?}"
        );
    }
    terminal.accepted(answerable(MMS));
    let full = explain(&terminal, answerable(MMS).transaction(1));
    assert_eq!(full.verdict.as_str(), "noRoom");
    let last = full.steps.last().unwrap();
    assert!(last.contains("max_queue_events"), "{full:?}");
    assert_eq!(terminal.client.counts().waiting_events, 1);
}

#[test]
fn pushes_for_a_leaving_application_that_stays_after_all_are_replayed() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", request(MMS));
    terminal.store.answer = StoreAnswer::Late;
    terminal.deregister("uid:1", departure(MMS));
    let push = terminal.push(PushBuilder::to(MMS));
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    terminal.write_all();
    assert!(matches!(terminal.verdict(push), Some(Verdict::Held { .. })));
    assert_eq!(terminal.client.registrations().next().unwrap().waiting, 1);
}

#[test]
fn a_profile_narrows_what_an_application_gets() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered(
        "uid:1",
        with_profile(request(MMS), Some("OTA-SIP"), None, None),
    );
    assert_eq!(
        terminal.push_refused(answerable(MMS)),
        PushRefusal::NoSuchApplication
    );
    terminal.accepted(answerable(MMS).over(Protocol::OtaSip, Some(5060)));
}

/// An application of `uid:1` that has a dead letter, where octets are bounded so that little more fits.
fn with_a_dead_letter() -> Terminal {
    let mut terminal = Terminal::new(Settings {
        max_total_octets: 4_000,
        ..wsp()
    });
    terminal.registered("uid:1", request(MMS));
    let dead = terminal.accepted(PushBuilder::to(MMS).content(vec![b'd'; 2_000]));
    terminal.subscribe("uid:1", Selector::default(), 8);
    terminal.acknowledge("uid:1", &[dead], Outcome::Rejected);
    assert_eq!(terminal.client.counts().dead_letters, 1);
    terminal
}

#[test]
fn no_dead_letter_gives_way_to_a_push_for_nobody() {
    let mut terminal = with_a_dead_letter();
    let first = terminal.judged(PushBuilder::to(PRIVATE).content(vec![b'1'; 1_000]));
    assert!(matches!(first, Verdict::Held { .. }), "{first:?}");
    let second = terminal.judged(PushBuilder::to(PRIVATE).content(vec![b'2'; 1_200]));
    assert!(matches!(second, Verdict::Held { .. }), "{second:?}");
    assert_eq!(terminal.client.counts().held_events, 1);
    let third = terminal.push_refused(PushBuilder::to(PRIVATE).content(vec![b'3'; 3_000]));
    assert_eq!(third, PushRefusal::NoRoom);
    assert_eq!(terminal.client.counts().held_events, 1);
    assert_eq!(terminal.client.counts().dead_letters, 1);
}

#[test]
fn nothing_gives_way_to_a_push_that_finds_no_room_all_the_same() {
    let mut terminal = with_a_dead_letter();
    terminal.accepted(PushBuilder::to(MMS).content(vec![b'a'; 1_000]));
    let refusal = terminal.push_refused(PushBuilder::to(MMS).content(vec![b'b'; 3_000]));
    assert_eq!(refusal, PushRefusal::NoRoom);
    assert_eq!(terminal.client.counts().dead_letters, 1);
}

#[test]
fn short_messages_are_listed_by_their_centre_or_by_a_number_that_sent_them() {
    let mut settings = wsp();
    let protocol = settings.protocols.get_mut(&Protocol::OtaWsp).unwrap();
    let by_sms = push_core::BearerSettings::listening([2948]);
    protocol.bearers.insert(Bearer::GsmSms, by_sms);
    let mut terminal = Terminal::new(settings);
    terminal.registered("uid:1", listing(MMS, &["+49 171 0760000", "+491709999"]));
    let centre = |number: &str| ServerAddress::E164(number.into());
    let name = |name: &str| ServerAddress::Alphanumeric(name.into());
    for (transaction, (server, originator, listed)) in [
        (centre("+491710760000"), None, true),
        (centre("+491710760000"), Some("Operator"), true),
        (centre("+491710760001"), Some("+491709999"), true),
        (centre("+491710760001"), Some("+491709998"), false),
        (centre("+491710760001"), Some("491709999"), false),
        (centre("+491710760001"), Some("\"+491709999\""), false),
        (centre("+491709999"), None, true),
        (name("+491709999"), None, false),
        (name("Operator"), Some("Operator"), false),
        (ServerAddress::Unknown, Some("+491709999"), true),
        (ServerAddress::Unknown, None, false),
    ]
    .into_iter()
    .enumerate()
    {
        let push = PushBuilder::to(MMS)
            .by_short_message(Some(2948), server.clone(), originator)
            .transaction(u32::try_from(transaction).unwrap());
        let received = push.clone().received(terminal.clock.now().unix);
        let steps = terminal.client.explain(&received).steps.join("\n");
        let said = originator.is_none_or(|originator| steps.contains(originator));
        assert!(said && steps.contains(&server.to_string()), "{steps}");
        let verdict = terminal.judged(push);
        let is_refused = verdict == Verdict::Refused(PushRefusal::ServerNotListed);
        assert_eq!(is_refused, !listed, "{server:?} {originator:?}");
    }
}
