//! What those see who watch, what they do not see, and what becomes of those who do not read.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/datagrams.rs"]
mod datagrams;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use push_api::{
    Caller, DeadLetterQuery, ExplainRequest, Fate, FetchQuery, Happening, Owner, PushService as _,
    Reason, RegistrationRequest, SettleDeadLetters, WatchQuery, WatchStream as _, Watched,
    WatchedKind, WatchedPush,
};
use push_client::{Builder, ClientSettings, HandlerReport, RegistrationId, Watching};

use datagrams::Bench;

impl Bench {
    async fn register(&self, owner: &str, id: &str) -> String {
        let request = RegistrationRequest {
            push_application_id: id.to_owned(),
            ..RegistrationRequest::default()
        };
        let answer = self.client.register(caller(owner), request).await.unwrap();
        answer.registration_id
    }

    async fn watch(&self, caller: Caller, query: WatchQuery) -> Watching {
        self.client.watch(caller, query).await.unwrap()
    }

    /// The next event of an owner, which is under way from then on.
    async fn fetch(&self, owner: &str) -> String {
        let query = FetchQuery {
            limit: 1,
            wait: Duration::from_secs(20),
            ..FetchQuery::default()
        };
        let events = self.client.fetch(caller(owner), query).await.unwrap();
        events[0].id().to_string()
    }

    async fn acknowledge(&self, owner: &str, id: &str, outcome: push_api::Outcome) {
        let acknowledgement = push_api::BatchAcknowledgement {
            id: id.to_owned(),
            outcome,
        };
        let answer = self
            .client
            .acknowledge(caller(owner), vec![acknowledgement])
            .await
            .unwrap();
        assert_eq!(answer.acknowledged, 1, "{:?}", answer.refused);
    }

    async fn metric(&self, name: &str) -> u64 {
        let text = self.client.metrics().await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    }
}

fn caller(owner: &str) -> Caller {
    Caller {
        owner: Owner::proved(owner),
        administrator: false,
    }
}

fn administrator() -> Caller {
    Caller {
        owner: Owner::proved("root"),
        administrator: true,
    }
}

fn with_content() -> WatchQuery {
    WatchQuery {
        content: true,
        ..WatchQuery::default()
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future).await.unwrap()
}

async fn next(watching: &mut Watching) -> Watched {
    soon(watching.next()).await.unwrap()
}

/// The next thing of this kind; others before it are passed over.
async fn next_of(watching: &mut Watching, kind: WatchedKind) -> Happening {
    loop {
        let watched = next(watching).await;
        if watched.kind() == kind {
            return watched.what;
        }
    }
}

async fn next_judged(watching: &mut Watching) -> WatchedPush {
    let Happening::Judged(judged) = next_of(watching, WatchedKind::Judged).await else {
        panic!("the kind is that of what happened");
    };
    *judged
}

#[tokio::test]
async fn a_push_is_followed_from_its_judgement_to_its_acknowledgement() {
    let bench = Bench::start(Builder::new());
    let mut watching = bench.watch(caller("alice"), with_content()).await;
    let registration = bench.register("alice", "4").await;
    bench.push(1, b"hello");
    let event = bench.fetch("alice").await;
    bench
        .acknowledge("alice", &event, push_api::Outcome::Accepted)
        .await;

    let Happening::Registered(registered) = next(&mut watching).await.what else {
        panic!("registered comes first");
    };
    assert_eq!(registered.registration_id, registration);
    assert_eq!(registered.push_application_id, "x-wap-application:mms.ua");
    let judged = next_judged(&mut watching).await;
    assert_eq!(judged.verdict, "accepted");
    assert_eq!(judged.id.as_deref(), Some(&*event));
    assert_eq!(judged.owner.as_deref(), Some("alice"));
    assert_eq!(judged.server, "127.0.0.1");
    assert_eq!(judged.content.as_deref(), Some("aGVsbG8="));
    assert_eq!(judged.detail, None);
    let Happening::Delivered { event: of, attempt } = next(&mut watching).await.what else {
        panic!("delivered follows");
    };
    assert_eq!((of.id, attempt), (event.clone(), 1));
    let Happening::Accepted(accepted) = next(&mut watching).await.what else {
        panic!("accepted follows");
    };
    assert_eq!(accepted.id, event);
    assert_eq!(accepted.registration.unwrap().registration_id, registration);
    bench.stop().await;
    // Whoever watches hears of the end.
    assert_eq!(soon(watching.next()).await, None);
}

