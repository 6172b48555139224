//! Session initiation requests over connectionless push (WAP-235 section 8): by octets written here.

use std::{
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use conformance::kannel::CONNECTIONLESS_PUSH;
use sha1::{Digest, Sha1};

use crate::{
    stage::{MMS, PPG_ID, Plan, Stage},
    wire::{Gateway, eventually},
};

const QUICK: Duration = Duration::from_millis(300);
const LOCKOUT_OFF: &str = "sir_lockout = \"0s\"";

/// SIA content, field for field. A field that is `None`, and all behind it, are left out.
#[derive(Clone, Default)]
struct Sia {
    version: u8,
    applications: Vec<u8>,
    wsp: Vec<u8>,
    contacts: Vec<u8>,
    protocols: Option<Vec<u8>>,
    prov_url: Option<Vec<u8>>,
    tags: Option<Vec<[u8; 4]>>,
    /// What a later version has behind it.
    more: Vec<u8>,
}

impl Sia {
    /// For `application` (a number) at these places.
    fn version_1(places: &[SocketAddrV4]) -> Self {
        Self {
            version: 1,
            // Accept-Application: mms.ua.
            applications: vec![0xB2, 0x84],
            contacts: places.iter().flat_map(|place| contact(*place)).collect(),
            ..Self::default()
        }
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = vec![self.version];
        let field = |octets: &mut Vec<u8>, field: &[u8]| {
            octets.push(u8::try_from(field.len()).unwrap_or(127));
            octets.extend_from_slice(field);
        };
        field(&mut octets, &self.applications);
        field(&mut octets, &self.wsp);
        if self.version == 0 {
            return octets;
        }
        field(&mut octets, &self.contacts);
        let Some(protocols) = &self.protocols else {
            return octets;
        };
        field(&mut octets, protocols);
        let Some(prov_url) = &self.prov_url else {
            return octets;
        };
        field(&mut octets, prov_url);
        let Some(tags) = &self.tags else {
            return octets;
        };
        octets.push(u8::try_from(tags.len()).unwrap_or(127));
        octets.extend(tags.as_flattened());
        octets.extend_from_slice(&self.more);
        octets
    }
}

/// Protocols, tags, and what each of two gateways is answered to a registration that shows no tag.
type Case<'a> = (&'a [u8], &'a [[u8; 4]], [u16; 2]);

/// An IPv4 address with a port and no bearer, as WSP's `AddressType`.
fn contact(place: SocketAddrV4) -> Vec<u8> {
    let mut octets = vec![0x44];
    octets.extend(place.port().to_be_bytes());
    octets.extend(place.ip().octets());
    octets
}

/// Sends `content` as a connectionless push to the Session Initiation Application.
fn invite(stage: &Stage, from: Ipv4Addr, content: &[u8]) -> anyhow::Result<()> {
    // Push Id, Push, three octets of headers: application/vnd.wap.sia, X-Wap-Application-Id: push.sia.
    let mut datagram = vec![0x07, 0x06, 0x03, 0xB4, 0xAF, 0x81];
    datagram.extend_from_slice(content);
    let socket = UdpSocket::bind((from, 0))?;
    socket.send_to(&datagram, (stage.plan.terminal(), CONNECTIONLESS_PUSH))?;
    Ok(())
}

/// Waits until so many requests had this outcome.
fn until(stage: &Stage, outcome: &str, number: u32) -> anyhow::Result<()> {
    eventually(outcome, || {
        let samples = stage.daemon.pushcai_json(&["metrics", "--json"])?;
        let found = samples.iter().find(|sample| {
            sample["name"] == "pushcai_session_initiations_total"
                && sample["labels"]["outcome"] == outcome
        });
        let value = found.and_then(|sample| sample["value"].as_f64());
        Ok((value.unwrap_or_default() >= f64::from(number)).then_some(()))
    })
}

/// A gateway that is provisioned and dialled on request alone, and the daemon.
fn waiting_gateway(keys: &str) -> anyhow::Result<(Gateway, Stage)> {
    let plan = Plan::new()?.keys(keys).keys(LOCKOUT_OFF);
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(
            PPG_ID,
            &format!("address = \"{address}\"\nconnect = \"when-needed\"\nprov_url = \"http://prov.example.net/1\""),
        )
        .start()?;
    stage.register(MMS)?;
    // What the registration was announced on; from here on only requests bring a connection about.
    drop(gateway.accept_tcp()?);
    Ok((gateway, stage))
}

//= specs/ota-http.md#sir
//= type=test
//# A terminal that speaks OTA-HTTP MUST have a Session Initiation Application.
//= specs/ota-http.md#sir
//= type=test
//# A terminal that follows a session initiation request MUST open TCP connections as it does of its own accord.
//= specs/ota-http.md#tcp-connections
//= type=test
//# A connection that the terminal opens MUST go to the port that a session initiation request named, else to the port that is provisioned or agreed, else to the registered push port.
#[test]
fn ota_http_c_016_session_initiation() -> anyhow::Result<()> {
    let (provisioned, stage) = waiting_gateway("")?;
    // The same gateway waits on another port, which only the request names.
    let gateway = Gateway::open(stage.plan.gateway())?;
    let sia = Sia::version_1(&[gateway.address()?]);
    invite(&stage, stage.plan.gateway(), &sia.octets())?;
    let mut wire = gateway.accept()?;
    let tag = wire.register(&[])?.tag()?;
    wire.push(MMS, b"as invited", &[("X-Wap-CPITag", &tag)])?
        .is(204, 400);
    assert_eq!(stage.contents()?, [b"as invited"]);
    assert!(provisioned.is_left_alone(QUICK)?);
    Ok(())
}

//= specs/ota-http.md#sir-security
//= type=test
//# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
//= specs/ota-http.md#sir-security
//= type=test
//# The lockout timer SHOULD be reset once the connections that were asked for are open.
//= specs/ota-http.md#sir-security
//= type=test
//# The source address of a session initiation request SHOULD be compared with a list of gateways that is there beforehand.
//= specs/ota-http.md#sir-security
//= type=test
//# A session initiation request from a source that is not on that list SHOULD be ignored.
#[test]
fn ota_http_c_014_security_considerations() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys("sir_lockout = \"1h\"");
    let gateway = Gateway::open(plan.gateway())?;
    let nobody = Gateway::open(plan.gateway())?.address()?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(
            PPG_ID,
            &format!("address = \"{address}\"\nconnect = \"when-needed\""),
        )
        .start()?;
    stage.register(MMS)?;
    drop(gateway.accept_tcp()?);
    let good = Sia::version_1(&[address]).octets();
    let bad = Sia::version_1(&[nobody]).octets();
    // From an address that is no gateway's.
    invite(&stage, stage.plan.network.host(3), &good)?;
    until(&stage, "source", 1)?;
    // Success resets the timer: the next one is followed too, and without delay.
    for number in 1..=3 {
        invite(&stage, stage.plan.gateway(), &good)?;
        let mut wire = gateway.accept()?;
        wire.register(&[])?.is(204, 501);
        until(&stage, "followed", number)?;
    }
    // One that leads nowhere holds the door shut for an hour.
    invite(&stage, stage.plan.gateway(), &bad)?;
    until(&stage, "followed", 4)?;
    for number in 1..=5 {
        invite(&stage, stage.plan.gateway(), &good)?;
        until(&stage, "locked", number)?;
    }
    assert!(gateway.is_left_alone(Duration::ZERO)?);
    Ok(())
}

