//! One connection to the bus, for as long as it holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;
use zbus::message::{Message, Type};
use zbus::names::{InterfaceName, OwnedUniqueName};
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath, fdo};

use super::message::{Outcome, Place, Reader, is_gone};
use super::proxies::{Added, Deleted, MESSAGING, MODEM, ROOT, SERVICE, SMS};
use super::waiting::{Task, Waiting};
use super::{ModemManager, StoragePolicy, UnderWay, service};
use crate::modem::bus::{Owner, next, subscribe};
use crate::modem::memory::{Fingerprint, Memory};
use crate::modem::pause::{Pauses, progress, until};
use crate::short_messages::{Intake, SourceState};

/// What a [`Task`] came to.
enum Done {
    /// The service said which modems there are.
    Found(zbus::Result<Vec<OwnedObjectPath>>),
    /// A modem told its name and its messages.
    Met(OwnedObjectPath, Arc<str>, Vec<OwnedObjectPath>),
    /// A modem did not answer.
    NotMet(OwnedObjectPath, fdo::Error),
    /// A message was looked at.
    Looked(Place, Outcome),
    /// Messages that had stayed were deleted.
    Cleared(String, Vec<OwnedObjectPath>),
}

type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// The work under way, the modems, and what is known of them.
pub(super) struct Watch<'a> {
    source: &'a ModemManager,
    connection: Connection,
    intake: &'a Intake,
    memory: &'a Arc<Mutex<Memory>>,
    under_way: &'a UnderWay,
    service: Option<OwnedUniqueName>,
    /// The service has not said yet which modems there are.
    strange: bool,
    waiting: Waiting,
    /// Messages that were taken and stay, the oldest first, by modem.
    stay: BTreeMap<String, VecDeque<(Place, Fingerprint)>>,
    /// The modems whose storage is to be thinned out.
    crowded: BTreeSet<String>,
    work: Option<Work>,
    pauses: Pauses,
    /// Nothing is done before this.
    paused_until: Option<Instant>,
}

/// The signals of the service that matter here.
struct Signals {
    objects: MessageStream,
    messaging: MessageStream,
    messages: MessageStream,
}

impl Signals {
    async fn subscribe(connection: &Connection) -> zbus::Result<Self> {
        let from_service = || MatchRule::builder().msg_type(Type::Signal).sender(SERVICE);
        let objects = from_service()
            .path(ROOT)
            .interface("org.freedesktop.DBus.ObjectManager")
            .build()?;
        let messaging = from_service().interface(MESSAGING).build()?;
        let messages = from_service()
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .add_arg(SMS)
            .build()?;
        Ok(Self {
            objects: subscribe(connection, objects).await?,
            messaging: subscribe(connection, messaging).await?,
            messages: subscribe(connection, messages).await?,
        })
    }

    async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            message = next(&mut self.objects) => message,
            message = next(&mut self.messaging) => message,
            message = next(&mut self.messages) => message,
        }
    }
}

impl<'a> Watch<'a> {
    /// A watch on `connection`.
    pub(super) fn new(
        source: &'a ModemManager,
        connection: Connection,
        intake: &'a Intake,
        memory: &'a Arc<Mutex<Memory>>,
        under_way: &'a UnderWay,
    ) -> Self {
        let bus = &source.settings.bus;
        Self {
            source,
            connection,
            intake,
            memory,
            under_way,
            service: None,
            strange: false,
            waiting: Waiting::new(source.settings.max_waiting),
            stay: BTreeMap::new(),
            crowded: BTreeSet::new(),
            work: None,
            pauses: Pauses::new(bus.backoff_base, bus.backoff_limit),
            paused_until: None,
        }
    }

    /// Goes on until the connection is lost.
    pub(super) async fn run(mut self) -> zbus::Result<()> {
        let mut signals = Signals::subscribe(&self.connection).await?;
        let (mut owner, present) = Owner::watch(&self.connection, &service()).await?;
        self.service_changed(present);
        loop {
            self.start_work();
            tokio::select! {
                changed = owner.changed() => match changed {
                    Some(service) => self.service_changed(service),
                    None => return Ok(()),
                },
                signal = signals.next() => match signal {
                    Some(signal) => self.take(&signal),
                    None => return Ok(()),
                },
                done = progress(&mut self.work) => self.finish(done),
                () = until(self.paused_until) => self.paused_until = None,
            }
        }
    }

