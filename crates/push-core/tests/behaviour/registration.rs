//! Application Registration and Deregistration (Push-CAI 5.1, 5.2).

use std::time::Duration;

use crate::common::{
    Expectations, MMS, PRIVATE, SECOND, cause, departure, named, request, with_profile, wsp,
    wsp_and_sip,
};
use push_core::{
    Answer, Capabilities, DeregistrationRequest, Occurrence, PushRefusal, RegistrationRequest,
    RegistrationState, ServerState, Settings, Verdict,
};
use push_message::{Protocol, PushApplicationId, Reason};
use push_testkit::{PushBuilder, ServersAnswer, StoreAnswer, Terminal};

fn terminal() -> Terminal {
    Terminal::new(wsp())
}

fn sip() -> Terminal {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.servers.told.clear();
    terminal
}

fn over_sip(id: &str, application_id: &str) -> RegistrationRequest {
    with_profile(named(id, application_id), Some("OTA-SIP"), None, None)
}

fn ids(capabilities: &[Capabilities]) -> Vec<String> {
    let all = capabilities.iter().flat_map(|one| &one.applications);
    all.map(ToString::to_string).collect()
}

fn types(capabilities: &[Capabilities]) -> Vec<&str> {
    let all = capabilities.iter().flat_map(|one| &one.accept);
    all.map(|range| &**range).collect()
}

#[test]
//= specs/push-cai.md#accepted-registration
//= type=test
//# An accepted registration MUST be answered with a response that tells the application of its success.
//= specs/push-cai.md#trust
//= type=test
//# Where no security policy is in force the Push Client MUST take an application as trusted and entitled to ask for registration.
fn anybody_is_registered_where_no_policy_says_otherwise() {
    let mut terminal = terminal();
    let id = terminal.registered("uid:1", request(MMS));
    let views: Vec<_> = terminal.client.registrations().collect();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].record.id, id);
    assert_eq!(views[0].record.state, RegistrationState::Active);
    let occurred = &terminal.out.occurrences[..];
    assert!(matches!(occurred, [Occurrence::Registered(record)] if record.id == id));
}

#[test]
//= specs/push-cai.md#registration-request
//= type=test
//# A registration that names no pushApplicationID MUST be refused as an invalid request.
fn a_registration_without_an_id_is_invalid() {
    let refusal = terminal().refused("uid:1", RegistrationRequest::default());
    assert_eq!(
        cause(&refusal),
        (Reason::InvalidRequest, Some("pushApplicationID"))
    );
}

#[test]
//= specs/push-cai.md#deregistration-request
//= type=test
//# A deregistration that names no pushApplicationID MUST be refused as an invalid request.
fn a_deregistration_without_an_id_is_invalid() {
    let mut terminal = terminal();
    let ticket = terminal.deregister("uid:1", DeregistrationRequest::default());
    let refusal = terminal.refusal(ticket);
    assert_eq!(
        cause(&refusal),
        (Reason::InvalidRequest, Some("pushApplicationID"))
    );
}

#[test]
//= specs/push-cai.md#deregistration-request
//= type=test
//# A deregistration MUST be refused when the application that asks has no registration for the Push Application ID.
fn only_the_application_that_registered_deregisters() {
    let mut terminal = terminal();
    terminal.registered("uid:1", named(MMS, "https://example.net/app"));
    let stranger = DeregistrationRequest {
        application_id: Some("https://example.net/app".to_owned()),
        ..departure(MMS)
    };
    for (owner, request) in [
        ("uid:2", stranger.clone()),
        ("uid:1", departure(MMS)),
        (
            "uid:1",
            DeregistrationRequest {
                push_application_id: PRIVATE.to_owned(),
                ..stranger.clone()
            },
        ),
    ] {
        let ticket = terminal.deregister(owner, request);
        assert_eq!(terminal.refusal(ticket).reason, Reason::NotRegistered);
    }
    let ticket = terminal.deregister("uid:1", stranger);
    assert!(matches!(
        terminal.answer(ticket),
        Some(Answer::Deregistered { .. })
    ));
}

