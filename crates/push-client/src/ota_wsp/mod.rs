//! OTA-WSP on real sockets: the ports that pushes without a session come to, and the sockets of sessions.

mod settings;

pub use settings::OtaWspSettings;

/// The registered port of pushes without a session (WAP-259 appendix B).
pub(crate) const CONNECTIONLESS_PORT: u16 = 2948;
