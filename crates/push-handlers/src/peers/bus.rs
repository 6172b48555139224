//! A connection to a bus that is opened when it is needed, and opened again when it is lost.

use std::time::Duration;

use push_dbus::{BusAddress, connect};
use tokio::sync::Mutex;
use zbus::Connection;

/// A bus.
#[derive(Debug)]
pub(crate) struct Bus {
    address: BusAddress,
    call_timeout: Duration,
    open: Mutex<Option<Connection>>,
}

impl Bus {
    /// The bus at this address, where nobody waits longer for an answer; nothing is connected yet.
    pub(crate) fn new(address: BusAddress, call_timeout: Duration) -> Self {
        Self {
            address,
            call_timeout,
            open: Mutex::new(None),
        }
    }

    /// Where it is.
    pub(crate) const fn address(&self) -> &BusAddress {
        &self.address
    }

    /// The connection.
    pub(crate) async fn connection(&self) -> zbus::Result<Connection> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let connection = connect(&self.address, self.call_timeout).await?;
        *open = Some(connection.clone());
        Ok(connection)
    }

    /// A call over `connection` failed for the connection's sake: the next one gets another.
    pub(crate) async fn lost(&self, connection: &Connection) {
        let mut open = self.open.lock().await;
        let is_same = open
            .as_ref()
            .is_some_and(|known| known.unique_name() == connection.unique_name());
        if is_same {
            *open = None;
        }
    }
}
