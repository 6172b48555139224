//! What wap-wire writes, tshark reads as what was meant.

use anyhow::anyhow;
use conformance::tshark::{Reading, Tshark};
use wap_wire::{
    omna,
    wsp::{
        AcceptApplication, Address, ApplicationId, EncodeOptions, SiaContent, content_type_name,
        encode_unit_push,
    },
};

use crate::{
    matrix::{APPLICATION_IDS, CONTENT_TYPES, HEADERS, PARAMETERS},
    reading::{Ours, assert_alike, comparable, plain},
};

/// Our name and tshark's: names of drafts, and one misspelt.
const OTHER_TYPES: &[(&str, &str)] = &[
    ("text/vnd.wap.wta-event", "text/vnd.wap.channel"),
    (
        "application/vnd.wap.wta-eventc",
        "application/vnd.wap.channelc",
    ),
    (
        "application/vnd.uplanet.cacheop-wbxml",
        "application/vnd.uplanet.cachop-wbxml",
    ),
];

/// A content type and headers.
type Meant<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// A datagram and what tshark reads in it.
type Read = (Vec<u8>, Reading);

/// Encodes each push, has both read it, and compares with what was meant.
fn check<'a>(meant: impl IntoIterator<Item = Meant<'a>> + Clone) -> anyhow::Result<()> {
    let Some(readings) = read(meant.clone())? else {
        return Ok(());
    };
    for ((content_type, headers), (datagram, theirs)) in meant.into_iter().zip(&readings) {
        assert!(!theirs.is_doubtful, "{theirs:?} {datagram:02x?}");
        let ours = Ours::read(datagram)?;
        assert_alike(&ours, theirs, datagram);
        assert_eq!(plain(&ours.content_type), plain(content_type));
        let meant: Vec<_> = headers
            .iter()
            .map(|(name, value)| comparable(name, value))
            .collect();
        let headers = ours.headers.iter();
        let read: Vec<_> = headers
            .map(|(name, value)| comparable(name, value))
            .collect();
        assert_eq!(read, meant, "{datagram:02x?}");
        assert_eq!(ours.body, b"content");
    }
    Ok(())
}

/// Encodes each push and has tshark read all of them; `None` if it is missing and may be skipped.
fn read<'a>(meant: impl IntoIterator<Item = Meant<'a>>) -> anyhow::Result<Option<Vec<Read>>> {
    let Some(tshark) = Tshark::find()? else {
        return Ok(None);
    };
    let mut datagrams = Vec::new();
    for (tid, (content_type, headers)) in (0..=255).cycle().zip(meant) {
        let encoded = encode_unit_push(tid, content_type, &headers, b"content");
        datagrams.push(encoded.map_err(|error| anyhow!("{error}: {content_type} {headers:?}"))?);
    }
    let readings = tshark.read_pushes(&datagrams)?;
    Ok(Some(datagrams.into_iter().zip(readings).collect()))
}

#[test]
fn tshark_reads_every_content_type_that_we_write() -> anyhow::Result<()> {
    check(
        CONTENT_TYPES
            .iter()
            .map(|content_type| (*content_type, Vec::new())),
    )
}

#[test]
fn tshark_reads_every_parameter_that_we_write() -> anyhow::Result<()> {
    check(
        PARAMETERS
            .iter()
            .map(|content_type| (*content_type, Vec::new())),
    )
}

#[test]
fn tshark_reads_every_application_id_that_we_write() -> anyhow::Result<()> {
    let headers = APPLICATION_IDS
        .iter()
        .map(|(id, _)| vec![("X-Wap-Application-Id", *id)]);
    check(headers.map(|headers| ("text/plain", headers)))
}

#[test]
fn tshark_reads_every_header_that_we_write() -> anyhow::Result<()> {
    check(HEADERS.iter().map(|header| ("text/plain", vec![*header])))
}

#[test]
fn tshark_reads_all_headers_in_one_push_that_we_write() -> anyhow::Result<()> {
    check([("application/vnd.wap.mms-message", HEADERS.to_vec())])
}

