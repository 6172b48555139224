use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use push_client::TlsFiles;
use push_client::http::{AnnounceOn, Authentication, Connect, Contact, Host, TerminalId};
use push_client::sia::{SirContacts, SirPreference, UnknownContext};
use push_message::Address;

use super::*;
use crate::config::Config;

/// Every key with a value that is not its default; `DIR` is where the files are.
const EVERY_KEY: &str = r#"
[ota_http]
listen = ["127.0.0.1:4035", "[::1]:4035"]
tls_listen = ["127.0.0.1:4036"]
ca_file = "DIR/ca.pem"
certificate_file = "DIR/terminal.pem"
key_file = "DIR/terminal.key"
terminal_id = "4447700900123"
bearer = "gsm-gprs"
versions = ["1.3", "1.0"]
version_required = true
accept_stale_tag = true
accept_absent_tag = false
identified_only = true
max_message_length = "32 KiB"
max_headers = 32
max_headers_length = "4 KiB"
max_push_requests = 7
charsets = ["UTF-8", "ISO-8859-1"]
encodings = ["deflate"]
languages = ["en", "*"]
max_value_length = "2 KiB"
max_authentication_failures = 5
nonce_lifetime = "1m"
announce_patience = "14s"
backoff_base = "3s"
backoff_limit = "1m"
max_contacts = 3
max_announcements = 5
max_connections = 12
max_connections_per_address = 4
header_timeout = "11s"
body_timeout = "12s"
idle_timeout = "13s"
dialled_idle_timeout = "14s"
write_timeout = "15s"
dial_timeout = "7s"
handshake_timeout = "6s"
keep_alive_interval = "16s"
max_head_octets = "12 KiB"
max_request_headers = 48
nodelay = false
shutdown_timeout = "3s"
max_unanswered = 17
sir_sources = ["192.0.2.9", "+4917099999"]
sir_preference = "ota-wsp"
sir_malformed_contacts = false
sir_contacts = "any"
sir_unknown_context = "ignore"
sir_lockout = "30s"
sir_max_deferred = 9
sir_max_contacts = 2
sir_max_length = 512

[[ota_http.ppg]]
id = "ppg.example.net"
address = "ppg.example.net:99"
tls = true
tls_name = "push.example.net"
addresses = ["192.0.2.8", "2001:db8::8"]
prov_url = "http://prov.example.net/a"
terminal_id = "1user@example.net"
password_file = "DIR/ours"
basic_in_clear = false
authentication = "digest"
ppg_password_file = "DIR/theirs"
bearer = 10
connect = "when-needed"
announce_on = "open-connection"

[[ota_http.ppg]]
id = "b"
address = "192.0.2.9"
"#;

fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("ours", "open sesame\n"),
        ("theirs", "abracadabra\n"),
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

#[test]
fn every_key_is_read() {
    let directory = files();
    let config = every_key(directory.path());
    let mut given = toml::Table::try_from(&config.ota_http).unwrap();
    let gateways = given.remove("ppg").unwrap();
    let gateway = gateways.as_array().unwrap()[0].as_table().unwrap();
    let pairs = [
        (
            OtaHttp::SECTION,
            &given,
            toml::Table::try_from(OtaHttp::default()),
        ),
        (Ppg::SECTION, gateway, toml::Table::try_from(Ppg::default())),
    ];
    for (section, given, defaults) in pairs {
        let defaults = defaults.unwrap();
        for key in section.keys.iter().filter(|key| key.name != "ppg") {
            assert_ne!(
                given.get(key.name),
                defaults.get(key.name),
                "{} of [{}] is set to something else than its default",
                key.name,
                section.name
            );
        }
    }
    let printed = config.print().unwrap();
    assert_eq!(Config::parse("printed", &printed), Ok(config));
}

