//! Which registrations are not what they were: kept for applications that were away when it was said.

use std::collections::VecDeque;

use push_api::{Happening, Watched, WatchedRegistration};
use push_message::Owner;

/// What last became of registrations, until they are whole again, or their applications register or deregister.
#[derive(Debug)]
pub(crate) struct Changes {
    most: usize,
    known: VecDeque<Watched>,
}

impl Changes {
    /// Remembers so many; the oldest gives way.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            known: VecDeque::new(),
        }
    }

    /// Takes in a change of a registration ([`Happening::RegistrationChanged`]).
    pub(crate) fn note(&mut self, change: Watched) {
        let Happening::RegistrationChanged {
            registration,
            cause,
            ..
        } = &change.what
        else {
            return;
        };
        self.forget(registration);
        if cause == push_core::ChangeCause::Restored.as_str() {
            return;
        }
        if self.known.len() >= self.most {
            self.known.pop_front();
        }
        if self.most > 0 {
            self.known.push_back(change);
        }
    }

    /// The application registered anew, or went by its own will.
    pub(crate) fn forget(&mut self, application: &WatchedRegistration) {
        self.known.retain(|change| {
            registration_of(change).is_none_or(|known| !is_of_same(known, application))
        });
    }

    /// Those of an owner's registrations, the oldest first.
    pub(crate) fn of_owner(&self, owner: &Owner) -> Vec<Watched> {
        let known = self.known.iter();
        let own = known.filter(|change| {
            registration_of(change).is_some_and(|known| known.owner == owner.as_str())
        });
        own.cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

const fn registration_of(change: &Watched) -> Option<&WatchedRegistration> {
    if let Happening::RegistrationChanged { registration, .. } = &change.what {
        Some(registration)
    } else {
        None
    }
}

/// Whether two registrations are of the same application, one after the other.
fn is_of_same(one: &WatchedRegistration, other: &WatchedRegistration) -> bool {
    one.owner == other.owner
        && one.push_application_id == other.push_application_id
        && one.application_id == other.application_id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str, owner: &str, application: &str, cause: &str) -> Watched {
        Watched {
            time: 0,
            what: Happening::RegistrationChanged {
                registration: WatchedRegistration {
                    registration_id: id.to_owned(),
                    owner: owner.to_owned(),
                    push_application_id: application.to_owned(),
                    application_id: None,
                },
                cause: cause.to_owned(),
                detail: String::new(),
            },
        }
    }

    /// The ids and causes of what an owner is told.
    fn told(changes: &Changes, owner: &str) -> Vec<(String, String)> {
        let told = changes.of_owner(&Owner::proved(owner));
        let pair = |change: Watched| {
            let Happening::RegistrationChanged {
                registration,
                cause,
                ..
            } = change.what
            else {
                panic!("{change:?}");
            };
            (registration.registration_id, cause)
        };
        told.into_iter().map(pair).collect()
    }

    fn pair(id: &str, cause: &str) -> (String, String) {
        (id.to_owned(), cause.to_owned())
    }

    #[test]
    fn the_last_change_of_each_registration_is_kept_for_its_owner() {
        let mut changes = Changes::new(8);
        changes.note(change("1", "uid:1", "a", "invalidated"));
        changes.note(change("2", "uid:1", "b", "lost"));
        changes.note(change("3", "uid:2", "a", "lost"));
        changes.note(change("1", "uid:1", "a", "lost"));
        assert_eq!(
            told(&changes, "uid:1"),
            [pair("2", "lost"), pair("1", "lost")]
        );
        assert_eq!(told(&changes, "uid:2"), [pair("3", "lost")]);
        assert!(told(&changes, "uid:3").is_empty());
    }

    #[test]
    fn what_is_whole_again_or_begins_anew_is_forgotten() {
        let mut changes = Changes::new(8);
        changes.note(change("1", "uid:1", "a", "lost"));
        changes.note(change("2", "uid:1", "b", "revoked"));
        changes.note(change("1", "uid:1", "a", "restored"));
        assert_eq!(told(&changes, "uid:1"), [pair("2", "revoked")]);
        // The next registration of the same application has another id.
        let again = change("7", "uid:1", "b", "revoked");
        changes.forget(registration_of(&again).unwrap());
        assert!(changes.is_empty());
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut changes = Changes::new(2);
        for id in ["1", "2", "3"] {
            changes.note(change(id, "uid:1", id, "invalidated"));
        }
        let left = [pair("2", "invalidated"), pair("3", "invalidated")];
        assert_eq!(told(&changes, "uid:1"), left);
        let mut none = Changes::new(0);
        none.note(change("1", "uid:1", "a", "lost"));
        assert!(none.is_empty());
    }
}
