//! Options of a registration: refused with the option at fault and what would work (Push-CAI 5.1).

use std::collections::BTreeMap;
use std::time::Duration;

use push_core::{
    Addressing, BearerSettings, OwnPorts, ProtocolSettings, RegistrationRequest, Settings,
};
use push_message::{Bearer, Protocol, Reason};
use push_testkit::{PushBuilder, Terminal};

use crate::common::{
    Expectations, MMS, PRIVATE, cause, named, request, with_profile, wsp, wsp_and_sip,
};

/// OTA-WSP over IP (2948, 4900 and 900 open, others on demand) and SMS, and OTA-HTTP over IP.
fn settings() -> Settings {
    let wsp = ProtocolSettings {
        explicit_registration: false,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: false,
        bearers: BTreeMap::from([
            (
                Bearer::Ip,
                BearerSettings::listening([2948, 4900, 900]).with_own_ports(OwnPorts::Opened),
            ),
            (
                Bearer::GsmSms,
                BearerSettings::listening([2948]).with_own_ports(OwnPorts::Shown),
            ),
        ]),
        session_port: None,
    };
    let http = ProtocolSettings {
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(vec![4035]))]),
        session_port: None,
        explicit_registration: false,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: false,
    };
    Settings {
        protocols: BTreeMap::from([(Protocol::OtaWsp, wsp), (Protocol::OtaHttp, http)]),
        handler_schemes: vec!["exec".to_owned()],
        ..Settings::default()
    }
}

#[test]
fn the_id_that_stands_for_any_application_is_no_application() {
    let mut terminal = Terminal::new(settings());
    for id in ["0", "0x00", "urn:X-WAP-Application:*"] {
        let refusal = terminal.refused("uid:1", request(id));
        assert_eq!(
            cause(&refusal),
            (Reason::UnsupportedOption, Some("pushApplicationID"))
        );
        assert!(refusal.detail.contains(MMS), "{refusal:?}");
    }
}

#[test]
//= specs/push-cai.md#options
//= type=test
//# A registration with an option that the Push Client does not support MUST be refused.
//= specs/push-cai.md#options
//= type=test
//# A registration with an option that is supported but cannot be had at the moment MUST be refused.
fn connection_profiles_that_cannot_be_had_are_refused_with_what_would_work() {
    use Reason::{InvalidRequest, NotAuthorized, OptionNotAvailable, UnsupportedOption};
    let (protocol, bearer, port) = (
        "connectionProfile.protocol",
        "connectionProfile.bearerType",
        "connectionProfile.port",
    );
    let cases = [
        (
            ["OTA-SMTP", "", ""],
            UnsupportedOption,
            protocol,
            "OTA-HTTP, OTA-WSP",
        ),
        (
            ["OTA-SIP", "", ""],
            UnsupportedOption,
            protocol,
            "OTA-HTTP, OTA-WSP",
        ),
        (["", "PIGEON", ""], UnsupportedOption, bearer, "GSM-SMS"),
        (["OTA-WSP", "", "0"], InvalidRequest, port, "1 to 65535"),
        (["OTA-WSP", "", "65536"], InvalidRequest, port, "1 to 65535"),
        (["OTA-WSP", "", "-1"], InvalidRequest, port, "1 to 65535"),
        (["OTA-WSP", "", "+5000"], InvalidRequest, port, "1 to 65535"),
        (["OTA-WSP", "", "push"], InvalidRequest, port, "1 to 65535"),
        (["OTA-WSP", "", ""], InvalidRequest, port, "1 to 65535"),
        (["OTA-WSP", "", "901"], NotAuthorized, port, "2948"),
        (["OTA-WSP", "", "2949"], UnsupportedOption, port, "2948"),
        (["OTA-WSP", "IP", "9202"], UnsupportedOption, port, "WTLS"),
        (["", "", "9203"], UnsupportedOption, port, "WTLS"),
        (["OTA-HTTP", "", "5000"], OptionNotAvailable, port, "4035"),
        (
            ["OTA-WSP", "USSD", ""],
            OptionNotAvailable,
            bearer,
            "GSM-SMS, IP",
        ),
        (["OTA-HTTP", "SMS", ""], OptionNotAvailable, bearer, "IP"),
    ];
    for ([asked_protocol, asked_bearer, asked_port], reason, option, hint) in cases {
        let given = |text: &'static str| (!text.is_empty()).then_some(text);
        let asked_port = given(asked_port).or_else(|| (option == port).then_some(""));
        let asked = with_profile(
            request(MMS),
            given(asked_protocol),
            given(asked_bearer),
            asked_port,
        );
        let refusal = Terminal::new(settings()).refused("uid:1", asked);
        assert_eq!(cause(&refusal), (reason, Some(option)), "{refusal}");
        assert!(refusal.detail.contains(hint), "{refusal}");
    }
}