#[test]
fn every_key_reaches_the_part_that_it_is_for() {
    let directory = files();
    let wiring = every_key(directory.path()).wiring().unwrap();
    let ota_http = wiring.ota_http;
    let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    assert_eq!(
        ota_http.listen,
        addresses(&["127.0.0.1:4035", "[::1]:4035"])
    );
    assert_eq!(ota_http.tls_listen, addresses(&["127.0.0.1:4036"]));

    let terminal = &ota_http.terminal;
    assert_eq!(
        terminal.terminal_id,
        TerminalId::Given("4447700900123".into())
    );
    assert_eq!(terminal.bearer, 11);
    assert_eq!(terminal.versions, [(1, 3), (1, 0)]);
    assert!(terminal.version_required && terminal.accept_stale_tag && terminal.identified_only);
    assert!(!terminal.accept_absent_tag);
    assert_eq!(terminal.max_message_length, 32 << 10);
    assert_eq!(terminal.max_headers, 32);
    assert_eq!(terminal.max_headers_length, 4 << 10);
    assert_eq!(terminal.max_authentication_failures, 5);
    assert_eq!(terminal.nonce_lifetime, Duration::from_mins(1));

    let cpi = &ota_http.cpi;
    assert_eq!(cpi.charsets, ["UTF-8", "ISO-8859-1"]);
    assert_eq!(cpi.encodings, ["deflate"]);
    assert_eq!(cpi.languages, ["en", "*"]);
    assert_eq!(cpi.max_message_length, 32 << 10);
    assert_eq!(cpi.max_push_requests, 7);
    assert_eq!(cpi.max_value_length, 2 << 10);

    let registrar = &ota_http.registrar;
    assert!(!registrar.confirm);
    assert_eq!(registrar.announce_patience, Duration::from_secs(14));
    assert_eq!(registrar.backoff_base, Duration::from_secs(3));
    assert_eq!(registrar.backoff_limit, Duration::from_mins(1));
    assert_eq!(registrar.max_contacts, 3);
    assert_eq!(registrar.max_announcements, 5);
}

#[test]
fn every_key_of_session_initiation_reaches_its_application() {
    let directory = files();
    let sia = every_key(directory.path())
        .wiring()
        .unwrap()
        .session_initiation;
    let expected = SiaSettings {
        sources: ["192.0.2.9", "+4917099999"]
            .map(|text| Address::parse(text).unwrap())
            .into(),
        contacts: SirContacts::Any,
        unknown_context: UnknownContext::Ignore,
        lockout: Duration::from_secs(30),
        max_deferred: 9,
        max_contacts: 2,
        preference: SirPreference::OtaWsp,
        malformed_contacts: false,
        max_length: 512,
    };
    assert_eq!(sia, expected);
}

#[test]
fn every_key_of_connections_reaches_the_driver() {
    let directory = files();
    let ota_http = every_key(directory.path()).wiring().unwrap().ota_http;
    let seconds = Duration::from_secs;
    let expected = ConnectionSettings {
        max_connections: 12,
        max_connections_per_address: 4,
        header_timeout: seconds(11),
        body_timeout: seconds(12),
        idle_timeout: seconds(13),
        dialled_idle_timeout: seconds(14),
        write_timeout: seconds(15),
        dial_timeout: seconds(7),
        handshake_timeout: seconds(6),
        keep_alive_interval: seconds(16),
        max_head_octets: 12 << 10,
        max_headers: 48,
        nodelay: false,
        shutdown_timeout: seconds(3),
        max_unanswered: 17,
    };
    assert_eq!(ota_http.connections, expected);
    let file = |name: &str| Some(directory.path().join(name));
    let files = TlsFiles {
        ca: file("ca.pem"),
        certificate: file("terminal.pem"),
        key: file("terminal.key"),
    };
    assert_eq!(ota_http.tls, files);
}

#[test]
fn every_key_of_a_gateway_reaches_the_terminal() {
    let directory = files();
    let wiring = every_key(directory.path()).wiring().unwrap();
    let terminal = wiring.ota_http.terminal;
    let [first, second] = &terminal.ppgs[..] else {
        panic!("two gateways, in order");
    };
    assert_eq!(&*first.id.0, "ppg.example.net");
    let contact = Contact {
        host: Host::Name("ppg.example.net".into()),
        port: 99,
        secure: true,
    };
    assert_eq!(first.contact, Some(contact));
    let addresses: [IpAddr; 2] = ["192.0.2.8", "2001:db8::8"].map(|text| text.parse().unwrap());
    assert_eq!(first.addresses, addresses);
    assert_eq!(first.tls_name.as_deref(), Some("push.example.net"));
    assert_eq!(first.prov_url.as_deref(), Some("http://prov.example.net/a"));
    assert_eq!(
        first.terminal_id,
        Some(TerminalId::Given("1user@example.net".into()))
    );
    assert!(!first.basic_in_clear);
    assert_eq!(first.authentication, Authentication::Digest);
    let secret =
        |secret: &Option<push_client::http::Secret>| secret.as_ref().unwrap().0.to_string();
    assert_eq!(secret(&first.terminal_secret), "open sesame");
    assert_eq!(secret(&first.ppg_secret), "abracadabra");
    assert_eq!(first.bearer, Some(10));
    assert_eq!(first.connect, Connect::WhenNeeded);
    assert_eq!(first.announce_on, AnnounceOn::OpenConnection);

    assert_eq!(&*second.id.0, "b");
    assert_eq!(
        second.contact.as_ref().map(|contact| contact.port),
        Some(4035)
    );
    assert_eq!(second.prov_url, None);
    assert_eq!(second.authentication, Authentication::None);
    assert_eq!(second.connect, Connect::Always);
    assert_eq!(second.announce_on, AnnounceOn::NewConnection);
}

