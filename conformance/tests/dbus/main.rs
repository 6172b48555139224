//! Applications on D-Bus, on both message buses: dbus-daemon and dbus-broker.

mod buses;
mod compatibility;
mod sessions;
mod stage;
