//! The whole of what becomes of session initiation requests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use push_message::{
    Address, Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol,
    PushApplicationId, PushMessage, ReceivedPush, ServerAddress, TransactionId, UnixMillis,
};
use sha1::{Digest as _, Sha1};
use wap_wire::wsp::{AcceptApplication, ApplicationId, EncodeOptions, SiaContent};
use wap_wire::{DecodeError, DecodeErrorCode};

use super::Reach;
use super::{Follow, Ignored, MEDIA_TYPE, Outcome, Sia, SiaSettings, SirContacts, UnknownContext};
use crate::http::{
    AnnounceOn, Authentication, Connect, Contact, CpiTag, Host, Ppg, PpgId, PushStatus, Terminal,
    TerminalId,
};

mod contacts;
mod deferred;
mod sessions;

type Point<'a> = wap_wire::wsp::Address<'a>;

const SECOND: Duration = Duration::from_secs(1);
const GATEWAY: [u8; 4] = [192, 0, 2, 1];
const SECURE_GATEWAY: [u8; 4] = [192, 0, 2, 2];
const NAMED_GATEWAY: [u8; 4] = [192, 0, 2, 3];
const STRANGER: [u8; 4] = [198, 51, 100, 9];

fn ip(octets: [u8; 4]) -> IpAddr {
    IpAddr::from(octets)
}

fn ppg(id: &str, host: Host, port: u16, secure: bool) -> Ppg {
    Ppg {
        id: PpgId(id.into()),
        contact: Some(Contact { host, port, secure }),
        addresses: Vec::new(),
        tls_name: None,
        prov_url: None,
        terminal_id: None,
        terminal_secret: None,
        basic_in_clear: true,
        authentication: Authentication::None,
        ppg_secret: None,
        bearer: None,
        connect: Connect::Always,
        announce_on: AnnounceOn::NewConnection,
    }
}

/// A plain gateway at 5035, a secure one at 5036, one known by its name at 4035.
fn gateways() -> Vec<Ppg> {
    vec![
        ppg("plain", Host::Ip(ip(GATEWAY)), 5035, false),
        ppg("secure", Host::Ip(ip(SECURE_GATEWAY)), 5036, true),
        ppg("named", Host::Name("ppg.example".into()), 4035, false),
    ]
}

fn in_context(prov_url: &str, ppg: Ppg) -> Ppg {
    Ppg {
        prov_url: Some(prov_url.into()),
        ..ppg
    }
}

fn terminal(ppgs: Vec<Ppg>) -> Arc<Terminal> {
    Arc::new(Terminal {
        ppgs,
        terminal_id: TerminalId::OfAddress,
        bearer: 0,
        versions: vec![(1, 0)],
        version_required: false,
        accept_stale_tag: false,
        accept_absent_tag: true,
        identified_only: false,
        max_message_length: 1400,
        max_headers: 64,
        max_headers_length: 8192,
        max_authentication_failures: 4,
        nonce_lifetime: SECOND,
    })
}

/// A terminal that OTA-WSP sessions are off for.
fn by_http(ppgs: Vec<Ppg>) -> Reach {
    Reach {
        http: Some(terminal(ppgs)),
        sessions: None,
    }
}

fn anyone() -> SiaSettings {
    SiaSettings {
        contacts: SirContacts::Any,
        ..SiaSettings::default()
    }
}

fn from(server: ServerAddress, content: &[u8]) -> ReceivedPush {
    ReceivedPush {
        message: PushMessage {
            application: Some(PushApplicationId::PUSH_SIA),
            content_type: ContentType {
                media_type: MediaType::parse(MEDIA_TYPE).unwrap(),
                parameters: Headers::new(),
            },
            headers: Headers::new(),
            content: content.into(),
            trust: InitiatorTrust::default(),
        },
        origin: Origin {
            protocol: Protocol::OtaWsp,
            bearer: Bearer::Ip,
            server,
            proved_names: Box::default(),
            destination_port: Some(2948),
            origin_port: Some(9200),
            transaction: TransactionId::default(),
            instance: None,
            short_message: None,
            answerable: false,
        },
        received: UnixMillis(0),
    }
}

fn from_gateway(content: &[u8]) -> ReceivedPush {
    from(ServerAddress::Ip(ip(GATEWAY)), content)
}

/// Only the name of the third gateway is known to resolve.
fn resolves(name: &str, address: IpAddr) -> bool {
    name == "ppg.example" && address == ip(NAMED_GATEWAY)
}

fn at(address: &[u8; 4], port: Option<u16>) -> Point<'_> {
    Point {
        bearer_type: None,
        port,
        address,
    }
}

fn encoded(content: &SiaContent<'_>) -> Vec<u8> {
    EncodeOptions::default().sia(content).unwrap()
}

