//! What exists for other push daemons: consumers with drop-in files, and push agents of oFono.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use conformance::buses::{Bus, Kind, Scope, Setup};
use conformance::kannel::CONNECTIONLESS_PUSH;
use conformance::loopback::Network;
use conformance::on_both_buses;
use conformance::process::{Running, eventually};
use conformance::pushcai::Daemon;
use push_lab::short_message::ShortMessage;
use serde_json::Value;

on_both_buses!(
    consumers_with_files_are_called_as_their_daemons_do,
    agents_of_ofono_get_every_push_and_none_is_dropped_for_an_error,
    pushes_by_every_road_reach_consumers_and_agents,
);

/// Takes any call of one method, shows its arguments, and answers; the first calls by errors, where it is told to.
const CONSUMER: &str = r#"
import json, sys, dbus, dbus.bus, dbus.lowlevel, dbus.mainloop.glib
from gi.repository import GLib
address, name, interface, method, failures = sys.argv[1:6]
failures = int(failures)
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
connection = dbus.bus.BusConnection(address)
def plain(value):
    if isinstance(value, (dbus.ByteArray, bytes)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return int(value) if isinstance(value, int) else str(value)
def show(*parts):
    print(json.dumps(parts), flush=True)
def take(connection, message):
    global failures
    if message.get_member() not in (method, "Release") or message.get_interface() != interface:
        return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
    show(message.get_member(), *[plain(part) for part in message.get_args_list(byte_arrays=True)])
    if failures > 0:
        failures -= 1
        answer = dbus.lowlevel.ErrorMessage(message, "com.example.Error.Odd", "not today")
    else:
        answer = dbus.lowlevel.MethodReturnMessage(message)
    connection.send_message(answer)
    return dbus.lowlevel.HANDLER_RESULT_HANDLED
connection.add_message_filter(take)
if name != "-":
    connection.request_name(name)
if len(sys.argv) > 6:
    manager = dbus.Interface(connection.get_object("org.ofono", "/"), "org.ofono.Manager")
    for path, properties in manager.GetModems():
        assert "org.ofono.PushNotification" in properties["Interfaces"]
        sim = dbus.Interface(connection.get_object("org.ofono", path), "org.ofono.SimManager")
        show("sim", str(sim.GetProperties()["SubscriberIdentity"]))
        modem = dbus.Interface(connection.get_object("org.ofono", path), "org.ofono.PushNotification")
        modem.RegisterAgent(dbus.ObjectPath(sys.argv[6]))
show("ready")
GLib.MainLoop().run()
"#;

fn consumer(name: &str, arguments: &[&str]) -> anyhow::Result<Running> {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", CONSUMER]).args(arguments);
    let running = Running::start(name, &mut command)?;
    loop {
        if next(&running)?[0] == "ready" {
            return Ok(running);
        }
    }
}

fn next(running: &Running) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&running.next_line()?)?)
}

/// The next call that is not for this content, which may come again.
fn next_but(running: &Running, content: &[u8]) -> anyhow::Result<Value> {
    loop {
        let call = next(running)?;
        if call[8] != hex(content) {
            return Ok(call);
        }
    }
}

fn everything_allowed(kind: Kind, scope: Scope) -> anyhow::Result<Option<Bus>> {
    match scope {
        Scope::System => Bus::start_with(kind, scope, &Setup::open()),
        Scope::Session => Bus::start(kind, scope),
    }
}

fn push(network: &Network, octets: &[u8]) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((network.host(1), 0))?;
    socket.send_to(octets, (network.host(2), CONNECTIONLESS_PUSH))?;
    Ok(())
}

/// Writes a file beside its place and moves it there, as package managers do.
fn put(directory: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let fresh = directory.join("fresh");
    fs::File::create(&fresh)?.write_all(text.as_bytes())?;
    Ok(fs::rename(fresh, directory.join(name))?)
}

fn imported(daemon: &Daemon) -> anyhow::Result<Vec<String>> {
    let apps = daemon.pushcai_json(&["apps", "--json"])?;
    let owners = apps.iter().filter_map(|app| app["owner"].as_str());
    let mut owners: Vec<String> = owners
        .filter(|owner| owner.starts_with("import:"))
        .map(str::to_owned)
        .collect();
    owners.sort();
    Ok(owners)
}

fn until_imported(daemon: &Daemon, expected: &[&str]) -> anyhow::Result<()> {
    eventually(&format!("{expected:?} are imported"), || {
        Ok((imported(daemon)? == expected).then_some(()))
    })
}

