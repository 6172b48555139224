//! Ports of one's own, push sessions, and further standard ports (Push-CAI 5.1, the second exception; WAP-235 6).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use push_core::{
    Addressing, BearerSettings, EventId, Occurrence, Outcome, OwnPorts, ProtocolSettings,
    PushRefusal, RegistrationRequest, RequestTicket, Selector, ServerState, Settings,
};
use push_message::{Bearer, Protocol, Reason, ServerAddress};
use push_testkit::{PortsAnswer, PushBuilder, ServersAnswer, StoreAnswer, Terminal};

use crate::common::{
    Expectations, MMS, PRIVATE, SECOND, cause, http, named, request, with_profile, wsp, wsp_and_sip,
};

const WSP: Protocol = Protocol::OtaWsp;

/// OTA-WSP with push sessions, over IP (2948 and 9209 open, others opened on demand) and over short messages that show
/// their ports.
fn settings() -> Settings {
    let over_ip = BearerSettings {
        also_standard: BTreeSet::from([9209]),
        ..BearerSettings::listening([2948, 9209]).with_own_ports(OwnPorts::Opened)
    };
    let wsp_settings = ProtocolSettings {
        explicit_registration: true,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: false,
        session_port: Some(9201),
        bearers: BTreeMap::from([
            (Bearer::Ip, over_ip),
            (
                Bearer::GsmSms,
                BearerSettings::listening([2948]).with_own_ports(OwnPorts::Shown),
            ),
        ]),
    };
    Settings {
        protocols: BTreeMap::from([(WSP, wsp_settings)]),
        ..wsp()
    }
}

fn without_sessions() -> Settings {
    let mut settings = settings();
    let wsp = settings.protocols.get_mut(&WSP).unwrap();
    wsp.session_port = None;
    wsp.explicit_registration = false;
    settings
}

fn at(id: &str, port: &str) -> RegistrationRequest {
    with_profile(request(id), Some("OTA-WSP"), None, Some(port))
}

fn at_ip(id: &str, port: &str) -> RegistrationRequest {
    with_profile(request(id), Some("OTA-WSP"), Some("IP"), Some(port))
}

fn datagram(id: &str, port: u16) -> PushBuilder {
    PushBuilder::to(id).over(WSP, Some(port))
}

fn on_session(id: &str) -> PushBuilder {
    PushBuilder::to(id).over(WSP, None).answerable(true)
}

fn short_message(id: &str, port: Option<u16>) -> PushBuilder {
    PushBuilder::to(id).by_short_message(port, ServerAddress::E164("+491710760000".into()), None)
}

fn open(terminal: &Terminal) -> Vec<u16> {
    let ports = terminal.ports.open.iter();
    ports.map(|&(_, _, port)| port).collect()
}

/// Takes what waits for an owner.
fn fetched(terminal: &mut Terminal, owner: &str) -> Vec<EventId> {
    let ticket = terminal.fetch(owner, Selector::default(), 100, Duration::ZERO);
    let events = terminal.fetched(ticket);
    terminal.acknowledge(owner, &events, Outcome::Accepted);
    events
}

fn port_refused(terminal: &mut Terminal, ticket: RequestTicket) -> String {
    let refusal = terminal.refusal(ticket);
    assert_eq!(
        cause(&refusal),
        (Reason::OptionNotAvailable, Some("connectionProfile.port"))
    );
    refusal.detail
}

fn not_opened(terminal: &Terminal) -> usize {
    let occurrences = terminal.out.occurrences.iter();
    occurrences
        .filter(|one| matches!(one, Occurrence::PortNotOpened { .. }))
        .count()
}

#[test]
fn a_port_is_opened_before_the_answer_and_closed_with_the_last_who_has_it() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.ports.answer = PortsAnswer::Late;
    let ticket = terminal.register("uid:1", at(MMS, "5000"));
    assert!(terminal.answer(ticket).is_none(), "the port is not open");
    assert_eq!(terminal.store.registrations().count(), 0);
    terminal.ports_say(true);
    terminal.registration(ticket);
    assert_eq!(
        terminal.ports.open,
        BTreeSet::from([(WSP, Bearer::Ip, 5000)])
    );

    terminal.ports.answer = PortsAnswer::Open;
    terminal.registered("uid:1", at(PRIVATE, "5000"));
    assert_eq!(terminal.ports.asked, 1, "it is open already");
    terminal.deregistered("uid:1", MMS);
    assert_eq!(open(&terminal), [5000], "another registration has it");
    terminal.deregistered("uid:1", PRIVATE);
    assert!(open(&terminal).is_empty());
    assert_eq!(terminal.client.poll_timeout(), None);
}

