//! A connection to a bus that is opened when it is needed, and opened again when it is lost.

use std::borrow::Borrow;

use tokio::sync::Mutex;
use zbus::Connection;

/// A connection, or what goes with one, that is held while it lasts.
#[derive(Debug)]
pub(crate) struct HeldConnection<C = Connection>(Mutex<Option<C>>);

impl<C> Default for HeldConnection<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Borrow<Connection> + Clone> HeldConnection<C> {
    /// The connection, or where there is none any more the one that `opening` makes, which nobody has before it is whole.
    pub(crate) async fn get(
        &self,
        opening: impl Future<Output = zbus::Result<C>>,
    ) -> zbus::Result<C> {
        let mut held = self.0.lock().await;
        let lasting = held.as_ref().filter(|held| !(*held).borrow().is_closed());
        if let Some(connection) = lasting {
            return Ok(connection.clone());
        }
        Ok(held.insert(opening.await?).clone())
    }
}
