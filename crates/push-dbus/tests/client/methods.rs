//! Every method, and every road to an error.

use zbus::Variant;

use crate::stage::{
    Options, Stage, call, map, maps, options, refused, register, text, wait_until_gone,
};

// Users that every system has; a bus lets nobody in who is not in its user database.
const DAEMON: u32 = 1;
const BIN: u32 = 2;

#[tokio::test]
async fn an_application_registers_is_listed_takes_its_events_and_deregisters() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let application = stage.bus.connect().await;
    let id = register(&application).await;
    let listed = call(&application, "List", &(Options::new(),))
        .await
        .unwrap();
    let listed = maps(&listed);
    assert_eq!(listed.len(), 1);
    assert_eq!(text(&listed[0], "registrationID"), id);
    assert_eq!(
        text(&listed[0], "pushApplicationID"),
        "x-wap-application:mms.ua"
    );
    stage.push(1, b"hello");
    let fetched = call(&application, "Fetch", &(&id, 5_u32, 60_000_u32))
        .await
        .unwrap();
    let events = maps(&fetched);
    assert_eq!(events.len(), 1);
    let content: Vec<u8> = events[0]["content"]
        .try_clone()
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(content, b"hello");
    let event = text(&events[0], "id");
    call(&application, "Ack", &(vec![event.as_str()], "accepted"))
        .await
        .unwrap();
    let fetched = call(&application, "Fetch", &(&id, 5_u32, 0_u32))
        .await
        .unwrap();
    assert!(maps(&fetched).is_empty());
    let ended = call(&application, "Deregister", &("4", Options::new()))
        .await
        .unwrap();
    assert_eq!(text(&map(&ended), "result"), "success");
    let (name, _) = refused(&application, "Deregister", &("4", Options::new())).await;
    assert_eq!(name, "org.pushcai.Error.NotRegistered");
    stage.stop().await;
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_by_name() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let application = stage.bus.connect().await;
    let id = register(&application).await;
    let named = |name: &'static str, value: Variant<'static>| {
        let request = options([("pushApplicationID", Variant::new("4")), (name, value)]);
        (request, Options::new())
    };
    for (body, error, part) in [
        (
            named("aplicationID", Variant::new("a")),
            "InvalidRequest",
            "did you mean `applicationID`?",
        ),
        (
            named("eventHandler", Variant::new("smoke:signals")),
            "UnsupportedOption",
            "eventHandler: ",
        ),
        (
            named("Accept", Variant::new("a b c")),
            "InvalidRequest",
            "Accept: ",
        ),
    ] {
        let (name, message) = refused(&application, "Register", &body).await;
        assert_eq!(name, format!("org.pushcai.Error.{error}"), "{message}");
        assert!(message.contains(part), "{message}");
    }
    let unknown = options([("colour", Variant::new("red"))]);
    let (name, _) = refused(&application, "List", &(unknown,)).await;
    assert_eq!(name, "org.pushcai.Error.InvalidRequest");
    for (max, wait, part) in [
        (0_u32, 0_u32, "max: "),
        (5000, 0, "max: "),
        (1, 999_999_999, "wait_ms: "),
    ] {
        let (name, message) = refused(&application, "Fetch", &(&id, max, wait)).await;
        assert_eq!(name, "org.pushcai.Error.InvalidRequest");
        assert!(message.starts_with(part), "{message}");
    }
    let (name, _) = refused(&application, "Fetch", &("0000000000000bad", 1_u32, 0_u32)).await;
    assert_eq!(name, "org.pushcai.Error.NotRegistered");
    let (_, message) = refused(&application, "Ack", &(vec!["1"], "acepted")).await;
    assert!(message.contains("did you mean `accepted`?"), "{message}");
    let (_, message) = refused(&application, "Ack", &(Vec::<&str>::new(), "accepted")).await;
    assert!(message.starts_with("event_ids: 0 events"), "{message}");
    let nobodys = vec!["00000000000000ff"];
    let (name, _) = refused(&application, "Ack", &(nobodys, "accepted")).await;
    assert_eq!(name, "org.pushcai.Error.NotRegistered");
    stage.stop().await;
}

#[tokio::test]
async fn another_users_registrations_and_events_are_not_seen() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let mine = stage.bus.connect_as(DAEMON).await;
    let theirs = stage.bus.connect_as(BIN).await;
    let id = register(&mine).await;
    let listed = call(&theirs, "List", &(Options::new(),)).await.unwrap();
    assert!(maps(&listed).is_empty());
    stage.push(1, b"mine");
    let fetched = call(&mine, "Fetch", &(&id, 1_u32, 60_000_u32))
        .await
        .unwrap();
    let event = text(&maps(&fetched)[0], "id");
    let (name, _) = refused(&theirs, "Fetch", &(&id, 1_u32, 0_u32)).await;
    assert_eq!(name, "org.pushcai.Error.NotRegistered");
    let fetched = call(&theirs, "Fetch", &("", 1_u32, 0_u32)).await.unwrap();
    assert!(maps(&fetched).is_empty());
    let (name, _) = refused(&theirs, "Ack", &(vec![event], "accepted")).await;
    assert_eq!(name, "org.pushcai.Error.NotRegistered");
    let (name, _) = refused(&theirs, "Deregister", &("4", Options::new())).await;
    assert_eq!(name, "org.pushcai.Error.NotRegistered");
    let request = options([("pushApplicationID", Variant::new("4"))]);
    let (name, _) = refused(&theirs, "Register", &(request, Options::new())).await;
    assert_eq!(name, "org.pushcai.Error.AlreadyRegistered");
    // An administrator sees whose it is.
    let root = stage.bus.connect().await;
    let listed = maps(&call(&root, "List", &(Options::new(),)).await.unwrap());
    assert_eq!(text(&listed[0], "owner"), format!("uid:{DAEMON}"));
    stage.stop().await;
}

#[tokio::test]
async fn a_fetch_ends_with_its_caller_and_takes_nothing_along() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let application = stage.bus.connect().await;
    let id = register(&application).await;
    let leaving = stage.bus.connect().await;
    let name = leaving.unique_name().unwrap().to_string();
    let waiting = leaving.clone();
    let fetching = id.clone();
    let fetch =
        tokio::spawn(async move { call(&waiting, "Fetch", &(fetching, 1_u32, 60_000_u32)).await });
    // Its second call is answered after the first was taken up.
    call(&leaving, "List", &(Options::new(),)).await.unwrap();
    leaving.close().await.unwrap();
    assert!(fetch.await.unwrap().is_err());
    // The Push Client hears of it before what is asked after it.
    wait_until_gone(&application, &name).await;
    for _ in 0..3 {
        call(&application, "List", &(Options::new(),))
            .await
            .unwrap();
    }
    // Another connection of the same owner has the event, as the first attempt.
    stage.push(1, b"kept");
    let fetched = call(&application, "Fetch", &(&id, 1_u32, 60_000_u32))
        .await
        .unwrap();
    let events = maps(&fetched);
    let attempt: u32 = events[0]["attempt"]
        .try_clone()
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(attempt, 1);
    stage.stop().await;
}
