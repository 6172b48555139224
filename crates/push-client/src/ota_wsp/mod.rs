//! OTA-WSP on real sockets: the ports that pushes without a session come to, and the sockets of sessions.

mod settings;

pub use settings::OtaWspSettings;
