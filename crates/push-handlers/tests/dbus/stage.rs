//! A Push Client that runs, with services of a private bus as event handlers.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use push_api::{Caller, Owner, PushService, RegistrationRequest, WatchQuery, WatchedKind};
use push_client::{Builder, Client, EngineError, HandlerHost, Settings, handlers};
use push_dbus::BusAddress;
use push_handlers::dbus::{
    Bus as Services, DbusScheme, DeliverySettings, SystemBus, SystemBusSettings,
};
use push_handlers::{Handlers, Runner, RunnerSettings};
use push_message::Refusal;
use push_testkit::Bus;
use tokio::task::JoinHandle;

/// Octets of content up to which it stands in the event itself.
pub(crate) const INLINE: usize = 256;

/// A Push Client that runs, and a gateway that pushes to it.
pub(crate) struct Stage {
    pub(crate) bus: Bus,
    pub(crate) client: Client,
    engine: JoinHandle<Result<(), EngineError>>,
    gateway: UdpSocket,
}

impl Stage {
    pub(crate) fn start() -> Option<Self> {
        let bus = Bus::start()?;
        Some(Self::on(bus, Settings::default(), None))
    }

    /// A Push Client on a bus, with settings and a store of its own.
    pub(crate) fn on(bus: Bus, settings: Settings, store: Option<&Path>) -> Self {
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let system: Arc<dyn Services> = SystemBus::new(SystemBusSettings {
            address: BusAddress::At(bus.address()),
            service_directories: vec![bus.services()],
            reload_interval: Duration::ZERO,
            delivery: DeliverySettings {
                inline_content: INLINE,
                ..DeliverySettings::default()
            },
            ..SystemBusSettings::default()
        });
        let hosted = Arc::new(Handlers::new(vec![Arc::new(DbusScheme::new(vec![system]))]));
        let (seam, wanted) = handlers(Arc::clone(&hosted) as Arc<dyn HandlerHost>);
        let short = Duration::from_millis(20);
        let builder = Builder::new()
            .core_settings(Settings {
                handler_backoff_base: short,
                handler_backoff_limit: short,
                backoff_base: short,
                backoff_limit: short,
                ..settings
            })
            .handlers(seam)
            .listen(loopback);
        let builder = match store {
            Some(path) => builder.store(path),
            None => builder,
        };
        let (client, engine) = builder.build().unwrap();
        let engine = tokio::spawn(engine.run());
        let runner = Runner::new(hosted, wanted, client.clone(), RunnerSettings::default());
        tokio::spawn(runner.run(std::future::pending()));
        Self {
            bus,
            client,
            engine,
            gateway: UdpSocket::bind(loopback).unwrap(),
        }
    }

    /// Ends the Push Client; gives the bus.
    pub(crate) async fn end(self) -> Bus {
        self.client.shut_down().await;
        self.engine.await.unwrap().unwrap();
        self.bus
    }

    /// Registers OMNA number 4 for a user with this handler.
    pub(crate) async fn register(&self, uid: u32, handler: &str) -> Result<String, Refusal> {
        let request = RegistrationRequest {
            push_application_id: "4".to_owned(),
            event_handler: Some(handler.to_owned()),
            ..RegistrationRequest::default()
        };
        let answer = self.client.register(caller(uid), request).await?;
        Ok(answer.registration_id)
    }

    /// Sends a push with this transaction and body, and waits until it is there.
    pub(crate) async fn push(&self, transaction: u8, body: &[u8]) {
        let before = self.accepted().await;
        let octets = [&[transaction, 0x06, 0x03, 0xBE, 0xAF, 0x84], body].concat();
        let address = self.client.listening()[0];
        self.gateway.send_to(&octets, address).unwrap();
        while self.accepted().await == before {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the answers to this many events are there: what an application took counts only then.
    pub(crate) async fn until_completed(&self, events: u64) {
        while self.counted("completed").await < events {
            tokio::task::yield_now().await;
        }
    }

    async fn accepted(&self) -> u64 {
        self.counted("accepted").await
    }

    /// Watches which handlers cannot be reached.
    pub(crate) async fn watch_failures(&self) -> <Client as PushService>::Watching {
        let query = WatchQuery {
            kinds: vec![WatchedKind::HandlerFailed],
            ..WatchQuery::default()
        };
        self.client.watch(caller(0), query).await.unwrap()
    }

    pub(crate) async fn dead_letters(&self) -> usize {
        self.client.status(caller(0)).await.unwrap().dead_letters
    }

    async fn counted(&self, part: &str) -> u64 {
        let status = self.client.status(caller(0)).await.unwrap();
        let counters = status.counters.iter();
        let fitting = counters.filter(|(name, _)| name.contains(part));
        fitting.map(|(_, count)| count).sum()
    }
}

pub(crate) fn caller(uid: u32) -> Caller {
    Caller {
        owner: Owner::proved(format!("uid:{uid}")),
        administrator: uid == 0,
    }
}
