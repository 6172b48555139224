//! What the gateway does by itself to bring a push through.

use std::net::SocketAddr;
use std::time::Duration;

use push_lab::ppg::{
    ContactPoint, HttpPush, Outcome, Policy, Ppg, PpgEvent, PpgSettings, Route, SirBuilder, Unfit,
};
use tokio::net::UdpSocket;

use crate::terminal::{REGISTERED, Terminal, accept, dial, listen};

const ACCEPTED: &[&str] = &["X-Wap-Push-Status: 400 Accepted"];

fn settings() -> PpgSettings {
    PpgSettings {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        policy: Policy {
            retry_delay: Duration::ZERO,
            ..Policy::default()
        },
        ..PpgSettings::new("gw.lab.example")
    }
}

fn push() -> HttpPush {
    HttpPush::new("text/plain", *b"hello").application("x-example:app")
}

/// A gateway with a terminal that has called and is registered.
async fn stage(settings: PpgSettings) -> (Ppg, Terminal) {
    let ppg = Ppg::start(settings).await.unwrap();
    let mut terminal = dial(ppg.listening()[0]).await;
    terminal.serve(REGISTERED).await;
    registered(&ppg, 1).await;
    (ppg, terminal)
}

async fn registered(ppg: &Ppg, count: usize) {
    let mut seen = 0;
    let registered = ppg.once(|event| {
        seen += usize::from(matches!(event, PpgEvent::Registered { .. }));
        (seen == count).then_some(())
    });
    registered.await.unwrap();
}

