//! Push OTA over WSP (WAP-235 section 6).

pub mod connectionless;
pub mod rewritten;
pub mod session;
pub mod sessions;