    /// The service has started, ended, or been replaced.
    fn service_changed(&mut self, service: Option<OwnedUniqueName>) {
        self.work = None;
        self.waiting.clear();
        self.stay.clear();
        self.crowded.clear();
        self.paused_until = None;
        self.pauses.reset();
        self.strange = service.is_some();
        self.service = service;
        if self.service.is_none() {
            tracing::info!("ModemManager is not there; short messages are taken once it is");
            let state = SourceState::Failed("ModemManager is not there".to_owned());
            self.intake.state(state);
        }
    }

    fn found(&mut self, modems: zbus::Result<Vec<OwnedObjectPath>>) {
        match modems {
            Ok(modems) => {
                self.strange = false;
                self.pauses.reset();
                tracing::info!(modems = modems.len(), "ModemManager is there");
                self.intake.state(SourceState::Connected);
                for modem in &modems {
                    self.waiting.add_modem(modem);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "ModemManager does not say which modems there are; trying again later");
                self.intake.state(SourceState::Failed(error.to_string()));
                self.pause();
            }
        }
    }

    fn take(&mut self, signal: &Message) {
        let header = signal.header();
        let from_service = self
            .service
            .as_ref()
            .is_some_and(|service| header.sender() == Some(service.inner()));
        let (Some(path), true) = (header.path(), from_service) else {
            return;
        };
        if let Some(signal) = Added::from_message(signal.clone()) {
            if let Ok(arguments) = signal.args() {
                self.waiting.add(path, arguments.path());
            }
        } else if let Some(signal) = Deleted::from_message(signal.clone()) {
            if let Ok(arguments) = signal.args() {
                self.deleted(arguments.path());
            }
        } else if let Some(signal) = fdo::InterfacesAdded::from_message(signal.clone()) {
            if let Ok(arguments) = signal.args()
                && arguments
                    .interfaces_and_properties()
                    .keys()
                    .any(|name| name == MESSAGING)
            {
                self.waiting.add_modem(arguments.object_path());
            }
        } else if let Some(signal) = fdo::InterfacesRemoved::from_message(signal.clone()) {
            if let Ok(arguments) = signal.args()
                && arguments.interfaces().iter().any(|name| name == MESSAGING)
            {
                self.modem_gone(arguments.object_path());
            }
        } else {
            self.waiting.change(path);
        }
    }

    fn modem_gone(&mut self, path: &str) {
        self.stay.retain(|modem, _| modem != path);
        self.crowded.retain(|modem| modem != path);
        if let Some(device) = self.waiting.remove_modem(path) {
            tracing::info!(%device, "a modem has gone");
        }
    }

    /// Somebody deleted a message, perhaps we ourselves: it need not be remembered any more.
    fn deleted(&mut self, path: &str) {
        let fingerprint = self.stay.values_mut().find_map(|stay| {
            let index = stay
                .iter()
                .position(|(place, _)| place.message.as_str() == path)?;
            stay.remove(index).map(|(_, fingerprint)| fingerprint)
        });
        if let (Some(fingerprint), Some(reader)) = (fingerprint, self.reader()) {
            tokio::spawn(async move {
                reader
                    .write_down(move |memory| memory.forget(fingerprint))
                    .await;
            });
        }
    }

    fn reader(&self) -> Option<Reader> {
        Some(Reader {
            connection: self.connection.clone(),
            service: self.service.clone()?,
            settings: Arc::clone(&self.source.settings),
            intake: self.intake.clone(),
            memory: Arc::clone(self.memory),
            _under_way: self.under_way.clone(),
            tally: Arc::clone(&self.source.tally),
        })
    }