#[test]
fn ports_that_can_be_had_are_given() {
    for (asked, kept) in [
        (["OTA-WSP", "IP", "2948"], vec![None]),
        (["OTA-WSP", "UDP", "4900"], vec![Some(4900)]),
        (["OTA-WSP", "IP", "900"], vec![Some(900)]),
        (["OTA-WSP", "IP", "5000"], vec![Some(5000)]),
        (["OTA-HTTP", "TCP", "9203"], vec![]),
        (["OTA-HTTP", "TCP", "4035"], vec![None]),
    ] {
        let mut terminal = Terminal::new(settings());
        let [protocol, bearer, port] = asked.map(Some);
        let ticket = terminal.register("uid:1", with_profile(request(MMS), protocol, bearer, port));
        if kept.is_empty() {
            assert_eq!(terminal.refusal(ticket).reason, Reason::OptionNotAvailable);
        } else {
            terminal.registration(ticket);
            let record = terminal.client.registrations().next().unwrap().record;
            let ports: Vec<_> = record.profiles.iter().map(|profile| profile.port).collect();
            assert_eq!(ports, kept);
        }
    }
}

#[test]
fn a_port_alone_stands_for_the_protocols_that_have_it() {
    let mut terminal = Terminal::new(settings());
    terminal.registered(
        "uid:1",
        with_profile(request(MMS), None, None, Some("4035")),
    );
    let record = terminal.client.registrations().next().unwrap().record;
    assert_eq!(record.profiles.len(), 1);
    assert_eq!(record.profiles[0].protocol, Some(Protocol::OtaHttp));
    assert_eq!(record.profiles[0].port, None);
}

#[test]
fn other_options_are_refused_with_what_would_work() {
    use Reason::{InvalidRequest, QuotaExceeded, UnsupportedOption};
    let with = |change: &dyn Fn(&mut RegistrationRequest)| {
        let mut request = request(MMS);
        change(&mut request);
        request
    };
    let handler = |text: &str| with(&|request| request.event_handler = Some(text.to_owned()));
    let listing = |text: &str| with(&|request| request.whitelist = vec![text.to_owned()]);
    let accepting = |text: &str| with(&|request| request.accept = Some(text.to_owned()));
    let suppressing = |window| with(&|request| request.suppress_equal_content = Some(window));
    let cases = [
        (
            handler("https://example.net/"),
            UnsupportedOption,
            "eventHandler",
            "exec",
        ),
        (
            handler(""),
            InvalidRequest,
            "eventHandler",
            "own connection",
        ),
        (handler("exec"), InvalidRequest, "eventHandler", "exec"),
        (handler("exec:"), InvalidRequest, "eventHandler", "exec"),
        (handler("1a:b"), InvalidRequest, "eventHandler", "exec"),
        (handler("exec:a b"), InvalidRequest, "eventHandler", "exec"),
        (
            handler(&format!("exec:{}", "a".repeat(1024))),
            InvalidRequest,
            "eventHandler",
            "1024",
        ),
        (
            listing("not an address"),
            InvalidRequest,
            "whitelist",
            "192.0.2.0/24",
        ),
        (listing(""), InvalidRequest, "whitelist", "192.0.2.0/24"),
        (accepting(""), InvalidRequest, "Accept", "type/subtype"),
        (accepting("text"), InvalidRequest, "Accept", "type/subtype"),
        (named(MMS, ""), InvalidRequest, "applicationID", "1 to 255"),
        (
            request("not an id"),
            InvalidRequest,
            "pushApplicationID",
            "mms.ua",
        ),
        (
            suppressing(Duration::ZERO),
            InvalidRequest,
            "suppressEqualContent",
            "1 s",
        ),
        (
            suppressing(Duration::MAX),
            QuotaExceeded,
            "suppressEqualContent",
            "604800",
        ),
    ];
    for (asked, reason, option, hint) in cases {
        let refusal = Terminal::new(settings()).refused("uid:1", asked);
        assert_eq!(cause(&refusal), (reason, Some(option)), "{refusal}");
        assert!(refusal.detail.contains(hint), "{refusal}");
    }
    let mut terminal = Terminal::new(settings());
    terminal.registered("uid:1", handler("EXEC:mms"));
}

