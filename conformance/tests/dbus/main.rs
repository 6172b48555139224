//! Applications on D-Bus, on both message buses: dbus-daemon and dbus-broker.

mod buses;
mod client;
mod compatibility;
mod documented;
mod scenarios;
mod sessions;
mod stage;
mod system;
