//! What applications are told without having asked: `RegistrationChanged`, each cause to its owner alone, and properties.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use conformance::{buses::Kind, modem::bus::wait_for, on_both_buses};
use serde_json::{Value, json};

use super::desk::{DAEMON, Desk, NOBODY, ROOT, User};

on_both_buses!(
    an_application_hears_that_its_registration_is_invalidated,
    an_application_hears_that_its_registration_is_revoked,
    an_application_hears_that_its_registration_is_lost_and_restored,
    properties_say_what_the_client_has_and_change_with_it,
);

const OMNA: &str = "x-wap-application:wml.ua";
const PRIVATE: &str = "urn:example:private";
const CHANGED: &str = "RegistrationChanged";
const GATEWAY_PORT: u16 = 4035;

/// What such a signal says: the registration, the cause, and the application.
fn change(arguments: &Value) -> [&str; 3] {
    assert_ne!(arguments[2]["detail"].as_str().unwrap_or_default(), "");
    [
        arguments[0].as_str().unwrap_or_default(),
        arguments[1].as_str().unwrap_or_default(),
        arguments[2]["pushApplicationID"]
            .as_str()
            .unwrap_or_default(),
    ]
}

/// Two users with a registration each: the first of a private id, the second of one of OMNA's.
fn two_users(desk: &Desk) -> anyhow::Result<[(User, String); 2]> {
    let (mut mine, mut theirs) = (desk.user(DAEMON)?, desk.user(NOBODY)?);
    let ids = [mine.register(PRIVATE)?, theirs.register(OMNA)?];
    let [my_id, their_id] = ids;
    Ok([(mine, my_id), (theirs, their_id)])
}

/// The first hears of its registration when it calls, once; the second, and whoever else, hears nothing.
fn hears_alone(
    desk: &Desk,
    users: [(User, String); 2],
    cause: &str,
    left: usize,
) -> anyhow::Result<()> {
    let [(mut mine, id), (mut theirs, _)] = users;
    for is_new in [false, true] {
        if is_new {
            mine = desk.user(DAEMON)?;
        }
        let told = mine.signals(CHANGED)?;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(change(&told[0]), [id.as_str(), cause, PRIVATE]);
        assert!(mine.signals(CHANGED)?.is_empty(), "it was told already");
    }
    assert!(theirs.signals(CHANGED)?.is_empty());
    assert!(desk.user(ROOT)?.signals(CHANGED)?.is_empty());
    let listed = mine.answer("List", &[json!({})])?;
    assert_eq!(listed.as_array().map(Vec::len), Some(left), "{listed}");
    Ok(())
}

/// The administrator takes ids of OMNA alone from now on.
fn an_application_hears_that_its_registration_is_invalidated(kind: Kind) -> anyhow::Result<()> {
    let Some(mut desk) = Desk::start(kind, |_| String::new())? else {
        return Ok(());
    };
    let users = two_users(&desk)?;
    desk.restart("[applications]\nomna_only = true")?;
    hears_alone(&desk, users, "invalidated", 1)?;
    // With the former policy there is nothing to say.
    desk.restart("")?;
    assert!(desk.user(DAEMON)?.signals(CHANGED)?.is_empty());
    Ok(())
}

/// The administrator lets the other owner alone register from now on.
fn an_application_hears_that_its_registration_is_revoked(kind: Kind) -> anyhow::Result<()> {
    let Some(mut desk) = Desk::start(kind, |_| String::new())? else {
        return Ok(());
    };
    let users = two_users(&desk)?;
    let owner = desk.owner_of(OMNA)?;
    desk.restart(&format!("[applications]\nallowed_owners = [\"{owner}\"]"))?;
    hears_alone(&desk, users, "revoked", 0)?;
    let request = json!({"pushApplicationID": PRIVATE});
    let again = desk
        .user(DAEMON)?
        .refusal("Register", &[request, json!({})])?;
    assert_eq!(again.0, "NotAuthorized", "{again:?}");
    Ok(())
}

/// A gateway that accepts connections, for as long as this value lives.
struct Gateway {
    address: Ipv4Addr,
    is_open: Arc<AtomicBool>,
    accepting: Option<thread::JoinHandle<()>>,
}

