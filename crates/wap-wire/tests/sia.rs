//! Golden octets of session initiation requests, for every rule of their content (WAP-235 8.4).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use wap_wire::wsp::{
    AcceptApplication, Address, Addresses, ApplicationId, EncodeOptions, ProvUrl, Sia, SiaContent,
};
use wap_wire::{DecodeError, DecodeErrorCode};

fn id(number: u32) -> AcceptApplication<'static> {
    AcceptApplication::Id(ApplicationId::Number(number))
}

fn uri(uri: &str) -> AcceptApplication<'_> {
    AcceptApplication::Id(ApplicationId::Uri(uri.into()))
}

fn address(bearer_type: Option<u8>, port: Option<u16>, address: &[u8]) -> Address<'_> {
    Address {
        bearer_type,
        port,
        address,
    }
}

fn listed(addresses: Addresses<'_>) -> Vec<Address<'_>> {
    addresses.into_iter().map(Result::unwrap).collect()
}

fn applications(list: &[u8]) -> Vec<Result<AcceptApplication<'_>, DecodeError>> {
    let length = u8::try_from(list.len()).unwrap();
    let octets: &'static [u8] = [&[1, length], list].concat().leak();
    Sia::decode(octets)
        .unwrap()
        .applications
        .into_iter()
        .collect()
}

fn error(octets: &[u8]) -> (DecodeErrorCode, usize) {
    let error = Sia::decode(octets).unwrap_err();
    (error.code, error.offset)
}

/// Every field: MMS and browser, one contact point for WSP, two others, both with a tag.
const WHOLE: &[u8] = b"\x01\
    \x04\xB2\x84\xB2\x82\
    \x08\xC4\x0B\x23\xF1\xC6\x33\x64\x01\
    \x0F\xC4\x0A\x0F\xC4\xC6\x33\x64\x02\x44\x0F\xC3\xC6\x33\x64\x03\
    \x02\x01\x01\
    \x0Bhttp://p.ex\
    \x02\xDE\xAD\xBE\xEF\x00\x00\x00\x07";

fn whole() -> SiaContent<'static> {
    const WSP: &[Address<'_>] = &[Address {
        bearer_type: Some(0x0B),
        port: Some(9201),
        address: &[198, 51, 100, 1],
    }];
    const OTHER: &[Address<'_>] = &[
        Address {
            bearer_type: Some(0x0A),
            port: Some(4036),
            address: &[198, 51, 100, 2],
        },
        Address {
            bearer_type: None,
            port: Some(4035),
            address: &[198, 51, 100, 3],
        },
    ];
    const APPLICATIONS: &[AcceptApplication<'_>] = &[
        AcceptApplication::Id(ApplicationId::Number(4)),
        AcceptApplication::Id(ApplicationId::Number(2)),
    ];
    SiaContent {
        version: 1,
        applications: APPLICATIONS,
        wsp_contact_points: WSP,
        contact_points: OTHER,
        protocols: &[1, 1],
        prov_url: b"http://p.ex",
        cpi_tags: &[[0xDE, 0xAD, 0xBE, 0xEF], [0, 0, 0, 7]],
    }
}

fn assert_holds(sia: &Sia<'_>, content: &SiaContent<'_>) {
    assert_eq!(sia.version, content.version);
    let applications: Result<Vec<_>, _> = sia.applications.into_iter().collect();
    assert_eq!(applications.as_deref(), Ok(content.applications));
    assert_eq!(listed(sia.wsp_contact_points), content.wsp_contact_points);
    assert_eq!(listed(sia.contact_points), content.contact_points);
    assert!(sia.protocols.iter().eq(content.protocols.iter().copied()));
    assert_eq!(sia.prov_url, ProvUrl::new(content.prov_url));
    assert_eq!(sia.cpi_tags, content.cpi_tags);
}

#[test]
fn every_field_is_decoded_and_encoded() {
    assert_holds(&Sia::decode(WHOLE).unwrap(), &whole());
    assert_eq!(EncodeOptions::default().sia(&whole()).unwrap(), WHOLE);
}

