//! The whole of what becomes of session initiation requests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use push_message::{
    Address, Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol,
    PushApplicationId, PushMessage, ReceivedPush, ServerAddress, UnixMillis,
};
use sha1::{Digest as _, Sha1};
use wap_wire::wsp::{AcceptApplication, ApplicationId, EncodeOptions, SiaContent};
use wap_wire::{DecodeError, DecodeErrorCode};

use super::{Follow, Ignored, MEDIA_TYPE, Outcome, Sia, SiaSettings, SirContacts, UnknownContext};
use crate::http::{
    Authentication, Connect, Contact, CpiTag, Host, Ppg, PpgId, PushStatus, Terminal, TerminalId,
};

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
            transaction: Box::default(),
            instance: None,
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
    Sia::new(terminal(ppgs), settings).receive(&from_gateway(content), resolves, SECOND)
}

#[track_caller]
fn followed(ppgs: Vec<Ppg>, settings: SiaSettings, content: &SiaContent<'_>) -> Follow {
    match judged(ppgs, settings, &encoded(content)) {
        Outcome::Follow(follow) => follow,
        Outcome::Ignored(ignored) => panic!("{ignored}"),
    }
}

#[track_caller]
fn ignored(ppgs: Vec<Ppg>, settings: SiaSettings, content: &SiaContent<'_>) -> Ignored {
    match judged(ppgs, settings, &encoded(content)) {
        Outcome::Ignored(ignored) => ignored,
        Outcome::Follow(follow) => panic!("{follow:?}"),
    }
}

fn contact(address: [u8; 4], port: u16, secure: bool) -> Contact {
    Contact {
        host: Host::Ip(ip(address)),
        port,
        secure,
    }
}

#[test]
//= specs/ota-http.md#sir
//= type=test
//# A terminal that speaks OTA-HTTP MUST have a Session Initiation Application.
fn a_push_is_for_it_by_its_id_or_where_that_is_missing_by_its_type() {
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
        (Some("x-wap-application:wml.ua"), MEDIA_TYPE, false),
    ] {
        let push = push(application, media_type);
        assert_eq!(Sia::is_for(&push), is_for, "{application:?} {media_type}");
    }
    let mut sia = Sia::new(terminal(gateways()), anyone());
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
        let mut sia = Sia::new(terminal(ppgs.clone()), settings.clone());
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
    let mut sia = Sia::new(terminal(gateways()), SiaSettings::default());
    let push = from_gateway(&naming(&[at(&GATEWAY, None)]));
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
    let mut sia = Sia::new(terminal(gateways()), SiaSettings::default());
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
    let mut sia = Sia::new(terminal(gateways()), SiaSettings::default());
    let push = from_gateway(&naming(&[at(&GATEWAY, None), at(&SECURE_GATEWAY, None)]));
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
//= specs/ota-http.md#sir
//= type=test
//# Of the two lists of contact points in a session initiation request the terminal MUST use one only.
//= specs/ota-http.md#sir
//= type=test
//# Contact points for a protocol that the terminal does not speak MUST NOT be contacted by another protocol.
fn contact_points_for_ota_wsp_are_never_dialled() {
    let (wsp, other) = ([at(&GATEWAY, Some(9201))], [at(&SECURE_GATEWAY, None)]);
    let only = |wsp, other, protocols| SiaContent {
        wsp_contact_points: wsp,
        contact_points: other,
        protocols,
        ..SiaContent::default()
    };
    let none = ignored(gateways(), anyone(), &only(&wsp, &[], &[]));
    assert_eq!(none, Ignored::OtaWspOnly);
    let version_0 = SiaContent {
        version: 0,
        ..only(&wsp, &[], &[])
    };
    assert_eq!(
        ignored(gateways(), anyone(), &version_0),
        Ignored::OtaWspOnly
    );
    let both = followed(gateways(), anyone(), &only(&wsp, &other, &[]));
    assert_eq!(both.contacts, [(contact(SECURE_GATEWAY, 5036, true), None)]);
    // Those for another protocol of which none is known leave those for OTA-WSP where they are.
    let unknown = ignored(gateways(), anyone(), &only(&wsp, &other, &[7]));
    assert_eq!(unknown, Ignored::Protocol(7));
    let nothing = ignored(gateways(), anyone(), &SiaContent::default());
    assert_eq!(nothing, Ignored::NoContactPoint);
}

