use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use push_client::TlsFiles;
use push_client::http::Host;
use push_client::sip::{AcceptFrom, OtherInstances, Transport};

use super::*;
use crate::config::Config;

/// Every key with a value that is not its default; `DIR` is where the files are.
const EVERY_KEY: &str = r#"
[applications]
announce_timeout = "30s"
[ota_sip]
registrar = "sip:ims.example.net"
user = "sip:alice%40home@ims.example.net"
auth_user = "alice private"
password_file = "DIR/password"
outbound = "sips:proxy.example.net"
psa = ["sip:psa@ims.example.net", "sip:other.example.net"]
listen = "127.0.0.1:5060"
msrp_listen = "127.0.0.1:2855"
msrp_address = "192.0.2.20:2856"
ca_file = "DIR/ca.pem"
certificate_file = "DIR/terminal.pem"
key_file = "DIR/terminal.key"
instance_id = "URN:UUID:00000000-0000-4000-8000-0000000000AB"
user_agent = "push-client/OMA1.0 vendor/model"
expires = "10m"
grace = "11s"
announce_patience = "21s"
backoff_base = "3s"
backoff_limit = "1m"
preferred_identity = false
psa_must_echo = false
max_announcements = 7
max_datagram = 1400
keep_alive = "25s"
max_challenges = 2
accept_from = "anyone"
core_addresses = ["192.0.2.8", "2001:db8::8"]
trust_core = true
stored_status = 200
silent_refusal = true
ambiguous = "first"
other_instances = "ignore"
unpack_envelope = true
max_content = "32 KiB"
max_headers = 64
retry_after = "9s"
t1 = "400ms"
t2 = "3s"
t4 = "6s"
max_unanswered = 100
max_answered = 200
max_answered_octets = "1 MiB"
max_requests = 30
max_message = "48 KiB"
large_pushes = true
max_large_content = "2 MiB"
max_large_octets = "4 MiB"
max_sessions = 5
session_idle_timeout = "12s"
session_timeout = "2m"
max_unbound = 6
connect_anywhere = true
receive_buffer = "64 KiB"
send_buffer = "32 KiB"
max_connections = 8
max_connections_per_address = 4
idle_timeout = "1m"
dial_timeout = "4s"
handshake_timeout = "6s"
write_timeout = "13s"
max_unsent = "128 KiB"
keep_alive_interval = "14s"
shutdown_timeout = "1s"
"#;

const LEAST: &str =
    "[ota_sip]\nregistrar = \"sip:ims.example.net\"\nuser = \"sip:alice@ims.example.net\"\n";

fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("password", "open sesame\n"),
        ("ca.pem", ""),
        ("terminal.pem", ""),
        ("terminal.key", ""),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

fn every_key(directory: &Path) -> Config {
    let text = EVERY_KEY.replace("DIR", directory.to_str().unwrap());
    Config::parse("f", &text).unwrap()
}

fn wired(text: &str) -> SipWiring {
    let config = Config::parse("f", text).unwrap();
    config.wiring().unwrap().ota_sip.unwrap()
}

#[test]
fn every_key_is_read() {
    let directory = files();
    let config = every_key(directory.path());
    let given = toml::Table::try_from(&config.ota_sip).unwrap();
    let defaults = toml::Table::try_from(OtaSip::default()).unwrap();
    for key in OtaSip::SECTION.keys {
        // Large pushes have to be on for what else is said of them.
        if key.name != "large_pushes" {
            assert_ne!(given.get(key.name), defaults.get(key.name), "{}", key.name);
        }
    }
    let printed = config.print().unwrap();
    assert_eq!(Config::parse("printed", &printed), Ok(config));
}

