use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};

use push_api::EventPorts;
use push_message::ServerAddress;
use zbus::{Message, OwnedVariant, Variant};

use super::*;

/// What applications are promised.
const DOCUMENT: &str = include_str!("../../../../docs/dbus.md");

static SERVER: ServerAddress = ServerAddress::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));

/// An event with nothing that may be missing.
pub(crate) fn view(headers: &Headers) -> PushEventView<'_> {
    PushEventView {
        id: 255,
        registration_id: 7,
        push_application_id: Cow::Borrowed("x-wap-application:wml.ua"),
        application_id: None,
        content_type: "text/plain",
        parameters: headers,
        content: b"hello",
        headers,
        protocol: "OTA-WSP",
        bearer: "IP",
        server: &SERVER,
        server_names: &[],
        originator: None,
        device: None,
        ports: EventPorts::default(),
        received_at: 1_700_000_000_000,
        attempt: 1,
        authenticated: false,
        trusted: false,
    }
}

/// The map as a receiver sees it.
fn received(view: PushEventView<'_>, inline: usize) -> BTreeMap<String, OwnedVariant> {
    let map = event_map(view, inline).unwrap();
    let message = Message::signal("/", "org.example.Test", "Test");
    let message = message.build(&map).unwrap();
    message.body().deserialize().unwrap()
}

/// The names and types of the table in the document.
fn documented() -> BTreeMap<String, String> {
    let (_, table) = DOCUMENT.split_once("An event is a map:").unwrap();
    let is_row = |line: &&str| line.starts_with("| `");
    let rows = table.lines().skip_while(|line| !is_row(line));
    let mut members = BTreeMap::new();
    for row in rows.take_while(is_row) {
        let cells: Vec<_> = row.split('|').collect();
        let words = |cell: &str| {
            let words = cell.split('`').skip(1).step_by(2).map(str::to_owned);
            words.collect::<Vec<_>>()
        };
        let (names, types) = (words(cells[1]), words(cells[2]));
        for (index, name) in names.into_iter().enumerate() {
            let of_all = types.last().unwrap();
            members.insert(name, types.get(index).unwrap_or(of_all).clone());
        }
    }
    members
}

fn text<'a>(map: &'a BTreeMap<String, OwnedVariant>, name: &str) -> &'a str {
    let Variant::Str(text) = &*map[name] else {
        panic!("{name}: {map:?}");
    };
    text.as_str()
}

#[test]
fn each_member_has_the_name_and_the_type_that_are_documented() {
    let headers: Headers = [
        ("Content-Location", "http://a.example/"),
        ("charset", "utf-8"),
    ]
    .into_iter()
    .collect();
    let names = [Box::from("ppg.example")];
    let full = PushEventView {
        application_id: Some("urn:example:a"),
        content_type: "text/vnd.wap.sl",
        content: br#"<sl href="http://a.example/"/>"#,
        server_names: &names,
        originator: Some("+4917099999"),
        device: Some("modem0"),
        ports: EventPorts {
            dest: Some(2948),
            orig: Some(9200),
        },
        ..view(&headers)
    };
    let mut map = received(full.clone(), 64);
    map.extend(received(full, 4));
    let members = map
        .into_iter()
        .map(|(name, value)| (name, value.value_signature().to_string()));
    assert_eq!(members.collect::<BTreeMap<_, _>>(), documented());
}

#[test]
fn what_is_missing_is_left_out() {
    let none = Headers::new();
    let map = received(view(&none), 64);
    let names: BTreeSet<_> = map.keys().map(String::as_str).collect();
    let always = [
        "id",
        "registrationID",
        "pushApplicationID",
        "contentType",
        "parameters",
        "content",
        "headers",
        "protocol",
        "bearer",
        "server",
        "sender",
        "received",
        "attempt",
        "trust",
    ];
    assert_eq!(names, BTreeSet::from(always));
    assert_eq!(text(&map, "id"), "00000000000000ff");
    assert_eq!(text(&map, "sender"), text(&map, "server"));
    assert_eq!(text(&map, "trust"), "none");
}

#[test]
fn headers_keep_their_order_and_repetitions_and_parameters_their_first_value() {
    let headers: Headers = [("B", "1"), ("a", "2"), ("B", "3\0")].into_iter().collect();
    let map = received(view(&headers), 64);
    let pairs: Vec<(String, String)> = map["headers"].try_clone().unwrap().try_into().unwrap();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    // D-Bus cannot carry NUL.
    assert_eq!(pairs, [("B", "1"), ("a", "2"), ("B", "3\u{fffd}")]);
    let parameters: BTreeMap<String, String> =
        map["parameters"].try_clone().unwrap().try_into().unwrap();
    let expected = [("B", "1"), ("a", "2")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(parameters, BTreeMap::from(expected));
}

#[test]
fn content_above_the_bound_goes_by_a_descriptor_that_nobody_can_write_to() {
    let none = Headers::new();
    let bound = 64 * 1024_usize;
    let content: Vec<u8> = (0..=bound).map(|at| at.to_le_bytes()[0]).collect();
    let sized = |octets| PushEventView {
        content: &content[..octets],
        ..view(&none)
    };
    let within = received(sized(bound), bound);
    assert!(within.contains_key("content") && !within.contains_key("contentFd"));
    assert!(!event_map(sized(bound), bound).unwrap().has_descriptor());
    let above = received(sized(bound + 1), bound);
    assert!(!above.contains_key("content"));
    let Variant::Fd(file) = &*above["contentFd"] else {
        panic!("{above:?}");
    };
    let file = std::os::fd::AsFd::as_fd(file).try_clone_to_owned().unwrap();
    let mut file = File::from(file);
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == content);
    assert!(file.write_all(b"x").is_err() && file.set_len(0).is_err());
}
