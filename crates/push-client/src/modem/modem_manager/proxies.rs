//! The interfaces of ModemManager that short messages need.

use zbus::{ObjectPath, OwnedObjectPath};

/// The name of the service.
pub(super) const SERVICE: &str = "org.freedesktop.ModemManager1";

/// Where its objects are listed.
pub(super) const ROOT: &str = "/org/freedesktop/ModemManager1";

/// A modem.
pub(super) const MODEM: &str = "org.freedesktop.ModemManager1.Modem";

/// The short messages of a modem.
pub(super) const MESSAGING: &str = "org.freedesktop.ModemManager1.Modem.Messaging";

/// One short message.
pub(super) const SMS: &str = "org.freedesktop.ModemManager1.Sms";

/// `MM_SMS_STATE_RECEIVING`: segments are missing.
pub(super) const RECEIVING: u32 = 2;

/// `MM_SMS_STATE_RECEIVED`: every segment is there.
pub(super) const RECEIVED: u32 = 3;

/// `MM_SMS_PDU_TYPE_DELIVER`: it came from a message centre of 3GPP.
pub(super) const DELIVER: u32 = 1;

#[zbus::proxy(
    interface = "org.freedesktop.ModemManager1.Modem.Messaging",
    assume_defaults = false
)]
pub(super) trait Messaging {
    /// The messages that are stored.
    fn list(&self) -> zbus::Result<Vec<OwnedObjectPath>>;

    /// Deletes one.
    fn delete(&self, path: &ObjectPath<'_>) -> zbus::Result<()>;

    /// One was added; `received`: by the network, rather than by a program.
    #[zbus(signal)]
    fn added(&self, path: ObjectPath<'_>, received: bool) -> zbus::Result<()>;

    /// One was deleted.
    #[zbus(signal)]
    fn deleted(&self, path: ObjectPath<'_>) -> zbus::Result<()>;
}
