//! What a service is given, and what its answers come to.

use std::fs;
use std::time::Duration;

use push_api::{Happening, WatchStream as _};
use tokio::task::yield_now;
use tokio::time::sleep;
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream, fdo};

use crate::service::{outcome, serve};
use crate::stage::{INLINE, Stage};

const NAME: &str = "org.example.App";
const HANDLER: &str = "dbus:org.example.App";
const DAEMON: u32 = 1;
const BIN: u32 = 2;

#[tokio::test]
async fn a_closed_application_is_started_once_and_given_all_that_waits_in_order() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let record = stage.bus.services().join("record");
    let program = std::env::current_exe().unwrap();
    // What the bus writes to is closed.
    let command = format!(
        "PUSHCAI_TEST_RECORD={} exec {} --ignored --exact service::started_by_the_bus >/dev/null 2>&1",
        record.display(),
        program.display()
    );
    let service = format!(
        "[D-BUS Service]\nName=org.example.Closed\nUser=root\nExec=/bin/sh -c '{command}'\n"
    );
    // It is installed after the bus was started.
    let file = stage.bus.services().join("org.example.Closed.service");
    fs::write(file, service).unwrap();
    stage.register(0, "dbus:org.example.Closed").await.unwrap();
    for (transaction, body) in [(1, "one"), (2, "two"), (3, "three")] {
        stage.push(transaction, body.as_bytes()).await;
    }
    let lines = loop {
        let text = fs::read_to_string(&record).unwrap_or_default();
        if text.lines().count() >= 3 {
            break text;
        }
        sleep(Duration::from_millis(10)).await;
    };
    let lines: Vec<_> = lines
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let bodies: Vec<_> = lines.iter().map(|(_, body)| *body).collect();
    assert_eq!(bodies, ["one", "two", "three"]);
    assert!(
        lines.iter().all(|(process, _)| *process == lines[0].0),
        "{lines:?}"
    );
}

#[tokio::test]
async fn events_keep_their_order_with_many_under_way_some_of_them_by_descriptor() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let gone = stage.bus.connect().await;
    let _nothing = serve(&gone, NAME, |_| outcome("accepted")).await;
    stage.register(0, HANDLER).await.unwrap();
    // All of them wait, so that it is given several at one time.
    gone.close().await.unwrap();
    let content = |number: u8| {
        let padding = if number.is_multiple_of(3) { INLINE } else { 0 };
        format!("{number}{:padding$}", "")
    };
    for number in 1..=40 {
        stage.push(number, content(number).as_bytes()).await;
    }
    let connection = stage.bus.connect().await;
    let mut taken = serve(&connection, NAME, |_| outcome("accepted")).await;
    for number in 1..=40 {
        let event = taken.recv().await.unwrap();
        assert_eq!((event.content, event.attempt), (content(number), 1));
    }
}

#[tokio::test]
async fn later_and_errors_bring_an_event_again_and_rejected_makes_a_dead_letter() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let connection = stage.bus.connect().await;
    let mut taken = serve(&connection, NAME, |event| match event.attempt {
        1 => outcome("later"),
        2 => Err(fdo::Error::Failed("not now".to_owned())),
        3 => outcome("perhaps"),
        _ => outcome("rejected"),
    })
    .await;
    stage.register(0, HANDLER).await.unwrap();
    stage.push(1, b"again").await;
    for attempt in 1..=4 {
        assert_eq!(taken.recv().await.unwrap().attempt, attempt);
    }
    while stage.dead_letters().await == 0 {
        yield_now().await;
    }
    assert!(taken.try_recv().is_err());
}