const FORWARDED: &str = "# as Sailfish has it\n[Notifications]\nContentType = application/vnd.wap.mms-message\n\
    Interface = com.example.Forwarded\nService = com.example.Forwarded\nMethod = HandlePush\nPath = /\n";

const CONSUMED: &str = "[Notifications]\n# simple match on the content type\nMatchContentType=application/vnd.wap.mms-message\n\
    MatchApplicationId=x-wap-application:mms.ua\nTargetBus=session\nTargetService=com.example.Consumed\nTargetPath=/com/example\n\
    [Others]\nMatchContentType=application/vnd.wap.mms-message\nMatchApplicationId=7\nTargetService=com.example.Consumed\nTargetPath=/other\n";

fn consumers_with_files_are_called_as_their_daemons_do(kind: Kind) -> anyhow::Result<()> {
    let (Some(system), Some(session)) = (
        everything_allowed(kind, Scope::System)?,
        everything_allowed(kind, Scope::Session)?,
    ) else {
        return Ok(());
    };
    let network = Network::claim()?;
    let files = tempfile::tempdir()?;
    let (sailfish, mmsd) = (
        files.path().join("push_forwarder.d"),
        files.path().join("push.d"),
    );
    fs::create_dir(&sailfish)?;
    put(&sailfish, "forwarded.conf", FORWARDED)?;
    put(&sailfish, "broken.conf", "nonsense\n")?;
    let extra = format!(
        "[handlers]\nbackoff_base = \"50ms\"\nbackoff_limit = \"100ms\"\n[delivery]\nbackoff_base = \"50ms\"\n\
         [sms]\nsubmitted = true\nsubscriber_identities = {{ left = \"001010123456789\" }}\n\
         [imports]\nbus = \"{}\"\nsession_bus = \"{}\"\nsailfish = [\"{}\"]\nmmsd = [\"{}\"]\n",
        system.address(),
        session.address(),
        sailfish.display(),
        mmsd.display(),
    );
    let daemon = Daemon::start(network.host(2), &extra)?;
    until_imported(&daemon, &["import:sailfish:forwarded.conf/Notifications"])?;
    // It comes while nobody is there.
    push(&network, b"\x01\x06\x03\xBE\xAF\x84first")?;
    // A directory that is made later is seen, too.
    fs::create_dir(&mmsd)?;
    put(&mmsd, "consumed.conf", CONSUMED)?;
    let all = [
        "import:mmsd:consumed.conf/Notifications",
        "import:mmsd:consumed.conf/Others",
        "import:sailfish:forwarded.conf/Notifications",
    ];
    until_imported(&daemon, &all)?;
    let forwarded = [
        "com.example.Forwarded",
        "com.example.Forwarded",
        "HandlePush",
    ];
    let forwarder = consumer(
        "forwarded",
        &[&[system.address()][..], &forwarded, &["1"]].concat(),
    )?;
    for attempt in 0..2 {
        // The error removes nobody, and the push comes again.
        let call = next(&forwarder)?;
        assert_eq!(call[0], "HandlePush", "attempt {attempt}");
        assert_eq!(
            (call[1].as_str(), call[7].as_str()),
            (Some(""), Some("application/vnd.wap.mms-message"))
        );
        assert_eq!(call[2].as_str(), Some(network.host(1).to_string().as_str()));
        assert_eq!(call[5], u32::from(CONNECTIONLESS_PUSH));
        assert_eq!(call[8], hex(b"first"));
    }
    let consumed = [
        "com.example.Consumed",
        "org.ofono.mms.PushConsumer",
        "Notify",
    ];
    let listener = consumer(
        "consumed",
        &[&[session.address()][..], &consumed, &["0"]].concat(),
    )?;
    push(&network, b"\x02\x06\x03\xBE\xAF\x84second")?;
    // The other group asks for another application, and is not called.
    assert_eq!(
        next(&listener)?,
        serde_json::json!(["Notify", hex(b"\x02\x06\x03\xBE\xAF\x84"), hex(b"second")])
    );
    assert_eq!(next(&forwarder)?[8], hex(b"second"));
    // What waits survives the end of both, and what is registered is not registered again.
    forwarder.kill()?;
    push(&network, b"\x03\x06\x03\xBE\xAF\x84third")?;
    assert_eq!(next(&listener)?[2], hex(b"third"));
    let directory = daemon.kill()?;
    let daemon = Daemon::start_in(directory, network.host(2), &extra)?;
    until_imported(&daemon, &all)?;
    let forwarder = consumer(
        "forwarded",
        &[&[system.address()][..], &forwarded, &["0"]].concat(),
    )?;
    // It was killed while it answered.
    assert_eq!(next_but(&forwarder, b"second")?[8], hex(b"third"));
    // What is broken harms nobody, what changes is registered anew, what is gone is deregistered.
    put(&sailfish, "forwarded.conf", "nonsense\n")?;
    put(
        &mmsd,
        "consumed.conf",
        &CONSUMED.replace("[Others]", "[Changed]"),
    )?;
    let changed = [
        "import:mmsd:consumed.conf/Changed",
        "import:mmsd:consumed.conf/Notifications",
        "import:sailfish:forwarded.conf/Notifications",
    ];
    until_imported(&daemon, &changed)?;
    fs::remove_file(mmsd.join("consumed.conf"))?;
    fs::remove_file(sailfish.join("forwarded.conf"))?;
    until_imported(&daemon, &[])?;
    Ok(())
}