fn naming(points: &[Point<'_>]) -> Vec<u8> {
    encoded(&SiaContent {
        contact_points: points,
        ..SiaContent::default()
    })
}

fn judged(ppgs: Vec<Ppg>, settings: SiaSettings, content: &[u8]) -> Outcome {
    Sia::new(by_http(ppgs), settings).receive(&from_gateway(content), resolves, SECOND)
}

#[track_caller]
fn followed(ppgs: Vec<Ppg>, settings: SiaSettings, content: &SiaContent<'_>) -> Follow {
    match judged(ppgs, settings, &encoded(content)) {
        Outcome::Follow(follow) => follow,
        Outcome::Ignored(ignored) => panic!("{ignored}"),
        Outcome::Deferred => panic!("put off"),
    }
}

#[track_caller]
fn ignored(ppgs: Vec<Ppg>, settings: SiaSettings, content: &SiaContent<'_>) -> Ignored {
    match judged(ppgs, settings, &encoded(content)) {
        Outcome::Ignored(ignored) => ignored,
        Outcome::Follow(follow) => panic!("{follow:?}"),
        Outcome::Deferred => panic!("put off"),
    }
}

fn contact(address: [u8; 4], port: u16, secure: bool) -> Contact {
    Contact {
        host: Host::Ip(ip(address)),
        port,
        secure,
    }
}

/// Two contexts with gateways at one address, and a gateway of no context at another.
fn contexts() -> Vec<Ppg> {
    let at_gateway = |id, port, secure| ppg(id, Host::Ip(ip(GATEWAY)), port, secure);
    vec![
        in_context("http://a.example/p", at_gateway("a", 5001, false)),
        in_context("http://b.example/p", at_gateway("b", 5002, true)),
        ppg("none", Host::Ip(ip(SECURE_GATEWAY)), 5003, false),
    ]
}

fn hash(url: &str, length: usize) -> Vec<u8> {
    Sha1::digest(url.as_bytes())[..length].to_vec()
}

#[test]
//= specs/ota-http.md#sir
//= type=test
//# A terminal that speaks OTA-HTTP MUST have a Session Initiation Application.
fn a_push_is_for_it_by_its_id_or_by_its_type() {
    let push = |application: Option<&str>, media_type: &str| {
        let mut push = from_gateway(b"\x01");
        push.message.application = application.map(|id| PushApplicationId::parse(id).unwrap());
        push.message.content_type.media_type = MediaType::parse(media_type).unwrap();
        push
    };
    let sia = "x-wap-application:push.sia";
    for (application, media_type, is_for) in [
        (Some(sia), MEDIA_TYPE, true),
        (Some("1"), "Application/VND.wap.SIA", true),
        (Some(sia), "text/plain", true),
        (None, MEDIA_TYPE, true),
        (None, "text/plain", false),
        // As Kannel has it: the application that a session is asked for.
        (Some("x-wap-application:wml.ua"), MEDIA_TYPE, true),
        (Some("x-wap-application:wml.ua"), "text/plain", false),
    ] {
        let push = push(application, media_type);
        assert_eq!(Sia::is_for(&push), is_for, "{application:?} {media_type}");
    }
    let mut sia = Sia::new(by_http(gateways()), anyone());
    let outcome = sia.receive(&push(Some("1"), "text/plain"), resolves, SECOND);
    assert_eq!(outcome, Outcome::Ignored(Ignored::ContentType));
    assert_eq!(sia.locked_until(), None);
}

#[test]
//= specs/ota-http.md#sir-security
//= type=test
//# The source address of a session initiation request SHOULD be compared with a list of gateways that is there beforehand.
//= specs/ota-http.md#sir-security
//= type=test
//# A session initiation request from a source that is not on that list SHOULD be ignored.
fn only_gateways_and_whoever_is_listed_are_heard() {
    let mut ppgs = gateways();
    ppgs[0].addresses = vec!["2001:db8::7".parse().unwrap(), ip([192, 0, 2, 77])];
    ppgs[0].tls_name = Some("certified.example".into());
    let sources = ["198.51.100.0/25", "+4917099999", "other.example"];
    let settings = SiaSettings {
        sources: sources.map(|text| Address::parse(text).unwrap()).into(),
        ..anyone()
    };
    let mapped = Ipv4Addr::from(GATEWAY).to_ipv6_mapped();
    let number = |text: &str| ServerAddress::E164(text.into());
    let address = |octets| ServerAddress::Ip(ip(octets));
    let content = naming(&[at(&GATEWAY, None)]);
    for (server, proved, is_heard) in [
        (address(GATEWAY), "", true),
        (ServerAddress::Ip(IpAddr::V6(mapped)), "", true),
        (address(SECURE_GATEWAY), "", true),
        (address(NAMED_GATEWAY), "", true),
        (address([192, 0, 2, 77]), "", true),
        (ServerAddress::Ip("2001:db8::7".parse().unwrap()), "", true),
        (address(STRANGER), "", true),
        (number("+4917099999"), "", true),
        (address([198, 51, 100, 200]), "", false),
        (number("+4917011111"), "", false),
        (ServerAddress::Sip("sip:ppg@192.0.2.1".into()), "", false),
        // Whoever proved to be a gateway may come from anywhere.
        (address([203, 0, 113, 1]), "secure", true),
        (address([203, 0, 113, 1]), "Certified.Example", true),
        (address([203, 0, 113, 1]), "ppg.example", true),
        (address([203, 0, 113, 1]), "other.example", true),
        (address([203, 0, 113, 1]), "SECURE", true),
        (address([203, 0, 113, 1]), "elsewhere.example", false),
        (address([203, 0, 113, 1]), "", false),
    ] {
        let mut push = from(server.clone(), &content);
        push.origin.proved_names = [proved].map(Box::from).into();
        let mut sia = Sia::new(by_http(ppgs.clone()), settings.clone());
        let outcome = sia.receive(&push, resolves, SECOND);
        let refused = outcome == Outcome::Ignored(Ignored::Source);
        assert_eq!(refused, !is_heard, "{server} {proved:?}");
        assert_eq!(sia.locked_until().is_some(), is_heard, "{server}");
    }
    let nobody = judged(Vec::new(), anyone(), &content);
    assert_eq!(nobody, Outcome::Ignored(Ignored::Source));
}

#[test]
//= specs/ota-http.md#sir-security
//= type=test
//# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
fn after_a_request_was_followed_others_are_dropped_for_a_while() {
    let mut sia = Sia::new(by_http(gateways()), SiaSettings::default());
    let mut push = from_gateway(&naming(&[at(&GATEWAY, None)]));
    push.origin.answerable = true;
    let mut at = |seconds: u64| {
        let outcome = sia.receive(&push, resolves, SECOND * u32::try_from(seconds).unwrap());
        matches!(outcome, Outcome::Follow(_))
    };
    let followed: Vec<_> = [10, 11, 69, 70, 129, 130].map(&mut at).into();
    assert_eq!(followed, [true, false, false, true, false, true]);
    assert_eq!(sia.locked_until(), Some(SECOND * 190));
    let dropped = sia.receive(&push, resolves, SECOND * 131);
    assert_eq!(dropped, Outcome::Ignored(Ignored::Locked));
}

#[test]
fn what_was_not_followed_locks_nobody_out() {
    let mut sia = Sia::new(by_http(gateways()), SiaSettings::default());
    for content in [&b""[..], b"\x01", &naming(&[at(&STRANGER, None)])] {
        let outcome = sia.receive(&from_gateway(content), resolves, SECOND);
        assert!(matches!(outcome, Outcome::Ignored(_)), "{outcome:?}");
        assert_eq!(sia.locked_until(), None);
    }
    let push = from_gateway(&naming(&[at(&GATEWAY, None)]));
    let outcome = sia.receive(&push, resolves, SECOND);
    assert!(matches!(outcome, Outcome::Follow(_)), "{outcome:?}");
}

#[test]
//= specs/ota-http.md#sir-security
//= type=test
//# The lockout timer SHOULD be reset once the connections that were asked for are open.
fn the_lockout_ends_once_everything_asked_for_is_open() {
    let mut sia = Sia::new(by_http(gateways()), SiaSettings::default());
    let mut push = from_gateway(&naming(&[at(&GATEWAY, None), at(&SECURE_GATEWAY, None)]));
    push.origin.answerable = true;
    let (plain, secure) = (
        contact(GATEWAY, 5035, false),
        contact(SECURE_GATEWAY, 5036, true),
    );
    sia.established(&plain);
    assert_eq!(sia.locked_until(), None);
    for _ in 0..3 {
        let Outcome::Follow(follow) = sia.receive(&push, resolves, SECOND) else {
            panic!("a request was not followed");
        };
        assert_eq!(
            follow.contacts,
            [(plain.clone(), None), (secure.clone(), None)]
        );
        sia.established(&plain);
        sia.established(&plain);
        sia.established(&contact(STRANGER, 4035, false));
        let dropped = sia.receive(&push, resolves, SECOND);
        assert_eq!(dropped, Outcome::Ignored(Ignored::Locked));
        sia.established(&secure);
        assert_eq!(sia.locked_until(), None);
    }
}

#[test]
fn what_cannot_be_read_is_ignored_with_its_place() {
    let malformed =
        |code, offset| Outcome::Ignored(Ignored::Malformed(DecodeError::new(code, offset)));
    for (content, code, offset) in [
        (&b""[..], DecodeErrorCode::Truncated, 0),
        (b"\x01\x05", DecodeErrorCode::ListLengthOverrun, 1),
        (
            b"\x01\x00\x00\x03\x04\x01\x02",
            DecodeErrorCode::AddressLengthOverrun,
            4,
        ),
    ] {
        let outcome = judged(gateways(), anyone(), content);
        assert_eq!(outcome, malformed(code, offset), "{content:?}");
    }
    let long = vec![1; 4097];
    let outcome = judged(gateways(), anyone(), &long);
    let too_long = Ignored::TooLong {
        length: 4097,
        most: 4096,
    };
    assert_eq!(outcome, Outcome::Ignored(too_long));
    // Nobody needs the applications to connect.
    let odd = [&b"\x01\x02\xB2\x05\x00\x05\x04"[..], &GATEWAY].concat();
    assert!(matches!(
        judged(gateways(), anyone(), &odd),
        Outcome::Follow(_)
    ));
}

#[test]
fn later_versions_and_a_gateway_in_use_are_understood() {
    let applications = [AcceptApplication::Id(ApplicationId::Number(4))];
    let points = [at(&GATEWAY, None)];
    let content = SiaContent {
        version: 3,
        applications: &applications,
        contact_points: &points,
        protocols: &[0],
        prov_url: &[],
        ..SiaContent::default()
    };
    let mut octets = encoded(&content);
    octets.extend(b"\x00\x00later fields");
    assert!(matches!(
        judged(gateways(), anyone(), &octets),
        Outcome::Follow(_)
    ));
    // Digits for the application, digits for the port, text for the address.
    let wsp = b"\x00\x014\x0F\xC9\x0A9201192.0.2.1";
    let outcome = judged(gateways(), anyone(), wsp);
    assert_eq!(outcome, Outcome::Ignored(Ignored::OtaWspOnly));
}

#[test]
fn every_reason_has_a_word_a_sentence_and_a_status() {
    let error = DecodeError::new(DecodeErrorCode::Truncated, 0);
    let reasons = [
        (Ignored::ContentType, "contentType", PushStatus::ContentType),
        (Ignored::Source, "source", PushStatus::Refused),
        (Ignored::Locked, "locked", PushStatus::RequestRefused),
        (
            Ignored::TooLong { length: 9, most: 8 },
            "tooLong",
            PushStatus::Refused,
        ),
        (Ignored::Malformed(error), "malformed", PushStatus::Refused),
        (
            Ignored::NoContactPoint,
            "noContactPoint",
            PushStatus::Refused,
        ),
        (Ignored::OtaWspOnly, "otaWspOnly", PushStatus::Refused),
        (Ignored::OtaHttpOnly, "otaHttpOnly", PushStatus::Refused),
        (Ignored::Secure, "secure", PushStatus::Refused),
        (
            Ignored::UnknownContext,
            "unknownContext",
            PushStatus::Refused,
        ),
        (Ignored::Protocol(7), "protocol", PushStatus::Refused),
        (Ignored::Address, "address", PushStatus::Refused),
        (
            Ignored::UnknownContact,
            "unknownContact",
            PushStatus::Refused,
        ),
        (Ignored::NeverDialled, "neverDialled", PushStatus::Refused),
        (Ignored::TooMany, "tooMany", PushStatus::Refused),
    ];
    for (reason, word, status) in reasons {
        assert_eq!(reason.as_str(), word);
        assert_eq!(reason.push_status(), status);
        assert!(reason.to_string().len() > 20, "{reason}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_give_an_outcome_within_the_bounds(
        content in prop::collection::vec(prop_oneof![3 => 0..8_u8, 1 => any::<u8>(), 1 => Just(0x44)], 0..80),
        is_known in any::<bool>(),
        most in 0..4_usize,
    ) {
        let contacts = if is_known { SirContacts::Known } else { SirContacts::Any };
        let settings = SiaSettings { contacts, max_contacts: most, ..SiaSettings::default() };
        let mut sia = Sia::new(by_http(contexts()), settings);
        match sia.receive(&from_gateway(&content), resolves, SECOND) {
            Outcome::Follow(follow) => {
                prop_assert!((1..=most).contains(&follow.contacts.len()));
                prop_assert!(follow.contacts.iter().all(|(contact, _)| contact.port > 0));
                prop_assert_eq!(sia.locked_until(), Some(SECOND * 61));
            }
            Outcome::Ignored(ignored) => {
                prop_assert!(!ignored.as_str().is_empty());
                prop_assert_eq!(sia.locked_until(), None);
            }
            Outcome::Deferred => prop_assert!(false, "nothing came before it"),
        }
    }
}
