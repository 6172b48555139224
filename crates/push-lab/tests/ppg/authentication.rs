//! Who is who, in both directions.

use std::net::SocketAddr;

use push_lab::ppg::{
    Challenge, HttpPush, OptionsRequest, Outcome, Ppg, PpgEvent, PpgSettings,
    TerminalAuthentication,
};

use crate::terminal::{REGISTERED, Terminal, dial};

fn settings() -> PpgSettings {
    PpgSettings {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        ..PpgSettings::new("gw.lab.example")
    }
}

/// A gateway, and a terminal that has called and is asked to register.
async fn stage(settings: PpgSettings) -> (Ppg, Terminal) {
    let ppg = Ppg::start(settings).await.unwrap();
    let terminal = dial(ppg.listening()[0]).await;
    (ppg, terminal)
}

async fn registration(ppg: &Ppg) -> Result<(String, bool), String> {
    let settled = ppg.once(|event| match event {
        PpgEvent::Registered {
            terminal,
            authenticated,
            ..
        } => Some(Ok((terminal, authenticated))),
        PpgEvent::NotRegistered { reason, .. } => Some(Err(reason)),
        PpgEvent::Opened { .. }
        | PpgEvent::TlsFailed { .. }
        | PpgEvent::Closed { .. }
        | PpgEvent::Asked { .. }
        | PpgEvent::Answered { .. }
        | PpgEvent::Queued { .. }
        | PpgEvent::Initiated { .. }
        | PpgEvent::Pushed { .. }
        | PpgEvent::Pap { .. }
        | PpgEvent::Notified { .. } => None,
    });
    settled.await.unwrap()
}

fn with_credentials(value: &str) -> Vec<String> {
    let mut headers: Vec<_> = REGISTERED.iter().map(|line| (*line).to_owned()).collect();
    headers.retain(|line| !line.starts_with("X-Wap-Terminal-Id"));
    headers.push(format!("X-Wap-Authorization: {value}"));
    headers
}

async fn serve(terminal: &mut Terminal, headers: &[String]) {
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    terminal.answer("204 No Content", &headers).await;
}

#[tokio::test]
async fn a_terminal_proves_itself_by_a_digest() {
    let (ppg, mut terminal) = stage(PpgSettings {
        authenticate: TerminalAuthentication::Digest,
        terminal_passwords: [("4100".to_owned(), "secret".into())].into(),
        ..settings()
    })
    .await;
    let asked = terminal.asked().await.unwrap();
    let value = asked.header("X-Wap-Authenticate").unwrap();
    let challenge = Challenge::parse(value).remove(0);
    assert_eq!(challenge.realm, "gw.lab.example");
    let names: Vec<_> = challenge
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["realm", "nonce", "algorithm"]);
    // A wrong password first: the challenge comes again, fresh, with its status.
    let wrong = challenge.answer("4100", "guess", "OPTIONS", "/wappush");
    serve(&mut terminal, &with_credentials(&wrong)).await;
    let again = terminal.asked().await.unwrap();
    let second = Challenge::parse(again.header("X-Wap-Authenticate").unwrap()).remove(0);
    assert_eq!(second.status.as_deref(), Some("failed_retry"));
    assert_ne!(second.nonce, challenge.nonce);
    let right = second.answer("4100", "secret", "OPTIONS", "/wappush");
    serve(&mut terminal, &with_credentials(&right)).await;
    assert_eq!(registration(&ppg).await, Ok(("4100".to_owned(), true)));
}

