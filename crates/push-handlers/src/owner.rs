//! Who an owner is, as far as the transport proved it.

use push_client::RegistrationRecord;
use push_message::{ApplicationId, Owner, PushApplicationId};

/// Who has a registration, whichever it is at present: registered again, an application has another registration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Registrant {
    pub(crate) owner: Owner,
    pub(crate) push_application_id: PushApplicationId,
    pub(crate) application_id: Option<ApplicationId>,
}

impl Registrant {
    pub(crate) fn of(record: &RegistrationRecord) -> Self {
        Self {
            owner: record.owner.clone(),
            push_application_id: record.push_application_id.clone(),
            application_id: record.application_id.clone(),
        }
    }
}

/// Whether what an owner is beside its user is a sandbox: it shares its user's number, but is kept from what is the user's.
pub(crate) fn is_sandbox(beside: &str) -> bool {
    !beside.starts_with("unit:")
}
