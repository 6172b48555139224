//! Whom a push over OTA-SIP is for: by its instance, its id, or as the only one that takes its type.

use std::collections::BTreeSet;
use std::time::Duration;

use push_core::{
    Addressing, Ambiguous, Capabilities, EventId, ExplainedVerdict, PushRefusal,
    RegistrationRequest, Selector, ServerState, Settings, Verdict,
};
use push_message::{
    Accept, Address, DefaultWhitelistEntry, MediaType, Owner, Protocol, PushApplicationId, Reason,
    UnixMillis,
};
use push_testkit::{PushBuilder, ServersAnswer, Terminal};

use crate::common::{
    Expectations, MMS, PRIVATE, departure, named, request, with_profile, wsp_and_sip,
};

const ULP: &str = "x-wap-application:ulp.ua";

/// A registration over OTA-SIP alone.
fn over_sip(request: RegistrationRequest) -> RegistrationRequest {
    with_profile(request, Some("OTA-SIP"), None, None)
}

fn accepting(request: RegistrationRequest, accept: &str) -> RegistrationRequest {
    RegistrationRequest {
        accept: Some(accept.to_owned()),
        ..request
    }
}

fn listing(request: RegistrationRequest, address: &str) -> RegistrationRequest {
    RegistrationRequest {
        whitelist: vec![address.to_owned()],
        ..request
    }
}

fn settings(ambiguous: Ambiguous) -> Settings {
    let mut settings = wsp_and_sip();
    let sip = settings.protocols.get_mut(&Protocol::OtaSip).unwrap();
    sip.addressing = Addressing::OnlyFitting { ambiguous };
    settings
}

fn terminal() -> Terminal {
    Terminal::new(settings(Ambiguous::Refuse))
}

/// A MESSAGE: to this id, to this instance.
fn message(id: Option<&str>, instance: Option<&str>) -> PushBuilder {
    id.map_or_else(PushBuilder::default, PushBuilder::to)
        .over(Protocol::OtaSip, Some(5060))
        .instance(instance)
        .answerable(true)
}

/// The next events of an owner.
fn events(terminal: &mut Terminal, owner: &str) -> Vec<EventId> {
    let ticket = terminal.fetch(owner, Selector::default(), 10, Duration::ZERO);
    terminal.fetched(ticket)
}

fn steps(terminal: &Terminal, push: PushBuilder) -> (ExplainedVerdict, String) {
    let explanation = terminal.client.explain(&push.received(UnixMillis(0)));
    (explanation.verdict, explanation.steps.join("\n"))
}

#[test]
fn a_push_without_an_id_is_for_the_only_one_that_takes_its_type() {
    let mut terminal = terminal();
    terminal.registered("uid:1", accepting(request(MMS), "text/*"));
    terminal.registered("uid:2", accepting(request(ULP), "image/png"));
    let wsp = with_profile(request(PRIVATE), Some("OTA-WSP"), None, None);
    terminal.registered("uid:3", wsp);
    let event = terminal.accepted(message(None, None));
    assert_eq!(events(&mut terminal, "uid:1"), [event]);
    let image = message(None, None).media_type("image/png").transaction(1);
    let event = terminal.accepted(image);
    assert_eq!(events(&mut terminal, "uid:2"), [event]);
    assert_eq!(
        terminal.push_refused(message(None, None).media_type("audio/amr")),
        PushRefusal::ContentType
    );
    terminal.registered("uid:4", accepting(request("x-example:other"), "text/plain"));
    assert_eq!(
        terminal.push_refused(message(None, None).transaction(2)),
        PushRefusal::Ambiguous
    );
}

#[test]
fn a_push_without_an_id_is_for_nobody_where_nobody_is_there() {
    let mut terminal = terminal();
    let wsp = with_profile(request(MMS), Some("OTA-WSP"), None, None);
    terminal.registered("uid:1", wsp);
    assert_eq!(
        terminal.push_refused(message(None, None)),
        PushRefusal::NoSuchApplication
    );
    // Not even the WML user agent, which pushes of other protocols are for.
    terminal.registered(
        "uid:1",
        accepting(request("x-wap-application:wml.ua"), "image/png"),
    );
    let wml = message(None, None).media_type("text/vnd.wap.wml");
    assert_eq!(terminal.push_refused(wml), PushRefusal::ContentType);
}

#[test]
fn instances_whose_feature_tags_would_be_alike_tell_nobody_apart() {
    let mut terminal = terminal();
    terminal.registered("uid:1", over_sip(named(ULP, "urn:a")));
    let refusal = terminal.refused("uid:2", over_sip(named(ULP, "URN:A")));
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
    terminal.registered("uid:2", over_sip(named(ULP, "urn:b")));
}