//= specs/ota-http.md#sir
//= type=test
//# Of several contact points in a session initiation request each SHOULD be connected to.
#[test]
fn each_of_several_contact_points_is_connected_to() -> anyhow::Result<()> {
    let (one, stage) = waiting_gateway("")?;
    let (two, three) = (
        Gateway::open(stage.plan.gateway())?,
        Gateway::open(stage.plan.gateway())?,
    );
    let places = [one.address()?, two.address()?, three.address()?];
    invite(
        &stage,
        stage.plan.gateway(),
        &Sia::version_1(&places).octets(),
    )?;
    for gateway in [&three, &one, &two] {
        gateway.accept()?.register(&[])?.is(204, 501);
    }
    Ok(())
}

//= specs/ota-http.md#registration
//= type=test
//# The answer to an OPTIONS request MUST carry X-Wap-Push-Status.
//= specs/ota-http.md#sia-content
//= type=test
//# A contact point that is to have a CPITag, in a request that has none, MUST be handled as one that does not know the CPI.
//= specs/ota-http.md#sia-content
//= type=test
//# The first CPITag MUST count for all contact points that are to have one when there are not as many tags as such contact points.
#[test]
fn a_tag_in_the_request_counts_on_the_connection() -> anyhow::Result<()> {
    let (gateway, stage) = waiting_gateway("")?;
    let second = Gateway::open(stage.plan.gateway())?;
    let tag = stage.cpi()?.tag()?;
    let raw: [u8; 4] = STANDARD.decode(&tag)?.as_slice().try_into()?;
    let places = [gateway.address()?, second.address()?];
    let with = |protocols: &[u8], tags: &[[u8; 4]]| {
        let mut sia = Sia::version_1(&places);
        sia.protocols = Some(protocols.to_vec());
        sia.prov_url = Some(Vec::new());
        sia.tags = Some(tags.to_vec());
        sia.octets()
    };
    let cases: [Case<'_>; 6] = [
        (&[1, 1], &[raw, raw], [500, 500]),
        (&[1, 1], &[raw, [9; 4]], [500, 501]),
        (&[0, 1], &[raw], [501, 500]),
        // Fewer tags than contact points that are to have one, fewer protocols than contact points: the first counts.
        (&[1, 1], &[raw], [500, 500]),
        (&[1], &[raw, [9; 4]], [500, 501]),
        // Announced and not there: unknown.
        (&[1, 1], &[], [501, 501]),
    ];
    for (protocols, tags, expected) in cases {
        invite(&stage, stage.plan.gateway(), &with(protocols, tags))?;
        for (gateway, status) in [&gateway, &second].into_iter().zip(expected) {
            let answer = gateway.accept()?.register(&[])?;
            answer.is(204, status);
        }
    }
    Ok(())
}

