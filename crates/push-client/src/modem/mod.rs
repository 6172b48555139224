//! Sources of short messages that other programs on this machine hold: ModemManager and oFono, both on D-Bus.
//!
//! Each is a [`Source`](crate::short_messages::Source): it comes back from the loss of the bus, of the service and of every
//! modem, and wakes up for nothing but signals of its service that concern short messages.

mod bus;
mod memory;
mod modem_manager;
mod ofono;
mod pause;
mod tally;
mod time;

pub use bus::{BusAddress, BusSettings};
pub use modem_manager::{ModemManager, ModemManagerSettings, StoragePolicy};
pub use ofono::{Ofono, OfonoSettings};
