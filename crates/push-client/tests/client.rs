//! The Push Client as an application of the same process sees it: real sockets on loopback, a real store.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/datagrams.rs"]
mod datagrams;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use push_api::{Caller, EventStream as _, ExplainRequest, Owner, PushService as _, Reason};
use push_client::{
    Acknowledgement, Application, BuildError, Builder, Client, ClientSettings,
    DeregistrationRequest, Event, Events, Outcome, RegistrationRequest, Selector, Settings,
};

use datagrams::Bench;

fn request(id: &str) -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: id.to_owned(),
        ..RegistrationRequest::default()
    }
}

fn stored(path: &Path) -> Builder {
    Builder::new().store(path.join("push.db"))
}

async fn stream(application: &Application) -> Events {
    application.subscribe(Selector::default()).await.unwrap()
}

async fn next(events: &mut Events) -> Event {
    let next = tokio::time::timeout(Duration::from_secs(20), events.next_event());
    next.await.unwrap().unwrap()
}

async fn accept(application: &Application, event: &Event) {
    let acknowledgement = Acknowledgement::new(event.id(), Outcome::Accepted);
    assert_eq!(
        application.acknowledge(vec![acknowledgement]).await,
        Ok(Vec::new())
    );
}

/// Waits until the status of the client is as wanted.
async fn status_until(
    client: &Client,
    wanted: impl Fn(&push_api::Status) -> bool,
) -> push_api::Status {
    let administrator = Caller {
        owner: Owner::proved("test"),
        administrator: true,
    };
    loop {
        let status = client.status(administrator.clone()).await.unwrap();
        if wanted(&status) {
            return status;
        }
        tokio::task::yield_now().await;
    }
}

//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the content that the Push Server sent.
//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the MIME type of its content.
//= specs/push-cai.md#accepted-registration
//= type=test
//# An accepted registration MUST be answered with a response that tells the application of its success.
#[tokio::test]
async fn a_push_reaches_the_application_that_registered() {
    let bench = Bench::start(Builder::new());
    let application = bench.client.application("app");
    application
        .register(request("x-wap-application:mms.ua"))
        .await
        .unwrap();
    let mut events = stream(&application).await;
    bench.push(1, b"one");
    let event = next(&mut events).await;
    assert_eq!(event.content(), b"one");
    assert_eq!(event.content_type(), "application/vnd.wap.mms-message");
    assert_eq!(event.attempt(), 1);
    assert_eq!(event.push_application_id().number(), Some(4));
    accept(&application, &event).await;
    let status = status_until(&bench.client, |status| status.unacknowledged_events == 0).await;
    assert_eq!(status.counters.get("completed"), Some(&1));
    bench.stop().await;
}

//= specs/push-cai.md#answer-to-a-deregistration
//= type=test
//# A deregistration that is accepted, and carried out with the Push Server where one has to be told, MUST be answered with a response that tells the application of its success.
#[tokio::test]
async fn a_deregistered_application_gets_nothing() {
    let bench = Bench::start(Builder::new());
    let application = bench.client.application("app");
    application.register(request("4")).await.unwrap();
    let deregistration = DeregistrationRequest {
        push_application_id: "4".to_owned(),
        ..DeregistrationRequest::default()
    };
    assert_eq!(
        application.deregister(deregistration.clone()).await,
        Ok(Vec::new())
    );
    let refusal = application.deregister(deregistration).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::NotRegistered);
    bench.push(1, b"late");
    let status = status_until(&bench.client, |status| {
        status.counters.contains_key("pushes.held")
    })
    .await;
    assert_eq!(status.held_events, 1);
    bench.stop().await;
}

#[tokio::test]
async fn registrations_and_events_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(stored(directory.path()));
    bench
        .client
        .application("app")
        .register(request("4"))
        .await
        .unwrap();
    for transaction in 0..40 {
        bench.push(transaction, &[b'#', transaction]);
    }
    status_until(&bench.client, |status| status.waiting_events == 40).await;
    bench.stop().await;

    let bench = Bench::start(stored(directory.path()));
    let application = bench.client.application("app");
    let mut events = stream(&application).await;
    for transaction in 0..40 {
        let event = next(&mut events).await;
        assert_eq!(event.content(), [b'#', transaction]);
        accept(&application, &event).await;
    }
    bench.stop().await;

    let bench = Bench::start(stored(directory.path()));
    let status = status_until(&bench.client, |_| true).await;
    assert_eq!((status.registrations, status.waiting_events), (1, 0));
    bench.stop().await;
}

