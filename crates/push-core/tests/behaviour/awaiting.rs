//! Pushes for applications that are being registered, servers that proved who they are, and ids of the client's own.

use std::collections::{BTreeMap, BTreeSet};

use push_core::{
    ExplainedVerdict, PushRefusal, RegistrationRequest, ServerState, Settings, Verdict,
};
use push_message::{
    Accept, Address, DefaultWhitelistEntry, MediaType, Protocol, PushApplicationId, Reason,
    ServerAddress,
};
use push_testkit::{PushBuilder, ServersAnswer, StoreAnswer, Terminal};

use crate::common::{Expectations, MMS, PRIVATE, cause, http, request, with_profile, wsp};

/// A terminal whose servers are told of registrations and have not answered.
fn announcing(settings: Settings) -> Terminal {
    let mut terminal = Terminal::new(settings);
    terminal.servers.answer = ServersAnswer::Silent;
    terminal
}

fn post(id: &str) -> PushBuilder {
    PushBuilder::to(id)
        .over(Protocol::OtaHttp, Some(4035))
        .answerable(true)
}

fn accepting(id: &str, accept: &str) -> RegistrationRequest {
    RegistrationRequest {
        accept: Some(accept.to_owned()),
        ..request(id)
    }
}

fn listing(id: &str, addresses: &[&str]) -> RegistrationRequest {
    RegistrationRequest {
        whitelist: addresses.iter().map(ToString::to_string).collect(),
        ..request(id)
    }
}

fn default_entry(address: &str) -> DefaultWhitelistEntry {
    DefaultWhitelistEntry::unlimited(Address::parse(address).unwrap())
}

#[test]
fn a_push_that_comes_before_the_answer_to_its_application_may_be_sent_again() {
    let mut terminal = announcing(http(&[4035]));
    terminal.store.answer = StoreAnswer::Late;
    let refused = |terminal: &mut Terminal, push| terminal.push_refused(push);
    assert_eq!(
        refused(&mut terminal, post(MMS)),
        PushRefusal::NoSuchApplication
    );
    let ticket = terminal.register("uid:1", request(MMS));
    assert_eq!(
        refused(&mut terminal, post(MMS)),
        PushRefusal::NotYet,
        "it is being written"
    );
    terminal.write_all();
    assert_eq!(
        refused(&mut terminal, post(MMS)),
        PushRefusal::NotYet,
        "it is being announced"
    );
    let other = refused(&mut terminal, post(PRIVATE));
    assert_eq!(other, PushRefusal::NoSuchApplication);
    terminal.servers_say(ServerState::Announced);
    assert_eq!(
        refused(&mut terminal, post(MMS)),
        PushRefusal::NotYet,
        "it is being put in force"
    );
    terminal.write_all();
    terminal.registration(ticket);
    let ticket = terminal.push(post(MMS));
    terminal.write_all();
    let verdict = terminal.verdict(ticket);
    assert!(
        matches!(verdict, Some(Verdict::Accepted { .. })),
        "{verdict:?}"
    );
}

#[test]
fn once_the_registration_has_failed_there_is_no_such_application() {
    let mut terminal = announcing(http(&[4035]));
    let ticket = terminal.register("uid:1", request(MMS));
    assert_eq!(terminal.push_refused(post(MMS)), PushRefusal::NotYet);
    terminal.servers_say(ServerState::Rejected);
    assert_eq!(terminal.refusal(ticket).reason, Reason::ServerRejected);
    assert_eq!(
        terminal.push_refused(post(MMS)),
        PushRefusal::NoSuchApplication
    );
}

#[test]
fn only_what_the_registration_under_way_would_take_may_be_sent_again() {
    let mut terminal = announcing(http(&[4035]));
    let wanted = RegistrationRequest {
        accept: Some("text/*".to_owned()),
        ..listing(MMS, &["192.0.2.1", "ppg.example"])
    };
    terminal.register("uid:1", with_profile(wanted, Some("OTA-HTTP"), None, None));
    let elsewhere = [192, 0, 2, 9];
    for (push, refusal) in [
        (post(MMS), PushRefusal::NotYet),
        (
            post(MMS).media_type("image/png"),
            PushRefusal::NoSuchApplication,
        ),
        (post(MMS).from_ip(elsewhere), PushRefusal::NoSuchApplication),
        (
            post(MMS).from_ip(elsewhere).proving(&["PPG.example"]),
            PushRefusal::NotYet,
        ),
        (
            post(MMS).over(Protocol::OtaWsp, Some(2948)),
            PushRefusal::NoSuchApplication,
        ),
    ] {
        assert_eq!(terminal.push_refused(push.clone()), refusal, "{push:?}");
    }
    let unanswerable = terminal.judged(post(MMS).answerable(false));
    assert!(
        matches!(unanswerable, Verdict::Held { .. }),
        "{unanswerable:?}"
    );
}

