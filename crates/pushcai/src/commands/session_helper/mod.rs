//! `session-helper`: reaches applications on the bus of a session for the daemon.

mod lane;
mod lanes;

use std::time::Duration;

use push_api::{SessionAnswer, SessionOrder};
use push_dbus::{BusAddress, MAX_MESSAGE, link};
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
use crate::stream::{LONGEST_PAUSE, Lost, Pauses, Stream};
use lanes::Lanes;

const PATH: &str = "/v1/session-helper";
/// What a helper is called on the bus of its session, which starts one by this name (packaging/dbus/org.pushcai.SessionHelper1.service).
const NAME: &str = "org.pushcai.SessionHelper1";
/// How long the bus may take to answer, and an application to start.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);
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
    let link = link(&address, CALL_TIMEOUT, MAX_MESSAGE)
        .await
        .map_err(|error| no_bus(&error.to_string()))?;
    let connection = link.connection();
    take_name(connection, output).await;
    let bus = SessionBus::new(link.clone(), DeliverySettings::default());
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

async fn help(
    bus: &SessionBus,
    mut reader: Client,
    mut answerer: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut pauses = Pauses::new(LONGEST_PAUSE);
    loop {
        let followed = match reader.stream(PATH, None).await {
            Ok(stream) => {
                output.say("helping: applications on the bus of this session are reached");
                pauses.reset();
                follow(bus, stream, &mut answerer).await
            }
            Err(failure) => Err(failure.into()),
        };
        match followed {
            Ok(()) => {
                output.say("another session helper of this user has taken over");
                return Ok(());
            }
            Err(Lost::Connection(cause)) => pauses.wait(&cause, output).await,
            Err(Lost::Failure(failure)) => return Err(failure),
        }
    }
}

/// Does the tasks of one stream, until another helper takes this one's place. What is under way when the stream is lost is left: the
/// daemon asks for it again.
async fn follow(bus: &SessionBus, mut stream: Stream, answerer: &mut Client) -> Result<(), Lost> {
    let (sender, mut answers) = mpsc::channel(MAX_BATCH);
    let mut lanes = Lanes::new(bus.clone(), sender);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            _ = answers.recv_many(&mut batch, MAX_BATCH) => answer(answerer, &mut batch).await?,
            events = stream.next() => {
                if obey(&mut lanes, events?)? {
                    return Ok(());
                }
            }
        }
    }
}

/// Hands tasks to whoever does them; says whether another helper takes this one's place.
fn obey(lanes: &mut Lanes<SessionBus>, events: Vec<sse::Event>) -> Result<bool, Failure> {
    for event in events {
        match SessionOrder::read(&event.kind, &event.data).map_err(Failure::answer)? {
            Some(SessionOrder::Check(check)) => lanes.check(check),
            Some(SessionOrder::Event(event)) => lanes.deliver(*event),
            Some(SessionOrder::Lost(loss)) => lanes.tell(loss),
            Some(SessionOrder::Close(closing)) => lanes.close(closing),
            Some(SessionOrder::Replaced) => return Ok(true),
            // A later daemon may ask for more.
            None => {}
        }
    }
    Ok(false)
}

async fn answer(client: &mut Client, batch: &mut Vec<SessionAnswer>) -> Result<(), Failure> {
    let answers = std::mem::take(batch);
    client.post(PATH, &answers).await.map(drop)
}

#[cfg(test)]
mod tests;
