//! The session service of WSP as a push terminal uses it (WSP 7.1, 8.2).

mod settings;

pub use settings::SessionSettings;
