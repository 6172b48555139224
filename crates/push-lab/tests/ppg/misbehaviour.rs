//! A misbehaving gateway, as a terminal sees it.

use std::net::SocketAddr;
use std::time::Duration;

use push_lab::ppg::{Extent, HttpMisbehaviour, HttpPush, Ppg, PpgSettings, Reaction, Target};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::terminal::{REGISTERED, accept, dial, listen};

fn extent() -> Extent {
    Extent {
        pause: Duration::from_micros(10),
        count: 5,
        ..Extent::default()
    }
}

fn push() -> HttpPush {
    HttpPush::new("text/plain", *b"hello")
}

async fn quiet() -> Ppg {
    let settings = PpgSettings {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        register: false,
        ..PpgSettings::new("gw.lab.example")
    };
    Ppg::start(settings).await.unwrap()
}

async fn misbehave(kind: HttpMisbehaviour, address: SocketAddr) -> Reaction {
    let ppg = quiet().await;
    let target = Target::Dial {
        address,
        tls: false,
    };
    let reaction = ppg.misbehave(kind, &push(), target, &extent()).await;
    reaction.unwrap()
}

/// All octets of one connection; it is closed once this much has come.
async fn octets(listener: &TcpListener, until: &[u8]) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut octets = Vec::new();
    while !octets.windows(until.len()).any(|some| some == until) {
        if stream.read_buf(&mut octets).await.unwrap() == 0 {
            break;
        }
    }
    octets
}

#[tokio::test]
async fn spoilt_requests_are_sent_as_they_are() {
    let (listener, address) = listen().await;
    for (kind, part) in [
        (
            HttpMisbehaviour::LengthAndChunked,
            "Transfer-Encoding: chunked",
        ),
        (HttpMisbehaviour::FoldedHeader, "X-Lab: a\r\n b"),
        (HttpMisbehaviour::BareLineFeed, "HTTP/1.1\n"),
        (HttpMisbehaviour::HugeLength, "Content-Length: 1073741824"),
        (HttpMisbehaviour::BadVersion, "Version: 7.0,8.*"),
        (HttpMisbehaviour::WrongTag, "X-Wap-CPITag: /////w=="),
        (HttpMisbehaviour::UnknownMethod, "PUT /wappush"),
        (HttpMisbehaviour::SlowHead, "Content-Type: application/http"),
        (HttpMisbehaviour::SlowBody, "hello"),
        (
            HttpMisbehaviour::EndlessHead,
            "X-Lab: again\r\nX-Lab: again\r\n",
        ),
        (HttpMisbehaviour::BrokenEntity, "no status line"),
        (HttpMisbehaviour::WrongInnerLength, "Content-Length: 1005"),
    ] {
        let (reaction, seen) =
            tokio::join!(misbehave(kind, address), octets(&listener, part.as_bytes()));
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(seen.contains(part), "{kind:?}: {seen}");
        assert_eq!(reaction.answers, [], "{kind:?}");
        assert!(reaction.ended.is_some(), "{kind:?}: {reaction:?}");
    }
}

#[tokio::test]
async fn what_a_terminal_answers_is_told() {
    let (listener, address) = listen().await;
    let serving = async {
        accept(&listener)
            .await
            .serve(&["X-Wap-Push-Status: 256"])
            .await;
        // The gateway's half ends; the answer comes nevertheless.
        let mut terminal = accept(&listener).await;
        terminal.asked().await.unwrap();
        assert_eq!(terminal.asked().await, None);
        terminal
            .answer("204 No Content", &["X-Wap-Push-Status: 400"])
            .await;
    };
    let misbehaving = async {
        let wrong = misbehave(HttpMisbehaviour::WrongTag, address).await;
        assert_eq!(wrong.answers[0].push_code(), Some(256));
        let half = misbehave(HttpMisbehaviour::HalfClosed, address).await;
        assert_eq!(half.answers[0].push_code(), Some(400));
    };
    tokio::join!(serving, misbehaving);
}

#[tokio::test]
async fn a_push_is_sent_twice_where_the_first_answer_is_not_waited_for() {
    let (listener, address) = listen().await;
    let serving = async {
        let first = accept(&listener).await.asked().await.unwrap();
        let second = accept(&listener)
            .await
            .serve(&["X-Wap-Push-Status: 400"])
            .await;
        assert_eq!(first, second);
    };
    let kind = HttpMisbehaviour::DuplicateAfterClose;
    let (reaction, ()) = tokio::join!(misbehave(kind, address), serving);
    assert_eq!(reaction.answers[0].push_code(), Some(400));
}

#[tokio::test]
async fn floods_and_storms_are_as_big_as_asked() {
    let (listener, address) = listen().await;
    let serving = async {
        let mut terminal = accept(&listener).await;
        let mut asked = Vec::new();
        for _ in 0..5 {
            asked.push(terminal.asked().await.unwrap());
        }
        assert!(asked.iter().all(|one| *one == asked[0]));
        for status in [400, 237, 400, 237, 400] {
            let header = format!("X-Wap-Push-Status: {status}");
            terminal.answer("204 No Content", &[&header]).await;
        }
    };
    let kind = HttpMisbehaviour::PipeliningFlood;
    let (reaction, ()) = tokio::join!(misbehave(kind, address), serving);
    let statuses: Vec<_> = reaction
        .answers
        .iter()
        .map(push_lab::ppg::Answer::push_code)
        .collect();
    assert_eq!(statuses, [400, 237, 400, 237, 400].map(Some));
    let serving = async {
        for _ in 0..5 {
            assert_eq!(accept(&listener).await.asked().await, None);
        }
        accept(&listener).await.serve(REGISTERED).await;
    };
    let kind = HttpMisbehaviour::ReconnectStorm;
    let (reaction, ()) = tokio::join!(misbehave(kind, address), serving);
    assert_eq!(reaction.note.as_deref(), Some("5 of 5 were opened"));
    assert_eq!(reaction.answers[0].push_code(), Some(501));
}

#[tokio::test]
async fn a_terminal_that_calls_is_not_spared() {
    let ppg = quiet().await;
    let address = ppg.listening()[0];
    let extent = extent();
    let push = push();
    let calling = async {
        let mut terminal = dial(address).await;
        let asked = terminal.serve(&["X-Wap-Push-Status: 600 Version"]).await;
        assert_eq!(asked.header("X-Wap-Push-OTA-Version"), Some("one.zero"));
    };
    let kind = HttpMisbehaviour::BrokenVersion;
    let misbehaving = ppg.misbehave(kind, &push, Target::Accepted, &extent);
    let (reaction, ()) = tokio::join!(misbehaving, calling);
    assert_eq!(reaction.unwrap().answers[0].push_code(), Some(600));
}

#[tokio::test]
async fn garbage_and_silence_end_when_the_terminal_ends_them() {
    let (listener, address) = listen().await;
    let serving = async {
        let garbage = octets(&listener, b"\r\n\r\n").await;
        assert!(garbage[0] >= 0x80);
        drop(accept(&listener).await);
    };
    let misbehaving = async {
        for kind in [HttpMisbehaviour::GarbageInTls, HttpMisbehaviour::Silence] {
            let reaction = misbehave(kind, address).await;
            assert!(reaction.ended.is_some(), "{reaction:?}");
        }
    };
    tokio::join!(serving, misbehaving);
}
