//! What the tests have in common.

use std::time::Duration;

use push_api::{Caller, Owner, PushService as _};
use push_client::{
    BuildError, Builder, Client, EngineError, Event, Events, ProfileRequest, RegistrationRequest,
};
use tokio::task::JoinHandle;

/// How long a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A client that runs.
pub(crate) struct Bench {
    pub(crate) client: Client,
    engine: JoinHandle<Result<(), EngineError>>,
}

impl Bench {
    pub(crate) fn start(builder: Builder) -> Self {
        let (client, engine) = builder.build().unwrap();
        Self {
            client,
            engine: tokio::spawn(engine.run()),
        }
    }

    /// Ends the engine in the middle of what it does, and starts another one, with the same store as it may be.
    pub(crate) async fn killed_and_started(self, builder: impl Fn() -> Builder) -> Self {
        self.engine.abort();
        self.engine.await.unwrap_err();
        loop {
            match builder().build() {
                Ok((client, engine)) => {
                    return Self {
                        client,
                        engine: tokio::spawn(engine.run()),
                    };
                }
                // The thread of the store before has not let it go yet.
                Err(BuildError::Store(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.client.shut_down().await;
        let stopped = tokio::time::timeout(PATIENCE, self.engine).await;
        stopped.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn request(id: &str) -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: id.to_owned(),
        ..RegistrationRequest::default()
    }
}

/// A request for this bearer and port of OTA-WSP.
pub(crate) fn request_on(
    id: &str,
    bearer: Option<&str>,
    port: Option<&str>,
) -> RegistrationRequest {
    let profile = ProfileRequest {
        protocol: Some("OTA-WSP".to_owned()),
        bearer_type: bearer.map(str::to_owned),
        port: port.map(str::to_owned),
    };
    RegistrationRequest {
        connection_profile: vec![profile],
        ..request(id)
    }
}

pub(crate) async fn next(events: &mut Events) -> Event {
    let next = tokio::time::timeout(PATIENCE, events.next_event());
    next.await.unwrap().unwrap()
}

pub(crate) fn administrator() -> Caller {
    Caller {
        owner: Owner::proved("test"),
        administrator: true,
    }
}

/// The counters of the client, by name.
pub(crate) async fn counter(client: &Client, name: &str) -> u64 {
    let status = client.status(administrator()).await.unwrap();
    status.counters.get(name).copied().unwrap_or_default()
}

/// A Push PDU to OMNA number 4 with this body.
pub(crate) fn unit_push(transaction: u8, body: &[u8]) -> Vec<u8> {
    [&[transaction, 0x06, 0x03, 0xBE, 0xAF, 0x84], body].concat()
}
