//! A Push Client with one source, and an application of the same process.

use std::time::Duration;

use push_api::{Caller, Owner, PushService as _, Server};
use push_client::modem::{BusAddress, BusSettings};
use push_client::short_messages::Source;
use push_client::{
    Acknowledgement, Application, Builder, Client, EngineError, Event, Events, Outcome,
    RegistrationRequest, Selector, Settings,
};
use push_testkit::Bus;
use tokio::task::JoinHandle;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that runs.
pub(crate) struct Stage {
    pub(crate) client: Client,
    engine: JoinHandle<Result<(), EngineError>>,
    pub(crate) application: Application,
    pub(crate) events: Events,
}

/// How a source reaches a bus, without long pauses.
pub(crate) fn bus_settings(bus: &Bus) -> BusSettings {
    let second = Duration::from_secs(1);
    BusSettings {
        address: BusAddress::At(bus.address()),
        backoff_base: second / 50,
        backoff_limit: second / 10,
        ..BusSettings::default()
    }
}

/// A connectionless push to mms.ua with this body.
pub(crate) fn push(body: &[u8]) -> Vec<u8> {
    [&[0x01, 0x06, 0x03, 0xBE, 0xAF, 0x84], body].concat()
}

impl Stage {
    /// Starts a client that takes short messages from `source`.
    pub(crate) async fn start(source: impl Source) -> Self {
        Self::with(Builder::new(), source).await
    }

    /// As [`Self::start`], with room for `events` that wait.
    pub(crate) async fn with_room_for(events: usize, source: impl Source) -> Self {
        let settings = Settings {
            max_queue_events: events,
            ..Settings::default()
        };
        Self::with(Builder::new().core_settings(settings), source).await
    }

    async fn with(builder: Builder, source: impl Source) -> Self {
        let (client, engine) = builder.source(source).build().unwrap();
        let application = client.application("test");
        // The engine answers once it runs; the registration comes before the source's first push.
        let registering = application.register(RegistrationRequest {
            push_application_id: "x-wap-application:mms.ua".to_owned(),
            ..RegistrationRequest::default()
        });
        let engine = tokio::spawn(engine.run());
        registering.await.unwrap();
        let events = application.subscribe(Selector::default()).await.unwrap();
        Self {
            client,
            engine,
            application,
            events,
        }
    }

    /// The next event, acknowledged.
    pub(crate) async fn take(&mut self) -> Event {
        let event = self.see().await;
        self.accept(&event).await;
        event
    }

    /// The next event.
    pub(crate) async fn see(&mut self) -> Event {
        let next = tokio::time::timeout(PATIENCE, self.events.next_event());
        next.await.unwrap().unwrap()
    }

    pub(crate) async fn accept(&self, event: &Event) {
        let acknowledgement = Acknowledgement::new(event.id(), Outcome::Accepted);
        let refused = self.application.acknowledge(vec![acknowledgement]).await;
        assert_eq!(refused, Ok(Vec::new()));
    }

    /// The source, as operators see it.
    pub(crate) async fn source(&self) -> Server {
        let caller = Caller {
            owner: Owner::proved("test"),
            administrator: true,
        };
        let servers = self.client.servers(caller).await.unwrap();
        servers.into_iter().next().unwrap()
    }

    /// Waits until the source stands as wanted.
    pub(crate) async fn source_is(&self, state: &str) -> Server {
        let seen = async {
            loop {
                let source = self.source().await;
                if source.state == state {
                    return source;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.unwrap()
    }

    /// The counters.
    pub(crate) async fn metrics(&self) -> String {
        self.client.metrics().await
    }

    pub(crate) async fn stop(self) {
        self.client.shut_down().await;
        self.engine.await.unwrap().unwrap();
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap();
}
