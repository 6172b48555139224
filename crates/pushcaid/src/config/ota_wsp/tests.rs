use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use push_client::http::{Host, PpgId};
use push_client::session::SessionSettings;
use push_client::sessions::{ContactPoint, SessionGateway, Start};
use push_client::wtp;

use super::*;
use crate::config::Config;

/// Every key with a value that is not its default.
const EVERY_KEY: &str = r#"
[ota_wsp]
listen = ["127.0.0.1:2948", "127.0.0.1:9209", "127.0.0.1:9000"]
also_standard = [9000]
max_own_ports = 3
receive_buffer = "64 KiB"
max_datagram = "8 KiB"
max_headers_length = "4 KiB"
max_headers = 32
sessions = true
bearer = "gsm-gprs"
encoding_version = "1.4"
charsets = ["utf-8", "iso-8859-1"]
languages = ["en"]
user_agent = "Terminal"
offer_push = false
offer_confirmed_push = true
offer_resume = false
unnegotiated_pushes = false
max_message_length = "32 KiB"
max_confirmed_pushes = 2
max_connect_length = "1 KiB"
connect_timeout = "11s"
resume_timeout = "12s"
announce_patience = "13s"
backoff_base = "3s"
backoff_limit = "1m"
invited_attempts = 9
idle_timeout = "14s"
end_on_last = false
linger = "16s"
shutdown_timeout = "1s"
max_sessions = 5
max_sessions_per_gateway = 2
max_pushes = 6
max_push_octets = "1 MiB"
unanswered_window = "17s"
max_unanswered = 8
max_redirects = 1
max_redirect_addresses = 3
max_announcements = 7
wtp_retry_interval = "6s"
wtp_max_retransmissions = 3
wtp_acknowledgement_interval = "2s"
wtp_max_acknowledgement_expirations = 4
wtp_wait_timeout = "30s"
wtp_peer_patience = "31s"
wtp_verification = "never"
wtp_max_datagram = 1200
wtp_max_packets = 99
wtp_max_held = "512 KiB"
wtp_max_transactions = 33

[[ota_wsp.ppg]]
id = "one"
address = "192.0.2.7"
addresses = ["192.0.2.8", "2001:db8::8"]
start = "registration"
bearer = 0

[[ota_wsp.ppg]]
id = "two"
address = "ppg.example.net:9301"
start = "always"
"#;

fn settings(text: &str) -> OtaWspSettings {
    Config::parse("f", text).unwrap().wiring().unwrap().ota_wsp
}

#[test]
fn every_key_is_given_a_value_of_its_own_by_the_tests() {
    let given: toml::Table = EVERY_KEY.parse().unwrap();
    let given = given["ota_wsp"].as_table().unwrap();
    let default = toml::Table::try_from(OtaWsp::default()).unwrap();
    for key in OtaWsp::SECTION.keys {
        assert!(given.contains_key(key.name), "{}", key.name);
        // The one whose pair has to hold when it does not.
        if key.name != "offer_confirmed_push" {
            assert_ne!(given.get(key.name), default.get(key.name), "{}", key.name);
        }
    }
    let gateways = given["ppg"].as_array().unwrap();
    for key in SessionPpg::SECTION.keys {
        assert!(gateways[0].get(key.name).is_some(), "{}", key.name);
    }
}

#[test]
fn every_key_reaches_the_driver_and_its_sessions() {
    let expected = OtaWspSettings {
        listen: [2948, 9209, 9000]
            .map(|port| ([127, 0, 0, 1], port).into())
            .into(),
        also_standard: BTreeSet::from([9000]),
        max_own_ports: 3,
        sessions: Some(sessions()),
        stop_timeout: Duration::from_secs(1),
    };
    assert_eq!(settings(EVERY_KEY), expected);
    let client = Config::parse("f", EVERY_KEY)
        .unwrap()
        .wiring()
        .unwrap()
        .client;
    assert_eq!(client.receive_buffer, 64 << 10);
    assert_eq!(client.datagram_limits.datagram_length, 8 << 10);
    assert_eq!(client.datagram_limits.headers_length, 4 << 10);
    assert_eq!(client.datagram_limits.headers, 32);
}

