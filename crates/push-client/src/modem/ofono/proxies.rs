//! The interfaces of oFono that short messages need.

use std::collections::HashMap;

use zbus::{ObjectPath, OwnedVariant, Variant};

/// The name of the service.
pub(super) const SERVICE: &str = "org.ofono";

/// A modem.
pub(super) const MODEM: &str = "org.ofono.Modem";

/// The modems.
pub(super) const MANAGER: &str = "org.ofono.Manager";

/// A modem that hands pushes to an agent.
pub(super) const PUSH_NOTIFICATION: &str = "org.ofono.PushNotification";

/// What an agent answers to.
pub(super) const AGENT: &str = "org.ofono.PushNotificationAgent";

/// Somebody else is the agent.
pub(super) const IN_PROGRESS: &str = "org.ofono.Error.InProgress";

/// The properties of a modem.
pub(super) type Properties = HashMap<String, OwnedVariant>;

#[zbus::proxy(
    interface = "org.ofono.Manager",
    default_path = "/",
    assume_defaults = false
)]
pub(super) trait Manager {
    /// One was added.
    #[zbus(signal)]
    fn modem_added(
        &self,
        path: ObjectPath<'_>,
        properties: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<()>;

    /// One was removed.
    #[zbus(signal)]
    fn modem_removed(&self, path: ObjectPath<'_>) -> zbus::Result<()>;
}

#[zbus::proxy(interface = "org.ofono.Modem", assume_defaults = false)]
pub(super) trait Modem {
    /// One property has changed.
    #[zbus(signal)]
    fn property_changed(&self, name: &str, value: Variant<'_>) -> zbus::Result<()>;
}
