//! Commands against a real Push Client that registers with the lab's SIP core.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use push_client::http::Host;
use push_client::sip::{
    Account, AgentSettings, LargePushSettings, RegistrationSettings, ServingSettings,
    TransactionSettings, Transport,
};
use push_client::{Builder, OtaSipSettings};
use push_lab::sip::{
    SipCore, SipCoreSettings, SipManner, SipPush, SipPushServer, SipPushServerSettings,
};
use tokio::sync::oneshot;

use crate::real::{PushClient, any_port};

const USER: &str = "sip:alice@lab.example";
const SERVER: &str = "sip:push@lab.example";
const ULP: &str = "x-wap-application:ulp.ua";

/// The core and a push server, in a thread of their own until they are dropped.
struct Network {
    core: SocketAddr,
    order: Option<oneshot::Sender<SipPush>>,
    answered: mpsc::Receiver<u16>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    fn start() -> Self {
        let (started, at) = mpsc::channel();
        let (order, ordered) = oneshot::channel();
        let (answer, answered) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut settings = SipCoreSettings::new("lab.example", "sesame");
                settings.listen = any_port();
                let core = SipCore::start(settings).await.unwrap();
                let mut settings = SipPushServerSettings::new(SERVER, Some(core.address()));
                settings.listen = any_port();
                let server = SipPushServer::start(settings).await.unwrap();
                core.trust(SERVER, server.address());
                started.send(core.address()).unwrap();
                if let Ok(push) = ordered.await {
                    let result = server.push(USER, &push, &SipManner::default()).await;
                    answer.send(result.status).unwrap();
                }
            });
        });
        Self {
            core: at.recv().unwrap(),
            order: Some(order),
            answered,
            thread: Some(thread),
        }
    }

    /// Sends one push and gives its status; the network is gone then.
    fn push(&mut self, push: SipPush) -> u16 {
        self.order.take().unwrap().send(push).unwrap();
        self.answered.recv().unwrap()
    }

    fn settings(&self) -> OtaSipSettings {
        OtaSipSettings {
            listen: Some(any_port()),
            ..OtaSipSettings::new(AgentSettings {
                account: Account {
                    user: USER.into(),
                    auth_user: "alice".into(),
                    password: "sesame".into(),
                    registrar: "sip:lab.example".into(),
                    outbound: Some(format!("sip:{};lr", self.core).into()),
                    transport: Transport::Udp,
                    host: Host::Ip(self.core.ip()),
                    port: self.core.port(),
                    instance: "urn:uuid:00000000-0000-4000-8000-000000000001".into(),
                    user_agent: "push-client/OMA1.0 pushcai/test".into(),
                },
                push_sender_agents: vec![SERVER.into()],
                registration: RegistrationSettings::default(),
                serving: ServingSettings::default(),
                transactions: TransactionSettings::default(),
                sessions: LargePushSettings::default(),
            })
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.order.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_registration_over_sip_makes_a_binding_that_brings_pushes() {
    let mut network = Network::start();
    let directory = tempfile::tempdir().unwrap();
    let builder = Builder::new().listen(any_port());
    let client = PushClient::start_with(directory.path(), builder.ota_sip(network.settings()));
    let registered = client.json(&[
        "register",
        ULP,
        "--profile",
        "OTA-SIP",
        "--application-id",
        "urn:example:one",
        "--accept",
        "text/plain",
    ]);
    let answers = registered[0]["servers"].as_array().unwrap().iter();
    let states: Vec<_> = answers
        .map(|server| (server["uri"].as_str(), server["state"].as_str()))
        .collect();
    assert_eq!(
        states,
        [
            (Some("sip:lab.example"), Some("confirmed")),
            (Some(SERVER), Some("confirmed"))
        ]
    );
    let servers = client.json(&["servers"]);
    let of_sip = |uri: &str| servers.iter().find(|server| server["uri"] == uri).unwrap();
    let core = of_sip("sip:lab.example");
    let binding = &core["binding"];
    assert_eq!(binding["applications"], serde_json::json!(["ulp.ua"]));
    assert_eq!(binding["instances"], serde_json::json!(["urn:example:one"]));
    assert!(binding["expiresIn"].as_u64().unwrap() > 0, "{binding}");
    assert_eq!(core["lastExchange"]["method"], "REGISTER");
    let agent = of_sip(SERVER);
    assert_eq!(agent["lastExchange"]["method"], "OPTIONS");
    assert!(agent.get("binding").is_none(), "{agent}");
    let shown = client.run(&["servers"]);
    for line in [
        "binding at sip:lab.example",
        "  applications   ulp.ua",
        "  instances      urn:example:one",
    ] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{shown}");
    }

    let explained = client.json(&["explain", "--instance", "urn:example:one"]);
    assert_eq!(explained[0]["explanation"]["verdict"], "contentType");
    let explained = client.json(&[
        "explain",
        "--id",
        ULP,
        "--protocol",
        "OTA-SIP",
        "--content-type",
        "text/plain",
        "--server",
        SERVER,
    ]);
    assert_eq!(explained[0]["explanation"]["verdict"], "accepted");

    let push = SipPush::new("text/plain", *b"hello").application(ULP);
    assert_eq!(network.push(push), 202, "nobody is there to take it");
    let events = client.json(&["events", "--wait", "60", "--decode"]);
    assert_eq!(events[0]["decoded"]["text"], "hello");
    assert_eq!(events[0]["protocol"], "OTA-SIP");
    assert_eq!(events[0]["server"], SERVER);
}
