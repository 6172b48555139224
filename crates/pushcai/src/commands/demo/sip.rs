//! The SIP core of the demo, and the push server behind it (OTA-SIP).

use std::net::SocketAddr;

use push_client::OtaSipSettings;
use push_client::http::Host;
use push_client::sip::{
    Account, AgentSettings, LargePushSettings, RegistrationSettings, ServingSettings,
    TransactionSettings, Transport,
};
use push_lab::sip::{
    SipBinding, SipCore, SipCoreSettings, SipManner, SipPush, SipPushServer, SipPushServerSettings,
    push_resource_identifier,
};

use crate::commands::demo::step::Step;
use crate::failure::Failure;
use crate::output::Output;

/// The application that takes pushes over SIP.
pub(super) const PHOTOS: &str = "x-example.net:photos";
/// The push server.
pub(super) const SERVER: &str = "sip:push@ims.example.net";
const DOMAIN: &str = "ims.example.net";
const USER: &str = "sip:alice@ims.example.net";
/// Nothing that anybody has to keep secret: the core lives as long as the demo.
const PASSWORD: &str = "of the demo";
/// Octets of the large push.
const PHOTO: usize = 20_000;

/// A core on loopback, and the push server behind it.
pub(super) struct Network {
    core: SipCore,
    server: SipPushServer,
}

/// Starts both.
pub(super) async fn start() -> Result<Network, Failure> {
    let core = SipCore::start(SipCoreSettings::new(DOMAIN, PASSWORD))
        .await
        .map_err(|error| failed(&error))?;
    let settings = SipPushServerSettings::new(SERVER, Some(core.address()));
    let server = SipPushServer::start(settings)
        .await
        .map_err(|error| failed(&error))?;
    core.trust(SERVER, server.address());
    Ok(Network { core, server })
}

impl Network {
    /// What the Push Client is told of them.
    pub(super) fn settings(&self) -> OtaSipSettings {
        let address = self.core.address();
        OtaSipSettings {
            listen: Some(SocketAddr::new(address.ip(), 0)),
            ..OtaSipSettings::new(AgentSettings {
                account: Account {
                    user: USER.into(),
                    auth_user: "alice".into(),
                    password: PASSWORD.into(),
                    registrar: format!("sip:{DOMAIN}").into(),
                    outbound: Some(format!("sip:{address};lr").into()),
                    transport: Transport::Udp,
                    host: Host::Ip(address.ip()),
                    port: address.port(),
                    instance: "urn:uuid:00000000-0000-4000-8000-000000000001".into(),
                    user_agent: "push-client/OMA1.0 pushcai/demo".into(),
                },
                push_sender_agents: vec![SERVER.into()],
                registration: RegistrationSettings::default(),
                serving: ServingSettings::default(),
                transactions: TransactionSettings::default(),
                sessions: LargePushSettings::default(),
            })
        }
    }

    /// Shows the binding that the core has.
    pub(super) fn show_binding(&self, output: &mut Output) -> Result<(), Failure> {
        let binding = self.binding();
        let binding = binding.ok_or_else(|| failed(&"nobody is registered"))?;
        Step::Bound {
            user: binding.user.clone(),
            contact: binding.contact.clone(),
            applications: binding.capabilities.applications.clone(),
            seconds: binding.left().as_secs(),
        }
        .show(output)
    }

    fn binding(&self) -> Option<SipBinding> {
        let wanted = push_resource_identifier(PHOTOS);
        let bindings = self.core.bindings().into_iter();
        bindings
            .filter(|binding| binding.user == USER)
            .find(|binding| {
                let mut known = binding.capabilities.applications.iter();
                known.any(|id| id.eq_ignore_ascii_case(&wanted))
            })
    }

    /// Pushes twice: what is short in a MESSAGE, what is long in a session of its own.
    pub(super) async fn push(&self, output: &mut Output) -> Result<(), Failure> {
        let caption = SipPush::new("text/plain; charset=utf-8", "A picture is on its way.");
        let photo = SipPush::new("image/jpeg", vec![0xd8; PHOTO]);
        for (what, way, push) in [
            ("a caption to x-example.net:photos", "MESSAGE", caption),
            ("a photo to x-example.net:photos", "INVITE and MSRP", photo),
        ] {
            let push = push.application(PHOTOS);
            let manner = SipManner::default();
            let result = self.server.push(USER, &push, &manner).await;
            if !result.is_accepted() {
                let words = format!("{what} is answered {} {}", result.status, result.reason);
                return Err(failed(&words));
            }
            Step::Sent {
                what,
                way,
                octets: push.body().len(),
                chunks: result.session.as_ref().map(|session| session.chunks),
                status: result.status,
            }
            .show(output)?;
        }
        Ok(())
    }

    /// Shows that the application's id has left the binding.
    pub(super) fn show_end(&self, output: &mut Output) -> Result<(), Failure> {
        if self.binding().is_some() {
            return Err(failed(&"the application is still in the binding"));
        }
        Step::Unbound {
            application: push_resource_identifier(PHOTOS),
        }
        .show(output)
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("the demo's SIP network: {error}"))
}
