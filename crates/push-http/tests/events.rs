//! Streams and lists of events.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{Client, FakeEvent, Served, request, settings};
use push_api::{FetchQuery, PushEvent, SubscribeQuery};
use push_http::HttpSettings;
use tokio::net::UnixStream;

/// Opens a stream and reads its head and first comment.
async fn open(served: &Served, target: &str, headers: &str) -> Client<UnixStream> {
    let mut client = served.connect().await;
    client.send(request("GET", target, headers, "")).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(text(&mut client).await, "retry: 1000\n: push events\n\n");
    client
}

async fn text(client: &mut Client<UnixStream>) -> String {
    String::from_utf8(client.chunk().await.unwrap()).unwrap()
}

/// The events of a piece of a stream, after a look at their framing.
fn events(text: &str) -> Vec<PushEvent> {
    let framed = text.strip_suffix("\n\n").unwrap().split("\n\n");
    framed
        .map(|event| {
            let [kind, id, data] = event.split('\n').collect::<Vec<_>>().try_into().unwrap();
            assert_eq!(kind, "event: push");
            let parsed: PushEvent =
                serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(id.strip_prefix("id: "), Some(parsed.id.as_str()));
            parsed
        })
        .collect()
}

#[tokio::test]
async fn events_come_as_they_arrive() {
    let served = Served::unix(settings());
    let mut client = open(&served, "/v1/events", "Accept: text/event-stream\r\n").await;
    for id in 1..=3 {
        served
            .fake
            .push([FakeEvent::new(id, b"line\nline\r\n\xff")]);
        let received = events(&text(&mut client).await);
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].id, format!("{id:016x}"));
        assert_eq!(received[0].content, "bGluZQpsaW5lDQr/");
        assert_eq!(received[0].content_type, "text/plain");
    }
}

#[tokio::test]
async fn all_that_is_ready_is_written_at_once_up_to_a_bound() {
    let served = Served::unix(settings());
    served
        .fake
        .push((1..=100).map(|id| FakeEvent::new(id, b"x")));
    let mut client = open(&served, "/v1/events", "").await;
    let first = events(&text(&mut client).await);
    let second = events(&text(&mut client).await);
    assert_eq!((first.len(), second.len()), (64, 36));
    let ids = first.iter().chain(&second).map(|event| event.id.clone());
    assert!(ids.eq((1..=100).map(|id| format!("{id:016x}"))), "in order");
}

#[tokio::test]
async fn long_events_are_written_in_pieces() {
    let served = Served::unix(settings());
    let long = vec![b'a'; 60_000];
    served
        .fake
        .push((1..=5).map(|id| FakeEvent::new(id, &long)));
    let mut client = open(&served, "/v1/events", "").await;
    for id in 1..=5 {
        let received = events(&text(&mut client).await);
        assert_eq!(received.len(), 1, "80,000 octets of base64 fill a piece");
        assert_eq!(received[0].id, format!("{id:016x}"));
        assert_eq!(received[0].content.len(), 80_000);
    }
}

#[tokio::test]
async fn a_stream_is_resumed_and_narrowed() {
    let served = Served::unix(settings());
    let target = "/v1/events?pushApplicationID=4&applicationID=urn%3Aa&window=9";
    let _client = open(&served, target, "Last-Event-ID: 00000000000000ff\r\n").await;
    let _other = open(&served, "/v1/events", "Last-Event-ID: \r\n").await;
    assert_eq!(
        served.fake.state().subscriptions,
        [
            SubscribeQuery {
                push_application_id: Some("4".to_owned()),
                application_id: Some("urn:a".to_owned()),
                after: Some("00000000000000ff".to_owned()),
                window: Some(9),
            },
            SubscribeQuery::default(),
        ]
    );
}

#[tokio::test]
async fn a_stream_that_the_client_leaves_is_ended() {
    let served = Served::unix(settings());
    let client = open(&served, "/v1/events", "").await;
    served.fake.until(|state| state.open_streams == 1).await;
    drop(client);
    served.fake.until(|state| state.open_streams == 0).await;
}

#[tokio::test]
async fn a_stream_that_is_not_read_takes_no_more_events_and_is_ended() {
    let served = Served::unix(HttpSettings {
        write_timeout: Duration::from_millis(50),
        ..settings()
    });
    let long = vec![b'a'; 60_000];
    let client = open(&served, "/v1/events", "").await;
    served
        .fake
        .push((0..1000).map(|id| FakeEvent::new(id, &long)));
    // The client stays, but does not read: the socket is full long before the end.
    served.fake.until(|state| state.open_streams == 0).await;
    assert!(
        served.fake.state().waiting.len() > 800,
        "what was not taken waits for others"
    );
    drop(client);
}

