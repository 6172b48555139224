//! What the object says of itself, and what is tolerated.

use push_dbus::{NAME, PATH};
use tokio::task::JoinSet;
use zbus::Variant;

use crate::stage::{Options, Stage, call, maps, options, refused, register};

/// The interface as it is installed beside the program.
const INSTALLED: &str = include_str!("../../../../packaging/dbus/org.pushcai.Client1.xml");

#[tokio::test]
async fn the_interface_that_is_installed_is_the_one_that_is_served() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let application = stage.bus.connect().await;
    let introspectable = "org.freedesktop.DBus.Introspectable";
    let answer = application
        .call_method(Some(NAME), PATH, Some(introspectable), "Introspect", &())
        .await
        .unwrap();
    let served: String = answer.body().deserialize().unwrap();
    let start = served
        .find("  <interface name=\"org.pushcai.Client1\">")
        .unwrap();
    let length = served[start..].find("</interface>").unwrap() + "</interface>".len();
    let interface = &served[start..start + length];
    let document = format!("<node>\n{interface}\n</node>\n");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../packaging/dbus/org.pushcai.Client1.xml"
        );
        std::fs::write(path, &document).unwrap();
    } else {
        assert_eq!(
            document, INSTALLED,
            "run UPDATE_DOCS=1 cargo test -p push-dbus"
        );
    }
    stage.stop().await;
}

#[tokio::test]
async fn large_content_comes_by_descriptor() {
    use std::io::Read as _;
    let Some(stage) = Stage::with(|settings| settings.inline_content = 16).await else {
        return;
    };
    let application = stage.bus.connect().await;
    let id = register(&application).await;
    let large = [b'a'; 600];
    stage.push(1, &large);
    stage.push(2, b"small");
    let mut events = Vec::new();
    while events.len() < 2 {
        let fetched = call(&application, "Fetch", &(&id, 5_u32, 60_000_u32))
            .await
            .unwrap();
        events.extend(maps(&fetched));
    }
    let Variant::Fd(file) = &*events[0]["contentFd"] else {
        panic!("{events:?}");
    };
    let file = std::os::fd::AsFd::as_fd(file).try_clone_to_owned().unwrap();
    let mut read = Vec::new();
    std::fs::File::from(file).read_to_end(&mut read).unwrap();
    assert_eq!(read, large);
    assert!(!events[0].contains_key("content"));
    assert!(events[1].contains_key("content"));
    stage.stop().await;
}

#[tokio::test]
async fn a_bus_that_comes_back_is_served_again() {
    let Some(mut stage) = Stage::start().await else {
        return;
    };
    let id = register(&stage.bus.connect().await).await;
    stage.bus.end();
    assert!(stage.bus.run_daemon());
    stage.served().await;
    let application = stage.bus.connect().await;
    let listed = maps(
        &call(&application, "List", &(Options::new(),))
            .await
            .unwrap(),
    );
    assert_eq!(crate::stage::text(&listed[0], "registrationID"), id);
    stage.stop().await;
}

#[tokio::test]
async fn calls_beyond_the_bounds_are_refused_and_the_others_answered() {
    let Some(stage) = Stage::with(|settings| settings.max_calls_per_connection = 4).await else {
        return;
    };
    let hostile = stage.bus.connect().await;
    register(&hostile).await;
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let hostile = hostile.clone();
        calls.spawn(async move { call(&hostile, "Fetch", &("", 1_u32, 300_000_u32)).await });
    }
    let mut refusals = 0;
    while refusals < 96 {
        let ended = calls.join_next().await.unwrap().unwrap();
        let error = ended.unwrap_err().to_string();
        assert!(error.contains("org.pushcai.Error.QuotaExceeded"), "{error}");
        refusals += 1;
    }
    // Others do not notice.
    let other = stage.bus.connect().await;
    let listed = call(&other, "List", &(Options::new(),)).await.unwrap();
    assert_eq!(maps(&listed).len(), 1);
    let (name, _) = refused(&hostile, "List", &(options([("a", Variant::U8(1))]),)).await;
    assert_eq!(name, "org.pushcai.Error.QuotaExceeded");
    stage.stop().await;
}