#[tokio::test]
async fn owners_see_their_own_and_administrators_all_but_content() {
    let bench = Bench::start(Builder::new());
    bench.register("alice", "4").await;
    bench.register("bob", "x-wap-application:wml.ua").await;
    let mut alice = bench.watch(caller("alice"), with_content()).await;
    let mut bob = bench.watch(caller("bob"), with_content()).await;
    let mut root = bench.watch(administrator(), with_content()).await;
    bench.push(1, b"for alice");
    bench.push_to(2, 2, b"for bob");
    bench.push_to(7, 3, b"for nobody");
    let of_alice = next_judged(&mut alice).await;
    let of_bob = next_judged(&mut bob).await;
    bench.register("alice", "5").await;
    bench.register("bob", "6").await;
    assert_eq!(of_alice.owner.as_deref(), Some("alice"));
    assert!(of_alice.content.is_some());
    assert_eq!(next(&mut alice).await.kind(), WatchedKind::Registered);
    assert_eq!(of_bob.owner.as_deref(), Some("bob"));
    assert_eq!(next(&mut bob).await.kind(), WatchedKind::Registered);

    let mut seen = Vec::new();
    for _ in 0..3 {
        let judged = next_judged(&mut root).await;
        assert_eq!(judged.content, None);
        assert!(judged.headers.is_empty() && judged.parameters.is_empty());
        seen.push(judged.owner);
    }
    assert_eq!(
        seen,
        [Some("alice".to_owned()), Some("bob".to_owned()), None]
    );
    // Octets that are no push concern nobody but administrators.
    bench
        .gateway
        .send_to(&[9, 6], bench.client.listening()[0])
        .unwrap();
    let malformed = next_of(&mut root, WatchedKind::Malformed).await;
    assert!(matches!(malformed, Happening::Malformed { length: 2, .. }));
    bench.stop().await;
}

#[tokio::test]
async fn a_watch_may_be_of_one_application_and_of_some_kinds() {
    let bench = Bench::start(Builder::new());
    bench.register("alice", "4").await;
    let query = WatchQuery {
        push_application_id: Some("0x04".to_owned()),
        kinds: vec![WatchedKind::Delivered],
        ..WatchQuery::default()
    };
    let mut watching = bench.watch(caller("alice"), query).await;
    bench.register("alice", "5").await;
    bench.push_to(5, 1, b"other");
    bench.push(2, b"wanted");
    bench.fetch("alice").await;
    bench.fetch("alice").await;
    let Happening::Delivered { event, .. } = next(&mut watching).await.what else {
        panic!("only deliveries");
    };
    let id = event.registration.unwrap().push_application_id;
    assert_eq!(id, "x-wap-application:mms.ua");

    let malformed = WatchQuery {
        push_application_id: Some("no id".to_owned()),
        ..WatchQuery::default()
    };
    let refusal = bench.client.watch(caller("alice"), malformed).await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.reason, Reason::InvalidRequest);
    assert_eq!(refusal.option, Some("pushApplicationID"));
    bench.stop().await;
}

#[tokio::test]
async fn who_never_reads_misses_a_counted_number_and_delays_nobody() {
    let settings = ClientSettings {
        watch_queue: 4,
        ..ClientSettings::default()
    };
    let bench = Bench::start(Builder::new().client_settings(settings));
    bench.register("alice", "4").await;
    let mut slow = bench.watch(caller("alice"), with_content()).await;
    for transaction in 1..=20 {
        bench.push(transaction, b"x");
        let event = bench.fetch("alice").await;
        bench
            .acknowledge("alice", &event, push_api::Outcome::Accepted)
            .await;
    }
    // Each push is judged, delivered and accepted: 60 in all.
    assert_eq!(bench.metric("pushcai_watch_missed_total").await, 56);
    for _ in 0..4 {
        assert_ne!(next(&mut slow).await.kind(), WatchedKind::Missed);
    }
    let missed = next(&mut slow).await;
    assert_eq!(missed.what, Happening::Missed { count: 56 });
    // From here on it sees what goes on again.
    bench.push(21, b"x");
    assert_eq!(next(&mut slow).await.kind(), WatchedKind::Judged);
    bench.stop().await;
}

