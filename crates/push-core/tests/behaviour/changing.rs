//! Registrations that are not what they were, without their applications having asked for it.

use std::collections::BTreeMap;

use crate::common::{
    Expectations, MMS, PRIVATE, departure, named, request, with_profile, wsp_and_sip, wsp_protocol,
};
use push_core::{
    ChangeCause, DeregistrationRequest, Input, Occurrence, OwnPorts, PushClient,
    RegistrationRequest, ServerReport, ServerState, Settings,
};
use push_message::{Protocol, PushApplicationId};
use push_testkit::{PushBuilder, ServersAnswer, Terminal};

/// What changed: the owner of the registration, why, and what was said of it.
fn changes<'a>(
    occurrences: impl IntoIterator<Item = &'a Occurrence>,
) -> Vec<(String, ChangeCause, String)> {
    let mut changes = Vec::new();
    for occurrence in occurrences {
        if let Occurrence::RegistrationChanged {
            record,
            cause,
            detail,
        } = occurrence
        {
            changes.push((record.owner.to_string(), *cause, detail.clone()));
        }
    }
    changes
}

fn taken(terminal: &mut Terminal) -> Vec<(String, ChangeCause, String)> {
    let occurrences = std::mem::take(&mut terminal.out.occurrences);
    changes(&occurrences)
}

fn full() -> Settings {
    Settings {
        handler_schemes: vec!["exec".to_owned()],
        ..wsp_and_sip()
    }
}

/// Starts with other settings from what was written down under the full ones.
fn start(settings: Settings) -> (Terminal, Vec<(String, ChangeCause, String)>) {
    let mut terminal = Terminal::new(full());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let handled = RegistrationRequest {
        event_handler: Some("exec:meter".to_owned()),
        ..request(MMS)
    };
    let over_sip = with_profile(named(MMS, "urn:a"), Some("OTA-SIP"), None, None);
    terminal.registered("uid:1", handled);
    terminal.registered("uid:2", request(PRIVATE));
    terminal.registered("uid:3", over_sip);
    for (number, id) in (1..).zip([MMS, PRIVATE]) {
        terminal.accepted(PushBuilder::to(id).transaction(number));
    }
    terminal.restart_with(settings);
    let changes = taken(&mut terminal);
    (terminal, changes)
}

#[test]
fn a_start_with_the_same_settings_changes_nothing() {
    let (terminal, changes) = start(full());
    assert_eq!(changes, []);
    assert_eq!(terminal.client.counts().registrations, 3);
}

#[test]
fn what_is_not_to_be_had_any_more_is_said_and_the_registration_stands() {
    let wsp_alone = BTreeMap::from([(Protocol::OtaWsp, wsp_protocol(OwnPorts::No))]);
    let cases = [
        (
            Settings {
                handler_schemes: Vec::new(),
                ..full()
            },
            "uid:1",
            "scheme `exec`",
        ),
        (
            Settings {
                omna_only: true,
                ..full()
            },
            "uid:2",
            "OMNA",
        ),
        (
            Settings {
                protocols: wsp_alone,
                ..full()
            },
            "uid:3",
            "OTA-SIP",
        ),
    ];
    for (settings, owner, word) in cases {
        let (mut terminal, changes) = start(settings);
        assert_eq!(changes.len(), 1, "{changes:?}");
        let (whose, cause, detail) = &changes[0];
        assert_eq!((&**whose, *cause), (owner, ChangeCause::Invalidated));
        assert!(detail.contains(word), "{detail}");
        let counts = terminal.client.counts();
        assert_eq!((counts.registrations, counts.waiting_events), (3, 2));
        terminal.accepted(PushBuilder::to(MMS).transaction(9));
    }
}

#[test]
fn whose_owner_may_not_register_any_more_is_removed_with_its_events() {
    let settings = || Settings {
        allowed_owners: Some(vec!["uid:1".to_owned(), "uid:3".to_owned()]),
        ..full()
    };
    let (mut terminal, changes) = start(settings());
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(
        (&*changes[0].0, changes[0].1),
        ("uid:2", ChangeCause::Revoked)
    );
    assert_eq!(terminal.store.registrations().count(), 2);
    assert_eq!(terminal.store.events().count(), 1);
    terminal.restart_with(settings());
    assert_eq!(taken(&mut terminal), []);
    let snapshot = terminal.store.snapshot();
    let again = PushClient::new(full(), 1, snapshot, terminal.clock.now());
    assert_eq!(again.counts().registrations, 2);
}

