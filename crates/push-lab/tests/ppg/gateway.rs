//! Registrations and pushes, over connections opened by either side.

use push_lab::ppg::{
    Direction, HttpPush, OptionsRequest, Outcome, Ppg, PpgEvent, PpgSettings, Tag,
};

use crate::terminal::{REGISTERED, accept, dial, listen};

fn settings() -> PpgSettings {
    PpgSettings::new("gw.lab.example")
}

fn quiet() -> PpgSettings {
    PpgSettings {
        register: false,
        ..settings()
    }
}

fn to_tcp() -> PpgSettings {
    PpgSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..settings()
    }
}

#[tokio::test]
async fn a_gateway_dials_and_registers_and_pushes() {
    let (listener, address) = listen().await;
    let terminal = tokio::spawn(async move {
        let mut terminal = accept(&listener).await;
        let first = terminal.serve(REGISTERED).await;
        let second = terminal.serve(&["X-Wap-Push-Status: 400 Accepted"]).await;
        (first, second)
    });
    let ppg = Ppg::start(settings()).await.unwrap();
    let connection = ppg.connect(address, false).await.unwrap();
    assert_eq!(connection.direction(), Direction::PpgOriginated);
    assert_eq!(connection.terminal(), Some(("4100".to_owned(), Some(11))));
    assert_eq!(connection.tag().as_deref(), Some("AAECAw=="));
    let push = HttpPush::new("text/plain", *b"hello")
        .application("x-example:app")
        .info("last");
    let answer = connection.post(&push).await.unwrap();
    assert_eq!((answer.status, answer.push_code()), (204, Some(400)));
    let (first, second) = terminal.await.unwrap();
    assert_eq!(
        first.head,
        "OPTIONS /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\n\r\n"
    );
    let body = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\
                X-Wap-Application-Id: x-example:app\r\n\r\nhello";
    assert_eq!(
        second.head,
        format!(
            "POST /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\nX-Wap-CPITag: AAECAw==\r\n\
             X-Wap-Push-Info: last\r\nContent-Type: application/http\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
    );
    assert_eq!(String::from_utf8(second.body).unwrap(), body);
}

#[tokio::test]
async fn a_terminal_calls_and_is_registered_and_pushed_to() {
    let ppg = Ppg::start(to_tcp()).await.unwrap();
    let mut terminal = dial(ppg.listening()[0]).await;
    let connection = ppg.accepted().await.unwrap();
    assert_eq!(connection.direction(), Direction::TerminalOriginated);
    terminal.serve(REGISTERED).await;
    let registered = ppg.once(|event| {
        if let PpgEvent::Registered { terminal, tag, .. } = event {
            return Some((terminal, tag));
        }
        None
    });
    let expected = ("4100".to_owned(), Some("AAECAw==".to_owned()));
    assert_eq!(registered.await, Some(expected));
    let push = HttpPush::new("text/plain", *b"x").application("x-example:app");
    let pushing = ppg.push("4100", push);
    let serving = terminal.serve(&["X-Wap-Push-Status: 400"]);
    let (result, asked) = tokio::join!(pushing, serving);
    assert_eq!(result.outcome, Outcome::Accepted);
    assert_eq!(result.bearer, Some(11));
    assert_eq!(asked.line(), "POST /wappush HTTP/1.1");
    drop(terminal);
    let closed = ppg.once(|event| {
        if let PpgEvent::Closed { connection, .. } = event {
            return Some(connection);
        }
        None
    });
    assert_eq!(closed.await, Some(connection.id()));
    assert!(ppg.connections().is_empty());
}

#[tokio::test]
async fn requests_are_what_a_test_wants_them_to_be() {
    let (listener, address) = listen().await;
    let terminal = tokio::spawn(async move {
        let mut terminal = accept(&listener).await;
        let first = terminal.serve(&["X-Wap-Push-Status: 301"]).await;
        let second = terminal
            .serve(&["X-Wap-Push-Status: 256", "X-Wap-CPITag: x"])
            .await;
        let third = terminal.serve(&[]).await;
        (first, second, third)
    });
    let ppg = Ppg::start(PpgSettings {
        versions_always: false,
        prov_url: Some("http://prov.example/".to_owned()),
        ..quiet()
    });
    let ppg = ppg.await.unwrap();
    let connection = ppg.connect(address, false).await.unwrap();
    let options = OptionsRequest::new()
        .tag(Tag::Exactly("other".to_owned()))
        .header("host", "127.0.0.1");
    let answer = connection.options(&options).await.unwrap();
    assert_eq!(answer.push_code(), Some(301));
    let push = HttpPush::new("text/plain", *b"x")
        .tag(Tag::Absent)
        .entity("text/plain", *b"bare")
        .header("X-A", "b");
    let answer = connection.post(&push).await.unwrap();
    assert_eq!((answer.push_code(), answer.tag()), (Some(256), Some("x")));
    let raw = b"GET / HTTP/1.1\r\n\r\n";
    let answer = connection.exchange_raw(raw).await.unwrap();
    assert_eq!(answer.headers, []);
    let (first, second, third) = terminal.await.unwrap();
    assert_eq!(
        first.head,
        "OPTIONS /wappush HTTP/1.1\r\nX-Wap-Push-OTA-Version: 1.0\r\nX-Wap-CPITag: other\r\n\
         X-Wap-Push-ProvURL: http://prov.example/\r\nhost: 127.0.0.1\r\n\r\n"
    );
    assert_eq!(
        second.head,
        "POST /wappush HTTP/1.1\r\nHost:\r\nX-A: b\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n"
    );
    assert_eq!(second.body, b"bare");
    assert_eq!(third.head.as_bytes(), raw);
}