#[test]
fn what_a_replacement_under_way_would_take_may_be_sent_again() {
    let mut terminal = Terminal::new(http(&[4035]));
    terminal.servers.answer = ServersAnswer::All(ServerState::Announced);
    let text_only = RegistrationRequest {
        accept: Some("text/plain".to_owned()),
        ..listing(MMS, &["192.0.2.1"])
    };
    terminal.registered("uid:1", text_only);
    let image = || post(MMS).media_type("image/png");
    let stranger = || post(MMS).from_ip([192, 0, 2, 9]);
    assert_eq!(terminal.push_refused(image()), PushRefusal::ContentType);
    assert_eq!(
        terminal.push_refused(stranger()),
        PushRefusal::ServerNotListed
    );
    terminal.servers.answer = ServersAnswer::Silent;
    let ticket = terminal.register("uid:1", accepting(MMS, "image/*, text/plain"));
    assert_eq!(terminal.push_refused(image()), PushRefusal::NotYet);
    assert_eq!(terminal.push_refused(stranger()), PushRefusal::NotYet);
    terminal.accepted(post(MMS));
    assert_eq!(
        terminal.judged(image().answerable(false)),
        Verdict::Refused(PushRefusal::ContentType)
    );
    let audio = terminal.push_refused(post(MMS).media_type("audio/amr"));
    assert_eq!(audio, PushRefusal::ContentType);
    terminal.servers_say(ServerState::Confirmed);
    terminal.registration(ticket);
    terminal.accepted(image());
    terminal.accepted(stranger());
}

#[test]
fn it_is_explained_that_a_push_came_too_early() {
    let mut terminal = announcing(http(&[4035]));
    terminal.register("uid:1", request(MMS));
    let push = post(MMS).received(terminal.clock.now().unix);
    let explanation = terminal.client.explain(&push);
    assert_eq!(
        explanation.verdict,
        ExplainedVerdict::Refused(PushRefusal::NotYet)
    );
    assert_eq!(explanation.verdict.as_str(), "notYet");
    let last = explanation.steps.last().unwrap();
    assert!(
        last.contains("is being registered") && last.contains(MMS),
        "{last}"
    );
}

#[test]
fn a_proved_name_is_as_good_as_an_address_that_a_host_name_resolves_to() {
    let mut terminal = Terminal::new(Settings {
        default_whitelist: vec![default_entry("gateway-1")],
        ..wsp()
    });
    terminal.registered("uid:1", listing(MMS, &["ppg.example.net"]));
    terminal.registered("uid:2", request(PRIVATE));
    let push = |id, names: &[&str]| PushBuilder::to(id).proving(names).answerable(true);
    for (id, names, listed) in [
        (MMS, &["PPG.example.net"][..], true),
        (MMS, &["other", "ppg.example.net"], true),
        (MMS, &["Gateway-1"], true),
        (MMS, &[], false),
        (MMS, &["example.net"], false),
        (PRIVATE, &["ppg.example.net"], false),
        (PRIVATE, &["gateway-1"], true),
    ] {
        let verdict = terminal.judged(push(id, names));
        let refused = verdict == Verdict::Refused(PushRefusal::ServerNotListed);
        assert_eq!(refused, !listed, "{id} {names:?}");
    }
}

#[test]
fn a_server_is_listed_where_any_whitelist_names_it() {
    let server = |last| ServerAddress::Ip([192, 0, 2, last].into());
    let name: [Box<str>; 1] = ["ppg.example.net".into()];
    let mut open = Terminal::new(wsp());
    assert!(
        open.client.is_listed(&server(9), &[]),
        "nobody is registered"
    );
    open.registered("uid:1", listing(MMS, &["192.0.2.1", "ppg.example.net"]));
    assert!(open.client.is_listed(&server(1), &[]));
    assert!(
        !open.client.is_listed(&server(9), &[]),
        "the only application lists others"
    );
    assert!(open.client.is_listed(&server(9), &name));
    open.registered("uid:2", request(PRIVATE));
    assert!(
        open.client.is_listed(&server(9), &[]),
        "one takes pushes from anyone"
    );

    let limited = DefaultWhitelistEntry {
        applications: vec![PushApplicationId::parse(MMS).unwrap()],
        content_types: Some(Accept::parse("text/*").unwrap()),
        ..default_entry("192.0.2.2")
    };
    let mut closed = Terminal::new(Settings {
        default_whitelist: vec![limited],
        ..wsp()
    });
    assert!(closed.client.is_listed(&server(2), &[]));
    assert!(!closed.client.is_listed(&server(1), &[]));
    closed.registered("uid:1", request(PRIVATE));
    assert!(
        !closed.client.is_listed(&server(1), &[]),
        "the default whitelist counts for it"
    );
    closed.registered("uid:2", listing(MMS, &["192.0.2.1"]));
    assert!(closed.client.is_listed(&server(1), &[]));
}

