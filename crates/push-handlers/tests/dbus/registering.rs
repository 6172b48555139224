//! Which services may be named.

use std::fs;

use push_message::Reason;

use crate::service::{outcome, serve};
use crate::stage::Stage;

const DAEMON: u32 = 1;
const BIN: u32 = 2;

#[tokio::test]
async fn a_service_that_is_not_there_is_refused_with_what_is_missing() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let refusal = stage
        .register(DAEMON, "dbus:org.example.None")
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::OptionNotAvailable);
    assert_eq!(refusal.option, Some("eventHandler"));
    assert!(
        refusal.detail.contains("install org.example.None.service"),
        "{}",
        refusal.detail
    );
    let refusal = stage.register(DAEMON, "dbus:none").await.unwrap_err();
    assert_eq!(refusal.reason, Reason::InvalidRequest);
}

#[tokio::test]
async fn a_service_that_runs_is_its_users_and_the_administrators() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let application = stage.bus.connect_as(DAEMON).await;
    let _taken = serve(&application, "org.example.App", |_| outcome("accepted")).await;
    let refusal = stage
        .register(BIN, "dbus:org.example.App")
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::NotAuthorized);
    stage
        .register(DAEMON, "dbus:org.example.App")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_service_that_may_be_started_is_the_users_that_its_file_names() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let install = |name: &str, user: &str| {
        let text = format!("[D-BUS Service]\nName={name}\nExec=/bin/false\n{user}\n");
        fs::write(stage.bus.services().join(format!("{name}.service")), text).unwrap();
    };
    install("org.example.Daemon", "User=daemon");
    install("org.example.Root", "User=root");
    install("org.example.Unsaid", "");
    stage
        .register(DAEMON, "dbus:org.example.Daemon")
        .await
        .unwrap();
    for name in ["org.example.Root", "org.example.Unsaid"] {
        let refusal = stage
            .register(DAEMON, &format!("dbus:{name}"))
            .await
            .unwrap_err();
        assert_eq!(refusal.reason, Reason::NotAuthorized, "{name}");
    }
    let refusal = stage
        .register(BIN, "dbus:org.example.Daemon")
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::NotAuthorized);
}
