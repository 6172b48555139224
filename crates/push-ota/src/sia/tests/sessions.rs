//! Contact points for sessions of OTA-WSP.

use std::collections::BTreeSet;

use super::*;
use crate::sia::SirPreference;
use crate::wsp::sessions::{
    ContactPoint, SessionContact, SessionGateway, Start, WantedApplications,
};

fn session_gateway(id: &str, host: Host, port: u16) -> SessionGateway {
    SessionGateway {
        id: PpgId(id.into()),
        contact: ContactPoint { host, port },
        addresses: vec![ip([192, 0, 2, 55])],
        start: Start::Request,
        bearer: None,
    }
}

/// A terminal that OTA-HTTP is off for.
fn by_sessions() -> Reach {
    Reach {
        http: None,
        sessions: Some(Arc::new([
            session_gateway("plain", Host::Ip(ip(GATEWAY)), 9201),
            session_gateway("other", Host::Ip(ip(GATEWAY)), 50_000),
            session_gateway("named", Host::Name("ppg.example".into()), 50_001),
        ])),
    }
}

fn by_both() -> Reach {
    Reach {
        http: by_http(gateways()).http,
        ..by_sessions()
    }
}

fn wsp(points: &[Point<'_>]) -> Vec<u8> {
    encoded(&SiaContent {
        wsp_contact_points: points,
        ..SiaContent::default()
    })
}

fn judge(reach: Reach, settings: SiaSettings, push: &ReceivedPush) -> Outcome {
    Sia::new(reach, settings).receive(push, resolves, SECOND)
}

/// Gateway, host and port of each session that is to be opened.
#[track_caller]
fn opened(outcome: &Outcome) -> Vec<(Option<&str>, Host, u16)> {
    let Outcome::Follow(follow) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(follow.contacts.is_empty());
    let shown = |one: &SessionContact| -> (Option<String>, Host, u16) {
        let id = one.gateway.as_ref().map(|id| id.0.to_string());
        (id, one.contact.host.clone(), one.contact.port)
    };
    let ids = ["plain", "other", "named"];
    let all = follow.sessions.iter().map(shown);
    all.map(|(id, host, port)| {
        let id = id.map(|id| *ids.iter().find(|known| **known == id).unwrap());
        (id, host, port)
    })
    .collect()
}

fn at_gateway(id: &str, port: u16) -> (Option<&str>, Host, u16) {
    (Some(id), Host::Ip(ip(GATEWAY)), port)
}

#[test]
//= specs/ota-wsp.md#sir
//= type=test
//# A terminal that acts upon a session initiation request MUST open push sessions with the contact points in it.
//= specs/ota-wsp.md#sir
//= type=test
//# A terminal that speaks connection-oriented OTA-WSP MUST have a Session Initiation Application.
//= specs/ota-wsp.md#sir
//= type=test
//# SIA content of version 0 MUST be understood.
fn ota_wsp_c_005_sessions_are_asked_for_with_the_contact_points_of_a_request() {
    for version in [0, 1, 7] {
        let content = encoded(&SiaContent {
            version,
            wsp_contact_points: &[at(&GATEWAY, None), at(&NAMED_GATEWAY, None)],
            ..SiaContent::default()
        });
        let outcome = judge(
            by_sessions(),
            SiaSettings::default(),
            &from_gateway(&content),
        );
        let named = (Some("named"), Host::Name("ppg.example".into()), 50_001);
        assert_eq!(opened(&outcome), [at_gateway("plain", 9201), named]);
    }
}

#[test]
fn the_port_is_that_of_the_request_else_the_provisioned_one_else_the_registered_one() {
    let anybody = (None, Host::Ip(ip(STRANGER)), 9201);
    for (address, port, expected) in [
        (GATEWAY, Some(9201), at_gateway("plain", 9201)),
        (GATEWAY, Some(50_000), at_gateway("other", 50_000)),
        (GATEWAY, Some(60_000), at_gateway("plain", 60_000)),
        (GATEWAY, None, at_gateway("plain", 9201)),
        (
            [192, 0, 2, 55],
            None,
            (Some("plain"), Host::Ip(ip([192, 0, 2, 55])), 9201),
        ),
        (STRANGER, None, anybody.clone()),
        (STRANGER, Some(9999), (None, anybody.1.clone(), 9999)),
    ] {
        let push = from_gateway(&wsp(&[at(&address, port)]));
        let outcome = judge(by_sessions(), anyone(), &push);
        assert_eq!(opened(&outcome), [expected]);
        let known = judge(by_sessions(), SiaSettings::default(), &push);
        let stranger = Outcome::Ignored(Ignored::UnknownContact);
        assert_eq!(known == stranger, address == STRANGER, "{known:?}");
    }
}

#[test]
//= specs/ota-wsp.md#sir
//= type=test
//# Of the two lists of contact points in a session initiation request the terminal MUST use one only.
//= specs/ota-wsp.md#sir
//= type=test
//# Contact points for OTA-WSP MUST NOT be contacted by another protocol by a terminal that does not speak it.
fn one_list_of_contact_points_is_followed() {
    let both = |wsp: [u8; 4], http: [u8; 4]| {
        encoded(&SiaContent {
            wsp_contact_points: &[at(&wsp, None)],
            contact_points: &[at(&http, None)],
            ..SiaContent::default()
        })
    };
    let prefer = |preference| SiaSettings {
        preference,
        ..SiaSettings::default()
    };
    let (http, sessions) = (SirPreference::OtaHttp, SirPreference::OtaWsp);
    for (reach, preference, wsp, dialled, expected) in [
        (by_both(), http, GATEWAY, GATEWAY, (1, 0)),
        (by_both(), sessions, GATEWAY, GATEWAY, (0, 1)),
        // The other one, where nobody of the preferred one may be contacted.
        (by_both(), http, GATEWAY, STRANGER, (0, 1)),
        (by_both(), sessions, STRANGER, GATEWAY, (1, 0)),
        (by_sessions(), http, GATEWAY, GATEWAY, (0, 1)),
        (by_http(gateways()), sessions, GATEWAY, GATEWAY, (1, 0)),
    ] {
        let push = from_gateway(&both(wsp, dialled));
        match judge(reach, prefer(preference), &push) {
            Outcome::Follow(follow) => {
                assert_eq!((follow.contacts.len(), follow.sessions.len()), expected);
            }
            other @ (Outcome::Ignored(_) | Outcome::Deferred) => panic!("{other:?}"),
        }
    }
    let only_http = from_gateway(&naming(&[at(&GATEWAY, None)]));
    let outcome = judge(by_sessions(), anyone(), &only_http);
    assert_eq!(outcome, Outcome::Ignored(Ignored::OtaHttpOnly));
    let only_wsp = from_gateway(&wsp(&[at(&GATEWAY, None)]));
    let outcome = judge(by_http(gateways()), anyone(), &only_wsp);
    assert_eq!(outcome, Outcome::Ignored(Ignored::OtaWspOnly));
}

#[test]
fn ports_of_wtls_are_not_contacted() {
    for port in [2949, 9202, 9203] {
        let push = from_gateway(&wsp(&[at(&GATEWAY, Some(port))]));
        let outcome = judge(by_sessions(), anyone(), &push);
        assert_eq!(outcome, Outcome::Ignored(Ignored::Secure));
        // The others of the request are.
        let push = from_gateway(&wsp(&[at(&GATEWAY, Some(port)), at(&GATEWAY, Some(9201))]));
        match judge(by_sessions(), anyone(), &push) {
            Outcome::Follow(follow) => {
                assert_eq!(follow.sessions.len(), 1);
                assert_eq!(follow.left_alone, [Ignored::Secure]);
            }
            other @ (Outcome::Ignored(_) | Outcome::Deferred) => panic!("{other:?}"),
        }
    }
    let refusal = Ignored::Secure.to_string();
    assert!(refusal.contains("9201"), "{refusal}");
}

#[test]
fn contact_points_written_in_letters_are_those_of_whoever_sent_them() {
    // As captured: digits for the application, the port and the address.
    let content = b"\x00\x014\x0F\xC9\x0A9201127.0.0.1";
    let outcome = judge(
        by_sessions(),
        SiaSettings::default(),
        &from_gateway(content),
    );
    assert_eq!(opened(&outcome), [at_gateway("plain", 9201)]);
    let Outcome::Follow(follow) = outcome else {
        panic!("it was followed");
    };
    let mms = PushApplicationId::from_number(4);
    assert_eq!(follow.applications, WantedApplications::Only([mms].into()));
    // A short message centre has no address to fall back on: the letters are read.
    let sms = from(
        ServerAddress::E164("+4917099999".into()),
        b"\x00\x014\x0F\xC9\x0A9201192.0.2.1",
    );
    let listed = SiaSettings {
        sources: vec![Address::parse("+4917099999").unwrap()],
        ..SiaSettings::default()
    };
    let outcome = judge(by_sessions(), listed.clone(), &sms);
    assert_eq!(opened(&outcome), [at_gateway("plain", 9201)]);
    // Not where that is switched off, and not where the letters say nothing.
    let strict = SiaSettings {
        malformed_contacts: false,
        ..SiaSettings::default()
    };
    let outcome = judge(by_sessions(), strict, &from_gateway(content));
    assert!(
        matches!(
            outcome,
            Outcome::Ignored(Ignored::Address | Ignored::Malformed(_))
        ),
        "{outcome:?}"
    );
    for letters in [&b"\xC9\x0A9201not.an.ip"[..], b"\xC9", b"\x3F", b"\x80"] {
        let length = u8::try_from(letters.len()).unwrap();
        let content = [&[0x00, 0x00, length], letters].concat();
        let push = from(ServerAddress::E164("+4917099999".into()), &content);
        let outcome = judge(by_sessions(), listed.clone(), &push);
        assert!(matches!(outcome, Outcome::Ignored(_)), "{outcome:?}");
    }
    // A contact point that is one counts, whatever is beside it.
    let mut octets = wsp(&[at(&GATEWAY, Some(50_000))]);
    octets[2] += 1;
    octets.push(0x04);
    let outcome = judge(
        by_sessions(),
        SiaSettings::default(),
        &from_gateway(&octets),
    );
    assert_eq!(opened(&outcome), [at_gateway("other", 50_000)]);
}

#[test]
fn the_applications_are_those_of_the_request_any_where_it_names_none() {
    let id = |number| AcceptApplication::Id(ApplicationId::Number(number));
    let uri = AcceptApplication::Id(ApplicationId::from_text("x-acme:meter".into()));
    let ids = |texts: &[&str]| -> WantedApplications {
        let parse = |text: &&str| PushApplicationId::parse(text).unwrap();
        WantedApplications::Only(texts.iter().map(parse).collect::<BTreeSet<_>>())
    };
    for (applications, expected) in [
        (&[][..], WantedApplications::Any),
        (&[id(4), AcceptApplication::Any], WantedApplications::Any),
        (&[id(4)], ids(&["4"])),
        (&[uri, id(2), id(4)], ids(&["2", "4", "x-acme:meter"])),
    ] {
        let content = encoded(&SiaContent {
            applications,
            wsp_contact_points: &[at(&GATEWAY, None)],
            ..SiaContent::default()
        });
        match judge(
            by_sessions(),
            SiaSettings::default(),
            &from_gateway(&content),
        ) {
            Outcome::Follow(follow) => assert_eq!(follow.applications, expected),
            other @ (Outcome::Ignored(_) | Outcome::Deferred) => panic!("{other:?}"),
        }
    }
}

#[test]
//= specs/ota-wsp.md#sir-security
//= type=test
//# The source address of a session initiation request SHOULD be compared with a list of gateways that is there beforehand.
//= specs/ota-wsp.md#sir-security
//= type=test
//# A session initiation request from a source that is not on that list SHOULD be ignored.
//= specs/ota-wsp.md#sir-security
//= type=test
//# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
//= specs/ota-wsp.md#sir-security
//= type=test
//# The lockout timer SHOULD be reset once the sessions that were asked for are open.
fn ota_wsp_c_011_only_gateways_are_heard_and_one_request_at_a_time() {
    let content = wsp(&[at(&GATEWAY, None), at(&NAMED_GATEWAY, None)]);
    for (source, is_heard) in [
        (GATEWAY, true),
        (NAMED_GATEWAY, true),
        ([192, 0, 2, 55], true),
        (STRANGER, false),
        (SECURE_GATEWAY, false),
    ] {
        let push = from(ServerAddress::Ip(ip(source)), &content);
        let outcome = judge(by_sessions(), SiaSettings::default(), &push);
        assert_eq!(
            outcome == Outcome::Ignored(Ignored::Source),
            !is_heard,
            "{source:?}"
        );
    }
    let mut sia = Sia::new(by_sessions(), SiaSettings::default());
    let Outcome::Follow(follow) = sia.receive(&from_gateway(&content), resolves, SECOND) else {
        panic!("it was not followed");
    };
    let [first, second] = &follow.sessions[..] else {
        panic!("{follow:?}");
    };
    for (contact, is_locked) in [(None, true), (Some(first), true), (Some(second), false)] {
        if let Some(contact) = contact {
            sia.session_established(&contact.contact);
        }
        assert_eq!(sia.locked_until().is_some(), is_locked);
    }
    assert!(matches!(
        sia.receive(&from_gateway(&content), resolves, SECOND),
        Outcome::Follow(_)
    ));
    let again = sia.receive(&from_gateway(&content), resolves, SECOND * 60);
    assert_eq!(again, Outcome::Deferred);
    assert!(sia.next_deferred(resolves, SECOND * 60).is_none());
    assert!(matches!(
        sia.next_deferred(resolves, SECOND * 61),
        Some((_, Outcome::Follow(_)))
    ));
}

#[test]
fn contact_points_are_followed_once_and_up_to_a_bound() {
    let points =
        [50_010, 50_010, 50_011, 50_012, 50_013, 50_014].map(|port| at(&GATEWAY, Some(port)));
    let outcome = judge(
        by_sessions(),
        SiaSettings::default(),
        &from_gateway(&wsp(&points)),
    );
    let ports: Vec<_> = opened(&outcome).iter().map(|(_, _, port)| *port).collect();
    assert_eq!(ports, [50_010, 50_011, 50_012, 50_013]);
    let Outcome::Follow(follow) = outcome else {
        panic!("it was followed");
    };
    assert_eq!(follow.left_alone, [Ignored::TooMany]);
}

#[test]
fn nobody_elsewhere_leads_the_terminal_to_itself() {
    let settings = SiaSettings {
        sources: [Address::parse("127.0.0.0/8").unwrap()].into(),
        ..anyone()
    };
    let ours: [&[u8]; 3] = [
        &[127, 0, 0, 1],
        &[169, 254, 7, 7],
        &[0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    ];
    for address in ours {
        let content = wsp(&[Point {
            bearer_type: None,
            port: Some(50_000),
            address,
        }]);
        let outcome = judge(by_sessions(), settings.clone(), &from_gateway(&content));
        assert_eq!(outcome, Outcome::Ignored(Ignored::UnknownContact));
        let local = from(ServerAddress::Ip(ip([127, 0, 0, 9])), &content);
        let outcome = judge(by_sessions(), settings.clone(), &local);
        assert!(matches!(outcome, Outcome::Follow(_)), "{outcome:?}");
    }
    let content = wsp(&[at(&STRANGER, Some(50_000))]);
    let outcome = judge(by_sessions(), settings, &from_gateway(&content));
    assert!(matches!(outcome, Outcome::Follow(_)), "{outcome:?}");
}
