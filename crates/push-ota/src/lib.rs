//! Push OTA protocol machines without I/O: octets of a bearer in, [`push_message::ReceivedPush`]es out.

mod backoff;
#[cfg(any(test, feature = "check"))]
#[doc(hidden)]
pub mod check;

pub mod http;
pub mod msrp;
pub mod sia;
pub mod sip;
pub mod sms;
pub mod wsp;
pub mod wtp;

pub use backoff::Backoff;