#[tokio::test]
async fn a_crash_counts_against_the_event_that_was_held_and_loses_none() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let silent = stage.bus.connect().await;
    let mut calls = keep_silent(&silent).await;
    stage.register(0, HANDLER).await.unwrap();
    stage.push(1, b"poison").await;
    stage.push(2, b"behind").await;
    for _ in 0..2 {
        push_dbus::next_message(&mut calls).await.unwrap();
    }
    drop(calls);
    silent.close().await.unwrap();
    let connection = stage.bus.connect().await;
    let mut taken = serve(&connection, NAME, |_| outcome("accepted")).await;
    let first = taken.recv().await.unwrap();
    assert_eq!((first.content.as_str(), first.attempt), ("poison", 2));
    assert_eq!(taken.recv().await.unwrap().content, "behind");
}

/// Takes calls on a connection, and answers on none.
async fn keep_silent(connection: &Connection) -> MessageStream {
    let rule = MatchRule::builder().msg_type(Type::MethodCall).build();
    let calls = MessageStream::for_match_rule(rule.unwrap(), connection, None).await;
    connection.request_name(NAME).await.unwrap();
    calls.unwrap()
}

#[tokio::test]
async fn what_was_under_way_as_the_bus_went_comes_again_and_counts_no_attempt() {
    let Some(mut stage) = Stage::start() else {
        return;
    };
    let silent = stage.bus.connect().await;
    let mut calls = keep_silent(&silent).await;
    stage.register(0, HANDLER).await.unwrap();
    stage.push(1, b"under way").await;
    push_dbus::next_message(&mut calls).await.unwrap();
    stage.bus.end();
    assert!(stage.bus.run_daemon());
    let connection = stage.bus.connect().await;
    let mut taken = serve(&connection, NAME, |_| outcome("accepted")).await;
    let event = taken.recv().await.unwrap();
    assert_eq!((event.content.as_str(), event.attempt), ("under way", 1));
}

#[tokio::test]
async fn whoever_takes_the_name_later_gets_nothing_of_anothers() {
    let Some(stage) = Stage::start() else {
        return;
    };
    let mine = stage.bus.connect_as(DAEMON).await;
    let mut taken = serve(&mine, NAME, |_| outcome("accepted")).await;
    stage.register(DAEMON, HANDLER).await.unwrap();
    stage.push(1, b"first").await;
    assert_eq!(taken.recv().await.unwrap().content, "first");
    stage.until_completed(1).await;
    let mut failures = stage.watch_failures().await;
    mine.close().await.unwrap();
    let thief = stage.bus.connect_as(BIN).await;
    let mut stolen = serve(&thief, NAME, |_| outcome("accepted")).await;
    stage.push(2, b"second").await;
    // The way that was open may be tried first: it led to a connection that is gone.
    loop {
        let failed = failures.next().await.unwrap().what;
        let Happening::HandlerFailed { reason, .. } = failed else {
            panic!("nothing else is watched");
        };
        if reason.contains("belongs to user 2, and not to uid:1") {
            break;
        }
    }
    assert!(stolen.try_recv().is_err());
    thief.close().await.unwrap();
    let mine = stage.bus.connect_as(DAEMON).await;
    let mut taken = serve(&mine, NAME, |_| outcome("accepted")).await;
    assert_eq!(taken.recv().await.unwrap().content, "second");
    assert!(stolen.try_recv().is_err());
}

#[tokio::test]
async fn the_bus_may_go_away_and_come_back() {
    let Some(mut stage) = Stage::start() else {
        return;
    };
    let connection = stage.bus.connect().await;
    let mut taken = serve(&connection, NAME, |_| outcome("accepted")).await;
    stage.register(0, HANDLER).await.unwrap();
    stage.push(1, b"before").await;
    assert_eq!(taken.recv().await.unwrap().content, "before");
    stage.until_completed(1).await;
    stage.bus.end();
    stage.push(2, b"after").await;
    assert!(stage.bus.run_daemon());
    let connection = stage.bus.connect().await;
    let mut taken = serve(&connection, NAME, |_| outcome("accepted")).await;
    assert_eq!(taken.recv().await.unwrap().content, "after");
}
