//! Events given to one service that runs: `org.pushcai.Handler1.PushEvent`, in order, several at a time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use push_api::{DeliveredEvent as _, PushEventView};
use push_client::{Boxed, Event, Outcome};
use push_dbus::{
    EventCall, EventCalls, HANDLER_INTERFACE, Link, ReplyRoute, TakesReplies, event_map,
};
use zbus::message::{Flags, Message};
use zbus::names::OwnedUniqueName;
use zbus::{Connection, ObjectPath};

use super::reply::{handed, refused, said};
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
            window: 32,
            inline_content: 64 * 1024,
            linger: Duration::from_millis(500),
        }
    }
}

/// The way to one service that runs, by its unique name: whoever takes its well-known name later gets nothing of this.
#[derive(Debug)]
pub struct Delivery {
    link: Link,
    calls: EventCalls,
    settings: DeliverySettings,
    under_way: Arc<UnderWay>,
    _replies: ReplyRoute,
}

/// Calls that are not answered, by their serial numbers, which grow.
#[derive(Debug, Default)]
struct UnderWay(Mutex<BTreeMap<u32, Answering>>);

impl Delivery {
    /// The way to this service over this connection.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn open(
        link: &Link,
        service: OwnedUniqueName,
        path: ObjectPath<'static>,
        settings: DeliverySettings,
    ) -> Result<Self, Unreachable> {
        let under_way = Arc::new(UnderWay::default());
        let caller: Arc<UnderWay> = Arc::clone(&under_way);
        let route = link.route(service.clone(), caller);
        let calls = EventCalls::new(service, path);
        Ok(Self {
            link: link.clone(),
            calls: calls
                .map_err(|error| Unreachable::new(format!("it cannot be called: {error}")))?,
            settings,
            under_way,
            _replies: route.ok_or_else(|| Unreachable::new("the bus is lost"))?,
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
        let (calls, answering) = made([(event, answering)], |event| self.call(event));
        self.send(&calls, answering).await
    }

    /// Gives events to the service, written as one.
    async fn give_together(&self, events: Vec<(Event, Answering)>) -> Result<(), Unreachable> {
        let (calls, answering) = made(events, |event| self.call(&event.view()));
        self.send(&calls, answering).await
    }

    async fn send(
        &self,
        calls: &[EventCall],
        answering: impl IntoIterator<Item = Answering>,
    ) -> Result<(), Unreachable> {
        let serials = calls.iter().map(|call| call.serial().get());
        self.under_way.lock().extend(serials.zip(answering));
        let sent = self.link.send(calls).await;
        sent.map_err(|error| Unreachable::new(format!("the bus is lost: {error}")))
    }

    fn call(&self, event: &PushEventView<'_>) -> Result<EventCall, String> {
        let unable = |error: &dyn std::fmt::Display| {
            format!("the event cannot be put into a message: {error}")
        };
        let map = event_map(event.clone(), self.settings.inline_content)
            .map_err(|error| unable(&error))?;
        self.calls.call(&map).map_err(|error| unable(&error))
    }
}

/// Makes a message of each event. One that none can be made of is put off by itself, and keeps none of the others back.
fn made<E, M>(
    events: impl IntoIterator<Item = (E, Answering)>,
    message: impl Fn(&E) -> Result<M, String>,
) -> (Vec<M>, Vec<Answering>) {
    let mut all = (Vec::new(), Vec::new());
    for (event, answering) in events {
        match message(&event) {
            Ok(message) => {
                all.0.push(message);
                all.1.push(answering);
            }
            Err(unable) => answering.give(Ok(Handed::new(Outcome::Later, unable))),
        }
    }
    all
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

    fn may_have_come(&self) -> bool {
        // It waits for room at the bus.
        false
    }

    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(async move { self.give(event.view(), answering).await })
    }

    fn ahead(&self) -> u32 {
        // The bus and the service would rest until the next were fetched.
        self.settings.window
    }

    fn together(&self, under_way: usize) -> u32 {
        // The service works on what it has while these are put into messages: one that has nothing is not kept waiting for several.
        let most = self.settings.window.div_ceil(4).max(1);
        u32::try_from(under_way).map_or(most, |under_way| under_way.clamp(1, most))
    }

    fn take_together(
        &mut self,
        events: Vec<(Event, Answering)>,
    ) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(self.give_together(events))
    }
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Answering>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakesReplies for UnderWay {
    fn take(&self, reply: &Message) -> bool {
        let header = reply.header();
        let Some(serial) = header.reply_serial() else {
            return false;
        };
        let mut under_way = self.lock();
        let Entry::Occupied(called) = under_way.entry(serial.get()) else {
            return false;
        };
        match header.error_name().map(zbus::names::ErrorName::as_str) {
            Some(NO_REPLY) => fall(&mut under_way),
            error => called.remove().give(answer(error, reply)),
        }
        true
    }

    fn lose(&self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_no_message_can_be_made_of_keeps_no_other_back() {
        let (answering, mut answers): (Vec<_>, Vec<_>) = (0..3).map(|_| Answering::new()).unzip();
        let (messages, _others) = made((0..3).zip(answering), |event| {
            if *event == 1 {
                Err("too large".to_owned())
            } else {
                Ok(*event)
            }
        });
        assert_eq!(messages, [0, 2]);
        let answers: Vec<_> = answers.iter_mut().map(|one| one.try_recv().ok()).collect();
        let put_off = Handed::new(Outcome::Later, "too large");
        assert_eq!(answers, [None, Some(Ok(put_off)), None]);
    }
}
