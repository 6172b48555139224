//! Writes the seeds of the fuzz targets, made by this crate's own encoder, into the folder that the argument names.
//!
//! ```sh
//! cargo run -p wap-wire --example fuzz_corpus -- fuzz/corpus
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use wap_wire::wsp::AbortReason;
use wap_wire::wsp::{
    AcceptApplication, Address, Addresses, ApplicationId, Capability, ContentType, EncodeOptions,
    Encoder, HeaderForm, PartContent, ProtocolOptions, SiaContent, Status, encode_unit_push,
};
use wap_wire::wtp;

/// Every header that has a compact form, as text.
const HEADERS: [(&str, &str); 71] = [
    ("Accept", "application/vnd.wap.sic;q=0.5, text/*"),
    ("Accept-Charset", "utf-8;q=0.9, big5, *"),
    ("Accept-Encoding", "gzip;q=0.1, *"),
    ("Accept-Language", "en;q=0.7, sv, en-gb"),
    ("Accept-Ranges", "bytes"),
    ("Age", "300"),
    ("Allow", "GET, POST, LOCK"),
    ("Authorization", "Basic dXNlcjpwYXNz"),
    ("Authorization", "Digest username=\"a\", nonce=\"b\", nc=1"),
    (
        "Cache-Control",
        "no-cache, max-age=3600, private=\"Date, X-Own\", own=\"x\", own2",
    ),
    ("Connection", "close, X-Own"),
    ("Content-Base", "http://a.example/"),
    ("Content-Encoding", "gzip, own"),
    ("Content-Language", "en"),
    ("Content-Length", "70000"),
    ("Content-Location", "http://a.example/b"),
    ("Content-MD5", "AAECAwQFBgcICQoLDA0ODw=="),
    ("Content-Range", "bytes 5-9/1025"),
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("Etag", "\"abc\""),
    ("Expires", "9999999999"),
    ("From", "a@example.net"),
    ("Host", "a.example"),
    ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("If-Match", "\"a\", \"b\""),
    ("If-None-Match", "*"),
    ("If-Range", "\"a\""),
    ("If-Range", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("Location", "http://a.example/"),
    ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("Max-Forwards", "10"),
    ("Pragma", "no-cache, own=\"x\""),
    ("Proxy-Authenticate", "Basic realm=\"r\""),
    ("Proxy-Authorization", "Basic OnA="),
    ("Public", "OPTIONS"),
    ("Range", "bytes=0-499"),
    ("Referer", "http://a.example/"),
    ("Retry-After", "120"),
    ("Server", "own/1.0"),
    ("Transfer-Encoding", "chunked"),
    ("Upgrade", "own/2"),
    ("User-Agent", "own/1.0"),
    ("Vary", "Accept, X-Own"),
    ("Via", "1.1 a.example"),
    ("Warning", "110 a.example \"old\""),
    (
        "WWW-Authenticate",
        "Digest realm=\"r\", nonce=\"n\", stale=true",
    ),
    ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
    ("X-Wap-Application-Id", "x-own:app"),
    ("X-Wap-Content-URI", "http://a.example/c"),
    ("X-Wap-Initiator-URI", "http://a.example/i"),
    ("Accept-Application", "*, x-wap-application:wml.ua"),
    ("Bearer-Indication", "0B"),
    ("Push-Flag", "5"),
    ("Profile", "http://a.example/p"),
    ("Profile-Diff", "0x01046A00"),
    (
        "Profile-Warning",
        "102 http://a.example/p \"Sun, 06 Nov 1994 08:49:37 GMT\"",
    ),
    ("Expect", "100-continue"),
    ("TE", "trailers, gzip;q=0.5"),
    ("Trailer", "Etag"),
    ("X-Wap-Tod", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("Content-ID", "\"<a@example.net>\""),
    (
        "Set-Cookie",
        "a=b; Version=1; Path=\"/\"; Domain=example.net; Max-Age=60; Secure",
    ),
    (
        "Cookie",
        "$Version=1; a=b; $Path=/; $Domain=example.net; c=d",
    ),
    ("Encoding-Version", "10 1.3"),
    (
        "Content-Disposition",
        "attachment; filename=\"a b.txt\"; size=300",
    ),
    ("X-WAP-Security", "close-subordinate"),
    ("X-Wap-Loc-Invocation", "0x010203"),
    ("X-Wap-Loc-Delivery", "0x010203"),
    ("X-Own", "any text"),
];

const CONTENT_TYPES: [&str; 8] = [
    "text/plain",
    "application/vnd.omaloc-supl-init",
    "application/x-own; own=1; text=\"a b\"; none",
    "application/vnd.wap.connectivity-wbxml; SEC=1; MAC=0123456789ABCDEF",
    "application/vnd.wap.multipart.related; type=\"text/html\"; start=\"<a>\"; start-info=x",
    "text/html; level=4.1; charset=big5; differences=Etag; padding=7",
    "text/plain; name=\"a.txt\"; creation-date=\"Sun, 06 Nov 1994 08:49:37 GMT\"; size=70000",
    "application/vnd.wap.sic; charset=utf-8",
];

/// One document of each type, and one with all that none of them has.
const DOCUMENTS: [&[u8]; 7] = [
    b"\x02\x05\x6A\x00\x45\xC6\x0D\x03a.example\x00\x85\x03b\x00\x0A\xC3\x04\x20\x26\x01\x02\x08\x01\x03Hi \x00\x02\x81\x20\x01\x01",
    b"\x03\x06\x6A\x00\x85\x09\x03a.example/\x00\x05\x01",
    b"\x01\x07\x6A\x00\x45\x86\x07\x03a.example\x00\x85\x03b\x00\x01\x87\x05\x03/c\x00\x01\x01",
    b"\x03\x0D\x6A\x00\x85\x07\x03a@b.example\x00\x05\xC3\x07\x20\x26\x10\x11\x12\x13\x14\x01",
    b"\x03\x0B\x6A\x04N1\0\0\xC5\x46\x01\xC6\x55\x01\x87\x11\x06\x83\x00\x01\x87\x10\x06\xAB\x01\xC6\x5A\x01\x87\x0E\x06\x03p\0\x01\x01\x01\xC6\x00\x01\x55\x01\x87\x36\x00\x00\x06\x03w4\0\x01\x01\x01",
    b"\x03\x00\x00\x6A\x1C-//WAPFORUM//DTD SI 1.0//EN\0\x43\x12\x03x\x00\x01\x45\x06\x01",
    b"\x03\x01\x00\x04own\0\xC5\x05\x85\xC0\x40x\x00\x81\x07\x04\x00\x83\x01\x01\x44\x00\x01\x00\x03\x06\x43\x45\x01\xC1\x42y\0\xC3\x02\xFF\x00\x01",
];

/// Notifications of MMS with all headers, and with few.
const NOTIFICATIONS: [&[u8]; 3] = [
    b"\x8C\x82\x98t-1\0\x8D\x92\x89\x11\x80+4912/TYPE=PLMN\0\x96\x09\xEAGr\xC3\xBC\xC3\x9Fe\0\x8A\x80\x8E\x02\x75\x30\x88\x05\x81\x03\x01\x51\x80X-Own\0yes\0\x86\x81\x83http://a.example/1\0",
    b"\x8C\x82\x98t\0\x8D\x90\x89\x01\x81\x88\x06\x80\x04\x5F\x00\x00\x00\x8Aown\0\x96\0\x83b\0",
    b"\x8C\x82\x84\x83body",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("name the folder to write to, as fuzz/corpus")?;
    let folder = Path::new(&folder);
    let options = EncodeOptions::default();
    let text = EncodeOptions {
        header_form: HeaderForm::Text,
        ..options
    };
    for (number, header) in HEADERS.iter().enumerate() {
        write(folder, "headers", number, &options.headers(&[*header])?)?;
        write(
            folder,
            "text_header",
            number,
            format!("{}\n{}", header.0, header.1).as_bytes(),
        )?;
    }
    write(
        folder,
        "headers",
        HEADERS.len(),
        &options.headers(&HEADERS)?,
    )?;
    write(
        folder,
        "headers",
        HEADERS.len() + 1,
        &text.headers(&HEADERS)?,
    )?;
    for (number, content_type) in CONTENT_TYPES.iter().enumerate() {
        let headers = HEADERS
            .get(number * 8..number * 8 + 8)
            .ok_or("there are too few headers")?;
        let push = encode_unit_push(number.to_le_bytes()[0], content_type, headers, b"body")?;
        write(folder, "unit_push", number, &push)?;
        let mut encoder = Encoder::default();
        encoder.content_type(content_type)?;
        write(folder, "content_type", number, encoder.as_bytes())?;
        ContentType::decode(encoder.as_bytes())?;
    }
    let parts = [
        PartContent {
            content_type: "text/plain",
            headers: &[],
            body: b"one",
        },
        PartContent {
            content_type: "image/gif",
            headers: &[("Content-ID", "<a>")],
            body: &[0, 1, 2],
        },
    ];
    write(folder, "multipart", 0, &options.multipart(&parts)?)?;
    write(folder, "multipart", 1, &options.multipart(&[])?)?;
    for (number, pdu) in pdus(options)?.iter().enumerate() {
        write(folder, "pdu", number, pdu)?;
    }
    for (number, sia) in requests(options)?.iter().enumerate() {
        write(folder, "sia", number, sia)?;
    }
    for (number, datagram) in transactions()?.iter().enumerate() {
        write(folder, "wtp", number, datagram)?;
    }
    for (number, document) in DOCUMENTS.iter().enumerate() {
        write(folder, "wbxml", number, document)?;
    }
    for (number, notification) in NOTIFICATIONS.iter().enumerate() {
        write(folder, "mms", number, notification)?;
    }
    for (number, octets) in [
        &[0x00][..],
        &[0x82, 0x8F, 0x25],
        &[0x8F, 0xFF, 0xFF, 0xFF, 0x7F],
    ]
    .iter()
    .enumerate()
    {
        write(folder, "uintvar", number, octets)?;
    }
    Ok(())
}

fn pdus(options: EncodeOptions) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let address = Address {
        bearer_type: Some(0x0B),
        port: Some(9201),
        address: &[192, 0, 2, 1],
    };
    let mut aliases = Encoder::default();
    aliases.address(&address)?;
    let capabilities = [
        Capability::ClientSduSize(1400),
        Capability::ServerSduSize(0),
        Capability::ProtocolOptions(ProtocolOptions(0xF0)),
        Capability::MethodMor(1),
        Capability::PushMor(4),
        Capability::ExtendedMethods(b"\x50LOCK\0"),
        Capability::HeaderCodePages(b"\x10x-own\0"),
        Capability::Aliases(Addresses::new(aliases.as_bytes())),
        Capability::ClientMessageSize(65_536),
        Capability::ServerMessageSize(1400),
    ];
    let headers = [("Accept-Application", "*"), ("Encoding-Version", "1.3")];
    Ok(vec![
        options.connect(&capabilities, &headers)?,
        options.connect_reply(300, &capabilities, &headers)?,
        options.redirect(0x40, &[address])?,
        options.reply(Status::OK, "text/plain", &headers, b"body")?,
        options.disconnect(300),
        options.push(true, "text/plain", &headers, b"body")?,
        options.suspend(300),
        options.resume(300, &headers)?,
    ])
}

/// Each PDU of WTP, all items, and PDUs put together.
fn transactions() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    use wtp::{ErrorItem, ItemValue, OptionItem, Pdu, Trailer};
    let items = [
        ItemValue::Error(ErrorItem::Unknown { identity: 9 }),
        ItemValue::Error(ErrorItem::UnknownContent {
            identity: 2,
            first: 0,
        }),
        ItemValue::Info(b"info"),
        ItemValue::Option(OptionItem::MaximumReceiveUnit(1400)),
        ItemValue::Option(OptionItem::NoCachedTid),
        ItemValue::Option(OptionItem::NumGroups(1)),
        ItemValue::PacketSequenceNumber(255),
        ItemValue::SduBoundary,
        ItemValue::FrameBoundary,
    ];
    let octets = wtp::encode_items(items)?;
    let number = wtp::encode_items([ItemValue::PacketSequenceNumber(2)])?;
    let segment = wtp::Segment {
        trailer: Trailer::Group,
        retransmitted: true,
        tid: 0x8001,
        number: 2,
        items: wtp::Items::NONE,
        data: b"more",
    };
    let pdus = [
        Pdu::Invoke(wtp::Invoke {
            trailer: Trailer::Unsegmented,
            retransmitted: false,
            tid: 1,
            version: 0,
            tid_new: true,
            user_acknowledgement: true,
            class: 1,
            items: wtp::Items::decode(&octets)?,
            data: b"\x07\x01\x83push",
        }),
        Pdu::Result(wtp::ResultPdu {
            trailer: Trailer::None,
            retransmitted: false,
            tid: 0x8001,
            items: wtp::Items::NONE,
            data: b"\x02\x01\x00\x00",
        }),
        Pdu::Ack(wtp::Ack {
            verify: true,
            retransmitted: false,
            tid: 0x8001,
            items: wtp::Items::decode(&number)?,
        }),
        Pdu::Abort(wtp::Abort {
            abort_type: wtp::AbortType::User(AbortReason::USERDCU),
            tid: 0x8001,
            items: wtp::Items::NONE,
        }),
        Pdu::SegmentedInvoke(segment),
        Pdu::SegmentedResult(segment),
        Pdu::NegativeAck(wtp::NegativeAck {
            retransmitted: false,
            tid: 1,
            missing: &[1, 3],
            items: wtp::Items::NONE,
        }),
    ];
    let mut datagrams = pdus
        .iter()
        .map(Pdu::encode)
        .collect::<Result<Vec<_>, _>>()?;
    let long = [0x0E; 200];
    let parts: Vec<&[u8]> = datagrams
        .iter()
        .map(Vec::as_slice)
        .chain([&long[..]])
        .collect();
    let together = wtp::concatenate(parts)?;
    datagrams.push(together);
    Ok(datagrams)
}

