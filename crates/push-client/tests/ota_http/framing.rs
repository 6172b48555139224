//! Octets of which two programs could make two things.

use crate::bench::{Bench, PATIENCE, WML, listening, options, post, post_head, post_with};

#[tokio::test]
async fn what_has_two_readings_is_refused_after_what_came_before_is_answered() {
    let bench = Bench::start(listening());
    bench.register(WML).await;
    let chunked = |octets: &str| post_head("Transfer-Encoding: chunked\r\n") + octets;
    let with = |headers: &str| post_with(headers, "x");
    let forms = [
        ("lengthAndEncoding", with("Transfer-Encoding: chunked\r\n")),
        ("repeatedLength", with("Content-Length: 5\r\n")),
        (
            "encoding",
            post_head("Transfer-Encoding: gzip, chunked\r\n"),
        ),
        ("length", post_head("Content-Length: +5\r\n")),
        ("bareLf", with("X-One: 1\nX-Two: 2\r\n")),
        ("bareCr", with("X-One: 1\rX-Two: 2\r\n")),
        ("foldedLine", with("X-One: 1\r\n 2\r\n")),
        ("spaceBeforeColon", with("X-One : 1\r\n")),
        ("requestLine", "POST  /wappush HTTP/1.1\r\n\r\n".to_owned()),
        (
            "requestTarget",
            "POST /{wappush} HTTP/1.1\r\n\r\n".to_owned(),
        ),
        ("repeatedHost", with("Host: terminal.example.net\r\n")),
        ("version", "POST /wappush HTTP/3.1\r\n\r\n".to_owned()),
        ("tooManyHeaders", with(&"X-Many: 1\r\n".repeat(80))),
        (
            "headTooLong",
            with(&format!("X-Long: {}\r\n", "1".repeat(20_000))),
        ),
        ("chunkExtension", chunked("1;x=y\r\nA\r\n0\r\n\r\n")),
        ("chunkSize", chunked("0x1\r\nA\r\n0\r\n\r\n")),
        ("chunkEnd", chunked("1\r\nAB\r\n0\r\n\r\n")),
    ];
    for (word, octets) in forms {
        for before in [String::new(), post("before")] {
            let mut gateway = bench.gateway().await;
            gateway
                .send([&before, &octets, &post("hidden")[..]].concat())
                .await;
            if !before.is_empty() {
                assert_eq!(gateway.answer().await.statuses(), (204, "400"), "{word}");
            }
            assert_eq!(gateway.answer().await.statuses(), (400, "235"), "{word}");
            gateway.ended().await;
        }
        let status = bench.status().await;
        let counted = status.counters.get(&format!("httpFramingRefused.{word}"));
        assert_eq!(counted, Some(&2), "{word}");
        assert_eq!(bench.refusals().await[..2], [word; 2]);
    }
    let status = bench.status().await;
    assert_eq!(status.counters.get("pushes.accepted"), Some(&17));
    bench.stop().await;
}

#[tokio::test]
async fn octet_by_octet_means_the_same() {
    let bench = Bench::start(listening());
    bench.register(WML).await;
    let mut gateway = bench.gateway().await;
    let broken = post_with("Content-Length: 5\r\n", "x");
    for octet in [options(""), post("one"), broken].concat().into_bytes() {
        // What is behind the fault may find the connection closed.
        if tokio::time::timeout(PATIENCE, gateway.try_send([octet]))
            .await
            .unwrap()
            .is_err()
        {
            break;
        }
    }
    assert_eq!(gateway.answer().await.statuses(), (204, "501"));
    assert_eq!(gateway.answer().await.statuses(), (204, "400"));
    assert_eq!(gateway.answer().await.statuses(), (400, "235"));
    gateway.ended().await;
    bench.stop().await;
}

#[tokio::test]
async fn what_is_no_http_at_all_is_refused() {
    let bench = Bench::start(listening());
    let mut gateway = bench.gateway().await;
    // The beginning of TLS.
    let answer = gateway.ask([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    assert_eq!(answer.statuses(), (400, "235"));
    gateway.ended().await;
    bench.stop().await;
}

#[tokio::test]
async fn odd_targets_and_methods_are_answered_like_others() {
    let bench = Bench::start(listening());
    for (line, http) in [
        ("GET wappush HTTP/1.1", 404),
        ("CONNECT ppg.example.net:80 HTTP/1.1", 404),
        ("GET http://terminal.example.net/ HTTP/1.1", 404),
        ("M-X /wappush HTTP/1.1", 405),
        ("OPTIONS http://terminal.example.net/wappush HTTP/1.1", 204),
        ("POST /wappush?x=y HTTP/1.1", 404),
        ("GET /%zz HTTP/1.1", 404),
    ] {
        let mut gateway = bench.gateway().await;
        let answer = gateway.ask(format!("{line}\r\nHost:\r\n\r\n")).await;
        assert_eq!(answer.http, http, "{line}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn what_the_library_cannot_read_is_refused_with_a_push_status() {
    let bench = Bench::start(listening());
    let mut gateway = bench.gateway().await;
    assert_eq!(gateway.ask(options("")).await.statuses(), (204, "501"));
    let answer = gateway.ask("GET http:// HTTP/1.1\r\nHost:\r\n\r\n").await;
    assert_eq!(answer.statuses(), (400, "235"));
    gateway.ended().await;
    let counted = |status: &push_api::Status| {
        status.counters.get("httpFramingRefused.unreadable") == Some(&1)
    };
    bench.status_until(counted).await;
    bench.stop().await;
}