#[tokio::test]
async fn what_came_before_the_order_to_stop_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(stored(directory.path()));
    bench
        .client
        .application("app")
        .register(request("4"))
        .await
        .unwrap();
    for transaction in 0..200 {
        bench.push(transaction, b"in time");
    }
    // The engine has had no turn since: all of them wait in the kernel.
    bench.stop().await;
    let bench = Bench::start(stored(directory.path()));
    assert_eq!(
        status_until(&bench.client, |_| true).await.waiting_events,
        200
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_flood_does_not_put_the_end_off() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(stored(directory.path()));
    let address = bench.client.listening()[0];
    let gateway = bench.gateway.try_clone().unwrap();
    let (ended, over) = std::sync::mpsc::channel::<()>();
    let flood = std::thread::spawn(move || {
        // Nobody is registered, so each push is kept and the oldest one dropped: there is always something to write.
        let mut number = 0_u64;
        while over.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let octets = [
                &[0, 0x06, 0x03, 0xBE, 0xAF, 0x84][..],
                &number.to_be_bytes(),
            ]
            .concat();
            gateway.send_to(&octets, address).ok();
            number += 1;
        }
    });
    status_until(&bench.client, |status| status.held_events > 100).await;
    let end = tokio::time::timeout(Duration::from_secs(20), bench.stop()).await;
    drop(ended);
    flood.join().unwrap();
    end.unwrap();
}

#[tokio::test]
async fn one_store_has_one_client() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(stored(directory.path()));
    let second = stored(directory.path()).build();
    assert!(matches!(second, Err(BuildError::Store(_))), "{second:?}");
    let address = bench.client.listening()[0];
    let taken = Builder::new().listen(address).build();
    assert!(matches!(taken, Err(BuildError::Listen { .. })), "{taken:?}");
    bench.stop().await;
}

#[tokio::test]
async fn a_store_without_room_refuses_until_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let settings = push_client::StoreSettings {
        max_pages: Some(96),
        ..Default::default()
    };
    let bench = Bench::start(stored(directory.path()).store_settings(settings));
    let application = bench.client.application("app");
    application.register(request("4")).await.unwrap();
    let body = [0x55; 8_000];
    let mut transaction = 0;
    let status = loop {
        bench.push(transaction, &body);
        transaction += 1;
        let judged = |status: &push_api::Status| {
            let judged = status
                .counters
                .iter()
                .filter(|(name, _)| name.starts_with("pushes."));
            judged.map(|(_, count)| count).sum::<u64>() == u64::from(transaction)
        };
        let status = status_until(&bench.client, judged).await;
        if status.store_failure.is_some() {
            break status;
        }
        assert!(transaction < 200, "the store never gets full");
    };
    assert_eq!(status.counters.get("pushes.noRoom"), Some(&1));
    let mut events = stream(&application).await;
    for expected in 0..transaction - 1 {
        let event = next(&mut events).await;
        assert_eq!(event.push().origin.transaction[0], expected);
        accept(&application, &event).await;
    }
    bench.push(250, b"room again");
    assert_eq!(next(&mut events).await.content(), b"room again");
    let status = status_until(&bench.client, |_| true).await;
    assert_eq!(status.store_failure, None);
    bench.stop().await;
}

