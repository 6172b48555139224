//! Which contact points are followed, where, and what their gateways assume.

use super::*;

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
            Outcome::Deferred => panic!("put off"),
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
            Outcome::Deferred => panic!("put off"),
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
