//! Events by HTTP: webhooks and Unix sockets, with the built daemon and receivers of other people's making, or hostile ones.

mod documented;
mod durability;
mod hostile;
mod receiver;
mod refused;
mod stage;
mod tls;
