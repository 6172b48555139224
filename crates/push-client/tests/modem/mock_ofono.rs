//! oFono as far as pushes go, with the faults of a bad day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use push_testkit::Bus;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectPath, OwnedObjectPath, OwnedVariant, Variant, interface};

const NAME: &str = "org.ofono";
const INTERFACES: [&str; 2] = ["org.ofono.SimManager", "org.ofono.PushNotification"];

type Properties = HashMap<String, OwnedVariant>;

struct Manager(Vec<(OwnedObjectPath, bool)>);

fn interfaces(pushes: bool) -> Variant<'static> {
    let count = if pushes { 2 } else { 1 };
    Variant::from(INTERFACES[..count].to_vec())
}

#[interface(name = "org.ofono.Manager")]
impl Manager {
    fn get_modems(&self) -> Vec<(OwnedObjectPath, Properties)> {
        let properties = |pushes| {
            let interfaces = interfaces(pushes).try_to_owned().unwrap();
            HashMap::from([("Interfaces".to_owned(), interfaces)])
        };
        let modems = self.0.iter();
        modems
            .map(|(path, pushes)| (path.clone(), properties(*pushes)))
            .collect()
    }

    #[zbus(signal)]
    async fn modem_added(
        emitter: &SignalEmitter<'_>,
        path: ObjectPath<'_>,
        properties: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn modem_removed(emitter: &SignalEmitter<'_>, path: ObjectPath<'_>) -> zbus::Result<()>;
}

struct Modem;

#[interface(name = "org.ofono.Modem")]
impl Modem {
    #[zbus(signal)]
    async fn property_changed(
        emitter: &SignalEmitter<'_>,
        name: &str,
        value: Variant<'_>,
    ) -> zbus::Result<()>;
}

/// The agent of a modem: who, and at which path.
pub(crate) type Agent = Arc<Mutex<Option<(OwnedUniqueName, OwnedObjectPath)>>>;

struct PushNotification(Agent);

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.ofono.Error")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    InProgress(String),
}

#[interface(name = "org.ofono.PushNotification")]
impl PushNotification {
    fn register_agent(
        &self,
        path: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Refusal> {
        let mut agent = self.0.lock().unwrap();
        if agent.is_some() {
            return Err(Refusal::InProgress(
                "Operation already in progress".to_owned(),
            ));
        }
        let sender = header.sender().unwrap().to_owned();
        *agent = Some((sender.into(), path.to_owned().into()));
        Ok(())
    }
}

/// The service; it ends with this value.
pub(crate) struct Service(Connection);

impl Service {
    /// Starts the service, without a modem.
    pub(crate) async fn start(bus: &Bus) -> Self {
        let connection = bus.connect().await;
        let objects = connection.object_server();
        objects.at("/", Manager(Vec::new())).await.unwrap();
        connection.request_name(NAME).await.unwrap();
        Self(connection)
    }

    /// A modem comes, offline.
    pub(crate) async fn add_modem(&self, path: &'static str) -> Agent {
        let agent = Agent::default();
        let objects = self.0.object_server();
        objects.at(path, Modem).await.unwrap();
        objects
            .at(path, PushNotification(Arc::clone(&agent)))
            .await
            .unwrap();
        let manager = objects.interface::<_, Manager>("/").await.unwrap();
        let owned = OwnedObjectPath::try_from(path).unwrap();
        manager.get_mut().await.0.push((owned.clone(), false));
        let properties = HashMap::from([("Interfaces", interfaces(false))]);
        Manager::modem_added(manager.signal_emitter(), owned.into_inner(), properties)
            .await
            .unwrap();
        agent
    }

    /// A modem goes online, or offline; then it lets its agent go.
    pub(crate) async fn set_online(&self, path: &'static str, agent: &Agent, online: bool) {
        let objects = self.0.object_server();
        let manager = objects.interface::<_, Manager>("/").await.unwrap();
        for (known, pushes) in &mut manager.get_mut().await.0 {
            if known.as_str() == path {
                *pushes = online;
            }
        }
        let modem = objects.interface::<_, Modem>(path).await.unwrap();
        let changed =
            Modem::property_changed(modem.signal_emitter(), "Interfaces", interfaces(online));
        changed.await.unwrap();
        if !online {
            self.release(agent).await;
        }
    }

    /// A modem goes.
    pub(crate) async fn remove_modem(&self, path: &'static str) {
        let objects = self.0.object_server();
        let manager = objects.interface::<_, Manager>("/").await.unwrap();
        manager
            .get_mut()
            .await
            .0
            .retain(|(known, _)| known.as_str() != path);
        objects.remove::<PushNotification, _>(path).await.unwrap();
        objects.remove::<Modem, _>(path).await.unwrap();
        let path = ObjectPath::try_from(path).unwrap();
        Manager::modem_removed(manager.signal_emitter(), path)
            .await
            .unwrap();
    }

    /// Lets the agent go.
    pub(crate) async fn release(&self, agent: &Agent) {
        let agent = agent.lock().unwrap().take();
        if let Some((name, path)) = agent {
            self.call(&name, &path, "Release", &()).await.unwrap();
        }
    }

    /// Hands a push to the agent and gives its answer.
    pub(crate) async fn push(&self, agent: &Agent, octets: &[u8]) -> zbus::Result<()> {
        let (name, path) = agent.lock().unwrap().clone().unwrap();
        let details = HashMap::from([
            ("LocalSentTime", Variant::from("2026-11-22T08:00:00+0100")),
            ("SentTime", Variant::from("2026-11-22T07:00:00+0000")),
            ("Sender", Variant::from("+15550001")),
        ]);
        self.call(&name, &path, "ReceiveNotification", &(octets, details))
            .await
    }

    async fn call<B: zbus::export::serde::Serialize + zbus::Type>(
        &self,
        name: &OwnedUniqueName,
        path: &OwnedObjectPath,
        method: &str,
        body: &B,
    ) -> zbus::Result<()> {
        let interface = Some("org.ofono.PushNotificationAgent");
        let call = self
            .0
            .call_method(Some(name.as_str()), path.as_str(), interface, method, body);
        // Release wants no answer; it is answered by nobody.
        if method == "Release" {
            let message = zbus::Message::method_call(path.as_str(), method)
                .destination(name.as_str())
                .interface("org.ofono.PushNotificationAgent")
                .with_flags(zbus::message::Flags::NO_REPLY_EXPECTED)
                .build(body)?;
            return self.0.send(&message).await;
        }
        call.await.map(drop)
    }

    /// The service ends, as if it were killed.
    pub(crate) async fn end(self) {
        self.0.close().await.unwrap();
    }
}
