//! Every error that is documented, from the real daemon.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    process::Command,
    thread,
};

use conformance::{buses::Kind, on_both_buses};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use super::desk::{DAEMON, Desk, NOBODY, ROOT, User};

on_both_buses!(every_reason_has_its_error);

const WML: &str = "x-wap-application:wml.ua";
const MMS: &str = "x-wap-application:mms.ua";
const SIP_PORT: u16 = 5060;
/// Nobody listens there.
const GATEWAY_PORT: u16 = 4035;
const DOCUMENT: &str = include_str!("../../../../docs/dbus.md");

/// The words of the errors that are documented.
fn documented() -> BTreeSet<String> {
    let (_, rest) = DOCUMENT
        .split_once("Each reason of a refusal is an error")
        .unwrap_or_default();
    let (sentence, _) = rest.split_once("The message").unwrap_or_default();
    let words = sentence.split('`').skip(1).step_by(2);
    let words = words.filter(|word| !word.contains('.'));
    words.map(str::to_owned).collect()
}

/// A SIP core that lets nobody in, for as long as this value lives.
struct Core {
    address: SocketAddrV4,
    answering: Option<thread::JoinHandle<()>>,
}

impl Core {
    fn start(address: Ipv4Addr) -> anyhow::Result<Self> {
        let address = SocketAddrV4::new(address, SIP_PORT);
        let socket = UdpSocket::bind(address)?;
        let answering = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length @ 1.., from)) = socket.recv_from(&mut buffer) {
                let request = String::from_utf8_lossy(&buffer[..length]);
                if socket
                    .send_to(forbidden(&request).as_bytes(), from)
                    .is_err()
                {
                    break;
                }
            }
        });
        Ok(Self {
            address,
            answering: Some(answering),
        })
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // A datagram without octets is the order to end.
        let told = UdpSocket::bind((*self.address.ip(), 0))
            .and_then(|socket| socket.send_to(&[], self.address));
        if let (Ok(_), Some(answering)) = (told, self.answering.take()) {
            answering.join().ok();
        }
    }
}

/// The answer to a request of SIP that refuses it.
fn forbidden(request: &str) -> String {
    let copied = request.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name)
    });
    let mut answer = "SIP/2.0 403 Forbidden\r\n".to_owned();
    for line in copied {
        let tag = if line.starts_with("To:") {
            ";tag=core"
        } else {
            ""
        };
        answer.extend([line, tag, "\r\n"]);
    }
    answer.push_str("Content-Length: 0\r\n\r\n");
    answer
}

fn settings(address: Ipv4Addr) -> String {
    format!(
        "[applications]\nmax_registrations_per_owner = 1\nallowed_owners = [\"uid:0\", \"uid:{DAEMON}\"]\n\
         [ota_sip]\nregistrar = \"sip:core.example\"\nuser = \"sip:alice@core.example\"\noutbound = \"sip:{address}:{SIP_PORT}\"\n\
         [ota_http]\ndial_timeout = \"50ms\"\nhandshake_timeout = \"50ms\"\nannounce_patience = \"200ms\"\n\
         [[ota_http.ppg]]\nid = \"ppg.example\"\naddress = \"{address}:{GATEWAY_PORT}\"\nconnect = \"when-needed\"\n"
    )
}

/// Collects the errors by which requests are refused; each is to name what is at fault.
struct Refusals(BTreeSet<String>);

impl Refusals {
    fn expect(
        &mut self,
        user: &mut User,
        method: &str,
        arguments: &[Value],
        (word, part): (&str, &str),
    ) -> anyhow::Result<()> {
        let (name, message) = user.refusal(method, arguments)?;
        assert_eq!(name, word, "{message}");
        assert!(message.contains(part), "{name}: {message}");
        self.0.insert(name);
        Ok(())
    }
}

fn with(name: &str, value: Value) -> [Value; 2] {
    let mut request = json!({"pushApplicationID": WML});
    request[name] = value;
    [request, json!({})]
}

fn every_reason_has_its_error(kind: Kind) -> anyhow::Result<()> {
    let mut core = None;
    let start = Desk::start_with(
        kind,
        |address| {
            core = Core::start(address).ok();
            settings(address)
        },
        // What it writes beyond its limit is an error to it, and not its end.
        |daemon| {
            let mut command = Command::new("sh");
            command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
            command.arg(daemon.get_program()).args(daemon.get_args());
            command
        },
    );
    let Some(desk) = start? else {
        return Ok(());
    };
    assert!(core.is_some());
    let mut seen = Refusals(BTreeSet::new());
    let mut user = desk.user(DAEMON)?;
    for (request, expected) in [
        (
            with("pushApplicationID", json!("a b")),
            ("InvalidRequest", "pushApplicationID: "),
        ),
        (with("Akzept", json!("a/b")), ("InvalidRequest", "`Accept`")),
        (
            with("eventHandler", json!("smoke:signals")),
            ("UnsupportedOption", "eventHandler: "),
        ),
        (
            with("eventHandler", json!("dbus:org.example.Nobody")),
            ("OptionNotAvailable", "eventHandler: "),
        ),
        (
            with("connectionProfile", json!([{"protocol": "OTA-SIP"}])),
            ("ServerRejected", "403"),
        ),
        (
            with("connectionProfile", json!([{"protocol": "OTA-HTTP"}])),
            ("ServerUnreachable", "could not be reached"),
        ),
    ] {
        seen.expect(&mut user, "Register", &request, expected)?;
    }
    let leave = [json!(WML), json!({})];
    seen.expect(&mut user, "Deregister", &leave, ("NotRegistered", WML))?;
    let over_wsp = |application: &str| {
        let profile = json!([{"protocol": "OTA-WSP"}]);
        let request = json!({"pushApplicationID": application, "connectionProfile": profile});
        [request, json!({})]
    };
    user.answer("Register", &over_wsp(WML))?;
    let more = ("QuotaExceeded", "1");
    seen.expect(&mut user, "Register", &over_wsp(MMS), more)?;
    let mut root = desk.user(ROOT)?;
    let taken = ("AlreadyRegistered", "pushApplicationID: ");
    seen.expect(&mut root, "Register", &over_wsp(WML), taken)?;
    let mut stranger = desk.user(NOBODY)?;
    let denied = ("NotAuthorized", "uid:65534");
    seen.expect(&mut stranger, "Register", &over_wsp(MMS), denied)?;
    // The disk is full.
    let none = Rlimit {
        current: Some(0),
        maximum: None,
    };
    let process = Pid::from_raw(i32::try_from(desk.daemon()?.id())?);
    prlimit(process, Resource::Fsize, none)?;
    seen.expect(&mut root, "Register", &over_wsp(MMS), ("StoreFailed", ""))?;
    let documented = documented();
    assert_eq!(documented.len(), 10, "{documented:?}");
    assert_eq!(seen.0, documented);
    Ok(())
}