fn agents_of_ofono_get_every_push_and_none_is_dropped_for_an_error(
    kind: Kind,
) -> anyhow::Result<()> {
    let Some(bus) = everything_allowed(kind, Scope::System)? else {
        return Ok(());
    };
    let network = Network::claim()?;
    let extra = format!(
        "[handlers]\nbackoff_base = \"50ms\"\nbackoff_limit = \"100ms\"\n[delivery]\nbackoff_base = \"50ms\"\n\
         [sms]\nsubscriber_identities = {{ left = \"001010123456789\" }}\n\
         [ofono_side]\nenabled = true\nbus = \"{}\"\nbackoff_base = \"50ms\"\n",
        bus.address()
    );
    let daemon = Daemon::start(network.host(2), &extra)?;
    let has_name = || bus.call::<_, bool>(DBUS, "NameHasOwner", &"org.ofono");
    eventually("oFono's name is taken", || Ok(has_name()?.then_some(())))?;
    let agent = |name: &str, failures: &str| {
        let interface = "org.ofono.PushNotificationAgent";
        let arguments = [
            bus.address(),
            "-",
            interface,
            "ReceiveNotification",
            failures,
            "/test/agent",
        ];
        consumer(name, &arguments)
    };
    let (odd, good) = (agent("odd", "2")?, agent("good", "0")?);
    let octets = b"\x07\x06\x03\xBE\xAF\x84first";
    push(&network, octets)?;
    for agent in [&odd, &odd, &odd, &good] {
        let call = next(agent)?;
        assert_eq!(
            (call[0].as_str(), call[1].as_str()),
            (Some("ReceiveNotification"), Some(hex(octets).as_str()))
        );
        let info = call[2].as_object().context("what is said of the push")?;
        assert_eq!(info["Sender"], network.host(1).to_string());
        for key in ["SentTime", "LocalSentTime"] {
            let time = info[key].as_str().context("a time")?;
            // 2026-11-22T07:00:00+0000
            assert_eq!((time.len(), &time[10..11]), (24, "T"), "{time}");
        }
    }
    // An agent that is killed, and a daemon that is, lose nothing.
    eventually("the answers of both", || {
        Ok((daemon.events_left()? == 0).then_some(()))
    })?;
    good.kill()?;
    push(&network, b"\x08\x06\x03\xBE\xAF\x84second")?;
    assert_eq!(next(&odd)?[1], hex(b"\x08\x06\x03\xBE\xAF\x84second"));
    odd.kill()?;
    let directory = daemon.kill()?;
    eventually("oFono's name is free", || Ok((!has_name()?).then_some(())))?;
    let daemon = Daemon::start_in(directory, network.host(2), &extra)?;
    eventually("oFono's name is taken", || Ok(has_name()?.then_some(())))?;
    let returned = [agent("first", "0")?, agent("second", "0")?];
    let (second, third) = (
        hex(b"\x08\x06\x03\xBE\xAF\x84second"),
        hex(b"\x09\x06\x03\xBE\xAF\x84third"),
    );
    push(&network, b"\x09\x06\x03\xBE\xAF\x84third")?;
    let mut waited = 0;
    for agent in &returned {
        loop {
            let call = next(agent)?;
            if call[1] == third.as_str() {
                break;
            }
            assert_eq!(call[1], second.as_str());
            waited += 1;
        }
    }
    // The one that was killed first is owed the second push; the other was killed while it answered.
    assert!(waited >= 1, "{waited}");
    // At the end each is told so.
    let (status, _directory) = daemon.terminate()?;
    assert!(status.success());
    for agent in &returned {
        let last = next(agent)?;
        assert_eq!(last[0], "Release");
    }
    Ok(())
}

