//! Push initiators at the front door.

use std::net::SocketAddr;

use push_lab::ppg::{Policy, Ppg, PpgEvent, PpgSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::terminal::{REGISTERED, Terminal, dial};

const ADDRESS: &str = "WAPPUSH=4100/TYPE=USER@gw.lab.example";

fn settings() -> PpgSettings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    PpgSettings {
        listen: vec![any],
        pap: Some(any),
        policy: Policy {
            retries: 0,
            ..Policy::default()
        },
        ..PpgSettings::new("gw.lab.example")
    }
}

async fn stage() -> (Ppg, Terminal) {
    let ppg = Ppg::start(settings()).await.unwrap();
    let mut terminal = dial(ppg.listening()[0]).await;
    terminal.serve(REGISTERED).await;
    let registered = ppg.once(|event| matches!(event, PpgEvent::Registered { .. }).then_some(()));
    registered.await.unwrap();
    (ppg, terminal)
}

/// What the gateway answers to an HTTP message, octet by octet.
async fn exchange(ppg: &Ppg, message: &str) -> String {
    let mut stream = TcpStream::connect(ppg.pap().unwrap()).await.unwrap();
    stream.write_all(message.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn post(ppg: &Ppg, content_type: &str, body: &str) -> String {
    let length = body.len();
    let message = format!(
        "POST /pap HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    exchange(ppg, &message).await
}

fn document(message: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\r\n<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 2.0//EN\" \"pap_2.0.dtd\">\r\n\
         <pap>{message}</pap>"
    )
}

/// A submission of a text; `push` are attributes, `elements` what stands within.
async fn submit(ppg: &Ppg, push: &str, elements: &str) -> String {
    let control = document(&format!("<push-message {push}>{elements}</push-message>"));
    let body = format!(
        "--lab\r\nContent-Type: application/xml\r\n\r\n{control}\r\n--lab\r\nContent-Type: text/plain\r\n\
         X-Wap-Application-Id: x-example:app\r\n\r\nhello\r\n--lab\r\nContent-Type: application/xml\r\n\r\n\
         <capabilities/>\r\n--lab--\r\n"
    );
    post(
        ppg,
        "multipart/related; boundary=lab; type=\"application/xml\"",
        &body,
    )
    .await
}

fn to(address: &str) -> String {
    format!("<address address-value=\"{address}\"/>")
}

/// A push initiator's own server: takes one notification, and gives it.
async fn notified(listener: TcpListener) -> (String, String) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut initiator = Terminal::new(stream);
    let asked = initiator.asked().await.unwrap();
    initiator.answer("202 Accepted", &[]).await;
    (asked.head, String::from_utf8(asked.body).unwrap())
}

#[tokio::test]
async fn a_submission_is_delivered_and_reported() {
    let (ppg, mut terminal) = stage().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/told?a=1&amp;b=2", listener.local_addr().unwrap());
    let push = format!(
        "push-id=\"1@pi\" ppg-notify-requested-to=\"{url}\" progress-notes-requested=\"true\""
    );
    let elements = to(ADDRESS) + "<quality-of-service delivery-method=\"confirmed\"/>";
    let answer = submit(&ppg, &push, &elements).await;
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/xml\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("<push-response push-id=\"1@pi\""),
        "{answer}"
    );
    assert!(
        answer.contains("<progress-note stage=\"submission\""),
        "{answer}"
    );
    assert!(
        answer.contains("<response-result code=\"1001\""),
        "{answer}"
    );
    let (asked, (head, body)) = tokio::join!(
        terminal.serve(&["X-Wap-Push-Status: 400"]),
        notified(listener)
    );
    let pushed = String::from_utf8(asked.body).unwrap();
    assert_eq!(
        pushed,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\
         X-Wap-Application-Id: x-example:app\r\n\r\nhello"
    );
    assert!(
        head.starts_with("POST /told?a=1&b=2 HTTP/1.1\r\n"),
        "{head}"
    );
    for part in [
        "//DTD PAP 2.0//EN",
        "<resultnotification-message push-id=\"1@pi\"",
        "message-state=\"delivered\" code=\"1000\"",
        "<address address-value=\"WAPPUSH=4100/TYPE=USER@gw.lab.example\"/>",
        "<quality-of-service delivery-method=\"confirmed\"/>",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    let told = ppg.once(|event| {
        if let PpgEvent::Notified { state, result, .. } = event {
            return Some((state, result));
        }
        None
    });
    assert_eq!(told.await, Some(("delivered".to_owned(), Ok(202))));
    let query = document("<statusquery-message push-id=\"1@pi\"/>");
    let answer = post(&ppg, "application/xml", &query).await;
    assert!(
        answer.contains("message-state=\"delivered\" code=\"1000\""),
        "{answer}"
    );
    // The same push-id is not taken twice.
    let answer = submit(&ppg, "push-id=\"1@pi\"", &to(ADDRESS)).await;
    assert!(answer.contains("code=\"2007\""), "{answer}");
}

#[tokio::test]
async fn a_refused_push_is_reported_with_its_push_status() {
    let (ppg, mut terminal) = stage().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let push = format!("push-id=\"2\" ppg-notify-requested-to=\"{url}\"");
    submit(&ppg, &push, &to(ADDRESS)).await;
    let (_, (head, body)) = tokio::join!(
        terminal.serve(&["X-Wap-Push-Status: 236 No such application"]),
        notified(listener)
    );
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    assert!(
        body.contains("message-state=\"aborted\" code=\"5236\""),
        "{body}"
    );
    assert!(!body.contains("quality-of-service"), "{body}");
}

#[tokio::test]
async fn who_wants_no_confirmation_hears_that_it_was_sent() {
    let (ppg, mut terminal) = stage().await;
    let elements = to(ADDRESS) + "<quality-of-service delivery-method=\"unconfirmed\"/>";
    submit(&ppg, "push-id=\"3\"", &elements).await;
    terminal.serve(&["X-Wap-Push-Status: 236"]).await;
    let pushed = ppg.once(|event| matches!(event, PpgEvent::Pushed { .. }).then_some(()));
    pushed.await.unwrap();
    let query = document("<statusquery-message push-id=\"3\"/>");
    let answer = loop {
        let answer = post(&ppg, "application/xml", &query).await;
        if !answer.contains("pending") {
            break answer;
        }
    };
    assert!(
        answer.contains("message-state=\"delivered\" code=\"1000\""),
        "{answer}"
    );
    assert!(
        answer.contains("delivery-method=\"unconfirmed\""),
        "{answer}"
    );
}

#[tokio::test]
async fn what_waits_can_be_cancelled() {
    let ppg = Ppg::start(settings()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let push = format!("push-id=\"4\" ppg-notify-requested-to=\"{url}\"");
    submit(&ppg, &push, &to(ADDRESS)).await;
    let query = document("<statusquery-message push-id=\"4\"/>");
    let answer = post(&ppg, "application/xml", &query).await;
    assert!(answer.contains("message-state=\"pending\""), "{answer}");
    let cancel = format!(
        "<cancel-message push-id=\"4\">{}</cancel-message>",
        to(ADDRESS)
    );
    let cancel = document(&cancel);
    let (answer, (_, body)) = tokio::join!(post(&ppg, "text/xml", &cancel), notified(listener));
    assert!(answer.contains("<cancel-result code=\"1000\""), "{answer}");
    assert!(body.contains("message-state=\"cancelled\""), "{body}");
    // Done with: it cannot be cancelled again.
    let answer = post(&ppg, "text/xml", &cancel).await;
    assert!(answer.contains("<cancel-result code=\"2008\""), "{answer}");
    let other =
        document("<cancel-message push-id=\"4\"><address address-value=\"x\"/></cancel-message>");
    let answer = post(&ppg, "text/xml", &other).await;
    assert!(answer.contains("<cancel-result code=\"2003\""), "{answer}");
    for unknown in ["cancel-message", "statusquery-message"] {
        let text = document(&format!("<{unknown} push-id=\"9\"/>"));
        let answer = post(&ppg, "application/xml", &text).await;
        assert!(answer.contains("code=\"2004\""), "{answer}");
    }
}

#[tokio::test]
async fn submissions_that_cannot_be_done_are_refused_with_their_code() {
    let (ppg, _terminal) = stage().await;
    let two = to(ADDRESS);
    for (push, elements, code) in [
        ("push-id=\"a\"", to("nobody"), 2002),
        ("push-id=\"b\" replace-push-id=\"a\"", two.clone(), 3011),
        (
            "push-id=\"c\" deliver-before-timestamp=\"2001-01-01T00:00:00Z\"",
            two.clone(),
            2000,
        ),
        (
            "push-id=\"d\"",
            two.clone() + "<quality-of-service bearer=\"SMS\" bearer-required=\"true\"/>",
            3010,
        ),
        (
            "push-id=\"e\"",
            two.clone() + "<quality-of-service network=\"GSM\" network-required=\"true\"/>",
            3009,
        ),
        (
            "push-id=\"f\"",
            two.clone() + "<quality-of-service bearer=\"gprs\" bearer-required=\"true\"/>",
            1001,
        ),
    ] {
        let answer = submit(&ppg, push, &elements).await;
        let expected = format!("<response-result code=\"{code}\"");
        assert!(answer.contains(&expected), "{push}: {answer}");
    }
    let alone = document(&format!("<push-message push-id=\"g\">{two}</push-message>"));
    let answer = post(&ppg, "application/xml", &alone).await;
    assert!(
        answer.contains("<response-result code=\"2000\""),
        "{answer}"
    );
    let query = document(&format!("<ccq-message query-id=\"q\">{two}</ccq-message>"));
    let answer = post(&ppg, "application/xml", &query).await;
    assert!(answer.contains("code=\"3001\""), "{answer}");
    assert!(answer.contains("query-id=\"q\""), "{answer}");
}

#[tokio::test]
async fn what_is_no_message_is_answered_as_such() {
    let ppg = Ppg::start(settings()).await.unwrap();
    for (content_type, body, code) in [
        ("application/xml", "<pap><broken", 2000),
        ("application/json", "{}", 2000),
        ("multipart/related; boundary=b", "no parts", 2000),
        (
            "application/xml",
            "<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 9.0//EN\" \"x\"><pap/>",
            3002,
        ),
    ] {
        let answer = post(&ppg, content_type, body).await;
        assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
        let expected = format!("<badmessage-response code=\"{code}\"");
        assert!(answer.contains(&expected), "{answer}");
    }
    let other =
        "POST /other HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert!(exchange(&ppg, other).await.starts_with("HTTP/1.1 404 "));
    let get = "GET /pap HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n";
    assert!(exchange(&ppg, get).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn messages_have_a_greatest_length() {
    let mut settings = settings();
    settings.bounds.body = 100;
    let ppg = Ppg::start(settings).await.unwrap();
    let answer = post(&ppg, "application/xml", &"x".repeat(101)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
