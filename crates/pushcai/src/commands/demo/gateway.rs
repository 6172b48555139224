//! The Push Proxy Gateway of the demo, which speaks OTA-HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use push_lab::Sender;
use push_lab::ppg::{Connection, ContactPoint, HttpPush, Ppg, PpgSettings, ProtOpt, SirBuilder};

use crate::commands::demo::step::Step;
use crate::failure::Failure;
use crate::output::Output;

/// The application that takes pushes over HTTP.
pub(super) const NEWS: &str = "x-example.net:news";
/// The gateway's identity.
pub(super) const ID: &str = "ppg.example.net";

/// A push by HTTP.
pub(super) struct Post {
    /// What is sent, in words.
    what: &'static str,
    content_type: &'static str,
    content: &'static str,
    /// What the Push Client answers.
    answer: u16,
}

/// What an application gets.
pub(super) const HEADLINE: Post = Post {
    what: "a headline to x-example.net:news",
    content_type: "text/plain; charset=utf-8",
    content: "It works.",
    answer: 400,
};
/// What it does not take.
pub(super) const PICTURE: Post = Post {
    what: "a picture to x-example.net:news, which wants text alone",
    content_type: "image/png",
    content: "no picture",
    answer: 238,
};

/// A gateway that waits for terminals on loopback.
pub(super) async fn start() -> Result<Ppg, Failure> {
    let settings = PpgSettings {
        listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
        ..PpgSettings::new(ID)
    };
    Ppg::start(settings).await.map_err(|error| failed(&error))
}

/// Opens a connection to the Push Client (PO-TCP) and registers it there.
pub(super) async fn call(ppg: &Ppg, terminal: SocketAddr) -> Result<Connection, Failure> {
    ppg.connect(terminal, false)
        .await
        .map_err(|error| failed(&error))
}

/// Hangs up, asks the Push Client by a datagram to call back, and gives the connection that it opens then (TO-TCP).
pub(super) async fn invite(
    ppg: &Ppg,
    terminal: SocketAddr,
    output: &mut Output,
) -> Result<Connection, Failure> {
    for connection in ppg.connections() {
        connection.close().await;
    }
    let contact = ppg.listening().first().copied();
    let contact = contact.ok_or_else(|| failed(&"it listens nowhere"))?;
    let datagram = SirBuilder::new()
        .contact(ContactPoint::new(contact))
        .option(ProtOpt::OtaHttp)
        .push()
        .encode()
        .map_err(|error| failed(&error))?;
    let sender = Sender::bind((Ipv4Addr::LOCALHOST, 0).into()).await;
    let sender = sender.map_err(|error| failed(&error))?;
    sender
        .send(terminal, &datagram)
        .await
        .map_err(|error| failed(&error))?;
    Step::Invited {
        contact: contact.to_string(),
        octets: datagram.len(),
    }
    .show(output)?;
    // Those that were hung up on come first.
    while let Some(connection) = ppg.accepted().await {
        if connection.is_open() {
            Step::Called {
                from: connection.peer().to_string(),
            }
            .show(output)?;
            return Ok(connection);
        }
    }
    Err(failed(&"nobody called"))
}

impl Post {
    /// Pushes it, and shows what it was answered.
    pub(super) async fn send(
        &self,
        connection: &Connection,
        way: &'static str,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let push = HttpPush::new(self.content_type, self.content).application(NEWS);
        let answer = connection
            .post(&push)
            .await
            .map_err(|error| failed(&error))?;
        let status = answer
            .push_status()
            .ok_or_else(|| failed(&format_args!("HTTP status {}", answer.status)))?;
        Step::Posted {
            what: self.what,
            way,
            octets: self.content.len(),
            status: answer.status,
            push_status: format!("{} {}", status.code, status.phrase),
        }
        .show(output)?;
        if status.code == self.answer {
            Ok(())
        } else {
            Err(failed(&format_args!(
                "{} is answered with {}, not with {}",
                self.what, status.code, self.answer
            )))
        }
    }
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("the demo's gateway: {error}"))
}
