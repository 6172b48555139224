//! Messages that are larger than anybody needs.

use std::os::fd::OwnedFd;

use push_dbus::{NAME, PATH, connect_bounded};
use zbus::message::Flags;
use zbus::{Message, Variant};

use crate::stage::{Options, Stage, call, maps, options, refused, register, settings};

const OCTETS: usize = 4 * 1024 * 1024;

fn huge() -> (Options, Options) {
    (
        options([("Accept", Variant::new(vec![7_u8; OCTETS]))]),
        Options::new(),
    )
}

#[tokio::test]
async fn a_call_that_is_too_large_is_refused_and_others_are_answered() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let hostile = stage.bus.connect().await;
    let most = settings(&stage.bus).max_message;
    let (name, detail) = refused(&hostile, "Register", &huge()).await;
    assert_eq!(name, "org.pushcai.Error.InvalidRequest");
    assert!(detail.contains(&most.to_string()), "{detail}");
    // Nobody asks for answers to these, and signals have none.
    for message in [
        Message::method_call(PATH, "Register").with_flags(Flags::NO_REPLY_EXPECTED),
        Message::signal(PATH, NAME, "Anything"),
    ] {
        let message = message.destination(NAME).interface(NAME);
        hostile
            .send(&message.build(&huge()).unwrap())
            .await
            .unwrap();
    }
    let id = register(&hostile).await;
    let other = stage.bus.connect().await;
    let listed = maps(&call(&other, "List", &(Options::new(),)).await.unwrap());
    assert_eq!(crate::stage::text(&listed[0], "registrationID"), id);
    stage.stop().await;
}

#[tokio::test]
async fn as_much_as_is_taken_is_read() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let application = stage.bus.connect().await;
    // An array of octets is many values, however few octets it has.
    let accept = options([("Accept", Variant::new(vec![7_u8; 100_000]))]);
    let (name, detail) = refused(&application, "Register", &(accept, Options::new())).await;
    assert_eq!(name, "org.pushcai.Error.InvalidRequest");
    assert!(
        detail.starts_with("Accept: there are more than"),
        "{detail}"
    );
    stage.stop().await;
}

#[tokio::test]
async fn descriptors_that_nobody_asked_for_are_closed() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let hostile = stage.bus.connect().await;
    let path = stage.bus.services().join("brought");
    std::fs::write(&path, "").unwrap();
    for _ in 0..50 {
        let file = OwnedFd::from(std::fs::File::open(&path).unwrap());
        let accept = options([("Accept", Variant::Fd(zbus::Fd::from(file)))]);
        let answer = call(&hostile, "Register", &(accept, Options::new())).await;
        assert!(matches!(answer, Err(zbus::Error::FDO(_))), "{answer:?}");
    }
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = entries.map(|entry| std::fs::read_link(entry.unwrap().path()));
    assert_eq!(
        targets.flatten().filter(|target| *target == path).count(),
        0
    );
    stage.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_comes_without_its_body() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let application = connect_bounded(
        &settings(&stage.bus).address,
        std::time::Duration::from_secs(30),
        1000,
    )
    .await
    .unwrap();
    register(&application).await;
    for transaction in 1..=20 {
        stage.push(transaction, &[b'x'; 200]);
    }
    let mut seen = 0;
    while seen < 20 {
        let fetched = call(&application, "Fetch", &("", 10_u32, 30_000_u32))
            .await
            .unwrap();
        let body = fetched.body();
        seen += if body.is_empty() {
            20
        } else {
            body.deserialize::<Vec<crate::stage::Map>>().unwrap().len()
        };
    }
    // The connection is as good as before.
    let listed = call(
        &application,
        "List",
        &(options([("registrationID", Variant::new("0"))]),),
    )
    .await;
    assert_eq!(maps(&listed.unwrap()).len(), 0);
    stage.stop().await;
}

#[tokio::test]
async fn what_the_content_says_counts_in_an_answer() {
    let Some(stage) = Stage::with(|settings| settings.max_answer_octets = 30_000).await else {
        return;
    };
    let application = stage.bus.connect().await;
    let id = register(&application).await;
    // An MMS notification of few octets: an address, of which each octet says six in JSON.
    let notification = [&b"\x8c\x82\x98T1\0\x8d\x90\x83"[..], &[0x01; 1_200], b"\0"].concat();
    for transaction in 1..=9 {
        stage.push(transaction, &notification);
    }
    let mut taken = 0;
    while taken < 9 {
        let body = (&id, 9_u32, 60_000_u32);
        let answer = call(&application, "Fetch", &body).await.unwrap();
        assert!(answer.body().data().len() < 40_000, "{taken}");
        let events = maps(&answer);
        assert!(events[0].contains_key("decoded") && events.len() < 9);
        taken += events.len();
    }
    stage.stop().await;
}