#[tokio::test]
async fn a_terminal_that_cannot_prove_itself_is_told_so() {
    let (ppg, mut terminal) = stage(PpgSettings {
        authenticate: TerminalAuthentication::Basic,
        terminal_password: Some("secret".into()),
        ..settings()
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let asked = terminal.asked().await.unwrap();
        let value = asked.header("X-Wap-Authenticate").unwrap();
        statuses.push(Challenge::parse(value).remove(0).status);
        // 4100:guess
        serve(&mut terminal, &with_credentials("Basic NDEwMDpndWVzcw==")).await;
    }
    let expected = [None, Some("failed_retry"), Some("failed_noretry")];
    assert_eq!(statuses, expected.map(|status| status.map(str::to_owned)));
    let reason = registration(&ppg).await.unwrap_err();
    assert!(reason.contains("the password is wrong"), "{reason}");
}

#[tokio::test]
async fn a_terminal_may_refuse_the_challenge() {
    for (status, requests) in [("failed_retry", 2), ("failed_noretry", 1)] {
        let (ppg, mut terminal) = stage(PpgSettings {
            authenticate: TerminalAuthentication::Digest,
            ..settings()
        })
        .await;
        let refusal = format!("X-Wap-Authorization: x-wap-auth-status=\"{status}\"");
        for _ in 0..requests {
            let asked = terminal.asked().await.unwrap();
            assert!(asked.header("X-Wap-Authenticate").is_some());
            let headers = [refusal.as_str(), "X-Wap-Push-Status: 301"];
            terminal.answer("412 Precondition Failed", &headers).await;
        }
        let reason = registration(&ppg).await.unwrap_err();
        assert!(reason.contains(status), "{reason}");
    }
}

#[tokio::test]
async fn a_gateway_proves_itself_when_asked() {
    let (ppg, mut terminal) = stage(PpgSettings {
        password: Some("gw pass".into()),
        ..settings()
    })
    .await;
    let asked = terminal.asked().await.unwrap();
    assert_eq!(asked.header("Authorization"), None);
    let digest = "WWW-Authenticate: Digest realm=\"4100\", domain=\"/wappush\", nonce=\"bm9uY2U=\", algorithm=\"SHA-1\"";
    let both = [
        "WWW-Authenticate: Basic realm=\"4100\"",
        digest,
        "X-Wap-Push-Status: 300",
    ];
    terminal.answer("401 Unauthorized", &both).await;
    let asked = terminal.serve(REGISTERED).await;
    // Computed with another program (Python's hashlib).
    assert_eq!(
        asked.header("Authorization"),
        Some(
            "Digest username=\"gw.lab.example\", realm=\"4100\", nonce=\"bm9uY2U=\", uri=\"/wappush\", \
             algorithm=SHA-1, response=\"523d6e97ada78393b3037b5692dde9264bd61694\""
        )
    );
    assert_eq!(registration(&ppg).await, Ok(("4100".to_owned(), false)));
    // A push may be challenged as well.
    let push = HttpPush::new("text/plain", *b"x");
    let serving = async {
        let first = terminal.asked().await.unwrap();
        assert_eq!(first.header("Authorization"), None);
        terminal
            .answer("401 Unauthorized", &[digest, "X-Wap-Push-Status: 234"])
            .await;
        terminal.serve(&["X-Wap-Push-Status: 400"]).await
    };
    let (result, second) = tokio::join!(ppg.push("4100", push), serving);
    assert_eq!(result.outcome, Outcome::Accepted);
    let authorization = second.header("Authorization").unwrap();
    assert!(
        authorization.ends_with("response=\"e6bc488d0cb5208e7ac5959d7808cc024dca78d6\""),
        "{authorization}"
    );
}

#[tokio::test]
async fn a_gateway_shows_its_password_unasked_where_it_shall() {
    let (ppg, mut terminal) = stage(PpgSettings {
        password: Some("p".into()),
        unasked: true,
        ..settings()
    })
    .await;
    let asked = terminal.asked().await.unwrap();
    // gw.lab.example:p
    assert_eq!(
        asked.header("Authorization"),
        Some("Basic Z3cubGFiLmV4YW1wbGU6cA==")
    );
    terminal
        .answer(
            "401 Unauthorized",
            &["WWW-Authenticate: Basic realm=\"4100\""],
        )
        .await;
    terminal.asked().await.unwrap();
    terminal
        .answer(
            "401 Unauthorized",
            &["WWW-Authenticate: Basic realm=\"4100\""],
        )
        .await;
    let reason = registration(&ppg).await.unwrap_err();
    assert!(
        reason.contains("does not accept the gateway's password"),
        "{reason}"
    );
}

#[tokio::test]
async fn without_a_password_a_challenge_is_the_end() {
    let (ppg, mut terminal) = stage(settings()).await;
    terminal.asked().await.unwrap();
    terminal
        .answer(
            "401 Unauthorized",
            &["WWW-Authenticate: Basic realm=\"4100\""],
        )
        .await;
    let reason = registration(&ppg).await.unwrap_err();
    assert!(reason.contains("no password"), "{reason}");
    // The connection is there nevertheless.
    let connection = ppg.accepted().await.unwrap();
    let request = OptionsRequest::new();
    let (answer, _) = tokio::join!(
        connection.options(&request),
        terminal.serve(&["X-Wap-Push-Status: 301"])
    );
    assert_eq!(answer.unwrap().push_code(), Some(301));
}

#[tokio::test]
async fn answers_that_break_the_protocol_are_found() {
    for (headers, expected) in [
        (&["X-Wap-Push-Status: 501"][..], "no Terminal-ID"),
        (
            &["X-Wap-Push-Status: 500", "X-Wap-Terminal-Id: 4100"],
            "no CPI is known",
        ),
        (&["X-Wap-Push-Status: 302"], "refuses"),
        (&[], "refuses"),
    ] {
        let (ppg, mut terminal) = stage(settings()).await;
        terminal.serve(headers).await;
        let reason = registration(&ppg).await.unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}
