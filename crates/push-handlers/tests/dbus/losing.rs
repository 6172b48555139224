//! What an application hears of its registration.

use push_client::Settings;
use push_dbus::HANDLER_PATH;
use push_testkit::Bus;
use zbus::Connection;

use crate::service::{outcome, serve_all};
use crate::stage::Stage;

const NAME: &str = "org.example.App";
const BIN: u32 = 2;
/// The interface as it is installed beside the program.
const INSTALLED: &str = include_str!("../../../../packaging/dbus/org.pushcai.Handler1.xml");

#[tokio::test]
async fn an_application_hears_that_its_registration_was_revoked() {
    let Some(mut bus) = Bus::start() else {
        return;
    };
    let store = bus.services().join("store.db");
    let application = bus.connect_as(BIN).await;
    let (_taken, mut losses) = serve_all(&application, NAME, |_| outcome("accepted")).await;
    let mut known = None;
    for allowed_owners in [None, Some(vec!["uid:0".into()])] {
        let settings = Settings {
            allowed_owners,
            ..Settings::default()
        };
        let stage = Stage::on(bus, settings, Some(&store));
        if known.is_none() {
            known = stage.register(BIN, "dbus:org.example.App").await.ok();
        } else {
            let lost = losses.recv().await.unwrap();
            assert_eq!(lost, (known.clone().unwrap(), "revoked".to_owned()));
        }
        bus = stage.end().await;
    }
}

#[tokio::test]
async fn the_interface_that_is_installed_is_the_one_that_is_called() {
    let Some(bus) = Bus::start() else {
        return;
    };
    let connection = bus.connect().await;
    let _receivers = serve_all(&connection, NAME, |_| outcome("accepted")).await;
    let served = introspected(&bus.connect().await).await;
    let tags = |text: &str| {
        let start = text
            .find("<interface name=\"org.pushcai.Handler1\">")
            .unwrap();
        let end = start + text[start..].find("</interface>").unwrap();
        let lines = text[start..end].lines().map(str::trim);
        let tags = lines.filter(|line| line.starts_with("<method") || line.starts_with("<arg"));
        let mut methods: Vec<String> = Vec::new();
        for tag in tags {
            if tag.starts_with("<method") {
                methods.push(String::new());
            }
            methods.last_mut().unwrap().push_str(tag);
        }
        methods.sort();
        methods
    };
    assert_eq!(tags(INSTALLED), tags(&served));
    assert_eq!(tags(INSTALLED).len(), 2);
}

async fn introspected(connection: &Connection) -> String {
    let introspectable = "org.freedesktop.DBus.Introspectable";
    let answer = connection.call_method(
        Some(NAME),
        HANDLER_PATH,
        Some(introspectable),
        "Introspect",
        &(),
    );
    answer.await.unwrap().body().deserialize().unwrap()
}