#[test]
//= specs/ota-http.md#tcp-connections
//= type=test
//# A connection that the terminal opens MUST go to the port that a session initiation request named, else to the port that is provisioned or agreed, else to the registered push port.
//= specs/ota-http.md#sir
//= type=test
//# Where a session initiation request asks for secure transport, by its port or by what is provisioned for it, TLS MUST be established on the connection.
fn the_port_is_that_of_the_request_else_the_provisioned_one_else_the_registered_one() {
    let mut ppgs = gateways();
    let by_address_alone = Ppg {
        contact: None,
        addresses: vec![ip([192, 0, 2, 4])],
        ..ppg("address", Host::Ip(ip(GATEWAY)), 1, false)
    };
    ppgs.push(by_address_alone);
    // Two more gateways at the host of the first.
    ppgs.push(ppg("second", Host::Ip(ip([192, 0, 2, 5])), 6001, false));
    ppgs.push(ppg("third", Host::Ip(ip([192, 0, 2, 5])), 6002, true));
    for (address, port, expected, secure) in [
        (GATEWAY, Some(7000), 7000, false),
        (GATEWAY, None, 5035, false),
        (GATEWAY, Some(4035), 4035, false),
        (GATEWAY, Some(4036), 4036, true),
        (SECURE_GATEWAY, None, 5036, true),
        (SECURE_GATEWAY, Some(5036), 5036, true),
        // A request cannot have TLS left out where it is provisioned.
        (SECURE_GATEWAY, Some(4035), 4035, true),
        ([192, 0, 2, 4], None, 4035, false),
        ([192, 0, 2, 4], Some(4036), 4036, true),
        ([192, 0, 2, 5], None, 6001, false),
        ([192, 0, 2, 5], Some(6001), 6001, false),
        ([192, 0, 2, 5], Some(6002), 6002, true),
        ([192, 0, 2, 5], Some(6003), 6003, true),
        (STRANGER, None, 4035, false),
        (STRANGER, Some(4036), 4036, true),
        (STRANGER, Some(80), 80, false),
    ] {
        let points = [at(&address, port)];
        let content = SiaContent {
            contact_points: &points,
            ..SiaContent::default()
        };
        let follow = followed(ppgs.clone(), anyone(), &content);
        let expected = contact(address, expected, secure);
        assert_eq!(follow.contacts, [(expected, None)], "{address:?} {port:?}");
    }
}

#[test]
fn a_gateway_that_is_provisioned_by_name_is_dialled_by_name() {
    let points = [at(&NAMED_GATEWAY, Some(4040))];
    let content = SiaContent {
        contact_points: &points,
        ..SiaContent::default()
    };
    let follow = followed(gateways(), SiaSettings::default(), &content);
    let expected = Contact {
        host: Host::Name("ppg.example".into()),
        port: 4040,
        secure: false,
    };
    assert_eq!(follow.contacts, [(expected, None)]);
}

#[test]
fn hosts_of_nobody_are_dialled_only_where_that_is_allowed() {
    let points = [at(&STRANGER, None), at(&GATEWAY, None)];
    let content = SiaContent {
        contact_points: &points,
        ..SiaContent::default()
    };
    let known = followed(gateways(), SiaSettings::default(), &content);
    assert_eq!(known.contacts, [(contact(GATEWAY, 5035, false), None)]);
    assert_eq!(known.left_alone, [Ignored::UnknownContact]);
    let all = followed(gateways(), anyone(), &content);
    assert_eq!(all.contacts.len(), 2);
    assert_eq!(all.left_alone, []);
    let stranger = SiaContent {
        contact_points: &points[..1],
        ..SiaContent::default()
    };
    let none = ignored(gateways(), SiaSettings::default(), &stranger);
    assert_eq!(none, Ignored::UnknownContact);
    let mut never = gateways();
    never[0].connect = Connect::Never;
    let gateway = SiaContent {
        contact_points: &points[1..],
        ..SiaContent::default()
    };
    for settings in [anyone(), SiaSettings::default()] {
        let outcome = ignored(never.clone(), settings, &gateway);
        assert_eq!(outcome, Ignored::NeverDialled);
    }
}