#[test]
fn a_push_that_names_an_instance_alone_is_for_that_instance() {
    let mut terminal = terminal();
    terminal.registered("uid:1", over_sip(named(ULP, "urn:a")));
    terminal.registered("uid:2", over_sip(named(ULP, "urn:b")));
    terminal.registered("uid:2", accepting(named(MMS, "urn:b"), "image/png"));
    for (transaction, instance, media_type, owner) in [
        (1, "urn:a", "text/plain", "uid:1"),
        (2, "urn:a", "image/png", "uid:1"),
        (3, "urn:b", "text/plain", "uid:2"),
    ] {
        let push = message(None, Some(instance)).media_type(media_type);
        let event = terminal.accepted(push.transaction(transaction));
        assert_eq!(events(&mut terminal, owner), [event], "{instance}");
    }
    // Both registrations of the instance take it.
    let either = message(None, Some("urn:b")).media_type("image/png");
    assert_eq!(terminal.push_refused(either), PushRefusal::Ambiguous);
    let unknown = message(None, Some("urn:c"));
    assert_eq!(
        terminal.push_refused(unknown),
        PushRefusal::NoSuchApplication
    );
    let of_another_id = message(Some(MMS), Some("urn:a"));
    assert_eq!(
        terminal.push_refused(of_another_id),
        PushRefusal::NoSuchApplication
    );
}

//= specs/push-cai.md#uniqueness
//= type=test
//# Applications that share a Push Application ID MUST each be given only the pushes that are meant for them.
#[test]
fn applications_that_share_an_id_each_get_their_own_pushes() {
    for (ambiguous, without_instance) in [
        (Ambiguous::Refuse, Err(PushRefusal::Ambiguous)),
        (Ambiguous::First, Ok("uid:1")),
    ] {
        let mut terminal = Terminal::new(settings(ambiguous));
        terminal.registered("uid:1", over_sip(named(ULP, "urn:a")));
        terminal.registered("uid:2", over_sip(named(ULP, "urn:b")));
        for (transaction, instance, expected) in [
            (1, Some("urn:a"), Ok("uid:1")),
            (2, Some("urn:b"), Ok("uid:2")),
            (3, Some("urn:c"), Err(PushRefusal::NoSuchApplication)),
            (4, None, without_instance),
        ] {
            let push = message(Some(ULP), instance).transaction(transaction);
            match expected {
                Ok(owner) => {
                    let event = terminal.accepted(push);
                    let other = if owner == "uid:1" { "uid:2" } else { "uid:1" };
                    assert_eq!(events(&mut terminal, other), []);
                    assert_eq!(events(&mut terminal, owner), [event]);
                }
                Err(refusal) => assert_eq!(terminal.push_refused(push), refusal),
            }
        }
    }
}

#[test]
fn the_first_that_registered_stays_the_first_when_it_registers_again() {
    let mut terminal = Terminal::new(settings(Ambiguous::First));
    terminal.registered("uid:1", over_sip(named(ULP, "urn:a")));
    terminal.registered("uid:2", over_sip(named(ULP, "urn:b")));
    terminal.registered(
        "uid:1",
        accepting(over_sip(named(ULP, "urn:a")), "image/png"),
    );
    // Its word is the verdict, whatever the second would say.
    assert_eq!(
        terminal.push_refused(message(Some(ULP), None)),
        PushRefusal::ContentType
    );
    // One that names no id is for whoever takes its type.
    let event = terminal.accepted(message(None, None));
    assert_eq!(events(&mut terminal, "uid:2"), [event]);
}

#[test]
fn a_server_that_nobody_lists_does_not_learn_who_could_be_meant() {
    let mut terminal = terminal();
    let text = |name| accepting(over_sip(named(ULP, name)), "text/plain");
    terminal.registered("uid:1", listing(text("urn:a"), "192.0.2.7"));
    terminal.registered("uid:2", listing(text("urn:b"), "192.0.2.8"));
    for (server, media_type, refusal) in [
        ([192, 0, 2, 8], "text/plain", PushRefusal::Ambiguous),
        ([192, 0, 2, 9], "text/plain", PushRefusal::ServerNotListed),
        ([192, 0, 2, 7], "image/png", PushRefusal::ContentType),
        ([192, 0, 2, 9], "image/png", PushRefusal::ServerNotListed),
    ] {
        let push = message(None, None).from_ip(server).media_type(media_type);
        assert_eq!(terminal.push_refused(push), refusal, "{server:?}");
    }
}

