//! Values with names.

use push_client::sessions::Start;
use serde::{Deserialize, Serialize};

/// The name of a [`Start`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartName {
    /// A session is kept open.
    Always,
    /// A registration asks for one.
    Registration,
    /// The gateway asks for one.
    Request,
}

impl From<StartName> for Start {
    fn from(name: StartName) -> Self {
        match name {
            StartName::Always => Self::Always,
            StartName::Registration => Self::Registration,
            StartName::Request => Self::Request,
        }
    }
}