#[test]
//= specs/push-cai.md#answer-to-a-deregistration
//= type=test
//# A deregistration that is accepted, and carried out with the Push Server where one has to be told, MUST be answered with a response that tells the application of its success.
fn a_deregistration_succeeds_and_can_be_repeated_only_as_a_failure() {
    let mut terminal = sip();
    terminal.registered("uid:1", over_sip(MMS, "urn:a"));
    let request = DeregistrationRequest {
        application_id: Some("urn:a".to_owned()),
        ..departure(MMS)
    };
    let ticket = terminal.deregister("uid:1", request.clone());
    assert!(
        matches!(terminal.answer(ticket), Some(Answer::Deregistered { servers }) if servers.len() == 1)
    );
    let ticket = terminal.deregister("uid:1", request);
    assert_eq!(terminal.refusal(ticket).reason, Reason::NotRegistered);
}

#[test]
fn every_spelling_of_an_id_is_the_same_id() {
    let mut terminal = terminal();
    let first = terminal.registered("uid:1", request("x-wap-application:mms.ua"));
    for spelling in ["urn:X-WAP-Application:MMS.UA", "4", "0x04"] {
        assert_eq!(
            terminal.registered("uid:1", request(spelling)),
            first,
            "{spelling}"
        );
        assert_eq!(
            terminal.refused("uid:2", request(spelling)).reason,
            Reason::AlreadyRegistered
        );
    }
    terminal.deregistered("uid:1", "0x4");
}

#[test]
//= specs/push-cai.md#retained-details
//= type=test
//# The details of a registration MUST be kept for as long as a deregistration may need them.
fn details_outlive_a_restart() {
    let mut terminal = Terminal::new(wsp_and_sip());
    let asked = RegistrationRequest {
        whitelist: vec!["192.0.2.0/24".to_owned(), "ppg.example.net".to_owned()],
        accept: Some("text/plain;q=0.5, image/*".to_owned()),
        suppress_equal_content: Some(SECOND),
        ..with_profile(
            named(PRIVATE, "urn:a"),
            Some("OTA-WSP"),
            Some("UDP"),
            Some("5000"),
        )
    };
    let id = terminal.registered("uid:1", asked);
    let before: Vec<_> = terminal.client.registrations().collect();
    terminal.crash();
    let after: Vec<_> = terminal.client.registrations().collect();
    assert_eq!(before, after);
    let record = &after[0].record;
    assert_eq!(record.id, id);
    assert_eq!(record.whitelist.addresses().len(), 2);
    assert_eq!(record.suppress_equal_content_millis, Some(1000));
    assert_eq!(
        record.accept.as_ref().unwrap().to_string(),
        "text/plain;q=0.500, image/*"
    );
}

#[test]
fn owners_see_only_their_own_registrations() {
    let mut terminal = terminal();
    terminal.registered("uid:1", request(MMS));
    terminal.registered("uid:2", request(PRIVATE));
    let owner = push_message::Owner::proved("uid:1");
    let own: Vec<_> = terminal.client.registrations_of(&owner).collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].record.push_application_id.to_string(), MMS);
    assert_eq!(terminal.client.registrations().count(), 2);
}

#[test]
//= specs/push-cai.md#accepted-registration
//= type=test
//# An accepted registration MUST be followed by a registration with the Push Server wherever the push protocol has one.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# The set of Push Application IDs told to the Push Server MUST contain the newly registered one.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# The set of MIME types told to the Push Server MUST contain those that the registration names.
fn servers_are_told_the_sum_of_what_applications_asked_for() {
    let mut terminal = sip();
    let first = RegistrationRequest {
        accept: Some("text/plain, image/png;q=0".to_owned()),
        ..over_sip(MMS, "urn:a")
    };
    terminal.registered("uid:1", first);
    let told = terminal.servers.told.pop().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].protocol, Protocol::OtaSip);
    assert_eq!(ids(&told), [MMS]);
    assert_eq!(types(&told), ["application/vnd.wap.sic", "text/plain"]);
    terminal.registered("uid:2", over_sip(PRIVATE, "urn:b"));
    let told = terminal.servers.told.pop().unwrap();
    assert_eq!(ids(&told), [MMS, PRIVATE]);
    assert_eq!(
        types(&told),
        ["*/*", "application/vnd.wap.sic", "text/plain"]
    );
    assert_eq!(told[0].instances.len(), 2);
    assert_eq!(terminal.client.capabilities(), told);
}

