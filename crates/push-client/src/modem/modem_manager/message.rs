//! One stored short message: read, judged, and cleared away.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use push_message::{MediaType, UnixMillis};
use push_ota::wsp::connectionless::{self, Datagram, Limits};
use zbus::names::OwnedUniqueName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, ObjectPath, OwnedObjectPath, OwnedVariant, fdo};

use super::UnderWay;
use super::proxies::{DELIVER, MessagingProxy, RECEIVED, RECEIVING, SMS};
use super::settings::{ModemManagerSettings, StoragePolicy};
use crate::masked::Masked;
use crate::modem::memory::{Fingerprint, Memory};
use crate::modem::tally::{self, Tally};
use crate::modem::time;
use crate::short_messages::{Content, Delivery, Intake, Settled};

/// How often a deletion is tried.
const DELETIONS: u32 = 3;

/// What ModemManager calls it that a message is not there.
const NOT_FOUND: &str = "org.freedesktop.ModemManager1.Error.Core.NotFound";

/// What looking at messages needs.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) service: OwnedUniqueName,
    pub(super) settings: Arc<ModemManagerSettings>,
    pub(super) intake: Intake,
    pub(super) memory: Arc<Mutex<Memory>>,
    pub(super) tally: Arc<Tally>,
    /// While this is there, the source does not end.
    pub(super) _under_way: UnderWay,
}

/// Where a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) modem: OwnedObjectPath,
    pub(super) device: Arc<str>,
    pub(super) message: OwnedObjectPath,
}

/// What became of a message that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing more is to be done: it is no push, or gone.
    Passed,
    /// It is not whole yet.
    NotWhole,
    /// It was taken and stays in the storage.
    Stays(Fingerprint),
    /// It was taken and deleted.
    Deleted,
    /// It is to be looked at again later.
    Later,
}

/// A stored message.
#[derive(Debug)]
struct Stored {
    state: u32,
    kind: u32,
    data: Vec<u8>,
    smsc: String,
    number: String,
    timestamp: String,
}

impl Reader {
    /// Looks at one message, and does with it what is to be done.
    pub(super) async fn look(&self, place: &Place) -> Outcome {
        let read = tokio::select! {
            read = self.read(place) => read,
            () = self.intake.stopped() => return Outcome::Later,
        };
        let stored = match read {
            Ok(Some(stored)) => stored,
            Ok(None) => return Outcome::Passed,
            Err(error) => {
                tracing::warn!(device = %place.device, %error, "a short message cannot be read from ModemManager; trying again later");
                return Outcome::Later;
            }
        };
        if stored.state == RECEIVING {
            return Outcome::NotWhole;
        }
        if stored.state != RECEIVED || stored.kind != DELIVER || stored.data.is_empty() {
            return Outcome::Passed;
        }
        if self.is_left(&stored.data) {
            self.tally.count("left");
            tracing::debug!(device = %place.device, "a push of a content type that is left to others");
            return Outcome::Passed;
        }
        self.take(place, stored).await
    }

