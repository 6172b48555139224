//! The system bus: who is on it, who may be started, and whose they are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use push_api::Caller;
use push_client::{Boxed, ChangeCause, RegistrationRecord};
use push_dbus::{BusAddress, DbusSettings, Link, link};
use push_message::{Owner, Refusal};
use tokio::sync::Mutex;
use tokio::time::Instant;
use zbus::fdo::{self, DBusProxy};
use zbus::names::{BusName, OwnedUniqueName};

use super::delivery::{Delivery, DeliverySettings, tell_lost};
use super::presence::{lists, lists_anew, owner_of, started};
use super::service_files::{ServiceUser, service_user};
use super::{Bus, ServiceName};
use crate::bus::HeldConnection;
use crate::host::{not_allowed, not_available};
use crate::{Handler, Unreachable};

/// Settings of services on the system bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemBusSettings {
    /// The bus.
    pub address: BusAddress,
    /// Where the files of services are that the bus may start, in its order.
    pub service_directories: Vec<PathBuf>,
    /// The table of users that those files name.
    pub users: PathBuf,
    /// How events are given to a service.
    pub delivery: DeliverySettings,
    /// How long the bus may take to answer, and a service to start.
    pub call_timeout: Duration,
    /// Octets of one message from the bus.
    pub max_message: usize,
    /// The bus is not told to read its files again more often than this.
    pub reload_interval: Duration,
}

impl Default for SystemBusSettings {
    fn default() -> Self {
        Self {
            address: BusAddress::System,
            service_directories: [
                "/etc/dbus-1/system-services",
                "/run/dbus-1/system-services",
                "/usr/local/share/dbus-1/system-services",
                "/usr/share/dbus-1/system-services",
                "/lib/dbus-1/system-services",
            ]
            .map(PathBuf::from)
            .to_vec(),
            users: PathBuf::from("/etc/passwd"),
            delivery: DeliverySettings::default(),
            call_timeout: Duration::from_secs(25),
            max_message: DbusSettings::default().max_message,
            reload_interval: Duration::from_secs(10),
        }
    }
}

/// The services of the system bus.
#[derive(Debug)]
pub struct SystemBus {
    settings: SystemBusSettings,
    link: HeldConnection<Link>,
    reloaded: Mutex<Option<Instant>>,
}

/// How a service is on the bus.
#[derive(Debug, Clone, Copy)]
enum Presence {
    /// It runs, as this user.
    Runs(u32),
    /// The bus can start it.
    Activatable,
    /// Neither.
    Absent,
}