#[test]
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# An accepted deregistration MUST be followed by a deregistration with the Push Server wherever the push protocol has one.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# The set of Push Application IDs told to the Push Server after a deregistration MUST lack the one that nobody holds any more.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# The set of MIME types told to the Push Server after a deregistration MUST lack those that the departed application alone had named.
fn a_deregistration_takes_back_only_what_that_application_alone_had() {
    let mut terminal = sip();
    let accepting = |types: &str, request| RegistrationRequest {
        accept: Some(types.to_owned()),
        ..request
    };
    terminal.registered(
        "uid:1",
        accepting("text/plain, text/html", over_sip(MMS, "urn:a")),
    );
    terminal.registered(
        "uid:2",
        accepting("text/plain, image/png", over_sip(MMS, "urn:b")),
    );
    terminal.registered("uid:2", accepting("text/plain", over_sip(PRIVATE, "urn:b")));
    let leave = |id: &str, name: &str| DeregistrationRequest {
        application_id: Some(name.to_owned()),
        ..departure(id)
    };
    terminal.deregister("uid:1", leave(MMS, "urn:a"));
    let told = terminal.servers.told.pop().unwrap();
    assert_eq!(
        ids(&told),
        [PRIVATE, MMS]
            .map(str::to_owned)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert_eq!(
        types(&told),
        ["application/vnd.wap.sic", "image/png", "text/plain"]
    );
    terminal.deregister("uid:2", leave(MMS, "urn:b"));
    let told = terminal.servers.told.pop().unwrap();
    assert_eq!(ids(&told), [PRIVATE]);
    assert_eq!(types(&told), ["application/vnd.wap.sic", "text/plain"]);
}

#[test]
fn protocols_without_explicit_registration_tell_nobody() {
    let mut terminal = sip();
    terminal.registered(
        "uid:1",
        with_profile(request(MMS), Some("OTA-WSP"), None, None),
    );
    terminal.deregistered("uid:1", MMS);
    assert!(terminal.servers.told.is_empty());
    assert_eq!(terminal.store.written(), 2);
}

#[test]
//= specs/push-cai.md#failed-registration
//= type=test
//# A registration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
fn a_server_that_refuses_undoes_the_registration() {
    let mms = PushApplicationId::parse(MMS).unwrap();
    for (answer, reason) in [
        (
            ServersAnswer::All(ServerState::Rejected),
            Reason::ServerRejected,
        ),
        (ServersAnswer::AllBut(mms), Reason::ServerRejected),
        (
            ServersAnswer::All(ServerState::Unreachable),
            Reason::ServerUnreachable,
        ),
        (
            ServersAnswer::All(ServerState::Requested),
            Reason::ServerUnreachable,
        ),
    ] {
        let mut terminal = sip();
        terminal.registered("uid:2", over_sip(PRIVATE, "urn:b"));
        terminal.servers.answer = answer;
        terminal.servers.told.clear();
        let refusal = terminal.refused("uid:1", over_sip(MMS, "urn:a"));
        assert_eq!(refusal.reason, reason, "{refusal}");
        let one_alone = matches!(terminal.servers.answer, ServersAnswer::AllBut(_));
        assert_eq!(refusal.to_string().contains(MMS), one_alone, "{refusal}");
        let told: Vec<_> = terminal.servers.told.iter().map(|told| ids(told)).collect();
        assert_eq!(
            told,
            [
                vec![MMS.to_owned(), PRIVATE.to_owned()],
                vec![PRIVATE.to_owned()]
            ]
        );
        assert_eq!(terminal.store.registrations().count(), 1);
        assert_eq!(terminal.client.registrations().count(), 1);
        terminal.servers.answer = ServersAnswer::All(ServerState::Announced);
        terminal.registered("uid:3", over_sip(MMS, "urn:c"));
    }
}

#[test]
fn servers_that_do_not_answer_are_given_up() {
    let mut terminal = sip();
    terminal.servers.answer = ServersAnswer::Silent;
    let ticket = terminal.register("uid:1", over_sip(MMS, "urn:a"));
    assert!(terminal.answer(ticket).is_none());
    assert_eq!(
        terminal.store.registrations().next().unwrap().state,
        RegistrationState::Pending
    );
    terminal.advance(Duration::from_secs(19));
    assert!(terminal.answer(ticket).is_none());
    terminal.advance(SECOND);
    assert_eq!(terminal.refusal(ticket).reason, Reason::ServerUnreachable);
    assert_eq!(terminal.store.registrations().count(), 0);
    assert_eq!(terminal.client.poll_timeout(), None);
}

#[test]
fn confirmation_is_waited_for_where_the_settings_say_so() {
    let mut terminal = Terminal::new(Settings {
        confirm: true,
        ..wsp_and_sip()
    });
    terminal.servers.answer = ServersAnswer::All(ServerState::Announced);
    assert_eq!(
        terminal.refused("uid:1", over_sip(MMS, "urn:a")).reason,
        Reason::ServerUnreachable
    );
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:1", over_sip(MMS, "urn:a"));
}

#[test]
fn with_no_server_provisioned_there_is_nobody_to_tell() {
    let mut terminal = sip();
    terminal.servers.answer = ServersAnswer::None;
    terminal.registered("uid:1", over_sip(MMS, "urn:a"));
}

#[test]
fn a_pending_registration_is_undone_at_start_and_the_former_sets_announced() {
    let mut terminal = sip();
    terminal.registered("uid:2", over_sip(PRIVATE, "urn:b"));
    terminal.servers.answer = ServersAnswer::Silent;
    terminal.register("uid:1", over_sip(MMS, "urn:a"));
    assert_eq!(terminal.store.registrations().count(), 2);
    terminal.crash();
    assert_eq!(terminal.store.registrations().count(), 1);
    assert_eq!(ids(terminal.servers.told.last().unwrap()), [PRIVATE]);
}

#[test]
//= specs/push-cai.md#uniqueness
//= type=test
//# A registration that repeats the Push Application ID of the same application MUST NOT be refused for being taken.
fn registering_again_replaces_the_registration_and_keeps_its_queue() {
    let mut terminal = terminal();
    let first = terminal.registered("uid:1", request(MMS));
    let event = terminal.accepted(PushBuilder::to(MMS));
    let again = RegistrationRequest {
        accept: Some("image/png".to_owned()),
        ..request(MMS)
    };
    assert_eq!(terminal.registered("uid:1", again), first);
    assert_eq!(terminal.client.registrations().count(), 1);
    assert_eq!(terminal.store.registrations().count(), 1);
    assert_eq!(
        terminal.push_refused(PushBuilder::to(MMS).transaction(1)),
        PushRefusal::ContentType
    );
    let ticket = terminal.fetch("uid:1", push_core::Selector::default(), 10, Duration::ZERO);
    assert_eq!(terminal.fetched(ticket), [event]);
}

#[test]
fn a_replacement_that_servers_refuse_leaves_the_former_registration() {
    let mut terminal = sip();
    let text = |request| RegistrationRequest {
        accept: Some("text/plain".to_owned()),
        ..request
    };
    let first = terminal.registered("uid:1", text(over_sip(MMS, "urn:a")));
    terminal.servers.answer = ServersAnswer::All(ServerState::Rejected);
    terminal.servers.told.clear();
    let refusal = terminal.refused("uid:1", over_sip(MMS, "urn:a"));
    assert_eq!(refusal.reason, Reason::ServerRejected);
    let told: Vec<_> = terminal
        .servers
        .told
        .iter()
        .map(|told| types(told))
        .collect();
    assert_eq!(
        told,
        [
            vec!["*/*", "application/vnd.wap.sic"],
            vec!["application/vnd.wap.sic", "text/plain"]
        ]
    );
    let standing: Vec<_> = terminal.store.registrations().collect();
    assert_eq!(standing.len(), 1);
    assert_eq!(
        (standing[0].id, standing[0].state),
        (first, RegistrationState::Active)
    );
    assert!(standing[0].accept.is_some());
}

#[test]
fn a_crash_while_replacing_leaves_the_former_registration() {
    let mut terminal = sip();
    let first = terminal.registered("uid:1", over_sip(MMS, "urn:a"));
    terminal.servers.answer = ServersAnswer::Silent;
    let again = RegistrationRequest {
        accept: Some("text/plain".to_owned()),
        ..over_sip(MMS, "urn:a")
    };
    terminal.register("uid:1", again);
    terminal.crash();
    let standing: Vec<_> = terminal.client.registrations().collect();
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].record.id, first);
    assert_eq!(standing[0].record.accept, None);
}

