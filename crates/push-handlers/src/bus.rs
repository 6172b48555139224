//! A connection to a bus that is opened when it is needed, and opened again when it is lost.

use tokio::sync::Mutex;
use zbus::Connection;

/// A connection that is held while it lasts.
#[derive(Debug, Default)]
pub(crate) struct HeldConnection(Mutex<Option<Connection>>);

impl HeldConnection {
    /// The connection, or where there is none any more the one that `opening` makes, which nobody has before it is whole.
    pub(crate) async fn get(
        &self,
        opening: impl Future<Output = zbus::Result<Connection>>,
    ) -> zbus::Result<Connection> {
        let mut held = self.0.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        Ok(held.insert(opening.await?).clone())
    }
}