#[test]
fn only_ip_addresses_of_single_hosts_are_dialled() {
    let v6: IpAddr = "2001:db8::9".parse().unwrap();
    let IpAddr::V6(v6_octets) = v6 else {
        panic!("not IPv6");
    };
    let v6_octets = v6_octets.octets();
    let mapped = Ipv4Addr::from(GATEWAY).to_ipv6_mapped().octets();
    let host = |bearer_type, address, port| {
        let points = [Point {
            bearer_type,
            port,
            address,
        }];
        match judged(gateways(), anyone(), &naming(&points)) {
            Outcome::Follow(follow) => Ok(follow.contacts[0].0.host.clone()),
            Outcome::Ignored(ignored) => Err(ignored),
        }
    };
    let gateway = Ok(Host::Ip(ip(GATEWAY)));
    assert_eq!(host(None, &GATEWAY, None), gateway);
    assert_eq!(host(Some(0x0B), &GATEWAY, Some(1)), gateway);
    assert_eq!(host(Some(0x00), &mapped, None), gateway);
    assert_eq!(host(Some(0x01), &v6_octets, None), Ok(Host::Ip(v6)));
    for (bearer_type, address, port) in [
        (Some(0x03), &GATEWAY[..], None),
        (Some(0x02), &v6_octets, None),
        (None, b"\x94\x71\x00\x99\xF9", None),
        (None, b"", None),
        (None, b"192.0.2.1", None),
        (None, &GATEWAY, Some(0)),
        (None, &[0; 4], None),
        (None, &[0; 16], None),
        (None, &[255; 4], None),
        (None, &[224, 0, 0, 1], None),
        (None, &[255; 16], None),
    ] {
        let refused = host(bearer_type, address, port);
        assert_eq!(
            refused,
            Err(Ignored::Address),
            "{bearer_type:?} {address:?} {port:?}"
        );
    }
}

#[test]
//= specs/ota-http.md#sia-content
//= type=test
//# The first protocol identifier MUST count for all contact points when there are not as many identifiers as contact points.
//= specs/ota-http.md#sia-content
//= type=test
//# A contact point with an unknown protocol identifier MUST NOT be contacted.
fn each_contact_point_has_its_protocol() {
    let points = [
        at(&GATEWAY, Some(1)),
        at(&GATEWAY, Some(2)),
        at(&GATEWAY, Some(3)),
    ];
    for (protocols, expected) in [
        (&[][..], &[1, 2, 3][..]),
        (&[0, 1, 0], &[1, 2, 3]),
        (&[0, 2, 1], &[1, 3]),
        (&[300, 0, 16_383], &[2]),
        (&[0, 2], &[1, 2, 3]),
        (&[0, 7, 7, 7], &[1, 2, 3]),
        (&[1], &[1, 2, 3]),
        (&[2], &[]),
        (&[2, 0], &[]),
        (&[2, 0, 0, 0], &[]),
        (&[2, 300, 4], &[]),
    ] {
        let content = SiaContent {
            contact_points: &points,
            protocols,
            ..SiaContent::default()
        };
        let ports: Vec<_> = match judged(gateways(), anyone(), &encoded(&content)) {
            Outcome::Follow(follow) => {
                let unknown = follow.left_alone.len();
                assert_eq!(follow.contacts.len() + unknown, 3, "{protocols:?}");
                follow
                    .contacts
                    .iter()
                    .map(|(contact, _)| contact.port)
                    .collect()
            }
            Outcome::Ignored(ignored) => {
                assert_eq!(ignored, Ignored::Protocol(protocols[0]));
                Vec::new()
            }
        };
        assert_eq!(ports, expected, "{protocols:?}");
    }
}