#[test]
fn confirmation_is_waited_for_where_applications_wait_for_it() {
    let text = "[applications]\nconfirm = true\n[ota_http]\nlisten = [\"127.0.0.1:0\"]";
    let wiring = Config::parse("f", text).unwrap().wiring().unwrap();
    assert!(wiring.core.confirm);
    assert!(wiring.ota_http.registrar.confirm);
}

#[test]
fn the_protocol_is_on_where_there_is_somebody_to_talk_to() {
    for (text, on) in [
        ("", false),
        ("[ota_http]\nterminal_id = \"1\"", false),
        ("[ota_http]\nlisten = [\"127.0.0.1:0\"]", true),
        (
            "[[ota_http.ppg]]\nid = \"a\"\naddress = \"192.0.2.7\"",
            true,
        ),
        (
            "[ota_http]\ntls_listen = [\"127.0.0.1:0\"]\nca_file = \"DIR/ca.pem\"",
            true,
        ),
    ] {
        let directory = files();
        let text = text.replace("DIR", directory.path().to_str().unwrap());
        let wiring = Config::parse("f", &text).unwrap().wiring().unwrap();
        assert_eq!(wiring.ota_http.is_on(), on, "{text}");
    }
}

#[test]
fn a_near_miss_of_every_key_is_refused_by_naming_it() {
    for (section, header) in [
        (OtaHttp::SECTION, "[ota_http]"),
        (
            Ppg::SECTION,
            "[[ota_http.ppg]]\nid = \"a\"\n[[ota_http.ppg]]",
        ),
    ] {
        for key in section.keys {
            let text = format!("{header}\n{}x = 1", key.name);
            let error = Config::parse("f", &text).unwrap_err().to_string();
            let hint = format!("did you mean `{}`?", key.name);
            assert!(error.ends_with(&hint), "{error}");
        }
    }
    let text = "[[ota_http.ppg]]\nid = \"a\"\naddress = \"a\"\n[[ota_http.ppg]]\nid = \"b\"\nadress = \"b\"";
    assert_eq!(
        Config::parse("f", text).unwrap_err().to_string(),
        "f:6:1: unknown key `adress` in [[ota_http.ppg]] number 2; did you mean `address`?"
    );
    let text = "[ota_http]\nppg = [{ id = \"a\", pasword_file = \"b\" }]";
    assert_eq!(
        Config::parse("f", text).unwrap_err().to_string(),
        "f:2:20: unknown key `pasword_file` in [[ota_http.ppg]] number 1; did you mean `password_file`?"
    );
}

#[test]
fn a_key_in_the_wrong_section_is_told_where_it_stands() {
    let error = |text: &str| Config::parse("f", text).unwrap_err().to_string();
    assert_eq!(
        error("[ota_http]\nprov_url = \"\""),
        "f:2:1: unknown key `prov_url` in [ota_http]; it stands in [[ota_http.ppg]]"
    );
    assert_eq!(
        error("[[ota_http.ppg]]\nca_file = \"\""),
        "f:2:1: unknown key `ca_file` in [[ota_http.ppg]] number 1; it stands in [ota_http]"
    );
}

