//! Events given to one service that runs: `org.pushcai.Handler1.PushEvent`, in order, several at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use push_api::{DeliveredEvent as _, PushEventView};
use push_client::{Boxed, Event, Outcome};
use push_dbus::{HANDLER_INTERFACE, event_map, next_message};
use tokio::task::JoinHandle;
use zbus::message::{Flags, Message, Type};
use zbus::names::OwnedUniqueName;
use zbus::{Connection, MatchRule, MessageStream, ObjectPath, OwnedVariant};

use crate::{Answer, Answering, Handed, Handler, Unreachable};

/// Errors by which a bus says that nobody took the call.
const NOBODY: [&str; 5] = [
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.LimitsExceeded",
    "org.freedesktop.DBus.Error.Disconnected",
];
/// Errors by which a service says that it has no such method: it is no handler of events.
const NO_HANDLER: [&str; 3] = [
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownInterface",
];
/// The error by which a bus says that a service left without an answer.
const NO_REPLY: &str = "org.freedesktop.DBus.Error.NoReply";
const BUS: &str = "org.freedesktop.DBus";

/// What may be set for deliveries on one bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySettings {
    /// How many events a service is given before it has answered on the first.
    pub window: u32,
    /// Octets of content up to which it stands in the event itself; more goes by descriptor.
    pub inline_content: usize,
    /// How long a service that has answered on everything is held ready for the next event.
    pub linger: Duration,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            window: 16,
            inline_content: 64 * 1024,
            linger: Duration::from_millis(500),
        }
    }
}

/// The way to one service that runs, by its unique name: whoever takes its well-known name later gets nothing of this.
#[derive(Debug)]
pub struct Delivery {
    connection: Connection,
    service: OwnedUniqueName,
    path: ObjectPath<'static>,
    settings: DeliverySettings,
    under_way: Arc<UnderWay>,
    replies: JoinHandle<()>,
}

/// Calls that are not answered, by their serial numbers, which grow.
#[derive(Debug, Default)]
struct UnderWay(Mutex<BTreeMap<u32, Answering>>);

impl Delivery {
    /// The way to this service over this connection.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn open(
        connection: &Connection,
        service: OwnedUniqueName,
        path: ObjectPath<'static>,
        settings: DeliverySettings,
    ) -> Result<Self, Unreachable> {
        let under_way = Arc::new(UnderWay::default());
        let answers = replies(connection, Type::MethodReturn, service.as_str()).await?;
        // The bus answers in the place of a service that is gone.
        let refusals = replies(connection, Type::Error, BUS).await?;
        let errors = replies(connection, Type::Error, service.as_str()).await?;
        let reading = read_replies([answers, refusals, errors], Arc::clone(&under_way));
        Ok(Self {
            connection: connection.clone(),
            service,
            path,
            settings,
            under_way,
            replies: tokio::spawn(reading),
        })
    }

    /// Gives an event to the service. Returns once it is on its way; what becomes of it comes by `answering`.
    ///
    /// # Errors
    /// As [`Handler::take`].
    pub async fn give(
        &self,
        event: PushEventView<'_>,
        answering: Answering,
    ) -> Result<(), Unreachable> {
        let message = self.message(event)?;
        let serial = message.primary_header().serial_num().get();
        self.under_way.lock().insert(serial, answering);
        let sent = self.connection.send(&message).await;
        sent.map_err(|error| Unreachable::new(format!("the bus is lost: {error}")))
    }

    fn message(&self, event: PushEventView<'_>) -> Result<Message, Unreachable> {
        let unable = |error: &dyn std::fmt::Display| {
            Unreachable::new(format!("the event cannot be put into a message: {error}"))
        };
        let map = event_map(event, self.settings.inline_content).map_err(|error| unable(&error))?;
        Message::method_call(&self.path, "PushEvent")
            .destination(&self.service)
            .interface(HANDLER_INTERFACE)
            .build(&map)
            .map_err(|error| unable(&error))
    }
}

/// Tells a service that a registration of its application is not what it was. No answer is asked for.
pub(super) async fn tell_lost(
    connection: &Connection,
    service: &OwnedUniqueName,
    path: &ObjectPath<'_>,
    registration: &str,
    cause: &str,
) -> zbus::Result<()> {
    let call = Message::method_call(path, "RegistrationLost")
        .with_flags(Flags::NO_REPLY_EXPECTED)
        .destination(service)
        .interface(HANDLER_INTERFACE)
        .build(&(registration, cause))?;
    connection.send(&call).await
}

impl Handler for Delivery {
    fn window(&self) -> u32 {
        self.settings.window
    }