#[test]
//= specs/ota-http.md#sia-content
//= type=test
//# The first CPITag MUST count for all contact points that are to have one when there are not as many tags as such contact points.
//= specs/ota-http.md#sia-content
//= type=test
//# A contact point that is to have a CPITag, in a request that has none, MUST be handled as one that does not know the CPI.
fn tags_belong_in_order_to_the_contact_points_that_are_to_have_one() {
    let points = [
        at(&GATEWAY, Some(1)),
        at(&GATEWAY, Some(2)),
        at(&GATEWAY, Some(3)),
        at(&GATEWAY, Some(4)),
    ];
    for (protocols, tags, expected) in [
        (&[0, 1, 0, 1][..], &[5, 6][..], [0, 5, 0, 6]),
        (&[1, 1, 1, 1], &[5, 6, 7, 8], [5, 6, 7, 8]),
        (&[1], &[5, 6, 7, 8], [5, 6, 7, 8]),
        (&[1], &[5], [5, 5, 5, 5]),
        (&[1, 0, 1, 1], &[5, 6], [5, 0, 5, 5]),
        (&[0, 1, 0, 0], &[5, 6, 7], [0, 5, 0, 0]),
        (&[1, 1, 0, 0], &[], [0, 0, 0, 0]),
        (&[0, 0, 0, 0], &[5], [0, 0, 0, 0]),
        (&[], &[5, 6, 7, 8], [0, 0, 0, 0]),
    ] {
        let cpi_tags: Vec<_> = tags.iter().map(|&tag| [tag; 4]).collect();
        let content = SiaContent {
            contact_points: &points,
            protocols,
            cpi_tags: &cpi_tags,
            ..SiaContent::default()
        };
        let follow = followed(gateways(), anyone(), &content);
        let assumed = follow.contacts.iter().map(|(_, tag)| *tag);
        let expected = expected.map(|tag| (tag > 0).then_some(CpiTag([tag; 4])));
        assert_eq!(
            assumed.collect::<Vec<_>>(),
            expected,
            "{protocols:?} {tags:?}"
        );
    }
}

