//! Applications that were made for other push daemons, called as those call them.

mod arguments;
mod scheme;
mod target;

pub use scheme::{PeerScheme, PeerSettings};
pub use target::{Agent, Consumer, Form, Side, Target};

pub(crate) use target::{CONSUMER_INTERFACE, CONSUMER_METHOD};