//= specs/ota-http.md#sia-content
//= type=test
//# The first protocol identifier MUST count for all contact points when there are not as many identifiers as contact points.
//= specs/ota-http.md#sia-content
//= type=test
//# A contact point with an unknown protocol identifier MUST NOT be contacted.
#[test]
fn a_contact_point_with_an_unknown_protocol_is_left_alone() -> anyhow::Result<()> {
    let (one, stage) = waiting_gateway("")?;
    let two = Gateway::open(stage.plan.gateway())?;
    let places = [one.address()?, two.address()?];
    let mut sia = Sia::version_1(&places);
    sia.protocols = Some(vec![77, 0]);
    invite(&stage, stage.plan.gateway(), &sia.octets())?;
    two.accept()?.register(&[])?.is(204, 501);
    assert!(one.is_left_alone(QUICK)?);
    // One identifier for two contact points, and an unknown one: it counts for both.
    sia.protocols = Some(vec![77]);
    invite(&stage, stage.plan.gateway(), &sia.octets())?;
    assert!(one.is_left_alone(QUICK)? && two.is_left_alone(QUICK)?);
    // Two for one as well: the first counts.
    let mut sia = Sia::version_1(&places[..1]);
    sia.protocols = Some(vec![0, 77]);
    invite(&stage, stage.plan.gateway(), &sia.octets())?;
    one.accept()?.register(&[])?.is(204, 501);
    Ok(())
}

