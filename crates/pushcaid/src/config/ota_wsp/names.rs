//! Values with names.

use push_client::sessions::Start;
use push_client::wtp::Verification;
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

/// The name of a [`Verification`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationName {
    /// By the rules of WTP.
    Rules,
    /// Each time.
    Always,
    /// Never.
    Never,
}

impl From<VerificationName> for Verification {
    fn from(name: VerificationName) -> Self {
        match name {
            VerificationName::Rules => Self::Rules,
            VerificationName::Always => Self::Always,
            VerificationName::Never => Self::Never,
        }
    }
}

impl From<Verification> for VerificationName {
    fn from(verification: Verification) -> Self {
        match verification {
            Verification::Rules => Self::Rules,
            Verification::Always => Self::Always,
            Verification::Never => Self::Never,
        }
    }
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