#[test]
fn a_port_that_cannot_be_opened_undoes_the_registration() {
    let mut terminal = Terminal::new(settings());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.ports.answer = PortsAnswer::Taken;
    let told = terminal.servers.told.len();
    let both = with_profile(at_ip(MMS, "5000"), Some("OTA-WSP"), None, Some("9201"));
    let ticket = terminal.register("uid:1", both.clone());
    let detail = port_refused(&mut terminal, ticket);
    assert!(
        detail.contains("5000") && detail.contains("address already in use"),
        "{detail}"
    );
    assert!(detail.contains("leave it out"), "{detail}");
    assert_eq!(
        terminal.store.registrations().count(),
        0,
        "nothing is left as pending"
    );
    assert_eq!(terminal.servers.told.len(), told, "no server heard of it");
    assert_eq!(not_opened(&terminal), 1);
    assert_eq!(
        terminal.client.poll_timeout(),
        None,
        "nobody needs it, so it is not tried again"
    );
    assert_eq!(
        terminal.push_refused(datagram(MMS, 5000).answerable(true)),
        PushRefusal::NoSuchApplication
    );

    terminal.ports.answer = PortsAnswer::Open;
    terminal.registered("uid:2", both);
    assert_eq!(open(&terminal), [5000]);
}

#[test]
fn of_several_ports_all_are_opened_or_none() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.ports.answer = PortsAnswer::Late;
    let three = || {
        let two = with_profile(at_ip(MMS, "5000"), Some("OTA-WSP"), None, Some("5001"));
        with_profile(two, Some("OTA-WSP"), None, Some("5002"))
    };
    for answers in [
        [true, true, false],
        [true, false, true],
        [false, true, true],
    ] {
        let ticket = terminal.register("uid:1", three());
        for open in answers {
            terminal.ports_say(open);
        }
        port_refused(&mut terminal, ticket);
        assert!(open(&terminal).is_empty(), "{answers:?}");
        assert_eq!(terminal.store.registrations().count(), 0);
        assert_eq!(terminal.client.poll_timeout(), None);
    }
    let ticket = terminal.register("uid:1", three());
    for _ in 0..2 {
        terminal.ports_say(true);
        assert!(terminal.answer(ticket).is_none(), "one is not open yet");
    }
    terminal.ports_say(true);
    terminal.registration(ticket);
    assert_eq!(open(&terminal), [5000, 5001, 5002]);
}

#[test]
fn whatever_fails_after_the_port_is_open_closes_it() {
    let mut terminal = Terminal::new(settings());
    let both = with_profile(at_ip(MMS, "5000"), Some("OTA-WSP"), None, Some("9201"));
    terminal.servers.answer = ServersAnswer::All(ServerState::Unreachable);
    let refusal = terminal.refused("uid:1", both.clone());
    assert_eq!(refusal.reason, Reason::ServerUnreachable);
    assert_eq!(terminal.ports.asked, 1);
    assert!(open(&terminal).is_empty());

    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.store.answer = StoreAnswer::Late;
    for step in 0..2 {
        let ticket = terminal.register("uid:1", both.clone());
        for _ in 0..step {
            let written = terminal.store.write_next().unwrap();
            terminal.persisted(written);
        }
        assert_eq!(
            open(&terminal).len(),
            step,
            "opened once it is written as pending"
        );
        let failed = terminal.store.fail_next().unwrap();
        terminal.persisted(failed);
        assert_eq!(terminal.refusal(ticket).reason, Reason::StoreFailed);
        terminal.write_all();
        assert!(open(&terminal).is_empty());
        assert_eq!(terminal.store.registrations().count(), 0);
    }

    terminal.store.answer = StoreAnswer::Failing;
    assert_eq!(terminal.refused("uid:1", both).reason, Reason::StoreFailed);
    assert!(open(&terminal).is_empty());
}

#[test]
fn a_replacement_closes_what_it_does_not_name_and_only_once_it_is_in_force() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered("uid:1", at(MMS, "5000"));
    terminal.ports.answer = PortsAnswer::Taken;
    let ticket = terminal.register("uid:1", at(MMS, "5001"));
    port_refused(&mut terminal, ticket);
    assert_eq!(open(&terminal), [5000], "the former registration stands");
    terminal.accepted(datagram(MMS, 5000));

    terminal.ports.answer = PortsAnswer::Open;
    terminal.store.answer = StoreAnswer::Late;
    let ticket = terminal.register("uid:1", at(MMS, "5001"));
    assert_eq!(open(&terminal), [5000, 5001]);
    terminal.write_all();
    terminal.registration(ticket);
    assert_eq!(open(&terminal), [5001]);
    let ticket = terminal.register("uid:1", request(MMS));
    terminal.write_all();
    terminal.registration(ticket);
    assert!(open(&terminal).is_empty());
}

