//! The binding at the registrar, and what Push Sender Agents are told of it (Push-CAI 5.1, 5.2).

use std::collections::BTreeSet;

use push_message::{ApplicationId, PushApplicationId};

/// What the terminal takes over OTA-SIP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Announced {
    /// Every Push Application ID.
    pub(super) applications: BTreeSet<PushApplicationId>,
    /// Every application instance (IARI).
    pub(super) instances: BTreeSet<ApplicationId>,
    /// Every MIME type or range.
    pub(super) accept: BTreeSet<Box<str>>,
}