#[test]
fn every_key_reaches_the_part_that_it_is_for() {
    let directory = files();
    let wiring = every_key(directory.path()).wiring().unwrap();
    let SipWiring { settings, instance } = wiring.ota_sip.unwrap();
    assert_eq!(instance, Instance::Given);
    let account = &settings.agent.account;
    assert_eq!(&*account.user, "sip:alice%40home@ims.example.net");
    assert_eq!(&*account.auth_user, "alice private");
    assert_eq!(&*account.password, "open sesame");
    assert_eq!(&*account.registrar, "sip:ims.example.net");
    assert_eq!(
        account.outbound.as_deref(),
        Some("sips:proxy.example.net;lr")
    );
    assert_eq!(account.transport, Transport::Tls);
    assert_eq!(account.host, Host::Name("proxy.example.net".into()));
    assert_eq!(account.port, 5061);
    assert_eq!(
        &*account.instance,
        "urn:uuid:00000000-0000-4000-8000-0000000000ab"
    );
    assert_eq!(&*account.user_agent, "push-client/OMA1.0 vendor/model");
    assert_eq!(
        settings.agent.push_sender_agents,
        [
            "sip:psa@ims.example.net".into(),
            "sip:other.example.net".into()
        ]
    );
    assert_eq!(settings.agent.registration, registration());
    assert_eq!(settings.agent.serving, serving());
    assert_eq!(settings.agent.transactions, transactions());
    assert_eq!(settings.agent.sessions, large_pushes());
    assert_eq!(settings.listen, Some(([127, 0, 0, 1], 5060).into()));
    assert_eq!(settings.msrp_listen, Some(([127, 0, 0, 1], 2855).into()));
    assert_eq!(settings.ambiguous, Ambiguous::First);
    let at = |name| Some(directory.path().join(name));
    let tls = TlsFiles {
        ca: at("ca.pem"),
        certificate: at("terminal.pem"),
        key: at("terminal.key"),
    };
    assert_eq!(settings.tls, tls);
    assert_eq!(settings.receive_buffer, 64 << 10);
    assert_eq!(settings.send_buffer, 32 << 10);
    assert_eq!(settings.stop_timeout, Duration::from_secs(1));
    assert_eq!(
        settings.connections,
        SipConnectionSettings {
            max_connections: 8,
            max_connections_per_address: 4,
            idle_timeout: Duration::from_mins(1),
            dial_timeout: Duration::from_secs(4),
            handshake_timeout: Duration::from_secs(6),
            write_timeout: Duration::from_secs(13),
            max_unsent: 128 << 10,
            keep_alive_interval: Duration::from_secs(14),
        }
    );
}

fn registration() -> RegistrationSettings {
    RegistrationSettings {
        expires: Duration::from_mins(10),
        grace: Duration::from_secs(11),
        announce_patience: Duration::from_secs(21),
        backoff_base: Duration::from_secs(3),
        backoff_limit: Duration::from_mins(1),
        preferred_identity: false,
        psa_must_echo: false,
        max_announcements: 7,
        max_datagram: 1_400,
        keep_alive: Duration::from_secs(25),
        max_challenges: 2,
    }
}

fn serving() -> ServingSettings {
    ServingSettings {
        accept_from: AcceptFrom::Anyone,
        core_addresses: ["192.0.2.8", "2001:db8::8"]
            .map(|address| address.parse().unwrap())
            .into(),
        trust_core: true,
        stored_status: 200,
        silent_refusal: true,
        other_instances: OtherInstances::Ignore,
        unpack_envelope: true,
        max_content: 32 << 10,
        max_headers: 64,
        retry_after: 9,
    }
}

fn transactions() -> TransactionSettings {
    TransactionSettings {
        t1: Duration::from_millis(400),
        t2: Duration::from_secs(3),
        t4: Duration::from_secs(6),
        max_unanswered: 100,
        max_answered: 200,
        max_answered_octets: 1 << 20,
        max_requests: 30,
        max_message: 48 << 10,
    }
}

fn large_pushes() -> LargePushSettings {
    LargePushSettings {
        enabled: true,
        listening: Some(([192, 0, 2, 20], 2856).into()),
        max_content: 2 << 20,
        max_octets: 4 << 20,
        max_sessions: 5,
        idle_timeout: Duration::from_secs(12),
        timeout: Duration::from_mins(2),
        max_unbound: 6,
        connect_anywhere: true,
    }
}