#[test]
fn a_deregistration_that_fails_keeps_the_port_open() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered("uid:1", at(MMS, "5000"));
    terminal.store.answer = StoreAnswer::Failing;
    let ticket = terminal.deregister("uid:1", crate::common::departure(MMS));
    assert_eq!(terminal.refusal(ticket).reason, Reason::StoreFailed);
    assert_eq!(open(&terminal), [5000]);
}

#[test]
fn whoever_comes_while_a_port_is_being_opened_waits_for_it_too() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.ports.answer = PortsAnswer::Late;
    for open_in_the_end in [false, true] {
        let first = terminal.register("uid:1", at(MMS, "5000"));
        let second = terminal.register("uid:1", at(PRIVATE, "5000"));
        let stranger = terminal.refused("uid:2", at("x-example:other", "5000"));
        assert!(stranger.detail.contains("taken"), "{stranger}");
        terminal.ports_say(open_in_the_end);
        for ticket in [first, second] {
            if open_in_the_end {
                terminal.registration(ticket);
            } else {
                port_refused(&mut terminal, ticket);
            }
        }
    }
    assert_eq!(terminal.ports.asked, 2);
    assert_eq!(open(&terminal), [5000]);
}

#[test]
fn at_start_the_ports_of_registrations_in_force_are_opened_again() {
    let mut terminal = Terminal::new(settings());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:1", at_ip(MMS, "5000"));
    terminal.registered("uid:1", at_ip(PRIVATE, "5000"));
    terminal.registered("uid:2", at("x-example:sessions", "9201"));
    terminal.registered("uid:3", at("x-example:standard", "9209"));
    terminal.registered(
        "uid:4",
        with_profile(
            request("x-example:sms"),
            Some("OTA-WSP"),
            Some("GSM-SMS"),
            Some("5001"),
        ),
    );
    assert_eq!(open(&terminal), [5000], "no other port needs opening");
    let asked = terminal.ports.asked;
    terminal.crash();
    assert_eq!(open(&terminal), [5000]);
    assert_eq!(terminal.ports.asked, asked + 1, "once for both");
    assert_eq!(terminal.client.poll_timeout(), None);
    terminal.accepted(datagram(MMS, 5000));
}

#[test]
fn a_port_that_cannot_be_opened_at_start_is_tried_again_at_growing_intervals() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered("uid:1", at(MMS, "5000"));
    terminal.ports.answer = PortsAnswer::Taken;
    terminal.crash();
    assert_eq!(not_opened(&terminal), 1);
    let (_, reason) = terminal.client.poll_timeout().unwrap();
    assert_eq!(reason, "a port is tried again");
    let mut waits = Vec::new();
    for failures in 2..=6 {
        let (deadline, _) = terminal.client.poll_timeout().unwrap();
        let wait = deadline.saturating_sub(terminal.clock.now().monotonic);
        terminal.advance(wait);
        waits.push(wait);
        assert_eq!(not_opened(&terminal), failures);
    }
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert!(waits[4] <= SECOND * 32, "{waits:?}");
    terminal.ports.answer = PortsAnswer::Open;
    terminal.advance(Duration::from_mins(2));
    assert_eq!(open(&terminal), [5000]);
    assert_eq!(terminal.client.poll_timeout(), None);
}

#[test]
fn whoever_leaves_or_comes_while_a_port_is_tried_again_settles_the_matter() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered("uid:1", at(MMS, "5000"));
    terminal.ports.answer = PortsAnswer::Taken;
    terminal.crash();
    let ticket = terminal.register("uid:1", at(PRIVATE, "5000"));
    port_refused(&mut terminal, ticket);
    assert!(
        terminal.client.poll_timeout().is_some(),
        "the first still needs it"
    );
    terminal.ports.answer = PortsAnswer::Open;
    terminal.registered("uid:1", at(PRIVATE, "5000"));
    assert_eq!(open(&terminal), [5000], "tried at once");
    assert_eq!(terminal.client.poll_timeout(), None);

    terminal.ports.answer = PortsAnswer::Taken;
    terminal.crash();
    terminal.deregistered("uid:1", MMS);
    assert!(terminal.client.poll_timeout().is_some());
    terminal.deregistered("uid:1", PRIVATE);
    assert_eq!(
        terminal.client.poll_timeout(),
        None,
        "nobody needs it any more"
    );

    terminal.ports.answer = PortsAnswer::Open;
    terminal.registered("uid:1", at(MMS, "5000"));
    terminal.ports.answer = PortsAnswer::Late;
    terminal.crash();
    terminal.deregistered("uid:1", MMS);
    terminal.ports_say(true);
    assert!(
        open(&terminal).is_empty(),
        "opened too late, and closed again"
    );
}