/// A session has one peer, for which nothing is left over by the bounds of the others.
#[test]
fn without_keys_transactions_are_those_of_the_library() {
    let sessions = settings("[ota_wsp]\nsessions = true").sessions.unwrap();
    let defaults = SessionsSettings::default();
    assert_eq!(sessions.wtp, defaults.wtp);
    assert_eq!(
        sessions.wtp.max_transactions_of_peer,
        sessions.wtp.max_transactions
    );
    assert_eq!(sessions.wtp.max_held_of_peer, sessions.wtp.max_held);
}

fn sessions() -> SessionsSettings {
    let mut sessions = SessionsSettings {
        gateways: gateways(),
        session: session(),
        wtp: wtp(),
        connect_timeout: Duration::from_secs(11),
        resume_timeout: Duration::from_secs(12),
        announce_patience: Duration::from_secs(13),
        backoff_base: Duration::from_secs(3),
        backoff_limit: Duration::from_mins(1),
        invited_attempts: 9,
        idle: Duration::from_secs(14),
        end_on_last: false,
        linger: Duration::from_secs(16),
        max_sessions: 5,
        max_sessions_per_gateway: 2,
        max_pushes: 6,
        max_push_octets: 1 << 20,
        unanswered_window: Duration::from_secs(17),
        max_unanswered: 8,
        max_redirects: 1,
        max_redirect_addresses: 3,
        max_announcements: 7,
        ..SessionsSettings::default()
    };
    sessions.push_limits.datagram_length = 32 << 10;
    sessions.push_limits.headers_length = 4 << 10;
    sessions.push_limits.headers = 32;
    sessions
}

fn wtp() -> wtp::Settings {
    let mut wtp = wtp::Settings {
        max_datagram: 1200,
        max_packets: 99,
        max_held: 512 << 10,
        max_held_of_peer: 512 << 10,
        max_transactions: 33,
        max_transactions_of_peer: 33,
        verification: wtp::Verification::Never,
        peer_patience: Duration::from_secs(31),
        ..wtp::Settings::default()
    };
    wtp.timers.retry_base = Duration::from_secs(6);
    wtp.timers.max_retransmissions = 3;
    wtp.timers.acknowledgement_short_user = Duration::from_secs(2);
    wtp.timers.max_acknowledgement_expirations = 4;
    wtp.timers.wait_timeout = Duration::from_secs(30);
    wtp
}

fn session() -> SessionSettings {
    SessionSettings {
        push: false,
        confirmed_push: true,
        session_resume: false,
        unnegotiated_pushes: false,
        client_sdu_size: 32 << 10,
        client_message_size: 32 << 10,
        push_mor: 2,
        accept_charset: vec!["utf-8".into(), "iso-8859-1".into()],
        accept_language: vec!["en".into()],
        user_agent: Some("Terminal".into()),
        encoding_version: (1, 4),
        bearer: 0x0B,
        max_connect: 1 << 10,
        ..SessionSettings::default()
    }
}

fn gateways() -> Vec<SessionGateway> {
    let gateway = |id: &str, host, port, start| SessionGateway {
        id: PpgId(id.into()),
        contact: ContactPoint { host, port },
        addresses: Vec::new(),
        start,
        bearer: None,
    };
    let address = Host::Ip(IpAddr::from([192, 0, 2, 7]));
    let name = Host::Name("ppg.example.net".into());
    let one = SessionGateway {
        addresses: ["192.0.2.8", "2001:db8::8"]
            .map(|address| address.parse().unwrap())
            .into(),
        bearer: Some(0),
        ..gateway("one", address, 9201, Start::Registration)
    };
    vec![one, gateway("two", name, 9301, Start::Always)]
}

#[test]
fn there_are_sessions_where_they_are_asked_for_or_a_gateway_is_listed() {
    assert_eq!(settings("").sessions, None);
    assert_eq!(settings("").also_standard, BTreeSet::from([9209]));
    let asked_for = settings("[ota_wsp]\nsessions = true").sessions.unwrap();
    assert_eq!(asked_for.gateways, []);
    let listed = "[[ota_wsp.ppg]]\nid = \"one\"\naddress = \"192.0.2.7\"";
    let listed = settings(listed).sessions.unwrap();
    assert_eq!(listed.gateways[0].start, Start::Request);
    assert_eq!(listed.gateways[0].contact.port, 9201);
}

