//! Values that are names.

use push_client::sip::{AcceptFrom, OtherInstances};
use push_core::Ambiguous;
use serde::{Deserialize, Serialize};

/// The name of an [`AcceptFrom`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptFromName {
    /// The core.
    Core,
    /// Everybody.
    Anyone,
}

/// The name of an [`Ambiguous`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AmbiguousName {
    /// The push is refused.
    Refuse,
    /// The first gets it.
    First,
}

/// The name of an [`OtherInstances`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtherInstancesName {
    /// The push is refused.
    Refuse,
    /// The instance counts for nothing.
    Ignore,
}

impl From<AcceptFromName> for AcceptFrom {
    fn from(name: AcceptFromName) -> Self {
        match name {
            AcceptFromName::Core => Self::Core,
            AcceptFromName::Anyone => Self::Anyone,
        }
    }
}

impl From<AcceptFrom> for AcceptFromName {
    fn from(from: AcceptFrom) -> Self {
        match from {
            AcceptFrom::Core => Self::Core,
            AcceptFrom::Anyone => Self::Anyone,
        }
    }
}

impl From<AmbiguousName> for Ambiguous {
    fn from(name: AmbiguousName) -> Self {
        match name {
            AmbiguousName::Refuse => Self::Refuse,
            AmbiguousName::First => Self::First,
        }
    }
}

impl From<Ambiguous> for AmbiguousName {
    fn from(ambiguous: Ambiguous) -> Self {
        match ambiguous {
            Ambiguous::Refuse => Self::Refuse,
            Ambiguous::First => Self::First,
        }
    }
}

impl From<OtherInstancesName> for OtherInstances {
    fn from(name: OtherInstancesName) -> Self {
        match name {
            OtherInstancesName::Refuse => Self::Refuse,
            OtherInstancesName::Ignore => Self::Ignore,
        }
    }
}

impl From<OtherInstances> for OtherInstancesName {
    fn from(instances: OtherInstances) -> Self {
        match instances {
            OtherInstances::Refuse => Self::Refuse,
            OtherInstances::Ignore => Self::Ignore,
        }
    }
}
