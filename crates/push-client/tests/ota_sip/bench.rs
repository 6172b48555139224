//! What the tests have in common.

use std::net::SocketAddr;
use std::time::Duration;

use push_api::PushService as _;
use push_client::http::Host;
use push_client::sip::{
    Account, AgentSettings, LargePushSettings, RegistrationSettings, ServingSettings,
    TransactionSettings, Transport,
};
use push_client::{
    Application, Builder, Event, Events, OtaSipSettings, Registered, RegistrationRequest, Selector,
};
use push_message::Refusal;
use tokio::task::JoinHandle;

use crate::core::Core;

pub(crate) use crate::common::{Bench, administrator, next_change, within};

/// The id that most tests register.
pub(crate) const MMS: &str = "x-wap-application:mms.ua";

impl Bench {
    pub(crate) fn start(settings: OtaSipSettings) -> Self {
        Self::start_with(Builder::new().ota_sip(settings))
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