#[test]
//= specs/push-cai.md#uniqueness
//= type=test
//# A Push Application ID in use MUST NOT be refused for being taken when the newcomer asks for a bearer port that nobody else has.
//= specs/push-cai.md#uniqueness
//= type=test
//# Applications that share a Push Application ID MUST each be given only the pushes that are meant for them.
fn each_push_goes_to_the_application_of_its_way() {
    let mut terminal = Terminal::new(settings());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:1", request(MMS));
    terminal.registered("uid:2", at(MMS, "5000"));
    let over_sms = Some("GSM-SMS");
    let by_sms = with_profile(request(MMS), Some("OTA-WSP"), over_sms, Some("6000"));
    terminal.registered("uid:3", by_sms);
    for (push, owner) in [
        (datagram(MMS, 2948), Some("uid:1")),
        (datagram(MMS, 9209), Some("uid:1")),
        (on_session(MMS), Some("uid:1")),
        (short_message(MMS, Some(2948)), Some("uid:1")),
        (short_message(MMS, None), Some("uid:1")),
        (datagram(MMS, 5000), Some("uid:2")),
        (short_message(MMS, Some(5000)), Some("uid:2")),
        (short_message(MMS, Some(6000)), Some("uid:3")),
        (datagram(MMS, 6000), None),
        (short_message(MMS, Some(9209)), None),
        (short_message(MMS, Some(9201)), None),
    ] {
        let shown = format!("{push:?}");
        let Some(owner) = owner else {
            let refusal = terminal.push_refused(push.answerable(true));
            assert_eq!(refusal, PushRefusal::NoSuchApplication, "{shown}");
            continue;
        };
        let event = terminal.accepted(push);
        for other in ["uid:1", "uid:2", "uid:3"] {
            let events = if other == owner { vec![event] } else { vec![] };
            assert_eq!(fetched(&mut terminal, other), events, "{other}: {shown}");
        }
    }
}

#[test]
//= specs/push-cai.md#options
//= type=test
//# A registration with an option that is supported but cannot be had at the moment MUST be refused.
fn the_session_port_asks_for_sessions() {
    let mut terminal = Terminal::new(settings());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:1", at(MMS, "9201"));
    terminal.registered("uid:2", at(PRIVATE, "9201"));
    assert_eq!(terminal.ports.asked, 0, "sessions are opened from here");
    let told = terminal.servers.told.last().unwrap();
    assert!(told.iter().all(|one| one.sessions_asked_for));
    terminal.accepted(on_session(MMS));
    terminal.accepted(on_session(PRIVATE).transaction(2));
    for elsewhere in [
        datagram(MMS, 2948),
        datagram(MMS, 9201),
        short_message(MMS, None),
    ] {
        let refusal = terminal.push_refused(elsewhere.answerable(true));
        assert_eq!(refusal, PushRefusal::NoSuchApplication);
    }

    // Sessions are everybody's: they tell nobody apart.
    let refusal = terminal.refused("uid:3", at(MMS, "9201"));
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
    let over_sms = with_profile(request("x-example:sms"), None, Some("SMS"), Some("9201"));
    let refusal = terminal.refused("uid:3", over_sms);
    assert_eq!(refusal.reason, Reason::OptionNotAvailable);
    assert!(refusal.detail.contains("over IP alone"), "{refusal}");

    terminal.deregistered("uid:1", MMS);
    terminal.deregistered("uid:2", PRIVATE);
    let told = terminal.servers.told.last().unwrap();
    assert!(told.iter().all(|one| !one.sessions_asked_for));
    let mut off = Terminal::new(without_sessions());
    let refusal = off.refused("uid:1", at(MMS, "9201"));
    assert_eq!(
        cause(&refusal),
        (Reason::OptionNotAvailable, Some("connectionProfile.port"))
    );
    assert!(
        refusal.detail.contains("switched off") && refusal.detail.contains("2948"),
        "{refusal}"
    );
}