#[test]
fn requests_on_the_same_id_are_carried_out_one_after_another() {
    let mut terminal = terminal();
    terminal.store.answer = StoreAnswer::Late;
    let first = terminal.register("uid:1", request(MMS));
    let other = terminal.register("uid:2", request(MMS));
    let elsewhere = terminal.register("uid:2", request(PRIVATE));
    let again = terminal.register("uid:1", request("4"));
    let leave = terminal.deregister("uid:1", departure(MMS));
    let late = terminal.register("uid:2", request(MMS));
    assert_eq!(terminal.store.waiting(), 2);
    terminal.write_all();
    let id = terminal.registration(first);
    assert_eq!(terminal.refusal(other).reason, Reason::AlreadyRegistered);
    terminal.registration(elsewhere);
    assert_eq!(terminal.registration(again), id);
    assert!(matches!(
        terminal.answer(leave),
        Some(Answer::Deregistered { .. })
    ));
    terminal.registration(late);
}

#[test]
fn a_request_that_waited_for_one_that_failed_is_judged_without_it() {
    let mut terminal = terminal();
    terminal.store.answer = StoreAnswer::Late;
    let first = terminal.register("uid:1", request(MMS));
    let second = terminal.register("uid:2", request(MMS));
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    assert_eq!(terminal.refusal(first).reason, Reason::StoreFailed);
    terminal.write_all();
    terminal.registration(second);
}

