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

/// The user of an owner, and what it is beside its user: `unit:meter.service`, `flatpak:org.example.App`. `None` for one that is told
/// by a token.
pub(crate) fn user_of(owner: &Owner) -> Option<(u32, Option<&str>)> {
    let rest = owner.as_str().strip_prefix("uid:")?;
    let (uid, beside) = match rest.split_once('/') {
        Some((uid, beside)) => (uid, Some(beside)),
        None => (rest, None),
    };
    Some((uid.parse().ok()?, beside))
}

/// Whether what an owner is beside its user is a sandbox: it shares its user's number, but is kept from what is the user's.
pub(crate) fn is_sandbox(beside: &str) -> bool {
    !beside.starts_with("unit:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_owner_is_read_from_what_the_transport_proved() {
        let uid = |owner: &str| user_of(&Owner::proved(owner.to_owned())).map(|(uid, _)| uid);
        assert_eq!(uid("uid:1000"), Some(1000));
        assert_eq!(uid("uid:0/unit:meter.service"), Some(0));
        assert_eq!(uid("uid:7/flatpak:org.example.App"), Some(7));
        assert_eq!(uid("token:uid:7"), None);
        assert_eq!(uid("uid:x"), None);
    }
}