impl Gateway {
    fn open(address: Ipv4Addr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((address, GATEWAY_PORT))?;
        let is_open = Arc::new(AtomicBool::new(true));
        let open = Arc::clone(&is_open);
        let accepting = thread::spawn(move || {
            let mut connections = Vec::new();
            while let Ok((connection, _)) = listener.accept() {
                if !open.load(Ordering::Relaxed) {
                    break;
                }
                connections.push(connection);
            }
        });
        Ok(Self {
            address,
            is_open,
            accepting: Some(accepting),
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::Relaxed);
        // It looks when somebody connects.
        drop(TcpStream::connect((self.address, GATEWAY_PORT)));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

fn dialling(gateway: Ipv4Addr) -> String {
    format!(
        "[ota_http]\nbackoff_base = \"20ms\"\nbackoff_limit = \"100ms\"\n\
         [[ota_http.ppg]]\nid = \"ppg.example\"\naddress = \"{gateway}:{GATEWAY_PORT}\"\nconnect = \"always\"\n"
    )
}

fn over_http(application: &str) -> Value {
    json!({"pushApplicationID": application, "connectionProfile": [{"protocol": "OTA-HTTP"}]})
}

fn an_application_hears_that_its_registration_is_lost_and_restored(
    kind: Kind,
) -> anyhow::Result<()> {
    let mut gateway = None;
    let start = Desk::start(kind, |address| {
        gateway = Gateway::open(address).ok();
        dialling(address)
    });
    let Some(desk) = start? else {
        return Ok(());
    };
    let (mut mine, mut theirs) = (desk.user(DAEMON)?, desk.user(NOBODY)?);
    let registered = mine.answer("Register", &[over_http(PRIVATE), json!({})])?;
    let over_wsp =
        json!({"pushApplicationID": OMNA, "connectionProfile": [{"protocol": "OTA-WSP"}]});
    theirs.answer("Register", &[over_wsp, json!({})])?;
    let id = registered["registrationID"].as_str().unwrap_or_default();
    drop(gateway);
    assert_eq!(change(&mine.signal(CHANGED)?), [id, "lost", PRIVATE]);
    // Whoever comes while it is lost hears of it as well.
    let later = desk.user(DAEMON)?.signals(CHANGED)?;
    assert_eq!(change(&later[0]), [id, "lost", PRIVATE]);
    let _gateway = wait_for("the port of the gateway", || {
        Ok(Gateway::open(desk.network.host(1)).ok())
    })?;
    assert_eq!(change(&mine.signal(CHANGED)?), [id, "restored", PRIVATE]);
    assert!(desk.user(DAEMON)?.signals(CHANGED)?.is_empty());
    assert!(theirs.signals(CHANGED)?.is_empty());
    Ok(())
}

/// The state of the gateway that properties show.
fn state_of(sources: &Value) -> &str {
    let sources = sources.as_array().map(Vec::as_slice).unwrap_or_default();
    let gateway = sources
        .iter()
        .find(|source| source["protocol"] == "OTA-HTTP");
    gateway
        .and_then(|source| source["state"].as_str())
        .unwrap_or_default()
}

fn properties_say_what_the_client_has_and_change_with_it(kind: Kind) -> anyhow::Result<()> {
    let mut gateway = None;
    let start = Desk::start(kind, |address| {
        gateway = Gateway::open(address).ok();
        dialling(address)
    });
    let Some(desk) = start? else {
        return Ok(());
    };
    let mut user = desk.user(NOBODY)?;
    let version = user.property("Version")?;
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    assert_eq!(user.property("Protocols")?, json!(["OTA-HTTP", "OTA-WSP"]));
    assert_eq!(user.property("Bearers")?, json!(["IP"]));
    wait_for("a connection to the gateway", || {
        let state = user.property("Sources")?;
        Ok((state_of(&state) == "announced").then_some(()))
    })?;
    // It is kept for those who are registered over it.
    user.answer("Register", &[over_http(OMNA), json!({})])?;
    user.signals("PropertiesChanged")?;
    drop(gateway);
    // It may be asked for a while before it cannot be reached.
    loop {
        let told = user.signal("PropertiesChanged")?;
        assert_eq!(told[0], "org.pushcai.Client1");
        let changed: Vec<_> = told[1].as_object().into_iter().flatten().collect();
        assert_eq!(changed.len(), 1, "{told}");
        assert_eq!(changed[0].0, "Sources");
        if state_of(changed[0].1) == "unreachable" {
            break;
        }
    }
    assert_eq!(state_of(&user.property("Sources")?), "unreachable");
    let refused = user.call_on(
        "org.freedesktop.DBus.Properties",
        "Set",
        &[json!("org.pushcai.Client1"), json!("Version"), json!("9")],
    )?;
    assert!(refused.is_err(), "{refused:?}");
    Ok(())
}