#[tokio::test]
async fn owners_see_nothing_of_each_other() {
    let bench = Bench::start(Builder::new());
    let (alice, bob) = (
        bench.client.application("alice"),
        bench.client.application("bob"),
    );
    alice.register(request("4")).await.unwrap();
    assert_eq!(
        bob.register(request("4")).await.unwrap_err().reason,
        Reason::AlreadyRegistered
    );
    bench.push(1, b"for alice");
    let event = next(&mut stream(&alice).await).await;
    let acknowledgement = Acknowledgement::new(event.id(), Outcome::Accepted);
    let refused = bob.acknowledge(vec![acknowledgement]).await.unwrap();
    assert_eq!(refused[0].1.reason, Reason::NotRegistered);
    assert!(
        bob.fetch(Selector::default(), 10, Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
    let caller = |owner: &str| Caller {
        owner: Owner::proved(owner),
        administrator: false,
    };
    assert_eq!(
        bench
            .client
            .registrations(caller("alice"))
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(
        bench
            .client
            .registrations(caller("bob"))
            .await
            .unwrap()
            .is_empty()
    );
    let asked = ExplainRequest {
        push_application_id: Some("4".to_owned()),
        ..ExplainRequest::default()
    };
    let explained = bench
        .client
        .explain(caller("bob"), asked.clone())
        .await
        .unwrap();
    assert_eq!(explained.explanation.unwrap().verdict, "notRegistered");
    let explained = bench.client.explain(caller("alice"), asked).await.unwrap();
    assert_eq!(explained.explanation.unwrap().verdict, "accepted");
    bench.stop().await;
}

#[tokio::test]
async fn owners_that_share_an_id_see_nothing_of_each_other() {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let bench = Bench::start(Builder::new().listen(loopback));
    let (alice, bob) = (
        bench.client.application("alice"),
        bench.client.application("bob"),
    );
    let picky = RegistrationRequest {
        accept: Some("image/png".to_owned()),
        ..request("4")
    };
    alice.register(picky).await.unwrap();
    let port = bench.client.listening()[1].port();
    let own_port = push_client::ProfileRequest {
        port: Some(port.to_string()),
        ..push_client::ProfileRequest::default()
    };
    let elsewhere = RegistrationRequest {
        connection_profile: vec![own_port],
        ..request("4")
    };
    bob.register(elsewhere).await.unwrap();
    bench.push(1, b"no image");
    let refused = |status: &push_api::Status| status.counters.contains_key("pushes.contentType");
    status_until(&bench.client, refused).await;
    let to_port = |port| ExplainRequest {
        push_application_id: Some("4".to_owned()),
        port,
        ..ExplainRequest::default()
    };
    for (owner, refusals, at_standard_port, at_own_port) in [
        ("alice", 1, "contentType", "notRegistered"),
        ("bob", 0, "notRegistered", "accepted"),
    ] {
        let caller = Caller {
            owner: Owner::proved(owner),
            administrator: false,
        };
        for (port, verdict) in [(None, at_standard_port), (Some(port), at_own_port)] {
            let explained = bench
                .client
                .explain(caller.clone(), to_port(port))
                .await
                .unwrap();
            assert_eq!(explained.explanation.unwrap().verdict, verdict, "{owner}");
            assert_eq!(explained.recent.len(), refusals, "{owner}");
        }
    }
    bench.stop().await;
}

#[tokio::test]
async fn refusals_can_be_explained() {
    let bench = Bench::start(Builder::new().core_settings(Settings {
        hold_unmatched: Duration::ZERO,
        ..Settings::default()
    }));
    bench.push(1, b"nobody");
    let unmatched =
        |status: &push_api::Status| status.counters.contains_key("pushes.noSuchApplication");
    status_until(&bench.client, unmatched).await;
    bench
        .gateway
        .send_to(b"\x01\x07\x01\x83", bench.client.listening()[0])
        .unwrap();
    let refused = |status: &push_api::Status| {
        status
            .counters
            .contains_key("datagramsRefused.confirmedPush")
    };
    status_until(&bench.client, refused).await;
    let administrator = Caller {
        owner: Owner::proved("root"),
        administrator: true,
    };
    let recent = bench
        .client
        .explain(administrator, ExplainRequest::default())
        .await
        .unwrap()
        .recent;
    let verdicts: Vec<&str> = recent
        .iter()
        .map(|refused| refused.verdict.as_str())
        .collect();
    assert_eq!(verdicts, ["confirmedPush", "noSuchApplication"]);
    let stranger = Caller {
        owner: Owner::proved("stranger"),
        administrator: false,
    };
    assert!(
        bench
            .client
            .explain(stranger, ExplainRequest::default())
            .await
            .unwrap()
            .recent
            .is_empty()
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_full_queue_of_requests_waits_and_loses_none() {
    let settings = ClientSettings {
        request_queue: 1,
        max_unwritten: 1,
        ..ClientSettings::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(stored(directory.path()).client_settings(settings));
    let registrations: Vec<_> = (0..64)
        .map(|number| {
            let application = bench.client.application("app");
            tokio::spawn(async move {
                application
                    .register(request(&format!("x-acme:{number}")))
                    .await
            })
        })
        .collect();
    for registration in registrations {
        registration.await.unwrap().unwrap();
    }
    let caller = Caller {
        owner: Owner::proved("app"),
        administrator: false,
    };
    assert_eq!(bench.client.registrations(caller).await.unwrap().len(), 64);
    bench.stop().await;
}

#[tokio::test]
async fn an_application_that_reads_slowly_holds_its_window_alone() {
    let core = Settings {
        max_window: 4,
        ..Settings::default()
    };
    let bench = Bench::start(Builder::new().core_settings(core));
    let application = bench.client.application("app");
    application.register(request("4")).await.unwrap();
    let mut events = stream(&application).await;
    for transaction in 0..20 {
        bench.push(transaction, &[transaction]);
    }
    let status = status_until(&bench.client, |status| status.waiting_events == 16).await;
    assert_eq!(status.unacknowledged_events, 4);
    for transaction in 0..20 {
        let event = next(&mut events).await;
        assert_eq!(event.content(), [transaction]);
        accept(&application, &event).await;
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_dropped_stream_gives_its_events_to_the_next() {
    let bench = Bench::start(Builder::new());
    let application = bench.client.application("app");
    application.register(request("4")).await.unwrap();
    let mut first = stream(&application).await;
    bench.push(1, b"x");
    let lost = next(&mut first).await;
    drop(first);
    let mut second = stream(&application).await;
    let event = next(&mut second).await;
    assert_eq!((event.id(), event.attempt()), (lost.id(), 2));
    bench.stop().await;
}

#[tokio::test]
async fn a_fetch_waits_for_the_first_event_and_can_be_dropped() {
    let bench = Bench::start(Builder::new());
    let application = bench.client.application("app");
    application.register(request("4")).await.unwrap();
    let wait = Duration::from_mins(10);
    {
        let dropped = application.fetch(Selector::default(), 10, wait);
        let elapsed = tokio::time::timeout(Duration::from_millis(20), dropped).await;
        assert!(elapsed.is_err(), "nothing was pushed yet");
    }
    let waiting = tokio::spawn({
        let application = application.clone();
        async move {
            application
                .fetch(Selector::default(), 10, wait)
                .await
                .unwrap()
        }
    });
    bench.push(1, b"fetched");
    let events = waiting.await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].content(), events[0].attempt()),
        (&b"fetched"[..], 1)
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_host_name_in_a_whitelist_is_resolved() {
    let bench = Bench::start(Builder::new());
    let application = bench.client.application("app");
    let listed = RegistrationRequest {
        whitelist: vec!["localhost".to_owned()],
        ..request("4")
    };
    application.register(listed).await.unwrap();
    let resolved = |status: &push_api::Status| status.counters.get("hostsResolved") == Some(&1);
    status_until(&bench.client, resolved).await;
    bench.push(1, b"from localhost");
    assert_eq!(
        next(&mut stream(&application).await).await.content(),
        b"from localhost"
    );
    let elsewhere = RegistrationRequest {
        whitelist: vec!["192.0.2.1".to_owned()],
        ..request("4")
    };
    application.register(elsewhere).await.unwrap();
    bench.push(2, b"from localhost");
    let refused =
        |status: &push_api::Status| status.counters.get("pushes.serverNotListed") == Some(&1);
    status_until(&bench.client, refused).await;
    bench.stop().await;
}

#[tokio::test]
async fn streams_and_requests_end_with_the_client() {
    let bench = Bench::start(Builder::new());
    let client = bench.client.clone();
    let application = client.application("app");
    application.register(request("4")).await.unwrap();
    let mut events = stream(&application).await;
    bench.stop().await;
    assert!(events.next_event().await.is_none());
    assert_eq!(events.next(&mut Vec::new(), 8).await, 0);
    assert_eq!(
        application.register(request("5")).await.unwrap_err().reason,
        Reason::StoreFailed
    );
}

#[tokio::test]
async fn the_engine_ends_when_every_handle_is_gone() {
    let Bench { client, engine, .. } = Bench::start(Builder::new());
    drop(client);
    engine.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_malformed_event_id_is_refused_with_the_form_that_works() {
    let bench = Bench::start(Builder::new());
    let caller = Caller {
        owner: Owner::proved("app"),
        administrator: false,
    };
    for id in ["", "1", "+123456789abcdef0", "000000000000000g", "é"] {
        let acknowledgement = push_api::BatchAcknowledgement {
            id: id.to_owned(),
            outcome: push_api::Outcome::Accepted,
        };
        let answer = bench
            .client
            .acknowledge(caller.clone(), vec![acknowledgement])
            .await
            .unwrap();
        assert_eq!(answer.acknowledged, 0);
        assert_eq!(answer.refused[0].1, "invalidRequest", "{id}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_queue_may_be_set_as_long_as_numbers_go() {
    let settings = ClientSettings {
        request_queue: usize::MAX,
        ..ClientSettings::default()
    };
    let bench = Bench::start(Builder::new().client_settings(settings));
    assert_eq!(bench.client.listening().len(), 1);
    bench.stop().await;
}
