//! What the tests have in common.

use std::net::SocketAddr;
use std::time::Duration;

use push_api::{Caller, Owner, PushService as _};
use push_client::http::Host;
use push_client::sip::{
    Account, AgentSettings, LargePushSettings, RegistrationSettings, ServingSettings,
    TransactionSettings, Transport,
};
use push_client::{
    Application, BuildError, Builder, Client, EngineError, Event, Events, OtaSipSettings,
    Registered, RegistrationRequest, Selector,
};
use push_message::Refusal;
use tokio::task::JoinHandle;

use crate::core::Core;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The id that most tests register.
pub(crate) const MMS: &str = "x-wap-application:mms.ua";

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

/// A client that runs.
pub(crate) struct Bench {
    pub(crate) client: Client,
    engine: JoinHandle<Result<(), EngineError>>,
}

impl Bench {
    pub(crate) fn start(settings: OtaSipSettings) -> Self {
        Self::start_with(Builder::new().ota_sip(settings))
    }

    pub(crate) fn start_with(builder: Builder) -> Self {
        let (client, engine) = builder.build().unwrap();
        Self {
            client,
            engine: tokio::spawn(engine.run()),
        }
    }

    /// Ends the engine in the middle of what it does, and starts another one.
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

    /// The address of a service that is listened for.
    pub(crate) fn address(&self, service: &str) -> SocketAddr {
        let mut all = self.client.listening_sip().iter();
        all.find(|(name, _)| *name == service).unwrap().1
    }

    /// Registers an application, which the core and the Push Sender Agent agree to.
    pub(crate) async fn register(&self, core: &mut Core, id: &str) -> Application {
        let registering = self.registering(id);
        core.bind().await;
        core.learn().await;
        within(registering).await.unwrap().unwrap();
        self.application(id)
    }

    pub(crate) fn registering(&self, id: &str) -> JoinHandle<Result<Registered, Refusal>> {
        let application = self.application(id);
        let request = request(id);
        tokio::spawn(async move { application.register(request).await })
    }

    pub(crate) fn application(&self, id: &str) -> Application {
        self.client.application(format!("owner of {id}"))
    }

    pub(crate) async fn status(&self) -> push_api::Status {
        self.client.status(administrator()).await.unwrap()
    }

    pub(crate) async fn counter(&self, name: &str) -> u64 {
        let status = self.status().await;
        status.counters.get(name).copied().unwrap_or_default()
    }

    pub(crate) async fn servers(&self) -> Vec<push_api::Server> {
        self.client.servers(administrator()).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.client.shut_down().await;
        within(self.engine).await.unwrap().unwrap();
    }

    /// Stops, while the core lets the terminal go.
    pub(crate) async fn stop_bound(self, core: &mut Core) {
        self.client.shut_down().await;
        let last = core.request("REGISTER").await;
        assert_eq!(last.header("expires"), "0", "{last:?}");
        core.answer(&last, "200 OK", "").await;
        let (ended, ()) = tokio::join!(within(self.engine), core.hang_up());
        ended.unwrap().unwrap();
    }
}

pub(crate) fn request(id: &str) -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: id.to_owned(),
        ..RegistrationRequest::default()
    }
}

pub(crate) async fn stream(application: &Application) -> Events {
    application.subscribe(Selector::default()).await.unwrap()
}

pub(crate) async fn next(events: &mut Events) -> Event {
    within(events.next_event()).await.unwrap()
}

pub(crate) fn administrator() -> Caller {
    Caller {
        owner: Owner::proved("test"),
        administrator: true,
    }
}

/// A terminal whose core is at this address.
pub(crate) fn settings(core: SocketAddr, transport: Transport) -> OtaSipSettings {
    let registration = RegistrationSettings {
        backoff_base: Duration::from_millis(10),
        ..RegistrationSettings::default()
    };
    let agent = AgentSettings {
        account: Account {
            user: "sip:alice@example.test".into(),
            auth_user: "alice".into(),
            password: "secret".into(),
            registrar: "sip:example.test".into(),
            outbound: None,
            transport,
            host: Host::Ip(core.ip()),
            port: core.port(),
            instance: "urn:uuid:00000000-0000-4000-8000-000000000001".into(),
            user_agent: "push-client/OMA1.0 test".into(),
        },
        push_sender_agents: vec!["sip:psa@example.test".into()],
        registration,
        serving: ServingSettings::default(),
        transactions: TransactionSettings::default(),
        sessions: LargePushSettings::default(),
    };
    OtaSipSettings {
        listen: (transport == Transport::Udp).then(|| ([127, 0, 0, 1], 0).into()),
        ..OtaSipSettings::new(agent)
    }
}