/// Session initiation requests: versions 0, 1 and 9, whole and cut short, and lists of applications without headers.
fn requests(options: EncodeOptions) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let address = |bearer_type, port, address| Address {
        bearer_type,
        port,
        address,
    };
    let wsp = [address(Some(0x0B), Some(9201), &[192, 0, 2, 1])];
    let other = [
        address(Some(0x0A), Some(4036), &[192, 0, 2, 2]),
        address(None, None, &[198, 51, 100, 3]),
        address(Some(0x03), None, b"\x94\x71\x00\x99"),
        address(Some(0x01), Some(4035), &[0x20; 16]),
    ];
    let applications = [
        AcceptApplication::Id(ApplicationId::Number(2)),
        AcceptApplication::Id(ApplicationId::Number(0x9001)),
        AcceptApplication::Id(ApplicationId::from_text("x-own:app".into())),
        AcceptApplication::Any,
    ];
    let whole = SiaContent {
        applications: &applications,
        wsp_contact_points: &wsp,
        contact_points: &other,
        protocols: &[0, 1, 300, 1],
        prov_url: b"http://a.example/p",
        cpi_tags: &[[1, 2, 3, 4], [0xFF; 4]],
        ..SiaContent::default()
    };
    let later = [
        options.sia(&SiaContent {
            version: 9,
            ..whole
        })?,
        b"unknown".to_vec(),
    ];
    Ok(vec![
        options.sia(&whole)?,
        options.sia(&SiaContent {
            version: 0,
            ..whole
        })?,
        later.concat(),
        options.sia(&SiaContent {
            prov_url: &[0xAA, 0xBB],
            cpi_tags: &[],
            ..whole
        })?,
        options.sia(&SiaContent::default())?,
        options.sia(&SiaContent {
            contact_points: &other[..1],
            ..SiaContent::default()
        })?,
        b"\x00\x03\x84\x87\x80\x06\x44\x23\xF1\xC0\x00\x02\x01".to_vec(),
        b"\x00\x0Cx-own:app\0\x02\x90\x01\x00".to_vec(),
        b"\x01\x0232\x00".to_vec(),
        b"\x01\x17Accept-Application\0x-a\0".to_vec(),
    ])
}

fn write(folder: &Path, target: &str, number: usize, octets: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder.join(target))?;
    fs::write(
        folder.join(target).join(format!("seed-{number:02}")),
        octets,
    )
}