    fn linger(&self) -> Duration {
        self.settings.linger
    }

    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(async move { self.give(event.view(), answering).await })
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.replies.abort();
    }
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Answering>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a reply in; what answers nothing that is under way is dropped.
    fn settle(&self, reply: &Message) {
        let header = reply.header();
        let Some(serial) = header.reply_serial() else {
            return;
        };
        let mut under_way = self.lock();
        if !under_way.contains_key(&serial.get()) {
            return;
        }
        match header.error_name().map(zbus::names::ErrorName::as_str) {
            Some(NO_REPLY) => fall(&mut under_way),
            error => {
                if let Some(answering) = under_way.remove(&serial.get()) {
                    answering.give(answer(error, reply));
                }
            }
        }
    }

    fn fail(&self) {
        for (_, answering) in std::mem::take(&mut *self.lock()) {
            answering.give(Err(Unreachable::new("the bus is lost")));
        }
    }
}

/// It left the bus. It fell with the oldest event that it had: nothing is said of the others, which it may not have looked at. The bus
/// says so of each, in whatever order.
fn fall(under_way: &mut BTreeMap<u32, Answering>) {
    if let Some((_, oldest)) = under_way.pop_first() {
        let fallen = Handed::new(Outcome::Later, "left the bus while it had the event");
        oldest.give(Ok(fallen));
    }
    for (_, other) in std::mem::take(under_way) {
        other.give(Err(Unreachable::new("it left the bus")));
    }
}

/// What a reply comes to that is no sign of the service's end.
fn answer(error: Option<&str>, reply: &Message) -> Answer {
    match error {
        None => Ok(handed(reply)),
        Some(name) if NOBODY.contains(&name) || NO_HANDLER.contains(&name) => {
            Err(Unreachable::new(format!("{name}: {}", said(reply))))
        }
        Some(name) => Ok(refused(name, reply)),
    }
}

async fn replies(
    connection: &Connection,
    kind: Type,
    sender: &str,
) -> Result<MessageStream, Unreachable> {
    let lost = |error: zbus::Error| Unreachable::new(format!("the bus is lost: {error}"));
    let rule = MatchRule::builder().msg_type(kind).sender(sender).build();
    let rule = rule.map_err(lost)?.to_owned();
    MessageStream::for_match_rule(rule, connection, None)
        .await
        .map_err(lost)
}

async fn read_replies(streams: [MessageStream; 3], under_way: Arc<UnderWay>) {
    let [mut answers, mut refusals, mut errors] = streams;
    loop {
        // What a service answered before it left counts, so its answers go first.
        let reply = tokio::select! {
            biased;
            reply = next_message(&mut answers) => reply,
            reply = next_message(&mut refusals) => reply,
            reply = next_message(&mut errors) => reply,
        };
        match reply {
            Some(reply) => under_way.settle(&reply),
            None => return under_way.fail(),
        }
    }
}

/// What a service made of an event by its answer: a map with an `outcome`, and perhaps with `after` (seconds) and `detail`.
fn handed(reply: &Message) -> Handed {
    let body = reply.body();
    let Ok(result) = body.deserialize::<BTreeMap<String, OwnedVariant>>() else {
        if body.is_empty() {
            return Handed::new(
                Outcome::Later,
                "answered by nothing, or by more than is taken",
            );
        }
        let signature = body.signature();
        return Handed::new(
            Outcome::Later,
            format!("answered by `{signature}`, where a{{sv}} is asked for"),
        );
    };
    let text = |name: &str| {
        result
            .get(name)
            .and_then(|value| <&str>::try_from(value).ok())
    };
    let outcome = match text("outcome") {
        Some("accepted") => Outcome::Accepted,
        Some("later") => Outcome::Later,
        Some("rejected") => Outcome::Rejected,
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            let said =
                format!("answered `{shown}`; an outcome is `accepted`, `later` or `rejected`");
            return Handed::new(Outcome::Later, said);
        }
        None => return Handed::new(Outcome::Later, "answered without an `outcome`"),
    };
    let after = result
        .get("after")
        .and_then(|value| u32::try_from(value).ok());
    Handed {
        outcome,
        after: after.map(|seconds| Duration::from_secs(seconds.into())),
        said: format!("outcome {}", text("outcome").unwrap_or_default()),
        output: text("detail").unwrap_or_default().to_owned(),
    }
}

/// A service that answers by an error of its own: again later.
fn refused(name: &str, reply: &Message) -> Handed {
    Handed {
        output: said(reply),
        ..Handed::new(Outcome::Later, name)
    }
}

fn said(reply: &Message) -> String {
    let body = reply.body();
    body.deserialize::<&str>().unwrap_or_default().to_owned()
}