    /// Takes up what is to be done next, one thing at a time, so that pushes keep their order.
    fn start_work(&mut self) {
        if self.work.is_some() || self.paused_until.is_some() {
            return;
        }
        let Some(reader) = self.reader() else {
            return;
        };
        if self.strange {
            self.work = Some(Box::pin(async move {
                Done::Found(modems(&reader.connection, &reader.service).await)
            }));
            return;
        }
        if let Some(modem) = self.crowded.first().cloned() {
            let stay = self.stay.get(&modem).cloned().unwrap_or_default();
            self.work = Some(Box::pin(thin_out(reader, modem, stay.into())));
            return;
        }
        self.work = match self.waiting.next() {
            Some(Task::Meet(modem)) => Some(Box::pin(meet(reader, modem))),
            Some(Task::Look(place)) => Some(Box::pin(look(reader, place))),
            None => None,
        };
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Found(modems) => self.found(modems),
            Done::Met(modem, device, messages) => {
                tracing::info!(%device, messages = messages.len(), "a modem is there");
                self.pauses.reset();
                self.waiting.met(&modem, device, &messages);
            }
            Done::NotMet(modem, error) if is_gone(&error) => {
                self.waiting.remove_modem(&modem);
            }
            Done::NotMet(modem, error) => {
                tracing::warn!(modem = %modem, %error, "ModemManager does not show the messages of a modem; trying again later");
                self.pause();
            }
            Done::Looked(place, outcome) => self.looked(place, outcome),
            Done::Cleared(modem, gone) => self.cleared(&modem, &gone),
        }
    }

    fn looked(&mut self, place: Place, outcome: Outcome) {
        match outcome {
            Outcome::Later => {
                self.pause();
                return;
            }
            Outcome::NotWhole => self.waiting.not_whole(&place),
            Outcome::Passed | Outcome::Deleted => self.waiting.done(&place),
            Outcome::Stays(fingerprint) => {
                self.waiting.done(&place);
                self.stays(place, fingerprint);
            }
        }
        self.pauses.reset();
    }

    fn stays(&mut self, place: Place, fingerprint: Fingerprint) {
        let settings = &self.source.settings;
        if settings.storage == StoragePolicy::WhenFull {
            self.crowded.insert(place.modem.to_string());
        }
        let stay = self.stay.entry(place.modem.to_string()).or_default();
        stay.retain(|(known, _)| known.message != place.message);
        if stay.len() >= settings.max_remembered {
            stay.pop_front();
        }
        stay.push_back((place, fingerprint));
    }

    fn cleared(&mut self, modem: &str, gone: &[OwnedObjectPath]) {
        self.crowded.remove(modem);
        if let Some(stay) = self.stay.get_mut(modem) {
            stay.retain(|(place, _)| !gone.contains(&place.message));
        }
    }

    fn pause(&mut self) {
        self.paused_until = Some(Instant::now() + self.pauses.take());
    }
}

/// The modems with short messages.
async fn modems(
    connection: &Connection,
    service: &OwnedUniqueName,
) -> zbus::Result<Vec<OwnedObjectPath>> {
    let objects = fdo::ObjectManagerProxy::builder(connection)
        .destination(service.as_str())
        .path(ROOT)
        .cache_properties(CacheProperties::No)
        .build()
        .await?
        .get_managed_objects()
        .await?;
    let mut modems: Vec<_> = objects
        .into_iter()
        .filter(|(_, interfaces)| interfaces.keys().any(|name| name.as_str() == MESSAGING))
        .map(|(path, _)| path)
        .collect();
    modems.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    Ok(modems)
}

/// Looks at a message in a task of its own: one that has got into the journal is remembered and deleted even if the service or
/// the bus goes meanwhile, and nobody but the end of the source waits for the outcome any more.
async fn look(reader: Reader, place: Place) -> Done {
    let looked_at = place.clone();
    let looking = tokio::spawn(async move { reader.look(&looked_at).await });
    let outcome = looking.await.unwrap_or(Outcome::Later);
    Done::Looked(place, outcome)
}

/// Asks a modem for its name and its messages.
async fn meet(reader: Reader, modem: OwnedObjectPath) -> Done {
    let device = match device(&reader, &modem).await {
        Ok(device) => device,
        Err(error) => return Done::NotMet(modem, error),
    };
    let names = &reader.settings.names;
    let device = names.get(&device).cloned().unwrap_or(device);
    // A modem that is not enabled lists nothing, and says so by an error; what it has is added once it is.
    let messages = reader.list(&modem).await.unwrap_or_else(|error| {
        tracing::debug!(%device, %error, "a modem lists no messages");
        Vec::new()
    });
    Done::Met(modem, device.into(), messages)
}

async fn device(reader: &Reader, modem: &OwnedObjectPath) -> fdo::Result<String> {
    let properties = fdo::PropertiesProxy::builder(&reader.connection)
        .destination(reader.service.as_str())
        .path(modem.as_str())
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let interface = InterfaceName::from_static_str(MODEM)?;
    let device = properties.get(interface, "Device").await?;
    Ok(String::try_from(device)?)
}

/// Deletes the oldest of the messages that stay until the modem has room again.
async fn thin_out(reader: Reader, modem: String, stay: Vec<(Place, Fingerprint)>) -> Done {
    let mut gone = Vec::new();
    let stored = match stay.first() {
        Some((place, _)) => reader.list(&place.modem).await.map_or(0, |all| all.len()),
        None => 0,
    };
    let too_many = (stored + 1).saturating_sub(reader.settings.full_at.max(1));
    for (place, fingerprint) in stay.into_iter().take(too_many) {
        if reader.clear(&place, fingerprint).await != Outcome::Deleted {
            break;
        }
        gone.push(place.message);
    }
    Done::Cleared(modem, gone)
}
