//! Short messages from a message centre by SMPP 3.4, as a receiver.
//!
//! The client binds as receiver and answers each short message with success once what came of it is durable; while it cannot
//! be, the centre is told to send it again. A connection that ends is opened again after a pause that doubles. rusmpp knows
//! the octets of the PDUs; which of them make sense here, and in which order, is decided in this module.

mod commands;
mod content;
mod frames;
mod link;
mod settings;
mod source;
#[cfg(test)]
mod tests;

pub use settings::{SmppSettings, SmppTls};
pub use source::{Smpp, SmppError};