#[test]
//= specs/ota-http.md#sia-content
//= type=test
//# SIA content of a version above 1 MUST be accepted, and the fields that it has beyond version 1 ignored.
fn later_versions_are_taken_and_what_they_add_is_ignored() {
    for (version, tail) in [
        (1, &b"\x01"[..]),
        (2, b""),
        (2, b"\xFF"),
        (0xFF, b"\x80\x80\x80\x80\x80\x80"),
    ] {
        let mut octets = [WHOLE, tail].concat();
        octets[0] = version;
        let expected = SiaContent { version, ..whole() };
        assert_holds(&Sia::decode(&octets).unwrap(), &expected);
    }
}

#[test]
//= specs/ota-http.md#sia-content
//= type=test
//# SIA content of version 0 MUST be understood by a terminal that speaks OTA-WSP.
fn version_0_ends_with_the_contact_points_for_wsp() {
    let octets = [&[0], &WHOLE[1..]].concat();
    let expected = SiaContent {
        version: 0,
        applications: whole().applications,
        wsp_contact_points: whole().wsp_contact_points,
        ..SiaContent::default()
    };
    assert_holds(&Sia::decode(&octets).unwrap(), &expected);
    let written = SiaContent {
        version: 0,
        ..whole()
    };
    let written = EncodeOptions::default().sia(&written).unwrap();
    assert_eq!(written, octets[..15]);
    assert_holds(&Sia::decode(&written).unwrap(), &expected);
    assert_holds(
        &Sia::decode(b"\0\x00\x00\xFF").unwrap(),
        &SiaContent {
            version: 0,
            ..SiaContent::default()
        },
    );
}

#[test]
//= specs/ota-http.md#sia-content
//= type=test
//# SIA content that ends before its last fields MUST be accepted.
fn fields_may_be_missing_at_the_end_and_nowhere_else() {
    let content = whole();
    let ends = [
        (1, SiaContent::default()),
        (
            6,
            SiaContent {
                applications: content.applications,
                ..SiaContent::default()
            },
        ),
        (
            15,
            SiaContent {
                contact_points: &[],
                protocols: &[],
                prov_url: &[],
                cpi_tags: &[],
                ..content
            },
        ),
        (
            31,
            SiaContent {
                protocols: &[],
                prov_url: &[],
                cpi_tags: &[],
                ..content
            },
        ),
        (
            34,
            SiaContent {
                prov_url: &[],
                cpi_tags: &[],
                ..content
            },
        ),
        (
            46,
            SiaContent {
                cpi_tags: &[],
                ..content
            },
        ),
        (WHOLE.len(), content),
    ];
    for length in 0..=WHOLE.len() {
        match ends.iter().find(|(end, _)| *end == length) {
            Some((end, content)) => {
                assert_holds(&Sia::decode(&WHOLE[..*end]).unwrap(), content);
                assert_eq!(
                    EncodeOptions::default().sia(content).unwrap(),
                    WHOLE[..*end]
                );
            }
            None => assert!(Sia::decode(&WHOLE[..length]).is_err(), "{length}"),
        }
    }
}

#[test]
fn what_runs_past_the_end_is_an_error_with_its_place() {
    use DecodeErrorCode::{ListLengthOverrun, Truncated, UintvarTooLong};
    for (octets, expected) in [
        (&b""[..], (Truncated, 0)),
        (b"\x01\x81", (Truncated, 1)),
        (b"\x01\x03\xB2\x82", (ListLengthOverrun, 1)),
        (b"\x01\x00\x04\x00\x00", (ListLengthOverrun, 2)),
        (b"\x01\x00\x00\x01", (ListLengthOverrun, 3)),
        (b"\x01\x00\x00\x00\x03\x00\x00", (Truncated, 7)),
        (b"\x01\x00\x00\x00\x01\x80", (Truncated, 5)),
        (b"\x01\x00\x00\x00\x8F\xFF\xFF\xFF\x7F\x00", (Truncated, 10)),
        (b"\x01\x00\x00\x00\x00\x01", (ListLengthOverrun, 5)),
        (
            b"\x01\x00\x00\x00\x00\x00\x01\xAA\xBB\xCC",
            (ListLengthOverrun, 6),
        ),
        (
            b"\x01\x00\x00\x00\x00\x00\x84\x80\x80\x80\x00",
            (ListLengthOverrun, 6),
        ),
        (
            b"\x01\x00\x00\x00\x00\x00\x8F\xFF\xFF\xFF\x7F",
            (ListLengthOverrun, 6),
        ),
        (b"\x01\x80\x80\x80\x80\x80\x00", (UintvarTooLong, 1)),
    ] {
        assert_eq!(error(octets), expected, "{octets:?}");
    }
    let sia = Sia::decode(b"\x01\x00\x00\x06\x44\x0F\xC3\xC6\x33\x64").unwrap();
    let contact_points: Vec<_> = sia.contact_points.into_iter().collect();
    let overrun = DecodeError::new(DecodeErrorCode::AddressLengthOverrun, 4);
    assert_eq!(contact_points, [Err(overrun)]);
}

