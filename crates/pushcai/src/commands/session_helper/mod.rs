//! `session-helper`: reaches applications on the bus of a session for the daemon.

mod lane;
mod lanes;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use push_api::{SessionAnswer, SessionOrder};
use push_dbus::{BusAddress, connect};
use push_handlers::dbus::{DeliverySettings, SessionBus};
use tokio::sync::mpsc;
use zbus::Connection;
use zbus::fdo::RequestNameFlags;

use crate::arguments::SessionHelper;
use crate::client::Client;
use crate::commands::interrupted;
use crate::failure::Failure;
use crate::output::Output;
use crate::sse;
use lanes::Lanes;

const PATH: &str = "/v1/session-helper";
/// What a helper is called on the bus of its session, which starts one by this name (packaging/dbus/org.pushcai.SessionHelper1.service).
const NAME: &str = "org.pushcai.SessionHelper1";
/// How long the bus may take to answer, and an application to start.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);
/// The first pause before a lost connection is opened again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The most answers in one request: the daemon bounds the octets of a request.
const MAX_BATCH: usize = 64;

/// Helps until it is interrupted, replaced, or the session's bus is gone.
pub(crate) async fn run(
    arguments: &SessionHelper,
    reader: Client,
    answerer: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let address = arguments
        .bus
        .clone()
        .map_or(BusAddress::Session, BusAddress::At);
    let connection = connect(&address, CALL_TIMEOUT)
        .await
        .map_err(|error| no_bus(&error.to_string()))?;
    take_name(&connection, output).await;
    let bus = SessionBus::new(connection.clone(), DeliverySettings::default());
    tokio::select! {
        biased;
        result = interrupted() => result,
        () = connection.closed() => Err(no_bus("it has gone")),
        result = help(&bus, reader, answerer, output) => result,
    }
}

/// Takes the name of helpers, from an earlier one too, whose place this one takes. Where the bus does not give it, this helps without.
async fn take_name(connection: &Connection, output: &mut Output) {
    let flags = RequestNameFlags::ALLOW_REPLACEMENT
        | RequestNameFlags::REPLACE_EXISTING
        | RequestNameFlags::DO_NOT_QUEUE;
    if let Err(error) = connection.request_name_with_flags(NAME, flags).await {
        output.complain(&format!(
            "the bus does not give the name {NAME}, and cannot start helpers by it: {error}"
        ));
    }
}

fn no_bus(what: &str) -> Failure {
    Failure::Unreachable {
        message: format!("the bus of the session cannot be reached: {what}"),
        hint: "run this as the user, within the session; or give --bus ADDRESS".to_owned(),
    }
}

/// Why a stream of tasks ended.
enum End {
    /// Another helper took this one's place.
    Replaced,
    /// The connection to the daemon, which is opened again.
    Connection(String),
    /// Something that does not mend itself.
    Failure(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        if let Failure::Unreachable { message, .. } = failure {
            Self::Connection(message)
        } else {
            Self::Failure(failure)
        }
    }
}

async fn help(
    bus: &SessionBus,
    mut reader: Client,
    mut answerer: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        let end = match reader.stream(PATH, None).await {
            Ok(stream) => {
                output.say("helping: applications on the bus of this session are reached");
                pause = FIRST_PAUSE;
                follow(bus, stream, &mut answerer).await
            }
            Err(failure) => End::from(failure),
        };
        match end {
            End::Replaced => {
                output.say("another session helper of this user has taken over");
                return Ok(());
            }
            End::Failure(failure) => return Err(failure),
            End::Connection(cause) => {
                let line = format!("{cause}; connecting again in {:.1} s", pause.as_secs_f64());
                output.complain(&line);
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Does the tasks of one stream. What is under way when it ends is left: the daemon asks for it again.
async fn follow(bus: &SessionBus, mut stream: Incoming, answerer: &mut Client) -> End {
    let (sender, mut answers) = mpsc::channel(MAX_BATCH);
    let mut lanes = Lanes::new(bus.clone(), sender);
    let mut parser = sse::Parser::default();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            _ = answers.recv_many(&mut batch, MAX_BATCH) => {
                if let Err(failure) = answer(answerer, &mut batch).await {
                    return End::from(failure);
                }
            }
            frame = stream.frame() => match frame {
                None => return End::Connection("the daemon ended the stream".to_owned()),
                Some(Err(error)) => return End::Connection(format!("the connection to the daemon broke: {error}")),
                Some(Ok(frame)) => {
                    let chunk = frame.into_data().unwrap_or_default();
                    if let Some(end) = obey(&mut lanes, &mut parser, &chunk) {
                        return end;
                    }
                }
            },
        }
    }
}

/// Hands the tasks of a chunk to whoever does them; says where it is the end.
fn obey(lanes: &mut Lanes<SessionBus>, parser: &mut sse::Parser, chunk: &Bytes) -> Option<End> {
    let mut events = Vec::new();
    if let Err(error) = parser.feed(chunk, &mut events) {
        return Some(End::Failure(Failure::answer(error)));
    }
    for event in events {
        match SessionOrder::read(&event.kind, &event.data) {
            Ok(Some(SessionOrder::Check(check))) => lanes.check(check),
            Ok(Some(SessionOrder::Event(event))) => lanes.deliver(*event),
            Ok(Some(SessionOrder::Close(closing))) => lanes.close(closing),
            Ok(Some(SessionOrder::Replaced)) => return Some(End::Replaced),
            // A later daemon may ask for more.
            Ok(None) => {}
            Err(error) => return Some(End::Failure(Failure::answer(error))),
        }
    }
    None
}

async fn answer(client: &mut Client, batch: &mut Vec<SessionAnswer>) -> Result<(), Failure> {
    let answers = std::mem::take(batch);
    client.post(PATH, &answers).await.map(drop)
}

#[cfg(test)]
mod tests;
