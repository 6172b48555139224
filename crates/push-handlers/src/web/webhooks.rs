//! `http://` and `https://`: webhooks, signed as Standard Webhooks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use push_api::Caller;
use push_client::{Boxed, RegistrationId, RegistrationRecord};
use push_message::{Owner, Reason, Refusal};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::key::{Key, KeyError};
use super::places::Places;
use super::post::{Courier, Octets, Road};
use super::settings::{PostSettings, WebhookSettings};
use super::signature::Secret;
use super::target::{Target, TargetHost};
use super::tls::{Tls, server_name};
use crate::host::{not_allowed, not_available, refusal};
use crate::{Opened, Scheme, Unreachable};

/// The secrets that deliveries are signed with: one for each registration, derived from one key.
#[derive(Debug)]
pub struct Secrets(Key);

impl Secrets {
    /// Secrets from the key in this file, which is made at first need; from one in memory where no file is named.
    ///
    /// # Errors
    /// The file is there, and cannot be used: see [`KeyError`].
    pub fn open(key_file: Option<PathBuf>) -> Result<Self, KeyError> {
        Key::open(key_file).map(Self)
    }

    /// Makes the key where there is none.
    pub(super) fn prepare(&self) -> Result<(), Refusal> {
        self.0
            .made()
            .map(drop)
            .map_err(|error| not_available(error.to_string()))
    }

    fn of(&self, registration: RegistrationId, handler: &str) -> Result<Secret, KeyError> {
        let key = self.0.known()?;
        Ok(Secret::derive(key, registration, handler))
    }

    pub(super) fn shown(&self, registration: RegistrationId, handler: &str) -> Option<String> {
        Some(self.of(registration, handler).ok()?.shown())
    }

    /// Opens the way to the receiver of a registration, whose events are signed by its secret.
    pub(super) async fn open_handler(
        &self,
        record: &RegistrationRecord,
        road: impl Road + 'static,
        post: &Arc<PostSettings>,
    ) -> Result<Opened, Unreachable> {
        let handler = record.event_handler.as_deref().unwrap_or_default();
        let secret = self.of(record.id, handler);
        let secret = secret.map_err(|error| Unreachable::new(error.to_string()))?;
        let courier = Courier::reach(Box::new(road), secret, Arc::clone(post)).await?;
        Ok(Opened::Handler(Box::new(courier)))
    }
}

/// Webhooks: events as POST requests to a URL.
#[derive(Debug, Clone)]
pub struct Webhooks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: WebhookSettings,
    post: Arc<PostSettings>,
    secrets: Arc<Secrets>,
    tls: Tls,
    lookups: Places,
}

/// The way to one receiver.
#[derive(Debug)]
struct WebRoad {
    shared: Arc<Shared>,
    owner: Owner,
    target: Target,
}

/// Why the addresses of a name are not known.
struct Unresolved(String);

impl Webhooks {
    /// Webhooks under these settings.
    pub fn new(settings: WebhookSettings, secrets: Arc<Secrets>) -> Self {
        Self(Arc::new(Shared {
            post: Arc::new(settings.post.clone()),
            lookups: Places::new(settings.lookups()),
            settings,
            secrets,
            tls: Tls::default(),
        }))
    }
}