#[tokio::test]
async fn a_changed_tag_leads_to_a_new_registration() {
    let (ppg, mut terminal) = stage(settings()).await;
    let serving = async {
        let changed = ["X-Wap-Push-Status: 256 Changed", "X-Wap-CPITag: BBBBBB=="];
        let first = terminal.serve(&changed).await;
        assert_eq!(first.header("X-Wap-CPITag"), Some("AAECAw=="));
        let second = terminal
            .serve(&[
                "X-Wap-Push-Status: 501 Registered",
                "X-Wap-CPITag: BBBBBB==",
                "X-Wap-Push-Accept: */*",
                "X-Wap-Terminal-Id: 4100",
                "X-Wap-Bearer-Indication: 0b",
            ])
            .await;
        assert_eq!(second.line(), "OPTIONS /wappush HTTP/1.1");
        let third = terminal.serve(ACCEPTED).await;
        assert_eq!(third.header("X-Wap-CPITag"), Some("BBBBBB=="));
        assert_eq!(third.body, first.body);
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert_eq!(result.outcome, Outcome::Accepted);
    let statuses: Vec<_> = result
        .answers
        .iter()
        .map(push_lab::ppg::Answer::push_code)
        .collect();
    assert_eq!(statuses, [Some(256), Some(400)]);
    // The terminal goes back to its first set: its tag is still known, and nothing is asked again.
    let serving = async {
        let back = ["X-Wap-Push-Status: 256", "X-Wap-CPITag: AAECAw=="];
        terminal.serve(&back).await;
        let last = terminal.serve(ACCEPTED).await;
        assert_eq!(last.line(), "POST /wappush HTTP/1.1");
        assert_eq!(last.header("X-Wap-CPITag"), Some("AAECAw=="));
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert_eq!(result.outcome, Outcome::Accepted);
    let context = ppg.context("4100", Some(11)).unwrap();
    assert_eq!(context.tag.as_deref(), Some("AAECAw=="));
    assert_eq!(context.known.len(), 2);
}

#[tokio::test]
async fn a_push_taken_under_a_changed_tag_makes_the_gateway_ask() {
    let (ppg, mut terminal) = stage(settings()).await;
    let serving = async {
        terminal
            .serve(&["X-Wap-Push-Status: 401 Changed", "X-Wap-CPITag: CCCCCC=="])
            .await;
        let asked = terminal.serve(REGISTERED).await;
        assert_eq!(asked.line(), "OPTIONS /wappush HTTP/1.1");
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert_eq!(result.outcome, Outcome::Accepted);
    assert_eq!(result.answers.len(), 1);
}

#[tokio::test]
async fn refusals_are_tried_again_only_where_that_is_allowed() {
    let (ppg, mut terminal) = stage(settings()).await;
    let serving = async {
        terminal.serve(&["X-Wap-Push-Status: 234 Later"]).await;
        terminal.serve(&["X-Wap-Push-Status: 237 No room"]).await;
        terminal.serve(ACCEPTED).await;
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert_eq!(result.outcome, Outcome::Accepted);
    assert_eq!(result.answers.len(), 3);
    for status in [235, 236, 238, 257, 600] {
        let header = format!("X-Wap-Push-Status: {status}");
        let headers = [header.as_str()];
        let serving = terminal.serve(&headers);
        let (result, _) = tokio::join!(ppg.push("4100", push()), serving);
        assert_eq!(result.outcome, Outcome::Refused(status));
        assert_eq!(result.answers.len(), 1);
    }
    let serving = async {
        for _ in 0..=Policy::default().retries {
            terminal.serve(&["X-Wap-Push-Status: 237"]).await;
        }
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert_eq!(result.outcome, Outcome::Refused(237));
}

#[tokio::test]
async fn capabilities_are_respected() {
    let (ppg, mut terminal) = stage(settings()).await;
    for (push, unfit) in [
        (
            HttpPush::new("image/png", *b"x").application("x-example:app"),
            Unfit::ContentType,
        ),
        (
            HttpPush::new("text/plain", *b"x").application("x-example:other"),
            Unfit::Application,
        ),
        (HttpPush::new("text/plain", vec![b'x'; 101]), Unfit::Size),
    ] {
        let result = ppg.push("4100", push).await;
        assert_eq!(result.outcome, Outcome::Unfit(unfit));
        assert_eq!(result.answers, []);
    }
    // The WML user agent is meant where no application is named.
    let plain = HttpPush::new("text/plain", vec![b'x'; 100]);
    let (result, asked) = tokio::join!(ppg.push("4100", plain), terminal.serve(ACCEPTED));
    assert_eq!(result.outcome, Outcome::Accepted);
    assert!(asked.body.ends_with(b"xxx"));
}

#[tokio::test]
async fn no_more_pushes_are_under_way_than_the_terminal_takes_and_they_keep_their_order() {
    let (ppg, mut terminal) = stage(settings()).await;
    let mut pushing = tokio::task::JoinSet::new();
    for number in 0..5 {
        let (pushed, push) = (
            ppg.clone(),
            push().push_header("X-Number", &number.to_string()),
        );
        pushing.spawn(async move { pushed.push("4100", push).await });
        tokio::task::yield_now().await;
    }
    let mut asked = Vec::new();
    for _ in 0..2 {
        asked.push(terminal.asked().await.unwrap());
    }
    // MaxPushReq is 2: the third one is not on its way before the first is answered.
    let events = ppg.events().drain();
    let posts = events
        .iter()
        .filter(|event| matches!(event, PpgEvent::Asked { method, .. } if method == "POST"));
    assert_eq!(posts.count(), 2);
    for _ in 0..3 {
        terminal.answer("204 No Content", ACCEPTED).await;
        asked.push(terminal.asked().await.unwrap());
    }
    for _ in 0..2 {
        terminal.answer("204 No Content", ACCEPTED).await;
    }
    while let Some(result) = pushing.join_next().await {
        assert_eq!(result.unwrap().outcome, Outcome::Accepted);
    }
    for (number, asked) in asked.iter().enumerate() {
        let body = String::from_utf8_lossy(&asked.body);
        assert!(body.contains(&format!("X-Number: {number}\r\n")), "{body}");
    }
}

#[tokio::test]
async fn a_push_waits_until_its_terminal_calls() {
    let ppg = Ppg::start(settings()).await.unwrap();
    let pushing = tokio::spawn({
        let ppg = ppg.clone();
        async move { ppg.push("4100", push()).await }
    });
    let queued = ppg.once(|event| {
        if let PpgEvent::Queued { terminal, waiting } = event {
            return Some((terminal, waiting));
        }
        None
    });
    assert_eq!(queued.await, Some(("4100".to_owned(), 1)));
    let mut terminal = dial(ppg.listening()[0]).await;
    terminal.serve(REGISTERED).await;
    terminal.serve(ACCEPTED).await;
    assert_eq!(pushing.await.unwrap().outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_queue_has_an_end_and_patience_too() {
    let mut settings = settings();
    settings.bounds.pushes = 0;
    let ppg = Ppg::start(settings.clone()).await.unwrap();
    assert_eq!(ppg.push("4100", push()).await.outcome, Outcome::QueueFull);
    settings.bounds.pushes = 1;
    settings.policy.patience = Duration::from_millis(1);
    let ppg = Ppg::start(settings).await.unwrap();
    let outcome = ppg.push("4100", push()).await.outcome;
    assert!(matches!(outcome, Outcome::Unreachable(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_terminal_that_listens_is_dialled_at_need() {
    let (listener, address) = listen().await;
    let ppg = Ppg::start(settings()).await.unwrap();
    let route = Route {
        listens: Some((address, false)),
        initiation: None,
    };
    ppg.route("4100", route);
    let serving = async {
        let mut terminal = accept(&listener).await;
        terminal.serve(REGISTERED).await;
        terminal.serve(ACCEPTED).await;
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert_eq!(result.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_terminal_is_asked_to_call() {
    let ppg = Ppg::start(settings()).await.unwrap();
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let request = SirBuilder::new().contact(ContactPoint::new(ppg.listening()[0]));
    let datagram = request.push().encode().unwrap();
    let route = Route {
        listens: None,
        initiation: Some((phone.local_addr().unwrap(), datagram.clone())),
    };
    ppg.route("4100", route);
    let serving = async {
        let mut octets = [0; 100];
        let length = phone.recv(&mut octets).await.unwrap();
        assert_eq!(octets[..length], datagram);
        let mut terminal = dial(ppg.listening()[0]).await;
        terminal.serve(REGISTERED).await;
        terminal.serve(ACCEPTED).await;
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert_eq!(result.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_is_sent_again() {
    let (ppg, mut terminal) = stage(settings()).await;
    let address = ppg.listening()[0];
    let serving = async {
        let first = terminal.asked().await.unwrap();
        drop(terminal);
        let mut terminal = dial(address).await;
        terminal.serve(REGISTERED).await;
        let again = terminal.asked().await.unwrap();
        assert_eq!(again, first);
        drop(terminal);
    };
    let (result, ()) = tokio::join!(ppg.push("4100", push()), serving);
    assert!(
        matches!(result.outcome, Outcome::Unanswered(_)),
        "{result:?}"
    );
}