#[tokio::test]
async fn watches_are_bounded_for_each_owner_and_in_all_and_end_when_dropped() {
    let settings = ClientSettings {
        max_watchers: 3,
        max_watchers_per_owner: 2,
        ..ClientSettings::default()
    };
    let bench = Bench::start(Builder::new().client_settings(settings));
    let any = WatchQuery::default;
    let first = bench.watch(caller("alice"), any()).await;
    let _second = bench.watch(caller("alice"), any()).await;
    let refused = bench.client.watch(caller("alice"), any()).await;
    assert_eq!(refused.unwrap_err().reason, Reason::QuotaExceeded);
    let _third = bench.watch(administrator(), any()).await;
    let refused = bench.client.watch(caller("bob"), any()).await;
    assert_eq!(refused.unwrap_err().reason, Reason::QuotaExceeded);
    assert_eq!(bench.metric("pushcai_watchers").await, 3);
    drop(first);
    let _fourth = bench.watch(caller("bob"), any()).await;
    assert_eq!(bench.metric("pushcai_watchers").await, 3);
    bench.stop().await;
}

#[tokio::test]
async fn a_user_has_no_more_watches_by_having_sandboxes() {
    let settings = ClientSettings {
        max_watchers: 3,
        max_watchers_per_owner: 2,
        max_watchers_per_user: 2,
        ..ClientSettings::default()
    };
    let bench = Bench::start(Builder::new().client_settings(settings));
    let any = WatchQuery::default;
    let first = bench.watch(caller("uid:7/flatpak:a"), any()).await;
    let _second = bench.watch(caller("uid:7/snap:b"), any()).await;
    let refused = bench.client.watch(caller("uid:7/flatpak:c"), any()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.reason, Reason::QuotaExceeded);
    for part in ["2 watches of user 7,", "max_watchers_per_user", "end one"] {
        assert!(refused.detail.contains(part), "{refused}");
    }
    let _third = bench.watch(caller("uid:8"), any()).await;
    drop(first);
    let _fourth = bench.watch(caller("uid:7"), any()).await;
    bench.stop().await;
}

fn report(event: &str, registration: &str, output: &str) -> HandlerReport {
    let number = |id| u64::from_str_radix(id, 16).unwrap();
    HandlerReport {
        event: push_client::EventId(number(event)),
        registration: RegistrationId(number(registration)),
        attempt: 1,
        scheme: "exec".into(),
        outcome: "exit status 3".into(),
        output: output.into(),
        took: Duration::from_millis(12),
    }
}

#[tokio::test]
async fn what_a_handler_said_is_explained_to_the_owner_alone() {
    let bench = Bench::start(Builder::new());
    let registration = bench.register("alice", "4").await;
    bench.push(1, b"x");
    let event = bench.fetch("alice").await;
    let mut alice = bench.watch(caller("alice"), WatchQuery::default()).await;
    let mut root = bench.watch(administrator(), WatchQuery::default()).await;
    let report = report(&event, &registration, "no such printer");
    bench.client.report_handler(vec![report]).await;

    for (watching, expected) in [(&mut alice, "no such printer"), (&mut root, "")] {
        let Happening::Handled { output, took, .. } = next(watching).await.what else {
            panic!("handled is all that happens");
        };
        assert_eq!((&*output, took), (expected, 12));
    }
    let request = || ExplainRequest {
        event_id: Some(event.clone()),
        ..ExplainRequest::default()
    };
    let ask = |caller| bench.client.explain(caller, request());
    let of_alice = ask(caller("alice")).await.unwrap().event.unwrap();
    assert_eq!(of_alice.state, "underWay");
    assert_eq!(of_alice.attempts, Some(1));
    assert_eq!(of_alice.handler_attempts[0].output, "no such printer");
    let of_root = ask(administrator()).await.unwrap().event.unwrap();
    assert_eq!(of_root.owner.as_deref(), Some("alice"));
    assert_eq!(of_root.handler_attempts[0].output, "");
    // Another owner cannot tell it from one that never was.
    let of_bob = ask(caller("bob")).await.unwrap().event.unwrap();
    assert_eq!(of_bob.state, "gone");
    assert!(of_bob.handler_attempts.is_empty() && of_bob.owner.is_none());

    let both = ExplainRequest {
        port: Some(1),
        ..request()
    };
    let refused = bench.client.explain(caller("alice"), both).await;
    assert_eq!(refused.unwrap_err().option, Some("eventID"));
    let metrics = bench.client.metrics().await;
    let counted = "pushcai_handled_total{scheme=\"exec\",outcome=\"exit status 3\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    bench.stop().await;
}