#[test]
fn bounds_on_lists_are_kept() {
    let settings = Settings {
        max_whitelist: 2,
        max_profiles: 1,
        ..settings()
    };
    let mut terminal = Terminal::new(settings);
    let mut asked = request(MMS);
    asked.whitelist = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        .map(str::to_owned)
        .to_vec();
    let refusal = terminal.refused("uid:1", asked.clone());
    assert_eq!(cause(&refusal), (Reason::QuotaExceeded, Some("whitelist")));
    asked.whitelist.pop();
    terminal.registered("uid:1", asked.clone());
    let asked = with_profile(asked, Some("OTA-WSP"), None, None);
    terminal.registered("uid:1", asked.clone());
    let asked = with_profile(asked, Some("OTA-HTTP"), None, None);
    let refusal = terminal.refused("uid:1", asked);
    assert_eq!(
        cause(&refusal),
        (Reason::QuotaExceeded, Some("connectionProfile"))
    );
}

#[test]
fn policy_decides_who_registers_what() {
    let settings = Settings {
        omna_only: true,
        allowed_owners: Some(vec!["uid:1".to_owned()]),
        ..settings()
    };
    let mut terminal = Terminal::new(settings);
    let refusal = terminal.refused("uid:2", request(MMS));
    assert_eq!(cause(&refusal), (Reason::NotAuthorized, None));
    let refusal = terminal.refused("uid:1", request(PRIVATE));
    assert_eq!(
        cause(&refusal),
        (Reason::NotAuthorized, Some("pushApplicationID"))
    );
    terminal.registered("uid:1", request(MMS));
}

#[test]
//= specs/push-cai.md#uniqueness
//= type=test
//# A Push Application ID that another application holds MUST be refused to a newcomer that neither of the two exceptions covers.
fn an_id_that_another_application_holds_is_refused() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered("uid:1", named(MMS, "urn:a"));
    let over = |protocol: Option<&str>, port: Option<&str>| {
        with_profile(named(MMS, "urn:b"), protocol, None, port)
    };
    let mixed = with_profile(over(Some("OTA-SIP"), None), Some("OTA-WSP"), None, None);
    let unnamed = with_profile(request(MMS), Some("OTA-SIP"), None, None);
    let same_name = with_profile(named(MMS, "urn:a"), Some("OTA-SIP"), None, None);
    for asked in [
        named(MMS, "urn:b"),
        over(Some("OTA-WSP"), None),
        over(Some("OTA-WSP"), Some("2948")),
        over(None, None),
        mixed,
        unnamed,
        same_name,
    ] {
        let refusal = terminal.refused("uid:2", asked);
        assert_eq!(
            cause(&refusal),
            (Reason::AlreadyRegistered, Some("pushApplicationID"))
        );
        assert!(refusal.detail.contains("port"), "{refusal}");
    }
    assert_eq!(
        terminal.refused("uid:1", named(MMS, "urn:b")).reason,
        Reason::AlreadyRegistered
    );
}

#[test]
//= specs/push-cai.md#uniqueness
//= type=test
//# A Push Application ID in use MUST NOT be refused for being taken when the newcomer asks for a bearer port that nobody else has.
//= specs/push-cai.md#uniqueness
//= type=test
//# Applications that share a Push Application ID MUST each be given only the pushes that are meant for them.
fn a_port_of_its_own_tells_an_application_apart() {
    let mut terminal = Terminal::new(wsp_and_sip());
    let at = |port| with_profile(request(MMS), Some("OTA-WSP"), Some("IP"), Some(port));
    terminal.registered("uid:1", request(MMS));
    terminal.registered("uid:2", at("5000"));
    let refusal = terminal.refused("uid:3", at("5000"));
    assert_eq!(
        cause(&refusal),
        (Reason::OptionNotAvailable, Some("connectionProfile.port"))
    );
    assert!(refusal.detail.contains("taken"), "{refusal}");
    terminal.registered("uid:3", at("5001"));
    let taken = with_profile(request(PRIVATE), Some("OTA-WSP"), Some("IP"), Some("5000"));
    assert_eq!(
        terminal.refused("uid:3", taken.clone()).reason,
        Reason::OptionNotAvailable
    );
    terminal.registered("uid:2", taken);
    for (port, owner) in [(2948, "uid:1"), (5000, "uid:2"), (5001, "uid:3")] {
        let event = terminal.accepted(PushBuilder::to(MMS).port(port));
        let ticket = terminal.fetch(owner, push_core::Selector::default(), 10, Duration::ZERO);
        assert_eq!(terminal.fetched(ticket), [event], "{port}");
    }
    let nobody = terminal.push_refused(PushBuilder::to(MMS).port(5002).answerable(true));
    assert_eq!(nobody, push_core::PushRefusal::NoSuchApplication);
}

