//! What connections may take: time and places.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::bench::{Bench, WML, listening, options, post, post_head, within};
use crate::receipts::settled;

/// Short, and long enough for what has to happen in between.
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_head_has_its_time_however_often_an_octet_comes() {
    let mut settings = listening();
    settings.connections.header_timeout = SHORT;
    let bench = Bench::start(settings);
    let mut silent = bench.gateway().await;
    silent.ended().await;
    let slow = bench.gateway().await;
    let (mut reading, mut writing) = slow.into_inner().into_split();
    let drip = async {
        // Ends when the other end is gone, and not otherwise.
        writing.write_all(options("").as_bytes()).await?;
        writing.write_all(b"OPTIONS /wappush HTTP/1.1\r\n").await?;
        loop {
            writing.write_all(b"X: y\r\n").await?;
            tokio::time::sleep(SHORT / 20).await;
        }
        #[expect(unreachable_code, reason = "says what a write fails with")]
        Ok::<(), std::io::Error>(())
    };
    let ended = async {
        let mut sink = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut sink).await
    };
    within(async {
        tokio::select! {
            dripped = drip => dripped,
            ended = ended => ended.map(drop),
        }
    })
    .await
    .ok();
    let late = |status: &push_api::Status| status.counters.get("httpTimedOut.head") == Some(&2);
    bench.status_until(late).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_body_has_its_time_and_so_has_silence() {
    let mut settings = listening();
    settings.connections.body_timeout = SHORT;
    settings.connections.idle_timeout = SHORT;
    let bench = Bench::start(settings);
    bench.register(WML).await;
    let mut slow = bench.gateway().await;
    slow.send(post_head("Content-Length: 100\r\n")).await;
    slow.ended().await;
    let mut silent = bench.gateway().await;
    assert_eq!(silent.ask(post("only")).await.http, 204);
    silent.ended().await;
    let late = |status: &push_api::Status| {
        let counted = |word| status.counters.get(word) == Some(&1);
        counted("httpTimedOut.body") && counted("httpTimedOut.idle")
    };
    bench.status_until(late).await;
    bench.stop().await;
}

#[tokio::test]
async fn the_connection_idle_for_longest_gives_way_to_a_new_one() {
    let mut settings = listening();
    settings.connections.max_connections_per_address = 2;
    let bench = Bench::start(settings);
    bench.register(WML).await;
    let (mut oldest, mut busy) = (bench.gateway().await, bench.gateway().await);
    assert_eq!(oldest.ask(options("")).await.http, 204);
    let whole = post("busy");
    let (most, rest) = whole.split_at(whole.len() - 1);
    busy.send([&options(""), most].concat()).await;
    assert_eq!(busy.answer().await.http, 204);
    let mut newest = bench.gateway().await;
    oldest.ended().await;
    assert_eq!(newest.ask(post("new")).await.statuses(), (204, "400"));
    let other = post("also busy");
    let (other, other_rest) = other.split_at(other.len() - 1);
    newest.send([&options(""), other].concat()).await;
    assert_eq!(newest.answer().await.http, 204);
    // Both are busy now: there is no place.
    let mut refused = bench.gateway().await;
    refused.ended().await;
    assert_eq!(busy.ask(rest).await.statuses(), (204, "400"));
    assert_eq!(newest.ask(other_rest).await.statuses(), (204, "400"));
    let status = bench.status().await;
    assert_eq!(status.counters.get("httpConnectionsRefused"), Some(&1));
    bench.stop().await;
}

#[tokio::test]
async fn storms_of_connections_do_not_shut_good_ones_out() {
    let mut settings = listening();
    settings.connections.max_connections = 4;
    let bench = Bench::start(settings);
    bench.register(WML).await;
    for _ in 0..50 {
        let mut open = Vec::new();
        for _ in 0..8 {
            open.push(bench.gateway().await);
        }
        drop(open);
    }
    let mut gateway = bench.gateway().await;
    assert_eq!(gateway.ask(post("good")).await.statuses(), (204, "400"));
    bench.stop().await;
}

/// How often there was nothing to do for anybody.
fn rests() -> u64 {
    tokio::runtime::Handle::current()
        .metrics()
        .worker_park_count(0)
}

#[tokio::test]
async fn what_waits_behind_a_push_that_is_judged_costs_nothing() {
    let long = "y".repeat(2000);
    for (behind, ends) in [(0, true), (20, false), (20, true)] {
        let bench = Bench::start(listening());
        bench.register(WML).await;
        let (mut gateway, mut other) = (bench.gateway().await, bench.gateway().await);
        bench.hold(true);
        gateway.send(post("first")).await;
        settled(&mut other).await;
        for _ in 0..behind {
            gateway.send(post(&long)).await;
            settled(&mut other).await;
        }
        if ends {
            gateway.finish().await;
            settled(&mut other).await;
        }
        let before = rests();
        settled(&mut other).await;
        assert!(rests() > before, "{behind} {ends}");
        bench.hold(false);
        for _ in 0..=behind {
            assert_eq!(gateway.answer().await.statuses(), (204, "400"));
        }
        if ends {
            gateway.ended().await;
        }
        bench.stop().await;
    }
}