/// Each field of a request, and requests that end after each field.
#[test]
fn tshark_reads_every_session_initiation_request_that_we_write() -> anyhow::Result<()> {
    const APPLICATION: &str = "wsp.header.accept_application";
    const BEARER: &str = "wsp.address.bearer_type";
    const PORT: &str = "wsp.address.port";
    const IPV4: &str = "wsp.address.ipv4";
    const PROTOCOL: &str = "wap.sir.protocol_options";
    const TAG: &str = "wap.sir.cpi_tag";
    const URL: &str = "wap.sir.prov_url";
    let Some(tshark) = Tshark::find()? else {
        return Ok(());
    };
    let applications = [
        AcceptApplication::Id(ApplicationId::Number(4)),
        AcceptApplication::Any,
    ];
    let point = |bearer_type, port, address| Address {
        bearer_type,
        port,
        address,
    };
    let wsp = [point(Some(0x0B), Some(9201), &[198, 51, 100, 1])];
    let other = [
        point(Some(0x0A), Some(4036), &[198, 51, 100, 2]),
        point(Some(0x00), None, &[198, 51, 100, 3]),
    ];
    let with_applications = SiaContent {
        applications: &applications,
        ..SiaContent::default()
    };
    let for_wsp = SiaContent {
        wsp_contact_points: &wsp,
        ..with_applications
    };
    let for_both = SiaContent {
        contact_points: &other,
        ..for_wsp
    };
    let with_protocols = SiaContent {
        protocols: &[1, 300],
        ..for_both
    };
    let with_url = SiaContent {
        prov_url: b"http://p.ex",
        ..with_protocols
    };
    let whole = SiaContent {
        cpi_tags: &[[0xDE, 0xAD, 0xBE, 0xEF], [0, 0, 0, 7]],
        ..with_url
    };
    let fields = [
        vec![(APPLICATION, "b284"), (APPLICATION, "b280")],
        vec![(BEARER, "0b"), (PORT, "23f1"), (IPV4, "c6336401")],
        vec![
            (BEARER, "0a"),
            (PORT, "0fc4"),
            (IPV4, "c6336402"),
            (BEARER, "00"),
            (IPV4, "c6336403"),
        ],
        vec![(PROTOCOL, "01"), (PROTOCOL, "822c")],
        vec![(URL, "687474703a2f2f702e6578")],
        vec![(TAG, "deadbeef"), (TAG, "00000007")],
    ];
    let contents = [
        SiaContent::default(),
        with_applications,
        for_wsp,
        for_both,
        with_protocols,
        with_url,
        whole,
    ];
    let mut datagrams = Vec::new();
    for content in &contents {
        let body = EncodeOptions::default().sia(content)?;
        let headers = [("X-Wap-Application-Id", "x-wap-application:push.sia")];
        let datagram = encode_unit_push(7, "application/vnd.wap.sia", &headers, &body)?;
        datagrams.push(datagram);
    }
    let names = [APPLICATION, BEARER, PORT, IPV4, PROTOCOL, TAG, URL];
    let readings = tshark.read_fields(&datagrams, &names)?;
    for (count, mut reading) in readings.into_iter().enumerate() {
        // tshark shows the URL behind everything else.
        let mut meant: Vec<_> = fields.iter().take(count).flatten().copied().collect();
        meant.sort_by_key(|(name, _)| *name == URL);
        reading.sort_by_key(|(name, _)| name == URL);
        // It knows nothing of requests that end early, though it reads what is there.
        if count < fields.len() {
            reading.retain(|(name, _)| !name.starts_with("_ws."));
        }
        assert_eq!(reading, owned(&meant), "{:02x?}", datagrams[count]);
    }
    Ok(())
}

/// tshark's tables were made by other people from the same registry: each number has the same name there, or none,
/// but for those listed.
#[test]
fn tshark_names_every_registered_content_type_as_we_do() -> anyhow::Result<()> {
    let names: Vec<&str> = (0..0x400).filter_map(content_type_name).collect();
    assert!(names.len() > 90, "{}", names.len());
    let cases = names.iter().map(|name| (*name, Vec::new()));
    let Some(readings) = read(cases)? else {
        return Ok(());
    };
    let shown = readings.into_iter().map(|(_, theirs)| theirs.content_type);
    assert_eq!(differences(&names, shown), owned(OTHER_TYPES));
    Ok(())
}

/// As for content types. Of a number that takes more than one octet tshark takes the length for the number, so these are
/// left out; the tests on what Kannel writes have one.
#[test]
fn tshark_names_every_registered_application_as_we_do() -> anyhow::Result<()> {
    let names: Vec<&str> = omna::applications()
        .filter(|(number, _)| *number < 0x80)
        .map(|(_, id)| id)
        .collect();
    assert!(names.len() > 15, "{}", names.len());
    let cases = names
        .iter()
        .map(|id| ("text/plain", vec![("X-Wap-Application-Id", *id)]));
    let Some(readings) = read(cases)? else {
        return Ok(());
    };
    let shown = readings
        .into_iter()
        .map(|(_, theirs)| theirs.headers[0].value.clone());
    assert_eq!(differences(&names, shown), owned(&[]));
    Ok(())
}

/// Our name and tshark's, where it has another one.
fn differences(names: &[&str], shown: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let pairs = names.iter().map(|name| (*name).to_owned()).zip(shown);
    pairs
        .filter(|(ours, theirs)| {
            !theirs.starts_with("<Unknown") && !ours.eq_ignore_ascii_case(theirs)
        })
        .collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned()))
        .collect()
}