#[test]
fn applications_are_accept_application_headers_in_any_encoding() {
    for (list, expected) in [
        (&b"\xB2\x84"[..], vec![id(4)]),
        (b"\xB2\x80", vec![AcceptApplication::Any]),
        (b"\xB2\x02\x90\x01\xB2\x01\x07", vec![id(0x9001), id(7)]),
        (b"\xB2x-own:app\0", vec![uri("x-own:app")]),
        (b"\xB2\x1F\x02\x90\x01", vec![id(0x9001)]),
        (
            b"Accept-Application\0x-own:app\0\xB2\x82",
            vec![uri("x-own:app"), id(2)],
        ),
        (b"ACCEPT-APPLICATION\x004\0", vec![id(4)]),
        (b"accept-application\0*\0", vec![AcceptApplication::Any]),
        // Other headers say nothing here.
        (b"\xB2\x84\x85\x81X-Own\0a\0\xB2\x82", vec![id(4), id(2)]),
        (b"", vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(Ok).collect();
        assert_eq!(applications(list), expected, "{list:?}");
    }
}

#[test]
fn applications_may_come_without_the_name_of_their_header() {
    for (list, expected) in [
        (&b"\x84"[..], vec![id(4)]),
        (b"\x84\x8A\x80", vec![id(4), id(10), AcceptApplication::Any]),
        (b"\x02\x90\x01\x82", vec![id(0x9001), id(2)]),
        (b"x-own:app\0\x84", vec![uri("x-own:app"), id(4)]),
        // Decimal digits are one number.
        (b"4", vec![id(4)]),
        (b"10", vec![id(10)]),
        (b"32773", vec![id(0x8005)]),
        (b"0", vec![AcceptApplication::Any]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(Ok).collect();
        assert_eq!(applications(list), expected, "{list:?}");
    }
}

#[test]
fn a_broken_entry_among_the_applications_ends_or_interrupts_the_list() {
    use DecodeErrorCode::{EmptyValue, IntegerTooLarge, UnterminatedText, ValueLengthOverrun};
    let broken = |code, offset| Err(DecodeError::new(code, offset));
    for (list, expected) in [
        (
            &b"\xB2\x84\xB2"[..],
            vec![Ok(id(4)), broken(DecodeErrorCode::Truncated, 5)],
        ),
        (b"\xB2\x00\xB2\x84", vec![broken(EmptyValue, 3), Ok(id(4))]),
        (
            b"\xB2\x05\x01\x00\x00\x00\x00",
            vec![broken(IntegerTooLarge, 3)],
        ),
        (
            b"\x84\x03\x01",
            vec![Ok(id(4)), broken(ValueLengthOverrun, 3)],
        ),
        (b"\x00\x84", vec![broken(EmptyValue, 2), Ok(id(4))]),
        (b"x-own", vec![broken(UnterminatedText, 2)]),
        (b"99999999999", vec![broken(IntegerTooLarge, 2)]),
    ] {
        assert_eq!(applications(list), expected, "{list:?}");
    }
}

#[test]
fn a_port_in_decimal_digits_is_no_port() {
    // As a gateway in use writes its contact point: bearer, four digits, and an address in dotted form.
    let sia = Sia::decode(b"\0\x014\x0F\xC9\x0A9201198.51.10").unwrap();
    let points: Vec<_> = sia.wsp_contact_points.into_iter().collect();
    assert_eq!(points[0].unwrap().ip(), None);
    assert!(points[1..].iter().all(Result::is_err), "{points:?}");
}

#[test]
fn protocols_are_counted_and_of_any_size() {
    for (octets, expected) in [
        (&b"\x01\x00\x00\x00\x00"[..], vec![]),
        (b"\x01\x00\x00\x00\x03\x00\x01\x82\x2C", vec![0, 1, 300]),
        (b"\x01\x00\x00\x00\x01\x80\x01", vec![1]),
        (b"\x01\x00\x00\x00\x01\x8F\xFF\xFF\xFF\x7F", vec![u32::MAX]),
    ] {
        let sia = Sia::decode(octets).unwrap();
        assert_eq!(sia.protocols.iter().collect::<Vec<_>>(), expected);
        assert_eq!(sia.prov_url, ProvUrl::Empty);
    }
}

#[test]
fn up_to_four_octets_of_a_prov_url_are_a_hash() {
    for (octets, expected) in [
        (&b"\x01\x00\x00\x00\x00\x00"[..], ProvUrl::Empty),
        (b"\x01\x00\x00\x00\x00\x01\xAB", ProvUrl::Hash(&[0xAB])),
        (b"\x01\x00\x00\x00\x00\x04abcd", ProvUrl::Hash(b"abcd")),
        (
            b"\x01\x00\x00\x00\x00\x05abcde",
            ProvUrl::Url("abcde".into()),
        ),
    ] {
        let sia = Sia::decode(octets).unwrap();
        assert_eq!(sia.prov_url, expected);
        assert_eq!(sia.prov_url.as_bytes(), octets.get(6..).unwrap_or_default());
    }
}

fn application() -> impl Strategy<Value = Option<Result<u32, String>>> {
    prop_oneof![
        Just(None),
        (1..=u32::MAX).prop_map(|number| Some(Ok(number))),
        "x-own-[a-z]{1,8}:[a-z.]{0,12}".prop_map(|uri| Some(Err(uri))),
    ]
}

type OwnedAddress = (Option<u8>, Option<u16>, Vec<u8>);

fn addresses() -> impl Strategy<Value = Vec<OwnedAddress>> {
    let octets = prop_oneof![
        prop::collection::vec(any::<u8>(), 4),
        prop::collection::vec(any::<u8>(), 16),
        prop::collection::vec(any::<u8>(), 0..=63),
    ];
    prop::collection::vec((any::<Option<u8>>(), any::<Option<u16>>(), octets), 0..4)
}

fn borrowed(addresses: &[OwnedAddress]) -> Vec<Address<'_>> {
    let parts = addresses.iter();
    parts
        .map(|(bearer_type, port, octets)| address(*bearer_type, *port, octets))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(
        version in 1..=u8::MAX,
        ids in prop::collection::vec(application(), 0..6),
        wsp in addresses(),
        other in addresses(),
        protocols: Vec<u32>,
        prov_url in prop::collection::vec(any::<u8>(), 0..40),
        cpi_tags: Vec<[u8; 4]>,
    ) {
        let applications: Vec<_> = ids.iter().map(|one| match one {
            None => AcceptApplication::Any,
            Some(Ok(number)) => id(*number),
            Some(Err(text)) => uri(text),
        }).collect();
        let (wsp, other) = (borrowed(&wsp), borrowed(&other));
        let content = SiaContent {
            version,
            applications: &applications,
            wsp_contact_points: &wsp,
            contact_points: &other,
            protocols: &protocols,
            prov_url: &prov_url,
            cpi_tags: &cpi_tags,
        };
        let octets = EncodeOptions::default().sia(&content).unwrap();
        assert_holds(&Sia::decode(&octets).unwrap(), &content);
        let longer = [&octets[..], &[0; 6]].concat();
        assert_holds(&Sia::decode(&longer).unwrap(), &content);
    }
}