#[test]
fn tags_stay_with_their_contact_points_where_others_are_left_alone() {
    let points = [
        at(&STRANGER, None),
        Point {
            bearer_type: Some(3),
            ..at(&GATEWAY, None)
        },
        at(&GATEWAY, None),
    ];
    let content = SiaContent {
        contact_points: &points,
        protocols: &[1],
        cpi_tags: &[[1; 4], [2; 4], [3; 4]],
        ..SiaContent::default()
    };
    let follow = followed(gateways(), SiaSettings::default(), &content);
    assert_eq!(
        follow.contacts,
        [(contact(GATEWAY, 5035, false), Some(CpiTag([3; 4])))]
    );
    assert_eq!(
        follow.left_alone,
        [Ignored::UnknownContact, Ignored::Address]
    );
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
//= specs/ota-http.md#sia-content
//= type=test
//# A provisioning context that the ProvURL field names MUST be the one that is used.
//= specs/ota-http.md#sia-content
//= type=test
//# A ProvURL field of one to four octets MUST be compared with as many octets of the SHA-1 hash of a context's ProvURL.
fn a_prov_url_or_its_hash_chooses_the_gateways_of_its_context() {
    let points = [at(&GATEWAY, None), at(&SECURE_GATEWAY, None)];
    let judge = |prov_url: &[u8], settings: SiaSettings| {
        let content = SiaContent {
            contact_points: &points,
            prov_url,
            ..SiaContent::default()
        };
        judged(contexts(), settings, &encoded(&content))
    };
    let strict = || SiaSettings {
        unknown_context: UnknownContext::Ignore,
        ..SiaSettings::default()
    };
    let (a, b) = ("http://a.example/p", "http://b.example/p");
    let in_a = contact(GATEWAY, 5001, false);
    let in_b = contact(GATEWAY, 5002, true);
    let in_none = contact(SECURE_GATEWAY, 5003, false);
    let mut named = vec![(a.as_bytes().to_vec(), a, &in_a), (b.into(), b, &in_b)];
    for length in 1..=4 {
        named.push((hash(a, length), a, &in_a));
        named.push((hash(b, length), b, &in_b));
    }
    for (prov_url, used, expected) in named {
        let Outcome::Follow(follow) = judge(&prov_url, strict()) else {
            panic!("{prov_url:?} was not followed");
        };
        assert_eq!(follow.prov_url.as_deref(), Some(used));
        assert_eq!(follow.contacts, [(expected.clone(), None)], "{prov_url:?}");
        assert_eq!(follow.left_alone, [Ignored::UnknownContact]);
    }
    // Without one: the gateways of no context.
    let Outcome::Follow(empty) = judge(b"", strict()) else {
        panic!("a request without a ProvURL was not followed");
    };
    assert_eq!(
        (empty.prov_url, empty.contacts),
        (None, vec![(in_none.clone(), None)])
    );
    // One that is nobody's: as the terminal decides.
    let wrong_hash: Vec<_> = hash(a, 4).iter().map(|octet| !octet).collect();
    for unknown in [
        &b"http://c.example/"[..],
        b"HTTP://A.EXAMPLE/P",
        &wrong_hash,
    ] {
        let outcome = judge(unknown, strict());
        assert_eq!(outcome, Outcome::Ignored(Ignored::UnknownContext));
        let Outcome::Follow(follow) = judge(unknown, SiaSettings::default()) else {
            panic!("{unknown:?} was not followed");
        };
        let expected = [(in_a.clone(), None), (in_none.clone(), None)];
        assert_eq!(
            (follow.prov_url, &follow.contacts[..]),
            (None, &expected[..])
        );
    }
}

#[test]
fn an_empty_prov_url_is_that_of_contexts_without_one() {
    let points = [at(&GATEWAY, None)];
    let content = SiaContent {
        contact_points: &points,
        ..SiaContent::default()
    };
    let strict = SiaSettings {
        unknown_context: UnknownContext::Ignore,
        ..anyone()
    };
    let mut ppgs = contexts();
    ppgs.truncate(2);
    let nobody = ignored(ppgs.clone(), strict.clone(), &content);
    assert_eq!(nobody, Ignored::UnknownContext);
    ppgs.push(in_context(
        "",
        ppg("empty", Host::Ip(ip(GATEWAY)), 5004, false),
    ));
    let follow = followed(ppgs, strict.clone(), &content);
    assert_eq!(follow.contacts, [(contact(GATEWAY, 5004, false), None)]);
    assert_eq!(follow.prov_url, None);
    // A terminal that nothing is provisioned for has no context to choose.
    let strict = SiaSettings {
        sources: vec![Address::parse("192.0.2.1").unwrap()],
        ..strict
    };
    let follow = followed(Vec::new(), strict.clone(), &content);
    assert_eq!(follow.contacts, [(contact(GATEWAY, 4035, false), None)]);
    let named = SiaContent {
        prov_url: b"http://a.example/p",
        ..content
    };
    assert_eq!(ignored(Vec::new(), strict, &named), Ignored::UnknownContext);
}

#[test]
fn contact_points_are_followed_once_and_up_to_a_bound() {
    let ports = [1, 1, 2, 3, 2, 4, 5];
    let points = ports.map(|port| at(&GATEWAY, Some(port)));
    let content = SiaContent {
        contact_points: &points,
        ..SiaContent::default()
    };
    let bound = |max_contacts| SiaSettings {
        max_contacts,
        ..anyone()
    };
    for (most, expected) in [
        (7, &[1, 2, 3, 4, 5][..]),
        (5, &[1, 2, 3, 4, 5]),
        (3, &[1, 2, 3]),
    ] {
        let follow = followed(gateways(), bound(most), &content);
        let ports = follow.contacts.iter().map(|(contact, _)| contact.port);
        assert_eq!(ports.collect::<Vec<_>>(), expected);
        let left_out = if most < 5 {
            vec![Ignored::TooMany]
        } else {
            vec![]
        };
        assert_eq!(follow.left_alone, left_out);
    }
    assert_eq!(ignored(gateways(), bound(0), &content), Ignored::TooMany);
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
        let mut sia = Sia::new(terminal(contexts()), settings);
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
        }
    }
}