#[test]
fn what_has_no_session_to_be_for_is_not_checked() {
    let text = "[ota_wsp]\nannounce_patience = \"1h\"\nmax_pushes = 0";
    assert_eq!(settings(text).sessions, None);
}

#[test]
fn mistakes_are_named_with_what_would_work() {
    let cases = [
        (
            "sesions = true",
            "unknown key `sesions` in [ota_wsp]; did you mean `sessions`?",
        ),
        (
            "sir_sources = []",
            "unknown key `sir_sources` in [ota_wsp]; it stands in [ota_http]",
        ),
        ("also_standard = [0]", "0 is no port"),
        ("also_standard = [65536]", "invalid value: integer `65536`"),
        ("max_message_length = 1399", "a server may send 1400 octets"),
        (
            "offer_push = false\noffer_confirmed_push = false",
            "a push session needs offer_push",
        ),
        (
            "encoding_version = \"0.9\"",
            "WSP knows versions from 1.0 to 7.14",
        ),
        (
            "encoding_version = \"1.15\"",
            "WSP knows versions from 1.0 to 7.14",
        ),
        (
            "announce_patience = \"20s\"",
            "20s is no less than [applications] announce_timeout, 20s",
        ),
        ("connect_timeout = 0", "at least 1 ms is taken"),
        ("backoff_base = 0", "at least 1 ms is taken"),
        ("max_sessions = 0", "at least 1 is taken"),
        ("max_confirmed_pushes = 0", "at least 1 is taken"),
        (
            "max_push_octets = \"1 KiB\"",
            "a push of max_message_length, 65535, has to fit in",
        ),
        ("bearer = \"GSM\"", "a bearer: a number"),
        ("wtp_max_datagram = 63", "64 octets are the least"),
        ("wtp_max_packets = 257", "from 1 to 256 are taken"),
        ("wtp_max_held = 1400", "has to fit in"),
        ("wtp_retry_interval = 0", "at least 1 ms is taken"),
        ("wtp_verification = \"often\"", "unknown variant `often`"),
    ];
    for (keys, expected) in cases {
        let text = format!("[ota_wsp]\nsessions = true\n{keys}");
        let error = Config::parse("f", &text).unwrap_err().to_string();
        assert!(error.contains(expected), "{keys}: {error}");
        assert!(error.starts_with("f:"), "{error}");
    }
}

#[test]
fn mistakes_in_gateways_are_named_with_what_would_work() {
    let cases = [
        (
            "address = \"192.0.2.7\"",
            "number 1, id: a gateway needs an id",
        ),
        (
            "id = \"one\"",
            "number 1, address: a gateway needs an address",
        ),
        (
            "id = \"one two\"\naddress = \"a\"",
            "printable ASCII characters",
        ),
        (
            "id = \"one\"\naddress = \"192.0.2\"",
            "is neither an address nor a host name",
        ),
        (
            "id = \"one\"\naddress = \"a:9203\"",
            "port 9203 is one of WTLS",
        ),
        (
            "id = \"one\"\naddress = \"a:9202\"",
            "the port of sessions without it is 9201",
        ),
        (
            "id = \"one\"\naddress = \"a\"\nstart = \"never\"",
            "unknown variant `never`",
        ),
        (
            "id = \"one\"\naddress = \"a\"\nstrat = \"always\"",
            "did you mean `start`?",
        ),
        (
            "id = \"one\"\naddress = \"a\"\n[[ota_wsp.ppg]]\nid = \"one\"\naddress = \"b\"",
            "number 2, id: `one` is the id of a gateway before this one",
        ),
    ];
    for (keys, expected) in cases {
        let text = format!("[[ota_wsp.ppg]]\n{keys}");
        let error = Config::parse("f", &text).unwrap_err().to_string();
        assert!(error.contains(expected), "{keys}: {error}");
    }
}