/// Each document with what is said of it; `DIR` is a directory with files, one of them open to others.
#[track_caller]
fn mistakes<const N: usize>(cases: [(String, &str); N]) {
    let directory = files();
    let open = directory.path().join("open");
    fs::write(&open, "secret\n").unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let place = directory.path().to_str().unwrap();
    for (text, expected) in cases {
        let (text, expected) = (text.replace("DIR", place), expected.replace("DIR", place));
        let error = Config::parse("f", &text).unwrap_err().to_string();
        assert!(
            error.starts_with(&expected),
            "{text:?} gives {error:?}, not {expected:?}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}

/// A gateway with these keys beside its id and its address.
fn gateway(keys: &str) -> String {
    format!("[[ota_http.ppg]]\nid = \"a\"\naddress = \"192.0.2.7\"\n{keys}")
}

#[test]
fn mistakes_in_the_section_are_named_with_their_place() {
    mistakes([
        (
            "[ota_http]\nppg = 3".to_owned(),
            "f:2:7: `ota_http.ppg` is a list of tables: write [[ota_http.ppg]]",
        ),
        (
            "[ota_http]\nppg = [3]".to_owned(),
            "f:2:8: `ota_http.ppg` is a list of tables: write [[ota_http.ppg]]",
        ),
        (
            "[ota_http.ppg]\nid = \"a\"".to_owned(),
            "f:1:1: `ota_http.ppg` is a list of tables: write [[ota_http.ppg]]",
        ),
        (
            "[ota_http]\nlisten = [\"4035\"]".to_owned(),
            "f:2:11: this is no address with a port; write `0.0.0.0:PORT`",
        ),
        (
            "[ota_http]\nlisten = [\"127.0.0.1:4035\"]\nidentified_only = true".to_owned(),
            "f:3:19: nobody could prove anything: give a [[ota_http.ppg]] its ppg_password_file",
        ),
        (
            "[ota_http]\ntls_listen = [\"127.0.0.1:4036\"]".to_owned(),
            "f:2:14: TLS needs ca_file: without certificates to trust",
        ),
        (
            "[ota_http]\nca_file = \"/nowhere/ca\"".to_owned(),
            "f:2:11: /nowhere/ca cannot be read: ",
        ),
        (
            "[ota_http]\ncertificate_file = \"DIR/ours\"\nkey_file = \"DIR/open\"".to_owned(),
            "f:3:12: DIR/open has mode 644: others could read or change it",
        ),
        (
            "[ota_http]\ncertificate_file = \"a\"".to_owned(),
            "f:2:20: a certificate needs key_file",
        ),
        (
            "[ota_http]\nkey_file = \"a\"".to_owned(),
            "f:2:12: a key needs certificate_file",
        ),
        (
            "[ota_http]\nlisten = [\"127.0.0.1:0\"]\nterminal_id = \"a:b\"".to_owned(),
            "f:3:15: `a:b` has a colon, which a user name of Basic cannot hold",
        ),
        (
            "[ota_http]\nbearer = 256".to_owned(),
            "f:2:10: invalid value: integer `256`, expected a bearer: ",
        ),
        (
            "[ota_http]\nbearer = \"3G\"".to_owned(),
            "f:2:10: invalid value: string \"3G\", expected a bearer: ",
        ),
        (
            "[ota_http]\nversions = []".to_owned(),
            "f:2:12: at least one version has to be spoken",
        ),
        (
            "[ota_http]\nversions = [\"1\"]".to_owned(),
            "f:2:12: invalid value: string \"1\", expected a version",
        ),
        (
            "[ota_http]\ncharsets = [\"UTF-8, x\"]".to_owned(),
            "f:2:12: `UTF-8, x` is no token",
        ),
        (
            "[ota_http]\nmax_push_requests = 0".to_owned(),
            "f:2:21: at least 1 is taken",
        ),
        (
            "[ota_http]\nmax_request_headers = 101".to_owned(),
            "f:2:23: at most 100 are taken",
        ),
        (
            "[ota_http]\nheader_timeout = 0".to_owned(),
            "f:2:18: at least 1 ms is taken",
        ),
        (
            "[ota_http]\nnonce_lifetime = 0".to_owned(),
            "f:2:18: at least 1 ms is taken",
        ),
        (
            "[ota_http]\nsir_sources = [\"300.1.2.3\"]".to_owned(),
            "f:2:15: `300.1.2.3` is no address of a Push Server",
        ),
        (
            "[ota_http]\nsir_contacts = \"all\"".to_owned(),
            "f:2:16: unknown variant `all`, expected `known` or `any`",
        ),
    ]);
}

#[test]
fn times_have_to_fit_into_each_other() {
    mistakes([
        (
            "[ota_http]\nlisten = [\"127.0.0.1:0\"]\nannounce_patience = \"20s\"".to_owned(),
            "f:3:21: 20s is no less than [applications] announce_timeout, 20s: ",
        ),
        (
            "[ota_http]\nlisten = [\"127.0.0.1:0\"]\nannounce_patience = \"10s\"".to_owned(),
            "f:3:21: 10s is no more than dial_timeout and handshake_timeout together, 10s: ",
        ),
        (
            "[ota_http]\nlisten = [\"127.0.0.1:0\"]\nannounce_patience = \"4s\"\ndial_timeout = \"1s\"\n\
             handshake_timeout = \"3s\""
                .to_owned(),
            "f:3:21: 4s is no more than dial_timeout and handshake_timeout together, 4s: ",
        ),
    ]);
}

#[test]
fn mistakes_in_a_gateway_are_named_with_its_number_and_their_place() {
    mistakes([
        (
            "[[ota_http.ppg]]\naddress = \"192.0.2.7\"".to_owned(),
            "f:1:1: [[ota_http.ppg]] number 1, id: a gateway needs an id",
        ),
        (
            gateway("[[ota_http.ppg]]\nid = \"a\"\naddress = \"192.0.2.8\""),
            "f:5:6: [[ota_http.ppg]] number 2, id: `a` is the id of a gateway before this one",
        ),
        (
            "[[ota_http.ppg]]\nid = \"a\"".to_owned(),
            "f:2:6: [[ota_http.ppg]] number 1, id: nothing tells this gateway from others",
        ),
        (
            "[[ota_http.ppg]]\nid = \"a b\"\naddress = \"192.0.2.7\"".to_owned(),
            "f:2:6: [[ota_http.ppg]] number 1, id: an id has printable ASCII characters alone",
        ),
        (
            "[[ota_http.ppg]]\nid = \"a\"\naddress = \"192.0.2.7:x\"".to_owned(),
            "f:3:11: [[ota_http.ppg]] number 1, address: `x` is no port",
        ),
        (
            gateway("tls = true"),
            "f:4:7: [[ota_http.ppg]] number 1, tls: TLS needs [ota_http] ca_file",
        ),
        (
            gateway("tls = 1"),
            "f:4:7: [[ota_http.ppg]] number 1, tls: invalid type: integer `1`, expected a boolean",
        ),
        (
            gateway("tls_name = \"a:b\""),
            "f:4:12: [[ota_http.ppg]] number 1, tls_name: `a:b` is neither an address nor a host name",
        ),
        (
            gateway("addresses = [\"ppg.example.net\"]"),
            "f:4:14: [[ota_http.ppg]] number 1, addresses: invalid IP address syntax",
        ),
        (
            gateway("prov_url = \"a b\""),
            "f:4:12: [[ota_http.ppg]] number 1, prov_url: a URL has printable ASCII characters",
        ),
        (
            gateway("terminal_id = \"\""),
            "f:4:15: [[ota_http.ppg]] number 1, terminal_id: a Terminal-ID has a character at least",
        ),
        (
            gateway("authentication = \"basic\""),
            "f:4:18: [[ota_http.ppg]] number 1, authentication: a gateway that has to prove who it is needs \
             ppg_password_file",
        ),
        (
            gateway("authentication = \"ntlm\""),
            "f:4:18: [[ota_http.ppg]] number 1, authentication: unknown variant `ntlm`, expected one of `none`, `basic`, \
             `digest`, `any`",
        ),
        (
            "[[ota_http.ppg]]\nid = \"a:b\"\nauthentication = \"basic\"\nppg_password_file = \"DIR/ours\"".to_owned(),
            "f:2:6: [[ota_http.ppg]] number 1, id: `a:b` has a colon",
        ),
        (
            gateway("password_file = \"/nowhere/p\""),
            "f:4:17: [[ota_http.ppg]] number 1, password_file: /nowhere/p cannot be read: ",
        ),
        (
            gateway("authentication = \"any\"\nppg_password_file = \"DIR/open\""),
            "f:5:21: [[ota_http.ppg]] number 1, ppg_password_file: DIR/open has mode 644: others could read or change it",
        ),
        (
            gateway("connect = \"sometimes\""),
            "f:4:11: [[ota_http.ppg]] number 1, connect: unknown variant `sometimes`, expected one of `always`, `when-needed`, \
             `never`",
        ),
        (
            gateway("announce_on = \"any\""),
            "f:4:15: [[ota_http.ppg]] number 1, announce_on: unknown variant `any`, expected `new-connection` or `open-connection`",
        ),
    ]);
}

#[test]
fn secrets_are_shown_nowhere() {
    let directory = files();
    let config = every_key(directory.path());
    let wiring = config.wiring().unwrap();
    for shown in [
        format!("{config:?}"),
        format!("{wiring:?}"),
        config.print().unwrap(),
    ] {
        assert!(!shown.contains("sesame") && !shown.contains("abracadabra"));
    }
}