#[test]
fn an_entry_of_the_default_whitelist_counts_for_the_id_that_is_found() {
    let entry = DefaultWhitelistEntry {
        applications: vec![PushApplicationId::parse(ULP).unwrap()],
        content_types: Some(Accept::parse("text/plain").unwrap()),
        ..DefaultWhitelistEntry::unlimited(Address::parse("192.0.2.1").unwrap())
    };
    let mut terminal = Terminal::new(Settings {
        default_whitelist: vec![entry],
        ..settings(Ambiguous::Refuse)
    });
    assert_eq!(
        terminal.push_refused(message(None, None)),
        PushRefusal::NoSuchApplication
    );
    terminal.registered("uid:1", accepting(request(MMS), "image/png"));
    terminal.registered("uid:2", accepting(request(ULP), "text/plain"));
    terminal.accepted(message(None, None));
    let image = message(None, None).media_type("image/png");
    assert_eq!(terminal.push_refused(image), PushRefusal::ServerNotListed);
}

#[test]
fn what_a_registration_under_way_would_take_may_be_sent_again() {
    let mut terminal = terminal();
    terminal.registered("uid:1", accepting(over_sip(named(ULP, "urn:a")), "text/*"));
    terminal.servers.answer = ServersAnswer::Silent;
    let wanted = accepting(over_sip(named(ULP, "urn:b")), "image/*");
    let ticket = terminal.register("uid:2", wanted);
    for (id, instance, media_type, refusal) in [
        (None, None, "image/png", PushRefusal::NotYet),
        (None, Some("urn:b"), "image/png", PushRefusal::NotYet),
        (Some(ULP), Some("urn:b"), "image/png", PushRefusal::NotYet),
        (None, None, "audio/amr", PushRefusal::ContentType),
        (None, Some("urn:a"), "image/png", PushRefusal::ContentType),
        // Were it in force, this could be for either.
        (Some(ULP), None, "image/png", PushRefusal::ContentType),
        (
            None,
            Some("urn:c"),
            "image/png",
            PushRefusal::NoSuchApplication,
        ),
    ] {
        let push = message(id, instance).media_type(media_type);
        assert_eq!(
            terminal.push_refused(push),
            refusal,
            "{id:?} {instance:?} {media_type}"
        );
    }
    terminal.servers_say(ServerState::Confirmed);
    terminal.registration(ticket);
    let event = terminal.accepted(message(None, None).media_type("image/png"));
    assert_eq!(events(&mut terminal, "uid:2"), [event]);
}

#[test]
fn steps_say_how_an_application_was_found() {
    let mut terminal = terminal();
    terminal.registered("uid:1", accepting(over_sip(named(ULP, "urn:a")), "text/*"));
    let second = terminal.registered("uid:2", over_sip(named(ULP, "urn:b")));
    let (verdict, told) = steps(&terminal, message(Some(ULP), Some("urn:b")));
    assert_eq!(verdict, ExplainedVerdict::Accepted(second));
    assert!(
        told.contains("names x-wap-application:ulp.ua, and the instance urn:b"),
        "{told}"
    );
    let (verdict, told) = steps(&terminal, message(None, None).media_type("image/png"));
    assert_eq!(verdict, ExplainedVerdict::Accepted(second));
    assert!(told.contains("names no application"), "{told}");
    assert!(
        told.contains("and accepts content of type image/png"),
        "{told}"
    );
    let (verdict, told) = steps(&terminal, message(None, None));
    assert_eq!(verdict, ExplainedVerdict::Refused(PushRefusal::Ambiguous));
    assert!(told.contains("2 registrations could be meant"), "{told}");
    let (verdict, told) = steps(&terminal, message(Some(MMS), None));
    assert_eq!(
        verdict,
        ExplainedVerdict::Refused(PushRefusal::NoSuchApplication)
    );
    assert!(
        told.contains("no application takes x-wap-application:mms.ua over OTA-SIP"),
        "{told}"
    );
    let (verdict, told) = steps(
        &terminal,
        message(None, Some("urn:a")).media_type("image/png"),
    );
    assert_eq!(verdict, ExplainedVerdict::Refused(PushRefusal::ContentType));
    assert!(told.contains("accepts image/png"), "{told}");
}

