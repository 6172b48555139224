//! The push server of the demo that pushes in a session (OTA-WSP over WTP).

use std::net::SocketAddr;

use push_lab::ppg::{ContactPoint, SirBuilder};
use push_lab::session::{Manner, Outcome, SessionServer, SessionSettings, reason};
use push_lab::{ApplicationId, Push};

use crate::commands::demo::pushes::{METER, SERVER_ON_LIST};
use crate::commands::demo::step::Step;
use crate::failure::Failure;
use crate::output::Output;

/// The server's identity.
pub(super) const ID: &str = "wsp.example.net";
/// What is pushed, in words.
const WHAT: &str = "a reading to x-example.net:meter, confirmed";
const CONTENT: &str = r#"{"reading":43}"#;

/// A server that waits for sessions on loopback.
pub(super) async fn start() -> Result<SessionServer, Failure> {
    let settings = SessionSettings::new((SERVER_ON_LIST, 0).into());
    SessionServer::start(settings)
        .await
        .map_err(|error| failed(&error))
}

/// Asks the Push Client by a datagram to open a session, pushes in it, and ends it.
pub(super) async fn push(
    server: &SessionServer,
    terminal: SocketAddr,
    output: &mut Output,
) -> Result<(), Failure> {
    let request = SirBuilder::new()
        .version(0)
        .application(ApplicationId::parse(METER))
        .contact_wsp(ContactPoint::new(server.address()));
    let octets = request.push().encode().map_err(|error| failed(&error))?;
    server
        .invite(terminal, &request)
        .await
        .map_err(|error| failed(&error))?;
    Step::SessionAsked {
        contact: server.address().to_string(),
        octets: octets.len(),
    }
    .show(output)?;
    let session = server.connected().await;
    let mut sessions = server.sessions().into_iter();
    let opened = sessions.find(|known| known.id == session);
    let opened = opened.ok_or_else(|| failed(&"the session has ended"))?;
    Step::SessionOpened {
        from: opened.peer.to_string(),
        session,
        applications: opened
            .greeting
            .applications
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
    .show(output)?;
    let push = Push::new("application/json", CONTENT).application(ApplicationId::parse(METER));
    let outcome = server.push(session, &push, &Manner::confirmed()).await;
    server.disconnect(session).await;
    let Outcome::Acknowledged = outcome else {
        return Err(failed(&words(outcome)));
    };
    Step::Confirmed {
        what: WHAT,
        octets: CONTENT.len(),
    }
    .show(output)
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Acknowledged | Outcome::Sent => "the push was taken".to_owned(),
        Outcome::Aborted {
            by_user,
            reason: code,
        } => format!("the push was aborted with {}", reason(by_user, code)),
        Outcome::NoAnswer => "the push was never answered".to_owned(),
        Outcome::NoSession => "the session does not stand".to_owned(),
        Outcome::NotWritten => "the push cannot be written".to_owned(),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("the demo's session server: {error}"))
}