#[tokio::test]
async fn a_stream_ends_with_its_subscription() {
    let served = Served::unix(settings());
    let mut client = open(&served, "/v1/events", "").await;
    served.fake.change(|state| state.ended = true);
    assert_eq!(client.chunk().await, None);
    // The connection goes on.
    client.send("\r\n").await;
}

#[tokio::test]
async fn a_quiet_stream_has_a_heartbeat() {
    let served = Served::unix(HttpSettings {
        heartbeat: Duration::from_millis(1),
        ..settings()
    });
    let mut client = open(&served, "/v1/events", "").await;
    for _ in 0..3 {
        assert_eq!(text(&mut client).await, ":\n\n");
    }
}

#[tokio::test]
async fn events_are_fetched_as_a_list() {
    let served = Served::unix(settings());
    served.fake.push((1..=3).map(|id| FakeEvent::new(id, b"x")));
    let answer = served
        .ask("GET", "/v1/events?fetch=2&applicationID=a", "")
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    let received: Vec<PushEvent> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(received.len(), 2);
    let rest = served.ask("GET", "/v1/events?fetch=1000", "").await;
    assert_eq!(rest.json().as_array().unwrap().len(), 1);
    let none = served.ask("GET", "/v1/events?fetch=1&wait=0", "").await;
    assert_eq!(none.text(), "[]");
    assert_eq!(
        served.fake.state().fetches[0],
        FetchQuery {
            push_application_id: None,
            application_id: Some("a".to_owned()),
            limit: 2,
            wait: Duration::ZERO,
        }
    );
}

#[tokio::test]
async fn a_long_list_is_written_in_pieces() {
    let served = Served::unix(settings());
    let long = vec![b'a'; 60_000];
    served
        .fake
        .push((0..20).map(|id| FakeEvent::new(id, &long)));
    let answer = served.ask("GET", "/v1/events?fetch=1000", "").await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.json().as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_fetch_waits_for_the_first_event() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    client
        .send(request("GET", "/v1/events?fetch=5&wait=300", "", ""))
        .await;
    served.fake.until(|state| state.open_fetches == 1).await;
    served.fake.push([FakeEvent::new(9, b"x")]);
    let answer = client.answer().await;
    assert_eq!(answer.json()[0]["id"], "0000000000000009");
    assert_eq!(served.fake.state().fetches[0].wait, Duration::from_mins(5));
}

#[tokio::test]
async fn a_fetch_whose_client_is_gone_takes_nothing() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    client
        .send(request("GET", "/v1/events?fetch=5&wait=300", "", ""))
        .await;
    served.fake.until(|state| state.open_fetches == 1).await;
    drop(client);
    served.fake.until(|state| state.open_fetches == 0).await;
    served.fake.push([FakeEvent::new(9, b"x")]);
    assert_eq!(served.fake.state().waiting.len(), 1);
}

#[tokio::test]
async fn a_list_is_not_given_as_a_stream() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    let stream = "Accept: text/event-stream\r\n";
    client
        .send(request("GET", "/v1/events?fetch=1", stream, ""))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 406);
    assert!(
        answer.detail().starts_with("`fetch` gives a list"),
        "{}",
        answer.detail()
    );
}

#[tokio::test]
async fn the_shutdown_ends_streams_with_a_comment_and_answers_what_waits() {
    let mut served = Served::unix(settings());
    let mut stream = open(&served, "/v1/events", "").await;
    let mut waiting = served.connect().await;
    waiting
        .send(request("GET", "/v1/events?fetch=5&wait=300", "", ""))
        .await;
    let mut idle = served.connect().await;
    assert_eq!(idle.ask("GET", "/v1/status", "").await.status, 200);
    served.fake.until(|state| state.open_fetches == 1).await;
    served.begin_stop();
    assert_eq!(text(&mut stream).await, ": the Push Client shuts down\n\n");
    assert_eq!(stream.chunk().await, None);
    assert!(stream.ended().await);
    assert_eq!(waiting.answer().await.text(), "[]");
    assert!(idle.ended().await);
    assert!(UnixStream::connect(&served.socket).await.is_err());
    served.stopped().await.unwrap();
}

#[tokio::test]
async fn the_shutdown_cuts_off_what_does_not_end_in_time() {
    let mut served = Served::unix(HttpSettings {
        shutdown_timeout: Duration::from_millis(20),
        ..settings()
    });
    let mut client = served.connect().await;
    // A body that never comes.
    client
        .send("POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        .await;
    client
        .send("Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 100);
    served.begin_stop();
    served.stopped().await.unwrap();
    assert!(client.ended().await);
}
