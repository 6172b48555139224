//! mmsd-tng on D-Bus.

use std::future::poll_fn;
use std::pin::Pin;
use std::str::FromStr as _;

use zbus::export::futures_core::Stream as _;
use zbus::proxy::{CacheProperties, OwnerChangedStream};
use zbus::{Address, Connection, connection, fdo};

use crate::failure::Failure;

/// The name that mmsd-tng has on the bus.
const SERVICE: &str = "org.ofono.mms";

/// How long mmsd-tng may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

#[zbus::proxy(
    interface = "org.ofono.mms.ModemManager",
    default_service = "org.ofono.mms",
    default_path = "/org/ofono/mms"
)]
trait PushTarget {
    /// Hands over a whole connectionless push: transaction identifier, type, headers, content.
    fn push_notify(&self, push: &[u8]) -> zbus::Result<()>;
}

/// A connection to the bus that mmsd-tng is on, or may come to.
pub(super) struct Mmsd {
    bus: fdo::DBusProxy<'static>,
    target: PushTargetProxy<'static>,
    changes: OwnerChangedStream<'static>,
}

impl Mmsd {
    /// Connects to the session bus, or to the one at `address`.
    pub(super) async fn connect(address: Option<&str>) -> Result<Self, Failure> {
        let builder = match address {
            None => connection::Builder::session(),
            Some(address) => match Address::from_str(address) {
                Ok(address) => connection::Builder::address(address),
                Err(error) => {
                    return Err(Failure::Usage {
                        message: format!("{address:?} is no address of a bus: {error}"),
                        hint: "one looks like unix:path=/run/user/1000/bus".to_owned(),
                    });
                }
            },
        };
        let connection = builder
            .method_timeout(PATIENCE)
            .build()
            .await
            .map_err(|error| unreachable(&error))?;
        Self::watch(&connection)
            .await
            .map_err(|error| unreachable(&error))
    }

    async fn watch(connection: &Connection) -> zbus::Result<Self> {
        let target = PushTargetProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Self {
            bus: fdo::DBusProxy::new(connection).await?,
            changes: target.inner().receive_owner_changed().await?,
            target,
        })
    }

    /// Whether mmsd-tng is there.
    pub(super) async fn is_there(&self) -> Result<bool, Failure> {
        let name = zbus::names::BusName::from_static_str(SERVICE);
        let name = name.map_err(|error| unreachable(&error))?;
        let owned = self.bus.name_has_owner(name).await;
        owned.map_err(|error| unreachable(&error.into()))
    }

    /// Waits until mmsd-tng has come or gone, and says whether it is there.
    pub(super) async fn changed(&mut self) -> Result<bool, Failure> {
        let changes = &mut self.changes;
        match poll_fn(|context| Pin::new(&mut *changes).poll_next(context)).await {
            Some(owner) => Ok(owner.is_some()),
            None => Err(lost("the connection is closed")),
        }
    }

    /// Hands a push over; the error says why mmsd-tng did not take it.
    pub(super) async fn push(&self, push: &[u8]) -> Result<(), String> {
        let taken = self.target.push_notify(push).await;
        taken.map_err(|error| error.to_string())
    }
}

fn unreachable(error: &zbus::Error) -> Failure {
    lost(&error.to_string())
}

fn lost(what: &str) -> Failure {
    Failure::Unreachable {
        message: format!("the bus that mmsd-tng is on cannot be reached: {what}"),
        hint: "run this as the user of the phone, within the session; or give --bus ADDRESS"
            .to_owned(),
    }
}