    async fn read(&self, place: &Place) -> zbus::Result<Option<Stored>> {
        let properties = fdo::PropertiesProxy::builder(&self.connection)
            .destination(self.service.as_str())
            .path(place.message.as_str())
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let interface = zbus::names::InterfaceName::from_static_str(SMS)?;
        match properties.get_all(interface).await {
            Ok(values) => Ok(Some(Stored::from_properties(values))),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn is_left(&self, data: &[u8]) -> bool {
        !self.settings.leave.is_empty()
            && media_type(data).is_some_and(|kind| self.settings.leave.contains(&kind))
    }

    async fn take(&self, place: &Place, stored: Stored) -> Outcome {
        let fingerprint = stored.fingerprint(&place.device);
        if !self.memory().knows(&fingerprint) {
            let number = Masked::new(stored.number.clone(), self.settings.show_personal_data);
            let settled = self.intake.deliver(stored.delivery(&place.device)).await;
            self.tally.count(tally::word(&settled));
            tracing::debug!(device = %place.device, %number, settled = tally::word(&settled), "a short message");
            match settled {
                Settled::NotAPush { .. } => return Outcome::Passed,
                Settled::NotNow => return Outcome::Later,
                Settled::Durable(_)
                | Settled::Kept
                | Settled::Followed
                | Settled::Refused { .. } => {}
            }
            self.write_down(move |memory| memory.remember(fingerprint))
                .await;
        }
        match self.settings.storage {
            StoragePolicy::Delete => tokio::select! {
                outcome = self.clear(place, fingerprint) => outcome,
                // The next process knows it, and deletes it.
                () = self.intake.stopped() => Outcome::Stays(fingerprint),
            },
            StoragePolicy::WhenFull | StoragePolicy::Keep => Outcome::Stays(fingerprint),
        }
    }

    /// Deletes a message that was taken from the modem's storage.
    pub(super) async fn clear(&self, place: &Place, fingerprint: Fingerprint) -> Outcome {
        let mut pause = self.settings.bus.backoff_base;
        for attempt in 1..=DELETIONS {
            match self.delete(&place.modem, &place.message).await {
                Ok(()) => {
                    self.write_down(move |memory| memory.forget(fingerprint))
                        .await;
                    return Outcome::Deleted;
                }
                Err(error) => {
                    tracing::debug!(device = %place.device, %error, attempt, "a short message that was taken cannot be deleted");
                    if attempt == DELETIONS {
                        self.tally.count("not-deleted");
                        tracing::warn!(device = %place.device, %error, "a push stays in the modem's storage: it was taken, but ModemManager does not delete it. It is not taken again; may this user delete messages (polkit: org.freedesktop.ModemManager1.Messaging)?");
                        return Outcome::Stays(fingerprint);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(Duration::from_secs(10));
        }
        Outcome::Stays(fingerprint)
    }

    async fn delete(&self, modem: &ObjectPath<'_>, message: &ObjectPath<'_>) -> zbus::Result<()> {
        match self.messaging(modem).await?.delete(message).await {
            Err(error) if is_unknown(&error) => Ok(()),
            result => result,
        }
    }

    /// The messages of a modem.
    pub(super) async fn list(&self, modem: &ObjectPath<'_>) -> zbus::Result<Vec<OwnedObjectPath>> {
        self.messaging(modem).await?.list().await
    }

    async fn messaging(&self, modem: &ObjectPath<'_>) -> zbus::Result<MessagingProxy<'static>> {
        MessagingProxy::builder(&self.connection)
            .destination(self.service.clone())
            .path(modem.to_owned())
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the memory, off the thread that everything runs on: it is synced to the disk.
    pub(super) async fn write_down(
        &self,
        change: impl FnOnce(&mut Memory) -> io::Result<()> + Send + 'static,
    ) {
        let memory = Arc::clone(&self.memory);
        let written = tokio::task::spawn_blocking(move || {
            change(&mut memory.lock().unwrap_or_else(PoisonError::into_inner))
        });
        if let Ok(Err(error)) = written.await {
            self.tally.count("memory-failed");
            tracing::warn!(%error, "which messages of modems were taken cannot be written down: after a restart they may be taken again");
        }
    }
}

impl Stored {
    fn from_properties(mut values: HashMap<String, OwnedVariant>) -> Self {
        let mut number = |name: &str| {
            values
                .remove(name)
                .and_then(|value| u32::try_from(value).ok())
        };
        let (state, kind) = (number("State"), number("PduType"));
        let mut text = |name: &str| {
            values
                .remove(name)
                .and_then(|value| String::try_from(value).ok())
        };
        let (smsc, sender, timestamp) = (text("SMSC"), text("Number"), text("Timestamp"));
        let data = values
            .remove("Data")
            .and_then(|value| Vec::<u8>::try_from(value).ok());
        Self {
            state: state.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            data: data.unwrap_or_default(),
            smsc: smsc.unwrap_or_default(),
            number: sender.unwrap_or_default(),
            timestamp: timestamp.unwrap_or_default(),
        }
    }

    fn fingerprint(&self, device: &str) -> Fingerprint {
        Fingerprint::of(&[
            device.as_bytes(),
            self.smsc.as_bytes(),
            self.number.as_bytes(),
            self.timestamp.as_bytes(),
            &self.data,
        ])
    }

    fn delivery(self, device: &Arc<str>) -> Delivery {
        let present = |text: String| (!text.is_empty()).then(|| text.into_boxed_str());
        Delivery {
            device: Arc::clone(device),
            content: Content::Assembled {
                smsc: present(self.smsc),
                originator: present(self.number),
                sent: time::sent(&self.timestamp),
                ports: None,
                octets: self.data.into(),
            },
        }
    }
}

/// The content type of a push, if it is one.
fn media_type(data: &[u8]) -> Option<MediaType> {
    let datagram = Datagram {
        octets: data,
        source: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        destination_port: 0,
        received: UnixMillis::default(),
    };
    let push = connectionless::receive(&datagram, &Limits::default()).ok()?;
    Some(push.message.content_type.media_type)
}

/// Whether an error means that the object that was asked is no longer there.
pub(super) const fn is_gone(error: &fdo::Error) -> bool {
    matches!(
        error,
        fdo::Error::UnknownObject(_)
            | fdo::Error::UnknownMethod(_)
            | fdo::Error::UnknownInterface(_)
            | fdo::Error::InvalidArgs(_)
            | fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
    )
}

/// Whether ModemManager says that there is no such message.
fn is_unknown(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == NOT_FOUND)
}