impl Shared {
    /// Whether an owner may name this webhook, as far as its text says.
    fn admit(&self, owner: &Owner, handler: &str) -> Result<Target, Refusal> {
        let listed = |owners: &Vec<Owner>| owners.contains(owner);
        if !self.settings.owners.as_ref().is_none_or(listed) {
            return Err(not_allowed(format!(
                "{owner} may name no webhooks; the administrator lists who may: [handlers.webhooks] owners"
            )));
        }
        let target = Target::parse(handler).map_err(|error| {
            let detail = format!("the webhook cannot be used: {error}");
            refusal(Reason::InvalidRequest, detail)
        })?;
        let port = target.port;
        let ports = &self.settings.ports;
        if !ports
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&port))
        {
            return Err(not_allowed(format!(
                "webhooks do not go to port {port}; the administrator lists where they may go: [handlers.webhooks] ports"
            )));
        }
        Ok(target)
    }

    async fn check(&self, owner: &Owner, handler: &str) -> Result<(), Refusal> {
        let target = self.admit(owner, handler)?;
        let limit = self.post.connect_timeout;
        let found = timeout(limit, self.addresses(owner, &target)).await;
        let addresses = found
            .unwrap_or_else(|_| Err(Unresolved(format!("no answer within {limit:?}"))))
            .map_err(|Unresolved(why)| {
                not_available(format!("{} cannot be resolved: {why}", target.host))
            })?;
        for address in addresses {
            let judged = self.settings.networks.judge(address.ip(), target.secure);
            judged.map_err(not_allowed)?;
        }
        if target.secure {
            self.tls
                .connector(&self.settings)
                .map_err(|error| not_available(error.to_string()))?;
        }
        self.secrets.prepare()
    }

    /// The addresses of a host. A name service may be slow, and may belong to whoever names the webhook: what is asked of it takes a
    /// place until it is answered, whether anybody waits or not.
    async fn addresses(
        &self,
        owner: &Owner,
        target: &Target,
    ) -> Result<Vec<SocketAddr>, Unresolved> {
        let (name, port) = match &target.host {
            TargetHost::Ip(address) => return Ok(vec![SocketAddr::new(*address, target.port)]),
            TargetHost::Name(name) => (name.clone(), target.port),
        };
        let place = self.lookups.take(owner).await;
        let looking = tokio::spawn(async move {
            let found = tokio::net::lookup_host((&*name, port)).await;
            drop(place);
            found.map(Vec::from_iter)
        });
        match looking.await {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Err(Unresolved("it has no address".to_owned()))
            }
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(Unresolved(error.to_string())),
            Err(error) => Err(Unresolved(error.to_string())),
        }
    }
}

impl WebRoad {
    async fn dial(&self) -> Result<Box<dyn Octets>, Unreachable> {
        let found = self.shared.addresses(&self.owner, &self.target).await;
        let addresses = found.map_err(|Unresolved(why)| {
            Unreachable::new(format!("{} cannot be resolved: {why}", self.target.host))
        })?;
        let stream = self.reach(&addresses).await.map_err(Unreachable::new)?;
        if self.target.secure {
            self.secure(stream).await.map_err(Unreachable::new)
        } else {
            Ok(Box::new(stream))
        }
    }

    /// Connects to the first of the addresses that answers, of those that are allowed: each is judged right here, whatever it was
    /// when the webhook was registered. One that is silent leaves those behind it their share of the time.
    async fn reach(&self, addresses: &[SocketAddr]) -> Result<TcpStream, String> {
        let number = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let share = self.shared.post.connect_timeout / number;
        let mut failed = String::new();
        for address in addresses {
            let judged = self
                .shared
                .settings
                .networks
                .judge(address.ip(), self.target.secure);
            failed = match judged {
                Err(refused) => refused,
                Ok(()) => match timeout(share, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => return Ok(stream),
                    Ok(Err(error)) => format!("no connection to {address}: {error}"),
                    Err(_) => format!("no connection to {address} within {share:?}"),
                },
            };
        }
        Err(failed)
    }

    async fn secure(&self, stream: TcpStream) -> Result<Box<dyn Octets>, String> {
        let connector = self
            .shared
            .tls
            .connector(&self.shared.settings)
            .map_err(|error| error.to_string())?;
        let name = server_name(&self.target).ok_or_else(|| {
            format!(
                "{} is no name that a certificate could carry",
                self.target.host
            )
        })?;
        let stream = connector.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| format!("TLS: {error}"))?))
    }
}

impl Road for WebRoad {
    fn connect(&self) -> Boxed<'_, Result<Box<dyn Octets>, Unreachable>> {
        Box::pin(self.dial())
    }

    fn host(&self) -> String {
        self.target.authority()
    }

    fn path(&self) -> &str {
        &self.target.path
    }
}

impl Scheme for Webhooks {
    fn names(&self) -> &'static [&'static str] {
        &["https", "http"]
    }

    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(self.0.check(&caller.owner, handler))
    }

    fn secret(&self, registration: RegistrationId, handler: &str) -> Option<String> {
        self.0.secrets.shown(registration, handler)
    }

    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>> {
        Box::pin(async move {
            let handler = record.event_handler.as_deref().unwrap_or_default();
            let target = self
                .0
                .admit(&record.owner, handler)
                .map_err(|refusal| Unreachable::new(refusal.detail))?;
            let road = WebRoad {
                shared: Arc::clone(&self.0),
                owner: record.owner.clone(),
                target,
            };
            let Shared { secrets, post, .. } = &*self.0;
            secrets.open_handler(record, road, post).await
        })
    }
}