#[test]
fn a_port_that_a_pending_registration_asks_for_is_taken() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.store.answer = push_testkit::StoreAnswer::Late;
    let at = |id, port| with_profile(request(id), Some("OTA-WSP"), Some("IP"), Some(port));
    let first = terminal.register("uid:1", at(MMS, "5000"));
    let refusal = terminal.refused("uid:2", at(PRIVATE, "5000"));
    assert_eq!(refusal.reason, Reason::OptionNotAvailable);
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    assert_eq!(terminal.refusal(first).reason, Reason::StoreFailed);
    let second = terminal.register("uid:2", at(PRIVATE, "5000"));
    terminal.write_all();
    terminal.registration(second);
}

#[test]
//= specs/push-cai.md#uniqueness
//= type=test
//# A Push Application ID in use MUST NOT be refused for being taken when the newcomer is reached by OTA-SIP alone and is told apart by a feature tag of its own.
fn a_feature_tag_of_its_own_tells_an_application_apart() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.registered("uid:1", named(MMS, "urn:a"));
    let over_sip = with_profile(named(MMS, "urn:b"), Some("OTA-SIP"), None, None);
    terminal.registered("uid:2", over_sip.clone());
    assert_eq!(
        terminal.refused("uid:3", over_sip).reason,
        Reason::AlreadyRegistered
    );
    for (transaction, instance, owner) in [(1, Some("urn:a"), "uid:1"), (2, Some("urn:b"), "uid:2")]
    {
        let push = PushBuilder::to(MMS)
            .over(Protocol::OtaSip, Some(5060))
            .instance(instance)
            .transaction(transaction);
        let event = terminal.accepted(push);
        let ticket = terminal.fetch(owner, push_core::Selector::default(), 10, Duration::ZERO);
        assert_eq!(terminal.fetched(ticket), [event], "{instance:?}");
    }
    for (instance, refusal) in [
        (Some("urn:c"), push_core::PushRefusal::NoSuchApplication),
        (None, push_core::PushRefusal::Ambiguous),
    ] {
        let push = PushBuilder::to(MMS)
            .over(Protocol::OtaSip, None)
            .instance(instance)
            .answerable(true);
        assert_eq!(terminal.push_refused(push), refusal);
    }
}

#[test]
fn the_earlier_registrant_is_not_touched_by_one_that_is_told_apart() {
    let mut terminal = Terminal::new(wsp_and_sip());
    let at = |port| with_profile(request(MMS), Some("OTA-WSP"), Some("IP"), port);
    let first = terminal.registered("uid:1", request(MMS));
    let second = terminal.registered("uid:2", at(Some("5000")));
    assert_eq!(terminal.registered("uid:1", request(MMS)), first);
    assert_eq!(terminal.registered("uid:2", at(Some("5001"))), second);
    assert_eq!(
        terminal.refused("uid:2", at(None)).reason,
        Reason::AlreadyRegistered
    );
    terminal.deregistered("uid:1", MMS);
    assert_eq!(terminal.registered("uid:2", at(None)), second);
    assert_eq!(
        terminal.refused("uid:1", request(MMS)).reason,
        Reason::AlreadyRegistered
    );
}

#[test]
fn a_protocol_that_is_off_takes_no_pushes() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", request(MMS));
    let push = PushBuilder::to(MMS)
        .over(Protocol::OtaHttp, None)
        .answerable(true);
    assert_eq!(
        terminal.push_refused(push),
        push_core::PushRefusal::NoSuchApplication
    );
}