#[test]
fn owners_that_the_driver_makes_are_no_matter_of_the_list() {
    let settings = || Settings {
        allowed_owners: Some(vec!["uid:1".to_owned()]),
        own_owners: vec!["uid:3".to_owned()],
        ..full()
    };
    let (terminal, changes) = start(settings());
    let revoked: Vec<&str> = changes.iter().map(|(owner, ..)| &**owner).collect();
    assert_eq!(revoked, ["uid:2"]);
    assert_eq!(terminal.store.registrations().count(), 2);
}

fn report(uri: &str, state: ServerState) -> ServerReport {
    ServerReport {
        uri: uri.to_owned(),
        protocol: Protocol::OtaSip,
        state,
        reason: None,
        rejected_applications: Vec::new(),
    }
}

/// One registration that servers over OTA-SIP are told of, and one that no server is told of.
fn told() -> Terminal {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:1", request(MMS));
    let untold = with_profile(request(PRIVATE), Some("OTA-WSP"), None, None);
    terminal.registered("uid:2", untold);
    terminal.out.occurrences.clear();
    terminal
}

fn causes(terminal: &mut Terminal, servers: Vec<ServerReport>) -> Vec<(String, ChangeCause)> {
    terminal.input(Input::ServersChanged { servers });
    let changes = taken(terminal).into_iter();
    changes.map(|(owner, cause, _)| (owner, cause)).collect()
}

#[test]
fn a_registration_is_lost_while_one_server_does_not_know_it() {
    use ServerState::{Announced, Confirmed, Rejected, Requested, Unreachable};
    let mut terminal = told();
    let lost = [("uid:1".to_owned(), ChangeCause::Lost)];
    let restored = [("uid:1".to_owned(), ChangeCause::Restored)];
    for (uri, state, expected) in [
        ("a", Confirmed, &[][..]),
        ("a", Unreachable, &lost),
        ("a", Unreachable, &[]),
        ("b", Rejected, &[]),
        ("a", Requested, &[]),
        ("a", Confirmed, &[]),
        ("b", Announced, &restored),
        ("b", Announced, &[]),
        ("b", Requested, &[]),
        ("b", Rejected, &lost),
    ] {
        let causes = causes(&mut terminal, vec![report(uri, state)]);
        assert_eq!(causes, expected, "{uri} {state:?}");
    }
}

#[test]
fn a_server_that_serves_others_alone_loses_those_that_it_does_not() {
    let mut terminal = told();
    terminal.registered("uid:3", request("x-example:third"));
    taken(&mut terminal);
    let refusing = ServerReport {
        rejected_applications: vec![PushApplicationId::parse(MMS).unwrap()],
        ..report("a", ServerState::Confirmed)
    };
    let lost = [("uid:1".to_owned(), ChangeCause::Lost)];
    assert_eq!(causes(&mut terminal, vec![refusing]), lost);
}

#[test]
fn whoever_registers_anew_is_lost_anew() {
    let mut terminal = told();
    let unreachable = || vec![report("a", ServerState::Unreachable)];
    assert_eq!(causes(&mut terminal, unreachable()).len(), 1);
    terminal.registered("uid:1", request(MMS));
    assert_eq!(causes(&mut terminal, unreachable()).len(), 1);
    terminal.deregistered("uid:1", MMS);
    let again = vec![report("a", ServerState::Confirmed)];
    assert_eq!(causes(&mut terminal, again), []);
}

#[test]
fn what_an_administrator_takes_away_is_revoked_and_what_leaves_is_not() {
    for revoked in [true, false] {
        let mut terminal = Terminal::new(full());
        terminal.registered("uid:1", request(MMS));
        let leaving = DeregistrationRequest {
            revoked,
            ..departure(MMS)
        };
        terminal.deregister("uid:1", leaving);
        let expected: &[_] = if revoked {
            &[("uid:1".to_owned(), ChangeCause::Revoked)]
        } else {
            &[]
        };
        let told = taken(&mut terminal).into_iter();
        let told: Vec<_> = told.map(|(owner, cause, _)| (owner, cause)).collect();
        assert_eq!(told, expected);
        assert_eq!(terminal.client.counts().registrations, 0);
    }
}