//= specs/ota-http.md#sia-content
//= type=test
//# SIA content of a version above 1 MUST be accepted, and the fields that it has beyond version 1 ignored.
//= specs/ota-http.md#sia-content
//= type=test
//# SIA content that ends before its last fields MUST be accepted.
#[test]
fn later_versions_and_shorter_requests_are_understood() -> anyhow::Result<()> {
    let (gateway, stage) = waiting_gateway("")?;
    let place = [gateway.address()?];
    let mut whole = Sia::version_1(&place);
    whole.protocols = Some(vec![0]);
    whole.prov_url = Some(Vec::new());
    whole.tags = Some(Vec::new());
    let mut later = whole.clone();
    (later.version, later.more) = (9, b"\x05what is new".to_vec());
    let mut without_tags = whole.clone();
    without_tags.tags = None;
    let mut without_prov_url = without_tags.clone();
    without_prov_url.prov_url = None;
    for sia in [
        Sia::version_1(&place),
        without_prov_url,
        without_tags,
        whole,
        later,
    ] {
        invite(&stage, stage.plan.gateway(), &sia.octets())?;
        gateway.accept()?.register(&[])?.is(204, 501);
    }
    Ok(())
}

//= specs/ota-http.md#sia-content
//= type=test
//# SIA content of version 0 MUST be understood by a terminal that speaks OTA-WSP.
//= specs/ota-http.md#sir
//= type=test
//# Of the two lists of contact points in a session initiation request the terminal MUST use one only.
//= specs/ota-http.md#sir
//= type=test
//# Contact points for a protocol that the terminal does not speak MUST NOT be contacted by another protocol.
#[test]
fn contact_points_for_wsp_are_not_contacted_by_http() -> anyhow::Result<()> {
    let (gateway, stage) = waiting_gateway("")?;
    let for_wsp = Gateway::open(stage.plan.gateway())?;
    let place = for_wsp.address()?;
    let mut version_0 = Sia::version_1(&[]);
    (version_0.version, version_0.wsp) = (0, contact(place));
    let mut only_wsp = Sia::version_1(&[]);
    only_wsp.wsp = contact(place);
    let mut both = Sia::version_1(&[gateway.address()?]);
    both.wsp = contact(place);
    for sia in [&version_0, &only_wsp, &both] {
        invite(&stage, stage.plan.gateway(), &sia.octets())?;
    }
    // They are handled in order: when this one is followed, the others have been.
    gateway.accept()?.register(&[])?.is(204, 501);
    assert!(for_wsp.is_left_alone(QUICK)?);
    Ok(())
}

//= specs/ota-http.md#sia-content
//= type=test
//# A provisioning context that the ProvURL field names MUST be the one that is used.
//= specs/ota-http.md#sia-content
//= type=test
//# A ProvURL field of one to four octets MUST be compared with as many octets of the SHA-1 hash of a context's ProvURL.
#[test]
fn the_prov_url_names_the_context_in_full_or_by_its_hash() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys(LOCKOUT_OFF);
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let url = |number: u8| format!("http://prov.example.net/{number}");
    let mut plan = plan;
    for number in 1..=2 {
        plan = plan.ppg(
            &format!("ppg{number}.example.net"),
            &format!(
                "address = \"{address}\"\nconnect = \"when-needed\"\nprov_url = \"{}\"\nterminal_id = \"444770090000{number}\"",
                url(number)
            ),
        );
    }
    let stage = plan.start()?;
    stage.register(MMS)?;
    drop(gateway.accept_tcp()?);
    for number in 1..=2 {
        let text = url(number).into_bytes();
        let hash = Sha1::digest(&text);
        let mut forms = vec![text];
        forms.extend((1..=4).map(|length| hash.get(..length).unwrap_or_default().to_vec()));
        for form in forms {
            let mut sia = Sia::version_1(&[address]);
            (sia.protocols, sia.prov_url) = (Some(vec![0]), Some(form.clone()));
            invite(&stage, stage.plan.gateway(), &sia.octets())?;
            let answer = gateway.accept()?.register(&[])?;
            let expected = format!("444770090000{number}");
            let name = answer.header("X-Wap-Terminal-Id");
            assert_eq!(name, Some(expected.as_str()), "{form:02x?}: {answer:?}");
        }
    }
    Ok(())
}