#[test]
fn registrar_and_user_are_enough() {
    let SipWiring { settings, instance } = wired(&format!("state_dir = \"/x\"\n{LEAST}"));
    assert_eq!(instance, Instance::Kept("/x/sip-instance".into()));
    let account = settings.agent.account;
    assert_eq!(&*account.auth_user, "alice");
    assert_eq!(&*account.password, "");
    assert_eq!(account.outbound, None);
    assert_eq!(
        (account.transport, account.port),
        (Transport::Udp, 5060),
        "the registrar is dialled itself"
    );
    assert_eq!(account.host, Host::Name("ims.example.net".into()));
    assert_eq!(&*account.instance, "");
    let user_agent = format!("push-client/OMA1.0 pushcai/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(*account.user_agent, *user_agent);
    assert_eq!(settings.agent.registration, RegistrationSettings::default());
    assert_eq!(settings.agent.serving, ServingSettings::default());
    assert_eq!(settings.agent.transactions, TransactionSettings::default());
    assert_eq!(settings.agent.sessions, LargePushSettings::default());
    assert_eq!(settings.connections, SipConnectionSettings::default());
    assert_eq!(settings.ambiguous, Ambiguous::Refuse);
}

#[test]
fn without_a_store_the_instance_is_made_at_each_start() {
    let text = format!("{LEAST}[store]\ndurability = \"none\"");
    assert_eq!(wired(&text).instance, Instance::Anew);
}

#[test]
fn without_the_section_there_is_no_push_over_sip() {
    for text in ["", "[ota_sip]"] {
        let wiring = Config::parse("f", text).unwrap().wiring().unwrap();
        assert!(wiring.ota_sip.is_none(), "{text}");
    }
}

#[test]
fn the_way_to_the_core_comes_from_the_outbound_uri() {
    for (outbound, transport, port) in [
        ("sip:192.0.2.9", Transport::Udp, 5060),
        ("sip:192.0.2.9:5070;transport=udp", Transport::Udp, 5070),
        ("sip:192.0.2.9;transport=tcp", Transport::Tcp, 5060),
    ] {
        let account = wired(&format!("{LEAST}outbound = \"{outbound}\""))
            .settings
            .agent
            .account;
        assert_eq!((account.transport, account.port), (transport, port));
        assert_eq!(account.host, Host::Ip([192, 0, 2, 9].into()));
        let route = format!("{outbound};lr");
        assert_eq!(account.outbound.as_deref(), Some(route.as_str()));
    }
}

#[test]
fn passwords_are_not_printed() {
    let directory = files();
    let wiring = every_key(directory.path()).wiring().unwrap();
    let printed = format!("{:?}", wiring.ota_sip);
    for secret in ["sesame", "alice", "private"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn mistakes_are_named_with_what_would_work() {
    let cases = [
        (
            "outbond = \"sip:a\"",
            "unknown key `outbond` in [ota_sip]; did you mean `outbound`?",
        ),
        (
            "ambigous = \"first\"",
            "unknown key `ambigous` in [ota_sip]; did you mean `ambiguous`?",
        ),
        (
            "max_mesage = 1",
            "unknown key `max_mesage` in [ota_sip]; did you mean `max_message`?",
        ),
        ("outbound = \"192.0.2.9\"", "is no SIP URI"),
        (
            "outbound = \"sip:a@192.0.2.9\"",
            "a proxy is a host, without a user",
        ),
        (
            "outbound = \"sip:192.0.2.9;transport=ws\"",
            "udp, tcp and tls are",
        ),
        (
            "outbound = \"sips:192.0.2.9\"",
            "the core is reached over TLS, which needs ca_file",
        ),
        (
            "ca_file = \"/nowhere/ca.pem\"",
            "certificates are for TLS, and the core is reached without",
        ),
        (
            "outbound = \"sips:a\"\nca_file = \"/nowhere/ca.pem\"",
            "/nowhere/ca.pem cannot be read",
        ),
        (
            "certificate_file = \"/nowhere/c.pem\"",
            "a certificate needs key_file",
        ),
        (
            "key_file = \"/nowhere/c.key\"",
            "a key needs certificate_file",
        ),
        (
            "password_file = \"/nowhere/password\"",
            "/nowhere/password cannot be read",
        ),
        ("auth_user = \"\"", "leave the key out for the user part"),
        ("psa = [\"psa\"]", "is no SIP URI"),
        (
            "psa = [\"sip:psa@a\", \"sip:psa@a\"]",
            "`sip:psa@a` stands there twice",
        ),
        (
            "instance_id = \"urn:uuid:1\"",
            "`urn:uuid:1` is no UUID as a URN",
        ),
        ("user_agent = \"a\\nb\"", "one line of printable ASCII"),
        ("expires = \"59s\"", "at least 60 s are taken"),
        ("expires = \"60500ms\"", "is no whole number of seconds"),
        ("retry_after = \"500ms\"", "is no whole number of seconds"),
        ("retry_after = 0", "at least 1 ms is taken"),
        (
            "announce_patience = \"20s\"",
            "20s is no less than [applications] announce_timeout, 20s",
        ),
        ("stored_status = 486", "is answered 200 or 202"),
        ("accept_from = \"core-only\"", "unknown variant `core-only`"),
        ("ambiguous = \"last\"", "unknown variant `last`"),
        ("t1 = \"5s\"", "4s is less than t1, 5s"),
        ("max_datagram = 511", "from 512 to 65507 octets are taken"),
        ("max_message = 1023", "at least 1024 octets are taken"),
        (
            "max_content = \"1 MiB\"",
            "1 MiB is more than a whole message may have (max_message), 128 KiB",
        ),
        (
            "max_large_content = \"9 MiB\"",
            "9 MiB is more than all large pushes together may have (max_large_octets), 8 MiB",
        ),
        (
            "large_pushes = false\nmsrp_listen = \"127.0.0.1:0\"",
            "large pushes are off",
        ),
        (
            "msrp_address = \"192.0.2.20:2855\"",
            "nothing listens for large pushes",
        ),
        ("t4 = 0", "at least 1 ms is taken"),
        ("max_sessions = 0", "at least 1 is taken"),
        ("max_challenges = 0", "at least 1 is taken"),
        ("listen = \"5060\"", "this is no address with a port"),
    ];
    for (keys, expected) in cases {
        let error = Config::parse("f", &format!("{LEAST}{keys}"));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{keys}: {error}");
        assert!(error.starts_with("f:"), "{error}");
    }
}

#[test]
fn mistakes_in_what_is_needed_are_named() {
    let cases = [
        ("user = \"sip:alice@a\"", "push over SIP needs a registrar"),
        (
            "registrar = \"sip:a\"",
            "needs an address of record: `sip:alice@ims.example.net`",
        ),
        (
            "registrar = \"sip:b@a\"\nuser = \"sip:b@a\"",
            "`sip:b@a` has a user; a registrar is a host",
        ),
        (
            "registrar = \"sip:a\"\nuser = \"sip:a\"",
            "an address of record has a user",
        ),
        (
            "registrar = \"sip:a\"\nuser = \"sip:b@a;x=y\"",
            "an address of record has no parameters",
        ),
        (
            "registrar = \"sip:a\"\nuser = \"sip:b%@a\"",
            "what stands encoded before the `@` is no text",
        ),
        (
            "registrar = \"sip:a\"\nuser = \"tel:+4917099999\"",
            "is no SIP URI",
        ),
    ];
    for (keys, expected) in cases {
        let error = Config::parse("f", &format!("[ota_sip]\n{keys}"));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{keys}: {error}");
    }
}

#[test]
fn names_of_instances_are_uuids_as_urns() {
    for text in [
        "urn:uuid:00000000-0000-4000-8000-000000000000",
        "URN:uuid:ABCDEFab-0123-1abc-8abc-0123456789ab",
    ] {
        assert!(is_instance_id(text), "{text}");
    }
    for text in [
        "",
        "urn:uuid:",
        "00000000-0000-4000-8000-000000000000",
        "urn:uuid:00000000-0000-4000-8000-00000000000",
        "urn:uuid:00000000-0000-4000-8000-0000000000000",
        "urn:uuid:00000000-0000-4000-80000-00000000000",
        "urn:uuid:0000000g-0000-4000-8000-000000000000",
        "urn:uuid:00000000-0000-4000-8000-000000000000-",
        "<urn:uuid:00000000-0000-4000-8000-000000000000>",
        "urn:uuié:00000000-0000-4000-8000-000000000000",
    ] {
        assert!(!is_instance_id(text), "{text}");
    }
}