#[test]
fn requests_wait_in_bounded_number() {
    let mut terminal = Terminal::new(Settings {
        max_waiting_requests: 2,
        ..wsp()
    });
    terminal.store.answer = StoreAnswer::Late;
    let tickets: Vec<_> = (0..4)
        .map(|_| terminal.register("uid:1", request(MMS)))
        .collect();
    assert_eq!(terminal.refusal(tickets[3]).reason, Reason::QuotaExceeded);
    let ticket = terminal.deregister("uid:1", departure(MMS));
    assert_eq!(terminal.refusal(ticket).reason, Reason::QuotaExceeded);
    terminal.write_all();
    for &ticket in &tickets[..3] {
        terminal.registration(ticket);
    }
}

#[test]
fn a_store_that_fails_changes_nothing_and_service_resumes() {
    let mut terminal = sip();
    terminal.store.answer = StoreAnswer::Failing;
    for request in [request(MMS), over_sip(MMS, "urn:a")] {
        let refusal = terminal.refused("uid:1", request);
        assert_eq!(refusal.reason, Reason::StoreFailed);
        assert!(refusal.detail.contains("the disk is full"));
    }
    assert!(terminal.client.store_failure().is_some());
    assert_eq!(terminal.client.registrations().count(), 0);
    assert!(terminal.servers.told.is_empty());
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.registered("uid:1", over_sip(MMS, "urn:a"));
    assert!(terminal.client.store_failure().is_none());
    terminal.store.answer = StoreAnswer::Failing;
    terminal.servers.told.clear();
    let request = DeregistrationRequest {
        application_id: Some("urn:a".to_owned()),
        ..departure(MMS)
    };
    let ticket = terminal.deregister("uid:1", request);
    assert_eq!(terminal.refusal(ticket).reason, Reason::StoreFailed);
    let told: Vec<_> = terminal
        .servers
        .told
        .iter()
        .map(|told| ids(told).len())
        .collect();
    assert_eq!(told, [0, 1]);
    assert_eq!(terminal.client.registrations().count(), 1);
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.accepted(PushBuilder::to(MMS).over(Protocol::OtaSip, None));
}