/// A push over HTTP whose headers are those of the request.
fn post(network: &Network, content: &[u8]) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect((network.host(2), HTTP_PUSH))?;
    let head = format!(
        "POST /wappush HTTP/1.1\r\nHost: terminal\r\nX-Wap-Push-OTA-Version: 1.0\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\
         Content-Type: application/vnd.wap.mms-message\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    stream.write_all(&[head.as_bytes(), content].concat())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    Ok(())
}

const HTTP_PUSH: u16 = 4035;

fn pushes_by_every_road_reach_consumers_and_agents(kind: Kind) -> anyhow::Result<()> {
    let Some(bus) = everything_allowed(kind, Scope::System)? else {
        return Ok(());
    };
    let network = Network::claim()?;
    let files = tempfile::tempdir()?;
    let content_type = "application/vnd.wap.mms-message";
    put(files.path(), "forwarded.conf", FORWARDED)?;
    let (address, terminal) = (bus.address(), network.host(2));
    // Who may register by other ways does not concern what the administrator has imported.
    let extra = format!(
        "[ota_http]\nlisten = [\"{terminal}:{HTTP_PUSH}\"]\nterminal_id = \"4477700900123\"\n\
         [[ota_http.ppg]]\nid = \"ppg.example.net\"\naddresses = [\"127.0.0.1\"]\nconnect = \"never\"\n\
         [sms]\nsubmitted = true\nsubscriber_identities = {{ submit = \"001010123456789\" }}\n\
         [imports]\nbus = \"{address}\"\nsailfish = [\"{}\"]\n[ofono_side]\nenabled = true\nbus = \"{address}\"\n\
         [applications]\nallowed_owners = [\"uid:{}\"]\n",
        files.path().display(),
        rustix::process::getuid().as_raw(),
    );
    let daemon = Daemon::start(terminal, &extra)?;
    until_imported(&daemon, &["import:sailfish:forwarded.conf/Notifications"])?;
    let has_name = || bus.call::<_, bool>(DBUS, "NameHasOwner", &"org.ofono");
    eventually("oFono's name is taken", || Ok(has_name()?.then_some(())))?;
    let forwarded = "com.example.Forwarded";
    let forwarder = [address, forwarded, forwarded, "HandlePush", "0"];
    let forwarder = consumer("forwarded", &forwarder)?;
    let interface = "org.ofono.PushNotificationAgent";
    let agent = [
        address,
        "-",
        interface,
        "ReceiveNotification",
        "0",
        "/agent",
    ];
    let agent = consumer("agent", &agent)?;
    let message = ShortMessage::new(b"\x01\x06\x03\xBE\xAF\x84short".to_vec());
    let message = message.sender("+15551234567").centre("+4917099999");
    for segment in message.tpdus() {
        daemon.pushcai_json(&["submit", "--json", &hex(&segment)])?;
    }
    let call = next(&forwarder)?;
    let said = [&call[1], &call[2], &call[7]];
    assert_eq!(said, ["001010123456789", "+15551234567", content_type]);
    assert_eq!(call[8], hex(b"short"));
    let call = next(&agent)?;
    assert_eq!(call[1], hex(b"\x01\x06\x03\xBE\xAF\x84short"));
    assert_eq!(call[2]["Sender"], "+15551234567");
    post(&network, b"over HTTP")?;
    let call = next(&forwarder)?;
    assert_eq!(
        (&call[1], &call[7], &call[8]),
        (
            &Value::from(""),
            &Value::from(content_type),
            &Value::from(hex(b"over HTTP"))
        )
    );
    // Agents have it in the form of WSP.
    let octets = next(&agent)?[1].as_str().unwrap_or_default().to_owned();
    assert_eq!(&octets[2..4], "06");
    assert!(octets.ends_with(&hex(b"over HTTP")), "{octets}");
    Ok(())
}

const DBUS: conformance::modem::bus::Target<'_> = conformance::modem::bus::Target {
    service: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

fn hex(octets: &[u8]) -> String {
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 0x0F]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
