//! OTA-SIP on real sockets: SIP over UDP, TCP and TLS, and the connections of MSRP.

mod settings;

pub use settings::{OtaSipSettings, SipConnectionSettings};
