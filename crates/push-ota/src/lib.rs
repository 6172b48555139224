//! Push OTA protocol machines without I/O: octets of a bearer in, [`push_message::ReceivedPush`]es out.

pub mod http;
pub mod wsp;
