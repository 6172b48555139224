//! What agents see: Manager, Modem, `SimManager` and `PushNotification`, as oFono's documentation has them.

use std::collections::HashMap;
use std::sync::Arc;

use zbus::message::Header;
use zbus::names::UniqueName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectPath, OwnedObjectPath, Variant, interface};

use super::serve::Registrar;

/// The interfaces of a modem.
const INTERFACES: [&str; 2] = ["org.ofono.SimManager", "org.ofono.PushNotification"];

type Properties = HashMap<&'static str, Variant<'static>>;

/// Errors with oFono's names.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.ofono.Error")]
pub(super) enum OfonoError {
    /// D-Bus itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// It did not work, for this reason.
    Failed(String),
    /// What was asked for means nothing.
    InvalidArguments(String),
    /// It may not be done.
    AccessDenied(String),
    /// There is no room.
    InUse(String),
}

/// `org.ofono.Manager`, at `/`.
#[derive(Debug)]
pub(super) struct Manager {
    pub(super) modems: Vec<(OwnedObjectPath, String)>,
}

#[interface(name = "org.ofono.Manager")]
impl Manager {
    #[expect(clippy::unused_async, reason = "methods on D-Bus have this form")]
    async fn get_modems(&self) -> Vec<(OwnedObjectPath, Properties)> {
        let modems = self.modems.iter();
        modems
            .map(|(path, name)| (path.clone(), properties_of_modem(name)))
            .collect()
    }

    /// A modem came. Those here are there all the time, so that nobody hears it.
    #[zbus(signal)]
    async fn modem_added(
        emitter: &SignalEmitter<'_>,
        path: ObjectPath<'_>,
        properties: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<()>;

    /// A modem went.
    #[zbus(signal)]
    async fn modem_removed(emitter: &SignalEmitter<'_>, path: ObjectPath<'_>) -> zbus::Result<()>;
}

/// `org.ofono.Modem`.
#[derive(Debug)]
pub(super) struct Modem {
    pub(super) name: String,
}

fn properties_of_modem(name: &str) -> Properties {
    HashMap::from([
        ("Powered", true.into()),
        ("Online", true.into()),
        ("Lockdown", false.into()),
        ("Emergency", false.into()),
        ("Name", Variant::from(name.to_owned())),
        ("Interfaces", Variant::from(INTERFACES.to_vec())),
        ("Features", Variant::from(vec!["sim", "sms"])),
        ("Type", Variant::from("hardware")),
    ])
}

#[interface(name = "org.ofono.Modem")]
impl Modem {
    #[expect(clippy::unused_async, reason = "methods on D-Bus have this form")]
    async fn get_properties(&self) -> Properties {
        properties_of_modem(&self.name)
    }

    #[expect(clippy::unused_async, reason = "methods on D-Bus have this form")]
    async fn set_property(&self, property: &str, value: Variant<'_>) -> Result<(), OfonoError> {
        match properties_of_modem(&self.name).get(property) {
            Some(present) if *present == value => Ok(()),
            Some(_) => Err(OfonoError::AccessDenied(
                "this modem is not oFono's: it is there for push agents, and nothing of it can be set".to_owned(),
            )),
            None => Err(OfonoError::InvalidArguments(format!("there is no property {property}"))),
        }
    }

    /// A property changed. None does.
    #[zbus(signal)]
    async fn property_changed(
        emitter: &SignalEmitter<'_>,
        name: &str,
        value: Variant<'_>,
    ) -> zbus::Result<()>;
}

/// `org.ofono.SimManager`.
#[derive(Debug)]
pub(super) struct SimManager {
    /// The IMSI; empty where it is not known. It is shown even so: agents wait for one before they take a push.
    pub(super) subscriber: String,
}

#[interface(name = "org.ofono.SimManager")]
impl SimManager {
    #[expect(clippy::unused_async, reason = "methods on D-Bus have this form")]
    async fn get_properties(&self) -> Properties {
        HashMap::from([
            ("Present", true.into()),
            ("SubscriberIdentity", Variant::from(self.subscriber.clone())),
        ])
    }

    /// A property changed. None does.
    #[zbus(signal)]
    async fn property_changed(
        emitter: &SignalEmitter<'_>,
        name: &str,
        value: Variant<'_>,
    ) -> zbus::Result<()>;
}

/// `org.ofono.PushNotification`.
#[derive(Debug)]
pub(super) struct PushNotification {
    pub(super) modem: String,
    pub(super) registrar: Arc<Registrar>,
}

#[interface(name = "org.ofono.PushNotification")]
impl PushNotification {
    async fn register_agent(
        &self,
        path: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), OfonoError> {
        let sender = sender(&header)?;
        self.registrar
            .register(connection, &self.modem, &path, sender)
            .await
    }

    async fn unregister_agent(
        &self,
        path: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), OfonoError> {
        let sender = sender(&header)?;
        self.registrar.unregister(&self.modem, &path, sender).await
    }
}

fn sender<'a>(header: &'a Header<'_>) -> Result<&'a str, OfonoError> {
    let sender = header.sender().map(UniqueName::as_str);
    sender.ok_or_else(|| OfonoError::AccessDenied("the call has no sender".to_owned()))
}