/// Kannel writes application ids bare, without the header's name.
#[test]
fn bare_application_ids_are_understood() -> anyhow::Result<()> {
    let (gateway, stage) = waiting_gateway("")?;
    let mut sia = Sia::version_1(&[gateway.address()?]);
    sia.applications = vec![0x84, 0x82];
    invite(&stage, stage.plan.gateway(), &sia.octets())?;
    gateway.accept()?.register(&[])?.is(204, 501);
    Ok(())
}

#[test]
fn contact_points_that_are_nobodys_are_not_dialled_unless_that_is_wanted() -> anyhow::Result<()> {
    for (keys, dialled) in [("", false), ("sir_contacts = \"any\"", true)] {
        let (_gateway, stage) = waiting_gateway(keys)?;
        let stranger = Gateway::open(stage.plan.network.host(3))?;
        let sia = Sia::version_1(&[stranger.address()?]);
        invite(&stage, stage.plan.gateway(), &sia.octets())?;
        if dialled {
            stranger.accept()?.register(&[])?.is(204, 501);
        } else {
            assert!(stranger.is_left_alone(QUICK)?);
        }
    }
    Ok(())
}

#[test]
fn a_request_may_come_by_post_as_well() -> anyhow::Result<()> {
    let (gateway, stage) = waiting_gateway("")?;
    let sia = Sia::version_1(&[gateway.address()?]);
    let message = crate::wire::entity_of(
        "application/vnd.wap.sia",
        &[("X-Wap-Application-Id", crate::stage::SIA)],
        &sia.octets(),
    );
    let answer = stage.connect()?.ask(crate::wire::post(&[], &message))?;
    answer.is(204, 400);
    gateway.accept()?.register(&[])?.is(204, 501);
    assert!(stage.contents()?.is_empty(), "it is no application's");
    Ok(())
}

#[test]
fn nonsense_is_ignored_and_the_next_request_followed() -> anyhow::Result<()> {
    let (gateway, stage) = waiting_gateway("")?;
    let good = Sia::version_1(&[gateway.address()?]).octets();
    for length in 0..good.len() {
        invite(
            &stage,
            stage.plan.gateway(),
            good.get(..length).unwrap_or_default(),
        )?;
    }
    for at in 1..4 {
        let mut spoilt = good.clone();
        if let Some(octet) = spoilt.get_mut(at) {
            *octet = 0xFF;
        }
        invite(&stage, stage.plan.gateway(), &spoilt)?;
    }
    invite(&stage, stage.plan.gateway(), &[0xFF; 1400])?;
    invite(&stage, stage.plan.gateway(), &good)?;
    gateway.accept()?.register(&[])?.is(204, 501);
    Ok(())
}

//= specs/ota-http.md#sir
//= type=test
//# Where a session initiation request asks for secure transport, by its port or by what is provisioned for it, TLS MUST be established on the connection.
#[test]
fn the_secure_port_in_a_request_asks_for_tls() -> anyhow::Result<()> {
    let authority = push_lab::ppg::TestAuthority::new("right")?;
    let plan = Plan::new()?.keys(LOCKOUT_OFF);
    let file = crate::stage::write(plan.directory.path(), "ca.pem", authority.pem().as_bytes())?;
    let plan = plan.keys(&format!("ca_file = \"{file}\""));
    let place = SocketAddrV4::new(plan.gateway(), crate::stage::SECURE_PUSH_PORT);
    let gateway = Gateway::open_at(place)?;
    let _plain = Gateway::open_at(SocketAddrV4::new(plan.gateway(), crate::stage::PUSH_PORT))?;
    let stage = plan
        .ppg(
            PPG_ID,
            &format!(
                "address = \"{}:4035\"\nconnect = \"when-needed\"",
                place.ip()
            ),
        )
        .start()?;
    stage.register(MMS)?;
    invite(
        &stage,
        stage.plan.gateway(),
        &Sia::version_1(&[place]).octets(),
    )?;
    let connection = gateway.accept_tcp()?;
    connection.set_read_timeout(Some(conformance::process::PATIENCE))?;
    let mut first = [0; 1];
    connection.peek(&mut first)?;
    assert_eq!(first, [22], "a TLS handshake record");
    Ok(())
}
