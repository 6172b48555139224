//! Answers that a gateway did not get, and those that it did.

use tokio::net::TcpStream;

use crate::bench::{
    Bench, Gateway, WML, listening, next, options, post, post_with, stream, within,
};

/// By the time that later requests of another connection are answered, the terminal has seen what came before on others.
pub(crate) async fn settled(other: &mut Gateway<TcpStream>) {
    for _ in 0..3 {
        let elsewhere = other.ask("GET / HTTP/1.1\r\nHost:\r\n\r\n").await;
        assert_eq!(elsewhere.http, 404);
    }
}

impl Gateway<TcpStream> {
    /// An answer has come, and is left unread.
    async fn answer_waits(&self) {
        within(self.inner().peek(&mut [0])).await.unwrap();
    }
}

/// Pushes accepted, and those that came again.
async fn counted(bench: &Bench) -> [u64; 2] {
    let counters = bench.status().await.counters;
    ["pushes.accepted", "pushes.duplicate"].map(|name| counters.get(name).copied().unwrap_or(0))
}

/// A terminal with an application, and two connections to it.
async fn stage() -> (Bench, Gateway<TcpStream>, Gateway<TcpStream>) {
    let bench = Bench::start(listening());
    bench.register(WML).await;
    let (mut first, mut second) = (bench.gateway().await, bench.gateway().await);
    assert_eq!(first.ask(options("")).await.http, 204);
    assert_eq!(second.ask(options("")).await.http, 204);
    (bench, first, second)
}

#[tokio::test]
async fn a_push_whose_answer_was_not_read_is_known_when_it_comes_again() {
    for headers in ["", "Connection: close\r\n"] {
        let (bench, mut first, mut second) = stage().await;
        first.send(post_with(headers, "once")).await;
        first.answer_waits().await;
        // Closed with the answer unread, which is a reset.
        drop(first);
        settled(&mut second).await;
        let again = second.ask(post_with(headers, "once")).await;
        assert_eq!(again.statuses(), (204, "400"));
        assert_eq!(counted(&bench).await, [1, 1], "{headers}");
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_gateway_that_closes_before_the_answer_has_not_had_it() {
    let (bench, mut first, mut second) = stage().await;
    bench.hold(true);
    first.send(post("once")).await;
    drop(first);
    settled(&mut second).await;
    bench.hold(false);
    let accepted = |status: &push_api::Status| status.counters.get("pushes.accepted") == Some(&1);
    bench.status_until(accepted).await;
    settled(&mut second).await;
    assert_eq!(second.ask(post("once")).await.statuses(), (204, "400"));
    assert_eq!(counted(&bench).await, [1, 1]);
    bench.stop().await;
}

#[tokio::test]
async fn what_comes_again_before_it_is_judged_is_the_same_push() {
    let (bench, mut first, mut second) = stage().await;
    bench.hold(true);
    // Its end comes along with it.
    first.send(post("once")).await;
    drop(first);
    settled(&mut second).await;
    second.send(post("once")).await;
    let mut third = bench.gateway().await;
    settled(&mut third).await;
    bench.hold(false);
    assert_eq!(second.answer().await.statuses(), (204, "400"));
    assert_eq!(counted(&bench).await, [1, 1]);
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_that_sends_nothing_more_gets_its_answer() {
    let (bench, mut first, mut second) = stage().await;
    let application = bench.client.application(format!("owner of {WML}"));
    let mut events = stream(&application).await;
    bench.hold(true);
    first.send(post("half")).await;
    first.finish().await;
    settled(&mut second).await;
    bench.hold(false);
    assert_eq!(first.answer().await.statuses(), (204, "400"));
    first.ended().await;
    // It has had the answer, and so equal content is a push of its own.
    settled(&mut second).await;
    assert_eq!(second.ask(post("half")).await.statuses(), (204, "400"));
    assert_eq!(counted(&bench).await, [2, 0]);
    assert_eq!(next(&mut events).await.content(), b"half");
    assert_eq!(next(&mut events).await.content(), b"half");
    // All at once: two requests and the end.
    second.send(options("") + &post("both")).await;
    second.finish().await;
    assert_eq!(second.answer().await.statuses(), (204, "501"));
    assert_eq!(second.answer().await.statuses(), (204, "400"));
    second.ended().await;
    bench.stop().await;
}

#[tokio::test]
async fn equal_content_from_a_gateway_that_had_its_answer_is_a_new_push() {
    let (bench, mut first, mut second) = stage().await;
    // The end of the connection shows that it had it.
    assert_eq!(first.ask(post("same")).await.statuses(), (204, "400"));
    drop(first);
    settled(&mut second).await;
    assert_eq!(second.ask(post("same")).await.statuses(), (204, "400"));
    // A later request shows it, even where a reset follows.
    assert_eq!(second.ask(options("")).await.http, 204);
    let mut third = bench.gateway().await;
    assert_eq!(third.ask(options("")).await.http, 204);
    second.inner().set_zero_linger().unwrap();
    drop(second);
    settled(&mut third).await;
    assert_eq!(third.ask(post("same")).await.statuses(), (204, "400"));
    // What the terminal ends, it ends with an answer.
    let closing = post_with("Connection: close\r\n", "same");
    assert_eq!(third.ask(&closing).await.statuses(), (204, "400"));
    third.ended().await;
    drop(third);
    let mut fourth = bench.gateway().await;
    settled(&mut fourth).await;
    assert_eq!(fourth.ask(&closing).await.statuses(), (204, "400"));
    assert_eq!(counted(&bench).await, [5, 0]);
    bench.stop().await;
}

#[tokio::test]
async fn a_reset_right_behind_the_answer_leaves_it_in_doubt() {
    let (bench, mut first, mut second) = stage().await;
    first.send(post("once")).await;
    first.answer_waits().await;
    first.inner().set_zero_linger().unwrap();
    drop(first);
    settled(&mut second).await;
    assert_eq!(second.ask(post("once")).await.statuses(), (204, "400"));
    assert_eq!(counted(&bench).await, [1, 1]);
    bench.stop().await;
}

#[tokio::test]
async fn what_came_before_the_answer_does_not_show_that_the_gateway_had_it() {
    let (bench, mut first, mut second) = stage().await;
    // The second push would wait until the system has acknowledged the first.
    first.inner().set_nodelay(true).unwrap();
    bench.hold(true);
    first.send(post("once")).await;
    settled(&mut second).await;
    first.send(post("twice")).await;
    settled(&mut second).await;
    bench.hold(false);
    let accepted = |status: &push_api::Status| status.counters.get("pushes.accepted") == Some(&2);
    bench.status_until(accepted).await;
    first.answer_waits().await;
    // Closed with the answer unread, which is a reset.
    drop(first);
    settled(&mut second).await;
    for content in ["once", "twice"] {
        assert_eq!(second.ask(post(content)).await.statuses(), (204, "400"));
    }
    assert_eq!(counted(&bench).await, [2, 2]);
    bench.stop().await;
}
