//! A Push Client that runs, served on a bus.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use push_client::{Builder, Client};
use push_dbus::{BusAddress, DbusSettings, NAME, PATH, serve};
use push_identity::Identity;
use push_testkit::Bus;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zbus::{Connection, Message, OwnedVariant, Variant, fdo};

/// A map of options.
pub(crate) type Options = HashMap<String, Variant<'static>>;

/// A map as it is answered.
pub(crate) type Map = HashMap<String, OwnedVariant>;

/// A Push Client that runs, served on a bus, and a gateway that pushes to it.
pub(crate) struct Stage {
    pub(crate) bus: Bus,
    pub(crate) client: Client,
    gateway: UdpSocket,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

/// Settings with short pauses. Other users are told by their number alone: it is threads of this process that are they.
pub(crate) fn settings(bus: &Bus) -> DbusSettings {
    DbusSettings {
        address: BusAddress::At(bus.address()),
        identity: Identity::User,
        backoff_base: Duration::from_millis(10),
        backoff_limit: Duration::from_millis(100),
        ..DbusSettings::default()
    }
}

impl Stage {
    pub(crate) async fn start() -> Option<Self> {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut DbusSettings)) -> Option<Self> {
        let bus = Bus::start()?;
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (client, engine) = Builder::new().listen(loopback).build().unwrap();
        tokio::spawn(engine.run());
        let mut settings = settings(&bus);
        change(&mut settings);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            stopped.await.ok();
        };
        let serving = tokio::spawn(serve(client.clone(), settings, shutdown));
        let stage = Self {
            bus,
            client,
            gateway: UdpSocket::bind(loopback).unwrap(),
            stop: Some(stop),
            serving,
        };
        stage.served().await;
        Some(stage)
    }

    /// Waits until somebody has the name.
    pub(crate) async fn served(&self) {
        let connection = self.bus.connect().await;
        wait_for_name(&connection, NAME).await;
    }

    /// Sends a push to OMNA number 4 with this transaction and body.
    pub(crate) fn push(&self, transaction: u8, body: &[u8]) {
        let octets = [&[transaction, 0x06, 0x03, 0xBE, 0xAF, 0x84], body].concat();
        let address = self.client.listening()[0];
        self.gateway.send_to(&octets, address).unwrap();
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.serving.await.unwrap();
        self.client.shut_down().await;
    }
}

/// Waits until a name has an owner.
pub(crate) async fn wait_for_name(connection: &Connection, name: &str) {
    let bus = fdo::DBusProxy::new(connection).await.unwrap();
    while !bus.name_has_owner(name.try_into().unwrap()).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

/// Waits until a name has no owner any more.
pub(crate) async fn wait_until_gone(connection: &Connection, name: &str) {
    let bus = fdo::DBusProxy::new(connection).await.unwrap();
    while bus.name_has_owner(name.try_into().unwrap()).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

/// Calls a method of the Push Client.
pub(crate) async fn call<B>(
    connection: &Connection,
    method: &str,
    body: &B,
) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType,
{
    connection
        .call_method(Some(NAME), PATH, Some(NAME), method, body)
        .await
}

/// The name and the message of the error that a call is answered by.
pub(crate) async fn refused<B>(connection: &Connection, method: &str, body: &B) -> (String, String)
where
    B: serde::Serialize + zbus::DynamicType,
{
    let error = call(connection, method, body).await.unwrap_err();
    let zbus::Error::MethodError(name, message, _) = error else {
        panic!("{error:?}");
    };
    (name.to_string(), message.unwrap_or_default())
}

pub(crate) fn options<const N: usize>(entries: [(&str, Variant<'static>); N]) -> Options {
    let owned = |(name, value): (&str, Variant<'static>)| (name.to_owned(), value);
    entries.into_iter().map(owned).collect()
}

/// Registers OMNA number 4; gives the registration's id.
pub(crate) async fn register(connection: &Connection) -> String {
    let request = options([("pushApplicationID", Variant::U32(4))]);
    let answer = call(connection, "Register", &(request, Options::new())).await;
    text(&map(&answer.unwrap()), "registrationID")
}

pub(crate) fn map(message: &Message) -> Map {
    message.body().deserialize().unwrap()
}

pub(crate) fn maps(message: &Message) -> Vec<Map> {
    message.body().deserialize().unwrap()
}

/// A string of a map.
pub(crate) fn text(map: &Map, name: &str) -> String {
    map[name].try_clone().unwrap().try_into().unwrap()
}