#[test]
fn the_recipient_is_told_where_there_is_one_alone() {
    let mut terminal = terminal();
    terminal.registered("uid:1", accepting(over_sip(named(ULP, "urn:a")), "text/*"));
    terminal.registered("uid:2", over_sip(named(ULP, "urn:b")));
    let id = |text| PushApplicationId::parse(text).ok();
    for (push, application, owner) in [
        (message(Some(ULP), Some("urn:b")), id(ULP), Some("uid:2")),
        (message(Some(ULP), None), id(ULP), None),
        (message(None, None), None, None),
        (
            message(None, None).media_type("image/png"),
            id(ULP),
            Some("uid:2"),
        ),
        (message(Some(MMS), None), id(MMS), None),
        (PushBuilder::default(), id("x-wap-application:wml.ua"), None),
    ] {
        let push = push.received(UnixMillis(0));
        let recipient = terminal.client.recipient_of(&push);
        assert_eq!(recipient.application, application);
        assert_eq!(recipient.owner.map(Owner::as_str), owner);
    }
}

#[test]
fn a_verdict_says_whether_the_event_waits() {
    let waits = |verdict: Verdict| match verdict {
        Verdict::Accepted { waits, .. } => waits,
        other @ (Verdict::Duplicate | Verdict::Held { .. } | Verdict::Refused(_)) => {
            panic!("{other:?}")
        }
    };
    let mut terminal = terminal();
    terminal.registered("uid:1", request(MMS));
    let push = |transaction| message(Some(MMS), None).transaction(transaction);
    assert!(waits(terminal.judged(push(1))), "nobody is there");
    let subscriber = terminal.subscribe("uid:1", Selector::default(), 2);
    assert!(
        !waits(terminal.judged(push(2))),
        "its connection has room for one more"
    );
    assert!(waits(terminal.judged(push(3))), "its window is full");
    terminal.unsubscribe(subscriber);
    let of_others = terminal.subscribe("uid:2", Selector::default(), 2);
    assert!(waits(terminal.judged(push(4))), "others are not asked");
    terminal.unsubscribe(of_others);
    let ids = events(&mut terminal, "uid:1");
    terminal.acknowledge("uid:1", &ids, push_core::Outcome::Accepted);
    let fetch = terminal.fetch("uid:1", Selector::default(), 1, Duration::from_secs(9));
    assert!(!waits(terminal.judged(push(5))), "a fetch waits for it");
    assert_eq!(terminal.fetched(fetch).len(), 1);
    assert!(waits(terminal.judged(push(6))), "the fetch is answered");
}

#[test]
fn an_event_behind_others_waits_although_somebody_is_there() {
    let mut terminal = terminal();
    terminal.registered("uid:1", request(MMS));
    terminal.subscribe("uid:1", Selector::default(), 8);
    let push = |transaction| message(Some(MMS), None).transaction(transaction);
    let first = terminal.accepted(push(1));
    terminal.acknowledge("uid:1", &[first], push_core::Outcome::Later);
    let verdict = terminal.judged(push(2));
    assert!(
        matches!(verdict, Verdict::Accepted { waits: true, .. }),
        "{verdict:?}"
    );
}

#[test]
fn an_invitation_is_judged_without_its_content() {
    let mut terminal = Terminal::new(Settings {
        max_queue_events: 1,
        ..settings(Ambiguous::Refuse)
    });
    let png = |id, name| accepting(over_sip(named(id, name)), "image/png");
    let foreseen = |terminal: &Terminal, push: PushBuilder| {
        let push = push.content("").media_type("application/octet-stream");
        terminal.client.foresee(&push.received(UnixMillis(0)))
    };
    let nobody = Err(PushRefusal::NoSuchApplication);
    assert_eq!(foreseen(&terminal, message(Some(ULP), None)), nobody);
    terminal.registered("uid:1", listing(png(ULP, "urn:a"), "192.0.2.1"));
    terminal.registered("uid:2", listing(png(ULP, "urn:b"), "192.0.2.1"));
    terminal.registered("uid:3", listing(png(MMS, "urn:c"), "192.0.2.1"));
    let stranger = [192, 0, 2, 9];
    let unlisted = Err(PushRefusal::ServerNotListed);
    for (push, foreseeable) in [
        (message(Some(ULP), Some("urn:a")), Ok(())),
        (message(Some(MMS), None), Ok(())),
        // Content of some type may be for one alone.
        (message(None, None), Ok(())),
        (message(Some(ULP), None), Err(PushRefusal::Ambiguous)),
        (message(Some(ULP), Some("urn:c")), nobody),
        (message(Some(PRIVATE), None), nobody),
        (message(None, None).from_ip(stranger), unlisted),
        (message(Some(ULP), None).from_ip(stranger), unlisted),
        (message(Some(MMS), None).from_ip(stranger), unlisted),
    ] {
        assert_eq!(foreseen(&terminal, push.clone()), foreseeable, "{push:?}");
    }
    let image = message(Some(MMS), None).media_type("image/png");
    terminal.accepted(image);
    assert_eq!(
        foreseen(&terminal, message(Some(MMS), None)),
        Err(PushRefusal::NoRoom)
    );
    terminal.servers.answer = ServersAnswer::Silent;
    terminal.register("uid:4", png(PRIVATE, "urn:d"));
    assert_eq!(
        foreseen(&terminal, message(Some(PRIVATE), None)),
        Err(PushRefusal::NotYet)
    );
    assert_eq!(
        foreseen(&terminal, message(None, Some("urn:d"))),
        Err(PushRefusal::NotYet)
    );
}