#[test]
fn a_session_profile_that_outlives_its_sessions_opens_nothing_and_takes_nothing() {
    let mut terminal = Terminal::new(settings());
    terminal.registered("uid:1", at(MMS, "9201"));
    let snapshot = terminal.store.snapshot();
    let now = terminal.clock.now();
    let mut off = push_core::PushClient::new(without_sessions(), 1, snapshot, now);
    assert!(off.poll_output().is_none(), "there is nothing to do");
    let push = on_session(MMS).received(now.unix);
    assert_eq!(off.explain(&push).verdict.as_str(), "noSuchApplication");
}

#[test]
fn servers_are_told_only_of_what_comes_on_sessions() {
    let mut terminal = Terminal::new(settings());
    terminal.servers.answer = ServersAnswer::All(ServerState::Unreachable);
    terminal.registered("uid:1", at_ip(MMS, "5000"));
    let by_sms = with_profile(request(PRIVATE), Some("OTA-WSP"), Some("GSM-SMS"), None);
    terminal.registered("uid:1", by_sms);
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:2", request("x-example:any"));
    terminal.registered("uid:2", at("x-example:standard", "2948"));
    terminal.registered("uid:2", at("x-example:sessions", "9201"));
    let told: Vec<_> = terminal.servers.told.last().unwrap()[0]
        .applications
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        ["x-example:any", "x-example:sessions", "x-example:standard"]
    );
}

#[test]
fn ports_of_wtls_are_refused_with_the_port_that_works() {
    for (settings, port, words) in [
        (settings(), "2949", ["WTLS", "port 2948", "leaving it out"]),
        (settings(), "9202", ["WTLS", "port 2948", "leaving it out"]),
        (
            settings(),
            "9203",
            ["WTLS", "port 9201 asks for push sessions", "2948"],
        ),
        (
            without_sessions(),
            "9203",
            ["WTLS", "port 2948", "leaving it out"],
        ),
    ] {
        let mut terminal = Terminal::new(settings);
        let refusal = terminal.refused("uid:1", at(MMS, port));
        assert_eq!(
            cause(&refusal),
            (Reason::UnsupportedOption, Some("connectionProfile.port"))
        );
        for word in words {
            assert!(refusal.detail.contains(word), "{port}: {refusal}");
        }
    }
}

#[test]
fn bearers_that_hide_ports_have_none_to_give() {
    let mut settings = without_sessions();
    let wsp = settings.protocols.get_mut(&WSP).unwrap();
    wsp.bearers.get_mut(&Bearer::GsmSms).unwrap().own_ports = OwnPorts::No;
    let mut terminal = Terminal::new(settings);
    let by_sms = |port| with_profile(request(MMS), Some("OTA-WSP"), Some("SMS"), Some(port));
    let refusal = terminal.refused("uid:1", by_sms("5000"));
    assert_eq!(
        cause(&refusal),
        (Reason::OptionNotAvailable, Some("connectionProfile.port"))
    );
    assert!(
        refusal.detail.contains("does not show their ports"),
        "{refusal}"
    );
    assert!(
        refusal.detail.contains("2948 (OTA-WSP over GSM-SMS)"),
        "{refusal}"
    );
    terminal.registered("uid:1", by_sms("2948"));
    terminal.accepted(short_message(MMS, None));
    // Without a bearer, the port is had where it can be.
    terminal.registered("uid:2", at(PRIVATE, "5000"));
    terminal.accepted(datagram(PRIVATE, 5000));
    assert_eq!(
        terminal.push_refused(short_message(PRIVATE, Some(5000)).answerable(true)),
        PushRefusal::NoSuchApplication
    );
}

#[test]
fn a_port_that_is_open_for_everybody_shows_in_short_messages_too() {
    let mut settings = without_sessions();
    let wsp = settings.protocols.get_mut(&WSP).unwrap();
    wsp.bearers.get_mut(&Bearer::Ip).unwrap().ports.push(4900);
    let mut terminal = Terminal::new(settings);
    terminal.registered("uid:1", at(MMS, "4900"));
    assert_eq!(terminal.ports.asked, 0);
    terminal.accepted(datagram(MMS, 4900));
    terminal.accepted(short_message(MMS, Some(4900)));
}

#[test]
fn a_port_of_another_protocol_is_not_opened_beside_it() {
    let mut settings = http(&[4035]);
    settings.protocols.extend(without_sessions().protocols);
    let mut terminal = Terminal::new(settings);
    let any = with_profile(named(MMS, "urn:a"), None, None, Some("4035"));
    terminal.registered("uid:1", any);
    assert_eq!(terminal.ports.asked, 0, "OTA-HTTP listens there");
}