fn stored(path: &Path) -> Builder {
    Builder::new().store(path.join("push.db"))
}

async fn letters(bench: &Bench, caller: Caller) -> Vec<push_api::DeadLetter> {
    let query = DeadLetterQuery {
        limit: 10,
        ..DeadLetterQuery::default()
    };
    bench.client.dead_letters(caller, query).await.unwrap()
}

fn settle(fate: Fate, ids: &[&str], all: bool) -> SettleDeadLetters {
    SettleDeadLetters {
        fate,
        ids: ids.iter().map(|&id| id.to_owned()).collect(),
        all,
        push_application_id: None,
        application_id: None,
    }
}

#[tokio::test]
async fn dead_letters_are_listed_replayed_and_dropped_and_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(stored(directory.path()));
    let registration = bench.register("alice", "4").await;
    let mut ids = Vec::new();
    for transaction in 1..=3 {
        bench.push(transaction, b"x");
        let event = bench.fetch("alice").await;
        bench
            .acknowledge("alice", &event, push_api::Outcome::Rejected)
            .await;
        ids.push(event);
    }
    bench.stop().await;

    let bench = Bench::start(stored(directory.path()));
    let mut watching = bench.watch(caller("alice"), WatchQuery::default()).await;
    let listed = letters(&bench, caller("alice")).await;
    let listed_ids: Vec<_> = listed.iter().map(|letter| &letter.id).collect();
    assert_eq!(listed_ids, ids.iter().collect::<Vec<_>>());
    assert_eq!(listed[0].registration_id, registration);
    assert_eq!(listed[0].content_length, 1);
    assert_eq!(
        listed[0].reason.as_deref(),
        Some("its application rejected it")
    );
    assert!(letters(&bench, caller("bob")).await.is_empty());
    assert_eq!(letters(&bench, administrator()).await.len(), 3);
    let page = DeadLetterQuery {
        after: Some(ids[0].clone()),
        limit: 1,
        ..DeadLetterQuery::default()
    };
    let page = bench.client.dead_letters(caller("alice"), page).await;
    assert_eq!(page.unwrap()[0].id, ids[1]);

    // Another owner's are none.
    let foreign = settle(Fate::Drop, &[&ids[0]], false);
    let answer = bench.client.settle_dead_letters(caller("bob"), foreign);
    let answer = answer.await.unwrap();
    assert_eq!((answer.settled, answer.refused.len()), (0, 1));

    let replay = settle(Fate::Replay, &[&ids[1]], false);
    let answer = bench.client.settle_dead_letters(caller("alice"), replay);
    assert_eq!(answer.await.unwrap().settled, 1);
    let Happening::Replayed(replayed) = next_of(&mut watching, WatchedKind::Replayed).await else {
        panic!("a replay is told");
    };
    assert_eq!(replayed.id, ids[1]);
    assert_eq!(bench.fetch("alice").await, ids[1]);
    assert_eq!(bench.metric("pushcai_dead_letters_replayed_total").await, 1);

    let all = settle(Fate::Drop, &[], true);
    let answer = bench.client.settle_dead_letters(caller("alice"), all);
    assert_eq!(answer.await.unwrap().settled, 2);
    bench.stop().await;

    let bench = Bench::start(stored(directory.path()));
    assert!(letters(&bench, administrator()).await.is_empty());
    assert_eq!(bench.fetch("alice").await, ids[1]);
    bench.stop().await;
}