#[test]
fn a_server_that_an_application_lists_is_listed_while_it_is_being_registered() {
    let mut terminal = announcing(Settings {
        default_whitelist: vec![default_entry("192.0.2.2")],
        ..http(&[])
    });
    let server = ServerAddress::Ip([192, 0, 2, 1].into());
    assert!(!terminal.client.is_listed(&server, &[]));
    terminal.register("uid:1", listing(MMS, &["192.0.2.1"]));
    assert!(terminal.client.is_listed(&server, &[]));
    terminal.servers_say(ServerState::Rejected);
    assert!(!terminal.client.is_listed(&server, &[]));
}

#[test]
fn ids_of_the_client_itself_are_nobodys_and_told_to_the_servers() {
    let sia = PushApplicationId::parse("x-wap-application:push.sia").unwrap();
    let content_type = MediaType::parse("application/vnd.wap.sia").unwrap();
    let mut terminal = Terminal::new(Settings {
        own_applications: BTreeMap::from([(sia.clone(), content_type)]),
        ..http(&[4035])
    });
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    for id in [
        "x-wap-application:push.sia",
        "1",
        "urn:X-wap-application:push.sia",
    ] {
        let refusal = terminal.refused("uid:1", request(id));
        assert_eq!(
            cause(&refusal),
            (Reason::AlreadyRegistered, Some("pushApplicationID"))
        );
        assert!(refusal.detail.contains("Push Client itself"), "{refusal:?}");
    }
    let told = |terminal: &Terminal| terminal.client.capabilities()[0].applications.clone();
    assert_eq!(told(&terminal), BTreeSet::from([sia.clone()]));
    terminal.registered("uid:1", request(MMS));
    let both = BTreeSet::from([sia.clone(), PushApplicationId::parse(MMS).unwrap()]);
    assert_eq!(told(&terminal), both);
    terminal.deregistered("uid:1", MMS);
    assert_eq!(told(&terminal), BTreeSet::from([sia]));
}

#[test]
fn every_port_is_a_standard_port_where_the_protocol_says_so() {
    let mut terminal = Terminal::new(http(&[4035, 4036]));
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let at = |id, port| with_profile(request(id), Some("OTA-HTTP"), None, port);
    terminal.registered("uid:1", at("x-example:any", None));
    terminal.registered("uid:1", at("x-example:plain", Some("4035")));
    terminal.registered("uid:1", at("x-example:secure", Some("4036")));
    for (id, taken) in [
        ("x-example:any", [true, true, true]),
        ("x-example:plain", [true, false, false]),
        ("x-example:secure", [false, true, false]),
    ] {
        let ports = [Some(4035), Some(4036), None].into_iter().zip(taken);
        for ((port, taken), transaction) in ports.zip(0..) {
            let push = post(id).transaction(transaction);
            let verdict = terminal.judged(push.over(Protocol::OtaHttp, port));
            let accepted = matches!(verdict, Verdict::Accepted { .. });
            assert_eq!(accepted, taken, "{id} at {port:?}: {verdict:?}");
        }
    }
}

#[test]
fn a_port_tells_nobody_apart_from_who_takes_every_port() {
    let mut terminal = Terminal::new(http(&[4035, 4036]));
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let at = |port| with_profile(request(MMS), Some("OTA-HTTP"), Some("IP"), port);
    terminal.registered("uid:1", at(Some("4035")));
    terminal.registered("uid:2", at(Some("4036")));
    terminal.deregistered("uid:1", MMS);
    let refusal = terminal.refused("uid:1", at(None));
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
    terminal.deregistered("uid:2", MMS);
    terminal.registered("uid:1", at(None));
    let refusal = terminal.refused("uid:2", at(Some("4036")));
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
    terminal.deregistered("uid:1", MMS);
    terminal.registered("uid:1", request(MMS));
    let refusal = terminal.refused("uid:2", at(Some("4036")));
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
}

#[test]
fn a_protocol_without_a_listener_is_usable() {
    let mut terminal = Terminal::new(http(&[]));
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let over_http = |port| with_profile(request(MMS), Some("OTA-HTTP"), None, port);
    let refusal = terminal.refused("uid:1", over_http(Some("4035")));
    assert_eq!(
        cause(&refusal),
        (Reason::OptionNotAvailable, Some("connectionProfile.port"))
    );
    assert!(refusal.detail.contains("leave the port out"), "{refusal}");
    terminal.registered("uid:1", over_http(None));
    terminal.accepted(post(MMS).over(Protocol::OtaHttp, None));
}