#[test]
fn the_first_alone_is_foreseen_where_it_gets_what_is_ambiguous() {
    let mut terminal = Terminal::new(settings(Ambiguous::First));
    terminal.registered("uid:1", listing(over_sip(named(ULP, "urn:a")), "192.0.2.7"));
    terminal.registered("uid:2", listing(over_sip(named(ULP, "urn:b")), "192.0.2.1"));
    let push = message(Some(ULP), None).received(UnixMillis(0));
    assert_eq!(
        terminal.client.foresee(&push),
        Err(PushRefusal::ServerNotListed)
    );
}

/// What was told last on OTA-SIP.
fn told(terminal: &Terminal) -> Capabilities {
    let announcements = terminal.servers.told.iter().rev().flatten();
    let mut over_sip = announcements.filter(|one| one.protocol == Protocol::OtaSip);
    over_sip.next().unwrap().clone()
}

//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# The set of MIME types told to the Push Server after a deregistration MUST lack those that the departed application alone had named.
#[test]
fn of_two_that_share_an_id_one_that_goes_takes_its_instance_and_its_types_along() {
    let mut settings = settings(Ambiguous::Refuse);
    settings.own_content_types.clear();
    let mut terminal = Terminal::new(settings);
    let texts =
        |all: &[&str]| -> BTreeSet<String> { all.iter().map(ToString::to_string).collect() };
    let check = |terminal: &Terminal, ids: &[&str], instances: &[&str], accept: &[&str]| {
        let told = told(terminal);
        let of = |all: Vec<String>| all.into_iter().collect::<BTreeSet<_>>();
        let ids_told = told.applications.iter().map(ToString::to_string).collect();
        assert_eq!(of(ids_told), texts(ids));
        let instances_told = told.instances.iter().map(ToString::to_string).collect();
        assert_eq!(of(instances_told), texts(instances));
        let accept_told = told.accept.iter().map(ToString::to_string).collect();
        assert_eq!(of(accept_told), texts(accept));
    };
    let wants = |name, accept| accepting(over_sip(named(ULP, name)), accept);
    terminal.registered("uid:1", wants("urn:a", "text/plain, image/png"));
    terminal.registered("uid:1", wants("urn:b", "text/plain, audio/amr"));
    let both = ["audio/amr", "image/png", "text/plain"];
    check(&terminal, &[ULP], &["urn:a", "urn:b"], &both);
    let leaving = |name: &str| push_core::DeregistrationRequest {
        application_id: Some(name.to_owned()),
        ..departure(ULP)
    };
    terminal.deregister("uid:1", leaving("urn:a"));
    check(&terminal, &[ULP], &["urn:b"], &["audio/amr", "text/plain"]);
    terminal.deregister("uid:1", leaving("urn:b"));
    check(&terminal, &[], &[], &[]);
}

#[test]
fn ids_that_the_client_answers_itself_are_not_told_where_they_mean_nothing() {
    let mut settings = settings(Ambiguous::Refuse);
    let sia = MediaType::parse("application/vnd.wap.sia").unwrap();
    settings
        .own_applications
        .insert(PushApplicationId::PUSH_SIA, sia);
    settings.own_content_types.clear();
    let sip = settings.protocols.get_mut(&Protocol::OtaSip).unwrap();
    sip.announces_own = false;
    let mut terminal = Terminal::new(settings);
    terminal.registered("uid:1", accepting(request(MMS), "text/plain"));
    let told = told(&terminal);
    let mms = PushApplicationId::parse(MMS).unwrap();
    assert_eq!(told.applications, BTreeSet::from([mms]));
    assert_eq!(told.accept, BTreeSet::from(["text/plain".into()]));
}