#[test]
fn a_store_that_fails_after_the_servers_were_told_undoes_that_too() {
    let mut terminal = sip();
    terminal.store.answer = StoreAnswer::Late;
    let ticket = terminal.register("uid:1", over_sip(MMS, "urn:a"));
    let written = terminal.store.write_next().unwrap();
    terminal.persisted(written);
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    assert_eq!(terminal.refusal(ticket).reason, Reason::StoreFailed);
    terminal.write_all();
    assert_eq!(terminal.store.registrations().count(), 0);
    assert_eq!(
        ids(terminal.servers.told.last().unwrap()),
        Vec::<String>::new()
    );
}

#[test]
//= specs/push-cai.md#answer-to-a-deregistration
//= type=test
//# A deregistration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
fn a_deregistration_that_servers_cannot_be_told_of_stands_unless_forced() {
    let mut terminal = sip();
    let id = terminal.registered("uid:1", over_sip(MMS, "urn:a"));
    terminal.servers.answer = ServersAnswer::All(ServerState::Unreachable);
    let leave = |force| DeregistrationRequest {
        application_id: Some("urn:a".to_owned()),
        force,
        ..departure(MMS)
    };
    let ticket = terminal.deregister("uid:1", leave(false));
    assert_eq!(terminal.refusal(ticket).reason, Reason::ServerUnreachable);
    assert_eq!(ids(terminal.servers.told.last().unwrap()), [MMS]);
    assert_eq!(
        terminal.client.registrations().next().unwrap().record.id,
        id
    );
    let ticket = terminal.deregister("uid:1", leave(true));
    let answer = terminal.answer(ticket);
    assert!(
        matches!(answer, Some(Answer::Deregistered { servers }) if servers[0].state == ServerState::Unreachable)
    );
    assert_eq!(
        ids(terminal.servers.told.last().unwrap()),
        Vec::<String>::new()
    );
    assert_eq!(terminal.client.registrations().count(), 0);
    terminal.servers.answer = ServersAnswer::Silent;
    let ticket = terminal.deregister("uid:1", leave(true));
    assert_eq!(terminal.refusal(ticket).reason, Reason::NotRegistered);
}

#[test]
fn a_forced_deregistration_does_not_need_an_answer() {
    let mut terminal = sip();
    terminal.registered("uid:1", over_sip(MMS, "urn:a"));
    terminal.servers.answer = ServersAnswer::Silent;
    let leave = DeregistrationRequest {
        application_id: Some("urn:a".to_owned()),
        force: true,
        ..departure(MMS)
    };
    let ticket = terminal.deregister("uid:1", leave);
    assert!(terminal.answer(ticket).is_none());
    terminal.accepted(PushBuilder::to(MMS).over(Protocol::OtaSip, None));
    terminal.advance(Duration::from_secs(20));
    assert!(matches!(
        terminal.answer(ticket),
        Some(Answer::Deregistered { .. })
    ));
    assert_eq!(terminal.store.events().count(), 0);
    assert_eq!(terminal.client.poll_timeout(), None);
}

