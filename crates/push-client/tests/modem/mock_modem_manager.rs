//! ModemManager as far as short messages go, with the faults of a bad day.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use push_testkit::Bus;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectPath, OwnedObjectPath, fdo, interface};

const ROOT: &str = "/org/freedesktop/ModemManager1";
const NAME: &str = "org.freedesktop.ModemManager1";

/// What a modem has stored, which outlives the service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Storage(Arc<Mutex<Stored>>);

#[derive(Debug, Default)]
struct Stored {
    messages: BTreeMap<u32, Message>,
    /// How many deletions fail from now on.
    bad_deletions: u32,
    /// How many were asked for.
    deletions: u32,
}

/// A short message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) state: u32,
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
    pub(crate) text: String,
    pub(crate) timestamp: String,
}

impl Message {
    /// A push that is whole.
    pub(crate) fn push(body: &[u8]) -> Self {
        Self {
            state: 3,
            kind: 1,
            data: super::stage::push(body),
            text: String::new(),
            timestamp: "2026-11-22T07:00:00+00".to_owned(),
        }
    }

    /// A message that a person wrote.
    pub(crate) fn text(text: &str) -> Self {
        Self {
            data: Vec::new(),
            text: text.to_owned(),
            ..Self::push(b"")
        }
    }
}

impl Storage {
    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap()
    }

    /// Puts a message there while the service is away.
    pub(crate) fn put(&self, number: u32, message: Message) {
        self.lock().messages.insert(number, message);
    }

    /// The numbers of those that are there.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.lock().messages.keys().copied().collect()
    }

    /// So many deletions fail from now on.
    pub(crate) fn fail_deletions(&self, count: u32) {
        self.lock().bad_deletions = count;
    }

    /// How many deletions were asked for.
    pub(crate) fn deletions(&self) -> u32 {
        self.lock().deletions
    }
}

struct Modem(&'static str);

#[interface(name = "org.freedesktop.ModemManager1.Modem")]
impl Modem {
    #[zbus(property)]
    fn device(&self) -> String {
        self.0.to_owned()
    }
}

struct Messaging(Storage);

#[interface(name = "org.freedesktop.ModemManager1.Modem.Messaging")]
impl Messaging {
    fn list(&self) -> Vec<OwnedObjectPath> {
        self.0.numbers().into_iter().map(path_of).collect()
    }

    async fn delete(
        &self,
        path: ObjectPath<'_>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        let number = path.rsplit('/').next().unwrap().parse().unwrap();
        {
            let mut stored = self.0.lock();
            stored.deletions += 1;
            if stored.bad_deletions > 0 {
                stored.bad_deletions -= 1;
                return Err(fdo::Error::Failed(
                    "the modem says +CMS ERROR: 500".to_owned(),
                ));
            }
            stored.messages.remove(&number);
        }
        connection.object_server().remove::<Sms, _>(&path).await?;
        Self::deleted(&emitter, path).await?;
        Ok(())
    }

    #[zbus(signal)]
    async fn added(
        emitter: &SignalEmitter<'_>,
        path: ObjectPath<'_>,
        received: bool,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn deleted(emitter: &SignalEmitter<'_>, path: ObjectPath<'_>) -> zbus::Result<()>;
}

struct Sms(Message);

#[interface(name = "org.freedesktop.ModemManager1.Sms")]
impl Sms {
    #[zbus(property)]
    fn state(&self) -> u32 {
        self.0.state
    }

    #[zbus(property)]
    fn pdu_type(&self) -> u32 {
        self.0.kind
    }

    #[zbus(property)]
    fn data(&self) -> Vec<u8> {
        self.0.data.clone()
    }

    #[zbus(property)]
    fn text(&self) -> String {
        self.0.text.clone()
    }

    #[zbus(property)]
    fn number(&self) -> String {
        "+15550001".to_owned()
    }

    #[zbus(property, name = "SMSC")]
    fn smsc(&self) -> String {
        "+15550000".to_owned()
    }

    #[zbus(property)]
    fn timestamp(&self) -> String {
        self.0.timestamp.clone()
    }
}

fn path_of(number: u32) -> OwnedObjectPath {
    OwnedObjectPath::try_from(format!("{ROOT}/SMS/{number}")).unwrap()
}

fn modem_path(number: u32) -> OwnedObjectPath {
    OwnedObjectPath::try_from(format!("{ROOT}/Modem/{number}")).unwrap()
}

/// The service; it ends with this value.
pub(crate) struct Service(Connection);

impl Service {
    /// Starts the service, without a modem.
    pub(crate) async fn start(bus: &Bus) -> Self {
        let connection = bus.connect().await;
        let objects = connection.object_server();
        objects.at(ROOT, fdo::ObjectManager).await.unwrap();
        connection.request_name(NAME).await.unwrap();
        Self(connection)
    }

    /// A modem comes, with what is in `storage`.
    pub(crate) async fn add_modem(&self, number: u32, device: &'static str, storage: &Storage) {
        let objects = self.0.object_server();
        let path = modem_path(number);
        let messages = storage.lock().messages.clone();
        for (number, message) in messages {
            objects.at(path_of(number), Sms(message)).await.unwrap();
        }
        objects.at(&path, Modem(device)).await.unwrap();
        objects.at(&path, Messaging(storage.clone())).await.unwrap();
    }

    /// A modem goes.
    pub(crate) async fn remove_modem(&self, number: u32) {
        let objects = self.0.object_server();
        let path = modem_path(number);
        objects.remove::<Messaging, _>(&path).await.unwrap();
        objects.remove::<Modem, _>(&path).await.unwrap();
    }

    /// A message comes.
    pub(crate) async fn receive(&self, modem: u32, number: u32, message: Message) {
        let objects = self.0.object_server();
        let path = path_of(number);
        let messaging = objects
            .interface::<_, Messaging>(modem_path(modem))
            .await
            .unwrap();
        messaging.get().await.0.put(number, message.clone());
        objects.at(&path, Sms(message)).await.unwrap();
        let emitter = messaging.signal_emitter();
        Messaging::added(emitter, path.into_inner(), true)
            .await
            .unwrap();
    }

    /// The last segment of a message comes.
    pub(crate) async fn complete(&self, number: u32, data: Vec<u8>) {
        let objects = self.0.object_server();
        let sms = objects.interface::<_, Sms>(path_of(number)).await.unwrap();
        {
            let mut message = sms.get_mut().await;
            message.0.data = data;
            message.0.state = 3;
        }
        let message = sms.get().await;
        message.state_changed(sms.signal_emitter()).await.unwrap();
    }

    /// The service ends, as if it were killed.
    pub(crate) async fn end(self) {
        self.0.close().await.unwrap();
    }
}
