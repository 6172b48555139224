//! The bus of a session, as the process of its user sees it that helps the Push Client there.

use push_client::Boxed;
use push_dbus::Link;
use zbus::fdo::DBusProxy;
use zbus::names::{BusName, OwnedUniqueName};

use super::ServiceName;
use super::delivery::{Delivery, DeliverySettings, tell_lost};
use super::presence::{lists, lists_anew, owner_of, started};
use crate::Unreachable;

/// The bus of a session: everything on it belongs to its user.
#[derive(Debug, Clone)]
pub struct SessionBus {
    link: Link,
    delivery: DeliverySettings,
}

impl SessionBus {
    /// The bus at the other end of this connection.
    pub const fn new(link: Link, delivery: DeliverySettings) -> Self {
        Self { link, delivery }
    }

    /// Whether a service is there, or would be started.
    ///
    /// # Errors
    /// What is missing, in words for people.
    pub async fn check(&self, service: &ServiceName) -> Result<(), String> {
        let found = self.find(service).await;
        match found {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!(
                "{service} is neither on the bus nor can the bus start it: run it, or install {service}.service in \
                 ~/.local/share/dbus-1/services or /usr/share/dbus-1/services"
            )),
            Err(error) => Err(format!(
                "the bus does not say whether {service} is there: {error}"
            )),
        }
    }

    async fn find(&self, service: &ServiceName) -> zbus::Result<bool> {
        let bus = DBusProxy::new(self.link.connection()).await?;
        let name = BusName::from(service.name.clone());
        if owner_of(&bus, &name).await?.is_some() || lists(&bus, &name).await? {
            return Ok(true);
        }
        Ok(lists_anew(&bus, &name).await?)
    }

    /// The way to a service, which is started where it does not run.
    ///
    /// # Errors
    /// It is not there and does not start.
    pub fn reach<'a>(
        &'a self,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<Delivery, Unreachable>> {
        Box::pin(async move {
            let unique = self.start(service).await.map_err(|error| {
                Unreachable::new(format!("{service} on the bus of the session: {error}"))
            })?;
            let settings = self.delivery.clone();
            Delivery::open(&self.link, unique, service.path.clone(), settings)
        })
    }

    /// Tells a service, which is started where it does not run, that a registration of its application is not what it was.
    ///
    /// # Errors
    /// It is not there and does not start; in words for people.
    pub async fn tell_lost(
        &self,
        service: &ServiceName,
        registration: &str,
        cause: &str,
    ) -> Result<(), String> {
        let told = async {
            let unique = self.start(service).await?;
            tell_lost(
                self.link.connection(),
                &unique,
                &service.path,
                registration,
                cause,
            )
            .await
        };
        told.await
            .map_err(|error| format!("{service} on the bus of the session was not told: {error}"))
    }

    async fn start(&self, service: &ServiceName) -> zbus::Result<OwnedUniqueName> {
        let bus = DBusProxy::new(self.link.connection()).await?;
        Ok(started(&bus, service).await?)
    }
}