#[test]
fn events_of_a_deregistered_application_are_readable_by_nobody() {
    let mut terminal = terminal();
    terminal.registered("uid:1", request(MMS));
    let event = terminal.accepted(PushBuilder::to(MMS));
    terminal.deregistered("uid:1", MMS);
    assert_eq!(terminal.store.events().count(), 0);
    assert_eq!(terminal.client.poll_timeout(), None);
    terminal.registered("uid:1", request(MMS));
    let ticket = terminal.fetch("uid:1", push_core::Selector::default(), 10, Duration::ZERO);
    assert!(terminal.fetched(ticket).is_empty());
    let ticket = terminal.acknowledge("uid:1", &[event], push_core::Outcome::Accepted);
    assert_eq!(terminal.acknowledged(ticket), [event]);
}

#[test]
fn a_push_on_its_way_into_the_journal_goes_with_its_application() {
    let mut terminal = terminal();
    terminal.registered("uid:1", request(MMS));
    terminal.store.answer = StoreAnswer::Late;
    let push = terminal.push(PushBuilder::to(MMS));
    let leave = terminal.deregister("uid:1", departure(MMS));
    let late = terminal.push(PushBuilder::to(MMS).transaction(1).answerable(true));
    assert_eq!(
        terminal.verdict(late),
        Some(Verdict::Refused(PushRefusal::NoSuchApplication))
    );
    terminal.write_all();
    assert!(matches!(
        terminal.verdict(push),
        Some(Verdict::Accepted { .. })
    ));
    assert!(matches!(
        terminal.answer(leave),
        Some(Answer::Deregistered { .. })
    ));
    assert_eq!(terminal.store.events().count(), 0);
    assert_eq!(terminal.client.counts().octets, 0);
}

#[test]
fn quotas_of_registrations_hold() {
    let mut terminal = Terminal::new(Settings {
        max_registrations: 3,
        max_registrations_per_owner: 2,
        ..wsp()
    });
    terminal.registered("uid:1", request("x-example:a"));
    terminal.registered("uid:1", request("x-example:b"));
    let refusal = terminal.refused("uid:1", request("x-example:c"));
    assert_eq!(refusal.reason, Reason::QuotaExceeded);
    assert!(refusal.detail.contains('2'), "{refusal}");
    terminal.registered("uid:1", request("x-example:a"));
    terminal.registered("uid:2", request("x-example:c"));
    assert_eq!(
        terminal.refused("uid:3", request("x-example:d")).reason,
        Reason::QuotaExceeded
    );
    terminal.deregistered("uid:1", "x-example:a");
    terminal.registered("uid:3", request("x-example:d"));
}

#[test]
fn a_user_has_no_more_registrations_by_having_sandboxes() {
    let mut terminal = Terminal::new(Settings {
        max_registrations: 4,
        max_registrations_per_owner: 2,
        max_registrations_per_user: 3,
        ..wsp()
    });
    for sandbox in ["a", "b", "c"] {
        let owner = format!("uid:7/flatpak:{sandbox}");
        terminal.registered(&owner, request(&format!("x-example:{sandbox}")));
    }
    let refusal = terminal.refused("uid:7/flatpak:d", request("x-example:d"));
    assert_eq!(refusal.reason, Reason::QuotaExceeded);
    for part in [
        "3 registrations of user 7,",
        "max_registrations_per_user",
        "deregister one",
    ] {
        assert!(refusal.detail.contains(part), "{refusal}");
    }
    terminal.registered("uid:8", request("x-example:d"));
    terminal.deregistered("uid:7/flatpak:a", "x-example:a");
    terminal.registered("uid:7", request("x-example:e"));
}

#[test]
fn ids_of_registrations_never_come_back() {
    let mut terminal = terminal();
    let first = terminal.registered("uid:1", request(MMS));
    terminal.deregistered("uid:1", MMS);
    terminal.crash();
    let second = terminal.registered("uid:1", request(MMS));
    assert!(second > first);
}