impl SystemBus {
    /// The services of this bus, which is connected to when it is needed.
    pub fn new(settings: SystemBusSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            link: HeldConnection::default(),
            reloaded: Mutex::default(),
        })
    }

    async fn link(&self) -> zbus::Result<Link> {
        let SystemBusSettings {
            address,
            call_timeout,
            max_message,
            ..
        } = &self.settings;
        let opening = link(address, *call_timeout, *max_message);
        self.link.get(opening).await
    }

    async fn judge(&self, caller: &Caller, service: &ServiceName) -> Result<(), Refusal> {
        let presence = self.presence(service).await.map_err(|error| {
            not_available(format!(
                "the system bus does not say whether {service} is there: {error}"
            ))
        })?;
        match presence {
            Presence::Runs(uid) => check_user(caller, service, uid),
            Presence::Activatable => self.judge_service_file(caller, service),
            Presence::Absent => Err(not_available(format!(
                "{service} is neither on the system bus nor can the bus start it: run it, or install {service}.service in one of \
                 {}",
                self.directories()
            ))),
        }
    }

    async fn presence(&self, service: &ServiceName) -> zbus::Result<Presence> {
        let link = self.link().await?;
        let bus = DBusProxy::new(link.connection()).await?;
        let name = BusName::from(service.name.clone());
        if let Some(unique) = owner_of(&bus, &name).await? {
            let uid = bus.get_connection_unix_user(unique.into()).await?;
            return Ok(Presence::Runs(uid));
        }
        Ok(if self.is_activatable(&bus, &name).await? {
            Presence::Activatable
        } else {
            Presence::Absent
        })
    }

    fn judge_service_file(&self, caller: &Caller, service: &ServiceName) -> Result<(), Refusal> {
        let SystemBusSettings {
            service_directories,
            users,
            ..
        } = &self.settings;
        match service_user(service.name.as_str(), service_directories, users) {
            ServiceUser::Known(uid) => check_user(caller, service, uid),
            ServiceUser::Unknown(_) | ServiceUser::NoFile if caller.administrator => Ok(()),
            ServiceUser::Unknown(user) => Err(not_available(format!(
                "the bus would start {service} as the user `{user}`, who is not known here"
            ))),
            ServiceUser::NoFile => Err(not_available(format!(
                "the bus can start {service}, but no {service}.service in {} says as which user",
                self.directories()
            ))),
        }
    }

    fn directories(&self) -> String {
        let directories = self.settings.service_directories.iter();
        let shown: Vec<_> = directories.map(|path| path.display().to_string()).collect();
        shown.join(", ")
    }

    /// Whether the bus can start a service; where it knows of none, it is told once to look for new files.
    async fn is_activatable(&self, bus: &DBusProxy<'_>, name: &BusName<'_>) -> fdo::Result<bool> {
        if lists(bus, name).await? {
            return Ok(true);
        }
        let mut reloaded = self.reloaded.lock().await;
        let may = reloaded.is_none_or(|last| last.elapsed() >= self.settings.reload_interval);
        if !may {
            return Ok(false);
        }
        *reloaded = Some(Instant::now());
        lists_anew(bus, name).await
    }

    async fn reach(
        &self,
        owner: &Owner,
        service: &ServiceName,
    ) -> Result<Box<dyn Handler>, Unreachable> {
        let (link, unique) = self.find(owner, service).await?;
        let delivery = self.settings.delivery.clone();
        let delivery = Delivery::open(&link, unique, service.path.clone(), delivery)?;
        Ok(Box::new(delivery))
    }

    /// Tells a service that a registration is not what it was. No answer is asked for.
    async fn tell(
        &self,
        record: &RegistrationRecord,
        service: &ServiceName,
        cause: ChangeCause,
    ) -> Result<(), Unreachable> {
        let failed =
            |error: zbus::Error| Unreachable::new(format!("{service} on the system bus: {error}"));
        let (link, unique) = self.find(&record.owner, service).await?;
        let (id, cause) = (record.id.to_string(), cause.as_str());
        let told = tell_lost(link.connection(), &unique, &service.path, &id, cause);
        told.await.map_err(failed)
    }

    /// The connection of a service, which is started where it does not run; it has to be the owner's.
    async fn find(
        &self,
        owner: &Owner,
        service: &ServiceName,
    ) -> Result<(Link, OwnedUniqueName), Unreachable> {
        let failed = |error: &dyn std::fmt::Display| {
            Unreachable::new(format!("{service} on the system bus: {error}"))
        };
        let started = self.start(service).await;
        let (link, unique, uid) = started.map_err(|error| failed(&error))?;
        if !may_deliver(owner, uid) {
            return Err(failed(&format!(
                "it belongs to user {uid}, and not to {owner}"
            )));
        }
        Ok((link, unique))
    }

    /// The connection to the bus, that of a service on it, which is started where it does not run, and its user.
    async fn start(&self, service: &ServiceName) -> zbus::Result<(Link, OwnedUniqueName, u32)> {
        let link = self.link().await?;
        let bus = DBusProxy::new(link.connection()).await?;
        let unique = started(&bus, service).await?;
        let uid = bus.get_connection_unix_user(unique.clone().into()).await?;
        Ok((link, unique, uid))
    }
}

impl Bus for SystemBus {
    fn check<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(self.judge(caller, service))
    }

    fn open<'a>(
        &'a self,
        record: &'a RegistrationRecord,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<Box<dyn Handler>, Unreachable>> {
        Box::pin(self.reach(&record.owner, service))
    }

    fn lost<'a>(
        &'a self,
        record: &'a RegistrationRecord,
        service: &'a ServiceName,
        cause: ChangeCause,
    ) -> Boxed<'a, Result<(), Unreachable>> {
        Box::pin(self.tell(record, service, cause))
    }
}

/// Whether a service of this user may have the events of an owner. Root, the daemon's own user, and whoever is told by a token could
/// name any when they registered, as administrators.
fn may_deliver(owner: &Owner, uid: u32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    owner
        .user()
        .is_none_or(|(user, _)| user == uid || user == 0 || user == own)
}

fn check_user(caller: &Caller, service: &ServiceName, uid: u32) -> Result<(), Refusal> {
    if caller.administrator || caller.owner.user().is_some_and(|(user, _)| user == uid) {
        return Ok(());
    }
    let detail = format!(
        "{service} on the system bus is another user's; name a service that runs as the user who registers"
    );
    Err(not_allowed(detail))
}
