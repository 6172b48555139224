//! A Push Client with a clock, a store and Push Servers of its own, and a reference model to hold it to.
//!
//! Nothing of this waits, sleeps or opens a socket: a test says what happens and when. Apart from it, the feature `bus` has a message
//! bus of a test's own for the crates that speak D-Bus.

#[cfg(feature = "bus")]
mod bus;
mod clock;
mod model;

mod ports;
mod pushes;
mod servers;
mod store;
mod terminal;

#[cfg(feature = "bus")]
pub use bus::Bus;
pub use clock::Clock;
pub use model::{ANY, Announced, Model, ModelApplication, ModelProfile, ModelVerdict, Owed};

pub use ports::{Port, Ports, PortsAnswer};
pub use pushes::PushBuilder;
pub use servers::{Servers, ServersAnswer};
pub use store::{Store, StoreAnswer};
pub use terminal::{Collected, Terminal};
